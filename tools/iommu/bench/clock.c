// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock is the CPU's own counter, not clock_gettime(): the kernel measures
 * the counter's rate against another clock and rounds it.
 */
#include "bench.h"
#include "mark.h"

#if defined(__x86_64__)

/* With -icount QEMU's TSC counts nanoseconds. */
static uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) :: "memory");
	return (uint64_t)high << 32 | low;
}

static uint64_t ticks_per_second(void)
{
	return 1000000000;
}

/* An instruction that does nothing and that the profiler knows. */
#define mark(magic)	({ asm volatile("nopl %c0(%%rax)" :: "i" (magic) : "memory"); })

/* Two instructions a round. */
static void spin(uint64_t rounds)
{
	asm volatile("1: dec %0; jnz 1b" : "+r" (rounds));
}

#elif defined(__aarch64__)

static uint64_t ticks(void)
{
	uint64_t count;

	asm volatile("mrs %0, cntvct_el0" : "=r" (count) :: "memory");
	return count;
}

static uint64_t ticks_per_second(void)
{
	uint64_t rate;

	asm volatile("mrs %0, cntfrq_el0" : "=r" (rate));
	return rate;
}

#define mark(magic)	({ asm volatile("movz xzr, #%c0" :: "i" (magic) : "memory"); })

static void spin(uint64_t rounds)
{
	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r" (rounds) :: "cc");
}

#else
#error "no clock for this machine"
#endif

static uint64_t started;
static unsigned int marks;

uint64_t clock_instructions(uint64_t count)
{
	return (__uint128_t)count * 1000000000 / ticks_per_second();
}

/* In instructions, since the machine was switched on */
uint64_t clock_now(void)
{
	return clock_instructions(ticks());
}

/* Is an instruction a nanosecond? Interrupts come in between, so in thousands. */
void clock_check(void)
{
	const uint64_t rounds = 1000000;
	uint64_t start = ticks(), took;

	spin(rounds);
	took = clock_instructions(ticks() - start);
	if (took < 2 * rounds || took > 2 * rounds + rounds / 10)
		fail("%lu instructions took %lu ns: this is no QEMU with -icount shift=0",
		     2 * rounds, took);
}

/* The profiler looks for these, see profile.c. */
void clock_begin(void)
{
	marks++;
	mark(MARK_BEGIN);
	started = ticks();
}

uint64_t clock_end(void)
{
	uint64_t took = ticks() - started;

	mark(MARK_END);
	return clock_instructions(took);
}

void figure_add(struct figure *figure, uint64_t instructions)
{
	if (!figure->tries || instructions < figure->least) {
		figure->least = instructions;
		figure->seen = 0;
		figure->mark = marks;
	}
	figure->tries++;
	if (instructions == figure->least)
		figure->seen++;
}

bool settled_large(const struct figure *figure)
{
	return figure->seen >= LARGE_SEEN || figure->tries >= LARGE_TRIES;
}

bool settled_small(const struct figure *figure)
{
	return figure->seen >= SMALL_SEEN || figure->tries >= SMALL_TRIES;
}

/* For bench.py: who, what, kind; instructions, by so many units; how sure. */
void figure_tell(const struct figure *figure, const char *who, const char *what,
		 const char *kind, uint64_t units)
{
	printf("figure\t%s\t%s%s%s\t%lu\t%lu\t%u\t%u\t%u\n", who, what, kind ? "." : "",
	       kind ?: "", figure->least, units, figure->seen, figure->tries, figure->mark);
	fflush(stdout);
}
