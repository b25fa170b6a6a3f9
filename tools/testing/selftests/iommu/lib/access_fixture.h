/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world of the tests of accesses: an IOAS that an access is attached to, with and
 * without an IOMMU that has the memory pinned already. To be included once per program,
 * as testing.h is.
 */
#ifndef SELFTESTS_IOMMU_ACCESS_FIXTURE_H
#define SELFTESTS_IOMMU_ACCESS_FIXTURE_H

#include <sys/mman.h>

#include "access.h"
#include "mock.h"
#include "testing.h"

/* Within what the mock IOMMU can translate. */
#define AT	0x40000000ULL
#define THERE	0x50000000ULL

#define NR_PAGES 16
#define LENGTH (NR_PAGES * PAGE)
#define MAX_LENGTH (16UL << 20)

#define PINS MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define WRITE MOCK_FLAGS_ACCESS_WRITE
#define RW_WRITE MOCK_ACCESS_RW_WRITE
#define SLOW MOCK_ACCESS_RW_SLOW_PATH

FIXTURE(access)
{
	int fd;
	__u32 ioas;
	int access;
	struct mock mock;
	__u8 *pages;
	long pinned;
};

FIXTURE_VARIANT(access)
{
	bool device;
};

FIXTURE_VARIANT_ADD(access, alone) { };
FIXTURE_VARIANT_ADD(access, with_a_device) { .device = true };

FIXTURE_SETUP(access)
{
	self->fd = open_iommufd(_metadata);
	if (!mock_exists(self->fd))
		SKIP_TEST("this kernel has no mock IOMMU: CONFIG_IOMMUFD_TEST");
	ASSERT_OK(ioas_alloc(self->fd, &self->ioas));
	self->pages = memory_pages(LENGTH);
	ASSERT_NE(NULL, self->pages);
	memory_fill(self->pages, LENGTH, 1);
	self->pinned = memory_pinned();
	ASSERT_LE(0, self->pinned);
	if (variant->device)
		ASSERT_OK(mock_attach(self->fd, self->ioas, &self->mock));
	ASSERT_OK(access_create(self->fd, self->ioas, PINS, &self->access));
}

/* However a test leaves it, nothing is left when the files are closed. */
FIXTURE_TEARDOWN(access)
{
	close(self->access);
	close(self->fd);
	EXPECT_EQ(0, mock_count());
	EXPECT_EQ(self->pinned, memory_pinned());
}

#define map(page, npages, iova) \
	ioas_map_at(self->fd, self->ioas, self->pages + (page) * PAGE, (npages) * PAGE, iova)
#define unmap(iova, length) ioas_unmap(self->fd, self->ioas, iova, length, NULL)
#define pin(iova, length, va, ids) \
	access_pin(self->fd, self->access, WRITE, iova, length, va, ids)
#define unpin(id) access_unpin(self->fd, self->access, id)
#define rw(flags, iova, data, length) \
	access_rw(self->fd, self->access, flags, iova, data, length)
#define EXPECT_REFS(page, npages, refs) \
	EXPECT_OK(mock_check_refs(self->fd, self->pages + (page) * PAGE, (npages) * PAGE, refs))
/* Pages of this process that are pinned, with the IOMMU's or without. */
#define EXPECT_PINNED(with_device, without) \
	EXPECT_EQ((variant->device ? (with_device) : (without)) * (long)PAGE, \
		  memory_pinned() - self->pinned)

#endif
