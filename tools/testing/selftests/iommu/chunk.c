// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arrays of the core that hold a part of what is being done, made so short that
 * everything crosses their edges; and areas that begin and end at every place of
 * IOMMU pages half as large as the CPU's.
 */
#include <sys/mman.h>

#include "lib/mock.h"
#include "lib/testing.h"

#define AT 0x40000000ULL
#define HALF ((__u64)MOCK_PAGE_SIZE)
#define NR_PAGES 6
#define NR_HALVES (2 * NR_PAGES)

FIXTURE(chunk)
{
	int fd;
	__u32 ioas;
	struct mock mock;
	int file;
	__u8 *memory;
	long pinned;
};

FIXTURE_VARIANT(chunk)
{
	__u32 limit;
	bool of_file;
};

FIXTURE_VARIANT_ADD(chunk, least) { .limit = 12 };
FIXTURE_VARIANT_ADD(chunk, two_items) { .limit = 16 };
FIXTURE_VARIANT_ADD(chunk, three_items) { .limit = 24 };
FIXTURE_VARIANT_ADD(chunk, least_of_file) { .limit = 12, .of_file = true };
FIXTURE_VARIANT_ADD(chunk, three_items_of_file) { .limit = 24, .of_file = true };
FIXTURE_VARIANT_ADD(chunk, unlimited) { .limit = UINT32_MAX };

/* Pages in an order that no two of them are neighbours in, so far as we can. */
FIXTURE_SETUP(chunk)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(mock_memory_limit(self->fd, variant->limit));
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	self->file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, NR_PAGES * PAGE));
	self->memory = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    self->file, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	for (size_t i = 0; i < NR_PAGES; i++)
		self->memory[(i * 5 + 3) % NR_PAGES * PAGE] = 1;
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(chunk)
{
	EXPECT_OK(mock_memory_limit(self->fd, UINT32_MAX));
	close(self->fd);
	EXPECT_EQ(self->pinned, memory_pinned());
}

static int map(FIXTURE_DATA(chunk) *self, const FIXTURE_VARIANT(chunk) *variant,
	       __u64 start, __u64 length, __u64 iova)
{
	if (variant->of_file)
		return ioas_map_file_at(self->fd, self->ioas, self->file, start, length, iova);
	return ioas_map_at(self->fd, self->ioas, self->memory + start, length, iova);
}

#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define check_map(hwpt, iova, start, length) \
	mock_check_map(self->fd, hwpt, iova, self->memory + (start), length)
#define check_refs(page, npages, refs) \
	mock_check_refs(self->fd, self->memory + (page) * PAGE, (npages) * PAGE, refs)

TEST_F(chunk, has_a_least_size)
{
	EXPECT_ERRNO(EINVAL, mock_memory_limit(self->fd, 0));
	EXPECT_ERRNO(EINVAL, mock_memory_limit(self->fd, 11));
	EXPECT_OK(mock_memory_limit(self->fd, 12));
}

/* Each range of halves of pages: pinned is each page that it touches. */
TEST_F(chunk, edges_can_be_anywhere)
{
	for (__u64 first = 0; first < NR_HALVES; first++) {
		for (__u64 last = first; last < NR_HALVES; last++) {
			__u64 start = first * HALF, length = (last - first + 1) * HALF;
			__u64 page = first / 2, npages = last / 2 - page + 1;

			ASSERT_OK(map(self, variant, start, length, AT));
			ASSERT_OK(check_map(self->mock.hwpt, AT, start, length));
			ASSERT_OK(check_refs(page, npages, 1));
			ASSERT_EQ(self->pinned + (long)(npages * PAGE), memory_pinned());
			ASSERT_OK(unmap(AT, length));
			ASSERT_ERRNO(EINVAL, check_map(self->mock.hwpt, AT, start, HALF));
			ASSERT_OK(check_refs(0, NR_PAGES, 0));
		}
	}
}

/* A copy that begins and ends within it outlives the area. */
TEST_F(chunk, edges_of_a_copy_can_be_anywhere)
{
	const __u64 to = AT + 64 * PAGE, all = NR_PAGES * PAGE;

	for (__u64 first = 0; first < NR_HALVES; first++) {
		for (__u64 last = first; last < NR_HALVES; last++) {
			__u64 start = first * HALF, length = (last - first + 1) * HALF;
			__u64 page = first / 2, end = last / 2 + 1;

			ASSERT_OK(map(self, variant, 0, all, AT));
			ASSERT_OK(ioas_copy_at(self->fd, self->ioas, self->ioas, AT + start,
					       length, to));
			ASSERT_OK(check_map(self->mock.hwpt, to, start, length));
			ASSERT_OK(check_refs(0, NR_PAGES, 1));
			ASSERT_OK(unmap(AT, all));
			ASSERT_OK(check_map(self->mock.hwpt, to, start, length));
			ASSERT_OK(check_refs(page, end - page, 1));
			if (page)
				ASSERT_OK(check_refs(0, page, 0));
			if (end < NR_PAGES)
				ASSERT_OK(check_refs(end, NR_PAGES - end, 0));
			ASSERT_OK(unmap(to, length));
			ASSERT_OK(check_refs(0, NR_PAGES, 0));
		}
	}
}

/* A second domain is filled from what is known, a first one from nothing. */
TEST_F(chunk, domains_come_and_go)
{
	const __u64 length = NR_PAGES * PAGE - PAGE;
	struct mock mock;
	__u32 hwpt;

	ASSERT_OK(map(self, variant, HALF, length, AT));
	ASSERT_OK(mock_hwpt_alloc(self->fd, self->mock.dev, self->ioas, 0, &hwpt));
	EXPECT_OK(check_map(hwpt, AT, HALF, length));
	EXPECT_OK(check_refs(0, NR_PAGES, 1));
	ASSERT_OK(destroy(self->fd, self->mock.id));
	EXPECT_OK(check_map(hwpt, AT, HALF, length));
	ASSERT_OK(destroy(self->fd, hwpt));
	EXPECT_OK(check_refs(0, NR_PAGES, 0));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_OK(check_map(mock.hwpt, AT, HALF, length));
	EXPECT_OK(check_refs(0, NR_PAGES, 1));
}

TEST_F(chunk, pinning_fails_as_a_whole)
{
	if (variant->of_file) {
		ASSERT_OK(destroy(self->fd, self->mock.id));
		ASSERT_OK(map(self, variant, 0, NR_PAGES * PAGE, AT));
		ASSERT_EQ(0, ftruncate(self->file, (NR_PAGES - 1) * PAGE));
		EXPECT_ERRNO(EFAULT, mock_attach(self->fd, self->ioas, &self->mock));
	} else {
		munmap(self->memory + (NR_PAGES - 1) * PAGE, PAGE);
		EXPECT_ERRNO(EFAULT, map(self, variant, 0, NR_PAGES * PAGE, AT));
	}
	EXPECT_OK(check_refs(0, NR_PAGES - 1, 0));
	EXPECT_EQ(self->pinned, memory_pinned());
}

TEST_HARNESS_MAIN
