// SPDX-License-Identifier: GPL-2.0-only
/* VFIO type1 (v2), what programs used before /dev/iommu. */
#include <fcntl.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "bench.h"

static int container = -1, group = -1;

void type1_open(const struct device *device)
{
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		fail("/dev/vfio/vfio: %s", strerror(errno));
	group = device_group(device);
	IOCTL(group, VFIO_GROUP_SET_CONTAINER, &container);
	IOCTL(container, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU);
}

static void map(const void *va, size_t length, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	IOCTL(container, VFIO_IOMMU_MAP_DMA, &map);
}

static void unmap(uint64_t iova, size_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	IOCTL(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	if (unmap.size != length)
		fail("type1 unmapped %llu bytes of %zu", unmap.size, length);
}

void type1_run(const struct memory *memory)
{
	const char *kind = kind_names[memory->kind];
	struct figure mapping = {}, unmapping = {};

	while (!settled_large(&mapping) || !settled_large(&unmapping)) {
		MEASURE(&mapping, map(memory->at, memory->length, IOVA));
		MEASURE(&unmapping, unmap(IOVA, memory->length));
	}
	figure_tell(&mapping, "type1", "map", kind, memory->length / PAGE);
	figure_tell(&unmapping, "type1", "unmap", kind, memory->length / PAGE);
}

static void one_page(const void *va, uint64_t iova, const char *what)
{
	struct figure mapping = {}, unmapping = {};

	while (!settled_small(&mapping) || !settled_small(&unmapping)) {
		MEASURE(&mapping, map(va, PAGE, iova));
		MEASURE(&unmapping, unmap(iova, PAGE));
	}
	figure_tell(&mapping, "type1", "map", what, 1);
	figure_tell(&unmapping, "type1", "unmap", what, 1);
}

void type1_small(const struct memory *memory)
{
	one_page(memory->at, IOVA, "small");
	for (uint64_t i = 0; i < MANY; i++)
		map(memory->at + i * PAGE % memory->length, PAGE, IOVA + i * MANY_STEP);
	one_page(memory->at, IOVA + MANY / 2 * MANY_STEP + PAGE, "many");
	for (uint64_t i = 0; i < MANY; i++)
		unmap(IOVA + i * MANY_STEP, PAGE);
}

void type1_close(void)
{
	close(group);
	close(container);
}
