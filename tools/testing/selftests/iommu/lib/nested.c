// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <unistd.h>

#include "nested.h"

#define test_call(fd, cmd, ...) call(fd, IOMMU_TEST_CMD, cmd, __VA_ARGS__)

int parent_alloc(int fd, __u32 dev, __u32 ioas, __u32 *hwpt)
{
	return hwpt_alloc_flags(fd, dev, ioas, PARENT, IOMMU_HWPT_DATA_NONE, NULL, 0, hwpt);
}

int nested_alloc_data(int fd, __u32 dev, __u32 pt, const void *data, __u32 len, __u32 *hwpt)
{
	return hwpt_alloc_flags(fd, dev, pt, 0, IOMMU_HWPT_DATA_SELFTEST, data, len, hwpt);
}

int nested_alloc(int fd, __u32 dev, __u32 pt, __u32 iotlb, __u32 *hwpt)
{
	struct iommu_hwpt_selftest data = { .iotlb = iotlb };

	return nested_alloc_data(fd, dev, pt, &data, sizeof(data), hwpt);
}

int mock_check_iotlb(int fd, __u32 hwpt, __u32 index, __u32 iotlb)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MD_CHECK_IOTLB,
		.id = hwpt,
		.check_iotlb.id = index,
		.check_iotlb.iotlb = iotlb,
	};

	return test_call(fd, &cmd, "MD_CHECK_IOTLB(hwpt %u, entry %u, %#x)", hwpt, index,
			 iotlb);
}

int mock_check_iotlbs(int fd, __u32 hwpt, __u32 iotlb)
{
	int err = 0;

	for (__u32 i = 0; !err && i < MOCK_NESTED_DOMAIN_IOTLB_NUM; i++)
		err = mock_check_iotlb(fd, hwpt, i, iotlb);
	return err;
}

int hwpt_invalidate(int fd, __u32 id, __u32 type, const void *entries, __u32 entry_len,
		    __u32 *num)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entries,
		.data_type = type,
		.entry_len = entry_len,
		.entry_num = *num,
	};
	int err = call(fd, IOMMU_HWPT_INVALIDATE, &cmd,
		       "IOMMU_HWPT_INVALIDATE(id %u, type %#x, %u of %u bytes at %p)", id,
		       type, *num, entry_len, entries);

	*num = cmd.entry_num;
	return err;
}

int invalidate_iotlb(int fd, __u32 hwpt, __u32 flags, __u32 index)
{
	struct iommu_hwpt_invalidate_selftest entry = { flags, index };
	__u32 num = 1;

	return hwpt_invalidate(fd, hwpt, HWPT_INV, &entry, sizeof(entry), &num);
}

int invalidate_cache(int fd, __u32 viommu, __u32 virt_id, __u32 flags, __u32 index)
{
	struct iommu_viommu_invalidate_selftest entry = { flags, virt_id, index };
	__u32 num = 1;

	return hwpt_invalidate(fd, viommu, VIOMMU_INV, &entry, sizeof(entry), &num);
}

int viommu_alloc_data(int fd, __u32 dev, __u32 parent, __u32 type, void *data, __u32 len,
		      __u32 *viommu)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = type,
		.dev_id = dev,
		.hwpt_id = parent,
		.data_len = len,
		.data_uptr = (uintptr_t)data,
	};
	int err = call(fd, IOMMU_VIOMMU_ALLOC, &cmd,
		       "IOMMU_VIOMMU_ALLOC(dev %u, parent %u, type %#x, %u bytes at %p)", dev,
		       parent, type, len, data);

	*viommu = cmd.out_viommu_id;
	return err;
}

int viommu_alloc(int fd, __u32 dev, __u32 parent, __u32 *viommu)
{
	return viommu_alloc_data(fd, dev, parent, IOMMU_VIOMMU_TYPE_SELFTEST, NULL, 0, viommu);
}

int mock_viommu_check_map(int fd, __u32 viommu, __u64 iova, const void *va)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_VIOMMU_CHECK_MAP,
		.id = viommu,
		.check_map.iova = iova,
		.check_map.length = getpagesize(),
		.check_map.uptr = (uintptr_t)va,
	};

	return test_call(fd, &cmd, "VIOMMU_CHECK_MAP(viommu %u, iova %#llx, va %p)", viommu,
			 iova, va);
}

int vdevice_alloc(int fd, __u32 viommu, __u32 dev, __u64 virt_id, __u32 *vdevice)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.dev_id = dev,
		.virt_id = virt_id,
	};
	int err = call(fd, IOMMU_VDEVICE_ALLOC, &cmd,
		       "IOMMU_VDEVICE_ALLOC(viommu %u, dev %u, virt_id %#llx)", viommu, dev,
		       virt_id);

	*vdevice = cmd.out_vdevice_id;
	return err;
}

int mock_check_cache(int fd, __u32 dev, __u32 index, __u32 cache)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DEV_CHECK_CACHE,
		.id = dev,
		.check_dev_cache.id = index,
		.check_dev_cache.cache = cache,
	};

	return test_call(fd, &cmd, "DEV_CHECK_CACHE(dev %u, cache %u, %#x)", dev, index,
			 cache);
}

int mock_check_caches(int fd, __u32 dev, __u32 cache)
{
	int err = 0;

	for (__u32 i = 0; !err && i < MOCK_DEV_CACHE_NUM; i++)
		err = mock_check_cache(fd, dev, i, cache);
	return err;
}

int hw_queue_alloc_type(int fd, __u32 viommu, __u32 type, __u32 index, __u64 iova,
			__u64 length, __u32 *queue)
{
	struct iommu_hw_queue_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = type,
		.index = index,
		.nesting_parent_iova = iova,
		.length = length,
	};
	int err = call(fd, IOMMU_HW_QUEUE_ALLOC, &cmd,
		       "IOMMU_HW_QUEUE_ALLOC(viommu %u, type %#x, index %u, iova %#llx, length %#llx)",
		       viommu, type, index, iova, length);

	*queue = cmd.out_hw_queue_id;
	return err;
}

int hw_queue_alloc(int fd, __u32 viommu, __u32 index, __u64 iova, __u64 length,
		   __u32 *queue)
{
	return hw_queue_alloc_type(fd, viommu, IOMMU_HW_QUEUE_TYPE_SELFTEST, index, iova,
				   length, queue);
}
