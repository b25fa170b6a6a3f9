// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo/FD of a /dev/iommu: a line for the context, then one for each
 * object, in the order of their ids. Programs read this; the rules are told in
 * Documentation/userspace-api/iommufd.rst:
 *
 * - A line is the kind of object, a colon and a tab, then words separated by one
 *   space: a key, its value, a key, and so on. No value has a space in it.
 * - Each object has "id", and "refs": how many other objects, or kernel users,
 *   point there.
 * - A key that is the name of a kind, or "hwpt" for all kinds of those, has the
 *   id of the object that this one points to as its value, or 0.
 * - New keys come at the end of a line. None goes away or changes its meaning.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "fault.h"
#include "iommufd_private.h"
#include "veventq.h"

/* The id's own link is nobody's reference */
static unsigned int object_refs(struct iommufd_object *obj)
{
	return refcount_read(&obj->links) - 1;
}

static void show_ioas(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);
	struct iova_map_usage usage;

	/* The reader was killed */
	if (iova_map_measure(&ioas->map, &usage))
		return;
	seq_printf(m, " areas %lu bytes %lu pinned %lu extents %lu alignment %lu",
		   usage.areas, usage.bytes, usage.memory.pages * PAGE_SIZE,
		   usage.memory.extents, usage.alignment);
}

/* Only where there is one */
static void show_hwpt_fault(struct seq_file *m, struct iommufd_hwpt *hwpt)
{
	if (hwpt->fault)
		seq_printf(m, " fault %u", hwpt->fault->obj.id);
}

static void show_hwpt_paging(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_hwpt_paging *hwpt = to_hwpt_paging(obj);
	struct iommu_domain *domain = hwpt->common.domain;

	seq_printf(m, " ioas %u automatic %d pages %#lx first %#llx last %#llx coherent %d dirty %d",
		   hwpt->ioas->obj.id, hwpt->automatic, domain->pgsize_bitmap,
		   (u64)domain->geometry.aperture_start,
		   (u64)domain->geometry.aperture_end,
		   hwpt->enforce_cache_coherency,
		   READ_ONCE(hwpt->dirty_tracking));
	show_hwpt_fault(m, &hwpt->common);
}

static void show_hwpt_nested(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_hwpt_nested *nested = to_hwpt_nested(obj);

	seq_printf(m, " viommu %u parent %u",
		   nested->viommu ? nested->viommu->obj.id : 0,
		   nested->parent->common.obj.id);
	show_hwpt_fault(m, &nested->common);
}

static void show_viommu(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_viommu *viommu = to_viommu(obj);

	seq_printf(m, " parent %u type %#x iommu ",
		   viommu->hwpt->common.obj.id, viommu->type);
	seq_escape(m, dev_name(viommu->iommu_dev->dev), " \t\n\\");
}

/* One whose device is gone has no viommu and no device */
static void show_vdevice(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_vdevice *vdev = to_vdevice(obj);
	u32 viommu_id = 0, device_id = 0;

	iommufd_vdevice_ids(vdev, &viommu_id, &device_id);
	seq_printf(m, " viommu %u device %u virt_id %#llx", viommu_id,
		   device_id, vdev->virt_id);
}

static void show_hw_queue(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_hw_queue *queue =
		container_of(obj, struct iommufd_hw_queue, obj);

	seq_printf(m, " viommu %u type %#x iova %#llx length %zu",
		   queue->viommu->obj.id, queue->type, queue->base_addr,
		   queue->length);
}

static void show_attached(struct seq_file *m, struct iommufd_device *idev)
{
	ioasid_t pasid = IOMMU_NO_PASID;
	u32 hwpt_id = 0;
	char separator = ' ';

	if (iommufd_device_next_attached_locked(idev, &pasid, &hwpt_id) &&
	    pasid != IOMMU_NO_PASID)
		hwpt_id = 0;
	seq_printf(m, " hwpt %u", hwpt_id);

	/* All in one value: PASID=HWPT,PASID=HWPT */
	pasid = IOMMU_NO_PASID + 1;
	if (iommufd_device_next_attached_locked(idev, &pasid, &hwpt_id))
		seq_puts(m, " pasids");
	for (; iommufd_device_next_attached_locked(idev, &pasid, &hwpt_id);
	     pasid++) {
		seq_printf(m, "%c%u=%u", separator, pasid, hwpt_id);
		separator = ',';
	}
}

static void show_device(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);

	seq_puts(m, " name ");
	seq_escape(m, dev_name(idev->dev), " \t\n\\");
	seq_printf(m, " group %d",
		   iommu_group_id(idev->group->iommu_group));
	/* Who moves it waits for the IOAS, which may wait for memory forever */
	if (mutex_lock_killable(&idev->group->lock))
		return;
	show_attached(m, idev);
	mutex_unlock(&idev->group->lock);
}

static void show_fault(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_fault_usage usage;

	iommufd_fault_measure(obj, &usage);
	seq_printf(m, " requests %u refused %llu depth %u", usage.nr_requests,
		   usage.nr_refused, IOMMUFD_FAULT_MAX_REQUESTS);
}

static void show_veventq(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_veventq_usage usage;

	iommufd_veventq_measure(obj, &usage);
	seq_printf(m, " viommu %u type %#x depth %u events %u lost %llu",
		   usage.viommu_id, usage.type, usage.depth, usage.nr_events,
		   usage.nr_lost);
}

/* What there is to say of a kind beside id and refs */
static void (*const show[IOMMUFD_OBJ_TYPES])(struct seq_file *m,
					     struct iommufd_object *obj) = {
	[IOMMUFD_OBJ_IOAS] = show_ioas,
	[IOMMUFD_OBJ_DEVICE] = show_device,
	[IOMMUFD_OBJ_HWPT_PAGING] = show_hwpt_paging,
	[IOMMUFD_OBJ_HWPT_NESTED] = show_hwpt_nested,
	[IOMMUFD_OBJ_ACCESS] = iommufd_access_show,
	[IOMMUFD_OBJ_FAULT] = show_fault,
	[IOMMUFD_OBJ_VEVENTQ] = show_veventq,
	[IOMMUFD_OBJ_VIOMMU] = show_viommu,
	[IOMMUFD_OBJ_VDEVICE] = show_vdevice,
	[IOMMUFD_OBJ_HW_QUEUE] = show_hw_queue,
#ifdef CONFIG_IOMMUFD_TEST
	[IOMMUFD_OBJ_SELFTEST] = iommufd_mock_stdev_show,
#endif
};

void iommufd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct iommufd_ctx *ictx = file->private_data;
	struct iommufd_object *obj;
	unsigned long id = 0;

	seq_printf(m, "iommufd:\tctx %llu\n", ictx->nr);
	while ((obj = iommufd_object_next(ictx, &id))) {
		seq_printf(m, "%s:\tid %u refs %u",
			   iommufd_object_type_name(obj->type), obj->id,
			   object_refs(obj));
		if (show[obj->type])
			show[obj->type](m, obj);
		seq_putc(m, '\n');
		iommufd_object_put(ictx, obj);
		/* There is nobody to tell the rest to, nor is it worth waiting */
		if (fatal_signal_pending(current))
			break;
		id++;
		cond_resched();
	}
}
