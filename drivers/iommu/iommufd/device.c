// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices: bind; attach, replace and detach, by group.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/irqdomain.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fail.h"
#include "fault.h"
#include "iommufd_private.h"
#include "trace.h"

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
	INIT_LIST_HEAD(&group->attached);

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

	WARN_ON(group->hwpt);
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

/* Could the device ring any interrupt of the machine? */
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
	if (!interrupts_are_isolated(dev)) {
		if (!allow_unsafe_interrupts) {
			dev_warn_ratelimited(dev,
					     "no interrupt remapping: not bound without iommufd.allow_unsafe_interrupts\n");
			return -EPERM;
		}
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
	INIT_LIST_HEAD(&idev->group_item);
	xa_init(&idev->faults);
	idev->enforce_cache_coherency =
		device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);

	/* The caller's: IOMMU_DESTROY shall not take it away */
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
	WARN_ON(!list_empty(&idev->group_item));
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

/* Keep areas out of what the device cannot use, or uses for itself */
static int idev_reserve(struct iommufd_device *idev, struct iova_map *map)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int rc = 0;

	iommu_get_resv_regions(idev->dev, &regions);
	down_write(&map->rwsem);
	list_for_each_entry(region, &regions, list) {
		if (region->type == IOMMU_RESV_DIRECT_RELAXABLE ||
		    !region->length)
			continue;
		if (region->type == IOMMU_RESV_SW_MSI)
			idev->group->msi_window = region->start;
		rc = iova_map_reserve(map, region->start,
				      region->start + region->length - 1, idev);
		if (rc) {
			iova_map_unreserve(map, idev);
			break;
		}
	}
	up_write(&map->rwsem);
	iommu_put_resv_regions(idev->dev, &regions);
	return rc;
}

static void idev_unreserve(struct iommufd_device *idev, struct iova_map *map)
{
	down_write(&map->rwsem);
	iova_map_unreserve(map, idev);
	up_write(&map->rwsem);
}

/* Reserve for all attached devices, as a group moves to another IOAS */
static int group_reserve(struct iommufd_group *group, struct iova_map *map)
{
	struct iommufd_device *idev;
	int rc;

	list_for_each_entry(idev, &group->attached, group_item) {
		rc = idev_reserve(idev, map);
		if (rc)
			goto out_undo;
	}
	return 0;

out_undo:
	list_for_each_entry_continue_reverse(idev, &group->attached, group_item)
		idev_unreserve(idev, map);
	return rc;
}

static void group_unreserve(struct iommufd_group *group, struct iova_map *map)
{
	struct iommufd_device *idev;

	list_for_each_entry(idev, &group->attached, group_item)
		idev_unreserve(idev, map);
}

/* What must hold of an HWPT before the device's DMA may go through it */
static int idev_fit_hwpt(struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	struct iommufd_hwpt_paging *paging = hwpt_to_paging(hwpt);

	/* Only who made the domain knows what it is */
	if (paging->driver != dev_iommu_ops(idev->dev))
		return -EINVAL;
	if (idev->enforce_cache_coherency && !paging->enforce_cache_coherency)
		return -EINVAL;
	/* Its writes would be missing in the record */
	if (paging->common.domain->dirty_ops &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_DIRTY_TRACKING))
		return -EINVAL;
	return 0;
}

static int group_attach(struct iommufd_group *group, struct iommufd_hwpt *hwpt)
{
	struct iommufd_hwpt_paging *paging = hwpt_to_paging(hwpt);
	int rc;

	rc = iommufd_sw_msi_get(paging, group->msi_window);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM :
	     iommu_attach_group(hwpt->domain, group->iommu_group);
	if (rc)
		goto out_put;
	rc = iommufd_should_fail() ? -ENOMEM : iommufd_sw_msi_refresh(paging);
	if (rc)
		goto out_detach;
	group->hwpt = hwpt;
	return 0;

out_detach:
	iommu_detach_group(hwpt->domain, group->iommu_group);
out_put:
	iommufd_sw_msi_put(paging, group->msi_window);
	return rc;
}

static void group_detach(struct iommufd_group *group)
{
	struct iommufd_hwpt *hwpt = group->hwpt;

	iommu_detach_group(hwpt->domain, group->iommu_group);
	iommufd_sw_msi_put(hwpt_to_paging(hwpt), group->msi_window);
	group->hwpt = NULL;
}

static int group_replace(struct iommufd_group *group, struct iommufd_hwpt *hwpt)
{
	struct iommufd_hwpt_paging *paging = hwpt_to_paging(hwpt);
	struct iommufd_hwpt *old = group->hwpt;
	int rc;

	rc = iommufd_sw_msi_get(paging, group->msi_window);
	if (rc)
		return rc;
	rc = iommufd_should_fail() ? -ENOMEM :
	     iommu_group_replace_domain(group->iommu_group, hwpt->domain);
	if (rc)
		goto out_put;
	rc = iommufd_should_fail() ? -ENOMEM : iommufd_sw_msi_refresh(paging);
	if (rc)
		goto out_back;
	iommufd_sw_msi_put(hwpt_to_paging(old), group->msi_window);
	group->hwpt = hwpt;
	return 0;

out_back:
	WARN_ON(iommu_group_replace_domain(group->iommu_group, old->domain));
	/* As well as it goes: the same doorbells were mapped here before */
	iommufd_sw_msi_refresh(hwpt_to_paging(old));
out_put:
	iommufd_sw_msi_put(paging, group->msi_window);
	return rc;
}

static void group_end_faults(struct iommufd_group *group, bool moved)
{
	struct iommufd_device *idev;

	list_for_each_entry(idev, &group->attached, group_item)
		iommufd_fault_end_move(idev, IOMMU_NO_PASID, moved);
}

static int group_begin_faults(struct iommufd_group *group,
			      struct iommufd_hwpt *hwpt)
{
	struct iommufd_device *idev;
	int rc;

	list_for_each_entry(idev, &group->attached, group_item) {
		rc = iommufd_fault_begin_move(idev, IOMMU_NO_PASID, hwpt);
		if (rc)
			goto out_undo;
	}
	return 0;

out_undo:
	list_for_each_entry_continue_reverse(idev, &group->attached, group_item)
		iommufd_fault_end_move(idev, IOMMU_NO_PASID, false);
	return rc;
}

/* The group moves, and its devices' faults with it */
static int group_replace_faults(struct iommufd_group *group,
				struct iommufd_hwpt *hwpt)
{
	int rc;

	rc = group_begin_faults(group, hwpt);
	if (rc)
		return rc;
	rc = group_replace(group, hwpt);
	group_end_faults(group, !rc);
	return rc;
}

/* The first device of a group brings the group, each its own faults */
static int group_attach_faults(struct iommufd_group *group,
			       struct iommufd_device *idev,
			       struct iommufd_hwpt *hwpt)
{
	int rc;

	rc = iommufd_fault_begin_move(idev, IOMMU_NO_PASID, hwpt);
	if (rc)
		return rc;
	if (!group->hwpt)
		rc = group_attach(group, hwpt);
	iommufd_fault_end_move(idev, IOMMU_NO_PASID, !rc);
	return rc;
}

static int idev_attach(struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	struct iova_map *map = &hwpt_to_ioas(hwpt)->map;
	struct iommufd_group *group = idev->group;
	int rc;

	lockdep_assert_held(&group->lock);

	if (!list_empty(&idev->group_item))
		return -EBUSY;
	if (group->hwpt && group->hwpt != hwpt)
		return -EINVAL;

	rc = idev_reserve(idev, map);
	if (rc)
		return rc;
	rc = idev_fit_hwpt(idev, hwpt);
	if (!rc)
		rc = group_attach_faults(group, idev, hwpt);
	if (rc) {
		idev_unreserve(idev, map);
		return rc;
	}
	list_add_tail(&idev->group_item, &group->attached);
	iommufd_object_link(&hwpt->obj);
	return 0;
}

static int idev_replace(struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *group = idev->group;
	struct iova_map *map = &hwpt_to_ioas(hwpt)->map;
	struct iommufd_hwpt *old = group->hwpt;
	struct iova_map *leave;
	int rc;

	lockdep_assert_held(&group->lock);

	if (list_empty(&idev->group_item))
		return -EINVAL;
	if (old == hwpt)
		return 0;

	leave = &hwpt_to_ioas(old)->map;
	rc = map != leave ? group_reserve(group, map) : 0;
	if (rc)
		return rc;
	rc = idev_fit_hwpt(idev, hwpt);
	if (!rc)
		rc = group_replace_faults(group, hwpt);
	/* The reservations stay where the group is */
	if (rc)
		swap(map, leave);
	if (map != leave)
		group_unreserve(group, leave);
	if (rc)
		return rc;

	list_for_each_entry(idev, &group->attached, group_item)
		iommufd_object_link(&hwpt->obj);
	return 0;
}

/**
 * struct idev_move - an attach or replace at work
 * @idev: device
 * @move: idev_attach() or idev_replace()
 * @left: the HWPT that its group has left, or NULL
 * @links: how many links to @left the group's devices had
 * @made: the automatic HWPT made for this, to which this holds a link, or NULL
 *
 * The last link destroys an automatic HWPT, which waits for whoever works with
 * it; and he may wait for what the mover holds. So links are given up last.
 */
struct idev_move {
	struct iommufd_device *idev;
	int (*move)(struct iommufd_device *idev, struct iommufd_hwpt *hwpt);
	struct iommufd_hwpt *left;
	size_t links;
	struct iommufd_hwpt *made;
};

static int idev_move(struct idev_move *move, struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *group = move->idev->group;
	struct iommufd_hwpt *old;
	int rc;

	mutex_lock(&group->lock);
	old = group->hwpt;
	rc = move->move(move->idev, hwpt);
	if (!rc && old && old != hwpt) {
		move->left = old;
		move->links = list_count_nodes(&group->attached);
	}
	mutex_unlock(&group->lock);
	return rc;
}

static void idev_move_finish(struct idev_move *move)
{
	for (; move->links; move->links--)
		iommufd_hwpt_unlink(move->left);
	if (move->made)
		iommufd_hwpt_unlink(move->made);
}

/*
 * The next automatic HWPT of the IOAS after @prev, with a user reference. That
 * on @prev, which has kept it in the list, is given back.
 */
static struct iommufd_hwpt_paging *
next_automatic(struct iommufd_ioas *ioas, struct iommufd_hwpt_paging *prev)
{
	struct iommufd_hwpt_paging *hwpt = prev;

	down_read(&ioas->map.rwsem);
	hwpt = list_prepare_entry(hwpt, &ioas->map.hwpts, map_hwpt.item);
	list_for_each_entry_continue(hwpt, &ioas->map.hwpts, map_hwpt.item) {
		if (hwpt->automatic &&
		    iommufd_object_tryget(hwpt->common.ictx, &hwpt->common.obj))
			goto found;
	}
	hwpt = NULL;
found:
	up_read(&ioas->map.rwsem);
	if (prev)
		iommufd_object_put(prev->common.ictx, &prev->common.obj);
	return hwpt;
}

/* Make an automatic HWPT, and move to it */
static int idev_move_new(struct idev_move *move, struct iommufd_ioas *ioas,
			 u32 *hwpt_id)
{
	struct iommufd_ctx *ictx = move->idev->ictx;
	struct iommufd_hwpt_paging *hwpt;
	int rc;

	hwpt = iommufd_hwpt_paging_alloc(ictx, ioas, move->idev, 0, NULL);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	hwpt->automatic = true;

	/*
	 * Once attached it can be left by another device of the group, before
	 * it is published: with a link of our own it stays until we are done.
	 */
	iommufd_object_link(&hwpt->common.obj);
	rc = idev_move(move, &hwpt->common);
	if (rc) {
		iommufd_object_unlink(&hwpt->common.obj);
		iommufd_object_abort(ictx, &hwpt->common.obj);
		return rc;
	}
	move->made = &hwpt->common;
	*hwpt_id = hwpt->common.obj.id;
	iommufd_object_publish(ictx, &hwpt->common.obj);
	return 0;
}

/* Find the automatic HWPT that the device's IOMMU takes, or make one */
static int idev_move_ioas(struct idev_move *move, struct iommufd_ioas *ioas,
			  u32 *hwpt_id)
{
	struct iommufd_hwpt_paging *hwpt = NULL;
	int rc;

	mutex_lock(&ioas->auto_lock);
	while ((hwpt = next_automatic(ioas, hwpt))) {
		rc = idev_move(move, &hwpt->common);
		/* -EINVAL: not for this device, another may be */
		if (rc == -EINVAL)
			continue;
		*hwpt_id = hwpt->common.obj.id;
		iommufd_object_put(hwpt->common.ictx, &hwpt->common.obj);
		goto out_unlock;
	}
	rc = idev_move_new(move, ioas, hwpt_id);
out_unlock:
	mutex_unlock(&ioas->auto_lock);
	return rc;
}

static int idev_move_id(struct idev_move *move, ioasid_t pasid, u32 *pt_id)
{
	struct iommufd_ctx *ictx = move->idev->ictx;
	struct iommufd_object *pt;
	int rc;

	if (pasid != IOMMU_NO_PASID)
		return -EOPNOTSUPP;

	pt = iommufd_object_get(ictx, *pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt))
		return PTR_ERR(pt);
	switch (pt->type) {
	case IOMMUFD_OBJ_IOAS:
		rc = idev_move_ioas(move,
				    container_of(pt, struct iommufd_ioas, obj),
				    pt_id);
		break;
	case IOMMUFD_OBJ_HWPT_PAGING:
	case IOMMUFD_OBJ_HWPT_NESTED:
		rc = idev_move(move, to_hwpt(pt));
		break;
	default:
		rc = -EINVAL;
		break;
	}
	iommufd_object_put(ictx, pt);
	idev_move_finish(move);
	return rc;
}

/**
 * iommufd_device_attach - Let a device's DMA through an I/O page table
 * @idev: device, not attached
 * @pasid: IOMMU_NO_PASID
 * @pt_id: id of an IOAS or an HWPT; on return that of the HWPT attached
 *
 * Attached to an IOAS, a device gets an HWPT that holds it, one that exists or a
 * new one, which goes when its last device is detached. The devices of a group
 * are attached to one HWPT.
 *
 * Return: 0; -ENOENT where there is no such object; -EBUSY where it is attached;
 * -EINVAL where its IOMMU cannot use the HWPT or its group has another;
 * -EADDRINUSE where an area lies in what it reserves; what pinning or the IOMMU
 * driver said. Nothing is changed then.
 */
int iommufd_device_attach(struct iommufd_device *idev, ioasid_t pasid,
			  u32 *pt_id)
{
	struct idev_move move = {
		.idev = idev,
		.move = idev_attach,
	};
	int rc = idev_move_id(&move, pasid, pt_id);

	trace_iommufd_attach(idev, pasid, *pt_id, rc);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_attach, IOMMUFD);

/**
 * iommufd_device_replace - Move an attached device to another I/O page table
 * @idev: device, attached
 * @pasid: IOMMU_NO_PASID
 * @pt_id: as for iommufd_device_attach()
 *
 * All devices of the group move. DMA sees the old translation or the new, or is
 * blocked in between where the hardware cannot do better.
 *
 * Return: as iommufd_device_attach(), but -EINVAL where it is not attached. The
 * old translation stays then.
 */
int iommufd_device_replace(struct iommufd_device *idev, ioasid_t pasid,
			   u32 *pt_id)
{
	struct idev_move move = {
		.idev = idev,
		.move = idev_replace,
	};
	int rc = idev_move_id(&move, pasid, pt_id);

	trace_iommufd_replace(idev, pasid, *pt_id, rc);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_replace, IOMMUFD);

/**
 * iommufd_device_detach - Block a device's DMA again
 * @idev: device, attached
 * @pasid: IOMMU_NO_PASID
 *
 * DMA is blocked, for all devices of the group, when the last of them is
 * detached: the IOMMU cannot tell them apart.
 */
void iommufd_device_detach(struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_hwpt *hwpt;

	mutex_lock(&group->lock);
	hwpt = group->hwpt;
	if (WARN_ON(list_empty(&idev->group_item))) {
		mutex_unlock(&group->lock);
		return;
	}
	iommufd_fault_begin_move(idev, pasid, NULL);
	list_del_init(&idev->group_item);
	if (list_empty(&group->attached))
		group_detach(group);
	iommufd_fault_end_move(idev, pasid, true);
	idev_unreserve(idev, &hwpt_to_ioas(hwpt)->map);
	mutex_unlock(&group->lock);
	trace_iommufd_detach(idev, pasid, hwpt->obj.id, 0);
	iommufd_hwpt_unlink(hwpt);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach, IOMMUFD);

static int hw_info_check(const struct iommu_hw_info *cmd)
{
	if (cmd->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE)
		return -EOPNOTSUPP;
	if (memchr_inv(cmd->__reserved, 0, sizeof(cmd->__reserved)))
		return -EOPNOTSUPP;
	/* Without the flag the field is an output only */
	return 0;
}

/* What the IOMMU driver tells of itself; *@len bytes of type *@type, or NULL */
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

static u64 device_capabilities(struct device *dev)
{
	u64 capabilities = 0;

	if (device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		capabilities |= IOMMU_HW_CAP_DIRTY_TRACKING;
	if (!dev_is_pci(dev) || !pci_ats_supported(to_pci_dev(dev)))
		capabilities |= IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	return capabilities;
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
	cmd->out_max_pasid_log2 = 0;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}
