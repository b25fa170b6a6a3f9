// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions of a physical function that user space drives too: who opens one
 * shows by a token that the other agrees. By cdev, and by group for comparison.
 */
#include <sys/ioctl.h>

#include "lib/container.h"
#include "lib/testing.h"

/* QEMU's igb, and its virtual functions */
#define PHYSICAL	"pci:v00008086d000010C9"
#define VIRTUAL		"pci:v00008086d000010CA"
#define ENABLE_SRIOV	"/sys/module/vfio_pci/parameters/enable_sriov"

static const __u8 right[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const __u8 wrong[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17 };
#define RIGHT_TEXT	"01020304-0506-0708-090a-0b0c0d0e0f10"
#define WRONG_TEXT	"01020304-0506-0708-090a-0b0c0d0e0f11"

static int bind_by(struct edu *dev, int iommufd, const __u8 *token)
{
	struct vfio_device_bind_iommufd cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = iommufd,
		.token_uuid_ptr = (uintptr_t)token,
	};
	int err = call(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &cmd,
		       "VFIO_DEVICE_BIND_IOMMUFD(%s, token %p)", dev->bdf, token);

	if (!err)
		dev->id = cmd.out_devid;
	return err;
}

/* By the device's file rather than as it is opened. */
static int set_token(struct edu *dev, const __u8 *token)
{
	struct {
		struct vfio_device_feature feature;
		__u8 token[16];
	} cmd = {
		.feature.argsz = sizeof(cmd),
		.feature.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN,
	};

	memcpy(cmd.token, token, sizeof(cmd.token));
	return call(dev->fd, VFIO_DEVICE_FEATURE, &cmd, "VFIO_DEVICE_FEATURE(%s, VF token)",
		    dev->bdf);
}

static int set_number_of_vfs(struct edu *pf, const char *number)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", pf->bdf);
	return write_text(path, number);
}

/* A physical function that was opened with the token, and its virtual function. */
FIXTURE(token)
{
	int fd;
	struct edu pf, vf;
};

FIXTURE_SETUP(token)
{
	if (edu_find_other(&self->pf, PHYSICAL))
		SKIP_TEST("this machine has no igb");
	ASSERT_OK(write_text(ENABLE_SRIOV, "Y"));
	self->fd = open_iommufd(_metadata);
	ASSERT_EQ(0, edu_open(&self->pf));
	ASSERT_OK(bind_by(&self->pf, self->fd, right));
	ASSERT_OK(set_number_of_vfs(&self->pf, "1"));
	ASSERT_EQ(0, edu_find_other(&self->vf, VIRTUAL));
	ASSERT_EQ(0, edu_open(&self->vf));
}

FIXTURE_TEARDOWN(token)
{
	edu_close(&self->vf);
	edu_close(&self->pf);
	EXPECT_OK(set_number_of_vfs(&self->pf, "0"));
	EXPECT_OK(write_text(ENABLE_SRIOV, "N"));
	close(self->fd);
}

TEST_F(token, opens_the_virtual_function)
{
	__u32 ioas;

	ASSERT_OK(bind_by(&self->vf, self->fd, right));
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	EXPECT_OK(edu_attach(&self->vf, ioas));
}

TEST_F(token, is_needed)
{
	EXPECT_ERRNO(EACCES, edu_bind(&self->vf, self->fd));
	EXPECT_ERRNO(EACCES, bind_by(&self->vf, self->fd, wrong));
	/* Nothing of that is left. */
	EXPECT_OK(bind_by(&self->vf, self->fd, right));
}

TEST_F(token, of_the_physical_function_can_be_changed)
{
	ASSERT_OK(set_token(&self->pf, wrong));
	EXPECT_ERRNO(EACCES, bind_by(&self->vf, self->fd, right));
	EXPECT_OK(bind_by(&self->vf, self->fd, wrong));
}

TEST_F(token, opens_the_physical_function_while_the_virtual_is_open)
{
	ASSERT_OK(bind_by(&self->vf, self->fd, right));
	edu_close(&self->pf);
	ASSERT_EQ(0, edu_open(&self->pf));
	EXPECT_ERRNO(EACCES, edu_bind(&self->pf, self->fd));
	EXPECT_ERRNO(EACCES, bind_by(&self->pf, self->fd, wrong));
	EXPECT_OK(bind_by(&self->pf, self->fd, right));
}

TEST_F(token, is_set_as_the_physical_function_is_opened_alone)
{
	edu_close(&self->pf);
	ASSERT_EQ(0, edu_open(&self->pf));
	ASSERT_OK(bind_by(&self->pf, self->fd, wrong));
	EXPECT_ERRNO(EACCES, bind_by(&self->vf, self->fd, right));
	EXPECT_OK(bind_by(&self->vf, self->fd, wrong));
}

TEST_F(token, is_for_no_other_device)
{
	struct edu edu;

	find_edu(_metadata, &edu, 0);
	ASSERT_EQ(0, edu_open(&edu));
	EXPECT_ERRNO(EINVAL, bind_by(&edu, self->fd, right));
	EXPECT_OK(edu_bind(&edu, self->fd));
	edu_close(&edu);
}

TEST_F(token, is_read_from_the_caller)
{
	struct vfio_device_bind_iommufd cmd = {
		.argsz = offsetof(struct vfio_device_bind_iommufd, token_uuid_ptr) + 7,
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = self->fd,
		.token_uuid_ptr = (uintptr_t)right,
	};

	EXPECT_ERRNO(EINVAL, call(self->vf.fd, VFIO_DEVICE_BIND_IOMMUFD, &cmd,
				  "VFIO_DEVICE_BIND_IOMMUFD(argsz %u)", cmd.argsz));
	EXPECT_ERRNO(EFAULT, bind_by(&self->vf, self->fd, NULL));
	EXPECT_ERRNO(EFAULT, bind_by(&self->vf, self->fd, (__u8 *)-4096));
}

TEST_F(token, is_a_part_of_the_name_to_a_group)
{
	char name[96];
	int group, container, fd;

	/* They may be of one group, which is not opened while a cdev of it is bound. */
	edu_close(&self->pf);
	container = container_open("/dev/iommu");
	ASSERT_LE(0, container);
	group = group_open(&self->vf);
	ASSERT_LE(0, group);
	ASSERT_OK(group_set_container(group, container));
	ASSERT_OK(container_set_iommu(container, VFIO_TYPE1v2_IOMMU));

	EXPECT_EQ(-1, ioctl(group, VFIO_GROUP_GET_DEVICE_FD, self->vf.bdf));
	EXPECT_EQ(EACCES, errno);
	snprintf(name, sizeof(name), "%s vf_token=" WRONG_TEXT, self->vf.bdf);
	EXPECT_EQ(-1, ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name));
	EXPECT_EQ(EACCES, errno);
	snprintf(name, sizeof(name), "%s vf_token=" RIGHT_TEXT, self->vf.bdf);
	fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	EXPECT_LE(0, fd);

	close(fd);
	close(group);
	close(container);
}

TEST_HARNESS_MAIN
