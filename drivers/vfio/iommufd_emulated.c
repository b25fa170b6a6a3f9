// SPDX-License-Identifier: GPL-2.0-only
/*
 * Emulated VFIO devices as users of an iommufd
 *
 * What a driver of a device without DMA of its own needs for struct
 * vfio_device_ops to have its device bound to an iommufd: an access to an address
 * space there. The driver sees no difference to a container: vfio_pin_pages() and
 * the like work, and dma_unmap is called.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/vfio.h>

#include "vfio.h"

static void vfio_emulated_unmap(void *data, unsigned long iova,
				unsigned long length)
{
	struct vfio_device *vdev = data;

	vdev->ops->dma_unmap(vdev, iova, length);
}

/* A driver that is not told when to unpin cannot pin; see vfio_pin_pages() */
static const struct iommufd_access_ops vfio_emulated_ops = {
};

static const struct iommufd_access_ops vfio_emulated_pin_ops = {
	.needs_pin_pages = 1,
	.unmap = vfio_emulated_unmap,
};

/**
 * vfio_iommufd_emulated_bind - bind_iommufd of an emulated device
 * @vdev: The device, one of vfio_register_emulated_iommu_dev()
 * @ictx: The iommufd
 * @out_device_id: Returns the device's id in @ictx
 *
 * Return: 0 or -errno.
 */
int vfio_iommufd_emulated_bind(struct vfio_device *vdev,
			       struct iommufd_ctx *ictx, u32 *out_device_id)
{
	struct iommufd_access *access;

	lockdep_assert_held(&vdev->dev_set->lock);

	access = iommufd_access_create(ictx, vdev->ops->dma_unmap ?
						&vfio_emulated_pin_ops :
						&vfio_emulated_ops,
				       vdev, out_device_id);
	if (IS_ERR(access))
		return PTR_ERR(access);

	vdev->iommufd_access = access;
	return 0;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_emulated_bind);

/**
 * vfio_iommufd_emulated_unbind - unbind_iommufd of an emulated device
 * @vdev: The device, bound and not attached
 */
void vfio_iommufd_emulated_unbind(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);
	WARN_ON(vdev->iommufd_attached);

	iommufd_access_destroy(vdev->iommufd_access);
	vdev->iommufd_access = NULL;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_emulated_unbind);

/**
 * vfio_iommufd_emulated_attach_ioas - attach_ioas of an emulated device
 * @vdev: The device, bound
 * @pt_id: The id of an IOAS, which it stays
 *
 * A device that is attached already is moved: the driver's dma_unmap is called
 * for what it has pinned.
 *
 * Return: 0 or -errno; on error it is attached to what it was before.
 */
int vfio_iommufd_emulated_attach_ioas(struct vfio_device *vdev, u32 *pt_id)
{
	int ret;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (vdev->iommufd_attached)
		return iommufd_access_replace(vdev->iommufd_access, *pt_id);

	ret = iommufd_access_attach(vdev->iommufd_access, *pt_id);
	if (!ret)
		vdev->iommufd_attached = true;
	return ret;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_emulated_attach_ioas);

/**
 * vfio_iommufd_emulated_detach_ioas - detach_ioas of an emulated device
 * @vdev: The device, bound
 *
 * The driver's dma_unmap is called for what it has pinned.
 */
void vfio_iommufd_emulated_detach_ioas(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	if (!vdev->iommufd_attached)
		return;

	iommufd_access_detach(vdev->iommufd_access);
	vdev->iommufd_attached = false;
}
EXPORT_SYMBOL_GPL(vfio_iommufd_emulated_detach_ioas);

/* vfio_pin_pages(), which does not care where in a page @iova is */
int vfio_iommufd_pin_pages(struct vfio_device *vdev, dma_addr_t iova, int npage,
			   int prot, struct page **pages)
{
	int ret;

	ret = iommufd_access_pin_pages(vdev->iommufd_access, iova & PAGE_MASK,
				       npage * PAGE_SIZE, pages,
				       prot & IOMMU_WRITE ?
						IOMMUFD_ACCESS_RW_WRITE :
						IOMMUFD_ACCESS_RW_READ);
	return ret ?: npage;
}

void vfio_iommufd_unpin_pages(struct vfio_device *vdev, dma_addr_t iova,
			      int npage)
{
	iommufd_access_unpin_pages(vdev->iommufd_access, iova & PAGE_MASK,
				   npage * PAGE_SIZE);
}

int vfio_iommufd_dma_rw(struct vfio_device *vdev, dma_addr_t iova, void *data,
			size_t len, bool write)
{
	unsigned int flags = IOMMUFD_ACCESS_RW_KTHREAD;

	flags |= write ? IOMMUFD_ACCESS_RW_WRITE : IOMMUFD_ACCESS_RW_READ;
	return iommufd_access_rw(vdev->iommufd_access, iova, data, len, flags);
}
