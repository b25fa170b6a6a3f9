/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pinned memory, as extents.
 */
#ifndef __IOMMUFD_MEMORY_H
#define __IOMMUFD_MEMORY_H

#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>

struct file;
struct iommu_domain;
struct iommufd_account;
struct iommufd_memory_ops;

/**
 * struct iommufd_accounts - whom the pinned memory of a context is charged to
 * @lock: guards all below, and what is in the accounts
 * @list: struct iommufd_account; one for each process that made a memory
 * @idle: the one of them that no memory is charged to, or NULL
 * @nr_bound: memories that are at an address of their process
 * @per_process: memory counts against the process, not against the user; does
 *	not change while there is an account
 */
struct iommufd_accounts {
	struct mutex lock; /* guards all accounts */
	struct list_head list;
	struct iommufd_account *idle;
	unsigned long nr_bound;
	bool per_process;
};

void iommufd_accounts_init(struct iommufd_accounts *accounts);
void iommufd_accounts_destroy(struct iommufd_accounts *accounts);
int iommufd_accounts_change_process(struct iommufd_accounts *accounts);
int iommufd_accounts_set_per_process(struct iommufd_accounts *accounts,
				     bool per_process);

/**
 * struct iommufd_memory - a linear range of pages of one source
 * @refs: one for each area that shows a part of it
 * @ops: what its source does; the source's own struct begins with this one
 * @start: where it begins in its source, rounded down to a page. IOVAs are
 *	chosen to be aligned as it is.
 * @npages: how long it is
 * @writable: devices may write to it
 * @account: whom the pinned pages are charged to, or NULL: nobody
 * @lock: guards @spans and what is in them
 * @spans: what is pinned, by page index
 *
 * Shared by areas of several IOASes. A page is pinned, and charged, once,
 * however many of them use it, and only while one does.
 */
struct iommufd_memory {
	refcount_t refs;
	const struct iommufd_memory_ops *ops;
	unsigned long start;
	unsigned long npages;
	bool writable;
	struct iommufd_account *account;
	struct mutex lock; /* guards spans */
	struct rb_root spans;
};

#ifdef CONFIG_IOMMUFD_TEST
/* For tests: bytes that an array may have which does with any number of items */
extern unsigned long iommufd_scratch_limit;
#endif

/* How many items an array is to have: @items, or fewer if a test has set a limit */
static inline unsigned long iommufd_scratch_items(unsigned long items,
						  size_t size)
{
#ifdef CONFIG_IOMMUFD_TEST
	items = clamp(READ_ONCE(iommufd_scratch_limit) / size, 1UL, items);
#endif
	return items;
}

/**
 * struct iommufd_memory_usage - what is pinned
 * @pages: pages
 * @extents: physical runs that they make
 */
struct iommufd_memory_usage {
	unsigned long pages;
	unsigned long extents;
};

struct iommufd_memory *
iommufd_memory_alloc_user(struct iommufd_accounts *accounts, unsigned long va,
			  unsigned long length, bool writable);
struct iommufd_memory *
iommufd_memory_alloc_file(struct iommufd_accounts *accounts, struct file *file,
			  unsigned long start, unsigned long length,
			  bool writable);
struct iommufd_memory *iommufd_memory_alloc_dma_buf_fd(int fd,
						       unsigned long start,
						       unsigned long length,
						       bool writable);
struct iommufd_memory *iommufd_memory_alloc_mapped(unsigned long va,
						   unsigned long length,
						   bool writable);
void iommufd_memory_put(struct iommufd_memory *memory);

static inline void iommufd_memory_get(struct iommufd_memory *memory)
{
	refcount_inc(&memory->refs);
}

int iommufd_memory_pin(struct iommufd_memory *memory, unsigned long first,
		       unsigned long last);
void iommufd_memory_unpin(struct iommufd_memory *memory, unsigned long first,
			  unsigned long last);
int iommufd_memory_map(struct iommufd_memory *memory, unsigned long offset,
		       unsigned long length, struct iommu_domain *domain,
		       unsigned long iova, int prot, bool smallest_pages);
bool iommufd_memory_is_io(struct iommufd_memory *memory);
bool iommufd_memory_unmap(struct iommufd_memory *memory,
			  struct iommu_domain *domain, unsigned long iova,
			  unsigned long length);
void iommufd_memory_measure(struct iommufd_memory *memory, unsigned long first,
			    unsigned long last,
			    struct iommufd_memory_usage *usage);

/* memory_access.c */
int iommufd_memory_pin_pages(struct iommufd_memory *memory,
			     unsigned long first, unsigned long last,
			     struct page **pages);
int iommufd_memory_rw(struct iommufd_memory *memory, unsigned long offset,
		      void *data, unsigned long length, unsigned int flags);

#endif /* __IOMMUFD_MEMORY_H */
