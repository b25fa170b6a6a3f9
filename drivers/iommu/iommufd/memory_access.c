// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory as the kernel uses it: the pages of a pinned range, and copies from
 * and to any range.
 */
#include <linux/highmem.h>
#include <linux/iommufd.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "memory_private.h"

/* How many pages are pinned at a time only to be copied */
#define COPY_BATCH 256UL

/* A pinned range begins and ends where a span does: take all of it */
static struct page **span_pages(struct pinned_span *span, struct page **pages)
{
	unsigned int i;

	for (i = 0; i < span->nr; i++) {
		unsigned long npages = extent_npages(span->extents[i]);
		unsigned long pfn = extent_pfn(span->extents[i]);

		for (; npages; npages--)
			*pages++ = pfn_to_page(pfn++);
	}
	return pages;
}

/**
 * iommufd_memory_pin_pages - Use the pages from @first to @last, and name them
 * @memory: the memory
 * @first: index of the first page
 * @last: index of the last page
 * @pages: filled with the pages
 *
 * Undone by iommufd_memory_unpin().
 *
 * Return: as iommufd_memory_pin(), but -EINVAL where it is no memory of the
 * CPU's.
 */
int iommufd_memory_pin_pages(struct iommufd_memory *memory,
			     unsigned long first, unsigned long last,
			     struct page **pages)
{
	struct pinned_span *span;
	int rc;

	if (memory->ops->io)
		return -EINVAL;
	rc = iommufd_memory_pin(memory, first, last);
	if (rc)
		return rc;

	mutex_lock(&memory->lock);
	for (span = memory_span_find(memory, first);
	     span && span->first <= last; span = memory_span_next(span))
		pages = span_pages(span, pages);
	mutex_unlock(&memory->lock);
	return 0;
}

/* Copy what lies in one page */
static void copy_page_part(struct page *page, unsigned long offset, void *data,
			   unsigned long length, unsigned int flags)
{
	if (flags & IOMMUFD_ACCESS_RW_WRITE)
		memcpy_to_page(page, offset, data, length);
	else
		memcpy_from_page(data, page, offset, length);
}

/* Bytes from @offset on that are left of its page, @length at most */
static unsigned long left_in_page(unsigned long offset, unsigned long length)
{
	return min(length, PAGE_SIZE - offset_in_page(offset));
}

/* Copy what is in the span, in which @offset is; returns how much */
static unsigned long copy_span(struct pinned_span *span, unsigned long offset,
			       void *data, unsigned long length,
			       unsigned int flags)
{
	unsigned long skip = (offset >> PAGE_SHIFT) - span->first;
	unsigned long done = 0;
	unsigned int i;

	for (i = 0; i < span->nr && done < length; i++) {
		unsigned long npages = extent_npages(span->extents[i]);
		unsigned long pfn = extent_pfn(span->extents[i]);

		for (; skip < npages && done < length; skip++) {
			unsigned long n = left_in_page(offset + done,
						       length - done);

			copy_page_part(pfn_to_page(pfn + skip),
				       offset_in_page(offset + done),
				       data + done, n, flags);
			done += n;
		}
		skip -= npages;
	}
	return done;
}

/* How many bytes from @offset on are not pinned, @length at most */
static unsigned long gap_length(struct pinned_span *next, unsigned long offset,
				unsigned long length)
{
	if (!next)
		return length;
	return min(length, next->first * PAGE_SIZE - offset);
}

static int copy_locked(struct iommufd_memory *memory, unsigned long offset,
		       void *data, unsigned long length, unsigned int flags)
{
	lockdep_assert_held(&memory->lock);

	while (length) {
		struct pinned_span *span =
			memory_span_find(memory, offset >> PAGE_SHIFT);
		unsigned long n;
		int rc;

		if (span && span->first <= offset >> PAGE_SHIFT) {
			n = copy_span(span, offset, data, length, flags);
		} else {
			n = gap_length(span, offset, length);
			rc = memory->ops->rw(memory, offset, data, n, flags);
			if (rc)
				return rc;
		}
		offset += n;
		data += n;
		length -= n;
		cond_resched();
	}
	return 0;
}

/* For a source that cannot copy what is not pinned: pin it meanwhile */
static int copy_pinned(struct iommufd_memory *memory, unsigned long offset,
		       void *data, unsigned long length, unsigned int flags)
{
	while (length) {
		unsigned long first = offset >> PAGE_SHIFT;
		unsigned long n = min(length, COPY_BATCH * PAGE_SIZE -
					      offset_in_page(offset));
		unsigned long last = (offset + n - 1) >> PAGE_SHIFT;
		int rc;

		rc = iommufd_memory_pin(memory, first, last);
		if (rc)
			return rc;
		mutex_lock(&memory->lock);
		rc = copy_locked(memory, offset, data, n, flags);
		mutex_unlock(&memory->lock);
		iommufd_memory_unpin(memory, first, last);
		if (rc)
			return rc;
		offset += n;
		data += n;
		length -= n;
	}
	return 0;
}

/**
 * iommufd_memory_rw - Copy from or to a range of the memory
 * @memory: the memory
 * @offset: where the range begins, in bytes
 * @data: the kernel's side
 * @length: how many bytes
 * @flags: IOMMUFD_ACCESS_RW_*
 *
 * What is pinned is copied from or to the pinned pages, also where the source
 * has others by now, or is no more.
 *
 * Return: 0; -EFAULT where a page is not there or not to be written to, -EINVAL
 * where it is no memory of the CPU's, -ENOMEM, -EINTR. Some bytes may be copied
 * then.
 */
int iommufd_memory_rw(struct iommufd_memory *memory, unsigned long offset,
		      void *data, unsigned long length, unsigned int flags)
{
	int rc;

	if (memory->ops->io)
		return -EINVAL;
	if (!memory->ops->rw)
		return copy_pinned(memory, offset, data, length, flags);

	rc = mutex_lock_killable(&memory->lock);
	if (rc)
		return rc;
	rc = copy_locked(memory, offset, data, length, flags);
	mutex_unlock(&memory->lock);
	return rc;
}

/*
 * A page fault would be handled under the locks that are held here, maybe by a
 * driver that waits for one of them. So none is taken: where it would be needed,
 * GUP brings the page in, which does so with memory only.
 */
static bool copy_direct(unsigned long va, void *data, unsigned long length,
			unsigned int flags)
{
	void __user *uptr = (void __user *)va;

	if (flags & IOMMUFD_ACCESS_RW_WRITE)
		return !copy_to_user_nofault(uptr, data, length);
	return !copy_from_user_nofault(data, uptr, length);
}

static int copy_by_gup(struct mm_struct *mm, unsigned long va, void *data,
		       unsigned long length, unsigned int flags)
{
	bool write = flags & IOMMUFD_ACCESS_RW_WRITE;
	unsigned int gup_flags = write ? FOLL_WRITE : 0;
	struct page *page;
	long pinned;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (mm == current->mm) {
		pinned = pin_user_pages_fast(va & PAGE_MASK, 1, gup_flags,
					     &page);
	} else {
		mmap_read_lock(mm);
		pinned = pin_user_pages_remote(mm, va & PAGE_MASK, 1, gup_flags,
					       &page, NULL, NULL);
		mmap_read_unlock(mm);
	}
	if (pinned != 1)
		return pinned == -ENOMEM || pinned == -EINTR ? pinned : -EFAULT;

	copy_page_part(page, offset_in_page(va), data, length, flags);
	unpin_user_pages_dirty_lock(&page, 1, write);
	return 0;
}

static int copy_user_pages(struct mm_struct *mm, unsigned long va, void *data,
			   unsigned long length, unsigned int flags)
{
	bool direct = mm == current->mm &&
		      !(flags & __IOMMUFD_ACCESS_RW_SLOW_PATH);

	while (length) {
		unsigned long n = left_in_page(va, length);
		int rc;

		if (!direct || !copy_direct(va, data, n, flags)) {
			rc = copy_by_gup(mm, va, data, n, flags);
			if (rc)
				return rc;
		}
		va += n;
		data += n;
		length -= n;
		cond_resched();
	}
	return 0;
}

/* iommufd_memory_ops.rw of a process' memory */
int memory_user_rw(struct iommufd_memory *memory, unsigned long offset,
		   void *data, unsigned long length, unsigned int flags)
{
	struct mm_struct *mm = memory->account->payer.mm;
	unsigned long va = memory->start + offset;
	bool borrow = flags & IOMMUFD_ACCESS_RW_KTHREAD &&
		      current->flags & PF_KTHREAD && !current->mm;
	int rc;

	if (mm == current->mm)
		return copy_user_pages(mm, va, data, length, flags);

	/* Another process has its memory only as long as it lives */
	if (!mmget_not_zero(mm))
		return -EFAULT;
	if (borrow)
		kthread_use_mm(mm);
	rc = copy_user_pages(mm, va, data, length, flags);
	if (borrow)
		kthread_unuse_mm(mm);
	mmput(mm);
	return rc;
}
