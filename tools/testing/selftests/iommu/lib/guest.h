/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest with an SMMUv3: its memory, the tables that its SMMU reads there, and
 * the commands that it gives. Formats as in Arm IHI 0070 and Arm DDI 0487.
 *
 * Functions return 0 or -errno, and leave a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_GUEST_H
#define SELFTESTS_IOMMU_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/iommufd.h>
#include <linux/types.h>

#define GUEST_RAM	0x40000000ULL	/* Where its memory begins, for itself */
#define GUEST_RAM_SIZE	(32UL << 20)
#define GUEST_BLOCK	(2UL << 20)

/* Attributes of what stage 1 maps */
#define S1_RO	1
#define S1_GLOBAL	2
#define S1_NO_ACCESS	4	/* Its access flag is clear */

struct guest {
	__u8 *ram;	/* GUEST_RAM_SIZE bytes */
	__u64 used;	/* of it, from its beginning */
};

/* Memory of its own, of small pages */
int guest_init(struct guest *guest);
/* Zeroed, aligned to its size; its address for the guest. */
__u64 guest_alloc(struct guest *guest, size_t size);
void *guest_ptr(struct guest *guest, __u64 ipa);

/* A stage 1 with a granule of 4 KiB. */
struct stage1 {
	struct guest *guest;
	unsigned int levels;	/* 3 or 4 */
	__u64 root;
};

void stage1_init(struct stage1 *s1, struct guest *guest, unsigned int levels);
/* @size is PAGE or GUEST_BLOCK, or 0 to unmap what is there. No invalidation. */
void stage1_map(struct stage1 *s1, __u64 va, __u64 ipa, size_t size, int attributes);

/* A table of CDs, linear, for 2^@max_bits substreams. */
__u64 cd_table(struct guest *guest, unsigned int max_bits);
void cd_write(struct guest *guest, __u64 table, unsigned int ssid,
	      const struct stage1 *s1, __u16 asid);
void cd_clear(struct guest *guest, __u64 table, unsigned int ssid);

/* What the guest writes into its stream table */
struct ste {
	__u64 words[2];
};

struct ste ste_stage1(__u64 cd_table, unsigned int max_bits);
struct ste ste_bypass(void);
struct ste ste_abort(void);
struct ste ste_invalid(void);

/* What it writes into its command queue */
struct command {
	__u64 words[2];
};

struct command tlbi_all(void);
struct command tlbi_nsnh_all(void);
struct command tlbi_asid(__u16 asid);
struct command tlbi_va(__u16 asid, __u64 va);
struct command tlbi_vaa(__u64 va);
/* @pages of 4 KiB: 2 to 32, or a multiple of that by a power of 2. */
struct command tlbi_va_range(__u16 asid, __u64 va, unsigned int pages);
struct command tlbi_vaa_range(__u64 va, unsigned int pages);
struct command cfgi_cd(__u32 vsid, unsigned int ssid);
struct command cfgi_cd_all(__u32 vsid);
struct command atc_inv(__u32 vsid);

/* What its VMM makes of that. */
int hwpt_alloc_parent(int fd, __u32 dev, __u32 ioas, __u32 *hwpt);
int viommu_alloc_smmu(int fd, __u32 dev, __u32 hwpt, __u32 *viommu);
int vdevice_alloc_at(int fd, __u32 viommu, __u32 dev, __u64 vsid, __u32 *vdevice);
int hwpt_alloc_ste(int fd, __u32 dev, __u32 viommu, struct ste ste, __u32 *hwpt);
/* Its events; reading from @events does not wait. */
int veventq_alloc_smmu(int fd, __u32 viommu, __u32 depth, __u32 *veventq, int *events);
/* The next one, or -EAGAIN. */
int veventq_next(int events, struct iommufd_vevent_header *header,
		 struct iommu_vevent_arm_smmuv3 *event);
/* @num: how many, then how many were done. */
int smmu_invalidate(int fd, __u32 viommu, const struct command *commands, __u32 *num);

#endif
