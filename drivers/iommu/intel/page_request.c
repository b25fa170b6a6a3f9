// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests: who may send them, who may take them, and when none is left.
 *
 * A unit has one queue of them for all its devices, which svm.c reads.
 * iommu_report_device_fault() gives a request to the target of the attachment that
 * is in force, or else to in-kernel SVA. Before the attachment can change, all that
 * the device sent until then must have been reported. So whoever changes it reads
 * the queue as well, instead of waiting for the interrupt.
 */
#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/xarray.h>
#include <asm/page.h>

#include "../iommu-sva-lib.h"
#include "iommu.h"
#include "pasid.h"

/**
 * intel_init_page_requests - Prepare a unit for page requests
 * @iommu: The unit, before its queue is enabled and before it has devices
 */
void intel_init_page_requests(struct intel_iommu *iommu)
{
	mutex_init(&iommu->prq_lock);
	xa_init(&iommu->page_request_devices);
}

static unsigned long source_id(struct device_domain_info *info)
{
	return PCI_DEVID(info->bus, info->devfn);
}

/**
 * intel_add_page_request_device - Report the page requests of a device from now on
 * @info: The device, as it comes; one that has no page requests is left alone
 *
 * Return: 0 or -ENOMEM.
 */
int intel_add_page_request_device(struct device_domain_info *info)
{
	struct intel_iommu *iommu = info->iommu;
	void *old;

	if (!info->pri_supported || !iommu->prq)
		return 0;
	mutex_lock(&iommu->prq_lock);
	old = xa_store(&iommu->page_request_devices, source_id(info), info->dev,
		       GFP_KERNEL);
	mutex_unlock(&iommu->prq_lock);
	return xa_err(old);
}

/**
 * intel_remove_page_request_device - Report none of a device any more
 * @info: The device, which is about to go
 *
 * Waits for those that are being reported.
 */
void intel_remove_page_request_device(struct device_domain_info *info)
{
	struct intel_iommu *iommu = info->iommu;

	if (!info->pri_supported || !iommu->prq)
		return;
	mutex_lock(&iommu->prq_lock);
	xa_erase(&iommu->page_request_devices, source_id(info));
	mutex_unlock(&iommu->prq_lock);
}

/**
 * intel_takes_page_requests - Can the page requests of a device be answered?
 * @info: The device
 *
 * The unit must have a queue. Its answers to requests with a PASID have that PASID,
 * so a device that uses PASIDs must be one that expects this.
 *
 * Return: true if the device can send them while it is attached.
 */
bool intel_takes_page_requests(struct device_domain_info *info)
{
	if (!info->pri_supported || !info->iommu->prq)
		return false;
	return !info->pasid_enabled ||
	       pci_prg_resp_pasid_required(to_pci_dev(info->dev));
}

/**
 * intel_report_page_requests - Report all that is in the queue of a unit
 * @iommu: The unit
 *
 * When this returns, what was there has been reported, whoever did it.
 */
void intel_report_page_requests(struct intel_iommu *iommu)
{
	mutex_lock(&iommu->prq_lock);
	intel_svm_handle_prq(iommu);
	mutex_unlock(&iommu->prq_lock);
}

/*
 * Let all that the device has sent arrive in the queue, as in the VT-d
 * specification, 7.10: a flush of its TLB goes to it behind the answers that were
 * given so far, and is confirmed behind what it has asked for. Any flush does.
 */
static void push_page_requests(struct device_domain_info *info)
{
	struct qi_desc descs[] = {
		{ .qw0 = QI_IWD_FENCE | QI_IWD_TYPE },
		{ .qw0 = QI_EIOTLB_PASID(PASID_RID2PASID) |
			 QI_EIOTLB_DID(FLPT_DEFAULT_DID) |
			 QI_EIOTLB_GRAN(QI_GRAN_NONG_PASID) | QI_EIOTLB_TYPE },
		{ .qw0 = QI_DEV_IOTLB_SID(source_id(info)) |
			 QI_DEV_IOTLB_QDEP(info->ats_qdep) |
			 QI_DEV_IOTLB_PFSID(info->pfsid) | QI_DIOTLB_TYPE },
	};
	unsigned int count = ARRAY_SIZE(descs);

	/* A device that has been removed would not confirm it */
	if (!pci_device_is_present(to_pci_dev(info->dev)))
		count--;
	qi_submit_sync(info->iommu, descs, count, QI_OPT_WAIT_DRAIN);
}

/**
 * intel_drain_page_requests - Report all that a device has sent
 * @info: The device, whose ATS is enabled if its page requests are
 */
void intel_drain_page_requests(struct device_domain_info *info)
{
	struct intel_iommu *iommu = info->iommu;
	bool overflow;

	do {
		overflow = false;
		if (info->pri_enabled) {
			push_page_requests(info);
			/* Nothing arrives as long as the queue is said to be full */
			overflow = readl(iommu->reg + DMAR_PRS_REG) &
				   DMA_PRS_PRO;
		}
		intel_report_page_requests(iommu);
		cond_resched();
	} while (overflow);
}

/**
 * intel_iommu_drain_faults - The driver's drain_faults operation
 * @dev: The device
 */
void intel_iommu_drain_faults(struct device *dev)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);

	if (info->pri_supported && info->iommu->prq)
		intel_drain_page_requests(info);
}

/* Can a process have asked for it, in user mode? */
static bool is_of_process(const struct iommu_fault_page_request *prm)
{
	const u32 rw = IOMMU_FAULT_PERM_READ | IOMMU_FAULT_PERM_WRITE;

	if (!(prm->flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID))
		return false;
	if (prm->perm & IOMMU_FAULT_PERM_PRIV && prm->perm & rw)
		return false;
	if (prm->perm & IOMMU_FAULT_PERM_EXEC &&
	    prm->perm & IOMMU_FAULT_PERM_READ)
		return false;
	return __is_canonical_address(prm->addr, __VIRTUAL_MASK_SHIFT + 1);
}

/**
 * intel_queue_iopf - The handler of faults for in-kernel SVA
 * @fault: The fault
 * @cookie: The device
 *
 * Return: 0 if it is going to be answered; -EINVAL for what no process asks for,
 * or as iommu_queue_iopf().
 */
int intel_queue_iopf(struct iommu_fault *fault, void *cookie)
{
	if (fault->type == IOMMU_FAULT_PAGE_REQ && !is_of_process(&fault->prm))
		return -EINVAL;
	return iommu_queue_iopf(fault, cookie);
}
