/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nested translation: the ioctls of /dev/iommu for a VM with an IOMMU, and what the
 * mock has for it. Each returns 0 or -errno, and leaves a description of the call in
 * last_call.
 */
#ifndef SELFTESTS_IOMMU_NESTED_H
#define SELFTESTS_IOMMU_NESTED_H

#include <stddef.h>
#include <linux/types.h>

#include "dirty.h"
#include "iommufd.h"
#include "mock.h"

#define PARENT		IOMMU_HWPT_ALLOC_NEST_PARENT
#define HWPT_INV	IOMMU_HWPT_INVALIDATE_DATA_SELFTEST
#define VIOMMU_INV	IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST
#define INV_ALL		IOMMU_TEST_INVALIDATE_FLAG_ALL
#define INV_BROKEN	IOMMU_TEST_INVALIDATE_FLAG_BROKEN
#define IOTLB		IOMMU_TEST_IOTLB_DEFAULT
#define CACHE		IOMMU_TEST_DEV_CACHE_DEFAULT

/* A nesting parent. */
int parent_alloc(int fd, __u32 dev, __u32 ioas, __u32 *hwpt);
/* Data of the mock's kind; @pt is a nesting parent or a VIOMMU. */
int nested_alloc_data(int fd, __u32 dev, __u32 pt, const void *data, __u32 len, __u32 *hwpt);
/* Each entry of its IOTLB is @iotlb. */
int nested_alloc(int fd, __u32 dev, __u32 pt, __u32 iotlb, __u32 *hwpt);
int mock_check_iotlb(int fd, __u32 hwpt, __u32 index, __u32 iotlb);
/* All of them. */
int mock_check_iotlbs(int fd, __u32 hwpt, __u32 iotlb);

/* @num: how many entries, then how many were done. */
int hwpt_invalidate(int fd, __u32 id, __u32 type, const void *entries, __u32 entry_len,
		    __u32 *num);
/* One entry of each kind. */
int invalidate_iotlb(int fd, __u32 hwpt, __u32 flags, __u32 index);
int invalidate_cache(int fd, __u32 viommu, __u32 virt_id, __u32 flags, __u32 index);

int viommu_alloc_data(int fd, __u32 dev, __u32 parent, __u32 type, void *data, __u32 len,
		      __u32 *viommu);
/* Of the mock's kind, without data. */
int viommu_alloc(int fd, __u32 dev, __u32 parent, __u32 *viommu);
/* Is the page that a device of the VM finds at @iova the one at @va? */
int mock_viommu_check_map(int fd, __u32 viommu, __u64 iova, const void *va);

int vdevice_alloc(int fd, __u32 viommu, __u32 dev, __u64 virt_id, __u32 *vdevice);
int mock_check_cache(int fd, __u32 dev, __u32 index, __u32 cache);
int mock_check_caches(int fd, __u32 dev, __u32 cache);

int hw_queue_alloc_type(int fd, __u32 viommu, __u32 type, __u32 index, __u64 iova,
			__u64 length, __u32 *queue);
int hw_queue_alloc(int fd, __u32 viommu, __u32 index, __u64 iova, __u64 length,
		   __u32 *queue);

#endif
