// SPDX-License-Identifier: GPL-2.0-only
/*
 * What IOMMU drivers call. A driver can be built in where iommufd is a module, so
 * this is always built in.
 */
#include <linux/iommufd.h>
#include <linux/minmax.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "iommufd_private.h"

/* Bytes copied of an array at once: to a buffer, to the stack, for one entry */
#define WALK_BLOCK 4096
#define WALK_STACK 256
#define WALK_ONE   32

/* Copy entries of any length until one cannot be read; returns how many */
static u32 copy_each_entry(const struct iommu_user_data_array *array,
			   const struct iommu_user_entry *entry, u32 first,
			   u32 nr, void *to, int *error)
{
	void __user *from = array->uptr + array->entry_len * first;
	u32 i;

	for (i = 0; i < nr; i++) {
		*error = copy_struct_from_user(to, entry->size, from,
					       array->entry_len);
		if (*error)
			break;
		to += entry->size;
		from += array->entry_len;
	}
	return i;
}

static u32 copy_entries(const struct iommu_user_data_array *array,
			const struct iommu_user_entry *entry, u32 first, u32 nr,
			void *to, int *error)
{
	void __user *from = array->uptr + entry->size * first;

	if (array->entry_len != entry->size)
		return copy_each_entry(array, entry, first, nr, to, error);

	if (!copy_from_user(to, from, nr * entry->size))
		return nr;
	/* Not every architecture tells exactly how far it came */
	return copy_each_entry(array, entry, first, nr, to, error);
}

static int walk_check(const struct iommu_user_data_array *array,
		      const struct iommu_user_entry *entry)
{
	if (array->type != entry->type)
		return -EINVAL;
	if (!array->entry_num)
		return 0;
	if (array->entry_len < entry->min_size ||
	    !IS_ALIGNED(array->entry_len, entry->align))
		return -EINVAL;
	return 0;
}

/* Handle a block of entries; returns the error of the first not handled */
static int handle_entries(const struct iommu_user_entry *entry, void *context,
			  void *block, u32 nr, u32 *done)
{
	int error = 0;
	u32 handled;

	handled = entry->handle(context, block, nr, &error);
	*done += handled;
	if (handled == nr)
		return 0;
	return WARN_ON(!error) ? -EIO : error;
}

/* Handle the array in blocks of as many entries as fit into @room bytes */
static int walk_blocks(const struct iommu_user_data_array *array,
		       const struct iommu_user_entry *entry, void *context,
		       void *block, size_t room, u32 *done)
{
	u32 per_block = room / entry->size;
	int copy_error = 0, rc;

	while (true) {
		u32 nr = min(array->entry_num - *done, per_block);

		nr = copy_entries(array, entry, *done, nr, block, &copy_error);
		if (nr) {
			rc = handle_entries(entry, context, block, nr, done);
			if (rc)
				return rc;
		}
		if (copy_error || *done == array->entry_num)
			return copy_error;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/* Not inlined, so that an array of one entry does not pay for its stack frame */
static noinline int walk_few(const struct iommu_user_data_array *array,
			     const struct iommu_user_entry *entry,
			     void *context, u32 *done)
{
	u64 block[WALK_STACK / sizeof(u64)] __uninitialized;
	int error = 0;

	/* The short form of walk_blocks(), for entries that can be read as they are */
	if (copy_from_user(block, array->uptr, array->entry_num * entry->size))
		return walk_blocks(array, entry, context, block, sizeof(block),
				   done);
	*done = entry->handle(context, block, array->entry_num, &error);
	return error;
}

static noinline int walk_many(const struct iommu_user_data_array *array,
			      const struct iommu_user_entry *entry,
			      void *context, u32 *done)
{
	void *block;
	int rc;

	block = kmalloc(WALK_BLOCK, GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	rc = walk_blocks(array, entry, context, block, WALK_BLOCK, done);
	kfree(block);
	return rc;
}

/* An array of one, as of a guest that gives one command at a time */
static int walk_one(const struct iommu_user_data_array *array,
		    const struct iommu_user_entry *entry, void *context,
		    u32 *done)
{
	u64 one[WALK_ONE / sizeof(u64)] __uninitialized;
	int error = 0;

	if (iommufd_read_words(one, array->uptr, entry->size))
		return -EFAULT;
	*done = entry->handle(context, one, 1, &error);
	return error;
}

/**
 * iommu_walk_user_array - Handle the entries of an array in user memory
 * @array: the array; its entry_num is set to how many entries were done
 * @entry: what the entries are
 * @context: given to the handle function
 *
 * Entries are read from user memory in blocks of 4 KiB at most. What is handled is
 * what was read: none is read again for that. Between blocks a signal ends the
 * walk. An error in an entry is returned once all entries before it are done.
 *
 * An empty array of the right type is no error, and nothing is done.
 *
 * Return: 0; -EINVAL where the array is of another type, or entries cannot have
 * that length; -E2BIG where an entry has more than the kernel knows, and it is not
 * zero; -EFAULT, -EINTR, -ENOMEM; or what the handle function says.
 */
int iommu_walk_user_array(struct iommu_user_data_array *array,
			  const struct iommu_user_entry *entry, void *context)
{
	u32 done = 0;
	int rc;

	if (array->entry_num == 1 && array->entry_len == entry->size &&
	    array->type == entry->type && entry->size <= WALK_ONE) {
		rc = walk_one(array, entry, context, &done);
	} else if (array->entry_num && array->entry_len == entry->size &&
		   array->type == entry->type &&
		   array->entry_num <= WALK_STACK / entry->size) {
		rc = walk_few(array, entry, context, &done);
	} else {
		rc = walk_check(array, entry);
		if (!rc && array->entry_num)
			rc = walk_many(array, entry, context, &done);
	}
	array->entry_num = done;
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommu_walk_user_array, IOMMUFD);

/**
 * iommufd_viommu_find_dev - Find the device that a VM calls by an id
 * @viommu: the VM's share of the IOMMU that the device is behind
 * @vdev_id: the VM's id
 *
 * Called in an RCU read-side section, or with the xa_lock of viommu->vdevs held,
 * from any context. The device is valid until that ends.
 *
 * Return: the device, or NULL.
 */
struct device *iommufd_viommu_find_dev(struct iommufd_viommu *viommu,
				       unsigned long vdev_id)
{
	struct iommufd_vdevice *vdev;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held() &&
			 !lockdep_is_held(&viommu->vdevs.xa_lock),
			 "the device may go");
	vdev = xa_load(&viommu->vdevs, vdev_id);
	return vdev ? vdev->dev : NULL;
}
EXPORT_SYMBOL_NS_GPL(iommufd_viommu_find_dev, IOMMUFD);

/**
 * iommufd_viommu_get_vdev_id - Find the id that a VM calls a device by
 * @viommu: a VM's share of an IOMMU
 * @dev: the device
 * @vdev_id: set to the VM's id
 *
 * May be called from any context.
 *
 * Return: 0, or -ENOENT where the VM does not know the device.
 */
int iommufd_viommu_get_vdev_id(struct iommufd_viommu *viommu,
			       struct device *dev, unsigned long *vdev_id)
{
	struct iommufd_vdevice *vdev;
	int rc = -ENOENT;

	rcu_read_lock();
	hlist_for_each_entry_rcu(vdev, iommufd_vdevs_of(viommu, dev), by_dev) {
		if (vdev->dev == dev) {
			*vdev_id = vdev->virt_id;
			rc = 0;
			break;
		}
	}
	rcu_read_unlock();
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_viommu_get_vdev_id, IOMMUFD);

/**
 * iommufd_viommu_alloc_mmap - Give pages of the hardware to a VIOMMU's owner
 * @viommu: the VIOMMU, which the driver is about to make
 * @mmio_addr: physical address of the pages, page aligned
 * @length: how many bytes, page aligned
 * @offset: what the user gives to mmap(), with @length
 *
 * The owner can map them when the VIOMMU can be used, and keeps it from being
 * destroyed as long as they are mapped.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int iommufd_viommu_alloc_mmap(struct iommufd_viommu *viommu,
			      phys_addr_t mmio_addr, size_t length,
			      unsigned long *offset)
{
	struct iommufd_mmap *place;
	int rc;

	if (WARN_ON(!length || !PAGE_ALIGNED(mmio_addr | length)))
		return -EINVAL;
	place = kzalloc(sizeof(*place), GFP_KERNEL_ACCOUNT);
	if (!place)
		return -ENOMEM;
	place->viommu = viommu;
	place->phys = mmio_addr;
	place->length = length;
	rc = xa_alloc(&viommu->ictx->mmaps, &place->pgoff, place,
		      XA_LIMIT(1, INT_MAX), GFP_KERNEL_ACCOUNT);
	if (rc) {
		kfree(place);
		return rc == -EBUSY ? -ENOMEM : rc;
	}
	*offset = (unsigned long)place->pgoff << PAGE_SHIFT;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(iommufd_viommu_alloc_mmap, IOMMUFD);

/**
 * iommufd_viommu_destroy_mmap - Undo iommufd_viommu_alloc_mmap()
 * @viommu: the VIOMMU, which goes or could not be made: nothing is mapped
 * @offset: as it was given
 */
void iommufd_viommu_destroy_mmap(struct iommufd_viommu *viommu,
				 unsigned long offset)
{
	kfree(xa_erase(&viommu->ictx->mmaps, offset >> PAGE_SHIFT));
}
EXPORT_SYMBOL_NS_GPL(iommufd_viommu_destroy_mmap, IOMMUFD);
