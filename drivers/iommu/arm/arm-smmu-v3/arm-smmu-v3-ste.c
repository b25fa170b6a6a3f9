// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stream table entries (Arm IHI 0070, 5.2), and the way from one to another.
 *
 * An SMMU may read an STE at any time, its 64-bit parts in any order, and keep
 * what it read until it is told to forget it. So between two invalidations, it
 * may use any mix of the old and the new parts. Each step that is planned here
 * is such that every mix means the same as what was before the step or as what
 * is after it; or the STE aborts, if there is no way without.
 */
#include <linux/bitfield.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "arm-smmu-v3-ste.h"

/* What holds for an STE that is valid and does not abort */
#define STE_S1		BIT(0)	/* Stage 1 translates */
#define STE_S1_SSID	BIT(1)	/* ... and there is a table of CDs, not one */
#define STE_S2		BIT(2)	/* Stage 2 translates */
#define STE_NO_S1	BIT(3)	/* Some transactions do not go through stage 1 */

/*
 * The fields that are not read by each such STE, with what makes the SMMU read
 * them: any of the flags. Bits that are not here are taken to be read always.
 */
static const struct {
	u8 dword;
	u8 readers;
	u64 mask;
} ste_fields[] = {
	{ 0, STE_S1, STRTAB_STE_0_S1CTXPTR_MASK | STRTAB_STE_0_S1CDMAX },
	{ 0, STE_S1_SSID, STRTAB_STE_0_S1FMT },
	{ 1, STE_S1_SSID, STRTAB_STE_1_S1DSS },
	{ 1, STE_S1, STRTAB_STE_1_S1CIR | STRTAB_STE_1_S1COR |
		     STRTAB_STE_1_S1CSH | STRTAB_STE_1_S1STALLD |
		     STRTAB_STE_1_STRW },
	{ 1, STE_S2, STRTAB_STE_1_S2FWB },
	{ 1, STE_S1 | STE_S2, STRTAB_STE_1_EATS | STRTAB_STE_1_PPAR },
	/* What becomes of the attributes where no stage 1 gives them */
	{ 1, STE_NO_S1, STRTAB_STE_1_MEMATTR | STRTAB_STE_1_MTCFG |
			STRTAB_STE_1_ALLOCCFG | STRTAB_STE_1_SHCFG },
	/* It tags what stage 1 alone leaves in the TLB, too */
	{ 2, STE_S1 | STE_S2, STRTAB_STE_2_S2VMID },
	{ 2, STE_S2, STRTAB_STE_2_S2 },
	{ 3, STE_S2, STRTAB_STE_3_S2TTB_MASK },
};

static u64 ste_dword(const struct arm_smmu_ste *ste, int i)
{
	return le64_to_cpu(ste->data[i]);
}

static u8 ste_flags(const struct arm_smmu_ste *ste)
{
	u64 ste0 = ste_dword(ste, 0), ste1 = ste_dword(ste, 1);
	unsigned int config = FIELD_GET(STRTAB_STE_0_CFG, ste0);
	u8 flags = 0;

	if ((config & STRTAB_STE_0_CFG_S2_TRANS) == STRTAB_STE_0_CFG_S2_TRANS)
		flags |= STE_S2;
	if ((config & STRTAB_STE_0_CFG_S1_TRANS) != STRTAB_STE_0_CFG_S1_TRANS)
		return flags | STE_NO_S1;
	flags |= STE_S1;
	if (FIELD_GET(STRTAB_STE_0_S1CDMAX, ste0)) {
		flags |= STE_S1_SSID;
		if (FIELD_GET(STRTAB_STE_1_S1DSS, ste1) ==
		    STRTAB_STE_1_S1DSS_BYPASS)
			flags |= STE_NO_S1;
	}
	return flags;
}

/* The bits that the SMMU reads of an STE, which follow from those very bits */
static void ste_used(const struct arm_smmu_ste *ste,
		     u64 used[STRTAB_STE_DWORDS])
{
	u64 ste0 = ste_dword(ste, 0);
	int i;
	u8 flags;

	memset(used, 0, STRTAB_STE_DWORDS * sizeof(*used));
	used[0] = STRTAB_STE_0_V;
	if (!(ste0 & STRTAB_STE_0_V))
		return;
	used[0] |= STRTAB_STE_0_CFG;
	if (!(FIELD_GET(STRTAB_STE_0_CFG, ste0) & STRTAB_STE_0_CFG_BYPASS))
		return;

	memset(used, 0xff, STRTAB_STE_DWORDS * sizeof(*used));
	flags = ste_flags(ste);
	for (i = 0; i < ARRAY_SIZE(ste_fields); i++)
		if (!(ste_fields[i].readers & flags))
			used[ste_fields[i].dword] &= ~ste_fields[i].mask;
}

/*
 * The bits of dword 1 that can have the value of either STE while all others
 * have that of the other. MEV says whether events that are alike may be merged.
 * EATS, but for split-stage ATS, says whether ATS requests are refused; none are
 * made while the driver writes an STE.
 */
static u64 ste1_loose(const struct arm_smmu_ste *from,
		      const struct arm_smmu_ste *to)
{
	u64 either = ste_dword(from, 1) | ste_dword(to, 1);
	u64 loose = STRTAB_STE_1_MEV | STRTAB_STE_1_PPAR;

	if (FIELD_GET(STRTAB_STE_1_EATS, either) & STRTAB_STE_1_EATS_S1CHK)
		return loose;
	return loose | STRTAB_STE_1_EATS;
}

/*
 * Find the dword whose writing makes @from be @to.
 *
 * Return: its number, dword 0 if all that differs may be written at any time, or
 * -1 if there are several.
 */
static int ste_critical(const struct arm_smmu_ste *from, const u64 *from_used,
			const struct arm_smmu_ste *to, const u64 *to_used,
			u64 loose)
{
	int i, critical = -1;

	for (i = 0; i < STRTAB_STE_DWORDS; i++) {
		u64 differs = ste_dword(from, i) ^ ste_dword(to, i);

		differs &= from_used[i] & to_used[i];
		if (i == 1)
			differs &= ~loose;
		if (!differs)
			continue;
		if (critical >= 0)
			return -1;
		critical = i;
	}
	return max(critical, 0);
}

static int ste_add_step(struct arm_smmu_ste *steps, int count,
			const struct arm_smmu_ste *before,
			const struct arm_smmu_ste *step)
{
	if (count)
		before = &steps[count - 1];
	if (!memcmp(before, step, sizeof(*step)))
		return count;
	steps[count] = *step;
	return count + 1;
}

/* All bits unused in @from, then the critical dword, then those unused in @to */
static int ste_plan_hitless(const struct arm_smmu_ste *from,
			    const u64 *from_used, const struct arm_smmu_ste *to,
			    int critical, u64 loose, struct arm_smmu_ste *steps)
{
	struct arm_smmu_ste step = *from;
	int i, count;

	for (i = 0; i < STRTAB_STE_DWORDS; i++) {
		u64 keep = from_used[i];

		if (i == critical)
			continue;
		if (i == 1)
			keep &= ~loose;
		step.data[i] = cpu_to_le64((ste_dword(from, i) & keep) |
					   (ste_dword(to, i) & ~keep));
	}
	count = ste_add_step(steps, 0, from, &step);
	step.data[critical] = to->data[critical];
	count = ste_add_step(steps, count, from, &step);
	return ste_add_step(steps, count, from, to);
}

/*
 * First abort, then write all but dword 0, then that. An abort is silent; an
 * invalid STE would record an event for each transaction.
 */
static int ste_plan_abort(const struct arm_smmu_ste *from,
			  const struct arm_smmu_ste *to,
			  struct arm_smmu_ste *steps)
{
	struct arm_smmu_ste step = *from;
	u64 abort = STRTAB_STE_0_V;
	int count;

	abort |= FIELD_PREP(STRTAB_STE_0_CFG, STRTAB_STE_0_CFG_ABORT);
	step.data[0] = cpu_to_le64(abort);
	count = ste_add_step(steps, 0, from, &step);
	step = *to;
	step.data[0] = cpu_to_le64(abort);
	count = ste_add_step(steps, count, from, &step);
	return ste_add_step(steps, count, from, to);
}

/**
 * arm_smmu_plan_ste - Plan the way from one STE to another
 * @from: What the STE is; the SMMU may have read it
 * @to: What it shall become
 * @steps: Out: what is to be stored, one after the other; the SMMU must be made
 *	to forget the STE after each
 *
 * There is a gap, in which the STE aborts, only if two dwords have bits that
 * both STEs read and that must change at the same time.
 *
 * Return: how many steps there are, 0 if the STEs are equal.
 */
int arm_smmu_plan_ste(const struct arm_smmu_ste *from,
		      const struct arm_smmu_ste *to,
		      struct arm_smmu_ste steps[ARM_SMMU_STE_MAX_STEPS])
{
	u64 from_used[STRTAB_STE_DWORDS] __uninitialized;
	u64 to_used[STRTAB_STE_DWORDS] __uninitialized;
	u64 loose = ste1_loose(from, to);
	int critical;

	ste_used(from, from_used);
	ste_used(to, to_used);
	critical = ste_critical(from, from_used, to, to_used, loose);
	if (critical < 0)
		return ste_plan_abort(from, to, steps);
	return ste_plan_hitless(from, from_used, to, critical, loose, steps);
}

/**
 * arm_smmu_store_ste - Store a step of a plan where the SMMU can read it
 * @live: The STE in the stream table
 * @step: The step
 */
void arm_smmu_store_ste(struct arm_smmu_ste *live,
			const struct arm_smmu_ste *step)
{
	int i;

	/* Any field within 64 bits can be changed at once (3.21.3) */
	for (i = 0; i < STRTAB_STE_DWORDS; i++)
		if (live->data[i] != step->data[i])
			WRITE_ONCE(live->data[i], step->data[i]);
}

/**
 * arm_smmu_clear_ste - Begin an STE
 * @ste: The STE: not valid yet
 *
 * Memory attributes are as the device gives them. The SMMU reads these fields only
 * where no stage 1 gives others, but fields that all STEs have alike cost no step.
 */
void arm_smmu_clear_ste(struct arm_smmu_ste *ste)
{
	u64 shcfg = FIELD_PREP(STRTAB_STE_1_SHCFG, STRTAB_STE_1_SHCFG_INCOMING);

	memset(ste, 0, sizeof(*ste));
	ste->data[1] = cpu_to_le64(shcfg);
}

/**
 * arm_smmu_set_ste_config - Make an STE valid
 * @ste: The STE
 * @config: Its Config
 */
void arm_smmu_set_ste_config(struct arm_smmu_ste *ste, u64 config)
{
	ste->data[0] |= cpu_to_le64(STRTAB_STE_0_V |
				    FIELD_PREP(STRTAB_STE_0_CFG, config));
}

static void ste_set_s1(struct arm_smmu_ste *ste, struct arm_smmu_master *master,
		       const struct arm_smmu_s1_cfg *cfg)
{
	u32 features = master->smmu->features;
	u64 strw = features & ARM_SMMU_FEAT_E2H ? STRTAB_STE_1_STRW_EL2 :
						  STRTAB_STE_1_STRW_NSEL1;
	u64 ste0, ste1;

	ste0 = (cfg->cdcfg.cdtab_dma & STRTAB_STE_0_S1CTXPTR_MASK) |
	       FIELD_PREP(STRTAB_STE_0_S1CDMAX, cfg->s1cdmax) |
	       FIELD_PREP(STRTAB_STE_0_S1FMT, cfg->s1fmt);
	ste1 = FIELD_PREP(STRTAB_STE_1_S1DSS, STRTAB_STE_1_S1DSS_SSID0) |
	       FIELD_PREP(STRTAB_STE_1_S1CIR, STRTAB_STE_1_S1C_CACHE_WBRA) |
	       FIELD_PREP(STRTAB_STE_1_S1COR, STRTAB_STE_1_S1C_CACHE_WBRA) |
	       FIELD_PREP(STRTAB_STE_1_S1CSH, ARM_SMMU_SH_ISH) |
	       FIELD_PREP(STRTAB_STE_1_STRW, strw);
	if (features & ARM_SMMU_FEAT_STALLS && !master->stall_enabled)
		ste1 |= STRTAB_STE_1_S1STALLD;
	ste->data[0] |= cpu_to_le64(ste0);
	ste->data[1] |= cpu_to_le64(ste1);
}

/**
 * arm_smmu_set_ste_s2 - Put a stage 2 into an STE
 * @ste: The STE
 * @domain: The stage 2
 * @vmid: Tag of what is cached of it
 */
void arm_smmu_set_ste_s2(struct arm_smmu_ste *ste,
			 const struct arm_smmu_domain *domain, u16 vmid)
{
	const struct arm_smmu_s2_cfg *cfg = &domain->s2_cfg;
	u64 ste2 = FIELD_PREP(STRTAB_STE_2_S2VMID, vmid) |
		   FIELD_PREP(STRTAB_STE_2_VTCR, cfg->vtcr) |
		   STRTAB_STE_2_S2PTW | STRTAB_STE_2_S2AA64 | STRTAB_STE_2_S2R;

	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		ste2 |= STRTAB_STE_2_S2ENDI;
	if (domain->hd)
		ste2 |= STRTAB_STE_2_S2HD | STRTAB_STE_2_S2HA;
	if (domain->fwb)
		ste->data[1] |= cpu_to_le64(STRTAB_STE_1_S2FWB);
	ste->data[2] |= cpu_to_le64(ste2);
	ste->data[3] |= cpu_to_le64(cfg->vttbr & STRTAB_STE_3_S2TTB_MASK);
}

/**
 * arm_smmu_set_ste_stall - Let a device that can stall do it at stage 2
 * @ste: Its STE
 * @master: The device
 *
 * On an SMMU that always stalls, no other STE is legal.
 */
void arm_smmu_set_ste_stall(struct arm_smmu_ste *ste,
			    struct arm_smmu_master *master)
{
	if (master->stall_enabled)
		ste->data[2] |= cpu_to_le64(STRTAB_STE_2_S2S);
}

/**
 * arm_smmu_set_ste_ats - Let a device that does ATS do it
 * @ste: Its STE
 * @master: The device
 */
void arm_smmu_set_ste_ats(struct arm_smmu_ste *ste,
			  struct arm_smmu_master *master)
{
	u64 eats = FIELD_PREP(STRTAB_STE_1_EATS, STRTAB_STE_1_EATS_TRANS);

	if (master->ats_enabled)
		ste->data[1] |= cpu_to_le64(eats);
}

/**
 * arm_smmu_make_ste - Make the STE of a device
 * @master: The device; its domain and its use of ATS say what the STE is
 * @ste: Out: the STE
 *
 * A device without a domain must not reach memory, whatever is allowed to
 * streams that have no device.
 */
void arm_smmu_make_ste(struct arm_smmu_master *master,
		       struct arm_smmu_ste *ste)
{
	struct arm_smmu_domain *domain = master->domain;

	arm_smmu_clear_ste(ste);
	if (!domain) {
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_ABORT);
		return;
	}

	switch (domain->stage) {
	case ARM_SMMU_DOMAIN_S1:
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_S1_TRANS);
		ste_set_s1(ste, master, &domain->s1_cfg);
		arm_smmu_set_ste_ats(ste, master);
		break;
	case ARM_SMMU_DOMAIN_S2:
	case ARM_SMMU_DOMAIN_NESTED:
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_S2_TRANS);
		arm_smmu_set_ste_s2(ste, domain, domain->s2_cfg.vmid);
		arm_smmu_set_ste_stall(ste, master);
		arm_smmu_set_ste_ats(ste, master);
		break;
	case ARM_SMMU_DOMAIN_BYPASS:
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_BYPASS);
		break;
	}
}
