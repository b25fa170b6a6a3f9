/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stream table entries in words, at each step of their way.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM arm_smmu_v3

#if !defined(_ARM_SMMU_V3_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _ARM_SMMU_V3_TRACE_H

#include <linux/bitfield.h>
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
		__array(u64, ste, 4)
	),

	TP_fast_assign(
		int i;

		__assign_str(smmu, dev_name(smmu));
		__entry->sid = sid;
		__entry->step = step;
		__entry->steps = steps;
		for (i = 0; i < ARRAY_SIZE(__entry->ste); i++)
			__entry->ste[i] = le64_to_cpu(ste->data[i]);
	),

	TP_printk("%s sid=%#x step=%d/%d %s S1ContextPtr=%#llx S1CDMax=%llu S1DSS=%llu EATS=%llu S2VMID=%llu S2TTB=%#llx",
		  __get_str(smmu), __entry->sid, __entry->step, __entry->steps,
		  !(__entry->ste[0] & STRTAB_STE_0_V) ? "invalid" :
		  __print_symbolic(FIELD_GET(STRTAB_STE_0_CFG, __entry->ste[0]),
				   { STRTAB_STE_0_CFG_ABORT, "abort" },
				   { STRTAB_STE_0_CFG_BYPASS, "bypass" },
				   { STRTAB_STE_0_CFG_S1_TRANS, "stage-1" },
				   { STRTAB_STE_0_CFG_S2_TRANS, "stage-2" },
				   { STRTAB_STE_0_CFG_NESTED, "nested" }),
		  __entry->ste[0] & STRTAB_STE_0_S1CTXPTR_MASK,
		  FIELD_GET(STRTAB_STE_0_S1CDMAX, __entry->ste[0]),
		  FIELD_GET(STRTAB_STE_1_S1DSS, __entry->ste[1]),
		  FIELD_GET(STRTAB_STE_1_EATS, __entry->ste[1]),
		  FIELD_GET(STRTAB_STE_2_S2VMID, __entry->ste[2]),
		  __entry->ste[3] & STRTAB_STE_3_S2TTB_MASK)
);

#endif /* _ARM_SMMU_V3_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ../../drivers/iommu/arm/arm-smmu-v3
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE arm-smmu-v3-trace
#include <trace/define_trace.h>
