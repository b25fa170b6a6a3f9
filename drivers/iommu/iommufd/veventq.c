// SPDX-License-Identifier: GPL-2.0-only
/*
 * VEVENTQ: the queue of a VIOMMU's events, its file, and the object.
 */
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "veventq.h"

/* For the lists of all VIOMMUs, which seldom change */
static DEFINE_SPINLOCK(veventqs_lock);

/* ---- The file ---- */

static bool veventq_ready(struct iommufd_eventq *eventq)
{
	struct iommufd_vevent_ring *ring = to_vevent_ring(eventq);

	return ring->nr_events || ring->lost;
}

/**
 * struct vevent_copy - what a reader is about to give to the user
 * @header: of the event, or of the record that some were lost
 * @event: the event, unless some were lost
 */
struct vevent_copy {
	struct iommufd_vevent_header header;
	u8 event[IOMMUFD_VEVENT_MAX_SIZE];
};

/* Copy what is read next, and leave it there; returns its length, 0 if nothing */
static size_t ring_peek(struct iommufd_vevent_ring *ring,
			struct vevent_copy *copy)
{
	struct iommufd_vevent *vevent;
	size_t length = 0;
	u32 sequence;
	bool lost;

	spin_lock_irq(&ring->eventq.lock);
	vevent = iommufd_vevent_at(ring, 0);
	lost = ring->nr_events ? vevent->after_loss : ring->lost;
	sequence = ring->nr_events ? vevent->sequence : ring->next_sequence;
	copy->header.flags = lost ? IOMMU_VEVENTQ_FLAG_LOST_EVENTS : 0;
	if (lost) {
		copy->header.sequence = iommufd_vevent_previous(sequence);
		length = sizeof(copy->header);
	} else if (ring->nr_events) {
		copy->header.sequence = sequence;
		memcpy(copy->event, vevent->event, ring->event_size);
		length = sizeof(copy->header) + ring->event_size;
	}
	spin_unlock_irq(&ring->eventq.lock);
	return length;
}

/*
 * Remove what ring_peek() copied, for the user has it. If more events have been
 * lost meanwhile, the record of the loss that was read is incomplete: it stays.
 */
static void ring_pop(struct iommufd_vevent_ring *ring,
		     const struct vevent_copy *copy)
{
	struct iommufd_vevent *vevent;
	u32 sequence;

	spin_lock_irq(&ring->eventq.lock);
	vevent = iommufd_vevent_at(ring, 0);
	if (!(copy->header.flags & IOMMU_VEVENTQ_FLAG_LOST_EVENTS)) {
		ring->nr_events--;
		ring->head = ring->head + 1 == ring->depth ? 0 : ring->head + 1;
		goto out_unlock;
	}
	sequence = ring->nr_events ? vevent->sequence : ring->next_sequence;
	if (copy->header.sequence != iommufd_vevent_previous(sequence))
		goto out_unlock;
	if (ring->nr_events)
		vevent->after_loss = false;
	else
		ring->lost = false;
out_unlock:
	spin_unlock_irq(&ring->eventq.lock);
}

static ssize_t ring_read(struct iommufd_vevent_ring *ring, char __user *buf,
			 size_t count)
{
	struct vevent_copy copy;
	size_t done = 0, length;

	lockdep_assert_held(&ring->read_lock);

	while ((length = ring_peek(ring, &copy))) {
		if (length > count - done)
			return done ?: -EINVAL;
		if (copy_to_user(buf + done, &copy, length))
			return done ?: -EFAULT;
		ring_pop(ring, &copy);
		done += length;
	}
	return done ?: -EAGAIN;
}

static ssize_t veventq_read(struct iommufd_eventq *eventq, char __user *buf,
			    size_t count)
{
	struct iommufd_vevent_ring *ring = to_vevent_ring(eventq);
	ssize_t rc;

	/* No record is shorter, whether there is one or not */
	if (count < sizeof(struct iommufd_vevent_header))
		return -EINVAL;
	/* Another reader may be waiting for its memory */
	rc = mutex_lock_interruptible(&ring->read_lock);
	if (rc)
		return rc;
	rc = ring_read(ring, buf, count);
	mutex_unlock(&ring->read_lock);
	return rc;
}

static void ring_free_rcu(struct rcu_head *rcu)
{
	struct iommufd_vevent_ring *ring =
		container_of(rcu, struct iommufd_vevent_ring, rcu);

	kvfree(ring->vevents);
	kfree(ring);
}

/* An interrupt may have found it before it was taken out of the list */
static void veventq_free(struct iommufd_eventq *eventq)
{
	struct iommufd_vevent_ring *ring = to_vevent_ring(eventq);

	mutex_destroy(&ring->read_lock);
	call_rcu(&ring->rcu, ring_free_rcu);
}

static const struct iommufd_eventq_ops veventq_eventq_ops = {
	.name = "[iommufd-viommu-event]",
	.flags = O_RDONLY,
	.ready = veventq_ready,
	.read = veventq_read,
	.free = veventq_free,
};

/* ---- The object ---- */

static struct iommufd_veventq *to_veventq(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_veventq, obj);
}

void iommufd_veventq_destroy(struct iommufd_ctx *ictx,
			     struct iommufd_object *obj)
{
	struct iommufd_veventq *veventq = to_veventq(obj);

	if (veventq->ring) {
		spin_lock(&veventqs_lock);
		if (!list_empty(&veventq->ring->item))
			list_del_rcu(&veventq->ring->item);
		spin_unlock(&veventqs_lock);
		iommufd_eventq_end(&veventq->ring->eventq);
	}
	iommufd_object_unlink(&veventq->viommu->obj);
}

void iommufd_veventq_measure(struct iommufd_object *obj,
			     struct iommufd_veventq_usage *usage)
{
	struct iommufd_veventq *veventq = to_veventq(obj);
	struct iommufd_vevent_ring *ring = veventq->ring;

	usage->viommu_id = veventq->viommu->obj.id;
	usage->type = ring->type;
	usage->depth = ring->depth;
	spin_lock_irq(&ring->eventq.lock);
	usage->nr_events = ring->nr_events;
	usage->nr_lost = ring->nr_lost;
	spin_unlock_irq(&ring->eventq.lock);
}

static struct iommufd_vevent_ring *ring_alloc(u32 type, u32 depth,
					      size_t event_size)
{
	struct iommufd_vevent_ring *ring;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return NULL;
	ring->type = type;
	ring->depth = depth;
	ring->event_size = event_size;
	ring->vevent_size = ALIGN(sizeof(struct iommufd_vevent) + event_size,
				  __alignof__(struct iommufd_vevent));
	/* All of it now, for an interrupt has nobody to charge it to */
	ring->vevents = kvcalloc(depth, ring->vevent_size, GFP_KERNEL_ACCOUNT);
	if (!ring->vevents) {
		kfree(ring);
		return NULL;
	}
	INIT_LIST_HEAD(&ring->item);
	mutex_init(&ring->read_lock);
	iommufd_eventq_init(&ring->eventq, &veventq_eventq_ops);
	return ring;
}

/* From now on it gets events */
static int ring_join(struct iommufd_vevent_ring *ring,
		     struct iommufd_viommu *viommu)
{
	struct iommufd_vevent_ring *other;
	int rc = 0;

	spin_lock(&veventqs_lock);
	list_for_each_entry(other, &viommu->veventqs, item) {
		if (other->type == ring->type) {
			rc = -EEXIST;
			goto out_unlock;
		}
	}
	list_add_tail_rcu(&ring->item, &viommu->veventqs);
out_unlock:
	spin_unlock(&veventqs_lock);
	return rc;
}

/* Make a VEVENTQ. It is not published yet. */
static struct iommufd_veventq *
veventq_build(struct iommufd_viommu *viommu, u32 type, u32 depth)
{
	const struct iommufd_viommu_ops *ops = viommu->ops;
	struct iommufd_veventq *veventq;
	size_t event_size = 0;
	int rc = -ENOMEM;

	if (ops->get_vevent_size)
		event_size = ops->get_vevent_size(viommu, type);
	if (!event_size || WARN_ON(event_size > IOMMUFD_VEVENT_MAX_SIZE))
		return ERR_PTR(-EOPNOTSUPP);

	veventq = iommufd_object_alloc(viommu->ictx, sizeof(*veventq),
				       IOMMUFD_OBJ_VEVENTQ);
	if (IS_ERR(veventq))
		return veventq;
	veventq->viommu = viommu;
	iommufd_object_link(&viommu->obj);
	veventq->ring = ring_alloc(type, depth, event_size);
	if (veventq->ring)
		rc = ring_join(veventq->ring, viommu);
	if (rc) {
		iommufd_object_abort(viommu->ictx, &veventq->obj);
		return ERR_PTR(rc);
	}
	return veventq;
}

static struct iommufd_veventq *
veventq_build_by_id(struct iommufd_ctx *ictx,
		    const struct iommu_veventq_alloc *cmd)
{
	struct iommufd_veventq *veventq;
	struct iommufd_viommu *viommu;

	if (cmd->flags || cmd->__reserved ||
	    cmd->type == IOMMU_VEVENTQ_TYPE_DEFAULT)
		return ERR_PTR(-EOPNOTSUPP);
	if (!cmd->veventq_depth ||
	    cmd->veventq_depth > IOMMUFD_VEVENTQ_MAX_DEPTH)
		return ERR_PTR(-EINVAL);

	viommu = iommufd_get_viommu(ictx, cmd->viommu_id);
	if (IS_ERR(viommu))
		return ERR_CAST(viommu);
	veventq = veventq_build(viommu, cmd->type, cmd->veventq_depth);
	iommufd_object_put(ictx, &viommu->obj);
	return veventq;
}

int iommufd_veventq_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct iommufd_veventq *veventq;

	veventq = veventq_build_by_id(ucmd->ictx, cmd);
	if (IS_ERR(veventq))
		return PTR_ERR(veventq);
	return iommufd_eventq_give(ucmd, &veventq->obj, &veventq->ring->eventq,
				   &cmd->out_veventq_id, &cmd->out_veventq_fd,
				   sizeof(*cmd));
}
