// SPDX-License-Identifier: GPL-2.0-only
/*
 * A remapping unit as user space has it through iommufd: its description, and
 * paging domains that are complete when they are allocated.
 *
 * Other domains get their page-table levels, page sizes and coherency from the
 * units that they are attached to, and change them as units come and go. That
 * does not do for a domain that is filled before its first attach, and whose
 * limits the user was told. Such a domain has fixed_caps: it takes all from the
 * unit in front of one device, and fits only units that can do as much.
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

static void domain_fix_caps(struct dmar_domain *domain,
			    struct intel_iommu *iommu)
{
	bool first_level = domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL;
	struct iommu_domain_geometry *geometry = &domain->domain.geometry;

	domain->fixed_caps = true;
	domain->snoop_control = ecap_sc_support(iommu->ecap);
	domain->iommu_coherency = iommu_paging_structure_coherency(iommu);
	domain->iommu_superpage = iommu_superpage_levels(iommu, first_level);
	domain->agaw = iommu->agaw;
	domain->gaw = iommu_input_width(iommu);

	domain->domain.pgsize_bitmap = SZ_4K;
	if (domain->iommu_superpage >= 1)
		domain->domain.pgsize_bitmap |= SZ_2M;
	if (domain->iommu_superpage >= 2)
		domain->domain.pgsize_bitmap |= SZ_1G;

	/*
	 * First-level input addresses are canonical: the top bit is a sign, and
	 * the half of the addresses where it is set is left alone.
	 */
	geometry->aperture_start = 0;
	geometry->aperture_end = BIT_ULL(domain->gaw - first_level) - 1;
	geometry->force_aperture = true;
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
	domain_fix_caps(domain, info->iommu);

	domain->pgd = alloc_pgtable_page(domain->nid, GFP_KERNEL_ACCOUNT);
	if (!domain->pgd) {
		kfree(domain);
		return ERR_PTR(-ENOMEM);
	}
	if (!domain->iommu_coherency)
		clflush_cache_range(domain->pgd, VTD_PAGE_SIZE);
	return &domain->domain;
}

/**
 * intel_domain_fits_iommu - May a domain with fixed_caps be used by a unit?
 * @domain: The domain
 * @iommu: The remapping unit
 *
 * The unit must walk what is in the page table now and what may be mapped
 * later: as many levels, addresses as wide, pages as large, and it must snoop
 * the CPU's caches and set dirty bits where the domain counts on that.
 *
 * Return: true if it may.
 */
bool intel_domain_fits_iommu(struct dmar_domain *domain,
			     struct intel_iommu *iommu)
{
	bool first_level = domain->flags & DOMAIN_FLAG_USE_FIRST_LEVEL;

	/* A smaller AGAW than the unit's own is only legal where SAGAW has it */
	return domain->agaw <= iommu->agaw &&
	       (iommu_calculate_sagaw(iommu) & BIT(domain->agaw)) &&
	       domain->gaw <= iommu_input_width(iommu) &&
	       domain->iommu_superpage <=
		       iommu_superpage_levels(iommu, first_level) &&
	       (!domain->iommu_coherency ||
		iommu_paging_structure_coherency(iommu)) &&
	       (!domain->domain.dirty_ops || intel_dirty_supported(iommu));
}
