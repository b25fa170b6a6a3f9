// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's commands to invalidate what an SMMU has cached of its tables.
 *
 * A command reaches the hardware with the VMID and the StreamID that the kernel
 * puts in, and only where the hardware cannot call it illegal: that would stop
 * the queue for all.
 */
#include <linux/bitfield.h>
#include <linux/iommufd.h>

#include "arm-smmu-v3-nested.h"

#define CMDQ_0_SSID			GENMASK_ULL(31, 12)
#define CMDQ_ATC_1_SIZE_MAX		52
#define CMDQ_TLBI_0_RANGE		(CMDQ_TLBI_0_NUM | CMDQ_TLBI_0_SCALE)
#define CMDQ_TLBI_1_RANGE		(CMDQ_TLBI_1_TTL | CMDQ_TLBI_1_TG)

/* The SMMU's granule of a TG field, as log2 */
static unsigned int tg_shift(u64 tg)
{
	return 10 + 2 * tg;
}

/* One address, or with a TG a range of them */
static int make_host_range(struct arm_smmu_device *smmu, u64 cmd[2])
{
	u64 tg = FIELD_GET(CMDQ_TLBI_1_TG, cmd[1]);

	if (!tg) {
		cmd[0] &= ~CMDQ_TLBI_0_RANGE;
		cmd[1] &= ~CMDQ_TLBI_1_RANGE;
		return 0;
	}
	if (!(smmu->features & ARM_SMMU_FEAT_RANGE_INV) ||
	    !(smmu->pgsize_bitmap & BIT_ULL(tg_shift(tg))))
		return -EIO;
	/* A range of one granule at any level is reserved: it is an address */
	if (!(cmd[0] & CMDQ_TLBI_0_RANGE) && !(cmd[1] & CMDQ_TLBI_1_TTL))
		cmd[1] &= ~CMDQ_TLBI_1_TG;
	return 0;
}

static int make_host_tlbi(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2])
{
	struct arm_smmu_device *smmu = vsmmu->smmu;
	u64 op = FIELD_GET(CMDQ_0_OP, cmd[0]);
	u64 keep0 = CMDQ_0_OP, keep1 = 0;
	int rc = 0;

	switch (op) {
	case CMDQ_OP_TLBI_NH_VA:
		keep0 |= CMDQ_TLBI_0_ASID;
		fallthrough;
	case CMDQ_OP_TLBI_NH_VAA:
		keep0 |= CMDQ_TLBI_0_RANGE;
		keep1 = CMDQ_TLBI_1_LEAF | CMDQ_TLBI_1_RANGE |
			CMDQ_TLBI_1_VA_MASK;
		rc = make_host_range(smmu, cmd);
		break;
	case CMDQ_OP_TLBI_NH_ASID:
		keep0 |= CMDQ_TLBI_0_ASID;
		break;
	case CMDQ_OP_TLBI_NSNH_ALL:
		/* All that the guest knows of is of its VMID */
		cmd[0] = CMDQ_OP_TLBI_NH_ALL;
		break;
	}
	cmd[0] &= keep0;
	cmd[1] &= keep1;
	if (FIELD_GET(CMDQ_TLBI_0_ASID, cmd[0]) >> smmu->asid_bits)
		return -EIO;
	cmd[0] |= FIELD_PREP(CMDQ_TLBI_0_VMID, vsmmu->vmid);
	return rc;
}

/* The device that the guest means, valid as long as the caller is in RCU */
static struct arm_smmu_master *find_master(struct arm_smmu_vsmmu *vsmmu,
					   u64 vsid)
{
	struct device *dev;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "the device may go");
	dev = iommufd_viommu_find_dev(&vsmmu->core, vsid);
	return dev ? dev_iommu_priv_get(dev) : NULL;
}

static int make_host_cfgi(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2])
{
	struct arm_smmu_master *master;
	u64 keep0 = CMDQ_0_OP, keep1 = 0;

	master = find_master(vsmmu, FIELD_GET(CMDQ_CFGI_0_SID, cmd[0]));
	if (!master)
		return -EIO;
	if (FIELD_GET(CMDQ_0_OP, cmd[0]) == CMDQ_OP_CFGI_CD) {
		if (FIELD_GET(CMDQ_0_SSID, cmd[0]) >> vsmmu->smmu->ssid_bits)
			return -EIO;
		keep0 |= CMDQ_0_SSID;
		keep1 = CMDQ_CFGI_1_LEAF;
	}
	cmd[0] &= keep0;
	cmd[1] &= keep1;
	cmd[0] |= FIELD_PREP(CMDQ_CFGI_0_SID, master->streams[0].id);
	return 0;
}

/* Returns 1 where there is nothing to do */
static int make_host_atc(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2])
{
	u64 keep0 = CMDQ_0_OP | CMDQ_0_SSV | CMDQ_ATC_0_GLOBAL | CMDQ_0_SSID;
	struct arm_smmu_master *master;

	master = find_master(vsmmu, FIELD_GET(CMDQ_ATC_0_SID, cmd[0]));
	if (!master || !(vsmmu->smmu->features & ARM_SMMU_FEAT_ATS) ||
	    FIELD_GET(CMDQ_ATC_1_SIZE, cmd[1]) > CMDQ_ATC_1_SIZE_MAX)
		return -EIO;
	if (cmd[0] & CMDQ_0_SSV &&
	    FIELD_GET(CMDQ_0_SSID, cmd[0]) >> vsmmu->smmu->ssid_bits)
		return -EIO;
	/* A device that does no ATS would not answer, and the queue stop */
	if (!READ_ONCE(master->ats_enabled))
		return 1;
	cmd[0] &= keep0;
	cmd[1] &= CMDQ_ATC_1_SIZE | CMDQ_ATC_1_ADDR_MASK;
	cmd[0] |= FIELD_PREP(CMDQ_ATC_0_SID, master->streams[0].id);
	return 0;
}

/**
 * arm_smmu_make_host_cmd - Make a guest's command one that the host may give
 * @vsmmu: The guest's share of the SMMU
 * @cmd: The guest's command; changed to the host's
 *
 * Called in an RCU read-side section.
 *
 * Return: 0; 1 if there is nothing to do; -EIO for what is no invalidation, names
 * a device that the guest does not have, or is illegal for this SMMU.
 */
int arm_smmu_make_host_cmd(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2])
{
	switch (FIELD_GET(CMDQ_0_OP, cmd[0])) {
	case CMDQ_OP_TLBI_NSNH_ALL:
	case CMDQ_OP_TLBI_NH_ALL:
	case CMDQ_OP_TLBI_NH_ASID:
	case CMDQ_OP_TLBI_NH_VA:
	case CMDQ_OP_TLBI_NH_VAA:
		return make_host_tlbi(vsmmu, cmd);
	case CMDQ_OP_CFGI_CD:
	case CMDQ_OP_CFGI_CD_ALL:
		return make_host_cfgi(vsmmu, cmd);
	case CMDQ_OP_ATC_INV:
		return make_host_atc(vsmmu, cmd);
	}
	return -EIO;
}

/* Give the commands in batches; the last one's sync waits for all */
static int issue(struct arm_smmu_device *smmu, u64 *cmds, u32 nr)
{
	bool always_sync = smmu->options & ARM_SMMU_OPT_CMDQ_FORCE_SYNC;
	int rc = 0;

	while (nr && !rc) {
		u32 batch = min_t(u32, nr, CMDQ_BATCH_ENTRIES - 1);

		nr -= batch;
		rc = arm_smmu_cmdq_issue_cmdlist(smmu, cmds, batch,
						 !nr || always_sync);
		cmds += batch * CMDQ_ENT_DWORDS;
	}
	return rc;
}

/*
 * A block of the guest's array. It becomes the host's commands in place: @to is
 * never ahead of @from.
 */
static u32 handle_block(void *context, void *entries, u32 nr, int *error)
{
	struct arm_smmu_vsmmu *vsmmu = context;
	u64 *from = entries, *to = entries;
	u32 i;
	int rc;

	rcu_read_lock();
	for (i = 0; i < nr; i++, from += CMDQ_ENT_DWORDS) {
		u64 cmd[CMDQ_ENT_DWORDS] = {
			le64_to_cpu((__force __le64)from[0]),
			le64_to_cpu((__force __le64)from[1]),
		};

		rc = arm_smmu_make_host_cmd(vsmmu, cmd);
		if (rc < 0) {
			*error = rc;
			break;
		}
		if (rc)
			continue;
		to[0] = cmd[0];
		to[1] = cmd[1];
		to += CMDQ_ENT_DWORDS;
	}
	/* A device that goes takes its StreamID along: issue before it can */
	rc = issue(vsmmu->smmu, entries,
		   (to - (u64 *)entries) / CMDQ_ENT_DWORDS);
	rcu_read_unlock();
	if (!rc)
		return i;
	*error = rc;
	return 0;
}

static const struct iommu_user_entry guest_commands =
	IOMMU_USER_ENTRY(IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
			 struct iommu_viommu_arm_smmuv3_invalidate, cmd,
			 handle_block);

/**
 * arm_smmu_invalidate_guest - Do a guest's commands
 * @viommu: The guest's share of the SMMU
 * @array: Entries of struct iommu_viommu_arm_smmuv3_invalidate
 *
 * Return: 0 or what is wrong with the first command that is not done.
 */
int arm_smmu_invalidate_guest(struct iommufd_viommu *viommu,
			      struct iommu_user_data_array *array)
{
	return iommu_walk_user_array(array, &guest_commands,
				     container_of(viommu,
						  struct arm_smmu_vsmmu, core));
}
