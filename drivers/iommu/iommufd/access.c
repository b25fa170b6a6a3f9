// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access objects: in-kernel users of an IOAS, such as the driver of a device
 * that is emulated and whose DMA the CPU does.
 */
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "iommufd_private.h"
#include "trace.h"

/**
 * struct access_place - an access attached to an IOAS
 * @map_access: its place in the IOAS's map
 * @access: the access
 * @ioas: the IOAS, linked
 */
struct access_place {
	struct iova_map_access map_access;
	struct iommufd_access *access;
	struct iommufd_ioas *ioas;
};

/**
 * struct iommufd_access - an in-kernel user of an IOAS
 * @obj: linked to by the kernel user
 * @ictx: the context, referenced
 * @ops: the user's, constant
 * @data: what they are called with
 * @change_lock: serializes attach, replace and detach. Outside of @rwsem, and
 *	not taken by what @ops may call.
 * @rwsem: guards the two below; held for reading by who works with the IOAS
 * @place: where it is attached, or NULL
 * @leaving: it pins no more there, for it is about to go elsewhere
 * @pins: pages pinned, each as often as it is
 */
struct iommufd_access {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	const struct iommufd_access_ops *ops;
	void *data;
	struct mutex change_lock; /* attach, replace, detach */
	struct rw_semaphore rwsem;
	struct access_place *place;
	bool leaving;
	atomic_long_t pins;
};

void iommufd_access_object_destroy(struct iommufd_ctx *ictx,
				   struct iommufd_object *obj)
{
	struct iommufd_access *access =
		container_of(obj, struct iommufd_access, obj);

	mutex_destroy(&access->change_lock);
}

/* In fdinfo */
void iommufd_access_show(struct seq_file *m, struct iommufd_object *obj)
{
	struct iommufd_access *access =
		container_of(obj, struct iommufd_access, obj);
	u32 ioas_id;

	/* Who works with the IOAS may wait for its memory forever */
	if (down_read_killable(&access->rwsem))
		return;
	ioas_id = access->place ? access->place->ioas->obj.id : 0;
	up_read(&access->rwsem);
	seq_printf(m, " ioas %u pins %lu", ioas_id,
		   atomic_long_read(&access->pins));
}

/**
 * iommufd_access_create - Make an in-kernel user of a context's IOASes
 * @ictx: context
 * @ops: what the user of the access does
 * @data: given to @ops
 * @id: the id of the ACCESS object
 *
 * It is attached to nothing yet.
 *
 * Return: the access, which holds a reference on the context; -EINVAL where
 * @ops promise to pin pages but not to unpin them; -ENOMEM.
 */
struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ictx,
		      const struct iommufd_access_ops *ops, void *data, u32 *id)
{
	struct iommufd_access *access;

	if (ops->needs_pin_pages && !ops->unmap)
		return ERR_PTR(-EINVAL);

	access = iommufd_object_alloc(ictx, sizeof(*access),
				      IOMMUFD_OBJ_ACCESS);
	if (IS_ERR(access))
		return access;
	access->ictx = ictx;
	access->ops = ops;
	access->data = data;
	mutex_init(&access->change_lock);
	init_rwsem(&access->rwsem);
	atomic_long_set(&access->pins, 0);

	/* The caller's, so that IOMMU_DESTROY cannot take it away */
	iommufd_object_link(&access->obj);
	iommufd_ctx_get(ictx);
	*id = access->obj.id;
	iommufd_object_publish(ictx, &access->obj);
	return access;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_create, IOMMUFD);

/**
 * iommufd_access_destroy - Undo iommufd_access_create()
 * @access: access, of which nothing else is called any more; it is detached
 *	where it is attached
 */
void iommufd_access_destroy(struct iommufd_access *access)
{
	struct iommufd_ctx *ictx = access->ictx;

	iommufd_access_detach(access);
	iommufd_object_unlink_destroy(ictx, &access->obj);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_destroy, IOMMUFD);

static void access_unmap(struct iova_map_access *map_access, unsigned long iova,
			 unsigned long length)
{
	struct access_place *place =
		container_of(map_access, struct access_place, map_access);
	struct iommufd_access *access = place->access;

	access->ops->unmap(access->data, iova, length);
}

static struct access_place *place_alloc(struct iommufd_access *access,
					u32 ioas_id)
{
	struct access_place *place;
	struct iommufd_ioas *ioas;
	int rc;

	ioas = iommufd_get_ioas(access->ictx, ioas_id);
	if (IS_ERR(ioas))
		return ERR_CAST(ioas);

	rc = -ENOMEM;
	place = kzalloc(sizeof(*place), GFP_KERNEL_ACCOUNT);
	if (!place)
		goto out_put;
	place->access = access;
	place->ioas = ioas;
	place->map_access.needs_pin_pages = access->ops->needs_pin_pages;
	if (access->ops->needs_pin_pages)
		place->map_access.unmap = access_unmap;
	rc = iova_map_add_access(&ioas->map, &place->map_access);
	if (rc)
		goto out_free;
	iommufd_object_link(&ioas->obj);
	iommufd_object_put(access->ictx, &ioas->obj);
	return place;

out_free:
	kfree(place);
out_put:
	iommufd_object_put(access->ictx, &ioas->obj);
	return ERR_PTR(rc);
}

static void place_free(struct access_place *place)
{
	iova_map_remove_access(&place->ioas->map, &place->map_access);
	iommufd_object_unlink(&place->ioas->obj);
	kfree(place);
}

static void set_leaving(struct iommufd_access *access, bool leaving)
{
	down_write(&access->rwsem);
	access->leaving = leaving;
	up_write(&access->rwsem);
}

/* Pin no more, and have everything unpinned that is */
static int access_leave(struct iommufd_access *access)
{
	unsigned int round;

	lockdep_assert_held(&access->change_lock);

	set_leaving(access, true);
	for (round = 0; atomic_long_read(&access->pins); round++) {
		if (round == IOVA_EVICT_ROUNDS) {
			set_leaving(access, false);
			return -EBUSY;
		}
		if (round)
			usleep_range(1000 << (round - 1), 2000 << (round - 1));
		iova_map_evict_access(&access->place->ioas->map,
				      &access->place->map_access);
	}
	return 0;
}

/* Returns the place that was left, if there was one */
static struct access_place *access_move(struct iommufd_access *access,
					struct access_place *place)
{
	struct access_place *old;

	down_write(&access->rwsem);
	old = access->place;
	access->place = place;
	access->leaving = false;
	up_write(&access->rwsem);
	return old;
}

/**
 * iommufd_access_attach - Let an access use an IOAS
 * @access: access, not attached
 * @ioas_id: id of the IOAS
 *
 * An access that pins pages makes a page the granule of the IOAS.
 *
 * Return: 0; -EINVAL where it is attached; -ENOENT where there is no such IOAS;
 * -EADDRINUSE where the IOAS has an area that begins or ends within a page, and
 * the access pins pages; -ENOMEM, -EINTR.
 */
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id)
{
	struct access_place *place;
	int rc = 0;

	mutex_lock(&access->change_lock);
	if (access->place) {
		rc = -EINVAL;
		goto out_unlock;
	}
	place = place_alloc(access, ioas_id);
	if (IS_ERR(place))
		rc = PTR_ERR(place);
	else
		access_move(access, place);
out_unlock:
	mutex_unlock(&access->change_lock);
	trace_iommufd_access_attach(access->ictx, &access->obj, ioas_id, rc);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_attach, IOMMUFD);

/**
 * iommufd_access_replace - Move an access to another IOAS
 * @access: access, attached
 * @ioas_id: id of the IOAS
 *
 * What is pinned of the IOAS before has to be unpinned: the access's unmap is
 * called for it, and nothing can be pinned meanwhile. That holds also where the
 * access is moved to the IOAS that it is attached to.
 *
 * Return: as iommufd_access_attach(), but -ENOENT where it is not attached, and
 * -EBUSY where not everything was unpinned. It stays where it is then.
 */
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id)
{
	struct access_place *place, *old;
	int rc;

	mutex_lock(&access->change_lock);
	if (!access->place) {
		rc = -ENOENT;
		goto out_unlock;
	}
	place = place_alloc(access, ioas_id);
	if (IS_ERR(place)) {
		rc = PTR_ERR(place);
		goto out_unlock;
	}
	rc = access_leave(access);
	old = rc ? place : access_move(access, place);
	place_free(old);
out_unlock:
	mutex_unlock(&access->change_lock);
	trace_iommufd_access_attach(access->ictx, &access->obj, ioas_id, rc);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_replace, IOMMUFD);

/**
 * iommufd_access_detach - Take the IOAS from an access
 * @access: access; nothing happens where it is not attached
 *
 * Its unmap is called for what it has pinned, and has to unpin that. When this
 * returns unmap is not running any more, nor called again.
 */
void iommufd_access_detach(struct iommufd_access *access)
{
	mutex_lock(&access->change_lock);
	if (access->place) {
		/* A bug of the driver: its pages stay pinned, and mapped */
		WARN_ON(access_leave(access));
		place_free(access_move(access, NULL));
		trace_iommufd_access_attach(access->ictx, &access->obj, 0, 0);
	}
	mutex_unlock(&access->change_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_detach, IOMMUFD);

static int last_iova(unsigned long iova, size_t length, unsigned long *last)
{
	if (!length)
		return -EINVAL;
	return check_add_overflow(iova, length - 1, last) ? -EOVERFLOW : 0;
}

static unsigned long pages_in(unsigned long iova, unsigned long last)
{
	return (last >> PAGE_SHIFT) - (iova >> PAGE_SHIFT) + 1;
}

/**
 * iommufd_access_pin_pages - Pin the pages behind a range of IOVAs
 * @access: access that needs_pin_pages
 * @iova: first IOVA, which need not be where a page begins
 * @length: how many bytes
 * @out_pages: filled with the pages that hold any of them
 * @flags: IOMMUFD_ACCESS_RW_READ, or IOMMUFD_ACCESS_RW_WRITE to write to them
 *
 * The range can reach over areas that are adjacent. The pages stay the same,
 * and the area stays mapped, until they are unpinned. The access's unmap tells
 * when they have to be. A page that an IOMMU or another access uses as well is
 * pinned and accounted once.
 *
 * Return: 0, or with nothing pinned: -EINVAL where @length is 0, where the
 * access does not pin pages, or where it is no memory of the CPU's but a
 * device's; -EOVERFLOW; -ENOENT where the access is attached to no IOAS or is
 * about to leave it, or something in the range is not mapped or about to be
 * unmapped; -EPERM where an area does not permit it; -EFAULT where the memory
 * cannot be pinned; -ENOMEM, -EINTR.
 */
int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages,
			     unsigned int flags)
{
	int prot = flags & IOMMUFD_ACCESS_RW_WRITE ? IOMMU_WRITE : IOMMU_READ;
	unsigned long last;
	int rc;

	if (!access->ops->needs_pin_pages)
		return -EINVAL;
	rc = last_iova(iova, length, &last);
	if (rc)
		return rc;

	rc = down_read_killable(&access->rwsem);
	if (rc)
		return rc;
	if (!access->place || access->leaving)
		rc = -ENOENT;
	else
		rc = iova_map_pin_pages(&access->place->ioas->map, iova, last,
					out_pages, prot);
	if (!rc)
		atomic_long_add(pages_in(iova, last), &access->pins);
	up_read(&access->rwsem);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_pin_pages, IOMMUFD);

/**
 * iommufd_access_unpin_pages - Unpin what iommufd_access_pin_pages() pinned
 * @access: access
 * @iova: as it was pinned
 * @length: as it was pinned. Ranges that were pinned one by one and are adjacent
 *	can be unpinned together, but not one of them in parts
 */
void iommufd_access_unpin_pages(struct iommufd_access *access,
				unsigned long iova, unsigned long length)
{
	unsigned long last;

	if (WARN_ON(last_iova(iova, length, &last)))
		return;

	down_read(&access->rwsem);
	if (!WARN_ON(!access->place)) {
		iova_map_unpin_pages(&access->place->ioas->map, iova, last);
		atomic_long_sub(pages_in(iova, last), &access->pins);
	}
	up_read(&access->rwsem);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_unpin_pages, IOMMUFD);

/**
 * iommufd_access_rw - Copy from or to a range of IOVAs
 * @access: access
 * @iova: first IOVA
 * @data: the kernel's side
 * @length: how many bytes
 * @flags: IOMMUFD_ACCESS_RW_READ to copy to @data, IOMMUFD_ACCESS_RW_WRITE to
 *	copy from it; with IOMMUFD_ACCESS_RW_KTHREAD the caller may be a kernel
 *	thread, which can borrow the address space that the memory is in
 *
 * Nothing stays pinned by it. The range can reach over areas that are adjacent.
 *
 * Return: 0; -EINVAL where @length is 0 or it is a device's memory; -EOVERFLOW;
 * -ENOENT where the access is attached to no IOAS, or something in the range is
 * not mapped; -EPERM where an area does not permit it; -EFAULT where the memory
 * is not there, or not to be written to; -ENOMEM, -EINTR. Some bytes may be
 * copied then.
 */
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t length, unsigned int flags)
{
	unsigned long last;
	int rc;

	rc = last_iova(iova, length, &last);
	if (rc)
		return rc;

	rc = down_read_killable(&access->rwsem);
	if (rc)
		return rc;
	if (access->place)
		rc = iova_map_rw(&access->place->ioas->map, iova, last, data,
				 flags);
	else
		rc = -ENOENT;
	up_read(&access->rwsem);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_rw, IOMMUFD);

#ifdef CONFIG_IOMMUFD_TEST
/* The IOAS that it is attached to now, with a user reference, or -ENOENT */
struct iommufd_ioas *iommufd_access_get_ioas(struct iommufd_access *access)
{
	struct iommufd_ioas *ioas = ERR_PTR(-ENOENT);

	down_read(&access->rwsem);
	if (access->place &&
	    iommufd_object_tryget(access->ictx, &access->place->ioas->obj))
		ioas = access->place->ioas;
	up_read(&access->rwsem);
	return ioas;
}

struct iommufd_ctx *iommufd_access_to_ictx(struct iommufd_access *access)
{
	return access->ictx;
}
#endif
