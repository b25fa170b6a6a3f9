// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a device, by a dma-buf.
 *
 * It has no pages that could be pinned. Its exporter takes it away when the
 * device is reset or closed, and may bring it back; so the memory knows each
 * place where a domain holds a part of it, and empties and fills those places
 * when it is told. The dma-buf's reservation lock is held all the while: nobody
 * maps what is just being taken away.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "fail.h"
#include "iommufd_private.h"
#include "memory_private.h"

/**
 * struct device_memory - memory of a device
 * @memory: what it is to the others; its lock is outside of the dma-buf's
 * @dmabuf: the dma-buf, referenced
 * @attach: our attachment to it
 * @placements: struct placement by domain and IOVA; guarded by the dma-buf's
 *	reservation lock
 */
struct device_memory {
	struct iommufd_memory memory;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct rb_root placements;
};

/**
 * struct placement - a range of a domain that is for a range of the memory
 * @node: in device_memory.placements
 * @domain: the domain
 * @iova: first IOVA
 * @last: last IOVA
 * @offset: what @iova is in the dma-buf, in bytes
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @smallest_pages: the domain maps it by the CPU's pages, nothing larger
 * @mapped: the domain maps all of it, else nothing
 */
struct placement {
	struct rb_node node;
	struct iommu_domain *domain;
	unsigned long iova;
	unsigned long last;
	unsigned long offset;
	int prot;
	bool smallest_pages;
	bool mapped;
};

static struct device_memory *to_device_memory(struct iommufd_memory *memory)
{
	return container_of(memory, struct device_memory, memory);
}

static struct placement *to_placement(struct rb_node *node)
{
	return rb_entry_safe(node, struct placement, node);
}

static unsigned long placement_length(const struct placement *placement)
{
	return placement->last - placement->iova + 1;
}

/* The places of a domain are next to each other, so that it is synced once */
static bool placement_is_before(struct placement *placement,
				struct iommu_domain *domain, unsigned long iova)
{
	if (placement->domain != domain)
		return placement->domain < domain;
	return placement->last < iova;
}

static void placement_insert(struct device_memory *device,
			     struct placement *placement)
{
	struct rb_node **link = &device->placements.rb_node;
	struct rb_node *parent = NULL;

	while (*link) {
		parent = *link;
		if (placement_is_before(to_placement(parent), placement->domain,
					placement->iova))
			link = &parent->rb_right;
		else
			link = &parent->rb_left;
	}
	rb_link_node(&placement->node, parent, link);
	rb_insert_color(&placement->node, &device->placements);
}

/* The one that holds the IOVA, else the next one, maybe of another domain */
static struct placement *placement_find(struct device_memory *device,
					struct iommu_domain *domain,
					unsigned long iova)
{
	struct rb_node *node = device->placements.rb_node;
	struct placement *found = NULL;

	while (node) {
		struct placement *placement = to_placement(node);

		if (placement_is_before(placement, domain, iova)) {
			node = node->rb_right;
		} else {
			found = placement;
			node = node->rb_left;
		}
	}
	return found;
}

/* Memory that is not RAM is not cached */
static int run_prot(const struct dma_buf_phys_run *run, int prot)
{
	return run->mmio ? (prot & ~IOMMU_CACHE) | IOMMU_MMIO : prot;
}

/* The most that one call of the driver may map: it maps that as large as it can */
static size_t placement_step(const struct placement *placement)
{
	return placement->smallest_pages ? PAGE_SIZE : SIZE_MAX;
}

static int placement_map(struct device_memory *device,
			 struct placement *placement)
{
	unsigned long length = placement_length(placement);
	struct dma_buf_attachment *attach = device->attach;
	struct iommu_domain *domain = placement->domain;
	struct dma_buf_phys_run run;
	unsigned long done = 0;
	int rc;

	while (done < length) {
		rc = device->dmabuf->ops->phys_run(attach, placement->offset + done,
						   &run);
		if (rc)
			goto out_unmap;
		run.length = min3(run.length, length - done,
				  placement_step(placement));
		rc = iommu_map_nosync(domain, placement->iova + done, run.phys,
				      run.length, run_prot(&run, placement->prot),
				      GFP_KERNEL_ACCOUNT);
		if (rc)
			goto out_unmap;
		done += run.length;
		/* A large BAR by small pages takes long */
		cond_resched();
	}
	rc = iommu_sync_map(domain, placement->iova, length);
	if (rc)
		goto out_unmap;
	placement->mapped = true;
	return 0;

out_unmap:
	if (done)
		iommu_unmap(domain, placement->iova, done);
	return rc;
}

/* No memory to map now is no error: device_memory_notify() says when there is */
static bool is_away(int rc)
{
	return rc == -EAGAIN || rc == -ENODEV;
}

static int device_memory_map(struct iommufd_memory *memory,
			     unsigned long offset, unsigned long length,
			     struct iommu_domain *domain, unsigned long iova,
			     int prot, bool smallest_pages)
{
	struct device_memory *device = to_device_memory(memory);
	struct placement *placement;
	int rc;

	placement = kzalloc(sizeof(*placement), GFP_KERNEL_ACCOUNT);
	if (!placement)
		return -ENOMEM;
	placement->domain = domain;
	placement->iova = iova;
	placement->last = iova + length - 1;
	placement->offset = memory->start + offset;
	placement->prot = prot;
	placement->smallest_pages = smallest_pages;

	dma_resv_lock(device->dmabuf->resv, NULL);
	rc = iommufd_should_fail() ? -ENOMEM : placement_map(device, placement);
	if (!rc || is_away(rc)) {
		placement_insert(device, placement);
		rc = 0;
	}
	dma_resv_unlock(device->dmabuf->resv);
	if (rc)
		kfree(placement);
	return rc;
}

/*
 * Make @iova the first one of a placement of its own. An unmap must not fail for
 * want of memory.
 */
static void placement_split(struct device_memory *device,
			    struct iommu_domain *domain, unsigned long iova)
{
	struct placement *placement = placement_find(device, domain, iova);
	struct placement *tail;

	if (!placement || placement->domain != domain || placement->iova >= iova)
		return;
	tail = kmemdup(placement, sizeof(*placement), GFP_KERNEL | __GFP_NOFAIL);
	tail->iova = iova;
	tail->offset += iova - placement->iova;
	placement->last = iova - 1;
	placement_insert(device, tail);
}

static void device_memory_unmap(struct iommufd_memory *memory,
				struct iommu_domain *domain,
				unsigned long iova, unsigned long length)
{
	struct device_memory *device = to_device_memory(memory);
	unsigned long last = iova + length - 1;
	struct placement *placement, *next;

	dma_resv_lock(device->dmabuf->resv, NULL);
	placement_split(device, domain, iova);
	if (last != ULONG_MAX)
		placement_split(device, domain, last + 1);
	for (placement = placement_find(device, domain, iova);
	     placement && placement->domain == domain && placement->iova <= last;
	     placement = next) {
		next = to_placement(rb_next(&placement->node));
		rb_erase(&placement->node, &device->placements);
		if (placement->mapped)
			WARN_ON(iommu_unmap(domain, placement->iova,
					    placement_length(placement)) !=
				placement_length(placement));
		kfree(placement);
		cond_resched();
	}
	dma_resv_unlock(device->dmabuf->resv);
}

/* Empty the places of one domain, from @first on; returns the next domain's */
static struct placement *empty_domain(struct placement *first)
{
	struct iommu_domain *domain = first->domain;
	struct placement *placement = first;
	struct iommu_iotlb_gather gather;
	bool sync = false;

	iommu_iotlb_gather_init(&gather);
	while (placement && placement->domain == domain) {
		unsigned long length = placement_length(placement);

		if (placement->mapped) {
			WARN_ON(iommu_unmap_fast(domain, placement->iova, length,
						 &gather) != length);
			placement->mapped = false;
			sync = true;
		}
		placement = to_placement(rb_next(&placement->node));
		cond_resched();
	}
	if (sync)
		iommu_iotlb_sync(domain, &gather);
	return placement;
}

/* The memory moves, comes or goes: unmap what there was, map what there is now */
static void device_memory_notify(struct dma_buf_attachment *attach)
{
	struct device_memory *device = attach->importer_priv;
	struct placement *placement;
	int rc;

	dma_resv_assert_held(attach->dmabuf->resv);

	placement = to_placement(rb_first(&device->placements));
	while (placement)
		placement = empty_domain(placement);

	for (placement = to_placement(rb_first(&device->placements)); placement;
	     placement = to_placement(rb_next(&placement->node))) {
		rc = placement_map(device, placement);
		if (is_away(rc))
			break;
		if (rc)
			pr_warn_ratelimited("iommufd: device memory is lost to IOVA %#lx (%d)\n",
					    placement->iova, rc);
	}
}

static const struct dma_buf_attach_ops device_attach_ops = {
	.allow_peer2peer = true,
	.move_notify = device_memory_notify,
};

static void device_memory_destroy(struct iommufd_memory *memory)
{
	struct device_memory *device = to_device_memory(memory);

	WARN_ON(!RB_EMPTY_ROOT(&device->placements));
	dma_buf_detach(device->dmabuf, device->attach);
	dma_buf_put(device->dmabuf);
	kfree(device);
}

static const struct iommufd_memory_ops device_memory_ops = {
	.map = device_memory_map,
	.unmap = device_memory_unmap,
	.destroy = device_memory_destroy,
	.io = true,
};

/* A buffer that has lost its memory for good is of no use */
static int check_alive(struct device_memory *device, bool may_be_away)
{
	struct dma_buf_phys_run run;
	int rc;

	dma_resv_lock(device->dmabuf->resv, NULL);
	rc = device->dmabuf->ops->phys_run(device->attach, device->memory.start,
					   &run);
	dma_resv_unlock(device->dmabuf->resv);
	if (rc == -EAGAIN)
		return may_be_away ? 0 : -ENODEV;
	return rc;
}

/*
 * -EINVAL where the range exceeds the dma-buf, or its exporter does not tell
 * physical addresses; -ENODEV where there is no memory behind it any more, or,
 * unless it @may_be_away, now.
 */
static struct iommufd_memory *alloc_dma_buf(struct dma_buf *dmabuf,
					    unsigned long start,
					    unsigned long length, bool writable,
					    bool may_be_away)
{
	struct device_memory *device;
	int rc;

	if (!dmabuf->ops->phys_run || start >= dmabuf->size ||
	    length > dmabuf->size - start)
		return ERR_PTR(-EINVAL);

	device = kzalloc(sizeof(*device), GFP_KERNEL_ACCOUNT);
	if (!device)
		return ERR_PTR(-ENOMEM);
	iommufd_memory_init(&device->memory, &device_memory_ops, start, length,
			    writable);
	device->dmabuf = dmabuf;
	device->placements = RB_ROOT;
	device->attach = dma_buf_dynamic_attach(dmabuf, iommufd_misc_device(),
						&device_attach_ops, device);
	if (IS_ERR(device->attach)) {
		rc = PTR_ERR(device->attach);
		kfree(device);
		return ERR_PTR(rc);
	}
	get_dma_buf(dmabuf);
	rc = iommufd_should_fail() ? -ENOMEM : check_alive(device, may_be_away);
	if (rc) {
		iommufd_memory_put(&device->memory);
		return ERR_PTR(rc);
	}
	return &device->memory;
}

/**
 * iommufd_memory_alloc_dma_buf_fd - Name a range of a file if it is a dma-buf
 * @fd: file descriptor
 * @start: the first byte of the range
 * @length: its length in bytes
 * @writable: devices may write to it. How the file was opened only matters to
 *	mmap(), as with all who map dma-bufs for devices.
 *
 * Return: the memory with one reference; NULL where it is another kind of file;
 * -EBADF where it is none; -EINVAL where the range exceeds the dma-buf, or its
 * exporter does not tell physical addresses; -ENODEV where there is no memory
 * behind it, now or any more; -ENOMEM.
 */
struct iommufd_memory *iommufd_memory_alloc_dma_buf_fd(int fd,
						       unsigned long start,
						       unsigned long length,
						       bool writable)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct iommufd_memory *memory;

	if (dmabuf == ERR_PTR(-EINVAL))
		return NULL;
	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	memory = alloc_dma_buf(dmabuf, start, length, writable, false);
	dma_buf_put(dmabuf);
	return memory;
}

/* VMAs that show parts of one thing, one after the other */
static bool vmas_are_one(struct vm_area_struct *vma, struct vm_area_struct *next)
{
	return next && next->vm_start == vma->vm_end &&
	       next->vm_ops == vma->vm_ops && next->vm_file == vma->vm_file &&
	       next->vm_private_data == vma->vm_private_data &&
	       next->vm_pgoff == vma->vm_pgoff + vma_pages(vma);
}

static struct dma_buf *get_dma_buf_locked(struct mm_struct *mm,
					  unsigned long start,
					  unsigned long end, bool writable)
{
	unsigned long needed = VM_PFNMAP | (writable ? VM_WRITE : VM_READ);
	struct vm_area_struct *first, *vma, *next;

	mmap_assert_locked(mm);

	first = vma_lookup(mm, start);
	if (!first || !first->vm_ops || !first->vm_ops->get_dma_buf)
		return NULL;
	for (vma = first; (vma->vm_flags & needed) == needed; vma = next) {
		if (vma->vm_end >= end)
			return first->vm_ops->get_dma_buf(first, start, end);
		next = find_vma(mm, vma->vm_end);
		if (!vmas_are_one(vma, next))
			break;
	}
	return ERR_PTR(-EFAULT);
}

/**
 * iommufd_memory_alloc_mapped - Name device memory by where it is mapped
 * @va: an address of the caller's
 * @length: length in bytes; @va + @length - 1 does not overflow
 * @writable: devices may write to it
 *
 * The memory is what is mapped there now. It does not matter to it whether it
 * stays mapped.
 *
 * Return: the memory with one reference; NULL where there is no device memory at
 * @va; -EFAULT where something else follows it in the range, or nothing, or the
 * caller could not do there what devices may do; -ENOMEM; -EINTR.
 */
struct iommufd_memory *iommufd_memory_alloc_mapped(unsigned long va,
						   unsigned long length,
						   bool writable)
{
	struct iommufd_memory *memory;
	struct dma_buf *dmabuf;
	unsigned long end;

	va = untagged_addr(va);
	end = PAGE_ALIGN(va + length);
	/* Nothing is mapped in the last page of all */
	if (end <= va)
		return NULL;
	if (mmap_read_lock_killable(current->mm))
		return ERR_PTR(-EINTR);
	dmabuf = get_dma_buf_locked(current->mm, va & PAGE_MASK, end, writable);
	mmap_read_unlock(current->mm);
	if (IS_ERR_OR_NULL(dmabuf))
		return ERR_CAST(dmabuf);

	/* That it is mapped does not mean that the memory is there just now */
	memory = alloc_dma_buf(dmabuf, offset_in_page(va), length, writable,
			       true);
	dma_buf_put(dmabuf);
	return memory;
}

MODULE_IMPORT_NS(DMA_BUF);
