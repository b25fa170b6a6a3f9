// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peer-to-peer: DMA to the memory of another device, mapped by where the CPU has it
 * and by a dma-buf. It arrives there, and as soon as that memory is not to be touched,
 * nowhere.
 */
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/testing.h"
#include "lib/shmem.h"

/* The device's memory is mapped here, ours there. */
#define AT	0x51a2000000ULL
#define OURS	0x40000000ULL

#define MAP_AT	(MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA)
#define READ_AT	(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA)

/* The device whose memory it is, open and answering. */
static void setup_shmem(struct __test_metadata *_metadata, struct shmem *shmem, int iommufd)
{
	if (shmem_find(shmem))
		SKIP_TEST("this machine has no ivshmem device");
	ASSERT_EQ(0, edu_open(&shmem->dev));
	ASSERT_OK(edu_bind(&shmem->dev, iommufd));
	ASSERT_OK(shmem_start(shmem));
	ASSERT_LE(16 * PAGE, shmem->size);
}

/* ---- What can be mapped, and what cannot ---- */

FIXTURE(ask)
{
	int fd;
	__u32 ioas;
	struct shmem shmem;
	struct edu edu;
	__u8 *bar;
};

FIXTURE_VARIANT(ask)
{
	bool attached;
};

FIXTURE_VARIANT_ADD(ask, with_a_device_attached)
{
	.attached = true,
};

FIXTURE_VARIANT_ADD(ask, with_none)
{
	.attached = false,
};

FIXTURE_SETUP(ask)
{
	self->fd = open_iommufd(_metadata);
	setup_shmem(_metadata, &self->shmem, self->fd);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	if (variant->attached)
		ASSERT_OK(edu_attach(&self->shmem.dev, self->ioas));
	self->bar = shmem_map(&self->shmem, 0, self->shmem.size, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->bar);
}

FIXTURE_TEARDOWN(ask)
{
	munmap(self->bar, self->shmem.size);
	edu_close(&self->shmem.dev);
	close(self->fd);
}

TEST_F(ask, a_mapped_bar_is_mapped_like_memory)
{
	__u64 iova, unmapped;

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->bar, self->shmem.size, AT));
	ASSERT_ERRNO(EEXIST, ioas_map_at(self->fd, self->ioas, self->bar, PAGE, AT));
	ASSERT_OK(ioas_map_any(self->fd, self->ioas, self->bar + PAGE, PAGE, &iova));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, iova, PAGE, NULL));
	ASSERT_ERRNO(ENOENT, ioas_unmap(self->fd, self->ioas, AT, PAGE, NULL));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, &unmapped));
	EXPECT_EQ(self->shmem.size, unmapped);
}

TEST_F(ask, nothing_of_it_is_pinned)
{
	long before = memory_pinned();

	ASSERT_LE(0, before);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->bar, self->shmem.size, AT));
	EXPECT_EQ(before, memory_pinned());
}

TEST_F(ask, to_be_written_it_must_be_mapped_for_writing)
{
	const __u8 *bar = shmem_map(&self->shmem, 0, 2 * PAGE, PROT_READ);
	__u64 iova = AT;

	ASSERT_NE(NULL, bar);
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, bar, PAGE, AT));
	EXPECT_OK(ioas_map(self->fd, self->ioas, READ_AT, bar, PAGE, &iova));
}

TEST_F(ask, a_range_must_be_mapped_to_its_end)
{
	__u8 *bar;

	/* Behind the second page there is nothing, then there is memory. */
	bar = shmem_map(&self->shmem, 0, 3 * PAGE, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, bar);
	ASSERT_EQ(0, munmap(bar + 2 * PAGE, PAGE));
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, bar, 3 * PAGE, AT));
	if (variant->attached)
		EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, bar + 2 * PAGE, PAGE, AT));
	ASSERT_EQ(bar + 2 * PAGE, mmap(bar + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, bar, 3 * PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, bar, 2 * PAGE, AT));
}

TEST_F(ask, memory_before_a_bar_is_not_it)
{
	__u8 *both = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, both);
	ASSERT_NE(MAP_FAILED, mmap(both + PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->shmem.dev.fd,
				   self->shmem.offset));
	/* With nothing attached, it is found out when there is. */
	if (variant->attached)
		EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, both, 2 * PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, both + PAGE, PAGE, AT + PAGE));
}

TEST_F(ask, mappings_that_continue_each_other_are_one)
{
	__u8 *bar = shmem_map(&self->shmem, 0, 4 * PAGE, PROT_READ | PROT_WRITE);

	ASSERT_NE(NULL, bar);
	/* The second is another VMA now. */
	ASSERT_EQ(0, madvise(bar + PAGE, PAGE, MADV_DONTFORK));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, bar, 4 * PAGE, AT));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, NULL));

	ASSERT_EQ(0, mprotect(bar + PAGE, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, bar, 4 * PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, bar + 2 * PAGE, 2 * PAGE, AT));
}

TEST_F(ask, mappings_out_of_order_are_not_one)
{
	__u8 *bar = shmem_map(&self->shmem, 0, 2 * PAGE, PROT_READ | PROT_WRITE);

	ASSERT_NE(NULL, bar);
	ASSERT_EQ(bar + PAGE, mmap(bar + PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->shmem.dev.fd,
				   self->shmem.offset));
	EXPECT_ERRNO(EFAULT, ioas_map_at(self->fd, self->ioas, bar, 2 * PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, bar, PAGE, AT));
	EXPECT_OK(ioas_map_at(self->fd, self->ioas, bar + PAGE, PAGE, AT + PAGE));
}

/* The kernel's data for the vDSO: frames without pages, as a BAR is. */
static void *find_vvar(void)
{
	unsigned long start;
	void *vvar = NULL;
	char line[256];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vvar]") && sscanf(line, "%lx-", &start) == 1)
			vvar = (void *)start;
	if (f)
		fclose(f);
	return vvar;
}

TEST_F(ask, other_frames_without_pages_are_refused)
{
	void *vvar = find_vvar();
	__u64 iova = AT;

	if (!vvar)
		SKIP(return, "no vvar in this process");
	if (variant->attached) {
		EXPECT_ERRNO(EFAULT, ioas_map(self->fd, self->ioas, READ_AT, vvar, PAGE, &iova));
		return;
	}
	/* It does not matter before there is an HWPT to put it into. */
	ASSERT_OK(ioas_map(self->fd, self->ioas, READ_AT, vvar, PAGE, &iova));
	EXPECT_ERRNO(EFAULT, edu_attach(&self->shmem.dev, self->ioas));
}

TEST_F(ask, a_dma_buf_is_mapped_by_file_and_offset)
{
	__u64 iova = AT, any = 0;
	int fd;

	fd = shmem_dma_buf_all(&self->shmem);
	ASSERT_LE(0, fd);
	EXPECT_OK(ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 0, self->shmem.size, &iova));
	EXPECT_OK(ioas_map_file(self->fd, self->ioas, MAP_RW, fd, PAGE, PAGE, &any));
	close(fd);
}

TEST_F(ask, ranges_beyond_a_dma_buf_are_refused)
{
	const struct vfio_region_dma_range range = { .offset = PAGE, .length = 2 * PAGE };
	int fd = shmem_dma_buf(&self->shmem, VFIO_PCI_BAR2_REGION_INDEX, O_RDWR, &range, 1);
	__u64 iova = AT;

	ASSERT_LE(0, fd);
	EXPECT_ERRNO(EINVAL, ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 0, 0, &iova));
	EXPECT_ERRNO(EINVAL, ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 0, 3 * PAGE, &iova));
	EXPECT_ERRNO(EINVAL, ioas_map_file(self->fd, self->ioas, MAP_AT, fd, PAGE, 2 * PAGE,
					   &iova));
	EXPECT_ERRNO(EINVAL, ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 2 * PAGE, PAGE,
					   &iova));
	EXPECT_ERRNO(EOVERFLOW, ioas_map_file(self->fd, self->ioas, MAP_AT, fd, -PAGE, 2 * PAGE,
					      &iova));
	EXPECT_OK(ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 0, 2 * PAGE, &iova));
}

TEST_F(ask, a_dma_buf_of_impossible_ranges_is_refused)
{
	const __u64 size = self->shmem.size;
	const struct vfio_region_dma_range bad[] = {
		{ .offset = 0, .length = 0 },
		{ .offset = 1, .length = PAGE },
		{ .offset = PAGE / 2, .length = PAGE },
		{ .offset = 0, .length = PAGE + 1 },
		{ .offset = 0, .length = PAGE / 2 },
		{ .offset = size, .length = PAGE },
		{ .offset = size - PAGE, .length = 2 * PAGE },
		{ .offset = 0, .length = size + PAGE },
		{ .offset = -PAGE, .length = 2 * PAGE },
		{ .offset = PAGE, .length = -PAGE },
		{ .offset = 0, .length = ~0ULL & ~(PAGE - 1) },
	};
	struct vfio_region_dma_range two[2] = { { .length = PAGE } };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_ERRNO(EINVAL, shmem_dma_buf(&self->shmem, VFIO_PCI_BAR2_REGION_INDEX,
						   O_RDWR, &bad[i], 1));
		two[1] = bad[i];
		EXPECT_ERRNO(EINVAL, shmem_dma_buf(&self->shmem, VFIO_PCI_BAR2_REGION_INDEX,
						   O_RDWR, two, 2));
	}
	EXPECT_ERRNO(EINVAL, shmem_dma_buf(&self->shmem, VFIO_PCI_BAR2_REGION_INDEX, O_RDWR,
					   bad, 0));
}

TEST_F(ask, a_dma_buf_of_what_is_no_memory_is_refused)
{
	const struct vfio_region_dma_range page = { .length = PAGE };
	const __u32 bad[] = {
		VFIO_PCI_BAR3_REGION_INDEX,	/* the upper half of BAR 2 */
		VFIO_PCI_BAR5_REGION_INDEX,	/* none */
		VFIO_PCI_ROM_REGION_INDEX,
		VFIO_PCI_CONFIG_REGION_INDEX,
		VFIO_PCI_VGA_REGION_INDEX,
		VFIO_PCI_NUM_REGIONS,
		~0,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(ENODEV, shmem_dma_buf(&self->shmem, bad[i], O_RDWR, &page, 1));
}

TEST_F(ask, a_dma_buf_is_asked_for_by_the_rules)
{
	struct vfio_region_dma_range many[300];
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf request;
		struct vfio_region_dma_range range;
	} cmd = {
		.feature.argsz = sizeof(cmd),
		.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		.request.region_index = VFIO_PCI_BAR2_REGION_INDEX,
		.request.open_flags = O_RDWR,
		.request.nr_ranges = 1,
		.range.length = PAGE,
	}, bad;
	const int fd = self->shmem.dev.fd;

	for (unsigned int i = 0; i < 300; i++)
		many[i] = (struct vfio_region_dma_range){ .length = PAGE };
	EXPECT_ERRNO(EINVAL, shmem_dma_buf(&self->shmem, VFIO_PCI_BAR2_REGION_INDEX, O_RDWR,
					   many, 300));

	bad = cmd;
	bad.feature.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_BUF;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "set"));
	bad.feature.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_DMA_BUF;
	EXPECT_OK(call(fd, VFIO_DEVICE_FEATURE, &bad, "probe"));
	bad.feature.flags |= VFIO_DEVICE_FEATURE_SET;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "probe to set"));
	bad = cmd;
	bad.request.flags = 1;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "flags"));
	bad = cmd;
	bad.request.open_flags = O_RDWR | O_APPEND;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "open_flags"));
	bad.request.open_flags = O_ACCMODE;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "no access mode"));
	bad = cmd;
	bad.feature.argsz -= 1;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "argsz"));
	bad = cmd;
	bad.request.nr_ranges = ~0;
	EXPECT_ERRNO(EINVAL, call(fd, VFIO_DEVICE_FEATURE, &bad, "too many ranges"));
	EXPECT_LE(0, ioctl(fd, VFIO_DEVICE_FEATURE, &cmd));
}

/* ---- DMA ---- */

enum way {
	BY_VA,
	BY_DMA_BUF,
};

FIXTURE(p2p)
{
	struct bound bound;
	int fd;
	__u32 ioas;
	struct edu *edu;
	struct shmem shmem;
	__u8 *bar;	/* BAR 2, mapped */
	__u8 *ours;	/* a page of memory */
	int dmabuf;
};

FIXTURE_VARIANT(p2p)
{
	enum way way;
};

FIXTURE_VARIANT_ADD(p2p, by_va)
{
	.way = BY_VA,
};

FIXTURE_VARIANT_ADD(p2p, by_dma_buf)
{
	.way = BY_DMA_BUF,
};

FIXTURE_SETUP(p2p)
{
	setup_attached(_metadata, &self->bound, 0);
	self->fd = self->bound.iommufd;
	self->ioas = self->bound.ioas;
	self->edu = &self->bound.edu;
	setup_shmem(_metadata, &self->shmem, self->fd);
	self->bar = shmem_map(&self->shmem, 0, self->shmem.size, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->bar);
	memset(self->bar, 0, 16 * PAGE);
	self->ours = alloc_memory(_metadata, MEMORY_4K, PAGE);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->ours, PAGE, OURS));
	self->dmabuf = -1;
	if (variant->way == BY_DMA_BUF) {
		self->dmabuf = shmem_dma_buf_all(&self->shmem);
		ASSERT_LE(0, self->dmabuf);
	}
}

FIXTURE_TEARDOWN(p2p)
{
	munmap(self->bar, self->shmem.size);
	close(self->dmabuf);
	edu_close(&self->shmem.dev);
	close_bound(&self->bound);
}

/* Map what @self stands for at AT, all of the BAR. */
static int map_bar(FIXTURE_DATA(p2p) *self, __u32 ioas, __u32 flags)
{
	__u64 iova = AT;

	if (self->dmabuf < 0)
		return ioas_map(self->fd, ioas, flags, self->bar, self->shmem.size, &iova);
	return ioas_map_file(self->fd, ioas, flags, self->dmabuf, 0, self->shmem.size, &iova);
}

/* The device writes a page to the BAR. */
static void write_page(struct __test_metadata *_metadata, FIXTURE_DATA(p2p) *self,
		       unsigned int page, __u32 seed)
{
	memory_fill(self->ours, PAGE, seed);
	ASSERT_OK(edu_copy(self->edu, AT + page * PAGE, OURS, PAGE));
}

static bool page_is(FIXTURE_DATA(p2p) *self, unsigned int page, __u32 seed)
{
	return memory_is(self->bar + page * PAGE, PAGE, seed);
}

/* DMA to AT reaches page 0 of the BAR. */
static void expect_there(struct __test_metadata *_metadata, FIXTURE_DATA(p2p) *self, __u32 seed)
{
	write_page(_metadata, self, 0, seed);
	EXPECT_TRUE(page_is(self, 0, seed)) {
		TH_LOG("the DMA did not arrive");
	}
}

/* An IOMMU stops DMA to AT. It only tells so now and then. */
static void expect_fault(struct __test_metadata *_metadata, FIXTURE_DATA(p2p) *self)
{
	int faults = faults_open();
	bool seen = false;

	ASSERT_LE(0, faults);
	for (int i = 0; i < 100 && !seen; i++) {
		ASSERT_OK(edu_store(self->edu, AT, PAGE));
		usleep(50000);
		seen = faults_have(faults, AT);
	}
	EXPECT_TRUE(seen) {
		TH_LOG("no IOMMU stopped the DMA");
	}
	close(faults);
}

TEST_F(p2p, dma_gets_to_the_memory_of_a_device)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	write_page(_metadata, self, 0, 1);
	write_page(_metadata, self, 5, 2);
	write_page(_metadata, self, self->shmem.size / PAGE - 1, 3);
	EXPECT_TRUE(page_is(self, 0, 1));
	EXPECT_TRUE(page_is(self, 5, 2));
	EXPECT_TRUE(page_is(self, self->shmem.size / PAGE - 1, 3));
	EXPECT_TRUE(memory_is_all(self->bar + PAGE, 4 * PAGE, 0));
}

TEST_F(p2p, dma_gets_from_the_memory_of_a_device)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	memory_fill(self->bar + 3 * PAGE, PAGE, 4);
	ASSERT_OK(edu_copy(self->edu, OURS, AT + 3 * PAGE, PAGE));
	EXPECT_TRUE(memory_is(self->ours, PAGE, 4));
}

TEST_F(p2p, what_may_only_be_read_is_not_written)
{
	ASSERT_OK(map_bar(self, self->ioas, READ_AT));
	write_page(_metadata, self, 0, 5);
	EXPECT_TRUE(memory_is_all(self->bar, PAGE, 0));
	memory_fill(self->bar, PAGE, 6);
	ASSERT_OK(edu_copy(self->edu, OURS, AT, PAGE));
	EXPECT_TRUE(memory_is(self->ours, PAGE, 6));
}

TEST_F(p2p, dma_does_not_get_to_what_is_unmapped)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	expect_there(_metadata, self, 7);
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, self->shmem.size, NULL));
	write_page(_metadata, self, 0, 8);
	EXPECT_TRUE(page_is(self, 0, 7));
}

TEST_F(p2p, a_copy_is_of_the_same_memory)
{
	__u32 other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(map_bar(self, other, MAP_AT));
	ASSERT_OK(ioas_copy_at(self->fd, self->ioas, other, AT + 2 * PAGE, 4 * PAGE, AT));
	write_page(_metadata, self, 1, 9);
	EXPECT_TRUE(page_is(self, 3, 9));

	/* It stays where it was copied from it goes. */
	ASSERT_OK(destroy(self->fd, other));
	write_page(_metadata, self, 0, 10);
	EXPECT_TRUE(page_is(self, 2, 10));
}

TEST_F(p2p, what_is_mapped_first_is_there_when_a_device_is_attached)
{
	__u32 other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(map_bar(self, other, MAP_AT));
	ASSERT_OK(ioas_map_at(self->fd, other, self->ours, PAGE, OURS));
	ASSERT_OK(edu_attach(self->edu, other));
	expect_there(_metadata, self, 11);
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	write_page(_metadata, self, 0, 12);
	EXPECT_TRUE(page_is(self, 0, 11));
}

TEST_F(p2p, what_it_was_mapped_by_can_go)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	ASSERT_EQ(0, munmap(self->bar, self->shmem.size));
	close(self->dmabuf);
	self->dmabuf = -1;
	memory_fill(self->ours, PAGE, 13);
	ASSERT_OK(edu_copy(self->edu, AT, OURS, PAGE));
	self->bar = shmem_map(&self->shmem, 0, self->shmem.size, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->bar);
	EXPECT_TRUE(page_is(self, 0, 13));
}

TEST_F(p2p, it_is_gone_while_the_device_does_not_answer)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	expect_there(_metadata, self, 14);
	ASSERT_OK(shmem_decode(&self->shmem, false));
	expect_fault(_metadata, self);
	ASSERT_OK(shmem_decode(&self->shmem, true));
	EXPECT_TRUE(page_is(self, 0, 14));
	expect_there(_metadata, self, 15);
}

TEST_F(p2p, it_is_gone_in_low_power)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	expect_there(_metadata, self, 16);
	/* This device would answer all the same. */
	ASSERT_OK(shmem_low_power(&self->shmem, true));
	write_page(_metadata, self, 0, 17);
	ASSERT_OK(shmem_low_power(&self->shmem, false));
	EXPECT_TRUE(page_is(self, 0, 16));
	expect_there(_metadata, self, 18);
}

/* DMA that the device does in the middle of a reset runs into the IOMMU. */
static void expect_gone_in_reset(struct __test_metadata *_metadata, FIXTURE_DATA(p2p) *self,
				 int (*reset)(struct shmem *shmem))
{
	int faults = faults_open();
	bool seen = false;

	ASSERT_LE(0, faults);
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	expect_there(_metadata, self, 19);
	/* It happens 100 ms later, and the reset takes as long. */
	for (int i = 0; i < 100 && !seen; i++) {
		memory_fill(self->ours, PAGE, 20);
		ASSERT_OK(edu_fetch(self->edu, OURS, PAGE));
		edu_store_begin(self->edu, AT, PAGE);
		usleep(i % 10 * 10000);
		ASSERT_OK(reset(&self->shmem));
		ASSERT_OK(edu_wait(self->edu));
		usleep(50000);
		seen = faults_have(faults, AT);
	}
	EXPECT_TRUE(seen) {
		TH_LOG("no IOMMU stopped the DMA in the reset");
	}
	close(faults);
	expect_there(_metadata, self, 21);
}

TEST_F(p2p, it_is_gone_in_a_reset_and_back_after)
{
	expect_gone_in_reset(_metadata, self, shmem_reset);
}

TEST_F(p2p, it_is_gone_in_a_hot_reset_and_back_after)
{
	expect_gone_in_reset(_metadata, self, shmem_hot_reset);
}

TEST_F(p2p, what_is_attached_in_between_has_it_after)
{
	__u32 other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(ioas_map_at(self->fd, other, self->ours, PAGE, OURS));
	ASSERT_OK(map_bar(self, other, MAP_AT));
	ASSERT_OK(shmem_decode(&self->shmem, false));
	ASSERT_OK(edu_attach(self->edu, other));
	ASSERT_OK(shmem_decode(&self->shmem, true));
	expect_there(_metadata, self, 22);
}

TEST_F(p2p, what_is_unmapped_in_between_stays_away)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	ASSERT_OK(shmem_decode(&self->shmem, false));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, self->shmem.size, NULL));
	ASSERT_OK(shmem_decode(&self->shmem, true));
	write_page(_metadata, self, 0, 23);
	EXPECT_TRUE(memory_is_all(self->bar, PAGE, 0));
}

/* Close the device as whoever has it, and open it as somebody else. */
static void change_owner(struct __test_metadata *_metadata, FIXTURE_DATA(p2p) *self, int iommufd)
{
	ASSERT_EQ(0, munmap(self->bar, self->shmem.size));
	edu_close(&self->shmem.dev);
	setup_shmem(_metadata, &self->shmem, iommufd);
	self->bar = shmem_map(&self->shmem, 0, self->shmem.size, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->bar);
}

TEST_F(p2p, it_is_gone_with_the_device)
{
	int other = open_iommufd(_metadata);
	__u64 iova = AT + self->shmem.size;

	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	expect_there(_metadata, self, 24);
	change_owner(_metadata, self, other);
	ASSERT_TRUE(page_is(self, 0, 24));
	write_page(_metadata, self, 0, 25);
	EXPECT_TRUE(page_is(self, 0, 24));

	/* Nor does it come back to him by what the other does. */
	ASSERT_OK(shmem_decode(&self->shmem, false));
	ASSERT_OK(shmem_decode(&self->shmem, true));
	ASSERT_OK(shmem_reset(&self->shmem));
	write_page(_metadata, self, 0, 26);
	EXPECT_TRUE(page_is(self, 0, 24));
	if (self->dmabuf >= 0)
		EXPECT_ERRNO(ENODEV, ioas_map_file(self->fd, self->ioas, MAP_AT, self->dmabuf,
						   0, PAGE, &iova));
	EXPECT_OK(ioas_unmap(self->fd, self->ioas, AT, self->shmem.size, NULL));
	close(other);
}

TEST_F(p2p, what_has_lost_it_still_can_be_attached)
{
	int other = open_iommufd(_metadata);

	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	change_owner(_metadata, self, other);
	ASSERT_OK(edu_detach(self->edu));
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	write_page(_metadata, self, 0, 27);
	EXPECT_TRUE(memory_is_all(self->bar, PAGE, 0));
	close(other);
}

TEST_F(p2p, the_iommufd_can_go_first)
{
	ASSERT_OK(map_bar(self, self->ioas, MAP_AT));
	edu_close(self->edu);
	close(self->fd);
	self->bound.iommufd = -1;
	/* What it had goes with the other device that is bound to it, at last */
	ASSERT_OK(shmem_decode(&self->shmem, false));
	ASSERT_OK(shmem_decode(&self->shmem, true));
	memory_fill(self->bar, PAGE, 28);
	EXPECT_TRUE(page_is(self, 0, 28));
}

TEST_F(p2p, a_dma_buf_has_its_ranges_in_order)
{
	const struct vfio_region_dma_range ranges[] = {
		{ .offset = 7 * PAGE, .length = PAGE },
		{ .offset = 2 * PAGE, .length = 2 * PAGE },
		{ .offset = 4 * PAGE, .length = PAGE },
		{ .offset = 0, .length = PAGE },
	};
	__u64 iova = AT;
	int fd;

	fd = shmem_dma_buf(&self->shmem, VFIO_PCI_BAR2_REGION_INDEX, O_RDWR, ranges, 4);
	ASSERT_LE(0, fd);
	ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_AT, fd, 0, 5 * PAGE, &iova));
	for (unsigned int i = 0; i < 5; i++)
		write_page(_metadata, self, i, 30 + i);
	EXPECT_TRUE(page_is(self, 7, 30));
	EXPECT_TRUE(page_is(self, 2, 31));
	EXPECT_TRUE(page_is(self, 3, 32));
	EXPECT_TRUE(page_is(self, 4, 33));
	EXPECT_TRUE(page_is(self, 0, 34));
	EXPECT_TRUE(memory_is_all(self->bar + PAGE, PAGE, 0));
	close(fd);
}

TEST_F(p2p, a_page_is_reached_at_any_byte)
{
	__u64 iova = AT;

	if (variant->way == BY_VA)
		ASSERT_OK(ioas_map(self->fd, self->ioas, MAP_AT, self->bar + 2 * PAGE, PAGE,
				   &iova));
	else
		ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_AT, self->dmabuf, 2 * PAGE,
					PAGE, &iova));
	memory_fill(self->ours, PAGE, 40);
	ASSERT_OK(edu_fetch(self->edu, OURS, 100));
	ASSERT_OK(edu_store(self->edu, AT + 1000, 100));
	EXPECT_TRUE(memory_is(self->bar + 2 * PAGE + 1000, 100, 40));
	EXPECT_TRUE(memory_is_all(self->bar, 2 * PAGE + 1000, 0));
	EXPECT_TRUE(memory_is_all(self->bar + 2 * PAGE + 1100, PAGE, 0));
}

TEST_HARNESS_MAIN
