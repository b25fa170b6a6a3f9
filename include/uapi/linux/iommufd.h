/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user API of /dev/iommu: which memory a device's DMA can reach, decided
 * by the program that owns the device.
 *
 * The order is the order of use: the objects and their ids, an address space
 * and its mappings, the page tables that hardware walks, nested translation
 * for guests, page faults and events, then options and compatibility.
 *
 * See Documentation/userspace-api/iommufd.rst for a worked example.
 */
#ifndef _UAPI_IOMMUFD_H
#define _UAPI_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMMUFD_TYPE	(';')

/**
 * DOC: ioctl format
 *
 * An ioctl on /dev/iommu takes a pointer to its struct. The first member,
 * @size, is the size of the struct in bytes as the program was compiled with;
 * the kernel copies that much in and, where there is output, as much of it
 * out. The structs grow only at their end, so that old and new programs and
 * kernels understand each other:
 *
 * - a program may pass a longer struct than the kernel knows, as long as all
 *   that the kernel does not know is zero;
 * - a program may pass a shorter struct than the kernel knows, down to the
 *   first version of that struct; the kernel takes what is missing as zero.
 *
 * Members that start with ``out_`` are written by the kernel and ignored on
 * input. Members named ``__reserved`` must be zero. A pointer to user memory is
 * carried in a 64-bit member, with the upper half zero in a 32-bit program.
 *
 * An IOVA, an I/O virtual address, is an address as a device puts it on the
 * bus. Addresses and lengths are in bytes. A range given as start and last
 * includes last, so that it can end at the end of the address space.
 *
 * A failed ioctl returns -1, sets errno and leaves everything as it was, but
 * for the members whose description says otherwise. These errors mean the same
 * for each ioctl:
 *
 * - ENOTTY: the kernel does not have this ioctl.
 * - E2BIG: the struct is longer than the kernel's, and what the kernel does not
 *   know is not zero. The program uses a feature that is newer than the kernel.
 * - EOPNOTSUPP: a flag, type or operation is unknown or is not supported by
 *   this kernel or this hardware, or a reserved member is not zero.
 * - EINVAL: @size is less than the first version of the struct has, or a value
 *   is understood and wrong.
 * - EFAULT: the struct, or memory that it points to, cannot be read or
 *   written.
 * - ENOENT: this file has no object with that id and of the right kind, or
 *   nothing is at that IOVA.
 * - EOVERFLOW: a range does not fit the address space: its start and length
 *   added up wrap around.
 * - ENOMEM: out of kernel memory, or over a limit (RLIMIT_MEMLOCK, the memory
 *   cgroup).
 *
 * Each ioctl lists below what else it can fail with, and what is particular
 * about these.
 */

/**
 * DOC: Objects
 *
 * What an ioctl or a bind creates is an object, named by a 32-bit id that is
 * never 0. The id is valid for the one open of /dev/iommu that it came from, in
 * any process that has that file. The kinds of object are
 *
 * - IOAS, an I/O address space: which IOVA is which memory.
 * - DEVICE, a device bound to this file: made by VFIO_DEVICE_BIND_IOMMUFD.
 * - ACCESS, the same for a device that is emulated, whose DMA the CPU does.
 * - HWPT, a hardware page table that devices are attached to. A paging HWPT is
 *   filled by the kernel from an IOAS. A nested HWPT is filled by the user,
 *   usually a guest, and its output addresses go through a paging HWPT.
 * - VIOMMU, the share that one virtual machine has of one physical IOMMU.
 * - VDEVICE, what a device is called inside that virtual machine.
 * - HW_QUEUE, a queue in guest memory that the IOMMU hardware reads directly.
 * - FAULT and VEVENTQ, files from which page faults and IOMMU events are read.
 *
 * An object that another one needs cannot be destroyed before it. Closing the
 * last reference to the file destroys all that is left, in the right order.
 */

/* Command numbers; programs use the IOMMU_* ioctls made of them */
enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE,
	IOMMUFD_CMD_IOAS_ALLOC = 0x81,
	IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82,
	IOMMUFD_CMD_IOAS_COPY = 0x83,
	IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84,
	IOMMUFD_CMD_IOAS_MAP = 0x85,
	IOMMUFD_CMD_IOAS_UNMAP = 0x86,
	IOMMUFD_CMD_OPTION = 0x87,
	IOMMUFD_CMD_VFIO_IOAS = 0x88,
	IOMMUFD_CMD_HWPT_ALLOC = 0x89,
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
	IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
	IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
	IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d,
	IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e,
	IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f,
	IOMMUFD_CMD_VIOMMU_ALLOC = 0x90,
	IOMMUFD_CMD_VDEVICE_ALLOC = 0x91,
	IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92,
	IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93,
	IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,
};

/* ---- Objects ---- */

/**
 * struct iommu_destroy - ioctl(IOMMU_DESTROY): give an object back
 * @size: sizeof(struct iommu_destroy)
 * @id: The object, of whatever kind
 *
 * Destroying an IOAS unmaps all of it. The ids of other objects do not change;
 * the id of this one may be given to a later object.
 *
 * Fails with
 *
 * - ENOENT: no object has this id.
 * - EBUSY: another object refers to this one: an IOAS has an HWPT, an HWPT has
 *   a device attached or another HWPT on top of it. A DEVICE belongs to whoever
 *   bound it and is always busy; close the device's file to unbind it.
 */
struct iommu_destroy {
	__u32 size;
	__u32 id;
};

#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)

/* ---- Address spaces ---- */

/**
 * struct iommu_ioas_alloc - ioctl(IOMMU_IOAS_ALLOC): make an empty address
 * space
 * @size: sizeof(struct iommu_ioas_alloc)
 * @flags: Must be 0
 * @out_ioas_id: The new IOAS
 *
 * Nothing is mapped in a new IOAS, and no IOVA is excluded from it. It can be
 * filled before or after devices are attached to it.
 */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

#define IOMMU_IOAS_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC)

/**
 * struct iommu_iova_range - A range of I/O virtual addresses
 * @start: Its first address
 * @last: Its last address, included in the range
 */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * struct iommu_ioas_iova_ranges - ioctl(IOMMU_IOAS_IOVA_RANGES): ask which
 *                                 IOVAs can be mapped
 * @size: sizeof(struct iommu_ioas_iova_ranges)
 * @ioas_id: The IOAS
 * @num_iovas: In: how many ranges @allowed_iovas has room for. Out: how many
 *             there are; written with EMSGSIZE too
 * @__reserved: Must be 0
 * @allowed_iovas: Pointer to an array of struct iommu_iova_range that is
 *                 filled, in ascending order. May be 0 if @num_iovas is 0
 * @out_iova_alignment: The granule of mappings in bytes, a power of 2. IOVA,
 *                      user address and length of a mapping are multiples of
 *                      it. It is 1 as long as the IOAS has no HWPT, and no
 *                      emulated device that pins pages is attached
 *
 * A range is usable when no attached device reserves it (interrupt windows,
 * memory of the firmware) and each attached IOMMU can translate it. What is
 * mapped already makes no difference. Attaching a device can shrink the ranges
 * and enlarge the granule, so ask again after that, and before that keep what
 * the coming devices need with IOMMU_IOAS_ALLOW_IOVAS.
 *
 * Fails with
 *
 * - ENOENT: @ioas_id is not an IOAS.
 * - EMSGSIZE: there are more ranges than @num_iovas said. As many as fit are
 *   written, and @num_iovas and @out_iova_alignment are too: call again with
 *   room for @num_iovas.
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};

#define IOMMU_IOAS_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES)

/**
 * struct iommu_ioas_allow_iovas - ioctl(IOMMU_IOAS_ALLOW_IOVAS): keep IOVA
 *                                 ranges usable
 * @size: sizeof(struct iommu_ioas_allow_iovas)
 * @ioas_id: The IOAS
 * @num_iovas: Number of ranges; 0 drops the list that was set before
 * @__reserved: Must be 0
 * @allowed_iovas: Pointer to an array of @num_iovas struct iommu_iova_range.
 *                 Their order is free; they must not overlap
 *
 * A VMM whose guest has its memory at fixed addresses states them here before
 * it attaches devices. While the list stands, attaching a device that would
 * make part of it unusable is refused, and IOMMU_IOAS_MAP chooses IOVAs within
 * the list only. A mapping at an IOVA that the caller fixes is not bound to the
 * list. Each call replaces the whole list; existing mappings stay.
 *
 * Fails with
 *
 * - ENOENT: @ioas_id is not an IOAS.
 * - EINVAL: a range starts after its last address, two overlap, or there are more
 *   than 8192.
 * - EADDRINUSE: part of a range is already unusable, for it is reserved by a
 *   device or out of an IOMMU's reach. The previous list stays.
 */
struct iommu_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};

#define IOMMU_IOAS_ALLOW_IOVAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOW_IOVAS)

/**
 * enum iommufd_ioas_map_flags - How memory appears to devices
 * @IOMMU_IOAS_MAP_FIXED_IOVA: Map at the given IOVA. Without it the kernel
 *                             chooses a free one
 * @IOMMU_IOAS_MAP_WRITEABLE: Devices can write to the memory
 * @IOMMU_IOAS_MAP_READABLE: Devices can read from the memory
 */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
	IOMMU_IOAS_MAP_READABLE = 1 << 2,
};

/**
 * struct iommu_ioas_map - ioctl(IOMMU_IOAS_MAP): let devices reach memory of
 *                         this process
 * @size: sizeof(struct iommu_ioas_map)
 * @flags: Of enum iommufd_ioas_map_flags; READABLE, WRITEABLE or both
 * @ioas_id: The IOAS
 * @__reserved: Must be 0
 * @user_va: Start of the memory in the calling process
 * @length: Bytes to map
 * @iova: In, with IOMMU_IOAS_MAP_FIXED_IOVA: where to map. Out: where it is
 *        mapped
 *
 * The mapping, called an area, is in force for all devices that are attached to
 * the IOAS when the call returns, and for those attached later at once.
 *
 * The area stands for the physical memory that is there when it is first needed
 * by an IOMMU, that is, now if a device is attached, else at the first attach.
 * It is pinned from then until no IOMMU uses it: neither swapped nor migrated.
 * If the process later remaps these addresses, devices continue to reach the
 * pages that were there before; unmap the area first. A pinned page counts once
 * for each IOMMU_IOAS_MAP of it against the user's RLIMIT_MEMLOCK, except where
 * the caller has CAP_IPC_LOCK.
 *
 * The memory can also be a VFIO device's, a BAR that is mapped. That is not
 * pinned, and follows the device: it is in no page table while the device is
 * reset or does not answer to its addresses, and never again once it is closed.
 *
 * An IOVA that the kernel chooses is aligned like the memory, so that huge pages
 * in the process can be huge pages in the IOMMU; that of an area smaller than a
 * huge page is aligned to its length. With a fixed IOVA this is up to the caller.
 *
 * Fails with
 *
 * - ENOENT: @ioas_id is not an IOAS.
 * - EINVAL: @length is 0; neither READABLE nor WRITEABLE is given; @iova,
 *   @user_va or @length is not a multiple of the granule that
 *   IOMMU_IOAS_IOVA_RANGES reports; or the fixed range includes an IOVA that is
 *   not usable.
 * - EOVERFLOW: @user_va or @iova plus @length wraps around.
 * - EEXIST: part of the fixed range is mapped already.
 * - ENOSPC: no free range of that length is left to choose.
 * - EFAULT: the memory cannot be pinned: nothing is mapped there, its
 *   protection forbids the access (a WRITEABLE area of read-only memory), or it
 *   is neither memory nor, as a whole, part of one BAR of a VFIO device.
 * - ENOMEM: it would go over RLIMIT_MEMLOCK, or the kernel is out of memory.
 */
struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP)

/**
 * struct iommu_ioas_map_file - ioctl(IOMMU_IOAS_MAP_FILE): let devices reach
 *                              the memory of a file
 * @size: sizeof(struct iommu_ioas_map_file)
 * @flags: As for IOMMU_IOAS_MAP
 * @ioas_id: The IOAS
 * @fd: A memfd, a file on tmpfs or hugetlbfs, or a dma-buf of a device's memory
 * @start: Offset of the memory in the file, in bytes
 * @length: Bytes to map
 * @iova: As for IOMMU_IOAS_MAP
 *
 * Like IOMMU_IOAS_MAP, but the memory needs no address in any process. The area
 * keeps the file's memory; @fd can be closed after the call. Areas of files can
 * be handed to another process, see IOMMU_IOAS_CHANGE_PROCESS.
 *
 * A hole in the file is filled when it is pinned. If the file is cut short or a
 * hole is punched later, devices continue to reach the pages that were there.
 * While an area is WRITEABLE the file cannot be sealed with F_SEAL_WRITE, as
 * with a shared mapping of a process.
 *
 * What a dma-buf stands for follows the device as a BAR that is mapped by
 * IOMMU_IOAS_MAP. How its file descriptor is opened does not bound @flags.
 *
 * Fails as IOMMU_IOAS_MAP does, with @start in the place of the user address,
 * and with
 *
 * - EBADF: @fd is not open.
 * - EINVAL: part of the range is beyond the end of the file, or the file is of
 *   a kind that cannot be mapped so.
 * - EACCES: the file is not open for reading, or the area is to be WRITEABLE
 *   and the file is not open for writing.
 * - EPERM: the area is to be WRITEABLE, and the file is sealed against writes.
 * - EFAULT: the file has become shorter since, or its memory is broken.
 * - ENOMEM: also where the file system has no room to fill a hole in the file.
 * - ENODEV: the device of the dma-buf has been closed, or its memory is not to be
 *   touched now, as in a reset.
 */
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP_FILE)

/**
 * struct iommu_ioas_copy - ioctl(IOMMU_IOAS_COPY): map what is mapped in a
 *                          second place
 * @size: sizeof(struct iommu_ioas_copy)
 * @flags: As for IOMMU_IOAS_MAP, for the copy. It cannot be WRITEABLE where the
 *         memory was mapped without that
 * @dst_ioas_id: The IOAS to map in
 * @src_ioas_id: The IOAS to copy from; may be the same
 * @length: Bytes to map
 * @dst_iova: In, with IOMMU_IOAS_MAP_FIXED_IOVA: where to map. Out: where it is
 *            mapped
 * @src_iova: Start of the range in the source, all of which must be mapped
 *
 * Source and copy share the memory: it is pinned and accounted once. They are
 * independent areas otherwise, either can be unmapped first. It is cheaper than
 * mapping the same memory again, and needs no address in the caller.
 *
 * The range can be part of an area, and can reach over several that are
 * adjacent. The copy has their borders then, and is as many areas.
 *
 * Fails as IOMMU_IOAS_MAP does, and with
 *
 * - ENOENT: an id is not an IOAS, or part of the source range is not mapped.
 * - EPERM: the copy would be WRITEABLE, and memory in the range was mapped by
 *   IOMMU_IOAS_MAP without that.
 * - EINVAL: the copy of one of the areas would begin or end, in its memory or
 *   in IOVA, at what is not a multiple of the destination's granule.
 * - EOVERFLOW: @src_iova or @dst_iova plus @length wraps around.
 */
struct iommu_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};

#define IOMMU_IOAS_COPY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_COPY)

/**
 * struct iommu_ioas_unmap - ioctl(IOMMU_IOAS_UNMAP): take memory away from
 * devices
 * @size: sizeof(struct iommu_ioas_unmap)
 * @ioas_id: The IOAS
 * @iova: Start of the range
 * @length: In: bytes in the range. Out: bytes that were mapped there and are no
 *          longer
 *
 * Removes each area in the range. There can be any number of them, with gaps
 * between; an area goes as a whole, as it was mapped, or not at all. An @iova
 * of 0 with a @length of U64_MAX empties the IOAS.
 *
 * On return no device reaches the memory any more: page tables and IOTLBs are
 * cleared, and the memory is unpinned unless another area uses it.
 *
 * Fails with
 *
 * - ENOENT: @ioas_id is not an IOAS; nothing is mapped in the range (not an
 *   error when emptying the IOAS); or an area is only partly in the range.
 *   Nothing is unmapped then.
 * - EINVAL: @length is 0.
 * - EOVERFLOW: @iova plus @length wraps around.
 * - EBUSY: the kernel itself is using memory of an area and did not let go.
 */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define IOMMU_IOAS_UNMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_UNMAP)

/**
 * struct iommu_ioas_change_process - ioctl(IOMMU_IOAS_CHANGE_PROCESS): account
 *                                    pinned memory to the caller
 * @size: sizeof(struct iommu_ioas_change_process)
 * @__reserved: Must be 0
 *
 * For a VMM that replaces itself while its devices keep running: the new process
 * has received the file from the old one. From now on the memory of all IOASes,
 * whether it is pinned now or later, counts against the new process, and the old
 * one can exit.
 *
 * Fails with
 *
 * - EINVAL: an area was made by IOMMU_IOAS_MAP; only areas of files can be
 *   handed over.
 * - ENOMEM: it would go over the caller's RLIMIT_MEMLOCK.
 */
struct iommu_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};

#define IOMMU_IOAS_CHANGE_PROCESS                                              \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_CHANGE_PROCESS)

/* ---- What the hardware is ---- */

/**
 * enum iommu_hw_info_type - Kinds of hardware description
 * @IOMMU_HW_INFO_TYPE_NONE: Out: the IOMMU has no description for the user
 * @IOMMU_HW_INFO_TYPE_DEFAULT: In: whatever kind the IOMMU has
 * @IOMMU_HW_INFO_TYPE_INTEL_VTD: struct iommu_hw_info_vtd
 * @IOMMU_HW_INFO_TYPE_ARM_SMMUV3: struct iommu_hw_info_arm_smmuv3
 * @IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV: struct iommu_hw_info_tegra241_cmdqv, an
 *                                     extension of an SMMUv3
 * @IOMMU_HW_INFO_TYPE_AMD: struct iommu_hw_info_amd
 */
enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,
	IOMMU_HW_INFO_TYPE_DEFAULT = 0,
	IOMMU_HW_INFO_TYPE_INTEL_VTD = 1,
	IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2,
	IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV = 3,
	IOMMU_HW_INFO_TYPE_AMD = 4,
};

/**
 * enum iommu_hw_info_vtd_flags - Notes on a VT-d unit
 * @IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17: Sapphire Rapids erratum 772415: in
 *     nested translation this unit writes to pages that stage 2 maps read-only.
 *     A nesting parent must not hold a read-only area
 */
enum iommu_hw_info_vtd_flags {
	IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0,
};

/**
 * struct iommu_hw_info_vtd - Description of an Intel VT-d unit
 * @flags: Of enum iommu_hw_info_vtd_flags
 * @__reserved: 0
 * @cap_reg: Capability Register, VT-d specification 11.4.2
 * @ecap_reg: Extended Capability Register, VT-d specification 11.4.3
 *
 * These are the registers as the hardware has them. Bits that the kernel cannot
 * offer to a guest are not taken out; a VMM takes those that it knows what to
 * do with.
 */
struct iommu_hw_info_vtd {
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 cap_reg;
	__aligned_u64 ecap_reg;
};

/**
 * struct iommu_hw_info_arm_smmuv3 - Description of an Arm SMMUv3
 * @flags: 0
 * @__reserved: 0
 * @idr: SMMU_IDR0 to SMMU_IDR5, Arm IHI 0070 6.3.1 to 6.3.6
 * @iidr: SMMU_IIDR, Arm IHI 0070 6.3.7
 * @aidr: SMMU_AIDR, Arm IHI 0070 6.3.8
 *
 * The registers as the hardware has them. A feature that is announced here may
 * be broken (look at @iidr for errata), disabled by firmware or not supported
 * for guests; IDR0.BTM, HTTU and the size fields are the usual cases. A VMM
 * takes the fields that it knows what to do with, as upper bounds.
 */
struct iommu_hw_info_arm_smmuv3 {
	__u32 flags;
	__u32 __reserved;
	__u32 idr[6];
	__u32 iidr;
	__u32 aidr;
};

/**
 * struct iommu_hw_info_tegra241_cmdqv - Description of NVIDIA's command queue
 *                                       virtualization for SMMUv3
 * @flags: 0
 * @version: Version of the CMDQ-V in the CONFIG and PARAM registers
 * @log2vcmdqs: Log2 of the number of virtual command queues a VM can have
 * @log2vsids: Log2 of the number of virtual stream ids a VM can have
 * @__reserved: 0
 */
struct iommu_hw_info_tegra241_cmdqv {
	__u32 flags;
	__u8 version;
	__u8 log2vcmdqs;
	__u8 log2vsids;
	__u8 __reserved;
};

/**
 * struct iommu_hw_info_amd - Description of an AMD IOMMU
 * @efr: Extended Feature Register, MMIO offset 0x30 in the AMD I/O
 *       Virtualization Technology specification
 * @efr2: Extended Feature 2 Register, MMIO offset 0x1a0 there
 */
struct iommu_hw_info_amd {
	__aligned_u64 efr;
	__aligned_u64 efr2;
};

/**
 * enum iommufd_hw_capabilities - What the IOMMU can do for a device
 * @IOMMU_HW_CAP_DIRTY_TRACKING: It can record which pages the device wrote to:
 *     IOMMU_HWPT_ALLOC_DIRTY_TRACKING can be used
 * @IOMMU_HW_CAP_PCI_PASID_EXEC: The device's PASIDs can carry execute requests
 *     (PCIe, PASID capability). Set only where out_max_pasid_log2 is not 0
 * @IOMMU_HW_CAP_PCI_PASID_PRIV: The device's PASIDs can carry privileged
 *     requests (PCIe, PASID capability). Set only where out_max_pasid_log2 is
 *     not 0
 * @IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED: The device cannot use ATS behind this
 *     IOMMU, whatever its configuration space says; do not offer it to a guest
 */
enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,
	IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1,
	IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,
	IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3,
};

/**
 * enum iommufd_hw_info_flags - Modifiers of IOMMU_GET_HW_INFO
 * @IOMMU_HW_INFO_FLAG_INPUT_TYPE: in_data_type says which description is
 *     wanted. Without it the IOMMU's default is given, and in_data_type is
 *     ignored
 */
enum iommufd_hw_info_flags {
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0,
};

/**
 * struct iommu_hw_info - ioctl(IOMMU_GET_HW_INFO): ask what IOMMU is behind a
 *                        device
 * @size: sizeof(struct iommu_hw_info)
 * @flags: Of enum iommufd_hw_info_flags
 * @dev_id: The DEVICE
 * @data_len: In: bytes that @data_uptr has room for. Out: bytes that the kernel
 *            has for this kind, be it more or less
 * @data_uptr: Pointer to memory for the description. May be 0 if @data_len is 0
 * @in_data_type: With IOMMU_HW_INFO_FLAG_INPUT_TYPE: the wanted kind, of enum
 *                iommu_hw_info_type
 * @out_data_type: The kind that was written, of enum iommu_hw_info_type
 * @out_max_pasid_log2: Number of PASID bits that device and IOMMU have in
 *                      common; 0 if PASIDs cannot be used
 * @__reserved: Must be 0
 * @out_capabilities: Of enum iommufd_hw_capabilities
 *
 * The description is a struct named after its kind. As much as fits in
 * @data_len is written, and the rest of a longer buffer is set to zero, so a
 * program and a kernel of different age understand each other here too. A
 * @data_len of 0 asks for the kind and the length only.
 *
 * Fails with
 *
 * - ENOENT: @dev_id is not a DEVICE.
 * - EOPNOTSUPP: the IOMMU has no description of the wanted kind.
 * - EFAULT: @data_uptr cannot be written.
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	union {
		__u32 in_data_type;
		__u32 out_data_type;
	};
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};

#define IOMMU_GET_HW_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_GET_HW_INFO)

/* ---- Hardware page tables ---- */

/**
 * enum iommufd_hwpt_alloc_flags - What a new HWPT is for
 * @IOMMU_HWPT_ALLOC_NEST_PARENT: A paging HWPT on top of which nested HWPTs and
 *     VIOMMUs can be made: its table is in the format of stage 2
 * @IOMMU_HWPT_ALLOC_DIRTY_TRACKING: A paging HWPT that can record which pages
 *     devices write to. A device that cannot do so is refused at attach
 * @IOMMU_HWPT_FAULT_ID_VALID: fault_id names the FAULT object that receives the
 *     page faults of devices on this HWPT
 * @IOMMU_HWPT_ALLOC_PASID: An HWPT that a device which uses PASIDs can be
 *     attached to, on its own id or on a PASID
 */
enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1,
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,
	IOMMU_HWPT_ALLOC_PASID = 1 << 3,
};

/**
 * enum iommu_hwpt_data_type - Kinds of hardware data that an HWPT is made from
 * @IOMMU_HWPT_DATA_NONE: None; a paging HWPT as the kernel sees fit
 * @IOMMU_HWPT_DATA_VTD_S1: struct iommu_hwpt_vtd_s1, a nested HWPT
 * @IOMMU_HWPT_DATA_ARM_SMMUV3: struct iommu_hwpt_arm_smmuv3, a nested HWPT
 * @IOMMU_HWPT_DATA_AMD_GUEST: struct iommu_hwpt_amd_guest, a nested HWPT
 */
enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,
	IOMMU_HWPT_DATA_VTD_S1 = 1,
	IOMMU_HWPT_DATA_ARM_SMMUV3 = 2,
	IOMMU_HWPT_DATA_AMD_GUEST = 3,
};

/**
 * enum iommu_hwpt_vtd_s1_flags - Bits of a scalable-mode PASID table entry that
 *                                a guest owns (VT-d specification 9.6)
 * @IOMMU_VTD_S1_SRE: Supervisor Request Enable
 * @IOMMU_VTD_S1_EAFE: Extended Access Flag Enable
 * @IOMMU_VTD_S1_WPE: Write Protect Enable
 */
enum iommu_hwpt_vtd_s1_flags {
	IOMMU_VTD_S1_SRE = 1 << 0,
	IOMMU_VTD_S1_EAFE = 1 << 1,
	IOMMU_VTD_S1_WPE = 1 << 2,
};

/**
 * struct iommu_hwpt_vtd_s1 - A first-stage page table of VT-d
 * @flags: Of enum iommu_hwpt_vtd_s1_flags
 * @pgtbl_addr: Address of the table's root, 4 KiB aligned, as the nesting
 *              parent translates it: guest physical
 * @addr_width: Bits that the table translates: 48 for 4 levels, 57 for 5
 * @__reserved: Must be 0
 */
struct iommu_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr;
	__u32 addr_width;
	__u32 __reserved;
};

/**
 * struct iommu_hwpt_arm_smmuv3 - The guest's part of an SMMUv3 stream table
 * entry
 * @ste: Its first two 64-bit words, Arm IHI 0070 5.2, little endian
 *
 * Of word 0 a guest owns V, Config, S1Fmt, S1ContextPtr and S1CDMax; of word 1
 * S1DSS, S1CIR, S1COR, S1CSH, S1STALLD and, where the kernel supports ATS for
 * nested HWPTs, EATS. All other bits must be 0. Config can be abort, bypass or
 * stage 1 only. S1ContextPtr is as the nesting parent translates it: guest
 * physical. An entry with V clear blocks DMA.
 */
struct iommu_hwpt_arm_smmuv3 {
	__aligned_le64 ste[2];
};

/**
 * struct iommu_hwpt_amd_guest - The guest's part of an AMD device table entry
 * @dte: The 256-bit entry as the guest has it, AMD I/O Virtualization
 *       Technology specification 2.2.2.1
 */
struct iommu_hwpt_amd_guest {
	__aligned_u64 dte[4];
};

/**
 * struct iommu_hwpt_alloc - ioctl(IOMMU_HWPT_ALLOC): make a page table for
 *                           devices to be attached to
 * @size: sizeof(struct iommu_hwpt_alloc)
 * @flags: Of enum iommufd_hwpt_alloc_flags
 * @dev_id: The DEVICE that it is made for. Other devices can be attached to it
 *          if their IOMMU takes the table as it is
 * @pt_id: What it is made on: an IOAS for a paging HWPT; a paging HWPT that is
 *         a nesting parent, or a VIOMMU, for a nested HWPT
 * @out_hwpt_id: The new HWPT
 * @__reserved: Must be 0
 * @data_type: Kind of the hardware data, of enum iommu_hwpt_data_type. It
 *             cannot be IOMMU_HWPT_DATA_NONE for a nested HWPT
 * @data_len: Bytes at @data_uptr; 0 for IOMMU_HWPT_DATA_NONE
 * @data_uptr: Pointer to the hardware data, a struct named after the kind. It
 *             follows the same rules as the ioctl's struct: what is beyond the
 *             kernel's version must be zero
 * @fault_id: With IOMMU_HWPT_FAULT_ID_VALID: the FAULT object
 * @__reserved2: Must be 0
 *
 * A paging HWPT holds what its IOAS holds, now and after each map and unmap. A
 * program that needs none of the flags can do without this ioctl: attaching a
 * device to an IOAS finds or makes an HWPT.
 *
 * A nested HWPT is the first of two translations. The user, usually a guest,
 * owns its table, in the format that IOMMU_GET_HW_INFO describes; all addresses
 * it holds and puts out go through the parent. The user announces changes to it
 * with IOMMU_HWPT_INVALIDATE.
 *
 * Fails with
 *
 * - ENOENT: @dev_id is not a DEVICE, @fault_id is not a FAULT, or no object has
 *   the id @pt_id.
 * - EINVAL: @pt_id is of another kind, or a paging HWPT that is not a nesting
 *   parent; the VIOMMU belongs to an IOMMU which is not the device's;
 *   @data_len or the hardware data do not fit @data_type.
 * - EOPNOTSUPP: the IOMMU has no such page table: a flag, a kind, or a
 *   combination of them that it cannot do.
 * - E2BIG: the hardware data is longer than the kernel knows, and not zero
 *   there.
 * - EIO: the hardware data has a bit set that is not the user's, or a
 *   combination that the hardware would refuse.
 * - EADDRINUSE: an area of the IOAS is at an IOVA that the IOMMU cannot
 *   translate, or is not aligned to its granule.
 * - ENOSPC, EBUSY: the IOMMU has no number left to tell the table from others by
 *   (a VMID, an ASID).
 * - EFAULT, ENOMEM: memory of an IOAS that had no HWPT before cannot be pinned,
 *   as for IOMMU_IOAS_MAP; or @data_uptr cannot be read.
 */
struct iommu_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2;
};

#define IOMMU_HWPT_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_ALLOC)

/* ---- Dirty tracking ---- */

/**
 * enum iommufd_hwpt_set_dirty_tracking_flags - Dirty tracking on and off
 * @IOMMU_HWPT_DIRTY_TRACKING_ENABLE: On; without it off
 */
enum iommufd_hwpt_set_dirty_tracking_flags {
	IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1 << 0,
};

/**
 * struct iommu_hwpt_set_dirty_tracking - ioctl(IOMMU_HWPT_SET_DIRTY_TRACKING):
 *                                        start or stop recording device writes
 * @size: sizeof(struct iommu_hwpt_set_dirty_tracking)
 * @flags: Of enum iommufd_hwpt_set_dirty_tracking_flags
 * @hwpt_id: A paging HWPT made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING
 * @__reserved: Must be 0
 *
 * Starting forgets what was recorded before: all is clean. Setting the state
 * that it is in already does nothing.
 *
 * Fails with
 *
 * - ENOENT: @hwpt_id is not a paging HWPT.
 * - EOPNOTSUPP: it was made without dirty tracking.
 */
struct iommu_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved;
};

#define IOMMU_HWPT_SET_DIRTY_TRACKING                                          \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING)

/**
 * enum iommufd_hwpt_get_dirty_bitmap_flags - Modifiers of reading the record
 * @IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: Leave the record as it is; the next
 *     reading reports the same pages again. It saves an IOTLB flush, for the
 *     last look at memory that is about to be unmapped
 */
enum iommufd_hwpt_get_dirty_bitmap_flags {
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1 << 0,
};

/**
 * struct iommu_hwpt_get_dirty_bitmap - ioctl(IOMMU_HWPT_GET_DIRTY_BITMAP):
 *                                      read, and clear, what devices wrote to
 * @size: sizeof(struct iommu_hwpt_get_dirty_bitmap)
 * @hwpt_id: A paging HWPT whose dirty tracking is on
 * @flags: Of enum iommufd_hwpt_get_dirty_bitmap_flags
 * @__reserved: Must be 0
 * @iova: Start of the range, a multiple of @page_size
 * @length: Bytes in the range, a multiple of @page_size
 * @page_size: Bytes that a bit stands for, a power of 2
 * @data: Pointer to the bitmap, of 64-bit words in the byte order of the CPU.
 *        Bit n, counted from the least significant of the first word, stands
 *        for the @page_size bytes at @iova + n * @page_size. Its address can be
 *        any
 *
 * Bits are set for pages that a device wrote to since they were cleared last.
 * No bit is cleared: start with zeros, or collect several readings in one
 * bitmap. The hardware may record in larger units than @page_size; all bits of
 * such a unit are set then. A unit that is only partly in the range stays dirty,
 * for the bits of its other part are not reported: read in ranges that are aligned
 * as the areas are. IOVAs that are not mapped are clean.
 *
 * Fails with
 *
 * - ENOENT: @hwpt_id is not a paging HWPT.
 * - EOPNOTSUPP: it was made without dirty tracking.
 * - EINVAL: dirty tracking is off; @page_size is not a power of 2; the range is
 *   empty or not aligned to it.
 * - EOVERFLOW: the range wraps around.
 * - EFAULT: the bitmap cannot be written. What was read from the hardware by
 *   then may be lost: take the whole range as dirty.
 */
struct iommu_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};

#define IOMMU_HWPT_GET_DIRTY_BITMAP                                            \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP)

/* ---- Virtual IOMMUs ---- */

/**
 * enum iommu_viommu_type - Kinds of VIOMMU
 * @IOMMU_VIOMMU_TYPE_DEFAULT: Reserved
 * @IOMMU_VIOMMU_TYPE_ARM_SMMUV3: An SMMUv3. There is no data
 * @IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: An SMMUv3 with NVIDIA's command queues for
 *     guests; the data is struct iommu_viommu_tegra241_cmdqv
 */
enum iommu_viommu_type {
	IOMMU_VIOMMU_TYPE_DEFAULT = 0,
	IOMMU_VIOMMU_TYPE_ARM_SMMUV3 = 1,
	IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV = 2,
};

/**
 * struct iommu_viommu_tegra241_cmdqv - Where a VM's register page of CMDQ-V is
 * @out_vintf_mmap_offset: Offset on the iommufd to give to mmap()
 * @out_vintf_mmap_length: Length in bytes to give to mmap()
 *
 * The page is the logical register page 0 of the VM's interface, to be mapped
 * into the guest as it is. It stays valid as long as the VIOMMU is.
 */
struct iommu_viommu_tegra241_cmdqv {
	__aligned_u64 out_vintf_mmap_offset;
	__aligned_u64 out_vintf_mmap_length;
};

/**
 * struct iommu_viommu_alloc - ioctl(IOMMU_VIOMMU_ALLOC): make a VM's share of a
 *                             physical IOMMU
 * @size: sizeof(struct iommu_viommu_alloc)
 * @flags: Must be 0
 * @type: Of enum iommu_viommu_type
 * @dev_id: A DEVICE behind that physical IOMMU
 * @hwpt_id: The nesting parent that holds the VM's memory
 * @out_viommu_id: The new VIOMMU
 * @data_len: Bytes at @data_uptr; 0 where the kind has no data
 * @__reserved: Must be 0
 * @data_uptr: Pointer to data of the kind, read and written
 *
 * The VIOMMU keeps the hardware's tag of the VM (a VMID or the like) and what
 * the VM's devices are called in it. A VM with devices behind several physical
 * IOMMUs has a VIOMMU for each, which can share one nesting parent.
 *
 * Fails with
 *
 * - ENOENT: @dev_id is not a DEVICE, or @hwpt_id is not a paging HWPT.
 * - EINVAL: the HWPT is not a nesting parent, or not one that the physical IOMMU
 *   can use; or @data_len does not fit @type.
 * - EOPNOTSUPP: the physical IOMMU has no VIOMMU of this kind.
 * - ENOSPC: the physical IOMMU has no tag left.
 */
struct iommu_viommu_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 out_viommu_id;
	__u32 data_len;
	__u32 __reserved;
	__aligned_u64 data_uptr;
};

#define IOMMU_VIOMMU_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VIOMMU_ALLOC)

/**
 * struct iommu_vdevice_alloc - ioctl(IOMMU_VDEVICE_ALLOC): say what a device is
 *                              called in the VM
 * @size: sizeof(struct iommu_vdevice_alloc)
 * @viommu_id: The VIOMMU
 * @dev_id: The DEVICE, which is behind the VIOMMU's physical IOMMU
 * @out_vdevice_id: The new VDEVICE
 * @virt_id: The virtual id: for SMMUv3 the StreamID, for VT-d the source id
 *           (bus, device, function) in the VM
 *
 * From then on the guest's invalidation commands that name the virtual id reach
 * this device, and events of the device are reported with it. A VDEVICE goes with
 * its device when that is unbound. Its id then names nothing, and is not given to
 * another object: IOMMU_DESTROY of it fails with ENOENT.
 *
 * Fails with
 *
 * - ENOENT: @viommu_id is not a VIOMMU, or @dev_id is not a DEVICE.
 * - EINVAL: the device is behind another IOMMU, or @virt_id is out of range.
 * - EEXIST: the VIOMMU has this @virt_id already, or the device has a VDEVICE.
 * - EOPNOTSUPP: the IOMMU knows the device by several ids, and cannot tell a VM of
 *   them by one.
 */
struct iommu_vdevice_alloc {
	__u32 size;
	__u32 viommu_id;
	__u32 dev_id;
	__u32 out_vdevice_id;
	__aligned_u64 virt_id;
};

#define IOMMU_VDEVICE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_ALLOC)

/**
 * enum iommu_hw_queue_type - Kinds of HW_QUEUE
 * @IOMMU_HW_QUEUE_TYPE_DEFAULT: Reserved
 * @IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV: A virtual command queue of NVIDIA's
 *     CMDQ-V. Queues are allocated in the order of their index, and destroyed
 *     in reverse
 */
enum iommu_hw_queue_type {
	IOMMU_HW_QUEUE_TYPE_DEFAULT = 0,
	IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV = 1,
};

/**
 * struct iommu_hw_queue_alloc - ioctl(IOMMU_HW_QUEUE_ALLOC): let the hardware
 *                               read a queue in guest memory
 * @size: sizeof(struct iommu_hw_queue_alloc)
 * @flags: Must be 0
 * @viommu_id: The VIOMMU, of a kind that has such queues
 * @type: Of enum iommu_hw_queue_type
 * @index: Which queue of the VIOMMU it is, from 0
 * @out_hw_queue_id: The new HW_QUEUE
 * @nesting_parent_iova: Start of the queue as the nesting parent translates it:
 *                       guest physical
 * @length: Bytes in the queue
 *
 * The memory must be mapped in the IOAS of the nesting parent and be physically
 * contiguous. It is pinned: the IOAS refuses to unmap it while the queue is
 * there.
 *
 * Fails with
 *
 * - ENOENT: @viommu_id is not a VIOMMU, or the memory is not mapped.
 * - EINVAL: @length is 0 or does not fit the hardware, @index is over its limit,
 *   or the memory is a device's.
 * - EPERM: an area of the memory is not READABLE.
 * - EEXIST: @index is in use.
 * - EIO: the queue of the index before does not exist yet.
 * - EFAULT: the memory is not physically contiguous.
 * - EADDRINUSE: an area of the IOAS begins or ends within a page.
 * - EOPNOTSUPP: the VIOMMU has no queue of this kind.
 * - EOVERFLOW: the range wraps around.
 */
struct iommu_hw_queue_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 index;
	__u32 out_hw_queue_id;
	__aligned_u64 nesting_parent_iova;
	__aligned_u64 length;
};

#define IOMMU_HW_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HW_QUEUE_ALLOC)

/* ---- Invalidation of a guest's caches ---- */

/**
 * enum iommu_hwpt_invalidate_data_type - Kinds of invalidation entries
 * @IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: struct iommu_hwpt_vtd_s1_invalidate, for
 *     a nested HWPT of kind IOMMU_HWPT_DATA_VTD_S1
 * @IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: struct
 *     iommu_viommu_arm_smmuv3_invalidate, for a VIOMMU of kind
 *     IOMMU_VIOMMU_TYPE_ARM_SMMUV3
 */
enum iommu_hwpt_invalidate_data_type {
	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0,
	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1,
};

/**
 * enum iommu_hwpt_vtd_s1_invalidate_flags - Modifiers of a VT-d invalidation
 * @IOMMU_VTD_INV_FLAGS_LEAF: Only leaf entries changed; the caches of upper
 *     levels can stay (the invalidation hint of VT-d specification 6.5.2)
 */
enum iommu_hwpt_vtd_s1_invalidate_flags {
	IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0,
};

/**
 * struct iommu_hwpt_vtd_s1_invalidate - Invalidate a range of a VT-d first
 * stage
 * @addr: Start of the range, 4 KiB aligned
 * @npages: Number of 4 KiB pages in the range
 * @flags: Of enum iommu_hwpt_vtd_s1_invalidate_flags
 * @__reserved: Must be 0
 *
 * An @addr of 0 with an @npages of U64_MAX means all of the table. IOTLBs and
 * the device TLBs of all devices on the HWPT are invalidated; they are when the
 * ioctl returns.
 */
struct iommu_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/**
 * struct iommu_viommu_arm_smmuv3_invalidate - A command of a guest's SMMUv3
 * queue
 * @cmd: The 128-bit command as the guest wrote it, Arm IHI 0070 chapter 4,
 *       little endian
 *
 * These commands are accepted: CMD_TLBI_NSNH_ALL, CMD_TLBI_NH_ALL,
 * CMD_TLBI_NH_ASID, CMD_TLBI_NH_VA, CMD_TLBI_NH_VAA, CMD_ATC_INV, CMD_CFGI_CD
 * and CMD_CFGI_CD_ALL. StreamIDs in them are virtual ids of the VIOMMU's VDEVICEs.
 * The kernel puts in the VMID. A CMD_SYNC is not needed: all is done when the
 * ioctl returns.
 */
struct iommu_viommu_arm_smmuv3_invalidate {
	__aligned_le64 cmd[2];
};

/**
 * struct iommu_hwpt_invalidate - ioctl(IOMMU_HWPT_INVALIDATE): tell the
 *                                hardware of changes that a guest made to its
 *                                tables
 * @size: sizeof(struct iommu_hwpt_invalidate)
 * @hwpt_id: A nested HWPT or a VIOMMU
 * @data_uptr: Pointer to the array of entries
 * @data_type: Kind of the entries, of enum iommu_hwpt_invalidate_data_type
 * @entry_len: Bytes from one entry to the next. What is beyond the kernel's
 *             version of the entry must be zero
 * @entry_num: In: number of entries, 2^19 at most. Out: number that were
 *             handled, also when the ioctl fails; the entry of that index is
 *             the one that failed
 * @__reserved: Must be 0
 *
 * The entries are handled in order. An @entry_num of 0 asks whether @data_type is
 * supported: it succeeds if so.
 *
 * Fails with
 *
 * - ENOENT: @hwpt_id is no object.
 * - EINVAL: the object is neither a nested HWPT nor a VIOMMU, or the kind of
 *   entry does not fit it; @data_uptr is 0; @entry_len is 0, shorter than the
 *   first version of the entry, longer than a page, or not a multiple of its
 *   alignment; @entry_num is too large; an entry is malformed or names a virtual
 *   id that is not there.
 * - EOPNOTSUPP: the hardware behind the object has no such invalidation, or an
 *   entry has an unknown flag.
 * - EIO: an entry is a command that a guest may not give or that the hardware
 *   would refuse, as one of an SMMUv3 for a virtual id that is not there; or the
 *   hardware failed.
 * - E2BIG: an entry is longer than the kernel knows, and not zero there.
 * - EINTR: a signal came. Call again with the entries that are left.
 */
struct iommu_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};

#define IOMMU_HWPT_INVALIDATE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)

/* ---- Page faults ---- */

/**
 * enum iommu_hwpt_pgfault_flags - What is known of a page request
 * @IOMMU_PGFAULT_FLAGS_PASID_VALID: It has a PASID
 * @IOMMU_PGFAULT_FLAGS_LAST_PAGE: It is the last of its group, which can be
 *     answered now
 */
enum iommu_hwpt_pgfault_flags {
	IOMMU_PGFAULT_FLAGS_PASID_VALID = 1 << 0,
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1,
};

/**
 * enum iommu_hwpt_pgfault_perm - The access that a page request asks for
 * @IOMMU_PGFAULT_PERM_READ: Read
 * @IOMMU_PGFAULT_PERM_WRITE: Write
 * @IOMMU_PGFAULT_PERM_EXEC: Instruction fetch; only with a PASID
 * @IOMMU_PGFAULT_PERM_PRIV: In privileged mode; only with a PASID
 */
enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = 1 << 0,
	IOMMU_PGFAULT_PERM_WRITE = 1 << 1,
	IOMMU_PGFAULT_PERM_EXEC = 1 << 2,
	IOMMU_PGFAULT_PERM_PRIV = 1 << 3,
};

/**
 * struct iommu_hwpt_pgfault - A page request, as read from a FAULT file
 * @flags: Of enum iommu_hwpt_pgfault_flags
 * @dev_id: The DEVICE that asks
 * @pasid: Its PASID, with IOMMU_PGFAULT_FLAGS_PASID_VALID
 * @grpid: The group index that the device gave the request (PCIe, Page Request
 *         Group Index)
 * @perm: Of enum iommu_hwpt_pgfault_perm
 * @__reserved: 0
 * @addr: The address that the device could not reach; its low bits are 0 where
 *        the hardware reports pages only
 * @length: Bytes that the device is going to need from there, as far as it says
 *          so; else 0
 * @cookie: Names the group in the response. It is the same in all requests of a
 *          group
 */
struct iommu_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length;
	__u32 cookie;
};

/**
 * enum iommufd_page_response_code - Answers to a group of page requests
 * @IOMMUFD_PAGE_RESP_SUCCESS: The pages are there; the device can try again
 * @IOMMUFD_PAGE_RESP_INVALID: They will not be; the device gives up the access
 */
enum iommufd_page_response_code {
	IOMMUFD_PAGE_RESP_SUCCESS = 0,
	IOMMUFD_PAGE_RESP_INVALID = 1,
};

/**
 * struct iommu_hwpt_page_response - An answer, as written to a FAULT file
 * @cookie: Of the group that is answered
 * @code: Of enum iommufd_page_response_code
 */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/**
 * struct iommu_fault_alloc - ioctl(IOMMU_FAULT_QUEUE_ALLOC): make a queue of
 *                            page faults
 * @size: sizeof(struct iommu_fault_alloc)
 * @flags: Must be 0
 * @out_fault_id: The new FAULT, to give to IOMMU_HWPT_ALLOC
 * @out_fault_fd: A new file, open with O_CLOEXEC, where its faults are read
 *
 * read() on the file gives as many whole groups of struct iommu_hwpt_pgfault as
 * fit the buffer, each request once, and never part of a group. It waits for
 * one, unless O_NONBLOCK is set; poll() tells when there is one. write() takes
 * an array of struct iommu_hwpt_page_response. Each group must be answered
 * once; a device may wait for the answer without a limit. Groups that are not
 * answered when their device is detached, or the FAULT goes, get
 * IOMMUFD_PAGE_RESP_INVALID. A group that comes while the queue holds 1024
 * requests, read or not, or once the file is closed, gets that at once.
 *
 * The FAULT lives until IOMMU_DESTROY, and the file until it is closed, in
 * either order. read() gives 0 once the FAULT is gone and all has been read.
 *
 * read() and write() fail with
 *
 * - EINVAL: the size is not a multiple of the struct's; the buffer of read() has
 *   no room for the next group; or a response has an unknown cookie or code. The
 *   count returned tells how many answers before it were given; it fails only if
 *   there were none.
 * - EAGAIN: there is nothing to read, and O_NONBLOCK is set.
 * - EFAULT: the buffer cannot be read or written. No request is lost.
 * - ESPIPE: an offset is given.
 */
struct iommu_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};

#define IOMMU_FAULT_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_FAULT_QUEUE_ALLOC)

/* ---- Events of a virtual IOMMU ---- */

/**
 * enum iommu_veventq_flag - What is special about an event
 * @IOMMU_VEVENTQ_FLAG_LOST_EVENTS: The queue was full and events were lost. No
 *     event follows this header
 */
enum iommu_veventq_flag {
	IOMMU_VEVENTQ_FLAG_LOST_EVENTS = 1 << 0,
};

/**
 * struct iommufd_vevent_header - What each event in a VEVENTQ file starts with
 * @flags: Of enum iommu_veventq_flag
 * @sequence: Counts the events of the queue, lost ones too. It goes from 0 to
 *            INT_MAX and then from 0 again, so that the distance to the
 *            previous one, less 1, is the number of events that were lost
 *            between
 */
struct iommufd_vevent_header {
	__u32 flags;
	__u32 sequence;
};

/**
 * enum iommu_veventq_type - Kinds of VEVENTQ
 * @IOMMU_VEVENTQ_TYPE_DEFAULT: Reserved
 * @IOMMU_VEVENTQ_TYPE_ARM_SMMUV3: struct iommu_vevent_arm_smmuv3
 * @IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV: struct iommu_vevent_tegra241_cmdqv
 */
enum iommu_veventq_type {
	IOMMU_VEVENTQ_TYPE_DEFAULT = 0,
	IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 = 1,
	IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV = 2,
};

/**
 * struct iommu_vevent_arm_smmuv3 - An event record of an SMMUv3
 * @evt: The 256-bit record, Arm IHI 0070 7.3, little endian, with the StreamID
 *       replaced by the virtual id of the VDEVICE
 *
 * Only events of a stage 1 that the guest owns are reported. A VMM can put the
 * record into the guest's event queue as it is.
 */
struct iommu_vevent_arm_smmuv3 {
	__aligned_le64 evt[4];
};

/**
 * struct iommu_vevent_tegra241_cmdqv - An error of NVIDIA's command queues
 * @lvcmdq_err_map: A bit for each of the VM's logical queues that has an error;
 *                  the LVCMDQ_ERR_MAP registers, little endian
 */
struct iommu_vevent_tegra241_cmdqv {
	__aligned_le64 lvcmdq_err_map[2];
};

/**
 * struct iommu_veventq_alloc - ioctl(IOMMU_VEVENTQ_ALLOC): make a queue of a
 *                              VIOMMU's events
 * @size: sizeof(struct iommu_veventq_alloc)
 * @flags: Must be 0
 * @viommu_id: The VIOMMU
 * @type: Of enum iommu_veventq_type
 * @veventq_depth: Number of events that the queue holds while nobody reads
 * @out_veventq_id: The new VEVENTQ
 * @out_veventq_fd: A new file, open with O_CLOEXEC, where its events are read
 * @__reserved: Must be 0
 *
 * read() on the file gives as many whole events as fit the buffer. An event is
 * a struct iommufd_vevent_header and, unless that says otherwise, a struct named
 * after the kind. read() waits for one, unless O_NONBLOCK is set; poll() tells
 * when there is one. An event that finds the queue full is lost; a header alone,
 * after the events in the queue, reports that, with the number of the last one
 * that was lost. The file cannot be written. read() fails as that of a FAULT does,
 * with EINVAL where the buffer has no room for the next event, or for a header.
 *
 * Fails with
 *
 * - ENOENT: @viommu_id is not a VIOMMU.
 * - EINVAL: @veventq_depth is 0, or more than 2^19.
 * - EEXIST: the VIOMMU has a queue of this kind.
 * - EOPNOTSUPP: the VIOMMU has no events of this kind.
 */
struct iommu_veventq_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 veventq_depth;
	__u32 out_veventq_id;
	__u32 out_veventq_fd;
	__u32 __reserved;
};

#define IOMMU_VEVENTQ_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VEVENTQ_ALLOC)

/* ---- Options and compatibility ---- */

/**
 * enum iommufd_option - Things that can be set
 * @IOMMU_OPTION_RLIMIT_MODE: What pinned memory counts against: 0, the default,
 *     the total of all processes of the user; 1 the calling process alone, as
 *     VFIO containers count. It is for the whole file: object_id is 0. To set it
 *     takes CAP_SYS_RESOURCE, and must come before the first object is made
 * @IOMMU_OPTION_HUGE_PAGES: For the IOAS of object_id: 1, the default, to use
 *     pages as large as memory and IOMMU allow; 0 to map all by the CPU's page
 *     size, for tests and to see how much huge pages gain. Areas must then be
 *     multiples of that size: EADDRINUSE if one is not. Once an HWPT holds areas
 *     the option cannot be changed: EBUSY
 */
enum iommufd_option {
	IOMMU_OPTION_RLIMIT_MODE = 0,
	IOMMU_OPTION_HUGE_PAGES = 1,
};

/**
 * enum iommufd_option_ops - What to do with an option
 * @IOMMU_OPTION_OP_SET: Set it
 * @IOMMU_OPTION_OP_GET: Report it
 */
enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1,
};

/**
 * struct iommu_option - ioctl(IOMMU_OPTION): set an option, or ask for it
 * @size: sizeof(struct iommu_option)
 * @option_id: Of enum iommufd_option
 * @op: Of enum iommufd_option_ops
 * @__reserved: Must be 0
 * @object_id: The object whose option it is; 0 for an option of the whole file
 * @val64: In for SET, out for GET: the value
 *
 * Fails with
 *
 * - EOPNOTSUPP: there is no such option or operation; or @object_id is not 0
 *   for an option of the file.
 * - ENOENT: @object_id is not an object that has this option.
 * - EINVAL: the option cannot have this value.
 * - EPERM: the caller has no right to set it.
 * - EBUSY: it is too late to set it.
 */
struct iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};

#define IOMMU_OPTION _IO(IOMMUFD_TYPE, IOMMUFD_CMD_OPTION)

/**
 * enum iommufd_vfio_ioas_op - What to do with the compatibility IOAS
 * @IOMMU_VFIO_IOAS_GET: Report which IOAS it is
 * @IOMMU_VFIO_IOAS_SET: Make it this IOAS
 * @IOMMU_VFIO_IOAS_CLEAR: Have none
 */
enum iommufd_vfio_ioas_op {
	IOMMU_VFIO_IOAS_GET = 0,
	IOMMU_VFIO_IOAS_SET = 1,
	IOMMU_VFIO_IOAS_CLEAR = 2,
};

/**
 * struct iommu_vfio_ioas - ioctl(IOMMU_VFIO_IOAS): choose the IOAS that VFIO's
 *                          own ioctls work on
 * @size: sizeof(struct iommu_vfio_ioas)
 * @ioas_id: In for SET, out for GET: the IOAS
 * @op: Of enum iommufd_vfio_ioas_op
 * @__reserved: Must be 0
 *
 * A program that was written for a VFIO container can use an iommufd in its
 * place. VFIO_IOMMU_MAP_DMA and its like then work on one IOAS of it, the
 * compatibility IOAS. It is chosen here, or else made when a VFIO group first
 * needs it. One that was made is given up when the last group leaves, and is
 * destroyed unless an HWPT refers to it. One that was chosen stays, with what is
 * mapped in it, until it is destroyed or another is chosen.
 *
 * SET and CLEAR make VFIO_SET_IOMMU possible again.
 *
 * Fails with
 *
 * - ENODEV: for GET, there is none.
 * - ENOENT: for SET, @ioas_id is not an IOAS.
 * - EBUSY: for SET and CLEAR, the iommufd is the container of a VFIO group.
 */
struct iommu_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};

#define IOMMU_VFIO_IOAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VFIO_IOAS)

#endif /* _UAPI_IOMMUFD_H */
