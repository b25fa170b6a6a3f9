/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device under test: QEMU's edu, driven through vfio-pci. It has a buffer of
 * 4096 bytes, and copies to it and from it by DMA (QEMU, docs/specs/edu.rst).
 *
 * Functions return 0 or -errno, and leave a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_EDU_H
#define SELFTESTS_IOMMU_EDU_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <linux/vfio.h>

#define EDU_BUFFER_SIZE	4096

struct edu {
	char bdf[32];	/* its name on the PCI bus */
	char cdev[64];	/* /dev/vfio/devices/vfioN, empty without CONFIG_VFIO_DEVICE_CDEV */
	int group;	/* number of its IOMMU group */
	bool resets;	/* it can be reset by itself */
	bool on_root_bus;	/* and not behind a port */
	int fd;		/* the open device, or -1 */
	__u32 id;	/* in the iommufd, once bound */
	__u8 *regs;	/* BAR 0, once started */
};

/*
 * Finding one. All edu devices are given to vfio-pci. -ENODEV if there are not as
 * many.
 */
int edu_find(struct edu *edu, unsigned int which);
/* The first device of another kind, which is to VFIO as they are: see shmem.h. */
int edu_find_other(struct edu *edu, const char *modalias);
/*
 * Have the PCI core keep it enabled while nobody has it open, so that to open and to
 * close it asks ACPI nothing: 6.1's interpreter uses objects that it has freed after
 * an allocation of its own has failed.
 */
int edu_keep_enabled(struct edu *edu);
/* One that can be reset: it is alone behind a root port. */
int edu_find_resettable(struct edu *edu);
/*
 * Two that are in one IOMMU group: behind a port, which resets both together, or on
 * the root bus, where VFIO has no reason to serialize what is done to them.
 */
enum edu_pair {
	EDU_PAIR_BEHIND_PORT,
	EDU_PAIR_ON_ROOT_BUS,
};

int edu_find_pair(enum edu_pair kind, struct edu *one, struct edu *other);

/* The character device, before and after it is bound to an iommufd. */
int edu_open(struct edu *edu);
int edu_bind(struct edu *edu, int iommufd);
int edu_attach(struct edu *edu, __u32 pt);
/* @pt: what to attach to, then the HWPT that it came to be. */
int edu_attach_pt(struct edu *edu, __u32 *pt);
int edu_detach(struct edu *edu);
void edu_close(struct edu *edu);

/* The way of old: by group and container. The container's fd is written too. */
int edu_open_by_group(struct edu *edu, int *group, int *container);

/* Map the registers and let the device do DMA. */
int edu_start(struct edu *edu);
/* -EINVAL, as for the rest, until it is bound. */
int edu_region(struct edu *edu, __u32 index, struct vfio_region_info *region);

/* One DMA, waited for. The device does not tell if it worked. */
int edu_fetch(struct edu *edu, __u64 iova, size_t length);
int edu_store(struct edu *edu, __u64 iova, size_t length);
/* From memory to memory, through the device's buffer. */
int edu_copy(struct edu *edu, __u64 to, __u64 from, size_t length);
/* Begin to store, and do not wait. It happens 100 ms later. */
void edu_store_begin(struct edu *edu, __u64 iova, size_t length);
int edu_wait(struct edu *edu);

/* Interrupts, to an eventfd: @index is VFIO_PCI_{INTX,MSI}_IRQ_INDEX. */
int edu_irq_enable(struct edu *edu, __u32 index, int eventfd);
int edu_irq_disable(struct edu *edu, __u32 index);
int edu_irq_unmask(struct edu *edu, __u32 index);
void edu_irq_raise(struct edu *edu, __u32 bits);
/* Which are raised; then lower them. */
__u32 edu_irq_status(struct edu *edu);
void edu_irq_ack(struct edu *edu, __u32 bits);

/* A range that no IOVA of the device may be in, if its group has any. */
bool edu_reserved_range(struct edu *edu, __u64 *start, __u64 *last);

#endif
