// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/self/fdinfo of an iommufd: what it says of the objects that there are.
 */
#include <stdarg.h>

#include "lib/access.h"
#include "lib/dirty.h"
#include "lib/fdinfo.h"
#include "lib/mock.h"
#include "lib/testing.h"

#define AT	0x40000000ULL
#define NR_PAGES 4

#define EXPECT_LINE(...) EXPECT_TRUE(fdinfo_has(self->bound.iommufd, __VA_ARGS__))

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
	EXPECT_LINE("hwpt_paging:\tid %u refs 1 ioas %u automatic 1 pages 0x", hwpt, bound->ioas);
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
	EXPECT_LINE("hwpt_paging:\tid %u refs 0 ioas %u automatic 0 pages 0x", hwpt, bound->ioas);
}

TEST_F(fdinfo, forgets_what_is_destroyed)
{
	char text[8192];

	ASSERT_OK(destroy(self->bound.iommufd, self->bound.ioas));
	ASSERT_EQ(0, fdinfo_read(self->bound.iommufd, text, sizeof(text)));
	EXPECT_EQ(NULL, strstr(text, "ioas:"));
	EXPECT_NE(NULL, strstr(text, "device:"));
}

TEST_F(fdinfo, numbers_the_contexts)
{
	int other = open_iommufd(_metadata);
	char text[8192];
	__u64 one, two;

	ASSERT_EQ(0, fdinfo_read(self->bound.iommufd, text, sizeof(text)));
	one = fdinfo_ctx(text);
	ASSERT_EQ(0, fdinfo_read(other, text, sizeof(text)));
	two = fdinfo_ctx(text);
	EXPECT_NE(0, one);
	EXPECT_LT(one, two);
	EXPECT_EQ(0, fdinfo_count(text));
	close(other);
}

/* Whatever is added later, by what the reference says of lines and of links */
TEST_F(fdinfo, is_lines_of_keys_and_values)
{
	struct bound *bound = &self->bound;
	char text[8192], *line, *word, *rest, *words;
	__u32 hwpt = bound->ioas;
	int objects = 0, count;

	ASSERT_OK(ioas_map_at(bound->iommufd, bound->ioas, self->pages, PAGE, AT));
	ASSERT_OK(edu_attach_pt(&bound->edu, &hwpt));
	ASSERT_EQ(0, fdinfo_read(bound->iommufd, text, sizeof(text)));
	EXPECT_EQ(3, fdinfo_count(text));
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		words = strstr(line, ":\t");
		ASSERT_NE(NULL, words) {
			TH_LOG("\"%s\"", line);
		}
		if (strncmp(words, ":\tid ", 5))
			continue;
		objects++;
		EXPECT_EQ(NULL, strstr(words, "  "));
		count = 0;
		for (word = strtok(words + 2, " "); word; word = strtok(NULL, " "))
			count++;
		EXPECT_EQ(0, count % 2) {
			TH_LOG("%d words in \"%s\"", count, line);
		}
	}
	EXPECT_EQ(3, objects);
}

FIXTURE(fdinfo_mock)
{
	struct {
		int iommufd;
	} bound;
	__u32 ioas;
};

FIXTURE_SETUP(fdinfo_mock)
{
	self->bound.iommufd = open_iommufd(_metadata);
	if (!mock_exists(self->bound.iommufd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(self->bound.iommufd, &self->ioas));
}

FIXTURE_TEARDOWN(fdinfo_mock)
{
	close(self->bound.iommufd);
}

#define RANGE "pages %#lx first %#x last %#x coherent 0 dirty "
#define ALL_OF_IT "pages %#lx first 0x0 last %#lx coherent 0 dirty "

TEST_F(fdinfo_mock, tells_what_a_page_table_can_translate)
{
	int fd = self->bound.iommufd;
	struct mock mock;
	__u32 huge;

	ASSERT_OK(mock_attach(fd, self->ioas, &mock));
	EXPECT_LINE("hwpt_paging:\tid %u refs 1 ioas %u automatic 1 " RANGE "0\n", mock.hwpt,
		    self->ioas, ~(MOCK_PAGE_SIZE - 1UL), MOCK_APERTURE_START, MOCK_APERTURE_LAST);
	ASSERT_OK(mock_hwpt_alloc(fd, mock.dev, self->ioas, MOCK_IOMMUPT_HUGE, &huge));
	EXPECT_LINE("hwpt_paging:\tid %u refs 0 ioas %u automatic 0 " ALL_OF_IT "0\n", huge,
		    self->ioas, PAGE | MOCK_HUGE_PAGE_SIZE, UINT64_MAX);
}

TEST_F(fdinfo_mock, tells_whether_writes_are_recorded)
{
	static const bool states[] = { false, true, false };
	int fd = self->bound.iommufd;
	struct mock mock;
	__u32 hwpt;

	ASSERT_OK(mock_attach(fd, self->ioas, &mock));
	ASSERT_OK(hwpt_alloc_flags(fd, mock.dev, self->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				   IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt));
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		ASSERT_OK(set_tracking(fd, hwpt, states[i]));
		EXPECT_LINE("hwpt_paging:\tid %u refs 0 ioas %u automatic 0 " RANGE "%d\n", hwpt,
			    self->ioas, ~(MOCK_PAGE_SIZE - 1UL), MOCK_APERTURE_START,
			    MOCK_APERTURE_LAST, states[i]);
	}
}

TEST_F(fdinfo_mock, tells_what_the_kernel_itself_has_pinned)
{
	int fd = self->bound.iommufd, access;
	__u8 *pages = memory_pages(NR_PAGES * PAGE);
	__u32 id, pins;

	ASSERT_NE(NULL, pages);
	ASSERT_OK(ioas_map_at(fd, self->ioas, pages, NR_PAGES * PAGE, AT));
	ASSERT_OK(access_create(fd, self->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
				&access));
	/* Its number is the next */
	id = self->ioas + 1;
	EXPECT_LINE("access:\tid %u refs 1 ioas %u pins 0\n", id, self->ioas);
	ASSERT_OK(access_pin(fd, access, 0, AT, 3 * PAGE, pages, &pins));
	EXPECT_LINE("access:\tid %u refs 1 ioas %u pins 3\n", id, self->ioas);
	ASSERT_OK(access_unpin(fd, access, pins));
	EXPECT_LINE("access:\tid %u refs 1 ioas %u pins 0\n", id, self->ioas);
	close(access);
}

TEST_F(fdinfo_mock, tells_what_points_at_what)
{
	int fd = self->bound.iommufd;
	struct mock one, two;

	ASSERT_OK(mock_attach(fd, self->ioas, &one));
	ASSERT_OK(mock_attach(fd, self->ioas, &two));
	EXPECT_LINE("ioas:\tid %u refs 1 ", self->ioas);
	EXPECT_LINE("hwpt_paging:\tid %u refs 2 ioas %u ", one.hwpt, self->ioas);
	EXPECT_LINE("device:\tid %u refs 1 name iommufd_mock0 ", one.dev);
	EXPECT_LINE("device:\tid %u refs 1 name iommufd_mock1 ", two.dev);
	EXPECT_LINE("selftest:\tid %u refs 0 device %u\n", two.id, two.dev);
	ASSERT_OK(destroy(fd, one.id));
	EXPECT_LINE("hwpt_paging:\tid %u refs 1 ioas %u ", one.hwpt, self->ioas);
}

TEST_HARNESS_MAIN
