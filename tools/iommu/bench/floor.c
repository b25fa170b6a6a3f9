// SPDX-License-Identifier: GPL-2.0-only
/* The floor: what the steps take alone, measured by the module. */
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"
#include "module/iommufd-bench.h"

static int bench = -1;
static bool attached;

/* The steps of one repetition, and the least of each. */
enum { PIN, MAP, UNMAP, FLUSH, UNPIN, STEPS };

static const char *const step_names[STEPS] = { "pin", "map", "unmap", "flush", "unpin" };

void floor_open(const struct device *device)
{
	unsigned int segment, bus, slot, function;
	struct bench_pci pci;

	bench = open("/dev/iommufd-bench", O_RDWR | O_CLOEXEC);
	if (bench < 0)
		fail("/dev/iommufd-bench: %s", strerror(errno));
	attached = device;
	if (!device)
		return;
	if (sscanf(device->bdf, "%x:%x:%x.%x", &segment, &bus, &slot, &function) != 4)
		fail("%s is no PCI device", device->bdf);
	pci.segment = segment;
	pci.bus = bus;
	pci.devfn = slot << 3 | function;
	IOCTL(bench, BENCH_ATTACH, &pci);
}

static void do_steps(const void *va, size_t length, struct figure *figures)
{
	struct bench_steps steps = { .va = (uintptr_t)va, .length = length, .iova = IOVA };

	clock_begin();
	IOCTL(bench, BENCH_STEPS, &steps);
	clock_end();
	figure_add(&figures[PIN], clock_instructions(steps.out_pin));
	figure_add(&figures[MAP], clock_instructions(steps.out_map));
	figure_add(&figures[UNMAP], clock_instructions(steps.out_unmap));
	figure_add(&figures[FLUSH], clock_instructions(steps.out_flush));
	figure_add(&figures[UNPIN], clock_instructions(steps.out_unpin));
}

static void tell(const struct figure *figures, const char *kind, uint64_t units)
{
	for (int i = 0; i < STEPS; i++) {
		if (attached || i == PIN || i == UNPIN)
			figure_tell(&figures[i], "step", step_names[i], kind, units);
	}
}

void floor_run(const struct memory *memory)
{
	struct figure figures[STEPS] = {};

	for (int i = 0; i < LARGE_TRIES; i++)
		do_steps(memory->at, memory->length, figures);
	tell(figures, kind_names[memory->kind], memory->length / PAGE);
}

void floor_small(const struct memory *memory)
{
	struct figure figures[STEPS] = {};

	for (int i = 0; i < SMALL_TRIES; i++)
		do_steps(memory->at, PAGE, figures);
	tell(figures, "small", 1);
}

void floor_objects(void)
{
	struct figure alloc = {}, free = {};
	struct bench_domain cost;

	if (!attached)
		return;
	for (int i = 0; i < SMALL_TRIES; i++) {
		IOCTL(bench, BENCH_DOMAIN, &cost);
		figure_add(&alloc, clock_instructions(cost.out_alloc));
		figure_add(&free, clock_instructions(cost.out_free));
	}
	figure_tell(&alloc, "step", "alloc", "domain", 1);
	figure_tell(&free, "step", "free", "domain", 1);
}

void floor_close(void)
{
	close(bench);
}
