/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirty tracking as functions, and bits of bitmaps. The calls return 0 or
 * -errno, and leave a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_DIRTY_H
#define SELFTESTS_IOMMU_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* @data of that type, unless @len is 0. */
int hwpt_alloc_flags(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 type,
		     const void *data, __u32 len, __u32 *hwpt);
int set_tracking(int fd, __u32 hwpt, bool on);
int get_dirty(int fd, __u32 hwpt, __u32 flags, __u64 iova, __u64 length,
	      __u64 page_size, void *bitmap);
/* A mock device writes where the bitmap says; @hits: how many of its bits count. */
int mock_write(int fd, __u32 hwpt, __u64 iova, __u64 length, __u64 page_size,
	       const void *bitmap, __u64 *hits);
/* One write of one page of that size. */
int mock_write_at(int fd, __u32 hwpt, __u64 iova, __u64 page_size);

static inline bool bit_is_set(const void *bitmap, size_t nr)
{
	return ((const __u8 *)bitmap)[nr / 8] >> nr % 8 & 1;
}

static inline void set_bit(void *bitmap, size_t nr)
{
	((__u8 *)bitmap)[nr / 8] |= 1 << nr % 8;
}

/* How many bits are set in so many bytes? */
size_t count_bits(const void *bitmap, size_t bytes);

#endif
