/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel users of an IOAS, as the mock has them: each is a file. Functions
 * return 0 or -errno, and leave a description of the call in last_call.
 */
#ifndef SELFTESTS_IOMMU_ACCESS_H
#define SELFTESTS_IOMMU_ACCESS_H

#include <linux/types.h>

/* The file of a new access to the IOAS; close() ends it. */
int access_create(int fd, __u32 ioas, __u32 flags, int *access);
int access_replace(int fd, int access, __u32 ioas);
/* @va: what is expected to be there, or NULL. @pages: the name of the pins. */
int access_pin(int fd, int access, __u32 flags, __u64 iova, __u64 length, const void *va,
	       __u32 *pages);
int access_unpin(int fd, int access, __u32 pages);
int access_rw(int fd, int access, __u32 flags, __u64 iova, void *data, __u64 length);

#endif
