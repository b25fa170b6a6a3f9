// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attach, replace and detach by PASID, on the mock IOMMU, which tells what its
 * hardware has for each PASID of a device.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/dirty.h"
#include "lib/fdinfo.h"
#include "lib/nested.h"
#include "lib/pasid.h"
#include "lib/testing.h"

#define AT 0x40000000ULL
#define LENGTH (4 * PAGE)
#define FEW 64
#define LAST_PASID ((1U << MOCK_PASID_WIDTH) - 1)
#define RESERVED IOMMU_TEST_PASID_RESERVED

/*
 * A device with PASIDs, attached to @own without one; HWPTs that are made for
 * such devices, @one and @own of one IOAS and @other of another; and one, @plain,
 * that is not.
 */
FIXTURE(pasid)
{
	int fd;
	__u32 ioas, other_ioas;
	__u32 own, one, other, plain;
	struct mock mock;
	void *pages;
	long pinned;
};

#define attach(pasid, pt) pasid_attach(self->fd, self->mock.id, pasid, pt)
#define replace(pasid, pt) pasid_replace(self->fd, self->mock.id, pasid, pt)
#define detach(pasid) pasid_detach(self->fd, self->mock.id, pasid)
#define check(pasid, hwpt) pasid_check(self->fd, self->mock.id, pasid, hwpt)
#define alloc(ioas, flags, hwpt) \
	hwpt_alloc_flags(self->fd, self->mock.dev, ioas, flags, 0, NULL, 0, hwpt)

FIXTURE_SETUP(pasid)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	self->pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->pages);
	self->pinned = memory_pinned();
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(ioas_alloc(self->fd, &self->other_ioas));
	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID,
				    &self->mock));
	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_PASID, &self->own));
	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_PASID, &self->one));
	ASSERT_OK(alloc(self->other_ioas, IOMMU_HWPT_ALLOC_PASID, &self->other));
	ASSERT_OK(alloc(self->ioas, 0, &self->plain));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->own));
}

/* However a test leaves it, nothing is left when the file is closed. */
FIXTURE_TEARDOWN(pasid)
{
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	EXPECT_EQ(self->pinned, memory_pinned());
}

/* ---- Good ---- */

TEST_F(pasid, each_has_an_hwpt_of_its_own)
{
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(check(1, 0));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->other));
	ASSERT_OK(attach(LAST_PASID, self->own));
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(check(1, self->one));
	EXPECT_OK(check(2, self->other));
	EXPECT_OK(check(3, 0));
	EXPECT_OK(check(LAST_PASID, self->own));
	/* The test sees the difference. */
	EXPECT_ERRNO(EINVAL, check(1, self->other));
	EXPECT_ERRNO(EINVAL, check(1, 0));
}

/* A guest's tables beside the host's, on a parent or in a VIOMMU. */
TEST_F(pasid, may_be_nested_or_not)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	__u32 parent, viommu, vdevice, nested, deep, without;

	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, &parent));
	ASSERT_OK(viommu_alloc(self->fd, self->mock.dev, parent, &viommu));
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, parent, IOMMU_HWPT_ALLOC_PASID,
				   IOMMU_HWPT_DATA_SELFTEST, &data, sizeof(data), &nested));
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, viommu, IOMMU_HWPT_ALLOC_PASID,
				   IOMMU_HWPT_DATA_SELFTEST, &data, sizeof(data), &deep));
	ASSERT_OK(nested_alloc(self->fd, self->mock.dev, viommu, IOTLB, &without));
	ASSERT_OK(attach(1, nested));
	ASSERT_OK(attach(2, self->one));
	EXPECT_ERRNO(ENOENT, attach(3, deep));
	EXPECT_OK(check(3, 0));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, self->mock.dev, 9, &vdevice));
	ASSERT_OK(attach(3, deep));
	EXPECT_ERRNO(EINVAL, attach(4, without));
	EXPECT_OK(check(1, nested));
	EXPECT_OK(check(3, deep));
	ASSERT_OK(replace(1, self->other));
	ASSERT_OK(replace(2, deep));
	EXPECT_ERRNO(EINVAL, replace(3, without));
	EXPECT_OK(check(1, self->other));
	EXPECT_OK(check(2, deep));
	EXPECT_OK(check(3, deep));
	EXPECT_OK(check(0, self->own));
	/* The device itself goes through a guest's table, too. */
	ASSERT_OK(mock_replace(self->fd, &self->mock, deep));
	EXPECT_OK(check(0, deep));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, deep));
	ASSERT_OK(detach(2));
	ASSERT_OK(detach(3));
	EXPECT_OK(destroy(self->fd, nested));
}

TEST_F(pasid, attach_returns_the_hwpt)
{
	__u32 pt = self->other;

	ASSERT_OK(pasid_attach_pt(self->fd, self->mock.id, 7, &pt));
	EXPECT_EQ(self->other, pt);
}

TEST_F(pasid, keeps_its_hwpt_from_being_destroyed)
{
	ASSERT_OK(attach(5, self->other));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->other));
	ASSERT_OK(attach(6, self->other));
	ASSERT_OK(detach(5));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->other));
	ASSERT_OK(replace(6, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->one));
}

TEST_F(pasid, replace_moves_it_and_nothing_else)
{
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->one));
	ASSERT_OK(replace(1, self->other));
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(check(1, self->other));
	EXPECT_OK(check(2, self->one));
	ASSERT_OK(replace(1, self->other));
	EXPECT_OK(check(1, self->other));
	ASSERT_OK(replace(1, self->own));
	EXPECT_OK(check(1, self->own));
	EXPECT_OK(destroy(self->fd, self->other));
}

TEST_F(pasid, detach_blocks_it)
{
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->one));
	ASSERT_OK(detach(1));
	EXPECT_OK(check(1, 0));
	EXPECT_OK(check(2, self->one));
	EXPECT_OK(check(0, self->own));
	/* Where nothing is attached it does nothing. */
	EXPECT_OK(detach(1));
	EXPECT_OK(detach(LAST_PASID));
	EXPECT_OK(detach(-1));
	ASSERT_OK(attach(1, self->other));
	EXPECT_OK(check(1, self->other));
}

TEST_F(pasid, the_device_moves_without_them)
{
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->other));
	EXPECT_OK(check(0, self->other));
	EXPECT_OK(check(1, self->one));
}

TEST_F(pasid, each_hwpt_follows_its_ioas)
{
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->other));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, AT));
	ASSERT_OK(ioas_map_at(self->fd, self->other_ioas, self->pages + PAGE, PAGE, AT));
	EXPECT_OK(mock_check_map(self->fd, self->one, AT, self->pages, PAGE));
	EXPECT_OK(mock_check_map(self->fd, self->other, AT, self->pages + PAGE, PAGE));
	EXPECT_ERRNO(EINVAL, mock_check_map(self->fd, self->other, AT, self->pages, PAGE));
}

TEST_F(pasid, two_devices_have_the_same_one_for_themselves)
{
	struct mock second;

	ASSERT_OK(mock_attach_flags(self->fd, self->own, MOCK_FLAGS_DEVICE_PASID, &second));
	ASSERT_OK(attach(9, self->one));
	EXPECT_OK(pasid_check(self->fd, second.id, 9, 0));
	ASSERT_OK(pasid_attach(self->fd, second.id, 9, self->other));
	EXPECT_OK(check(9, self->one));
	ASSERT_OK(detach(9));
	EXPECT_OK(pasid_check(self->fd, second.id, 9, self->other));
}

TEST_F(pasid, go_with_their_device)
{
	for (__u32 pasid = 1; pasid <= FEW; pasid++)
		ASSERT_OK(attach(pasid * 1021, pasid % 2 ? self->one : self->other));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->one));
	ASSERT_OK(destroy(self->fd, self->mock.id));
	EXPECT_OK(destroy(self->fd, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
	EXPECT_OK(destroy(self->fd, self->own));
	EXPECT_EQ(0, mock_count());
}

TEST_F(pasid, go_with_the_file)
{
	/* Teardown looks what is left. */
	ASSERT_OK(ioas_map_at(self->fd, self->other_ioas, self->pages, LENGTH, AT));
	for (__u32 pasid = 1; pasid <= FEW; pasid++)
		ASSERT_OK(attach(pasid, self->other));
}

TEST_F(pasid, show_in_fdinfo)
{
	char text[8192], want[64];

	ASSERT_OK(fdinfo_read(self->fd, text, sizeof(text)));
	EXPECT_EQ(NULL, strstr(text, " pasids "));
	ASSERT_OK(attach(200, self->other));
	ASSERT_OK(attach(100, self->one));
	ASSERT_OK(fdinfo_read(self->fd, text, sizeof(text)));
	snprintf(want, sizeof(want), " hwpt %u pasids 100=%u,200=%u\n", self->own,
		 self->one, self->other);
	EXPECT_NE(NULL, strstr(text, want)) {
		TH_LOG("expected '%s' in:\n%s", want, text);
	}
}

/* ---- How many there are ---- */

TEST_F(pasid, hw_info_tells_how_many)
{
	const __u64 pasid_caps = IOMMU_HW_CAP_PCI_PASID_EXEC | IOMMU_HW_CAP_PCI_PASID_PRIV;
	struct iommu_hw_info info = {};
	struct mock without;

	ASSERT_OK(hw_info(self->fd, self->mock.dev, NULL, 0, &info));
	EXPECT_EQ(MOCK_PASID_WIDTH, info.out_max_pasid_log2);
	EXPECT_EQ(0, info.out_capabilities & pasid_caps);
	ASSERT_OK(mock_attach(self->fd, self->ioas, &without));
	info = (struct iommu_hw_info){};
	ASSERT_OK(hw_info(self->fd, without.dev, NULL, 0, &info));
	EXPECT_EQ(0, info.out_max_pasid_log2);
	EXPECT_EQ(0, info.out_capabilities & pasid_caps);
}

TEST_F(pasid, there_are_no_more_of_them)
{
	EXPECT_ERRNO(EINVAL, attach(LAST_PASID + 1, self->one));
	EXPECT_ERRNO(EINVAL, attach(-1, self->one));
	/* It stands for DMA that has none. */
	EXPECT_ERRNO(EINVAL, attach(0, self->own));
	EXPECT_ERRNO(EINVAL, replace(0, self->one));
	EXPECT_ERRNO(EINVAL, detach(0));
	EXPECT_OK(check(0, self->own));
	EXPECT_OK(destroy(self->fd, self->one));
}

TEST_F(pasid, a_device_without_them_has_none)
{
	struct mock without;

	ASSERT_OK(mock_attach(self->fd, self->plain, &without));
	EXPECT_ERRNO(EINVAL, pasid_attach(self->fd, without.id, 1, self->plain));
	EXPECT_ERRNO(EINVAL, pasid_attach(self->fd, without.id, 1, self->one));
	EXPECT_ERRNO(EINVAL, pasid_replace(self->fd, without.id, 1, self->one));
	EXPECT_OK(pasid_detach(self->fd, without.id, 1));
	/* An HWPT for those that do is good for it too. */
	EXPECT_OK(mock_replace(self->fd, &without, self->one));
	EXPECT_ERRNO(EINVAL, pasid_attach(self->fd, without.id, 1, self->one));
}

/* ---- What cannot be attached ---- */

TEST_F(pasid, attach_does_not_replace)
{
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EBUSY, attach(1, self->one));
	EXPECT_ERRNO(EBUSY, attach(1, self->other));
	EXPECT_OK(check(1, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
}

TEST_F(pasid, replace_does_not_attach)
{
	EXPECT_ERRNO(EINVAL, replace(1, self->one));
	EXPECT_OK(check(1, 0));
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(detach(1));
	EXPECT_ERRNO(EINVAL, replace(1, self->one));
	EXPECT_OK(destroy(self->fd, self->one));
}

TEST_F(pasid, wants_an_hwpt_made_for_it)
{
	EXPECT_ERRNO(EINVAL, attach(1, self->plain));
	EXPECT_OK(check(1, 0));
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EINVAL, replace(1, self->plain));
	EXPECT_OK(check(1, self->one));
	EXPECT_OK(destroy(self->fd, self->plain));
}

TEST_F(pasid, takes_no_ioas)
{
	struct mock second;

	EXPECT_ERRNO(EINVAL, attach(1, self->ioas));
	/* Not with an automatic HWPT there already, either. */
	ASSERT_OK(mock_attach(self->fd, self->ioas, &second));
	EXPECT_ERRNO(EINVAL, attach(1, self->ioas));
	EXPECT_ERRNO(EINVAL, attach(1, second.hwpt));
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EINVAL, replace(1, self->ioas));
	EXPECT_OK(check(1, self->one));
}

TEST_F(pasid, refuses_what_is_no_page_table)
{
	EXPECT_ERRNO(EINVAL, attach(1, self->mock.dev));
	EXPECT_ERRNO(EINVAL, attach(1, self->mock.id));
	EXPECT_ERRNO(ENOENT, attach(1, NO_ID));
	EXPECT_ERRNO(ENOENT, attach(1, 0));
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EINVAL, replace(1, self->mock.dev));
	EXPECT_ERRNO(ENOENT, replace(1, NO_ID));
	EXPECT_OK(check(1, self->one));
}

TEST_F(pasid, refuses_what_is_no_device)
{
	EXPECT_ERRNO(ENOENT, pasid_attach(self->fd, NO_ID, 1, self->one));
	EXPECT_ERRNO(ENOENT, pasid_attach(self->fd, self->ioas, 1, self->one));
	EXPECT_ERRNO(ENOENT, pasid_replace(self->fd, NO_ID, 1, self->one));
	EXPECT_ERRNO(ENOENT, pasid_detach(self->fd, NO_ID, 1));
	EXPECT_ERRNO(ENOENT, pasid_check(self->fd, NO_ID, 1, 0));
	EXPECT_ERRNO(ENOENT, check(1, NO_ID));
	EXPECT_ERRNO(EINVAL, check(1, self->ioas));
}

TEST_F(pasid, wants_the_device_on_an_hwpt_made_for_it)
{
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->plain));
	EXPECT_ERRNO(EINVAL, attach(1, self->one));
	EXPECT_OK(check(1, 0));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->own));
	ASSERT_OK(attach(1, self->one));
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &self->mock, self->plain));
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &self->mock, self->ioas));
	EXPECT_OK(check(0, self->own));
	/* Until the last of them is gone. */
	ASSERT_OK(attach(2, self->one));
	ASSERT_OK(detach(1));
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &self->mock, self->plain));
	ASSERT_OK(detach(2));
	EXPECT_OK(mock_replace(self->fd, &self->mock, self->plain));
}

TEST_F(pasid, wants_its_writes_recorded_if_any_are)
{
	struct mock without;
	__u32 dirty;

	ASSERT_OK(alloc(self->ioas, IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			&dirty));
	ASSERT_OK(mock_attach_flags(self->fd, self->own,
				    MOCK_FLAGS_DEVICE_PASID | MOCK_FLAGS_DEVICE_NO_DIRTY,
				    &without));
	EXPECT_ERRNO(EINVAL, pasid_attach(self->fd, without.id, 1, dirty));
	EXPECT_OK(attach(1, dirty));
	EXPECT_OK(check(1, dirty));
}

/* ---- Failures of the hardware ---- */

TEST_F(pasid, a_replace_that_fails_leaves_the_old_one)
{
	ASSERT_OK(attach(RESERVED, self->one));
	EXPECT_ERRNO(ENOMEM, replace(RESERVED, self->other));
	EXPECT_OK(check(RESERVED, self->one));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
	/* It fails once. */
	EXPECT_OK(replace(RESERVED, self->own));
	EXPECT_OK(check(RESERVED, self->own));
	EXPECT_OK(destroy(self->fd, self->one));
}

TEST_F(pasid, a_replace_that_failed_can_be_detached)
{
	ASSERT_OK(attach(RESERVED, self->one));
	EXPECT_ERRNO(ENOMEM, replace(RESERVED, self->other));
	ASSERT_OK(detach(RESERVED));
	EXPECT_OK(check(RESERVED, 0));
	EXPECT_OK(destroy(self->fd, self->one));
	/* All begins anew. */
	ASSERT_OK(attach(RESERVED, self->own));
	EXPECT_ERRNO(ENOMEM, replace(RESERVED, self->other));
	EXPECT_OK(check(RESERVED, self->own));
}

TEST_F(pasid, an_hwpt_is_not_for_a_device_of_another_iommu)
{
	struct edu edu;

	find_edu(_metadata, &edu, 0);
	ASSERT_EQ(0, edu_open(&edu));
	ASSERT_OK(edu_bind(&edu, self->fd));
	EXPECT_ERRNO(EINVAL, edu_attach(&edu, self->one));
	EXPECT_OK(edu_detach(&edu));
	edu_close(&edu);
}

/* ---- At the same time ---- */

#define TURNS 400

struct mover {
	pthread_t thread;
	int fd;
	__u32 stdev, pasid, hwpts[2];
	bool may_be_gone;
	atomic_int *failed;
};

/* Errors that an attached PASID has no business to give are counted. */
static void *move_often(void *arg)
{
	struct mover *mover = arg;

	for (int i = 0; i < TURNS; i++) {
		int err = pasid_replace(mover->fd, mover->stdev, mover->pasid,
					mover->hwpts[i % 2]);

		if (err && !(mover->may_be_gone && err == -EINVAL))
			atomic_fetch_add(mover->failed, 1);
	}
	return NULL;
}

static void *come_and_go(void *arg)
{
	struct mover *mover = arg;

	for (int i = 0; i < TURNS; i++) {
		if (pasid_detach(mover->fd, mover->stdev, mover->pasid) ||
		    pasid_attach(mover->fd, mover->stdev, mover->pasid, mover->hwpts[i % 2]))
			atomic_fetch_add(mover->failed, 1);
	}
	return NULL;
}

static void *move_device_often(void *arg)
{
	struct mover *mover = arg;
	struct mock mock = { .id = mover->stdev };

	for (int i = 0; i < TURNS; i++)
		if (mock_replace(mover->fd, &mock, mover->hwpts[i % 2]))
			atomic_fetch_add(mover->failed, 1);
	return NULL;
}

static void run(struct __test_metadata *_metadata, struct mover *movers,
		void *(*const *what)(void *), int nr, atomic_int *failed)
{
	for (int i = 0; i < nr; i++) {
		movers[i].failed = failed;
		ASSERT_EQ(0, pthread_create(&movers[i].thread, NULL, what[i], &movers[i]));
	}
	for (int i = 0; i < nr; i++)
		ASSERT_EQ(0, pthread_join(movers[i].thread, NULL));
	EXPECT_EQ(0, atomic_load(failed));
}

TEST_F(pasid, two_threads_replace_it)
{
	void *(*const what[])(void *) = { move_often, move_often };
	struct mover movers[2];
	atomic_int failed = 0;
	bool is_one;

	movers[0] = (struct mover){ .fd = self->fd, .stdev = self->mock.id, .pasid = 1,
				    .hwpts = { self->one, self->other } };
	movers[1] = movers[0];
	movers[1].hwpts[1] = self->own;
	ASSERT_OK(attach(1, self->one));
	run(_metadata, movers, what, 2, &failed);

	/* Each ended with its own: the later one is there, and nothing else is linked. */
	is_one = !check(1, self->own);
	EXPECT_OK(check(1, is_one ? self->own : self->other));
	EXPECT_OK(destroy(self->fd, self->one));
	ASSERT_OK(detach(1));
	EXPECT_OK(destroy(self->fd, self->other));
}

TEST_F(pasid, they_move_while_the_device_does)
{
	void *(*const what[])(void *) = { move_often, move_device_often, move_often };
	struct mover movers[3];
	atomic_int failed = 0;

	movers[0] = (struct mover){ .fd = self->fd, .stdev = self->mock.id, .pasid = 1,
				    .hwpts = { self->one, self->other } };
	movers[1] = movers[0];
	movers[1].hwpts[0] = self->own;
	movers[2] = movers[0];
	movers[2].pasid = 2;
	ASSERT_OK(attach(1, self->one));
	ASSERT_OK(attach(2, self->one));
	run(_metadata, movers, what, 3, &failed);
	EXPECT_OK(check(0, self->other));
	EXPECT_OK(check(1, self->other));
	EXPECT_OK(check(2, self->other));
	EXPECT_OK(destroy(self->fd, self->one));
	EXPECT_OK(destroy(self->fd, self->own));
}

TEST_F(pasid, it_moves_while_it_comes_and_goes)
{
	void *(*const what[])(void *) = { come_and_go, move_often };
	struct mover movers[2];
	atomic_int failed = 0;

	movers[0] = (struct mover){ .fd = self->fd, .stdev = self->mock.id, .pasid = 1,
				    .hwpts = { self->one, self->other } };
	movers[1] = movers[0];
	movers[1].may_be_gone = true;
	ASSERT_OK(attach(1, self->one));
	run(_metadata, movers, what, 2, &failed);
	ASSERT_OK(detach(1));
	EXPECT_OK(check(1, 0));
	EXPECT_OK(destroy(self->fd, self->one));
	EXPECT_OK(destroy(self->fd, self->other));
}

TEST_HARNESS_MAIN
