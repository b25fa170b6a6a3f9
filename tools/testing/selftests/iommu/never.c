// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user whose memory never comes holds up nobody but himself.
 */
#include "lib/access.h"
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

/* ---- Who looks at the file can be killed ---- */

static bool is_blocked(pid_t pid)
{
	char path[32], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (f)
		fclose(f);
	return state == 'D';
}

static void wait_until_blocked(struct __test_metadata *_metadata, struct peer *peer)
{
	int tries = 500;

	while (!is_blocked(peer->pid) && tries--)
		usleep(10000);
	ASSERT_LT(0, tries) {
		TH_LOG("process %d does not wait", peer->pid);
	}
}

TEST_F(never, a_reader_of_fdinfo_can_be_killed)
{
	int fd = self->world.fd, access;
	struct peer mover, reader;
	__u32 ioas, other;

	ASSERT_OK(ioas_alloc(fd, &ioas));
	ASSERT_OK(ioas_alloc(fd, &other));
	ASSERT_OK(access_create(fd, ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES, &access));
	/* Works with the IOAS, */
	if (fork_peer(_metadata, &self->peer)) {
		void *page = never_for_peer(_metadata, &self->never, &self->peer);
		__u64 buffer;

		ASSERT_OK(ioas_map_at(fd, ioas, page, PAGE, AT));
		access_rw(fd, access, MOCK_ACCESS_RW_SLOW_PATH, AT, &buffer, sizeof(buffer));
		_exit(1);
	}
	hear(_metadata, &self->peer);
	/* which keeps the access from being moved, */
	if (fork_peer(_metadata, &mover)) {
		access_replace(fd, access, other);
		_exit(1);
	}
	wait_until_blocked(_metadata, &mover);
	/* and that from being looked at. */
	if (fork_peer(_metadata, &reader)) {
		char path[64], text[4096];

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		read(open(path, O_RDONLY), text, sizeof(text));
		_exit(1);
	}
	wait_until_blocked(_metadata, &reader);
	kill_and_wait(_metadata, &reader);
	/* It waits still, so it was not that. */
	kill_and_wait(_metadata, &self->peer);
	kill(mover.pid, SIGKILL);
	ASSERT_EQ(mover.pid, waitpid(mover.pid, NULL, 0));
	close(access);
}

TEST_HARNESS_MAIN
