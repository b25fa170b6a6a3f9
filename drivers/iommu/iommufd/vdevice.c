// SPDX-License-Identifier: GPL-2.0-only
/*
 * VDEVICE: what a device is called in a VM.
 *
 * It needs its device, but a device has to go when its driver unbinds it, and
 * cannot wait for a user. So the VDEVICE dies with its device, whatever the user
 * does. Its id stays taken and names nothing, so that the user cannot destroy
 * some other object by it. The user may be destroying it right then: whoever
 * takes the vdevice_lock first undoes what it was.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "iommufd_private.h"

/* It does nothing from now on, and keeps neither device nor VIOMMU */
static void vdevice_kill(struct iommufd_vdevice *vdev)
{
	struct iommufd_viommu *viommu = vdev->viommu;

	lockdep_assert_held(&viommu->ictx->vdevice_lock);

	hlist_del_rcu(&vdev->by_dev);
	xa_erase(&viommu->vdevs, vdev->virt_id);
	if (vdev->destroy)
		vdev->destroy(vdev);
	vdev->idev->vdev = NULL;
	vdev->idev = NULL;
	iommufd_object_unlink(&viommu->obj);
}

void iommufd_vdevice_destroy(struct iommufd_ctx *ictx,
			     struct iommufd_object *obj)
{
	struct iommufd_vdevice *vdev = to_vdevice(obj);

	mutex_lock(&ictx->vdevice_lock);
	if (vdev->idev)
		vdevice_kill(vdev);
	mutex_unlock(&ictx->vdevice_lock);
}

/* Lookups may still use it */
void iommufd_vdevice_free(struct iommufd_object *obj)
{
	kfree_rcu(to_vdevice(obj), rcu);
}

/* The device goes; no ioctl works with it any more */
void iommufd_device_bury_vdevice(struct iommufd_device *idev)
{
	struct iommufd_ctx *ictx = idev->ictx;
	struct iommufd_object *obj = NULL;
	struct iommufd_vdevice *vdev;

	if (!idev->had_vdev)
		return;

	mutex_lock(&ictx->vdevice_lock);
	vdev = idev->vdev;
	if (vdev) {
		vdevice_kill(vdev);
		/* Else the user destroys it, and finds it dead under the lock */
		if (iommufd_object_take(ictx, &vdev->obj))
			obj = &vdev->obj;
	}
	mutex_unlock(&ictx->vdevice_lock);
	if (obj)
		iommufd_object_bury(ictx, obj);
	/* Whoever found the device before may use it until here */
	synchronize_rcu();
}

/* For fdinfo; sets neither where the device is gone */
void iommufd_vdevice_ids(struct iommufd_vdevice *vdev, u32 *viommu_id,
			 u32 *device_id)
{
	struct iommufd_ctx *ictx = vdev->ictx;

	mutex_lock(&ictx->vdevice_lock);
	if (vdev->idev) {
		*viommu_id = vdev->viommu->obj.id;
		*device_id = vdev->idev->obj.id;
	}
	mutex_unlock(&ictx->vdevice_lock);
}

static struct iommufd_vdevice *vdevice_alloc(struct iommufd_viommu *viommu,
					     u64 virt_id)
{
	size_t size = viommu->ops->vdevice_size;
	struct iommufd_vdevice *vdev;

	if (!size)
		size = sizeof(*vdev);
	if (WARN_ON(size < sizeof(*vdev)))
		return ERR_PTR(-EOPNOTSUPP);
	if (virt_id > ULONG_MAX)
		return ERR_PTR(-EINVAL);

	vdev = iommufd_object_alloc(viommu->ictx, size, IOMMUFD_OBJ_VDEVICE);
	if (IS_ERR(vdev))
		return vdev;
	vdev->ictx = viommu->ictx;
	vdev->virt_id = virt_id;
	return vdev;
}

/* Give the device its name. It can be looked up when this returns 0. */
static int vdevice_join(struct iommufd_vdevice *vdev,
			struct iommufd_viommu *viommu,
			struct iommufd_device *idev)
{
	int rc;

	lockdep_assert_held(&viommu->ictx->vdevice_lock);

	if (idev->vdev)
		return -EEXIST;
	/* Reserve the entry: lookups find nothing there yet */
	rc = xa_insert(&viommu->vdevs, vdev->virt_id, NULL, GFP_KERNEL_ACCOUNT);
	if (rc)
		return rc == -EBUSY ? -EEXIST : rc;

	vdev->viommu = viommu;
	vdev->idev = idev;
	vdev->dev = idev->dev;
	if (viommu->ops->vdevice_init) {
		rc = viommu->ops->vdevice_init(vdev);
		if (rc) {
			xa_release(&viommu->vdevs, vdev->virt_id);
			vdev->idev = NULL;
			return rc;
		}
	}
	/* The entry is reserved, so this needs no memory */
	xa_store(&viommu->vdevs, vdev->virt_id, vdev, GFP_KERNEL_ACCOUNT);
	hlist_add_head_rcu(&vdev->by_dev, iommufd_vdevs_of(viommu, vdev->dev));
	idev->vdev = vdev;
	idev->had_vdev = true;
	iommufd_object_link(&viommu->obj);
	return 0;
}

/* Make a VDEVICE. It is not published yet. */
static struct iommufd_vdevice *vdevice_build(struct iommufd_viommu *viommu,
					     struct iommufd_device *idev,
					     u64 virt_id)
{
	struct iommufd_ctx *ictx = viommu->ictx;
	struct iommufd_vdevice *vdev;
	int rc;

	rc = iommufd_viommu_check_device(viommu, idev);
	if (rc)
		return ERR_PTR(rc);
	vdev = vdevice_alloc(viommu, virt_id);
	if (IS_ERR(vdev))
		return vdev;
	mutex_lock(&ictx->vdevice_lock);
	rc = vdevice_join(vdev, viommu, idev);
	mutex_unlock(&ictx->vdevice_lock);
	if (rc) {
		iommufd_object_abort(ictx, &vdev->obj);
		return ERR_PTR(rc);
	}
	return vdev;
}

static struct iommufd_vdevice *
vdevice_build_by_id(struct iommufd_ctx *ictx,
		    const struct iommu_vdevice_alloc *cmd)
{
	struct iommufd_vdevice *vdev;
	struct iommufd_viommu *viommu;
	struct iommufd_device *idev;

	viommu = iommufd_get_viommu(ictx, cmd->viommu_id);
	if (IS_ERR(viommu))
		return ERR_CAST(viommu);
	idev = iommufd_get_device(ictx, cmd->dev_id);
	if (IS_ERR(idev)) {
		vdev = ERR_CAST(idev);
		goto out_put_viommu;
	}
	vdev = vdevice_build(viommu, idev, cmd->virt_id);
	iommufd_object_put(ictx, &idev->obj);
out_put_viommu:
	iommufd_object_put(ictx, &viommu->obj);
	return vdev;
}

int iommufd_vdevice_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct iommufd_vdevice *vdev;
	int rc;

	vdev = vdevice_build_by_id(ucmd->ictx, cmd);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);

	/* Where the device goes meanwhile, the user gets one that is dead */
	cmd->out_vdevice_id = vdev->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_object_abort(ucmd->ictx, &vdev->obj);
	else
		iommufd_object_publish(ucmd->ictx, &vdev->obj);
	return rc;
}
