// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users of an IOAS: pins that end when the memory is unmapped, and copies
 * by the CPU, each with and without an IOMMU that has the memory pinned already.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/mock.h"
#include "lib/testing.h"

/* Within what the mock IOMMU can translate. */
#define AT	0x40000000ULL
#define THERE	0x50000000ULL

#define NR_PAGES 16
#define LENGTH (NR_PAGES * PAGE)
#define MAX_LENGTH (16UL << 20)

#define PINS MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define WRITE MOCK_FLAGS_ACCESS_WRITE
#define RW_WRITE MOCK_ACCESS_RW_WRITE
#define SLOW MOCK_ACCESS_RW_SLOW_PATH

FIXTURE(access)
{
	int fd;
	__u32 ioas;
	int access;
	struct mock mock;
	__u8 *pages;
	long pinned;
};

FIXTURE_VARIANT(access)
{
	bool device;
};

FIXTURE_VARIANT_ADD(access, alone) { };
FIXTURE_VARIANT_ADD(access, with_a_device) { .device = true };

FIXTURE_SETUP(access)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, LENGTH, 1);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
	if (variant->device)
		ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	ASSERT_OK(access_create(self->fd, self->ioas, PINS, &self->access));
}

/* However a test leaves it, nothing is left when the files are closed. */
FIXTURE_TEARDOWN(access)
{
	close(self->access);
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	EXPECT_EQ(self->pinned, memory_pinned());
}

#define map(page, npages, iova) \
	ioas_map_at(self->fd, self->ioas, self->pages + (page) * PAGE, (npages) * PAGE, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define pin(iova, length, va, ids) \
	access_pin(self->fd, self->access, WRITE, iova, length, va, ids)
#define unpin(id) access_unpin(self->fd, self->access, id)
#define rw(flags, iova, data, length) \
	access_rw(self->fd, self->access, flags, iova, data, length)
#define EXPECT_REFS(page, npages, refs) \
	EXPECT_OK(mock_check_refs(self->fd, self->pages + (page) * PAGE, (npages) * PAGE, refs))
/* Pages of this process that are pinned, with the IOMMU's or without. */
#define EXPECT_PINNED(with_device, without) \
	EXPECT_EQ((variant->device ? (with_device) : (without)) * (long)PAGE, \
		  memory_pinned() - self->pinned)

/* ---- The object ---- */

TEST_F(access, refuses_bad_arguments)
{
	int access;

	for (int bit = 1; bit < 32; bit++)
		EXPECT_ERRNO(EOPNOTSUPP, access_create(self->fd, self->ioas, 1U << bit, &access));
	EXPECT_ERRNO(ENOENT, access_create(self->fd, NO_ID, 0, &access));
	EXPECT_ERRNO(ENOENT, access_create(self->fd, 0, 0, &access));
	if (variant->device) {
		EXPECT_ERRNO(ENOENT, access_create(self->fd, self->mock.hwpt, 0, &access));
		EXPECT_ERRNO(ENOENT, access_create(self->fd, self->mock.dev, 0, &access));
	}
}

/* The ids of a context are given in order. */
TEST_F(access, is_an_object_that_keeps_its_ioas)
{
	__u32 ioas, id;
	int access;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(access_create(self->fd, ioas, 0, &access));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, ioas));
	id = ioas + 1;
	EXPECT_ERRNO(EBUSY, destroy(self->fd, id));
	close(access);
	EXPECT_ERRNO(ENOENT, destroy(self->fd, id));
	EXPECT_OK(destroy(self->fd, ioas));
}

TEST_F(access, outlives_the_file_of_its_context)
{
	int other = open_iommufd(_metadata);
	__u8 byte = 0;
	__u32 id;

	ASSERT_OK(map(0, 2, AT));
	ASSERT_OK(pin(AT, PAGE, self->pages, &id));
	close(self->fd);
	EXPECT_OK(access_rw(other, self->access, 0, AT + 1, &byte, 1));
	EXPECT_EQ(self->pages[1], byte);
	EXPECT_OK(access_unpin(other, self->access, id));
	self->fd = other;
}

TEST_F(access, makes_a_page_the_granule_if_it_pins)
{
	struct iommu_iova_range range[4];
	__u64 alignment;
	int access, other;
	__u32 ioas, num;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(access_create(self->fd, ioas, 0, &access));
	num = 4;
	ASSERT_OK(ioas_iova_ranges(self->fd, ioas, range, &num, &alignment));
	EXPECT_EQ(1, alignment);
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages + 8, 8, AT));
	EXPECT_ERRNO(EADDRINUSE, access_create(self->fd, ioas, PINS, &other));
	ASSERT_OK(ioas_unmap(self->fd, ioas, AT, 8, NULL));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages + PAGE / 2, PAGE, AT));
	EXPECT_ERRNO(EADDRINUSE, access_create(self->fd, ioas, PINS, &other));
	ASSERT_OK(ioas_unmap(self->fd, ioas, AT, PAGE, NULL));

	ASSERT_OK(access_create(self->fd, ioas, PINS, &other));
	num = 4;
	ASSERT_OK(ioas_iova_ranges(self->fd, ioas, range, &num, &alignment));
	EXPECT_EQ(PAGE, alignment);
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, ioas, self->pages, PAGE / 2, AT));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, ioas, self->pages, PAGE, AT + PAGE / 2));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, ioas, self->pages + 512, PAGE, AT));
	close(other);
	num = 4;
	ASSERT_OK(ioas_iova_ranges(self->fd, ioas, range, &num, &alignment));
	EXPECT_EQ(1, alignment);
	close(access);
}

/* ---- Pins ---- */

TEST_F(access, pin_refuses_bad_arguments)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int plain;
	__u32 id;

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(access_create(self->fd, self->ioas, 0, &plain));
	for (int bit = 1; bit < 32; bit++)
		if (1U << bit != MOCK_FLAGS_ACCESS_SYZ)
			EXPECT_ERRNO(EOPNOTSUPP, access_pin(self->fd, self->access, 1U << bit, AT,
							    PAGE, NULL, &id));
	EXPECT_ERRNO(EOPNOTSUPP, access_pin(self->fd, plain, 0, AT, PAGE, NULL, &id));
	EXPECT_ERRNO(EBADFD, access_pin(self->fd, null, 0, AT, PAGE, NULL, &id));
	EXPECT_ERRNO(EBADFD, access_pin(self->fd, self->fd, 0, AT, PAGE, NULL, &id));
	EXPECT_ERRNO(EBADF, access_pin(self->fd, -1, 0, AT, PAGE, NULL, &id));
	EXPECT_ERRNO(EINVAL, pin(AT, 0, NULL, &id));
	EXPECT_ERRNO(EOVERFLOW, pin(UINT64_MAX, 2, NULL, &id));
	EXPECT_ERRNO(ENOMEM, pin(AT, MAX_LENGTH + 1, NULL, &id));
	EXPECT_ERRNO(ENOENT, pin(AT, MAX_LENGTH, NULL, &id));
	EXPECT_ERRNO(ENOENT, pin(AT - 1, PAGE, NULL, &id));
	EXPECT_ERRNO(ENOENT, pin(AT + LENGTH - 1, 2, NULL, &id));
	EXPECT_ERRNO(ENOENT, pin(AT + LENGTH, 1, NULL, &id));
	EXPECT_ERRNO(EBADE, pin(AT, PAGE, self->pages + PAGE, &id));
	EXPECT_ERRNO(EFAULT, pin(AT, PAGE, (void *)PAGE, &id));
	EXPECT_ERRNO(ENOENT, unpin(1));
	EXPECT_ERRNO(ENOENT, unpin(0));
	EXPECT_PINNED(NR_PAGES, 0);
	close(plain);
	close(null);
}

TEST_F(access, pins_and_counts_a_page_once)
{
	__u32 ids[3];

	ASSERT_OK(map(0, NR_PAGES, AT));
	EXPECT_PINNED(NR_PAGES, 0);
	ASSERT_OK(pin(AT + 2 * PAGE, 4 * PAGE, self->pages + 2 * PAGE, &ids[0]));
	EXPECT_PINNED(NR_PAGES, 4);
	EXPECT_REFS(2, 4, 1);
	ASSERT_OK(pin(AT + 3 * PAGE, 6 * PAGE, self->pages + 3 * PAGE, &ids[1]));
	EXPECT_PINNED(NR_PAGES, 7);
	EXPECT_REFS(2, 7, 1);
	ASSERT_OK(pin(AT + 4 * PAGE, PAGE, self->pages + 4 * PAGE, &ids[2]));
	ASSERT_OK(unpin(ids[0]));
	EXPECT_PINNED(NR_PAGES, 6);
	EXPECT_REFS(3, 6, 1);
	EXPECT_REFS(0, 3, variant->device);
	ASSERT_OK(unpin(ids[1]));
	EXPECT_PINNED(NR_PAGES, 1);
	ASSERT_OK(unpin(ids[2]));
	EXPECT_ERRNO(ENOENT, unpin(ids[2]));
	EXPECT_PINNED(NR_PAGES, 0);
	EXPECT_REFS(0, NR_PAGES, variant->device);
}

TEST_F(access, pins_what_a_device_comes_to_and_leaves)
{
	struct mock mock;
	__u32 id;

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(pin(AT + PAGE, 2 * PAGE, self->pages + PAGE, &id));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_OK(mock_check_map(self->fd, mock.hwpt, AT, self->pages, LENGTH));
	EXPECT_REFS(0, NR_PAGES, 1);
	ASSERT_OK(destroy(self->fd, mock.id));
	EXPECT_PINNED(NR_PAGES, 2);
	EXPECT_REFS(1, 2, 1);
	EXPECT_REFS(3, NR_PAGES - 3, variant->device);
	ASSERT_OK(unpin(id));
	EXPECT_PINNED(NR_PAGES, 0);
}

TEST_F(access, pins_the_pages_that_any_of_the_range_is_in)
{
	__u32 id;

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(pin(AT + PAGE - 1, 1, self->pages + PAGE - 1, &id));
	EXPECT_PINNED(NR_PAGES, 1);
	ASSERT_OK(unpin(id));
	ASSERT_OK(pin(AT + PAGE - 1, 2, self->pages + PAGE - 1, &id));
	EXPECT_PINNED(NR_PAGES, 2);
	ASSERT_OK(unpin(id));
	ASSERT_OK(pin(AT + 1, LENGTH - 2, self->pages + 1, &id));
	EXPECT_PINNED(NR_PAGES, NR_PAGES);
	ASSERT_OK(unpin(id));
	EXPECT_PINNED(NR_PAGES, 0);
}

/* The pages come from each area, in the order of the IOVAs. */
TEST_F(access, pins_over_the_borders_of_areas)
{
	__u8 *shuffled = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	__u32 id, other;

	ASSERT_NE(MAP_FAILED, shuffled);
	memset(shuffled, 7, 3 * PAGE);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, shuffled + 2 * PAGE, PAGE, AT));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, shuffled + PAGE, PAGE, AT + PAGE));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, shuffled, PAGE, AT + 2 * PAGE));
	ASSERT_OK(pin(AT, 3 * PAGE, NULL, &id));
	EXPECT_OK(mock_check_refs(self->fd, shuffled, 3 * PAGE, 1));
	EXPECT_ERRNO(EBADE, pin(AT, 3 * PAGE, shuffled, &other));
	EXPECT_ERRNO(ENOENT, pin(AT, 3 * PAGE + 1, NULL, &other));
	ASSERT_OK(unmap(AT + PAGE, PAGE));
	EXPECT_ERRNO(ENOENT, unpin(id));
	EXPECT_ERRNO(ENOENT, pin(AT, 3 * PAGE, NULL, &other));
	EXPECT_OK(mock_check_refs(self->fd, shuffled, PAGE, variant->device));
	munmap(shuffled, 3 * PAGE);
}

TEST_F(access, pins_only_as_the_area_permits)
{
	__u64 ro = AT, wo = THERE;
	__u8 byte = 0;
	__u32 id;

	ASSERT_OK(ioas_map(self->fd, self->ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->pages, PAGE, &ro));
	ASSERT_OK(ioas_map(self->fd, self->ioas, MAP_WO | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->pages + PAGE, PAGE, &wo));
	EXPECT_ERRNO(EPERM, pin(ro, PAGE, NULL, &id));
	EXPECT_ERRNO(EPERM, access_pin(self->fd, self->access, 0, wo, PAGE, NULL, &id));
	EXPECT_ERRNO(EPERM, rw(RW_WRITE, ro, &byte, 1));
	EXPECT_ERRNO(EPERM, rw(RW_WRITE | SLOW, ro, &byte, 1));
	EXPECT_ERRNO(EPERM, rw(0, wo, &byte, 1));
	EXPECT_ERRNO(EPERM, rw(SLOW, wo, &byte, 1));
	EXPECT_TRUE(memory_is(self->pages, 2 * PAGE, 1));

	EXPECT_OK(access_pin(self->fd, self->access, 0, ro, PAGE, self->pages, &id));
	EXPECT_OK(pin(wo, PAGE, self->pages + PAGE, &id));
	EXPECT_OK(rw(0, ro, &byte, 1));
	EXPECT_EQ(self->pages[0], byte);
	byte = ~self->pages[PAGE];
	EXPECT_OK(rw(RW_WRITE, wo, &byte, 1));
	EXPECT_EQ(byte, self->pages[PAGE]);
}

/* Memory that the process may only read can be pinned to be read. */
TEST_F(access, pins_memory_that_is_read_only)
{
	__u64 iova = AT;
	__u32 id;

	ASSERT_EQ(0, mprotect(self->pages, PAGE, PROT_READ));
	ASSERT_OK(ioas_map(self->fd, self->ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->pages, 2 * PAGE, &iova));
	EXPECT_OK(access_pin(self->fd, self->access, 0, AT, 2 * PAGE, self->pages, &id));
	EXPECT_PINNED(2, 2);
	if (!variant->device) {
		ASSERT_OK(map(0, 1, THERE));
		EXPECT_ERRNO(EFAULT, pin(THERE, PAGE, NULL, &id));
		EXPECT_PINNED(2, 2);
	}
}

/* A device goes on to have the pages that the process has given up. */
TEST_F(access, pins_memory_that_is_gone_only_if_a_device_has_it)
{
	__u32 id;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_EQ(0, munmap(self->pages + 2 * PAGE, PAGE));
	EXPECT_ERRNO(variant->device ? 0 : EFAULT, pin(AT, 4 * PAGE, NULL, &id));
	EXPECT_PINNED(4, 0);
	EXPECT_REFS(0, 2, variant->device);
	EXPECT_OK(pin(AT, 2 * PAGE, self->pages, &id));
	EXPECT_OK(pin(AT + 3 * PAGE, PAGE, self->pages + 3 * PAGE, &id));
	EXPECT_PINNED(4, 3);
}

TEST_F(access, pins_up_to_16_mib)
{
	__u8 *memory = memory_pages(MAX_LENGTH);
	__u32 id;

	ASSERT_NE(NULL, memory);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, MAX_LENGTH, AT));
	ASSERT_OK(pin(AT, MAX_LENGTH, memory, &id));
	EXPECT_PINNED(MAX_LENGTH / PAGE, MAX_LENGTH / PAGE);
	EXPECT_OK(mock_check_refs(self->fd, memory, MAX_LENGTH, 1));
	EXPECT_OK(unpin(id));
	EXPECT_PINNED(MAX_LENGTH / PAGE, 0);
}

TEST_F(access, pins_a_page_of_a_huge_one)
{
	__u8 *memory = alloc_memory(_metadata, MEMORY_HUGETLB, HUGE);
	__u32 id, other;

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, HUGE, AT));
	ASSERT_OK(pin(AT + 17 * PAGE, 3 * PAGE, memory + 17 * PAGE, &id));
	EXPECT_PINNED(HUGE / PAGE, 3);
	ASSERT_OK(pin(AT, HUGE, memory, &other));
	EXPECT_PINNED(HUGE / PAGE, HUGE / PAGE);
	EXPECT_OK(unpin(id));
	EXPECT_OK(unpin(other));
	EXPECT_PINNED(HUGE / PAGE, 0);
	ASSERT_OK(unmap(AT, HUGE));
	munmap(memory, HUGE);
}

TEST_F(access, pins_a_copy_and_its_source_once)
{
	__u32 ioas, id, other;
	int access;

	ASSERT_OK(map(0, 8, AT));
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_copy_at(self->fd, ioas, self->ioas, AT, 4 * PAGE, THERE));
	ASSERT_OK(access_create(self->fd, ioas, PINS, &access));
	ASSERT_OK(pin(AT + 2 * PAGE, 4 * PAGE, self->pages + 2 * PAGE, &id));
	ASSERT_OK(access_pin(self->fd, access, WRITE, THERE, 4 * PAGE, self->pages, &other));
	EXPECT_PINNED(8, 6);
	EXPECT_REFS(0, 6, 1);
	ASSERT_OK(unmap(AT, 8 * PAGE));
	EXPECT_ERRNO(ENOENT, unpin(id));
	EXPECT_PINNED(4, 4);
	EXPECT_REFS(4, 4, 0);
	EXPECT_OK(access_unpin(self->fd, access, other));
	EXPECT_PINNED(0, 0);
	close(access);
}

TEST_F(access, unpins_when_it_is_closed)
{
	__u32 id;

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(pin(AT, LENGTH, self->pages, &id));
	ASSERT_OK(pin(AT + PAGE, PAGE, self->pages + PAGE, &id));
	EXPECT_PINNED(NR_PAGES, NR_PAGES);
	close(self->access);
	EXPECT_PINNED(NR_PAGES, 0);
	EXPECT_REFS(0, NR_PAGES, variant->device);
	self->access = -1;
}

/* ---- Pins and unmap ---- */

TEST_F(access, unpins_what_is_unmapped)
{
	__u64 unmapped;
	__u32 ids[3];
	int other;

	ASSERT_OK(access_create(self->fd, self->ioas, PINS, &other));
	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(map(4, 4, AT + 4 * PAGE));
	ASSERT_OK(pin(AT + PAGE, PAGE, self->pages + PAGE, &ids[0]));
	ASSERT_OK(access_pin(self->fd, other, 0, AT, 4 * PAGE, self->pages, &ids[1]));
	ASSERT_OK(pin(AT + 4 * PAGE, PAGE, self->pages + 4 * PAGE, &ids[2]));
	ASSERT_OK(unmap(AT, 4 * PAGE));
	EXPECT_ERRNO(ENOENT, unpin(ids[0]));
	EXPECT_ERRNO(ENOENT, access_unpin(self->fd, other, ids[1]));
	EXPECT_REFS(0, 4, 0);
	EXPECT_REFS(4, 1, 1);
	EXPECT_PINNED(4, 1);
	EXPECT_OK(unpin(ids[2]));

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(pin(AT + 3 * PAGE, 2 * PAGE, self->pages + 3 * PAGE, &ids[0]));
	ASSERT_OK(access_pin(self->fd, other, 0, AT + 4 * PAGE, PAGE, NULL, &ids[1]));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, &unmapped));
	EXPECT_EQ(8 * PAGE, unmapped);
	EXPECT_ERRNO(ENOENT, unpin(ids[0]));
	EXPECT_ERRNO(ENOENT, access_unpin(self->fd, other, ids[1]));
	EXPECT_PINNED(0, 0);
	close(other);
}

TEST_F(access, keeps_its_pins_when_unmap_fails)
{
	__u32 id;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(pin(AT, 4 * PAGE, self->pages, &id));
	EXPECT_ERRNO(ENOENT, unmap(AT, 2 * PAGE));
	EXPECT_ERRNO(ENOENT, unmap(AT + 4 * PAGE, PAGE));
	EXPECT_ERRNO(EINVAL, unmap(AT, 0));
	EXPECT_REFS(0, 4, 1);
	EXPECT_OK(unpin(id));
}

TEST_F(access, can_pin_again_what_is_mapped_again)
{
	__u32 id;

	for (int i = 0; i < 3; i++) {
		ASSERT_OK(map(i, 4, AT));
		ASSERT_OK(pin(AT, 4 * PAGE, self->pages + i * PAGE, &id));
		ASSERT_OK(unmap(AT, 4 * PAGE));
		EXPECT_PINNED(0, 0);
	}
}

/* ---- Replace ---- */

TEST_F(access, replace_refuses_what_is_no_ioas)
{
	__u32 id, ioas;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(pin(AT, 4 * PAGE, self->pages, &id));
	EXPECT_ERRNO(ENOENT, access_replace(self->fd, self->access, NO_ID));
	EXPECT_ERRNO(ENOENT, access_replace(self->fd, self->access, 0));
	EXPECT_ERRNO(EBADF, access_replace(self->fd, -1, self->ioas));
	EXPECT_ERRNO(EBADFD, access_replace(self->fd, self->fd, self->ioas));
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages, 1, AT));
	EXPECT_ERRNO(EADDRINUSE, access_replace(self->fd, self->access, ioas));
	EXPECT_OK(destroy(self->fd, ioas));
	/* It is where it was, with all that it had pinned. */
	EXPECT_REFS(0, 4, 1);
	EXPECT_OK(unpin(id));
	EXPECT_OK(pin(AT, PAGE, self->pages, &id));
}

TEST_F(access, replace_moves_it_without_its_pins)
{
	__u8 byte = 0;
	__u32 id, ioas;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages + 8 * PAGE, 4 * PAGE, AT));
	ASSERT_OK(pin(AT, 4 * PAGE, self->pages, &id));
	ASSERT_OK(access_replace(self->fd, self->access, ioas));
	EXPECT_ERRNO(ENOENT, unpin(id));
	EXPECT_REFS(0, 4, variant->device);
	EXPECT_OK(rw(0, AT, &byte, 1));
	EXPECT_EQ(self->pages[8 * PAGE], byte);
	ASSERT_OK(pin(AT, 4 * PAGE, self->pages + 8 * PAGE, &id));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, ioas));
	if (!variant->device)
		EXPECT_OK(destroy(self->fd, self->ioas));
	EXPECT_OK(access_replace(self->fd, self->access, ioas));
	EXPECT_REFS(8, 4, 0);
	close(self->access);
	self->access = -1;
	EXPECT_OK(destroy(self->fd, ioas));
}

/* ---- Copies by the CPU ---- */

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

/* ---- Another process' memory ---- */

/* The child maps shared memory of its own, and stays until it is told. */
static void map_in_child(struct __test_metadata *_metadata, struct peer *peer, int fd,
			 __u32 ioas, __u8 *pages)
{
	if (!fork_peer(_metadata, peer))
		return;
	/* Of its own: what is shared with the parent is written to, so copied. */
	memory_fill(pages, LENGTH, 9);
	ASSERT_OK(ioas_map_at(fd, ioas, pages, LENGTH, AT));
	tell(_metadata, peer);
	hear(_metadata, peer);
	EXPECT_TRUE(memory_is_all(pages + PAGE, 64, 0x5a));
	EXPECT_TRUE(memory_is(pages + 2 * PAGE, 64, 3));
	end_child();
}

TEST_F(access, reaches_the_memory_of_another_process_while_it_lives)
{
	__u8 *buffer = malloc(LENGTH);
	struct peer child;
	__u32 id, other;

	ASSERT_NE(NULL, buffer);
	map_in_child(_metadata, &child, self->fd, self->ioas, self->pages);
	hear(_metadata, &child);
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		memset(buffer, 0, LENGTH);
		EXPECT_OK(rw(slow, AT, buffer, LENGTH));
		EXPECT_TRUE(memory_is(buffer, PAGE, 9));
	}
	ASSERT_OK(pin(AT + 8 * PAGE, PAGE, NULL, &id));
	EXPECT_PINNED(0, 0);
	memset(buffer, 0x5a, 64);
	EXPECT_OK(rw(RW_WRITE, AT + PAGE, buffer, 64));
	memory_fill(buffer, 64, 3);
	EXPECT_OK(rw(RW_WRITE | SLOW, AT + 2 * PAGE, buffer, 64));
	tell(_metadata, &child);
	wait_for_success(_metadata, &child);
	/* This process has not been written to. */
	EXPECT_TRUE(memory_is(self->pages, LENGTH, 1));

	/* What is pinned stays; the rest is gone with the process. */
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		EXPECT_ERRNO(variant->device ? 0 : EFAULT, rw(slow, AT, buffer, PAGE));
		EXPECT_OK(rw(slow, AT + 8 * PAGE, buffer, PAGE));
	}
	EXPECT_ERRNO(variant->device ? 0 : EFAULT, pin(AT, PAGE, NULL, &other));
	EXPECT_OK(pin(AT + 8 * PAGE, PAGE, NULL, &other));
	EXPECT_OK(unpin(other));
	EXPECT_OK(unpin(id));
	free(buffer);
}

/* Pinned, then forked: the parent's pages stay its own. */
TEST_F(access, keeps_the_pages_of_who_forks)
{
	__u8 byte = 0x77;
	struct peer child;
	__u32 id;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(pin(AT, 4 * PAGE, self->pages, &id));
	if (fork_peer(_metadata, &child)) {
		memset(self->pages, 0xee, PAGE);
		tell(_metadata, &child);
		hear(_metadata, &child);
		EXPECT_TRUE(memory_is_all(self->pages, PAGE, 0xee));
		end_child();
	}
	hear(_metadata, &child);
	EXPECT_OK(rw(RW_WRITE, AT, &byte, 1));
	EXPECT_EQ(0x77, self->pages[0]);
	self->pages[1] = 0x78;
	EXPECT_OK(rw(0, AT + 1, &byte, 1));
	EXPECT_EQ(0x78, byte);
	EXPECT_OK(rw(SLOW, AT + 1, &byte, 1));
	EXPECT_EQ(0x78, byte);
	EXPECT_REFS(0, 4, 1);
	tell(_metadata, &child);
	wait_for_success(_metadata, &child);
	EXPECT_OK(unpin(id));
}

/* ---- At the same time ---- */

/* What threads share: each does one thing over and over until it is told to stop. */
struct race {
	int fd, access;
	__u32 ioas, other;
	__u8 *pages;
	bool stop;
	/* How often it went as it should, for the test to have been one. */
	unsigned long done;
	/* The first result that should not be. */
	int wrong;
	char call[sizeof(last_call)];
};

static bool stopped(struct race *race)
{
	return __atomic_load_n(&race->stop, __ATOMIC_RELAXED);
}

/* @allowed: the errno that the other threads may be the reason for. */
static void saw(struct race *race, int err, int allowed, int also)
{
	if (!err) {
		__atomic_add_fetch(&race->done, 1, __ATOMIC_RELAXED);
		return;
	}
	if (err == -allowed || err == -also || race->wrong)
		return;
	race->wrong = err;
	strcpy(race->call, last_call);
}

static void *pin_and_unpin(void *arg)
{
	struct race *race = arg;
	__u32 id;

	for (int i = 0; !stopped(race); i++) {
		__u64 at = i % 12 * PAGE;
		int err = access_pin(race->fd, race->access, WRITE, AT + at, (1 + i % 5) * PAGE,
				     NULL, &id);

		saw(race, err, ENOENT, EFAULT);
		/* One in four is left for unmap to unpin. */
		if (!err && i % 4)
			saw(race, access_unpin(race->fd, race->access, id), ENOENT, 0);
	}
	return NULL;
}

static void *read_and_write(void *arg)
{
	struct race *race = arg;
	__u8 *buffer = malloc(3 * PAGE);

	for (int i = 0; !stopped(race); i++)
		saw(race, access_rw(race->fd, race->access, i & (SLOW | RW_WRITE),
				    AT + i % 13 * PAGE + i % 64, buffer, 2 * PAGE),
		    ENOENT, EFAULT);
	free(buffer);
	return NULL;
}

static void *replace_to_and_fro(void *arg)
{
	struct race *race = arg;

	for (int i = 0; !stopped(race); i++)
		saw(race, access_replace(race->fd, race->access, i % 2 ? race->ioas : race->other),
		    0, 0);
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	struct race *race = arg;

	while (!stopped(race)) {
		/* However much others pin, unmap gets there. */
		saw(race, ioas_unmap(race->fd, race->ioas, AT, LENGTH, NULL), 0, 0);
		saw(race, ioas_map_at(race->fd, race->ioas, race->pages, LENGTH, AT), 0, 0);
	}
	return NULL;
}

#define NR_RACERS 8

static void run_race(struct __test_metadata *_metadata, struct race *race,
		     void *(*const *what)(void *), int seconds)
{
	struct race own[NR_RACERS];
	pthread_t threads[NR_RACERS];
	int n;

	for (n = 0; what[n]; n++) {
		own[n] = *race;
		ASSERT_EQ(0, pthread_create(&threads[n], NULL, what[n], &own[n]));
	}
	sleep(seconds);
	for (int i = 0; i < n; i++)
		__atomic_store_n(&own[i].stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < n; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, own[i].wrong) {
			TH_LOG("%s: %s", own[i].call, errno_name(-own[i].wrong));
		}
		EXPECT_LT(0, own[i].done);
	}
}

TEST_F(access, pins_while_others_unmap)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, pin_and_unpin, read_and_write, map_and_unmap, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas,
			     .pages = self->pages };

	ASSERT_OK(map(0, NR_PAGES, AT));
	run_race(_metadata, &race, what, 2);
	ASSERT_OK(unmap(AT, LENGTH));
	EXPECT_PINNED(0, 0);
	EXPECT_REFS(0, NR_PAGES, 0);
}

TEST_F(access, pins_while_others_replace)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, read_and_write, replace_to_and_fro, pin_and_unpin, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas };

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(ioas_alloc(self->fd, &race.other));
	ASSERT_OK(ioas_copy_at(self->fd, race.other, self->ioas, AT, LENGTH, AT));
	run_race(_metadata, &race, what, 2);
	close(self->access);
	self->access = -1;
	EXPECT_PINNED(NR_PAGES, 0);
	EXPECT_REFS(0, NR_PAGES, variant->device);
}

static void *attach_and_detach(void *arg)
{
	struct race *race = arg;
	struct mock mock;

	while (!stopped(race)) {
		int err = mock_attach(race->fd, race->ioas, &mock);

		saw(race, err, 0, 0);
		if (!err)
			saw(race, destroy(race->fd, mock.id), 0, 0);
	}
	return NULL;
}

TEST_F(access, pins_while_devices_come_and_go)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, read_and_write, attach_and_detach, replace_to_and_fro,
		map_and_unmap, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas,
			     .pages = self->pages };

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(ioas_alloc(self->fd, &race.other));
	ASSERT_OK(ioas_copy_at(self->fd, race.other, self->ioas, AT, LENGTH, AT));
	run_race(_metadata, &race, what, 2);
	close(self->access);
	self->access = -1;
}

static void *change_memory(void *arg)
{
	struct race *race = arg;

	for (int i = 0; !stopped(race); i++) {
		__u8 *at = race->pages + i % NR_PAGES * PAGE;

		if (i % 3 == 0)
			saw(race, madvise(at, PAGE, MADV_DONTNEED), 0, 0);
		else if (i % 3 == 1)
			saw(race, mprotect(at, PAGE, PROT_READ), 0, 0);
		else
			saw(race, mprotect(race->pages, LENGTH, PROT_READ | PROT_WRITE), 0, 0);
	}
	return NULL;
}

TEST_F(access, pins_while_the_process_changes_its_memory)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, read_and_write, change_memory, pin_and_unpin, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas,
			     .pages = self->pages };

	ASSERT_OK(map(0, NR_PAGES, AT));
	run_race(_metadata, &race, what, 2);
	ASSERT_OK(unmap(AT, LENGTH));
	EXPECT_PINNED(0, 0);
}

/* Children map their memory and are killed while it is pinned and copied. */
TEST_F(access, pins_while_the_owner_exits)
{
	struct race race = { .fd = self->fd, .access = self->access };
	struct peer child;
	pthread_t threads[2];

	ASSERT_EQ(0, pthread_create(&threads[0], NULL, pin_and_unpin, &race));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, read_and_write, &race));
	for (int i = 0; i < 10; i++) {
		unsigned long before;

		map_in_child(_metadata, &child, self->fd, self->ioas, self->pages);
		hear(_metadata, &child);
		before = __atomic_load_n(&race.done, __ATOMIC_RELAXED);
		while (__atomic_load_n(&race.done, __ATOMIC_RELAXED) < before + 20)
			usleep(1000);
		kill_and_wait(_metadata, &child);
		usleep(5000);
		ASSERT_OK(unmap(AT, LENGTH));
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race.wrong) {
		TH_LOG("%s: %s", race.call, errno_name(-race.wrong));
	}
}

/* Each fork finds the memory pinned, and some of it being pinned. */
TEST_F(access, pins_while_the_owner_forks)
{
	struct race race = { .fd = self->fd, .access = self->access };
	pthread_t threads[2];

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, pin_and_unpin, &race));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, read_and_write, &race));
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(0);
		memset(self->pages, i, LENGTH);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race.wrong) {
		TH_LOG("%s: %s", race.call, errno_name(-race.wrong));
	}
	EXPECT_LT(0, race.done);
}

TEST_HARNESS_MAIN
