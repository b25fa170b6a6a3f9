/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the memory_*.c files share: extents, and the operations of a source.
 * memory.c keeps what is pinned; a source, memory_user.c, memory_file.c or
 * memory_device.c, knows where the memory comes from; memory_map.c puts it into a
 * domain; memory_account.c counts its pages.
 */
#ifndef __IOMMUFD_MEMORY_PRIVATE_H
#define __IOMMUFD_MEMORY_PRIVATE_H

#include <linux/bitfield.h>
#include <linux/rbtree.h>

#include "memory.h"

/* An extent: the first page frame of a run, and the pages in it less one */
#define EXTENT_PAGES	GENMASK_ULL(23, 0)
#define EXTENT_PFN	GENMASK_ULL(63, 24)
#define EXTENT_MAX	(FIELD_MAX(EXTENT_PAGES) + 1)

static inline unsigned long extent_pfn(u64 extent)
{
	return FIELD_GET(EXTENT_PFN, extent);
}

static inline unsigned long extent_npages(u64 extent)
{
	return FIELD_GET(EXTENT_PAGES, extent) + 1;
}

static inline u64 make_extent(unsigned long pfn, unsigned long npages)
{
	return FIELD_PREP(EXTENT_PFN, pfn) |
	       FIELD_PREP(EXTENT_PAGES, npages - 1);
}

/**
 * struct pinned_span - a pinned page range of a memory
 * @node: in iommufd_memory.spans
 * @first: index of its first page
 * @npages: pages in it
 * @uses: how many areas use all of it; they all use all of it
 * @nr: extents in use
 * @capacity: extents there is room for
 * @extents: the runs, in order; they cover the range
 */
struct pinned_span {
	struct rb_node node;
	unsigned long first;
	unsigned long npages;
	unsigned long uses;
	unsigned int nr;
	unsigned int capacity;
	u64 extents[];
};

/**
 * struct pinning - the pinning of a page range, in progress
 * @memory: the memory
 * @next: index of the first page that is not added yet
 * @last: index of the last page
 * @spans: what is added so far, last first, chained through what is not a tree
 *	node yet
 */
struct pinning {
	struct iommufd_memory *memory;
	unsigned long next;
	unsigned long last;
	struct pinned_span *spans;
};

int pinning_add_run(struct pinning *pinning, unsigned long pfn,
		    unsigned long npages);
int pinning_add_pages(struct pinning *pinning, struct page **pages,
		      unsigned long npages);

/**
 * struct iommufd_memory_ops - what a source of memory does
 * @pin: pin the pages from pinning->next to pinning->last and add them, in
 *	order, by pinning_add_run() or pinning_add_pages(). On error those that
 *	were added are unpinned by the caller.
 * @unpin: unpin the pages of @nr extents. Optional: where nothing is to be done
 * @map: in place of putting the extents into the domain as they are; see
 *	iommufd_memory_map(). Optional
 * @unmap: in place of a mere iommu_unmap(): take out of the domain what @map put
 *	there, or a part of it, with all IOTLB entries. Optional; with @map only
 * @rw: copy from or to a range that is not pinned; see iommufd_memory_rw().
 *	Optional: where it is missing the range is pinned for it
 * @destroy: free the memory, of which nothing is pinned
 * @bound: the memory is at an address of the process that made it, so no other
 *	process can take it over
 * @io: it is a device's: no struct page, and nothing for the CPU to copy.
 *	Nothing of it is ever pinned, @map and @unmap do it all
 *
 * All but @unmap and @destroy are called under the memory's lock.
 */
struct iommufd_memory_ops {
	int (*pin)(struct iommufd_memory *memory, struct pinning *pinning);
	void (*unpin)(struct iommufd_memory *memory, const u64 *extents,
		      unsigned int nr);
	int (*map)(struct iommufd_memory *memory, unsigned long offset,
		   unsigned long length, struct iommu_domain *domain,
		   unsigned long iova, int prot, bool smallest_pages);
	void (*unmap)(struct iommufd_memory *memory, struct iommu_domain *domain,
		      unsigned long iova, unsigned long length);
	int (*rw)(struct iommufd_memory *memory, unsigned long offset,
		  void *data, unsigned long length, unsigned int flags);
	void (*destroy)(struct iommufd_memory *memory);
	bool bound;
	bool io;
};

void iommufd_memory_init(struct iommufd_memory *memory,
			 const struct iommufd_memory_ops *ops,
			 unsigned long start, unsigned long length,
			 bool writable);

void memory_unpin_pages(struct iommufd_memory *memory, const u64 *extents,
			unsigned int nr);
struct pinned_span *memory_span_find(struct iommufd_memory *memory,
				     unsigned long index);

static inline struct pinned_span *to_span(struct rb_node *node)
{
	return rb_entry_safe(node, struct pinned_span, node);
}

static inline struct pinned_span *memory_span_next(struct pinned_span *span)
{
	return to_span(rb_next(&span->node));
}

/**
 * struct iommufd_payer - whom pages count against
 * @user: the user, whose locked_vm holds them, or
 * @mm: the address space, whose locked_vm holds them. They are in its VmPin in
 *	each case. It may have lost its last user
 * @task: whose RLIMIT_MEMLOCK holds
 * @exempt: not held against RLIMIT_MEMLOCK: CAP_IPC_LOCK
 */
struct iommufd_payer {
	struct user_struct *user;
	struct mm_struct *mm;
	struct task_struct *task;
	bool exempt;
};

/**
 * struct iommufd_account - what the memories that one process made count for
 * @item: in the context's list
 * @accounts: the context's; its lock guards all below
 * @refs: one for each memory
 * @payer: whom it counts against, each part of it referenced; does not change
 *	while a memory is at an address of its process
 * @npages: how many pages
 */
struct iommufd_account {
	struct list_head item;
	struct iommufd_accounts *accounts;
	unsigned long refs;
	struct iommufd_payer payer;
	unsigned long npages;
};

/* memory_access.c */
int memory_user_rw(struct iommufd_memory *memory, unsigned long offset,
		   void *data, unsigned long length, unsigned int flags);

/* memory_account.c */
int memory_account_init(struct iommufd_memory *memory,
			struct iommufd_accounts *accounts);
void memory_account_fini(struct iommufd_memory *memory);
int memory_charge(struct iommufd_memory *memory, unsigned long npages);
void memory_uncharge(struct iommufd_memory *memory, unsigned long npages);

#endif /* __IOMMUFD_MEMORY_PRIVATE_H */
