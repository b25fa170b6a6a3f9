/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the SMMU tells the driver of devices: events, and PCIe page requests.
 */
#ifndef _ARM_SMMU_V3_FAULT_H
#define _ARM_SMMU_V3_FAULT_H

#include <linux/interrupt.h>
#include <linux/iommu.h>

#include "arm-smmu-v3.h"

struct arm_smmu_ste;

/*
 * Where a page request comes from: in private_data[0] of the request as it is
 * reported, which comes back with the answer.
 */
#define ARM_SMMU_ORIGIN_SID		GENMASK_ULL(31, 0)
#define ARM_SMMU_ORIGIN_STALL		BIT_ULL(32)
#define ARM_SMMU_ORIGIN_PLACE		BIT_ULL(33)	/* to be given back */

/* arm-smmu-v3-queue.c */
typedef void (*arm_smmu_record_fn)(struct arm_smmu_device *smmu, u64 *record);
typedef bool (*arm_smmu_try_fn)(struct arm_smmu_device *smmu,
				const u64 *record);
typedef void (*arm_smmu_loss_fn)(struct arm_smmu_device *smmu);

unsigned int arm_smmu_queue_pass(struct arm_smmu_device *smmu,
				 struct arm_smmu_queue *q,
				 arm_smmu_record_fn handle,
				 arm_smmu_loss_fn lost, bool *more);
bool arm_smmu_queue_try(struct arm_smmu_device *smmu, struct arm_smmu_queue *q,
			arm_smmu_try_fn handle);

/* arm-smmu-v3-fault.c */
irqreturn_t arm_smmu_evtq_handler(int irq, void *smmu);
irqreturn_t arm_smmu_evtq_thread(int irq, void *smmu);
int arm_smmu_page_response(struct device *dev, struct iommu_fault_event *evt,
			   struct iommu_page_response *resp);
void arm_smmu_probe_faults(struct arm_smmu_master *master);
int arm_smmu_enable_iopf(struct arm_smmu_master *master);
int arm_smmu_disable_iopf(struct arm_smmu_master *master);
void arm_smmu_drain_events(struct arm_smmu_device *smmu);
void arm_smmu_drain_faults(struct device *dev);
void arm_smmu_end_faults(struct arm_smmu_master *master);

/* arm-smmu-v3-stall.c */
void arm_smmu_add_stalling(struct arm_smmu_master *master);
void arm_smmu_remove_stalling(struct arm_smmu_master *master);
bool arm_smmu_take_place(struct arm_smmu_master *master);
void arm_smmu_give_place(struct arm_smmu_master *master);

/* arm-smmu-v3-pri.c */
irqreturn_t arm_smmu_priq_thread(int irq, void *smmu);
int arm_smmu_respond_pri(struct arm_smmu_master *master, u32 sid,
			 const struct iommu_page_response *resp);
void arm_smmu_probe_pri(struct arm_smmu_master *master);
void arm_smmu_set_ste_pri(struct arm_smmu_ste *ste,
			  const struct arm_smmu_master *master);
int arm_smmu_enable_pri(struct arm_smmu_master *master);
void arm_smmu_disable_pri(struct arm_smmu_master *master);
void arm_smmu_start_pri(struct arm_smmu_master *master);
void arm_smmu_stop_pri(struct arm_smmu_master *master);
void arm_smmu_drain_pri(struct arm_smmu_master *master);

/* arm-smmu-v3-ats.c */
void arm_smmu_move_with_ats(struct arm_smmu_master *master,
			    struct arm_smmu_domain *to,
			    struct arm_smmu_nested_domain *nested);

#endif /* _ARM_SMMU_V3_FAULT_H */
