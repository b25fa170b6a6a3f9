// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints of the SMMUv3 driver.
 */
#define CREATE_TRACE_POINTS
#include "arm-smmu-v3-trace.h"
