/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults: the FAULT file as functions, and the mock devices that send page
 * requests. Each returns 0 or -errno, unless it says otherwise, and leaves a
 * description of the call in last_call.
 */
#ifndef SELFTESTS_IOMMU_IOPF_H
#define SELFTESTS_IOMMU_IOPF_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "iommufd.h"
#include "mock.h"

#define PGFAULT sizeof(struct iommu_hwpt_pgfault)
#define ANSWER sizeof(struct iommu_hwpt_page_response)

/* What a queue holds at most. */
#define MAX_REQUESTS 1024

#define LAST MOCK_PAGE_REQUEST_LAST
#define PARTIAL 0

#define SUCCESS IOMMUFD_PAGE_RESP_SUCCESS
#define INVALID IOMMUFD_PAGE_RESP_INVALID

/* A FAULT, with its file, which is made O_NONBLOCK. */
int iopf_alloc(int fd, __u32 *fault, int *file);
/* A paging HWPT whose faults go to @fault; @flags beside FAULT_ID_VALID. */
int iopf_hwpt_alloc(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 fault, __u32 *hwpt);
/* A mock device in an IOAS, attached to an HWPT with a FAULT. */
int iopf_attach(int fd, struct mock *mock, __u32 *ioas, __u32 *fault, int *file, __u32 *hwpt);

/* How many bytes were read; -errno. */
int iopf_read(int file, void *buf, size_t length);
/* How many bytes were written; -errno. */
int iopf_write(int file, const void *buf, size_t length);
/* One answer. */
int iopf_answer(int file, __u32 cookie, __u32 code);

/* Send one, which is a group, without a PASID. */
int mock_trigger(int fd, __u32 dev, __u32 grpid, __u64 addr);
/* Send one; the answers to the device are remembered from the first on. */
int mock_request(int fd, __u32 dev, __u32 flags, __u32 grpid, __u64 addr);
/* With a PASID. */
int mock_request_pasid(int fd, __u32 dev, __u32 flags, __u32 pasid, __u32 grpid, __u64 addr);
/* The oldest answer not told yet; -EAGAIN if there is none. */
int mock_answer(int fd, __u32 dev, __u32 *grpid, __u32 *code);

/* A number from a line of the iommufd's fdinfo, after that word; -1. */
long iopf_fdinfo(int fd, const char *kind, __u32 id, const char *word);

#endif
