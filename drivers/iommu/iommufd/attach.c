// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach, replace and detach: which HWPT the DMA of a device goes through, with
 * no PASID or with one.
 *
 * The IOMMU does not tell the devices of a group apart, so for each PASID, and
 * for none, a group is attached to one HWPT, and its devices join and move
 * together.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/slab.h>

#include "fail.h"
#include "fault.h"
#include "iommufd_private.h"
#include "trace.h"

/**
 * struct attached_device - a device that an HWPT is attached for
 * @item: in iommufd_attach.devices
 * @idev: the device
 *
 * Holds a link to the HWPT, and owns what is reserved in its IOAS for the device.
 */
struct attached_device {
	struct list_head item;
	struct iommufd_device *idev;
};

static struct attached_device *find_device(struct iommufd_attach *attach,
					   struct iommufd_device *idev)
{
	struct attached_device *dev;

	lockdep_assert_held(&attach->group->lock);

	list_for_each_entry(dev, &attach->devices, item)
		if (dev->idev == idev)
			return dev;
	return NULL;
}

/* The attachment of a PASID, which is a new one if there is none yet */
static struct iommufd_attach *get_attach(struct iommufd_group *group,
					 ioasid_t pasid)
{
	struct iommufd_attach *attach = xa_load(&group->attaches, pasid);
	int rc;

	lockdep_assert_held(&group->lock);

	if (attach)
		return attach;
	attach = kzalloc(sizeof(*attach), GFP_KERNEL_ACCOUNT);
	if (!attach)
		return ERR_PTR(-ENOMEM);
	attach->group = group;
	attach->pasid = pasid;
	INIT_LIST_HEAD(&attach->devices);
	rc = xa_insert(&group->attaches, pasid, attach, GFP_KERNEL_ACCOUNT);
	if (rc) {
		kfree(attach);
		return ERR_PTR(rc);
	}
	return attach;
}

/* It goes with its last device */
static void put_attach(struct iommufd_attach *attach)
{
	lockdep_assert_held(&attach->group->lock);

	if (!list_empty(&attach->devices))
		return;
	xa_erase(&attach->group->attaches, attach->pasid);
	kfree(attach);
}

/*
 * Interrupts, and what firmware does through the device, are DMA without a
 * PASID: nothing is reserved for the others.
 */
static bool has_reserved(struct iommufd_attach *attach)
{
	return attach->pasid == IOMMU_NO_PASID;
}

static unsigned long msi_window(struct iommufd_attach *attach)
{
	return has_reserved(attach) ? attach->group->msi_window :
				      IOMMUFD_NO_MSI_WINDOW;
}

/* Keep areas out of what the device cannot use, or uses for itself */
static int reserve(struct attached_device *dev, struct iova_map *map)
{
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int rc = 0;

	iommu_get_resv_regions(dev->idev->dev, &regions);
	down_write(&map->rwsem);
	list_for_each_entry(region, &regions, list) {
		if (region->type == IOMMU_RESV_DIRECT_RELAXABLE ||
		    !region->length)
			continue;
		if (region->type == IOMMU_RESV_SW_MSI)
			dev->idev->group->msi_window = region->start;
		rc = iova_map_reserve(map, region->start,
				      region->start + region->length - 1, dev);
		if (rc) {
			iova_map_unreserve(map, dev);
			break;
		}
	}
	up_write(&map->rwsem);
	iommu_put_resv_regions(dev->idev->dev, &regions);
	return rc;
}

static void unreserve(struct attached_device *dev, struct iova_map *map)
{
	down_write(&map->rwsem);
	iova_map_unreserve(map, dev);
	up_write(&map->rwsem);
}

/* Reserve for all devices, as they move to another IOAS */
static int reserve_all(struct iommufd_attach *attach, struct iova_map *map)
{
	struct attached_device *dev;
	int rc;

	list_for_each_entry(dev, &attach->devices, item) {
		rc = reserve(dev, map);
		if (rc)
			goto out_undo;
	}
	return 0;

out_undo:
	list_for_each_entry_continue_reverse(dev, &attach->devices, item)
		unreserve(dev, map);
	return rc;
}

static void unreserve_all(struct iommufd_attach *attach, struct iova_map *map)
{
	struct attached_device *dev;

	list_for_each_entry(dev, &attach->devices, item)
		unreserve(dev, map);
}

static bool has_pasids(struct iommufd_group *group)
{
	unsigned long index = IOMMU_NO_PASID;

	return xa_find_after(&group->attaches, &index, ULONG_MAX, XA_PRESENT);
}

/*
 * As long as PASIDs are attached, whatever is attached in the group is made for
 * a device that uses PASIDs.
 */
static bool pasid_fits(struct iommufd_attach *attach,
		       struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	struct iommufd_attach *no_pasid;

	if (attach->pasid == IOMMU_NO_PASID)
		return hwpt->pasid_compat || !has_pasids(attach->group);

	no_pasid = xa_load(&attach->group->attaches, IOMMU_NO_PASID);
	return attach->pasid < iommu_device_max_pasids(idev->dev) &&
	       hwpt->pasid_compat &&
	       (!no_pasid || no_pasid->hwpt->pasid_compat);
}

/* What must hold of an HWPT before the device's DMA may go through it */
static int check_fit(struct iommufd_attach *attach, struct iommufd_device *idev,
		     struct iommufd_hwpt *hwpt)
{
	struct iommufd_hwpt_paging *paging = hwpt_to_paging(hwpt);

	/* Only the driver that made the domain knows what it is */
	if (paging->driver != dev_iommu_ops(idev->dev))
		return -EINVAL;
	if (!pasid_fits(attach, idev, hwpt))
		return -EINVAL;
	if (idev->enforce_cache_coherency && !paging->enforce_cache_coherency)
		return -EINVAL;
	/* The device's writes would be missing from the record */
	if (paging->common.domain->dirty_ops &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_DIRTY_TRACKING))
		return -EINVAL;
	return 0;
}

static int check_fit_all(struct iommufd_attach *attach,
			 struct iommufd_hwpt *hwpt)
{
	struct attached_device *dev;
	int rc = 0;

	list_for_each_entry(dev, &attach->devices, item) {
		rc = check_fit(attach, dev->idev, hwpt);
		if (rc)
			break;
	}
	return rc;
}

/* Attach @domain in place of @old, which may be NULL; on error @old stays */
static int set_domain(struct iommufd_attach *attach, struct iommu_domain *domain,
		      struct iommufd_hwpt *old)
{
	struct iommu_group *group = attach->group->iommu_group;

	if (attach->pasid != IOMMU_NO_PASID)
		return iommu_group_set_pasid(group, attach->pasid, domain);
	return old ? iommu_group_replace_domain(group, domain) :
		     iommu_attach_group(domain, group);
}

static void unset_domain(struct iommufd_attach *attach,
			 struct iommu_domain *domain)
{
	struct iommu_group *group = attach->group->iommu_group;

	if (attach->pasid != IOMMU_NO_PASID)
		iommu_group_remove_pasid(group, attach->pasid);
	else
		iommu_detach_group(domain, group);
}

/* Let DMA go through @hwpt, instead of what it goes through now if anything */
static int change_hwpt(struct iommufd_attach *attach, struct iommufd_hwpt *hwpt)
{
	struct iommufd_hwpt_paging *paging = hwpt_to_paging(hwpt);
	unsigned long window = msi_window(attach);
	struct iommufd_hwpt *old = attach->hwpt;
	int rc;

	rc = iommufd_sw_msi_get(paging, window);
	if (rc)
		return rc;
	/* The last step that can fail, for undoing it could fail as well */
	rc = iommufd_should_fail() ? -ENOMEM :
	     set_domain(attach, hwpt->domain, old);
	if (rc) {
		iommufd_sw_msi_put(paging, window);
		return rc;
	}
	if (old)
		iommufd_sw_msi_put(hwpt_to_paging(old), window);
	attach->hwpt = hwpt;
	return 0;
}

static void remove_hwpt(struct iommufd_attach *attach)
{
	struct iommufd_hwpt *hwpt = attach->hwpt;

	unset_domain(attach, hwpt->domain);
	iommufd_sw_msi_put(hwpt_to_paging(hwpt), msi_window(attach));
	attach->hwpt = NULL;
}

static void end_faults(struct iommufd_attach *attach, bool moved)
{
	struct attached_device *dev;

	list_for_each_entry(dev, &attach->devices, item)
		iommufd_fault_end_move(dev->idev, attach->pasid, moved);
}

static int begin_faults(struct iommufd_attach *attach,
			struct iommufd_hwpt *hwpt)
{
	struct attached_device *dev;
	int rc;

	list_for_each_entry(dev, &attach->devices, item) {
		rc = iommufd_fault_begin_move(dev->idev, attach->pasid, hwpt);
		if (rc)
			goto out_undo;
	}
	return 0;

out_undo:
	list_for_each_entry_continue_reverse(dev, &attach->devices, item)
		iommufd_fault_end_move(dev->idev, attach->pasid, false);
	return rc;
}

/* The devices' faults move with their DMA */
static int replace_hwpt(struct iommufd_attach *attach,
			struct iommufd_hwpt *hwpt)
{
	int rc;

	rc = check_fit_all(attach, hwpt);
	if (rc)
		return rc;
	rc = begin_faults(attach, hwpt);
	if (rc)
		return rc;
	rc = change_hwpt(attach, hwpt);
	end_faults(attach, !rc);
	return rc;
}

/* The first device moves the whole group; each moves its own faults */
static int add_device(struct iommufd_attach *attach,
		      struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	int rc;

	rc = check_fit(attach, idev, hwpt);
	if (rc)
		return rc;
	rc = iommufd_fault_begin_move(idev, attach->pasid, hwpt);
	if (rc)
		return rc;
	if (!attach->hwpt)
		rc = change_hwpt(attach, hwpt);
	iommufd_fault_end_move(idev, attach->pasid, !rc);
	return rc;
}

static int attach_device(struct iommufd_attach *attach,
			 struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	struct iova_map *map = &hwpt_to_ioas(hwpt)->map;
	struct attached_device *dev;
	int rc;

	if (find_device(attach, idev))
		return -EBUSY;
	if (attach->hwpt && attach->hwpt != hwpt)
		return -EINVAL;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return -ENOMEM;
	dev->idev = idev;
	rc = has_reserved(attach) ? reserve(dev, map) : 0;
	if (rc)
		goto out_free;
	rc = add_device(attach, idev, hwpt);
	if (rc)
		goto out_unreserve;
	list_add_tail(&dev->item, &attach->devices);
	iommufd_object_link(&hwpt->obj);
	return 0;

out_unreserve:
	if (has_reserved(attach))
		unreserve(dev, map);
out_free:
	kfree(dev);
	return rc;
}

static int replace_device(struct iommufd_attach *attach,
			  struct iommufd_device *idev, struct iommufd_hwpt *hwpt)
{
	struct iova_map *map = &hwpt_to_ioas(hwpt)->map;
	struct iova_map *leave;
	struct attached_device *dev;
	bool move;
	int rc;

	if (!find_device(attach, idev))
		return -EINVAL;
	if (attach->hwpt == hwpt)
		return 0;

	leave = &hwpt_to_ioas(attach->hwpt)->map;
	move = map != leave && has_reserved(attach);
	rc = move ? reserve_all(attach, map) : 0;
	if (rc)
		return rc;
	rc = replace_hwpt(attach, hwpt);
	/* The reservations stay where the group is */
	if (move)
		unreserve_all(attach, rc ? map : leave);
	if (rc)
		return rc;

	list_for_each_entry(dev, &attach->devices, item)
		iommufd_object_link(&hwpt->obj);
	return 0;
}

/**
 * struct idev_move - an attach or replace in progress
 * @idev: device
 * @pasid: PASID, or %IOMMU_NO_PASID
 * @move: attach_device() or replace_device()
 * @left: the HWPT that the group has left, or NULL
 * @links: how many links to @left the group's devices had
 * @made: the automatic HWPT made for this, to which this holds a link, or NULL
 *
 * Giving up its last link destroys an automatic HWPT. That waits for whoever
 * works with it, who may be waiting for a lock that the mover holds; so links are
 * given up last, with no lock held.
 */
struct idev_move {
	struct iommufd_device *idev;
	ioasid_t pasid;
	int (*move)(struct iommufd_attach *attach, struct iommufd_device *idev,
		    struct iommufd_hwpt *hwpt);
	struct iommufd_hwpt *left;
	size_t links;
	struct iommufd_hwpt *made;
};

static int idev_move(struct idev_move *move, struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *group = move->idev->group;
	struct iommufd_attach *attach;
	struct iommufd_hwpt *old;
	int rc;

	mutex_lock(&group->lock);
	attach = get_attach(group, move->pasid);
	if (IS_ERR(attach)) {
		mutex_unlock(&group->lock);
		return PTR_ERR(attach);
	}
	old = attach->hwpt;
	rc = move->move(attach, move->idev, hwpt);
	if (!rc && old && old != hwpt) {
		move->left = old;
		move->links = list_count_nodes(&attach->devices);
	}
	put_attach(attach);
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

	/* An automatic HWPT for PASIDs could not be shared by other devices */
	if (move->pasid != IOMMU_NO_PASID)
		return -EINVAL;

	mutex_lock(&ioas->auto_lock);
	while ((hwpt = next_automatic(ioas, hwpt))) {
		rc = idev_move(move, &hwpt->common);
		/* -EINVAL: it does not fit this device, another one may */
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

static int idev_move_id(struct idev_move *move, u32 *pt_id)
{
	struct iommufd_ctx *ictx = move->idev->ictx;
	struct iommufd_object *pt;
	int rc;

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
 * iommufd_device_attach - Attach a device to an I/O page table
 * @idev: device
 * @pasid: the PASID that the DMA has, or %IOMMU_NO_PASID
 * @pt_id: id of an IOAS or an HWPT; on return that of the HWPT attached
 *
 * Attached to an IOAS, a device gets an HWPT that holds it, one that exists or a
 * new one, which goes when its last device is detached. For a PASID it must be
 * an HWPT made with IOMMU_HWPT_ALLOC_PASID; as long as a PASID is attached, the
 * one that the device itself is attached to must be such as well. The devices of
 * a group are attached to one HWPT.
 *
 * Return: 0; -ENOENT where there is no such object; -EBUSY where it is attached;
 * -EINVAL where its IOMMU cannot use the HWPT, its group has another, or the
 * device does not have the PASID; -EADDRINUSE where an area lies in what it
 * reserves; what pinning or the IOMMU driver said. Nothing is changed then.
 */
int iommufd_device_attach(struct iommufd_device *idev, ioasid_t pasid,
			  u32 *pt_id)
{
	struct idev_move move = {
		.idev = idev,
		.pasid = pasid,
		.move = attach_device,
	};
	int rc = idev_move_id(&move, pt_id);

	trace_iommufd_attach(idev, pasid, *pt_id, rc);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_attach, IOMMUFD);

/**
 * iommufd_device_replace - Move an attached device to another I/O page table
 * @idev: device
 * @pasid: the PASID, or %IOMMU_NO_PASID
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
		.pasid = pasid,
		.move = replace_device,
	};
	int rc = idev_move_id(&move, pt_id);

	trace_iommufd_replace(idev, pasid, *pt_id, rc);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_replace, IOMMUFD);

/**
 * iommufd_device_detach - Block a device's DMA again
 * @idev: device
 * @pasid: the PASID, or %IOMMU_NO_PASID
 *
 * DMA is blocked, for all devices of the group, when the last of them is
 * detached: the IOMMU cannot tell them apart. Where nothing is attached this
 * does nothing.
 */
void iommufd_device_detach(struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_group *group = idev->group;
	struct iommufd_attach *attach;
	struct attached_device *dev;
	struct iommufd_hwpt *hwpt;

	mutex_lock(&group->lock);
	attach = xa_load(&group->attaches, pasid);
	dev = attach ? find_device(attach, idev) : NULL;
	if (!dev) {
		mutex_unlock(&group->lock);
		return;
	}
	hwpt = attach->hwpt;
	iommufd_fault_begin_move(idev, pasid, NULL);
	list_del(&dev->item);
	if (list_empty(&attach->devices))
		remove_hwpt(attach);
	iommufd_fault_end_move(idev, pasid, true);
	if (has_reserved(attach))
		unreserve(dev, &hwpt_to_ioas(hwpt)->map);
	put_attach(attach);
	mutex_unlock(&group->lock);
	kfree(dev);
	trace_iommufd_detach(idev, pasid, hwpt->obj.id, 0);
	iommufd_hwpt_unlink(hwpt);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach, IOMMUFD);

/*
 * The next PASID from @pasid on that the device is attached by, and what to;
 * false if there is none. The group is locked.
 */
bool iommufd_device_next_attached_locked(struct iommufd_device *idev,
					 ioasid_t *pasid, u32 *hwpt_id)
{
	struct iommufd_attach *attach;
	unsigned long index;

	lockdep_assert_held(&idev->group->lock);

	xa_for_each_start(&idev->group->attaches, index, attach, *pasid) {
		if (find_device(attach, idev)) {
			*pasid = attach->pasid;
			*hwpt_id = attach->hwpt->obj.id;
			return true;
		}
	}
	return false;
}

bool iommufd_device_next_attached(struct iommufd_device *idev, ioasid_t *pasid,
				  u32 *hwpt_id)
{
	bool found;

	mutex_lock(&idev->group->lock);
	found = iommufd_device_next_attached_locked(idev, pasid, hwpt_id);
	mutex_unlock(&idev->group->lock);
	return found;
}

/**
 * iommufd_device_is_attached - Is a device attached to an I/O page table?
 * @idev: device
 * @pasid: the PASID, or %IOMMU_NO_PASID
 *
 * It stays that way for a caller who keeps others from attaching and detaching.
 */
bool iommufd_device_is_attached(struct iommufd_device *idev, ioasid_t pasid)
{
	ioasid_t found = pasid;
	u32 hwpt_id;

	return iommufd_device_next_attached(idev, &found, &hwpt_id) &&
	       found == pasid;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_is_attached, IOMMUFD);

/**
 * iommufd_device_detach_pasids - Detach all PASIDs of a device
 * @idev: device
 *
 * Leaves only what it is attached to for DMA without a PASID.
 */
void iommufd_device_detach_pasids(struct iommufd_device *idev)
{
	ioasid_t pasid = IOMMU_NO_PASID + 1;
	u32 hwpt_id;

	while (iommufd_device_next_attached(idev, &pasid, &hwpt_id))
		iommufd_device_detach(idev, pasid++);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach_pasids, IOMMUFD);
