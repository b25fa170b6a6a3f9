// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page requests of PCIe devices (Arm IHI 0070, 8), which ask for pages before they
 * do DMA to them.
 *
 * The requests of a group come one by one, and the last one says that it is. Then
 * the device waits for an answer. Whoever takes the faults of the device gets each
 * request; every group is answered, whether somebody does or not.
 */
#include <linux/bitfield.h>
#include <linux/iommu-fault.h>
#include <linux/pci-ats.h>
#include <linux/ratelimit.h>

#include "../../iommu-sva-lib.h"
#include "arm-smmu-v3-fault.h"
#include "arm-smmu-v3-ste.h"

/*
 * How many requests a device may have on their way. The queue has no room for
 * all that all devices could have, but for a device this is plenty.
 */
#define PRI_OUTSTANDING		32

/* ---- Answers ---- */

static int answer(struct arm_smmu_device *smmu, u64 ssv_ssid, u32 sid,
		  u16 group, enum pri_resp code)
{
	u64 cmd[CMDQ_ENT_DWORDS] = {
		FIELD_PREP(CMDQ_0_OP, CMDQ_OP_PRI_RESP) | ssv_ssid |
		FIELD_PREP(CMDQ_PRI_0_SID, sid),
		FIELD_PREP(CMDQ_PRI_1_GRPID, group) |
		FIELD_PREP(CMDQ_PRI_1_RESP, code),
	};

	/* The device does not acknowledge it */
	return arm_smmu_cmdq_issue_cmdlist(smmu, cmd, 1, false);
}

static u64 ssv_ssid(bool valid, u32 ssid)
{
	return valid ? CMDQ_0_SSV | FIELD_PREP(CMDQ_PRI_0_SSID, ssid) : 0;
}

/**
 * arm_smmu_respond_pri - Answer a group of page requests
 * @master: The device
 * @sid: The stream that they came from
 * @resp: The answer, of which the code is known
 *
 * Failure makes the device give up PRI altogether until that is reset. Invalid
 * makes it give up only what it wanted to do there.
 *
 * Return: 0.
 */
int arm_smmu_respond_pri(struct arm_smmu_master *master, u32 sid,
			 const struct iommu_page_response *resp)
{
	bool has_pasid = resp->flags & IOMMU_PAGE_RESP_PASID_VALID;
	enum pri_resp code = PRI_RESP_DENY;

	if (resp->code == IOMMU_PAGE_RESP_SUCCESS)
		code = PRI_RESP_SUCC;
	else if (resp->code == IOMMU_PAGE_RESP_INVALID)
		code = PRI_RESP_FAIL;
	return answer(master->smmu, ssv_ssid(has_pasid, resp->pasid), sid,
		      resp->grpid, code);
}

/* ---- Requests ---- */

/* A device that has stopped using a PASID says so: there is nothing to answer */
static bool is_stop_marker(const u64 *ppr)
{
	const u64 marker = PRIQ_0_SSID_V | PRIQ_0_PRG_LAST;

	return (ppr[0] & (marker | PRIQ_0_PERM_READ | PRIQ_0_PERM_WRITE)) ==
	       marker;
}

static u32 request_perm(const u64 *ppr)
{
	u32 perm = 0;

	if (ppr[0] & PRIQ_0_PERM_READ)
		perm |= IOMMU_FAULT_PERM_READ;
	if (ppr[0] & PRIQ_0_PERM_WRITE)
		perm |= IOMMU_FAULT_PERM_WRITE;
	if (ppr[0] & PRIQ_0_PERM_EXEC)
		perm |= IOMMU_FAULT_PERM_EXEC;
	if (ppr[0] & PRIQ_0_PERM_PRIV)
		perm |= IOMMU_FAULT_PERM_PRIV;
	return perm;
}

static int report(struct arm_smmu_master *master, const u64 *ppr)
{
	struct iommu_fault_event event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.grpid = FIELD_GET(PRIQ_1_PRG_IDX, ppr[1]),
			.perm = request_perm(ppr),
			.addr = ppr[1] & PRIQ_1_ADDR_MASK,
			.private_data[0] = FIELD_PREP(ARM_SMMU_ORIGIN_SID,
					FIELD_GET(PRIQ_0_SID, ppr[0])),
		},
	};
	struct iommu_fault_page_request *prm = &event.fault.prm;

	if (ppr[0] & PRIQ_0_PRG_LAST)
		prm->flags |= IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE;
	if (ppr[0] & PRIQ_0_SSID_V) {
		prm->flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
		prm->pasid = FIELD_GET(PRIQ_0_SSID, ppr[0]);
		if (master->pri_needs_pasid)
			prm->flags |= IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID;
	}
	return iommu_report_device_fault(master->dev, &event);
}

static void answer_request(struct arm_smmu_device *smmu, const u64 *ppr,
			   bool with_pasid, enum pri_resp code)
{
	bool ssv = with_pasid && ppr[0] & PRIQ_0_SSID_V;

	if (ppr[0] & PRIQ_0_PRG_LAST)
		answer(smmu, ssv_ssid(ssv, FIELD_GET(PRIQ_0_SSID, ppr[0])),
		       FIELD_GET(PRIQ_0_SID, ppr[0]),
		       FIELD_GET(PRIQ_1_PRG_IDX, ppr[1]), code);
}

/* A request of no device that we know */
static void refuse(struct arm_smmu_device *smmu, const u64 *ppr)
{
	bool ssv = ppr[0] & PRIQ_0_SSID_V;
	u32 sid = FIELD_GET(PRIQ_0_SID, ppr[0]);
	u32 ssid = FIELD_GET(PRIQ_0_SSID, ppr[0]);

	dev_info_ratelimited(smmu->dev,
			     "unexpected PRI request: sid 0x%08x ssid 0x%05x iova 0x%016llx\n",
			     sid, ssv ? ssid : 0, ppr[1] & PRIQ_1_ADDR_MASK);
	answer_request(smmu, ppr, true, PRI_RESP_DENY);
}

static void handle_request(struct arm_smmu_device *smmu, u64 *ppr)
{
	struct arm_smmu_master *master;

	if (is_stop_marker(ppr))
		return;
	mutex_lock(&smmu->streams_mutex);
	master = arm_smmu_find_master(smmu, FIELD_GET(PRIQ_0_SID, ppr[0]));
	/*
	 * Where nobody is there this access ends; the next one may find somebody.
	 * A failure would be the end of PRI, also for others: a VF, which can ask
	 * if its PF can, shares it with all the PF's VFs.
	 */
	if (!master)
		refuse(smmu, ppr);
	else if (!master->pri_enabled || report(master, ppr))
		answer_request(smmu, ppr, master->pri_needs_pasid,
			       PRI_RESP_FAIL);
	mutex_unlock(&smmu->streams_mutex);
}

/*
 * Until its overflow is acknowledged, the SMMU takes no request. It answers each
 * last one with success, so that the device asks again for the whole group, of
 * which other requests may have come.
 */
static void lost_requests(struct arm_smmu_device *smmu)
{
	iommu_fault_note_loss(&smmu->iommu);
	/* Nothing may be reported meanwhile, stalls neither */
	mutex_lock(&smmu->evtq.q.lock);
	iopf_queue_discard_partial(smmu->evtq.iopf);
	mutex_unlock(&smmu->evtq.q.lock);
	dev_warn_ratelimited(smmu->dev,
			     "PRIQ overflow detected -- devices have to ask again\n");
}

/* The interrupt comes only if the queue was empty: read until it is */
irqreturn_t arm_smmu_priq_thread(int irq, void *dev)
{
	struct arm_smmu_device *smmu = dev;
	bool more;

	do {
		arm_smmu_queue_pass(smmu, &smmu->priq.q, handle_request,
				    lost_requests, &more);
		if (more)
			cond_resched();
	} while (more);
	return IRQ_HANDLED;
}

/* ---- Devices ---- */

static bool can_pri(struct arm_smmu_master *master)
{
	struct arm_smmu_device *smmu = master->smmu;

	return smmu->features & ARM_SMMU_FEAT_PRI &&
	       (smmu->priq.q.irq || smmu->combined_irq) &&
	       arm_smmu_ats_supported(master) &&
	       pci_pri_supported(to_pci_dev(master->dev));
}

/**
 * arm_smmu_probe_pri - Find out how a device does PRI
 * @master: The device
 */
void arm_smmu_probe_pri(struct arm_smmu_master *master)
{
	master->pri_supported = can_pri(master);
	master->pri_needs_pasid = master->pri_supported &&
		pci_prg_resp_pasid_required(to_pci_dev(master->dev));
}

/**
 * arm_smmu_set_ste_pri - Let the SMMU answer in the form that a device needs
 * @ste: Its STE, complete but for this
 * @master: The device
 *
 * The answers that the SMMU makes itself have the PASID if the device needs it.
 */
void arm_smmu_set_ste_pri(struct arm_smmu_ste *ste,
			  const struct arm_smmu_master *master)
{
	if (master->pri_needs_pasid &&
	    ste->data[1] & cpu_to_le64(STRTAB_STE_1_EATS))
		ste->data[1] |= cpu_to_le64(STRTAB_STE_1_PPAR);
}

static void set_enabled(struct arm_smmu_master *master, bool enabled)
{
	mutex_lock(&master->smmu->streams_mutex);
	master->pri_enabled = enabled;
	mutex_unlock(&master->smmu->streams_mutex);
}

/**
 * arm_smmu_enable_pri - Let a PCIe device ask for pages
 * @master: The device, one that supports it, with ATS enabled
 *
 * Return: 0, or what the PCI core fails with.
 */
int arm_smmu_enable_pri(struct arm_smmu_master *master)
{
	struct pci_dev *pdev = to_pci_dev(master->dev);
	int rc;

	/* It forgets what it asked before, and that it was refused */
	rc = pci_reset_pri(pdev);
	if (rc)
		return rc;
	set_enabled(master, true);
	rc = pci_enable_pri(pdev, PRI_OUTSTANDING);
	if (rc)
		set_enabled(master, false);
	return rc;
}

/**
 * arm_smmu_disable_pri - Stop a PCIe device from asking for pages
 * @master: The device
 *
 * What it has asked for is answered on return.
 */
void arm_smmu_disable_pri(struct arm_smmu_master *master)
{
	pci_disable_pri(to_pci_dev(master->dev));
	arm_smmu_drain_pri(master);
	set_enabled(master, false);
}

/**
 * arm_smmu_start_pri - Let a device for which ATS was enabled ask for pages
 * @master: The device; nothing is done if nobody wants its faults
 *
 * A failure is only logged: a device that does not ask keeps nobody waiting.
 */
void arm_smmu_start_pri(struct arm_smmu_master *master)
{
	if (!master->iopf_enabled || !master->pri_supported ||
	    master->pri_enabled)
		return;
	if (arm_smmu_enable_pri(master))
		dev_err(master->dev, "Failed to enable PRI\n");
}

/**
 * arm_smmu_stop_pri - Before ATS is disabled, stop a device from asking for pages
 * @master: The device
 */
void arm_smmu_stop_pri(struct arm_smmu_master *master)
{
	if (master->pri_enabled)
		arm_smmu_disable_pri(master);
}

/**
 * arm_smmu_drain_pri - Report the page requests that are on their way
 * @master: The device that they are from
 *
 * On the bus, requests stay ahead of the device's answer to an invalidation: when
 * that is complete they are in the queue.
 */
void arm_smmu_drain_pri(struct arm_smmu_master *master)
{
	struct arm_smmu_device *smmu = master->smmu;

	if (master->ats_enabled)
		arm_smmu_atc_inv_master(master);
	arm_smmu_queue_pass(smmu, &smmu->priq.q, handle_request, lost_requests,
			    NULL);
}
