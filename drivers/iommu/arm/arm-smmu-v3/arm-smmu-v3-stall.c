// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places of transactions that stall. An SMMU has a limited number of them
 * (IDR5.STALL_MAX). Where all are taken, a transaction that faults waits without
 * an event, whatever its device, until one is given back (Arm IHI 0070, 3.12.2.1).
 * User space that answers a device's faults can hold on to places forever.
 *
 * So half of the places are divided equally among the devices. The other half is
 * shared, but no device takes another of these if it has as many of them as are
 * left. A stall beyond that is aborted at once; so all devices have places,
 * whatever one does.
 *
 * How many are a device's own changes as devices come and go. What it has above
 * that is common from then on, so that others do not take those places too.
 *
 * Stalls of SVA, which the kernel itself always answers, are not limited.
 */
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>

#include "arm-smmu-v3-fault.h"

/* Places that are a device's own; none if there are more devices than places */
static unsigned int own_places(const struct arm_smmu_evtq *evtq)
{
	unsigned int devices = max(evtq->nr_stalling, 1U);

	if (evtq->max_stalls / devices < 2)
		return evtq->max_stalls / devices;
	return evtq->max_stalls / 2 / devices;
}

static unsigned int common_places(const struct arm_smmu_evtq *evtq)
{
	return evtq->max_stalls - max(evtq->nr_stalling, 1U) * own_places(evtq);
}

/* How many a device has that are not its own */
static unsigned int common_stalls(const struct arm_smmu_master *master)
{
	unsigned int own = own_places(&master->smmu->evtq);

	return master->nr_stalls > own ? master->nr_stalls - own : 0;
}

static void count_common(struct arm_smmu_evtq *evtq)
{
	struct arm_smmu_master *master;

	lockdep_assert_held(&evtq->stalls_lock);

	evtq->nr_common = 0;
	list_for_each_entry(master, &evtq->stalling, stalling_entry)
		evtq->nr_common += common_stalls(master);
}

/**
 * arm_smmu_add_stalling - Count a device among those that have places
 * @master: The device, which can stall
 */
void arm_smmu_add_stalling(struct arm_smmu_master *master)
{
	struct arm_smmu_evtq *evtq = &master->smmu->evtq;

	spin_lock(&evtq->stalls_lock);
	list_add_tail(&master->stalling_entry, &evtq->stalling);
	evtq->nr_stalling++;
	count_common(evtq);
	spin_unlock(&evtq->stalls_lock);
}

/**
 * arm_smmu_remove_stalling - Undo arm_smmu_add_stalling(), give back all places
 * @master: The device, of which nothing waits any more
 */
void arm_smmu_remove_stalling(struct arm_smmu_master *master)
{
	struct arm_smmu_evtq *evtq = &master->smmu->evtq;

	spin_lock(&evtq->stalls_lock);
	list_del(&master->stalling_entry);
	evtq->nr_stalling--;
	master->nr_stalls = 0;
	count_common(evtq);
	spin_unlock(&evtq->stalls_lock);
}

/**
 * arm_smmu_take_place - Take a place for a transaction of a device
 * @master: The device
 *
 * Return: false if the device has too many; else the caller calls
 * arm_smmu_give_place() when the transaction is answered.
 */
bool arm_smmu_take_place(struct arm_smmu_master *master)
{
	struct arm_smmu_evtq *evtq = &master->smmu->evtq;
	unsigned int common, mine;
	bool has = true;

	spin_lock(&evtq->stalls_lock);
	common = common_places(evtq);
	mine = common_stalls(master);
	if (master->nr_stalls < own_places(evtq)) {
		master->nr_stalls++;
	} else if (evtq->nr_common < common &&
		   mine < common - evtq->nr_common) {
		master->nr_stalls++;
		evtq->nr_common++;
	} else {
		has = false;
	}
	spin_unlock(&evtq->stalls_lock);
	return has;
}

/**
 * arm_smmu_give_place - Give back a place that a device has
 * @master: The device, a transaction of which is answered
 */
void arm_smmu_give_place(struct arm_smmu_master *master)
{
	struct arm_smmu_evtq *evtq = &master->smmu->evtq;

	spin_lock(&evtq->stalls_lock);
	if (common_stalls(master))
		evtq->nr_common--;
	if (!WARN_ON(!master->nr_stalls))
		master->nr_stalls--;
	spin_unlock(&evtq->stalls_lock);
}
