// SPDX-License-Identifier: GPL-2.0-only
/*
 * A remapping unit as user space has it through iommufd: its description, and
 * paging domains that are complete when they are allocated (fixed_caps.c).
 */
#include <linux/iommu.h>
#include <linux/slab.h>

#include <uapi/linux/iommufd.h>

#include "iommu.h"

/**
 * intel_iommu_hw_info - Describe the remapping unit of a device
 * @dev: The device
 * @length: Out: size of the block
 * @type: In: the type wanted, out: IOMMU_HW_INFO_TYPE_INTEL_VTD
 *
 * Return: a struct iommu_hw_info_vtd that the caller frees, or an ERR_PTR.
 */
void *intel_iommu_hw_info(struct device *dev, u32 *length, u32 *type)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	struct iommu_hw_info_vtd *vtd;

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT &&
	    *type != IOMMU_HW_INFO_TYPE_INTEL_VTD)
		return ERR_PTR(-EOPNOTSUPP);

	vtd = kzalloc(sizeof(*vtd), GFP_KERNEL);
	if (!vtd)
		return ERR_PTR(-ENOMEM);

	vtd->cap_reg = info->iommu->cap;
	vtd->ecap_reg = info->iommu->ecap;
	*length = sizeof(*vtd);
	*type = IOMMU_HW_INFO_TYPE_INTEL_VTD;
	return vtd;
}

/**
 * intel_iommu_domain_alloc_paging_flags - Allocate a domain with fixed_caps
 * @dev: The device whose remapping unit sets the limits
 * @flags: Of IOMMU_HWPT_ALLOC_DIRTY_TRACKING and IOMMU_HWPT_ALLOC_PASID
 * @user_data: Must be NULL
 *
 * Return: the domain or an ERR_PTR.
 */
struct iommu_domain *
intel_iommu_domain_alloc_paging_flags(struct device *dev, u32 flags,
				      const struct iommu_user_data *user_data)
{
	struct device_domain_info *info = dev_iommu_priv_get(dev);
	bool dirty = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	struct dmar_domain *domain;

	if (flags & ~(IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
		      IOMMU_HWPT_ALLOC_PASID) ||
	    user_data || (dirty && !intel_dirty_capable(info)))
		return ERR_PTR(-EOPNOTSUPP);
	/* A table is a table, but there must be PASIDs that it could be for */
	if (flags & IOMMU_HWPT_ALLOC_PASID && !pasid_supported(info->iommu))
		return ERR_PTR(-EOPNOTSUPP);

	domain = dmar_domain_alloc(IOMMU_DOMAIN_UNMANAGED);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	if (dirty) {
		/* First-stage entries are always dirty */
		if (domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL) {
			kfree(domain);
			return ERR_PTR(-EOPNOTSUPP);
		}
		domain->domain.dirty_ops = &intel_dirty_ops;
	}

	domain->nid = dev_to_node(dev);
	intel_domain_fix_caps(domain, info->iommu);

	domain->pgd = alloc_pgtable_page(domain->nid, GFP_KERNEL_ACCOUNT);
	if (!domain->pgd) {
		kfree(domain);
		return ERR_PTR(-ENOMEM);
	}
	if (!domain->iommu_coherency)
		clflush_cache_range(domain->pgd, VTD_PAGE_SIZE);
	return &domain->domain;
}
