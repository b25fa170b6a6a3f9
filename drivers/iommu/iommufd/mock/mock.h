/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the mock IOMMU share.
 */
#ifndef __IOMMUFD_MOCK_H
#define __IOMMUFD_MOCK_H

#include <linux/device.h>
#include <linux/fwnode.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"

struct iommu_test_cmd;
struct iommufd_ucmd;
struct mock_hw_queue;

/**
 * struct mock_device - a device behind the mock IOMMU
 * @dev: on the bus iommufd_mock, alone in its group
 * @nr: N of its name, iommufd_mockN
 * @flags: MOCK_FLAGS_DEVICE_*, MOCK_DEVICE_VFIO, constant
 * @faults_enabled: it can send page requests
 * @faults: what a test wants to know about them, or NULL; see fault.c
 * @cache: its caches, written and read without a lock
 * @vdev_lock: guards @vdev; taken in interrupts
 * @vdev: what it is called in a VM, or NULL
 * @fwnode: what the firmware says of it, if it has PASIDs
 * @pasids: domains by PASID; changed under the mutex of the IOMMU core's group,
 *	as is what follows
 * @reserved_pasid_set: what became of PASID %IOMMU_TEST_PASID_RESERVED
 */
struct mock_device {
	struct device dev;
	int nr;
	u32 flags;
	bool faults_enabled;
	struct mock_faults *faults;
	u32 cache[MOCK_DEV_CACHE_NUM];
	spinlock_t vdev_lock; /* guards vdev */
	struct iommufd_vdevice *vdev;
	struct fwnode_handle fwnode;
	struct xarray pasids;
	enum {
		MOCK_PASID_NOT_SET,
		MOCK_PASID_SET_ONCE,
		MOCK_PASID_SET_OFTEN,
	} reserved_pasid_set;
};

/* Beside MOCK_FLAGS_DEVICE_*: it is for a driver */
#define MOCK_DEVICE_VFIO	BIT(31)

void mock_fail_init(void);
void mock_fail_exit(void);

struct mock_device *mock_device_add(u32 flags);
void mock_device_del(struct mock_device *mock);
bool mock_device_is(struct device *dev);
int mock_driver_register(struct device_driver *driver);

static inline struct mock_device *to_mock_device(struct device *dev)
{
	return container_of(dev, struct mock_device, dev);
}

/**
 * struct mock_domain - a page table of the mock IOMMU
 * @domain: what the core sees
 * @lock: guards what is below
 * @pages: for each range of IOVAs mapped at once, where it goes and by pages of
 *	which size; see domain.c
 * @dirty: which pages are dirty; see dirty.c
 * @dirty_tracking: they are recorded
 * @dirty_by_entry: as large as they are mapped; else as small as they can be
 * @viommus: struct mock_viommu, the shares of IOMMUs that translate by it
 */
struct mock_domain {
	struct iommu_domain domain;
	struct mutex lock; /* guards pages, dirty and viommus */
	struct maple_tree pages;
	struct xarray dirty;
	bool dirty_tracking;
	bool dirty_by_entry;
	struct list_head viommus;
};

static inline struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

phys_addr_t mock_walk(struct mock_domain *mock, unsigned long iova);
size_t mock_entry_pgsize(const void *entry);
struct iommu_domain *mock_domain_alloc(unsigned int type);
struct iommu_domain *
mock_domain_alloc_paging_flags(struct device *dev, u32 flags,
			       const struct iommu_user_data *user_data);

struct iommu_domain *
mock_domain_alloc_nested(struct device *dev, struct iommu_domain *parent,
			 u32 flags, const struct iommu_user_data *user_data);

/**
 * struct mock_viommu - a VM's share of a mock IOMMU
 * @core: what the core sees
 * @parent: the table of the VM's memory
 * @item: in the parent's list
 * @tlb: pages of the parent's translations, by IOVA; guarded by the parent's lock
 * @page: memory for the owner to map, or NULL
 * @mmap_offset: where on the iommufd that is mapped
 * @queue_lock: guards the queues
 * @queues: the VM's queues in its memory
 */
struct mock_viommu {
	struct iommufd_viommu core;
	struct mock_domain *parent;
	struct list_head item;
	struct xarray tlb;
	void *page;
	unsigned long mmap_offset;
	struct mutex queue_lock; /* guards queues */
	struct mock_hw_queue *queues[IOMMU_TEST_HW_QUEUE_MAX];
};

static inline struct mock_viommu *to_mock_viommu(struct iommufd_viommu *viommu)
{
	return container_of(viommu, struct mock_viommu, core);
}

size_t mock_get_viommu_size(struct device *dev, enum iommu_viommu_type type);
int mock_viommu_init(struct iommufd_viommu *viommu, struct iommu_domain *parent,
		     const struct iommu_user_data *user_data);
struct iommu_domain *
mock_viommu_alloc_nested(struct iommufd_viommu *viommu, u32 flags,
			 const struct iommu_user_data *user_data);
void mock_viommus_flush(struct mock_domain *parent, unsigned long iova,
			unsigned long last);
size_t mock_get_hw_queue_size(struct iommufd_viommu *viommu, u32 type);
int mock_hw_queue_init_phys(struct iommufd_hw_queue *queue, u32 index,
			    phys_addr_t base_addr_pa);

/* What is wrong with an invalidation, of a table of @num entries */
static inline int mock_check_invalidate(u32 flags, u32 id, u32 num)
{
	if (likely(!flags))
		return id >= num ? -EINVAL : 0;
	if (flags & ~(IOMMU_TEST_INVALIDATE_FLAG_ALL |
		      IOMMU_TEST_INVALIDATE_FLAG_BROKEN))
		return -EOPNOTSUPP;
	if (id >= num)
		return -EINVAL;
	return flags & IOMMU_TEST_INVALIDATE_FLAG_BROKEN ? -EIO : 0;
}

int mock_check_iotlb(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_check_cache(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_viommu_check_map(struct iommufd_ucmd *ucmd,
			  struct iommu_test_cmd *cmd);

/**
 * struct mock_stdev - the driver of a mock device
 * @obj: destroyed by the user, or with the context
 * @mock: the device, or NULL
 * @idev: its binding to the context, linked, or NULL
 * @attached: attached; what to is the core's to know
 *
 * Constant once published.
 */
struct mock_stdev {
	struct iommufd_object obj;
	struct mock_device *mock;
	struct iommufd_device *idev;
	bool attached;
};

struct mock_stdev *mock_get_stdev(struct iommufd_ctx *ictx, u32 id);

/* The page that is at a user's address now, with a reference */
struct page *mock_page_at(unsigned long va);

int mock_create_access(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_access_replace_ioas(struct iommufd_ucmd *ucmd,
			     struct iommu_test_cmd *cmd);
int mock_access_pages(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_destroy_access_pages(struct iommufd_ucmd *ucmd,
			      struct iommu_test_cmd *cmd);
int mock_access_rw(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
/* dirty.c */
extern const struct iommu_dirty_ops mock_dirty_ops;
void mock_dirty_forget(struct mock_domain *mock, unsigned long iova,
		       unsigned long last);
int iommufd_mock_dirty(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_dmabuf_get(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_dmabuf_revoke(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);

/* fault.c */
int mock_dev_enable_feat(struct device *dev, enum iommu_dev_features feat);
int mock_dev_disable_feat(struct device *dev, enum iommu_dev_features feat);
int mock_page_response(struct device *dev, struct iommu_fault_event *event,
		       struct iommu_page_response *response);
void mock_drain_faults(struct device *dev);
void mock_faults_free(struct mock_device *mock);
struct iommufd_device *mock_get_idev(struct iommufd_ctx *ictx, u32 id);
int mock_trigger_iopf(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_page_request(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_page_response_get(struct iommufd_ucmd *ucmd,
			   struct iommu_test_cmd *cmd);

/* pasid.c */
void mock_device_init_pasids(struct mock_device *mock);
void mock_device_free_pasids(struct mock_device *mock);
int mock_set_dev_pasid(struct iommu_domain *domain, struct device *dev,
		       ioasid_t pasid, struct iommu_domain *old);
void mock_remove_dev_pasid(struct device *dev, ioasid_t pasid,
			   struct iommu_domain *domain);
int mock_pasid_attach(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_replace(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_detach(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_pasid_check_hwpt(struct iommufd_ucmd *ucmd,
			  struct iommu_test_cmd *cmd);

/* vevent.c */
void mock_remember_vdevice(struct iommufd_vdevice *vdev);
size_t mock_get_vevent_size(struct iommufd_viommu *viommu, u32 type);
int mock_trigger_vevent(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);

#endif /* __IOMMUFD_MOCK_H */
