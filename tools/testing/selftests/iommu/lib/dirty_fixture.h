/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the tests of dirty tracking on the mock. To be included once per
 * program, as testing.h is.
 */
#ifndef SELFTESTS_IOMMU_DIRTY_FIXTURE_H
#define SELFTESTS_IOMMU_DIRTY_FIXTURE_H

#include <sys/mman.h>

#include "dirty.h"
#include "mock.h"
#include "testing.h"

#define AT 0x40000000ULL
#define HALF ((__u64)MOCK_PAGE_SIZE)
#define NO_CLEAR IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR
#define TRACKING IOMMU_HWPT_ALLOC_DIRTY_TRACKING

#define NR_PAGES 64
#define LENGTH (NR_PAGES * PAGE)
#define NR_HALVES (2 * NR_PAGES)

/* A mock device on an HWPT that can track; @pages are at AT. */
FIXTURE(dirty)
{
	int fd;
	__u32 ioas, hwpt;
	struct mock mock;
	char *pages;
	/* Somewhere between two pages that nobody may touch. */
	__u8 *bitmap;
};

#define BITMAP (16 * PAGE)

static __u8 *guarded_bitmap(struct __test_metadata *_metadata)
{
	__u8 *at = mmap(NULL, BITMAP + 2 * PAGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, at);
	ASSERT_EQ(0, mprotect(at + PAGE, BITMAP, PROT_READ | PROT_WRITE));
	return at + PAGE;
}

FIXTURE_SETUP(dirty)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, self->ioas, TRACKING,
				   IOMMU_HWPT_DATA_NONE, NULL, 0, &self->hwpt));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->hwpt));
	self->pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->pages);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, LENGTH, AT));
	self->bitmap = guarded_bitmap(_metadata);
}

FIXTURE_TEARDOWN(dirty)
{
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	self->fd = open_iommufd(_metadata);
	EXPECT_OK(mock_check_refs(self->fd, self->bitmap, BITMAP, 0));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, LENGTH, 0));
	close(self->fd);
}

#define on() set_tracking(self->fd, self->hwpt, true)
#define off() set_tracking(self->fd, self->hwpt, false)
#define get(flags, iova, length, page_size, bitmap) \
	get_dirty(self->fd, self->hwpt, flags, iova, length, page_size, bitmap)
/* All of the pages, one bit for each half, into a bitmap that is zero before. */
#define get_all(flags) \
	(memset(self->bitmap, 0, BITMAP), get(flags, AT, LENGTH, HALF, self->bitmap))
#define write_half(nr) mock_write_at(self->fd, self->hwpt, AT + (nr) * HALF, HALF)

/* Read all: the halves named, and no others, are dirty. */
#define expect_dirty(flags, ...) do { \
	const int want[] = { __VA_ARGS__ }; \
	const size_t nr_ = ARRAY_SIZE(want); \
	ASSERT_OK(get_all(flags)); \
	EXPECT_EQ(nr_, count_bits(self->bitmap, BITMAP)); \
	for (size_t i_ = 0; i_ < nr_; i_++) { \
		EXPECT_TRUE(bit_is_set(self->bitmap, want[i_])) { \
			TH_LOG("half %d is not dirty", want[i_]); \
		} \
	} \
} while (0)

#define expect_clean() do { \
	ASSERT_OK(get_all(0)); \
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP)); \
} while (0)

#endif
