// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the command queue: what the SMMU finds in it, wherever it wraps,
 * when it is full, when two CPUs write at once, and after an error. The SMMU is
 * one that does all at once, or a thread on another CPU that takes its time.
 */
#include <kunit/test.h>
#include <linux/bitfield.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/prandom.h>
#include <linux/workqueue.h>

#include "arm-smmu-v3.h"

#define SHIFT		7
#define ENTRIES		BIT(SHIFT)
#define LONG_SHIFT	12
#define BASE_DMA	0x80000000ULL

/* What the test calls a command, and one that the SMMU does not know */
#define COMMAND		0x12ULL
#define ILLEGAL		0xeeULL
#define SYNC		(0x46ULL | 3ULL << 22 | 15ULL << 24)
#define SYNC_SEV	(SYNC | 2ULL << 12)
#define SYNC_IRQ	(SYNC | 1ULL << 12)

/**
 * struct cmdq_test - an SMMU that is nothing but a command queue
 * @smmu: the driver's view
 * @shift: the queue has so many entries, as log2
 * @prod: register
 * @cons: register, unless @prod is both
 * @map: for the driver
 * @entries: of the queue
 * @hw: the SMMU at work
 * @stop: it is to end
 * @expected: the number of the command that it expects
 * @nr_syncs: those that it did
 * @nr_errors: commands that it did not know
 * @nr_bad: commands that were not what it expected
 */
struct cmdq_test {
	struct arm_smmu_device smmu;
	unsigned int shift;
	u32 prod;
	u32 cons;
	atomic_long_t map[BIT(LONG_SHIFT) / BITS_PER_LONG];
	__le64 entries[BIT(LONG_SHIFT) * CMDQ_ENT_DWORDS];
	struct work_struct hw;
	bool stop;
	u64 expected;
	unsigned int nr_syncs;
	unsigned int nr_errors;
	unsigned int nr_bad;
};

static struct cmdq_test *cmdq_alloc(struct kunit *test, unsigned int shift,
				    bool at_once)
{
	struct cmdq_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct arm_smmu_queue *q;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->shift = shift;
	q = &t->smmu.cmdq.q;
	q->llq.max_n_shift = shift;
	q->base = t->entries;
	q->base_dma = BASE_DMA;
	q->ent_dwords = CMDQ_ENT_DWORDS;
	q->prod_reg = (u32 __force __iomem *)&t->prod;
	q->cons_reg = (u32 __force __iomem *)(at_once ? &t->prod : &t->cons);
	t->smmu.cmdq.valid_map = t->map;
	return t;
}

static const __le64 *entry(const struct cmdq_test *t, u32 index)
{
	return t->entries + (index & (BIT(t->shift) - 1)) * CMDQ_ENT_DWORDS;
}

static u32 next(const struct cmdq_test *t, u32 index, u32 n)
{
	return (index + n) & (BIT(t->shift + 1) - 1);
}

/* ---- One writer, an SMMU that does all at once ---- */

/* Each entry's bit says in which lap of the queue it was last written */
static bool map_is_right(const struct cmdq_test *t, u32 prod)
{
	bool lap = prod & BIT(t->shift);
	u32 i;

	for (i = 0; i < BIT(t->shift); i++) {
		bool valid = atomic_long_read(&t->map[BIT_WORD(i)]) &
			     BIT_MASK(i);

		if (valid != (i < (prod & (BIT(t->shift) - 1)) ? !lap : lap))
			return false;
	}
	return true;
}

/* All has been written and done up to @prod */
static void begin_at(struct cmdq_test *t, u32 prod)
{
	bool lap = prod & BIT(t->shift);
	u32 i;

	memset(t->map, 0, sizeof(t->map));
	for (i = 0; i < BIT(t->shift); i++)
		if (i < (prod & (BIT(t->shift) - 1)) ? !lap : lap)
			atomic_long_or(BIT_MASK(i), &t->map[BIT_WORD(i)]);
	memset(t->entries, 0, sizeof(*t->entries) * CMDQ_ENT_DWORDS << t->shift);
	t->smmu.cmdq.q.llq.prod = prod;
	t->smmu.cmdq.q.llq.cons = prod;
	atomic_set(&t->smmu.cmdq.owner_prod, prod);
	t->prod = prod;
	t->cons = prod;
}

static bool list_is_there(const struct cmdq_test *t, u32 first, u32 n,
			  bool sync)
{
	u32 i;

	for (i = 0; i < BIT(t->shift); i++) {
		const __le64 *e = entry(t, first + i);
		u64 cmd0 = i < n ? COMMAND : i == n && sync ? SYNC_SEV : 0;

		if (le64_to_cpu(e[0]) != cmd0 ||
		    le64_to_cpu(e[1]) != (i < n ? i + 1 : 0))
			return false;
	}
	return true;
}

static void a_list_has_its_place_anywhere(struct kunit *test)
{
	static const u32 lengths[] = {
		0, 1, 2, 3, 5, 31, 32, 33, 62, 63, 64, 65, 66, 126, 127, 128,
	};
	struct cmdq_test *t = cmdq_alloc(test, SHIFT, true);
	static u64 cmds[ENTRIES * CMDQ_ENT_DWORDS];
	u32 first, i;

	for (i = 0; i < ENTRIES; i++) {
		cmds[2 * i] = COMMAND;
		cmds[2 * i + 1] = i + 1;
	}
	for (first = 0; first < 2 * ENTRIES; first++)
		for (i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
			u32 n = lengths[i / 2], sync = i % 2;

			if (n + sync > ENTRIES)
				continue;
			begin_at(t, first);
			KUNIT_ASSERT_TRUE(test, map_is_right(t, first));
			KUNIT_ASSERT_EQ(test, 0,
					arm_smmu_cmdq_issue_cmdlist(&t->smmu,
								    cmds, n,
								    sync));
			KUNIT_ASSERT_EQ_MSG(test, next(t, first, n + sync),
					    t->prod, "%u at %u", n, first);
			KUNIT_ASSERT_TRUE_MSG(test,
					      list_is_there(t, first, n, sync),
					      "%u at %u", n, first);
			KUNIT_ASSERT_TRUE_MSG(test, map_is_right(t, t->prod),
					      "%u at %u", n, first);
			KUNIT_ASSERT_EQ(test, 0,
					atomic_read(&t->smmu.cmdq.lock));
		}
}

/* ---- One writer, an SMMU on another CPU ---- */

static void do_sync(struct cmdq_test *t, __le64 *e, u32 index)
{
	u64 cmd0 = le64_to_cpu(e[0]), cmd1 = le64_to_cpu(e[1]);
	u64 own = BASE_DMA + (index & (BIT(t->shift) - 1)) * 16;

	t->nr_syncs++;
	if (cmd0 == SYNC_IRQ)
		t->nr_bad += cmd1 != own;
	else
		t->nr_bad += cmd0 != SYNC_SEV || cmd1;
}

/* One command; false if it is none that there is */
static bool do_command(struct cmdq_test *t, u32 index)
{
	__le64 *e = (__le64 *)entry(t, index);

	switch (le64_to_cpu(READ_ONCE(e[0])) & 0xff) {
	case ILLEGAL:
		return false;
	case SYNC & 0xff:
		do_sync(t, e, index);
		break;
	default:
		/* One that has not been written, or done before, is neither */
		if (le64_to_cpu(e[0]) != COMMAND ||
		    le64_to_cpu(e[1]) != t->expected++)
			t->nr_bad++;
	}
	e[1] = 0;
	/* Also what an MSI does that goes there; the driver polls for that */
	smp_store_release(&e[0], 0);
	return true;
}

static void hw_work(struct work_struct *work)
{
	struct cmdq_test *t = container_of(work, struct cmdq_test, hw);
	u32 cons = t->cons, nr = 0;

	while (!READ_ONCE(t->stop)) {
		/* What is before it has been written; pairs with the dma_wmb() */
		if (cons == smp_load_acquire(&t->prod)) {
			cond_resched();
			cpu_relax();
			continue;
		}
		if (!do_command(t, cons)) {
			WRITE_ONCE(t->cons, cons | 1 << 24);
			arm_smmu_cmdq_skip_err(&t->smmu);
			t->nr_errors++;
			WRITE_ONCE(t->cons, cons);
			t->expected++;
			continue;
		}
		cons = next(t, cons, 1);
		/* The driver may write there again when it sees this */
		smp_store_release(&t->cons, cons);
		if (!(++nr % 50))
			udelay(5);
	}
}

/**
 * struct writer - who gives commands
 * @work: it at work
 * @t: the test
 * @id: number of the writer
 * @nr: how many lists it gives
 * @max: how long they are at most
 * @illegal: each so many-th list begins with a command that there is not, or 0
 * @nr_failed: lists that failed
 * @nr_missing: entries that were not there though the SMMU had gone past them
 */
struct writer {
	struct work_struct work;
	struct cmdq_test *t;
	unsigned int id;
	unsigned int nr;
	unsigned int max;
	unsigned int illegal;
	unsigned int nr_failed;
	unsigned int nr_missing;
};

/* On another CPU than this, which is taken for as long as the test is */
static void start_hw(struct cmdq_test *t, unsigned int cpu)
{
	INIT_WORK(&t->hw, hw_work);
	queue_work_on(cpu, system_long_wq, &t->hw);
}

static void stop_hw(struct cmdq_test *t)
{
	WRITE_ONCE(t->stop, true);
	flush_work(&t->hw);
}

static void write_in_order(struct work_struct *work)
{
	struct writer *w = container_of(work, struct writer, work);
	u64 cmds[CMDQ_BATCH_ENTRIES * CMDQ_ENT_DWORDS], number = 0;
	struct rnd_state rnd;
	unsigned int i, j;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < w->nr; i++) {
		u32 n = 1 + prandom_u32_state(&rnd) % w->max;
		bool sync = prandom_u32_state(&rnd) % 4 == 0 || i + 1 == w->nr;

		for (j = 0; j < n; j++) {
			cmds[2 * j] = COMMAND;
			cmds[2 * j + 1] = number++;
		}
		if (w->illegal && i % w->illegal == 0)
			cmds[0] = ILLEGAL;
		if (arm_smmu_cmdq_issue_cmdlist(&w->t->smmu, cmds, n, sync))
			w->nr_failed++;
		cond_resched();
	}
}

/* Give lists to an SMMU that takes its time; returns how many commands it did */
static u64 write_to_hw(struct kunit *test, struct cmdq_test *t,
		       struct writer *w)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);
	unsigned int other = cpumask_next(cpu, cpu_online_mask);

	if (other >= nr_cpu_ids)
		kunit_skip(test, "one CPU");
	w->t = t;
	INIT_WORK_ONSTACK(&w->work, write_in_order);
	start_hw(t, other);
	queue_work_on(cpu, system_long_wq, &w->work);
	flush_work(&w->work);
	stop_hw(t);
	destroy_work_on_stack(&w->work);
	/* A sync is not waited for longer than a second, which the host may take */
	KUNIT_EXPECT_LT(test, w->nr_failed, 3);
	KUNIT_EXPECT_EQ(test, 0, t->nr_bad);
	KUNIT_EXPECT_EQ(test, t->prod, t->cons);
	KUNIT_EXPECT_TRUE(test, map_is_right(t, t->prod));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&t->smmu.cmdq.lock));
	return t->expected;
}

static void a_full_queue_is_waited_for(struct kunit *test)
{
	struct cmdq_test *t = cmdq_alloc(test, SHIFT, false);
	struct writer w = { .nr = 500, .max = CMDQ_BATCH_ENTRIES };

	KUNIT_EXPECT_GT(test, write_to_hw(test, t, &w), 2000);
	KUNIT_EXPECT_GT(test, t->nr_syncs, 50);
}

static void a_sync_by_msi_is_waited_for(struct kunit *test)
{
	struct cmdq_test *t = cmdq_alloc(test, SHIFT, false);
	struct writer w = { .nr = 1000, .max = 9 };

	t->smmu.options = ARM_SMMU_OPT_MSIPOLL;
	KUNIT_EXPECT_GT(test, write_to_hw(test, t, &w), 2000);
	KUNIT_EXPECT_GT(test, t->nr_syncs, 50);
}

static void what_is_illegal_is_skipped(struct kunit *test)
{
	struct cmdq_test *t = cmdq_alloc(test, SHIFT, false);
	struct writer w = { .nr = 60, .max = CMDQ_BATCH_ENTRIES, .illegal = 20 };

	write_to_hw(test, t, &w);
	KUNIT_EXPECT_EQ(test, 3, t->nr_errors);
}

/* ---- Two writers ---- */

/* One writes long lists, for which the other's short ones must wait */
static const struct {
	unsigned int nr;
	unsigned int max;
} kinds[] = { { 150, 3 }, { 8, 400 } };

#define MAX_LIST	400

/* Who, which list, its length, which of it */
static u64 name(unsigned int id, u64 list, u32 n, u32 i)
{
	return (u64)(id + 1) << 48 | list << 32 | n << 16 | i;
}

static atomic_t ready;

static void write_at_once(struct work_struct *work)
{
	struct writer *w = container_of(work, struct writer, work);
	static u64 lists[ARRAY_SIZE(kinds)][MAX_LIST * CMDQ_ENT_DWORDS];
	u64 *cmds = lists[w->id];
	struct rnd_state rnd;
	u32 seen = 0, end;
	unsigned int i, j;

	prandom_seed_state(&rnd, w->id + 1);
	atomic_dec(&ready);
	while (atomic_read(&ready))
		cpu_relax();
	for (i = 0; i < w->nr; i++) {
		u32 n = 1 + prandom_u32_state(&rnd) % w->max;
		bool sync = n & 1;

		for (j = 0; j < n; j++) {
			cmds[2 * j] = COMMAND;
			cmds[2 * j + 1] = name(w->id, i, n, j);
		}
		if (arm_smmu_cmdq_issue_cmdlist(&w->t->smmu, cmds, n, sync))
			w->nr_failed++;
		/* What the SMMU may read by now has been written */
		end = READ_ONCE(w->t->prod);
		for (; seen != end; seen++)
			w->nr_missing += !READ_ONCE(entry(w->t, seen)[0]);
	}
}

/* A list that begins at @index; returns where it ends, or 0 if it is torn */
static u32 end_of_list(const struct cmdq_test *t, u32 index, u64 lists[2])
{
	u64 first = le64_to_cpu(entry(t, index)[1]);
	unsigned int id = (first >> 48) - 1;
	u32 n = first >> 16 & 0xffff, i;

	if (id > 1 || first != name(id, lists[id], n, 0))
		return 0;
	for (i = 0; i < n; i++)
		if (le64_to_cpu(entry(t, index + i)[1]) !=
		    name(id, lists[id], n, i))
			return 0;
	lists[id]++;
	if (!(n & 1))
		return index + n;
	return le64_to_cpu(entry(t, index + n)[0]) == SYNC_SEV ? index + n + 1 :
								 0;
}

static void write_round(struct kunit *test, struct cmdq_test *t)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);
	struct writer w[2] = {};
	int i;

	begin_at(t, 0);
	atomic_set(&ready, ARRAY_SIZE(w));
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i].t = t;
		w[i].id = i;
		w[i].nr = kinds[i].nr;
		w[i].max = kinds[i].max;
		INIT_WORK_ONSTACK(&w[i].work, write_at_once);
		queue_work_on(cpu, system_long_wq, &w[i].work);
		cpu = cpumask_next(cpu, cpu_online_mask);
	}
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		flush_work(&w[i].work);
		destroy_work_on_stack(&w[i].work);
		KUNIT_EXPECT_EQ(test, 0, w[i].nr_failed);
		KUNIT_EXPECT_EQ(test, 0, w[i].nr_missing);
	}
}

static void two_writers_do_not_mix(struct kunit *test)
{
	struct cmdq_test *t = cmdq_alloc(test, LONG_SHIFT, true);
	u32 index, end, round;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU");
	for (round = 0; round < 50; round++) {
		u64 lists[2] = {};

		write_round(test, t);
		for (index = 0; index != t->prod; index = end) {
			end = end_of_list(t, index, lists);
			KUNIT_ASSERT_NE_MSG(test, end, 0, "at %u", index);
		}
		KUNIT_ASSERT_EQ(test, kinds[0].nr, lists[0]);
		KUNIT_ASSERT_EQ(test, kinds[1].nr, lists[1]);
		KUNIT_ASSERT_TRUE(test, map_is_right(t, t->prod));
		KUNIT_ASSERT_EQ(test, 0, atomic_read(&t->smmu.cmdq.lock));
	}
}

/* ---- Two writers, of which one is made to wait ---- */

#define HAND_LENGTH	5

/**
 * struct by_hand - a writer that takes its time, beside one who owns the queue
 * @work: it at work
 * @owner: the other one at work
 * @t: the test
 * @first: where the owner's command is
 * @owner_is_there: the owner is on its CPU
 * @go: it may begin
 * @failed: the owner's command failed
 * @waits_for_owner: the owner waited for the owner before
 * @waits_for_entries: the owner waited for what had not been written
 * @lost: the owner did not come where it was to be
 */
struct by_hand {
	struct work_struct work;
	struct work_struct owner;
	struct cmdq_test *t;
	u32 first;
	bool owner_is_there;
	bool go;
	bool failed;
	bool waits_for_owner;
	bool waits_for_entries;
	bool lost;
};

static void own_queue(struct work_struct *work)
{
	struct by_hand *h = container_of(work, struct by_hand, owner);
	u64 cmd[CMDQ_ENT_DWORDS] = { COMMAND, 1 };

	WRITE_ONCE(h->owner_is_there, true);
	while (!READ_ONCE(h->go))
		cond_resched();
	h->failed = arm_smmu_cmdq_issue_cmdlist(&h->t->smmu, cmd, 1, false);
}

static bool prod_becomes(struct cmdq_test *t, u32 prod)
{
	unsigned int tries;

	for (tries = 0; tries < 2000000; tries++) {
		if (READ_ONCE(t->smmu.cmdq.q.llq.prod) == prod)
			return true;
		udelay(5);
	}
	return false;
}

/* Were it not to wait, it would tell the SMMU by the end of this */
static bool hw_prod_stays(struct cmdq_test *t, u32 prod)
{
	unsigned int tries;

	for (tries = 0; tries < 2000; tries++) {
		if (READ_ONCE(t->prod) != prod)
			return false;
		udelay(5);
	}
	return true;
}

/* What arm_smmu_cmdq_issue_cmdlist() does, in steps */
static void write_slowly(struct by_hand *h)
{
	struct cmdq_test *t = h->t;
	struct arm_smmu_cmdq *cmdq = &t->smmu.cmdq;
	u32 mine = next(t, h->first, 1), end = next(t, mine, HAND_LENGTH), i;

	/* The owner is held where it waits for the one before: take a place */
	h->lost = !prod_becomes(t, mine | CMDQ_PROD_OWNED_FLAG);
	WRITE_ONCE(cmdq->q.llq.prod, end | CMDQ_PROD_OWNED_FLAG);
	h->waits_for_owner = hw_prod_stays(t, h->first) &&
			     READ_ONCE(cmdq->q.llq.prod) & CMDQ_PROD_OWNED_FLAG;

	/* It goes on, and finds that the place is taken but not written */
	atomic_set_release(&cmdq->owner_prod, h->first);
	h->lost |= !prod_becomes(t, end);
	h->waits_for_entries = hw_prod_stays(t, h->first);

	for (i = 0; i < HAND_LENGTH; i++) {
		__le64 *e = (__le64 *)entry(t, mine + i);

		e[0] = cpu_to_le64(COMMAND);
		e[1] = cpu_to_le64(i + 2);
	}
	dma_wmb();
	for (i = mine; i != end; i = next(t, i, 1))
		atomic_long_xor(BIT_MASK(i & (ENTRIES - 1)),
				&t->map[BIT_WORD(i & (ENTRIES - 1))]);
}

/*
 * The owner has its interrupts off until it is let go: nothing else may run here
 * that would wait for its CPU.
 */
static void write_by_hand(struct work_struct *work)
{
	struct by_hand *h = container_of(work, struct by_hand, work);

	while (!READ_ONCE(h->owner_is_there))
		cond_resched();
	preempt_disable();
	WRITE_ONCE(h->go, true);
	write_slowly(h);
	preempt_enable();
}

static void hold_owner_at(struct kunit *test, struct cmdq_test *t, u32 first)
{
	unsigned int cpu = cpumask_first(cpu_online_mask);
	unsigned int other = cpumask_next(cpu, cpu_online_mask);
	struct by_hand h = { .t = t, .first = first };
	u32 end = next(t, first, 1 + HAND_LENGTH);

	begin_at(t, first);
	/* As if the owner before had not told the SMMU yet */
	atomic_set(&t->smmu.cmdq.owner_prod, next(t, first, ENTRIES));
	INIT_WORK_ONSTACK(&h.work, write_by_hand);
	INIT_WORK_ONSTACK(&h.owner, own_queue);
	queue_work_on(cpu, system_long_wq, &h.work);
	queue_work_on(other, system_long_wq, &h.owner);
	flush_work(&h.work);
	flush_work(&h.owner);
	destroy_work_on_stack(&h.work);
	destroy_work_on_stack(&h.owner);

	KUNIT_EXPECT_FALSE(test, h.lost);
	KUNIT_EXPECT_TRUE(test, h.waits_for_owner);
	KUNIT_EXPECT_TRUE(test, h.waits_for_entries);
	KUNIT_EXPECT_FALSE(test, h.failed);
	KUNIT_EXPECT_EQ(test, end, t->prod);
	KUNIT_EXPECT_EQ(test, end, atomic_read(&t->smmu.cmdq.owner_prod));
	KUNIT_EXPECT_TRUE(test, map_is_right(t, end));
	KUNIT_EXPECT_TRUE(test, list_is_there(t, first, 1 + HAND_LENGTH,
					      false));
}

static void an_owner_waits_for_the_others(struct kunit *test)
{
	/* In a word of the map, over an edge of two, and around the end */
	static const u32 places[] = { 0, 61, 125, 2 * ENTRIES - 3 };
	struct cmdq_test *t = cmdq_alloc(test, SHIFT, true);
	int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU");
	for (i = 0; i < ARRAY_SIZE(places); i++)
		hold_owner_at(test, t, places[i]);
}

static struct kunit_case cmdq_test_cases[] = {
	KUNIT_CASE(a_list_has_its_place_anywhere),
	KUNIT_CASE(a_full_queue_is_waited_for),
	KUNIT_CASE(a_sync_by_msi_is_waited_for),
	KUNIT_CASE(what_is_illegal_is_skipped),
	KUNIT_CASE(two_writers_do_not_mix),
	KUNIT_CASE(an_owner_waits_for_the_others),
	{}
};

static struct kunit_suite cmdq_test_suite = {
	.name = "arm-smmu-v3-cmdq",
	.test_cases = cmdq_test_cases,
};

kunit_test_suite(cmdq_test_suite);
