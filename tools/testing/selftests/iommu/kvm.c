// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's file linked with a KVM, as a VMM does before it binds the device: what KVM
 * takes, who keeps whom, and links that come and go as the device is bound.
 */
#include <pthread.h>
#include <linux/kvm.h>

#include "lib/container.h"
#include "lib/testing.h"

FIXTURE(kvm)
{
	int vm, links;
	int fd;
	struct edu edu;
};

static int set_link(int links, __u64 attr, __s32 file)
{
	struct kvm_device_attr cmd = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = attr,
		.addr = (uintptr_t)&file,
	};

	return call(links, KVM_SET_DEVICE_ATTR, &cmd, "KVM_SET_DEVICE_ATTR(attr %llu, file %d)",
		    attr, file);
}

#define link_file(self, file)	set_link((self)->links, KVM_DEV_VFIO_GROUP_ADD, file)
#define unlink_file(self, file)	set_link((self)->links, KVM_DEV_VFIO_GROUP_DEL, file)

static void close_vm(int *vm, int *links)
{
	close(*links);
	close(*vm);
	*vm = -1;
	*links = -1;
}

FIXTURE_SETUP(kvm)
{
	struct kvm_create_device links = { .type = KVM_DEV_TYPE_VFIO };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		SKIP_TEST("this machine has no KVM");
	self->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ASSERT_LE(0, self->vm);
	close(kvm);
	ASSERT_OK(call(self->vm, KVM_CREATE_DEVICE, &links, "KVM_CREATE_DEVICE(VFIO)"));
	self->links = links.fd;
	self->fd = open_iommufd(_metadata);
	find_edu(_metadata, &self->edu, 0);
	ASSERT_EQ(0, edu_open(&self->edu));
}

FIXTURE_TEARDOWN(kvm)
{
	edu_close(&self->edu);
	close(self->fd);
	close_vm(&self->vm, &self->links);
}

TEST_F(kvm, device_is_linked_bound_and_does_dma)
{
	ASSERT_OK(link_file(self, self->edu.fd));
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	expect_dma_by_new_ioas(_metadata, &self->edu, self->fd);
	EXPECT_OK(unlink_file(self, self->edu.fd));
}

TEST_F(kvm, device_can_be_linked_once_it_is_bound)
{
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	EXPECT_OK(link_file(self, self->edu.fd));
	EXPECT_OK(unlink_file(self, self->edu.fd));
}

TEST_F(kvm, each_file_is_linked_once)
{
	EXPECT_ERRNO(ENOENT, unlink_file(self, self->edu.fd));
	ASSERT_OK(link_file(self, self->edu.fd));
	EXPECT_ERRNO(EEXIST, link_file(self, self->edu.fd));
	ASSERT_OK(unlink_file(self, self->edu.fd));
	EXPECT_ERRNO(ENOENT, unlink_file(self, self->edu.fd));
	EXPECT_OK(link_file(self, self->edu.fd));
}

TEST_F(kvm, what_is_no_device_is_not_linked)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	EXPECT_ERRNO(EBADF, link_file(self, -1));
	EXPECT_ERRNO(EINVAL, link_file(self, null));
	EXPECT_ERRNO(EINVAL, link_file(self, self->fd));
	close(null);
}

/* It has the group's link. */
TEST_F(kvm, device_of_a_group_is_not_linked)
{
	struct edu by_group = self->edu;
	int group, container;

	ASSERT_EQ(0, edu_open_by_group(&by_group, &group, &container));
	EXPECT_ERRNO(EINVAL, link_file(self, by_group.fd));
	EXPECT_OK(link_file(self, group));
	EXPECT_OK(unlink_file(self, group));
	edu_close(&by_group);
	close(group);
	close(container);
}

/* The file that KVM has is the device's user until it lets go of it. */
TEST_F(kvm, linked_device_is_kept)
{
	struct edu again = self->edu;

	ASSERT_OK(link_file(self, self->edu.fd));
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	edu_close(&self->edu);
	ASSERT_EQ(0, edu_open(&again));
	EXPECT_ERRNO(EINVAL, edu_bind(&again, self->fd));
	close_vm(&self->vm, &self->links);
	EXPECT_OK(edu_bind(&again, self->fd));
	edu_close(&again);
}

TEST_F(kvm, that_ended_leaves_the_device_usable)
{
	ASSERT_OK(link_file(self, self->edu.fd));
	close_vm(&self->vm, &self->links);
	EXPECT_OK(edu_bind(&self->edu, self->fd));
}

struct linker {
	int links;
	int file;
	bool stop;
	int err;
	unsigned long count;
};

static void *link_on_and_off(void *arg)
{
	struct linker *linker = arg;

	while (!__atomic_load_n(&linker->stop, __ATOMIC_RELAXED) && !linker->err) {
		linker->err = set_link(linker->links, KVM_DEV_VFIO_GROUP_ADD, linker->file) ?:
			      set_link(linker->links, KVM_DEV_VFIO_GROUP_DEL, linker->file);
		linker->count++;
	}
	return NULL;
}

#define NR_BINDS 100

TEST_F(kvm, links_come_and_go_while_the_device_is_bound)
{
	struct linker linker = { .links = self->links };
	pthread_t thread;

	for (unsigned int i = 0; i < NR_BINDS; i++) {
		linker.file = self->edu.fd;
		linker.stop = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, link_on_and_off, &linker));
		EXPECT_OK(edu_bind(&self->edu, self->fd));
		__atomic_store_n(&linker.stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, linker.err);
		edu_close(&self->edu);
		ASSERT_EQ(0, edu_open(&self->edu));
	}
	EXPECT_LT(0, linker.count);
}

TEST_HARNESS_MAIN
