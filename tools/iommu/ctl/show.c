// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommuctl list and show.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "util.h"

static uint64_t sum(const struct context *context, const char *key)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < context->nr_objects; i++) {
		if (!strcmp(context->objects[i].kind, "ioas"))
			total += object_number(&context->objects[i], key);
	}
	return total;
}

void list_print(const struct contexts *contexts)
{
	char mapped[WORDS_ROOM], pinned[WORDS_ROOM];
	size_t i;

	printf("%7s %4s %8s %7s %11s %11s %s\n", "PID", "FD", "IOMMUFD", "OBJECTS",
	       "MAPPED", "PINNED", "COMMAND");
	for (i = 0; i < contexts->nr; i++) {
		const struct context *context = &contexts->list[i];

		printf("%7d %4d %8llu %7zu %11s %11s %s\n", context->pid, context->fd,
		       (unsigned long long)context->number, context->nr_objects,
		       size_words(sum(context, "bytes"), mapped),
		       size_words(sum(context, "pinned"), pinned), context->command);
	}
}

static void json_context(const struct context *context)
{
	if (context->pid) {
		json_number("pid", context->pid);
		json_number("fd", context->fd);
		json_string("command", context->command);
	}
	json_number("iommufd", context->number);
}

void list_json(const struct contexts *contexts)
{
	size_t i;

	json_open(NULL, '[');
	for (i = 0; i < contexts->nr; i++) {
		const struct context *context = &contexts->list[i];

		json_open(NULL, '{');
		json_context(context);
		json_number("objects", context->nr_objects);
		json_number("mapped", sum(context, "bytes"));
		json_number("pinned", sum(context, "pinned"));
		json_close('}');
	}
	json_close(']');
}

/* ---- The tree: an object is below the first one that it refers to ---- */

static void print_object(const struct context *context, const struct object *object)
{
	const struct object *parent = object_parent(context, object), *target;
	char *name = object_name(object), *words = object_words(object);
	size_t i;

	printf("%s", name);
	if (*words)
		printf(": %s", words);
	free(name);
	free(words);
	for (i = 0; i < object->nr_fields; i++) {
		target = field_target(context, &object->fields[i]);
		if (!target || target == parent)
			continue;
		name = object_name(target);
		printf(" -> %s", name);
		free(name);
	}
	putchar('\n');
}

static bool is_below(const struct context *context, const struct object *object,
		     const struct object *parent)
{
	return !object->shown && object_parent(context, object) == parent;
}

/* The objects below @parent, or those that refer to nothing where it is NULL */
static void print_below(struct context *context, const struct object *parent,
			const char *indent)
{
	struct object *object = NULL, *next;
	char *deeper;
	size_t i = 0;

	do {
		for (next = NULL; i < context->nr_objects && !next; i++) {
			if (is_below(context, &context->objects[i], parent))
				next = &context->objects[i];
		}
		if (object) {
			printf("%s%s ", indent, next ? "|--" : "`--");
			print_object(context, object);
			deeper = text("%s%s   ", indent, next ? "|" : " ");
			print_below(context, object, deeper);
			free(deeper);
		}
		object = next;
		/* Whatever the text says, each is shown once */
		if (object)
			object->shown = true;
	} while (object);
}

static void print_context(struct context *context)
{
	struct object *object;
	size_t i;

	if (context->pid)
		printf("process %d (%s), fd %d: ", context->pid, context->command, context->fd);
	printf("iommufd %llu, %zu object%s\n", (unsigned long long)context->number,
	       context->nr_objects, context->nr_objects == 1 ? "" : "s");
	print_below(context, NULL, "");
	/* A circle has no top. The kernel makes none, but it is a text that we read. */
	for (i = 0; i < context->nr_objects; i++) {
		object = &context->objects[i];
		if (!object->shown) {
			object->shown = true;
			printf("    ");
			print_object(context, object);
		}
	}
}

void show_print(struct contexts *contexts)
{
	size_t i;

	for (i = 0; i < contexts->nr; i++)
		print_context(&contexts->list[i]);
}

static void json_object(const struct object *object)
{
	size_t i;

	json_open(NULL, '{');
	json_string("type", object->kind);
	json_number("id", object->id);
	json_number("refs", object->refs);
	for (i = 0; i < object->nr_fields; i++)
		json_word(object->fields[i].key, object->fields[i].value);
	json_close('}');
}

void show_json(const struct contexts *contexts)
{
	size_t i, j;

	json_open(NULL, '[');
	for (i = 0; i < contexts->nr; i++) {
		const struct context *context = &contexts->list[i];

		json_open(NULL, '{');
		json_context(context);
		json_open("objects", '[');
		for (j = 0; j < context->nr_objects; j++)
			json_object(&context->objects[j]);
		json_close(']');
		json_close('}');
	}
	json_close(']');
}
