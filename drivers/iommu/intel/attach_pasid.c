// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains attached to PASIDs: set_dev_pasid and remove_dev_pasid.
 *
 * A domain lists the PASIDs of devices that it translates, beside the devices
 * whose DMA without a PASID it does. It has one domain ID in a unit for them
 * all; second-stage IOTLB entries are flushed by that alone, while first-stage
 * ones and what device TLBs hold are flushed by PASID.
 *
 * The core holds the mutex of the device's group.
 */
#include <linux/dmar.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "iommu.h"
#include "pasid.h"

/**
 * intel_flush_dev_iotlb_pasid - Flush the device TLB of a PASID
 * @info: The device
 * @pasid: The PASID; not PASID_RID2PASID
 * @addr: An address in the range
 * @order: The range is 2^order pages, aligned to its size
 */
void intel_flush_dev_iotlb_pasid(struct device_domain_info *info, u32 pasid,
				 u64 addr, unsigned int order)
{
	u16 qdep = info->ats_qdep;

	if (!info->ats_enabled)
		return;
	/* 0 stands for the most that can be said */
	if (qdep >= QI_DEV_EIOTLB_MAX_INVS)
		qdep = 0;
	order = min(order, 64U - VTD_PAGE_SHIFT);
	addr = order == 64 - VTD_PAGE_SHIFT ?
		0 : ALIGN_DOWN(addr, 1ULL << (VTD_PAGE_SHIFT + order));
	qi_flush_dev_iotlb_pasid(info->iommu,
				 PCI_DEVID(info->bus, info->devfn),
				 info->pfsid, pasid, qdep, addr, order);
	quirk_extra_dev_tlb_flush(info, addr, order, pasid, qdep);
}

/**
 * intel_flush_piotlb_pasids - Flush first-stage entries of a domain's PASIDs
 * @domain: The domain, which uses the first stage
 * @iommu: The unit
 * @did: Its domain ID there
 * @addr: Start of the range
 * @npages: Its length, or -1 for all
 * @ih: Only leaf entries were changed
 */
void intel_flush_piotlb_pasids(struct dmar_domain *domain,
			       struct intel_iommu *iommu, u16 did, u64 addr,
			       unsigned long npages, bool ih)
{
	struct dev_pasid *dev_pasid;
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	list_for_each_entry(dev_pasid, &domain->dev_pasids, link)
		if (dev_pasid->info->iommu == iommu)
			qi_flush_piotlb(iommu, did, dev_pasid->pasid, addr,
					npages, ih);
	spin_unlock_irqrestore(&domain->lock, flags);
}

/* NULL where the device joined the group after the PASID got its domain */
static struct dev_pasid *dev_pasid_find(struct dmar_domain *domain,
					struct device_domain_info *info,
					u32 pasid)
{
	struct dev_pasid *dev_pasid;
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	list_for_each_entry(dev_pasid, &domain->dev_pasids, link) {
		if (dev_pasid->info == info && dev_pasid->pasid == pasid)
			goto out_unlock;
	}
	dev_pasid = NULL;
out_unlock:
	spin_unlock_irqrestore(&domain->lock, flags);
	return dev_pasid;
}

static void dev_pasid_link(struct dmar_domain *domain,
			   struct dev_pasid *dev_pasid)
{
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	list_add(&dev_pasid->link, &domain->dev_pasids);
	spin_unlock_irqrestore(&domain->lock, flags);
	domain_update_iotlb(domain);
}

static void dev_pasid_unlink(struct dmar_domain *domain,
			     struct dev_pasid *dev_pasid)
{
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	list_del(&dev_pasid->link);
	spin_unlock_irqrestore(&domain->lock, flags);
	domain_update_iotlb(domain);
}

static int check_fit(struct dmar_domain *domain,
		     struct device_domain_info *info, u32 pasid)
{
	if (!info->pasid_enabled || !info->pasid_table)
		return -EOPNOTSUPP;
	/* Its limits are those of the smallest unit */
	if (pasid >= info->pasid_table->max_pasid)
		return -EINVAL;
	/* What other domains can do changes with what they are attached to */
	if (!domain->fixed_caps ||
	    !intel_domain_fits_iommu(domain, info->iommu))
		return -EINVAL;
	if (domain->force_snooping && !ecap_sc_support(info->iommu->ecap))
		return -EINVAL;
	return 0;
}

/*
 * A device whose DMA without a PASID is blocked may lack what an attached one has: a
 * context entry, and ATS.
 */
static int prepare_device(struct dmar_domain *domain,
			  struct device_domain_info *info)
{
	int ret;

	if (info->domain)
		return 0;
	ret = domain_context_mapping(domain, info->dev);
	if (ret)
		return ret;
	iommu_enable_pci_caps(info);
	domain_update_iotlb(domain);
	return 0;
}

/* Give up what the PASIDs needed, where nothing else does */
static void unprepare_device(struct device_domain_info *info)
{
	if (!info->domain && !info->nr_pasids)
		iommu_disable_dev_iotlb(info);
}

static int set_entry(struct dmar_domain *domain,
		     struct device_domain_info *info, u32 pasid)
{
	return domain_setup_pasid_entry(domain, info->iommu, info->dev, pasid);
}

static void clear_entry(struct device_domain_info *info, u32 pasid)
{
	intel_pasid_tear_down_entry(info->iommu, info->dev, pasid, false);
}

/* The PASID had no domain, and the domain has its ID already */
static int set_first(struct dmar_domain *domain,
		     struct device_domain_info *info, u32 pasid)
{
	struct dev_pasid *dev_pasid;
	int ret;

	dev_pasid = kzalloc(sizeof(*dev_pasid), GFP_KERNEL_ACCOUNT);
	if (!dev_pasid)
		return -ENOMEM;
	dev_pasid->info = info;
	dev_pasid->pasid = pasid;

	/* First, so that from now on each flush includes it */
	dev_pasid_link(domain, dev_pasid);
	info->nr_pasids++;
	ret = prepare_device(domain, info);
	if (!ret)
		ret = set_entry(domain, info, pasid);
	if (ret) {
		dev_pasid_unlink(domain, dev_pasid);
		kfree(dev_pasid);
		info->nr_pasids--;
		unprepare_device(info);
	}
	return ret;
}

/*
 * @dev_pasid goes from @old to @domain, so this needs no memory; and @old keeps its
 * domain ID until it is certain that the PASID need not go back to it.
 */
static int set_next(struct dmar_domain *domain, struct dmar_domain *old,
		    struct dev_pasid *dev_pasid)
{
	struct device_domain_info *info = dev_pasid->info;
	u32 pasid = dev_pasid->pasid;
	int ret;

	clear_entry(info, pasid);
	dev_pasid_unlink(old, dev_pasid);
	dev_pasid_link(domain, dev_pasid);
	ret = set_entry(domain, info, pasid);
	if (ret) {
		dev_pasid_unlink(domain, dev_pasid);
		dev_pasid_link(old, dev_pasid);
		WARN_ON(set_entry(old, info, pasid));
	}
	return ret;
}

/**
 * intel_iommu_set_dev_pasid - The driver's set_dev_pasid operation
 * @domain: The domain, one with fixed_caps
 * @dev: The device
 * @pasid: The PASID
 * @old: The domain that it has now, or NULL
 *
 * An entry of the PASID table is not written while it is in use, so the DMA of a
 * PASID that is moved is blocked for a moment.
 *
 * Return: 0, or as before; -EOPNOTSUPP where the device's PASIDs are not enabled;
 * -EINVAL where the domain does not fit; -ENOSPC without a domain ID; -ENOMEM.
 */
int intel_iommu_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
			      ioasid_t pasid, struct iommu_domain *old)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct device_domain_info *info;
	struct dev_pasid *dev_pasid = NULL;
	int ret;

	if (dev_iommu_ops(dev) != &intel_iommu_ops)
		return -EINVAL;
	info = dev_iommu_priv_get(dev);
	ret = check_fit(dmar_domain, info, pasid);
	if (ret)
		return ret;

	ret = domain_attach_iommu(dmar_domain, info->iommu);
	if (ret)
		return ret;
	if (old)
		dev_pasid = dev_pasid_find(to_dmar_domain(old), info, pasid);
	if (dev_pasid)
		ret = set_next(dmar_domain, to_dmar_domain(old), dev_pasid);
	else
		ret = set_first(dmar_domain, info, pasid);
	if (ret)
		domain_detach_iommu(dmar_domain, info->iommu);
	else if (dev_pasid)
		domain_detach_iommu(to_dmar_domain(old), info->iommu);
	return ret;
}

/**
 * intel_iommu_remove_dev_pasid - The driver's remove_dev_pasid operation
 * @dev: The device
 * @pasid: The PASID
 * @domain: The domain that it has
 */
void intel_iommu_remove_dev_pasid(struct device *dev, ioasid_t pasid,
				  struct iommu_domain *domain)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct dev_pasid *dev_pasid;

	if (!info->pasid_table || pasid >= info->pasid_table->max_pasid)
		return;
	clear_entry(info, pasid);
	dev_pasid = dev_pasid_find(dmar_domain, info, pasid);
	if (!dev_pasid)
		return;
	dev_pasid_unlink(dmar_domain, dev_pasid);
	kfree(dev_pasid);
	info->nr_pasids--;
	domain_detach_iommu(dmar_domain, info->iommu);
	unprepare_device(info);
}
