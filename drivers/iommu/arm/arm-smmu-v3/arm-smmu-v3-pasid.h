/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Domains attached to PASIDs.
 */
#ifndef _ARM_SMMU_V3_PASID_H
#define _ARM_SMMU_V3_PASID_H

#include <linux/iommu.h>

#include "arm-smmu-v3.h"

struct arm_smmu_ste;

/**
 * struct arm_smmu_pasid - A PASID that is attached
 * @item: in the pasids of its domain, changed under arm_smmu_asid_lock and the
 *	devices_lock of the domain
 * @master: The device
 * @ssid: The PASID, as the SMMU calls it
 */
struct arm_smmu_pasid {
	struct list_head item;
	struct arm_smmu_master *master;
	u32 ssid;
};

int arm_smmu_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
			   ioasid_t pasid, struct iommu_domain *old);
void arm_smmu_remove_dev_pasid(struct device *dev, ioasid_t pasid,
			       struct iommu_domain *domain);
void arm_smmu_set_ste_cds(struct arm_smmu_ste *ste,
			  const struct arm_smmu_master *master);
void arm_smmu_prepare_domain_cd(struct arm_smmu_master *master,
				struct arm_smmu_domain *smmu_domain);
void arm_smmu_copy_domain_cd(struct arm_smmu_master *master);
void arm_smmu_update_cd_copies(struct arm_smmu_domain *smmu_domain);
void arm_smmu_free_cds(struct arm_smmu_master *master);

#endif /* _ARM_SMMU_V3_PASID_H */
