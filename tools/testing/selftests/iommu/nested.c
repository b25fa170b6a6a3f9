// SPDX-License-Identifier: GPL-2.0-only
/*
 * HWPT_NESTED: what it is made from and on, what is refused, and what can be attached
 * to it.
 */
#include "lib/nested_fixture.h"

FIXTURE(nested)
{
	struct nested_world world;
	int fd;
	__u32 dev, ioas, parent;
	struct mock *mock;
};

FIXTURE_SETUP(nested)
{
	setup_nested(_metadata, &self->world);
	self->fd = self->world.fd;
	self->dev = self->world.mock.dev;
	self->ioas = self->world.ioas;
	self->parent = self->world.parent;
	self->mock = &self->world.mock;
}

FIXTURE_TEARDOWN(nested)
{
	teardown_nested(_metadata, &self->world);
}

#define make(pt, hwpt) nested_alloc(self->fd, self->dev, pt, IOTLB, hwpt)
#define alloc(pt, flags, type, data, len, hwpt) \
	hwpt_alloc_flags(self->fd, self->dev, pt, flags, type, data, len, hwpt)

/* ---- Its life ---- */

TEST_F(nested, is_made_as_the_user_says)
{
	__u32 one, other;

	ASSERT_OK(nested_alloc(self->fd, self->dev, self->parent, 0x1234, &one));
	ASSERT_OK(nested_alloc(self->fd, self->dev, self->parent, 0x5678, &other));
	EXPECT_NE(one, other);
	EXPECT_OK(mock_check_iotlbs(self->fd, one, 0x1234));
	EXPECT_OK(mock_check_iotlbs(self->fd, other, 0x5678));
	EXPECT_ERRNO(EINVAL, mock_check_iotlb(self->fd, one, 0, 0x5678));
	EXPECT_ERRNO(EINVAL, mock_check_iotlb(self->fd, one, MOCK_NESTED_DOMAIN_IOTLB_NUM,
					      0x1234));
	EXPECT_ERRNO(ENOENT, mock_check_iotlb(self->fd, self->parent, 0, 0x1234));
}

TEST_F(nested, keeps_its_parent)
{
	__u32 one, other;

	ASSERT_OK(make(self->parent, &one));
	ASSERT_OK(make(self->parent, &other));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->parent));
	EXPECT_OK(destroy(self->fd, one));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->parent));
	EXPECT_OK(destroy(self->fd, other));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, other));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(nested, does_not_need_the_device_that_it_was_made_for)
{
	__u32 hwpt;

	ASSERT_OK(make(self->parent, &hwpt));
	ASSERT_OK(destroy(self->fd, self->mock->id));
	EXPECT_OK(mock_check_iotlbs(self->fd, hwpt, IOTLB));
	ASSERT_OK(mock_attach(self->fd, hwpt, self->mock));
	EXPECT_EQ(hwpt, self->mock->hwpt);
}

TEST_F(nested, goes_with_the_file)
{
	__u32 hwpt;

	for (int i = 0; i < 64; i++)
		ASSERT_OK(make(self->parent, &hwpt));
	ASSERT_OK(mock_replace(self->fd, self->mock, hwpt));
}

/* If the id cannot be told to the user, there is no HWPT. */
TEST_F(nested, a_failed_alloc_leaves_nothing)
{
	struct iommu_hwpt_alloc *cmd = (void *)self->world.last_page;
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };

	*cmd = (struct iommu_hwpt_alloc){
		.size = sizeof(*cmd),
		.dev_id = self->dev,
		.pt_id = self->parent,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_HWPT_ALLOC, cmd,
				  "IOMMU_HWPT_ALLOC(read-only struct)"));
	EXPECT_OK(destroy(self->fd, self->parent));
}

/* ---- Its description ---- */

TEST_F(nested, data_may_be_shorter_or_longer_than_the_kernel_knows)
{
	struct {
		struct iommu_hwpt_selftest known;
		__u8 more[4096 - sizeof(struct iommu_hwpt_selftest) + 1];
	} data = { .known.iotlb = IOTLB };
	const __u32 first = offsetofend(struct iommu_hwpt_selftest, iotlb);
	__u32 hwpt;

	for (__u32 len = first; len <= sizeof(data.known) + 16; len++) {
		ASSERT_OK(nested_alloc_data(self->fd, self->dev, self->parent, &data, len,
					    &hwpt));
		EXPECT_OK(mock_check_iotlbs(self->fd, hwpt, IOTLB));
		ASSERT_OK(destroy(self->fd, hwpt));
	}
	for (__u32 len = 1; len < first; len++)
		EXPECT_ERRNO(EINVAL, nested_alloc_data(self->fd, self->dev, self->parent,
						       &data, len, &hwpt));
	EXPECT_OK(nested_alloc_data(self->fd, self->dev, self->parent, &data, 4096, &hwpt));
	/* No struct is that long. */
	EXPECT_ERRNO(E2BIG, nested_alloc_data(self->fd, self->dev, self->parent, &data, 4097,
					      &hwpt));
	EXPECT_ERRNO(E2BIG, nested_alloc_data(self->fd, self->dev, self->parent, &data, -1,
					      &hwpt));
	for (size_t i = 0; i < 16; i++) {
		data.more[i] = 1;
		EXPECT_ERRNO(E2BIG, nested_alloc_data(self->fd, self->dev, self->parent,
						      &data, sizeof(data.known) + 16, &hwpt));
		data.more[i] = 0;
	}
}

TEST_F(nested, data_has_to_be_there)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	__u8 *end = self->world.last_page + PAGE;
	__u32 hwpt;

	EXPECT_ERRNO(EFAULT, nested_alloc_data(self->fd, self->dev, self->parent, NULL,
					       sizeof(data), &hwpt));
	for (size_t have = 0; have < sizeof(data); have++) {
		memcpy(end - have, &data, have);
		EXPECT_ERRNO(EFAULT, nested_alloc_data(self->fd, self->dev, self->parent,
						       end - have, sizeof(data), &hwpt));
	}
	memcpy(end - sizeof(data), &data, sizeof(data));
	EXPECT_OK(nested_alloc_data(self->fd, self->dev, self->parent, end - sizeof(data),
				    sizeof(data), &hwpt));
	/* The tail that must be zero is not. */
	EXPECT_ERRNO(EFAULT, nested_alloc_data(self->fd, self->dev, self->parent,
					       end - sizeof(data), sizeof(data) + 1, &hwpt));
}

TEST_F(nested, data_is_of_a_kind_that_the_iommu_has)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	__u32 hwpt;

	EXPECT_ERRNO(EINVAL, alloc(self->parent, 0, IOMMU_HWPT_DATA_NONE, &data,
				   sizeof(data), &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, alloc(self->parent, 0, IOMMU_HWPT_DATA_NONE, NULL, 0,
				       &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, alloc(self->parent, 0, IOMMU_HWPT_DATA_SELFTEST, NULL, 0,
				       &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, alloc(self->parent, 0, IOMMU_HWPT_DATA_SELFTEST + 1, &data,
				       sizeof(data), &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, alloc(self->parent, 0, IOMMU_HWPT_DATA_VTD_S1, &data,
				       sizeof(data), &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, alloc(self->parent, 0, -1, &data, sizeof(data), &hwpt));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(nested, takes_few_flags)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	__u32 hwpt;

	EXPECT_OK(alloc(self->parent, IOMMU_HWPT_ALLOC_PASID, IOMMU_HWPT_DATA_SELFTEST,
			&data, sizeof(data), &hwpt));
	for (int bit = 0; bit < 32; bit++) {
		__u32 flags = 1U << bit;

		/* Without a FAULT to be named, the last one names none. */
		if (flags == IOMMU_HWPT_ALLOC_PASID || flags == IOMMU_HWPT_FAULT_ID_VALID)
			continue;
		EXPECT_ERRNO(EOPNOTSUPP, alloc(self->parent, flags, IOMMU_HWPT_DATA_SELFTEST,
					       &data, sizeof(data), &hwpt));
	}
}

TEST_F(nested, refuses_what_is_reserved)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = self->dev,
		.pt_id = self->parent,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};

	for (int bit = 0; bit < 32; bit++) {
		cmd.__reserved = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
					      "IOMMU_HWPT_ALLOC(__reserved %#x)",
					      cmd.__reserved));
		cmd.__reserved = 0;
		cmd.__reserved2 = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
					      "IOMMU_HWPT_ALLOC(__reserved2 %#x)",
					      cmd.__reserved2));
		cmd.__reserved2 = 0;
	}
	EXPECT_OK(call(self->fd, IOMMU_HWPT_ALLOC, &cmd, "IOMMU_HWPT_ALLOC()"));
}

/* ---- What it is made on ---- */

TEST_F(nested, needs_a_nesting_parent)
{
	__u32 hwpt, no_parent;

	ASSERT_OK(hwpt_alloc(self->fd, self->dev, self->ioas, &no_parent));
	EXPECT_ERRNO(EINVAL, make(no_parent, &hwpt));
	/* That of the attach to the IOAS. */
	EXPECT_ERRNO(EINVAL, make(self->mock->hwpt, &hwpt));
	EXPECT_ERRNO(EINVAL, make(self->dev, &hwpt));
	EXPECT_ERRNO(EINVAL, make(self->mock->id, &hwpt));
	EXPECT_ERRNO(ENOENT, make(NO_ID, &hwpt));
	EXPECT_ERRNO(ENOENT, make(0, &hwpt));
	ASSERT_OK(make(self->parent, &hwpt));
	EXPECT_ERRNO(EINVAL, make(hwpt, &no_parent));
}

TEST_F(nested, needs_a_device)
{
	__u32 hwpt;

	EXPECT_ERRNO(ENOENT, nested_alloc(self->fd, NO_ID, self->parent, IOTLB, &hwpt));
	EXPECT_ERRNO(ENOENT, nested_alloc(self->fd, 0, self->parent, IOTLB, &hwpt));
	EXPECT_ERRNO(ENOENT, nested_alloc(self->fd, self->ioas, self->parent, IOTLB, &hwpt));
	EXPECT_ERRNO(ENOENT, nested_alloc(self->fd, self->mock->id, self->parent, IOTLB,
					  &hwpt));
}

TEST_F(nested, a_parent_can_have_other_features_too)
{
	const __u32 features[] = {
		PARENT | IOMMU_HWPT_ALLOC_PASID,
		PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
		PARENT | IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
	};
	__u32 parent, hwpt;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		ASSERT_OK(alloc(self->ioas, features[i], IOMMU_HWPT_DATA_NONE, NULL, 0,
				&parent));
		EXPECT_OK(make(parent, &hwpt));
	}
	for (int bit = 4; bit < 32; bit++)
		EXPECT_ERRNO(EOPNOTSUPP, alloc(self->ioas, PARENT | 1U << bit,
					       IOMMU_HWPT_DATA_NONE, NULL, 0, &parent));
}

TEST_F(nested, is_not_for_a_device_of_another_driver)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	struct edu edu;
	__u32 hwpt;

	find_edu(_metadata, &edu, 0);
	ASSERT_EQ(0, edu_open(&edu));
	ASSERT_OK(edu_bind(&edu, self->fd));
	ASSERT_OK(make(self->parent, &hwpt));
	EXPECT_ERRNO(EINVAL, edu_attach(&edu, hwpt));
	EXPECT_ERRNO(EINVAL, edu_attach(&edu, self->parent));
	EXPECT_ERRNO(EINVAL, nested_alloc_data(self->fd, edu.id, self->parent, &data,
					       sizeof(data), &hwpt));
	edu_close(&edu);
}

/* ---- Attached ---- */

TEST_F(nested, a_device_moves_to_it_and_away)
{
	__u32 first = self->mock->hwpt, one, other;

	ASSERT_OK(make(self->parent, &one));
	ASSERT_OK(make(self->parent, &other));
	ASSERT_OK(mock_replace(self->fd, self->mock, one));
	EXPECT_EQ(one, self->mock->hwpt);
	/* Nobody is left on the automatic one. */
	EXPECT_ERRNO(ENOENT, destroy(self->fd, first));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, one));
	ASSERT_OK(mock_replace(self->fd, self->mock, other));
	EXPECT_OK(destroy(self->fd, one));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, other));
	ASSERT_OK(mock_replace(self->fd, self->mock, self->parent));
	EXPECT_OK(destroy(self->fd, other));
	ASSERT_OK(mock_replace(self->fd, self->mock, self->ioas));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(nested, several_devices_share_it)
{
	struct mock one, other;
	__u32 hwpt;

	ASSERT_OK(make(self->parent, &hwpt));
	ASSERT_OK(mock_attach(self->fd, hwpt, &one));
	ASSERT_OK(mock_attach(self->fd, hwpt, &other));
	EXPECT_EQ(hwpt, one.hwpt);
	EXPECT_EQ(hwpt, other.hwpt);
	EXPECT_OK(destroy(self->fd, one.id));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	EXPECT_OK(destroy(self->fd, other.id));
	EXPECT_OK(destroy(self->fd, hwpt));
}

TEST_F(nested, a_device_that_cannot_track_does_not_go_on_a_parent_that_tracks)
{
	struct mock mock;
	__u32 parent, hwpt;

	ASSERT_OK(alloc(self->ioas, PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			IOMMU_HWPT_DATA_NONE, NULL, 0, &parent));
	ASSERT_OK(make(parent, &hwpt));
	EXPECT_ERRNO(EINVAL, mock_attach_flags(self->fd, hwpt, MOCK_FLAGS_DEVICE_NO_DIRTY,
					       &mock));
	EXPECT_OK(mock_attach(self->fd, hwpt, &mock));
}

TEST_F(nested, the_parent_is_filled_as_before)
{
	__u8 *page = self->world.last_page;
	__u32 hwpt;

	*page = 1;
	ASSERT_OK(make(self->parent, &hwpt));
	ASSERT_OK(mock_replace(self->fd, self->mock, hwpt));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, page, PAGE, AT));
	EXPECT_OK(mock_check_map(self->fd, self->parent, AT, page, PAGE));
	EXPECT_OK(ioas_unmap(self->fd, self->ioas, AT, PAGE, NULL));
	EXPECT_ERRNO(EINVAL, mock_check_map(self->fd, self->parent, AT, page, PAGE));
	/* It has no memory of its own. */
	EXPECT_ERRNO(ENOENT, mock_check_map(self->fd, hwpt, AT, page, PAGE));
}

TEST_F(nested, is_no_ioas_and_no_paging_hwpt)
{
	struct iommu_hwpt_set_dirty_tracking cmd = { .size = sizeof(cmd) };
	__u64 iova = AT;
	__u32 hwpt;

	ASSERT_OK(make(self->parent, &hwpt));
	EXPECT_ERRNO(ENOENT, ioas_map(self->fd, hwpt, MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
				      self->world.last_page, PAGE, &iova));
	cmd.hwpt_id = hwpt;
	EXPECT_ERRNO(ENOENT, call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd,
				  "IOMMU_HWPT_SET_DIRTY_TRACKING(%u)", hwpt));
}

TEST_HARNESS_MAIN
