// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's page tables above the host's, walked by an SMMU: a tutorial.
 *
 * A guest with an SMMUv3 of its own maps guest virtual addresses (GVA) to its
 * physical ones (IPA): stage 1. The host maps those to memory (PA): stage 2. The
 * real SMMU walks both, so the guest maps and unmaps without a call of the host.
 *
 * This program is the guest, which writes its tables into its memory, and the
 * host's VMM, which tells the kernel of them. Read main() first, at the end: it
 * is the list of the steps. Each prints what is done, and what is seen then.
 * The formats of tables and commands are in guest.h, the device's in edu.h, both
 * of tools/testing/selftests/iommu/lib; edu-dma.c is the simpler story.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include "edu.h"
#include "guest.h"
#include "iommufd.h"
#include "memory.h"

/* What the guest chooses: addresses for its device, and names for itself. */
#define LETTER_GVA	0x500000000ULL
#define REPLY_GVA	0x500001000ULL
#define HOLE_GVA	0x500400000ULL	/* nothing will be mapped here */
#define ASID		3
#define VSID		0x17		/* what the guest calls the device */
#define LEVELS		4

#define TEXT		64		/* bytes of a letter */
#define WORD		4		/* one fault: of more, QEMU makes several */

#define TRACING "/sys/kernel/tracing/instances/nested-dma"

struct page {
	__u64 ipa, pa;
	char *text;	/* where this process sees it */
};

struct story {
	struct edu edu;
	int iommu;
	int events;	/* what the guest is told */
	__u32 ioas, parent, viommu, vdevice, veventq, nested;
	struct guest guest;
	struct stage1 s1;
	__u64 cds;	/* the context descriptor's IPA */
	struct page letter, reply, other, taken;
};

/* ---- Saying what happens, and stopping when it does not ---- */

static struct timespec started;
static int step;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - started.tv_sec + (now.tv_nsec - started.tv_nsec) / 1e9;
}

#define topic(text) puts(text)
#define does(fmt, ...) (printf(" %3d  " fmt "\n", ++step, ##__VA_ARGS__), fflush(stdout))
#define seen(fmt, ...) (printf("        > " fmt "\n", ##__VA_ARGS__), fflush(stdout))

/* What is open goes with the process: nothing to undo here. */
#define fail(fmt, ...) do { \
	printf("        ! " fmt "\nFAIL in %.1f s, in step %d\n", ##__VA_ARGS__, seconds(), \
	       step); \
	exit(1); \
} while (0)

/* Every call here is expected to work. */
#define OK(call_) do { \
	int err_ = call_; \
	if (err_) \
		fail("%s: %s", last_call[0] ? last_call : #call_, strerror(-err_)); \
} while (0)

/*
 * What can be left out, to see that the story ends there: each is something
 * without which the next step cannot see what it should.
 */
static const char *const parts[] = { "attach", "map", "tlbi", "hole", "unmap" };
static const char *left_out = "";

static bool with(const char *part)
{
	return strcmp(part, left_out);
}

/* ---- What the kernel says of the stream table entry: a tracepoint ---- */

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
}

static void end_tracing(void)
{
	rmdir(TRACING);
}

/* A trace buffer of our own, which goes with us, and has what comes from now on. */
static void watch_entries(void)
{
	if (mkdir(TRACING, 0700) && errno != EEXIST)
		fail(TRACING ": %s", strerror(errno));
	atexit(end_tracing);
	if (access(TRACING "/events/arm_smmu_v3", F_OK))
		fail("this kernel has no SMMUv3; edu-dma shows DMA through any IOMMU");
	write_file(TRACING "/events/arm_smmu_v3/arm_smmu_ste/enable", "1");
}

/* Print the value of one of its fields, such as " S2VMID=2". */
static void print_field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	if (at)
		printf(" %.*s", (int)strcspn(at, "\n "), at);
}

/* What the SMMU was given since last time: the last of it must be @config. */
static void see_entries(const char *config)
{
	FILE *trace = fopen(TRACING "/trace", "r");
	char line[512], last[16] = "as it was", now[16];

	if (!trace)
		fail(TRACING "/trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), trace)) {
		const char *words = strstr(line, " step=");

		if (line[0] == '#' || !words || sscanf(words, " step=%*s %15s", now) != 1)
			continue;
		/* Steps on the way to another kind of entry look the same */
		if (!strcmp(last, now))
			continue;
		strcpy(last, now);
		printf("        > STE: %s", now);
		if (!strcmp(now, "nested")) {
			print_field(words, "S1ContextPtr=");
			print_field(words, "S2VMID=");
			print_field(words, "S2TTB=");
		}
		printf("\n");
	}
	fclose(trace);
	write_file(TRACING "/trace", "");
	if (strcmp(last, config))
		fail("the STE is to be %s, and is %s", config, last);
}

/* ---- The host: a device, memory, stage 2 ---- */

static void bind_device(struct story *s)
{
	s->iommu = iommufd_open();
	if (s->iommu < 0)
		fail("/dev/iommu: %s", strerror(-s->iommu));
	OK(edu_find(&s->edu, 0));
	OK(edu_open(&s->edu));
	OK(edu_bind(&s->edu, s->iommu));
	OK(edu_start(&s->edu));
	does("the host binds %s, an edu device, to /dev/iommu: DEVICE %u", s->edu.bdf, s->edu.id);
}

/* The guest's memory is the VMM's, at other addresses. */
static void give_memory(struct story *s)
{
	OK(guest_init(&s->guest));
	OK(ioas_alloc(s->iommu, &s->ioas));
	OK(ioas_map_at(s->iommu, s->ioas, s->guest.ram, GUEST_RAM_SIZE, GUEST_RAM));
	does("the host gives the guest %lu MiB of memory, at IPA 0x%llx: IOAS %u",
	     GUEST_RAM_SIZE >> 20, GUEST_RAM, s->ioas);
}

static void make_stage2(struct story *s)
{
	int err = hwpt_alloc_parent(s->iommu, s->edu.id, s->ioas, &s->parent);

	if (err == -EOPNOTSUPP)
		fail("this IOMMU has no two stages");
	OK(err);
	does("the host makes stage 2, IPA -> PA: HWPT_PAGING %u, a nesting parent", s->parent);
}

/* With a VMID: what the SMMU caches of this guest is no other's. */
static void share_smmu(struct story *s)
{
	int err = viommu_alloc_smmu(s->iommu, s->edu.id, s->parent, &s->viommu);

	if (err == -EOPNOTSUPP)
		fail("its firmware does not promise that DMA is coherent: boot with ACPI=1");
	OK(err);
	OK(vdevice_alloc_at(s->iommu, s->viommu, s->edu.id, VSID, &s->vdevice));
	OK(veventq_alloc_smmu(s->iommu, s->viommu, 16, &s->veventq, &s->events));
	does("the host gives the guest a share of the SMMU: VIOMMU %u", s->viommu);
	does("the device is StreamID 0x%x to the guest: VDEVICE %u", VSID, s->vdevice);
	does("the host opens the guest's queue of events: VEVENTQ %u", s->veventq);
}

/* ---- The guest: stage 1, in its memory ---- */

static void make_stage1(struct story *s)
{
	s->cds = cd_table(&s->guest, 0);
	stage1_init(&s->s1, &s->guest, LEVELS);
	does("the guest makes stage 1, GVA -> IPA: %d levels, the root at IPA 0x%llx", LEVELS,
	     s->s1.root);
	cd_write(&s->guest, s->cds, 0, &s->s1, ASID);
	does("the guest writes a context descriptor at IPA 0x%llx: that root, ASID %d",
	     s->cds, ASID);
}

/* A page's frame, which the kernel tells to root only. The memory is pinned. */
static __u64 physical(const void *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)page / PAGE * 8) != 8)
		fail("/proc/self/pagemap: %s", strerror(errno));
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * PAGE;
}

static void take_page(struct story *s, struct page *page)
{
	page->ipa = guest_alloc(&s->guest, PAGE);
	page->text = guest_ptr(&s->guest, page->ipa);
	page->pa = physical(page->text);
}

static void map(struct story *s, __u64 gva, struct page *page, const char *what)
{
	if (with("map") || gva != REPLY_GVA)
		stage1_map(&s->s1, gva, page->ipa, PAGE, 0);
	does("the guest maps %s", what);
	seen("GVA 0x%llx -> IPA 0x%llx -> PA 0x%llx", gva, page->ipa, page->pa);
}

/* ---- The SMMU is given both ---- */

static void attach(struct story *s)
{
	struct ste ste = ste_stage1(s->cds, 0);

	topic("Both, in the SMMU");
	does("the guest writes a stream table entry: stage 1, by that descriptor");
	OK(hwpt_alloc_ste(s->iommu, s->edu.id, s->viommu, ste, &s->nested));
	does("the host takes the guest's part of that entry, here all of it: HWPT_NESTED %u",
	     s->nested);
	if (with("attach"))
		OK(edu_attach(&s->edu, s->nested));
	does("the host attaches the device to that; the SMMU gets");
	see_entries("nested");
}

/* ---- DMA ---- */

static void device_reads(struct story *s, const char *text)
{
	snprintf(s->letter.text, TEXT, "%s", text);
	OK(edu_fetch(&s->edu, LETTER_GVA, TEXT));
	does("the device reads %d bytes at GVA 0x%llx", TEXT, LETTER_GVA);
}

static void device_writes(struct story *s, __u64 gva, size_t length)
{
	OK(edu_store(&s->edu, gva, length));
	does("the device writes %zu bytes at GVA 0x%llx", length, gva);
}

/* What was in the letter is in this page and in none of the others. */
static void look_for_letter(struct story *s, struct page *there)
{
	struct page *const all[] = { &s->reply, &s->other, &s->taken };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		bool same;

		if (!all[i]->text)
			continue;
		same = !memcmp(all[i]->text, s->letter.text, TEXT);
		if (all[i] != there && all[i]->text[0])
			fail("something arrived at PA 0x%llx: \"%.*s\"", all[i]->pa, TEXT,
			     all[i]->text);
		if (all[i] == there && !same)
			fail("it did not arrive at PA 0x%llx", there->pa);
		memset(all[i]->text, 0, TEXT);
	}
	if (there)
		seen("at PA 0x%llx is now \"%s\"", there->pa, s->letter.text);
	else
		seen("nothing arrived");
}

static void round_trip(struct story *s)
{
	topic("DMA through both");
	device_reads(s, "From the guest to its device, and back.");
	device_writes(s, REPLY_GVA, TEXT);
	look_for_letter(s, &s->reply);
}

/* ---- Stage 1 changes: what the SMMU remembers, it must be told to forget ---- */

static void change_stage1(struct story *s)
{
	struct command command = tlbi_va(ASID, REPLY_GVA);
	__u32 num = 1;

	topic("A stale translation");
	map(s, REPLY_GVA, &s->other, "another page");
	device_writes(s, REPLY_GVA, TEXT);
	look_for_letter(s, &s->reply);
	seen("which is the old page: the SMMU still has the old translation");
	if (with("tlbi"))
		OK(smmu_invalidate(s->iommu, s->viommu, &command, &num));
	does("the guest commands TLBI_NH_VA, ASID %d, GVA 0x%llx", ASID, REPLY_GVA);
	device_writes(s, REPLY_GVA, TEXT);
	look_for_letter(s, &s->other);
}

/* ---- A fault of stage 1: the guest is told, in its own words ---- */

static void expect_event(struct story *s, __u8 id, __u64 gva)
{
	struct pollfd ready = { .fd = s->events, .events = POLLIN };
	struct iommu_vevent_arm_smmuv3 event;
	struct iommufd_vevent_header header;
	__u64 word;

	if (poll(&ready, 1, 5000) != 1)
		fail("the guest is told of no event");
	OK(veventq_next(s->events, &header, &event));
	word = event.evt[0];
	if (header.flags || (word & 0xff) != id || word >> 32 != VSID ||
	    event.evt[2] != gva)
		fail("another event: 0x%llx, 0x%llx, 0x%llx, flags 0x%x", word,
		     (__u64)event.evt[1], (__u64)event.evt[2], header.flags);
	does("the guest reads event %u: F_TRANSLATION (0x%x), StreamID 0x%llx", header.sequence, id,
	     word >> 32);
	seen("a %s of %s, %sprivileged, at GVA 0x%llx",
	     event.evt[1] >> 35 & 1 ? "read" : "write",
	     event.evt[1] >> 34 & 1 ? "code" : "data",
	     event.evt[1] >> 33 & 1 ? "" : "un", (__u64)event.evt[2]);
}

static void go_astray(struct story *s)
{
	topic("A fault");
	if (!with("hole"))
		stage1_map(&s->s1, HOLE_GVA, s->other.ipa, PAGE, 0);
	device_writes(s, HOLE_GVA, WORD);
	look_for_letter(s, NULL);
	expect_event(s, 0x10, HOLE_GVA);
}

/* ---- Stage 2 changes: it is the host's, and needs no help of the guest ---- */

static void add_taken_page(struct story *s)
{
	s->taken.ipa = GUEST_RAM + GUEST_RAM_SIZE;
	s->taken.text = memory_pages(PAGE);
	if (!s->taken.text)
		fail("out of memory");
	memset(s->taken.text, 0, PAGE);
	OK(ioas_map_at(s->iommu, s->ioas, s->taken.text, PAGE, s->taken.ipa));
	s->taken.pa = physical(s->taken.text);
	does("the host gives the guest one more page, at IPA 0x%llx", s->taken.ipa);
}

static void take_back(struct story *s)
{
	struct pollfd ready = { .fd = s->events, .events = POLLIN };
	const __u64 gva = REPLY_GVA + PAGE;

	topic("Memory that the host takes back");
	add_taken_page(s);
	map(s, gva, &s->taken, "it");
	device_writes(s, gva, TEXT);
	look_for_letter(s, &s->taken);
	if (with("unmap"))
		OK(ioas_unmap(s->iommu, s->ioas, s->taken.ipa, PAGE, NULL));
	does("the host takes it back: unmaps IPA 0x%llx", s->taken.ipa);
	device_writes(s, gva, WORD);
	look_for_letter(s, NULL);
	if (poll(&ready, 1, 200))
		fail("the guest is told of a fault that is the host's");
	seen("and the guest is told nothing: this is between device and host");
}

/* ---- The end ---- */

/* What another one refers to is destroyed after it. Closing the files would do. */
static void undo(struct story *s)
{
	const __u32 ids[] = { s->nested, s->vdevice, s->veventq, s->viommu, s->parent, s->ioas };

	topic("The end");
	OK(edu_detach(&s->edu));
	does("the host detaches the device; the SMMU gets");
	see_entries("stage-1");
	seen("which is a stage 1 of the host's that maps nothing");
	close(s->events);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		OK(destroy(s->iommu, ids[i]));
	does("the host destroys all that it made: nothing is in use any more");
	edu_close(&s->edu);
	close(s->iommu);
}

static int explain(const char *name, int status)
{
	printf("usage: %s [--without PART]\n"
	       "Show an edu device's DMA through a guest's stage 1 and the host's stage 2, on an\n"
	       "SMMUv3 that can nest. Needs root and vfio-pci. Ends in PASS or FAIL.\n"
	       "PART, which makes it FAIL:", name);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		printf(" %s", parts[i]);
	printf("\n");
	return status;
}

static bool is_part(const char *name)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (!strcmp(parts[i], name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct story s = {};

	if (argc == 2 && !strcmp(argv[1], "--help"))
		return explain(argv[0], 0);
	if (argc == 3 && !strcmp(argv[1], "--without") && is_part(argv[2]))
		left_out = argv[2];
	else if (argc > 1)
		return explain(argv[0], 2);
	clock_gettime(CLOCK_MONOTONIC, &started);

	topic("Stage 2, the host's");
	bind_device(&s);
	watch_entries();
	give_memory(&s);
	make_stage2(&s);
	share_smmu(&s);
	topic("Stage 1, the guest's");
	take_page(&s, &s.letter);
	take_page(&s, &s.reply);
	take_page(&s, &s.other);
	make_stage1(&s);
	map(&s, LETTER_GVA, &s.letter, "a letter");
	map(&s, REPLY_GVA, &s.reply, "a reply");
	attach(&s);
	round_trip(&s);
	change_stage1(&s);
	go_astray(&s);
	take_back(&s);
	undo(&s);
	printf("PASS in %.1f s\n", seconds());
	return 0;
}
