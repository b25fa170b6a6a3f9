// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the PASID capability of a device that is not there: what the
 * driver writes to it as the device comes, while it is here and as it goes.
 */
#include <kunit/test.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <asm/unaligned.h>
#include <uapi/linux/iommufd.h>

#include "fake_unit.h"
#include "iommu.h"
#include "pasid.h"

#define PASIDS_ON	(PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC | \
			 PCI_PASID_CTRL_PRIV)
#define UNTOUCHED	0x4000	/* A reserved bit that nobody writes */

struct world {
	struct fake_unit unit;
	struct dmar_domain *domain;
	bool is_probed;
};

static struct device *device_of(struct world *world)
{
	return &world->unit.pdev.dev;
}

static struct device_domain_info *info_of(struct world *world)
{
	return dev_iommu_priv_get(device_of(world));
}

static void *config_of(struct world *world, unsigned int where)
{
	return world->unit.config + where;
}

static u16 pasid_control(struct world *world)
{
	return get_unaligned_le16(config_of(world, FAKE_PASID_CAP +
						   PCI_PASID_CTRL));
}

static void set_pasid_cap(struct world *world, u16 cap)
{
	put_unaligned_le16(cap, config_of(world, FAKE_PASID_CAP +
						 PCI_PASID_CAP));
}

static bool ats_is_on(struct world *world)
{
	return get_unaligned_le16(config_of(world, FAKE_ATS_CAP +
						   PCI_ATS_CTRL)) &
	       PCI_ATS_CTRL_ENABLE;
}

static int pasid_cap_test_init(struct kunit *test)
{
	struct world *world;

	world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world);
	test->priv = world;
	fake_unit_start_unprobed(test, &world->unit);
	return 0;
}

static void comes(struct kunit *test)
{
	struct world *world = test->priv;
	struct iommu_device *unit;

	unit = intel_iommu_ops.probe_device(device_of(world));
	KUNIT_ASSERT_PTR_EQ(test, &world->unit.iommu.iommu, unit);
	world->is_probed = true;
}

static void goes(struct world *world)
{
	world->is_probed = false;
	intel_iommu_ops.release_device(device_of(world));
}

static void pasid_cap_test_exit(struct kunit *test)
{
	struct world *world = test->priv;

	if (!world)
		return;
	if (world->is_probed)
		goes(world);
	if (world->domain)
		iommu_domain_free(&world->domain->domain);
	fake_unit_stop(&world->unit);
}

static void make_domain(struct kunit *test, u32 flags)
{
	struct world *world = test->priv;
	struct iommu_domain *domain;

	domain = intel_iommu_domain_alloc_paging_flags(device_of(world), flags,
						       NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = intel_iommu_ops.default_domain_ops;
	world->domain = to_dmar_domain(domain);
}

static int attach(struct world *world)
{
	struct iommu_domain *domain = &world->domain->domain;

	return domain->ops->attach_dev(domain, device_of(world));
}

static int block(struct world *world)
{
	struct iommu_domain *domain =
		intel_iommu_ops.domain_alloc(IOMMU_DOMAIN_BLOCKED);

	return domain->ops->attach_dev(domain, device_of(world));
}

static int set_pasid(struct world *world, u32 pasid)
{
	return intel_iommu_set_dev_pasid(&world->domain->domain,
					 device_of(world), pasid, NULL);
}

static void remove_pasid(struct world *world, u32 pasid)
{
	intel_iommu_remove_dev_pasid(device_of(world), pasid,
				     &world->domain->domain);
}

/* No PASID can be attached, and the control is not written at all */
static void expect_no_pasids(struct kunit *test)
{
	struct world *world = test->priv;

	put_unaligned_le16(UNTOUCHED, config_of(world, FAKE_PASID_CAP +
						       PCI_PASID_CTRL));
	comes(test);
	KUNIT_EXPECT_FALSE(test, info_of(world)->pasid_enabled);
	KUNIT_EXPECT_FALSE(test, world->unit.pdev.pasid_enabled);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_max_pasids(device_of(world)));
	make_domain(test, 0);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, set_pasid(world, 5));
	KUNIT_EXPECT_EQ(test, 0, attach(world));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, set_pasid(world, 5));
	goes(world);
	KUNIT_EXPECT_EQ(test, UNTOUCHED, pasid_control(world));
}

static void pasids_are_on_while_the_device_is_here(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_EXPECT_EQ(test, 0, pasid_control(world));
	comes(test);
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));
	KUNIT_EXPECT_TRUE(test, world->unit.pdev.pasid_enabled);
	KUNIT_EXPECT_TRUE(test, info_of(world)->pasid_enabled);
	KUNIT_EXPECT_FALSE(test, ats_is_on(world));
	goes(world);
	KUNIT_EXPECT_EQ(test, 0, pasid_control(world));
	KUNIT_EXPECT_FALSE(test, world->unit.pdev.pasid_enabled);
	KUNIT_EXPECT_PTR_EQ(test, NULL, info_of(world));

	/* And for who comes next, as for a device that was not there before */
	comes(test);
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));
	goes(world);
	KUNIT_EXPECT_EQ(test, 0, pasid_control(world));
}

static void ats_is_on_within(struct kunit *test)
{
	struct world *world = test->priv;

	comes(test);
	make_domain(test, IOMMU_HWPT_ALLOC_PASID);
	KUNIT_ASSERT_EQ(test, 0, attach(world));
	KUNIT_EXPECT_TRUE(test, ats_is_on(world));
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));
	/* It is still attached: both are given up, in the right order */
	goes(world);
	KUNIT_EXPECT_FALSE(test, ats_is_on(world));
	KUNIT_EXPECT_EQ(test, 0, pasid_control(world));
	KUNIT_EXPECT_EQ(test, 0, world->unit.nr_undefined);
}

static void who_is_blocked_keeps_them(struct kunit *test)
{
	struct world *world = test->priv;

	comes(test);
	make_domain(test, IOMMU_HWPT_ALLOC_PASID);
	KUNIT_ASSERT_EQ(test, 0, attach(world));
	KUNIT_ASSERT_EQ(test, 0, block(world));
	KUNIT_EXPECT_FALSE(test, ats_is_on(world));
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));
	KUNIT_ASSERT_EQ(test, 0, attach(world));
	KUNIT_EXPECT_TRUE(test, ats_is_on(world));
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));

	/* While a PASID is attached, its TLB is wanted too */
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5));
	KUNIT_ASSERT_EQ(test, 0, block(world));
	KUNIT_EXPECT_TRUE(test, ats_is_on(world));
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));
	remove_pasid(world, 5);
	KUNIT_EXPECT_FALSE(test, ats_is_on(world));
	KUNIT_EXPECT_EQ(test, PASIDS_ON, pasid_control(world));

	/* A PASID alone brings it back */
	KUNIT_ASSERT_EQ(test, 0, set_pasid(world, 5));
	KUNIT_EXPECT_TRUE(test, ats_is_on(world));
	remove_pasid(world, 5);
	goes(world);
	KUNIT_EXPECT_EQ(test, 0, pasid_control(world));
	KUNIT_EXPECT_EQ(test, 0, world->unit.nr_undefined);
}

/* What the device does not have is not asked of it */
static void only_what_it_has_is_on(struct kunit *test)
{
	struct world *world = test->priv;

	set_pasid_cap(world, PCI_PASID_CAP_EXEC | 20 << 8);
	comes(test);
	KUNIT_EXPECT_EQ(test, PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC,
			pasid_control(world));
	goes(world);
	set_pasid_cap(world, 20 << 8);
	comes(test);
	KUNIT_EXPECT_EQ(test, PCI_PASID_CTRL_ENABLE, pasid_control(world));
	goes(world);
	KUNIT_EXPECT_EQ(test, 0, pasid_control(world));
}

/* The fewer of the two */
static void how_many_the_device_and_the_unit_say(struct kunit *test)
{
	struct world *world = test->priv;
	struct device *dev = device_of(world);

	KUNIT_EXPECT_EQ(test, 0, iommu_device_max_pasids(dev));
	comes(test);
	KUNIT_EXPECT_EQ(test, BIT(16), iommu_device_max_pasids(dev));
	set_pasid_cap(world, 8 << 8);
	KUNIT_EXPECT_EQ(test, BIT(8), iommu_device_max_pasids(dev));
	goes(world);
	KUNIT_EXPECT_EQ(test, 0, iommu_device_max_pasids(dev));
}

static void without_the_capability(struct kunit *test)
{
	struct world *world = test->priv;

	world->unit.pdev.pasid_cap = 0;
	expect_no_pasids(test);
}

/* A bridge above drops what has a PASID: they cannot be enabled */
static void without_the_way_to_it(struct kunit *test)
{
	struct world *world = test->priv;

	world->unit.pdev.eetlp_prefix_path = 0;
	expect_no_pasids(test);
}

static void without_pasids_in_the_unit(struct kunit *test)
{
	struct world *world = test->priv;

	world->unit.iommu.ecap &= ~BIT_ULL(40);
	expect_no_pasids(test);
}

static struct kunit_case pasid_cap_test_cases[] = {
	KUNIT_CASE(pasids_are_on_while_the_device_is_here),
	KUNIT_CASE(ats_is_on_within),
	KUNIT_CASE(who_is_blocked_keeps_them),
	KUNIT_CASE(only_what_it_has_is_on),
	KUNIT_CASE(how_many_the_device_and_the_unit_say),
	KUNIT_CASE(without_the_capability),
	KUNIT_CASE(without_the_way_to_it),
	KUNIT_CASE(without_pasids_in_the_unit),
	{}
};

static struct kunit_suite pasid_cap_test_suite = {
	.name = "intel-iommu-pasid-capability",
	.init = pasid_cap_test_init,
	.exit = pasid_cap_test_exit,
	.test_cases = pasid_cap_test_cases,
};

kunit_test_suite(pasid_cap_test_suite);
