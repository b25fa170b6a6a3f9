// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommuctl info: bind a device to an iommufd of our own, and ask.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#include "caps.h"
#include "info.h"
#include "util.h"

/* vfioN of a directory vfio-dev/, or NULL */
static char *cdev_in(const char *dir_path)
{
	DIR *dir = opendir(dir_path);
	const struct dirent *entry;
	char *name = NULL;

	if (!dir)
		return NULL;
	while (!name && (entry = readdir(dir))) {
		if (!strncmp(entry->d_name, "vfio", 4))
			name = text("/dev/vfio/devices/%s", entry->d_name);
	}
	closedir(dir);
	return name;
}

/* The character device that is meant; NULL after a complaint */
static char *find_cdev(const char *device)
{
	char *path, *cdev;

	if (strchr(device, '/'))
		return xstrdup(device);
	if (!strncmp(device, "vfio", 4))
		return text("/dev/vfio/devices/%s", device);
	path = text("/sys/bus/pci/devices/%s", device);
	if (access(path, F_OK)) {
		complain("%s is no device: give /dev/vfio/devices/vfioN, vfioN or a PCI address",
			 device);
		free(path);
		return NULL;
	}
	free(path);
	path = text("/sys/bus/pci/devices/%s/vfio-dev", device);
	cdev = cdev_in(path);
	if (!cdev)
		complain("%s has no VFIO device: bind it to vfio-pci first", device);
	free(path);
	return cdev;
}

/* The device behind a character device, by sysfs; NULL if it is not there */
static char *device_name(int fd)
{
	char *path, target[256];
	struct stat stat;
	ssize_t length;

	if (fstat(fd, &stat) || !S_ISCHR(stat.st_mode))
		return NULL;
	path = text("/sys/dev/char/%u:%u/device", major(stat.st_rdev), minor(stat.st_rdev));
	length = readlink(path, target, sizeof(target) - 1);
	free(path);
	if (length < 0)
		return NULL;
	target[length] = '\0';
	return xstrdup(strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

static const char *bind_hint(int err)
{
	switch (err) {
	case ENOTTY:
	case EBADF:
		return " (is it a VFIO device?)";
	case EBUSY:
		return " (its group is open)";
	case EINVAL:
		return " (it is bound already, or its DMA is not coherent)";
	case EPERM:
		return " (its group is someone else's, or its interrupts are not isolated)";
	default:
		return "";
	}
}

static int bind_device(int device, int iommufd, const char *path, __u32 *id)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommufd,
	};

	if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind)) {
		complain("%s: cannot bind it: %s%s", path, strerror(errno), bind_hint(errno));
		return -1;
	}
	*id = bind.out_devid;
	return 0;
}

/*
 * Can a guest's tables be put above ours? The IOMMU's driver need not support what the
 * registers announce, so try; what is made for that goes when the iommufd is closed.
 * Returns 1, or 0, or -1 after a complaint.
 */
static int can_nest(int iommufd, __u32 dev_id, __u32 type)
{
	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct iommu_hwpt_alloc parent = {
		.size = sizeof(parent),
		.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.dev_id = dev_id,
	};
	struct iommu_viommu_alloc viommu = {
		.size = sizeof(viommu),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = dev_id,
	};

	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &ioas))
		goto failed;
	parent.pt_id = ioas.out_ioas_id;
	if (ioctl(iommufd, IOMMU_HWPT_ALLOC, &parent))
		goto failed;
	viommu.hwpt_id = parent.out_hwpt_id;
	if (type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3 &&
	    ioctl(iommufd, IOMMU_VIOMMU_ALLOC, &viommu))
		goto failed;
	return 1;

failed:
	if (errno == EOPNOTSUPP)
		return 0;
	complain("cannot try nesting: %s", strerror(errno));
	return -1;
}

static void print_raw(const struct iommu_hw_info *info, const unsigned char *data,
		      size_t length)
{
	size_t i;

	printf("  %-26s type %u, %u bytes:", "not known", info->out_data_type, info->data_len);
	for (i = 0; i < length; i++)
		printf("%s%02x", i % 4 ? "" : " ", data[i]);
	putchar('\n');
}

static void print_info(const char *path, const char *name, const struct iommu_hw_info *info,
		       const unsigned char *data, size_t room, bool nesting, bool json)
{
	size_t length = info->data_len < room ? info->data_len : room;
	const struct caps_kernel kernel = {
		.capabilities = info->out_capabilities,
		.max_pasid_log2 = info->out_max_pasid_log2,
		.nesting = nesting,
	};
	struct caps caps;
	bool known;

	known = caps_decode(info->out_data_type, data, length, &kernel, &caps);
	if (json) {
		json_open(NULL, '{');
		json_string("path", path);
		if (name)
			json_string("device", name);
		caps_json(&caps);
		json_number("type", info->out_data_type);
		json_close('}');
		return;
	}
	printf("%s%s%s\n", path, name ? ": " : "", name ? name : "");
	caps_print(&caps);
	if (!known)
		print_raw(info, data, length);
}

static int ask(const char *path, int device, int iommufd, bool json)
{
	/* Aligned for any register */
	union {
		__u64 words[16];
		unsigned char bytes[128];
	} data = {};
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	int nesting;
	char *name;

	if (bind_device(device, iommufd, path, &info.dev_id))
		return EXIT_FAILED;
	if (ioctl(iommufd, IOMMU_GET_HW_INFO, &info)) {
		complain("%s: IOMMU_GET_HW_INFO: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	nesting = can_nest(iommufd, info.dev_id, info.out_data_type);
	if (nesting < 0)
		return EXIT_FAILED;
	name = device_name(device);
	print_info(path, name, &info, data.bytes, sizeof(data), nesting, json);
	free(name);
	return EXIT_OK;
}

int info(const char *device, bool json)
{
	char *path = find_cdev(device);
	int fd = -1, iommufd = -1, status = EXIT_FAILED;

	if (!path)
		return EXIT_FAILED;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		complain("%s: %s", path, strerror(errno));
		goto out;
	}
	iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommufd < 0) {
		complain("/dev/iommu: %s%s", strerror(errno),
			 errno == ENOENT ? " (CONFIG_IOMMUFD)" : "");
		goto out;
	}
	status = ask(path, fd, iommufd, json);
out:
	if (iommufd >= 0)
		close(iommufd);
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}
