/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the decoders for each make of IOMMU add what they find with.
 */
#ifndef IOMMUCTL_CAPS_ADD_H
#define IOMMUCTL_CAPS_ADD_H

#include "caps.h"
#include "util.h"

struct iommu_hw_info_vtd;
struct iommu_hw_info_arm_smmuv3;

/* Bits @high to @low of a register */
static inline uint64_t bits(uint64_t value, unsigned int high, unsigned int low)
{
	return (value >> low) & (~0ULL >> (63 - (high - low)));
}

static inline bool bit(uint64_t value, unsigned int nr)
{
	return bits(value, nr, nr);
}

/* "yes" or "no", then the words if there are any */
void cap_bool(struct caps *caps, const char *key, const char *label, bool has,
	      const char *words);
void cap_number(struct caps *caps, const char *key, const char *label, uint64_t number,
		const char *format, ...) __printf(5, 6);
void cap_text(struct caps *caps, const char *key, const char *label, const char *format, ...)
	__printf(4, 5);

void decode_vtd(const struct iommu_hw_info_vtd *info, struct caps *caps);
void decode_smmuv3(const struct iommu_hw_info_arm_smmuv3 *info, struct caps *caps);

#endif
