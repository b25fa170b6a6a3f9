// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU's share for a VM.
 *
 * What hardware would have for it: a TLB of the parent's translations, by the
 * VM's tag, which each unmap on the parent has to reach; the names of devices,
 * by which the VM invalidates their caches; and a page to be mapped by its owner.
 */
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/* The pages that the owner can map: two of them */
#define MOCK_MMAP_ORDER 1

/* The device that the VM calls by the id, or NULL. Under RCU. */
static struct mock_device *find_device(struct iommufd_viommu *viommu,
				       u32 vdev_id)
{
	struct device *dev = iommufd_viommu_find_dev(viommu, vdev_id);

	return dev ? to_mock_device(dev) : NULL;
}

static u32 invalidate_caches(void *context, void *entries, u32 nr, int *error)
{
	const struct iommu_viommu_invalidate_selftest *entry = entries;
	struct iommufd_viommu *viommu = context;
	struct mock_device *mock = NULL;
	u32 vdev_id = 0;
	u32 i;
	int rc;

	/* Devices stay what they are until the end */
	rcu_read_lock();
	for (i = 0; i < nr; i++, entry++) {
		/* Mostly the device of the entry before */
		if (!mock || entry->vdev_id != vdev_id) {
			vdev_id = entry->vdev_id;
			mock = find_device(viommu, vdev_id);
		}
		rc = mock ? mock_check_invalidate(entry->flags, entry->cache_id,
						  MOCK_DEV_CACHE_NUM) :
			    -EINVAL;
		if (unlikely(rc)) {
			*error = rc;
			break;
		}
		if (entry->flags & IOMMU_TEST_INVALIDATE_FLAG_ALL)
			memset(mock->cache, 0, sizeof(mock->cache));
		else
			WRITE_ONCE(mock->cache[entry->cache_id], 0);
	}
	rcu_read_unlock();
	return i;
}

static int mock_cache_invalidate(struct iommufd_viommu *viommu,
				 struct iommu_user_data_array *array)
{
	static const struct iommu_user_entry format =
		IOMMU_USER_ENTRY(IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST,
				 struct iommu_viommu_invalidate_selftest,
				 cache_id, invalidate_caches);

	return iommu_walk_user_array(array, &format, viommu);
}

/* An invalidation names a device by 32 bits */
static int mock_vdevice_init(struct iommufd_vdevice *vdev)
{
	if (vdev->virt_id > U32_MAX)
		return -EINVAL;
	mock_remember_vdevice(vdev);
	return 0;
}

static void free_page_of(struct mock_viommu *mock)
{
	if (!mock->page)
		return;
	iommufd_viommu_destroy_mmap(&mock->core, mock->mmap_offset);
	free_pages((unsigned long)mock->page, MOCK_MMAP_ORDER);
}

static void mock_viommu_destroy(struct iommufd_viommu *viommu)
{
	struct mock_viommu *mock = to_mock_viommu(viommu);

	mutex_lock(&mock->parent->lock);
	list_del(&mock->item);
	mutex_unlock(&mock->parent->lock);
	xa_destroy(&mock->tlb);
	free_page_of(mock);
	mutex_destroy(&mock->queue_lock);
}

static const struct iommufd_viommu_ops mock_viommu_ops = {
	.destroy = mock_viommu_destroy,
	.alloc_domain_nested = mock_viommu_alloc_nested,
	.cache_invalidate = mock_cache_invalidate,
	.vdevice_init = mock_vdevice_init,
	.get_hw_queue_size = mock_get_hw_queue_size,
	.hw_queue_init_phys = mock_hw_queue_init_phys,
	.get_vevent_size = mock_get_vevent_size,
};

size_t mock_get_viommu_size(struct device *dev, enum iommu_viommu_type type)
{
	/* Not one of the enum's */
	if ((u32)type != IOMMU_VIOMMU_TYPE_SELFTEST)
		return 0;
	return VIOMMU_STRUCT_SIZE(struct mock_viommu, core);
}

static int make_page(struct mock_viommu *mock, u32 in_data)
{
	int rc;

	mock->page = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
					      MOCK_MMAP_ORDER);
	if (!mock->page)
		return -ENOMEM;
	*(u32 *)mock->page = in_data;
	rc = iommufd_viommu_alloc_mmap(&mock->core, virt_to_phys(mock->page),
				       PAGE_SIZE << MOCK_MMAP_ORDER,
				       &mock->mmap_offset);
	if (rc) {
		free_pages((unsigned long)mock->page, MOCK_MMAP_ORDER);
		mock->page = NULL;
	}
	return rc;
}

static int read_and_answer(struct mock_viommu *mock,
			   const struct iommu_user_data *user_data)
{
	struct iommu_viommu_selftest data;
	int rc;

	rc = iommu_copy_struct_from_user(&data, user_data,
					 IOMMU_VIOMMU_TYPE_SELFTEST, out_data);
	if (rc)
		return rc;
	rc = make_page(mock, data.in_data);
	if (rc)
		return rc;
	data.out_data = data.in_data;
	data.out_mmap_offset = mock->mmap_offset;
	data.out_mmap_length = PAGE_SIZE << MOCK_MMAP_ORDER;
	rc = iommu_copy_struct_to_user(user_data, &data,
				       IOMMU_VIOMMU_TYPE_SELFTEST, out_data);
	if (rc)
		free_page_of(mock);
	return rc;
}

int mock_viommu_init(struct iommufd_viommu *viommu, struct iommu_domain *parent,
		     const struct iommu_user_data *user_data)
{
	struct mock_viommu *mock = to_mock_viommu(viommu);
	int rc;

	if (user_data) {
		rc = read_and_answer(mock, user_data);
		if (rc)
			return rc;
	}
	mock->parent = to_mock_domain(parent);
	xa_init(&mock->tlb);
	mutex_init(&mock->queue_lock);
	mutex_lock(&mock->parent->lock);
	list_add_tail(&mock->item, &mock->parent->viommus);
	mutex_unlock(&mock->parent->lock);
	viommu->ops = &mock_viommu_ops;
	return 0;
}

/* After an unmap on the parent: drop that from the TLB of each VIOMMU on it */
void mock_viommus_flush(struct mock_domain *parent, unsigned long iova,
			unsigned long last)
{
	struct mock_viommu *mock;
	unsigned long index;
	void *entry;

	lockdep_assert_held(&parent->lock);

	list_for_each_entry(mock, &parent->viommus, item) {
		xa_for_each_range(&mock->tlb, index, entry,
				  iova >> PAGE_SHIFT, last >> PAGE_SHIFT)
			xa_erase(&mock->tlb, index);
	}
}

/* Where the page at @iova goes by the TLB, which is filled where it misses */
static int translate(struct mock_viommu *mock, unsigned long iova,
		     unsigned long *pfn)
{
	struct mock_domain *parent = mock->parent;
	void *entry;
	int rc = 0;

	mutex_lock(&parent->lock);
	entry = xa_load(&mock->tlb, iova >> PAGE_SHIFT);
	if (!entry) {
		phys_addr_t phys = mock_walk(parent, iova);

		entry = xa_mk_value(PHYS_PFN(phys));
		rc = phys ? xa_err(xa_store(&mock->tlb, iova >> PAGE_SHIFT,
					    entry, GFP_KERNEL_ACCOUNT)) :
			    -EINVAL;
	}
	mutex_unlock(&parent->lock);
	*pfn = xa_to_value(entry);
	return rc;
}

/* IOMMU_TEST_OP_VIOMMU_CHECK_MAP */
int mock_viommu_check_map(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommufd_viommu *viommu;
	struct page *page;
	unsigned long pfn;
	int rc = -EINVAL;

	if (!PAGE_ALIGNED(cmd->check_map.iova | cmd->check_map.uptr) ||
	    cmd->check_map.length != PAGE_SIZE)
		return -EINVAL;
	viommu = iommufd_get_viommu(ucmd->ictx, cmd->id);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	page = mock_page_at(cmd->check_map.uptr);
	if (IS_ERR(page)) {
		rc = PTR_ERR(page);
		goto out_put;
	}
	if (viommu->ops == &mock_viommu_ops)
		rc = translate(to_mock_viommu(viommu), cmd->check_map.iova,
			       &pfn);
	if (!rc && pfn != page_to_pfn(page))
		rc = -EINVAL;
	put_page(page);
out_put:
	iommufd_object_put(ucmd->ictx, &viommu->obj);
	return rc;
}

/* IOMMU_TEST_OP_DEV_CHECK_CACHE */
int mock_check_cache(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommufd_device *idev;
	u32 id = cmd->check_dev_cache.id;
	int rc = -EINVAL;

	idev = iommufd_get_device(ucmd->ictx, cmd->id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	if (mock_device_is(idev->dev) && id < MOCK_DEV_CACHE_NUM &&
	    READ_ONCE(to_mock_device(idev->dev)->cache[id]) ==
		    cmd->check_dev_cache.cache)
		rc = 0;
	iommufd_object_put(ucmd->ictx, &idev->obj);
	return rc;
}
