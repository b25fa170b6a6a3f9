/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an IOMMU can do, by what IOMMU_GET_HW_INFO says of it.
 */
#ifndef IOMMUCTL_CAPS_H
#define IOMMUCTL_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cap {
	const char *key;	/* for JSON; the same for the same on any IOMMU */
	const char *label;
	enum { CAP_BOOL, CAP_NUMBER, CAP_TEXT } kind;
	uint64_t number;	/* or 0 and 1 */
	char words[160];
};

struct caps {
	const char *iommu;	/* its make */
	size_t nr;
	struct cap list[40];
};

/* The kernel's own answer, in the struct of the ioctl, and what it did when asked to */
struct caps_kernel {
	uint64_t capabilities;
	uint8_t max_pasid_log2;
	bool nesting;
};

/*
 * Of data of that type, IOMMU_HW_INFO_TYPE_*, so many bytes. False for a type that is
 * not known, or with too little data; what the kernel says is in the list even then.
 */
bool caps_decode(uint32_t type, const void *data, size_t length,
		 const struct caps_kernel *kernel, struct caps *caps);

void caps_print(const struct caps *caps);
void caps_json(const struct caps *caps);

#endif
