// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the mock IOMMU records of devices' writes, and how a test makes them
 * write.
 *
 * The record is beside the page table: a bit for each smallest page, 32 to a
 * word, in an xarray that has the words which are not 0. An entry that is dirty
 * as a whole has the bit of its first page.
 */
#include <linux/bitops.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

#define WORD_BITS 32

static unsigned long page_nr(unsigned long iova)
{
	return iova / MOCK_PAGE_SIZE;
}

/* As much as is dirty together, in what is mapped with this entry */
static unsigned long dirty_unit(const struct mock_domain *mock,
				const void *entry)
{
	return mock->dirty_by_entry ? mock_entry_pgsize(entry) : MOCK_PAGE_SIZE;
}

static int set_page_dirty_at(struct mock_domain *mock, unsigned long iova)
{
	unsigned long nr = page_nr(iova);
	void *word = xa_load(&mock->dirty, nr / WORD_BITS);
	unsigned long bits = word ? xa_to_value(word) : 0;

	if (bits & BIT(nr % WORD_BITS))
		return 0;
	word = xa_mk_value(bits | BIT(nr % WORD_BITS));
	return xa_err(xa_store(&mock->dirty, nr / WORD_BITS, word,
			       GFP_KERNEL_ACCOUNT));
}

/* The bits of a word that are of the pages @first to @last */
static unsigned long bits_between(unsigned long index, unsigned long first,
				  unsigned long last)
{
	unsigned int low = 0, high = WORD_BITS - 1;

	if (index == first / WORD_BITS)
		low = first % WORD_BITS;
	if (index == last / WORD_BITS)
		high = last % WORD_BITS;
	return GENMASK(high, low);
}

/* To write to a word that is there takes no memory */
static void set_word(struct mock_domain *mock, unsigned long index,
		     unsigned long bits)
{
	if (bits)
		WARN_ON(xa_err(xa_store(&mock->dirty, index, xa_mk_value(bits),
					GFP_KERNEL)));
	else
		xa_erase(&mock->dirty, index);
}

/* Pages are unmapped; what is mapped there next is clean */
void mock_dirty_forget(struct mock_domain *mock, unsigned long iova,
		       unsigned long last)
{
	unsigned long first_nr = page_nr(iova), last_nr = page_nr(last);
	unsigned long index;
	void *word;

	lockdep_assert_held(&mock->lock);

	xa_for_each_range(&mock->dirty, index, word, first_nr / WORD_BITS,
			  last_nr / WORD_BITS)
		set_word(mock, index, xa_to_value(word) &
			 ~bits_between(index, first_nr, last_nr));
}

static int mock_set_dirty_tracking(struct iommu_domain *domain, bool enabled)
{
	struct mock_domain *mock = to_mock_domain(domain);

	mutex_lock(&mock->lock);
	mock->dirty_tracking = enabled;
	mutex_unlock(&mock->lock);
	return 0;
}

/**
 * struct mock_dirty_read - a reading in progress
 * @mock: domain
 * @iova: its first IOVA
 * @last: its last IOVA
 * @flags: IOMMU_DIRTY_NO_CLEAR
 * @dirty: where it goes
 */
struct mock_dirty_read {
	struct mock_domain *mock;
	unsigned long iova;
	unsigned long last;
	unsigned long flags;
	struct iommu_dirty_bitmap *dirty;
};

/* Record a dirty unit; returns whether it is clean from then on */
static bool read_unit(struct mock_dirty_read *read, unsigned long iova,
		      unsigned long unit)
{
	unsigned long start = max(iova, read->iova);
	unsigned long last = min(iova + unit - 1, read->last);

	iommu_dirty_bitmap_record(read->dirty, start, last - start + 1);
	return last - start == unit - 1 &&
	       !(read->flags & IOMMU_DIRTY_NO_CLEAR);
}

/* What is dirty in an entry, from @iova to @last in units of @unit */
static void read_entry(struct mock_dirty_read *read, unsigned long iova,
		       unsigned long last, unsigned long unit)
{
	unsigned long first_nr = page_nr(iova), last_nr = page_nr(last);
	unsigned long index, bits, found;
	unsigned int bit;
	void *word;

	xa_for_each_range(&read->mock->dirty, index, word,
			  first_nr / WORD_BITS, last_nr / WORD_BITS) {
		bits = xa_to_value(word);
		found = bits & bits_between(index, first_nr, last_nr);
		for_each_set_bit(bit, &found, WORD_BITS) {
			unsigned long nr = index * WORD_BITS + bit;

			if (read_unit(read, nr * MOCK_PAGE_SIZE, unit))
				bits &= ~BIT(bit);
		}
		set_word(read->mock, index, bits);
	}
}

static int mock_read_and_clear_dirty(struct iommu_domain *domain,
				     unsigned long iova, size_t size,
				     unsigned long flags,
				     struct iommu_dirty_bitmap *dirty)
{
	MA_STATE(mas, &to_mock_domain(domain)->pages, iova, iova);
	struct mock_domain *mock = to_mock_domain(domain);
	struct mock_dirty_read read = {
		.mock = mock,
		.iova = iova,
		.last = iova + size - 1,
		.flags = flags,
		.dirty = dirty,
	};
	unsigned long unit;
	void *entry;

	mutex_lock(&mock->lock);
	mas_for_each(&mas, entry, read.last) {
		unit = dirty_unit(mock, entry);
		read_entry(&read, round_down(max(iova, mas.index), unit),
			   min(read.last, mas.last), unit);
		if (mas.last >= read.last)
			break;
	}
	mutex_unlock(&mock->lock);
	return 0;
}

const struct iommu_dirty_ops mock_dirty_ops = {
	.set_dirty_tracking = mock_set_dirty_tracking,
	.read_and_clear_dirty = mock_read_and_clear_dirty,
};

/* A write to part of what is mapped with an entry */
static int write_entry(struct mock_domain *mock, unsigned long iova,
		       unsigned long last, unsigned long unit)
{
	int rc;

	iova = round_down(iova, unit);
	while (true) {
		rc = set_page_dirty_at(mock, iova);
		if (rc || last - iova < unit)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		iova += unit;
	}
}

/* A device writes to all from @iova to @last; *@hit says if any of it is mapped */
static int device_write(struct mock_domain *mock, unsigned long iova,
			unsigned long last, bool *hit)
{
	MA_STATE(mas, &mock->pages, iova, iova);
	void *entry;
	int rc = 0;

	*hit = false;
	mutex_lock(&mock->lock);
	if (!mock->dirty_tracking)
		rc = -EINVAL;
	else
		mas_for_each(&mas, entry, last) {
			*hit = true;
			rc = write_entry(mock, max(iova, mas.index),
					 min(last, mas.last),
					 dirty_unit(mock, entry));
			if (rc || mas.last >= last)
				break;
		}
	mutex_unlock(&mock->lock);
	return rc;
}

/* Let a device write wherever the user's bitmap has a bit */
static int write_by_bitmap(struct mock_domain *mock, struct iommu_test_cmd *cmd)
{
	unsigned long page_size = cmd->dirty.page_size;
	unsigned long nbits = cmd->dirty.length / page_size;
	unsigned long nr, n, bit, at, hits = 0;
	DECLARE_BITMAP(bits, 1024);
	bool hit;
	int rc;

	for (nr = 0; nr < nbits; nr += n) {
		n = min(nbits - nr, 1024UL);
		if (copy_from_user(bits, u64_to_user_ptr(cmd->dirty.uptr) +
					 nr / BITS_PER_BYTE,
				   DIV_ROUND_UP(n, BITS_PER_BYTE)))
			return -EFAULT;
		for_each_set_bit(bit, bits, n) {
			at = cmd->dirty.iova + (nr + bit) * page_size;
			rc = device_write(mock, at, at + page_size - 1, &hit);
			if (rc)
				return rc;
			hits += hit;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	cmd->dirty.out_nr_dirty = hits;
	return 0;
}

static int dirty_check(const struct iommu_test_cmd *cmd)
{
	unsigned long last;

	if (cmd->dirty.flags)
		return -EOPNOTSUPP;
	if (!is_power_of_2(cmd->dirty.page_size) || !cmd->dirty.length ||
	    !IS_ALIGNED(cmd->dirty.iova | cmd->dirty.length,
			cmd->dirty.page_size))
		return -EINVAL;
	if (check_add_overflow((unsigned long)cmd->dirty.iova,
			       (unsigned long)cmd->dirty.length - 1, &last))
		return -EOVERFLOW;
	return 0;
}

/* IOMMU_TEST_OP_DIRTY */
int iommufd_mock_dirty(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommufd_hwpt_paging *hwpt;
	struct iommufd_object *obj;
	struct mock_domain *mock;
	int rc;

	rc = dirty_check(cmd);
	if (rc)
		return rc;
	obj = iommufd_object_get(ucmd->ictx, cmd->id, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	hwpt = to_hwpt_paging(obj);

	rc = -EINVAL;
	if (hwpt->common.domain->dirty_ops == &mock_dirty_ops) {
		mock = to_mock_domain(hwpt->common.domain);
		if (READ_ONCE(mock->dirty_tracking))
			rc = write_by_bitmap(mock, cmd);
	}
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	iommufd_object_put(ucmd->ictx, obj);
	return rc;
}
