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

#include "iommufd_private.h"

static int doorbell_index(struct iommufd_ctx *ictx, phys_addr_t page)
{
	unsigned int i;

	lockdep_assert_held(&ictx->doorbell_lock);

	for (i = 0; i < ictx->nr_doorbells; i++)
		if (ictx->doorbells[i] == page)
			return i;
	if (i == ARRAY_SIZE(ictx->doorbells))
		return -ENOSPC;
	ictx->doorbells[i] = page;
	ictx->nr_doorbells++;
	return i;
}

static unsigned long doorbell_iova(struct iommufd_hwpt_paging *hwpt,
				   unsigned int index)
{
	return hwpt->msi_window + index * PAGE_SIZE;
}

/* The window is reserved: nothing else can be mapped there */
static int doorbell_map(struct iommufd_hwpt_paging *hwpt, unsigned int index)
{
	struct iommu_domain *domain = hwpt->common.domain;
	unsigned long iova = doorbell_iova(hwpt, index);

	lockdep_assert_held(&hwpt->common.ictx->doorbell_lock);

	if (iommu_iova_to_phys(domain, iova))
		return 0;
	return iommu_map(domain, iova, hwpt->common.ictx->doorbells[index], PAGE_SIZE,
			 IOMMU_WRITE | IOMMU_NOEXEC | IOMMU_MMIO);
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
	if (index < 0) {
		rc = index;
		goto out_unlock;
	}
	rc = doorbell_map(hwpt, index);
	if (!rc)
		msi_desc_set_iommu_msi_iova(desc, doorbell_iova(hwpt, index),
					    PAGE_SHIFT);
out_unlock:
	mutex_unlock(&ictx->doorbell_lock);
	return rc;
}

static int map_doorbells(struct iommufd_hwpt_paging *hwpt)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < hwpt->common.ictx->nr_doorbells; i++)
		rc = doorbell_map(hwpt, i);
	return rc;
}

static void unmap_doorbells(struct iommufd_hwpt_paging *hwpt)
{
	struct iommu_domain *domain = hwpt->common.domain;
	unsigned int i;

	for (i = 0; i < hwpt->common.ictx->nr_doorbells; i++)
		if (iommu_iova_to_phys(domain, doorbell_iova(hwpt, i)))
			iommu_unmap(domain, doorbell_iova(hwpt, i), PAGE_SIZE);
}

static void put_window(struct iommufd_hwpt_paging *hwpt)
{
	lockdep_assert_held(&hwpt->common.ictx->doorbell_lock);

	if (--hwpt->msi_groups)
		return;
	/* The window may be used for memory when no device reserves it */
	unmap_doorbells(hwpt);
	hwpt->msi_window = IOMMUFD_NO_MSI_WINDOW;
}

/**
 * iommufd_sw_msi_get - Make an HWPT serve the interrupts of a group
 * @hwpt: HWPT that the group is about to be attached to
 * @msi_window: start of the window of the group's IOMMU
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
		hwpt->msi_window = msi_window;
	if (hwpt->msi_window != msi_window) {
		rc = -EINVAL;
		goto out_unlock;
	}
	hwpt->msi_groups++;
	rc = map_doorbells(hwpt);
	if (rc)
		put_window(hwpt);
out_unlock:
	mutex_unlock(&hwpt->common.ictx->doorbell_lock);
	return rc;
}

/**
 * iommufd_sw_msi_refresh - Map the doorbells that have come since
 * @hwpt: HWPT that the group is attached to
 *
 * Between iommufd_sw_msi_get() and the attach, an interrupt may have been set up
 * that saw the domain before.
 *
 * Return: 0 or what mapping a doorbell said.
 */
int iommufd_sw_msi_refresh(struct iommufd_hwpt_paging *hwpt)
{
	int rc = 0;

	mutex_lock(&hwpt->common.ictx->doorbell_lock);
	if (hwpt->msi_groups)
		rc = map_doorbells(hwpt);
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
	put_window(hwpt);
	mutex_unlock(&hwpt->common.ictx->doorbell_lock);
}
