// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAS: which IOVAs can be mapped, and what map and unmap take and refuse. No
 * device is needed: nothing is pinned, and the granule is one byte.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "lib/testing.h"

/* Where most of the tests map. Nothing special, and below and above is room. */
#define AT 0x40000000ULL

FIXTURE(ioas)
{
	int fd;
	__u32 id;
	char *pages;
};

#define NR_PAGES 16

FIXTURE_SETUP(ioas)
{
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->id));
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(ioas)
{
	close(self->fd);
}

#define map_at(length, iova) ioas_map_at(self->fd, self->id, self->pages, length, iova)
#define map_any(length, iova) ioas_map_any(self->fd, self->id, self->pages, length, iova)
#define unmap(iova, length, unmapped) ioas_unmap(self->fd, self->id, iova, length, unmapped)
#define unmap_all(unmapped) ioas_unmap_all(self->fd, self->id, unmapped)
#define allow(ranges, num) ioas_allow_iovas(self->fd, self->id, ranges, num)

/* ---- Ranges ---- */

TEST_F(ioas, a_new_one_takes_any_iova)
{
	struct iommu_iova_range ranges[4];
	__u32 num = 4;
	__u64 alignment = 0;

	ASSERT_OK(ioas_iova_ranges(self->fd, self->id, ranges, &num, &alignment));
	ASSERT_EQ(1, num);
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(UINT64_MAX, ranges[0].last);
	EXPECT_EQ(1, alignment);
}

TEST_F(ioas, iova_ranges_says_how_much_room_it_needs)
{
	__u32 num = 0;
	__u64 alignment = 0;

	EXPECT_ERRNO(EMSGSIZE, ioas_iova_ranges(self->fd, self->id, NULL, &num, &alignment));
	EXPECT_EQ(1, num);
	EXPECT_EQ(1, alignment);
}

TEST_F(ioas, iova_ranges_fails_where_it_cannot_write)
{
	__u32 num = 4;
	__u64 alignment;

	EXPECT_ERRNO(EFAULT, ioas_iova_ranges(self->fd, self->id, NULL, &num, &alignment));
	num = 4;
	EXPECT_ERRNO(EFAULT, ioas_iova_ranges(self->fd, self->id, (void *)-PAGE, &num,
					      &alignment));
}

/* An IOMMU may have pages of that size. */
TEST_F(ioas, what_the_kernel_chooses_is_aligned_as_its_length_is)
{
	__u64 iova;

	for (__u64 nr = 1; nr <= 64; nr++) {
		ASSERT_OK(ioas_map(self->fd, self->id, MAP_RW, self->pages, nr * PAGE, &iova));
		EXPECT_EQ(0, iova & (((nr & -nr) * PAGE) - 1));
	}
}

TEST_F(ioas, the_kernel_chooses_among_allowed_iovas)
{
	const struct iommu_iova_range allowed[] = {
		{ AT + 0x800000, AT + 0x800000 + 4 * PAGE - 1 },
		{ AT, AT + 4 * PAGE - 1 },
	};
	__u64 iova;

	ASSERT_OK(allow(allowed, 2));
	for (int i = 0; i < 8; i++) {
		ASSERT_OK(map_any(PAGE, &iova));
		EXPECT_TRUE((iova >= allowed[0].start && iova + PAGE - 1 <= allowed[0].last) ||
			    (iova >= allowed[1].start && iova + PAGE - 1 <= allowed[1].last)) {
			TH_LOG("IOVA %#llx is not allowed", iova);
		}
	}
	EXPECT_ERRNO(ENOSPC, map_any(PAGE, &iova));
	EXPECT_ERRNO(ENOSPC, map_any(1, &iova));
	/* Room again, and for just that. */
	ASSERT_OK(unmap(AT, 2 * PAGE, NULL));
	EXPECT_ERRNO(ENOSPC, map_any(2 * PAGE + 1, &iova));
	EXPECT_OK(map_any(2 * PAGE, &iova));
	EXPECT_EQ(AT, iova);
}

TEST_F(ioas, a_fixed_iova_need_not_be_allowed)
{
	const struct iommu_iova_range allowed = { AT, AT + PAGE - 1 };

	ASSERT_OK(allow(&allowed, 1));
	EXPECT_OK(map_at(PAGE, AT + 0x100000));
	EXPECT_OK(map_at(2 * PAGE, AT - PAGE));
}

TEST_F(ioas, an_allowed_list_replaces_the_last_and_none_lifts_it)
{
	const struct iommu_iova_range first = { AT, AT + PAGE - 1 };
	const struct iommu_iova_range second = { 2 * AT, 2 * AT + PAGE - 1 };
	__u64 iova;

	ASSERT_OK(allow(&first, 1));
	ASSERT_OK(allow(&second, 1));
	ASSERT_OK(map_any(PAGE, &iova));
	EXPECT_EQ(2 * AT, iova);
	EXPECT_ERRNO(ENOSPC, map_any(PAGE, &iova));
	ASSERT_OK(allow(NULL, 0));
	EXPECT_OK(map_any(PAGE, &iova));
}

TEST_F(ioas, a_bad_allowed_list_is_refused_and_the_last_one_stays)
{
	const struct iommu_iova_range good = { AT, AT + PAGE - 1 };
	const struct iommu_iova_range backwards = { AT + 1, AT };
	const struct iommu_iova_range overlapping[] = {
		{ 2 * AT, 3 * AT },
		{ 0, AT },
		{ AT, 2 * AT - 1 },
	};
	const struct iommu_iova_range twice[] = { good, good };
	__u64 iova;

	ASSERT_OK(allow(&good, 1));
	EXPECT_ERRNO(EINVAL, allow(&backwards, 1));
	EXPECT_ERRNO(EINVAL, allow(overlapping, 3));
	EXPECT_ERRNO(EINVAL, allow(twice, 2));
	EXPECT_ERRNO(EFAULT, allow(NULL, 1));
	EXPECT_ERRNO(EFAULT, allow((void *)-PAGE, 1));
	ASSERT_OK(map_any(PAGE, &iova));
	EXPECT_EQ(AT, iova);
	EXPECT_ERRNO(ENOSPC, map_any(PAGE, &iova));
}

TEST_F(ioas, allowed_ranges_can_touch_and_can_be_all)
{
	const struct iommu_iova_range touching[] = { { 0, AT - 1 }, { AT, 2 * AT } };
	const struct iommu_iova_range all = { 0, UINT64_MAX };

	EXPECT_OK(allow(touching, 2));
	EXPECT_OK(allow(&all, 1));
}

TEST_F(ioas, allowed_ranges_are_8192_at_most)
{
	static struct iommu_iova_range ranges[8193];

	for (int i = 0; i < 8193; i++)
		ranges[i] = (struct iommu_iova_range){ 2 * i, 2 * i };
	EXPECT_OK(allow(ranges, 8192));
	EXPECT_ERRNO(EINVAL, allow(ranges, 8193));
}

/* ---- Map ---- */

TEST_F(ioas, map_puts_it_where_it_is_told)
{
	__u64 iova = AT;

	EXPECT_OK(ioas_map(self->fd, self->id, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->pages, PAGE, &iova));
	EXPECT_EQ(AT, iova);
	EXPECT_OK(map_at(PAGE, 0));
	EXPECT_OK(map_at(PAGE, 1ULL << 62));
}

TEST_F(ioas, areas_that_the_kernel_places_do_not_overlap)
{
	__u64 iovas[64];

	for (int i = 0; i < 64; i++) {
		__u64 length = (i % 5 + 1) * PAGE;

		ASSERT_OK(map_any(length, &iovas[i]));
		/* The other's overlap would be found from either side. */
		for (int j = 0; j < i; j++)
			EXPECT_TRUE(iovas[i] + length <= iovas[j] ||
				    iovas[j] + (j % 5 + 1) * PAGE <= iovas[i]);
	}
}

TEST_F(ioas, map_refuses_to_overlap_an_area)
{
	ASSERT_OK(map_at(4 * PAGE, AT));
	EXPECT_ERRNO(EEXIST, map_at(4 * PAGE, AT));
	EXPECT_ERRNO(EEXIST, map_at(PAGE, AT));
	EXPECT_ERRNO(EEXIST, map_at(PAGE, AT + PAGE));
	EXPECT_ERRNO(EEXIST, map_at(PAGE, AT + 3 * PAGE));
	EXPECT_ERRNO(EEXIST, map_at(2 * PAGE, AT - PAGE));
	EXPECT_ERRNO(EEXIST, map_at(2 * PAGE, AT + 3 * PAGE));
	EXPECT_ERRNO(EEXIST, map_at(6 * PAGE, AT - PAGE));
	EXPECT_ERRNO(EEXIST, map_at(1, AT + 4 * PAGE - 1));
	/* Right beside it there is room. */
	EXPECT_OK(map_at(PAGE, AT - PAGE));
	EXPECT_OK(map_at(PAGE, AT + 4 * PAGE));
}

TEST_F(ioas, map_refuses_a_range_that_wraps)
{
	void *last_page = (void *)-PAGE;
	__u64 iova = AT;

	EXPECT_ERRNO(EOVERFLOW, map_at(2 * PAGE, -PAGE));
	EXPECT_ERRNO(EOVERFLOW, map_at(-PAGE, AT));
	EXPECT_ERRNO(EOVERFLOW, ioas_map_at(self->fd, self->id, last_page, 2 * PAGE, AT));
	EXPECT_ERRNO(EOVERFLOW, ioas_map_any(self->fd, self->id, last_page, 2 * PAGE, &iova));
	EXPECT_OK(unmap_all(&iova));
	EXPECT_EQ(0, iova);
}

TEST_F(ioas, map_refuses_an_empty_range)
{
	__u64 iova = 0;

	EXPECT_ERRNO(EINVAL, map_at(0, AT));
	EXPECT_ERRNO(EINVAL, map_any(0, &iova));
}

TEST_F(ioas, map_wants_to_know_what_the_device_may_do)
{
	__u64 iova = AT;

	EXPECT_ERRNO(EINVAL, ioas_map(self->fd, self->id, IOMMU_IOAS_MAP_FIXED_IOVA,
				      self->pages, PAGE, &iova));
	EXPECT_ERRNO(EINVAL, ioas_map(self->fd, self->id, 0, self->pages, PAGE, &iova));
	EXPECT_OK(ioas_map(self->fd, self->id, MAP_WO, self->pages, PAGE, &iova));
	EXPECT_OK(ioas_map(self->fd, self->id, MAP_RO, self->pages, PAGE, &iova));
}

TEST_F(ioas, without_page_tables_each_byte_can_be_mapped)
{
	__u64 unmapped;

	EXPECT_OK(ioas_map_at(self->fd, self->id, self->pages + 1, 3, 7));
	EXPECT_OK(ioas_map_at(self->fd, self->id, self->pages + 5, 1, 10));
	EXPECT_ERRNO(EEXIST, map_at(1, 9));
	EXPECT_ERRNO(ENOENT, unmap(7, 2, NULL));
	EXPECT_OK(unmap(7, 3, &unmapped));
	EXPECT_EQ(3, unmapped);
}

/* Nobody needs the memory as yet. */
TEST_F(ioas, without_page_tables_memory_need_not_be_there)
{
	long pinned = memory_pinned();

	EXPECT_OK(ioas_map_at(self->fd, self->id, (void *)PAGE, PAGE, AT));
	EXPECT_OK(map_at(NR_PAGES * PAGE, 2 * AT));
	EXPECT_EQ(pinned, memory_pinned());
}

/* ---- Unmap ---- */

TEST_F(ioas, unmap_takes_an_area_away)
{
	__u64 unmapped = 0;

	ASSERT_OK(map_at(4 * PAGE, AT));
	EXPECT_OK(unmap(AT, 4 * PAGE, &unmapped));
	EXPECT_EQ(4 * PAGE, unmapped);
	EXPECT_ERRNO(ENOENT, unmap(AT, 4 * PAGE, NULL));
	EXPECT_OK(map_at(4 * PAGE, AT));
}

TEST_F(ioas, unmap_takes_all_areas_in_a_range_with_gaps)
{
	__u64 unmapped = 0;

	for (int i = 0; i < 4; i++)
		ASSERT_OK(map_at(PAGE, AT + i * 0x10000));
	ASSERT_OK(map_at(PAGE, AT - PAGE));
	ASSERT_OK(map_at(PAGE, AT + 0x40000));
	EXPECT_OK(unmap(AT, 0x40000, &unmapped));
	EXPECT_EQ(4 * PAGE, unmapped);
	/* Those outside are still there. */
	EXPECT_OK(unmap(AT - PAGE, PAGE, NULL));
	EXPECT_OK(unmap(AT + 0x40000, PAGE, NULL));
}

TEST_F(ioas, unmap_of_part_of_an_area_is_refused)
{
	__u64 unmapped = 0;

	ASSERT_OK(map_at(4 * PAGE, AT));
	EXPECT_ERRNO(ENOENT, unmap(AT, PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT + PAGE, 3 * PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT + PAGE, PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT - PAGE, 2 * PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT + 3 * PAGE, 8 * PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT, 4 * PAGE - 1, NULL));
	/* All of it is still there. */
	EXPECT_OK(unmap(AT, 4 * PAGE, &unmapped));
	EXPECT_EQ(4 * PAGE, unmapped);
}

TEST_F(ioas, unmap_of_one_area_and_part_of_another_does_nothing)
{
	ASSERT_OK(map_at(2 * PAGE, AT));
	ASSERT_OK(map_at(2 * PAGE, AT + 2 * PAGE));
	EXPECT_ERRNO(ENOENT, unmap(AT, 3 * PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT + PAGE, 3 * PAGE, NULL));
	EXPECT_OK(unmap(AT, 2 * PAGE, NULL));
	EXPECT_OK(unmap(AT + 2 * PAGE, 2 * PAGE, NULL));
}

TEST_F(ioas, unmap_of_nothing_fails)
{
	EXPECT_ERRNO(ENOENT, unmap(AT, PAGE, NULL));
	ASSERT_OK(map_at(PAGE, AT));
	EXPECT_ERRNO(ENOENT, unmap(AT + PAGE, PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT - PAGE, PAGE, NULL));
	EXPECT_ERRNO(ENOENT, unmap(AT + PAGE, 1ULL << 40, NULL));
}

TEST_F(ioas, unmap_refuses_a_range_that_is_empty_or_wraps)
{
	ASSERT_OK(map_at(PAGE, AT));
	EXPECT_ERRNO(EINVAL, unmap(AT, 0, NULL));
	EXPECT_ERRNO(EINVAL, unmap(0, 0, NULL));
	EXPECT_ERRNO(EOVERFLOW, unmap(AT, UINT64_MAX, NULL));
	EXPECT_ERRNO(EOVERFLOW, unmap(-PAGE, 2 * PAGE, NULL));
	EXPECT_OK(unmap(AT, PAGE, NULL));
}

TEST_F(ioas, unmap_all_empties_it_even_if_empty)
{
	__u64 unmapped = 1;

	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(0, unmapped);
	ASSERT_OK(map_at(PAGE, 0));
	ASSERT_OK(map_at(2 * PAGE, AT));
	ASSERT_OK(map_at(3 * PAGE, 1ULL << 62));
	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(6 * PAGE, unmapped);
	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_OK(map_at(PAGE, AT));
}

/* More bytes than its length can say. */
TEST_F(ioas, unmap_all_empties_it_even_if_full)
{
	const __u64 half = 1ULL << 63;
	__u64 unmapped = 0;

	ASSERT_OK(ioas_map_at(self->fd, self->id, NULL, half, 0));
	ASSERT_OK(ioas_map_at(self->fd, self->id, NULL, half, half));
	EXPECT_ERRNO(EEXIST, map_at(PAGE, AT));
	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(UINT64_MAX, unmapped);
	EXPECT_OK(map_at(PAGE, AT));
	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(PAGE, unmapped);
}

/* ---- Answers that cannot be written ---- */

TEST_F(ioas, map_does_nothing_if_it_cannot_answer)
{
	struct iommu_ioas_map *cmd = memory_pages(PAGE);

	ASSERT_NE(NULL, cmd);
	*cmd = (struct iommu_ioas_map){
		.size = sizeof(*cmd),
		.flags = MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = self->id,
		.user_va = (uintptr_t)self->pages,
		.length = PAGE,
		.iova = AT,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_IOAS_MAP, cmd,
				  "IOMMU_IOAS_MAP(read-only struct)"));
	EXPECT_ERRNO(ENOENT, unmap(AT, PAGE, NULL));
}

TEST_F(ioas, unmap_does_nothing_if_it_cannot_answer)
{
	struct iommu_ioas_unmap *cmd = memory_pages(PAGE);

	ASSERT_NE(NULL, cmd);
	ASSERT_OK(map_at(PAGE, AT));
	*cmd = (struct iommu_ioas_unmap){
		.size = sizeof(*cmd),
		.ioas_id = self->id,
		.iova = AT,
		.length = PAGE,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_IOAS_UNMAP, cmd,
				  "IOMMU_IOAS_UNMAP(read-only struct)"));
	EXPECT_OK(unmap(AT, PAGE, NULL));
}

/* ---- More than one at a time ---- */

TEST_F(ioas, destroy_takes_its_areas_with_it)
{
	ASSERT_OK(map_at(PAGE, AT));
	EXPECT_OK(destroy(self->fd, self->id));
	EXPECT_ERRNO(ENOENT, unmap(AT, PAGE, NULL));
}

TEST_F(ioas, two_of_them_share_nothing_but_the_memory)
{
	__u32 other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(map_at(PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, other, self->pages, PAGE, AT));
	EXPECT_OK(unmap(AT, PAGE, NULL));
	EXPECT_OK(ioas_unmap(self->fd, other, AT, PAGE, NULL));
}

TEST_F(ioas, a_thousand_areas_come_and_go)
{
	__u64 unmapped;

	for (int i = 0; i < 1000; i++)
		ASSERT_OK(map_at(PAGE, AT + i * 2 * PAGE));
	/* Every other one, then the rest at once. */
	for (int i = 0; i < 1000; i += 2)
		ASSERT_OK(unmap(AT + i * 2 * PAGE, PAGE, NULL));
	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(500 * PAGE, unmapped);
}

struct mapper {
	pthread_t thread;
	int fd;
	__u32 ioas;
	char *page;
	__u64 iovas[100];
};

/* Map, and unmap every other one. */
static void *keep_mapping(void *data)
{
	struct mapper *mapper = data;
	long failures = 0;

	for (int i = 0; i < 100; i++)
		failures += !!ioas_map_any(mapper->fd, mapper->ioas, mapper->page, PAGE,
					   &mapper->iovas[i]);
	for (int i = 0; i < 100; i += 2)
		failures += !!ioas_unmap(mapper->fd, mapper->ioas, mapper->iovas[i], PAGE, NULL);
	return (void *)failures;
}

TEST_F(ioas, threads_get_iovas_of_their_own)
{
	struct mapper mappers[4];
	__u64 unmapped;
	void *failures;

	for (int i = 0; i < 4; i++) {
		mappers[i].fd = self->fd;
		mappers[i].ioas = self->id;
		mappers[i].page = self->pages + i * PAGE;
		ASSERT_EQ(0, pthread_create(&mappers[i].thread, NULL, keep_mapping, &mappers[i]));
	}
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(mappers[i].thread, &failures));
		EXPECT_EQ(NULL, failures);
	}
	/* What is left is what was not unmapped: nobody unmapped another's. */
	for (int i = 0; i < 4; i++)
		for (int j = 1; j < 100; j += 2)
			EXPECT_OK(unmap(mappers[i].iovas[j], PAGE, NULL));
	EXPECT_OK(unmap_all(&unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_HARNESS_MAIN
