// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest is told of its devices' faults, and what of its tables and commands is
 * refused.
 */
#include <sys/eventfd.h>

#include "lib/vm_fixture.h"

FIXTURE_VARIANT_ADD(nested, four_levels)
{
	.levels = 4,
};

/* ---- What the guest is told of ---- */

#define EVENT_BAD_STE	0x04
#define EVENT_BAD_CD	0x0a
#define EVENT_TRANSLATION	0x10
#define EVENT_ADDRESS_SIZE	0x11
#define EVENT_ACCESS	0x12
#define EVENT_PERMISSION	0x13

/* An IPA that stage 2 does not map */
#define NO_MEMORY	(GUEST_RAM + GUEST_RAM_SIZE)

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

/* The next event is this one, of the device */
static void expect_next(struct __test_metadata *_metadata, int events, __u8 id,
			bool read, __u64 va)
{
	struct iommu_vevent_arm_smmuv3 event;
	struct iommufd_vevent_header header;

	ASSERT_TRUE(arrives_to_read(events, 10000)) {
		TH_LOG("no event %#x of %#llx", id, va);
	}
	ASSERT_OK(veventq_next(events, &header, &event));
	EXPECT_EQ(0, header.flags);
	EXPECT_EQ(id, event.evt[0] & 0xff);
	EXPECT_EQ(VSID, event.evt[0] >> 32);
	if (id >= EVENT_TRANSLATION) {
		/* Unprivileged, of data */
		EXPECT_EQ(read ? 4 : 0, event.evt[1] >> 33 & 7);
		EXPECT_EQ(va, event.evt[2]);
	}
	EXPECT_EQ(0, event.evt[3]);
}

/* Store there, and the guest is told of it, and of nothing else. */
static void expect_event(struct __test_metadata *_metadata, struct vm_device *d,
			 int events, __u8 id, __u64 va)
{
	struct iommu_vevent_arm_smmuv3 event;
	struct iommufd_vevent_header header;

	ASSERT_EQ(0, edu_store(&d->edu, va, WORD));
	expect_next(_metadata, events, id, false, va);
	EXPECT_ERRNO(EAGAIN, veventq_next(events, &header, &event));
}

TEST_F(nested, the_guest_is_told_of_each_kind_of_fault)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 64);

	expect_event(_metadata, d, events, EVENT_TRANSLATION, VA_NONE);
	ASSERT_EQ(0, edu_fetch(&d->edu, VA_NONE, WORD));
	expect_next(_metadata, events, EVENT_TRANSLATION, true, VA_NONE);
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

/*
 * The doorbell is in stage 2, but cannot be read there: what the guest has there for
 * a table never gets to be one, and that is stage 2's fault.
 */
TEST_F(nested, a_doorbell_is_no_place_for_a_table)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 64);
	int interrupts = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	__u64 start, last;

	if (!edu_reserved_range(&d->edu, &start, &last))
		SKIP(return, "there is no window for doorbells");
	ASSERT_OK(edu_irq_enable(&d->edu, VFIO_PCI_MSI_IRQ_INDEX, interrupts));
	attach_ste(_metadata, d, ste_stage1(start, 0));
	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA_NONE));
	cd_write(d->guest, d->cds, 0, &(struct stage1){ .levels = 4, .root = start }, ASID);
	attach_ste(_metadata, d, ste_stage1(d->cds, 0));
	EXPECT_EQ(NOWHERE, goes_to(&self->p, VA_NONE));
	EXPECT_FALSE(arrives_to_read(events, 200));
	close(interrupts);
}

TEST_F(nested, the_guest_is_told_of_a_doorbell_that_it_does_not_map)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 64);
	int interrupts = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct iommu_vevent_arm_smmuv3 event;
	struct iommufd_vevent_header header;
	__u64 start, last;

	if (!edu_reserved_range(&d->edu, &start, &last))
		SKIP(return, "there is no window for doorbells");
	ASSERT_OK(edu_irq_enable(&d->edu, VFIO_PCI_MSI_IRQ_INDEX, interrupts));
	edu_irq_raise(&d->edu, 1);
	ASSERT_TRUE(arrives_to_read(events, 10000));
	ASSERT_OK(veventq_next(events, &header, &event));
	EXPECT_EQ(EVENT_TRANSLATION, event.evt[0] & 0xff);
	EXPECT_LE(start, event.evt[2]);
	EXPECT_GE(last, event.evt[2]);
	EXPECT_FALSE(arrives_to_read(interrupts, 0));
	edu_irq_ack(&d->edu, 1);
	close(interrupts);
}

TEST_F(nested, of_stage_2_the_guest_is_told_nothing)
{
	struct vm_device *d = &self->d;
	int events = open_events(_metadata, d, 64);

	stage1_map(&d->s1, VA, NO_MEMORY, PAGE, 0);
	ASSERT_EQ(0, edu_store(&d->edu, VA, HALF));
	/* Not of its own tables either, where they are in no memory */
	cd_write(d->guest, d->cds, 0, &(struct stage1){ .levels = 4, .root = NO_MEMORY }, ASID);
	invalidate(_metadata, d, cfgi_cd(VSID, 0));
	ASSERT_EQ(0, edu_store(&d->edu, VA_FULL, WORD));
	attach_ste(_metadata, d, ste_stage1(NO_MEMORY, 0));
	ASSERT_EQ(0, edu_store(&d->edu, VA_FULL, WORD));
	cd_write(d->guest, d->cds, 0, &d->s1, ASID);
	attach_ste(_metadata, d, ste_stage1(d->cds, 0));

	/* An aborting entry is silent, and so is what goes well */
	stage1_map(&d->s1, VA_2, self->p.ipa[0], PAGE, 0);
	ASSERT_EQ(0, goes_to(&self->p, VA_2));
	attach_ste(_metadata, d, ste_abort());
	ASSERT_EQ(NOWHERE, goes_to(&self->p, VA_2));
	attach_ste(_metadata, d, ste_bypass());
	ASSERT_EQ(0, edu_store(&d->edu, NO_MEMORY, HALF));
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

FIXTURE(two_vms)
{
	struct two two;
};

FIXTURE_SETUP(two_vms)
{
	setup_two(_metadata, &self->two, false);
}

FIXTURE_TEARDOWN(two_vms)
{
	close_two(&self->two);
}

TEST_F(two_vms, each_guest_is_told_of_its_own_device)
{
	int one = open_events(_metadata, &self->two.d[0], 4);
	int other = open_events(_metadata, &self->two.d[1], 4);

	for (int i = 0; i < 6; i++)
		ASSERT_EQ(0, edu_store(&self->two.d[0].edu, VA_NONE, WORD));
	EXPECT_FALSE(arrives_to_read(other, 0));
	EXPECT_TRUE(arrives_to_read(one, 10000));
	/* One that is full does not keep the other from hearing of its own */
	expect_event(_metadata, &self->two.d[1], other, EVENT_TRANSLATION, VA_NONE + PAGE);
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

TEST_HARNESS_MAIN
