// SPDX-License-Identifier: GPL-2.0-only
/*
 * An iommufd in the place of a VFIO container, with each step failing: see
 * lib/failing.h.
 */
#include "lib/container.h"
#include "lib/failing.h"

/* A container of that type whose IOAS is in a page table, and has an area. */
static int container(struct world *w, unsigned long type)
{
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_VFIO_IOAS_SET,
	};
	int err = an_ioas(w);

	if (err)
		return err;
	cmd.ioas_id = w->ioas;
	return call(w->fd, IOMMU_VFIO_IOAS, &cmd, "IOMMU_VFIO_IOAS(set %u)", w->ioas) ?:
	       container_set_iommu(w->fd, type) ?:
	       mock_attach(w->fd, w->ioas, &w->mock) ?:
	       container_map(w->fd, DMA_RW, w->pages, 4 * PAGE, AT);
}

static int container_v1(struct world *w)
{
	return container(w, VFIO_TYPE1_IOMMU);
}

static int container_v2(struct world *w)
{
	return container(w, VFIO_TYPE1v2_IOMMU);
}

static int run_map(struct world *w)
{
	return container_map(w->fd, DMA_RW, w->pages + 8 * PAGE, 8 * PAGE, AT + 64 * PAGE);
}

SCENARIO(container_map_v1, .prepare = container_v1, .run = run_map, .own_steps = 4);
SCENARIO(container_map_v2, .prepare = container_v2, .run = run_map, .own_steps = 4);

static int run_info(struct world *w)
{
	struct container_info info;

	return container_info(w->fd, &info);
}

SCENARIO(container_info, .prepare = container_v2, .run = run_info);

TEST_HARNESS_MAIN
