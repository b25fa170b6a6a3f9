// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the places of transactions that stall: how many of them a device
 * gets whose owner does not answer, and that all others have theirs.
 */
#include <kunit/test.h>
#include <linux/iommu-fault.h>

#include "arm-smmu-v3-fake.h"

#define NR_DEVS		4
#define SID(i)		(0x100ULL + (i))
#define VSID		0x21ULL
#define VA		0x123456789000ULL

/* An event: dword 0, dword 1 */
#define FAULT_OF(i)	(0x10ULL | SID(i) << 32)
#define STALL(stag)	(BIT_ULL(31) | (u64)(stag))

#define RESUME(i)	(0x44ULL | SID(i) << 32)
#define RETRY		BIT_ULL(12)
#define ABORT		BIT_ULL(13)

struct stall_test {
	struct fake_smmu *fake;
	struct fake_dev *fd[NR_DEVS];
};

static int stall_test_init(struct kunit *test)
{
	struct stall_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->fake = fake_smmu_alloc(test);
	t->fake->smmu.features = ARM_SMMU_FEAT_STALLS;
	for (i = 0; i < NR_DEVS; i++) {
		t->fd[i] = fake_dev_alloc(test, t->fake, SID(i));
		t->fd[i]->master.stall_enabled = true;
		arm_smmu_probe_faults(&t->fd[i]->master);
		fake_set_target(test, t->fd[i], IOMMU_NO_PASID,
				&t->fd[i]->target);
	}
	return 0;
}

static void stall_test_exit(struct kunit *test)
{
	struct stall_test *t = test->priv;
	int i;

	for (i = 0; t && i < NR_DEVS && t->fd[i]; i++)
		fake_dev_free(t->fd[i]);
}

static void set_places(struct stall_test *t, u32 places)
{
	t->fake->smmu.evtq.max_stalls = places;
}

/* A device stalls once; returns whether its owner was told */
static bool stall(struct stall_test *t, int i, u64 stag)
{
	unsigned int before = t->fd[i]->nr;

	fake_event(t->fake, FAULT_OF(i), STALL(stag), VA);
	arm_smmu_evtq_thread(0, &t->fake->smmu);
	return t->fd[i]->nr == before + 1;
}

/* As often as it is told, at most @max times, and nobody answers */
static unsigned int hoard(struct kunit *test, struct stall_test *t, int i,
			  unsigned int max)
{
	unsigned int nr;

	for (nr = 0; nr < max; nr++)
		if (!stall(t, i, nr)) {
			fake_expect_cmd(test, t->fake, RESUME(i) | ABORT, nr);
			break;
		}
	fake_expect_no_cmd(test, t->fake);
	return nr;
}

static void answer(struct kunit *test, struct stall_test *t, int i,
		   unsigned int nr, enum iommu_page_response_code code)
{
	const struct iommu_fault_page_request *prm = &t->fd[i]->faults[nr].prm;

	KUNIT_EXPECT_EQ(test, 0, iommu_fault_respond(t->fd[i]->dev, prm, code));
	fake_expect_cmd(test, t->fake, RESUME(i) |
			(code == IOMMU_PAGE_RESP_SUCCESS ? RETRY : ABORT),
			prm->grpid);
}

static void whoever_does_not_answer_leaves_places(struct kunit *test)
{
	struct stall_test *t = test->priv;

	/* 16 of 32 are their own, 4 each; half of what is common for the first */
	set_places(t, 32);
	KUNIT_EXPECT_EQ(test, 4 + 8, hoard(test, t, 0, 100));
	KUNIT_EXPECT_EQ(test, 1, t->fd[0]->nr_refused);
	KUNIT_EXPECT_EQ(test, 0, hoard(test, t, 0, 100));
	KUNIT_EXPECT_EQ(test, 2, t->fd[0]->nr_refused);

	KUNIT_EXPECT_EQ(test, 4 + 4, hoard(test, t, 1, 100));
	KUNIT_EXPECT_EQ(test, 4 + 2, hoard(test, t, 2, 100));
	KUNIT_EXPECT_EQ(test, 4 + 1, hoard(test, t, 3, 100));
	KUNIT_EXPECT_EQ(test, 1, t->fd[3]->nr_refused);
}

static void all_places_but_ones_own_can_be_taken(struct kunit *test)
{
	struct stall_test *t = test->priv;
	u32 places;

	/* Whatever three of them do, the fourth one is told of a stall */
	for (places = NR_DEVS; places < 70; places++) {
		unsigned int i, all = 0;

		set_places(t, places);
		for (i = 0; i + 1 < NR_DEVS; i++)
			all += hoard(test, t, i, FAKE_FAULTS);
		KUNIT_EXPECT_LT_MSG(test, all, places, "of %u", places);
		for (i = 0; i < 5; i++) {
			KUNIT_ASSERT_TRUE_MSG(test, stall(t, 3, i), "of %u",
					      places);
			answer(test, t, 3, t->fd[3]->nr - 1,
			       IOMMU_PAGE_RESP_SUCCESS);
			t->fd[3]->nr = 0;
		}
		for (i = 0; i + 1 < NR_DEVS; i++)
			while (t->fd[i]->nr)
				answer(test, t, i, --t->fd[i]->nr,
				       IOMMU_PAGE_RESP_INVALID);
		KUNIT_EXPECT_EQ(test, 0, t->fake->smmu.evtq.nr_common);
	}
}

static void there_may_be_fewer_places_than_devices(struct kunit *test)
{
	struct stall_test *t = test->priv;

	set_places(t, 1);
	KUNIT_EXPECT_EQ(test, 1, hoard(test, t, 0, 100));
	KUNIT_EXPECT_EQ(test, 0, hoard(test, t, 1, 100));
	answer(test, t, 0, 0, IOMMU_PAGE_RESP_INVALID);
	KUNIT_EXPECT_EQ(test, 1, hoard(test, t, 1, 100));
	answer(test, t, 1, 0, IOMMU_PAGE_RESP_INVALID);

	set_places(t, NR_DEVS - 1);
	KUNIT_EXPECT_EQ(test, 2, hoard(test, t, 0, 100));
	KUNIT_EXPECT_EQ(test, 1, hoard(test, t, 1, 100));
	/* An SMMU that says it has none */
	set_places(t, 0);
	KUNIT_EXPECT_EQ(test, 0, hoard(test, t, 2, 100));
}

static void an_answer_gives_a_place_back(struct kunit *test)
{
	static const enum iommu_page_response_code codes[] = {
		IOMMU_PAGE_RESP_SUCCESS,
		IOMMU_PAGE_RESP_INVALID,
		IOMMU_PAGE_RESP_FAILURE,
	};
	struct stall_test *t = test->priv;
	int i;

	set_places(t, 32);
	KUNIT_ASSERT_EQ(test, 12, hoard(test, t, 0, 100));
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		answer(test, t, 0, i, codes[i]);
		KUNIT_EXPECT_EQ(test, 1, hoard(test, t, 0, 100));
	}
	/* An answer that there is not gives nothing back */
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_fault_respond(t->fd[0]->dev,
					    &t->fd[0]->faults[0].prm,
					    IOMMU_PAGE_RESP_FAILURE + 1));
	KUNIT_EXPECT_EQ(test, 0, hoard(test, t, 0, 100));
	for (i = 0; i < 12; i++)
		answer(test, t, 0, i, IOMMU_PAGE_RESP_INVALID);
	KUNIT_EXPECT_EQ(test, 12, hoard(test, t, 0, 100));
}

static void what_is_answered_at_once_takes_no_place(struct kunit *test)
{
	struct stall_test *t = test->priv;
	unsigned int i;

	set_places(t, 8);
	for (i = 0; i < 50; i++) {
		/* While the device moves; when it is detached; by nobody */
		fake_set_target(test, t->fd[0], IOMMU_NO_PASID,
				&iommu_fault_retry);
		stall(t, 0, i);
		fake_expect_cmd(test, t->fake, RESUME(0) | RETRY, i);
		fake_set_target(test, t->fd[0], IOMMU_NO_PASID,
				&iommu_fault_refuse);
		stall(t, 0, i);
		fake_expect_cmd(test, t->fake, RESUME(0) | ABORT, i);
		fake_set_target(test, t->fd[0], IOMMU_NO_PASID, NULL);
		stall(t, 0, i);
		fake_expect_cmd(test, t->fake, RESUME(0) | ABORT, i);
	}
	t->fd[0]->answer = -ENOMEM;
	fake_set_target(test, t->fd[0], IOMMU_NO_PASID, &t->fd[0]->target);
	for (i = 0; i < 50; i++) {
		stall(t, 0, i);
		fake_expect_cmd(test, t->fake, RESUME(0) | ABORT, i);
	}
	t->fd[0]->answer = 0;
	KUNIT_EXPECT_EQ(test, 0, t->fd[0]->nr_refused);
	KUNIT_EXPECT_EQ(test, 1 + 2, hoard(test, t, 0, 100));
}

static void a_device_that_goes_gives_all_back(struct kunit *test)
{
	struct stall_test *t = test->priv;
	struct arm_smmu_evtq *evtq = &t->fake->smmu.evtq;
	int i;

	set_places(t, 32);
	KUNIT_ASSERT_EQ(test, 12, hoard(test, t, 0, 100));
	arm_smmu_end_faults(&t->fd[0]->master);
	KUNIT_EXPECT_EQ(test, NR_DEVS - 1, evtq->nr_stalling);
	KUNIT_EXPECT_EQ(test, 0, evtq->nr_common);
	/* CMD_STALL_TERM */
	fake_expect_cmd(test, t->fake, 0x45ULL | SID(0) << 32, 0);
	fake_expect_sync(test, t->fake);

	/* The others have more then: 16 / 3 of their own, half of the rest */
	KUNIT_EXPECT_EQ(test, 5 + 9, hoard(test, t, 1, 100));
	for (i = 1; i < NR_DEVS; i++)
		arm_smmu_end_faults(&t->fd[i]->master);
	KUNIT_EXPECT_EQ(test, 0, evtq->nr_stalling);
	KUNIT_EXPECT_EQ(test, 0, evtq->nr_common);
}

static void others_do_not_take_what_a_newcomer_finds_taken(struct kunit *test)
{
	struct stall_test *t = test->priv;
	struct arm_smmu_evtq *evtq = &t->fake->smmu.evtq;
	int i;

	/* Two devices, the second of which is to have its places in any case */
	for (i = 2; i < NR_DEVS; i++)
		arm_smmu_end_faults(&t->fd[i]->master);
	t->fake->cmdq_seen = t->fake->cmdq_reg;
	set_places(t, 32);
	KUNIT_ASSERT_EQ(test, 8 + 8, hoard(test, t, 0, 100));

	/* Three have 5 each, and 17 are common, of which the first has 11 now */
	arm_smmu_add_stalling(&t->fd[2]->master);
	KUNIT_EXPECT_EQ(test, 11, evtq->nr_common);
	KUNIT_EXPECT_EQ(test, 5 + 3, hoard(test, t, 2, 100));

	/* Four have 4 each: 12 and 4 of the 16 that are common are taken */
	arm_smmu_add_stalling(&t->fd[3]->master);
	KUNIT_EXPECT_EQ(test, 12 + 4, evtq->nr_common);
	KUNIT_EXPECT_EQ(test, 4, hoard(test, t, 3, 100));
	KUNIT_EXPECT_EQ(test, 4, hoard(test, t, 1, 100));

	/* When one goes, the others have more of their own, and not too many */
	for (i = 0; i < 4; i++)
		answer(test, t, 2, i, IOMMU_PAGE_RESP_INVALID);
	KUNIT_EXPECT_EQ(test, 12, evtq->nr_common);
	arm_smmu_end_faults(&t->fd[3]->master);
	t->fake->cmdq_seen = t->fake->cmdq_reg;
	KUNIT_EXPECT_EQ(test, 11, evtq->nr_common);
	KUNIT_EXPECT_EQ(test, 1 + 3, hoard(test, t, 1, 100));

	for (i = 0; i < 16; i++)
		answer(test, t, 0, i, IOMMU_PAGE_RESP_INVALID);
	KUNIT_EXPECT_EQ(test, 3, evtq->nr_common);
}

static void a_guest_is_told_what_was_aborted(struct kunit *test)
{
	struct stall_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd[0], VSID, 8);

	set_places(t, 32);
	KUNIT_ASSERT_EQ(test, 12, hoard(test, t, 0, 100));
	KUNIT_ASSERT_EQ(test, 1, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 0x10ULL | VSID << 32,
			le64_to_cpu(fake_vm_event(vm, 0)->evt[0]));
	/* Not as one that waits */
	KUNIT_EXPECT_EQ(test, 0, le64_to_cpu(fake_vm_event(vm, 0)->evt[1]));
	fake_vm_free(vm);
}

static void the_kernel_has_all_places(struct kunit *test)
{
	struct stall_test *t = test->priv;

	if (!IS_ENABLED(CONFIG_ARM_SMMU_V3_SVA))
		kunit_skip(test, "no SVA");
	set_places(t, 8);
	KUNIT_EXPECT_EQ(test, 1 + 2, hoard(test, t, 0, 100));
	t->fd[1]->master.sva_enabled = true;
	KUNIT_EXPECT_EQ(test, FAKE_FAULTS, hoard(test, t, 1, FAKE_FAULTS));
	while (t->fd[1]->nr)
		answer(test, t, 1, --t->fd[1]->nr, IOMMU_PAGE_RESP_SUCCESS);
	/* It had none, so it gives none back */
	KUNIT_EXPECT_EQ(test, 0, hoard(test, t, 0, 100));
	t->fd[1]->master.sva_enabled = false;
}

static struct kunit_case stall_test_cases[] = {
	KUNIT_CASE(whoever_does_not_answer_leaves_places),
	KUNIT_CASE(all_places_but_ones_own_can_be_taken),
	KUNIT_CASE(there_may_be_fewer_places_than_devices),
	KUNIT_CASE(an_answer_gives_a_place_back),
	KUNIT_CASE(what_is_answered_at_once_takes_no_place),
	KUNIT_CASE(a_device_that_goes_gives_all_back),
	KUNIT_CASE(others_do_not_take_what_a_newcomer_finds_taken),
	KUNIT_CASE(a_guest_is_told_what_was_aborted),
	KUNIT_CASE(the_kernel_has_all_places),
	{}
};

static struct kunit_suite stall_test_suite = {
	.name = "arm-smmu-v3-stall",
	.init = stall_test_init,
	.exit = stall_test_exit,
	.test_cases = stall_test_cases,
};

kunit_test_suite(stall_test_suite);
