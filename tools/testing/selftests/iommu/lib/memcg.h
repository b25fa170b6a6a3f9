/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two memory cgroups, and what of the kernel's memory is charged to them. To be
 * included once per program, after testing.h.
 */
#ifndef SELFTESTS_IOMMU_MEMCG_H
#define SELFTESTS_IOMMU_MEMCG_H

#include <sys/mount.h>
#include <sys/stat.h>

#define MEMCG_ROOT	"/tmp/memcg"
#define OWNER		MEMCG_ROOT "/owner"
#define OTHER		MEMCG_ROOT "/other"

static inline long kernel_memory(const char *cgroup)
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

/* The process is in OWNER then */
static inline void setup_memcg(struct __test_metadata *_metadata)
{
	mkdir(MEMCG_ROOT, 0700);
	ASSERT_EQ(0, mount("none", MEMCG_ROOT, "cgroup2", 0, NULL));
	if (write_text(MEMCG_ROOT "/cgroup.subtree_control", "+memory"))
		SKIP_TEST("this kernel has no memory cgroups: CONFIG_MEMCG");
	mkdir(OWNER, 0700);
	mkdir(OTHER, 0700);
	ASSERT_EQ(0, write_text(OWNER "/cgroup.procs", "0"));
}

static inline void teardown_memcg(void)
{
	write_text(MEMCG_ROOT "/cgroup.procs", "0");
	rmdir(OWNER);
	rmdir(OTHER);
	umount(MEMCG_ROOT);
	rmdir(MEMCG_ROOT);
}

#endif
