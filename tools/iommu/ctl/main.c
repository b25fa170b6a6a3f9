// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommuctl: look at iommufds and at IOMMUs. See iommuctl.1.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "info.h"
#include "show.h"
#include "util.h"

static const char help_text[] =
"usage: iommuctl [OPTION...] COMMAND [ARGUMENT]\n"
"\n"
"  list           which processes have /dev/iommu open, and how much is mapped\n"
"  show PID       what is in the iommufds of a process, as a tree\n"
"  graph PID      the same as a graph for dot (Graphviz)\n"
"  info DEVICE    what the IOMMU of a VFIO device can do; DEVICE is\n"
"                 /dev/vfio/devices/vfioN, vfioN or a PCI address. The device\n"
"                 must not be in use.\n"
"\n"
"  -f, --file F   show, graph: from a copy of /proc/PID/fdinfo/FD, not a process\n"
"  -j, --json     JSON instead\n"
"  -s, --svg      graph: an SVG picture, made by dot\n"
"  -h, --help     this text\n"
"\n"
"Exit status: 0 done, 1 failed, 2 called in a wrong way, 3 nothing to show\n";

struct options {
	const char *file;
	bool json;
	bool svg;
};

static int usage(const char *message, const char *what)
{
	complain("%s%s%s; --help tells more", message, what ? " " : "", what ? what : "");
	return EXIT_USAGE;
}

static int parse_pid(const char *argument)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(argument, &end, 10);
	return errno || *end || end == argument || pid <= 0 || pid > 0x7fffffff ? 0 : pid;
}

static void complain_of_hidden(const struct contexts *contexts)
{
	if (contexts->hidden)
		complain("%u process%s could not be looked into; root may", contexts->hidden,
			 contexts->hidden == 1 ? "" : "es");
}

static int run_list(const struct options *options, const char *argument)
{
	struct contexts contexts;
	int err, status = EXIT_OK;

	if (argument)
		return usage("list takes no argument:", argument);
	if (options->file || options->svg)
		return usage("list takes no --file and no --svg", NULL);
	err = contexts_find(0, &contexts);
	if (err) {
		complain("/proc: %s", strerror(-err));
		return EXIT_FAILED;
	}
	complain_of_hidden(&contexts);
	if (contexts.broken)
		status = EXIT_FAILED;
	else if (!contexts.nr)
		status = EXIT_NOTHING;
	if (options->json)
		list_json(&contexts);
	else if (contexts.nr)
		list_print(&contexts);
	else
		complain("nobody has /dev/iommu open");
	contexts_free(&contexts);
	return status;
}

/* The contexts to show; else an exit status after a complaint */
static int find_contexts(const struct options *options, const char *argument,
			 struct contexts *contexts)
{
	int pid, err;

	if (options->file) {
		if (argument)
			return usage("a process or a --file, not both:", argument);
		return contexts_from_file(options->file, contexts) ? EXIT_FAILED : EXIT_OK;
	}
	if (!argument)
		return usage("which process?", NULL);
	pid = parse_pid(argument);
	if (!pid)
		return usage("not the number of a process:", argument);
	err = contexts_find(pid, contexts);
	if (err == -ENOENT) {
		complain("there is no process %d", pid);
		return EXIT_NOTHING;
	}
	if (err) {
		complain("process %d: %s", pid, strerror(-err));
		return EXIT_FAILED;
	}
	if (contexts->broken && !contexts->nr)
		return EXIT_FAILED;
	if (!contexts->nr) {
		complain("process %d has no iommufd", pid);
		return EXIT_NOTHING;
	}
	return EXIT_OK;
}

static int run_show(const struct options *options, const char *argument)
{
	struct contexts contexts;
	int status;

	if (options->svg)
		return usage("show takes no --svg", NULL);
	status = find_contexts(options, argument, &contexts);
	if (status)
		return status;
	if (options->json)
		show_json(&contexts);
	else
		show_print(&contexts);
	if (contexts.broken)
		status = EXIT_FAILED;
	contexts_free(&contexts);
	return status;
}

static int run_graph(const struct options *options, const char *argument)
{
	struct contexts contexts;
	int status;

	if (options->svg && options->json)
		return usage("--svg or --json, not both", NULL);
	status = find_contexts(options, argument, &contexts);
	if (status)
		return status;
	if (options->svg)
		status = graph_svg(&contexts);
	else if (options->json)
		graph_json(&contexts);
	else
		graph_dot(&contexts);
	if (contexts.broken)
		status = EXIT_FAILED;
	contexts_free(&contexts);
	return status;
}

static int run_info(const struct options *options, const char *argument)
{
	if (!argument)
		return usage("which device?", NULL);
	if (options->file || options->svg)
		return usage("info takes no --file and no --svg", NULL);
	return info(argument, options->json);
}

static const struct {
	const char *name;
	int (*run)(const struct options *options, const char *argument);
} commands[] = {
	{ "list", run_list },
	{ "show", run_show },
	{ "graph", run_graph },
	{ "info", run_info },
};

static int run(const struct options *options, int argc, char **argv)
{
	size_t i;

	if (argc < 1)
		return usage("which command?", NULL);
	if (argc > 2)
		return usage("too many arguments:", argv[2]);
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[0], commands[i].name))
			return commands[i].run(options, argc > 1 ? argv[1] : NULL);
	}
	return usage("unknown command", argv[0]);
}

/* What was printed is not done before it is written */
static int finish(const struct options *options, int status)
{
	/* After graph_svg() it is closed already */
	if (!options->svg && (ferror(stdout) || fflush(stdout))) {
		complain("cannot write: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "file", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "svg", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	struct options options = {};
	int option;

	/* getopt() would name the program by its path */
	argv[0] = "iommuctl";
	while ((option = getopt_long(argc, argv, "f:jsh", long_options, NULL)) != -1) {
		switch (option) {
		case 'f':
			options.file = optarg;
			break;
		case 'j':
			options.json = true;
			break;
		case 's':
			options.svg = true;
			break;
		case 'h':
			fputs(help_text, stdout);
			return finish(&options, EXIT_OK);
		default:
			return EXIT_USAGE;
		}
	}
	return finish(&options, run(&options, argc - optind, argv + optind));
}
