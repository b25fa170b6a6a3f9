// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users of memory of files: what they pin, and what they copy, for which
 * the kernel pins it meanwhile. Each with and without an IOMMU that has the memory
 * pinned already.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "lib/access.h"
#include "lib/mock.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define THERE	0x50000000ULL
#define SOMEBODY 54323	/* a user */
/* More than the kernel pins at a time to copy it; and not at its edges. */
#define SIZE	(2 * HUGE)
#define LONG	(HUGE + 3 * PAGE)

#define PINS MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define WRITE MOCK_FLAGS_ACCESS_WRITE
#define RW_WRITE MOCK_ACCESS_RW_WRITE
#define SLOW MOCK_ACCESS_RW_SLOW_PATH

FIXTURE(access_file)
{
	int fd;
	__u32 ioas;
	int access;
	int file;
	__u8 *shown;
	__u8 *buffer;
	long pinned;
};

FIXTURE_VARIANT(access_file)
{
	unsigned int memfd;
	bool device;
};

FIXTURE_VARIANT_ADD(access_file, memfd) { };
FIXTURE_VARIANT_ADD(access_file, memfd_with_a_device) { .device = true };
FIXTURE_VARIANT_ADD(access_file, hugetlb) { .memfd = MFD_HUGETLB };
FIXTURE_VARIANT_ADD(access_file, hugetlb_with_a_device)
{
	.memfd = MFD_HUGETLB,
	.device = true,
};

FIXTURE_SETUP(access_file)
{
	struct mock mock;

	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	/* This asks the kernel for more huge pages where there are none. */
	if (variant->memfd & MFD_HUGETLB)
		munmap(alloc_memory(_metadata, MEMORY_HUGETLB, SIZE), SIZE);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->file = memfd_create("test", MFD_CLOEXEC | variant->memfd);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, SIZE));
	self->shown = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	ASSERT_NE(MAP_FAILED, self->shown);
	self->buffer = memory_pages(SIZE);
	ASSERT_NE(NULL, self->buffer);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
	if (variant->device)
		ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	ASSERT_OK(access_create(self->fd, self->ioas, PINS, &self->access));
}

FIXTURE_TEARDOWN(access_file)
{
	close(self->access);
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	EXPECT_EQ(self->pinned, memory_pinned());
}

#define map_file(start, length, iova) \
	ioas_map_file_at(self->fd, self->ioas, self->file, start, length, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define pin(iova, length, va, ids) \
	access_pin(self->fd, self->access, WRITE, iova, length, va, ids)
#define unpin(id) access_unpin(self->fd, self->access, id)
#define rw(flags, iova, data, length) \
	access_rw(self->fd, self->access, flags, iova, data, length)
#define EXPECT_PINNED(with_device, without) \
	EXPECT_EQ((long)(variant->device ? (with_device) : (without)), \
		  memory_pinned() - self->pinned)

/* ---- Copies ---- */

/* Every edge: within a page, up to one, over one, over many. */
TEST_F(access_file, copies)
{
	static const struct { size_t at, length; } parts[] = {
		{ 0, 1 }, { 1, 2 }, { PAGE - 1, 1 }, { PAGE - 1, 2 }, { 7, PAGE },
		{ 3 * PAGE, 2 * PAGE }, { HUGE - 5, 10 }, { SIZE - 1, 1 },
		{ PAGE - 9, LONG }, { 0, SIZE },
	};

	ASSERT_OK(map_file(0, SIZE, AT));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		size_t at = parts[i].at, n = parts[i].length;
		__u32 slow = i % 2 ? SLOW : 0;

		memory_fill(self->shown, SIZE, i);
		memset(self->buffer, 0xee, SIZE);
		ASSERT_OK(rw(slow, AT + at, self->buffer, n));
		EXPECT_EQ(0, memcmp(self->buffer, self->shown + at, n));
		EXPECT_TRUE(memory_is_all(self->buffer + n, SIZE - n, 0xee));

		memory_fill(self->buffer, n, 100 + i);
		ASSERT_OK(rw(slow | RW_WRITE, AT + at, self->buffer, n));
		EXPECT_TRUE(memory_is(self->shown + at, n, 100 + i));
		memory_fill(self->buffer, SIZE, i);
		EXPECT_EQ(0, memcmp(self->shown, self->buffer, at));
		EXPECT_EQ(0, memcmp(self->shown + at + n, self->buffer + at + n, SIZE - at - n));
		EXPECT_PINNED(SIZE, 0);
	}
}

/* Areas that begin and end anywhere in the file, which have no IOMMU then. */
TEST_F(access_file, copies_areas_that_are_not_whole_pages)
{
	__u8 buffer[100];
	__u32 ioas;
	int plain;

	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(access_create(self->fd, ioas, 0, &plain));
	ASSERT_OK(ioas_map_file_at(self->fd, ioas, self->file, PAGE - 33, 50, AT + 7));
	ASSERT_OK(ioas_map_file_at(self->fd, ioas, self->file, SIZE - 43, 43, AT + 57));
	EXPECT_OK(access_rw(self->fd, plain, 0, AT + 7, buffer, 93));
	EXPECT_EQ(0, memcmp(buffer, self->shown + PAGE - 33, 50));
	EXPECT_EQ(0, memcmp(buffer + 50, self->shown + SIZE - 43, 43));
	EXPECT_ERRNO(ENOENT, access_rw(self->fd, plain, 0, AT + 6, buffer, 2));
	EXPECT_ERRNO(ENOENT, access_rw(self->fd, plain, 0, AT + 7, buffer, 94));
	memset(buffer, 0x5a, sizeof(buffer));
	EXPECT_OK(access_rw(self->fd, plain, RW_WRITE, AT + 56, buffer, 2));
	EXPECT_TRUE(memory_is_all(self->shown + PAGE + 16, 1, 0x5a));
	EXPECT_TRUE(memory_is_all(self->shown + SIZE - 43, 1, 0x5a));
	EXPECT_FALSE(memory_is_all(self->shown + PAGE + 15, 1, 0x5a));
	EXPECT_FALSE(memory_is_all(self->shown + SIZE - 42, 1, 0x5a));
	close(plain);
}

/* Nobody has touched it before. */
TEST_F(access_file, fills_holes)
{
	ASSERT_OK(map_file(0, SIZE, AT));
	memset(self->buffer, 1, SIZE);
	EXPECT_OK(rw(0, AT + 5, self->buffer, PAGE));
	EXPECT_TRUE(memory_is_all(self->buffer, PAGE, 0));
	memset(self->buffer, 0x77, PAGE);
	EXPECT_OK(rw(RW_WRITE, AT + HUGE - 5, self->buffer, 10));
	EXPECT_TRUE(memory_is_all(self->shown, HUGE - 5, 0));
	EXPECT_TRUE(memory_is_all(self->shown + HUGE - 5, 10, 0x77));
	EXPECT_TRUE(memory_is_all(self->shown + HUGE + 5, HUGE - 5, 0));
}

TEST_F(access_file, reaches_only_what_the_area_permits)
{
	__u64 ro = AT, wo = THERE;
	char name[64];
	__u8 byte = 0;
	int file;
	__u32 id;

	memory_fill(self->shown, SIZE, 1);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", self->file);
	file = open(name, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA, file,
				0, PAGE, &ro));
	close(file);
	ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_WO | IOMMU_IOAS_MAP_FIXED_IOVA,
				self->file, PAGE, PAGE, &wo));
	EXPECT_ERRNO(EPERM, rw(RW_WRITE, ro, &byte, 1));
	EXPECT_ERRNO(EPERM, pin(ro, PAGE, NULL, &id));
	EXPECT_ERRNO(EPERM, rw(0, wo, &byte, 1));
	EXPECT_ERRNO(EPERM, access_pin(self->fd, self->access, 0, wo, PAGE, NULL, &id));
	EXPECT_TRUE(memory_is(self->shown, SIZE, 1));

	EXPECT_OK(rw(0, ro, &byte, 1));
	EXPECT_EQ(self->shown[0], byte);
	EXPECT_OK(access_pin(self->fd, self->access, 0, ro, PAGE, self->shown, &id));
	byte = ~self->shown[PAGE];
	EXPECT_OK(rw(RW_WRITE, wo, &byte, 1));
	EXPECT_EQ(byte, self->shown[PAGE]);
	EXPECT_OK(pin(wo, PAGE, self->shown + PAGE, &id));
}

/* By a user of whom there is nothing else, and who may pin one page. */
TEST_F(access_file, copies_no_more_at_a_time_than_may_be_pinned)
{
	const struct rlimit limit = { PAGE, PAGE };
	int too_much = variant->device ? ENOENT : ENOMEM;
	__u32 id;

	memory_fill(self->shown, 2 * PAGE, 1);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, setgid(SOMEBODY));
	ASSERT_EQ(0, setuid(SOMEBODY));
	EXPECT_ERRNO(variant->device ? ENOMEM : 0, map_file(0, 2 * PAGE, AT));
	if (variant->device)
		ASSERT_OK(map_file(0, PAGE, AT));
	EXPECT_OK(rw(0, AT, self->buffer, PAGE));
	EXPECT_TRUE(memory_is(self->buffer, PAGE, 1));
	EXPECT_PINNED(PAGE, 0);
	EXPECT_ERRNO(too_much, rw(0, AT + PAGE - 1, self->buffer, 2));
	EXPECT_ERRNO(too_much, rw(RW_WRITE, AT + PAGE - 1, self->buffer, 2));
	EXPECT_ERRNO(too_much, pin(AT, 2 * PAGE, NULL, &id));
	EXPECT_OK(pin(AT, PAGE, self->shown, &id));
	EXPECT_PINNED(PAGE, PAGE);
}

/* ---- Pins ---- */

TEST_F(access_file, pins_the_pages_of_the_file)
{
	__u32 ids[2];

	ASSERT_OK(map_file(HUGE, PAGE, THERE));
	ASSERT_OK(map_file(0, SIZE, AT));
	EXPECT_PINNED(SIZE + PAGE, 0);
	ASSERT_OK(pin(AT + HUGE - PAGE, 3 * PAGE, self->shown + HUGE - PAGE, &ids[0]));
	EXPECT_PINNED(SIZE + PAGE, 3 * PAGE);
	ASSERT_OK(pin(AT + 5, 1, self->shown + 5, &ids[1]));
	EXPECT_PINNED(SIZE + PAGE, 4 * PAGE);
	ASSERT_OK(unpin(ids[0]));
	EXPECT_PINNED(SIZE + PAGE, PAGE);
	ASSERT_OK(pin(AT, SIZE, self->shown, &ids[0]));
	EXPECT_PINNED(SIZE + PAGE, SIZE);
	ASSERT_OK(unmap(AT, SIZE));
	EXPECT_PINNED(PAGE, 0);
	EXPECT_ERRNO(ENOENT, unpin(ids[0]));
	EXPECT_ERRNO(ENOENT, unpin(ids[1]));
}

/* What is pinned stays. What is not, is as the file is now. */
TEST_F(access_file, follows_a_file_that_is_truncated)
{
	__u32 id;

	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(map_file(0, SIZE, AT));
	ASSERT_OK(pin(AT + PAGE, 2 * PAGE, self->shown + PAGE, &id));
	ASSERT_EQ(0, ftruncate(self->file, 0));
	EXPECT_OK(rw(0, AT + PAGE + 1, self->buffer, PAGE));
	memory_fill(self->buffer + HUGE, HUGE, 1);
	EXPECT_EQ(0, memcmp(self->buffer, self->buffer + HUGE + PAGE + 1, PAGE));
	EXPECT_OK(rw(RW_WRITE, AT + 3 * PAGE - 1, self->buffer, 1));

	EXPECT_ERRNO(variant->device ? 0 : EFAULT, rw(0, AT, self->buffer, 1));
	EXPECT_ERRNO(variant->device ? 0 : EFAULT, rw(RW_WRITE, AT + 3 * PAGE, self->buffer, 1));
	EXPECT_ERRNO(variant->device ? 0 : EFAULT, rw(0, AT + 2 * PAGE, self->buffer, 2 * PAGE));
	EXPECT_ERRNO(variant->device ? 0 : EFAULT, pin(AT + HUGE, PAGE, NULL, &id));
	EXPECT_PINNED(SIZE, 2 * PAGE);
}

TEST_F(access_file, finds_a_hole_that_was_punched)
{
	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(map_file(0, SIZE, AT));
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE,
			       HUGE));
	memset(self->buffer, 0xee, SIZE);
	EXPECT_OK(rw(0, AT, self->buffer, SIZE));
	EXPECT_TRUE(memory_is(self->buffer, variant->device ? SIZE : HUGE, 1));
	EXPECT_EQ(!variant->device, memory_is_all(self->buffer + HUGE, HUGE, 0));
	memory_fill(self->buffer, HUGE, 2);
	EXPECT_OK(rw(RW_WRITE, AT + HUGE, self->buffer, HUGE));
	/* To the IOMMU's user the pages are what they were. */
	EXPECT_EQ(variant->device, memory_is_all(self->shown + HUGE, HUGE, 0));
	EXPECT_EQ(!variant->device, memory_is(self->shown + HUGE, HUGE, 2));
}

/* Unlike a process's memory, it is there when nobody has it mapped or open. */
TEST_F(access_file, outlives_who_mapped_it)
{
	struct peer child;
	__u8 byte = 0;
	__u32 id;

	if (fork_peer(_metadata, &child)) {
		memory_fill(self->shown, SIZE, 1);
		ASSERT_OK(map_file(0, SIZE, AT));
		end_child();
	}
	wait_for_success(_metadata, &child);
	munmap(self->shown, SIZE);
	close(self->file);
	EXPECT_OK(rw(0, AT, self->buffer, SIZE));
	EXPECT_TRUE(memory_is(self->buffer, SIZE, 1));
	EXPECT_OK(rw(RW_WRITE, AT + HUGE - 1, &byte, 1));
	EXPECT_OK(pin(AT, SIZE, NULL, &id));
	EXPECT_OK(unpin(id));
	EXPECT_OK(rw(0, AT + HUGE - 1, self->buffer, 1));
	EXPECT_EQ(0, self->buffer[0]);
}

TEST_HARNESS_MAIN
