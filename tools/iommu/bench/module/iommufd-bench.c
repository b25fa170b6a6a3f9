// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor of mapping memory for a device: pinning, the IOMMU driver's map,
 * unmap and flush, and unpinning, each alone and with nothing around it that
 * could be left out. What /dev/iommu takes is compared with the sum. And the
 * memory that a process has the kernel allocate, to the byte.
 */
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/uaccess.h>

#include <trace/events/kmem.h>

#include "iommufd-bench.h"

#define PIN_BATCH	512

/* An open of /dev/iommufd-bench */
struct bench_file {
	/* One call at a time */
	struct mutex lock;
	/* The device, or NULL, and what it is attached to */
	struct pci_dev *pdev;
	struct iommu_domain *domain;
	/* Whose allocations count, or NULL, and what they are together */
	struct task_struct *allocator;
	s64 allocated;
};

/* A run of pages that are neighbours in physical memory */
struct bench_run {
	unsigned long first;
	unsigned long npages;
};

/* What is pinned: each page, and the runs that they are */
struct bench_pages {
	unsigned long npages;
	unsigned long pinned;
	unsigned long nr_runs;
	struct page **pages;
	struct bench_run *runs;
};

static int pin_all(struct bench_pages *memory, unsigned long va, u64 *ticks)
{
	while (memory->pinned < memory->npages) {
		unsigned long left = memory->npages - memory->pinned;
		struct page **pages = memory->pages + memory->pinned;
		cycles_t start = get_cycles();
		int pinned;

		pinned = pin_user_pages_fast(va + memory->pinned * PAGE_SIZE,
					     min_t(unsigned long, left, PIN_BATCH),
					     FOLL_WRITE | FOLL_LONGTERM, pages);
		*ticks += get_cycles() - start;
		if (pinned <= 0)
			return pinned ?: -EFAULT;
		memory->pinned += pinned;
		cond_resched();
	}
	return 0;
}

static void find_runs(struct bench_pages *memory)
{
	unsigned long i;

	for (i = 0; i < memory->npages; i++) {
		if (i && page_to_pfn(memory->pages[i]) ==
			 page_to_pfn(memory->pages[i - 1]) + 1) {
			memory->runs[memory->nr_runs - 1].npages++;
		} else {
			memory->runs[memory->nr_runs].first = i;
			memory->runs[memory->nr_runs++].npages = 1;
		}
	}
}

/* By runs where they are long, page by page where they are not: what is cheaper */
static void unpin_all(struct bench_pages *memory, u64 *ticks)
{
	unsigned long i, done = 0;
	cycles_t start = get_cycles();

	for (i = 0; i < memory->nr_runs; i++) {
		struct bench_run *run = &memory->runs[i];

		if (run->npages == 1)
			continue;
		unpin_user_pages_dirty_lock(memory->pages + done,
					    run->first - done, true);
		unpin_user_page_range_dirty_lock(memory->pages[run->first],
						 run->npages, true);
		done = run->first + run->npages;
	}
	unpin_user_pages_dirty_lock(memory->pages + done, memory->pinned - done,
				    true);
	*ticks += get_cycles() - start;
}

static int map_all(struct bench_pages *memory, struct iommu_domain *domain,
		   unsigned long iova, u64 *ticks)
{
	cycles_t start = get_cycles();
	unsigned long done = 0;
	unsigned long i;
	int rc = 0;

	for (i = 0; i < memory->nr_runs && !rc; i++) {
		struct bench_run *run = &memory->runs[i];

		rc = iommu_map_nosync(domain, iova + done,
				      page_to_phys(memory->pages[run->first]),
				      run->npages * PAGE_SIZE,
				      IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE,
				      GFP_KERNEL_ACCOUNT);
		if (!rc)
			done += run->npages * PAGE_SIZE;
	}
	if (!rc)
		rc = iommu_sync_map(domain, iova, done);
	*ticks += get_cycles() - start;
	if (rc && done)
		iommu_unmap(domain, iova, done);
	return rc;
}

static int unmap_all(struct iommu_domain *domain, unsigned long iova,
		     unsigned long size, struct bench_steps *steps)
{
	struct iommu_iotlb_gather gather;
	cycles_t start, unmapped;
	size_t done;

	start = get_cycles();
	iommu_iotlb_gather_init(&gather);
	done = iommu_unmap_fast(domain, iova, size, &gather);
	unmapped = get_cycles();
	iommu_iotlb_sync(domain, &gather);
	steps->out_flush = get_cycles() - unmapped;
	steps->out_unmap = unmapped - start;
	return done == size ? 0 : -EIO;
}

static int do_steps(struct iommu_domain *domain, struct bench_pages *memory,
		    struct bench_steps *steps)
{
	int rc;

	rc = pin_all(memory, steps->va, &steps->out_pin);
	if (rc) {
		unpin_user_pages(memory->pages, memory->pinned);
		return rc;
	}
	find_runs(memory);
	steps->out_runs = memory->nr_runs;
	if (domain) {
		rc = map_all(memory, domain, steps->iova, &steps->out_map);
		if (!rc)
			rc = unmap_all(domain, steps->iova, steps->length, steps);
	}
	unpin_all(memory, &steps->out_unpin);
	return rc;
}

static int bench_steps(struct bench_file *bench, struct bench_steps *steps)
{
	struct bench_pages memory = { .npages = steps->length >> PAGE_SHIFT };
	int rc = -ENOMEM;

	if (!steps->length || !PAGE_ALIGNED(steps->length | steps->va | steps->iova))
		return -EINVAL;
	steps->out_pin = 0;
	steps->out_map = 0;
	steps->out_unmap = 0;
	steps->out_flush = 0;
	steps->out_unpin = 0;
	memory.pages = kvmalloc_array(memory.npages, sizeof(*memory.pages), GFP_KERNEL);
	memory.runs = kvmalloc_array(memory.npages, sizeof(*memory.runs), GFP_KERNEL);
	if (memory.pages && memory.runs)
		rc = do_steps(bench->domain, &memory, steps);
	kvfree(memory.runs);
	kvfree(memory.pages);
	return rc;
}

static int bench_domain(struct bench_file *bench, struct bench_domain *cost)
{
	struct iommu_domain *domain;
	cycles_t start, made;

	if (!bench->pdev)
		return -ENODEV;
	start = get_cycles();
	domain = iommu_paging_domain_alloc_flags(&bench->pdev->dev, 0, NULL);
	made = get_cycles();
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	iommu_domain_free(domain);
	cost->out_free = get_cycles() - made;
	cost->out_alloc = made - start;
	return 0;
}

/* Interrupts that come in between allocate for others */
static void count_object(struct bench_file *bench, const void *object, int sign)
{
	if (current == bench->allocator && in_task() && !ZERO_OR_NULL_PTR(object))
		bench->allocated += sign * (s64)ksize(object);
}

static void see_kmalloc(void *bench, unsigned long caller, const void *object,
			size_t wanted, size_t size, gfp_t gfp, int node)
{
	count_object(bench, object, 1);
}

static void see_cache_alloc(void *bench, unsigned long caller, const void *object,
			    struct kmem_cache *cache, gfp_t gfp, int node)
{
	count_object(bench, object, 1);
}

static void see_kfree(void *bench, unsigned long caller, const void *object)
{
	count_object(bench, object, -1);
}

static void see_cache_free(void *bench, unsigned long caller, const void *object,
			   const struct kmem_cache *cache)
{
	count_object(bench, object, -1);
}

static void stop_counting(struct bench_file *bench)
{
	unregister_trace_kmalloc(see_kmalloc, bench);
	unregister_trace_kmem_cache_alloc(see_cache_alloc, bench);
	unregister_trace_kfree(see_kfree, bench);
	unregister_trace_kmem_cache_free(see_cache_free, bench);
	tracepoint_synchronize_unregister();
	bench->allocator = NULL;
}

static int start_counting(struct bench_file *bench)
{
	bench->allocator = current;
	if (register_trace_kmalloc(see_kmalloc, bench) ||
	    register_trace_kmem_cache_alloc(see_cache_alloc, bench) ||
	    register_trace_kfree(see_kfree, bench) ||
	    register_trace_kmem_cache_free(see_cache_free, bench)) {
		/* Those that are not there are not missed */
		stop_counting(bench);
		return -ENOMEM;
	}
	bench->allocated = 0;
	return 0;
}

static int bench_memory(struct bench_file *bench, struct bench_memory *memory)
{
	int rc = 0;

	if (!bench->allocator)
		rc = start_counting(bench);
	else if (bench->allocator != current)
		rc = -EBUSY;
	memory->out_bytes = bench->allocated;
	return rc;
}

static int bench_attach(struct bench_file *bench, const struct bench_pci *pci)
{
	struct iommu_domain *domain;
	struct pci_dev *pdev;
	int rc;

	if (bench->pdev)
		return -EBUSY;
	pdev = pci_get_domain_bus_and_slot(pci->segment, pci->bus, pci->devfn);
	if (!pdev)
		return -ENODEV;
	domain = iommu_paging_domain_alloc_flags(&pdev->dev, 0, NULL);
	if (IS_ERR(domain)) {
		rc = PTR_ERR(domain);
		goto out_put;
	}
	rc = iommu_attach_device(domain, &pdev->dev);
	if (rc)
		goto out_free;
	bench->pdev = pdev;
	bench->domain = domain;
	return 0;

out_free:
	iommu_domain_free(domain);
out_put:
	pci_dev_put(pdev);
	return rc;
}

static long bench_call(struct bench_file *bench, unsigned int cmd, void __user *arg)
{
	union {
		struct bench_pci pci;
		struct bench_steps steps;
		struct bench_domain domain;
		struct bench_memory memory;
	} u;
	long rc;

	if (_IOC_SIZE(cmd) > sizeof(u) || copy_from_user(&u, arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case BENCH_ATTACH:
		return bench_attach(bench, &u.pci);
	case BENCH_STEPS:
		rc = bench_steps(bench, &u.steps);
		break;
	case BENCH_DOMAIN:
		rc = bench_domain(bench, &u.domain);
		break;
	case BENCH_MEMORY:
		rc = bench_memory(bench, &u.memory);
		break;
	default:
		return -ENOTTY;
	}
	if (!rc && copy_to_user(arg, &u, _IOC_SIZE(cmd)))
		return -EFAULT;
	return rc;
}

static long bench_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bench_file *bench = file->private_data;
	long rc;

	mutex_lock(&bench->lock);
	rc = bench_call(bench, cmd, (void __user *)arg);
	mutex_unlock(&bench->lock);
	return rc;
}

static int bench_open(struct inode *inode, struct file *file)
{
	struct bench_file *bench = kzalloc(sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return -ENOMEM;
	mutex_init(&bench->lock);
	file->private_data = bench;
	return 0;
}

static int bench_release(struct inode *inode, struct file *file)
{
	struct bench_file *bench = file->private_data;

	if (bench->allocator)
		stop_counting(bench);
	if (bench->pdev) {
		iommu_detach_device(bench->domain, &bench->pdev->dev);
		iommu_domain_free(bench->domain);
		pci_dev_put(bench->pdev);
	}
	mutex_destroy(&bench->lock);
	kfree(bench);
	return 0;
}

static const struct file_operations bench_fops = {
	.owner = THIS_MODULE,
	.open = bench_open,
	.release = bench_release,
	.unlocked_ioctl = bench_ioctl,
};

static struct miscdevice bench_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommufd-bench",
	.fops = &bench_fops,
	.mode = 0600,
};

module_misc_device(bench_misc);
MODULE_DESCRIPTION("What the steps of mapping memory for a device cost alone");
MODULE_LICENSE("GPL");
/* Part of the series, though built beside the tree: no reason to taint */
MODULE_INFO(intree, "Y");
