/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The test interface of the mock IOMMU: one ioctl on /dev/iommu, for selftests
 * only, and no promise to anybody else. Exists with CONFIG_IOMMUFD_TEST.
 */
#ifndef __IOMMUFD_TEST_H
#define __IOMMUFD_TEST_H

#include <linux/iommufd.h>
#include <linux/types.h>

enum {
	IOMMU_TEST_OP_ADD_RESERVED = 1,
	IOMMU_TEST_OP_MOCK_DOMAIN,
	IOMMU_TEST_OP_MD_CHECK_MAP,
	IOMMU_TEST_OP_MD_CHECK_REFS,
	IOMMU_TEST_OP_CREATE_ACCESS,
	IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
	IOMMU_TEST_OP_ACCESS_PAGES,
	IOMMU_TEST_OP_ACCESS_RW,
	IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
	IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
	IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
	IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
	IOMMU_TEST_OP_DIRTY,
	IOMMU_TEST_OP_MD_CHECK_IOTLB,
	IOMMU_TEST_OP_TRIGGER_IOPF,
	IOMMU_TEST_OP_DEV_CHECK_CACHE,
	IOMMU_TEST_OP_TRIGGER_VEVENT,
	IOMMU_TEST_OP_PASID_ATTACH,
	IOMMU_TEST_OP_PASID_REPLACE,
	IOMMU_TEST_OP_PASID_DETACH,
	IOMMU_TEST_OP_PASID_CHECK_HWPT,
	IOMMU_TEST_OP_DMABUF_GET,
	IOMMU_TEST_OP_DMABUF_REVOKE,
	/* Not in mainline; far from what may come there */
	IOMMU_TEST_OP_VIOMMU_CHECK_MAP = 0x100,
	IOMMU_TEST_OP_PAGE_REQUEST = 0x110,
	IOMMU_TEST_OP_PAGE_RESPONSE,
};

/* The mock IOMMU, of which there are some */
enum {
	MOCK_IOMMUS = 2,
	MOCK_PAGE_SIZE = 2048,
	MOCK_HUGE_PAGE_SIZE = 1024 * 1024,
	MOCK_APERTURE_START = 0x1000000,
	MOCK_APERTURE_LAST = 0x7fffffff,
	MOCK_PASID_WIDTH = 20,
	IOMMU_TEST_PASID_RESERVED = 1024,
};

/* iommu_hwpt_selftest.pagetable_type */
enum {
	MOCK_IOMMUPT_DEFAULT = 0,
	MOCK_IOMMUPT_HUGE,
};

/* Flags of create_access; of access_pages; of access_rw */
enum {
	MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES = 1 << 0,
};

enum {
	MOCK_FLAGS_ACCESS_WRITE = 1 << 0,
	MOCK_FLAGS_ACCESS_SYZ = 1 << 16,
};

enum {
	MOCK_ACCESS_RW_WRITE = 1 << 0,
	MOCK_ACCESS_RW_SLOW_PATH = 1 << 2,
};

/* mock_domain_flags.dev_flags */
enum {
	MOCK_FLAGS_DEVICE_NO_DIRTY = 1 << 0,
	MOCK_FLAGS_DEVICE_PASID = 1 << 2,
	/* Not in mainline: it is behind the second IOMMU */
	MOCK_FLAGS_DEVICE_IOMMU1 = 1 << 16,
	MOCK_FLAGS_DEVICE_NO_FAULTS = 1 << 17,
};

/* page_request.flags */
enum {
	/* The last one of its group */
	MOCK_PAGE_REQUEST_LAST = 1 << 0,
	MOCK_PAGE_REQUEST_PASID = 1 << 1,
	/* Held in the IOMMU's queue until that is drained */
	MOCK_PAGE_REQUEST_HOLD = 1 << 2,
	/* The queue overflowed before */
	MOCK_PAGE_REQUEST_AFTER_LOSS = 1 << 3,
	/* No page request at all, but an error that nobody waits for */
	MOCK_PAGE_REQUEST_UNRECOVERABLE = 1 << 4,
	/* One too many of the device, which the IOMMU refuses by itself */
	MOCK_PAGE_REQUEST_NO_PLACE = 1 << 5,
	MOCK_PAGE_REQUEST_FLAGS = (1 << 6) - 1,
};

enum {
	MOCK_NESTED_DOMAIN_IOTLB_ID_MAX = 3,
	MOCK_NESTED_DOMAIN_IOTLB_NUM = 4,
	MOCK_DEV_CACHE_ID_MAX = 3,
	MOCK_DEV_CACHE_NUM = 4,
};

/**
 * struct iommu_test_cmd - ioctl(IOMMU_TEST_CMD)
 * @size: sizeof(struct iommu_test_cmd)
 * @op: IOMMU_TEST_OP_*
 * @id: the object to work on; of which type depends on @op
 * @__reserved: 0
 * @add_reserved: on an IOAS: keep areas out of [start, start + length)
 * @mock_domain: on an IOAS or HWPT: attach a new mock device to it. The object
 *	out_stdev_id stands for the device; its destruction undoes it all.
 * @mock_domain_flags: the same with MOCK_FLAGS_DEVICE_*
 * @mock_domain_replace: on a stdev: move it to pt_id, which becomes the HWPT's
 * @check_map: on an HWPT: does each IOVA translate to what is at uptr? Or on a
 *	VIOMMU: does the page, to a device of the VM?
 * @check_refs: has each page at uptr been pinned refs times?
 * @create_access: on an IOAS: an in-kernel user of it, as a file
 * @destroy_access_pages: on an access's file: unpin
 * @access_pages: on an access's file: pin, and see if it is what is at uptr,
 *	unless that is NULL
 * @access_rw: on an access's file: copy from or to uptr
 * @memory_limit: bytes that an array of the core may have, of all contexts
 * @access_replace_ioas: on an access's file: move it to another IOAS
 * @dirty: on an HWPT: a device writes to the page_size bytes of each bit that is
 *	set in the bitmap at uptr; out_nr_dirty bits were of mapped pages
 * @check_iotlb: on a nested HWPT: does the IOTLB's entry id hold iotlb?
 * @trigger_iopf: the device sends a page request that is a group
 * @page_request: the device sends a page request
 * @page_response: the oldest answer that the device got, since the first
 *	page_request, and that was not told; EAGAIN if there is none
 * @check_dev_cache: on a DEVICE: does its cache id hold that?
 * @trigger_vevent: the device makes its IOMMU tell its VM of an event
 * @pasid_attach: attaches device @id at PASID @pasid to @pt_id, which returns as
 *	the HWPT that it is attached to
 * @pasid_replace: moves it to another
 * @pasid_detach: detaches it
 * @pasid_check: EINVAL unless DMA of device @id goes through HWPT @hwpt_id at
 *	PASID @pasid, or through none if that is 0
 * @dmabuf_get: make a dma-buf of length bytes and return a file descriptor of it,
 *	opened as open_flags say
 * @dmabuf_revoke: let the dma-buf lose the memory behind it, or get it back
 * @last: end of what every version of the struct has
 *
 * An operation that does not exist is EOPNOTSUPP.
 */
struct iommu_test_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
		} mock_domain;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags;
		} mock_domain_flags;
		struct {
			__u32 pt_id;
		} mock_domain_replace;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} check_map;
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} check_refs;
		struct {
			__u32 out_access_fd;
			__u32 flags;
		} create_access;
		struct {
			__u32 access_pages_id;
		} destroy_access_pages;
		struct {
			__u32 flags;
			__u32 out_access_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags;
		} access_rw;
		struct {
			__u32 limit;
		} memory_limit;
		struct {
			__u32 ioas_id;
		} access_replace_ioas;
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty;
		} dirty;
		struct {
			__u32 id;
			__u32 iotlb;
		} check_iotlb;
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__aligned_u64 addr;
		} trigger_iopf;
		struct {
			__u32 id;
			__u32 cache;
		} check_dev_cache;
		struct {
			__u32 dev_id;
		} trigger_vevent;
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_attach;
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_replace;
		struct {
			__u32 pasid;
		} pasid_detach;
		struct {
			__u32 pasid;
			__u32 hwpt_id;
		} pasid_check;
		struct {
			__u32 length;
			__u32 open_flags;
		} dmabuf_get;
		struct {
			__s32 dmabuf_fd;
			__u32 revoked;
		} dmabuf_revoke;
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__aligned_u64 addr;
			__u32 flags;
		} page_request;
		struct {
			__u32 dev_id;
			__u32 out_pasid;
			__u32 out_grpid;
			__u32 out_code;
		} page_response;
	};
	__u32 last;
};

/* Outside the range of the user API, which grows from IOMMUFD_CMD_BASE */
#define IOMMU_TEST_CMD _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32)

/* IOMMU_GET_HW_INFO of a mock device */
#define IOMMU_HW_INFO_TYPE_SELFTEST	0xfeedbeef
#define IOMMU_HW_INFO_SELFTEST_REGVAL	0xdeadbeef

struct iommu_test_hw_info {
	__u32 flags;
	__u32 test_reg;
};

/* IOMMU_HWPT_ALLOC: which page table, or what each IOTLB entry holds at first */
#define IOMMU_HWPT_DATA_SELFTEST	0xdead
#define IOMMU_TEST_IOTLB_DEFAULT	0xbadbeef
#define IOMMU_TEST_DEV_CACHE_DEFAULT	0xbaddad

struct iommu_hwpt_selftest {
	__u32 iotlb;
	__u32 pagetable_type;
};

/* IOMMU_HWPT_INVALIDATE of a nested HWPT */
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST		0xdeadbeef
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID	0xdadbeef
#define IOMMU_TEST_INVALIDATE_FLAG_ALL			0x1
/* Not in mainline: the hardware fails at this one */
#define IOMMU_TEST_INVALIDATE_FLAG_BROKEN		0x2

struct iommu_hwpt_invalidate_selftest {
	__u32 flags;
	__u32 iotlb_id;
};

/* IOMMU_HWPT_INVALIDATE of a vIOMMU */
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST		0xdeadbeef
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID	0xdadbeef

struct iommu_viommu_invalidate_selftest {
	__u32 flags;
	__u32 vdev_id;
	__u32 cache_id;
};

/* IOMMU_VIOMMU_ALLOC and what is made from it */
#define IOMMU_VIOMMU_TYPE_SELFTEST	0xdeadbeef
#define IOMMU_VEVENTQ_TYPE_SELFTEST	0xbeefbeef
#define IOMMU_HW_QUEUE_TYPE_SELFTEST	0xdeadbeef
#define IOMMU_TEST_HW_QUEUE_MAX		2

struct iommu_viommu_selftest {
	__u32 in_data;
	__u32 out_data;
	__aligned_u64 out_mmap_offset;
	__aligned_u64 out_mmap_length;
};

struct iommu_viommu_event_selftest {
	__u32 virt_id;
};

#endif /* __IOMMUFD_TEST_H */
