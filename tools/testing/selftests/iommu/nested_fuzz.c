// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest might make a VMM say: descriptions of tables, arrays of invalidations
 * and answers to page faults of random bytes, to objects that come and go, from several
 * threads. No answer is judged; the kernel shall survive it, and in the end nothing
 * shall be left.
 *
 * FUZZ_SEED=n and FUZZ_CALLS=n in the environment try something else. What a thread
 * calls follows from the seed; how the threads meet does not.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "lib/fdinfo.h"
#include "lib/iopf.h"
#include "lib/nested_fixture.h"

#define NR_THREADS	3
#define DEFAULT_SEED	20261
#define DEFAULT_CALLS	2000	/* of each thread */

#define NR_PAGES	16
#define LENGTH		(NR_PAGES * PAGE)
#define MAX_BYTES	8192

enum kind { DEVICE, STDEV, IOAS, TABLE, NESTED, VIOMMU, OTHER, KINDS };

#define NR_LATELY	4

/* Of all threads */
static struct {
	int fd;
	__u32 ioas, fault;
	int faults;
	__u8 *pages;
	__u64 seed;
	unsigned int calls;
	/* How many mock devices there are, about. */
	int devices;
	/* What was made of each kind lately, by whatever thread. */
	atomic_uint made[KINDS][NR_LATELY];
	atomic_uint next[KINDS];
} fuzz;

struct worker {
	pthread_t thread;
	__u64 random;
	unsigned long worked, failed;
	__u8 bytes[MAX_BYTES];
};

/* A sequence that any seed begins well, 0 too (splitmix64) */
static __u64 random64(struct worker *w)
{
	__u64 z = w->random += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static __u32 below(struct worker *w, __u32 limit)
{
	return random64(w) % limit;
}

static bool one_in(struct worker *w, __u32 n)
{
	return !below(w, n);
}

static void remember(enum kind kind, __u32 id)
{
	fuzz.made[kind][fuzz.next[kind]++ % NR_LATELY] = id;
}

/* Mostly one that was made, of the kind that is meant or another; it may be gone. */
static __u32 random_id(struct worker *w, enum kind kind)
{
	if (one_in(w, 64))
		return random64(w);
	/* Ids are low, and given again. */
	if (one_in(w, 16))
		return 1 + below(w, 48);
	if (one_in(w, 16))
		kind = below(w, KINDS);
	return fuzz.made[kind][below(w, NR_LATELY)];
}

/* A table is made on one of these, and a device attached to it. */
static enum kind random_kind(struct worker *w)
{
	static const enum kind kinds[] = { IOAS, TABLE, NESTED, VIOMMU };

	return kinds[below(w, ARRAY_SIZE(kinds))];
}

/* Small numbers, so that they mean something, and a few that are anything. */
static void *random_bytes(struct worker *w, __u32 length)
{
	__u32 *words = (__u32 *)w->bytes;

	for (__u32 i = 0; i < length / 4 && i < MAX_BYTES / 4; i++)
		words[i] = one_in(w, 16) ? (__u32)random64(w) : below(w, 4);
	/* At times the end of what is there. */
	return one_in(w, 32) ? fuzz.pages + LENGTH - below(w, 64) : w->bytes;
}

/* ---- The calls ---- */

static int call_hwpt(struct worker *w)
{
	static const __u32 types[] = {
		IOMMU_HWPT_DATA_SELFTEST, IOMMU_HWPT_DATA_SELFTEST, IOMMU_HWPT_DATA_SELFTEST,
		IOMMU_HWPT_DATA_NONE, IOMMU_HWPT_DATA_ARM_SMMUV3, IOMMU_HWPT_DATA_VTD_S1,
	};
	__u32 type = types[below(w, ARRAY_SIZE(types))];
	__u32 length = type == IOMMU_HWPT_DATA_NONE ? 0 : 4 * below(w, 8);
	enum kind on = random_kind(w);
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = one_in(w, 4) ? below(w, 16) : on == IOAS ? PARENT : 0,
		.dev_id = random_id(w, DEVICE),
		.pt_id = random_id(w, on),
		.data_type = type,
		.data_len = length,
		.data_uptr = (uintptr_t)random_bytes(w, length),
		.fault_id = one_in(w, 8) ? random_id(w, OTHER) : fuzz.fault,
	};
	int err = call(fuzz.fd, IOMMU_HWPT_ALLOC, &cmd, "IOMMU_HWPT_ALLOC");

	if (!err)
		remember(on == IOAS ? TABLE : NESTED, cmd.out_hwpt_id);
	return err;
}

static int call_invalidate(struct worker *w)
{
	__u32 num = one_in(w, 8) ? below(w, 2000) : below(w, 40);
	enum kind of = one_in(w, 2) ? NESTED : VIOMMU;
	__u32 length = one_in(w, 8) ? 4 * below(w, 12) : of == NESTED ? 8 : 12;
	void *entries = random_bytes(w, num * length);

	return hwpt_invalidate(fuzz.fd, random_id(w, of),
			       one_in(w, 16) ? (__u32)random64(w) : HWPT_INV, entries, length,
			       &num);
}

static int call_viommu(struct worker *w)
{
	__u32 length = one_in(w, 2) ? 0 : 4 * below(w, 10), viommu;
	int err;

	err = viommu_alloc_data(fuzz.fd, random_id(w, DEVICE), random_id(w, TABLE),
				one_in(w, 16) ? below(w, 4) : IOMMU_VIOMMU_TYPE_SELFTEST,
				length ? random_bytes(w, length) : NULL, length, &viommu);
	if (!err)
		remember(VIOMMU, viommu);
	return err;
}

static int call_vdevice(struct worker *w)
{
	__u32 vdevice;
	int err;

	err = vdevice_alloc(fuzz.fd, random_id(w, VIOMMU), random_id(w, DEVICE),
			    one_in(w, 16) ? random64(w) : below(w, 4), &vdevice);
	if (!err)
		remember(OTHER, vdevice);
	return err;
}

static int call_hw_queue(struct worker *w)
{
	__u32 queue;
	int err;

	err = hw_queue_alloc(fuzz.fd, random_id(w, VIOMMU), below(w, 3), AT + below(w, LENGTH),
			     1 + below(w, one_in(w, 4) ? LENGTH : 256), &queue);
	if (!err)
		remember(OTHER, queue);
	return err;
}

static int call_device(struct worker *w)
{
	struct mock mock;
	int err;

	/* No more than the ids that are called with; about, for others look as well. */
	if (fuzz.devices > 8)
		return -EBUSY;
	err = mock_attach_flags(fuzz.fd, random_id(w, random_kind(w)), one_in(w, 2) ? 0 :
				MOCK_FLAGS_DEVICE_IOMMU1, &mock);
	if (!err) {
		__atomic_add_fetch(&fuzz.devices, 1, __ATOMIC_RELAXED);
		remember(STDEV, mock.id);
		remember(DEVICE, mock.dev);
	}
	return err;
}

static int call_replace(struct worker *w)
{
	struct mock mock = { .id = random_id(w, STDEV) };

	return mock_replace(fuzz.fd, &mock, random_id(w, random_kind(w)));
}

static int call_request(struct worker *w)
{
	return mock_request(fuzz.fd, random_id(w, DEVICE), below(w, 2) ? LAST : PARTIAL,
			    below(w, 4), random64(w));
}

static int call_answer(struct worker *w)
{
	struct iommu_hwpt_pgfault requests[8];
	struct iommu_hwpt_page_response response = {
		.cookie = below(w, 16),
		.code = one_in(w, 8) ? (__u32)random64(w) : below(w, 2),
	};
	int got = iopf_read(fuzz.faults, requests, sizeof(requests));

	if (got >= (int)PGFAULT && one_in(w, 2))
		response.cookie = requests[0].cookie;
	return iopf_write(fuzz.faults, &response, sizeof(response)) < 0 ? -EINVAL : 0;
}

static int call_map(struct worker *w)
{
	if (one_in(w, 2))
		return ioas_unmap(fuzz.fd, fuzz.ioas, AT, LENGTH, NULL);
	return ioas_map_at(fuzz.fd, fuzz.ioas, fuzz.pages, LENGTH, AT);
}

static int call_mmap(struct worker *w)
{
	atomic_uint *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fuzz.fd,
				 PAGE * below(w, 6));

	if (page == MAP_FAILED)
		return -errno;
	++*page;
	return munmap(page, 2 * PAGE) ? -errno : 0;
}

static int call_destroy(struct worker *w)
{
	__u32 id = random_id(w, below(w, KINDS));
	int err;

	/* The test's own */
	if (id == fuzz.ioas || id == fuzz.fault)
		return -EBUSY;
	err = destroy(fuzz.fd, id);
	if (!err)
		__atomic_store_n(&fuzz.devices, mock_count(), __ATOMIC_RELAXED);
	return err;
}

static int call_fdinfo(struct worker *w)
{
	char text[16384];

	return fdinfo_read(fuzz.fd, text, sizeof(text));
}

static void *work(void *arg)
{
	static int (*const calls[])(struct worker *w) = {
		call_hwpt, call_hwpt, call_invalidate, call_invalidate, call_invalidate,
		call_viommu, call_vdevice, call_hw_queue, call_device, call_replace,
		call_replace, call_request, call_answer, call_map, call_mmap, call_destroy,
		call_destroy, call_fdinfo,
	};
	struct worker *w = arg;

	for (unsigned int i = 0; i < fuzz.calls; i++) {
		if (calls[below(w, ARRAY_SIZE(calls))](w))
			w->failed++;
		else
			w->worked++;
	}
	return NULL;
}

/* ---- The test ---- */

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

static int objects(struct __test_metadata *_metadata, char *text, size_t room)
{
	ASSERT_EQ(0, fdinfo_read(fuzz.fd, text, room));
	return fdinfo_count(text);
}

/* Whatever points at whatever: in some rounds all of it goes. */
static void destroy_all(struct __test_metadata *_metadata)
{
	char text[16384];
	int left = objects(_metadata, text, sizeof(text)), before;

	do {
		before = left;
		for (__u32 id = 1; id < 4096; id++)
			destroy(fuzz.fd, id);
		left = objects(_metadata, text, sizeof(text));
	} while (left && left < before);
	EXPECT_EQ(0, left) {
		TH_LOG("%s", text);
	}
}

TEST(survives_what_a_guest_may_say)
{
	struct worker *workers = calloc(NR_THREADS, sizeof(*workers));
	unsigned long worked = 0;
	struct mock mock;
	int fd;

	ASSERT_NE(NULL, workers);
	fuzz.fd = open_iommufd(_metadata);
	if (!mock_exists(fuzz.fd))
		SKIP(return, "this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	fuzz.seed = from_environment("FUZZ_SEED", DEFAULT_SEED);
	fuzz.calls = from_environment("FUZZ_CALLS", DEFAULT_CALLS);
	fuzz.pages = memory_pages(LENGTH + PAGE);
	ASSERT_NE(NULL, fuzz.pages);
	ASSERT_EQ(0, munmap(fuzz.pages + LENGTH, PAGE));
	memory_fill(fuzz.pages, LENGTH, 1);
	ASSERT_OK(ioas_alloc(fuzz.fd, &fuzz.ioas));
	ASSERT_OK(iopf_alloc(fuzz.fd, &fuzz.fault, &fuzz.faults));
	remember(IOAS, fuzz.ioas);
	remember(IOAS, fuzz.ioas);
	for (int i = 0; i < 4; i++) {
		ASSERT_OK(mock_attach(fuzz.fd, fuzz.ioas, &mock));
		remember(STDEV, mock.id);
		remember(DEVICE, mock.dev);
	}

	for (int i = 0; i < NR_THREADS; i++) {
		workers[i].random = fuzz.seed + i;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (int i = 0; i < NR_THREADS; i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		worked += workers[i].worked;
		TH_LOG("thread %d: %lu calls worked, %lu did not", i, workers[i].worked,
		       workers[i].failed);
	}
	/* Or it tests nothing. */
	EXPECT_LT(fuzz.calls * NR_THREADS / 20, worked);

	destroy_all(_metadata);
	EXPECT_EQ(0, mock_count());
	close(fuzz.faults);
	close(fuzz.fd);
	fd = open_iommufd(_metadata);
	EXPECT_OK(mock_check_refs(fd, fuzz.pages, LENGTH, 0));
	close(fd);
	free(workers);
}

TEST_HARNESS_MAIN
