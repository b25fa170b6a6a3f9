// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all ioctls of /dev/iommu have in common: sizes, pointers, reserved members,
 * ids and IOMMU_DESTROY. No device is needed.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/testing.h"

#define MOCK_NR	(IOMMUFD_CMD_BASE + 32)

/* ---- Each ioctl's struct, in all sizes and places ---- */

struct command {
	const char *name;
	unsigned long request;
	/* What the first version of the struct had, and what it has now. */
	size_t first, size;
	/* What comes of it when all of the struct is zero but for these. */
	int result;
	size_t id_offset, length_offset, flags_offset;
};

FIXTURE(command)
{
	int fd;
	/* Two pages; the second one cannot be accessed. */
	__u8 *pages;
};

FIXTURE_VARIANT(command)
{
	struct command command;
};

FIXTURE_VARIANT_ADD(command, destroy)
{
	.command = {
		.name = "IOMMU_DESTROY",
		.request = IOMMU_DESTROY,
		.first = 8,
		.size = sizeof(struct iommu_destroy),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_destroy, id),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_alloc)
{
	.command = {
		.name = "IOMMU_IOAS_ALLOC",
		.request = IOMMU_IOAS_ALLOC,
		.first = 12,
		.size = sizeof(struct iommu_ioas_alloc),
		.result = 0,
	},
};

FIXTURE_VARIANT_ADD(command, ioas_iova_ranges)
{
	.command = {
		.name = "IOMMU_IOAS_IOVA_RANGES",
		.request = IOMMU_IOAS_IOVA_RANGES,
		.first = 32,
		.size = sizeof(struct iommu_ioas_iova_ranges),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_ioas_iova_ranges, ioas_id),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_allow_iovas)
{
	.command = {
		.name = "IOMMU_IOAS_ALLOW_IOVAS",
		.request = IOMMU_IOAS_ALLOW_IOVAS,
		.first = 24,
		.size = sizeof(struct iommu_ioas_allow_iovas),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_ioas_allow_iovas, ioas_id),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_map)
{
	.command = {
		.name = "IOMMU_IOAS_MAP",
		.request = IOMMU_IOAS_MAP,
		.first = 40,
		.size = sizeof(struct iommu_ioas_map),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_ioas_map, ioas_id),
		.length_offset = offsetof(struct iommu_ioas_map, length),
		.flags_offset = offsetof(struct iommu_ioas_map, flags),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_copy)
{
	.command = {
		.name = "IOMMU_IOAS_COPY",
		.request = IOMMU_IOAS_COPY,
		.first = 40,
		.size = sizeof(struct iommu_ioas_copy),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_ioas_copy, src_ioas_id),
		.length_offset = offsetof(struct iommu_ioas_copy, length),
		.flags_offset = offsetof(struct iommu_ioas_copy, flags),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_unmap)
{
	.command = {
		.name = "IOMMU_IOAS_UNMAP",
		.request = IOMMU_IOAS_UNMAP,
		.first = 24,
		.size = sizeof(struct iommu_ioas_unmap),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_ioas_unmap, ioas_id),
		.length_offset = offsetof(struct iommu_ioas_unmap, length),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_map_file)
{
	.command = {
		.name = "IOMMU_IOAS_MAP_FILE",
		.request = IOMMU_IOAS_MAP_FILE,
		.first = 40,
		.size = sizeof(struct iommu_ioas_map_file),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_ioas_map_file, ioas_id),
		.length_offset = offsetof(struct iommu_ioas_map_file, length),
		.flags_offset = offsetof(struct iommu_ioas_map_file, flags),
	},
};

FIXTURE_VARIANT_ADD(command, ioas_change_process)
{
	.command = {
		.name = "IOMMU_IOAS_CHANGE_PROCESS",
		.request = IOMMU_IOAS_CHANGE_PROCESS,
		.first = 8,
		.size = sizeof(struct iommu_ioas_change_process),
		.result = 0,
	},
};

FIXTURE_VARIANT_ADD(command, option)
{
	.command = {
		.name = "IOMMU_OPTION",
		.request = IOMMU_OPTION,
		.first = 24,
		.size = sizeof(struct iommu_option),
		.result = EOPNOTSUPP,
		.id_offset = offsetof(struct iommu_option, object_id),
	},
};

FIXTURE_VARIANT_ADD(command, get_hw_info)
{
	.command = {
		.name = "IOMMU_GET_HW_INFO",
		.request = IOMMU_GET_HW_INFO,
		.first = 32,
		.size = sizeof(struct iommu_hw_info),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_hw_info, dev_id),
	},
};

FIXTURE_VARIANT_ADD(command, hwpt_alloc)
{
	.command = {
		.name = "IOMMU_HWPT_ALLOC",
		.request = IOMMU_HWPT_ALLOC,
		.first = 24,
		.size = sizeof(struct iommu_hwpt_alloc),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_hwpt_alloc, dev_id),
	},
};

FIXTURE_VARIANT_ADD(command, hwpt_invalidate)
{
	.command = {
		.name = "IOMMU_HWPT_INVALIDATE",
		.request = IOMMU_HWPT_INVALIDATE,
		.first = 32,
		.size = sizeof(struct iommu_hwpt_invalidate),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_hwpt_invalidate, hwpt_id),
	},
};

FIXTURE_VARIANT_ADD(command, viommu_alloc)
{
	.command = {
		.name = "IOMMU_VIOMMU_ALLOC",
		.request = IOMMU_VIOMMU_ALLOC,
		.first = 24,
		.size = sizeof(struct iommu_viommu_alloc),
		/* A type of 0 is none. */
		.result = EOPNOTSUPP,
	},
};

FIXTURE_VARIANT_ADD(command, vdevice_alloc)
{
	.command = {
		.name = "IOMMU_VDEVICE_ALLOC",
		.request = IOMMU_VDEVICE_ALLOC,
		.first = 24,
		.size = sizeof(struct iommu_vdevice_alloc),
		.result = ENOENT,
		.id_offset = offsetof(struct iommu_vdevice_alloc, viommu_id),
	},
};

FIXTURE_VARIANT_ADD(command, hw_queue_alloc)
{
	.command = {
		.name = "IOMMU_HW_QUEUE_ALLOC",
		.request = IOMMU_HW_QUEUE_ALLOC,
		.first = 40,
		.size = sizeof(struct iommu_hw_queue_alloc),
		/* A type of 0 is none. */
		.result = EOPNOTSUPP,
		.length_offset = offsetof(struct iommu_hw_queue_alloc, length),
	},
};

FIXTURE_SETUP(command)
{
	self->fd = open_iommufd(_metadata);
	self->pages = memory_pages(2 * PAGE);
	ASSERT_NE(NULL, self->pages);
	ASSERT_EQ(0, mprotect(self->pages + PAGE, PAGE, PROT_NONE));
}

FIXTURE_TEARDOWN(command)
{
	close(self->fd);
}

/* The struct at @at, with @size in its first member, of which @there are there. */
static int issue(int fd, const struct command *command, __u8 *at, __u32 size, size_t there)
{
	const __u32 id = NO_ID;
	const __u64 length = PAGE;
	const __u32 flags = MAP_RO;

	if (there >= sizeof(size))
		memcpy(at, &size, sizeof(size));
	if (command->id_offset && there >= command->id_offset + sizeof(id))
		memcpy(at + command->id_offset, &id, sizeof(id));
	if (command->length_offset && there >= command->length_offset + sizeof(length))
		memcpy(at + command->length_offset, &length, sizeof(length));
	if (command->flags_offset && there >= command->flags_offset + sizeof(flags))
		memcpy(at + command->flags_offset, &flags, sizeof(flags));
	return call(fd, command->request, at, "%s(size %u, %zu accessible)",
		    command->name, size, there);
}

/* A struct of that size with the second page right behind it. */
static int issue_size(int fd, const struct command *command, __u8 *pages, __u32 size)
{
	return issue(fd, command, pages + PAGE - size, size, size);
}

TEST_F(command, takes_its_own_size_and_reads_no_further)
{
	const struct command *command = &variant->command;

	EXPECT_ERRNO(command->result,
		     issue_size(self->fd, command, self->pages, command->size));
}

TEST_F(command, takes_the_size_of_its_first_version)
{
	const struct command *command = &variant->command;

	EXPECT_ERRNO(command->result,
		     issue_size(self->fd, command, self->pages, command->first));
}

TEST_F(command, refuses_a_shorter_struct)
{
	const struct command *command = &variant->command;

	for (__u32 size = 0; size < command->first; size++)
		EXPECT_ERRNO(EINVAL, issue(self->fd, command, self->pages, size, PAGE));
}

TEST_F(command, takes_a_longer_struct_that_is_zero_there)
{
	const struct command *command = &variant->command;

	for (__u32 size = command->size + 1; size <= command->size + 16; size++) {
		memset(self->pages, 0, PAGE);
		EXPECT_ERRNO(command->result, issue_size(self->fd, command, self->pages, size));
	}
	memset(self->pages, 0, PAGE);
	EXPECT_ERRNO(command->result, issue_size(self->fd, command, self->pages, PAGE));
}

/* Where a page is not the limit, there is none. */
TEST_F(command, takes_a_struct_of_two_megabytes)
{
	const struct command *command = &variant->command;
	__u8 *at = memory_pages(HUGE);

	ASSERT_NE(NULL, at);
	EXPECT_ERRNO(command->result, issue(self->fd, command, at, HUGE, HUGE));
	at[HUGE - 1] = 1;
	EXPECT_ERRNO(E2BIG, issue(self->fd, command, at, HUGE, HUGE));
}

TEST_F(command, refuses_a_longer_struct_that_is_not_zero_there)
{
	const struct command *command = &variant->command;
	__u32 size = command->size + 16;

	for (__u32 i = command->size; i < size; i++) {
		memset(self->pages, 0, PAGE);
		self->pages[i] = 1;
		EXPECT_ERRNO(E2BIG, issue(self->fd, command, self->pages, size, PAGE));
	}
}

TEST_F(command, fails_where_the_struct_cannot_be_read)
{
	const struct command *command = &variant->command;
	__u8 *end = self->pages + PAGE;
	__u32 size = command->size;

	/* The size can be, but not all of the rest. */
	for (size_t there = 4; there < size; there += 4)
		EXPECT_ERRNO(EFAULT, issue(self->fd, command, end - there, size, there));
	/* All that the kernel knows, but not what user space adds. */
	EXPECT_ERRNO(EFAULT, issue(self->fd, command, end - size, size + 8, size));
	EXPECT_ERRNO(EFAULT, issue(self->fd, command, end - 2, size, 2));
	EXPECT_ERRNO(EFAULT, issue(self->fd, command, end, size, 0));
	EXPECT_ERRNO(EFAULT, issue(self->fd, command, NULL, size, 0));
	EXPECT_ERRNO(EFAULT, issue(self->fd, command, (__u8 *)-PAGE, size, 0));
	EXPECT_ERRNO(EFAULT, issue(self->fd, command, (__u8 *)-2, size, 0));
}

/* ---- The rest ---- */

FIXTURE(iommufd)
{
	int fd;
	__u32 ioas;
	__u8 *page;
};

FIXTURE_SETUP(iommufd)
{
	self->fd = open_iommufd(_metadata);
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->page = memory_pages(PAGE);
	ASSERT_NE(NULL, self->page);
}

FIXTURE_TEARDOWN(iommufd)
{
	close(self->fd);
}

TEST_F(iommufd, has_no_other_ioctls)
{
	unsigned int nr;

	/* Mainline 7.2 ends here. */
	for (nr = IOMMUFD_CMD_HW_QUEUE_ALLOC + 1; nr <= 0xff; nr++) {
		/* The mock hardware's, where there is any. */
		if (nr == MOCK_NR)
			continue;
		EXPECT_ERRNO(ENOTTY, call(self->fd, _IO(IOMMUFD_TYPE, nr), self->page,
					  "ioctl number %#x", nr));
	}
	EXPECT_ERRNO(ENOTTY, call(self->fd, 0, self->page, "ioctl 0"));
	EXPECT_ERRNO(ENOTTY, call(self->fd, -1, self->page, "ioctl -1"));
	/* A known number, with a type or a size that is not ours. */
	EXPECT_ERRNO(ENOTTY, call(self->fd, _IO('v', IOMMUFD_CMD_IOAS_ALLOC), self->page,
				  "IOMMU_IOAS_ALLOC of another type"));
	EXPECT_ERRNO(ENOTTY, call(self->fd,
				  _IOWR(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC,
					struct iommu_ioas_alloc),
				  self->page, "IOMMU_IOAS_ALLOC with a size"));
}

/* A bit in a reserved member or among the flags that no kernel knows. */
TEST_F(iommufd, refuses_what_is_reserved)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_ioas_iova_ranges ranges = {
		.size = sizeof(ranges),
		.ioas_id = self->ioas,
	};
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = self->ioas,
	};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_RW,
		.ioas_id = self->ioas,
		.user_va = (uintptr_t)self->page,
		.length = PAGE,
	};

	for (int bit = 0; bit < 32; bit++) {
		alloc.flags = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_IOAS_ALLOC, &alloc,
					      "IOMMU_IOAS_ALLOC(flags %#x)", alloc.flags));
		ranges.__reserved = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_IOAS_IOVA_RANGES, &ranges,
					      "IOMMU_IOAS_IOVA_RANGES(__reserved %#x)",
					      ranges.__reserved));
		allow.__reserved = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &allow,
					      "IOMMU_IOAS_ALLOW_IOVAS(__reserved %#x)",
					      allow.__reserved));
		map.__reserved = 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_IOAS_MAP, &map,
					      "IOMMU_IOAS_MAP(__reserved %#x)",
					      map.__reserved));
	}
	map.__reserved = 0;
	for (int bit = 3; bit < 32; bit++) {
		map.flags = MAP_RW | 1U << bit;
		EXPECT_ERRNO(EOPNOTSUPP, call(self->fd, IOMMU_IOAS_MAP, &map,
					      "IOMMU_IOAS_MAP(flags %#x)", map.flags));
	}
	/* And nothing came of it. */
	EXPECT_ERRNO(ENOENT, ioas_unmap(self->fd, self->ioas, 0, 1ULL << 40, NULL));
}

TEST_F(iommufd, gives_each_object_an_id_of_its_own)
{
	__u32 ids[64];

	for (int i = 0; i < 64; i++) {
		ASSERT_OK(ioas_alloc(self->fd, &ids[i]));
		EXPECT_NE(0, ids[i]);
		EXPECT_NE(self->ioas, ids[i]);
		for (int j = 0; j < i; j++)
			EXPECT_NE(ids[j], ids[i]);
	}
	/* Destroying one does not touch the others. */
	for (int i = 0; i < 64; i += 2)
		EXPECT_OK(destroy(self->fd, ids[i]));
	for (int i = 0; i < 64; i++)
		EXPECT_ERRNO(i % 2 ? 0 : ENOENT, destroy(self->fd, ids[i]));
}

TEST_F(iommufd, destroy_fails_for_ids_that_are_not)
{
	EXPECT_ERRNO(ENOENT, destroy(self->fd, 0));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, NO_ID));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, 0x80000000));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, 0xffffffff));
	EXPECT_OK(destroy(self->fd, self->ioas));
	EXPECT_ERRNO(ENOENT, destroy(self->fd, self->ioas));
}

TEST_F(iommufd, a_destroyed_id_is_no_ioas)
{
	__u32 num = 0;
	__u64 alignment, iova;

	ASSERT_OK(destroy(self->fd, self->ioas));
	EXPECT_ERRNO(ENOENT, ioas_map_any(self->fd, self->ioas, self->page, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_unmap_all(self->fd, self->ioas, NULL));
	EXPECT_ERRNO(ENOENT, ioas_allow_iovas(self->fd, self->ioas, NULL, 0));
	EXPECT_ERRNO(ENOENT, ioas_iova_ranges(self->fd, self->ioas, NULL, &num, &alignment));
}

TEST_F(iommufd, an_id_is_good_in_its_own_file_only)
{
	int other = open_iommufd(_metadata);
	__u64 iova;

	EXPECT_ERRNO(ENOENT, destroy(other, self->ioas));
	EXPECT_ERRNO(ENOENT, ioas_map_any(other, self->ioas, self->page, PAGE, &iova));
	EXPECT_ERRNO(ENOENT, ioas_unmap_all(other, self->ioas, NULL));
	EXPECT_OK(ioas_map_any(self->fd, self->ioas, self->page, PAGE, &iova));
	close(other);
	EXPECT_OK(destroy(self->fd, self->ioas));
}

/* If the id cannot be told to the user, there is no object. */
TEST_F(iommufd, a_failed_alloc_leaves_no_object)
{
	struct iommu_ioas_alloc *alloc = (void *)self->page;

	alloc->size = sizeof(*alloc);
	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ));
	for (int i = 0; i < 8; i++)
		EXPECT_ERRNO(EFAULT, call(self->fd, IOMMU_IOAS_ALLOC, alloc,
					  "IOMMU_IOAS_ALLOC(read-only struct)"));
	for (__u32 id = 0; id < self->ioas + 16; id++)
		EXPECT_ERRNO(id == self->ioas ? 0 : ENOENT, destroy(self->fd, id));
}

TEST_F(iommufd, close_takes_all_that_is_left)
{
	__u64 iova;
	__u32 ioas;

	for (int i = 0; i < 256; i++) {
		ASSERT_OK(ioas_alloc(self->fd, &ioas));
		ASSERT_OK(ioas_map_any(self->fd, ioas, self->page, PAGE, &iova));
	}
	EXPECT_EQ(0, close(self->fd));
	self->fd = open_iommufd(_metadata);
	EXPECT_ERRNO(ENOENT, destroy(self->fd, ioas));
}

static void *alloc_and_destroy(void *fd)
{
	long failures = 0;
	__u32 ioas;

	for (int i = 0; i < 500; i++)
		failures += ioas_alloc(*(int *)fd, &ioas) || destroy(*(int *)fd, ioas);
	return (void *)failures;
}

TEST_F(iommufd, threads_do_not_get_in_each_others_way)
{
	pthread_t threads[4];
	void *failures;

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, alloc_and_destroy, &self->fd));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &failures));
		EXPECT_EQ(NULL, failures);
	}
}

TEST_HARNESS_MAIN
