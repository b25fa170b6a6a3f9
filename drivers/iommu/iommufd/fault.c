// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULT: the queue of page faults, its file, and the object that names it.
 */
#include <linux/fs.h>
#include <linux/iommu-fault.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fault.h"
#include "trace.h"

/* The user's numbers are the kernel's */
static_assert((u32)IOMMU_PGFAULT_PERM_READ == IOMMU_FAULT_PERM_READ);
static_assert((u32)IOMMU_PGFAULT_PERM_WRITE == IOMMU_FAULT_PERM_WRITE);
static_assert((u32)IOMMU_PGFAULT_PERM_EXEC == IOMMU_FAULT_PERM_EXEC);
static_assert((u32)IOMMU_PGFAULT_PERM_PRIV == IOMMU_FAULT_PERM_PRIV);
static_assert((u32)IOMMUFD_PAGE_RESP_SUCCESS == (u32)IOMMU_PAGE_RESP_SUCCESS);
static_assert((u32)IOMMUFD_PAGE_RESP_INVALID == (u32)IOMMU_PAGE_RESP_INVALID);

void iommufd_fault_group_put(struct iommufd_fault_group *group)
{
	struct iommufd_fault_request *request, *next;

	if (!refcount_dec_and_test(&group->refs))
		return;
	list_for_each_entry_safe(request, next, &group->requests, item) {
		if (request != &group->first)
			kfree(request);
	}
	kfree(group);
}

/*
 * Memory for what waits in the queue, charged to whoever made the queue. The
 * caller is a thread of the IOMMU driver's that serves other devices as well, so
 * it does not try for long where the limit is reached.
 */
void *iommufd_fault_queue_zalloc(struct iommufd_fault_queue *queue, size_t size)
{
	struct mem_cgroup *memcg = set_active_memcg(queue->memcg);
	void *memory;

	memory = kzalloc(size,
			 GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN);
	set_active_memcg(memcg);
	return memory;
}

/* Room for one more request? Whoever gets it adds the request, or gives it back */
int iommufd_fault_queue_charge(struct iommufd_fault_queue *queue)
{
	int rc = 0;

	spin_lock_irq(&queue->eventq.lock);
	if (queue->eventq.closed ||
	    queue->nr_requests == IOMMUFD_FAULT_MAX_REQUESTS)
		rc = -ENOSPC;
	else
		queue->nr_requests++;
	spin_unlock_irq(&queue->eventq.lock);
	return rc;
}

void iommufd_fault_queue_uncharge(struct iommufd_fault_queue *queue,
				  unsigned int nr_requests, bool refused)
{
	spin_lock_irq(&queue->eventq.lock);
	queue->nr_requests -= nr_requests;
	queue->nr_refused += refused;
	spin_unlock_irq(&queue->eventq.lock);
}

/* Queue a complete group; all its requests but the last are charged already */
int iommufd_fault_queue_add(struct iommufd_fault_queue *queue,
			    struct iommufd_fault_group *group)
{
	int rc = 0;

	spin_lock_irq(&queue->eventq.lock);
	if (queue->eventq.closed ||
	    queue->nr_requests == IOMMUFD_FAULT_MAX_REQUESTS) {
		rc = -ENOSPC;
	} else {
		queue->nr_requests++;
		list_add_tail(&group->item, &queue->unread);
		list_add_tail(&group->attach_item, &group->attach->groups);
	}
	/* Once it is unlocked the group can be answered, and gone */
	trace_iommufd_fault(group, rc);
	spin_unlock_irq(&queue->eventq.lock);
	if (!rc)
		iommufd_eventq_wake(&queue->eventq);
	return rc;
}

static void queue_remove(struct iommufd_fault_queue *queue,
			 struct iommufd_fault_group *group)
{
	lockdep_assert_held(&queue->eventq.lock);

	if (group->is_read)
		queue->read[group->cookie % IOMMUFD_FAULT_MAX_REQUESTS] = NULL;
	group->is_read = false;
	list_del_init(&group->item);
	list_del(&group->attach_item);
	queue->nr_requests -= group->nr_requests;
}

/* Answer a group that has been taken out, and let it go */
static void group_respond(struct iommufd_fault_queue *queue,
			  struct iommufd_fault_group *group,
			  enum iommu_page_response_code code)
{
	lockdep_assert_held(&queue->respond_lock);

	trace_iommufd_fault_response(group, code);
	/* If the driver cannot answer, the device is not waiting either */
	iommu_fault_respond(group->attach->dev, &group->prm, code);
	iommufd_fault_group_put(group);
}

/* Any group, for a queue that nobody reads any more; slow */
static struct iommufd_fault_group *
queue_first(struct iommufd_fault_queue *queue)
{
	unsigned int i;

	lockdep_assert_held(&queue->eventq.lock);

	if (!list_empty(&queue->unread))
		return list_first_entry(&queue->unread,
					struct iommufd_fault_group, item);
	for (i = 0; i < IOMMUFD_FAULT_MAX_REQUESTS; i++) {
		if (queue->read[i])
			return queue->read[i];
	}
	return NULL;
}

/* Refuse all groups of an attachment, or of all where that is NULL */
void iommufd_fault_queue_refuse(struct iommufd_fault_queue *queue,
				struct iommufd_fault_attach *attach)
{
	struct iommufd_fault_group *group;

	mutex_lock(&queue->respond_lock);
	for (;;) {
		spin_lock_irq(&queue->eventq.lock);
		if (attach)
			group = list_first_entry_or_null(&attach->groups,
							 struct iommufd_fault_group,
							 attach_item);
		else
			group = queue_first(queue);
		if (group)
			queue_remove(queue, group);
		spin_unlock_irq(&queue->eventq.lock);
		if (!group)
			break;
		group_respond(queue, group, IOMMU_PAGE_RESP_INVALID);
	}
	mutex_unlock(&queue->respond_lock);
}

/* ---- The file ---- */

static bool fault_ready(struct iommufd_eventq *eventq)
{
	return !list_empty(&to_fault_queue(eventq)->unread);
}

/* There is a free place, for there is one for each request */
static void queue_give_cookie(struct iommufd_fault_queue *queue,
			      struct iommufd_fault_group *group)
{
	struct iommufd_fault_group **place;

	lockdep_assert_held(&queue->eventq.lock);

	do {
		group->cookie = queue->next_cookie++;
		place = &queue->read[group->cookie % IOMMUFD_FAULT_MAX_REQUESTS];
	} while (*place);
	*place = group;
	group->is_read = true;
}

/*
 * Take the next group to read it, with a reference: before it is copied others
 * can refuse it, and a user who guesses its cookie can even answer it.
 */
static struct iommufd_fault_group *
queue_read_begin(struct iommufd_fault_queue *queue, size_t room)
{
	struct iommufd_fault_group *group;

	spin_lock_irq(&queue->eventq.lock);
	group = list_first_entry_or_null(&queue->unread,
					 struct iommufd_fault_group, item);
	if (!group) {
		group = ERR_PTR(-EAGAIN);
	} else if (group->nr_requests > room) {
		group = ERR_PTR(-EINVAL);
	} else {
		list_del_init(&group->item);
		queue_give_cookie(queue, group);
		refcount_inc(&group->refs);
	}
	spin_unlock_irq(&queue->eventq.lock);
	return group;
}

/* It could not be copied: leave it to the next reader, if it is still there */
static void queue_read_undo(struct iommufd_fault_queue *queue,
			    struct iommufd_fault_group *group)
{
	spin_lock_irq(&queue->eventq.lock);
	if (group->is_read) {
		queue->read[group->cookie % IOMMUFD_FAULT_MAX_REQUESTS] = NULL;
		group->is_read = false;
		list_add(&group->item, &queue->unread);
	}
	spin_unlock_irq(&queue->eventq.lock);
	iommufd_eventq_wake(&queue->eventq);
}

static int group_copy(const struct iommufd_fault_group *group,
		      struct iommu_hwpt_pgfault __user *buf)
{
	struct iommu_hwpt_pgfault fault = {
		.dev_id = group->dev_id,
		.grpid = group->prm.grpid,
		.cookie = group->cookie,
	};
	const struct iommufd_fault_request *request;

	if (group->prm.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) {
		fault.flags = IOMMU_PGFAULT_FLAGS_PASID_VALID;
		fault.pasid = group->prm.pasid;
	}
	list_for_each_entry(request, &group->requests, item) {
		if (request->last)
			fault.flags |= IOMMU_PGFAULT_FLAGS_LAST_PAGE;
		fault.perm = request->perm;
		fault.addr = request->addr;
		if (copy_to_user(buf++, &fault, sizeof(fault)))
			return -EFAULT;
	}
	return 0;
}

static ssize_t fault_read(struct iommufd_eventq *eventq, char __user *buf,
			  size_t count)
{
	const size_t size = sizeof(struct iommu_hwpt_pgfault);
	struct iommufd_fault_queue *queue = to_fault_queue(eventq);
	struct iommufd_fault_group *group;
	size_t done = 0;
	int rc = 0;

	if (count % size)
		return -EINVAL;
	while (done < count) {
		group = queue_read_begin(queue, (count - done) / size);
		if (IS_ERR(group)) {
			rc = PTR_ERR(group);
			break;
		}
		rc = group_copy(group, (void __user *)(buf + done));
		if (rc)
			queue_read_undo(queue, group);
		else
			done += group->nr_requests * size;
		iommufd_fault_group_put(group);
		if (rc)
			break;
	}
	return done ?: rc;
}

static int queue_respond(struct iommufd_fault_queue *queue,
			 const struct iommu_hwpt_page_response *response)
{
	struct iommufd_fault_group *group;

	if (response->code != IOMMUFD_PAGE_RESP_SUCCESS &&
	    response->code != IOMMUFD_PAGE_RESP_INVALID)
		return -EINVAL;

	mutex_lock(&queue->respond_lock);
	spin_lock_irq(&queue->eventq.lock);
	group = queue->read[response->cookie % IOMMUFD_FAULT_MAX_REQUESTS];
	if (group && group->cookie == response->cookie)
		queue_remove(queue, group);
	else
		group = NULL;
	spin_unlock_irq(&queue->eventq.lock);
	if (group)
		group_respond(queue, group,
			      (enum iommu_page_response_code)response->code);
	mutex_unlock(&queue->respond_lock);
	return group ? 0 : -EINVAL;
}

static ssize_t fault_write(struct iommufd_eventq *eventq,
			   const char __user *buf, size_t count)
{
	struct iommufd_fault_queue *queue = to_fault_queue(eventq);
	struct iommu_hwpt_page_response response;
	size_t done = 0;
	int rc = 0;

	if (count % sizeof(response))
		return -EINVAL;
	while (done < count) {
		if (copy_from_user(&response, buf + done, sizeof(response)))
			rc = -EFAULT;
		else
			rc = queue_respond(queue, &response);
		if (rc)
			break;
		done += sizeof(response);
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return done ?: rc;
}

/* Nobody can answer now. What comes later is refused as it comes. */
static void fault_release(struct iommufd_eventq *eventq)
{
	iommufd_fault_queue_refuse(to_fault_queue(eventq), NULL);
}

static void fault_free(struct iommufd_eventq *eventq)
{
	struct iommufd_fault_queue *queue = to_fault_queue(eventq);

	WARN_ON(queue->nr_requests || !list_empty(&queue->unread));
	mutex_destroy(&queue->respond_lock);
	mem_cgroup_put(queue->memcg);
	kvfree(queue->read);
	kfree(queue);
}

static const struct iommufd_eventq_ops fault_eventq_ops = {
	.name = "[iommufd-fault]",
	.flags = O_RDWR,
	.ready = fault_ready,
	.read = fault_read,
	.write = fault_write,
	.release = fault_release,
	.free = fault_free,
};

/* ---- The object ---- */

static struct iommufd_fault *to_fault(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_fault, obj);
}

void iommufd_fault_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_fault *fault = to_fault(obj);

	if (fault->queue)
		iommufd_eventq_end(&fault->queue->eventq);
}

/* Send faults of what is attached to the HWPT, not published yet, to a FAULT */
int iommufd_hwpt_link_fault(struct iommufd_hwpt *hwpt, u32 fault_id)
{
	struct iommufd_object *obj;

	obj = iommufd_object_get(hwpt->ictx, fault_id, IOMMUFD_OBJ_FAULT);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	iommufd_object_link(obj);
	hwpt->fault = to_fault(obj);
	iommufd_object_put(hwpt->ictx, obj);
	return 0;
}

void iommufd_fault_measure(struct iommufd_object *obj,
			   struct iommufd_fault_usage *usage)
{
	struct iommufd_fault_queue *queue = to_fault(obj)->queue;

	spin_lock_irq(&queue->eventq.lock);
	usage->nr_requests = queue->nr_requests;
	usage->nr_refused = queue->nr_refused;
	spin_unlock_irq(&queue->eventq.lock);
}

static struct iommufd_fault_queue *fault_queue_alloc(void)
{
	struct iommufd_fault_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return NULL;
	queue->read = kvcalloc(IOMMUFD_FAULT_MAX_REQUESTS,
			       sizeof(*queue->read), GFP_KERNEL_ACCOUNT);
	if (!queue->read) {
		kfree(queue);
		return NULL;
	}
	queue->memcg = get_mem_cgroup_from_mm(current->mm);
	iommufd_eventq_init(&queue->eventq, &fault_eventq_ops);
	mutex_init(&queue->respond_lock);
	INIT_LIST_HEAD(&queue->unread);
	return queue;
}

static struct iommufd_fault *fault_alloc(struct iommufd_ctx *ictx)
{
	struct iommufd_fault *fault;

	fault = iommufd_object_alloc(ictx, sizeof(*fault), IOMMUFD_OBJ_FAULT);
	if (IS_ERR(fault))
		return fault;
	fault->queue = fault_queue_alloc();
	if (!fault->queue) {
		iommufd_object_abort(ictx, &fault->obj);
		return ERR_PTR(-ENOMEM);
	}
	return fault;
}

int iommufd_fault_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_fault_alloc *cmd = ucmd->cmd;
	struct iommufd_fault *fault;

	if (cmd->flags)
		return -EOPNOTSUPP;

	fault = fault_alloc(ucmd->ictx);
	if (IS_ERR(fault))
		return PTR_ERR(fault);
	return iommufd_eventq_give(ucmd, &fault->obj, &fault->queue->eventq,
				   &cmd->out_fault_id, &cmd->out_fault_fd,
				   sizeof(*cmd));
}
