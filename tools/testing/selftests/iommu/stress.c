// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that call at random, what makes sense and what does not, on the same
 * objects of one iommufd, in the same memory, which comes and goes. No answer is
 * judged; the kernel shall survive it, and in the end nothing shall be left.
 *
 * STRESS_SEED=n and STRESS_CALLS=n in the environment try something else. What a
 * thread calls follows from the seed; how the threads meet does not.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/access.h"
#include "lib/dirty.h"
#include "lib/fdinfo.h"
#include "lib/mock.h"
#include "lib/testing.h"

#define NR_THREADS	4
#define DEFAULT_SEED	6182
#define DEFAULT_CALLS	3000	/* of each thread */

#define NR_PAGES	64
#define LENGTH		(NR_PAGES * PAGE)
#define NR_IDS		64	/* that a thread remembers */
#define MAX_DEVICES	12
#define FDINFO_ROOM	(256 * 1024)

/* Of all threads */
static struct {
	int fd;
	char *pages;
	int file, dmabuf;	/* LENGTH long */
	__u64 seed;
	unsigned int calls;
} stress;

struct worker {
	pthread_t thread;
	unsigned int number;
	__u64 random;
	bool is_child;	/* a forked process, which forks no other */
	unsigned long worked, failed;	/* calls */
	unsigned int next_id;
	__u32 ids[NR_IDS];
	int access;	/* file of an in-kernel user, or 0 */
};

/* A sequence that any seed begins well, 0 too (splitmix64) */
static __u64 random64(struct worker *w)
{
	__u64 z = w->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static unsigned int below(struct worker *w, unsigned int limit)
{
	return random64(w) % limit;
}

static bool one_in(struct worker *w, unsigned int n)
{
	return !below(w, n);
}

/* ---- What to call with ---- */

static void remember(struct worker *w, __u32 id)
{
	w->ids[w->next_id++ % NR_IDS] = id;
}

/* Mostly one that was there once; and ids are low, so a low one is another thread's */
static __u32 random_id(struct worker *w)
{
	switch (below(w, 16)) {
	case 0:
		return random64(w);
	case 1:
		return 0;
	case 2 ... 7:
		return 1 + below(w, 32);
	default:
		return w->ids[below(w, NR_IDS)];
	}
}

static char *random_va(struct worker *w)
{
	if (one_in(w, 64))
		return (char *)random64(w);
	return stress.pages + below(w, 2 * NR_PAGES) * MOCK_PAGE_SIZE;
}

static __u64 random_length(struct worker *w)
{
	if (one_in(w, 64))
		return random64(w);
	if (one_in(w, 32))
		return below(w, 3 * MOCK_PAGE_SIZE);
	return (1 + below(w, 32)) * MOCK_PAGE_SIZE;
}

/* Few enough places that areas meet, some of them at the aperture's edges */
static __u64 random_iova(struct worker *w)
{
	switch (below(w, 32)) {
	case 0:
		return random64(w);
	case 1:
		return MOCK_APERTURE_START - below(w, 4) * MOCK_PAGE_SIZE;
	case 2:
		return MOCK_APERTURE_LAST + 1ULL - below(w, 8) * MOCK_PAGE_SIZE;
	default:
		return MOCK_APERTURE_START + below(w, 128) * MOCK_PAGE_SIZE;
	}
}

static __u32 random_map_flags(struct worker *w)
{
	return one_in(w, 32) ? random64(w) : below(w, 8);
}

/* ---- The calls: 0 or -errno ---- */

static int call_ioas_alloc(struct worker *w)
{
	__u32 ioas;
	int err = ioas_alloc(stress.fd, &ioas);

	if (!err)
		remember(w, ioas);
	return err;
}

static int call_destroy(struct worker *w)
{
	return destroy(stress.fd, random_id(w));
}

static int call_map(struct worker *w)
{
	__u64 iova = random_iova(w);

	return ioas_map(stress.fd, random_id(w), random_map_flags(w), random_va(w),
			random_length(w), &iova);
}

/* Of the file or the dma-buf, which come and go like the memory */
static int call_map_file(struct worker *w)
{
	__u64 iova = random_iova(w);
	int file = one_in(w, 32) ? (int)below(w, 16) : one_in(w, 2) ? stress.file : stress.dmabuf;
	__u64 start = one_in(w, 64) ? random64(w) : below(w, 2 * NR_PAGES) * MOCK_PAGE_SIZE;

	return ioas_map_file(stress.fd, random_id(w), random_map_flags(w), file, start,
			     random_length(w), &iova);
}

static int call_punch(struct worker *w)
{
	int mode = FALLOC_FL_KEEP_SIZE | (one_in(w, 2) ? FALLOC_FL_PUNCH_HOLE : 0);

	return fallocate(stress.file, mode, below(w, NR_PAGES) * PAGE, PAGE) ? -errno : 0;
}

static int call_revoke(struct worker *w)
{
	return mock_dmabuf_revoke(stress.fd, stress.dmabuf, one_in(w, 3));
}

static int call_change_process(struct worker *w)
{
	return ioas_change_process(stress.fd);
}

static int call_option(struct worker *w)
{
	__u64 value;

	if (one_in(w, 3))
		return option_get(stress.fd, below(w, 3), random_id(w), &value);
	return option_set(stress.fd, below(w, 3), random_id(w), below(w, 3));
}

static int call_copy(struct worker *w)
{
	__u64 iova = random_iova(w);

	return ioas_copy(stress.fd, random_id(w), random_id(w), random_map_flags(w),
			 random_iova(w), random_length(w), &iova);
}

static int call_unmap(struct worker *w)
{
	if (one_in(w, 16))
		return ioas_unmap_all(stress.fd, random_id(w), NULL);
	return ioas_unmap(stress.fd, random_id(w), random_iova(w),
			  one_in(w, 2) ? random_length(w) : 64 * MOCK_PAGE_SIZE, NULL);
}

static int call_iova_ranges(struct worker *w)
{
	struct iommu_iova_range ranges[8];
	__u32 num = below(w, 9);
	__u64 alignment;

	return ioas_iova_ranges(stress.fd, random_id(w), ranges, &num, &alignment);
}

static int call_allow_iovas(struct worker *w)
{
	struct iommu_iova_range ranges[2];

	for (int i = 0; i < 2; i++) {
		ranges[i].start = random_iova(w);
		ranges[i].last = ranges[i].start + random_length(w);
	}
	return ioas_allow_iovas(stress.fd, random_id(w), ranges, below(w, 3));
}

static int call_hwpt_alloc(struct worker *w)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = below(w, 3) };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = one_in(w, 8) ? random64(w) :
			 one_in(w, 2) ? IOMMU_HWPT_ALLOC_DIRTY_TRACKING : 0,
		.dev_id = random_id(w),
		.pt_id = random_id(w),
		.data_type = one_in(w, 2) ? IOMMU_HWPT_DATA_SELFTEST : below(w, 3),
		.data_len = one_in(w, 8) ? below(w, 64) : sizeof(data),
		.data_uptr = one_in(w, 16) ? random64(w) : (uintptr_t)&data,
	};
	int err = call(stress.fd, IOMMU_HWPT_ALLOC, &cmd, "IOMMU_HWPT_ALLOC()");

	if (!err)
		remember(w, cmd.out_hwpt_id);
	return err;
}

static int call_hw_info(struct worker *w)
{
	struct iommu_hw_info info = { .flags = below(w, 4), .in_data_type = below(w, 3) };
	char data[64];

	return hw_info(stress.fd, random_id(w), data, below(w, sizeof(data) + 1), &info);
}

static int call_attach(struct worker *w)
{
	struct mock mock;
	int err;

	if (mock_count() > MAX_DEVICES)
		return -EAGAIN;
	err = mock_attach_flags(stress.fd, random_id(w), below(w, 8), &mock);
	if (!err) {
		remember(w, mock.id);
		remember(w, mock.dev);
		remember(w, mock.hwpt);
	}
	return err;
}

static int call_replace(struct worker *w)
{
	struct mock mock = { .id = random_id(w) };

	return mock_replace(stress.fd, &mock, random_id(w));
}

static int call_reserve(struct worker *w)
{
	return mock_reserve(stress.fd, random_id(w), random_iova(w), random_length(w));
}

static int call_check_map(struct worker *w)
{
	return mock_check_map(stress.fd, random_id(w), random_iova(w), random_va(w),
			      below(w, 8) * MOCK_PAGE_SIZE);
}

static int call_set_tracking(struct worker *w)
{
	return set_tracking(stress.fd, random_id(w), one_in(w, 2));
}

static int call_get_dirty(struct worker *w)
{
	__u8 bitmap[64];

	return get_dirty(stress.fd, random_id(w), one_in(w, 8) ? random64(w) : below(w, 2),
			 MOCK_APERTURE_START, 64 * PAGE, 1ULL << (11 + below(w, 3)), bitmap);
}

static int call_write(struct worker *w)
{
	return mock_write_at(stress.fd, random_id(w), random_iova(w), MOCK_PAGE_SIZE);
}

static void close_access(struct worker *w)
{
	if (w->access)
		close(w->access);
	w->access = 0;
}

/* An in-kernel user, a new one now and then */
static int call_access(struct worker *w)
{
	int access, err;

	if (w->access && !one_in(w, 8))
		return access_replace(stress.fd, w->access, random_id(w));
	close_access(w);
	err = access_create(stress.fd, random_id(w), below(w, 3), &access);
	if (!err)
		w->access = access;
	return err;
}

static int call_access_pin(struct worker *w)
{
	__u32 pages;

	if (one_in(w, 4))
		return access_unpin(stress.fd, w->access, below(w, 64));
	return access_pin(stress.fd, w->access, below(w, 2), random_iova(w), random_length(w),
			  NULL, &pages);
}

static int call_access_rw(struct worker *w)
{
	static const __u32 slow = MOCK_ACCESS_RW_SLOW_PATH;
	char bytes[2 * PAGE];

	return access_rw(stress.fd, w->access,
			 below(w, 2) | (one_in(w, 4) ? slow : 0),
			 random_iova(w), bytes, below(w, sizeof(bytes)));
}

/* Any number, any bytes; not of the mock's, which would make devices */
static int call_anything(struct worker *w)
{
	__u32 bytes[32];
	unsigned int nr = below(w, 24);

	for (int i = 0; i < 32; i++)
		bytes[i] = one_in(w, 4) ? random64(w) : one_in(w, 2) ? random_id(w) : 0;
	bytes[0] = one_in(w, 8) ? random64(w) : 4 * below(w, 32);
	return call(stress.fd, _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + nr), bytes, "_IO(%u)", nr);
}

static int call_fdinfo(struct worker *w)
{
	char text[512];
	int err = fdinfo_read(stress.fd, text, sizeof(text));

	return err == -ENOSPC ? 0 : err;
}

/* Other memory at the same address, which what is mapped does not follow */
static int call_mmap(struct worker *w)
{
	char *at = stress.pages + below(w, NR_PAGES) * PAGE;
	int prot = one_in(w, 4) ? PROT_READ : PROT_READ | PROT_WRITE;

	if (mmap(at, PAGE, prot, MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, -1, 0) != at)
		return -errno;
	return 0;
}

static int call_fork(struct worker *w);

static const struct {
	int (*make)(struct worker *w);
	unsigned int weight;
} calls[] = {
	{ call_map, 24 },
	{ call_unmap, 16 },
	{ call_map_file, 16 },
	{ call_punch, 2 },
	{ call_revoke, 2 },
	{ call_change_process, 2 },
	{ call_option, 2 },
	{ call_copy, 12 },
	{ call_destroy, 16 },
	{ call_ioas_alloc, 6 },
	{ call_hwpt_alloc, 8 },
	{ call_attach, 10 },
	{ call_replace, 10 },
	{ call_iova_ranges, 4 },
	{ call_allow_iovas, 2 },
	{ call_reserve, 2 },
	{ call_hw_info, 4 },
	{ call_check_map, 4 },
	{ call_set_tracking, 4 },
	{ call_get_dirty, 4 },
	{ call_write, 2 },
	{ call_access, 4 },
	{ call_access_pin, 8 },
	{ call_access_rw, 4 },
	{ call_anything, 12 },
	{ call_fdinfo, 2 },
	{ call_mmap, 4 },
	{ call_fork, 1 },
};

static void call_at_random(struct worker *w)
{
	unsigned int total = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		total += calls[i].weight;
	at = below(w, total);
	for (i = 0; at >= calls[i].weight; i++)
		at -= calls[i].weight;
	if (calls[i].make(w))
		w->failed++;
	else
		w->worked++;
}

/* A process that has the iommufd too, maps memory of its own, and is gone */
static int call_fork(struct worker *w)
{
	struct worker child = { .random = random64(w), .is_child = true };
	pid_t pid;

	if (w->is_child)
		return -EAGAIN;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		waitpid(pid, NULL, 0);
		return 0;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 20; i++)
		call_at_random(&child);
	/* And so is its in-kernel user */
	_exit(0);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < stress.calls; i++)
		call_at_random(w);
	close_access(w);
	return NULL;
}

/* ---- The test ---- */

static unsigned long from_environment(const char *name, unsigned long value)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : value;
}

FIXTURE(stress)
{
	long pinned;
	char *text;
	struct worker workers[NR_THREADS];
};

FIXTURE_SETUP(stress)
{
	stress.fd = open_iommufd(_metadata);
	if (!mock_exists(stress.fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	stress.seed = from_environment("STRESS_SEED", DEFAULT_SEED);
	stress.calls = from_environment("STRESS_CALLS", DEFAULT_CALLS);
	stress.pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, stress.pages);
	memory_fill(stress.pages, LENGTH, 1);
	stress.file = memfd_create("stress", MFD_CLOEXEC);
	ASSERT_LE(0, stress.file);
	ASSERT_EQ(0, ftruncate(stress.file, LENGTH));
	stress.dmabuf = mock_dmabuf_get(stress.fd, LENGTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, stress.dmabuf);
	self->text = malloc(FDINFO_ROOM);
	ASSERT_NE(NULL, self->text);
	self->pinned = memory_pinned();
	TH_LOG("STRESS_SEED=%llu STRESS_CALLS=%u", stress.seed, stress.calls);
}

FIXTURE_TEARDOWN(stress)
{
	free(self->text);
}

/* Destroy what can be, as a program would: what refers to others goes first */
static int destroy_all(struct __test_metadata *_metadata, char *text)
{
	int destroyed;

	do {
		const char *at = text;

		destroyed = 0;
		ASSERT_EQ(0, fdinfo_read(stress.fd, text, FDINFO_ROOM));
		while ((at = strstr(at, ":\tid "))) {
			at += strlen(":\tid ");
			destroyed += !destroy(stress.fd, strtoul(at, NULL, 10));
		}
	} while (destroyed);
	ASSERT_EQ(0, fdinfo_read(stress.fd, text, FDINFO_ROOM));
	return fdinfo_count(text);
}

static void run_threads(struct __test_metadata *_metadata, struct worker *workers)
{
	unsigned long worked = 0, failed = 0;
	int i;

	for (i = 0; i < NR_THREADS; i++) {
		workers[i].number = i;
		workers[i].random = stress.seed + i;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (i = 0; i < NR_THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		worked += workers[i].worked;
		failed += workers[i].failed;
	}
	TH_LOG("%lu calls worked, %lu failed", worked, failed);
	/* A stress all of whose calls are refused, or none, is none. */
	EXPECT_LT(worked / 20, failed);
	EXPECT_LT(failed / 20, worked);
}

/* Pages that are still where they were, and readable, have no pin. */
static void expect_no_pins(struct __test_metadata *_metadata)
{
	int fd = open_iommufd(_metadata);
	char *shown;

	shown = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED | MAP_POPULATE, stress.file, 0);
	ASSERT_NE(MAP_FAILED, shown);
	EXPECT_EQ(0, mock_count());
	EXPECT_OK(mock_check_refs(fd, stress.pages, LENGTH, 0));
	EXPECT_OK(mock_check_refs(fd, shown, LENGTH, 0));
	munmap(shown, LENGTH);
	close(fd);
}

TEST_F(stress, all_that_was_made_can_be_destroyed)
{
	run_threads(_metadata, self->workers);
	EXPECT_EQ(0, destroy_all(_metadata, self->text)) {
		TH_LOG("left:\n%s", self->text);
	}
	EXPECT_EQ(self->pinned, memory_pinned());
	expect_no_pins(_metadata);
	close(stress.fd);
}

TEST_F(stress, close_destroys_all_that_is_left)
{
	run_threads(_metadata, self->workers);
	ASSERT_EQ(0, fdinfo_read(stress.fd, self->text, FDINFO_ROOM));
	EXPECT_LT(0, fdinfo_count(self->text));
	close(stress.fd);
	EXPECT_EQ(self->pinned, memory_pinned());
	expect_no_pins(_metadata);
}

TEST_HARNESS_MAIN
