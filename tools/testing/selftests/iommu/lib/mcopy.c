// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "iommufd.h"
#include "mcopy.h"
#include "vfio.h"

#define MDEVS "/sys/bus/mdev/devices"

static int find(const char *pattern, char *name, size_t size)
{
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return -ENODEV;
	snprintf(name, size, "%s", found.gl_pathv[0]);
	globfree(&found);
	return 0;
}

/* ---- The device in sysfs ---- */

int mdev_create(struct mcopy *mcopy, const char *parent)
{
	char path[256], name[256];
	ssize_t len;
	int err;

	memset(mcopy, 0, sizeof(*mcopy));
	mcopy->fd = -1;
	snprintf(mcopy->uuid, sizeof(mcopy->uuid), "83b8f4f2-509f-382f-3c1e-%012x", getpid());
	snprintf(path, sizeof(path), "/sys/class/mdev_bus/%s/mdev_supported_types/*-1/create",
		 parent);
	err = find(path, name, sizeof(name));
	if (err)
		return err;
	err = write_text(name, mcopy->uuid);
	if (err)
		return err;

	snprintf(path, sizeof(path), MDEVS "/%s/iommu_group", mcopy->uuid);
	len = readlink(path, name, sizeof(name) - 1);
	if (len < 0)
		return -errno;
	name[len] = '\0';
	mcopy->group = atoi(basename(name));

	snprintf(path, sizeof(path), MDEVS "/%s/vfio-dev/vfio*", mcopy->uuid);
	err = find(path, name, sizeof(name));
	snprintf(mcopy->cdev, sizeof(mcopy->cdev), "/dev/vfio/devices/%.20s", basename(name));
	return err;
}

int mdev_remove(struct mcopy *mcopy)
{
	char path[256];

	snprintf(path, sizeof(path), MDEVS "/%s/remove", mcopy->uuid);
	return write_text(path, "1");
}

/* ---- Open, bind, attach ---- */

int mdev_open(struct mcopy *mcopy)
{
	snprintf(last_call, sizeof(last_call), "open(%s)", mcopy->cdev);
	mcopy->fd = open(mcopy->cdev, O_RDWR | O_CLOEXEC);
	return mcopy->fd < 0 ? -errno : 0;
}

int mdev_bind(struct mcopy *mcopy, int iommufd)
{
	return vfio_bind(mcopy->fd, mcopy->uuid, iommufd, &mcopy->id);
}

int mdev_attach(struct mcopy *mcopy, __u32 *pt)
{
	return vfio_attach(mcopy->fd, mcopy->uuid, pt);
}

int mdev_detach(struct mcopy *mcopy)
{
	return vfio_detach(mcopy->fd, mcopy->uuid);
}

void mdev_close(struct mcopy *mcopy)
{
	if (mcopy->fd >= 0)
		close(mcopy->fd);
	mcopy->fd = -1;
}

int mdev_open_by_group(struct mcopy *mcopy, const char *container_path, int *group,
		       int *container)
{
	struct vfio_by_group by = { .container_path = container_path, .number = mcopy->group };
	int err = vfio_open_by_group(&by, mcopy->uuid);

	*group = by.group;
	*container = by.container;
	mcopy->fd = by.device;
	return err;
}

/* ---- Registers ---- */

static int transferred(ssize_t done, size_t length)
{
	if (done < 0)
		return -errno;
	return done == (ssize_t)length ? 0 : -EIO;
}

int mcopy_get(struct mcopy *mcopy, unsigned int reg)
{
	int value = -EIO;
	int err = transferred(pread(mcopy->fd, &value, sizeof(value), reg), sizeof(value));

	return err ? err : value;
}

int mcopy_get_buffer(struct mcopy *mcopy, void *data, __u32 length)
{
	return transferred(pread(mcopy->fd, data, length, MCOPY_BUFFER), length);
}

int mcopy_set_buffer(struct mcopy *mcopy, const void *data, __u32 length)
{
	return transferred(pwrite(mcopy->fd, data, length, MCOPY_BUFFER), length);
}

int mcopy_command(struct mcopy *mcopy, __u32 command, __u64 iova, __u32 length)
{
	int err;

	snprintf(last_call, sizeof(last_call), "mcopy(command %#x, iova %#llx, length %#x)",
		 command, iova, length);
	err = transferred(pwrite(mcopy->fd, &iova, sizeof(iova), MCOPY_IOVA), sizeof(iova));
	if (!err)
		err = transferred(pwrite(mcopy->fd, &length, sizeof(length), MCOPY_LENGTH),
				  sizeof(length));
	if (!err)
		err = transferred(pwrite(mcopy->fd, &command, sizeof(command), MCOPY_COMMAND),
				  sizeof(command));
	return err ? err : mcopy_get(mcopy, MCOPY_STATUS);
}
