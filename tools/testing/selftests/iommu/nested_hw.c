// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's stage 1 above the host's stage 2, walked by an SMMU: a real device's
 * DMA goes from the guest's virtual addresses by its physical ones to memory.
 *
 * The SMMU has a TLB: what was translated before stays so until it is invalidated.
 */
#include <time.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "lib/vm_fixture.h"

FIXTURE_VARIANT_ADD(nested, three_levels)
{
	.levels = 3,
};

FIXTURE_VARIANT_ADD(nested, four_levels)
{
	.levels = 4,
};

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

TEST_F(nested, what_is_read_comes_through_both_stages)
{
	struct vm_device *d = &self->d;
	__u8 *low = guest_ptr(d->guest, self->p.ipa[0]);
	__u8 *high = guest_ptr(d->guest, self->p.ipa[2]);
	__u8 *to = guest_ptr(d->guest, self->p.ipa[3]);

	stage1_map(&d->s1, VA, self->p.ipa[2], PAGE, S1_RO);
	stage1_map(&d->s1, VA_2, self->p.ipa[0], PAGE, S1_RO);
	stage1_map(&d->s1, VA_FAR, self->p.ipa[3], PAGE, 0);
	memory_fill(low, PAGE, 2);
	memory_fill(high, PAGE, 3);
	ASSERT_EQ(0, edu_copy(&d->edu, VA_FAR, VA_2 - HALF / 2, HALF));
	EXPECT_EQ(0, memcmp(to, high + PAGE - HALF / 2, HALF / 2));
	EXPECT_EQ(0, memcmp(to + HALF / 2, low, HALF / 2));
	EXPECT_TRUE(memory_is_all(to + HALF, PAGE - HALF, 0));
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

/* From the last bytes of one block to the first ones of a page, and back */
static void expect_crossing(struct __test_metadata *_metadata, struct vm_device *d,
			    __u8 *block, __u8 *page)
{
	__u8 *to = guest_ptr(d->guest, guest_alloc(d->guest, PAGE));
	__u64 at = VA_FAR + GUEST_BLOCK - HALF / 2;

	stage1_map(&d->s1, VA, GUEST_RAM + (to - d->guest->ram), PAGE, 0);
	memory_fill(block + GUEST_BLOCK - HALF / 2, HALF / 2, 2);
	memory_fill(page, HALF / 2, 3);
	ASSERT_EQ(0, edu_copy(&d->edu, VA, at, HALF));
	EXPECT_TRUE(memory_is(to, HALF / 2, 2));
	EXPECT_TRUE(memory_is(to + HALF / 2, HALF / 2, 3));

	memory_fill(to, HALF, 4);
	ASSERT_EQ(0, edu_copy(&d->edu, at, VA, HALF));
	EXPECT_EQ(0, memcmp(block + GUEST_BLOCK - HALF / 2, to, HALF / 2));
	EXPECT_EQ(0, memcmp(page, to + HALF / 2, HALF / 2));
}

TEST_F(nested, dma_goes_from_a_block_into_a_page)
{
	struct vm_device *d = &self->d;
	__u64 block = guest_alloc(d->guest, GUEST_BLOCK);

	ASSERT_NE(0, block);
	stage1_map(&d->s1, VA_FAR, block, GUEST_BLOCK, 0);
	stage1_map(&d->s1, VA_FAR + GUEST_BLOCK, self->p.ipa[1], PAGE, 0);
	expect_crossing(_metadata, d, guest_ptr(d->guest, block),
			guest_ptr(d->guest, self->p.ipa[1]));
}

/* Blocks of stage 2, under a block and a page of stage 1 */
TEST_F(nested, the_hosts_blocks_are_under_the_guests)
{
	struct vm_device *d = &self->d;
	__u64 tail = GUEST_RAM + GUEST_RAM_SIZE;
	__u8 *memory = alloc_memory(_metadata, MEMORY_HUGETLB, 2 * GUEST_BLOCK);

	ASSERT_OK(ioas_map_at(d->fd, self->bound.ioas, memory, 2 * GUEST_BLOCK, tail));
	stage1_map(&d->s1, VA_FAR, tail, GUEST_BLOCK, 0);
	stage1_map(&d->s1, VA_FAR + GUEST_BLOCK, tail + GUEST_BLOCK + PAGE, PAGE, 0);
	expect_crossing(_metadata, d, memory, memory + GUEST_BLOCK + PAGE);
	EXPECT_TRUE(memory_is_all(memory, GUEST_BLOCK - HALF, 0));
	EXPECT_TRUE(memory_is_all(memory + GUEST_BLOCK, PAGE, 0));
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
#define NESTED	" nested S1ContextPtr=0x40000000 S1CDMax=0 S1DSS=terminate EATS=abort S2VMID="

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
	EXPECT_EQ(1, count_traced(_metadata, NESTED));
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

/* Once it is unmapped it is the host's again, whatever the device was at */
TEST_F(nested, the_host_unmaps_under_the_devices_hands)
{
	const struct timespec naps[] = { {}, { .tv_nsec = 90000000 }, { .tv_nsec = 100000000 } };
	struct vm_device *d = &self->d;
	__u64 tail = GUEST_RAM + GUEST_RAM_SIZE, unmapped;
	__u8 *memory = memory_pages(PAGE);

	ASSERT_NE(NULL, memory);
	stage1_map(&d->s1, VA, tail, PAGE, 0);
	for (int i = 0; i < 9; i++) {
		memset(memory, 0, PAGE);
		ASSERT_OK(ioas_map_at(d->fd, self->bound.ioas, memory, PAGE, tail));
		/* What is cached has to go too: it is from the time before */
		ASSERT_EQ(0, edu_store(&d->edu, VA, HALF));
		ASSERT_TRUE(memory_is(memory, HALF, 1));
		edu_store_begin(&d->edu, VA, HALF);
		nanosleep(&naps[i % ARRAY_SIZE(naps)], NULL);
		ASSERT_OK(ioas_unmap(d->fd, self->bound.ioas, tail, PAGE, &unmapped));
		memset(memory, 0, PAGE);
		ASSERT_EQ(0, edu_wait(&d->edu));
		EXPECT_TRUE(memory_is_all(memory, PAGE, 0)) {
			TH_LOG("turn %d", i);
		}
	}
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

TEST_F(nested, an_msi_arrives_where_stage_1_is_bypassed)
{
	struct vm_device *d = &self->d;
	__u64 start, last;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_LE(0, event);
	if (!edu_reserved_range(&d->edu, &start, &last))
		SKIP(return, "there is no window for doorbells");
	ASSERT_OK(edu_irq_enable(&d->edu, VFIO_PCI_MSI_IRQ_INDEX, event));
	/* Stage 1 has nothing there, and when it is gone nothing is in the way */
	edu_irq_raise(&d->edu, 1);
	EXPECT_FALSE(arrives(event, 500));
	edu_irq_ack(&d->edu, 1);
	attach_ste(_metadata, d, ste_bypass());
	edu_irq_raise(&d->edu, 1);
	EXPECT_TRUE(arrives(event, 10000));
	edu_irq_ack(&d->edu, 1);
	ASSERT_OK(edu_irq_disable(&d->edu, VFIO_PCI_MSI_IRQ_INDEX));
}

TEST_HARNESS_MAIN
