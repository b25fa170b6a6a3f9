// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine whose IOMMU does not remap interrupts: a device could ring any interrupt of
 * the host by DMA, so nobody gets one, unless the administrator says otherwise.
 */
#include "lib/container.h"
#include "lib/testing.h"

#define ALLOW	"/sys/module/iommufd/parameters/allow_unsafe_interrupts"

FIXTURE(unsafe)
{
	int fd;
	struct edu edu;
};

/* Also on a machine that does remap, if nobody had the kernel not to. */
static bool interrupts_are_remapped(void)
{
	char line[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, line, sizeof(line) - 1);

	close(fd);
	return length <= 0 || !strstr(line, "intremap=off");
}

FIXTURE_SETUP(unsafe)
{
	if (interrupts_are_remapped())
		SKIP_TEST("the kernel was not booted with intremap=off");
	self->fd = open_iommufd(_metadata);
	find_edu(_metadata, &self->edu, 0);
}

FIXTURE_TEARDOWN(unsafe)
{
	EXPECT_OK(write_text(ALLOW, "N"));
	edu_close(&self->edu);
	close(self->fd);
}

TEST_F(unsafe, device_is_not_bound)
{
	ASSERT_EQ(0, edu_open(&self->edu));
	EXPECT_ERRNO(EPERM, edu_bind(&self->edu, self->fd));
}

TEST_F(unsafe, group_does_not_join_a_container)
{
	int container = container_open("/dev/iommu");
	int group = group_open(&self->edu);

	ASSERT_LE(0, container);
	ASSERT_LE(0, group);
	EXPECT_ERRNO(EPERM, group_set_container(group, container));
	ASSERT_OK(write_text(ALLOW, "Y"));
	ASSERT_OK(group_set_container(group, container));
	ASSERT_OK(container_set_iommu(container, VFIO_TYPE1v2_IOMMU));
	EXPECT_OK(group_get_device(group, &self->edu));
	edu_close(&self->edu);
	close(group);
	close(container);
}

TEST_F(unsafe, device_is_bound_where_that_is_allowed)
{
	ASSERT_OK(write_text(ALLOW, "Y"));
	ASSERT_EQ(0, edu_open(&self->edu));
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	/* It is a translated device like any other. */
	expect_dma_by_new_ioas(_metadata, &self->edu, self->fd);
}

TEST_HARNESS_MAIN
