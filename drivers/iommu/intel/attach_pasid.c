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

static int dev_pasid_add(struct dmar_domain *domain,
			 struct device_domain_info *info, u32 pasid)
{
	struct dev_pasid *dev_pasid;
	unsigned long flags;
	int ret;

	dev_pasid = kzalloc(sizeof(*dev_pasid), GFP_KERNEL_ACCOUNT);
	if (!dev_pasid)
		return -ENOMEM;
	ret = domain_attach_iommu(domain, info->iommu);
	if (ret) {
		kfree(dev_pasid);
		return ret;
	}
	dev_pasid->info = info;
	dev_pasid->pasid = pasid;

	spin_lock_irqsave(&domain->lock, flags);
	list_add(&dev_pasid->link, &domain->dev_pasids);
	spin_unlock_irqrestore(&domain->lock, flags);
	info->nr_pasids++;
	return 0;
}

static struct dev_pasid *dev_pasid_find(struct dmar_domain *domain,
					struct device_domain_info *info,
					u32 pasid)
{
	struct dev_pasid *dev_pasid;

	lockdep_assert_held(&domain->lock);
	list_for_each_entry(dev_pasid, &domain->dev_pasids, link) {
		if (dev_pasid->info == info && dev_pasid->pasid == pasid)
			return dev_pasid;
	}
	return NULL;
}

/* Returns false where it is not there */
static bool dev_pasid_del(struct dmar_domain *domain,
			  struct device_domain_info *info, u32 pasid)
{
	struct dev_pasid *dev_pasid;
	unsigned long flags;

	spin_lock_irqsave(&domain->lock, flags);
	dev_pasid = dev_pasid_find(domain, info, pasid);
	if (dev_pasid)
		list_del(&dev_pasid->link);
	spin_unlock_irqrestore(&domain->lock, flags);
	if (!dev_pasid)
		return false;

	kfree(dev_pasid);
	info->nr_pasids--;
	domain_update_iotlb(domain);
	domain_detach_iommu(domain, info->iommu);
	return true;
}

static int check_fit(struct dmar_domain *domain,
		     struct device_domain_info *info, u32 pasid)
{
	if (!info->pasid_enabled || !info->pasid_table)
		return -EOPNOTSUPP;
	/* Its limits are those of the smallest unit */
	if (pasid >= info->pasid_table->max_pasid)
		return -EINVAL;
	/* Others change with what they are attached to */
	if (!domain->fixed_caps ||
	    !intel_domain_fits_iommu(domain, info->iommu))
		return -EINVAL;
	if (domain->force_snooping && !ecap_sc_support(info->iommu->ecap))
		return -EINVAL;
	return 0;
}

/*
 * A device that is blocked for DMA without a PASID has not got everything yet
 * that an attached one has.
 */
static int prepare_device(struct dmar_domain *domain,
			  struct device_domain_info *info)
{
	int ret = 0;

	if (!info->domain) {
		ret = domain_context_mapping(domain, info->dev);
		if (!ret)
			iommu_enable_pci_caps(info);
	}
	domain_update_iotlb(domain);
	return ret;
}

/* Give up what the PASIDs needed, where nothing else does */
static void unprepare_device(struct device_domain_info *info)
{
	if (!info->domain && !info->nr_pasids)
		iommu_disable_dev_iotlb(info);
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
	int ret;

	if (dev_iommu_ops(dev) != &intel_iommu_ops)
		return -EINVAL;
	info = dev_iommu_priv_get(dev);
	ret = check_fit(dmar_domain, info, pasid);
	if (ret)
		return ret;

	/* First, so that no flush from now on forgets it */
	ret = dev_pasid_add(dmar_domain, info, pasid);
	if (ret)
		return ret;
	ret = prepare_device(dmar_domain, info);
	if (ret)
		goto out_del;
	if (old)
		intel_pasid_tear_down_entry(info->iommu, dev, pasid, false);
	ret = domain_setup_pasid_entry(dmar_domain, info->iommu, dev, pasid);
	if (ret)
		goto out_old;
	if (old)
		dev_pasid_del(to_dmar_domain(old), info, pasid);
	return 0;

out_old:
	if (old)
		WARN_ON(domain_setup_pasid_entry(to_dmar_domain(old),
						 info->iommu, dev, pasid));
out_del:
	dev_pasid_del(dmar_domain, info, pasid);
	unprepare_device(info);
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

	if (!info->pasid_table || pasid >= info->pasid_table->max_pasid)
		return;
	intel_pasid_tear_down_entry(info->iommu, dev, pasid, false);
	if (dev_pasid_del(to_dmar_domain(domain), info, pasid))
		unprepare_device(info);
}
