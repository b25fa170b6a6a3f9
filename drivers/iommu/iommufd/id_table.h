/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ids: small numbers from 1 on, each with a pointer.
 */
#ifndef __IOMMUFD_ID_TABLE_H
#define __IOMMUFD_ID_TABLE_H

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
 * A slot holds a pointer, NULL for an id that is taken but has nothing to show,
 * or, marked by its lowest bit, the next free id.
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
void *id_table_load(struct id_table *table, u32 id);
void id_table_store(struct id_table *table, u32 id, void *object);
void *id_table_find(struct id_table *table, unsigned long *id);

#endif /* __IOMMUFD_ID_TABLE_H */
