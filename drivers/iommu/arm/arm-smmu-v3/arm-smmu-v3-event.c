// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of a stage 1 that a guest owns, as the guest is told of them (Arm IHI
 * 0070, 7.3). What stage 2 has to say, and physical addresses, are the host's.
 */
#include <linux/bitfield.h>
#include <linux/iommufd.h>
#include <linux/jiffies.h>
#include <linux/string.h>

#include "arm-smmu-v3-nested.h"

#define EVT_ID_BAD_STE			0x04
#define EVT_ID_STREAM_DISABLED		0x06
#define EVT_ID_TRANSL_FORBIDDEN		0x07
#define EVT_ID_BAD_SUBSTREAMID		0x08
#define EVT_ID_CD_FETCH			0x09
#define EVT_ID_BAD_CD			0x0a
#define EVT_ID_WALK_EABT		0x0b

/*
 * What a guest is told of a transaction: what it was, and what it accessed when it
 * faulted. Not that it stalled: one that nobody else took has been aborted by then.
 */
#define EVTQ_1_FAULT	(EVTQ_1_PnU | EVTQ_1_InD | EVTQ_1_RnW | EVTQ_1_CLASS | \
			 EVTQ_1_TT_READ)

/*
 * What a guest is told of each event, beside the id and the streams. Dword 3 has
 * an IPA only where stage 2 faulted, else a physical address: it is never told.
 */
static const struct guest_event {
	bool known;
	u64 mask[2];
} guest_events[] = {
	[EVT_ID_BAD_STE] = { true },
	[EVT_ID_STREAM_DISABLED] = { true },
	[EVT_ID_TRANSL_FORBIDDEN] = { true, { EVTQ_1_RnW, EVTQ_2_ADDR } },
	[EVT_ID_BAD_SUBSTREAMID] = { true },
	[EVT_ID_CD_FETCH] = { true },
	[EVT_ID_BAD_CD] = { true },
	[EVT_ID_WALK_EABT] = { true, { EVTQ_1_FAULT, EVTQ_2_ADDR } },
	[EVT_ID_TRANSLATION_FAULT] = { true, { EVTQ_1_FAULT, EVTQ_2_ADDR } },
	[EVT_ID_ADDR_SIZE_FAULT] = { true, { EVTQ_1_FAULT, EVTQ_2_ADDR } },
	[EVT_ID_ACCESS_FAULT] = { true, { EVTQ_1_FAULT, EVTQ_2_ADDR } },
	[EVT_ID_PERMISSION_FAULT] = { true, { EVTQ_1_FAULT, EVTQ_2_ADDR } },
};

/* Did the guest's own entry make this happen? */
static bool is_guests(const struct arm_smmu_nested_domain *nested, u8 id,
		      const u64 evt[EVTQ_ENT_DWORDS])
{
	/* The host's STE is invalid only where the guest's own is */
	if (id == EVT_ID_BAD_STE)
		return !(nested->ste[0] & STRTAB_STE_0_V);
	return FIELD_GET(STRTAB_STE_0_CFG, nested->ste[0]) ==
	       STRTAB_STE_0_CFG_S1_TRANS && !(evt[1] & EVTQ_1_S2);
}

/**
 * arm_smmu_make_guest_event - Turn an event into what a guest is told of it
 * @nested: The guest's STE
 * @evt: The event
 * @vsid: What the device is called in the guest
 * @out: Out: the guest's event
 *
 * Return: true, or false if it is the host's.
 */
bool arm_smmu_make_guest_event(const struct arm_smmu_nested_domain *nested,
			       const u64 evt[EVTQ_ENT_DWORDS], u32 vsid,
			       struct iommu_vevent_arm_smmuv3 *out)
{
	u8 id = FIELD_GET(EVTQ_0_ID, evt[0]);
	const struct guest_event *event;
	u64 streams = EVTQ_0_ID;

	if (id >= ARRAY_SIZE(guest_events) || !is_guests(nested, id, evt))
		return false;
	event = &guest_events[id];
	if (!event->known)
		return false;

	if (evt[0] & EVTQ_0_SSV)
		streams |= EVTQ_0_SSV | EVTQ_0_SSID;
	out->evt[0] = cpu_to_le64((evt[0] & streams) |
				  FIELD_PREP(EVTQ_0_SID, vsid));
	out->evt[1] = cpu_to_le64(evt[1] & event->mask[0]);
	out->evt[2] = cpu_to_le64(evt[2] & event->mask[1]);
	out->evt[3] = 0;
	return true;
}

/*
 * An SMMU may merge events that are alike, and a guest's STE permits it. So does
 * this: of those that were in the queue together the first is enough.
 */
static bool is_repeated(const struct arm_smmu_nested_domain *nested,
			const u64 evt[EVTQ_ENT_DWORDS])
{
	return nested->last_pass == nested->vsmmu->smmu->evtq.q.passes &&
	       !memcmp(nested->last, evt, sizeof(nested->last));
}

static void remember(struct arm_smmu_nested_domain *nested,
		     const u64 evt[EVTQ_ENT_DWORDS])
{
	nested->last_pass = nested->vsmmu->smmu->evtq.q.passes;
	memcpy(nested->last, evt, sizeof(nested->last));
}

/**
 * arm_smmu_guest_had_enough - Has a VM had all the events that it may have by now?
 * @vsmmu: The VM's share
 *
 * Return: true if one more would only be counted.
 */
bool arm_smmu_guest_had_enough(const struct arm_smmu_vsmmu *vsmmu)
{
	lockdep_assert_held(&vsmmu->smmu->streams_lock);

	return vsmmu->nr_events == ARM_SMMU_VM_EVENTS &&
	       time_before(jiffies, vsmmu->events_end);
}

static void count_event(struct arm_smmu_vsmmu *vsmmu)
{
	if (time_after_eq(jiffies, vsmmu->events_end)) {
		vsmmu->events_end = jiffies + ARM_SMMU_VM_EVENTS_TIME;
		vsmmu->nr_events = 0;
	}
	vsmmu->nr_events++;
}

/**
 * arm_smmu_report_guest_event - Tell a guest of an event of its device
 * @master: The device
 * @evt: The event
 *
 * An event of a guest that does not listen, or listens too slowly, is lost for
 * it, and is none of the host's business. A guest whose devices make one after
 * the other is told of some, and that there were more: while it is told, others
 * wait, and the queue may overflow for all.
 *
 * Called under the SMMU's streams_lock, in any context.
 *
 * Return: true if the event was the guest's.
 */
bool arm_smmu_report_guest_event(struct arm_smmu_master *master,
				 const u64 evt[EVTQ_ENT_DWORDS])
{
	struct arm_smmu_nested_domain *nested = master->nested;
	struct iommu_vevent_arm_smmuv3 out;
	struct iommufd_viommu *viommu;
	unsigned long vsid;

	lockdep_assert_held(&master->smmu->streams_lock);
	if (!nested)
		return false;
	if (is_repeated(nested, evt))
		return true;
	viommu = &nested->vsmmu->core;
	if (iommufd_viommu_get_vdev_id(viommu, master->dev, &vsid) ||
	    !arm_smmu_make_guest_event(nested, evt, vsid, &out))
		return false;
	remember(nested, evt);
	if (arm_smmu_guest_had_enough(nested->vsmmu)) {
		iommufd_viommu_report_loss(viommu,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3);
		return true;
	}
	count_event(nested->vsmmu);
	iommufd_viommu_report_event(viommu, IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, &out,
				    sizeof(out));
	return true;
}

/**
 * arm_smmu_report_guest_loss - Tell guests that the SMMU lost events
 * @smmu: The SMMU
 *
 * Whose they were nobody knows, so all are told.
 */
void arm_smmu_report_guest_loss(struct arm_smmu_device *smmu)
{
	struct arm_smmu_vsmmu *vsmmu;

	mutex_lock(&smmu->streams_mutex);
	list_for_each_entry(vsmmu, &smmu->vsmmus, smmu_entry)
		iommufd_viommu_report_loss(&vsmmu->core,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3);
	mutex_unlock(&smmu->streams_mutex);
}
