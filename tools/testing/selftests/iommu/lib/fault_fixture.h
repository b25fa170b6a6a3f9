/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the tests of page faults: a mock device on an HWPT with a FAULT. To be
 * included once per program, as testing.h is.
 */
#ifndef SELFTESTS_IOMMU_FAULT_FIXTURE_H
#define SELFTESTS_IOMMU_FAULT_FIXTURE_H

#include <poll.h>
#include <pthread.h>

#include "iopf.h"
#include "testing.h"

#define ADDR 0x40000000ULL

FIXTURE(fault)
{
	int fd;
	__u32 ioas, fault, hwpt;
	int file;
	struct mock mock;
	struct iommu_hwpt_pgfault faults[MAX_REQUESTS];
};

/* A device that is attached to an HWPT with a FAULT. */
FIXTURE_SETUP(fault)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(iopf_attach(self->fd, &self->mock, &self->ioas, &self->fault, &self->file,
			      &self->hwpt));
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
	if (self->file >= 0)
		close(self->file);
	EXPECT_EQ(0, mock_count());
}

#define request(flags, grpid, addr) \
	mock_request(self->fd, self->mock.dev, flags, grpid, addr)
#define answer(cookie, code) iopf_answer(self->file, cookie, code)

/* Nothing to read. */
#define EXPECT_NO_FAULT(file) \
	EXPECT_ERRNO(EAGAIN, iopf_read(file, self->faults, sizeof(self->faults)))

/* As many requests, and no more. */
#define READ_FAULTS(nr) \
	ASSERT_EQ((nr) * (int)PGFAULT, iopf_read(self->file, self->faults, \
						 sizeof(self->faults)))

/* The device got an answer to the group, and that is the oldest. */
#define EXPECT_ANSWER(grpid_, code_) do { \
	__u32 got_grpid_ = ~0U, got_code_ = ~0U; \
	EXPECT_OK(mock_answer(self->fd, self->mock.dev, &got_grpid_, &got_code_)); \
	EXPECT_EQ((__u32)(grpid_), got_grpid_); \
	EXPECT_EQ((__u32)(code_), got_code_); \
} while (0)

#define EXPECT_NO_ANSWER() do { \
	__u32 grpid_, code_; \
	EXPECT_ERRNO(EAGAIN, mock_answer(self->fd, self->mock.dev, &grpid_, &code_)); \
} while (0)

static inline short poll_now(int file)
{
	struct pollfd poll_fd = { .fd = file, .events = POLLIN | POLLOUT };

	return poll(&poll_fd, 1, 0) < 0 ? -1 : poll_fd.revents;
}

struct reader {
	int file;
	int got;
	struct iommu_hwpt_pgfault fault;
};

static inline void *read_one(void *arg)
{
	struct reader *reader = arg;

	reader->got = iopf_read(reader->file, &reader->fault, PGFAULT);
	return NULL;
}

#endif
