// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user whose memory never comes holds up nobody but himself.
 */
#include "lib/nested_fixture.h"
#include "lib/never.h"

FIXTURE(never)
{
	struct nested_world world;
	struct never never;
	struct peer peer;
};

FIXTURE_SETUP(never)
{
	setup_nested(_metadata, &self->world);
}

FIXTURE_TEARDOWN(never)
{
	teardown_nested(_metadata, &self->world);
}

/* ---- Unbind waits for who works with the device ---- */

static void expect_device_goes(struct __test_metadata *_metadata, struct nested_world *world,
			       struct peer *peer)
{
	hear(_metadata, peer);
	EXPECT_OK(destroy(world->fd, world->mock.id));
	/* It waits still, so it was not that. */
	kill_and_wait(_metadata, peer);
}

TEST_F(never, unbind_does_not_wait_for_the_data_of_a_viommu)
{
	struct nested_world *world = &self->world;
	__u32 viommu;

	if (fork_peer(_metadata, &self->peer)) {
		void *data = never_for_peer(_metadata, &self->never, &self->peer);

		viommu_alloc_data(world->fd, world->mock.dev, world->parent,
				  IOMMU_VIOMMU_TYPE_SELFTEST, data,
				  sizeof(struct iommu_viommu_selftest), &viommu);
		_exit(1);
	}
	expect_device_goes(_metadata, world, &self->peer);
	/* Nothing is left of it. */
	EXPECT_OK(destroy(world->fd, world->parent));
}

TEST_F(never, unbind_does_not_wait_for_the_data_of_an_hwpt_in_a_viommu)
{
	struct nested_world *world = &self->world;
	__u32 viommu, hwpt;

	ASSERT_OK(viommu_alloc(world->fd, world->mock.dev, world->parent, &viommu));
	if (fork_peer(_metadata, &self->peer)) {
		void *data = never_for_peer(_metadata, &self->never, &self->peer);

		nested_alloc_data(world->fd, world->mock.dev, viommu, data,
				  sizeof(struct iommu_hwpt_selftest), &hwpt);
		_exit(1);
	}
	expect_device_goes(_metadata, world, &self->peer);
	EXPECT_OK(destroy(world->fd, viommu));
	EXPECT_OK(destroy(world->fd, world->parent));
}

TEST_HARNESS_MAIN
