/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc/PID/fdinfo/FD of an iommufd says, taken apart. The text is the
 * kernel's, but may be of a kernel that knows more: kinds of objects and keys that
 * are not known are kept as they are.
 */
#ifndef IOMMUCTL_FDINFO_H
#define IOMMUCTL_FDINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
	char *key;
	char *value;
};

/* One object. Its strings are in the text of its context. */
struct object {
	char *kind;
	uint32_t id;
	uint32_t refs;
	struct field *fields;	/* in the order of the text, id and refs left out */
	size_t nr_fields;
	bool shown;	/* for the use of whoever walks the objects */
};

/* One iommufd. The first three are not in the text, and 0 or NULL if not known. */
struct context {
	int pid;
	int fd;
	char *command;
	uint64_t number;	/* the kernel's */
	struct object *objects;	/* by id */
	size_t nr_objects;
	char *text;
};

/*
 * Take the text apart. Returns 0, or -1 with a message in @why, which has room for
 * 160 characters: where the text is not an iommufd's, or a line is not as it should
 * be. @context is to be freed only after success.
 */
int fdinfo_parse(const char *text, struct context *context, char *why);
void fdinfo_free(struct context *context);

struct object *fdinfo_find(const struct context *context, uint32_t id);
/* The value of a key, or NULL. */
const char *object_field(const struct object *object, const char *key);
/* The same as a number; 0 where there is none. */
uint64_t object_number(const struct object *object, const char *key);
/* Does the field say which other object this one refers to? */
bool field_is_link(const struct field *field);
/* The object that the field refers to, or NULL. */
struct object *field_target(const struct context *context, const struct field *field);
/*
 * The PASIDs of a device and what each is attached to, one at a time: @place is NULL
 * at first. Returns false at the end, and where it is not as it should be.
 */
bool object_pasid(const struct object *object, const char **place, uint32_t *pasid,
		  uint32_t *hwpt);
/* The first object that this one refers to, which it is shown below, or NULL. */
struct object *object_parent(const struct context *context, const struct object *object);

/* All of a file; NULL with errno. To be freed. */
char *read_file(const char *path);

#endif
