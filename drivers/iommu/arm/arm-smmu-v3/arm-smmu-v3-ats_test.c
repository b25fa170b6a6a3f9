// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of ATS, PRI and events of a device that moves among domains: PRI is
 * never enabled without ATS, what is unmapped is invalidated at each moment, and
 * no guest hears of what was before it.
 */
#include <kunit/test.h>
#include <linux/pci-ats.h>

#include "arm-smmu-v3-fake.h"
#include "arm-smmu-v3-fake_pci.h"
#include "arm-smmu-v3-ste.h"

#define SID		3ULL
#define NR_SIDS		8
#define GROUP		0x1a5ULL
#define PAGE		0x123456789000ULL

#define CFGI_STE	(0x03ULL | SID << 32)
#define ATC_INV		(0x40ULL | SID << 32)
#define PRI_RESP	(0x41ULL | SID << 32)
#define TRANSLATION	(0x10ULL | SID << 32)
#define REQUEST		(SID | BIT_ULL(60) | BIT_ULL(62))
#define EATS		BIT_ULL(28)

enum { S1, OTHER_S1, PARENT, BYPASS, NR_DOMAINS };

/**
 * struct ats_test - what a test has
 * @fake: the SMMU
 * @fd: a device behind it
 * @pci: its configuration space
 * @domains: that it moves among
 * @vsmmu: above the parent
 * @nested: guest's stages 1, the second without ATS
 * @strtab: the stream table
 */
struct ats_test {
	struct fake_smmu *fake;
	struct fake_dev *fd;
	struct fake_pci pci;
	struct arm_smmu_domain domains[NR_DOMAINS];
	struct arm_smmu_vsmmu vsmmu;
	struct arm_smmu_nested_domain nested[2];
	__le64 strtab[NR_SIDS * STRTAB_STE_DWORDS];
};

static void make_domain(struct ats_test *t, int i,
			enum arm_smmu_domain_stage stage)
{
	struct arm_smmu_domain *domain = &t->domains[i];

	spin_lock_init(&domain->devices_lock);
	INIT_LIST_HEAD(&domain->devices);
	INIT_LIST_HEAD(&domain->pasids);
	INIT_LIST_HEAD(&domain->shares);
	domain->smmu = &t->fake->smmu;
	domain->stage = stage;
	domain->s1_cfg.cdcfg.cdtab_dma = (i + 1) * SZ_4K;
	domain->s2_cfg.vttbr = (i + 1) * SZ_4K;
}

static void make_guest(struct ats_test *t)
{
	int i;

	t->vsmmu.smmu = &t->fake->smmu;
	t->vsmmu.parent = &t->domains[PARENT];
	t->vsmmu.vmid = 7;
	for (i = 0; i < ARRAY_SIZE(t->nested); i++) {
		/* Valid, stage 1 */
		t->nested[i].ste[0] = 1 | 5 << 1 | (i + 1) * SZ_4K;
		t->nested[i].vsmmu = &t->vsmmu;
	}
	t->nested[0].ste[1] = EATS;
}

static int ats_test_init(struct kunit *test)
{
	struct ats_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct arm_smmu_device *smmu;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->fake = fake_smmu_alloc(test);
	smmu = &t->fake->smmu;
	smmu->features = ARM_SMMU_FEAT_PRI | ARM_SMMU_FEAT_ATS;
	smmu->options = ARM_SMMU_OPT_SKIP_PREFETCH;
	smmu->combined_irq = 1;
	smmu->pgsize_bitmap = SZ_4K;
	smmu->strtab_cfg.strtab = t->strtab;
	make_domain(t, S1, ARM_SMMU_DOMAIN_S1);
	make_domain(t, OTHER_S1, ARM_SMMU_DOMAIN_S1);
	make_domain(t, PARENT, ARM_SMMU_DOMAIN_S2);
	make_domain(t, BYPASS, ARM_SMMU_DOMAIN_BYPASS);
	make_guest(t);
	t->fd = fake_dev_alloc(test, t->fake, SID);
	smmu->dev = t->fd->dev;
	fake_pci_init(&t->pci, t->fd);
	arm_smmu_probe_pri(&t->fd->master);
	return 0;
}

static void ats_test_exit(struct kunit *test)
{
	struct ats_test *t = test->priv;

	if (t && t->fd)
		fake_dev_free(t->fd);
}

static void enter(struct ats_test *t, int domain,
		  struct arm_smmu_nested_domain *nested)
{
	arm_smmu_enter_domain(&t->fd->master, &t->domains[domain], nested);
}

/* In a domain with ATS, and may ask for pages */
static void begin(struct kunit *test, struct ats_test *t, int domain)
{
	enter(t, domain, NULL);
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(&t->fd->master));
	KUNIT_ASSERT_TRUE(test, fake_pci_has_pri(&t->pci));
	t->fake->cmdq_seen = t->fake->cmdq_reg;
}

static void expect_state(struct kunit *test, bool ats, bool pri)
{
	struct ats_test *t = test->priv;
	u64 ste1 = le64_to_cpu(t->strtab[SID * STRTAB_STE_DWORDS + 1]);
	int i, nr = 0;

	KUNIT_EXPECT_EQ(test, ats, fake_pci_has_ats(&t->pci));
	KUNIT_EXPECT_EQ(test, ats, t->fd->master.ats_enabled);
	KUNIT_EXPECT_EQ(test, ats, !!(ste1 & EATS));
	KUNIT_EXPECT_EQ(test, pri, fake_pci_has_pri(&t->pci));
	KUNIT_EXPECT_EQ(test, pri, t->fd->master.pri_enabled);
	KUNIT_EXPECT_EQ(test, 0, t->pci.nr_undefined);
	for (i = 0; i < NR_DOMAINS; i++)
		nr += atomic_read(&t->domains[i].nr_ats_masters);
	KUNIT_EXPECT_EQ(test, ats, nr);
	if (ats)
		KUNIT_EXPECT_EQ(test, 1,
				atomic_read(&t->fd->master.domain->nr_ats_masters));
}

/* Since the last time */
static int count_cmds(struct ats_test *t, u64 cmd0)
{
	return fake_count_cmds(t->fake, cmd0);
}

static void pri_begins_and_ends_within_ats(struct kunit *test)
{
	struct ats_test *t = test->priv;
	struct arm_smmu_master *master = &t->fd->master;

	/* Wanted before there is ATS; then ATS comes and goes, and comes again */
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(master));
	expect_state(test, false, false);
	enter(t, S1, NULL);
	expect_state(test, true, true);
	enter(t, BYPASS, NULL);
	expect_state(test, false, false);
	enter(t, PARENT, NULL);
	expect_state(test, true, true);
	/* Nobody wants faults any more: ATS stays */
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_disable_iopf(master));
	expect_state(test, true, false);
	enter(t, BYPASS, NULL);
	enter(t, S1, NULL);
	expect_state(test, true, false);
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(master));
	expect_state(test, true, true);
}

static void a_device_that_may_ask_keeps_both(struct kunit *test)
{
	static const struct {
		int domain;
		int nested;
	} ways[] = {
		{ OTHER_S1, -1 }, { S1, -1 }, { S1, -1 }, { PARENT, -1 },
		{ PARENT, 0 }, { PARENT, 0 }, { OTHER_S1, -1 }, { PARENT, 0 },
		{ PARENT, -1 }, { S1, -1 },
	};
	struct ats_test *t = test->priv;
	int i;

	begin(test, t, S1);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		enter(t, ways[i].domain,
		      ways[i].nested < 0 ? NULL : &t->nested[ways[i].nested]);
		expect_state(test, true, true);
		KUNIT_EXPECT_EQ(test, 1, t->pci.nr_ats);
		KUNIT_EXPECT_EQ(test, 1, t->pci.nr_pri);
		/* What it found by the domain before it forgets */
		KUNIT_EXPECT_EQ(test, 1, count_cmds(t, ATC_INV));
		KUNIT_EXPECT_PTR_EQ(test, &t->domains[ways[i].domain],
				    t->fd->master.domain);
		KUNIT_EXPECT_TRUE(test,
				  list_is_singular(&t->fd->master.domain->devices));
	}
	for (i = 0; i < NR_DOMAINS; i++)
		KUNIT_EXPECT_EQ(test, i != S1,
				list_empty(&t->domains[i].devices));
}

static void the_old_table_is_forgotten_last(struct kunit *test)
{
	struct ats_test *t = test->priv;

	begin(test, t, S1);
	enter(t, OTHER_S1, NULL);
	/* The SMMU has the new STE, and only then the device forgets */
	fake_expect_cmd(test, t->fake, CFGI_STE, 1);
	fake_expect_sync(test, t->fake);
	fake_expect_cmd(test, t->fake, ATC_INV, 52);
	fake_expect_sync(test, t->fake);
	fake_expect_no_cmd(test, t->fake);

	/* What is unmapped now concerns it in the one, and not in the other */
	arm_smmu_atc_inv_domain(&t->domains[S1], 0, SZ_4K, SZ_4K);
	fake_expect_no_cmd(test, t->fake);
	arm_smmu_atc_inv_domain(&t->domains[OTHER_S1], 0, SZ_4K, SZ_4K);
	fake_expect_cmd(test, t->fake, ATC_INV, SZ_4K);
	fake_expect_sync(test, t->fake);
}

static void a_guest_without_ats_has_no_pri(struct kunit *test)
{
	struct ats_test *t = test->priv;

	begin(test, t, PARENT);
	enter(t, PARENT, &t->nested[1]);
	expect_state(test, false, false);
	enter(t, PARENT, &t->nested[0]);
	expect_state(test, true, true);
	enter(t, PARENT, &t->nested[1]);
	expect_state(test, false, false);
}

static void what_was_asked_is_answered_before_the_end(struct kunit *test)
{
	struct ats_test *t = test->priv;

	begin(test, t, S1);
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_retry);
	fake_request(t->fake, REQUEST, PAGE | GROUP);
	enter(t, BYPASS, NULL);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	/* Pushed out by an invalidation, while ATS is still there */
	fake_expect_cmd(test, t->fake, ATC_INV, 52);
	fake_expect_sync(test, t->fake);
	fake_expect_cmd(test, t->fake, PRI_RESP, GROUP | 2 << 12);
	expect_state(test, false, false);
}

static void a_device_that_goes_ends_pri_first(struct kunit *test)
{
	struct ats_test *t = test->priv;

	begin(test, t, S1);
	fake_request(t->fake, REQUEST, PAGE | GROUP);
	arm_smmu_detach_dev(&t->fd->master);
	arm_smmu_end_faults(&t->fd->master);
	expect_state(test, false, false);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, PRI_RESP));
	/* Config is abort */
	KUNIT_EXPECT_EQ(test, 1, le64_to_cpu(t->strtab[SID *
						       STRTAB_STE_DWORDS]));
}

static void pri_that_does_not_begin_is_no_reason_to_wait(struct kunit *test)
{
	struct ats_test *t = test->priv;
	struct arm_smmu_master *master = &t->fd->master;

	/* A device that has not stopped since the last time */
	fake_pci_set_word(&t->pci, FAKE_PRI_CAP + PCI_PRI_STATUS, 0);
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(master));
	enter(t, S1, NULL);
	expect_state(test, true, false);
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_disable_iopf(master));
	/* With ATS, who wants faults is told that there will be none */
	KUNIT_EXPECT_EQ(test, -EBUSY, arm_smmu_enable_iopf(master));
	expect_state(test, true, false);
}

static void ats_that_does_not_begin_leaves_nothing(struct kunit *test)
{
	struct ats_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(&t->fd->master));
	/* Too small for PCIe */
	t->fake->smmu.pgsize_bitmap = SZ_1K;
	enter(t, S1, NULL);
	expect_state(test, false, false);
	count_cmds(t, ATC_INV);
	arm_smmu_atc_inv_domain(&t->domains[S1], 0, SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, 0, count_cmds(t, ATC_INV));
	/* Only for the new one, before ATS is enabled */
	enter(t, OTHER_S1, NULL);
	KUNIT_EXPECT_EQ(test, 1, count_cmds(t, ATC_INV));
	t->fake->smmu.pgsize_bitmap = SZ_4K;
	enter(t, S1, NULL);
	expect_state(test, true, true);
}

/* What the device does is told to its VM, what it did before is not */
static void expect_new_events(struct kunit *test, struct fake_vm *vm)
{
	struct ats_test *t = test->priv;
	u32 before = vm->ring.nr_events;

	fake_event(t->fake, TRANSLATION, 0, PAGE);
	enter(t, PARENT, &vm->nested);
	arm_smmu_evtq_thread(0, &t->fake->smmu);
	KUNIT_EXPECT_EQ(test, before, vm->ring.nr_events);
	fake_event(t->fake, TRANSLATION, 0, PAGE);
	arm_smmu_evtq_thread(0, &t->fake->smmu);
	KUNIT_EXPECT_EQ(test, before + 1, vm->ring.nr_events);
}

static void a_guest_is_not_told_what_was_before_it(struct kunit *test)
{
	struct ats_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, 0x21, 8);

	t->fd->master.nested = NULL;
	vm->vsmmu.parent = &t->domains[PARENT];
	enter(t, S1, NULL);
	expect_new_events(test, vm);

	/* With PRI, when it moves with ATS on */
	enter(t, S1, NULL);
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(&t->fd->master));
	vm->nested.ste[1] = EATS;
	expect_new_events(test, vm);
	expect_state(test, true, true);
	enter(t, S1, NULL);
	fake_vm_free(vm);
}

static struct kunit_case ats_test_cases[] = {
	KUNIT_CASE(pri_begins_and_ends_within_ats),
	KUNIT_CASE(a_device_that_may_ask_keeps_both),
	KUNIT_CASE(the_old_table_is_forgotten_last),
	KUNIT_CASE(a_guest_without_ats_has_no_pri),
	KUNIT_CASE(what_was_asked_is_answered_before_the_end),
	KUNIT_CASE(a_device_that_goes_ends_pri_first),
	KUNIT_CASE(pri_that_does_not_begin_is_no_reason_to_wait),
	KUNIT_CASE(ats_that_does_not_begin_leaves_nothing),
	KUNIT_CASE(a_guest_is_not_told_what_was_before_it),
	{}
};

static struct kunit_suite ats_test_suite = {
	.name = "arm-smmu-v3-ats",
	.init = ats_test_init,
	.exit = ats_test_exit,
	.test_cases = ats_test_cases,
};

kunit_test_suite(ats_test_suite);
