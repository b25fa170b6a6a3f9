// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom the memory of page requests that wait is charged to.
 */
#include "lib/iopf.h"
#include "lib/testing.h"
#include "lib/memcg.h"

#define ADDR	0x40000000ULL

/* The least that the kernel keeps of a group, for all that a FAULT holds */
#define LEAST	(MAX_REQUESTS * 100)

FIXTURE(fault_memcg)
{
	int fd;
	__u32 ioas, fault, hwpt;
	int file;
	struct mock mock;
};

/* The process is in OWNER, and makes a device whose faults it is to read */
FIXTURE_SETUP(fault_memcg)
{
	setup_memcg(_metadata);
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(iopf_attach(self->fd, &self->mock, &self->ioas, &self->fault, &self->file,
			      &self->hwpt));
}

FIXTURE_TEARDOWN(fault_memcg)
{
	close(self->file);
	close(self->fd);
	teardown_memcg();
}

/* Another one, as the IOMMU's thread, lets the device fault */
TEST_F(fault_memcg, is_whoever_made_the_queue)
{
	long owner = kernel_memory(OWNER), other = kernel_memory(OTHER);
	struct peer peer;

	ASSERT_LE(0, owner);
	if (fork_peer(_metadata, &peer)) {
		ASSERT_EQ(0, write_text(OTHER "/cgroup.procs", "0"));
		for (unsigned int i = 0; i < MAX_REQUESTS; i++)
			ASSERT_OK(mock_request(self->fd, self->mock.dev, LAST, i % 512, ADDR));
		end_child();
	}
	wait_for_success(_metadata, &peer);
	EXPECT_EQ(MAX_REQUESTS, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	EXPECT_LE(owner + LEAST, kernel_memory(OWNER));
	EXPECT_GE(other + LEAST, kernel_memory(OTHER));
}

TEST_HARNESS_MAIN
