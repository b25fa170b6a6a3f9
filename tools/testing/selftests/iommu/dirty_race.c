// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking on the mock IOMMU while something else goes on: writes, other
 * readers, maps and unmaps, the end of the reader.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lib/dirty_fixture.h"
#include "lib/never.h"

struct racer {
	int fd;
	__u32 ioas, hwpt;
	void *pages;
	atomic_bool stop;
	int err, done;
};

/* Writes each half once. */
static void *write_each_half(void *arg)
{
	struct racer *racer = arg;

	for (int i = 0; i < NR_HALVES && !racer->err; i++)
		racer->err = mock_write_at(racer->fd, racer->hwpt, AT + i * HALF, HALF);
	racer->stop = true;
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	struct racer *racer = arg;

	while (!racer->stop && !racer->err) {
		racer->err = ioas_map_at(racer->fd, racer->ioas, racer->pages, LENGTH,
					 AT + LENGTH);
		if (!racer->err)
			racer->err = mock_write_at(racer->fd, racer->hwpt, AT + LENGTH, LENGTH);
		if (!racer->err)
			racer->err = ioas_unmap(racer->fd, racer->ioas, AT + LENGTH, LENGTH,
						NULL);
		racer->done++;
	}
	return NULL;
}

static int seen[NR_HALVES];

static int count_seen(const __u8 *bitmap)
{
	int total = 0;

	for (int i = 0; i < NR_HALVES; i++) {
		if (bit_is_set(bitmap, i))
			__atomic_add_fetch(&seen[i], 1, __ATOMIC_RELAXED);
		total += __atomic_load_n(&seen[i], __ATOMIC_RELAXED);
	}
	return total;
}

/* Reads until the writer has ended, and once more. */
static void *read_all(void *arg)
{
	struct racer *racer = arg;
	bool last;

	do {
		__u8 bitmap[NR_HALVES / 8] = {};

		last = racer->stop;
		racer->err = get_dirty(racer->fd, racer->hwpt, 0, AT, LENGTH, HALF, bitmap);
		count_seen(bitmap);
	} while (!last && !racer->err);
	return NULL;
}

TEST_F(dirty, each_write_is_seen_once_by_one_of_two_readers)
{
	struct racer racer = { .fd = self->fd, .hwpt = self->hwpt };
	struct racer reader = racer;
	pthread_t writer, other;

	ASSERT_OK(on());
	memset(seen, 0, sizeof(seen));
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_each_half, &racer));
	ASSERT_EQ(0, pthread_create(&other, NULL, read_all, &reader));
	while (!racer.stop) {
		ASSERT_OK(get_all(0));
		count_seen(self->bitmap);
	}
	reader.stop = true;
	pthread_join(writer, NULL);
	pthread_join(other, NULL);
	EXPECT_EQ(0, racer.err);
	EXPECT_EQ(0, reader.err);
	ASSERT_OK(get_all(0));
	EXPECT_EQ(NR_HALVES, count_seen(self->bitmap));
	for (int i = 0; i < NR_HALVES; i++)
		EXPECT_EQ(1, seen[i]);
}

TEST_F(dirty, areas_may_come_and_go_while_it_is_read)
{
	struct racer racer = {
		.fd = self->fd,
		.ioas = self->ioas,
		.hwpt = self->hwpt,
		.pages = self->pages,
	};
	pthread_t mapper;

	ASSERT_OK(on());
	ASSERT_EQ(0, pthread_create(&mapper, NULL, map_and_unmap, &racer));
	for (int i = 0; i < 200; i++) {
		ASSERT_OK(write_half(i % NR_HALVES));
		memset(self->bitmap, 0, BITMAP);
		ASSERT_OK(get(0, AT, 2 * LENGTH, HALF, self->bitmap));
		EXPECT_TRUE(bit_is_set(self->bitmap, i % NR_HALVES));
		EXPECT_EQ(1, count_bits(self->bitmap, NR_HALVES / 8));
	}
	racer.stop = true;
	pthread_join(mapper, NULL);
	EXPECT_EQ(0, racer.err);
	EXPECT_LT(0, racer.done);
	expect_clean();
	ASSERT_OK(get(0, AT, 2 * LENGTH, LENGTH, self->bitmap));
	EXPECT_EQ(0, self->bitmap[0]);
}

TEST_F(dirty, a_reader_that_waits_for_its_bitmap_holds_up_nobody_and_can_be_killed)
{
	struct never never;
	struct peer peer;

	ASSERT_OK(on());
	ASSERT_OK(write_half(12));
	if (fork_peer(_metadata, &peer)) {
		void *bitmap = never_for_peer(_metadata, &never, &peer);

		get(0, AT, LENGTH, HALF, bitmap);
		_exit(1);
	}
	hear(_metadata, &peer);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, LENGTH, AT + LENGTH));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT + LENGTH, LENGTH, NULL));
	expect_dirty(NO_CLEAR, 12);
	ASSERT_OK(off());
	ASSERT_OK(on());
	kill_and_wait(_metadata, &peer);
	/* Nothing is left of it. */
	ASSERT_OK(destroy(self->fd, self->mock.id));
	EXPECT_OK(destroy(self->fd, self->hwpt));
}

TEST_HARNESS_MAIN
