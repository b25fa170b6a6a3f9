/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who gets the faults of a device's DMA: a target for each PASID.
 */
#ifndef __LINUX_IOMMU_FAULT_H
#define __LINUX_IOMMU_FAULT_H

#include <linux/iommu.h>
#include <linux/types.h>

struct device;

/**
 * struct iommu_fault_target - who gets the faults of one attachment
 * @report: take a fault. Calls for one device do not overlap. Each request of a
 *	group of page requests (%IOMMU_FAULT_PAGE_REQ) comes here, in the order
 *	in which the hardware reported them; after the last one
 *	(%IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) the device waits for one
 *	iommu_fault_respond(). An error means that nobody took the fault: the
 *	IOMMU driver then answers a last request, and discards what cannot be
 *	answered. Called with a mutex of the device held, mostly in the IOMMU's
 *	interrupt thread: it may sleep, but not wait for a user.
 * @note_refusal: optional: the IOMMU driver has refused a group of page requests
 *	and will not report it. Called as @report is.
 * @all_pasids: set for IOMMU_NO_PASID, it takes the faults of all PASIDs that
 *	have no target of their own
 */
struct iommu_fault_target {
	int (*report)(const struct iommu_fault_target *target,
		      struct device *dev, const struct iommu_fault *fault);
	void (*note_refusal)(const struct iommu_fault_target *target);
	bool all_pasids;
};

#ifdef CONFIG_IOMMU_API

extern const struct iommu_fault_target iommu_fault_retry;
extern const struct iommu_fault_target iommu_fault_refuse;

int iommu_fault_set_target(struct device *dev, ioasid_t pasid,
			   const struct iommu_fault_target *target);
void iommu_fault_drain(struct device *dev);
int iommu_fault_respond(struct device *dev,
			const struct iommu_fault_page_request *prm,
			enum iommu_page_response_code code);
void iommu_fault_note_refusal(struct device *dev,
			      const struct iommu_fault *fault);

/* For IOMMU drivers and the core of the IOMMU subsystem */

const struct iommu_fault_target *
iommu_fault_find_target(struct device *dev, const struct iommu_fault *fault);

/**
 * iommu_fault_note_loss - Note that page requests were lost
 * @iommu: the IOMMU, whose queue of page requests had no room
 *
 * A group of which some requests came before may have lost others: it is taken to
 * be incomplete when its last request comes. To be called by whoever reports the
 * IOMMU's requests, before those that came after the loss.
 */
static inline void iommu_fault_note_loss(struct iommu_device *iommu)
{
	WRITE_ONCE(iommu->fault_losses, iommu->fault_losses + 1);
}

#endif /* CONFIG_IOMMU_API */
#endif /* __LINUX_IOMMU_FAULT_H */
