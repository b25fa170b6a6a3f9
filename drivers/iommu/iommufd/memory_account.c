// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom pinned memory is charged to.
 */
#include <linux/capability.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>

#include "memory_private.h"

/* Charge the memory to the caller from now on */
void memory_account_init(struct iommufd_memory *memory)
{
	struct iommufd_account *account = &memory->account;

	account->exempt = capable(CAP_IPC_LOCK);
	account->user = get_uid(current_user());
	account->task = get_task_struct(current->group_leader);
	account->mm = current->mm;
	mmgrab(account->mm);
}

void memory_account_fini(struct iommufd_memory *memory)
{
	struct iommufd_account *account = &memory->account;

	mmdrop(account->mm);
	put_task_struct(account->task);
	free_uid(account->user);
}

int memory_charge(struct iommufd_memory *memory, unsigned long npages)
{
	struct iommufd_account *account = &memory->account;
	unsigned long limit, then;
	long now;

	if (!account->user)
		return 0;
	if (!account->exempt) {
		limit = task_rlimit(account->task, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
		now = atomic_long_read(&account->user->locked_vm);
		do {
			if (check_add_overflow((unsigned long)now, npages,
					       &then) || then > limit)
				return -ENOMEM;
		} while (!atomic_long_try_cmpxchg(&account->user->locked_vm,
						  &now, then));
	}
	/* What /proc shows as VmPin, limited or not */
	atomic64_add(npages, &account->mm->pinned_vm);
	return 0;
}

void memory_uncharge(struct iommufd_memory *memory, unsigned long npages)
{
	struct iommufd_account *account = &memory->account;

	if (!account->user)
		return;
	if (!account->exempt)
		atomic_long_sub(npages, &account->user->locked_vm);
	atomic64_sub(npages, &account->mm->pinned_vm);
}
