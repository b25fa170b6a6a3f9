// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests of mock devices, which a test makes them send, and the answers
 * that they get.
 *
 * The IOMMU reports a request at once, or holds it as hardware holds what it has
 * queued, until it is drained.
 */
#include <linux/iommu-fault.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/* More than a queue of the core holds requests */
#define MOCK_MAX_RESPONSES 2048

struct mock_response {
	u32 pasid;
	u32 grpid;
	u32 code;
};

struct mock_held {
	struct list_head item;
	struct iommu_fault_event event;
};

/**
 * struct mock_faults - what a mock device remembers of its page requests
 * @lock: guards all of it
 * @held: requests in the IOMMU's queue
 * @nr_responses: how many answers there were
 * @nr_told: how many of those a test has been told
 * @responses: the last of them
 */
struct mock_faults {
	spinlock_t lock; /* guards the rest */
	struct list_head held;
	unsigned int nr_responses;
	unsigned int nr_told;
	struct mock_response responses[MOCK_MAX_RESPONSES];
};

int mock_dev_enable_feat(struct device *dev, enum iommu_dev_features feat)
{
	struct mock_device *mock = to_mock_device(dev);

	if (feat != IOMMU_DEV_FEAT_IOPF)
		return -ENODEV;
	/* Drivers do not agree on what to say then; this is the other one */
	if (mock->flags & MOCK_FLAGS_DEVICE_NO_FAULTS)
		return -EINVAL;
	if (xchg(&mock->faults_enabled, true))
		return -EBUSY;
	return 0;
}

int mock_dev_disable_feat(struct device *dev, enum iommu_dev_features feat)
{
	struct mock_device *mock = to_mock_device(dev);

	if (feat != IOMMU_DEV_FEAT_IOPF || !xchg(&mock->faults_enabled, false))
		return -EINVAL;
	return 0;
}

int mock_page_response(struct device *dev, struct iommu_fault_event *event,
		       struct iommu_page_response *response)
{
	/* There, if a test asks, since the request that is answered */
	struct mock_faults *faults = READ_ONCE(to_mock_device(dev)->faults);
	struct mock_response *slot;

	if (!faults)
		return 0;
	spin_lock(&faults->lock);
	slot = &faults->responses[faults->nr_responses++ % MOCK_MAX_RESPONSES];
	slot->pasid = event->fault.prm.pasid;
	slot->grpid = response->grpid;
	slot->code = response->code;
	spin_unlock(&faults->lock);
	return 0;
}

/* As a driver does */
static void report(struct device *dev, struct iommu_fault_event *event)
{
	int rc = iommu_report_device_fault(dev, event);

	if (rc && event->fault.type == IOMMU_FAULT_PAGE_REQ &&
	    event->fault.prm.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE)
		iommu_fault_respond(dev, &event->fault.prm,
				    IOMMU_PAGE_RESP_INVALID);
}

/* As a driver does whose hardware has room for so many of a device */
static void refuse(struct device *dev, struct iommu_fault_event *event)
{
	iommu_fault_note_refusal(dev, &event->fault);
	iommu_fault_respond(dev, &event->fault.prm, IOMMU_PAGE_RESP_INVALID);
}

void mock_drain_faults(struct device *dev)
{
	struct mock_faults *faults = READ_ONCE(to_mock_device(dev)->faults);
	struct mock_held *held, *next;
	LIST_HEAD(queue);

	if (!faults)
		return;
	spin_lock(&faults->lock);
	list_splice_init(&faults->held, &queue);
	spin_unlock(&faults->lock);
	list_for_each_entry_safe(held, next, &queue, item) {
		report(dev, &held->event);
		kfree(held);
	}
}

void mock_faults_free(struct mock_device *mock)
{
	struct mock_held *held, *next;

	if (!mock->faults)
		return;
	list_for_each_entry_safe(held, next, &mock->faults->held, item)
		kfree(held);
	kvfree(mock->faults);
}

/* Only a device that a test asks for its answers has to remember them */
static struct mock_faults *get_faults(struct mock_device *mock)
{
	struct mock_faults *faults = READ_ONCE(mock->faults), *found;

	if (faults)
		return faults;
	faults = kvzalloc(sizeof(*faults), GFP_KERNEL_ACCOUNT);
	if (!faults)
		return NULL;
	spin_lock_init(&faults->lock);
	INIT_LIST_HEAD(&faults->held);
	found = cmpxchg(&mock->faults, NULL, faults);
	if (!found)
		return faults;
	kvfree(faults);
	return found;
}

struct iommufd_device *mock_get_idev(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_device *idev = iommufd_get_device(ictx, id);

	if (!IS_ERR(idev) && !mock_device_is(idev->dev)) {
		iommufd_object_put(ictx, &idev->obj);
		return ERR_PTR(-EINVAL);
	}
	return idev;
}

/* As mainline's programs expect it, with PASID 0 for none */
int mock_trigger_iopf(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct iommu_fault_event event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.flags = IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
			.pasid = cmd->trigger_iopf.pasid,
			.grpid = cmd->trigger_iopf.grpid,
			.perm = cmd->trigger_iopf.perm,
			.addr = cmd->trigger_iopf.addr,
		},
	};
	struct iommufd_device *idev;

	idev = mock_get_idev(ucmd->ictx, cmd->trigger_iopf.dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	if (cmd->trigger_iopf.pasid)
		event.fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
	report(idev->dev, &event);
	iommufd_object_put(ucmd->ictx, &idev->obj);
	return 0;
}

static void make_event(struct iommu_fault_event *event,
		       const struct iommu_test_cmd *cmd)
{
	u32 flags = cmd->page_request.flags;

	*event = (struct iommu_fault_event){
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.pasid = cmd->page_request.pasid,
			.grpid = cmd->page_request.grpid,
			.perm = cmd->page_request.perm,
			.addr = cmd->page_request.addr,
		},
	};
	if (flags & MOCK_PAGE_REQUEST_LAST)
		event->fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	if (flags & MOCK_PAGE_REQUEST_PASID)
		event->fault.prm.flags |=
			IOMMU_FAULT_PAGE_REQUEST_PASID_VALID |
			IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	if (flags & MOCK_PAGE_REQUEST_UNRECOVERABLE)
		event->fault = (struct iommu_fault){
			.type = IOMMU_FAULT_DMA_UNRECOV,
			.event.addr = cmd->page_request.addr,
		};
}

static int hold(struct mock_faults *faults,
		const struct iommu_fault_event *event)
{
	struct mock_held *held = kmalloc(sizeof(*held), GFP_KERNEL_ACCOUNT);

	if (!held)
		return -ENOMEM;
	held->event = *event;
	spin_lock(&faults->lock);
	list_add_tail(&held->item, &faults->held);
	spin_unlock(&faults->lock);
	return 0;
}

int mock_page_request(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	u32 flags = cmd->page_request.flags;
	struct iommu_fault_event event;
	struct iommufd_device *idev;
	struct mock_faults *faults;
	int rc = 0;

	if (flags & ~MOCK_PAGE_REQUEST_FLAGS)
		return -EOPNOTSUPP;
	idev = mock_get_idev(ucmd->ictx, cmd->page_request.dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	faults = get_faults(to_mock_device(idev->dev));
	if (!faults) {
		rc = -ENOMEM;
		goto out_put;
	}

	if (flags & MOCK_PAGE_REQUEST_AFTER_LOSS)
		iommu_fault_note_loss(idev->dev->iommu->iommu_dev);
	make_event(&event, cmd);
	if (flags & MOCK_PAGE_REQUEST_HOLD)
		rc = hold(faults, &event);
	else if (flags & MOCK_PAGE_REQUEST_NO_PLACE)
		refuse(idev->dev, &event);
	else
		report(idev->dev, &event);
out_put:
	iommufd_object_put(ucmd->ictx, &idev->obj);
	return rc;
}

/* The oldest answer that it has not been told; -EAGAIN if there is none */
int mock_page_response_get(struct iommufd_ucmd *ucmd,
			   struct iommu_test_cmd *cmd)
{
	struct mock_response response = {};
	struct iommufd_device *idev;
	struct mock_faults *faults;
	int rc = -EAGAIN;

	idev = mock_get_idev(ucmd->ictx, cmd->page_response.dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	faults = READ_ONCE(to_mock_device(idev->dev)->faults);
	if (faults) {
		spin_lock(&faults->lock);
		if (faults->nr_told != faults->nr_responses) {
			response = faults->responses[faults->nr_told++ %
						     MOCK_MAX_RESPONSES];
			rc = 0;
		}
		spin_unlock(&faults->lock);
	}
	iommufd_object_put(ucmd->ictx, &idev->obj);
	if (rc)
		return rc;
	cmd->page_response.out_pasid = response.pasid;
	cmd->page_response.out_grpid = response.grpid;
	cmd->page_response.out_code = response.code;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}
