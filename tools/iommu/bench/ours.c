// SPDX-License-Identifier: GPL-2.0-only
/* /dev/iommu: an IOAS with a device, and a second one to copy into. */
#include <fcntl.h>
#include <unistd.h>
#include <linux/iommufd.h>

#include "bench.h"
#include "../../../drivers/iommu/iommufd/iommufd_test.h"

#define RW	(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

static int iommu = -1;
static bool is_mock;
static struct device *devices;
static __u32 ioas, second;

static __u32 ioas_alloc(void)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	IOCTL(iommu, IOMMU_IOAS_ALLOC, &alloc);
	return alloc.out_ioas_id;
}

static __u32 hwpt_alloc(__u32 pt)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.dev_id = devices[0].id,
		.pt_id = pt,
	};

	IOCTL(iommu, IOMMU_HWPT_ALLOC, &alloc);
	return alloc.out_hwpt_id;
}

static void destroy(__u32 id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	IOCTL(iommu, IOMMU_DESTROY, &destroy);
}

static void map(const void *va, size_t length, uint64_t iova)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = length,
		.iova = iova,
	};

	IOCTL(iommu, IOMMU_IOAS_MAP, &map);
}

static void copy(uint64_t iova, size_t length)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.dst_ioas_id = second,
		.src_ioas_id = ioas,
		.length = length,
		.dst_iova = iova,
		.src_iova = iova,
	};

	IOCTL(iommu, IOMMU_IOAS_COPY, &copy);
}

static void unmap(__u32 where, uint64_t iova, size_t length)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = where,
		.iova = iova,
		.length = length,
	};

	IOCTL(iommu, IOMMU_IOAS_UNMAP, &unmap);
	if (unmap.length != length)
		fail("IOMMU_IOAS_UNMAP took away %llu bytes of %zu", unmap.length, length);
}

/* The mock makes a device and attaches it in one. */
static void mock_attach(struct device *device, __u32 pt)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = pt,
	};

	IOCTL(iommu, IOMMU_TEST_CMD, &cmd);
	device->id = cmd.mock_domain.out_idev_id;
}

static void attach(struct device *device, __u32 pt)
{
	if (is_mock) {
		mock_attach(device, pt);
	} else {
		device_bind(device, iommu);
		device_attach(device, pt);
	}
}

void ours_open(struct device *two, bool mock)
{
	iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommu < 0)
		fail("/dev/iommu: %s", strerror(errno));
	devices = two;
	is_mock = mock;
	ioas = ioas_alloc();
	second = ioas_alloc();
	attach(&devices[0], ioas);
	attach(&devices[1], second);
}

static void tell_memory(const char *what, const char *kind, const struct kernel_memory *before,
			const struct kernel_memory *after)
{
	printf("kernel\t%s.%s\t%ld\t%ld\n", what, kind, after->known - before->known,
	       after->tables - before->tables);
}

/* What the kernel needs to hold the map: in the IOAS, and for its copy. */
static void measure_memory(const struct memory *memory)
{
	const char *kind = kind_names[memory->kind];
	struct kernel_memory before, mapped, copied;

	kernel_memory_open();
	before = kernel_memory();
	map(memory->at, memory->length, IOVA);
	mapped = kernel_memory();
	copy(IOVA, memory->length);
	copied = kernel_memory();
	unmap(second, IOVA, memory->length);
	unmap(ioas, IOVA, memory->length);
	kernel_memory_close();
	tell_memory("map", kind, &before, &mapped);
	tell_memory("copy", kind, &mapped, &copied);
}

void ours_run(const struct memory *memory)
{
	struct figure mapping = {}, unmapping = {}, copying = {}, uncopying = {};
	const char *kind = kind_names[memory->kind];
	struct figure filling = {}, emptying = {};
	uint64_t pages = memory->length / PAGE;
	__u32 hwpt = 0;

	/* The mock's page tables would count, which are objects */
	if (!is_mock)
		measure_memory(memory);
	while (!settled_large(&mapping) || !settled_large(&unmapping) ||
	       !settled_large(&copying) || !settled_large(&filling)) {
		MEASURE(&mapping, map(memory->at, memory->length, IOVA));
		MEASURE(&copying, copy(IOVA, memory->length));
		MEASURE(&uncopying, unmap(second, IOVA, memory->length));
		MEASURE(&filling, hwpt = hwpt_alloc(ioas));
		MEASURE(&emptying, destroy(hwpt));
		MEASURE(&unmapping, unmap(ioas, IOVA, memory->length));
	}
	figure_tell(&mapping, "ours", "map", kind, pages);
	figure_tell(&unmapping, "ours", "unmap", kind, pages);
	figure_tell(&copying, "ours", "copy", kind, pages);
	figure_tell(&uncopying, "ours", "uncopy", kind, pages);
	figure_tell(&filling, "ours", "hwpt", kind, pages);
	figure_tell(&emptying, "ours", "unhwpt", kind, pages);
}

static void one_page(const void *va, uint64_t iova, const char *what)
{
	struct figure mapping = {}, unmapping = {};

	while (!settled_small(&mapping) || !settled_small(&unmapping)) {
		MEASURE(&mapping, map(va, PAGE, iova));
		MEASURE(&unmapping, unmap(ioas, iova, PAGE));
	}
	figure_tell(&mapping, "ours", "map", what, 1);
	figure_tell(&unmapping, "ours", "unmap", what, 1);
}

void ours_small(const struct memory *memory)
{
	one_page(memory->at, IOVA, "small");
	for (uint64_t i = 0; i < MANY; i++)
		map(memory->at + i * PAGE % memory->length, PAGE, IOVA + i * MANY_STEP);
	one_page(memory->at, IOVA + MANY / 2 * MANY_STEP + PAGE, "many");
	for (uint64_t i = 0; i < MANY; i++)
		unmap(ioas, IOVA + i * MANY_STEP, PAGE);
}

void ours_objects(void)
{
	struct figure spaces = {}, tables = {};

	while (!settled_small(&spaces))
		MEASURE(&spaces, destroy(ioas_alloc()));
	while (!settled_small(&tables))
		MEASURE(&tables, destroy(hwpt_alloc(second)));
	figure_tell(&spaces, "ours", "alloc", "ioas", 1);
	figure_tell(&tables, "ours", "alloc", "hwpt", 1);
}

void ours_close(void)
{
	for (int i = 0; i < DEVICES && !is_mock; i++)
		device_close(&devices[i]);
	close(iommu);
}
