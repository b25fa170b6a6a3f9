// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which IOVA is which memory: areas, the ranges where none may be, and the
 * domains that hold them.
 *
 * Every area is in every domain, and its memory is pinned from the first domain
 * on until the last one is gone. A change to the areas is made in each domain
 * under the write side of the map's rwsem, so that readers, and a domain about
 * to be filled, see all of it or nothing.
 */
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <uapi/linux/iommufd.h>

#include "iova_map.h"
#include "memory.h"

/**
 * struct iova_reserved - a range that no area may touch
 * @node: in iova_map.reserved; several owners may reserve the same IOVA
 * @owner: the device or HWPT that cannot use it
 */
struct iova_reserved {
	struct interval_tree_node node;
	const void *owner;
};

void iova_map_init(struct iova_map *map)
{
	init_rwsem(&map->rwsem);
	mt_init_flags(&map->areas, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&map->areas, &map->rwsem);
	map->reserved = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&map->hwpts);
	map->alignment = 1;
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

static int area_map(struct iova_area *area, struct iommu_domain *domain)
{
	int rc;

	rc = iommufd_memory_map(area->memory, area->offset, area_length(area),
				domain, area->iova, area->prot);
	if (rc)
		return rc;
	rc = iommu_sync_map(domain, area->iova, area_length(area));
	if (rc)
		iommu_unmap(domain, area->iova, area_length(area));
	return rc;
}

/* The domain forgets the area; the IOTLB may not before iommu_iotlb_sync() */
static void area_unmap(struct iova_area *area, struct iommu_domain *domain,
		       struct iommu_iotlb_gather *gather)
{
	size_t unmapped = iommu_unmap_fast(domain, area->iova,
					   area_length(area), gather);

	WARN_ON(unmapped != area_length(area));
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

/* Some area in the range, or NULL */
static struct iova_area *find_area(struct iova_map *map, unsigned long start,
				   unsigned long last)
{
	MA_STATE(mas, &map->areas, start, start);

	lockdep_assert_held(&map->rwsem);
	return mas_find(&mas, last);
}

static struct interval_tree_node *
find_reserved(struct iova_map *map, unsigned long start, unsigned long last)
{
	lockdep_assert_held(&map->rwsem);
	return interval_tree_iter_first(&map->reserved, start, last);
}

/* Put the area into the tree. Its range is empty, and its memory not in use. */
static int insert_area(struct iova_map *map, struct iova_area *area)
{
	MA_STATE(mas, &map->areas, area->iova, area->last);

	lockdep_assert_held_write(&map->rwsem);
	return mas_store_gfp(&mas, area, GFP_KERNEL_ACCOUNT);
}

static void erase_areas(struct iova_map *map, unsigned long start,
			unsigned long last)
{
	MA_STATE(mas, &map->areas, start, last);

	lockdep_assert_held_write(&map->rwsem);
	/* To empty a range can take a tree node; unmap must not fail by that */
	mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
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
		rc = area_map(area, hwpt->domain);
		if (rc)
			goto out_unmap;
	}
	return 0;

out_unmap:
	list_for_each_entry_continue_reverse(hwpt, &map->hwpts, item)
		iommu_unmap(hwpt->domain, area->iova, area_length(area));
	area_unpin(area);
	return rc;
}

/*
 * Look for @length free bytes between @start and @last at an address that is
 * @phase beyond a multiple of @alignment.
 */
static int find_free(struct iova_map *map, unsigned long start,
		     unsigned long last, unsigned long length,
		     unsigned long alignment, unsigned long phase,
		     unsigned long *iova)
{
	while (start <= last && last - start >= length - 1) {
		MA_STATE(mas, &map->areas, 0, 0);
		struct interval_tree_node *reserved;
		struct iova_area *area;
		unsigned long at, end;

		if (mas_empty_area(&mas, start, last, length))
			break;
		at = mas.index + ((phase - mas.index) & (alignment - 1));
		if (at < mas.index ||
		    check_add_overflow(at, length - 1, &end) || end > last)
			break;

		reserved = find_reserved(map, at, end);
		if (reserved) {
			start = reserved->last + 1;
			if (!start)
				break;
			continue;
		}
		area = find_area(map, at, end);
		if (!area) {
			*iova = at;
			return 0;
		}
		start = area->last + 1;
		if (!start)
			break;
	}
	return -ENOSPC;
}

/*
 * An IOVA that agrees with the memory's address modulo a huge page lets the
 * huge page be one page-table entry; where there is no such room, any will do.
 */
static int find_free_phased(struct iova_map *map, unsigned long start,
			    unsigned long last, unsigned long length,
			    unsigned long va, unsigned long *iova)
{
	static const unsigned long huge[] = { PUD_SIZE, PMD_SIZE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(huge); i++) {
		if (length >= huge[i] &&
		    !find_free(map, start, last, length, huge[i], va, iova))
			return 0;
	}
	return find_free(map, start, last, length, PAGE_SIZE, 0, iova);
}

static int choose_iova(struct iova_map *map, unsigned long length,
		       unsigned long va, unsigned long *iova)
{
	u32 i;

	/* IOVA 0 is left alone: to too much software it means none */
	if (!map->nr_allowed)
		return find_free_phased(map, PAGE_SIZE, ULONG_MAX, length, va,
					iova);

	for (i = 0; i < map->nr_allowed; i++) {
		if (!find_free_phased(map, map->allowed[i].start,
				      map->allowed[i].last, length, va, iova))
			return 0;
	}
	return -ENOSPC;
}

static int place_area(struct iova_map *map, struct iova_area *area,
		      unsigned long length, bool fixed)
{
	int rc;

	if (!IS_ALIGNED(length | area->offset, map->alignment))
		return -EINVAL;
	if (!fixed) {
		rc = choose_iova(map, length, area->memory->va + area->offset,
				 &area->iova);
		if (rc)
			return rc;
	}
	area->last = area->iova + length - 1;
	if (!fixed)
		return 0;

	if (!IS_ALIGNED(area->iova, map->alignment))
		return -EINVAL;
	if (find_reserved(map, area->iova, area->last))
		return -EINVAL;
	if (find_area(map, area->iova, area->last))
		return -EADDRINUSE;
	return 0;
}

/**
 * iova_map_add - Show a range of a memory at an IOVA
 * @map: map
 * @memory: memory; the area takes a reference of its own
 * @offset: where the range begins in it, in bytes
 * @iova: the IOVA, chosen here unless @fixed
 * @length: the range's length in bytes; the end does not overflow
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @fixed: @iova is not ours to choose
 *
 * Return: 0; -EINVAL where an address or the length is not aligned or the IOVA
 * is reserved; -EADDRINUSE where an area is; -ENOSPC where there is no room to
 * choose; what pinning or the IOMMU driver said; -EINTR.
 */
int iova_map_add(struct iova_map *map, struct iommufd_memory *memory,
		 unsigned long offset, unsigned long *iova,
		 unsigned long length, int prot, bool fixed)
{
	struct iova_area *area;
	int rc;

	area = kmalloc(sizeof(*area), GFP_KERNEL_ACCOUNT);
	if (!area)
		return -ENOMEM;
	area->memory = memory;
	area->iova = *iova;
	area->offset = offset;
	area->prot = prot;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		goto out_free;
	rc = place_area(map, area, length, fixed);
	if (rc)
		goto out_unlock;
	rc = insert_area(map, area);
	if (rc)
		goto out_unlock;
	rc = fill_area(map, area);
	if (rc)
		goto out_erase;
	iommufd_memory_get(memory);
	*iova = area->iova;
	up_write(&map->rwsem);
	return 0;

out_erase:
	erase_areas(map, area->iova, area->last);
out_unlock:
	up_write(&map->rwsem);
out_free:
	kfree(area);
	return rc;
}

/* Areas in the range must lie in it whole; how many bytes are they? */
static int measure_areas(struct iova_map *map, unsigned long start,
			 unsigned long last, unsigned long *length)
{
	MA_STATE(mas, &map->areas, start, start);
	struct iova_area *area;

	*length = 0;
	mas_for_each(&mas, area, last) {
		if (area->iova < start || area->last > last)
			return -ENOENT;
		*length += area_length(area);
	}
	return 0;
}

static void unmap_areas(struct iova_map *map, struct iova_map_hwpt *hwpt,
			unsigned long start, unsigned long last)
{
	MA_STATE(mas, &map->areas, start, start);
	struct iommu_iotlb_gather gather;
	struct iova_area *area;
	bool sync = false;

	iommu_iotlb_gather_init(&gather);
	mas_for_each(&mas, area, last) {
		area_unmap(area, hwpt->domain, &gather);
		sync = true;
		cond_resched();
	}
	/* Drivers do not expect to be asked to flush nothing */
	if (sync)
		iommu_iotlb_sync(hwpt->domain, &gather);
}

/*
 * Unpin and free areas that no domain holds any more. The tree still points at
 * them: the caller erases that at once.
 */
static void release_areas(struct iova_map *map, unsigned long start,
			  unsigned long last)
{
	MA_STATE(mas, &map->areas, start, start);
	struct iova_area *area;

	mas_for_each(&mas, area, last) {
		if (!list_empty(&map->hwpts))
			area_unpin(area);
		area_free(area);
		cond_resched();
	}
}

/**
 * iova_map_remove - Take the areas of a range away
 * @map: map
 * @iova: first IOVA of the range
 * @last: last IOVA of the range
 * @removed: how many bytes they were together
 *
 * When this returns no DMA reaches their memory through this map any more.
 *
 * Return: 0, -ENOENT with nothing changed where an area lies in the range only
 * in part, -EINTR.
 */
int iova_map_remove(struct iova_map *map, unsigned long iova,
		    unsigned long last, unsigned long *removed)
{
	struct iova_map_hwpt *hwpt;
	int rc;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = measure_areas(map, iova, last, removed);
	if (!rc && *removed) {
		list_for_each_entry(hwpt, &map->hwpts, item)
			unmap_areas(map, hwpt, iova, last);
		release_areas(map, iova, last);
		erase_areas(map, iova, last);
	}
	up_write(&map->rwsem);
	return rc;
}

/**
 * iova_map_reserve - Keep areas out of a range
 * @map: map
 * @start: first IOVA
 * @last: last IOVA
 * @owner: who takes it back
 *
 * Return: 0, -EADDRINUSE where an area is or may come by a promise made with
 * iova_map_allow(), -ENOMEM.
 */
int iova_map_reserve(struct iova_map *map, unsigned long start,
		     unsigned long last, const void *owner)
{
	struct iova_reserved *reserved;
	u32 i;

	lockdep_assert_held_write(&map->rwsem);

	if (find_area(map, start, last))
		return -EADDRINUSE;
	for (i = 0; i < map->nr_allowed; i++) {
		if (map->allowed[i].start <= last &&
		    map->allowed[i].last >= start)
			return -EADDRINUSE;
	}
	reserved = kzalloc(sizeof(*reserved), GFP_KERNEL_ACCOUNT);
	if (!reserved)
		return -ENOMEM;
	reserved->node.start = start;
	reserved->node.last = last;
	reserved->owner = owner;
	interval_tree_insert(&reserved->node, &map->reserved);
	return 0;
}

/**
 * iova_map_unreserve - Take back all that @owner has reserved
 * @map: map
 * @owner: the same as it was reserved with, or NULL for all
 */
void iova_map_unreserve(struct iova_map *map, const void *owner)
{
	struct interval_tree_node *node, *next;

	lockdep_assert_held_write(&map->rwsem);

	for (node = interval_tree_iter_first(&map->reserved, 0, ULONG_MAX);
	     node; node = next) {
		struct iova_reserved *reserved =
			container_of(node, struct iova_reserved, node);

		next = interval_tree_iter_next(node, 0, ULONG_MAX);
		if (owner && reserved->owner != owner)
			continue;
		interval_tree_remove(node, &map->reserved);
		kfree(reserved);
	}
}

static int compare_ranges(const void *a, const void *b)
{
	const struct iommu_iova_range *left = a, *right = b;

	if (left->start == right->start)
		return 0;
	return left->start < right->start ? -1 : 1;
}

/**
 * iova_map_allow - Promise that ranges stay free of reserved ones
 * @map: map
 * @ranges: the ranges, from kmalloc(); replaced as a whole, and taken over on
 *	success
 * @nr_ranges: how many; 0 ends the promise
 *
 * Return: 0, -EINVAL where a range is none or two overlap, -EADDRINUSE where
 * one is reserved already, -EINTR.
 */
int iova_map_allow(struct iova_map *map, struct iommu_iova_range *ranges,
		   u32 nr_ranges)
{
	int rc;
	u32 i;

	sort(ranges, nr_ranges, sizeof(*ranges), compare_ranges, NULL);
	for (i = 0; i < nr_ranges; i++) {
		if (ranges[i].start > ranges[i].last)
			return -EINVAL;
		if (i && ranges[i].start <= ranges[i - 1].last)
			return -EINVAL;
	}

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	for (i = 0; i < nr_ranges; i++) {
		if (find_reserved(map, ranges[i].start, ranges[i].last)) {
			up_write(&map->rwsem);
			return -EADDRINUSE;
		}
	}
	swap(map->allowed, ranges);
	map->nr_allowed = nr_ranges;
	up_write(&map->rwsem);
	kvfree(ranges);
	return 0;
}

/**
 * iova_map_next_usable - Walk the ranges that are not reserved
 * @map: map
 * @from: where to begin
 * @start: first IOVA of the first such range at or after @from
 * @last: its last IOVA
 *
 * Return: false where there is none.
 */
bool iova_map_next_usable(struct iova_map *map, unsigned long from,
			  unsigned long *start, unsigned long *last)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&map->rwsem);

	/* Reserved ranges may overlap: come out at the end of them all */
	while ((node = interval_tree_iter_first(&map->reserved, from, from))) {
		if (node->last == ULONG_MAX)
			return false;
		from = node->last + 1;
	}
	*start = from;
	node = interval_tree_iter_first(&map->reserved, from, ULONG_MAX);
	*last = node ? node->start - 1 : ULONG_MAX;
	return true;
}

/* What the domain cannot translate is reserved by it, and its page size kept */
static int fit_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt)
{
	MA_STATE(mas, &map->areas, 0, 0);
	struct iommu_domain_geometry *geometry = &hwpt->domain->geometry;
	unsigned long alignment = 1UL << __ffs(hwpt->domain->pgsize_bitmap);
	struct iova_area *area;
	int rc;

	/* Memory is contiguous by CPU pages only */
	if (alignment > PAGE_SIZE)
		return -EINVAL;
	mas_for_each(&mas, area, ULONG_MAX) {
		if (!area_is_aligned(area, alignment))
			return -EADDRINUSE;
	}
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

static void update_alignment(struct iova_map *map)
{
	struct iova_map_hwpt *hwpt;

	map->alignment = 1;
	list_for_each_entry(hwpt, &map->hwpts, item)
		map->alignment = max(map->alignment,
				     1UL << __ffs(hwpt->domain->pgsize_bitmap));
}

static int fill_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt)
{
	MA_STATE(mas, &map->areas, 0, 0);
	bool pin = list_empty(&map->hwpts);
	struct iova_area *area;
	unsigned long done = 0;
	int rc;

	mas_for_each(&mas, area, ULONG_MAX) {
		done = area->iova;
		rc = pin ? area_pin(area) : 0;
		if (rc)
			goto out_undo;
		rc = area_map(area, hwpt->domain);
		if (rc) {
			if (pin)
				area_unpin(area);
			goto out_undo;
		}
	}
	return 0;

out_undo:
	if (!done)
		return rc;
	unmap_areas(map, hwpt, 0, done - 1);
	mas_set(&mas, 0);
	mas_for_each(&mas, area, done - 1) {
		if (pin)
			area_unpin(area);
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
	rc = fit_hwpt(map, hwpt);
	if (!rc)
		rc = fill_hwpt(map, hwpt);
	if (!rc) {
		list_add_tail(&hwpt->item, &map->hwpts);
	} else {
		iova_map_unreserve(map, hwpt);
		update_alignment(map);
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
	MA_STATE(mas, &map->areas, 0, 0);
	struct iova_area *area;

	down_write(&map->rwsem);
	unmap_areas(map, hwpt, 0, ULONG_MAX);
	list_del(&hwpt->item);
	iova_map_unreserve(map, hwpt);
	update_alignment(map);
	if (list_empty(&map->hwpts)) {
		mas_for_each(&mas, area, ULONG_MAX)
			area_unpin(area);
	}
	up_write(&map->rwsem);
}

/* The IOAS goes: no HWPT, and nobody else, uses the map any more */
void iova_map_destroy(struct iova_map *map)
{
	WARN_ON(!list_empty(&map->hwpts));

	down_write(&map->rwsem);
	release_areas(map, 0, ULONG_MAX);
	__mt_destroy(&map->areas);
	iova_map_unreserve(map, NULL);
	up_write(&map->rwsem);
	kvfree(map->allowed);
}
