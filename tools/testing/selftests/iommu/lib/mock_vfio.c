// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iommufd.h"
#include "mock_vfio.h"
#include "vfio.h"

#define DRIVER "/sys/bus/iommufd_mock/drivers/iommufd_mock_vfio"

int mock_vfio_create(struct mock_vfio *mock, __u32 dev_flags)
{
	char flags[16];
	glob_t found;
	int err;

	memset(mock, 0, sizeof(*mock));
	mock->fd = -1;
	snprintf(flags, sizeof(flags), "%#x", dev_flags);
	err = write_text(DRIVER "/new", flags);
	if (err)
		return err == -ENOENT ? -ENODEV : err;

	if (glob(DRIVER "/iommufd_mock*/vfio-dev/vfio*", 0, NULL, &found))
		return -EBADMSG;
	err = found.gl_pathc == 1 &&
	      sscanf(found.gl_pathv[0], DRIVER "/%31[^/]", mock->name) == 1 ? 0 : -EBADMSG;
	snprintf(mock->cdev, sizeof(mock->cdev), "/dev/vfio/devices/%.20s",
		 strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return err;
}

int mock_vfio_remove(struct mock_vfio *mock)
{
	return write_text(DRIVER "/remove", mock->name);
}

int mock_vfio_open(struct mock_vfio *mock)
{
	snprintf(last_call, sizeof(last_call), "open(%s)", mock->cdev);
	mock->fd = open(mock->cdev, O_RDWR | O_CLOEXEC);
	return mock->fd < 0 ? -errno : 0;
}

int mock_vfio_bind(struct mock_vfio *mock, int iommufd)
{
	return vfio_bind(mock->fd, mock->name, iommufd, &mock->id);
}

int mock_vfio_attach(struct mock_vfio *mock, __u32 pt)
{
	return vfio_attach(mock->fd, mock->name, &pt);
}

int mock_vfio_detach(struct mock_vfio *mock)
{
	return vfio_detach(mock->fd, mock->name);
}

int mock_vfio_attach_pasid(struct mock_vfio *mock, __u32 pasid, __u32 pt)
{
	return vfio_attach_pasid(mock->fd, mock->name, pasid, pt);
}

int mock_vfio_detach_pasid(struct mock_vfio *mock, __u32 pasid)
{
	return vfio_detach_pasid(mock->fd, mock->name, pasid);
}

void mock_vfio_close(struct mock_vfio *mock)
{
	if (mock->fd >= 0)
		close(mock->fd);
	mock->fd = -1;
}
