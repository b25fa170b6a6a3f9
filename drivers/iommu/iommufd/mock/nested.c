// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU's stage 1: there is no table, but an IOTLB of a few entries,
 * which begin as the user says and are 0 once invalidated.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/slab.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/**
 * struct mock_nested - a stage 1 of the mock IOMMU
 * @domain: what the core sees
 * @viommu: the share of the IOMMU that it is for, or NULL; constant
 * @iotlb: its IOTLB, written and read without a lock
 */
struct mock_nested {
	struct iommu_domain domain;
	struct iommufd_viommu *viommu;
	u32 iotlb[MOCK_NESTED_DOMAIN_IOTLB_NUM];
};

static struct mock_nested *to_mock_nested(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_nested, domain);
}

static void mock_nested_free(struct iommu_domain *domain)
{
	kfree(to_mock_nested(domain));
}

/* What a VM has not named, it cannot have invalidated */
static int mock_nested_attach_dev(struct iommu_domain *domain,
				  struct device *dev)
{
	struct mock_nested *nested = to_mock_nested(domain);
	unsigned long vdev_id;

	if (!nested->viommu)
		return 0;
	return iommufd_viommu_get_vdev_id(nested->viommu, dev, &vdev_id);
}

static int mock_nested_set_dev_pasid(struct iommu_domain *domain,
				     struct device *dev, ioasid_t pasid,
				     struct iommu_domain *old)
{
	int rc = mock_nested_attach_dev(domain, dev);

	return rc ?: mock_set_dev_pasid(domain, dev, pasid, old);
}

static u32 invalidate_iotlb(void *context, void *entries, u32 nr, int *error)
{
	const struct iommu_hwpt_invalidate_selftest *entry = entries;
	const struct iommu_hwpt_invalidate_selftest *end = entry + nr;
	struct mock_nested *nested = context;
	int rc;

	for (; entry != end; entry++) {
		rc = mock_check_invalidate(entry->flags, entry->iotlb_id,
					   MOCK_NESTED_DOMAIN_IOTLB_NUM);
		if (unlikely(rc)) {
			*error = rc;
			break;
		}
		/* There is but one flag that is no error */
		if (unlikely(entry->flags))
			memset(nested->iotlb, 0, sizeof(nested->iotlb));
		else
			WRITE_ONCE(nested->iotlb[entry->iotlb_id], 0);
	}
	return nr - (end - entry);
}

static int mock_cache_invalidate_user(struct iommu_domain *domain,
				      struct iommu_user_data_array *array)
{
	static const struct iommu_user_entry format =
		IOMMU_USER_ENTRY(IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
				 struct iommu_hwpt_invalidate_selftest,
				 iotlb_id, invalidate_iotlb);

	return iommu_walk_user_array(array, &format, to_mock_nested(domain));
}

static const struct iommu_domain_ops mock_nested_ops = {
	.attach_dev = mock_nested_attach_dev,
	.set_dev_pasid = mock_nested_set_dev_pasid,
	.cache_invalidate_user = mock_cache_invalidate_user,
	.free = mock_nested_free,
};

static struct iommu_domain *
mock_nested_alloc(struct iommufd_viommu *viommu, u32 flags,
		  const struct iommu_user_data *user_data)
{
	struct iommu_hwpt_selftest data;
	struct mock_nested *nested;
	unsigned int i;
	int rc;

	if (flags & ~IOMMU_HWPT_ALLOC_PASID ||
	    user_data->type != IOMMU_HWPT_DATA_SELFTEST)
		return ERR_PTR(-EOPNOTSUPP);
	rc = iommu_copy_struct_from_user(&data, user_data,
					 IOMMU_HWPT_DATA_SELFTEST, iotlb);
	if (rc)
		return ERR_PTR(rc);

	nested = kzalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.ops = &mock_nested_ops;
	nested->viommu = viommu;
	for (i = 0; i < ARRAY_SIZE(nested->iotlb); i++)
		nested->iotlb[i] = data.iotlb;
	return &nested->domain;
}

struct iommu_domain *
mock_domain_alloc_nested(struct device *dev, struct iommu_domain *parent,
			 u32 flags, const struct iommu_user_data *user_data)
{
	return mock_nested_alloc(NULL, flags, user_data);
}

struct iommu_domain *
mock_viommu_alloc_nested(struct iommufd_viommu *viommu, u32 flags,
			 const struct iommu_user_data *user_data)
{
	return mock_nested_alloc(viommu, flags, user_data);
}

/* IOMMU_TEST_OP_MD_CHECK_IOTLB */
int mock_check_iotlb(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommu_domain *domain;
	struct iommufd_object *obj;
	u32 id = cmd->check_iotlb.id;
	int rc = -EINVAL;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, IOMMUFD_OBJ_HWPT_NESTED);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	domain = to_hwpt(obj)->domain;
	if (domain->ops == &mock_nested_ops &&
	    id < MOCK_NESTED_DOMAIN_IOTLB_NUM &&
	    READ_ONCE(to_mock_nested(domain)->iotlb[id]) ==
		    cmd->check_iotlb.iotlb)
		rc = 0;
	iommufd_object_put(ucmd->ictx, obj);
	return rc;
}
