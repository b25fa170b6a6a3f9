// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommuctl graph: objects are nodes, what they refer to is where their arrows go.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "show.h"
#include "util.h"

static const char *object_shape(const struct object *object)
{
	if (!strcmp(object->kind, "ioas"))
		return "box3d";
	if (!strncmp(object->kind, "hwpt", 4))
		return "box";
	if (!strcmp(object->kind, "device"))
		return "component";
	if (!strcmp(object->kind, "viommu"))
		return "folder";
	if (!strcmp(object->kind, "fault") || !strcmp(object->kind, "veventq") ||
	    !strcmp(object->kind, "hw_queue"))
		return "cds";
	return "ellipse";
}

/* In double quotes: the quote and the backslash are not themselves */
static void print_quoted(const char *string)
{
	for (; *string; string++) {
		if (*string == '"' || *string == '\\')
			putchar('\\');
		putchar(*string);
	}
}

/* A node is named by the context and the id, which is unique in it */
static void print_node(const struct context *context, const struct object *object)
{
	char *name = object_name(object), *words = object_words(object), *part, *rest;

	printf("    \"%llu.%u\" [shape=%s, label=\"", (unsigned long long)context->number,
	       object->id, object_shape(object));
	print_quoted(name);
	/* A line for each part keeps the boxes narrow */
	for (part = strtok_r(words, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
		printf("\\n");
		print_quoted(part + (*part == ' '));
	}
	printf("\"];\n");
	free(name);
	free(words);
}

static void print_edges(const struct context *context, const struct object *object)
{
	const char *place = NULL;
	const struct object *target;
	uint32_t pasid, hwpt;
	size_t i;

	for (i = 0; i < object->nr_fields; i++) {
		target = field_target(context, &object->fields[i]);
		if (target)
			printf("    \"%llu.%u\" -> \"%llu.%u\";\n",
			       (unsigned long long)context->number, object->id,
			       (unsigned long long)context->number, target->id);
	}
	while (object_pasid(object, &place, &pasid, &hwpt)) {
		if (fdinfo_find(context, hwpt))
			printf("    \"%llu.%u\" -> \"%llu.%u\" [label=\"PASID %u\"];\n",
			       (unsigned long long)context->number, object->id,
			       (unsigned long long)context->number, hwpt, pasid);
	}
}

void graph_dot(const struct contexts *contexts)
{
	size_t i, j;

	printf("digraph iommufd {\n"
	       "  rankdir=RL;\n"
	       "  node [fontname=\"sans-serif\", fontsize=10];\n"
	       "  fontname=\"sans-serif\";\n");
	for (i = 0; i < contexts->nr; i++) {
		const struct context *context = &contexts->list[i];

		printf("  subgraph \"cluster_%zu\" {\n    label=\"iommufd %llu", i,
		       (unsigned long long)context->number);
		if (context->pid) {
			printf(": process %d (", context->pid);
			print_quoted(context->command);
			printf("), fd %d", context->fd);
		}
		printf("\";\n");
		for (j = 0; j < context->nr_objects; j++)
			print_node(context, &context->objects[j]);
		for (j = 0; j < context->nr_objects; j++)
			print_edges(context, &context->objects[j]);
		printf("  }\n");
	}
	printf("}\n");
}

static void json_edge(const struct object *object, const struct object *target,
		      const char *key)
{
	json_open(NULL, '{');
	json_number("from", object->id);
	json_number("to", target->id);
	json_string("key", key);
	json_close('}');
}

/* The same with the PASID that it goes by */
static void json_pasid_edges(const struct context *context, const struct object *object)
{
	const char *place = NULL;
	uint32_t pasid, hwpt;

	while (object_pasid(object, &place, &pasid, &hwpt)) {
		if (!fdinfo_find(context, hwpt))
			continue;
		json_open(NULL, '{');
		json_number("from", object->id);
		json_number("to", hwpt);
		json_string("key", "pasids");
		json_number("pasid", pasid);
		json_close('}');
	}
}

static void json_graph(const struct context *context)
{
	const struct object *object, *target;
	char *words;
	size_t i, j;

	json_number("iommufd", context->number);
	json_open("nodes", '[');
	for (i = 0; i < context->nr_objects; i++) {
		object = &context->objects[i];
		words = object_words(object);
		json_open(NULL, '{');
		json_number("id", object->id);
		json_string("type", object->kind);
		json_string("words", words);
		json_close('}');
		free(words);
	}
	json_close(']');
	json_open("edges", '[');
	for (i = 0; i < context->nr_objects; i++) {
		object = &context->objects[i];
		for (j = 0; j < object->nr_fields; j++) {
			target = field_target(context, &object->fields[j]);
			if (target)
				json_edge(object, target, object->fields[j].key);
		}
		json_pasid_edges(context, object);
	}
	json_close(']');
}

void graph_json(const struct contexts *contexts)
{
	size_t i;

	json_open(NULL, '[');
	for (i = 0; i < contexts->nr; i++) {
		json_open(NULL, '{');
		json_graph(&contexts->list[i]);
		json_close('}');
	}
	json_close(']');
}

int graph_svg(const struct contexts *contexts)
{
	int ends[2], status;
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	pid = pipe(ends) ? -1 : fork();
	if (pid < 0) {
		complain("%s", strerror(errno));
		return EXIT_FAILED;
	}
	if (!pid) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("dot", "dot", "-Tsvg", NULL);
		complain(errno == ENOENT ?
			 "--svg needs the program dot, which is not installed (graphviz)" :
			 "dot: %s", strerror(errno));
		_exit(EXIT_FAILED);
	}
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	graph_dot(contexts);
	/* If dot is gone this fails, and its status tells */
	fclose(stdout);
	if (waitpid(pid, &status, 0) != pid)
		return EXIT_FAILED;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? EXIT_OK : EXIT_FAILED;
}
