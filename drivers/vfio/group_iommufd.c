// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO groups that have an iommufd as their container
 *
 * VFIO_GROUP_SET_CONTAINER takes the file of /dev/iommu in the place of one of
 * /dev/vfio/vfio. The group joins the iommufd then, and a device of it that is
 * opened is bound to the iommufd and attached to its compatibility IOAS, as the
 * program would do it by itself with the device's cdev. The container's ioctls
 * are the iommufd's to answer.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/vfio.h>

#include "vfio.h"

/* Any device of the group, with its registration held, or NULL */
static struct vfio_device *vfio_group_any_device(struct vfio_group *group)
{
	struct vfio_device *device, *found = NULL;

	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next) {
		if (vfio_device_try_get_registration(device)) {
			found = device;
			break;
		}
	}
	mutex_unlock(&group->device_lock);
	return found;
}

static struct iommufd_vfio_group *vfio_group_join(struct vfio_group *group,
						  struct iommufd_ctx *ictx)
{
	struct iommufd_vfio_group *member;
	struct vfio_device *device;

	/* Nothing translates the DMA of such a group, nor keeps it out */
	if (group->type == VFIO_NO_IOMMU)
		return ERR_PTR(-EOPNOTSUPP);
	/* A device of such a group does no DMA by itself */
	if (group->type == VFIO_EMULATED_IOMMU)
		return iommufd_vfio_join(ictx, NULL);

	device = vfio_group_any_device(group);
	if (!device)
		return ERR_PTR(-ENODEV);
	member = iommufd_vfio_join(ictx, device->dev);
	vfio_device_put_registration(device);
	return member;
}

/**
 * vfio_group_attach_iommufd - Give a group an iommufd as its container
 * @group: The group, without a container
 * @file: The file that the user says is a container
 *
 * Return: 0 or -errno; -EINVAL if @file is no iommufd.
 */
int vfio_group_attach_iommufd(struct vfio_group *group, struct file *file)
{
	struct iommufd_vfio_group *member;
	struct iommufd_ctx *ictx;

	lockdep_assert_held(&group->group_lock);

	ictx = iommufd_ctx_from_file(file);
	if (IS_ERR(ictx))
		return -EINVAL;
	member = vfio_group_join(group, ictx);
	/* The member keeps it from here on */
	iommufd_ctx_put(ictx);
	if (IS_ERR(member))
		return PTR_ERR(member);

	group->iommufd_member = member;
	group->container_users = 1;
	return 0;
}

/**
 * vfio_group_detach_iommufd - Undo vfio_group_attach_iommufd()
 * @group: The group, of which no device is open
 */
void vfio_group_detach_iommufd(struct vfio_group *group)
{
	lockdep_assert_held(&group->group_lock);
	WARN_ON(group->container_users != 1);

	iommufd_vfio_leave(group->iommufd_member);
	group->iommufd_member = NULL;
	group->container_users = 0;
}

/**
 * vfio_group_iommufd_coherent - Is all DMA of the group's devices coherent?
 * @group: The group, which has an iommufd as its container
 */
bool vfio_group_iommufd_coherent(struct vfio_group *group)
{
	struct vfio_device *device;
	bool coherent = true;

	lockdep_assert_held(&group->group_lock);

	/* The CPU does what an emulated device does */
	if (group->type == VFIO_EMULATED_IOMMU)
		return true;

	/* iommufd enforces coherency wherever the IOMMU is able to */
	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next) {
		if (!device_iommu_capable(device->dev,
					  IOMMU_CAP_ENFORCE_CACHE_COHERENCY))
			coherent = false;
	}
	mutex_unlock(&group->device_lock);
	return coherent;
}

/**
 * vfio_device_group_bind - Let a device that is opened do DMA
 * @device: The device, opened for the first time, by its group
 *
 * Does nothing where the group has no iommufd. Its container cannot change while
 * a device is open or being opened.
 *
 * Return: 0 or -errno.
 */
int vfio_device_group_bind(struct vfio_device *device)
{
	struct iommufd_vfio_group *member = device->group->iommufd_member;
	const struct vfio_device_ops *ops = device->ops;
	u32 devid, pt_id;
	int ret;

	lockdep_assert_held(&device->dev_set->lock);

	if (!member)
		return 0;
	if (!ops->bind_iommufd)
		return -EOPNOTSUPP;

	ret = ops->bind_iommufd(device, iommufd_vfio_ctx(member), &devid);
	if (ret)
		return ret;
	pt_id = iommufd_vfio_ioas_id(member);
	ret = ops->attach_ioas(device, &pt_id);
	if (ret)
		ops->unbind_iommufd(device);
	return ret;
}

/**
 * vfio_device_group_unbind - Undo vfio_device_group_bind()
 * @device: The device, closed by its driver
 */
void vfio_device_group_unbind(struct vfio_device *device)
{
	lockdep_assert_held(&device->dev_set->lock);

	if (!device->group->iommufd_member)
		return;
	device->ops->detach_ioas(device);
	device->ops->unbind_iommufd(device);
}
