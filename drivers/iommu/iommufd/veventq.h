/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of a VIOMMU, from the driver's interrupt to the user.
 *
 * Each event has a sequence number, lost ones too. Where some were lost, a record
 * of its own says so, between the events that were not.
 */
#ifndef __IOMMUFD_VEVENTQ_H
#define __IOMMUFD_VEVENTQ_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "eventq.h"
#include "iommufd_private.h"

/* As large as the queue of an SMMUv3, the largest there is, can be */
#define IOMMUFD_VEVENTQ_MAX_DEPTH BIT(19)

/* A reader has one on its stack */
#define IOMMUFD_VEVENT_MAX_SIZE 64

/**
 * struct iommufd_vevent - an event in the ring
 * @sequence: its number
 * @after_loss: events right before it were lost, of which no reader knows yet
 * @event: as the driver reported it
 */
struct iommufd_vevent {
	u32 sequence;
	bool after_loss;
	u8 event[] __aligned(8);
};

/**
 * struct iommufd_vevent_ring - the events that nobody has read
 * @eventq: the file's side. Its lock, taken in interrupts, guards what changes.
 * @read_lock: one reader at a time; outside of the other lock
 * @item: in veventqs of the VIOMMU, read under RCU
 * @rcu: frees it
 * @type: of the events
 * @event_size: of each, in bytes
 * @vevent_size: of a struct iommufd_vevent with it
 * @depth: how many there is room for
 * @head: the oldest
 * @nr_events: how many there are
 * @next_sequence: number of the next event
 * @lost: events right before that one were lost, of which no reader knows yet
 * @nr_lost: all that were lost
 * @vevents: @depth of them, made by @vevent_size bytes each
 */
struct iommufd_vevent_ring {
	struct iommufd_eventq eventq;
	struct mutex read_lock; /* one reader at a time */
	struct list_head item;
	struct rcu_head rcu;
	u32 type;
	size_t event_size;
	size_t vevent_size;
	u32 depth;
	u32 head;
	u32 nr_events;
	u32 next_sequence;
	bool lost;
	u64 nr_lost;
	void *vevents;
};

static inline struct iommufd_vevent_ring *
to_vevent_ring(struct iommufd_eventq *eventq)
{
	return container_of(eventq, struct iommufd_vevent_ring, eventq);
}

/* The n-th of the ring, counted from its head */
static inline struct iommufd_vevent *
iommufd_vevent_at(struct iommufd_vevent_ring *ring, u32 n)
{
	size_t index = (size_t)ring->head + n;

	if (index >= ring->depth)
		index -= ring->depth;
	return ring->vevents + index * ring->vevent_size;
}

static inline u32 iommufd_vevent_next(u32 sequence)
{
	return sequence == INT_MAX ? 0 : sequence + 1;
}

static inline u32 iommufd_vevent_previous(u32 sequence)
{
	return sequence ? sequence - 1 : INT_MAX;
}

/**
 * struct iommufd_veventq - a VEVENTQ object
 * @obj: nothing links to it
 * @viommu: whose events it has, linked
 * @ring: referenced
 */
struct iommufd_veventq {
	struct iommufd_object obj;
	struct iommufd_viommu *viommu;
	struct iommufd_vevent_ring *ring;
};

/**
 * struct iommufd_veventq_usage - what a VEVENTQ holds, to be looked at
 * @viommu_id: of the VIOMMU
 * @type: of &struct iommufd_vevent_ring, as those below
 * @depth: the same
 * @nr_events: the same
 * @nr_lost: the same
 */
struct iommufd_veventq_usage {
	u32 viommu_id;
	u32 type;
	u32 depth;
	u32 nr_events;
	u64 nr_lost;
};

int iommufd_veventq_alloc_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_veventq_destroy(struct iommufd_ctx *ictx,
			     struct iommufd_object *obj);
void iommufd_veventq_measure(struct iommufd_object *obj,
			     struct iommufd_veventq_usage *usage);

#endif /* __IOMMUFD_VEVENTQ_H */
