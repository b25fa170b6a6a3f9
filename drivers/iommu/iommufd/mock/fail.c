// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fault attribute fail_iommufd, by which a test makes the core's own steps
 * fail: at random, through debugfs, or one after the other, through
 * /proc/PID/task/TID/fail-nth, which it shares with failslab and the others.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>

#include "../fail.h"
#include "mock.h"

DECLARE_FAULT_ATTR(fail_iommufd);
static struct dentry *fail_iommufd_dir;

/* Without debugfs there is still fail-nth */
void mock_fail_init(void)
{
	fail_iommufd_dir = fault_create_debugfs_attr("fail_iommufd", NULL,
						     &fail_iommufd);
}

void mock_fail_exit(void)
{
	debugfs_remove_recursive(fail_iommufd_dir);
}
