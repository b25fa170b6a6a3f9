// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices that memory is mapped for: QEMU's edu, given to vfio-pci. They do
 * no DMA here, but an IOMMU's caches are flushed for them.
 */
#include <fcntl.h>
#include <glob.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "bench.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define EDU		0x11e81234

/* A path made of a device's name; valid until the next one. */
#define path_of(fmt, ...) ({ \
	static char path_[128]; \
	snprintf(path_, sizeof(path_), PCI_DEVICES "/" fmt, ##__VA_ARGS__); \
	path_; \
})

static unsigned int read_hex(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int value;

	if (!f || fscanf(f, "%x", &value) != 1)
		fail("%s: cannot read a number from it", path);
	fclose(f);
	return value;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s: cannot write '%s': %s", path, text, strerror(errno));
	close(fd);
}

static bool is_alone(const char *bdf)
{
	glob_t members = {};
	bool alone = !glob(path_of("%s/iommu_group/devices/*", bdf), 0, NULL, &members) &&
		     members.gl_pathc == 1;

	globfree(&members);
	return alone;
}

/* On some machines a device has its group only once a driver took it. */
static void give_to_vfio(const char *bdf)
{
	write_file(path_of("%s/driver_override", bdf), "vfio-pci");
	write_file("/sys/bus/pci/drivers_probe", bdf);
}

void devices_find(struct device *devices)
{
	unsigned int count = 0;
	glob_t found;

	if (glob(PCI_DEVICES "/*", 0, NULL, &found))
		fail("no PCI device at all");
	for (size_t i = 0; i < found.gl_pathc && count < DEVICES; i++) {
		const char *bdf = basename(found.gl_pathv[i]);

		if ((read_hex(path_of("%s/device", bdf)) << 16 |
		     read_hex(path_of("%s/vendor", bdf))) != EDU)
			continue;
		give_to_vfio(bdf);
		if (!is_alone(bdf))
			continue;
		snprintf(devices[count].bdf, sizeof(devices[count].bdf), "%s", bdf);
		devices[count++].fd = -1;
	}
	if (count < DEVICES)
		fail("not %d edu devices that are alone in their groups", DEVICES);
	globfree(&found);
}

void device_bind(struct device *device, int iommu)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommu };
	glob_t found;
	char path[64];

	if (glob(path_of("%s/vfio-dev/vfio*", device->bdf), 0, NULL, &found))
		fail("%s has no character device", device->bdf);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", basename(found.gl_pathv[0]));
	globfree(&found);
	device->fd = open(path, O_RDWR | O_CLOEXEC);
	if (device->fd < 0)
		fail("%s: %s", path, strerror(errno));
	IOCTL(device->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	device->id = bind.out_devid;
}

void device_attach(struct device *device, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = pt };

	IOCTL(device->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

void device_close(struct device *device)
{
	close(device->fd);
	device->fd = -1;
}

/* Its group's file, for VFIO as it was before /dev/iommu. */
int device_group(const struct device *device)
{
	char link[128], path[64];
	ssize_t length = readlink(path_of("%s/iommu_group", device->bdf), link, sizeof(link) - 1);
	int fd;

	if (length < 0)
		fail("%s is in no group", device->bdf);
	link[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(link));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}
