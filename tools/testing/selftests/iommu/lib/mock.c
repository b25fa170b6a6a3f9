// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "iommufd.h"
#include "mock.h"

#define test_call(fd, cmd, ...) call(fd, IOMMU_TEST_CMD, cmd, __VA_ARGS__)

bool mock_exists(int fd)
{
	struct iommu_test_cmd cmd = { .size = sizeof(cmd) };

	/* There is no operation 0. */
	return test_call(fd, &cmd, "IOMMU_TEST_CMD(0)") == -EOPNOTSUPP;
}

int mock_count(void)
{
	DIR *dir = opendir("/sys/bus/iommufd_mock/devices");
	const struct dirent *entry;
	int count = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

int mock_attach(int fd, __u32 pt, struct mock *mock)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = pt,
	};
	int err = test_call(fd, &cmd, "MOCK_DOMAIN(pt %u)", pt);

	mock->id = cmd.mock_domain.out_stdev_id;
	mock->hwpt = cmd.mock_domain.out_hwpt_id;
	mock->dev = cmd.mock_domain.out_idev_id;
	return err;
}

int mock_attach_flags(int fd, __u32 pt, __u32 dev_flags, struct mock *mock)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
		.id = pt,
		.mock_domain_flags.dev_flags = dev_flags,
	};
	int err = test_call(fd, &cmd, "MOCK_DOMAIN_FLAGS(pt %u, flags %#x)", pt, dev_flags);

	mock->id = cmd.mock_domain_flags.out_stdev_id;
	mock->hwpt = cmd.mock_domain_flags.out_hwpt_id;
	mock->dev = cmd.mock_domain_flags.out_idev_id;
	return err;
}

int mock_replace(int fd, struct mock *mock, __u32 pt)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = mock->id,
		.mock_domain_replace.pt_id = pt,
	};
	int err = test_call(fd, &cmd, "MOCK_DOMAIN_REPLACE(stdev %u, pt %u)", mock->id, pt);

	if (!err)
		mock->hwpt = cmd.mock_domain_replace.pt_id;
	return err;
}

int mock_reserve(int fd, __u32 ioas, __u64 start, __u64 length)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ADD_RESERVED,
		.id = ioas,
		.add_reserved.start = start,
		.add_reserved.length = length,
	};

	return test_call(fd, &cmd, "ADD_RESERVED(ioas %u, start %#llx, length %#llx)",
			 ioas, start, length);
}

int mock_hwpt_alloc(int fd, __u32 dev, __u32 ioas, __u32 type, __u32 *hwpt)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = type };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = dev,
		.pt_id = ioas,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, pt %u, pagetable_type %u)", dev, ioas, type);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

int mock_check_map(int fd, __u32 hwpt, __u64 iova, const void *va, __u64 length)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MD_CHECK_MAP,
		.id = hwpt,
		.check_map.iova = iova,
		.check_map.length = length,
		.check_map.uptr = (uintptr_t)va,
	};

	return test_call(fd, &cmd, "MD_CHECK_MAP(hwpt %u, iova %#llx, length %#llx, va %p)",
			 hwpt, iova, length, va);
}

int mock_check_refs(int fd, const void *va, __u64 length, __u32 refs)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MD_CHECK_REFS,
		.check_refs.length = length,
		.check_refs.uptr = (uintptr_t)va,
		.check_refs.refs = refs,
	};

	return test_call(fd, &cmd, "MD_CHECK_REFS(va %p, length %#llx, refs %u)",
			 va, length, refs);
}

int mock_memory_limit(int fd, __u32 limit)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.memory_limit.limit = limit,
	};

	return test_call(fd, &cmd, "SET_TEMP_MEMORY_LIMIT(%u)", limit);
}

int mock_dmabuf_get(int fd, __u32 length, __u32 open_flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get.length = length,
		.dmabuf_get.open_flags = open_flags,
	};
	int dmabuf;

	snprintf(last_call, sizeof(last_call), "DMABUF_GET(length %#x, open_flags %#x)",
		 length, open_flags);
	dmabuf = ioctl(fd, IOMMU_TEST_CMD, &cmd);
	return dmabuf < 0 ? -errno : dmabuf;
}

int mock_dmabuf_revoke(int fd, int dmabuf, bool revoked)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DMABUF_REVOKE,
		.dmabuf_revoke.dmabuf_fd = dmabuf,
		.dmabuf_revoke.revoked = revoked,
	};

	return test_call(fd, &cmd, "DMABUF_REVOKE(fd %d, revoked %d)", dmabuf, revoked);
}
