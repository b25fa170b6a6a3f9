/* SPDX-License-Identifier: GPL-2.0-only */
/* What the instructions are known by between which the profiler counts. */
#ifndef MARK_H
#define MARK_H

#define MARK_BEGIN	0x5e10
#define MARK_END	0x5e11

#endif /* MARK_H */
