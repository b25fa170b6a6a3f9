// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of events: reading, waiting, and the end of either side.
 *
 * The object that an id names and the file have the queue in common. Destroying
 * the one or closing the other does not wait for the one that is left.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>

#include "eventq.h"
#include "iommufd_private.h"

void iommufd_eventq_init(struct iommufd_eventq *eventq,
			 const struct iommufd_eventq_ops *ops)
{
	eventq->ops = ops;
	refcount_set(&eventq->refs, 1);
	spin_lock_init(&eventq->lock);
	init_waitqueue_head(&eventq->wait);
}

void iommufd_eventq_put(struct iommufd_eventq *eventq)
{
	if (refcount_dec_and_test(&eventq->refs))
		eventq->ops->free(eventq);
}

/* The object is destroyed, and gives up its reference */
void iommufd_eventq_end(struct iommufd_eventq *eventq)
{
	spin_lock_irq(&eventq->lock);
	eventq->ended = true;
	spin_unlock_irq(&eventq->lock);
	wake_up_interruptible_poll(&eventq->wait,
				   EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	iommufd_eventq_put(eventq);
}

static bool eventq_ready(struct iommufd_eventq *eventq, bool *ended)
{
	bool ready;

	spin_lock_irq(&eventq->lock);
	ready = eventq->ops->ready(eventq);
	*ended = eventq->ended;
	spin_unlock_irq(&eventq->lock);
	return ready;
}

static ssize_t eventq_fops_read(struct file *file, char __user *buf,
				size_t count, loff_t *ppos)
{
	struct iommufd_eventq *eventq = file->private_data;
	bool ended;
	ssize_t rc;

	for (;;) {
		/* Before the read, which then finds all that came before the end */
		ended = READ_ONCE(eventq->ended);
		rc = eventq->ops->read(eventq, buf, count);
		if (rc != -EAGAIN)
			return rc;
		if (ended)
			return 0;
		if (file->f_flags & O_NONBLOCK)
			return rc;
		rc = wait_event_interruptible(eventq->wait,
					      eventq_ready(eventq, &ended) ||
					      ended);
		if (rc)
			return rc;
	}
}

static ssize_t eventq_fops_write(struct file *file, const char __user *buf,
				 size_t count, loff_t *ppos)
{
	struct iommufd_eventq *eventq = file->private_data;

	if (!eventq->ops->write)
		return -EBADF;
	return eventq->ops->write(eventq, buf, count);
}

static __poll_t eventq_fops_poll(struct file *file, poll_table *wait)
{
	struct iommufd_eventq *eventq = file->private_data;
	__poll_t events = 0;
	bool ended;

	poll_wait(file, &eventq->wait, wait);
	if (eventq_ready(eventq, &ended))
		events |= EPOLLIN | EPOLLRDNORM;
	if (eventq->ops->write)
		events |= EPOLLOUT | EPOLLWRNORM;
	if (ended)
		events |= EPOLLHUP;
	return events;
}

static int eventq_fops_release(struct inode *inode, struct file *file)
{
	struct iommufd_eventq *eventq = file->private_data;

	spin_lock_irq(&eventq->lock);
	eventq->closed = true;
	spin_unlock_irq(&eventq->lock);
	if (eventq->ops->release)
		eventq->ops->release(eventq);
	iommufd_eventq_put(eventq);
	return 0;
}

static const struct file_operations eventq_fops = {
	.owner = THIS_MODULE,
	.read = eventq_fops_read,
	.write = eventq_fops_write,
	.poll = eventq_fops_poll,
	.release = eventq_fops_release,
	.llseek = no_llseek,
};

/*
 * Make the file. Returns a file descriptor that the caller gives to the user by
 * fd_install(), or takes back by put_unused_fd() and fput().
 */
static int eventq_open(struct iommufd_eventq *eventq, struct file **filep)
{
	struct file *file;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = anon_inode_getfile(eventq->ops->name, &eventq_fops, eventq,
				  eventq->ops->flags);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	/* It has no file position */
	stream_open(file_inode(file), file);
	iommufd_eventq_get(eventq);
	*filep = file;
	return fd;
}

/*
 * Publish the object, and give the user its id and its file in the ioctl's struct.
 * On error the object is gone.
 */
int iommufd_eventq_give(struct iommufd_ucmd *ucmd, struct iommufd_object *obj,
			struct iommufd_eventq *eventq, u32 *out_id,
			u32 *out_fd, size_t size)
{
	struct file *file;
	int fd, rc;

	fd = eventq_open(eventq, &file);
	if (fd < 0) {
		rc = fd;
		goto out_abort;
	}
	*out_id = obj->id;
	*out_fd = fd;
	rc = iommufd_ucmd_respond(ucmd, size);
	if (rc)
		goto out_file;

	iommufd_object_publish(ucmd->ictx, obj);
	fd_install(fd, file);
	return 0;

out_file:
	put_unused_fd(fd);
	fput(file);
out_abort:
	iommufd_object_abort(ucmd->ictx, obj);
	return rc;
}
