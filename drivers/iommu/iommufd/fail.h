/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures on purpose. A step of the core that can fail without allocating
 * anything asks here first, so that a test can fail each of them, as failslab
 * does for allocations.
 */
#ifndef __IOMMUFD_FAIL_H
#define __IOMMUFD_FAIL_H

#include <linux/types.h>

#ifdef CONFIG_IOMMUFD_TEST
/* True where the step is to fail with -ENOMEM, having done nothing */
bool iommufd_should_fail(void);
#else
static inline bool iommufd_should_fail(void)
{
	return false;
}
#endif

#endif /* __IOMMUFD_FAIL_H */
