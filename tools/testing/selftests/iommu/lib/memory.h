/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for a device to work on: of pages small and large, with contents that
 * can be recognized, and what the kernel says it has pinned of it.
 */
#ifndef SELFTESTS_IOMMU_MEMORY_H
#define SELFTESTS_IOMMU_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define PAGE	4096UL
#define HUGE	(2UL << 20)

enum memory_kind {
	MEMORY_4K,
	MEMORY_THP,
	MEMORY_HUGETLB,
};

/*
 * Private anonymous memory, all there, of pages of that kind and no other; NULL
 * with the reason in @why if this machine has none at the moment.
 */
void *memory_alloc(enum memory_kind kind, size_t length, const char **why);
/* 4 KiB pages, which exist once they are used; NULL if there is none. */
void *memory_pages(size_t length);
/* The same, but shared with what is forked. */
void *memory_shared(size_t length);

/* Contents that tell the bytes, the pages and the seeds apart. */
void memory_fill(void *memory, size_t length, __u32 seed);
bool memory_is(const void *memory, size_t length, __u32 seed);
/* The same, but bytes may be 0 instead. */
bool memory_is_or_zero(const void *memory, size_t length, __u32 seed);
/* A memset() to look for. */
bool memory_is_all(const void *memory, size_t length, __u8 byte);

/*
 * VmPin of this process: bytes of memory that are pinned for devices. To be called
 * once before giving up rights that it takes to get to /proc.
 */
long memory_pinned(void);

#endif
