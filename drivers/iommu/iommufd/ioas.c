// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O address spaces, and the ioctls on them.
 */
#include <linux/file.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iommufd_private.h"
#include "trace.h"

/* More ranges than anyone has use for */
#define IOAS_MAX_ALLOWED 8192

void iommufd_ioas_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);

	iommufd_vfio_forget_ioas(ictx, ioas);
	iova_map_destroy(&ioas->map);
	mutex_destroy(&ioas->auto_lock);
}

/* An empty IOAS, not published yet */
struct iommufd_ioas *iommufd_ioas_alloc(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	ioas = iommufd_object_alloc(ictx, sizeof(*ioas), IOMMUFD_OBJ_IOAS);
	if (IS_ERR(ioas))
		return ioas;
	mutex_init(&ioas->auto_lock);
	iova_map_init(&ioas->map);
	return ioas;
}

int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;

	ioas = iommufd_ioas_alloc(ucmd->ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	cmd->out_ioas_id = ioas->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto out_abort;
	iommufd_object_publish(ucmd->ictx, &ioas->obj);
	return 0;

out_abort:
	iommufd_object_abort(ucmd->ictx, &ioas->obj);
	return rc;
}

/*
 * The usable ranges, as many as the user has room for, in an array of our own:
 * the user's memory may take forever, and others wait for the lock.
 */
static struct iommu_iova_range *
usable_ranges(struct iova_map *map, struct iommu_ioas_iova_ranges *cmd,
	      u32 *nr)
{
	struct iommu_iova_range *ranges;
	int rc;

	rc = down_read_killable(&map->rwsem);
	if (rc)
		return ERR_PTR(rc);
	*nr = min(cmd->num_iovas, iova_map_usable(map, NULL, 0));
	ranges = kvmalloc_array(*nr, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (ranges) {
		cmd->num_iovas = iova_map_usable(map, ranges, *nr);
		cmd->out_iova_alignment = map->alignment;
	}
	up_read(&map->rwsem);
	return ranges ?: ERR_PTR(-ENOMEM);
}

int iommufd_ioas_iova_ranges_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	struct iommu_iova_range *ranges;
	struct iommufd_ioas *ioas;
	int rc = 0;
	u32 nr;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	ranges = usable_ranges(&ioas->map, cmd, &nr);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);

	if (copy_to_user(u64_to_user_ptr(cmd->allowed_iovas), ranges,
			 nr * sizeof(*ranges)))
		rc = -EFAULT;
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (!rc && cmd->num_iovas > nr)
		rc = -EMSGSIZE;
	kvfree(ranges);
	return rc;
}

/* The user's ranges, which the map is to keep, so they are charged to the user */
static struct iommu_iova_range *
copy_allowed(const struct iommu_ioas_allow_iovas *cmd)
{
	struct iommu_iova_range *ranges;

	ranges = kvmalloc_array(cmd->num_iovas, sizeof(*ranges),
				GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(ranges, u64_to_user_ptr(cmd->allowed_iovas),
			   cmd->num_iovas * sizeof(*ranges))) {
		kvfree(ranges);
		return ERR_PTR(-EFAULT);
	}
	return ranges;
}

int iommufd_ioas_allow_iovas_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct iommu_iova_range *ranges = NULL;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->num_iovas > IOAS_MAX_ALLOWED)
		return -EINVAL;

	if (cmd->num_iovas) {
		ranges = copy_allowed(cmd);
		if (IS_ERR(ranges))
			return PTR_ERR(ranges);
	}
	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas)) {
		kvfree(ranges);
		return PTR_ERR(ioas);
	}
	rc = iova_map_allow(&ioas->map, ranges, cmd->num_iovas);
	if (rc)
		kvfree(ranges);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

#define IOAS_MAP_FLAGS (IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | \
			IOMMU_IOAS_MAP_READABLE)

/* What all ioctls that add areas ask of their flags and of the IOVA range */
static int map_check(u32 flags, u64 iova, u64 length)
{
	u64 last;

	if (flags & ~IOAS_MAP_FLAGS)
		return -EOPNOTSUPP;
	if (!(flags & (IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)))
		return -EINVAL;
	if (!length)
		return -EINVAL;
	if (flags & IOMMU_IOAS_MAP_FIXED_IOVA &&
	    check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	return 0;
}

static int map_prot(u32 flags)
{
	int prot = IOMMU_CACHE;

	if (flags & IOMMU_IOAS_MAP_WRITEABLE)
		prot |= IOMMU_WRITE;
	if (flags & IOMMU_IOAS_MAP_READABLE)
		prot |= IOMMU_READ;
	return prot;
}

/* Write one field of the ioctl's struct back, one that its first version had */
static int tell(struct iommufd_ucmd *ucmd, const u64 *field)
{
	u64 __user *answer = ucmd->ubuffer + ((void *)field - ucmd->cmd);

	return put_user(*field, answer);
}

/*
 * Report where areas were mapped, in @user_iova, a field of the ioctl's struct;
 * if that fails, remove them again.
 */
static int tell_iova(struct iommufd_ucmd *ucmd, struct iommufd_ioas *ioas,
		     unsigned long iova, u64 length, u64 *user_iova)
{
	unsigned long removed;
	int rc;

	*user_iova = iova;
	rc = tell(ucmd, user_iova);
	if (rc)
		iova_map_remove(&ioas->map, iova, iova + length - 1, &removed);
	return rc;
}

/* Map memory, which may be an ERR_PTR; takes the caller's reference to it */
static int map_memory(struct iommufd_ioas *ioas,
		      struct iommufd_memory *memory,
		      struct iommufd_user_range *range)
{
	LIST_HEAD(chain);
	int rc;

	if (IS_ERR(memory))
		return PTR_ERR(memory);
	rc = iova_area_alloc(memory, offset_in_page(range->va), 0,
			     range->length, range->prot, &chain);
	if (!rc) {
		rc = iova_map_add(&ioas->map, &chain, &range->iova,
				  range->length, range->fixed);
		if (rc)
			iova_areas_free(&chain);
	}
	iommufd_memory_put(memory);
	return rc;
}

static int map_user(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
		    struct iommufd_user_range *range)
{
	return map_memory(ioas,
			  iommufd_memory_alloc_user(&ictx->accounts, range->va,
						    range->length,
						    range->prot & IOMMU_WRITE),
			  range);
}

/*
 * Map a range of the caller's memory, which can be a device's. If the IOAS has an
 * HWPT, the memory is pinned at once; only where that fails is it worth looking
 * for a device. Else it is pinned later, when it would be too late to look.
 */
int iommufd_ioas_map_user(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  struct iommufd_user_range *range)
{
	bool pins = iova_map_has_hwpt(&ioas->map);
	struct iommufd_memory *device;
	int rc = 0;

	if (pins) {
		rc = map_user(ictx, ioas, range);
		/* The pages are charged before it shows that there are none */
		if (rc != -EFAULT && rc != -ENOMEM)
			return rc;
	}
	device = iommufd_memory_alloc_mapped(range->va, range->length,
					     range->prot & IOMMU_WRITE);
	if (device)
		return map_memory(ioas, device, range);
	return pins ? rc : map_user(ictx, ioas, range);
}

int iommufd_ioas_map_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map *cmd = ucmd->cmd;
	struct iommufd_user_range range;
	struct iommufd_ioas *ioas;
	u64 last;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	iommufd_test_syz_iova(ucmd->ictx, cmd->ioas_id, &cmd->flags,
			      &cmd->iova);
	rc = map_check(cmd->flags, cmd->iova, cmd->length);
	if (rc)
		return rc;
	if (check_add_overflow(cmd->user_va, cmd->length - 1, &last))
		return -EOVERFLOW;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	range = (struct iommufd_user_range){
		.va = cmd->user_va,
		.length = cmd->length,
		.prot = map_prot(cmd->flags),
		.iova = cmd->iova,
		.fixed = cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
	};
	rc = iommufd_ioas_map_user(ucmd->ictx, ioas, &range);
	if (!rc)
		rc = tell_iova(ucmd, ioas, range.iova, range.length,
			       &cmd->iova);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	trace_iommufd_map(ucmd->ictx, cmd, rc);
	return rc;
}

/* A dma-buf is a file too, but what is behind it is not the page cache */
static struct iommufd_memory *alloc_memory_of_file(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	bool writable = cmd->flags & IOMMU_IOAS_MAP_WRITEABLE;
	struct iommufd_memory *memory;
	struct file *file;

	memory = iommufd_memory_alloc_dma_buf_fd(cmd->fd, cmd->start,
						 cmd->length, writable);
	if (memory)
		return memory;
	file = fget(cmd->fd);
	if (!file)
		return ERR_PTR(-EBADF);
	memory = iommufd_memory_alloc_file(&ucmd->ictx->accounts, file,
					   cmd->start, cmd->length, writable);
	fput(file);
	return memory;
}

static int map_file(struct iommufd_ucmd *ucmd, struct iommufd_ioas *ioas)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct iommufd_user_range range = {
		.va = cmd->start,
		.length = cmd->length,
		.iova = cmd->iova,
		.prot = map_prot(cmd->flags),
		.fixed = cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA,
	};
	int rc;

	rc = map_memory(ioas, alloc_memory_of_file(ucmd), &range);
	return rc ?: tell_iova(ucmd, ioas, range.iova, range.length,
			       &cmd->iova);
}

int iommufd_ioas_map_file_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	u64 last;
	int rc;

	rc = map_check(cmd->flags, cmd->iova, cmd->length);
	if (rc)
		return rc;
	if (check_add_overflow(cmd->start, cmd->length - 1, &last))
		return -EOVERFLOW;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = map_file(ucmd, ioas);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	trace_iommufd_map_file(ucmd->ictx, cmd, rc);
	return rc;
}

/* Add the areas of @chain to the IOAS, and report where they are */
static int add_copy(struct iommufd_ucmd *ucmd, struct iommufd_ioas *ioas,
		    struct list_head *chain)
{
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	unsigned long iova = cmd->dst_iova;
	int rc;

	rc = iova_map_add(&ioas->map, chain, &iova, cmd->length,
			  cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA);
	if (rc) {
		iova_areas_free(chain);
		return rc;
	}
	return tell_iova(ucmd, ioas, iova, cmd->length, &cmd->dst_iova);
}

int iommufd_ioas_copy_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	struct iommufd_ioas *src, *dst;
	LIST_HEAD(chain);
	u64 last;
	int rc;

	rc = map_check(cmd->flags, cmd->dst_iova, cmd->length);
	if (rc)
		return rc;
	if (check_add_overflow(cmd->src_iova, cmd->length - 1, &last))
		return -EOVERFLOW;

	src = iommufd_get_ioas(ucmd->ictx, cmd->src_ioas_id);
	if (IS_ERR(src))
		return PTR_ERR(src);
	rc = iova_map_share(&src->map, cmd->src_iova, cmd->length,
			    map_prot(cmd->flags), &chain);
	iommufd_object_put(ucmd->ictx, &src->obj);
	if (rc)
		return rc;

	dst = iommufd_get_ioas(ucmd->ictx, cmd->dst_ioas_id);
	if (IS_ERR(dst)) {
		iova_areas_free(&chain);
		return PTR_ERR(dst);
	}
	rc = add_copy(ucmd, dst, &chain);
	iommufd_object_put(ucmd->ictx, &dst->obj);
	trace_iommufd_copy(ucmd->ictx, cmd, rc);
	return rc;
}

int iommufd_ioas_unmap_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_unmap *cmd = ucmd->cmd;
	bool everything = !cmd->iova && cmd->length == U64_MAX;
	struct iommufd_ioas *ioas;
	unsigned long last, removed;
	int rc;

	if (!cmd->length)
		return -EINVAL;
	if (check_add_overflow((unsigned long)cmd->iova,
			       (unsigned long)cmd->length - 1, &last))
		return -EOVERFLOW;
	if (everything)
		last = ULONG_MAX;

	/* Try the answer first: what is removed cannot be brought back */
	rc = tell(ucmd, &cmd->length);
	if (rc)
		return rc;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	rc = iova_map_remove(&ioas->map, cmd->iova, last, &removed);
	if (!rc && !removed && !everything)
		rc = -ENOENT;
	if (!rc && removed != cmd->length) {
		cmd->length = removed;
		rc = tell(ucmd, &cmd->length);
	}
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	trace_iommufd_unmap(ucmd->ictx, cmd, rc);
	return rc;
}

int iommufd_ioas_change_process_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_change_process *cmd = ucmd->cmd;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	return iommufd_accounts_change_process(&ucmd->ictx->accounts);
}
