/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A remapping unit and a device behind it that are not there, for KUnit tests.
 */
#ifndef __INTEL_FAKE_UNIT_H
#define __INTEL_FAKE_UNIT_H

#include <linux/dmar.h>
#include <linux/hrtimer.h>
#include <linux/iommu.h>
#include <linux/pci.h>

#include "iommu.h"

struct kunit;

#define FAKE_MAX_DESCS	64
#define FAKE_BUS	0x12
#define FAKE_DEVFN	0x34
#define FAKE_ATS_CAP	0x100
#define FAKE_PRI_CAP	0x140
#define FAKE_PASID_CAP	0x180

/**
 * struct fake_unit - a unit, which is a timer, and a device
 * @iommu: the unit as the driver knows it
 * @qi: its invalidation queue
 * @timer: takes descriptors from @qi, and remembers them
 * @head: of @qi
 * @nr_descs: how many descriptors it has had since fake_unit_forget()
 * @descs: these, in order, without the plain waits for those before
 * @drhd: as which the driver finds @iommu
 * @scope: the device that @drhd is for
 * @pdev: the device
 * @bus: its bus
 * @sysdata: of @bus
 * @config: its configuration space, with ATS, PRI and PASIDs
 * @nr_undefined: how often something was written there of which PCIe does not say
 *	what becomes of it: to the control of PASIDs while ATS is enabled
 * @dev_iommu: what the IOMMU subsystem knows of it
 * @info: what the driver knows of it
 */
struct fake_unit {
	struct intel_iommu iommu;
	struct q_inval qi;
	struct hrtimer timer;
	unsigned int head;
	unsigned int nr_descs;
	struct qi_desc descs[FAKE_MAX_DESCS];

	struct dmar_drhd_unit drhd;
	struct dmar_dev_scope scope;

	struct pci_dev pdev;
	struct pci_bus bus;
	struct pci_sysdata sysdata;
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	unsigned int nr_undefined;
	struct dev_iommu dev_iommu;
	struct device_domain_info info;
};

void fake_unit_start(struct kunit *test, struct fake_unit *unit);
void fake_unit_start_unprobed(struct kunit *test, struct fake_unit *unit);
void fake_unit_stop(struct fake_unit *unit);
void fake_unit_forget(struct fake_unit *unit);
unsigned int fake_unit_count(struct fake_unit *unit, u64 type, u32 pasid);

#endif /* __INTEL_FAKE_UNIT_H */
