// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>

#include "iommufd.h"
#include "mock.h"
#include "veventq.h"

int veventq_alloc_type(int fd, __u32 viommu, __u32 type, __u32 depth, __u32 *veventq,
		       int *file)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = type,
		.veventq_depth = depth,
	};
	int err = call(fd, IOMMU_VEVENTQ_ALLOC, &cmd,
		       "IOMMU_VEVENTQ_ALLOC(viommu %u, type %#x, depth %u)", viommu, type, depth);

	*veventq = cmd.out_veventq_id;
	*file = err ? -1 : (int)cmd.out_veventq_fd;
	if (!err && fcntl(*file, F_SETFL, O_NONBLOCK))
		err = -errno;
	return err;
}

int veventq_alloc(int fd, __u32 viommu, __u32 depth, __u32 *veventq, int *file)
{
	return veventq_alloc_type(fd, viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, depth, veventq,
				  file);
}

int mock_trigger_vevent(int fd, __u32 dev)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_TRIGGER_VEVENT,
		.trigger_vevent.dev_id = dev,
	};

	return call(fd, IOMMU_TEST_CMD, &cmd, "TRIGGER_VEVENT(dev %u)", dev);
}
