// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities that all makes have, and their printing. The makes are in vtd.c and
 * smmuv3.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <linux/iommufd.h>

#include "caps-add.h"
#include "util.h"

static struct cap *add(struct caps *caps, const char *key, const char *label)
{
	/* There is room for more than any make has */
	struct cap *cap = &caps->list[caps->nr < ARRAY_SIZE(caps->list) ? caps->nr++ : 0];

	*cap = (struct cap){ .key = key, .label = label };
	return cap;
}

void cap_bool(struct caps *caps, const char *key, const char *label, bool has,
	      const char *words)
{
	struct cap *cap = add(caps, key, label);

	cap->kind = CAP_BOOL;
	cap->number = has;
	snprintf(cap->words, sizeof(cap->words), "%s%s%s", has ? "yes" : "no",
		 *words ? ": " : "", words);
}

void cap_number(struct caps *caps, const char *key, const char *label, uint64_t number,
		const char *format, ...)
{
	struct cap *cap = add(caps, key, label);
	va_list args;

	cap->kind = CAP_NUMBER;
	cap->number = number;
	va_start(args, format);
	vsnprintf(cap->words, sizeof(cap->words), format, args);
	va_end(args);
}

void cap_text(struct caps *caps, const char *key, const char *label, const char *format, ...)
{
	struct cap *cap = add(caps, key, label);
	va_list args;

	cap->kind = CAP_TEXT;
	va_start(args, format);
	vsnprintf(cap->words, sizeof(cap->words), format, args);
	va_end(args);
}

/* What a program can have of this kernel, whatever the hardware could do */
static void decode_kernel(const struct caps_kernel *kernel, struct caps *caps)
{
	bool dirty = kernel->capabilities & IOMMU_HW_CAP_DIRTY_TRACKING;
	bool ats = !(kernel->capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
	unsigned int bits = kernel->max_pasid_log2;

	cap_bool(caps, "kernel_nesting", "kernel: nesting", kernel->nesting, "");
	cap_bool(caps, "kernel_dirty_tracking", "kernel: dirty tracking", dirty, "");
	cap_number(caps, "kernel_pasid_bits", "kernel: PASIDs", bits,
		   bits ? "%u bit%s" : "none", bits, bits == 1 ? "" : "s");
	cap_bool(caps, "kernel_ats", "kernel: ATS of the device", ats, "");
}

bool caps_decode(uint32_t type, const void *data, size_t length,
		 const struct caps_kernel *kernel, struct caps *caps)
{
	bool known = true;

	memset(caps, 0, sizeof(*caps));
	caps->iommu = "unknown";
	if (type == IOMMU_HW_INFO_TYPE_INTEL_VTD &&
	    length >= sizeof(struct iommu_hw_info_vtd)) {
		caps->iommu = "Intel VT-d";
		decode_vtd(data, caps);
	} else if (type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3 &&
		   length >= sizeof(struct iommu_hw_info_arm_smmuv3)) {
		caps->iommu = "Arm SMMUv3";
		decode_smmuv3(data, caps);
	} else {
		known = false;
	}
	decode_kernel(kernel, caps);
	return known;
}

void caps_print(const struct caps *caps)
{
	size_t i;

	printf("  %-26s %s\n", "IOMMU", caps->iommu);
	for (i = 0; i < caps->nr; i++)
		printf("  %-26s %s\n", caps->list[i].label, caps->list[i].words);
}

void caps_json(const struct caps *caps)
{
	const struct cap *cap;

	json_string("iommu", caps->iommu);
	for (cap = caps->list; cap < caps->list + caps->nr; cap++) {
		if (cap->kind == CAP_BOOL)
			json_bool(cap->key, cap->number);
		else if (cap->kind == CAP_NUMBER)
			json_number(cap->key, cap->number);
		else
			json_string(cap->key, cap->words);
	}
}
