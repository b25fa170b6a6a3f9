/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of /dev/iommu as functions. Each returns 0 or -errno, and leaves a
 * description of the call in last_call.
 */
#ifndef SELFTESTS_IOMMU_IOMMUFD_H
#define SELFTESTS_IOMMU_IOMMUFD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <linux/iommufd.h>
#include <linux/types.h>

/* No test makes that many objects. */
#define NO_ID 0x7fffffff

#define MAP_RO IOMMU_IOAS_MAP_READABLE
#define MAP_WO IOMMU_IOAS_MAP_WRITEABLE
#define MAP_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

/* What this thread called last, for a message. */
extern __thread char last_call[256];

/* ioctl(fd, request, arg) with a description, printf()'s arguments. */
#define call(fd, request, arg, ...) \
	(snprintf(last_call, sizeof(last_call), __VA_ARGS__), call_ioctl(fd, request, arg))
int call_ioctl(int fd, unsigned long request, void *arg);

/* Write a string to a file that is there, in sysfs for example. */
int write_text(const char *path, const char *text);

/* A new context; -errno if there is none to be had. */
int iommufd_open(void);

int destroy(int fd, __u32 id);

int ioas_alloc(int fd, __u32 *ioas);
/* @num: room in @ranges, then how many there are. */
int ioas_iova_ranges(int fd, __u32 ioas, struct iommu_iova_range *ranges,
		     __u32 *num, __u64 *alignment);
int ioas_allow_iovas(int fd, __u32 ioas, const struct iommu_iova_range *ranges,
		     __u32 num);
/* With all that there is to choose; the flags are the ioctl's. */
int ioas_map(int fd, __u32 ioas, __u32 flags, const void *va, __u64 length,
	     __u64 *iova);
/* At @iova, readable and writeable. */
int ioas_map_at(int fd, __u32 ioas, const void *va, __u64 length, __u64 iova);
/* Where the kernel likes, readable and writeable. */
int ioas_map_any(int fd, __u32 ioas, const void *va, __u64 length, __u64 *iova);
/* Of a file, from @start. */
int ioas_map_file(int fd, __u32 ioas, __u32 flags, int file, __u64 start, __u64 length,
		  __u64 *iova);
/* At @iova, readable and writeable. */
int ioas_map_file_at(int fd, __u32 ioas, int file, __u64 start, __u64 length, __u64 iova);
int ioas_change_process(int fd);
/* Map at @to, or where the kernel likes, what @src has at @from. */
int ioas_copy(int fd, __u32 dst, __u32 src, __u32 flags, __u64 from, __u64 length,
	      __u64 *to);
/* To @to, readable and writeable. */
int ioas_copy_at(int fd, __u32 dst, __u32 src, __u64 from, __u64 length, __u64 to);
/* @unmapped, unless NULL: how many bytes the kernel said. */
int ioas_unmap(int fd, __u32 ioas, __u64 iova, __u64 length, __u64 *unmapped);
int ioas_unmap_all(int fd, __u32 ioas, __u64 *unmapped);

int option_set(int fd, __u32 option, __u32 object, __u64 value);
int option_get(int fd, __u32 option, __u32 object, __u64 *value);

int hwpt_alloc(int fd, __u32 dev, __u32 pt, __u32 *hwpt);
/* @info holds flags and in_data_type before, everything after. */
int hw_info(int fd, __u32 dev, void *data, __u32 len, struct iommu_hw_info *info);

#endif
