/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which IOVA is which memory, and the domains that hold the same.
 */
#ifndef __IOMMUFD_IOVA_MAP_H
#define __IOMMUFD_IOVA_MAP_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>

#include "memory.h"

struct iommu_domain;
struct iommu_iova_range;
struct page;

/**
 * struct iova_map - the contents of an I/O address space
 * @rwsem: guards all below; held for writing while the areas, the ranges or the
 *	list of HWPTs change
 * @areas: struct iova_area by IOVA; see iova_tree.c
 * @recent: the area at or behind the place of the last change, or NULL
 * @reserved: struct iova_reserved; ranges that no area may touch
 * @allowed: ranges that stay free of reserved ones and that IOVAs are chosen
 *	from, in order; none: no such promise
 * @nr_allowed: number of @allowed
 * @hwpts: struct iova_map_hwpt; each holds each area
 * @alignment: what IOVAs, lengths and user addresses are multiples of: the
 *	largest of the HWPTs' smallest pages, a page with an access that pins
 *	pages or with @smallest_pages, 1 with none of these
 * @smallest_pages: each domain is to use nothing larger than the CPU's pages;
 *	does not change while one holds an area
 * @access_lock: outside of @rwsem; held while accesses are told to unpin, and
 *	while @accesses changes
 * @accesses: struct iova_map_access; guarded by both locks
 */
struct iova_map {
	struct rw_semaphore rwsem;
	struct rb_root areas;
	struct iova_area *recent;
	struct rb_root_cached reserved;
	struct iommu_iova_range *allowed;
	u32 nr_allowed;
	struct list_head hwpts;
	unsigned long alignment;
	bool smallest_pages;
	struct mutex access_lock; /* accesses are told to unpin */
	struct list_head accesses;
};

/**
 * struct iova_map_hwpt - the part of an HWPT that the map knows
 * @item: in the map's list, guarded by its rwsem
 * @domain: constant
 */
struct iova_map_hwpt {
	struct list_head item;
	struct iommu_domain *domain;
};

/**
 * struct iova_area - an IOVA range onto a range of a memory
 * @node: in iova_map.areas
 * @gap: free bytes between the area before it, or 0, and this one
 * @largest_gap: the largest @gap of it and of those below it in the tree
 * @memory: the memory, referenced
 * @iova: first IOVA
 * @last: last IOVA
 * @offset: what @iova is in the memory, in bytes
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @chain: its place among the areas that enter a map together
 * @pins: pages of it that accesses have pinned, each as often as it is. Changes
 *	under the map's rwsem, held for reading.
 * @kept: ranges of it that an access keeps; changes as @pins does
 * @leaving: accesses pin no more of it, for it is about to be removed; guarded
 *	by the map's rwsem
 *
 * Constant once in the map, but for what is of the tree and the last three, and
 * save that a cut moves @last. Its memory is pinned while the map has an HWPT.
 */
struct iova_area {
	struct rb_node node;
	unsigned long gap;
	unsigned long largest_gap;
	struct iommufd_memory *memory;
	unsigned long iova;
	unsigned long last;
	unsigned long offset;
	int prot;
	struct list_head chain;
	atomic_long_t pins;
	atomic_t kept;
	bool leaving;
};

/**
 * struct iova_map_access - an in-kernel user of a map
 * @item: in the map's list
 * @needs_pin_pages: it pins pages, so areas have to begin and end with pages
 * @unmap: asks it to unpin what it has pinned in the range. It may do so in
 *	this or later, and may have nothing there. NULL where it never pins, or
 *	keeps all that it pins
 */
struct iova_map_access {
	struct list_head item;
	bool needs_pin_pages;
	void (*unmap)(struct iova_map_access *access, unsigned long iova,
		      unsigned long length);
};

/**
 * struct iova_map_usage - what a map holds
 * @areas: areas
 * @bytes: bytes that they are together
 * @memory: what of their memory is pinned, counted once for each area
 * @alignment: as in struct iova_map
 */
struct iova_map_usage {
	unsigned long areas;
	unsigned long bytes;
	struct iommufd_memory_usage memory;
	unsigned long alignment;
};

void iova_map_init(struct iova_map *map);
void iova_map_destroy(struct iova_map *map);

int iova_area_alloc(struct iommufd_memory *memory, unsigned long offset,
		    unsigned long start, unsigned long length, int prot,
		    struct list_head *chain);
void iova_areas_free(struct list_head *chain);
int iova_map_add(struct iova_map *map, struct list_head *chain,
		 unsigned long *iova, unsigned long length, bool fixed);
int iova_map_share(struct iova_map *map, unsigned long iova,
		   unsigned long length, int prot, struct list_head *chain);
int iova_map_remove(struct iova_map *map, unsigned long iova,
		    unsigned long last, unsigned long *removed);

/* Is there an HWPT, so that what enters the map is pinned? That may change. */
static inline bool iova_map_has_hwpt(struct iova_map *map)
{
	return !list_empty(&map->hwpts);
}

int iova_map_set_smallest_pages(struct iova_map *map, bool smallest);
int iova_map_measure(struct iova_map *map, struct iova_map_usage *usage);

/* iova_tree.c */
struct iova_area *iova_map_find_area(struct iova_map *map, unsigned long start,
				     unsigned long last);
struct iova_area *iova_map_next_area(struct iova_area *area,
				     unsigned long last);
bool iova_map_is_free(struct iova_map *map, unsigned long start,
		      unsigned long last);
void iova_map_insert_area(struct iova_map *map, struct iova_area *area);
struct iova_area *iova_map_erase_area(struct iova_map *map,
				      struct iova_area *area);
bool iova_map_next_free(struct iova_map *map, unsigned long start,
			unsigned long length, unsigned long *free_start,
			unsigned long *free_last);

/* Each area that touches a range, in order */
#define iova_map_for_each_area(map, area, start, end)                        \
	for ((area) = iova_map_find_area(map, start, end); (area);           \
	     (area) = iova_map_next_area(area, end))

/* iova_cut.c */
int iova_map_cut(struct iova_map *map, unsigned long iova, unsigned long last);

/* iova_space.c */
int iova_map_choose(struct iova_map *map, unsigned long length,
		    unsigned long va, unsigned long *iova);
bool iova_map_is_reserved(struct iova_map *map, unsigned long start,
			  unsigned long last);
int iova_map_reserve(struct iova_map *map, unsigned long start,
		     unsigned long last, const void *owner);
void iova_map_unreserve(struct iova_map *map, const void *owner);
int iova_map_allow(struct iova_map *map, struct iommu_iova_range *ranges,
		   u32 nr_ranges);
u32 iova_map_usable(struct iova_map *map, struct iommu_iova_range *ranges,
		    u32 room);

int iova_map_add_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt);
void iova_map_remove_hwpt(struct iova_map *map, struct iova_map_hwpt *hwpt);
bool iova_map_is_aligned(struct iova_map *map, unsigned long alignment);
void iova_map_update_alignment(struct iova_map *map);

/* iova_access.c; how often accesses are asked to unpin before we give up */
#define IOVA_EVICT_ROUNDS 8

int iova_map_add_access(struct iova_map *map, struct iova_map_access *access);
void iova_map_remove_access(struct iova_map *map,
			    struct iova_map_access *access);
bool iova_map_is_pinned(struct iova_map *map, unsigned long start,
			unsigned long last);
int iova_map_evict(struct iova_map *map, unsigned long start,
		   unsigned long last, unsigned int round);
void iova_map_evict_access(struct iova_map *map,
			   struct iova_map_access *access);
void iova_map_readmit(struct iova_map *map, unsigned long start,
		      unsigned long last);
int iova_map_pin_pages(struct iova_map *map, unsigned long iova,
		       unsigned long last, struct page **pages, int prot);
void iova_map_unpin_pages(struct iova_map *map, unsigned long iova,
			  unsigned long last);
void iova_map_keep(struct iova_map *map, unsigned long iova,
		   unsigned long last);
void iova_map_unkeep(struct iova_map *map, unsigned long iova,
		     unsigned long last);
int iova_map_rw(struct iova_map *map, unsigned long iova, unsigned long last,
		void *data, unsigned int flags);

#endif /* __IOMMUFD_IOVA_MAP_H */
