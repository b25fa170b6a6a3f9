// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "container.h"
#include "iommufd.h"

int container_open(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	snprintf(last_call, sizeof(last_call), "open(%s)", node);
	return fd < 0 ? -errno : fd;
}

bool container_is_iommufd(int fd)
{
	struct iommu_destroy nothing = { .size = sizeof(nothing), .id = NO_ID };

	return call_ioctl(fd, IOMMU_DESTROY, &nothing) == -ENOENT;
}

/* For an ioctl that takes a number, and may return one. */
static int call_number(int fd, unsigned long request, unsigned long number)
{
	int ret = ioctl(fd, request, number);

	return ret < 0 ? -errno : ret;
}

int container_check(int fd, unsigned long extension)
{
	snprintf(last_call, sizeof(last_call), "VFIO_CHECK_EXTENSION(%lu)", extension);
	return call_number(fd, VFIO_CHECK_EXTENSION, extension);
}

int container_set_iommu(int fd, unsigned long type)
{
	snprintf(last_call, sizeof(last_call), "VFIO_SET_IOMMU(%lu)", type);
	return call_number(fd, VFIO_SET_IOMMU, type);
}

int container_map(int fd, __u32 flags, const void *va, __u64 size, __u64 iova)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = flags,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = size,
	};

	return call(fd, VFIO_IOMMU_MAP_DMA, &cmd,
		    "VFIO_IOMMU_MAP_DMA(flags %#x, va %p, size %#llx, iova %#llx)",
		    flags, va, size, iova);
}

static int unmap(int fd, __u32 flags, __u64 iova, __u64 size, __u64 *unmapped)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	int err = call(fd, VFIO_IOMMU_UNMAP_DMA, &cmd,
		       "VFIO_IOMMU_UNMAP_DMA(flags %#x, iova %#llx, size %#llx)",
		       flags, iova, size);

	if (unmapped && !err)
		*unmapped = cmd.size;
	return err;
}

int container_unmap(int fd, __u64 iova, __u64 size, __u64 *unmapped)
{
	return unmap(fd, 0, iova, size, unmapped);
}

int container_unmap_all(int fd, __u64 *unmapped)
{
	return unmap(fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0, unmapped);
}

static int read_cap(const struct vfio_info_cap_header *cap, size_t room,
		    struct container_info *info)
{
	const struct vfio_iommu_type1_info_cap_iova_range *ranges = (const void *)cap;
	const struct vfio_iommu_type1_info_dma_avail *avail = (const void *)cap;

	switch (cap->id) {
	case VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL:
		if (cap->version != 1 || room < sizeof(*avail))
			return -EBADMSG;
		info->avail = avail->avail;
		return 0;
	case VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE:
		if (cap->version != 1 || room < sizeof(*ranges) ||
		    ranges->nr_iovas > CONTAINER_MAX_RANGES ||
		    room - sizeof(*ranges) < ranges->nr_iovas * sizeof(ranges->iova_ranges[0]))
			return -EBADMSG;
		info->nr_ranges = ranges->nr_iovas;
		memcpy(info->ranges, ranges->iova_ranges,
		       ranges->nr_iovas * sizeof(ranges->iova_ranges[0]));
		return 0;
	default:
		return 0;
	}
}

int container_read_caps(const struct vfio_iommu_type1_info *answer,
			struct container_info *info)
{
	size_t at = answer->cap_offset;
	int err;

	memset(info, 0, sizeof(*info));
	info->pgsizes = answer->iova_pgsizes;
	while (at) {
		const struct vfio_info_cap_header *cap =
			(const void *)((const char *)answer + at);

		if (at < sizeof(*answer) || at + sizeof(*cap) > answer->argsz)
			return -EBADMSG;
		err = read_cap(cap, answer->argsz - at, info);
		if (err)
			return err;
		/* It goes on, and so comes to an end. */
		if (cap->next && cap->next <= at)
			return -EBADMSG;
		at = cap->next;
	}
	return 0;
}

int container_info(int fd, struct container_info *info)
{
	struct vfio_iommu_type1_info size = { .argsz = sizeof(size) };
	struct vfio_iommu_type1_info *answer;
	int err = call(fd, VFIO_IOMMU_GET_INFO, &size, "VFIO_IOMMU_GET_INFO()");

	if (err)
		return err;
	answer = calloc(1, size.argsz);
	if (!answer)
		return -ENOMEM;
	answer->argsz = size.argsz;
	err = call(fd, VFIO_IOMMU_GET_INFO, answer, "VFIO_IOMMU_GET_INFO(argsz %u)",
		   size.argsz);
	if (!err)
		err = container_read_caps(answer, info);
	free(answer);
	return err;
}

int group_open(const struct edu *edu)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", edu->group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	snprintf(last_call, sizeof(last_call), "open(%s)", path);
	return fd < 0 ? -errno : fd;
}

int group_flags(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int err = call(group, VFIO_GROUP_GET_STATUS, &status, "VFIO_GROUP_GET_STATUS()");

	return err ? err : (int)status.flags;
}

int group_set_container(int group, int container)
{
	return call(group, VFIO_GROUP_SET_CONTAINER, &container,
		    "VFIO_GROUP_SET_CONTAINER(fd %d)", container);
}

int group_unset_container(int group)
{
	return call(group, VFIO_GROUP_UNSET_CONTAINER, NULL, "VFIO_GROUP_UNSET_CONTAINER()");
}

int group_get_device(int group, struct edu *edu)
{
	int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, edu->bdf);

	snprintf(last_call, sizeof(last_call), "VFIO_GROUP_GET_DEVICE_FD(%s)", edu->bdf);
	if (fd < 0)
		return -errno;
	edu->fd = fd;
	return 0;
}
