// SPDX-License-Identifier: GPL-2.0-only
/*
 * HW_QUEUE: queues in guest memory that the hardware reads, and what becomes of that
 * memory.
 */
#include <time.h>

#include "lib/nested_fixture.h"

#define NR_PAGES 8

FIXTURE(hw_queue)
{
	struct nested_world world;
	int fd;
	__u32 dev, ioas, viommu;
	/* Mapped at AT, not pinned before there is a queue but by HWPTs. */
	__u8 *pages;
};

FIXTURE_SETUP(hw_queue)
{
	setup_nested(_metadata, &self->world);
	self->fd = self->world.fd;
	self->dev = self->world.mock.dev;
	self->ioas = self->world.ioas;
	ASSERT_OK(viommu_alloc(self->fd, self->dev, self->world.parent, &self->viommu));
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, NR_PAGES * PAGE, 1);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, NR_PAGES * PAGE, AT));
}

FIXTURE_TEARDOWN(hw_queue)
{
	int fd;

	teardown_nested(_metadata, &self->world);
	fd = open_iommufd(_metadata);
	EXPECT_OK(mock_check_refs(fd, self->pages, NR_PAGES * PAGE, 0));
	close(fd);
}

#define make(index, iova, length, queue) \
	hw_queue_alloc(self->fd, self->viommu, index, iova, length, queue)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)

/* ---- Its life ---- */

TEST_F(hw_queue, keeps_the_viommu)
{
	__u32 queue;

	ASSERT_OK(make(0, AT, PAGE, &queue));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->viommu));
	EXPECT_OK(destroy(self->fd, queue));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, queue));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(hw_queue, come_in_the_order_of_their_index_and_go_in_reverse)
{
	__u32 one, two, none;

	EXPECT_ERRNO(EIO, make(1, AT, PAGE, &none));
	ASSERT_OK(make(0, AT, PAGE, &one));
	EXPECT_ERRNO(EEXIST, make(0, AT + PAGE, PAGE, &none));
	ASSERT_OK(make(1, AT + PAGE, PAGE, &two));
	EXPECT_ERRNO(EEXIST, make(1, AT + PAGE, PAGE, &none));
	EXPECT_ERRNO(EINVAL, make(IOMMU_TEST_HW_QUEUE_MAX, AT, PAGE, &none));
	EXPECT_ERRNO(EINVAL, make(-1, AT, PAGE, &none));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, one));
	EXPECT_OK(destroy(self->fd, two));
	EXPECT_OK(destroy(self->fd, one));
	EXPECT_ERRNO(EIO, make(1, AT, PAGE, &none));
	EXPECT_OK(make(0, AT, PAGE, &one));
}

TEST_F(hw_queue, each_viommu_has_its_own)
{
	__u32 viommu, one, two;

	ASSERT_OK(viommu_alloc(self->fd, self->dev, self->world.parent, &viommu));
	ASSERT_OK(make(0, AT, PAGE, &one));
	ASSERT_OK(hw_queue_alloc(self->fd, viommu, 0, AT, PAGE, &two));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
	EXPECT_OK(destroy(self->fd, one));
	/* The other one needs the memory, too. */
	EXPECT_ERRNO(EBUSY, unmap(AT, NR_PAGES * PAGE));
	EXPECT_OK(destroy(self->fd, two));
	EXPECT_OK(unmap(AT, NR_PAGES * PAGE));
}

TEST_F(hw_queue, goes_with_the_file)
{
	__u32 queue;

	ASSERT_OK(make(0, AT, PAGE, &queue));
	ASSERT_OK(make(1, AT + 16, 16, &queue));
}

/* ---- Its memory ---- */

TEST_F(hw_queue, memory_must_be_readable)
{
	__u64 at = AT + NR_PAGES * PAGE;
	__u32 queue;

	ASSERT_OK(ioas_map(self->fd, self->ioas,
			   IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->pages, PAGE, &at));
	EXPECT_ERRNO(EPERM, make(0, at, PAGE, &queue));
	EXPECT_ERRNO(EPERM, make(0, at - PAGE, 2 * PAGE, &queue));
	EXPECT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
}

TEST_F(hw_queue, memory_is_not_unmapped_as_long_as_it_is_there)
{
	struct timespec before, after;
	__u32 queue;

	ASSERT_OK(make(0, AT + PAGE, PAGE, &queue));
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 8; i++) {
		EXPECT_ERRNO(EBUSY, unmap(AT, NR_PAGES * PAGE));
		EXPECT_ERRNO(EBUSY, ioas_unmap_all(self->fd, self->ioas, NULL));
	}
	/* Nobody is asked to let go, so nobody is waited for. */
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT_LT(after.tv_sec - before.tv_sec, 2);
	EXPECT_OK(mock_check_map(self->fd, self->world.parent, AT, self->pages,
				 NR_PAGES * PAGE));
	/* What is not the queue's can go. */
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, 2 * AT - AT / 2));
	EXPECT_OK(unmap(2 * AT - AT / 2, PAGE));
	ASSERT_OK(destroy(self->fd, queue));
	EXPECT_OK(unmap(AT, NR_PAGES * PAGE));
}

TEST_F(hw_queue, memory_is_pinned_once)
{
	__u32 one, two;

	EXPECT_OK(mock_check_refs(self->fd, self->pages, NR_PAGES * PAGE, 1));
	ASSERT_OK(make(0, AT + 16, 32, &one));
	ASSERT_OK(make(1, AT + 16, 32, &two));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, NR_PAGES * PAGE, 1));
	ASSERT_OK(destroy(self->fd, two));
	ASSERT_OK(destroy(self->fd, one));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, NR_PAGES * PAGE, 1));
}

TEST_F(hw_queue, memory_is_mapped)
{
	__u32 queue;

	EXPECT_ERRNO(ENOENT, make(0, 2 * AT - PAGE, PAGE, &queue));
	EXPECT_ERRNO(ENOENT, make(0, AT - 1, 2, &queue));
	EXPECT_ERRNO(ENOENT, make(0, AT + (NR_PAGES - 1) * PAGE + 1, PAGE, &queue));
	EXPECT_ERRNO(ENOENT, make(0, 0, 1, &queue));
	EXPECT_ERRNO(ENOENT, make(0, -1ULL, 1, &queue));
	EXPECT_OK(make(0, AT + NR_PAGES * PAGE - 1, 1, &queue));
}

TEST_F(hw_queue, memory_is_in_one_piece)
{
	__u32 queue, queue_two;

	/* The same page twice is not. */
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, AT + NR_PAGES * PAGE));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE,
			      AT + (NR_PAGES + 1) * PAGE));
	EXPECT_ERRNO(EFAULT, make(0, AT + NR_PAGES * PAGE, 2 * PAGE, &queue));
	EXPECT_ERRNO(EFAULT, make(0, AT + (NR_PAGES + 1) * PAGE - 1, 2, &queue));
	/* Nothing of it stays pinned. */
	EXPECT_OK(unmap(AT + NR_PAGES * PAGE, 2 * PAGE));
	EXPECT_OK(make(0, AT, PAGE, &queue));
	EXPECT_OK(make(1, AT + PAGE - 1, 1, &queue_two));
}

TEST_F(hw_queue, one_piece_may_be_large)
{
	void *huge = alloc_memory(_metadata, MEMORY_THP, 2 * HUGE);
	const __u64 at = AT + 4 * HUGE;
	__u32 queue;

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, huge, HUGE, at));
	/* More pages than are pinned at once, from the middle of one to that of another. */
	ASSERT_OK(make(0, at, HUGE, &queue));
	EXPECT_ERRNO(EBUSY, unmap(at, HUGE));
	ASSERT_OK(destroy(self->fd, queue));
	ASSERT_OK(make(0, at + 100, HUGE - 200, &queue));
	ASSERT_OK(destroy(self->fd, queue));
	EXPECT_ERRNO(ENOENT, make(0, at + 100, HUGE, &queue));
	EXPECT_ERRNO(ENOENT, make(0, at, 1ULL << 40, &queue));
	EXPECT_OK(unmap(at, HUGE));
}

TEST_F(hw_queue, a_late_flaw_gives_all_back)
{
	void *huge = alloc_memory(_metadata, MEMORY_THP, HUGE);
	const __u64 at = AT + 4 * HUGE;
	__u32 queue;

	/* Another page follows the 512th. */
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, huge, HUGE, at));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, huge, PAGE, at + HUGE));
	EXPECT_ERRNO(EFAULT, make(0, at, HUGE + 1, &queue));
	EXPECT_ERRNO(EFAULT, make(0, at + HUGE - 1, 2, &queue));
	EXPECT_OK(unmap(at, HUGE));
	EXPECT_OK(unmap(at + HUGE, PAGE));
}

/* Pages are the least that can be pinned; the mock's are smaller. */
TEST_F(hw_queue, an_ioas_with_parts_of_pages_has_none)
{
	const __u64 half = MOCK_PAGE_SIZE;
	__u32 queue;

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, half, 2 * AT - PAGE));
	EXPECT_ERRNO(EADDRINUSE, make(0, AT, PAGE, &queue));
	ASSERT_OK(unmap(2 * AT - PAGE, half));
	ASSERT_OK(make(0, AT, PAGE, &queue));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->pages, half,
					 2 * AT - PAGE));
	ASSERT_OK(destroy(self->fd, queue));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->pages, half, 2 * AT - PAGE));
}

/* ---- What is asked for ---- */

TEST_F(hw_queue, needs_a_viommu_that_has_them)
{
	const __u32 bad[] = { 0, NO_ID, self->ioas, self->world.parent, self->dev };
	const __u32 types[] = {
		IOMMU_HW_QUEUE_TYPE_DEFAULT, IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV,
		IOMMU_HW_QUEUE_TYPE_SELFTEST + 1, -1,
	};
	__u32 queue;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(ENOENT, hw_queue_alloc(self->fd, bad[i], 0, AT, PAGE, &queue));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		EXPECT_ERRNO(EOPNOTSUPP, hw_queue_alloc_type(self->fd, self->viommu, types[i],
							     0, AT, PAGE, &queue));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(hw_queue, needs_a_length_that_can_be)
{
	__u32 queue;

	EXPECT_ERRNO(EINVAL, make(0, AT, 0, &queue));
	EXPECT_ERRNO(EINVAL, make(0, -1ULL, 0, &queue));
	EXPECT_ERRNO(EOVERFLOW, make(0, -1ULL, 2, &queue));
	EXPECT_ERRNO(EOVERFLOW, make(0, AT, -1ULL, &queue));
	EXPECT_ERRNO(EOVERFLOW, make(0, 1ULL << 63, (1ULL << 63) + 1, &queue));
	EXPECT_ERRNO(ENOENT, make(0, 0, -1ULL, &queue));
}

TEST_F(hw_queue, refuses_what_is_reserved)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = self->viommu,
		.type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
		.nesting_parent_iova = AT,
		.length = PAGE,
	};

	for (int bit = 0; bit < 32; bit++) {
		cmd.flags = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &cmd,
					      "IOMMU_HW_QUEUE_ALLOC(flags %#x)", cmd.flags));
	}
	cmd.flags = 0;
	EXPECT_OK(call(self->fd, IOMMU_HW_QUEUE_ALLOC, &cmd, "IOMMU_HW_QUEUE_ALLOC()"));
}

TEST_F(hw_queue, an_id_that_cannot_be_told_leaves_nothing)
{
	struct iommu_hw_queue_alloc *cmd = (void *)self->world.last_page;
	__u32 queue;

	*cmd = (struct iommu_hw_queue_alloc){
		.size = sizeof(*cmd),
		.viommu_id = self->viommu,
		.type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
		.nesting_parent_iova = AT,
		.length = PAGE,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_HW_QUEUE_ALLOC, cmd,
				  "IOMMU_HW_QUEUE_ALLOC(read-only struct)"));
	EXPECT_OK(make(0, AT, PAGE, &queue));
	EXPECT_OK(destroy(self->fd, queue));
	EXPECT_OK(unmap(AT, NR_PAGES * PAGE));
}

TEST_HARNESS_MAIN
