// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's container ioctls on an iommufd: what vfio_iommu_type1 does, done to the
 * compatibility IOAS.
 *
 * Numbers, structs and argsz rules are VFIO's, and so are the errors, save one:
 * an unmap that a type1v2 container refuses with EINVAL, for it would leave part
 * of a mapping, gets ENOENT as from IOMMU_IOAS_UNMAP.
 */
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "iommufd_private.h"

/* As many mappings as a type1 container takes by default */
#define COMPAT_MAX_MAPPINGS U16_MAX

/* The compatibility IOAS with a user reference, or -ENODEV */
static struct iommufd_ioas *compat_ioas_get(struct iommufd_ctx *ictx, bool *v1)
{
	struct iommufd_vfio_compat *compat = &ictx->vfio;
	struct iommufd_ioas *ioas;

	mutex_lock(&compat->lock);
	ioas = compat->ioas;
	if (!ioas || !iommufd_object_tryget(ictx, &ioas->obj))
		ioas = ERR_PTR(-ENODEV);
	else if (v1)
		*v1 = compat->type == VFIO_TYPE1_IOMMU;
	mutex_unlock(&compat->lock);
	return ioas;
}

/* An IOAS goes: it is no longer the compatibility IOAS */
void iommufd_vfio_forget_ioas(struct iommufd_ctx *ictx,
			      struct iommufd_ioas *ioas)
{
	struct iommufd_vfio_compat *compat = &ictx->vfio;

	mutex_lock(&compat->lock);
	if (compat->ioas == ioas) {
		compat->ioas = NULL;
		compat->type = 0;
	}
	mutex_unlock(&compat->lock);
}

static int choose_ioas(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	struct iommufd_vfio_compat *compat = &ictx->vfio;
	int rc = 0;

	mutex_lock(&compat->lock);
	if (compat->groups) {
		/* Their devices are attached, or will be, to the one there is */
		rc = -EBUSY;
	} else {
		compat->ioas = ioas;
		compat->type = 0;
	}
	mutex_unlock(&compat->lock);
	return rc;
}

static int choose_ioas_id(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_ioas *ioas = iommufd_get_ioas(ictx, id);
	int rc;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = choose_ioas(ictx, ioas);
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}

int iommufd_vfio_ioas_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_vfio_ioas *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	switch (cmd->op) {
	case IOMMU_VFIO_IOAS_GET:
		ioas = compat_ioas_get(ucmd->ictx, NULL);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		cmd->ioas_id = ioas->obj.id;
		iommufd_object_put(ucmd->ictx, &ioas->obj);
		return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	case IOMMU_VFIO_IOAS_SET:
		return choose_ioas_id(ucmd->ictx, cmd->ioas_id);
	case IOMMU_VFIO_IOAS_CLEAR:
		return choose_ioas(ucmd->ictx, NULL);
	default:
		return -EOPNOTSUPP;
	}
}

/* Is the DMA of all devices on the IOAS coherent, whatever they ask for? */
static int dma_is_coherent(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas = compat_ioas_get(ictx, NULL);
	struct iommufd_hwpt_paging *hwpt;
	int coherent = 1;

	if (IS_ERR(ioas))
		return 0;
	down_read(&ioas->map.rwsem);
	list_for_each_entry(hwpt, &ioas->map.hwpts, map_hwpt.item) {
		if (!hwpt->enforce_cache_coherency)
			coherent = 0;
	}
	up_read(&ioas->map.rwsem);
	iommufd_object_put(ictx, &ioas->obj);
	return coherent;
}

static int check_extension(struct iommufd_ctx *ictx, unsigned long extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return dma_is_coherent(ictx);
	default:
		/*
		 * Not VFIO_UPDATE_VADDR: areas of files can be handed to
		 * another process without it. Not VFIO_TYPE1_NESTING_IOMMU,
		 * which never did anything, nor VFIO_NOIOMMU_IOMMU.
		 */
		return 0;
	}
}

static int set_iommu(struct iommufd_ctx *ictx, unsigned long type)
{
	struct iommufd_vfio_compat *compat = &ictx->vfio;
	int rc = 0;

	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -ENODEV;

	mutex_lock(&compat->lock);
	if (!compat->ioas)
		rc = -ENODEV;
	else if (compat->type)
		rc = -EINVAL;
	else if (type == VFIO_TYPE1_IOMMU)
		rc = iova_map_set_smallest_pages(&compat->ioas->map, true);
	if (!rc)
		compat->type = type;
	mutex_unlock(&compat->lock);
	return rc;
}

/**
 * struct compat_info - what VFIO_IOMMU_GET_INFO answers
 * @pgsizes: bitmap of page sizes
 * @caps: the chain of capabilities, as it is to follow the struct
 * @size: its size in bytes
 */
struct compat_info {
	u64 pgsizes;
	void *caps;
	size_t size;
};

/* The sizes that all page tables have; the CPU's in the place of smaller ones */
static u64 common_pgsizes(struct iova_map *map)
{
	unsigned long pgsizes = ULONG_MAX;
	struct iova_map_hwpt *hwpt;

	list_for_each_entry(hwpt, &map->hwpts, item)
		pgsizes &= hwpt->domain->pgsize_bitmap;
	if (pgsizes & ~PAGE_MASK)
		pgsizes = (pgsizes & PAGE_MASK) | PAGE_SIZE;
	return pgsizes;
}

static u32 mappings_left(struct iova_map *map)
{
	u32 left = COMPAT_MAX_MAPPINGS;
	struct iova_area *area;

	iova_map_for_each_area(map, area, 0, ULONG_MAX) {
		if (!--left)
			break;
	}
	return left;
}

/* The capabilities lie at multiples of 8, so that their members are aligned */
static int build_info(struct iova_map *map, struct compat_info *info)
{
	const size_t after = sizeof(struct vfio_iommu_type1_info);
	struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct vfio_iommu_type1_info_dma_avail *avail;
	size_t next = ALIGN(sizeof(*avail), 8);
	u32 nr = iova_map_usable(map, NULL, 0);

	static_assert(sizeof(ranges->iova_ranges[0]) ==
		      sizeof(struct iommu_iova_range));
	static_assert(offsetof(struct vfio_iova_range, end) ==
		      offsetof(struct iommu_iova_range, last));

	info->pgsizes = common_pgsizes(map);
	info->size = size_add(next, struct_size(ranges, iova_ranges, nr));
	info->caps = kvzalloc(info->size, GFP_KERNEL_ACCOUNT);
	if (!info->caps)
		return -ENOMEM;

	avail = info->caps;
	avail->header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	avail->header.version = 1;
	avail->header.next = after + next;
	avail->avail = mappings_left(map);

	ranges = info->caps + next;
	ranges->header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	ranges->header.version = 1;
	ranges->nr_iovas = nr;
	iova_map_usable(map, (struct iommu_iova_range *)ranges->iova_ranges,
			nr);
	return 0;
}

static int get_info(struct iommufd_ctx *ictx, struct compat_info *info)
{
	struct iommufd_ioas *ioas = compat_ioas_get(ictx, NULL);
	int rc;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = down_read_killable(&ioas->map.rwsem);
	if (!rc) {
		rc = build_info(&ioas->map, info);
		up_read(&ioas->map.rwsem);
	}
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}

static int get_info_ioctl(struct iommufd_ctx *ictx, void __user *arg)
{
	const size_t capsz = offsetofend(struct vfio_iommu_type1_info,
					 cap_offset);
	size_t minsz = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	struct vfio_iommu_type1_info cmd;
	struct compat_info info;
	int rc;

	if (copy_from_user(&cmd, arg, minsz))
		return -EFAULT;
	if (cmd.argsz < minsz)
		return -EINVAL;
	/* Programs older than the capabilities end here */
	if (cmd.argsz >= capsz)
		minsz = capsz;

	rc = get_info(ictx, &info);
	if (rc)
		return rc;
	cmd.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	cmd.iova_pgsizes = info.pgsizes;
	cmd.cap_offset = 0;
	if (cmd.argsz < sizeof(cmd) + info.size) {
		/* The size that has room for all of it */
		cmd.argsz = sizeof(cmd) + info.size;
	} else if (copy_to_user(arg + sizeof(cmd), info.caps, info.size)) {
		rc = -EFAULT;
	} else {
		cmd.cap_offset = sizeof(cmd);
	}
	kvfree(info.caps);
	if (!rc && copy_to_user(arg, &cmd, minsz))
		rc = -EFAULT;
	return rc;
}

/* Where mappings begin and end; the granule of a page table is no larger */
static bool is_page_range(u64 start, u64 size)
{
	u64 last;

	return size && !((start | size) & ~PAGE_MASK) &&
	       !check_add_overflow(start, size - 1, &last);
}

static int map_check(const struct vfio_iommu_type1_dma_map *cmd)
{
	const u32 access = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;

	/* VFIO_DMA_MAP_FLAG_VADDR needs an extension that we do not have */
	if (cmd->flags & ~access || !(cmd->flags & access))
		return -EINVAL;
	if (!is_page_range(cmd->iova, cmd->size) ||
	    !is_page_range(cmd->vaddr, cmd->size))
		return -EINVAL;
	return 0;
}

static int map_dma(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
		   const struct vfio_iommu_type1_dma_map *cmd)
{
	struct iommufd_user_range range = {
		.va = cmd->vaddr,
		.length = cmd->size,
		.iova = cmd->iova,
		.prot = IOMMU_CACHE,
		.fixed = true,
	};

	if (cmd->flags & VFIO_DMA_MAP_FLAG_READ)
		range.prot |= IOMMU_READ;
	if (cmd->flags & VFIO_DMA_MAP_FLAG_WRITE)
		range.prot |= IOMMU_WRITE;
	return iommufd_ioas_map_user(ictx, ioas, &range);
}

static int map_dma_ioctl(struct iommufd_ctx *ictx, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map cmd;
	struct iommufd_ioas *ioas;
	int rc;

	if (copy_from_user(&cmd, arg, minsz))
		return -EFAULT;
	if (cmd.argsz < minsz)
		return -EINVAL;
	rc = map_check(&cmd);
	if (rc)
		return rc;

	ioas = compat_ioas_get(ictx, NULL);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = map_dma(ictx, ioas, &cmd);
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}

static int unmap_check(struct vfio_iommu_type1_dma_unmap *cmd, u64 *last)
{
	/*
	 * VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP: a container that does not track
	 * refuses it. VFIO_DMA_UNMAP_FLAG_VADDR: as for map.
	 */
	if (cmd->flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (cmd->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		*last = ULONG_MAX;
		return cmd->iova || cmd->size ? -EINVAL : 0;
	}
	if (!is_page_range(cmd->iova, cmd->size))
		return -EINVAL;
	*last = cmd->iova + cmd->size - 1;
	return 0;
}

static int unmap_dma(struct iommufd_ctx *ictx,
		     struct vfio_iommu_type1_dma_unmap *cmd, u64 last)
{
	struct iommufd_ioas *ioas;
	unsigned long removed;
	int rc = 0;
	bool v1;

	ioas = compat_ioas_get(ictx, &v1);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (v1)
		rc = iova_map_cut(&ioas->map, cmd->iova, last);
	if (!rc)
		rc = iova_map_remove(&ioas->map, cmd->iova, last, &removed);
	iommufd_object_put(ictx, &ioas->obj);
	if (!rc)
		cmd->size = removed;
	return rc;
}

static int unmap_dma_ioctl(struct iommufd_ctx *ictx, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap,
					 size);
	struct vfio_iommu_type1_dma_unmap cmd;
	u64 last;
	int rc;

	if (copy_from_user(&cmd, arg, minsz))
		return -EFAULT;
	if (cmd.argsz < minsz)
		return -EINVAL;
	rc = unmap_check(&cmd, &last);
	if (rc)
		return rc;
	/* What is unmapped cannot come back if the answer cannot be written */
	if (copy_to_user(arg, &cmd, minsz))
		return -EFAULT;
	rc = unmap_dma(ictx, &cmd, last);
	if (!rc && copy_to_user(arg, &cmd, minsz))
		rc = -EFAULT;
	return rc;
}

/**
 * iommufd_vfio_ioctl - An ioctl of a VFIO container on a context
 * @ictx: context
 * @cmd: VFIO_*
 * @arg: as in the ioctl
 *
 * Return: as VFIO documents it; -ENODEV where it takes a compatibility IOAS and
 * there is none; -ENOIOCTLCMD for what there is not, like
 * VFIO_IOMMU_DIRTY_PAGES: GET_INFO has no migration capability.
 */
long iommufd_vfio_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
			unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(ictx, arg);
	case VFIO_SET_IOMMU:
		return set_iommu(ictx, arg);
	case VFIO_IOMMU_GET_INFO:
		return get_info_ioctl(ictx, uarg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma_ioctl(ictx, uarg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma_ioctl(ictx, uarg);
	default:
		return -ENOIOCTLCMD;
	}
}
