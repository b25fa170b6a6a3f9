// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"
#include "iommufd.h"
#include "memory.h"

#define BIT(n)		(1ULL << (n))
#define FIELD(v, at)	((__u64)(v) << (at))

/* Descriptors of the VMSAv8-64 translation table format */
#define DESC_VALID	BIT(0)
#define DESC_TABLE	BIT(1)	/* Or, at the last level, page */
#define DESC_AP_EL0	BIT(6)
#define DESC_AP_RO	BIT(7)
#define DESC_SH_INNER	FIELD(3, 8)
#define DESC_AF		BIT(10)
#define DESC_NG		BIT(11)
#define DESC_ADDRESS	0x0000fffffffff000ULL

int guest_init(struct guest *guest)
{
	guest->used = 0;
	guest->ram = memory_pages(GUEST_RAM_SIZE);
	return guest->ram ? 0 : -ENOMEM;
}

__u64 guest_alloc(struct guest *guest, size_t size)
{
	__u64 at = (guest->used + size - 1) / size * size;

	/* No test needs that much. */
	if (at + size > GUEST_RAM_SIZE)
		return 0;
	guest->used = at + size;
	memset(guest->ram + at, 0, size);
	return GUEST_RAM + at;
}

void *guest_ptr(struct guest *guest, __u64 ipa)
{
	return guest->ram + (ipa - GUEST_RAM);
}

void stage1_init(struct stage1 *s1, struct guest *guest, unsigned int levels)
{
	s1->guest = guest;
	s1->levels = levels;
	s1->root = guest_alloc(guest, PAGE);
}

void stage1_map(struct stage1 *s1, __u64 va, __u64 ipa, size_t size, int attributes)
{
	unsigned int shift = 12 + 9 * (s1->levels - 1);
	unsigned int last = size == GUEST_BLOCK ? 21 : 12;
	__le64 *table = guest_ptr(s1->guest, s1->root);
	__u64 desc;

	for (; shift > last; shift -= 9) {
		__le64 *entry = &table[va >> shift & 511];

		if (!(le64toh(*entry) & DESC_VALID))
			*entry = htole64(guest_alloc(s1->guest, PAGE) |
					 DESC_VALID | DESC_TABLE);
		table = guest_ptr(s1->guest, le64toh(*entry) & DESC_ADDRESS);
	}
	desc = ipa | DESC_VALID | DESC_AP_EL0 | DESC_SH_INNER;
	if (!(attributes & S1_NO_ACCESS))
		desc |= DESC_AF;
	if (last == 12)
		desc |= DESC_TABLE;
	if (attributes & S1_RO)
		desc |= DESC_AP_RO;
	if (!(attributes & S1_GLOBAL))
		desc |= DESC_NG;
	__atomic_store_n(&table[va >> last & 511], size ? htole64(desc) : 0,
			 __ATOMIC_SEQ_CST);
}

__u64 cd_table(struct guest *guest, unsigned int max_bits)
{
	return guest_alloc(guest, 64UL << max_bits);
}

void cd_write(struct guest *guest, __u64 table, unsigned int ssid,
	      const struct stage1 *s1, __u16 asid)
{
	__le64 *cd = (__le64 *)guest_ptr(guest, table) + 8 * ssid;
	/* T0SZ, walks write-back and inner shareable, no TTB1, 44 bits of IPA */
	__u64 word = FIELD(64 - (12 + 9 * s1->levels), 0) | FIELD(1, 8) |
		     FIELD(1, 10) | FIELD(3, 12) | BIT(30) | FIELD(4, 32);

	cd[1] = htole64(s1->root);
	cd[2] = 0;
	cd[3] = htole64(0xff);	/* Attribute 0 is write-back memory */
	/* V, AA64, R, A, ASET, ASID */
	word |= BIT(31) | BIT(41) | BIT(45) | BIT(46) | BIT(47) | FIELD(asid, 48);
	__atomic_store_n(&cd[0], htole64(word), __ATOMIC_SEQ_CST);
}

void cd_clear(struct guest *guest, __u64 table, unsigned int ssid)
{
	memset((__u8 *)guest_ptr(guest, table) + 64 * ssid, 0, 64);
}

struct ste ste_stage1(__u64 table, unsigned int max_bits)
{
	/* S1CIR, S1COR: write-back; S1CSH: inner shareable; S1DSS: CD 0 */
	return (struct ste){ {
		BIT(0) | FIELD(5, 1) | table | FIELD(max_bits, 59),
		(max_bits ? 2 : 0) | FIELD(1, 2) | FIELD(1, 4) | FIELD(3, 6),
	} };
}

struct ste ste_bypass(void)
{
	return (struct ste){ { BIT(0) | FIELD(4, 1) } };
}

struct ste ste_abort(void)
{
	return (struct ste){ { BIT(0) } };
}

struct ste ste_invalid(void)
{
	return (struct ste){ { 0 } };
}

struct command tlbi_all(void)
{
	return (struct command){ { 0x10 } };
}

struct command tlbi_nsnh_all(void)
{
	return (struct command){ { 0x30 } };
}

struct command tlbi_asid(__u16 asid)
{
	return (struct command){ { 0x11 | FIELD(asid, 48) } };
}

struct command tlbi_va(__u16 asid, __u64 va)
{
	return (struct command){ { 0x12 | FIELD(asid, 48), va | BIT(0) } };
}

struct command tlbi_vaa(__u64 va)
{
	return (struct command){ { 0x13, va | BIT(0) } };
}

/* Num, Scale; TTL: the entries are of the last level; TG: 4 KiB */
static struct command in_range(struct command command, unsigned int pages)
{
	unsigned int scale = 0;

	for (; pages > 32; pages /= 2)
		scale++;
	command.words[0] |= FIELD(pages - 1, 12) | FIELD(scale, 20);
	command.words[1] |= FIELD(1, 10) | FIELD(3, 8);
	return command;
}

struct command tlbi_va_range(__u16 asid, __u64 va, unsigned int pages)
{
	return in_range(tlbi_va(asid, va), pages);
}

struct command tlbi_vaa_range(__u64 va, unsigned int pages)
{
	return in_range(tlbi_vaa(va), pages);
}

struct command cfgi_cd(__u32 vsid, unsigned int ssid)
{
	return (struct command){ { 0x05 | FIELD(ssid, 12) | FIELD(vsid, 32), BIT(0) } };
}

struct command cfgi_cd_all(__u32 vsid)
{
	return (struct command){ { 0x06 | FIELD(vsid, 32) } };
}

struct command atc_inv(__u32 vsid)
{
	return (struct command){ { 0x40 | FIELD(vsid, 32), 52 } };
}

int hwpt_alloc_parent(int fd, __u32 dev, __u32 ioas, __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
		.dev_id = dev,
		.pt_id = ioas,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, ioas %u, NEST_PARENT)", dev, ioas);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

int viommu_alloc_smmu(int fd, __u32 dev, __u32 hwpt, __u32 *viommu)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		.dev_id = dev,
		.hwpt_id = hwpt,
	};
	int err = call(fd, IOMMU_VIOMMU_ALLOC, &cmd,
		       "IOMMU_VIOMMU_ALLOC(dev %u, hwpt %u, SMMUv3)", dev, hwpt);

	*viommu = cmd.out_viommu_id;
	return err;
}

int vdevice_alloc_at(int fd, __u32 viommu, __u32 dev, __u64 vsid, __u32 *vdevice)
{
	struct iommu_vdevice_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.dev_id = dev,
		.virt_id = vsid,
	};
	int err = call(fd, IOMMU_VDEVICE_ALLOC, &cmd,
		       "IOMMU_VDEVICE_ALLOC(viommu %u, dev %u, id %#llx)", viommu, dev,
		       vsid);

	*vdevice = cmd.out_vdevice_id;
	return err;
}

int hwpt_alloc_ste(int fd, __u32 dev, __u32 viommu, struct ste ste, __u32 *hwpt)
{
	struct iommu_hwpt_arm_smmuv3 data = {
		{ htole64(ste.words[0]), htole64(ste.words[1]) },
	};
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = dev,
		.pt_id = viommu,
		.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, viommu %u, STE %#llx, %#llx)", dev,
		       viommu, ste.words[0], ste.words[1]);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

int veventq_alloc_smmu(int fd, __u32 viommu, __u32 depth, __u32 *veventq, int *events)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = viommu,
		.type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3,
		.veventq_depth = depth,
	};
	int err = call(fd, IOMMU_VEVENTQ_ALLOC, &cmd,
		       "IOMMU_VEVENTQ_ALLOC(viommu %u, depth %u)", viommu, depth);

	if (err)
		return err;
	*veventq = cmd.out_veventq_id;
	*events = cmd.out_veventq_fd;
	return fcntl(*events, F_SETFL, O_NONBLOCK) ? -errno : 0;
}

int veventq_next(int events, struct iommufd_vevent_header *header,
		 struct iommu_vevent_arm_smmuv3 *event)
{
	struct {
		struct iommufd_vevent_header header;
		struct iommu_vevent_arm_smmuv3 event;
	} record;
	ssize_t length = read(events, &record, sizeof(record));

	snprintf(last_call, sizeof(last_call), "read(VEVENTQ)");
	if (length < 0)
		return -errno;
	*header = record.header;
	if (header->flags & IOMMU_VEVENTQ_FLAG_LOST_EVENTS)
		return length == sizeof(record.header) ? 0 : -EBADMSG;
	*event = record.event;
	return length == sizeof(record) ? 0 : -EBADMSG;
}

int smmu_invalidate(int fd, __u32 viommu, const struct command *commands, __u32 *num)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = viommu,
		.data_uptr = (uintptr_t)commands,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = sizeof(*commands),
		.entry_num = *num,
	};
	int err = call(fd, IOMMU_HWPT_INVALIDATE, &cmd,
		       "IOMMU_HWPT_INVALIDATE(viommu %u, %u commands, the first %#llx, %#llx)",
		       viommu, *num, commands[0].words[0], commands[0].words[1]);

	*num = cmd.entry_num;
	return err;
}
