// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting areas: a container of type1 v1 lets a program unmap part of what it
 * mapped.
 *
 * A cut changes what we know, not what the hardware does: one area becomes two,
 * each with its own use of its share of the pages, and no page-table entry is
 * touched, so DMA to either half goes on. So no entry may reach across the cut.
 * IOMMU drivers cannot break a large entry into small ones while DMA
 * goes through it, so maps that are to be cut are filled by the CPU's pages, and
 * have areas of whole pages, as with IOMMU_OPTION_HUGE_PAGES set to 0.
 */
#include <linux/list.h>

#include "iova_map.h"

static unsigned long page_of(const struct iova_area *area, unsigned long iova)
{
	return (area->offset + (iova - area->iova)) >> PAGE_SHIFT;
}

/*
 * Exchange the area's one use of its pages for one of each half, which splits
 * the memory's spans there, too. Nothing is pinned by this, nor unpinned: the
 * pages are in use.
 */
static int part_pages(struct iova_area *area, unsigned long iova)
{
	struct iommufd_memory *memory = area->memory;
	unsigned long first = page_of(area, area->iova);
	unsigned long last = page_of(area, area->last);
	unsigned long end = page_of(area, iova - 1);
	int rc;

	rc = iommufd_memory_pin(memory, first, end);
	if (rc)
		return rc;
	rc = iommufd_memory_pin(memory, page_of(area, iova), last);
	if (rc) {
		iommufd_memory_unpin(memory, first, end);
		return rc;
	}
	iommufd_memory_unpin(memory, first, last);
	return 0;
}

/* Make @iova the first IOVA of an area, if it is in the middle of one */
static int cut_at(struct iova_map *map, unsigned long iova)
{
	struct iova_area *area = iova_map_find_area(map, iova, iova);
	struct iova_area *tail;
	LIST_HEAD(chain);
	int rc;

	lockdep_assert_held_write(&map->rwsem);

	if (!area || area->iova == iova)
		return 0;
	/* Its entries may be as large as it is */
	if (!map->smallest_pages || !IS_ALIGNED(iova, map->alignment))
		return -ENOENT;
	/* Which of the pins would be whose? */
	if (atomic_long_read(&area->pins))
		return -EBUSY;

	rc = iova_area_alloc(area->memory, area->offset + (iova - area->iova),
			     iova, area->last - iova + 1, area->prot, &chain);
	if (rc)
		return rc;
	/* Without an HWPT no area uses any pages */
	if (!list_empty(&map->hwpts)) {
		rc = part_pages(area, iova);
		if (rc) {
			iova_areas_free(&chain);
			return rc;
		}
	}
	tail = list_first_entry(&chain, struct iova_area, chain);
	area->last = iova - 1;
	area->leaving = false;
	iova_map_insert_area(map, tail);
	return 0;
}

static int try_cut(struct iova_map *map, unsigned long iova, unsigned long last)
{
	int rc;

	rc = down_write_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = cut_at(map, iova);
	if (!rc && last != ULONG_MAX)
		rc = cut_at(map, last + 1);
	up_write(&map->rwsem);
	return rc;
}

/**
 * iova_map_cut - Cut the areas that reach over an end of a range
 * @map: map
 * @iova: first IOVA of the range
 * @last: last IOVA of the range
 *
 * Afterwards each area is in the range or out of it, as a whole. DMA does not see
 * a difference. Accesses that have pages pinned in such areas are told to unpin
 * them, all of them, as if the area were to be removed.
 *
 * Return: 0; -ENOENT where an area cannot be cut, for the map has not been set to
 * the smallest pages, or has none that ends there; -EBUSY where accesses do not
 * unpin; -ENOMEM; -EINTR.
 */
int iova_map_cut(struct iova_map *map, unsigned long iova, unsigned long last)
{
	unsigned int round;
	int rc;

	for (round = 0;; round++) {
		rc = try_cut(map, iova, last);
		if (rc != -EBUSY || round == IOVA_EVICT_ROUNDS)
			break;
		rc = iova_map_evict(map, iova, last, round);
		if (rc)
			break;
	}
	/* Cut or not, the areas of the range can be pinned again */
	if (round)
		iova_map_readmit(map, iova, last);
	return rc;
}
