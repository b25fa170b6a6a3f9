/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the iommufd core share: contexts, objects and the ioctl
 * path. The map engine has headers of its own, iova_map.h and memory.h.
 *
 * Locks, outermost first:
 *
 *	iommufd_ctx.vfio.lock		which IOAS VFIO's ioctls work on
 *	iommufd_access.change_lock	attach, replace and detach of an access
 *	iova_map.access_lock		accesses are told to unpin; around what
 *					they lock for that
 *	iommufd_access.rwsem		an access works with its IOAS
 *	iommufd_ioas.auto_lock		finding or making an automatic HWPT
 *	iommufd_ctx.vdevice_lock	which device has which VDEVICE
 *	iommufd_group.lock		attach, replace and detach of a group
 *	iova_map.rwsem			areas and the list of HWPTs of an IOAS
 *	iommufd_memory.lock		extents and pin counts
 *	dma_buf.resv			where domains have a device's memory; an
 *					exporter holds its own locks around it
 *	iommufd_accounts.lock		what memory is charged to whom
 *	iommufd_ctx.doorbell_lock	doorbells (inside iommu_group's own mutex)
 *	iommufd_fault_queue.respond_lock
 *					a device gets its answer
 *	dev_iommu.lock			a device's faults are reported
 *	iommufd_vevent_ring.read_lock	one reader at a time; may fault on its buffer
 *	veventqs_lock			lists of VEVENTQs; leaf
 *	iommufd_eventq.lock		what files of events hold; in interrupts
 *	iommufd_ctx.objects.lock	leaf
 */
#ifndef __IOMMUFD_PRIVATE_H
#define __IOMMUFD_PRIVATE_H

#include <linux/hash.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/wait.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

#include "id_table.h"
#include "iova_map.h"

struct device;
struct iommufd_device;
struct iommufd_ioas;
struct iommufd_fault;
struct iommufd_fault_attach;
struct msi_desc;
struct seq_file;
struct vm_area_struct;

/**
 * struct iommufd_vfio_compat - a context in the place of a VFIO container
 * @lock: guards the others
 * @ioas: the compatibility IOAS, which VFIO's ioctls work on, or NULL. It is not
 *	linked, and takes itself out of here when it goes.
 * @made: @ioas was made for the first group, and is given up with the last
 * @groups: VFIO groups that have the context as their container
 * @type: VFIO_TYPE1_IOMMU or VFIO_TYPE1v2_IOMMU, or 0 before VFIO_SET_IOMMU
 */
struct iommufd_vfio_compat {
	struct mutex lock; /* guards the others */
	struct iommufd_ioas *ioas;
	bool made;
	unsigned int groups;
	unsigned int type;
};

/* Doorbell pages one context can know: a machine has one per ITS or MSI frame */
#define IOMMUFD_MAX_DOORBELLS 32

/**
 * struct iommufd_ctx - one open of /dev/iommu
 * @file: the file this is the private data of. Whoever refers to the context
 *	refers to the file, so the context goes with the last of them.
 * @nr: which open of /dev/iommu it is, since the kernel booted; what fdinfo and
 *	the tracepoints call it by; constant
 * @objects: every object by its id. An id that is taken but has no pointer is
 *	that of an object not published yet, or being destroyed.
 * @idle: woken when the last ioctl that works on a disappearing object is done
 * @groups: struct iommufd_group by iommu_group id, guarded by its xa_lock
 * @accounts: whom the memory in its IOASes is charged to
 * @vfio: what VFIO's container ioctls need
 * @doorbell_lock: guards the three below and the doorbells' mapping in an HWPT
 * @msi_hwpts: HWPTs with a software MSI window, by their msi_item. Each doorbell
 *	is mapped in each of them.
 * @nr_doorbells: number of valid entries in @doorbells
 * @doorbells: the pages that devices of this context ring for an MSI. The
 *	place in the table decides the IOVA, so that it is the same in each HWPT.
 * @tombstones: how many ids stay taken for good, guarded by the lock of @objects
 * @vdevice_lock: guards which device has which VDEVICE
 * @mmaps: struct iommufd_mmap by page offset
 */
struct iommufd_ctx {
	struct file *file;
	u64 nr;
	struct id_table objects;
	wait_queue_head_t idle;
	struct xarray groups;
	struct iommufd_accounts accounts;
	struct iommufd_vfio_compat vfio;
	struct mutex doorbell_lock; /* guards the doorbells */
	struct list_head msi_hwpts;
	unsigned int nr_doorbells;
	phys_addr_t doorbells[IOMMUFD_MAX_DOORBELLS];
	u32 tombstones;
	struct mutex vdevice_lock; /* guards devices' VDEVICEs */
	struct xarray mmaps;
};

/**
 * struct iommufd_object_ops - what the kinds of objects do differently
 * @name: what fdinfo and the tracepoints call the kind
 * @destroy: undo all that makes the object more than zeroed memory, as far as
 *	it was done. Nothing refers to the object any more.
 * @free: free its memory, where kfree() would be too early
 */
struct iommufd_object_ops {
	const char *name;
	void (*destroy)(struct iommufd_ctx *ictx, struct iommufd_object *obj);
	void (*free)(struct iommufd_object *obj);
};

const char *iommufd_object_type_name(enum iommufd_object_type type);
void *iommufd_object_begin(struct iommufd_ctx *ictx,
			   struct iommufd_object *obj,
			   enum iommufd_object_type type);

/*
 * Allocate a struct that begins with an iommufd_object. Its id is taken, but
 * nobody can look it up before it is published. Inline, so that the compiler
 * knows the size where it is constant, for kmalloc() and to clear a few words.
 */
static inline void *iommufd_object_alloc(struct iommufd_ctx *ictx, size_t size,
					 enum iommufd_object_type type)
{
	struct iommufd_object *obj = kmalloc(size, GFP_KERNEL_ACCOUNT);

	/* iommufd_object_begin() writes all of the object itself */
	if (obj)
		memset(obj + 1, 0, size - sizeof(*obj));
	return iommufd_object_begin(ictx, obj, type);
}

void iommufd_object_publish(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);
void iommufd_object_abort(struct iommufd_ctx *ictx, struct iommufd_object *obj);
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
					  enum iommufd_object_type type);
bool iommufd_object_tryget(struct iommufd_ctx *ictx,
			   struct iommufd_object *obj);
struct iommufd_object *iommufd_object_next(struct iommufd_ctx *ictx,
					   unsigned long *id);
void iommufd_object_put(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_unlink_destroy(struct iommufd_ctx *ictx,
				   struct iommufd_object *obj);
bool iommufd_object_take(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_bury(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_destroy_all(struct iommufd_ctx *ictx);

static inline void iommufd_object_link(struct iommufd_object *obj)
{
	refcount_inc(&obj->links);
}

static inline void iommufd_object_unlink(struct iommufd_object *obj)
{
	refcount_dec(&obj->links);
}

/**
 * struct iommufd_ucmd - an ioctl in progress
 * @ictx: the context it was called on
 * @ubuffer: the user's struct
 * @user_size: how long the user says it is
 * @cmd: the kernel's copy, as long as the kernel knows it, the rest zero
 */
struct iommufd_ucmd {
	struct iommufd_ctx *ictx;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
};

int iommufd_ucmd_respond(struct iommufd_ucmd *ucmd, size_t size);
int iommufd_destroy_ioctl(struct iommufd_ucmd *ucmd);
struct device *iommufd_misc_device(void);

/**
 * struct iommufd_ioas - an I/O address space
 * @obj: linked to by each HWPT made from it
 * @auto_lock: held while an attach to the IOAS looks for an HWPT that fits or
 *	makes one, so that two devices end in the same
 * @map: its contents
 */
struct iommufd_ioas {
	struct iommufd_object obj;
	struct mutex auto_lock; /* one finds or makes an automatic HWPT */
	struct iova_map map;
};

/**
 * struct iommufd_user_range - memory that the caller wants to be mapped
 * @va: its address, or its offset in a file; @va + @length - 1 does not overflow
 * @length: its length in bytes
 * @iova: where it goes; chosen by the map, and filled in, unless @fixed
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @fixed: @iova is not ours to choose; @iova + @length - 1 does not overflow
 */
struct iommufd_user_range {
	unsigned long va;
	unsigned long length;
	unsigned long iova;
	int prot;
	bool fixed;
};

struct iommufd_ioas *iommufd_ioas_alloc(struct iommufd_ctx *ictx);
int iommufd_ioas_map_user(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  struct iommufd_user_range *range);
int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_iova_ranges_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_allow_iovas_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_change_process_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_copy_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_map_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_map_file_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_unmap_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_option_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_ioas_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj);

static inline struct iommufd_ioas *iommufd_get_ioas(struct iommufd_ctx *ictx,
						    u32 id)
{
	struct iommufd_object *obj =
		iommufd_object_get(ictx, id, IOMMUFD_OBJ_IOAS);

	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct iommufd_ioas, obj);
}

/**
 * struct iommufd_hwpt - what all hardware page tables have in common
 * @obj: linked to by each device attached to it, and by what is made on top
 * @ictx: the context it is in
 * @domain: the IOMMU driver's; constant once the HWPT is published
 * @fault: where page faults of devices attached to it go, linked, or NULL
 * @pasid_compat: a device that uses PASIDs can be attached to it
 */
struct iommufd_hwpt {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommu_domain *domain;
	struct iommufd_fault *fault;
	bool pasid_compat;
};

/**
 * struct iommufd_hwpt_paging - an I/O page table that holds an IOAS
 * @common: what each HWPT has
 * @ioas: what it holds, linked
 * @map_hwpt: its place in the IOAS's map, with the domain
 * @driver: ops of the IOMMU driver that made the domain; constant
 * @automatic: made by an attach to the IOAS; goes with the last detach
 * @nest_parent: HWPT_NESTED and VIOMMUs can be made on it; constant
 * @enforce_cache_coherency: no DMA through it can bypass the CPU's caches;
 *	constant
 * @dirty_tracking: what devices write to is recorded; guarded by the rwsem of
 *	the IOAS's map
 * @msi_groups: how many groups attached to it, or to what is nested on it, have
 *	a software MSI window; guarded by the context's doorbell_lock
 * @msi_item: in msi_hwpts of the context while there are any; guarded by the same
 * @msi_window: where their IOMMU wants doorbells to be mapped, the same for all
 *	of them, or %IOMMUFD_NO_MSI_WINDOW; guarded by the same
 */
struct iommufd_hwpt_paging {
	struct iommufd_hwpt common;
	struct iommufd_ioas *ioas;
	struct iova_map_hwpt map_hwpt;
	const struct iommu_ops *driver;
	bool automatic;
	bool nest_parent;
	bool enforce_cache_coherency;
	bool dirty_tracking;
	unsigned int msi_groups;
	struct list_head msi_item;
	unsigned long msi_window;
};

/**
 * struct iommufd_hwpt_nested - a stage 1 that the user owns
 * @common: what each HWPT has
 * @parent: what its addresses go through. Linked by this, or by @viommu where
 *	there is one
 * @viommu: the share of an IOMMU that it is for, linked, or NULL
 */
struct iommufd_hwpt_nested {
	struct iommufd_hwpt common;
	struct iommufd_hwpt_paging *parent;
	struct iommufd_viommu *viommu;
};

#define IOMMUFD_NO_MSI_WINDOW ULONG_MAX

struct iommufd_hwpt_paging *
iommufd_hwpt_paging_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_data *user_data);
struct iommufd_hwpt *
iommufd_hwpt_nested_alloc(struct iommufd_ctx *ictx,
			  struct iommufd_hwpt_paging *parent,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_data *user_data);
struct iommufd_hwpt *
iommufd_viommu_nested_alloc(struct iommufd_viommu *viommu, u32 flags,
			    const struct iommu_user_data *user_data);
int iommufd_check_nest_parent(struct iommufd_hwpt_paging *parent,
			      struct iommufd_device *idev);
void iommufd_hwpt_nested_destroy(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj);
int iommufd_hwpt_invalidate_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_hwpt_unlink(struct iommufd_hwpt *hwpt);
int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_hwpt_paging_destroy(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj);

static inline struct iommufd_hwpt *to_hwpt(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hwpt, obj);
}

static inline struct iommufd_hwpt_paging *
to_hwpt_paging(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hwpt_paging, common.obj);
}

static inline struct iommufd_hwpt_nested *
to_hwpt_nested(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hwpt_nested, common.obj);
}

/* The page table with memory in it: the HWPT's own, or that it is nested on */
static inline struct iommufd_hwpt_paging *
hwpt_to_paging(struct iommufd_hwpt *hwpt)
{
	if (hwpt->obj.type == IOMMUFD_OBJ_HWPT_NESTED)
		return to_hwpt_nested(&hwpt->obj)->parent;
	return to_hwpt_paging(&hwpt->obj);
}

static inline struct iommufd_ioas *hwpt_to_ioas(struct iommufd_hwpt *hwpt)
{
	return hwpt_to_paging(hwpt)->ioas;
}

int iommufd_hwpt_set_dirty_tracking_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_hwpt_get_dirty_bitmap_ioctl(struct iommufd_ucmd *ucmd);

/**
 * struct iommufd_group - the devices that the IOMMU cannot tell apart
 * @refs: one for each device bound, guarded by the xa_lock of @ictx->groups
 * @ictx: the context it is bound to
 * @iommu_group: the IOMMU core's group, referenced
 * @lock: guards what is below, and what is attached
 * @attaches: struct iommufd_attach by PASID
 * @msi_window: start of the IOMMU's software MSI window, or
 *	%IOMMUFD_NO_MSI_WINDOW
 */
struct iommufd_group {
	unsigned int refs;
	struct iommufd_ctx *ictx;
	struct iommu_group *iommu_group;
	struct mutex lock; /* attach, replace and detach */
	struct xarray attaches;
	unsigned long msi_window;
};

/**
 * struct iommufd_attach - what DMA of a group goes through
 * @group: the group, which goes later
 * @pasid: the PASID that the DMA has, or %IOMMU_NO_PASID
 * @hwpt: what it goes through; NULL only while the first device is attached
 * @devices: for which of the group's devices: struct attached_device. Each holds
 *	a link to @hwpt. It goes with the last of them
 *
 * All is guarded by the group's lock, but for @group and @pasid, which are
 * constant.
 */
struct iommufd_attach {
	struct iommufd_group *group;
	ioasid_t pasid;
	struct iommufd_hwpt *hwpt;
	struct list_head devices;
};

/**
 * struct iommufd_device - a device bound to the context
 * @obj: linked to by the kernel driver that bound it (VFIO)
 * @ictx: the context, which whoever bound the device keeps
 * @group: its group in this context, referenced
 * @dev: the device; its driver unbinds before it goes
 * @enforce_cache_coherency: its IOMMU can keep DMA from bypassing the caches,
 *	so each HWPT it is attached to must
 * @faults: struct iommufd_fault_attach by PASID; it and the two below are guarded
 *	by the lock of @group
 * @nr_faults: how many of those there are, @next_fault included
 * @next_fault: the one prepared for the move in progress, or NULL
 * @had_vdev: it has or had a VDEVICE, so that somebody may look at it under RCU
 * @vdev: its VDEVICE, or NULL; guarded by the context's vdevice_lock
 */
struct iommufd_device {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_group *group;
	struct device *dev;
	bool enforce_cache_coherency;
	struct xarray faults;
	unsigned int nr_faults;
	struct iommufd_fault_attach *next_fault;
	bool had_vdev;
	struct iommufd_vdevice *vdev;
};

int iommufd_get_hw_info_ioctl(struct iommufd_ucmd *ucmd);
struct iommufd_device *iommufd_device_do_bind(struct iommufd_ctx *ictx,
					      struct device *dev, u32 *id);
void iommufd_device_do_unbind(struct iommufd_device *idev);
void iommufd_device_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);

static inline struct iommufd_device *
iommufd_get_device(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj =
		iommufd_object_get(ictx, id, IOMMUFD_OBJ_DEVICE);

	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct iommufd_device, obj);
}

static inline struct iommufd_viommu *to_viommu(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_viommu, obj);
}

static inline struct iommufd_vdevice *to_vdevice(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_vdevice, obj);
}

int iommufd_viommu_alloc_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_vdevice_alloc_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_hw_queue_alloc_ioctl(struct iommufd_ucmd *ucmd);
struct iommufd_viommu *iommufd_get_viommu(struct iommufd_ctx *ictx, u32 id);
int iommufd_viommu_check_device(struct iommufd_viommu *viommu,
				struct iommufd_device *idev);
void iommufd_device_bury_vdevice(struct iommufd_device *idev);
void iommufd_vdevice_ids(struct iommufd_vdevice *vdev, u32 *viommu_id,
			 u32 *device_id);
void iommufd_viommu_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);
void iommufd_vdevice_destroy(struct iommufd_ctx *ictx,
			     struct iommufd_object *obj);
void iommufd_vdevice_free(struct iommufd_object *obj);

/* The bucket of a VIOMMU that holds the VDEVICE of a device, if there is one */
static inline struct hlist_head *iommufd_vdevs_of(struct iommufd_viommu *viommu,
						  const struct device *dev)
{
	return &viommu->vdevs_by_dev[hash_ptr(dev, IOMMUFD_VDEVS_HASH_BITS)];
}

void iommufd_hw_queue_destroy(struct iommufd_ctx *ictx,
			      struct iommufd_object *obj);

/**
 * struct iommufd_mmap - pages of the hardware that a user may map
 * @viommu: whose they are; linked by each mapping of them
 * @pgoff: page offset of the first, in iommufd_ctx.mmaps
 * @phys: where they are
 * @length: bytes, a multiple of the page size
 *
 * In iommufd_ctx.mmaps by @pgoff, from iommufd_viommu_alloc_mmap() to
 * iommufd_viommu_destroy_mmap(). Constant.
 */
struct iommufd_mmap {
	struct iommufd_viommu *viommu;
	u32 pgoff;
	phys_addr_t phys;
	size_t length;
};

int iommufd_fops_mmap(struct file *file, struct vm_area_struct *vma);

struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ictx,
					struct device *dev);
void iommufd_group_put(struct iommufd_group *group);
bool iommufd_device_next_attached(struct iommufd_device *idev, ioasid_t *pasid,
				  u32 *hwpt_id);
bool iommufd_device_next_attached_locked(struct iommufd_device *idev,
					 ioasid_t *pasid, u32 *hwpt_id);

int iommufd_sw_msi(struct iommu_domain *domain, struct msi_desc *desc,
		   phys_addr_t msi_addr);
int iommufd_sw_msi_get(struct iommufd_hwpt_paging *hwpt,
		       unsigned long msi_window);
void iommufd_sw_msi_put(struct iommufd_hwpt_paging *hwpt,
			unsigned long msi_window);

void iommufd_access_object_destroy(struct iommufd_ctx *ictx,
				   struct iommufd_object *obj);
void iommufd_access_show(struct seq_file *m, struct iommufd_object *obj);

/* vfio_compat.c */
long iommufd_vfio_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
			unsigned long arg);
int iommufd_vfio_ioas_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_vfio_forget_ioas(struct iommufd_ctx *ictx,
			      struct iommufd_ioas *ioas);

void iommufd_show_fdinfo(struct seq_file *m, struct file *file);

#ifdef CONFIG_IOMMUFD_TEST
struct iommufd_access;

struct iommufd_ioas *iommufd_access_get_ioas(struct iommufd_access *access);
struct iommufd_ctx *iommufd_access_to_ictx(struct iommufd_access *access);
void iommufd_test_syz_iova(struct iommufd_ctx *ictx, u32 ioas_id, u32 *flags,
			   u64 *iova);
int iommufd_mock_init(void);
void iommufd_mock_exit(void);
int iommufd_test_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_mock_stdev_destroy(struct iommufd_ctx *ictx,
				struct iommufd_object *obj);
void iommufd_mock_stdev_show(struct seq_file *m, struct iommufd_object *obj);
#else
static inline void iommufd_test_syz_iova(struct iommufd_ctx *ictx, u32 ioas_id,
					 u32 *flags, u64 *iova)
{
}

static inline int iommufd_mock_init(void)
{
	return 0;
}

static inline void iommufd_mock_exit(void)
{
}
#endif /* CONFIG_IOMMUFD_TEST */

#endif /* __IOMMUFD_PRIVATE_H */
