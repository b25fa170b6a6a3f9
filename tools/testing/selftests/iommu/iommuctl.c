// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program iommuctl (tools/iommu), on objects that are made here.
 */
#include <stdarg.h>

#include "lib/fdinfo.h"
#include "lib/iopf.h"
#include "lib/mock.h"
#include "lib/nested.h"
#include "lib/pasid.h"
#include "lib/testing.h"
#include "lib/veventq.h"

#define AT	0x40000000ULL

FIXTURE(iommuctl)
{
	int fd;
	__u32 ioas;
	unsigned long long ctx;
	char *pages;
	char text[16384];	/* what it printed, errors too */
};

FIXTURE_SETUP(iommuctl)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	if (system("iommuctl --help >/dev/null 2>&1"))
		SKIP_TEST("no iommuctl in PATH: make -C tools/iommu");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_EQ(0, fdinfo_read(self->fd, self->text, sizeof(self->text)));
	self->ctx = fdinfo_ctx(self->text);
	self->pages = memory_pages(4 * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(iommuctl)
{
	close(self->fd);
}

/* Its exit status; what it prints goes to @text. */
static int run(struct __test_metadata *_metadata, char *text, size_t room,
	       const char *format, ...)
{
	char command[256] = "iommuctl ";
	size_t length;
	va_list args;
	FILE *pipe;
	int status;

	va_start(args, format);
	vsnprintf(command + 9, sizeof(command) - 32, format, args);
	va_end(args);
	strcat(command, " 2>&1");
	pipe = popen(command, "re");
	ASSERT_NE(NULL, pipe);
	length = fread(text, 1, room - 1, pipe);
	text[length] = '\0';
	status = pclose(pipe);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define RUN(...) run(_metadata, self->text, sizeof(self->text), __VA_ARGS__)

static bool has(struct __test_metadata *_metadata, const char *text, const char *format, ...)
{
	char words[512];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	if (strstr(text, words))
		return true;
	TH_LOG("no \"%s\" in\n%s", words, text);
	return false;
}

#define EXPECT_TEXT(...) EXPECT_TRUE(has(_metadata, self->text, __VA_ARGS__))

TEST_F(iommuctl, lists_who_has_an_iommufd)
{
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, 2 * PAGE, AT));
	EXPECT_EQ(0, RUN("list"));
	EXPECT_TEXT("%7d %4d %8llu %7d %11s %11s iommuctl\n", getpid(), self->fd, self->ctx, 1,
		    "8 KiB", "0 bytes");
	EXPECT_EQ(0, RUN("--json list"));
	EXPECT_TEXT("\"pid\": %d,\n    \"fd\": %d,\n    \"command\": \"iommuctl\",\n"
		    "    \"iommufd\": %llu,\n    \"objects\": 1,\n    \"mapped\": 8192,\n"
		    "    \"pinned\": 0\n",
		    getpid(), self->fd, self->ctx);
}

TEST_F(iommuctl, shows_the_same_iommufd_in_two_places)
{
	int other = dup(self->fd);

	ASSERT_LE(0, other);
	EXPECT_EQ(0, RUN("list"));
	EXPECT_TEXT("%7d %4d %8llu ", getpid(), self->fd, self->ctx);
	EXPECT_TEXT("%7d %4d %8llu ", getpid(), other, self->ctx);
	close(other);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(3, RUN("list"));
	EXPECT_STREQ("iommuctl: nobody has /dev/iommu open\n", self->text);
}

#define DEFAULT_TABLE "pages of 2 KiB and all larger powers of 2; IOVA 0x1000000 to 0x7fffffff"

TEST_F(iommuctl, shows_a_tree)
{
	struct mock mock;

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->pages, PAGE, AT));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("process %d (iommuctl), fd %d: iommufd %llu, 4 objects\n"
		    "`-- IOAS %u: 4 KiB in 1 area, 4 KiB pinned in 1 extent; granule 2 KiB\n"
		    "    `-- HWPT_PAGING %u: made by an attach; " DEFAULT_TABLE "\n"
		    "        `-- DEVICE %u: iommufd_mock0, IOMMU group ",
		    getpid(), self->fd, self->ctx, self->ioas, mock.hwpt, mock.dev);
	EXPECT_TEXT("\n            `-- SELFTEST %u\n", mock.id);

	EXPECT_EQ(0, RUN("-j show %d", getpid()));
	EXPECT_TEXT("\"type\": \"hwpt_paging\",\n        \"id\": %u,\n"
		    "        \"refs\": 1,\n        \"ioas\": %u,\n",
		    mock.hwpt, self->ioas);
}

TEST_F(iommuctl, tells_how_full_a_queue_of_faults_is)
{
	struct iommu_hwpt_pgfault read;
	struct mock mock;
	__u32 fault, hwpt;
	int file;

	ASSERT_OK(iopf_alloc(self->fd, &fault, &file));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	ASSERT_OK(iopf_hwpt_alloc(self->fd, mock.dev, self->ioas, 0, fault, &hwpt));
	ASSERT_OK(mock_replace(self->fd, &mock, hwpt));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("HWPT_PAGING %u: " DEFAULT_TABLE " -> FAULT %u\n", hwpt, fault);
	EXPECT_TEXT("FAULT %u: 0 of 1024 page requests wait; 0 groups refused\n", fault);

	ASSERT_OK(mock_request(self->fd, mock.dev, LAST, 1, AT));
	ASSERT_OK(mock_request(self->fd, mock.dev, PARTIAL, 2, AT));
	ASSERT_OK(mock_request(self->fd, mock.dev, LAST, 2, AT + PAGE));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("FAULT %u: 3 of 1024 page requests wait; 0 groups refused\n", fault);
	EXPECT_EQ(0, RUN("--json graph %d", getpid()));
	EXPECT_TEXT("\"from\": %u,\n        \"to\": %u,\n        \"key\": \"fault\"", hwpt,
		    fault);

	/* What was read waits for its answer, and without its file for none. */
	ASSERT_EQ((int)PGFAULT, iopf_read(file, &read, sizeof(read)));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("FAULT %u: 3 of 1024 page requests wait; 0 groups refused\n", fault);
	ASSERT_OK(iopf_answer(file, read.cookie, SUCCESS));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("FAULT %u: 2 of 1024 page requests wait; 0 groups refused\n", fault);
	close(file);
	ASSERT_OK(mock_request(self->fd, mock.dev, LAST, 3, AT));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("FAULT %u: 0 of 1024 page requests wait; 1 group refused\n", fault);
	EXPECT_EQ(0, RUN("--json show %d", getpid()));
	EXPECT_TEXT("\"requests\": 0,\n        \"refused\": 1,\n        \"depth\": 1024\n");
}

TEST_F(iommuctl, shows_what_a_viommu_has)
{
	__u32 parent, viommu, vdevice, veventq, nested;
	struct mock mock;
	int file;

	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &mock));
	ASSERT_OK(parent_alloc(self->fd, mock.dev, self->ioas, &parent));
	ASSERT_OK(viommu_alloc(self->fd, mock.dev, parent, &viommu));
	ASSERT_OK(vdevice_alloc(self->fd, viommu, mock.dev, 0x18, &vdevice));
	ASSERT_OK(veventq_alloc(self->fd, viommu, 2, &veventq, &file));
	ASSERT_OK(nested_alloc(self->fd, mock.dev, viommu, 0, &nested));
	ASSERT_OK(mock_trigger_vevent(self->fd, mock.dev));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("        `-- VIOMMU %u: type %#x, on iommufd_selftest_iommu", viommu,
		    IOMMU_VIOMMU_TYPE_SELFTEST);
	EXPECT_TEXT("VDEVICE %u: 0x18 in the VM -> DEVICE %u\n", vdevice, mock.dev);
	EXPECT_TEXT("VEVENTQ %u: type %#x; 1 of 2 events waits; 0 lost\n", veventq,
		    IOMMU_VEVENTQ_TYPE_SELFTEST);
	EXPECT_TEXT("HWPT_NESTED %u -> HWPT_PAGING %u\n", nested, parent);

	ASSERT_OK(mock_trigger_vevent(self->fd, mock.dev));
	ASSERT_OK(mock_trigger_vevent(self->fd, mock.dev));
	EXPECT_EQ(0, RUN("graph %d", getpid()));
	EXPECT_TEXT("\\n2 of 2 events wait\\n1 lost\"];\n");
	EXPECT_TEXT("    \"%llu.%u\" -> \"%llu.%u\";\n", self->ctx, veventq, self->ctx, viommu);
	EXPECT_EQ(0, RUN("--json show %d", getpid()));
	EXPECT_TEXT("\"depth\": 2,\n        \"events\": 2,\n        \"lost\": 1\n");
	close(file);
}

TEST_F(iommuctl, shows_what_pasids_are_attached_to)
{
	struct mock mock;
	__u32 hwpt;

	ASSERT_OK(mock_attach_flags(self->fd, self->ioas, MOCK_FLAGS_DEVICE_PASID, &mock));
	ASSERT_OK(hwpt_alloc_flags(self->fd, mock.dev, self->ioas, IOMMU_HWPT_ALLOC_PASID,
				   IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	ASSERT_OK(mock_replace(self->fd, &mock, hwpt));
	ASSERT_OK(pasid_attach(self->fd, mock.id, 70, hwpt));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_TEXT("; PASID 70: HWPT %u\n", hwpt);
	EXPECT_EQ(0, RUN("graph %d", getpid()));
	EXPECT_TEXT("    \"%llu.%u\" -> \"%llu.%u\" [label=\"PASID 70\"];\n", self->ctx,
		    mock.dev, self->ctx, hwpt);
	ASSERT_OK(pasid_detach(self->fd, mock.id, 70));
	EXPECT_EQ(0, RUN("show %d", getpid()));
	EXPECT_EQ(NULL, strstr(self->text, "PASID "));
}

TEST_F(iommuctl, draws_a_graph)
{
	struct mock mock;

	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_EQ(0, RUN("graph %d", getpid()));
	EXPECT_EQ(0, strncmp(self->text, "digraph iommufd {\n", 18));
	EXPECT_TEXT("    \"%llu.%u\" -> \"%llu.%u\";\n", self->ctx, mock.hwpt, self->ctx,
		    self->ioas);
	EXPECT_TEXT("    \"%llu.%u\" -> \"%llu.%u\";\n", self->ctx, mock.dev, self->ctx,
		    mock.hwpt);
}

TEST_F(iommuctl, reads_a_copy_of_fdinfo)
{
	EXPECT_EQ(0, RUN("show -f /proc/%d/fdinfo/%d", getpid(), self->fd));
	EXPECT_TEXT("iommufd %llu, 1 object\n`-- IOAS %u: nothing mapped\n", self->ctx,
		    self->ioas);
	EXPECT_EQ(1, RUN("show -f /proc/%d/fdinfo/0", getpid()));
	EXPECT_TEXT("iommuctl: /proc/%d/fdinfo/0: it tells nothing of an iommufd\n", getpid());
}

TEST_F(iommuctl, says_why_there_is_nothing_to_show)
{
	EXPECT_EQ(3, RUN("show 1"));
	EXPECT_STREQ("iommuctl: process 1 has no iommufd\n", self->text);
	EXPECT_EQ(3, RUN("show 4194304"));
	EXPECT_STREQ("iommuctl: there is no process 4194304\n", self->text);
	EXPECT_EQ(2, RUN("show"));
	EXPECT_EQ(2, RUN("show me"));
	EXPECT_EQ(2, RUN("look"));
}

/* To look into a process takes the right to trace it. */
TEST_F(iommuctl, does_not_look_where_it_may_not)
{
	struct peer peer;

	if (fork_peer(_metadata, &peer)) {
		ASSERT_EQ(0, setgid(65534));
		ASSERT_EQ(0, setuid(65534));
		EXPECT_EQ(1, RUN("show %d", getppid()));
		EXPECT_TEXT("iommuctl: process %d: Permission denied\n", getppid());
		RUN("list");
		EXPECT_TEXT("could not be looked into; root may\n");
		EXPECT_EQ(NULL, strstr(self->text, "IOMMUFD"));
		end_child();
	}
	wait_for_success(_metadata, &peer);
}

FIXTURE(iommuctl_info)
{
	struct edu edu;
	char text[16384];
};

FIXTURE_SETUP(iommuctl_info)
{
	if (system("iommuctl --help >/dev/null 2>&1"))
		SKIP_TEST("no iommuctl in PATH: make -C tools/iommu");
	find_edu(_metadata, &self->edu, 0);
}

FIXTURE_TEARDOWN(iommuctl_info)
{
}

TEST_F(iommuctl_info, tells_what_the_iommu_can_do)
{
	const char *name = strrchr(self->edu.cdev, '/') + 1;

	EXPECT_EQ(0, RUN("info %s", self->edu.cdev));
	EXPECT_TEXT("%s: %s\n", self->edu.cdev, self->edu.bdf);
#if defined(__x86_64__)
	EXPECT_TEXT("  IOMMU                      Intel VT-d\n");
	EXPECT_TEXT("  scalable mode              yes\n");
	EXPECT_TEXT("  IOVA                       48 bits\n");
#elif defined(__aarch64__)
	EXPECT_TEXT("  IOMMU                      Arm SMMUv3\n");
	EXPECT_TEXT("  nesting                    yes: a guest's stage 1 on a stage 2\n");
	EXPECT_TEXT("  granules                   4 KiB, 16 KiB, 64 KiB\n");
#endif
	EXPECT_TEXT("  page requests (PRI) ");
	/* VT-d's driver does not nest; an SMMU needs FWB for it, or ACPI's CANWBS */
	EXPECT_TEXT("  kernel: nesting            no\n");
	EXPECT_TEXT("  kernel: dirty tracking ");

	/* By its other names, and again: it was let go. */
	EXPECT_EQ(0, RUN("info %s", name));
	EXPECT_EQ(0, RUN("--json info %s", self->edu.bdf));
	EXPECT_TEXT("\"path\": \"%s\",\n  \"device\": \"%s\",\n  \"iommu\": \"", self->edu.cdev,
		    self->edu.bdf);
	EXPECT_TEXT("\"nesting\": ");
}

TEST_F(iommuctl_info, does_not_take_a_device_away)
{
	int fd = open_iommufd(_metadata);

	ASSERT_EQ(0, edu_open(&self->edu));
	ASSERT_OK(edu_bind(&self->edu, fd));
	EXPECT_EQ(1, RUN("info %s", self->edu.cdev));
	EXPECT_TEXT("iommuctl: %s: cannot bind it: ", self->edu.cdev);
	edu_close(&self->edu);
	close(fd);
	EXPECT_EQ(0, RUN("info %s", self->edu.cdev));
}

TEST_F(iommuctl_info, says_what_is_no_device)
{
	EXPECT_EQ(1, RUN("info /dev/null"));
	EXPECT_TEXT("iommuctl: /dev/null: cannot bind it: ");
	EXPECT_TEXT(" (is it a VFIO device?)\n");
	EXPECT_EQ(1, RUN("info vfio4711"));
	EXPECT_TEXT("iommuctl: /dev/vfio/devices/vfio4711: No such file or directory\n");
	EXPECT_EQ(1, RUN("info 0000:77:00.0"));
	EXPECT_TEXT("iommuctl: 0000:77:00.0 is no device");
}

TEST_HARNESS_MAIN
