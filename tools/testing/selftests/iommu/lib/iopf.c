// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iopf.h"

#define describe(...) snprintf(last_call, sizeof(last_call), __VA_ARGS__)

int iopf_alloc(int fd, __u32 *fault, int *file)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
	int err = call(fd, IOMMU_FAULT_QUEUE_ALLOC, &cmd, "IOMMU_FAULT_QUEUE_ALLOC()");

	*fault = cmd.out_fault_id;
	*file = err ? -1 : (int)cmd.out_fault_fd;
	if (!err && fcntl(*file, F_SETFL, O_NONBLOCK))
		err = -errno;
	return err;
}

int iopf_hwpt_alloc(int fd, __u32 dev, __u32 pt, __u32 flags, __u32 fault, __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID | flags,
		.dev_id = dev,
		.pt_id = pt,
		.fault_id = fault,
	};
	int err = call(fd, IOMMU_HWPT_ALLOC, &cmd,
		       "IOMMU_HWPT_ALLOC(dev %u, pt %u, flags %#x, fault %u)", dev, pt,
		       cmd.flags, fault);

	*hwpt = cmd.out_hwpt_id;
	return err;
}

int iopf_attach(int fd, struct mock *mock, __u32 *ioas, __u32 *fault, int *file, __u32 *hwpt)
{
	return ioas_alloc(fd, ioas) ?:
	       mock_attach(fd, *ioas, mock) ?:
	       iopf_alloc(fd, fault, file) ?:
	       iopf_hwpt_alloc(fd, mock->dev, *ioas, 0, *fault, hwpt) ?:
	       mock_replace(fd, mock, *hwpt);
}

int iopf_read(int file, void *buf, size_t length)
{
	ssize_t got;

	describe("read(fault, %zu bytes)", length);
	got = read(file, buf, length);
	return got < 0 ? -errno : got;
}

int iopf_write(int file, const void *buf, size_t length)
{
	ssize_t put;

	describe("write(fault, %zu bytes)", length);
	put = write(file, buf, length);
	return put < 0 ? -errno : put;
}

int iopf_answer(int file, __u32 cookie, __u32 code)
{
	const struct iommu_hwpt_page_response response = { .cookie = cookie, .code = code };
	int put = iopf_write(file, &response, sizeof(response));

	describe("answer(cookie %u, code %u)", cookie, code);
	if (put == sizeof(response))
		return 0;
	return put < 0 ? put : -EIO;
}

int mock_trigger(int fd, __u32 dev, __u32 grpid, __u64 addr)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_TRIGGER_IOPF,
		.trigger_iopf.dev_id = dev,
		.trigger_iopf.grpid = grpid,
		.trigger_iopf.perm = IOMMU_PGFAULT_PERM_READ,
		.trigger_iopf.addr = addr,
	};

	return call(fd, IOMMU_TEST_CMD, &cmd, "TRIGGER_IOPF(dev %u, grpid %u, addr %#llx)",
		    dev, grpid, addr);
}

static int request(int fd, __u32 dev, __u32 flags, __u32 pasid, __u32 grpid, __u64 addr)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PAGE_REQUEST,
		.page_request.dev_id = dev,
		.page_request.pasid = pasid,
		.page_request.grpid = grpid,
		.page_request.perm = IOMMU_PGFAULT_PERM_WRITE,
		.page_request.addr = addr,
		.page_request.flags = flags,
	};

	return call(fd, IOMMU_TEST_CMD, &cmd,
		    "PAGE_REQUEST(dev %u, flags %#x, pasid %u, grpid %u, addr %#llx)", dev,
		    flags, pasid, grpid, addr);
}

int mock_request(int fd, __u32 dev, __u32 flags, __u32 grpid, __u64 addr)
{
	return request(fd, dev, flags, 0, grpid, addr);
}

int mock_request_pasid(int fd, __u32 dev, __u32 flags, __u32 pasid, __u32 grpid, __u64 addr)
{
	return request(fd, dev, flags | MOCK_PAGE_REQUEST_PASID, pasid, grpid, addr);
}

int mock_answer(int fd, __u32 dev, __u32 *grpid, __u32 *code)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PAGE_RESPONSE,
		.page_response.dev_id = dev,
	};
	int err = call(fd, IOMMU_TEST_CMD, &cmd, "PAGE_RESPONSE(dev %u)", dev);

	*grpid = cmd.page_response.out_grpid;
	*code = cmd.page_response.out_code;
	return err;
}

long iopf_fdinfo(int fd, const char *kind, __u32 id, const char *word)
{
	char path[64], line[256], start[64], key[32];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(start, sizeof(start), "%s:\tid %u ", kind, id);
	snprintf(key, sizeof(key), " %s ", word);
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		const char *at = strncmp(line, start, strlen(start)) ? NULL : strstr(line, key);

		if (at)
			value = strtol(at + strlen(key), NULL, 10);
	}
	fclose(file);
	return value;
}
