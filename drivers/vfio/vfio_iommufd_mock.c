// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock devices as VFIO devices, to test what VFIO does for PASIDs: no device that
 * QEMU emulates has any.
 *
 * echo FLAGS >/sys/bus/iommufd_mock/drivers/iommufd_mock_vfio/new
 * echo NAME >/sys/bus/iommufd_mock/drivers/iommufd_mock_vfio/remove
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vfio.h>

#include "../iommu/iommufd/iommufd_test.h"
#include "../iommu/iommufd/mock/mock.h"

/* There is nothing to a device but its DMA, of which it does none */
struct mock_vfio {
	struct vfio_device vdev;
};

static const struct vfio_device_ops mock_vfio_ops = {
	.name = "iommufd-mock-vfio",
	.release = vfio_free_device,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas,
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
};

static int mock_vfio_probe(struct device *dev)
{
	struct mock_vfio *mock;
	int rc;

	mock = vfio_alloc_device(mock_vfio, vdev, dev, &mock_vfio_ops);
	if (IS_ERR(mock))
		return PTR_ERR(mock);
	rc = vfio_register_group_dev(&mock->vdev);
	if (rc) {
		vfio_put_device(&mock->vdev);
		return rc;
	}
	dev_set_drvdata(dev, mock);
	return 0;
}

static int mock_vfio_remove(struct device *dev)
{
	struct mock_vfio *mock = dev_get_drvdata(dev);

	vfio_unregister_group_dev(&mock->vdev);
	vfio_put_device(&mock->vdev);
	return 0;
}

/* Serializes new and remove: nobody removes a device that is being added */
static DEFINE_MUTEX(devices_lock);

static ssize_t new_store(struct device_driver *driver, const char *buf,
			 size_t count)
{
	struct mock_device *mock;
	u32 flags;
	int rc;

	rc = kstrtou32(buf, 0, &flags);
	if (rc)
		return rc;
	if (flags & ~(MOCK_FLAGS_DEVICE_PASID | MOCK_FLAGS_DEVICE_NO_FAULTS))
		return -EINVAL;
	mutex_lock(&devices_lock);
	mock = mock_device_add(flags | MOCK_DEVICE_VFIO);
	if (IS_ERR(mock)) {
		rc = PTR_ERR(mock);
	} else if (!mock->dev.driver) {
		mock_device_del(mock);
		rc = -ENODEV;
	}
	mutex_unlock(&devices_lock);
	return rc ?: count;
}
static DRIVER_ATTR_WO(new);

/* Waits until nobody has the device open */
static ssize_t remove_store(struct device_driver *driver, const char *buf,
			    size_t count)
{
	struct device *dev;
	char *name;

	name = kstrndup(buf, count, GFP_KERNEL);
	if (!name)
		return -ENOMEM;
	mutex_lock(&devices_lock);
	dev = driver_find_device_by_name(driver, strim(name));
	if (dev) {
		mock_device_del(to_mock_device(dev));
		put_device(dev);
	}
	mutex_unlock(&devices_lock);
	kfree(name);
	return dev ? count : -ENODEV;
}
static DRIVER_ATTR_WO(remove);

static struct attribute *mock_vfio_attrs[] = {
	&driver_attr_new.attr,
	&driver_attr_remove.attr,
	NULL
};
ATTRIBUTE_GROUPS(mock_vfio);

static struct device_driver mock_vfio_driver = {
	.name = "iommufd_mock_vfio",
	.owner = THIS_MODULE,
	.probe = mock_vfio_probe,
	.remove = mock_vfio_remove,
	.groups = mock_vfio_groups,
	.suppress_bind_attrs = true,
};

static int __init mock_vfio_init(void)
{
	return mock_driver_register(&mock_vfio_driver);
}
module_init(mock_vfio_init);

static void __exit mock_vfio_exit(void)
{
	struct device *dev;

	while ((dev = driver_find_next_device(&mock_vfio_driver, NULL))) {
		mock_device_del(to_mock_device(dev));
		put_device(dev);
	}
	driver_unregister(&mock_vfio_driver);
}
module_exit(mock_vfio_exit);

MODULE_IMPORT_NS(IOMMUFD);
MODULE_DESCRIPTION("Mock devices of /dev/iommu as VFIO devices");
MODULE_LICENSE("GPL");
