// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of reading second-stage dirty bits. The test is the hardware: it
 * finds the leaf entry by itself and sets the bit.
 *
 * What is told is looked at through the gather, which has the first and the last
 * IOVA of it. So each reading here expects one run.
 */
#include <kunit/test.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "iommu.h"

static const unsigned long at = BIT(39) | BIT(31);

static struct iommu_domain *to_domain(struct kunit *test)
{
	return test->priv;
}

/* A page table of four levels that no unit walks */
static int dirty_test_init(struct kunit *test)
{
	struct dmar_domain *domain = dmar_domain_alloc(IOMMU_DOMAIN_UNMANAGED);

	KUNIT_ASSERT_NOT_NULL(test, domain);
	domain->domain.type = IOMMU_DOMAIN_UNMANAGED;
	domain->domain.ops = intel_iommu_ops.default_domain_ops;
	domain->domain.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	domain->flags &= ~DOMAIN_FLAG_USE_FIRST_LEVEL;
	domain->agaw = 2;
	domain->gaw = 48;
	domain->iommu_superpage = 2;
	domain->iommu_coherency = true;
	domain->fixed_caps = true;
	domain->pgd = alloc_pgtable_page(NUMA_NO_NODE, GFP_KERNEL);
	test->priv = &domain->domain;
	KUNIT_ASSERT_NOT_NULL(test, domain->pgd);
	return 0;
}

static void dirty_test_exit(struct kunit *test)
{
	struct iommu_domain *domain = to_domain(test);

	if (domain)
		domain->ops->free(domain);
}

/* Small pages go where the driver can make no large ones of them */
static void map(struct kunit *test, unsigned long iova, size_t pgsize,
		size_t count, int prot)
{
	phys_addr_t phys = SZ_4G + (pgsize == SZ_4K ? SZ_4K : 0);
	struct iommu_domain *domain = to_domain(test);
	size_t mapped = 0;

	KUNIT_ASSERT_EQ(test, 0,
			domain->ops->map_pages(domain, iova, phys, pgsize,
					       count, prot, GFP_KERNEL,
					       &mapped));
	KUNIT_ASSERT_EQ(test, pgsize * count, mapped);
}

static struct dma_pte *leaf(struct kunit *test, unsigned long iova)
{
	struct dmar_domain *domain = to_dmar_domain(to_domain(test));
	struct dma_pte *table = domain->pgd;
	int shift;

	for (shift = 39;; shift -= 9) {
		struct dma_pte *pte = &table[(iova >> shift) % 512];

		KUNIT_ASSERT_TRUE(test, dma_pte_present(pte));
		if (shift == 12 || dma_pte_superpage(pte))
			return pte;
		table = phys_to_virt(dma_pte_addr(pte));
	}
}

static void device_writes(struct kunit *test, unsigned long iova)
{
	leaf(test, iova)->val |= BIT_ULL(9);
}

static bool is_dirty(struct kunit *test, unsigned long iova)
{
	return leaf(test, iova)->val & BIT_ULL(9);
}

/* Read a range; what is told, all in one, is @length bytes from @start on */
static void read_range(struct kunit *test, unsigned long iova, size_t size,
		       unsigned long flags, unsigned long start, size_t length)
{
	struct iommu_domain *domain = to_domain(test);
	struct iommu_iotlb_gather gather;
	struct iommu_dirty_bitmap dirty;

	iommu_iotlb_gather_init(&gather);
	iommu_dirty_bitmap_init(&dirty, NULL, &gather);
	KUNIT_ASSERT_EQ(test, 0,
			intel_dirty_ops.read_and_clear_dirty(domain, iova, size,
							     flags, &dirty));
	if (!length) {
		KUNIT_EXPECT_GT(test, gather.start, gather.end);
		return;
	}
	KUNIT_EXPECT_EQ(test, start, gather.start);
	KUNIT_EXPECT_EQ(test, start + length - 1, gather.end);
}

#define read_clean(test, iova, size) read_range(test, iova, size, 0, 0, 0)

static void what_is_mapped_is_clean(struct kunit *test)
{
	/* The first entries of a table, the last ones, and a table between */
	map(test, at - SZ_4K, SZ_4K, 1, IOMMU_READ | IOMMU_WRITE);
	map(test, at, SZ_4K, 513, IOMMU_READ | IOMMU_WRITE);
	map(test, at + SZ_4M, SZ_2M, 3, IOMMU_READ | IOMMU_WRITE);
	map(test, at + SZ_1G, SZ_1G, 2, IOMMU_READ);
	read_clean(test, at - SZ_4K, SZ_4K + 3UL * SZ_1G);
	/* What is not mapped is clean too, table or no table */
	read_clean(test, at - SZ_8K, SZ_4K);
	read_clean(test, 0, SZ_1G);
	read_clean(test, BIT(47), BIT(47));
	read_clean(test, 0, BIT(48));
}

static void a_page_is_told_and_cleared(struct kunit *test)
{
	unsigned long nr;
	u64 before;

	map(test, at, SZ_4K, 1024, IOMMU_READ | IOMMU_WRITE);
	for (nr = 0; nr < 1024; nr += nr % 512 < 3 || nr % 512 > 508 ? 1 : 101) {
		unsigned long iova = at + nr * SZ_4K;

		before = leaf(test, iova)->val;
		device_writes(test, iova);
		read_clean(test, at - SZ_4K, (nr + 1) * SZ_4K);
		read_clean(test, iova + SZ_4K, (1024 - nr) * SZ_4K);
		read_range(test, at, SZ_4M, IOMMU_DIRTY_NO_CLEAR, iova, SZ_4K);
		KUNIT_EXPECT_TRUE(test, is_dirty(test, iova));
		read_range(test, iova, SZ_4K, 0, iova, SZ_4K);
		KUNIT_EXPECT_EQ(test, before, leaf(test, iova)->val);
		read_clean(test, at, SZ_4M);
	}
}

static void tables_are_read_across(struct kunit *test)
{
	/* Over a boundary of each level: two pages make one run */
	static const unsigned long edges[] = { SZ_2M, SZ_1G, BIT(39), BIT(40) };
	int i;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		unsigned long edge = edges[i];

		map(test, edge - SZ_8K, SZ_4K, 4, IOMMU_READ | IOMMU_WRITE);
		device_writes(test, edge - SZ_4K);
		device_writes(test, edge);
		read_range(test, edge - SZ_1M, SZ_2M, 0, edge - SZ_4K, SZ_8K);
		read_clean(test, 0, BIT(41));
	}
}

static void a_large_page_is_told_whole(struct kunit *test)
{
	static const size_t sizes[] = { SZ_2M, SZ_1G };
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned long iova = at + i * BIT(32), size = sizes[i];

		map(test, iova, size, 3, IOMMU_READ | IOMMU_WRITE);
		device_writes(test, iova + size + 5 * SZ_4K);
		read_range(test, iova, 3 * size, IOMMU_DIRTY_NO_CLEAR,
			   iova + size, size);
		read_range(test, iova, 3 * size, 0, iova + size, size);
		read_clean(test, iova, 3 * size);
	}
}

static void a_large_page_read_in_part_stays_dirty(struct kunit *test)
{
	map(test, at, SZ_2M, 2, IOMMU_READ | IOMMU_WRITE);
	device_writes(test, at);
	read_range(test, at, SZ_4K, 0, at, SZ_4K);
	read_range(test, at + SZ_4K, SZ_2M, 0, at + SZ_4K, SZ_2M - SZ_4K);
	read_range(test, at + SZ_1M, SZ_4K, 0, at + SZ_1M, SZ_4K);
	read_range(test, at, SZ_2M - SZ_4K, 0, at, SZ_2M - SZ_4K);
	read_clean(test, at + SZ_2M, SZ_2M);
	KUNIT_EXPECT_TRUE(test, is_dirty(test, at));
	read_range(test, at, SZ_2M, 0, at, SZ_2M);
	KUNIT_EXPECT_FALSE(test, is_dirty(test, at));
}

static void what_is_mapped_anew_is_clean(struct kunit *test)
{
	struct iommu_domain *domain = to_domain(test);
	struct iommu_iotlb_gather gather;

	map(test, at, SZ_4K, 4, IOMMU_READ | IOMMU_WRITE);
	device_writes(test, at + SZ_4K);
	KUNIT_EXPECT_EQ(test, SZ_4G | SZ_8K,
			domain->ops->iova_to_phys(domain, at + SZ_4K));
	iommu_iotlb_gather_init(&gather);
	KUNIT_EXPECT_EQ(test, 4 * SZ_4K,
			domain->ops->unmap_pages(domain, at, SZ_4K, 4,
						 &gather));
	domain->ops->iotlb_sync(domain, &gather);
	read_clean(test, at, SZ_2M);
	map(test, at, SZ_4K, 4, IOMMU_READ | IOMMU_WRITE);
	read_clean(test, at, SZ_2M);
}

static void tracking_is_for_devices_to_come_too(struct kunit *test)
{
	struct iommu_domain *domain = to_domain(test);

	KUNIT_EXPECT_EQ(test, 0,
			intel_dirty_ops.set_dirty_tracking(domain, true));
	KUNIT_EXPECT_TRUE(test, to_dmar_domain(domain)->dirty_tracking);
	KUNIT_EXPECT_EQ(test, 0,
			intel_dirty_ops.set_dirty_tracking(domain, false));
	KUNIT_EXPECT_FALSE(test, to_dmar_domain(domain)->dirty_tracking);
}

static struct kunit_case dirty_test_cases[] = {
	KUNIT_CASE(what_is_mapped_is_clean),
	KUNIT_CASE(a_page_is_told_and_cleared),
	KUNIT_CASE(tables_are_read_across),
	KUNIT_CASE(a_large_page_is_told_whole),
	KUNIT_CASE(a_large_page_read_in_part_stays_dirty),
	KUNIT_CASE(what_is_mapped_anew_is_clean),
	KUNIT_CASE(tracking_is_for_devices_to_come_too),
	{}
};

static struct kunit_suite dirty_test_suite = {
	.name = "intel-iommu-dirty",
	.init = dirty_test_init,
	.exit = dirty_test_exit,
	.test_cases = dirty_test_cases,
};

kunit_test_suite(dirty_test_suite);
