/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PASIDs of mock devices. Each function returns 0 or -errno, and leaves a
 * description of the call in last_call.
 */
#ifndef SELFTESTS_IOMMU_PASID_H
#define SELFTESTS_IOMMU_PASID_H

#include "mock.h"

/* @pt: an IOAS or HWPT, then the HWPT. */
int pasid_attach_pt(int fd, __u32 stdev, __u32 pasid, __u32 *pt);
int pasid_attach(int fd, __u32 stdev, __u32 pasid, __u32 pt);
int pasid_replace(int fd, __u32 stdev, __u32 pasid, __u32 pt);
int pasid_detach(int fd, __u32 stdev, __u32 pasid);
/* -EINVAL unless the hardware has that HWPT there, or none if it is 0. */
int pasid_check(int fd, __u32 stdev, __u32 pasid, __u32 hwpt);

#endif
