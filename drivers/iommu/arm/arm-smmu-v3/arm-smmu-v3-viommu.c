// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's share of an SMMU: a VMID of its own. One stage 2 can have shares of
 * several SMMUs, and what it unmaps is invalidated in each.
 */
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/rculist.h>

#include "arm-smmu-v3-nested.h"

static struct arm_smmu_vsmmu *to_vsmmu(struct iommufd_viommu *viommu)
{
	return container_of(viommu, struct arm_smmu_vsmmu, core);
}

/* Invalidate all that the SMMU has cached of the VM, of either stage */
static void vsmmu_forget(struct arm_smmu_vsmmu *vsmmu)
{
	u64 cmd[CMDQ_ENT_DWORDS] = {
		FIELD_PREP(CMDQ_0_OP, CMDQ_OP_TLBI_S12_VMALL) |
		FIELD_PREP(CMDQ_TLBI_0_VMID, vsmmu->vmid),
	};

	arm_smmu_cmdq_issue_cmdlist(vsmmu->smmu, cmd, 1, true);
}

/**
 * arm_smmu_inv_shares - Invalidate what VMs cached of a stage 2
 * @parent: The stage 2, something of which was unmapped
 *
 * The SMMU does not know by which of a guest's addresses the unmapped ones were
 * reached: all that it has of both stages together has to go. One command does it.
 */
void arm_smmu_inv_shares(struct arm_smmu_domain *parent)
{
	struct arm_smmu_vsmmu *vsmmu;

	/*
	 * A share that is not in the list yet is not in an STE either. An SMMU
	 * that walks the table for it later sees what was written before.
	 */
	smp_mb();
	rcu_read_lock();
	list_for_each_entry_rcu(vsmmu, &parent->shares, parent_entry)
		vsmmu_forget(vsmmu);
	rcu_read_unlock();
	arm_smmu_atc_inv_nested(parent);
}

/* Would this SMMU walk a table that was made for another one? */
static bool parent_fits(struct arm_smmu_device *smmu,
			struct arm_smmu_domain *parent)
{
	struct arm_smmu_device *other = parent->smmu;
	u32 must_equal = ARM_SMMU_FEAT_COHERENCY | ARM_SMMU_FEAT_TT_LE |
			 ARM_SMMU_FEAT_TT_BE;

	if (smmu == other)
		return true;
	return smmu->oas >= other->oas && smmu->ias >= other->ias &&
	       smmu->pgsize_bitmap == other->pgsize_bitmap &&
	       !((smmu->features ^ other->features) & must_equal) &&
	       (!parent->hd || smmu->features & ARM_SMMU_FEAT_HD) &&
	       (!parent->fwb || smmu->features & ARM_SMMU_FEAT_FWB);
}

static void vsmmu_destroy(struct iommufd_viommu *viommu)
{
	struct arm_smmu_vsmmu *vsmmu = to_vsmmu(viommu);
	unsigned long flags;

	mutex_lock(&vsmmu->smmu->streams_mutex);
	list_del(&vsmmu->smmu_entry);
	mutex_unlock(&vsmmu->smmu->streams_mutex);

	spin_lock_irqsave(&vsmmu->parent->devices_lock, flags);
	list_del_rcu(&vsmmu->parent_entry);
	spin_unlock_irqrestore(&vsmmu->parent->devices_lock, flags);
	synchronize_rcu();

	/* The next owner of the VMID must not find anything */
	vsmmu_forget(vsmmu);
	arm_smmu_bitmap_free(vsmmu->smmu->vmid_map, vsmmu->vmid);
}

/* All streams of a device must have one id, for there is one vSID for it */
static int vsmmu_vdevice_init(struct iommufd_vdevice *vdev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(vdev->dev);
	int i;

	if (vdev->virt_id > U32_MAX)
		return -EINVAL;
	if (master->smmu != to_vsmmu(vdev->viommu)->smmu)
		return -EINVAL;
	for (i = 1; i < master->num_streams; i++)
		if (master->streams[i].id != master->streams[0].id)
			return -EOPNOTSUPP;
	return 0;
}

static size_t vsmmu_get_vevent_size(struct iommufd_viommu *viommu, u32 type)
{
	return type == IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 ?
	       sizeof(struct iommu_vevent_arm_smmuv3) : 0;
}

static const struct iommufd_viommu_ops vsmmu_ops = {
	.destroy = vsmmu_destroy,
	.alloc_domain_nested = arm_smmu_alloc_nested,
	.cache_invalidate = arm_smmu_invalidate_guest,
	.vdevice_init = vsmmu_vdevice_init,
	.get_vevent_size = vsmmu_get_vevent_size,
};

/**
 * arm_smmu_get_viommu_size - Size of a VM's share of the SMMU of a device
 * @dev: The device
 * @type: What kind of share
 *
 * Return: the size, or 0 where the SMMU cannot nest or a guest could make DMA
 * incoherent.
 */
size_t arm_smmu_get_viommu_size(struct device *dev, enum iommu_viommu_type type)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);

	if (type != IOMMU_VIOMMU_TYPE_ARM_SMMUV3 ||
	    !(master->smmu->features & ARM_SMMU_FEAT_NESTING) ||
	    !arm_smmu_keeps_coherent(master, master->smmu->features &
					     ARM_SMMU_FEAT_FWB))
		return 0;
	return VIOMMU_STRUCT_SIZE(struct arm_smmu_vsmmu, core);
}

/**
 * arm_smmu_viommu_init - Make a VM's share of an SMMU
 * @viommu: The share; iommufd has filled its part
 * @domain: The nesting parent
 * @user_data: Must be NULL
 *
 * Return: 0; -EINVAL where the parent does not fit or there is data; -ENOSPC
 * without a VMID.
 */
int arm_smmu_viommu_init(struct iommufd_viommu *viommu,
			 struct iommu_domain *domain,
			 const struct iommu_user_data *user_data)
{
	struct arm_smmu_domain *parent = to_smmu_domain(domain);
	struct arm_smmu_vsmmu *vsmmu = to_vsmmu(viommu);
	unsigned long flags;
	int vmid;

	vsmmu->smmu = container_of(viommu->iommu_dev, struct arm_smmu_device,
				   iommu);
	vsmmu->parent = parent;
	if (user_data || !parent->nest_parent ||
	    !parent_fits(vsmmu->smmu, parent))
		return -EINVAL;
	vmid = arm_smmu_bitmap_alloc(vsmmu->smmu->vmid_map,
				     vsmmu->smmu->vmid_bits);
	if (vmid < 0)
		return vmid;
	vsmmu->vmid = vmid;
	viommu->ops = &vsmmu_ops;

	spin_lock_irqsave(&parent->devices_lock, flags);
	list_add_tail_rcu(&vsmmu->parent_entry, &parent->shares);
	spin_unlock_irqrestore(&parent->devices_lock, flags);

	mutex_lock(&vsmmu->smmu->streams_mutex);
	list_add_tail(&vsmmu->smmu_entry, &vsmmu->smmu->vsmmus);
	mutex_unlock(&vsmmu->smmu->streams_mutex);
	return 0;
}

MODULE_IMPORT_NS(IOMMUFD);
