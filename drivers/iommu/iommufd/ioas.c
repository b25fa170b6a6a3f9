// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O address spaces, and the ioctls on them.
 */
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iommufd_private.h"
#include "memory.h"

/* More ranges than anyone has use for; keeps the array within one kmalloc */
#define IOAS_MAX_ALLOWED 8192

void iommufd_ioas_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);

	iova_map_destroy(&ioas->map);
	mutex_destroy(&ioas->auto_lock);
}

int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;

	ioas = iommufd_object_alloc(ucmd->ictx, sizeof(*ioas),
				    IOMMUFD_OBJ_IOAS);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	mutex_init(&ioas->auto_lock);
	iova_map_init(&ioas->map);

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

/* Fill the user's array as far as it goes; returns how many there are in all */
static int copy_usable_ranges(struct iova_map *map,
			      struct iommu_iova_range __user *ranges,
			      u32 room, u32 *count)
{
	unsigned long from = 0, start, last;

	*count = 0;
	while (iova_map_next_usable(map, from, &start, &last)) {
		struct iommu_iova_range range = {
			.start = start,
			.last = last,
		};

		if (*count < room &&
		    copy_to_user(&ranges[*count], &range, sizeof(range)))
			return -EFAULT;
		(*count)++;
		if (last == ULONG_MAX)
			break;
		from = last + 1;
	}
	return 0;
}

int iommufd_ioas_iova_ranges_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	u32 room = cmd->num_iovas;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	rc = down_read_killable(&ioas->map.rwsem);
	if (rc)
		goto out_put;
	rc = copy_usable_ranges(&ioas->map, u64_to_user_ptr(cmd->allowed_iovas),
				room, &cmd->num_iovas);
	cmd->out_iova_alignment = ioas->map.alignment;
	up_read(&ioas->map.rwsem);
	if (rc)
		goto out_put;

	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (!rc && cmd->num_iovas > room)
		rc = -EMSGSIZE;
out_put:
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
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

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	if (cmd->num_iovas) {
		ranges = vmemdup_user(u64_to_user_ptr(cmd->allowed_iovas),
				      array_size(cmd->num_iovas,
						 sizeof(*ranges)));
		if (IS_ERR(ranges)) {
			rc = PTR_ERR(ranges);
			goto out_put;
		}
	}
	rc = iova_map_allow(&ioas->map, ranges, cmd->num_iovas);
	if (rc)
		kvfree(ranges);
out_put:
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

static int ioas_map_check(const struct iommu_ioas_map *cmd)
{
	u64 end;

	if (cmd->flags & ~(IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			   IOMMU_IOAS_MAP_READABLE) || cmd->__reserved)
		return -EOPNOTSUPP;
	if (!(cmd->flags & (IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)))
		return -EINVAL;
	if (!cmd->length)
		return -EINVAL;
	if (check_add_overflow(cmd->user_va, cmd->length - 1, &end))
		return -EOVERFLOW;
	if (cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA &&
	    check_add_overflow(cmd->iova, cmd->length - 1, &end))
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

int iommufd_ioas_map_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map *cmd = ucmd->cmd;
	struct iommufd_memory *memory;
	struct iommufd_ioas *ioas;
	unsigned long iova, removed;
	int rc;

	rc = ioas_map_check(cmd);
	if (rc)
		return rc;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	memory = iommufd_memory_alloc(cmd->user_va, cmd->length,
				      cmd->flags & IOMMU_IOAS_MAP_WRITEABLE);
	if (IS_ERR(memory)) {
		rc = PTR_ERR(memory);
		goto out_put;
	}
	iova = cmd->iova;
	rc = iova_map_add(&ioas->map, memory, offset_in_page(cmd->user_va),
			  &iova, cmd->length, map_prot(cmd->flags),
			  cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA);
	if (rc)
		goto out_memory;

	cmd->iova = iova;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iova_map_remove(&ioas->map, iova, iova + cmd->length - 1,
				&removed);
out_memory:
	iommufd_memory_put(memory);
out_put:
	iommufd_object_put(ucmd->ictx, &ioas->obj);
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

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	rc = iova_map_remove(&ioas->map, cmd->iova, last, &removed);
	if (!rc && !removed && !everything)
		rc = -ENOENT;
	if (!rc) {
		cmd->length = removed;
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	}
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}
