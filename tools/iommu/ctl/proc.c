// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking through /proc for processes that have an iommufd open.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc.h"
#include "util.h"

/* Is it the open of /dev/iommu, by whatever name? */
static bool is_iommufd(const char *path)
{
	struct stat device, file;
	char name[16];
	ssize_t length;

	if (stat(path, &file))
		return false;
	if (!stat("/dev/iommu", &device))
		return S_ISCHR(file.st_mode) && file.st_rdev == device.st_rdev;
	/* A device node need not be where we look from */
	length = readlink(path, name, sizeof(name));
	return length == 10 && !memcmp(name, "/dev/iommu", 10);
}

static char *process_command(int pid)
{
	char *path = text("/proc/%d/comm", pid);
	char *command = read_file(path);

	free(path);
	if (!command)
		return xstrdup("?");
	command[strcspn(command, "\n")] = '\0';
	return command;
}

static int add_context(struct contexts *contexts, const char *fdinfo, int pid, int fd)
{
	struct context context;
	char why[160];

	if (fdinfo_parse(fdinfo, &context, why)) {
		complain("process %d, fd %d: its fdinfo is not understood: %s", pid, fd, why);
		contexts->broken++;
		return -1;
	}
	context.pid = pid;
	context.fd = fd;
	context.command = process_command(pid);
	contexts->list = xrealloc(contexts->list, (contexts->nr + 1) *
						  sizeof(*contexts->list));
	contexts->list[contexts->nr++] = context;
	return 0;
}

static void look_at_fd(struct contexts *contexts, int pid, int fd)
{
	char *path = text("/proc/%d/fd/%d", pid, fd);
	char *fdinfo = NULL;

	if (!is_iommufd(path))
		goto out;
	free(path);
	path = text("/proc/%d/fdinfo/%d", pid, fd);
	fdinfo = read_file(path);
	/* It may have been closed meanwhile */
	if (fdinfo)
		add_context(contexts, fdinfo, pid, fd);
	else if (errno != ENOENT && errno != ESRCH)
		complain("%s: %s", path, strerror(errno));
	free(fdinfo);
out:
	free(path);
}

static int look_at_process(struct contexts *contexts, int pid)
{
	char *path = text("/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	const struct dirent *entry;

	free(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at_fd(contexts, pid, atoi(entry->d_name));
	}
	closedir(dir);
	return 0;
}

static int compare_contexts(const void *a, const void *b)
{
	const struct context *one = a, *two = b;

	return one->pid != two->pid ? one->pid - two->pid : one->fd - two->fd;
}

static int look_at_all(struct contexts *contexts)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	int err;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		err = look_at_process(contexts, atoi(entry->d_name));
		if (err == -EACCES || err == -EPERM)
			contexts->hidden++;
	}
	closedir(dir);
	return 0;
}

int contexts_find(int pid, struct contexts *contexts)
{
	int err;

	*contexts = (struct contexts){};
	err = pid ? look_at_process(contexts, pid) : look_at_all(contexts);
	if (contexts->nr)
		qsort(contexts->list, contexts->nr, sizeof(*contexts->list),
		      compare_contexts);
	return err;
}

int contexts_from_file(const char *path, struct contexts *contexts)
{
	char *fdinfo = read_file(path);
	char why[160];

	*contexts = (struct contexts){ .nr = 1 };
	if (!fdinfo) {
		complain("%s: %s", path, strerror(errno));
		return -1;
	}
	contexts->list = xrealloc(NULL, sizeof(*contexts->list));
	if (fdinfo_parse(fdinfo, contexts->list, why)) {
		complain("%s: %s", path, why);
		free(contexts->list);
		free(fdinfo);
		return -1;
	}
	free(fdinfo);
	return 0;
}

void contexts_free(struct contexts *contexts)
{
	size_t i;

	for (i = 0; i < contexts->nr; i++)
		fdinfo_free(&contexts->list[i]);
	free(contexts->list);
}
