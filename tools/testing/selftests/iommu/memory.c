// SPDX-License-Identifier: GPL-2.0-only
/*
 * What memory can be mapped for a device, and how what is pinned is counted. A
 * device is attached all the time, so that map pins at once.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "lib/testing.h"

#define AT 0x40000000ULL

/* The user that the limits are tried on; nobody else has this id. */
#define SOMEBODY 54321

#define map_at(va, length, iova) \
	ioas_map_at(self->bound.iommufd, self->bound.ioas, va, length, iova)
#define unmap(iova, length, unmapped) \
	ioas_unmap(self->bound.iommufd, self->bound.ioas, iova, length, unmapped)
#define unmap_all(unmapped) \
	ioas_unmap_all(self->bound.iommufd, self->bound.ioas, unmapped)

/* ---- Each kind of page ---- */

FIXTURE(pages)
{
	struct bound bound;
	long pinned;
};

FIXTURE_VARIANT(pages)
{
	enum memory_kind kind;
	size_t length;
};

FIXTURE_VARIANT_ADD(pages, of_4k)
{
	.kind = MEMORY_4K,
	.length = 1024 * PAGE,
};

FIXTURE_VARIANT_ADD(pages, thp)
{
	.kind = MEMORY_THP,
	.length = 2 * HUGE,
};

FIXTURE_VARIANT_ADD(pages, hugetlb)
{
	.kind = MEMORY_HUGETLB,
	.length = 2 * HUGE,
};

FIXTURE_SETUP(pages)
{
	setup_attached(_metadata, &self->bound, 0);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(pages)
{
	close_bound(&self->bound);
}

TEST_F(pages, are_pinned_from_map_to_unmap)
{
	__u8 *memory = alloc_memory(_metadata, variant->kind, variant->length);
	__u64 unmapped;

	memory_fill(memory, variant->length, 1);
	ASSERT_OK(map_at(memory, variant->length, AT));
	EXPECT_EQ(self->pinned + (long)variant->length, memory_pinned());
	ASSERT_OK(unmap(AT, variant->length, &unmapped));
	EXPECT_EQ(variant->length, unmapped);
	EXPECT_EQ(self->pinned, memory_pinned());
	EXPECT_TRUE(memory_is(memory, variant->length, 1));
}

/* From the middle of one huge page to the middle of another. */
TEST_F(pages, can_be_mapped_in_part)
{
	__u8 *memory = alloc_memory(_metadata, variant->kind, variant->length);
	size_t length = variant->length / 2;

	ASSERT_OK(map_at(memory + variant->length / 4, length, AT));
	EXPECT_EQ(self->pinned + (long)length, memory_pinned());
	ASSERT_OK(map_at(memory, PAGE, AT + HUGE * 4));
	EXPECT_EQ(self->pinned + (long)(length + PAGE), memory_pinned());
	ASSERT_OK(unmap(AT, length, NULL));
	EXPECT_EQ(self->pinned + (long)PAGE, memory_pinned());
	ASSERT_OK(unmap_all(NULL));
	EXPECT_EQ(self->pinned, memory_pinned());
}

TEST_F(pages, are_unpinned_by_detach_and_pinned_by_attach)
{
	__u8 *memory = alloc_memory(_metadata, variant->kind, variant->length);

	ASSERT_OK(map_at(memory, variant->length, AT));
	ASSERT_OK(edu_detach(&self->bound.edu));
	EXPECT_EQ(self->pinned, memory_pinned());
	ASSERT_OK(edu_attach(&self->bound.edu, self->bound.ioas));
	EXPECT_EQ(self->pinned + (long)variant->length, memory_pinned());
}

TEST_F(pages, are_unpinned_by_close)
{
	__u8 *memory = alloc_memory(_metadata, variant->kind, variant->length);

	ASSERT_OK(map_at(memory, variant->length, AT));
	close_bound(&self->bound);
	EXPECT_EQ(self->pinned, memory_pinned());
	EXPECT_TRUE(memory_is_all(memory, variant->length, 0));
}

TEST_F(pages, are_counted_once_however_many_page_tables)
{
	__u8 *memory = alloc_memory(_metadata, variant->kind, variant->length);
	__u32 hwpt;

	ASSERT_OK(map_at(memory, variant->length, AT));
	ASSERT_OK(hwpt_alloc(self->bound.iommufd, self->bound.edu.id, self->bound.ioas, &hwpt));
	EXPECT_EQ(self->pinned + (long)variant->length, memory_pinned());
	ASSERT_OK(edu_detach(&self->bound.edu));
	EXPECT_EQ(self->pinned + (long)variant->length, memory_pinned());
	ASSERT_OK(destroy(self->bound.iommufd, hwpt));
	EXPECT_EQ(self->pinned, memory_pinned());
}

/* ---- Memory that cannot be had ---- */

FIXTURE(memory)
{
	struct bound bound;
	long pinned;
	__u8 *pages;
};

#define NR_PAGES 8

FIXTURE_SETUP(memory)
{
	setup_attached(_metadata, &self->bound, 0);
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, NR_PAGES * PAGE, 1);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(memory)
{
	close_bound(&self->bound);
}

/* Refused, and as if it had not been tried. */
#define EXPECT_REFUSED(errno_, call_) do { \
	EXPECT_ERRNO(errno_, call_); \
	EXPECT_EQ(self->pinned, memory_pinned()); \
	EXPECT_ERRNO(ENOENT, unmap(AT, 1ULL << 32, NULL)); \
} while (0)

TEST_F(memory, that_is_not_there_is_refused)
{
	munmap(self->pages, PAGE);
	EXPECT_REFUSED(EFAULT, map_at(self->pages, PAGE, AT));
	EXPECT_REFUSED(EFAULT, map_at(self->pages, NR_PAGES * PAGE, AT));
	/* A hole in the middle, with pages before it that can be pinned. */
	munmap(self->pages + 4 * PAGE, PAGE);
	EXPECT_REFUSED(EFAULT, map_at(self->pages + PAGE, (NR_PAGES - 1) * PAGE, AT));
	EXPECT_OK(map_at(self->pages + PAGE, 3 * PAGE, AT));
}

TEST_F(memory, of_the_kernel_is_refused)
{
	EXPECT_REFUSED(EFAULT, map_at((void *)-(16 * PAGE), PAGE, AT));
	EXPECT_REFUSED(EFAULT, map_at((void *)(1UL << 63), PAGE, AT));
	EXPECT_REFUSED(EFAULT, map_at(NULL, PAGE, AT));
}

TEST_F(memory, that_the_process_cannot_access_is_refused)
{
	__u64 iova = AT;

	ASSERT_EQ(0, mprotect(self->pages + 2 * PAGE, PAGE, PROT_NONE));
	EXPECT_REFUSED(EFAULT, map_at(self->pages, NR_PAGES * PAGE, AT));
	EXPECT_REFUSED(EFAULT, map_at(self->pages + 2 * PAGE, PAGE, AT));
	EXPECT_REFUSED(EFAULT, ioas_map(self->bound.iommufd, self->bound.ioas,
					MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
					self->pages + 2 * PAGE, PAGE, &iova));
	EXPECT_OK(map_at(self->pages, 2 * PAGE, AT));
}

TEST_F(memory, that_the_process_cannot_write_is_for_reading)
{
	__u64 iova = AT;

	ASSERT_EQ(0, mprotect(self->pages, NR_PAGES * PAGE, PROT_READ));
	EXPECT_REFUSED(EFAULT, map_at(self->pages, PAGE, AT));
	EXPECT_REFUSED(EFAULT, ioas_map(self->bound.iommufd, self->bound.ioas,
					MAP_WO | IOMMU_IOAS_MAP_FIXED_IOVA,
					self->pages, PAGE, &iova));
	EXPECT_OK(ioas_map(self->bound.iommufd, self->bound.ioas,
			   MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA, self->pages, PAGE, &iova));
}

TEST_F(memory, that_is_refused_does_not_come_in_by_attach_either)
{
	ASSERT_OK(edu_detach(&self->bound.edu));
	ASSERT_OK(map_at(self->pages, PAGE, AT - PAGE));
	ASSERT_OK(map_at(self->pages + 4 * PAGE, PAGE, AT));
	munmap(self->pages + 4 * PAGE, PAGE);
	EXPECT_ERRNO(EFAULT, edu_attach(&self->bound.edu, self->bound.ioas));
	EXPECT_EQ(self->pinned, memory_pinned());
	ASSERT_OK(unmap(AT, PAGE, NULL));
	EXPECT_OK(edu_attach(&self->bound.edu, self->bound.ioas));
}

TEST_F(memory, of_a_memfd_can_be_mapped)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);
	__u8 *memory;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, NR_PAGES * PAGE));
	memory = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_OK(map_at(memory, NR_PAGES * PAGE, AT));
	/* Beyond the end of the file there is no memory. */
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_ERRNO(EFAULT, map_at(memory, NR_PAGES * PAGE, 2 * AT));
}

/* What the area stands for is the page, whatever the process does with the address. */
TEST_F(memory, stays_pinned_when_the_process_unmaps_it)
{
	ASSERT_OK(map_at(self->pages, NR_PAGES * PAGE, AT));
	ASSERT_EQ(0, munmap(self->pages, NR_PAGES * PAGE));
	EXPECT_EQ(self->pinned + NR_PAGES * (long)PAGE, memory_pinned());
	EXPECT_OK(unmap(AT, NR_PAGES * PAGE, NULL));
	EXPECT_EQ(self->pinned, memory_pinned());
}

/* ---- The limit ---- */

#define LIMIT	(64 * PAGE)

FIXTURE(limit)
{
	struct bound bound;
	__u8 *memory;
};

FIXTURE_SETUP(limit)
{
	setup_attached(_metadata, &self->bound, 0);
	self->memory = memory_shared(2 * LIMIT);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(limit)
{
	close_bound(&self->bound);
}

/* No longer root, and with a limit. The open files stay as they are. */
static void become_somebody(struct __test_metadata *_metadata)
{
	const struct rlimit limit = { LIMIT, LIMIT };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
	/* Changing the user clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

TEST_F(limit, is_not_for_those_who_may_lock_memory)
{
	const struct rlimit limit = { LIMIT, LIMIT };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_OK(map_at(self->memory, 2 * LIMIT, AT));
}

TEST_F(limit, can_be_reached_and_not_exceeded)
{
	long pinned = memory_pinned();

	ASSERT_LE(0, pinned);
	become_somebody(_metadata);
	EXPECT_ERRNO(ENOMEM, map_at(self->memory, LIMIT + PAGE, AT));
	EXPECT_EQ(pinned, memory_pinned());
	EXPECT_OK(map_at(self->memory, LIMIT - PAGE, AT));
	EXPECT_ERRNO(ENOMEM, map_at(self->memory + LIMIT, 2 * PAGE, 2 * AT));
	EXPECT_OK(map_at(self->memory + LIMIT, PAGE, 2 * AT));
	EXPECT_ERRNO(ENOMEM, map_at(self->memory + LIMIT + PAGE, PAGE, 3 * AT));
	EXPECT_EQ(pinned + (long)LIMIT, memory_pinned());
	/* What is given back can be used again. */
	ASSERT_OK(unmap(AT, LIMIT - PAGE, NULL));
	EXPECT_OK(map_at(self->memory, LIMIT - PAGE, AT));
}

/* Shared, it is charged once, and until the last one is gone. */
TEST_F(limit, counts_copies_once)
{
	int fd = self->bound.iommufd;
	__u32 ioas = self->bound.ioas;
	long pinned = memory_pinned();

	ASSERT_LE(0, pinned);
	become_somebody(_metadata);
	ASSERT_OK(map_at(self->memory, LIMIT, AT));
	EXPECT_OK(ioas_copy_at(fd, ioas, ioas, AT, LIMIT, 2 * AT));
	EXPECT_OK(ioas_copy_at(fd, ioas, ioas, AT, LIMIT / 2, 3 * AT));
	EXPECT_EQ(pinned + (long)LIMIT, memory_pinned());
	EXPECT_ERRNO(ENOMEM, map_at(self->memory + LIMIT, PAGE, 4 * AT));
	ASSERT_OK(unmap(AT, LIMIT, NULL));
	EXPECT_ERRNO(ENOMEM, map_at(self->memory + LIMIT, PAGE, 4 * AT));
	ASSERT_OK(unmap(2 * AT, LIMIT, NULL));
	EXPECT_EQ(pinned + (long)LIMIT / 2, memory_pinned());
	EXPECT_ERRNO(ENOMEM, map_at(self->memory + LIMIT, LIMIT / 2 + PAGE, 4 * AT));
	EXPECT_OK(map_at(self->memory + LIMIT, LIMIT / 2, 4 * AT));
}

TEST_F(limit, is_checked_by_attach_too)
{
	become_somebody(_metadata);
	ASSERT_OK(edu_detach(&self->bound.edu));
	ASSERT_OK(map_at(self->memory, LIMIT + PAGE, AT));
	EXPECT_ERRNO(ENOMEM, edu_attach(&self->bound.edu, self->bound.ioas));
	ASSERT_OK(unmap_all(NULL));
	EXPECT_OK(edu_attach(&self->bound.edu, self->bound.ioas));
}

/*
 * Somebody's process that pins three quarters of what somebody may pin, with a
 * device and a context of its own, then waits.
 */
static void run_pinner(struct __test_metadata *_metadata, struct peer *parent, __u8 *memory)
{
	struct bound bound;

	setup_attached(_metadata, &bound, 1);
	become_somebody(_metadata);
	EXPECT_OK(ioas_map_at(bound.iommufd, bound.ioas, memory, LIMIT * 3 / 4, AT));
	tell(_metadata, parent);
	hear(_metadata, parent);
	end_child();
}

static void start_pinner(struct __test_metadata *_metadata, struct peer *pinner, __u8 *memory)
{
	if (fork_peer(_metadata, pinner))
		run_pinner(_metadata, pinner, memory);
	hear(_metadata, pinner);
}

TEST_F(limit, is_one_for_all_processes_of_a_user)
{
	struct peer pinner;
	struct edu second;

	find_edu(_metadata, &second, 1);
	start_pinner(_metadata, &pinner, self->memory + LIMIT);
	become_somebody(_metadata);
	EXPECT_ERRNO(ENOMEM, map_at(self->memory, LIMIT / 2, AT));
	EXPECT_OK(map_at(self->memory, LIMIT / 4, AT));
	tell(_metadata, &pinner);
	wait_for_success(_metadata, &pinner);
}

TEST_F(limit, is_free_again_when_a_process_exits)
{
	struct peer pinner;
	struct edu second;

	find_edu(_metadata, &second, 1);
	start_pinner(_metadata, &pinner, self->memory + LIMIT);
	tell(_metadata, &pinner);
	wait_for_success(_metadata, &pinner);
	become_somebody(_metadata);
	EXPECT_OK(map_at(self->memory, LIMIT, AT));
}

TEST_F(limit, is_free_again_when_a_process_is_killed)
{
	struct peer pinner;
	struct edu second;

	find_edu(_metadata, &second, 1);
	start_pinner(_metadata, &pinner, self->memory + LIMIT);
	kill_and_wait(_metadata, &pinner);
	become_somebody(_metadata);
	EXPECT_OK(map_at(self->memory, LIMIT, AT));
}

TEST_HARNESS_MAIN
