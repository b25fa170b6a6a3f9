// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of events and stalls, on an SMMU that is nothing but its queues.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/iommu-fault.h>
#include <linux/workqueue.h>

#include "arm-smmu-v3-fake.h"

#define SID	0x1234ULL
#define VSID	0x21ULL
#define STRANGER 0x99ULL
#define STAG	0xbeefULL
#define VA	0x123456789abcULL

/* An event: dword 0, dword 1 */
#define TRANSLATION	0x10ULL
#define PERMISSION	0x13ULL
#define BAD_CD		0x0aULL
#define FROM(sid)	((u64)(sid) << 32)
#define SSV(ssid)	(BIT_ULL(11) | (u64)(ssid) << 12)
#define STALL(stag)	(BIT_ULL(31) | (u64)(stag))
#define PRIV		BIT_ULL(33)
#define FETCH		BIT_ULL(34)
#define RNW		BIT_ULL(35)
#define STAGE2		BIT_ULL(39)

/* CMD_RESUME: dword 0; dword 1 is the STAG */
#define RESUME(sid)	(0x44ULL | (u64)(sid) << 32)
#define RETRY		BIT_ULL(12)
#define ABORT		BIT_ULL(13)
#define STALL_TERM(sid)	(0x45ULL | (u64)(sid) << 32)

struct fault_test {
	struct fake_smmu *fake;
	struct fake_dev *fd;
};

static int fault_test_init(struct kunit *test)
{
	struct fault_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->fake = fake_smmu_alloc(test);
	t->fake->smmu.features = ARM_SMMU_FEAT_STALLS;
	t->fd = fake_dev_alloc(test, t->fake, SID);
	t->fd->master.stall_enabled = true;
	arm_smmu_add_stalling(&t->fd->master);
	return 0;
}

static void fault_test_exit(struct kunit *test)
{
	struct fault_test *t = test->priv;

	if (t && t->fd)
		fake_dev_free(t->fd);
}

static void irq(struct fault_test *t)
{
	arm_smmu_evtq_thread(0, &t->fake->smmu);
}

static void respond(struct kunit *test, struct fault_test *t, unsigned int nr,
		    enum iommu_page_response_code code)
{
	KUNIT_ASSERT_LT(test, nr, t->fd->nr);
	KUNIT_EXPECT_EQ(test, 0,
			iommu_fault_respond(t->fd->dev,
					    &t->fd->faults[nr].prm, code));
}

static void a_stall_is_told_and_answered(struct kunit *test)
{
	static const struct {
		enum iommu_page_response_code code;
		u64 action;
	} answers[] = {
		{ IOMMU_PAGE_RESP_SUCCESS, RETRY },
		{ IOMMU_PAGE_RESP_INVALID, ABORT },
		{ IOMMU_PAGE_RESP_FAILURE, ABORT },
	};
	struct fault_test *t = test->priv;
	const struct iommu_fault_page_request *prm = &t->fd->faults[0].prm;
	int i;

	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		t->fd->nr = 0;
		fake_event(t->fake, TRANSLATION | FROM(SID),
			   STALL(STAG + i) | RNW | PRIV, VA);
		irq(t);
		KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
		KUNIT_ASSERT_EQ(test, 1, t->fd->nr);
		KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PAGE_REQ,
				t->fd->faults[0].type);
		KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
				prm->flags);
		KUNIT_EXPECT_EQ(test, STAG + i, prm->grpid);
		KUNIT_EXPECT_EQ(test, VA, prm->addr);
		KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PERM_READ |
				IOMMU_FAULT_PERM_PRIV, prm->perm);
		/* It waits */
		fake_expect_no_cmd(test, t->fake);
		respond(test, t, 0, answers[i].code);
		fake_expect_cmd(test, t->fake, RESUME(SID) | answers[i].action,
				STAG + i);
	}
	KUNIT_EXPECT_EQ(test, -EINVAL,
			iommu_fault_respond(t->fd->dev, prm,
					    IOMMU_PAGE_RESP_FAILURE + 1));
	fake_expect_no_cmd(test, t->fake);
}

static void a_stall_goes_to_the_owner_of_its_pasid(struct kunit *test)
{
	struct fault_test *t = test->priv;

	fake_set_target(test, t->fd, 5, &t->fd->target);
	fake_event(t->fake, PERMISSION | FROM(SID) | SSV(5), STALL(1) | FETCH,
		   VA);
	/* The owner of a PASID has nothing to do with others, or with none */
	fake_event(t->fake, PERMISSION | FROM(SID) | SSV(6), STALL(2), VA);
	fake_event(t->fake, PERMISSION | FROM(SID) | 5 << 12, STALL(3), VA);
	irq(t);
	KUNIT_ASSERT_EQ(test, 1, t->fd->nr);
	KUNIT_EXPECT_EQ(test, 5, t->fd->faults[0].prm.pasid);
	KUNIT_EXPECT_TRUE(test, t->fd->faults[0].prm.flags &
			  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PERM_WRITE | IOMMU_FAULT_PERM_EXEC,
			t->fd->faults[0].prm.perm);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 2);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 3);
	respond(test, t, 0, IOMMU_PAGE_RESP_SUCCESS);
	fake_expect_cmd(test, t->fake, RESUME(SID) | RETRY, 1);

	/* A guest with a table of CDs has all of them */
	t->fd->target.all_pasids = true;
	fake_set_target(test, t->fd, 5, NULL);
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	fake_event(t->fake, PERMISSION | FROM(SID) | SSV(7), STALL(4), VA);
	irq(t);
	KUNIT_ASSERT_EQ(test, 2, t->fd->nr);
	KUNIT_EXPECT_EQ(test, 7, t->fd->faults[1].prm.pasid);
	fake_expect_no_cmd(test, t->fake);
}

static void a_stall_that_nobody_takes_is_aborted(struct kunit *test)
{
	struct fault_test *t = test->priv;

	/* Nobody there; no such device; who is there refuses */
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);
	fake_event(t->fake, TRANSLATION | FROM(STRANGER), STALL(2), VA);
	irq(t);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 1);
	fake_expect_cmd(test, t->fake, RESUME(STRANGER) | ABORT, 2);
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	t->fd->answer = -ENOMEM;
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(3), VA);
	irq(t);
	KUNIT_EXPECT_EQ(test, 1, t->fd->nr);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 3);

	/* While the device moves: again; after it has moved to nothing: no more */
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_retry);
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(4), VA);
	irq(t);
	fake_expect_cmd(test, t->fake, RESUME(SID) | RETRY, 4);
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_refuse);
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(5), VA);
	irq(t);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 5);
	fake_expect_no_cmd(test, t->fake);
}

static void what_does_not_stall_is_not_answered(struct kunit *test)
{
	struct fault_test *t = test->priv;

	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	/* It is told of its end, and may refuse that */
	t->fd->answer = -EOPNOTSUPP;
	fake_event(t->fake, PERMISSION | FROM(SID), RNW, VA);
	irq(t);
	KUNIT_ASSERT_EQ(test, 1, t->fd->nr);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_DMA_UNRECOV, t->fd->faults[0].type);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_REASON_PERMISSION,
			t->fd->faults[0].event.reason);
	KUNIT_EXPECT_EQ(test, VA, t->fd->faults[0].event.addr);
	/* In other events the bit says something else */
	fake_event(t->fake, BAD_CD | FROM(SID), STALL(1), VA);
	fake_event(t->fake, BAD_CD | FROM(STRANGER), STALL(1), VA);
	fake_event(t->fake, ~0ULL, ~0ULL, ~0ULL);
	irq(t);
	KUNIT_EXPECT_EQ(test, 1, t->fd->nr);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	fake_expect_no_cmd(test, t->fake);
}

static void below_a_guest_nothing_is_mended(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm;

	/* Of a stage 2 alone the owner of the device is told */
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1) | STAGE2, VA);
	irq(t);
	KUNIT_EXPECT_EQ(test, 1, t->fd->nr);
	fake_expect_no_cmd(test, t->fake);

	vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 1);
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(2) | STAGE2, VA);
	irq(t);
	KUNIT_EXPECT_EQ(test, 1, t->fd->nr);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 2);
	fake_event(t->fake, TRANSLATION | FROM(SID) | SSV(9), STALL(3), VA);
	t->fd->target.all_pasids = true;
	irq(t);
	KUNIT_EXPECT_EQ(test, 2, t->fd->nr);
	fake_expect_no_cmd(test, t->fake);
	KUNIT_EXPECT_EQ(test, 0, vm->ring.nr_events);
	fake_vm_free(vm);
}

static void a_guest_that_takes_no_stall_is_told_that_it_is_over(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 4);

	fake_event(t->fake, TRANSLATION | FROM(SID) | SSV(9), STALL(3) | RNW,
		   VA);
	irq(t);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 3);
	KUNIT_ASSERT_EQ(test, 1, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, TRANSLATION | FROM(VSID) | SSV(9),
			le64_to_cpu(fake_vm_event(vm, 0)->evt[0]));
	KUNIT_EXPECT_EQ(test, RNW, le64_to_cpu(fake_vm_event(vm, 0)->evt[1]));
	KUNIT_EXPECT_EQ(test, VA, le64_to_cpu(fake_vm_event(vm, 0)->evt[2]));
	fake_vm_free(vm);
}

/* Fill the queue with events of the guest, and let the SMMU lose one more */
static void overflow(struct kunit *test, struct fault_test *t)
{
	u64 i;

	for (i = 0; i < FAKE_ENTRIES; i++)
		KUNIT_ASSERT_TRUE(test,
				  fake_event(t->fake, TRANSLATION | FROM(SID),
					     RNW, i * SZ_4K));
	KUNIT_EXPECT_FALSE(test, fake_overflown(t->fake->evtq_regs));
	KUNIT_ASSERT_FALSE(test, fake_event(t->fake, TRANSLATION | FROM(SID),
					    RNW, VA));
	KUNIT_EXPECT_TRUE(test, fake_overflown(t->fake->evtq_regs));
}

static void guests_are_told_what_the_smmu_lost(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_dev *other = fake_dev_alloc(test, t->fake, STRANGER);
	struct fake_vm *vm, *other_vm;

	vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 2 * FAKE_ENTRIES + 1);
	other_vm = fake_vm_alloc(test, t->fake, other, VSID, 4);
	overflow(test, t);
	irq(t);
	KUNIT_EXPECT_FALSE(test, fake_overflown(t->fake->evtq_regs));
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	/* Behind those that came, and nobody knows whose it was */
	KUNIT_EXPECT_EQ(test, FAKE_ENTRIES, vm->ring.nr_events);
	KUNIT_EXPECT_TRUE(test, vm->ring.lost);
	KUNIT_EXPECT_EQ(test, 1, vm->ring.nr_lost);
	KUNIT_EXPECT_EQ(test, FAKE_ENTRIES + 1, vm->ring.next_sequence);
	KUNIT_EXPECT_EQ(test, 0, other_vm->ring.nr_events);
	KUNIT_EXPECT_TRUE(test, other_vm->ring.lost);

	/* What comes then comes after the gap, and there is no second one */
	KUNIT_EXPECT_TRUE(test, fake_event(t->fake, BAD_CD | FROM(STRANGER), 0,
					   0));
	irq(t);
	irq(t);
	KUNIT_EXPECT_EQ(test, 1, vm->ring.nr_lost);
	KUNIT_ASSERT_EQ(test, 1, other_vm->ring.nr_events);
	KUNIT_EXPECT_TRUE(test, iommufd_vevent_at(&other_vm->ring, 0)->after_loss);
	KUNIT_EXPECT_EQ(test, 1, iommufd_vevent_at(&other_vm->ring, 0)->sequence);
	KUNIT_EXPECT_EQ(test, 1, other_vm->ring.nr_lost);

	/* The next overflow is another one */
	overflow(test, t);
	irq(t);
	KUNIT_EXPECT_FALSE(test, fake_overflown(t->fake->evtq_regs));
	KUNIT_EXPECT_EQ(test, 2 * FAKE_ENTRIES, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 2, vm->ring.nr_lost);
	KUNIT_EXPECT_EQ(test, 2, other_vm->ring.nr_lost);
	fake_vm_free(vm);
	fake_vm_free(other_vm);
	fake_dev_free(other);
}

static void who_reads_no_events_hears_of_no_loss(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 1);

	list_del_rcu(&vm->ring.item);
	overflow(test, t);
	irq(t);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	KUNIT_EXPECT_FALSE(test, vm->ring.lost);
	list_add_tail_rcu(&vm->ring.item, &vm->vsmmu.core.veventqs);
	vm->ring.eventq.closed = true;
	overflow(test, t);
	irq(t);
	KUNIT_EXPECT_FALSE(test, vm->ring.lost);
	fake_vm_free(vm);
}

/* As in-kernel SVA has it */
static int handler(struct iommu_fault *fault, void *data)
{
	struct fault_test *t = data;

	return fake_report(&t->fd->target, t->fd->dev, fault);
}

static void a_device_has_one_answer_to_each_stall(struct kunit *test)
{
	struct iommu_page_response resp = {
		.version = IOMMU_PAGE_RESP_VERSION_1,
		.grpid = STAG,
		.code = IOMMU_PAGE_RESP_SUCCESS,
	};
	struct fault_test *t = test->priv;
	struct device *dev = t->fd->dev;

	KUNIT_ASSERT_EQ(test, 0,
			iommu_register_device_fault_handler(dev, handler, t));
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_page_response(dev, &resp));
	fake_event(t->fake, TRANSLATION | FROM(SID) | SSV(5), STALL(STAG), VA);
	irq(t);
	KUNIT_EXPECT_EQ(test, 1, t->fd->nr);
	/* Another group; this one; this one again */
	resp.grpid = STAG + 1;
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_page_response(dev, &resp));
	fake_expect_no_cmd(test, t->fake);
	resp.grpid = STAG;
	KUNIT_EXPECT_EQ(test, 0, iommu_page_response(dev, &resp));
	fake_expect_cmd(test, t->fake, RESUME(SID) | RETRY, STAG);
	KUNIT_EXPECT_EQ(test, -EINVAL, iommu_page_response(dev, &resp));
	fake_expect_no_cmd(test, t->fake);
	KUNIT_EXPECT_EQ(test, 0, iommu_unregister_device_fault_handler(dev));
}

static void alike_events_are_one(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_dev *other = fake_dev_alloc(test, t->fake, STRANGER);
	struct fake_vm *vm, *other_vm;
	int i;

	vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 16);
	other_vm = fake_vm_alloc(test, t->fake, other, VSID, 16);
	for (i = 0; i < 50; i++) {
		fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
		if (i == 20)
			fake_event(t->fake, TRANSLATION | FROM(STRANGER), RNW,
				   VA);
	}
	/* Another page, another access, another PASID; what was before again */
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA + SZ_4K);
	fake_event(t->fake, TRANSLATION | FROM(SID), 0, VA + SZ_4K);
	fake_event(t->fake, TRANSLATION | FROM(SID) | SSV(1), 0, VA + SZ_4K);
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	irq(t);
	KUNIT_EXPECT_EQ(test, 5, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 1, other_vm->ring.nr_events);
	/* A guest that has been told is told if it happens once more */
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	irq(t);
	KUNIT_EXPECT_EQ(test, 6, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 0, vm->ring.nr_lost);
	fake_vm_free(vm);
	fake_vm_free(other_vm);
	fake_dev_free(other);
}

/* A round of a storm: 100 events of the guest, one of another */
static void storm(struct kunit *test, struct fault_test *t, u64 round)
{
	u64 i;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_TRUE(test,
				  fake_event(t->fake, TRANSLATION | FROM(SID),
					     RNW, (round * 100 + i) * SZ_4K));
	fake_event(t->fake, TRANSLATION | FROM(STRANGER), RNW, round * SZ_4K);
	irq(t);
}

static void a_storm_is_bounded(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_dev *other = fake_dev_alloc(test, t->fake, STRANGER);
	const u32 rounds = 3 * ARM_SMMU_VM_EVENTS / 100;
	struct fake_vm *vm, *other_vm;
	u32 round;

	vm = fake_vm_alloc(test, t->fake, t->fd, VSID, rounds * 100 + 1);
	other_vm = fake_vm_alloc(test, t->fake, other, VSID, rounds + 1);
	/* The time is not over before the test */
	vm->vsmmu.events_end = jiffies + 3600 * HZ;
	for (round = 0; round < rounds; round++)
		storm(test, t, round);
	KUNIT_EXPECT_EQ(test, ARM_SMMU_VM_EVENTS, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 2 * ARM_SMMU_VM_EVENTS, vm->ring.nr_lost);
	KUNIT_EXPECT_TRUE(test, vm->ring.lost);
	KUNIT_EXPECT_EQ(test, rounds * 100, vm->ring.next_sequence);
	KUNIT_EXPECT_EQ(test, rounds, other_vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 0, other_vm->ring.nr_lost);

	/* When the time is over the guest is told again, behind the gap */
	vm->vsmmu.events_end = jiffies;
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	irq(t);
	KUNIT_ASSERT_EQ(test, ARM_SMMU_VM_EVENTS + 1, vm->ring.nr_events);
	KUNIT_EXPECT_TRUE(test, iommufd_vevent_at(&vm->ring, ARM_SMMU_VM_EVENTS)->after_loss);
	fake_vm_free(vm);
	fake_vm_free(other_vm);
	fake_dev_free(other);
}

static irqreturn_t hardirq(struct fault_test *t)
{
	irqreturn_t ret;

	local_irq_disable();
	ret = arm_smmu_evtq_handler(0, &t->fake->smmu);
	local_irq_enable();
	return ret;
}

static void an_event_alone_needs_no_thread(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 4);
	int i;

	/* An alike one that comes later is another one, whoever told the first */
	for (i = 0; i < 3; i++) {
		fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
		if (i == 1)
			irq(t);
		else
			KUNIT_EXPECT_EQ(test, IRQ_HANDLED, hardirq(t));
		KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
		KUNIT_ASSERT_EQ(test, i + 1, vm->ring.nr_events);
		KUNIT_EXPECT_EQ(test, TRANSLATION | FROM(VSID),
				le64_to_cpu(fake_vm_event(vm, i)->evt[0]));
		KUNIT_EXPECT_EQ(test, VA,
				le64_to_cpu(fake_vm_event(vm, i)->evt[2]));
	}
	KUNIT_EXPECT_EQ(test, 0, vm->ring.nr_lost);
	/* Somebody else was faster */
	KUNIT_EXPECT_EQ(test, IRQ_HANDLED, hardirq(t));
	KUNIT_EXPECT_EQ(test, 3, vm->ring.nr_events);
	fake_vm_free(vm);
}

/* Expect that the interrupt leaves all to the thread, and that this takes it */
static void leaves(struct kunit *test, struct fault_test *t)
{
	u32 cons = t->fake->evtq_regs[1];

	KUNIT_EXPECT_EQ(test, IRQ_WAKE_THREAD, hardirq(t));
	KUNIT_EXPECT_EQ(test, cons, t->fake->evtq_regs[1]);
	irq(t);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
}

static void the_interrupt_leaves_the_rest_to_the_thread(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, VSID,
					   2 * FAKE_ENTRIES);
	struct fake_dev *host = fake_dev_alloc(test, t->fake, STRANGER);

	/* More than one */
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA + SZ_4K);
	leaves(test, t);
	KUNIT_EXPECT_EQ(test, 2, vm->ring.nr_events);
	/* One that waits for an answer */
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);
	leaves(test, t);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 1);
	/* The host's: of stage 2, of its own device, of none */
	fake_event(t->fake, TRANSLATION | FROM(SID), STAGE2, VA);
	leaves(test, t);
	fake_event(t->fake, TRANSLATION | FROM(STRANGER), RNW, VA);
	leaves(test, t);
	fake_event(t->fake, TRANSLATION | FROM(STRANGER + 1), RNW, VA);
	leaves(test, t);
	/* One before which others were lost */
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	t->fake->evtq_regs[0] ^= Q_OVERFLOW_FLAG;
	leaves(test, t);
	KUNIT_EXPECT_EQ(test, 1, vm->ring.nr_lost);
	/* One that comes while somebody is at work with the queue */
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	t->fake->smmu.evtq.q.busy = 1;
	KUNIT_EXPECT_EQ(test, IRQ_WAKE_THREAD, hardirq(t));
	t->fake->smmu.evtq.q.busy = 0;
	irq(t);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	fake_dev_free(host);
	fake_vm_free(vm);
}

static void a_flood_is_left_to_the_thread(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, VSID,
					   ARM_SMMU_VM_EVENTS + 2);
	int i;

	/* The time is not over before the test */
	vm->vsmmu.events_end = jiffies + 3600 * HZ;
	for (i = 0; i < ARM_SMMU_VM_EVENTS; i++) {
		fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
		KUNIT_ASSERT_EQ(test, IRQ_HANDLED, hardirq(t));
	}
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	leaves(test, t);
	KUNIT_EXPECT_EQ(test, ARM_SMMU_VM_EVENTS, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, 1, vm->ring.nr_lost);
	/* When it is over, the guest is told in the interrupt again */
	vm->vsmmu.events_end = jiffies;
	fake_event(t->fake, TRANSLATION | FROM(SID), RNW, VA);
	KUNIT_EXPECT_EQ(test, IRQ_HANDLED, hardirq(t));
	KUNIT_EXPECT_EQ(test, ARM_SMMU_VM_EVENTS + 1, vm->ring.nr_events);
	fake_vm_free(vm);
}

/* The SMMU records one more while the first is handled, and has no interrupt for it */
static bool meanwhile(struct arm_smmu_device *smmu, const u64 *evt)
{
	struct fake_smmu *fake = container_of(smmu, struct fake_smmu, smmu);

	fake_event(fake, TRANSLATION | FROM(SID), RNW, VA);
	return true;
}

static void what_comes_meanwhile_is_not_forgotten(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_vm *vm = fake_vm_alloc(test, t->fake, t->fd, VSID, 2);
	struct arm_smmu_device *smmu = &t->fake->smmu;

	fake_event(t->fake, BAD_CD | FROM(SID), 0, 0);
	KUNIT_EXPECT_FALSE(test,
			   arm_smmu_queue_try(smmu, &smmu->evtq.q, meanwhile));
	irq(t);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	KUNIT_ASSERT_EQ(test, 1, vm->ring.nr_events);
	KUNIT_EXPECT_EQ(test, TRANSLATION | FROM(VSID),
			le64_to_cpu(fake_vm_event(vm, 0)->evt[0]));
	fake_vm_free(vm);
}

static void the_log_has_room_for_all_devices(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_dev *other = fake_dev_alloc(test, t->fake, STRANGER);
	int i;

	for (i = 0; i < 20; i++)
		fake_event(t->fake, BAD_CD | FROM(SID), 0, 0);
	fake_event(t->fake, BAD_CD | FROM(STRANGER), 0, 0);
	irq(t);
	KUNIT_EXPECT_EQ(test, 18, t->fd->master.event_rs.missed);
	KUNIT_EXPECT_EQ(test, 1, other->master.event_rs.printed);
	KUNIT_EXPECT_EQ(test, 0, other->master.event_rs.missed);
	fake_dev_free(other);
}

static void nothing_is_left_for_the_next_owner(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct fake_dev *other = fake_dev_alloc(test, t->fake, STRANGER);

	other->master.stall_enabled = true;
	fake_set_target(test, other, IOMMU_NO_PASID, &other->target);
	/* As iommufd does where the device is detached */
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &iommu_fault_refuse);
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);
	fake_event(t->fake, TRANSLATION | FROM(STRANGER), STALL(2), VA);
	fake_event(t->fake, TRANSLATION | FROM(SID) | SSV(9), STALL(3), VA);
	iommu_fault_drain(t->fd->dev);
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);

	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 1);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 3);
	fake_expect_no_cmd(test, t->fake);
	/* The others' are not lost for it */
	KUNIT_EXPECT_EQ(test, 1, other->nr);
	irq(t);
	KUNIT_EXPECT_EQ(test, 0, t->fd->nr);

	/* Who cannot stall has nothing there */
	t->fd->master.stall_enabled = false;
	fake_event(t->fake, TRANSLATION | FROM(STRANGER), STALL(4), VA);
	iommu_fault_drain(t->fd->dev);
	KUNIT_EXPECT_EQ(test, 1, other->nr);
	fake_dev_free(other);
}

/* Stalls that are recorded as soon as there is room */
static struct fault_test *stalling;
static unsigned int nr_waiting;

static int report_to_full_queue(const struct iommu_fault_target *target,
				struct device *dev,
				const struct iommu_fault *fault)
{
	if (nr_waiting) {
		nr_waiting--;
		fake_event(stalling->fake, TRANSLATION | FROM(SID), STALL(2),
			   VA);
	}
	stalling->fd->nr++;
	iommu_fault_respond(dev, &fault->prm, IOMMU_PAGE_RESP_INVALID);
	return 0;
}

static void stalls_that_had_no_room_are_drained(struct kunit *test)
{
	struct fault_test *t = test->priv;
	int i;

	stalling = t;
	nr_waiting = FAKE_ENTRIES + 5;
	t->fake->smmu.evtq.max_stalls = 2 * FAKE_ENTRIES + 5;
	t->fd->target.report = report_to_full_queue;
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	for (i = 0; i < FAKE_ENTRIES; i++)
		fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);
	iommu_fault_drain(t->fd->dev);
	KUNIT_EXPECT_EQ(test, 2 * FAKE_ENTRIES + 5, t->fd->nr);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));

	/* A device that does not stop is no reason not to return */
	nr_waiting = 100 * FAKE_ENTRIES;
	for (i = 0; i < FAKE_ENTRIES; i++)
		fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);
	iommu_fault_drain(t->fd->dev);
	KUNIT_EXPECT_GT(test, nr_waiting, 0);
}

/**
 * struct slow - a report that takes its time, and who waits for it
 * @entered: it is at work
 * @leave: it may end
 * @over: it has ended
 * @drained: somebody has drained
 * @saw_over: and it was over then
 * @t: the test
 */
static struct slow {
	struct completion entered;
	struct completion leave;
	struct completion drained;
	bool over;
	bool saw_over;
	struct fault_test *t;
} slow;

static int report_slowly(const struct iommu_fault_target *target,
			 struct device *dev, const struct iommu_fault *fault)
{
	complete(&slow.entered);
	wait_for_completion(&slow.leave);
	WRITE_ONCE(slow.over, true);
	return 0;
}

static void irq_work(struct work_struct *work)
{
	irq(slow.t);
}

static void drain_work(struct work_struct *work)
{
	iommu_fault_drain(slow.t->fd->dev);
	slow.saw_over = READ_ONCE(slow.over);
	complete(&slow.drained);
}

static void who_drains_waits_for_the_thread(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct work_struct irq_item, drain_item;

	memset(&slow, 0, sizeof(slow));
	slow.t = t;
	init_completion(&slow.entered);
	init_completion(&slow.leave);
	init_completion(&slow.drained);
	INIT_WORK_ONSTACK(&irq_item, irq_work);
	INIT_WORK_ONSTACK(&drain_item, drain_work);
	t->fd->target.report = report_slowly;
	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);

	/* The record is out of the queue, but its handling has not ended */
	queue_work(system_unbound_wq, &irq_item);
	wait_for_completion(&slow.entered);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	queue_work(system_unbound_wq, &drain_item);
	KUNIT_EXPECT_EQ(test, 0,
			wait_for_completion_timeout(&slow.drained, HZ / 50));
	complete(&slow.leave);
	flush_work(&irq_item);
	flush_work(&drain_item);
	KUNIT_EXPECT_TRUE(test, slow.saw_over);
	destroy_work_on_stack(&irq_item);
	destroy_work_on_stack(&drain_item);
}

static void a_device_that_goes_leaves_nothing(struct kunit *test)
{
	struct fault_test *t = test->priv;

	fake_event(t->fake, TRANSLATION | FROM(SID), STALL(1), VA);
	arm_smmu_end_faults(&t->fd->master);
	fake_expect_cmd(test, t->fake, STALL_TERM(SID), 0);
	fake_expect_sync(test, t->fake);
	fake_expect_cmd(test, t->fake, RESUME(SID) | ABORT, 1);
	KUNIT_EXPECT_TRUE(test, fake_drained(t->fake->evtq_regs));
	t->fd->master.stall_enabled = false;
	arm_smmu_end_faults(&t->fd->master);
	fake_expect_no_cmd(test, t->fake);
}

static void only_who_can_wait_may_ask(struct kunit *test)
{
	struct fault_test *t = test->priv;
	struct arm_smmu_master *master = &t->fd->master;

	KUNIT_EXPECT_EQ(test, -EINVAL, arm_smmu_disable_iopf(master));
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_enable_iopf(master));
	KUNIT_EXPECT_EQ(test, -EBUSY, arm_smmu_enable_iopf(master));
	master->sva_enabled = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, arm_smmu_disable_iopf(master));
	master->sva_enabled = false;
	KUNIT_EXPECT_EQ(test, 0, arm_smmu_disable_iopf(master));
	master->stall_enabled = false;
	KUNIT_EXPECT_EQ(test, -EINVAL, arm_smmu_enable_iopf(master));
}

static void no_event_is_read_twice(struct kunit *test)
{
	struct fault_test *t = test->priv;
	u64 i, n = 5 * FAKE_ENTRIES + 3;

	fake_set_target(test, t->fd, IOMMU_NO_PASID, &t->fd->target);
	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_TRUE(test,
				  fake_event(t->fake, TRANSLATION | FROM(SID),
					     STALL(i), VA));
		if (i % 7 == 0)
			irq(t);
	}
	irq(t);
	irq(t);
	KUNIT_EXPECT_EQ(test, n, t->fd->nr);
	for (i = 0; i < FAKE_FAULTS; i++)
		KUNIT_EXPECT_EQ(test, i, t->fd->faults[i].prm.grpid);
}

static struct kunit_case fault_test_cases[] = {
	KUNIT_CASE(a_stall_is_told_and_answered),
	KUNIT_CASE(a_stall_goes_to_the_owner_of_its_pasid),
	KUNIT_CASE(a_stall_that_nobody_takes_is_aborted),
	KUNIT_CASE(what_does_not_stall_is_not_answered),
	KUNIT_CASE(below_a_guest_nothing_is_mended),
	KUNIT_CASE(a_guest_that_takes_no_stall_is_told_that_it_is_over),
	KUNIT_CASE(guests_are_told_what_the_smmu_lost),
	KUNIT_CASE(who_reads_no_events_hears_of_no_loss),
	KUNIT_CASE(a_device_has_one_answer_to_each_stall),
	KUNIT_CASE(alike_events_are_one),
	KUNIT_CASE(a_storm_is_bounded),
	KUNIT_CASE(an_event_alone_needs_no_thread),
	KUNIT_CASE(the_interrupt_leaves_the_rest_to_the_thread),
	KUNIT_CASE(a_flood_is_left_to_the_thread),
	KUNIT_CASE(what_comes_meanwhile_is_not_forgotten),
	KUNIT_CASE(the_log_has_room_for_all_devices),
	KUNIT_CASE(nothing_is_left_for_the_next_owner),
	KUNIT_CASE(stalls_that_had_no_room_are_drained),
	KUNIT_CASE(who_drains_waits_for_the_thread),
	KUNIT_CASE(a_device_that_goes_leaves_nothing),
	KUNIT_CASE(only_who_can_wait_may_ask),
	KUNIT_CASE(no_event_is_read_twice),
	{}
};

static struct kunit_suite fault_test_suite = {
	.name = "arm-smmu-v3-fault",
	.init = fault_test_init,
	.exit = fault_test_exit,
	.test_cases = fault_test_cases,
};

kunit_test_suite(fault_test_suite);
