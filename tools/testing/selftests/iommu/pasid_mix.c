// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of one device on page tables of all kinds, paging, nested, and nested in a
 * VIOMMU; and the page faults of each.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/iopf.h"
#include "lib/nested.h"
#include "lib/pasid.h"
#include "lib/testing.h"

#define ADDR 0x40000000ULL
#define GRPID 3

/* A device with PASIDs on @paging; @nested and @second are on @parent. */
FIXTURE(pasid_mix)
{
	int fd;
	__u32 ioas, other_ioas, paging, parent, nested, second;
	struct mock mock;
};

#define attach(pasid, pt) pasid_attach(self->fd, self->mock.id, pasid, pt)
#define replace(pasid, pt) pasid_replace(self->fd, self->mock.id, pasid, pt)
#define detach(pasid) pasid_detach(self->fd, self->mock.id, pasid)
#define check(pasid, hwpt) pasid_check(self->fd, self->mock.id, pasid, hwpt)

static int alloc_nested(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 *hwpt)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };

	return hwpt_alloc_flags(fd, dev, pt, flags, IOMMU_HWPT_DATA_SELFTEST, &data,
				sizeof(data), hwpt);
}

FIXTURE_SETUP(pasid_mix)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(ioas_alloc(self->fd, &self->other_ioas));
	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID,
				    &self->mock));
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				   IOMMU_HWPT_DATA_NONE, NULL, 0, &self->paging));
	ASSERT_OK(parent_alloc(self->fd, self->mock.dev, self->other_ioas, &self->parent));
	ASSERT_OK(alloc_nested(self->fd, self->mock.dev, self->parent, IOMMU_HWPT_ALLOC_PASID,
			       &self->nested));
	ASSERT_OK(alloc_nested(self->fd, self->mock.dev, self->parent, IOMMU_HWPT_ALLOC_PASID,
			       &self->second));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->paging));
}

FIXTURE_TEARDOWN(pasid_mix)
{
	close(self->fd);
	EXPECT_EQ(0, mock_count());
}

/* ---- Page tables ---- */

TEST_F(pasid_mix, paging_and_nested_are_side_by_side)
{
	ASSERT_OK(attach(1, self->nested));
	ASSERT_OK(attach(2, self->paging));
	ASSERT_OK(attach(3, self->second));
	EXPECT_OK(check(0, self->paging));
	EXPECT_OK(check(1, self->nested));
	EXPECT_OK(check(2, self->paging));
	EXPECT_OK(check(3, self->second));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->nested));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->nested));
	EXPECT_OK(check(0, self->nested));
	EXPECT_OK(check(1, self->nested));
	ASSERT_OK(detach(1));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->nested));
	EXPECT_OK(check(0, self->nested));
	EXPECT_OK(check(3, self->second));
}

TEST_F(pasid_mix, each_kind_moves_to_the_other)
{
	ASSERT_OK(attach(1, self->paging));
	ASSERT_OK(replace(1, self->nested));
	EXPECT_OK(check(1, self->nested));
	ASSERT_OK(replace(1, self->second));
	EXPECT_OK(check(1, self->second));
	ASSERT_OK(replace(1, self->paging));
	EXPECT_OK(check(1, self->paging));
	EXPECT_OK(destroy(self->fd, self->nested));
	EXPECT_OK(destroy(self->fd, self->second));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(pasid_mix, a_failure_leaves_the_nested_one)
{
	const __u32 pasid = IOMMU_TEST_PASID_RESERVED;

	ASSERT_OK(attach(pasid, self->nested));
	EXPECT_ERRNO(ENOMEM, replace(pasid, self->paging));
	EXPECT_OK(check(pasid, self->nested));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->nested));
	EXPECT_ERRNO(EBUSY, attach(pasid, self->second));
}

TEST_F(pasid_mix, a_nested_one_has_to_be_made_for_it)
{
	__u32 plain;

	ASSERT_OK(nested_alloc(self->fd, self->mock.dev, self->parent, IOTLB, &plain));
	EXPECT_ERRNO(EINVAL, attach(1, plain));
	ASSERT_OK(attach(1, self->nested));
	EXPECT_ERRNO(EINVAL, replace(1, plain));
	EXPECT_OK(check(1, self->nested));
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &self->mock, plain));
	/* The parent was not made for it either. */
	EXPECT_ERRNO(EINVAL, attach(2, self->parent));
	ASSERT_OK(detach(1));
	ASSERT_OK(mock_replace(self->fd, &self->mock, plain));
	EXPECT_ERRNO(EINVAL, attach(1, self->nested));
}

TEST_F(pasid_mix, in_a_viommu_the_device_wants_a_name)
{
	__u32 viommu, vdevice, hwpt;

	ASSERT_OK(viommu_alloc(self->fd, self->mock.dev, self->parent, &viommu));
	ASSERT_OK(alloc_nested(self->fd, self->mock.dev, viommu, IOMMU_HWPT_ALLOC_PASID, &hwpt));
	EXPECT_ERRNO(ENOENT, attach(1, hwpt));
	EXPECT_OK(check(1, 0));
	ASSERT_OK(attach(1, self->nested));
	EXPECT_ERRNO(ENOENT, replace(1, hwpt));
	EXPECT_OK(check(1, self->nested));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, self->mock.dev, 3, &vdevice));
	EXPECT_OK(replace(1, hwpt));
	EXPECT_OK(check(1, hwpt));
	EXPECT_OK(attach(2, hwpt));
	EXPECT_OK(check(2, hwpt));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
}

/* ---- Page faults ---- */

struct faulting {
	__u32 fault, hwpt;
	int file;
};

/* A FAULT, and a page table made for PASIDs whose faults it gets */
static int alloc_faulting(int fd, __u32 dev, __u32 ioas, struct faulting *f)
{
	return iopf_alloc(fd, &f->fault, &f->file) ?:
	       iopf_hwpt_alloc(fd, dev, ioas, IOMMU_HWPT_ALLOC_PASID, f->fault, &f->hwpt);
}

#define ALLOC_FAULTING(f) \
	ASSERT_OK(alloc_faulting(self->fd, self->mock.dev, self->ioas, f))
#define request(pasid) \
	mock_request_pasid(self->fd, self->mock.dev, LAST, pasid, GRPID, ADDR)

/* One is there, with that PASID. */
#define READ_FAULT(file, pasid_, fault) do { \
	struct iommu_hwpt_pgfault *fault_ = (fault); \
	ASSERT_EQ((int)PGFAULT, iopf_read(file, fault_, 2 * PGFAULT)); \
	EXPECT_EQ((__u32)(pasid_), fault_->pasid); \
	EXPECT_TRUE(fault_->flags & IOMMU_PGFAULT_FLAGS_PASID_VALID); \
	EXPECT_EQ(self->mock.dev, fault_->dev_id); \
	EXPECT_EQ(ADDR, fault_->addr); \
} while (0)

#define EXPECT_NO_FAULT(file) do { \
	struct iommu_hwpt_pgfault none_; \
	EXPECT_ERRNO(EAGAIN, iopf_read(file, &none_, PGFAULT)); \
} while (0)

#define EXPECT_ANSWER(code_) do { \
	__u32 got_grpid_ = 0, got_code_ = ~0U; \
	EXPECT_OK(mock_answer(self->fd, self->mock.dev, &got_grpid_, &got_code_)); \
	EXPECT_EQ(GRPID, got_grpid_); \
	EXPECT_EQ((__u32)(code_), got_code_); \
} while (0)

TEST_F(pasid_mix, faults_come_to_who_has_the_pasid)
{
	struct iommu_hwpt_pgfault fault[2];
	struct faulting one, two;

	ALLOC_FAULTING(&one);
	ALLOC_FAULTING(&two);
	ASSERT_OK(attach(1, one.hwpt));
	ASSERT_OK(attach(2, two.hwpt));
	ASSERT_OK(attach(3, two.hwpt));
	ASSERT_OK(request(2));
	EXPECT_NO_FAULT(one.file);
	READ_FAULT(two.file, 2, fault);
	EXPECT_OK(iopf_answer(two.file, fault->cookie, SUCCESS));
	EXPECT_ANSWER(SUCCESS);
	ASSERT_OK(request(3));
	READ_FAULT(two.file, 3, fault);
	EXPECT_OK(iopf_answer(two.file, fault->cookie, INVALID));
	EXPECT_ANSWER(INVALID);
	ASSERT_OK(request(1));
	EXPECT_NO_FAULT(two.file);
	READ_FAULT(one.file, 1, fault);
	close(one.file);
	close(two.file);
}

TEST_F(pasid_mix, detach_answers_what_is_left_of_one)
{
	struct iommu_hwpt_pgfault fault[2];
	struct faulting one;

	ALLOC_FAULTING(&one);
	ASSERT_OK(attach(1, one.hwpt));
	ASSERT_OK(attach(2, one.hwpt));
	ASSERT_OK(request(1));
	READ_FAULT(one.file, 1, fault);
	ASSERT_OK(detach(1));
	EXPECT_ANSWER(INVALID);
	EXPECT_ERRNO(EINVAL, iopf_answer(one.file, fault->cookie, SUCCESS));
	/* The other is as it was. */
	ASSERT_OK(request(2));
	READ_FAULT(one.file, 2, fault);
	EXPECT_OK(iopf_answer(one.file, fault->cookie, SUCCESS));
	EXPECT_ANSWER(SUCCESS);
	close(one.file);
}

TEST_F(pasid_mix, replace_shows_nothing_to_the_next)
{
	struct iommu_hwpt_pgfault fault[2];
	struct faulting one, two;

	ALLOC_FAULTING(&one);
	ALLOC_FAULTING(&two);
	ASSERT_OK(attach(1, one.hwpt));
	ASSERT_OK(request(1));
	ASSERT_OK(replace(1, two.hwpt));
	EXPECT_ANSWER(INVALID);
	EXPECT_NO_FAULT(one.file);
	EXPECT_NO_FAULT(two.file);
	ASSERT_OK(request(1));
	READ_FAULT(two.file, 1, fault);
	EXPECT_NO_FAULT(one.file);
	close(one.file);
	close(two.file);
}

TEST_F(pasid_mix, a_replace_that_fails_keeps_the_faults)
{
	const __u32 pasid = IOMMU_TEST_PASID_RESERVED;
	struct iommu_hwpt_pgfault fault[2];
	struct faulting one, two;

	ALLOC_FAULTING(&one);
	ALLOC_FAULTING(&two);
	ASSERT_OK(attach(pasid, one.hwpt));
	ASSERT_OK(request(pasid));
	READ_FAULT(one.file, pasid, fault);
	EXPECT_ERRNO(ENOMEM, replace(pasid, two.hwpt));
	EXPECT_OK(iopf_answer(one.file, fault->cookie, SUCCESS));
	EXPECT_ANSWER(SUCCESS);
	ASSERT_OK(request(pasid));
	READ_FAULT(one.file, pasid, fault);
	EXPECT_NO_FAULT(two.file);
	close(one.file);
	close(two.file);
}

/* ---- At the same time ---- */

#define TURNS 300

struct mover {
	pthread_t thread;
	int fd;
	__u32 stdev, dev, hwpts[2];
	atomic_int *failed;
	atomic_bool *stop;
};

static void *move_often(void *arg)
{
	struct mover *mover = arg;

	for (int i = 0; i < TURNS; i++)
		if (pasid_replace(mover->fd, mover->stdev, 1, mover->hwpts[i % 2]))
			atomic_fetch_add(mover->failed, 1);
	*mover->stop = true;
	return NULL;
}

/* A request comes to whoever is attached, or is answered. */
static void *fault_often(void *arg)
{
	struct mover *mover = arg;

	while (!*mover->stop)
		if (mock_request_pasid(mover->fd, mover->dev, LAST, 1, GRPID, ADDR))
			atomic_fetch_add(mover->failed, 1);
	return NULL;
}

TEST_F(pasid_mix, two_threads_replace_while_it_faults)
{
	struct faulting one, two;
	atomic_bool stop = false;
	struct mover movers[3];
	atomic_int failed = 0;

	ALLOC_FAULTING(&one);
	ALLOC_FAULTING(&two);
	movers[0] = (struct mover){ .fd = self->fd, .stdev = self->mock.id,
				    .dev = self->mock.dev, .failed = &failed, .stop = &stop,
				    .hwpts = { one.hwpt, self->nested } };
	movers[1] = movers[0];
	movers[1].hwpts[1] = two.hwpt;
	movers[2] = movers[0];
	ASSERT_OK(attach(1, self->paging));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&movers[i].thread, NULL,
					    i < 2 ? move_often : fault_often, &movers[i]));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_join(movers[i].thread, NULL));
	EXPECT_EQ(0, atomic_load(&failed));
	ASSERT_OK(detach(1));
	EXPECT_OK(check(1, 0));
	EXPECT_NO_FAULT(one.file);
	EXPECT_NO_FAULT(two.file);
	EXPECT_OK(destroy(self->fd, one.hwpt));
	EXPECT_OK(destroy(self->fd, two.hwpt));
	EXPECT_OK(destroy(self->fd, self->nested));
	close(one.file);
	close(two.file);
}

TEST_HARNESS_MAIN
