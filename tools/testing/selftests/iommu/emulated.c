// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated VFIO devices, which have an access to an IOAS in place of an IOMMU: bound
 * and attached through their character device, and what their driver does with
 * memory by vfio_pin_pages() and vfio_dma_rw(). By group and container it does
 * the same.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/mcopy.h"
#include "lib/mock.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define THERE	0x80000000ULL

#define NR_PAGES 16
#define LENGTH (NR_PAGES * PAGE)

static void create(struct __test_metadata *_metadata, struct mcopy *mcopy, const char *parent)
{
	int err = mdev_create(mcopy, parent);

	if (err == -ENODEV)
		SKIP_TEST("this kernel has no mediated device %s: CONFIG_SAMPLES", parent);
	ASSERT_OK(err);
}

/* ---- Through the character device ---- */

FIXTURE(emulated)
{
	int fd;
	__u32 ioas;
	struct mcopy mcopy;
	__u8 *pages;
	long pinned;
};

FIXTURE_SETUP(emulated)
{
	create(_metadata, &self->mcopy, "mcopy");
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(mdev_open(&self->mcopy));
	ASSERT_OK(mdev_bind(&self->mcopy, self->fd));
	self->pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, LENGTH, 1);
	self->pinned = memory_pinned();
}

FIXTURE_TEARDOWN(emulated)
{
	mdev_close(&self->mcopy);
	close(self->fd);
	EXPECT_EQ(self->pinned, memory_pinned());
	EXPECT_OK(mdev_remove(&self->mcopy));
}

#define attach(ioas) ({ __u32 pt_ = (ioas); mdev_attach(&self->mcopy, &pt_); })
#define map(page, npages, iova) \
	ioas_map_at(self->fd, self->ioas, self->pages + (page) * PAGE, (npages) * PAGE, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define command(cmd, iova, length) mcopy_command(&self->mcopy, cmd, iova, length)
/* By the device's own count and by the kernel's. */
#define EXPECT_PINNED(npages) do { \
	const long npages_ = (npages); \
	EXPECT_EQ(npages_, mcopy_get(&self->mcopy, MCOPY_PINNED)); \
	EXPECT_EQ(npages_ * (long)PAGE, memory_pinned() - self->pinned); \
} while (0)

TEST_F(emulated, is_an_object_that_only_close_takes_away)
{
	__u32 id = self->mcopy.id;

	EXPECT_NE(0, id);
	EXPECT_ERRNO(EINVAL, mdev_bind(&self->mcopy, self->fd));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, id));
	mdev_close(&self->mcopy);
	EXPECT_ERRNO(ENOENT, destroy(self->fd, id));
	ASSERT_OK(mdev_open(&self->mcopy));
	EXPECT_OK(mdev_bind(&self->mcopy, self->fd));
}

TEST_F(emulated, is_no_device_with_an_iommu)
{
	struct iommu_hw_info info = { };
	struct mock mock;
	__u32 hwpt;

	EXPECT_ERRNO(ENOENT, hwpt_alloc(self->fd, self->mcopy.id, self->ioas, &hwpt));
	EXPECT_ERRNO(ENOENT, hw_info(self->fd, self->mcopy.id, NULL, 0, &info));
	if (!mock_exists(self->fd))
		SKIP(return, "this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_ERRNO(ENOENT, attach(mock.hwpt));
	EXPECT_ERRNO(ENOENT, attach(mock.dev));
}

TEST_F(emulated, attach_and_detach_refuse_bad_arguments)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = self->ioas,
	};
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	const int fd = self->mcopy.fd;

	attach.argsz = offsetof(struct vfio_device_attach_iommufd_pt, pt_id);
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach, "attach: argsz"));
	attach.argsz = sizeof(attach);
	attach.flags = 1U << 31;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach, "attach: flags"));
	EXPECT_ERRNO(EFAULT, call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL, "attach: NULL"));
	EXPECT_ERRNO(ENOENT, command(MCOPY_FETCH, AT, 1));
	ASSERT_OK(attach(self->ioas));
	detach.argsz = offsetof(struct vfio_device_detach_iommufd_pt, flags);
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach, "detach: argsz"));
	detach.argsz = sizeof(detach);
	detach.flags = 1U << 31;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach, "detach: flags"));
	EXPECT_ERRNO(EFAULT, call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL, "detach: NULL"));
	ASSERT_OK(map(0, 1, AT));
	EXPECT_OK(command(MCOPY_FETCH, AT, 1));
}

TEST_F(emulated, cannot_be_attached_before_it_is_bound)
{
	__u8 byte = 0;

	mdev_close(&self->mcopy);
	ASSERT_OK(mdev_open(&self->mcopy));
	EXPECT_ERRNO(EINVAL, attach(self->ioas));
	EXPECT_ERRNO(EINVAL, mdev_detach(&self->mcopy));
	EXPECT_EQ(-EINVAL, mcopy_get_buffer(&self->mcopy, &byte, 1));
	EXPECT_ERRNO(EBADFD, mdev_bind(&self->mcopy, self->mcopy.fd));
	EXPECT_ERRNO(EBADF, mdev_bind(&self->mcopy, 1 << 20));
	EXPECT_OK(mdev_bind(&self->mcopy, self->fd));
}

TEST_F(emulated, attaches_to_an_ioas_only)
{
	__u32 pt = self->ioas, other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	EXPECT_ERRNO(ENOENT, attach(NO_ID));
	EXPECT_ERRNO(ENOENT, attach(0));
	EXPECT_ERRNO(ENOENT, attach(self->mcopy.id));
	EXPECT_OK(mdev_detach(&self->mcopy));
	ASSERT_OK(mdev_attach(&self->mcopy, &pt));
	EXPECT_EQ(self->ioas, pt);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	EXPECT_ERRNO(ENOENT, attach(NO_ID));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	ASSERT_OK(attach(other));
	EXPECT_OK(destroy(self->fd, self->ioas));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, other));
	EXPECT_OK(mdev_detach(&self->mcopy));
	EXPECT_OK(mdev_detach(&self->mcopy));
	EXPECT_OK(destroy(self->fd, other));
}

TEST_F(emulated, and_its_group_exclude_each_other)
{
	struct mcopy by_group = self->mcopy;
	int group, container;

	EXPECT_EQ(-EBUSY, mdev_open_by_group(&by_group, "/dev/vfio/vfio", &group, &container));
	mdev_close(&self->mcopy);
	ASSERT_EQ(0, mdev_open_by_group(&by_group, "/dev/vfio/vfio", &group, &container));
	ASSERT_OK(mdev_open(&self->mcopy));
	EXPECT_ERRNO(EBUSY, mdev_bind(&self->mcopy, self->fd));
	mdev_close(&by_group);
	close(group);
	close(container);
	EXPECT_OK(mdev_bind(&self->mcopy, self->fd));
}

TEST_F(emulated, reaches_nothing_unless_attached)
{
	ASSERT_OK(map(0, 4, AT));
	for (int i = 0; i < 2; i++) {
		EXPECT_ERRNO(ENOENT, command(MCOPY_FETCH, AT, 1));
		EXPECT_ERRNO(ENOENT, command(MCOPY_STORE, AT, 1));
		EXPECT_ERRNO(ENOENT, command(MCOPY_PIN, AT, 1));
		EXPECT_ERRNO(ENOENT, command(MCOPY_PIN | MCOPY_BY_THREAD, AT, 1));
		EXPECT_ERRNO(ENOENT, command(MCOPY_FETCH | MCOPY_BY_THREAD, AT, 1));
		ASSERT_OK(attach(self->ioas));
		ASSERT_OK(mdev_detach(&self->mcopy));
	}
	EXPECT_TRUE(memory_is(self->pages, LENGTH, 1));
}

/* By the thread that calls, and by one of the kernel's, which borrows the memory. */
TEST_F(emulated, copies)
{
	__u8 buffer[MCOPY_BUFFER_SIZE];

	ASSERT_OK(map(0, 2, AT));
	ASSERT_OK(map(4, 2, AT + 2 * PAGE));
	ASSERT_OK(attach(self->ioas));
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		memory_fill(self->pages, LENGTH, by + 1);
		/* From the one area on to the other. */
		ASSERT_OK(command(MCOPY_FETCH | by, AT + PAGE + 5, sizeof(buffer)));
		ASSERT_OK(mcopy_get_buffer(&self->mcopy, buffer, sizeof(buffer)));
		EXPECT_EQ(0, memcmp(buffer, self->pages + PAGE + 5, PAGE - 5));
		EXPECT_EQ(0, memcmp(buffer + PAGE - 5, self->pages + 4 * PAGE, PAGE + 5));

		memset(buffer, 0x5a + by, sizeof(buffer));
		ASSERT_OK(mcopy_set_buffer(&self->mcopy, buffer, sizeof(buffer)));
		ASSERT_OK(command(MCOPY_STORE | by, AT + 3 * PAGE - 7, 9));
		EXPECT_TRUE(memory_is_all(self->pages + 5 * PAGE - 7, 9, 0x5a + by));
		EXPECT_FALSE(memory_is_all(self->pages + 5 * PAGE - 8, 1, 0x5a + by));
		EXPECT_TRUE(memory_is(self->pages, 2 * PAGE, by + 1));

		EXPECT_ERRNO(ENOENT, command(MCOPY_FETCH | by, AT + 4 * PAGE - 1, 2));
		EXPECT_ERRNO(ENOENT, command(MCOPY_STORE | by, AT - 1, 2));
		EXPECT_ERRNO(EINVAL, command(MCOPY_FETCH | by, AT, 0));
		EXPECT_ERRNO(EOVERFLOW, command(MCOPY_FETCH | by, UINT64_MAX, 2));
	}
	EXPECT_PINNED(0);
}

TEST_F(emulated, copies_only_as_the_area_permits)
{
	__u64 iova = AT;

	ASSERT_OK(ioas_map(self->fd, self->ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA, self->pages,
			   PAGE, &iova));
	ASSERT_OK(attach(self->ioas));
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		EXPECT_OK(command(MCOPY_FETCH | by, AT, PAGE));
		EXPECT_ERRNO(EPERM, command(MCOPY_STORE | by, AT, 1));
		EXPECT_ERRNO(EPERM, command(MCOPY_PIN | by, AT, 1));
		EXPECT_OK(command(MCOPY_PIN_TO_READ | by, AT, 1));
		EXPECT_PINNED(1);
		EXPECT_OK(command(MCOPY_UNPIN | by, 0, 0));
	}
	EXPECT_TRUE(memory_is(self->pages, LENGTH, 1));
}

TEST_F(emulated, copies_what_it_has_pinned)
{
	__u8 buffer[300];

	ASSERT_OK(map(0, 2, AT));
	ASSERT_OK(map(2, 4, AT + 2 * PAGE));
	ASSERT_OK(attach(self->ioas));
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		memory_fill(self->pages, LENGTH, 1);
		ASSERT_OK(command(MCOPY_PIN | by, AT + 2 * PAGE - 100, 2 * PAGE));
		EXPECT_PINNED(3);
		ASSERT_OK(command(MCOPY_FETCH_PINNED | by, 0, sizeof(buffer)));
		ASSERT_OK(mcopy_get_buffer(&self->mcopy, buffer, sizeof(buffer)));
		EXPECT_EQ(0, memcmp(buffer, self->pages + 2 * PAGE - 100, sizeof(buffer)));
		memset(buffer, 0x77, sizeof(buffer));
		ASSERT_OK(mcopy_set_buffer(&self->mcopy, buffer, sizeof(buffer)));
		ASSERT_OK(command(MCOPY_STORE_PINNED | by, 0, sizeof(buffer)));
		EXPECT_TRUE(memory_is_all(self->pages + 2 * PAGE - 100, sizeof(buffer), 0x77));
		EXPECT_FALSE(memory_is_all(self->pages + 2 * PAGE - 101, 1, 0x77));
		ASSERT_OK(command(MCOPY_UNPIN | by, 0, 0));
		EXPECT_PINNED(0);
	}
	EXPECT_ERRNO(ENOENT, command(MCOPY_PIN, AT + 5 * PAGE, PAGE + 1));
	EXPECT_PINNED(0);
}

TEST_F(emulated, unpins_what_is_unmapped)
{
	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(map(8, 4, THERE));
	ASSERT_OK(attach(self->ioas));
	ASSERT_OK(command(MCOPY_PIN, AT + PAGE, 2 * PAGE));
	ASSERT_OK(unmap(THERE, 4 * PAGE));
	EXPECT_PINNED(2);
	EXPECT_EQ(0, mcopy_get(&self->mcopy, MCOPY_UNMAPS));
	EXPECT_ERRNO(ENOENT, unmap(AT, PAGE));
	EXPECT_PINNED(2);
	ASSERT_OK(unmap(AT, 4 * PAGE));
	EXPECT_PINNED(0);
	EXPECT_EQ(1, mcopy_get(&self->mcopy, MCOPY_UNMAPS));
	EXPECT_ERRNO(EINVAL, command(MCOPY_STORE_PINNED, 0, 1));
	EXPECT_ERRNO(ENOENT, command(MCOPY_PIN, AT, PAGE));
}

TEST_F(emulated, unpins_when_it_is_moved_detached_and_closed)
{
	__u32 other;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(ioas_map_at(self->fd, other, self->pages + 8 * PAGE, 4 * PAGE, AT));
	ASSERT_OK(attach(self->ioas));
	ASSERT_OK(command(MCOPY_PIN, AT, 4 * PAGE));
	EXPECT_PINNED(4);
	EXPECT_ERRNO(ENOENT, attach(NO_ID));
	EXPECT_PINNED(4);
	ASSERT_OK(attach(other));
	EXPECT_PINNED(0);
	EXPECT_EQ(1, mcopy_get(&self->mcopy, MCOPY_UNMAPS));

	ASSERT_OK(command(MCOPY_PIN, AT, 2 * PAGE));
	EXPECT_PINNED(2);
	ASSERT_OK(mdev_detach(&self->mcopy));
	EXPECT_PINNED(0);
	EXPECT_EQ(2, mcopy_get(&self->mcopy, MCOPY_UNMAPS));

	ASSERT_OK(attach(other));
	ASSERT_OK(command(MCOPY_PIN, AT, 2 * PAGE));
	mdev_close(&self->mcopy);
	EXPECT_EQ(self->pinned, memory_pinned());
	EXPECT_OK(destroy(self->fd, other));
}

/* A page that an IOMMU has as well is pinned and counted once. */
TEST_F(emulated, pins_beside_an_iommu)
{
	struct mock mock;

	if (!mock_exists(self->fd))
		SKIP(return, "this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(attach(self->ioas));
	ASSERT_OK(command(MCOPY_PIN, AT, 2 * PAGE));
	EXPECT_EQ(4 * (long)PAGE, memory_pinned() - self->pinned);
	EXPECT_OK(mock_check_refs(self->fd, self->pages, 4 * PAGE, 1));
	ASSERT_OK(destroy(self->fd, mock.id));
	EXPECT_PINNED(2);
	EXPECT_OK(command(MCOPY_STORE_PINNED, 0, 2 * PAGE));
	EXPECT_TRUE(memory_is_all(self->pages, 2 * PAGE, 0));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_EQ(4 * (long)PAGE, memory_pinned() - self->pinned);
	ASSERT_OK(unmap(AT, 4 * PAGE));
	EXPECT_PINNED(0);
	EXPECT_EQ(1, mcopy_get(&self->mcopy, MCOPY_UNMAPS));
	EXPECT_OK(mock_check_refs(self->fd, self->pages, 4 * PAGE, 0));
}

TEST_F(emulated, reaches_the_memory_of_a_file)
{
	int file = memfd_create("test", MFD_CLOEXEC);
	__u8 bytes[2 * PAGE];

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, 4 * PAGE));
	ASSERT_OK(ioas_map_file_at(self->fd, self->ioas, file, 0, 4 * PAGE, AT));
	ASSERT_OK(attach(self->ioas));
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		memory_fill(bytes, sizeof(bytes), by + 1);
		ASSERT_OK(mcopy_set_buffer(&self->mcopy, bytes, sizeof(bytes)));
		EXPECT_OK(command(MCOPY_STORE | by, AT + 9, sizeof(bytes)));
		EXPECT_PINNED(0);
		ASSERT_EQ(sizeof(bytes), pread(file, bytes, sizeof(bytes), 9));
		EXPECT_TRUE(memory_is(bytes, sizeof(bytes), by + 1));
		memset(bytes, 0x5a, PAGE);
		ASSERT_EQ(PAGE, pwrite(file, bytes, PAGE, 3 * PAGE));
		EXPECT_OK(command(MCOPY_FETCH | by, AT + 3 * PAGE, PAGE));
		ASSERT_OK(mcopy_get_buffer(&self->mcopy, bytes, PAGE));
		EXPECT_TRUE(memory_is_all(bytes, PAGE, 0x5a));

		ASSERT_OK(command(MCOPY_PIN | by, AT + 3 * PAGE + 1, 1));
		EXPECT_PINNED(1);
		ASSERT_OK(mcopy_set_buffer(&self->mcopy, "!", 1));
		EXPECT_OK(command(MCOPY_STORE_PINNED | by, 0, 1));
		ASSERT_EQ(3, pread(file, bytes, 3, 3 * PAGE));
		EXPECT_EQ(0, memcmp(bytes, "Z!Z", 3));
		ASSERT_OK(command(MCOPY_UNPIN | by, 0, 0));
		EXPECT_PINNED(0);
	}
	ASSERT_EQ(0, ftruncate(file, PAGE));
	EXPECT_ERRNO(EFAULT, command(MCOPY_FETCH, AT + PAGE, 1));
	EXPECT_ERRNO(EFAULT, command(MCOPY_STORE | MCOPY_BY_THREAD, AT + PAGE, 1));
	EXPECT_ERRNO(EFAULT, command(MCOPY_PIN, AT + PAGE - 1, 2));
	EXPECT_OK(command(MCOPY_FETCH, AT, PAGE));
}

/* The device has the iommufd as well. */
TEST_F(emulated, goes_on_when_the_iommufd_is_closed)
{
	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(attach(self->ioas));
	close(self->fd);
	EXPECT_OK(command(MCOPY_PIN, AT, 4 * PAGE));
	EXPECT_PINNED(4);
	EXPECT_OK(command(MCOPY_FETCH, AT + 4 * PAGE - 1, 1));
	EXPECT_OK(mdev_detach(&self->mcopy));
	EXPECT_PINNED(0);
	EXPECT_OK(attach(self->ioas));
	EXPECT_OK(command(MCOPY_PIN, AT, 4 * PAGE));
	mdev_close(&self->mcopy);
	EXPECT_EQ(self->pinned, memory_pinned());
	self->fd = open_iommufd(_metadata);
}

TEST_F(emulated, makes_a_page_the_granule)
{
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, 512, AT));
	EXPECT_ERRNO(EADDRINUSE, attach(self->ioas));
	ASSERT_OK(unmap(AT, 512));
	ASSERT_OK(attach(self->ioas));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->pages, 512, AT));
	ASSERT_OK(mdev_detach(&self->mcopy));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->pages, 512, AT));
}

/* The process that is asked for the memory is not the one that has it. */
TEST_F(emulated, copies_the_memory_of_another_process_while_it_lives)
{
	struct peer child;

	ASSERT_OK(attach(self->ioas));
	if (fork_peer(_metadata, &child)) {
		memset(self->pages, 0x33, 2 * PAGE);
		ASSERT_OK(map(0, 2, AT));
		tell(_metadata, &child);
		hear(_metadata, &child);
		EXPECT_TRUE(memory_is_all(self->pages + PAGE, PAGE, 0x33));
		end_child();
	}
	hear(_metadata, &child);
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		__u8 byte = 0;

		ASSERT_OK(command(MCOPY_FETCH | by, AT, PAGE));
		ASSERT_OK(mcopy_get_buffer(&self->mcopy, &byte, 1));
		EXPECT_EQ(0x33, byte);
		ASSERT_OK(command(MCOPY_STORE | by, AT + PAGE, PAGE));
		ASSERT_OK(command(MCOPY_PIN | by, AT, PAGE));
		ASSERT_OK(command(MCOPY_UNPIN | by, 0, 0));
	}
	tell(_metadata, &child);
	wait_for_success(_metadata, &child);
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		EXPECT_ERRNO(EFAULT, command(MCOPY_FETCH | by, AT, 1));
		EXPECT_ERRNO(EFAULT, command(MCOPY_STORE | by, AT, 1));
		EXPECT_ERRNO(EFAULT, command(MCOPY_PIN | by, AT, 1));
	}
	EXPECT_TRUE(memory_is(self->pages, LENGTH, 1));
}

/* Whoever takes the device away waits for who has it open. */
TEST_F(emulated, can_be_removed_once_it_is_closed)
{
	struct mcopy *mcopy = &self->mcopy;
	struct peer child;
	int status;

	ASSERT_OK(map(0, 4, AT));
	ASSERT_OK(attach(self->ioas));
	ASSERT_OK(command(MCOPY_PIN, AT, 4 * PAGE));
	if (fork_peer(_metadata, &child)) {
		mdev_close(mcopy);
		tell(_metadata, &child);
		EXPECT_OK(mdev_remove(mcopy));
		end_child();
	}
	hear(_metadata, &child);
	usleep(200000);
	EXPECT_EQ(0, waitpid(child.pid, &status, WNOHANG));
	EXPECT_OK(command(MCOPY_FETCH, AT, PAGE));
	mdev_close(mcopy);
	wait_for_success(_metadata, &child);
	EXPECT_EQ(self->pinned, memory_pinned());
	EXPECT_EQ(-1, open(mcopy->cdev, O_RDWR | O_CLOEXEC));
	/* For the end of the test to have one to remove. */
	ASSERT_OK(mdev_create(mcopy, "mcopy"));
}

/* ---- Commands while the memory comes and goes ---- */

struct racer {
	struct mcopy *mcopy;
	atomic_bool stop;
	unsigned int done, unexpected;
};

static void *run_commands(void *arg)
{
	static const __u32 commands[] = {
		MCOPY_PIN, MCOPY_STORE_PINNED, MCOPY_FETCH, MCOPY_PIN | MCOPY_BY_THREAD,
		MCOPY_FETCH_PINNED, MCOPY_STORE | MCOPY_BY_THREAD, MCOPY_UNPIN,
	};
	struct racer *racer = arg;

	for (unsigned int i = 0; !racer->stop; i++) {
		int err = mcopy_command(racer->mcopy, commands[i % ARRAY_SIZE(commands)],
					AT + PAGE - 8, 2 * PAGE);

		/* EINVAL: it was made to unpin what this wants to use. */
		racer->done += !err;
		racer->unexpected += err && err != -ENOENT && err != -EINVAL;
	}
	return NULL;
}

TEST_F(emulated, works_while_memory_and_ioas_change)
{
	struct racer racer = { .mcopy = &self->mcopy };
	pthread_t thread;
	__u32 other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(ioas_map_at(self->fd, other, self->pages, 4 * PAGE, AT));
	ASSERT_OK(attach(self->ioas));
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_commands, &racer));
	for (int i = 0; i < 300 && !racer.unexpected; i++) {
		EXPECT_OK(map(0, 4, AT));
		EXPECT_OK(attach(i % 2 ? other : self->ioas));
		if (i % 8 == 7)
			EXPECT_OK(mdev_detach(&self->mcopy));
		EXPECT_OK(unmap(AT, 4 * PAGE));
	}
	racer.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, racer.unexpected);
	EXPECT_NE(0, racer.done);
	ASSERT_OK(mdev_detach(&self->mcopy));
	EXPECT_PINNED(0);
}

/* ---- A driver that cannot pin ---- */

TEST(a_device_that_only_has_registers_asks_nothing_of_the_ioas)
{
	__u8 *page = memory_pages(PAGE);
	struct vfio_region_info region = {
		.argsz = sizeof(region),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	int fd = open_iommufd(_metadata);
	struct mcopy mtty;
	__u16 vendor = 0;
	__u32 ioas;

	ASSERT_NE(NULL, page);
	create(_metadata, &mtty, "mtty");
	ASSERT_OK(ioas_alloc(fd, &ioas));
	ASSERT_OK(ioas_map_at(fd, ioas, page, 512, AT));
	ASSERT_OK(mdev_open(&mtty));
	ASSERT_OK(mdev_bind(&mtty, fd));
	EXPECT_OK(mdev_attach(&mtty, &ioas));
	ASSERT_EQ(0, ioctl(mtty.fd, VFIO_DEVICE_GET_REGION_INFO, &region));
	ASSERT_EQ(sizeof(vendor), pread(mtty.fd, &vendor, sizeof(vendor), region.offset));
	EXPECT_EQ(0x4348, vendor);
	EXPECT_OK(ioas_unmap(fd, ioas, AT, 512, NULL));
	EXPECT_OK(mdev_detach(&mtty));
	mdev_close(&mtty);
	EXPECT_OK(mdev_remove(&mtty));
	close(fd);
}

/* ---- The same through the group ---- */

FIXTURE(container)
{
};

FIXTURE_VARIANT(container)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(container, of_old) { .path = "/dev/vfio/vfio" };
FIXTURE_VARIANT_ADD(container, that_is_an_iommufd) { .path = "/dev/iommu" };

FIXTURE_SETUP(container)
{
}

FIXTURE_TEARDOWN(container)
{
}

TEST_F(container, serves_as_well)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = AT,
		.size = 4 * PAGE,
	};
	struct vfio_iommu_type1_dma_unmap gone = {
		.argsz = sizeof(gone),
		.iova = AT,
		.size = 4 * PAGE,
	};
	__u8 *pages = memory_pages(4 * PAGE);
	int group, container;
	struct mcopy mcopy;

	ASSERT_NE(NULL, pages);
	create(_metadata, &mcopy, "mcopy");
	ASSERT_EQ(0, mdev_open_by_group(&mcopy, variant->path, &group, &container));
	dma.vaddr = (uintptr_t)pages;
	ASSERT_OK(call(container, VFIO_IOMMU_MAP_DMA, &dma, "VFIO_IOMMU_MAP_DMA()"));
	for (__u32 by = 0; by <= MCOPY_BY_THREAD; by += MCOPY_BY_THREAD) {
		memset(pages, by + 1, 4 * PAGE);
		EXPECT_OK(mcopy_command(&mcopy, MCOPY_FETCH | by, AT, PAGE));
		memset(pages, 0, 4 * PAGE);
		EXPECT_OK(mcopy_command(&mcopy, MCOPY_STORE | by, AT + 2 * PAGE, PAGE));
		EXPECT_TRUE(memory_is_all(pages + 2 * PAGE, PAGE, by + 1));
	}
	ASSERT_OK(mcopy_command(&mcopy, MCOPY_PIN, AT, 3 * PAGE));
	EXPECT_EQ(3, mcopy_get(&mcopy, MCOPY_PINNED));
	ASSERT_OK(call(container, VFIO_IOMMU_UNMAP_DMA, &gone, "VFIO_IOMMU_UNMAP_DMA()"));
	EXPECT_EQ(0, mcopy_get(&mcopy, MCOPY_PINNED));
	EXPECT_EQ(1, mcopy_get(&mcopy, MCOPY_UNMAPS));
	mdev_close(&mcopy);
	close(group);
	close(container);
	EXPECT_OK(mdev_remove(&mcopy));
}

TEST_HARNESS_MAIN
