/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock device that is VFIO's, which does no DMA, but has PASIDs and page faults.
 *
 * Functions return 0 or -errno, and leave a description in last_call.
 */
#ifndef SELFTESTS_IOMMU_MOCK_VFIO_H
#define SELFTESTS_IOMMU_MOCK_VFIO_H

#include <linux/types.h>

#include "mock.h"

struct mock_vfio {
	char name[32];	/* iommufd_mockN */
	char cdev[64];	/* /dev/vfio/devices/vfioN */
	int fd;		/* the open device, or -1 */
	__u32 id;	/* in the iommufd, once bound */
};

/* Plug one in, the only one; -ENODEV if this kernel has none. */
int mock_vfio_create(struct mock_vfio *mock, __u32 dev_flags);
/* Waits for who has it open. */
int mock_vfio_remove(struct mock_vfio *mock);

int mock_vfio_open(struct mock_vfio *mock);
int mock_vfio_bind(struct mock_vfio *mock, int iommufd);
int mock_vfio_attach(struct mock_vfio *mock, __u32 pt);
int mock_vfio_detach(struct mock_vfio *mock);
int mock_vfio_attach_pasid(struct mock_vfio *mock, __u32 pasid, __u32 pt);
int mock_vfio_detach_pasid(struct mock_vfio *mock, __u32 pasid);
void mock_vfio_close(struct mock_vfio *mock);

#endif
