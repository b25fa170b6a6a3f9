// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample mediated device that does DMA, by the CPU: it pins memory of its user
 * and copies it, see mcopy.h. There is nothing else to it.
 *
 * echo UUID >/sys/class/mdev_bus/mcopy/mdev_supported_types/mcopy-1/create
 */
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/iommu.h>
#include <linux/mdev.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>

#include "mcopy.h"

/**
 * struct mcopy - one device
 * @vdev: the device to VFIO
 * @lock: guards all below. Held while pages are pinned, so that they are noted
 *	when dma_unmap asks for them.
 * @iova: register
 * @length: register
 * @status: register
 * @unmaps: register
 * @pinned: IOVA of what is pinned
 * @npages: how many pages that is
 * @pages: these pages
 * @buffer: what is copied from and to
 */
struct mcopy {
	struct vfio_device vdev;
	struct mutex lock; /* guards all below */
	u64 iova;
	u32 length;
	u32 status;
	u32 unmaps;
	dma_addr_t pinned;
	u32 npages;
	struct page *pages[MCOPY_MAX_PAGES];
	u8 buffer[MCOPY_BUFFER_SIZE];
};

static struct mcopy *to_mcopy(struct vfio_device *vdev)
{
	return container_of(vdev, struct mcopy, vdev);
}

/* Under the lock, be it that of who waits for this thread, see mcopy_work */
static void mcopy_unpin(struct mcopy *mcopy)
{
	if (mcopy->npages)
		vfio_unpin_pages(&mcopy->vdev, mcopy->pinned, mcopy->npages);
	mcopy->npages = 0;
}

static int mcopy_pin(struct mcopy *mcopy, int prot)
{
	u64 last;
	int ret;

	mcopy_unpin(mcopy);
	if (!mcopy->length ||
	    check_add_overflow(mcopy->iova, (u64)mcopy->length - 1, &last) ||
	    (last >> PAGE_SHIFT) - (mcopy->iova >> PAGE_SHIFT) >= MCOPY_MAX_PAGES)
		return -EINVAL;

	ret = vfio_pin_pages(&mcopy->vdev, mcopy->iova,
			     (last >> PAGE_SHIFT) -
			     (mcopy->iova >> PAGE_SHIFT) + 1,
			     prot, mcopy->pages);
	if (ret < 0)
		return ret;
	mcopy->pinned = mcopy->iova;
	mcopy->npages = ret;
	return 0;
}

/* Between the buffer and the first bytes that are pinned */
static int mcopy_copy_pinned(struct mcopy *mcopy, bool store)
{
	unsigned long at = offset_in_page(mcopy->pinned);
	unsigned long done = 0, n;

	if (mcopy->length > sizeof(mcopy->buffer) ||
	    at + mcopy->length > mcopy->npages * PAGE_SIZE)
		return -EINVAL;

	for (; done < mcopy->length; done += n, at += n) {
		struct page *page = mcopy->pages[at >> PAGE_SHIFT];

		n = min_t(unsigned long, mcopy->length - done,
			  PAGE_SIZE - offset_in_page(at));
		if (store)
			memcpy_to_page(page, offset_in_page(at),
				       mcopy->buffer + done, n);
		else
			memcpy_from_page(mcopy->buffer + done, page,
					 offset_in_page(at), n);
	}
	return 0;
}

static int mcopy_copy(struct mcopy *mcopy, bool store)
{
	if (mcopy->length > sizeof(mcopy->buffer))
		return -EINVAL;
	return vfio_dma_rw(&mcopy->vdev, mcopy->iova, mcopy->buffer,
			   mcopy->length, store);
}

static int mcopy_do(struct mcopy *mcopy, u32 command)
{
	switch (command) {
	case MCOPY_FETCH:
	case MCOPY_STORE:
		return mcopy_copy(mcopy, command == MCOPY_STORE);
	case MCOPY_PIN:
		return mcopy_pin(mcopy, IOMMU_READ | IOMMU_WRITE);
	case MCOPY_PIN_TO_READ:
		return mcopy_pin(mcopy, IOMMU_READ);
	case MCOPY_UNPIN:
		mcopy_unpin(mcopy);
		return 0;
	case MCOPY_FETCH_PINNED:
	case MCOPY_STORE_PINNED:
		return mcopy_copy_pinned(mcopy, command == MCOPY_STORE_PINNED);
	default:
		return -EOPNOTSUPP;
	}
}

/**
 * struct mcopy_work - a command that a kernel thread does
 * @work: on the stack of who waits for it
 * @mcopy: the device, locked by the same
 * @command: the command
 */
struct mcopy_work {
	struct work_struct work;
	struct mcopy *mcopy;
	u32 command;
};

static void mcopy_work(struct work_struct *work)
{
	struct mcopy_work *mwork = container_of(work, struct mcopy_work, work);

	mwork->mcopy->status = mcopy_do(mwork->mcopy, mwork->command);
}

static void mcopy_command(struct mcopy *mcopy, u32 command)
{
	struct mcopy_work mwork = {
		.mcopy = mcopy,
		.command = command & ~MCOPY_BY_THREAD,
	};

	lockdep_assert_held(&mcopy->lock);

	if (!(command & MCOPY_BY_THREAD)) {
		mcopy->status = mcopy_do(mcopy, command);
		return;
	}
	INIT_WORK_ONSTACK(&mwork.work, mcopy_work);
	schedule_work(&mwork.work);
	flush_work(&mwork.work);
	destroy_work_on_stack(&mwork.work);
}

static u32 *mcopy_word(struct mcopy *mcopy, u64 offset)
{
	switch (offset) {
	case MCOPY_LENGTH:
		return &mcopy->length;
	case MCOPY_STATUS:
		return &mcopy->status;
	case MCOPY_PINNED:
		return &mcopy->npages;
	case MCOPY_UNMAPS:
		return &mcopy->unmaps;
	default:
		return NULL;
	}
}

/* Where what is read and written lies, or NULL */
static void *mcopy_place(struct mcopy *mcopy, u64 offset, size_t count)
{
	lockdep_assert_held(&mcopy->lock);

	if (offset >= MCOPY_BUFFER && offset < MCOPY_REGION_SIZE &&
	    count <= MCOPY_REGION_SIZE - offset)
		return mcopy->buffer + (offset - MCOPY_BUFFER);
	if (offset == MCOPY_IOVA && count == sizeof(u64))
		return &mcopy->iova;
	if (count == sizeof(u32))
		return mcopy_word(mcopy, offset);
	return NULL;
}

static ssize_t mcopy_read(struct vfio_device *vdev, char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct mcopy *mcopy = to_mcopy(vdev);
	ssize_t ret = count;
	void *place;

	mutex_lock(&mcopy->lock);
	place = mcopy_place(mcopy, *ppos, count);
	if (!place)
		ret = -EINVAL;
	else if (copy_to_user(buf, place, count))
		ret = -EFAULT;
	mutex_unlock(&mcopy->lock);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static ssize_t mcopy_write(struct vfio_device *vdev, const char __user *buf,
			   size_t count, loff_t *ppos)
{
	struct mcopy *mcopy = to_mcopy(vdev);
	ssize_t ret = count;
	u32 command;
	void *place;

	if (*ppos == MCOPY_COMMAND) {
		if (count != sizeof(command))
			return -EINVAL;
		if (copy_from_user(&command, buf, count))
			return -EFAULT;
		mutex_lock(&mcopy->lock);
		mcopy_command(mcopy, command);
		mutex_unlock(&mcopy->lock);
		return ret;
	}

	mutex_lock(&mcopy->lock);
	place = *ppos > MCOPY_COMMAND && *ppos < MCOPY_BUFFER ?
			NULL : mcopy_place(mcopy, *ppos, count);
	if (!place)
		ret = -EINVAL;
	else if (copy_from_user(place, buf, count))
		ret = -EFAULT;
	mutex_unlock(&mcopy->lock);
	if (ret > 0)
		*ppos += ret;
	return ret;
}

static void mcopy_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct mcopy *mcopy = to_mcopy(vdev);

	mutex_lock(&mcopy->lock);
	if (mcopy->npages && (mcopy->pinned & PAGE_MASK) <= iova + length - 1 &&
	    iova <= (mcopy->pinned | ~PAGE_MASK) +
		    (mcopy->npages - 1) * PAGE_SIZE) {
		mcopy_unpin(mcopy);
		mcopy->unmaps++;
	}
	mutex_unlock(&mcopy->lock);
}

/* The last file is closed; an unmap may still come */
static void mcopy_close_device(struct vfio_device *vdev)
{
	struct mcopy *mcopy = to_mcopy(vdev);

	mutex_lock(&mcopy->lock);
	mcopy_unpin(mcopy);
	mcopy->unmaps = 0;
	mcopy->status = 0;
	memset(mcopy->buffer, 0, sizeof(mcopy->buffer));
	mutex_unlock(&mcopy->lock);
}

static long mcopy_get_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = 0;
	info.num_regions = 1;
	info.num_irqs = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mcopy_get_region_info(void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index)
		return -EINVAL;
	info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	info.cap_offset = 0;
	info.size = MCOPY_REGION_SIZE;
	info.offset = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long mcopy_ioctl(struct vfio_device *vdev, unsigned int cmd,
			unsigned long arg)
{
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return mcopy_get_info((void __user *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return mcopy_get_region_info((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int mcopy_init_dev(struct vfio_device *vdev)
{
	mutex_init(&to_mcopy(vdev)->lock);
	return 0;
}

static void mcopy_release_dev(struct vfio_device *vdev)
{
	mutex_destroy(&to_mcopy(vdev)->lock);
	vfio_free_device(vdev);
}

static const struct vfio_device_ops mcopy_dev_ops = {
	.name = "vfio-mcopy",
	.init = mcopy_init_dev,
	.release = mcopy_release_dev,
	.close_device = mcopy_close_device,
	.read = mcopy_read,
	.write = mcopy_write,
	.ioctl = mcopy_ioctl,
	.dma_unmap = mcopy_dma_unmap,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

static int mcopy_probe(struct mdev_device *mdev)
{
	struct mcopy *mcopy;
	int ret;

	mcopy = vfio_alloc_device(mcopy, vdev, &mdev->dev, &mcopy_dev_ops);
	if (IS_ERR(mcopy))
		return PTR_ERR(mcopy);
	ret = vfio_register_emulated_iommu_dev(&mcopy->vdev);
	if (ret) {
		vfio_put_device(&mcopy->vdev);
		return ret;
	}
	dev_set_drvdata(&mdev->dev, mcopy);
	return 0;
}

static void mcopy_remove(struct mdev_device *mdev)
{
	struct mcopy *mcopy = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&mcopy->vdev);
	vfio_put_device(&mcopy->vdev);
}

static struct mdev_driver mcopy_driver = {
	.device_api = VFIO_DEVICE_API_PLATFORM_STRING,
	.max_instances = 16,
	.driver = {
		.name = "mcopy",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
	},
	.probe = mcopy_probe,
	.remove = mcopy_remove,
};

static struct mdev_type mcopy_type = {
	.sysfs_name = "1",
	.pretty_name = "copies",
};

static struct mdev_type *mcopy_types[] = { &mcopy_type };
static struct mdev_parent mcopy_parent;
static struct class *mcopy_class;
static struct device *mcopy_device;

static int __init mcopy_init(void)
{
	int ret;

	ret = mdev_register_driver(&mcopy_driver);
	if (ret)
		return ret;
	mcopy_class = class_create(THIS_MODULE, "mcopy");
	if (IS_ERR(mcopy_class)) {
		ret = PTR_ERR(mcopy_class);
		goto err_driver;
	}
	mcopy_device = device_create(mcopy_class, NULL, MKDEV(0, 0), NULL,
				     "mcopy");
	if (IS_ERR(mcopy_device)) {
		ret = PTR_ERR(mcopy_device);
		goto err_class;
	}
	ret = mdev_register_parent(&mcopy_parent, mcopy_device, &mcopy_driver,
				   mcopy_types, ARRAY_SIZE(mcopy_types));
	if (ret)
		goto err_device;
	return 0;

err_device:
	device_unregister(mcopy_device);
err_class:
	class_destroy(mcopy_class);
err_driver:
	mdev_unregister_driver(&mcopy_driver);
	return ret;
}
module_init(mcopy_init);

static void __exit mcopy_exit(void)
{
	mdev_unregister_parent(&mcopy_parent);
	device_unregister(mcopy_device);
	class_destroy(mcopy_class);
	mdev_unregister_driver(&mcopy_driver);
}
module_exit(mcopy_exit);

MODULE_DESCRIPTION("Sample mediated device that copies its user's memory");
MODULE_LICENSE("GPL");
