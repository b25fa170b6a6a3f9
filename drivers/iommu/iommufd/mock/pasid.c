// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of mock devices: what the hardware has, which is a table of domains for
 * each device, and what a test asks of it.
 */
#include <linux/fwnode.h>
#include <linux/iommufd.h>
#include <linux/string.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

static int read_property(const struct fwnode_handle *fwnode, const char *name,
			 unsigned int elem_size, void *val, size_t nval)
{
	if (strcmp(name, "pasid-num-bits"))
		return -EINVAL;
	if (!val)
		return 1;
	if (elem_size != sizeof(u32) || nval != 1)
		return -EOVERFLOW;
	*(u32 *)val = MOCK_PASID_WIDTH;
	return 0;
}

/*
 * What the firmware says of a device that has PASIDs. No software node: those
 * lose count of their users where an allocation fails.
 */
static const struct fwnode_operations pasid_fwnode_ops = {
	.property_read_int_array = read_property,
};

/* Before it is added to its bus */
void mock_device_init_pasids(struct mock_device *mock)
{
	xa_init(&mock->pasids);
	if (!(mock->flags & MOCK_FLAGS_DEVICE_PASID))
		return;
	fwnode_init(&mock->fwnode, &pasid_fwnode_ops);
	mock->dev.fwnode = &mock->fwnode;
}

void mock_device_free_pasids(struct mock_device *mock)
{
	WARN_ON(!xa_empty(&mock->pasids));
}

/* The second time a domain is set there, it fails, once */
static bool reserved_pasid_fails(struct mock_device *mock, ioasid_t pasid)
{
	if (pasid != IOMMU_TEST_PASID_RESERVED ||
	    mock->reserved_pasid_set == MOCK_PASID_SET_OFTEN)
		return false;
	return ++mock->reserved_pasid_set == MOCK_PASID_SET_OFTEN;
}

int mock_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid, struct iommu_domain *old)
{
	struct mock_device *mock;

	if (!mock_device_is(dev))
		return -EINVAL;
	mock = to_mock_device(dev);
	if (WARN_ON(xa_load(&mock->pasids, pasid) != old))
		return -EINVAL;
	if (reserved_pasid_fails(mock, pasid))
		return -ENOMEM;
	return xa_err(xa_store(&mock->pasids, pasid, domain,
			       GFP_KERNEL_ACCOUNT));
}

void mock_remove_dev_pasid(struct device *dev, ioasid_t pasid,
			   struct iommu_domain *domain)
{
	struct mock_device *mock = to_mock_device(dev);

	WARN_ON(xa_erase(&mock->pasids, pasid) != domain);
	if (pasid == IOMMU_TEST_PASID_RESERVED)
		mock->reserved_pasid_set = MOCK_PASID_NOT_SET;
}

int mock_pasid_attach(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_stdev *stdev;
	int rc;

	if (cmd->pasid_attach.pasid == IOMMU_NO_PASID)
		return -EINVAL;
	stdev = mock_get_stdev(ucmd->ictx, cmd->id);
	if (IS_ERR(stdev))
		return PTR_ERR(stdev);
	rc = iommufd_device_attach(stdev->idev, cmd->pasid_attach.pasid,
				   &cmd->pasid_attach.pt_id);
	if (rc)
		goto out_put;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_device_detach(stdev->idev, cmd->pasid_attach.pasid);
out_put:
	iommufd_object_put(ucmd->ictx, &stdev->obj);
	return rc;
}

int mock_pasid_replace(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_stdev *stdev;
	int rc;

	if (cmd->pasid_replace.pasid == IOMMU_NO_PASID)
		return -EINVAL;
	stdev = mock_get_stdev(ucmd->ictx, cmd->id);
	if (IS_ERR(stdev))
		return PTR_ERR(stdev);
	rc = iommufd_device_replace(stdev->idev, cmd->pasid_replace.pasid,
				    &cmd->pasid_replace.pt_id);
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	iommufd_object_put(ucmd->ictx, &stdev->obj);
	return rc;
}

int mock_pasid_detach(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_stdev *stdev;

	if (cmd->pasid_detach.pasid == IOMMU_NO_PASID)
		return -EINVAL;
	stdev = mock_get_stdev(ucmd->ictx, cmd->id);
	if (IS_ERR(stdev))
		return PTR_ERR(stdev);
	iommufd_device_detach(stdev->idev, cmd->pasid_detach.pasid);
	iommufd_object_put(ucmd->ictx, &stdev->obj);
	return 0;
}

/* What DMA of the device goes through, or NULL where it is blocked */
static struct iommu_domain *domain_of(struct mock_device *mock, ioasid_t pasid)
{
	struct iommu_domain *domain;

	if (pasid != IOMMU_NO_PASID)
		return xa_load(&mock->pasids, pasid);
	domain = iommu_get_domain_for_dev(&mock->dev);
	return domain->type == IOMMU_DOMAIN_BLOCKED ? NULL : domain;
}

/* By the id of its SELFTEST object, or of its DEVICE, if VFIO bound it for one */
static struct mock_device *find_mock(struct iommufd_object *obj)
{
	struct iommufd_device *idev;

	switch (obj->type) {
	case IOMMUFD_OBJ_SELFTEST:
		return container_of(obj, struct mock_stdev, obj)->mock;
	case IOMMUFD_OBJ_DEVICE:
		idev = container_of(obj, struct iommufd_device, obj);
		return mock_device_is(idev->dev) ? to_mock_device(idev->dev) :
						   NULL;
	default:
		return NULL;
	}
}

static int check_hwpt(struct iommufd_ctx *ictx, struct mock_device *mock,
		      ioasid_t pasid, u32 hwpt_id)
{
	struct iommufd_object *pt;
	int rc = -EINVAL;

	if (!hwpt_id)
		return domain_of(mock, pasid) ? -EINVAL : 0;

	pt = iommufd_object_get(ictx, hwpt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt))
		return PTR_ERR(pt);
	if ((pt->type == IOMMUFD_OBJ_HWPT_PAGING ||
	     pt->type == IOMMUFD_OBJ_HWPT_NESTED) &&
	    to_hwpt(pt)->domain == domain_of(mock, pasid))
		rc = 0;
	iommufd_object_put(ictx, pt);
	return rc;
}

int mock_pasid_check_hwpt(struct iommufd_ucmd *ucmd,
			  struct iommu_test_cmd *cmd)
{
	struct iommufd_object *obj;
	struct mock_device *mock;
	int rc = -ENOENT;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	mock = find_mock(obj);
	if (mock)
		rc = check_hwpt(ucmd->ictx, mock, cmd->pasid_check.pasid,
				cmd->pasid_check.hwpt_id);
	iommufd_object_put(ucmd->ictx, obj);
	return rc;
}
