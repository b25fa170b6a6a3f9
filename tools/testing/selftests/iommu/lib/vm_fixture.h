/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the tests of nested translation on an SMMU: the test is a guest, and
 * its VMM, with edu devices. To be included once per program, as testing.h is.
 */
#ifndef SELFTESTS_IOMMU_VM_FIXTURE_H
#define SELFTESTS_IOMMU_VM_FIXTURE_H

#include <poll.h>

#include "guest.h"
#include "testing.h"

/* Where the guest maps things. Nothing is there for stage 2. */
#define VA	0x500000000ULL
#define VA_2	(VA + PAGE)
#define VA_FAR	(VA + GUEST_BLOCK)
#define VA_NONE	(VA + (64UL << 20))
#define VA_FULL	(VA + (96UL << 20))	/* What the device has in its buffer */

#define VSID	0x17
#define ASID	3
#define HALF	(PAGE / 2)
#define U32_MAX	0xffffffffULL

/* A device in a VM: of a VM's parts, several can be shared. */
struct vm_device {
	int fd;
	struct edu edu;
	struct guest *guest;
	__u32 parent, viommu, vdevice, vsid;
	__u64 cds;
	struct stage1 s1;
	__u16 asid;
	__u32 nested;
};

static inline void attach_ste(struct __test_metadata *_metadata, struct vm_device *d,
			      struct ste ste)
{
	__u32 old = d->nested;

	ASSERT_OK(hwpt_alloc_ste(d->fd, d->edu.id, d->viommu, ste, &d->nested));
	ASSERT_OK(edu_attach(&d->edu, d->nested));
	if (old)
		ASSERT_OK(destroy(d->fd, old));
}

/*
 * A device with an empty stage 1, in a VIOMMU of its own if d->viommu does not say in
 * which.
 */
static inline void setup_vm_device(struct __test_metadata *_metadata,
				   struct vm_device *d, struct guest *guest,
				   unsigned int levels, __u32 vsid)
{
	int err = 0;

	if (!d->viommu)
		err = viommu_alloc_smmu(d->fd, d->edu.id, d->parent, &d->viommu);
	if (err == -EOPNOTSUPP)
		SKIP_TEST("this machine's IOMMU is no SMMUv3 that can nest");
	ASSERT_OK(err);
	ASSERT_OK(vdevice_alloc_at(d->fd, d->viommu, d->edu.id, vsid, &d->vdevice));
	d->guest = guest;
	d->vsid = vsid;
	d->nested = 0;
	d->cds = cd_table(guest, 0);
	stage1_init(&d->s1, guest, levels);
	cd_write(guest, d->cds, 0, &d->s1, d->asid);
	attach_ste(_metadata, d, ste_stage1(d->cds, 0));
	ASSERT_OK(edu_start(&d->edu));
}

/* The guest's memory in an IOAS, with a nesting parent on it. */
static inline void setup_vm(struct __test_metadata *_metadata, struct bound *bound,
			    struct guest *guest, __u32 *parent)
{
	int err;

	setup_bound(_metadata, bound, 0);
	ASSERT_EQ(0, guest_init(guest));
	ASSERT_OK(ioas_map_at(bound->iommufd, bound->ioas, guest->ram, GUEST_RAM_SIZE,
			      GUEST_RAM));
	err = hwpt_alloc_parent(bound->iommufd, bound->edu.id, bound->ioas, parent);
	if (err == -EOPNOTSUPP)
		SKIP_TEST("this machine's IOMMU cannot nest");
	ASSERT_OK(err);
}

static inline void invalidate(struct __test_metadata *_metadata, struct vm_device *d,
			      struct command command)
{
	__u32 num = 1;

	ASSERT_OK(smmu_invalidate(d->fd, d->viommu, &command, &num));
	ASSERT_EQ(1, num);
}

/*
 * Pages of the guest's, one for each thing that a test maps. The device's buffer
 * is full of what is in no page, until it stores it.
 */
#define PAGES	4
#define NOWHERE	PAGES

struct pages {
	struct vm_device *device;
	__u64 ipa[PAGES];
};

static inline void setup_pages(struct __test_metadata *_metadata, struct vm_device *d,
			       struct pages *pages)
{
	__u64 full = guest_alloc(d->guest, PAGE);

	pages->device = d;
	for (int i = 0; i < PAGES; i++)
		pages->ipa[i] = guest_alloc(d->guest, PAGE);
	memory_fill(guest_ptr(d->guest, full), PAGE, 1);
	stage1_map(&d->s1, VA_FULL, full, PAGE, S1_RO);
	ASSERT_EQ(0, edu_fetch(&d->edu, VA_FULL, HALF));
}

/* Which page has what was stored? NOWHERE if none, -1 if it is anywhere else */
static inline int found_in(struct pages *pages)
{
	struct guest *guest = pages->device->guest;
	int found = NOWHERE;

	for (int i = 0; i < PAGES; i++) {
		if (memory_is(guest_ptr(guest, pages->ipa[i]), HALF, 1))
			found = found == NOWHERE ? i : -1;
		else if (!memory_is_all(guest_ptr(guest, pages->ipa[i]), PAGE, 0))
			found = -1;
	}
	return found;
}

static inline void clear_pages(struct pages *pages)
{
	for (int i = 0; i < PAGES; i++)
		memset(guest_ptr(pages->device->guest, pages->ipa[i]), 0, PAGE);
}

static inline int goes_to(struct pages *pages, __u64 va)
{
	struct vm_device *d = pages->device;

	clear_pages(pages);
	return edu_store(&d->edu, va, HALF) ? -1 : found_in(pages);
}

static inline bool arrives_to_read(int fd, int milliseconds)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, milliseconds) == 1;
}

/* ---- One device; each program says how deep its tables are ---- */

FIXTURE(nested)
{
	struct bound bound;
	struct guest guest;
	struct vm_device d;
	struct pages p;
};

FIXTURE_VARIANT(nested)
{
	unsigned int levels;
};

FIXTURE_SETUP(nested)
{
	setup_vm(_metadata, &self->bound, &self->guest, &self->d.parent);
	self->d.fd = self->bound.iommufd;
	self->d.edu = self->bound.edu;
	self->d.asid = ASID;
	setup_vm_device(_metadata, &self->d, &self->guest, variant->levels, VSID);
	self->bound.edu = self->d.edu;
	setup_pages(_metadata, &self->d, &self->p);
}

FIXTURE_TEARDOWN(nested)
{
	close_bound(&self->bound);
}

/* ---- Two of them, with the same memory, in two VMs or in one ---- */

struct two {
	struct bound bound;
	struct guest guest;
	struct vm_device d[2];
	struct pages p[2];
};

static inline void setup_two(struct __test_metadata *_metadata, struct two *two,
			     bool one_vm)
{
	setup_vm(_metadata, &two->bound, &two->guest, &two->d[0].parent);
	for (int i = 0; i < 2; i++) {
		struct vm_device *d = &two->d[i];

		d->fd = two->bound.iommufd;
		d->parent = two->d[0].parent;
		d->edu = two->bound.edu;
		if (i) {
			find_edu(_metadata, &d->edu, i);
			ASSERT_EQ(0, edu_open(&d->edu));
			ASSERT_OK(edu_bind(&d->edu, d->fd));
		}
		d->asid = ASID;
		if (i && one_vm) {
			d->viommu = two->d[0].viommu;
			d->asid += 7;
		}
		setup_vm_device(_metadata, d, &two->guest, 3, one_vm ? VSID + i : VSID);
		setup_pages(_metadata, d, &two->p[i]);
	}
}

static inline void close_two(struct two *two)
{
	edu_close(&two->d[1].edu);
	edu_close(&two->d[0].edu);
	close(two->bound.iommufd);
}

#endif
