// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what a guest may put into an STE and into commands, on SMMUs
 * that have more than the emulated ones: ATS, stalls, substreams.
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/iommu.h>

#include "arm-smmu-v3-nested.h"
#include "arm-smmu-v3-ste.h"

#define VSID	0x21ULL
#define SID	0x1234ULL
#define VMID	7ULL

#define V		BIT_ULL(0)
#define CONFIG(n)	((u64)(n) << 1)
#define FMT(n)		((u64)(n) << 4)
#define PTR(n)		((u64)(n) << 12)
#define CDMAX(n)	((u64)(n) << 59)
#define STALLD		BIT_ULL(27)
#define EATS(n)		((u64)(n) << 28)

#define OP_NH_ALL	0x10
#define TG(n)		((u64)(n) << 10)
#define TTL(n)		((u64)(n) << 8)

struct nested_test {
	struct arm_smmu_device smmu;
	struct arm_smmu_vsmmu vsmmu;
	struct arm_smmu_master master;
	struct arm_smmu_stream stream;
	struct arm_smmu_domain parent;
	struct arm_smmu_nested_domain nested;
	struct iommufd_vdevice vdev;
	struct dev_iommu iommu;
	struct device dev;
};

static int nested_test_init(struct kunit *test)
{
	struct nested_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->smmu.ias = 44;
	t->smmu.ssid_bits = 10;
	t->smmu.asid_bits = 16;
	t->smmu.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	t->vsmmu.smmu = &t->smmu;
	t->vsmmu.vmid = VMID;
	xa_init(&t->vsmmu.core.vdevs);

	t->stream.id = SID;
	t->master.smmu = &t->smmu;
	t->master.streams = &t->stream;
	t->master.num_streams = 1;
	t->iommu.priv = &t->master;
	t->dev.iommu = &t->iommu;
	t->vdev.dev = &t->dev;
	test->priv = t;
	return xa_err(xa_store(&t->vsmmu.core.vdevs, VSID, &t->vdev, GFP_KERNEL));
}

static void nested_test_exit(struct kunit *test)
{
	struct nested_test *t = test->priv;

	if (t)
		xa_destroy(&t->vsmmu.core.vdevs);
}

static int check(struct nested_test *t, u64 ste0, u64 ste1)
{
	u64 ste[2] = { ste0, ste1 };

	return arm_smmu_check_guest_ste(&t->smmu, ste);
}

static void an_ste_has_what_the_smmu_has(struct kunit *test)
{
	struct nested_test *t = test->priv;
	const u64 s1 = V | CONFIG(5) | PTR(1);

	KUNIT_EXPECT_EQ(test, 0, check(t, s1, 0));

	/* ATS, but not split-stage ATS */
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1, EATS(1)));
	t->smmu.features = ARM_SMMU_FEAT_ATS;
	KUNIT_EXPECT_EQ(test, 0, check(t, s1, EATS(1)));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1, EATS(2)));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1, EATS(3)));

	/* To disable stalls, there must be some and a choice */
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1, STALLD));
	t->smmu.features = ARM_SMMU_FEAT_STALLS;
	KUNIT_EXPECT_EQ(test, 0, check(t, s1, STALLD));
	t->smmu.features |= ARM_SMMU_FEAT_STALL_FORCE;
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1, STALLD));
	KUNIT_EXPECT_EQ(test, 0, check(t, s1, 0));

	/* Substreams, and tables of two levels */
	KUNIT_EXPECT_EQ(test, 0, check(t, s1 | CDMAX(10), 0));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1 | CDMAX(11), 0));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1 | CDMAX(31), 0));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1 | CDMAX(10), 3));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1 | CDMAX(10) | FMT(2), 0));
	t->smmu.features = ARM_SMMU_FEAT_2_LVL_CDTAB;
	KUNIT_EXPECT_EQ(test, 0, check(t, s1 | CDMAX(10) | FMT(1), 2));
	KUNIT_EXPECT_EQ(test, 0, check(t, s1 | CDMAX(10) | FMT(2), 1));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1 | CDMAX(10) | FMT(3), 0));

	/* No IPA is longer */
	KUNIT_EXPECT_EQ(test, 0, check(t, s1 | BIT_ULL(43), 0));
	KUNIT_EXPECT_EQ(test, -EIO, check(t, s1 | BIT_ULL(44), 0));
}

static void what_the_smmu_ignores_is_cleared(struct kunit *test)
{
	struct nested_test *t = test->priv;
	u64 ste[2] = { ~V, ~0ULL };

	KUNIT_EXPECT_EQ(test, 0, arm_smmu_check_guest_ste(&t->smmu, ste));
	KUNIT_EXPECT_EQ(test, 0, ste[0]);
	KUNIT_EXPECT_EQ(test, 0, ste[1]);

	ste[0] = V | CONFIG(4) | CDMAX(31) | PTR(1);
	ste[1] = EATS(3) | 3;
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_check_guest_ste(&t->smmu, ste));
	KUNIT_EXPECT_EQ(test, V | CONFIG(4), ste[0]);
	KUNIT_EXPECT_EQ(test, 0, ste[1]);

	ste[0] = V | CONFIG(5) | FMT(3) | PTR(1);
	ste[1] = 0xfc | 3;
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_check_guest_ste(&t->smmu, ste));
	KUNIT_EXPECT_EQ(test, V | CONFIG(5) | PTR(1), ste[0]);
	KUNIT_EXPECT_EQ(test, 0xfc, ste[1]);
}

/* The physical STE of what a guest wants */
static void make(struct nested_test *t, u64 ste0, u64 ste1, u64 *made)
{
	struct arm_smmu_ste ste;
	int i;

	t->parent.stage = ARM_SMMU_DOMAIN_S2;
	t->parent.s2_cfg.vmid = 1;
	t->parent.s2_cfg.vttbr = PTR(0xa);
	t->nested.vsmmu = &t->vsmmu;
	t->nested.ste[0] = ste0;
	t->nested.ste[1] = ste1;
	t->master.domain = &t->parent;
	t->master.nested = &t->nested;
	arm_smmu_make_nested_ste(&t->master, &ste);
	for (i = 0; i < STRTAB_STE_DWORDS; i++)
		made[i] = le64_to_cpu(ste.data[i]);
}

static void a_guests_ste_is_above_stage_2(struct kunit *test)
{
	struct nested_test *t = test->priv;
	u64 ste[STRTAB_STE_DWORDS];

	make(t, V | CONFIG(5) | PTR(5) | CDMAX(3), 0xfe, ste);
	KUNIT_EXPECT_EQ(test, V | CONFIG(7) | PTR(5) | CDMAX(3), ste[0]);
	KUNIT_EXPECT_EQ(test, 0xfe, ste[1] & 0xff);
	KUNIT_EXPECT_EQ(test, VMID, ste[2] & 0xffff);
	KUNIT_EXPECT_EQ(test, PTR(0xa), ste[3]);

	/* The guest's bypass is the host's stage 2, under the guest's VMID */
	make(t, V | CONFIG(4), 0, ste);
	KUNIT_EXPECT_EQ(test, V | CONFIG(6), ste[0]);
	KUNIT_EXPECT_EQ(test, VMID, ste[2] & 0xffff);
	KUNIT_EXPECT_EQ(test, PTR(0xa), ste[3]);

	make(t, V, 0, ste);
	KUNIT_EXPECT_EQ(test, V, ste[0]);
	make(t, 0, 0, ste);
	KUNIT_EXPECT_EQ(test, 0, ste[0] & V);
}

static void a_guest_cannot_enable_what_the_device_has_not(struct kunit *test)
{
	struct nested_test *t = test->priv;
	u64 ste[STRTAB_STE_DWORDS];

	make(t, V | CONFIG(5) | PTR(5), EATS(1), ste);
	KUNIT_EXPECT_EQ(test, 0, ste[1] & EATS(3));
	t->master.ats_enabled = true;
	make(t, V | CONFIG(5) | PTR(5), EATS(1), ste);
	KUNIT_EXPECT_EQ(test, EATS(1), ste[1] & EATS(3));

	t->smmu.features = ARM_SMMU_FEAT_STALLS;
	make(t, V | CONFIG(5) | PTR(5), 0, ste);
	KUNIT_EXPECT_EQ(test, STALLD, ste[1] & STALLD);
	t->master.stall_enabled = true;
	make(t, V | CONFIG(5) | PTR(5), 0, ste);
	KUNIT_EXPECT_EQ(test, 0, ste[1] & STALLD);
}

/* Expect what becomes of a command; with an expected result of 0, which one */
static void expect(struct kunit *test, int result, u64 cmd0, u64 cmd1,
		   u64 made0, u64 made1)
{
	struct nested_test *t = test->priv;
	u64 cmd[2] = { cmd0, cmd1 };
	int rc;

	rcu_read_lock();
	rc = arm_smmu_make_host_cmd(&t->vsmmu, cmd);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ_MSG(test, result, rc, "command %llx, %llx", cmd0, cmd1);
	if (rc || result)
		return;
	KUNIT_EXPECT_EQ_MSG(test, made0, cmd[0], "command %llx, %llx", cmd0, cmd1);
	KUNIT_EXPECT_EQ_MSG(test, made1, cmd[1], "command %llx, %llx", cmd0, cmd1);
}

#define refused(test, cmd0, cmd1) expect(test, -EIO, cmd0, cmd1, 0, 0)

static void a_tlbi_gets_the_vmid(struct kunit *test)
{
	const u64 vmid = VMID << 32, asid = 9ULL << 48, va = 0x123456789000;
	const u64 other = 0xffffULL << 32;
	struct nested_test *t = test->priv;

	expect(test, 0, CMDQ_OP_TLBI_NSNH_ALL, 0, OP_NH_ALL | vmid, 0);
	expect(test, 0, OP_NH_ALL | other, ~0ULL, OP_NH_ALL | vmid, 0);
	expect(test, 0, CMDQ_OP_TLBI_NH_ASID | other | asid, 0,
	       CMDQ_OP_TLBI_NH_ASID | vmid | asid, 0);
	expect(test, 0, CMDQ_OP_TLBI_NH_VA | other | asid, va | 1,
	       CMDQ_OP_TLBI_NH_VA | vmid | asid, va | 1);
	expect(test, 0, CMDQ_OP_TLBI_NH_VAA | other | asid, va,
	       CMDQ_OP_TLBI_NH_VAA | vmid, va);
	t->smmu.asid_bits = 8;
	refused(test, CMDQ_OP_TLBI_NH_ASID | 256ULL << 48, 0);
}

static void a_range_is_one_that_the_smmu_knows(struct kunit *test)
{
	const u64 vmid = VMID << 32, range = 3ULL << 20 | 5ULL << 12;
	struct nested_test *t = test->priv;

	/* No TG, no range */
	expect(test, 0, CMDQ_OP_TLBI_NH_VA | range, 0x1000 | TTL(3),
	       CMDQ_OP_TLBI_NH_VA | vmid, 0x1000);
	refused(test, CMDQ_OP_TLBI_NH_VA | range, 0x1000 | TG(1));
	t->smmu.features = ARM_SMMU_FEAT_RANGE_INV;
	expect(test, 0, CMDQ_OP_TLBI_NH_VA | range, 0x1000 | TG(1) | TTL(3),
	       CMDQ_OP_TLBI_NH_VA | vmid | range, 0x1000 | TG(1) | TTL(3));
	/* Granules that it does not have */
	refused(test, CMDQ_OP_TLBI_NH_VA | range, 0x1000 | TG(2));
	refused(test, CMDQ_OP_TLBI_NH_VAA | range, 0x1000 | TG(3));
	/* The reserved one */
	expect(test, 0, CMDQ_OP_TLBI_NH_VA, 0x1000 | TG(1),
	       CMDQ_OP_TLBI_NH_VA | vmid, 0x1000);
}

static void a_range_is_not_made_shorter(struct kunit *test)
{
	const u64 vmid = VMID << 32, scale = 33ULL << 20, asid = 5ULL << 48;
	struct nested_test *t = test->priv;

	t->smmu.features = ARM_SMMU_FEAT_RANGE_INV;
	expect(test, 0, CMDQ_OP_TLBI_NH_VA | scale | asid, TG(1) | TTL(3),
	       OP_NH_ALL | vmid, 0);
	expect(test, 0, CMDQ_OP_TLBI_NH_VAA | scale, 0x1000 | TG(1),
	       OP_NH_ALL | vmid, 0);
	/* No range, so it says nothing */
	expect(test, 0, CMDQ_OP_TLBI_NH_VAA | scale, 0x1000,
	       CMDQ_OP_TLBI_NH_VAA | vmid, 0x1000);
}

static void a_level_that_is_reserved_is_any_level(struct kunit *test)
{
	const u64 vmid = VMID << 32, range = 3ULL << 20 | 5ULL << 12;
	struct nested_test *t = test->priv;

	/* Level 1 of 16 KiB granules: with one granule, most SMMUs stop there */
	t->smmu.features = ARM_SMMU_FEAT_RANGE_INV;
	t->smmu.pgsize_bitmap = SZ_4K | SZ_16K | SZ_64K;
	expect(test, 0, CMDQ_OP_TLBI_NH_VA, 0x4000 | TG(2) | TTL(1),
	       CMDQ_OP_TLBI_NH_VA | vmid, 0x4000);
	expect(test, 0, CMDQ_OP_TLBI_NH_VAA | range, 0x4001 | TG(2) | TTL(1),
	       CMDQ_OP_TLBI_NH_VAA | vmid | range, 0x4001 | TG(2));
	/* Others have it, and 16 KiB granules have others */
	expect(test, 0, CMDQ_OP_TLBI_NH_VA, TG(1) | TTL(1),
	       CMDQ_OP_TLBI_NH_VA | vmid, TG(1) | TTL(1));
	expect(test, 0, CMDQ_OP_TLBI_NH_VA, TG(3) | TTL(1),
	       CMDQ_OP_TLBI_NH_VA | vmid, TG(3) | TTL(1));
	expect(test, 0, CMDQ_OP_TLBI_NH_VA, 0x4000 | TG(2) | TTL(2),
	       CMDQ_OP_TLBI_NH_VA | vmid, 0x4000 | TG(2) | TTL(2));
}

static void a_device_gets_its_physical_name(struct kunit *test)
{
	const u64 vsid = VSID << 32, sid = SID << 32, ssid = 5 << 12;
	const u64 ssv = BIT_ULL(11), ssec = BIT_ULL(10);
	struct nested_test *t = test->priv;

	expect(test, 0, CMDQ_OP_CFGI_CD | vsid | ssid | ssec, ~0ULL,
	       CMDQ_OP_CFGI_CD | sid | ssid, 1);
	expect(test, 0, CMDQ_OP_CFGI_CD_ALL | vsid | ssid, 0,
	       CMDQ_OP_CFGI_CD_ALL | sid, 0);
	refused(test, CMDQ_OP_CFGI_CD | SID << 32, 0);
	refused(test, CMDQ_OP_CFGI_CD | vsid | 1024 << 12, 0);

	refused(test, CMDQ_OP_ATC_INV | vsid, 52);
	t->smmu.features = ARM_SMMU_FEAT_ATS;
	/* The device would not answer */
	expect(test, 1, CMDQ_OP_ATC_INV | vsid, 52, 0, 0);
	t->master.ats_enabled = true;
	/* Nor one that has no PASIDs, or not this one */
	expect(test, 1, CMDQ_OP_ATC_INV | vsid | ssv, 52, 0, 0);
	t->master.ssid_bits = 2;
	expect(test, 1, CMDQ_OP_ATC_INV | vsid | ssv | ssid, 52, 0, 0);
	expect(test, 0, CMDQ_OP_ATC_INV | vsid | ssid, 52,
	       CMDQ_OP_ATC_INV | sid | ssid, 52);
	t->master.ssid_bits = 3;
	expect(test, 0, CMDQ_OP_ATC_INV | vsid | ssv | ssid, 0x7000 | 3,
	       CMDQ_OP_ATC_INV | sid | ssv | ssid, 0x7000 | 3);
	refused(test, CMDQ_OP_ATC_INV | vsid, 53);
	refused(test, CMDQ_OP_ATC_INV | vsid | ssv | 1024 << 12, 52);
	refused(test, CMDQ_OP_ATC_INV | SID << 32, 52);
}

#define ARRAY	48

/* Like commands in a row, and others in between; some arrays with a bad one */
static void make_array(u64 cmds[2 * ARRAY], u32 seed)
{
	static const u64 kinds[][2] = {
		{ CMDQ_OP_TLBI_NH_VA | 9ULL << 48, 0x123456789001 },
		{ CMDQ_OP_TLBI_NH_VA | 200ULL << 48 | 7ULL << 32, 0x1000 | ~0xfffULL },
		{ CMDQ_OP_CFGI_CD | (u64)VSID << 32 | 3 << 12, 1 },
		{ CMDQ_OP_CFGI_CD | (u64)VSID << 32 | 1023 << 12, ~0ULL },
		{ CMDQ_OP_TLBI_NH_VA | 5ULL << 12, 0x1000 | TG(1) },
		{ CMDQ_OP_TLBI_NH_ASID | 3ULL << 48, 0 },
		{ CMDQ_OP_CFGI_CD_ALL | (u64)VSID << 32, 0 },
		/* Nothing for the hardware to do, with no ATS at the device */
		{ CMDQ_OP_ATC_INV | (u64)VSID << 32, 52 },
		/* Bad ones: an ASID, an SSID, a device, a granule, an opcode */
		{ CMDQ_OP_TLBI_NH_VA | 256ULL << 48, 0x1000 },
		{ CMDQ_OP_CFGI_CD | (u64)VSID << 32 | 1024 << 12, 0 },
		{ CMDQ_OP_CFGI_CD | (VSID + 1ULL) << 32, 0 },
		{ CMDQ_OP_TLBI_NH_VA, 0x1000 | TG(2) },
		{ CMDQ_OP_CMD_SYNC, 0 },
	};
	const u32 good = 8;
	u32 i, kind = 0;

	for (i = 0; i < ARRAY; i++) {
		seed = seed * 1664525 + 1013904223;
		if ((seed >> 16) % 4 == 0)
			kind = (seed >> 20) % good;
		cmds[2 * i] = kinds[kind][0];
		cmds[2 * i + 1] = kinds[kind][1];
		if ((seed >> 8) % 256 < 2) {
			cmds[2 * i] = kinds[good + i % 5][0];
			cmds[2 * i + 1] = kinds[good + i % 5][1];
		}
	}
}

/* What becomes of an array is what becomes of its commands one by one */
static void an_array_is_its_commands(struct kunit *test)
{
	struct nested_test *t = test->priv;
	u64 array[2 * ARRAY], one[2 * ARRAY];
	u32 seed, i, done, issued, expected;
	int rc, error;

	t->smmu.asid_bits = 8;
	t->smmu.features = ARM_SMMU_FEAT_RANGE_INV | ARM_SMMU_FEAT_ATS;
	for (seed = 0; seed < 400; seed++) {
		make_array(one, seed);
		for (i = 0; i < 2 * ARRAY; i++)
			array[i] = (__force u64)cpu_to_le64(one[i]);
		rcu_read_lock();
		expected = 0;
		for (i = 0, rc = 0; i < ARRAY; i++) {
			rc = arm_smmu_make_host_cmd(&t->vsmmu, &one[2 * i]);
			if (rc < 0)
				break;
			if (rc)
				continue;
			one[2 * expected] = one[2 * i];
			one[2 * expected + 1] = one[2 * i + 1];
			expected++;
		}
		error = 0;
		done = arm_smmu_make_host_cmds(&t->vsmmu, array, ARRAY, &issued,
					       &error);
		rcu_read_unlock();
		KUNIT_ASSERT_EQ(test, i, done);
		KUNIT_ASSERT_EQ(test, expected, issued);
		KUNIT_ASSERT_EQ(test, min(rc, 0), error);
		KUNIT_ASSERT_EQ(test, 0,
				memcmp(array, one, 16 * expected));
	}
}

static void any_other_command_is_refused(struct kunit *test)
{
	static const u8 known[] = {
		CMDQ_OP_CFGI_CD, CMDQ_OP_CFGI_CD_ALL, OP_NH_ALL,
		CMDQ_OP_TLBI_NH_ASID, CMDQ_OP_TLBI_NH_VA, CMDQ_OP_TLBI_NH_VAA,
		CMDQ_OP_TLBI_NSNH_ALL, CMDQ_OP_ATC_INV,
	};
	int op;

	for (op = 0; op < 256; op++)
		if (!memchr(known, op, sizeof(known)))
			refused(test, op | VSID << 32, 0);
}

/* Expect that an event is the host's, or what the guest is told */
static void tells(struct kunit *test, bool guests, u64 evt0, u64 evt1,
		  u64 told0, u64 told1, u64 told2)
{
	const u64 evt[EVTQ_ENT_DWORDS] = {
		evt0 | SID << 32, evt1, 0x123456789abcULL, 0xfffffffff000ULL,
	};
	struct iommu_vevent_arm_smmuv3 told = {};
	struct nested_test *t = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, guests,
			    arm_smmu_make_guest_event(&t->nested, evt, VSID,
						      &told),
			    "event %llx, %llx", evt0, evt1);
	if (!guests)
		return;
	KUNIT_EXPECT_EQ(test, told0 | VSID << 32, le64_to_cpu(told.evt[0]));
	KUNIT_EXPECT_EQ(test, told1, le64_to_cpu(told.evt[1]));
	KUNIT_EXPECT_EQ(test, told2, le64_to_cpu(told.evt[2]));
	/* The only place of a physical address */
	KUNIT_EXPECT_EQ(test, 0, le64_to_cpu(told.evt[3]));
}

static void a_guest_is_told_of_its_stage_1(struct kunit *test)
{
	const u64 ssid = BIT_ULL(11) | 5 << 12, va = 0x123456789abcULL;
	const u64 access = BIT_ULL(33) | BIT_ULL(35) | 2ULL << 40;
	const u64 stall = BIT_ULL(31) | 0x77, s2 = BIT_ULL(39);
	struct nested_test *t = test->priv;
	u64 id;

	t->nested.ste[0] = V | CONFIG(5);
	for (id = 0x10; id <= 0x13; id++) {
		tells(test, true, id | ssid, access | stall, id | ssid, access, va);
		tells(test, false, id, access | s2, 0, 0, 0);
	}
	/* A substream id is one only if it is said to be */
	tells(test, true, 0x10 | 5 << 12, access, 0x10, access, va);
	tells(test, true, 0x08 | ssid, ~s2, 0x08 | ssid, 0, 0);
	tells(test, true, 0x0a | ssid, ~s2, 0x0a | ssid, 0, 0);
	tells(test, true, 0x09, ~s2, 0x09, 0, 0);
	tells(test, true, 0x0b, access, 0x0b, access, va);
}

static void the_host_keeps_what_is_its_own(struct kunit *test)
{
	static const u8 hosts[] = { 0x01, 0x02, 0x03, 0x04, 0x20, 0x21, 0x24, 0x25 };
	struct nested_test *t = test->priv;
	int i;

	t->nested.ste[0] = V | CONFIG(5);
	for (i = 0; i < ARRAY_SIZE(hosts); i++)
		tells(test, false, hosts[i], 0, 0, 0, 0);
	/* Of a guest's bypass all that faults is stage 2 */
	t->nested.ste[0] = V | CONFIG(4);
	tells(test, false, 0x10, 0, 0, 0, 0);
	tells(test, false, 0x04, 0, 0, 0, 0);
	/* And that its STE is not valid, the guest did itself */
	t->nested.ste[0] = 0;
	tells(test, false, 0x10, 0, 0, 0, 0);
	tells(test, true, 0x04, ~0ULL, 0x04, 0, 0);
}

static struct kunit_case nested_test_cases[] = {
	KUNIT_CASE(an_ste_has_what_the_smmu_has),
	KUNIT_CASE(what_the_smmu_ignores_is_cleared),
	KUNIT_CASE(a_guests_ste_is_above_stage_2),
	KUNIT_CASE(a_guest_cannot_enable_what_the_device_has_not),
	KUNIT_CASE(a_tlbi_gets_the_vmid),
	KUNIT_CASE(a_range_is_one_that_the_smmu_knows),
	KUNIT_CASE(a_range_is_not_made_shorter),
	KUNIT_CASE(a_level_that_is_reserved_is_any_level),
	KUNIT_CASE(a_device_gets_its_physical_name),
	KUNIT_CASE(any_other_command_is_refused),
	KUNIT_CASE(an_array_is_its_commands),
	KUNIT_CASE(a_guest_is_told_of_its_stage_1),
	KUNIT_CASE(the_host_keeps_what_is_its_own),
	{}
};

static struct kunit_suite nested_test_suite = {
	.name = "arm-smmu-v3-nested",
	.init = nested_test_init,
	.exit = nested_test_exit,
	.test_cases = nested_test_cases,
};

kunit_test_suite(nested_test_suite);
