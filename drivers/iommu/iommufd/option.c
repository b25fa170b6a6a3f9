// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_OPTION: what pinned memory counts against, and how large the pages of an
 * IOAS are.
 */
#include <linux/capability.h>

#include "iommufd_private.h"

static int set_rlimit_mode(struct iommufd_ctx *ictx, u64 value)
{
	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (value > 1)
		return -EINVAL;
	if (READ_ONCE(ictx->objects.used))
		return -EBUSY;
	/* An object being made right now has no memory yet, or this is refused */
	return iommufd_accounts_set_per_process(&ictx->accounts, value);
}

static int option_rlimit_mode(struct iommufd_ctx *ictx,
			      struct iommu_option *cmd)
{
	if (cmd->object_id)
		return -EOPNOTSUPP;
	if (cmd->op == IOMMU_OPTION_OP_SET)
		return set_rlimit_mode(ictx, cmd->val64);
	cmd->val64 = READ_ONCE(ictx->accounts.per_process);
	return 0;
}

static int option_huge_pages(struct iommufd_ctx *ictx, struct iommu_option *cmd)
{
	struct iommufd_ioas *ioas;
	int rc = 0;

	ioas = iommufd_get_ioas(ictx, cmd->object_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (cmd->op == IOMMU_OPTION_OP_GET)
		cmd->val64 = !READ_ONCE(ioas->map.smallest_pages);
	else if (cmd->val64 > 1)
		rc = -EINVAL;
	else
		rc = iova_map_set_smallest_pages(&ioas->map, !cmd->val64);
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}

int iommufd_option_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->op != IOMMU_OPTION_OP_SET && cmd->op != IOMMU_OPTION_OP_GET)
		return -EOPNOTSUPP;

	switch (cmd->option_id) {
	case IOMMU_OPTION_RLIMIT_MODE:
		rc = option_rlimit_mode(ucmd->ictx, cmd);
		break;
	case IOMMU_OPTION_HUGE_PAGES:
		rc = option_huge_pages(ucmd->ictx, cmd);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (!rc && cmd->op == IOMMU_OPTION_OP_GET)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	return rc;
}
