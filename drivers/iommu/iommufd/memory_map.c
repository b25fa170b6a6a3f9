// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping pinned memory in a domain.
 */
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "fail.h"
#include "memory_private.h"

/* Runs handed to the driver at once: a 4 KiB array, or a few on the stack */
#define MAPPING_RUNS	   (PAGE_SIZE / sizeof(struct iommu_run))
#define MAPPING_RUNS_STACK 4

/*
 * Mapping: physical runs in, as large as they can be made by joining extents
 * that touch, page-table entries out. @size is what @runs are together. The
 * array for many runs is made when a few do not suffice, if there is memory.
 */
struct mapping {
	struct iommu_domain *domain;
	bool smallest_pages;
	unsigned long iova;
	size_t size;
	int prot;
	unsigned int nr;
	unsigned int capacity;
	struct iommu_run *runs;
	struct iommu_run few[MAPPING_RUNS_STACK];
};

/*
 * Page by page, as the driver would make large entries of whole runs, but does
 * not join what comes in several calls. Runs are whole pages: iova_map.alignment.
 */
static int mapping_flush_pages(struct mapping *mapping)
{
	struct iommu_run *run = mapping->runs;
	size_t done;
	int rc;

	for (; run != mapping->runs + mapping->nr; run++) {
		for (done = 0; done != run->size; done += PAGE_SIZE) {
			if (fatal_signal_pending(current))
				return -EINTR;
			rc = iommu_map_nosync(mapping->domain, mapping->iova,
					      run->phys + done, PAGE_SIZE,
					      mapping->prot, GFP_KERNEL_ACCOUNT);
			if (rc)
				return rc;
			mapping->iova += PAGE_SIZE;
		}
	}
	return 0;
}

static int mapping_flush_runs(struct mapping *mapping)
{
	int rc;

	if (fatal_signal_pending(current))
		return -EINTR;
	rc = iommu_map_runs_nosync(mapping->domain, mapping->iova, mapping->runs,
				   mapping->nr, mapping->prot,
				   GFP_KERNEL_ACCOUNT);
	if (!rc)
		mapping->iova += mapping->size;
	return rc;
}

static int mapping_flush(struct mapping *mapping)
{
	int rc;

	if (iommufd_should_fail())
		rc = -ENOMEM;
	else if (mapping->smallest_pages)
		rc = mapping_flush_pages(mapping);
	else
		rc = mapping_flush_runs(mapping);
	mapping->size = 0;
	mapping->nr = 0;
	return rc;
}

/* Make room for one more run */
static int mapping_grow(struct mapping *mapping)
{
	struct iommu_run *many;

	if (mapping->runs == mapping->few) {
		many = kmalloc_array(MAPPING_RUNS, sizeof(*many),
				     GFP_KERNEL | __GFP_NOWARN);
		if (many) {
			memcpy(many, mapping->few, sizeof(mapping->few));
			mapping->runs = many;
			mapping->capacity = MAPPING_RUNS;
			return 0;
		}
	}
	return mapping_flush(mapping);
}

static int mapping_add(struct mapping *mapping, phys_addr_t phys, size_t size)
{
	struct iommu_run *end = &mapping->runs[mapping->nr];
	int rc;

	if (mapping->nr && end[-1].phys + end[-1].size == phys) {
		end[-1].size += size;
		mapping->size += size;
		return 0;
	}
	if (mapping->nr == mapping->capacity) {
		rc = mapping_grow(mapping);
		if (rc)
			return rc;
		end = &mapping->runs[mapping->nr];
	}
	end->phys = phys;
	end->size = size;
	mapping->nr++;
	mapping->size += size;
	return 0;
}

/* Add what of the span lies in bytes @offset to @end - 1 of its memory */
static int mapping_add_span(struct mapping *mapping, struct pinned_span *span,
			    unsigned long offset, unsigned long end)
{
	unsigned long start = span->first * PAGE_SIZE;
	unsigned int i;
	int rc;

	for (i = 0; i < span->nr && start < end; i++) {
		unsigned long size = extent_npages(span->extents[i]) * PAGE_SIZE;
		phys_addr_t phys = PFN_PHYS(extent_pfn(span->extents[i]));
		unsigned long skip = offset > start ? offset - start : 0;

		if (skip < size) {
			rc = mapping_add(mapping, phys + skip,
					 min(size, end - start) - skip);
			if (rc)
				return rc;
		}
		start += size;
	}
	return 0;
}

/* Where the range is part of one extent there is nothing to join */
static bool one_run(struct pinned_span *span, unsigned long offset,
		    unsigned long length, struct iommu_run *run)
{
	unsigned long skip;

	if (!span || span->nr != 1)
		return false;
	skip = offset - span->first * PAGE_SIZE;
	if (length > span->npages * PAGE_SIZE - skip)
		return false;
	run->phys = PFN_PHYS(extent_pfn(span->extents[0])) + skip;
	run->size = length;
	return true;
}

/* Map what @span and those after it have of the range. The memory is locked. */
static int map_spans(struct pinned_span *span, unsigned long offset,
		     unsigned long length, struct iommu_domain *domain,
		     unsigned long iova, int prot, bool smallest_pages)
{
	struct mapping mapping = {
		.domain = domain,
		.smallest_pages = smallest_pages,
		.iova = iova,
		.prot = prot,
		.capacity = MAPPING_RUNS_STACK,
	};
	unsigned long end = offset + length;
	int rc = 0;

	mapping.runs = mapping.few;
	for (; span && span->first * PAGE_SIZE < end;
	     span = memory_span_next(span)) {
		rc = mapping_add_span(&mapping, span, offset, end);
		if (rc)
			break;
		cond_resched();
	}
	if (!rc && mapping.nr)
		rc = mapping_flush(&mapping);
	if (mapping.runs != mapping.few)
		kfree(mapping.runs);
	if (rc && mapping.iova != iova)
		iommu_unmap(domain, iova, mapping.iova - iova);
	return rc;
}

/**
 * iommufd_memory_map - Put a range of the memory into a domain
 * @memory: the memory
 * @offset: where the range begins, in bytes
 * @length: its length, in bytes
 * @domain: where to
 * @iova: at which address
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @smallest_pages: by the CPU's pages, nothing larger
 *
 * The range is pinned. The caller still has to call iommu_sync_map().
 *
 * Return: 0, or with nothing mapped what the driver said, or -EINTR.
 */
int iommufd_memory_map(struct iommufd_memory *memory, unsigned long offset,
		       unsigned long length, struct iommu_domain *domain,
		       unsigned long iova, int prot, bool smallest_pages)
{
	struct pinned_span *span;
	struct iommu_run run;
	int rc;

	mutex_lock(&memory->lock);
	span = memory_span_find(memory, offset >> PAGE_SHIFT);
	if (iommufd_should_fail())
		rc = -ENOMEM;
	else if (memory->ops->map)
		rc = memory->ops->map(memory, offset, length, domain, iova,
				      prot, smallest_pages);
	else if (!smallest_pages && one_run(span, offset, length, &run))
		/* As many steps as otherwise: tests count them */
		rc = iommufd_should_fail() ? -ENOMEM :
		     iommu_map_runs_nosync(domain, iova, &run, 1, prot,
					   GFP_KERNEL_ACCOUNT);
	else
		rc = map_spans(span, offset, length, domain, iova, prot,
			       smallest_pages);
	mutex_unlock(&memory->lock);
	return rc;
}

/**
 * iommufd_memory_unmap - Take a range out of a domain the way its source wants
 * @memory: the memory
 * @domain: the domain
 * @iova: first IOVA of the range
 * @length: its length, in bytes
 *
 * Return: true if it is done, and no DMA gets there any more. False where the
 * source has no way of its own: then nothing is done, and the caller unmaps it.
 */
bool iommufd_memory_unmap(struct iommufd_memory *memory,
			  struct iommu_domain *domain, unsigned long iova,
			  unsigned long length)
{
	if (!memory->ops->unmap)
		return false;
	memory->ops->unmap(memory, domain, iova, length);
	return true;
}
