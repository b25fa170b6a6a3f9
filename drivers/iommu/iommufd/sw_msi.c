// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: MSIs that an IOMMU translates like any other write.
 *
 * Where the IOMMU does so (SMMUv3), the page a device writes its MSIs to must be
 * mapped in each HWPT the device is attached to, at an IOVA within the window
 * that the IOMMU's reserved regions set aside. The device's MSI registers hold
 * that IOVA, and keep it when another HWPT is attached. So the IOVA follows from
 * the doorbell's place in a table that the whole context shares.
 */
#include <linux/iommu.h>
#include <linux/msi.h>

#include "fail.h"
#include "iommufd_private.h"

static unsigned long doorbell_iova(struct iommufd_hwpt_paging *hwpt,
				   unsigned int index)
{
	return hwpt->msi_window + index * PAGE_SIZE;
}

/* The window is reserved: nothing else can be mapped there */
static int doorbell_map(struct iommufd_hwpt_paging *hwpt, unsigned int index)
{
	lockdep_assert_held(&hwpt->common.ictx->doorbell_lock);

	if (iommufd_should_fail())
		return -ENOMEM;
	return iommu_map(hwpt->common.domain, doorbell_iova(hwpt, index),
			 hwpt->common.ictx->doorbells[index], PAGE_SIZE,
			 IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO);
}

static void doorbell_unmap(struct iommufd_hwpt_paging *hwpt, unsigned int index)
{
	iommu_unmap(hwpt->common.domain, doorbell_iova(hwpt, index), PAGE_SIZE);
}

/*
 * Map a new doorbell in every HWPT that has a window, even if no device rings it
 * there yet: a device that moves to such an HWPT later must find it there, for by
 * then it is too late to fail.
 */
static int doorbell_add(struct iommufd_ctx *ictx, phys_addr_t page)
{
	unsigned int index = ictx->nr_doorbells;
	struct iommufd_hwpt_paging *hwpt;
	int rc;

	if (index == ARRAY_SIZE(ictx->doorbells))
		return -ENOSPC;
	ictx->doorbells[index] = page;
	list_for_each_entry(hwpt, &ictx->msi_hwpts, msi_item) {
		rc = doorbell_map(hwpt, index);
		if (rc)
			goto out_undo;
	}
	ictx->nr_doorbells++;
	return index;

out_undo:
	list_for_each_entry_continue_reverse(hwpt, &ictx->msi_hwpts, msi_item)
		doorbell_unmap(hwpt, index);
	return rc;
}

static int doorbell_index(struct iommufd_ctx *ictx, phys_addr_t page)
{
	unsigned int i;

	lockdep_assert_held(&ictx->doorbell_lock);

	for (i = 0; i < ictx->nr_doorbells; i++)
		if (ictx->doorbells[i] == page)
			return i;
	return doorbell_add(ictx, page);
}

/**
 * iommufd_sw_msi - Tell at which IOVA a device rings its doorbell
 * @domain: what the device is attached to: the domain of an HWPT
 * @desc: an interrupt of the device about to be set up
 * @msi_addr: physical address of the doorbell
 *
 * The IOMMU core holds its group's mutex, so the domain stays attached.
 *
 * Return: 0, -ENOSPC for one doorbell too many, or what mapping it said.
 */
int iommufd_sw_msi(struct iommu_domain *domain, struct msi_desc *desc,
		   phys_addr_t msi_addr)
{
	struct iommufd_hwpt_paging *hwpt = hwpt_to_paging(domain->iommufd_hwpt);
	struct iommufd_ctx *ictx = hwpt->common.ictx;
	int index, rc = 0;

	mutex_lock(&ictx->doorbell_lock);
	/* An IOMMU without a window does not translate MSIs */
	if (hwpt->msi_window == IOMMUFD_NO_MSI_WINDOW) {
		msi_desc_set_iommu_msi_iova(desc, 0, 0);
		goto out_unlock;
	}
	index = doorbell_index(ictx, msi_addr & PAGE_MASK);
	if (index < 0)
		rc = index;
	else
		msi_desc_set_iommu_msi_iova(desc, doorbell_iova(hwpt, index),
					    PAGE_SHIFT);
out_unlock:
	mutex_unlock(&ictx->doorbell_lock);
	return rc;
}

/* The first group with a window brings it, and the doorbells */
static int open_window(struct iommufd_hwpt_paging *hwpt,
		       unsigned long msi_window)
{
	struct iommufd_ctx *ictx = hwpt->common.ictx;
	unsigned int i;
	int rc;

	hwpt->msi_window = msi_window;
	for (i = 0; i < ictx->nr_doorbells; i++) {
		rc = doorbell_map(hwpt, i);
		if (rc)
			goto out_undo;
	}
	list_add(&hwpt->msi_item, &ictx->msi_hwpts);
	return 0;

out_undo:
	while (i--)
		doorbell_unmap(hwpt, i);
	hwpt->msi_window = IOMMUFD_NO_MSI_WINDOW;
	return rc;
}

/* The window may be used for memory when no device reserves it */
static void close_window(struct iommufd_hwpt_paging *hwpt)
{
	unsigned int i;

	list_del(&hwpt->msi_item);
	for (i = 0; i < hwpt->common.ictx->nr_doorbells; i++)
		doorbell_unmap(hwpt, i);
	hwpt->msi_window = IOMMUFD_NO_MSI_WINDOW;
}

/**
 * iommufd_sw_msi_get - Make an HWPT serve the interrupts of a group
 * @hwpt: HWPT that the group is about to be attached to
 * @msi_window: start of the window of the group's IOMMU
 *
 * From now on it has each doorbell of the context, whenever that comes.
 *
 * Return: 0, -EINVAL where the HWPT serves another window, or what mapping a
 * doorbell said.
 */
int iommufd_sw_msi_get(struct iommufd_hwpt_paging *hwpt,
		       unsigned long msi_window)
{
	int rc = 0;

	if (msi_window == IOMMUFD_NO_MSI_WINDOW)
		return 0;

	mutex_lock(&hwpt->common.ictx->doorbell_lock);
	if (!hwpt->msi_groups)
		rc = open_window(hwpt, msi_window);
	else if (hwpt->msi_window != msi_window)
		rc = -EINVAL;
	if (!rc)
		hwpt->msi_groups++;
	mutex_unlock(&hwpt->common.ictx->doorbell_lock);
	return rc;
}

/**
 * iommufd_sw_msi_put - Undo iommufd_sw_msi_get()
 * @hwpt: HWPT
 * @msi_window: the same window
 */
void iommufd_sw_msi_put(struct iommufd_hwpt_paging *hwpt,
			unsigned long msi_window)
{
	if (msi_window == IOMMUFD_NO_MSI_WINDOW)
		return;

	mutex_lock(&hwpt->common.ictx->doorbell_lock);
	if (!--hwpt->msi_groups)
		close_window(hwpt);
	mutex_unlock(&hwpt->common.ictx->doorbell_lock);
}
