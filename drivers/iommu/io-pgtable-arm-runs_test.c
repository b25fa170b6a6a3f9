// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of mapping many runs in an Arm page table. What map_runs makes is
 * compared with what map_pages makes of the same, one page at a time: entry for
 * entry, through all tables.
 */
#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#define RW		(IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE)
#define ADDRESS		GENMASK_ULL(47, 12)
#define MAX_RUNS	1200

/* A page table's kind, for its walker */
struct runs_case {
	const char *name;
	enum io_pgtable_fmt fmt;
	unsigned long pgsizes;
	unsigned int ias;
	unsigned int oas;
};

static const struct runs_case runs_cases[] = {
	{ "stage 1, 4K", ARM_64_LPAE_S1, SZ_4K | SZ_2M | SZ_1G, 48, 44 },
	{ "stage 1, 4K, 32 bits", ARM_64_LPAE_S1, SZ_4K | SZ_2M | SZ_1G, 32, 40 },
	{ "stage 2, 4K", ARM_64_LPAE_S2, SZ_4K | SZ_2M | SZ_1G, 44, 44 },
	{ "stage 2, 16K", ARM_64_LPAE_S2, SZ_16K | SZ_32M, 47, 48 },
	{ "stage 1, 64K", ARM_64_LPAE_S1, SZ_64K | SZ_512M, 48, 48 },
	/* Addresses that an entry has not in their place */
	{ "stage 1, 64K, 52 bits", ARM_64_LPAE_S1, SZ_64K | SZ_512M, 48, 52 },
};

/**
 * struct runs_test - what each test has
 * @shape: which kind of table
 * @device: that a table is for
 * @ours: written by map_runs
 * @theirs: written by map_pages
 * @configs: of both
 * @runs: what is mapped
 * @nr: how many of these there are
 * @total: how long they are together
 */
struct runs_test {
	const struct runs_case *shape;
	struct platform_device *device;
	struct io_pgtable_ops *ours;
	struct io_pgtable_ops *theirs;
	struct io_pgtable_cfg configs[2];
	struct iommu_run runs[MAX_RUNS];
	unsigned int nr;
	size_t total;
};

static void ignore_all(void *cookie)
{
}

static void ignore_walk(unsigned long iova, size_t size, size_t granule,
			void *cookie)
{
}

static void ignore_page(struct iommu_iotlb_gather *gather, unsigned long iova,
			size_t granule, void *cookie)
{
}

static const struct iommu_flush_ops no_tlb = {
	.tlb_flush_all = ignore_all,
	.tlb_flush_walk = ignore_walk,
	.tlb_add_page = ignore_page,
};

static struct io_pgtable_ops *make_table(struct runs_test *t,
					 struct io_pgtable_cfg *cfg,
					 bool coherent)
{
	*cfg = (struct io_pgtable_cfg) {
		.pgsize_bitmap = t->shape->pgsizes,
		.ias = t->shape->ias,
		.oas = t->shape->oas,
		.coherent_walk = coherent,
		.tlb = &no_tlb,
		.iommu_dev = &t->device->dev,
	};
	return alloc_io_pgtable_ops(t->shape->fmt, cfg, NULL);
}

static void make_tables(struct kunit *test, bool coherent)
{
	struct runs_test *t = test->priv;

	t->shape = test->param_value;
	t->ours = make_table(t, &t->configs[0], coherent);
	t->theirs = make_table(t, &t->configs[1], coherent);
	KUNIT_ASSERT_NOT_NULL(test, t->ours);
	KUNIT_ASSERT_NOT_NULL(test, t->theirs);
}

static int runs_test_init(struct kunit *test)
{
	struct runs_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	t->device = platform_device_register_simple("io-pgtable-runs",
						    PLATFORM_DEVID_NONE, NULL,
						    0);
	if (IS_ERR(t->device)) {
		int rc = PTR_ERR(t->device);

		t->device = NULL;
		return rc;
	}
	return dma_coerce_mask_and_coherent(&t->device->dev, DMA_BIT_MASK(52));
}

static void runs_test_exit(struct kunit *test)
{
	struct runs_test *t = test->priv;

	free_io_pgtable_ops(t->ours);
	free_io_pgtable_ops(t->theirs);
	platform_device_unregister(t->device);
}

/* ---- What is mapped ---- */

static size_t granule(const struct runs_test *t)
{
	return BIT(__ffs(t->configs[0].pgsize_bitmap));
}

/* What one entry of the level above the last one maps */
static size_t block(const struct runs_test *t)
{
	return granule(t) << (__ffs(granule(t)) - 3);
}

static void add_run(struct kunit *test, phys_addr_t phys, size_t size)
{
	struct runs_test *t = test->priv;

	KUNIT_ASSERT_LT(test, t->nr, MAX_RUNS);
	t->runs[t->nr].phys = phys;
	t->runs[t->nr].size = size;
	t->nr++;
	t->total += size;
}

/* The largest page that fits, again and again: the reference */
static size_t map_page(struct runs_test *t, unsigned long iova,
		       phys_addr_t phys, size_t left, int prot, int *ret)
{
	unsigned long sizes = t->configs[1].pgsize_bitmap;
	size_t mapped = 0;
	int bit = fls64(sizes) - 1;

	while (!(sizes & BIT(bit)) || BIT(bit) > left ||
	       !IS_ALIGNED(iova | phys, BIT(bit)))
		bit--;
	*ret = t->theirs->map_pages(t->theirs, iova, phys, BIT(bit), 1, prot,
				    GFP_KERNEL, &mapped);
	return mapped;
}

static void map_theirs(struct kunit *test, unsigned long iova, int prot)
{
	struct runs_test *t = test->priv;
	unsigned int i;
	size_t done;
	int ret = 0;

	for (i = 0; i < t->nr; i++) {
		for (done = 0; done < t->runs[i].size && !ret;)
			done += map_page(t, iova + done, t->runs[i].phys + done,
					 t->runs[i].size - done, prot, &ret);
		KUNIT_ASSERT_EQ(test, 0, ret);
		iova += t->runs[i].size;
	}
}

static int map_ours(struct runs_test *t, unsigned long iova, int prot,
		    size_t *mapped)
{
	*mapped = ~0UL;
	return t->ours->map_runs(t->ours, iova, t->runs, t->nr, prot,
				 GFP_KERNEL, mapped);
}

static void map_both(struct kunit *test, unsigned long iova, int prot)
{
	struct runs_test *t = test->priv;
	size_t mapped;

	KUNIT_ASSERT_EQ(test, 0, map_ours(t, iova, prot, &mapped));
	KUNIT_EXPECT_EQ(test, t->total, mapped);
	map_theirs(test, iova, prot);
}

/* ---- Are both tables the same? ---- */

static u64 *root(const struct io_pgtable_cfg *cfg, enum io_pgtable_fmt fmt)
{
	return phys_to_virt(fmt == ARM_64_LPAE_S1 ? cfg->arm_lpae_s1_cfg.ttbr :
						    cfg->arm_lpae_s2_cfg.vttbr);
}

/* Tables of a level, of which 0 is the last; how many entries of pages differ */
static unsigned int differences(struct runs_test *t, const u64 *ours,
				const u64 *theirs, size_t nr, int level)
{
	unsigned int found = 0;
	size_t i;

	for (i = 0; i < nr; i++) {
		bool table = level && (ours[i] & 3) == 3 && (theirs[i] & 3) == 3;

		if (table)
			found += differences(t, phys_to_virt(ours[i] & ADDRESS),
					     phys_to_virt(theirs[i] & ADDRESS),
					     granule(t) / 8, level - 1);
		else if (ours[i] != theirs[i])
			found++;
	}
	return found;
}

static void expect_same(struct kunit *test)
{
	struct runs_test *t = test->priv;
	int shift = __ffs(granule(t)), level = 0;
	int bits = t->configs[0].ias - shift;
	int max_bits = shift - 3;

	/* Up to 16 tables of stage 2 are one beside the other in place of a level */
	while (bits > max_bits + (t->shape->fmt == ARM_64_LPAE_S2 ? 4 : 0)) {
		bits -= max_bits;
		level++;
	}
	KUNIT_EXPECT_EQ(test, 0,
			differences(t, root(&t->configs[0], t->shape->fmt),
				    root(&t->configs[1], t->shape->fmt),
				    BIT(bits), level));
}

static u32 next_random(u32 *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* ---- The tests ---- */

static void scattered_pages(struct kunit *test)
{
	struct runs_test *t = test->priv;
	size_t page;
	unsigned int i;

	make_tables(test, true);
	page = granule(t);
	/* No one beside the one before it; over the ends of tables */
	for (i = 0; i < MAX_RUNS; i++)
		add_run(test, SZ_1G - i * 2 * page, page);
	map_both(test, SZ_1G + block(t) - 7 * page, RW);
	expect_same(test);
}

static void blocks(struct kunit *test)
{
	struct runs_test *t = test->priv;
	unsigned int i;

	make_tables(test, true);
	for (i = 0; i < 5; i++)
		add_run(test, block(t) * (20 - 2 * i), block(t));
	/* Two, then one and a half, then what goes on as it ends */
	add_run(test, block(t), 2 * block(t));
	add_run(test, block(t) * 30, block(t) * 3 / 2);
	add_run(test, block(t) * 40 + block(t) / 2, block(t) / 2);
	map_both(test, 4 * block(t), IOMMU_READ);
	expect_same(test);
}

/* Where the run and its IOVA are not aligned to each other, there are no blocks */
static void askew(struct kunit *test)
{
	struct runs_test *t = test->priv;

	make_tables(test, true);
	add_run(test, block(t), 2 * block(t));
	add_run(test, block(t) * 8 + granule(t), 2 * block(t));
	add_run(test, block(t) * 16, granule(t));
	map_both(test, block(t) + granule(t), IOMMU_WRITE | IOMMU_NOEXEC);
	expect_same(test);
}

/* The largest page there is, and smaller ones around it */
static void largest(struct kunit *test)
{
	struct runs_test *t = test->priv;
	size_t size;

	make_tables(test, true);
	size = BIT(__fls(t->configs[0].pgsize_bitmap));
	add_run(test, size - granule(t), granule(t));
	add_run(test, size, size);
	add_run(test, 4 * size, granule(t));
	map_both(test, size - granule(t), RW);
	expect_same(test);
}

static void random_runs(struct kunit *test)
{
	struct runs_test *t = test->priv;
	u32 seed = 1;
	unsigned int i;

	make_tables(test, true);
	for (i = 0; i < 300; i++) {
		u64 at = next_random(&seed) % 512 * granule(t);
		size_t pages = 1;

		if (next_random(&seed) % 4 == 0)
			pages += next_random(&seed) % (block(t) / granule(t));
		/* As its IOVA is aligned, every other time */
		if (next_random(&seed) % 2)
			at = (128 * granule(t) + t->total) % block(t);
		add_run(test, block(t) * (i % 7) + at, pages * granule(t));
	}
	map_both(test, 128 * granule(t), RW);
	expect_same(test);
}

/* A table that is empty, where a block goes */
static void over_an_empty_table(struct kunit *test)
{
	struct runs_test *t = test->priv;
	size_t page, mapped = 0;

	make_tables(test, true);
	page = granule(t);
	KUNIT_ASSERT_EQ(test, 0,
			t->ours->map_pages(t->ours, 3 * block(t), page, page, 1,
					   RW, GFP_KERNEL, &mapped));
	KUNIT_ASSERT_EQ(test, page,
			t->ours->unmap_pages(t->ours, 3 * block(t), page, 1,
					     NULL));
	add_run(test, block(t) * 9, block(t));
	add_run(test, block(t) * 7, block(t));
	add_run(test, block(t) * 5, block(t));
	map_both(test, 2 * block(t), RW);
	expect_same(test);
}

/* A walker that does not look into caches; the CPU does */
static void not_coherent(struct kunit *test)
{
	struct runs_test *t = test->priv;
	unsigned int i;

	make_tables(test, false);
	for (i = 0; i < 600; i++)
		add_run(test, SZ_1G - i * 2 * granule(t), granule(t));
	map_both(test, SZ_1G, RW);
	for (i = 0; i < 600; i++)
		KUNIT_ASSERT_EQ(test, t->runs[i].phys + 5,
				t->ours->iova_to_phys(t->ours, SZ_1G + 5 +
						      i * granule(t)));
}

/* What is wrong is told, and what was mapped until there */
static void refused(struct kunit *test)
{
	struct runs_test *t = test->priv;
	size_t page, mapped;

	make_tables(test, true);
	page = granule(t);
	add_run(test, 8 * page, page);
	KUNIT_EXPECT_EQ(test, -EINVAL, map_ours(t, page, 0, &mapped));
	KUNIT_EXPECT_EQ(test, 0, mapped);
	KUNIT_EXPECT_EQ(test, -EINVAL, map_ours(t, page + 512, RW, &mapped));
	KUNIT_EXPECT_EQ(test, 0, mapped);

	/* Half a page, by its address and by its length, each behind good ones */
	add_run(test, 6 * page, page);
	add_run(test, 4 * page + page / 2, page);
	KUNIT_EXPECT_EQ(test, -EINVAL, map_ours(t, page, RW, &mapped));
	KUNIT_EXPECT_EQ(test, 2 * page, mapped);
	t->runs[2].phys = 4 * page;
	t->runs[2].size = page / 2;
	KUNIT_EXPECT_EQ(test, -EINVAL, map_ours(t, 8 * page, RW, &mapped));
	KUNIT_EXPECT_EQ(test, 2 * page, mapped);

	/* Nothing else is there */
	KUNIT_EXPECT_EQ(test, 0, t->ours->iova_to_phys(t->ours, 3 * page));
	KUNIT_EXPECT_EQ(test, 0, t->ours->iova_to_phys(t->ours, 10 * page));
	KUNIT_EXPECT_EQ(test, page, t->ours->unmap_pages(t->ours, page, page, 1,
							 NULL));
}

static void out_of_range(struct kunit *test)
{
	struct runs_test *t = test->priv;
	size_t page, mapped;
	u64 end;

	make_tables(test, true);
	page = granule(t);
	end = BIT_ULL(t->shape->ias);

	/* Addresses that do not fit into an entry, alone and behind a good one */
	add_run(test, BIT_ULL(t->configs[0].oas), page);
	KUNIT_EXPECT_EQ(test, -ERANGE, map_ours(t, page, RW, &mapped));
	KUNIT_EXPECT_EQ(test, 0, mapped);
	t->runs[0].phys = page;
	add_run(test, BIT_ULL(t->configs[0].oas) - page, 2 * page);
	KUNIT_EXPECT_EQ(test, -ERANGE, map_ours(t, page, RW, &mapped));
	KUNIT_EXPECT_EQ(test, page, mapped);

	/* Up to the last IOVA, and not beyond */
	t->runs[1].phys = 3 * page;
	t->runs[1].size = page;
	KUNIT_EXPECT_EQ(test, 0, map_ours(t, end - 2 * page, RW, &mapped));
	t->ours->unmap_pages(t->ours, end - 2 * page, page, 2, NULL);
	t->runs[1].size = 2 * page;
	KUNIT_EXPECT_EQ(test, -ERANGE, map_ours(t, end - 2 * page, RW, &mapped));
	KUNIT_EXPECT_EQ(test, 0,
			t->ours->iova_to_phys(t->ours, 0));
}

static void describe(const struct runs_case *shape, char *name)
{
	strscpy(name, shape->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(runs, runs_cases, describe);

static struct kunit_case runs_test_cases[] = {
	KUNIT_CASE_PARAM(scattered_pages, runs_gen_params),
	KUNIT_CASE_PARAM(blocks, runs_gen_params),
	KUNIT_CASE_PARAM(askew, runs_gen_params),
	KUNIT_CASE_PARAM(largest, runs_gen_params),
	KUNIT_CASE_PARAM(random_runs, runs_gen_params),
	KUNIT_CASE_PARAM(over_an_empty_table, runs_gen_params),
	KUNIT_CASE_PARAM(not_coherent, runs_gen_params),
	KUNIT_CASE_PARAM(refused, runs_gen_params),
	KUNIT_CASE_PARAM(out_of_range, runs_gen_params),
	{}
};

static struct kunit_suite runs_test_suite = {
	.name = "io-pgtable-arm-runs",
	.init = runs_test_init,
	.exit = runs_test_exit,
	.test_cases = runs_test_cases,
};

kunit_test_suite(runs_test_suite);
