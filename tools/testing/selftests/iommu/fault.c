// SPDX-License-Identifier: GPL-2.0-only
/*
 * FAULT on the mock IOMMU, whose devices send what page requests a test wants and
 * remember the answers: each group is read whole and answered once.
 */
#include <signal.h>
#include <sys/mman.h>

#include "lib/fault_fixture.h"

/* ---- The objects ---- */

TEST_F(fault, the_file_is_closed_on_exec)
{
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->file, F_GETFD));
}

TEST_F(fault, there_are_no_flags)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd), .flags = 1 };

	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, &cmd,
				      "IOMMU_FAULT_QUEUE_ALLOC(flags 1)"));
}

TEST_F(fault, an_ioctl_that_cannot_answer_leaves_no_file)
{
	struct iommu_fault_alloc *cmd = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int next = dup(self->fd);

	ASSERT_NE(MAP_FAILED, cmd);
	close(next);
	cmd->size = sizeof(*cmd);
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, cmd,
				  "IOMMU_FAULT_QUEUE_ALLOC(read-only)"));
	EXPECT_EQ(next, dup(self->fd));
	close(next);
}

TEST_F(fault, an_hwpt_wants_a_fault)
{
	__u32 hwpt;

	EXPECT_ERRNO(ENOENT, iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas, 0, NO_ID,
					     &hwpt));
	EXPECT_ERRNO(ENOENT, iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas, 0,
					     self->ioas, &hwpt));
}

TEST_F(fault, a_nesting_parent_has_none)
{
	__u32 hwpt;

	EXPECT_ERRNO(EOPNOTSUPP, iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas,
						 IOMMU_HWPT_ALLOC_NEST_PARENT, self->fault,
						 &hwpt));
	/* Beside it the flag of PASIDs is fine */
	EXPECT_OK(iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas,
				  IOMMU_HWPT_ALLOC_PASID, self->fault, &hwpt));
	EXPECT_OK(destroy(self->fd, hwpt));
}

/* A stage 2 takes no faults, and a stage 1 is no parent and is not tracked. */
TEST_F(fault, an_hwpt_has_each_combination_of_flags_that_makes_sense)
{
	const __u32 parents = IOMMU_HWPT_ALLOC_NEST_PARENT;
	const __u32 not_nested = parents | IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	struct iommu_hwpt_selftest data = { .iotlb = IOMMU_TEST_IOTLB_DEFAULT };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = self->mock.dev,
		.pt_id = self->ioas,
		.fault_id = self->fault,
	};
	__u32 parent = 0;
	int err, expected;

	for (cmd.flags = 0; cmd.flags < 16; cmd.flags++) {
		err = call(self->fd, IOMMU_HWPT_ALLOC, &cmd, "IOMMU_HWPT_ALLOC(flags %#x)",
			   cmd.flags);
		expected = cmd.flags & parents && cmd.flags & IOMMU_HWPT_FAULT_ID_VALID ?
			   -EOPNOTSUPP : 0;
		EXPECT_EQ(expected, err) {
			TH_LOG("%s", last_call);
		}
		if (cmd.flags == parents)
			parent = cmd.out_hwpt_id;
		else if (!err)
			EXPECT_OK(destroy(self->fd, cmd.out_hwpt_id));
	}
	cmd.pt_id = parent;
	cmd.data_type = IOMMU_HWPT_DATA_SELFTEST;
	cmd.data_len = sizeof(data);
	cmd.data_uptr = (uintptr_t)&data;
	for (cmd.flags = 0; cmd.flags < 16; cmd.flags++) {
		err = call(self->fd, IOMMU_HWPT_ALLOC, &cmd,
			   "IOMMU_HWPT_ALLOC(nested, flags %#x)", cmd.flags);
		EXPECT_EQ(cmd.flags & not_nested ? -EOPNOTSUPP : 0, err) {
			TH_LOG("%s", last_call);
		}
	}
}

TEST_F(fault, it_is_busy_as_long_as_an_hwpt_needs_it)
{
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->fault));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->ioas));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->fault));
	ASSERT_OK(destroy(self->fd, self->hwpt));
	EXPECT_OK(destroy(self->fd, self->fault));
}

TEST_F(fault, several_hwpts_and_devices_can_share_it)
{
	struct mock other;
	__u32 hwpt;

	ASSERT_OK(iopf_hwpt_alloc(self->fd, self->mock.dev, self->ioas, 0, self->fault,
				  &hwpt));
	ASSERT_OK(mock_attach(self->fd, hwpt, &other));
	ASSERT_OK(request(LAST, 1, ADDR));
	ASSERT_OK(mock_request(self->fd, other.dev, LAST, 1, 2 * ADDR));
	READ_FAULTS(2);
	EXPECT_EQ(self->mock.dev, self->faults[0].dev_id);
	EXPECT_EQ(ADDR, self->faults[0].addr);
	EXPECT_EQ(other.dev, self->faults[1].dev_id);
	EXPECT_EQ(2 * ADDR, self->faults[1].addr);
	EXPECT_NE(self->faults[0].cookie, self->faults[1].cookie);
	/* One goes, and the other's group can still be answered */
	ASSERT_OK(destroy(self->fd, other.id));
	EXPECT_ERRNO(EINVAL, answer(self->faults[1].cookie, SUCCESS));
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_ANSWER(1, SUCCESS);
}

TEST_F(fault, a_device_that_cannot_send_requests_is_not_attached)
{
	struct mock mock, none;
	__u32 before;

	EXPECT_ERRNO(ENODEV, mock_attach_flags(self->fd, self->hwpt,
					       MOCK_FLAGS_DEVICE_NO_FAULTS, &none));
	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_NO_FAULTS, &mock));
	before = mock.hwpt;
	EXPECT_ERRNO(ENODEV, mock_replace(self->fd, &mock, self->hwpt));
	EXPECT_EQ(before, mock.hwpt);
	EXPECT_ERRNO(EINVAL, mock_check_map(self->fd, before, 0, NULL, 0));
}

/* ---- One group ---- */

TEST_F(fault, a_request_is_read_and_answered)
{
	const struct iommu_hwpt_pgfault *got = self->faults;

	EXPECT_NO_FAULT(self->file);
	EXPECT_EQ(POLLOUT, poll_now(self->file));
	ASSERT_OK(request(LAST, 7, ADDR));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->file));
	READ_FAULTS(1);
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE, got->flags);
	EXPECT_EQ(self->mock.dev, got->dev_id);
	EXPECT_EQ(0, got->pasid);
	EXPECT_EQ(7, got->grpid);
	EXPECT_EQ(IOMMU_PGFAULT_PERM_WRITE, got->perm);
	EXPECT_EQ(0, got->__reserved);
	EXPECT_EQ(ADDR, got->addr);
	EXPECT_EQ(0, got->length);
	EXPECT_EQ(POLLOUT, poll_now(self->file));
	EXPECT_NO_FAULT(self->file);
	EXPECT_NO_ANSWER();
	EXPECT_OK(answer(got->cookie, SUCCESS));
	EXPECT_ANSWER(7, SUCCESS);

	ASSERT_OK(request(LAST, 7, ADDR));
	READ_FAULTS(1);
	EXPECT_OK(answer(got->cookie, INVALID));
	EXPECT_ANSWER(7, INVALID);
	EXPECT_NO_ANSWER();
}

TEST_F(fault, what_mainline_triggers_is_read_too)
{
	ASSERT_OK(mock_trigger(self->fd, self->mock.dev, 2, ADDR));
	READ_FAULTS(1);
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_LAST_PAGE, self->faults[0].flags);
	EXPECT_EQ(2, self->faults[0].grpid);
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_ERRNO(ENOENT, mock_trigger(self->fd, NO_ID, 2, ADDR));
	EXPECT_ERRNO(ENOENT, mock_trigger(self->fd, self->ioas, 2, ADDR));
}

TEST_F(fault, a_group_is_told_when_it_is_complete)
{
	for (int i = 0; i < 5; i++) {
		ASSERT_OK(request(PARTIAL, 3, ADDR + i * PAGE));
		EXPECT_NO_FAULT(self->file);
		EXPECT_EQ(POLLOUT, poll_now(self->file));
	}
	ASSERT_OK(request(LAST, 3, ADDR + 5 * PAGE));
	READ_FAULTS(6);
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(ADDR + i * PAGE, self->faults[i].addr);
		EXPECT_EQ(3, self->faults[i].grpid);
		EXPECT_EQ(self->faults[0].cookie, self->faults[i].cookie);
		EXPECT_EQ(i == 5 ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0, self->faults[i].flags);
	}
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_ANSWER(3, SUCCESS);
	EXPECT_NO_ANSWER();
}

TEST_F(fault, groups_come_in_between_each_other)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(request(PARTIAL, 1, ADDR + i));
		ASSERT_OK(request(PARTIAL, 2, 2 * ADDR + i));
		ASSERT_OK(request(LAST, 8, 3 * ADDR));
	}
	ASSERT_OK(request(LAST, 2, 2 * ADDR + 3));
	ASSERT_OK(request(LAST, 1, ADDR + 3));
	READ_FAULTS(11);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(8, self->faults[i].grpid);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(2 * ADDR + i, self->faults[3 + i].addr);
		EXPECT_EQ(ADDR + i, self->faults[7 + i].addr);
	}
	/* Any order of answers */
	EXPECT_OK(answer(self->faults[7].cookie, SUCCESS));
	EXPECT_OK(answer(self->faults[3].cookie, INVALID));
	for (int i = 2; i >= 0; i--)
		EXPECT_OK(answer(self->faults[i].cookie, SUCCESS));
	EXPECT_ANSWER(1, SUCCESS);
	EXPECT_ANSWER(2, INVALID);
}

/* ---- read() ---- */

TEST_F(fault, groups_are_read_whole_or_not_at_all)
{
	ASSERT_OK(request(PARTIAL, 1, ADDR));
	ASSERT_OK(request(PARTIAL, 1, ADDR));
	ASSERT_OK(request(LAST, 1, ADDR));
	ASSERT_OK(request(PARTIAL, 2, ADDR));
	ASSERT_OK(request(LAST, 2, ADDR));
	/* It is the first one's turn */
	EXPECT_ERRNO(EINVAL, iopf_read(self->file, self->faults, 1 * PGFAULT));
	EXPECT_ERRNO(EINVAL, iopf_read(self->file, self->faults, 2 * PGFAULT));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(self->file));
	EXPECT_EQ(3 * (int)PGFAULT, iopf_read(self->file, self->faults, 4 * PGFAULT));
	EXPECT_EQ(1, self->faults[0].grpid);
	EXPECT_EQ(2 * (int)PGFAULT, iopf_read(self->file, self->faults, 2 * PGFAULT));
	EXPECT_EQ(2, self->faults[0].grpid);
	EXPECT_NO_FAULT(self->file);
}

TEST_F(fault, a_buffer_is_made_of_faults)
{
	ASSERT_OK(request(LAST, 1, ADDR));
	EXPECT_ERRNO(EINVAL, iopf_read(self->file, self->faults, 1));
	EXPECT_ERRNO(EINVAL, iopf_read(self->file, self->faults, PGFAULT - 1));
	EXPECT_ERRNO(EINVAL, iopf_read(self->file, self->faults, PGFAULT + 1));
	EXPECT_EQ(0, iopf_read(self->file, self->faults, 0));
	READ_FAULTS(1);
}

TEST_F(fault, there_are_no_positions)
{
	ASSERT_OK(request(LAST, 1, ADDR));
	EXPECT_EQ(-1, pread(self->file, self->faults, PGFAULT, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->file, self->faults, ANSWER, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->file, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(fault, a_buffer_that_cannot_be_written_loses_nothing)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iommu_hwpt_pgfault *edge = (void *)(pages + PAGE - 3 * PGFAULT);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	for (__u32 grpid = 0; grpid < 3; grpid++) {
		ASSERT_OK(request(PARTIAL, grpid, ADDR));
		ASSERT_OK(request(LAST, grpid, ADDR));
	}
	EXPECT_ERRNO(EFAULT, iopf_read(self->file, NULL, 6 * PGFAULT));
	EXPECT_ERRNO(EFAULT, iopf_read(self->file, edge + 2, 4 * PGFAULT));
	/* One group before the edge, and none of the one that goes over it */
	EXPECT_EQ(2 * (int)PGFAULT, iopf_read(self->file, edge, 6 * PGFAULT));
	EXPECT_EQ(0, edge[0].grpid);
	EXPECT_OK(answer(edge[0].cookie, SUCCESS));
	READ_FAULTS(4);
	EXPECT_EQ(1, self->faults[0].grpid);
	EXPECT_EQ(2, self->faults[2].grpid);
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
	EXPECT_OK(answer(self->faults[2].cookie, SUCCESS));
}

TEST_F(fault, a_reader_waits)
{
	struct reader reader = { .file = self->file };
	pthread_t thread;

	ASSERT_EQ(0, fcntl(self->file, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
	usleep(100000);
	/* What is not complete does not wake it for good */
	ASSERT_OK(request(PARTIAL, 1, ADDR));
	usleep(100000);
	ASSERT_OK(request(LAST, 9, ADDR));
	pthread_join(thread, NULL);
	EXPECT_EQ((int)PGFAULT, reader.got);
	EXPECT_EQ(9, reader.fault.grpid);
}

static void nothing(int signal)
{
}

TEST_F(fault, a_signal_ends_the_wait)
{
	const struct sigaction action = { .sa_handler = nothing };
	struct reader reader = { .file = self->file };
	pthread_t thread;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, fcntl(self->file, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
	/* It may come too early */
	do {
		pthread_kill(thread, SIGUSR1);
		usleep(10000);
	} while (!__atomic_load_n(&reader.got, __ATOMIC_RELAXED));
	pthread_join(thread, NULL);
	EXPECT_EQ(-EINTR, reader.got);
}

TEST_F(fault, a_poller_is_woken)
{
	struct pollfd poll_fd = { .fd = self->file, .events = POLLIN };
	struct peer peer;

	if (fork_peer(_metadata, &peer)) {
		tell(_metadata, &peer);
		EXPECT_EQ(1, poll(&poll_fd, 1, 60000));
		EXPECT_EQ(POLLIN, poll_fd.revents);
		end_child();
	}
	hear(_metadata, &peer);
	usleep(100000);
	ASSERT_OK(request(LAST, 1, ADDR));
	wait_for_success(_metadata, &peer);
}

/* ---- write() ---- */

TEST_F(fault, one_write_answers_many)
{
	struct iommu_hwpt_page_response answers[100];

	for (int i = 0; i < 100; i++)
		ASSERT_OK(request(LAST, i, ADDR));
	READ_FAULTS(100);
	for (int i = 0; i < 100; i++) {
		answers[i].cookie = self->faults[99 - i].cookie;
		answers[i].code = i % 2 ? SUCCESS : INVALID;
	}
	EXPECT_EQ((int)sizeof(answers), iopf_write(self->file, answers, sizeof(answers)));
	for (int i = 0; i < 100; i++)
		EXPECT_ANSWER(99 - i, i % 2 ? SUCCESS : INVALID);
	EXPECT_NO_ANSWER();
}

TEST_F(fault, a_wrong_answer_is_refused_and_what_came_before_told)
{
	struct iommu_hwpt_page_response answers[3];

	for (int bad = 0; bad < 2; bad++) {
		for (int i = 0; i < 3; i++)
			ASSERT_OK(request(LAST, i, ADDR));
		READ_FAULTS(3);
		for (int i = 0; i < 3; i++) {
			answers[i].cookie = self->faults[i].cookie;
			answers[i].code = SUCCESS;
		}
		if (bad)
			answers[1].code = 2;
		else
			answers[1].cookie += 100;
		EXPECT_EQ((int)ANSWER, iopf_write(self->file, answers, sizeof(answers)));
		EXPECT_ANSWER(0, SUCCESS);
		EXPECT_NO_ANSWER();
		EXPECT_ERRNO(EINVAL, iopf_write(self->file, &answers[1], 2 * ANSWER));
		EXPECT_NO_ANSWER();
		EXPECT_OK(answer(self->faults[1].cookie, INVALID));
		EXPECT_OK(answer(self->faults[2].cookie, INVALID));
		EXPECT_ANSWER(1, INVALID);
		EXPECT_ANSWER(2, INVALID);
	}
}

TEST_F(fault, codes_are_two)
{
	static const __u32 bad[] = { 2, 3, 0xf, 0x80000000, ~0U };

	ASSERT_OK(request(LAST, 1, ADDR));
	READ_FAULTS(1);
	for (int i = 0; i < 5; i++)
		EXPECT_ERRNO(EINVAL, answer(self->faults[0].cookie, bad[i]));
	EXPECT_NO_ANSWER();
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
}

TEST_F(fault, a_group_is_answered_once)
{
	__u32 cookie;

	ASSERT_OK(request(LAST, 1, ADDR));
	READ_FAULTS(1);
	cookie = self->faults[0].cookie;
	EXPECT_OK(answer(cookie, SUCCESS));
	EXPECT_ERRNO(EINVAL, answer(cookie, SUCCESS));
	EXPECT_ANSWER(1, SUCCESS);
	EXPECT_NO_ANSWER();
	/* Nor is a later one by an old cookie, or one that shares its place */
	ASSERT_OK(request(LAST, 1, ADDR));
	READ_FAULTS(1);
	EXPECT_NE(cookie, self->faults[0].cookie);
	EXPECT_ERRNO(EINVAL, answer(cookie, SUCCESS));
	EXPECT_ERRNO(EINVAL, answer(self->faults[0].cookie + MAX_REQUESTS, SUCCESS));
	EXPECT_NO_ANSWER();
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
}

TEST_F(fault, what_was_not_read_cannot_be_answered)
{
	ASSERT_OK(request(LAST, 1, ADDR));
	for (__u32 cookie = 0; cookie < 2 * MAX_REQUESTS; cookie++)
		ASSERT_ERRNO(EINVAL, answer(cookie, SUCCESS));
	EXPECT_NO_ANSWER();
	READ_FAULTS(1);
	EXPECT_OK(answer(self->faults[0].cookie, SUCCESS));
}

TEST_F(fault, answers_have_a_size)
{
	struct iommu_hwpt_page_response answers[2] = {};

	ASSERT_OK(request(LAST, 1, ADDR));
	READ_FAULTS(1);
	answers[0].cookie = self->faults[0].cookie;
	EXPECT_ERRNO(EINVAL, iopf_write(self->file, answers, ANSWER - 1));
	EXPECT_ERRNO(EINVAL, iopf_write(self->file, answers, ANSWER + 1));
	EXPECT_ERRNO(EINVAL, iopf_write(self->file, answers, 1));
	EXPECT_EQ(0, iopf_write(self->file, answers, 0));
	EXPECT_NO_ANSWER();
	EXPECT_OK(answer(answers[0].cookie, SUCCESS));
}

TEST_F(fault, answers_that_cannot_be_read_are_not_given)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iommu_hwpt_page_response *edge = (void *)(pages + PAGE - ANSWER);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	ASSERT_OK(request(LAST, 1, ADDR));
	READ_FAULTS(1);
	EXPECT_ERRNO(EFAULT, iopf_write(self->file, edge + 1, ANSWER));
	edge->cookie = self->faults[0].cookie;
	edge->code = SUCCESS;
	EXPECT_EQ((int)ANSWER, iopf_write(self->file, edge, 2 * ANSWER));
	EXPECT_ANSWER(1, SUCCESS);
}

TEST_HARNESS_MAIN
