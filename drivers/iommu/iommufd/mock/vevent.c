// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the mock IOMMU for a VM: the interrupt of hardware that has something
 * to tell of a device.
 *
 * It finds the VM and the device's name there by the VDEVICE, which it must not
 * use once that is destroyed.
 */
#include <linux/iommufd.h>
#include <linux/irq_work.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/* No interrupt uses it when this returns */
static void forget_vdevice(struct iommufd_vdevice *vdev)
{
	struct mock_device *mock = to_mock_device(vdev->dev);

	spin_lock_irq(&mock->vdev_lock);
	mock->vdev = NULL;
	spin_unlock_irq(&mock->vdev_lock);
}

void mock_remember_vdevice(struct iommufd_vdevice *vdev)
{
	struct mock_device *mock = to_mock_device(vdev->dev);

	vdev->destroy = forget_vdevice;
	spin_lock_irq(&mock->vdev_lock);
	mock->vdev = vdev;
	spin_unlock_irq(&mock->vdev_lock);
}

size_t mock_get_vevent_size(struct iommufd_viommu *viommu, u32 type)
{
	return type == IOMMU_VEVENTQ_TYPE_SELFTEST ?
		       sizeof(struct iommu_viommu_event_selftest) : 0;
}

struct mock_interrupt {
	struct irq_work work;
	struct mock_device *mock;
	int rc;
};

static void handle_interrupt(struct irq_work *work)
{
	struct mock_interrupt *interrupt =
		container_of(work, struct mock_interrupt, work);
	struct mock_device *mock = interrupt->mock;
	struct iommu_viommu_event_selftest event;

	spin_lock(&mock->vdev_lock);
	if (mock->vdev) {
		event.virt_id = mock->vdev->virt_id;
		interrupt->rc = iommufd_viommu_report_event(mock->vdev->viommu,
							    IOMMU_VEVENTQ_TYPE_SELFTEST,
							    &event,
							    sizeof(event));
	}
	spin_unlock(&mock->vdev_lock);
}

int mock_trigger_vevent(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_interrupt interrupt = {
		.work = IRQ_WORK_INIT_HARD(handle_interrupt),
		.rc = -ENOENT,
	};
	struct iommufd_device *idev;

	idev = mock_get_idev(ucmd->ictx, cmd->trigger_vevent.dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	interrupt.mock = to_mock_device(idev->dev);
	irq_work_queue(&interrupt.work);
	irq_work_sync(&interrupt.work);
	iommufd_object_put(ucmd->ictx, &idev->obj);
	return interrupt.rc;
}
