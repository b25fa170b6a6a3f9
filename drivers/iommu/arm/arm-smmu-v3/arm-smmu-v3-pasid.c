// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains attached to PASIDs: set_dev_pasid and remove_dev_pasid.
 *
 * A domain of stage 1 has a table of context descriptors that all devices attached
 * to it share, with the domain's own CD as the first. In-kernel SVA adds to that
 * table. A device with PASIDs attached cannot share a table, so it has one of its
 * own as long as it has any: copies of the CDs of its domains, of which the first
 * is for DMA without a PASID.
 *
 * Not all of a CD can change at once, but the address of the table can, which is in
 * one dword of the STE. So where one domain takes the place of another, the device
 * gets another table that differs in that CD, and its DMA goes on.
 *
 * The core holds the mutex of the device's group. arm_smmu_asid_lock guards what
 * is a copy of what.
 */
#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "arm-smmu-v3-pasid.h"
#include "arm-smmu-v3-ste.h"

#define ATC_INV_ALL		FIELD_PREP(CMDQ_ATC_1_SIZE, ATC_INV_SIZE_ALL)
#define CTXDESC_CD_SIZE		(CTXDESC_CD_DWORDS << 3)
#define CTXDESC_L2_SIZE		(CTXDESC_L2_ENTRIES * CTXDESC_CD_SIZE)

/* ---- Descriptors ---- */

/* The SMMU may have kept the CD, or that there is no table where it is */
static void forget_cd(struct arm_smmu_master *master, u32 ssid)
{
	u64 cmd[CMDQ_ENT_DWORDS] = {};
	int i;

	for (i = 0; i < master->num_streams; i++) {
		cmd[0] = FIELD_PREP(CMDQ_0_OP, CMDQ_OP_CFGI_CD) |
			 FIELD_PREP(CMDQ_CFGI_0_SSID, ssid) |
			 FIELD_PREP(CMDQ_CFGI_0_SID, master->streams[i].id);
		arm_smmu_cmdq_issue_cmdlist(master->smmu, cmd, 1, true);
	}
}

/* The device may have kept what it reached by that CD */
static void forget_pages(struct arm_smmu_master *master, u32 ssid)
{
	u64 cmd[CMDQ_ENT_DWORDS] = {};
	int i;

	if (!master->ats_enabled)
		return;
	for (i = 0; i < master->num_streams; i++) {
		cmd[0] = FIELD_PREP(CMDQ_0_OP, CMDQ_OP_ATC_INV) | CMDQ_0_SSV |
			 FIELD_PREP(CMDQ_ATC_0_SSID, ssid) |
			 FIELD_PREP(CMDQ_ATC_0_SID, master->streams[i].id);
		cmd[1] = ATC_INV_ALL;
		arm_smmu_cmdq_issue_cmdlist(master->smmu, cmd, 1, true);
	}
}

/*
 * A CD that is in use translates nothing in between, and records no event of that:
 * DMA aborts, or stalls if it can.
 */
static void write_cd(struct arm_smmu_master *master, u32 ssid, __le64 *to,
		     const __le64 *from)
{
	u64 cd0 = le64_to_cpu(to[0]);
	int i;

	if (cd0 & CTXDESC_CD_0_V) {
		cd0 |= CTXDESC_CD_0_TCR_EPD0;
		cd0 &= ~CTXDESC_CD_0_R;
		WRITE_ONCE(to[0], cpu_to_le64(cd0));
		forget_cd(master, ssid);
	}
	for (i = 1; i < CTXDESC_CD_DWORDS; i++)
		WRITE_ONCE(to[i], from[i]);
	forget_cd(master, ssid);
	WRITE_ONCE(to[0], from[0]);
	forget_cd(master, ssid);
}

static void clear_cd(struct arm_smmu_master *master, u32 ssid, __le64 *cd)
{
	WRITE_ONCE(cd[0], 0);
	forget_cd(master, ssid);
}

/* Not NULL once arm_smmu_set_dev_pasid() has had memory for its level 2 */
static __le64 *own_cd(struct arm_smmu_master *master, u32 ssid)
{
	return arm_smmu_get_cd_ptr(master->cds, ssid);
}

static void copy_cd(struct arm_smmu_master *master, u32 ssid,
		    struct arm_smmu_domain *smmu_domain)
{
	const __le64 *from = arm_smmu_get_cd_ptr(smmu_domain, 0);
	__le64 *to = own_cd(master, ssid);

	lockdep_assert_held(&arm_smmu_asid_lock);

	/* next_table() has written it already */
	if (!memcmp(to, from, CTXDESC_CD_SIZE))
		forget_cd(master, ssid);
	else
		write_cd(master, ssid, to, from);
}

/* ---- The table ---- */

/**
 * struct own_cds - A device's own table of CDs, and what the next one is made of
 * @now: the table, for the functions that know those of domains
 * @spare: room for one, linear or of level 1; NULL until it is needed
 * @spare_leaf: where @now has two levels, room for one of level 2
 */
struct own_cds {
	struct arm_smmu_domain now;
	struct arm_smmu_l1_ctx_desc spare;
	struct arm_smmu_l1_ctx_desc spare_leaf;
};

static struct own_cds *to_own_cds(struct arm_smmu_master *master)
{
	return container_of(master->cds, struct own_cds, now);
}

static size_t table_size(const struct arm_smmu_ctx_desc_cfg *cfg)
{
	return cfg->num_l1_ents *
	       (cfg->l1_desc ? CTXDESC_L1_DESC_DWORDS << 3 : CTXDESC_CD_SIZE);
}

static bool make_room(struct device *dev, struct arm_smmu_l1_ctx_desc *room,
		      size_t size)
{
	if (!room->l2ptr)
		room->l2ptr = dmam_alloc_coherent(dev, size, &room->l2ptr_dma,
						  GFP_KERNEL | __GFP_NOWARN);
	return room->l2ptr;
}

static void free_room(struct device *dev, struct arm_smmu_l1_ctx_desc *room,
		      size_t size)
{
	if (room->l2ptr)
		dmam_free_coherent(dev, size, room->l2ptr, room->l2ptr_dma);
}

/* It is kept for the next time, until the device goes */
static int make_table(struct arm_smmu_master *master)
{
	struct arm_smmu_domain *cds;
	struct own_cds *own;
	int rc;

	if (master->cds)
		return 0;
	own = kzalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);
	if (!own)
		return -ENOMEM;
	cds = &own->now;
	cds->smmu = master->smmu;
	cds->s1_cfg.s1cdmax = master->ssid_bits;
	/* No device is in its list, so the SMMU is told by forget_cd() here */
	INIT_LIST_HEAD(&cds->devices);
	spin_lock_init(&cds->devices_lock);
	rc = arm_smmu_alloc_cd_tables(cds);
	if (rc) {
		kfree(own);
		return rc;
	}
	master->cds = cds;
	return 0;
}

/**
 * arm_smmu_free_cds - Free a device's own table of CDs
 * @master: The device, whose STE aborts
 */
void arm_smmu_free_cds(struct arm_smmu_master *master)
{
	struct device *dev = master->smmu->dev;
	struct own_cds *own;

	if (!master->cds)
		return;
	WARN_ON(master->nr_pasids);
	own = to_own_cds(master);
	free_room(dev, &own->spare, table_size(&own->now.s1_cfg.cdcfg));
	free_room(dev, &own->spare_leaf, CTXDESC_L2_SIZE);
	arm_smmu_free_cd_tables(&own->now);
	kfree(own);
	master->cds = NULL;
}

/* Only the part of level 2 that has the CD is new; both tables have the others */
static void next_leaf(struct own_cds *own, u32 ssid)
{
	u32 i = ssid >> CTXDESC_SPLIT;
	struct arm_smmu_l1_ctx_desc *leaf = &own->now.s1_cfg.cdcfg.l1_desc[i];

	memcpy(own->spare_leaf.l2ptr, leaf->l2ptr, CTXDESC_L2_SIZE);
	swap(*leaf, own->spare_leaf);
	own->spare.l2ptr[i] = cpu_to_le64((leaf->l2ptr_dma &
					   CTXDESC_L1_DESC_L2PTR_MASK) |
					  CTXDESC_L1_DESC_V);
}

/*
 * Make another table in which a PASID has the CD of a domain. The SMMU uses it when
 * the STE has been written. Without memory for it, the CD has to be written where it
 * is: see write_cd().
 */
static bool next_table(struct arm_smmu_master *master, u32 ssid,
		       struct arm_smmu_domain *smmu_domain)
{
	struct own_cds *own = to_own_cds(master);
	struct arm_smmu_ctx_desc_cfg *cfg = &own->now.s1_cfg.cdcfg;
	struct device *dev = master->smmu->dev;
	size_t size = table_size(cfg);

	lockdep_assert_held(&arm_smmu_asid_lock);

	if (!make_room(dev, &own->spare, size) ||
	    (cfg->l1_desc && !make_room(dev, &own->spare_leaf,
					CTXDESC_L2_SIZE)))
		return false;
	memcpy(own->spare.l2ptr, cfg->cdtab, size);
	if (cfg->l1_desc)
		next_leaf(own, ssid);
	swap(cfg->cdtab, own->spare.l2ptr);
	swap(cfg->cdtab_dma, own->spare.l2ptr_dma);
	memcpy(own_cd(master, ssid), arm_smmu_get_cd_ptr(smmu_domain, 0),
	       CTXDESC_CD_SIZE);
	/* The SMMU can read it as soon as the STE has its address */
	dma_wmb();
	return true;
}

/**
 * arm_smmu_set_ste_cds - Let the SMMU use a device's own table of CDs
 * @ste: Its STE, complete but for this
 * @master: The device; without PASIDs it has what its domain has
 */
void arm_smmu_set_ste_cds(struct arm_smmu_ste *ste,
			  const struct arm_smmu_master *master)
{
	u64 ste0 = le64_to_cpu(ste->data[0]);
	const struct arm_smmu_s1_cfg *cfg;

	if (!master->nr_pasids ||
	    FIELD_GET(STRTAB_STE_0_CFG, ste0) != STRTAB_STE_0_CFG_S1_TRANS)
		return;
	cfg = &master->cds->s1_cfg;
	ste0 &= ~(STRTAB_STE_0_S1CTXPTR_MASK | STRTAB_STE_0_S1CDMAX |
		  STRTAB_STE_0_S1FMT);
	ste0 |= (cfg->cdcfg.cdtab_dma & STRTAB_STE_0_S1CTXPTR_MASK) |
		FIELD_PREP(STRTAB_STE_0_S1CDMAX, cfg->s1cdmax) |
		FIELD_PREP(STRTAB_STE_0_S1FMT, cfg->s1fmt);
	ste->data[0] = cpu_to_le64(ste0);
}

/**
 * arm_smmu_prepare_domain_cd - Make the table for another domain without a PASID
 * @master: The device, whose STE is going to be written; if it has PASIDs, under
 *	arm_smmu_asid_lock until arm_smmu_copy_domain_cd()
 * @smmu_domain: The domain
 *
 * May sleep.
 */
void arm_smmu_prepare_domain_cd(struct arm_smmu_master *master,
				struct arm_smmu_domain *smmu_domain)
{
	if (master->nr_pasids)
		next_table(master, 0, smmu_domain);
}

/**
 * arm_smmu_copy_domain_cd - Let DMA without a PASID go through another domain
 * @master: The device, whose domain has just changed, and whose STE is written
 *
 * Where there was no memory for another table the DMA stops for a moment.
 */
void arm_smmu_copy_domain_cd(struct arm_smmu_master *master)
{
	if (master->nr_pasids)
		copy_cd(master, 0, master->domain);
}

/* The ASID is in the part of the CD that is written at once */
static void update_asid(struct arm_smmu_master *master, u32 ssid,
			const __le64 *cd)
{
	WRITE_ONCE(own_cd(master, ssid)[0], cd[0]);
	forget_cd(master, ssid);
}

/**
 * arm_smmu_update_cd_copies - Let all devices have the new ASID of a domain
 * @smmu_domain: The domain, whose CD has it
 */
void arm_smmu_update_cd_copies(struct arm_smmu_domain *smmu_domain)
{
	const __le64 *cd = arm_smmu_get_cd_ptr(smmu_domain, 0);
	struct arm_smmu_master *master;
	struct arm_smmu_pasid *pasid;
	unsigned long flags;

	lockdep_assert_held(&arm_smmu_asid_lock);

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_for_each_entry(master, &smmu_domain->devices, domain_head)
		if (master->nr_pasids)
			update_asid(master, 0, cd);
	list_for_each_entry(pasid, &smmu_domain->pasids, item)
		update_asid(pasid->master, pasid->ssid, cd);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
}

/* ---- PASIDs ---- */

static int check_fit(struct arm_smmu_domain *smmu_domain,
		     struct arm_smmu_master *master, u32 ssid)
{
	if (arm_smmu_master_sva_enabled(master))
		return -EBUSY;
	if (ssid >> master->ssid_bits)
		return -EINVAL;
	if (smmu_domain->smmu != master->smmu ||
	    smmu_domain->stage != ARM_SMMU_DOMAIN_S1 ||
	    smmu_domain->stall_enabled != master->stall_enabled)
		return -EINVAL;
	/* The first CD of its table is that of a stage 1 without a PASID */
	if (!master->domain || master->nested ||
	    master->domain->stage != ARM_SMMU_DOMAIN_S1)
		return -EINVAL;
	return 0;
}

/* From now on, what the domain unmaps is invalidated in the device as well */
static void join(struct arm_smmu_domain *smmu_domain,
		 struct arm_smmu_pasid *pasid)
{
	unsigned long flags;

	atomic_inc(&smmu_domain->nr_ats_masters);
	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_add_tail(&pasid->item, &smmu_domain->pasids);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
}

static void leave(struct arm_smmu_domain *smmu_domain,
		  struct arm_smmu_pasid *pasid)
{
	unsigned long flags;

	spin_lock_irqsave(&smmu_domain->devices_lock, flags);
	list_del(&pasid->item);
	spin_unlock_irqrestore(&smmu_domain->devices_lock, flags);
	atomic_dec(&smmu_domain->nr_ats_masters);
	kfree(pasid);
}

static struct arm_smmu_pasid *find(struct arm_smmu_domain *smmu_domain,
				   struct arm_smmu_master *master, u32 ssid)
{
	struct arm_smmu_pasid *pasid;

	lockdep_assert_held(&arm_smmu_asid_lock);

	list_for_each_entry(pasid, &smmu_domain->pasids, item)
		if (pasid->master == master && pasid->ssid == ssid)
			return pasid;
	return NULL;
}

/* With the first PASID comes the device's own table, after the last one it goes */
static void count(struct arm_smmu_master *master, int change)
{
	bool had = master->nr_pasids;

	lockdep_assert_held(&arm_smmu_asid_lock);

	if (!had)
		copy_cd(master, 0, master->domain);
	master->nr_pasids += change;
	if (had != !!master->nr_pasids)
		arm_smmu_install_ste_for_dev(master);
}

/**
 * arm_smmu_set_dev_pasid - The driver's set_dev_pasid operation
 * @domain: The domain, one of stage 1
 * @dev: The device
 * @pasid: The PASID
 * @old: The domain that it has now, or NULL
 *
 * Return: 0, or as before; -EINVAL where the domain, or what the device is attached
 * to without a PASID, does not fit; -EBUSY while the device does SVA; -ENOMEM.
 */
int arm_smmu_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
			   ioasid_t pasid, struct iommu_domain *old)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct arm_smmu_pasid *new, *left = NULL;
	int rc;

	rc = check_fit(smmu_domain, master, pasid);
	if (rc)
		return rc;
	rc = make_table(master);
	if (rc)
		return rc;
	/* Allocates the parts of level 2 that are missing; no step after it fails */
	if (!own_cd(master, pasid) || !own_cd(master, 0))
		return -ENOMEM;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->master = master;
	new->ssid = pasid;

	mutex_lock(&arm_smmu_asid_lock);
	join(smmu_domain, new);
	if (old && next_table(master, pasid, smmu_domain))
		arm_smmu_install_ste_for_dev(master);
	copy_cd(master, pasid, smmu_domain);
	if (old)
		left = find(to_smmu_domain(old), master, pasid);
	if (left) {
		forget_pages(master, pasid);
		leave(to_smmu_domain(old), left);
	} else {
		count(master, 1);
	}
	mutex_unlock(&arm_smmu_asid_lock);
	return 0;
}

/**
 * arm_smmu_remove_dev_pasid - The driver's remove_dev_pasid operation
 * @dev: The device
 * @pasid: The PASID
 * @domain: The domain that it has
 */
void arm_smmu_remove_dev_pasid(struct device *dev, ioasid_t pasid,
			       struct iommu_domain *domain)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_domain *smmu_domain = to_smmu_domain(domain);
	struct arm_smmu_pasid *left;

	mutex_lock(&arm_smmu_asid_lock);
	left = find(smmu_domain, master, pasid);
	if (left) {
		clear_cd(master, pasid, own_cd(master, pasid));
		forget_pages(master, pasid);
		leave(smmu_domain, left);
		count(master, -1);
	}
	mutex_unlock(&arm_smmu_asid_lock);
}
