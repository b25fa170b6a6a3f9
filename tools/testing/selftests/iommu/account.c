// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pinned memory counts against, options, and how it moves to another process:
 * IOMMU_OPTION and IOMMU_IOAS_CHANGE_PROCESS.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "lib/mock.h"
#include "lib/testing.h"

#define AT 0x40000000ULL
#define LIMIT (16 * PAGE)

/* The user that the limits are tried on; nobody else has this id. */
#define SOMEBODY 54322

#define RLIMIT_MODE IOMMU_OPTION_RLIMIT_MODE
#define HUGE_PAGES IOMMU_OPTION_HUGE_PAGES

static void set_limit(struct __test_metadata *_metadata, size_t bytes)
{
	const struct rlimit limit = { bytes, bytes };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
}

/* Give up what root may. */
static void become_somebody(struct __test_metadata *_metadata, size_t bytes)
{
	set_limit(_metadata, bytes);
	ASSERT_EQ(0, setgid(SOMEBODY));
	ASSERT_EQ(0, setuid(SOMEBODY));
	/* Changing the user clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* VmLck of this process. */
static long memory_locked(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long kib = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmLck: %ld kB", &kib);
	if (f)
		fclose(f);
	return kib < 0 ? -1 : kib << 10;
}

/* ---- Options ---- */

TEST(rlimit_mode_is_set_before_the_first_object)
{
	int fd = open_iommufd(_metadata);
	__u64 value = 5;
	__u32 ioas;

	ASSERT_OK(option_get(fd, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
	EXPECT_OK(option_set(fd, RLIMIT_MODE, 0, 1));
	ASSERT_OK(option_get(fd, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(1, value);
	EXPECT_ERRNO(EINVAL, option_set(fd, RLIMIT_MODE, 0, 2));
	EXPECT_ERRNO(EINVAL, option_set(fd, RLIMIT_MODE, 0, 1ULL << 32));
	ASSERT_OK(ioas_alloc(fd, &ioas));
	EXPECT_ERRNO(EOPNOTSUPP, option_set(fd, RLIMIT_MODE, ioas, 1));
	EXPECT_ERRNO(EOPNOTSUPP, option_get(fd, RLIMIT_MODE, ioas, &value));
	EXPECT_ERRNO(EBUSY, option_set(fd, RLIMIT_MODE, 0, 0));
	EXPECT_ERRNO(EBUSY, option_set(fd, RLIMIT_MODE, 0, 1));
	ASSERT_OK(option_get(fd, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(1, value);
	ASSERT_OK(destroy(fd, ioas));
	EXPECT_OK(option_set(fd, RLIMIT_MODE, 0, 0));
	close(fd);
}

TEST(rlimit_mode_is_not_for_everyone)
{
	int fd = open_iommufd(_metadata);
	__u64 value = 5;

	become_somebody(_metadata, LIMIT);
	EXPECT_ERRNO(EPERM, option_set(fd, RLIMIT_MODE, 0, 1));
	EXPECT_ERRNO(EPERM, option_set(fd, RLIMIT_MODE, 0, 0));
	EXPECT_OK(option_get(fd, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
}

TEST(an_unknown_option_is_not_supported)
{
	struct iommu_option cmd = { .size = sizeof(cmd), .op = IOMMU_OPTION_OP_GET };
	int fd = open_iommufd(_metadata);
	__u64 value;

	EXPECT_ERRNO(EOPNOTSUPP, option_get(fd, HUGE_PAGES + 1, 0, &value));
	EXPECT_ERRNO(EOPNOTSUPP, option_set(fd, HUGE_PAGES + 1, 0, 0));
	EXPECT_ERRNO(EOPNOTSUPP, option_get(fd, -1, 0, &value));
	EXPECT_OK(call(fd, IOMMU_OPTION, &cmd, "IOMMU_OPTION(GET)"));
	cmd.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(fd, IOMMU_OPTION, &cmd, "IOMMU_OPTION(reserved)"));
	cmd.__reserved = 0;
	cmd.op = IOMMU_OPTION_OP_GET + 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(fd, IOMMU_OPTION, &cmd, "IOMMU_OPTION(op 2)"));
	cmd.op = IOMMU_OPTION_OP_GET;
	cmd.size--;
	EXPECT_ERRNO(EINVAL, call(fd, IOMMU_OPTION, &cmd, "IOMMU_OPTION(short)"));
	close(fd);
}

TEST(huge_pages_are_an_option_of_each_ioas)
{
	int fd = open_iommufd(_metadata);
	__u32 ioas, other;
	__u64 value = 5;

	ASSERT_OK(ioas_alloc(fd, &ioas));
	ASSERT_OK(ioas_alloc(fd, &other));
	ASSERT_OK(option_get(fd, HUGE_PAGES, ioas, &value));
	EXPECT_EQ(1, value);
	EXPECT_ERRNO(EINVAL, option_set(fd, HUGE_PAGES, ioas, 2));
	EXPECT_ERRNO(ENOENT, option_set(fd, HUGE_PAGES, 0, 1));
	EXPECT_ERRNO(ENOENT, option_set(fd, HUGE_PAGES, NO_ID, 1));
	EXPECT_ERRNO(ENOENT, option_get(fd, HUGE_PAGES, NO_ID, &value));
	ASSERT_OK(option_set(fd, HUGE_PAGES, ioas, 0));
	ASSERT_OK(option_get(fd, HUGE_PAGES, ioas, &value));
	EXPECT_EQ(0, value);
	ASSERT_OK(option_get(fd, HUGE_PAGES, other, &value));
	EXPECT_EQ(1, value);
	EXPECT_OK(option_set(fd, HUGE_PAGES, ioas, 1));
	close(fd);
}

TEST(without_huge_pages_areas_are_of_whole_pages)
{
	__u8 *pages = memory_pages(2 * PAGE);
	int fd = open_iommufd(_metadata);
	__u32 ioas;

	ASSERT_OK(ioas_alloc(fd, &ioas));
	ASSERT_OK(ioas_map_at(fd, ioas, pages, PAGE, AT));
	ASSERT_OK(option_set(fd, HUGE_PAGES, ioas, 0));
	EXPECT_ERRNO(EINVAL, ioas_map_at(fd, ioas, pages + 1, PAGE, 2 * AT));
	EXPECT_ERRNO(EINVAL, ioas_map_at(fd, ioas, pages, PAGE - 1, 2 * AT));
	EXPECT_ERRNO(EINVAL, ioas_map_at(fd, ioas, pages, PAGE, 2 * AT + 1));
	ASSERT_OK(option_set(fd, HUGE_PAGES, ioas, 1));
	ASSERT_OK(ioas_map_at(fd, ioas, pages + 1, PAGE, 2 * AT));
	EXPECT_ERRNO(EADDRINUSE, option_set(fd, HUGE_PAGES, ioas, 0));
	ASSERT_OK(ioas_unmap(fd, ioas, 2 * AT, PAGE, NULL));
	EXPECT_OK(option_set(fd, HUGE_PAGES, ioas, 0));
	close(fd);
}

TEST(huge_pages_are_chosen_before_an_hwpt_has_areas)
{
	__u8 *page = memory_pages(PAGE);
	struct bound bound;

	setup_bound(_metadata, &bound, 0);
	ASSERT_OK(edu_attach(&bound.edu, bound.ioas));
	ASSERT_OK(option_set(bound.iommufd, HUGE_PAGES, bound.ioas, 0));
	ASSERT_OK(ioas_map_at(bound.iommufd, bound.ioas, page, PAGE, AT));
	EXPECT_ERRNO(EBUSY, option_set(bound.iommufd, HUGE_PAGES, bound.ioas, 1));
	EXPECT_OK(option_set(bound.iommufd, HUGE_PAGES, bound.ioas, 0));
	ASSERT_OK(ioas_unmap_all(bound.iommufd, bound.ioas, NULL));
	EXPECT_OK(option_set(bound.iommufd, HUGE_PAGES, bound.ioas, 1));
	close_bound(&bound);
}

/* A device sees no difference. */
TEST(small_pages_lead_to_the_same_memory)
{
	struct bound bound;
	__u8 *memory;

	setup_bound(_metadata, &bound, 0);
	memory = alloc_memory(_metadata, MEMORY_HUGETLB, HUGE);
	memory_fill(memory, PAGE, 1);
	ASSERT_OK(option_set(bound.iommufd, HUGE_PAGES, bound.ioas, 0));
	ASSERT_OK(ioas_map_at(bound.iommufd, bound.ioas, memory, HUGE, AT));
	ASSERT_OK(edu_attach(&bound.edu, bound.ioas));
	ASSERT_OK(edu_start(&bound.edu));
	ASSERT_OK(edu_copy(&bound.edu, AT + HUGE - PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(memory + HUGE - PAGE, PAGE, 1));
	ASSERT_OK(ioas_unmap(bound.iommufd, bound.ioas, AT, HUGE, NULL));
	memory_fill(memory, PAGE, 2);
	ASSERT_OK(ioas_map_at(bound.iommufd, bound.ioas, memory + PAGE, HUGE - PAGE, AT));
	ASSERT_OK(edu_copy(&bound.edu, AT, AT + HUGE - 2 * PAGE, PAGE));
	EXPECT_TRUE(memory_is(memory + PAGE, PAGE, 1));
	EXPECT_TRUE(memory_is(memory, PAGE, 2));
	close_bound(&bound);
}

/* ---- Limits ---- */

FIXTURE(account)
{
	int fd;
	__u32 ioas;
	int file;
	struct mock mock;
	long pinned;
};

FIXTURE_VARIANT(account)
{
	int per_process;
};

FIXTURE_VARIANT_ADD(account, by_user) { .per_process = 0 };
FIXTURE_VARIANT_ADD(account, by_process) { .per_process = 1 };

/* Another context like it, with its own mock device. */
static int setup_context(struct __test_metadata *_metadata, int per_process, __u32 *ioas,
			 struct mock *mock)
{
	int fd = open_iommufd(_metadata);

	ASSERT_OK(option_set(fd, RLIMIT_MODE, 0, per_process));
	ASSERT_OK(ioas_alloc(fd, ioas));
	ASSERT_OK(mock_attach(fd, *ioas, mock));
	return fd;
}

FIXTURE_SETUP(account)
{
	int fd = open_iommufd(_metadata);

	if (!mock_exists(fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	close(fd);
	self->fd = setup_context(_metadata, variant->per_process, &self->ioas, &self->mock);
	self->file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 4 * LIMIT));
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(account)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, memory_pinned());
}

#define map_file_at(start, length, iova) \
	ioas_map_file_at(self->fd, self->ioas, self->file, start, length, iova)
#define map_at(va, length, iova) ioas_map_at(self->fd, self->ioas, va, length, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define EXPECT_PINNED(bytes) EXPECT_EQ(self->pinned + (long)(bytes), memory_pinned())

TEST_F(account, is_limited_to_the_page)
{
	__u8 *memory = memory_pages(2 * LIMIT);

	become_somebody(_metadata, LIMIT);
	EXPECT_ERRNO(ENOMEM, map_file_at(0, LIMIT + PAGE, AT));
	EXPECT_ERRNO(ENOMEM, map_at(memory, LIMIT + PAGE, AT));
	EXPECT_PINNED(0);
	EXPECT_OK(map_file_at(0, LIMIT - PAGE, AT));
	EXPECT_ERRNO(ENOMEM, map_at(memory, 2 * PAGE, 2 * AT - LIMIT));
	EXPECT_OK(map_at(memory, PAGE, 2 * AT - LIMIT));
	EXPECT_ERRNO(ENOMEM, map_file_at(0, PAGE, 2 * AT - PAGE));
	EXPECT_ERRNO(ENOMEM, map_at(memory + LIMIT, PAGE, 2 * AT - PAGE));
	EXPECT_PINNED(LIMIT);
	/* What is given back can be used again. */
	ASSERT_OK(unmap(AT, LIMIT - PAGE));
	EXPECT_OK(map_at(memory, LIMIT - PAGE, AT));
}

/* A page that is half used is a page. */
TEST_F(account, counts_whole_pages)
{
	__u64 half = MOCK_PAGE_SIZE;

	become_somebody(_metadata, 2 * PAGE);
	EXPECT_ERRNO(ENOMEM, map_file_at(half, 2 * PAGE, AT));
	EXPECT_OK(map_file_at(half, PAGE, AT));
	EXPECT_PINNED(2 * PAGE);
}

TEST_F(account, is_unlimited_for_those_who_may_lock_memory)
{
	set_limit(_metadata, PAGE);
	EXPECT_OK(map_file_at(0, 4 * LIMIT, AT));
	EXPECT_PINNED(4 * LIMIT);
}

/* Two processes of one user share a limit, or have one each. */
TEST_F(account, is_of_the_user_or_of_the_process)
{
	struct mock mock;
	struct peer peer;
	__u32 ioas;
	int fd = setup_context(_metadata, variant->per_process, &ioas, &mock);

	if (fork_peer(_metadata, &peer)) {
		become_somebody(_metadata, LIMIT);
		hear(_metadata, &peer);
		EXPECT_ERRNO(variant->per_process ? 0 : ENOMEM,
			     ioas_map_file_at(fd, ioas, self->file, 0, LIMIT, AT));
		EXPECT_ERRNO(ENOMEM, ioas_map_file_at(fd, ioas, self->file, 0, LIMIT + PAGE,
						      2 * AT - 2 * LIMIT));
		end_child();
	}
	become_somebody(_metadata, LIMIT);
	ASSERT_OK(map_file_at(0, PAGE, AT));
	tell(_metadata, &peer);
	wait_for_success(_metadata, &peer);
	close(fd);
}

TEST_F(account, is_with_what_the_process_locks_or_beside_it)
{
	long locked = memory_locked();
	__u8 *memory = memory_pages(LIMIT);

	ASSERT_LE(0, locked);
	ASSERT_EQ(0, mlock(memory, LIMIT / 2));
	become_somebody(_metadata, LIMIT);
	if (variant->per_process) {
		EXPECT_ERRNO(ENOMEM, map_file_at(0, LIMIT / 2 + PAGE, AT));
		EXPECT_OK(map_file_at(0, LIMIT / 2, AT));
		EXPECT_EQ(-1, mlock(memory + LIMIT / 2, PAGE));
		EXPECT_EQ(locked + (long)LIMIT, memory_locked());
	} else {
		EXPECT_OK(map_file_at(0, LIMIT, AT));
		EXPECT_EQ(locked + (long)LIMIT / 2, memory_locked());
	}
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_EQ(locked + (long)LIMIT / 2, memory_locked());
}

TEST_F(account, is_given_back_when_the_process_has_ended)
{
	struct peer peer;

	if (fork_peer(_metadata, &peer)) {
		become_somebody(_metadata, LIMIT);
		EXPECT_OK(map_file_at(0, LIMIT, AT));
		end_child();
	}
	wait_for_success(_metadata, &peer);
	/* The file lives, and its memory with it. */
	if (fork_peer(_metadata, &peer)) {
		become_somebody(_metadata, LIMIT);
		EXPECT_ERRNO(variant->per_process ? 0 : ENOMEM,
			     map_file_at(0, LIMIT, 2 * AT - 2 * LIMIT));
		EXPECT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
		EXPECT_OK(map_file_at(0, LIMIT, AT));
		end_child();
	}
	wait_for_success(_metadata, &peer);
	EXPECT_PINNED(0);
}

/* ---- To another process ---- */

TEST_F(account, moves_to_the_process_that_asks)
{
	__u32 other;
	struct peer peer;

	ASSERT_OK(map_file_at(0, LIMIT, AT));
	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(ioas_copy_at(self->fd, other, self->ioas, AT, LIMIT, AT));
	EXPECT_PINNED(LIMIT);
	if (fork_peer(_metadata, &peer)) {
		/* Memory of its own is counted there already, and once. */
		EXPECT_OK(map_file_at(0, PAGE, AT + LIMIT));
		EXPECT_EQ((long)PAGE, memory_pinned());
		EXPECT_OK(ioas_change_process(self->fd));
		EXPECT_EQ((long)(LIMIT + PAGE), memory_pinned());
		EXPECT_OK(ioas_change_process(self->fd));
		EXPECT_EQ((long)(LIMIT + PAGE), memory_pinned());
		tell(_metadata, &peer);
		hear(_metadata, &peer);
		EXPECT_EQ((long)PAGE, memory_pinned());
		end_child();
	}
	hear(_metadata, &peer);
	EXPECT_PINNED(0);
	ASSERT_OK(destroy(self->fd, other));
	ASSERT_OK(unmap(AT, LIMIT));
	EXPECT_PINNED(0);
	tell(_metadata, &peer);
	wait_for_success(_metadata, &peer);
	/* What is mapped anew is its maker's. */
	ASSERT_OK(map_file_at(0, LIMIT, AT));
	EXPECT_PINNED(LIMIT);
}

TEST_F(account, moves_from_a_process_that_has_ended)
{
	struct peer peer;

	if (fork_peer(_metadata, &peer)) {
		EXPECT_OK(map_file_at(0, LIMIT, AT));
		end_child();
	}
	wait_for_success(_metadata, &peer);
	EXPECT_PINNED(0);
	ASSERT_OK(ioas_change_process(self->fd));
	EXPECT_PINNED(LIMIT);
	ASSERT_OK(unmap(AT, LIMIT));
	EXPECT_PINNED(0);
}

/* It counts when it is pinned, against the one who took it over before. */
TEST_F(account, moves_what_is_not_pinned_yet)
{
	struct peer peer;

	ASSERT_OK(destroy(self->fd, self->mock.id));
	ASSERT_OK(map_file_at(0, LIMIT, AT));
	if (fork_peer(_metadata, &peer)) {
		EXPECT_OK(ioas_change_process(self->fd));
		tell(_metadata, &peer);
		hear(_metadata, &peer);
		EXPECT_EQ((long)LIMIT, memory_pinned());
		end_child();
	}
	hear(_metadata, &peer);
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	EXPECT_PINNED(0);
	tell(_metadata, &peer);
	wait_for_success(_metadata, &peer);
}

TEST_F(account, does_not_move_with_memory_of_a_process)
{
	__u8 *memory = memory_pages(PAGE);
	struct peer peer;

	ASSERT_OK(map_file_at(0, LIMIT, AT));
	ASSERT_OK(map_at(memory, PAGE, 2 * AT - PAGE));
	if (fork_peer(_metadata, &peer)) {
		EXPECT_ERRNO(EINVAL, ioas_change_process(self->fd));
		EXPECT_EQ(0, memory_pinned());
		/* Nor where it is not pinned. */
		EXPECT_OK(destroy(self->fd, self->mock.id));
		EXPECT_ERRNO(EINVAL, ioas_change_process(self->fd));
		EXPECT_OK(unmap(2 * AT - PAGE, PAGE));
		EXPECT_OK(ioas_change_process(self->fd));
		end_child();
	}
	wait_for_success(_metadata, &peer);
}

TEST_F(account, does_not_move_over_a_limit)
{
	struct peer peer;

	ASSERT_OK(map_file_at(0, LIMIT, AT));
	if (fork_peer(_metadata, &peer)) {
		EXPECT_EQ(0, memory_pinned());
		become_somebody(_metadata, LIMIT - PAGE);
		EXPECT_ERRNO(ENOMEM, ioas_change_process(self->fd));
		EXPECT_EQ(0, memory_pinned());
		end_child();
	}
	wait_for_success(_metadata, &peer);
	EXPECT_PINNED(LIMIT);
	/* All of it or nothing, and to the page. */
	ASSERT_OK(map_file_at(LIMIT, PAGE, AT + LIMIT));
	if (fork_peer(_metadata, &peer)) {
		EXPECT_EQ(0, memory_pinned());
		become_somebody(_metadata, LIMIT);
		EXPECT_ERRNO(ENOMEM, ioas_change_process(self->fd));
		EXPECT_EQ(0, memory_pinned());
		EXPECT_OK(unmap(AT + LIMIT, PAGE));
		EXPECT_OK(ioas_change_process(self->fd));
		EXPECT_EQ((long)LIMIT, memory_pinned());
		EXPECT_ERRNO(ENOMEM, map_file_at(0, PAGE, 2 * AT - PAGE));
		end_child();
	}
	wait_for_success(_metadata, &peer);
	EXPECT_PINNED(0);
}

/* The new process need not have room for it twice. */
TEST_F(account, moves_within_the_limit_of_a_user)
{
	struct peer peer;

	if (fork_peer(_metadata, &peer)) {
		become_somebody(_metadata, LIMIT);
		EXPECT_OK(map_file_at(0, LIMIT, AT));
		tell(_metadata, &peer);
		hear(_metadata, &peer);
		EXPECT_EQ(0, memory_pinned());
		end_child();
	}
	hear(_metadata, &peer);
	become_somebody(_metadata, LIMIT);
	EXPECT_PINNED(0);
	EXPECT_OK(ioas_change_process(self->fd));
	EXPECT_PINNED(LIMIT);
	EXPECT_ERRNO(ENOMEM, map_file_at(0, PAGE, 2 * AT - PAGE));
	tell(_metadata, &peer);
	wait_for_success(_metadata, &peer);
	ASSERT_OK(unmap(AT, LIMIT));
	EXPECT_OK(map_file_at(0, LIMIT, AT));
}

TEST_F(account, moves_nothing_where_nothing_is)
{
	struct iommu_ioas_change_process cmd = { .size = sizeof(cmd), .__reserved = 1 };

	EXPECT_OK(ioas_change_process(self->fd));
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &cmd,
				      "IOMMU_IOAS_CHANGE_PROCESS(reserved)"));
	EXPECT_PINNED(0);
}

TEST_HARNESS_MAIN
