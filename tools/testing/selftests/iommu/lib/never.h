/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that never comes: who touches it waits, in the kernel too. To be included
 * once per program, after testing.h.
 */
#ifndef SELFTESTS_IOMMU_NEVER_H
#define SELFTESTS_IOMMU_NEVER_H

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <linux/userfaultfd.h>

/* Who waits does so no longer than this, lest a failure should stop the machine. */
#define NEVER_SECONDS 20

struct never {
	void *page;
	int uffd;
	struct peer *peer;
};

static inline void never_init(struct __test_metadata *_metadata, struct never *never)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	never->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	ASSERT_NE(MAP_FAILED, never->page);
	never->uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	ASSERT_LE(0, never->uffd);
	ASSERT_EQ(0, ioctl(never->uffd, UFFDIO_API, &api));
	reg.range.start = (uintptr_t)never->page;
	reg.range.len = PAGE;
	ASSERT_EQ(0, ioctl(never->uffd, UFFDIO_REGISTER, &reg));
}

static inline void *never_watch(void *arg)
{
	struct never *never = arg;
	struct uffd_msg msg;

	if (read(never->uffd, &msg, sizeof(msg)) == sizeof(msg))
		write(never->peer->out, "!", 1);
	return NULL;
}

/*
 * A page for the child of fork_peer(). As somebody touches it the parent, which is to
 * hear() it, is told. The child is killed then, or ends some seconds later.
 */
static inline void *never_for_peer(struct __test_metadata *_metadata, struct never *never,
				   struct peer *peer)
{
	pthread_t watcher;

	never_init(_metadata, never);
	never->peer = peer;
	ASSERT_EQ(0, pthread_create(&watcher, NULL, never_watch, never));
	signal(SIGALRM, SIG_DFL);
	alarm(NEVER_SECONDS);
	return never->page;
}

#endif
