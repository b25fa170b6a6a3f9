// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices: bind, and what the IOMMU can do for them.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/irqdomain.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fail.h"
#include "fault.h"
#include "iommufd_private.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices that can raise any interrupt: the machine has no interrupt remapping");

struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ictx,
					struct device *dev)
{
	struct iommufd_group *group, *found;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return ERR_PTR(-ENOMEM);
	group->iommu_group = iommu_group_get(dev);
	if (!group->iommu_group) {
		kfree(group);
		return ERR_PTR(-ENODEV);
	}
	group->refs = 1;
	group->ictx = ictx;
	group->msi_window = IOMMUFD_NO_MSI_WINDOW;
	mutex_init(&group->lock);
	xa_init(&group->attaches);

	xa_lock(&ictx->groups);
	found = __xa_cmpxchg(&ictx->groups, iommu_group_id(group->iommu_group),
			     NULL, group, GFP_KERNEL_ACCOUNT);
	if (found && !xa_is_err(found))
		found->refs++;
	xa_unlock(&ictx->groups);
	if (!found)
		return group;

	iommu_group_put(group->iommu_group);
	mutex_destroy(&group->lock);
	kfree(group);
	return xa_is_err(found) ? ERR_PTR(xa_err(found)) : found;
}

void iommufd_group_put(struct iommufd_group *group)
{
	struct iommufd_ctx *ictx = group->ictx;
	bool last;

	xa_lock(&ictx->groups);
	last = !--group->refs;
	if (last)
		__xa_erase(&ictx->groups, iommu_group_id(group->iommu_group));
	xa_unlock(&ictx->groups);
	if (!last)
		return;

	WARN_ON(!xa_empty(&group->attaches));
	iommu_group_put(group->iommu_group);
	mutex_destroy(&group->lock);
	kfree(group);
}

/**
 * iommufd_ctx_has_group - Does the context own all DMA of a group?
 * @ictx: context
 * @group: the IOMMU group
 *
 * It does when any device of the group is bound to it: the group's other
 * devices can then be bound to nothing else.
 */
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group)
{
	return group && xa_load(&ictx->groups, iommu_group_id(group));
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_has_group, IOMMUFD);

/* Is the device kept from raising interrupts that are not its own? */
static bool interrupts_are_isolated(struct device *dev)
{
	return irq_domain_check_msi_remap() ||
	       device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

static int idev_bind_check(struct device *dev)
{
	if (!device_iommu_mapped(dev))
		return -ENODEV;
	/* User space has no way to make its memory coherent again */
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY))
		return -EINVAL;
	if (!interrupts_are_isolated(dev) && !allow_unsafe_interrupts) {
		dev_warn_ratelimited(dev,
				     "no interrupt remapping: not bound without iommufd.allow_unsafe_interrupts\n");
		return -EPERM;
	}
	return 0;
}

void iommufd_device_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);

	WARN_ON(!xa_empty(&idev->faults));
	iommufd_device_bury_vdevice(idev);
	iommufd_group_put(idev->group);
	iommu_device_release_dma_owner(idev->dev);
}

/* iommufd_device_bind() for a caller that the context outlives anyway */
struct iommufd_device *iommufd_device_do_bind(struct iommufd_ctx *ictx,
					      struct device *dev, u32 *id)
{
	struct iommufd_device *idev;
	struct iommufd_group *group;
	int rc;

	rc = idev_bind_check(dev);
	if (rc)
		return ERR_PTR(rc);
	if (iommufd_should_fail())
		return ERR_PTR(-ENOMEM);
	rc = iommu_device_claim_dma_owner(dev, ictx);
	if (rc)
		return ERR_PTR(rc);
	/* Only now: iommufd_ctx_has_group() speaks of claimed groups */
	group = iommufd_group_get(ictx, dev);
	if (IS_ERR(group)) {
		rc = PTR_ERR(group);
		goto out_release_owner;
	}

	idev = iommufd_object_alloc(ictx, sizeof(*idev), IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(idev)) {
		rc = PTR_ERR(idev);
		goto out_put_group;
	}
	idev->ictx = ictx;
	idev->group = group;
	idev->dev = dev;
	xa_init(&idev->faults);
	idev->enforce_cache_coherency =
		device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);

	/* The caller's, so that IOMMU_DESTROY cannot take it away */
	iommufd_object_link(&idev->obj);
	*id = idev->obj.id;
	iommufd_object_publish(ictx, &idev->obj);
	return idev;

out_put_group:
	iommufd_group_put(group);
out_release_owner:
	iommu_device_release_dma_owner(dev);
	return ERR_PTR(rc);
}

void iommufd_device_do_unbind(struct iommufd_device *idev)
{
	ioasid_t pasid = IOMMU_NO_PASID;
	u32 hwpt_id;

	WARN_ON(iommufd_device_next_attached(idev, &pasid, &hwpt_id));
	iommufd_object_unlink_destroy(idev->ictx, &idev->obj);
}

/**
 * iommufd_device_bind - Give a context the DMA of a device
 * @ictx: context
 * @dev: the device, whose driver the caller is
 * @id: the id of the DEVICE object
 *
 * All DMA of the device is blocked until it is attached. The other devices of
 * its group can be bound to no other context, nor driven by a kernel driver
 * that does DMA.
 *
 * Return: the bound device, which holds a reference on the context; -ENODEV
 * where no IOMMU translates its DMA; -EINVAL where its DMA is not coherent;
 * -EPERM where its interrupts are not isolated or the group is someone else's;
 * -EBUSY where someone else set the group's domain; -ENOMEM.
 */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx,
					   struct device *dev, u32 *id)
{
	struct iommufd_device *idev = iommufd_device_do_bind(ictx, dev, id);

	if (!IS_ERR(idev))
		iommufd_ctx_get(ictx);
	return idev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind, IOMMUFD);

/**
 * iommufd_device_unbind - Undo iommufd_device_bind()
 * @idev: device, detached
 *
 * Waits for the ioctls that work with the device.
 */
void iommufd_device_unbind(struct iommufd_device *idev)
{
	struct iommufd_ctx *ictx = idev->ictx;

	iommufd_device_do_unbind(idev);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_unbind, IOMMUFD);

/**
 * iommufd_device_to_ictx - The context a device is bound to
 * @idev: device
 */
struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev)
{
	return idev->ictx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_to_ictx, IOMMUFD);

/**
 * iommufd_device_to_id - The id of a device's DEVICE object
 * @idev: device
 */
u32 iommufd_device_to_id(struct iommufd_device *idev)
{
	return idev->obj.id;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_to_id, IOMMUFD);

static int hw_info_check(const struct iommu_hw_info *cmd)
{
	if (cmd->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE)
		return -EOPNOTSUPP;
	if (memchr_inv(cmd->__reserved, 0, sizeof(cmd->__reserved)))
		return -EOPNOTSUPP;
	/* Without the flag the field is an output only */
	return 0;
}

/* The IOMMU driver's description: *@len bytes of type *@type, or NULL */
static void *hw_info_get(struct device *dev, u32 *len, u32 *type)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);

	*len = 0;
	if (ops->hw_info)
		return ops->hw_info(dev, len, type);
	return *type == IOMMU_HW_INFO_TYPE_DEFAULT ? NULL :
						      ERR_PTR(-EOPNOTSUPP);
}

static int hw_info_copy(const struct iommu_hw_info *cmd, const void *info,
			u32 len)
{
	void __user *to = u64_to_user_ptr(cmd->data_uptr);
	u32 copy = min(cmd->data_len, len);

	if (copy_to_user(to, info, copy))
		return -EFAULT;
	if (clear_user(to + copy, cmd->data_len - copy))
		return -EFAULT;
	return 0;
}

static u8 max_pasid_log2(struct device *dev)
{
	u32 max_pasids = iommu_device_max_pasids(dev);

	return max_pasids ? ilog2(max_pasids) : 0;
}

static u64 pasid_capabilities(struct device *dev)
{
	u64 capabilities = 0;
	int features;

	if (!dev_is_pci(dev) || !max_pasid_log2(dev))
		return 0;
	features = pci_pasid_features(to_pci_dev(dev));
	if (features < 0)
		return 0;
	if (features & PCI_PASID_CAP_EXEC)
		capabilities |= IOMMU_HW_CAP_PCI_PASID_EXEC;
	if (features & PCI_PASID_CAP_PRIV)
		capabilities |= IOMMU_HW_CAP_PCI_PASID_PRIV;
	return capabilities;
}

static u64 device_capabilities(struct device *dev)
{
	u64 capabilities = 0;

	if (device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		capabilities |= IOMMU_HW_CAP_DIRTY_TRACKING;
	if (!dev_is_pci(dev) || !pci_ats_supported(to_pci_dev(dev)))
		capabilities |= IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	return capabilities | pasid_capabilities(dev);
}

int iommufd_get_hw_info_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hw_info *cmd = ucmd->cmd;
	u32 type = IOMMU_HW_INFO_TYPE_DEFAULT;
	struct iommufd_device *idev;
	void *info;
	u32 len;
	int rc;

	rc = hw_info_check(cmd);
	if (rc)
		return rc;
	if (cmd->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE)
		type = cmd->in_data_type;

	idev = iommufd_get_device(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	info = hw_info_get(idev->dev, &len, &type);
	cmd->out_capabilities = device_capabilities(idev->dev);
	cmd->out_max_pasid_log2 = max_pasid_log2(idev->dev);
	/* The user's memory may take forever, and unbind waits for this */
	iommufd_object_put(ucmd->ictx, &idev->obj);
	if (IS_ERR(info))
		return PTR_ERR(info);

	rc = hw_info_copy(cmd, info, len);
	kfree(info);
	if (rc)
		return rc;
	cmd->data_len = len;
	cmd->out_data_type = type;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}
