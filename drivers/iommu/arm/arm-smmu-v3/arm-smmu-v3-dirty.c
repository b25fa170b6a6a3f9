// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking by HTTU, hardware translation table update (Arm IHI 0070,
 * 3.13).
 *
 * In a domain that is made for it, what is mapped for writing is writable-clean,
 * and the SMMU makes it writable-dirty at the first write. Without HD set in the
 * CD or STE the SMMU would take such an entry for read-only; so HD is on from the
 * first attach to the last, and the record too.
 */
#include <linux/bitfield.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>

#include "arm-smmu-v3.h"

/**
 * arm_smmu_probe_hd - Find out whether dirty state is updated by hardware
 * @smmu: The SMMU; firmware's word on coherency, and with ACPI on this feature,
 *	is in its features
 * @idr0: Its SMMU_IDR0
 *
 * What the SMMU can do the system around it may not: ACPI's IORT says so with
 * its HTTU override. To a device tree, an SMMU that walks coherently is enough.
 * The CPU clears what the SMMU sets, so without coherency neither will do.
 */
void arm_smmu_probe_hd(struct arm_smmu_device *smmu, u32 idr0)
{
	bool has = FIELD_GET(IDR0_HTTU, idr0) == IDR0_HTTU_ACCESS_DIRTY;

	if (smmu->dev->of_node)
		smmu->features |= ARM_SMMU_FEAT_HD;
	else if (has && !(smmu->features & ARM_SMMU_FEAT_HD))
		dev_info(smmu->dev, "IDR0.HTTU overridden by FW configuration\n");
	if (!has || !(smmu->features & ARM_SMMU_FEAT_COHERENCY))
		smmu->features &= ~ARM_SMMU_FEAT_HD;
}

/* It is always on. The core has the record cleared where it begins. */
static int arm_smmu_set_dirty_tracking(struct iommu_domain *domain,
				       bool enabled)
{
	return 0;
}

static int arm_smmu_read_and_clear_dirty(struct iommu_domain *domain,
					 unsigned long iova, size_t size,
					 unsigned long flags,
					 struct iommu_dirty_bitmap *dirty)
{
	struct io_pgtable_ops *ops = to_smmu_domain(domain)->pgtbl_ops;

	return ops->read_and_clear_dirty(ops, iova, size, flags, dirty);
}

const struct iommu_dirty_ops arm_smmu_dirty_ops = {
	.set_dirty_tracking = arm_smmu_set_dirty_tracking,
	.read_and_clear_dirty = arm_smmu_read_and_clear_dirty,
};
