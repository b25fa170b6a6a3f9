// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest with an SMMUv3 of its own has a VMM ask for, on an SMMU that can
 * nest: its commands, its stream table entries, and the events of its devices.
 * The guest is the one that the tests have.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/iommufd.h>

#include "bench.h"
#include "../../testing/selftests/iommu/lib/edu.h"
#include "../../testing/selftests/iommu/lib/guest.h"
#include "../../testing/selftests/iommu/lib/iommufd.h"

/* The device as the guest knows it */
#define VSID		0x99

/* What the guest maps, and what it does not */
#define VA		0x500000000ULL
#define VA_NONE		(VA + (64UL << 20))
#define ASID		3

/* Entries of the largest array of commands */
#define COMMANDS	1024U

/* How long the device thinks before it does DMA, in its milliseconds */
#define EDU_DELAY_MS	100
#define NS_PER_MS	1000000

/* How many events are measured; by how much later in the tick's time each is */
#define EVENTS		100
#define EVENTS_APART_US	137

/* Its register that says whether it has */
#define EDU_DMA_CMD	0x98
#define EDU_DMA_BUSY	1

/**
 * struct smmu - all that there is while measuring
 * @iommu: the context
 * @edu: the device
 * @guest: its memory
 * @ste: its stream table entry
 * @parent: the host's stage 2
 * @viommu: on that
 * @hwpts: two of that STE; the device is attached to the first one
 * @events: file of the device's events
 */
struct smmu {
	int iommu;
	struct edu edu;
	struct guest guest;
	struct ste ste;
	__u32 parent;
	__u32 viommu;
	__u32 hwpts[2];
	int events;
};

/* Of what is not measured, and tells what it did */
#define OK(statement) do { \
	int error_ = (statement); \
	if (error_) \
		fail("%s: %s", last_call, strerror(-error_)); \
} while (0)

static __u32 nested_alloc(const struct smmu *smmu)
{
	struct iommu_hwpt_arm_smmuv3 data = { { smmu->ste.words[0], smmu->ste.words[1] } };
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.dev_id = smmu->edu.id,
		.pt_id = smmu->viommu,
		.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	IOCTL(smmu->iommu, IOMMU_HWPT_ALLOC, &alloc);
	return alloc.out_hwpt_id;
}

static void nested_destroy(const struct smmu *smmu, __u32 id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	IOCTL(smmu->iommu, IOMMU_DESTROY, &destroy);
}

static void attach(const struct smmu *smmu, __u32 hwpt)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = hwpt };

	IOCTL(smmu->edu.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

static void detach(const struct smmu *smmu)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	IOCTL(smmu->edu.fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

static void invalidate(const struct smmu *smmu, struct iommu_hwpt_invalidate *call, __u32 count)
{
	call->entry_num = count;
	IOCTL(smmu->iommu, IOMMU_HWPT_INVALIDATE, call);
	if (call->entry_num != count)
		fail("%u of %u commands were done", call->entry_num, count);
}

static void measure_commands(const struct smmu *smmu, const struct command *commands,
			     const char *what)
{
	static const __u32 counts[] = { 1, 16, 256, COMMANDS };
	struct iommu_hwpt_invalidate call = {
		.size = sizeof(call),
		.hwpt_id = smmu->viommu,
		.data_uptr = (uintptr_t)commands,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.entry_len = sizeof(*commands),
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct figure figure = {};
		char kind[16];

		while (!settled_small(&figure))
			MEASURE(&figure, invalidate(smmu, &call, counts[i]));
		snprintf(kind, sizeof(kind), "%u", counts[i]);
		figure_tell(&figure, "ours", what, kind, counts[i]);
	}
}

static void measure_invalidations(const struct smmu *smmu)
{
	static struct command tlbi[COMMANDS], cfgi[COMMANDS];

	for (unsigned int i = 0; i < COMMANDS; i++) {
		tlbi[i] = tlbi_va(ASID, VA + i * PAGE);
		cfgi[i] = cfgi_cd(VSID, 0);
	}
	measure_commands(smmu, tlbi, "invalidate-tlbi");
	measure_commands(smmu, cfgi, "invalidate-cfgi");
}

/*
 * An object more stays every now and then: where all slabs were full but for one
 * place each, the next allocation would go from one to the other every time.
 */
static void measure_objects(const struct smmu *smmu)
{
	struct figure allocs = {}, destroys = {};
	__u32 hwpt = 0, kept[SMALL_TRIES], nr = 0;

	while (!settled_small(&allocs) || !settled_small(&destroys)) {
		MEASURE(&allocs, hwpt = nested_alloc(smmu));
		MEASURE(&destroys, nested_destroy(smmu, hwpt));
		if (allocs.tries % 4 == 0)
			kept[nr++] = nested_alloc(smmu);
	}
	while (nr)
		nested_destroy(smmu, kept[--nr]);
	figure_tell(&allocs, "ours", "nested", "alloc", 1);
	figure_tell(&destroys, "ours", "nested", "destroy", 1);
}

static void measure_moves(const struct smmu *smmu)
{
	struct figure replaces = {}, detaches = {}, attaches = {};

	while (!settled_small(&replaces)) {
		MEASURE(&replaces, attach(smmu, smmu->hwpts[1]));
		MEASURE(&replaces, attach(smmu, smmu->hwpts[0]));
	}
	while (!settled_small(&detaches) || !settled_small(&attaches)) {
		MEASURE(&detaches, detach(smmu));
		MEASURE(&attaches, attach(smmu, smmu->hwpts[0]));
	}
	figure_tell(&replaces, "ours", "nested", "replace", 1);
	figure_tell(&attaches, "ours", "nested", "attach", 1);
	figure_tell(&detaches, "ours", "nested", "detach", 1);
}

static bool edu_is_busy(const struct edu *edu)
{
	return *(volatile __u32 *)(edu->regs + EDU_DMA_CMD) & EDU_DMA_BUSY;
}

/* When it does DMA, behind a full millisecond of the CPU's clock */
static uint64_t edu_phase(struct edu *edu)
{
	uint64_t not_done;

	edu_store_begin(edu, VA, PAGE / 2);
	usleep((EDU_DELAY_MS - 2) * 1000);
	if (!edu_is_busy(edu))
		fail("the device is faster than it should be");
	do {
		not_done = clock_now();
	} while (edu_is_busy(edu));
	return not_done % NS_PER_MS;
}

/*
 * From the device's DMA, where nothing is for it, until the program that waits for
 * events is back. The device does it so many milliseconds after it was told, to
 * the millisecond, and the CPU sleeps until then.
 */
static void event(struct smmu *smmu, uint64_t phase, struct figure *figure)
{
	struct pollfd poll_fd = { .fd = smmu->events, .events = POLLIN };
	struct iommu_vevent_arm_smmuv3 got;
	struct iommufd_vevent_header header;
	uint64_t started, happens, now;

	clock_begin();
	started = clock_now();
	/* More bytes would be more events, which are handled before poll() is back */
	edu_store_begin(&smmu->edu, VA_NONE, sizeof(__u32));
	if (poll(&poll_fd, 1, -1) != 1)
		fail("poll: %s", strerror(errno));
	now = clock_now();
	clock_end();

	happens = ((started - phase) / NS_PER_MS + EDU_DELAY_MS) * NS_PER_MS + phase;
	if (now < happens)
		fail("the guest was told before it happened");
	figure_add(figure, now - happens);
	OK(veventq_next(smmu->events, &header, &got));
	OK(edu_wait(&smmu->edu));
	while (!veventq_next(smmu->events, &header, &got))
		;
}

static int by_least(const void *a, const void *b)
{
	const struct figure *first = a, *second = b;

	return first->least < second->least ? -1 : first->least > second->least;
}

/*
 * What the tick adds depends on when it was and is to be, which has nothing to do
 * with the event. So events come at many times between two ticks, and what half of
 * them take no more than is told: the least would be luck.
 */
static void measure_events(struct smmu *smmu)
{
	uint64_t phase = edu_phase(&smmu->edu);
	struct figure events[EVENTS] = {};
	struct figure *median = &events[EVENTS / 2];

	for (int i = 0; i < EVENTS; i++) {
		usleep(i * EVENTS_APART_US);
		event(smmu, phase, &events[i]);
	}
	qsort(events, EVENTS, sizeof(*events), by_least);
	median->tries = EVENTS;
	median->seen = 0;
	for (int i = 0; i < EVENTS; i++)
		median->seen += events[i].least == median->least;
	figure_tell(median, "ours", "event", "poll", 1);
}

static void guest_open(struct smmu *smmu)
{
	struct guest *guest = &smmu->guest;
	struct stage1 s1;
	__u64 cds;

	cds = cd_table(guest, 0);
	stage1_init(&s1, guest, 3);
	stage1_map(&s1, VA, guest_alloc(guest, PAGE), PAGE, 0);
	cd_write(guest, cds, 0, &s1, ASID);
	smmu->ste = ste_stage1(cds, 0);
}

static void smmu_open(struct smmu *smmu)
{
	__u32 ioas, vdevice, veventq;

	OK(edu_find(&smmu->edu, 0));
	OK(edu_open(&smmu->edu));
	smmu->iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (smmu->iommu < 0)
		fail("/dev/iommu: %s", strerror(errno));
	OK(edu_bind(&smmu->edu, smmu->iommu));
	OK(ioas_alloc(smmu->iommu, &ioas));
	OK(guest_init(&smmu->guest));
	OK(ioas_map_at(smmu->iommu, ioas, smmu->guest.ram, GUEST_RAM_SIZE, GUEST_RAM));
	OK(hwpt_alloc_parent(smmu->iommu, smmu->edu.id, ioas, &smmu->parent));
	OK(viommu_alloc_smmu(smmu->iommu, smmu->edu.id, smmu->parent, &smmu->viommu));
	OK(vdevice_alloc_at(smmu->iommu, smmu->viommu, smmu->edu.id, VSID, &vdevice));
	OK(veventq_alloc_smmu(smmu->iommu, smmu->viommu, 64, &veventq, &smmu->events));

	guest_open(smmu);
	smmu->hwpts[0] = nested_alloc(smmu);
	smmu->hwpts[1] = nested_alloc(smmu);
	attach(smmu, smmu->hwpts[0]);
	OK(edu_start(&smmu->edu));
}

void smmu_run(void)
{
	struct smmu smmu = {};

	smmu_open(&smmu);
	measure_invalidations(&smmu);
	measure_objects(&smmu);
	measure_moves(&smmu);
	measure_events(&smmu);
	edu_close(&smmu.edu);
	close(smmu.events);
	close(smmu.iommu);
}
