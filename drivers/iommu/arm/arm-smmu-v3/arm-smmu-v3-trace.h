/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stream table entries in words, at each step of their way.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM arm_smmu_v3

#if !defined(_ARM_SMMU_V3_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _ARM_SMMU_V3_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

#include "arm-smmu-v3-ste.h"

TRACE_EVENT(arm_smmu_ste,
	TP_PROTO(struct device *smmu, u32 sid, int step, int steps,
		 const struct arm_smmu_ste *ste),

	TP_ARGS(smmu, sid, step, steps, ste),

	TP_STRUCT__entry(
		__string(smmu, dev_name(smmu))
		__field(u32, sid)
		__field(int, step)
		__field(int, steps)
		__field_struct(struct arm_smmu_ste_view, ste)
	),

	TP_fast_assign(
		__assign_str(smmu, dev_name(smmu));
		__entry->sid = sid;
		__entry->step = step;
		__entry->steps = steps;
		arm_smmu_view_ste(ste, &__entry->ste);
	),

	TP_printk("%s sid=%#x step=%d/%d %s S1ContextPtr=%#llx S1CDMax=%u S1DSS=%s EATS=%s S2VMID=%u S2TTB=%#llx %s",
		  __get_str(smmu), __entry->sid, __entry->step, __entry->steps,
		  __print_symbolic(__entry->ste.config,
				   { STRTAB_STE_0_CFG_ABORT, "abort" },
				   { STRTAB_STE_0_CFG_BYPASS, "bypass" },
				   { STRTAB_STE_0_CFG_S1_TRANS, "stage-1" },
				   { STRTAB_STE_0_CFG_S2_TRANS, "stage-2" },
				   { STRTAB_STE_0_CFG_NESTED, "nested" },
				   { ARM_SMMU_STE_INVALID, "invalid" }),
		  __entry->ste.ptr, __entry->ste.cdmax,
		  __print_symbolic(__entry->ste.dss,
				   { STRTAB_STE_1_S1DSS_TERMINATE, "terminate" },
				   { STRTAB_STE_1_S1DSS_BYPASS, "bypass" },
				   { STRTAB_STE_1_S1DSS_SSID0, "substream-0" }),
		  __print_symbolic(__entry->ste.eats,
				   { STRTAB_STE_1_EATS_ABT, "abort" },
				   { STRTAB_STE_1_EATS_TRANS, "full" },
				   { STRTAB_STE_1_EATS_S1CHK, "split-stage" }),
		  __entry->ste.vmid, __entry->ste.ttb,
		  __print_flags(__entry->ste.flags, "|",
				{ ARM_SMMU_STE_STALLD, "S1STALLD" },
				{ ARM_SMMU_STE_MEV, "MEV" },
				{ ARM_SMMU_STE_FWB, "S2FWB" }))
);

#endif /* _ARM_SMMU_V3_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../../drivers/iommu/arm/arm-smmu-v3
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE arm-smmu-v3-trace
#include <trace/define_trace.h>
