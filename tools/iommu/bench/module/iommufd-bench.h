/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/iommufd-bench: what each step of mapping memory for a device costs when
 * it is done alone. Times are in ticks of the CPU's counter.
 */
#ifndef IOMMUFD_BENCH_H
#define IOMMUFD_BENCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct bench_pci - ioctl(BENCH_ATTACH): the device to map for
 * @segment: its PCI segment
 * @bus: its bus
 * @devfn: its device and function
 *
 * A new domain is attached to the device, which must be in a group of its own
 * and not be in use. Closing the file detaches it.
 */
struct bench_pci {
	__u16 segment;
	__u8 bus;
	__u8 devfn;
};

/**
 * struct bench_steps - ioctl(BENCH_STEPS): do the steps once
 * @va: start of the memory in the calling process, a multiple of the page size
 * @length: bytes of it, likewise
 * @iova: where to map it
 * @out_runs: physical runs that it consists of
 * @out_pin: GUP, in batches of 512 pages
 * @out_map: iommu_map_nosync() once a run, and one iommu_sync_map()
 * @out_unmap: iommu_unmap_fast() of all
 * @out_flush: iommu_iotlb_sync()
 * @out_unpin: unpinning as dirty
 *
 * With no device attached only @out_pin and @out_unpin are measured.
 */
struct bench_steps {
	__aligned_u64 va;
	__aligned_u64 length;
	__aligned_u64 iova;
	__aligned_u64 out_runs;
	__aligned_u64 out_pin;
	__aligned_u64 out_map;
	__aligned_u64 out_unmap;
	__aligned_u64 out_flush;
	__aligned_u64 out_unpin;
};

/**
 * struct bench_domain - ioctl(BENCH_DOMAIN): make a domain and free it
 * @out_alloc: iommu_paging_domain_alloc_flags()
 * @out_free: iommu_domain_free()
 */
struct bench_domain {
	__aligned_u64 out_alloc;
	__aligned_u64 out_free;
};

/**
 * struct bench_memory - ioctl(BENCH_MEMORY): what the caller has allocated
 * @out_bytes: bytes of slab objects allocated in the kernel on behalf of the caller,
 *	less those freed, from the caller's first call on
 *
 * Closing the file ends the count, which takes time with each allocation.
 */
struct bench_memory {
	__aligned_s64 out_bytes;
};

#define BENCH_ATTACH	_IOW('b', 1, struct bench_pci)
#define BENCH_STEPS	_IOWR('b', 2, struct bench_steps)
#define BENCH_DOMAIN	_IOR('b', 3, struct bench_domain)
#define BENCH_MEMORY	_IOR('b', 4, struct bench_memory)

#endif /* IOMMUFD_BENCH_H */
