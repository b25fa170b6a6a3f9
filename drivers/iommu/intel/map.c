// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping and unmapping by the page table: what lies in one leaf table is written
 * or cleared with one walk to it, where the driver's own way is a walk from the
 * top for each run.
 *
 * As there, nobody else touches the IOVA range meanwhile. Tables above it may be
 * made by others at the same time.
 */
#include <linux/iommu.h>

#include "iommu.h"

#define LEAF_PAGES BIT(VTD_STRIDE_SHIFT)

/* Pages that a table of large pages maps, as one page of the next size would */
#define LARGE_LEAF_PAGES BIT(2 * VTD_STRIDE_SHIFT)

/**
 * struct leaf_writer - a table that runs are being written to
 * @domain: the domain
 * @attr: the bits that each entry gets beside the address
 * @prot: the same as DMA_PTE_READ, DMA_PTE_WRITE, DMA_PTE_SNP
 * @gfp: for page tables
 * @level: 1: the table is for pages of 4 KiB, 2: of 2 MiB
 * @first: the first entry written, which the unit may not see yet, or NULL where
 *	there is no table at hand
 * @next: the entry that comes next
 */
struct leaf_writer {
	struct dmar_domain *domain;
	u64 attr;
	int prot;
	gfp_t gfp;
	int level;
	struct dma_pte *first;
	struct dma_pte *next;
};

/* A page's entry in a table of the level, or NULL where no such table covers it */
static struct dma_pte *find_leaf(struct dmar_domain *domain, u64 pfn, int level)
{
	/* Input address bits above the page offset that the upper tables take */
	int shift = (domain->agaw + 1) * VTD_STRIDE_SHIFT;
	int end = (level - 1) * VTD_STRIDE_SHIFT;
	struct dma_pte *pte = domain->pgd;

	for (; shift != end; shift -= VTD_STRIDE_SHIFT) {
		pte += (pfn >> shift) & ~VTD_STRIDE_MASK;
		if (!dma_pte_present(pte) || dma_pte_superpage(pte))
			return NULL;
		pte = phys_to_virt(dma_pte_addr(pte));
	}
	return pte + ((pfn >> end) & ~VTD_STRIDE_MASK);
}

/* Make what was written visible to the unit, and leave the table */
static void leaf_end(struct leaf_writer *leaf)
{
	if (leaf->first && !leaf->domain->iommu_coherency)
		clflush_cache_range(leaf->first,
				    (void *)leaf->next - (void *)leaf->first);
	leaf->first = NULL;
}

/* Is there a table of the level at hand? Its next entry is the one to write */
static bool leaf_ready(const struct leaf_writer *leaf, int level)
{
	return leaf->first && leaf->level == level;
}

static int leaf_begin(struct leaf_writer *leaf, u64 iov_pfn, int level)
{
	leaf_end(leaf);
	if (iov_pfn >> (leaf->domain->gaw - VTD_PAGE_SHIFT))
		return -EFAULT;
	leaf->level = level;
	leaf->first = find_leaf(leaf->domain, iov_pfn, level);
	if (!leaf->first)
		leaf->first = pfn_to_dma_pte(leaf->domain, iov_pfn, &level,
					     leaf->gfp);
	leaf->next = leaf->first;
	return leaf->first ? 0 : -ENOMEM;
}

/* Map by 4 KiB pages up to the end of a leaf table; @done is how many */
static int map_small(struct leaf_writer *leaf, u64 iov_pfn, u64 pfn,
		     unsigned long npages, unsigned long *done)
{
	u64 val = (pfn << VTD_PAGE_SHIFT) | leaf->attr;
	struct dma_pte *pte, *end;
	int ret;

	*done = 0;
	if (!leaf_ready(leaf, 1)) {
		ret = leaf_begin(leaf, iov_pfn, 1);
		if (ret)
			return ret;
	}
	end = leaf->next + min_t(unsigned long, npages,
				 LEAF_PAGES - (iov_pfn & ~VTD_STRIDE_MASK));
	for (pte = leaf->next; pte != end; pte++) {
		/* Mapped already: the caller's mistake, and not ours to undo */
		if (WARN_ON_ONCE(cmpxchg64_local(&pte->val, 0ULL, val)))
			break;
		val += VTD_PAGE_SIZE;
	}
	*done = pte - leaf->next;
	leaf->next = pte;
	if (pte != end)
		return -EEXIST;
	if (first_pte_in_page(pte))
		leaf_end(leaf);
	return 0;
}

/*
 * The driver's own way, for what larger pages than these fit, and where there is
 * something in the way, as a table that is empty; @done is how much may be mapped
 */
static int map_any(struct leaf_writer *leaf, u64 iov_pfn, u64 pfn,
		   unsigned long npages, unsigned long *done)
{
	leaf_end(leaf);
	*done = 0;
	if ((iov_pfn + npages - 1) >> (leaf->domain->gaw - VTD_PAGE_SHIFT))
		return -EFAULT;
	*done = npages;
	return __domain_mapping(leaf->domain, iov_pfn, pfn, npages, leaf->prot,
				leaf->gfp);
}

/* Map by 2 MiB pages up to the end of a table of these; @done is how much */
static int map_large(struct leaf_writer *leaf, u64 iov_pfn, u64 pfn,
		     unsigned long npages, unsigned long *done)
{
	u64 val = (pfn << VTD_PAGE_SHIFT) | leaf->attr | DMA_PTE_LARGE_PAGE;
	unsigned long room = LARGE_LEAF_PAGES -
			     (iov_pfn & (LARGE_LEAF_PAGES - 1));
	struct dma_pte *pte, *end;
	int ret;

	*done = 0;
	if (!leaf_ready(leaf, 2)) {
		ret = leaf_begin(leaf, iov_pfn, 2);
		if (ret)
			return ret;
	}
	end = leaf->next + min(npages, room) / LEAF_PAGES;
	for (pte = leaf->next; pte != end; pte++) {
		if (cmpxchg64_local(&pte->val, 0ULL, val))
			break;
		val += LEAF_PAGES << VTD_PAGE_SHIFT;
	}
	*done = (pte - leaf->next) * LEAF_PAGES;
	leaf->next = pte;
	if (!*done)
		return map_any(leaf, iov_pfn, pfn, LEAF_PAGES, done);
	if (first_pte_in_page(pte))
		leaf_end(leaf);
	return 0;
}

/*
 * One page more, as most runs of scattered memory are. Where that does not work,
 * map_run() finds out why.
 */
static bool map_next_page(struct leaf_writer *leaf, unsigned long iova,
			  const struct iommu_run *run)
{
	if (run->size != VTD_PAGE_SIZE ||
	    !IS_ALIGNED(iova | run->phys, VTD_PAGE_SIZE))
		return false;
	if (!leaf_ready(leaf, 1) && leaf_begin(leaf, iova >> VTD_PAGE_SHIFT, 1))
		return false;
	if (cmpxchg64_local(&leaf->next->val, 0ULL, run->phys | leaf->attr))
		return false;
	leaf->next++;
	if (first_pte_in_page(leaf->next))
		leaf_end(leaf);
	return true;
}

/* Map what can be mapped in one go, by pages as large as they can be */
static int map_piece(struct leaf_writer *leaf, u64 iov_pfn, u64 pfn,
		     unsigned long npages, unsigned long *done)
{
	int superpage = leaf->domain->iommu_superpage;
	u64 both = iov_pfn | pfn;

	if (!superpage || npages < LEAF_PAGES || both & (LEAF_PAGES - 1))
		return map_small(leaf, iov_pfn, pfn, npages, done);
	npages &= VTD_STRIDE_MASK;
	if (superpage > 1 && npages >= LARGE_LEAF_PAGES &&
	    !(both & (LARGE_LEAF_PAGES - 1)))
		return map_any(leaf, iov_pfn, pfn, npages, done);
	return map_large(leaf, iov_pfn, pfn, npages, done);
}

/* @mapped is added to: what is mapped, and on error what may be, in bytes */
static int map_run(struct leaf_writer *leaf, unsigned long iova,
		   const struct iommu_run *run, size_t *mapped)
{
	unsigned long npages = run->size >> VTD_PAGE_SHIFT;
	u64 iov_pfn = iova >> VTD_PAGE_SHIFT;
	u64 pfn = run->phys >> VTD_PAGE_SHIFT;
	unsigned long done;
	int ret = 0;

	if (!IS_ALIGNED(iova | run->phys | run->size, VTD_PAGE_SIZE))
		return -EINVAL;

	for (; npages && !ret; npages -= done, iov_pfn += done, pfn += done) {
		ret = map_piece(leaf, iov_pfn, pfn, npages, &done);
		*mapped += done << VTD_PAGE_SHIFT;
	}
	return ret;
}

/**
 * intel_iommu_map_runs - The driver's map_runs operation
 * @domain: The domain
 * @iova: Where the first run goes
 * @runs: The runs
 * @nr_runs: How many
 * @iommu_prot: IOMMU_READ and the like
 * @gfp: For page tables
 * @mapped: Out: how many bytes are mapped, and on error may be
 *
 * Return: 0; -ENOMEM; -EFAULT beyond what the domain translates; -EEXIST where
 * something is mapped already; -EINVAL for what no entry can say.
 */
int intel_iommu_map_runs(struct iommu_domain *domain, unsigned long iova,
			 const struct iommu_run *runs, unsigned int nr_runs,
			 int iommu_prot, gfp_t gfp, size_t *mapped)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	const struct iommu_run *end = runs + nr_runs;
	struct leaf_writer leaf = {
		.domain = dmar_domain,
		.gfp = gfp,
	};
	size_t done = 0;
	int ret = 0;

	leaf.prot = intel_dma_pte_prot(dmar_domain, iommu_prot);
	if (!(leaf.prot & (DMA_PTE_READ | DMA_PTE_WRITE)))
		return -EINVAL;
	leaf.attr = intel_dma_pte_attr(dmar_domain, leaf.prot);

	for (; runs != end && !ret; runs++) {
		if (map_next_page(&leaf, iova + done, runs))
			done += VTD_PAGE_SIZE;
		else
			ret = map_run(&leaf, iova + done, runs, &done);
	}
	leaf_end(&leaf);
	dmar_domain->max_addr = max_t(u64, dmar_domain->max_addr,
				      iova + done);
	*mapped = done;
	return ret;
}

/**
 * intel_iommu_unmap_small - Clear the entries of a range inside a leaf table
 * @domain: The domain
 * @start_pfn: First page of the range
 * @last_pfn: Last page of the range
 *
 * Most ranges that are unmapped are small. This is one walk for those that have
 * a leaf table and do not cover it, so that the table stays.
 *
 * Return: false, with nothing done, where the range is not such a one.
 */
bool intel_iommu_unmap_small(struct dmar_domain *domain,
			     unsigned long start_pfn, unsigned long last_pfn)
{
	struct dma_pte *first, *pte, *end;

	if ((start_pfn ^ last_pfn) & VTD_STRIDE_MASK ||
	    last_pfn - start_pfn == LEAF_PAGES - 1)
		return false;
	first = find_leaf(domain, start_pfn, 1);
	if (!first)
		return false;

	end = first + (last_pfn - start_pfn) + 1;
	for (pte = first; pte != end; pte++)
		dma_clear_pte(pte);
	if (!domain->iommu_coherency)
		clflush_cache_range(first, (void *)end - (void *)first);
	return true;
}
