/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command iommuctl info.
 */
#ifndef IOMMUCTL_INFO_H
#define IOMMUCTL_INFO_H

#include <stdbool.h>

/*
 * Tell what the IOMMU of a VFIO device can do; the device is /dev/vfio/devices/vfioN,
 * vfioN, or a name on the PCI bus. Returns an exit status.
 */
int info(const char *device, bool json);

#endif
