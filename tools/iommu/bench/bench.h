/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting what the kernel does, on a machine whose clock counts instructions:
 * QEMU with -icount, where one nanosecond is one instruction.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <linux/types.h>

#define PAGE	4096UL
#define HUGE	(2UL << 20)

/* Where all is mapped: in reach of the mock too, up to 1 GiB */
#define IOVA	0x40000000UL

/* The areas among which a 4 KiB one is mapped, with a page between any two */
#define MANY		10000UL
#define MANY_STEP	(2 * PAGE)

/* A benchmark that cannot go on says why and ends, with all that it holds. */
#define fail(fmt, ...) do { \
	printf("bench: " fmt "\n", ##__VA_ARGS__); \
	exit(1); \
} while (0)

#define IOCTL(fd, request, arg) do { \
	if (ioctl(fd, request, arg) < 0) \
		fail("%s: %s", #request, strerror(errno)); \
} while (0)

/* ---- clock.c ---- */

/**
 * struct figure - how many instructions something takes, by its repetitions
 * @least: of the quickest one
 * @seen: how many took just that
 * @tries: how many there were
 * @mark: number of the quickest one among all of the run, for the profile
 */
struct figure {
	uint64_t least;
	unsigned int seen;
	unsigned int tries;
	unsigned int mark;
};

void clock_check(void);
uint64_t clock_instructions(uint64_t ticks);
uint64_t clock_now(void);
void clock_begin(void);
uint64_t clock_end(void);
void figure_add(struct figure *figure, uint64_t instructions);
void figure_tell(const struct figure *figure, const char *who, const char *what,
		 const char *kind, uint64_t units);

/* Measure a statement; the figure gets one more repetition. */
#define MEASURE(figure, statement) do { \
	clock_begin(); \
	statement; \
	figure_add(figure, clock_end()); \
} while (0)

/* Large things are repeated so often at most, small ones until they settle. */
#define LARGE_TRIES	4
#define LARGE_SEEN	2
#define SMALL_TRIES	200
#define SMALL_SEEN	8

bool settled_large(const struct figure *figure);
bool settled_small(const struct figure *figure);

/* ---- memory.c ---- */

enum kind { SCATTERED, THP, HUGETLB, KINDS };

extern const char *const kind_names[KINDS];

/**
 * struct memory - what is mapped
 * @kind: which kind of memory
 * @at: its start
 * @length: bytes of it
 * @around: the mapping that it is in
 * @around_length: bytes of that
 */
struct memory {
	enum kind kind;
	char *at;
	size_t length;
	void *around;
	size_t around_length;
};

void memory_make(struct memory *memory, enum kind kind, size_t length);
void memory_free(struct memory *memory);

/**
 * struct kernel_memory - kernel memory in use, in bytes
 * @known: what the kernel accounts for: slab objects to the byte, the rest in pages
 * @tables: page tables of IOMMUs, in pages
 */
struct kernel_memory {
	int64_t known;
	int64_t tables;
};

void kernel_memory_open(void);
struct kernel_memory kernel_memory(void);
void kernel_memory_close(void);

/* ---- device.c ---- */

#define DEVICES	2

/**
 * struct device - an edu device that vfio-pci has
 * @bdf: its name on the PCI bus
 * @fd: its character device once it is opened, else -1
 * @id: the DEVICE, or with the mock the object that stands for it
 */
struct device {
	char bdf[16];
	int fd;
	__u32 id;
};

void devices_find(struct device *devices);
void device_bind(struct device *device, int iommu);
void device_attach(struct device *device, __u32 pt);
void device_close(struct device *device);
int device_group(const struct device *device);

/* ---- the three that are compared; floor.c, type1.c, ours.c ---- */

void floor_open(const struct device *device);
void floor_run(const struct memory *memory);
void floor_small(const struct memory *memory);
void floor_objects(void);
void floor_close(void);

void type1_open(const struct device *device);
void type1_run(const struct memory *memory);
void type1_small(const struct memory *memory);
void type1_close(void);

void ours_open(struct device *devices, bool mock);
void ours_run(const struct memory *memory);
void ours_small(const struct memory *memory);
void ours_objects(void);
void ours_close(void);

/* ---- nested.c, with the mock ---- */

void nested_run(void);

/* ---- smmu.c, with an SMMUv3 that can nest ---- */

void smmu_run(void);

#endif /* BENCH_H */
