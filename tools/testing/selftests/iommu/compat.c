// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an iommufd in the place of a VFIO container has that a container has not: the
 * choice of its IOAS, and mappings that can be unmapped in pieces. And it is used as
 * programs are known to use a container.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/container.h"
#include "lib/mock.h"
#include "lib/shmem.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define THERE	0x80000000ULL

#define NR_PAGES 8

/* How many mappings a container takes. */
#define MAX_MAPPINGS 65535

/* ---- The pieces of a v1 mapping ---- */

FIXTURE(pieces)
{
	struct edu edu;
	int fd, group;
	__u8 *memory;
};

FIXTURE_VARIANT(pieces)
{
	enum memory_kind kind;
	unsigned long pages;
};

FIXTURE_VARIANT_ADD(pieces, pages_of_4k)
{
	.kind = MEMORY_4K,
	.pages = 16,
};

FIXTURE_VARIANT_ADD(pieces, thp)
{
	.kind = MEMORY_THP,
	.pages = 2 * HUGE / PAGE,
};

FIXTURE_VARIANT_ADD(pieces, hugetlb)
{
	.kind = MEMORY_HUGETLB,
	.pages = 2 * HUGE / PAGE,
};

FIXTURE_SETUP(pieces)
{
	find_edu(_metadata, &self->edu, 0);
	self->memory = alloc_memory(_metadata, variant->kind, variant->pages * PAGE);
	self->fd = container_open("/dev/iommu");
	ASSERT_LE(0, self->fd);
	self->group = group_open(&self->edu);
	ASSERT_LE(0, self->group);
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(group_get_device(self->group, &self->edu));
	ASSERT_OK(edu_start(&self->edu));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->memory, variant->pages * PAGE, AT));
}

FIXTURE_TEARDOWN(pieces)
{
	edu_close(&self->edu);
	close(self->group);
	close(self->fd);
}

/* A range is unmapped, and it is that many bytes. */
#define EXPECT_UNMAPPED(bytes, iova, size) do { \
	__u64 unmapped_ = ~0ULL; \
	EXPECT_OK(container_unmap(self->fd, iova, size, &unmapped_)); \
	EXPECT_EQ(bytes, unmapped_); \
} while (0)

/* From both ends and in the middle; what is left can be reached, and is pinned. */
TEST_F(pieces, go_one_by_one)
{
	const unsigned long order[] = { 0, variant->pages - 1, variant->pages / 2,
					variant->pages / 2 - 1, 3, 2 };
	const unsigned long kept = variant->pages / 2 + 1;
	long pinned = memory_pinned();

	for (unsigned int i = 0; i < ARRAY_SIZE(order); i++) {
		EXPECT_UNMAPPED(PAGE, AT + order[i] * PAGE, PAGE);
		EXPECT_UNMAPPED(0, AT + order[i] * PAGE, PAGE);
		EXPECT_EQ(pinned - (long)((i + 1) * PAGE), memory_pinned());

		memset(self->memory + order[i] * PAGE, 0x11, PAGE);
		memset(self->memory + kept * PAGE, 0x22, PAGE);
		EXPECT_EQ(0, edu_copy(&self->edu, AT + order[i] * PAGE, AT + kept * PAGE, PAGE));
		EXPECT_TRUE(memory_is_all(self->memory + order[i] * PAGE, PAGE, 0x11));
		EXPECT_EQ(0, edu_copy(&self->edu, AT + PAGE, AT + kept * PAGE, PAGE));
		EXPECT_TRUE(memory_is_all(self->memory + PAGE, PAGE, 0x22));
	}
	EXPECT_UNMAPPED((variant->pages - ARRAY_SIZE(order)) * PAGE, 0, 1ULL << 40);
	EXPECT_EQ(pinned - (long)(variant->pages * PAGE), memory_pinned());
}

/* The hole that one leaves can be filled, with other memory. */
TEST_F(pieces, make_room)
{
	__u8 *page = memory_pages(PAGE);
	struct container_info info;

	ASSERT_NE(NULL, page);
	EXPECT_UNMAPPED(PAGE, AT + 5 * PAGE, PAGE);
	ASSERT_OK(container_info(self->fd, &info));
	EXPECT_EQ(MAX_MAPPINGS - 2, info.avail);
	ASSERT_OK(container_map(self->fd, DMA_RW, page, PAGE, AT + 5 * PAGE));
	memset(self->memory + 4 * PAGE, 0x33, PAGE);
	EXPECT_EQ(0, edu_copy(&self->edu, AT + 5 * PAGE, AT + 4 * PAGE, PAGE));
	EXPECT_TRUE(memory_is_all(page, PAGE, 0x33));
	EXPECT_UNMAPPED(variant->pages * PAGE, AT, variant->pages * PAGE);
}

/* DMA to what stays sees nothing of it, whatever is cut and mapped beside. */
TEST_F(pieces, are_cut_while_the_device_works)
{
	__u8 *target = self->memory + 4 * PAGE;

	memset(self->memory + 3 * PAGE, 0x44, PAGE);
	ASSERT_EQ(0, edu_fetch(&self->edu, AT + 3 * PAGE, PAGE));
	for (unsigned int i = 5; i < 15; i++) {
		memset(target, 0, PAGE);
		edu_store_begin(&self->edu, AT + 4 * PAGE, PAGE);
		EXPECT_UNMAPPED(PAGE, AT + i * PAGE, PAGE);
		EXPECT_OK(container_map(self->fd, DMA_RW, self->memory + i * PAGE, PAGE,
					AT + i * PAGE));
		EXPECT_EQ(0, edu_wait(&self->edu));
		EXPECT_TRUE(memory_is_all(target, PAGE, 0x44));
	}
}

/* ---- Without a device ---- */

FIXTURE(compat)
{
	int fd;
	__u32 ioas;
	__u8 *pages;
};

FIXTURE_SETUP(compat)
{
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(compat)
{
	close(self->fd);
}

static int vfio_ioas(int fd, __u16 op, __u32 *ioas)
{
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.op = op,
		.ioas_id = *ioas,
	};
	int err = call(fd, IOMMU_VFIO_IOAS, &cmd, "IOMMU_VFIO_IOAS(op %u, ioas %u)", op, *ioas);

	*ioas = cmd.ioas_id;
	return err;
}

static int vfio_ioas_set(int fd, __u32 ioas)
{
	return vfio_ioas(fd, IOMMU_VFIO_IOAS_SET, &ioas);
}

static int vfio_ioas_clear(int fd)
{
	__u32 none = 0;

	return vfio_ioas(fd, IOMMU_VFIO_IOAS_CLEAR, &none);
}

TEST_F(compat, has_no_ioas_at_first)
{
	struct container_info info;
	__u32 ioas = 0;

	EXPECT_EQ(VFIO_API_VERSION, ioctl(self->fd, VFIO_GET_API_VERSION));
	EXPECT_EQ(1, container_check(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, container_check(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, container_check(self->fd, VFIO_DMA_CC_IOMMU));
	EXPECT_ERRNO(ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	EXPECT_ERRNO(ENODEV, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_ERRNO(ENODEV, container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_ERRNO(ENODEV, container_info(self->fd, &info));
	EXPECT_ERRNO(ENODEV, container_map(self->fd, DMA_RW, self->pages, PAGE, AT));
	EXPECT_ERRNO(ENODEV, container_unmap(self->fd, AT, PAGE, NULL));
	EXPECT_ERRNO(ENODEV, container_unmap_all(self->fd, NULL));
}

TEST_F(compat, ioas_is_chosen)
{
	__u32 ioas = 0;

	EXPECT_ERRNO(ENOENT, vfio_ioas_set(self->fd, NO_ID));
	EXPECT_ERRNO(ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	EXPECT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	EXPECT_EQ(self->ioas, ioas);
	/* It is not another object for that. */
	EXPECT_ERRNO(ENOENT, vfio_ioas_set(self->fd, NO_ID));
	EXPECT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	EXPECT_OK(vfio_ioas_clear(self->fd));
	EXPECT_ERRNO(ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	EXPECT_OK(vfio_ioas_clear(self->fd));
}

TEST_F(compat, ioas_ioctl_refuses_bad_arguments)
{
	struct iommu_vfio_ioas cmd = { .size = sizeof(cmd), .ioas_id = self->ioas };

#define VFIO_IOAS() call(self->fd, IOMMU_VFIO_IOAS, &cmd, \
			 "IOMMU_VFIO_IOAS(size %u, op %u, reserved %u)", cmd.size, cmd.op, \
			 cmd.__reserved)
	cmd.op = 3;
	EXPECT_ERRNO(EOPNOTSUPP, VFIO_IOAS());
	cmd.op = IOMMU_VFIO_IOAS_SET;
	cmd.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, VFIO_IOAS());
	cmd.__reserved = 0;
	cmd.size--;
	EXPECT_ERRNO(EINVAL, VFIO_IOAS());
#undef VFIO_IOAS
}

TEST_F(compat, ioas_that_is_destroyed_is_chosen_no_more)
{
	__u32 ioas = 0;

	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(destroy(self->fd, self->ioas));
	EXPECT_ERRNO(ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	/* Nor is another one that has its id now. */
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	EXPECT_ERRNO(ENODEV, container_map(self->fd, DMA_RW, self->pages, PAGE, AT));
	ASSERT_OK(vfio_ioas_set(self->fd, ioas));
	EXPECT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
}

TEST_F(compat, both_apis_see_one_ioas)
{
	__u64 unmapped;

	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, PAGE, AT));
	EXPECT_ERRNO(EEXIST, ioas_map_at(self->fd, self->ioas, self->pages, PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, THERE));
	EXPECT_ERRNO(EEXIST, container_map(self->fd, DMA_RW, self->pages, PAGE, THERE));
	EXPECT_OK(ioas_unmap(self->fd, self->ioas, AT, PAGE, NULL));
	EXPECT_OK(container_unmap(self->fd, AT, PAGE, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_OK(container_unmap_all(self->fd, &unmapped));
	EXPECT_EQ(PAGE, unmapped);
}

/* Large page-table entries cannot be cut: v1 begins before they do. */
TEST_F(compat, v1_comes_before_a_page_table_has_something)
{
	struct mock mock;

	if (!mock_exists(self->fd))
		SKIP(return, "no CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, AT));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	EXPECT_ERRNO(EBUSY, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(container_unmap_all(self->fd, NULL));
	EXPECT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
}

/* Each piece of what is cut has pages of its own. */
TEST_F(compat, v1_has_whole_pages)
{
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages + PAGE / 2, PAGE, AT));
	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	EXPECT_ERRNO(EADDRINUSE, container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(container_unmap_all(self->fd, NULL));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->pages + PAGE / 2, PAGE, AT));
}

TEST_F(compat, v1_goes_without_huge_pages)
{
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_GET,
		.object_id = self->ioas,
	};

#define OPTION() call(self->fd, IOMMU_OPTION, &option, "IOMMU_OPTION(op %u, huge pages %llu)", \
		      option.op, option.val64)
	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	ASSERT_OK(OPTION());
	EXPECT_EQ(1, option.val64);
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(OPTION());
	EXPECT_EQ(0, option.val64);
	/* Who has them nevertheless can unmap only what was mapped. */
	option.op = IOMMU_OPTION_OP_SET;
	option.val64 = 1;
	ASSERT_OK(OPTION());
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, 4 * PAGE, AT));
	EXPECT_ERRNO(ENOENT, container_unmap(self->fd, AT + PAGE, PAGE, NULL));
	EXPECT_ERRNO(ENOENT, container_unmap(self->fd, AT, PAGE, NULL));
	EXPECT_OK(container_unmap(self->fd, AT, 4 * PAGE, NULL));
#undef OPTION
}

/* Where nothing is pinned, with page tables smaller than pages, and in copies. */
TEST_F(compat, v1_cuts_without_a_device)
{
	__u64 unmapped;

	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, 4 * PAGE, AT));
	EXPECT_OK(container_unmap(self->fd, AT + PAGE, PAGE, &unmapped));
	EXPECT_EQ(PAGE, unmapped);
	EXPECT_ERRNO(ENOENT, ioas_unmap(self->fd, self->ioas, AT + 3 * PAGE, PAGE, NULL));
	EXPECT_OK(ioas_unmap(self->fd, self->ioas, AT + 2 * PAGE, 2 * PAGE, NULL));
	EXPECT_OK(container_unmap_all(self->fd, &unmapped));
	EXPECT_EQ(PAGE, unmapped);
}

TEST_F(compat, v1_cuts_in_the_mock)
{
	const unsigned long at = 0x2000000;
	struct mock mock;
	__u64 unmapped;
	__u32 copy;

	if (!mock_exists(self->fd))
		SKIP(return, "no CONFIG_IOMMUFD_TEST");
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, NR_PAGES * PAGE, at));
	ASSERT_OK(ioas_alloc(self->fd, &copy));
	ASSERT_OK(ioas_copy_at(self->fd, copy, self->ioas, at + PAGE, 4 * PAGE, at));

	EXPECT_OK(container_unmap(self->fd, at + 3 * PAGE, 2 * PAGE, &unmapped));
	EXPECT_EQ(2 * PAGE, unmapped);
	EXPECT_OK(mock_check_map(self->fd, mock.hwpt, at, self->pages, 3 * PAGE));
	EXPECT_OK(mock_check_map(self->fd, mock.hwpt, at + 5 * PAGE, self->pages + 5 * PAGE,
				 (NR_PAGES - 5) * PAGE));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, 3 * PAGE, 1));
	EXPECT_OK(mock_check_refs(self->fd, self->pages + 3 * PAGE, 2 * PAGE, 0));
	EXPECT_OK(mock_check_refs(self->fd, self->pages + 5 * PAGE, 3 * PAGE, 1));
	/* The copy is whole. */
	EXPECT_ERRNO(ENOENT, ioas_unmap(self->fd, copy, at, PAGE, NULL));
	EXPECT_OK(ioas_unmap(self->fd, copy, at, 4 * PAGE, NULL));
	EXPECT_OK(container_unmap_all(self->fd, &unmapped));
	EXPECT_EQ((NR_PAGES - 2) * PAGE, unmapped);
	EXPECT_OK(mock_check_refs(self->fd, self->pages, NR_PAGES * PAGE, 0));
}

/* What an access has pinned of an area it unpins before that is cut. */
TEST_F(compat, v1_cuts_what_an_access_has_pinned)
{
	__u32 pins;
	int access;

	if (!mock_exists(self->fd))
		SKIP(return, "no CONFIG_IOMMUFD_TEST");
	ASSERT_OK(vfio_ioas_set(self->fd, self->ioas));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(access_create(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
				&access));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, 4 * PAGE, AT));
	ASSERT_OK(access_pin(self->fd, access, MOCK_FLAGS_ACCESS_WRITE, AT + 2 * PAGE, PAGE,
			     self->pages + 2 * PAGE, &pins));
	EXPECT_OK(container_unmap(self->fd, AT + PAGE, PAGE, NULL));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, 4 * PAGE, 0));
	EXPECT_ERRNO(ENOENT, access_unpin(self->fd, access, pins));
	/* What is left can be pinned again, and is unpinned when it goes. */
	EXPECT_ERRNO(ENOENT, access_pin(self->fd, access, 0, AT + PAGE, PAGE, NULL, &pins));
	EXPECT_OK(access_pin(self->fd, access, 0, AT, PAGE, self->pages, &pins));
	EXPECT_OK(access_pin(self->fd, access, 0, AT + 2 * PAGE, 2 * PAGE,
			     self->pages + 2 * PAGE, &pins));
	EXPECT_OK(mock_check_refs(self->fd, self->pages + 2 * PAGE, 2 * PAGE, 1));
	EXPECT_OK(container_unmap_all(self->fd, NULL));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, 4 * PAGE, 0));
	close(access);
}

/* ---- As programs use a container, of either kind ---- */

FIXTURE(program)
{
	struct edu edu;
	int fd, group;
	__u8 *memory;
};

FIXTURE_VARIANT(program)
{
	const char *node;
};

FIXTURE_VARIANT_ADD(program, type1)
{
	.node = "/dev/vfio/vfio",
};

FIXTURE_VARIANT_ADD(program, iommufd)
{
	.node = "/dev/iommu",
};

#define SEGMENTS 4

FIXTURE_SETUP(program)
{
	find_edu(_metadata, &self->edu, 0);
	self->memory = alloc_memory(_metadata, MEMORY_HUGETLB, SEGMENTS * HUGE);
	self->fd = container_open(variant->node);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(VFIO_API_VERSION, ioctl(self->fd, VFIO_GET_API_VERSION));
}

FIXTURE_TEARDOWN(program)
{
	edu_close(&self->edu);
	close(self->group);
	close(self->fd);
}

#define segment(n) (self->memory + (n) * HUGE)
#define map_segments(n, nr, iova) \
	container_map(self->fd, DMA_RW, segment(n), (nr) * HUGE, iova)

static void use_group(struct __test_metadata *_metadata, FIXTURE_DATA(program) *self,
		      unsigned long type)
{
	self->group = group_open(&self->edu);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_flags(self->group));
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, type));
}

static void expect_segments_work(struct __test_metadata *_metadata,
				 FIXTURE_DATA(program) *self, unsigned int to,
				 unsigned int from, __u8 byte)
{
	memset(segment(from), byte, PAGE);
	memset(segment(to) + HUGE - PAGE, 0, PAGE);
	ASSERT_EQ(0, edu_copy(&self->edu, AT + to * HUGE + HUGE - PAGE, AT + from * HUGE, PAGE));
	EXPECT_TRUE(memory_is_all(segment(to) + HUGE - PAGE, PAGE, byte));
}

/*
 * DPDK 24.11, lib/eal/linux/eal_vfio.c: type 1, all memory before the first device,
 * what is mapped already skipped. Memory goes by the segments in which it came, and
 * the size that the kernel says must be that.
 */
TEST_F(program, that_is_like_dpdk)
{
	__u64 unmapped;

	/* One of the types that it knows. */
	ASSERT_EQ(1, container_check(self->fd, VFIO_TYPE1_IOMMU));
	EXPECT_EQ(0, container_check(self->fd, VFIO_SPAPR_TCE_v2_IOMMU));
	for (int plugged = 0; plugged < 2; plugged++) {
		use_group(_metadata, self, VFIO_TYPE1_IOMMU);
		ASSERT_OK(map_segments(0, 2, AT));
		ASSERT_OK(map_segments(2, 1, AT + 2 * HUGE));
		ASSERT_OK(group_get_device(self->group, &self->edu));
		ASSERT_OK(edu_start(&self->edu));
		expect_segments_work(_metadata, self, 2, 0, 0x15);

		/* The heap grows, shrinks, and is told of twice. */
		ASSERT_OK(map_segments(3, 1, AT + 3 * HUGE));
		EXPECT_ERRNO(EEXIST, map_segments(3, 1, AT + 3 * HUGE));
		expect_segments_work(_metadata, self, 3, 1, 0x16);
		EXPECT_OK(container_unmap(self->fd, AT + 2 * HUGE, HUGE, &unmapped));
		EXPECT_EQ(HUGE, unmapped);
		EXPECT_OK(container_unmap(self->fd, AT + 3 * HUGE, HUGE, &unmapped));
		EXPECT_EQ(HUGE, unmapped);
		expect_segments_work(_metadata, self, 1, 0, 0x17);

		/* The only device is unplugged; its mappings are not unmapped. */
		edu_close(&self->edu);
		ASSERT_OK(group_unset_container(self->group));
		close(self->group);
	}
	self->group = -1;
}

/*
 * QEMU 10.0, hw/vfio/container.c: the newest type, GET_INFO with its capabilities, and
 * the guest's memory as it comes, parts of it read-only; a mapping in the way is
 * unmapped first. Without the migration capability dirty pages are not asked for.
 */
TEST_F(program, that_is_like_qemu)
{
	struct container_info info;
	__u64 unmapped;

	ASSERT_EQ(1, container_check(self->fd, VFIO_TYPE1v2_IOMMU));
	use_group(_metadata, self, VFIO_TYPE1v2_IOMMU);
	ASSERT_OK(container_info(self->fd, &info));
	EXPECT_TRUE(info.pgsizes & PAGE);
	EXPECT_LE(1, info.nr_ranges);
	EXPECT_EQ(MAX_MAPPINGS, info.avail);
	EXPECT_EQ(1, container_check(self->fd, VFIO_UNMAP_ALL));
	EXPECT_LE(0, container_check(self->fd, VFIO_UPDATE_VADDR));
	EXPECT_LE(0, container_check(self->fd, VFIO_DMA_CC_IOMMU));

	ASSERT_OK(map_segments(0, 2, AT));
	ASSERT_OK(container_map(self->fd, VFIO_DMA_MAP_FLAG_READ, segment(2), HUGE,
				AT + 2 * HUGE));
	ASSERT_OK(map_segments(3, 1, AT + 3 * HUGE));
	ASSERT_OK(group_get_device(self->group, &self->edu));
	ASSERT_OK(edu_start(&self->edu));
	expect_segments_work(_metadata, self, 0, 2, 0x25);
	expect_segments_work(_metadata, self, 3, 1, 0x26);

	/* The guest moves a BAR over memory and back. */
	EXPECT_OK(container_unmap(self->fd, AT + 2 * HUGE, HUGE, &unmapped));
	EXPECT_EQ(HUGE, unmapped);
	EXPECT_OK(map_segments(2, 1, AT + 2 * HUGE));
	expect_segments_work(_metadata, self, 2, 1, 0x27);

	/* The guest's IOMMU is flushed: half of the address space at once, then the rest. */
	EXPECT_OK(container_unmap(self->fd, 0, 1ULL << 63, &unmapped));
	EXPECT_EQ(SEGMENTS * HUGE, unmapped);
	EXPECT_OK(container_unmap(self->fd, 1ULL << 63, 1ULL << 63, &unmapped));
	EXPECT_EQ(0, unmapped);
	ASSERT_OK(map_segments(0, SEGMENTS, AT));
	expect_segments_work(_metadata, self, 3, 0, 0x28);
	EXPECT_OK(container_unmap_all(self->fd, &unmapped));
	EXPECT_EQ(SEGMENTS * HUGE, unmapped);
	edu_close(&self->edu);
	EXPECT_OK(group_unset_container(self->group));
}

/* ---- The memory of another device, which programs map as their own ---- */

FIXTURE(bar)
{
	struct edu edu;
	struct shmem shmem;
	int fd, group, shmem_group;
	__u8 *bar, *pages;
};

FIXTURE_VARIANT(bar)
{
	const char *node;
	unsigned long type;
};

FIXTURE_VARIANT_ADD(bar, type1v2)
{
	.node = "/dev/vfio/vfio",
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_VARIANT_ADD(bar, iommufd_type1)
{
	.node = "/dev/iommu",
	.type = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(bar, iommufd_type1v2)
{
	.node = "/dev/iommu",
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_SETUP(bar)
{
	find_edu(_metadata, &self->edu, 0);
	if (shmem_find(&self->shmem))
		SKIP_TEST("this machine has no ivshmem device");
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
	self->fd = container_open(variant->node);
	ASSERT_LE(0, self->fd);
	self->group = group_open(&self->edu);
	ASSERT_LE(0, self->group);
	self->shmem_group = group_open(&self->shmem.dev);
	ASSERT_LE(0, self->shmem_group);
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(group_set_container(self->shmem_group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, variant->type));
	ASSERT_OK(group_get_device(self->group, &self->edu));
	ASSERT_OK(group_get_device(self->shmem_group, &self->shmem.dev));
	ASSERT_OK(edu_start(&self->edu));
	ASSERT_OK(shmem_start(&self->shmem));
	self->bar = shmem_map(&self->shmem, 0, NR_PAGES * PAGE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->bar);
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, NR_PAGES * PAGE, AT));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->bar, NR_PAGES * PAGE, THERE));
}

FIXTURE_TEARDOWN(bar)
{
	edu_close(&self->edu);
	edu_close(&self->shmem.dev);
	close(self->group);
	close(self->shmem_group);
	close(self->fd);
}

/* The device copies from our page to the same one of the BAR; does it arrive? */
static void expect_bar_page(struct __test_metadata *_metadata, FIXTURE_DATA(bar) *self,
			    bool arrives, unsigned int page, __u8 byte)
{
	const unsigned long at = page * PAGE;

	memset(self->pages + at, byte, PAGE);
	memset(self->bar + at, 0, PAGE);
	EXPECT_EQ(0, edu_copy(&self->edu, THERE + at, AT + at, PAGE));
	EXPECT_TRUE(memory_is_all(self->bar + at, PAGE, arrives ? byte : 0));
}

/* QEMU does so with the BARs of all devices of a guest. */
TEST_F(bar, is_mapped_like_memory)
{
	expect_bar_page(_metadata, self, true, 0, 0x31);
	expect_bar_page(_metadata, self, true, NR_PAGES - 1, 0x32);
	EXPECT_ERRNO(EEXIST, container_map(self->fd, DMA_RW, self->bar, PAGE, THERE + PAGE));
	EXPECT_UNMAPPED(NR_PAGES * PAGE, THERE, NR_PAGES * PAGE);
	expect_bar_page(_metadata, self, false, 0, 0x33);
	expect_bar_page(_metadata, self, false, NR_PAGES - 1, 0x34);
	ASSERT_OK(container_map(self->fd, DMA_RW, self->bar, NR_PAGES * PAGE, THERE));
	expect_bar_page(_metadata, self, true, 1, 0x35);
}

/* What is left of a v1 mapping comes back from a reset, and what is gone does not. */
TEST_F(bar, is_cut_like_memory)
{
	if (variant->type != VFIO_TYPE1_IOMMU)
		return;
	EXPECT_UNMAPPED(PAGE, THERE + 3 * PAGE, PAGE);
	for (unsigned int round = 0; round < 2; round++) {
		expect_bar_page(_metadata, self, true, 2, 0x41 + round);
		expect_bar_page(_metadata, self, false, 3, 0x51 + round);
		expect_bar_page(_metadata, self, true, 4, 0x61 + round);
		ASSERT_OK(shmem_decode(&self->shmem, false));
		ASSERT_OK(shmem_decode(&self->shmem, true));
	}
	EXPECT_UNMAPPED((NR_PAGES - 1) * PAGE, THERE, NR_PAGES * PAGE);
}

TEST_HARNESS_MAIN
