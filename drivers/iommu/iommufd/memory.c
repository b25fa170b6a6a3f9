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
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "memory_private.h"

/* A full span is a page of memory: 0.2 % of what it can describe at the worst */
#define SPAN_CAPACITY                                     \
	((unsigned int)((PAGE_SIZE - sizeof(struct pinned_span)) / sizeof(u64)))

#ifdef CONFIG_IOMMUFD_TEST
unsigned long iommufd_scratch_limit = ULONG_MAX;
#endif

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

/* The span that holds the page, else the next one after it, else NULL */
struct pinned_span *memory_span_find(struct iommufd_memory *memory,
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
	struct pinned_span *span = memory_span_find(memory, index);

	if (!span || span->first >= index)
		return 0;
	return span_split(memory, span, index);
}

/* Single pages are unpinned in batches, for each would be a call of its own */
#define UNPIN_BATCH 16

/* Let no span reach over an edge of a range; most memories have none yet */
static int split_edges(struct iommufd_memory *memory, unsigned long first,
		       unsigned long last)
{
	int rc;

	if (RB_EMPTY_ROOT(&memory->spans))
		return 0;
	rc = split_at(memory, first);
	if (!rc && last != ULONG_MAX)
		rc = split_at(memory, last + 1);
	return rc;
}

/* The unpin operation of sources that pin pages as GUP does */
void memory_unpin_pages(struct iommufd_memory *memory, const u64 *extents,
			unsigned int nr)
{
	struct page *alone[UNPIN_BATCH];
	unsigned int i, nr_alone = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = pfn_to_page(extent_pfn(extents[i]));
		unsigned long npages = extent_npages(extents[i]);

		if (npages > 1) {
			unpin_user_page_range_dirty_lock(page, npages,
							 memory->writable);
			continue;
		}
		alone[nr_alone++] = page;
		if (nr_alone == UNPIN_BATCH) {
			unpin_user_pages_dirty_lock(alone, nr_alone,
						    memory->writable);
			nr_alone = 0;
		}
	}
	if (nr_alone)
		unpin_user_pages_dirty_lock(alone, nr_alone, memory->writable);
}

static void span_unpin_pages(struct iommufd_memory *memory,
			     struct pinned_span *span)
{
	if (memory->ops->unpin)
		memory->ops->unpin(memory, span->extents, span->nr);
}

/* Add as many pages of the run as there is room for; returns how many */
static unsigned long span_append(struct pinned_span *span, unsigned long pfn,
				 unsigned long npages)
{
	u64 *end = &span->extents[span->nr];
	unsigned long run;

	if (span->nr) {
		run = extent_npages(end[-1]);
		if (extent_pfn(end[-1]) + run == pfn && run < EXTENT_MAX) {
			npages = min(npages, EXTENT_MAX - run);
			end[-1] = make_extent(pfn - run, run + npages);
			span->npages += npages;
			return npages;
		}
	}
	if (span->nr == span->capacity)
		return 0;
	npages = min(npages, EXTENT_MAX);
	*end = make_extent(pfn, npages);
	span->nr++;
	span->npages += npages;
	return npages;
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

static int pinning_grow(struct pinning *pinning)
{
	struct pinned_span *span;

	if (pinning->spans)
		pinning->spans = span_shrink(pinning->spans);
	span = span_alloc(min(iommufd_scratch_items(SPAN_CAPACITY, sizeof(u64)),
			      pinning->last - pinning->next + 1));
	if (!span)
		return -ENOMEM;
	span->first = pinning->next;
	span->node.rb_left = pinning->spans ? &pinning->spans->node : NULL;
	pinning->spans = span;
	return 0;
}

static int add_run(struct pinning *pinning, unsigned long pfn,
		   unsigned long npages)
{
	unsigned long added = 0;
	int rc;

	while (true) {
		if (pinning->spans)
			added = span_append(pinning->spans, pfn, npages);
		pinning->next += added;
		npages -= added;
		if (!npages)
			return 0;
		pfn += added;
		rc = pinning_grow(pinning);
		if (rc)
			return rc;
	}
}

/**
 * pinning_add_run - Add a physical run to what is being pinned
 * @pinning: what is being pinned; @pinning->next advances with what is added
 * @pfn: its first page frame
 * @npages: pages in it
 *
 * Return: 0, or -ENOMEM with the run added in part or not at all.
 */
int pinning_add_run(struct pinning *pinning, unsigned long pfn,
		    unsigned long npages)
{
	return add_run(pinning, pfn, npages);
}

/* Is @page the page frame @n behind @first? */
static bool page_is(struct page *page, struct page *first, unsigned long n)
{
	/* Where all struct pages are one array, do not divide by their size */
	if (IS_ENABLED(CONFIG_SPARSEMEM) && !IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
		return page_to_pfn(page) == page_to_pfn(first) + n;
	return page == first + n;
}

/* How many of the pages are one physical run; a huge page is looked at by eight */
static unsigned long run_length(struct page **pages, unsigned long npages)
{
	struct page *first = pages[0];
	unsigned long n = 1;

	while (n + 8 <= npages && page_is(pages[n], first, n) &&
	       page_is(pages[n + 1], first, n + 1) &&
	       page_is(pages[n + 2], first, n + 2) &&
	       page_is(pages[n + 3], first, n + 3) &&
	       page_is(pages[n + 4], first, n + 4) &&
	       page_is(pages[n + 5], first, n + 5) &&
	       page_is(pages[n + 6], first, n + 6) &&
	       page_is(pages[n + 7], first, n + 7))
		n += 8;
	while (n < npages && page_is(pages[n], first, n))
		n++;
	return n;
}

/**
 * pinning_add_pages - Add pages to what is being pinned
 * @pinning: what is being pinned; @pinning->next advances with what is added
 * @pages: the pages
 * @npages: how many
 *
 * Return: 0, or -ENOMEM with not all of them added.
 */
int pinning_add_pages(struct pinning *pinning, struct page **pages,
		      unsigned long npages)
{
	unsigned long done, run;
	int rc;

	for (done = 0; done < npages; done += run) {
		run = run_length(pages + done, npages - done);
		rc = add_run(pinning, page_to_pfn(pages[done]), run);
		if (rc)
			return rc;
	}
	return 0;
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
	rc = memory->ops->pin(memory, &pinning);
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
	struct pinned_span *span = memory_span_find(memory, first);

	while (span && span->first <= last) {
		struct pinned_span *next = memory_span_next(span);

		if (!--span->uses) {
			rb_erase(&span->node, &memory->spans);
			span_unpin_pages(memory, span);
			memory_uncharge(memory, span->npages);
			kfree(span);
			if (next)
				cond_resched();
		}
		span = next;
	}
}

/**
 * iommufd_memory_is_io - Is it a device's memory?
 * @memory: the memory
 *
 * Return: true if it is nothing that could be pinned, and if what a domain maps
 * of it can change while the IOAS does not: page-table entries of it may not be
 * looked at.
 */
bool iommufd_memory_is_io(struct iommufd_memory *memory)
{
	return memory->ops->io;
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

	if (iommufd_memory_is_io(memory))
		return 0;
	mutex_lock(&memory->lock);
	rc = split_edges(memory, first, last);

	while (!rc && index <= last) {
		span = memory_span_find(memory, index);
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
	for (span = memory_span_find(memory, first); span && span->first <= last;
	     span = memory_span_next(span)) {
		usage->pages += span->npages;
		usage->extents += span->nr;
	}
	mutex_unlock(&memory->lock);
}

/**
 * iommufd_memory_init - What all sources of memory begin with
 * @memory: zeroed
 * @ops: what the source does
 * @start: where it begins in the source, in bytes
 * @length: its length in bytes; @start + @length - 1 does not overflow
 * @writable: devices may write to it
 */
void iommufd_memory_init(struct iommufd_memory *memory,
			 const struct iommufd_memory_ops *ops,
			 unsigned long start, unsigned long length,
			 bool writable)
{
	refcount_set(&memory->refs, 1);
	memory->ops = ops;
	mutex_init(&memory->lock);
	memory->spans = RB_ROOT;
	memory->start = start & PAGE_MASK;
	memory->npages = ((start + length - 1) >> PAGE_SHIFT) -
			 (start >> PAGE_SHIFT) + 1;
	memory->writable = writable;
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
	mutex_destroy(&memory->lock);
	memory->ops->destroy(memory);
}
