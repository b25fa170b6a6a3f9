// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users of an IOAS, and their pins, which end when the memory is unmapped.
 */
#include "lib/access_fixture.h"

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

TEST_HARNESS_MAIN
