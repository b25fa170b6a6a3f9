// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty bits of second-stage page tables (VT-d specification 3.7.2).
 *
 * Where a unit has SLADS, it sets the D bit of a leaf entry when it translates a
 * write, if the PASID entry of the device enables that (SSADE, 9.6). Only pages
 * that are mapped by a user who tracks have such bits; nobody else looks.
 */
#include <linux/iommu.h>
#include <linux/iova_bitmap.h>

#include "iommu.h"
#include "pasid.h"

/**
 * intel_dirty_capable - Can the writes of a device be recorded?
 * @info: The device
 *
 * Return: true if a domain with dirty_ops can be made for it.
 */
bool intel_dirty_capable(struct device_domain_info *info)
{
	return info->pasid_table && intel_dirty_supported(info->iommu);
}

/*
 * Change an entry that is in use: what the unit remembers of it, and the IOTLBs,
 * in which a page may be without a need to set its dirty bit, have to go.
 */
static void flush_entry(struct device_domain_info *info, u16 did, u32 pasid)
{
	struct intel_iommu *iommu = info->iommu;

	qi_flush_pasid_cache(iommu, did, QI_PC_PASID_SEL, pasid);
	iommu->flush.flush_iotlb(iommu, did, 0, 0, DMA_TLB_DSI_FLUSH);
	if (pasid != PASID_RID2PASID)
		intel_flush_dev_iotlb_pasid(info, pasid, 0,
					    64 - VTD_PAGE_SHIFT);
	else if (info->ats_enabled)
		qi_flush_dev_iotlb(iommu, info->bus << 8 | info->devfn,
				   info->pfsid, info->ats_qdep, 0,
				   64 - VTD_PAGE_SHIFT);
}

/*
 * An entry that is not there yet, or that of the domain which the PASID leaves
 * for this one, is made under the unit's lock too, after looking at
 * domain->dirty_tracking.
 */
static void set_entry_tracking(struct device_domain_info *info, u16 did,
			       u32 pasid, bool enabled)
{
	struct pasid_entry *pte;

	if (!info->pasid_table)
		return;
	pte = intel_pasid_get_entry(info->dev, pasid);
	if (!pte || !pasid_pte_is_present(pte) ||
	    pasid_get_domain_id(pte) != did)
		return;
	pasid_set_ssade(pte, enabled);
	if (!ecap_coherent(info->iommu->ecap))
		clflush_cache_range(pte, sizeof(*pte));
	flush_entry(info, did, pasid);
}

/* The unit's lock is outside that of a domain */
static void set_unit_tracking(struct dmar_domain *domain,
			      struct iommu_domain_info *unit, bool enabled)
{
	struct intel_iommu *iommu = unit->iommu;
	struct device_domain_info *info;
	struct dev_pasid *dev_pasid;
	unsigned long flags;

	spin_lock(&iommu->lock);
	spin_lock_irqsave(&domain->lock, flags);
	list_for_each_entry(info, &domain->devices, link)
		if (info->iommu == iommu)
			set_entry_tracking(info, unit->did, PASID_RID2PASID,
					   enabled);
	list_for_each_entry(dev_pasid, &domain->dev_pasids, link)
		if (dev_pasid->info->iommu == iommu)
			set_entry_tracking(dev_pasid->info, unit->did,
					   dev_pasid->pasid, enabled);
	spin_unlock_irqrestore(&domain->lock, flags);
	spin_unlock(&iommu->lock);
}

static int intel_set_dirty_tracking(struct iommu_domain *domain, bool enabled)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct iommu_domain_info *unit;
	unsigned long flags, i;

	/*
	 * First, for devices that are being attached at this moment. They are
	 * put in the list under this lock before they look, and after their
	 * unit is known: either they see it, or they are seen below.
	 */
	spin_lock_irqsave(&dmar_domain->lock, flags);
	WRITE_ONCE(dmar_domain->dirty_tracking, enabled);
	spin_unlock_irqrestore(&dmar_domain->lock, flags);

	rcu_read_lock();
	xa_for_each(&dmar_domain->iommu_array, i, unit)
		set_unit_tracking(dmar_domain, unit, enabled);
	rcu_read_unlock();
	return 0;
}

/**
 * struct dirty_read - a reading in progress
 * @iova: first IOVA
 * @last: last IOVA
 * @flags: IOMMU_DIRTY_NO_CLEAR
 * @dirty: where it goes
 */
struct dirty_read {
	unsigned long iova;
	unsigned long last;
	unsigned long flags;
	struct iommu_dirty_bitmap *dirty;
};

/* One leaf entry, which translates @size bytes from @iova on */
static void read_leaf(struct dirty_read *read, struct dma_pte *pte,
		      unsigned long iova, unsigned long size)
{
	unsigned long start = max(iova, read->iova);
	unsigned long last = min(iova + size - 1, read->last);
	bool whole = last - start == size - 1;

	if (!(READ_ONCE(pte->val) & DMA_SL_PTE_DIRTY))
		return;
	/* Another reader may be faster, and tell it */
	if (whole && !(read->flags & IOMMU_DIRTY_NO_CLEAR) &&
	    !test_and_clear_bit(DMA_SL_PTE_DIRTY_BIT,
				(unsigned long *)&pte->val))
		return;
	iommu_dirty_bitmap_record(read->dirty, start, last - start + 1);
}

/* A table of entries of that level, of which the first is for @iova */
static void read_table(struct dirty_read *read, struct dma_pte *table,
		       int level, unsigned long iova)
{
	unsigned int shift = VTD_PAGE_SHIFT + (level - 1) * VTD_STRIDE_SHIFT;
	unsigned long first = (max(iova, read->iova) - iova) >> shift;
	unsigned long nr;

	for (nr = first; nr < BIT(VTD_STRIDE_SHIFT); nr++) {
		unsigned long at = iova + (nr << shift);
		struct dma_pte *pte = &table[nr];

		if (at > read->last)
			break;
		if (!dma_pte_present(pte))
			continue;
		if (level == 1 || dma_pte_superpage(pte))
			read_leaf(read, pte, at, BIT(shift));
		else
			read_table(read, phys_to_virt(dma_pte_addr(pte)),
				   level - 1, at);
	}
}

static int intel_read_and_clear_dirty(struct iommu_domain *domain,
				      unsigned long iova, size_t size,
				      unsigned long flags,
				      struct iommu_dirty_bitmap *dirty)
{
	struct dmar_domain *dmar_domain = to_dmar_domain(domain);
	struct dirty_read read = {
		.iova = iova,
		.last = iova + size - 1,
		.flags = flags,
		.dirty = dirty,
	};

	/* AGAW 0 is two levels, and each one more is one more */
	read_table(&read, dmar_domain->pgd, dmar_domain->agaw + 2, 0);
	return 0;
}

const struct iommu_dirty_ops intel_dirty_ops = {
	.set_dirty_tracking = intel_set_dirty_tracking,
	.read_and_clear_dirty = intel_read_and_clear_dirty,
};
