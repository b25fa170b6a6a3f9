/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events of a VIOMMU. Each function returns 0 or -errno, and leaves a description of
 * the call in last_call.
 */
#ifndef SELFTESTS_IOMMU_VEVENTQ_H
#define SELFTESTS_IOMMU_VEVENTQ_H

#include <linux/types.h>

/* A VEVENTQ, with its file, which is made O_NONBLOCK, or -1. */
int veventq_alloc_type(int fd, __u32 viommu, __u32 type, __u32 depth, __u32 *veventq,
		       int *file);
/* Of the mock's kind. */
int veventq_alloc(int fd, __u32 viommu, __u32 depth, __u32 *veventq, int *file);

/* Let the device's IOMMU tell of an event, from an interrupt. */
int mock_trigger_vevent(int fd, __u32 dev);

#endif
