// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mock in-kernel user of an IOAS. To user space it is a file, which keeps the
 * pages that it has pinned by number.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../iommufd_private.h"
#include "../iommufd_test.h"
#include "mock.h"

/* What one operation pins, or copies, at most */
#define MOCK_ACCESS_MAX_LENGTH (16 * 1024 * 1024)

/**
 * struct mock_access - a file that stands for an access
 * @access: the access
 * @needs_pin_pages: of which kind it is, constant
 * @lock: guards the two below. Held while pages are pinned, for that unmap, which
 *	takes it too, finds them noted.
 * @items: struct mock_access_item
 * @next_id: for the next of them
 */
struct mock_access {
	struct iommufd_access *access;
	bool needs_pin_pages;
	struct mutex lock; /* guards items */
	struct list_head items;
	u32 next_id;
};

/**
 * struct mock_access_item - pages that are pinned
 * @item: in mock_access.items
 * @id: the user's name for it
 * @iova: as they were pinned
 * @length: likewise
 */
struct mock_access_item {
	struct list_head item;
	u32 id;
	unsigned long iova;
	unsigned long length;
};

static void item_free(struct mock_access *mock, struct mock_access_item *item)
{
	lockdep_assert_held(&mock->lock);

	list_del(&item->item);
	iommufd_access_unpin_pages(mock->access, item->iova, item->length);
	kfree(item);
}

static int item_free_id(struct mock_access *mock, u32 id)
{
	struct mock_access_item *item;
	int rc = -ENOENT;

	mutex_lock(&mock->lock);
	list_for_each_entry(item, &mock->items, item) {
		if (item->id == id) {
			item_free(mock, item);
			rc = 0;
			break;
		}
	}
	mutex_unlock(&mock->lock);
	return rc;
}

static void mock_access_unmap(void *data, unsigned long iova,
			      unsigned long length)
{
	struct mock_access_item *item, *next;
	struct mock_access *mock = data;

	mutex_lock(&mock->lock);
	list_for_each_entry_safe(item, next, &mock->items, item) {
		if (item->iova <= iova + length - 1 &&
		    iova <= item->iova + item->length - 1)
			item_free(mock, item);
	}
	mutex_unlock(&mock->lock);
}

static const struct iommufd_access_ops mock_access_ops = {
};

static const struct iommufd_access_ops mock_access_pin_ops = {
	.needs_pin_pages = 1,
	.unmap = mock_access_unmap,
};

static int mock_access_release(struct inode *inode, struct file *file)
{
	struct mock_access *mock = file->private_data;

	/* What is pinned goes by way of unmap */
	iommufd_access_destroy(mock->access);
	WARN_ON(!list_empty(&mock->items));
	mutex_destroy(&mock->lock);
	kfree(mock);
	return 0;
}

static const struct file_operations mock_access_fops = {
	.release = mock_access_release,
};

static struct file *get_access_file(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op != &mock_access_fops) {
		fput(file);
		return ERR_PTR(-EBADFD);
	}
	return file;
}

/* A file for an access that is attached to the IOAS */
static struct file *access_file(struct iommufd_ctx *ictx, u32 ioas_id,
				bool needs_pin_pages)
{
	struct mock_access *mock;
	struct file *file;
	u32 id;
	int rc;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->needs_pin_pages = needs_pin_pages;
	mutex_init(&mock->lock);
	INIT_LIST_HEAD(&mock->items);

	mock->access = iommufd_access_create(ictx, needs_pin_pages ?
						&mock_access_pin_ops :
						&mock_access_ops, mock, &id);
	if (IS_ERR(mock->access)) {
		rc = PTR_ERR(mock->access);
		goto out_free;
	}
	rc = iommufd_access_attach(mock->access, ioas_id);
	if (rc)
		goto out_destroy;
	file = anon_inode_getfile("[iommufd_mock_access]", &mock_access_fops,
				  mock, O_RDWR);
	if (!IS_ERR(file))
		return file;
	rc = PTR_ERR(file);

out_destroy:
	iommufd_access_destroy(mock->access);
out_free:
	mutex_destroy(&mock->lock);
	kfree(mock);
	return ERR_PTR(rc);
}

int mock_create_access(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	u32 flags = cmd->create_access.flags;
	struct file *file;
	int fd, rc;

	if (flags & ~MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES)
		return -EOPNOTSUPP;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = access_file(ucmd->ictx, cmd->id,
			   flags & MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES);
	if (IS_ERR(file)) {
		rc = PTR_ERR(file);
		goto out_put_fd;
	}
	cmd->create_access.out_access_fd = fd;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto out_fput;
	fd_install(fd, file);
	return 0;

out_fput:
	fput(file);
out_put_fd:
	put_unused_fd(fd);
	return rc;
}

int mock_access_replace_ioas(struct iommufd_ucmd *ucmd,
			     struct iommu_test_cmd *cmd)
{
	struct mock_access *mock;
	struct file *file;
	int rc;

	file = get_access_file(cmd->id);
	if (IS_ERR(file))
		return PTR_ERR(file);
	mock = file->private_data;
	rc = iommufd_access_replace(mock->access,
				    cmd->access_replace_ioas.ioas_id);
	fput(file);
	return rc;
}

int mock_destroy_access_pages(struct iommufd_ucmd *ucmd,
			      struct iommu_test_cmd *cmd)
{
	struct file *file;
	int rc;

	file = get_access_file(cmd->id);
	if (IS_ERR(file))
		return PTR_ERR(file);
	rc = item_free_id(file->private_data,
			  cmd->destroy_access_pages.access_pages_id);
	fput(file);
	return rc;
}

/*
 * A program that makes up arguments does not guess an IOVA that is mapped, but
 * with MOCK_FLAGS_ACCESS_SYZ it need not: the low half of the IOVA is the
 * number of an area then, the high half an offset into it.
 */
static int syz_iova(struct iova_map *map, u32 *flags, u64 *iova)
{
	u32 nr = lower_32_bits(*iova);
	struct iova_area *area;
	int rc;

	rc = down_read_killable(&map->rwsem);
	if (rc)
		return rc;
	rc = -ENOENT;
	iova_map_for_each_area(map, area, 0, ULONG_MAX) {
		if (!nr--) {
			*iova = area->iova + upper_32_bits(*iova);
			*flags &= ~MOCK_FLAGS_ACCESS_SYZ;
			rc = 0;
			break;
		}
	}
	up_read(&map->rwsem);
	return rc;
}

static int syz_access(struct iommufd_access *access, u32 *flags, u64 *iova)
{
	struct iommufd_ioas *ioas;
	int rc;

	if (!(*flags & MOCK_FLAGS_ACCESS_SYZ))
		return 0;
	ioas = iommufd_access_get_ioas(access);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = syz_iova(&ioas->map, flags, iova);
	iommufd_object_put(iommufd_access_to_ictx(access), &ioas->obj);
	return rc;
}

/*
 * The same for an ioctl of an IOAS. Where there is no such area the flag stays,
 * and is refused there as one that nobody knows.
 */
void iommufd_test_syz_iova(struct iommufd_ctx *ictx, u32 ioas_id, u32 *flags,
			   u64 *iova)
{
	struct iommufd_ioas *ioas;

	if (!(*flags & MOCK_FLAGS_ACCESS_SYZ))
		return;
	ioas = iommufd_get_ioas(ictx, ioas_id);
	if (IS_ERR(ioas))
		return;
	syz_iova(&ioas->map, flags, iova);
	iommufd_object_put(ictx, &ioas->obj);
}

/* Is there what was pinned? A page that is gone may be compared, not touched */
static int check_pages(struct page **pages, unsigned long npages,
		       unsigned long va)
{
	for (; npages; npages--, pages++, va += PAGE_SIZE) {
		struct page *page = mock_page_at(va);

		if (IS_ERR(page))
			return PTR_ERR(page);
		put_page(page);
		if (page != *pages)
			return -EBADE;
		cond_resched();
	}
	return 0;
}

static int pin_item(struct mock_access *mock, struct mock_access_item *item,
		    struct page **pages, unsigned int flags, u32 *id)
{
	int rc;

	mutex_lock(&mock->lock);
	rc = iommufd_access_pin_pages(mock->access, item->iova, item->length,
				      pages, flags);
	if (!rc) {
		*id = item->id = ++mock->next_id;
		list_add_tail(&item->item, &mock->items);
	}
	mutex_unlock(&mock->lock);
	return rc;
}

static int access_pages(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd,
			struct mock_access *mock)
{
	unsigned int flags = cmd->access_pages.flags & MOCK_FLAGS_ACCESS_WRITE ?
				     IOMMUFD_ACCESS_RW_WRITE :
				     IOMMUFD_ACCESS_RW_READ;
	unsigned long in_page = offset_in_page(cmd->access_pages.iova);
	unsigned long npages =
		DIV_ROUND_UP(in_page + cmd->access_pages.length, PAGE_SIZE);
	struct mock_access_item *item;
	struct page **pages;
	int rc;

	pages = kvcalloc(npages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item) {
		rc = -ENOMEM;
		goto out_free_pages;
	}
	item->iova = cmd->access_pages.iova;
	item->length = cmd->access_pages.length;
	rc = pin_item(mock, item, pages, flags,
		      &cmd->access_pages.out_access_pages_id);
	if (rc) {
		kfree(item);
		goto out_free_pages;
	}

	/* From here on unmap may have freed the item already */
	if (cmd->access_pages.uptr)
		rc = check_pages(pages, npages,
				 cmd->access_pages.uptr - in_page);
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		item_free_id(mock, cmd->access_pages.out_access_pages_id);
out_free_pages:
	kvfree(pages);
	return rc;
}

int mock_access_pages(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock;
	struct file *file;
	int rc;

	if (cmd->access_pages.flags &
	    ~(MOCK_FLAGS_ACCESS_WRITE | MOCK_FLAGS_ACCESS_SYZ))
		return -EOPNOTSUPP;
	if (cmd->access_pages.length > MOCK_ACCESS_MAX_LENGTH)
		return -ENOMEM;

	file = get_access_file(cmd->id);
	if (IS_ERR(file))
		return PTR_ERR(file);
	mock = file->private_data;
	rc = syz_access(mock->access, &cmd->access_pages.flags,
			&cmd->access_pages.iova);
	if (!rc && !mock->needs_pin_pages)
		rc = -EOPNOTSUPP;
	if (!rc)
		rc = access_pages(ucmd, cmd, mock);
	fput(file);
	return rc;
}

static int access_rw(struct mock_access *mock, struct iommu_test_cmd *cmd)
{
	void __user *uptr = u64_to_user_ptr(cmd->access_rw.uptr);
	bool write = cmd->access_rw.flags & MOCK_ACCESS_RW_WRITE;
	unsigned int flags = 0;
	void *buf;
	int rc;

	buf = kvzalloc(cmd->access_rw.length, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	if (write)
		flags |= IOMMUFD_ACCESS_RW_WRITE;
	if (cmd->access_rw.flags & MOCK_ACCESS_RW_SLOW_PATH)
		flags |= __IOMMUFD_ACCESS_RW_SLOW_PATH;

	rc = 0;
	if (write && copy_from_user(buf, uptr, cmd->access_rw.length))
		rc = -EFAULT;
	if (!rc)
		rc = iommufd_access_rw(mock->access, cmd->access_rw.iova, buf,
				       cmd->access_rw.length, flags);
	if (!rc && !write && copy_to_user(uptr, buf, cmd->access_rw.length))
		rc = -EFAULT;
	kvfree(buf);
	return rc;
}

int mock_access_rw(struct iommufd_ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_access *mock;
	struct file *file;
	int rc;

	if (cmd->access_rw.flags &
	    ~(MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH |
	      MOCK_FLAGS_ACCESS_SYZ))
		return -EOPNOTSUPP;
	if (cmd->access_rw.length > MOCK_ACCESS_MAX_LENGTH)
		return -ENOMEM;

	file = get_access_file(cmd->id);
	if (IS_ERR(file))
		return PTR_ERR(file);
	mock = file->private_data;
	rc = syz_access(mock->access, &cmd->access_rw.flags,
			&cmd->access_rw.iova);
	if (!rc)
		rc = access_rw(mock, cmd);
	fput(file);
	return rc;
}
