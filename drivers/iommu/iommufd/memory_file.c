// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a file, by its offset there: memfd, tmpfs and hugetlbfs.
 *
 * Where the file has a hole it is filled, as by a store to a mapping. The pages
 * that are pinned stay what devices reach when the file is cut, punched or
 * written anew there; they go when the last pin does.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <uapi/linux/fcntl.h>

#include "fail.h"
#include "memory_private.h"

/**
 * struct file_memory - memory of a file
 * @memory: what all sources have. Where it is writable, its life counts as that
 *	of a shared writable mapping, so that the file is not sealed meanwhile.
 * @file: the file, referenced
 */
struct file_memory {
	struct iommufd_memory memory;
	struct file *file;
};

static struct file_memory *to_file_memory(struct iommufd_memory *memory)
{
	return container_of(memory, struct file_memory, memory);
}

static bool is_hugetlb(struct file *file)
{
	struct inode *inode = file_inode(file);

	return IS_ENABLED(CONFIG_HUGETLBFS) && S_ISREG(inode->i_mode) &&
	       inode->i_sb->s_magic == HUGETLBFS_MAGIC;
}

/* The page, with a reference, if it is in the page cache */
static struct page *hugetlb_find(struct file *file, pgoff_t index)
{
	unsigned int order = huge_page_order(hstate_file(file));
	struct page *head;

	/* This page cache counts in huge pages */
	head = find_get_page(file->f_mapping, index >> order);
	if (!head)
		return ERR_PTR(-EAGAIN);
	return nth_page(head, index & ((1UL << order) - 1));
}

static struct page *hugetlb_get(struct file *file, pgoff_t index)
{
	struct page *page = hugetlb_find(file, index);
	int rc;

	if (!IS_ERR(page))
		return page;
	/* Without a mapping that could fault, this is what fills a hole */
	rc = file->f_op->fallocate(file, FALLOC_FL_KEEP_SIZE,
				   (loff_t)index << PAGE_SHIFT, PAGE_SIZE);
	if (rc == -EINTR && !fatal_signal_pending(current))
		rc = -ERESTARTNOINTR;
	return rc ? ERR_PTR(rc) : hugetlb_find(file, index);
}

/* The page, with a reference on its folio; -EAGAIN where it is gone already */
static struct page *file_page(struct file *file, pgoff_t index)
{
	struct page *page;

	if (index >= DIV_ROUND_UP_ULL(i_size_read(file_inode(file)), PAGE_SIZE))
		return ERR_PTR(-EFAULT);
	if (!is_hugetlb(file))
		return shmem_read_mapping_page(file->f_mapping, index);
	page = hugetlb_get(file, index);
	if (!IS_ERR(page) && PageHWPoison(compound_head(page))) {
		put_page(page);
		return ERR_PTR(-EFAULT);
	}
	return page;
}

/* How many pages, from this one on, the folio has */
static unsigned long pages_left(struct folio *folio, struct page *page)
{
	/* The file system has looked for errors in this page only */
	if (folio_test_large(folio) && folio_test_has_hwpoisoned(folio))
		return 1;
	return folio_nr_pages(folio) - folio_page_idx(folio, page);
}

static int pin_next(struct file *file, struct pinning *pinning)
{
	unsigned long first = pinning->next, npages, added;
	struct folio *folio;
	struct page *page;
	int rc;

	if (iommufd_should_fail())
		return -ENOMEM;
	page = file_page(file, (pinning->memory->start >> PAGE_SHIFT) + first);
	if (IS_ERR(page))
		return PTR_ERR(page);
	folio = page_folio(page);
	npages = min(pages_left(folio, page), pinning->last - first + 1);
	rc = pin_folio_longterm(folio, npages);
	if (rc)
		return rc;
	rc = pinning_add_run(pinning, page_to_pfn(page), npages);
	added = pinning->next - first;
	if (rc)
		unpin_user_page_range_dirty_lock(nth_page(page, added),
						 npages - added, false);
	return rc;
}

/* What file systems answer, in the words of iommufd_memory_pin() */
static int file_error(int rc)
{
	switch (rc) {
	case -ENOSPC:
		return -ENOMEM;
	case 0:
	case -EINTR:
	case -ENOMEM:
	case -ERESTARTNOINTR:
		return rc;
	default:
		return -EFAULT;
	}
}

static int file_pin(struct iommufd_memory *memory, struct pinning *pinning)
{
	struct file *file = to_file_memory(memory)->file;
	unsigned int flags = memalloc_pin_save();
	int rc = 0;

	while (pinning->next <= pinning->last) {
		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		rc = pin_next(file, pinning);
		if (rc && rc != -EAGAIN)
			break;
		cond_resched();
	}
	memalloc_pin_restore(flags);
	return file_error(rc);
}

static void file_memory_destroy(struct iommufd_memory *memory)
{
	struct file_memory *file_memory = to_file_memory(memory);

	memory_account_fini(memory);
	if (memory->writable)
		mapping_unmap_writable(file_memory->file->f_mapping);
	fput(file_memory->file);
	kfree(file_memory);
}

static const struct iommufd_memory_ops file_memory_ops = {
	.pin = file_pin,
	.unpin = memory_unpin_pages,
	.destroy = file_memory_destroy,
};

static unsigned int file_seals(struct file *file)
{
#ifdef CONFIG_HUGETLBFS
	if (is_hugetlb(file))
		return READ_ONCE(HUGETLBFS_I(file_inode(file))->seals);
#endif
	return READ_ONCE(SHMEM_I(file_inode(file))->seals);
}

/* May devices do this to the file? It is what mmap() asks of a shared mapping. */
static int check_access(struct file *file, bool writable)
{
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (!writable)
		return 0;
	if (!(file->f_mode & FMODE_WRITE) || IS_APPEND(file_inode(file)))
		return -EACCES;
	if (file_seals(file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	return 0;
}

static int check_file(struct file *file, unsigned long start,
		      unsigned long length, bool writable)
{
	loff_t size;

	if (!shmem_file(file) && !is_hugetlb(file))
		return -EINVAL;
	size = i_size_read(file_inode(file));
	if (start >= size || length > size - start)
		return -EINVAL;
	return check_access(file, writable);
}

/**
 * iommufd_memory_alloc_file - Name a range of a file
 * @accounts: of the context
 * @file: the file; the memory takes a reference of its own
 * @start: its first byte
 * @length: its length in bytes; @start + @length - 1 does not overflow
 * @writable: devices may write to it
 *
 * Nothing is pinned by this.
 *
 * Return: the memory with one reference; -EINVAL where the file is of another
 * kind or ends before; -EACCES where it is not open for what devices may do;
 * -EPERM where it is sealed against writing; -ENOMEM.
 */
struct iommufd_memory *
iommufd_memory_alloc_file(struct iommufd_accounts *accounts, struct file *file,
			  unsigned long start, unsigned long length,
			  bool writable)
{
	struct file_memory *file_memory;
	int rc;

	rc = check_file(file, start, length, writable);
	if (rc)
		return ERR_PTR(rc);
	file_memory = kzalloc(sizeof(*file_memory), GFP_KERNEL_ACCOUNT);
	if (!file_memory)
		return ERR_PTR(-ENOMEM);
	iommufd_memory_init(&file_memory->memory, &file_memory_ops, start,
			    length, writable);
	rc = memory_account_init(&file_memory->memory, accounts);
	if (rc)
		goto out_free;
	if (writable) {
		rc = iommufd_should_fail() ? -ENOMEM :
		     mapping_map_writable(file->f_mapping);
		if (rc)
			goto out_account;
	}
	file_memory->file = get_file(file);
	return &file_memory->memory;

out_account:
	memory_account_fini(&file_memory->memory);
out_free:
	kfree(file_memory);
	return ERR_PTR(rc);
}
