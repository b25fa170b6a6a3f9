// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested translation with each step failing: see lib/failing.h.
 */
#include "lib/failing.h"
#include "lib/nested.h"

/* ---- What there is before; world.hwpt is the parent, world.other the VIOMMU ---- */

static int a_parent(struct world *w)
{
	return a_device_with_areas(w) ?: parent_alloc(w->fd, w->mock.dev, w->ioas, &w->hwpt);
}

static int a_viommu(struct world *w)
{
	return a_parent(w) ?: viommu_alloc(w->fd, w->mock.dev, w->hwpt, &w->other);
}

static int a_vdevice(struct world *w)
{
	__u32 vdevice;

	return a_viommu(w) ?: vdevice_alloc(w->fd, w->other, w->mock.dev, 1, &vdevice);
}

/* world.hwpt is the nested one. */
static int a_nested(struct world *w)
{
	return a_parent(w) ?: nested_alloc(w->fd, w->mock.dev, w->hwpt, IOTLB, &w->hwpt);
}

static int a_nested_in_viommu(struct world *w)
{
	return a_vdevice(w) ?: nested_alloc(w->fd, w->mock.dev, w->other, IOTLB, &w->hwpt);
}

/* ---- Page tables ---- */

static int run_parent_alloc(struct world *w)
{
	__u32 hwpt;

	return parent_alloc(w->fd, w->mock.dev, w->ioas, &hwpt);
}

SCENARIO(parent_alloc, .prepare = a_device_with_areas, .run = run_parent_alloc,
	 .own_steps = 5);

static int run_nested_alloc(struct world *w)
{
	__u32 hwpt;

	return nested_alloc(w->fd, w->mock.dev, w->hwpt, IOTLB, &hwpt);
}

SCENARIO(nested_alloc, .prepare = a_parent, .run = run_nested_alloc, .own_steps = 2);

static int run_nested_alloc_in_viommu(struct world *w)
{
	__u32 hwpt;

	return nested_alloc(w->fd, w->mock.dev, w->other, IOTLB, &hwpt);
}

SCENARIO(nested_alloc_in_viommu, .prepare = a_viommu, .run = run_nested_alloc_in_viommu,
	 .own_steps = 2);

static int run_replace(struct world *w)
{
	struct mock mock = w->mock;

	return mock_replace(w->fd, &mock, w->hwpt);
}

SCENARIO(replace_by_nested, .prepare = a_nested, .run = run_replace, .own_steps = 3,
	 .answers_late = true);
SCENARIO(replace_by_nested_in_viommu, .prepare = a_nested_in_viommu, .run = run_replace,
	 .own_steps = 3, .answers_late = true);

static int run_attach(struct world *w)
{
	return mock_attach(w->fd, w->hwpt, &w->second);
}

SCENARIO(attach_to_nested, .prepare = a_nested, .run = run_attach, .own_steps = 1);

/* ---- Invalidations ---- */

static int run_invalidate_few(struct world *w)
{
	return invalidate_iotlb(w->fd, w->hwpt, INV_ALL, 0);
}

static int check_iotlb(struct world *w, bool done)
{
	return done ? mock_check_iotlbs(w->fd, w->hwpt, 0) : 0;
}

SCENARIO(invalidate_few, .prepare = a_nested, .run = run_invalidate_few,
	 .check = check_iotlb, .own_steps = 1);

static int run_invalidate_many(struct world *w)
{
	struct iommu_hwpt_invalidate_selftest entries[1200];
	__u32 num = 1200;

	for (__u32 i = 0; i < num; i++)
		entries[i] = (struct iommu_hwpt_invalidate_selftest){ .iotlb_id = i % 4 };
	return hwpt_invalidate(w->fd, w->hwpt, HWPT_INV, entries, sizeof(entries[0]), &num) ?:
	       num == 1200 ? 0 : -EBADE;
}

SCENARIO(invalidate_many, .prepare = a_nested, .run = run_invalidate_many,
	 .check = check_iotlb, .own_steps = 1);

static int run_invalidate_viommu(struct world *w)
{
	return invalidate_cache(w->fd, w->other, 1, INV_ALL, 0);
}

static int check_caches(struct world *w, bool done)
{
	return done ? mock_check_caches(w->fd, w->mock.dev, 0) : 0;
}

SCENARIO(invalidate_viommu, .prepare = a_vdevice, .run = run_invalidate_viommu,
	 .check = check_caches, .own_steps = 1);

/* ---- The others ---- */

static int run_viommu_alloc(struct world *w)
{
	__u32 viommu;

	return viommu_alloc(w->fd, w->mock.dev, w->hwpt, &viommu);
}

SCENARIO(viommu_alloc, .prepare = a_parent, .run = run_viommu_alloc, .own_steps = 2);

static int run_viommu_alloc_data(struct world *w)
{
	struct iommu_viommu_selftest data = { .in_data = 1 };

	return viommu_alloc_data(w->fd, w->mock.dev, w->hwpt, IOMMU_VIOMMU_TYPE_SELFTEST,
				 &data, sizeof(data), &w->other);
}

SCENARIO(viommu_alloc_data, .prepare = a_parent, .run = run_viommu_alloc_data,
	 .own_steps = 2);

static int run_mmap(struct world *w)
{
	/* The first place that there is. */
	void *page = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, w->fd, PAGE);

	snprintf(last_call, sizeof(last_call), "mmap()");
	if (page == MAP_FAILED)
		return -errno;
	/* One step fails, so the second time it works. */
	if (munmap(page, 2 * PAGE))
		return munmap(page, 2 * PAGE) ? -errno : 0;
	return 0;
}

static int a_viommu_with_a_page(struct world *w)
{
	return a_parent(w) ?: run_viommu_alloc_data(w);
}

SCENARIO(mmap, .prepare = a_viommu_with_a_page, .run = run_mmap);

static int run_vdevice_alloc(struct world *w)
{
	__u32 vdevice;

	return vdevice_alloc(w->fd, w->other, w->mock.dev, 1, &vdevice);
}

SCENARIO(vdevice_alloc, .prepare = a_viommu, .run = run_vdevice_alloc, .own_steps = 2);

static int run_hw_queue_alloc(struct world *w)
{
	__u32 queue;

	return hw_queue_alloc(w->fd, w->other, 0, AT + 100, 100, &queue);
}

SCENARIO(hw_queue_alloc, .prepare = a_viommu, .run = run_hw_queue_alloc, .own_steps = 2);

/* ---- One step after the other, to the first that fails ---- */

static int run_life(struct world *w)
{
	__u32 vdevice, queue, hwpt;

	return an_ioas_with_areas(w) ?:
	       mock_attach(w->fd, w->ioas, &w->mock) ?:
	       parent_alloc(w->fd, w->mock.dev, w->ioas, &w->hwpt) ?:
	       run_viommu_alloc_data(w) ?:
	       vdevice_alloc(w->fd, w->other, w->mock.dev, 1, &vdevice) ?:
	       hw_queue_alloc(w->fd, w->other, 0, AT, PAGE, &queue) ?:
	       nested_alloc(w->fd, w->mock.dev, w->other, IOTLB, &hwpt) ?:
	       mock_replace(w->fd, &w->mock, hwpt) ?:
	       invalidate_iotlb(w->fd, hwpt, INV_ALL, 0) ?:
	       invalidate_cache(w->fd, w->other, 1, INV_ALL, 0) ?:
	       mock_replace(w->fd, &w->mock, w->hwpt) ?:
	       destroy(w->fd, hwpt) ?:
	       destroy(w->fd, queue) ?:
	       destroy(w->fd, w->mock.id) ?:
	       destroy(w->fd, w->other) ?:
	       destroy(w->fd, w->hwpt) ?:
	       destroy(w->fd, w->ioas);
}

SCENARIO(life, .run = run_life, .own_steps = 20, .is_story = true);

TEST_HARNESS_MAIN
