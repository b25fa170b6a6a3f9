// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a device, QEMU's ivshmem, as an IOAS has it, with each step failing:
 * see lib/failing.h.
 *
 * It is open from the first failure to the last. QEMU 10 aborts now and then
 * (iotlb_to_section) where a BAR comes and goes many times while both CPUs run.
 */
#include "lib/failing.h"
#include "lib/shmem.h"

#define BAR_AT	(2 * AT)

static struct {
	int fd;	/* of an iommufd of its own */
	struct shmem shmem;
	void *bar;
} peer;

/* The first time */
static int open_peer(void)
{
	int err;

	if (peer.bar)
		return 0;
	peer.fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (peer.fd < 0)
		return -errno;
	err = shmem_find(&peer.shmem) ?:
	      edu_open(&peer.shmem.dev) ?:
	      edu_bind(&peer.shmem.dev, peer.fd) ?:
	      shmem_start(&peer.shmem);
	if (err)
		return err;
	peer.bar = shmem_map(&peer.shmem, 0, peer.shmem.size, PROT_READ | PROT_WRITE);
	return peer.bar ? 0 : -ENOMEM;
}

static int a_peer(struct world *w)
{
	return open_peer() ?: ioas_alloc(w->fd, &w->ioas);
}

static int a_peer_and_an_edu(struct world *w)
{
	return a_peer(w) ?: edu_open(&w->edu) ?: edu_bind(&w->edu, w->fd);
}

static int an_attached_edu(struct world *w)
{
	return a_peer_and_an_edu(w) ?: edu_attach(&w->edu, w->ioas);
}

static int run_map_bar(struct world *w)
{
	return ioas_map_at(w->fd, w->ioas, peer.bar, 4 * PAGE, BAR_AT);
}

SCENARIO(ioas_map_bar, .prepare = a_peer, .run = run_map_bar, .own_steps = 2, .on_shmem = true);
SCENARIO(ioas_map_bar_in_a_hwpt, .prepare = an_attached_edu, .run = run_map_bar,
	 .own_steps = 4, .on_edu = true, .on_shmem = true);

static int run_dma_buf(struct world *w)
{
	int fd = shmem_dma_buf_all(&peer.shmem);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

SCENARIO(vfio_dma_buf, .prepare = a_peer, .run = run_dma_buf, .on_shmem = true);

static int a_dma_buf_and_an_edu(struct world *w)
{
	int err = an_attached_edu(w);
	int fd;

	if (err)
		return err;
	fd = shmem_dma_buf_all(&peer.shmem);
	if (fd < 0)
		return fd;
	w->dmabuf = fd;
	return 0;
}

static int run_map_dma_buf(struct world *w)
{
	return ioas_map_file_at(w->fd, w->ioas, w->dmabuf, PAGE, 4 * PAGE, BAR_AT);
}

SCENARIO(ioas_map_file_dma_buf_of_bar, .prepare = a_dma_buf_and_an_edu,
	 .run = run_map_dma_buf, .own_steps = 4, .on_edu = true, .on_shmem = true);

static int a_mapped_bar_and_an_edu(struct world *w)
{
	return a_peer_and_an_edu(w) ?: run_map_bar(w) ?: ioas_alloc(w->fd, &w->other);
}

static int run_attach_edu(struct world *w)
{
	return edu_attach(&w->edu, w->ioas);
}

SCENARIO(vfio_attach_to_bar, .prepare = a_mapped_bar_and_an_edu, .run = run_attach_edu,
	 .own_steps = 6, .on_edu = true, .on_shmem = true);

static int a_bar_of_an_edu(struct world *w)
{
	return a_mapped_bar_and_an_edu(w) ?: run_attach_edu(w);
}

static int run_copy_bar(struct world *w)
{
	return ioas_copy_at(w->fd, w->ioas, w->ioas, BAR_AT + PAGE, 2 * PAGE, 2 * BAR_AT);
}

SCENARIO(ioas_copy_bar, .prepare = a_bar_of_an_edu, .run = run_copy_bar, .own_steps = 3,
	 .on_edu = true, .on_shmem = true);

static int run_unmap_bar(struct world *w)
{
	return ioas_unmap(w->fd, w->ioas, BAR_AT, 4 * PAGE, NULL);
}

SCENARIO(ioas_unmap_bar, .prepare = a_bar_of_an_edu, .run = run_unmap_bar,
	 .answers_late = true, .on_edu = true, .on_shmem = true);

static int run_leave_bar(struct world *w)
{
	return edu_attach(&w->edu, w->other);
}

SCENARIO(vfio_replace_from_bar, .prepare = a_bar_of_an_edu, .run = run_leave_bar,
	 .own_steps = 3, .on_edu = true, .on_shmem = true);

static int run_detach_from_bar(struct world *w)
{
	return edu_detach(&w->edu);
}

SCENARIO(vfio_detach_from_bar, .prepare = a_bar_of_an_edu, .run = run_detach_from_bar,
	 .on_edu = true, .on_shmem = true);

TEST_HARNESS_MAIN
