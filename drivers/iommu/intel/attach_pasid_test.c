// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of domains attached to PASIDs, with a unit and a device that are
 * not there.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <uapi/linux/iommufd.h>

#include "fake_unit.h"
#include "iommu.h"
#include "pasid.h"

struct world {
	struct fake_unit unit;
	struct dmar_domain *one;
	struct dmar_domain *other;
};

static struct dmar_domain *make_domain(struct kunit *test, u32 flags)
{
	struct world *world = test->priv;
	struct device *dev = &world->unit.pdev.dev;
	struct iommu_domain *domain;

	domain = intel_iommu_domain_alloc_paging_flags(dev, flags, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = intel_iommu_ops.default_domain_ops;
	to_dmar_domain(domain)->flags &= ~DOMAIN_FLAG_USE_FIRST_LEVEL;
	return to_dmar_domain(domain);
}

static int attach_pasid_test_init(struct kunit *test)
{
	struct world *world;

	world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world);
	test->priv = world;
	fake_unit_start(test, &world->unit);
	world->one = make_domain(test, IOMMU_HWPT_ALLOC_PASID |
				       IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	world->other = make_domain(test, IOMMU_HWPT_ALLOC_PASID);
	/* The device is not blocked for DMA without a PASID */
	world->unit.info.domain = world->other;
	return 0;
}

static void attach_pasid_test_exit(struct kunit *test)
{
	struct world *world = test->priv;

	if (!world)
		return;
	fake_unit_stop(&world->unit);
	if (world->one)
		iommu_domain_free(&world->one->domain);
	if (world->other)
		iommu_domain_free(&world->other->domain);
}

static int set_pasid(struct world *world, u32 pasid, struct dmar_domain *domain,
		     struct dmar_domain *old)
{
	return intel_iommu_set_dev_pasid(&domain->domain, &world->unit.pdev.dev,
					 pasid, old ? &old->domain : NULL);
}

static void remove_pasid(struct world *world, u32 pasid,
			 struct dmar_domain *domain)
{
	intel_iommu_remove_dev_pasid(&world->unit.pdev.dev, pasid,
				     &domain->domain);
}

static struct pasid_entry *entry_of(struct world *world, u32 pasid)
{
	return intel_pasid_get_entry(&world->unit.pdev.dev, pasid);
}

static void expect_entry(struct kunit *test, u32 pasid,
			 struct dmar_domain *domain)
{
	struct world *world = test->priv;
	struct pasid_entry *entry = entry_of(world, pasid);

	KUNIT_ASSERT_NOT_NULL(test, entry);
	KUNIT_EXPECT_TRUE(test, pasid_pte_is_present(entry));
	KUNIT_EXPECT_EQ(test, PASID_ENTRY_PGTT_SL_ONLY,
			pasid_pte_get_pgtt(entry));
	KUNIT_EXPECT_EQ(test, virt_to_phys(domain->pgd),
			entry->val[0] & VTD_PAGE_MASK);
	KUNIT_EXPECT_EQ(test, domain_id_iommu(domain, &world->unit.iommu),
			pasid_get_domain_id(entry));
}

static void expect_no_entry(struct kunit *test, u32 pasid)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_FALSE(test, pasid_pte_is_present(entry_of(world, pasid)));
}

/* No device has the domain, so that it has no domain ID */
static void expect_unused(struct kunit *test, struct dmar_domain *domain)
{
	KUNIT_EXPECT_TRUE(test, list_empty(&domain->dev_pasids));
	KUNIT_EXPECT_TRUE(test, xa_empty(&domain->iommu_array));
}

static unsigned int count(struct world *world, u64 type, u32 pasid)
{
	return fake_unit_count(&world->unit, type, pasid);
}

static void forget(struct world *world)
{
	fake_unit_forget(&world->unit);
}

static void unmap_page(struct dmar_domain *domain, unsigned long iova)
{
	struct iommu_iotlb_gather gather;

	iommu_iotlb_gather_init(&gather);
	iommu_iotlb_gather_add_range(&gather, iova, SZ_4K);
	domain->domain.ops->iotlb_sync(&domain->domain, &gather);
}

static void each_pasid_has_an_entry(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	KUNIT_EXPECT_EQ(test, 0, set_pasid(world, 600, world->other, NULL));
	KUNIT_EXPECT_EQ(test, 0, set_pasid(world, 7, world->one, NULL));
	expect_entry(test, 5, world->one);
	expect_entry(test, 600, world->other);
	expect_entry(test, 7, world->one);
	expect_no_entry(test, 6);

	remove_pasid(world, 5, world->one);
	expect_no_entry(test, 5);
	expect_entry(test, 7, world->one);
	remove_pasid(world, 7, world->one);
	expect_unused(test, world->one);
	/* Once more, as for a device that was not there at first */
	remove_pasid(world, 7, world->one);
	expect_unused(test, world->one);
	remove_pasid(world, 600, world->other);
	expect_unused(test, world->other);
	KUNIT_EXPECT_EQ(test, 0, world->unit.info.nr_pasids);
}

static void an_entry_is_exchanged(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	forget(world);
	KUNIT_EXPECT_EQ(test, 0,
			set_pasid(world, 5, world->other, world->one));
	expect_entry(test, 5, world->other);
	expect_unused(test, world->one);
	/* What the unit remembered of it is gone */
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_PC_TYPE, 5));
	remove_pasid(world, 5, world->other);
	expect_unused(test, world->other);
}

static void what_does_not_fit_changes_nothing(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	world->other->agaw = 3;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			set_pasid(world, 5, world->other, world->one));
	world->other->agaw = 2;
	world->other->fixed_caps = false;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			set_pasid(world, 5, world->other, world->one));
	world->other->fixed_caps = true;
	expect_entry(test, 5, world->one);
	expect_unused(test, world->other);

	KUNIT_EXPECT_EQ(test, -EINVAL,
			set_pasid(world,
				  world->unit.info.pasid_table->max_pasid,
				  world->one, NULL));
	world->unit.info.pasid_enabled = 0;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			set_pasid(world, 6, world->one, NULL));
	world->unit.info.pasid_enabled = 1;
	remove_pasid(world, 5, world->one);
	expect_unused(test, world->one);
}

static void the_old_entry_comes_back(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	/* Found out only when the entry is to be made */
	world->other->flags |= DOMAIN_FLAG_USE_FIRST_LEVEL;
	world->other->iommu_superpage = 0;
	world->unit.iommu.ecap &= ~BIT_ULL(47);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			set_pasid(world, 5, world->other, world->one));
	expect_entry(test, 5, world->one);
	expect_unused(test, world->other);
	KUNIT_EXPECT_EQ(test, 1, world->unit.info.nr_pasids);
	remove_pasid(world, 5, world->one);
	expect_unused(test, world->one);
}

/* Whoever has a domain ID keeps it until he is sure of where he goes */
static void without_domain_ids_the_old_entry_stays(struct kunit *test)
{
	struct world *world = test->priv;
	unsigned long *ids = world->unit.iommu.domain_ids;
	unsigned int nr_ids = cap_ndoms(world->unit.iommu.cap), id;

	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	id = domain_id_iommu(world->one, &world->unit.iommu);
	bitmap_fill(ids, nr_ids);
	KUNIT_EXPECT_EQ(test, -ENOSPC,
			set_pasid(world, 5, world->other, world->one));
	expect_entry(test, 5, world->one);
	expect_unused(test, world->other);

	/* The last one goes to a domain that fails late */
	__clear_bit(nr_ids - 1, ids);
	world->other->flags |= DOMAIN_FLAG_USE_FIRST_LEVEL;
	world->other->iommu_superpage = 0;
	world->unit.iommu.ecap &= ~BIT_ULL(47);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			set_pasid(world, 5, world->other, world->one));
	expect_entry(test, 5, world->one);
	KUNIT_EXPECT_EQ(test, id,
			domain_id_iommu(world->one, &world->unit.iommu));
	expect_unused(test, world->other);
	KUNIT_EXPECT_EQ(test, nr_ids - 1, find_first_zero_bit(ids, nr_ids));
	remove_pasid(world, 5, world->one);
	expect_unused(test, world->one);
	KUNIT_EXPECT_EQ(test, 0, world->unit.info.nr_pasids);
}

static void flushes_reach_each_pasid(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 6, world->one, NULL));
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 7, world->other, NULL));
	forget(world);
	unmap_page(world->one, SZ_1G);
	/* By domain in the unit, by PASID in the device */
	KUNIT_EXPECT_EQ(test, 3, world->unit.nr_descs);
	KUNIT_EXPECT_EQ(test, QI_IOTLB_TYPE,
			world->unit.descs[0].qw0 & 0xf);
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_DEIOTLB_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_DEIOTLB_TYPE, 6));

	remove_pasid(world, 5, world->one);
	forget(world);
	world->one->domain.ops->flush_iotlb_all(&world->one->domain);
	KUNIT_EXPECT_EQ(test, 0, count(world, QI_DEIOTLB_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_DEIOTLB_TYPE, 6));
	remove_pasid(world, 6, world->one);
	remove_pasid(world, 7, world->other);
}

static void first_stage_is_flushed_by_pasid(struct kunit *test)
{
	struct world *world = test->priv;

	world->other->flags |= DOMAIN_FLAG_USE_FIRST_LEVEL;
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->other, NULL));
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 6, world->other, NULL));
	KUNIT_EXPECT_EQ(test, PASID_ENTRY_PGTT_FL_ONLY,
			pasid_pte_get_pgtt(entry_of(world, 5)));
	forget(world);
	unmap_page(world->other, SZ_1G);
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_EIOTLB_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_EIOTLB_TYPE, 6));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_DEIOTLB_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_DEIOTLB_TYPE, 6));
	forget(world);
	world->other->domain.ops->flush_iotlb_all(&world->other->domain);
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_EIOTLB_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_EIOTLB_TYPE, 6));
	remove_pasid(world, 5, world->other);
	remove_pasid(world, 6, world->other);
	expect_unused(test, world->other);
}

static bool is_tracked(struct world *world, u32 pasid)
{
	return entry_of(world, pasid)->val[0] & PASID_PTE_SSADE;
}

static void tracking_reaches_each_pasid(struct kunit *test)
{
	struct world *world = test->priv;
	struct iommu_domain *domain = &world->one->domain;

	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5, world->one, NULL));
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 7, world->other, NULL));
	KUNIT_EXPECT_FALSE(test, is_tracked(world, 5));
	forget(world);
	KUNIT_EXPECT_EQ(test, 0,
			domain->dirty_ops->set_dirty_tracking(domain, true));
	KUNIT_EXPECT_TRUE(test, is_tracked(world, 5));
	KUNIT_EXPECT_FALSE(test, is_tracked(world, 7));
	/* A device TLB would not tell of writes that it has seen */
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_PC_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 1, count(world, QI_DEIOTLB_TYPE, 5));
	KUNIT_EXPECT_EQ(test, 0, count(world, QI_DEIOTLB_TYPE, 7));
	/* And those to come */
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 6, world->one, NULL));
	KUNIT_EXPECT_TRUE(test, is_tracked(world, 6));
	KUNIT_EXPECT_EQ(test, 0,
			domain->dirty_ops->set_dirty_tracking(domain, false));
	KUNIT_EXPECT_FALSE(test, is_tracked(world, 5));
	KUNIT_EXPECT_FALSE(test, is_tracked(world, 6));
	remove_pasid(world, 5, world->one);
	remove_pasid(world, 6, world->one);
	remove_pasid(world, 7, world->other);
}

static struct kunit_case attach_pasid_test_cases[] = {
	KUNIT_CASE(each_pasid_has_an_entry),
	KUNIT_CASE(an_entry_is_exchanged),
	KUNIT_CASE(what_does_not_fit_changes_nothing),
	KUNIT_CASE(the_old_entry_comes_back),
	KUNIT_CASE(without_domain_ids_the_old_entry_stays),
	KUNIT_CASE(flushes_reach_each_pasid),
	KUNIT_CASE(first_stage_is_flushed_by_pasid),
	KUNIT_CASE(tracking_reaches_each_pasid),
	{}
};

static struct kunit_suite attach_pasid_test_suite = {
	.name = "intel-iommu-pasid",
	.init = attach_pasid_test_init,
	.exit = attach_pasid_test_exit,
	.test_cases = attach_pasid_test_cases,
};

kunit_test_suite(attach_pasid_test_suite);
