// SPDX-License-Identifier: GPL-2.0-only
/*
 * VDEVICE: what a device is called in a VM, and what is left of it when the device
 * goes.
 */
#include "lib/nested_fixture.h"

FIXTURE(vdevice)
{
	struct nested_world world;
	int fd;
	__u32 dev, ioas, viommu;
};

FIXTURE_SETUP(vdevice)
{
	setup_nested(_metadata, &self->world);
	self->fd = self->world.fd;
	self->dev = self->world.mock.dev;
	self->ioas = self->world.ioas;
	ASSERT_OK(viommu_alloc(self->fd, self->dev, self->world.parent, &self->viommu));
}

FIXTURE_TEARDOWN(vdevice)
{
	teardown_nested(_metadata, &self->world);
}

#define make(virt_id, vdevice) \
	vdevice_alloc(self->fd, self->viommu, self->dev, virt_id, vdevice)
#define invalidate(virt_id) invalidate_cache(self->fd, self->viommu, virt_id, INV_ALL, 0)

TEST_F(vdevice, is_a_name_by_which_the_vm_reaches_the_device)
{
	struct mock other;
	__u32 one, two;

	ASSERT_OK(mock_attach(self->fd, self->ioas, &other));
	ASSERT_OK(make(7, &one));
	ASSERT_OK(vdevice_alloc(self->fd, self->viommu, other.dev, 8, &two));
	EXPECT_NE(one, two);
	ASSERT_OK(invalidate_cache(self->fd, self->viommu, 8, 0, 1));
	EXPECT_OK(mock_check_caches(self->fd, self->dev, CACHE));
	EXPECT_OK(mock_check_cache(self->fd, other.dev, 1, 0));
	EXPECT_OK(mock_check_cache(self->fd, other.dev, 0, CACHE));
	ASSERT_OK(invalidate(7));
	EXPECT_OK(mock_check_caches(self->fd, self->dev, 0));
	EXPECT_ERRNO(EINVAL, invalidate(9));
	EXPECT_ERRNO(EINVAL, invalidate(0));
}

TEST_F(vdevice, one_array_can_reach_several_devices)
{
	struct iommu_viommu_invalidate_selftest entries[64];
	struct mock mocks[16];
	__u32 vdevice, num = 64;

	for (__u32 i = 0; i < 16; i++) {
		ASSERT_OK(mock_attach(self->fd, self->ioas, &mocks[i]));
		ASSERT_OK(vdevice_alloc(self->fd, self->viommu, mocks[i].dev, 100 * i,
					&vdevice));
	}
	for (__u32 i = 0; i < 64; i++)
		entries[i] = (struct iommu_viommu_invalidate_selftest){
			.vdev_id = 100 * (i / 4),
			.cache_id = i % 4,
		};
	entries[63].vdev_id = 1;
	EXPECT_ERRNO(EINVAL, hwpt_invalidate(self->fd, self->viommu, VIOMMU_INV, entries,
					     sizeof(entries[0]), &num));
	EXPECT_EQ(63, num);
	for (__u32 i = 0; i < 15; i++)
		EXPECT_OK(mock_check_caches(self->fd, mocks[i].dev, 0));
	EXPECT_OK(mock_check_cache(self->fd, mocks[15].dev, 2, 0));
	EXPECT_OK(mock_check_cache(self->fd, mocks[15].dev, 3, CACHE));
}

TEST_F(vdevice, keeps_the_viommu)
{
	__u32 vdevice;

	ASSERT_OK(make(1, &vdevice));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->viommu));
	EXPECT_OK(destroy(self->fd, vdevice));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, vdevice));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(vdevice, names_nothing_once_it_is_destroyed)
{
	__u32 vdevice;

	ASSERT_OK(make(1, &vdevice));
	ASSERT_OK(destroy(self->fd, vdevice));
	EXPECT_ERRNO(EINVAL, invalidate(1));
	EXPECT_OK(mock_check_caches(self->fd, self->dev, CACHE));
	ASSERT_OK(make(1, &vdevice));
	EXPECT_OK(invalidate(1));
	EXPECT_OK(mock_check_caches(self->fd, self->dev, 0));
}

TEST_F(vdevice, a_virtual_id_is_given_once)
{
	struct mock other;
	__u32 one, two;

	ASSERT_OK(mock_attach(self->fd, self->ioas, &other));
	ASSERT_OK(make(1, &one));
	EXPECT_ERRNO(EEXIST, vdevice_alloc(self->fd, self->viommu, other.dev, 1, &two));
	ASSERT_OK(invalidate(1));
	EXPECT_OK(mock_check_caches(self->fd, other.dev, CACHE));
	ASSERT_OK(destroy(self->fd, one));
	EXPECT_OK(vdevice_alloc(self->fd, self->viommu, other.dev, 1, &two));
}

TEST_F(vdevice, a_device_has_one_name)
{
	__u32 one, two, viommu;

	ASSERT_OK(make(1, &one));
	EXPECT_ERRNO(EEXIST, make(2, &two));
	EXPECT_ERRNO(EEXIST, make(1, &two));
	/* In another VM neither. */
	ASSERT_OK(viommu_alloc(self->fd, self->dev, self->world.parent, &viommu));
	EXPECT_ERRNO(EEXIST, vdevice_alloc(self->fd, viommu, self->dev, 2, &two));
	EXPECT_ERRNO(EINVAL, invalidate(2));
	EXPECT_OK(destroy(self->fd, viommu));
	ASSERT_OK(destroy(self->fd, one));
	EXPECT_OK(make(2, &two));
}

TEST_F(vdevice, virtual_ids_are_what_an_entry_can_say)
{
	const __u64 good[] = { 0, 1, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff };
	const __u64 bad[] = { 0x100000000, 1ULL << 63, -1ULL };
	__u32 vdevice;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_OK(make(good[i], &vdevice));
		EXPECT_OK(invalidate(good[i]));
		ASSERT_OK(destroy(self->fd, vdevice));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(EINVAL, make(bad[i], &vdevice));
	/* Nothing was left of those. */
	ASSERT_OK(make(0, &vdevice));
	ASSERT_OK(destroy(self->fd, vdevice));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(vdevice, needs_a_viommu_and_a_device)
{
	__u32 vdevice;

	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, NO_ID, self->dev, 1, &vdevice));
	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, 0, self->dev, 1, &vdevice));
	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, self->world.parent, self->dev, 1,
					   &vdevice));
	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, self->viommu, NO_ID, 1, &vdevice));
	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, self->viommu, 0, 1, &vdevice));
	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, self->viommu, self->viommu, 1,
					   &vdevice));
	EXPECT_ERRNO(ENOENT, vdevice_alloc(self->fd, self->viommu, self->world.mock.id, 1,
					   &vdevice));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(vdevice, an_id_that_cannot_be_told_leaves_nothing)
{
	struct iommu_vdevice_alloc *cmd = (void *)self->world.last_page;
	__u32 vdevice;

	*cmd = (struct iommu_vdevice_alloc){
		.size = sizeof(*cmd),
		.viommu_id = self->viommu,
		.dev_id = self->dev,
		.virt_id = 1,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_VDEVICE_ALLOC, cmd,
				  "IOMMU_VDEVICE_ALLOC(read-only struct)"));
	EXPECT_ERRNO(EINVAL, invalidate(1));
	EXPECT_OK(make(1, &vdevice));
}

/* ---- Without its device ---- */

TEST_F(vdevice, dies_with_its_device)
{
	struct mock mock;
	__u32 vdevice, again;

	ASSERT_OK(make(1, &vdevice));
	ASSERT_OK(destroy(self->fd, self->world.mock.id));
	EXPECT_ERRNO(EINVAL, invalidate(1));
	/* Its id names nothing, but is not given to another. */
	EXPECT_ERRNO(ENOENT, destroy(self->fd, vdevice));
	for (int i = 0; i < 128; i++) {
		ASSERT_OK(ioas_alloc(self->fd, &again));
		EXPECT_NE(vdevice, again);
	}
	EXPECT_ERRNO(ENOENT, destroy(self->fd, vdevice));
	/* The name is free for another device, and the VIOMMU can go. */
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	ASSERT_OK(vdevice_alloc(self->fd, self->viommu, mock.dev, 1, &again));
	EXPECT_NE(vdevice, again);
	EXPECT_OK(invalidate(1));
	EXPECT_OK(destroy(self->fd, again));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(vdevice, a_device_may_come_and_go_often)
{
	struct mock mock;
	__u32 vdevice;

	for (int i = 0; i < 100; i++) {
		ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
		ASSERT_OK(vdevice_alloc(self->fd, self->viommu, mock.dev, i % 3, &vdevice));
		ASSERT_OK(destroy(self->fd, mock.id));
		EXPECT_ERRNO(ENOENT, destroy(self->fd, vdevice));
	}
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_F(vdevice, one_that_was_destroyed_before_leaves_nothing)
{
	__u32 vdevice, again;

	ASSERT_OK(make(1, &vdevice));
	ASSERT_OK(destroy(self->fd, vdevice));
	ASSERT_OK(ioas_alloc(self->fd, &again));
	EXPECT_EQ(vdevice, again);
	EXPECT_OK(destroy(self->fd, self->world.mock.id));
	EXPECT_OK(destroy(self->fd, again));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

/* As far as the hardware goes, the VM's table still stands. */
TEST_F(vdevice, may_go_while_its_device_is_attached)
{
	__u32 vdevice, hwpt;

	ASSERT_OK(make(1, &vdevice));
	ASSERT_OK(nested_alloc(self->fd, self->dev, self->viommu, IOTLB, &hwpt));
	ASSERT_OK(mock_replace(self->fd, &self->world.mock, hwpt));
	EXPECT_OK(destroy(self->fd, vdevice));
	EXPECT_ERRNO(EINVAL, invalidate(1));
	ASSERT_OK(make(2, &vdevice));
	EXPECT_OK(invalidate(2));
	/* And the device may go with all of it. */
	EXPECT_OK(destroy(self->fd, self->world.mock.id));
	EXPECT_OK(destroy(self->fd, hwpt));
	EXPECT_OK(destroy(self->fd, self->viommu));
}

TEST_HARNESS_MAIN
