/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/self/fdinfo of an iommufd.
 */
#ifndef SELFTESTS_IOMMU_FDINFO_H
#define SELFTESTS_IOMMU_FDINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* All of it, as a string; 0 or -errno, -ENOSPC if the room was not enough. */
int fdinfo_read(int fd, char *text, size_t room);
/* Is there a line that begins with the words, printf()'s? If not, says what there is. */
bool fdinfo_has(int fd, const char *format, ...);
/* The number of the context, which tracepoints call it by too; 0 if there is none. */
__u64 fdinfo_ctx(const char *text);
/* How many lines are of objects. */
int fdinfo_count(const char *text);

#endif
