// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that comes by a dma-buf and can go at any time: it is in every domain when
 * it is there and in none when it is not, whatever is done to the IOAS meanwhile.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <sys/mman.h>

#include "lib/testing.h"
#include "lib/access.h"
#include "lib/dirty.h"
#include "lib/mock.h"

#define AT	0x2000000ULL
#define THERE	0x4000000ULL
#define LENGTH	(8 * PAGE)
#define HALF	(PAGE / 2)

#define MAP_AT	(MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA)
#define READ_AT	(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA)

FIXTURE(dma_buf)
{
	int fd;
	__u32 ioas;
	struct mock mock;
	int dmabuf;
	__u8 *va;	/* the pages that are behind it */
};

FIXTURE_SETUP(dma_buf)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	self->dmabuf = mock_dmabuf_get(self->fd, LENGTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->dmabuf) {
		TH_LOG("%s: %s", last_call, strerror(-self->dmabuf));
	}
	self->va = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->dmabuf, 0);
	ASSERT_NE(MAP_FAILED, self->va);
}

FIXTURE_TEARDOWN(dma_buf)
{
	munmap(self->va, LENGTH);
	close(self->dmabuf);
	close(self->fd);
}

static int map_at(FIXTURE_DATA(dma_buf) *self, __u32 ioas, __u32 flags, __u64 start, __u64 length,
		  __u64 iova)
{
	return ioas_map_file(self->fd, ioas, flags, self->dmabuf, start, length, &iova);
}

static int take_away(FIXTURE_DATA(dma_buf) *self)
{
	return mock_dmabuf_revoke(self->fd, self->dmabuf, true);
}

static int give_back(FIXTURE_DATA(dma_buf) *self)
{
	return mock_dmabuf_revoke(self->fd, self->dmabuf, false);
}

/* Does the domain have all of the range, which begins at @start of the dma-buf? */
static int there(FIXTURE_DATA(dma_buf) *self, __u32 hwpt, __u64 iova, __u64 start, __u64 length)
{
	return mock_check_map(self->fd, hwpt, iova, self->va + start, length);
}

/* The domain has nothing of the range, not in the smallest of its pages. */
#define expect_away(hwpt, iova, start, length) do { \
	for (__u64 at_ = 0; at_ < (length); at_ += MOCK_PAGE_SIZE) \
		EXPECT_ERRNO(EINVAL, there(self, hwpt, (iova) + at_, (start) + at_, \
					   MOCK_PAGE_SIZE)); \
} while (0)

#define expect_there(hwpt, iova, start, length) \
	EXPECT_OK(there(self, hwpt, iova, start, length))

TEST_F(dma_buf, its_pages_are_mapped)
{
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, LENGTH, NULL));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
}

TEST_F(dma_buf, parts_of_it_are_mapped)
{
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, PAGE, 2 * PAGE, AT));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, HALF, PAGE, AT + LENGTH));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, LENGTH - HALF, HALF, AT + 2 * LENGTH));
	expect_there(self->mock.hwpt, AT, PAGE, 2 * PAGE);
	expect_there(self->mock.hwpt, AT + LENGTH, HALF, PAGE);
	expect_there(self->mock.hwpt, AT + 2 * LENGTH, LENGTH - HALF, HALF);
}

TEST_F(dma_buf, it_is_mapped_where_there_is_room)
{
	__u64 iova = 0;

	ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_RW, self->dmabuf, 0, LENGTH, &iova));
	EXPECT_LE(MOCK_APERTURE_START, iova);
	expect_there(self->mock.hwpt, iova, 0, LENGTH);
}

TEST_F(dma_buf, impossible_ranges_are_refused)
{
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, 0, 0, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, LENGTH, PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, 0, LENGTH + PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, PAGE, LENGTH, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, -2 * PAGE, PAGE, AT));
	EXPECT_ERRNO(EOVERFLOW, map_at(self, self->ioas, MAP_AT, -PAGE, 2 * PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, 1, PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, 0, PAGE + 1, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, 0, PAGE, AT + 1));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, IOMMU_IOAS_MAP_FIXED_IOVA, 0, PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_at(self, self->ioas, MAP_AT, 0, PAGE, 0));
	EXPECT_ERRNO(ENOENT, map_at(self, self->mock.hwpt, MAP_AT, 0, PAGE, AT));
	EXPECT_ERRNO(ENOENT, ioas_unmap(self->fd, self->ioas, AT, LENGTH, NULL));
}

TEST_F(dma_buf, impossible_dma_bufs_are_refused)
{
	EXPECT_ERRNO(EINVAL, mock_dmabuf_get(self->fd, 0, O_RDWR));
	EXPECT_ERRNO(EINVAL, mock_dmabuf_get(self->fd, PAGE + 1, O_RDWR));
	EXPECT_ERRNO(EINVAL, mock_dmabuf_get(self->fd, (2 << 20) + PAGE, O_RDWR));
	EXPECT_ERRNO(EINVAL, mock_dmabuf_get(self->fd, PAGE, O_RDWR | O_TRUNC));
	EXPECT_ERRNO(EBADF, mock_dmabuf_revoke(self->fd, -1, true));
	EXPECT_ERRNO(EINVAL, mock_dmabuf_revoke(self->fd, self->fd, true));
}

TEST_F(dma_buf, a_large_one_is_mapped)
{
	int fd = mock_dmabuf_get(self->fd, 2 << 20, O_CLOEXEC);
	__u64 iova = AT;

	ASSERT_LE(0, fd);
	/* How it was opened has no bearing on what devices may do. */
	ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 0, 2 << 20, &iova));
	EXPECT_OK(mock_dmabuf_revoke(self->fd, fd, true));
	EXPECT_OK(mock_dmabuf_revoke(self->fd, fd, false));
	close(fd);
}

TEST_F(dma_buf, nothing_of_it_is_pinned)
{
	long before = memory_pinned();

	ASSERT_LE(0, before);
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	EXPECT_EQ(before, memory_pinned());
	EXPECT_OK(mock_check_refs(self->fd, self->va, LENGTH, 0));
}

TEST_F(dma_buf, it_goes_and_comes_back)
{
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, PAGE, 4 * PAGE, AT));
	ASSERT_OK(take_away(self));
	expect_away(self->mock.hwpt, AT, PAGE, 4 * PAGE);
	ASSERT_OK(take_away(self));
	expect_away(self->mock.hwpt, AT, PAGE, 4 * PAGE);
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, PAGE, 4 * PAGE);
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, PAGE, 4 * PAGE);
}

TEST_F(dma_buf, what_is_beside_it_stays)
{
	__u8 *memory = memory_pages(PAGE);

	ASSERT_NE(NULL, memory);
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, PAGE, AT));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, PAGE, AT + PAGE));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, PAGE, PAGE, AT + 2 * PAGE));
	ASSERT_OK(take_away(self));
	EXPECT_OK(mock_check_map(self->fd, self->mock.hwpt, AT + PAGE, memory, PAGE));
	/* Both kinds in one unmap */
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, 2 * PAGE, NULL));
	ASSERT_OK(give_back(self));
	expect_away(self->mock.hwpt, AT, 0, PAGE);
	expect_there(self->mock.hwpt, AT + 2 * PAGE, PAGE, PAGE);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, PAGE, AT));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
}

TEST_F(dma_buf, it_is_not_mapped_while_it_is_away)
{
	ASSERT_OK(take_away(self));
	EXPECT_ERRNO(ENODEV, map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	EXPECT_ERRNO(ENODEV, map_at(self, self->ioas, MAP_AT, LENGTH - PAGE, PAGE, AT));
	ASSERT_OK(give_back(self));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
}

TEST_F(dma_buf, what_is_copied_while_it_is_away_has_it_when_it_is_back)
{
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, THERE));
	ASSERT_OK(take_away(self));
	ASSERT_OK(ioas_copy_at(self->fd, self->ioas, self->ioas, THERE, LENGTH, AT));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
}

TEST_F(dma_buf, what_is_unmapped_while_it_is_away_stays_empty)
{
	__u8 *memory = memory_pages(PAGE);

	ASSERT_NE(NULL, memory);
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	ASSERT_OK(take_away(self));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, LENGTH, NULL));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, PAGE, AT));
	ASSERT_OK(give_back(self));
	EXPECT_OK(mock_check_map(self->fd, self->mock.hwpt, AT, memory, PAGE));
	expect_away(self->mock.hwpt, AT + PAGE, PAGE, LENGTH - PAGE);
}

TEST_F(dma_buf, every_page_table_has_it)
{
	__u32 hwpt, other;

	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	ASSERT_OK(hwpt_alloc(self->fd, self->mock.dev, self->ioas, &hwpt));
	expect_there(hwpt, AT, 0, LENGTH);
	ASSERT_OK(take_away(self));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
	expect_away(hwpt, AT, 0, LENGTH);

	/* Those made while it is away as well, and those that go leave no trace. */
	ASSERT_OK(hwpt_alloc(self->fd, self->mock.dev, self->ioas, &other));
	expect_away(other, AT, 0, LENGTH);
	ASSERT_OK(destroy(self->fd, hwpt));
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
	expect_there(other, AT, 0, LENGTH);
	ASSERT_OK(destroy(self->fd, other));
	ASSERT_OK(take_away(self));
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
}

TEST_F(dma_buf, it_waits_for_a_page_table)
{
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	ASSERT_OK(destroy(self->fd, self->mock.id));
	ASSERT_OK(take_away(self));
	ASSERT_OK(give_back(self));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
	ASSERT_OK(destroy(self->fd, self->mock.id));
	ASSERT_OK(take_away(self));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
}

TEST_F(dma_buf, copies_follow_too)
{
	struct mock other;
	__u32 ioas;

	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	ASSERT_OK(ioas_copy_at(self->fd, self->ioas, self->ioas, AT + PAGE, 2 * PAGE, THERE));
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(mock_attach(self->fd, ioas, &other));
	ASSERT_OK(ioas_copy_at(self->fd, ioas, self->ioas, AT, LENGTH, THERE));
	expect_there(self->mock.hwpt, THERE, PAGE, 2 * PAGE);
	expect_there(other.hwpt, THERE, 0, LENGTH);
	ASSERT_OK(take_away(self));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
	expect_away(self->mock.hwpt, THERE, PAGE, 2 * PAGE);
	expect_away(other.hwpt, THERE, 0, LENGTH);
	ASSERT_OK(ioas_copy_at(self->fd, ioas, self->ioas, AT + HALF, PAGE, AT));

	/* The source can go first. */
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	ASSERT_OK(give_back(self));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
	expect_there(other.hwpt, THERE, 0, LENGTH);
	expect_there(other.hwpt, AT, HALF, PAGE);
}

TEST_F(dma_buf, a_copy_is_not_writeable_where_the_source_is_not)
{
	__u64 to = THERE;

	ASSERT_OK(map_at(self, self->ioas, READ_AT, 0, LENGTH, AT));
	EXPECT_ERRNO(EPERM, ioas_copy_at(self->fd, self->ioas, self->ioas, AT, PAGE, THERE));
	EXPECT_OK(ioas_copy(self->fd, self->ioas, self->ioas, READ_AT, AT, PAGE, &to));
}

TEST_F(dma_buf, the_kernel_does_not_touch_it)
{
	__u8 data[16] = {};
	__u32 pages;
	int access;

	ASSERT_OK(access_create(self->fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
				&access));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	EXPECT_ERRNO(EINVAL, access_pin(self->fd, access, 0, AT, PAGE, NULL, &pages));
	EXPECT_ERRNO(EINVAL, access_rw(self->fd, access, 0, AT, data, sizeof(data)));
	EXPECT_ERRNO(EINVAL, access_rw(self->fd, access, MOCK_ACCESS_RW_WRITE, AT, data,
				       sizeof(data)));
	ASSERT_OK(take_away(self));
	EXPECT_ERRNO(EINVAL, access_pin(self->fd, access, 0, AT, PAGE, NULL, &pages));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, LENGTH, NULL));
	close(access);
}

TEST_F(dma_buf, none_of_it_is_dirty)
{
	__u8 all = 0xff, dirty = 0;
	__u64 hits;
	__u32 hwpt;

	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, self->ioas,
				   IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0, NULL, 0, &hwpt));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	ASSERT_OK(set_tracking(self->fd, hwpt, true));
	ASSERT_OK(mock_write(self->fd, hwpt, AT, LENGTH, PAGE, &all, &hits));
	EXPECT_OK(get_dirty(self->fd, hwpt, 0, AT, LENGTH, PAGE, &dirty));
	EXPECT_EQ(0, dirty);
	ASSERT_OK(take_away(self));
	EXPECT_OK(get_dirty(self->fd, hwpt, 0, AT, LENGTH, PAGE, &dirty));
	EXPECT_EQ(0, dirty);
	ASSERT_OK(give_back(self));
	expect_there(hwpt, AT, 0, LENGTH);
	ASSERT_OK(destroy(self->fd, hwpt));
}

TEST_F(dma_buf, the_file_descriptor_can_go_first)
{
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	close(self->dmabuf);
	self->dmabuf = -1;
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
	ASSERT_EQ(0, munmap(self->va, LENGTH));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, LENGTH, NULL));
}

TEST_F(dma_buf, the_iommufd_can_go_first)
{
	int other = open_iommufd(_metadata);

	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	close(self->fd);
	self->fd = other;
	ASSERT_OK(take_away(self));
	ASSERT_OK(give_back(self));
	memset(self->va, 1, LENGTH);
}

TEST_F(dma_buf, two_contexts_have_it)
{
	int other = open_iommufd(_metadata);
	struct mock mock;
	__u64 iova = AT;
	__u32 ioas;

	ASSERT_OK(ioas_alloc(other, &ioas));
	ASSERT_OK(mock_attach(other, ioas, &mock));
	ASSERT_OK(ioas_map_file(other, ioas, MAP_AT, self->dmabuf, 0, LENGTH, &iova));
	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	ASSERT_OK(take_away(self));
	EXPECT_ERRNO(EINVAL, mock_check_map(other, mock.hwpt, AT, self->va, PAGE));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
	close(other);
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
}

/* ---- All at once ---- */

#define RACE_SECONDS 3

struct race {
	FIXTURE_DATA(dma_buf) *self;
	atomic_bool over;
	atomic_int wrong;	/* calls that failed as they must not */
};

/* -EINTR and the like do not happen here: whatever is allowed succeeds. */
static void expect_done(struct race *race, int err)
{
	if (err)
		atomic_fetch_add(&race->wrong, 1);
}

static void *race_revoke(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->over)) {
		expect_done(race, take_away(race->self));
		expect_done(race, give_back(race->self));
	}
	return NULL;
}

static void *race_map(void *arg)
{
	struct race *race = arg;
	FIXTURE_DATA(dma_buf) *self = race->self;
	int err;

	while (!atomic_load(&race->over)) {
		/* ENODEV: it is away. */
		err = map_at(self, self->ioas, MAP_AT, PAGE, 3 * PAGE, THERE);
		expect_done(race, err == -ENODEV ? 0 : err);
		expect_done(race, ioas_copy_at(self->fd, self->ioas, self->ioas, AT, LENGTH,
					       THERE + LENGTH));
		expect_done(race, ioas_unmap(self->fd, self->ioas, THERE, 2 * LENGTH, NULL));
	}
	return NULL;
}

static void *race_attach(void *arg)
{
	struct race *race = arg;
	FIXTURE_DATA(dma_buf) *self = race->self;
	struct mock mock;
	__u32 hwpt;

	while (!atomic_load(&race->over)) {
		expect_done(race, hwpt_alloc(self->fd, self->mock.dev, self->ioas, &hwpt));
		expect_done(race, mock_attach(self->fd, hwpt, &mock));
		expect_done(race, destroy(self->fd, mock.id));
		expect_done(race, destroy(self->fd, hwpt));
	}
	return NULL;
}

TEST_F(dma_buf, whatever_happens_at_once)
{
	void *(* const racers[])(void *) = { race_revoke, race_map, race_attach };
	struct race race = { .self = self };
	pthread_t threads[3];

	ASSERT_OK(map_at(self, self->ioas, MAP_AT, 0, LENGTH, AT));
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, racers[i], &race));
	sleep(RACE_SECONDS);
	atomic_store(&race.over, true);
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, atomic_load(&race.wrong));
	ASSERT_OK(give_back(self));
	expect_there(self->mock.hwpt, AT, 0, LENGTH);
	expect_away(self->mock.hwpt, THERE, PAGE, 3 * PAGE);
	ASSERT_OK(take_away(self));
	expect_away(self->mock.hwpt, AT, 0, LENGTH);
}

TEST_HARNESS_MAIN
