// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each ioctl on /dev/iommu, with each of its steps failing: see lib/failing.h.
 */
#include "lib/failing.h"

static int run_open(struct world *w)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	snprintf(last_call, sizeof(last_call), "open(/dev/iommu)");
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

SCENARIO(open, .run = run_open);

static int run_fdinfo(struct world *w)
{
	char text[FDINFO_ROOM];

	snprintf(last_call, sizeof(last_call), "read(fdinfo)");
	return fdinfo_read(w->fd, text, sizeof(text));
}

SCENARIO(fdinfo, .prepare = two_devices, .run = run_fdinfo);

static int run_ioas_alloc(struct world *w)
{
	__u32 ioas;

	return ioas_alloc(w->fd, &ioas);
}

SCENARIO(ioas_alloc, .run = run_ioas_alloc);

static int run_iova_ranges(struct world *w)
{
	struct iommu_iova_range ranges[4];
	__u64 alignment;
	__u32 num = 4;

	return ioas_iova_ranges(w->fd, w->ioas, ranges, &num, &alignment);
}

SCENARIO(ioas_iova_ranges, .prepare = a_device, .run = run_iova_ranges, .own_steps = 1);

static int run_allow_iovas(struct world *w)
{
	const struct iommu_iova_range ranges[] = {
		{ AT, AT + 0xfffff }, { AT + 0x200000, AT + 0x2fffff },
	};

	return ioas_allow_iovas(w->fd, w->ioas, ranges, 2);
}

SCENARIO(ioas_allow_iovas, .prepare = an_ioas, .run = run_allow_iovas, .own_steps = 1);

static int run_map(struct world *w)
{
	return ioas_map_at(w->fd, w->ioas, w->pages + HALF, 4 * PAGE + HALF, 2 * AT - 64 * PAGE);
}

SCENARIO(ioas_map, .prepare = an_ioas, .run = run_map, .own_steps = 2);
SCENARIO(ioas_map_in_two_hwpts, .prepare = two_hwpts, .run = run_map, .own_steps = 6);

/* It takes more than one call to pin them all, and few to map them. */
static int run_map_huge(struct world *w)
{
	__u64 iova;

	return ioas_map_any(w->fd, w->ioas, w->huge + PAGE, 2 * HUGE - 3 * PAGE, &iova);
}

SCENARIO(ioas_map_huge_pages, .prepare = two_hwpts, .run = run_map_huge, .own_steps = 7,
	 .on_huge_pages = true);

static int run_unmap(struct world *w)
{
	return ioas_unmap(w->fd, w->ioas, AT, 4 * PAGE, NULL);
}

SCENARIO(ioas_unmap, .prepare = two_hwpts, .run = run_unmap, .own_steps = 2,
	 .answers_late = true);

static int run_unmap_all(struct world *w)
{
	return ioas_unmap_all(w->fd, w->ioas, NULL);
}

SCENARIO(ioas_unmap_all, .prepare = two_hwpts, .run = run_unmap_all, .own_steps = 2,
	 .answers_late = true);

static int run_copy(struct world *w)
{
	return ioas_copy_at(w->fd, w->other, w->ioas, AT + PAGE, 2 * PAGE, 2 * AT - 64 * PAGE);
}

SCENARIO(ioas_copy, .prepare = two_ioases, .run = run_copy, .own_steps = 3);
SCENARIO(ioas_copy_in_a_hwpt, .prepare = two_devices, .run = run_copy, .own_steps = 5);

static int run_hwpt_alloc(struct world *w)
{
	__u32 hwpt;

	return hwpt_alloc(w->fd, w->mock.dev, w->other, &hwpt);
}

SCENARIO(hwpt_alloc, .prepare = two_ioases, .run = run_hwpt_alloc, .own_steps = 6);

static int run_hw_info(struct world *w)
{
	struct iommu_hw_info info = {};
	char data[64];

	return hw_info(w->fd, w->mock.dev, data, sizeof(data), &info);
}

SCENARIO(get_hw_info, .prepare = a_device, .run = run_hw_info, .own_steps = 1);

static int run_destroy_ioas(struct world *w)
{
	return destroy(w->fd, w->other);
}

SCENARIO(destroy_ioas, .prepare = two_ioases, .run = run_destroy_ioas);

static int run_destroy_hwpt(struct world *w)
{
	return destroy(w->fd, w->hwpt);
}

SCENARIO(destroy_hwpt, .prepare = two_hwpts, .run = run_destroy_hwpt);

static int run_destroy_device(struct world *w)
{
	return destroy(w->fd, w->mock.id);
}

SCENARIO(destroy_device, .prepare = two_devices, .run = run_destroy_device);

static int check_option(struct world *w, __u32 option, __u32 id, __u64 expected)
{
	__u64 value;

	return option_get(w->fd, option, id, &value) ?: value == expected ? 0 : -EBADE;
}

static int run_option_huge_pages(struct world *w)
{
	return option_set(w->fd, IOMMU_OPTION_HUGE_PAGES, w->ioas, 0);
}

static int check_huge_pages(struct world *w, bool done)
{
	return check_option(w, IOMMU_OPTION_HUGE_PAGES, w->ioas, !done);
}

SCENARIO(option_huge_pages, .prepare = an_ioas, .run = run_option_huge_pages,
	 .check = check_huge_pages, .own_steps = 1);

static int run_option_get(struct world *w)
{
	__u64 value;

	return option_get(w->fd, IOMMU_OPTION_HUGE_PAGES, w->ioas, &value);
}

SCENARIO(option_get, .prepare = an_ioas, .run = run_option_get, .own_steps = 1);

static int run_option_rlimit_mode(struct world *w)
{
	return option_set(w->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1);
}

static int check_rlimit_mode(struct world *w, bool done)
{
	return check_option(w, IOMMU_OPTION_RLIMIT_MODE, 0, done);
}

SCENARIO(option_rlimit_mode, .run = run_option_rlimit_mode, .check = check_rlimit_mode);

/* ---- Dirty tracking ---- */

static int a_dirty_hwpt(struct world *w)
{
	return a_device_with_areas(w) ?:
	       hwpt_alloc_flags(w->fd, w->mock.dev, w->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				IOMMU_HWPT_DATA_NONE, NULL, 0, &w->hwpt);
}

static int a_tracked_hwpt(struct world *w)
{
	return a_dirty_hwpt(w) ?:
	       set_tracking(w->fd, w->hwpt, true) ?:
	       mock_write_at(w->fd, w->hwpt, AT + PAGE, PAGE);
}

static int run_hwpt_alloc_dirty(struct world *w)
{
	__u32 hwpt;

	return hwpt_alloc_flags(w->fd, w->mock.dev, w->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				IOMMU_HWPT_DATA_NONE, NULL, 0, &hwpt);
}

SCENARIO(hwpt_alloc_dirty, .prepare = a_device_with_areas, .run = run_hwpt_alloc_dirty,
	 .own_steps = 5);

static int run_set_tracking(struct world *w)
{
	return set_tracking(w->fd, w->hwpt, true);
}

SCENARIO(set_dirty_tracking, .prepare = a_dirty_hwpt, .run = run_set_tracking, .own_steps = 2);

/* A call that fails may have cleared bits, but those it has told. */
static int run_get_dirty(struct world *w)
{
	static __u8 bitmap[PAGE];
	int err = get_dirty(w->fd, w->hwpt, 0, AT, 8 * PAGE, PAGE, bitmap);

	if (!err && bitmap[0] != 1 << 1)
		err = -EBADE;
	return err;
}

SCENARIO(get_dirty_bitmap, .prepare = a_tracked_hwpt, .run = run_get_dirty, .own_steps = 1);

/* ---- The mock's operations that work on the core ---- */

static int run_reserve(struct world *w)
{
	return mock_reserve(w->fd, w->ioas, AT + 0x100000, PAGE);
}

SCENARIO(reserve, .prepare = a_device_with_areas, .run = run_reserve, .own_steps = 1);

static int run_attach(struct world *w)
{
	return mock_attach(w->fd, w->ioas, &w->second);
}

/*
 * These make the device, too. How often that allocates is not the same each time,
 * by which some steps of the core's own are skipped: a step that is the 40th in one
 * run may be the 41st, and the 40th before, where the other's turn is.
 */
SCENARIO(attach, .prepare = an_ioas_with_areas, .run = run_attach, .own_steps = 1);
SCENARIO(attach_to_what_another_made, .prepare = a_device_with_areas, .run = run_attach,
	 .own_steps = 1);

static int run_replace(struct world *w)
{
	struct mock mock = w->mock;

	return mock_replace(w->fd, &mock, w->other);
}

SCENARIO(replace, .prepare = two_ioases, .run = run_replace, .own_steps = 8,
	 .answers_late = true);
SCENARIO(replace_by_what_another_made, .prepare = two_devices, .run = run_replace,
	 .own_steps = 3, .answers_late = true);

/* ---- One step after the other, to the first that fails ---- */

/* What there is beside memory and page tables; with no objects before and after */
static int run_side_life(struct world *w)
{
	char bytes[2 * PAGE];

	return option_set(w->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1) ?:
	       ioas_alloc(w->fd, &w->ioas) ?:
	       option_set(w->fd, IOMMU_OPTION_HUGE_PAGES, w->ioas, 0) ?:
	       run_allow_iovas(w) ?:
	       ioas_map_file_at(w->fd, w->ioas, w->file, PAGE, 4 * PAGE, AT) ?:
	       ioas_change_process(w->fd) ?:
	       a_dmabuf(w) ?:
	       ioas_map_file_at(w->fd, w->ioas, w->dmabuf, PAGE, 2 * PAGE, AT + 32 * PAGE) ?:
	       run_attach(w) ?:
	       run_iova_ranges(w) ?:
	       hwpt_alloc_flags(w->fd, w->second.dev, w->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				IOMMU_HWPT_DATA_NONE, NULL, 0, &w->hwpt) ?:
	       set_tracking(w->fd, w->hwpt, true) ?:
	       mock_write_at(w->fd, w->hwpt, AT + PAGE, PAGE) ?:
	       run_get_dirty(w) ?:
	       set_tracking(w->fd, w->hwpt, false) ?:
	       access_create(w->fd, w->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
			     &w->access) ?:
	       access_pin(w->fd, w->access, 0, AT, 2 * PAGE, NULL, &w->pinned) ?:
	       access_rw(w->fd, w->access, MOCK_ACCESS_RW_SLOW_PATH, AT + HALF, bytes,
			 sizeof(bytes)) ?:
	       access_unpin(w->fd, w->access, w->pinned) ?:
	       destroy(w->fd, w->hwpt) ?:
	       destroy(w->fd, w->second.id) ?:
	       ioas_unmap_all(w->fd, w->ioas, NULL);
}

SCENARIO(side_life, .run = run_side_life, .own_steps = 30, .is_story = true);

static int run_life(struct world *w)
{
	__u64 iova;

	return ioas_alloc(w->fd, &w->ioas) ?:
	       mock_attach(w->fd, w->ioas, &w->mock) ?:
	       ioas_map_at(w->fd, w->ioas, w->pages, 4 * PAGE, AT) ?:
	       ioas_map_any(w->fd, w->ioas, w->pages + 4 * PAGE + HALF, PAGE, &iova) ?:
	       ioas_alloc(w->fd, &w->other) ?:
	       ioas_map_at(w->fd, w->other, w->pages + 8 * PAGE, 8 * PAGE,
			   2 * AT - 8 * PAGE) ?:
	       mock_attach(w->fd, w->other, &w->second) ?:
	       mock_replace(w->fd, &w->second, w->ioas) ?:
	       mock_check_map(w->fd, w->second.hwpt, AT, w->pages, 4 * PAGE) ?:
	       mock_replace(w->fd, &w->second, w->other) ?:
	       ioas_unmap(w->fd, w->ioas, AT, 4 * PAGE, NULL) ?:
	       ioas_unmap_all(w->fd, w->other, NULL) ?:
	       destroy(w->fd, w->second.id) ?:
	       destroy(w->fd, w->mock.id) ?:
	       destroy(w->fd, w->other) ?:
	       ioas_unmap_all(w->fd, w->ioas, NULL) ?:
	       destroy(w->fd, w->ioas);
}

SCENARIO(life, .run = run_life, .own_steps = 20, .is_story = true);

TEST_HARNESS_MAIN
