// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs as dma-bufs, by which another device's DMA gets to them.
 *
 * A buffer follows its BAR as the CPU's mappings do: while the memory must not be
 * touched, as during a reset, there is nothing behind the buffer, and once the
 * device is closed there never is again. Whoever has attached to it is told
 * before, under the same lock that keeps page faults out.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio_pci_priv.h"

/* More than anyone has use for; keeps the array within one kmalloc */
#define DMA_BUF_MAX_RANGES 256

enum vfio_pci_dma_buf_state {
	DMA_BUF_LIVE,
	DMA_BUF_REVOKED,
	DMA_BUF_GONE,
};

/**
 * struct vfio_pci_dma_buf - memory of a BAR that a dma-buf stands for
 * @refs: one for the dma-buf, one for being in the device's list
 * @item: in vfio_pci_core_device.dma_bufs, guarded by its memory_lock
 * @lock: keeps the dma-buf from being released; inside of memory_lock, and
 *	outside of the dma-buf's reservation lock
 * @dmabuf: the dma-buf, NULL once it is released; guarded by @lock
 * @state: guarded by the dma-buf's reservation lock
 * @size: bytes in all ranges
 * @nr_ranges: number of @ranges
 * @ranges: the memory, one after the other
 *
 * There is no way from here to the device, which the dma-buf can outlive.
 */
struct vfio_pci_dma_buf {
	struct kref refs;
	struct list_head item;
	struct mutex lock; /* guards dmabuf */
	struct dma_buf *dmabuf;
	enum vfio_pci_dma_buf_state state;
	size_t size;
	unsigned int nr_ranges;
	struct {
		phys_addr_t phys;
		size_t length;
	} ranges[];
};

static struct vfio_pci_dma_buf *buf_alloc(unsigned int capacity)
{
	struct vfio_pci_dma_buf *buf;

	buf = kzalloc(struct_size(buf, ranges, capacity), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return NULL;
	kref_init(&buf->refs);
	mutex_init(&buf->lock);
	return buf;
}

static void buf_free(struct kref *refs)
{
	struct vfio_pci_dma_buf *buf =
		container_of(refs, struct vfio_pci_dma_buf, refs);

	mutex_destroy(&buf->lock);
	kfree(buf);
}

static void buf_put(struct vfio_pci_dma_buf *buf)
{
	kref_put(&buf->refs, buf_free);
}

/* The caller has checked that it is part of a BAR, and made room */
static int buf_add_range(struct vfio_pci_dma_buf *buf, phys_addr_t phys,
			 size_t length)
{
	if (check_add_overflow(buf->size, length, &buf->size) ||
	    buf->size > SSIZE_MAX)
		return -EINVAL;
	buf->ranges[buf->nr_ranges].phys = phys;
	buf->ranges[buf->nr_ranges].length = length;
	buf->nr_ranges++;
	return 0;
}

static int vfio_pci_dma_buf_attach(struct dma_buf *dmabuf,
				   struct dma_buf_attachment *attach)
{
	/* It has no struct pages */
	return attach->peer2peer ? 0 : -EOPNOTSUPP;
}

/* A BAR cannot be kept from going away */
static int vfio_pci_dma_buf_pin(struct dma_buf_attachment *attach)
{
	return -EOPNOTSUPP;
}

/* Never called, but that there is one tells that importers can be dynamic */
static void vfio_pci_dma_buf_unpin(struct dma_buf_attachment *attach)
{
}

/*
 * What a bus address is worth depends on the bridges between two devices. Whoever
 * maps physical memory behind an IOMMU uses phys_run.
 */
static struct sg_table *vfio_pci_dma_buf_map(struct dma_buf_attachment *attach,
					     enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

/* Never called, as nothing is mapped */
static void vfio_pci_dma_buf_unmap(struct dma_buf_attachment *attach,
				   struct sg_table *sgt,
				   enum dma_data_direction dir)
{
}

static int vfio_pci_dma_buf_phys_run(struct dma_buf_attachment *attach,
				     size_t offset,
				     struct dma_buf_phys_run *run)
{
	struct vfio_pci_dma_buf *buf = attach->dmabuf->priv;
	unsigned int i;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (buf->state == DMA_BUF_GONE)
		return -ENODEV;
	if (buf->state == DMA_BUF_REVOKED)
		return -EAGAIN;
	for (i = 0; i < buf->nr_ranges; i++) {
		if (offset < buf->ranges[i].length) {
			run->phys = buf->ranges[i].phys + offset;
			run->length = buf->ranges[i].length - offset;
			run->mmio = true;
			return 0;
		}
		offset -= buf->ranges[i].length;
	}
	return -EINVAL;
}

static void vfio_pci_dma_buf_release(struct dma_buf *dmabuf)
{
	struct vfio_pci_dma_buf *buf = dmabuf->priv;

	/* Whoever came by the device's list and is at work with it ends first */
	mutex_lock(&buf->lock);
	buf->dmabuf = NULL;
	mutex_unlock(&buf->lock);
	buf_put(buf);
}

static const struct dma_buf_ops vfio_pci_dma_buf_ops = {
	.attach = vfio_pci_dma_buf_attach,
	.pin = vfio_pci_dma_buf_pin,
	.unpin = vfio_pci_dma_buf_unpin,
	.map_dma_buf = vfio_pci_dma_buf_map,
	.unmap_dma_buf = vfio_pci_dma_buf_unmap,
	.phys_run = vfio_pci_dma_buf_phys_run,
	.release = vfio_pci_dma_buf_release,
};

static bool buf_is_released(struct vfio_pci_dma_buf *buf)
{
	bool released;

	mutex_lock(&buf->lock);
	released = !buf->dmabuf;
	mutex_unlock(&buf->lock);
	return released;
}

static void buf_leave_list(struct vfio_pci_dma_buf *buf)
{
	list_del(&buf->item);
	buf_put(buf);
}

/* The same rule says whether a page fault in a mapped BAR finds its memory */
static bool memory_is_reachable(struct vfio_pci_core_device *vdev)
{
	return !vdev->pm_runtime_engaged && __vfio_pci_memory_enabled(vdev);
}

/* Drops buffers released since: they have no way to get at the list themselves */
static void buf_enter_list(struct vfio_pci_core_device *vdev,
			   struct vfio_pci_dma_buf *buf)
{
	struct vfio_pci_dma_buf *other, *next;

	down_write(&vdev->memory_lock);
	list_for_each_entry_safe(other, next, &vdev->dma_bufs, item) {
		if (buf_is_released(other))
			buf_leave_list(other);
	}
	buf->state = memory_is_reachable(vdev) ? DMA_BUF_LIVE : DMA_BUF_REVOKED;
	kref_get(&buf->refs);
	list_add_tail(&buf->item, &vdev->dma_bufs);
	up_write(&vdev->memory_lock);
}

/* Make a dma-buf of ranges that the caller checked; it takes @buf, or frees it */
static struct dma_buf *buf_export(struct vfio_pci_core_device *vdev,
				  struct vfio_pci_dma_buf *buf, int flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	info.ops = &vfio_pci_dma_buf_ops;
	info.size = buf->size;
	info.flags = flags;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		buf_put(buf);
		return dmabuf;
	}
	/* Nobody else knows it yet */
	buf->dmabuf = dmabuf;
	buf_enter_list(vdev, buf);
	return dmabuf;
}

static void buf_set_state(struct vfio_pci_dma_buf *buf,
			  enum vfio_pci_dma_buf_state state)
{
	mutex_lock(&buf->lock);
	if (buf->dmabuf) {
		dma_resv_lock(buf->dmabuf->resv, NULL);
		if (buf->state != state) {
			buf->state = state;
			dma_buf_move_notify(buf->dmabuf);
		}
		dma_resv_unlock(buf->dmabuf->resv);
	}
	mutex_unlock(&buf->lock);
}

/* No DMA of others reaches the device's memory when this returns */
void vfio_pci_dma_bufs_revoke(struct vfio_pci_core_device *vdev)
{
	struct vfio_pci_dma_buf *buf;

	lockdep_assert_held_write(&vdev->memory_lock);

	list_for_each_entry(buf, &vdev->dma_bufs, item)
		buf_set_state(buf, DMA_BUF_REVOKED);
}

/* Undo that where memory can be reached, from now on or as before */
void vfio_pci_dma_bufs_restore(struct vfio_pci_core_device *vdev)
{
	struct vfio_pci_dma_buf *buf;

	lockdep_assert_held_write(&vdev->memory_lock);

	/* A device that is not open has no buffers, and no config space either */
	if (list_empty(&vdev->dma_bufs) || !memory_is_reachable(vdev))
		return;
	list_for_each_entry(buf, &vdev->dma_bufs, item)
		buf_set_state(buf, DMA_BUF_LIVE);
}

/* The device is closed: there is nothing behind its buffers ever again */
void vfio_pci_dma_bufs_close(struct vfio_pci_core_device *vdev)
{
	struct vfio_pci_dma_buf *buf, *next;

	down_write(&vdev->memory_lock);
	list_for_each_entry_safe(buf, next, &vdev->dma_bufs, item) {
		buf_set_state(buf, DMA_BUF_GONE);
		buf_leave_list(buf);
	}
	up_write(&vdev->memory_lock);
}

/* The BAR that all of a physical range is in, or -EFAULT */
static int find_bar(struct vfio_pci_core_device *vdev, phys_addr_t phys,
		    size_t length)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		resource_size_t start = pci_resource_start(vdev->pdev, bar);
		resource_size_t size = pci_resource_len(vdev->pdev, bar);

		/* As for a mapping, the rest of the last page counts too */
		if (vdev->bar_mmap_supported[bar] && phys >= start &&
		    phys - start < size &&
		    length <= PAGE_ALIGN(size) - (phys - start))
			return bar;
	}
	return -EFAULT;
}

/* vm_operations_struct.get_dma_buf of a BAR that is mapped */
struct dma_buf *vfio_pci_mmap_get_dma_buf(struct vm_area_struct *vma,
					  unsigned long start,
					  unsigned long end)
{
	struct vfio_pci_core_device *vdev = vma->vm_private_data;
	phys_addr_t phys = PFN_PHYS((phys_addr_t)vma->vm_pgoff) +
			   (start - vma->vm_start);
	struct vfio_pci_dma_buf *buf;
	int rc;

	rc = find_bar(vdev, phys, end - start);
	if (rc < 0)
		return ERR_PTR(rc);
	buf = buf_alloc(1);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	rc = buf_add_range(buf, phys, end - start);
	if (rc) {
		buf_put(buf);
		return ERR_PTR(rc);
	}
	return buf_export(vdev, buf, O_RDWR | O_CLOEXEC);
}

static int check_request(struct vfio_pci_core_device *vdev,
			 const struct vfio_device_feature_dma_buf *request)
{
	if (request->flags || request->open_flags & ~(O_ACCMODE | O_CLOEXEC) ||
	    (request->open_flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (!request->nr_ranges || request->nr_ranges > DMA_BUF_MAX_RANGES)
		return -EINVAL;
	if (request->region_index >= PCI_STD_NUM_BARS ||
	    !vdev->bar_mmap_supported[request->region_index])
		return -ENODEV;
	return 0;
}

static struct vfio_pci_dma_buf *
buf_of_ranges(struct vfio_pci_core_device *vdev, unsigned int bar,
	      const struct vfio_region_dma_range *ranges, unsigned int nr)
{
	u64 size = pci_resource_len(vdev->pdev, bar);
	struct vfio_pci_dma_buf *buf;
	unsigned int i;
	int rc;

	buf = buf_alloc(nr);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < nr; i++) {
		u64 offset = ranges[i].offset, length = ranges[i].length;

		rc = -EINVAL;
		if (!length || !PAGE_ALIGNED(offset | length) ||
		    offset >= size || length > size - offset)
			goto out_put;
		rc = buf_add_range(buf, pci_resource_start(vdev->pdev, bar) + offset,
				   length);
		if (rc)
			goto out_put;
	}
	return buf;

out_put:
	buf_put(buf);
	return ERR_PTR(rc);
}

/* VFIO_DEVICE_FEATURE_DMA_BUF; returns a file descriptor */
int vfio_pci_core_feature_dma_buf(struct vfio_device *device, u32 flags,
				  struct vfio_device_feature_dma_buf __user *arg,
				  size_t argsz)
{
	struct vfio_pci_core_device *vdev =
		container_of(device, struct vfio_pci_core_device, vdev);
	struct vfio_device_feature_dma_buf request;
	struct vfio_region_dma_range *ranges;
	struct vfio_pci_dma_buf *buf;
	struct dma_buf *dmabuf;
	unsigned int bar;
	int rc;

	/* A driver that shows less by mmap() than there is has its reasons */
	if (device->ops->mmap != vfio_pci_core_mmap)
		return -ENOTTY;
	rc = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET,
				sizeof(request));
	if (rc != 1)
		return rc;
	if (copy_from_user(&request, arg, sizeof(request)))
		return -EFAULT;
	rc = check_request(vdev, &request);
	if (rc)
		return rc;
	if (argsz < struct_size(arg, dma_ranges, request.nr_ranges))
		return -EINVAL;
	bar = array_index_nospec(request.region_index, PCI_STD_NUM_BARS);
	ranges = memdup_user(arg->dma_ranges,
			     array_size(request.nr_ranges, sizeof(*ranges)));
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	buf = buf_of_ranges(vdev, bar, ranges, request.nr_ranges);
	kfree(ranges);
	if (IS_ERR(buf))
		return PTR_ERR(buf);

	/* As for a mapping, the BAR is ours before anybody gets at it */
	rc = vfio_pci_setup_barmap(vdev, bar);
	if (rc) {
		buf_put(buf);
		return rc;
	}
	dmabuf = buf_export(vdev, buf, request.open_flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	rc = dma_buf_fd(dmabuf, request.open_flags);
	if (rc < 0)
		dma_buf_put(dmabuf);
	return rc;
}

MODULE_IMPORT_NS(DMA_BUF);
