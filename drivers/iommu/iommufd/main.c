// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/iommu: the file, and the table of its ioctls.
 */
#define pr_fmt(fmt) "iommufd: " fmt

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "fault.h"
#include "iommufd_private.h"
#include "iommufd_test.h"
#include "veventq.h"

/**
 * struct iommufd_ioctl - one line of the table
 * @execute: the handler
 * @size: the kernel's struct
 * @min_size: the shortest struct accepted: up to the last field that the first
 *	version of the ioctl had
 */
struct iommufd_ioctl {
	int (*execute)(struct iommufd_ucmd *ucmd);
	unsigned int size;
	unsigned int min_size;
};

#define IOCTL(_cmd, _execute, _struct, _last)                        \
	[_IOC_NR(_cmd) - IOMMUFD_CMD_BASE] = {                       \
		.execute = _execute,                                 \
		.size = sizeof(struct _struct) +                     \
			BUILD_BUG_ON_ZERO(sizeof(struct _struct) % 4), \
		.min_size = offsetofend(struct _struct, _last),      \
	}

static const struct iommufd_ioctl iommufd_ioctls[] = {
	IOCTL(IOMMU_DESTROY, iommufd_destroy_ioctl,
	      iommu_destroy, id),
	IOCTL(IOMMU_FAULT_QUEUE_ALLOC, iommufd_fault_alloc_ioctl,
	      iommu_fault_alloc, out_fault_fd),
	IOCTL(IOMMU_GET_HW_INFO, iommufd_get_hw_info_ioctl,
	      iommu_hw_info, __reserved),
	IOCTL(IOMMU_HW_QUEUE_ALLOC, iommufd_hw_queue_alloc_ioctl,
	      iommu_hw_queue_alloc, length),
	IOCTL(IOMMU_HWPT_ALLOC, iommufd_hwpt_alloc_ioctl,
	      iommu_hwpt_alloc, __reserved),
	IOCTL(IOMMU_HWPT_GET_DIRTY_BITMAP, iommufd_hwpt_get_dirty_bitmap_ioctl,
	      iommu_hwpt_get_dirty_bitmap, data),
	IOCTL(IOMMU_HWPT_INVALIDATE, iommufd_hwpt_invalidate_ioctl,
	      iommu_hwpt_invalidate, __reserved),
	IOCTL(IOMMU_HWPT_SET_DIRTY_TRACKING,
	      iommufd_hwpt_set_dirty_tracking_ioctl,
	      iommu_hwpt_set_dirty_tracking, __reserved),
	IOCTL(IOMMU_IOAS_ALLOC, iommufd_ioas_alloc_ioctl,
	      iommu_ioas_alloc, out_ioas_id),
	IOCTL(IOMMU_IOAS_ALLOW_IOVAS, iommufd_ioas_allow_iovas_ioctl,
	      iommu_ioas_allow_iovas, allowed_iovas),
	IOCTL(IOMMU_IOAS_CHANGE_PROCESS, iommufd_ioas_change_process_ioctl,
	      iommu_ioas_change_process, __reserved),
	IOCTL(IOMMU_IOAS_COPY, iommufd_ioas_copy_ioctl,
	      iommu_ioas_copy, src_iova),
	IOCTL(IOMMU_IOAS_IOVA_RANGES, iommufd_ioas_iova_ranges_ioctl,
	      iommu_ioas_iova_ranges, out_iova_alignment),
	IOCTL(IOMMU_IOAS_MAP, iommufd_ioas_map_ioctl,
	      iommu_ioas_map, iova),
	IOCTL(IOMMU_IOAS_MAP_FILE, iommufd_ioas_map_file_ioctl,
	      iommu_ioas_map_file, iova),
	IOCTL(IOMMU_IOAS_UNMAP, iommufd_ioas_unmap_ioctl,
	      iommu_ioas_unmap, length),
	IOCTL(IOMMU_OPTION, iommufd_option_ioctl,
	      iommu_option, val64),
	IOCTL(IOMMU_VFIO_IOAS, iommufd_vfio_ioas_ioctl,
	      iommu_vfio_ioas, __reserved),
	IOCTL(IOMMU_VDEVICE_ALLOC, iommufd_vdevice_alloc_ioctl,
	      iommu_vdevice_alloc, virt_id),
	IOCTL(IOMMU_VEVENTQ_ALLOC, iommufd_veventq_alloc_ioctl,
	      iommu_veventq_alloc, __reserved),
	IOCTL(IOMMU_VIOMMU_ALLOC, iommufd_viommu_alloc_ioctl,
	      iommu_viommu_alloc, out_viommu_id),
#ifdef CONFIG_IOMMUFD_TEST
	IOCTL(IOMMU_TEST_CMD, iommufd_test_ioctl,
	      iommu_test_cmd, last),
#endif
};

/* The kernel's copy of any ioctl's struct */
union iommufd_cmd {
	struct iommu_destroy destroy;
	struct iommu_fault_alloc fault_alloc;
	struct iommu_hw_info hw_info;
	struct iommu_hw_queue_alloc hw_queue_alloc;
	struct iommu_hwpt_alloc hwpt_alloc;
	struct iommu_hwpt_get_dirty_bitmap get_dirty_bitmap;
	struct iommu_hwpt_invalidate invalidate;
	struct iommu_hwpt_set_dirty_tracking set_dirty_tracking;
	struct iommu_ioas_alloc ioas_alloc;
	struct iommu_ioas_allow_iovas allow_iovas;
	struct iommu_ioas_change_process change_process;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_iova_ranges iova_ranges;
	struct iommu_ioas_map map;
	struct iommu_ioas_map_file map_file;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_vfio_ioas vfio_ioas;
	struct iommu_vdevice_alloc vdevice_alloc;
	struct iommu_veventq_alloc veventq_alloc;
	struct iommu_viommu_alloc viommu_alloc;
#ifdef CONFIG_IOMMUFD_TEST
	struct iommu_test_cmd test;
#endif
};

/* Write the struct back, as much of it as the user has room for */
int iommufd_ucmd_respond(struct iommufd_ucmd *ucmd, size_t size)
{
	if (copy_to_user(ucmd->ubuffer, ucmd->cmd,
			 min_t(size_t, ucmd->user_size, size)))
		return -EFAULT;
	return 0;
}

/*
 * Read the struct, of which the user may know less or more than we do. Where it
 * succeeds all of the kernel's struct is written.
 */
static int read_struct(struct iommufd_ucmd *ucmd, union iommufd_cmd *buf,
		       const struct iommufd_ioctl *ioctl)
{
	/* Every struct begins with its size */
	if (get_user(ucmd->user_size, (u32 __user *)ucmd->ubuffer))
		return -EFAULT;
	if (likely(ucmd->user_size == ioctl->size))
		return iommufd_read_words(buf, ucmd->ubuffer, ioctl->size);
	if (ucmd->user_size < ioctl->min_size)
		return -EINVAL;
	return copy_struct_from_user(buf, ioctl->size, ucmd->ubuffer,
				     ucmd->user_size);
}

/* VFIO's container ioctls have the numbers before ours */
static noinline long other_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
				 unsigned long arg)
{
	if (_IOC_TYPE(cmd) == IOMMUFD_TYPE && _IOC_NR(cmd) < IOMMUFD_CMD_BASE)
		return iommufd_vfio_ioctl(ictx, cmd, arg);
	return -ENOIOCTLCMD;
}

static long iommufd_fops_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	unsigned int nr = cmd - _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE);
	const struct iommufd_ioctl *ioctl;
	struct iommufd_ucmd ucmd = {
		.ictx = file->private_data,
		.ubuffer = (void __user *)arg,
	};
	union iommufd_cmd buf __uninitialized;
	int rc;

	if (unlikely(nr >= ARRAY_SIZE(iommufd_ioctls)))
		return other_ioctl(ucmd.ictx, cmd, arg);
	nr = array_index_nospec(nr, ARRAY_SIZE(iommufd_ioctls));
	ioctl = &iommufd_ioctls[nr];
	if (!ioctl->execute)
		return -ENOIOCTLCMD;

	rc = read_struct(&ucmd, &buf, ioctl);
	if (rc)
		return rc;
	ucmd.cmd = &buf;
	return ioctl->execute(&ucmd);
}

/* Opens so far, which gives each context a number of its own */
static atomic64_t nr_opened;

static int iommufd_fops_open(struct inode *inode, struct file *file)
{
	struct iommufd_ctx *ictx;

	ictx = kzalloc(sizeof(*ictx), GFP_KERNEL_ACCOUNT);
	if (!ictx)
		return -ENOMEM;
	ictx->file = file;
	ictx->nr = atomic64_inc_return(&nr_opened);
	id_table_init(&ictx->objects);
	xa_init(&ictx->groups);
	init_waitqueue_head(&ictx->idle);
	iommufd_accounts_init(&ictx->accounts);
	mutex_init(&ictx->doorbell_lock);
	INIT_LIST_HEAD(&ictx->msi_hwpts);
	mutex_init(&ictx->vfio.lock);
	/* Programs set the limit for what VFIO's containers hold against it */
	if (IS_ENABLED(CONFIG_IOMMUFD_VFIO_CONTAINER) &&
	    iminor(inode) == VFIO_MINOR)
		iommufd_accounts_set_per_process(&ictx->accounts, true);
	mutex_init(&ictx->vdevice_lock);
	xa_init_flags(&ictx->mmaps, XA_FLAGS_ALLOC1);
	file->private_data = ictx;
	return 0;
}

static int iommufd_fops_release(struct inode *inode, struct file *file)
{
	struct iommufd_ctx *ictx = file->private_data;

	iommufd_object_destroy_all(ictx);
	id_table_destroy(&ictx->objects);
	WARN_ON(!xa_empty(&ictx->groups));
	iommufd_accounts_destroy(&ictx->accounts);
	mutex_destroy(&ictx->vfio.lock);
	mutex_destroy(&ictx->doorbell_lock);
	mutex_destroy(&ictx->vdevice_lock);
	WARN_ON(!xa_empty(&ictx->mmaps));
	kfree(ictx);
	return 0;
}

static const struct file_operations iommufd_fops = {
	.owner = THIS_MODULE,
	.open = iommufd_fops_open,
	.release = iommufd_fops_release,
	.unlocked_ioctl = iommufd_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = iommufd_fops_mmap,
	.show_fdinfo = iommufd_show_fdinfo,
	.llseek = noop_llseek,
};

/**
 * iommufd_ctx_get - Take another reference on a context
 * @ictx: a context the caller holds a reference on
 */
void iommufd_ctx_get(struct iommufd_ctx *ictx)
{
	get_file(ictx->file);
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_get, IOMMUFD);

/**
 * iommufd_ctx_put - Give a reference on a context back
 * @ictx: context
 *
 * With the last reference the context and all objects in it are destroyed,
 * maybe after this has returned.
 */
void iommufd_ctx_put(struct iommufd_ctx *ictx)
{
	fput(ictx->file);
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_put, IOMMUFD);

/**
 * iommufd_ctx_from_file - Find the context of an open /dev/iommu
 * @file: the file, on which the caller holds a reference
 *
 * Return: the context with a reference of its own, or -EBADFD if the file is
 * something else.
 */
struct iommufd_ctx *iommufd_ctx_from_file(struct file *file)
{
	struct iommufd_ctx *ictx;

	if (file->f_op != &iommufd_fops)
		return ERR_PTR(-EBADFD);
	ictx = file->private_data;
	iommufd_ctx_get(ictx);
	return ictx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_from_file, IOMMUFD);

/**
 * iommufd_ctx_from_fd - Find the context of a file descriptor of this process
 * @fd: file descriptor of an open /dev/iommu
 *
 * Return: the context with a reference of its own, -EBADF if there is no such
 * descriptor, -EBADFD if it is of something else.
 */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	struct file *file = fget(fd);
	struct iommufd_ctx *ictx;

	if (!file)
		return ERR_PTR(-EBADF);
	ictx = iommufd_ctx_from_file(file);
	fput(file);
	return ictx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_ctx_from_fd, IOMMUFD);

static struct miscdevice iommufd_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommu",
	.fops = &iommufd_fops,
	.nodename = "iommu",
	.mode = 0660,
};

static struct miscdevice iommufd_vfio_misc = {
	.minor = VFIO_MINOR,
	.name = "vfio",
	.fops = &iommufd_fops,
	.nodename = "vfio/vfio",
	.mode = 0666,
};

/* dma_buf_dynamic_attach() wants a device: the only one that iommufd has */
struct device *iommufd_misc_device(void)
{
	return iommufd_misc.this_device;
}

static int __init iommufd_init(void)
{
	int rc;

	rc = iommufd_mock_init();
	if (rc)
		return rc;
	rc = misc_register(&iommufd_misc);
	if (rc)
		goto out_mock;
	if (IS_ENABLED(CONFIG_IOMMUFD_VFIO_CONTAINER)) {
		rc = misc_register(&iommufd_vfio_misc);
		if (rc)
			goto out_misc;
	}
	return 0;

out_misc:
	misc_deregister(&iommufd_misc);
out_mock:
	iommufd_mock_exit();
	return rc;
}
module_init(iommufd_init);

static void __exit iommufd_exit(void)
{
	if (IS_ENABLED(CONFIG_IOMMUFD_VFIO_CONTAINER))
		misc_deregister(&iommufd_vfio_misc);
	misc_deregister(&iommufd_misc);
	iommufd_mock_exit();
	/* VEVENTQs are freed by an RCU callback in this module */
	rcu_barrier();
}
module_exit(iommufd_exit);

#ifdef CONFIG_IOMMUFD_VFIO_CONTAINER
MODULE_ALIAS_MISCDEV(VFIO_MINOR);
MODULE_ALIAS("devname:vfio/vfio");
#endif
MODULE_DESCRIPTION("I/O address spaces for user space: /dev/iommu");
MODULE_LICENSE("GPL");
