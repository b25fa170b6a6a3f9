/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making the kernel fail on purpose: Documentation/fault-injection/. Functions
 * return 0 or -errno.
 */
#ifndef SELFTESTS_IOMMU_FAULT_H
#define SELFTESTS_IOMMU_FAULT_H

#include <stdbool.h>

/*
 * /proc/thread-self/fail-nth, or -errno. Allocations that may wait can fail from
 * now on, and no failure is logged: one report of each would bury the rest.
 */
int fault_open(void);
/* Log them again; allocations that may wait do not fail. */
void fault_close(int nth);

/*
 * Allocations of slabs do not fail either: only what user space hands over, and what
 * has a way to fail of its own.
 */
int fault_spare_slabs(void);

/* From now on, let the nth step of this thread that can be made to fail, fail. */
int fault_arm(int nth, unsigned int n);
/* Did it? Afterwards nothing fails. */
bool fault_disarm(int nth);

/* An option of one of the ways to fail, as fail_iommufd, in debugfs. */
int fault_write(const char *way, const char *option, const char *value);
long fault_read(const char *way, const char *option);

/*
 * From now on, count how often anyone asks this way whether to fail, of which nothing
 * fails; and how often that was.
 */
int fault_count_begin(const char *way);
long fault_count_end(const char *way);

/* From now on, let the nth step, of any thread, that asks this way fail. */
int fault_arm_step(const char *way, unsigned int n);
/* Did it? Afterwards nothing fails. */
bool fault_disarm_step(const char *way);

/* From now on, count the bytes of slabs that this thread's calls take; and how many. */
int fault_bytes_begin(void);
long fault_bytes_end(void);

#endif
