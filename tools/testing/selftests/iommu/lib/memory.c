// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "memory.h"

static void *map_anonymous(size_t length, int flags)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_ANONYMOUS | flags, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void *memory_pages(size_t length)
{
	void *memory = map_anonymous(length, MAP_PRIVATE);

	if (memory)
		madvise(memory, length, MADV_NOHUGEPAGE);
	return memory;
}

void *memory_shared(size_t length)
{
	return map_anonymous(length, MAP_SHARED);
}

/* Sum of a field of /proc/self/smaps over the mappings within the range. */
static size_t smaps_field(const void *memory, size_t length, const char *field)
{
	uintptr_t start, end, from = (uintptr_t)memory;
	size_t size = strlen(field), kib, sum = 0;
	bool within = false;
	char line[512];
	FILE *f = fopen("/proc/self/smaps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			within = start >= from && end <= from + length;
		else if (within && !strncmp(line, field, size) &&
			 sscanf(line + size, ": %zu kB", &kib) == 1)
			sum += kib << 10;
	}
	if (f)
		fclose(f);
	return sum;
}

/*
 * Aligned, so that huge pages fit, and between two pieces that nobody can use, so
 * that its line in smaps is about nothing else.
 */
static void *alloc_thp(size_t length, const char **why)
{
	char *around = map_anonymous(length + 2 * HUGE, MAP_PRIVATE);
	char *memory = (char *)(((uintptr_t)around + HUGE) & -HUGE);

	if (!around) {
		*why = "out of memory";
		return NULL;
	}
	mprotect(around, memory - around, PROT_NONE);
	mprotect(memory + length, around + 2 * HUGE - memory, PROT_NONE);
	madvise(memory, length, MADV_HUGEPAGE);
	memset(memory, 0, length);
	if (smaps_field(memory, length, "AnonHugePages") != length) {
		munmap(around, length + 2 * HUGE);
		*why = "no transparent huge pages to be had";
		return NULL;
	}
	return memory;
}

static void reserve_hugetlb(size_t more)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "r+");
	size_t pages;

	if (f && fscanf(f, "%zu", &pages) == 1) {
		rewind(f);
		fprintf(f, "%zu", pages + more);
	}
	if (f)
		fclose(f);
}

static void *alloc_hugetlb(size_t length, const char **why)
{
	void *memory = map_anonymous(length, MAP_PRIVATE | MAP_HUGETLB);

	if (!memory) {
		reserve_hugetlb(length / HUGE);
		memory = map_anonymous(length, MAP_PRIVATE | MAP_HUGETLB);
	}
	if (!memory)
		*why = "no hugetlb pages to be had";
	return memory;
}

void *memory_alloc(enum memory_kind kind, size_t length, const char **why)
{
	void *memory;

	*why = "out of memory";
	switch (kind) {
	case MEMORY_THP:
		memory = alloc_thp(length, why);
		break;
	case MEMORY_HUGETLB:
		memory = alloc_hugetlb(length, why);
		break;
	default:
		memory = memory_pages(length);
	}
	if (memory)
		memset(memory, 0, length);
	return memory;
}

/* Steps that no power of two divides, so that nothing repeats from page to page. */
static __u8 byte_at(size_t i, __u32 seed)
{
	__u32 x = (__u32)i * 2654435761u + seed * 40503u;

	return x >> 24 ^ x >> 11;
}

void memory_fill(void *memory, size_t length, __u32 seed)
{
	__u8 *bytes = memory;

	for (size_t i = 0; i < length; i++)
		bytes[i] = byte_at(i, seed);
}

bool memory_is(const void *memory, size_t length, __u32 seed)
{
	const __u8 *bytes = memory;

	for (size_t i = 0; i < length; i++)
		if (bytes[i] != byte_at(i, seed))
			return false;
	return true;
}

bool memory_is_or_zero(const void *memory, size_t length, __u32 seed)
{
	const __u8 *bytes = memory;

	for (size_t i = 0; i < length; i++)
		if (bytes[i] && bytes[i] != byte_at(i, seed))
			return false;
	return true;
}

bool memory_is_all(const void *memory, size_t length, __u8 byte)
{
	const __u8 *bytes = memory;

	for (size_t i = 0; i < length; i++)
		if (bytes[i] != byte)
			return false;
	return true;
}

long memory_pinned(void)
{
	static int fd = -1;
	static pid_t opened_by;
	char status[4096];
	const char *line;
	ssize_t len;
	long kib;

	if (opened_by != getpid()) {
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		opened_by = getpid();
	}
	len = pread(fd, status, sizeof(status) - 1, 0);
	if (len < 0)
		return -1;
	status[len] = '\0';
	line = strstr(status, "\nVmPin:");
	return line && sscanf(line, "\nVmPin: %ld kB", &kib) == 1 ? kib << 10 : -1;
}
