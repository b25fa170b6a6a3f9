// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <string.h>

#include "dirty.h"
#include "iommufd.h"
#include "mock.h"

int hwpt_alloc_flags(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 type,
		     const void *data, __u32 len, __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev,
		.pt_id = pt,
		.data_type = type,
		.data_len = len,
		.data_uptr = (uintptr_t)data,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, pt %u, flags %#x, type %#x)", dev, pt, flags,
		       type);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

int set_tracking(int fd, __u32 hwpt, bool on)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = hwpt,
	};

	return call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd,
		    "IOMMU_HWPT_SET_DIRTY_TRACKING(hwpt %u, %s)", hwpt, on ? "on" : "off");
}

int get_dirty(int fd, __u32 hwpt, __u32 flags, __u64 iova, __u64 length,
	      __u64 page_size, void *bitmap)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.flags = flags,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
	};

	return call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd,
		    "IOMMU_HWPT_GET_DIRTY_BITMAP(hwpt %u, flags %#x, iova %#llx, length %#llx, page_size %#llx, data %p)",
		    hwpt, flags, iova, length, page_size, bitmap);
}

int mock_write(int fd, __u32 hwpt, __u64 iova, __u64 length, __u64 page_size,
	       const void *bitmap, __u64 *hits)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DIRTY,
		.id = hwpt,
		.dirty.iova = iova,
		.dirty.length = length,
		.dirty.page_size = page_size,
		.dirty.uptr = (uintptr_t)bitmap,
	};
	int err = call(fd, IOMMU_TEST_CMD, &cmd,
		       "DIRTY(hwpt %u, iova %#llx, length %#llx, page_size %#llx, data %p)",
		       hwpt, iova, length, page_size, bitmap);

	if (hits)
		*hits = cmd.dirty.out_nr_dirty;
	return err;
}

int mock_write_at(int fd, __u32 hwpt, __u64 iova, __u64 page_size)
{
	const __u64 one = 1;

	return mock_write(fd, hwpt, iova, page_size, page_size, &one, NULL);
}

size_t count_bits(const void *bitmap, size_t bytes)
{
	const __u8 *byte = bitmap;
	size_t count = 0;

	while (bytes--)
		count += __builtin_popcount(*byte++);
	return count;
}
