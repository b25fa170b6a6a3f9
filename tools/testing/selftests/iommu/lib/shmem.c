// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "iommufd.h"
#include "shmem.h"

#define MODALIAS "pci:v00001AF4d00001110"

int shmem_find(struct shmem *shmem)
{
	memset(shmem, 0, sizeof(*shmem));
	return edu_find_other(&shmem->dev, MODALIAS);
}

int shmem_decode(struct shmem *shmem, bool on)
{
	struct vfio_region_info config;
	__u16 command;
	int err = edu_region(&shmem->dev, VFIO_PCI_CONFIG_REGION_INDEX, &config);

	if (err)
		return err;
	if (pread(shmem->dev.fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -EIO;
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	if (pwrite(shmem->dev.fd, &command, 2, config.offset + PCI_COMMAND) != 2)
		return -EIO;
	return 0;
}

int shmem_start(struct shmem *shmem)
{
	struct vfio_region_info bar;
	int err = edu_region(&shmem->dev, VFIO_PCI_BAR2_REGION_INDEX, &bar);

	if (err)
		return err;
	shmem->size = bar.size;
	shmem->offset = bar.offset;
	return shmem_decode(shmem, true);
}

__u8 *shmem_map(struct shmem *shmem, size_t offset, size_t length, int prot)
{
	void *memory = mmap(NULL, length, prot, MAP_SHARED, shmem->dev.fd,
			    shmem->offset + offset);

	return memory == MAP_FAILED ? NULL : memory;
}

int shmem_reset(struct shmem *shmem)
{
	return call(shmem->dev.fd, VFIO_DEVICE_RESET, NULL, "VFIO_DEVICE_RESET(%s)",
		    shmem->dev.bdf);
}

int shmem_hot_reset(struct shmem *shmem)
{
	struct vfio_pci_hot_reset cmd = { .argsz = sizeof(cmd) };

	return call(shmem->dev.fd, VFIO_DEVICE_PCI_HOT_RESET, &cmd,
		    "VFIO_DEVICE_PCI_HOT_RESET(%s)", shmem->dev.bdf);
}

int shmem_low_power(struct shmem *shmem, bool on)
{
	struct vfio_device_feature cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 (on ? VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY :
			       VFIO_DEVICE_FEATURE_LOW_POWER_EXIT),
	};

	return call(shmem->dev.fd, VFIO_DEVICE_FEATURE, &cmd,
		    "VFIO_DEVICE_FEATURE(%s, low power %d)", shmem->dev.bdf, on);
}

int shmem_dma_buf(struct shmem *shmem, __u32 region, __u32 open_flags,
		  const struct vfio_region_dma_range *ranges, __u32 nr)
{
	struct vfio_device_feature_dma_buf *request;
	struct vfio_device_feature *cmd;
	size_t length = sizeof(*cmd) + sizeof(*request) + nr * sizeof(*ranges);
	int fd;

	cmd = calloc(1, length);
	if (!cmd)
		return -ENOMEM;
	cmd->argsz = length;
	cmd->flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF;
	request = (void *)cmd->data;
	request->region_index = region;
	request->open_flags = open_flags;
	request->nr_ranges = nr;
	memcpy(request->dma_ranges, ranges, nr * sizeof(*ranges));
	snprintf(last_call, sizeof(last_call),
		 "VFIO_DEVICE_FEATURE(%s, dma-buf of region %u, open_flags %#x, %u ranges)",
		 shmem->dev.bdf, region, open_flags, nr);
	fd = ioctl(shmem->dev.fd, VFIO_DEVICE_FEATURE, cmd);
	if (fd < 0)
		fd = -errno;
	free(cmd);
	return fd;
}

int shmem_dma_buf_all(struct shmem *shmem)
{
	struct vfio_region_dma_range all = { .length = shmem->size };

	return shmem_dma_buf(shmem, VFIO_PCI_BAR2_REGION_INDEX, O_RDWR | O_CLOEXEC, &all, 1);
}

int faults_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

/* VT-d's driver prints the address in a line with more, SMMUv3's has it alone in one. */
bool faults_have(int fd, __u64 iova)
{
	char dmar[64], smmu[64], record[1024];
	bool found = false;
	ssize_t length;

	snprintf(dmar, sizeof(dmar), "fault addr %#llx ", iova);
	snprintf(smmu, sizeof(smmu), "0x%016llx", iova);
	while (true) {
		length = read(fd, record, sizeof(record) - 1);
		/* EPIPE: records were lost to newer ones. */
		if (length < 0 && errno == EPIPE)
			continue;
		if (length < 0)
			return found;
		record[length] = '\0';
		found |= strstr(record, dmar) || strstr(record, smmu);
	}
}
