// SPDX-License-Identifier: GPL-2.0-only
/*
 * The HWPT_PAGING that a user makes, those that attach makes, and what the
 * hardware behind them is.
 */
#include <sys/mman.h>

#include "lib/dirty.h"
#include "lib/iopf.h"
#include "lib/testing.h"

#define AT 0x40000000ULL

#ifdef __aarch64__
#define HERE_TYPE	IOMMU_HW_INFO_TYPE_ARM_SMMUV3
#define OTHER_TYPE	IOMMU_HW_INFO_TYPE_INTEL_VTD
#define HERE_LENGTH	sizeof(struct iommu_hw_info_arm_smmuv3)
#else
#define HERE_TYPE	IOMMU_HW_INFO_TYPE_INTEL_VTD
#define OTHER_TYPE	IOMMU_HW_INFO_TYPE_ARM_SMMUV3
#define HERE_LENGTH	sizeof(struct iommu_hw_info_vtd)
#endif

/* A device that is bound, but not attached. */
FIXTURE(hwpt)
{
	struct bound bound;
	int fd;
	__u32 dev, ioas;
	struct edu *edu;
};

FIXTURE_SETUP(hwpt)
{
	setup_bound(_metadata, &self->bound, 0);
	self->fd = self->bound.iommufd;
	self->dev = self->bound.edu.id;
	self->ioas = self->bound.ioas;
	self->edu = &self->bound.edu;
}

FIXTURE_TEARDOWN(hwpt)
{
	close_bound(&self->bound);
}

/* ---- Made by the user ---- */

TEST_F(hwpt, lives_until_it_is_destroyed)
{
	__u32 hwpt, pt;

	ASSERT_OK(hwpt_alloc(self->fd, self->dev, self->ioas, &hwpt));
	EXPECT_NE(self->ioas, hwpt);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	pt = hwpt;
	ASSERT_OK(edu_attach_pt(self->edu, &pt));
	EXPECT_EQ(hwpt, pt);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	EXPECT_OK(destroy(self->fd, hwpt));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, hwpt));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(hwpt, is_a_user_of_the_memory_without_any_device)
{
	__u8 *page = memory_pages(PAGE);
	long pinned = memory_pinned();
	__u32 hwpt;

	ASSERT_NE(NULL, page);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, page, PAGE, AT));
	EXPECT_EQ(pinned, memory_pinned());
	ASSERT_OK(hwpt_alloc(self->fd, self->dev, self->ioas, &hwpt));
	EXPECT_EQ(pinned + (long)PAGE, memory_pinned());
	/* What is mapped later is for it as well. */
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, NULL, PAGE, 2 * AT));
	ASSERT_OK(destroy(self->fd, hwpt));
	EXPECT_EQ(pinned, memory_pinned());
}

TEST_F(hwpt, is_not_made_of_memory_that_is_not_there)
{
	__u32 hwpt;

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, NULL, PAGE, AT));
	EXPECT_ERRNO(EFAULT, hwpt_alloc(self->fd, self->dev, self->ioas, &hwpt));
	/* It does not keep the IOAS. */
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(hwpt, several_serve_one_ioas)
{
	__u32 one, other;

	ASSERT_OK(hwpt_alloc(self->fd, self->dev, self->ioas, &one));
	ASSERT_OK(hwpt_alloc(self->fd, self->dev, self->ioas, &other));
	EXPECT_NE(one, other);
	ASSERT_OK(edu_attach(self->edu, one));
	ASSERT_OK(edu_attach(self->edu, other));
	EXPECT_OK(destroy(self->fd, one));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, other));
}

TEST_F(hwpt, needs_a_device_and_an_ioas)
{
	__u32 hwpt, parent;

	EXPECT_ERRNO(ENOENT, hwpt_alloc(self->fd, NO_ID, self->ioas, &hwpt));
	EXPECT_ERRNO(ENOENT, hwpt_alloc(self->fd, self->ioas, self->ioas, &hwpt));
	EXPECT_ERRNO(ENOENT, hwpt_alloc(self->fd, 0, self->ioas, &hwpt));
	EXPECT_ERRNO(ENOENT, hwpt_alloc(self->fd, self->dev, NO_ID, &hwpt));
	EXPECT_ERRNO(ENOENT, hwpt_alloc(self->fd, self->dev, 0, &hwpt));
	EXPECT_ERRNO(EINVAL, hwpt_alloc(self->fd, self->dev, self->dev, &hwpt));
	/* On top of another one it would need a description. */
	ASSERT_OK(hwpt_alloc(self->fd, self->dev, self->ioas, &parent));
	EXPECT_ERRNO(EINVAL, hwpt_alloc(self->fd, self->dev, parent, &hwpt));
}

TEST_F(hwpt, alloc_refuses_what_it_does_not_know)
{
	const struct iommu_hwpt_alloc good = {
		.size = sizeof(good),
		.dev_id = self->dev,
		.pt_id = self->ioas,
	};
	struct iommu_hwpt_alloc cmd;

	/* Flags that mainline 7.2 does not have. */
	for (int bit = 4; bit < 32; bit++) {
		cmd = good;
		cmd.flags = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
					      "IOMMU_HWPT_ALLOC(flags %#x)", cmd.flags));
	}
	cmd = good;
	cmd.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
				      "IOMMU_HWPT_ALLOC(__reserved 1)"));
	cmd = good;
	cmd.__reserved2 = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
				      "IOMMU_HWPT_ALLOC(__reserved2 1)"));
	cmd = good;
	cmd.data_type = 0x7fff;
	cmd.data_len = sizeof(good);
	cmd.data_uptr = (uintptr_t)&good;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
				      "IOMMU_HWPT_ALLOC(data_type 0x7fff)"));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

/* The page-table format is the same; but the IOMMU has to have PASIDs. */
static bool iommu_has_pasids(struct __test_metadata *_metadata, int fd, __u32 dev)
{
	bool has = false;
#ifndef __aarch64__
	struct iommu_hw_info info = {};
	struct iommu_hw_info_vtd vtd;

	ASSERT_OK(hw_info(fd, dev, &vtd, sizeof(vtd), &info));
	/* Of the extended capabilities: scalable mode, and PASIDs */
	has = vtd.ecap_reg & 1ULL << 43 && vtd.ecap_reg & 1ULL << 40;
#endif
	return has;
}

TEST_F(hwpt, for_pasids_is_made_where_there_are_any)
{
	bool has_pasids = iommu_has_pasids(_metadata, self->fd, self->dev);
	__u8 *page = memory_pages(PAGE);
	__u32 hwpt;

	ASSERT_NE(NULL, page);
	EXPECT_ERRNO(has_pasids ? 0 : EOPNOTSUPP,
		     hwpt_alloc_flags(self->fd, self->dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				      IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	if (!has_pasids)
		return;
	/* It is one like any other for DMA without a PASID. */
	memory_fill(page, PAGE, 1);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, page, PAGE, AT));
	ASSERT_OK(edu_attach(self->edu, hwpt));
	ASSERT_OK(edu_start(self->edu));
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE / 2, AT, PAGE / 2));
	EXPECT_EQ(0, memcmp(page, page + PAGE / 2, PAGE / 2));
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_OK(destroy(self->fd, hwpt));
}

/* ---- Made by attach ---- */

TEST_F(hwpt, made_by_attach_goes_with_the_last_detach)
{
	__u32 hwpt = self->ioas;

	ASSERT_OK(edu_attach_pt(self->edu, &hwpt));
	EXPECT_NE(self->ioas, hwpt);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, hwpt));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(hwpt, made_by_attach_serves_a_second_device)
{
	__u32 hwpt = self->ioas, same = self->ioas;
	struct edu second;

	find_edu(_metadata, &second, 1);
	ASSERT_EQ(0, edu_open(&second));
	ASSERT_OK(edu_bind(&second, self->fd));
	ASSERT_OK(edu_attach_pt(self->edu, &hwpt));
	ASSERT_OK(edu_attach_pt(&second, &same));
	EXPECT_EQ(hwpt, same);
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	edu_close(&second);
	EXPECT_ERRNO(ENOENT, destroy(self->fd, hwpt));
}

/* What the device reserves is reserved where it is attached, and nowhere else. */
TEST_F(hwpt, moves_take_along_what_the_device_reserves)
{
	__u8 *page = memory_pages(PAGE);
	__u32 other, third, fault, wants_faults;
	__u64 start, last;
	int file;

	if (!edu_reserved_range(self->edu, &start, &last))
		SKIP(return, "%s reserves no IOVA", self->edu->bdf);
	ASSERT_NE(NULL, page);
	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, page, PAGE, start));
	ASSERT_OK(edu_attach(self->edu, other));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, page, PAGE, start));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, other, page, PAGE, start));

	/* A move that fails at last: the device has no page requests. */
	ASSERT_OK(ioas_alloc(self->fd, &third));
	ASSERT_OK(iopf_alloc(self->fd, &fault, &file));
	ASSERT_OK(iopf_hwpt_alloc(self->fd, self->dev, third, 0, fault, &wants_faults));
	EXPECT_ERRNO(ENODEV, edu_attach(self->edu, wants_faults));
	EXPECT_OK(ioas_map_at(self->fd, third, page, PAGE, start));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, other, page, PAGE, start));
	close(file);
}

/* ---- The hardware ---- */

TEST_F(hwpt, hw_info_tells_the_kind_of_iommu)
{
	struct iommu_hw_info info = {};
	__u64 data[16];

	memset(data, 0xff, sizeof(data));
	ASSERT_OK(hw_info(self->fd, self->dev, data, HERE_LENGTH, &info));
	EXPECT_EQ(HERE_TYPE, info.out_data_type);
	EXPECT_EQ(HERE_LENGTH, info.data_len);
	EXPECT_EQ(0, (__u32)data[0]);
	EXPECT_FALSE(memory_is_all(data + 1, HERE_LENGTH - 8, 0));
	EXPECT_TRUE(memory_is_all((__u8 *)data + HERE_LENGTH, sizeof(data) - HERE_LENGTH, 0xff));
	/* edu has none. */
	EXPECT_EQ(0, info.out_max_pasid_log2);
}

TEST_F(hwpt, hw_info_fills_a_longer_buffer_with_zeros)
{
	struct iommu_hw_info info = {};
	__u8 *page = memory_pages(2 * PAGE);

	ASSERT_NE(NULL, page);
	memset(page, 0xff, 2 * PAGE);
	ASSERT_OK(hw_info(self->fd, self->dev, page, PAGE, &info));
	EXPECT_EQ(HERE_LENGTH, info.data_len);
	EXPECT_TRUE(memory_is_all(page + HERE_LENGTH, PAGE - HERE_LENGTH, 0));
	EXPECT_TRUE(memory_is_all(page + PAGE, PAGE, 0xff));
}

TEST_F(hwpt, hw_info_gives_a_shorter_buffer_the_beginning)
{
	struct iommu_hw_info info = {};
	__u8 whole[HERE_LENGTH], part[HERE_LENGTH];

	ASSERT_OK(hw_info(self->fd, self->dev, whole, HERE_LENGTH, &info));
	for (size_t length = 0; length < HERE_LENGTH; length++) {
		memset(part, 0xee, sizeof(part));
		ASSERT_OK(hw_info(self->fd, self->dev, part, length, &info));
		EXPECT_EQ(HERE_LENGTH, info.data_len);
		EXPECT_EQ(HERE_TYPE, info.out_data_type);
		EXPECT_EQ(0, memcmp(part, whole, length));
		EXPECT_TRUE(memory_is_all(part + length, HERE_LENGTH - length, 0xee));
	}
}

TEST_F(hwpt, hw_info_needs_no_buffer)
{
	struct iommu_hw_info info = {};

	ASSERT_OK(hw_info(self->fd, self->dev, NULL, 0, &info));
	EXPECT_EQ(HERE_LENGTH, info.data_len);
	EXPECT_EQ(HERE_TYPE, info.out_data_type);
}

TEST_F(hwpt, hw_info_can_be_asked_for_a_type)
{
	struct iommu_hw_info info;
	__u8 data[HERE_LENGTH];

	info = (struct iommu_hw_info){
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.in_data_type = HERE_TYPE,
	};
	EXPECT_OK(hw_info(self->fd, self->dev, data, sizeof(data), &info));
	EXPECT_EQ(HERE_TYPE, info.out_data_type);
	info = (struct iommu_hw_info){
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.in_data_type = IOMMU_HW_INFO_TYPE_DEFAULT,
	};
	EXPECT_OK(hw_info(self->fd, self->dev, data, sizeof(data), &info));
	EXPECT_EQ(HERE_TYPE, info.out_data_type);
	info = (struct iommu_hw_info){
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.in_data_type = OTHER_TYPE,
	};
	EXPECT_ERRNO(EOPNOTSUPP, hw_info(self->fd, self->dev, data, sizeof(data), &info));
	info = (struct iommu_hw_info){
		.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
		.in_data_type = 0x7fff,
	};
	EXPECT_ERRNO(EOPNOTSUPP, hw_info(self->fd, self->dev, data, sizeof(data), &info));
}

TEST_F(hwpt, hw_info_refuses_what_it_does_not_know)
{
	struct iommu_hw_info info = {};
	__u8 data[HERE_LENGTH];

	for (int bit = 1; bit < 32; bit++) {
		info = (struct iommu_hw_info){ .flags = 1U << bit };
		EXPECT_ERRNO(EOPNOTSUPP, hw_info(self->fd, self->dev, data, sizeof(data), &info));
	}
	for (int i = 0; i < 3; i++) {
		info = (struct iommu_hw_info){};
		info.__reserved[i] = 1;
		EXPECT_ERRNO(EOPNOTSUPP, hw_info(self->fd, self->dev, data, sizeof(data), &info));
	}
	info = (struct iommu_hw_info){};
	EXPECT_ERRNO(ENOENT, hw_info(self->fd, self->ioas, data, sizeof(data), &info));
	EXPECT_ERRNO(ENOENT, hw_info(self->fd, NO_ID, data, sizeof(data), &info));
	EXPECT_ERRNO(EFAULT, hw_info(self->fd, self->dev, NULL, 8, &info));
	EXPECT_ERRNO(EFAULT, hw_info(self->fd, self->dev, (void *)-PAGE, 8, &info));
}

TEST_HARNESS_MAIN
