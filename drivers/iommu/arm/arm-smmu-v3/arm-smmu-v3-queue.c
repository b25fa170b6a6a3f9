// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queues that the SMMU writes and the driver reads: events and page requests
 * (Arm IHI 0070, 3.5).
 *
 * Their interrupt has a thread, and so has whoever has to know that what the
 * queue holds has been handled. Either takes the records out in order, under the
 * queue's lock until the last of them is handled. The interrupt itself may take a
 * record that is the only one, unless one of them is reading the queue.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/sched.h>

#include "arm-smmu-v3-fault.h"

/* Of the driver's copy of the indexes */
static bool is_empty(const struct arm_smmu_ll_queue *llq)
{
	u32 mask = (2U << llq->max_n_shift) - 1;

	return !((llq->prod ^ llq->cons) & mask);
}

static u32 next_index(const struct arm_smmu_ll_queue *llq, u32 index)
{
	u32 mask = (2U << llq->max_n_shift) - 1;

	return Q_OVF(index) | ((index + 1) & mask);
}

/* What was read of the queue was read before the SMMU may write there again */
static void give_back(struct arm_smmu_queue *q)
{
	__iomb();
	writel_relaxed(q->llq.cons, q->cons_reg);
}

static void read_record(struct arm_smmu_queue *q, u64 *record)
{
	__le64 *entry = Q_ENT(q, q->llq.cons);
	size_t i;

	for (i = 0; i < q->ent_dwords; i++)
		record[i] = le64_to_cpu(entry[i]);
}

static void take(struct arm_smmu_queue *q, u64 *record)
{
	read_record(q, record);
	q->llq.cons = next_index(&q->llq, q->llq.cons);
	give_back(q);
}

/* False if somebody else is reading the queue; an interrupt cannot wait for him */
static bool try_begin(struct arm_smmu_queue *q)
{
	if (test_and_set_bit_lock(0, &q->busy))
		return false;
	q->passes++;
	/* Not relaxed: the records are read after it */
	q->llq.prod = readl(q->prod_reg);
	return true;
}

static void end(struct arm_smmu_queue *q)
{
	clear_bit_unlock(0, &q->busy);
}

/**
 * arm_smmu_queue_pass - Handle the records that are in a queue now
 * @smmu: The SMMU
 * @q: Its queue
 * @handle: Called for each record
 * @lost: Called where the SMMU had no room for others, when all records that came
 *	before have been handled
 * @more: Out, unless NULL: others have come meanwhile, maybe without an interrupt
 *
 * The SMMU is told that its overflow is known after @lost, so that nothing of
 * what @lost does is too late for what the SMMU records from then on.
 *
 * Others can have the queue between two passes.
 *
 * Return: how many records there were.
 */
unsigned int arm_smmu_queue_pass(struct arm_smmu_device *smmu,
				 struct arm_smmu_queue *q,
				 arm_smmu_record_fn handle,
				 arm_smmu_loss_fn lost, bool *more)
{
	u64 record[EVTQ_ENT_DWORDS];
	unsigned int nr = 0;

	BUILD_BUG_ON(PRIQ_ENT_DWORDS > EVTQ_ENT_DWORDS);

	mutex_lock(&q->lock);
	/* The mutex keeps out all but the interrupt, which is soon done */
	while (!try_begin(q))
		cpu_relax();
	while (!is_empty(&q->llq)) {
		if (nr++)
			cond_resched();
		take(q, record);
		handle(smmu, record);
	}
	if (Q_OVF(q->llq.prod) != Q_OVF(q->llq.cons)) {
		lost(smmu);
		q->llq.cons ^= Q_OVERFLOW_FLAG;
		give_back(q);
	}
	/* All that was read is given back: what comes next has an interrupt */
	if (more)
		*more = readl_relaxed(q->prod_reg) != q->llq.prod;
	end(q);
	mutex_unlock(&q->lock);
	return nr;
}

/**
 * arm_smmu_queue_try - Handle the only record of a queue, in its interrupt
 * @smmu: The SMMU
 * @q: Its queue
 * @handle: Called for the record if there is no other one; returns false to leave
 *	it where it is
 *
 * Return: true if the queue is empty; false if its thread has to read it, also if
 * somebody else is reading it, who may have looked before the record came.
 */
bool arm_smmu_queue_try(struct arm_smmu_device *smmu, struct arm_smmu_queue *q,
			arm_smmu_try_fn handle)
{
	u64 record[EVTQ_ENT_DWORDS];
	bool empty;
	u32 next;

	if (!try_begin(q))
		return false;
	next = next_index(&q->llq, q->llq.cons);
	/* The indexes also differ where records were lost: that is the thread's */
	if (q->llq.prod == next) {
		read_record(q, record);
		if (handle(smmu, record)) {
			q->llq.cons = next;
			give_back(q);
		}
	}
	empty = readl_relaxed(q->prod_reg) == q->llq.cons;
	end(q);
	return empty;
}
