// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "iommufd.h"
#include "vfio.h"

int vfio_bind(int fd, const char *name, int iommufd, __u32 *id)
{
	struct vfio_device_bind_iommufd cmd = {
		.argsz = sizeof(cmd),
		.iommufd = iommufd,
	};
	int err = call(fd, VFIO_DEVICE_BIND_IOMMUFD, &cmd,
		       "VFIO_DEVICE_BIND_IOMMUFD(%s, iommufd %d)", name, iommufd);

	if (!err)
		*id = cmd.out_devid;
	return err;
}

int vfio_attach(int fd, const char *name, __u32 *pt)
{
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.pt_id = *pt,
	};
	int err = call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
		       "VFIO_DEVICE_ATTACH_IOMMUFD_PT(%s, pt %u)", name, *pt);

	*pt = cmd.pt_id;
	return err;
}

int vfio_detach(int fd, const char *name)
{
	struct vfio_device_detach_iommufd_pt cmd = { .argsz = sizeof(cmd) };

	return call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
		    "VFIO_DEVICE_DETACH_IOMMUFD_PT(%s)", name);
}

int vfio_attach_pasid(int fd, const char *name, __u32 pasid, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_ATTACH_PASID,
		.pt_id = pt,
		.pasid = pasid,
	};
	int err = call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
		       "VFIO_DEVICE_ATTACH_IOMMUFD_PT(%s, pasid %u, pt %u)", name, pasid,
		       pt);

	/* An HWPT is what it is. */
	return !err && cmd.pt_id != pt ? -EBADMSG : err;
}

int vfio_detach_pasid(int fd, const char *name, __u32 pasid)
{
	struct vfio_device_detach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_DETACH_PASID,
		.pasid = pasid,
	};

	return call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
		    "VFIO_DEVICE_DETACH_IOMMUFD_PT(%s, pasid %u)", name, pasid);
}

int vfio_open_by_group(struct vfio_by_group *by, const char *name)
{
	char path[64];
	int err;

	by->group = -1;
	by->device = -1;
	snprintf(path, sizeof(path), "/dev/vfio/%d", by->number);
	by->container = open(by->container_path, O_RDWR | O_CLOEXEC);
	if (by->container < 0)
		return -errno;
	by->group = open(path, O_RDWR | O_CLOEXEC);
	if (by->group < 0) {
		err = -errno;
		goto close_container;
	}
	err = call(by->group, VFIO_GROUP_SET_CONTAINER, &by->container,
		   "VFIO_GROUP_SET_CONTAINER(%s)", path);
	if (!err)
		err = call(by->container, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU,
			   "VFIO_SET_IOMMU(type1v2)");
	if (err)
		goto close_group;
	by->device = ioctl(by->group, VFIO_GROUP_GET_DEVICE_FD, name);
	if (by->device >= 0)
		return 0;
	err = -errno;
close_group:
	close(by->group);
close_container:
	close(by->container);
	return err;
}
