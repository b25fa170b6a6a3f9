// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of page requests of PCIe devices, on an SMMU that is nothing but
 * its queues, with devices that are nothing but their configuration space.
 */
#include <kunit/test.h>
#include <linux/iommu-fault.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>

#include "../../iommu-sva-lib.h"
#include "arm-smmu-v3-fake.h"
#include "arm-smmu-v3-fake_pci.h"
#include "arm-smmu-v3-ste.h"

#define SID	0x1234ULL
#define STRANGER 0x99ULL
#define GROUP	0x1a5ULL
#define PAGE	0x123456789000ULL

/* A request: dword 0; dword 1 is page and group */
#define FROM(sid)	((u64)(sid))
#define SSV(ssid)	(BIT_ULL(63) | (u64)(ssid) << 32)
#define LAST		BIT_ULL(62)
#define WRITABLE	BIT_ULL(61)
#define READABLE	BIT_ULL(60)
#define EXECUTABLE	BIT_ULL(59)
#define PRIVILEGED	BIT_ULL(58)

/* CMD_PRI_RESP: dword 0, dword 1 */
#define RESPOND(sid)	(0x41ULL | (u64)(sid) << 32)
#define PASID(ssid)	(BIT_ULL(11) | (u64)(ssid) << 12)
#define FAILURE(group)	((u64)(group))
#define INVALID(group)	((u64)(group) | 1 << 12)
#define SUCCESS(group)	((u64)(group) | 2 << 12)

#define PRI_CTRL	(FAKE_PRI_CAP + PCI_PRI_CTRL)

/**
 * struct pri_test - what a test has
 * @fake: the SMMU
 * @fd: a device that has been let ask
 * @pci: its configuration space
 */
struct pri_test {
	struct fake_smmu *fake;
	struct fake_dev *fd;
	struct fake_pci pci;
};

static int pri_test_init(struct kunit *test)
{
	struct pri_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->fake = fake_smmu_alloc(test);
	t->fake->smmu.features = ARM_SMMU_FEAT_PRI | ARM_SMMU_FEAT_ATS;
	t->fake->smmu.combined_irq = 1;
	t->fd = fake_dev_alloc(test, t->fake, SID);
	fake_pci_init(&t->pci, t->fd);
	t->fd->master.pri_enabled = true;
	return 0;
}

static void pri_test_exit(struct kunit *test)
{
	struct pri_test *t = test->priv;

	if (t && t->fd)
		fake_dev_free(t->fd);
}

static void irq(struct pri_test *t)
{
	arm_smmu_priq_thread(0, &t->fake->smmu);
}

static void respond(struct kunit *test, struct pri_test *t, unsigned int nr,
		    enum iommu_page_response_code code)
{
	KUNIT_ASSERT_LT(test, nr, t->fd->nr);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_fault_respond(t->fd->dev, &t->fd->faults[nr].prm,
					    code));
}

static void a_group_is_told_and_answered_once(struct kunit *test)
{
	const u32 last = IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	struct pri_test *t = test->priv;
	struct iommu_fault_page_request *prm;
	int i;

	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	for (i = 0; i < 3; i++)
		fake_request(t->fake, FROM(SID) | READABLE | (i == 2 ? LAST : 0),
			     (PAGE + i * SZ_4K) | GROUP);
	irq(t);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	KUNIT_ASSERT_EQ(test, 3, t->fd->nr);
	for (i = 0; i < 3; i++) {
		prm = &t->fd->faults[i].prm;
		KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PAGE_REQ,
				t->fd->faults[i].type);
		KUNIT_EXPECT_EQ(test, i == 2 ? last : 0, prm->flags);
		KUNIT_EXPECT_EQ(test, GROUP, prm->grpid);
		KUNIT_EXPECT_EQ(test, PAGE + i * SZ_4K, prm->addr);
		KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PERM_READ, prm->perm);
	}
	fake_expect_no_cmd(test, t->fake);
	respond(test, t, 2, IOMMU_PAGE_RESP_SUCCESS);
	fake_expect_cmd(test, t->fake, RESPOND(SID), SUCCESS(GROUP));
	fake_expect_no_cmd(test, t->fake);
}

static void answers_are_those_of_pcie(struct kunit *test)
{
	struct pri_test *t = test->priv;

	fake_set_target(test, t->fd, 5, &t->fd->target);
	fake_request(t->fake, FROM(SID) | SSV(5) | LAST | WRITABLE |
		     EXECUTABLE | PRIVILEGED, PAGE | GROUP);
	irq(t);
	KUNIT_ASSERT_EQ(test, 1, t->fd->nr);
	KUNIT_EXPECT_EQ(test, 5, t->fd->faults[0].prm.pasid);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PERM_WRITE | IOMMU_FAULT_PERM_EXEC |
			IOMMU_FAULT_PERM_PRIV, t->fd->faults[0].prm.perm);
	/* Most devices want no PASID back */
	respond(test, t, 0, IOMMU_PAGE_RESP_SUCCESS);
	fake_expect_cmd(test, t->fake, RESPOND(SID), SUCCESS(GROUP));

	t->fd->master.pri_needs_pasid = true;
	fake_request(t->fake, FROM(SID) | SSV(5) | LAST | WRITABLE,
		     PAGE | GROUP);
	irq(t);
	KUNIT_ASSERT_EQ(test, 2, t->fd->nr);
	respond(test, t, 1, IOMMU_PAGE_RESP_SUCCESS);
	fake_expect_cmd(test, t->fake, RESPOND(SID) | PASID(5), SUCCESS(GROUP));
	respond(test, t, 1, IOMMU_PAGE_RESP_INVALID);
	fake_expect_cmd(test, t->fake, RESPOND(SID) | PASID(5), INVALID(GROUP));
	respond(test, t, 1, IOMMU_PAGE_RESP_FAILURE);
	fake_expect_cmd(test, t->fake, RESPOND(SID) | PASID(5), FAILURE(GROUP));
	/* One without a PASID never has one */
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	fake_request(t->fake, FROM(SID) | LAST | WRITABLE, PAGE | 3);
	irq(t);
	KUNIT_ASSERT_EQ(test, 3, t->fd->nr);
	respond(test, t, 2, IOMMU_PAGE_RESP_INVALID);
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(3));
	fake_expect_no_cmd(test, t->fake);
}

static void a_stop_marker_has_no_answer(struct kunit *test)
{
	struct pri_test *t = test->priv;

	t->fd->target.all_pasids = true;
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	fake_request(t->fake, FROM(SID) | SSV(5) | LAST, PAGE | GROUP);
	fake_request(t->fake, FROM(STRANGER) | SSV(5) | LAST, PAGE | GROUP);
	irq(t);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	KUNIT_EXPECT_EQ(test, 0, t->fd->nr);
	fake_expect_no_cmd(test, t->fake);
	/* One that is not last, or has no PASID, is a request all the same */
	fake_request(t->fake, FROM(SID) | SSV(5), PAGE | GROUP);
	fake_request(t->fake, FROM(SID) | LAST, PAGE | GROUP);
	irq(t);
	KUNIT_EXPECT_EQ(test, 2, t->fd->nr);
	fake_expect_no_cmd(test, t->fake);
}

static void nobody_waits_for_nobody(struct kunit *test)
{
	struct pri_test *t = test->priv;

	/* No device: it is to stop */
	fake_request(t->fake, FROM(STRANGER) | SSV(7) | READABLE, PAGE | GROUP);
	fake_request(t->fake, FROM(STRANGER) | SSV(7) | READABLE | LAST,
		     PAGE | GROUP);
	irq(t);
	fake_expect_cmd(test, t->fake, RESPOND(STRANGER) | PASID(7),
			FAILURE(GROUP));
	/* A VF that nobody let ask, though its PF can: it is not to stop others */
	t->fd->master.pri_enabled = false;
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	fake_request(t->fake, FROM(SID) | SSV(7) | READABLE | LAST,
		     PAGE | GROUP);
	irq(t);
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(GROUP));
	t->fd->master.pri_needs_pasid = true;
	fake_request(t->fake, FROM(SID) | SSV(7) | READABLE | LAST,
		     PAGE | GROUP);
	irq(t);
	fake_expect_cmd(test, t->fake, RESPOND(SID) | PASID(7), INVALID(GROUP));
	t->fd->master.pri_needs_pasid = false;
	KUNIT_EXPECT_EQ(test, 0, t->fd->nr);

	/* No owner at the moment, or one that does not take it: for this access */
	t->fd->master.pri_enabled = true;
	t->fd->answer = -ENOMEM;
	fake_request(t->fake, FROM(SID) | READABLE, PAGE | GROUP);
	fake_request(t->fake, FROM(SID) | READABLE | LAST, PAGE | GROUP);
	irq(t);
	KUNIT_EXPECT_EQ(test, 2, t->fd->nr);
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(GROUP));
	fake_set_target(test, t->fd, IOMMU_NO_PASID, NULL);
	fake_request(t->fake, FROM(SID) | SSV(7) | READABLE, PAGE | 1);
	fake_request(t->fake, FROM(SID) | SSV(7) | READABLE | LAST, PAGE | 1);
	irq(t);
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(1));

	/* While the device moves */
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_retry);
	fake_request(t->fake, FROM(SID) | SSV(7) | READABLE, PAGE | 2);
	fake_request(t->fake, FROM(SID) | SSV(7) | READABLE | LAST, PAGE | 2);
	irq(t);
	fake_expect_cmd(test, t->fake, RESPOND(SID), SUCCESS(2));
	fake_expect_no_cmd(test, t->fake);
}

static void what_the_smmu_lost_is_asked_again(struct kunit *test)
{
	const u64 page = FROM(SID) | READABLE;
	struct pri_test *t = test->priv;
	unsigned int losses = t->fake->smmu.iommu.fault_losses;
	int i;

	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	for (i = 0; i < FAKE_ENTRIES; i++)
		KUNIT_ASSERT_TRUE(test, fake_request(t->fake, page,
						     PAGE | GROUP));
	KUNIT_EXPECT_FALSE(test, fake_request(t->fake, page | LAST,
					      PAGE | GROUP));
	KUNIT_EXPECT_TRUE(test, fake_overflown(t->fake->priq_regs));
	irq(t);
	/* What came has been told; who has part of a group knows that it is lost */
	KUNIT_EXPECT_EQ(test, FAKE_ENTRIES, t->fd->nr);
	KUNIT_EXPECT_EQ(test, losses + 1, t->fake->smmu.iommu.fault_losses);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	/* The SMMU has answered the lost one itself */
	fake_expect_no_cmd(test, t->fake);

	KUNIT_EXPECT_TRUE(test, fake_request(t->fake, page | LAST,
					     PAGE | GROUP));
	irq(t);
	KUNIT_EXPECT_EQ(test, FAKE_ENTRIES + 1, t->fd->nr);
	KUNIT_EXPECT_EQ(test, losses + 1, t->fake->smmu.iommu.fault_losses);
}

/* The work that in-kernel SVA does for a group ends with an answer */
static void expect_answer(struct kunit *test, struct pri_test *t, u64 group)
{
	KUNIT_EXPECT_EQ(test, 0, iopf_queue_flush_dev(t->fd->dev));
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(group));
}

static void sva_forgets_what_may_be_incomplete(struct kunit *test)
{
	const u64 page = FROM(SID) | SSV(5) | READABLE;
	struct pri_test *t = test->priv;
	struct arm_smmu_device *smmu = &t->fake->smmu;
	struct device *dev = t->fd->dev;
	int i;

	smmu->evtq.iopf = iopf_queue_alloc("pri-test");
	if (!smmu->evtq.iopf)
		kunit_skip(test, "no SVA");
	KUNIT_ASSERT_EQ(test, 0, iopf_queue_add_device(smmu->evtq.iopf, dev));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_register_device_fault_handler(dev,
							    iommu_queue_iopf,
							    dev));
	for (i = 0; i < FAKE_ENTRIES; i++)
		fake_request(t->fake, page, PAGE | i);
	KUNIT_EXPECT_FALSE(test, fake_request(t->fake, page | LAST, PAGE | 1));
	irq(t);
	fake_expect_no_cmd(test, t->fake);
	/* No process has the PASID */
	fake_request(t->fake, page | LAST, PAGE | 2);
	irq(t);
	expect_answer(test, t, 2);
	fake_expect_no_cmd(test, t->fake);
	KUNIT_EXPECT_EQ(test, 0, iommu_unregister_device_fault_handler(dev));
	iopf_queue_free(smmu->evtq.iopf);
}

static void a_device_is_let_ask_where_all_can(struct kunit *test)
{
	struct pri_test *t = test->priv;
	struct arm_smmu_master *master = &t->fd->master;
	struct arm_smmu_device *smmu = &t->fake->smmu;

	arm_smmu_probe_pri(master);
	KUNIT_EXPECT_TRUE(test, master->pri_supported);
	KUNIT_EXPECT_FALSE(test, master->pri_needs_pasid);
	t->fd->pdev.pasid_required = 1;
	arm_smmu_probe_pri(master);
	KUNIT_EXPECT_TRUE(test, master->pri_needs_pasid);

	smmu->combined_irq = 0;
	arm_smmu_probe_pri(master);
	KUNIT_EXPECT_FALSE(test, master->pri_supported);
	KUNIT_EXPECT_FALSE(test, master->pri_needs_pasid);
	smmu->priq.q.irq = 1;
	t->pci.fwspec.flags = 0;
	arm_smmu_probe_pri(master);
	KUNIT_EXPECT_FALSE(test, master->pri_supported);
	t->pci.fwspec.flags = IOMMU_FWSPEC_PCI_RC_ATS;
	smmu->features = ARM_SMMU_FEAT_ATS;
	arm_smmu_probe_pri(master);
	KUNIT_EXPECT_FALSE(test, master->pri_supported);
	smmu->features = ARM_SMMU_FEAT_ATS | ARM_SMMU_FEAT_PRI;
	t->fd->pdev.pri_cap = 0;
	arm_smmu_probe_pri(master);
	KUNIT_EXPECT_FALSE(test, master->pri_supported);
	KUNIT_EXPECT_EQ(test, -EINVAL, arm_smmu_enable_iopf(master));
}

static void a_device_that_stops_has_all_its_answers(struct kunit *test)
{
	struct pri_test *t = test->priv;
	struct arm_smmu_master *master = &t->fd->master;

	master->pri_enabled = false;
	arm_smmu_probe_pri(master);
	KUNIT_ASSERT_EQ(test, 0, pci_enable_ats(&t->fd->pdev, PAGE_SHIFT));
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_enable_iopf(master));
	KUNIT_EXPECT_EQ(test, PCI_PRI_CTRL_ENABLE,
			fake_pci_word(&t->pci, PRI_CTRL));
	KUNIT_EXPECT_EQ(test, 32, fake_pci_word(&t->pci, FAKE_PRI_CAP +
						PCI_PRI_ALLOC_REQ));
	KUNIT_EXPECT_TRUE(test, master->pri_enabled);
	KUNIT_EXPECT_EQ(test, -EBUSY, arm_smmu_enable_iopf(master));

	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_refuse);
	fake_request(t->fake, FROM(SID) | READABLE | LAST, PAGE | GROUP);
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_disable_iopf(master));
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(GROUP));
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	KUNIT_EXPECT_EQ(test, 0, fake_pci_word(&t->pci, PRI_CTRL));
	KUNIT_EXPECT_FALSE(test, master->pri_enabled);
	KUNIT_EXPECT_EQ(test, -EINVAL, arm_smmu_disable_iopf(master));

	/* A device that did not stop is not let ask again */
	fake_pci_set_word(&t->pci, FAKE_PRI_CAP + PCI_PRI_STATUS, 0);
	KUNIT_EXPECT_EQ(test, -EBUSY, arm_smmu_enable_iopf(master));
	KUNIT_EXPECT_FALSE(test, master->pri_enabled);
	fake_request(t->fake, FROM(SID) | READABLE | LAST, PAGE | GROUP);
	irq(t);
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(GROUP));
	fake_expect_no_cmd(test, t->fake);
}

static void nothing_is_left_for_the_next_owner(struct kunit *test)
{
	const u64 atc_inv_all[2] = { 0x40ULL | SID << 32, 52 };
	struct pri_test *t = test->priv;

	/* As iommufd does where the device moves */
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_retry);
	fake_request(t->fake, FROM(SID) | READABLE, PAGE | 1);
	fake_request(t->fake, FROM(SID) | READABLE | LAST, PAGE | 1);
	fake_request(t->fake, FROM(SID) | SSV(5) | READABLE | LAST, PAGE | 2);
	t->fd->master.ats_enabled = true;
	iommu_fault_drain(t->fd->dev);
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);

	/* What is on the bus is pushed into the queue first */
	fake_expect_cmd(test, t->fake, atc_inv_all[0], atc_inv_all[1]);
	fake_expect_sync(test, t->fake);
	fake_expect_cmd(test, t->fake, RESPOND(SID), SUCCESS(1));
	fake_expect_cmd(test, t->fake, RESPOND(SID), SUCCESS(2));
	fake_expect_no_cmd(test, t->fake);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->priq_regs));
	irq(t);
	KUNIT_EXPECT_EQ(test, 0, t->fd->nr);

	/* A device that does no ATS would not answer an invalidation */
	t->fd->master.ats_enabled = false;
	fake_request(t->fake, FROM(SID) | READABLE | LAST, PAGE | 3);
	iommu_fault_drain(t->fd->dev);
	fake_expect_no_cmd(test, t->fake);
	KUNIT_EXPECT_EQ(test, 1, t->fd->nr);
}

static void a_device_that_goes_leaves_nothing(struct kunit *test)
{
	struct pri_test *t = test->priv;

	t->fd->pdev.pri_enabled = 1;
	fake_request(t->fake, FROM(SID) | READABLE | LAST, PAGE | 3);
	arm_smmu_end_faults(&t->fd->master);
	fake_expect_cmd(test, t->fake, RESPOND(SID), INVALID(3));
	fake_expect_no_cmd(test, t->fake);
	KUNIT_EXPECT_FALSE(test, t->fd->master.pri_enabled);
	KUNIT_EXPECT_FALSE(test, t->fd->pdev.pri_enabled);
}

static void the_smmu_answers_as_the_device_wants(struct kunit *test)
{
	const u64 eats = BIT_ULL(28), ppar = BIT_ULL(18);
	struct pri_test *t = test->priv;
	struct arm_smmu_ste ste = {};

	t->fd->master.pri_needs_pasid = true;
	arm_smmu_set_ste_pri(&ste, &t->fd->master);
	KUNIT_EXPECT_EQ(test, 0, le64_to_cpu(ste.data[1]));
	ste.data[1] = cpu_to_le64(eats);
	arm_smmu_set_ste_pri(&ste, &t->fd->master);
	KUNIT_EXPECT_EQ(test, eats | ppar, le64_to_cpu(ste.data[1]));
	t->fd->master.pri_needs_pasid = false;
	ste.data[1] = cpu_to_le64(eats);
	arm_smmu_set_ste_pri(&ste, &t->fd->master);
	KUNIT_EXPECT_EQ(test, eats, le64_to_cpu(ste.data[1]));
}

static struct kunit_case pri_test_cases[] = {
	KUNIT_CASE(a_group_is_told_and_answered_once),
	KUNIT_CASE(answers_are_those_of_pcie),
	KUNIT_CASE(a_stop_marker_has_no_answer),
	KUNIT_CASE(nobody_waits_for_nobody),
	KUNIT_CASE(what_the_smmu_lost_is_asked_again),
	KUNIT_CASE(sva_forgets_what_may_be_incomplete),
	KUNIT_CASE(a_device_is_let_ask_where_all_can),
	KUNIT_CASE(a_device_that_stops_has_all_its_answers),
	KUNIT_CASE(nothing_is_left_for_the_next_owner),
	KUNIT_CASE(a_device_that_goes_leaves_nothing),
	KUNIT_CASE(the_smmu_answers_as_the_device_wants),
	{}
};

static struct kunit_suite pri_test_suite = {
	.name = "arm-smmu-v3-pri",
	.init = pri_test_init,
	.exit = pri_test_exit,
	.test_cases = pri_test_cases,
};

kunit_test_suite(pri_test_suite);
