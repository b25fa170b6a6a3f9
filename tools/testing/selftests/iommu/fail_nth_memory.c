// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping files and dma-bufs, with each step failing: see lib/failing.h.
 */
#include "lib/failing.h"

/* ---- Files ---- */

static int run_map_file(struct world *w)
{
	return ioas_map_file_at(w->fd, w->ioas, w->file, HALF, 4 * PAGE + HALF,
				2 * AT - 64 * PAGE);
}

SCENARIO(map_file, .prepare = an_ioas, .run = run_map_file, .own_steps = 3);
SCENARIO(map_file_in_two_hwpts, .prepare = two_hwpts, .run = run_map_file, .own_steps = 8);

/* There is nothing in the file: pinning it makes its pages. */
static int two_hwpts_and_holes(struct world *w)
{
	if (fallocate(w->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LENGTH))
		return -errno;
	return two_hwpts(w);
}

SCENARIO(map_file_with_holes, .prepare = two_hwpts_and_holes, .run = run_map_file,
	 .own_steps = 8);

/* Another process has mapped it, and is charged for what is pinned. */
static int files_of_another(struct world *w)
{
	int status;
	pid_t pid;

	if (an_ioas(w) || mock_attach(w->fd, w->ioas, &w->mock))
		return -EIO;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(-ioas_map_file_at(w->fd, w->ioas, w->file, 0, 4 * PAGE, AT));
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static int run_change_process(struct world *w)
{
	return ioas_change_process(w->fd);
}

static int check_charge(struct world *w, bool done)
{
	return memory_pinned() == (done ? 4 * PAGE : 0) ? 0 : -EBADE;
}

SCENARIO(change_process, .prepare = files_of_another, .run = run_change_process,
	 .check = check_charge, .own_steps = 1);

/* ---- Dma-bufs ---- */

SCENARIO(dmabuf_get, .run = a_dmabuf);

static int two_hwpts_and_a_dmabuf(struct world *w)
{
	return two_hwpts(w) ?: a_dmabuf(w);
}

static int run_map_dmabuf(struct world *w)
{
	return ioas_map_file_at(w->fd, w->ioas, w->dmabuf, HALF, 3 * PAGE, AT + 32 * PAGE);
}

SCENARIO(map_dmabuf, .prepare = two_hwpts_and_a_dmabuf, .run = run_map_dmabuf,
	 .own_steps = 6);

static int two_ioases_and_a_dmabuf(struct world *w)
{
	return a_dmabuf(w) ?: two_devices(w) ?: run_map_dmabuf(w);
}

static int run_copy_dmabuf(struct world *w)
{
	return ioas_copy_at(w->fd, w->other, w->ioas, AT + 33 * PAGE, PAGE, AT + 64 * PAGE);
}

SCENARIO(copy_dmabuf, .prepare = two_ioases_and_a_dmabuf, .run = run_copy_dmabuf,
	 .own_steps = 5);

static int run_hwpt_alloc_dmabuf(struct world *w)
{
	__u32 hwpt;

	return hwpt_alloc(w->fd, w->mock.dev, w->ioas, &hwpt);
}

SCENARIO(hwpt_alloc_with_a_dmabuf, .prepare = two_ioases_and_a_dmabuf,
	 .run = run_hwpt_alloc_dmabuf, .own_steps = 6);

static int run_unmap_dmabuf(struct world *w)
{
	return ioas_unmap(w->fd, w->ioas, AT + 32 * PAGE, 3 * PAGE, NULL);
}

SCENARIO(unmap_dmabuf, .prepare = two_ioases_and_a_dmabuf, .run = run_unmap_dmabuf,
	 .own_steps = 2, .answers_late = true);

TEST_HARNESS_MAIN
