// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo/FD of a /dev/iommu: its objects, a line each, in the order of
 * their ids. "refs" is how many other objects, or kernel users, point there.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/seq_file.h>

#include "iommufd_private.h"

/* The id's own link is nobody's reference */
static unsigned int object_refs(struct iommufd_object *obj)
{
	return refcount_read(&obj->links) - 1;
}

static void show_ioas(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);
	struct iova_map_usage usage;

	if (iova_map_measure(&ioas->map, &usage))
		return;
	seq_printf(m, "ioas:\tid %u refs %u areas %lu bytes %lu pinned %lu extents %lu alignment %lu\n",
		   obj->id, object_refs(obj), usage.areas, usage.bytes,
		   usage.memory.pages * PAGE_SIZE, usage.memory.extents,
		   usage.alignment);
}

static void show_hwpt_paging(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_hwpt_paging *hwpt = to_hwpt_paging(obj);

	seq_printf(m, "hwpt_paging:\tid %u refs %u ioas %u automatic %d\n",
		   obj->id, object_refs(obj), hwpt->ioas->obj.id,
		   hwpt->automatic);
}

static void show_device(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);
	u32 hwpt_id = 0;

	mutex_lock(&idev->group->lock);
	if (!list_empty(&idev->group_item))
		hwpt_id = idev->group->hwpt->obj.id;
	mutex_unlock(&idev->group->lock);
	seq_printf(m, "device:\tid %u refs %u name %s group %d hwpt %u\n",
		   obj->id, object_refs(obj), dev_name(idev->dev),
		   iommu_group_id(idev->group->iommu_group), hwpt_id);
}

void iommufd_show_fdinfo(struct seq_file *m, struct file *file)
{
	static void (*const show[IOMMUFD_OBJ_TYPES])(struct seq_file *m,
						     struct iommufd_object *obj) = {
		[IOMMUFD_OBJ_IOAS] = show_ioas,
		[IOMMUFD_OBJ_DEVICE] = show_device,
		[IOMMUFD_OBJ_HWPT_PAGING] = show_hwpt_paging,
	};
	struct iommufd_ctx *ictx = file->private_data;
	struct iommufd_object *obj;
	unsigned long id = 0;

	while ((obj = iommufd_object_next(ictx, &id))) {
		if (show[obj->type])
			show[obj->type](m, obj);
		iommufd_object_put(ictx, obj);
		id++;
	}
}
