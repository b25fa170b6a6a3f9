// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping many physical runs in an Arm page table: what lies in one table is
 * written with one walk to it, where map_pages is a walk from the top for each
 * run.
 *
 * As there, nobody else touches the IOVA range meanwhile. Tables above it may be
 * made by others at the same time.
 */
#include <linux/bits.h>
#include <linux/dma-mapping.h>
#include <linux/io-pgtable.h>
#include <linux/iommu.h>
#include <linux/minmax.h>

#include "io-pgtable-arm.h"

/**
 * struct arm_lpae_writer - a page table that runs are being written to
 * @ops: the page table
 * @cfg: its configuration
 * @prot: IOMMU_READ and the like
 * @gfp: for tables
 * @high: bits of the first IOVA beyond those that are translated. Whether there may
 *	be any map_pages knows; the last IOVA has the same.
 * @leaves: the entries at hand, from the one that comes next; none at first
 * @first: the first of them that was written, and a walker may not see yet
 */
struct arm_lpae_writer {
	struct io_pgtable_ops *ops;
	const struct io_pgtable_cfg *cfg;
	int prot;
	gfp_t gfp;
	s64 high;
	struct arm_lpae_leaves leaves;
	u64 *first;
};

/* Make what was written visible to a walker that does not look into caches */
static void writer_sync(struct arm_lpae_writer *writer)
{
	size_t length = (void *)writer->leaves.next - (void *)writer->first;

	if (length && !writer->cfg->coherent_walk)
		dma_sync_single_for_device(writer->cfg->iommu_dev,
					   virt_to_phys(writer->first), length,
					   DMA_TO_DEVICE);
	writer->first = writer->leaves.next;
}

/* Entries of the page's size from @iova on, if these are not at a table's start */
static void writer_find(struct arm_lpae_writer *writer, unsigned long iova,
			size_t pgsize, size_t span)
{
	struct arm_lpae_leaves *leaves = &writer->leaves;

	if (IS_ALIGNED(iova, span) ||
	    !arm_lpae_find_leaves(writer->ops, iova, pgsize, writer->prot,
				  leaves)) {
		leaves->next = NULL;
		leaves->end = NULL;
	}
	writer->first = leaves->next;
}

/*
 * Up to the end of the table at hand; returns how many bytes. Past its start no
 * larger page fits what lies in it.
 */
static size_t write_leaves(struct arm_lpae_writer *writer, phys_addr_t phys,
			   size_t size)
{
	struct arm_lpae_leaves *leaves = &writer->leaves;
	size_t room = leaves->end - leaves->next;
	u64 *next = leaves->next, *end;

	if (!room || phys & (BIT_ULL(leaves->shift) - 1))
		return 0;
	phys |= leaves->attr;
	end = next + min_t(size_t, room, size >> leaves->shift);
	/* What is there already, map_pages knows how to treat */
	for (; next != end && !READ_ONCE(*next); next++) {
		WRITE_ONCE(*next, phys);
		phys += 1ULL << leaves->shift;
	}
	size = (size_t)(next - leaves->next) << leaves->shift;
	leaves->next = next;
	return size;
}

/* The largest page that fits, or 0 */
static size_t pick_pgsize(unsigned long bitmap, unsigned long iova,
			  phys_addr_t phys, size_t size)
{
	unsigned long both = iova | phys;

	bitmap &= GENMASK(__fls(size), 0);
	if (both)
		bitmap &= GENMASK(__ffs(both), 0);
	return bitmap ? BIT(__fls(bitmap)) : 0;
}

/* By map_pages, up to the end of the table; that is at hand then */
static int map_piece(struct arm_lpae_writer *writer, unsigned long iova,
		     phys_addr_t phys, size_t size, size_t *mapped)
{
	const struct io_pgtable_cfg *cfg = writer->cfg;
	size_t pgsize = pick_pgsize(cfg->pgsize_bitmap, iova, phys, size);
	size_t span, done = 0;
	int ret;

	if (!pgsize)
		return -EINVAL;
	/* A table is as large as the smallest page, of entries of 8 bytes */
	span = pgsize << (__ffs(cfg->pgsize_bitmap) - 3);
	size = min_t(size_t, size, span - (iova & (span - 1)));
	size &= ~(pgsize - 1);
	if ((s64)(iova + size - 1) >> cfg->ias != writer->high)
		return -ERANGE;

	writer_sync(writer);
	ret = writer->ops->map_pages(writer->ops, iova, phys, pgsize,
				     size / pgsize, writer->prot, writer->gfp,
				     &done);
	*mapped += done;
	if (!ret)
		writer_find(writer, iova + done, pgsize, span);
	return ret;
}

/* @mapped is added to: what is mapped of the run, in bytes */
static int map_run(struct arm_lpae_writer *writer, unsigned long iova,
		   const struct iommu_run *run, size_t *mapped)
{
	size_t done = 0;
	int ret = 0;

	if ((run->phys | (run->phys + run->size - 1)) >> writer->cfg->oas)
		return -ERANGE;
	while (!ret) {
		done += write_leaves(writer, run->phys + done,
				     run->size - done);
		if (done == run->size)
			break;
		ret = map_piece(writer, iova + done, run->phys + done,
				run->size - done, &done);
	}
	*mapped += done;
	return ret;
}

/**
 * arm_lpae_map_runs - The map_runs operation of Arm page tables
 * @ops: The page table
 * @iova: Where the first run goes
 * @runs: The runs
 * @nr_runs: How many
 * @prot: IOMMU_READ and the like
 * @gfp: For tables
 * @mapped: Out: how many bytes are mapped
 *
 * Return: 0; -ENOMEM; -ERANGE beyond what the table translates, or to; -EEXIST
 * where something is mapped already; -EINVAL for what no entry can say.
 */
int arm_lpae_map_runs(struct io_pgtable_ops *ops, unsigned long iova,
		      const struct iommu_run *runs, unsigned int nr_runs,
		      int prot, gfp_t gfp, size_t *mapped)
{
	struct arm_lpae_writer writer = {
		.ops = ops,
		.cfg = &io_pgtable_ops_to_pgtable(ops)->cfg,
		.prot = prot,
		.gfp = gfp,
	};
	const struct iommu_run *end = runs + nr_runs;
	size_t done = 0;
	int ret = 0;

	writer.high = (s64)iova >> writer.cfg->ias;
	for (; runs != end && !ret; runs++)
		ret = map_run(&writer, iova + done, runs, &done);
	writer_sync(&writer);
	/* As in map_pages: before anything can make a walker come here */
	wmb();
	*mapped = done;
	return ret;
}
