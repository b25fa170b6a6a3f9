// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of domains attached to PASIDs, with a unit and a device that are
 * not there. The unit is a thread that takes descriptors from the invalidation
 * queue, and remembers them. It needs a CPU for itself: who waits for it has
 * interrupts disabled.
 */
#include <kunit/test.h>
#include <linux/async.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/iommu.h>
#include <linux/kthread.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <uapi/linux/iommufd.h>

#include "iommu.h"
#include "pasid.h"

#define NR_DIDS		256
#define MAX_FLUSHES	64
#define SHIFT		(DMAR_IQ_SHIFT + 1)

/* 256 domain IDs, 4 levels, 48 bits, pages up to 1 GiB, page-selective flushes */
#define TEST_CAP	(2 | 4ULL << 8 | 47ULL << 16 | 3ULL << 34 | \
			 BIT_ULL(39) | 18ULL << 48 | BIT_ULL(56))
/* Coherent, queue, device IOTLB, PASIDs, scalable mode, dirty bits, both stages */
#define TEST_ECAP	(BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(7) | \
			 BIT_ULL(40) | BIT_ULL(43) | BIT_ULL(45) | \
			 BIT_ULL(46) | BIT_ULL(47) | BIT_ULL(48))

struct world {
	struct intel_iommu iommu;
	struct q_inval qi;
	struct task_struct *unit;
	unsigned int head;
	unsigned int nr_flushes;
	struct qi_desc flushes[MAX_FLUSHES];

	struct pci_dev pdev;
	struct dev_iommu dev_iommu;
	struct device_domain_info info;
	struct dmar_domain *one;
	struct dmar_domain *other;
};

static int run_unit(void *data)
{
	struct world *world = data;
	struct qi_desc *desc;

	while (!kthread_should_stop()) {
		cond_resched();
		if (world->head ==
		    readl(world->iommu.reg + DMAR_IQT_REG) >> SHIFT)
			continue;
		desc = world->qi.desc + (world->head << SHIFT);
		if ((desc->qw0 & 0xf) == QI_IWD_TYPE) {
			/* Who waits for it looks at the flushes next */
			smp_store_release((int *)phys_to_virt(desc->qw1),
					  (int)(desc->qw0 >> 32));
		} else if (world->nr_flushes < MAX_FLUSHES) {
			world->flushes[world->nr_flushes++] = *desc;
		}
		world->head = (world->head + 1) % QI_LENGTH;
	}
	return 0;
}

static void start_unit(struct kunit *test, struct world *world)
{
	struct intel_iommu *iommu = &world->iommu;
	unsigned int cpu = cpumask_first(cpu_online_mask);

	iommu->cap = TEST_CAP;
	iommu->ecap = TEST_ECAP;
	iommu->gcmd = DMA_GCMD_TE;
	iommu->agaw = 2;
	iommu->msagaw = 2;
	iommu->node = NUMA_NO_NODE;
	iommu->iommu.ops = &intel_iommu_ops;
	iommu->flush.flush_iotlb = qi_flush_iotlb;
	spin_lock_init(&iommu->lock);
	raw_spin_lock_init(&iommu->register_lock);
	iommu->domain_ids = kunit_kzalloc(test, NR_DIDS / 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, iommu->domain_ids);
	bitmap_set(iommu->domain_ids, 0, NUM_RESERVED_DID);

	iommu->reg = (void __force __iomem *)kunit_kzalloc(test, SZ_4K,
							   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)iommu->reg);
	world->qi.desc = kunit_kzalloc(test, QI_LENGTH << SHIFT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world->qi.desc);
	world->qi.desc_status = kunit_kcalloc(test, QI_LENGTH, sizeof(int),
					      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world->qi.desc_status);
	world->qi.free_cnt = QI_LENGTH;
	raw_spin_lock_init(&world->qi.q_lock);
	iommu->qi = &world->qi;

	KUNIT_ASSERT_EQ(test, 0, set_cpus_allowed_ptr(current,
						      cpumask_of(cpu)));
	world->unit = kthread_create(run_unit, world, "fake-dmar");
	KUNIT_ASSERT_FALSE(test, IS_ERR(world->unit));
	kthread_bind(world->unit, cpumask_next(cpu, cpu_online_mask));
	wake_up_process(world->unit);
}

static void plug_device(struct kunit *test, struct world *world)
{
	struct device *dev = &world->pdev.dev;

	dev->bus = &pci_bus_type;
	dev->iommu = &world->dev_iommu;
	set_dev_node(dev, NUMA_NO_NODE);
	/* Nobody shall read its configuration space */
	world->pdev.error_state = pci_channel_io_perm_failure;
	world->dev_iommu.iommu_dev = &world->iommu.iommu;
	world->dev_iommu.priv = &world->info;
	world->info.dev = dev;
	world->info.iommu = &world->iommu;
	world->info.bus = 0x12;
	world->info.devfn = 0x34;
	world->info.ats_enabled = 1;
	world->info.pasid_enabled = 1;
	KUNIT_ASSERT_EQ(test, 0, intel_pasid_alloc_table(dev));
}

static struct dmar_domain *make_domain(struct kunit *test, u32 flags)
{
	struct world *world = test->priv;
	struct iommu_domain *domain;

	domain = intel_iommu_domain_alloc_paging_flags(&world->pdev.dev, flags,
						       NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(domain));
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = intel_iommu_ops.default_domain_ops;
	to_dmar_domain(domain)->flags &= ~DOMAIN_FLAG_USE_FIRST_LEVEL;
	return to_dmar_domain(domain);
}

static int attach_pasid_test_init(struct kunit *test)
{
	struct world *world;

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is no CPU for the unit");
	if (!intel_iommu_sm)
		kunit_skip(test, "scalable mode is off");
	world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, world);
	test->priv = world;
	/*
	 * What else boots at this time may wait for all CPUs, on that of the
	 * unit, and so for us.
	 */
	async_synchronize_full();
	start_unit(test, world);
	plug_device(test, world);
	world->one = make_domain(test, IOMMU_HWPT_ALLOC_PASID |
				       IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	world->other = make_domain(test, IOMMU_HWPT_ALLOC_PASID);
	/* The device is not blocked for DMA without a PASID */
	world->info.domain = world->other;
	return 0;
}

static void attach_pasid_test_exit(struct kunit *test)
{
	struct world *world = test->priv;

	if (!world)
		return;
	if (!IS_ERR_OR_NULL(world->unit))
		kthread_stop(world->unit);
	intel_pasid_free_table(&world->pdev.dev);
	if (world->one)
		iommu_domain_free(&world->one->domain);
	if (world->other)
		iommu_domain_free(&world->other->domain);
}

static int set_pasid(struct world *world, u32 pasid, struct dmar_domain *domain,
		     struct dmar_domain *old)
{
	return intel_iommu_set_dev_pasid(&domain->domain, &world->pdev.dev,
					 pasid, old ? &old->domain : NULL);
}

static void remove_pasid(struct world *world, u32 pasid,
			 struct dmar_domain *domain)
{
	intel_iommu_remove_dev_pasid(&world->pdev.dev, pasid, &domain->domain);
}

static struct pasid_entry *entry_of(struct world *world, u32 pasid)
{
	return intel_pasid_get_entry(&world->pdev.dev, pasid);
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
	KUNIT_EXPECT_EQ(test, domain_id_iommu(domain, &world->iommu),
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

/* How many descriptors of that type were for the PASID since the last forget() */
static unsigned int count(struct world *world, u64 type, u32 pasid)
{
	unsigned int i, nr = 0;

	for (i = 0; i < world->nr_flushes; i++)
		nr += (world->flushes[i].qw0 & 0xf) == type &&
		      (world->flushes[i].qw0 >> 32 & 0xfffff) == pasid;
	return nr;
}

static void forget(struct world *world)
{
	world->nr_flushes = 0;
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
	KUNIT_EXPECT_EQ(test, 0, world->info.nr_pasids);
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
			set_pasid(world, world->info.pasid_table->max_pasid,
				  world->one, NULL));
	world->info.pasid_enabled = 0;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			set_pasid(world, 6, world->one, NULL));
	world->info.pasid_enabled = 1;
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
	world->iommu.ecap &= ~BIT_ULL(47);
	KUNIT_EXPECT_EQ(test, -EINVAL,
			set_pasid(world, 5, world->other, world->one));
	expect_entry(test, 5, world->one);
	expect_unused(test, world->other);
	KUNIT_EXPECT_EQ(test, 1, world->info.nr_pasids);
	remove_pasid(world, 5, world->one);
	expect_unused(test, world->one);
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
	KUNIT_EXPECT_EQ(test, 3, world->nr_flushes);
	KUNIT_EXPECT_EQ(test, QI_IOTLB_TYPE,
			world->flushes[0].qw0 & 0xf);
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
