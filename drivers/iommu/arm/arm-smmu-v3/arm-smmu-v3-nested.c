// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested domains: a guest's stream table entry, as far as it is the guest's.
 *
 * What the SMMU would call illegal is refused here, so that the guest hears of it
 * from its VMM, instead of having a device that is dead.
 */
#include <linux/bitfield.h>
#include <linux/slab.h>

#include "arm-smmu-v3-nested.h"
#include "arm-smmu-v3-ste.h"

#define GUEST_STE_0	(STRTAB_STE_0_V | STRTAB_STE_0_CFG |                   \
			 STRTAB_STE_0_S1FMT | STRTAB_STE_0_S1CTXPTR_MASK |     \
			 STRTAB_STE_0_S1CDMAX)
#define GUEST_STE_1	(STRTAB_STE_1_S1DSS | STRTAB_STE_1_S1CIR |             \
			 STRTAB_STE_1_S1COR | STRTAB_STE_1_S1CSH |             \
			 STRTAB_STE_1_S1STALLD | STRTAB_STE_1_EATS)

/* What there is beside linear tables of CDs */
#define S1FMT_4K_L2	1
#define S1DSS_RESERVED	3

static struct arm_smmu_nested_domain *to_nested(struct iommu_domain *domain)
{
	return container_of(domain, struct arm_smmu_nested_domain, domain);
}

/* A table of CDs, one for each substream */
static int check_cd_table(struct arm_smmu_device *smmu, const u64 ste[2])
{
	unsigned int format = FIELD_GET(STRTAB_STE_0_S1FMT, ste[0]);

	if (FIELD_GET(STRTAB_STE_0_S1CDMAX, ste[0]) > smmu->ssid_bits ||
	    FIELD_GET(STRTAB_STE_1_S1DSS, ste[1]) == S1DSS_RESERVED)
		return -EIO;
	switch (format) {
	case STRTAB_STE_0_S1FMT_LINEAR:
		return 0;
	case S1FMT_4K_L2:
	case STRTAB_STE_0_S1FMT_64K_L2:
		return smmu->features & ARM_SMMU_FEAT_2_LVL_CDTAB ? 0 : -EIO;
	}
	return -EIO;
}

static int check_stage1(struct arm_smmu_device *smmu, u64 ste[2])
{
	u64 ptr = ste[0] & STRTAB_STE_0_S1CTXPTR_MASK;
	u64 eats = FIELD_GET(STRTAB_STE_1_EATS, ste[1]);
	u32 stalls = smmu->features &
		     (ARM_SMMU_FEAT_STALLS | ARM_SMMU_FEAT_STALL_FORCE);

	/* The pointer is an IPA, and no IPA is wider */
	if (ptr >> smmu->ias)
		return -EIO;
	if (ste[1] & STRTAB_STE_1_S1STALLD && stalls != ARM_SMMU_FEAT_STALLS)
		return -EIO;
	if (eats != STRTAB_STE_1_EATS_ABT &&
	    (eats != STRTAB_STE_1_EATS_TRANS ||
	     !(smmu->features & ARM_SMMU_FEAT_ATS)))
		return -EIO;
	if (ste[0] & STRTAB_STE_0_S1CDMAX)
		return check_cd_table(smmu, ste);

	/* The SMMU does not look at these where there is one CD */
	ste[0] &= ~STRTAB_STE_0_S1FMT;
	ste[1] &= ~STRTAB_STE_1_S1DSS;
	return 0;
}

/**
 * arm_smmu_check_guest_ste - Check a guest's part of an STE
 * @smmu: The SMMU that it is for
 * @ste: The first two dwords; what the SMMU would ignore is cleared
 *
 * Return: 0, or -EIO if there is anything that is not the guest's, or that the
 * SMMU does not have.
 */
int arm_smmu_check_guest_ste(struct arm_smmu_device *smmu, u64 ste[2])
{
	if (!(ste[0] & STRTAB_STE_0_V)) {
		ste[0] = 0;
		ste[1] = 0;
		return 0;
	}
	if (ste[0] & ~GUEST_STE_0 || ste[1] & ~GUEST_STE_1)
		return -EIO;

	switch (FIELD_GET(STRTAB_STE_0_CFG, ste[0])) {
	case STRTAB_STE_0_CFG_ABORT:
	case STRTAB_STE_0_CFG_BYPASS:
		ste[0] &= STRTAB_STE_0_V | STRTAB_STE_0_CFG;
		ste[1] = 0;
		return 0;
	case STRTAB_STE_0_CFG_S1_TRANS:
		return check_stage1(smmu, ste);
	}
	return -EIO;
}

/**
 * arm_smmu_keeps_coherent - Does memory stay coherent whatever a guest asks?
 * @master: The device
 * @fwb: Does stage 2 force write-back?
 *
 * A guest decides on the attributes of stage 1. If it could make DMA bypass the
 * caches, what the device writes would not be what the host reads. @fwb does not
 * keep a device from No Snoop: it can use that with a stage 2 alone as well, so
 * nesting adds nothing to it.
 */
bool arm_smmu_keeps_coherent(struct arm_smmu_master *master, bool fwb)
{
	struct iommu_fwspec *fwspec = dev_iommu_fwspec_get(master->dev);

	return fwb || (fwspec && fwspec->flags & IOMMU_FWSPEC_PCI_RC_CANWBS);
}

/**
 * arm_smmu_wants_ats - Does a guest let its device do ATS?
 * @nested: What its STE says
 */
bool arm_smmu_wants_ats(const struct arm_smmu_nested_domain *nested)
{
	return nested->ste[1] & STRTAB_STE_1_EATS;
}

/**
 * arm_smmu_make_nested_ste - Make the STE of a device that has a guest's stage 1
 * @master: The device
 * @ste: Out: what the guest wants, above the host's stage 2
 *
 * Where the guest's STE is not valid, this one is not either: the SMMU records that
 * as an event, which is the guest's.
 */
void arm_smmu_make_nested_ste(struct arm_smmu_master *master,
			      struct arm_smmu_ste *ste)
{
	const struct arm_smmu_nested_domain *nested = master->nested;
	u64 ste0 = nested->ste[0], ste1 = nested->ste[1];

	arm_smmu_clear_ste(ste);
	if (!(ste0 & STRTAB_STE_0_V))
		return;
	switch (FIELD_GET(STRTAB_STE_0_CFG, ste0)) {
	case STRTAB_STE_0_CFG_ABORT:
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_ABORT);
		return;
	case STRTAB_STE_0_CFG_S1_TRANS:
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_NESTED);
		/* The guest cannot know whether the device has ATS enabled */
		ste1 &= ~STRTAB_STE_1_EATS;
		if (master->smmu->features & ARM_SMMU_FEAT_STALLS &&
		    !master->stall_enabled)
			ste1 |= STRTAB_STE_1_S1STALLD;
		ste->data[0] |= cpu_to_le64(ste0 & ~STRTAB_STE_0_CFG);
		ste->data[1] |= cpu_to_le64(ste1);
		arm_smmu_set_ste_ats(ste, master);
		break;
	default:
		arm_smmu_set_ste_config(ste, STRTAB_STE_0_CFG_S2_TRANS);
		break;
	}
	/* A guest that faults in a loop must not fill the queue that all share */
	ste->data[1] |= cpu_to_le64(STRTAB_STE_1_MEV);
	arm_smmu_set_ste_s2(ste, master->domain, nested->vsmmu->vmid);
	/* Stage 2 maps pinned memory, so nobody could resolve a stall there */
	if (master->smmu->features & ARM_SMMU_FEAT_STALL_FORCE)
		arm_smmu_set_ste_stall(ste, master);
}

static int nested_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	struct arm_smmu_nested_domain *nested = to_nested(domain);
	unsigned long vsid;

	if (!master || master->smmu != nested->vsmmu->smmu ||
	    !arm_smmu_keeps_coherent(master, nested->vsmmu->parent->fwb))
		return -EINVAL;
	/* PASIDs are in a CD table of the host's, which the guest's would replace */
	if (arm_smmu_master_sva_enabled(master) || master->nr_pasids)
		return -EBUSY;
	/* Without a virtual id, no command or event could name the device */
	if (iommufd_viommu_get_vdev_id(&nested->vsmmu->core, dev, &vsid))
		return -ENOENT;
	arm_smmu_enter_domain(master, nested->vsmmu->parent, nested);
	return 0;
}

static void nested_free(struct iommu_domain *domain)
{
	kfree(to_nested(domain));
}

static const struct iommu_domain_ops nested_ops = {
	.attach_dev = nested_attach_dev,
	.free = nested_free,
};

/**
 * arm_smmu_alloc_nested - Make a domain of a guest's STE
 * @viommu: The guest's share of the SMMU
 * @flags: 0, or IOMMU_HWPT_ALLOC_PASID: the guest's table of CDs has its PASIDs
 * @user_data: A struct iommu_hwpt_arm_smmuv3
 *
 * Return: the domain, or an ERR_PTR.
 */
struct iommu_domain *
arm_smmu_alloc_nested(struct iommufd_viommu *viommu, u32 flags,
		      const struct iommu_user_data *user_data)
{
	struct arm_smmu_vsmmu *vsmmu =
		container_of(viommu, struct arm_smmu_vsmmu, core);
	struct iommu_hwpt_arm_smmuv3 arg __uninitialized;
	struct arm_smmu_nested_domain *nested;
	u64 ste[ARRAY_SIZE(arg.ste)] __uninitialized;
	int rc, i;

	if (flags & ~IOMMU_HWPT_ALLOC_PASID)
		return ERR_PTR(-EOPNOTSUPP);
	rc = iommu_copy_struct_from_user(&arg, user_data,
					 IOMMU_HWPT_DATA_ARM_SMMUV3, ste);
	if (rc)
		return ERR_PTR(rc);

	for (i = 0; i < ARRAY_SIZE(ste); i++)
		ste[i] = le64_to_cpu(arg.ste[i]);
	rc = arm_smmu_check_guest_ste(vsmmu->smmu, ste);
	if (rc)
		return ERR_PTR(rc);

	nested = kmalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	/* Sets every field, which takes fewer instructions than kzalloc() */
	nested->domain = (struct iommu_domain) {
		.type = IOMMU_DOMAIN_NESTED,
		.ops = &nested_ops,
	};
	nested->vsmmu = vsmmu;
	memcpy(nested->ste, ste, sizeof(ste));
	nested->last_pass = 0;
	memset(nested->last, 0, sizeof(nested->last));
	return &nested->domain;
}
