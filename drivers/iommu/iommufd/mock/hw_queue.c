// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock IOMMU's queues in guest memory, of which a VM has a few. They are to
 * be made in the order of their index, and do nothing.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/mutex.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/**
 * struct mock_hw_queue - a queue of a VM
 * @core: what the core sees
 * @index: its place in mock_viommu.queues
 * @before: the queue of the index before, which it depends on, or NULL
 */
struct mock_hw_queue {
	struct iommufd_hw_queue core;
	u32 index;
	struct mock_hw_queue *before;
};

static struct mock_hw_queue *to_mock_hw_queue(struct iommufd_hw_queue *queue)
{
	return container_of(queue, struct mock_hw_queue, core);
}

static void mock_hw_queue_destroy(struct iommufd_hw_queue *queue)
{
	struct mock_viommu *viommu = to_mock_viommu(queue->viommu);
	struct mock_hw_queue *mock = to_mock_hw_queue(queue);

	mutex_lock(&viommu->queue_lock);
	viommu->queues[mock->index] = NULL;
	if (mock->before)
		iommufd_hw_queue_undepend(queue, &mock->before->core);
	mutex_unlock(&viommu->queue_lock);
}

size_t mock_get_hw_queue_size(struct iommufd_viommu *viommu, u32 type)
{
	if (type != IOMMU_HW_QUEUE_TYPE_SELFTEST)
		return 0;
	return HW_QUEUE_STRUCT_SIZE(struct mock_hw_queue, core);
}

static int join_queues(struct mock_viommu *viommu, struct mock_hw_queue *mock)
{
	u32 index = mock->index;

	lockdep_assert_held(&viommu->queue_lock);

	if (viommu->queues[index])
		return -EEXIST;
	if (index) {
		mock->before = viommu->queues[index - 1];
		if (!mock->before ||
		    !iommufd_hw_queue_depend(&mock->core, &mock->before->core))
			return -EIO;
	}
	viommu->queues[index] = mock;
	return 0;
}

int mock_hw_queue_init_phys(struct iommufd_hw_queue *queue, u32 index,
			    phys_addr_t base_addr_pa)
{
	struct mock_viommu *viommu = to_mock_viommu(queue->viommu);
	struct mock_hw_queue *mock = to_mock_hw_queue(queue);
	int rc;

	if (index >= IOMMU_TEST_HW_QUEUE_MAX)
		return -EINVAL;
	/* The core says the same as the table, or it is wrong */
	if (iommu_iova_to_phys(&viommu->parent->domain, queue->base_addr) !=
	    base_addr_pa)
		return -EFAULT;

	mock->index = index;
	mutex_lock(&viommu->queue_lock);
	rc = join_queues(viommu, mock);
	mutex_unlock(&viommu->queue_lock);
	if (!rc)
		queue->destroy = mock_hw_queue_destroy;
	return rc;
}
