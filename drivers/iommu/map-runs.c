// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping many physical runs in one call. Memory that is scattered consists of
 * thousands of runs, and what a driver does once per call, above all finding the
 * page table that the entry goes to, costs far more than writing the entry.
 */
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/sched.h>
#include <trace/events/iommu.h>

static int map_each_run(struct iommu_domain *domain, unsigned long iova,
			const struct iommu_run *runs, unsigned int nr_runs,
			int prot, gfp_t gfp, size_t *mapped)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr_runs; i++) {
		ret = iommu_map_nosync(domain, iova + *mapped, runs[i].phys,
				       runs[i].size, prot, gfp);
		if (ret)
			return ret;
		*mapped += runs[i].size;
	}
	return 0;
}

static void trace_runs(unsigned long iova, const struct iommu_run *runs,
		       unsigned int nr_runs)
{
	unsigned int i;

	for (i = 0; i < nr_runs; i++) {
		trace_map(iova, runs[i].phys, runs[i].size);
		iova += runs[i].size;
	}
}

/**
 * iommu_map_runs_nosync() - Map physical runs, one after the other
 * @domain: The domain to map in
 * @iova: Where the first of them starts
 * @runs: The runs; their addresses and sizes are multiples of the smallest page
 *        size of @domain, as @iova is
 * @nr_runs: How many
 * @prot: IOMMU_READ and the like
 * @gfp: For page tables; GFP_ATOMIC where the caller cannot sleep
 *
 * Does what iommu_map_nosync() does for each run, and leaves the same to the
 * caller: to cover the range with iommu_sync_map().
 *
 * Return: 0 or an error, and then nothing of the runs is mapped.
 */
int iommu_map_runs_nosync(struct iommu_domain *domain, unsigned long iova,
			  const struct iommu_run *runs, unsigned int nr_runs,
			  int prot, gfp_t gfp)
{
	size_t mapped = 0;
	int ret;

	if (domain->ops->map_runs) {
		might_sleep_if(gfpflags_allow_blocking(gfp));
		ret = domain->ops->map_runs(domain, iova, runs, nr_runs, prot,
					    gfp, &mapped);
		if (!ret && trace_map_enabled())
			trace_runs(iova, runs, nr_runs);
	} else {
		ret = map_each_run(domain, iova, runs, nr_runs, prot, gfp,
				   &mapped);
	}
	if (ret && mapped)
		iommu_unmap(domain, iova, mapped);
	return ret;
}
EXPORT_SYMBOL_GPL(iommu_map_runs_nosync);
