// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned memory into a domain.
 */
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "memory_private.h"

/*
 * Mapping: physical runs in, as large as they can be made by joining extents
 * that touch, page-table entries out. @largest bounds what the driver is given
 * at once: it does not join what it is given one after the other.
 */
struct mapping {
	struct iommu_domain *domain;
	size_t largest;
	unsigned long iova;
	phys_addr_t phys;
	size_t size;
	int prot;
};

static int mapping_flush(struct mapping *mapping)
{
	size_t size;
	int rc;

	while (mapping->size) {
		if (fatal_signal_pending(current))
			return -EINTR;
		size = min(mapping->size, mapping->largest);
		rc = iommu_map_nosync(mapping->domain, mapping->iova,
				      mapping->phys, size, mapping->prot,
				      GFP_KERNEL_ACCOUNT);
		if (rc)
			return rc;
		mapping->iova += size;
		mapping->phys += size;
		mapping->size -= size;
	}
	return 0;
}

static int mapping_add(struct mapping *mapping, phys_addr_t phys, size_t size)
{
	int rc;

	if (mapping->size && mapping->phys + mapping->size == phys) {
		mapping->size += size;
		return 0;
	}
	rc = mapping_flush(mapping);
	if (rc)
		return rc;
	mapping->phys = phys;
	mapping->size = size;
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

/**
 * iommufd_memory_map - Put a range of the memory into a domain
 * @memory: the memory
 * @offset: where the range begins, in bytes
 * @length: its length, in bytes
 * @domain: where to
 * @iova: at which address
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @smallest_pages: by the domain's smallest pages only
 *
 * The range is pinned. The caller still has to call iommu_sync_map().
 *
 * Return: 0, or with nothing mapped what the driver said, or -EINTR.
 */
int iommufd_memory_map(struct iommufd_memory *memory, unsigned long offset,
		       unsigned long length, struct iommu_domain *domain,
		       unsigned long iova, int prot, bool smallest_pages)
{
	struct mapping mapping = {
		.domain = domain,
		.largest = smallest_pages ? 1UL << __ffs(domain->pgsize_bitmap) :
					    SIZE_MAX,
		.iova = iova,
		.prot = prot,
	};
	unsigned long end = offset + length;
	struct pinned_span *span;
	int rc = 0;

	mutex_lock(&memory->lock);
	if (memory->ops->map) {
		rc = memory->ops->map(memory, offset, length, domain, iova,
				      prot, smallest_pages);
		goto out_unlock;
	}
	for (span = memory_span_find(memory, offset >> PAGE_SHIFT);
	     span && span->first * PAGE_SIZE < end; span = memory_span_next(span)) {
		rc = mapping_add_span(&mapping, span, offset, end);
		if (rc)
			break;
		cond_resched();
	}
	if (!rc)
		rc = mapping_flush(&mapping);
out_unlock:
	mutex_unlock(&memory->lock);

	if (rc && mapping.iova != iova)
		iommu_unmap(domain, iova, mapping.iova - iova);
	return rc;
}
