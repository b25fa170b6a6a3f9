// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects of nested translation while several threads make, use and destroy them. What
 * each call may answer is known; that nothing is left, lockdep and KASAN see the rest.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/nested_fixture.h"

#define ROUNDS 150
#define MAX_THREADS 4

FIXTURE(nested_race)
{
	struct nested_world world;
};

FIXTURE_SETUP(nested_race)
{
	setup_nested(_metadata, &self->world);
}

FIXTURE_TEARDOWN(nested_race)
{
	teardown_nested(_metadata, &self->world);
}

/* What the threads of a test share. */
struct race {
	int fd;
	__u32 ioas, parent, dev;
	atomic_uint hwpt, viommu, vdevice, stdev;
	atomic_bool stop;
	atomic_int wins;
	/* An answer that should not be. */
	atomic_int wrong;
	pthread_barrier_t start;
};

static void expect_any(struct race *race, int err, int this, int that, int other)
{
	if (err && err != -this && err != -that && err != -other) {
		fprintf(stderr, "# %s: %s\n", last_call, strerror(-err));
		race->wrong = -err;
	}
}

static void init_race(struct race *race, struct nested_world *world)
{
	*race = (struct race){
		.fd = world->fd,
		.ioas = world->ioas,
		.parent = world->parent,
		.dev = world->mock.dev,
		.stdev = world->mock.id,
	};
}

static void run(struct __test_metadata *_metadata, struct race *race,
		void *(*const what[])(void *), unsigned int number)
{
	pthread_t threads[MAX_THREADS];

	ASSERT_EQ(0, pthread_barrier_init(&race->start, NULL, number));
	for (unsigned int i = 0; i < number; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, what[i], race));
	for (unsigned int i = 0; i < number; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	pthread_barrier_destroy(&race->start);
	EXPECT_EQ(0, race->wrong);
}

/* ---- Invalidations of what others destroy ---- */

static void *invalidate_all(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(&race->start);
	while (!race->stop) {
		expect_any(race, invalidate_iotlb(race->fd, race->hwpt, INV_ALL, 0), ENOENT,
			   EINVAL, 0);
		/* The VIOMMU may have another device by that name, or none. */
		expect_any(race, invalidate_cache(race->fd, race->viommu, 1, INV_ALL, 0),
			   ENOENT, EINVAL, 0);
	}
	return NULL;
}

static void *make_and_destroy(void *arg)
{
	struct race *race = arg;
	__u32 viommu, vdevice, hwpt;
	int err = 0;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < ROUNDS && !err; i++) {
		err = viommu_alloc(race->fd, race->dev, race->parent, &viommu);
		race->viommu = viommu;
		if (!err)
			err = vdevice_alloc(race->fd, viommu, race->dev, 1, &vdevice);
		if (!err)
			err = nested_alloc(race->fd, race->dev, viommu, IOTLB, &hwpt);
		race->hwpt = hwpt;
		if (!err)
			err = destroy(race->fd, hwpt);
		if (!err)
			err = destroy(race->fd, vdevice);
		if (!err)
			err = destroy(race->fd, viommu);
	}
	expect_any(race, err, 0, 0, 0);
	race->stop = true;
	return NULL;
}

TEST_F(nested_race, destroy_against_invalidate)
{
	void *(*const what[])(void *) = {
		make_and_destroy, invalidate_all, invalidate_all,
	};
	struct race race;

	init_race(&race, &self->world);
	run(_metadata, &race, what, ARRAY_SIZE(what));
	/* All that were made could be destroyed, whoever looked at them. */
	EXPECT_OK(destroy(self->world.fd, self->world.parent));
}

/* ---- A device goes while its VDEVICE is used or destroyed ---- */

static void *plug_and_unplug(void *arg)
{
	struct race *race = arg;
	struct mock mock;
	__u32 vdevice;
	int err = 0;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < ROUNDS && !err; i++) {
		err = mock_attach(race->fd, race->ioas, &mock);
		if (!err)
			err = vdevice_alloc(race->fd, race->viommu, mock.dev, 1, &vdevice);
		race->vdevice = vdevice;
		if (!err)
			err = destroy(race->fd, mock.id);
	}
	expect_any(race, err, 0, 0, 0);
	race->stop = true;
	return NULL;
}

static void *destroy_vdevice(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(&race->start);
	while (!race->stop) {
		__u32 vdevice = race->vdevice;

		if (vdevice)
			expect_any(race, destroy(race->fd, vdevice), ENOENT, EBUSY, 0);
	}
	return NULL;
}

static void *read_fdinfo(void *arg)
{
	struct race *race = arg;
	char path[64], text[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", race->fd);
	pthread_barrier_wait(&race->start);
	while (!race->stop) {
		fd = open(path, O_RDONLY);
		while (read(fd, text, sizeof(text)) > 0)
			;
		close(fd);
	}
	return NULL;
}

TEST_F(nested_race, unplug_against_destroy_and_invalidate)
{
	void *(*const what[])(void *) = {
		plug_and_unplug, destroy_vdevice, invalidate_all, read_fdinfo,
	};
	__u32 viommu;
	struct race race;

	init_race(&race, &self->world);
	ASSERT_OK(viommu_alloc(self->world.fd, race.dev, race.parent, &viommu));
	race.viommu = viommu;
	run(_metadata, &race, what, ARRAY_SIZE(what));
	EXPECT_OK(destroy(self->world.fd, viommu));
}

/* ---- Who comes first has the name ---- */

static void *take_the_name(void *arg)
{
	struct race *race = arg;
	struct mock mock;
	__u32 vdevice;
	int err;

	expect_any(race, mock_attach(race->fd, race->ioas, &mock), 0, 0, 0);
	/* All come to each barrier, whatever went wrong. */
	for (int i = 0; i < ROUNDS / 2; i++) {
		pthread_barrier_wait(&race->start);
		err = vdevice_alloc(race->fd, race->viommu, mock.dev, 1, &vdevice);
		expect_any(race, err, EEXIST, 0, 0);
		race->wins += !err;
		pthread_barrier_wait(&race->start);
		if (!err)
			expect_any(race, destroy(race->fd, vdevice), 0, 0, 0);
	}
	return NULL;
}

TEST_F(nested_race, a_name_is_won_by_one)
{
	void *(*const what[])(void *) = { take_the_name, take_the_name, take_the_name };
	__u32 viommu;
	struct race race;

	init_race(&race, &self->world);
	ASSERT_OK(viommu_alloc(self->world.fd, race.dev, race.parent, &viommu));
	race.viommu = viommu;
	run(_metadata, &race, what, ARRAY_SIZE(what));
	EXPECT_EQ(ROUNDS / 2, race.wins);
	EXPECT_OK(destroy(self->world.fd, viommu));
}

/* ---- A page is mapped while its VIOMMU goes ---- */

static void *map_the_page(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(&race->start);
	while (!race->stop) {
		/* The place that is given up is the next to be taken. */
		for (__u64 offset = PAGE; offset < 4 * PAGE; offset += PAGE) {
			atomic_uint *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
						 MAP_SHARED, race->fd, offset);

			if (page == MAP_FAILED)
				continue;
			if (*page != 0xabcd)
				race->wrong = EINVAL;
			munmap(page, 2 * PAGE);
			race->wins++;
		}
	}
	return NULL;
}

static void *make_and_destroy_pages(void *arg)
{
	struct race *race = arg;
	__u32 viommu;
	int err = 0;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < ROUNDS && !err; i++) {
		struct iommu_viommu_selftest data = { .in_data = 0xabcd };

		err = viommu_alloc_data(race->fd, race->dev, race->parent,
					IOMMU_VIOMMU_TYPE_SELFTEST, &data, sizeof(data),
					&viommu);
		if (err)
			break;
		sched_yield();
		do {
			err = destroy(race->fd, viommu);
		} while (err == -EBUSY);
	}
	expect_any(race, err, 0, 0, 0);
	race->stop = true;
	return NULL;
}

TEST_F(nested_race, mmap_against_destroy)
{
	void *(*const what[])(void *) = { make_and_destroy_pages, map_the_page };
	struct race race;

	init_race(&race, &self->world);
	run(_metadata, &race, what, ARRAY_SIZE(what));
	EXPECT_OK(destroy(self->world.fd, self->world.parent));
}

/* ---- Two move one device ---- */

static void *replace_often(void *arg)
{
	struct race *race = arg;
	struct mock mock = { .id = race->stdev };

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < ROUNDS; i++) {
		__u32 where = i % 3 == 0 ? race->hwpt : i % 3 == 1 ? race->viommu : race->ioas;

		/* Here race->viommu is a second nested HWPT. */
		expect_any(race, mock_replace(race->fd, &mock, where), 0, 0, 0);
	}
	return NULL;
}

TEST_F(nested_race, two_replace)
{
	void *(*const what[])(void *) = { replace_often, replace_often };
	int fd = self->world.fd;
	__u32 one, two;
	struct race race;

	init_race(&race, &self->world);
	ASSERT_OK(nested_alloc(fd, race.dev, race.parent, IOTLB, &one));
	ASSERT_OK(nested_alloc(fd, race.dev, race.parent, IOTLB, &two));
	race.hwpt = one;
	race.viommu = two;
	run(_metadata, &race, what, ARRAY_SIZE(what));
	ASSERT_OK(mock_replace(fd, &self->world.mock, self->world.ioas));
	EXPECT_OK(destroy(fd, one));
	EXPECT_OK(destroy(fd, two));
	EXPECT_OK(destroy(fd, race.parent));
}

/* ---- A queue against the unmap of its memory ---- */

static void *queue_often(void *arg)
{
	struct race *race = arg;
	__u32 queue;
	int err;

	pthread_barrier_wait(&race->start);
	for (int i = 0; i < ROUNDS; i++) {
		err = hw_queue_alloc(race->fd, race->viommu, 0, AT, PAGE, &queue);
		expect_any(race, err, ENOENT, 0, 0);
		if (!err) {
			race->wins++;
			expect_any(race, destroy(race->fd, queue), 0, 0, 0);
		}
	}
	race->stop = true;
	return NULL;
}

static void *unmap_often(void *arg)
{
	struct race *race = arg;
	void *page = memory_pages(PAGE);

	pthread_barrier_wait(&race->start);
	while (!race->stop) {
		expect_any(race, ioas_map_at(race->fd, race->ioas, page, PAGE, AT),
			   EEXIST, 0, 0);
		expect_any(race, ioas_unmap(race->fd, race->ioas, AT, PAGE, NULL), EBUSY, 0,
			   0);
	}
	return NULL;
}

TEST_F(nested_race, unmap_against_queue)
{
	void *(*const what[])(void *) = { queue_often, unmap_often };
	__u32 viommu;
	struct race race;

	init_race(&race, &self->world);
	ASSERT_OK(viommu_alloc(self->world.fd, race.dev, race.parent, &viommu));
	race.viommu = viommu;
	run(_metadata, &race, what, ARRAY_SIZE(what));
	EXPECT_OK(destroy(self->world.fd, viommu));
	EXPECT_OK(ioas_unmap_all(self->world.fd, self->world.ioas, NULL));
}

TEST_HARNESS_MAIN
