// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who gets the faults of a device's DMA: a target for each PASID.
 *
 * What an IOMMU driver gives to iommu_report_device_fault() goes to the target
 * of the PASID, which belongs to the attachment that is in force, and only if
 * there is none to the device's one fault handler, which serves in-kernel SVA.
 *
 * When an attachment changes, the device may have asked for pages of the old one
 * that are still on their way, or for pages of the new one already. Nobody can
 * tell them apart. So from before the change until the hardware's queue has been
 * drained the target is iommu_fault_retry: whatever is still wanted is asked for
 * again, and comes to the new target.
 */
#include <linux/export.h>
#include <linux/iommu.h>
#include <linux/iommu-fault.h>
#include <linux/xarray.h>

static int respond_at_once(struct device *dev, const struct iommu_fault *fault,
			   enum iommu_page_response_code code)
{
	if (fault->type != IOMMU_FAULT_PAGE_REQ)
		return -EOPNOTSUPP;
	if (fault->prm.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		iommu_fault_respond(dev, &fault->prm, code);
	return 0;
}

static int report_retry(const struct iommu_fault_target *target,
			struct device *dev, const struct iommu_fault *fault)
{
	return respond_at_once(dev, fault, IOMMU_PAGE_RESP_SUCCESS);
}

/*
 * iommu_fault_retry - The device is to try each access again, and to ask again
 */
const struct iommu_fault_target iommu_fault_retry = {
	.report = report_retry,
	.all_pasids = true,
};
EXPORT_SYMBOL_GPL(iommu_fault_retry);

static int report_refuse(const struct iommu_fault_target *target,
			 struct device *dev, const struct iommu_fault *fault)
{
	return respond_at_once(dev, fault, IOMMU_PAGE_RESP_INVALID);
}

/*
 * iommu_fault_refuse - The device is to give up each access
 */
const struct iommu_fault_target iommu_fault_refuse = {
	.report = report_refuse,
	.all_pasids = true,
};
EXPORT_SYMBOL_GPL(iommu_fault_refuse);

/**
 * iommu_fault_set_target - Set who gets a device's faults
 * @dev: device
 * @pasid: PASID of the DMA, or %IOMMU_NO_PASID
 * @target: who gets them, or %NULL for nobody
 *
 * Waits for reports in progress: when this returns nothing more is reported to the
 * target before, and the caller may free it once it has answered what was.
 *
 * Return: 0, or -ENOMEM, which can only be where there was no target before.
 */
int iommu_fault_set_target(struct device *dev, ioasid_t pasid,
			   const struct iommu_fault_target *target)
{
	struct dev_iommu *param = dev->iommu;
	void *old;

	mutex_lock(&param->lock);
	if (target)
		old = xa_store(&param->fault_targets, pasid, (void *)target,
			       GFP_KERNEL_ACCOUNT);
	else
		old = xa_erase(&param->fault_targets, pasid);
	mutex_unlock(&param->lock);
	return xa_err(old);
}
EXPORT_SYMBOL_GPL(iommu_fault_set_target);

/**
 * iommu_fault_drain - Wait until a device's faults have been reported
 * @dev: device
 *
 * What the IOMMU's queues hold of the device is reported when this returns.
 */
void iommu_fault_drain(struct device *dev)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);

	if (ops->drain_faults)
		ops->drain_faults(dev);
}
EXPORT_SYMBOL_GPL(iommu_fault_drain);

/**
 * iommu_fault_respond - Answer a group of page requests
 * @dev: the device that sent it
 * @prm: the group's last request, as it was reported
 * @code: the answer
 *
 * The caller sees to it that the device has not been attached to something else
 * since, and that a group is answered once.
 *
 * Return: what the IOMMU driver says; -ENODEV if it cannot answer.
 */
int iommu_fault_respond(struct device *dev,
			const struct iommu_fault_page_request *prm,
			enum iommu_page_response_code code)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);
	struct iommu_fault_event event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = *prm,
	};
	struct iommu_page_response response = {
		.argsz = sizeof(response),
		.version = IOMMU_PAGE_RESP_VERSION_1,
		.grpid = prm->grpid,
		.code = code,
	};

	if (!ops->page_response)
		return -ENODEV;
	if (prm->flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID &&
	    prm->flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) {
		response.flags = IOMMU_PAGE_RESP_PASID_VALID;
		response.pasid = prm->pasid;
	}
	return ops->page_response(dev, &event, &response);
}
EXPORT_SYMBOL_GPL(iommu_fault_respond);

static bool fault_pasid(const struct iommu_fault *fault, ioasid_t *pasid)
{
	switch (fault->type) {
	case IOMMU_FAULT_PAGE_REQ:
		*pasid = fault->prm.pasid;
		return fault->prm.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
	case IOMMU_FAULT_DMA_UNRECOV:
		*pasid = fault->event.pasid;
		return fault->event.flags & IOMMU_FAULT_UNRECOV_PASID_VALID;
	default:
		return false;
	}
}

/* NULL: the device's fault handler is to be asked, if there is one */
const struct iommu_fault_target *
iommu_fault_find_target(struct device *dev, const struct iommu_fault *fault)
{
	struct dev_iommu *param = dev->iommu;
	const struct iommu_fault_target *target;
	ioasid_t pasid = IOMMU_NO_PASID;
	bool has_pasid;

	lockdep_assert_held(&param->lock);

	has_pasid = fault_pasid(fault, &pasid);
	if (has_pasid && pasid != IOMMU_NO_PASID) {
		target = xa_load(&param->fault_targets, pasid);
		if (target)
			return target;
	}
	target = xa_load(&param->fault_targets, IOMMU_NO_PASID);
	if (target && has_pasid && !target->all_pasids)
		return NULL;
	return target;
}

/**
 * iommu_fault_note_refusal - Note that a group of page requests was refused
 * @dev: the device that sent it
 * @fault: its last request, which will not be reported
 *
 * For a driver whose hardware can have only so many groups unanswered, and which
 * lets no device have more than a share of them. It answers the group itself.
 */
void iommu_fault_note_refusal(struct device *dev,
			      const struct iommu_fault *fault)
{
	struct dev_iommu *param = dev->iommu;
	const struct iommu_fault_target *target;

	mutex_lock(&param->lock);
	target = iommu_fault_find_target(dev, fault);
	if (target && target->note_refusal)
		target->note_refusal(target);
	mutex_unlock(&param->lock);
}
EXPORT_SYMBOL_GPL(iommu_fault_note_refusal);
