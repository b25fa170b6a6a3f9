// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach, replace and detach by PASID, with each step failing: see lib/failing.h.
 */
#include "lib/failing.h"
#include "lib/pasid.h"

/* A device that uses PASIDs, on w->hwpt; w->second.hwpt is another one for it */
static int a_pasid_device(struct world *w)
{
	return an_ioas_with_areas(w) ?:
	       mock_attach_flags(w->fd, w->ioas, MOCK_FLAGS_DEVICE_PASID, &w->mock) ?:
	       hwpt_alloc_flags(w->fd, w->mock.dev, w->ioas, IOMMU_HWPT_ALLOC_PASID,
				IOMMU_HWPT_DATA_NONE, NULL, 0, &w->hwpt) ?:
	       hwpt_alloc_flags(w->fd, w->mock.dev, w->ioas, IOMMU_HWPT_ALLOC_PASID,
				IOMMU_HWPT_DATA_NONE, NULL, 0, &w->second.hwpt) ?:
	       mock_replace(w->fd, &w->mock, w->hwpt);
}

static int run_attach_device(struct world *w)
{
	return mock_attach_flags(w->fd, w->ioas, MOCK_FLAGS_DEVICE_PASID, &w->second);
}

SCENARIO(attach_device, .prepare = an_ioas_with_areas, .run = run_attach_device,
	 .own_steps = 1);

static int run_hwpt_alloc(struct world *w)
{
	__u32 hwpt;

	return hwpt_alloc_flags(w->fd, w->mock.dev, w->ioas, IOMMU_HWPT_ALLOC_PASID,
				IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt);
}

SCENARIO(hwpt_alloc, .prepare = a_pasid_device, .run = run_hwpt_alloc, .own_steps = 5);

static int run_attach(struct world *w)
{
	return pasid_attach(w->fd, w->mock.id, 77, w->second.hwpt);
}

/* Does the hardware have what fdinfo shows? */
static int check_attached(struct world *w, bool done)
{
	return pasid_check(w->fd, w->mock.id, 77, done ? w->second.hwpt : 0);
}

SCENARIO(attach, .prepare = a_pasid_device, .run = run_attach, .check = check_attached,
	 .own_steps = 2);

static int an_attached_pasid(struct world *w)
{
	return a_pasid_device(w) ?:
	       pasid_attach(w->fd, w->mock.id, 77, w->hwpt);
}

static int run_replace(struct world *w)
{
	return pasid_replace(w->fd, w->mock.id, 77, w->second.hwpt);
}

static int check_replaced(struct world *w, bool done)
{
	return pasid_check(w->fd, w->mock.id, 77, done ? w->second.hwpt : w->hwpt);
}

SCENARIO(replace, .prepare = an_attached_pasid, .run = run_replace, .check = check_replaced,
	 .own_steps = 2, .answers_late = true);

/* The device itself moves, with a PASID attached. */
static int run_replace_device(struct world *w)
{
	struct mock mock = w->mock;

	return mock_replace(w->fd, &mock, w->second.hwpt);
}

static int check_device_replaced(struct world *w, bool done)
{
	return pasid_check(w->fd, w->mock.id, 0, done ? w->second.hwpt : w->hwpt);
}

SCENARIO(replace_device, .prepare = an_attached_pasid, .run = run_replace_device,
	 .check = check_device_replaced, .own_steps = 2, .answers_late = true);

static int run_detach(struct world *w)
{
	return pasid_detach(w->fd, w->mock.id, 77);
}

static int check_detached(struct world *w, bool done)
{
	return pasid_check(w->fd, w->mock.id, 77, done ? 0 : w->hwpt);
}

SCENARIO(detach, .prepare = an_attached_pasid, .run = run_detach, .check = check_detached);

static int run_destroy_device(struct world *w)
{
	return destroy(w->fd, w->mock.id);
}

SCENARIO(destroy_device, .prepare = an_attached_pasid, .run = run_destroy_device);

/* To the first that fails; what then is there goes with the file. */
static int run_life(struct world *w)
{
	return an_attached_pasid(w) ?:
	       pasid_attach(w->fd, w->mock.id, 78, w->second.hwpt) ?:
	       pasid_replace(w->fd, w->mock.id, 77, w->second.hwpt) ?:
	       pasid_detach(w->fd, w->mock.id, 77) ?:
	       pasid_attach(w->fd, w->mock.id, 77, w->hwpt) ?:
	       destroy(w->fd, w->mock.id) ?:
	       destroy(w->fd, w->second.hwpt) ?:
	       destroy(w->fd, w->hwpt) ?:
	       ioas_unmap_all(w->fd, w->ioas, NULL) ?:
	       destroy(w->fd, w->ioas);
}

SCENARIO(life, .run = run_life, .own_steps = 20, .is_story = true);

TEST_HARNESS_MAIN
