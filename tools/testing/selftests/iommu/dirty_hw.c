// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking of real IOMMUs: do they tell the truth about what they can do?
 */
#include "lib/dirty.h"
#include "lib/testing.h"

#define TRACKING IOMMU_HWPT_ALLOC_DIRTY_TRACKING

FIXTURE(hardware)
{
	struct bound bound;
	struct iommu_hw_info info;
	union {
		struct iommu_hw_info_vtd vtd;
		struct iommu_hw_info_arm_smmuv3 smmu;
	} registers;
	bool can;
};

FIXTURE_SETUP(hardware)
{
	setup_bound(_metadata, &self->bound, 0);
	self->info = (struct iommu_hw_info){};
	ASSERT_OK(hw_info(self->bound.iommufd, self->bound.edu.id, &self->registers,
			  sizeof(self->registers), &self->info));
	self->can = self->info.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING;
}

FIXTURE_TEARDOWN(hardware)
{
	close_bound(&self->bound);
}

TEST_F(hardware, says_that_it_can_track_only_if_its_registers_do)
{
	bool has = false;

	if (self->info.out_data_type == IOMMU_HW_INFO_TYPE_INTEL_VTD)
		/* SMTS, SLADS */
		has = self->registers.vtd.ecap_reg >> 43 & self->registers.vtd.ecap_reg >> 45 & 1;
	if (self->info.out_data_type == IOMMU_HW_INFO_TYPE_ARM_SMMUV3)
		/* HTTU: 2 is access and dirty */
		has = (self->registers.smmu.idr[0] >> 6 & 3) == 2;
	EXPECT_TRUE(has || !self->can);
	TH_LOG("the registers %s dirty tracking, the kernel %s", has ? "have" : "have no",
	       self->can ? "offers it" : "does not offer it");
}

TEST_F(hardware, makes_an_hwpt_that_tracks_if_it_says_that_it_can)
{
	int fd = self->bound.iommufd;
	__u32 hwpt;

	EXPECT_ERRNO(self->can ? 0 : EOPNOTSUPP,
		     hwpt_alloc_flags(fd, self->bound.edu.id, self->bound.ioas, TRACKING,
				      IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	if (self->can) {
		EXPECT_OK(set_tracking(fd, hwpt, true));
		EXPECT_OK(set_tracking(fd, hwpt, false));
	}
	ASSERT_OK(hwpt_alloc(fd, self->bound.edu.id, self->bound.ioas, &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, set_tracking(fd, hwpt, true));
}

TEST_HARNESS_MAIN
