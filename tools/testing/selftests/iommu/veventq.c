// SPDX-License-Identifier: GPL-2.0-only
/*
 * VEVENTQ on the mock IOMMU, which reports each event from a hard interrupt: the
 * order and the numbers of events, and what is told of those that are lost.
 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "lib/iopf.h"
#include "lib/nested_fixture.h"
#include "lib/veventq.h"

#define VIRT_ID 0x1f00
#define SELFTEST IOMMU_VEVENTQ_TYPE_SELFTEST

/* What is read for each event, and for a record of loss. */
struct vevent {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest event;
};

#define VEVENT ((int)sizeof(struct vevent))
#define HEADER ((int)sizeof(struct iommufd_vevent_header))
#define LOST IOMMU_VEVENTQ_FLAG_LOST_EVENTS

FIXTURE(veventq)
{
	struct nested_world world;
	int fd;
	__u32 dev, viommu, vdevice, veventq;
	int file;
	union {
		char bytes[64 * sizeof(struct vevent)];
		struct vevent events[64];
	};
};

FIXTURE_SETUP(veventq)
{
	setup_nested(_metadata, &self->world);
	self->fd = self->world.fd;
	self->dev = self->world.mock.dev;
	self->file = -1;
	ASSERT_OK(viommu_alloc(self->fd, self->dev, self->world.parent, &self->viommu));
	ASSERT_OK(vdevice_alloc(self->fd, self->viommu, self->dev, VIRT_ID, &self->vdevice));
}

FIXTURE_TEARDOWN(veventq)
{
	if (self->file >= 0)
		close(self->file);
	teardown_nested(_metadata, &self->world);
}

#define make(depth) \
	veventq_alloc(self->fd, self->viommu, depth, &self->veventq, &self->file)
#define read_file(length) iopf_read(self->file, self->bytes, length)
#define EXPECT_NO_EVENT() EXPECT_ERRNO(EAGAIN, read_file(sizeof(self->bytes)))
#define TRIGGER(nr) do { \
	for (int n_ = 0; n_ < (nr); n_++) \
		ASSERT_OK(mock_trigger_vevent(self->fd, self->dev)); \
} while (0)

/* At that place in what was read. */
#define EXPECT_EVENT(at, sequence_) do { \
	const struct vevent *got_ = (void *)&self->bytes[at]; \
	EXPECT_EQ(0, got_->header.flags); \
	EXPECT_EQ((__u32)(sequence_), got_->header.sequence); \
	EXPECT_EQ(VIRT_ID, got_->event.virt_id); \
} while (0)

#define EXPECT_LOST(at, sequence_) do { \
	const struct iommufd_vevent_header *got_ = (void *)&self->bytes[at]; \
	EXPECT_EQ(LOST, got_->flags); \
	EXPECT_EQ((__u32)(sequence_), got_->sequence); \
} while (0)

static short poll_now(int file)
{
	struct pollfd poll_fd = { .fd = file, .events = POLLIN | POLLOUT };

	return poll(&poll_fd, 1, 0) < 0 ? -1 : poll_fd.revents;
}

/* ---- The object ---- */

TEST_F(veventq, is_refused_where_it_cannot_be)
{
	__u32 veventq;
	int file;

	EXPECT_ERRNO(EINVAL, make(0));
	EXPECT_ERRNO(EINVAL, make((1U << 19) + 1));
	EXPECT_ERRNO(EINVAL, make(UINT32_MAX));
	EXPECT_ERRNO(ENOENT, veventq_alloc(self->fd, NO_ID, 2, &veventq, &file));
	EXPECT_ERRNO(ENOENT, veventq_alloc(self->fd, self->world.parent, 2, &veventq, &file));
	EXPECT_ERRNO(EOPNOTSUPP, veventq_alloc_type(self->fd, self->viommu,
						    IOMMU_VEVENTQ_TYPE_DEFAULT, 2, &veventq,
						    &file));
	EXPECT_ERRNO(EOPNOTSUPP, veventq_alloc_type(self->fd, self->viommu,
						    IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 2, &veventq,
						    &file));
}

TEST_F(veventq, has_no_flags)
{
	struct iommu_veventq_alloc cmd = {
		.size = sizeof(cmd),
		.viommu_id = self->viommu,
		.type = SELFTEST,
		.veventq_depth = 2,
	};

	cmd.flags = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_VEVENTQ_ALLOC, &cmd, "flags 1"));
	cmd.flags = 0;
	cmd.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_VEVENTQ_ALLOC, &cmd, "reserved 1"));
	cmd.__reserved = 0;
	EXPECT_OK(call(self->fd, IOMMU_VEVENTQ_ALLOC, &cmd, "flags 0"));
	close(cmd.out_veventq_fd);
}

TEST_F(veventq, there_is_one_of_a_kind)
{
	__u32 second;
	int file;

	ASSERT_OK(make(2));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->file, F_GETFD));
	EXPECT_ERRNO(EEXIST, veventq_alloc(self->fd, self->viommu, 2, &second, &file));
	/* It is the object that is there once, not the file */
	ASSERT_OK(destroy(self->fd, self->veventq));
	ASSERT_OK(veventq_alloc(self->fd, self->viommu, 2, &second, &file));
	TRIGGER(1);
	EXPECT_EQ(0, read_file(VEVENT));
	EXPECT_EQ(VEVENT, iopf_read(file, self->bytes, VEVENT));
	EXPECT_EVENT(0, 0);
	close(file);
}

TEST_F(veventq, keeps_its_viommu)
{
	ASSERT_OK(make(2));
	ASSERT_OK(destroy(self->fd, self->vdevice));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->viommu));
	ASSERT_OK(destroy(self->fd, self->veventq));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(veventq, leaves_nothing_when_it_cannot_answer)
{
	struct iommu_veventq_alloc *cmd = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, cmd);
	cmd->size = sizeof(*cmd);
	cmd->viommu_id = self->viommu;
	cmd->type = SELFTEST;
	cmd->veventq_depth = 1;
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_VEVENTQ_ALLOC, cmd, "read-only"));
	EXPECT_OK(make(1));
}

TEST_F(veventq, can_be_as_deep_as_hardware)
{
	ASSERT_OK(make(1U << 19));
	TRIGGER(3);
	EXPECT_EQ(3 * VEVENT, read_file(sizeof(self->bytes)));
}

/* ---- Events ---- */

TEST_F(veventq, an_event_is_read_under_the_vms_id)
{
	ASSERT_OK(make(2));
	EXPECT_NO_EVENT();
	EXPECT_EQ(0, poll_now(self->file));
	TRIGGER(1);
	EXPECT_EQ(POLLIN, poll_now(self->file));
	EXPECT_EQ(VEVENT, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 0);
	EXPECT_EQ(0, poll_now(self->file));
	EXPECT_NO_EVENT();
	TRIGGER(1);
	EXPECT_EQ(VEVENT, read_file(VEVENT));
	EXPECT_EVENT(0, 1);
}

TEST_F(veventq, nobody_hears_of_a_device_without_a_vdevice_or_queue)
{
	struct mock other;

	EXPECT_ERRNO(EOPNOTSUPP, mock_trigger_vevent(self->fd, self->dev));
	ASSERT_OK(make(2));
	ASSERT_OK(mock_attach(self->fd, self->world.ioas, &other));
	EXPECT_ERRNO(ENOENT, mock_trigger_vevent(self->fd, other.dev));
	EXPECT_ERRNO(ENOENT, mock_trigger_vevent(self->fd, NO_ID));
	EXPECT_ERRNO(ENOENT, mock_trigger_vevent(self->fd, self->viommu));
	ASSERT_OK(destroy(self->fd, self->vdevice));
	EXPECT_ERRNO(ENOENT, mock_trigger_vevent(self->fd, self->dev));
	EXPECT_NO_EVENT();
	ASSERT_OK(vdevice_alloc(self->fd, self->viommu, self->dev, VIRT_ID, &self->vdevice));
	TRIGGER(1);
	EXPECT_EQ(VEVENT, read_file(VEVENT));
	EXPECT_EVENT(0, 0);
}

TEST_F(veventq, devices_are_told_apart)
{
	struct mock other;
	__u32 vdevice;

	ASSERT_OK(make(4));
	ASSERT_OK(mock_attach(self->fd, self->world.ioas, &other));
	ASSERT_OK(vdevice_alloc(self->fd, self->viommu, other.dev, 77, &vdevice));
	ASSERT_OK(mock_trigger_vevent(self->fd, other.dev));
	TRIGGER(1);
	EXPECT_EQ(2 * VEVENT, read_file(sizeof(self->bytes)));
	EXPECT_EQ(77, self->events[0].event.virt_id);
	EXPECT_EQ(0, self->events[0].header.sequence);
	EXPECT_EVENT(VEVENT, 1);
}

TEST_F(veventq, events_are_read_whole_or_not_at_all)
{
	ASSERT_OK(make(8));
	EXPECT_ERRNO(EINVAL, read_file(0));
	EXPECT_ERRNO(EINVAL, read_file(HEADER - 1));
	EXPECT_ERRNO(EAGAIN, read_file(HEADER));
	TRIGGER(4);
	EXPECT_ERRNO(EINVAL, read_file(0));
	EXPECT_ERRNO(EINVAL, read_file(1));
	EXPECT_ERRNO(EINVAL, read_file(HEADER));
	EXPECT_ERRNO(EINVAL, read_file(VEVENT - 1));
	EXPECT_EQ(VEVENT, read_file(VEVENT));
	EXPECT_EVENT(0, 0);
	EXPECT_EQ(VEVENT, read_file(2 * VEVENT - 1));
	EXPECT_EVENT(0, 1);
	EXPECT_EQ(2 * VEVENT, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 2);
	EXPECT_EVENT(VEVENT, 3);
}

TEST_F(veventq, there_is_nothing_to_write_and_no_position)
{
	ASSERT_OK(make(8));
	TRIGGER(1);
	EXPECT_EQ(-1, write(self->file, self->bytes, VEVENT));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, pread(self->file, self->bytes, VEVENT, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->file, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(veventq, a_buffer_that_cannot_be_written_loses_nothing)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = pages + PAGE - VEVENT - 1;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + PAGE, PAGE));
	ASSERT_OK(make(2));
	TRIGGER(3);
	EXPECT_ERRNO(EFAULT, iopf_read(self->file, NULL, 64));
	EXPECT_EQ(VEVENT, iopf_read(self->file, edge, 2 * VEVENT));
	EXPECT_ERRNO(EFAULT, iopf_read(self->file, edge + 2, VEVENT));
	EXPECT_EQ(VEVENT + HEADER, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 1);
	EXPECT_LOST(VEVENT, 2);
}

/* ---- Loss ---- */

TEST_F(veventq, a_loss_is_told_after_what_was_before)
{
	ASSERT_OK(make(2));
	TRIGGER(2);
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "veventq", self->veventq, "lost"));
	TRIGGER(1);
	EXPECT_EQ(1, iopf_fdinfo(self->fd, "veventq", self->veventq, "lost"));
	EXPECT_EQ(2, iopf_fdinfo(self->fd, "veventq", self->veventq, "events"));
	EXPECT_EQ(2 * VEVENT + HEADER, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 0);
	EXPECT_EVENT(VEVENT, 1);
	EXPECT_LOST(2 * VEVENT, 2);
	EXPECT_EQ(0, poll_now(self->file));
	EXPECT_NO_EVENT();
	/* Told once; from here on it is complete */
	TRIGGER(1);
	EXPECT_EQ(VEVENT, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 3);
}

TEST_F(veventq, many_that_are_lost_are_one_record)
{
	ASSERT_OK(make(1));
	TRIGGER(1000);
	EXPECT_EQ(VEVENT + HEADER, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 0);
	EXPECT_LOST(VEVENT, 999);
	EXPECT_EQ(999, iopf_fdinfo(self->fd, "veventq", self->veventq, "lost"));
}

TEST_F(veventq, a_loss_is_told_where_it_was)
{
	ASSERT_OK(make(2));
	TRIGGER(5);
	/* Room for one that comes after those that were lost */
	EXPECT_EQ(VEVENT, read_file(VEVENT));
	EXPECT_EVENT(0, 0);
	TRIGGER(3);
	EXPECT_EQ(2 * VEVENT + 2 * HEADER, read_file(sizeof(self->bytes)));
	EXPECT_EVENT(0, 1);
	EXPECT_LOST(VEVENT, 4);
	EXPECT_EVENT(VEVENT + HEADER, 5);
	EXPECT_LOST(2 * VEVENT + HEADER, 7);
	EXPECT_NO_EVENT();
}

TEST_F(veventq, a_record_of_loss_has_a_size_of_its_own)
{
	ASSERT_OK(make(1));
	TRIGGER(2);
	EXPECT_EQ(VEVENT, read_file(VEVENT + HEADER - 1));
	EXPECT_EQ(POLLIN, poll_now(self->file));
	EXPECT_ERRNO(EINVAL, read_file(HEADER - 1));
	EXPECT_EQ(HEADER, read_file(HEADER));
	EXPECT_LOST(0, 1);
	EXPECT_NO_EVENT();
}

TEST_F(veventq, a_ring_goes_round)
{
	__u32 sequence = 0;

	ASSERT_OK(make(3));
	for (int i = 0; i < 50; i++) {
		TRIGGER(i % 3 + 1);
		EXPECT_EQ((i % 3 + 1) * VEVENT, read_file(sizeof(self->bytes)));
		for (int n = 0; n <= i % 3; n++)
			EXPECT_EVENT(n * VEVENT, sequence++);
	}
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "veventq", self->veventq, "lost"));
}

/* ---- Waiting, and the end ---- */

struct reader {
	int file, got;
	struct vevent event;
};

static void *read_one(void *arg)
{
	struct reader *reader = arg;

	reader->got = iopf_read(reader->file, &reader->event, VEVENT);
	return NULL;
}

TEST_F(veventq, a_reader_waits)
{
	struct reader reader = { .got = -1 };
	pthread_t thread;

	ASSERT_OK(make(3));
	reader.file = self->file;
	ASSERT_EQ(0, fcntl(self->file, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
	usleep(100000);
	TRIGGER(1);
	pthread_join(thread, NULL);
	EXPECT_EQ(VEVENT, reader.got);
	EXPECT_EQ(VIRT_ID, reader.event.event.virt_id);
}

TEST_F(veventq, the_file_outlives_the_object)
{
	struct reader reader = { .got = -1 };
	pthread_t thread;

	ASSERT_OK(make(3));
	reader.file = self->file;
	TRIGGER(1);
	ASSERT_OK(destroy(self->fd, self->veventq));
	EXPECT_EQ(POLLIN | POLLHUP, poll_now(self->file));
	EXPECT_EQ(VEVENT, read_file(VEVENT));
	EXPECT_EQ(POLLHUP, poll_now(self->file));
	EXPECT_EQ(0, read_file(VEVENT));
	EXPECT_ERRNO(EOPNOTSUPP, mock_trigger_vevent(self->fd, self->dev));

	close(self->file);
	ASSERT_OK(make(3));
	reader.file = self->file;
	ASSERT_EQ(0, fcntl(self->file, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
	usleep(100000);
	ASSERT_OK(destroy(self->fd, self->veventq));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, reader.got);
}

TEST_F(veventq, the_object_outlives_the_file)
{
	ASSERT_OK(make(3));
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	TRIGGER(10);
	EXPECT_EQ(0, iopf_fdinfo(self->fd, "veventq", self->veventq, "events"));
	ASSERT_OK(destroy(self->fd, self->veventq));
}

/* ---- Races ---- */

struct racer {
	int fd, file;
	__u32 dev;
	atomic_bool stop;
	atomic_int sent;
	int err;
};

/* Until the device or its names are gone */
static void *send_all(void *arg)
{
	struct racer *racer = arg;

	while (!racer->stop) {
		racer->err = mock_trigger_vevent(racer->fd, racer->dev);
		if (!racer->err)
			racer->sent++;
	}
	return NULL;
}

/* One reader sees all numbers, in order */
TEST_F(veventq, no_event_goes_missing_in_silence)
{
	struct racer racer = { .fd = self->fd, .dev = self->dev };
	int seen = 0, records = 0, length;
	pthread_t thread;
	__u32 next = 0;

	ASSERT_OK(make(4));
	ASSERT_EQ(0, pthread_create(&thread, NULL, send_all, &racer));
	while (seen < 2000 || !racer.stop) {
		if (seen >= 2000 && !racer.stop) {
			racer.stop = true;
			pthread_join(thread, NULL);
		}
		length = read_file(sizeof(self->bytes));
		for (int at = 0; at < length; ) {
			const struct vevent *event = (void *)&self->bytes[at];

			if (event->header.flags & LOST) {
				ASSERT_LE(next, event->header.sequence);
				at += HEADER;
				records++;
			} else {
				ASSERT_EQ(next, event->header.sequence);
				at += VEVENT;
				seen++;
			}
			next = event->header.sequence + 1;
		}
		/* So that some are lost */
		if (seen % 64 < 8)
			usleep(500);
	}
	EXPECT_EQ((__u32)racer.sent, next);
	TH_LOG("%d seen of %u, %d records of loss", seen, next, records);
}

TEST_F(veventq, all_may_go_while_interrupts_come)
{
	struct racer racer = { .fd = self->fd, .dev = self->dev };
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, send_all, &racer));
	for (int i = 0; i < 100; i++) {
		ASSERT_OK(make(2));
		if (i % 2)
			usleep(200);
		if (i % 3)
			read_file(sizeof(self->bytes));
		if (i % 5 == 0)
			ASSERT_EQ(0, close(self->file));
		ASSERT_OK(destroy(self->fd, self->veventq));
		ASSERT_OK(destroy(self->fd, self->vdevice));
		ASSERT_OK(destroy(self->fd, self->viommu));
		if (i % 5)
			ASSERT_EQ(0, close(self->file));
		ASSERT_OK(viommu_alloc(self->fd, self->dev, self->world.parent, &self->viommu));
		ASSERT_OK(vdevice_alloc(self->fd, self->viommu, self->dev, VIRT_ID,
					&self->vdevice));
	}
	self->file = -1;
	/* And the device, with all its names */
	ASSERT_OK(make(2));
	ASSERT_OK(destroy(self->fd, self->world.mock.id));
	racer.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LT(0, racer.sent);
}

TEST_HARNESS_MAIN
