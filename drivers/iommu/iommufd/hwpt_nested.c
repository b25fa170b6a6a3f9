// SPDX-License-Identifier: GPL-2.0-only
/*
 * HWPT_NESTED: a stage 1 that the user owns, on a paging HWPT or in a VIOMMU.
 *
 * What the user's table says is the driver's to judge, and the hardware's: it
 * can name nothing but what the parent translates.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>

#include "fault.h"
#include "iommufd_private.h"

void iommufd_hwpt_nested_destroy(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj)
{
	struct iommufd_hwpt_nested *nested = to_hwpt_nested(obj);

	if (nested->common.domain)
		iommu_domain_free(nested->common.domain);
	iommufd_hwpt_unlink_fault(&nested->common);
	if (nested->viommu)
		iommufd_object_unlink(&nested->viommu->obj);
	else
		iommufd_object_unlink(&nested->parent->common.obj);
}

/* Checked first: without a parent, flags and data mean nothing */
int iommufd_check_nest_parent(struct iommufd_hwpt_paging *parent,
			      struct iommufd_device *idev)
{
	if (!parent->nest_parent)
		return -EINVAL;
	/* Another driver would not know the domain */
	return parent->driver == dev_iommu_ops(idev->dev) ? 0 : -EINVAL;
}

static int check_request(u32 flags, const struct iommu_user_data *user_data)
{
	if (flags & ~IOMMU_HWPT_ALLOC_PASID)
		return -EOPNOTSUPP;
	/* Whatever the kind is, it has a description */
	return user_data->len ? 0 : -EOPNOTSUPP;
}

/* Everything but the link to what it is made on */
static struct iommufd_hwpt_nested *
nested_alloc(struct iommufd_ctx *ictx, struct iommufd_hwpt_paging *parent,
	     u32 flags)
{
	struct iommufd_hwpt_nested *nested;

	nested = iommufd_object_alloc(ictx, sizeof(*nested),
				      IOMMUFD_OBJ_HWPT_NESTED);
	if (IS_ERR(nested))
		return nested;
	nested->common.ictx = ictx;
	nested->common.pasid_compat = flags & IOMMU_HWPT_ALLOC_PASID;
	nested->parent = parent;
	return nested;
}

/* Returns the HWPT, or an error with the HWPT gone */
static struct iommufd_hwpt *nested_complete(struct iommufd_hwpt_nested *nested,
					    struct iommu_domain *domain)
{
	struct iommufd_ctx *ictx = nested->common.ictx;

	if (IS_ERR(domain)) {
		iommufd_object_abort(ictx, &nested->common.obj);
		return ERR_CAST(domain);
	}
	domain->type = IOMMU_DOMAIN_NESTED;
	domain->iommufd_hwpt = &nested->common;
	domain->sw_msi = iommufd_sw_msi;
	nested->common.domain = domain;
	return &nested->common;
}

/* Make an HWPT on a nesting parent. It is not published yet. */
struct iommufd_hwpt *
iommufd_hwpt_nested_alloc(struct iommufd_ctx *ictx,
			  struct iommufd_hwpt_paging *parent,
			  struct iommufd_device *idev, u32 flags,
			  const struct iommu_user_data *user_data)
{
	const struct iommu_ops *ops = dev_iommu_ops(idev->dev);
	struct iommufd_hwpt_nested *nested;
	int rc;

	rc = iommufd_check_nest_parent(parent, idev);
	if (!rc)
		rc = check_request(flags, user_data);
	if (!rc && !ops->domain_alloc_nested)
		rc = -EOPNOTSUPP;
	if (rc)
		return ERR_PTR(rc);

	nested = nested_alloc(ictx, parent, flags);
	if (IS_ERR(nested))
		return ERR_CAST(nested);
	iommufd_object_link(&parent->common.obj);
	return nested_complete(nested,
			       ops->domain_alloc_nested(idev->dev,
							parent->common.domain,
							flags, user_data));
}

/* Make an HWPT in a VIOMMU. It is not published yet. */
struct iommufd_hwpt *
iommufd_viommu_nested_alloc(struct iommufd_viommu *viommu, u32 flags,
			    const struct iommu_user_data *user_data)
{
	struct iommufd_hwpt_nested *nested;
	int rc;

	rc = check_request(flags, user_data);
	if (!rc && !viommu->ops->alloc_domain_nested)
		rc = -EOPNOTSUPP;
	if (rc)
		return ERR_PTR(rc);

	nested = nested_alloc(viommu->ictx, viommu->hwpt, flags);
	if (IS_ERR(nested))
		return ERR_CAST(nested);
	nested->viommu = viommu;
	iommufd_object_link(&viommu->obj);
	return nested_complete(nested,
			       viommu->ops->alloc_domain_nested(viommu, flags,
								user_data));
}
