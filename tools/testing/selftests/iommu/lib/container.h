/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO groups and their container, of /dev/vfio/vfio or an iommufd in its place, as
 * functions. Each returns 0 or -errno, and leaves a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_CONTAINER_H
#define SELFTESTS_IOMMU_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "edu.h"

#define DMA_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* "/dev/vfio/vfio" or "/dev/iommu"; returns the fd or -errno. */
int container_open(const char *node);
/* /dev/vfio/vfio is one too with CONFIG_IOMMUFD_VFIO_CONTAINER. */
bool container_is_iommufd(int fd);
/* What the ioctl returns, or -errno. */
int container_check(int fd, unsigned long extension);
int container_set_iommu(int fd, unsigned long type);
int container_map(int fd, __u32 flags, const void *va, __u64 size, __u64 iova);
/* @unmapped, unless NULL: how many bytes the kernel said, if it succeeds. */
int container_unmap(int fd, __u64 iova, __u64 size, __u64 *unmapped);
int container_unmap_all(int fd, __u64 *unmapped);

/* All that VFIO_IOMMU_GET_INFO tells. */
#define CONTAINER_MAX_RANGES 16
struct container_info {
	__u64 pgsizes;
	__u32 avail;	/* mappings to be had */
	__u32 nr_ranges;
	struct vfio_iova_range ranges[CONTAINER_MAX_RANGES];
};

/* -EBADMSG if what the kernel says makes no sense. */
int container_info(int fd, struct container_info *info);
/* Follow the capabilities of what GET_INFO answered. */
int container_read_caps(const struct vfio_iommu_type1_info *answer,
			struct container_info *info);

/* The group's file; returns the fd or -errno. */
int group_open(const struct edu *edu);
/* Not so if -errno; else of VFIO_GROUP_FLAGS_*. */
int group_flags(int group);
int group_set_container(int group, int container);
int group_unset_container(int group);
/* Open the device. */
int group_get_device(int group, struct edu *edu);

#endif
