// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU's page tables.
 *
 * They hold a range for each call of the map op. What is stored for a range is
 * the distance from IOVA to physical address, which stays true for each part of
 * it, and the page size, by which an unmap that would cut a page is found out.
 */
#include <linux/iommu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/iommufd.h>

#include "../iommufd_test.h"
#include "mock.h"

/* The smallest page is the granule of all of it */
#define MOCK_PAGE_SHIFT 11

/* A maple tree's value entry has 63 bits: 53 for the distance, 6 for the size */
#define ENTRY_SHIFT_BITS 6
#define ENTRY_SHIFT_MASK (BIT(ENTRY_SHIFT_BITS) - 1)

static void *make_entry(unsigned long iova, phys_addr_t phys, size_t pgsize)
{
	unsigned long distance = ((u64)phys - iova) >> MOCK_PAGE_SHIFT;

	return xa_mk_value(distance << ENTRY_SHIFT_BITS | __ffs(pgsize));
}

static phys_addr_t entry_phys(const void *entry, unsigned long iova)
{
	unsigned long distance = xa_to_value(entry) >> ENTRY_SHIFT_BITS;

	return iova + (distance << MOCK_PAGE_SHIFT);
}

/* Is the IOVA where a page of the entry begins? */
static bool entry_begins_at(const void *entry, unsigned long iova)
{
	unsigned int shift = xa_to_value(entry) & ENTRY_SHIFT_MASK;

	return IS_ALIGNED(iova, BIT(shift));
}

size_t mock_entry_pgsize(const void *entry)
{
	return BIT(xa_to_value(entry) & ENTRY_SHIFT_MASK);
}

/* A group is one device, and a device has no state to set */
static int mock_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	/* Another IOMMU has no use for it */
	return mock_device_is(dev) ? 0 : -EINVAL;
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	MA_STATE(mas, &to_mock_domain(domain)->pages, iova, iova);
	struct mock_domain *mock = to_mock_domain(domain);
	unsigned long last = iova + pgsize * pgcount - 1;
	int rc = -EEXIST;

	if (WARN_ON(!(domain->pgsize_bitmap & pgsize) ||
		    !IS_ALIGNED(iova | phys, pgsize)))
		return -EINVAL;
	if (iova < domain->geometry.aperture_start ||
	    last > domain->geometry.aperture_end)
		return -ERANGE;

	mutex_lock(&mock->lock);
	if (!WARN_ON(mas_find(&mas, last))) {
		mas_set_range(&mas, iova, last);
		rc = mas_store_gfp(&mas, make_entry(iova, phys, pgsize), gfp);
	}
	mutex_unlock(&mock->lock);
	if (!rc)
		*mapped = pgsize * pgcount;
	return rc;
}

/* How much of the range is mapped without a hole, from its start on */
static size_t mapped_length(struct mock_domain *mock, unsigned long iova,
			    unsigned long last)
{
	MA_STATE(mas, &mock->pages, iova, iova);
	unsigned long next = iova;
	void *entry;

	lockdep_assert_held(&mock->lock);

	mas_for_each(&mas, entry, last) {
		if (mas.index > next)
			break;
		if (WARN_ON((next == iova && !entry_begins_at(entry, iova)) ||
			    (last < mas.last && !entry_begins_at(entry, last + 1))))
			break;
		next = min(last, mas.last) + 1;
		if (next > last)
			break;
	}
	return next - iova;
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_domain *mock = to_mock_domain(domain);
	size_t length;

	mutex_lock(&mock->lock);
	length = mapped_length(mock, iova, iova + pgsize * pgcount - 1);
	if (length) {
		MA_STATE(mas, &mock->pages, iova, iova + length - 1);

		/* An unmap cannot fail for want of a tree node */
		mas_store_gfp(&mas, NULL, GFP_KERNEL | __GFP_NOFAIL);
		mock_dirty_forget(mock, iova, iova + length - 1);
		mock_viommus_flush(mock, iova, iova + length - 1);
	}
	mutex_unlock(&mock->lock);
	return length;
}

phys_addr_t mock_walk(struct mock_domain *mock, unsigned long iova)
{
	MA_STATE(mas, &mock->pages, iova, iova);
	void *entry;

	lockdep_assert_held(&mock->lock);

	entry = mas_walk(&mas);
	return entry ? entry_phys(entry, iova) : 0;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	struct mock_domain *mock = to_mock_domain(domain);
	phys_addr_t phys;

	mutex_lock(&mock->lock);
	phys = mock_walk(mock, iova);
	mutex_unlock(&mock->lock);
	return phys;
}

static void mock_domain_free(struct iommu_domain *domain)
{
	struct mock_domain *mock = to_mock_domain(domain);

	/* Whoever mapped it had it pinned, and has forgotten it */
	WARN_ON(!mtree_empty(&mock->pages));
	WARN_ON(!list_empty(&mock->viommus));
	mutex_lock(&mock->lock);
	__mt_destroy(&mock->pages);
	WARN_ON(!xa_empty(&mock->dirty));
	mutex_unlock(&mock->lock);
	mutex_destroy(&mock->lock);
	kfree(mock);
}

static const struct iommu_domain_ops mock_paging_ops = {
	.attach_dev = mock_attach_dev,
	.set_dev_pasid = mock_set_dev_pasid,
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.iova_to_phys = mock_iova_to_phys,
	.free = mock_domain_free,
};

static int read_user_data(const struct iommu_user_data *user_data,
			  struct iommu_hwpt_selftest *data)
{
	if (user_data->type != IOMMU_HWPT_DATA_SELFTEST)
		return -EOPNOTSUPP;
	if (user_data->len < sizeof(*data))
		return -EINVAL;
	return copy_struct_from_user(data, sizeof(*data), user_data->uptr,
				     user_data->len);
}

static int init_geometry(struct iommu_domain *domain, u32 pagetable_type)
{
	domain->geometry.force_aperture = true;
	switch (pagetable_type) {
	case MOCK_IOMMUPT_DEFAULT:
		domain->pgsize_bitmap = ~(MOCK_PAGE_SIZE - 1UL);
		domain->geometry.aperture_start = MOCK_APERTURE_START;
		domain->geometry.aperture_end = MOCK_APERTURE_LAST;
		return 0;
	case MOCK_IOMMUPT_HUGE:
		domain->pgsize_bitmap = PAGE_SIZE | MOCK_HUGE_PAGE_SIZE;
		domain->geometry.aperture_start = 0;
		domain->geometry.aperture_end = ULONG_MAX;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

struct iommu_domain *
mock_domain_alloc_paging_flags(struct device *dev, u32 flags,
			       const struct iommu_user_data *user_data)
{
	struct iommu_hwpt_selftest data = {};
	struct mock_domain *mock;
	int rc;

	/* What is made from a parent, and PASIDs, ask nothing of its table */
	if (flags & ~(IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_PASID |
		      IOMMU_HWPT_ALLOC_DIRTY_TRACKING))
		return ERR_PTR(-EOPNOTSUPP);
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING &&
	    to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_NO_DIRTY)
		return ERR_PTR(-EOPNOTSUPP);
	if (user_data) {
		rc = read_user_data(user_data, &data);
		if (rc)
			return ERR_PTR(rc);
	}

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	rc = init_geometry(&mock->domain, data.pagetable_type);
	if (rc) {
		kfree(mock);
		return ERR_PTR(rc);
	}
	mock->domain.ops = &mock_paging_ops;
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		mock->domain.dirty_ops = &mock_dirty_ops;
	mock->dirty_by_entry = data.pagetable_type == MOCK_IOMMUPT_HUGE;
	xa_init(&mock->dirty);
	mutex_init(&mock->lock);
	INIT_LIST_HEAD(&mock->viommus);
	mt_init_flags(&mock->pages, MT_FLAGS_LOCK_EXTERN);
	mt_set_external_lock(&mock->pages, &mock->lock);
	return &mock->domain;
}

/* There is one of each, so that to block DMA or to let it go cannot fail */
static void mock_static_free(struct iommu_domain *domain)
{
}

static const struct iommu_domain_ops mock_static_ops = {
	.attach_dev = mock_attach_dev,
	.free = mock_static_free,
};

static struct iommu_domain mock_blocked = { .ops = &mock_static_ops };
static struct iommu_domain mock_identity = { .ops = &mock_static_ops };

struct iommu_domain *mock_domain_alloc(unsigned int type)
{
	switch (type) {
	case IOMMU_DOMAIN_BLOCKED:
		return &mock_blocked;
	case IOMMU_DOMAIN_IDENTITY:
		return &mock_identity;
	default:
		return NULL;
	}
}
