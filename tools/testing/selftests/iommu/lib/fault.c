// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"

static int open_option(const char *way, const char *option, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", way, option);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int fault_write(const char *way, const char *option, const char *value)
{
	int fd = open_option(way, option, O_WRONLY);
	int err;

	if (fd < 0)
		return fd;
	err = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

long fault_read(const char *way, const char *option)
{
	int fd = open_option(way, option, O_RDONLY);
	char text[32] = "";
	ssize_t len;

	if (fd < 0)
		return fd;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len < 0 ? -errno : atol(text);
}

/* More than anyone asks; it counts down, and nothing fails before it is at its end. */
#define SPACE "1000000000"

/* From now on way is asked, and fails once, when as many steps as @space are asked for. */
static int begin(const char *way, const char *space)
{
	/* It is not asked at all any more once it has failed as often as it may. */
	return fault_write(way, "times", "1") ?: fault_write(way, "space", space) ?:
	       fault_write(way, "probability", "100");
}

int fault_count_begin(const char *way)
{
	return begin(way, SPACE);
}

long fault_count_end(const char *way)
{
	int err = fault_write(way, "probability", "0");
	long left = fault_read(way, "space");

	err = err ?: fault_write(way, "space", "0");
	if (err || left < 0)
		return err ?: left;
	return atol(SPACE) - left;
}

static int count_only_me(bool only)
{
	const char *on = only ? "Y" : "N";
	int fd = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = write(fd, only ? "1" : "0", 1) < 0 ? -errno : 0;
	close(fd);
	err = err ?: fault_write("failslab", "task-filter", on);
	/* What may wait for memory is not asked about by default. */
	return err ?: fault_write("failslab", "ignore-gfp-wait", only ? "N" : "Y");
}

int fault_bytes_begin(void)
{
	return count_only_me(true) ?: fault_count_begin("failslab");
}

long fault_bytes_end(void)
{
	long bytes = fault_count_end("failslab");
	int err = count_only_me(false);

	return err ?: bytes;
}

static void log_failures(bool log)
{
	static const char * const ways[] = {
		"failslab", "fail_page_alloc", "fail_usercopy", "fail_iommufd",
	};

	for (int i = 0; i < 4; i++)
		fault_write(ways[i], "verbose", log ? "2" : "0");
}

int fault_open(void)
{
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	int err;

	if (nth < 0)
		return -errno;
	/* What may wait for memory is not failed by default, and nearly all may. */
	err = fault_write("failslab", "ignore-gfp-wait", "N");
	if (err) {
		close(nth);
		return err;
	}
	log_failures(false);
	return nth;
}

int fault_spare_slabs(void)
{
	/* Only those of marked caches would, and none is. */
	return fault_write("failslab", "cache-filter", "Y");
}

void fault_close(int nth)
{
	fault_write("failslab", "cache-filter", "N");
	fault_write("failslab", "ignore-gfp-wait", "Y");
	log_failures(true);
	close(nth);
}

int fault_arm(int nth, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(nth, text, len, 0) == len ? 0 : -errno;
}

bool fault_disarm(int nth)
{
	char text[16] = "";
	ssize_t len = pread(nth, text, sizeof(text) - 1, 0);
	bool fired = len > 0 && !atoi(text);

	/* Even these two calls can be the victims. */
	while (fault_arm(nth, 0))
		;
	return fired;
}

int fault_arm_step(const char *way, unsigned int n)
{
	char space[16];

	snprintf(space, sizeof(space), "%u", n);
	return begin(way, space);
}

bool fault_disarm_step(const char *way)
{
	fault_write(way, "probability", "0");
	fault_write(way, "space", "0");
	return !fault_read(way, "times");
}
