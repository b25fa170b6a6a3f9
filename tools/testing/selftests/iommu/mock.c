// SPDX-License-Identifier: GPL-2.0-only
/*
 * The map engine on the mock IOMMU, which has what no real one here has: pages of
 * half a CPU page, an aperture with two edges, as many devices as are wanted, and
 * a view of each translation and of each page's pins.
 */
#include <sys/mman.h>

#include "lib/mock.h"
#include "lib/testing.h"

#define AT 0x40000000ULL
#define HALF ((__u64)MOCK_PAGE_SIZE)
#define END (MOCK_APERTURE_LAST + 1ULL)

#define NR_PAGES 16
#define LENGTH (NR_PAGES * PAGE)

FIXTURE(mock)
{
	int fd;
	__u32 ioas;
	char *pages;
	long pinned;
};

static int open_with_mock(struct __test_metadata *_metadata)
{
	int fd = open_iommufd(_metadata);

	if (!mock_exists(fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	return fd;
}

FIXTURE_SETUP(mock)
{
	self->fd = open_with_mock(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, LENGTH, 1);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

/* However a test leaves it, nothing is left when the file is closed. */
FIXTURE_TEARDOWN(mock)
{
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	EXPECT_EQ(self->pinned, memory_pinned());
	self->fd = open_iommufd(_metadata);
	EXPECT_OK(mock_check_refs(self->fd, self->pages, LENGTH, 0));
	close(self->fd);
}

#define attach(mock) mock_attach(self->fd, self->ioas, mock)
#define map(va, length, iova) ioas_map_at(self->fd, self->ioas, va, length, iova)
#define map_any(length, iova) \
	ioas_map_any(self->fd, self->ioas, self->pages, length, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define check_map(hwpt, iova, va, length) \
	mock_check_map(self->fd, hwpt, iova, va, length)
#define check_refs(va, length, refs) mock_check_refs(self->fd, va, length, refs)
#define reserve(start, length) mock_reserve(self->fd, self->ioas, start, length)

/* ---- The device ---- */

TEST_F(mock, a_device_is_an_object_and_goes_with_it)
{
	struct mock mock, other;

	ASSERT_OK(attach(&mock));
	EXPECT_EQ(1, mock_count());
	ASSERT_OK(attach(&other));
	EXPECT_EQ(2, mock_count());
	EXPECT_NE(mock.dev, other.dev);
	/* Both found the IOAS's one automatic HWPT. */
	EXPECT_EQ(mock.hwpt, other.hwpt);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, mock.dev));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, mock.hwpt));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	EXPECT_OK(destroy(self->fd, mock.id));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, mock.dev));
	EXPECT_EQ(1, mock_count());
	EXPECT_OK(destroy(self->fd, other.id));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, other.hwpt));
	EXPECT_EQ(0, mock_count());
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(mock, a_device_needs_something_to_attach_to)
{
	struct mock mock, other;

	EXPECT_ERRNO(ENOENT, mock_attach(self->fd, NO_ID, &mock));
	EXPECT_EQ(0, mock_count());
	ASSERT_OK(attach(&mock));
	EXPECT_ERRNO(EINVAL, mock_attach(self->fd, mock.dev, &other));
	EXPECT_ERRNO(EINVAL, mock_attach(self->fd, mock.id, &other));
	EXPECT_OK(mock_attach(self->fd, mock.hwpt, &other));
	EXPECT_EQ(mock.hwpt, other.hwpt);
	EXPECT_EQ(2, mock_count());
}

TEST_F(mock, a_device_takes_the_flags_that_there_are)
{
	struct mock mock;

	EXPECT_OK(mock_attach_flags(self->fd, self->ioas, 0, &mock));
	EXPECT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_NO_DIRTY, &mock));
	EXPECT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &mock));
	EXPECT_ERRNO(EINVAL, mock_attach_flags(self->fd, self->ioas, 1 << 30, &mock));
}

TEST_F(mock, an_unknown_operation_is_refused)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd), .op = 0xffff };

	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_TEST_CMD, &cmd, "IOMMU_TEST_CMD(0xffff)"));
	cmd.size = offsetof(struct iommu_test_cmd, last);
	EXPECT_ERRNO(EINVAL, call(self->fd, IOMMU_TEST_CMD, &cmd, "IOMMU_TEST_CMD(short)"));
}

TEST_F(mock, hw_info_is_the_selftests)
{
	struct iommu_test_hw_info info = { .flags = ~0U };
	struct iommu_hw_info cmd = {};
	struct mock mock;

	ASSERT_OK(attach(&mock));
	ASSERT_OK(hw_info(self->fd, mock.dev, &info, sizeof(info), &cmd));
	EXPECT_EQ(IOMMU_HW_INFO_TYPE_SELFTEST, cmd.out_data_type);
	EXPECT_EQ(sizeof(info), cmd.data_len);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(IOMMU_HW_INFO_SELFTEST_REGVAL, info.test_reg);

	cmd = (struct iommu_hw_info){
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.in_data_type = IOMMU_HW_INFO_TYPE_SELFTEST,
	};
	EXPECT_OK(hw_info(self->fd, mock.dev, &info, sizeof(info), &cmd));
	cmd = (struct iommu_hw_info){
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.in_data_type = IOMMU_HW_INFO_TYPE_INTEL_VTD,
	};
	EXPECT_ERRNO(EOPNOTSUPP, hw_info(self->fd, mock.dev, &info, sizeof(info), &cmd));
}

/* ---- Pages of half a page ---- */

TEST_F(mock, each_half_of_a_page_can_be_mapped_alone)
{
	struct mock mock;
	__u64 iova = AT;

	ASSERT_OK(attach(&mock));
	/* Backwards, so that no two halves are neighbours by chance. */
	for (int i = 2 * NR_PAGES - 1; i >= 0; i--, iova += HALF)
		ASSERT_OK(map(self->pages + i * HALF, HALF, iova));
	iova = AT;
	for (int i = 2 * NR_PAGES - 1; i >= 0; i--, iova += HALF)
		ASSERT_OK(check_map(mock.hwpt, iova, self->pages + i * HALF, HALF));
	EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, AT, self->pages, HALF));
	/* Each half is a mapping of its own, and pins its page. */
	EXPECT_OK(check_refs(self->pages, LENGTH, 2));
	ASSERT_OK(unmap(AT, HALF));
	EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, AT, self->pages + LENGTH - HALF, HALF));
	EXPECT_OK(check_map(mock.hwpt, AT + HALF, self->pages + LENGTH - PAGE, HALF));
	EXPECT_OK(check_refs(self->pages, LENGTH - PAGE, 2));
	EXPECT_OK(check_refs(self->pages + LENGTH - PAGE, PAGE, 1));
}

TEST_F(mock, an_area_can_begin_and_end_within_a_page)
{
	const __u64 length = 5 * PAGE + HALF;
	const __u64 offsets[] = { 0, HALF };
	struct mock mock;

	ASSERT_OK(attach(&mock));
	for (int at = 0; at < 2; at++) {
		for (int va = 0; va < 2; va++) {
			char *from = self->pages + PAGE + offsets[va];
			__u64 iova = AT + offsets[at];

			ASSERT_OK(map(from, length, iova));
			EXPECT_OK(check_map(mock.hwpt, iova, from, length));
			EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, iova - HALF, from - HALF,
						       HALF));
			EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, iova + length, from + length,
						       HALF));
			EXPECT_OK(check_refs(self->pages, PAGE, 0));
			EXPECT_OK(check_refs(self->pages + PAGE, 6 * PAGE, 1));
			EXPECT_OK(check_refs(self->pages + 7 * PAGE, PAGE, 0));
			ASSERT_OK(unmap(iova, length));
			EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, iova, from, HALF));
			EXPECT_OK(check_refs(self->pages, LENGTH, 0));
		}
	}
}

TEST_F(mock, less_than_half_a_page_is_refused_once_there_is_a_device)
{
	__u64 iova = AT;
	struct mock mock;

	ASSERT_OK(map(self->pages, 1, AT));
	EXPECT_ERRNO(EADDRINUSE, attach(&mock));
	ASSERT_OK(unmap(AT, 1));
	ASSERT_OK(attach(&mock));
	EXPECT_ERRNO(EINVAL, map(self->pages, HALF / 2, AT));
	EXPECT_ERRNO(EINVAL, map(self->pages, HALF, AT + HALF / 2));
	EXPECT_ERRNO(EINVAL, map(self->pages + HALF / 2, HALF, AT));
	EXPECT_ERRNO(EINVAL, map_any(HALF + 1, &iova));
	EXPECT_OK(check_refs(self->pages, LENGTH, 0));
}

TEST_F(mock, many_sizes_at_many_places)
{
	struct mock mock;
	__u64 iova = AT;

	ASSERT_OK(attach(&mock));
	for (__u64 start = 0; start < 8 * HALF; start += HALF) {
		for (__u64 length = HALF; start + length <= LENGTH; length += 3 * HALF) {
			ASSERT_OK(map(self->pages + start, length, iova));
			ASSERT_OK(check_map(mock.hwpt, iova, self->pages + start, length));
			iova += length + HALF;
		}
	}
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_OK(check_refs(self->pages, LENGTH, 0));
	EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, AT, self->pages, HALF));
}

/* ---- The aperture, and what else is reserved ---- */

TEST_F(mock, the_aperture_is_what_can_be_mapped)
{
	struct iommu_iova_range ranges[4];
	__u64 alignment = 0;
	struct mock mock;
	__u32 num = 4;

	ASSERT_OK(attach(&mock));
	ASSERT_OK(ioas_iova_ranges(self->fd, self->ioas, ranges, &num, &alignment));
	EXPECT_EQ(1, num);
	EXPECT_EQ(MOCK_APERTURE_START, ranges[0].start);
	EXPECT_EQ(MOCK_APERTURE_LAST, ranges[0].last);
	EXPECT_EQ(HALF, alignment);

	ASSERT_OK(map(self->pages, HALF, MOCK_APERTURE_START));
	EXPECT_OK(check_map(mock.hwpt, MOCK_APERTURE_START, self->pages, HALF));
	ASSERT_OK(map(self->pages, PAGE, END - PAGE));
	EXPECT_OK(check_map(mock.hwpt, END - PAGE, self->pages, PAGE));
	EXPECT_ERRNO(EINVAL, map(self->pages, HALF, MOCK_APERTURE_START - HALF));
	EXPECT_ERRNO(EINVAL, map(self->pages, HALF, END));
	ASSERT_OK(unmap(END - PAGE, PAGE));
	EXPECT_ERRNO(EINVAL, map(self->pages, PAGE + HALF, END - PAGE));
	EXPECT_OK(map(self->pages, HALF, END - HALF));
}

TEST_F(mock, an_area_outside_the_aperture_keeps_devices_away)
{
	const __u64 outside[] = { 0, MOCK_APERTURE_START - HALF, END - HALF, END };
	struct mock mock;

	for (int i = 0; i < 4; i++) {
		ASSERT_OK(map(self->pages, PAGE, outside[i]));
		EXPECT_ERRNO(EADDRINUSE, attach(&mock));
		EXPECT_EQ(0, mock_count());
		EXPECT_OK(check_refs(self->pages, PAGE, 0));
		ASSERT_OK(unmap(outside[i], PAGE));
	}
	EXPECT_OK(attach(&mock));
}

TEST_F(mock, a_reserved_range_is_no_place_for_an_area)
{
	struct mock mock;

	EXPECT_ERRNO(EINVAL, reserve(AT, 0));
	EXPECT_ERRNO(EOVERFLOW, reserve(UINT64_MAX - PAGE + 1, PAGE + 1));
	EXPECT_ERRNO(ENOENT, mock_reserve(self->fd, NO_ID, AT, PAGE));

	ASSERT_OK(reserve(AT, PAGE));
	ASSERT_OK(attach(&mock));
	EXPECT_ERRNO(EINVAL, map(self->pages, HALF, AT + HALF));
	EXPECT_ERRNO(EINVAL, map(self->pages, PAGE, AT - HALF));
	EXPECT_OK(map(self->pages, PAGE, AT - PAGE));
	EXPECT_OK(map(self->pages, PAGE, AT + PAGE));
	EXPECT_ERRNO(EADDRINUSE, reserve(AT + PAGE, 1));
	EXPECT_OK(reserve(UINT64_MAX, 1));
}

TEST_F(mock, the_kernel_chooses_what_is_free_and_not_reserved)
{
	struct mock mock;
	__u64 iova;

	ASSERT_OK(attach(&mock));
	/* All that is left is four pages at one end and four at the other. */
	ASSERT_OK(reserve(MOCK_APERTURE_START + 4 * PAGE,
			  END - MOCK_APERTURE_START - 8 * PAGE));
	for (int i = 0; i < 8; i++) {
		ASSERT_OK(map_any(PAGE, &iova));
		EXPECT_TRUE((iova >= MOCK_APERTURE_START &&
			     iova <= MOCK_APERTURE_START + 3 * PAGE) ||
			    (iova >= END - 4 * PAGE && iova <= END - PAGE)) {
			TH_LOG("IOVA %#llx is not free", iova);
		}
		EXPECT_OK(check_map(mock.hwpt, iova, self->pages, PAGE));
	}
	EXPECT_ERRNO(ENOSPC, map_any(HALF, &iova));
	EXPECT_OK(check_refs(self->pages, PAGE, 8));
	ASSERT_OK(unmap(END - 3 * PAGE, 2 * PAGE));
	EXPECT_ERRNO(ENOSPC, map_any(3 * PAGE, &iova));
	EXPECT_OK(map_any(2 * PAGE, &iova));
	EXPECT_EQ(END - 3 * PAGE, iova);
}

/* ---- Several domains, one memory ---- */

TEST_F(mock, a_later_hwpt_is_filled_from_what_is_there)
{
	struct mock mock;
	__u32 second, third, hwpt;

	ASSERT_OK(map(self->pages, 5 * PAGE, AT));
	ASSERT_OK(map(self->pages + 7 * PAGE + HALF, HALF, AT + 0x100000 + HALF));
	EXPECT_OK(check_refs(self->pages, LENGTH, 0));
	ASSERT_OK(attach(&mock));
	ASSERT_OK(hwpt_alloc(self->fd, mock.dev, self->ioas, &second));
	ASSERT_OK(map(self->pages + 8 * PAGE, 8 * PAGE, AT + 0x200000));
	ASSERT_OK(hwpt_alloc(self->fd, mock.dev, self->ioas, &third));
	for (int i = 0; i < 3; i++) {
		hwpt = i == 0 ? mock.hwpt : i == 1 ? second : third;
		EXPECT_OK(check_map(hwpt, AT, self->pages, 5 * PAGE));
		EXPECT_OK(check_map(hwpt, AT + 0x100000 + HALF,
				    self->pages + 7 * PAGE + HALF, HALF));
		EXPECT_OK(check_map(hwpt, AT + 0x200000, self->pages + 8 * PAGE, 8 * PAGE));
	}

	ASSERT_OK(unmap(AT, 5 * PAGE));
	EXPECT_ERRNO(EINVAL, check_map(mock.hwpt, AT, self->pages, HALF));
	EXPECT_ERRNO(EINVAL, check_map(second, AT, self->pages, HALF));
	EXPECT_ERRNO(EINVAL, check_map(third, AT, self->pages, HALF));
	EXPECT_OK(check_refs(self->pages, 7 * PAGE, 0));
	EXPECT_OK(check_refs(self->pages + 7 * PAGE, 9 * PAGE, 1));
}

TEST_F(mock, a_page_is_pinned_once_and_while_a_domain_holds_it)
{
	struct mock mock;
	__u32 second;

	ASSERT_OK(map(self->pages, LENGTH, AT));
	EXPECT_OK(check_refs(self->pages, LENGTH, 0));
	EXPECT_ERRNO(EIO, check_refs(self->pages, LENGTH, 1));
	/* No pages have as many references as one likes */
	EXPECT_OK(check_refs(self->pages, 0, 7));
	ASSERT_OK(attach(&mock));
	EXPECT_OK(check_refs(self->pages, LENGTH, 1));
	EXPECT_EQ(self->pinned + (long)LENGTH, memory_pinned());
	ASSERT_OK(hwpt_alloc(self->fd, mock.dev, self->ioas, &second));
	EXPECT_OK(check_refs(self->pages, LENGTH, 1));
	EXPECT_EQ(self->pinned + (long)LENGTH, memory_pinned());
	ASSERT_OK(destroy(self->fd, mock.id));
	EXPECT_OK(check_refs(self->pages, LENGTH, 1));
	ASSERT_OK(destroy(self->fd, second));
	EXPECT_OK(check_refs(self->pages, LENGTH, 0));
	EXPECT_EQ(self->pinned, memory_pinned());
	/* And again. */
	ASSERT_OK(attach(&mock));
	EXPECT_OK(check_map(mock.hwpt, AT, self->pages, LENGTH));
	EXPECT_OK(check_refs(self->pages, LENGTH, 1));
	ASSERT_OK(unmap(AT, LENGTH));
	EXPECT_OK(check_refs(self->pages, LENGTH, 0));
}

TEST_F(mock, what_cannot_be_pinned_leaves_no_trace)
{
	char *hole = self->pages + 9 * PAGE;
	struct mock mock;

	ASSERT_EQ(0, munmap(hole, PAGE));
	ASSERT_OK(attach(&mock));
	EXPECT_ERRNO(EFAULT, map(self->pages, LENGTH, AT));
	EXPECT_OK(check_refs(self->pages, 9 * PAGE, 0));
	EXPECT_ERRNO(EFAULT, check_refs(self->pages, LENGTH, 0));
	EXPECT_EQ(self->pinned, memory_pinned());
	EXPECT_OK(map(self->pages, 9 * PAGE, AT));
	EXPECT_OK(check_map(mock.hwpt, AT, self->pages, 9 * PAGE));
	ASSERT_OK(destroy(self->fd, mock.id));

	/* Found out only when the area comes to its first domain. */
	ASSERT_OK(map(self->pages, LENGTH, AT + 0x100000));
	EXPECT_ERRNO(EFAULT, attach(&mock));
	EXPECT_OK(check_refs(self->pages, 9 * PAGE, 0));
	/* The teardown looks at each page. */
	ASSERT_EQ(hole, mmap(hole, PAGE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, -1, 0));
	memset(hole, 1, PAGE);
}

/* ---- From one IOAS to another ---- */

TEST_F(mock, a_device_can_move_to_another_ioas)
{
	struct mock mock;
	__u32 other, first;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(map(self->pages, 4 * PAGE, AT));
	ASSERT_OK(ioas_map_at(self->fd, other, self->pages + 4 * PAGE, 4 * PAGE, AT));
	ASSERT_OK(attach(&mock));
	first = mock.hwpt;
	EXPECT_OK(check_refs(self->pages, 4 * PAGE, 1));
	EXPECT_OK(check_refs(self->pages + 4 * PAGE, 4 * PAGE, 0));

	ASSERT_OK(mock_replace(self->fd, &mock, other));
	EXPECT_NE(first, mock.hwpt);
	EXPECT_OK(check_map(mock.hwpt, AT, self->pages + 4 * PAGE, 4 * PAGE));
	/* The automatic HWPT went with its last device, and the pins with it. */
	EXPECT_ERRNO(ENOENT, check_map(first, AT, self->pages, 4 * PAGE));
	EXPECT_OK(check_refs(self->pages, 4 * PAGE, 0));
	EXPECT_OK(check_refs(self->pages + 4 * PAGE, 4 * PAGE, 1));
	EXPECT_OK(destroy(self->fd, self->ioas));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, other));
}

TEST_F(mock, a_move_that_fails_changes_nothing)
{
	struct mock mock;
	__u32 other, first;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(map(self->pages, PAGE, AT));
	ASSERT_OK(ioas_map_at(self->fd, other, self->pages + PAGE, PAGE, 0));
	ASSERT_OK(attach(&mock));
	first = mock.hwpt;
	EXPECT_ERRNO(EADDRINUSE, mock_replace(self->fd, &mock, other));
	EXPECT_ERRNO(ENOENT, mock_replace(self->fd, &mock, NO_ID));
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &mock, mock.dev));
	EXPECT_EQ(first, mock.hwpt);
	EXPECT_OK(check_map(first, AT, self->pages, PAGE));
	EXPECT_OK(check_refs(self->pages, PAGE, 1));
	EXPECT_OK(check_refs(self->pages + PAGE, PAGE, 0));
	/* The aperture's edges were not left in the other one. */
	EXPECT_OK(ioas_map_at(self->fd, other, self->pages, PAGE, END));
	EXPECT_OK(mock_replace(self->fd, &mock, first));
}

/* ---- Larger pages ---- */

TEST_F(mock, a_table_of_larger_pages_has_its_own_limits)
{
	struct iommu_iova_range range;
	struct mock mock;
	__u64 alignment;
	__u32 huge, num = 1;

	ASSERT_OK(map(self->pages, HALF, AT));
	ASSERT_OK(attach(&mock));
	EXPECT_ERRNO(EADDRINUSE, mock_hwpt_alloc(self->fd, mock.dev, self->ioas,
						 MOCK_IOMMUPT_HUGE, &huge));
	EXPECT_ERRNO(EOPNOTSUPP, mock_hwpt_alloc(self->fd, mock.dev, self->ioas, 77, &huge));
	ASSERT_OK(unmap(AT, HALF));
	ASSERT_OK(mock_hwpt_alloc(self->fd, mock.dev, self->ioas, MOCK_IOMMUPT_HUGE, &huge));
	EXPECT_ERRNO(EINVAL, map(self->pages, HALF, AT));

	/* Both limits hold while there are both, and one goes with the other's device. */
	EXPECT_ERRNO(EINVAL, map(self->pages, PAGE, END));
	ASSERT_OK(mock_replace(self->fd, &mock, huge));
	EXPECT_EQ(huge, mock.hwpt);
	ASSERT_OK(ioas_iova_ranges(self->fd, self->ioas, &range, &num, &alignment));
	EXPECT_EQ(0, range.start);
	EXPECT_EQ(UINT64_MAX, range.last);
	EXPECT_EQ(PAGE, alignment);
	ASSERT_OK(map(self->pages, LENGTH, END));
	EXPECT_OK(check_map(huge, END, self->pages, LENGTH));
}

TEST_F(mock, huge_memory_is_there_page_by_page)
{
	struct mock mock;
	const char *why;
	char *memory = memory_alloc(MEMORY_THP, 2 * HUGE, &why);
	__u32 huge;

	if (!memory)
		SKIP(return, "%s", why);
	ASSERT_OK(attach(&mock));
	ASSERT_OK(mock_hwpt_alloc(self->fd, mock.dev, self->ioas, MOCK_IOMMUPT_HUGE, &huge));
	ASSERT_OK(map(memory, 2 * HUGE, AT));
	EXPECT_OK(check_map(mock.hwpt, AT, memory, 2 * HUGE));
	EXPECT_OK(check_map(huge, AT, memory, 2 * HUGE));
	/* Neither address agrees with a huge page's. */
	ASSERT_OK(map(memory + PAGE, HUGE, AT + 4 * HUGE + 3 * PAGE));
	EXPECT_OK(check_map(mock.hwpt, AT + 4 * HUGE + 3 * PAGE, memory + PAGE, HUGE));
	EXPECT_OK(check_map(huge, AT + 4 * HUGE + 3 * PAGE, memory + PAGE, HUGE));
	ASSERT_OK(unmap(AT, 2 * HUGE));
	EXPECT_OK(check_map(huge, AT + 4 * HUGE + 3 * PAGE, memory + PAGE, HUGE));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(self->pinned, memory_pinned());
}

TEST_HARNESS_MAIN
