/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device whose memory others can do DMA to: QEMU's ivshmem-plain, driven through
 * vfio-pci. BAR 2 is memory, and keeps what is in it whatever becomes of the device.
 *
 * Functions return 0 or -errno, and leave a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_SHMEM_H
#define SELFTESTS_IOMMU_SHMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "edu.h"

struct shmem {
	struct edu dev;	/* as VFIO sees it: edu_open(), edu_bind() and such serve */
	size_t size;	/* of BAR 2 */
	__u64 offset;	/* of BAR 2, in the device's file */
};

/* -ENODEV if there is none. */
int shmem_find(struct shmem *shmem);
/* Once open: let the device answer to its memory's addresses, or not. */
int shmem_decode(struct shmem *shmem, bool on);
/* Let it answer, and find its BAR. */
int shmem_start(struct shmem *shmem);
/* A part of BAR 2, mapped; NULL if not. */
__u8 *shmem_map(struct shmem *shmem, size_t offset, size_t length, int prot);

int shmem_reset(struct shmem *shmem);
/* The reset of all devices behind its port, which it is alone in. */
int shmem_hot_reset(struct shmem *shmem);
/* The state in which a program says that it does not use it. */
int shmem_low_power(struct shmem *shmem, bool on);

/* A dma-buf of ranges of a region; its file descriptor. */
int shmem_dma_buf(struct shmem *shmem, __u32 region, __u32 open_flags,
		  const struct vfio_region_dma_range *ranges, __u32 nr);
/* Of all of BAR 2, to read and write. */
int shmem_dma_buf_all(struct shmem *shmem);

/*
 * What the kernel's log says of DMA that an IOMMU did not let through: open it, then
 * ask if it was at that IOVA since.
 */
int faults_open(void);
bool faults_have(int fd, __u64 iova);

#endif
