// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO groups in a container, which is one of vfio_iommu_type1 or an iommufd: who may
 * join and leave, and whose mappings whose devices see.
 */
#include <sys/ioctl.h>

#include "lib/container.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define THERE	0x80000000ULL

/* Two devices in two groups, the first group in the container. */
FIXTURE(groups)
{
	int fd;
	struct edu one, other;
	int group, other_group;
	bool iommufd;
	__u8 *pages;
};

FIXTURE_VARIANT(groups)
{
	const char *node;
};

FIXTURE_VARIANT_ADD(groups, type1)
{
	.node = "/dev/vfio/vfio",
};

FIXTURE_VARIANT_ADD(groups, iommufd)
{
	.node = "/dev/iommu",
};

FIXTURE_SETUP(groups)
{
	find_edu(_metadata, &self->one, 0);
	find_edu_of_another_group(_metadata, &self->one, &self->other);
	self->fd = container_open(variant->node);
	ASSERT_LE(0, self->fd);
	self->iommufd = container_is_iommufd(self->fd);
	self->group = group_open(&self->one);
	ASSERT_LE(0, self->group);
	self->other_group = group_open(&self->other);
	ASSERT_LE(0, self->other_group);
	ASSERT_OK(group_set_container(self->group, self->fd));
	self->pages = memory_pages(4 * PAGE);
	ASSERT_NE(NULL, self->pages);
	memset(self->pages, 0, 4 * PAGE);
}

FIXTURE_TEARDOWN(groups)
{
	edu_close(&self->one);
	edu_close(&self->other);
	close(self->group);
	close(self->other_group);
	close(self->fd);
}

/* The device writes what it reads at @from to @to, and it arrives on the page. */
static void expect_copies(struct __test_metadata *_metadata, struct edu *edu, __u64 to,
			  __u64 from, __u8 *to_page, __u8 *from_page, __u8 byte)
{
	memset(from_page, byte, PAGE);
	memset(to_page, 0, PAGE);
	ASSERT_EQ(0, edu_copy(edu, to, from, PAGE));
	EXPECT_TRUE(memory_is_all(to_page, PAGE, byte));
}

static void open_device(struct __test_metadata *_metadata, int group, struct edu *edu)
{
	ASSERT_OK(group_get_device(group, edu));
	ASSERT_OK(edu_start(edu));
}

#define map_page(page, iova) \
	container_map(self->fd, DMA_RW, self->pages + (page) * PAGE, PAGE, iova)

TEST_F(groups, tell_that_they_have_a_container)
{
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_flags(self->other_group));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET,
		  group_flags(self->group));
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_flags(self->group));
}

TEST_F(groups, have_one_container)
{
	int stranger = container_open(variant->node);

	ASSERT_LE(0, stranger);
	EXPECT_ERRNO(EINVAL, group_set_container(self->group, self->fd));
	EXPECT_ERRNO(EINVAL, group_set_container(self->group, stranger));
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_ERRNO(EINVAL, group_unset_container(self->group));
	EXPECT_OK(group_set_container(self->group, stranger));
	close(stranger);
}

TEST_F(groups, refuse_what_is_no_container)
{
	int null = open("/dev/null", O_RDWR);

	EXPECT_ERRNO(EBADF, group_set_container(self->other_group, -1));
	EXPECT_ERRNO(EINVAL, group_set_container(self->other_group, null));
	EXPECT_ERRNO(EINVAL, group_set_container(self->other_group, self->group));
	EXPECT_ERRNO(EFAULT, call(self->other_group, VFIO_GROUP_SET_CONTAINER, NULL,
				  "VFIO_GROUP_SET_CONTAINER(NULL)"));
	close(null);
}

TEST_F(groups, open_no_device_without_a_container)
{
	EXPECT_ERRNO(EINVAL, group_get_device(self->other_group, &self->other));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_ERRNO(ENODEV, group_get_device(self->group, &self->other));
	EXPECT_OK(group_get_device(self->group, &self->one));
}

TEST_F(groups, keep_their_container_while_a_device_is_open)
{
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	open_device(_metadata, self->group, &self->one);
	EXPECT_ERRNO(EBUSY, group_unset_container(self->group));
	edu_close(&self->one);
	EXPECT_OK(group_unset_container(self->group));
}

/* Files can be closed in any order: the device is last. */
TEST_F(groups, are_kept_by_an_open_device)
{
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	open_device(_metadata, self->group, &self->one);
	ASSERT_OK(map_page(0, AT));
	ASSERT_OK(map_page(1, THERE));
	close(self->group);
	close(self->fd);
	expect_copies(_metadata, &self->one, AT, THERE, self->pages, self->pages + PAGE, 0x12);
	edu_close(&self->one);
	/* Gone with it is all else. */
	self->group = group_open(&self->one);
	EXPECT_LE(0, self->group);
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_flags(self->group));
	self->fd = -1;
}

TEST_F(groups, see_the_same_mappings)
{
	ASSERT_OK(group_set_container(self->other_group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(map_page(0, AT));
	open_device(_metadata, self->group, &self->one);
	ASSERT_OK(map_page(1, THERE));
	open_device(_metadata, self->other_group, &self->other);
	expect_copies(_metadata, &self->one, AT, THERE, self->pages, self->pages + PAGE, 0x34);
	expect_copies(_metadata, &self->other, THERE, AT, self->pages + PAGE, self->pages, 0x56);
	ASSERT_OK(container_unmap(self->fd, AT, PAGE, NULL));
	memset(self->pages, 0x78, PAGE);
	EXPECT_EQ(0, edu_store(&self->one, AT, PAGE));
	EXPECT_EQ(0, edu_store(&self->other, AT, PAGE));
	EXPECT_TRUE(memory_is_all(self->pages, PAGE, 0x78));
}

TEST_F(groups, can_join_and_leave_while_others_work)
{
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(map_page(0, AT));
	ASSERT_OK(map_page(1, THERE));
	open_device(_metadata, self->group, &self->one);
	expect_copies(_metadata, &self->one, AT, THERE, self->pages, self->pages + PAGE, 0x11);

	ASSERT_OK(group_set_container(self->other_group, self->fd));
	open_device(_metadata, self->other_group, &self->other);
	expect_copies(_metadata, &self->other, AT, THERE, self->pages, self->pages + PAGE, 0x22);

	edu_close(&self->one);
	ASSERT_OK(group_unset_container(self->group));
	expect_copies(_metadata, &self->other, AT, THERE, self->pages, self->pages + PAGE, 0x33);
	ASSERT_OK(container_unmap(self->fd, AT, PAGE, NULL));
}

/* As a program does that a device is unplugged from, and then another plugged in. */
TEST_F(groups, take_the_mappings_with_them_when_the_last_one_leaves)
{
	struct container_info info;

	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1_IOMMU));
	ASSERT_OK(map_page(0, AT));
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_GT(0, container_info(self->fd, &info));
	EXPECT_GT(0, map_page(1, AT));

	ASSERT_OK(group_set_container(self->other_group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	EXPECT_OK(map_page(1, AT));
	open_device(_metadata, self->other_group, &self->other);
	ASSERT_OK(map_page(2, THERE));
	expect_copies(_metadata, &self->other, AT, THERE, self->pages + PAGE,
		      self->pages + 2 * PAGE, 0x44);
}

TEST_F(groups, open_a_device_more_than_once)
{
	struct edu again = self->one;

	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(map_page(0, AT));
	ASSERT_OK(map_page(1, THERE));
	open_device(_metadata, self->group, &self->one);
	open_device(_metadata, self->group, &again);
	edu_close(&self->one);
	expect_copies(_metadata, &again, AT, THERE, self->pages, self->pages + PAGE, 0x55);
	edu_close(&again);
	EXPECT_OK(group_unset_container(self->group));
}

TEST_F(groups, and_the_cdevs_of_their_devices_exclude_each_other)
{
	int iommufd = open_iommufd(_metadata);

	/* Even one that is bound to the same iommufd. */
	ASSERT_EQ(0, edu_open(&self->one));
	EXPECT_ERRNO(EBUSY, edu_bind(&self->one, self->iommufd ? self->fd : iommufd));
	EXPECT_ERRNO(EBUSY, edu_bind(&self->one, iommufd));
	close(self->group);
	ASSERT_OK(edu_bind(&self->one, iommufd));
	self->group = group_open(&self->one);
	EXPECT_EQ(-EBUSY, self->group);
	close(iommufd);
}

/* The container's group cannot be had by another way either. */
TEST_F(groups, belong_to_their_container)
{
	struct edu edu = self->one;

	EXPECT_EQ(-EBUSY, group_open(&edu));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(group_set_container(self->other_group, self->fd));
	open_device(_metadata, self->other_group, &self->other);
	/* Its DMA is blocked: it is not open. */
	ASSERT_OK(map_page(0, AT));
	EXPECT_OK(group_unset_container(self->group));
}

/* ---- Two devices in a group ---- */

FIXTURE(pair)
{
	struct edu one, other;
	int fd, group;
	__u8 *pages;
};

FIXTURE_VARIANT(pair)
{
	const char *node;
};

FIXTURE_VARIANT_ADD(pair, type1)
{
	.node = "/dev/vfio/vfio",
};

FIXTURE_VARIANT_ADD(pair, iommufd)
{
	.node = "/dev/iommu",
};

FIXTURE_SETUP(pair)
{
	if (edu_find_pair(EDU_PAIR_BEHIND_PORT, &self->one, &self->other))
		SKIP_TEST("this machine has no two edu devices in one IOMMU group behind a port");
	self->fd = container_open(variant->node);
	ASSERT_LE(0, self->fd);
	self->group = group_open(&self->one);
	ASSERT_LE(0, self->group);
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	self->pages = memory_pages(2 * PAGE);
	ASSERT_NE(NULL, self->pages);
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, PAGE, AT));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages + PAGE, PAGE, THERE));
	open_device(_metadata, self->group, &self->one);
	open_device(_metadata, self->group, &self->other);
}

FIXTURE_TEARDOWN(pair)
{
	edu_close(&self->one);
	edu_close(&self->other);
	close(self->group);
	close(self->fd);
}

TEST_F(pair, of_devices_in_a_group_work_and_leave_one_by_one)
{
	expect_copies(_metadata, &self->one, AT, THERE, self->pages, self->pages + PAGE, 0x61);
	expect_copies(_metadata, &self->other, AT, THERE, self->pages, self->pages + PAGE, 0x62);
	edu_close(&self->one);
	expect_copies(_metadata, &self->other, AT, THERE, self->pages, self->pages + PAGE, 0x63);
	EXPECT_ERRNO(EBUSY, group_unset_container(self->group));
	edu_close(&self->other);
	EXPECT_OK(group_unset_container(self->group));
}

static int hot_reset(struct edu *edu, __u32 count, int group)
{
	struct {
		struct vfio_pci_hot_reset reset;
		__s32 fd;
	} cmd = { .reset = { .argsz = sizeof(cmd), .count = count }, .fd = group };

	return call(edu->fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd,
		    "VFIO_DEVICE_PCI_HOT_RESET(%s, count %u, fd %d)", edu->bdf, count, group);
}

/* By group, and not by iommufd, as they were opened. */
TEST_F(pair, of_devices_is_reset_by_group)
{
	struct {
		struct vfio_pci_hot_reset_info info;
		struct vfio_pci_dependent_device devices[4];
	} info = { .info.argsz = sizeof(info) };

	ASSERT_OK(call(self->one.fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &info,
		       "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO()"));
	EXPECT_EQ(0, info.info.flags);
	ASSERT_EQ(2, info.info.count);
	EXPECT_EQ(self->one.group, (int)info.devices[0].group_id);
	EXPECT_EQ(self->one.group, (int)info.devices[1].group_id);

	EXPECT_ERRNO(EINVAL, hot_reset(&self->one, 0, -1));
	EXPECT_ERRNO(EINVAL, hot_reset(&self->one, 1, self->fd));
	ASSERT_OK(hot_reset(&self->one, 1, self->group));
	ASSERT_OK(edu_start(&self->one));
	ASSERT_OK(edu_start(&self->other));
	expect_copies(_metadata, &self->one, AT, THERE, self->pages, self->pages + PAGE, 0x71);
	expect_copies(_metadata, &self->other, AT, THERE, self->pages, self->pages + PAGE, 0x72);
}

/* ---- What only an iommufd has ---- */

FIXTURE(member)
{
	int fd, group;
	__u32 ioas;
	struct edu edu;
	__u8 *pages;
};

FIXTURE_SETUP(member)
{
	find_edu(_metadata, &self->edu, 0);
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->group = group_open(&self->edu);
	ASSERT_LE(0, self->group);
	self->pages = memory_pages(2 * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(member)
{
	edu_close(&self->edu);
	close(self->group);
	close(self->fd);
}

static int vfio_ioas(int fd, __u16 op, __u32 *ioas)
{
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.op = op,
		.ioas_id = *ioas,
	};
	int err = call(fd, IOMMU_VFIO_IOAS, &cmd, "IOMMU_VFIO_IOAS(op %u, ioas %u)", op, *ioas);

	*ioas = cmd.ioas_id;
	return err;
}

TEST_F(member, has_an_ioas_made_which_goes_with_it)
{
	__u32 ioas = 0, other = self->ioas;

	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	EXPECT_NE(self->ioas, ioas);
	EXPECT_ERRNO(EBUSY, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_SET, &other));
	EXPECT_ERRNO(EBUSY, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_CLEAR, &other));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, ioas));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(group_get_device(self->group, &self->edu));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, ioas));
	edu_close(&self->edu);
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_ERRNO(ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &other));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, ioas));
}

TEST_F(member, uses_the_ioas_that_was_chosen_which_stays)
{
	__u32 ioas = self->ioas;

	ASSERT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_SET, &ioas));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, AT));
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages + PAGE, PAGE, THERE));
	open_device(_metadata, self->group, &self->edu);
	expect_copies(_metadata, &self->edu, AT, THERE, self->pages, self->pages + PAGE, 0x81);
	edu_close(&self->edu);
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	EXPECT_EQ(self->ioas, ioas);
	EXPECT_OK(ioas_unmap(self->fd, self->ioas, AT, PAGE, NULL));
	EXPECT_OK(ioas_unmap(self->fd, self->ioas, THERE, PAGE, NULL));
	EXPECT_OK(destroy(self->fd, self->ioas));
}

/* Who is short of memory hears of it when he maps, not when a device is opened. */
TEST_F(member, has_its_memory_pinned_before_a_device_is_open)
{
	long pinned = memory_pinned();

	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(container_set_iommu(self->fd, VFIO_TYPE1v2_IOMMU));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, 2 * PAGE, AT));
	EXPECT_EQ(pinned + 2 * (long)PAGE, memory_pinned());
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_EQ(pinned, memory_pinned());
}

/* What is mapped already must fit whoever joins. */
TEST_F(member, cannot_join_where_it_reserves_what_is_mapped)
{
	__u64 start, last;
	__u32 ioas = self->ioas;

	if (!edu_reserved_range(&self->edu, &start, &last))
		SKIP(return, "nothing is reserved");
	ASSERT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_SET, &ioas));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, start & -PAGE));
	EXPECT_ERRNO(EADDRINUSE, group_set_container(self->group, self->fd));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, group_flags(self->group));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_OK(group_set_container(self->group, self->fd));
	/* And nothing is lost of what it reserves when it leaves and comes back. */
	EXPECT_ERRNO(EINVAL, ioas_map_at(self->fd, self->ioas, self->pages, PAGE, start & -PAGE));
	ASSERT_OK(group_unset_container(self->group));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, start & -PAGE));
}

/* A cdev's device in the same iommufd: one address space for both. */
TEST_F(member, shares_its_ioas_with_a_cdev)
{
	struct edu edu;
	__u32 ioas = 0;

	find_edu_of_another_group(_metadata, &self->edu, &edu);
	ASSERT_OK(group_set_container(self->group, self->fd));
	ASSERT_OK(vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	ASSERT_EQ(0, edu_open(&edu));
	ASSERT_OK(edu_bind(&edu, self->fd));
	ASSERT_OK(edu_attach(&edu, ioas));
	ASSERT_OK(edu_start(&edu));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages, PAGE, AT));
	ASSERT_OK(container_map(self->fd, DMA_RW, self->pages + PAGE, PAGE, THERE));
	expect_copies(_metadata, &edu, AT, THERE, self->pages, self->pages + PAGE, 0x91);
	/* It keeps the address space when the group has left. */
	ASSERT_OK(group_unset_container(self->group));
	expect_copies(_metadata, &edu, AT, THERE, self->pages, self->pages + PAGE, 0x92);
	EXPECT_ERRNO(ENODEV, vfio_ioas(self->fd, IOMMU_VFIO_IOAS_GET, &ioas));
	edu_close(&edu);
	EXPECT_OK(destroy(self->fd, ioas));
}

TEST_HARNESS_MAIN
