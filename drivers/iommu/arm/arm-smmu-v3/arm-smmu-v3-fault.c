// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the SMMU (Arm IHI 0070, 7): who gets each, and how a device that waits
 * is answered.
 *
 * A transaction that stalls is a page request, a group of its own. Whoever takes
 * the faults of the device gets it; if nobody does it is aborted. All other events
 * are over when they are recorded: the guest that caused them is told, or else the
 * host.
 */
#include <linux/bitfield.h>
#include <linux/iommu-fault.h>
#include <linux/pci.h>
#include <linux/ratelimit.h>

#include "arm-smmu-v3-fault.h"
#include "arm-smmu-v3-nested.h"

/* Terminates all transactions of a StreamID that stall */
#define CMDQ_OP_STALL_TERM		0x45

/* ---- Answers ---- */

static int resume(struct arm_smmu_device *smmu, u32 sid, u16 stag, u64 action)
{
	u64 cmd[CMDQ_ENT_DWORDS] = {
		FIELD_PREP(CMDQ_0_OP, CMDQ_OP_RESUME) |
		FIELD_PREP(CMDQ_RESUME_0_RESP, action) |
		FIELD_PREP(CMDQ_RESUME_0_SID, sid),
		FIELD_PREP(CMDQ_RESUME_1_STAG, stag),
	};

	/* No sync: not even that would tell when the transaction has ended */
	return arm_smmu_cmdq_issue_cmdlist(smmu, cmd, 1, false);
}

static int respond_stall(struct arm_smmu_master *master, u64 origin,
			 const struct iommu_page_response *resp)
{
	u32 sid = FIELD_GET(ARM_SMMU_ORIGIN_SID, origin);
	u64 action = CMDQ_RESUME_0_RESP_ABORT;
	int rc;

	if (resp->code == IOMMU_PAGE_RESP_SUCCESS)
		action = CMDQ_RESUME_0_RESP_RETRY;
	rc = resume(master->smmu, sid, resp->grpid, action);
	if (origin & ARM_SMMU_ORIGIN_PLACE)
		arm_smmu_give_place(master);
	return rc;
}

/**
 * arm_smmu_page_response - Answer a group of page requests
 * @dev: The device
 * @evt: Its last request, as it was reported
 * @resp: The answer
 *
 * Return: 0, or -EINVAL for an unknown answer.
 */
int arm_smmu_page_response(struct device *dev, struct iommu_fault_event *evt,
			   struct iommu_page_response *resp)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);
	u64 origin = evt->fault.prm.private_data[0];

	switch (resp->code) {
	case IOMMU_PAGE_RESP_SUCCESS:
	case IOMMU_PAGE_RESP_INVALID:
	case IOMMU_PAGE_RESP_FAILURE:
		break;
	default:
		return -EINVAL;
	}
	if (origin & ARM_SMMU_ORIGIN_STALL)
		return respond_stall(master, origin, resp);
	return arm_smmu_respond_pri(master,
				    FIELD_GET(ARM_SMMU_ORIGIN_SID, origin),
				    resp);
}

/* ---- Events ---- */

static bool is_fault(const u64 *evt)
{
	u8 id = FIELD_GET(EVTQ_0_ID, evt[0]);

	return id >= EVT_ID_TRANSLATION_FAULT && id <= EVT_ID_PERMISSION_FAULT;
}

static u32 fault_perm(const u64 *evt)
{
	u32 perm = evt[1] & EVTQ_1_RnW ? IOMMU_FAULT_PERM_READ :
					 IOMMU_FAULT_PERM_WRITE;

	if (evt[1] & EVTQ_1_InD)
		perm |= IOMMU_FAULT_PERM_EXEC;
	if (evt[1] & EVTQ_1_PnU)
		perm |= IOMMU_FAULT_PERM_PRIV;
	return perm;
}

/* A stage 2 below a guest's stage 1 maps pinned memory: nobody can fill that */
static bool is_below_guest(const struct arm_smmu_master *master, const u64 *evt)
{
	return master->nested && evt[1] & EVTQ_1_S2;
}

/* Report it to SVA, or if there is a place for it to user space; else count it */
static int report_placed(struct arm_smmu_master *master,
			 struct iommu_fault_event *event)
{
	int rc;

	if (READ_ONCE(master->sva_enabled))
		return iommu_report_device_fault(master->dev, event);
	if (!arm_smmu_take_place(master)) {
		iommu_fault_note_refusal(master->dev, &event->fault);
		return -ENOSPC;
	}
	event->fault.prm.private_data[0] |= ARM_SMMU_ORIGIN_PLACE;
	rc = iommu_report_device_fault(master->dev, event);
	if (rc)
		arm_smmu_give_place(master);
	return rc;
}

static int report_stall(struct arm_smmu_master *master, const u64 *evt)
{
	struct iommu_fault_event event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.flags = IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
			.grpid = FIELD_GET(EVTQ_1_STAG, evt[1]),
			.perm = fault_perm(evt),
			.addr = FIELD_GET(EVTQ_2_ADDR, evt[2]),
			.private_data[0] = ARM_SMMU_ORIGIN_STALL |
				FIELD_PREP(ARM_SMMU_ORIGIN_SID,
					   FIELD_GET(EVTQ_0_SID, evt[0])),
		},
	};

	if (!master || is_below_guest(master, evt))
		return -EINVAL;
	if (evt[0] & EVTQ_0_SSV) {
		event.fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
		event.fault.prm.pasid = FIELD_GET(EVTQ_0_SSID, evt[0]);
	}
	return report_placed(master, &event);
}

/* Returns true if somebody has taken it, who will answer */
static bool handle_stall(struct arm_smmu_device *smmu,
			 struct arm_smmu_master *master, const u64 *evt)
{
	if (!is_fault(evt) || !(evt[1] & EVTQ_1_STALL))
		return false;
	if (!report_stall(master, evt))
		return true;
	resume(smmu, FIELD_GET(EVTQ_0_SID, evt[0]),
	       FIELD_GET(EVTQ_1_STAG, evt[1]), CMDQ_RESUME_0_RESP_ABORT);
	return false;
}

static enum iommu_fault_reason fault_reason(const u64 *evt)
{
	switch (FIELD_GET(EVTQ_0_ID, evt[0])) {
	case EVT_ID_TRANSLATION_FAULT:
		return IOMMU_FAULT_REASON_PTE_FETCH;
	case EVT_ID_ADDR_SIZE_FAULT:
		return IOMMU_FAULT_REASON_OOR_ADDRESS;
	case EVT_ID_ACCESS_FAULT:
		return IOMMU_FAULT_REASON_ACCESS;
	default:
		return IOMMU_FAULT_REASON_PERMISSION;
	}
}

/* Report a fault that is over; returns true if the device's driver took it */
static bool report_end(struct arm_smmu_master *master, const u64 *evt)
{
	struct iommu_fault_event event = {
		.fault.type = IOMMU_FAULT_DMA_UNRECOV,
		.fault.event = {
			.reason = fault_reason(evt),
			.flags = IOMMU_FAULT_UNRECOV_ADDR_VALID,
			.perm = fault_perm(evt),
			.addr = FIELD_GET(EVTQ_2_ADDR, evt[2]),
		},
	};

	if (!is_fault(evt) || evt[1] & EVTQ_1_S2 || evt[1] & EVTQ_1_STALL)
		return false;
	if (evt[0] & EVTQ_0_SSV) {
		event.fault.event.flags |= IOMMU_FAULT_UNRECOV_PASID_VALID;
		event.fault.event.pasid = FIELD_GET(EVTQ_0_SSID, evt[0]);
	}
	return !iommu_report_device_fault(master->dev, &event);
}

/* A device that floods the log must not hide what others do */
static void print_event(struct arm_smmu_device *smmu,
			struct arm_smmu_master *master, const u64 *evt)
{
	static DEFINE_RATELIMIT_STATE(unknown, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);
	int i;

	if (!__ratelimit(master ? &master->event_rs : &unknown))
		return;
	dev_info(smmu->dev, "event 0x%02x received:\n",
		 (u8)FIELD_GET(EVTQ_0_ID, evt[0]));
	for (i = 0; i < EVTQ_ENT_DWORDS; i++)
		dev_info(smmu->dev, "\t0x%016llx\n", evt[i]);
}

static bool report_to_guest(struct arm_smmu_master *master, const u64 *evt)
{
	bool told;

	spin_lock_irq(&master->smmu->streams_lock);
	told = arm_smmu_report_guest_event(master, evt);
	spin_unlock_irq(&master->smmu->streams_lock);
	return told;
}

static void handle_event(struct arm_smmu_device *smmu, u64 *evt)
{
	struct arm_smmu_master *master;
	bool told;

	mutex_lock(&smmu->streams_mutex);
	master = arm_smmu_find_master(smmu, FIELD_GET(EVTQ_0_SID, evt[0]));
	told = handle_stall(smmu, master, evt);
	if (!told && master)
		told = master->nested ?
		       report_to_guest(master, evt) :
		       report_end(master, evt);
	if (!told)
		print_event(smmu, master, evt);
	mutex_unlock(&smmu->streams_mutex);
}

/* Never the record of a stall: that waits for room in the queue (7.2.1) */
static void lost_events(struct arm_smmu_device *smmu)
{
	dev_err_ratelimited(smmu->dev,
			    "EVTQ overflow detected -- events lost\n");
	arm_smmu_report_guest_loss(smmu);
}

static unsigned int events_pass(struct arm_smmu_device *smmu, bool *more)
{
	return arm_smmu_queue_pass(smmu, &smmu->evtq.q, handle_event,
				   lost_events, more);
}

/*
 * A guest's event needs no thread. If there are too many of them, they are left to
 * the thread, since the interrupt stays masked while that runs.
 */
static bool try_event(struct arm_smmu_device *smmu, const u64 *evt)
{
	struct arm_smmu_master *master;
	bool told = false;

	spin_lock(&smmu->streams_lock);
	master = arm_smmu_find_master(smmu, FIELD_GET(EVTQ_0_SID, evt[0]));
	if (master && master->nested && !(evt[1] & EVTQ_1_STALL) &&
	    !arm_smmu_guest_had_enough(master->nested->vsmmu))
		told = arm_smmu_report_guest_event(master, evt);
	spin_unlock(&smmu->streams_lock);
	return told;
}

irqreturn_t arm_smmu_evtq_handler(int irq, void *dev)
{
	struct arm_smmu_device *smmu = dev;

	/* Where spinlocks sleep. IRQF_ONESHOT keeps this from becoming a thread. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return IRQ_WAKE_THREAD;
	return arm_smmu_queue_try(smmu, &smmu->evtq.q, try_event) ?
	       IRQ_HANDLED : IRQ_WAKE_THREAD;
}

/* The interrupt comes only if the queue was empty: read until it is */
irqreturn_t arm_smmu_evtq_thread(int irq, void *dev)
{
	bool more;

	do {
		events_pass(dev, &more);
		if (more)
			cond_resched();
	} while (more);
	return IRQ_HANDLED;
}

/**
 * arm_smmu_probe_faults - Find out how a device waits for pages
 * @master: The device
 */
void arm_smmu_probe_faults(struct arm_smmu_master *master)
{
	ratelimit_state_init(&master->event_rs, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	if (master->stall_enabled)
		arm_smmu_add_stalling(master);
	arm_smmu_probe_pri(master);
}

/* ---- Who wants page requests ---- */

/* PCIe does not define what a device does that has PRI enabled but not ATS */
static bool can_ask_now(struct arm_smmu_master *master)
{
	return master->pri_supported && to_pci_dev(master->dev)->ats_enabled;
}

/**
 * arm_smmu_enable_iopf - Let a device send page requests
 * @master: The device, which does PRI as soon as it does ATS
 *
 * Return: 0; -EINVAL where it cannot wait for an answer; -EBUSY where it may do
 * so already; or what enabling PRI fails with.
 */
int arm_smmu_enable_iopf(struct arm_smmu_master *master)
{
	int rc;

	if (!master->stall_enabled && !master->pri_supported)
		return -EINVAL;
	if (master->iopf_enabled)
		return -EBUSY;
	if (can_ask_now(master)) {
		rc = arm_smmu_enable_pri(master);
		if (rc)
			return rc;
	}
	master->iopf_enabled = true;
	return 0;
}

/**
 * arm_smmu_disable_iopf - Undo arm_smmu_enable_iopf()
 * @master: The device
 *
 * Return: 0; -EINVAL where there is nothing to undo; -EBUSY while SVA needs it.
 */
int arm_smmu_disable_iopf(struct arm_smmu_master *master)
{
	if (!master->iopf_enabled)
		return -EINVAL;
	if (master->sva_enabled)
		return -EBUSY;
	arm_smmu_stop_pri(master);
	master->iopf_enabled = false;
	return 0;
}

/* ---- Ends ---- */

/**
 * arm_smmu_drain_events - Report the events that the SMMU has recorded
 * @smmu: The SMMU
 *
 * A stall is recorded when there is room in the queue: if it was full, more may be
 * recorded only now. There are no more than the SMMU has places, unless the device
 * does not stop.
 */
void arm_smmu_drain_events(struct arm_smmu_device *smmu)
{
	unsigned int size = BIT(smmu->evtq.q.llq.max_n_shift);
	unsigned int passes = 2 + smmu->evtq.max_stalls / size;

	while (events_pass(smmu, NULL) >= size && --passes)
		arm_smmu_cmdq_issue_cmdlist(smmu, NULL, 0, true);
}

/**
 * arm_smmu_drain_faults - Report the page requests that a device has made
 * @dev: The device
 *
 * When this returns, what it asked for before its STE, or a CD, was last changed
 * has been reported to the targets of its PASIDs, and no interrupt thread is still
 * working on it.
 */
void arm_smmu_drain_faults(struct device *dev)
{
	struct arm_smmu_master *master = dev_iommu_priv_get(dev);

	if (master->stall_enabled)
		arm_smmu_drain_events(master->smmu);
	if (master->pri_enabled)
		arm_smmu_drain_pri(master);
}

/**
 * arm_smmu_end_faults - End all that waits for an answer to a device
 * @master: The device, whose STE aborts
 *
 * Its StreamIDs may be those of another device then.
 */
void arm_smmu_end_faults(struct arm_smmu_master *master)
{
	struct arm_smmu_device *smmu = master->smmu;
	u64 cmd[CMDQ_ENT_DWORDS] = {};
	int i;

	arm_smmu_stop_pri(master);
	if (!master->stall_enabled)
		return;
	for (i = 0; i < master->num_streams; i++) {
		cmd[0] = FIELD_PREP(CMDQ_0_OP, CMDQ_OP_STALL_TERM) |
			 FIELD_PREP(CMDQ_RESUME_0_SID, master->streams[i].id);
		arm_smmu_cmdq_issue_cmdlist(smmu, cmd, 1, true);
	}
	arm_smmu_drain_events(smmu);
	arm_smmu_remove_stalling(master);
}
