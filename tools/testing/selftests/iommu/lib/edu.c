// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "edu.h"
#include "iommufd.h"
#include "vfio.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define MODALIAS	"pci:v00001234d000011E8"

/* Registers, in BAR 0 */
#define IRQ_STATUS	0x24
#define IRQ_RAISE	0x60
#define IRQ_ACK		0x64
#define DMA_SRC		0x80
#define DMA_DST		0x88
#define DMA_COUNT	0x90
#define DMA_CMD		0x98
#define DMA_CMD_START		0x1	/* reads as 1 until it is done */
#define DMA_CMD_TO_MEMORY	0x2
#define BUFFER		0x40000	/* to DMA, not to the CPU */
#define REGS_SIZE	0x100000

/* An emulated device on a busy host can be slow; it is stuck after that. */
#define PATIENCE_SECONDS 10

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "r");
	bool got = f && fgets(line, size, f);

	if (f)
		fclose(f);
	return got;
}

/* ---- Finding it, and giving it to vfio-pci ---- */

static int give_to_vfio(const char *bdf)
{
	char path[512], driver[512] = "";
	ssize_t len;
	int err;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", bdf);
	len = readlink(path, driver, sizeof(driver) - 1);
	if (len > 0 && strstr(driver, "/vfio-pci"))
		return 0;
	if (len > 0) {
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", bdf);
		err = write_text(path, bdf);
		if (err)
			return err;
	}
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", bdf);
	err = write_text(path, "vfio-pci");
	return err ? err : write_text("/sys/bus/pci/drivers_probe", bdf);
}

/* What is above it is a host bridge, "pci0000:00", and no port. */
static bool is_on_root_bus(const char *bdf)
{
	char path[512], target[512] = "";
	char *parent;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return false;
	parent = strrchr(target, '/');
	if (!parent)
		return false;
	*parent = '\0';
	return !strncmp(basename(target), "pci", 3);
}

static void look_at(struct edu *edu, const char *bdf)
{
	char path[512], target[512] = "";
	glob_t found;

	memset(edu, 0, sizeof(*edu));
	edu->fd = -1;
	snprintf(edu->bdf, sizeof(edu->bdf), "%s", bdf);

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group", bdf);
	edu->group = -1;
	if (readlink(path, target, sizeof(target) - 1) > 0)
		edu->group = atoi(basename(target));

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/reset", bdf);
	edu->resets = !access(path, F_OK);
	edu->on_root_bus = is_on_root_bus(bdf);

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev/vfio*", bdf);
	if (!glob(path, 0, NULL, &found)) {
		snprintf(edu->cdev, sizeof(edu->cdev), "/dev/vfio/devices/%s",
			 basename(found.gl_pathv[0]));
		globfree(&found);
	}
}

/* All of that kind up to @max, in the order of the bus. */
static unsigned int find_kind(const char *modalias, struct edu *all, unsigned int max)
{
	char path[512], line[128];
	unsigned int nr = 0;
	const char *bdf;
	glob_t found;

	if (glob(PCI_DEVICES "/*", 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && nr < max; i++) {
		bdf = basename(found.gl_pathv[i]);
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/modalias", bdf);
		if (!read_line(path, line, sizeof(line)) ||
		    strncmp(line, modalias, strlen(modalias)) || give_to_vfio(bdf))
			continue;
		look_at(&all[nr++], bdf);
	}
	globfree(&found);
	return nr;
}

static unsigned int find_all(struct edu *all, unsigned int max)
{
	return find_kind(MODALIAS, all, max);
}

int edu_find_other(struct edu *edu, const char *modalias)
{
	return find_kind(modalias, edu, 1) ? 0 : -ENODEV;
}

int edu_find(struct edu *edu, unsigned int which)
{
	struct edu all[16];

	if (which >= find_all(all, 16))
		return -ENODEV;
	*edu = all[which];
	return 0;
}

int edu_keep_enabled(struct edu *edu)
{
	char path[512], count[16], bdf[sizeof(edu->bdf)];
	int err;

	strcpy(bdf, edu->bdf);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/enable", bdf);
	if (!read_line(path, count, sizeof(count)))
		return -EIO;
	if (atoi(count) > 0)
		return 0;
	/* Sysfs enables no device that a driver has. */
	err = write_text("/sys/bus/pci/drivers/vfio-pci/unbind", bdf) ?:
	      write_text(path, "1") ?: give_to_vfio(bdf);
	if (!err)
		look_at(edu, bdf);
	return err;
}

int edu_find_resettable(struct edu *edu)
{
	struct edu all[16];
	unsigned int nr = find_all(all, 16);

	for (unsigned int i = 0; i < nr; i++) {
		if (all[i].resets) {
			*edu = all[i];
			return 0;
		}
	}
	return -ENODEV;
}

int edu_find_pair(enum edu_pair kind, struct edu *one, struct edu *other)
{
	const bool on_root_bus = kind == EDU_PAIR_ON_ROOT_BUS;
	struct edu all[16];
	unsigned int nr = find_all(all, 16);

	for (unsigned int i = 0; i < nr; i++) {
		if (all[i].on_root_bus != on_root_bus)
			continue;
		for (unsigned int j = i + 1; j < nr; j++) {
			if (all[i].group < 0 || all[i].group != all[j].group)
				continue;
			*one = all[i];
			*other = all[j];
			return 0;
		}
	}
	return -ENODEV;
}

bool edu_reserved_range(struct edu *edu, __u64 *start, __u64 *last)
{
	char path[128], line[128], type[32];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/reserved_regions",
		 edu->group);
	f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%llx %llx %31s", start, last, type) == 3 &&
			strncmp(type, "direct", 6);
	if (f)
		fclose(f);
	return found;
}

/* ---- Open, bind, attach ---- */

int edu_open(struct edu *edu)
{
	edu->fd = open(edu->cdev, O_RDWR | O_CLOEXEC);
	return edu->fd < 0 ? -errno : 0;
}

int edu_bind(struct edu *edu, int iommufd)
{
	return vfio_bind(edu->fd, edu->bdf, iommufd, &edu->id);
}

int edu_attach_pt(struct edu *edu, __u32 *pt)
{
	return vfio_attach(edu->fd, edu->bdf, pt);
}

int edu_attach(struct edu *edu, __u32 pt)
{
	return edu_attach_pt(edu, &pt);
}

int edu_detach(struct edu *edu)
{
	return vfio_detach(edu->fd, edu->bdf);
}

void edu_close(struct edu *edu)
{
	if (edu->regs)
		munmap(edu->regs, REGS_SIZE);
	if (edu->fd >= 0)
		close(edu->fd);
	edu->regs = NULL;
	edu->fd = -1;
}

int edu_open_by_group(struct edu *edu, int *group, int *container)
{
	struct vfio_by_group by = { .container_path = "/dev/vfio/vfio", .number = edu->group };
	int err = vfio_open_by_group(&by, edu->bdf);

	*group = by.group;
	*container = by.container;
	edu->fd = by.device;
	return err;
}

/* ---- Registers ---- */

static __u32 get(struct edu *edu, unsigned int reg)
{
	return __atomic_load_n((__u32 *)(edu->regs + reg), __ATOMIC_RELAXED);
}

static void set(struct edu *edu, unsigned int reg, __u32 value)
{
	__atomic_store_n((__u32 *)(edu->regs + reg), value, __ATOMIC_RELAXED);
}

static void set64(struct edu *edu, unsigned int reg, __u64 value)
{
	__atomic_store_n((__u64 *)(edu->regs + reg), value, __ATOMIC_RELAXED);
}

int edu_region(struct edu *edu, __u32 index, struct vfio_region_info *region)
{
	memset(region, 0, sizeof(*region));
	region->argsz = sizeof(*region);
	region->index = index;
	return call(edu->fd, VFIO_DEVICE_GET_REGION_INFO, region,
		    "VFIO_DEVICE_GET_REGION_INFO(%s, region %u)", edu->bdf, index);
}

int edu_start(struct edu *edu)
{
	struct vfio_region_info config, bar;
	__u16 command;
	void *regs;
	int err = edu_region(edu, VFIO_PCI_CONFIG_REGION_INDEX, &config);

	if (!err)
		err = edu_region(edu, VFIO_PCI_BAR0_REGION_INDEX, &bar);
	if (err)
		return err;
	if (bar.size != REGS_SIZE)
		return -ERANGE;
	if (pread(edu->fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(edu->fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -EIO;
	if (edu->regs)
		return 0;
	regs = mmap(NULL, REGS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, edu->fd,
		    bar.offset);
	if (regs == MAP_FAILED)
		return -errno;
	edu->regs = regs;
	return 0;
}

/* ---- DMA ---- */

static void begin(struct edu *edu, __u64 src, __u64 dst, size_t length, __u64 cmd)
{
	set64(edu, DMA_SRC, src);
	set64(edu, DMA_DST, dst);
	set64(edu, DMA_COUNT, length);
	/* The device is to see what was written to memory before. */
	__sync_synchronize();
	set64(edu, DMA_CMD, DMA_CMD_START | cmd);
}

int edu_wait(struct edu *edu)
{
	struct timespec now, end, nap = { .tv_nsec = 1000000 };

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PATIENCE_SECONDS;
	while (get(edu, DMA_CMD) & DMA_CMD_START) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			return -ETIMEDOUT;
		nanosleep(&nap, NULL);
	}
	__sync_synchronize();
	return 0;
}

int edu_fetch(struct edu *edu, __u64 iova, size_t length)
{
	begin(edu, iova, BUFFER, length, 0);
	return edu_wait(edu);
}

void edu_store_begin(struct edu *edu, __u64 iova, size_t length)
{
	begin(edu, BUFFER, iova, length, DMA_CMD_TO_MEMORY);
}

int edu_store(struct edu *edu, __u64 iova, size_t length)
{
	edu_store_begin(edu, iova, length);
	return edu_wait(edu);
}

int edu_copy(struct edu *edu, __u64 to, __u64 from, size_t length)
{
	int err = edu_fetch(edu, from, length);

	return err ? err : edu_store(edu, to, length);
}

/* ---- Interrupts ---- */

static int set_irqs(struct edu *edu, __u32 index, __u32 flags, __u32 count, int eventfd)
{
	struct {
		struct vfio_irq_set set;
		__s32 eventfd;
	} cmd = {
		.set = {
			.argsz = sizeof(cmd),
			.flags = flags,
			.index = index,
			.count = count,
		},
		.eventfd = eventfd,
	};

	return call(edu->fd, VFIO_DEVICE_SET_IRQS, &cmd,
		    "VFIO_DEVICE_SET_IRQS(%s, index %u, flags %#x, eventfd %d)",
		    edu->bdf, index, flags, eventfd);
}

int edu_irq_enable(struct edu *edu, __u32 index, int eventfd)
{
	return set_irqs(edu, index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			1, eventfd);
}

int edu_irq_disable(struct edu *edu, __u32 index)
{
	return set_irqs(edu, index, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
			0, -1);
}

int edu_irq_unmask(struct edu *edu, __u32 index)
{
	return set_irqs(edu, index, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK,
			1, -1);
}

void edu_irq_raise(struct edu *edu, __u32 bits)
{
	set(edu, IRQ_RAISE, bits);
}

__u32 edu_irq_status(struct edu *edu)
{
	return get(edu, IRQ_STATUS);
}

void edu_irq_ack(struct edu *edu, __u32 bits)
{
	set(edu, IRQ_ACK, bits);
}
