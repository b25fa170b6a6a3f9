// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's stage 1 above the host's stage 2, walked by an SMMU: a real device's
 * DMA goes from the guest's virtual addresses by its physical ones to memory. The
 * test is the guest, and its VMM.
 *
 * The SMMU has a TLB: what was translated before stays so until it is invalidated.
 */
#include <poll.h>
#include <time.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "lib/testing.h"
#include "lib/guest.h"

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
	__u32 nested;
};

static void attach_ste(struct __test_metadata *_metadata, struct vm_device *d,
		       struct ste ste)
{
	__u32 old = d->nested;

	ASSERT_OK(hwpt_alloc_ste(d->fd, d->edu.id, d->viommu, ste, &d->nested));
	ASSERT_OK(edu_attach(&d->edu, d->nested));
	if (old)
		ASSERT_OK(destroy(d->fd, old));
}

/* A VIOMMU, with a device in it that has an empty stage 1. */
static void setup_vm_device(struct __test_metadata *_metadata, struct vm_device *d,
			    struct guest *guest, unsigned int levels, __u32 vsid)
{
	int err = viommu_alloc_smmu(d->fd, d->edu.id, d->parent, &d->viommu);

	if (err == -EOPNOTSUPP)
		SKIP_TEST("this machine's IOMMU is no SMMUv3 that can nest");
	ASSERT_OK(err);
	ASSERT_OK(vdevice_alloc_at(d->fd, d->viommu, d->edu.id, vsid, &d->vdevice));
	d->guest = guest;
	d->vsid = vsid;
	d->nested = 0;
	d->cds = cd_table(guest, 0);
	stage1_init(&d->s1, guest, levels);
	cd_write(guest, d->cds, 0, &d->s1, ASID);
	attach_ste(_metadata, d, ste_stage1(d->cds, 0));
	ASSERT_OK(edu_start(&d->edu));
}

/* The guest's memory in an IOAS, with a nesting parent on it. */
static void setup_vm(struct __test_metadata *_metadata, struct bound *bound,
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

static void invalidate(struct __test_metadata *_metadata, struct vm_device *d,
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

static void setup_pages(struct __test_metadata *_metadata, struct vm_device *d,
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
static int found_in(struct pages *pages)
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

static int goes_to(struct pages *pages, __u64 va)
{
	struct vm_device *d = pages->device;

	for (int i = 0; i < PAGES; i++)
		memset(guest_ptr(d->guest, pages->ipa[i]), 0, PAGE);
	return edu_store(&d->edu, va, HALF) ? -1 : found_in(pages);
}

/* ---- One device, tables of either depth ---- */

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

FIXTURE_VARIANT_ADD(nested, three_levels)
{
	.levels = 3,
};

FIXTURE_VARIANT_ADD(nested, four_levels)
{
	.levels = 4,
};

FIXTURE_SETUP(nested)
{
	setup_vm(_metadata, &self->bound, &self->guest, &self->d.parent);
	self->d.fd = self->bound.iommufd;
	self->d.edu = self->bound.edu;
	setup_vm_device(_metadata, &self->d, &self->guest, variant->levels, VSID);
	self->bound.edu = self->d.edu;
	setup_pages(_metadata, &self->d, &self->p);
}

FIXTURE_TEARDOWN(nested)
{
	close_bound(&self->bound);
}

TEST_F(nested, dma_goes_through_both_stages)
{
	struct vm_device *d = &self->d;
	__u8 *to;

	/* Two pages that are neighbours for the device only */
	stage1_map(&d->s1, VA, self->p.ipa[2], PAGE, 0);
	stage1_map(&d->s1, VA_2, self->p.ipa[0], PAGE, 0);
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(0, goes_to(&self->p, VA_2));

	memset(guest_ptr(d->guest, self->p.ipa[0]), 0, PAGE);
	memset(guest_ptr(d->guest, self->p.ipa[2]), 0, PAGE);
	ASSERT_EQ(0, edu_copy(&d->edu, VA_2 - HALF / 2, VA_FULL, HALF));
	to = guest_ptr(d->guest, self->p.ipa[2]);
	EXPECT_TRUE(memory_is_all(to, PAGE - HALF / 2, 0));
	EXPECT_TRUE(memory_is(to + PAGE - HALF / 2, HALF / 2, 1));
	to = guest_ptr(d->guest, self->p.ipa[0]);
	EXPECT_FALSE(memory_is_all(to, HALF / 2, 0));
	EXPECT_TRUE(memory_is_all(to + HALF / 2, PAGE - HALF / 2, 0));
}

TEST_F(nested, a_block_is_a_block)
{
	struct vm_device *d = &self->d;
	__u64 block = guest_alloc(d->guest, GUEST_BLOCK);
	__u8 *to = guest_ptr(d->guest, block);

	ASSERT_NE(0, block);
	stage1_map(&d->s1, VA_FAR, block, GUEST_BLOCK, 0);
	ASSERT_EQ(0, edu_copy(&d->edu, VA_FAR + GUEST_BLOCK - HALF, VA_FULL, HALF));
	EXPECT_TRUE(memory_is(to + GUEST_BLOCK - HALF, HALF, 1));
	EXPECT_TRUE(memory_is_all(to, GUEST_BLOCK - HALF, 0));
}

TEST_F(nested, what_the_guest_does_not_map_or_protects_is_not_reached)
{
	struct vm_device *d = &self->d;

	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA_NONE));
	/* Its own physical addresses are no addresses of the device */
	EXPECT_EQ(NOWHERE, goes_to(&self->p, self->p.ipa[1]));
	stage1_map(&d->s1, VA, self->p.ipa[1], PAGE, S1_RO);
	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA));
	/* And what it maps where it has no memory leads to none */
	stage1_map(&d->s1, VA_2, GUEST_RAM + GUEST_RAM_SIZE, PAGE, 0);
	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA_2));
	/* The device is none the worse for it */
	stage1_map(&d->s1, VA, self->p.ipa[1], PAGE, 0);
	invalidate(_metadata, d, tlbi_va(ASID, VA));
	EXPECT_EQ(1, goes_to(&self->p, VA));
}

/* ---- Each command has its effect and no more ---- */

/* Both VAs are translated, then mapped elsewhere: what is told to forget goes there */
static void remap(struct __test_metadata *_metadata, struct pages *p, int attributes)
{
	struct stage1 *s1 = &p->device->s1;

	stage1_map(s1, VA, p->ipa[0], PAGE, attributes);
	stage1_map(s1, VA_2, p->ipa[1], PAGE, attributes);
	ASSERT_EQ(0, goes_to(p, VA));
	ASSERT_EQ(1, goes_to(p, VA_2));
	stage1_map(s1, VA, p->ipa[2], PAGE, attributes);
	stage1_map(s1, VA_2, p->ipa[3], PAGE, attributes);
	/* The SMMU remembers, or the test would not tell anything */
	ASSERT_EQ(0, goes_to(p, VA));
	ASSERT_EQ(1, goes_to(p, VA_2));
}

TEST_F(nested, tlbi_va_is_for_one_address_of_one_asid)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_va(ASID + 1, VA));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, &self->d, tlbi_va(ASID, VA));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(1, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_vaa_is_for_one_address)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_vaa(VA_2));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_va_takes_a_range)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_va_range(ASID, VA - 2 * PAGE, 2));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, &self->d, tlbi_va_range(ASID, VA, 2));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_asid_is_for_one_asid)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_asid(ASID + 1));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, &self->d, tlbi_asid(ASID));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_all_is_for_all)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_all());
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_nsnh_all_is_for_all_of_the_guest)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_nsnh_all());
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, cfgi_cd_makes_a_new_cd_seen)
{
	struct vm_device *d = &self->d;
	struct stage1 other;

	stage1_init(&other, d->guest, variant->levels);
	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, 0);
	stage1_map(&other, VA, self->p.ipa[1], PAGE, 0);
	ASSERT_EQ(0, goes_to(&self->p, VA));
	cd_write(d->guest, d->cds, 0, &other, ASID + 1);
	ASSERT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, d, cfgi_cd(VSID, 0));
	EXPECT_EQ(1, goes_to(&self->p, VA));

	cd_write(d->guest, d->cds, 0, &d->s1, ASID);
	ASSERT_EQ(1, goes_to(&self->p, VA));
	invalidate(_metadata, d, cfgi_cd_all(VSID));
	EXPECT_EQ(0, goes_to(&self->p, VA));
}

/* ---- What a guest's stream table entry can be ---- */

TEST_F(nested, bypass_abort_and_invalid_take_turns_with_stage_1)
{
	struct vm_device *d = &self->d;

	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, goes_to(&self->p, VA));
		attach_ste(_metadata, d, ste_bypass());
		EXPECT_EQ(NOWHERE, goes_to(&self->p, VA));
		EXPECT_EQ(1, goes_to(&self->p, self->p.ipa[1]));
		attach_ste(_metadata, d, i ? ste_abort() : ste_invalid());
		EXPECT_EQ(NOWHERE, goes_to(&self->p, VA));
		EXPECT_EQ(NOWHERE, goes_to(&self->p, self->p.ipa[1]));
		attach_ste(_metadata, d, ste_stage1(d->cds, 0));
	}
}

TEST_F(nested, the_parent_itself_can_be_attached)
{
	struct vm_device *d = &self->d;

	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, 0);
	ASSERT_EQ(0, goes_to(&self->p, VA));
	ASSERT_OK(edu_attach(&d->edu, d->parent));
	EXPECT_EQ(2, goes_to(&self->p, self->p.ipa[2]));
	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA));
	ASSERT_OK(edu_attach(&d->edu, d->nested));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	ASSERT_OK(edu_detach(&d->edu));
	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA));
	EXPECT_EQ(NOWHERE, goes_to(&self->p, self->p.ipa[2]));
}

/* Attach to the one and the other HWPT, again and again, while the device stores */
static int goes_to_meanwhile(struct __test_metadata *_metadata, struct pages *p,
			     __u64 va, __u32 one, __u32 other)
{
	struct vm_device *d = p->device;
	struct timespec start, now;
	long ms;

	for (int i = 0; i < PAGES; i++)
		memset(guest_ptr(d->guest, p->ipa[i]), 0, PAGE);
	clock_gettime(CLOCK_MONOTONIC, &start);
	edu_store_begin(&d->edu, va, HALF);
	do {
		ASSERT_OK(edu_attach(&d->edu, one));
		ASSERT_OK(edu_attach(&d->edu, other));
		clock_gettime(CLOCK_MONOTONIC, &now);
		ms = (now.tv_sec - start.tv_sec) * 1000 +
		     (now.tv_nsec - start.tv_nsec) / 1000000;
	} while (ms < 200);
	ASSERT_EQ(0, edu_wait(&d->edu));
	return found_in(p);
}

TEST_F(nested, dma_does_not_stop_while_the_guest_changes_its_table)
{
	struct vm_device *d = &self->d;
	struct stage1 other;
	__u64 cds = cd_table(d->guest, 0);
	__u32 hwpt;

	stage1_init(&other, d->guest, variant->levels);
	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, 0);
	stage1_map(&other, VA, self->p.ipa[1], PAGE, 0);
	cd_write(d->guest, cds, 0, &other, ASID + 1);
	ASSERT_OK(hwpt_alloc_ste(d->fd, d->edu.id, d->viommu, ste_stage1(cds, 0), &hwpt));
	for (int i = 0; i < 8; i++) {
		int page = goes_to_meanwhile(_metadata, &self->p, VA, d->nested, hwpt);

		EXPECT_TRUE(page == 0 || page == 1) {
			TH_LOG("it went to page %d", page);
		}
	}
}

TEST_F(nested, dma_goes_nowhere_else_while_the_entry_changes)
{
	const struct ste stes[] = { ste_abort(), ste_bypass(), ste_invalid() };
	struct vm_device *d = &self->d;

	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(stes); i++) {
		__u32 hwpt;
		int page;

		ASSERT_OK(hwpt_alloc_ste(d->fd, d->edu.id, d->viommu, stes[i], &hwpt));
		page = goes_to_meanwhile(_metadata, &self->p, VA, d->nested, hwpt);
		EXPECT_TRUE(page == 0 || page == NOWHERE);
		/* To the host's own stage 2, under another VMID, too */
		page = goes_to_meanwhile(_metadata, &self->p, VA, d->nested, d->parent);
		EXPECT_TRUE(page == 0 || page == NOWHERE);
		ASSERT_OK(edu_attach(&d->edu, d->nested));
		ASSERT_OK(destroy(d->fd, hwpt));
	}
	EXPECT_EQ(0, goes_to(&self->p, VA));
}

/* ---- Seen by the host ---- */

#define TRACING	"/sys/kernel/tracing/instances/nested_hw"

static void put(struct __test_metadata *_metadata, const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	ASSERT_LE(0, fd) {
		TH_LOG("%s: %s", path, strerror(errno));
	}
	ASSERT_EQ(strlen(text), write(fd, text, strlen(text)));
	close(fd);
}

/* How often a word is in the trace; then forget it. */
static int count_traced(struct __test_metadata *_metadata, const char *word)
{
	static char text[65536];
	int fd = open(TRACING "/trace", O_RDONLY), count = 0;
	size_t length = 0;
	ssize_t got;

	ASSERT_LE(0, fd);
	while ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += got;
	close(fd);
	text[length] = '\0';
	for (char *at = text; (at = strstr(at, word)); at++)
		count++;
	put(_metadata, TRACING "/trace", "");
	return count;
}

TEST_F(nested, the_entry_is_traced_in_words)
{
	struct vm_device *d = &self->d;

	if (access("/sys/kernel/tracing/events/arm_smmu_v3", F_OK))
		SKIP(return, "there are no tracepoints");
	mkdir(TRACING, 0700);
	put(_metadata, TRACING "/events/arm_smmu_v3/enable", "1");
	/* First it aborts, then it has nothing left of what it was */
	attach_ste(_metadata, d, ste_abort());
	EXPECT_EQ(2, count_traced(_metadata, " abort "));
	attach_ste(_metadata, d, ste_stage1(d->cds, 0));
	EXPECT_EQ(1, count_traced(_metadata, " nested "));
	/* From one VMID to another it takes a gap */
	ASSERT_OK(edu_attach(&d->edu, d->parent));
	EXPECT_EQ(2, count_traced(_metadata, " abort "));
	ASSERT_OK(edu_attach(&d->edu, d->nested));
	EXPECT_EQ(1, count_traced(_metadata, " nested "));
	rmdir(TRACING);
}

/* ---- Stage 2 is the host's ---- */

TEST_F(nested, what_the_host_unmaps_is_gone_though_translated_before)
{
	struct vm_device *d = &self->d;
	__u64 tail = GUEST_RAM + GUEST_RAM_SIZE;
	__u8 *one = memory_pages(PAGE), *other = memory_pages(PAGE);
	__u64 unmapped;

	ASSERT_TRUE(one && other);
	memset(one, 0, PAGE);
	memset(other, 0, PAGE);
	ASSERT_OK(ioas_map_at(d->fd, self->bound.ioas, one, PAGE, tail));
	stage1_map(&d->s1, VA, tail, PAGE, 0);
	stage1_map(&d->s1, VA_2, self->p.ipa[0], PAGE, 0);
	ASSERT_EQ(0, edu_store(&d->edu, VA, HALF));
	EXPECT_TRUE(memory_is(one, HALF, 1));
	ASSERT_EQ(0, goes_to(&self->p, VA_2));

	memset(one, 0, PAGE);
	ASSERT_OK(ioas_unmap(d->fd, self->bound.ioas, tail, PAGE, &unmapped));
	ASSERT_EQ(0, edu_store(&d->edu, VA, HALF));
	EXPECT_TRUE(memory_is_all(one, PAGE, 0));

	ASSERT_OK(ioas_map_at(d->fd, self->bound.ioas, other, PAGE, tail));
	ASSERT_EQ(0, edu_store(&d->edu, VA, HALF));
	EXPECT_TRUE(memory_is_all(one, PAGE, 0));
	EXPECT_TRUE(memory_is(other, HALF, 1));
	EXPECT_EQ(0, goes_to(&self->p, VA_2));
}

static bool arrives_to_read(int fd, int milliseconds)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, milliseconds) == 1;
}

static bool arrives(int fd, int milliseconds)
{
	__u64 count;

	return arrives_to_read(fd, milliseconds) && read(fd, &count, sizeof(count)) == 8;
}

/* The host puts the doorbell into stage 2; the guest maps it as it maps memory */
TEST_F(nested, an_msi_arrives_where_stage_1_maps_the_doorbell)
{
	struct vm_device *d = &self->d;
	__u64 start, last;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_LE(0, event);
	if (!edu_reserved_range(&d->edu, &start, &last))
		SKIP(return, "there is no window for doorbells");
	for (__u64 at = start; at < last; at += PAGE)
		stage1_map(&d->s1, at, at, PAGE, 0);
	ASSERT_OK(edu_irq_enable(&d->edu, VFIO_PCI_MSI_IRQ_INDEX, event));
	for (int i = 0; i < 2; i++) {
		edu_irq_raise(&d->edu, 1);
		EXPECT_TRUE(arrives(event, 10000));
		edu_irq_ack(&d->edu, 1);
	}
	ASSERT_OK(edu_irq_disable(&d->edu, VFIO_PCI_MSI_IRQ_INDEX));
}

/* ---- What the guest is told of ---- */

#define EVENT_BAD_STE	0x04
#define EVENT_BAD_CD	0x0a
#define EVENT_TRANSLATION	0x10
#define EVENT_ADDRESS_SIZE	0x11
#define EVENT_ACCESS	0x12
#define EVENT_PERMISSION	0x13

static int open_events(struct __test_metadata *_metadata, struct vm_device *d,
		       __u32 depth)
{
	__u32 id;
	int events;

	ASSERT_OK(veventq_alloc_smmu(d->fd, d->viommu, depth, &id, &events));
	return events;
}

/* One fault: of what is longer, the emulator makes several. */
#define WORD	4

/* Store there, and the guest is told of it. */
static void expect_event(struct __test_metadata *_metadata, struct vm_device *d,
			 int events, __u8 id, __u64 va)
{
	struct iommu_vevent_arm_smmuv3 event;
	struct iommufd_vevent_header header;

	ASSERT_EQ(0, edu_store(&d->edu, va, WORD));
	ASSERT_TRUE(arrives_to_read(events, 10000)) {
		TH_LOG("no event %#x of %#llx", id, va);
	}
	ASSERT_OK(veventq_next(events, &header, &event));
	EXPECT_EQ(0, header.flags);
	EXPECT_EQ(id, event.evt[0] & 0xff);
	EXPECT_EQ(VSID, event.evt[0] >> 32);
	if (id >= EVENT_TRANSLATION) {
		/* A write, unprivileged, of data */
		EXPECT_EQ(0, event.evt[1] >> 33 & 7);
		EXPECT_EQ(va, event.evt[2]);
	}
	EXPECT_EQ(0, event.evt[3]);
	EXPECT_ERRNO(EAGAIN, veventq_next(events, &header, &event));
}

TEST_F(nested, the_guest_is_told_of_each_kind_of_fault)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 64);

	expect_event(_metadata, d, events, EVENT_TRANSLATION, VA_NONE);
	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, S1_RO);
	expect_event(_metadata, d, events, EVENT_PERMISSION, VA);
	stage1_map(&d->s1, VA_2, self->p.ipa[0], PAGE, S1_NO_ACCESS);
	expect_event(_metadata, d, events, EVENT_ACCESS, VA_2);
	stage1_map(&d->s1, VA_2 + PAGE, 1ULL << 46, PAGE, 0);
	expect_event(_metadata, d, events, EVENT_ADDRESS_SIZE, VA_2 + PAGE);

	cd_clear(d->guest, d->cds, 0);
	invalidate(_metadata, d, cfgi_cd(VSID, 0));
	expect_event(_metadata, d, events, EVENT_BAD_CD, VA_2);
	attach_ste(_metadata, d, ste_invalid());
	expect_event(_metadata, d, events, EVENT_BAD_STE, VA_2);
}

TEST_F(nested, of_stage_2_the_guest_is_told_nothing)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 64);

	stage1_map(&d->s1, VA, GUEST_RAM + GUEST_RAM_SIZE, PAGE, 0);
	ASSERT_EQ(0, edu_store(&d->edu, VA, HALF));
	/* An aborting entry is silent, and so is what goes well */
	stage1_map(&d->s1, VA_2, self->p.ipa[0], PAGE, 0);
	ASSERT_EQ(0, goes_to(&self->p, VA_2));
	attach_ste(_metadata, d, ste_abort());
	ASSERT_EQ(NOWHERE, goes_to(&self->p, VA_2));
	attach_ste(_metadata, d, ste_bypass());
	ASSERT_EQ(0, edu_store(&d->edu, GUEST_RAM + GUEST_RAM_SIZE, HALF));
	EXPECT_FALSE(arrives_to_read(events, 200));
	/* The queue is not deaf */
	attach_ste(_metadata, d, ste_stage1(d->cds, 0));
	expect_event(_metadata, d, events, EVENT_TRANSLATION, VA_NONE);
}

TEST_F(nested, a_queue_that_overflows_says_so)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 1);
	struct iommu_vevent_arm_smmuv3 event;
	struct iommufd_vevent_header header;

	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, edu_store(&d->edu, VA_NONE + i * PAGE, WORD));
	/* The third one may still be on its way */
	sleep(1);
	ASSERT_OK(veventq_next(events, &header, &event));
	EXPECT_EQ(0, header.flags);
	EXPECT_EQ(0, header.sequence);
	EXPECT_EQ(VA_NONE, event.evt[2]);
	ASSERT_OK(veventq_next(events, &header, &event));
	EXPECT_EQ(IOMMU_VEVENTQ_FLAG_LOST_EVENTS, header.flags);
	EXPECT_EQ(2, header.sequence);
	EXPECT_ERRNO(EAGAIN, veventq_next(events, &header, &event));
	expect_event(_metadata, d, events, EVENT_TRANSLATION, VA_NONE);
}

/* ---- What is refused ---- */

static void expect_ste(struct __test_metadata *_metadata, struct vm_device *d,
		       int expected, struct ste ste)
{
	__u32 hwpt;
	int err = hwpt_alloc_ste(d->fd, d->edu.id, d->viommu, ste, &hwpt);

	EXPECT_ERRNO(expected, err);
	if (!err)
		EXPECT_OK(destroy(d->fd, hwpt));
}

TEST_F(nested, an_ste_of_which_not_all_is_the_guests_is_refused)
{
	struct ste good = ste_stage1(self->d.cds, 0), ste;
	/* S1Fmt, S1ContextPtr, S1CDMax; S1DSS, S1CIR, S1COR, S1CSH */
	const __u64 guests[] = { 0xf80ffffffffffff1ULL, 0xffULL };

	for (int word = 0; word < 2; word++) {
		for (int bit = 0; bit < 64; bit++) {
			ste = good;
			if (guests[word] >> bit & 1)
				continue;
			/* Config, below */
			if (!word && bit < 4)
				continue;
			ste.words[word] |= 1ULL << bit;
			expect_ste(_metadata, &self->d, EIO, ste);
		}
	}
	for (__u64 config = 0; config < 8; config++) {
		ste = good;
		ste.words[0] = (good.words[0] & ~0xeULL) | config << 1;
		expect_ste(_metadata, &self->d,
			   config == 0 || config == 4 || config == 5 ? 0 : EIO, ste);
	}
	/* QEMU's SMMU has no substreams */
	expect_ste(_metadata, &self->d, EIO, ste_stage1(self->d.cds, 17));
	/* A context descriptor that is beyond all of its addresses */
	expect_ste(_metadata, &self->d, EIO, ste_stage1(1ULL << 51, 0));
	/* What is not valid is not looked at */
	expect_ste(_metadata, &self->d, 0, (struct ste){ { ~1ULL, ~0ULL } });
}

static void expect_command(struct __test_metadata *_metadata, struct vm_device *d,
			   int expected, struct command command)
{
	struct command commands[3] = { tlbi_all(), command, tlbi_all() };
	__u32 num = 3;

	EXPECT_ERRNO(expected, smmu_invalidate(d->fd, d->viommu, commands, &num));
	EXPECT_EQ(expected ? 1 : 3, num) {
		TH_LOG("%s", last_call);
	}
}

TEST_F(nested, a_command_that_is_no_invalidation_is_refused)
{
	static const __u8 good[] = {
		0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30,
	};
	struct vm_device *d = &self->d;

	for (__u64 op = 0; op < 256; op++) {
		struct command command = { { op | (__u64)VSID << 32 } };
		int expected = memchr(good, op, sizeof(good)) ? 0 : EIO;

		expect_command(_metadata, d, expected, command);
	}
	/* A device that the guest does not have */
	expect_command(_metadata, d, EIO, cfgi_cd(VSID + 1, 0));
	expect_command(_metadata, d, EIO, cfgi_cd_all(0));
	/* What this SMMU does not have */
	expect_command(_metadata, d, EIO, atc_inv(VSID));
	expect_command(_metadata, d, EIO, cfgi_cd(VSID, 1 << 19));
}

TEST_F(nested, objects_are_refused_where_they_do_not_fit)
{
	struct vm_device *d = &self->d;
	__u32 id;

	EXPECT_ERRNO(EEXIST, vdevice_alloc_at(d->fd, d->viommu, d->edu.id, VSID + 1, &id));
	ASSERT_OK(destroy(d->fd, d->vdevice));
	EXPECT_ERRNO(EINVAL, vdevice_alloc_at(d->fd, d->viommu, d->edu.id, 1ULL << 32, &id));
	/* Without a name in the VM it has no place in its stage 1 either */
	ASSERT_OK(edu_detach(&d->edu));
	EXPECT_ERRNO(ENOENT, edu_attach(&d->edu, d->nested));
	EXPECT_OK(vdevice_alloc_at(d->fd, d->viommu, d->edu.id, U32_MAX, &id));
	ASSERT_OK(edu_attach(&d->edu, d->nested));
	EXPECT_ERRNO(EBUSY, destroy(d->fd, d->viommu));
	EXPECT_ERRNO(EBUSY, destroy(d->fd, d->parent));
	EXPECT_ERRNO(EBUSY, destroy(d->fd, d->nested));
}

/* ---- Two shares of the SMMU ---- */

FIXTURE(two_shares)
{
	struct bound bound;
	struct guest guest;
	struct vm_device d[2];
	struct pages p[2];
};

FIXTURE_SETUP(two_shares)
{
	setup_vm(_metadata, &self->bound, &self->guest, &self->d[0].parent);
	for (int i = 0; i < 2; i++) {
		struct vm_device *d = &self->d[i];

		d->fd = self->bound.iommufd;
		d->parent = self->d[0].parent;
		d->edu = self->bound.edu;
		if (i) {
			find_edu(_metadata, &d->edu, i);
			ASSERT_EQ(0, edu_open(&d->edu));
			ASSERT_OK(edu_bind(&d->edu, d->fd));
		}
		setup_vm_device(_metadata, d, &self->guest, 3, VSID);
		setup_pages(_metadata, d, &self->p[i]);
	}
}

FIXTURE_TEARDOWN(two_shares)
{
	edu_close(&self->d[1].edu);
	edu_close(&self->d[0].edu);
	close(self->bound.iommufd);
}

TEST_F(two_shares, a_command_in_one_does_nothing_in_the_other)
{
	const struct command commands[] = {
		tlbi_all(), tlbi_nsnh_all(), tlbi_asid(ASID), tlbi_vaa(VA),
	};

	remap(_metadata, &self->p[1], 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		invalidate(_metadata, &self->d[0], commands[i]);
		EXPECT_EQ(0, goes_to(&self->p[1], VA));
	}
	invalidate(_metadata, &self->d[0], cfgi_cd_all(VSID));
	EXPECT_EQ(1, goes_to(&self->p[1], VA_2));
	invalidate(_metadata, &self->d[1], tlbi_all());
	EXPECT_EQ(2, goes_to(&self->p[1], VA));
}

TEST_F(two_shares, each_guest_is_told_of_its_own_device)
{
	int one = open_events(_metadata, &self->d[0], 4);
	int other = open_events(_metadata, &self->d[1], 4);

	for (int i = 0; i < 6; i++)
		ASSERT_EQ(0, edu_store(&self->d[0].edu, VA_NONE, WORD));
	EXPECT_FALSE(arrives_to_read(other, 0));
	EXPECT_TRUE(arrives_to_read(one, 10000));
	/* One that is full does not keep the other from hearing of its own */
	expect_event(_metadata, &self->d[1], other, EVENT_TRANSLATION, VA_NONE + PAGE);
}

TEST_F(two_shares, what_the_host_unmaps_is_gone_in_both)
{
	__u64 tail = GUEST_RAM + GUEST_RAM_SIZE, unmapped;
	__u8 *memory = memory_pages(PAGE);

	ASSERT_NE(NULL, memory);
	ASSERT_OK(ioas_map_at(self->bound.iommufd, self->bound.ioas, memory, PAGE, tail));
	for (int i = 0; i < 2; i++) {
		memset(memory, 0, PAGE);
		stage1_map(&self->d[i].s1, VA, tail, PAGE, 0);
		ASSERT_EQ(0, edu_store(&self->d[i].edu, VA, HALF));
		EXPECT_TRUE(memory_is(memory, HALF, 1));
	}
	memset(memory, 0, PAGE);
	ASSERT_OK(ioas_unmap(self->bound.iommufd, self->bound.ioas, tail, PAGE, &unmapped));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, edu_store(&self->d[i].edu, VA, HALF));
	EXPECT_TRUE(memory_is_all(memory, PAGE, 0));
}

TEST_HARNESS_MAIN
