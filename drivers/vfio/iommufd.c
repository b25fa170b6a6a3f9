// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO devices as devices of an iommufd
 *
 * What a driver of a physical device, one that does DMA of its own, needs for
 * struct vfio_device_ops to have its device bound to an iommufd and attached to
 * page tables there; and what it may ask about who owns which device.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/vfio.h>

MODULE_IMPORT_NS(IOMMUFD);

/**
 * vfio_iommufd_physical_bind - bind_iommufd of a physical device
 * @vdev: The device
 * @ictx: The iommufd
 * @out_device_id: Returns the device's id in @ictx
 *
 * Claims the DMA of the device's IOMMU group for @ictx. Until the device is
 * attached its DMA is blocked.
 *
 * Return: 0 or -errno.
 */
int vfio_iommufd_physical_bind(struct vfio_device *vdev,
			       struct iommufd_ctx *ictx, u32 *out_device_id)
{
	struct iommufd_device *idev;

	lockdep_assert_held(&vdev->dev_set->lock);

	idev = iommufd_device_bind(ictx, vdev->dev, out_device_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);

	vdev->iommufd_device = idev;
	return 0;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_bind);

/**
 * vfio_iommufd_physical_unbind - unbind_iommufd of a physical device
 * @vdev: The device, bound and not attached but by PASID
 */
void vfio_iommufd_physical_unbind(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);
	WARN_ON(vdev->iommufd_attached);

	iommufd_device_detach_pasids(vdev->iommufd_device);
	iommufd_device_unbind(vdev->iommufd_device);
	vdev->iommufd_device = NULL;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_unbind);

/**
 * vfio_iommufd_physical_attach_ioas - attach_ioas of a physical device
 * @vdev: The device, bound
 * @pt_id: The id of an IOAS or HWPT, returns the id of the HWPT attached to
 *
 * A device that is attached already is moved.
 *
 * Return: 0 or -errno; on error all stays as it was.
 */
int vfio_iommufd_physical_attach_ioas(struct vfio_device *vdev, u32 *pt_id)
{
	int ret;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (vdev->iommufd_attached)
		return iommufd_device_replace(vdev->iommufd_device,
					      IOMMU_NO_PASID, pt_id);

	ret = iommufd_device_attach(vdev->iommufd_device, IOMMU_NO_PASID,
				    pt_id);
	if (!ret)
		vdev->iommufd_attached = true;
	return ret;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_attach_ioas);

/**
 * vfio_iommufd_physical_detach_ioas - detach_ioas of a physical device
 * @vdev: The device, bound
 *
 * The device's DMA is blocked when this returns.
 */
void vfio_iommufd_physical_detach_ioas(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	if (!vdev->iommufd_attached)
		return;

	iommufd_device_detach(vdev->iommufd_device, IOMMU_NO_PASID);
	vdev->iommufd_attached = false;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_detach_ioas);

/**
 * vfio_iommufd_physical_pasid_attach_ioas - pasid_attach_ioas of a physical
 *					     device
 * @vdev: The device, bound
 * @pasid: The PASID
 * @pt_id: The id of an HWPT
 *
 * A PASID that is attached already is moved.
 *
 * Return: 0 or -errno; on error all stays as it was.
 */
int vfio_iommufd_physical_pasid_attach_ioas(struct vfio_device *vdev, u32 pasid,
					    u32 *pt_id)
{
	struct iommufd_device *idev = vdev->iommufd_device;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (pasid == IOMMU_NO_PASID)
		return -EINVAL;
	if (iommufd_device_is_attached(idev, pasid))
		return iommufd_device_replace(idev, pasid, pt_id);
	return iommufd_device_attach(idev, pasid, pt_id);
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_pasid_attach_ioas);

/**
 * vfio_iommufd_physical_pasid_detach_ioas - pasid_detach_ioas of a physical
 *					     device
 * @vdev: The device, bound
 * @pasid: The PASID
 *
 * The PASID's DMA is blocked when this returns.
 */
void vfio_iommufd_physical_pasid_detach_ioas(struct vfio_device *vdev,
					     u32 pasid)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	if (pasid != IOMMU_NO_PASID)
		iommufd_device_detach(vdev->iommufd_device, pasid);
}
EXPORT_SYMBOL_GPL(vfio_iommufd_physical_pasid_detach_ioas);

/**
 * vfio_iommufd_device_ictx - The iommufd that a device is bound to
 * @vdev: The device
 *
 * The caller holds dev_set->lock, or is called through the file that is bound.
 *
 * Return: The iommufd, without a reference, or NULL if there is none.
 */
struct iommufd_ctx *vfio_iommufd_device_ictx(struct vfio_device *vdev)
{
	if (!vdev->iommufd_device)
		return NULL;
	return iommufd_device_to_ictx(vdev->iommufd_device);
}
EXPORT_SYMBOL_GPL(vfio_iommufd_device_ictx);

/**
 * vfio_iommufd_device_owned - Does the user of an iommufd own a device?
 * @vdev: The device
 * @ictx: The iommufd
 * @devid: Returns the device's id in @ictx, 0 if it is not bound
 *
 * A device is owned if it is bound to @ictx, or if it is not open and another
 * one of its IOMMU group is bound to @ictx: then it cannot become anyone else's,
 * since a group has one owner.
 *
 * Return: True if it is owned.
 */
bool vfio_iommufd_device_owned(struct vfio_device *vdev,
			       struct iommufd_ctx *ictx, u32 *devid)
{
	struct iommu_group *group;
	bool owned;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (vfio_iommufd_device_ictx(vdev) == ictx) {
		*devid = iommufd_device_to_id(vdev->iommufd_device);
		return true;
	}
	if (vdev->open_count)
		return false;

	/* vdev->group is set only from registration on */
	group = iommu_group_get(vdev->dev);
	if (!group)
		return false;

	*devid = 0;
	owned = iommufd_ctx_has_group(ictx, group);
	iommu_group_put(group);
	return owned;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_device_owned);
