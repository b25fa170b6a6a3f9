// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O page tables: HWPT_PAGING, a domain that holds an IOAS; and the ioctl that
 * makes an HWPT of either kind.
 */
#include <linux/iommu.h>
#include <linux/slab.h>

#include "fault.h"
#include "iommufd_private.h"

void iommufd_hwpt_paging_destroy(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj)
{
	struct iommufd_hwpt_paging *hwpt = to_hwpt_paging(obj);

	if (!list_empty(&hwpt->map_hwpt.item))
		iova_map_remove_hwpt(&hwpt->ioas->map, &hwpt->map_hwpt);
	if (hwpt->common.domain)
		iommu_domain_free(hwpt->common.domain);
	iommufd_hwpt_unlink_fault(&hwpt->common);
	if (hwpt->ioas)
		iommufd_object_unlink(&hwpt->ioas->obj);
}

/*
 * Where the IOMMU can make all DMA coherent, it does. This is in the page-table
 * entries, so the domain must not hold anything yet.
 */
static int hwpt_enforce_cc(struct iommufd_hwpt_paging *hwpt)
{
	struct iommu_domain *domain = hwpt->common.domain;

	if (!domain->ops->enforce_cache_coherency ||
	    !domain->ops->enforce_cache_coherency(domain))
		return -EINVAL;
	hwpt->enforce_cache_coherency = true;
	return 0;
}

static int hwpt_paging_build(struct iommufd_hwpt_paging *hwpt,
			     struct iommufd_device *idev, u32 flags,
			     const struct iommu_user_data *user_data)
{
	struct iommu_domain *domain;
	int rc;

	domain = iommu_paging_domain_alloc_flags(idev->dev, flags, user_data);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	hwpt->map_hwpt.domain = domain;
	hwpt->common.domain = domain;
	domain->iommufd_hwpt = &hwpt->common;
	domain->sw_msi = iommufd_sw_msi;

	/* The driver would only know its limits once a device is attached */
	if (!domain->geometry.aperture_end)
		return -EOPNOTSUPP;
	if (idev->enforce_cache_coherency) {
		rc = hwpt_enforce_cc(hwpt);
		if (rc)
			return rc;
	}
	return iova_map_add_hwpt(&hwpt->ioas->map, &hwpt->map_hwpt);
}

/*
 * Make an HWPT for the IOMMU of @idev that holds all of @ioas. It is not
 * published yet.
 */
struct iommufd_hwpt_paging *
iommufd_hwpt_paging_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_data *user_data)
{
	struct iommufd_hwpt_paging *hwpt;
	int rc;

	hwpt = iommufd_object_alloc(ictx, sizeof(*hwpt),
				    IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->common.ictx = ictx;
	hwpt->common.pasid_compat = flags & IOMMU_HWPT_ALLOC_PASID;
	hwpt->nest_parent = flags & IOMMU_HWPT_ALLOC_NEST_PARENT;
	hwpt->driver = dev_iommu_ops(idev->dev);
	hwpt->msi_window = IOMMUFD_NO_MSI_WINDOW;
	INIT_LIST_HEAD(&hwpt->map_hwpt.item);
	hwpt->ioas = ioas;
	iommufd_object_link(&ioas->obj);

	rc = hwpt_paging_build(hwpt, idev, flags, user_data);
	if (rc) {
		iommufd_object_abort(ictx, &hwpt->common.obj);
		return ERR_PTR(rc);
	}
	return hwpt;
}

/* Give up the link of a device, or of what was made for it */
void iommufd_hwpt_unlink(struct iommufd_hwpt *hwpt)
{
	if (hwpt->obj.type == IOMMUFD_OBJ_HWPT_PAGING &&
	    to_hwpt_paging(&hwpt->obj)->automatic)
		iommufd_object_unlink_destroy(hwpt->ictx, &hwpt->obj);
	else
		iommufd_object_unlink(&hwpt->obj);
}

static int hwpt_alloc_check(const struct iommu_hwpt_alloc *cmd)
{
	/* The driver judges the others */
	if (cmd->flags & ~(IOMMU_HWPT_ALLOC_NEST_PARENT |
			   IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
			   IOMMU_HWPT_FAULT_ID_VALID |
			   IOMMU_HWPT_ALLOC_PASID))
		return -EOPNOTSUPP;
	/* A stage 2 is not there to be filled by faults: its memory is pinned */
	if (cmd->flags & IOMMU_HWPT_ALLOC_NEST_PARENT &&
	    cmd->flags & IOMMU_HWPT_FAULT_ID_VALID)
		return -EOPNOTSUPP;
	if (cmd->__reserved || cmd->__reserved2)
		return -EOPNOTSUPP;
	if (cmd->data_type == IOMMU_HWPT_DATA_NONE && cmd->data_len)
		return -EINVAL;
	return 0;
}

/*
 * The driver reads the user's memory, which may take forever, and unbind waits
 * for who works with the device: from here on nobody does.
 */
static struct iommufd_hwpt *
hwpt_alloc_in_viommu(struct iommufd_viommu *viommu, struct iommufd_device *idev,
		     u32 flags, const struct iommu_user_data *user_data)
{
	int rc = iommufd_viommu_check_device(viommu, idev);

	iommufd_object_put(viommu->ictx, &idev->obj);
	if (rc)
		return ERR_PTR(rc);
	return iommufd_viommu_nested_alloc(viommu, flags, user_data);
}

/* Gives the reference on @idev back */
static struct iommufd_hwpt *
hwpt_alloc_on(struct iommufd_ctx *ictx, struct iommufd_object *pt,
	      struct iommufd_device *idev, const struct iommu_hwpt_alloc *cmd)
{
	const struct iommu_user_data user_data = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.len = cmd->data_len,
	};
	bool has_data = cmd->data_type != IOMMU_HWPT_DATA_NONE;
	/* Where faults go is no business of the driver */
	u32 flags = cmd->flags & ~IOMMU_HWPT_FAULT_ID_VALID;
	struct iommufd_hwpt_paging *paging;
	struct iommufd_hwpt *hwpt;
	struct iommufd_ioas *ioas;

	switch (pt->type) {
	case IOMMUFD_OBJ_IOAS:
		ioas = container_of(pt, struct iommufd_ioas, obj);
		paging = iommufd_hwpt_paging_alloc(ictx, ioas, idev, flags,
						   has_data ? &user_data : NULL);
		hwpt = IS_ERR(paging) ? ERR_CAST(paging) : &paging->common;
		break;
	case IOMMUFD_OBJ_HWPT_PAGING:
		hwpt = iommufd_hwpt_nested_alloc(ictx, to_hwpt_paging(pt), idev,
						 flags, &user_data);
		break;
	case IOMMUFD_OBJ_VIOMMU:
		return hwpt_alloc_in_viommu(to_viommu(pt), idev, flags,
					    &user_data);
	default:
		hwpt = ERR_PTR(-EINVAL);
		break;
	}
	iommufd_object_put(ictx, &idev->obj);
	return hwpt;
}

int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_alloc __user *user_cmd = ucmd->ubuffer;
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_device *idev;
	struct iommufd_object *pt;
	struct iommufd_hwpt *hwpt;
	int rc;

	rc = hwpt_alloc_check(cmd);
	if (rc)
		return rc;

	idev = iommufd_get_device(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	pt = iommufd_object_get(ucmd->ictx, cmd->pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt)) {
		iommufd_object_put(ucmd->ictx, &idev->obj);
		return PTR_ERR(pt);
	}
	hwpt = hwpt_alloc_on(ucmd->ictx, pt, idev, cmd);
	iommufd_object_put(ucmd->ictx, pt);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);

	if (cmd->flags & IOMMU_HWPT_FAULT_ID_VALID)
		rc = iommufd_hwpt_link_fault(hwpt, cmd->fault_id);
	if (!rc)
		rc = put_user(hwpt->obj.id, &user_cmd->out_hwpt_id);
	if (rc)
		iommufd_object_abort(ucmd->ictx, &hwpt->obj);
	else
		iommufd_object_publish(ucmd->ictx, &hwpt->obj);
	return rc;
}
