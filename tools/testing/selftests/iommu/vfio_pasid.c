// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach, replace and detach by PASID as users do it, through VFIO. The device is a
 * mock one, for none that QEMU emulates has PASIDs.
 */
#include <linux/vfio.h>

#include "lib/dirty.h"
#include "lib/iopf.h"
#include "lib/mock_vfio.h"
#include "lib/nested.h"
#include "lib/pasid.h"
#include "lib/testing.h"

#define ADDR 0x40000000ULL
#define LAST_PASID ((1U << MOCK_PASID_WIDTH) - 1)
#define FAILS_TWICE IOMMU_TEST_PASID_RESERVED

/* A device, and HWPTs for such that have PASIDs; and one, @plain, that is not. */
FIXTURE(vfio_pasid)
{
	int fd;
	__u32 ioas, own, one, other, plain;
	struct mock_vfio mock;
	bool has_mock;
};

#define attach(pasid, pt) mock_vfio_attach_pasid(&self->mock, pasid, pt)
#define detach(pasid) mock_vfio_detach_pasid(&self->mock, pasid)
/* What the hardware has; 0 for nothing */
#define check(pasid, hwpt) pasid_check(self->fd, self->mock.id, pasid, hwpt)
#define alloc(pt, flags, hwpt) \
	hwpt_alloc_flags(self->fd, self->mock.id, pt, flags, 0, NULL, 0, hwpt)

FIXTURE_SETUP(vfio_pasid)
{
	int err;

	self->fd = open_iommufd(_metadata);
	err = mock_vfio_create(&self->mock, MOCK_FLAGS_DEVICE_PASID);
	if (err == -ENODEV)
		SKIP_TEST("this kernel has no mock devices of VFIO: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(err);
	self->has_mock = true;
	ASSERT_OK(mock_vfio_open(&self->mock));
	ASSERT_OK(mock_vfio_bind(&self->mock, self->fd));
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_PASID, &self->own));
	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_PASID, &self->one));
	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_PASID, &self->other));
	ASSERT_OK(alloc(self->ioas, 0, &self->plain));
}

/* However a test leaves it, nothing is left when the files are closed. */
FIXTURE_TEARDOWN(vfio_pasid)
{
	mock_vfio_close(&self->mock);
	close(self->fd);
	if (self->has_mock)
		EXPECT_OK(mock_vfio_remove(&self->mock));
	EXPECT_EQ(0, mock_count());
}

TEST_F(vfio_pasid, each_has_an_hwpt_of_its_own)
{
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(LAST_PASID, self->other));
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(check(1, self->one));
	EXPECT_OK(check(2, 0));
	EXPECT_OK(check(LAST_PASID, self->other));
	/* The test sees the difference. */
	EXPECT_ERRNO(EINVAL, check(1, self->other));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->one));
}

TEST_F(vfio_pasid, the_device_itself_need_not_be_attached)
{
	ASSERT_OK(attach(1, self->one));
	EXPECT_OK(check(0, 0));
	EXPECT_OK(check(1, self->one));
	/* Nor stay so. */
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(mock_vfio_detach(&self->mock));
	EXPECT_OK(check(0, 0));
	EXPECT_OK(check(1, self->one));
}

TEST_F(vfio_pasid, what_is_attached_is_replaced)
{
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->one));
	ASSERT_OK(attach(1, self->other));
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(check(1, self->other));
	EXPECT_OK(check(2, self->one));
	ASSERT_OK(attach(2, self->other));
	EXPECT_OK(destroy(self->fd, self->one));
}

TEST_F(vfio_pasid, detach_blocks_one_and_keeps_the_others)
{
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->other));
	ASSERT_OK(detach(1));
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(check(1, 0));
	EXPECT_OK(check(2, self->other));
	EXPECT_OK(destroy(self->fd, self->one));
	/* Where there is nothing, nothing happens. */
	EXPECT_OK(detach(1));
	EXPECT_OK(detach(LAST_PASID));
	EXPECT_OK(check(2, self->other));
	EXPECT_ERRNO(EINVAL, detach(0));
}

TEST_F(vfio_pasid, paging_and_nested_are_side_by_side)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	__u32 parent, nested;

	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &parent));
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.id, parent, IOMMU_HWPT_ALLOC_PASID,
				   IOMMU_HWPT_DATA_SELFTEST, &data, sizeof(data), &nested));
	ASSERT_OK(mock_vfio_attach(&self->mock, nested));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, nested));
	EXPECT_OK(check(0, nested));
	EXPECT_OK(check(1, self->one));
	EXPECT_OK(check(2, nested));
	/* Each becomes the other. */
	ASSERT_OK(attach(1, nested));
	ASSERT_OK(attach(2, self->one));
	EXPECT_OK(check(1, nested));
	EXPECT_OK(check(2, self->one));
}

TEST_F(vfio_pasid, there_are_no_more_of_them)
{
	for (__u64 pasid = LAST_PASID + 1ULL; pasid <= 0xffffffff; pasid = 2 * pasid + 1)
		EXPECT_ERRNO(EINVAL, attach(pasid, self->one));
	EXPECT_ERRNO(EINVAL, attach(0, self->one));
	EXPECT_OK(destroy(self->fd, self->one));
}

TEST_F(vfio_pasid, wants_an_hwpt_made_for_it)
{
	EXPECT_ERRNO(EINVAL, attach(1, self->plain));
	EXPECT_ERRNO(EINVAL, attach(1, self->ioas));
	EXPECT_ERRNO(EINVAL, attach(1, self->mock.id));
	EXPECT_ERRNO(ENOENT, attach(1, NO_ID));
	EXPECT_OK(check(1, 0));
	/* And the device on such a one, as long as there are any. */
	ASSERT_OK(mock_vfio_attach(&self->mock, self->plain));
	EXPECT_ERRNO(EINVAL, attach(1, self->one));
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EINVAL, mock_vfio_attach(&self->mock, self->plain));
	EXPECT_OK(check(0, self->own));
}

TEST_F(vfio_pasid, a_replace_that_fails_leaves_the_old_one)
{
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EINVAL, attach(1, self->plain));
	EXPECT_OK(check(1, self->one));
	ASSERT_OK(attach(FAILS_TWICE, self->one));
	EXPECT_ERRNO(ENOMEM, attach(FAILS_TWICE, self->other));
	EXPECT_OK(check(FAILS_TWICE, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
	ASSERT_OK(detach(FAILS_TWICE));
	EXPECT_OK(check(FAILS_TWICE, 0));
}

/* What cannot be told is not done. */
TEST_F(vfio_pasid, an_answer_that_cannot_be_written_changes_nothing)
{
	struct vfio_device_attach_iommufd_pt *cmd;

	cmd = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, cmd);
	cmd->argsz = sizeof(*cmd);
	cmd->flags = VFIO_DEVICE_ATTACH_PASID;
	cmd->pt_id = self->one;
	cmd->pasid = 1;
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->mock.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, cmd,
				  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(read-only)"));
	EXPECT_OK(check(1, 0));
	ASSERT_OK(attach(1, self->other));
	EXPECT_ERRNO(EFAULT, call(self->mock.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, cmd,
				  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(read-only)"));
	EXPECT_OK(check(1, self->other));
	munmap(cmd, PAGE);
}

TEST_F(vfio_pasid, go_with_the_file_of_the_device)
{
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(LAST_PASID, self->other));
	mock_vfio_close(&self->mock);
	EXPECT_OK(destroy(self->fd, self->own));
	EXPECT_OK(destroy(self->fd, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
	/* Whoever has it next finds nothing. */
	ASSERT_OK(mock_vfio_open(&self->mock));
	ASSERT_OK(mock_vfio_bind(&self->mock, self->fd));
	for (__u32 pasid = 0; pasid < 3; pasid++)
		EXPECT_OK(check(pasid, 0));
	EXPECT_OK(check(LAST_PASID, 0));
}

TEST_F(vfio_pasid, faults_come_to_who_has_the_pasid)
{
	struct iommu_hwpt_pgfault pgfault;
	__u32 fault, hwpt, grpid, code;
	int file;

	ASSERT_OK(iopf_alloc(self->fd, &fault, &file));
	ASSERT_OK(iopf_hwpt_alloc(self->fd, self->mock.id, self->ioas,
				  IOMMU_HWPT_ALLOC_PASID, fault, &hwpt));
	ASSERT_OK(mock_vfio_attach(&self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, hwpt));
	ASSERT_OK(mock_request_pasid(self->fd, self->mock.id, LAST, 2, 7, ADDR));
	ASSERT_EQ((int)PGFAULT, iopf_read(file, &pgfault, sizeof(pgfault)));
	EXPECT_EQ(self->mock.id, pgfault.dev_id);
	EXPECT_EQ(2, pgfault.pasid);
	EXPECT_EQ(7, pgfault.grpid);
	ASSERT_OK(iopf_answer(file, pgfault.cookie, SUCCESS));
	ASSERT_OK(mock_answer(self->fd, self->mock.id, &grpid, &code));
	EXPECT_EQ(7, grpid);
	EXPECT_EQ(SUCCESS, code);

	/* A detach answers what its user has not. */
	ASSERT_OK(mock_request_pasid(self->fd, self->mock.id, LAST, 2, 8, ADDR));
	ASSERT_OK(detach(2));
	ASSERT_OK(mock_answer(self->fd, self->mock.id, &grpid, &code));
	EXPECT_EQ(8, grpid);
	EXPECT_EQ(INVALID, code);
	EXPECT_ERRNO(EAGAIN, iopf_read(file, &pgfault, sizeof(pgfault)));
	close(file);
}

TEST_F(vfio_pasid, a_device_without_them_has_none)
{
	mock_vfio_close(&self->mock);
	ASSERT_OK(mock_vfio_remove(&self->mock));
	ASSERT_OK(mock_vfio_create(&self->mock, 0));
	ASSERT_OK(mock_vfio_open(&self->mock));
	ASSERT_OK(mock_vfio_bind(&self->mock, self->fd));
	EXPECT_ERRNO(EINVAL, attach(1, self->one));
	EXPECT_OK(mock_vfio_attach(&self->mock, self->one));
	EXPECT_ERRNO(EINVAL, attach(1, self->one));
	EXPECT_OK(check(1, 0));
}

TEST_HARNESS_MAIN
