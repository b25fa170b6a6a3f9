/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel side of /dev/iommu: what a driver that lets user space do DMA (VFIO)
 * calls, and what an IOMMU driver shares with the core.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fault-inject-usercopy.h>
#include <linux/ioasid.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

struct device;
struct file;
struct iommu_group;
struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_hw_queue;
struct iommufd_hwpt_paging;
struct iommufd_vdevice;
struct iommufd_vfio_group;
struct iova_map_access;
struct page;

enum iommufd_object_type {
	IOMMUFD_OBJ_ANY,
	IOMMUFD_OBJ_IOAS,
	IOMMUFD_OBJ_DEVICE,
	IOMMUFD_OBJ_HWPT_PAGING,
	IOMMUFD_OBJ_HWPT_NESTED,
	IOMMUFD_OBJ_ACCESS,
	IOMMUFD_OBJ_FAULT,
	IOMMUFD_OBJ_VIOMMU,
	IOMMUFD_OBJ_VDEVICE,
	IOMMUFD_OBJ_VEVENTQ,
	IOMMUFD_OBJ_HW_QUEUE,
#ifdef CONFIG_IOMMUFD_TEST
	IOMMUFD_OBJ_SELFTEST,
#endif
	IOMMUFD_OBJ_TYPES,
};

/**
 * struct iommufd_object - what a user can name by an id
 * @links: one for the id, and one for each object (or kernel user) that points
 *	here. IOMMU_DESTROY answers EBUSY while there is more than the one; zero
 *	once it is certain that the object goes.
 * @users: one for the id, and one for each ioctl that works with the object
 *	right now; IOMMU_DESTROY waits for the latter.
 * @type: constant from allocation on
 * @id: constant from allocation on
 *
 * First member of every object. A link is made only by someone who holds a user
 * reference or a link already, or by iommufd_object_link_live().
 */
struct iommufd_object {
	refcount_t links;
	refcount_t users;
	enum iommufd_object_type type;
	u32 id;
};

/**
 * iommufd_object_link_live - Link to an object that may be about to go
 * @obj: an object whose memory something else keeps: its own destruction waits
 *	for what the caller holds
 *
 * Return: true with a link, or false where it is too late for that.
 */
static inline bool iommufd_object_link_live(struct iommufd_object *obj)
{
	return refcount_inc_not_zero(&obj->links);
}

/**
 * enum iommufd_access_flags - How memory is accessed
 * @IOMMUFD_ACCESS_RW_READ: read from it
 * @IOMMUFD_ACCESS_RW_WRITE: write to it
 * @IOMMUFD_ACCESS_RW_KTHREAD: the caller may be a kernel thread
 * @__IOMMUFD_ACCESS_RW_SLOW_PATH: for tests: never by the address in the
 *	process
 */
enum iommufd_access_flags {
	IOMMUFD_ACCESS_RW_READ = 0,
	IOMMUFD_ACCESS_RW_WRITE = 1 << 0,
	IOMMUFD_ACCESS_RW_KTHREAD = 1 << 1,
	__IOMMUFD_ACCESS_RW_SLOW_PATH = 1 << 2,
};

/**
 * struct iommufd_access_ops - what an in-kernel user of an IOAS does
 * @needs_pin_pages: it pins pages by iommufd_access_pin_pages()
 * @unmap: unpin all that is pinned in [iova, iova + length), which is about to be
 *	unmapped. Called with no lock held that the functions for pages take.
 *	There may be nothing pinned, and calls may repeat. Nothing more of the
 *	range can be pinned until it is unmapped; what was pinned just before
 *	the call has to be unpinned soon after. If pages stay pinned the unmap,
 *	and so the user's ioctl, fails with EBUSY in the end. Must be set with
 *	@needs_pin_pages.
 */
struct iommufd_access_ops {
	u8 needs_pin_pages : 1;
	void (*unmap)(void *data, unsigned long iova, unsigned long length);
};

#ifdef CONFIG_IOMMU_API

/**
 * DOC: Objects that a driver embeds
 *
 * A driver that gives VMs a share of its hardware has state for each VIOMMU,
 * VDEVICE and HW_QUEUE. It declares a struct that begins with the core's and
 * tells its size, by one of the macros below. The core allocates it zeroed,
 * fills its own part, has the driver fill the other, and frees it. Each has a
 * function of the driver's that undoes what the driver did; it is not called
 * where the driver's init failed.
 */
#define __IOMMUFD_STRUCT_SIZE(driver_struct, core_struct, member)            \
	(sizeof(driver_struct) +                                             \
	 BUILD_BUG_ON_ZERO(offsetof(driver_struct, member)) +                \
	 BUILD_BUG_ON_ZERO(!__same_type(struct core_struct,                  \
					((driver_struct *)NULL)->member)))

/* What iommu_ops.get_viommu_size() returns */
#define VIOMMU_STRUCT_SIZE(driver_struct, member) \
	__IOMMUFD_STRUCT_SIZE(driver_struct, iommufd_viommu, member)

/* What iommufd_viommu_ops.vdevice_size is set to */
#define VDEVICE_STRUCT_SIZE(driver_struct, member) \
	__IOMMUFD_STRUCT_SIZE(driver_struct, iommufd_vdevice, member)

/* What iommufd_viommu_ops.get_hw_queue_size() returns */
#define HW_QUEUE_STRUCT_SIZE(driver_struct, member) \
	__IOMMUFD_STRUCT_SIZE(driver_struct, iommufd_hw_queue, member)

#define IOMMUFD_VDEVS_HASH_BITS 3

/**
 * struct iommufd_viommu - one VM's share of a physical IOMMU
 * @obj: linked to by each HWPT_NESTED, VDEVICE, VEVENTQ and HW_QUEUE made of it,
 *	and by each mapping of a page of the driver's
 * @ictx: the context it is in
 * @iommu_dev: the physical IOMMU, which does not go while the object is there
 * @hwpt: the nesting parent, linked
 * @ops: the driver's; constant
 * @type: constant
 * @vdevs: struct iommufd_vdevice by virtual id. Read under RCU or its xa_lock.
 * @vdevs_by_dev: the same by device, hashed. Read under RCU, changed under the
 *	context's vdevice_lock.
 * @veventqs: struct iommufd_vevent_ring, at most one of each type. Read under RCU.
 *
 * First member of the driver's struct.
 */
struct iommufd_viommu {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommu_device *iommu_dev;
	struct iommufd_hwpt_paging *hwpt;
	const struct iommufd_viommu_ops *ops;
	u32 type;
	struct xarray vdevs;
	struct hlist_head vdevs_by_dev[1 << IOMMUFD_VDEVS_HASH_BITS];
	struct list_head veventqs;
};

/**
 * struct iommufd_vdevice - what a device is called in a VM
 * @obj: nothing links to it
 * @ictx: the context it is in
 * @viommu: where it has that name. Linked, as long as @idev is there.
 * @idev: the device, or NULL once that is unbound: then the object does nothing.
 *	Guarded by the context's vdevice_lock.
 * @dev: the same device; to be used only while it is found in the VIOMMU
 * @virt_id: its name; constant
 * @by_dev: in the VIOMMU's vdevs_by_dev
 * @destroy: set by vdevice_init() where there is something to undo. The device
 *	is still bound. Lookups may still find the VDEVICE, until the next grace
 *	period of RCU.
 * @rcu: frees it after a grace period
 *
 * First member of the driver's struct. A device has at most one.
 */
struct iommufd_vdevice {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_viommu *viommu;
	struct iommufd_device *idev;
	struct device *dev;
	u64 virt_id;
	struct hlist_node by_dev;
	void (*destroy)(struct iommufd_vdevice *vdev);
	struct rcu_head rcu;
};

/**
 * struct iommufd_hw_queue - a queue in guest memory that the hardware reads
 * @obj: linked to by a queue that depends on it
 * @viommu: the VIOMMU that it was made in, linked
 * @access: keeps its memory pinned, or NULL
 * @base_addr: where it is, as the nesting parent translates it
 * @length: bytes in it
 * @type: constant
 * @destroy: set by hw_queue_init_phys() where there is something to undo. The
 *	hardware must not read the queue any more when it returns.
 *
 * First member of the driver's struct.
 */
struct iommufd_hw_queue {
	struct iommufd_object obj;
	struct iommufd_viommu *viommu;
	struct iova_map_access *access;
	u64 base_addr;
	size_t length;
	u32 type;
	void (*destroy)(struct iommufd_hw_queue *hw_queue);
};

/**
 * struct iommufd_viommu_ops - what a driver does for a VIOMMU
 * @destroy: undo viommu_init(). Nothing is made of the VIOMMU any more. Optional
 * @alloc_domain_nested: make a domain of type IOMMU_DOMAIN_NESTED, a stage 1 of
 *	the VM as @user_data describes it, on @viommu's parent. @flags are enum
 *	iommufd_hwpt_alloc_flags. Returns an ERR_PTR on failure: -EOPNOTSUPP for
 *	a flag or type that it does not know, -EIO for bits that are not the
 *	user's. Optional
 * @cache_invalidate: do what the entries of @array say, in order, and set its
 *	entry_num to how many were done, on success and on failure. An empty
 *	array asks whether its type is known. See iommu_walk_user_array().
 *	Optional
 * @vdevice_size: size of the driver's struct for a VDEVICE, by
 *	VDEVICE_STRUCT_SIZE(), or 0 where the core's is enough
 * @vdevice_init: fill the driver's part, and refuse a virtual id that cannot be:
 *	-EINVAL. Nobody can look it up before it returns. Optional
 * @get_hw_queue_size: size of the driver's struct for a HW_QUEUE of that type,
 *	by HW_QUEUE_STRUCT_SIZE(), or 0 for a type that there is not. Optional
 * @hw_queue_init_phys: let the hardware read the queue number @index of the
 *	VIOMMU, physically at @base_addr_pa, where its memory stays. Returns
 *	-EINVAL for an index or length that cannot be, -EEXIST for an index in
 *	use, -EIO where the queue of the index before is missing. Set with
 *	@get_hw_queue_size
 * @get_vevent_size: size of an event of that kind, as the user gets it, or 0 for a
 *	kind that there is not. Set by a driver that reports events, see
 *	iommufd_viommu_report_event(). Optional
 *
 * The ops of one VIOMMU may be called at once from several threads.
 */
struct iommufd_viommu_ops {
	void (*destroy)(struct iommufd_viommu *viommu);
	struct iommu_domain *
	(*alloc_domain_nested)(struct iommufd_viommu *viommu, u32 flags,
			       const struct iommu_user_data *user_data);
	int (*cache_invalidate)(struct iommufd_viommu *viommu,
				struct iommu_user_data_array *array);
	const size_t vdevice_size;
	int (*vdevice_init)(struct iommufd_vdevice *vdev);
	size_t (*get_hw_queue_size)(struct iommufd_viommu *viommu, u32 type);
	int (*hw_queue_init_phys)(struct iommufd_hw_queue *hw_queue, u32 index,
				  phys_addr_t base_addr_pa);
	size_t (*get_vevent_size)(struct iommufd_viommu *viommu, u32 type);
};

/**
 * iommufd_hw_queue_depend - Keep a queue as long as another one is there
 * @dependent: the queue about to be made
 * @depended: the queue that it needs, which cannot be freed meanwhile, for its
 *	destroy() waits for a lock that the caller holds
 *
 * Return: true, or false where @depended is about to go.
 */
static inline bool iommufd_hw_queue_depend(struct iommufd_hw_queue *dependent,
					   struct iommufd_hw_queue *depended)
{
	return !WARN_ON(dependent->viommu != depended->viommu) &&
	       iommufd_object_link_live(&depended->obj);
}

/**
 * iommufd_hw_queue_undepend - Undo iommufd_hw_queue_depend()
 * @dependent: the queue that goes, or could not be made
 * @depended: the queue that it needed
 */
static inline void iommufd_hw_queue_undepend(struct iommufd_hw_queue *dependent,
					     struct iommufd_hw_queue *depended)
{
	refcount_dec(&depended->obj.links);
}

/* No struct of the user API comes near this size: anything longer is none */
#define IOMMU_USER_DATA_MAX PAGE_SIZE

/*
 * Read a struct that consists of whole words of 32 bits. For so few words this is
 * cheaper than what copy_from_user() does to find out how best to copy them.
 */
static inline int iommufd_read_words(void *to, const void __user *from,
				     size_t size)
{
	size_t at;

	/* Arm checks each word's address: its function is better at many */
	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) ||
	    (IS_ENABLED(CONFIG_ARM64) && size > 2 * sizeof(u64)))
		return copy_from_user(to, from, size) ? -EFAULT : 0;

	/* As copy_from_user() does */
	if (should_fail_usercopy() || !user_access_begin(from, size))
		return -EFAULT;
	for (at = 0; at + 2 * sizeof(u64) <= size; at += 2 * sizeof(u64)) {
		unsafe_get_user(*(u64 *)(to + at),
				(const u64 __user *)(from + at), out_fault);
		unsafe_get_user(*(u64 *)(to + at + sizeof(u64)),
				(const u64 __user *)(from + at + sizeof(u64)),
				out_fault);
	}
	if (size & sizeof(u64)) {
		unsafe_get_user(*(u64 *)(to + at),
				(const u64 __user *)(from + at), out_fault);
		at += sizeof(u64);
	}
	if (size & sizeof(u32))
		unsafe_get_user(*(u32 *)(to + at),
				(const u32 __user *)(from + at), out_fault);
	user_access_end();
	return 0;

out_fault:
	user_access_end();
	return -EFAULT;
}

static inline int
__iommu_copy_struct_from_user(void *to, size_t size, size_t min_size, u32 type,
			      const struct iommu_user_data *user_data)
{
	if (user_data->type != type || user_data->len < min_size)
		return -EINVAL;
	if (user_data->len > IOMMU_USER_DATA_MAX)
		return -E2BIG;
	if (likely(user_data->len == size) && IS_ALIGNED(size, sizeof(u32)))
		return iommufd_read_words(to, user_data->uptr, size);
	return copy_struct_from_user(to, size, user_data->uptr, user_data->len);
}

/**
 * iommu_copy_struct_from_user - Read a driver's struct from user memory
 * @to: pointer to the kernel's version of the struct
 * @user_data: the user's
 * @data_type: the type that it must be of
 * @min_last: last member of the first version of the struct
 *
 * What the user's struct does not have is zero.
 *
 * Return: 0; -EINVAL for another type or a shorter struct; -E2BIG where there is
 * more than the kernel knows, and it is not zero; -EFAULT.
 */
#define iommu_copy_struct_from_user(to, user_data, data_type, min_last)      \
	__iommu_copy_struct_from_user(to, sizeof(*(to)),                     \
				      offsetofend(typeof(*(to)), min_last),  \
				      data_type, user_data)

static inline int
__iommu_copy_struct_to_user(const struct iommu_user_data *user_data, u32 type,
			    const void *from, size_t size, size_t min_size)
{
	if (user_data->type != type || user_data->len < min_size)
		return -EINVAL;
	if (copy_to_user(user_data->uptr, from, min(size, user_data->len)))
		return -EFAULT;
	return 0;
}

/**
 * iommu_copy_struct_to_user - Write a driver's struct to user memory
 * @user_data: the user's, which iommu_copy_struct_from_user() has read
 * @from: pointer to the kernel's version of the struct
 * @data_type: the type that it must be of
 * @min_last: last member of the first version of the struct
 *
 * Writes as much as the user has room for.
 *
 * Return: 0, -EINVAL or -EFAULT.
 */
#define iommu_copy_struct_to_user(user_data, from, data_type, min_last)      \
	__iommu_copy_struct_to_user(user_data, data_type, from,              \
				    sizeof(*(from)),                         \
				    offsetofend(typeof(*(from)), min_last))

static inline int
__iommu_copy_struct_from_user_array(void *to, size_t size, size_t min_size,
				    u32 type, u32 index,
				    const struct iommu_user_data_array *array)
{
	struct iommu_user_data entry = {
		.type = array->type,
		.uptr = array->uptr + array->entry_len * index,
		.len = array->entry_len,
	};

	if (index >= array->entry_num)
		return -EINVAL;
	return __iommu_copy_struct_from_user(to, size, min_size, type, &entry);
}

/**
 * iommu_copy_struct_from_user_array - Read one entry of an array in user memory
 * @to: pointer to the kernel's version of the entry
 * @user_array: the array
 * @data_type: the type that it must be of
 * @index: which entry
 * @min_last: last member of the first version of the entry
 *
 * For a look at one entry. iommu_walk_user_array() is the way to read them all.
 *
 * Return: as iommu_copy_struct_from_user().
 */
#define iommu_copy_struct_from_user_array(to, user_array, data_type, index,  \
					  min_last)                          \
	__iommu_copy_struct_from_user_array(                                 \
		to, sizeof(*(to)), offsetofend(typeof(*(to)), min_last),     \
		data_type, index, user_array)

/**
 * struct iommu_user_entry - the entries of a user array as the kernel knows them
 * @type: the type of the array
 * @size: size of the kernel's version of an entry
 * @min_size: size of the first version
 * @align: alignment of an entry. No version has a size that is not a multiple.
 * @handle: handle @nr entries, which are in the kernel's version and adjacent, and
 *	return how many were handled. If not all were, set @error to what is
 *	wrong with the next one. There is at least one, and no more than fit into
 *	4 KiB. The callee may change them.
 */
struct iommu_user_entry {
	u32 type;
	size_t size;
	size_t min_size;
	size_t align;
	u32 (*handle)(void *context, void *entries, u32 nr, int *error);
};

#define IOMMU_USER_ENTRY(_type, _struct, _min_last, _handle)                 \
	{                                                                    \
		.type = (_type),                                             \
		.size = sizeof(_struct) +                                    \
			BUILD_BUG_ON_ZERO(sizeof(_struct) % 4),              \
		.min_size = offsetofend(_struct, _min_last),                 \
		.align = __alignof__(_struct),                               \
		.handle = (_handle),                                         \
	}

#endif /* CONFIG_IOMMU_API */

#if IS_ENABLED(CONFIG_IOMMUFD)

int iommu_walk_user_array(struct iommu_user_data_array *array,
			  const struct iommu_user_entry *entry, void *context);
struct device *iommufd_viommu_find_dev(struct iommufd_viommu *viommu,
				       unsigned long vdev_id);
int iommufd_viommu_get_vdev_id(struct iommufd_viommu *viommu,
			       struct device *dev, unsigned long *vdev_id);
int iommufd_viommu_alloc_mmap(struct iommufd_viommu *viommu,
			      phys_addr_t mmio_addr, size_t length,
			      unsigned long *offset);
void iommufd_viommu_destroy_mmap(struct iommufd_viommu *viommu,
				 unsigned long offset);
int iommufd_viommu_report_event(struct iommufd_viommu *viommu,
				enum iommu_veventq_type type, const void *event,
				size_t length);
void iommufd_viommu_report_loss(struct iommufd_viommu *viommu,
				enum iommu_veventq_type type);

struct iommufd_ctx *iommufd_ctx_from_file(struct file *file);
struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
void iommufd_ctx_get(struct iommufd_ctx *ictx);
void iommufd_ctx_put(struct iommufd_ctx *ictx);
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group);

struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx,
					   struct device *dev, u32 *id);
void iommufd_device_unbind(struct iommufd_device *idev);
int iommufd_device_attach(struct iommufd_device *idev, ioasid_t pasid,
			  u32 *pt_id);
int iommufd_device_replace(struct iommufd_device *idev, ioasid_t pasid,
			   u32 *pt_id);
void iommufd_device_detach(struct iommufd_device *idev, ioasid_t pasid);
void iommufd_device_detach_pasids(struct iommufd_device *idev);
bool iommufd_device_is_attached(struct iommufd_device *idev, ioasid_t pasid);
struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev);
u32 iommufd_device_to_id(struct iommufd_device *idev);

struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ictx,
		      const struct iommufd_access_ops *ops, void *data,
		      u32 *id);
void iommufd_access_destroy(struct iommufd_access *access);
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id);
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id);
void iommufd_access_detach(struct iommufd_access *access);
int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages,
			     unsigned int flags);
void iommufd_access_unpin_pages(struct iommufd_access *access,
				unsigned long iova, unsigned long length);
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t length, unsigned int flags);

struct iommufd_vfio_group *iommufd_vfio_join(struct iommufd_ctx *ictx,
					     struct device *dev);
void iommufd_vfio_leave(struct iommufd_vfio_group *member);
struct iommufd_ctx *iommufd_vfio_ctx(struct iommufd_vfio_group *member);
u32 iommufd_vfio_ioas_id(struct iommufd_vfio_group *member);

#else /* !CONFIG_IOMMUFD */

static inline int iommu_walk_user_array(struct iommu_user_data_array *array,
					const struct iommu_user_entry *entry,
					void *context)
{
	return -EOPNOTSUPP;
}

static inline struct device *
iommufd_viommu_find_dev(struct iommufd_viommu *viommu, unsigned long vdev_id)
{
	return NULL;
}

static inline int iommufd_viommu_get_vdev_id(struct iommufd_viommu *viommu,
					     struct device *dev,
					     unsigned long *vdev_id)
{
	return -ENOENT;
}

static inline int iommufd_viommu_alloc_mmap(struct iommufd_viommu *viommu,
					    phys_addr_t mmio_addr,
					    size_t length,
					    unsigned long *offset)
{
	return -EOPNOTSUPP;
}

static inline void iommufd_viommu_destroy_mmap(struct iommufd_viommu *viommu,
					       unsigned long offset)
{
}

static inline int iommufd_viommu_report_event(struct iommufd_viommu *viommu,
					      enum iommu_veventq_type type,
					      const void *event, size_t length)
{
	return -EOPNOTSUPP;
}

static inline void iommufd_viommu_report_loss(struct iommufd_viommu *viommu,
					      enum iommu_veventq_type type)
{
}

static inline struct iommufd_ctx *iommufd_ctx_from_file(struct file *file)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void iommufd_ctx_put(struct iommufd_ctx *ictx)
{
}

static inline int iommufd_access_pin_pages(struct iommufd_access *access,
					   unsigned long iova,
					   unsigned long length,
					   struct page **out_pages,
					   unsigned int flags)
{
	return -EOPNOTSUPP;
}

static inline void iommufd_access_unpin_pages(struct iommufd_access *access,
					      unsigned long iova,
					      unsigned long length)
{
}

static inline int iommufd_access_rw(struct iommufd_access *access,
				    unsigned long iova, void *data,
				    size_t length, unsigned int flags)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_IOMMUFD */
#endif /* __LINUX_IOMMUFD_H */
