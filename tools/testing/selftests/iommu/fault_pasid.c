// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults with PASIDs: whom they are told to, and which are one group.
 */
#include "lib/fault_fixture.h"
#include "lib/nested.h"
#include "lib/pasid.h"

#define pasid_request(flags, pasid, grpid, addr) \
	mock_request_pasid(self->fd, self->mock.dev, flags, pasid, grpid, addr)

/* A nested HWPT, whose user owns the table of PASIDs, with the fixture's FAULT. */
static int nested_fault_alloc(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 fault,
			      __u32 *hwpt)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID | flags,
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
	       nested_fault_alloc(fd, mock->dev, parent, 0, fault, &nested) ?:
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

/* ---- PASIDs that are attached ---- */

/* A second device that has PASIDs, and a FAULT for one of them. */
struct with_pasids {
	struct mock mock;
	__u32 fault, own, other;
	int file;
};

static int make_with_pasids(int fd, __u32 ioas, __u32 own_fault, struct with_pasids *w)
{
	return mock_attach_flags(fd, ioas, MOCK_FLAGS_DEVICE_PASID, &w->mock) ?:
	       iopf_alloc(fd, &w->fault, &w->file) ?:
	       iopf_hwpt_alloc(fd, w->mock.dev, ioas, IOMMU_HWPT_ALLOC_PASID, own_fault,
			       &w->own) ?:
	       iopf_hwpt_alloc(fd, w->mock.dev, ioas, IOMMU_HWPT_ALLOC_PASID, w->fault,
			       &w->other) ?:
	       mock_replace(fd, &w->mock, w->own);
}

#define MAKE(w) do { \
	struct with_pasids *w_ = (w); \
	ASSERT_OK(make_with_pasids(self->fd, self->ioas, self->fault, w_)); \
	self->mock.dev = w_->mock.dev; \
} while (0)

TEST_F(fault, each_pasid_has_the_fault_of_its_hwpt)
{
	struct iommu_hwpt_pgfault got[2];
	struct with_pasids w;

	MAKE(&w);
	ASSERT_OK(pasid_attach(self->fd, w.mock.id, 5, w.other));
	ASSERT_OK(request(LAST, 1, ADDR));
	ASSERT_OK(pasid_request(LAST, 5, 1, 2 * ADDR));
	ASSERT_OK(pasid_request(LAST, 6, 2, ADDR));
	EXPECT_ANSWER(2, INVALID);
	READ_FAULTS(1);
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE, self->faults[0].flags);
	ASSERT_EQ((int)PGFAULT, iopf_read(w.file, got, sizeof(got)));
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID, got->flags);
	EXPECT_EQ(5, got->pasid);
	EXPECT_EQ(2 * ADDR, got->addr);
	EXPECT_EQ(w.mock.dev, got->dev_id);
	EXPECT_OK(iopf_answer(w.file, got->cookie, INVALID));
	EXPECT_ANSWER(1, INVALID);
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_ANSWER(1, SUCCESS);
	close(w.file);
}

TEST_F(fault, a_pasid_that_moves_leaves_the_others_alone)
{
	struct iommu_hwpt_pgfault got[2];
	struct with_pasids w;

	MAKE(&w);
	ASSERT_OK(pasid_attach(self->fd, w.mock.id, 5, w.other));
	ASSERT_OK(pasid_attach(self->fd, w.mock.id, 6, w.other));
	ASSERT_OK(request(LAST, 1, ADDR));
	ASSERT_OK(pasid_request(LAST, 5, 2, ADDR));
	ASSERT_OK(pasid_request(LAST, 6, 3, ADDR));
	ASSERT_OK(pasid_replace(self->fd, w.mock.id, 5, w.own));
	EXPECT_ANSWER(2, INVALID);
	EXPECT_NO_ANSWER();
	ASSERT_OK(pasid_request(LAST, 5, 4, ADDR));
	READ_FAULTS(2);
	EXPECT_EQ(1, self->faults[0].grpid);
	EXPECT_EQ(4, self->faults[1].grpid);
	EXPECT_EQ(5, self->faults[1].pasid);
	/* Nor does the device's own move */
	ASSERT_OK(mock_replace(self->fd, &w.mock, w.other));
	EXPECT_ANSWER(1, INVALID);
	EXPECT_NO_ANSWER();
	EXPECT_OK(answer(self->faults[1].cookie, SUCCESS));
	EXPECT_ANSWER(4, SUCCESS);
	ASSERT_EQ((int)PGFAULT, iopf_read(w.file, got, sizeof(got)));
	EXPECT_EQ(3, got->grpid);
	EXPECT_OK(iopf_answer(w.file, got->cookie, SUCCESS));
	EXPECT_ANSWER(3, SUCCESS);
	close(w.file);
}

TEST_F(fault, a_pasid_that_is_detached_is_answered_for_good)
{
	struct with_pasids w;

	MAKE(&w);
	ASSERT_OK(pasid_attach(self->fd, w.mock.id, 5, w.other));
	ASSERT_OK(pasid_request(LAST, 5, 1, ADDR));
	ASSERT_OK(pasid_request(PARTIAL, 5, 2, ADDR));
	/* In the hardware's queue as DMA is blocked: not to be tried again */
	ASSERT_OK(pasid_request(LAST | MOCK_PAGE_REQUEST_HOLD, 5, 3, ADDR));
	ASSERT_OK(pasid_detach(self->fd, w.mock.id, 5));
	EXPECT_ANSWER(3, INVALID);
	EXPECT_ANSWER(1, INVALID);
	EXPECT_NO_ANSWER();
	EXPECT_NO_FAULT(w.file);
	ASSERT_OK(pasid_request(LAST, 5, 4, ADDR));
	EXPECT_ANSWER(4, INVALID);
	EXPECT_OK(destroy(self->fd, w.other));
	EXPECT_OK(destroy(self->fd, w.fault));
	close(w.file);
}

TEST_F(fault, a_pasid_whose_move_fails_keeps_what_it_had)
{
	struct iommu_hwpt_pgfault got[2];
	struct with_pasids w;

	MAKE(&w);
	/* The mock lets the second one in a row fail */
	ASSERT_OK(pasid_attach(self->fd, w.mock.id, IOMMU_TEST_PASID_RESERVED, w.other));
	ASSERT_OK(pasid_request(LAST, IOMMU_TEST_PASID_RESERVED, 1, ADDR));
	ASSERT_OK(pasid_request(PARTIAL, IOMMU_TEST_PASID_RESERVED, 2, ADDR));
	EXPECT_ERRNO(ENOMEM, pasid_replace(self->fd, w.mock.id, IOMMU_TEST_PASID_RESERVED,
					   w.own));
	EXPECT_NO_ANSWER();
	ASSERT_EQ((int)PGFAULT, iopf_read(w.file, got, sizeof(got)));
	EXPECT_OK(iopf_answer(w.file, got->cookie, SUCCESS));
	EXPECT_ANSWER(1, SUCCESS);
	ASSERT_OK(pasid_request(LAST, IOMMU_TEST_PASID_RESERVED, 2, ADDR));
	ASSERT_EQ(2 * (int)PGFAULT, iopf_read(w.file, got, sizeof(got)));
	EXPECT_EQ(2, got[0].grpid);
	EXPECT_OK(iopf_answer(w.file, got[0].cookie, SUCCESS));
	EXPECT_NO_FAULT(self->file);
	close(w.file);
}

TEST_F(fault, a_pasid_that_is_attached_goes_before_the_users_table)
{
	struct iommu_hwpt_pgfault got[2];
	struct with_pasids w;
	__u32 parent, nested;

	MAKE(&w);
	ASSERT_OK(parent_alloc(self->fd, w.mock.dev, self->ioas, &parent));
	ASSERT_OK(nested_fault_alloc(self->fd, w.mock.dev, parent, IOMMU_HWPT_ALLOC_PASID,
				     self->fault, &nested));
	ASSERT_OK(mock_replace(self->fd, &w.mock, nested));
	ASSERT_OK(pasid_attach(self->fd, w.mock.id, 5, w.other));
	ASSERT_OK(pasid_request(LAST, 5, 1, ADDR));
	ASSERT_OK(pasid_request(LAST, 6, 2, ADDR));
	READ_FAULTS(1);
	EXPECT_EQ(6, self->faults[0].pasid);
	ASSERT_EQ((int)PGFAULT, iopf_read(w.file, got, sizeof(got)));
	EXPECT_EQ(5, got->pasid);
	close(w.file);
}

TEST_HARNESS_MAIN
