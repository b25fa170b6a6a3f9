/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For KUnit: an SMMU that is nothing but its queues, whose hardware side is the
 * test, with devices behind it.
 */
#ifndef _ARM_SMMU_V3_FAKE_H
#define _ARM_SMMU_V3_FAKE_H

#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/iommu-fault.h>
#include <linux/pci.h>
#include <linux/rbtree.h>

#include "../../iommufd/veventq.h"
#include "arm-smmu-v3-fault.h"
#include "arm-smmu-v3-nested.h"

#define FAKE_SHIFT	7
#define FAKE_ENTRIES	BIT(FAKE_SHIFT)
#define FAKE_FAULTS	32
#define FAKE_STALLS	1024

/**
 * struct fake_smmu - the SMMU
 * @smmu: the driver's view
 * @ops: of its devices
 * @evtq_regs: PROD and CONS
 * @priq_regs: the same
 * @cmdq_reg: both in one: whatever is in the queue is done at once
 * @cmdq_map: for the driver
 * @evtq: entries
 * @priq: entries
 * @cmdq: entries
 * @cmdq_seen: index of the first command that the test has not seen
 */
struct fake_smmu {
	struct arm_smmu_device smmu;
	struct iommu_ops ops;
	u32 evtq_regs[2];
	u32 priq_regs[2];
	u32 cmdq_reg;
	atomic_long_t cmdq_map[FAKE_ENTRIES / BITS_PER_LONG];
	__le64 evtq[FAKE_ENTRIES * EVTQ_ENT_DWORDS];
	__le64 priq[FAKE_ENTRIES * PRIQ_ENT_DWORDS];
	__le64 cmdq[FAKE_ENTRIES * CMDQ_ENT_DWORDS];
	u32 cmdq_seen;
};

/**
 * struct fake_dev - a device, and who takes its faults
 * @pdev: the device; of PCI if the test says so
 * @dev: its device
 * @iommu: the IOMMU core's part
 * @master: the driver's
 * @stream: its stream
 * @target: takes faults
 * @answer: what @target returns
 * @nr: how many it took
 * @nr_refused: of how many it was told that they are refused
 * @faults: the first of them
 */
struct fake_dev {
	struct pci_dev pdev;
	struct device *dev;
	struct dev_iommu iommu;
	struct arm_smmu_master master;
	struct arm_smmu_stream stream;
	struct iommu_fault_target target;
	int answer;
	unsigned int nr;
	unsigned int nr_refused;
	struct iommu_fault faults[FAKE_FAULTS];
};

/**
 * struct fake_vm - a VM with a share of the SMMU, and its queue of events
 * @vsmmu: the share
 * @nested: stage 1 of all its devices
 * @ring: its queue
 * @vdev: the VM's name for its one device
 * @vevents: what @ring holds
 */
struct fake_vm {
	struct arm_smmu_vsmmu vsmmu;
	struct arm_smmu_nested_domain nested;
	struct iommufd_vevent_ring ring;
	struct iommufd_vdevice vdev;
	u8 vevents[] __aligned(8);
};

static inline void fake_queue_init(struct arm_smmu_queue *q, __le64 *base,
				   size_t ent_dwords, u32 *prod, u32 *cons)
{
	q->llq.max_n_shift = FAKE_SHIFT;
	q->base = base;
	q->ent_dwords = ent_dwords;
	q->prod_reg = (u32 __force __iomem *)prod;
	q->cons_reg = (u32 __force __iomem *)cons;
}

static inline struct fake_smmu *fake_smmu_alloc(struct kunit *test)
{
	struct fake_smmu *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	struct arm_smmu_device *smmu = &fake->smmu;

	KUNIT_ASSERT_NOT_NULL(test, fake);
	mutex_init(&smmu->streams_mutex);
	spin_lock_init(&smmu->streams_lock);
	mutex_init(&smmu->evtq.q.lock);
	mutex_init(&smmu->priq.q.lock);
	spin_lock_init(&smmu->evtq.stalls_lock);
	INIT_LIST_HEAD(&smmu->evtq.stalling);
	smmu->evtq.max_stalls = FAKE_STALLS;
	smmu->streams = RB_ROOT;
	INIT_LIST_HEAD(&smmu->vsmmus);
	fake_queue_init(&smmu->evtq.q, fake->evtq, EVTQ_ENT_DWORDS,
			&fake->evtq_regs[0], &fake->evtq_regs[1]);
	fake_queue_init(&smmu->priq.q, fake->priq, PRIQ_ENT_DWORDS,
			&fake->priq_regs[0], &fake->priq_regs[1]);
	fake_queue_init(&smmu->cmdq.q, fake->cmdq, CMDQ_ENT_DWORDS,
			&fake->cmdq_reg, &fake->cmdq_reg);
	smmu->cmdq.valid_map = fake->cmdq_map;
	fake->ops.page_response = arm_smmu_page_response;
	fake->ops.drain_faults = arm_smmu_drain_faults;
	smmu->iommu.ops = &fake->ops;
	return fake;
}

static inline int fake_report(const struct iommu_fault_target *target,
			      struct device *dev,
			      const struct iommu_fault *fault)
{
	struct fake_dev *fd = container_of(target, struct fake_dev, target);

	if (fd->nr < FAKE_FAULTS)
		fd->faults[fd->nr] = *fault;
	fd->nr++;
	return fd->answer;
}

static inline void fake_note_refusal(const struct iommu_fault_target *target)
{
	container_of(target, struct fake_dev, target)->nr_refused++;
}

static inline bool fake_stream_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct arm_smmu_stream, node)->id <
	       rb_entry(b, struct arm_smmu_stream, node)->id;
}

static inline void fake_dev_release(struct device *dev)
{
}

static inline struct fake_dev *fake_dev_alloc(struct kunit *test,
					      struct fake_smmu *fake, u32 sid)
{
	struct fake_dev *fd = kunit_kzalloc(test, sizeof(*fd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fd);
	fd->dev = &fd->pdev.dev;
	device_initialize(fd->dev);
	fd->dev->release = fake_dev_release;
	fd->dev->iommu = &fd->iommu;
	mutex_init(&fd->iommu.lock);
	xa_init(&fd->iommu.fault_targets);
	fd->iommu.iommu_dev = &fake->smmu.iommu;
	fd->iommu.priv = &fd->master;
	fd->master.dev = fd->dev;
	fd->master.smmu = &fake->smmu;
	fd->master.streams = &fd->stream;
	fd->master.num_streams = 1;
	/* A test shall not last longer than that */
	ratelimit_state_init(&fd->master.event_rs, 3600 * HZ, 2);
	fd->stream.id = sid;
	fd->stream.master = &fd->master;
	rb_add(&fd->stream.node, &fake->smmu.streams, fake_stream_less);
	fd->target.report = fake_report;
	fd->target.note_refusal = fake_note_refusal;
	return fd;
}

/* A VM that has the device, under the name @vsid, and room for @depth events */
static inline struct fake_vm *fake_vm_alloc(struct kunit *test,
					    struct fake_smmu *fake,
					    struct fake_dev *fd, u64 vsid,
					    u32 depth)
{
	const size_t size = sizeof(struct iommu_vevent_arm_smmuv3);
	const size_t entry = sizeof(struct iommufd_vevent) + size;
	struct fake_vm *vm = kunit_kzalloc(test, sizeof(*vm) + depth * entry,
					   GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vm);
	xa_init(&vm->vsmmu.core.vdevs);
	INIT_LIST_HEAD_RCU(&vm->vsmmu.core.veventqs);
	vm->vsmmu.smmu = &fake->smmu;
	list_add_tail(&vm->vsmmu.smmu_entry, &fake->smmu.vsmmus);

	spin_lock_init(&vm->ring.eventq.lock);
	init_waitqueue_head(&vm->ring.eventq.wait);
	vm->ring.type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3;
	vm->ring.event_size = size;
	vm->ring.vevent_size = entry;
	vm->ring.depth = depth;
	vm->ring.vevents = vm->vevents;
	list_add_tail_rcu(&vm->ring.item, &vm->vsmmu.core.veventqs);

	vm->vdev.dev = fd->dev;
	vm->vdev.virt_id = vsid;
	vm->vdev.viommu = &vm->vsmmu.core;
	KUNIT_ASSERT_EQ(test, 0,
			xa_err(xa_store(&vm->vsmmu.core.vdevs, vsid, &vm->vdev,
					GFP_KERNEL)));
	hlist_add_head_rcu(&vm->vdev.by_dev,
			   iommufd_vdevs_of(&vm->vsmmu.core, fd->dev));
	/* Valid, stage 1 */
	vm->nested.ste[0] = 1 | 5 << 1;
	vm->nested.vsmmu = &vm->vsmmu;
	fd->master.nested = &vm->nested;
	return vm;
}

static inline void fake_vm_free(struct fake_vm *vm)
{
	xa_destroy(&vm->vsmmu.core.vdevs);
}

/* The n-th event that the VM has not read */
static inline const struct iommu_vevent_arm_smmuv3 *
fake_vm_event(struct fake_vm *vm, u32 n)
{
	return (const void *)iommufd_vevent_at(&vm->ring, n)->event;
}

/* The target of a PASID, or NULL; it is gone when the device is freed */
static inline void fake_set_target(struct kunit *test, struct fake_dev *fd,
				   ioasid_t pasid,
				   const struct iommu_fault_target *target)
{
	KUNIT_ASSERT_EQ(test, 0,
			iommu_fault_set_target(fd->dev, pasid, target));
}

static inline void fake_dev_free(struct fake_dev *fd)
{
	xa_destroy(&fd->iommu.fault_targets);
	put_device(fd->dev);
}

/* The SMMU records; returns false for what it has no room for */
static inline bool fake_record(u32 *regs, __le64 *entries, const u64 *record,
			       size_t ent_dwords)
{
	u32 mask = 2 * FAKE_ENTRIES - 1, prod = regs[0], i;
	__le64 *entry;

	if (((prod - regs[1]) & mask) == FAKE_ENTRIES) {
		/* It says so once, until it is acknowledged */
		if (!((prod ^ regs[1]) & Q_OVERFLOW_FLAG))
			regs[0] ^= Q_OVERFLOW_FLAG;
		return false;
	}
	entry = entries + (prod & (FAKE_ENTRIES - 1)) * ent_dwords;
	for (i = 0; i < ent_dwords; i++)
		entry[i] = cpu_to_le64(record[i]);
	regs[0] = (prod & Q_OVERFLOW_FLAG) | ((prod + 1) & mask);
	return true;
}

static inline bool fake_event(struct fake_smmu *fake, u64 evt0, u64 evt1,
			      u64 addr)
{
	const u64 evt[EVTQ_ENT_DWORDS] = { evt0, evt1, addr };

	return fake_record(fake->evtq_regs, fake->evtq, evt, EVTQ_ENT_DWORDS);
}

static inline bool fake_request(struct fake_smmu *fake, u64 ppr0, u64 ppr1)
{
	const u64 ppr[PRIQ_ENT_DWORDS] = { ppr0, ppr1 };

	/* Until an overflow is acknowledged nothing is recorded */
	if ((fake->priq_regs[0] ^ fake->priq_regs[1]) & Q_OVERFLOW_FLAG)
		return false;
	return fake_record(fake->priq_regs, fake->priq, ppr, PRIQ_ENT_DWORDS);
}

static inline bool fake_overflown(const u32 *regs)
{
	return (regs[0] ^ regs[1]) & Q_OVERFLOW_FLAG;
}

static inline bool fake_drained(const u32 *regs)
{
	return regs[0] == regs[1];
}

/* Expect the next command that the driver gave */
static inline void fake_expect_cmd(struct kunit *test, struct fake_smmu *fake,
				   u64 cmd0, u64 cmd1)
{
	const __le64 *cmd = fake->cmdq + CMDQ_ENT_DWORDS *
			    (fake->cmdq_seen & (FAKE_ENTRIES - 1));

	KUNIT_ASSERT_NE_MSG(test, fake->cmdq_seen, fake->cmdq_reg,
			    "no command, expected %llx, %llx", cmd0, cmd1);
	KUNIT_EXPECT_EQ(test, cmd0, le64_to_cpu(cmd[0]));
	KUNIT_EXPECT_EQ(test, cmd1, le64_to_cpu(cmd[1]));
	fake->cmdq_seen = (fake->cmdq_seen + 1) & (2 * FAKE_ENTRIES - 1);
}

static inline void fake_expect_sync(struct kunit *test, struct fake_smmu *fake)
{
	const __le64 *cmd = fake->cmdq + CMDQ_ENT_DWORDS *
			    (fake->cmdq_seen & (FAKE_ENTRIES - 1));

	KUNIT_ASSERT_NE_MSG(test, fake->cmdq_seen, fake->cmdq_reg,
			    "no command, expected CMD_SYNC");
	KUNIT_EXPECT_EQ(test, CMDQ_OP_CMD_SYNC,
			FIELD_GET(CMDQ_0_OP, le64_to_cpu(cmd[0])));
	fake->cmdq_seen = (fake->cmdq_seen + 1) & (2 * FAKE_ENTRIES - 1);
}

/* How often the driver gave a command since the last time; forgets them all */
static inline int fake_count_cmds(struct fake_smmu *fake, u64 cmd0)
{
	u32 mask = 2 * FAKE_ENTRIES - 1;
	int count = 0;

	for (; fake->cmdq_seen != fake->cmdq_reg;
	     fake->cmdq_seen = (fake->cmdq_seen + 1) & mask)
		if (le64_to_cpu(fake->cmdq[CMDQ_ENT_DWORDS *
				(fake->cmdq_seen & (FAKE_ENTRIES - 1))]) == cmd0)
			count++;
	return count;
}

static inline void fake_expect_no_cmd(struct kunit *test,
				      struct fake_smmu *fake)
{
	KUNIT_EXPECT_EQ(test, fake->cmdq_seen, fake->cmdq_reg);
}

#endif /* _ARM_SMMU_V3_FAKE_H */
