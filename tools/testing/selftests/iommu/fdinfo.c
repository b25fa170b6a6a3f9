// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/self/fdinfo of an iommufd: what it says of the objects that there are.
 */
#include <stdarg.h>

#include "lib/testing.h"

#define AT	0x40000000ULL
#define NR_PAGES 4

static void read_fdinfo(struct __test_metadata *_metadata, int iommufd, char *text,
			size_t room)
{
	size_t length = 0;
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", iommufd);
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	while ((got = read(fd, text + length, room - 1 - length)) > 0)
		length += got;
	text[length] = '\0';
	close(fd);
}

/* Is there a line that begins with the words? */
static bool fdinfo_has(struct __test_metadata *_metadata, int iommufd,
		       const char *format, ...)
{
	char text[8192] = "\n", line[256] = "\n";
	va_list args;
	bool has;

	va_start(args, format);
	vsnprintf(line + 1, sizeof(line) - 1, format, args);
	va_end(args);
	read_fdinfo(_metadata, iommufd, text + 1, sizeof(text) - 1);
	has = strstr(text, line);
	if (!has)
		TH_LOG("no line \"%s\" in:%s", line + 1, text);
	return has;
}

#define EXPECT_LINE(...) EXPECT_TRUE(fdinfo_has(_metadata, self->bound.iommufd, __VA_ARGS__))

FIXTURE(fdinfo)
{
	struct bound bound;
	__u8 *pages;
};

FIXTURE_SETUP(fdinfo)
{
	setup_bound(_metadata, &self->bound, 0);
	self->pages = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->pages);
}

FIXTURE_TEARDOWN(fdinfo)
{
	close_bound(&self->bound);
}

TEST_F(fdinfo, tells_what_an_address_space_holds)
{
	struct bound *bound = &self->bound;

	EXPECT_LINE("ioas:\tid %u refs 0 areas 0 bytes 0 pinned 0 extents 0 alignment 1\n",
		    bound->ioas);
	ASSERT_OK(ioas_map_at(bound->iommufd, bound->ioas, self->pages, PAGE, AT));
	ASSERT_OK(ioas_map_at(bound->iommufd, bound->ioas, self->pages + PAGE, 3 * PAGE,
			      AT + PAGE));
	EXPECT_LINE("ioas:\tid %u refs 0 areas 2 bytes %lu pinned 0 extents 0 ",
		    bound->ioas, 4 * PAGE);
}

TEST_F(fdinfo, tells_what_is_pinned_while_a_page_table_needs_it)
{
	struct bound *bound = &self->bound;
	int fd = bound->iommufd;
	__u32 hwpt = bound->ioas;

	ASSERT_OK(ioas_map_at(fd, bound->ioas, self->pages, PAGE, AT));
	ASSERT_OK(edu_attach_pt(&bound->edu, &hwpt));
	EXPECT_LINE("ioas:\tid %u refs 1 areas 1 bytes %lu pinned %lu extents 1 alignment %lu\n",
		    bound->ioas, PAGE, PAGE, PAGE);
	EXPECT_LINE("hwpt_paging:\tid %u refs 1 ioas %u automatic 1\n", hwpt, bound->ioas);
	EXPECT_LINE("device:\tid %u refs 1 name %s group %d hwpt %u\n", bound->edu.id,
		    bound->edu.bdf, bound->edu.group, hwpt);

	ASSERT_OK(edu_detach(&bound->edu));
	EXPECT_LINE("ioas:\tid %u refs 0 areas 1 bytes %lu pinned 0 extents 0 ",
		    bound->ioas, PAGE);
	EXPECT_LINE("device:\tid %u refs 1 name %s group %d hwpt 0\n", bound->edu.id,
		    bound->edu.bdf, bound->edu.group);
}

TEST_F(fdinfo, tells_apart_who_made_a_page_table)
{
	struct bound *bound = &self->bound;
	__u32 hwpt;

	ASSERT_OK(hwpt_alloc(bound->iommufd, bound->edu.id, bound->ioas, &hwpt));
	EXPECT_LINE("hwpt_paging:\tid %u refs 0 ioas %u automatic 0\n", hwpt, bound->ioas);
}

TEST_F(fdinfo, forgets_what_is_destroyed)
{
	char text[8192];

	ASSERT_OK(destroy(self->bound.iommufd, self->bound.ioas));
	read_fdinfo(_metadata, self->bound.iommufd, text, sizeof(text));
	EXPECT_EQ(NULL, strstr(text, "ioas:"));
	EXPECT_NE(NULL, strstr(text, "device:"));
}

TEST_HARNESS_MAIN
