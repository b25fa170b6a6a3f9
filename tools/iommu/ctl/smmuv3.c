// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arm SMMUv3: its identification registers (Arm IHI 0070, chapter "Memory map and
 * registers").
 */
#include <stdio.h>
#include <linux/iommufd.h>

#include "caps-add.h"

#define IDR0_S2P(idr)		bit(idr, 0)
#define IDR0_S1P(idr)		bit(idr, 1)
#define IDR0_TTF(idr)		bits(idr, 3, 2)
#define IDR0_COHACC(idr)	bit(idr, 4)
#define IDR0_BTM(idr)		bit(idr, 5)
#define IDR0_HTTU(idr)		bits(idr, 7, 6)
#define IDR0_ATS(idr)		bit(idr, 10)
#define IDR0_ASID16(idr)	bit(idr, 12)
#define IDR0_MSI(idr)		bit(idr, 13)
#define IDR0_PRI(idr)		bit(idr, 16)
#define IDR0_VMID16(idr)	bit(idr, 18)
#define IDR0_STALL_MODEL(idr)	bits(idr, 25, 24)
#define IDR0_ST_LEVEL(idr)	bits(idr, 28, 27)

#define IDR1_SIDSIZE(idr)	bits(idr, 5, 0)
#define IDR1_SSIDSIZE(idr)	bits(idr, 10, 6)
#define IDR1_EVENTQS(idr)	bits(idr, 20, 16)
#define IDR1_PRIQS(idr)		bits(idr, 15, 11)
#define IDR1_CMDQS(idr)		bits(idr, 25, 21)

#define IDR3_FWB(idr)		bit(idr, 8)
#define IDR3_RIL(idr)		bit(idr, 10)

#define IDR5_OAS(idr)		bits(idr, 2, 0)
#define IDR5_GRAN4K(idr)	bit(idr, 4)
#define IDR5_GRAN16K(idr)	bit(idr, 5)
#define IDR5_GRAN64K(idr)	bit(idr, 6)
#define IDR5_VAX(idr)		bits(idr, 11, 10)

#define IIDR_IMPLEMENTER(iidr)	bits(iidr, 11, 0)
#define IIDR_REVISION(iidr)	bits(iidr, 15, 12)
#define IIDR_VARIANT(iidr)	bits(iidr, 19, 16)
#define IIDR_PRODUCTID(iidr)	bits(iidr, 31, 20)

#define AIDR_MINOR(aidr)	bits(aidr, 3, 0)

static void decode_registers(const struct iommu_hw_info_arm_smmuv3 *info, struct caps *caps)
{
	cap_text(caps, "architecture", "architecture",
		 "SMMUv3.%u, IDR0 to 5 %#x %#x %#x %#x %#x %#x",
		 (unsigned int)AIDR_MINOR(info->aidr), info->idr[0], info->idr[1], info->idr[2],
		 info->idr[3], info->idr[4], info->idr[5]);
	cap_text(caps, "implementation", "implementation",
		 "implementer %#x, product %#x, variant %u, revision %u",
		 (unsigned int)IIDR_IMPLEMENTER(info->iidr),
		 (unsigned int)IIDR_PRODUCTID(info->iidr),
		 (unsigned int)IIDR_VARIANT(info->iidr),
		 (unsigned int)IIDR_REVISION(info->iidr));
}

static void decode_stages(const __u32 *idr, struct caps *caps)
{
	static const char * const stalls[] = { "can stall", "cannot stall", "must stall", "?" };
	bool nesting = IDR0_S1P(idr[0]) && IDR0_S2P(idr[0]);
	/* Without a stage 1 there are no substreams */
	unsigned int pasid_bits = IDR0_S1P(idr[0]) ? IDR1_SSIDSIZE(idr[1]) : 0;
	unsigned int httu = IDR0_HTTU(idr[0]);

	cap_bool(caps, "nesting", "nesting", nesting,
		 nesting ? "a guest's stage 1 on a stage 2" : "");
	cap_number(caps, "pasid_bits", "PASID (SubstreamID)", pasid_bits,
		   pasid_bits ? "%u bit%s" : "no", pasid_bits, pasid_bits == 1 ? "" : "s");
	cap_bool(caps, "pri", "page requests (PRI)", IDR0_PRI(idr[0]), "");
	cap_text(caps, "stall", "faulting transactions", "%s", stalls[IDR0_STALL_MODEL(idr[0])]);
	/* HTTU: 1 updates the access flag only, 2 the dirty state too */
	cap_bool(caps, "dirty_tracking", "dirty tracking", httu >= 2,
		 httu >= 2 ? "access flag and dirty state (HTTU)" :
		 httu ? "access flag only (HTTU)" : "");
	cap_bool(caps, "stage1", "stage 1", IDR0_S1P(idr[0]), "");
	cap_bool(caps, "stage2", "stage 2", IDR0_S2P(idr[0]), "");
	cap_bool(caps, "stage2_fwb", "stage 2 forces write-back", IDR3_FWB(idr[3]), "");
	cap_bool(caps, "aarch64_tables", "AArch64 tables", IDR0_TTF(idr[0]) >= 2, "");
}

static void decode_widths(const __u32 *idr, struct caps *caps)
{
	static const unsigned char oas_bits[] = { 32, 36, 40, 42, 44, 48, 52, 56 };
	unsigned int output = oas_bits[IDR5_OAS(idr[5])];
	unsigned int input = IDR5_VAX(idr[5]) == 1 ? 52 : 48;
	char pages[64] = "";

	snprintf(pages, sizeof(pages), "%s%s%s", IDR5_GRAN4K(idr[5]) ? ", 4 KiB" : "",
		 IDR5_GRAN16K(idr[5]) ? ", 16 KiB" : "", IDR5_GRAN64K(idr[5]) ? ", 64 KiB" : "");
	cap_number(caps, "input_bits", "stage 1 IOVA", input, "%u bits", input);
	cap_number(caps, "output_bits", "physical address", output, "%u bits, as stage 2 IOVA",
		   output);
	cap_text(caps, "granules", "granules", "%s", pages[0] ? pages + 2 : "none");
}

void decode_smmuv3(const struct iommu_hw_info_arm_smmuv3 *info, struct caps *caps)
{
	const __u32 *idr = info->idr;

	decode_registers(info, caps);
	decode_stages(idr, caps);
	decode_widths(idr, caps);
	cap_bool(caps, "coherent_walk", "coherent page walk", IDR0_COHACC(idr[0]), "");
	cap_bool(caps, "ats", "device TLBs (ATS)", IDR0_ATS(idr[0]), "");
	cap_bool(caps, "range_invalidation", "invalidation by range", IDR3_RIL(idr[3]), "");
	cap_bool(caps, "broadcast_tlb", "broadcast TLB upkeep", IDR0_BTM(idr[0]), "");
	cap_bool(caps, "msi", "MSIs of its own", IDR0_MSI(idr[0]), "");
	cap_number(caps, "asid_bits", "ASID", IDR0_ASID16(idr[0]) ? 16 : 8, "%d bits",
		   IDR0_ASID16(idr[0]) ? 16 : 8);
	cap_number(caps, "vmid_bits", "VMID", IDR0_VMID16(idr[0]) ? 16 : 8, "%d bits",
		   IDR0_VMID16(idr[0]) ? 16 : 8);
	cap_number(caps, "stream_bits", "StreamID", IDR1_SIDSIZE(idr[1]), "%u bits, %s table",
		   (unsigned int)IDR1_SIDSIZE(idr[1]),
		   IDR0_ST_LEVEL(idr[0]) ? "linear or 2-level" : "linear");
	cap_text(caps, "queues", "queues", "%u commands, %u events, %u page requests",
		 1U << IDR1_CMDQS(idr[1]), 1U << IDR1_EVENTQS(idr[1]),
		 IDR0_PRI(idr[0]) ? 1U << IDR1_PRIQS(idr[1]) : 0);
}
