// SPDX-License-Identifier: GPL-2.0-only
/*
 * What in-kernel users do with a map: pin pages of its areas, copy from and to
 * them, and let go of an area that is to be removed.
 *
 * An area counts the pages of it that accesses have pinned. Before it is
 * removed the accesses are told to unpin, with no lock held that they need for
 * that, and no more of it is pinned meanwhile. No access may make that go on
 * forever, so it ends after some rounds.
 */
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "fail.h"
#include "iova_map.h"

/**
 * iova_map_add_access - Let one more access use the map
 * @map: map
 * @access: the access
 *
 * Return: 0; -EADDRINUSE where it pins pages and an area begins or ends within
 * one; -EINTR.
 */
int iova_map_add_access(struct iova_map *map, struct iova_map_access *access)
{
	int rc;

	rc = mutex_lock_killable(&map->access_lock);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM :
	     down_write_killable(&map->rwsem);
	if (rc)
		goto out_unlock;
	if (access->needs_pin_pages && !iova_map_is_aligned(map, PAGE_SIZE)) {
		rc = -EADDRINUSE;
	} else {
		list_add_tail(&access->item, &map->accesses);
		iova_map_update_alignment(map);
	}
	up_write(&map->rwsem);
out_unlock:
	mutex_unlock(&map->access_lock);
	return rc;
}

/**
 * iova_map_remove_access - Let an access go
 * @map: map
 * @access: the access, which has nothing pinned. When this returns its unmap is
 *	not running any more, nor called again.
 */
void iova_map_remove_access(struct iova_map *map,
			    struct iova_map_access *access)
{
	mutex_lock(&map->access_lock);
	down_write(&map->rwsem);
	list_del(&access->item);
	iova_map_update_alignment(map);
	up_write(&map->rwsem);
	mutex_unlock(&map->access_lock);
}

/* The first area in the range of which something is pinned, or NULL */
static struct iova_area *find_pinned(struct iova_map *map, unsigned long start,
				     unsigned long last)
{
	struct iova_area *area;

	lockdep_assert_held(&map->rwsem);

	if (list_empty(&map->accesses))
		return NULL;
	iova_map_for_each_area(map, area, start, last) {
		if (atomic_long_read(&area->pins))
			return area;
		cond_resched();
	}
	return NULL;
}

/**
 * iova_map_is_pinned - Have accesses pinned any of a range?
 * @map: map
 * @start: first IOVA of the range
 * @last: last IOVA of the range
 */
bool iova_map_is_pinned(struct iova_map *map, unsigned long start,
			unsigned long last)
{
	return find_pinned(map, start, last);
}

static void tell_unmap(struct iova_map *map, struct iova_map_access *only,
		       unsigned long iova, unsigned long last)
{
	struct iova_map_access *access;

	lockdep_assert_held(&map->access_lock);
	lockdep_assert_not_held(&map->rwsem);

	list_for_each_entry(access, &map->accesses, item) {
		if (access->unmap && (!only || access == only))
			access->unmap(access, iova, last - iova + 1);
	}
}

/* Has an access pinned some of the range that it will not unpin? */
static bool range_is_kept(struct iova_map *map, unsigned long start,
			  unsigned long last)
{
	struct iova_area *area;
	bool kept = false;

	down_read(&map->rwsem);
	iova_map_for_each_area(map, area, start, last) {
		kept = atomic_read(&area->kept);
		if (kept)
			break;
		cond_resched();
	}
	up_read(&map->rwsem);
	return kept;
}

/**
 * iova_map_evict - Tell all accesses to unpin what they have in a range
 * @map: map
 * @start: first IOVA of the range
 * @last: last IOVA of the range
 * @round: how often it was done before without success
 *
 * Until iova_map_readmit(), nothing more is pinned of the areas that are pinned.
 *
 * Return: 0, -EBUSY where an access keeps what it has pinned, or -EINTR.
 */
int iova_map_evict(struct iova_map *map, unsigned long start,
		   unsigned long last, unsigned int round)
{
	unsigned long iova, end;
	struct iova_area *area;
	int rc;

	if (!round && range_is_kept(map, start, last))
		return -EBUSY;
	/* Give an access time to note what it had pinned before the last round */
	if (round)
		usleep_range(1000 << (round - 1), 2000 << (round - 1));
	if (fatal_signal_pending(current))
		return -EINTR;

	mutex_lock(&map->access_lock);
	while (true) {
		rc = down_write_killable(&map->rwsem);
		if (rc)
			break;
		area = find_pinned(map, start, last);
		if (area) {
			area->leaving = true;
			iova = area->iova;
			end = area->last;
		}
		up_write(&map->rwsem);
		if (!area)
			break;
		tell_unmap(map, NULL, iova, end);
		if (end >= last)
			break;
		start = end + 1;
	}
	mutex_unlock(&map->access_lock);
	return rc;
}

/**
 * iova_map_evict_access - Tell one access to unpin all that it has
 * @map: map
 * @access: the access, which pins nothing meanwhile
 */
void iova_map_evict_access(struct iova_map *map, struct iova_map_access *access)
{
	unsigned long start = 0, iova, end;
	struct iova_area *area;

	mutex_lock(&map->access_lock);
	do {
		down_read(&map->rwsem);
		area = find_pinned(map, start, ULONG_MAX);
		if (area) {
			iova = area->iova;
			end = area->last;
		}
		up_read(&map->rwsem);
		if (!area)
			break;
		tell_unmap(map, access, iova, end);
		start = end + 1;
	} while (start);
	mutex_unlock(&map->access_lock);
}

/* The areas that iova_map_evict() was for stay: they can be pinned again */
void iova_map_readmit(struct iova_map *map, unsigned long start,
		      unsigned long last)
{
	struct iova_area *area;

	down_write(&map->rwsem);
	iova_map_for_each_area(map, area, start, last) {
		area->leaving = false;
		cond_resched();
	}
	up_write(&map->rwsem);
}

/* Index in the area's memory of the page that holds an IOVA */
static unsigned long first_page(const struct iova_area *area,
				unsigned long iova)
{
	return (area->offset + (iova - area->iova)) >> PAGE_SHIFT;
}

static int pin_part(struct iova_area *area, unsigned long iova,
		    unsigned long last, struct page **pages, int prot)
{
	unsigned long first_index = first_page(area, iova);
	unsigned long last_index = first_page(area, last);
	int rc;

	if (area->leaving)
		return -ENOENT;
	if ((area->prot & prot) != prot)
		return -EPERM;
	rc = iommufd_memory_pin_pages(area->memory, first_index, last_index,
				      pages);
	if (!rc)
		atomic_long_add(last_index - first_index + 1, &area->pins);
	return rc;
}

static void unpin_parts(struct iova_map *map, unsigned long iova,
			unsigned long last)
{
	struct iova_area *area;

	lockdep_assert_held(&map->rwsem);

	iova_map_for_each_area(map, area, iova, last) {
		unsigned long first_index =
			first_page(area, max(area->iova, iova));
		unsigned long last_index =
			first_page(area, min(area->last, last));

		iommufd_memory_unpin(area->memory, first_index, last_index);
		WARN_ON(atomic_long_sub_return(last_index - first_index + 1,
					       &area->pins) < 0);
	}
}

/**
 * iova_map_pin_pages - Pin the pages behind a range
 * @map: map
 * @iova: first IOVA of the range
 * @last: last IOVA of the range
 * @pages: filled with the pages that hold any of the range
 * @prot: IOMMU_READ, IOMMU_WRITE: what is to be done with them
 *
 * Return: 0, or with nothing pinned: -ENOENT where something in the range is
 * not mapped or being unmapped; -EPERM where an area does not permit @prot; what
 * iommufd_memory_pin_pages() said; -EINTR.
 */
int iova_map_pin_pages(struct iova_map *map, unsigned long iova,
		       unsigned long last, struct page **pages, int prot)
{
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
		rc = pin_part(area, next, end, pages, prot);
		if (rc)
			break;
		pages += first_page(area, end) - first_page(area, next) + 1;
		next = end + 1;
		if (end == last)
			break;
	}
	if (!rc && next != last + 1)
		rc = -ENOENT;
	if (rc && next != iova)
		unpin_parts(map, iova, next - 1);
	up_read(&map->rwsem);
	return rc;
}

/**
 * iova_map_unpin_pages - Unpin pages
 * @map: map
 * @iova: as they were pinned
 * @last: likewise
 */
void iova_map_unpin_pages(struct iova_map *map, unsigned long iova,
			  unsigned long last)
{
	down_read(&map->rwsem);
	unpin_parts(map, iova, last);
	up_read(&map->rwsem);
}

static void add_kept(struct iova_map *map, unsigned long iova,
		     unsigned long last, int count)
{
	struct iova_area *area;

	down_read(&map->rwsem);
	iova_map_for_each_area(map, area, iova, last)
		atomic_add(count, &area->kept);
	up_read(&map->rwsem);
}

/**
 * iova_map_keep - Do not let pinned pages go
 * @map: map
 * @iova: first IOVA of the range, which is pinned
 * @last: last IOVA of the range
 *
 * Nobody is asked to unpin them: removing the areas fails at once.
 */
void iova_map_keep(struct iova_map *map, unsigned long iova, unsigned long last)
{
	add_kept(map, iova, last, 1);
}

/**
 * iova_map_unkeep - Undo iova_map_keep(), before the pages are unpinned
 * @map: map
 * @iova: as it was kept
 * @last: likewise
 */
void iova_map_unkeep(struct iova_map *map, unsigned long iova,
		     unsigned long last)
{
	add_kept(map, iova, last, -1);
}

/**
 * iova_map_rw - Copy from or to a range
 * @map: map
 * @iova: first IOVA of the range
 * @last: last IOVA of the range
 * @data: the kernel's side
 * @flags: IOMMUFD_ACCESS_RW_*
 *
 * Return: 0; -ENOENT where something in the range is not mapped; -EPERM where an
 * area does not permit it; what iommufd_memory_rw() said; -EINTR. What lies
 * before in the range may be copied then.
 */
int iova_map_rw(struct iova_map *map, unsigned long iova, unsigned long last,
		void *data, unsigned int flags)
{
	int prot = flags & IOMMUFD_ACCESS_RW_WRITE ? IOMMU_WRITE : IOMMU_READ;
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
		rc = area->prot & prot ?
			iommufd_memory_rw(area->memory,
					  area->offset + (next - area->iova),
					  data, end - next + 1, flags) : -EPERM;
		if (rc)
			break;
		data += end - next + 1;
		next = end + 1;
		if (end == last)
			break;
	}
	up_read(&map->rwsem);

	return rc ?: next == last + 1 ? 0 : -ENOENT;
}
