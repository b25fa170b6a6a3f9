// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HWPT_INVALIDATE: arrays of entries of all lengths and sizes, on a nested HWPT
 * and on a VIOMMU; what is wrong with an entry, and how many were done.
 */
#include <signal.h>
#include <sys/time.h>

#include "lib/fault.h"
#include "lib/nested_fixture.h"

/* The core copies these at once: without an allocation, and with one. */
#define STACK_BYTES 256
#define BLOCK_BYTES 4096
#define VIRT_ID 0x99

/* Either kind of entry, as the tests build it. */
struct target {
	__u32 type;
	__u32 entry_len;
	/* Where the members are in it. */
	size_t flags, index;
};

FIXTURE(invalidate)
{
	struct nested_world world;
	int fd;
	__u32 hwpt, viommu, vdevice;
	/* What is invalidated, and what holds it. */
	__u32 id, holder;
	__u8 *entries;
};

FIXTURE_VARIANT(invalidate)
{
	struct target target;
	bool of_viommu;
};

FIXTURE_VARIANT_ADD(invalidate, hwpt)
{
	.target = {
		.type = HWPT_INV,
		.entry_len = sizeof(struct iommu_hwpt_invalidate_selftest),
		.flags = offsetof(struct iommu_hwpt_invalidate_selftest, flags),
		.index = offsetof(struct iommu_hwpt_invalidate_selftest, iotlb_id),
	},
};

FIXTURE_VARIANT_ADD(invalidate, viommu)
{
	.target = {
		.type = VIOMMU_INV,
		.entry_len = sizeof(struct iommu_viommu_invalidate_selftest),
		.flags = offsetof(struct iommu_viommu_invalidate_selftest, flags),
		.index = offsetof(struct iommu_viommu_invalidate_selftest, cache_id),
	},
	.of_viommu = true,
};

#define MAX_ENTRIES 2000
/* As many as the kernel takes */
#define LONGEST 524288U

FIXTURE_SETUP(invalidate)
{
	struct nested_world *world = &self->world;

	setup_nested(_metadata, world);
	self->fd = world->fd;
	ASSERT_OK(nested_alloc(self->fd, world->mock.dev, world->parent, IOTLB, &self->hwpt));
	ASSERT_OK(viommu_alloc(self->fd, world->mock.dev, world->parent, &self->viommu));
	ASSERT_OK(vdevice_alloc(self->fd, self->viommu, world->mock.dev, VIRT_ID,
				&self->vdevice));
	self->id = variant->of_viommu ? self->viommu : self->hwpt;
	self->holder = variant->of_viommu ? world->mock.dev : self->hwpt;
	self->entries = memory_pages(64 * MAX_ENTRIES);
	ASSERT_NE(NULL, self->entries);
}

FIXTURE_TEARDOWN(invalidate)
{
	teardown_nested(_metadata, &self->world);
}

/* An entry at @to, of which all but what the kernel knows is zero. */
static void put_entry(const struct target *target, void *to, __u32 flags, __u32 index)
{
	memset(to, 0, target->entry_len);
	if (target->type == VIOMMU_INV && target->index == 8)
		((struct iommu_viommu_invalidate_selftest *)to)->vdev_id = VIRT_ID;
	memcpy(to + target->flags, &flags, sizeof(flags));
	memcpy(to + target->index, &index, sizeof(index));
}

#define put(i, flags, index) \
	put_entry(&variant->target, self->entries + (i) * variant->target.entry_len, flags, \
		  index)
#define go(num) hwpt_invalidate(self->fd, self->id, variant->target.type, self->entries, \
				variant->target.entry_len, num)

static int check_word(int fd, bool of_viommu, __u32 holder, __u32 index, bool full)
{
	if (of_viommu)
		return mock_check_cache(fd, holder, index, full ? CACHE : 0);
	return mock_check_iotlb(fd, holder, index, full ? IOTLB : 0);
}

/* Does the cache hold what it held at first, or nothing? */
#define is_full(index) \
	check_word(self->fd, variant->of_viommu, self->holder, index, true)
#define is_empty(index) \
	check_word(self->fd, variant->of_viommu, self->holder, index, false)

TEST_F(invalidate, does_what_the_entry_says_and_no_more)
{
	__u32 num = 1;

	put(0, 0, 2);
	ASSERT_OK(go(&num));
	EXPECT_EQ(1, num);
	EXPECT_OK(is_empty(2));
	EXPECT_OK(is_full(0));
	EXPECT_OK(is_full(1));
	EXPECT_OK(is_full(3));
	put(0, INV_ALL, 0);
	ASSERT_OK(go(&num));
	for (int i = 0; i < 4; i++)
		EXPECT_OK(is_empty(i));
}

TEST_F(invalidate, does_each_entry_of_an_array_of_any_length)
{
	const __u32 entry_len = variant->target.entry_len;
	const __u32 lengths[] = {
		2, 3, 16, 255, 256, 257, 1000, MAX_ENTRIES,
		STACK_BYTES / entry_len, STACK_BYTES / entry_len + 1,
		BLOCK_BYTES / entry_len, BLOCK_BYTES / entry_len + 1,
		2 * (BLOCK_BYTES / entry_len), 2 * (BLOCK_BYTES / entry_len) + 1,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		__u32 num = lengths[i];

		/* The last one does it, but the first ones are looked at as well. */
		for (__u32 n = 0; n < num; n++)
			put(n, 0, 0);
		put(num - 1, 0, 1 + i % 3);
		ASSERT_OK(go(&num));
		EXPECT_EQ(lengths[i], num);
		EXPECT_OK(is_empty(1 + i % 3));
	}
}

TEST_F(invalidate, an_empty_array_asks_for_the_type)
{
	__u32 num = 0;

	EXPECT_OK(go(&num));
	EXPECT_EQ(0, num);
	/* It need be nowhere, and of no size. */
	EXPECT_OK(hwpt_invalidate(self->fd, self->id, variant->target.type, NULL, 0, &num));
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id,
					     IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID,
					     NULL, 0, &num));
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id,
					     IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, NULL, 0,
					     &num));
	EXPECT_EQ(0, num);
	for (int i = 0; i < 4; i++)
		EXPECT_OK(is_full(i));
}

TEST_F(invalidate, another_type_is_not_looked_at)
{
	__u32 num = 1;

	put(0, INV_ALL, 0);
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id,
					     IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID,
					     self->entries, variant->target.entry_len, &num));
	EXPECT_EQ(0, num);
	EXPECT_OK(is_full(0));
}

/* ---- The size of an entry ---- */

TEST_F(invalidate, entries_may_be_longer_with_zeros)
{
	struct target target = variant->target;

	for (target.entry_len += 4; target.entry_len <= 64; target.entry_len += 4) {
		__u32 num = 700;

		for (__u32 i = 0; i < num; i++)
			put_entry(&target, self->entries + i * target.entry_len, 0, i == 699);
		ASSERT_OK(hwpt_invalidate(self->fd, self->id, target.type, self->entries,
					  target.entry_len, &num));
		EXPECT_EQ(700, num);
		EXPECT_OK(is_empty(1));
	}
}

TEST_F(invalidate, what_is_not_zero_behind_an_entry_is_too_big)
{
	struct target target = variant->target;
	const __u32 known = target.entry_len;

	target.entry_len = known + 16;
	for (__u32 at = known; at < target.entry_len; at++) {
		__u32 num = 700;

		for (__u32 i = 0; i < num; i++)
			put_entry(&target, self->entries + i * target.entry_len, 0,
				  i < 600 ? 0 : 1);
		self->entries[600 * target.entry_len + at] = 1;
		EXPECT_ERRNO(E2BIG, hwpt_invalidate(self->fd, self->id, target.type,
						    self->entries, target.entry_len, &num));
		EXPECT_EQ(600, num);
	}
	EXPECT_OK(is_empty(0));
	EXPECT_OK(is_full(1));
}

TEST_F(invalidate, entries_have_a_size_that_can_be)
{
	const __u32 known = variant->target.entry_len;
	const __u32 bad[] = { 0, 1, known - 4, known - 1, known + 1, known + 2, 65 };
	__u32 num;

	put(0, INV_ALL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		num = 1;
		EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id, variant->target.type,
						     self->entries, bad[i], &num));
		EXPECT_EQ(0, num);
	}
	num = 1;
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id, variant->target.type,
					     self->entries, 4096 + 4, &num));
	EXPECT_EQ(0, num);
	num = 1;
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id, variant->target.type,
					     self->entries, -4, &num));
	EXPECT_EQ(0, num);
	EXPECT_OK(is_full(0));
	num = 1;
	EXPECT_OK(hwpt_invalidate(self->fd, self->id, variant->target.type, self->entries,
				  4096, &num));
	EXPECT_OK(is_empty(0));
}

/* ---- What is wrong with an entry ---- */

static const __u32 bad_places[] = { 0, 1, 15, 21, 31, 32, 33, 341, 342, 511, 512, 513, 1999 };

TEST_F(invalidate, stops_at_a_flag_that_it_does_not_know)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_places); i++) {
		__u32 num = MAX_ENTRIES;

		for (__u32 n = 0; n < num; n++)
			put(n, 0, n <= bad_places[i] ? 0 : 1);
		put(bad_places[i], 1U << (2 + i), 2);
		EXPECT_ERRNO(EOPNOTSUPP, go(&num));
		EXPECT_EQ(bad_places[i], num);
	}
	EXPECT_OK(is_empty(0));
	EXPECT_OK(is_full(1));
	EXPECT_OK(is_full(2));
}

TEST_F(invalidate, stops_at_what_there_is_not)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_places); i++) {
		__u32 num = MAX_ENTRIES;

		for (__u32 n = 0; n < num; n++)
			put(n, 0, n <= bad_places[i] ? 0 : 1);
		put(bad_places[i], INV_ALL, 4 + i);
		EXPECT_ERRNO(EINVAL, go(&num));
		EXPECT_EQ(bad_places[i], num);
	}
	EXPECT_OK(is_empty(0));
	EXPECT_OK(is_full(1));
}

/* The caller knows which it was, and goes on behind it. */
TEST_F(invalidate, tells_at_which_entry_the_hardware_failed)
{
	const __u32 entry_len = variant->target.entry_len;
	__u32 num, done = 0, failed = 0;

	for (__u32 n = 0; n < MAX_ENTRIES; n++)
		put(n, n % 401 == 7 ? INV_BROKEN : 0, n == MAX_ENTRIES - 1);
	while (done < MAX_ENTRIES) {
		num = MAX_ENTRIES - done;
		if (!hwpt_invalidate(self->fd, self->id, variant->target.type,
				     self->entries + done * entry_len, entry_len, &num))
			break;
		EXPECT_EQ(7, (done + num) % 401);
		done += num + 1;
		failed++;
	}
	EXPECT_EQ(MAX_ENTRIES, done + num);
	EXPECT_EQ(5, failed);
	EXPECT_OK(is_empty(1));
}

TEST_F(invalidate, does_what_can_be_read)
{
	const __u32 entry_len = variant->target.entry_len;
	__u8 *end = self->world.last_page + PAGE;
	__u32 num;

	for (__u32 have = 0; have < 40; have++) {
		for (__u32 n = 0; n < have; n++)
			put_entry(&variant->target, end - (have - n) * entry_len, 0, 0);
		num = 2000;
		EXPECT_ERRNO(EFAULT, hwpt_invalidate(self->fd, self->id, variant->target.type,
						     end - have * entry_len, entry_len, &num));
		EXPECT_EQ(have, num);
	}
	/* The next one is there in part. */
	put_entry(&variant->target, end - entry_len - 4, 0, 0);
	num = 3;
	EXPECT_ERRNO(EFAULT, hwpt_invalidate(self->fd, self->id, variant->target.type,
					     end - entry_len - 4, entry_len, &num));
	EXPECT_EQ(1, num);
	num = 1;
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id, variant->target.type, NULL,
					     entry_len, &num));
	EXPECT_EQ(0, num);
	num = 1;
	EXPECT_ERRNO(EFAULT, hwpt_invalidate(self->fd, self->id, variant->target.type,
					     (void *)-4096UL, entry_len, &num));
	EXPECT_EQ(0, num);
}

/* The kernel's memory does not grow with what the user says. */
TEST_F(invalidate, the_longest_array_is_begun_at_least)
{
	__u32 num = LONGEST;

	put(0, INV_ALL, 0);
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->id, variant->target.type,
					     self->entries, 65, &num));
	EXPECT_EQ(0, num);
	num = LONGEST;
	memset(self->world.last_page, 0, PAGE);
	put_entry(&variant->target,
		  self->world.last_page + PAGE - variant->target.entry_len, 0, 3);
	EXPECT_ERRNO(EFAULT, hwpt_invalidate(self->fd, self->id, variant->target.type,
					     self->world.last_page + PAGE -
						     variant->target.entry_len,
					     variant->target.entry_len, &num));
	EXPECT_EQ(1, num);
	EXPECT_OK(is_empty(3));
}

/* What the kernel holds of an array does not depend on how long it is. */
TEST_F(invalidate, the_longest_array_takes_as_much_memory_as_a_block)
{
	const struct target *target = &variant->target;
	const __u32 lengths[] = { 1, BLOCK_BYTES / target->entry_len, LONGEST };
	long bytes[ARRAY_SIZE(lengths)];
	__u8 *entries;

	entries = memory_pages((__u64)LONGEST * target->entry_len);
	ASSERT_NE(NULL, entries);
	for (__u32 i = 0; i < LONGEST; i++)
		put_entry(target, entries + i * target->entry_len, 0, 2);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		__u32 num = lengths[i];
		int err = fault_bytes_begin();

		if (err)
			SKIP(return, "no failslab in debugfs: %s", strerror(-err));
		err = hwpt_invalidate(self->fd, self->id, target->type, entries,
				      target->entry_len, &num);
		bytes[i] = fault_bytes_end();
		ASSERT_OK(err);
		EXPECT_EQ(lengths[i], num);
	}
	/* The test sees the block, beside what it takes to look. */
	EXPECT_LE(bytes[0] + BLOCK_BYTES, bytes[1]);
	EXPECT_GT(bytes[0] + 2 * BLOCK_BYTES, bytes[1]);
	EXPECT_GT(bytes[0] + 2 * BLOCK_BYTES, bytes[2]);
}

TEST_F(invalidate, a_longer_array_is_not_begun)
{
	const __u32 bad[] = { LONGEST + 1, 1U << 31, -1 };

	put(0, INV_ALL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		__u32 num = bad[i];

		EXPECT_ERRNO(EINVAL, go(&num));
		EXPECT_EQ(0, num);
	}
	EXPECT_OK(is_full(0));
}

static void on_alarm(int signal)
{
}

TEST_F(invalidate, a_signal_ends_it_between_two_blocks)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval timer = {
		.it_value.tv_usec = 5 * 1000,
		/* Should the first come before the ioctl. */
		.it_interval.tv_usec = 5 * 1000,
	}, off = {};
	const __u32 known = variant->target.entry_len;
	/* Those that may be of a newer kernel are looked at one by one. */
	const __u32 entry_len = 2 * known;
	const size_t length = (size_t)LONGEST * entry_len;
	const size_t one = 1 << 20;
	__u32 num = LONGEST;
	__u8 *array;
	int memory;

	/* The same MiB of entries again and again. */
	memory = memfd_create("entries", 0);
	ASSERT_LE(0, memory);
	ASSERT_EQ(0, ftruncate(memory, 3 * one));
	array = mmap(NULL, length, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, array);
	for (size_t at = 0; at < length; at += 3 * one) {
		const size_t part = length - at < 3 * one ? length - at : 3 * one;

		ASSERT_NE(MAP_FAILED, mmap(array + at, part, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_FIXED, memory, 0));
	}
	for (size_t at = 0; at < 3 * one / entry_len; at++)
		put_entry(&variant->target, array + at * entry_len, 0, 0);

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_ERRNO(EINTR, hwpt_invalidate(self->fd, self->id, variant->target.type, array,
					    entry_len, &num));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &off, NULL));
	EXPECT_LT(num, LONGEST);
	EXPECT_EQ(0, num % (BLOCK_BYTES / known));
	munmap(array, length);
}

/* ---- The ioctl ---- */

TEST_F(invalidate, needs_a_nested_hwpt_or_a_viommu)
{
	const __u32 bad[] = {
		0, NO_ID, self->world.ioas, self->world.parent, self->world.mock.dev,
		self->world.mock.id, self->vdevice,
	};
	__u32 num;

	put(0, INV_ALL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const int err = i < 2 ? ENOENT : EINVAL;

		num = 1;
		EXPECT_ERRNO(err, hwpt_invalidate(self->fd, bad[i], variant->target.type,
						  self->entries, variant->target.entry_len,
						  &num));
		EXPECT_EQ(0, num);
		EXPECT_ERRNO(err, hwpt_invalidate(self->fd, bad[i], variant->target.type,
						  NULL, 0, &num));
	}
	EXPECT_OK(is_full(0));
}

TEST_F(invalidate, refuses_what_is_reserved)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = self->id,
		.data_uptr = (uintptr_t)self->entries,
		.data_type = variant->target.type,
		.entry_len = variant->target.entry_len,
	};

	put(0, INV_ALL, 0);
	for (int bit = 0; bit < 32; bit++) {
		cmd.entry_num = 1;
		cmd.__reserved = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_INVALIDATE, &cmd,
					      "IOMMU_HWPT_INVALIDATE(__reserved %#x)",
					      cmd.__reserved));
		EXPECT_EQ(0, cmd.entry_num);
	}
	EXPECT_OK(is_full(0));
}

TEST_F(invalidate, the_number_has_to_be_told)
{
	struct iommu_hwpt_invalidate *cmd = (void *)self->world.last_page;

	*cmd = (struct iommu_hwpt_invalidate){
		.size = sizeof(*cmd),
		.hwpt_id = self->id,
		.data_uptr = (uintptr_t)self->entries,
		.data_type = variant->target.type,
		.entry_len = variant->target.entry_len,
		.entry_num = 2,
	};
	put(0, 0, 0);
	put(1, 0, 4);
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_HWPT_INVALIDATE, cmd,
				  "IOMMU_HWPT_INVALIDATE(read-only struct)"));
	/* Also where it is what it was; that is done by then. */
	put(1, 0, 1);
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_HWPT_INVALIDATE, cmd,
				  "IOMMU_HWPT_INVALIDATE(read-only struct, all done)"));
	EXPECT_OK(is_empty(1));
}

TEST_HARNESS_MAIN
