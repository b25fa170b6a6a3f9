// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices that move from one domain to another with ATS and PRI on.
 *
 * A device may do PRI while it does ATS, so PRI is the last that is enabled and the
 * first that is disabled. But once disabled it cannot be enabled before all page
 * requests are answered, and a user may take any time for that. So a device that
 * may ask for pages keeps both, where both domains have ATS. If its STE has to abort
 * on the way, what it asks the SMMU meanwhile is refused, as its DMA is.
 *
 * Its translations come from the old domain until its STE has changed, and from the
 * new one after that. An unmap in either has to invalidate them. So an unmap waits
 * until the device has forgotten the old domain and is known to the new one.
 */
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "arm-smmu-v3-fault.h"
#include "arm-smmu-v3-nested.h"
#include "arm-smmu-v3-pasid.h"

/* Nobody can look for the device in one of the domains meanwhile */
static void move_locked(struct arm_smmu_master *master,
			struct arm_smmu_domain *to,
			struct arm_smmu_nested_domain *nested)
{
	lockdep_assert_held(&master->domain->devices_lock);
	lockdep_assert_held(&to->devices_lock);

	master->domain = to;
	arm_smmu_store_nested(master, nested);
	arm_smmu_install_ste_for_dev(master);
	arm_smmu_copy_domain_cd(master);
	/* With a PASID as well: the guest may have had another table of them */
	arm_smmu_atc_inv_master(master);
	list_move(&master->domain_head, &to->devices);
}

static void move(struct arm_smmu_master *master, struct arm_smmu_domain *to,
		 struct arm_smmu_nested_domain *nested)
{
	struct arm_smmu_domain *from = master->domain;
	/* Two devices can change places */
	struct arm_smmu_domain *first = min(from, to), *second = max(from, to);
	unsigned long flags;

	spin_lock_irqsave(&first->devices_lock, flags);
	if (first == second) {
		move_locked(master, to, nested);
	} else {
		spin_lock_nested(&second->devices_lock, SINGLE_DEPTH_NESTING);
		move_locked(master, to, nested);
		spin_unlock(&second->devices_lock);
	}
	spin_unlock_irqrestore(&first->devices_lock, flags);
}

/**
 * arm_smmu_move_with_ats - Move a device without disabling ATS and PRI
 * @master: The device, which has ATS enabled; if it has PASIDs, under
 *	arm_smmu_asid_lock
 * @to: The domain to go to, with ATS
 * @nested: The guest's stage 1 above that, or NULL
 */
void arm_smmu_move_with_ats(struct arm_smmu_master *master,
			    struct arm_smmu_domain *to,
			    struct arm_smmu_nested_domain *nested)
{
	struct arm_smmu_domain *from = master->domain;

	arm_smmu_prepare_domain_cd(master, to);
	atomic_inc(&to->nr_ats_masters);
	/*
	 * Whoever unmaps from @to and sees nobody there did so before the STE
	 * changes: the device cannot find what was there. See
	 * arm_smmu_atc_inv_domain().
	 */
	smp_mb__after_atomic();
	mutex_lock(&master->smmu->streams_mutex);
	move(master, to, nested);
	mutex_unlock(&master->smmu->streams_mutex);
	atomic_dec(&from->nr_ats_masters);
}
