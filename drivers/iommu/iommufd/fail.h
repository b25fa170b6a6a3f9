/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures on purpose. A step of the core that can fail without allocating
 * anything asks here first, so that a test can make each of them fail, as failslab
 * does with allocations.
 */
#ifndef __IOMMUFD_FAIL_H
#define __IOMMUFD_FAIL_H

#include <linux/types.h>

#ifdef CONFIG_IOMMUFD_TEST
#include <linux/fault-inject.h>
#include <linux/sched.h>

extern struct fault_attr fail_iommufd;

/* True where the step is to fail with -ENOMEM, having done nothing */
static inline bool iommufd_should_fail(void)
{
	/* No test is running: should_fail() would take longer to find out */
	if (likely(!READ_ONCE(current->fail_nth) && !fail_iommufd.probability))
		return false;
	return should_fail(&fail_iommufd, 1);
}
#else
static inline bool iommufd_should_fail(void)
{
	return false;
}
#endif

#endif /* __IOMMUFD_FAIL_H */
