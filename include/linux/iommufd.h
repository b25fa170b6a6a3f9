/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel side of /dev/iommu: what a device driver that hands DMA to user
 * space (VFIO) calls, and what an IOMMU driver shares with the core.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/ioasid.h>
#include <linux/types.h>

struct device;
struct file;
struct iommu_group;
struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_vfio_group;
struct page;

/**
 * enum iommufd_access_flags - How memory is accessed
 * @IOMMUFD_ACCESS_RW_READ: read from it
 * @IOMMUFD_ACCESS_RW_WRITE: write to it
 * @IOMMUFD_ACCESS_RW_KTHREAD: the caller may be a kernel thread
 * @__IOMMUFD_ACCESS_RW_SLOW_PATH: for tests: never by the address in the
 *	process
 */
enum iommufd_access_flags {
	IOMMUFD_ACCESS_RW_READ = 0,
	IOMMUFD_ACCESS_RW_WRITE = 1 << 0,
	IOMMUFD_ACCESS_RW_KTHREAD = 1 << 1,
	__IOMMUFD_ACCESS_RW_SLOW_PATH = 1 << 2,
};

/**
 * struct iommufd_access_ops - what an in-kernel user of an IOAS does
 * @needs_pin_pages: it pins pages by iommufd_access_pin_pages()
 * @unmap: unpin all that is pinned in [iova, iova + length), for it is about to
 *	be unmapped. Called with no lock held that the functions for pages take.
 *	There may be nothing pinned, and calls may repeat. Nothing more of the
 *	range can be pinned until it is unmapped; what was pinned right before
 *	has to be unpinned soon after. Without it the unmap, and the user's
 *	ioctl, fail with EBUSY in the end. Must be set with @needs_pin_pages.
 */
struct iommufd_access_ops {
	u8 needs_pin_pages : 1;
	void (*unmap)(void *data, unsigned long iova, unsigned long length);
};

#if IS_ENABLED(CONFIG_IOMMUFD)

struct iommufd_ctx *iommufd_ctx_from_file(struct file *file);
struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
void iommufd_ctx_get(struct iommufd_ctx *ictx);
void iommufd_ctx_put(struct iommufd_ctx *ictx);
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group);

struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx,
					   struct device *dev, u32 *id);
void iommufd_device_unbind(struct iommufd_device *idev);
int iommufd_device_attach(struct iommufd_device *idev, ioasid_t pasid,
			  u32 *pt_id);
int iommufd_device_replace(struct iommufd_device *idev, ioasid_t pasid,
			   u32 *pt_id);
void iommufd_device_detach(struct iommufd_device *idev, ioasid_t pasid);
struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev);
u32 iommufd_device_to_id(struct iommufd_device *idev);

struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ictx,
		      const struct iommufd_access_ops *ops, void *data,
		      u32 *id);
void iommufd_access_destroy(struct iommufd_access *access);
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id);
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id);
void iommufd_access_detach(struct iommufd_access *access);
int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages,
			     unsigned int flags);
void iommufd_access_unpin_pages(struct iommufd_access *access,
				unsigned long iova, unsigned long length);
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t length, unsigned int flags);

struct iommufd_vfio_group *iommufd_vfio_join(struct iommufd_ctx *ictx,
					     struct device *dev);
void iommufd_vfio_leave(struct iommufd_vfio_group *member);
struct iommufd_ctx *iommufd_vfio_ctx(struct iommufd_vfio_group *member);
u32 iommufd_vfio_ioas_id(struct iommufd_vfio_group *member);

#else /* !CONFIG_IOMMUFD */

static inline struct iommufd_ctx *iommufd_ctx_from_file(struct file *file)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void iommufd_ctx_put(struct iommufd_ctx *ictx)
{
}

static inline int iommufd_access_pin_pages(struct iommufd_access *access,
					   unsigned long iova,
					   unsigned long length,
					   struct page **out_pages,
					   unsigned int flags)
{
	return -EOPNOTSUPP;
}

static inline void iommufd_access_unpin_pages(struct iommufd_access *access,
					      unsigned long iova,
					      unsigned long length)
{
}

static inline int iommufd_access_rw(struct iommufd_access *access,
				    unsigned long iova, void *data,
				    size_t length, unsigned int flags)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_IOMMUFD */
#endif /* __LINUX_IOMMUFD_H */
