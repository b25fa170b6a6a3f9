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
/* The top bit of SCALE, which SMMUs have that have 52-bit addresses */
#define CMDQ_TLBI_0_SCALE_TOP		BIT_ULL(25)
#define CMDQ_TLBI_1_RANGE		(CMDQ_TLBI_1_TTL | CMDQ_TLBI_1_TG)
#define CMDQ_TLBI_1_TG_16K		2

/* The SMMU's granule of a TG field, as log2 */
static unsigned int tg_shift(u64 tg)
{
	return 10 + 2 * tg;
}

/* @keep0 and @keep1: what of each dword, beside the opcode, is the guest's to say */
static int make_host_tlbi(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2], u64 keep0,
			  u64 keep1)
{
	u64 cmd0 = cmd[0] & (CMDQ_0_OP | keep0);

	if (FIELD_GET(CMDQ_TLBI_0_ASID, cmd0) >> vsmmu->smmu->asid_bits)
		return -EIO;
	cmd[0] = cmd0 | FIELD_PREP(CMDQ_TLBI_0_VMID, vsmmu->vmid);
	cmd[1] &= keep1;
	return 0;
}

/* One address, or with a TG a range of them */
static int make_host_tlbi_va(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2],
			     u64 keep0)
{
	u64 tg = FIELD_GET(CMDQ_TLBI_1_TG, cmd[1]);
	u64 ttl = FIELD_GET(CMDQ_TLBI_1_TTL, cmd[1]);
	u64 keep1 = CMDQ_TLBI_1_LEAF | CMDQ_TLBI_1_VA_MASK;

	if (!tg)
		return make_host_tlbi(vsmmu, cmd, keep0, keep1);
	if (!(vsmmu->smmu->features & ARM_SMMU_FEAT_RANGE_INV) ||
	    !(vsmmu->smmu->pgsize_bitmap & BIT_ULL(tg_shift(tg))))
		return -EIO;
	/* So long a range is all: without that bit it would be a short one */
	if (cmd[0] & CMDQ_TLBI_0_SCALE_TOP) {
		cmd[0] = CMDQ_OP_TLBI_NH_ALL;
		return make_host_tlbi(vsmmu, cmd, 0, 0);
	}
	/* Few SMMUs have this level: to the others, it is any level */
	if (tg == CMDQ_TLBI_1_TG_16K && ttl == 1)
		cmd[1] &= ~CMDQ_TLBI_1_TTL;
	/* A range of one granule at any level is reserved: it is an address */
	if (!(cmd[0] & CMDQ_TLBI_0_RANGE) && !(cmd[1] & CMDQ_TLBI_1_TTL))
		cmd[1] &= ~CMDQ_TLBI_1_TG;
	return make_host_tlbi(vsmmu, cmd, keep0 | CMDQ_TLBI_0_RANGE,
			      keep1 | CMDQ_TLBI_1_RANGE);
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
	/* A device that does no ATS would not answer, which stops the queue */
	if (!READ_ONCE(master->ats_enabled))
		return 1;
	/* Nor would one without this PASID: to it, such a prefix is malformed */
	if (cmd[0] & CMDQ_0_SSV &&
	    (!master->ssid_bits ||
	     FIELD_GET(CMDQ_0_SSID, cmd[0]) >> master->ssid_bits))
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
	case CMDQ_OP_TLBI_NH_VA:
		return make_host_tlbi_va(vsmmu, cmd, CMDQ_TLBI_0_ASID);
	case CMDQ_OP_TLBI_NH_VAA:
		return make_host_tlbi_va(vsmmu, cmd, 0);
	case CMDQ_OP_TLBI_NH_ASID:
		return make_host_tlbi(vsmmu, cmd, CMDQ_TLBI_0_ASID, 0);
	case CMDQ_OP_TLBI_NSNH_ALL:
		/* All that the guest knows of is of its VMID */
		cmd[0] = CMDQ_OP_TLBI_NH_ALL;
		fallthrough;
	case CMDQ_OP_TLBI_NH_ALL:
		return make_host_tlbi(vsmmu, cmd, 0, 0);
	case CMDQ_OP_CFGI_CD:
	case CMDQ_OP_CFGI_CD_ALL:
		return make_host_cfgi(vsmmu, cmd);
	case CMDQ_OP_ATC_INV:
		return make_host_atc(vsmmu, cmd);
	}
	return -EIO;
}

/**
 * struct alike - which commands can be made the host's as the one before was
 * @fixed: the bits of each dword that have to be as in that one
 * @match: what they are in the first dword; in the second one they are 0
 * @flip: the bits of the first dword that the host has inverted
 */
struct alike {
	u64 fixed[CMDQ_ENT_DWORDS];
	u64 match;
	u64 flip;
};

/*
 * Most of a guest's commands come in a row of one kind: for one ASID, an address
 * each, or for one device, a CD each. The change that made @host of @guest is then
 * right for all that differ only in that, and have no bit that the host would have
 * to clear. Valid as long as the caller is in RCU, as a device's StreamID is.
 */
static bool find_alike(const struct arm_smmu_device *smmu, u64 guest,
		       const u64 host[2], struct alike *alike)
{
	u64 op = FIELD_GET(CMDQ_0_OP, guest);

	switch (op) {
	case CMDQ_OP_TLBI_NH_VA:
		alike->fixed[0] = ~CMDQ_TLBI_0_ASID |
				  CMDQ_TLBI_0_ASID << smmu->asid_bits;
		alike->fixed[1] = ~(CMDQ_TLBI_1_LEAF | CMDQ_TLBI_1_VA_MASK);
		alike->match = op;
		alike->flip = host[0] & CMDQ_TLBI_0_VMID;
		return true;
	case CMDQ_OP_CFGI_CD:
		alike->fixed[0] = ~CMDQ_0_SSID | CMDQ_0_SSID << smmu->ssid_bits;
		alike->fixed[1] = ~(u64)CMDQ_CFGI_1_LEAF;
		alike->match = guest & (CMDQ_0_OP | CMDQ_CFGI_0_SID);
		alike->flip = (guest ^ host[0]) & CMDQ_CFGI_0_SID;
		return true;
	}
	return false;
}

/* Not 0 where a command is not alike */
static u64 difference(const struct alike *a, u64 cmd0, u64 cmd1)
{
	return ((cmd0 ^ a->match) & a->fixed[0]) | (cmd1 & a->fixed[1]);
}

static void make_alike(const struct alike *a, u64 cmd0, u64 cmd1, u64 *to)
{
	to[0] = cmd0 ^ a->flip;
	to[1] = cmd1;
}

static u64 guest_dword(const u64 *from, unsigned int i)
{
	return le64_to_cpu((__force __le64)from[i]);
}

/*
 * Make those that are alike the host's, up to the first that is not; returns how
 * many. Two at a time as long as both are: half of what one costs is to see whether
 * another one follows.
 */
static u32 make_host_alike(const struct alike *alike, const u64 *from, u64 *to,
			   u32 nr)
{
	const u64 *first = from, *end = from + nr * CMDQ_ENT_DWORDS;
	/* A copy, or it would be read again for each command */
	const struct alike a = *alike;

	for (; end - from >= 2 * CMDQ_ENT_DWORDS; from += 2 * CMDQ_ENT_DWORDS) {
		u64 cmd0 = guest_dword(from, 0), cmd1 = guest_dword(from, 1);
		u64 next0 = guest_dword(from, 2), next1 = guest_dword(from, 3);

		if (difference(&a, cmd0, cmd1) | difference(&a, next0, next1))
			break;
		make_alike(&a, cmd0, cmd1, to);
		make_alike(&a, next0, next1, to + CMDQ_ENT_DWORDS);
		to += 2 * CMDQ_ENT_DWORDS;
	}
	for (; from != end; from += CMDQ_ENT_DWORDS, to += CMDQ_ENT_DWORDS) {
		u64 cmd0 = guest_dword(from, 0), cmd1 = guest_dword(from, 1);

		if (difference(&a, cmd0, cmd1))
			break;
		make_alike(&a, cmd0, cmd1, to);
	}
	return (unsigned long)(from - first) / CMDQ_ENT_DWORDS;
}

/**
 * arm_smmu_make_host_cmds - Make a guest's commands ones that the host may give
 * @vsmmu: The guest's share of the SMMU
 * @cmds: The guest's commands, little endian; changed to the host's
 * @nr: How many
 * @to_issue: Out: how many the host has to give
 * @error: Set to what is wrong with the first command that is not good
 *
 * Called in an RCU read-side section.
 *
 * Return: how many commands there are before that.
 */
u32 arm_smmu_make_host_cmds(struct arm_smmu_vsmmu *vsmmu, u64 *cmds, u32 nr,
			    u32 *to_issue, int *error)
{
	/* In place: @to is never ahead of @from */
	u64 *from = cmds, *to = cmds;
	struct alike alike;
	u32 done = 0;
	int rc;

	while (done < nr) {
		u64 guest = guest_dword(from, 0);
		u32 same = 0;

		to[1] = guest_dword(from, 1);
		to[0] = guest;
		rc = arm_smmu_make_host_cmd(vsmmu, to);
		if (rc < 0) {
			*error = rc;
			break;
		}
		from += CMDQ_ENT_DWORDS;
		done++;
		/* Nothing for the hardware to do */
		if (rc)
			continue;
		to += CMDQ_ENT_DWORDS;
		if (done < nr &&
		    find_alike(vsmmu->smmu, guest, to - CMDQ_ENT_DWORDS,
			       &alike))
			same = make_host_alike(&alike, from, to, nr - done);
		from += same * CMDQ_ENT_DWORDS;
		to += same * CMDQ_ENT_DWORDS;
		done += same;
	}
	*to_issue = (unsigned long)(to - cmds) / CMDQ_ENT_DWORDS;
	return done;
}

/* How many at once: an erratum has its own limit, else half a queue has room */
static u32 batch_limit(struct arm_smmu_device *smmu)
{
	if (smmu->options & ARM_SMMU_OPT_CMDQ_FORCE_SYNC)
		return CMDQ_BATCH_ENTRIES - 1;
	return max(1 << smmu->cmdq.q.llq.max_n_shift >> 1, 1);
}

/* Give the commands in batches; the last one's sync waits for all */
static int issue(struct arm_smmu_device *smmu, u64 *cmds, u32 nr)
{
	bool always_sync = smmu->options & ARM_SMMU_OPT_CMDQ_FORCE_SYNC;
	u32 limit = batch_limit(smmu);
	int rc = 0;

	if (likely(nr && nr <= limit))
		return arm_smmu_cmdq_issue_cmdlist(smmu, cmds, nr, true);
	while (nr && !rc) {
		u32 batch = min(nr, limit);

		nr -= batch;
		rc = arm_smmu_cmdq_issue_cmdlist(smmu, cmds, batch,
						 !nr || always_sync);
		cmds += batch * CMDQ_ENT_DWORDS;
	}
	return rc;
}

/* The short form of what follows, for commands that come one by one */
static u32 handle_one(struct arm_smmu_vsmmu *vsmmu, u64 *cmd, int *error)
{
	int rc;

	cmd[0] = guest_dword(cmd, 0);
	cmd[1] = guest_dword(cmd, 1);
	rcu_read_lock();
	rc = arm_smmu_make_host_cmd(vsmmu, cmd);
	if (!rc)
		rc = arm_smmu_cmdq_issue_cmdlist(vsmmu->smmu, cmd, 1, true);
	rcu_read_unlock();
	if (rc >= 0)
		return 1;
	*error = rc;
	return 0;
}

/* A block of the guest's array */
static u32 handle_block(void *context, void *entries, u32 nr, int *error)
{
	struct arm_smmu_vsmmu *vsmmu = context;
	u32 done, issued;
	int rc;

	if (nr == 1)
		return handle_one(vsmmu, entries, error);
	rcu_read_lock();
	done = arm_smmu_make_host_cmds(vsmmu, entries, nr, &issued, error);
	/* A device that goes takes its StreamID along: issue before it can */
	rc = issue(vsmmu->smmu, entries, issued);
	rcu_read_unlock();
	if (!rc)
		return done;
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
