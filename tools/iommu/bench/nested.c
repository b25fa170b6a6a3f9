// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest with an IOMMU of its own has a VMM ask for: the objects of nested
 * translation, invalidations, page faults. On the mock, whose hardware is some
 * words of memory, so that what is counted is the core's work.
 */
#include <fcntl.h>
#include <unistd.h>
#include <linux/iommufd.h>

#include "bench.h"
#include "../../../drivers/iommu/iommufd/iommufd_test.h"

/* The device as the guest knows it */
#define VIRTUAL_ID	0x99

/* Entries of the largest array of invalidations */
#define ENTRIES		256U

/**
 * struct nested - all that there is while measuring
 * @iommu: the context
 * @device: a mock device, and what stands for its attachment
 * @stdev: the latter
 * @parent: the HWPT below
 * @hwpt: a nested HWPT, that the device is attached to
 * @viommu: on the same parent
 * @vdevice: the device there
 * @fault: a queue of faults, of @hwpt
 * @faults: its file
 */
struct nested {
	int iommu;
	__u32 device;
	__u32 stdev;
	__u32 parent;
	__u32 hwpt;
	__u32 viommu;
	__u32 vdevice;
	__u32 fault;
	int faults;
};

static __u32 hwpt_alloc(const struct nested *nested, __u32 pt, __u32 flags)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc),
		.flags = flags,
		.dev_id = nested->device,
		.pt_id = pt,
	};

	if (pt == nested->parent || pt == nested->viommu) {
		alloc.data_type = IOMMU_HWPT_DATA_SELFTEST;
		alloc.data_len = sizeof(data);
		alloc.data_uptr = (uintptr_t)&data;
	}
	if (flags & IOMMU_HWPT_FAULT_ID_VALID)
		alloc.fault_id = nested->fault;
	IOCTL(nested->iommu, IOMMU_HWPT_ALLOC, &alloc);
	return alloc.out_hwpt_id;
}

static __u32 viommu_alloc(const struct nested *nested)
{
	struct iommu_viommu_alloc alloc = {
		.size = sizeof(alloc),
		.type = IOMMU_VIOMMU_TYPE_SELFTEST,
		.dev_id = nested->device,
		.hwpt_id = nested->parent,
	};

	IOCTL(nested->iommu, IOMMU_VIOMMU_ALLOC, &alloc);
	return alloc.out_viommu_id;
}

static __u32 vdevice_alloc(const struct nested *nested)
{
	struct iommu_vdevice_alloc alloc = {
		.size = sizeof(alloc),
		.viommu_id = nested->viommu,
		.dev_id = nested->device,
		.virt_id = VIRTUAL_ID,
	};

	IOCTL(nested->iommu, IOMMU_VDEVICE_ALLOC, &alloc);
	return alloc.out_vdevice_id;
}

static void destroy(const struct nested *nested, __u32 id)
{
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = id };

	IOCTL(nested->iommu, IOMMU_DESTROY, &destroy);
}

static void invalidate(const struct nested *nested, struct iommu_hwpt_invalidate *invalidate,
		       __u32 count)
{
	invalidate->entry_num = count;
	IOCTL(nested->iommu, IOMMU_HWPT_INVALIDATE, invalidate);
	if (invalidate->entry_num != count)
		fail("%u of %u invalidations were done", invalidate->entry_num, count);
}

static void measure_invalidate(const struct nested *nested, __u32 id, __u32 type,
			       const void *entries, size_t entry_size, const char *what)
{
	struct iommu_hwpt_invalidate call = {
		.size = sizeof(call),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entries,
		.data_type = type,
		.entry_len = entry_size,
	};

	for (__u32 count = 1; count <= ENTRIES; count *= 16) {
		struct figure figure = {};
		char kind[16];

		while (!settled_small(&figure))
			MEASURE(&figure, invalidate(nested, &call, count));
		snprintf(kind, sizeof(kind), "%u", count);
		figure_tell(&figure, "ours", what, kind, count);
	}
}

static void measure_invalidations(const struct nested *nested)
{
	static struct iommu_viommu_invalidate_selftest caches[ENTRIES];
	static struct iommu_hwpt_invalidate_selftest iotlb[ENTRIES];

	for (__u32 i = 0; i < ENTRIES; i++) {
		iotlb[i].iotlb_id = i % MOCK_NESTED_DOMAIN_IOTLB_NUM;
		caches[i].vdev_id = VIRTUAL_ID;
		caches[i].cache_id = i % MOCK_DEV_CACHE_NUM;
	}
	measure_invalidate(nested, nested->hwpt, IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, iotlb,
			   sizeof(*iotlb), "invalidate-hwpt");
	measure_invalidate(nested, nested->viommu, IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, caches,
			   sizeof(*caches), "invalidate-viommu");
}

/* The device asks for a page, and the VMM reads that and answers. */
static void fault(const struct nested *nested)
{
	struct iommu_hwpt_page_response response = { .code = IOMMUFD_PAGE_RESP_SUCCESS };
	struct iommu_hwpt_pgfault request;
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf = {
			.dev_id = nested->device,
			.grpid = 2,
			.perm = IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_WRITE,
			.addr = IOVA,
		},
	};

	IOCTL(nested->iommu, IOMMU_TEST_CMD, &cmd);
	if (read(nested->faults, &request, sizeof(request)) != sizeof(request))
		fail("no page request came");
	response.cookie = request.cookie;
	if (write(nested->faults, &response, sizeof(response)) != sizeof(response))
		fail("a response was not taken");
}

static void measure_objects(struct nested *nested)
{
	struct figure hwpts = {}, viommus = {}, vdevices = {};

	while (!settled_small(&hwpts))
		MEASURE(&hwpts, destroy(nested, hwpt_alloc(nested, nested->parent, 0)));
	while (!settled_small(&viommus))
		MEASURE(&viommus, destroy(nested, viommu_alloc(nested)));
	destroy(nested, nested->vdevice);
	while (!settled_small(&vdevices))
		MEASURE(&vdevices, destroy(nested, vdevice_alloc(nested)));
	nested->vdevice = vdevice_alloc(nested);
	figure_tell(&hwpts, "ours", "alloc", "nested", 1);
	figure_tell(&viommus, "ours", "alloc", "viommu", 1);
	figure_tell(&vdevices, "ours", "alloc", "vdevice", 1);
}

static void nested_attach(struct nested *nested)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = nested->stdev,
		.mock_domain_replace.pt_id = nested->hwpt,
	};

	IOCTL(nested->iommu, IOMMU_TEST_CMD, &cmd);
}

static void nested_open(struct nested *nested)
{
	struct iommu_fault_alloc queue = { .size = sizeof(queue) };
	struct iommu_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
	};

	nested->iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (nested->iommu < 0)
		fail("/dev/iommu: %s", strerror(errno));
	IOCTL(nested->iommu, IOMMU_IOAS_ALLOC, &ioas);
	cmd.id = ioas.out_ioas_id;
	IOCTL(nested->iommu, IOMMU_TEST_CMD, &cmd);
	nested->device = cmd.mock_domain.out_idev_id;
	nested->stdev = cmd.mock_domain.out_stdev_id;
	IOCTL(nested->iommu, IOMMU_FAULT_QUEUE_ALLOC, &queue);
	nested->fault = queue.out_fault_id;
	nested->faults = queue.out_fault_fd;

	nested->parent = hwpt_alloc(nested, ioas.out_ioas_id, IOMMU_HWPT_ALLOC_NEST_PARENT);
	nested->viommu = viommu_alloc(nested);
	nested->vdevice = vdevice_alloc(nested);
	nested->hwpt = hwpt_alloc(nested, nested->parent, IOMMU_HWPT_FAULT_ID_VALID);
	nested_attach(nested);
}

void nested_run(void)
{
	struct nested nested = {};
	struct figure faults = {};

	nested_open(&nested);
	measure_invalidations(&nested);
	measure_objects(&nested);
	while (!settled_small(&faults))
		MEASURE(&faults, fault(&nested));
	figure_tell(&faults, "ours", "fault", "response", 1);
	close(nested.faults);
	close(nested.iommu);
}
