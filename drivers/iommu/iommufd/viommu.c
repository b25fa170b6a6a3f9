// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIOMMU: one VM's share of one physical IOMMU.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/rculist.h>

#include "iommufd_private.h"

void iommufd_viommu_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	struct iommufd_viommu *viommu = to_viommu(obj);

	if (viommu->ops && viommu->ops->destroy)
		viommu->ops->destroy(viommu);
	xa_destroy(&viommu->vdevs);
	iommufd_object_unlink(&viommu->hwpt->common.obj);
}

/* Is the device behind the physical IOMMU that the VIOMMU is a share of? */
int iommufd_viommu_check_device(struct iommufd_viommu *viommu,
				struct iommufd_device *idev)
{
	return idev->dev->iommu->iommu_dev == viommu->iommu_dev ? 0 : -EINVAL;
}

static struct iommufd_viommu *viommu_alloc(struct iommufd_ctx *ictx,
					   struct iommufd_device *idev,
					   struct iommufd_hwpt_paging *parent,
					   u32 type)
{
	const struct iommu_ops *ops = dev_iommu_ops(idev->dev);
	struct iommufd_viommu *viommu;
	size_t size = 0;

	if (ops->get_viommu_size && ops->viommu_init)
		size = ops->get_viommu_size(idev->dev, type);
	if (!size)
		return ERR_PTR(-EOPNOTSUPP);
	if (WARN_ON(size < sizeof(*viommu)))
		return ERR_PTR(-EOPNOTSUPP);

	viommu = iommufd_object_alloc(ictx, size, IOMMUFD_OBJ_VIOMMU);
	if (IS_ERR(viommu))
		return viommu;
	viommu->ictx = ictx;
	viommu->iommu_dev = idev->dev->iommu->iommu_dev;
	viommu->type = type;
	xa_init(&viommu->vdevs);
	INIT_LIST_HEAD_RCU(&viommu->veventqs);
	viommu->hwpt = parent;
	iommufd_object_link(&parent->common.obj);
	return viommu;
}

static struct iommufd_viommu *
viommu_alloc_by_id(struct iommufd_ctx *ictx,
		   const struct iommu_viommu_alloc *cmd)
{
	struct iommufd_viommu *viommu;
	struct iommufd_object *parent;
	struct iommufd_device *idev;
	int rc;

	idev = iommufd_get_device(ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return ERR_CAST(idev);
	parent = iommufd_object_get(ictx, cmd->hwpt_id,
				    IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(parent)) {
		viommu = ERR_CAST(parent);
		goto out_put_device;
	}
	rc = iommufd_check_nest_parent(to_hwpt_paging(parent), idev);
	viommu = rc ? ERR_PTR(rc) :
		      viommu_alloc(ictx, idev, to_hwpt_paging(parent),
				   cmd->type);
	iommufd_object_put(ictx, parent);
out_put_device:
	iommufd_object_put(ictx, &idev->obj);
	return viommu;
}

static int viommu_init(struct iommufd_viommu *viommu,
		       const struct iommu_viommu_alloc *cmd)
{
	const struct iommu_ops *ops = viommu->iommu_dev->ops;
	const struct iommu_user_data user_data = {
		.type = cmd->type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.len = cmd->data_len,
	};
	int rc;

	rc = ops->viommu_init(viommu, viommu->hwpt->common.domain,
			      cmd->data_len ? &user_data : NULL);
	/* Nothing was made that the driver would have to undo */
	if (rc)
		viommu->ops = NULL;
	else if (WARN_ON(!viommu->ops))
		rc = -EOPNOTSUPP;
	return rc;
}

/*
 * Make a VIOMMU. It is not published yet. The driver reads and writes the user's
 * memory, which may take forever, and unbind waits for who works with the device:
 * from there on nobody does.
 */
static struct iommufd_viommu *viommu_build(struct iommufd_ctx *ictx,
					   const struct iommu_viommu_alloc *cmd)
{
	struct iommufd_viommu *viommu = viommu_alloc_by_id(ictx, cmd);
	int rc;

	if (IS_ERR(viommu))
		return viommu;
	rc = viommu_init(viommu, cmd);
	if (rc) {
		iommufd_object_abort(ictx, &viommu->obj);
		return ERR_PTR(rc);
	}
	return viommu;
}

int iommufd_viommu_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct iommufd_viommu *viommu;
	int rc;

	if (cmd->flags || cmd->__reserved ||
	    cmd->type == IOMMU_VIOMMU_TYPE_DEFAULT)
		return -EOPNOTSUPP;

	viommu = viommu_build(ucmd->ictx, cmd);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);

	cmd->out_viommu_id = viommu->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_object_abort(ucmd->ictx, &viommu->obj);
	else
		iommufd_object_publish(ucmd->ictx, &viommu->obj);
	return rc;
}

/* A user reference on a VIOMMU */
struct iommufd_viommu *iommufd_get_viommu(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj =
		iommufd_object_get(ictx, id, IOMMUFD_OBJ_VIOMMU);

	return IS_ERR(obj) ? ERR_CAST(obj) : to_viommu(obj);
}
