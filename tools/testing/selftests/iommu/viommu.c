// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIOMMU: a VM's share of a physical IOMMU, its data, its page to be mapped, and
 * several of them on one nesting parent.
 */
#include <stdarg.h>

#include "lib/fdinfo.h"
#include "lib/nested_fixture.h"

#define SELFTEST IOMMU_VIOMMU_TYPE_SELFTEST
#define WORD 0xfeedf00d

FIXTURE(viommu)
{
	struct nested_world world;
	int fd;
	__u32 dev, ioas, parent;
};

FIXTURE_SETUP(viommu)
{
	setup_nested(_metadata, &self->world);
	self->fd = self->world.fd;
	self->dev = self->world.mock.dev;
	self->ioas = self->world.ioas;
	self->parent = self->world.parent;
}

FIXTURE_TEARDOWN(viommu)
{
	teardown_nested(_metadata, &self->world);
}

#define make(viommu) viommu_alloc(self->fd, self->dev, self->parent, viommu)
#define make_data(data, len, viommu) \
	viommu_alloc_data(self->fd, self->dev, self->parent, SELFTEST, data, len, viommu)

/* ---- Its life ---- */

TEST_F(viommu, keeps_its_parent)
{
	__u32 one, other;

	ASSERT_OK(make(&one));
	ASSERT_OK(make(&other));
	EXPECT_NE(one, other);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->parent));
	EXPECT_OK(destroy(self->fd, one));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->parent));
	EXPECT_OK(destroy(self->fd, other));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, other));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(viommu, does_not_need_the_device_that_it_was_made_for)
{
	struct mock mock;
	__u32 viommu, vdevice;

	ASSERT_OK(make(&viommu));
	ASSERT_OK(destroy(self->fd, self->world.mock.id));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_OK(vdevice_alloc(self->fd, viommu, mock.dev, 1, &vdevice));
}

TEST_F(viommu, goes_with_the_file)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	__u32 viommu, vdevice, hwpt;

	for (int i = 0; i < 16; i++)
		ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, self->dev, 1, &vdevice));
	ASSERT_OK(nested_alloc(self->fd, self->dev, viommu, IOTLB, &hwpt));
	ASSERT_OK(mock_replace(self->fd, &self->world.mock, hwpt));
}

TEST_F(viommu, needs_a_device_and_a_nesting_parent)
{
	__u32 viommu, hwpt;

	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, NO_ID, self->parent, &viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, 0, self->parent, &viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->ioas, self->parent, &viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->dev, NO_ID, &viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->dev, 0, &viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->dev, self->ioas, &viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->dev, self->dev, &viommu));
	EXPECT_ERRNO(EINVAL, viommu_alloc(self->fd, self->dev, self->world.mock.hwpt,
					  &viommu));
	ASSERT_OK(nested_alloc(self->fd, self->dev, self->parent, IOTLB, &hwpt));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->dev, hwpt, &viommu));
	ASSERT_OK(make(&viommu));
	EXPECT_ERRNO(ENOENT, viommu_alloc(self->fd, self->dev, viommu, &hwpt));
}

TEST_F(viommu, is_of_a_type_that_the_iommu_has)
{
	const __u32 bad[] = {
		IOMMU_VIOMMU_TYPE_DEFAULT, IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, SELFTEST + 1, -1,
	};
	__u32 viommu;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(EOPNOTSUPP, viommu_alloc_data(self->fd, self->dev, self->parent,
							   bad[i], NULL, 0, &viommu));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(viommu, refuses_what_is_reserved)
{
	struct iommu_viommu_alloc cmd = {
		.size = sizeof(cmd),
		.type = SELFTEST,
		.dev_id = self->dev,
		.hwpt_id = self->parent,
	};

	for (int bit = 0; bit < 32; bit++) {
		cmd.flags = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_VIOMMU_ALLOC, &cmd,
					      "IOMMU_VIOMMU_ALLOC(flags %#x)", cmd.flags));
		cmd.flags = 0;
		cmd.__reserved = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_VIOMMU_ALLOC, &cmd,
					      "IOMMU_VIOMMU_ALLOC(__reserved %#x)",
					      cmd.__reserved));
		cmd.__reserved = 0;
	}
	EXPECT_OK(call(self->fd, IOMMU_VIOMMU_ALLOC, &cmd, "IOMMU_VIOMMU_ALLOC()"));
}

/* A device of a real IOMMU has none of the mock's, nor can it use its parent. */
TEST_F(viommu, is_not_for_a_device_of_another_driver)
{
	struct edu edu;
	__u32 viommu;

	find_edu(_metadata, &edu, 0);
	ASSERT_EQ(0, edu_open(&edu));
	ASSERT_OK(edu_bind(&edu, self->fd));
	EXPECT_ERRNO(EINVAL, viommu_alloc(self->fd, edu.id, self->parent, &viommu));
	edu_close(&edu);
}

/* ---- In fdinfo ---- */

#define EXPECT_LINE(...) EXPECT_TRUE(fdinfo_has(self->fd, __VA_ARGS__))

TEST_F(viommu, fdinfo_shows_what_a_vm_has)
{
	__u32 viommu, vdevice, hwpt, alone, queue;

	ASSERT_OK(make(&viommu));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, self->dev, 0x18, &vdevice));
	ASSERT_OK(nested_alloc(self->fd, self->dev, viommu, IOTLB, &hwpt));
	ASSERT_OK(nested_alloc(self->fd, self->dev, self->parent, IOTLB, &alone));
	*self->world.last_page = 1;
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->world.last_page, PAGE, AT));
	ASSERT_OK(hw_queue_alloc(self->fd, viommu, 0, AT + 64, 32, &queue));
	ASSERT_OK(mock_replace(self->fd, &self->world.mock, hwpt));
	EXPECT_LINE("viommu:\tid %u refs 3 parent %u type %#x iommu %s\n", viommu, self->parent,
		    SELFTEST, "iommufd_selftest_iommu");
	EXPECT_LINE("vdevice:\tid %u refs 0 viommu %u device %u virt_id 0x18\n", vdevice,
		    viommu, self->dev);
	EXPECT_LINE("hwpt_nested:\tid %u refs 1 viommu %u parent %u\n", hwpt, viommu,
		    self->parent);
	EXPECT_LINE("hwpt_nested:\tid %u refs 0 viommu 0 parent %u\n", alone, self->parent);
	EXPECT_LINE("hw_queue:\tid %u refs 0 viommu %u type 0xdeadbeef iova %#llx length 32\n",
		    queue, viommu, AT + 64);
	EXPECT_LINE("hwpt_paging:\tid %u refs 2 ioas %u ", self->parent, self->ioas);
}

/* ---- Its data ---- */

TEST_F(viommu, answers_in_the_data)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	__u32 viommu;

	ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	EXPECT_EQ(WORD, data.in_data);
	EXPECT_EQ(WORD, data.out_data);
	EXPECT_EQ(2 * PAGE, data.out_mmap_length);
	EXPECT_NE(0, data.out_mmap_offset);
}

TEST_F(viommu, data_may_be_shorter_or_longer_than_the_kernel_knows)
{
	struct {
		struct iommu_viommu_selftest known;
		__u8 more[4096 - sizeof(struct iommu_viommu_selftest) + 1];
	} data = {};
	const __u32 first = offsetofend(struct iommu_viommu_selftest, out_data);
	__u32 viommu;

	for (__u32 len = first; len <= sizeof(data.known) + 8; len++) {
		memset(&data, 0, sizeof(data));
		data.known.in_data = WORD + len;
		ASSERT_OK(make_data(&data, len, &viommu));
		EXPECT_EQ(WORD + len, data.known.out_data);
		/* Not a byte is written behind what there is. */
		for (__u32 i = len; i < sizeof(data.known) + 16; i++)
			EXPECT_EQ(0, ((__u8 *)&data)[i]);
		ASSERT_OK(destroy(self->fd, viommu));
	}
	for (__u32 len = 1; len < first; len++)
		EXPECT_ERRNO(EINVAL, make_data(&data, len, &viommu));
	memset(&data, 0, sizeof(data));
	data.more[7] = 1;
	EXPECT_ERRNO(E2BIG, make_data(&data, sizeof(data.known) + 8, &viommu));
	EXPECT_ERRNO(E2BIG, make_data(&data, 4097, &viommu));
	EXPECT_ERRNO(E2BIG, make_data(&data, -1, &viommu));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(viommu, data_that_cannot_be_written_leaves_nothing)
{
	struct iommu_viommu_selftest *data = (void *)self->world.last_page;
	__u32 viommu;

	data->in_data = WORD;
	ASSERT_EQ(0, mprotect(data, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, make_data(data, sizeof(*data), &viommu));
	EXPECT_ERRNO(EFAULT, make_data(NULL, sizeof(*data), &viommu));
	EXPECT_ERRNO(EFAULT, make_data(self->world.last_page + PAGE - 4, sizeof(*data),
				       &viommu));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(viommu, an_id_that_cannot_be_told_leaves_nothing)
{
	struct iommu_viommu_alloc *cmd = (void *)self->world.last_page;

	*cmd = (struct iommu_viommu_alloc){
		.size = sizeof(*cmd),
		.type = SELFTEST,
		.dev_id = self->dev,
		.hwpt_id = self->parent,
	};
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_VIOMMU_ALLOC, cmd,
				  "IOMMU_VIOMMU_ALLOC(read-only struct)"));
	EXPECT_OK(destroy(self->fd, self->parent));
}

/* ---- Its page ---- */

static void *mmap_data(int fd, int prot, const struct iommu_viommu_selftest *data)
{
	return mmap(NULL, data->out_mmap_length, prot, MAP_SHARED, fd, data->out_mmap_offset);
}

#define map_page(prot, data) mmap_data(self->fd, prot, &(data))

#define EXPECT_NO_MMAP(errno_, length, prot, flags, offset) do { \
	void *va_ = mmap(NULL, length, prot, flags, self->fd, offset); \
	EXPECT_EQ(MAP_FAILED, va_); \
	EXPECT_EQ(errno_, va_ == MAP_FAILED ? errno : 0); \
} while (0)

TEST_F(viommu, its_owner_can_map_a_page)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	__u32 *page, *again, viommu;

	ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	page = map_page(PROT_READ | PROT_WRITE, data);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(WORD, *page);
	again = map_page(PROT_READ, data);
	ASSERT_NE(MAP_FAILED, again);
	page[PAGE / 4] = 5;
	EXPECT_EQ(5, again[PAGE / 4]);
	/* As long as it is mapped, it is the VM's. */
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
	ASSERT_EQ(0, munmap(page, 2 * PAGE));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
	/* In two parts. */
	ASSERT_EQ(0, munmap(again, PAGE));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
	ASSERT_EQ(0, munmap(again + PAGE / 4, PAGE));
	EXPECT_OK(destroy(self->fd, viommu));
	EXPECT_NO_MMAP(ENXIO, 2 * PAGE, PROT_READ, MAP_SHARED, data.out_mmap_offset);
}

TEST_F(viommu, a_page_is_mapped_as_it_is_or_not_at_all)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	const __u64 length = 2 * PAGE;
	__u32 viommu;

	EXPECT_NO_MMAP(ENXIO, length, PROT_READ, MAP_SHARED, 0);
	EXPECT_NO_MMAP(ENXIO, length, PROT_READ, MAP_SHARED, PAGE);
	ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	EXPECT_NO_MMAP(ENXIO, PAGE, PROT_READ, MAP_SHARED, data.out_mmap_offset);
	EXPECT_NO_MMAP(ENXIO, 3 * PAGE, PROT_READ, MAP_SHARED, data.out_mmap_offset);
	EXPECT_NO_MMAP(ENXIO, PAGE, PROT_READ, MAP_SHARED, data.out_mmap_offset + PAGE);
	EXPECT_NO_MMAP(ENXIO, length, PROT_READ, MAP_SHARED, 1ULL << 40);
	EXPECT_NO_MMAP(EPERM, length, PROT_READ, MAP_PRIVATE, data.out_mmap_offset);
	EXPECT_NO_MMAP(EPERM, length, PROT_READ | PROT_EXEC, MAP_SHARED,
		       data.out_mmap_offset);
	EXPECT_OK(destroy(self->fd, viommu));
}

TEST_F(viommu, a_mapped_page_does_not_become_code_or_grow)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	__u32 *page, viommu;

	ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	page = map_page(PROT_READ, data);
	ASSERT_NE(MAP_FAILED, page);
	EXPECT_EQ(-1, mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mremap(page, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(WORD, *page);
	/* It is no memory for DMA. */
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, page, 2 * PAGE, AT));
	munmap(page, 2 * PAGE);
}

TEST_F(viommu, a_mapped_page_outlives_the_descriptor)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	__u32 *page, viommu;

	ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	page = map_page(PROT_READ | PROT_WRITE, data);
	ASSERT_NE(MAP_FAILED, page);
	close(self->fd);
	EXPECT_EQ(WORD, *page);
	*page = 1;
	EXPECT_EQ(1, *page);
	EXPECT_EQ(1, mock_count());
	ASSERT_EQ(0, munmap(page, 2 * PAGE));
	EXPECT_EQ(0, mock_count());
	self->world.fd = open_iommufd(_metadata);
}

TEST_F(viommu, a_child_that_has_the_page_keeps_it)
{
	struct iommu_viommu_selftest data = { .in_data = WORD };
	struct peer peer;
	__u32 *page, viommu;

	ASSERT_OK(make_data(&data, sizeof(data), &viommu));
	page = map_page(PROT_READ | PROT_WRITE, data);
	ASSERT_NE(MAP_FAILED, page);
	if (fork_peer(_metadata, &peer)) {
		close(self->fd);
		hear(_metadata, &peer);
		EXPECT_EQ(WORD, *page);
		*page = 2;
		tell(_metadata, &peer);
		hear(_metadata, &peer);
		munmap(page, 2 * PAGE);
		tell(_metadata, &peer);
		hear(_metadata, &peer);
		end_child();
	}
	tell(_metadata, &peer);
	hear(_metadata, &peer);
	EXPECT_EQ(2, *page);
	munmap(page, 2 * PAGE);
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
	tell(_metadata, &peer);
	hear(_metadata, &peer);
	EXPECT_OK(destroy(self->fd, viommu));
	tell(_metadata, &peer);
	wait_for_success(_metadata, &peer);
}

TEST_F(viommu, pages_are_told_apart)
{
	struct iommu_viommu_selftest data[8] = {};
	__u32 *page, viommu[8];

	for (__u32 i = 0; i < 8; i++) {
		data[i].in_data = i;
		ASSERT_OK(make_data(&data[i], sizeof(data[i]), &viommu[i]));
	}
	for (__u32 i = 0; i < 8; i++) {
		page = map_page(PROT_READ, data[i]);
		ASSERT_NE(MAP_FAILED, page);
		EXPECT_EQ(i, *page);
		munmap(page, 2 * PAGE);
		EXPECT_OK(destroy(self->fd, viommu[i]));
	}
}

/* ---- Nested HWPTs in it ---- */

TEST_F(viommu, nested_hwpts_keep_it)
{
	__u32 viommu, hwpt;

	ASSERT_OK(make(&viommu));
	ASSERT_OK(nested_alloc(self->fd, self->dev, viommu, 0x77, &hwpt));
	EXPECT_OK(mock_check_iotlbs(self->fd, hwpt, 0x77));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, viommu));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, self->parent));
	EXPECT_OK(invalidate_iotlb(self->fd, hwpt, INV_ALL, 0));
	EXPECT_OK(mock_check_iotlbs(self->fd, hwpt, 0));
	EXPECT_OK(destroy(self->fd, hwpt));
	EXPECT_OK(destroy(self->fd, viommu));
	EXPECT_OK(destroy(self->fd, self->parent));
}

TEST_F(viommu, nested_hwpts_of_it_are_refused_as_others)
{
	struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	__u32 viommu, hwpt;

	ASSERT_OK(make(&viommu));
	EXPECT_ERRNO(EOPNOTSUPP, hwpt_alloc_flags(self->fd, self->dev, viommu, 0,
						  IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, hwpt_alloc_flags(self->fd, self->dev, viommu, PARENT,
						  IOMMU_HWPT_DATA_SELFTEST, &data,
						  sizeof(data), &hwpt));
	EXPECT_ERRNO(EOPNOTSUPP, hwpt_alloc_flags(self->fd, self->dev, viommu, 0,
						  IOMMU_HWPT_DATA_ARM_SMMUV3, &data,
						  sizeof(data), &hwpt));
	EXPECT_ERRNO(EINVAL, nested_alloc_data(self->fd, self->dev, viommu, &data, 3, &hwpt));
	EXPECT_ERRNO(EFAULT, nested_alloc_data(self->fd, self->dev, viommu, NULL,
					       sizeof(data), &hwpt));
	EXPECT_OK(destroy(self->fd, viommu));
}

/* The VM has to have a name for it first. */
TEST_F(viommu, a_device_without_a_vdevice_is_not_attached)
{
	__u32 viommu, hwpt, vdevice, before = self->world.mock.hwpt;
	struct mock mock;

	ASSERT_OK(make(&viommu));
	ASSERT_OK(nested_alloc(self->fd, self->dev, viommu, IOTLB, &hwpt));
	EXPECT_ERRNO(ENOENT, mock_replace(self->fd, &self->world.mock, hwpt));
	EXPECT_ERRNO(ENOENT, mock_attach(self->fd, hwpt, &mock));
	/* It is where it was. */
	EXPECT_ERRNO(EBUSY, destroy(self->fd, before));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, self->dev, 3, &vdevice));
	ASSERT_OK(mock_replace(self->fd, &self->world.mock, hwpt));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, hwpt));
	ASSERT_OK(mock_replace(self->fd, &self->world.mock, self->ioas));
	EXPECT_OK(destroy(self->fd, hwpt));
}

/* ---- Several physical IOMMUs ---- */

static int attach_to_second(int fd, __u32 pt, struct mock *mock)
{
	return mock_attach_flags(fd, pt, MOCK_FLAGS_DEVICE_IOMMU1, mock);
}

TEST_F(viommu, a_device_of_another_iommu_is_not_its)
{
	struct mock other;
	__u32 one, two, vdevice, hwpt;

	ASSERT_OK(attach_to_second(self->fd, self->ioas, &other));
	ASSERT_OK(make(&one));
	EXPECT_ERRNO(EINVAL, vdevice_alloc(self->fd, one, other.dev, 1, &vdevice));
	EXPECT_ERRNO(EINVAL, nested_alloc(self->fd, other.dev, one, IOTLB, &hwpt));
	/* It has a share of its own, of which the same is true. */
	ASSERT_OK(viommu_alloc(self->fd, other.dev, self->parent, &two));
	EXPECT_ERRNO(EINVAL, vdevice_alloc(self->fd, two, self->dev, 1, &vdevice));
	EXPECT_ERRNO(EINVAL, nested_alloc(self->fd, self->dev, two, IOTLB, &hwpt));
	ASSERT_OK(vdevice_alloc(self->fd, two, other.dev, 1, &vdevice));
	ASSERT_OK(nested_alloc(self->fd, other.dev, two, IOTLB, &hwpt));
	EXPECT_OK(mock_replace(self->fd, &other, hwpt));
	EXPECT_ERRNO(ENOENT, mock_replace(self->fd, &self->world.mock, hwpt));
}

TEST_F(viommu, names_of_one_iommu_are_not_those_of_another)
{
	struct mock other;
	__u32 one, two, vdevice;

	ASSERT_OK(attach_to_second(self->fd, self->ioas, &other));
	ASSERT_OK(make(&one));
	ASSERT_OK(viommu_alloc(self->fd, other.dev, self->parent, &two));
	ASSERT_OK(vdevice_alloc(self->fd, one, self->dev, 5, &vdevice));
	ASSERT_OK(vdevice_alloc(self->fd, two, other.dev, 5, &vdevice));
	ASSERT_OK(invalidate_cache(self->fd, two, 5, INV_ALL, 0));
	EXPECT_OK(mock_check_caches(self->fd, self->dev, CACHE));
	EXPECT_OK(mock_check_caches(self->fd, other.dev, 0));
}

TEST_F(viommu, an_unmap_on_the_parent_reaches_all)
{
	__u8 *page = self->world.last_page, *another = memory_pages(PAGE);
	struct mock other;
	__u32 viommus[4];

	ASSERT_NE(NULL, another);
	*page = 1;
	*another = 2;
	ASSERT_OK(attach_to_second(self->fd, self->ioas, &other));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, page, PAGE, AT));
	for (int i = 0; i < 4; i++) {
		ASSERT_OK(viommu_alloc(self->fd, i % 2 ? other.dev : self->dev, self->parent,
				       &viommus[i]));
		/* The TLB has it now. */
		EXPECT_OK(mock_viommu_check_map(self->fd, viommus[i], AT, page));
		EXPECT_ERRNO(EINVAL, mock_viommu_check_map(self->fd, viommus[i], AT, another));
	}
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, PAGE, NULL));
	for (int i = 0; i < 4; i++)
		EXPECT_ERRNO(EINVAL, mock_viommu_check_map(self->fd, viommus[i], AT, page));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, another, PAGE, AT));
	for (int i = 0; i < 4; i++)
		EXPECT_OK(mock_viommu_check_map(self->fd, viommus[i], AT, another));
	/* One that goes does not take it from the others. */
	ASSERT_OK(destroy(self->fd, viommus[1]));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, PAGE, NULL));
	EXPECT_ERRNO(EINVAL, mock_viommu_check_map(self->fd, viommus[0], AT, another));
	EXPECT_ERRNO(EINVAL, mock_viommu_check_map(self->fd, viommus[3], AT, another));
}

TEST_HARNESS_MAIN
