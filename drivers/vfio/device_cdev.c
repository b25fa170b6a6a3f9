// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO device cdev, /dev/vfio/devices/vfioX
 *
 * A character device for each device whose driver can bind it to an iommufd.
 * Opening it gives a file that can do nothing but VFIO_DEVICE_BIND_IOMMUFD. That
 * opens the device, and the file is like one from VFIO_GROUP_GET_DEVICE_FD from
 * then on; besides, it takes the ioctls here. Closing it undoes everything.
 *
 * Locks, outermost first:
 *   vfio_device_file.lock	the ioctls below against one another. It alone is
 *				held over accesses to the user's memory, which
 *				may take forever: a user stops only themself.
 *   vfio_device_set.lock	open, close, attach, detach, and bus resets
 *   vfio_group.group_lock	who has the group; KVM's link
 *
 * The file holds the device's registration, so that the driver waits for its
 * close before it lets the device go; and what goes on in an ioctl holds the
 * file, so that none is under way at close.
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/kdev_t.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#include "vfio.h"

/*
 * One struct cdev serves all minors, and open finds the device by its minor. So
 * an inode that has been opened once never refers to a device, and the device
 * can go away with its driver at unregistration.
 */
static struct cdev vfio_cdev;
static dev_t vfio_cdev_region;
static DEFINE_XARRAY(vfio_cdev_devices);	/* by vfio_device.index */

int vfio_cdev_fops_open(struct inode *inode, struct file *filep)
{
	struct vfio_device_file *df;
	struct vfio_device *device;
	int ret;

	/* Under the lock vfio_cdev_del() waits for us to look at the device */
	xa_lock(&vfio_cdev_devices);
	device = xa_load(&vfio_cdev_devices, iminor(inode));
	if (device && !vfio_device_try_get_registration(device))
		device = NULL;
	xa_unlock(&vfio_cdev_devices);
	if (!device)
		return -ENODEV;

	if (!try_module_get(device->dev->driver->owner)) {
		ret = -ENODEV;
		goto err_put_registration;
	}

	df = vfio_device_file_alloc(device, NULL);
	if (!df) {
		ret = -ENOMEM;
		goto err_put_module;
	}

	filep->private_data = df;
	return 0;

err_put_module:
	module_put(device->dev->driver->owner);
err_put_registration:
	vfio_device_put_registration(device);
	return ret;
}

/*
 * A group is used either through its own file or through the cdevs of its
 * devices. Its DMA has one owner anyway; this refuses earlier and tells why.
 */
static int vfio_cdev_claim_group(struct vfio_group *group)
{
	int ret = 0;

	mutex_lock(&group->group_lock);
	if (group->opened_file)
		ret = -EBUSY;
	else
		group->cdev_users++;
	mutex_unlock(&group->group_lock);
	return ret;
}

static void vfio_cdev_release_group(struct vfio_group *group)
{
	mutex_lock(&group->group_lock);
	group->cdev_users--;
	mutex_unlock(&group->group_lock);
}

static int vfio_cdev_check_token(struct vfio_device *device, const uuid_t *token)
{
	if (device->ops->match_token_uuid)
		return device->ops->match_token_uuid(device, token);
	return token ? -EINVAL : 0;
}

/* The driver's open_device(), with the locks that the group path holds for it */
static int vfio_cdev_open_driver(struct vfio_device_file *df)
{
	struct vfio_device *device = df->device;
	int ret = 0;

	lockdep_assert_held(&device->dev_set->lock);

	/* KVM cannot take its link back until the driver has its reference */
	mutex_lock(&device->group->group_lock);
	device->kvm = df->kvm;
	device->cdev_opened = true;
	device->open_count = 1;
	if (device->ops->open_device)
		ret = device->ops->open_device(device);
	if (ret) {
		device->open_count = 0;
		device->cdev_opened = false;
		device->kvm = NULL;
	}
	mutex_unlock(&device->group->group_lock);
	return ret;
}

/* Takes the caller's reference to @ictx on success */
static int vfio_cdev_open_device(struct vfio_device_file *df,
				 struct iommufd_ctx *ictx, const uuid_t *token,
				 u32 *devid)
{
	struct vfio_device *device = df->device;
	int ret;

	lockdep_assert_held(&df->lock);

	if (df->iommufd)
		return -EINVAL;

	mutex_lock(&device->dev_set->lock);
	ret = vfio_cdev_claim_group(device->group);
	if (ret)
		goto err_unlock;

	/* Two users of one device would be able to undo each other's work */
	if (device->open_count) {
		ret = -EINVAL;
		goto err_release_group;
	}

	ret = vfio_cdev_check_token(device, token);
	if (ret)
		goto err_release_group;

	/* The device may do DMA as soon as it is open */
	ret = device->ops->bind_iommufd(device, ictx, devid);
	if (ret)
		goto err_release_group;

	ret = vfio_cdev_open_driver(df);
	if (ret)
		goto err_unbind;
	mutex_unlock(&device->dev_set->lock);

	df->iommufd = ictx;
	return 0;

err_unbind:
	device->ops->unbind_iommufd(device);
err_release_group:
	vfio_cdev_release_group(device->group);
err_unlock:
	mutex_unlock(&device->dev_set->lock);
	return ret;
}

/*
 * The driver stops the device first. Its translation goes next, to the blocking
 * domain, so that not even a device which the driver failed to stop reaches
 * memory. Last goes the claim on the group, which gives the device's DMA back
 * to the kernel.
 */
static void vfio_cdev_close_device(struct vfio_device_file *df)
{
	struct vfio_device *device = df->device;

	mutex_lock(&device->dev_set->lock);
	if (device->ops->close_device)
		device->ops->close_device(device);
	device->ops->detach_ioas(device);
	device->ops->unbind_iommufd(device);
	device->open_count = 0;
	device->cdev_opened = false;
	device->kvm = NULL;
	mutex_unlock(&device->dev_set->lock);

	vfio_cdev_release_group(device->group);
	iommufd_ctx_put(df->iommufd);
	df->iommufd = NULL;
}

void vfio_cdev_close(struct vfio_device_file *df)
{
	if (df->access_granted)
		vfio_cdev_close_device(df);
}

static int vfio_cdev_get_token(struct vfio_device_bind_iommufd __user *arg,
			       u32 argsz, uuid_t *token)
{
	u64 uptr;

	if (argsz < offsetofend(struct vfio_device_bind_iommufd,
				token_uuid_ptr))
		return -EINVAL;
	if (get_user(uptr, &arg->token_uuid_ptr))
		return -EFAULT;
	if (copy_from_user(token, u64_to_user_ptr(uptr), sizeof(*token)))
		return -EFAULT;
	return 0;
}

static int vfio_cdev_get_bind(struct vfio_device_bind_iommufd __user *arg,
			      struct vfio_device_bind_iommufd *bind,
			      uuid_t *token)
{
	const size_t minsz = offsetofend(struct vfio_device_bind_iommufd,
					 out_devid);

	if (copy_from_user(bind, arg, minsz))
		return -EFAULT;
	if (bind->argsz < minsz || bind->iommufd < 0 ||
	    (bind->flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN))
		return -EINVAL;
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN)
		return vfio_cdev_get_token(arg, bind->argsz, token);
	return 0;
}

long vfio_cdev_bind_iommufd(struct vfio_device_file *df,
			    struct vfio_device_bind_iommufd __user *arg)
{
	struct vfio_device_bind_iommufd bind;
	struct iommufd_ctx *ictx;
	uuid_t token;
	int ret;

	if (df->group)
		return -EINVAL;
	ret = vfio_cdev_get_bind(arg, &bind, &token);
	if (ret)
		return ret;
	ictx = iommufd_ctx_from_fd(bind.iommufd);
	if (IS_ERR(ictx))
		return PTR_ERR(ictx);

	mutex_lock(&df->lock);
	ret = vfio_cdev_open_device(df, ictx,
				    bind.flags & VFIO_DEVICE_BIND_FLAG_TOKEN ?
				    &token : NULL, &bind.out_devid);
	if (ret) {
		iommufd_ctx_put(ictx);
	} else if (put_user(bind.out_devid, &arg->out_devid)) {
		vfio_cdev_close_device(df);
		ret = -EFAULT;
	} else {
		/* All of the above is seen by whoever sees this */
		smp_store_release(&df->access_granted, true);
	}
	mutex_unlock(&df->lock);
	return ret;
}

/*
 * What the DMA without a PASID, or with one if @pasid says so, goes through.
 * These are called with dev_set->lock held.
 */
static bool vfio_cdev_is_attached(struct vfio_device *device, u32 pasid)
{
	if (pasid == IOMMU_NO_PASID)
		return device->iommufd_attached;
	return iommufd_device_is_attached(device->iommufd_device, pasid);
}

static int vfio_cdev_attach_ioas(struct vfio_device *device, u32 pasid,
				 u32 *pt_id)
{
	if (pasid == IOMMU_NO_PASID)
		return device->ops->attach_ioas(device, pt_id);
	return device->ops->pasid_attach_ioas(device, pasid, pt_id);
}

static void vfio_cdev_detach_ioas(struct vfio_device *device, u32 pasid)
{
	if (pasid == IOMMU_NO_PASID)
		device->ops->detach_ioas(device);
	else
		device->ops->pasid_detach_ioas(device, pasid);
}

/*
 * The PASID of a structure of @argsz bytes that has one at @arg, and needs @size
 * bytes for it.
 */
static int vfio_cdev_get_pasid(struct vfio_device *device, u32 argsz,
			       size_t size, u32 __user *arg, u32 *pasid)
{
	if (argsz < size)
		return -EINVAL;
	if (!device->ops->pasid_attach_ioas)
		return -EOPNOTSUPP;
	if (get_user(*pasid, arg))
		return -EFAULT;
	/* It would stand for DMA that has none */
	return *pasid == IOMMU_NO_PASID ? -EINVAL : 0;
}

static int vfio_cdev_attach(struct vfio_device_file *df, u32 pasid, u32 pt_id,
			    u32 __user *uptr)
{
	struct vfio_device *device = df->device;
	bool moved;
	int ret;

	lockdep_assert_held(&df->lock);

	/*
	 * What is replaced cannot be brought back if the result cannot be
	 * written, so try that first.
	 */
	if (put_user(pt_id, uptr))
		return -EFAULT;

	/* The IOMMU may talk to the device: not while its bus is being reset */
	mutex_lock(&device->dev_set->lock);
	moved = vfio_cdev_is_attached(device, pasid);
	ret = vfio_cdev_attach_ioas(device, pasid, &pt_id);
	mutex_unlock(&device->dev_set->lock);
	if (ret)
		return ret;

	if (!put_user(pt_id, uptr))
		return 0;

	if (!moved) {
		mutex_lock(&device->dev_set->lock);
		vfio_cdev_detach_ioas(device, pasid);
		mutex_unlock(&device->dev_set->lock);
	}
	return -EFAULT;
}

long vfio_cdev_attach_pt(struct vfio_device_file *df,
			 struct vfio_device_attach_iommufd_pt __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_attach_iommufd_pt,
					 pt_id);
	const size_t pasidsz = offsetofend(struct vfio_device_attach_iommufd_pt,
					   pasid);
	struct vfio_device_attach_iommufd_pt attach;
	u32 pasid = IOMMU_NO_PASID;
	int ret;

	if (copy_from_user(&attach, arg, minsz))
		return -EFAULT;
	if (attach.argsz < minsz ||
	    (attach.flags & ~VFIO_DEVICE_ATTACH_PASID))
		return -EINVAL;
	if (attach.flags & VFIO_DEVICE_ATTACH_PASID) {
		ret = vfio_cdev_get_pasid(df->device, attach.argsz, pasidsz,
					  &arg->pasid, &pasid);
		if (ret)
			return ret;
	}

	mutex_lock(&df->lock);
	ret = vfio_cdev_attach(df, pasid, attach.pt_id, &arg->pt_id);
	mutex_unlock(&df->lock);
	return ret;
}

long vfio_cdev_detach_pt(struct vfio_device_file *df,
			 struct vfio_device_detach_iommufd_pt __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_detach_iommufd_pt,
					 flags);
	const size_t pasidsz = offsetofend(struct vfio_device_detach_iommufd_pt,
					   pasid);
	struct vfio_device_detach_iommufd_pt detach;
	struct vfio_device *device = df->device;
	u32 pasid = IOMMU_NO_PASID;
	int ret;

	if (copy_from_user(&detach, arg, minsz))
		return -EFAULT;
	if (detach.argsz < minsz ||
	    (detach.flags & ~VFIO_DEVICE_DETACH_PASID))
		return -EINVAL;
	if (detach.flags & VFIO_DEVICE_DETACH_PASID) {
		ret = vfio_cdev_get_pasid(device, detach.argsz, pasidsz,
					  &arg->pasid, &pasid);
		if (ret)
			return ret;
	}

	mutex_lock(&df->lock);
	mutex_lock(&device->dev_set->lock);
	vfio_cdev_detach_ioas(device, pasid);
	mutex_unlock(&device->dev_set->lock);
	mutex_unlock(&df->lock);
	return 0;
}

/* The number of the device's node, to be set before device_add() makes it */
dev_t vfio_cdev_devt(struct vfio_device *device)
{
	return MKDEV(MAJOR(vfio_cdev_region), device->index);
}

/* Let the device be opened */
int vfio_cdev_add(struct vfio_device *device)
{
	const struct vfio_device_ops *ops = device->ops;

	if (WARN_ON(!ops->unbind_iommufd || !ops->attach_ioas ||
		    !ops->detach_ioas ||
		    !ops->pasid_attach_ioas != !ops->pasid_detach_ioas))
		return -EINVAL;

	return xa_insert(&vfio_cdev_devices, device->index, device, GFP_KERNEL);
}

/* No open finds the device any more once this returns */
void vfio_cdev_del(struct vfio_device *device)
{
	xa_erase(&vfio_cdev_devices, device->index);
}

static char *vfio_cdev_devnode(struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "vfio/devices/%s", dev_name(dev));
}

int __init vfio_cdev_init(struct class *device_class)
{
	int ret;

	ret = alloc_chrdev_region(&vfio_cdev_region, 0, MINORMASK + 1,
				  "vfio-dev");
	if (ret)
		return ret;

	cdev_init(&vfio_cdev, &vfio_device_fops);
	vfio_cdev.owner = THIS_MODULE;
	ret = cdev_add(&vfio_cdev, vfio_cdev_region, MINORMASK + 1);
	if (ret) {
		unregister_chrdev_region(vfio_cdev_region, MINORMASK + 1);
		return ret;
	}

	device_class->devnode = vfio_cdev_devnode;
	return 0;
}

void vfio_cdev_cleanup(void)
{
	cdev_del(&vfio_cdev);
	unregister_chrdev_region(vfio_cdev_region, MINORMASK + 1);
}
