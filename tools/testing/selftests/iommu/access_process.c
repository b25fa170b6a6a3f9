// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-kernel users of the memory of other processes, and of memory that changes while
 * it is pinned and copied.
 */
#include <pthread.h>
#include <signal.h>

#include "lib/access_fixture.h"

/* ---- Another process' memory ---- */

/* The child maps shared memory of its own, and stays until it is told. */
static void map_in_child(struct __test_metadata *_metadata, struct peer *peer, int fd,
			 __u32 ioas, __u8 *pages)
{
	if (!fork_peer(_metadata, peer))
		return;
	/* Of its own: what is shared with the parent is written to, so copied. */
	memory_fill(pages, LENGTH, 9);
	ASSERT_OK(ioas_map_at(fd, ioas, pages, LENGTH, AT));
	tell(_metadata, peer);
	hear(_metadata, peer);
	EXPECT_TRUE(memory_is_all(pages + PAGE, 64, 0x5a));
	EXPECT_TRUE(memory_is(pages + 2 * PAGE, 64, 3));
	end_child();
}

TEST_F(access, reaches_the_memory_of_another_process_while_it_lives)
{
	__u8 *buffer = malloc(LENGTH);
	struct peer child;
	__u32 id, other;

	ASSERT_NE(NULL, buffer);
	map_in_child(_metadata, &child, self->fd, self->ioas, self->pages);
	hear(_metadata, &child);
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		memset(buffer, 0, LENGTH);
		EXPECT_OK(rw(slow, AT, buffer, LENGTH));
		EXPECT_TRUE(memory_is(buffer, PAGE, 9));
	}
	ASSERT_OK(pin(AT + 8 * PAGE, PAGE, NULL, &id));
	EXPECT_PINNED(0, 0);
	memset(buffer, 0x5a, 64);
	EXPECT_OK(rw(RW_WRITE, AT + PAGE, buffer, 64));
	memory_fill(buffer, 64, 3);
	EXPECT_OK(rw(RW_WRITE | SLOW, AT + 2 * PAGE, buffer, 64));
	tell(_metadata, &child);
	wait_for_success(_metadata, &child);
	/* This process has not been written to. */
	EXPECT_TRUE(memory_is(self->pages, LENGTH, 1));

	/* What is pinned stays; the rest is gone with the process. */
	for (int slow = 0; slow <= SLOW; slow += SLOW) {
		EXPECT_ERRNO(variant->device ? 0 : EFAULT, rw(slow, AT, buffer, PAGE));
		EXPECT_OK(rw(slow, AT + 8 * PAGE, buffer, PAGE));
	}
	EXPECT_ERRNO(variant->device ? 0 : EFAULT, pin(AT, PAGE, NULL, &other));
	EXPECT_OK(pin(AT + 8 * PAGE, PAGE, NULL, &other));
	EXPECT_OK(unpin(other));
	EXPECT_OK(unpin(id));
	free(buffer);
}

/* Pinned, then forked: the parent's pages stay its own. */
TEST_F(access, keeps_the_pages_of_who_forks)
{
	__u8 byte = 0x77;
	struct peer child;
	__u32 id;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(pin(AT, 4 * PAGE, self->pages, &id));
	if (fork_peer(_metadata, &child)) {
		memset(self->pages, 0xee, PAGE);
		tell(_metadata, &child);
		hear(_metadata, &child);
		EXPECT_TRUE(memory_is_all(self->pages, PAGE, 0xee));
		end_child();
	}
	hear(_metadata, &child);
	EXPECT_OK(rw(RW_WRITE, AT, &byte, 1));
	EXPECT_EQ(0x77, self->pages[0]);
	self->pages[1] = 0x78;
	EXPECT_OK(rw(0, AT + 1, &byte, 1));
	EXPECT_EQ(0x78, byte);
	EXPECT_OK(rw(SLOW, AT + 1, &byte, 1));
	EXPECT_EQ(0x78, byte);
	EXPECT_REFS(0, 4, 1);
	tell(_metadata, &child);
	wait_for_success(_metadata, &child);
	EXPECT_OK(unpin(id));
}

/* ---- At the same time ---- */

/* What threads share: each does one thing over and over until it is told to stop. */
struct race {
	int fd, access;
	__u32 ioas, other;
	__u8 *pages;
	bool stop;
	/* How often it went as it should, for the test to have been one. */
	unsigned long done;
	/* The first result that should not be. */
	int wrong;
	char call[sizeof(last_call)];
};

static bool stopped(struct race *race)
{
	return __atomic_load_n(&race->stop, __ATOMIC_RELAXED);
}

/* @allowed: the errno that the other threads may be the reason for. */
static void saw(struct race *race, int err, int allowed, int also)
{
	if (!err) {
		__atomic_add_fetch(&race->done, 1, __ATOMIC_RELAXED);
		return;
	}
	if (err == -allowed || err == -also || race->wrong)
		return;
	race->wrong = err;
	strcpy(race->call, last_call);
}

static void *pin_and_unpin(void *arg)
{
	struct race *race = arg;
	__u32 id;

	for (int i = 0; !stopped(race); i++) {
		__u64 at = i % 12 * PAGE;
		int err = access_pin(race->fd, race->access, WRITE, AT + at, (1 + i % 5) * PAGE,
				     NULL, &id);

		saw(race, err, ENOENT, EFAULT);
		/* One in four is left for unmap to unpin. */
		if (!err && i % 4)
			saw(race, access_unpin(race->fd, race->access, id), ENOENT, 0);
	}
	return NULL;
}

static void *read_and_write(void *arg)
{
	struct race *race = arg;
	__u8 *buffer = malloc(3 * PAGE);

	for (int i = 0; !stopped(race); i++)
		saw(race, access_rw(race->fd, race->access, i & (SLOW | RW_WRITE),
				    AT + i % 13 * PAGE + i % 64, buffer, 2 * PAGE),
		    ENOENT, EFAULT);
	free(buffer);
	return NULL;
}

static void *replace_to_and_fro(void *arg)
{
	struct race *race = arg;

	for (int i = 0; !stopped(race); i++)
		saw(race, access_replace(race->fd, race->access, i % 2 ? race->ioas : race->other),
		    0, 0);
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	struct race *race = arg;

	while (!stopped(race)) {
		/* However much others pin, unmap gets there. */
		saw(race, ioas_unmap(race->fd, race->ioas, AT, LENGTH, NULL), 0, 0);
		saw(race, ioas_map_at(race->fd, race->ioas, race->pages, LENGTH, AT), 0, 0);
	}
	return NULL;
}

#define NR_RACERS 8

static void run_race(struct __test_metadata *_metadata, struct race *race,
		     void *(*const *what)(void *), int seconds)
{
	struct race own[NR_RACERS];
	pthread_t threads[NR_RACERS];
	int n;

	for (n = 0; what[n]; n++) {
		own[n] = *race;
		ASSERT_EQ(0, pthread_create(&threads[n], NULL, what[n], &own[n]));
	}
	sleep(seconds);
	for (int i = 0; i < n; i++)
		__atomic_store_n(&own[i].stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < n; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, own[i].wrong) {
			TH_LOG("%s: %s", own[i].call, errno_name(-own[i].wrong));
		}
		EXPECT_LT(0, own[i].done);
	}
}

TEST_F(access, pins_while_others_unmap)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, pin_and_unpin, read_and_write, map_and_unmap, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas,
			     .pages = self->pages };

	ASSERT_OK(map(0, NR_PAGES, AT));
	run_race(_metadata, &race, what, 2);
	ASSERT_OK(unmap(AT, LENGTH));
	EXPECT_PINNED(0, 0);
	EXPECT_REFS(0, NR_PAGES, 0);
}

TEST_F(access, pins_while_others_replace)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, read_and_write, replace_to_and_fro, pin_and_unpin, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas };

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(ioas_alloc(self->fd, &race.other));
	ASSERT_OK(ioas_copy_at(self->fd, race.other, self->ioas, AT, LENGTH, AT));
	run_race(_metadata, &race, what, 2);
	close(self->access);
	self->access = -1;
	EXPECT_PINNED(NR_PAGES, 0);
	EXPECT_REFS(0, NR_PAGES, variant->device);
}

static void *attach_and_detach(void *arg)
{
	struct race *race = arg;
	struct mock mock;

	while (!stopped(race)) {
		int err = mock_attach(race->fd, race->ioas, &mock);

		saw(race, err, 0, 0);
		if (!err)
			saw(race, destroy(race->fd, mock.id), 0, 0);
	}
	return NULL;
}

TEST_F(access, pins_while_devices_come_and_go)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, read_and_write, attach_and_detach, replace_to_and_fro,
		map_and_unmap, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas,
			     .pages = self->pages };

	ASSERT_OK(map(0, NR_PAGES, AT));
	ASSERT_OK(ioas_alloc(self->fd, &race.other));
	ASSERT_OK(ioas_copy_at(self->fd, race.other, self->ioas, AT, LENGTH, AT));
	run_race(_metadata, &race, what, 2);
	close(self->access);
	self->access = -1;
}

static void *change_memory(void *arg)
{
	struct race *race = arg;

	for (int i = 0; !stopped(race); i++) {
		__u8 *at = race->pages + i % NR_PAGES * PAGE;

		if (i % 3 == 0)
			saw(race, madvise(at, PAGE, MADV_DONTNEED), 0, 0);
		else if (i % 3 == 1)
			saw(race, mprotect(at, PAGE, PROT_READ), 0, 0);
		else
			saw(race, mprotect(race->pages, LENGTH, PROT_READ | PROT_WRITE), 0, 0);
	}
	return NULL;
}

TEST_F(access, pins_while_the_process_changes_its_memory)
{
	void *(*const what[])(void *) = {
		pin_and_unpin, read_and_write, change_memory, pin_and_unpin, NULL
	};
	struct race race = { .fd = self->fd, .access = self->access, .ioas = self->ioas,
			     .pages = self->pages };

	ASSERT_OK(map(0, NR_PAGES, AT));
	run_race(_metadata, &race, what, 2);
	ASSERT_OK(unmap(AT, LENGTH));
	EXPECT_PINNED(0, 0);
}

/* Two threads that use the memory meanwhile. */
static void start_users(struct __test_metadata *_metadata, struct race *race,
			pthread_t threads[2])
{
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, pin_and_unpin, race));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, read_and_write, race));
}

static void stop_users(struct __test_metadata *_metadata, struct race *race,
		       pthread_t threads[2])
{
	__atomic_store_n(&race->stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race->wrong) {
		TH_LOG("%s: %s", race->call, errno_name(-race->wrong));
	}
	EXPECT_LT(0, race->done);
}

/* Children map their memory and are killed while it is pinned and copied. */
TEST_F(access, pins_while_the_owner_exits)
{
	struct race race = { .fd = self->fd, .access = self->access };
	struct peer child;
	pthread_t threads[2];

	start_users(_metadata, &race, threads);
	for (int i = 0; i < 10; i++) {
		unsigned long before;

		map_in_child(_metadata, &child, self->fd, self->ioas, self->pages);
		hear(_metadata, &child);
		before = __atomic_load_n(&race.done, __ATOMIC_RELAXED);
		while (__atomic_load_n(&race.done, __ATOMIC_RELAXED) < before + 20)
			usleep(1000);
		kill_and_wait(_metadata, &child);
		usleep(5000);
		ASSERT_OK(unmap(AT, LENGTH));
	}
	stop_users(_metadata, &race, threads);
}

/* Each fork finds the memory pinned, and some of it being pinned. */
TEST_F(access, pins_while_the_owner_forks)
{
	struct race race = { .fd = self->fd, .access = self->access };
	pthread_t threads[2];

	ASSERT_OK(map(0, NR_PAGES, AT));
	start_users(_metadata, &race, threads);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(0);
		memset(self->pages, i, LENGTH);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	stop_users(_metadata, &race, threads);
}

TEST_HARNESS_MAIN
