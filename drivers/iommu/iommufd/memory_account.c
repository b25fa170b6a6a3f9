// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whom pinned memory is charged to.
 *
 * All memories that one process makes in a context share an account. So it is
 * found, and not made, for each but the first, and what all of them count for
 * can be moved to another process at once.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "fail.h"
#include "memory_private.h"

/* The caller, with no references taken */
static struct iommufd_payer current_payer(void)
{
	return (struct iommufd_payer){
		.user = current_user(),
		.task = current->group_leader,
		.mm = current->mm,
		.exempt = capable(CAP_IPC_LOCK),
	};
}

static bool payer_equal(const struct iommufd_payer *a,
			const struct iommufd_payer *b)
{
	return a->mm == b->mm && a->user == b->user && a->task == b->task &&
	       a->exempt == b->exempt;
}

static void payer_get(struct iommufd_payer *payer)
{
	get_uid(payer->user);
	get_task_struct(payer->task);
	mmgrab(payer->mm);
}

static void payer_put(struct iommufd_payer *payer)
{
	mmdrop(payer->mm);
	put_task_struct(payer->task);
	free_uid(payer->user);
}

/* Free the account that no memory is charged to, if there is one */
static void drop_idle(struct iommufd_accounts *accounts)
{
	struct iommufd_account *account = accounts->idle;

	lockdep_assert_held(&accounts->lock);

	if (!account)
		return;
	accounts->idle = NULL;
	list_del(&account->item);
	payer_put(&account->payer);
	kfree(account);
}

void iommufd_accounts_init(struct iommufd_accounts *accounts)
{
	mutex_init(&accounts->lock);
	INIT_LIST_HEAD(&accounts->list);
}

void iommufd_accounts_destroy(struct iommufd_accounts *accounts)
{
	mutex_lock(&accounts->lock);
	drop_idle(accounts);
	mutex_unlock(&accounts->lock);
	WARN_ON(!list_empty(&accounts->list));
	mutex_destroy(&accounts->lock);
}

static int charge_user(const struct iommufd_payer *payer, unsigned long npages)
{
	unsigned long limit = task_rlimit(payer->task, RLIMIT_MEMLOCK);
	long now = atomic_long_read(&payer->user->locked_vm);
	unsigned long then;

	limit >>= PAGE_SHIFT;
	do {
		if (check_add_overflow((unsigned long)now, npages, &then) ||
		    then > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&payer->user->locked_vm, &now, then));
	return 0;
}

/* As VFIO containers count: beside what the process has locked itself */
static int charge_process(const struct iommufd_payer *payer,
			  unsigned long npages)
{
	int rc;

	rc = mmap_write_lock_killable(payer->mm);
	if (rc)
		return rc;
	rc = __account_locked_vm(payer->mm, npages, true, payer->task,
				 payer->exempt);
	mmap_write_unlock(payer->mm);
	return rc;
}

/* Do both count against one limit, so that a charge need not move? */
static bool payer_same_count(const struct iommufd_payer *a,
			     const struct iommufd_payer *b, bool per_process)
{
	if (per_process)
		return a->mm == b->mm;
	return a->user == b->user && !a->exempt && !b->exempt;
}

/* The part of a charge that is limited */
static int payer_lock(const struct iommufd_payer *payer, bool per_process,
		      unsigned long npages)
{
	if (iommufd_should_fail())
		return -ENOMEM;
	if (per_process)
		return charge_process(payer, npages);
	return payer->exempt ? 0 : charge_user(payer, npages);
}

static void payer_unlock(const struct iommufd_payer *payer, bool per_process,
			 unsigned long npages)
{
	if (per_process) {
		mmap_write_lock(payer->mm);
		__account_locked_vm(payer->mm, npages, false, payer->task,
				    true);
		mmap_write_unlock(payer->mm);
	} else if (!payer->exempt) {
		atomic_long_sub(npages, &payer->user->locked_vm);
	}
}

static struct iommufd_account *find_account(struct iommufd_accounts *accounts)
{
	struct iommufd_payer payer = current_payer();
	struct iommufd_account *account;

	lockdep_assert_held(&accounts->lock);

	list_for_each_entry(account, &accounts->list, item) {
		if (!payer_equal(&account->payer, &payer))
			continue;
		if (account == accounts->idle)
			accounts->idle = NULL;
		return account;
	}
	account = kzalloc(sizeof(*account), GFP_KERNEL_ACCOUNT);
	if (!account)
		return NULL;
	account->accounts = accounts;
	account->payer = payer;
	payer_get(&account->payer);
	list_add(&account->item, &accounts->list);
	return account;
}

/**
 * memory_account_init - Charge a memory to the caller from now on
 * @memory: memory, whose operations are set
 * @accounts: the accounts of its context
 *
 * Return: 0 or -ENOMEM.
 */
int memory_account_init(struct iommufd_memory *memory,
			struct iommufd_accounts *accounts)
{
	struct iommufd_account *account;

	mutex_lock(&accounts->lock);
	account = find_account(accounts);
	if (account) {
		account->refs++;
		accounts->nr_bound += memory->ops->bound;
	}
	mutex_unlock(&accounts->lock);
	memory->account = account;
	return account ? 0 : -ENOMEM;
}

void memory_account_fini(struct iommufd_memory *memory)
{
	struct iommufd_account *account = memory->account;
	struct iommufd_accounts *accounts = account->accounts;

	mutex_lock(&accounts->lock);
	accounts->nr_bound -= memory->ops->bound;
	if (!--account->refs) {
		WARN_ON(account->npages);
		/* Whoever gives up the last memory is likely to make the next */
		drop_idle(accounts);
		accounts->idle = account;
	}
	mutex_unlock(&accounts->lock);
}

int memory_charge(struct iommufd_memory *memory, unsigned long npages)
{
	struct iommufd_account *account = memory->account;
	struct iommufd_accounts *accounts;
	int rc;

	if (!account)
		return 0;
	accounts = account->accounts;
	mutex_lock(&accounts->lock);
	rc = payer_lock(&account->payer, accounts->per_process, npages);
	if (!rc) {
		/* What /proc shows as VmPin, limited or not */
		atomic64_add(npages, &account->payer.mm->pinned_vm);
		account->npages += npages;
	}
	mutex_unlock(&accounts->lock);
	return rc;
}

void memory_uncharge(struct iommufd_memory *memory, unsigned long npages)
{
	struct iommufd_account *account = memory->account;
	struct iommufd_accounts *accounts;

	if (!account)
		return;
	accounts = account->accounts;
	mutex_lock(&accounts->lock);
	account->npages -= npages;
	atomic64_sub(npages, &account->payer.mm->pinned_vm);
	payer_unlock(&account->payer, accounts->per_process, npages);
	mutex_unlock(&accounts->lock);
}

/* The new payer is charged already, except where both have one limit */
static void change_payer(struct iommufd_account *account,
			 const struct iommufd_payer *payer)
{
	bool per_process = account->accounts->per_process;

	atomic64_add(account->npages, &payer->mm->pinned_vm);
	atomic64_sub(account->npages, &account->payer.mm->pinned_vm);
	if (!payer_same_count(&account->payer, payer, per_process))
		payer_unlock(&account->payer, per_process, account->npages);
	payer_put(&account->payer);
	account->payer = *payer;
	payer_get(&account->payer);
}

static int change_process(struct iommufd_accounts *accounts,
			  const struct iommufd_payer *payer)
{
	struct iommufd_account *account;
	unsigned long npages = 0;
	bool same = true;
	int rc;

	list_for_each_entry(account, &accounts->list, item) {
		same &= payer_equal(&account->payer, payer);
		if (!payer_same_count(&account->payer, payer,
				      accounts->per_process))
			npages += account->npages;
	}
	if (same)
		return 0;
	/* Charge the new one first: there is always one who is charged */
	rc = payer_lock(payer, accounts->per_process, npages);
	if (rc)
		return rc;
	list_for_each_entry(account, &accounts->list, item)
		change_payer(account, payer);
	return 0;
}

/**
 * iommufd_accounts_change_process - Charge all memories to the caller
 * @accounts: the accounts of a context
 *
 * Return: 0, or with nothing changed: -EINVAL where a memory is at an address
 * of a process, -ENOMEM where it is more than the caller may have, -EINTR.
 */
int iommufd_accounts_change_process(struct iommufd_accounts *accounts)
{
	struct iommufd_payer payer = current_payer();
	int rc;

	mutex_lock(&accounts->lock);
	drop_idle(accounts);
	rc = accounts->nr_bound ? -EINVAL : change_process(accounts, &payer);
	mutex_unlock(&accounts->lock);
	return rc;
}

/**
 * iommufd_accounts_set_per_process - Choose what memory counts against
 * @accounts: the accounts of a context
 * @per_process: the process that makes it, not the user
 *
 * Return: 0, or -EBUSY where there is memory already.
 */
int iommufd_accounts_set_per_process(struct iommufd_accounts *accounts,
				     bool per_process)
{
	int rc = -EBUSY;

	mutex_lock(&accounts->lock);
	drop_idle(accounts);
	if (list_empty(&accounts->list)) {
		accounts->per_process = per_process;
		rc = 0;
	}
	mutex_unlock(&accounts->lock);
	return rc;
}
