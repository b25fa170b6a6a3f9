// SPDX-License-Identifier: GPL-2.0-only
/*
 * A remapping unit and a device behind it that are not there, for KUnit tests.
 *
 * The unit is a timer that takes descriptors from the invalidation queue, and
 * remembers them. It is on another CPU than the waiter, which has interrupts
 * disabled. A thread there would not do: that CPU may be waiting for the waiter's
 * to take an interrupt, and would not get to run the thread.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/cpumask.h>
#include <linux/dmar.h>
#include <linux/hrtimer.h>
#include <linux/pci-ats.h>
#include <linux/sizes.h>
#include <linux/smp.h>
#include <asm/unaligned.h>

#include "fake_unit.h"
#include "pasid.h"

#define NR_DIDS		256
#define SHIFT		(DMAR_IQ_SHIFT + 1)
#define PERIOD_NS	100000

/* 256 domain IDs, 4 levels, 48 bits, pages up to 1 GiB, page-selective flushes */
#define FAKE_CAP	(2 | 4ULL << 8 | 47ULL << 16 | 3ULL << 34 | \
			 BIT_ULL(39) | 18ULL << 48 | BIT_ULL(56))
/* Coherent, queue, device IOTLB, PASIDs, scalable mode, dirty bits, both stages */
#define FAKE_ECAP	(BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(7) | \
			 BIT_ULL(40) | BIT_ULL(43) | BIT_ULL(45) | \
			 BIT_ULL(46) | BIT_ULL(47) | BIT_ULL(48))

static void run_desc(struct fake_unit *unit, const struct qi_desc *desc)
{
	if ((desc->qw0 & 0xf) != QI_IWD_TYPE ||
	    desc->qw0 & (QI_IWD_FENCE | QI_IWD_PRQ_DRAIN)) {
		if (unit->nr_descs < FAKE_MAX_DESCS)
			unit->descs[unit->nr_descs++] = *desc;
	}
	if ((desc->qw0 & 0xf) == QI_IWD_TYPE &&
	    desc->qw0 & QI_IWD_STATUS_WRITE) {
		/* The waiter looks at the descriptors next */
		smp_store_release((int *)phys_to_virt(desc->qw1),
				  (int)(desc->qw0 >> 32));
	}
}

static enum hrtimer_restart run_unit(struct hrtimer *timer)
{
	struct fake_unit *unit = container_of(timer, struct fake_unit, timer);
	unsigned int tail = readl(unit->iommu.reg + DMAR_IQT_REG) >> SHIFT;

	while (unit->head != tail) {
		run_desc(unit, unit->qi.desc + (unit->head << SHIFT));
		unit->head = (unit->head + 1) % QI_LENGTH;
	}
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

/* On the CPU on which the timer is to stay */
static void start_timer(void *data)
{
	struct fake_unit *unit = data;

	hrtimer_start(&unit->timer, ns_to_ktime(PERIOD_NS),
		      HRTIMER_MODE_REL_PINNED_HARD);
}

static void make_unit(struct kunit *test, struct fake_unit *unit)
{
	struct intel_iommu *iommu = &unit->iommu;

	iommu->cap = FAKE_CAP;
	iommu->ecap = FAKE_ECAP;
	iommu->gcmd = DMA_GCMD_TE;
	iommu->agaw = 2;
	iommu->msagaw = 2;
	iommu->node = NUMA_NO_NODE;
	iommu->iommu.ops = &intel_iommu_ops;
	iommu->iommu.max_pasids = BIT(16);
	iommu->flush.flush_context = qi_flush_context;
	iommu->flush.flush_iotlb = qi_flush_iotlb;
	spin_lock_init(&iommu->lock);
	raw_spin_lock_init(&iommu->register_lock);
	iommu->domain_ids = kunit_kzalloc(test, NR_DIDS / 8, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, iommu->domain_ids);
	bitmap_set(iommu->domain_ids, 0, NUM_RESERVED_DID);

	iommu->reg = (void __force __iomem *)kunit_kzalloc(test, SZ_4K,
							   GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)iommu->reg);
	unit->qi.desc = kunit_kzalloc(test, QI_LENGTH << SHIFT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, unit->qi.desc);
	unit->qi.desc_status = kunit_kcalloc(test, QI_LENGTH, sizeof(int),
					     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, unit->qi.desc_status);
	unit->qi.free_cnt = QI_LENGTH;
	raw_spin_lock_init(&unit->qi.q_lock);
	iommu->qi = &unit->qi;
}

static int read_config(struct pci_bus *bus, unsigned int devfn, int where,
		       int size, u32 *val)
{
	struct fake_unit *unit = container_of(bus, struct fake_unit, bus);

	*val = 0;
	memcpy(val, unit->config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

/* What is written to the PASID capability of a device whose ATS is enabled? */
static bool is_undefined(struct fake_unit *unit, int where)
{
	u16 ats = get_unaligned_le16(unit->config + FAKE_ATS_CAP +
				     PCI_ATS_CTRL);

	return where == FAKE_PASID_CAP + PCI_PASID_CTRL &&
	       ats & PCI_ATS_CTRL_ENABLE;
}

static int write_config(struct pci_bus *bus, unsigned int devfn, int where,
			int size, u32 val)
{
	struct fake_unit *unit = container_of(bus, struct fake_unit, bus);

	unit->nr_undefined += is_undefined(unit, where);
	memcpy(unit->config + where, &val, size);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_config = {
	.read = read_config,
	.write = write_config,
};

/* As the PCI core has found it */
static void plug_device(struct fake_unit *unit)
{
	struct device *dev = &unit->pdev.dev;

	unit->bus.number = FAKE_BUS;
	unit->bus.ops = &fake_config;
	unit->bus.sysdata = &unit->sysdata;
	put_unaligned_le32(0x11e81234, unit->config + PCI_VENDOR_ID);
	/* Its addresses are those of pages, and it can be sent 32 flushes */
	put_unaligned_le16(BIT(5), unit->config + FAKE_ATS_CAP + PCI_ATS_CAP);
	put_unaligned_le16(PCI_PRI_STATUS_STOPPED | PCI_PRI_STATUS_PASID,
			   unit->config + FAKE_PRI_CAP + PCI_PRI_STATUS);
	put_unaligned_le32(32, unit->config + FAKE_PRI_CAP + PCI_PRI_MAX_REQ);
	put_unaligned_le16(PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV | 20 << 8,
			   unit->config + FAKE_PASID_CAP + PCI_PASID_CAP);
	unit->pdev.bus = &unit->bus;
	unit->pdev.devfn = FAKE_DEVFN;
	unit->pdev.error_state = pci_channel_io_normal;
	unit->pdev.ats_cap = FAKE_ATS_CAP;
	unit->pdev.pri_cap = FAKE_PRI_CAP;
	unit->pdev.pasid_required = 1;
	unit->pdev.pasid_cap = FAKE_PASID_CAP;
	unit->pdev.eetlp_prefix_path = 1;

	dev->bus = &pci_bus_type;
	dev->iommu = &unit->dev_iommu;
	set_dev_node(dev, NUMA_NO_NODE);
	unit->dev_iommu.iommu_dev = &unit->iommu.iommu;
}

/* As the driver leaves it */
static void claim_device(struct kunit *test, struct fake_unit *unit)
{
	struct device *dev = &unit->pdev.dev;

	unit->pdev.ats_enabled = 1;
	unit->pdev.pasid_enabled = 1;
	unit->dev_iommu.priv = &unit->info;
	unit->info.dev = dev;
	unit->info.iommu = &unit->iommu;
	unit->info.bus = FAKE_BUS;
	unit->info.devfn = FAKE_DEVFN;
	unit->info.ats_supported = 1;
	unit->info.ats_enabled = 1;
	unit->info.pasid_enabled = 1;
	KUNIT_ASSERT_EQ(test, 0, intel_pasid_alloc_table(dev));
}

static void power_on(struct kunit *test, struct fake_unit *unit)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);

	if (num_online_cpus() < 2)
		kunit_skip(test, "there is no CPU for the unit");
	if (!intel_iommu_sm)
		kunit_skip(test, "scalable mode is off");
	make_unit(test, unit);
	KUNIT_ASSERT_EQ(test, 0, set_cpus_allowed_ptr(current,
						      cpumask_of(cpu)));
	hrtimer_init(&unit->timer, CLOCK_MONOTONIC,
		     HRTIMER_MODE_REL_PINNED_HARD);
	unit->timer.function = run_unit;
	cpu = cpumask_next(cpu, cpu_online_mask);
	KUNIT_ASSERT_EQ(test, 0,
			smp_call_function_single(cpu, start_timer, unit, true));
	plug_device(unit);
}

/* May skip the test. Whatever becomes of it, fake_unit_stop() is to be called. */
void fake_unit_start(struct kunit *test, struct fake_unit *unit)
{
	power_on(test, unit);
	claim_device(test, unit);
}

/*
 * The same, with a device that the driver has yet to probe. It finds the unit, as
 * that of this device alone, among those that the firmware told of.
 */
void fake_unit_start_unprobed(struct kunit *test, struct fake_unit *unit)
{
	power_on(test, unit);
	unit->iommu.root_entry = (void *)get_zeroed_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, unit->iommu.root_entry);
	unit->iommu.drhd = &unit->drhd;
	unit->scope.bus = FAKE_BUS;
	unit->scope.devfn = FAKE_DEVFN;
	RCU_INIT_POINTER(unit->scope.dev, &unit->pdev.dev);
	unit->drhd.devices = &unit->scope;
	unit->drhd.devices_cnt = 1;
	unit->drhd.iommu = &unit->iommu;
	down_write(&dmar_global_lock);
	/* Before one for all the rest */
	list_add_rcu(&unit->drhd.list, &dmar_drhd_units);
	up_write(&dmar_global_lock);
}

static void hide_unit(struct fake_unit *unit)
{
	struct root_entry *root = unit->iommu.root_entry;

	down_write(&dmar_global_lock);
	list_del_rcu(&unit->drhd.list);
	up_write(&dmar_global_lock);
	synchronize_rcu();
	if (root[FAKE_BUS].lo & 1)
		free_pgtable_page(phys_to_virt(root[FAKE_BUS].lo &
					       VTD_PAGE_MASK));
	free_page((unsigned long)root);
}

void fake_unit_stop(struct fake_unit *unit)
{
	if (unit->drhd.iommu)
		hide_unit(unit);
	if (unit->timer.function)
		hrtimer_cancel(&unit->timer);
	if (unit->pdev.dev.iommu)
		intel_pasid_free_table(&unit->pdev.dev);
}

void fake_unit_forget(struct fake_unit *unit)
{
	unit->nr_descs = 0;
}

/* How many descriptors of that type were for the PASID */
unsigned int fake_unit_count(struct fake_unit *unit, u64 type, u32 pasid)
{
	unsigned int i, nr = 0;

	for (i = 0; i < unit->nr_descs; i++)
		nr += (unit->descs[i].qw0 & 0xf) == type &&
		      (unit->descs[i].qw0 >> 32 & 0xfffff) == pasid;
	return nr;
}
