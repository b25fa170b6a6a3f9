// SPDX-License-Identifier: GPL-2.0-only
/*
 * What uses an IOAS, in-kernel users and devices by VFIO, with each step failing: see
 * lib/failing.h.
 */
#include <poll.h>
#include <sys/eventfd.h>

#include "lib/failing.h"

/* ---- In-kernel users ---- */

static int an_access(struct world *w)
{
	return two_ioases(w) ?:
	       access_create(w->fd, w->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
			     &w->access);
}

static int an_access_with_pages(struct world *w)
{
	return an_access(w) ?:
	       access_pin(w->fd, w->access, 0, AT, 2 * PAGE, NULL, &w->pinned);
}

/* Nothing but the access pins. */
static int a_lone_access(struct world *w)
{
	return an_ioas_with_areas(w) ?:
	       access_create(w->fd, w->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
			     &w->access);
}

static int run_access_create(struct world *w)
{
	int access, err;

	err = access_create(w->fd, w->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES, &access);
	if (!err)
		w->access = access;
	return err;
}

SCENARIO(access_create, .prepare = an_ioas_with_areas, .run = run_access_create,
	 .own_steps = 1);

static int run_access_pin(struct world *w)
{
	__u32 pages;

	return access_pin(w->fd, w->access, MOCK_FLAGS_ACCESS_WRITE, AT + PAGE, 2 * PAGE,
			  w->pages + PAGE, &pages);
}

SCENARIO(access_pin, .prepare = a_lone_access, .run = run_access_pin, .own_steps = 2);
SCENARIO(access_pin_what_is_pinned, .prepare = an_access, .run = run_access_pin);

static int run_access_unpin(struct world *w)
{
	return access_unpin(w->fd, w->access, w->pinned);
}

SCENARIO(access_unpin, .prepare = an_access_with_pages, .run = run_access_unpin);

static int run_access_rw(struct world *w)
{
	char bytes[2 * PAGE];

	return access_rw(w->fd, w->access, MOCK_ACCESS_RW_SLOW_PATH, AT + HALF, bytes,
			 sizeof(bytes));
}

SCENARIO(access_rw, .prepare = a_lone_access, .run = run_access_rw);

/* What it has pinned goes even where it stays: the kernel user was told to unpin. */
static int run_access_replace(struct world *w)
{
	return access_replace(w->fd, w->access, w->other);
}

SCENARIO(access_replace, .prepare = an_access_with_pages, .run = run_access_replace,
	 .own_steps = 1);

/* It has to be told, and is. */
static int run_unmap_pinned(struct world *w)
{
	return ioas_unmap(w->fd, w->ioas, AT, 4 * PAGE, NULL);
}

SCENARIO(ioas_unmap_what_an_access_pinned, .prepare = an_access_with_pages,
	 .run = run_unmap_pinned, .undone = run_access_unpin, .own_steps = 3,
	 .answers_late = true);

static int an_access_to_a_file(struct world *w)
{
	return an_ioas(w) ?:
	       ioas_map_file_at(w->fd, w->ioas, w->file, 0, 4 * PAGE, AT) ?:
	       access_create(w->fd, w->ioas, MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES,
			     &w->access);
}

static int run_access_pin_file(struct world *w)
{
	__u32 pages;

	return access_pin(w->fd, w->access, MOCK_FLAGS_ACCESS_WRITE, AT + PAGE, 2 * PAGE,
			  NULL, &pages);
}

SCENARIO(access_pin_file, .prepare = an_access_to_a_file, .run = run_access_pin_file,
	 .own_steps = 2);
SCENARIO(access_rw_file, .prepare = an_access_to_a_file, .run = run_access_rw);

/* ---- A device of QEMU, through VFIO ---- */

static int two_ioases_alone(struct world *w)
{
	return an_ioas_with_areas(w) ?:
	       ioas_alloc(w->fd, &w->other) ?:
	       ioas_map_at(w->fd, w->other, w->pages + 16 * PAGE, 4 * PAGE, AT);
}

static int an_edu(struct world *w)
{
	return an_ioas_with_areas(w) ?: edu_open(&w->edu);
}

static int an_edu_bound(struct world *w)
{
	return an_edu(w) ?: edu_bind(&w->edu, w->fd);
}

static int an_edu_attached(struct world *w)
{
	return an_edu_bound(w) ?:
	       edu_attach(&w->edu, w->ioas) ?:
	       ioas_alloc(w->fd, &w->other) ?:
	       ioas_map_at(w->fd, w->other, w->pages + 16 * PAGE, 4 * PAGE, AT);
}

static int run_edu_bind(struct world *w)
{
	return edu_bind(&w->edu, w->fd);
}

SCENARIO(vfio_bind, .prepare = an_edu, .run = run_edu_bind, .own_steps = 1,
	 .answers_late = true, .on_edu = true);

static int run_edu_attach(struct world *w)
{
	return edu_attach(&w->edu, w->ioas);
}

SCENARIO(vfio_attach, .prepare = an_edu_bound, .run = run_edu_attach, .own_steps = 8,
	 .on_edu = true);

static int run_edu_replace(struct world *w)
{
	return edu_attach(&w->edu, w->other);
}

SCENARIO(vfio_replace, .prepare = an_edu_attached, .run = run_edu_replace, .own_steps = 8,
	 .on_edu = true);

/*
 * Where the platform wants the page that an interrupt is sent to in the page table,
 * it is mapped before the device comes to an HWPT, and is no more if it does not.
 */
static int an_edu_with_msi(struct world *w)
{
	int event = eventfd(0, EFD_CLOEXEC);
	int err;

	err = an_edu_attached(w) ?:
	      edu_irq_enable(&w->edu, VFIO_PCI_MSI_IRQ_INDEX, event) ?:
	      hwpt_alloc(w->fd, w->edu.id, w->other, &w->hwpt);
	close(event);
	return err;
}

static int run_edu_replace_by_hwpt(struct world *w)
{
	return edu_attach(&w->edu, w->hwpt);
}

SCENARIO(vfio_replace_with_msi, .prepare = an_edu_with_msi, .run = run_edu_replace_by_hwpt,
	 .own_steps = 1, .on_edu = true);

/*
 * Such a page is mapped in all HWPTs that devices are attached to, also where the
 * interrupt is not of theirs. Where it cannot be in one, it is in none of them, or it
 * would be in the way when it is mapped again.
 */
static int two_groups_without_msi(struct world *w)
{
	return two_ioases_alone(w) ?:
	       edu_open(&w->edu) ?: edu_open(&w->edu_second) ?:
	       edu_bind(&w->edu, w->fd) ?: edu_bind(&w->edu_second, w->fd) ?:
	       edu_attach(&w->edu, w->ioas) ?: edu_attach(&w->edu_second, w->other) ?:
	       edu_start(&w->edu) ?: edu_start(&w->edu_second);
}

static int run_msi_enable(struct world *w)
{
	int event = eventfd(0, EFD_CLOEXEC);
	int err = edu_irq_enable(&w->edu, VFIO_PCI_MSI_IRQ_INDEX, event);

	close(event);
	/* What 6.1's MSI core makes of it */
	return err == -ENOSPC ? -ENOMEM : err;
}

/* Does an interrupt of the device arrive? */
static int check_msi(struct edu *edu)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct pollfd poll_fd = { .fd = event, .events = POLLIN };
	int err = edu_irq_enable(edu, VFIO_PCI_MSI_IRQ_INDEX, event);

	if (!err) {
		edu_irq_raise(edu, 1);
		err = poll(&poll_fd, 1, 10000) == 1 ? 0 : -ETIMEDOUT;
		edu_irq_ack(edu, 1);
	}
	close(event);
	return err;
}

static int check_msis(struct world *w, bool done)
{
	return done ? check_msi(&w->edu) ?: check_msi(&w->edu_second) : 0;
}

/* An SMMU translates interrupts. */
#ifdef __aarch64__
#define DOORBELL_STEPS 2
#else
#define DOORBELL_STEPS 0
#endif

SCENARIO(vfio_msi_of_two_groups, .prepare = two_groups_without_msi, .run = run_msi_enable,
	 .check = check_msis, .own_steps = DOORBELL_STEPS, .spares_slabs = true,
	 .on_edu_groups = true);

/*
 * Two devices in one group move together. Where the second cannot, the first goes
 * back, with no memory to be had; and DMA says where it goes through.
 */
static int a_pair_attached(struct world *w)
{
	return an_ioas_with_areas(w) ?:
	       edu_open(&w->edu) ?: edu_open(&w->edu_second) ?:
	       edu_bind(&w->edu, w->fd) ?: edu_bind(&w->edu_second, w->fd) ?:
	       edu_attach(&w->edu, w->ioas) ?: edu_attach(&w->edu_second, w->ioas) ?:
	       edu_start(&w->edu) ?:
	       ioas_alloc(w->fd, &w->other) ?:
	       ioas_map_at(w->fd, w->other, w->pages + 16 * PAGE, 4 * PAGE, AT);
}

static int check_dma_of_pair(struct world *w, bool done)
{
	char *target = w->pages + PAGE, *elsewhere = w->pages + 17 * PAGE;
	int err;

	/* That the others work, other tests tell. */
	if (done)
		return 0;
	memset(w->pages, 0x5a, 64);
	memset(target, 0, 64);
	memset(elsewhere, 0, 64);
	err = edu_copy(&w->edu, AT + PAGE, AT, 64);
	if (!err && (memcmp(w->pages, target, 64) || elsewhere[0]))
		err = -EBADE;
	return err;
}

SCENARIO(vfio_replace_of_a_group, .prepare = a_pair_attached, .run = run_edu_replace,
	 .check = check_dma_of_pair, .own_steps = 8, .on_edu_pair = true);

static int run_edu_map(struct world *w)
{
	return ioas_map_at(w->fd, w->ioas, w->pages, LENGTH, 2 * AT);
}

SCENARIO(vfio_map, .prepare = an_edu_attached, .run = run_edu_map, .own_steps = 6,
	 .on_edu = true);

static int run_edu_detach(struct world *w)
{
	return edu_detach(&w->edu);
}

SCENARIO(vfio_detach, .prepare = an_edu_attached, .run = run_edu_detach, .on_edu = true);

TEST_HARNESS_MAIN
