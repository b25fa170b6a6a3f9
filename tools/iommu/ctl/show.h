/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands print of iommufds.
 */
#ifndef IOMMUCTL_SHOW_H
#define IOMMUCTL_SHOW_H

#include "proc.h"

void list_print(const struct contexts *contexts);
void list_json(const struct contexts *contexts);
void show_print(struct contexts *contexts);
void show_json(const struct contexts *contexts);
void graph_dot(const struct contexts *contexts);
void graph_json(const struct contexts *contexts);
/* By the program dot. Returns an exit status. */
int graph_svg(const struct contexts *contexts);

/* "HWPT_PAGING 3"; to be freed */
char *object_name(const struct object *object);
/* "automatic; pages of 4 KiB, 2 MiB, 1 GiB", without links; to be freed */
char *object_words(const struct object *object);

#endif
