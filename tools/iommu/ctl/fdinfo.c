// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsing the fdinfo of an iommufd, and finding one's way among its objects. The
 * format is described in Documentation/userspace-api/iommufd.rst.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdinfo.h"
#include "util.h"

#define WHY_ROOM 160

/* A whole decimal number, and nothing beside it */
static bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end && *number <= max;
}

static bool is_name(const char *text)
{
	if (!islower((unsigned char)*text))
		return false;
	for (; *text; text++) {
		if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) &&
		    *text != '_')
			return false;
	}
	return true;
}

/* The words of an object's line, behind its kind: pairs of a key and a value */
static int parse_fields(struct object *object, char *words, const char **why)
{
	char *key, *value, *rest;
	bool has_id = false, has_refs = false;
	uint64_t number;

	for (key = strtok_r(words, " ", &rest); key; key = strtok_r(NULL, " ", &rest)) {
		value = strtok_r(NULL, " ", &rest);
		*why = "a key has no value";
		if (!value)
			return -1;
		*why = "a key is not a name";
		if (!is_name(key))
			return -1;
		if (!strcmp(key, "id") || !strcmp(key, "refs")) {
			*why = "id or refs is not a number";
			if (!parse_number(value, UINT32_MAX, &number))
				return -1;
			*why = "id or refs is there twice";
			if (*key == 'i' ? has_id : has_refs)
				return -1;
			if (*key == 'i') {
				object->id = number;
				has_id = true;
			} else {
				object->refs = number;
				has_refs = true;
			}
			continue;
		}
		object->fields = xrealloc(object->fields, (object->nr_fields + 1) *
							  sizeof(*object->fields));
		object->fields[object->nr_fields++] = (struct field){ key, value };
	}
	*why = "no id or no refs";
	return has_id && has_refs && object->id ? 0 : -1;
}

static int parse_object(struct context *context, char *kind, char *words, const char **why)
{
	struct object *object;

	context->objects = xrealloc(context->objects, (context->nr_objects + 1) *
						      sizeof(*context->objects));
	object = &context->objects[context->nr_objects++];
	*object = (struct object){ .kind = kind };
	*why = "the kind is not a name";
	if (!is_name(kind))
		return -1;
	return parse_fields(object, words, why);
}

/* A line is KIND, a colon, a tab and words. Of other lines /proc has some too. */
static int parse_line(struct context *context, char *line, const char **why)
{
	char *words = strstr(line, ":\t");

	if (!words)
		return 0;
	*words = '\0';
	words += 2;
	if (!strcmp(line, "iommufd")) {
		*why = "there is no number of the context";
		if (strncmp(words, "ctx ", 4))
			return -1;
		words[4 + strcspn(words + 4, " ")] = '\0';
		return parse_number(words + 4, UINT64_MAX, &context->number) &&
		       context->number ? 0 : -1;
	}
	if (strncmp(words, "id ", 3))
		return 0;
	return parse_object(context, line, words, why);
}

static int compare_objects(const void *a, const void *b)
{
	const struct object *one = a, *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

int fdinfo_parse(const char *text, struct context *context, char *why)
{
	const char *reason = "";
	char *line, *rest;
	unsigned int nr = 1;
	size_t i;

	*context = (struct context){ .text = xstrdup(text) };
	for (line = context->text; line; line = rest, nr++) {
		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		if (parse_line(context, line, &reason)) {
			snprintf(why, WHY_ROOM, "line %u: %s", nr, reason);
			goto fail;
		}
	}
	if (!context->number) {
		snprintf(why, WHY_ROOM, "it tells nothing of an iommufd");
		goto fail;
	}
	if (context->nr_objects)
		qsort(context->objects, context->nr_objects, sizeof(*context->objects),
		      compare_objects);
	for (i = 1; i < context->nr_objects; i++) {
		if (context->objects[i].id == context->objects[i - 1].id) {
			snprintf(why, WHY_ROOM, "the object %u is there twice",
				 context->objects[i].id);
			goto fail;
		}
	}
	return 0;

fail:
	fdinfo_free(context);
	return -1;
}

void fdinfo_free(struct context *context)
{
	size_t i;

	for (i = 0; i < context->nr_objects; i++)
		free(context->objects[i].fields);
	free(context->objects);
	free(context->command);
	free(context->text);
	*context = (struct context){};
}

struct object *fdinfo_find(const struct context *context, uint32_t id)
{
	const struct object key = { .id = id };

	if (!id || !context->nr_objects)
		return NULL;
	return bsearch(&key, context->objects, context->nr_objects,
		       sizeof(*context->objects), compare_objects);
}

const char *object_field(const struct object *object, const char *key)
{
	size_t i;

	for (i = 0; i < object->nr_fields; i++) {
		if (!strcmp(object->fields[i].key, key))
			return object->fields[i].value;
	}
	return NULL;
}

uint64_t object_number(const struct object *object, const char *key)
{
	const char *value = object_field(object, key);

	return value ? strtoull(value, NULL, 0) : 0;
}

bool field_is_link(const struct field *field)
{
	static const char * const keys[] = {
		"ioas", "hwpt", "parent", "viommu", "device", "access", "fault",
		"vdevice", "veventq", "hw_queue",
	};
	uint64_t number;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(field->key, keys[i]))
			return parse_number(field->value, UINT32_MAX, &number);
	}
	return false;
}

struct object *field_target(const struct context *context, const struct field *field)
{
	if (!field_is_link(field))
		return NULL;
	return fdinfo_find(context, strtoul(field->value, NULL, 10));
}

bool object_pasid(const struct object *object, const char **place, uint32_t *pasid,
		  uint32_t *hwpt)
{
	unsigned int p, h;
	int length;

	if (!*place)
		*place = object_field(object, "pasids");
	if (!*place || sscanf(*place, "%7u=%9u%n", &p, &h, &length) != 2)
		return false;
	*place += length;
	*place += **place == ',';
	*pasid = p;
	*hwpt = h;
	return true;
}

struct object *object_parent(const struct context *context, const struct object *object)
{
	struct object *target;
	size_t i;

	for (i = 0; i < object->nr_fields; i++) {
		target = field_target(context, &object->fields[i]);
		if (target && target != object)
			return target;
	}
	return NULL;
}

char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t length = 0, got;
	int err;

	if (!file)
		return NULL;
	do {
		text = xrealloc(text, length + 4096 + 1);
		got = fread(text + length, 1, 4096, file);
		length += got;
	} while (got);
	err = ferror(file) ? errno ?: EIO : 0;
	fclose(file);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	text[length] = '\0';
	return text;
}
