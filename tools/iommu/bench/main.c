// SPDX-License-Identifier: GPL-2.0-only
/*
 * Count the instructions that mapping memory for a device takes: the steps
 * alone, VFIO type1, /dev/iommu. 'make bench' runs it in the machine.
 * Usage: iommu-bench [-m] [-n] [-s MiB]
 *	-m: the mock IOMMU; -n: nested translation of an SMMUv3 too; -s: how much memory
 */
#include <unistd.h>

#include "bench.h"

static struct device devices[DEVICES];
static bool mock, smmu;

/* One after the other, since each wants the device for itself. */
static void measure(void (*steps)(const struct memory *), void (*type1)(const struct memory *),
		    void (*ours)(const struct memory *), const struct memory *memory)
{
	floor_open(mock ? NULL : &devices[0]);
	steps(memory);
	floor_close();
	if (!mock) {
		type1_open(&devices[0]);
		type1(memory);
		type1_close();
	}
	ours_open(devices, mock);
	ours(memory);
	ours_close();
}

static void measure_objects(void)
{
	floor_open(mock ? NULL : &devices[0]);
	floor_objects();
	floor_close();
	ours_open(devices, mock);
	ours_objects();
	ours_close();
}

int main(int argc, char **argv)
{
	size_t size = 1UL << 30;
	struct memory memory;
	int option;

	while ((option = getopt(argc, argv, "mns:")) != -1) {
		if (option == 'm')
			mock = true;
		else if (option == 'n')
			smmu = true;
		else if (option == 's')
			size = strtoul(optarg, NULL, 0) << 20;
		else
			return 2;
	}
	if (!size || size % HUGE)
		fail("the size is in MiB, a multiple of 2");
	setvbuf(stdout, NULL, _IOLBF, 0);
	clock_check();
	if (!mock)
		devices_find(devices);

	for (int kind = 0; kind < KINDS; kind++) {
		memory_make(&memory, kind, size);
		measure(floor_run, type1_run, ours_run, &memory);
		if (kind == SCATTERED)
			measure(floor_small, type1_small, ours_small, &memory);
		memory_free(&memory);
	}
	measure_objects();
	if (mock)
		nested_run();
	if (smmu)
		smmu_run();
	printf("end\n");
	return 0;
}
