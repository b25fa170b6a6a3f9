// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's way into an iommufd and through it: the character device before and
 * after bind, attach, replace and detach, groups, IOVAs that cannot be, and reset.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/testing.h"

#define AT 0x40000000ULL

/* ---- Open, and not yet bound ---- */

FIXTURE(cdev)
{
	int fd;
	struct edu edu;
};

FIXTURE_SETUP(cdev)
{
	find_edu(_metadata, &self->edu, 0);
	self->fd = open_iommufd(_metadata);
	ASSERT_EQ(0, edu_open(&self->edu));
}

FIXTURE_TEARDOWN(cdev)
{
	edu_close(&self->edu);
	close(self->fd);
}

TEST_F(cdev, gives_no_access_before_it_is_bound)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region;
	char byte = 0;
	__u32 pt = 1;

	EXPECT_ERRNO(EINVAL, call(self->edu.fd, VFIO_DEVICE_GET_INFO, &info,
				  "VFIO_DEVICE_GET_INFO()"));
	EXPECT_ERRNO(EINVAL, call(self->edu.fd, VFIO_DEVICE_RESET, NULL,
				  "VFIO_DEVICE_RESET()"));
	EXPECT_ERRNO(EINVAL, edu_region(&self->edu, VFIO_PCI_BAR0_REGION_INDEX, &region));
	EXPECT_ERRNO(EINVAL, edu_attach_pt(&self->edu, &pt));
	EXPECT_ERRNO(EINVAL, edu_detach(&self->edu));
	EXPECT_EQ(-1, pread(self->edu.fd, &byte, 1, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(self->edu.fd, &byte, 1, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->edu.fd, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(cdev, bind_refuses_bad_arguments)
{
	struct vfio_device_bind_iommufd cmd = {
		.argsz = offsetof(struct vfio_device_bind_iommufd, out_devid) + 3,
		.iommufd = self->fd,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	EXPECT_ERRNO(EINVAL, call(self->edu.fd, VFIO_DEVICE_BIND_IOMMUFD, &cmd,
				  "VFIO_DEVICE_BIND_IOMMUFD(argsz %u)", cmd.argsz));
	cmd.argsz = sizeof(cmd);
	for (int bit = 1; bit < 32; bit++) {
		cmd.flags = 1U << bit;
		EXPECT_ERRNO(EINVAL, call(self->edu.fd, VFIO_DEVICE_BIND_IOMMUFD, &cmd,
					  "VFIO_DEVICE_BIND_IOMMUFD(flags %#x)", cmd.flags));
	}
	EXPECT_ERRNO(EFAULT, call(self->edu.fd, VFIO_DEVICE_BIND_IOMMUFD, NULL,
				  "VFIO_DEVICE_BIND_IOMMUFD(NULL)"));
	EXPECT_ERRNO(EINVAL, edu_bind(&self->edu, -1));
	EXPECT_ERRNO(EBADFD, edu_bind(&self->edu, null));
	EXPECT_ERRNO(EBADFD, edu_bind(&self->edu, self->edu.fd));
	close(null);
	EXPECT_ERRNO(EBADF, edu_bind(&self->edu, null));
	EXPECT_OK(edu_bind(&self->edu, self->fd));
}

TEST_F(cdev, is_bound_once)
{
	int other = open_iommufd(_metadata);

	ASSERT_OK(edu_bind(&self->edu, self->fd));
	EXPECT_NE(0, self->edu.id);
	EXPECT_ERRNO(EINVAL, edu_bind(&self->edu, self->fd));
	EXPECT_ERRNO(EINVAL, edu_bind(&self->edu, other));
}

TEST_F(cdev, a_bound_device_cannot_be_bound_by_another_file)
{
	struct edu again = self->edu;

	ASSERT_EQ(0, edu_open(&again));
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	EXPECT_NE(0, edu_bind(&again, self->fd));
	edu_close(&self->edu);
	EXPECT_OK(edu_bind(&again, self->fd));
	edu_close(&again);
}

TEST_F(cdev, bound_is_an_object_that_only_close_takes_away)
{
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->edu.id));
	edu_close(&self->edu);
	EXPECT_ERRNO(ENOENT, destroy(self->fd, self->edu.id));
}

TEST_F(cdev, can_be_bound_again_after_close)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_OK(edu_bind(&self->edu, self->fd));
		edu_close(&self->edu);
		ASSERT_EQ(0, edu_open(&self->edu));
	}
}

TEST_F(cdev, keeps_the_context_when_its_file_is_closed)
{
	__u32 ioas;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(edu_bind(&self->edu, self->fd));
	ASSERT_OK(edu_attach(&self->edu, ioas));
	close(self->fd);
	EXPECT_OK(edu_start(&self->edu));
	EXPECT_OK(edu_detach(&self->edu));
	EXPECT_OK(edu_attach(&self->edu, ioas));
	edu_close(&self->edu);
	self->fd = open_iommufd(_metadata);
	ASSERT_EQ(0, edu_open(&self->edu));
	EXPECT_OK(edu_bind(&self->edu, self->fd));
}

TEST_F(cdev, and_group_exclude_each_other)
{
	struct edu by_group = self->edu;
	int group, container;

	ASSERT_EQ(0, edu_open_by_group(&by_group, &group, &container));
	EXPECT_ERRNO(EBUSY, edu_bind(&self->edu, self->fd));
	edu_close(&by_group);
	close(group);
	close(container);

	ASSERT_OK(edu_bind(&self->edu, self->fd));
	EXPECT_EQ(-EBUSY, edu_open_by_group(&by_group, &group, &container));
}

/* ---- Attach, replace, detach ---- */

FIXTURE(device)
{
	struct bound bound;
	int fd;
	__u32 ioas;
	struct edu *edu;
	__u8 *page;
};

FIXTURE_SETUP(device)
{
	setup_bound(_metadata, &self->bound, 0);
	self->fd = self->bound.iommufd;
	self->ioas = self->bound.ioas;
	self->edu = &self->bound.edu;
	self->page = memory_pages(4 * PAGE);
	ASSERT_NE(NULL, self->page);
}

FIXTURE_TEARDOWN(device)
{
	close_bound(&self->bound);
}

TEST_F(device, attach_refuses_bad_arguments)
{
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = offsetof(struct vfio_device_attach_iommufd_pt, pt_id) + 3,
		.pt_id = self->ioas,
	};

	EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
				  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(argsz %u)", cmd.argsz));
	cmd.argsz = sizeof(cmd);
	for (int bit = 1; bit < 32; bit++) {
		cmd.flags = 1U << bit;
		EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
					  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(flags %#x)", cmd.flags));
	}
	EXPECT_ERRNO(EFAULT, call(self->edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL,
				  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(NULL)"));
	EXPECT_ERRNO(ENOENT, edu_attach(self->edu, NO_ID));
	EXPECT_ERRNO(ENOENT, edu_attach(self->edu, 0));
	EXPECT_ERRNO(EINVAL, edu_attach(self->edu, self->edu->id));
	EXPECT_OK(destroy(self->fd, self->ioas));
	EXPECT_ERRNO(ENOENT, edu_attach(self->edu, self->ioas));
}

TEST_F(device, detach_refuses_bad_arguments)
{
	struct vfio_device_detach_iommufd_pt cmd = {
		.argsz = offsetof(struct vfio_device_detach_iommufd_pt, flags) + 3,
	};

	EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
				  "VFIO_DEVICE_DETACH_IOMMUFD_PT(argsz %u)", cmd.argsz));
	cmd.argsz = sizeof(cmd);
	for (int bit = 1; bit < 32; bit++) {
		cmd.flags = 1U << bit;
		EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
					  "VFIO_DEVICE_DETACH_IOMMUFD_PT(flags %#x)", cmd.flags));
	}
	EXPECT_ERRNO(EFAULT, call(self->edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL,
				  "VFIO_DEVICE_DETACH_IOMMUFD_PT(NULL)"));
}

/* edu has no PASID to attach. */
TEST_F(device, pasids_have_their_place_in_attach)
{
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_ATTACH_PASID,
	};
	__u32 hwpt;

	ASSERT_OK(hwpt_alloc(self->fd, self->edu->id, self->ioas, &hwpt));
	ASSERT_OK(edu_attach(self->edu, hwpt));
	for (__u64 pasid = 0; pasid <= 0xffffffff; pasid = 2 * pasid + 1) {
		cmd.pasid = pasid;
		cmd.pt_id = hwpt;
		EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
					  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(pasid %u)", cmd.pasid));
		EXPECT_EQ(hwpt, cmd.pt_id);
	}
	cmd.pasid = 1;
	cmd.pt_id = NO_ID;
	EXPECT_ERRNO(ENOENT, call(self->edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
				  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(pasid 1, pt %u)", cmd.pt_id));
	cmd.pt_id = hwpt;
	cmd.argsz = offsetof(struct vfio_device_attach_iommufd_pt, pasid) + 3;
	EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd,
				  "VFIO_DEVICE_ATTACH_IOMMUFD_PT(argsz %u)", cmd.argsz));
	/* What it is attached to is still there. */
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_OK(destroy(self->fd, hwpt));
}

TEST_F(device, pasids_have_their_place_in_detach)
{
	struct vfio_device_detach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_DETACH_PASID,
	};

	ASSERT_OK(edu_attach(self->edu, self->ioas));
	EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
				  "VFIO_DEVICE_DETACH_IOMMUFD_PT(pasid 0)"));
	/* Nothing is attached, so nothing happens. */
	cmd.pasid = 1;
	EXPECT_OK(call(self->edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
		       "VFIO_DEVICE_DETACH_IOMMUFD_PT(pasid 1)"));
	cmd.argsz = offsetof(struct vfio_device_detach_iommufd_pt, pasid) + 3;
	EXPECT_ERRNO(EINVAL, call(self->edu->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
				  "VFIO_DEVICE_DETACH_IOMMUFD_PT(argsz %u)", cmd.argsz));
	/* What it is attached to without one is still there. */
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
}

TEST_F(device, detach_can_be_repeated)
{
	EXPECT_OK(edu_detach(self->edu));
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	EXPECT_OK(edu_detach(self->edu));
	EXPECT_OK(edu_detach(self->edu));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(device, attach_to_another_ioas_replaces)
{
	__u32 other, first = self->ioas, second;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(edu_attach_pt(self->edu, &first));
	second = other;
	ASSERT_OK(edu_attach_pt(self->edu, &second));
	EXPECT_NE(first, second);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, other));
	/* Nothing is left of the first. */
	EXPECT_ERRNO(ENOENT, destroy(self->fd, first));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(device, attach_to_the_same_ioas_again_changes_nothing)
{
	__u32 first = self->ioas, again = self->ioas;

	ASSERT_OK(edu_attach_pt(self->edu, &first));
	ASSERT_OK(edu_attach_pt(self->edu, &again));
	EXPECT_EQ(first, again);
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

TEST_F(device, replace_that_fails_leaves_the_old_one)
{
	__u32 hwpt = self->ioas, other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(ioas_map_at(self->fd, other, NULL, PAGE, AT));
	ASSERT_OK(edu_attach_pt(self->edu, &hwpt));
	EXPECT_ERRNO(EFAULT, edu_attach(self->edu, other));
	EXPECT_ERRNO(ENOENT, edu_attach(self->edu, NO_ID));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	EXPECT_OK(destroy(self->fd, other));
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, hwpt));
}

TEST_F(device, close_detaches)
{
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	edu_close(self->edu);
	EXPECT_OK(destroy(self->fd, self->ioas));
}

/* ---- IOVAs that cannot be ---- */

#define MAX_RANGES 32

/* The last IOVA that can be mapped, and whether @iova is one that can be. */
static bool is_usable(struct __test_metadata *_metadata, int fd, __u32 ioas, __u64 iova,
		      __u64 *last, __u64 *alignment)
{
	struct iommu_iova_range ranges[MAX_RANGES];
	__u32 num = MAX_RANGES;
	bool usable = false;

	ASSERT_OK(ioas_iova_ranges(fd, ioas, ranges, &num, alignment));
	ASSERT_GE(MAX_RANGES, num);
	ASSERT_NE(0, num);
	for (__u32 i = 0; i < num; i++) {
		EXPECT_LE(ranges[i].start, ranges[i].last);
		if (i)
			EXPECT_LT(ranges[i - 1].last, ranges[i].start);
		usable |= iova >= ranges[i].start && iova <= ranges[i].last;
	}
	*last = ranges[num - 1].last;
	return usable;
}

TEST_F(device, the_granule_is_a_page_once_there_are_page_tables)
{
	__u64 last, alignment, iova;

	EXPECT_TRUE(is_usable(_metadata, self->fd, self->ioas, AT, &last, &alignment));
	EXPECT_EQ(1, alignment);
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	EXPECT_TRUE(is_usable(_metadata, self->fd, self->ioas, AT, &last, &alignment));
	EXPECT_EQ(PAGE, alignment);

	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, PAGE, AT + 1));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page + 1, PAGE, AT));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, PAGE + 1, AT));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, 1, AT));
	EXPECT_ERRNO(EINVAL, ioas_map_any(self->fd, self->ioas, self->page + 1, PAGE, &iova));
	EXPECT_ERRNO(EINVAL, ioas_map_any(self->fd, self->ioas, self->page, 1, &iova));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, AT));
	EXPECT_OK(ioas_map_any(self->fd, self->ioas, self->page, PAGE, &iova));
	EXPECT_EQ(0, iova % PAGE);
}

TEST_F(device, an_area_that_is_no_page_keeps_it_from_attach)
{
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->page + 1, 1, AT));
	EXPECT_NE(0, edu_attach(self->edu, self->ioas));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_OK(edu_attach(self->edu, self->ioas));
}

TEST_F(device, iova_ranges_says_how_much_room_it_needs)
{
	struct iommu_iova_range all[MAX_RANGES], some[MAX_RANGES];
	__u64 alignment;
	__u32 num = MAX_RANGES, given;

	ASSERT_OK(edu_attach(self->edu, self->ioas));
	ASSERT_OK(ioas_iova_ranges(self->fd, self->ioas, all, &num, &alignment));
	for (__u32 i = 0; i < num; i++) {
		memset(some, 0xee, sizeof(some));
		given = i;
		alignment = 0;
		EXPECT_ERRNO(EMSGSIZE, ioas_iova_ranges(self->fd, self->ioas, some, &given,
							&alignment));
		EXPECT_EQ(num, given);
		EXPECT_EQ(PAGE, alignment);
		EXPECT_EQ(0, memcmp(all, some, i * sizeof(*all)));
		EXPECT_TRUE(memory_is_all(&some[i], sizeof(some) - i * sizeof(*some), 0xee));
	}
}

TEST_F(device, beyond_the_aperture_nothing_can_be_mapped)
{
	__u64 last, alignment, beyond;

	ASSERT_OK(edu_attach(self->edu, self->ioas));
	is_usable(_metadata, self->fd, self->ioas, AT, &last, &alignment);
	ASSERT_NE(UINT64_MAX, last);
	beyond = last + 1;
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, PAGE, beyond));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, 2 * PAGE,
					 beyond - PAGE));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, beyond - PAGE));

	/* The other order: what is mapped there keeps the device out. */
	ASSERT_OK(edu_detach(self->edu));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, beyond));
	EXPECT_ERRNO(EADDRINUSE, edu_attach(self->edu, self->ioas));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, beyond, PAGE, NULL));
	EXPECT_OK(edu_attach(self->edu, self->ioas));
}

TEST_F(device, what_it_reserves_cannot_be_mapped)
{
	__u64 start, last, end, alignment;

	if (!edu_reserved_range(self->edu, &start, &last))
		SKIP(return, "%s reserves no IOVA", self->edu->bdf);
	EXPECT_TRUE(is_usable(_metadata, self->fd, self->ioas, start, &end, &alignment));
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	EXPECT_FALSE(is_usable(_metadata, self->fd, self->ioas, start, &end, &alignment));
	EXPECT_FALSE(is_usable(_metadata, self->fd, self->ioas, last, &end, &alignment));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, PAGE, start));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, PAGE,
					 last + 1 - PAGE));
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->page, 2 * PAGE,
					 start - PAGE));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, start - PAGE));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, last + 1));
	/* Without the device it can. */
	ASSERT_OK(edu_detach(self->edu));
	EXPECT_TRUE(is_usable(_metadata, self->fd, self->ioas, start, &end, &alignment));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, start));
}

TEST_F(device, what_it_reserves_must_be_free_at_attach)
{
	__u64 start, last;

	if (!edu_reserved_range(self->edu, &start, &last))
		SKIP(return, "%s reserves no IOVA", self->edu->bdf);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->page, PAGE, start));
	EXPECT_ERRNO(EADDRINUSE, edu_attach(self->edu, self->ioas));
	/* It is not attached then. */
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->page, 1, AT));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_OK(edu_attach(self->edu, self->ioas));
}

TEST_F(device, what_is_allowed_and_what_it_reserves_exclude_each_other)
{
	struct iommu_iova_range range;

	if (!edu_reserved_range(self->edu, &range.start, &range.last))
		SKIP(return, "%s reserves no IOVA", self->edu->bdf);
	range.start -= PAGE;
	ASSERT_OK(ioas_allow_iovas(self->fd, self->ioas, &range, 1));
	EXPECT_ERRNO(EADDRINUSE, edu_attach(self->edu, self->ioas));
	ASSERT_OK(ioas_allow_iovas(self->fd, self->ioas, NULL, 0));
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	EXPECT_ERRNO(EADDRINUSE, ioas_allow_iovas(self->fd, self->ioas, &range, 1));
	range.last = range.start + PAGE - 1;
	EXPECT_OK(ioas_allow_iovas(self->fd, self->ioas, &range, 1));
}

/* Ids are good for what they name, and in their own context. */
TEST_F(device, is_no_ioas_and_an_ioas_is_no_device)
{
	int other = open_iommufd(_metadata);
	__u32 stranger, num = 0;
	__u64 alignment;

	EXPECT_ERRNO(ENOENT, ioas_map_at(self->fd, self->edu->id, self->page, PAGE, AT));
	EXPECT_ERRNO(ENOENT, ioas_unmap_all(self->fd, self->edu->id, NULL));
	EXPECT_ERRNO(ENOENT, ioas_allow_iovas(self->fd, self->edu->id, NULL, 0));
	EXPECT_ERRNO(ENOENT, ioas_iova_ranges(self->fd, self->edu->id, NULL, &num, &alignment));
	/* An id that this context does not have. */
	do
		ASSERT_OK(ioas_alloc(other, &stranger));
	while (stranger <= self->ioas || stranger <= self->edu->id);
	EXPECT_ERRNO(ENOENT, edu_attach(self->edu, stranger));
	close(other);
}

/* ---- Reset ---- */

struct hot_reset_info {
	struct vfio_pci_hot_reset_info info;
	struct vfio_pci_dependent_device devices[16];
};

static int hot_reset_info(struct edu *edu, struct hot_reset_info *info, __u32 devices)
{
	memset(info, 0, sizeof(*info));
	info->info.argsz = sizeof(info->info) + devices * sizeof(info->devices[0]);
	return call(edu->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info,
		    "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO(%s, room for %u)", edu->bdf, devices);
}

static int hot_reset(struct edu *edu, __u32 count, __s32 fd)
{
	struct {
		struct vfio_pci_hot_reset reset;
		__s32 fd;
	} cmd = { .reset = { .argsz = sizeof(cmd), .count = count }, .fd = fd };

	return call(edu->fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd,
		    "VFIO_DEVICE_PCI_HOT_RESET(%s, count %u, fd %d)", edu->bdf, count, fd);
}

FIXTURE(reset)
{
	struct bound bound;
	struct edu *edu;
	__u8 *memory;
};

FIXTURE_SETUP(reset)
{
	self->edu = &self->bound.edu;
	if (edu_find_resettable(self->edu))
		SKIP_TEST("this machine has no edu device that can be reset");
	setup_bound_to(_metadata, &self->bound);
	self->memory = memory_pages(2 * PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_OK(ioas_map_at(self->bound.iommufd, self->bound.ioas, self->memory, 2 * PAGE, AT));
	ASSERT_OK(edu_attach(self->edu, self->bound.ioas));
}

FIXTURE_TEARDOWN(reset)
{
	close_bound(&self->bound);
}

TEST_F(reset, hot_reset_of_a_lone_device_is_its_own)
{
	struct hot_reset_info info;
	char name[32];

	ASSERT_OK(hot_reset_info(self->edu, &info, 16));
	EXPECT_EQ(VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED,
		  info.info.flags);
	ASSERT_EQ(1, info.info.count);
	EXPECT_EQ(self->edu->id, info.devices[0].devid);
	snprintf(name, sizeof(name), "%04x:%02x:%02x.%u", info.devices[0].segment,
		 info.devices[0].bus, info.devices[0].devfn >> 3, info.devices[0].devfn & 7);
	EXPECT_STREQ(self->edu->bdf, name);

	EXPECT_ERRNO(ENOSPC, hot_reset_info(self->edu, &info, 0));
	EXPECT_EQ(1, info.info.count);

	EXPECT_OK(hot_reset(self->edu, 0, -1));
	/* What names groups is not for a character device. */
	EXPECT_ERRNO(EINVAL, hot_reset(self->edu, 1, self->edu->fd));
}

static void expect_dma_works(struct __test_metadata *_metadata, struct edu *edu, __u8 *memory,
			     __u32 seed)
{
	ASSERT_OK(edu_start(edu));
	memory_fill(memory, PAGE, seed);
	memset(memory + PAGE, 0, PAGE);
	ASSERT_EQ(0, edu_copy(edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(memory + PAGE, PAGE, seed));
}

TEST_F(reset, leaves_the_device_attached)
{
	expect_dma_works(_metadata, self->edu, self->memory, 1);
	ASSERT_OK(call(self->edu->fd, VFIO_DEVICE_RESET, NULL, "VFIO_DEVICE_RESET()"));
	expect_dma_works(_metadata, self->edu, self->memory, 2);
	ASSERT_OK(hot_reset(self->edu, 0, -1));
	expect_dma_works(_metadata, self->edu, self->memory, 3);
}

/* ---- Two devices in a group ---- */

FIXTURE(group)
{
	int fd;
	struct edu one, other;
	__u32 ioas, ioas2;
};

FIXTURE_SETUP(group)
{
	if (edu_find_pair(EDU_PAIR_BEHIND_PORT, &self->one, &self->other))
		SKIP_TEST("this machine has no two edu devices in one IOMMU group behind a port");
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas2));
	ASSERT_EQ(0, edu_open(&self->one));
	ASSERT_EQ(0, edu_open(&self->other));
	ASSERT_OK(edu_bind(&self->one, self->fd));
}

FIXTURE_TEARDOWN(group)
{
	edu_close(&self->one);
	edu_close(&self->other);
	close(self->fd);
}

TEST_F(group, belongs_to_one_context)
{
	int stranger = open_iommufd(_metadata);

	EXPECT_ERRNO(EPERM, edu_bind(&self->other, stranger));
	ASSERT_OK(edu_bind(&self->other, self->fd));
	EXPECT_NE(self->one.id, self->other.id);
	/* When all have left, it is free. */
	edu_close(&self->one);
	edu_close(&self->other);
	ASSERT_EQ(0, edu_open(&self->one));
	EXPECT_OK(edu_bind(&self->one, stranger));
	close(stranger);
}

TEST_F(group, has_one_page_table)
{
	__u32 first = self->ioas, second = self->ioas;

	ASSERT_OK(edu_bind(&self->other, self->fd));
	ASSERT_OK(edu_attach_pt(&self->one, &first));
	EXPECT_ERRNO(EINVAL, edu_attach(&self->other, self->ioas2));
	ASSERT_OK(edu_attach_pt(&self->other, &second));
	EXPECT_EQ(first, second);
	/* Until the last one is detached. */
	ASSERT_OK(edu_detach(&self->one));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas));
	EXPECT_ERRNO(EINVAL, edu_attach(&self->one, self->ioas2));
	ASSERT_OK(edu_detach(&self->other));
	EXPECT_OK(destroy(self->fd, self->ioas));
	EXPECT_OK(edu_attach(&self->one, self->ioas2));
}

TEST_F(group, hot_reset_tells_both_and_takes_both)
{
	struct hot_reset_info info;
	bool seen_one = false, seen_other = false;

	/* The other one is not bound: it is nobody's. */
	ASSERT_OK(hot_reset_info(&self->one, &info, 16));
	EXPECT_EQ(2, info.info.count);
	EXPECT_EQ(VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED,
		  info.info.flags);
	for (__u32 i = 0; i < info.info.count; i++) {
		seen_one |= info.devices[i].devid == self->one.id;
		seen_other |= info.devices[i].devid == VFIO_PCI_DEVID_OWNED;
	}
	EXPECT_TRUE(seen_one && seen_other);
	EXPECT_ERRNO(ENOSPC, hot_reset_info(&self->one, &info, 1));
	EXPECT_EQ(2, info.info.count);
	EXPECT_OK(hot_reset(&self->one, 0, -1));

	ASSERT_OK(edu_bind(&self->other, self->fd));
	ASSERT_OK(hot_reset_info(&self->other, &info, 16));
	seen_other = false;
	for (__u32 i = 0; i < info.info.count; i++)
		seen_other |= info.devices[i].devid == self->other.id;
	EXPECT_TRUE(seen_other);
	EXPECT_OK(hot_reset(&self->other, 0, -1));
}

/* ---- Two devices in a group, and two threads that move it ---- */

#define ROUNDS 300

struct mover {
	pthread_t thread;
	struct edu *edu;
	__u32 pt;
	int *left;
};

FIXTURE(movers)
{
	int fd;
	struct edu edus[2];
	__u32 ioas[2];
};

/* On the root bus: VFIO lets both be moved at once. */
FIXTURE_SETUP(movers)
{
	if (edu_find_pair(EDU_PAIR_ON_ROOT_BUS, &self->edus[0], &self->edus[1]))
		SKIP_TEST("this machine has no two edu devices in one IOMMU group on the root bus");
	self->fd = open_iommufd(_metadata);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(ioas_alloc(self->fd, &self->ioas[i]));
		ASSERT_EQ(0, edu_open(&self->edus[i]));
		ASSERT_OK(edu_bind(&self->edus[i], self->fd));
		ASSERT_OK(edu_attach(&self->edus[i], self->ioas[0]));
	}
}

FIXTURE_TEARDOWN(movers)
{
	edu_close(&self->edus[0]);
	edu_close(&self->edus[1]);
	close(self->fd);
}

/*
 * Attached, a device takes its group with it. Each pulls it to its own side, and often
 * finds it there: it is then about to use what the other one is about to leave. They
 * end together, when both have done their rounds.
 */
static void *keep_moving(void *data)
{
	struct mover *mover = data;

	for (int i = 0; __atomic_load_n(mover->left, __ATOMIC_RELAXED) > 0; i++) {
		if (edu_attach(mover->edu, mover->pt)) {
			__atomic_store_n(mover->left, 0, __ATOMIC_RELAXED);
			return strdup(last_call);
		}
		if (i == ROUNDS)
			__atomic_fetch_sub(mover->left, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void move_from_both_ends(struct __test_metadata *_metadata, struct edu *edus,
				const __u32 *pts)
{
	struct mover movers[2];
	void *failed;
	int left = 2;

	for (int i = 0; i < 2; i++) {
		movers[i].edu = &edus[i];
		movers[i].pt = pts[i];
		movers[i].left = &left;
		ASSERT_EQ(0, pthread_create(&movers[i].thread, NULL, keep_moving, &movers[i]));
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(movers[i].thread, &failed));
		EXPECT_EQ(NULL, failed) {
			TH_LOG("%s failed", (char *)failed);
		}
	}
}

TEST_F(movers, between_two_ioases_come_to_an_end)
{
	move_from_both_ends(_metadata, self->edus, self->ioas);
	for (int i = 0; i < 2; i++)
		ASSERT_OK(edu_detach(&self->edus[i]));
	/* No page table is left behind. */
	for (int i = 0; i < 2; i++)
		EXPECT_OK(destroy(self->fd, self->ioas[i]));
}

TEST_F(movers, between_an_ioas_and_a_page_table_come_to_an_end)
{
	__u32 pts[2] = { self->ioas[0] };

	ASSERT_OK(hwpt_alloc(self->fd, self->edus[0].id, self->ioas[1], &pts[1]));
	move_from_both_ends(_metadata, self->edus, pts);
	for (int i = 0; i < 2; i++)
		ASSERT_OK(edu_detach(&self->edus[i]));
	EXPECT_OK(destroy(self->fd, self->ioas[0]));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->ioas[1]));
	EXPECT_OK(destroy(self->fd, pts[1]));
	EXPECT_OK(destroy(self->fd, self->ioas[1]));
}

/* The page table is of the same IOAS as the one that comes and goes by itself. */
TEST_F(movers, within_an_ioas_come_to_an_end)
{
	__u32 pts[2] = { self->ioas[0] };

	ASSERT_OK(hwpt_alloc(self->fd, self->edus[0].id, self->ioas[0], &pts[1]));
	move_from_both_ends(_metadata, self->edus, pts);
	for (int i = 0; i < 2; i++)
		ASSERT_OK(edu_detach(&self->edus[i]));
	EXPECT_OK(destroy(self->fd, pts[1]));
	EXPECT_OK(destroy(self->fd, self->ioas[0]));
}

TEST_HARNESS_MAIN
