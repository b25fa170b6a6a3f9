// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's container ioctls on an iommufd. What programs expect of a container is
 * tried on the one of vfio_iommu_type1 too, by the same lines: where the two are not
 * the same, the variant says so.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/container.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define THERE	0x80000000ULL

#define NR_PAGES 8

/* How many mappings a container takes. */
#define MAX_MAPPINGS 65535

FIXTURE(container)
{
	struct edu edu;
	int fd, group;
	bool iommufd;
	__u8 *pages;
};

FIXTURE_VARIANT(container)
{
	const char *node;
	unsigned long type;
};

FIXTURE_VARIANT_ADD(container, type1)
{
	.node = "/dev/vfio/vfio",
	.type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(container, type1v2)
{
	.node = "/dev/vfio/vfio",
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_VARIANT_ADD(container, iommufd_type1)
{
	.node = "/dev/iommu",
	.type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(container, iommufd_type1v2)
{
	.node = "/dev/iommu",
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_SETUP(container)
{
	find_edu(_metadata, &self->edu, 0);
	self->fd = container_open(variant->node);
	ASSERT_LE(0, self->fd);
	self->iommufd = container_is_iommufd(self->fd);
	self->group = group_open(&self->edu);
	ASSERT_LE(0, self->group);
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, variant->type));
	ASSERT_OK(group_get_device(self->group, &self->edu));
	ASSERT_OK(edu_start(&self->edu));
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, NR_PAGES * PAGE, 1);
}

FIXTURE_TEARDOWN(container)
{
	edu_close(&self->edu);
	close(self->group);
	close(self->fd);
}

#define map_pages(page, nr, iova) \
	container_map(self->fd, DMA_RW, self->pages + (page) * PAGE, (nr) * PAGE, iova)
#define is_v1() (variant->type == VFIO_TYPE1_IOMMU)

/* A range is unmapped, and it is that many bytes. */
#define EXPECT_UNMAPPED(bytes, iova, size) do { \
	__u64 unmapped_ = ~0ULL; \
	EXPECT_OK(container_unmap(self->fd, iova, size, &unmapped_)); \
	EXPECT_EQ(bytes, unmapped_); \
} while (0)

/* The device gets at a page, which is of the fixture's, and at no other. */
static void expect_reaches(struct __test_metadata *_metadata, FIXTURE_DATA(container) *self,
			   unsigned int page, __u64 iova)
{
	__u8 *memory = self->pages + page * PAGE;

	memset(memory, 0x5a, PAGE);
	EXPECT_EQ(0, edu_fetch(&self->edu, iova, PAGE));
	memset(memory, 0, PAGE);
	EXPECT_EQ(0, edu_store(&self->edu, iova, PAGE));
	EXPECT_TRUE(memory_is_all(memory, PAGE, 0x5a));
}

/* Not a byte of the page comes or goes. */
static void expect_does_not_reach(struct __test_metadata *_metadata,
				  FIXTURE_DATA(container) *self, unsigned int page, __u64 iova)
{
	__u8 *memory = self->pages + page * PAGE;

	memset(memory, 0xa5, PAGE);
	EXPECT_EQ(0, edu_store(&self->edu, iova, PAGE));
	EXPECT_TRUE(memory_is_all(memory, PAGE, 0xa5));
}

TEST_F(container, says_what_it_can_do)
{
	EXPECT_EQ(VFIO_API_VERSION, ioctl(self->fd, VFIO_GET_API_VERSION));
	EXPECT_EQ(1, container_check(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, container_check(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, container_check(self->fd, VFIO_UNMAP_ALL));
	EXPECT_EQ(0, container_check(self->fd, VFIO_SPAPR_TCE_IOMMU));
	EXPECT_EQ(0, container_check(self->fd, VFIO_SPAPR_TCE_v2_IOMMU));
	EXPECT_EQ(0, container_check(self->fd, VFIO_EEH));
	EXPECT_EQ(0, container_check(self->fd, VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(0, container_check(self->fd, 12345));
	/* What an iommufd leaves out. */
	EXPECT_EQ(!self->iommufd, container_check(self->fd, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(!self->iommufd, container_check(self->fd, VFIO_UPDATE_VADDR));
}

/* One container's word is compared with the other's. */
TEST_F(container, says_what_can_be_mapped_as_the_other_does)
{
	struct container_info one, other;
	int coherent, fd, group;
	struct edu edu;

	ASSERT_OK(container_info(self->fd, &one));
	coherent = container_check(self->fd, VFIO_DMA_CC_IOMMU);
	EXPECT_TRUE(coherent == 0 || coherent == 1);
	edu_close(&self->edu);
	close(self->group);

	fd = container_open(self->iommufd ? "/dev/vfio/vfio" : "/dev/iommu");
	ASSERT_LE(0, fd);
	edu = self->edu;
	group = group_open(&edu);
	ASSERT_LE(0, group);
	ASSERT_OK(group_set_container(group, fd));
	ASSERT_OK(container_set_iommu(fd, variant->type));
	ASSERT_OK(container_info(fd, &other));
	EXPECT_EQ(coherent, container_check(fd, VFIO_DMA_CC_IOMMU));

	EXPECT_EQ(one.pgsizes, other.pgsizes);
	EXPECT_EQ(MAX_MAPPINGS, one.avail);
	EXPECT_EQ(MAX_MAPPINGS, other.avail);
	EXPECT_LE(1, one.nr_ranges);
	ASSERT_EQ(one.nr_ranges, other.nr_ranges);
	for (unsigned int i = 0; i < one.nr_ranges; i++) {
		EXPECT_EQ(one.ranges[i].start, other.ranges[i].start);
		EXPECT_EQ(one.ranges[i].end, other.ranges[i].end);
	}
	close(group);
	close(fd);
}

TEST_F(container, info_has_what_room_there_is_for)
{
	struct {
		struct vfio_iommu_type1_info info;
		__u8 room[1024];
	} answer = { .info.argsz = offsetof(struct vfio_iommu_type1_info, iova_pgsizes) };
	const __u32 flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	struct container_info info;
	__u32 whole;

#define GET_INFO() call(self->fd, VFIO_IOMMU_GET_INFO, &answer, \
			"VFIO_IOMMU_GET_INFO(argsz %u)", answer.info.argsz)
	EXPECT_ERRNO(EINVAL, GET_INFO());
	EXPECT_ERRNO(EFAULT, call(self->fd, VFIO_IOMMU_GET_INFO, NULL,
				  "VFIO_IOMMU_GET_INFO(NULL)"));

	/* As long as it was once: what is behind stays the program's. */
	memset(&answer, 0xff, sizeof(answer));
	answer.info.argsz = offsetof(struct vfio_iommu_type1_info, cap_offset);
	ASSERT_OK(GET_INFO());
	EXPECT_EQ(flags, answer.info.flags);
	EXPECT_TRUE(answer.info.iova_pgsizes & PAGE);
	EXPECT_EQ(0xffffffff, answer.info.cap_offset);

	memset(&answer, 0, sizeof(answer));
	answer.info.argsz = sizeof(answer.info);
	ASSERT_OK(GET_INFO());
	whole = answer.info.argsz;
	EXPECT_LT(sizeof(answer.info), whole);
	ASSERT_GE(sizeof(answer), whole);

	for (__u32 argsz = sizeof(answer.info); argsz <= whole; argsz++) {
		memset(&answer, 0, sizeof(answer));
		answer.info.argsz = argsz;
		ASSERT_OK(GET_INFO());
		EXPECT_EQ(flags, answer.info.flags);
		EXPECT_EQ(whole, answer.info.argsz);
		EXPECT_EQ(argsz == whole, answer.info.cap_offset != 0);
		EXPECT_EQ(argsz == whole, !memory_is_all(answer.room, sizeof(answer.room), 0));
		EXPECT_OK(container_read_caps(&answer.info, &info));
	}
	EXPECT_LE(1, info.nr_ranges);
#undef GET_INFO
}

TEST_F(container, info_counts_mappings)
{
	struct container_info info;

	ASSERT_OK(map_pages(0, 1, AT));
	ASSERT_OK(map_pages(2, 2, AT + 2 * PAGE));
	ASSERT_OK(container_info(self->fd, &info));
	EXPECT_EQ(MAX_MAPPINGS - 2, info.avail);
	ASSERT_OK(container_unmap_all(self->fd, NULL));
	ASSERT_OK(container_info(self->fd, &info));
	EXPECT_EQ(MAX_MAPPINGS, info.avail);
}

TEST_F(container, has_its_type_once)
{
	EXPECT_ERRNO(EINVAL, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_ERRNO(EINVAL, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
}

TEST_F(container, refuses_types_it_does_not_have)
{
	edu_close(&self->edu);
	ASSERT_OK(group_unset_container(self->group));
	ASSERT_OK(group_set_container(self->group, self->fd));
	EXPECT_ERRNO(ENODEV, container_set_iommu(self->fd, VFIO_SPAPR_TCE_IOMMU));
	EXPECT_ERRNO(ENODEV, container_set_iommu(self->fd, 0));
	EXPECT_ERRNO(ENODEV, container_set_iommu(self->fd, ~0UL));
	EXPECT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
}

TEST_F(container, refuses_ioctls_it_does_not_have)
{
	EXPECT_ERRNO(ENOTTY, call(self->fd, VFIO_IOMMU_ENABLE, NULL, "VFIO_IOMMU_ENABLE()"));
	EXPECT_ERRNO(ENOTTY, call(self->fd, VFIO_DEVICE_RESET, NULL, "VFIO_DEVICE_RESET()"));
	EXPECT_ERRNO(ENOTTY, call(self->fd, _IO(VFIO_TYPE, 0), NULL, "_IO(VFIO_TYPE, 0)"));
}

/* That is asked of the page tables: IOMMU_HWPT_GET_DIRTY_BITMAP. */
TEST_F(container, of_an_iommufd_does_not_track_dirty_pages)
{
	struct vfio_iommu_type1_dirty_bitmap cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	const int expected = self->iommufd ? ENOTTY : is_v1() ? EACCES : 0;

	EXPECT_ERRNO(expected, call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &cmd,
				    "VFIO_IOMMU_DIRTY_PAGES(start)"));
}

TEST_F(container, lets_the_device_reach_what_is_mapped)
{
	ASSERT_OK(map_pages(0, 2, AT));
	ASSERT_OK(map_pages(4, 1, THERE));
	EXPECT_EQ(0, edu_copy(&self->edu, THERE, AT + PAGE, PAGE));
	EXPECT_EQ(0, memcmp(self->pages + 4 * PAGE, self->pages + PAGE, PAGE));
	EXPECT_UNMAPPED(PAGE, THERE, PAGE);
	expect_does_not_reach(_metadata, self, 4, THERE);
	expect_reaches(_metadata, self, 0, AT);
}

TEST_F(container, maps_for_reading_or_writing_only)
{
	ASSERT_OK(container_map(self->fd, VFIO_DMA_MAP_FLAG_READ, self->pages, PAGE, AT));
	ASSERT_OK(map_pages(1, 1, THERE));
	EXPECT_EQ(0, edu_copy(&self->edu, THERE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->pages + PAGE, PAGE, 1));
	expect_does_not_reach(_metadata, self, 0, AT);
	EXPECT_OK(container_map(self->fd, VFIO_DMA_MAP_FLAG_WRITE, self->pages + 2 * PAGE,
				PAGE, AT + PAGE));
	EXPECT_EQ(0, edu_copy(&self->edu, AT + PAGE, THERE, PAGE));
	EXPECT_TRUE(memory_is(self->pages + 2 * PAGE, PAGE, 1));
}

TEST_F(container, map_refuses_bad_arguments)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd) - 1,
		.flags = DMA_RW,
		.vaddr = (uintptr_t)self->pages,
		.iova = AT,
		.size = PAGE,
	};

	EXPECT_ERRNO(EINVAL, call(self->fd, VFIO_IOMMU_MAP_DMA, &cmd,
				  "VFIO_IOMMU_MAP_DMA(argsz %u)", cmd.argsz));
	EXPECT_ERRNO(EFAULT, call(self->fd, VFIO_IOMMU_MAP_DMA, NULL,
				  "VFIO_IOMMU_MAP_DMA(NULL)"));
#define MAP(flags, va, size, iova) \
	container_map(self->fd, flags, (const void *)(va), size, iova)
	EXPECT_ERRNO(EINVAL, MAP(0, self->pages, PAGE, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW | 1U << 31, self->pages, PAGE, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW | VFIO_DMA_MAP_FLAG_VADDR, self->pages, PAGE, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages, 0, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages, PAGE / 2, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages, PAGE + 1, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages, PAGE, AT + 1));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages + 8, PAGE, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages, 2 * PAGE, -PAGE));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, -PAGE, 2 * PAGE, AT));
	EXPECT_ERRNO(EINVAL, MAP(DMA_RW, self->pages, -PAGE, 2 * PAGE));
#undef MAP
	EXPECT_UNMAPPED(0, AT, PAGE);
}

TEST_F(container, map_refuses_what_is_mapped_already)
{
	ASSERT_OK(map_pages(0, 2, AT));
	EXPECT_ERRNO(EEXIST, map_pages(0, 2, AT));
	EXPECT_ERRNO(EEXIST, map_pages(2, 1, AT + PAGE));
	EXPECT_ERRNO(EEXIST, map_pages(2, 4, AT - PAGE));
	EXPECT_OK(map_pages(2, 1, AT + 2 * PAGE));
	EXPECT_OK(map_pages(3, 1, AT - PAGE));
	EXPECT_UNMAPPED(4 * PAGE, AT - PAGE, 4 * PAGE);
}

TEST_F(container, map_refuses_memory_that_is_not_there)
{
	void *readonly = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, readonly);
	EXPECT_ERRNO(EFAULT, container_map(self->fd, DMA_RW, readonly, PAGE, AT));
	EXPECT_OK(container_map(self->fd, VFIO_DMA_MAP_FLAG_READ, readonly, PAGE, AT));
	munmap(self->pages + PAGE, PAGE);
	EXPECT_ERRNO(EFAULT, map_pages(0, 3, THERE));
	EXPECT_UNMAPPED(0, THERE, 3 * PAGE);
}

TEST_F(container, map_refuses_what_the_device_cannot_use)
{
	struct container_info info;
	__u64 start, last;

	ASSERT_OK(container_info(self->fd, &info));
	last = info.ranges[info.nr_ranges - 1].end;
	if (last < ~0ULL - PAGE)
		EXPECT_ERRNO(EINVAL, map_pages(0, 2, last + 1 - PAGE));
	EXPECT_OK(map_pages(0, 1, last + 1 - PAGE));
	if (!edu_reserved_range(&self->edu, &start, &last))
		SKIP(return, "nothing is reserved");
	EXPECT_ERRNO(EINVAL, map_pages(0, 1, start & -PAGE));
	EXPECT_ERRNO(EINVAL, map_pages(0, 2, (start & -PAGE) - PAGE));
}

TEST_F(container, unmap_refuses_bad_arguments)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} cmd = {
		.unmap = {
			.argsz = sizeof(cmd.unmap) - 1,
			.iova = AT,
			.size = PAGE,
		},
		.bitmap = {
			.pgsize = PAGE,
			.size = 8,
			.data = (__u64 *)self->pages,
		},
	};

#define UNMAP(argsz_, flags_, iova_, size_) ({ \
	cmd.unmap.argsz = argsz_; \
	cmd.unmap.flags = flags_; \
	cmd.unmap.iova = iova_; \
	cmd.unmap.size = size_; \
	call(self->fd, VFIO_IOMMU_UNMAP_DMA, &cmd, "VFIO_IOMMU_UNMAP_DMA(" #argsz_ \
	     ", " #flags_ ", " #iova_ ", " #size_ ")"); \
})
	const __u32 argsz = sizeof(cmd.unmap);

	ASSERT_OK(map_pages(0, 1, AT));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz - 1, 0, AT, PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, 1U << 31, AT, PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, 0, AT, 0));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, 0, AT, PAGE / 2));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, 0, AT + 1, PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, 0, AT, -PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, 0, -PAGE, 2 * PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, VFIO_DMA_UNMAP_FLAG_ALL, AT, 0));
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, VFIO_DMA_UNMAP_FLAG_ALL, 0, PAGE));
	/* Nothing is tracked, so there is nothing to get. */
	EXPECT_ERRNO(EINVAL, UNMAP(argsz, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, AT, PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(sizeof(cmd), VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, AT,
				   PAGE));
	EXPECT_ERRNO(EINVAL, UNMAP(sizeof(cmd), VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP |
				   VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	EXPECT_ERRNO(EFAULT, call(self->fd, VFIO_IOMMU_UNMAP_DMA, NULL,
				  "VFIO_IOMMU_UNMAP_DMA(NULL)"));
#undef UNMAP
	/* It is there still. */
	EXPECT_UNMAPPED(PAGE, AT, PAGE);
}

TEST_F(container, unmap_where_nothing_is_mapped_succeeds)
{
	__u64 unmapped = ~0ULL;

	EXPECT_UNMAPPED(0, AT, PAGE);
	EXPECT_UNMAPPED(0, 0, 1ULL << 63);
	EXPECT_OK(container_unmap_all(self->fd, &unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_F(container, unmap_takes_all_that_is_in_the_range)
{
	ASSERT_OK(map_pages(0, 1, AT));
	ASSERT_OK(map_pages(1, 2, AT + 2 * PAGE));
	ASSERT_OK(map_pages(3, 1, THERE));
	EXPECT_UNMAPPED(3 * PAGE, AT - PAGE, 16 * PAGE);
	expect_does_not_reach(_metadata, self, 0, AT);
	expect_does_not_reach(_metadata, self, 2, AT + 3 * PAGE);
	expect_reaches(_metadata, self, 3, THERE);
}

TEST_F(container, unmap_all_takes_all)
{
	__u64 unmapped = 0;

	ASSERT_OK(map_pages(0, 1, AT));
	ASSERT_OK(map_pages(1, 2, THERE));
	EXPECT_OK(container_unmap_all(self->fd, &unmapped));
	EXPECT_EQ(3 * PAGE, unmapped);
	expect_does_not_reach(_metadata, self, 0, AT);
	expect_does_not_reach(_metadata, self, 1, THERE);
	EXPECT_OK(map_pages(0, 4, AT));
}

/* v2 refuses; what v1 does is below. */
TEST_F(container, v2_does_not_unmap_part_of_a_mapping)
{
	const int expected = self->iommufd ? ENOENT : EINVAL;

	if (is_v1())
		return;
	ASSERT_OK(map_pages(0, 4, AT));
	EXPECT_ERRNO(expected, container_unmap(self->fd, AT, PAGE, NULL));
	EXPECT_ERRNO(expected, container_unmap(self->fd, AT + PAGE, PAGE, NULL));
	EXPECT_ERRNO(expected, container_unmap(self->fd, AT + 3 * PAGE, PAGE, NULL));
	EXPECT_ERRNO(expected, container_unmap(self->fd, AT - PAGE, 2 * PAGE, NULL));
	EXPECT_ERRNO(expected, container_unmap(self->fd, AT + 3 * PAGE, 2 * PAGE, NULL));
	expect_reaches(_metadata, self, 0, AT);
	expect_reaches(_metadata, self, 3, AT + 3 * PAGE);
	EXPECT_UNMAPPED(4 * PAGE, AT, 4 * PAGE);
}

/*
 * VFIO promises a v1 program nothing here but a true answer. vfio_iommu_type1 takes
 * the whole mapping if its first page is asked for, and else nothing; an iommufd
 * takes what is asked for.
 */
TEST_F(container, v1_says_what_it_unmapped_of_a_mapping)
{
	if (!is_v1())
		return;
	ASSERT_OK(map_pages(0, 4, AT));
	EXPECT_UNMAPPED(self->iommufd ? PAGE : 0, AT + 2 * PAGE, PAGE);
	expect_reaches(_metadata, self, 0, AT);
	expect_reaches(_metadata, self, 3, AT + 3 * PAGE);
	if (self->iommufd)
		expect_does_not_reach(_metadata, self, 2, AT + 2 * PAGE);
	EXPECT_UNMAPPED(self->iommufd ? PAGE : 4 * PAGE, AT, PAGE);
	expect_does_not_reach(_metadata, self, 0, AT);
	EXPECT_UNMAPPED(self->iommufd ? 2 * PAGE : 0, AT, 4 * PAGE);
	expect_does_not_reach(_metadata, self, 1, AT + PAGE);
	expect_does_not_reach(_metadata, self, 3, AT + 3 * PAGE);
}

TEST_F(container, keeps_mappings_when_its_file_is_closed)
{
	ASSERT_OK(map_pages(0, 1, AT));
	close(self->fd);
	expect_reaches(_metadata, self, 0, AT);
	self->fd = -1;
}

TEST_HARNESS_MAIN
