// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where in an I/O address space an area may be: free, reserved and allowed
 * ranges.
 */
#include <linux/interval_tree.h>
#include <linux/overflow.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <uapi/linux/iommufd.h>

#include "iova_map.h"

/**
 * struct iova_reserved - a range that no area may touch
 * @node: in iova_map.reserved; several owners may reserve the same IOVA
 * @owner: the device or HWPT that cannot use it
 */
struct iova_reserved {
	struct interval_tree_node node;
	const void *owner;
};

static struct interval_tree_node *
find_reserved(struct iova_map *map, unsigned long start, unsigned long last)
{
	lockdep_assert_held(&map->rwsem);
	return interval_tree_iter_first(&map->reserved, start, last);
}

/**
 * iova_map_is_reserved - Is any of a range reserved?
 * @map: map
 * @start: first IOVA of the range
 * @last: last IOVA of the range
 */
bool iova_map_is_reserved(struct iova_map *map, unsigned long start,
			  unsigned long last)
{
	return find_reserved(map, start, last);
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
		unsigned long free_start, free_last, at, end;
		struct interval_tree_node *reserved;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (!iova_map_next_free(map, start, length, &free_start,
					&free_last))
			break;
		at = free_start + ((phase - free_start) & (alignment - 1));
		if (at < free_start ||
		    check_add_overflow(at, length - 1, &end) || end > last)
			break;

		reserved = find_reserved(map, at, end);
		if (end > free_last) {
			start = free_last + 1;
		} else if (reserved) {
			start = reserved->last + 1;
		} else {
			*iova = at;
			return 0;
		}
		if (!start)
			break;
	}
	return -ENOSPC;
}

/*
 * An IOVA that agrees with the memory's address modulo a huge page lets the
 * huge page be one page-table entry; what is smaller is aligned as its length
 * is, for an IOMMU that has pages of that size. Where there is no such room, any
 * will do.
 */
static int find_free_phased(struct iova_map *map, unsigned long start,
			    unsigned long last, unsigned long length,
			    unsigned long va, unsigned long *iova)
{
	static const unsigned long huge[] = { PUD_SIZE, PMD_SIZE };
	unsigned long own = 1UL << __ffs(length);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(huge); i++) {
		if (length >= huge[i] &&
		    !find_free(map, start, last, length, huge[i], va, iova))
			return 0;
	}
	if (length < PMD_SIZE && own > PAGE_SIZE &&
	    !find_free(map, start, last, length, own, 0, iova))
		return 0;
	return find_free(map, start, last, length, PAGE_SIZE, 0, iova);
}

/**
 * iova_map_choose - Choose an IOVA
 * @map: map
 * @length: how many bytes
 * @va: address of the memory that is to be there
 * @iova: set to where there is room, in the allowed ranges if there are any
 *
 * Return: 0, -ENOSPC, or -EINTR when killed.
 */
int iova_map_choose(struct iova_map *map, unsigned long length,
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

	if (iova_map_find_area(map, start, last))
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
 * @ranges: the ranges, from kvmalloc(); they take the place of those before, and
 *	are the map's on success
 * @nr_ranges: how many; 0 ends the promise
 *
 * Return: 0, -EINVAL where a range ends before it starts or two overlap,
 * -EADDRINUSE where any of it is reserved already, -EINTR.
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

/* The first range at or after @from that is not reserved, if there is one */
static bool next_usable(struct iova_map *map, unsigned long from,
			struct iommu_iova_range *range)
{
	struct interval_tree_node *node;

	/* Reserved ranges may overlap: come out at the end of them all */
	while ((node = find_reserved(map, from, from))) {
		if (node->last == ULONG_MAX)
			return false;
		from = node->last + 1;
	}
	range->start = from;
	node = find_reserved(map, from, ULONG_MAX);
	range->last = node ? node->start - 1 : ULONG_MAX;
	return true;
}

/**
 * iova_map_usable - List the ranges that are not reserved
 * @map: map
 * @ranges: filled with as many as there is room for
 * @room: how many ranges there is room for
 *
 * Return: how many there are.
 */
u32 iova_map_usable(struct iova_map *map, struct iommu_iova_range *ranges,
		    u32 room)
{
	struct iommu_iova_range range;
	unsigned long from = 0;
	u32 count = 0;

	lockdep_assert_held(&map->rwsem);

	while (next_usable(map, from, &range)) {
		if (count < room)
			ranges[count] = range;
		count++;
		if (range.last == ULONG_MAX)
			break;
		from = range.last + 1;
	}
	return count;
}
