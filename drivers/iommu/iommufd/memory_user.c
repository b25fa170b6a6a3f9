// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process, by its address there.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "fail.h"
#include "memory_private.h"

/* Page pointers of one call of GUP: a 4 KiB array, or a few on the stack */
#define PIN_BATCH	(PAGE_SIZE / sizeof(struct page *))
#define PIN_BATCH_STACK	8

/* The address space is that of whoever pays, which does not change */
static struct mm_struct *user_mm(struct iommufd_memory *memory)
{
	return memory->account->payer.mm;
}

static long gup(struct iommufd_memory *memory, unsigned long va,
		unsigned long npages, unsigned int flags, struct page **pages)
{
	struct mm_struct *mm = user_mm(memory);
	long pinned;

	if (mm == current->mm)
		return pin_user_pages_fast(va, npages, flags, pages);

	mmap_read_lock(mm);
	pinned = pin_user_pages_remote(mm, va, npages, flags, pages, NULL,
				       NULL);
	mmap_read_unlock(mm);
	return pinned;
}

/* How many of the pages lie in one mapping that cannot be written */
static unsigned long readonly_pages(struct mm_struct *mm, unsigned long va,
				    unsigned long npages)
{
	struct vm_area_struct *vma;
	unsigned long readonly = 1;

	mmap_read_lock(mm);
	vma = vma_lookup(mm, va);
	if (vma && !(vma->vm_flags & VM_WRITE))
		readonly = (vma->vm_end - va) >> PAGE_SHIFT;
	mmap_read_unlock(mm);
	return min(readonly, npages);
}

/*
 * Memory that devices only read is pinned for writing too where its mapping
 * permits. If it were pinned for reading, the CPU's next write would replace
 * private memory under the device, and untouched memory would be the zero page.
 */
static long pin_pages(struct iommufd_memory *memory, unsigned long index,
		      unsigned long npages, struct page **pages)
{
	unsigned long va = memory->start + index * PAGE_SIZE;
	long pinned;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (iommufd_should_fail())
		return -ENOMEM;

	pinned = gup(memory, va, npages, FOLL_LONGTERM | FOLL_WRITE, pages);
	if (pinned <= 0 && pinned != -EINTR && !memory->writable)
		pinned = gup(memory, va,
			     readonly_pages(user_mm(memory), va, npages),
			     FOLL_LONGTERM, pages);
	if (pinned > 0 || pinned == -ENOMEM || pinned == -EINTR)
		return pinned;
	return -EFAULT;
}

static int pin_batch(struct pinning *pinning, struct page **pages,
		     unsigned long capacity)
{
	unsigned long index = pinning->next;
	unsigned long added;
	long npages;
	int rc;

	npages = pin_pages(pinning->memory, index,
			   min(capacity, pinning->last - index + 1), pages);
	if (npages < 0)
		return npages;
	rc = pinning_add_pages(pinning, pages, npages);
	if (rc) {
		added = pinning->next - index;
		unpin_user_pages(pages + added, npages - added);
	}
	return rc;
}

static int pin_batches(struct pinning *pinning)
{
	unsigned long npages = pinning->last - pinning->next + 1;
	struct page *few[PIN_BATCH_STACK];
	unsigned long capacity =
		iommufd_scratch_items(ARRAY_SIZE(few), sizeof(*few));
	struct page **pages = few;
	int rc = 0;

	if (npages > capacity) {
		capacity = min(npages, iommufd_scratch_items(PIN_BATCH,
							     sizeof(*pages)));
		pages = kmalloc_array(capacity, sizeof(*pages), GFP_KERNEL);
		if (!pages)
			return -ENOMEM;
	}
	while (true) {
		rc = pin_batch(pinning, pages, capacity);
		if (rc || pinning->next > pinning->last)
			break;
		cond_resched();
	}
	if (pages != few)
		kfree(pages);
	return rc;
}

static int user_pin(struct iommufd_memory *memory, struct pinning *pinning)
{
	struct mm_struct *mm = user_mm(memory);
	int rc;

	if (mm == current->mm)
		return pin_batches(pinning);

	/* Another process has its memory only as long as it lives */
	if (!mmget_not_zero(mm))
		return -EFAULT;
	rc = pin_batches(pinning);
	mmput(mm);
	return rc;
}

static void user_destroy(struct iommufd_memory *memory)
{
	memory_account_fini(memory);
	kfree(memory);
}

static const struct iommufd_memory_ops user_memory_ops = {
	.pin = user_pin,
	.unpin = memory_unpin_pages,
	.rw = memory_user_rw,
	.destroy = user_destroy,
	.bound = true,
};

/**
 * iommufd_memory_alloc_user - Name a range of the caller's address space
 * @accounts: of the context
 * @va: its first byte
 * @length: its length in bytes; @va + @length - 1 does not overflow
 * @writable: devices may write to it
 *
 * Nothing is pinned by this, or even looked at.
 *
 * Return: the memory with one reference, or -ENOMEM.
 */
struct iommufd_memory *
iommufd_memory_alloc_user(struct iommufd_accounts *accounts, unsigned long va,
			  unsigned long length, bool writable)
{
	struct iommufd_memory *memory;
	int rc;

	memory = kmalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return ERR_PTR(-ENOMEM);
	*memory = (struct iommufd_memory){};
	iommufd_memory_init(memory, &user_memory_ops, untagged_addr(va),
			    length, writable);
	rc = memory_account_init(memory, accounts);
	if (rc) {
		kfree(memory);
		return ERR_PTR(rc);
	}
	return memory;
}
