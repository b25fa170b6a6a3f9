/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults of attached devices, from the IOMMU to the user and back.
 *
 * Requests of a group are collected in its attachment until the last has come.
 * The group then goes to the queue of the FAULT, gets a cookie when it is read,
 * and is answered: by the user, or as refused by whoever ends the attachment or
 * closes the file. Whoever takes it out of the queue answers it.
 */
#ifndef __IOMMUFD_FAULT_H
#define __IOMMUFD_FAULT_H

#include <linux/bitmap.h>
#include <linux/iommu-fault.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "eventq.h"
#include "iommufd_private.h"

struct mem_cgroup;

/* Requests that a queue holds, read or not: no device gets more of our memory */
#define IOMMUFD_FAULT_MAX_REQUESTS 1024

/* PCIe: a Page Request Group Index has 9 bits. Stalls have no groups of several. */
#define IOMMUFD_FAULT_MAX_GRPID 511

/**
 * struct iommufd_fault_queue - the groups that are not answered yet
 * @eventq: the file's side; its lock guards all but @respond_lock
 * @respond_lock: held from when a group is taken out until its device has the
 *	answer, so that the end of an attachment can wait for that
 * @unread: complete groups that nobody has read, by their item
 * @read: those read, each at its cookie modulo the size
 * @next_cookie: for the next group that is read
 * @nr_requests: in all groups, also those that are not complete
 * @nr_refused: groups refused at once since there was no room, here or in the IOMMU
 * @memcg: what the groups are charged to, that of whoever made the queue, or NULL
 */
struct iommufd_fault_queue {
	struct iommufd_eventq eventq;
	struct mutex respond_lock; /* until the device has its answer */
	struct list_head unread;
	struct iommufd_fault_group **read;
	u32 next_cookie;
	unsigned int nr_requests;
	u64 nr_refused;
	struct mem_cgroup *memcg;
};

static inline struct iommufd_fault_queue *
to_fault_queue(struct iommufd_eventq *eventq)
{
	return container_of(eventq, struct iommufd_fault_queue, eventq);
}

/**
 * struct iommufd_fault - a FAULT object
 * @obj: linked to by each HWPT whose faults it gets
 * @queue: referenced
 */
struct iommufd_fault {
	struct iommufd_object obj;
	struct iommufd_fault_queue *queue;
};

/**
 * struct iommufd_fault_attach - a device, or a PASID of it, attached to an HWPT
 *				 that has a FAULT
 * @target: told of the faults
 * @queue: where they go, referenced
 * @dev: the device
 * @dev_id: the id of its DEVICE object
 * @ctx: the number of its context, for tracepoints
 * @partial: groups whose last request has not come. Needs no lock: there is one
 *	report at a time, and the attachment ends after the last.
 * @groups: complete groups that are not answered, by their attach_item; guarded
 *	by the lock of @queue
 * @refused: groups that have had a request for which there was no room, by
 *	group index; used as @partial is
 * @lost: groups of which the hardware may have lost a request; the same
 */
struct iommufd_fault_attach {
	struct iommu_fault_target target;
	struct iommufd_fault_queue *queue;
	struct device *dev;
	u32 dev_id;
	u64 ctx;
	struct list_head partial;
	struct list_head groups;
	DECLARE_BITMAP(refused, IOMMUFD_FAULT_MAX_GRPID + 1);
	DECLARE_BITMAP(lost, IOMMUFD_FAULT_MAX_GRPID + 1);
};

/**
 * struct iommufd_fault_request - what the user is told of a page request
 * @item: in the group, in the order of arrival
 * @last: it is the last one
 * @perm: %IOMMU_FAULT_PERM_*
 * @addr: address
 */
struct iommufd_fault_request {
	struct list_head item;
	bool last;
	u32 perm;
	u64 addr;
};

/**
 * struct iommufd_fault_group - requests that are answered together
 * @refs: one for the place it is in, one for each reader that copies it
 * @attach: whose it is; valid while it is in a place
 * @dev_id: of the DEVICE
 * @item: in partial of @attach, or in unread of the queue, or empty
 * @attach_item: in groups of @attach once it is complete
 * @is_read: it is in read of the queue at @cookie
 * @cookie: as the user knows it
 * @losses: of the IOMMU when it began
 * @nr_requests: number of requests
 * @requests: the requests, constant once it is complete
 * @first: the first of them
 * @prm: what is answered: the last request once it is complete, any until then
 */
struct iommufd_fault_group {
	refcount_t refs;
	struct iommufd_fault_attach *attach;
	u32 dev_id;
	struct list_head item;
	struct list_head attach_item;
	bool is_read;
	u32 cookie;
	unsigned int losses;
	unsigned int nr_requests;
	struct list_head requests;
	struct iommufd_fault_request first;
	struct iommu_fault_page_request prm;
};

/**
 * struct iommufd_fault_usage - what a FAULT holds, to be looked at
 * @nr_requests: of &struct iommufd_fault_queue
 * @nr_refused: the same
 */
struct iommufd_fault_usage {
	unsigned int nr_requests;
	u64 nr_refused;
};

/* fault.c */
int iommufd_fault_alloc_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_fault_destroy(struct iommufd_ctx *ictx,
			   struct iommufd_object *obj);
int iommufd_hwpt_link_fault(struct iommufd_hwpt *hwpt, u32 fault_id);

static inline void iommufd_hwpt_unlink_fault(struct iommufd_hwpt *hwpt)
{
	if (hwpt->fault)
		iommufd_object_unlink(&hwpt->fault->obj);
	hwpt->fault = NULL;
}

void iommufd_fault_measure(struct iommufd_object *obj,
			   struct iommufd_fault_usage *usage);
void *iommufd_fault_queue_zalloc(struct iommufd_fault_queue *queue,
				 size_t size);
int iommufd_fault_queue_charge(struct iommufd_fault_queue *queue);
void iommufd_fault_queue_uncharge(struct iommufd_fault_queue *queue,
				  unsigned int nr_requests, bool refused);
int iommufd_fault_queue_add(struct iommufd_fault_queue *queue,
			    struct iommufd_fault_group *group);
void iommufd_fault_queue_refuse(struct iommufd_fault_queue *queue,
				struct iommufd_fault_attach *attach);
void iommufd_fault_group_put(struct iommufd_fault_group *group);

/* fault_attach.c */
int iommufd_fault_begin_move(struct iommufd_device *idev, ioasid_t pasid,
			     struct iommufd_hwpt *hwpt);
void iommufd_fault_end_move(struct iommufd_device *idev, ioasid_t pasid,
			    bool moved);

#endif /* __IOMMUFD_FAULT_H */
