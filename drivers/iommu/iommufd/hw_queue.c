// SPDX-License-Identifier: GPL-2.0-only
/*
 * HW_QUEUE: a queue in guest memory that the hardware reads by itself.
 *
 * The guest says where the queue is, but the hardware reads it by its physical
 * address, past the page tables. So its memory has to be in one piece, and must
 * stay there as long as the queue does: the IOAS does not unmap it.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "iommufd_private.h"

/* How many pages are pinned at once */
#define PIN_PAGES (PAGE_SIZE / sizeof(struct page *))

static struct iommufd_hw_queue *to_hw_queue(struct iommufd_object *obj)
{
	return container_of(obj, struct iommufd_hw_queue, obj);
}

static struct iova_map *queue_map(struct iommufd_hw_queue *queue)
{
	return &queue->viommu->hwpt->ioas->map;
}

static void unpin_queue(struct iommufd_hw_queue *queue)
{
	unsigned long last = queue->base_addr + queue->length - 1;

	iova_map_unkeep(queue_map(queue), queue->base_addr, last);
	iova_map_unpin_pages(queue_map(queue), queue->base_addr, last);
}

void iommufd_hw_queue_destroy(struct iommufd_ctx *ictx,
			      struct iommufd_object *obj)
{
	struct iommufd_hw_queue *queue = to_hw_queue(obj);

	if (queue->destroy)
		queue->destroy(queue);
	if (queue->access) {
		unpin_queue(queue);
		iova_map_remove_access(queue_map(queue), queue->access);
		kfree(queue->access);
	}
	iommufd_object_unlink(&queue->viommu->obj);
}

/*
 * Pin [iova, last], and see that each page lies behind the one before. @*pinned
 * is the first IOVA that is not pinned, also on failure.
 */
static int pin_in_one_piece(struct iova_map *map, unsigned long iova,
			    unsigned long last, struct page **pages,
			    unsigned long *pinned, phys_addr_t *phys)
{
	unsigned long start = iova, pfn = 0, end, span, i;
	int rc;

	*pinned = iova;
	while (true) {
		/* Each batch but the last one ends with a page */
		span = PIN_PAGES * PAGE_SIZE - 1 - offset_in_page(start);
		end = last - start > span ? start + span : last;
		rc = iova_map_pin_pages(map, start, end, pages, IOMMU_READ);
		if (rc)
			return rc;
		*pinned = end + 1;
		if (start == iova)
			pfn = page_to_pfn(pages[0]);
		for (i = 0; i <= (end >> PAGE_SHIFT) - (start >> PAGE_SHIFT); i++)
			if (page_to_pfn(pages[i]) != pfn++)
				return -EFAULT;
		if (start == iova)
			*phys = page_to_phys(pages[0]) + offset_in_page(iova);
		if (end == last)
			return 0;
		if (fatal_signal_pending(current))
			return -EINTR;
		start = end + 1;
	}
}

static int pin_queue(struct iommufd_hw_queue *queue, phys_addr_t *phys)
{
	unsigned long iova = queue->base_addr, last = iova + queue->length - 1;
	struct iova_map *map = queue_map(queue);
	unsigned long pinned;
	struct page **pages;
	int rc;

	pages = kmalloc_array(PIN_PAGES, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	rc = pin_in_one_piece(map, iova, last, pages, &pinned, phys);
	kfree(pages);
	if (!rc)
		iova_map_keep(map, iova, last);
	else if (pinned != iova)
		iova_map_unpin_pages(map, iova, pinned - 1);
	return rc;
}

static int queue_build(struct iommufd_hw_queue *queue, u32 index)
{
	struct iova_map_access *access;
	phys_addr_t phys;
	int rc;

	access = kzalloc(sizeof(*access), GFP_KERNEL_ACCOUNT);
	if (!access)
		return -ENOMEM;
	access->needs_pin_pages = true;
	rc = iova_map_add_access(queue_map(queue), access);
	if (rc)
		goto out_free;
	rc = pin_queue(queue, &phys);
	if (rc)
		goto out_remove;
	queue->access = access;

	rc = queue->viommu->ops->hw_queue_init_phys(queue, index, phys);
	/* Nothing was made that the driver would have to undo */
	if (rc)
		queue->destroy = NULL;
	return rc;

out_remove:
	iova_map_remove_access(queue_map(queue), access);
out_free:
	kfree(access);
	return rc;
}

/* Make a HW_QUEUE. It is not published yet. */
static struct iommufd_hw_queue *
hw_queue_alloc(struct iommufd_viommu *viommu,
	       const struct iommu_hw_queue_alloc *cmd)
{
	const struct iommufd_viommu_ops *ops = viommu->ops;
	struct iommufd_hw_queue *queue;
	size_t size = 0;
	int rc;

	if (ops->get_hw_queue_size && ops->hw_queue_init_phys)
		size = ops->get_hw_queue_size(viommu, cmd->type);
	if (!size || WARN_ON(size < sizeof(*queue)))
		return ERR_PTR(-EOPNOTSUPP);

	queue = iommufd_object_alloc(viommu->ictx, size, IOMMUFD_OBJ_HW_QUEUE);
	if (IS_ERR(queue))
		return queue;
	queue->viommu = viommu;
	iommufd_object_link(&viommu->obj);
	queue->type = cmd->type;
	queue->base_addr = cmd->nesting_parent_iova;
	queue->length = cmd->length;
	rc = queue_build(queue, cmd->index);
	if (rc) {
		iommufd_object_abort(viommu->ictx, &queue->obj);
		return ERR_PTR(rc);
	}
	return queue;
}

static int hw_queue_check(const struct iommu_hw_queue_alloc *cmd)
{
	u64 last;

	if (cmd->flags || cmd->type == IOMMU_HW_QUEUE_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!cmd->length)
		return -EINVAL;
	if (check_add_overflow(cmd->nesting_parent_iova, cmd->length - 1, &last))
		return -EOVERFLOW;
	return last > ULONG_MAX ? -EOVERFLOW : 0;
}

int iommufd_hw_queue_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct iommufd_hw_queue *queue;
	struct iommufd_viommu *viommu;
	int rc;

	rc = hw_queue_check(cmd);
	if (rc)
		return rc;

	viommu = iommufd_get_viommu(ucmd->ictx, cmd->viommu_id);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	queue = hw_queue_alloc(viommu, cmd);
	iommufd_object_put(ucmd->ictx, &viommu->obj);
	if (IS_ERR(queue))
		return PTR_ERR(queue);

	cmd->out_hw_queue_id = queue->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_object_abort(ucmd->ictx, &queue->obj);
	else
		iommufd_object_publish(ucmd->ictx, &queue->obj);
	return rc;
}
