// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_COPY: memory that is mapped in one place is mapped in a second one, and
 * stays one memory.
 */
#include <sys/mman.h>

#include "lib/testing.h"

/* The source, and where it is copied to. */
#define AT	0x40000000ULL
#define TO	0x80000000ULL
/* Another place to copy to. */
#define THERE	0xc0000000ULL

#define NR_PAGES 16

/* ---- Without a device: nothing is pinned, and the granule is one byte ---- */

FIXTURE(copy)
{
	int fd;
	__u32 src, dst;
	__u8 *pages;
};

FIXTURE_SETUP(copy)
{
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->src));
	ASSERT_OK(ioas_alloc(self->fd, &self->dst));
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(copy)
{
	close(self->fd);
}

#define map_src(page, nr, iova) \
	ioas_map_at(self->fd, self->src, self->pages + (page) * PAGE, (nr) * PAGE, iova)
#define copy_to(from, length, to) \
	ioas_copy_at(self->fd, self->dst, self->src, from, length, to)
#define unmap_dst(iova, length) ioas_unmap(self->fd, self->dst, iova, length, NULL)
#define unmap_src(iova, length) ioas_unmap(self->fd, self->src, iova, length, NULL)

/* Nothing is mapped at the destination. */
#define EXPECT_EMPTY_DST() do { \
	__u64 unmapped_; \
	EXPECT_OK(ioas_unmap_all(self->fd, self->dst, &unmapped_)); \
	EXPECT_EQ(0, unmapped_); \
} while (0)

/* Refused, and as if it had not been tried. */
#define EXPECT_REFUSED(errno_, call_) do { \
	EXPECT_ERRNO(errno_, call_); \
	EXPECT_EMPTY_DST(); \
} while (0)

TEST_F(copy, puts_it_where_it_is_told)
{
	__u64 iova = TO;

	ASSERT_OK(map_src(0, 4, AT));
	ASSERT_OK(ioas_copy(self->fd, self->dst, self->src,
			    MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA, AT, 4 * PAGE, &iova));
	EXPECT_EQ(TO, iova);
	EXPECT_OK(copy_to(AT, 4 * PAGE, 0));
	EXPECT_OK(copy_to(AT, 4 * PAGE, -4 * PAGE));
	EXPECT_OK(unmap_dst(TO, 4 * PAGE));
	EXPECT_OK(unmap_dst(0, 4 * PAGE));
	EXPECT_OK(unmap_dst(-4 * PAGE, 4 * PAGE));
	EXPECT_EMPTY_DST();
	EXPECT_OK(unmap_src(AT, 4 * PAGE));
}

TEST_F(copy, goes_where_the_kernel_finds_room)
{
	const struct iommu_iova_range allowed = { TO, TO + 8 * PAGE - 1 };
	__u64 first, second;

	ASSERT_OK(map_src(0, 4, AT));
	ASSERT_OK(ioas_allow_iovas(self->fd, self->dst, &allowed, 1));
	ASSERT_OK(ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT, 4 * PAGE, &first));
	ASSERT_OK(ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT, 4 * PAGE, &second));
	EXPECT_EQ(2 * TO + 4 * PAGE, first + second);
	EXPECT_TRUE(first == TO || second == TO);
	EXPECT_ERRNO(ENOSPC, ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT, PAGE,
				       &second));
	EXPECT_OK(unmap_dst(first, 4 * PAGE));
}

TEST_F(copy, can_be_of_a_part)
{
	ASSERT_OK(map_src(0, 4, AT));
	EXPECT_OK(copy_to(AT, PAGE, TO));
	EXPECT_OK(copy_to(AT + PAGE, 2 * PAGE, TO + PAGE));
	EXPECT_OK(copy_to(AT + 3 * PAGE, PAGE, TO + 3 * PAGE));
	EXPECT_OK(copy_to(AT + 7, 3, THERE + 1));
	EXPECT_ERRNO(ENOENT, unmap_dst(TO, 2 * PAGE));
	EXPECT_OK(unmap_dst(TO + PAGE, 2 * PAGE));
	EXPECT_OK(unmap_dst(TO, PAGE));
	EXPECT_OK(unmap_dst(TO + 3 * PAGE, PAGE));
	EXPECT_OK(unmap_dst(THERE + 1, 3));
	EXPECT_EMPTY_DST();
}

/* The areas keep their edges, but for those that the range cuts. */
TEST_F(copy, of_several_areas_is_several_areas)
{
	__u64 unmapped;

	ASSERT_OK(map_src(0, 2, AT));
	ASSERT_OK(map_src(8, 2, AT + 2 * PAGE));
	ASSERT_OK(map_src(4, 2, AT + 4 * PAGE));
	ASSERT_OK(copy_to(AT + PAGE, 4 * PAGE, TO));
	EXPECT_ERRNO(ENOENT, unmap_dst(TO, 2 * PAGE));
	EXPECT_ERRNO(ENOENT, unmap_dst(TO + PAGE, PAGE));
	EXPECT_ERRNO(ENOENT, unmap_dst(TO + 2 * PAGE, 2 * PAGE));
	EXPECT_OK(unmap_dst(TO + PAGE, 2 * PAGE));
	EXPECT_ERRNO(ENOENT, unmap_dst(TO + PAGE, 2 * PAGE));
	EXPECT_OK(unmap_dst(TO, PAGE));
	EXPECT_OK(unmap_dst(TO + 3 * PAGE, PAGE));
	EXPECT_EMPTY_DST();
	/* All of it, back beside the source. */
	ASSERT_OK(copy_to(AT, 6 * PAGE, TO));
	ASSERT_OK(ioas_unmap(self->fd, self->dst, TO, 6 * PAGE, &unmapped));
	EXPECT_EQ(6 * PAGE, unmapped);
	ASSERT_OK(ioas_unmap_all(self->fd, self->src, &unmapped));
	EXPECT_EQ(6 * PAGE, unmapped);
}

TEST_F(copy, of_a_hole_is_refused)
{
	EXPECT_REFUSED(ENOENT, copy_to(AT, PAGE, TO));
	ASSERT_OK(map_src(0, 2, AT));
	ASSERT_OK(map_src(3, 2, AT + 3 * PAGE));
	EXPECT_REFUSED(ENOENT, copy_to(AT, 5 * PAGE, TO));
	EXPECT_REFUSED(ENOENT, copy_to(AT, 2 * PAGE + 1, TO));
	EXPECT_REFUSED(ENOENT, copy_to(AT + 2 * PAGE, PAGE, TO));
	EXPECT_REFUSED(ENOENT, copy_to(AT + 2 * PAGE, 2 * PAGE, TO));
	EXPECT_REFUSED(ENOENT, copy_to(AT - 1, PAGE, TO));
	EXPECT_REFUSED(ENOENT, copy_to(AT + 4 * PAGE, PAGE + 1, TO));
	EXPECT_REFUSED(ENOENT, copy_to(AT + 5 * PAGE, PAGE, TO));
	EXPECT_REFUSED(ENOENT, copy_to(-PAGE, PAGE, TO));
	EXPECT_REFUSED(ENOENT, copy_to(0, UINT64_MAX, 0));
}

TEST_F(copy, within_one_ioas_is_a_second_area)
{
	__u64 iova;

	ASSERT_OK(map_src(0, 4, AT));
	ASSERT_OK(ioas_copy_at(self->fd, self->src, self->src, AT, 4 * PAGE, TO));
	ASSERT_OK(ioas_copy(self->fd, self->src, self->src, MAP_RW, AT, 4 * PAGE, &iova));
	/* Right behind itself, and from the copy; not over itself. */
	ASSERT_OK(ioas_copy_at(self->fd, self->src, self->src, TO, 4 * PAGE, AT + 4 * PAGE));
	EXPECT_ERRNO(EEXIST, ioas_copy_at(self->fd, self->src, self->src, AT, 4 * PAGE,
					  AT));
	EXPECT_ERRNO(EEXIST, ioas_copy_at(self->fd, self->src, self->src, AT, 4 * PAGE,
					  AT - PAGE));
	EXPECT_OK(unmap_src(AT, 4 * PAGE));
	EXPECT_OK(unmap_src(iova, 4 * PAGE));
	EXPECT_OK(unmap_src(AT + 4 * PAGE, 4 * PAGE));
	EXPECT_OK(unmap_src(TO, 4 * PAGE));
}

TEST_F(copy, outlives_the_ioas_that_it_is_from)
{
	ASSERT_OK(map_src(0, 4, AT));
	ASSERT_OK(copy_to(AT, 4 * PAGE, TO));
	ASSERT_OK(destroy(self->fd, self->src));
	EXPECT_OK(ioas_copy_at(self->fd, self->dst, self->dst, TO, 4 * PAGE, THERE));
	EXPECT_OK(unmap_dst(TO, 4 * PAGE));
	EXPECT_OK(unmap_dst(THERE, 4 * PAGE));
}

TEST_F(copy, does_not_overlap_what_is_there)
{
	ASSERT_OK(map_src(0, 2, AT));
	ASSERT_OK(map_src(2, 2, AT + 2 * PAGE));
	ASSERT_OK(ioas_map_at(self->fd, self->dst, self->pages, PAGE, TO + 3 * PAGE));
	EXPECT_ERRNO(EEXIST, copy_to(AT, 4 * PAGE, TO));
	EXPECT_ERRNO(EEXIST, copy_to(AT, PAGE, TO + 3 * PAGE));
	EXPECT_ERRNO(EEXIST, copy_to(AT, 4 * PAGE, TO + 3 * PAGE));
	/* Nothing of it came before what was there, or went. */
	EXPECT_ERRNO(ENOENT, unmap_dst(TO, 3 * PAGE));
	EXPECT_OK(copy_to(AT, 3 * PAGE, TO));
	EXPECT_OK(copy_to(AT, 4 * PAGE, TO + 4 * PAGE));
	EXPECT_OK(unmap_dst(TO + 3 * PAGE, PAGE));
}

TEST_F(copy, cannot_write_what_was_not_mapped_so)
{
	__u64 iova = AT;

	ASSERT_OK(ioas_map(self->fd, self->src, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->pages, PAGE, &iova));
	ASSERT_OK(map_src(1, 1, AT - PAGE));
	iova = TO;
	EXPECT_REFUSED(EPERM, copy_to(AT, PAGE, TO));
	EXPECT_REFUSED(EPERM, ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT, PAGE,
					&iova));
	EXPECT_REFUSED(EPERM, ioas_copy(self->fd, self->dst, self->src, MAP_WO, AT, PAGE,
					&iova));
	/* The first of the two could be. */
	EXPECT_REFUSED(EPERM, copy_to(AT - PAGE, 2 * PAGE, TO));
	EXPECT_OK(ioas_copy(self->fd, self->dst, self->src, MAP_RO, AT - PAGE, 2 * PAGE,
			    &iova));
	/* What was mapped only for writing was mapped by who can read it. */
	ASSERT_OK(ioas_map(self->fd, self->src, MAP_WO, self->pages, PAGE, &iova));
	EXPECT_OK(copy_to(iova, PAGE, THERE));
}

TEST_F(copy, wants_to_know_what_the_device_may_do)
{
	__u64 iova = TO;

	ASSERT_OK(map_src(0, 1, AT));
	EXPECT_REFUSED(EINVAL, ioas_copy(self->fd, self->dst, self->src, 0, AT, PAGE, &iova));
	EXPECT_REFUSED(EINVAL, ioas_copy(self->fd, self->dst, self->src,
					 IOMMU_IOAS_MAP_FIXED_IOVA, AT, PAGE, &iova));
}

TEST_F(copy, refuses_flags_that_no_kernel_knows)
{
	__u64 iova = TO;

	ASSERT_OK(map_src(0, 1, AT));
	for (int bit = 3; bit < 32; bit++)
		EXPECT_REFUSED(EOPNOTSUPP, ioas_copy(self->fd, self->dst, self->src,
						     MAP_RW | 1U << bit, AT, PAGE, &iova));
}

TEST_F(copy, refuses_a_range_that_is_empty_or_wraps)
{
	__u64 iova = TO;

	ASSERT_OK(map_src(0, 4, AT));
	EXPECT_REFUSED(EINVAL, copy_to(AT, 0, TO));
	EXPECT_REFUSED(EINVAL, ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT, 0,
					 &iova));
	EXPECT_REFUSED(EOVERFLOW, copy_to(AT, 4 * PAGE, -PAGE));
	EXPECT_REFUSED(EOVERFLOW, copy_to(-PAGE, 2 * PAGE, TO));
	EXPECT_REFUSED(EOVERFLOW, copy_to(AT, -PAGE, 0));
	EXPECT_REFUSED(EOVERFLOW, ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT,
					    -PAGE, &iova));
}

TEST_F(copy, needs_two_ids)
{
	int other = open_iommufd(_metadata);
	__u64 iova = TO;

	ASSERT_OK(map_src(0, 1, AT));
	EXPECT_ERRNO(ENOENT, ioas_copy(self->fd, NO_ID, self->src, MAP_RW, AT, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_copy(self->fd, self->dst, NO_ID, MAP_RW, AT, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_copy(self->fd, 0, self->src, MAP_RW, AT, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_copy(self->fd, self->dst, 0, MAP_RW, AT, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_copy(other, self->dst, self->src, MAP_RW, AT, PAGE, &iova));
	EXPECT_EMPTY_DST();
	close(other);
}

/* If the IOVA cannot be told to the user, nothing is mapped there. */
TEST_F(copy, does_nothing_if_it_cannot_answer)
{
	struct iommu_ioas_copy *cmd = memory_pages(PAGE);

	ASSERT_NE(NULL, cmd);
	ASSERT_OK(map_src(0, 1, AT));
	*cmd = (struct iommu_ioas_copy){
		.size = sizeof(*cmd),
		.flags = MAP_RW,
		.dst_ioas_id = self->dst,
		.src_ioas_id = self->src,
		.length = PAGE,
		.src_iova = AT,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_REFUSED(EFAULT, call(self->fd, IOMMU_IOAS_COPY, cmd,
				    "IOMMU_IOAS_COPY(read-only struct)"));
}

/* ---- With a device, at the destination ---- */

FIXTURE(device)
{
	struct bound bound;
	int fd;
	__u32 src, dst;
	struct edu *edu;
	__u8 *pages;
	long pinned;
};

FIXTURE_SETUP(device)
{
	setup_attached(_metadata, &self->bound, 0);
	self->fd = self->bound.iommufd;
	self->dst = self->bound.ioas;
	self->edu = &self->bound.edu;
	ASSERT_OK(ioas_alloc(self->fd, &self->src));
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(device)
{
	close_bound(&self->bound);
}

#define EXPECT_PINNED(nr) EXPECT_EQ(self->pinned + (long)((nr) * PAGE), memory_pinned())

/*
 * The device copies from one IOVA to another, and what arrives is seen in memory: the
 * pages are those that the IOVAs stand for.
 */
static void expect_dma(struct __test_metadata *_metadata, struct edu *edu, __u8 *pages,
		       __u64 from, int from_page, __u64 to, int to_page, __u32 seed)
{
	memory_fill(pages + from_page * PAGE, PAGE, seed);
	memset(pages + to_page * PAGE, 0, PAGE);
	ASSERT_EQ(0, edu_copy(edu, to, from, PAGE));
	EXPECT_TRUE(memory_is(pages + to_page * PAGE, PAGE, seed));
}

#define EXPECT_DMA(...) expect_dma(_metadata, self->edu, self->pages, __VA_ARGS__)

TEST_F(device, reaches_the_memory_of_the_source)
{
	__u64 iova;

	ASSERT_OK(map_src(0, 4, AT));
	EXPECT_PINNED(0);
	ASSERT_OK(copy_to(AT, 4 * PAGE, TO));
	EXPECT_PINNED(4);
	EXPECT_DMA(TO, 0, TO + 3 * PAGE, 3, 1);
	ASSERT_OK(ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT, 4 * PAGE, &iova));
	EXPECT_DMA(iova, 0, TO + 2 * PAGE, 2, 2);
	EXPECT_DMA(TO, 0, iova + PAGE, 1, 3);
	EXPECT_PINNED(4);
}

TEST_F(device, reaches_a_part)
{
	ASSERT_OK(map_src(0, 8, AT));
	ASSERT_OK(copy_to(AT + 2 * PAGE, 3 * PAGE, TO));
	EXPECT_PINNED(3);
	EXPECT_DMA(TO, 2, TO + 2 * PAGE, 4, 1);
	EXPECT_TRUE(memory_is_all(self->pages, 2 * PAGE, 0));
	EXPECT_TRUE(memory_is_all(self->pages + 5 * PAGE, 3 * PAGE, 0));
}

/* One DMA goes over the border. */
TEST_F(device, reaches_several_areas)
{
	ASSERT_OK(map_src(5, 2, AT));
	ASSERT_OK(map_src(1, 2, AT + 2 * PAGE));
	ASSERT_OK(copy_to(AT + PAGE, 2 * PAGE, TO));
	EXPECT_PINNED(2);
	memory_fill(self->pages + 6 * PAGE, PAGE, 1);
	ASSERT_EQ(0, edu_fetch(self->edu, TO, PAGE));
	ASSERT_EQ(0, edu_store(self->edu, TO + PAGE / 2, PAGE));
	EXPECT_EQ(0, memcmp(self->pages + 6 * PAGE + PAGE / 2, self->pages + 6 * PAGE,
			    PAGE / 2));
	EXPECT_FALSE(memory_is_all(self->pages + PAGE, PAGE / 2, 0));
	EXPECT_TRUE(memory_is_all(self->pages + PAGE + PAGE / 2, PAGE / 2, 0));
}

TEST_F(device, writes_only_if_the_copy_permits)
{
	__u64 iova = TO;

	ASSERT_OK(map_src(0, 2, AT));
	ASSERT_OK(ioas_copy(self->fd, self->dst, self->src,
			    MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA, AT, 2 * PAGE, &iova));
	memory_fill(self->pages, PAGE, 1);
	ASSERT_EQ(0, edu_copy(self->edu, TO + PAGE, TO, PAGE));
	EXPECT_TRUE(memory_is_all(self->pages + PAGE, PAGE, 0));
	ASSERT_OK(copy_to(AT, 2 * PAGE, THERE));
	EXPECT_DMA(TO, 0, THERE + PAGE, 1, 2);
}

/* Pinned by both: the source has a page table of its own. */
TEST_F(device, keeps_the_memory_until_both_are_unmapped)
{
	__u32 hwpt;

	ASSERT_OK(hwpt_alloc(self->fd, self->edu->id, self->src, &hwpt));
	ASSERT_OK(map_src(0, 8, AT));
	EXPECT_PINNED(8);
	ASSERT_OK(copy_to(AT, 4 * PAGE, TO));
	EXPECT_PINNED(8);
	ASSERT_OK(unmap_src(AT, 8 * PAGE));
	EXPECT_PINNED(4);
	EXPECT_DMA(TO, 0, TO + 3 * PAGE, 3, 1);
	ASSERT_OK(unmap_dst(TO, 4 * PAGE));
	EXPECT_PINNED(0);

	/* The other way around. */
	ASSERT_OK(map_src(0, 8, AT));
	ASSERT_OK(copy_to(AT + 4 * PAGE, 4 * PAGE, TO));
	ASSERT_OK(unmap_dst(TO, 4 * PAGE));
	EXPECT_PINNED(8);
	ASSERT_OK(unmap_src(AT, 8 * PAGE));
	EXPECT_PINNED(0);
}

TEST_F(device, does_not_reach_a_copy_that_is_unmapped)
{
	ASSERT_OK(map_src(0, 2, AT));
	ASSERT_OK(copy_to(AT, 2 * PAGE, TO));
	ASSERT_OK(copy_to(AT, 2 * PAGE, THERE));
	EXPECT_DMA(TO, 0, TO + PAGE, 1, 1);
	ASSERT_OK(unmap_dst(TO, 2 * PAGE));
	EXPECT_PINNED(2);
	memset(self->pages + PAGE, 0, PAGE);
	ASSERT_EQ(0, edu_fetch(self->edu, THERE, PAGE));
	ASSERT_EQ(0, edu_store(self->edu, TO + PAGE, PAGE));
	EXPECT_TRUE(memory_is_all(self->pages + PAGE, PAGE, 0));
	EXPECT_DMA(THERE, 0, THERE + PAGE, 1, 2);
}

/* It is the pages that are copied, not the addresses. */
TEST_F(device, reaches_pages_that_the_process_has_no_more)
{
	__u8 *page = memory_pages(PAGE);

	ASSERT_NE(NULL, page);
	ASSERT_OK(ioas_map_at(self->fd, self->dst, page, PAGE, AT));
	memory_fill(page, PAGE, 1);
	ASSERT_EQ(0, munmap(page, PAGE));
	ASSERT_OK(ioas_copy_at(self->fd, self->dst, self->dst, AT, PAGE, TO));
	EXPECT_PINNED(1);
	ASSERT_OK(ioas_unmap(self->fd, self->dst, AT, PAGE, NULL));
	ASSERT_OK(ioas_map_at(self->fd, self->dst, self->pages, PAGE, THERE));
	ASSERT_EQ(0, edu_copy(self->edu, THERE, TO, PAGE));
	EXPECT_TRUE(memory_is(self->pages, PAGE, 1));
}

/* Memory that is not there is found out by who needs it first. */
TEST_F(device, is_not_given_memory_that_is_not_there)
{
	ASSERT_EQ(0, munmap(self->pages + 2 * PAGE, PAGE));
	ASSERT_OK(map_src(0, 2, AT));
	ASSERT_OK(map_src(2, 2, AT + 2 * PAGE));
	EXPECT_REFUSED(EFAULT, copy_to(AT, 4 * PAGE, TO));
	EXPECT_PINNED(0);
	EXPECT_OK(copy_to(AT, 2 * PAGE, TO));
	EXPECT_OK(copy_to(AT + 3 * PAGE, PAGE, TO + 3 * PAGE));
}

TEST_F(device, wants_its_granule)
{
	__u64 iova;

	ASSERT_OK(map_src(0, 4, AT));
	EXPECT_REFUSED(EINVAL, copy_to(AT, PAGE / 2, TO));
	EXPECT_REFUSED(EINVAL, copy_to(AT, PAGE + 1, TO));
	EXPECT_REFUSED(EINVAL, copy_to(AT, PAGE, TO + 1));
	EXPECT_REFUSED(EINVAL, copy_to(AT + 8, PAGE, TO));
	EXPECT_REFUSED(EINVAL, copy_to(AT + PAGE / 2, PAGE, TO + PAGE / 2));
	EXPECT_REFUSED(EINVAL, ioas_copy(self->fd, self->dst, self->src, MAP_RW, AT + 8, PAGE,
					 &iova));
	/* A page that two areas make up. */
	ASSERT_OK(ioas_map_at(self->fd, self->src, self->pages, PAGE / 2, THERE));
	ASSERT_OK(ioas_map_at(self->fd, self->src, self->pages, PAGE / 2, THERE + PAGE / 2));
	EXPECT_REFUSED(EINVAL, copy_to(THERE, PAGE, TO));
	/* It is the granule of the destination: the source has none. */
	EXPECT_OK(ioas_copy_at(self->fd, self->src, self->src, AT + 1, 3, THERE + PAGE));
	EXPECT_PINNED(0);
}

TEST_F(device, is_not_given_what_it_reserves)
{
	__u64 start, last;

	if (!edu_reserved_range(self->edu, &start, &last))
		SKIP(return, "%s reserves no IOVA", self->edu->bdf);
	ASSERT_OK(map_src(0, 2, AT));
	EXPECT_REFUSED(EINVAL, copy_to(AT, PAGE, start));
	EXPECT_REFUSED(EINVAL, copy_to(AT, PAGE, last + 1 - PAGE));
	EXPECT_REFUSED(EINVAL, copy_to(AT, 2 * PAGE, start - PAGE));
	EXPECT_OK(copy_to(AT, PAGE, start - PAGE));
	EXPECT_OK(copy_to(AT, PAGE, last + 1));
}

TEST_F(device, makes_no_areas_of_another_kind_of_object)
{
	ASSERT_OK(map_src(0, 1, AT));
	EXPECT_ERRNO(ENOENT, ioas_copy_at(self->fd, self->edu->id, self->src, AT, PAGE, TO));
	EXPECT_ERRNO(ENOENT, ioas_copy_at(self->fd, self->dst, self->edu->id, AT, PAGE, TO));
	EXPECT_EMPTY_DST();
}

TEST_HARNESS_MAIN
