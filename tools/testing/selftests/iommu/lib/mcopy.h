/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An emulated device: the mediated device mcopy of samples/vfio-mdev, which pins
 * its user's memory and copies it.
 *
 * Functions return 0 or -errno, and leave a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_MCOPY_H
#define SELFTESTS_IOMMU_MCOPY_H

#include <stdbool.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "../../../../../samples/vfio-mdev/mcopy.h"

struct mcopy {
	char uuid[40];
	char cdev[64];	/* /dev/vfio/devices/vfioN */
	int group;	/* number of its IOMMU group */
	int fd;		/* the open device, or -1 */
	__u32 id;	/* in the iommufd, once bound */
};

/* Make one of that type of that parent; -ENODEV if this kernel has none. */
int mdev_create(struct mcopy *mcopy, const char *parent);
/* Waits for who has it open. */
int mdev_remove(struct mcopy *mcopy);

int mdev_open(struct mcopy *mcopy);
int mdev_bind(struct mcopy *mcopy, int iommufd);
int mdev_attach(struct mcopy *mcopy, __u32 *pt);
int mdev_detach(struct mcopy *mcopy);
void mdev_close(struct mcopy *mcopy);
/* The way of old, with what that path is as the container. Its fd is written too. */
int mdev_open_by_group(struct mcopy *mcopy, const char *container_path, int *group,
		       int *container);

/* Run a command; what it ended with. */
int mcopy_command(struct mcopy *mcopy, __u32 command, __u64 iova, __u32 length);
/* A register of 32 bits. */
int mcopy_get(struct mcopy *mcopy, unsigned int reg);
int mcopy_get_buffer(struct mcopy *mcopy, void *data, __u32 length);
int mcopy_set_buffer(struct mcopy *mcopy, const void *data, __u32 length);

#endif
