// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HWPT_INVALIDATE: a guest's changes to its tables, told to the hardware.
 *
 * Only the driver knows what an entry of the array is. It calls
 * iommu_walk_user_array(), which copies the entries for it.
 */
#include <linux/bits.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/uaccess.h>

#include "iommufd_private.h"

/* As large as the queue of an SMMUv3, the largest there is, can be */
#define INVALIDATE_MAX_ENTRIES BIT(19)

static int invalidate_domain(struct iommu_domain *domain,
			     struct iommu_user_data_array *array)
{
	if (!domain->ops->cache_invalidate_user)
		return -EOPNOTSUPP;
	return domain->ops->cache_invalidate_user(domain, array);
}

static int invalidate_viommu(struct iommufd_viommu *viommu,
			     struct iommu_user_data_array *array)
{
	if (!viommu->ops->cache_invalidate)
		return -EOPNOTSUPP;
	return viommu->ops->cache_invalidate(viommu, array);
}

/* Sets the array's entry_num to how many entries were done */
static int invalidate(struct iommufd_object *obj,
		      struct iommu_user_data_array *array)
{
	u32 entry_num = array->entry_num;
	int rc;

	switch (obj->type) {
	case IOMMUFD_OBJ_HWPT_NESTED:
		rc = invalidate_domain(to_hwpt(obj)->domain, array);
		break;
	case IOMMUFD_OBJ_VIOMMU:
		rc = invalidate_viommu(to_viommu(obj), array);
		break;
	default:
		rc = -EINVAL;
		break;
	}
	/* A driver that refuses the array as a whole need not have set it */
	if (rc && array->entry_num == entry_num)
		array->entry_num = 0;
	return rc;
}

static int invalidate_by_id(struct iommufd_ctx *ictx,
			    const struct iommu_hwpt_invalidate *cmd, u32 *done)
{
	struct iommu_user_data_array array = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.entry_len = cmd->entry_len,
		.entry_num = cmd->entry_num,
	};
	struct iommufd_object *obj;
	int rc;

	*done = 0;
	if (cmd->__reserved)
		return -EOPNOTSUPP;
	/* An empty array asks whether there is such a type: it has no address */
	if (cmd->entry_num && (!cmd->data_uptr || !cmd->entry_len))
		return -EINVAL;
	if (cmd->entry_num > INVALIDATE_MAX_ENTRIES ||
	    cmd->entry_len > IOMMU_USER_DATA_MAX)
		return -EINVAL;

	obj = iommufd_object_get(ictx, cmd->hwpt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	rc = invalidate(obj, &array);
	iommufd_object_put(ictx, obj);
	*done = array.entry_num;
	return rc;
}

int iommufd_hwpt_invalidate_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_invalidate __user *user_cmd = ucmd->ubuffer;
	u32 done;
	int rc;

	rc = invalidate_by_id(ucmd->ictx, ucmd->cmd, &done);
	/* The only output, written on failure as well */
	if (put_user(done, &user_cmd->entry_num))
		return -EFAULT;
	return rc;
}
