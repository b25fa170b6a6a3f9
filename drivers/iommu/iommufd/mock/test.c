// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_TEST_CMD: what a selftest asks of the mock IOMMU.
 */
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

void iommufd_mock_stdev_destroy(struct iommufd_ctx *ictx,
				struct iommufd_object *obj)
{
	struct mock_stdev *stdev = container_of(obj, struct mock_stdev, obj);

	if (stdev->idev)
		iommufd_device_detach_pasids(stdev->idev);
	if (stdev->attached)
		iommufd_device_detach(stdev->idev, IOMMU_NO_PASID);
	if (stdev->idev)
		iommufd_device_do_unbind(stdev->idev);
	if (stdev->mock)
		mock_device_del(stdev->mock);
}

/* In fdinfo */
void iommufd_mock_stdev_show(struct seq_file *m, struct iommufd_object *obj)
{
	struct mock_stdev *stdev = container_of(obj, struct mock_stdev, obj);

	seq_printf(m, " device %u", iommufd_device_to_id(stdev->idev));
}

struct mock_stdev *mock_get_stdev(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj =
		iommufd_object_get(ictx, id, IOMMUFD_OBJ_SELFTEST);

	if (IS_ERR(obj))
		return ERR_CAST(obj);
	return container_of(obj, struct mock_stdev, obj);
}

static int add_reserved(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommufd_ioas *ioas;
	unsigned long last;
	int rc;

	if (!cmd->add_reserved.length)
		return -EINVAL;
	if (check_add_overflow((unsigned long)cmd->add_reserved.start,
			       (unsigned long)cmd->add_reserved.length - 1,
			       &last))
		return -EOVERFLOW;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	/* Nobody owns it, so it stays as long as the IOAS */
	down_write(&ioas->map.rwsem);
	rc = iova_map_reserve(&ioas->map, cmd->add_reserved.start, last, NULL);
	up_write(&ioas->map.rwsem);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

static int stdev_build(struct iommufd_ctx *ictx, struct mock_stdev *stdev,
		       u32 dev_flags, u32 *pt_id)
{
	struct iommufd_device *idev;
	struct mock_device *mock;
	u32 idev_id;
	int rc;

	mock = mock_device_add(dev_flags);
	if (IS_ERR(mock))
		return PTR_ERR(mock);
	stdev->mock = mock;

	/* The context shall not be kept alive by an object that goes with it */
	idev = iommufd_device_do_bind(ictx, &mock->dev, &idev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	stdev->idev = idev;

	rc = iommufd_device_attach(idev, IOMMU_NO_PASID, pt_id);
	if (rc)
		return rc;
	stdev->attached = true;
	return 0;
}

static int mock_domain(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	/* Where the field is not the operation's own it has no flags */
	u32 dev_flags = cmd->op == IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS ?
				cmd->mock_domain_flags.dev_flags : 0;
	struct mock_stdev *stdev;
	u32 pt_id = cmd->id;
	int rc;

	if (dev_flags & ~(MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_PASID |
			  MOCK_FLAGS_DEVICE_IOMMU1 |
			  MOCK_FLAGS_DEVICE_NO_FAULTS))
		return -EINVAL;

	stdev = iommufd_object_alloc(ucmd->ictx, sizeof(*stdev),
				     IOMMUFD_OBJ_SELFTEST);
	if (IS_ERR(stdev))
		return PTR_ERR(stdev);
	rc = stdev_build(ucmd->ictx, stdev, dev_flags, &pt_id);
	if (rc)
		goto out_abort;

	cmd->mock_domain.out_stdev_id = stdev->obj.id;
	cmd->mock_domain.out_hwpt_id = pt_id;
	cmd->mock_domain.out_idev_id = iommufd_device_to_id(stdev->idev);
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto out_abort;
	iommufd_object_publish(ucmd->ictx, &stdev->obj);
	return 0;

out_abort:
	iommufd_object_abort(ucmd->ictx, &stdev->obj);
	return rc;
}

static int mock_domain_replace(struct iommufd_ucmd *ucmd,
			       struct iommu_test_cmd *cmd)
{
	struct mock_stdev *stdev;
	int rc;

	stdev = mock_get_stdev(ucmd->ictx, cmd->id);
	if (IS_ERR(stdev))
		return PTR_ERR(stdev);
	rc = iommufd_device_replace(stdev->idev, IOMMU_NO_PASID,
				    &cmd->mock_domain_replace.pt_id);
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	iommufd_object_put(ucmd->ictx, &stdev->obj);
	return rc;
}

struct page *mock_page_at(unsigned long va)
{
	struct page *page;
	int rc;

	rc = get_user_pages_fast(va & PAGE_MASK, 1, 0, &page);
	if (rc != 1)
		return ERR_PTR(rc < 0 ? rc : -EFAULT);
	return page;
}

/* Nothing is unmapped meanwhile: the caller holds the map's rwsem */
static int check_map_range(struct iommu_domain *domain, unsigned long iova,
			   unsigned long length, unsigned long va)
{
	unsigned long step = 1UL << __ffs(domain->pgsize_bitmap);
	unsigned long end;

	if (!length || !IS_ALIGNED(iova | length | va, step) ||
	    check_add_overflow(iova, length - 1, &end) ||
	    check_add_overflow(va, length - 1, &end))
		return -EINVAL;

	for (; length; iova += step, va += step, length -= step) {
		struct page *page = mock_page_at(va);
		phys_addr_t phys;

		if (IS_ERR(page))
			return PTR_ERR(page);
		phys = page_to_phys(page) + offset_in_page(va);
		put_page(page);
		if (iommu_iova_to_phys(domain, iova) != phys)
			return -EINVAL;
		cond_resched();
	}
	return 0;
}

static int check_map(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommufd_hwpt_paging *hwpt;
	struct iommufd_object *obj;
	int rc;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	hwpt = to_hwpt_paging(obj);

	rc = down_read_killable(&hwpt->ioas->map.rwsem);
	if (!rc) {
		rc = check_map_range(hwpt->common.domain, cmd->check_map.iova,
				     cmd->check_map.length, cmd->check_map.uptr);
		up_read(&hwpt->ioas->map.rwsem);
	}
	iommufd_object_put(ucmd->ictx, obj);
	return rc;
}

/* The pins of a page of a huge one are not its own, and not looked at */
static int check_page_refs(struct page *page, u32 refs)
{
	if (PageCompound(page))
		return 0;
	return page_ref_count(page) / GUP_PIN_COUNTING_BIAS == refs ? 0 : -EIO;
}

static int check_refs(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	unsigned long va = cmd->check_refs.uptr;
	unsigned long length = cmd->check_refs.length;
	unsigned long end;
	int rc = 0;

	/* Tests ask about the whole pages of areas that have none, too */
	if (!PAGE_ALIGNED(va | length) || check_add_overflow(va, length, &end))
		return -EINVAL;

	for (; length && !rc; va += PAGE_SIZE, length -= PAGE_SIZE) {
		struct page *page = mock_page_at(va);

		if (IS_ERR(page))
			return PTR_ERR(page);
		rc = check_page_refs(page, cmd->check_refs.refs);
		put_page(page);
		cond_resched();
	}
	return rc;
}

static int set_memory_limit(struct iommu_test_cmd *cmd)
{
	/* What mainline asks for at least */
	if (cmd->memory_limit.limit < 12)
		return -EINVAL;
	WRITE_ONCE(iommufd_scratch_limit, cmd->memory_limit.limit);
	return 0;
}

int iommufd_test_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	BUILD_BUG_ON(sizeof(*cmd) != 72);
	BUILD_BUG_ON(offsetof(struct iommu_test_cmd, last) != 64);

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	switch (cmd->op) {
	case IOMMU_TEST_OP_ADD_RESERVED:
		return add_reserved(ucmd, cmd);
	case IOMMU_TEST_OP_MOCK_DOMAIN:
	case IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS:
		return mock_domain(ucmd, cmd);
	case IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE:
		return mock_domain_replace(ucmd, cmd);
	case IOMMU_TEST_OP_MD_CHECK_MAP:
		return check_map(ucmd, cmd);
	case IOMMU_TEST_OP_MD_CHECK_IOTLB:
		return mock_check_iotlb(ucmd, cmd);
	case IOMMU_TEST_OP_DEV_CHECK_CACHE:
		return mock_check_cache(ucmd, cmd);
	case IOMMU_TEST_OP_VIOMMU_CHECK_MAP:
		return mock_viommu_check_map(ucmd, cmd);
	case IOMMU_TEST_OP_MD_CHECK_REFS:
		return check_refs(ucmd, cmd);
	case IOMMU_TEST_OP_CREATE_ACCESS:
		return mock_create_access(ucmd, cmd);
	case IOMMU_TEST_OP_ACCESS_REPLACE_IOAS:
		return mock_access_replace_ioas(ucmd, cmd);
	case IOMMU_TEST_OP_ACCESS_PAGES:
		return mock_access_pages(ucmd, cmd);
	case IOMMU_TEST_OP_DESTROY_ACCESS_PAGES:
		return mock_destroy_access_pages(ucmd, cmd);
	case IOMMU_TEST_OP_ACCESS_RW:
		return mock_access_rw(ucmd, cmd);
	case IOMMU_TEST_OP_DIRTY:
		return iommufd_mock_dirty(ucmd, cmd);
	case IOMMU_TEST_OP_TRIGGER_IOPF:
		return mock_trigger_iopf(ucmd, cmd);
	case IOMMU_TEST_OP_TRIGGER_VEVENT:
		return mock_trigger_vevent(ucmd, cmd);
	case IOMMU_TEST_OP_PAGE_REQUEST:
		return mock_page_request(ucmd, cmd);
	case IOMMU_TEST_OP_PAGE_RESPONSE:
		return mock_page_response_get(ucmd, cmd);
	case IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT:
		return set_memory_limit(cmd);
	case IOMMU_TEST_OP_PASID_ATTACH:
		return mock_pasid_attach(ucmd, cmd);
	case IOMMU_TEST_OP_PASID_REPLACE:
		return mock_pasid_replace(ucmd, cmd);
	case IOMMU_TEST_OP_PASID_DETACH:
		return mock_pasid_detach(ucmd, cmd);
	case IOMMU_TEST_OP_PASID_CHECK_HWPT:
		return mock_pasid_check_hwpt(ucmd, cmd);
	case IOMMU_TEST_OP_DMABUF_GET:
		return mock_dmabuf_get(ucmd, cmd);
	case IOMMU_TEST_OP_DMABUF_REVOKE:
		return mock_dmabuf_revoke(ucmd, cmd);
	default:
		return -EOPNOTSUPP;
	}
}
