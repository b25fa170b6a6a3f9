// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fdinfo.h"

int fdinfo_read(int fd, char *text, size_t room)
{
	size_t length = 0;
	char path[64];
	ssize_t got;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	while ((got = read(file, text + length, room - 1 - length)) > 0)
		length += got;
	close(file);
	text[length] = '\0';
	if (got < 0)
		return -errno;
	return length < room - 1 ? 0 : -ENOSPC;
}

bool fdinfo_has(int fd, const char *format, ...)
{
	char text[8192] = "\n", line[256] = "\n";
	va_list args;
	bool has;
	int err;

	va_start(args, format);
	vsnprintf(line + 1, sizeof(line) - 1, format, args);
	va_end(args);
	err = fdinfo_read(fd, text + 1, sizeof(text) - 1);
	has = !err && strstr(text, line);
	if (!has)
		fprintf(stderr, "# no line \"%s\" in fdinfo, %s:%s", line + 1, strerror(-err),
			text);
	return has;
}

__u64 fdinfo_ctx(const char *text)
{
	const char *line = strstr(text, "\niommufd:\tctx ");
	unsigned long long ctx = 0;

	if (line)
		sscanf(line, "\niommufd:\tctx %llu", &ctx);
	return ctx;
}

int fdinfo_count(const char *text)
{
	int count = 0;

	/* Only the lines of objects have it. */
	while ((text = strstr(text, ":\tid "))) {
		text++;
		count++;
	}
	return count;
}
