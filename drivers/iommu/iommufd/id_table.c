// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ids: small numbers from 1 on, each with a pointer.
 *
 * An XArray does more than is needed here, look-ups without a lock and marks,
 * and takes more than a thousand instructions for an object's life: as much as
 * all the rest of an IOAS. Here an id is a place in a table that only grows, and
 * the id that was given up last is the next to be taken.
 */
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "id_table.h"

/* Ids are positive as an int, too */
#define ID_MAX_CHUNKS (INT_MAX / ID_CHUNK)

static u32 slot_next_free(const void *slot)
{
	return (unsigned long)slot >> 1;
}

void id_table_init(struct id_table *table)
{
	spin_lock_init(&table->lock);
}

/* No id has a pointer any more */
void id_table_destroy(struct id_table *table)
{
	u32 i;

	for (i = 0; i < table->nr_chunks; i++)
		kfree(table->chunks[i]);
	kvfree(table->chunks);
}

/* Put a chunk behind those there are, all its ids free */
static void add_chunk(struct id_table *table, void **chunk)
{
	u32 base = table->nr_chunks * ID_CHUNK;
	u32 i;

	lockdep_assert_held(&table->lock);
	table->chunks[table->nr_chunks++] = chunk;
	for (i = ID_CHUNK; i-- > 0;) {
		/* 0 is no id: what a user leaves out must not name anything */
		if (!(base + i))
			break;
		chunk[i] = free_slot(table->free);
		table->free = base + i;
	}
}

/* A larger array for the chunks takes over; returns the one to be freed */
static void ***add_room(struct id_table *table, void ***chunks, u32 room)
{
	void ***old = table->chunks;

	lockdep_assert_held(&table->lock);
	if (room <= table->room)
		return chunks;
	if (old)
		memcpy(chunks, old, table->nr_chunks * sizeof(*chunks));
	table->chunks = chunks;
	table->room = room;
	return old;
}

/* Make room for more ids; for more than needed if others do so meanwhile */
static int id_table_grow(struct id_table *table)
{
	void ***chunks = NULL;
	void **chunk;
	u32 room;

	room = READ_ONCE(table->nr_chunks);
	if (room >= ID_MAX_CHUNKS)
		return -ENOSPC;
	if (room == READ_ONCE(table->room)) {
		room = room ? room * 2 : 4;
		chunks = kvmalloc_array(room, sizeof(*chunks),
					GFP_KERNEL_ACCOUNT);
		if (!chunks)
			return -ENOMEM;
	}
	chunk = kcalloc(ID_CHUNK, sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk) {
		kvfree(chunks);
		return -ENOMEM;
	}
	spin_lock(&table->lock);
	if (chunks)
		chunks = add_room(table, chunks, room);
	if (table->nr_chunks < table->room) {
		add_chunk(table, chunk);
		chunk = NULL;
	}
	spin_unlock(&table->lock);
	kfree(chunk);
	kvfree(chunks);
	return 0;
}

/**
 * id_table_alloc - Take an id, with no pointer yet
 * @table: table
 * @id: set to the id
 *
 * Return: 0, -ENOMEM, or -ENOSPC where all are taken.
 */
int id_table_alloc(struct id_table *table, u32 *id)
{
	void **slot;
	int rc;

	spin_lock(&table->lock);
	while (!table->free) {
		spin_unlock(&table->lock);
		rc = id_table_grow(table);
		if (rc)
			return rc;
		spin_lock(&table->lock);
	}
	*id = table->free;
	slot = id_slot(table, *id);
	table->free = slot_next_free(*slot);
	*slot = NULL;
	table->used++;
	spin_unlock(&table->lock);
	return 0;
}

/**
 * id_table_free - Give an id back
 * @table: table
 * @id: the id, which is taken
 */
void id_table_free(struct id_table *table, u32 id)
{
	spin_lock(&table->lock);
	id_table_free_locked(table, id);
	spin_unlock(&table->lock);
}

/**
 * id_table_find - Find the first id, from one on, that has a pointer
 * @table: table, locked
 * @id: where to begin; set to the id that is found
 *
 * Return: its pointer, or NULL if there is none.
 */
void *id_table_find(struct id_table *table, unsigned long *id)
{
	unsigned long at, end = (unsigned long)table->nr_chunks * ID_CHUNK;
	void *object;

	for (at = *id; at < end; at++) {
		object = id_table_load(table, at);
		if (object) {
			*id = at;
			return object;
		}
	}
	return NULL;
}
