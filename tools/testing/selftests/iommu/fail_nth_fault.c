// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults and events of virtual IOMMUs, with each step failing: see
 * lib/failing.h.
 */
#include "lib/failing.h"
#include "lib/iopf.h"
#include "lib/nested.h"
#include "lib/pasid.h"
#include "lib/veventq.h"

/* The file is not needed */
static int fault_object(int fd, __u32 *fault)
{
	int file;
	int err = iopf_alloc(fd, fault, &file);

	if (file >= 0)
		close(file);
	return err;
}

static int run_fault_alloc(struct world *w)
{
	__u32 fault;

	return fault_object(w->fd, &fault);
}

SCENARIO(fault_alloc, .prepare = a_device, .run = run_fault_alloc);

static int a_fault(struct world *w)
{
	return an_ioas(w) ?:
	       mock_attach_flags(w->fd, w->ioas, MOCK_FLAGS_DEVICE_PASID, &w->mock) ?:
	       fault_object(w->fd, &w->other);
}

static int run_hwpt_alloc_fault(struct world *w)
{
	return iopf_hwpt_alloc(w->fd, w->mock.dev, w->ioas, IOMMU_HWPT_ALLOC_PASID, w->other,
			       &w->hwpt);
}

SCENARIO(hwpt_alloc_fault, .prepare = a_fault, .run = run_hwpt_alloc_fault, .own_steps = 1);

static int an_hwpt_with_fault(struct world *w)
{
	return a_fault(w) ?: run_hwpt_alloc_fault(w);
}

static int run_replace_fault(struct world *w)
{
	return mock_replace(w->fd, &w->mock, w->hwpt);
}

SCENARIO(replace_by_one_with_fault, .prepare = an_hwpt_with_fault, .run = run_replace_fault,
	 .own_steps = 2, .answers_late = true);

static int two_hwpts_with_fault(struct world *w)
{
	return an_hwpt_with_fault(w) ?: run_replace_fault(w) ?: run_hwpt_alloc_fault(w);
}

SCENARIO(replace_one_with_fault, .prepare = two_hwpts_with_fault, .run = run_replace_fault,
	 .own_steps = 2, .answers_late = true);

static int an_attached_fault(struct world *w)
{
	return an_hwpt_with_fault(w) ?: run_replace_fault(w);
}

static int run_pasid_attach(struct world *w)
{
	return pasid_attach(w->fd, w->mock.id, 70, w->hwpt);
}

SCENARIO(pasid_attach_fault, .prepare = an_attached_fault, .run = run_pasid_attach,
	 .own_steps = 2, .answers_late = true);

/* A group that could not be kept is refused, and nobody is told. */
static int run_fault(struct world *w)
{
	struct iommu_hwpt_pgfault faults[2];
	__u32 fault, hwpt, grpid, code;
	int file, got = 0;
	int err;

	err = iopf_alloc(w->fd, &fault, &file);
	if (err)
		return err;
	err = iopf_hwpt_alloc(w->fd, w->mock.dev, w->ioas, 0, fault, &hwpt) ?:
	      mock_replace(w->fd, &w->mock, hwpt) ?:
	      mock_request(w->fd, w->mock.dev, PARTIAL, 1, AT) ?:
	      mock_request(w->fd, w->mock.dev, LAST, 1, AT);
	if (!err) {
		got = iopf_read(file, faults, sizeof(faults));
		err = got < 0 ? got : iopf_answer(file, faults[0].cookie, SUCCESS);
	}
	close(file);
	if (err == -EAGAIN)
		err = -ENOMEM;
	/* Whoever it was, somebody has answered */
	if (!err)
		err = mock_answer(w->fd, w->mock.dev, &grpid, &code);
	return err;
}

SCENARIO(a_fault_from_begin_to_end, .prepare = a_device, .run = run_fault, .own_steps = 3,
	 .is_story = true);

static int a_viommu(struct world *w)
{
	__u32 vdevice;

	return a_device(w) ?:
	       parent_alloc(w->fd, w->mock.dev, w->ioas, &w->hwpt) ?:
	       viommu_alloc(w->fd, w->mock.dev, w->hwpt, &w->other) ?:
	       vdevice_alloc(w->fd, w->other, w->mock.dev, 7, &vdevice);
}

static int run_veventq_alloc(struct world *w)
{
	__u32 veventq;
	int file;
	int err = veventq_alloc(w->fd, w->other, 8, &veventq, &file);

	if (file >= 0)
		close(file);
	return err;
}

SCENARIO(veventq_alloc, .prepare = a_viommu, .run = run_veventq_alloc, .own_steps = 1);

TEST_HARNESS_MAIN
