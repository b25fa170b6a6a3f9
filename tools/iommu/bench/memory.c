// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory that is mapped: single pages none of which is beside its neighbour
 * in physical memory, transparent huge pages, and hugetlb pages. Each kind is
 * checked to be what it is called.
 */
#include <fcntl.h>
#include <unistd.h>
#include <sys/mman.h>

#include "bench.h"
#include "module/iommufd-bench.h"

const char *const kind_names[KINDS] = { "scattered", "thp", "hugetlb" };

static void map_around(struct memory *memory, int flags)
{
	uintptr_t start;

	memory->around_length = memory->length + (flags & MAP_HUGETLB ? 0 : HUGE);
	memory->around = mmap(NULL, memory->around_length, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (memory->around == MAP_FAILED)
		fail("%zu MiB of memory: %s", memory->length >> 20, strerror(errno));
	start = (uintptr_t)memory->around;
	memory->at = (char *)((start + HUGE - 1) & -HUGE);
}

/* In order of the reversed bits of their number, neighbours are far apart. */
static size_t reversed(size_t index, size_t pages)
{
	size_t result = 0;

	for (size_t bit = 1; bit < pages; bit <<= 1, index >>= 1)
		result = result << 1 | (index & 1);
	return result;
}

/* The kernel hands out pages in the order in which they are touched. */
static void touch_scattered(struct memory *memory)
{
	size_t pages = memory->length / PAGE, span = 1;

	madvise(memory->at, memory->length, MADV_NOHUGEPAGE);
	while (span < pages)
		span <<= 1;
	for (size_t i = 0; i < span; i++)
		if (reversed(i, span) < pages)
			memory->at[reversed(i, span) * PAGE] = 1;
}

static void touch(struct memory *memory)
{
	for (size_t i = 0; i < memory->length; i += PAGE)
		memory->at[i] = 1;
}

/* The page frame of each page; root may read it. */
static void read_frames(const struct memory *memory, uint64_t *frames, size_t first, size_t count)
{
	static int fd = -1;
	off_t where = ((uintptr_t)memory->at / PAGE + first) * 8;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pread(fd, frames, count * 8, where) != (ssize_t)count * 8)
		fail("/proc/self/pagemap: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		if (!(frames[i] >> 63))
			fail("a page is not there");
		frames[i] &= (1UL << 55) - 1;
	}
}

/* How many pages follow their neighbour in physical memory. */
static size_t count_neighbours(const struct memory *memory)
{
	static uint64_t frames[513];
	size_t pages = memory->length / PAGE, found = 0;

	for (size_t first = 0; first < pages; first += 512) {
		size_t more = first ? 1 : 0;

		frames[0] = 0;
		read_frames(memory, frames + 1 - more, first - more, 512 + more);
		for (size_t i = 1; i <= 512; i++)
			found += frames[i] == frames[i - 1] + 1;
	}
	return found;
}

static void check_kind(const struct memory *memory)
{
	size_t neighbours = count_neighbours(memory);
	size_t huge = memory->length / HUGE;

	if (memory->kind == SCATTERED && neighbours)
		fail("%zu of %zu pages are not scattered", neighbours, memory->length / PAGE);
	if (memory->kind != SCATTERED && neighbours < huge * (HUGE / PAGE - 1))
		fail("%s: these are not huge pages", kind_names[memory->kind]);
	printf("memory\t%s\t%zu\t%zu\n", kind_names[memory->kind], memory->length,
	       memory->length / PAGE - neighbours);
}

static long read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long number = -1;

	if (!f || fscanf(f, "%ld", &number) != 1)
		fail("%s: cannot read a number from it", path);
	fclose(f);
	return number;
}

static void set_hugetlb(long pages)
{
	const char *path = "/proc/sys/vm/nr_hugepages";
	FILE *f = fopen(path, "w");

	if (!f || fprintf(f, "%ld", pages) < 0 || fclose(f))
		fail("%s: %s", path, strerror(errno));
	if (read_number(path) != pages)
		fail("%s: not %ld huge pages to be had", path, pages);
}

void memory_make(struct memory *memory, enum kind kind, size_t length)
{
	memory->kind = kind;
	memory->length = length;
	switch (kind) {
	case SCATTERED:
		map_around(memory, 0);
		touch_scattered(memory);
		break;
	case THP:
		map_around(memory, 0);
		madvise(memory->at, length, MADV_HUGEPAGE);
		touch(memory);
		break;
	default:
		set_hugetlb(length / HUGE);
		map_around(memory, MAP_HUGETLB);
		touch(memory);
	}
	check_kind(memory);
}

void memory_free(struct memory *memory)
{
	munmap(memory->around, memory->around_length);
	if (memory->kind == HUGETLB)
		set_hugetlb(0);
}

/* ---- What the kernel uses ---- */

static char *read_file(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got, length = 0;

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	while ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += got;
	close(fd);
	text[length] = '\0';
	return text;
}

static int64_t kib(const char *text, const char *field)
{
	const char *at = strstr(text, field);

	return at ? strtoll(at + strlen(field), NULL, 10) << 10 : 0;
}

/* What of the kernel's counts waits on a CPU is added. */
static void refresh_counts(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		fail("/proc/sys/vm/stat_refresh: %s", strerror(errno));
	close(fd);
}

static int counter = -1;

void kernel_memory_open(void)
{
	counter = open("/dev/iommufd-bench", O_RDWR | O_CLOEXEC);
	if (counter < 0)
		fail("/dev/iommufd-bench: %s", strerror(errno));
	/* The first one brings in what all others then need too */
	kernel_memory();
}

void kernel_memory_close(void)
{
	close(counter);
}

static struct kernel_memory read_pages(void)
{
	struct kernel_memory now;
	const char *text;
	int64_t free;

	refresh_counts();
	text = read_file("/proc/meminfo");
	free = kib(text, "MemFree:");
	now.known = kib(text, "VmallocUsed:") + kib(text, "KernelStack:") +
		    kib(text, "PageTables:") + kib(text, "Percpu:");
	now.tables = -now.known - kib(text, "Slab:");
	for (text = read_file("/proc/zoneinfo"); (text = strstr(text, " count: ")); text++)
		free += strtoll(text + 8, NULL, 10) * (int64_t)PAGE;
	now.tables -= free;
	return now;
}

/*
 * Slab pages, vmalloc, stacks and the CPUs' page tables are accounted for; an
 * IOMMU's page tables are not in 6.1, and are the rest of what is not free. Pages
 * that wait on a CPU's list are free too. Slab pages can have room for a great
 * many objects before there is one more: objects are counted by the module.
 */
struct kernel_memory kernel_memory(void)
{
	struct bench_memory before, after;
	struct kernel_memory now;
	/* Reading allocates too, and what it frees can come late */
	static int64_t own;

	IOCTL(counter, BENCH_MEMORY, &before);
	now = read_pages();
	IOCTL(counter, BENCH_MEMORY, &after);
	now.known += before.out_bytes - own;
	own += after.out_bytes - before.out_bytes;
	return now;
}
