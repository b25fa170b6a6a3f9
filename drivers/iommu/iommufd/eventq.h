/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files from which a user reads what devices and IOMMUs have to tell: page
 * faults of a FAULT, events of a VEVENTQ.
 */
#ifndef __IOMMUFD_EVENTQ_H
#define __IOMMUFD_EVENTQ_H

#include <linux/poll.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct file;
struct iommufd_eventq;
struct iommufd_object;
struct iommufd_ucmd;

/**
 * struct iommufd_eventq_ops - what the kinds do differently
 * @name: of the file
 * @flags: how it is opened
 * @ready: is there something to read? Called with @lock held.
 * @read: read what is there; -EAGAIN where there is nothing
 * @write: NULL for a file that is only read
 * @release: nobody can read any more, for the file is closed; or NULL
 * @free: nobody refers to the queue
 */
struct iommufd_eventq_ops {
	const char *name;
	int flags;
	bool (*ready)(struct iommufd_eventq *eventq);
	ssize_t (*read)(struct iommufd_eventq *eventq, char __user *buf,
			size_t count);
	ssize_t (*write)(struct iommufd_eventq *eventq, const char __user *buf,
			 size_t count);
	void (*release)(struct iommufd_eventq *eventq);
	void (*free)(struct iommufd_eventq *eventq);
};

/**
 * struct iommufd_eventq - what a file of events is read from
 * @ops: of its kind
 * @refs: one for the object, one for the file, each of which can go first; and
 *	one for each that fills it
 * @lock: guards the content and what is below. Taken in interrupts.
 * @closed: the file is closed: nobody reads
 * @ended: the object is destroyed: nothing more comes
 * @wait: readers
 */
struct iommufd_eventq {
	const struct iommufd_eventq_ops *ops;
	refcount_t refs;
	spinlock_t lock; /* guards the content */
	bool closed;
	bool ended;
	wait_queue_head_t wait;
};

void iommufd_eventq_init(struct iommufd_eventq *eventq,
			 const struct iommufd_eventq_ops *ops);
void iommufd_eventq_put(struct iommufd_eventq *eventq);
int iommufd_eventq_give(struct iommufd_ucmd *ucmd, struct iommufd_object *obj,
			struct iommufd_eventq *eventq, u32 *out_id,
			u32 *out_fd, size_t size);
void iommufd_eventq_end(struct iommufd_eventq *eventq);

/* After something was put in, and its lock given up; from any context */
static inline void iommufd_eventq_wake(struct iommufd_eventq *eventq)
{
	if (wq_has_sleeper(&eventq->wait))
		wake_up_interruptible_poll(&eventq->wait,
					   EPOLLIN | EPOLLRDNORM);
}

static inline void iommufd_eventq_get(struct iommufd_eventq *eventq)
{
	refcount_inc(&eventq->refs);
}

#endif /* __IOMMUFD_EVENTQ_H */
