// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf of pages in memory that behaves as one of a device's memory: it can
 * lose what is behind it, and get it back.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

#define MOCK_DMABUF_MAX_SIZE 0x200000

/**
 * struct mock_dmabuf - what is behind a mock dma-buf
 * @revoked: that is nothing now; guarded by the dma-buf's reservation lock
 * @npages: number of @pages
 * @pages: the pages, wherever there were free ones; constant
 */
struct mock_dmabuf {
	bool revoked;
	unsigned int npages;
	struct page *pages[];
};

static void mock_dmabuf_free(struct mock_dmabuf *mock)
{
	unsigned int i;

	for (i = 0; i < mock->npages; i++)
		__free_page(mock->pages[i]);
	kvfree(mock);
}

static struct mock_dmabuf *mock_dmabuf_alloc(unsigned int npages)
{
	struct mock_dmabuf *mock;
	struct page *page;

	mock = kvzalloc(struct_size(mock, pages, npages), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return NULL;
	while (mock->npages < npages) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page) {
			mock_dmabuf_free(mock);
			return NULL;
		}
		mock->pages[mock->npages++] = page;
	}
	return mock;
}

static int mock_dmabuf_phys_run(struct dma_buf_attachment *attach,
				size_t offset, struct dma_buf_phys_run *run)
{
	struct mock_dmabuf *mock = attach->dmabuf->priv;
	unsigned long first = offset >> PAGE_SHIFT;
	unsigned long pfn, next;

	dma_resv_assert_held(attach->dmabuf->resv);

	if (first >= mock->npages)
		return -EINVAL;
	if (mock->revoked)
		return -EAGAIN;
	pfn = page_to_pfn(mock->pages[first]);
	for (next = first + 1; next < mock->npages; next++) {
		if (page_to_pfn(mock->pages[next]) != pfn + next - first)
			break;
	}
	run->phys = PFN_PHYS(pfn) + offset_in_page(offset);
	run->length = next * PAGE_SIZE - offset;
	run->mmio = false;
	return 0;
}

/* So that a test can tell which pages they are */
static int mock_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct mock_dmabuf *mock = dmabuf->priv;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return vm_map_pages(vma, mock->pages, mock->npages);
}

static int mock_dmabuf_pin(struct dma_buf_attachment *attach)
{
	return -EOPNOTSUPP;
}

static void mock_dmabuf_unpin(struct dma_buf_attachment *attach)
{
}

static struct sg_table *mock_dmabuf_map(struct dma_buf_attachment *attach,
					enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void mock_dmabuf_unmap(struct dma_buf_attachment *attach,
			      struct sg_table *sgt, enum dma_data_direction dir)
{
}

static void mock_dmabuf_release(struct dma_buf *dmabuf)
{
	mock_dmabuf_free(dmabuf->priv);
}

static const struct dma_buf_ops mock_dmabuf_ops = {
	.pin = mock_dmabuf_pin,
	.unpin = mock_dmabuf_unpin,
	.map_dma_buf = mock_dmabuf_map,
	.unmap_dma_buf = mock_dmabuf_unmap,
	.phys_run = mock_dmabuf_phys_run,
	.mmap = mock_dmabuf_mmap,
	.release = mock_dmabuf_release,
};

/* IOMMU_TEST_OP_DMABUF_GET; returns a file descriptor */
int mock_dmabuf_get(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	unsigned int flags = cmd->dmabuf_get.open_flags;
	unsigned long length = cmd->dmabuf_get.length;
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mock_dmabuf *mock;
	struct dma_buf *dmabuf;
	int fd;

	if (flags & ~(O_ACCMODE | O_CLOEXEC))
		return -EINVAL;
	if (!length || length > MOCK_DMABUF_MAX_SIZE || !PAGE_ALIGNED(length))
		return -EINVAL;
	mock = mock_dmabuf_alloc(length >> PAGE_SHIFT);
	if (!mock)
		return -ENOMEM;

	info.ops = &mock_dmabuf_ops;
	info.size = length;
	info.flags = flags;
	info.priv = mock;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		mock_dmabuf_free(mock);
		return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, flags);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

/* IOMMU_TEST_OP_DMABUF_REVOKE */
int mock_dmabuf_revoke(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_dmabuf *mock;
	struct dma_buf *dmabuf;
	int rc = 0;

	dmabuf = dma_buf_get(cmd->dmabuf_revoke.dmabuf_fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (dmabuf->ops != &mock_dmabuf_ops) {
		rc = -EINVAL;
		goto out_put;
	}
	mock = dmabuf->priv;
	dma_resv_lock(dmabuf->resv, NULL);
	if (mock->revoked != !!cmd->dmabuf_revoke.revoked) {
		mock->revoked = cmd->dmabuf_revoke.revoked;
		dma_buf_move_notify(dmabuf);
	}
	dma_resv_unlock(dmabuf->resv);
out_put:
	dma_buf_put(dmabuf);
	return rc;
}
