/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stream table entries: what is in one, and the way from one to another.
 */
#ifndef _ARM_SMMU_V3_STE_H
#define _ARM_SMMU_V3_STE_H

#include <linux/bitfield.h>
#include <linux/types.h>

#include "arm-smmu-v3.h"

#define STRTAB_STE_0_CFG_NESTED		7

#define STRTAB_STE_1_PPAR		BIT_ULL(18)
#define STRTAB_STE_1_MEV		BIT_ULL(19)
#define STRTAB_STE_1_S2FWB		BIT_ULL(25)
#define STRTAB_STE_1_MEMATTR		GENMASK_ULL(35, 32)
#define STRTAB_STE_1_MTCFG		BIT_ULL(36)
#define STRTAB_STE_1_ALLOCCFG		GENMASK_ULL(40, 37)

#define STRTAB_STE_2_S2S			BIT_ULL(57)

/* All of dword 2 that only stage 2 reads */
#define STRTAB_STE_2_S2			GENMASK_ULL(63, 32)

/* struct arm_smmu_ste - A stream table entry, in memory that the SMMU reads or not */
struct arm_smmu_ste {
	__le64 data[STRTAB_STE_DWORDS];
};

/* See arm_smmu_plan_ste() */
#define ARM_SMMU_STE_MAX_STEPS		3

void arm_smmu_clear_ste(struct arm_smmu_ste *ste);
void arm_smmu_set_ste_config(struct arm_smmu_ste *ste, u64 config);
void arm_smmu_set_ste_s2(struct arm_smmu_ste *ste,
			 const struct arm_smmu_domain *domain, u16 vmid);
void arm_smmu_set_ste_stall(struct arm_smmu_ste *ste,
			    struct arm_smmu_master *master);
void arm_smmu_set_ste_ats(struct arm_smmu_ste *ste,
			  struct arm_smmu_master *master);
void arm_smmu_make_ste(struct arm_smmu_master *master,
		       struct arm_smmu_ste *ste);
int arm_smmu_plan_ste(const struct arm_smmu_ste *from,
		      const struct arm_smmu_ste *to,
		      struct arm_smmu_ste steps[ARM_SMMU_STE_MAX_STEPS]);
void arm_smmu_store_ste(struct arm_smmu_ste *live,
			const struct arm_smmu_ste *step);

/* What a trace shows of an STE; @config is ARM_SMMU_STE_INVALID if that is invalid */
struct arm_smmu_ste_view {
	u64 ptr, ttb;
	u16 vmid;
	u8 config, cdmax, dss, eats, flags;
};

#define ARM_SMMU_STE_INVALID	8

/* In @flags */
#define ARM_SMMU_STE_STALLD	BIT(0)
#define ARM_SMMU_STE_MEV	BIT(1)
#define ARM_SMMU_STE_FWB	BIT(2)

static inline void arm_smmu_view_ste(const struct arm_smmu_ste *ste,
				     struct arm_smmu_ste_view *view)
{
	u64 ste0 = le64_to_cpu(ste->data[0]), ste1 = le64_to_cpu(ste->data[1]);

	view->config = ste0 & STRTAB_STE_0_V ?
		       FIELD_GET(STRTAB_STE_0_CFG, ste0) : ARM_SMMU_STE_INVALID;
	view->ptr = ste0 & STRTAB_STE_0_S1CTXPTR_MASK;
	view->cdmax = FIELD_GET(STRTAB_STE_0_S1CDMAX, ste0);
	view->dss = FIELD_GET(STRTAB_STE_1_S1DSS, ste1);
	view->eats = FIELD_GET(STRTAB_STE_1_EATS, ste1);
	view->flags = (ste1 & STRTAB_STE_1_S1STALLD ? ARM_SMMU_STE_STALLD : 0) |
		      (ste1 & STRTAB_STE_1_MEV ? ARM_SMMU_STE_MEV : 0) |
		      (ste1 & STRTAB_STE_1_S2FWB ? ARM_SMMU_STE_FWB : 0);
	view->vmid = FIELD_GET(STRTAB_STE_2_S2VMID, le64_to_cpu(ste->data[2]));
	view->ttb = le64_to_cpu(ste->data[3]) & STRTAB_STE_3_S2TTB_MASK;
}

#endif /* _ARM_SMMU_V3_STE_H */
