// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults with PASIDs: whom they are told to, and which are one group.
 */
#include "lib/fault_fixture.h"
#include "lib/nested.h"

#define pasid_request(flags, pasid, grpid, addr) \
	mock_request_pasid(self->fd, self->mock.dev, flags, pasid, grpid, addr)

/* A nested HWPT, whose user owns the table of PASIDs, with the fixture's FAULT. */
static int nested_fault_alloc(int fd, __u32 dev, __u32 pt, __u32 fault, __u32 *hwpt)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = dev,
		.pt_id = pt,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
		.fault_id = fault,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, pt %u, nested, fault %u)", dev, pt, fault);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

static int attach_nested(int fd, struct mock *mock, __u32 ioas, __u32 fault)
{
	__u32 parent, nested;

	return parent_alloc(fd, mock->dev, ioas, &parent) ?:
	       nested_fault_alloc(fd, mock->dev, parent, fault, &nested) ?:
	       mock_replace(fd, mock, nested);
}

TEST_F(fault, a_pasid_that_is_not_attached_is_nobodys)
{
	ASSERT_OK(pasid_request(LAST, 5, 1, ADDR));
	EXPECT_ANSWER(1, INVALID);
	/* PASID 0 is not the same as none */
	ASSERT_OK(pasid_request(LAST, 0, 2, ADDR));
	EXPECT_ANSWER(2, INVALID);
	EXPECT_NO_FAULT(self->file);
}

TEST_F(fault, a_nested_hwpt_whose_user_owns_the_pasids_gets_the_faults_of_all)
{
	ASSERT_OK(attach_nested(self->fd, &self->mock, self->ioas, self->fault));
	ASSERT_OK(request(LAST, 1, ADDR));
	ASSERT_OK(pasid_request(LAST, 0, 2, ADDR));
	ASSERT_OK(pasid_request(LAST, 5, 3, ADDR));
	ASSERT_OK(pasid_request(LAST, 0xfffff, 4, ADDR));
	READ_FAULTS(4);
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE, self->faults[0].flags);
	for (int i = 1; i < 4; i++)
		EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID,
			  self->faults[i].flags);
	EXPECT_EQ(0, self->faults[1].pasid);
	EXPECT_EQ(5, self->faults[2].pasid);
	EXPECT_EQ(0xfffff, self->faults[3].pasid);
	for (int i = 3; i >= 0; i--) {
		EXPECT_OK(answer(self->faults[i].cookie, SUCCESS));
		EXPECT_ANSWER(i + 1, SUCCESS);
	}
	/* And nobody does when it is gone */
	ASSERT_OK(pasid_request(LAST, 5, 5, ADDR));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->ioas));
	EXPECT_ANSWER(5, INVALID);
	ASSERT_OK(pasid_request(LAST, 5, 6, ADDR));
	EXPECT_ANSWER(6, INVALID);
	EXPECT_NO_FAULT(self->file);
}

TEST_F(fault, one_index_can_be_of_several_groups)
{
	ASSERT_OK(attach_nested(self->fd, &self->mock, self->ioas, self->fault));
	for (__u32 pasid = 1; pasid < 4; pasid++) {
		ASSERT_OK(pasid_request(PARTIAL, pasid, 9, ADDR + pasid));
		ASSERT_OK(request(PARTIAL, 9, ADDR));
	}
	ASSERT_OK(request(LAST, 9, ADDR));
	for (__u32 pasid = 3; pasid; pasid--)
		ASSERT_OK(pasid_request(LAST, pasid, 9, ADDR + pasid));
	READ_FAULTS(4 + 3 * 2);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, self->faults[i].flags & IOMMU_PGFAULT_FLAGS_PASID_VALID);
		EXPECT_EQ(ADDR, self->faults[i].addr);
	}
	for (__u32 pasid = 3, i = 4; pasid; pasid--, i += 2) {
		EXPECT_EQ(pasid, self->faults[i].pasid);
		EXPECT_EQ(ADDR + pasid, self->faults[i].addr);
		EXPECT_EQ(pasid, self->faults[i + 1].pasid);
		EXPECT_EQ(self->faults[i].cookie, self->faults[i + 1].cookie);
		EXPECT_OK(answer(self->faults[i].cookie, SUCCESS));
	}
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
}

TEST_HARNESS_MAIN
