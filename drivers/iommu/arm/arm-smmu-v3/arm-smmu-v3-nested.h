/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's stage 1 above the host's stage 2.
 */
#ifndef _ARM_SMMU_V3_NESTED_H
#define _ARM_SMMU_V3_NESTED_H

#include <linux/iommufd.h>

#include "arm-smmu-v3.h"

/**
 * struct arm_smmu_vsmmu - One VM's share of an SMMU
 * @core: iommufd's part, which holds @parent
 * @smmu: the SMMU
 * @parent: stage 2, maybe made for another SMMU; constant
 * @parent_entry: in @parent's list, which is changed under its devices_lock and
 *	read under RCU
 * @smmu_entry: in @smmu's list, under its streams_mutex
 * @vmid: tags what is cached of the VM here, in both stages
 * @events_end: when @nr_events begins anew; this and what follows under the
 *	streams_lock of @smmu
 * @nr_events: how many events the VM has been told until then
 */
struct arm_smmu_vsmmu {
	struct iommufd_viommu core;
	struct arm_smmu_device *smmu;
	struct arm_smmu_domain *parent;
	struct list_head parent_entry;
	struct list_head smmu_entry;
	u16 vmid;
	unsigned long events_end;
	unsigned int nr_events;
};

/**
 * struct arm_smmu_nested_domain - What a guest's STE says
 * @domain: the core's part
 * @vsmmu: where it was made, held by iommufd while this is there
 * @ste: the fields that are the guest's, checked; constant
 * @last_pass: pass through the event queue in which the guest was told of @last, 0
 *	if it was not; under the streams_lock of the SMMU
 * @last: the part of that event by which another one is found alike; likewise
 */
struct arm_smmu_nested_domain {
	struct iommu_domain domain;
	struct arm_smmu_vsmmu *vsmmu;
	u64 ste[2];
	u64 last_pass;
	u64 last[3];
};

struct arm_smmu_ste;

/* Readers hold the mutex or, as the interrupt of events does, only the spinlock */
static inline void arm_smmu_store_nested(struct arm_smmu_master *master,
					 struct arm_smmu_nested_domain *nested)
{
	unsigned long flags;

	lockdep_assert_held(&master->smmu->streams_mutex);
	spin_lock_irqsave(&master->smmu->streams_lock, flags);
	master->nested = nested;
	spin_unlock_irqrestore(&master->smmu->streams_lock, flags);
}

/* How many events a VM is told in how many jiffies: ten thousand in a second */
#define ARM_SMMU_VM_EVENTS		1000
#define ARM_SMMU_VM_EVENTS_TIME		(HZ / 10)

/* arm-smmu-v3-nested.c */
int arm_smmu_check_guest_ste(struct arm_smmu_device *smmu, u64 ste[2]);
struct iommu_domain *
arm_smmu_alloc_nested(struct iommufd_viommu *viommu, u32 flags,
		      const struct iommu_user_data *user_data);
bool arm_smmu_keeps_coherent(struct arm_smmu_master *master, bool fwb);
bool arm_smmu_wants_ats(const struct arm_smmu_nested_domain *nested);
void arm_smmu_make_nested_ste(struct arm_smmu_master *master,
			      struct arm_smmu_ste *ste);

/* arm-smmu-v3-invalidate.c */
int arm_smmu_make_host_cmd(struct arm_smmu_vsmmu *vsmmu, u64 cmd[2]);
u32 arm_smmu_make_host_cmds(struct arm_smmu_vsmmu *vsmmu, u64 *cmds, u32 nr,
			    u32 *to_issue, int *error);
int arm_smmu_invalidate_guest(struct iommufd_viommu *viommu,
			      struct iommu_user_data_array *array);

/* arm-smmu-v3-event.c */
bool arm_smmu_make_guest_event(const struct arm_smmu_nested_domain *nested,
			       const u64 evt[EVTQ_ENT_DWORDS], u32 vsid,
			       struct iommu_vevent_arm_smmuv3 *out);
bool arm_smmu_report_guest_event(struct arm_smmu_master *master,
				 const u64 evt[EVTQ_ENT_DWORDS]);
bool arm_smmu_guest_had_enough(const struct arm_smmu_vsmmu *vsmmu);
void arm_smmu_report_guest_loss(struct arm_smmu_device *smmu);

#endif /* _ARM_SMMU_V3_NESTED_H */
