/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stream table entries: what is in one, and the way from one to another.
 */
#ifndef _ARM_SMMU_V3_STE_H
#define _ARM_SMMU_V3_STE_H

#include <linux/types.h>

#include "arm-smmu-v3.h"

#define STRTAB_STE_0_CFG_NESTED		7

#define STRTAB_STE_1_MEV		BIT_ULL(19)
#define STRTAB_STE_1_S2FWB		BIT_ULL(25)
#define STRTAB_STE_1_MEMATTR		GENMASK_ULL(35, 32)
#define STRTAB_STE_1_MTCFG		BIT_ULL(36)
#define STRTAB_STE_1_ALLOCCFG		GENMASK_ULL(40, 37)

/* All of dword 2 that only stage 2 reads */
#define STRTAB_STE_2_S2			GENMASK_ULL(63, 32)

/* struct arm_smmu_ste - A stream table entry, in memory that the SMMU reads or not */
struct arm_smmu_ste {
	__le64 data[STRTAB_STE_DWORDS];
};

/* Other fields, abort to target */
#define ARM_SMMU_STE_MAX_STEPS		3

void arm_smmu_clear_ste(struct arm_smmu_ste *ste);
void arm_smmu_set_ste_config(struct arm_smmu_ste *ste, u64 config);
void arm_smmu_set_ste_s2(struct arm_smmu_ste *ste,
			 const struct arm_smmu_domain *domain, u16 vmid);
void arm_smmu_set_ste_ats(struct arm_smmu_ste *ste,
			  struct arm_smmu_master *master);
void arm_smmu_make_ste(struct arm_smmu_master *master,
		       struct arm_smmu_ste *ste);
int arm_smmu_plan_ste(const struct arm_smmu_ste *from,
		      const struct arm_smmu_ste *to,
		      struct arm_smmu_ste steps[ARM_SMMU_STE_MAX_STEPS]);
void arm_smmu_store_ste(struct arm_smmu_ste *live,
			const struct arm_smmu_ste *step);

#endif /* _ARM_SMMU_V3_STE_H */
