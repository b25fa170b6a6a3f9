// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOVA is which memory: areas, and the domains that hold them.
 *
 * Every area is in every domain, and its memory is pinned from the first domain
 * on until the last one is gone. A change to the areas is made in each domain
 * under the write side of the map's rwsem, so that readers, and a domain about
 * to be filled, see all of it or nothing.
 */
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fail.h"
#include "iova_map.h"

void iova_map_init(struct iova_map *map)
{
	init_rwsem(&map->rwsem);
	map->areas = RB_ROOT;
	map->reserved = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&map->hwpts);
	map->alignment = 1;
	mutex_init(&map->access_lock);
	INIT_LIST_HEAD(&map->accesses);
}

static unsigned long area_length(const struct iova_area *area)
{
	return area->last - area->iova + 1;
}

static unsigned long area_first_page(const struct iova_area *area)
{
	return area->offset >> PAGE_SHIFT;
}

static unsigned long area_last_page(const struct iova_area *area)
{
	return (area->offset + area_length(area) - 1) >> PAGE_SHIFT;
}

static int area_pin(struct iova_area *area)
{
	return iommufd_memory_pin(area->memory, area_first_page(area),
				  area_last_page(area));
}

static void area_unpin(struct iova_area *area)
{
	iommufd_memory_unpin(area->memory, area_first_page(area),
			     area_last_page(area));
}

/* No DMA gets to the area through the domain when this returns */
static void area_unmap_now(struct iova_area *area, struct iommu_domain *domain)
{
	if (!iommufd_memory_unmap(area->memory, domain, area->iova,
				  area_length(area)))
		iommu_unmap(domain, area->iova, area_length(area));
}

static int area_map(struct iova_map *map, struct iova_area *area,
		    struct iommu_domain *domain)
{
	int rc;

	rc = iommufd_memory_map(area->memory, area->offset, area_length(area),
				domain, area->iova, area->prot,
				map->smallest_pages);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM :
	     iommu_sync_map(domain, area->iova, area_length(area));
	if (rc)
		area_unmap_now(area, domain);
	return rc;
}

/*
 * Take the area out of the domain; IOTLBs may have it until iommu_iotlb_sync().
 * This goes by the domain's largest page, across which no page-table entry
 * reaches, so that others can run in between. Returns true if there is something
 * to sync.
 */
static bool area_unmap(struct iova_area *area, struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather)
{
	unsigned long largest = 1UL << __fls(domain->pgsize_bitmap);
	unsigned long iova = area->iova, last;

	if (iommufd_memory_unmap(area->memory, domain, iova, area_length(area)))
		return false;
	while (true) {
		last = min(area->last, iova | (largest - 1));
		WARN_ON(iommu_unmap_fast(domain, iova, last - iova + 1,
					 gather) != last - iova + 1);
		if (last == area->last)
			break;
		cond_resched();
		iova = last + 1;
	}
	return true;
}

static void area_free(struct iova_area *area)
{
	iommufd_memory_put(area->memory);
	kfree(area);
}

static bool area_is_aligned(const struct iova_area *area,
			    unsigned long alignment)
{
	return IS_ALIGNED(area->iova | area_length(area) | area->offset,
			  alignment);
}

/* Pin the area's memory and map it in each domain, or do nothing */
static int fill_area(struct iova_map *map, struct iova_area *area)
{
	struct iova_map_hwpt *hwpt;
	int rc;

	lockdep_assert_held_write(&map->rwsem);

	if (list_empty(&map->hwpts))
		return 0;
	rc = area_pin(area);
	if (rc)
		return rc;
	list_for_each_entry(hwpt, &map->hwpts, item) {
		rc = area_map(map, area, hwpt->domain);
		if (rc)
			goto out_unmap;
	}
	return 0;

out_unmap:
	list_for_each_entry_continue_reverse(hwpt, &map->hwpts, item)
		area_unmap_now(area, hwpt->domain);
	area_unpin(area);
	return rc;
}

/**
 * iova_area_alloc - Make an area that is in no map yet
 * @memory: its memory; the area takes a reference of its own
 * @offset: where it begins in the memory, in bytes
 * @start: where it begins in the chain of areas that it is added to
 * @length: its length in bytes
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @chain: where it goes, behind those before it
 *
 * Return: 0 or -ENOMEM.
 */
int iova_area_alloc(struct iommufd_memory *memory, unsigned long offset,
		    unsigned long start, unsigned long length, int prot,
		    struct list_head *chain)
{
	struct iova_area *area;

	area = kmalloc(sizeof(*area), GFP_KERNEL_ACCOUNT);
	if (!area)
		return -ENOMEM;
	iommufd_memory_get(memory);
	area->memory = memory;
	area->iova = start;
	area->last = start + length - 1;
	area->offset = offset;
	area->prot = prot;
	atomic_long_set(&area->pins, 0);
	atomic_set(&area->kept, 0);
	area->leaving = false;
	list_add_tail(&area->chain, chain);
	return 0;
}

/* Give up areas that did not come into a map */
void iova_areas_free(struct list_head *chain)
{
	struct iova_area *area, *next;

	list_for_each_entry_safe(area, next, chain, chain)
		area_free(area);
	INIT_LIST_HEAD(chain);
}

static int place_chain(struct iova_map *map, struct list_head *chain,
		       unsigned long *iova, unsigned long length, bool fixed)
{
	struct iova_area *area;

	list_for_each_entry(area, chain, chain) {
		if (!area_is_aligned(area, map->alignment))
			return -EINVAL;
	}
	if (!fixed) {
		area = list_first_entry(chain, struct iova_area, chain);
		return iova_map_choose(map, length,
				       area->memory->start + area->offset, iova);
	}
	if (!IS_ALIGNED(*iova, map->alignment))
		return -EINVAL;
	if (iova_map_is_reserved(map, *iova, *iova + length - 1))
		return -EINVAL;
	if (!iova_map_is_free(map, *iova, *iova + length - 1))
		return -EEXIST;
	return 0;
}

static int enter_area(struct iova_map *map, struct iova_area *area,
		      unsigned long iova)
{
	int rc;

	area->iova += iova;
	area->last += iova;
	iova_map_insert_area(map, area);
	rc = fill_area(map, area);
	if (rc)
		iova_map_erase_area(map, area);
	return rc;
}

static void leave_area(struct iova_map *map, struct iova_area *area)
{
	struct iova_map_hwpt *hwpt;

	list_for_each_entry(hwpt, &map->hwpts, item)
		area_unmap_now(area, hwpt->domain);
	if (!list_empty(&map->hwpts))
		area_unpin(area);
	iova_map_erase_area(map, area);
}

static int enter_chain(struct iova_map *map, struct list_head *chain,
		       unsigned long iova)
{
	struct iova_area *area;
	int rc;

	list_for_each_entry(area, chain, chain) {
		rc = enter_area(map, area, iova);
		if (rc)
			goto out_leave;
		if (!list_is_last(&area->chain, chain))
			cond_resched();
	}
	return 0;

out_leave:
	list_for_each_entry_continue_reverse(area, chain, chain)
		leave_area(map, area);
	return rc;
}

/**
 * iova_map_add - Add a chain of areas, one after the other, at an IOVA
 * @map: map
 * @chain: the areas; they are the map's on success, and stay the caller's, only
 *	to be freed, on error
 * @iova: the IOVA, chosen here unless @fixed
 * @length: the chain's length in bytes; the end does not overflow
 * @fixed: @iova is not ours to choose
 *
 * Return: 0; -EINVAL where an address or the length is not aligned or the IOVA
 * is reserved; -EEXIST where an area is; -ENOSPC where there is no room to
 * choose; what pinning or the IOMMU driver said; -EINTR.
 */
int iova_map_add(struct iova_map *map, struct list_head *chain,
		 unsigned long *iova, unsigned long length, bool fixed)
{
	int rc;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM :
	     place_chain(map, chain, iova, length, fixed);
	if (!rc)
		rc = enter_chain(map, chain, *iova);
	up_write(&map->rwsem);
	return rc;
}

/**
 * iova_map_share - Make areas of the memory that a range of a map has
 * @map: map
 * @iova: first IOVA of the range
 * @length: its length in bytes; the end does not overflow
 * @prot: what the new areas permit
 * @chain: where they go, to be added to a map
 *
 * They share the memory: nothing is pinned, nor charged, for a second time.
 *
 * Return: 0; -ENOENT where something in the range is not mapped, -EPERM where
 * @prot permits to write to what devices may only read, -ENOMEM, -EINTR.
 */
int iova_map_share(struct iova_map *map, unsigned long iova,
		   unsigned long length, int prot, struct list_head *chain)
{
	unsigned long last = iova + length - 1;
	unsigned long next = iova;
	struct iova_area *area;
	int rc;

	rc = down_read_killable(&map->rwsem);
	if (rc)
		return rc;
	iova_map_for_each_area(map, area, iova, last) {
		unsigned long end = min(area->last, last);

		if (area->iova > next)
			break;
		rc = prot & IOMMU_WRITE && !area->memory->writable ? -EPERM :
			iova_area_alloc(area->memory,
					area->offset + (next - area->iova),
					next - iova, end - next + 1, prot,
					chain);
		if (rc)
			break;
		next = end + 1;
		if (end == last)
			break;
		cond_resched();
	}
	up_read(&map->rwsem);

	if (!rc && next != last + 1)
		rc = -ENOENT;
	if (rc)
		iova_areas_free(chain);
	return rc;
}

/* How many bytes are areas of the range? All must be in it as a whole. */
static int measure_areas(struct iova_map *map, unsigned long start,
			 unsigned long last, unsigned long *length)
{
	struct iova_area *area;

	*length = 0;
	iova_map_for_each_area(map, area, start, last) {
		if (area->iova < start || area->last > last)
			return -ENOENT;
		/* Two areas can be all of the 2^64 bytes */
		if (check_add_overflow(*length, area_length(area), length))
			*length = ULONG_MAX;
		if (area->last == last)
			break;
		cond_resched();
	}
	return 0;
}

static void unmap_areas(struct iova_map *map, struct iova_map_hwpt *hwpt,
			unsigned long start, unsigned long last)
{
	struct iommu_iotlb_gather gather;
	struct iova_area *area;
	bool sync = false;

	iommu_iotlb_gather_init(&gather);
	iova_map_for_each_area(map, area, start, last) {
		sync |= area_unmap(area, hwpt->domain, &gather);
		if (area->last == last)
			break;
		cond_resched();
	}
	/* Drivers do not expect to be asked to flush nothing */
	if (sync)
		iommu_iotlb_sync(hwpt->domain, &gather);
}

/* Remove areas that no domain holds any more */
static void release_areas(struct iova_map *map, unsigned long start,
			  unsigned long last)
{
	struct iova_area *area, *next;

	for (area = iova_map_find_area(map, start, last);
	     area && area->iova <= last; area = next) {
		next = iova_map_erase_area(map, area);
		if (!list_empty(&map->hwpts))
			area_unpin(area);
		area_free(area);
		if (next)
			cond_resched();
	}
}

/* Remove the areas of the range, unless an access has pinned some of it */
static int try_remove(struct iova_map *map, unsigned long iova,
		      unsigned long last, unsigned long *removed)
{
	struct iova_map_hwpt *hwpt;
	int rc;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM :
	     measure_areas(map, iova, last, removed);
	if (!rc && iova_map_is_pinned(map, iova, last))
		rc = -EBUSY;
	if (!rc && *removed) {
		list_for_each_entry(hwpt, &map->hwpts, item)
			unmap_areas(map, hwpt, iova, last);
		release_areas(map, iova, last);
	}
	up_write(&map->rwsem);
	return rc;
}

/**
 * iova_map_remove - Remove the areas of a range
 * @map: map
 * @iova: first IOVA of the range
 * @last: last IOVA of the range
 * @removed: how many bytes they were together
 *
 * When this returns no DMA reaches their memory through this map any more.
 * Accesses that have pages pinned there are told to unpin them.
 *
 * Return: 0, or with nothing changed: -ENOENT where an area lies in the range
 * only in part, -EBUSY where accesses do not unpin, -EINTR.
 */
int iova_map_remove(struct iova_map *map, unsigned long iova,
		    unsigned long last, unsigned long *removed)
{
	unsigned int round;
	int rc;

	for (round = 0;; round++) {
		rc = try_remove(map, iova, last, removed);
		if (rc != -EBUSY || round == IOVA_EVICT_ROUNDS)
			break;
		rc = iova_map_evict(map, iova, last, round);
		if (rc)
			break;
	}
	if (rc && round)
		iova_map_readmit(map, iova, last);
	return rc;
}

/**
 * iova_map_is_aligned - Do all areas keep to a granule?
 * @map: map
 * @alignment: what IOVAs, lengths and places in memory are to be multiples of
 */
bool iova_map_is_aligned(struct iova_map *map, unsigned long alignment)
{
	struct iova_area *area;

	iova_map_for_each_area(map, area, 0, ULONG_MAX) {
		if (!area_is_aligned(area, alignment))
			return false;
		cond_resched();
	}
	return true;
}

static int set_smallest_pages(struct iova_map *map, bool smallest)
{
	lockdep_assert_held_write(&map->rwsem);

	if (map->smallest_pages == smallest)
		return 0;
	/* What domains hold stays as it was mapped */
	if (!list_empty(&map->hwpts) && iova_map_find_area(map, 0, ULONG_MAX))
		return -EBUSY;
	if (smallest && !iova_map_is_aligned(map, PAGE_SIZE))
		return -EADDRINUSE;
	map->smallest_pages = smallest;
	iova_map_update_alignment(map);
	return 0;
}

/**
 * iova_map_set_smallest_pages - Choose which pages domains use
 * @map: map
 * @smallest: those of the CPU's only, not those that fit best
 *
 * Return: 0; -EBUSY where a domain holds areas already; -EADDRINUSE where an
 * area begins or ends within a page; -EINTR.
 */
int iova_map_set_smallest_pages(struct iova_map *map, bool smallest)
{
	int rc;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = set_smallest_pages(map, smallest);
	up_write(&map->rwsem);
	return rc;
}

/**
 * iova_map_measure - Tell how much a map holds
 * @map: map
 * @usage: filled
 *
 * Return: 0 or -EINTR.
 */
int iova_map_measure(struct iova_map *map, struct iova_map_usage *usage)
{
	struct iova_area *area;
	int rc;

	*usage = (struct iova_map_usage){};
	rc = down_read_killable(&map->rwsem);
	if (rc)
		return rc;
	usage->alignment = map->alignment;
	iova_map_for_each_area(map, area, 0, ULONG_MAX) {
		usage->areas++;
		usage->bytes += area_length(area);
		if (!list_empty(&map->hwpts))
			iommufd_memory_measure(area->memory,
					       area_first_page(area),
					       area_last_page(area),
					       &usage->memory);
		cond_resched();
	}
	up_read(&map->rwsem);
	return 0;
}

/* Reserve what the domain cannot translate, and keep to its smallest page */
static int fit_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt)
{
	struct iommu_domain_geometry *geometry = &hwpt->domain->geometry;
	unsigned long alignment = 1UL << __ffs(hwpt->domain->pgsize_bitmap);
	int rc;

	/* Memory is contiguous by CPU pages only */
	if (alignment > PAGE_SIZE)
		return -EINVAL;
	if (!iova_map_is_aligned(map, alignment))
		return -EADDRINUSE;
	if (geometry->aperture_start) {
		rc = iova_map_reserve(map, 0, geometry->aperture_start - 1,
				      hwpt);
		if (rc)
			return rc;
	}
	if (geometry->aperture_end != ULONG_MAX) {
		rc = iova_map_reserve(map, geometry->aperture_end + 1,
				      ULONG_MAX, hwpt);
		if (rc)
			return rc;
	}
	map->alignment = max(map->alignment, alignment);
	return 0;
}

/* What all HWPTs and accesses of the map agree to */
void iova_map_update_alignment(struct iova_map *map)
{
	struct iova_map_access *access;
	struct iova_map_hwpt *hwpt;

	lockdep_assert_held_write(&map->rwsem);

	map->alignment = map->smallest_pages ? PAGE_SIZE : 1;
	list_for_each_entry(access, &map->accesses, item) {
		if (access->needs_pin_pages)
			map->alignment = PAGE_SIZE;
	}
	list_for_each_entry(hwpt, &map->hwpts, item)
		map->alignment = max(map->alignment,
				     1UL << __ffs(hwpt->domain->pgsize_bitmap));
}

static int fill_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt)
{
	bool pin = list_empty(&map->hwpts);
	struct iova_area *area;
	unsigned long done = 0;
	int rc;

	iova_map_for_each_area(map, area, 0, ULONG_MAX) {
		done = area->iova;
		rc = pin ? area_pin(area) : 0;
		if (rc)
			goto out_undo;
		rc = area_map(map, area, hwpt->domain);
		if (rc) {
			if (pin)
				area_unpin(area);
			goto out_undo;
		}
		cond_resched();
	}
	return 0;

out_undo:
	if (!done)
		return rc;
	unmap_areas(map, hwpt, 0, done - 1);
	iova_map_for_each_area(map, area, 0, done - 1) {
		if (pin)
			area_unpin(area);
		cond_resched();
	}
	return rc;
}

/**
 * iova_map_add_hwpt - Let one more domain hold the map
 * @map: map
 * @hwpt: the HWPT, with a domain that holds nothing yet
 *
 * Return: 0; -EADDRINUSE where areas lie outside what the domain can translate
 * or are not aligned to its pages; -EINVAL where its pages are larger than the
 * CPU's; what pinning or the IOMMU driver said. The domain is empty then.
 */
int iova_map_add_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt)
{
	int rc;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM : fit_hwpt(map, hwpt);
	if (!rc)
		rc = fill_hwpt(map, hwpt);
	if (!rc) {
		list_add_tail(&hwpt->item, &map->hwpts);
	} else {
		iova_map_unreserve(map, hwpt);
		iova_map_update_alignment(map);
	}
	up_write(&map->rwsem);
	return rc;
}

/**
 * iova_map_remove_hwpt - Empty a domain and let it go
 * @map: map
 * @hwpt: HWPT, to which no device is attached any more
 */
void iova_map_remove_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt)
{
	struct iova_area *area;

	down_write(&map->rwsem);
	unmap_areas(map, hwpt, 0, ULONG_MAX);
	list_del(&hwpt->item);
	iova_map_unreserve(map, hwpt);
	iova_map_update_alignment(map);
	if (list_empty(&map->hwpts)) {
		iova_map_for_each_area(map, area, 0, ULONG_MAX) {
			area_unpin(area);
			cond_resched();
		}
	}
	up_write(&map->rwsem);
}

/* The IOAS goes: no HWPT, and nobody else, uses the map any more */
void iova_map_destroy(struct iova_map *map)
{
	WARN_ON(!list_empty(&map->hwpts) || !list_empty(&map->accesses));

	down_write(&map->rwsem);
	release_areas(map, 0, ULONG_MAX);
	iova_map_unreserve(map, NULL);
	up_write(&map->rwsem);
	kvfree(map->allowed);
	mutex_destroy(&map->access_lock);
}
