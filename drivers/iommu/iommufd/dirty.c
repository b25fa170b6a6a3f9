// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking: which pages devices wrote to, by HWPT.
 *
 * The record is in the page table. It is read a chunk of IOVAs at a time, so
 * that only a part of the user's bitmap, which may be huge, is pinned at once.
 * That part is pinned before the IOAS is locked: the user's memory may take
 * forever to come, and whoever unbinds a device wants the lock.
 */
#include <linux/iommu.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "fail.h"
#include "iommufd_private.h"

/* A chunk has 2^23 bits, which are 1 MiB of the bitmap */
#define DIRTY_CHUNK_SHIFT 23

/* How far a driver goes with one call; no page-table entry reaches across */
#define DIRTY_STEP SZ_1G

static struct iommufd_hwpt_paging *get_hwpt(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_hwpt_paging *hwpt;
	struct iommufd_object *obj;

	obj = iommufd_object_get(ictx, id, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	hwpt = to_hwpt_paging(obj);
	if (!hwpt->common.domain->dirty_ops) {
		iommufd_object_put(ictx, obj);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return hwpt;
}

/* Read the record of one area, or of a part of it */
static int read_area(struct iommu_domain *domain, unsigned long iova,
		     unsigned long last, unsigned long flags,
		     struct iommu_dirty_bitmap *dirty)
{
	unsigned long end;
	int rc;

	while (true) {
		end = min(last, iova | (DIRTY_STEP - 1));
		rc = domain->dirty_ops->read_and_clear_dirty(domain, iova,
							     end - iova + 1,
							     flags, dirty);
		if (rc || end == last)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		iova = end + 1;
	}
}

/*
 * Read the record of all areas in a range, into @bitmap unless that is NULL. As
 * areas cannot come or go meanwhile, a page-table entry that is found dirty is
 * still the same when it is cleared.
 */
static int read_areas(struct iommufd_hwpt_paging *hwpt, unsigned long start,
		      unsigned long last, unsigned long flags,
		      struct iova_bitmap *bitmap)
{
	struct iommu_domain *domain = hwpt->common.domain;
	struct iommu_iotlb_gather gather;
	struct iommu_dirty_bitmap dirty;
	struct iova_area *area;
	int rc = 0;

	lockdep_assert_held(&hwpt->ioas->map.rwsem);

	iommu_iotlb_gather_init(&gather);
	iommu_dirty_bitmap_init(&dirty, bitmap,
				flags & IOMMU_DIRTY_NO_CLEAR ? NULL : &gather);
	iova_map_for_each_area(&hwpt->ioas->map, area, start, last) {
		/* Not a device's memory: it can go away, and the device saves it */
		if (iommufd_memory_is_io(area->memory))
			continue;
		rc = read_area(domain, max(start, area->iova),
			       min(last, area->last), flags, &dirty);
		if (rc)
			break;
		cond_resched();
	}
	/*
	 * An IOTLB that holds a page as dirty does not set its bit again. From
	 * here on it does; and the user reads the page later.
	 */
	if (gather.start <= gather.end)
		iommu_iotlb_sync(domain, &gather);
	return rc;
}

/**
 * struct dirty_chunk - the range that is read at once
 * @hwpt: what is read
 * @flags: for the driver
 * @start: first IOVA
 * @last: last IOVA
 */
struct dirty_chunk {
	struct iommufd_hwpt_paging *hwpt;
	unsigned long flags;
	unsigned long start;
	unsigned long last;
};

/* The part of a chunk that goes to that part of the bitmap which is pinned */
static int read_pinned(struct iova_bitmap *bitmap, unsigned long iova,
		       size_t length, void *opaque)
{
	struct dirty_chunk *chunk = opaque;
	unsigned long start = max(iova, chunk->start);
	unsigned long last = min(iova + length - 1, chunk->last);
	struct iommufd_hwpt_paging *hwpt = chunk->hwpt;
	int rc;

	if (start > last)
		return 0;
	rc = down_read_killable(&hwpt->ioas->map.rwsem);
	if (rc)
		return rc;
	rc = hwpt->dirty_tracking ? read_areas(hwpt, start, last, chunk->flags,
					       bitmap) : -EINVAL;
	up_read(&hwpt->ioas->map.rwsem);
	return rc;
}

/*
 * A bitmap can begin at a byte only, and bits before the chunk's first may share
 * one with it. They are not touched.
 */
static int read_chunk(struct dirty_chunk *chunk,
		      const struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	unsigned long shift = ilog2(cmd->page_size);
	unsigned long bytes = (chunk->start - cmd->iova) >> shift >> 3;
	unsigned long base = cmd->iova + (bytes << 3 << shift);
	struct iova_bitmap *bitmap;
	int rc;

	bitmap = iova_bitmap_alloc(base, chunk->last - base + 1, cmd->page_size,
				   u64_to_user_ptr(cmd->data + bytes));
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	rc = iova_bitmap_for_each(bitmap, chunk, read_pinned);
	iova_bitmap_free(bitmap);
	return rc;
}

/*
 * Chunks end at multiples of their size, for an entry that is only partly in
 * what is read stays dirty.
 */
static int read_range(struct iommufd_hwpt_paging *hwpt,
		      const struct iommu_hwpt_get_dirty_bitmap *cmd,
		      unsigned long last)
{
	struct dirty_chunk chunk = {
		.hwpt = hwpt,
		.start = cmd->iova,
	};
	unsigned long size;
	int rc;

	if (cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR)
		chunk.flags |= IOMMU_DIRTY_NO_CLEAR;
	/* 0 where all of the address space is less than a chunk */
	size = cmd->page_size > ULONG_MAX >> DIRTY_CHUNK_SHIFT ?
		0 : cmd->page_size << DIRTY_CHUNK_SHIFT;

	while (true) {
		chunk.last = min(last, chunk.start | (size - 1));
		rc = read_chunk(&chunk, cmd);
		if (rc || chunk.last == last)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		chunk.start = chunk.last + 1;
	}
}

static int get_dirty_check(const struct iommu_hwpt_get_dirty_bitmap *cmd,
			   unsigned long *last)
{
	if (cmd->flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR ||
	    cmd->__reserved)
		return -EOPNOTSUPP;
	if (!is_power_of_2(cmd->page_size) || !cmd->length ||
	    !IS_ALIGNED(cmd->iova | cmd->length, cmd->page_size))
		return -EINVAL;
	if (check_add_overflow((unsigned long)cmd->iova,
			       (unsigned long)cmd->length - 1, last))
		return -EOVERFLOW;
	return 0;
}

int iommufd_hwpt_get_dirty_bitmap_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct iommufd_hwpt_paging *hwpt;
	unsigned long last;
	int rc;

	rc = get_dirty_check(cmd, &last);
	if (rc)
		return rc;
	hwpt = get_hwpt(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	/* Looked at again under the lock; this is for the right error */
	if (READ_ONCE(hwpt->dirty_tracking))
		rc = read_range(hwpt, cmd, last);
	else
		rc = -EINVAL;
	iommufd_object_put(ucmd->ictx, &hwpt->common.obj);
	return rc;
}

static int set_tracking(struct iommufd_hwpt_paging *hwpt, bool enable)
{
	struct iommu_domain *domain = hwpt->common.domain;
	int rc;

	lockdep_assert_held_write(&hwpt->ioas->map.rwsem);

	if (hwpt->dirty_tracking == enable)
		return 0;
	/* Before it begins, so that no write from then on is forgotten */
	rc = enable ? read_areas(hwpt, 0, ULONG_MAX, 0, NULL) : 0;
	if (!rc)
		rc = iommufd_should_fail() ? -ENOMEM :
		     domain->dirty_ops->set_dirty_tracking(domain, enable);
	if (!rc)
		WRITE_ONCE(hwpt->dirty_tracking, enable);
	return rc;
}

int iommufd_hwpt_set_dirty_tracking_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct iommufd_hwpt_paging *hwpt;
	int rc;

	if (cmd->flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE || cmd->__reserved)
		return -EOPNOTSUPP;
	hwpt = get_hwpt(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	rc = down_write_killable(&hwpt->ioas->map.rwsem);
	if (!rc) {
		rc = set_tracking(hwpt, cmd->flags &
					IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
		up_write(&hwpt->ioas->map.rwsem);
	}
	iommufd_object_put(ucmd->ictx, &hwpt->common.obj);
	return rc;
}
