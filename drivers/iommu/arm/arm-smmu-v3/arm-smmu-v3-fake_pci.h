/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For KUnit: a PCIe device that is nothing but its configuration space, and looks
 * at the order in which that is written.
 */
#ifndef _ARM_SMMU_V3_FAKE_PCI_H
#define _ARM_SMMU_V3_FAKE_PCI_H

#include <linux/pci.h>

#include "arm-smmu-v3-fake.h"

#define FAKE_PRI_CAP	0x100
#define FAKE_ATS_CAP	0x200

/**
 * struct fake_pci - the configuration space of a device
 * @bus: where it is read and written
 * @bus_ops: to do so
 * @fwspec: says that ATS works
 * @config: what is in it
 * @nr_undefined: how often it was such that PRI was enabled without ATS
 * @nr_ats: how often ATS was enabled
 * @nr_pri: how often PRI was enabled
 */
struct fake_pci {
	struct pci_bus bus;
	struct pci_ops bus_ops;
	struct iommu_fwspec fwspec;
	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	unsigned int nr_undefined;
	unsigned int nr_ats;
	unsigned int nr_pri;
};

static inline u16 fake_pci_word(const struct fake_pci *pci, int where)
{
	u16 value;

	memcpy(&value, pci->config + where, sizeof(value));
	return value;
}

static inline void fake_pci_set_word(struct fake_pci *pci, int where, u16 value)
{
	memcpy(pci->config + where, &value, sizeof(value));
}

static inline bool fake_pci_has_ats(const struct fake_pci *pci)
{
	return fake_pci_word(pci, FAKE_ATS_CAP + PCI_ATS_CTRL) &
	       PCI_ATS_CTRL_ENABLE;
}

static inline bool fake_pci_has_pri(const struct fake_pci *pci)
{
	return fake_pci_word(pci, FAKE_PRI_CAP + PCI_PRI_CTRL) &
	       PCI_PRI_CTRL_ENABLE;
}

static inline int fake_pci_read(struct pci_bus *bus, unsigned int devfn,
				int where, int size, u32 *value)
{
	struct fake_pci *pci = container_of(bus, struct fake_pci, bus);

	*value = 0;
	memcpy(value, pci->config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

static inline int fake_pci_write(struct pci_bus *bus, unsigned int devfn,
				 int where, int size, u32 value)
{
	struct fake_pci *pci = container_of(bus, struct fake_pci, bus);
	bool had_ats = fake_pci_has_ats(pci), had_pri = fake_pci_has_pri(pci);

	memcpy(pci->config + where, &value, size);
	pci->nr_ats += !had_ats && fake_pci_has_ats(pci);
	pci->nr_pri += !had_pri && fake_pci_has_pri(pci);
	pci->nr_undefined += fake_pci_has_pri(pci) && !fake_pci_has_ats(pci);
	return PCIBIOS_SUCCESSFUL;
}

/* A device that has the capabilities, and is enabled by nobody yet */
static inline void fake_pci_init(struct fake_pci *pci, struct fake_dev *fd)
{
	pci->bus_ops.read = fake_pci_read;
	pci->bus_ops.write = fake_pci_write;
	pci->bus.ops = &pci->bus_ops;
	fd->dev->bus = &pci_bus_type;
	fd->pdev.bus = &pci->bus;
	fd->pdev.ats_cap = FAKE_ATS_CAP;
	fd->pdev.pri_cap = FAKE_PRI_CAP;
	pci->fwspec.flags = IOMMU_FWSPEC_PCI_RC_ATS;
	fd->iommu.fwspec = &pci->fwspec;
	fake_pci_set_word(pci, FAKE_PRI_CAP + PCI_PRI_STATUS,
			  PCI_PRI_STATUS_STOPPED);
	fake_pci_set_word(pci, FAKE_PRI_CAP + PCI_PRI_MAX_REQ, 100);
}

#endif /* _ARM_SMMU_V3_FAKE_PCI_H */
