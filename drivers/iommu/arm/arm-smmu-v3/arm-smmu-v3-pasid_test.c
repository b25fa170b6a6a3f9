// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of PASIDs: what is in a device's own table of CDs, and which table
 * its STE names.
 */
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/platform_device.h>

#include "arm-smmu-v3-fake.h"
#include "arm-smmu-v3-pasid.h"
#include "arm-smmu-v3-ste.h"

#define SID		3ULL
#define OTHER_SID	5ULL
#define NR_SIDS		8
#define PASID		9ULL
#define NR_DOMAINS	4

#define V		BIT_ULL(31)
#define WITH_ASID(n)		((u64)(n) << 48)
#define PTR(n)		((u64)(n) << 12)
#define PTR_MASK	GENMASK_ULL(51, 6)

#define CFGI_STE(sid)		(0x03ULL | (sid) << 32)
#define CFGI_CD(sid, ssid)	(0x05ULL | (sid) << 32 | (ssid) << 12)
#define ATC_INV(sid, ssid)	(0x40ULL | BIT_ULL(11) | (sid) << 32 | (ssid) << 12)

/**
 * struct pasid_test - what a test has
 * @fake: the SMMU
 * @pdev: its device
 * @fd: a device, attached to the first of @domains
 * @other: another one, attached to the same
 * @domains: of stage 1
 * @cds: the table of each, of which only the first CD is used
 * @strtab: the stream table
 */
struct pasid_test {
	struct fake_smmu *fake;
	struct platform_device *pdev;
	struct fake_dev *fd;
	struct fake_dev *other;
	struct arm_smmu_domain domains[NR_DOMAINS];
	__le64 cds[NR_DOMAINS][16 * CTXDESC_CD_DWORDS];
	__le64 strtab[NR_SIDS * STRTAB_STE_DWORDS];
};

static void make_domain(struct pasid_test *t, int i)
{
	struct arm_smmu_domain *domain = &t->domains[i];

	mutex_init(&domain->init_mutex);
	spin_lock_init(&domain->devices_lock);
	INIT_LIST_HEAD(&domain->devices);
	INIT_LIST_HEAD(&domain->pasids);
	INIT_LIST_HEAD(&domain->shares);
	domain->smmu = &t->fake->smmu;
	domain->stage = ARM_SMMU_DOMAIN_S1;
	domain->s1_cfg.s1cdmax = 4;
	domain->s1_cfg.cdcfg.cdtab = t->cds[i];
	domain->s1_cfg.cdcfg.cdtab_dma = PTR(i + 1);
	t->cds[i][0] = cpu_to_le64(V | WITH_ASID(i + 1));
	t->cds[i][1] = cpu_to_le64(PTR(0x100 + i));
	t->cds[i][3] = cpu_to_le64(0xff + i);
}

static struct fake_dev *make_dev(struct kunit *test, struct pasid_test *t,
				 u32 sid)
{
	struct fake_dev *fd = fake_dev_alloc(test, t->fake, sid);

	fd->master.ssid_bits = 4;
	arm_smmu_enter_domain(&fd->master, &t->domains[0], NULL);
	return fd;
}

static int pasid_test_init(struct kunit *test)
{
	struct pasid_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct arm_smmu_device *smmu;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->fake = fake_smmu_alloc(test);
	smmu = &t->fake->smmu;
	t->pdev = platform_device_alloc("smmu-pasid-test", PLATFORM_DEVID_NONE);
	KUNIT_ASSERT_NOT_NULL(test, t->pdev);
	smmu->dev = &t->pdev->dev;
	KUNIT_ASSERT_EQ(test, 0, dma_coerce_mask_and_coherent(smmu->dev,
							      DMA_BIT_MASK(48)));
	smmu->options = ARM_SMMU_OPT_SKIP_PREFETCH;
	smmu->features = ARM_SMMU_FEAT_TRANS_S1;
	smmu->strtab_cfg.strtab = t->strtab;
	for (i = 0; i < NR_DOMAINS; i++)
		make_domain(t, i);
	t->fd = make_dev(test, t, SID);
	t->other = make_dev(test, t, OTHER_SID);
	return 0;
}

static void pasid_test_exit(struct kunit *test)
{
	struct pasid_test *t = test->priv;

	if (t && t->fd) {
		arm_smmu_free_cds(&t->fd->master);
		fake_dev_free(t->fd);
	}
	if (t && t->other) {
		arm_smmu_free_cds(&t->other->master);
		fake_dev_free(t->other);
	}
	if (t)
		platform_device_put(t->pdev);
}

static int set(struct pasid_test *t, u32 pasid, int to, int from)
{
	return arm_smmu_set_dev_pasid(&t->domains[to].domain, t->fd->dev, pasid,
				      from < 0 ? NULL :
				      &t->domains[from].domain);
}

static void unset(struct pasid_test *t, u32 pasid, int from)
{
	arm_smmu_remove_dev_pasid(t->fd->dev, pasid, &t->domains[from].domain);
}

/* Where the device's STE says that its CDs are */
static u64 table(struct pasid_test *t, u32 sid)
{
	return le64_to_cpu(t->strtab[sid * STRTAB_STE_DWORDS]) & PTR_MASK;
}

static u64 own_table(struct pasid_test *t)
{
	return t->fd->master.cds->s1_cfg.cdcfg.cdtab_dma;
}

static const __le64 *own_cd(struct pasid_test *t, u32 ssid)
{
	return arm_smmu_get_cd_ptr(t->fd->master.cds, ssid);
}

static void expect_cd(struct kunit *test, u32 ssid, int domain)
{
	struct pasid_test *t = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, 0, memcmp(own_cd(t, ssid), t->cds[domain],
					    CTXDESC_CD_DWORDS * 8),
			    "CD %u is not that of domain %d", ssid, domain);
}

/* Since the last time */
static int count_cmds(struct pasid_test *t, u64 cmd0)
{
	return fake_count_cmds(t->fake, cmd0);
}

static void a_pasid_is_of_one_device(struct kunit *test)
{
	struct pasid_test *t = test->priv;
	int i;

	KUNIT_EXPECT_EQ(test, PTR(1), table(t, SID));
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	KUNIT_EXPECT_EQ(test, own_table(t), table(t, SID));
	expect_cd(test, 0, 0);
	expect_cd(test, PASID, 1);
	for (i = 1; i < 16; i++)
		if (i != PASID)
			KUNIT_EXPECT_EQ(test, 0,
					le64_to_cpu(own_cd(t, i)[0]));
	/* The other device, and what both are attached to, know nothing of it */
	KUNIT_EXPECT_EQ(test, PTR(1), table(t, OTHER_SID));
	KUNIT_EXPECT_EQ(test, 0,
			le64_to_cpu(t->cds[0][PASID * CTXDESC_CD_DWORDS]));

	unset(t, PASID, 1);
	KUNIT_EXPECT_EQ(test, PTR(1), table(t, SID));
	KUNIT_EXPECT_EQ(test, 0, le64_to_cpu(own_cd(t, PASID)[0]));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->domains[1].pasids));
	/* Twice is once */
	unset(t, PASID, 1);
	KUNIT_EXPECT_EQ(test, 0, t->fd->master.nr_pasids);
}

static void the_smmu_forgets_what_was(struct kunit *test)
{
	struct pasid_test *t = test->priv;

	count_cmds(t, 0);
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	KUNIT_EXPECT_EQ(test, 2, count_cmds(t, CFGI_CD(SID, PASID)));
	/* From one to another, by another table */
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 2, 1));
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, CFGI_CD(SID, PASID)));
	KUNIT_ASSERT_EQ(test, 0, set(t, 1, 2, -1));
	KUNIT_EXPECT_EQ(test, 0, count_cmds(t, CFGI_STE(SID)));
	unset(t, 1, 2);
	KUNIT_EXPECT_EQ(test, 0, count_cmds(t, CFGI_STE(SID)));
	unset(t, PASID, 2);
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, CFGI_STE(SID)));
}

/* Without a PASID */
static void enter(struct pasid_test *t, int domain)
{
	mutex_lock(&arm_smmu_asid_lock);
	arm_smmu_enter_domain(&t->fd->master, &t->domains[domain], NULL);
	mutex_unlock(&arm_smmu_asid_lock);
}

static void a_pasid_moves_alone(struct kunit *test)
{
	struct pasid_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	KUNIT_ASSERT_EQ(test, 0, set(t, 1, 1, -1));
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 2, 1));
	expect_cd(test, PASID, 2);
	expect_cd(test, 1, 1);
	expect_cd(test, 0, 0);
	KUNIT_EXPECT_EQ(test, 2, t->fd->master.nr_pasids);

	/* And so does what has no PASID */
	enter(t, 3);
	KUNIT_EXPECT_EQ(test, own_table(t), table(t, SID));
	expect_cd(test, 0, 3);
	expect_cd(test, PASID, 2);
	expect_cd(test, 1, 1);
	unset(t, PASID, 2);
	KUNIT_EXPECT_EQ(test, own_table(t), table(t, SID));
	unset(t, 1, 1);
	KUNIT_EXPECT_EQ(test, PTR(4), table(t, SID));
}

/* What the SMMU reads before and after a move are different tables, both whole */
static void a_move_does_not_stop_dma(struct kunit *test)
{
	struct pasid_test *t = test->priv;
	const __le64 *cds;
	u64 first;

	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	first = own_table(t);
	cds = own_cd(t, 0);
	count_cmds(t, 0);
	enter(t, 3);
	/* One dword of the STE, once */
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, CFGI_STE(SID)));
	KUNIT_EXPECT_NE(test, first, own_table(t));
	KUNIT_EXPECT_EQ(test, own_table(t), table(t, SID));
	expect_cd(test, 0, 3);
	expect_cd(test, PASID, 1);
	KUNIT_EXPECT_EQ(test, 0, memcmp(cds, t->cds[0], CTXDESC_CD_DWORDS * 8));
	KUNIT_EXPECT_EQ(test, 0, memcmp(cds + PASID * CTXDESC_CD_DWORDS,
					t->cds[1], CTXDESC_CD_DWORDS * 8));

	/* A PASID does so too, and there is no third table */
	cds = own_cd(t, 0);
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 2, 1));
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, CFGI_STE(SID)));
	KUNIT_EXPECT_EQ(test, first, own_table(t));
	KUNIT_EXPECT_EQ(test, first, table(t, SID));
	expect_cd(test, 0, 3);
	expect_cd(test, PASID, 2);
	KUNIT_EXPECT_EQ(test, 0, memcmp(cds + PASID * CTXDESC_CD_DWORDS,
					t->cds[1], CTXDESC_CD_DWORDS * 8));

	/* To where it is already, nothing has to be written; the new ASID counts */
	enter(t, 3);
	expect_cd(test, 0, 3);
	t->cds[3][0] = cpu_to_le64(V | WITH_ASID(0x77));
	mutex_lock(&arm_smmu_asid_lock);
	arm_smmu_update_cd_copies(&t->domains[3]);
	mutex_unlock(&arm_smmu_asid_lock);
	expect_cd(test, 0, 3);
	expect_cd(test, PASID, 2);
	unset(t, PASID, 2);
	KUNIT_EXPECT_EQ(test, PTR(4), table(t, SID));
}

static void without_memory_a_move_stops_it_for_a_moment(struct kunit *test)
{
	struct pasid_test *t = test->priv;
	u64 first;

	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	first = own_table(t);
	/* No page is there */
	t->pdev->dev.coherent_dma_mask = DMA_BIT_MASK(13);
	count_cmds(t, 0);
	enter(t, 3);
	/* Nothing, then the other one, then that it is valid */
	KUNIT_EXPECT_EQ(test, 3, count_cmds(t, CFGI_CD(SID, 0ULL)));
	KUNIT_EXPECT_EQ(test, first, table(t, SID));
	expect_cd(test, 0, 3);
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 2, 1));
	KUNIT_EXPECT_EQ(test, 3, count_cmds(t, CFGI_CD(SID, PASID)));
	KUNIT_EXPECT_EQ(test, first, table(t, SID));
	expect_cd(test, PASID, 2);
	expect_cd(test, 0, 3);
	unset(t, PASID, 2);
}

/* Where the SMMU finds a part of level 2 */
static u64 leaf(struct pasid_test *t, int i)
{
	return le64_to_cpu(t->fd->master.cds->s1_cfg.cdcfg.cdtab[i]);
}

static void only_a_part_of_two_levels_moves(struct kunit *test)
{
	struct pasid_test *t = test->priv;
	u64 first, leaves[5];
	int i;

	t->fake->smmu.features |= ARM_SMMU_FEAT_2_LVL_CDTAB;
	t->fd->master.ssid_bits = 13;
	KUNIT_ASSERT_EQ(test, 0, set(t, 5000, 1, -1));
	first = own_table(t);
	for (i = 0; i < ARRAY_SIZE(leaves); i++)
		leaves[i] = leaf(t, i);
	KUNIT_ASSERT_EQ(test, 0, set(t, 5000, 2, 1));
	KUNIT_EXPECT_NE(test, first, own_table(t));
	KUNIT_EXPECT_EQ(test, own_table(t), table(t, SID));
	for (i = 0; i < ARRAY_SIZE(leaves) - 1; i++)
		KUNIT_EXPECT_EQ(test, leaves[i], leaf(t, i));
	KUNIT_EXPECT_NE(test, leaves[4], leaf(t, 4));
	KUNIT_EXPECT_EQ(test, 1, leaf(t, 4) & 1);
	expect_cd(test, 0, 0);
	expect_cd(test, 5000, 2);

	/* A part that has come since is in the other table as well */
	KUNIT_ASSERT_EQ(test, 0, set(t, 1025, 1, -1));
	enter(t, 3);
	KUNIT_EXPECT_EQ(test, first, table(t, SID));
	KUNIT_EXPECT_NE(test, leaves[0], leaf(t, 0));
	expect_cd(test, 0, 3);
	expect_cd(test, 1025, 1);
	expect_cd(test, 5000, 2);
	unset(t, 1025, 1);
	unset(t, 5000, 2);
	KUNIT_EXPECT_EQ(test, PTR(4), table(t, SID));
}

static void a_table_has_two_levels_if_need_be(struct kunit *test)
{
	struct pasid_test *t = test->priv;

	t->fake->smmu.features |= ARM_SMMU_FEAT_2_LVL_CDTAB;
	t->fd->master.ssid_bits = 13;
	KUNIT_ASSERT_EQ(test, 0, set(t, 5000, 1, -1));
	expect_cd(test, 0, 0);
	expect_cd(test, 5000, 1);
	KUNIT_EXPECT_EQ(test, own_table(t), table(t, SID));
	KUNIT_EXPECT_EQ(test, 2ULL << 4 | 13ULL << 59,
			le64_to_cpu(t->strtab[SID * STRTAB_STE_DWORDS]) &
			(3ULL << 4 | 31ULL << 59));
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, 8192, 1, -1));
	unset(t, 5000, 1);
	KUNIT_EXPECT_EQ(test, PTR(1), table(t, SID));
}

static void what_does_not_fit_is_refused(struct kunit *test)
{
	struct pasid_test *t = test->priv;
	struct arm_smmu_master *master = &t->fd->master;
	struct arm_smmu_device *another;
	u64 before = table(t, SID);

	another = kunit_kzalloc(test, sizeof(*another), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, another);
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, 16, 1, -1));
	t->domains[1].stage = ARM_SMMU_DOMAIN_S2;
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, PASID, 1, -1));
	t->domains[1].stage = ARM_SMMU_DOMAIN_S1;
	t->domains[1].smmu = another;
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, PASID, 1, -1));
	t->domains[1].smmu = master->smmu;
	master->stall_enabled = true;
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, PASID, 1, -1));
	master->stall_enabled = false;
	/* Nor where the device itself has no stage 1 of the host's */
	t->domains[0].stage = ARM_SMMU_DOMAIN_BYPASS;
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, PASID, 1, -1));
	t->domains[0].stage = ARM_SMMU_DOMAIN_S1;
	if (IS_ENABLED(CONFIG_ARM_SMMU_V3_SVA)) {
		master->sva_enabled = true;
		KUNIT_EXPECT_EQ(test, -EBUSY, set(t, PASID, 1, -1));
		master->sva_enabled = false;
	}
	KUNIT_EXPECT_EQ(test, before, table(t, SID));
	KUNIT_EXPECT_EQ(test, 0, master->nr_pasids);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->domains[1].pasids));

	/* One that is there stays */
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	t->domains[2].stage = ARM_SMMU_DOMAIN_S2;
	KUNIT_EXPECT_EQ(test, -EINVAL, set(t, PASID, 2, 1));
	expect_cd(test, PASID, 1);
	KUNIT_EXPECT_FALSE(test, list_empty(&t->domains[1].pasids));
	unset(t, PASID, 1);
}

static void copies_get_the_new_asid(struct kunit *test)
{
	struct pasid_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	KUNIT_ASSERT_EQ(test, 0, set(t, 1, 2, -1));
	/* A process wants the ASID of a domain */
	t->cds[1][0] = cpu_to_le64(V | WITH_ASID(0x77));
	mutex_lock(&arm_smmu_asid_lock);
	arm_smmu_update_cd_copies(&t->domains[1]);
	mutex_unlock(&arm_smmu_asid_lock);
	expect_cd(test, PASID, 1);
	expect_cd(test, 1, 2);
	expect_cd(test, 0, 0);
	t->cds[0][0] = cpu_to_le64(V | WITH_ASID(0x78));
	mutex_lock(&arm_smmu_asid_lock);
	arm_smmu_update_cd_copies(&t->domains[0]);
	mutex_unlock(&arm_smmu_asid_lock);
	expect_cd(test, 0, 0);
	expect_cd(test, PASID, 1);
	KUNIT_EXPECT_NULL(test, t->other->master.cds);
	unset(t, PASID, 1);
	unset(t, 1, 2);
}

static void a_device_forgets_what_is_unmapped(struct kunit *test)
{
	struct pasid_test *t = test->priv;

	t->fake->smmu.features |= ARM_SMMU_FEAT_ATS;
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 1, -1));
	count_cmds(t, 0);
	/* It does no ATS */
	arm_smmu_atc_inv_domain(&t->domains[1], 0, SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, count_cmds(t, ATC_INV(SID, PASID)));
	t->fd->master.ats_enabled = true;
	arm_smmu_atc_inv_domain(&t->domains[1], 0, SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, ATC_INV(SID, PASID)));
	arm_smmu_atc_inv_domain(&t->domains[2], 0, SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, count_cmds(t, ATC_INV(SID, PASID)));
	/* What it had by the domain before */
	KUNIT_ASSERT_EQ(test, 0, set(t, PASID, 2, 1));
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, ATC_INV(SID, PASID)));
	arm_smmu_atc_inv_domain(&t->domains[1], 0, SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, count_cmds(t, ATC_INV(SID, PASID)));
	unset(t, PASID, 2);
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, ATC_INV(SID, PASID)));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&t->domains[2].nr_ats_masters));
	t->fd->master.ats_enabled = false;
}

static struct kunit_case pasid_test_cases[] = {
	KUNIT_CASE(a_pasid_is_of_one_device),
	KUNIT_CASE(the_smmu_forgets_what_was),
	KUNIT_CASE(a_pasid_moves_alone),
	KUNIT_CASE(a_move_does_not_stop_dma),
	KUNIT_CASE(without_memory_a_move_stops_it_for_a_moment),
	KUNIT_CASE(a_table_has_two_levels_if_need_be),
	KUNIT_CASE(only_a_part_of_two_levels_moves),
	KUNIT_CASE(what_does_not_fit_is_refused),
	KUNIT_CASE(copies_get_the_new_asid),
	KUNIT_CASE(a_device_forgets_what_is_unmapped),
	{}
};

static struct kunit_suite pasid_test_suite = {
	.name = "arm-smmu-v3-pasid",
	.init = pasid_test_init,
	.exit = pasid_test_exit,
	.test_cases = pasid_test_cases,
};

kunit_test_suite(pasid_test_suite);
