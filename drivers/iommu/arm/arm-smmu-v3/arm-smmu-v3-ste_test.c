// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the ways between stream table entries. The test is the SMMU: it
 * fetches every mix of old and new dwords that a step makes possible, and reads
 * of it what the architecture says that it reads (Arm IHI 0070, 5.2).
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/slab.h>

#include "arm-smmu-v3-ste.h"

#define V		BIT_ULL(0)
#define CONFIG(n)	((u64)(n) << 1)
#define PTR(n)		((u64)(n) << 12)
#define FMT_2LVL	(2ULL << 4)
#define CDMAX(n)	((u64)(n) << 59)
#define DSS(n)		((u64)(n))
#define WBRA_ISH	(BIT_ULL(2) | BIT_ULL(4) | (3ULL << 6))
#define PPAR		BIT_ULL(18)
#define MEV		BIT_ULL(19)
#define FWB		BIT_ULL(25)
#define STALLD		BIT_ULL(27)
#define EATS(n)		((u64)(n) << 28)
#define STRW_EL2	(2ULL << 30)
#define INCOMING	BIT_ULL(44)
#define VMID(n)		((u64)(n))
#define VTCR		(0x28559ULL << 32)
#define S2_FLAGS	(BIT_ULL(51) | BIT_ULL(54) | BIT_ULL(58))
#define S2_STALL	BIT_ULL(57)
#define S2_DIRTY	(BIT_ULL(55) | BIT_ULL(56))

#define S1		(V | CONFIG(5))
#define S2		(V | CONFIG(6))
#define NESTED		(V | CONFIG(7))
#define DW2(vmid)	(VMID(vmid) | VTCR | S2_FLAGS)

enum {
	INVALID, INVALID_DIRTY, ABORT, ABORT_DIRTY, ABORT_RESERVED, BYPASS,
	BYPASS_MEMATTR, S1_ONE_CD, S1_TABLE, S1_OTHER, S1_2LVL, S1_DSS_ABORT,
	S1_DSS_BYPASS, S1_ATS, S1_PRI, S1_STALLD, S1_EL2, S2_A, S2_B,
	S2_A_DIRTY, S2_ATS, S2_FWB, NESTED_A, NESTED_A_PTR, NESTED_A_DSS,
	NESTED_A_BOTH, NESTED_A_ATS, NESTED_A_SPLIT, NESTED_A_MEV, NESTED_B,
	NR_STES
};

static const struct {
	const char *name;
	u64 data[STRTAB_STE_DWORDS];
} stes[NR_STES] = {
	[INVALID] = { "invalid" },
	[INVALID_DIRTY] = { "invalid, all else set",
		{ ~V, ~0, ~0, ~0, ~0, ~0, ~0, ~0 } },
	[ABORT] = { "abort", { V, INCOMING } },
	[ABORT_DIRTY] = { "abort, all else set",
		{ ~CONFIG(7), ~0, ~0, ~0, ~0, ~0, ~0, ~0 } },
	[ABORT_RESERVED] = { "abort, reserved", { V | CONFIG(2), INCOMING } },
	[BYPASS] = { "bypass", { V | CONFIG(4), INCOMING } },
	[BYPASS_MEMATTR] = { "bypass, attributes",
		{ V | CONFIG(4), INCOMING | (0x1fULL << 32) } },
	[S1_ONE_CD] = { "stage 1, one CD",
		{ S1 | PTR(1), WBRA_ISH | INCOMING } },
	[S1_TABLE] = { "stage 1, table",
		{ S1 | PTR(2) | CDMAX(5), WBRA_ISH | DSS(2) | INCOMING } },
	[S1_OTHER] = { "stage 1, other table",
		{ S1 | PTR(3) | CDMAX(5), WBRA_ISH | DSS(2) | INCOMING } },
	[S1_2LVL] = { "stage 1, two levels",
		{ S1 | PTR(4) | CDMAX(16) | FMT_2LVL,
		  WBRA_ISH | DSS(2) | INCOMING } },
	[S1_DSS_ABORT] = { "stage 1, none terminates",
		{ S1 | PTR(2) | CDMAX(5), WBRA_ISH | INCOMING } },
	[S1_DSS_BYPASS] = { "stage 1, none bypasses",
		{ S1 | PTR(2) | CDMAX(5), WBRA_ISH | DSS(1) | (3ULL << 44) } },
	[S1_ATS] = { "stage 1, ATS",
		{ S1 | PTR(2) | CDMAX(5),
		  WBRA_ISH | DSS(2) | EATS(1) | INCOMING } },
	[S1_PRI] = { "stage 1, ATS and PRI",
		{ S1 | PTR(2) | CDMAX(5),
		  WBRA_ISH | DSS(2) | PPAR | EATS(1) | INCOMING } },
	[S1_STALLD] = { "stage 1, no stall",
		{ S1 | PTR(2) | CDMAX(5),
		  WBRA_ISH | DSS(2) | STALLD | INCOMING } },
	[S1_EL2] = { "stage 1, EL2",
		{ S1 | PTR(2) | CDMAX(5),
		  WBRA_ISH | DSS(2) | STRW_EL2 | INCOMING } },
	[S2_A] = { "stage 2, A", { S2, INCOMING, DW2(1), PTR(0xa) } },
	[S2_B] = { "stage 2, B", { S2, INCOMING, DW2(2), PTR(0xb) } },
	[S2_A_DIRTY] = { "stage 2, A, dirty tracking",
		{ S2, INCOMING, DW2(1) | S2_DIRTY, PTR(0xa) } },
	[S2_ATS] = { "stage 2, A, ATS",
		{ S2, INCOMING | EATS(1), DW2(1), PTR(0xa) } },
	[S2_FWB] = { "stage 2, A, FWB",
		{ S2, INCOMING | FWB, DW2(1), PTR(0xa) } },
	[NESTED_A] = { "nested in A",
		{ NESTED | PTR(5) | CDMAX(5), WBRA_ISH | DSS(2) | INCOMING,
		  DW2(1), PTR(0xa) } },
	[NESTED_A_PTR] = { "nested in A, other table",
		{ NESTED | PTR(6) | CDMAX(5), WBRA_ISH | DSS(2) | INCOMING,
		  DW2(1), PTR(0xa) } },
	[NESTED_A_DSS] = { "nested in A, none terminates",
		{ NESTED | PTR(5) | CDMAX(5), WBRA_ISH | INCOMING,
		  DW2(1), PTR(0xa) } },
	[NESTED_A_BOTH] = { "nested in A, other table, none terminates",
		{ NESTED | PTR(6) | CDMAX(5), WBRA_ISH | INCOMING,
		  DW2(1), PTR(0xa) } },
	[NESTED_A_ATS] = { "nested in A, other table, ATS",
		{ NESTED | PTR(6) | CDMAX(5),
		  WBRA_ISH | DSS(2) | EATS(1) | INCOMING, DW2(1), PTR(0xa) } },
	[NESTED_A_SPLIT] = { "nested in A, other table, split-stage ATS",
		{ NESTED | PTR(6) | CDMAX(5),
		  WBRA_ISH | DSS(2) | EATS(2) | INCOMING, DW2(1), PTR(0xa) } },
	[NESTED_A_MEV] = { "nested in A, other table, merged events",
		{ NESTED | PTR(6) | CDMAX(5),
		  WBRA_ISH | DSS(2) | MEV | INCOMING, DW2(1), PTR(0xa) } },
	[NESTED_B] = { "nested in B",
		{ NESTED | PTR(5) | CDMAX(5), WBRA_ISH | DSS(2) | INCOMING,
		  DW2(2), PTR(0xb) } },
};

struct ste_test {
	struct arm_smmu_ste from, to, live, steps[ARM_SMMU_STE_MAX_STEPS];
	int count;
	bool gap;
	const char *from_name, *to_name;
};

static void get_ste(int nr, struct arm_smmu_ste *ste)
{
	int i;

	for (i = 0; i < STRTAB_STE_DWORDS; i++)
		ste->data[i] = cpu_to_le64(stes[nr].data[i]);
}

static bool silent(u64 dword0)
{
	return (dword0 & V) && !(dword0 & CONFIG(4));
}

/* What the SMMU makes of an STE: the STE without all that it ignores */
static void fetch(const struct arm_smmu_ste *ste, u64 *seen)
{
	bool s1, s2, ssids;
	u64 *d = seen;
	int i;

	memset(seen, 0, sizeof(*ste));
	for (i = 0; i < STRTAB_STE_DWORDS; i++)
		seen[i] = le64_to_cpu(ste->data[i]);
	if (!(d[0] & V) || silent(d[0])) {
		d[0] &= V;
		memset(d + 1, 0, sizeof(*ste) - sizeof(*d));
		return;
	}
	s1 = d[0] & CONFIG(1);
	s2 = d[0] & CONFIG(2);
	ssids = s1 && d[0] >> 59;

	if (s1 && !(ssids && (d[1] & 3) == 1))
		d[1] &= ~(GENMASK_ULL(40, 32) | GENMASK_ULL(45, 44));
	if (!ssids) {
		d[0] &= ~GENMASK_ULL(5, 4);
		d[1] &= ~GENMASK_ULL(1, 0);
	}
	if (!s1) {
		d[0] &= ~(GENMASK_ULL(51, 6) | GENMASK_ULL(63, 59));
		d[1] &= ~(GENMASK_ULL(7, 2) | BIT_ULL(27) | GENMASK_ULL(31, 30));
	}
	if (!s2) {
		d[1] &= ~BIT_ULL(25);
		d[2] &= ~GENMASK_ULL(63, 32);
		d[3] &= ~GENMASK_ULL(51, 4);
	}
	if (!s1 && !s2) {
		d[1] &= ~(GENMASK_ULL(29, 28) | PPAR);
		d[2] &= ~GENMASK_ULL(15, 0);
	}
}

/* Does what is fetched mean this STE? EATS, PPAR and MEV may be early or late. */
static bool means(const struct arm_smmu_ste *fetched,
		  const struct arm_smmu_ste *ste, bool split)
{
	u64 a[STRTAB_STE_DWORDS], b[STRTAB_STE_DWORDS];
	u64 any = MEV | PPAR | (split ? 0 : EATS(1));

	fetch(fetched, a);
	fetch(ste, b);
	a[1] &= ~any;
	b[1] &= ~any;
	return !memcmp(a, b, sizeof(a));
}

static bool is_split(const struct ste_test *t)
{
	return (t->from.data[1] | t->to.data[1]) & cpu_to_le64(EATS(2));
}

/* Fetch each mix of two images; whichever dwords differ have either value */
static void check_mixes(struct kunit *test, struct ste_test *t,
			const struct arm_smmu_ste *a,
			const struct arm_smmu_ste *b)
{
	unsigned int mix;
	int i;

	for (mix = 0; mix < BIT(STRTAB_STE_DWORDS); mix++) {
		struct arm_smmu_ste fetched;

		for (i = 0; i < STRTAB_STE_DWORDS; i++)
			fetched.data[i] = (mix & BIT(i) ? b : a)->data[i];
		if (means(&fetched, &t->from, is_split(t)) ||
		    means(&fetched, &t->to, is_split(t)))
			continue;
		KUNIT_EXPECT_TRUE_MSG(test,
				      t->gap && silent(le64_to_cpu(fetched.data[0])),
				      "%s to %s: mix %x is neither",
				      t->from_name, t->to_name, mix);
	}
}

/* Bits that both read and that differ: in how many dwords? */
static int dwords_in_conflict(struct ste_test *t)
{
	int i, bit, count = 0;

	for (i = 0; i < STRTAB_STE_DWORDS; i++) {
		bool conflict = false;

		for (bit = 0; bit < 64; bit++) {
			struct arm_smmu_ste from = t->from, to = t->to;
			__le64 flip = cpu_to_le64(BIT_ULL(bit));

			if (!((from.data[i] ^ to.data[i]) & flip))
				continue;
			from.data[i] ^= flip;
			to.data[i] ^= flip;
			if (!means(&from, &t->from, is_split(t)) &&
			    !means(&to, &t->to, is_split(t)))
				conflict = true;
		}
		count += conflict;
	}
	return count;
}

static void plan(struct ste_test *t, int from, int to)
{
	int i;

	get_ste(from, &t->from);
	get_ste(to, &t->to);
	t->from_name = stes[from].name;
	t->to_name = stes[to].name;
	t->count = arm_smmu_plan_ste(&t->from, &t->to, t->steps);
	t->gap = false;
	for (i = 0; i < t->count - 1; i++)
		if (silent(le64_to_cpu(t->steps[i].data[0])) &&
		    !silent(le64_to_cpu(t->from.data[0])) &&
		    !silent(le64_to_cpu(t->to.data[0])))
			t->gap = true;
}

static void no_mix_is_anything_else(struct kunit *test)
{
	struct ste_test *t = test->priv;
	int from, to, i;

	for (from = 0; from < NR_STES; from++) {
		for (to = 0; to < NR_STES; to++) {
			const struct arm_smmu_ste *before = &t->from;

			plan(t, from, to);
			for (i = 0; i < t->count; i++) {
				check_mixes(test, t, before, &t->steps[i]);
				before = &t->steps[i];
			}
			/* It ends where it should, in every bit */
			KUNIT_EXPECT_EQ_MSG(test, 0,
					    memcmp(before, &t->to, sizeof(t->to)),
					    "%s to %s", t->from_name, t->to_name);
		}
	}
}

static void there_is_a_gap_only_where_there_must_be(struct kunit *test)
{
	struct ste_test *t = test->priv;
	int from, to, gaps = 0;

	for (from = 0; from < NR_STES; from++) {
		for (to = 0; to < NR_STES; to++) {
			plan(t, from, to);
			KUNIT_EXPECT_EQ_MSG(test, t->gap,
					    dwords_in_conflict(t) > 1, "%s to %s",
					    t->from_name, t->to_name);
			KUNIT_EXPECT_EQ_MSG(test, from == to, !t->count,
					    "%s to %s", t->from_name, t->to_name);
			gaps += t->gap;
		}
	}
	KUNIT_EXPECT_GT(test, gaps, 0);
}

static void a_step_changes_memory(struct kunit *test)
{
	struct ste_test *t = test->priv;
	int from, to, i;

	for (from = 0; from < NR_STES; from++) {
		for (to = 0; to < NR_STES; to++) {
			plan(t, from, to);
			t->live = t->from;
			for (i = 0; i < t->count; i++) {
				KUNIT_EXPECT_NE(test, 0,
						memcmp(&t->live, &t->steps[i],
						       sizeof(t->live)));
				arm_smmu_store_ste(&t->live, &t->steps[i]);
				KUNIT_EXPECT_EQ(test, 0,
						memcmp(&t->live, &t->steps[i],
						       sizeof(t->live)));
			}
		}
	}
}

static void the_ways_that_drivers_go_are_short(struct kunit *test)
{
	static const struct {
		int from, to, count;
		bool gap;
	} ways[] = {
		{ ABORT, BYPASS, 1 },
		{ BYPASS, ABORT, 1 },
		{ BYPASS, S1_TABLE, 2 },	/* A direct-mapped region lives on */
		{ S1_TABLE, BYPASS, 2 },
		{ S1_TABLE, ABORT, 2 },
		{ S1_TABLE, S1_OTHER, 1 },
		{ S1_TABLE, S1_ATS, 1 },
		{ S1_TABLE, S1_PRI, 1 },
		{ S1_TABLE, S2_A, 3, true },	/* VMID and Config */
		{ S2_A, S2_B, 3, true },
		{ S2_A, S2_A_DIRTY, 1 },
		{ S2_A, NESTED_A, 2 },
		{ NESTED_A, S2_A, 2 },
		{ NESTED_A, NESTED_A_PTR, 1 },
		{ NESTED_A, NESTED_A_DSS, 1 },
		{ NESTED_A, NESTED_A_BOTH, 3, true },
		{ NESTED_A, NESTED_A_ATS, 2 },
		{ NESTED_A, NESTED_A_MEV, 2 },
		{ NESTED_A, NESTED_A_SPLIT, 3, true },
		{ NESTED_A, NESTED_B, 3, true },
		{ NESTED_A, ABORT, 2 },
		{ ABORT_DIRTY, NESTED_A, 2 },
	};
	struct ste_test *t = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		plan(t, ways[i].from, ways[i].to);
		KUNIT_EXPECT_EQ_MSG(test, ways[i].count, t->count, "%s to %s",
				    t->from_name, t->to_name);
		KUNIT_EXPECT_EQ_MSG(test, ways[i].gap, t->gap, "%s to %s",
				    t->from_name, t->to_name);
	}
}

/* The checker must see what a careless writer does */
static void a_careless_writer_is_caught(struct kunit *test)
{
	struct ste_test *t = test->priv;
	struct arm_smmu_ste mix;

	plan(t, NESTED_A, NESTED_B);
	mix = t->from;
	mix.data[3] = t->to.data[3];
	KUNIT_EXPECT_FALSE(test, means(&mix, &t->from, false));
	KUNIT_EXPECT_FALSE(test, means(&mix, &t->to, false));
	KUNIT_EXPECT_TRUE(test, means(&t->to, &t->to, false));
}

static void make(struct ste_test *t, struct arm_smmu_master *master)
{
	memset(&t->live, 0xff, sizeof(t->live));
	arm_smmu_make_ste(master, &t->live);
}

static void a_domain_has_its_ste(struct kunit *test)
{
	struct arm_smmu_device *smmu = kunit_kzalloc(test, sizeof(*smmu), GFP_KERNEL);
	struct arm_smmu_domain *domain = kunit_kzalloc(test, sizeof(*domain),
						       GFP_KERNEL);
	struct arm_smmu_master *master = kunit_kzalloc(test, sizeof(*master),
						       GFP_KERNEL);
	struct ste_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, smmu && domain && master);
	master->smmu = smmu;
	master->ats_enabled = true;
	make(t, master);
	get_ste(ABORT, &t->to);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));

	master->domain = domain;
	domain->stage = ARM_SMMU_DOMAIN_BYPASS;
	make(t, master);
	get_ste(BYPASS, &t->to);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));

	domain->stage = ARM_SMMU_DOMAIN_S1;
	domain->s1_cfg.s1cdmax = 5;
	domain->s1_cfg.cdcfg.cdtab_dma = PTR(2);
	make(t, master);
	get_ste(S1_ATS, &t->to);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));

	/* Where stalling is a choice, who does not want it says so */
	master->ats_enabled = false;
	smmu->features = ARM_SMMU_FEAT_STALLS;
	make(t, master);
	get_ste(S1_STALLD, &t->to);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));
	master->stall_enabled = true;
	smmu->features |= ARM_SMMU_FEAT_E2H;
	make(t, master);
	get_ste(S1_EL2, &t->to);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));

	memset(&domain->s1_cfg, 0, sizeof(domain->s1_cfg));
	domain->stage = ARM_SMMU_DOMAIN_S2;
	domain->s2_cfg.vmid = 1;
	domain->s2_cfg.vtcr = VTCR >> 32;
	domain->s2_cfg.vttbr = PTR(0xa);
	make(t, master);
	get_ste(S2_A, &t->to);
	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		t->to.data[2] |= cpu_to_le64(BIT_ULL(52));
	t->to.data[2] |= cpu_to_le64(S2_STALL);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));
	master->stall_enabled = false;
	make(t, master);
	t->to.data[2] &= ~cpu_to_le64(S2_STALL);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&t->live, &t->to, sizeof(t->to)));
}

static int ste_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct ste_test), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static struct kunit_case ste_test_cases[] = {
	KUNIT_CASE(no_mix_is_anything_else),
	KUNIT_CASE(there_is_a_gap_only_where_there_must_be),
	KUNIT_CASE(a_step_changes_memory),
	KUNIT_CASE(the_ways_that_drivers_go_are_short),
	KUNIT_CASE(a_careless_writer_is_caught),
	KUNIT_CASE(a_domain_has_its_ste),
	{}
};

static struct kunit_suite ste_test_suite = {
	.name = "arm-smmu-v3-ste",
	.init = ste_test_init,
	.test_cases = ste_test_cases,
};

kunit_test_suite(ste_test_suite);
