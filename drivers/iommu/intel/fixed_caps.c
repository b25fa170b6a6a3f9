// SPDX-License-Identifier: GPL-2.0-only
/*
 * Paging domains with fixed_caps.
 *
 * Other domains get their page-table levels, page sizes and coherency from the
 * units that they are attached to, and change them as units come and go. That
 * does not do for a domain that is filled before its first attach, and whose
 * limits the user was told. Such a domain has fixed_caps: it takes all from the
 * unit in front of one device, and fits only units that can do as much.
 */
#include <linux/iommu.h>

#include "iommu.h"

/**
 * intel_domain_fix_caps - Give a domain the limits of a unit, for good
 * @domain: The domain; nobody else knows it yet
 * @iommu: The remapping unit
 */
void intel_domain_fix_caps(struct dmar_domain *domain,
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
 * intel_dirty_supported - Can a unit set dirty bits?
 * @iommu: The remapping unit
 *
 * The bits are set by the unit's page walk, while the CPU looks on; so a walk
 * that does not snoop the CPU's caches is left alone.
 *
 * Return: true if it can, in second-stage page tables.
 */
bool intel_dirty_supported(struct intel_iommu *iommu)
{
	return sm_supported(iommu) && ecap_slts(iommu->ecap) &&
	       ecap_slads(iommu->ecap) && ecap_smpwc(iommu->ecap);
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
