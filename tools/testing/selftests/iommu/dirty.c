// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking on the mock IOMMU, where a test is the device that writes.
 */
#include "lib/dirty_fixture.h"

#define MEG ((__u64)MOCK_HUGE_PAGE_SIZE)

/* ---- Who can track ---- */

TEST_F(dirty, a_device_tells_whether_its_writes_can_be_recorded)
{
	struct iommu_hw_info info = {};
	struct mock other;

	ASSERT_OK(hw_info(self->fd, self->mock.dev, NULL, 0, &info));
	EXPECT_TRUE(info.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING);
	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_NO_DIRTY, &other));
	info = (struct iommu_hw_info){};
	ASSERT_OK(hw_info(self->fd, other.dev, NULL, 0, &info));
	EXPECT_FALSE(info.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING);
}

TEST_F(dirty, no_hwpt_that_tracks_is_made_for_a_device_that_cannot)
{
	struct mock other;
	__u32 hwpt;

	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_NO_DIRTY, &other));
	EXPECT_ERRNO(EOPNOTSUPP, hwpt_alloc_flags(self->fd, other.dev, self->ioas, TRACKING,
						  IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	EXPECT_OK(hwpt_alloc_flags(self->fd, other.dev, self->ioas, 0, IOMMU_HWPT_DATA_NONE,
				   NULL, 0, &hwpt));
	EXPECT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, self->ioas,
				   TRACKING | IOMMU_HWPT_ALLOC_NEST_PARENT,
				   IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	EXPECT_OK(set_tracking(self->fd, hwpt, true));
}

TEST_F(dirty, a_device_that_cannot_track_is_not_attached_to_what_does)
{
	struct mock other, plain;
	__u32 before;

	EXPECT_ERRNO(EINVAL, mock_attach_flags(self->fd, self->hwpt,
					       MOCK_FLAGS_DEVICE_NO_DIRTY, &other));
	EXPECT_EQ(1, mock_count());
	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_NO_DIRTY, &other));
	before = other.hwpt;
	EXPECT_NE(self->hwpt, before);
	EXPECT_ERRNO(EINVAL, mock_replace(self->fd, &other, self->hwpt));
	/* It is where it was. */
	EXPECT_OK(mock_check_map(self->fd, before, AT, self->pages, LENGTH));
	EXPECT_ERRNO(EBUSY, destroy(self->fd, before));
	EXPECT_OK(mock_attach(self->fd, self->hwpt, &plain));
	EXPECT_EQ(self->hwpt, plain.hwpt);
}

TEST_F(dirty, an_attach_to_the_ioas_does_not_find_an_hwpt_that_tracks)
{
	struct mock other;

	ASSERT_OK(mock_attach(self->fd, self->ioas, &other));
	EXPECT_NE(self->hwpt, other.hwpt);
	EXPECT_ERRNO(EOPNOTSUPP, set_tracking(self->fd, other.hwpt, true));
	EXPECT_ERRNO(EOPNOTSUPP, get_dirty(self->fd, other.hwpt, 0, AT, LENGTH, PAGE,
					   self->bitmap));
}

/* ---- On and off ---- */

TEST_F(dirty, tracking_takes_what_is_documented)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = 1 << 1,
		.hwpt_id = self->hwpt,
	};

	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd, "flag"));
	cmd.flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE;
	cmd.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd, "rsvd"));
	cmd.__reserved = 0;
	cmd.size = offsetof(struct iommu_hwpt_set_dirty_tracking, __reserved);
	EXPECT_ERRNO(EINVAL, call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd, "short"));
	/* None of them has switched it on. */
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, PAGE, self->bitmap));
	EXPECT_ERRNO(ENOENT, set_tracking(self->fd, NO_ID, true));
	EXPECT_ERRNO(ENOENT, set_tracking(self->fd, self->ioas, true));
	EXPECT_ERRNO(ENOENT, set_tracking(self->fd, self->mock.dev, true));
	EXPECT_OK(off());
	EXPECT_OK(on());
	EXPECT_OK(on());
	EXPECT_OK(off());
	EXPECT_OK(off());
}

TEST_F(dirty, nothing_is_recorded_or_read_while_it_is_off)
{
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, PAGE, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(NO_CLEAR, AT, LENGTH, PAGE, self->bitmap));
	/* Not for the want of a bitmap. */
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, PAGE, NULL));
	EXPECT_ERRNO(EINVAL, write_half(0));
	ASSERT_OK(on());
	ASSERT_OK(write_half(3));
	ASSERT_OK(off());
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, PAGE, self->bitmap));
	EXPECT_ERRNO(EINVAL, write_half(4));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
}

TEST_F(dirty, starting_forgets_what_was_recorded_and_starting_again_does_not)
{
	ASSERT_OK(on());
	expect_clean();
	ASSERT_OK(write_half(0));
	ASSERT_OK(write_half(NR_HALVES - 1));
	ASSERT_OK(on());
	expect_dirty(NO_CLEAR, 0, NR_HALVES - 1);
	ASSERT_OK(off());
	ASSERT_OK(on());
	expect_clean();
}

TEST_F(dirty, an_hwpt_records_for_itself)
{
	struct mock other;
	__u32 hwpt;

	ASSERT_OK(on());
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, self->ioas, TRACKING,
				   IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	ASSERT_OK(mock_attach(self->fd, hwpt, &other));
	EXPECT_ERRNO(EINVAL, get_dirty(self->fd, hwpt, 0, AT, LENGTH, PAGE, self->bitmap));
	ASSERT_OK(set_tracking(self->fd, hwpt, true));
	ASSERT_OK(write_half(5));
	ASSERT_OK(get_dirty(self->fd, hwpt, 0, AT, LENGTH, HALF, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
	expect_dirty(0, 5);
	/* A device more or less changes nothing. */
	ASSERT_OK(mock_replace(self->fd, &other, self->hwpt));
	ASSERT_OK(write_half(6));
	ASSERT_OK(destroy(self->fd, other.id));
	ASSERT_OK(destroy(self->fd, hwpt));
	expect_dirty(0, 6);
}

/* ---- What is read ---- */

TEST_F(dirty, each_page_is_told_once)
{
	ASSERT_OK(on());
	for (int i = 0; i < NR_HALVES; i++) {
		ASSERT_OK(write_half(i));
		expect_dirty(0, i);
	}
	expect_clean();
}

TEST_F(dirty, no_clear_tells_it_again)
{
	ASSERT_OK(on());
	ASSERT_OK(write_half(1));
	expect_dirty(NO_CLEAR, 1);
	ASSERT_OK(write_half(100));
	expect_dirty(NO_CLEAR, 1, 100);
	expect_dirty(NO_CLEAR, 1, 100);
	expect_dirty(0, 1, 100);
	expect_clean();
}

TEST_F(dirty, bits_are_set_and_never_cleared)
{
	ASSERT_OK(on());
	ASSERT_OK(write_half(9));
	memset(self->bitmap, 0x44, BITMAP);
	ASSERT_OK(get(0, AT, LENGTH, HALF, self->bitmap));
	EXPECT_EQ(0x44, self->bitmap[0]);
	EXPECT_EQ(0x46, self->bitmap[1]);
	EXPECT_TRUE(memory_is_all(self->bitmap + 2, BITMAP - 2, 0x44));
	/* Several readings add up. */
	ASSERT_OK(write_half(8));
	ASSERT_OK(get(0, AT, LENGTH, HALF, self->bitmap));
	EXPECT_EQ(0x47, self->bitmap[1]);
}

TEST_F(dirty, a_bit_stands_for_any_power_of_two)
{
	const int written[] = { 0, 1, 6, 7, 33, 64, 127 };

	ASSERT_OK(on());
	for (int i = 0; i < 7; i++)
		ASSERT_OK(write_half(written[i]));
	for (__u64 page_size = HALF / 16; page_size <= LENGTH; page_size *= 2) {
		__u8 want[BITMAP] = {};

		memset(self->bitmap, 0, BITMAP);
		ASSERT_OK(get(NO_CLEAR, AT, LENGTH, page_size, self->bitmap));
		for (int i = 0; i < 7; i++) {
			__u64 from = written[i] * HALF / page_size;
			__u64 to = ((written[i] + 1) * HALF - 1) / page_size;

			for (; from <= to; from++)
				set_bit(want, from);
		}
		EXPECT_EQ(0, memcmp(want, self->bitmap, BITMAP)) {
			TH_LOG("with bits of %llu bytes", page_size);
		}
	}
	/* Beyond what is mapped. */
	for (__u64 page_size = AT; page_size; page_size *= 2) {
		memset(self->bitmap, 0, BITMAP);
		ASSERT_OK(get(NO_CLEAR, AT / page_size * page_size, page_size, page_size,
			      self->bitmap));
		EXPECT_EQ(1, self->bitmap[0]);
		EXPECT_EQ(1, count_bits(self->bitmap, BITMAP));
	}
	expect_dirty(0, 0, 1, 6, 7, 33, 64, 127);
	expect_clean();
}

TEST_F(dirty, coarse_bits_clear_all_they_stand_for)
{
	ASSERT_OK(on());
	for (int i = 0; i < NR_HALVES; i += 3)
		ASSERT_OK(write_half(i));
	ASSERT_OK(get(0, AT, LENGTH, LENGTH, self->bitmap));
	EXPECT_EQ(1, count_bits(self->bitmap, BITMAP));
	expect_clean();
}

TEST_F(dirty, a_part_is_read_and_cleared_alone)
{
	ASSERT_OK(on());
	/* Where a byte, a word of the bitmap and a word of the record begin and end. */
	for (int from = 0; from < 72; from += from < 10 || from > 60 ? 1 : 7) {
		for (int to = from + 1; to < NR_HALVES; to += to - from < 10 ? 1 : 27) {
			memset(self->bitmap, 0xff, 16);
			ASSERT_OK(mock_write(self->fd, self->hwpt, AT, LENGTH, HALF,
					     self->bitmap, NULL));
			memset(self->bitmap, 0, BITMAP);
			ASSERT_OK(get(0, AT + from * HALF, (to - from) * HALF, HALF,
				      self->bitmap));
			for (int i = 0; i < NR_HALVES; i++)
				ASSERT_EQ(i < to - from, bit_is_set(self->bitmap, i));
			ASSERT_OK(get_all(0));
			for (int i = 0; i < NR_HALVES; i++)
				ASSERT_EQ(i < from || i >= to, bit_is_set(self->bitmap, i));
		}
	}
}

TEST_F(dirty, the_bitmap_can_be_at_any_byte)
{
	/* At the edges of a word and of a page, and at the last byte there is. */
	const size_t at[] = { 0, 1, 7, 8, 9, PAGE - 17, PAGE - 16, PAGE - 15, PAGE - 1,
			      PAGE, BITMAP - 16 };

	ASSERT_OK(on());
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		__u8 *bitmap = self->bitmap + at[i];

		ASSERT_OK(write_half(0));
		ASSERT_OK(write_half(7));
		ASSERT_OK(write_half(64));
		ASSERT_OK(write_half(127));
		memset(self->bitmap, 0, BITMAP);
		ASSERT_OK(get(0, AT, LENGTH, HALF, bitmap));
		EXPECT_EQ(0x81, bitmap[0]);
		EXPECT_EQ(0x01, bitmap[8]);
		EXPECT_EQ(0x80, bitmap[15]);
		EXPECT_EQ(4, count_bits(self->bitmap, BITMAP));
	}
	/* One bit takes one byte. */
	ASSERT_OK(write_half(0));
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, AT, HALF, HALF, self->bitmap + BITMAP - 1));
	EXPECT_EQ(1, self->bitmap[BITMAP - 1]);
}

TEST_F(dirty, the_bitmap_can_be_in_a_file)
{
	int memfd = memfd_create("bitmap", 0);
	__u8 byte = 0;
	void *bitmap;

	ASSERT_LE(0, memfd);
	ASSERT_EQ(0, ftruncate(memfd, PAGE));
	bitmap = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	ASSERT_NE(MAP_FAILED, bitmap);
	ASSERT_OK(on());
	ASSERT_OK(write_half(1));
	ASSERT_OK(get(0, AT, LENGTH, HALF, bitmap));
	ASSERT_EQ(1, pread(memfd, &byte, 1, 0));
	EXPECT_EQ(2, byte);
	EXPECT_OK(mock_check_refs(self->fd, bitmap, PAGE, 0));
	munmap(bitmap, PAGE);
	close(memfd);
}

TEST_F(dirty, reading_takes_what_is_documented)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = self->hwpt,
		.flags = 1 << 1,
		.iova = AT,
		.length = LENGTH,
		.page_size = HALF,
		.data = (uintptr_t)self->bitmap,
	};

	ASSERT_OK(on());
	ASSERT_OK(write_half(2));
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd, "flag"));
	cmd.flags = 0;
	cmd.__reserved = 1;
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd, "rsvd"));
	cmd.__reserved = 0;
	cmd.size = offsetof(struct iommu_hwpt_get_dirty_bitmap, data);
	EXPECT_ERRNO(EINVAL, call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd, "short"));
	EXPECT_ERRNO(ENOENT, get_dirty(self->fd, NO_ID, 0, AT, LENGTH, PAGE, self->bitmap));
	EXPECT_ERRNO(ENOENT, get_dirty(self->fd, self->ioas, 0, AT, LENGTH, PAGE,
				       self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, 0, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, 3, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, PAGE + HALF, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, ~0ULL, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, 0, PAGE, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT + HALF, LENGTH, PAGE, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH + HALF, PAGE, self->bitmap));
	EXPECT_ERRNO(EINVAL, get(0, AT, LENGTH, 2 * AT, self->bitmap));
	EXPECT_ERRNO(EOVERFLOW, get(0, -PAGE, 2 * PAGE, PAGE, self->bitmap));
	EXPECT_ERRNO(EOVERFLOW, get(0, AT, -PAGE, PAGE, self->bitmap));
	EXPECT_OK(get(0, -PAGE, PAGE, PAGE, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
	/* None of them has cleared anything. */
	expect_dirty(0, 2);
}

TEST_F(dirty, a_bitmap_that_cannot_be_written_is_refused)
{
	ASSERT_OK(on());
	ASSERT_OK(write_half(2));
	EXPECT_ERRNO(EFAULT, get(0, AT, LENGTH, HALF, NULL));
	EXPECT_ERRNO(EFAULT, get(0, AT, LENGTH, HALF, (void *)-PAGE));
	EXPECT_ERRNO(EFAULT, get(0, AT, LENGTH, HALF, (void *)0xffff800000000000));
	EXPECT_ERRNO(EFAULT, get(0, AT, LENGTH, HALF, self->bitmap + BITMAP));
	ASSERT_EQ(0, mprotect(self->bitmap, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, get(0, AT, LENGTH, HALF, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
	ASSERT_EQ(0, mprotect(self->bitmap, PAGE, PROT_READ | PROT_WRITE));
	/* It was found out before anything was read. */
	expect_dirty(0, 2);
	/* What reaches out of it at the end; by then all may be lost. */
	EXPECT_ERRNO(EFAULT, get(0, AT, LENGTH, HALF, self->bitmap + BITMAP - 15));
}

/* ---- Areas ---- */

TEST_F(dirty, what_is_not_mapped_is_clean)
{
	__u64 hits;

	ASSERT_OK(on());
	/* Beyond both ends, and at the very ends of the address space. */
	memset(self->bitmap, 0xff, BITMAP);
	ASSERT_OK(mock_write(self->fd, self->hwpt, AT - LENGTH, 3 * LENGTH, HALF,
			     self->bitmap, &hits));
	EXPECT_EQ(NR_HALVES, hits);
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(NO_CLEAR, AT - LENGTH, 3 * LENGTH, HALF, self->bitmap));
	EXPECT_EQ(NR_HALVES, count_bits(self->bitmap, BITMAP));
	EXPECT_TRUE(memory_is_all(self->bitmap + NR_HALVES / 8, NR_HALVES / 8, 0xff));
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, 0, AT, PAGE, self->bitmap));
	ASSERT_OK(get(0, AT + LENGTH, AT, PAGE, self->bitmap));
	ASSERT_OK(get(0, -LENGTH, LENGTH, PAGE, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
	ASSERT_OK(get_all(0));
	EXPECT_EQ(NR_HALVES, count_bits(self->bitmap, BITMAP));
}

TEST_F(dirty, areas_with_gaps_between)
{
	const __u64 base = AT + 16 * LENGTH;
	__u64 hits;

	ASSERT_OK(on());
	/* Every third half is an area of its own. */
	for (int i = 0; i < NR_HALVES; i += 3)
		ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, HALF,
				      base + i * HALF));
	memset(self->bitmap, 0xff, BITMAP);
	ASSERT_OK(mock_write(self->fd, self->hwpt, base, LENGTH, HALF, self->bitmap, &hits));
	EXPECT_EQ((NR_HALVES + 2) / 3, hits);
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(NO_CLEAR, base, LENGTH, HALF, self->bitmap));
	for (int i = 0; i < NR_HALVES; i++)
		ASSERT_EQ(i % 3 == 0, bit_is_set(self->bitmap, i));
	/* Some go, with what was recorded of them. */
	for (int i = 0; i < NR_HALVES; i += 6)
		ASSERT_OK(ioas_unmap(self->fd, self->ioas, base + i * HALF, HALF, NULL));
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, base, LENGTH, HALF, self->bitmap));
	for (int i = 0; i < NR_HALVES; i++)
		ASSERT_EQ(i % 6 == 3, bit_is_set(self->bitmap, i));
}

TEST_F(dirty, what_is_mapped_anew_is_clean)
{
	ASSERT_OK(on());
	ASSERT_OK(write_half(0));
	ASSERT_OK(write_half(31));
	ASSERT_OK(write_half(32));
	ASSERT_OK(write_half(127));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, LENGTH, NULL));
	expect_clean();
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, LENGTH, AT));
	expect_clean();
	ASSERT_OK(write_half(32));
	expect_dirty(0, 32);
}

TEST_F(dirty, a_copy_has_a_record_of_its_own)
{
	ASSERT_OK(on());
	ASSERT_OK(ioas_copy_at(self->fd, self->ioas, self->ioas, AT + HALF, 8 * HALF,
			       AT + LENGTH));
	ASSERT_OK(write_half(2));
	ASSERT_OK(get(0, AT + LENGTH, 8 * HALF, HALF, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
	ASSERT_OK(write_half(NR_HALVES + 3));
	expect_dirty(0, 2);
	/* Two areas side by side in one reading. */
	ASSERT_OK(write_half(127));
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, AT, LENGTH + 8 * HALF, HALF, self->bitmap));
	EXPECT_TRUE(bit_is_set(self->bitmap, 127));
	EXPECT_TRUE(bit_is_set(self->bitmap, NR_HALVES + 3));
	EXPECT_EQ(2, count_bits(self->bitmap, BITMAP));
}

/* ---- Entries larger than a bit ---- */

static void make_huge(struct __test_metadata *_metadata, struct _test_data_dirty *self,
		      __u64 iova, __u64 length)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = MOCK_IOMMUPT_HUGE };
	void *memory = alloc_memory(_metadata, MEMORY_HUGETLB, length);

	/* In an IOAS of its own, which has no end. */
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(hwpt_alloc_flags(self->fd, self->mock.dev, self->ioas, TRACKING,
				   IOMMU_HWPT_DATA_SELFTEST, &data, sizeof(data),
				   &self->hwpt));
	ASSERT_OK(mock_replace(self->fd, &self->mock, self->hwpt));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, memory, length, iova));
	ASSERT_OK(on());
}

TEST_F(dirty, an_entry_is_dirty_as_a_whole)
{
	const size_t bits = MEG / PAGE;

	make_huge(_metadata, self, AT, 4 * MEG);
	ASSERT_OK(mock_write_at(self->fd, self->hwpt, AT + MEG + 5 * PAGE, PAGE));
	ASSERT_OK(get(0, AT, 4 * MEG, PAGE, self->bitmap));
	EXPECT_EQ(bits, count_bits(self->bitmap, BITMAP));
	EXPECT_TRUE(memory_is_all(self->bitmap + bits / 8, bits / 8, 0xff));
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, AT, 4 * MEG, PAGE, self->bitmap));
	EXPECT_EQ(0, count_bits(self->bitmap, BITMAP));
	/* A write across two makes two dirty. */
	ASSERT_OK(mock_write_at(self->fd, self->hwpt, AT, 2 * MEG));
	ASSERT_OK(get(0, AT, 4 * MEG, MEG, self->bitmap));
	EXPECT_EQ(3, self->bitmap[0]);
}

TEST_F(dirty, an_entry_that_is_read_in_part_stays_dirty)
{
	const __u64 parts[][2] = {
		{ AT, MEG - PAGE }, { AT + PAGE, MEG - PAGE }, { AT + PAGE, PAGE },
		{ AT + MEG - PAGE, 2 * PAGE }, { AT, PAGE },
	};

	make_huge(_metadata, self, AT, 2 * MEG);
	ASSERT_OK(mock_write_at(self->fd, self->hwpt, AT + 17 * PAGE, PAGE));
	for (int i = 0; i < 5; i++) {
		__u64 iova = parts[i][0], length = parts[i][1];
		__u64 within = iova + length > AT + MEG ? AT + MEG - iova : length;

		memset(self->bitmap, 0, BITMAP);
		ASSERT_OK(get(0, iova, length, PAGE, self->bitmap));
		EXPECT_EQ(within / PAGE, count_bits(self->bitmap, BITMAP)) {
			TH_LOG("%s", last_call);
		}
		EXPECT_TRUE(bit_is_set(self->bitmap, 0));
	}
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, AT, MEG, MEG, self->bitmap));
	EXPECT_EQ(1, self->bitmap[0]);
	self->bitmap[0] = 0;
	ASSERT_OK(get(0, AT, MEG, MEG, self->bitmap));
	EXPECT_EQ(0, self->bitmap[0]);
}

TEST_F(dirty, small_entries_of_a_table_with_large_ones_stay_small)
{
	make_huge(_metadata, self, AT, 2 * MEG);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, LENGTH, AT + 2 * MEG));
	ASSERT_OK(mock_write_at(self->fd, self->hwpt, AT + 2 * MEG + 7 * PAGE + HALF, HALF));
	ASSERT_OK(get(0, AT, 3 * MEG, PAGE, self->bitmap));
	EXPECT_EQ(1, count_bits(self->bitmap, BITMAP));
	EXPECT_TRUE(bit_is_set(self->bitmap, 2 * MEG / PAGE + 7));
}

TEST_F(dirty, up_to_the_end_of_the_address_space)
{
	const __u64 at = -(2 * MEG);

	make_huge(_metadata, self, at, 2 * MEG);
	ASSERT_OK(mock_write_at(self->fd, self->hwpt, -PAGE, PAGE));
	for (__u64 page_size = PAGE; page_size; page_size *= 2) {
		/* As much as 16 bits are, as far as there is so much. */
		__u64 length = page_size << 60 >> 60 ? page_size : 16 * page_size;

		if (length < 2 * MEG && length)
			length = 2 * MEG;
		if (!length)
			length = -page_size;
		memset(self->bitmap, 0, BITMAP);
		ASSERT_OK(get(NO_CLEAR, -length, length, page_size, self->bitmap));
		EXPECT_EQ(page_size < MEG ? MEG / page_size : 1,
			  count_bits(self->bitmap, BITMAP)) {
			TH_LOG("%s", last_call);
		}
		EXPECT_TRUE(bit_is_set(self->bitmap, length / page_size - 1)) {
			TH_LOG("%s", last_call);
		}
	}
	memset(self->bitmap, 0, BITMAP);
	ASSERT_OK(get(0, at, 2 * MEG, MEG, self->bitmap));
	EXPECT_EQ(2, self->bitmap[0]);
	self->bitmap[0] = 0;
	ASSERT_OK(get(0, at, 2 * MEG, MEG, self->bitmap));
	EXPECT_EQ(0, self->bitmap[0]);
}

/* ---- More bits than are pinned at once ---- */

/* With bits of a byte, 8 MiB of IOVA are a chunk. */
#define CHUNK (8 * MEG)

TEST_F(dirty, chunks_meet_without_a_seam)
{
	/* From a bit that is the first of a byte, and from some that are not. */
	const __u64 from[] = { CHUNK - 2 * PAGE, CHUNK - 2 * PAGE + 3, CHUNK - PAGE - 1, 1 };
	const __u64 length = 2 * CHUNK;
	__u8 *bitmap = memory_pages(length / 8 + PAGE);
	__u8 *want = memory_pages(length / 8 + PAGE);

	ASSERT_NE(NULL, bitmap);
	ASSERT_NE(NULL, want);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, LENGTH,
			      AT + CHUNK - LENGTH / 2));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, LENGTH,
			      AT + 2 * CHUNK - LENGTH / 2));
	ASSERT_OK(on());
	for (int i = 0; i < 4; i++) {
		__u64 start = AT + from[i];

		memset(bitmap, 0, length / 8 + PAGE);
		memset(want, 0, length / 8 + PAGE);
		for (int edge = 1; edge <= 2; edge++) {
			for (int half = -2; half < 2; half++) {
				__u64 at = AT + edge * CHUNK + half * HALF;

				ASSERT_OK(mock_write_at(self->fd, self->hwpt, at, HALF));
				for (__u64 iova = at; iova < at + HALF; iova++)
					if (iova >= start && iova - start < length)
						set_bit(want, iova - start);
			}
		}
		ASSERT_OK(get(0, start, length, 1, bitmap + i));
		EXPECT_EQ(0, memcmp(want, bitmap + i, length / 8)) {
			TH_LOG("from %#llx", start);
		}
		ASSERT_OK(get(0, AT, 3 * CHUNK, CHUNK, self->bitmap));
	}
}

TEST_F(dirty, a_bitmap_that_ends_too_early)
{
	__u8 *bitmap = mmap(NULL, CHUNK / 4, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, bitmap);
	ASSERT_OK(on());
	/* In the second chunk; and within the first, after one of its pages. */
	ASSERT_EQ(0, munmap(bitmap + CHUNK / 8, PAGE));
	EXPECT_ERRNO(EFAULT, get(0, AT, 2 * CHUNK, 1, bitmap));
	EXPECT_OK(mock_check_refs(self->fd, bitmap, CHUNK / 8, 0));
	EXPECT_OK(get(0, AT, CHUNK, 1, bitmap));
	ASSERT_EQ(0, mprotect(bitmap + PAGE, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, get(0, AT, CHUNK, 1, bitmap));
	EXPECT_OK(mock_check_refs(self->fd, bitmap, CHUNK / 8, 0));
}

TEST_F(dirty, all_of_a_large_address_space)
{
	/* 2^48 bytes by gigabytes: 2^18 bits. */
	ASSERT_OK(on());
	ASSERT_OK(write_half(77));
	ASSERT_OK(get(0, 0, 1ULL << 48, 1ULL << 30, self->bitmap));
	EXPECT_TRUE(bit_is_set(self->bitmap, AT >> 30));
	EXPECT_EQ(1, count_bits(self->bitmap, BITMAP));
	expect_clean();
}

/* ---- The mock's own test operation ---- */

TEST_F(dirty, the_mock_refuses_writes_that_make_no_sense)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DIRTY,
		.id = self->hwpt,
		.dirty = {
			.flags = 1,
			.iova = AT,
			.length = LENGTH,
			.page_size = HALF,
			.uptr = (uintptr_t)self->bitmap,
		},
	};
	struct mock other;

	ASSERT_OK(on());
	EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_TEST_CMD, &cmd, "DIRTY(flags 1)"));
#define write(iova, length, page_size, bitmap) \
	mock_write(self->fd, self->hwpt, iova, length, page_size, bitmap, NULL)
	EXPECT_ERRNO(EINVAL, write(AT, LENGTH, 0, self->bitmap));
	EXPECT_ERRNO(EINVAL, write(AT, LENGTH, 3, self->bitmap));
	EXPECT_ERRNO(EINVAL, write(AT, 0, HALF, self->bitmap));
	EXPECT_ERRNO(EINVAL, write(AT + 1, LENGTH, HALF, self->bitmap));
	EXPECT_ERRNO(EINVAL, write(AT, LENGTH + 1, HALF, self->bitmap));
	EXPECT_ERRNO(EOVERFLOW, write(-HALF, 2 * HALF, HALF, self->bitmap));
	EXPECT_ERRNO(EFAULT, write(AT, LENGTH, HALF, self->bitmap + BITMAP));
#undef write
	EXPECT_ERRNO(ENOENT, mock_write_at(self->fd, self->ioas, AT, HALF));
	/* Of an HWPT that cannot track. */
	ASSERT_OK(mock_attach(self->fd, self->ioas, &other));
	EXPECT_ERRNO(EINVAL, mock_write_at(self->fd, other.hwpt, AT, HALF));
	expect_clean();
}

TEST_HARNESS_MAIN
