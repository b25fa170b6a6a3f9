// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults while something else goes on: the device moves or goes, the file or
 * the iommufd is closed. Each group that a device sends is answered once.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/iopf.h"
#include "lib/testing.h"

#define ADDR 0x40000000ULL

/* Fewer than the mock remembers answers */
#define NR_GROUPS 1500

#define ROUNDS 40

struct world {
	int fd;
	__u32 ioas, fault[2], hwpt[2];
	int file[2];
	struct mock mock;
	atomic_bool stop;
	atomic_int sent, answered;
	int err;
};

static int world_make(struct world *w)
{
	w->file[0] = -1;
	w->file[1] = -1;
	w->fd = iommufd_open();
	if (w->fd < 0)
		return w->fd;
	return ioas_alloc(w->fd, &w->ioas) ?:
	       mock_attach(w->fd, w->ioas, &w->mock) ?:
	       iopf_alloc(w->fd, &w->fault[0], &w->file[0]) ?:
	       iopf_alloc(w->fd, &w->fault[1], &w->file[1]) ?:
	       iopf_hwpt_alloc(w->fd, w->mock.dev, w->ioas, 0, w->fault[0], &w->hwpt[0]) ?:
	       iopf_hwpt_alloc(w->fd, w->mock.dev, w->ioas, 0, w->fault[1], &w->hwpt[1]) ?:
	       mock_replace(w->fd, &w->mock, w->hwpt[0]);
}

static void world_close(struct world *w)
{
	for (int i = 0; i < 2; i++)
		if (w->file[i] >= 0)
			close(w->file[i]);
	close(w->fd);
}

/* Groups of one to four, until the device is gone */
static void *send(void *arg)
{
	struct world *w = arg;
	int err = 0;

	for (int i = 0; i < NR_GROUPS && !w->stop && !err; i++) {
		for (int n = i % 4; n && !err; n--)
			err = mock_request(w->fd, w->mock.dev, PARTIAL, i % 512, ADDR + n);
		if (!err)
			err = mock_request(w->fd, w->mock.dev, LAST, i % 512, ADDR);
		if (!err)
			w->sent++;
	}
	w->err = err;
	w->stop = true;
	return NULL;
}

static void answer_some(struct world *w, int file)
{
	struct iommu_hwpt_pgfault faults[16];
	int got = iopf_read(file, faults, sizeof(faults));

	for (int i = 0; i < got / (int)PGFAULT; i++) {
		/* The device may have moved meanwhile */
		if (faults[i].flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE &&
		    !iopf_answer(file, faults[i].cookie, SUCCESS))
			w->answered++;
	}
}

static void *answer_all(void *arg)
{
	struct world *w = arg;

	while (!w->stop) {
		answer_some(w, w->file[0]);
		answer_some(w, w->file[1]);
	}
	return NULL;
}

FIXTURE(fault_race)
{
	struct world w;
};

FIXTURE_SETUP(fault_race)
{
	int fd = open_iommufd(_metadata);

	if (!mock_exists(fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	close(fd);
}

FIXTURE_TEARDOWN(fault_race)
{
	EXPECT_EQ(0, mock_count());
}

/* How many answers the device got, and not more than one for each */
static int count_answers(struct world *w)
{
	__u32 grpid, code;
	int count = 0;

	while (!mock_answer(w->fd, w->mock.dev, &grpid, &code))
		count++;
	return count;
}

TEST_F(fault_race, each_group_is_answered_once_while_the_device_moves)
{
	struct world *w = &self->w;
	pthread_t sender, answerer;
	int moves = 0;

	ASSERT_OK(world_make(w));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send, w));
	ASSERT_EQ(0, pthread_create(&answerer, NULL, answer_all, w));
	for (; !w->stop; moves++)
		ASSERT_OK(mock_replace(w->fd, &w->mock,
				       moves % 3 == 2 ? w->ioas : w->hwpt[moves % 3]));
	pthread_join(sender, NULL);
	pthread_join(answerer, NULL);
	EXPECT_EQ(0, w->err);
	EXPECT_LT(0, moves);
	ASSERT_OK(mock_replace(w->fd, &w->mock, w->ioas));
	EXPECT_EQ(w->sent, count_answers(w));
	TH_LOG("%d groups, %d answered by the reader, %d moves", w->sent, w->answered, moves);
	world_close(w);
}

TEST_F(fault_race, several_answer_at_once)
{
	struct world *w = &self->w;
	pthread_t sender, answerers[3];

	ASSERT_OK(world_make(w));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send, w));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&answerers[i], NULL, answer_all, w));
	pthread_join(sender, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(answerers[i], NULL);
	EXPECT_EQ(0, w->err);
	answer_some(w, w->file[0]);
	ASSERT_OK(mock_replace(w->fd, &w->mock, w->ioas));
	EXPECT_EQ(w->sent, count_answers(w));
	EXPECT_LT(0, w->answered);
	world_close(w);
}

TEST_F(fault_race, a_device_may_go_while_it_faults)
{
	struct world *w = &self->w;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_t sender, answerer;

		w->stop = false;
		ASSERT_OK(world_make(w));
		ASSERT_EQ(0, pthread_create(&sender, NULL, send, w));
		ASSERT_EQ(0, pthread_create(&answerer, NULL, answer_all, w));
		usleep(i * 100);
		ASSERT_OK(destroy(w->fd, w->mock.id));
		pthread_join(sender, NULL);
		pthread_join(answerer, NULL);
		EXPECT_TRUE(!w->err || w->err == -ENOENT);
		EXPECT_OK(destroy(w->fd, w->hwpt[0]));
		EXPECT_OK(destroy(w->fd, w->fault[0]));
		world_close(w);
	}
}

TEST_F(fault_race, the_file_may_be_closed_while_the_device_faults_and_moves)
{
	struct world *w = &self->w;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_t sender;

		w->stop = false;
		w->sent = 0;
		ASSERT_OK(world_make(w));
		ASSERT_EQ(0, pthread_create(&sender, NULL, send, w));
		usleep(i * 100);
		answer_some(w, w->file[0]);
		ASSERT_EQ(0, close(w->file[0]));
		w->file[0] = -1;
		if (i % 2)
			ASSERT_OK(mock_replace(w->fd, &w->mock, w->hwpt[1]));
		w->stop = true;
		pthread_join(sender, NULL);
		EXPECT_EQ(0, w->err);
		ASSERT_OK(mock_replace(w->fd, &w->mock, w->ioas));
		EXPECT_EQ(w->sent, count_answers(w));
		world_close(w);
	}
}

/* Other ends of the same files, closed by another process meanwhile */
TEST_F(fault_race, all_may_be_closed_at_once)
{
	struct world *w = &self->w;

	for (int i = 0; i < ROUNDS; i++) {
		struct peer peer;

		ASSERT_OK(world_make(w));
		ASSERT_OK(mock_request(w->fd, w->mock.dev, LAST, 1, ADDR));
		if (fork_peer(_metadata, &peer)) {
			tell(_metadata, &peer);
			/* The iommufd goes with whoever is last */
			close(w->fd);
			answer_some(w, w->file[0]);
			close(w->file[0]);
			close(w->file[1]);
			end_child();
		}
		hear(_metadata, &peer);
		answer_some(w, w->file[0]);
		world_close(w);
		wait_for_success(_metadata, &peer);
	}
}

/* ---- What a guest makes of it ---- */

/* Some of what was read, by a seed that is the same each time */
struct guess {
	unsigned int seed;
	__u32 cookies[64];
};

static __u32 guess(struct guess *g, __u32 below)
{
	return rand_r(&g->seed) % below;
}

static void read_some(struct world *w, struct guess *g, int file)
{
	struct iommu_hwpt_pgfault faults[32];
	int got = iopf_read(file, faults, guess(g, 33) * PGFAULT + !guess(g, 20));

	for (int i = 0; i < got / (int)PGFAULT; i++)
		g->cookies[guess(g, 64)] = faults[i].cookie;
}

static void write_some(struct world *w, struct guess *g, int file)
{
	struct iommu_hwpt_page_response responses[8];

	for (int i = 0; i < 8; i++) {
		responses[i].cookie = g->cookies[guess(g, 64)] + !guess(g, 10);
		responses[i].code = guess(g, 20) ? guess(g, 2) : rand_r(&g->seed);
	}
	iopf_write(file, responses, guess(g, 9) * ANSWER + !guess(g, 20));
}

/* One index of few, so that groups of several begin and end in each other */
static int request_some(struct world *w, struct guess *g)
{
	__u32 flags = guess(g, 2) ? LAST : PARTIAL;
	__u32 grpid = guess(g, 4);
	int err;

	if (!guess(g, 50))
		flags |= MOCK_PAGE_REQUEST_AFTER_LOSS;
	if (guess(g, 3))
		err = mock_request(w->fd, w->mock.dev, flags, grpid, rand_r(&g->seed));
	else
		err = mock_request_pasid(w->fd, w->mock.dev, flags, guess(g, 3), grpid,
					 rand_r(&g->seed));
	if (!err && flags & LAST)
		w->sent++;
	return err;
}

TEST_F(fault_race, whatever_is_read_and_written_each_group_is_answered_once)
{
	struct guess g = { .seed = 4711 };
	struct world *w = &self->w;

	ASSERT_OK(world_make(w));
	while (w->sent < NR_GROUPS) {
		int which = guess(&g, 2);

		switch (guess(&g, 8)) {
		case 0:
			read_some(w, &g, w->file[which]);
			break;
		case 1:
			write_some(w, &g, w->file[which]);
			break;
		case 2:
			if (!guess(&g, 10))
				ASSERT_OK(mock_replace(w->fd, &w->mock, w->hwpt[which]));
			break;
		default:
			ASSERT_OK(request_some(w, &g));
		}
	}
	ASSERT_OK(mock_replace(w->fd, &w->mock, w->ioas));
	EXPECT_EQ(w->sent, count_answers(w));
	world_close(w);
}

TEST_HARNESS_MAIN
