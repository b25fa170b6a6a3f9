// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of page requests, in the queue of a unit that is not there, which the
 * tests fill as hardware does.
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/iommu.h>
#include <linux/iommu-fault.h>
#include <linux/intel-svm.h>
#include <linux/pci-ats.h>
#include <asm/unaligned.h>

#include "../iommu-sva-lib.h"
#include "fake_unit.h"
#include "iommu.h"
#include "pasid.h"

#define SOURCE		PCI_DEVID(FAKE_BUS, FAKE_DEVFN)
#define RING_SIZE	(PAGE_SIZE << PRQ_ORDER)
#define MAX_REPORTS	8

/* Page request descriptors: the VT-d specification, 7.4.1 */
#define PRQ_TYPE	0x1ULL
#define PRQ_PASID(p)	(BIT_ULL(8) | (u64)(p) << 32)
#define PRQ_PRIV_DATA	BIT_ULL(9)
#define PRQ_SOURCE(s)	((u64)(s) << 16)
#define PRQ_EXEC	BIT_ULL(52)
#define PRQ_PRIV	BIT_ULL(53)
#define PRQ_READ	BIT_ULL(0)
#define PRQ_WRITE	BIT_ULL(1)
#define PRQ_LAST	BIT_ULL(2)
#define PRQ_INDEX(i)	((u64)(i) << 3)

/* Page group responses: 7.7.1 */
#define RESP_PASID_P	BIT_ULL(4)
#define RESP_PRIV_DATA	BIT_ULL(5)
#define RESP_CODE	GENMASK_ULL(15, 12)
#define RESP_SOURCE	GENMASK_ULL(31, 16)
#define RESP_PASID	GENMASK_ULL(51, 32)
#define RESP_LAST	BIT_ULL(2)
#define RESP_INDEX	GENMASK_ULL(11, 3)

#define ADDR		0x7000ULL
#define NEXT_ADDR	0x8000ULL	/* a page further */

struct recorder {
	struct iommu_fault_target target;
	unsigned int nr;
	struct iommu_fault_page_request prms[MAX_REPORTS];
	void __iomem *overflow;	/* set the bit here meanwhile, or NULL */
};

struct world {
	struct fake_unit unit;
	void *ring;
	struct recorder rid;
	struct recorder pasid;
};

static int record(const struct iommu_fault_target *target, struct device *dev,
		  const struct iommu_fault *fault)
{
	struct recorder *recorder =
		container_of(target, struct recorder, target);

	if (fault->type != IOMMU_FAULT_PAGE_REQ || recorder->nr == MAX_REPORTS)
		return -EINVAL;
	recorder->prms[recorder->nr++] = fault->prm;
	if (recorder->overflow)
		writel(DMA_PRS_PRO, recorder->overflow);
	return 0;
}

static int page_request_test_init(struct kunit *test)
{
	struct fake_unit *unit;
	struct world *world;
	int ret;

	world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world);
	test->priv = world;
	unit = &world->unit;
	fake_unit_start(test, unit);
	mutex_init(&unit->dev_iommu.lock);
	xa_init(&unit->dev_iommu.fault_targets);

	world->ring = kunit_kzalloc(test, RING_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world->ring);
	intel_init_page_requests(&unit->iommu);
	init_completion(&unit->iommu.prq_complete);
	unit->iommu.prq = world->ring;
	unit->info.pri_supported = 1;
	ret = intel_add_page_request_device(&unit->info);
	KUNIT_ASSERT_EQ(test, 0, ret);
	world->rid.target.report = record;
	world->pasid.target.report = record;
	return 0;
}

static void page_request_test_exit(struct kunit *test)
{
	struct world *world = test->priv;

	if (!world)
		return;
	if (world->ring) {
		intel_remove_page_request_device(&world->unit.info);
		xa_destroy(&world->unit.dev_iommu.fault_targets);
	}
	fake_unit_stop(&world->unit);
}

static struct device *device_of(struct world *world)
{
	return &world->unit.pdev.dev;
}

static void set_target(struct kunit *test, ioasid_t pasid,
		       const struct iommu_fault_target *target)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_EQ(test, 0, iommu_fault_set_target(device_of(world), pasid,
							target));
}

/* As hardware puts a request into the queue; its interrupt is up to the test */
static void request(struct world *world, u64 qw0, u64 qw1)
{
	struct intel_iommu *iommu = &world->unit.iommu;
	u64 tail = dmar_readq(iommu->reg + DMAR_PQT_REG);
	u64 *desc = world->ring + tail;

	desc[0] = qw0 | PRQ_TYPE;
	desc[1] = qw1;
	desc[2] = 0x1122334455667788ULL;
	desc[3] = 0x99aabbccddeeff00ULL;
	dmar_writeq(iommu->reg + DMAR_PQT_REG, (tail + 32) & PRQ_RING_MASK);
}

static void interrupt(struct world *world)
{
	intel_report_page_requests(&world->unit.iommu);
}

static void expect_empty_queue(struct kunit *test)
{
	struct world *world = test->priv;
	struct intel_iommu *iommu = &world->unit.iommu;

	KUNIT_EXPECT_EQ(test, dmar_readq(iommu->reg + DMAR_PQT_REG),
			dmar_readq(iommu->reg + DMAR_PQH_REG));
}

static struct qi_desc *find_response(struct world *world, unsigned int index)
{
	struct qi_desc *desc = world->unit.descs;
	unsigned int i;

	for (i = 0; i < world->unit.nr_descs; i++, desc++) {
		if ((desc->qw0 & 0xf) == QI_PGRP_RESP_TYPE &&
		    FIELD_GET(RESP_INDEX, desc->qw1) == index)
			return desc;
	}
	return NULL;
}

static unsigned int count_responses(struct world *world)
{
	unsigned int i, nr = 0;

	for (i = 0; i < world->unit.nr_descs; i++)
		nr += (world->unit.descs[i].qw0 & 0xf) == QI_PGRP_RESP_TYPE;
	return nr;
}

/* The group was answered once, without a PASID where @pasid is none */
static void expect_response(struct kunit *test, unsigned int index,
			    ioasid_t pasid, enum iommu_page_response_code code)
{
	struct world *world = test->priv;
	struct qi_desc *desc = find_response(world, index);

	KUNIT_ASSERT_NOT_NULL(test, desc);
	KUNIT_EXPECT_EQ(test, (u64)code, FIELD_GET(RESP_CODE, desc->qw0));
	KUNIT_EXPECT_EQ(test, (u64)SOURCE, FIELD_GET(RESP_SOURCE, desc->qw0));
	KUNIT_EXPECT_EQ(test, pasid != IOMMU_NO_PASID,
			!!(desc->qw0 & RESP_PASID_P));
	if (pasid != IOMMU_NO_PASID)
		KUNIT_EXPECT_EQ(test, (u64)pasid,
				FIELD_GET(RESP_PASID, desc->qw0));
	KUNIT_EXPECT_TRUE(test, desc->qw1 & RESP_LAST);
}

static void without_a_pasid_it_comes_to_the_device(struct kunit *test)
{
	struct world *world = test->priv;
	struct iommu_fault_page_request *prm = &world->rid.prms[0];

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	set_target(test, 5, &world->pasid.target);
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_WRITE | PRQ_LAST | PRQ_INDEX(17));
	interrupt(world);
	expect_empty_queue(test);
	KUNIT_EXPECT_EQ(test, 0, world->pasid.nr);
	KUNIT_ASSERT_EQ(test, 1, world->rid.nr);
	KUNIT_EXPECT_EQ(test, ADDR, prm->addr);
	KUNIT_EXPECT_EQ(test, 17, prm->grpid);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PERM_READ | IOMMU_FAULT_PERM_WRITE,
			prm->perm);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE, prm->flags);
	KUNIT_EXPECT_EQ(test, 0, count_responses(world));

	KUNIT_EXPECT_EQ(test, 0,
			iommu_fault_respond(device_of(world), prm,
					    IOMMU_PAGE_RESP_SUCCESS));
	expect_response(test, 17, IOMMU_NO_PASID, IOMMU_PAGE_RESP_SUCCESS);
	KUNIT_EXPECT_EQ(test, 1, count_responses(world));
}

static void with_a_pasid_it_comes_to_that(struct kunit *test)
{
	struct world *world = test->priv;
	struct iommu_fault_page_request *prm = &world->pasid.prms[0];

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	set_target(test, 5, &world->pasid.target);
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(5) | PRQ_EXEC | PRQ_PRIV,
		~0xfffULL | PRQ_READ | PRQ_LAST | PRQ_INDEX(511));
	interrupt(world);
	KUNIT_EXPECT_EQ(test, 0, world->rid.nr);
	KUNIT_ASSERT_EQ(test, 1, world->pasid.nr);
	KUNIT_EXPECT_EQ(test, ~0xfffULL, prm->addr);
	KUNIT_EXPECT_EQ(test, 5, prm->pasid);
	KUNIT_EXPECT_EQ(test, 511, prm->grpid);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PERM_READ | IOMMU_FAULT_PERM_EXEC |
			      IOMMU_FAULT_PERM_PRIV, prm->perm);

	KUNIT_EXPECT_EQ(test, 0,
			iommu_fault_respond(device_of(world), prm,
					    IOMMU_PAGE_RESP_INVALID));
	expect_response(test, 511, 5, IOMMU_PAGE_RESP_INVALID);
}

static void a_group_has_one_answer(struct kunit *test)
{
	struct world *world = test->priv;

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	request(world, PRQ_SOURCE(SOURCE), ADDR | PRQ_READ | PRQ_INDEX(3));
	request(world, PRQ_SOURCE(SOURCE),
		NEXT_ADDR | PRQ_WRITE | PRQ_INDEX(3));
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(3));
	interrupt(world);
	KUNIT_ASSERT_EQ(test, 3, world->rid.nr);
	KUNIT_EXPECT_EQ(test, 0, world->rid.prms[0].flags);
	KUNIT_EXPECT_EQ(test, NEXT_ADDR, world->rid.prms[1].addr);
	KUNIT_EXPECT_EQ(test, IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
			world->rid.prms[2].flags);

	/* The driver has nothing to say to one that is not the last */
	iommu_fault_respond(device_of(world), &world->rid.prms[0],
			    IOMMU_PAGE_RESP_SUCCESS);
	KUNIT_EXPECT_EQ(test, 0, count_responses(world));
	iommu_fault_respond(device_of(world), &world->rid.prms[2],
			    IOMMU_PAGE_RESP_SUCCESS);
	KUNIT_EXPECT_EQ(test, 1, count_responses(world));
}

static void private_data_comes_back(struct kunit *test)
{
	struct world *world = test->priv;
	struct qi_desc *desc;

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PRIV_DATA,
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(4));
	interrupt(world);
	KUNIT_ASSERT_EQ(test, 1, world->rid.nr);
	iommu_fault_respond(device_of(world), &world->rid.prms[0],
			    IOMMU_PAGE_RESP_SUCCESS);
	desc = find_response(world, 4);
	KUNIT_ASSERT_NOT_NULL(test, desc);
	KUNIT_EXPECT_TRUE(test, desc->qw0 & RESP_PRIV_DATA);
	KUNIT_EXPECT_EQ(test, 0x1122334455667788ULL, desc->qw2);
	KUNIT_EXPECT_EQ(test, 0x99aabbccddeeff00ULL, desc->qw3);
}

static void what_nobody_takes_is_refused(struct kunit *test)
{
	struct world *world = test->priv;

	/* Neither for the device nor for PASID 5 there is anyone */
	set_target(test, 6, &world->pasid.target);
	request(world, PRQ_SOURCE(SOURCE), ADDR | PRQ_READ | PRQ_INDEX(1));
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(1));
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(5),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(2));
	interrupt(world);
	KUNIT_EXPECT_EQ(test, 2, count_responses(world));
	expect_response(test, 1, IOMMU_NO_PASID, IOMMU_PAGE_RESP_INVALID);
	expect_response(test, 2, 5, IOMMU_PAGE_RESP_INVALID);

	/* The domain without a PASID does not get what has one */
	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(5),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(7));
	interrupt(world);
	expect_response(test, 7, 5, IOMMU_PAGE_RESP_INVALID);
	KUNIT_EXPECT_EQ(test, 0, world->rid.nr);
	KUNIT_EXPECT_EQ(test, 0, world->pasid.nr);
}

static void a_device_that_is_gone_is_refused(struct kunit *test)
{
	struct world *world = test->priv;

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	/* One that never was there, and then ours */
	request(world, PRQ_SOURCE(SOURCE + 1),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(1));
	interrupt(world);
	KUNIT_ASSERT_NOT_NULL(test, find_response(world, 1));
	intel_remove_page_request_device(&world->unit.info);
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(2));
	interrupt(world);
	expect_response(test, 2, IOMMU_NO_PASID, IOMMU_PAGE_RESP_INVALID);
	KUNIT_EXPECT_EQ(test, 0, world->rid.nr);
}

static void a_stop_marker_is_nothing(struct kunit *test)
{
	struct world *world = test->priv;

	set_target(test, 5, &world->pasid.target);
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(5), PRQ_LAST);
	interrupt(world);
	expect_empty_queue(test);
	KUNIT_EXPECT_EQ(test, 0, world->pasid.nr);
	KUNIT_EXPECT_EQ(test, 0, count_responses(world));
}

static void an_overflow_is_told(struct kunit *test)
{
	struct world *world = test->priv;
	struct intel_iommu *iommu = &world->unit.iommu;
	unsigned int losses = iommu->iommu.fault_losses;

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	request(world, PRQ_SOURCE(SOURCE), ADDR | PRQ_READ | PRQ_INDEX(1));
	interrupt(world);
	KUNIT_EXPECT_EQ(test, losses, iommu->iommu.fault_losses);
	world->rid.overflow = iommu->reg + DMAR_PRS_REG;
	request(world, PRQ_SOURCE(SOURCE), ADDR | PRQ_READ | PRQ_INDEX(1));
	interrupt(world);
	KUNIT_EXPECT_EQ(test, 2, world->rid.nr);
	KUNIT_EXPECT_EQ(test, losses + 1, iommu->iommu.fault_losses);
}

/* Nothing that was sent before is left for who comes next */
static void a_drain_leaves_nothing(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake_unit *unit = &world->unit;

	unit->info.pri_enabled = 1;
	set_target(test, IOMMU_NO_PASID, &iommu_fault_retry);
	request(world, PRQ_SOURCE(SOURCE), ADDR | PRQ_READ | PRQ_INDEX(8));
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(8));
	iommu_fault_drain(device_of(world));
	expect_empty_queue(test);

	/* In this order: a fence, flushes, a wait for requests, the answer */
	KUNIT_ASSERT_EQ(test, 5, unit->nr_descs);
	KUNIT_EXPECT_EQ(test, QI_IWD_TYPE, unit->descs[0].qw0 & 0xf);
	KUNIT_EXPECT_TRUE(test, unit->descs[0].qw0 & QI_IWD_FENCE);
	KUNIT_EXPECT_EQ(test, QI_EIOTLB_TYPE, unit->descs[1].qw0 & 0xf);
	KUNIT_EXPECT_EQ(test, QI_DIOTLB_TYPE, unit->descs[2].qw0 & 0xf);
	KUNIT_EXPECT_EQ(test, SOURCE, unit->descs[2].qw0 >> 32 & 0xffff);
	KUNIT_EXPECT_TRUE(test, unit->descs[3].qw0 & QI_IWD_PRQ_DRAIN);
	expect_response(test, 8, IOMMU_NO_PASID, IOMMU_PAGE_RESP_SUCCESS);

	set_target(test, IOMMU_NO_PASID, &world->rid.target);
	interrupt(world);
	KUNIT_EXPECT_EQ(test, 0, world->rid.nr);
	unit->info.pri_enabled = 0;
}

static bool pri_is_on(struct world *world)
{
	return get_unaligned_le16(world->unit.config + FAKE_PRI_CAP +
				  PCI_PRI_CTRL) & PCI_PRI_CTRL_ENABLE;
}

static void it_asks_while_it_is_attached(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake_unit *unit = &world->unit;

	unit->pdev.ats_enabled = 0;
	unit->info.ats_enabled = 0;
	KUNIT_EXPECT_EQ(test, 0,
			iommu_dev_enable_feature(device_of(world),
						 IOMMU_DEV_FEAT_IOPF));
	KUNIT_EXPECT_FALSE(test, pri_is_on(world));
	iommu_enable_pci_caps(&unit->info);
	KUNIT_EXPECT_TRUE(test, pri_is_on(world));
	KUNIT_EXPECT_TRUE(test, unit->info.pri_enabled);

	/* What it has asked for before is refused before it is gone */
	set_target(test, IOMMU_NO_PASID, &iommu_fault_refuse);
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(9));
	fake_unit_forget(unit);
	iommu_disable_dev_iotlb(&unit->info);
	KUNIT_EXPECT_FALSE(test, pri_is_on(world));
	expect_empty_queue(test);
	expect_response(test, 9, IOMMU_NO_PASID, IOMMU_PAGE_RESP_INVALID);
	/* While the device still takes a flush */
	KUNIT_EXPECT_EQ(test, QI_DIOTLB_TYPE, unit->descs[2].qw0 & 0xf);
	KUNIT_EXPECT_FALSE(test, unit->info.ats_enabled);
	iommu_dev_disable_feature(device_of(world), IOMMU_DEV_FEAT_IOPF);
}

/* As without PASIDs in the unit: what the device asked for would stay unread */
static void without_a_queue_it_does_not_ask(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake_unit *unit = &world->unit;

	unit->pdev.ats_enabled = 0;
	unit->info.ats_enabled = 0;
	unit->iommu.prq = NULL;
	iommu_enable_pci_caps(&unit->info);
	KUNIT_EXPECT_TRUE(test, unit->info.ats_enabled);
	KUNIT_EXPECT_FALSE(test, pri_is_on(world));
	fake_unit_forget(unit);
	iommu_disable_dev_iotlb(&unit->info);
	KUNIT_EXPECT_FALSE(test, unit->info.ats_enabled);
	KUNIT_EXPECT_EQ(test, 0, unit->nr_descs);
	unit->iommu.prq = world->ring;
}

static void no_answer_no_faults(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake_unit *unit = &world->unit;

	/* It would not understand answers that have a PASID */
	unit->pdev.pasid_required = 0;
	KUNIT_EXPECT_EQ(test, -ENODEV,
			iommu_dev_enable_feature(device_of(world),
						 IOMMU_DEV_FEAT_IOPF));
	unit->pdev.pasid_required = 1;
	unit->info.pri_supported = 0;
	KUNIT_EXPECT_EQ(test, -ENODEV,
			iommu_dev_enable_feature(device_of(world),
						 IOMMU_DEV_FEAT_IOPF));
	unit->info.pri_supported = 1;
	unit->iommu.prq = NULL;
	KUNIT_EXPECT_EQ(test, -ENODEV,
			iommu_dev_enable_feature(device_of(world),
						 IOMMU_DEV_FEAT_IOPF));
	unit->iommu.prq = world->ring;
}

/* In-kernel SVA: what is not of a process never comes to its queue */
static void processes_are_asked_last(struct kunit *test)
{
	struct world *world = test->priv;
	struct intel_iommu *iommu = &world->unit.iommu;
	struct device *dev = device_of(world);
	struct iopf_queue *queue = iopf_queue_alloc("kunit-iopf");
	unsigned long taken;

	KUNIT_ASSERT_NOT_NULL(test, queue);
	iommu->iopf_queue = queue;
	device_initialize(dev);
	KUNIT_ASSERT_EQ(test, 0, iopf_queue_add_device(queue, dev));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_register_device_fault_handler(dev,
							    intel_queue_iopf,
							    dev));
	request(world, PRQ_SOURCE(SOURCE),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(1));
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(9) | PRQ_PRIV,
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(2));
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(9) | PRQ_EXEC,
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(3));
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(9),
		BIT_ULL(63) | PRQ_READ | PRQ_LAST | PRQ_INDEX(4));
	interrupt(world);
	KUNIT_EXPECT_EQ(test, 4, count_responses(world));
	expect_response(test, 1, IOMMU_NO_PASID, IOMMU_PAGE_RESP_INVALID);
	expect_response(test, 4, 9, IOMMU_PAGE_RESP_INVALID);

	/*
	 * This one does; but there is no process behind that PASID. It is told so
	 * on a CPU that may be the unit's, who must not wait for that.
	 */
	taken = iommu->prq_seq_number;
	iommu->qi = NULL;
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(9),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(5));
	interrupt(world);
	iopf_queue_flush_dev(dev);
	iommu->qi = &world->unit.qi;
	KUNIT_EXPECT_EQ(test, taken + 1, iommu->prq_seq_number);
	KUNIT_EXPECT_TRUE(test, list_empty(&dev->iommu->fault_param->faults));

	/* And a target comes before it */
	set_target(test, 9, &world->pasid.target);
	request(world, PRQ_SOURCE(SOURCE) | PRQ_PASID(9),
		ADDR | PRQ_READ | PRQ_LAST | PRQ_INDEX(6));
	interrupt(world);
	KUNIT_EXPECT_EQ(test, 1, world->pasid.nr);

	iommu_unregister_device_fault_handler(dev);
	iopf_queue_remove_device(queue, dev);
	iopf_queue_free(queue);
}

static struct kunit_case page_request_test_cases[] = {
	KUNIT_CASE(without_a_pasid_it_comes_to_the_device),
	KUNIT_CASE(with_a_pasid_it_comes_to_that),
	KUNIT_CASE(a_group_has_one_answer),
	KUNIT_CASE(private_data_comes_back),
	KUNIT_CASE(what_nobody_takes_is_refused),
	KUNIT_CASE(a_device_that_is_gone_is_refused),
	KUNIT_CASE(a_stop_marker_is_nothing),
	KUNIT_CASE(an_overflow_is_told),
	KUNIT_CASE(a_drain_leaves_nothing),
	KUNIT_CASE(it_asks_while_it_is_attached),
	KUNIT_CASE(without_a_queue_it_does_not_ask),
	KUNIT_CASE(no_answer_no_faults),
	KUNIT_CASE(processes_are_asked_last),
	{}
};

static struct kunit_suite page_request_test_suite = {
	.name = "intel-iommu-page-requests",
	.init = page_request_test_init,
	.exit = page_request_test_exit,
	.test_cases = page_request_test_cases,
};

kunit_test_suite(page_request_test_suite);
