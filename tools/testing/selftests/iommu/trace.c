// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints iommufd:*, as tracefs shows them.
 */
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/access.h"
#include "lib/fdinfo.h"
#include "lib/iopf.h"
#include "lib/mock.h"
#include "lib/nested.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define TRACEFS	"/sys/kernel/tracing"

FIXTURE(trace)
{
	int fd;
	__u64 ctx;
	char *pages;
	char dir[64];	/* a trace buffer of our own */
	char text[16384];
};

static int write_to(const char *dir, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return write_text(path, value);
}

/* The name that all that is traced calls this context by */
static void open_context(struct __test_metadata *_metadata, int *fd, __u64 *ctx)
{
	char text[4096];

	*fd = open_iommufd(_metadata);
	ASSERT_EQ(0, fdinfo_read(*fd, text, sizeof(text)));
	*ctx = fdinfo_ctx(text);
	ASSERT_NE(0, *ctx);
}

FIXTURE_SETUP(trace)
{
	open_context(_metadata, &self->fd, &self->ctx);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	if (access(TRACEFS "/events", F_OK))
		SKIP_TEST("no tracefs at " TRACEFS ": CONFIG_EVENT_TRACING");
	snprintf(self->dir, sizeof(self->dir), TRACEFS "/instances/iommufd%d", getpid());
	ASSERT_EQ(0, mkdir(self->dir, 0700));
	ASSERT_EQ(0, write_to(self->dir, "events/iommufd/enable", "1"));
	self->pages = memory_pages(4 * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(trace)
{
	close(self->fd);
	EXPECT_EQ(0, write_to(self->dir, "events/iommufd/enable", "0"));
	EXPECT_EQ(0, rmdir(self->dir));
}

static void read_trace(struct __test_metadata *_metadata, const char *dir, char *text,
		       size_t room)
{
	size_t length = 0;
	char path[128];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/trace", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	while ((got = read(fd, text + length, room - 1 - length)) > 0)
		length += got;
	close(fd);
	ASSERT_GT(room - 1, length);
	text[length] = '\0';
}

/* How many events end in this text? */
static int count_events(struct __test_metadata *_metadata, const char *dir, char *text,
			size_t room, const char *format, ...)
{
	const char *at = text;
	char event[256];
	int count = 0;
	va_list args;

	va_start(args, format);
	vsnprintf(event, sizeof(event) - 1, format, args);
	va_end(args);
	strcat(event, "\n");
	read_trace(_metadata, dir, text, room);
	while ((at = strstr(at, event))) {
		count++;
		at++;
	}
	if (count != 1)
		TH_LOG("%d times \"%.*s\" in\n%s", count, (int)strlen(event) - 1, event, text);
	return count;
}

#define COUNT(...) count_events(_metadata, self->dir, self->text, sizeof(self->text), \
				" iommufd_" __VA_ARGS__)
#define EXPECT_EVENT(...) EXPECT_EQ(1, COUNT(__VA_ARGS__))

TEST_F(trace, an_object_is_born_and_dies)
{
	__u64 ctx = self->ctx;
	__u32 ioas;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	EXPECT_EVENT("object_new: ctx=%llu id=%u type=ioas", ctx, ioas);
	ASSERT_OK(destroy(self->fd, ioas));
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=ioas", ctx, ioas);
}

TEST_F(trace, what_is_not_made_is_not_born)
{
	struct iommu_ioas_alloc *cmd;
	struct mock mock;
	__u32 ioas;

	/* The answer cannot be written */
	cmd = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	ASSERT_NE(MAP_FAILED, cmd);
	cmd->size = sizeof(*cmd);
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_IOAS_ALLOC, cmd, "IOMMU_IOAS_ALLOC()"));
	/* The device and its page table are there before the area is found in the way */
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages, PAGE, 0));
	EXPECT_ERRNO(EADDRINUSE, mock_attach(self->fd, ioas, &mock));
	ASSERT_OK(ioas_unmap_all(self->fd, ioas, NULL));
	ASSERT_OK(destroy(self->fd, ioas));

	read_trace(_metadata, self->dir, self->text, sizeof(self->text));
	EXPECT_EQ(NULL, strstr(self->text, "type=hwpt_paging"));
	EXPECT_EQ(NULL, strstr(self->text, "type=selftest"));
	EXPECT_EVENT("object_new: ctx=%llu id=%u type=ioas", self->ctx, ioas);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=ioas", self->ctx, ioas);
}

TEST_F(trace, close_destroys_what_is_left)
{
	__u32 one, two;
	__u64 ctx;
	int fd;

	open_context(_metadata, &fd, &ctx);
	EXPECT_NE(self->ctx, ctx);
	ASSERT_OK(ioas_alloc(fd, &one));
	ASSERT_OK(ioas_alloc(fd, &two));
	close(fd);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=ioas", ctx, one);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=ioas", ctx, two);
}

TEST_F(trace, a_vdevice_dies_with_its_device)
{
	__u32 ioas, parent, viommu, vdevice;
	__u64 ctx = self->ctx;
	struct mock mock;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(mock_attach(self->fd, ioas, &mock));
	ASSERT_OK(parent_alloc(self->fd, mock.dev, ioas, &parent));
	ASSERT_OK(viommu_alloc(self->fd, mock.dev, parent, &viommu));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, mock.dev, 1, &vdevice));
	EXPECT_EVENT("object_new: ctx=%llu id=%u type=vdevice", ctx, vdevice);
	ASSERT_OK(destroy(self->fd, mock.id));
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=vdevice", ctx, vdevice);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=device", ctx, mock.dev);
}

#define OF_FILE "fd=%d start=0x1000 flags=%#x result=%d"
#define COPIED "src_ioas=%u src_iova=%#llx flags=%#x result=0"

TEST_F(trace, map_copy_and_unmap)
{
	unsigned int fixed = IOMMU_IOAS_MAP_FIXED_IOVA | MAP_RW;
	uintptr_t va = (uintptr_t)self->pages;
	__u64 ctx = self->ctx, iova;
	__u32 ioas, other;
	int file;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_alloc(self->fd, &other));

	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages, 2 * PAGE, AT));
	EXPECT_EVENT("map: ctx=%llu ioas=%u iova=%#llx length=0x2000 va=%#lx flags=%#x result=0",
		     ctx, ioas, AT, va, fixed);
	EXPECT_ERRNO(EEXIST, ioas_map_at(self->fd, ioas, self->pages, PAGE, AT));
	EXPECT_EVENT("map: ctx=%llu ioas=%u iova=%#llx length=0x1000 va=%#lx flags=%#x result=%d",
		     ctx, ioas, AT, va, fixed, -EEXIST);
	file = memfd_create("trace", MFD_CLOEXEC);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, 4 * PAGE));
	ASSERT_OK(ioas_map_file_at(self->fd, ioas, file, PAGE, 2 * PAGE, AT + 16 * PAGE));
	EXPECT_EVENT("map_file: ctx=%llu ioas=%u iova=%#llx length=0x2000 " OF_FILE,
		     ctx, ioas, AT + 16 * PAGE, file, fixed, 0);
	EXPECT_ERRNO(EINVAL, ioas_map_file_at(self->fd, ioas, file, PAGE, 4 * PAGE,
					      AT + 32 * PAGE));
	EXPECT_EVENT("map_file: ctx=%llu ioas=%u iova=%#llx length=0x4000 " OF_FILE,
		     ctx, ioas, AT + 32 * PAGE, file, fixed, -EINVAL);
	close(file);
	/* The IOVA that the kernel chose */
	ASSERT_OK(ioas_map_any(self->fd, ioas, self->pages, 3 * PAGE, &iova));
	EXPECT_EVENT("map: ctx=%llu ioas=%u iova=%#llx length=0x3000 va=%#lx flags=%#x result=0",
		     ctx, ioas, iova, va, MAP_RW);

	ASSERT_OK(ioas_copy_at(self->fd, other, ioas, AT, PAGE, AT + 8 * PAGE));
	EXPECT_EVENT("copy: ctx=%llu ioas=%u iova=%#llx length=0x1000 " COPIED,
		     ctx, other, AT + 8 * PAGE, ioas, AT, fixed);

	ASSERT_OK(ioas_unmap(self->fd, ioas, AT - PAGE, 3 * PAGE, NULL));
	EXPECT_EVENT("unmap: ctx=%llu ioas=%u iova=%#llx length=0x2000 result=0",
		     ctx, ioas, AT - PAGE);
	EXPECT_ERRNO(ENOENT, ioas_unmap(self->fd, ioas, AT, PAGE, NULL));
	EXPECT_EVENT("unmap: ctx=%llu ioas=%u iova=%#llx length=0x1000 result=%d",
		     ctx, ioas, AT, -ENOENT);
}

TEST_F(trace, attach_replace_and_detach)
{
	__u32 ioas, other, first;
	__u64 ctx = self->ctx;
	struct mock mock;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(ioas_map_at(self->fd, other, self->pages, PAGE, 0));

	ASSERT_OK(mock_attach(self->fd, ioas, &mock));
	first = mock.hwpt;
	EXPECT_EVENT("object_new: ctx=%llu id=%u type=device", ctx, mock.dev);
	EXPECT_EVENT("object_new: ctx=%llu id=%u type=hwpt_paging", ctx, mock.hwpt);
	EXPECT_EVENT("attach: ctx=%llu device=%u name=iommufd_mock0 pasid=0 pt=%u result=0",
		     ctx, mock.dev, mock.hwpt);

	EXPECT_ERRNO(EADDRINUSE, mock_replace(self->fd, &mock, other));
	EXPECT_EVENT("replace: ctx=%llu device=%u name=iommufd_mock0 pasid=0 pt=%u result=%d",
		     ctx, mock.dev, other, -EADDRINUSE);
	ASSERT_OK(ioas_unmap_all(self->fd, other, NULL));
	ASSERT_OK(mock_replace(self->fd, &mock, other));
	EXPECT_EVENT("replace: ctx=%llu device=%u name=iommufd_mock0 pasid=0 pt=%u result=0",
		     ctx, mock.dev, mock.hwpt);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=hwpt_paging", ctx, first);

	ASSERT_OK(destroy(self->fd, mock.id));
	EXPECT_EVENT("detach: ctx=%llu device=%u name=iommufd_mock0 pasid=0 pt=%u result=0",
		     ctx, mock.dev, mock.hwpt);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=device", ctx, mock.dev);
}

TEST_F(trace, an_access_is_attached)
{
	__u32 ioas, other, id;
	__u64 ctx = self->ctx;
	int access;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(access_create(self->fd, ioas, 0, &access));
	/* Its number is the next */
	id = other + 1;
	EXPECT_EVENT("object_new: ctx=%llu id=%u type=access", ctx, id);
	EXPECT_EVENT("access_attach: ctx=%llu access=%u ioas=%u result=0", ctx, id, ioas);
	ASSERT_OK(access_replace(self->fd, access, other));
	EXPECT_EVENT("access_attach: ctx=%llu access=%u ioas=%u result=0", ctx, id, other);
	EXPECT_ERRNO(ENOENT, access_replace(self->fd, access, NO_ID));
	EXPECT_EVENT("access_attach: ctx=%llu access=%u ioas=%u result=%d", ctx, id, NO_ID,
		     -ENOENT);
	ASSERT_EQ(0, close(access));
	EXPECT_EVENT("access_attach: ctx=%llu access=%u ioas=0 result=0", ctx, id);
	EXPECT_EVENT("object_destroy: ctx=%llu id=%u type=access", ctx, id);
}

#define OF_MOCK0 " ctx=%llu device=%u name=iommufd_mock0 pasid=0"
#define GROUP " grpid=%u requests=%u addr=%#llx perm=0x2 result=%d"

TEST_F(trace, a_page_fault_is_told_and_answered)
{
	struct iommu_hwpt_pgfault faults[2];
	__u32 ioas, fault, hwpt;
	__u64 ctx = self->ctx;
	struct mock mock;
	int file;

	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(mock_attach(self->fd, ioas, &mock));
	ASSERT_OK(iopf_alloc(self->fd, &fault, &file));
	ASSERT_OK(iopf_hwpt_alloc(self->fd, mock.dev, ioas, 0, fault, &hwpt));
	ASSERT_OK(mock_replace(self->fd, &mock, hwpt));

	ASSERT_OK(mock_request(self->fd, mock.dev, PARTIAL, 5, AT));
	ASSERT_OK(mock_request(self->fd, mock.dev, LAST, 5, AT + PAGE));
	EXPECT_EVENT("fault:" OF_MOCK0 GROUP, ctx, mock.dev, 5, 2, AT, 0);
	ASSERT_EQ((int)sizeof(faults), iopf_read(file, faults, sizeof(faults)));
	ASSERT_OK(iopf_answer(file, faults[0].cookie, SUCCESS));
	EXPECT_EVENT("fault_response:" OF_MOCK0 GROUP, ctx, mock.dev, 5, 2, AT, SUCCESS);
	/* Nobody has answered this one when the device goes. */
	ASSERT_OK(mock_request(self->fd, mock.dev, LAST, 6, AT));
	ASSERT_OK(destroy(self->fd, mock.id));
	EXPECT_EVENT("fault_response:" OF_MOCK0 GROUP, ctx, mock.dev, 6, 1, AT, INVALID);
	close(file);
}

TEST_F(trace, nothing_is_traced_that_is_off)
{
	__u32 ioas;

	ASSERT_EQ(0, write_to(self->dir, "events/iommufd/enable", "0"));
	ASSERT_EQ(0, write_to(self->dir, "events/iommufd/iommufd_map/enable", "1"));
	ASSERT_OK(ioas_alloc(self->fd, &ioas));
	ASSERT_OK(ioas_map_at(self->fd, ioas, self->pages, PAGE, AT));
	ASSERT_OK(ioas_unmap_all(self->fd, ioas, NULL));
	read_trace(_metadata, self->dir, self->text, sizeof(self->text));
	EXPECT_NE(NULL, strstr(self->text, "iommufd_map:"));
	EXPECT_EQ(NULL, strstr(self->text, "iommufd_object_new:"));
	EXPECT_EQ(NULL, strstr(self->text, "iommufd_unmap:"));
}

TEST_HARNESS_MAIN
