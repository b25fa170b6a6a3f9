// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel VT-d: the Capability and the Extended Capability Register (Intel
 * Virtualization Technology for Directed I/O, Architecture Specification, section
 * "Register Descriptions").
 */
#include <stdio.h>
#include <string.h>
#include <linux/iommufd.h>

#include "caps-add.h"

/* Capability Register */
#define CAP_ND(cap)	bits(cap, 2, 0)		/* number of domains */
#define CAP_CM(cap)	bit(cap, 7)		/* caching mode */
#define CAP_SAGAW(cap)	bits(cap, 12, 8)	/* adjusted guest address widths */
#define CAP_MGAW(cap)	bits(cap, 21, 16)	/* maximum guest address width - 1 */
#define CAP_SSLPS(cap)	bits(cap, 37, 34)	/* second-stage large pages */
#define CAP_NFR(cap)	bits(cap, 47, 40)	/* fault recording registers - 1 */
#define CAP_FS1GP(cap)	bit(cap, 56)		/* first-stage 1 GiB pages */
#define CAP_PI(cap)	bit(cap, 59)		/* posted interrupts */
#define CAP_FS5LP(cap)	bit(cap, 60)		/* first-stage 5-level paging */

/* Extended Capability Register */
#define ECAP_C(ecap)	bit(ecap, 0)		/* page-walk coherency */
#define ECAP_DT(ecap)	bit(ecap, 2)		/* device-TLB */
#define ECAP_IR(ecap)	bit(ecap, 3)		/* interrupt remapping */
#define ECAP_SC(ecap)	bit(ecap, 7)		/* snoop control */
#define ECAP_NEST(ecap)	bit(ecap, 26)	/* nested translation */
#define ECAP_PRS(ecap)	bit(ecap, 29)	/* page requests */
#define ECAP_PSS(ecap)	bits(ecap, 39, 35)	/* PASID size - 1 */
#define ECAP_PASID(ecap) bit(ecap, 40)
#define ECAP_SMTS(ecap)	bit(ecap, 43)	/* scalable mode */
#define ECAP_SSADS(ecap) bit(ecap, 45)	/* second-stage accessed and dirty */
#define ECAP_SSTS(ecap)	bit(ecap, 46)	/* second-stage translation */
#define ECAP_FSTS(ecap)	bit(ecap, 47)	/* first-stage translation */

/* SAGAW: bit 1 is a table of 3 levels, 39 bits, bit 2 of 4, bit 3 of 5 */
static void widths_words(uint64_t sagaw, char *words, size_t room)
{
	size_t length = 0;
	int level;

	words[0] = '\0';
	for (level = 1; level <= 3; level++) {
		if (!bit(sagaw, level))
			continue;
		length += snprintf(words + length, room - length, "%s%d (%d levels)",
				   length ? ", " : "", 30 + 9 * level, 2 + level);
	}
}

static void decode_widths(uint64_t cap, struct caps *caps)
{
	char words[96];

	widths_words(CAP_SAGAW(cap), words, sizeof(words));
	cap_number(caps, "input_bits", "IOVA", CAP_MGAW(cap) + 1, "%u bits",
		   (unsigned int)CAP_MGAW(cap) + 1);
	cap_text(caps, "stage2_widths", "stage 2 widths", "%s bits", words);
	cap_text(caps, "stage2_pages", "stage 2 pages", "4 KiB%s%s",
		 CAP_SSLPS(cap) & 1 ? ", 2 MiB" : "", CAP_SSLPS(cap) & 2 ? ", 1 GiB" : "");
}

static void decode_stages(uint64_t cap, uint64_t ecap, struct caps *caps)
{
	unsigned int pasid_bits = ECAP_PASID(ecap) ? ECAP_PSS(ecap) + 1 : 0;

	cap_bool(caps, "nesting", "nesting", ECAP_NEST(ecap),
		 ECAP_NEST(ecap) ? "a guest's stage 1 on a stage 2" : "");
	cap_number(caps, "pasid_bits", "PASID", pasid_bits,
		   pasid_bits ? "%u bit%s" : "no", pasid_bits, pasid_bits == 1 ? "" : "s");
	cap_bool(caps, "pri", "page requests (PRI)", ECAP_PRS(ecap), "");
	cap_bool(caps, "dirty_tracking", "dirty tracking", ECAP_SSADS(ecap),
		 ECAP_SSADS(ecap) ? "accessed and dirty bits in stage 2" : "");
	cap_bool(caps, "stage1", "stage 1", ECAP_FSTS(ecap),
		 !ECAP_FSTS(ecap) ? "" : CAP_FS5LP(cap) ? "4 or 5 levels" : "4 levels");
	if (ECAP_FSTS(ecap))
		cap_text(caps, "stage1_pages", "stage 1 pages", "4 KiB, 2 MiB%s",
			 CAP_FS1GP(cap) ? ", 1 GiB" : "");
	/* Legacy mode has nothing but a second stage, and need not say so */
	cap_bool(caps, "stage2", "stage 2", ECAP_SSTS(ecap) || !ECAP_SMTS(ecap), "");
}

void decode_vtd(const struct iommu_hw_info_vtd *info, struct caps *caps)
{
	uint64_t cap = info->cap_reg, ecap = info->ecap_reg;
	unsigned int domains = 1U << (4 + 2 * CAP_ND(cap));

	cap_text(caps, "cap", "CAP register", "%#llx", (unsigned long long)cap);
	cap_text(caps, "ecap", "ECAP register", "%#llx", (unsigned long long)ecap);
	cap_bool(caps, "scalable_mode", "scalable mode", ECAP_SMTS(ecap), "");
	decode_stages(cap, ecap, caps);
	decode_widths(cap, caps);
	cap_bool(caps, "coherent_walk", "coherent page walk", ECAP_C(ecap), "");
	cap_bool(caps, "snoop_control", "snoop control", ECAP_SC(ecap), "");
	cap_bool(caps, "ats", "device TLBs (ATS)", ECAP_DT(ecap), "");
	cap_bool(caps, "interrupt_remapping", "interrupt remapping", ECAP_IR(ecap), "");
	cap_bool(caps, "posted_interrupts", "posted interrupts", CAP_PI(cap), "");
	cap_bool(caps, "caching_mode", "caching mode", CAP_CM(cap),
		 CAP_CM(cap) ? "it is an emulated one" : "");
	cap_number(caps, "domains", "domains", domains, "%u", domains);
	cap_number(caps, "fault_registers", "fault registers", CAP_NFR(cap) + 1, "%u",
		   (unsigned int)CAP_NFR(cap) + 1);
	if (info->flags & IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17)
		cap_text(caps, "erratum", "erratum",
			 "772415: a nesting parent must not hold what is read-only");
}
