// SPDX-License-Identifier: GPL-2.0-only
/*
 * The areas of a map by IOVA: a red-black tree of areas that do not overlap, each
 * with the free bytes in front of it, and the most of those in the tree below it.
 *
 * Nothing here allocates: to take an area away, or to cut one, cannot fail. What
 * changes one place of an address space tends to change the place beside it next,
 * so the map remembers where it was changed last.
 */
#include <linux/rbtree_augmented.h>

#include "iova_map.h"

static struct iova_area *to_area(struct rb_node *node)
{
	return rb_entry_safe(node, struct iova_area, node);
}

#define area_own_gap(area) ((area)->gap)
RB_DECLARE_CALLBACKS_MAX(static, area_gaps, struct iova_area, node,
			 unsigned long, largest_gap, area_own_gap)

/* The first area that ends at @iova or behind it */
static struct iova_area *first_area(struct iova_map *map, unsigned long iova)
{
	struct rb_node *node = map->areas.rb_node;
	struct iova_area *area = map->recent;
	struct iova_area *found = NULL;

	if (area && area->iova <= iova && iova <= area->last)
		return area;
	while (node) {
		area = to_area(node);
		if (iova <= area->last) {
			found = area;
			if (iova >= area->iova)
				break;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/**
 * iova_map_find_area - Is there an area in a range?
 * @map: map
 * @start: first IOVA of the range
 * @last: last IOVA of the range
 *
 * Return: the first one that touches the range, or NULL.
 */
struct iova_area *iova_map_find_area(struct iova_map *map, unsigned long start,
				     unsigned long last)
{
	struct iova_area *area;

	lockdep_assert_held(&map->rwsem);
	area = first_area(map, start);
	return area && area->iova <= last ? area : NULL;
}

/**
 * iova_map_next_area - The area behind another, if it touches a range
 * @area: the other one
 * @last: last IOVA of the range
 *
 * Return: the area or NULL.
 */
struct iova_area *iova_map_next_area(struct iova_area *area, unsigned long last)
{
	/* Where the range ends here, nothing need be looked for */
	if (area->last >= last)
		return NULL;
	area = to_area(rb_next(&area->node));
	return area && area->iova <= last ? area : NULL;
}

/* Where in the tree an area goes, and the one that it goes in front of */
struct place {
	struct rb_node *parent;
	struct rb_node **link;
	struct iova_area *next;
	unsigned long gap_start;
};

/* In front of @area, whose gap holds the range */
static void place_in_gap(struct iova_area *area, struct place *place)
{
	place->next = area;
	place->gap_start = area->iova - area->gap;
	place->parent = &area->node;
	place->link = &area->node.rb_left;
	while (*place->link) {
		place->parent = *place->link;
		place->link = &place->parent->rb_right;
	}
}

static bool gap_holds(const struct iova_area *area, unsigned long start,
		      unsigned long last)
{
	return last < area->iova && area->iova - start <= area->gap;
}

/* Beside the place of the last change? */
static bool find_place_nearby(struct iova_map *map, unsigned long start,
			      unsigned long last, struct place *place)
{
	struct iova_area *area = map->recent;

	if (area && area->last < start)
		area = to_area(rb_next(&area->node));
	if (!area || !gap_holds(area, start, last))
		return false;
	place_in_gap(area, place);
	return true;
}

/* Find where a range goes that is free; false where it is not */
static bool find_place(struct iova_map *map, unsigned long start,
		       unsigned long last, struct place *place)
{
	struct rb_node **link, *node, *parent = NULL;
	struct iova_area *next = NULL;
	unsigned long gap_start = 0;

	if (find_place_nearby(map, start, last, place))
		return true;

	link = &map->areas.rb_node;
	while ((node = *link)) {
		struct iova_area *area = to_area(node);

		parent = node;
		if (last < area->iova) {
			next = area;
			link = &node->rb_left;
		} else if (start > area->last) {
			gap_start = area->last + 1;
			link = &node->rb_right;
		} else {
			return false;
		}
	}
	*place = (struct place){
		.parent = parent,
		.link = link,
		.next = next,
		.gap_start = gap_start,
	};
	return true;
}

/**
 * iova_map_is_free - Is a range free of areas?
 * @map: map
 * @start: first IOVA of the range
 * @last: last IOVA of the range
 *
 * To be asked before an area is put there.
 */
bool iova_map_is_free(struct iova_map *map, unsigned long start,
		      unsigned long last)
{
	struct place place;

	lockdep_assert_held_write(&map->rwsem);
	if (!find_place(map, start, last, &place))
		return false;
	/* The area comes into this one's gap */
	if (place.next)
		map->recent = place.next;
	return true;
}

static void set_gap(struct iova_area *area, unsigned long gap)
{
	area->gap = gap;
	area_gaps_propagate(&area->node, NULL);
}

/**
 * iova_map_insert_area - Put an area where nothing is
 * @map: map
 * @area: the area
 */
void iova_map_insert_area(struct iova_map *map, struct iova_area *area)
{
	struct place place;

	lockdep_assert_held_write(&map->rwsem);
	if (WARN_ON(!find_place(map, area->iova, area->last, &place)))
		return;
	rb_link_node(&area->node, place.parent, place.link);
	area->gap = area->iova - place.gap_start;
	area->largest_gap = 0;
	area_gaps_propagate(&area->node, NULL);
	rb_insert_augmented(&area->node, &map->areas, &area_gaps);
	if (place.next)
		set_gap(place.next, place.next->iova - area->last - 1);
	map->recent = area;
}

/**
 * iova_map_erase_area - Take an area away
 * @map: map
 * @area: the area
 *
 * Return: the one behind it, or NULL.
 */
struct iova_area *iova_map_erase_area(struct iova_map *map,
				      struct iova_area *area)
{
	struct iova_area *next = to_area(rb_next(&area->node));

	lockdep_assert_held_write(&map->rwsem);
	rb_erase_augmented(&area->node, &map->areas, &area_gaps);
	if (next)
		set_gap(next, next->gap + (area->last - area->iova) + 1 +
				      area->gap);
	map->recent = next;
	return next;
}

/* The first area in order, of those below @node, with a gap of @length bytes */
static struct iova_area *first_gap_below(struct rb_node *node,
					 unsigned long length)
{
	while (true) {
		struct iova_area *area = to_area(node);
		struct iova_area *left = to_area(node->rb_left);

		if (left && left->largest_gap >= length) {
			node = node->rb_left;
			continue;
		}
		if (area->gap >= length)
			return area;
		node = node->rb_right;
	}
}

/* The first area behind @area with a gap of @length bytes */
static struct iova_area *next_gap(struct iova_area *area, unsigned long length)
{
	struct rb_node *node = &area->node, *parent;

	while (true) {
		struct iova_area *right = to_area(node->rb_right);

		if (right && right->largest_gap >= length)
			return first_gap_below(node->rb_right, length);
		/* Up, to the first one that @node is on the left of */
		while ((parent = rb_parent(node)) && node == parent->rb_right)
			node = parent;
		if (!parent)
			return NULL;
		if (to_area(parent)->gap >= length)
			return to_area(parent);
		node = parent;
	}
}

/**
 * iova_map_next_free - Find the first free range that is large enough
 * @map: map
 * @start: where to begin; cut off from what is found
 * @length: how many bytes
 * @free_start: first IOVA of the range
 * @free_last: last IOVA of the range
 *
 * Return: false if there is none.
 */
bool iova_map_next_free(struct iova_map *map, unsigned long start,
			unsigned long length, unsigned long *free_start,
			unsigned long *free_last)
{
	struct iova_area *area;

	lockdep_assert_held(&map->rwsem);
	area = first_area(map, start);
	if (area && (area->iova <= start ||
		     area->iova - max(start, area->iova - area->gap) < length))
		area = next_gap(area, length);
	if (area) {
		*free_start = max(start, area->iova - area->gap);
		*free_last = area->iova - 1;
		return true;
	}

	/* Behind the last one */
	area = to_area(rb_last(&map->areas));
	if (area && area->last == ULONG_MAX)
		return false;
	*free_start = area ? max(start, area->last + 1) : start;
	*free_last = ULONG_MAX;
	return *free_last - *free_start >= length - 1;
}
