// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of a /dev/iommu: pages of the hardware that a driver gives to the owner
 * of a VIOMMU, for the guest to use without a trap.
 *
 * A driver makes such a place with iommufd_viommu_alloc_mmap(), and the user
 * learns its offset from the driver's data. As long as it is mapped the VIOMMU
 * is linked, so that the page is never mapped longer than it is the VM's.
 */
#include <linux/iommufd.h>
#include <linux/mm.h>

#include "iommufd_private.h"

static void mmap_open(struct vm_area_struct *vma)
{
	struct iommufd_mmap *place = vma->vm_private_data;

	iommufd_object_link(&place->viommu->obj);
}

static void mmap_close(struct vm_area_struct *vma)
{
	struct iommufd_mmap *place = vma->vm_private_data;

	iommufd_object_unlink(&place->viommu->obj);
}

static vm_fault_t mmap_fault(struct vm_fault *vmf)
{
	struct iommufd_mmap *place = vmf->vma->vm_private_data;

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      PHYS_PFN(place->phys) + vmf->pgoff - place->pgoff);
}

static const struct vm_operations_struct mmap_ops = {
	.open = mmap_open,
	.close = mmap_close,
	.fault = mmap_fault,
};

/* The place at that offset, with its VIOMMU linked, or NULL */
static struct iommufd_mmap *find_mmap(struct iommufd_ctx *ictx,
				      unsigned long pgoff, unsigned long length)
{
	struct iommufd_mmap *place;
	struct iommufd_object *obj;

	/* Its VIOMMU cannot go while the lock is held: that erases the place */
	xa_lock(&ictx->mmaps);
	place = xa_load(&ictx->mmaps, pgoff);
	if (place) {
		obj = &place->viommu->obj;
		/* A VIOMMU that is not published may still go away */
		if (place->length == length && iommufd_object_tryget(ictx, obj)) {
			iommufd_object_link(obj);
			iommufd_object_put(ictx, obj);
		} else {
			place = NULL;
		}
	}
	xa_unlock(&ictx->mmaps);
	return place;
}

int iommufd_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long length = vma->vm_end - vma->vm_start;
	struct iommufd_ctx *ictx = file->private_data;
	struct iommufd_mmap *place;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EPERM;
	place = find_mmap(ictx, vma->vm_pgoff, length);
	if (!place)
		return -ENXIO;

	vma->vm_flags &= ~VM_MAYEXEC;
	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	if (!pfn_valid(PHYS_PFN(place->phys)))
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vma->vm_private_data = place;
	vma->vm_ops = &mmap_ops;
	return 0;
}
