// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies by the CPU, between the memory of an IOAS and an in-kernel user of it.
 */
#include "lib/access_fixture.h"

/* Every edge: within a page, up to one, over one, over several. */
static void copy_both_ways(struct __test_metadata *_metadata, int fd, int access, __u8 *pages,
			   __u32 flags, __u64 iova, size_t length)
{
	const size_t offsets[] = { 0, 1, 511, PAGE - 32, PAGE - 1, PAGE, 3 * PAGE - 7 };
	const size_t lengths[] = { 1, 2, 32, 64, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE };
	__u8 *buffer = malloc(length);

	ASSERT_NE(NULL, buffer);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		for (size_t j = 0; j < sizeof(lengths) / sizeof(*lengths); j++) {
			size_t at = offsets[i], n = lengths[j];

			memory_fill(pages, length, i + j);
			memset(buffer, 0, length);
			ASSERT_OK(access_rw(fd, access, flags, iova + at, buffer, n));
			ASSERT_EQ(0, memcmp(pages + at, buffer, n));
			ASSERT_TRUE(memory_is_all(buffer + n, length - n, 0));

			memory_fill(buffer, length, 100 + i + j);
			ASSERT_OK(access_rw(fd, access, flags | RW_WRITE, iova + at, buffer, n));
			ASSERT_EQ(0, memcmp(pages + at, buffer, n));
			memory_fill(buffer, length, i + j);
			ASSERT_EQ(0, memcmp(pages, buffer, at));
			ASSERT_EQ(0, memcmp(pages + at + n, buffer + at + n, length - at - n));
		}
	}
	free(buffer);
}

#define COPY_BOTH_WAYS(flags) \
	copy_both_ways(_metadata, self->fd, self->access, self->pages, flags, AT, LENGTH)

TEST_F(access, copies_within_an_area)
{
	ASSERT_OK(map(0, NR_PAGES, AT));
	COPY_BOTH_WAYS(0);
	COPY_BOTH_WAYS(SLOW);
	EXPECT_PINNED(NR_PAGES, 0);
	EXPECT_REFS(0, NR_PAGES, variant->device);
}

TEST_F(access, copies_over_the_borders_of_areas)
{
	ASSERT_OK(map(0, 1, AT));
	ASSERT_OK(map(1, 2, AT + PAGE));
	ASSERT_OK(map(3, 1, AT + 3 * PAGE));
	ASSERT_OK(map(4, NR_PAGES - 4, AT + 4 * PAGE));
	COPY_BOTH_WAYS(0);
	COPY_BOTH_WAYS(SLOW);
	EXPECT_PINNED(NR_PAGES, 0);
}

/* Some of it pinned, some not. */
TEST_F(access, copies_what_is_pinned_in_part)
{
	__u32 id;

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(pin(AT + PAGE, PAGE, self->pages + PAGE, &id));
	ASSERT_OK(pin(AT + 3 * PAGE, 2 * PAGE, self->pages + 3 * PAGE, &id));
	ASSERT_OK(pin(AT + 6 * PAGE, PAGE, self->pages + 6 * PAGE, &id));
	COPY_BOTH_WAYS(0);
	COPY_BOTH_WAYS(SLOW);
}

TEST_F(access, copies_areas_that_are_not_whole_pages)
{
	__u8 buffer[100];
	int plain;
	__u32 ioas;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(access_create(self->fd, ioas, 0, &plain));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages + PAGE - 33, 50, AT + 7));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages + 5, 43, AT + 57));
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		memset(buffer, 0, sizeof(buffer));
		EXPECT_OK(access_rw(self->fd, plain, slow, AT + 7, buffer, 93));
		EXPECT_EQ(0, memcmp(buffer, self->pages + PAGE - 33, 50));
		EXPECT_EQ(0, memcmp(buffer + 50, self->pages + 5, 43));
		EXPECT_ERRNO(ENOENT, access_rw(self->fd, plain, slow, AT + 6, buffer, 2));
		EXPECT_ERRNO(ENOENT, access_rw(self->fd, plain, slow, AT + 7, buffer, 94));
	}
	close(plain);
}

TEST_F(access, copy_refuses_bad_arguments)
{
	__u8 *buffer = malloc(LENGTH);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	ASSERT_NE(NULL, buffer);
	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(map(5, 4, AT + 5 * PAGE));
	for (int bit = 1; bit < 32; bit++)
		if (1U << bit != SLOW && 1U << bit != MOCK_FLAGS_ACCESS_SYZ)
			EXPECT_ERRNO(EOPNOTSUPP, rw(1U << bit, AT, buffer, 1));
	EXPECT_ERRNO(EBADF, access_rw(self->fd, -1, 0, AT, buffer, 1));
	EXPECT_ERRNO(EBADFD, access_rw(self->fd, null, 0, AT, buffer, 1));
	EXPECT_ERRNO(ENOMEM, rw(0, AT, buffer, MAX_LENGTH + 1));
	for (int flags = 0; flags <= (SLOW | RW_WRITE); flags++) {
		if (flags & ~(SLOW | RW_WRITE))
			continue;
		EXPECT_ERRNO(EOVERFLOW, rw(flags, UINT64_MAX, buffer, 2));
		EXPECT_ERRNO(ENOENT, rw(flags, AT - 1, buffer, 2));
		EXPECT_ERRNO(ENOENT, rw(flags, AT + 4 * PAGE, buffer, 1));
		EXPECT_ERRNO(ENOENT, rw(flags, AT + 9 * PAGE - 1, buffer, 2));
		EXPECT_ERRNO(ENOENT, rw(flags, 0, buffer, 1));
		EXPECT_ERRNO(EFAULT, rw(flags, AT, NULL, 1));
	}
	EXPECT_ERRNO(ENOENT, rw(0, AT, buffer, 6 * PAGE));
	close(null);
	free(buffer);
}

/* Never touched, swapped to nowhere, and gone. */
TEST_F(access, copies_memory_as_it_is_there)
{
	__u8 *memory = memory_pages(4 * PAGE);
	__u8 buffer[64];

	ASSERT_NE(NULL, memory);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, 4 * PAGE, AT));
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		memset(buffer, 1, sizeof(buffer));
		EXPECT_OK(rw(slow, AT + PAGE - 32, buffer, sizeof(buffer)));
		EXPECT_TRUE(memory_is_all(buffer, sizeof(buffer), 0));
		memory_fill(buffer, sizeof(buffer), 5);
		EXPECT_OK(rw(slow | RW_WRITE, AT + 3 * PAGE - 32, buffer, sizeof(buffer)));
		EXPECT_TRUE(memory_is(memory + 3 * PAGE - 32, sizeof(buffer), 5));
		memset(memory + 3 * PAGE - 32, 0, sizeof(buffer));
		if (!variant->device)
			madvise(memory, 4 * PAGE, MADV_DONTNEED);
	}
	ASSERT_EQ(0, mprotect(memory, PAGE, PROT_READ));
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		EXPECT_OK(rw(slow, AT, buffer, sizeof(buffer)));
		/* To the IOMMU's user the pages are what they were. */
		EXPECT_ERRNO(variant->device ? 0 : EFAULT,
			     rw(slow | RW_WRITE, AT, buffer, sizeof(buffer)));
	}
	ASSERT_EQ(0, munmap(memory, 4 * PAGE));
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		EXPECT_ERRNO(variant->device ? 0 : EFAULT, rw(slow, AT, buffer, sizeof(buffer)));
		EXPECT_ERRNO(variant->device ? 0 : EFAULT,
			     rw(slow | RW_WRITE, AT, buffer, sizeof(buffer)));
	}
}

/* ---- Addresses for those who make them up ---- */

TEST_F(access, finds_an_area_by_its_number)
{
	__u64 first = 100ULL << 32, second = (PAGE + 4) << 32 | 1;
	__u64 iova = (2 * PAGE) << 32 | 0;
	__u8 byte = 0;
	__u32 id;

	ASSERT_OK(map(0, 2, AT));
	ASSERT_OK(map(4, 2, THERE));
	EXPECT_OK(rw(MOCK_FLAGS_ACCESS_SYZ, first, &byte, 1));
	EXPECT_EQ(self->pages[100], byte);
	EXPECT_OK(rw(MOCK_FLAGS_ACCESS_SYZ, second, &byte, 1));
	EXPECT_EQ(self->pages[5 * PAGE + 4], byte);
	EXPECT_ERRNO(ENOENT, rw(MOCK_FLAGS_ACCESS_SYZ, 2, &byte, 1));
	EXPECT_ERRNO(ENOENT, rw(MOCK_FLAGS_ACCESS_SYZ, iova, &byte, 1));
	EXPECT_OK(access_pin(self->fd, self->access, MOCK_FLAGS_ACCESS_SYZ, second, 1,
			     self->pages + 5 * PAGE + 4, &id));
	EXPECT_ERRNO(ENOENT, access_pin(self->fd, self->access, MOCK_FLAGS_ACCESS_SYZ, 2, 1, NULL,
					&id));
	ASSERT_OK(ioas_map(self->fd, self->ioas,
			   MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA | MOCK_FLAGS_ACCESS_SYZ,
			   self->pages + 8 * PAGE, PAGE, &iova));
	EXPECT_EQ(AT + 2 * PAGE, iova);
	iova = 3;
	EXPECT_ERRNO(EOPNOTSUPP, ioas_map(self->fd, self->ioas,
					  MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA |
					  MOCK_FLAGS_ACCESS_SYZ,
					  self->pages, PAGE, &iova));
}

TEST_HARNESS_MAIN
