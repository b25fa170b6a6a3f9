// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of files, by their offset: IOMMU_IOAS_MAP_FILE. On the mock IOMMU, which
 * shows where each IOVA goes and how often a page is pinned, and at the end by a
 * device's DMA.
 */
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/mock.h"
#include "lib/testing.h"

#define AT 0x40000000ULL
#define HALF ((__u64)MOCK_PAGE_SIZE)

/* Of linux/fs.h, which does not go with sys/mount.h. */
#define FS_IOC_SETFLAGS _IOW('f', 2, long)
#define FS_APPEND_FL 0x20

enum file_kind {
	FILE_MEMFD,
	FILE_HUGETLB,
	FILE_TMPFS,
	FILE_TMPFS_HUGE,
};

static int tmpfs_file(struct __test_metadata *_metadata, const char *options)
{
	char dir[] = "/tmp/file-test-XXXXXX", name[64];
	int file;

	mkdir("/tmp", 01777);
	ASSERT_NE(NULL, mkdtemp(dir));
	ASSERT_EQ(0, mount("tmpfs", dir, "tmpfs", 0, options));
	snprintf(name, sizeof(name), "%s/file", dir);
	file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, file);
	/* It goes with the file. */
	ASSERT_EQ(0, umount2(dir, MNT_DETACH));
	ASSERT_EQ(0, rmdir(dir));
	return file;
}

static int new_file(struct __test_metadata *_metadata, enum file_kind kind, size_t length)
{
	void *reserve;
	const char *why;
	int file;

	switch (kind) {
	case FILE_TMPFS:
		file = tmpfs_file(_metadata, "huge=never");
		break;
	case FILE_TMPFS_HUGE:
		file = tmpfs_file(_metadata, "huge=always");
		break;
	case FILE_HUGETLB:
		/* This asks the kernel for more huge pages where there are none. */
		reserve = memory_alloc(MEMORY_HUGETLB, length, &why);
		if (!reserve)
			SKIP_TEST("%s", why);
		munmap(reserve, length);
		file = memfd_create("test", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);
		break;
	default:
		file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	}
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, length));
	return file;
}

/* The same file, open in another way. */
static int reopen(struct __test_metadata *_metadata, int file, int flags)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	fd = open(name, flags | O_CLOEXEC);
	ASSERT_LE(0, fd);
	return fd;
}

/* Free huge pages of the default size, of the whole machine. */
static long free_hugetlb(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long pages = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "HugePages_Free: %ld", &pages);
	if (f)
		fclose(f);
	return pages;
}

/* ---- Each kind of file ---- */

FIXTURE(file)
{
	int fd;
	__u32 ioas;
	struct mock mock;
	int file;
	__u8 *shown;
	long pinned;
};

FIXTURE_VARIANT(file)
{
	enum file_kind kind;
	bool small;	/* its pages' pins are looked at one by one */
};

FIXTURE_VARIANT_ADD(file, memfd) { .kind = FILE_MEMFD, .small = true };
FIXTURE_VARIANT_ADD(file, hugetlb_memfd) { .kind = FILE_HUGETLB };
FIXTURE_VARIANT_ADD(file, tmpfs) { .kind = FILE_TMPFS, .small = true };
FIXTURE_VARIANT_ADD(file, tmpfs_of_huge_pages) { .kind = FILE_TMPFS_HUGE };

#define SIZE (2 * HUGE)

FIXTURE_SETUP(file)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	self->file = new_file(_metadata, variant->kind, SIZE);
	self->shown = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	ASSERT_NE(MAP_FAILED, self->shown);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	EXPECT_EQ(self->pinned, memory_pinned());
}

#define map_file_at(start, length, iova) \
	ioas_map_file_at(self->fd, self->ioas, self->file, start, length, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define check_map(iova, va, length) \
	mock_check_map(self->fd, self->mock.hwpt, iova, va, length)
#define EXPECT_PINNED(bytes) EXPECT_EQ(self->pinned + (long)(bytes), memory_pinned())
#define EXPECT_REFS(va, length, refs) do { \
	if (variant->small) \
		EXPECT_OK(mock_check_refs(self->fd, va, length, refs)); \
} while (0)

TEST_F(file, is_pinned_from_map_to_unmap)
{
	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(map_file_at(0, SIZE, AT));
	EXPECT_OK(check_map(AT, self->shown, SIZE));
	EXPECT_REFS(self->shown, SIZE, 1);
	EXPECT_PINNED(SIZE);
	ASSERT_OK(unmap(AT, SIZE));
	EXPECT_REFS(self->shown, SIZE, 0);
	EXPECT_PINNED(0);
	EXPECT_TRUE(memory_is(self->shown, SIZE, 1));
}

/* From the middle of a page to the middle of another, at every edge. */
TEST_F(file, can_be_mapped_in_part)
{
	static const struct { __u64 start, length; } parts[] = {
		{ 0, HALF }, { HALF, HALF }, { HALF, PAGE }, { PAGE, HALF },
		{ HUGE - HALF, PAGE }, { HUGE - PAGE, PAGE + HALF }, { HUGE, PAGE },
		{ HUGE - PAGE, 3 * PAGE }, { SIZE - HALF, HALF }, { HALF, SIZE - PAGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		__u64 start = parts[i].start, length = parts[i].length;
		__u64 first = start & -PAGE, end = (start + length + PAGE - 1) & -PAGE;

		ASSERT_OK(map_file_at(start, length, AT));
		EXPECT_OK(check_map(AT, self->shown + start, length));
		EXPECT_PINNED(end - first);
		ASSERT_OK(unmap(AT, length));
		EXPECT_PINNED(0);
	}
	EXPECT_REFS(self->shown, SIZE, 0);
}

/* Nobody has touched it before. */
TEST_F(file, has_its_holes_filled)
{
	ASSERT_OK(map_file_at(0, SIZE, AT));
	EXPECT_PINNED(SIZE);
	EXPECT_OK(check_map(AT, self->shown, SIZE));
	EXPECT_TRUE(memory_is_all(self->shown, SIZE, 0));
}

TEST_F(file, ends_where_it_ends)
{
	__u64 iova = AT;

	EXPECT_ERRNO(EINVAL, map_file_at(SIZE, PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_file_at(SIZE - PAGE, 2 * PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_file_at(0, SIZE + HALF, AT));
	EXPECT_ERRNO(EINVAL, map_file_at(1ULL << 62, PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_file_at(-2 * PAGE, PAGE, AT));
	EXPECT_ERRNO(EINVAL, map_file_at(0, 0, AT));
	EXPECT_ERRNO(EOVERFLOW, map_file_at(-PAGE, 2 * PAGE, AT));
	EXPECT_ERRNO(EOVERFLOW, map_file_at(PAGE, -PAGE + 1, AT));
	EXPECT_ERRNO(EOVERFLOW, map_file_at(0, PAGE, -HALF));
	EXPECT_ERRNO(EINVAL, map_file_at(HALF / 2, PAGE, AT));
	EXPECT_ERRNO(EINVAL, ioas_map_file(self->fd, self->ioas, IOMMU_IOAS_MAP_FIXED_IOVA,
					   self->file, 0, PAGE, &iova));
	EXPECT_ERRNO(EOPNOTSUPP, ioas_map_file(self->fd, self->ioas, MAP_RW | 1 << 3,
					       self->file, 0, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_map_file_at(self->fd, self->mock.id, self->file, 0, PAGE, AT));
	EXPECT_PINNED(0);
	EXPECT_OK(map_file_at(SIZE - HALF, HALF, AT));
	EXPECT_ERRNO(EEXIST, map_file_at(0, PAGE, AT));
}

/* Devices go on to reach the pages that were there, which are nobody else's. */
TEST_F(file, can_be_truncated_while_it_is_mapped)
{
	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(map_file_at(0, SIZE, AT));
	ASSERT_EQ(0, ftruncate(self->file, 0));
	EXPECT_PINNED(SIZE);
	EXPECT_ERRNO(EINVAL, map_file_at(0, PAGE, 2 * AT));
	if (variant->kind == FILE_HUGETLB) {
		const char *why;

		/* No page has come back yet, so what is there now is another. */
		ASSERT_NE(NULL, memory_alloc(MEMORY_HUGETLB, SIZE, &why));
	}
	ASSERT_EQ(0, ftruncate(self->file, SIZE));
	EXPECT_ERRNO(EINVAL, check_map(AT, self->shown, PAGE));
	EXPECT_TRUE(memory_is_all(self->shown, PAGE, 0));
	ASSERT_OK(unmap(AT, SIZE));
	EXPECT_PINNED(0);
	EXPECT_OK(map_file_at(0, PAGE, AT));
	EXPECT_OK(check_map(AT, self->shown, PAGE));
}

TEST_F(file, can_have_holes_punched_while_it_is_mapped)
{
	size_t hole = variant->small ? PAGE : HUGE;

	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(map_file_at(0, SIZE, AT));
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       HUGE, hole));
	EXPECT_PINNED(SIZE);
	EXPECT_OK(check_map(AT, self->shown, HUGE));
	if (variant->kind != FILE_HUGETLB || free_hugetlb() > 0)
		EXPECT_ERRNO(EINVAL, check_map(AT + HUGE, self->shown + HUGE, PAGE));
	ASSERT_OK(unmap(AT, SIZE));
	EXPECT_PINNED(0);
	/* Mapped anew it is what the file has now. */
	ASSERT_OK(map_file_at(0, SIZE, AT));
	EXPECT_OK(check_map(AT, self->shown, SIZE));
	EXPECT_TRUE(memory_is_all(self->shown + HUGE, hole, 0));
}

/* No IOMMU needs it yet, so it is not pinned, and shrinks meanwhile. */
TEST_F(file, may_be_too_short_when_it_is_pinned)
{
	struct mock mock;

	ASSERT_OK(destroy(self->fd, self->mock.id));
	ASSERT_OK(map_file_at(0, SIZE, AT));
	EXPECT_PINNED(0);
	ASSERT_EQ(0, ftruncate(self->file, HUGE));
	EXPECT_ERRNO(EFAULT, mock_attach(self->fd, self->ioas, &mock));
	EXPECT_PINNED(0);
	ASSERT_EQ(0, ftruncate(self->file, SIZE));
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	EXPECT_PINNED(SIZE);
	EXPECT_OK(check_map(AT, self->shown, SIZE));
}

TEST_F(file, can_be_closed_and_unmapped_by_the_process)
{
	__u8 *again;

	memory_fill(self->shown, SIZE, 1);
	ASSERT_OK(destroy(self->fd, self->mock.id));
	ASSERT_OK(map_file_at(0, SIZE, AT));
	/* Attaching finds the file nevertheless. */
	again = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, self->file, HUGE);
	ASSERT_NE(MAP_FAILED, again);
	munmap(self->shown, SIZE);
	close(self->file);
	ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	EXPECT_OK(check_map(AT + HUGE, again, HUGE));
	EXPECT_PINNED(SIZE);
}

TEST_F(file, is_pinned_and_counted_once_with_all_copies)
{
	__u32 other;

	ASSERT_OK(ioas_alloc(self->fd, &other));
	ASSERT_OK(map_file_at(0, SIZE, AT));
	ASSERT_OK(ioas_copy_at(self->fd, other, self->ioas, AT + HUGE, HUGE, AT));
	ASSERT_OK(ioas_copy_at(self->fd, self->ioas, other, AT + PAGE, PAGE, 2 * AT - PAGE));
	EXPECT_PINNED(SIZE);
	EXPECT_REFS(self->shown, SIZE, 1);
	EXPECT_OK(check_map(2 * AT - PAGE, self->shown + HUGE + PAGE, PAGE));
	ASSERT_OK(unmap(AT, SIZE));
	ASSERT_OK(destroy(self->fd, other));
	EXPECT_PINNED(PAGE);
	EXPECT_OK(check_map(2 * AT - PAGE, self->shown + HUGE + PAGE, PAGE));
	EXPECT_REFS(self->shown, HUGE + PAGE, 0);
	EXPECT_REFS(self->shown + HUGE + PAGE, PAGE, 1);
	ASSERT_OK(unmap(2 * AT - PAGE, PAGE));
	EXPECT_REFS(self->shown, SIZE, 0);
}

/* Two mappings of a file are two memories. */
TEST_F(file, is_pinned_and_counted_for_each_map)
{
	ASSERT_OK(map_file_at(0, SIZE, AT));
	ASSERT_OK(map_file_at(HUGE, PAGE, 2 * AT - PAGE));
	EXPECT_PINNED(SIZE + PAGE);
	EXPECT_REFS(self->shown, HUGE, 1);
	EXPECT_REFS(self->shown + HUGE, PAGE, 2);
	ASSERT_OK(unmap(AT, SIZE));
	EXPECT_REFS(self->shown + HUGE, PAGE, 1);
}

TEST_F(file, outlives_the_process_that_mapped_it)
{
	struct peer peer;
	struct mock mock;

	memory_fill(self->shown, SIZE, 1);
	if (fork_peer(_metadata, &peer)) {
		ASSERT_OK(map_file_at(0, SIZE, AT));
		end_child();
	}
	wait_for_success(_metadata, &peer);
	EXPECT_OK(check_map(AT, self->shown, SIZE));
	EXPECT_REFS(self->shown, SIZE, 1);
	EXPECT_PINNED(0);
	/* It can even be pinned anew, as it is not at an address of the process. */
	ASSERT_OK(destroy(self->fd, self->mock.id));
	EXPECT_REFS(self->shown, SIZE, 0);
	ASSERT_OK(mock_attach(self->fd, self->ioas, &mock));
	EXPECT_OK(mock_check_map(self->fd, mock.hwpt, AT, self->shown, SIZE));
}

/* ---- What a file permits ---- */

TEST_F(file, has_to_be_open_for_what_devices_do)
{
	int ro = reopen(_metadata, self->file, O_RDONLY);
	int wo = reopen(_metadata, self->file, O_WRONLY);
	int path = reopen(_metadata, self->file, O_PATH);
	__u32 fixed_ro = MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA;
	__u64 iova = AT;

	EXPECT_ERRNO(EACCES, ioas_map_file_at(self->fd, self->ioas, ro, 0, PAGE, AT));
	EXPECT_ERRNO(EACCES, ioas_map_file(self->fd, self->ioas, MAP_WO, ro, 0, PAGE, &iova));
	EXPECT_ERRNO(EACCES, ioas_map_file_at(self->fd, self->ioas, wo, 0, PAGE, AT));
	EXPECT_ERRNO(EACCES, ioas_map_file(self->fd, self->ioas, MAP_RO, wo, 0, PAGE, &iova));
	EXPECT_ERRNO(EBADF, ioas_map_file_at(self->fd, self->ioas, path, 0, PAGE, AT));
	EXPECT_ERRNO(EBADF, ioas_map_file_at(self->fd, self->ioas, -1, 0, PAGE, AT));
	close(wo);
	EXPECT_ERRNO(EBADF, ioas_map_file_at(self->fd, self->ioas, wo, 0, PAGE, AT));
	EXPECT_PINNED(0);

	ASSERT_OK(ioas_map_file(self->fd, self->ioas, fixed_ro, ro, 0, PAGE, &iova));
	EXPECT_OK(check_map(AT, self->shown, PAGE));
	EXPECT_ERRNO(EPERM, ioas_copy_at(self->fd, self->ioas, self->ioas, AT, PAGE,
					 2 * AT - PAGE));
	close(ro);
}

/* Whoever may only append to it may not let a device write either. */
TEST(a_file_to_append_to_is_not_written)
{
	int file = tmpfs_file(_metadata, "size=64k"), iommufd = open_iommufd(_metadata);
	__u32 fixed_ro = MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA, ioas;
	int append = FS_APPEND_FL, none = 0;
	__u64 iova = AT;

	ASSERT_OK(ioas_alloc(iommufd, &ioas));
	ASSERT_EQ(0, ftruncate(file, PAGE));
	ASSERT_EQ(0, ioctl(file, FS_IOC_SETFLAGS, &append)) {
		TH_LOG("chattr +a: %s (is CONFIG_TMPFS_XATTR set?)", strerror(errno));
	}
	EXPECT_ERRNO(EACCES, ioas_map_file_at(iommufd, ioas, file, 0, PAGE, AT));
	EXPECT_OK(ioas_map_file(iommufd, ioas, fixed_ro, file, 0, PAGE, &iova));
	ASSERT_EQ(0, ioctl(file, FS_IOC_SETFLAGS, &none));
	EXPECT_OK(ioas_map_file_at(iommufd, ioas, file, 0, PAGE, AT + PAGE));
	close(file);
	close(iommufd);
}

/* A memfd that was made for it is; what was opened by its path is not. */
static bool sealable(int file)
{
	int seals = fcntl(file, F_GET_SEALS);

	return seals >= 0 && !(seals & F_SEAL_SEAL);
}

TEST_F(file, cannot_be_sealed_while_devices_may_write)
{
	if (!sealable(self->file)) {
		/* Then there is nothing that an area could get around. */
		EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
		return;
	}
	munmap(self->shown, SIZE);
	ASSERT_OK(map_file_at(0, PAGE, AT));
	EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	/* Not pinned, but it can be at any time. */
	ASSERT_OK(destroy(self->fd, self->mock.id));
	EXPECT_PINNED(0);
	EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_OK(unmap(AT, PAGE));
	EXPECT_EQ(0, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
}

TEST_F(file, that_is_sealed_is_only_read)
{
	static const int seals[] = { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE };
	__u64 iova;

	if (!sealable(self->file)) {
		/* Then there is nothing that an area could get around. */
		EXPECT_EQ(-1, fcntl(self->file, F_ADD_SEALS, F_SEAL_WRITE));
		return;
	}
	munmap(self->shown, SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(seals); i++) {
		ASSERT_EQ(0, fcntl(self->file, F_ADD_SEALS, seals[i]));
		EXPECT_ERRNO(EPERM, map_file_at(0, PAGE, AT));
		iova = AT;
		ASSERT_OK(ioas_map_file(self->fd, self->ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
					self->file, 0, PAGE, &iova));
		EXPECT_ERRNO(EPERM, ioas_copy_at(self->fd, self->ioas, self->ioas, AT, PAGE,
						 2 * AT - PAGE));
		ASSERT_OK(unmap(AT, PAGE));
	}
}

static void expect_no_memory_file(struct __test_metadata *_metadata, int iommufd, __u32 ioas,
				  int file)
{
	__u64 iova = AT;

	ASSERT_LE(0, file);
	EXPECT_ERRNO(EINVAL, ioas_map_file_at(iommufd, ioas, file, 0, PAGE, AT));
	EXPECT_ERRNO(EINVAL, ioas_map_file(iommufd, ioas, MAP_RO, file, 0, PAGE, &iova));
}

/* It is long enough, and read as any file is: only its kind is against it. */
static int sysfs_file(struct __test_metadata *_metadata)
{
	int file = open("/sys/kernel/uevent_seqnum", O_RDONLY | O_CLOEXEC);
	struct stat stat;

	ASSERT_EQ(0, fstat(file, &stat));
	ASSERT_LE((off_t)PAGE, stat.st_size);
	return file;
}

TEST(files_of_other_kinds_are_refused)
{
	int iommufd = open_iommufd(_metadata), pipes[2];
	__u32 ioas;

	ASSERT_OK(ioas_alloc(iommufd, &ioas));
	ASSERT_EQ(0, pipe(pipes));
	expect_no_memory_file(_metadata, iommufd, ioas, pipes[0]);
	expect_no_memory_file(_metadata, iommufd, ioas, iommufd);
	expect_no_memory_file(_metadata, iommufd, ioas, eventfd(0, 0));
	expect_no_memory_file(_metadata, iommufd, ioas, open("/dev/zero", O_RDWR));
	expect_no_memory_file(_metadata, iommufd, ioas, open("/proc/self/mem", O_RDWR));
	expect_no_memory_file(_metadata, iommufd, ioas, open("/dev", O_RDONLY));
	expect_no_memory_file(_metadata, iommufd, ioas, open("/", O_RDONLY));
	expect_no_memory_file(_metadata, iommufd, ioas, sysfs_file(_metadata));
	close(iommufd);
}

TEST(a_full_file_system_is_out_of_memory)
{
	int file = tmpfs_file(_metadata, "size=64k"), iommufd = open_iommufd(_metadata);
	long pinned = memory_pinned();
	struct mock mock;
	__u32 ioas;

	if (!mock_exists(iommufd))
		SKIP(return, "this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(iommufd, &ioas));
	ASSERT_OK(mock_attach(iommufd, ioas, &mock));
	ASSERT_EQ(0, ftruncate(file, 32 * PAGE));
	EXPECT_ERRNO(ENOMEM, ioas_map_file_at(iommufd, ioas, file, 0, 32 * PAGE, AT));
	EXPECT_EQ(pinned, memory_pinned());
	EXPECT_OK(ioas_map_file_at(iommufd, ioas, file, 0, 16 * PAGE, AT));
	close(iommufd);
	EXPECT_EQ(pinned, memory_pinned());
}

TEST(huge_pages_that_are_not_to_be_had_are_out_of_memory)
{
	int iommufd = open_iommufd(_metadata), file;
	long pinned = memory_pinned(), pages = free_hugetlb();
	struct mock mock;
	__u32 ioas;

	if (!mock_exists(iommufd))
		SKIP(return, "this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_LE(0, pages);
	ASSERT_OK(ioas_alloc(iommufd, &ioas));
	ASSERT_OK(mock_attach(iommufd, ioas, &mock));
	file = memfd_create("test", MFD_CLOEXEC | MFD_HUGETLB);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, (pages + 1) * HUGE));
	EXPECT_ERRNO(ENOMEM, ioas_map_file_at(iommufd, ioas, file, 0, (pages + 1) * HUGE, AT));
	EXPECT_EQ(pinned, memory_pinned());
	close(file);
	EXPECT_EQ(pages, free_hugetlb());
	close(iommufd);
}

/* A hole of a hugetlb file that is read-only for us is filled all the same. */
TEST(holes_are_filled_for_those_who_only_read)
{
	int file = new_file(_metadata, FILE_HUGETLB, HUGE), iommufd = open_iommufd(_metadata);
	struct mock mock;
	__u64 iova = AT;
	__u32 ioas;
	__u8 *shown;

	if (!mock_exists(iommufd))
		SKIP(return, "this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(iommufd, &ioas));
	ASSERT_OK(mock_attach(iommufd, ioas, &mock));
	ASSERT_OK(ioas_map_file(iommufd, ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
				reopen(_metadata, file, O_RDONLY), 0, HUGE, &iova));
	shown = mmap(NULL, HUGE, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, shown);
	EXPECT_OK(mock_check_map(iommufd, mock.hwpt, AT, shown, HUGE));
	EXPECT_TRUE(memory_is_all(shown, HUGE, 0));
	close(iommufd);
}

/* ---- A device at work ---- */

FIXTURE(dma)
{
	struct bound bound;
	int file;
	__u8 *shown;
	__u8 *page;
};

FIXTURE_VARIANT(dma)
{
	enum file_kind kind;
};

FIXTURE_VARIANT_ADD(dma, memfd) { .kind = FILE_MEMFD };
FIXTURE_VARIANT_ADD(dma, hugetlb_memfd) { .kind = FILE_HUGETLB };

FIXTURE_SETUP(dma)
{
	setup_attached(_metadata, &self->bound, 0);
	self->file = new_file(_metadata, variant->kind, SIZE);
	self->shown = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->file, 0);
	ASSERT_NE(MAP_FAILED, self->shown);
	self->page = memory_pages(PAGE);
	ASSERT_NE(NULL, self->page);
	memory_fill(self->page, PAGE, 7);
	ASSERT_OK(ioas_map_at(self->bound.iommufd, self->bound.ioas, self->page, PAGE, 4 * AT));
}

FIXTURE_TEARDOWN(dma)
{
	close_bound(&self->bound);
}

TEST_F(dma, reaches_the_file)
{
	ASSERT_OK(ioas_map_file_at(self->bound.iommufd, self->bound.ioas, self->file, PAGE,
				   SIZE - PAGE, AT));
	ASSERT_OK(edu_copy(&self->bound.edu, AT + HUGE, 4 * AT, PAGE));
	EXPECT_TRUE(memory_is(self->shown + HUGE + PAGE, PAGE, 7));
	EXPECT_TRUE(memory_is_all(self->shown + HUGE, PAGE, 0));
	memory_fill(self->shown + PAGE, PAGE, 9);
	ASSERT_OK(edu_copy(&self->bound.edu, 4 * AT, AT, PAGE));
	EXPECT_TRUE(memory_is(self->page, PAGE, 9));
}

TEST_F(dma, does_not_reach_what_comes_into_the_file_later)
{
	ASSERT_OK(ioas_map_file_at(self->bound.iommufd, self->bound.ioas, self->file, 0, HUGE,
				   AT));
	memory_fill(self->shown, PAGE, 1);
	ASSERT_EQ(0, ftruncate(self->file, 0));
	ASSERT_EQ(0, ftruncate(self->file, SIZE));
	memory_fill(self->shown, PAGE, 2);
	ASSERT_OK(edu_copy(&self->bound.edu, AT + 128, 4 * AT + 128, 64));
	EXPECT_TRUE(memory_is(self->shown, PAGE, 2));
	/* The old pages are still the device's, with what was in them. */
	ASSERT_OK(edu_copy(&self->bound.edu, 4 * AT, AT, 128));
	EXPECT_TRUE(memory_is(self->page, 128, 1));
}

TEST_HARNESS_MAIN
