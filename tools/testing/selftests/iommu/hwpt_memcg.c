// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom the memory of HWPTs is charged to: what the core keeps of each, and what the
 * IOMMU's driver does.
 */
#include "lib/testing.h"
#include "lib/memcg.h"

#define NR_HWPTS	256

/*
 * What the core keeps of each is less, also where slabs are debugged and objects are
 * larger. With what the driver keeps it is more, also where they are not.
 */
#define LEAST_OF_EACH	800

FIXTURE(hwpt_memcg)
{
	struct bound bound;
};

FIXTURE_SETUP(hwpt_memcg)
{
	setup_memcg(_metadata);
	setup_bound(_metadata, &self->bound, 0);
}

FIXTURE_TEARDOWN(hwpt_memcg)
{
	close_bound(&self->bound);
	teardown_memcg();
}

TEST_F(hwpt_memcg, is_whoever_makes_them)
{
	long before = kernel_memory(OWNER), after;
	__u32 hwpts[NR_HWPTS];

	ASSERT_LE(0, before);
	for (int i = 0; i < NR_HWPTS; i++)
		ASSERT_OK(hwpt_alloc(self->bound.iommufd, self->bound.edu.id,
				     self->bound.ioas, &hwpts[i]));
	after = kernel_memory(OWNER);
	EXPECT_LE(before + NR_HWPTS * LEAST_OF_EACH, after) {
		TH_LOG("%ld bytes are charged for each", (after - before) / NR_HWPTS);
	}
	for (int i = 0; i < NR_HWPTS; i++)
		ASSERT_OK(destroy(self->bound.iommufd, hwpts[i]));
}

TEST_HARNESS_MAIN
