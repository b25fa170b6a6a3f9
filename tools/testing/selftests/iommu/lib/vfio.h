/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO devices by their cdev or by their group, which is the same for a real device and
 * for a mediated one. Each function returns 0 or -errno, and leaves a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_VFIO_H
#define SELFTESTS_IOMMU_VFIO_H

#include <linux/types.h>

/* @name: what the description calls the device. @id: its object in the iommufd. */
int vfio_bind(int fd, const char *name, int iommufd, __u32 *id);
/* @pt: an IOAS or an HWPT; then the HWPT that it is. */
int vfio_attach(int fd, const char *name, __u32 *pt);
int vfio_detach(int fd, const char *name);
/* The same for one PASID; @pt: an HWPT. */
int vfio_attach_pasid(int fd, const char *name, __u32 pasid, __u32 pt);
int vfio_detach_pasid(int fd, const char *name, __u32 pasid);

struct vfio_by_group {
	const char *container_path;
	int number;			/* of the group */
	int container, group, device;	/* out: files */
};

/* @name: the device's, to VFIO. On success there are three files to close. */
int vfio_open_by_group(struct vfio_by_group *by, const char *name);

#endif
