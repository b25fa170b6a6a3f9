// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PCI device does DMA through /dev/iommu: a tutorial.
 *
 * The device is QEMU's edu, which does one thing: it copies bytes between
 * memory and a small buffer of its own. This program has it copy a letter out of
 * one piece of our memory and back into another, and then shows that the device
 * can reach nothing else.
 *
 * Read main() first, at the end: it is the list of the steps. Each step is one
 * function, which prints what it did; they come in the order of the story.
 *
 * There are two file descriptors. /dev/iommu is an IOMMU context: it holds the
 * objects (devices, address spaces, page tables), each with a number. The other
 * is the device's own, from VFIO: its registers, and the bond to the context.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PCI_DEVICES "/sys/bus/pci/devices"

/* The edu device, as in docs/specs/edu.rst of QEMU: its registers, in BAR 0. */
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_DMA_SRC	0x80	/* where from */
#define EDU_DMA_DST	0x88	/* where to */
#define EDU_DMA_COUNT	0x90	/* how many bytes */
#define EDU_DMA_CMD	0x98
#define EDU_DMA_START		0x1	/* reads as 1 until the DMA is done */
#define EDU_DMA_FROM_MEMORY	0x0
#define EDU_DMA_TO_MEMORY	0x2
#define EDU_BUFFER	0x40000	/* the device's own 4096 bytes */

/*
 * Where the device is to see our memory. The choice is ours, as long as the
 * device can say it: edu has 28 address lines, if QEMU is not told otherwise.
 */
#define LETTER_IOVA	0x00100000
#define REPLY_IOVA	0x00200000
#define NOWHERE_IOVA	0x00300000	/* nothing will be mapped here */

#define PAGE		4096
#define DMA_BYTES	2048
#define BLOCKED_BYTES	8	/* few: QEMU's SMMU reports each four of them */

struct demo {
	const char *bdf;	/* the device's name on the PCI bus */
	const char *cdev_path;	/* its character device */
	int kmsg;		/* kernel log, from where it was at the start */
	int iommu;		/* /dev/iommu */
	int device;		/* the character device */
	__u32 dev_id, ioas_id, hwpt_id;
	__u8 *letter;		/* what the device is to read */
	__u8 *reply;		/* what the device is to write */
	bool unreported;	/* nobody tells us what the IOMMU refused */
};

/* ---- Saying what happens, and stopping when it does not ---- */

static struct timespec started;
static int step;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - started.tv_sec + (now.tv_nsec - started.tv_nsec) / 1e9;
}

#define say(fmt, ...) (printf("%3d  " fmt "\n", ++step, ##__VA_ARGS__), fflush(stdout))

/* What is open and mapped goes with the process: nothing to undo here. */
#define fail(fmt, ...) do { \
	printf("     " fmt "\nFAIL in %.1f s\n", ##__VA_ARGS__, seconds()); \
	exit(1); \
} while (0)

/* Every ioctl here is expected to work. */
#define IOCTL(fd, request, arg) do { \
	if (ioctl(fd, request, arg)) \
		fail("%s: %s", #request, strerror(errno)); \
} while (0)

/* ---- Finding the device and giving it to VFIO ---- */

/* Text that lives as long as the program. */
#define text(fmt, ...) ({ \
	char *text_; \
	if (asprintf(&text_, fmt, ##__VA_ARGS__) < 0) \
		fail("out of memory"); \
	text_; \
})

static unsigned int read_hex(const char *dir, const char *file)
{
	FILE *f = fopen(text("%s/%s", dir, file), "r");
	unsigned int value = 0;

	if (!f || fscanf(f, "%x", &value) != 1)
		fail("%s/%s: cannot read a number from it", dir, file);
	fclose(f);
	return value;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

static void write_file(const char *path, const char *value)
{
	int fd = open_file(path, O_WRONLY);

	if (write(fd, value, strlen(value)) < 0)
		fail("%s: cannot write '%s': %s", path, value, strerror(errno));
	close(fd);
}

static void find_device(struct demo *d)
{
	glob_t found;

	if (glob(PCI_DEVICES "/*", 0, NULL, &found))
		fail("no PCI device at all");
	for (size_t i = 0; i < found.gl_pathc && !d->bdf; i++)
		if (read_hex(found.gl_pathv[i], "vendor") == EDU_VENDOR &&
		    read_hex(found.gl_pathv[i], "device") == EDU_DEVICE)
			d->bdf = basename(found.gl_pathv[i]);
	if (!d->bdf)
		fail("no edu device: start QEMU with -device edu");
	say("found an edu device (1234:11e8), %s", d->bdf);
}

/*
 * The driver that gives devices to user space is vfio-pci. It takes any device,
 * but only on request: driver_override names it for this one. Where the kernel
 * had another driver for the device, that lets go first.
 */
static void give_to_vfio(struct demo *d)
{
	const char *unbind = text(PCI_DEVICES "/%s/driver/unbind", d->bdf);
	glob_t found;

	write_file(text(PCI_DEVICES "/%s/driver_override", d->bdf), "vfio-pci");
	if (!access(unbind, F_OK))
		write_file(unbind, d->bdf);
	write_file("/sys/bus/pci/drivers_probe", d->bdf);

	if (glob(text(PCI_DEVICES "/%s/vfio-dev/vfio*", d->bdf), 0, NULL, &found))
		fail("vfio-pci did not take it, or makes no character devices");
	d->cdev_path = text("/dev/vfio/devices/%s", basename(found.gl_pathv[0]));
	say("its driver is now vfio-pci, its character device %s", d->cdev_path);
}

/* ---- The context, and the device in it ---- */

static void open_both(struct demo *d)
{
	d->iommu = open_file("/dev/iommu", O_RDWR);
	d->device = open_file(d->cdev_path, O_RDWR);
	say("opened /dev/iommu (fd %d) and the device (fd %d)", d->iommu, d->device);
}

/* The device does nothing for us before this. After it, its DMA is blocked. */
static void bind_device(struct demo *d)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = d->iommu };

	IOCTL(d->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	d->dev_id = bind.out_devid;
	say("bound the device to the context: DEVICE is object %u", d->dev_id);
}

/*
 * Each kind of IOMMU answers with its own structure, and says in out_data_type
 * which. A buffer that is too large is filled with zeros, one that is too small
 * gets the beginning. The bits are in the VT-d specification, 11.4.2 and 11.4.3,
 * and in the SMMUv3 specification, 6.3.1 and 6.3.6.
 */
static void describe_iommu(struct demo *d)
{
	union {
		struct iommu_hw_info_vtd vtd;
		struct iommu_hw_info_arm_smmuv3 smmu;
	} hw = {};
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = d->dev_id,
		.data_len = sizeof(hw),
		.data_uptr = (uintptr_t)&hw,
	};

	IOCTL(d->iommu, IOMMU_GET_HW_INFO, &info);
	if (info.out_data_type == IOMMU_HW_INFO_TYPE_INTEL_VTD)
		say("its IOMMU is an Intel VT-d: pages of 4K%s%s, %s mode%s",
		    hw.vtd.cap_reg >> 34 & 1 ? " 2M" : "",
		    hw.vtd.cap_reg >> 35 & 1 ? " 1G" : "",
		    hw.vtd.ecap_reg >> 43 & 1 ? "scalable" : "legacy",
		    hw.vtd.ecap_reg >> 26 & 1 ? ", nesting" : "");
	else if (info.out_data_type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
		say("its IOMMU is an Arm SMMUv3: pages of%s%s%s, stages of translation:%s%s",
		    hw.smmu.idr[5] & 0x10 ? " 4K" : "", hw.smmu.idr[5] & 0x20 ? " 16K" : "",
		    hw.smmu.idr[5] & 0x40 ? " 64K" : "",
		    hw.smmu.idr[0] & 2 ? " 1" : "", hw.smmu.idr[0] & 1 ? " 2" : "");
	else
		say("its IOMMU is of a type unknown to this program, %u", info.out_data_type);
}

/* ---- An address space with our memory in it ---- */

/* An IOAS, I/O address space, says which IOVA is which memory. It starts empty. */
static void make_ioas(struct demo *d)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	IOCTL(d->iommu, IOMMU_IOAS_ALLOC, &alloc);
	d->ioas_id = alloc.out_ioas_id;
	say("made an address space: IOAS is object %u", d->ioas_id);
}

static void map(struct demo *d, void *page, __u64 iova, __u32 permission, const char *what)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | permission,
		.ioas_id = d->ioas_id,
		.user_va = (uintptr_t)page,
		.length = PAGE,
		.iova = iova,
	};

	IOCTL(d->iommu, IOMMU_IOAS_MAP, &map);
	say("mapped %s, %d bytes at %p, as IOVA 0x%08llx in IOAS %u",
	    what, PAGE, page, iova, d->ioas_id);
}

/* The device gets no more than it needs: to read the one, to write the other. */
static void map_buffers(struct demo *d)
{
	d->letter = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d->letter == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	d->reply = d->letter + PAGE;
	for (int i = 0; i < DMA_BYTES; i++)
		d->letter[i] = i * 7 + (i >> 8);
	map(d, d->letter, LETTER_IOVA, IOMMU_IOAS_MAP_READABLE, "a letter (device may read)");
	map(d, d->reply, REPLY_IOVA, IOMMU_IOAS_MAP_WRITEABLE, "a reply (device may write)");
}

/*
 * Now the device's DMA goes through the IOAS. The hardware wants page tables: an
 * HWPT, which the kernel makes for the IOAS and keeps the same as it. This is
 * when the memory is pinned.
 */
static void attach(struct demo *d)
{
	struct vfio_device_attach_iommufd_pt pt = { .argsz = sizeof(pt), .pt_id = d->ioas_id };

	IOCTL(d->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt);
	d->hwpt_id = pt.pt_id;
	say("attached DEVICE %u to IOAS %u by page tables: HWPT is object %u",
	    d->dev_id, d->ioas_id, d->hwpt_id);
}

/* ---- The device's registers ---- */

/*
 * The device's file has regions: the configuration space, the BARs and more, each
 * at an offset of its own. A driver in a hurry would mmap() a BAR instead.
 */
#define CONFIG	VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0	VFIO_PCI_BAR0_REGION_INDEX

static __u64 region_offset(struct demo *d, __u32 index)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = index };

	IOCTL(d->device, VFIO_DEVICE_GET_REGION_INFO, &region);
	return region.offset;
}

static __u32 read_reg(struct demo *d, __u32 region, __u32 reg)
{
	__u32 value;

	if (pread(d->device, &value, 4, region_offset(d, region) + reg) != 4)
		fail("cannot read register 0x%x: %s", reg, strerror(errno));
	return value;
}

static void write_reg(struct demo *d, __u32 region, __u32 reg, __u32 value)
{
	if (pwrite(d->device, &value, 4, region_offset(d, region) + reg) != 4)
		fail("cannot write register 0x%x: %s", reg, strerror(errno));
}

/* The upper half of the 32 bits is the status register: zeros change nothing there. */
static void enable_dma(struct demo *d)
{
	__u32 command = read_reg(d, CONFIG, PCI_COMMAND) & 0xffff;

	write_reg(d, CONFIG, PCI_COMMAND, command | PCI_COMMAND_MASTER);
	say("enabled bus mastering: the device may do DMA");
}

/* One DMA. edu begins 100 ms after the command, and says nothing about success. */
static void dma(struct demo *d, __u32 src, __u32 dst, __u32 count, __u32 direction)
{
	double deadline = seconds() + 10;

	write_reg(d, BAR0, EDU_DMA_SRC, src);
	write_reg(d, BAR0, EDU_DMA_DST, dst);
	write_reg(d, BAR0, EDU_DMA_COUNT, count);
	write_reg(d, BAR0, EDU_DMA_CMD, EDU_DMA_START | direction);
	while (read_reg(d, BAR0, EDU_DMA_CMD) & EDU_DMA_START) {
		if (seconds() > deadline)
			fail("the device does not come to an end with its DMA");
		usleep(1000);
	}
}

/* ---- What the IOMMU reports: the kernel writes it to its log ---- */

static void watch_kernel_log(struct demo *d)
{
	d->kmsg = open_file("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	lseek(d->kmsg, 0, SEEK_END);
}

/* VT-d: "DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x300000 ..." */
static bool is_vtd_report(const char *line, __u64 *iova)
{
	const char *write = strstr(line, "DMAR: [DMA Write");
	const char *addr = write ? strstr(write, "fault addr 0x") : NULL;

	return addr && sscanf(addr, "fault addr 0x%llx", iova) == 1;
}

/*
 * SMMUv3: "arm-smmu-v3 <name>: event 0x10 received:", then the record's four
 * words, each a line: "<name>: \x090x...". In word 1, bit 35 says that it was a
 * read; word 2 is the IOVA (SMMUv3 specification, 7.3.13).
 */
static bool is_smmuv3_report(const char *line, __u64 *iova)
{
	static bool is_read;
	static int word;
	const char *hex = strstr(line, "\\x090x");

	if (strstr(line, " received:"))
		word = 0;
	if (!strstr(line, "arm-smmu-v3") || !hex || sscanf(hex + 4, "%llx", iova) != 1)
		return false;
	if (word == 1)
		is_read = *iova >> 35 & 1;
	return word++ == 2 && !is_read;
}

/*
 * Wait for the report of a write to @iova's page. The kernel logs ten reports in 5
 * seconds and drops the rest, so do it again if there is none.
 */
static void expect_report(struct demo *d, __u64 iova)
{
	double deadline = seconds() + 10, patience = seconds() + 1;
	char line[2048];
	__u64 where;

	while (seconds() < deadline) {
		ssize_t len = read(d->kmsg, line, sizeof(line) - 1);

		if (len < 0 && seconds() > patience) {
			dma(d, EDU_BUFFER, iova, BLOCKED_BYTES, EDU_DMA_TO_MEMORY);
			patience = seconds() + 1;
		}
		if (len < 0) {
			usleep(1000);
			continue;
		}
		line[len] = '\0';
		if (!is_vtd_report(line, &where) && !is_smmuv3_report(line, &where))
			continue;
		if (where / PAGE == iova / PAGE) {
			say("the IOMMU reported it: a write to IOVA 0x%08llx, refused", where);
			return;
		}
	}
	fail("the IOMMU did not report a write to IOVA 0x%08llx", iova);
}

/* ---- The story ---- */

static void round_trip(struct demo *d)
{
	dma(d, LETTER_IOVA, EDU_BUFFER, DMA_BYTES, EDU_DMA_FROM_MEMORY);
	say("the device read %d bytes at IOVA 0x%08x into its buffer", DMA_BYTES, LETTER_IOVA);
	dma(d, EDU_BUFFER, REPLY_IOVA, DMA_BYTES, EDU_DMA_TO_MEMORY);
	say("the device wrote %d bytes from its buffer to IOVA 0x%08x", DMA_BYTES, REPLY_IOVA);
	if (memcmp(d->letter, d->reply, DMA_BYTES))
		fail("the reply is not the letter");
	say("compared: the reply is the letter, byte for byte");
}

/*
 * The device's buffer still holds the letter. Have it written to an IOVA at which
 * nothing is mapped, and see that all of our memory is as it was.
 */
static void blocked_write(struct demo *d, __u64 iova, const char *what)
{
	memset(d->reply, 0, PAGE);
	dma(d, EDU_BUFFER, iova, BLOCKED_BYTES, EDU_DMA_TO_MEMORY);
	for (int i = 0; i < PAGE; i++)
		if (d->reply[i])
			fail("the write to IOVA 0x%08llx arrived in the reply", iova);
	say("the device wrote to IOVA 0x%08llx, %s: nothing arrived", iova, what);
	if (!d->unreported)
		expect_report(d, iova);
}

static void unmap(struct demo *d, __u64 iova, const char *what)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = d->ioas_id, .iova = iova, .length = PAGE,
	};

	IOCTL(d->iommu, IOMMU_IOAS_UNMAP, &unmap);
	say("unmapped %s: %llu bytes at IOVA 0x%08llx", what, unmap.length, iova);
}

/*
 * Closing the two files would do all of this, in this order. Before an IOAS can
 * be destroyed, nothing may use it any more: the HWPT goes with the detach.
 */
static void close_all(struct demo *d)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = d->ioas_id };

	IOCTL(d->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
	say("detached DEVICE %u: HWPT %u is gone", d->dev_id, d->hwpt_id);
	unmap(d, LETTER_IOVA, "the letter");
	IOCTL(d->iommu, IOMMU_DESTROY, &destroy);
	say("destroyed IOAS %u", d->ioas_id);
	close(d->device);
	close(d->iommu);
	say("closed the device, which unbound it (DEVICE %u), and the context", d->dev_id);
}

int main(int argc, char **argv)
{
	struct demo d = {};

	if (argc == 2 && !strcmp(argv[1], "--unreported")) {
		d.unreported = true;
	} else if (argc > 1) {
		printf("usage: %s [--unreported]\n"
		       "Have the first edu device of this machine do DMA through /dev/iommu, and\n"
		       "show each step. Needs root and vfio-pci. Ends in PASS or FAIL.\n"
		       "--unreported: in a guest whose VMM emulates the IOMMU, of what the IOMMU\n"
		       "refused the host hears, and the guest does not.\n",
		       argv[0]);
		return strcmp(argv[1], "--help") ? 2 : 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &started);

	find_device(&d);
	give_to_vfio(&d);
	open_both(&d);
	bind_device(&d);
	describe_iommu(&d);
	make_ioas(&d);
	map_buffers(&d);
	attach(&d);
	enable_dma(&d);
	watch_kernel_log(&d);
	round_trip(&d);
	blocked_write(&d, NOWHERE_IOVA, "where nothing is mapped");
	unmap(&d, REPLY_IOVA, "the reply");
	blocked_write(&d, REPLY_IOVA, "which is mapped no more");
	close_all(&d);
	printf("PASS in %.1f s\n", seconds());
	return 0;
}
