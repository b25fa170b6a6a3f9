// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real device's DMA through the IOMMU: it arrives where it is mapped and nowhere
 * else, whatever is attached, replaced, unmapped, closed or killed meanwhile.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "lib/testing.h"

/* Memory is mapped here, and a second piece there. */
#define AT	0x40000000ULL
#define THERE	0x80000000ULL
/* Nothing is ever mapped here. */
#define NOWHERE	0xc0000000ULL

#define HALF	(PAGE / 2)

/* Longer than the 100 ms after which the device begins with its DMA. */
static void let_dma_happen(void)
{
	usleep(500000);
}

/* ---- Each kind of memory ---- */

FIXTURE(dma)
{
	struct bound bound;
	int fd;
	__u32 ioas;
	struct edu *edu;
	__u8 *from, *to;
	size_t length;
};

FIXTURE_VARIANT(dma)
{
	enum memory_kind kind;
	size_t length;
};

FIXTURE_VARIANT_ADD(dma, pages_of_4k)
{
	.kind = MEMORY_4K,
	.length = 16 * PAGE,
};

FIXTURE_VARIANT_ADD(dma, thp)
{
	.kind = MEMORY_THP,
	.length = 2 * HUGE,
};

FIXTURE_VARIANT_ADD(dma, hugetlb)
{
	.kind = MEMORY_HUGETLB,
	.length = 2 * HUGE,
};

/* Two pieces of memory at AT and THERE, one full, one empty. */
FIXTURE_SETUP(dma)
{
	setup_attached(_metadata, &self->bound, 0);
	self->fd = self->bound.iommufd;
	self->ioas = self->bound.ioas;
	self->edu = &self->bound.edu;
	self->length = variant->length;
	self->from = alloc_memory(_metadata, variant->kind, variant->length);
	self->to = alloc_memory(_metadata, variant->kind, variant->length);
	memory_fill(self->from, self->length, 1);
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->from, self->length, AT));
	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->to, self->length, THERE));
}

FIXTURE_TEARDOWN(dma)
{
	close_bound(&self->bound);
}

TEST_F(dma, arrives_at_the_first_and_last_bytes_and_between)
{
	const size_t offsets[] = {
		0, PAGE - HALF / 2, self->length / 2 - HALF / 2, self->length - HALF,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		size_t offset = offsets[i];

		ASSERT_EQ(0, edu_copy(self->edu, THERE + offset, AT + offset, HALF));
		EXPECT_EQ(0, memcmp(self->from + offset, self->to + offset, HALF));
		/* And nowhere beside. */
		memset(self->to + offset, 0, HALF);
		EXPECT_TRUE(memory_is_all(self->to, self->length, 0));
	}
	EXPECT_TRUE(memory_is(self->from, self->length, 1));
}

TEST_F(dma, sees_what_the_cpu_writes_and_the_cpu_what_it_writes)
{
	for (__u32 seed = 2; seed < 6; seed++) {
		memory_fill(self->from, PAGE, seed);
		ASSERT_EQ(0, edu_copy(self->edu, THERE + PAGE, AT, PAGE));
		EXPECT_TRUE(memory_is(self->to + PAGE, PAGE, seed));
	}
}

TEST_F(dma, does_not_arrive_where_nothing_is_mapped)
{
	ASSERT_EQ(0, edu_fetch(self->edu, AT, HALF));
	ASSERT_EQ(0, edu_store(self->edu, NOWHERE, HALF));
	ASSERT_EQ(0, edu_store(self->edu, THERE + self->length, HALF));
	ASSERT_EQ(0, edu_store(self->edu, THERE - PAGE, HALF));
	EXPECT_TRUE(memory_is_all(self->to, self->length, 0));
	EXPECT_TRUE(memory_is(self->from, self->length, 1));
	/* The device is none the worse for it. */
	ASSERT_EQ(0, edu_copy(self->edu, THERE, AT, HALF));
	EXPECT_EQ(0, memcmp(self->from, self->to, HALF));
}

TEST_F(dma, no_longer_arrives_after_unmap)
{
	ASSERT_EQ(0, edu_copy(self->edu, THERE, AT, HALF));
	EXPECT_EQ(0, memcmp(self->from, self->to, HALF));
	/* A part does not go, and all of it still works. */
	EXPECT_ERRNO(ENOENT, ioas_unmap(self->fd, self->ioas, THERE, self->length / 2, NULL));
	memset(self->to, 0, self->length);
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_EQ(0, memcmp(self->from, self->to, HALF));

	ASSERT_OK(ioas_unmap(self->fd, self->ioas, THERE, self->length, NULL));
	memset(self->to, 0, self->length);
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_TRUE(memory_is_all(self->to, self->length, 0));

	ASSERT_OK(ioas_map_at(self->fd, self->ioas, self->to, self->length, THERE));
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_EQ(0, memcmp(self->from, self->to, HALF));
}

TEST_F(dma, no_longer_arrives_after_unmap_of_all)
{
	__u64 unmapped;

	ASSERT_EQ(0, edu_fetch(self->edu, AT, HALF));
	ASSERT_OK(ioas_unmap_all(self->fd, self->ioas, &unmapped));
	EXPECT_EQ(2 * self->length, unmapped);
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	ASSERT_EQ(0, edu_store(self->edu, AT, HALF));
	EXPECT_TRUE(memory_is_all(self->to, self->length, 0));
	EXPECT_TRUE(memory_is(self->from, self->length, 1));
}

/* What the device holds after a fetch that failed is not what is in memory there. */
TEST_F(dma, does_not_fetch_what_is_unmapped)
{
	memset(self->to, 0, self->length);
	ASSERT_EQ(0, edu_fetch(self->edu, THERE, HALF));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT, self->length, NULL));
	ASSERT_EQ(0, edu_fetch(self->edu, AT, HALF));
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_NE(0, memcmp(self->from, self->to, HALF));
}

TEST_F(dma, stops_with_detach_and_goes_on_with_attach)
{
	ASSERT_EQ(0, edu_fetch(self->edu, AT, HALF));
	ASSERT_OK(edu_detach(self->edu));
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_TRUE(memory_is_all(self->to, self->length, 0));
	ASSERT_OK(edu_attach(self->edu, self->ioas));
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_EQ(0, memcmp(self->from, self->to, HALF));
}

TEST_F(dma, is_stopped_by_attach_to_an_empty_ioas)
{
	__u32 empty;

	ASSERT_OK(ioas_alloc(self->fd, &empty));
	ASSERT_EQ(0, edu_fetch(self->edu, AT, HALF));
	ASSERT_OK(edu_attach(self->edu, empty));
	ASSERT_EQ(0, edu_store(self->edu, THERE, HALF));
	EXPECT_TRUE(memory_is_all(self->to, self->length, 0));
}

/* ---- Areas ---- */

FIXTURE(areas)
{
	struct bound bound;
	int fd;
	__u32 ioas;
	struct edu *edu;
	__u8 *memory;
};

#define NR_PAGES 16

FIXTURE_SETUP(areas)
{
	setup_attached(_metadata, &self->bound, 0);
	self->fd = self->bound.iommufd;
	self->ioas = self->bound.ioas;
	self->edu = &self->bound.edu;
	self->memory = memory_pages(NR_PAGES * PAGE);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(areas)
{
	close_bound(&self->bound);
}

static int map_page_at(struct bound *b, __u32 flags, void *page, __u64 iova)
{
	return ioas_map(b->iommufd, b->ioas, flags | IOMMU_IOAS_MAP_FIXED_IOVA, page, PAGE,
			&iova);
}

#define map_page(flags, page, iova) \
	map_page_at(&self->bound, flags, self->memory + (page) * PAGE, iova)

/* Pages in the opposite order of their IOVAs: one DMA goes over the border. */
TEST_F(areas, side_by_side_are_one_range_to_the_device)
{
	for (int i = 0; i < 4; i++)
		ASSERT_OK(map_page(MAP_RW, 3 - i, AT + i * PAGE));
	memory_fill(self->memory + 3 * PAGE, PAGE, 1);
	ASSERT_EQ(0, edu_copy(self->edu, AT + 2 * PAGE - HALF, AT, PAGE));
	EXPECT_EQ(0, memcmp(self->memory + 2 * PAGE + HALF, self->memory + 3 * PAGE, HALF));
	EXPECT_EQ(0, memcmp(self->memory + PAGE, self->memory + 3 * PAGE + HALF, HALF));
	EXPECT_TRUE(memory_is_all(self->memory, PAGE, 0));
}

TEST_F(areas, can_show_one_page_twice)
{
	memory_fill(self->memory, PAGE, 1);
	ASSERT_OK(map_page(MAP_RW, 0, AT));
	ASSERT_OK(map_page(MAP_RW, 0, THERE));
	ASSERT_OK(map_page(MAP_RW, 1, AT + PAGE));
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, THERE, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 1));
	/* One can go, and the other one stays. */
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, THERE, PAGE, NULL));
	memset(self->memory + PAGE, 0, PAGE);
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 1));
}

TEST_F(areas, that_are_readable_are_not_written)
{
	memory_fill(self->memory, PAGE, 1);
	memory_fill(self->memory + PAGE, PAGE, 2);
	ASSERT_OK(map_page(MAP_RO, 0, AT));
	ASSERT_OK(map_page(MAP_RO, 1, AT + PAGE));
	ASSERT_OK(map_page(MAP_RW, 2, AT + 2 * PAGE));
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 2));
	ASSERT_EQ(0, edu_store(self->edu, AT + 2 * PAGE, PAGE));
	EXPECT_TRUE(memory_is(self->memory + 2 * PAGE, PAGE, 1));
}

/* Memory that was not there yet when it was mapped, and only for reading. */
TEST_F(areas, that_are_readable_show_what_the_process_writes_later)
{
	ASSERT_OK(map_page(MAP_RO, 0, AT));
	ASSERT_OK(map_page(MAP_RW, 1, AT + PAGE));
	memory_fill(self->memory, PAGE, 1);
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 1));
}

/* The same behind, and before, pages that the process itself cannot write. */
TEST_F(areas, that_are_readable_in_part_show_what_the_process_writes_later)
{
	__u64 iova = AT;

	memory_fill(self->memory, PAGE, 1);
	memory_fill(self->memory + 4 * PAGE, PAGE, 5);
	ASSERT_EQ(0, mprotect(self->memory, PAGE, PROT_READ));
	ASSERT_EQ(0, mprotect(self->memory + 4 * PAGE, PAGE, PROT_READ));
	ASSERT_OK(ioas_map(self->fd, self->ioas, MAP_RO | IOMMU_IOAS_MAP_FIXED_IOVA,
			   self->memory, 6 * PAGE, &iova));
	ASSERT_OK(map_page(MAP_RW, 8, THERE));
	for (int i = 0; i < 6; i++) {
		if (i % 4)
			memory_fill(self->memory + i * PAGE, PAGE, i + 1);
		memset(self->memory + 8 * PAGE, 0, PAGE);
		ASSERT_EQ(0, edu_copy(self->edu, THERE, AT + i * PAGE, PAGE));
		EXPECT_TRUE(memory_is(self->memory + 8 * PAGE, PAGE, i + 1)) {
			TH_LOG("page %d is another one to the device", i);
		}
	}
}

TEST_F(areas, that_are_read_only_memory_can_be_fetched)
{
	memory_fill(self->memory, PAGE, 1);
	ASSERT_EQ(0, mprotect(self->memory, PAGE, PROT_READ));
	ASSERT_OK(map_page(MAP_RO, 0, AT));
	ASSERT_OK(map_page(MAP_RW, 1, AT + PAGE));
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 1));
}

TEST_F(areas, can_be_anywhere_in_the_aperture)
{
	const __u64 iovas[] = { 0, 1ULL << 32, (1ULL << 32) - PAGE, 1ULL << 38, AT };

	memory_fill(self->memory, PAGE, 1);
	ASSERT_OK(map_page(MAP_RW, 0, THERE));
	ASSERT_EQ(0, edu_fetch(self->edu, THERE, PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(iovas); i++) {
		memset(self->memory + PAGE, 0, PAGE);
		ASSERT_OK(map_page(MAP_RW, 1, iovas[i]));
		ASSERT_EQ(0, edu_store(self->edu, iovas[i], PAGE));
		EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 1)) {
			TH_LOG("nothing arrived at IOVA %#llx", iovas[i]);
		}
		ASSERT_OK(ioas_unmap(self->fd, self->ioas, iovas[i], PAGE, NULL));
	}
}

TEST_F(areas, go_one_by_one_without_disturbing_their_neighbours)
{
	memory_fill(self->memory, PAGE, 1);
	for (int i = 0; i < 8; i++)
		ASSERT_OK(map_page(MAP_RW, i, AT + i * PAGE));
	ASSERT_EQ(0, edu_fetch(self->edu, AT, HALF));
	ASSERT_OK(ioas_unmap(self->fd, self->ioas, AT + 3 * PAGE, PAGE, NULL));
	for (int i = 2; i < 5; i++)
		ASSERT_EQ(0, edu_store(self->edu, AT + i * PAGE, HALF));
	EXPECT_TRUE(memory_is(self->memory + 2 * PAGE, HALF, 1));
	EXPECT_TRUE(memory_is_all(self->memory + 3 * PAGE, PAGE, 0));
	EXPECT_TRUE(memory_is(self->memory + 4 * PAGE, HALF, 1));
}

/* The page of before; what the process has at the address now is another one. */
TEST_F(areas, stay_what_they_were_when_the_process_remaps_the_address)
{
	memory_fill(self->memory, PAGE, 1);
	ASSERT_OK(map_page(MAP_RW, 0, AT));
	ASSERT_OK(map_page(MAP_RW, 1, AT + PAGE));
	ASSERT_NE(MAP_FAILED, mmap(self->memory, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 1));
	EXPECT_TRUE(memory_is_all(self->memory, PAGE, 0));
}

/* After fork() it is the parent whose pages the device has. */
TEST_F(areas, stay_with_the_process_that_forks)
{
	struct peer child;

	memory_fill(self->memory, PAGE, 1);
	ASSERT_OK(map_page(MAP_RW, 0, AT));
	ASSERT_OK(map_page(MAP_RW, 1, AT + PAGE));
	if (fork_peer(_metadata, &child)) {
		hear(_metadata, &child);
		end_child();
	}
	memory_fill(self->memory, PAGE, 2);
	ASSERT_EQ(0, edu_copy(self->edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(self->memory + PAGE, PAGE, 2));
	tell(_metadata, &child);
	wait_for_success(_metadata, &child);
}

/* ---- Attach, replace, detach under load ---- */

struct load {
	struct bound bound;
	int fd;
	__u32 ioas[2];
	struct edu *edu;
	/* A page for each IOAS, with one before and one after that nobody gets. */
	__u8 *page[2];
	pthread_t thread;
	int stop;
	int count;
};

FIXTURE(load)
{
	struct load load;
};

FIXTURE_SETUP(load)
{
	struct load *load = &self->load;

	setup_attached(_metadata, &load->bound, 0);
	load->fd = load->bound.iommufd;
	load->edu = &load->bound.edu;
	load->ioas[0] = load->bound.ioas;
	ASSERT_OK(ioas_alloc(load->fd, &load->ioas[1]));
	for (int i = 0; i < 2; i++) {
		load->page[i] = memory_pages(3 * PAGE);
		ASSERT_NE(NULL, load->page[i]);
		memset(load->page[i], 0, 3 * PAGE);
		load->page[i] += PAGE;
		ASSERT_OK(ioas_map_at(load->fd, load->ioas[i], load->page[i], PAGE, AT));
	}
}

FIXTURE_TEARDOWN(load)
{
	close_bound(&self->load.bound);
}

/* Store the same bytes again and again, wherever AT may be just now. */
static void *keep_storing(void *data)
{
	struct load *load = data;

	while (!__atomic_load_n(&load->stop, __ATOMIC_RELAXED)) {
		if (edu_store(load->edu, AT, PAGE))
			return "the device does not end its DMA";
		__atomic_fetch_add(&load->count, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void start_load(struct __test_metadata *_metadata, struct load *load)
{
	memory_fill(load->page[0], PAGE, 1);
	ASSERT_EQ(0, edu_fetch(load->edu, AT, PAGE));
	memset(load->page[0], 0, PAGE);
	ASSERT_EQ(0, pthread_create(&load->thread, NULL, keep_storing, load));
}

static bool load_goes_on(struct load *load)
{
	return __atomic_load_n(&load->count, __ATOMIC_RELAXED) < 10;
}

/*
 * Each byte is the device's or was never written, and the device still works. A
 * DMA is many transfers, each translated for itself: what begins while it is
 * blocked can end where it is let through, with the rest of a page.
 */
static void end_load(struct __test_metadata *_metadata, struct load *load)
{
	void *complaint;

	__atomic_store_n(&load->stop, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(load->thread, &complaint));
	EXPECT_EQ(NULL, complaint) {
		TH_LOG("%s", (char *)complaint);
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_TRUE(memory_is_or_zero(load->page[i], PAGE, 1));
		EXPECT_TRUE(memory_is_all(load->page[i] - PAGE, PAGE, 0));
		EXPECT_TRUE(memory_is_all(load->page[i] + PAGE, PAGE, 0));
	}
	for (int i = 0; i < 2; i++) {
		memset(load->page[0], 0, PAGE);
		memset(load->page[1], 0, PAGE);
		ASSERT_OK(edu_attach(load->edu, load->ioas[i]));
		ASSERT_EQ(0, edu_store(load->edu, AT, PAGE));
		EXPECT_TRUE(memory_is(load->page[i], PAGE, 1));
		EXPECT_TRUE(memory_is_all(load->page[!i], PAGE, 0));
	}
}

TEST_F(load, replace_moves_dma_from_one_ioas_to_the_other)
{
	struct load *load = &self->load;

	start_load(_metadata, load);
	for (int i = 0; load_goes_on(load); i++)
		ASSERT_OK(edu_attach(load->edu, load->ioas[i % 2]));
	/* There was always a page to arrive at. */
	EXPECT_TRUE(memory_is(load->page[0], PAGE, 1) || memory_is(load->page[1], PAGE, 1));
	end_load(_metadata, load);
}

TEST_F(load, detach_and_attach_come_and_go)
{
	struct load *load = &self->load;

	start_load(_metadata, load);
	for (int i = 0; load_goes_on(load); i++) {
		ASSERT_OK(edu_detach(load->edu));
		ASSERT_OK(edu_attach(load->edu, load->ioas[i % 2]));
	}
	end_load(_metadata, load);
}

TEST_F(load, map_and_unmap_come_and_go)
{
	struct load *load = &self->load;

	start_load(_metadata, load);
	while (load_goes_on(load)) {
		ASSERT_OK(ioas_unmap(load->fd, load->ioas[0], AT, PAGE, NULL));
		ASSERT_OK(ioas_map_at(load->fd, load->ioas[0], load->page[0], PAGE, AT));
	}
	end_load(_metadata, load);
}

TEST_F(load, page_tables_are_made_and_destroyed)
{
	struct load *load = &self->load;
	__u32 hwpt;

	start_load(_metadata, load);
	for (int i = 0; load_goes_on(load); i++) {
		ASSERT_OK(hwpt_alloc(load->fd, load->edu->id, load->ioas[i % 2], &hwpt));
		ASSERT_OK(edu_attach(load->edu, hwpt));
		ASSERT_OK(edu_attach(load->edu, load->ioas[!(i % 2)]));
		ASSERT_OK(destroy(load->fd, hwpt));
	}
	end_load(_metadata, load);
}

/* ---- Other processes ---- */

FIXTURE(processes)
{
	__u8 *shared;
};

FIXTURE_SETUP(processes)
{
	struct edu edu;

	find_edu(_metadata, &edu, 0);
	self->shared = memory_shared(4 * PAGE);
	ASSERT_NE(NULL, self->shared);
}

FIXTURE_TEARDOWN(processes)
{
}

/* With its own device and context, its own bytes, at IOVAs that both use. */
static void copy_for_a_while(struct __test_metadata *_metadata, unsigned int which)
{
	__u8 *memory = memory_pages(2 * PAGE);
	struct bound bound;

	ASSERT_NE(NULL, memory);
	setup_attached(_metadata, &bound, which);
	ASSERT_OK(ioas_map_at(bound.iommufd, bound.ioas, memory, 2 * PAGE, AT));
	for (int i = 0; i < 8; i++) {
		memory_fill(memory, PAGE, which * 100 + i);
		ASSERT_EQ(0, edu_copy(&bound.edu, AT + PAGE, AT, PAGE));
		EXPECT_TRUE(memory_is(memory + PAGE, PAGE, which * 100 + i));
	}
	close_bound(&bound);
}

TEST_F(processes, with_a_device_each_do_not_see_each_other)
{
	struct peer other;
	struct edu second;

	find_edu(_metadata, &second, 1);
	if (fork_peer(_metadata, &other)) {
		copy_for_a_while(_metadata, 1);
		end_child();
	}
	copy_for_a_while(_metadata, 0);
	wait_for_success(_metadata, &other);
}

/*
 * Have the device store bytes into the shared page again and again, the last time
 * without waiting for it, and then end, or wait to be killed.
 */
static void store_and_end(struct __test_metadata *_metadata, struct peer *parent,
			  __u8 *shared, bool wait)
{
	struct bound bound;

	setup_attached(_metadata, &bound, 0);
	ASSERT_OK(ioas_map_at(bound.iommufd, bound.ioas, shared, PAGE, AT));
	memory_fill(shared, PAGE, 1);
	ASSERT_EQ(0, edu_fetch(&bound.edu, AT, PAGE));
	memset(shared, 0, PAGE);
	ASSERT_EQ(0, edu_store(&bound.edu, AT, PAGE));
	EXPECT_TRUE(memory_is(shared, PAGE, 1));
	edu_store_begin(&bound.edu, AT, PAGE);
	tell(_metadata, parent);
	/* The device is to be at work whenever the other process strikes. */
	while (wait && !edu_wait(&bound.edu))
		edu_store_begin(&bound.edu, AT, PAGE);
	end_child();
}

/* The memory is the other process's again, and the device is anybody's. */
static void expect_no_more_dma(struct __test_metadata *_metadata, __u8 *shared)
{
	memset(shared, 0, PAGE);
	let_dma_happen();
	EXPECT_TRUE(memory_is_all(shared, PAGE, 0));
	copy_for_a_while(_metadata, 0);
	EXPECT_TRUE(memory_is_all(shared, PAGE, 0));
}

TEST_F(processes, that_exit_take_their_dma_with_them)
{
	struct peer other;

	if (fork_peer(_metadata, &other))
		store_and_end(_metadata, &other, self->shared, false);
	hear(_metadata, &other);
	wait_for_success(_metadata, &other);
	expect_no_more_dma(_metadata, self->shared);
}

TEST_F(processes, that_are_killed_take_their_dma_with_them)
{
	struct peer other;

	for (int i = 0; i < 3; i++) {
		if (fork_peer(_metadata, &other))
			store_and_end(_metadata, &other, self->shared, true);
		hear(_metadata, &other);
		/* Before, in and after the device's pause. */
		usleep(i * 60000);
		kill_and_wait(_metadata, &other);
		expect_no_more_dma(_metadata, self->shared);
	}
}

/* ---- Interrupts ---- */

FIXTURE(interrupt)
{
	struct bound bound;
	struct edu *edu;
	int eventfd;
};

FIXTURE_VARIANT(interrupt)
{
	__u32 index;
};

FIXTURE_VARIANT_ADD(interrupt, msi)
{
	.index = VFIO_PCI_MSI_IRQ_INDEX,
};

FIXTURE_VARIANT_ADD(interrupt, intx)
{
	.index = VFIO_PCI_INTX_IRQ_INDEX,
};

FIXTURE_SETUP(interrupt)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = variant->index };

	setup_attached(_metadata, &self->bound, 0);
	self->edu = &self->bound.edu;
	self->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->eventfd);
	ASSERT_OK(call(self->edu->fd, VFIO_DEVICE_GET_IRQ_INFO, &info,
		       "VFIO_DEVICE_GET_IRQ_INFO(%u)", variant->index));
	ASSERT_EQ(1, info.count);
}

FIXTURE_TEARDOWN(interrupt)
{
	close_bound(&self->bound);
}

static bool arrives(int fd, int milliseconds)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	__u64 count;

	return poll(&poll_fd, 1, milliseconds) == 1 && read(fd, &count, sizeof(count)) == 8;
}

TEST_F(interrupt, arrives_at_the_eventfd)
{
	ASSERT_OK(edu_irq_enable(self->edu, variant->index, self->eventfd));
	for (int i = 0; i < 4; i++) {
		edu_irq_raise(self->edu, 1);
		EXPECT_TRUE(arrives(self->eventfd, 10000));
		EXPECT_EQ(1, edu_irq_status(self->edu));
		edu_irq_ack(self->edu, 1);
		if (variant->index == VFIO_PCI_INTX_IRQ_INDEX)
			ASSERT_OK(edu_irq_unmask(self->edu, variant->index));
		EXPECT_FALSE(arrives(self->eventfd, 0));
	}
	ASSERT_OK(edu_irq_disable(self->edu, variant->index));
	edu_irq_raise(self->edu, 1);
	EXPECT_FALSE(arrives(self->eventfd, 200));
	edu_irq_ack(self->edu, 1);
}

/* An MSI is a write that goes through the IOMMU too, whatever is mapped there. */
TEST_F(interrupt, arrives_after_replace_as_well)
{
	__u32 other;

	ASSERT_OK(edu_irq_enable(self->edu, variant->index, self->eventfd));
	ASSERT_OK(ioas_alloc(self->bound.iommufd, &other));
	ASSERT_OK(edu_attach(self->edu, other));
	edu_irq_raise(self->edu, 1);
	EXPECT_TRUE(arrives(self->eventfd, 10000));
	edu_irq_ack(self->edu, 1);
}

/* ---- The old way ---- */

TEST(the_group_interface_moves_dma_as_it_always_did)
{
	__u8 *memory = memory_pages(2 * PAGE);
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = AT,
		.size = 2 * PAGE,
	};
	int group, container, err;
	struct edu edu;

	find_edu(_metadata, &edu, 0);
	ASSERT_NE(NULL, memory);
	err = edu_open_by_group(&edu, &group, &container);
	if (err == -ENOENT)
		SKIP_TEST("this kernel has no VFIO containers");
	ASSERT_EQ(0, err);
	ASSERT_OK(call(container, VFIO_IOMMU_MAP_DMA, &map, "VFIO_IOMMU_MAP_DMA()"));
	ASSERT_OK(edu_start(&edu));
	memory_fill(memory, PAGE, 1);
	ASSERT_EQ(0, edu_copy(&edu, AT + PAGE, AT, PAGE));
	EXPECT_TRUE(memory_is(memory + PAGE, PAGE, 1));
	edu_close(&edu);
	close(group);
	close(container);
}

TEST_HARNESS_MAIN
