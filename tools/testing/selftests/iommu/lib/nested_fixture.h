/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the tests of nested translation on the mock. To be included once per
 * program, as testing.h is.
 */
#ifndef SELFTESTS_IOMMU_NESTED_FIXTURE_H
#define SELFTESTS_IOMMU_NESTED_FIXTURE_H

#include <sys/mman.h>

#include "nested.h"
#include "testing.h"

#define AT 0x40000000ULL

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#ifndef offsetofend
#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof(((type *)NULL)->member))
#endif

/* A mock device, attached to an IOAS, and a nesting parent made for it there. */
struct nested_world {
	int fd;
	__u32 ioas, parent;
	struct mock mock;
	/* The last page that can be accessed; the one behind it cannot. */
	__u8 *last_page;
};

static inline void setup_nested(struct __test_metadata *_metadata, struct nested_world *w)
{
	w->fd = open_iommufd(_metadata);
	if (!mock_exists(w->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(w->fd, &w->ioas));
	ASSERT_OK(mock_attach(w->fd, w->ioas, &w->mock));
	ASSERT_OK(parent_alloc(w->fd, w->mock.dev, w->ioas, &w->parent));
	w->last_page = memory_pages(2 * PAGE);
	ASSERT_NE(NULL, w->last_page);
	ASSERT_EQ(0, munmap(w->last_page + PAGE, PAGE));
}

/* However a test leaves it, nothing is left when the file is closed. */
static inline void teardown_nested(struct __test_metadata *_metadata,
				   struct nested_world *w)
{
	close(w->fd);
	EXPECT_EQ(0, mock_count());
}

#endif
