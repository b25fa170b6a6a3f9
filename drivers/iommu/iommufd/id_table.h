/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ids: small numbers from 1 on, each with a pointer.
 */
#ifndef __IOMMUFD_ID_TABLE_H
#define __IOMMUFD_ID_TABLE_H

#include <linux/lockdep.h>
#include <linux/nospec.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Slots of one allocation: half a KiB */
#define ID_CHUNK 64

/**
 * struct id_table - pointers by id
 * @lock: guards all below; leaf, never slept under
 * @chunks: arrays of %ID_CHUNK slots
 * @nr_chunks: number of @chunks
 * @room: number of chunks that there is room for in @chunks
 * @used: ids that are taken
 * @free: the id to take next, 0: none; the others that are free are chained
 *	through their slots
 *
 * A slot holds a pointer, NULL for an id that is taken but has no pointer, or,
 * marked by its lowest bit, the next free id.
 */
struct id_table {
	spinlock_t lock; /* guards the table */
	void ***chunks;
	u32 nr_chunks;
	u32 room;
	u32 used;
	u32 free;
};

void id_table_init(struct id_table *table);
void id_table_destroy(struct id_table *table);
int id_table_alloc(struct id_table *table, u32 *id);
void id_table_free(struct id_table *table, u32 id);
void *id_table_find(struct id_table *table, unsigned long *id);

static inline bool id_slot_is_free(const void *slot)
{
	return (unsigned long)slot & 1;
}

/**
 * id_table_load - Look up the pointer of an id
 * @table: table, locked
 * @id: any number
 *
 * Return: the pointer, or NULL where the id has none or is not taken.
 */
static inline void *id_table_load(struct id_table *table, u32 id)
{
	u32 chunk = id / ID_CHUNK;
	void *slot;

	lockdep_assert_held(&table->lock);
	if (chunk >= table->nr_chunks)
		return NULL;
	chunk = array_index_nospec(chunk, table->nr_chunks);
	slot = table->chunks[chunk][id % ID_CHUNK];
	return id_slot_is_free(slot) ? NULL : slot;
}

static inline void *free_slot(u32 next)
{
	return (void *)(((unsigned long)next << 1) | 1);
}

/* The slot of an id that is in the table */
static inline void **id_slot(struct id_table *table, u32 id)
{
	lockdep_assert_held(&table->lock);
	return &table->chunks[id / ID_CHUNK][id % ID_CHUNK];
}

/**
 * id_table_free_locked - Give an id back
 * @table: table, locked
 * @id: the id, which is taken
 */
static inline void id_table_free_locked(struct id_table *table, u32 id)
{
	*id_slot(table, id) = free_slot(table->free);
	table->free = id;
	table->used--;
}

/**
 * id_table_store - Set the pointer of an id
 * @table: table, locked
 * @id: the id, which is taken
 * @object: pointer, or NULL for none
 */
static inline void id_table_store(struct id_table *table, u32 id, void *object)
{
	*id_slot(table, id) = object;
}

#endif /* __IOMMUFD_ID_TABLE_H */
