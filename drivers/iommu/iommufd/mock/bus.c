// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock hardware: a bus, the IOMMU in front of it, and its devices, which do
 * nothing.
 */
#include <linux/idr.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/* Most devices are bound by whoever made them. For the others there is a driver. */
static int mock_match(struct device *dev, struct device_driver *driver)
{
	return !!(to_mock_device(dev)->flags & MOCK_DEVICE_VFIO);
}

static struct bus_type mock_bus = {
	.name = "iommufd_mock",
	.match = mock_match,
};

/* The first is registered for all, as the bus has one driver */
static struct iommu_device mock_iommus[MOCK_IOMMUS];
static struct notifier_block mock_bus_nb;
static DEFINE_IDA(mock_numbers);

static void mock_device_release(struct device *dev)
{
	struct mock_device *mock = to_mock_device(dev);

	mock_device_free_pasids(mock);
	ida_free(&mock_numbers, mock->nr);
	mock_faults_free(mock);
	kfree(mock);
}

/**
 * mock_device_add - Plug a device in
 * @flags: MOCK_FLAGS_DEVICE_*; with MOCK_DEVICE_VFIO a driver may take it, else it
 *	is for whoever made it to bind
 */
struct mock_device *mock_device_add(u32 flags)
{
	struct mock_device *mock;
	unsigned int i;
	int rc;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	rc = ida_alloc(&mock_numbers, GFP_KERNEL_ACCOUNT);
	if (rc < 0) {
		kfree(mock);
		return ERR_PTR(rc);
	}
	mock->nr = rc;
	mock->flags = flags;
	spin_lock_init(&mock->vdev_lock);
	for (i = 0; i < ARRAY_SIZE(mock->cache); i++)
		mock->cache[i] = IOMMU_TEST_DEV_CACHE_DEFAULT;
	device_initialize(&mock->dev);
	mock->dev.bus = &mock_bus;
	mock->dev.release = mock_device_release;

	mock_device_init_pasids(mock);
	rc = dev_set_name(&mock->dev, "iommufd_mock%d", mock->nr);
	if (rc)
		goto out_put;
	rc = device_add(&mock->dev);
	if (rc)
		goto out_put;
	return mock;

out_put:
	put_device(&mock->dev);
	return ERR_PTR(rc);
}
EXPORT_SYMBOL_NS_GPL(mock_device_add, IOMMUFD);

/**
 * mock_device_del - Unplug a device
 * @mock: the device
 */
void mock_device_del(struct mock_device *mock)
{
	device_unregister(&mock->dev);
}
EXPORT_SYMBOL_NS_GPL(mock_device_del, IOMMUFD);

/**
 * mock_driver_register - Let a driver take devices with MOCK_DEVICE_VFIO
 * @driver: the driver
 */
int mock_driver_register(struct device_driver *driver)
{
	driver->bus = &mock_bus;
	return driver_register(driver);
}
EXPORT_SYMBOL_NS_GPL(mock_driver_register, IOMMUFD);

bool mock_device_is(struct device *dev)
{
	return dev->bus == &mock_bus;
}

static bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	if (cap == IOMMU_CAP_DIRTY_TRACKING)
		return !(to_mock_device(dev)->flags &
			 MOCK_FLAGS_DEVICE_NO_DIRTY);
	/* There are no interrupts, so they are isolated */
	return cap == IOMMU_CAP_CACHE_COHERENCY || cap == IOMMU_CAP_INTR_REMAP;
}

static void *mock_hw_info(struct device *dev, u32 *length, u32 *type)
{
	struct iommu_test_hw_info *info;

	if (*type != IOMMU_HW_INFO_TYPE_DEFAULT &&
	    *type != IOMMU_HW_INFO_TYPE_SELFTEST)
		return ERR_PTR(-EOPNOTSUPP);

	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info)
		return ERR_PTR(-ENOMEM);
	info->test_reg = IOMMU_HW_INFO_SELFTEST_REGVAL;
	*length = sizeof(*info);
	*type = IOMMU_HW_INFO_TYPE_SELFTEST;
	return info;
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	return &mock_iommus[!!(to_mock_device(dev)->flags &
			       MOCK_FLAGS_DEVICE_IOMMU1)];
}

/* Not DMA: that would bring a cookie, and with it an IOVA allocator */
static int mock_def_domain_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

static const struct iommu_ops mock_ops = {
	.owner = THIS_MODULE,
	.capable = mock_capable,
	.hw_info = mock_hw_info,
	.domain_alloc = mock_domain_alloc,
	.domain_alloc_paging_flags = mock_domain_alloc_paging_flags,
	.domain_alloc_nested = mock_domain_alloc_nested,
	.get_viommu_size = mock_get_viommu_size,
	.viommu_init = mock_viommu_init,
	.probe_device = mock_probe_device,
	.device_group = generic_device_group,
	.def_domain_type = mock_def_domain_type,
	.dev_enable_feat = mock_dev_enable_feat,
	.dev_disable_feat = mock_dev_disable_feat,
	.page_response = mock_page_response,
	.drain_faults = mock_drain_faults,
	.user_pasid_table = 1,
	.remove_dev_pasid = mock_remove_dev_pasid,
};

static void remove_iommus(unsigned int nr)
{
	while (nr--)
		iommu_device_sysfs_remove(&mock_iommus[nr]);
}

static int __init add_iommus(void)
{
	static const char * const names[MOCK_IOMMUS] = {
		"iommufd_selftest_iommu", "iommufd_selftest_iommu1"
	};
	unsigned int i;
	int rc;

	for (i = 0; i < MOCK_IOMMUS; i++) {
		mock_iommus[i].ops = &mock_ops;
		mock_iommus[i].max_pasids = BIT(MOCK_PASID_WIDTH);
		rc = iommu_device_sysfs_add(&mock_iommus[i], NULL, NULL, "%s",
					    names[i]);
		if (rc) {
			remove_iommus(i);
			return rc;
		}
	}
	return 0;
}

int __init iommufd_mock_init(void)
{
	int rc;

	rc = bus_register(&mock_bus);
	if (rc)
		return rc;
	rc = add_iommus();
	if (rc)
		goto out_bus;
	rc = iommu_device_register_bus(&mock_iommus[0], &mock_ops, &mock_bus,
				       &mock_bus_nb);
	if (rc)
		goto out_iommus;
	mock_fail_init();
	return 0;

out_iommus:
	remove_iommus(MOCK_IOMMUS);
out_bus:
	bus_unregister(&mock_bus);
	return rc;
}

/* Called too where the module's init fails later: the devices are gone then */
void iommufd_mock_exit(void)
{
	mock_fail_exit();
	iommu_device_unregister_bus(&mock_iommus[0], &mock_bus, &mock_bus_nb);
	remove_iommus(MOCK_IOMMUS);
	bus_unregister(&mock_bus);
	ida_destroy(&mock_numbers);
}
