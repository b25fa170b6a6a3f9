// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults of one attachment: how they come in, and what becomes of them when
 * the device moves to another page table.
 */
#include <linux/iommu.h>
#include <linux/iommu-fault.h>
#include <linux/slab.h>

#include "fault.h"

/* ---- Reports ---- */

static bool same_group(const struct iommu_fault_page_request *a,
		       const struct iommu_fault_page_request *b)
{
	const u32 valid = IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;

	if (a->grpid != b->grpid || (a->flags ^ b->flags) & valid)
		return false;
	return !(a->flags & valid) || a->pasid == b->pasid;
}

static struct iommufd_fault_group *
find_partial(struct iommufd_fault_attach *attach,
	     const struct iommu_fault_page_request *prm)
{
	struct iommufd_fault_group *group;

	list_for_each_entry(group, &attach->partial, item) {
		if (same_group(&group->prm, prm))
			return group;
	}
	return NULL;
}

static unsigned int losses_now(struct iommufd_fault_attach *attach)
{
	return READ_ONCE(attach->dev->iommu->iommu_dev->fault_losses);
}

static void drop_partial(struct iommufd_fault_attach *attach,
			 struct iommufd_fault_group *group)
{
	list_del(&group->item);
	iommufd_fault_queue_uncharge(attach->queue, group->nr_requests, false);
	iommufd_fault_group_put(group);
}

static struct iommufd_fault_group *
group_alloc(struct iommufd_fault_attach *attach)
{
	struct iommufd_fault_group *group;

	group = iommufd_fault_queue_zalloc(attach->queue, sizeof(*group));
	if (!group)
		return NULL;
	refcount_set(&group->refs, 1);
	group->attach = attach;
	group->dev_id = attach->dev_id;
	group->losses = losses_now(attach);
	INIT_LIST_HEAD(&group->requests);
	return group;
}

static int group_add(struct iommufd_fault_group *group,
		     const struct iommu_fault_page_request *prm)
{
	struct iommufd_fault_request *request = &group->first;

	if (group->nr_requests) {
		request = iommufd_fault_queue_zalloc(group->attach->queue,
						     sizeof(*request));
		if (!request)
			return -ENOMEM;
	}
	request->last = prm->flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	request->perm = prm->perm;
	request->addr = prm->addr;
	list_add_tail(&request->item, &group->requests);
	group->nr_requests++;
	group->prm = *prm;
	return 0;
}

/* There was no room for a request: refuse the rest of its group as well */
static void refuse_partial(struct iommufd_fault_attach *attach,
			   struct iommufd_fault_group *group, u32 grpid)
{
	__set_bit(grpid, attach->refused);
	if (group)
		drop_partial(attach, group);
}

static int report_partial(struct iommufd_fault_attach *attach,
			  const struct iommu_fault_page_request *prm)
{
	struct iommufd_fault_group *group;

	if (prm->grpid > IOMMUFD_FAULT_MAX_GRPID)
		return -EINVAL;
	if (test_bit(prm->grpid, attach->refused) ||
	    test_bit(prm->grpid, attach->lost))
		return 0;

	group = find_partial(attach, prm);
	if (group && group->losses != losses_now(attach)) {
		__set_bit(prm->grpid, attach->lost);
		drop_partial(attach, group);
		return 0;
	}
	if (iommufd_fault_queue_charge(attach->queue)) {
		refuse_partial(attach, group, prm->grpid);
		return 0;
	}
	if (!group) {
		group = group_alloc(attach);
		if (group)
			list_add_tail(&group->item, &attach->partial);
	}
	if (!group || group_add(group, prm)) {
		iommufd_fault_queue_uncharge(attach->queue, 1, false);
		refuse_partial(attach, group, prm->grpid);
	}
	return 0;
}

/* Was part of the group refused or lost? Its last request ends it: with @code */
static bool group_is_broken(struct iommufd_fault_attach *attach,
			    struct iommufd_fault_group *group,
			    const struct iommu_fault_page_request *prm,
			    enum iommu_page_response_code *code)
{
	if (prm->grpid > IOMMUFD_FAULT_MAX_GRPID)
		return false;
	if (test_bit(prm->grpid, attach->refused)) {
		__clear_bit(prm->grpid, attach->refused);
		iommufd_fault_queue_uncharge(attach->queue, 0, true);
		*code = IOMMU_PAGE_RESP_INVALID;
		return true;
	}
	if (test_bit(prm->grpid, attach->lost) ||
	    (group && group->losses != losses_now(attach))) {
		__clear_bit(prm->grpid, attach->lost);
		/* The device asks again, for all of it */
		*code = IOMMU_PAGE_RESP_SUCCESS;
		return true;
	}
	return false;
}

static void report_last(struct iommufd_fault_attach *attach,
			const struct iommu_fault_page_request *prm)
{
	enum iommu_page_response_code code = IOMMU_PAGE_RESP_INVALID;
	struct iommufd_fault_group *group = NULL;
	unsigned int charged;

	if (!list_empty(&attach->partial))
		group = find_partial(attach, prm);
	if (group_is_broken(attach, group, prm, &code)) {
		if (group)
			drop_partial(attach, group);
		goto out_respond;
	}

	if (group)
		list_del(&group->item);
	else
		group = group_alloc(attach);
	charged = group ? group->nr_requests : 0;
	if (group && !group_add(group, prm) &&
	    !iommufd_fault_queue_add(attach->queue, group))
		return;

	iommufd_fault_queue_uncharge(attach->queue, charged, true);
	if (group)
		iommufd_fault_group_put(group);
out_respond:
	iommu_fault_respond(attach->dev, prm, code);
}

static int fault_report(const struct iommu_fault_target *target,
			struct device *dev, const struct iommu_fault *fault)
{
	struct iommufd_fault_attach *attach =
		container_of(target, struct iommufd_fault_attach, target);

	/* Nobody waits for an answer to these; a VEVENTQ can report them */
	if (fault->type != IOMMU_FAULT_PAGE_REQ)
		return -EOPNOTSUPP;
	if (!(fault->prm.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE))
		return report_partial(attach, &fault->prm);
	report_last(attach, &fault->prm);
	return 0;
}

static void fault_note_refusal(const struct iommu_fault_target *target)
{
	struct iommufd_fault_attach *attach =
		container_of(target, struct iommufd_fault_attach, target);

	iommufd_fault_queue_uncharge(attach->queue, 0, true);
}

/* ---- Moves ---- */

/* A guest that owns the table of its PASIDs gets the faults of all of them */
static bool owns_pasids(struct iommufd_device *idev, ioasid_t pasid,
			struct iommufd_hwpt *hwpt)
{
	return pasid == IOMMU_NO_PASID &&
	       hwpt->obj.type == IOMMUFD_OBJ_HWPT_NESTED &&
	       dev_iommu_ops(idev->dev)->user_pasid_table;
}

static struct iommufd_fault_attach *
fault_attach_alloc(struct iommufd_device *idev, ioasid_t pasid,
		   struct iommufd_hwpt *hwpt)
{
	struct iommufd_fault_attach *attach;

	attach = kzalloc(sizeof(*attach), GFP_KERNEL_ACCOUNT);
	if (!attach)
		return NULL;
	attach->target.report = fault_report;
	attach->target.note_refusal = fault_note_refusal;
	attach->target.all_pasids = owns_pasids(idev, pasid, hwpt);
	attach->queue = hwpt->fault->queue;
	iommufd_eventq_get(&attach->queue->eventq);
	attach->dev = idev->dev;
	attach->dev_id = idev->obj.id;
	attach->ctx = idev->ictx->nr;
	INIT_LIST_HEAD(&attach->partial);
	INIT_LIST_HEAD(&attach->groups);
	return attach;
}

/* Nothing more is reported to it: refuse what is not answered, and free it */
static void fault_attach_free(struct iommufd_fault_attach *attach)
{
	struct iommufd_fault_group *group, *next;

	list_for_each_entry_safe(group, next, &attach->partial, item)
		drop_partial(attach, group);
	iommufd_fault_queue_refuse(attach->queue, attach);
	iommufd_eventq_put(&attach->queue->eventq);
	kfree(attach);
}

/* While one of its attachments wants them, the device can send page requests */
static int faults_enable(struct iommufd_device *idev)
{
	int rc;

	if (!idev->nr_faults) {
		rc = iommu_dev_enable_feature(idev->dev, IOMMU_DEV_FEAT_IOPF);
		/* What some drivers say of a device that cannot ask for pages */
		if (rc == -EINVAL)
			rc = -ENODEV;
		if (rc)
			return rc;
	}
	idev->nr_faults++;
	return 0;
}

static void faults_disable(struct iommufd_device *idev)
{
	if (--idev->nr_faults)
		return;
	WARN_ON(iommu_dev_disable_feature(idev->dev, IOMMU_DEV_FEAT_IOPF));
}

static int fault_attach_prepare(struct iommufd_device *idev, ioasid_t pasid,
				struct iommufd_hwpt *hwpt)
{
	struct iommufd_fault_attach *attach;
	int rc;

	attach = fault_attach_alloc(idev, pasid, hwpt);
	if (!attach)
		return -ENOMEM;
	rc = faults_enable(idev);
	if (rc)
		goto out_free;
	/* So that iommufd_fault_end_move() cannot fail */
	rc = xa_reserve(&idev->faults, pasid, GFP_KERNEL_ACCOUNT);
	if (rc)
		goto out_disable;
	idev->next_fault = attach;
	return 0;

out_disable:
	faults_disable(idev);
out_free:
	fault_attach_free(attach);
	return rc;
}

static void fault_attach_drop(struct iommufd_device *idev,
			      struct iommufd_fault_attach *attach)
{
	fault_attach_free(attach);
	faults_disable(idev);
}

/*
 * To be called before the device, or a PASID of it, moves to @hwpt, or is
 * detached if that is NULL; then it cannot fail. Until iommufd_fault_end_move()
 * its faults are retried, or refused where it is detached.
 */
int iommufd_fault_begin_move(struct iommufd_device *idev, ioasid_t pasid,
			     struct iommufd_hwpt *hwpt)
{
	bool has_old = xa_load(&idev->faults, pasid);
	int rc;

	lockdep_assert_held(&idev->group->lock);

	if (hwpt && hwpt->fault) {
		rc = fault_attach_prepare(idev, pasid, hwpt);
		if (rc)
			return rc;
	} else if (!has_old) {
		return 0;
	}

	rc = iommu_fault_set_target(idev->dev, pasid,
				    hwpt ? &iommu_fault_retry :
					   &iommu_fault_refuse);
	if (rc) {
		xa_release(&idev->faults, pasid);
		fault_attach_drop(idev, idev->next_fault);
		idev->next_fault = NULL;
	}
	return rc;
}

/*
 * To be called after the move; @moved says whether the domain has changed. If so,
 * when this returns nothing of the old attachment waits for an answer, nor can its
 * user see anything of what comes.
 */
void iommufd_fault_end_move(struct iommufd_device *idev, ioasid_t pasid,
			    bool moved)
{
	struct iommufd_fault_attach *old = xa_load(&idev->faults, pasid);
	struct iommufd_fault_attach *new = idev->next_fault;

	lockdep_assert_held(&idev->group->lock);

	if (!old && !new)
		return;
	idev->next_fault = NULL;
	if (!moved)
		swap(old, new);
	else
		iommu_fault_drain(idev->dev);

	/* The entry has been reserved */
	if (new)
		WARN_ON(xa_err(xa_store(&idev->faults, pasid, new,
					GFP_KERNEL_ACCOUNT)));
	else
		xa_erase(&idev->faults, pasid);
	WARN_ON(iommu_fault_set_target(idev->dev, pasid,
				       new ? &new->target : NULL));
	if (old)
		fault_attach_drop(idev, old);
}
