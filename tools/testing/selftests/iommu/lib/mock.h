/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mock IOMMU and its devices: IOMMU_TEST_CMD as functions. Each returns 0 or
 * -errno, and leaves a description of the call in last_call.
 */
#ifndef SELFTESTS_IOMMU_MOCK_H
#define SELFTESTS_IOMMU_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "../../../../../drivers/iommu/iommufd/iommufd_test.h"

/* A mock device, bound and attached. */
struct mock {
	__u32 id;	/* destroy this, and the device is gone */
	__u32 hwpt;	/* what it is attached to */
	__u32 dev;	/* its DEVICE object */
};

/* Does this kernel have CONFIG_IOMMUFD_TEST? */
bool mock_exists(int fd);
/* How many mock devices there are, whoever made them; -errno. */
int mock_count(void);

/* @pt: an IOAS or HWPT. */
int mock_attach(int fd, __u32 pt, struct mock *mock);
int mock_attach_flags(int fd, __u32 pt, __u32 dev_flags, struct mock *mock);
int mock_replace(int fd, struct mock *mock, __u32 pt);
int mock_reserve(int fd, __u32 ioas, __u64 start, __u64 length);
/* An HWPT of that pagetable_type. */
int mock_hwpt_alloc(int fd, __u32 dev, __u32 ioas, __u32 type, __u32 *hwpt);

/* A dma-buf of that length; its file descriptor. */
int mock_dmabuf_get(int fd, __u32 length, __u32 open_flags);
/* Let there be nothing behind it, or something again. */
int mock_dmabuf_revoke(int fd, int dmabuf, bool revoked);

/* Do the IOVAs translate to the memory? -EINVAL if not. */
int mock_check_map(int fd, __u32 hwpt, __u64 iova, const void *va, __u64 length);
/* Is each page pinned as often? -EIO if not. */
int mock_check_refs(int fd, const void *va, __u64 length, __u32 refs);

/* How many bytes the core may use for an array, in all contexts. */
int mock_memory_limit(int fd, __u32 limit);

#endif
