/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processes have an iommufd open, and what is in it.
 */
#ifndef IOMMUCTL_PROC_H
#define IOMMUCTL_PROC_H

#include "fdinfo.h"

struct contexts {
	struct context *list;	/* by process and file descriptor */
	size_t nr;
	unsigned int hidden;	/* processes that one may not look into */
	unsigned int broken;	/* iommufds of which fdinfo was not understood */
};

/*
 * The iommufds of a process, or of all where @pid is 0. Returns 0, or -errno if that
 * process cannot be looked into. What is broken is complained of.
 */
int contexts_find(int pid, struct contexts *contexts);
/* One from a file that has the text of fdinfo; -1 after a complaint. */
int contexts_from_file(const char *path, struct contexts *contexts);
void contexts_free(struct contexts *contexts);

#endif
