/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all tests here begin with. To be included once per program: it brings in
 * the harness, and with it main()'s parts.
 */
#ifndef SELFTESTS_IOMMU_TESTING_H
#define SELFTESTS_IOMMU_TESTING_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../../kselftest_harness.h"
#include "edu.h"
#include "iommufd.h"
#include "memory.h"

/* An emulated machine with lockdep on a busy host: this only ends what hangs. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 180

static inline const char *errno_name(int err)
{
	return err ? strerrorname_np(err) : "success";
}

/* The call, one of lib/, is to fail with this errno; 0 is success. */
#define ASSERT_ERRNO(expected, call_) do { \
	const int want_ = (expected), got_ = -(call_); \
	ASSERT_EQ(want_, got_) { \
		TH_LOG("%s: expected %s, got %s", last_call, \
		       errno_name(want_), errno_name(got_)); \
	} \
} while (0)

#define EXPECT_ERRNO(expected, call_) do { \
	const int want_ = (expected), got_ = -(call_); \
	EXPECT_EQ(want_, got_) { \
		TH_LOG("%s: expected %s, got %s", last_call, \
		       errno_name(want_), errno_name(got_)); \
	} \
} while (0)

#define ASSERT_OK(call_) ASSERT_ERRNO(0, call_)
#define EXPECT_OK(call_) EXPECT_ERRNO(0, call_)

/*
 * For a setup, in which the harness would go on with the test after a SKIP()
 * that returns.
 */
#define SKIP_TEST(fmt, ...) SKIP(_exit(255), fmt, ##__VA_ARGS__)

/* A context with an empty IOAS, and a device bound to it. */
struct bound {
	int iommufd;
	__u32 ioas;
	struct edu edu;
};

static inline int open_iommufd(struct __test_metadata *_metadata)
{
	int fd = iommufd_open();

	ASSERT_LE(0, fd) {
		TH_LOG("/dev/iommu: %s", strerror(-fd));
	}
	return fd;
}

static inline void find_edu(struct __test_metadata *_metadata, struct edu *edu,
			    unsigned int which)
{
	if (edu_find(edu, which))
		SKIP_TEST("this machine has %u edu devices or fewer", which);
	ASSERT_NE('\0', edu->cdev[0]) {
		TH_LOG("%s has no character device in vfio-dev/", edu->bdf);
	}
}

/* A device whose group is another one than that of the first. */
static inline void find_edu_of_another_group(struct __test_metadata *_metadata,
					     const struct edu *one, struct edu *other)
{
	unsigned int which = 0;

	do
		find_edu(_metadata, other, which++);
	while (other->group == one->group);
}

/* With the device that b->edu already says. */
static inline void setup_bound_to(struct __test_metadata *_metadata, struct bound *b)
{
	b->iommufd = open_iommufd(_metadata);
	ASSERT_EQ(0, edu_open(&b->edu)) {
		TH_LOG("%s: %s", b->edu.cdev, strerror(errno));
	}
	ASSERT_OK(edu_bind(&b->edu, b->iommufd));
	ASSERT_OK(ioas_alloc(b->iommufd, &b->ioas));
}

static inline void setup_bound(struct __test_metadata *_metadata, struct bound *b,
			       unsigned int which)
{
	find_edu(_metadata, &b->edu, which);
	setup_bound_to(_metadata, b);
}

/* The device attached to the IOAS, and free to do DMA. */
static inline void setup_attached(struct __test_metadata *_metadata, struct bound *b,
				  unsigned int which)
{
	setup_bound(_metadata, b, which);
	ASSERT_OK(edu_attach(&b->edu, b->ioas));
	ASSERT_OK(edu_start(&b->edu));
}

/* DMA of a device that is bound and no more: from memory, and back to it. */
static inline void expect_dma_by_new_ioas(struct __test_metadata *_metadata, struct edu *edu,
					  int iommufd)
{
	const __u64 at = 0x40000000;
	__u8 *page = memory_pages(PAGE);
	__u32 ioas;

	ASSERT_NE(NULL, page);
	memset(page, 0x5a, PAGE / 2);
	memset(page + PAGE / 2, 0, PAGE / 2);
	ASSERT_OK(ioas_alloc(iommufd, &ioas));
	ASSERT_OK(ioas_map_at(iommufd, ioas, page, PAGE, at));
	ASSERT_OK(edu_attach(edu, ioas));
	ASSERT_OK(edu_start(edu));
	ASSERT_EQ(0, edu_copy(edu, at + PAGE / 2, at, PAGE / 2));
	EXPECT_TRUE(memory_is_all(page, PAGE, 0x5a));
}

static inline void close_bound(struct bound *b)
{
	edu_close(&b->edu);
	close(b->iommufd);
}

/* Memory of that kind, or skip. */
static inline void *alloc_memory(struct __test_metadata *_metadata,
				 enum memory_kind kind, size_t length)
{
	const char *why;
	void *memory = memory_alloc(kind, length, &why);

	if (!memory)
		SKIP_TEST("%s", why);
	return memory;
}

/*
 * A forked child that runs beside the test. Each end can tell() the other to go on, and
 * hear() it; one that hears nothing because the other died fails the test.
 */
struct peer {
	pid_t pid;
	int in, out;
};

/* Returns true in the child, with the peer turned around. */
static inline bool fork_peer(struct __test_metadata *_metadata, struct peer *peer)
{
	int to_child[2], to_parent[2];

	ASSERT_EQ(0, pipe2(to_child, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(to_parent, O_CLOEXEC));
	peer->pid = fork();
	ASSERT_LE(0, peer->pid);
	/* It shall not keep the device when the test fails. */
	if (!peer->pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	peer->in = peer->pid ? to_parent[0] : to_child[0];
	peer->out = peer->pid ? to_child[1] : to_parent[1];
	close(peer->pid ? to_parent[1] : to_child[1]);
	close(peer->pid ? to_child[0] : to_parent[0]);
	return !peer->pid;
}

static inline void tell(struct __test_metadata *_metadata, struct peer *peer)
{
	ASSERT_EQ(1, write(peer->out, "!", 1));
}

static inline void hear(struct __test_metadata *_metadata, struct peer *peer)
{
	char byte;

	ASSERT_EQ(1, read(peer->in, &byte, 1)) {
		TH_LOG("the other process ended too early");
	}
}

/* The child's last words. */
#define end_child() _exit(!_metadata->passed)

static inline void wait_for_success(struct __test_metadata *_metadata, struct peer *peer)
{
	int status;

	ASSERT_EQ(peer->pid, waitpid(peer->pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status)) {
		TH_LOG("the other process ended with status %#x", status);
	}
}

static inline void kill_and_wait(struct __test_metadata *_metadata, struct peer *peer)
{
	int status;

	ASSERT_EQ(0, kill(peer->pid, SIGKILL));
	ASSERT_EQ(peer->pid, waitpid(peer->pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif
