// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of VMs' shares of several SMMUs that have one stage 2. The SMMUs are
 * made up: they are done with a command at once, and leave it in the queue.
 */
#include "arm-smmu-v3-fake.h"
#include "arm-smmu-v3-ste.h"

#define IOVA		SZ_1G

/**
 * struct fake_share - an SMMU with a device, of which a VM has a share
 * @smmu: the SMMU
 * @device: its StreamID is the number of the SMMU, from 1 on
 * @fwspec: what firmware says of the device
 * @vsmmu: the share
 * @nested: the guest's stage 1
 */
struct fake_share {
	struct fake_smmu *smmu;
	struct fake_dev *device;
	struct iommu_fwspec *fwspec;
	struct arm_smmu_vsmmu vsmmu;
	struct arm_smmu_nested_domain nested;
};

struct share_test {
	struct fake_share shares[2];
	struct iommu_domain *parent;
};

static struct arm_smmu_device *smmu_of(struct share_test *t, int i)
{
	return &t->shares[i].smmu->smmu;
}

static void share_init(struct kunit *test, struct fake_share *share, u32 sid)
{
	struct arm_smmu_device *smmu;

	share->smmu = fake_smmu_alloc(test);
	share->device = fake_dev_alloc(test, share->smmu, sid);
	smmu = &share->smmu->smmu;
	smmu->features = ARM_SMMU_FEAT_TRANS_S1 | ARM_SMMU_FEAT_TRANS_S2 |
			 ARM_SMMU_FEAT_NESTING | ARM_SMMU_FEAT_COHERENCY;
	smmu->ias = 44;
	smmu->oas = 44;
	smmu->pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	smmu->asid_bits = 16;
	smmu->vmid_bits = 2;
	set_bit(0, smmu->vmid_map);
	/* For the node of its tables */
	smmu->dev = share->device->dev;

	share->fwspec = kunit_kzalloc(test, sizeof(*share->fwspec), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, share->fwspec);
	share->device->iommu.fwspec = share->fwspec;
	share->fwspec->flags = IOMMU_FWSPEC_PCI_RC_CANWBS;
	share->vsmmu.core.iommu_dev = &smmu->iommu;
	share->nested.vsmmu = &share->vsmmu;
}

static void alloc_parent(struct kunit *test)
{
	struct share_test *t = test->priv;

	t->parent = arm_smmu_domain_alloc_paging_flags(t->shares[0].device->dev,
						       IOMMU_HWPT_ALLOC_NEST_PARENT,
						       NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->parent));
	t->parent->ops = arm_smmu_ops.default_domain_ops;
}

static int share_test_init(struct kunit *test)
{
	struct share_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	for (i = 0; i < ARRAY_SIZE(t->shares); i++)
		share_init(test, &t->shares[i], i + 1);
	/* So that no VMID is the same in both by chance */
	bitmap_set(smmu_of(t, 1)->vmid_map, 0, 3);
	test->priv = t;
	return 0;
}

static void share_test_exit(struct kunit *test)
{
	struct share_test *t = test->priv;
	int i;

	if (!t)
		return;
	if (!IS_ERR_OR_NULL(t->parent))
		arm_smmu_domain_free(t->parent);
	for (i = 0; i < ARRAY_SIZE(t->shares); i++)
		fake_dev_free(t->shares[i].device);
}

static int share(struct kunit *test, int i)
{
	struct share_test *t = test->priv;

	return arm_smmu_viommu_init(&t->shares[i].vsmmu.core, t->parent, NULL);
}

static void unshare(struct kunit *test, int i)
{
	struct share_test *t = test->priv;
	struct iommufd_viommu *viommu = &t->shares[i].vsmmu.core;

	viommu->ops->destroy(viommu);
}

/* The next command that was given to the SMMU and is no CMD_SYNC, or 0 */
static u64 next_command(struct kunit *test, int i)
{
	struct share_test *t = test->priv;
	struct fake_smmu *fake = t->shares[i].smmu;
	u64 cmd;

	while (fake->cmdq_seen != fake->cmdq_reg) {
		cmd = le64_to_cpu(fake->cmdq[(fake->cmdq_seen & (FAKE_ENTRIES - 1)) *
					     CMDQ_ENT_DWORDS]);
		fake->cmdq_seen = (fake->cmdq_seen + 1) & (2 * FAKE_ENTRIES - 1);
		if (FIELD_GET(CMDQ_0_OP, cmd) != CMDQ_OP_CMD_SYNC)
			return cmd;
	}
	return 0;
}

static void forget_commands(struct kunit *test)
{
	int i;

	for (i = 0; i < 2; i++)
		while (next_command(test, i))
			;
}

static u64 forget_vm(u16 vmid)
{
	return CMDQ_OP_TLBI_S12_VMALL | FIELD_PREP(CMDQ_TLBI_0_VMID, vmid);
}

static void map_and_unmap(struct kunit *test)
{
	struct share_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommu_map(t->parent, IOVA, SZ_2M, SZ_4K,
					   IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE));
	forget_commands(test);
	KUNIT_ASSERT_EQ(test, SZ_4K, iommu_unmap(t->parent, IOVA, SZ_4K));
}

static void what_is_unmapped_is_invalidated_in_each(struct kunit *test)
{
	struct share_test *t = test->priv;
	u16 own, vmids[2];
	u64 cmd;
	int i;

	alloc_parent(test);
	own = to_smmu_domain(t->parent)->s2_cfg.vmid;
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, 0, share(test, i));
		vmids[i] = t->shares[i].vsmmu.vmid;
	}
	KUNIT_EXPECT_NE(test, own, vmids[0]);
	KUNIT_EXPECT_NE(test, vmids[0], vmids[1]);

	map_and_unmap(test);
	cmd = next_command(test, 0);
	KUNIT_EXPECT_EQ(test, (u64)CMDQ_OP_TLBI_S2_IPA, FIELD_GET(CMDQ_0_OP, cmd));
	KUNIT_EXPECT_EQ(test, (u64)own, FIELD_GET(CMDQ_TLBI_0_VMID, cmd));
	KUNIT_EXPECT_EQ(test, forget_vm(vmids[0]), next_command(test, 0));
	KUNIT_EXPECT_EQ(test, 0ULL, next_command(test, 0));
	/* The other one has never heard of the parent's own VMID */
	KUNIT_EXPECT_EQ(test, forget_vm(vmids[1]), next_command(test, 1));
	KUNIT_EXPECT_EQ(test, 0ULL, next_command(test, 1));

	/* And all of it, which iommufd never asks for */
	iommu_flush_iotlb_all(t->parent);
	KUNIT_EXPECT_EQ(test, forget_vm(own), next_command(test, 0));
	KUNIT_EXPECT_EQ(test, forget_vm(vmids[0]), next_command(test, 0));
	KUNIT_EXPECT_EQ(test, forget_vm(vmids[1]), next_command(test, 1));
	for (i = 0; i < 2; i++)
		unshare(test, i);
}

static void two_vms_of_an_smmu_have_a_vmid_each(struct kunit *test)
{
	struct share_test *t = test->priv;
	struct arm_smmu_vsmmu *more;

	alloc_parent(test);
	more = kunit_kzalloc(test, sizeof(*more), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, more);
	more->core.iommu_dev = &smmu_of(t, 0)->iommu;
	KUNIT_ASSERT_EQ(test, 0, share(test, 0));
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_viommu_init(&more->core, t->parent, NULL));
	KUNIT_EXPECT_NE(test, more->vmid, t->shares[0].vsmmu.vmid);
	map_and_unmap(test);
	next_command(test, 0);
	KUNIT_EXPECT_EQ(test, forget_vm(t->shares[0].vsmmu.vmid), next_command(test, 0));
	KUNIT_EXPECT_EQ(test, forget_vm(more->vmid), next_command(test, 0));
	more->core.ops->destroy(&more->core);
	unshare(test, 0);
}

static void a_vmid_goes_with_its_share(struct kunit *test)
{
	struct share_test *t = test->priv;
	u16 vmid;

	alloc_parent(test);
	KUNIT_ASSERT_EQ(test, 0, share(test, 0));
	KUNIT_ASSERT_EQ(test, 0, share(test, 1));
	vmid = t->shares[1].vsmmu.vmid;
	KUNIT_EXPECT_TRUE(test, test_bit(vmid, smmu_of(t, 1)->vmid_map));

	forget_commands(test);
	unshare(test, 1);
	/* The next owner finds nothing */
	KUNIT_EXPECT_EQ(test, forget_vm(vmid), next_command(test, 1));
	KUNIT_EXPECT_FALSE(test, test_bit(vmid, smmu_of(t, 1)->vmid_map));
	map_and_unmap(test);
	KUNIT_EXPECT_EQ(test, 0ULL, next_command(test, 1));
	next_command(test, 0);
	KUNIT_EXPECT_EQ(test, forget_vm(t->shares[0].vsmmu.vmid), next_command(test, 0));

	KUNIT_ASSERT_EQ(test, 0, share(test, 1));
	KUNIT_EXPECT_EQ(test, vmid, t->shares[1].vsmmu.vmid);
	unshare(test, 1);
	unshare(test, 0);
}

static void without_a_vmid_there_is_no_share(struct kunit *test)
{
	struct share_test *t = test->priv;

	alloc_parent(test);
	bitmap_set(smmu_of(t, 1)->vmid_map, 0, BIT(smmu_of(t, 1)->vmid_bits));
	KUNIT_EXPECT_EQ(test, -ENOSPC, share(test, 1));
	map_and_unmap(test);
	KUNIT_EXPECT_EQ(test, 0ULL, next_command(test, 1));
}

/* A device that does ATS is attached to what a guest wants */
static void attach(struct share_test *t, int i)
{
	struct arm_smmu_domain *parent = to_smmu_domain(t->parent);
	struct arm_smmu_master *master = &t->shares[i].device->master;

	master->domain = parent;
	master->nested = &t->shares[i].nested;
	master->ats_enabled = true;
	atomic_inc(&parent->nr_ats_masters);
	list_add_tail(&master->domain_head, &parent->devices);
}

static void what_devices_cached_is_invalidated_after_that(struct kunit *test)
{
	struct share_test *t = test->priv;
	u64 cmd;
	int i;

	alloc_parent(test);
	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, 0, share(test, i));
		attach(t, i);
	}
	map_and_unmap(test);
	next_command(test, 0);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, forget_vm(t->shares[i].vsmmu.vmid),
				next_command(test, i));
		cmd = next_command(test, i);
		KUNIT_EXPECT_EQ(test, (u64)CMDQ_OP_ATC_INV, FIELD_GET(CMDQ_0_OP, cmd));
		KUNIT_EXPECT_EQ(test, (u64)i + 1, FIELD_GET(CMDQ_ATC_0_SID, cmd));
		KUNIT_EXPECT_EQ(test, 0ULL, next_command(test, i));
		list_del(&t->shares[i].device->master.domain_head);
		unshare(test, i);
	}
}

static void an_entry_has_the_vmid_of_its_smmu(struct kunit *test)
{
	struct share_test *t = test->priv;
	u64 ttb[2];
	int i;

	alloc_parent(test);
	for (i = 0; i < 2; i++) {
		struct fake_share *fake = &t->shares[i];
		struct arm_smmu_ste ste;

		KUNIT_ASSERT_EQ(test, 0, share(test, i));
		fake->nested.ste[0] = STRTAB_STE_0_V |
			FIELD_PREP(STRTAB_STE_0_CFG, STRTAB_STE_0_CFG_S1_TRANS);
		fake->device->master.domain = to_smmu_domain(t->parent);
		fake->device->master.nested = &fake->nested;
		arm_smmu_make_nested_ste(&fake->device->master, &ste);
		KUNIT_EXPECT_EQ(test, (u64)fake->vsmmu.vmid,
				FIELD_GET(STRTAB_STE_2_S2VMID, le64_to_cpu(ste.data[2])));
		ttb[i] = le64_to_cpu(ste.data[3]) & STRTAB_STE_3_S2TTB_MASK;
	}
	KUNIT_EXPECT_NE(test, 0ULL, ttb[0]);
	KUNIT_EXPECT_EQ(test, ttb[0], ttb[1]);
	for (i = 0; i < 2; i++)
		unshare(test, i);
}

static void a_parent_must_be_one_that_the_smmu_can_walk(struct kunit *test)
{
	struct share_test *t = test->priv;
	struct arm_smmu_device *other = smmu_of(t, 1);
	struct arm_smmu_domain *parent;

	alloc_parent(test);
	parent = to_smmu_domain(t->parent);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			arm_smmu_viommu_init(&t->shares[1].vsmmu.core, t->parent,
					     (struct iommu_user_data *)t));
	parent->nest_parent = false;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	parent->nest_parent = true;

	other->oas = 42;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	other->oas = 48;
	other->ias = 42;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	other->ias = 48;
	other->pgsize_bitmap = SZ_64K | SZ_512M;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	other->pgsize_bitmap = smmu_of(t, 0)->pgsize_bitmap;
	other->features &= ~ARM_SMMU_FEAT_COHERENCY;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	other->features |= ARM_SMMU_FEAT_COHERENCY;
	parent->hd = true;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	parent->hd = false;
	parent->fwb = true;
	KUNIT_EXPECT_EQ(test, -EINVAL, share(test, 1));
	/* Nothing was taken of what is refused; and one that has more can walk it */
	KUNIT_EXPECT_FALSE(test, test_bit(3, other->vmid_map));
	other->features |= ARM_SMMU_FEAT_FWB | ARM_SMMU_FEAT_HD;
	KUNIT_ASSERT_EQ(test, 0, share(test, 1));
	unshare(test, 1);
	parent->fwb = false;
}

/* ---- Coherent whatever the guest asks for ---- */

static size_t viommu_size(struct share_test *t)
{
	return arm_smmu_get_viommu_size(t->shares[0].device->dev,
					IOMMU_VIOMMU_TYPE_ARM_SMMUV3);
}

static void a_guest_cannot_make_dma_incoherent(struct kunit *test)
{
	struct share_test *t = test->priv;
	struct fake_share *fake = &t->shares[0];

	KUNIT_EXPECT_LE(test, sizeof(struct arm_smmu_vsmmu), viommu_size(t));
	fake->fwspec->flags = 0;
	KUNIT_EXPECT_EQ(test, 0UL, viommu_size(t));
	/* Stage 2 has the last word */
	smmu_of(t, 0)->features |= ARM_SMMU_FEAT_FWB;
	KUNIT_EXPECT_LE(test, sizeof(struct arm_smmu_vsmmu), viommu_size(t));
	/* But only if it is one that makes use of that */
	KUNIT_EXPECT_TRUE(test, arm_smmu_keeps_coherent(&fake->device->master, true));
	KUNIT_EXPECT_FALSE(test, arm_smmu_keeps_coherent(&fake->device->master, false));
	fake->fwspec->flags = IOMMU_FWSPEC_PCI_RC_CANWBS;
	KUNIT_EXPECT_TRUE(test, arm_smmu_keeps_coherent(&fake->device->master, false));
}

static u64 made_dword1(struct share_test *t, u64 config)
{
	struct fake_share *fake = &t->shares[0];
	struct arm_smmu_ste ste;

	fake->nested.ste[0] = STRTAB_STE_0_V | FIELD_PREP(STRTAB_STE_0_CFG, config);
	fake->device->master.domain = to_smmu_domain(t->parent);
	fake->device->master.nested = &fake->nested;
	arm_smmu_make_nested_ste(&fake->device->master, &ste);
	return le64_to_cpu(ste.data[1]);
}

static void a_parent_forces_write_back_where_it_can(struct kunit *test)
{
	struct share_test *t = test->priv;
	struct arm_smmu_ste ste;
	int fwb;

	for (fwb = 0; fwb < 2; fwb++) {
		const u64 bit = fwb ? STRTAB_STE_1_S2FWB : 0;

		if (fwb)
			smmu_of(t, 0)->features |= ARM_SMMU_FEAT_FWB;
		alloc_parent(test);
		KUNIT_EXPECT_EQ(test, fwb, (int)to_smmu_domain(t->parent)->fwb);
		KUNIT_ASSERT_EQ(test, 0, share(test, 0));
		KUNIT_EXPECT_EQ(test, bit, STRTAB_STE_1_S2FWB &
				made_dword1(t, STRTAB_STE_0_CFG_S1_TRANS));
		KUNIT_EXPECT_EQ(test, bit, STRTAB_STE_1_S2FWB &
				made_dword1(t, STRTAB_STE_0_CFG_BYPASS));
		KUNIT_EXPECT_EQ(test, 0ULL, STRTAB_STE_1_S2FWB &
				made_dword1(t, STRTAB_STE_0_CFG_ABORT));
		/* And below no guest at all: its entries have the same meaning */
		t->shares[0].device->master.nested = NULL;
		arm_smmu_make_ste(&t->shares[0].device->master, &ste);
		KUNIT_EXPECT_EQ(test, bit,
				le64_to_cpu(ste.data[1]) & STRTAB_STE_1_S2FWB);
		unshare(test, 0);
		arm_smmu_domain_free(t->parent);
		t->parent = NULL;
	}
}

static struct kunit_case share_test_cases[] = {
	KUNIT_CASE(what_is_unmapped_is_invalidated_in_each),
	KUNIT_CASE(two_vms_of_an_smmu_have_a_vmid_each),
	KUNIT_CASE(a_vmid_goes_with_its_share),
	KUNIT_CASE(without_a_vmid_there_is_no_share),
	KUNIT_CASE(what_devices_cached_is_invalidated_after_that),
	KUNIT_CASE(an_entry_has_the_vmid_of_its_smmu),
	KUNIT_CASE(a_parent_must_be_one_that_the_smmu_can_walk),
	KUNIT_CASE(a_guest_cannot_make_dma_incoherent),
	KUNIT_CASE(a_parent_forces_write_back_where_it_can),
	{}
};

static struct kunit_suite share_test_suite = {
	.name = "arm-smmu-v3-share",
	.init = share_test_init,
	.exit = share_test_exit,
	.test_cases = share_test_cases,
};

kunit_test_suite(share_test_suite);
