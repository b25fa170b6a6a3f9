// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects: ids, references, destruction.
 *
 * An object begins with its id taken but empty, is built, and is published as
 * the last step, so that whoever can name it finds it whole. To destroy it, its
 * id is emptied first, which keeps new users out. Its destroyer then waits for the
 * ioctls that work on it, and looks whether one of them has made a link.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "fail.h"
#include "fault.h"
#include "iommufd_private.h"
#include "trace.h"
#include "veventq.h"

static const struct iommufd_object_ops iommufd_object_ops[IOMMUFD_OBJ_TYPES] = {
	[IOMMUFD_OBJ_IOAS] = {
		.name = "ioas",
		.destroy = iommufd_ioas_destroy,
	},
	[IOMMUFD_OBJ_DEVICE] = {
		.name = "device",
		.destroy = iommufd_device_destroy,
	},
	[IOMMUFD_OBJ_HWPT_PAGING] = {
		.name = "hwpt_paging",
		.destroy = iommufd_hwpt_paging_destroy,
	},
	[IOMMUFD_OBJ_HWPT_NESTED] = {
		.name = "hwpt_nested",
		.destroy = iommufd_hwpt_nested_destroy,
	},
	[IOMMUFD_OBJ_ACCESS] = {
		.name = "access",
		.destroy = iommufd_access_object_destroy,
	},
	[IOMMUFD_OBJ_FAULT] = {
		.name = "fault",
		.destroy = iommufd_fault_destroy,
	},
	[IOMMUFD_OBJ_VIOMMU] = {
		.name = "viommu",
		.destroy = iommufd_viommu_destroy,
	},
	[IOMMUFD_OBJ_VDEVICE] = {
		.name = "vdevice",
		.destroy = iommufd_vdevice_destroy,
		.free = iommufd_vdevice_free,
	},
	[IOMMUFD_OBJ_HW_QUEUE] = {
		.name = "hw_queue",
		.destroy = iommufd_hw_queue_destroy,
	},
	[IOMMUFD_OBJ_VEVENTQ] = {
		.name = "veventq",
		.destroy = iommufd_veventq_destroy,
	},
#ifdef CONFIG_IOMMUFD_TEST
	[IOMMUFD_OBJ_SELFTEST] = {
		.name = "selftest",
		.destroy = iommufd_mock_stdev_destroy,
	},
#endif
};

const char *iommufd_object_type_name(enum iommufd_object_type type)
{
	return iommufd_object_ops[type].name;
}

/* The rest of iommufd_object_alloc(); @obj is NULL where it got no memory */
void *iommufd_object_begin(struct iommufd_ctx *ictx,
			   struct iommufd_object *obj,
			   enum iommufd_object_type type)
{
	int rc;

	if (!obj)
		return ERR_PTR(-ENOMEM);
	obj->type = type;
	refcount_set(&obj->links, 1);
	refcount_set(&obj->users, 1);

	rc = id_table_alloc(&ictx->objects, &obj->id);
	if (rc) {
		kfree(obj);
		return ERR_PTR(rc);
	}
	return obj;
}

static void iommufd_object_show(struct iommufd_ctx *ictx,
				struct iommufd_object *obj)
{
	id_table_store(&ictx->objects, obj->id, obj);
}

static void iommufd_object_hide(struct iommufd_ctx *ictx,
				struct iommufd_object *obj)
{
	id_table_store(&ictx->objects, obj->id, NULL);
}

void iommufd_object_publish(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	spin_lock(&ictx->objects.lock);
	trace_iommufd_object_new(ictx, obj);
	iommufd_object_show(ictx, obj);
	spin_unlock(&ictx->objects.lock);
}

/* With @keep_id the id stays as it is: taken for good, or free already */
static void iommufd_object_undo(struct iommufd_ctx *ictx,
				struct iommufd_object *obj, bool keep_id)
{
	const struct iommufd_object_ops *ops = &iommufd_object_ops[obj->type];

	ops->destroy(ictx, obj);
	if (!keep_id)
		id_table_free(&ictx->objects, obj->id);
	if (ops->free)
		ops->free(obj);
	else
		kfree(obj);
}

static void iommufd_object_free(struct iommufd_ctx *ictx,
				struct iommufd_object *obj)
{
	iommufd_object_undo(ictx, obj, false);
}

/* Take back an object that was never published */
void iommufd_object_abort(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	iommufd_object_free(ictx, obj);
}

/* A user reference, for as long as an ioctl works with the object */
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
					  enum iommufd_object_type type)
{
	struct iommufd_object *obj;

	if (iommufd_should_fail())
		return ERR_PTR(-ENOMEM);

	spin_lock(&ictx->objects.lock);
	obj = id_table_load(&ictx->objects, id);
	if (obj && (type == IOMMUFD_OBJ_ANY || obj->type == type))
		refcount_inc(&obj->users);
	else
		obj = ERR_PTR(-ENOENT);
	spin_unlock(&ictx->objects.lock);
	return obj;
}

/*
 * The same for an object found by a pointer, which something else keeps valid.
 * Fails for one that is not published or about to go.
 */
bool iommufd_object_tryget(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	bool visible;

	spin_lock(&ictx->objects.lock);
	visible = id_table_load(&ictx->objects, obj->id) == obj;
	if (visible)
		refcount_inc(&obj->users);
	spin_unlock(&ictx->objects.lock);
	return visible;
}

/* The first object with the id *@id or above, which *@id is then, or NULL */
struct iommufd_object *iommufd_object_next(struct iommufd_ctx *ictx,
					   unsigned long *id)
{
	struct iommufd_object *obj;

	spin_lock(&ictx->objects.lock);
	obj = id_table_find(&ictx->objects, id);
	if (obj)
		refcount_inc(&obj->users);
	spin_unlock(&ictx->objects.lock);
	return obj;
}

void iommufd_object_put(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	/* Zero is reached only while somebody waits to destroy the object */
	if (refcount_dec_and_test(&obj->users))
		wake_up_all(&ictx->idle);
}

/* After this no ioctl works on the hidden object, nor can one begin to */
static int iommufd_object_drain(struct iommufd_ctx *ictx,
				struct iommufd_object *obj, bool killable)
{
	if (refcount_dec_and_test(&obj->users))
		return 0;
	if (killable)
		return wait_event_killable(ictx->idle,
					   !refcount_read(&obj->users));
	wait_event(ictx->idle, !refcount_read(&obj->users));
	return 0;
}

static void iommufd_object_revive(struct iommufd_ctx *ictx,
				  struct iommufd_object *obj)
{
	/* Nobody can look it up, so from zero the count cannot move */
	if (!refcount_inc_not_zero(&obj->users))
		refcount_set(&obj->users, 1);
	iommufd_object_show(ictx, obj);
}

static int iommufd_object_destroy_hidden(struct iommufd_ctx *ictx,
					 struct iommufd_object *obj,
					 bool killable)
{
	int rc = iommufd_object_drain(ictx, obj, killable);

	/*
	 * Whoever gives up the last link looks whether the object is visible,
	 * and leaves it to us if not: decide and show it again in one step.
	 * With no link left, iommufd_object_link_live() comes too late.
	 */
	spin_lock(&ictx->objects.lock);
	if (!rc && !refcount_dec_if_one(&obj->links))
		rc = -EBUSY;
	if (rc)
		iommufd_object_revive(ictx, obj);
	spin_unlock(&ictx->objects.lock);
	if (rc)
		return rc == -EBUSY ? rc : -EINTR;

	trace_iommufd_object_destroy(ictx, obj);
	iommufd_object_free(ictx, obj);
	return 0;
}

/*
 * Mostly, no ioctl works with the object and nothing links to it. Both are then
 * certain under the lock, and there is nothing that
 * iommufd_object_destroy_hidden() would have to wait for. Returns whether that
 * is so and only the caller has the object left; its id can be another object's
 * from then on.
 */
static bool iommufd_object_take_idle(struct iommufd_ctx *ictx,
				     struct iommufd_object *obj)
{
	lockdep_assert_held(&ictx->objects.lock);

	if (refcount_read(&obj->users) != 1 ||
	    !refcount_dec_if_one(&obj->links))
		return false;
	trace_iommufd_object_destroy(ictx, obj);
	id_table_free_locked(&ictx->objects, obj->id);
	return true;
}

int iommufd_destroy_ioctl(struct iommufd_ucmd *ucmd)
{
	const struct iommu_destroy *cmd = ucmd->cmd;
	struct iommufd_ctx *ictx = ucmd->ictx;
	struct iommufd_object *obj;
	bool idle = false;
	int rc = 0;

	spin_lock(&ictx->objects.lock);
	obj = id_table_load(&ictx->objects, cmd->id);
	if (!obj)
		rc = -ENOENT;
	else if (refcount_read(&obj->links) != 1)
		rc = -EBUSY;
	else if (iommufd_object_take_idle(ictx, obj))
		idle = true;
	else
		iommufd_object_hide(ictx, obj);
	spin_unlock(&ictx->objects.lock);
	if (rc)
		return rc;
	if (!idle)
		return iommufd_object_destroy_hidden(ictx, obj, true);
	iommufd_object_undo(ictx, obj, true);
	return 0;
}

/*
 * Give up the caller's link, and destroy the object if it was the last. If a
 * user's IOMMU_DESTROY has hidden it already, that one finds the link gone.
 */
void iommufd_object_unlink_destroy(struct iommufd_ctx *ictx,
				   struct iommufd_object *obj)
{
	bool last;

	spin_lock(&ictx->objects.lock);
	refcount_dec(&obj->links);
	last = refcount_read(&obj->links) == 1 &&
	       id_table_load(&ictx->objects, obj->id) == obj;
	if (last)
		iommufd_object_hide(ictx, obj);
	spin_unlock(&ictx->objects.lock);

	if (last)
		iommufd_object_destroy_hidden(ictx, obj, false);
}

/* Hide an object to destroy it; false if a user's IOMMU_DESTROY has done so */
bool iommufd_object_take(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	bool visible;

	spin_lock(&ictx->objects.lock);
	visible = id_table_load(&ictx->objects, obj->id) == obj;
	if (visible)
		iommufd_object_hide(ictx, obj);
	spin_unlock(&ictx->objects.lock);
	return visible;
}

/*
 * Destroy an object that was taken, to which nothing links, behind its user's
 * back. Its id names nothing from now on, and is not given to another object.
 */
void iommufd_object_bury(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	iommufd_object_drain(ictx, obj, false);
	WARN_ON(refcount_read(&obj->links) != 1);
	trace_iommufd_object_destroy(ictx, obj);
	spin_lock(&ictx->objects.lock);
	ictx->tombstones++;
	spin_unlock(&ictx->objects.lock);
	iommufd_object_undo(ictx, obj, true);
}

static struct iommufd_object *object_at(struct iommufd_ctx *ictx,
					unsigned long *id)
{
	struct iommufd_object *obj;

	spin_lock(&ictx->objects.lock);
	obj = id_table_find(&ictx->objects, id);
	spin_unlock(&ictx->objects.lock);
	return obj;
}

/*
 * The file is gone, and with it every ioctl and every kernel user. What remains
 * points only at what remains: take what nothing points at until none is left.
 */
void iommufd_object_destroy_all(struct iommufd_ctx *ictx)
{
	struct iommufd_object *obj;
	bool progress = true;
	unsigned long id;

	while (progress && ictx->objects.used != ictx->tombstones) {
		progress = false;
		for (id = 0; (obj = object_at(ictx, &id)); id++) {
			cond_resched();
			if (refcount_read(&obj->links) != 1)
				continue;
			trace_iommufd_object_destroy(ictx, obj);
			iommufd_object_free(ictx, obj);
			progress = true;
		}
	}
	WARN_ON(ictx->objects.used != ictx->tombstones);
}
