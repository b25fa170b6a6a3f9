// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of page faults that nobody answers: as the device moves or goes, as
 * the file is closed, and where there is no room for them.
 */
#include "lib/fault_fixture.h"

/* ---- The end of an attachment ---- */

/* A group in each state: read, waiting, incomplete. */
#define LEAVE_GROUPS() do { \
	ASSERT_OK(request(LAST, 1, ADDR)); \
	READ_FAULTS(1); \
	ASSERT_OK(request(PARTIAL, 2, ADDR)); \
	ASSERT_OK(request(LAST, 2, ADDR)); \
	ASSERT_OK(request(PARTIAL, 3, ADDR)); \
	EXPECT_NO_ANSWER(); \
} while (0)

TEST_F(fault, a_replace_answers_what_is_left)
{
	struct iommu_hwpt_pgfault left;
	__u32 fault, hwpt;
	int file;

	ASSERT_OK(iopf_alloc(self->fd, &fault, &file));
	ASSERT_OK(iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas, 0, fault, &hwpt));
	LEAVE_GROUPS();
	left = self->faults[0];
	ASSERT_OK(mock_replace(self->fd, &self->mock, hwpt));
	EXPECT_ANSWER(1, INVALID);
	EXPECT_ANSWER(2, INVALID);
	EXPECT_NO_ANSWER();
	EXPECT_ERRNO(EINVAL, answer(left.cookie, SUCCESS));
	EXPECT_NO_FAULT(self->file);
	EXPECT_NO_FAULT(file);
	/* What comes now is the new one's only */
	ASSERT_OK(request(LAST, 4, ADDR));
	EXPECT_NO_FAULT(self->file);
	ASSERT_EQ((int)PGFAULT, iopf_read(file, &left, PGFAULT));
	EXPECT_EQ(4, left.grpid);
	EXPECT_ERRNO(EINVAL, answer(left.cookie, SUCCESS));
	EXPECT_OK(iopf_answer(file, left.cookie, SUCCESS));
	EXPECT_ANSWER(4, SUCCESS);
	close(file);
}

TEST_F(fault, a_move_away_answers_what_is_left)
{
	LEAVE_GROUPS();
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->ioas));
	EXPECT_ANSWER(1, INVALID);
	EXPECT_ANSWER(2, INVALID);
	EXPECT_NO_ANSWER();
	EXPECT_NO_FAULT(self->file);
	/* Nobody hears it now, and the driver answers */
	ASSERT_OK(request(LAST, 4, ADDR));
	EXPECT_ANSWER(4, INVALID);
	EXPECT_NO_FAULT(self->file);
	/* And back */
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->hwpt));
	ASSERT_OK(request(LAST, 5, ADDR));
	READ_FAULTS(1);
	EXPECT_EQ(5, self->faults[0].grpid);
}

TEST_F(fault, a_move_that_fails_changes_nothing)
{
	struct iommu_hwpt_pgfault left;

	LEAVE_GROUPS();
	left = self->faults[0];
	EXPECT_ERRNO(ENOENT, mock_replace(self->fd, &self->mock, NO_ID));
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &self->mock, self->fault));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->hwpt));
	EXPECT_NO_ANSWER();
	EXPECT_OK(answer(left.cookie, SUCCESS));
	ASSERT_OK(request(LAST, 3, ADDR));
	READ_FAULTS(4);
	EXPECT_EQ(2, self->faults[0].grpid);
	EXPECT_EQ(3, self->faults[2].grpid);
	EXPECT_OK(answer(self->faults[2].cookie, SUCCESS));
}

TEST_F(fault, what_the_hardware_holds_as_the_device_moves_is_tried_again)
{
	__u32 fault, hwpt;
	int file;

	ASSERT_OK(iopf_alloc(self->fd, &fault, &file));
	ASSERT_OK(iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas, 0, fault, &hwpt));
	ASSERT_OK(request(PARTIAL | MOCK_PAGE_REQUEST_HOLD, 1, ADDR));
	ASSERT_OK(request(LAST | MOCK_PAGE_REQUEST_HOLD, 1, ADDR));
	ASSERT_OK(request(LAST | MOCK_PAGE_REQUEST_HOLD, 2, ADDR));
	EXPECT_NO_FAULT(self->file);
	ASSERT_OK(mock_replace(self->fd, &self->mock, hwpt));
	EXPECT_ANSWER(1, SUCCESS);
	EXPECT_ANSWER(2, SUCCESS);
	EXPECT_NO_ANSWER();
	EXPECT_NO_FAULT(self->file);
	EXPECT_NO_FAULT(file);
	close(file);
}

TEST_F(fault, a_device_that_goes_takes_its_groups_along)
{
	__u32 cookie;

	LEAVE_GROUPS();
	cookie = self->faults[0].cookie;
	ASSERT_OK(destroy(self->fd, self->mock.id));
	EXPECT_NO_FAULT(self->file);
	EXPECT_ERRNO(EINVAL, answer(cookie, SUCCESS));
	EXPECT_OK(destroy(self->fd, self->hwpt));
	EXPECT_OK(destroy(self->fd, self->fault));
}

/* ---- The end of the file, and of the object ---- */

TEST_F(fault, closing_the_file_answers_what_is_left)
{
	LEAVE_GROUPS();
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	EXPECT_ANSWER(2, INVALID);
	EXPECT_ANSWER(1, INVALID);
	EXPECT_NO_ANSWER();
	/* Nobody can answer any more */
	ASSERT_OK(request(LAST, 3, ADDR));
	EXPECT_ANSWER(3, INVALID);
	ASSERT_OK(request(PARTIAL, 4, ADDR));
	ASSERT_OK(request(LAST, 4, ADDR));
	EXPECT_ANSWER(4, INVALID);
	ASSERT_OK(request(LAST, 5, ADDR));
	EXPECT_ANSWER(5, INVALID);
	EXPECT_NO_ANSWER();
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->ioas));
	EXPECT_OK(destroy(self->fd, self->hwpt));
	EXPECT_OK(destroy(self->fd, self->fault));
}

TEST_F(fault, the_file_outlives_the_object)
{
	ASSERT_OK(destroy(self->fd, self->mock.id));
	ASSERT_OK(destroy(self->fd, self->hwpt));
	EXPECT_EQ(POLLOUT, poll_now(self->file));
	ASSERT_OK(destroy(self->fd, self->fault));
	EXPECT_EQ(POLLOUT | POLLHUP, poll_now(self->file));
	EXPECT_EQ(0, iopf_read(self->file, self->faults, PGFAULT));
	EXPECT_ERRNO(EINVAL, answer(0, SUCCESS));
}

TEST_F(fault, closing_the_iommufd_ends_the_file)
{
	struct reader reader = { .file = self->file, .got = -1 };
	__u32 cookie;
	pthread_t thread;

	LEAVE_GROUPS();
	cookie = self->faults[0].cookie;
	READ_FAULTS(2);
	ASSERT_EQ(0, fcntl(self->file, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
	usleep(100000);
	close(self->fd);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, reader.got);
	EXPECT_EQ(POLLOUT | POLLHUP, poll_now(self->file));
	EXPECT_ERRNO(EINVAL, answer(cookie, SUCCESS));
	EXPECT_EQ(0, mock_count());
	self->fd = open_iommufd(_metadata);
}

/* ---- Limits ---- */

TEST_F(fault, what_is_outstanding_is_bounded)
{
	for (int i = 0; i < MAX_REQUESTS; i++)
		ASSERT_OK(request(LAST, i % 512, ADDR + i));
	EXPECT_NO_ANSWER();
	EXPECT_EQ(MAX_REQUESTS, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
	ASSERT_OK(request(LAST, 7, ADDR));
	EXPECT_ANSWER(7, INVALID);
	ASSERT_OK(request(LAST, 8, ADDR));
	EXPECT_ANSWER(8, INVALID);
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
	EXPECT_EQ(MAX_REQUESTS, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	/* To be read is not enough */
	READ_FAULTS(MAX_REQUESTS);
	ASSERT_OK(request(LAST, 9, ADDR));
	EXPECT_ANSWER(9, INVALID);
	/* An answer makes room for one */
	EXPECT_OK(answer(self->faults[500].cookie, SUCCESS));
	EXPECT_ANSWER(500, SUCCESS);
	ASSERT_OK(request(LAST, 10, ADDR));
	EXPECT_NO_ANSWER();
	ASSERT_OK(request(LAST, 11, ADDR));
	EXPECT_ANSWER(11, INVALID);
	EXPECT_EQ((int)PGFAULT, iopf_read(self->file, self->faults, PGFAULT));
	EXPECT_EQ(10, self->faults[0].grpid);
	EXPECT_EQ(4, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
	/* All are answered in the end */
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->ioas));
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	for (int i = 0; i < MAX_REQUESTS; i++) {
		__u32 grpid, code;

		ASSERT_OK(mock_answer(self->fd, self->mock.dev, &grpid, &code));
		ASSERT_EQ(INVALID, code);
	}
	EXPECT_NO_ANSWER();
}

TEST_F(fault, what_the_iommu_refuses_by_itself_is_counted)
{
	ASSERT_OK(request(LAST | MOCK_PAGE_REQUEST_NO_PLACE, 1, ADDR));
	EXPECT_ANSWER(1, INVALID);
	EXPECT_EQ(1, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	EXPECT_ERRNO(EAGAIN, iopf_read(self->file, self->faults, PGFAULT));
	/* What has its place is told as before */
	ASSERT_OK(request(LAST, 2, ADDR));
	EXPECT_EQ((int)PGFAULT, iopf_read(self->file, self->faults, PGFAULT));
	EXPECT_EQ(2, self->faults[0].grpid);
	ASSERT_OK(request(LAST | MOCK_PAGE_REQUEST_NO_PLACE, 3, ADDR));
	EXPECT_ANSWER(3, INVALID);
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_ANSWER(2, SUCCESS);
	/* Once the device has left, it is none of this queue's */
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->ioas));
	ASSERT_OK(request(LAST | MOCK_PAGE_REQUEST_NO_PLACE, 4, ADDR));
	EXPECT_ANSWER(4, INVALID);
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
}

TEST_F(fault, a_group_of_which_a_part_had_no_room_is_refused_whole)
{
	ASSERT_OK(request(PARTIAL, 600 % 512, ADDR));
	for (int i = 0; i < MAX_REQUESTS - 2; i++)
		ASSERT_OK(request(PARTIAL, 1, ADDR + i));
	ASSERT_OK(request(LAST, 2, ADDR));
	EXPECT_EQ(MAX_REQUESTS, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	/* Its begin found no room; its end could */
	ASSERT_OK(request(PARTIAL, 3, ADDR));
	EXPECT_EQ(MAX_REQUESTS, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	/* The one that is too long gives back all that it had */
	ASSERT_OK(request(PARTIAL, 1, ADDR));
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	ASSERT_OK(request(PARTIAL, 1, ADDR));
	ASSERT_OK(request(LAST, 1, ADDR));
	EXPECT_ANSWER(1, INVALID);
	ASSERT_OK(request(LAST, 3, ADDR));
	EXPECT_ANSWER(3, INVALID);
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "fault", self->fault, "refused"));
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	/* The others are whole, and their index is good for more groups */
	ASSERT_OK(request(LAST, 600 % 512, ADDR));
	ASSERT_OK(request(LAST, 1, ADDR));
	ASSERT_OK(request(LAST, 3, ADDR));
	EXPECT_NO_ANSWER();
	READ_FAULTS(5);
	EXPECT_EQ(2, self->faults[0].grpid);
	EXPECT_EQ(600 % 512, self->faults[1].grpid);
	EXPECT_EQ(self->faults[1].cookie, self->faults[2].cookie);
}

TEST_F(fault, a_long_group_is_read_whole)
{
	for (int i = 0; i < MAX_REQUESTS - 1; i++)
		ASSERT_OK(request(PARTIAL, 511, ADDR + i * PAGE));
	ASSERT_OK(request(LAST, 511, ADDR + (MAX_REQUESTS - 1) * PAGE));
	EXPECT_ERRNO(EINVAL, iopf_read(self->file, self->faults,
				       (MAX_REQUESTS - 1) * PGFAULT));
	READ_FAULTS(MAX_REQUESTS);
	for (int i = 0; i < MAX_REQUESTS; i++)
		ASSERT_EQ(ADDR + i * PAGE, self->faults[i].addr);
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_ANSWER(511, SUCCESS);
}

TEST_F(fault, a_group_of_which_the_hardware_lost_a_part_is_tried_again)
{
	ASSERT_OK(request(PARTIAL, 1, ADDR));
	ASSERT_OK(request(PARTIAL, 2, ADDR));
	ASSERT_OK(request(LAST | MOCK_PAGE_REQUEST_AFTER_LOSS, 1, ADDR));
	EXPECT_ANSWER(1, SUCCESS);
	ASSERT_OK(request(PARTIAL, 2, ADDR));
	ASSERT_OK(request(LAST, 2, ADDR));
	EXPECT_ANSWER(2, SUCCESS);
	EXPECT_NO_FAULT(self->file);
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
	/* What begins after it is whole */
	ASSERT_OK(request(PARTIAL, 2, ADDR));
	ASSERT_OK(request(LAST, 2, ADDR));
	READ_FAULTS(2);
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
}

TEST_F(fault, an_error_that_nobody_waits_for_is_no_page_request)
{
	ASSERT_OK(request(MOCK_PAGE_REQUEST_UNRECOVERABLE, 1, ADDR));
	EXPECT_NO_FAULT(self->file);
	EXPECT_NO_ANSWER();
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "fault", self->fault, "requests"));
}

/* ---- A device of QEMU: none of those has page requests ---- */

FIXTURE(fault_of_edu)
{
	struct bound b;
	char *pages;
};

FIXTURE_SETUP(fault_of_edu)
{
	setup_attached(_metadata, &self->b, 0);
	self->pages = memory_pages(2 * PAGE);
	ASSERT_NE(NULL, self->pages);
	ASSERT_OK(ioas_map_at(self->b.iommufd, self->b.ioas, self->pages, 2 * PAGE, ADDR));
}

FIXTURE_TEARDOWN(fault_of_edu)
{
	close_bound(&self->b);
}

TEST_F(fault_of_edu, who_cannot_ask_keeps_what_it_has)
{
	__u32 fault, hwpt;
	int file;

	ASSERT_OK(iopf_alloc(self->b.iommufd, &fault, &file));
	ASSERT_OK(iopf_hwpt_alloc(self->b.iommufd, self->b.edu.id, self->b.ioas, 0, fault,
				  &hwpt));
	/* It has none, or the IOMMU has no place for them. */
	EXPECT_ERRNO(ENODEV, edu_attach(&self->b.edu, hwpt));
	memset(self->pages, 0x5a, 64);
	EXPECT_OK(edu_copy(&self->b.edu, ADDR + PAGE, ADDR, 64));
	EXPECT_EQ(0, memcmp(self->pages, self->pages + PAGE, 64));

	/* Nor does it once it is detached. */
	ASSERT_OK(edu_detach(&self->b.edu));
	EXPECT_ERRNO(ENODEV, edu_attach(&self->b.edu, hwpt));
	ASSERT_OK(edu_attach(&self->b.edu, self->b.ioas));
	EXPECT_OK(destroy(self->b.iommufd, hwpt));
	EXPECT_OK(destroy(self->b.iommufd, fault));
	close(file);
}

TEST_HARNESS_MAIN
