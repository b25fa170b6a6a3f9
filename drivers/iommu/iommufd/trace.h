/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, as tracefs has them below events/iommufd/. "ctx" is the number
 * that fdinfo gives the context, "result" is 0 or a negative errno. A call that
 * was refused before its IOAS was found does not show.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommufd

#if !defined(__IOMMUFD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define __IOMMUFD_TRACE_H

#include <linux/device.h>
#include <linux/tracepoint.h>

#include "fault.h"
#include "iommufd_private.h"

DECLARE_EVENT_CLASS(iommufd_object,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommufd_object *obj),
	TP_ARGS(ictx, obj),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, id)
		__string(type, iommufd_object_type_name(obj->type))
	),
	TP_fast_assign(
		__entry->ctx = ictx->nr;
		__entry->id = obj->id;
		__assign_str(type, iommufd_object_type_name(obj->type));
	),
	TP_printk("ctx=%llu id=%u type=%s",
		  __entry->ctx, __entry->id, __get_str(type))
);

/* An id can be named from now on */
DEFINE_EVENT(iommufd_object, iommufd_object_new,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommufd_object *obj),
	TP_ARGS(ictx, obj)
);

/* It cannot any more, and nothing refers to the object */
DEFINE_EVENT(iommufd_object, iommufd_object_destroy,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommufd_object *obj),
	TP_ARGS(ictx, obj)
);

TRACE_EVENT(iommufd_map,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommu_ioas_map *map, int result),
	TP_ARGS(ictx, map, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, ioas)
		__field(u32, flags)
		__field(u64, iova)
		__field(u64, length)
		__field(u64, va)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->ctx = ictx->nr;
		__entry->ioas = map->ioas_id;
		__entry->flags = map->flags;
		__entry->iova = map->iova;
		__entry->length = map->length;
		__entry->va = map->user_va;
		__entry->result = result;
	),
	TP_printk("ctx=%llu ioas=%u iova=%#llx length=%#llx va=%#llx flags=%#x result=%d",
		  __entry->ctx, __entry->ioas, __entry->iova, __entry->length,
		  __entry->va, __entry->flags, __entry->result)
);

TRACE_EVENT(iommufd_map_file,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommu_ioas_map_file *map, int result),
	TP_ARGS(ictx, map, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, ioas)
		__field(u32, flags)
		__field(u64, iova)
		__field(u64, length)
		__field(u64, start)
		__field(int, fd)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->ctx = ictx->nr;
		__entry->ioas = map->ioas_id;
		__entry->flags = map->flags;
		__entry->iova = map->iova;
		__entry->length = map->length;
		__entry->start = map->start;
		__entry->fd = map->fd;
		__entry->result = result;
	),
	TP_printk("ctx=%llu ioas=%u iova=%#llx length=%#llx fd=%d start=%#llx flags=%#x result=%d",
		  __entry->ctx, __entry->ioas, __entry->iova, __entry->length,
		  __entry->fd, __entry->start, __entry->flags, __entry->result)
);

TRACE_EVENT(iommufd_copy,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommu_ioas_copy *copy, int result),
	TP_ARGS(ictx, copy, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, ioas)
		__field(u32, flags)
		__field(u64, iova)
		__field(u64, length)
		__field(u32, src_ioas)
		__field(int, result)
		__field(u64, src_iova)
	),
	TP_fast_assign(
		__entry->ctx = ictx->nr;
		__entry->ioas = copy->dst_ioas_id;
		__entry->flags = copy->flags;
		__entry->iova = copy->dst_iova;
		__entry->length = copy->length;
		__entry->src_ioas = copy->src_ioas_id;
		__entry->src_iova = copy->src_iova;
		__entry->result = result;
	),
	TP_printk("ctx=%llu ioas=%u iova=%#llx length=%#llx src_ioas=%u src_iova=%#llx flags=%#x result=%d",
		  __entry->ctx, __entry->ioas, __entry->iova, __entry->length,
		  __entry->src_ioas, __entry->src_iova, __entry->flags,
		  __entry->result)
);

/* The length is how much was unmapped, or where that failed what was asked for */
TRACE_EVENT(iommufd_unmap,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommu_ioas_unmap *unmap, int result),
	TP_ARGS(ictx, unmap, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, ioas)
		__field(int, result)
		__field(u64, iova)
		__field(u64, length)
	),
	TP_fast_assign(
		__entry->ctx = ictx->nr;
		__entry->ioas = unmap->ioas_id;
		__entry->iova = unmap->iova;
		__entry->length = unmap->length;
		__entry->result = result;
	),
	TP_printk("ctx=%llu ioas=%u iova=%#llx length=%#llx result=%d",
		  __entry->ctx, __entry->ioas, __entry->iova, __entry->length,
		  __entry->result)
);

DECLARE_EVENT_CLASS(iommufd_move,
	TP_PROTO(const struct iommufd_device *idev, ioasid_t pasid, u32 pt,
		 int result),
	TP_ARGS(idev, pasid, pt, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, id)
		__field(u32, pasid)
		__field(u32, pt)
		__field(int, result)
		__string(name, dev_name(idev->dev))
	),
	TP_fast_assign(
		__entry->ctx = idev->ictx->nr;
		__entry->id = idev->obj.id;
		__entry->pasid = pasid;
		__entry->pt = pt;
		__entry->result = result;
		__assign_str(name, dev_name(idev->dev));
	),
	TP_printk("ctx=%llu device=%u name=%s pasid=%u pt=%u result=%d",
		  __entry->ctx, __entry->id, __get_str(name), __entry->pasid,
		  __entry->pt, __entry->result)
);

/* The page table is the HWPT, or where that failed what was asked for */
DEFINE_EVENT(iommufd_move, iommufd_attach,
	TP_PROTO(const struct iommufd_device *idev, ioasid_t pasid, u32 pt,
		 int result),
	TP_ARGS(idev, pasid, pt, result)
);

DEFINE_EVENT(iommufd_move, iommufd_replace,
	TP_PROTO(const struct iommufd_device *idev, ioasid_t pasid, u32 pt,
		 int result),
	TP_ARGS(idev, pasid, pt, result)
);

/* The page table is the HWPT that the device has left */
DEFINE_EVENT(iommufd_move, iommufd_detach,
	TP_PROTO(const struct iommufd_device *idev, ioasid_t pasid, u32 pt,
		 int result),
	TP_ARGS(idev, pasid, pt, result)
);

/* By attach or replace; detached, an access has the IOAS 0 */
TRACE_EVENT(iommufd_access_attach,
	TP_PROTO(const struct iommufd_ctx *ictx,
		 const struct iommufd_object *obj, u32 ioas, int result),
	TP_ARGS(ictx, obj, ioas, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, id)
		__field(u32, ioas)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->ctx = ictx->nr;
		__entry->id = obj->id;
		__entry->ioas = ioas;
		__entry->result = result;
	),
	TP_printk("ctx=%llu access=%u ioas=%u result=%d",
		  __entry->ctx, __entry->id, __entry->ioas, __entry->result)
);

/* "result" of a complete group: whether there was room for it in the queue */
DECLARE_EVENT_CLASS(iommufd_fault_group,
	TP_PROTO(const struct iommufd_fault_group *group, int result),
	TP_ARGS(group, result),
	TP_STRUCT__entry(
		__field(u64, ctx)
		__field(u32, id)
		__field(u32, pasid)
		__field(u32, grpid)
		__field(u32, requests)
		__field(u64, addr)
		__field(u32, perm)
		__field(int, result)
		__string(name, dev_name(group->attach->dev))
	),
	TP_fast_assign(
		__entry->ctx = group->attach->ctx;
		__entry->id = group->dev_id;
		__entry->pasid =
			group->prm.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ?
			group->prm.pasid : IOMMU_NO_PASID;
		__entry->grpid = group->prm.grpid;
		__entry->requests = group->nr_requests;
		__entry->addr = group->first.addr;
		__entry->perm = group->first.perm;
		__entry->result = result;
		__assign_str(name, dev_name(group->attach->dev));
	),
	TP_printk("ctx=%llu device=%u name=%s pasid=%u grpid=%u requests=%u addr=%#llx perm=%#x result=%d",
		  __entry->ctx, __entry->id, __get_str(name), __entry->pasid,
		  __entry->grpid, __entry->requests, __entry->addr,
		  __entry->perm, __entry->result)
);

DEFINE_EVENT(iommufd_fault_group, iommufd_fault,
	TP_PROTO(const struct iommufd_fault_group *group, int result),
	TP_ARGS(group, result)
);

/* "result" is the code that the device gets, enum iommufd_page_response_code */
DEFINE_EVENT(iommufd_fault_group, iommufd_fault_response,
	TP_PROTO(const struct iommufd_fault_group *group, int result),
	TP_ARGS(group, result)
);

#endif /* __IOMMUFD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
