// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO groups that have a context as their container.
 *
 * A program that uses a container sets it up before it opens a device: it asks
 * what can be mapped, and maps. So what a type1 container does with a group is
 * done here as the group joins: its DMA is claimed, what its devices reserve is
 * reserved, and the compatibility IOAS gets an HWPT that fits them, where the
 * memory is pinned as it is mapped. The devices are attached to that when they
 * are opened.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/slab.h>

#include "iommufd_private.h"

/**
 * struct iommufd_vfio_group - a VFIO group that has joined
 * @ictx: the context, which VFIO keeps
 * @ioas: the compatibility IOAS, linked
 * @group: the group in this context, referenced, and its DMA claimed; NULL for
 *	one whose devices do no DMA. Its reservations are owned by this struct.
 * @hwpt: the HWPT that its devices will be attached to, linked
 */
struct iommufd_vfio_group {
	struct iommufd_ctx *ictx;
	struct iommufd_ioas *ioas;
	struct iommufd_group *group;
	struct iommufd_hwpt_paging *hwpt;
};

/* Count the group, and take a link to the IOAS, which the first one makes */
static int enter_compat(struct iommufd_vfio_group *member)
{
	struct iommufd_vfio_compat *compat = &member->ictx->vfio;
	struct iommufd_ioas *ioas;
	int rc = 0;

	mutex_lock(&compat->lock);
	ioas = compat->ioas;
	if (!ioas) {
		ioas = iommufd_ioas_alloc(member->ictx);
		if (IS_ERR(ioas)) {
			rc = PTR_ERR(ioas);
			goto out_unlock;
		}
		iommufd_object_link(&ioas->obj);
		iommufd_object_publish(member->ictx, &ioas->obj);
		compat->ioas = ioas;
		compat->made = true;
	} else if (iommufd_object_tryget(member->ictx, &ioas->obj)) {
		iommufd_object_link(&ioas->obj);
		iommufd_object_put(member->ictx, &ioas->obj);
	} else {
		rc = -ENODEV;
		goto out_unlock;
	}
	member->ioas = ioas;
	compat->groups++;
out_unlock:
	mutex_unlock(&compat->lock);
	return rc;
}

/*
 * With its last group a container loses its mappings and forgets its type, and
 * programs count on it. An IOAS that the user chose is the user's to empty.
 */
static void leave_compat(struct iommufd_vfio_group *member)
{
	struct iommufd_vfio_compat *compat = &member->ictx->vfio;
	bool drop = false;

	mutex_lock(&compat->lock);
	if (!--compat->groups) {
		compat->type = 0;
		drop = compat->made;
		compat->made = false;
		if (drop)
			compat->ioas = NULL;
	}
	mutex_unlock(&compat->lock);

	if (drop)
		iommufd_object_unlink_destroy(member->ictx, &member->ioas->obj);
	else
		iommufd_object_unlink(&member->ioas->obj);
}

/* Keep areas out of what any device of the group cannot use */
static int reserve_regions(struct iommufd_vfio_group *member)
{
	struct iova_map *map = &member->ioas->map;
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int rc;

	rc = iommu_get_group_resv_regions(member->group->iommu_group, &regions);
	down_write(&map->rwsem);
	list_for_each_entry_safe(region, next, &regions, list) {
		if (!rc && region->length &&
		    region->type != IOMMU_RESV_DIRECT_RELAXABLE)
			rc = iova_map_reserve(map, region->start,
					      region->start + region->length - 1,
					      member);
		kfree(region);
	}
	if (rc)
		iova_map_unreserve(map, member);
	up_write(&map->rwsem);
	return rc;
}

/* Attach the device to the IOAS to find out, or make, the HWPT for its IOMMU */
static int link_hwpt(struct iommufd_vfio_group *member,
		     struct iommufd_device *idev)
{
	struct iommufd_object *obj;
	u32 pt_id = member->ioas->obj.id;
	int rc;

	rc = iommufd_device_attach(idev, IOMMU_NO_PASID, &pt_id);
	if (rc)
		return rc;
	obj = iommufd_object_get(member->ictx, pt_id, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(obj)) {
		rc = PTR_ERR(obj);
	} else {
		member->hwpt = to_hwpt_paging(obj);
		iommufd_object_link(obj);
		iommufd_object_put(member->ictx, obj);
	}
	iommufd_device_detach(idev, IOMMU_NO_PASID);
	return rc;
}

static int build_member(struct iommufd_vfio_group *member, struct device *dev)
{
	struct iommufd_device *idev;
	int rc;
	u32 id;

	/* For as long as it takes, the device is bound like any other */
	idev = iommufd_device_do_bind(member->ictx, dev, &id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);

	/* One more claim on the group, which outlives that of the device */
	rc = iommu_device_claim_dma_owner(dev, member->ictx);
	if (rc)
		goto out_unbind;
	member->group = iommufd_group_get(member->ictx, dev);
	if (IS_ERR(member->group)) {
		rc = PTR_ERR(member->group);
		member->group = NULL;
		iommu_device_release_dma_owner(dev);
		goto out_unbind;
	}
	rc = reserve_regions(member);
	if (!rc)
		rc = link_hwpt(member, idev);
out_unbind:
	iommufd_device_do_unbind(idev);
	return rc;
}

/* Undo build_member(), as far as it went. No device of the group is bound. */
static void dismantle_member(struct iommufd_vfio_group *member)
{
	struct iova_map *map = &member->ioas->map;
	struct iommu_group *iommu_group;

	if (!member->group)
		return;
	if (member->hwpt)
		iommufd_hwpt_unlink(&member->hwpt->common);
	down_write(&map->rwsem);
	iova_map_unreserve(map, member);
	up_write(&map->rwsem);

	/* Its reference is the group's, which goes before the claim as in unbind */
	iommu_group = iommu_group_ref_get(member->group->iommu_group);
	iommufd_group_put(member->group);
	iommu_group_release_dma_owner(iommu_group);
	iommu_group_put(iommu_group);
}

/**
 * iommufd_vfio_join - Let a VFIO group have a context as its container
 * @ictx: context
 * @dev: a device of the group, which stays for the time of the call; NULL for a
 *	group whose devices do no DMA
 *
 * Return: the group's membership; what iommufd_device_bind() and
 * iommufd_device_attach() fail with.
 */
struct iommufd_vfio_group *iommufd_vfio_join(struct iommufd_ctx *ictx,
					     struct device *dev)
{
	struct iommufd_vfio_group *member;
	int rc;

	member = kzalloc(sizeof(*member), GFP_KERNEL_ACCOUNT);
	if (!member)
		return ERR_PTR(-ENOMEM);
	member->ictx = ictx;
	rc = enter_compat(member);
	if (rc)
		goto out_free;
	rc = dev ? build_member(member, dev) : 0;
	if (rc)
		goto out_leave;
	iommufd_ctx_get(ictx);
	return member;

out_leave:
	dismantle_member(member);
	leave_compat(member);
out_free:
	kfree(member);
	return ERR_PTR(rc);
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_join, IOMMUFD);

/**
 * iommufd_vfio_leave - Undo iommufd_vfio_join()
 * @member: the group's membership; none of its devices is bound
 */
void iommufd_vfio_leave(struct iommufd_vfio_group *member)
{
	struct iommufd_ctx *ictx = member->ictx;

	dismantle_member(member);
	leave_compat(member);
	kfree(member);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_leave, IOMMUFD);

/**
 * iommufd_vfio_ctx - The context that a VFIO group has joined
 * @member: the group's membership
 */
struct iommufd_ctx *iommufd_vfio_ctx(struct iommufd_vfio_group *member)
{
	return member->ictx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_ctx, IOMMUFD);

/**
 * iommufd_vfio_ioas_id - The IOAS that devices of a VFIO group are attached to
 * @member: the group's membership
 */
u32 iommufd_vfio_ioas_id(struct iommufd_vfio_group *member)
{
	return member->ioas->obj.id;
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_ioas_id, IOMMUFD);
