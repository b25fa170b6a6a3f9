// SPDX-License-Identifier: GPL-2.0-only
/*
 * How IOMMU drivers report events of a VIOMMU. A driver can be built in where
 * iommufd is a module, so this is always built in.
 */
#include <linux/iommufd.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "veventq.h"

static struct iommufd_vevent_ring *find_ring(struct iommufd_viommu *viommu,
					     u32 type)
{
	struct iommufd_vevent_ring *ring;

	list_for_each_entry_rcu(ring, &viommu->veventqs, item) {
		if (ring->type == type)
			return ring;
	}
	return NULL;
}

/* Count an event that is lost; the reader is told of a gap */
static void ring_lose(struct iommufd_vevent_ring *ring)
{
	lockdep_assert_held(&ring->eventq.lock);

	ring->lost = true;
	ring->nr_lost++;
	ring->next_sequence = iommufd_vevent_next(ring->next_sequence);
}

/* Put it in, or only count it where there is no room */
static void ring_add(struct iommufd_vevent_ring *ring, const void *event)
{
	struct iommufd_vevent *vevent;

	lockdep_assert_held(&ring->eventq.lock);

	if (ring->nr_events == ring->depth) {
		ring_lose(ring);
		return;
	}
	vevent = iommufd_vevent_at(ring, ring->nr_events++);
	vevent->sequence = ring->next_sequence;
	vevent->after_loss = ring->lost;
	memcpy(vevent->event, event, ring->event_size);
	ring->lost = false;
	ring->next_sequence = iommufd_vevent_next(ring->next_sequence);
}

/**
 * iommufd_viommu_report_event - Tell a VM's owner of an event
 * @viommu: the VM's share of the IOMMU
 * @type: kind of the event, an enum iommu_veventq_type
 * @event: the event as the user gets it, with the VM's ids in the place of
 *	physical ones
 * @length: its length in bytes, that of the kind
 *
 * May be called in hard interrupts. The caller sees to it that the VIOMMU is
 * there until this returns: the driver lets go of it in the VIOMMU's destroy op
 * under a lock that it holds here, or waits there for its interrupt handlers.
 *
 * Return: 0, also where the event is lost since the user does not read, of which
 * the user is told; -EOPNOTSUPP where there is no queue for this kind of event;
 * -EINVAL for a length that is not the one of the kind.
 */
int iommufd_viommu_report_event(struct iommufd_viommu *viommu,
				enum iommu_veventq_type type, const void *event,
				size_t length)
{
	struct iommufd_vevent_ring *ring;
	unsigned long flags;
	int rc = 0;

	rcu_read_lock();
	ring = find_ring(viommu, type);
	if (!ring) {
		rc = -EOPNOTSUPP;
		goto out_unlock;
	}
	if (WARN_ON_ONCE(length != ring->event_size)) {
		rc = -EINVAL;
		goto out_unlock;
	}
	spin_lock_irqsave(&ring->eventq.lock, flags);
	/* Nobody will read it */
	if (!ring->eventq.closed)
		ring_add(ring, event);
	spin_unlock_irqrestore(&ring->eventq.lock, flags);
	iommufd_eventq_wake(&ring->eventq);
out_unlock:
	rcu_read_unlock();
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_viommu_report_event, IOMMUFD);

/**
 * iommufd_viommu_report_loss - Tell a VM's owner that there was an event
 * @viommu: the VM's share of the IOMMU
 * @type: kind of the event
 *
 * For an event that the driver has not seen, because the hardware had no room for
 * it, or that it does not report, because there are too many. The user sees one
 * gap for all that are lost in a row. Where there is no queue for such events this
 * does nothing.
 *
 * May be called as iommufd_viommu_report_event().
 */
void iommufd_viommu_report_loss(struct iommufd_viommu *viommu,
				enum iommu_veventq_type type)
{
	struct iommufd_vevent_ring *ring;
	bool first = false;
	unsigned long flags;

	rcu_read_lock();
	ring = find_ring(viommu, type);
	if (!ring)
		goto out_unlock;
	spin_lock_irqsave(&ring->eventq.lock, flags);
	if (!ring->eventq.closed) {
		first = !ring->lost;
		ring_lose(ring);
	}
	spin_unlock_irqrestore(&ring->eventq.lock, flags);
	if (first)
		iommufd_eventq_wake(&ring->eventq);
out_unlock:
	rcu_read_unlock();
}
EXPORT_SYMBOL_NS_GPL(iommufd_viommu_report_loss, IOMMUFD);
