// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pinned memory, as extents.
 *
 * What is pinned of a memory is kept as spans: page ranges, each with a count
 * of its uses and with the physical runs it consists of. One more use of a
 * range counts up the spans in it and pins only what lies between them; so no
 * page is pinned or looked up twice. Where a use begins or ends inside a span,
 * the span is split there, so that the end of the use finds its own edges and
 * needs no memory.
 */
#include <linux/bitfield.h>
#include <linux/capability.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "memory.h"

/* An extent: the first page frame of a run, and the pages in it less one */
#define EXTENT_PAGES	GENMASK_ULL(23, 0)
#define EXTENT_PFN	GENMASK_ULL(63, 24)
#define EXTENT_MAX	(FIELD_MAX(EXTENT_PAGES) + 1)

/* Page pointers of one call of GUP: a 4 KiB array, or a few on the stack */
#define PIN_BATCH	(PAGE_SIZE / sizeof(struct page *))
#define PIN_BATCH_STACK	16

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

/* A full span is a page of memory: 0.2 % of what it can describe at the worst */
#define SPAN_CAPACITY                                     \
	((unsigned int)((PAGE_SIZE - sizeof(struct pinned_span)) / sizeof(u64)))

static unsigned long extent_pfn(u64 extent)
{
	return FIELD_GET(EXTENT_PFN, extent);
}

static unsigned long extent_npages(u64 extent)
{
	return FIELD_GET(EXTENT_PAGES, extent) + 1;
}

static u64 make_extent(unsigned long pfn, unsigned long npages)
{
	return FIELD_PREP(EXTENT_PFN, pfn) |
	       FIELD_PREP(EXTENT_PAGES, npages - 1);
}

static unsigned long span_last(const struct pinned_span *span)
{
	return span->first + span->npages - 1;
}

static struct pinned_span *span_alloc(unsigned int capacity)
{
	struct pinned_span *span;

	span = kmalloc(struct_size(span, extents, capacity),
		       GFP_KERNEL_ACCOUNT);
	if (!span)
		return NULL;
	RB_CLEAR_NODE(&span->node);
	span->uses = 1;
	span->npages = 0;
	span->nr = 0;
	span->capacity = capacity;
	return span;
}

static struct pinned_span *to_span(struct rb_node *node)
{
	return rb_entry_safe(node, struct pinned_span, node);
}

/* The span that holds the page, else the next one after it, else NULL */
static struct pinned_span *span_find(struct iommufd_memory *memory,
				     unsigned long index)
{
	struct rb_node *node = memory->spans.rb_node;
	struct pinned_span *found = NULL;

	lockdep_assert_held(&memory->lock);

	while (node) {
		struct pinned_span *span = to_span(node);

		if (index < span->first) {
			found = span;
			node = node->rb_left;
		} else if (index > span_last(span)) {
			node = node->rb_right;
		} else {
			return span;
		}
	}
	return found;
}

static struct pinned_span *span_next(struct pinned_span *span)
{
	return to_span(rb_next(&span->node));
}

static void span_insert(struct iommufd_memory *memory, struct pinned_span *span)
{
	struct rb_node **link = &memory->spans.rb_node;
	struct rb_node *parent = NULL;

	lockdep_assert_held(&memory->lock);

	while (*link) {
		parent = *link;
		if (span->first < to_span(parent)->first)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&span->node, parent, link);
	rb_insert_color(&span->node, &memory->spans);
}

/* Make one of @span's pages, @index, the first of a span of its own */
static int span_split(struct iommufd_memory *memory, struct pinned_span *span,
		      unsigned long index)
{
	unsigned long keep = index - span->first;
	unsigned long npages = 0;
	struct pinned_span *tail;
	unsigned int i = 0;

	while (npages + extent_npages(span->extents[i]) <= keep)
		npages += extent_npages(span->extents[i++]);

	tail = span_alloc(span->nr - i);
	if (!tail)
		return -ENOMEM;
	tail->first = index;
	tail->npages = span->npages - keep;
	tail->uses = span->uses;
	tail->nr = span->nr - i;
	memcpy(tail->extents, &span->extents[i], tail->nr * sizeof(u64));

	span->npages = keep;
	span->nr = i;
	if (npages < keep) {
		/* The edge goes through the middle of a run */
		unsigned long pfn = extent_pfn(span->extents[i]);
		unsigned long run = extent_npages(span->extents[i]);
		unsigned long left = keep - npages;

		span->extents[span->nr++] = make_extent(pfn, left);
		tail->extents[0] = make_extent(pfn + left, run - left);
	}
	span_insert(memory, tail);
	return 0;
}

static int split_at(struct iommufd_memory *memory, unsigned long index)
{
	struct pinned_span *span = span_find(memory, index);

	if (!span || span->first >= index)
		return 0;
	return span_split(memory, span, index);
}

static int memory_charge(struct iommufd_memory *memory, unsigned long npages)
{
	unsigned long limit, then;
	long now;

	if (!memory->exempt) {
		limit = task_rlimit(memory->task, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
		now = atomic_long_read(&memory->user->locked_vm);
		do {
			if (check_add_overflow((unsigned long)now, npages,
					       &then) || then > limit)
				return -ENOMEM;
		} while (!atomic_long_try_cmpxchg(&memory->user->locked_vm,
						  &now, then));
	}
	/* What /proc shows as VmPin, limited or not */
	atomic64_add(npages, &memory->mm->pinned_vm);
	return 0;
}

static void memory_uncharge(struct iommufd_memory *memory, unsigned long npages)
{
	if (!memory->exempt)
		atomic_long_sub(npages, &memory->user->locked_vm);
	atomic64_sub(npages, &memory->mm->pinned_vm);
}

static void span_unpin_pages(struct iommufd_memory *memory,
			     struct pinned_span *span)
{
	unsigned int i;

	for (i = 0; i < span->nr; i++) {
		struct page *page = pfn_to_page(extent_pfn(span->extents[i]));

		unpin_user_page_range_dirty_lock(page,
						 extent_npages(span->extents[i]),
						 memory->writable);
	}
}

static long gup(struct iommufd_memory *memory, unsigned long va,
		unsigned long npages, unsigned int flags, struct page **pages)
{
	long pinned;

	if (memory->mm == current->mm)
		return pin_user_pages_fast(va, npages, flags, pages);

	mmap_read_lock(memory->mm);
	pinned = pin_user_pages_remote(memory->mm, va, npages, flags, pages,
				       NULL, NULL);
	mmap_read_unlock(memory->mm);
	return pinned;
}

/* How many of the pages lie in one mapping that cannot be written */
static unsigned long readonly_pages(struct iommufd_memory *memory,
				    unsigned long va, unsigned long npages)
{
	struct vm_area_struct *vma;
	unsigned long readonly = 1;

	mmap_read_lock(memory->mm);
	vma = vma_lookup(memory->mm, va);
	if (vma && !(vma->vm_flags & VM_WRITE))
		readonly = (vma->vm_end - va) >> PAGE_SHIFT;
	mmap_read_unlock(memory->mm);
	return min(readonly, npages);
}

/*
 * Memory that devices only read is pinned for writing too where its mapping
 * permits. Pinned for reading, private memory would be replaced under the
 * device by the CPU's next write, and memory never touched be the zero page.
 */
static long pin_pages(struct iommufd_memory *memory, unsigned long index,
		      unsigned long npages, struct page **pages)
{
	unsigned long va = memory->va + index * PAGE_SIZE;
	long pinned;

	if (fatal_signal_pending(current))
		return -EINTR;

	pinned = gup(memory, va, npages, FOLL_LONGTERM | FOLL_WRITE, pages);
	if (pinned <= 0 && pinned != -EINTR && !memory->writable)
		pinned = gup(memory, va, readonly_pages(memory, va, npages),
			     FOLL_LONGTERM, pages);
	if (pinned > 0 || pinned == -ENOMEM || pinned == -EINTR)
		return pinned;
	return -EFAULT;
}

/* How many of the pages are one physical run */
static unsigned long run_length(struct page **pages, unsigned long npages)
{
	unsigned long pfn = page_to_pfn(pages[0]);
	unsigned long n = 1;

	while (n < npages && page_to_pfn(pages[n]) == pfn + n)
		n++;
	return n;
}

/* Add as many of the pages as there is room for; returns how many */
static unsigned long span_append(struct pinned_span *span, struct page **pages,
				 unsigned long npages)
{
	unsigned long done = 0;

	while (done < npages) {
		unsigned long run = run_length(pages + done, npages - done);
		unsigned long pfn = page_to_pfn(pages[done]);
		u64 *end = &span->extents[span->nr];

		if (span->nr && extent_pfn(end[-1]) + extent_npages(end[-1]) == pfn &&
		    extent_npages(end[-1]) + run <= EXTENT_MAX) {
			end[-1] = make_extent(extent_pfn(end[-1]),
					      extent_npages(end[-1]) + run);
		} else {
			if (span->nr == span->capacity)
				break;
			*end = make_extent(pfn, run);
			span->nr++;
		}
		done += run;
	}
	span->npages += done;
	return done;
}

/* A span that turned out to have few runs need not keep the room for many */
static struct pinned_span *span_shrink(struct pinned_span *span)
{
	struct pinned_span *small;

	if (span->nr > span->capacity / 2)
		return span;
	small = kmemdup(span, struct_size(span, extents, span->nr),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!small)
		return span;
	small->capacity = small->nr;
	kfree(span);
	return small;
}

static void spans_drop(struct iommufd_memory *memory,
		       struct pinned_span **spans)
{
	while (*spans) {
		struct pinned_span *span = *spans;

		*spans = to_span(span->node.rb_left);
		span_unpin_pages(memory, span);
		kfree(span);
	}
}

/*
 * State of pinning a range: spans so far, last first, chained through what is
 * not a tree node yet.
 */
struct pinning {
	struct iommufd_memory *memory;
	unsigned long next;
	unsigned long last;
	struct pinned_span *spans;
};

static int pinning_grow(struct pinning *pinning, unsigned long first)
{
	struct pinned_span *span;

	if (pinning->spans)
		pinning->spans = span_shrink(pinning->spans);
	span = span_alloc(min_t(unsigned long, SPAN_CAPACITY,
				pinning->last - first + 1));
	if (!span)
		return -ENOMEM;
	span->first = first;
	span->node.rb_left = pinning->spans ? &pinning->spans->node : NULL;
	pinning->spans = span;
	return 0;
}

static int pin_batch(struct pinning *pinning, struct page **pages,
		     unsigned long capacity)
{
	unsigned long index = pinning->next;
	unsigned long done = 0;
	long npages;
	int rc;

	npages = pin_pages(pinning->memory, index,
			   min(capacity, pinning->last - index + 1), pages);
	if (npages < 0)
		return npages;

	while (true) {
		if (pinning->spans)
			done += span_append(pinning->spans, pages + done,
					    npages - done);
		if (done == npages)
			break;
		rc = pinning_grow(pinning, index + done);
		if (rc) {
			unpin_user_pages(pages + done, npages - done);
			return rc;
		}
	}
	pinning->next += npages;
	return 0;
}

static int pin_batches(struct pinning *pinning)
{
	unsigned long npages = pinning->last - pinning->next + 1;
	struct page *few[PIN_BATCH_STACK];
	unsigned long capacity = ARRAY_SIZE(few);
	struct page **pages = few;
	int rc = 0;

	if (npages > capacity) {
		capacity = min(npages, PIN_BATCH);
		pages = kmalloc_array(capacity, sizeof(*pages), GFP_KERNEL);
		if (!pages)
			return -ENOMEM;
	}
	while (!rc && pinning->next <= pinning->last) {
		rc = pin_batch(pinning, pages, capacity);
		cond_resched();
	}
	if (pages != few)
		kfree(pages);
	return rc;
}

/* Pin pages that are not pinned yet, all of them or none */
static int pin_gap(struct iommufd_memory *memory, unsigned long first,
		   unsigned long last)
{
	struct pinning pinning = {
		.memory = memory,
		.next = first,
		.last = last,
	};
	struct pinned_span *span;
	int rc;

	rc = memory_charge(memory, last - first + 1);
	if (rc)
		return rc;
	/* Someone else's memory is reachable only while he still lives */
	if (memory->mm != current->mm && !mmget_not_zero(memory->mm)) {
		rc = -EFAULT;
		goto out_uncharge;
	}
	rc = pin_batches(&pinning);
	if (memory->mm != current->mm)
		mmput(memory->mm);
	if (rc) {
		spans_drop(memory, &pinning.spans);
		goto out_uncharge;
	}

	pinning.spans = span_shrink(pinning.spans);
	while (pinning.spans) {
		span = pinning.spans;
		pinning.spans = to_span(span->node.rb_left);
		span_insert(memory, span);
	}
	return 0;

out_uncharge:
	memory_uncharge(memory, last - first + 1);
	return rc;
}

static void unpin_locked(struct iommufd_memory *memory, unsigned long first,
			 unsigned long last)
{
	struct pinned_span *span = span_find(memory, first);

	while (span && span->first <= last) {
		struct pinned_span *next = span_next(span);

		if (!--span->uses) {
			rb_erase(&span->node, &memory->spans);
			span_unpin_pages(memory, span);
			memory_uncharge(memory, span->npages);
			kfree(span);
			cond_resched();
		}
		span = next;
	}
}

/**
 * iommufd_memory_pin - Use the pages from @first to @last
 * @memory: the memory
 * @first: index of the first page
 * @last: index of the last page
 *
 * Return: 0, or with nothing changed: -EFAULT where a page is not there or not
 * to be pinned, -ENOMEM, also over RLIMIT_MEMLOCK, -EINTR when killed.
 */
int iommufd_memory_pin(struct iommufd_memory *memory, unsigned long first,
		       unsigned long last)
{
	unsigned long index = first;
	struct pinned_span *span;
	int rc;

	mutex_lock(&memory->lock);
	rc = split_at(memory, first);
	if (!rc && last != ULONG_MAX)
		rc = split_at(memory, last + 1);

	while (!rc && index <= last) {
		span = span_find(memory, index);
		if (span && span->first <= index) {
			span->uses++;
			index = span_last(span) + 1;
			continue;
		}
		/* A gap, up to the next span */
		rc = pin_gap(memory, index,
			     span ? min(last, span->first - 1) : last);
		if (!rc)
			index = span ? min(last, span->first - 1) + 1 : last + 1;
	}
	if (rc && index > first)
		unpin_locked(memory, first, index - 1);
	mutex_unlock(&memory->lock);
	return rc;
}

/**
 * iommufd_memory_unpin - End the use of the pages from @first to @last
 * @memory: the memory
 * @first: as it was pinned
 * @last: as it was pinned
 */
void iommufd_memory_unpin(struct iommufd_memory *memory, unsigned long first,
			  unsigned long last)
{
	mutex_lock(&memory->lock);
	unpin_locked(memory, first, last);
	mutex_unlock(&memory->lock);
}

/**
 * iommufd_memory_measure - Add what is pinned of the pages from @first to @last
 * @memory: the memory
 * @first: as pinned by one use of it, or more than that
 * @last: likewise
 * @usage: added to
 */
void iommufd_memory_measure(struct iommufd_memory *memory, unsigned long first,
			    unsigned long last,
			    struct iommufd_memory_usage *usage)
{
	struct pinned_span *span;

	mutex_lock(&memory->lock);
	for (span = span_find(memory, first); span && span->first <= last;
	     span = span_next(span)) {
		usage->pages += span->npages;
		usage->extents += span->nr;
	}
	mutex_unlock(&memory->lock);
}

/*
 * Mapping: physical runs in, as large as they can be made by joining extents
 * that touch, page-table entries out.
 */
struct mapping {
	struct iommu_domain *domain;
	unsigned long iova;
	phys_addr_t phys;
	size_t size;
	int prot;
};

static int mapping_flush(struct mapping *mapping)
{
	int rc;

	if (!mapping->size)
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	rc = iommu_map_nosync(mapping->domain, mapping->iova, mapping->phys,
			      mapping->size, mapping->prot, GFP_KERNEL_ACCOUNT);
	if (rc)
		return rc;
	mapping->iova += mapping->size;
	mapping->size = 0;
	return 0;
}

static int mapping_add(struct mapping *mapping, phys_addr_t phys, size_t size)
{
	int rc;

	if (mapping->size && mapping->phys + mapping->size == phys) {
		mapping->size += size;
		return 0;
	}
	rc = mapping_flush(mapping);
	if (rc)
		return rc;
	mapping->phys = phys;
	mapping->size = size;
	return 0;
}

/* Add what of the span lies in bytes @offset to @end - 1 of its memory */
static int mapping_add_span(struct mapping *mapping, struct pinned_span *span,
			    unsigned long offset, unsigned long end)
{
	unsigned long start = span->first * PAGE_SIZE;
	unsigned int i;
	int rc;

	for (i = 0; i < span->nr && start < end; i++) {
		unsigned long size = extent_npages(span->extents[i]) * PAGE_SIZE;
		phys_addr_t phys = PFN_PHYS(extent_pfn(span->extents[i]));
		unsigned long skip = offset > start ? offset - start : 0;

		if (skip < size) {
			rc = mapping_add(mapping, phys + skip,
					 min(size, end - start) - skip);
			if (rc)
				return rc;
		}
		start += size;
	}
	return 0;
}

/**
 * iommufd_memory_map - Put a range of the memory into a domain
 * @memory: the memory
 * @offset: where the range begins, in bytes
 * @length: its length, in bytes
 * @domain: where to
 * @iova: at which address
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 *
 * The range is pinned. The caller still has to call iommu_sync_map().
 *
 * Return: 0, or with nothing mapped what the driver said, or -EINTR.
 */
int iommufd_memory_map(struct iommufd_memory *memory, unsigned long offset,
		       unsigned long length, struct iommu_domain *domain,
		       unsigned long iova, int prot)
{
	struct mapping mapping = {
		.domain = domain,
		.iova = iova,
		.prot = prot,
	};
	unsigned long end = offset + length;
	struct pinned_span *span;
	int rc = 0;

	mutex_lock(&memory->lock);
	for (span = span_find(memory, offset >> PAGE_SHIFT);
	     span && span->first * PAGE_SIZE < end; span = span_next(span)) {
		rc = mapping_add_span(&mapping, span, offset, end);
		if (rc)
			break;
		cond_resched();
	}
	if (!rc)
		rc = mapping_flush(&mapping);
	mutex_unlock(&memory->lock);

	if (rc && mapping.iova != iova)
		iommu_unmap(domain, iova, mapping.iova - iova);
	return rc;
}

/**
 * iommufd_memory_alloc - Name a range of the caller's address space
 * @va: its first byte
 * @length: its length in bytes; @va + @length - 1 does not overflow
 * @writable: devices may write to it
 *
 * Nothing is pinned by this, or even looked at.
 *
 * Return: the memory with one reference, or -ENOMEM.
 */
struct iommufd_memory *iommufd_memory_alloc(unsigned long va,
					    unsigned long length, bool writable)
{
	struct iommufd_memory *memory;

	memory = kzalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return ERR_PTR(-ENOMEM);
	refcount_set(&memory->refs, 1);
	mutex_init(&memory->lock);
	memory->spans = RB_ROOT;
	va = untagged_addr(va);
	memory->va = va & PAGE_MASK;
	memory->npages = ((va + length - 1) >> PAGE_SHIFT) -
			 (va >> PAGE_SHIFT) + 1;
	memory->writable = writable;
	memory->exempt = capable(CAP_IPC_LOCK);
	memory->user = get_uid(current_user());
	memory->task = get_task_struct(current->group_leader);
	memory->mm = current->mm;
	mmgrab(memory->mm);
	return memory;
}

/**
 * iommufd_memory_put - Give a reference back
 * @memory: the memory, of which the caller uses no pages any more
 */
void iommufd_memory_put(struct iommufd_memory *memory)
{
	if (!refcount_dec_and_test(&memory->refs))
		return;
	WARN_ON(!RB_EMPTY_ROOT(&memory->spans));
	mmdrop(memory->mm);
	put_task_struct(memory->task);
	free_uid(memory->user);
	mutex_destroy(&memory->lock);
	kfree(memory);
}
