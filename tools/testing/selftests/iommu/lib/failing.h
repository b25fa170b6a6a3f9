/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whatever fails, nothing is left behind: each ioctl is called again and again, and
 * each time another of its steps fails, an allocation, a copy from or to the user or
 * a step of the core's own. The programs that include this, once each, say which
 * ioctls: to add one, add a SCENARIO.
 *
 * What an ioctl has done, or not, is judged by fdinfo: after a failure it is what it
 * was before, to the letter; then the call is made again, works, and fdinfo is what
 * it is after a call that no failure came before.
 */
#ifndef SELFTESTS_IOMMU_FAILING_H
#define SELFTESTS_IOMMU_FAILING_H

#include <sys/mman.h>

#include "access.h"
#include "dirty.h"
#include "fault.h"
#include "fdinfo.h"
#include "mock.h"
#include "shmem.h"
#include "testing.h"

#define AT 0x40000000ULL
#define HALF ((__u64)MOCK_PAGE_SIZE)

#define NR_PAGES 32
#define LENGTH (NR_PAGES * PAGE)

/* What the core asks at its own steps */
#define OWN "fail_iommufd"

#define FDINFO_ROOM 8192

/* What an ioctl works on */
struct world {
	int fd;
	char *pages;	/* NR_PAGES */
	char *huge;	/* 2 of them */
	__u32 ioas, other, hwpt;
	struct mock mock, second;
	struct edu edu, edu_second;
	int file;	/* a memfd, NR_PAGES long, in all worlds the same */
	int dmabuf;	/* or 0 */
	int access;	/* the file of an access, or 0 */
	__u32 pinned;	/* what it has pinned */
};

FIXTURE(fail_nth)
{
	struct world world;
	int nth;
	long pinned;
	char before[FDINFO_ROOM], after[FDINFO_ROOM], now[FDINFO_ROOM];
	char other[FDINFO_ROOM];	/* variant->undone's */
};

FIXTURE_VARIANT(fail_nth)
{
	/* Makes what the ioctl needs; nothing fails yet. */
	int (*prepare)(struct world *world);
	/* The ioctl. */
	int (*run)(struct world *world);
	/* Where fdinfo does not show whether it was done. */
	int (*check)(struct world *world, bool done);
	/* A failure may leave this done, which nothing can undo, or not. */
	int (*undone)(struct world *world);
	/* How many steps of the core's own it has at the least. */
	unsigned int own_steps;
	/* EFAULT may tell that the answer could not be written, of what is done. */
	bool answers_late;
	/* Several ioctls, of which those before the failure are not undone. */
	bool is_story;
	/* Others that it calls do not survive it if an allocation of theirs fails. */
	bool spares_slabs;
	/* It works on a device of QEMU, not on a mock one. */
	bool on_edu;
	bool on_edu_pair;
	bool on_edu_groups;	/* on two, of a group each */
	bool on_shmem;
	bool on_huge_pages;
};

FIXTURE_SETUP(fail_nth)
{
	int fd = open_iommufd(_metadata);

	if (!mock_exists(fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	close(fd);
	if (variant->on_edu) {
		find_edu(_metadata, &self->world.edu, 0);
		ASSERT_OK(edu_keep_enabled(&self->world.edu));
	}
	if (variant->on_shmem) {
		struct shmem shmem;

		if (shmem_find(&shmem))
			SKIP_TEST("this machine has no ivshmem device");
		ASSERT_OK(edu_keep_enabled(&shmem.dev));
	}
	if (variant->on_edu_pair) {
		find_edu(_metadata, &self->world.edu, 0);
		ASSERT_OK(edu_find_pair(EDU_PAIR_ON_ROOT_BUS, &self->world.edu,
					&self->world.edu_second));
		ASSERT_OK(edu_keep_enabled(&self->world.edu));
		ASSERT_OK(edu_keep_enabled(&self->world.edu_second));
	}
	if (variant->on_edu_groups) {
		find_edu(_metadata, &self->world.edu, 0);
		find_edu_of_another_group(_metadata, &self->world.edu,
					  &self->world.edu_second);
		ASSERT_OK(edu_keep_enabled(&self->world.edu));
		ASSERT_OK(edu_keep_enabled(&self->world.edu_second));
	}
	if (variant->on_huge_pages)
		self->world.huge = alloc_memory(_metadata, MEMORY_THP, 2 * HUGE);
	self->nth = fault_open();
	if (self->nth < 0)
		SKIP_TEST("no fail-nth or no failslab in debugfs: %s",
			  strerror(-self->nth));
	if (variant->spares_slabs)
		ASSERT_EQ(0, fault_spare_slabs());
	self->world.pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->world.pages);
	memory_fill(self->world.pages, LENGTH, 1);
	self->world.file = memfd_create("fail_nth", MFD_CLOEXEC);
	ASSERT_LE(0, self->world.file);
	ASSERT_EQ((ssize_t)LENGTH, write(self->world.file, self->world.pages, LENGTH));
	self->pinned = memory_pinned();
}

FIXTURE_TEARDOWN(fail_nth)
{
	fault_close(self->nth);
}

/* The number of the context, at the front, is another one each time. */
static void read_objects(struct __test_metadata *_metadata, int fd, char *text)
{
	const char *line;
	char *extents = text;

	ASSERT_EQ(0, fdinfo_read(fd, text, FDINFO_ROOM));
	line = strstr(text, "\niommufd:\t");
	ASSERT_NE(NULL, line);
	line = strchr(line + 1, '\n') + 1;
	memmove(text, line, strlen(line) + 1);
	/* Where memory is can change while it is not pinned. */
	while ((extents = strstr(extents, " extents "))) {
		const char *end;

		extents += strlen(" extents ");
		end = extents + strspn(extents, "0123456789");
		memmove(extents, end, strlen(end) + 1);
	}
}

static void begin(struct __test_metadata *_metadata, struct world *world,
		  int (*prepare)(struct world *world))
{
	world->fd = open_iommufd(_metadata);
	if (prepare)
		ASSERT_OK(prepare(world));
}

static void end(struct __test_metadata *_metadata, struct world *world, long pinned)
{
	if (world->edu.fd > 0)
		edu_close(&world->edu);
	if (world->edu_second.fd > 0)
		edu_close(&world->edu_second);
	if (world->dmabuf > 0)
		close(world->dmabuf);
	world->dmabuf = 0;
	if (world->access > 0)
		close(world->access);
	world->access = 0;
	close(world->fd);
	ASSERT_EQ(0, mock_count());
	ASSERT_EQ(pinned, memory_pinned());
}

/* Pages that nothing has pinned any more, of memory and of the file */
static void assert_no_pins(struct __test_metadata *_metadata, struct world *world)
{
	int fd = open_iommufd(_metadata);
	char *shown;

	shown = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED | MAP_POPULATE, world->file, 0);
	ASSERT_NE(MAP_FAILED, shown);
	EXPECT_OK(mock_check_refs(fd, shown, LENGTH, 0));
	EXPECT_OK(mock_check_refs(fd, world->pages, LENGTH, 0));
	munmap(shown, LENGTH);
	close(fd);
}

static void assert_objects(struct __test_metadata *_metadata, const char *expected,
			   const char *text, unsigned int n)
{
	ASSERT_STREQ(expected, text) {
		TH_LOG("after failure %u, %s", n, last_call);
	}
}

/* How fdinfo is before the call and after it, where nothing fails; how many own steps it has. */
static long without_a_failure(struct __test_metadata *_metadata, FIXTURE_DATA(fail_nth) *self,
			      const FIXTURE_VARIANT(fail_nth) *variant)
{
	struct world *world = &self->world;
	long steps;
	int err;

	begin(_metadata, world, variant->prepare);
	read_objects(_metadata, world->fd, self->before);
	EXPECT_EQ(0, fault_count_begin(OWN));
	err = variant->run(world);
	steps = fault_count_end(OWN);
	ASSERT_OK(err);
	read_objects(_metadata, world->fd, self->after);
	end(_metadata, world, self->pinned);
	return steps;
}

/* The call has returned @err at failure @n. */
static void judge(struct __test_metadata *_metadata, FIXTURE_DATA(fail_nth) *self,
		  const FIXTURE_VARIANT(fail_nth) *variant, int err, unsigned int n)
{
	struct world *world = &self->world;
	bool done;

	read_objects(_metadata, world->fd, self->now);
	done = !err || (variant->answers_late && err == -EFAULT &&
			!strcmp(self->now, self->after));
	if (variant->check)
		ASSERT_OK(variant->check(world, done));
	if (!done) {
		if (!variant->undone || strcmp(self->now, self->other))
			assert_objects(_metadata, self->before, self->now, n);
		err = variant->run(world);
		ASSERT_EQ(0, err) {
			TH_LOG("again after failure %u, %s: %s", n, last_call, errno_name(-err));
		}
		if (variant->check)
			ASSERT_OK(variant->check(world, true));
		read_objects(_metadata, world->fd, self->now);
	}
	assert_objects(_metadata, self->after, self->now, n);
}

/*
 * The nth step that can fail, fails: of all of them, or where @own of the core's own.
 * False if there are not so many; counts in @failed what the call did not absorb.
 */
static bool with_a_failure(struct __test_metadata *_metadata, FIXTURE_DATA(fail_nth) *self,
			   const FIXTURE_VARIANT(fail_nth) *variant, bool own, unsigned int n,
			   unsigned int *failed)
{
	struct world *world = &self->world;
	bool fired;
	int err;

	begin(_metadata, world, variant->prepare);
	err = own ? fault_arm_step(OWN, n) : fault_arm(self->nth, n);
	ASSERT_EQ(0, err);
	err = variant->run(world);
	fired = own ? fault_disarm_step(OWN) : fault_disarm(self->nth);
	*failed += !!err;
	/*
	 * Some failures are absorbed, but none comes from nowhere. ENODEV: a device that
	 * the driver core could not put behind the IOMMU.
	 */
	if (!fired)
		ASSERT_OK(err);
	ASSERT_TRUE(!err || err == -ENOMEM || err == -EFAULT || err == -ENODEV) {
		TH_LOG("after failure %u, %s: %s", n, last_call, errno_name(-err));
	}
	if (!variant->is_story)
		judge(_metadata, self, variant, err, n);
	end(_metadata, world, self->pinned);
	return fired;
}

TEST_F_TIMEOUT(fail_nth, nothing_is_left_behind, 600)
{
	struct world *world = &self->world;
	unsigned int n = 0, own = 0, failed = 0;

	/* The first time, what is allocated once and for all is, which is not this test's. */
	without_a_failure(_metadata, self, variant);
	EXPECT_LE(variant->own_steps, without_a_failure(_metadata, self, variant));
	if (variant->undone) {
		begin(_metadata, world, variant->prepare);
		ASSERT_OK(variant->undone(world));
		read_objects(_metadata, world->fd, self->other);
		end(_metadata, world, self->pinned);
	}

	while (with_a_failure(_metadata, self, variant, false, n + 1, &failed))
		n++;
	/*
	 * Those of the core are missed there where an allocation needs a page in one
	 * round that it did not in the one before: they are then counted one further.
	 */
	while (with_a_failure(_metadata, self, variant, true, own + 1, &failed))
		own++;

	assert_no_pins(_metadata, world);
	/* Or the machinery does not work. */
	EXPECT_LT(0, failed);
	EXPECT_LE(variant->own_steps, own);
	TH_LOG("%u points of failure, and %u of the core's own; %u failed the call", n, own,
	       failed);
}

/* ---- What there is before ---- */

static inline int an_ioas(struct world *w)
{
	return ioas_alloc(w->fd, &w->ioas);
}

static inline int an_ioas_with_areas(struct world *w)
{
	return an_ioas(w) ?:
	       ioas_map_at(w->fd, w->ioas, w->pages, 4 * PAGE, AT) ?:
	       ioas_map_at(w->fd, w->ioas, w->pages + 8 * PAGE, 2 * PAGE, AT + 8 * PAGE);
}

static inline int a_device(struct world *w)
{
	return an_ioas(w) ?: mock_attach(w->fd, w->ioas, &w->mock);
}

static inline int a_device_with_areas(struct world *w)
{
	return an_ioas_with_areas(w) ?: mock_attach(w->fd, w->ioas, &w->mock);
}

static inline int two_hwpts(struct world *w)
{
	return a_device_with_areas(w) ?:
	       hwpt_alloc(w->fd, w->mock.dev, w->ioas, &w->hwpt);
}

static inline int two_ioases(struct world *w)
{
	return a_device_with_areas(w) ?:
	       ioas_alloc(w->fd, &w->other) ?:
	       ioas_map_at(w->fd, w->other, w->pages + 16 * PAGE, 4 * PAGE, AT);
}

static inline int two_devices(struct world *w)
{
	return two_ioases(w) ?: mock_attach(w->fd, w->other, &w->second);
}

static inline int a_dmabuf(struct world *w)
{
	int dmabuf = mock_dmabuf_get(w->fd, 4 * PAGE, O_RDWR | O_CLOEXEC);

	if (dmabuf < 0)
		return dmabuf;
	w->dmabuf = dmabuf;
	return 0;
}

#define SCENARIO(name_, ...) FIXTURE_VARIANT_ADD(fail_nth, name_) { __VA_ARGS__ }

#endif
