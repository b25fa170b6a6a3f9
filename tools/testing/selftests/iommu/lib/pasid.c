// SPDX-License-Identifier: GPL-2.0-only
#include "iommufd.h"
#include "pasid.h"

#define test_call(fd, cmd, ...) call(fd, IOMMU_TEST_CMD, cmd, __VA_ARGS__)

int pasid_attach_pt(int fd, __u32 stdev, __u32 pasid, __u32 *pt)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PASID_ATTACH,
		.id = stdev,
		.pasid_attach.pasid = pasid,
		.pasid_attach.pt_id = *pt,
	};
	int err = test_call(fd, &cmd, "PASID_ATTACH(stdev %u, pasid %u, pt %u)",
			    stdev, pasid, *pt);

	*pt = cmd.pasid_attach.pt_id;
	return err;
}

int pasid_attach(int fd, __u32 stdev, __u32 pasid, __u32 pt)
{
	return pasid_attach_pt(fd, stdev, pasid, &pt);
}

int pasid_replace(int fd, __u32 stdev, __u32 pasid, __u32 pt)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PASID_REPLACE,
		.id = stdev,
		.pasid_replace.pasid = pasid,
		.pasid_replace.pt_id = pt,
	};

	return test_call(fd, &cmd, "PASID_REPLACE(stdev %u, pasid %u, pt %u)",
			 stdev, pasid, pt);
}

int pasid_detach(int fd, __u32 stdev, __u32 pasid)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PASID_DETACH,
		.id = stdev,
		.pasid_detach.pasid = pasid,
	};

	return test_call(fd, &cmd, "PASID_DETACH(stdev %u, pasid %u)", stdev, pasid);
}

int pasid_check(int fd, __u32 stdev, __u32 pasid, __u32 hwpt)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PASID_CHECK_HWPT,
		.id = stdev,
		.pasid_check.pasid = pasid,
		.pasid_check.hwpt_id = hwpt,
	};

	return test_call(fd, &cmd, "PASID_CHECK_HWPT(stdev %u, pasid %u, hwpt %u)",
			 stdev, pasid, hwpt);
}
