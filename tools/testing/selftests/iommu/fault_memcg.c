// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom the memory of page requests that wait is charged to.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/iopf.h"
#include "lib/testing.h"

#define ADDR	0x40000000ULL
#define ROOT	"/tmp/fault-memcg"
#define OWNER	ROOT "/owner"
#define OTHER	ROOT "/other"

/* The least that the kernel keeps of a group, for all that a FAULT holds */
#define LEAST	(MAX_REQUESTS * 100)

FIXTURE(fault_memcg)
{
	int fd;
	__u32 ioas, fault, hwpt;
	int file;
	struct mock mock;
};

/* What of the kernel's memory is charged to a cgroup */
static long kernel_memory(const char *cgroup)
{
	char path[128], line[128];
	long bytes = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	f = fopen(path, "re");
	while (f && bytes < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "slab_unreclaimable %ld", &bytes);
	if (f)
		fclose(f);
	return bytes;
}

/* The process is in OWNER, and makes a device whose faults it is to read */
FIXTURE_SETUP(fault_memcg)
{
	mkdir(ROOT, 0700);
	ASSERT_EQ(0, mount("none", ROOT, "cgroup2", 0, NULL));
	if (write_text(ROOT "/cgroup.subtree_control", "+memory"))
		SKIP_TEST("this kernel has no memory cgroups: CONFIG_MEMCG");
	mkdir(OWNER, 0700);
	mkdir(OTHER, 0700);
	ASSERT_EQ(0, write_text(OWNER "/cgroup.procs", "0"));

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
	write_text(ROOT "/cgroup.procs", "0");
	rmdir(OWNER);
	rmdir(OTHER);
	umount(ROOT);
	rmdir(ROOT);
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
