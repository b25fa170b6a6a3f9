// SPDX-License-Identifier: GPL-2.0-only
/*
 * An SMMU as user space has it through iommufd: its description, and paging
 * domains that are complete when they are allocated.
 */
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/slab.h>

#include <uapi/linux/iommufd.h>

#include "arm-smmu-v3.h"

/**
 * arm_smmu_hw_info - Describe the SMMU of a device
 * @dev: The device
 * @length: Out: size of the block
 * @type: In: the type wanted, out: IOMMU_HW_INFO_TYPE_ARM_SMMUV3
 *
 * The registers are as the hardware has them, so they may name features that
 * Linux does not use.
 *
 * Return: a struct iommu_hw_info_arm_smmuv3 that the caller frees, or an
 * ERR_PTR.
 */
void *arm_smmu_hw_info(struct device *dev, u32 *length, u32 *type)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	void __iomem *base = master->smmu->base;
	struct iommu_hw_info_arm_smmuv3 *info;
	int i;

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT &&
	    *type != IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
		return ERR_PTR(-EOPNOTSUPP);

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < ARRAY_SIZE(info->idr); i++)
		info->idr[i] = readl_relaxed(base + ARM_SMMU_IDR0 +
					     i * sizeof(u32));
	info->iidr = readl_relaxed(base + ARM_SMMU_IIDR);
	info->aidr = readl_relaxed(base + ARM_SMMU_AIDR);

	*length = sizeof(*info);
	*type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3;
	return info;
}

/**
 * arm_smmu_domain_alloc_paging_flags - Allocate a domain of a device's SMMU
 * @dev: The device; only devices of the same SMMU can use the domain
 * @flags: Of IOMMU_HWPT_ALLOC_DIRTY_TRACKING, and IOMMU_HWPT_ALLOC_NEST_PARENT or
 *	IOMMU_HWPT_ALLOC_PASID
 * @user_data: Must be NULL
 *
 * A nesting parent is stage 2, any other domain stage 1 where there is one. A
 * parent forces write-back where it can: then a guest's attributes do not matter.
 *
 * Return: the domain, its page table made, or an ERR_PTR.
 */
struct iommu_domain *
arm_smmu_domain_alloc_paging_flags(struct device *dev, u32 flags,
				   const struct iommu_user_data *user_data)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	bool parent = flags & IOMMU_HWPT_ALLOC_NEST_PARENT;
	bool dirty = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	bool pasid = flags & IOMMU_HWPT_ALLOC_PASID;
	u32 features = master->smmu->features;
	struct iommu_domain *domain;
	int ret;

	flags &= ~(IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
		   IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_PASID);
	if (flags || user_data || (dirty && !(features & ARM_SMMU_FEAT_HD)) ||
	    (parent && !(features & ARM_SMMU_FEAT_NESTING)))
		return ERR_PTR(-EOPNOTSUPP);
	/* PASIDs are for stage 1 */
	if (pasid && (parent || !master->ssid_bits ||
		      !(features & ARM_SMMU_FEAT_TRANS_S1)))
		return ERR_PTR(-EOPNOTSUPP);

	domain = arm_smmu_domain_alloc(IOMMU_DOMAIN_UNMANAGED);
	if (!domain)
		return ERR_PTR(-ENOMEM);

	/* What an attach looks at; nobody else knows the domain yet */
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	to_smmu_domain(domain)->smmu = master->smmu;
	if (parent) {
		to_smmu_domain(domain)->stage = ARM_SMMU_DOMAIN_S2;
		to_smmu_domain(domain)->nest_parent = true;
		to_smmu_domain(domain)->fwb = features & ARM_SMMU_FEAT_FWB;
	}
	if (dirty) {
		to_smmu_domain(domain)->hd = true;
		domain->dirty_ops = &arm_smmu_dirty_ops;
	}
	ret = arm_smmu_domain_finalise(domain, master);
	if (ret) {
		arm_smmu_domain_free(domain);
		return ERR_PTR(ret);
	}
	return domain;
}
