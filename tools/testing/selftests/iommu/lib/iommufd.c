// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "iommufd.h"

__thread char last_call[256];

int call_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	snprintf(last_call, sizeof(last_call), "write(%s, \"%s\")", path, text);
	if (fd >= 0)
		close(fd);
	return err;
}

int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int destroy(int fd, __u32 id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return call(fd, IOMMU_DESTROY, &cmd, "IOMMU_DESTROY(%u)", id);
}

int ioas_alloc(int fd, __u32 *ioas)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int err = call(fd, IOMMU_IOAS_ALLOC, &cmd, "IOMMU_IOAS_ALLOC()");

	*ioas = cmd.out_ioas_id;
	return err;
}

int ioas_iova_ranges(int fd, __u32 ioas, struct iommu_iova_range *ranges,
		     __u32 *num, __u64 *alignment)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = *num,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int err = call(fd, IOMMU_IOAS_IOVA_RANGES, &cmd,
		       "IOMMU_IOAS_IOVA_RANGES(ioas %u, %u at %p)",
		       ioas, *num, ranges);

	*num = cmd.num_iovas;
	*alignment = cmd.out_iova_alignment;
	return err;
}

int ioas_allow_iovas(int fd, __u32 ioas, const struct iommu_iova_range *ranges,
		     __u32 num)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = num,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return call(fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd,
		    "IOMMU_IOAS_ALLOW_IOVAS(ioas %u, %u at %p)", ioas, num, ranges);
}

int ioas_map(int fd, __u32 ioas, __u32 flags, const void *va, __u64 length,
	     __u64 *iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
		.length = length,
		.iova = *iova,
	};
	int err = call(fd, IOMMU_IOAS_MAP, &cmd,
		       "IOMMU_IOAS_MAP(ioas %u, flags %#x, va %p, length %#llx, iova %#llx)",
		       ioas, flags, va, length, *iova);

	*iova = cmd.iova;
	return err;
}

int ioas_map_at(int fd, __u32 ioas, const void *va, __u64 length, __u64 iova)
{
	return ioas_map(fd, ioas, MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA, va, length, &iova);
}

int ioas_map_any(int fd, __u32 ioas, const void *va, __u64 length, __u64 *iova)
{
	*iova = 0;
	return ioas_map(fd, ioas, MAP_RW, va, length, iova);
}

int ioas_map_file(int fd, __u32 ioas, __u32 flags, int file, __u64 start, __u64 length,
		  __u64 *iova)
{
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.fd = file,
		.start = start,
		.length = length,
		.iova = *iova,
	};
	int err = call(fd, IOMMU_IOAS_MAP_FILE, &cmd,
		       "IOMMU_IOAS_MAP_FILE(ioas %u, flags %#x, fd %d, start %#llx, length %#llx, iova %#llx)",
		       ioas, flags, file, start, length, *iova);

	*iova = cmd.iova;
	return err;
}

int ioas_map_file_at(int fd, __u32 ioas, int file, __u64 start, __u64 length, __u64 iova)
{
	return ioas_map_file(fd, ioas, MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA, file, start,
			     length, &iova);
}

int ioas_change_process(int fd)
{
	struct iommu_ioas_change_process cmd = { .size = sizeof(cmd) };

	return call(fd, IOMMU_IOAS_CHANGE_PROCESS, &cmd, "IOMMU_IOAS_CHANGE_PROCESS()");
}

int option_set(int fd, __u32 option, __u32 object, __u64 value)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = option,
		.op = IOMMU_OPTION_OP_SET,
		.object_id = object,
		.val64 = value,
	};

	return call(fd, IOMMU_OPTION, &cmd, "IOMMU_OPTION(SET %u of %u to %llu)",
		    option, object, value);
}

int option_get(int fd, __u32 option, __u32 object, __u64 *value)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = option,
		.op = IOMMU_OPTION_OP_GET,
		.object_id = object,
	};
	int err = call(fd, IOMMU_OPTION, &cmd, "IOMMU_OPTION(GET %u of %u)", option, object);

	*value = cmd.val64;
	return err;
}

int ioas_copy(int fd, __u32 dst, __u32 src, __u32 flags, __u64 from, __u64 length,
	      __u64 *to)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = length,
		.dst_iova = *to,
		.src_iova = from,
	};
	int err = call(fd, IOMMU_IOAS_COPY, &cmd,
		       "IOMMU_IOAS_COPY(ioas %u to %u, flags %#x, length %#llx, iova %#llx to %#llx)",
		       src, dst, flags, length, from, *to);

	*to = cmd.dst_iova;
	return err;
}

int ioas_copy_at(int fd, __u32 dst, __u32 src, __u64 from, __u64 length, __u64 to)
{
	return ioas_copy(fd, dst, src, MAP_RW | IOMMU_IOAS_MAP_FIXED_IOVA, from, length, &to);
}

int ioas_unmap(int fd, __u32 ioas, __u64 iova, __u64 length, __u64 *unmapped)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = length,
	};
	int err = call(fd, IOMMU_IOAS_UNMAP, &cmd,
		       "IOMMU_IOAS_UNMAP(ioas %u, iova %#llx, length %#llx)",
		       ioas, iova, length);

	if (unmapped)
		*unmapped = cmd.length;
	return err;
}

int ioas_unmap_all(int fd, __u32 ioas, __u64 *unmapped)
{
	return ioas_unmap(fd, ioas, 0, UINT64_MAX, unmapped);
}

int hwpt_alloc(int fd, __u32 dev, __u32 pt, __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = dev,
		.pt_id = pt,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, pt %u)", dev, pt);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

int hw_info(int fd, __u32 dev, void *data, __u32 len, struct iommu_hw_info *info)
{
	info->size = sizeof(*info);
	info->dev_id = dev;
	info->data_len = len;
	info->data_uptr = (uintptr_t)data;
	return call(fd, IOMMU_GET_HW_INFO, info,
		    "IOMMU_GET_HW_INFO(dev %u, flags %#x, type %u, %u bytes at %p)",
		    dev, info->flags, info->in_data_type, len, data);
}
