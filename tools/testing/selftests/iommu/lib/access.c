// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>

#include "access.h"
#include "iommufd.h"
#include "mock.h"

int access_create(int fd, __u32 ioas, __u32 flags, int *access)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = ioas,
		.create_access.flags = flags,
	};
	int err = call(fd, IOMMU_TEST_CMD, &cmd, "CREATE_ACCESS(ioas %u, flags %#x)", ioas,
		       flags);

	*access = err ? -1 : (int)cmd.create_access.out_access_fd;
	return err;
}

int access_replace(int fd, int access, __u32 ioas)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
		.id = access,
		.access_replace_ioas.ioas_id = ioas,
	};

	return call(fd, IOMMU_TEST_CMD, &cmd, "ACCESS_REPLACE_IOAS(access %d, ioas %u)",
		    access, ioas);
}

int access_pin(int fd, int access, __u32 flags, __u64 iova, __u64 length, const void *va,
	       __u32 *pages)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.id = access,
		.access_pages.flags = flags,
		.access_pages.iova = iova,
		.access_pages.length = length,
		.access_pages.uptr = (uintptr_t)va,
	};
	int err = call(fd, IOMMU_TEST_CMD, &cmd,
		       "ACCESS_PAGES(access %d, flags %#x, iova %#llx, length %#llx, va %p)",
		       access, flags, iova, length, va);

	*pages = cmd.access_pages.out_access_pages_id;
	return err;
}

int access_unpin(int fd, int access, __u32 pages)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
		.id = access,
		.destroy_access_pages.access_pages_id = pages,
	};

	return call(fd, IOMMU_TEST_CMD, &cmd, "DESTROY_ACCESS_PAGES(access %d, pages %u)",
		    access, pages);
}

int access_rw(int fd, int access, __u32 flags, __u64 iova, void *data, __u64 length)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_RW,
		.id = access,
		.access_rw.iova = iova,
		.access_rw.length = length,
		.access_rw.uptr = (uintptr_t)data,
		.access_rw.flags = flags,
	};

	return call(fd, IOMMU_TEST_CMD, &cmd,
		    "ACCESS_RW(access %d, flags %#x, iova %#llx, length %#llx, va %p)", access,
		    flags, iova, length, data);
}
