/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rooms of the mock IOMMU may call of each other.
 */
#ifndef __IOMMUFD_MOCK_H
#define __IOMMUFD_MOCK_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/maple_tree.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

struct iommu_test_cmd;
struct iommufd_ucmd;

/**
 * struct mock_device - a device behind the mock IOMMU
 * @dev: on the bus iommufd_mock, alone in its group
 * @nr: N of its name, iommufd_mockN
 * @flags: MOCK_FLAGS_DEVICE_*, constant
 * @faults_enabled: it can send page requests
 * @faults: what a test wants to know about them, or NULL; see fault.c
 */
struct mock_device {
	struct device dev;
	int nr;
	u32 flags;
	bool faults_enabled;
	struct mock_faults *faults;
};

void mock_fail_init(void);
void mock_fail_exit(void);

struct mock_device *mock_device_add(u32 flags);
void mock_device_del(struct mock_device *mock);
bool mock_device_is(struct device *dev);

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
 */
struct mock_domain {
	struct iommu_domain domain;
	struct mutex lock; /* guards pages and dirty */
	struct maple_tree pages;
	struct xarray dirty;
	bool dirty_tracking;
	bool dirty_by_entry;
};

static inline struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

size_t mock_entry_pgsize(const void *entry);
struct iommu_domain *mock_domain_alloc(unsigned int type);
struct iommu_domain *
mock_domain_alloc_paging_flags(struct device *dev, u32 flags,
			       const struct iommu_user_data *user_data);

struct iommu_test_cmd;
struct iommufd_ucmd;

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
int mock_trigger_iopf(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_page_request(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd);
int mock_page_response_get(struct iommufd_ucmd *ucmd,
			   struct iommu_test_cmd *cmd);

#endif /* __IOMMUFD_MOCK_H */
