// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for QEMU that says where the instructions of each measurement are:
 * -plugin profile.so,out=FILE
 *
 * The guest's program executes one mark before a measurement and another after
 * it, instructions that do nothing (clock.c). In between, each block of
 * instructions that QEMU enters is counted. At the second mark a line "mark N"
 * goes to the file, and "ADDRESS INSTRUCTIONS" for each block. A block that a
 * page fault or an interrupt cuts short counts as whole.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "plugin.h"

/**
 * struct block - a block of instructions
 * @next: in its bucket
 * @next_counted: in the list of those that have run in this measurement
 * @address: where it begins
 * @length: instructions in it
 * @entered: how often in this measurement
 */
struct block {
	struct block *next;
	struct block *next_counted;
	uint64_t address;
	uint64_t length;
	uint64_t entered;
};

#define BUCKETS	65536

/* There is one emulated CPU, and with it one thread. */
static struct block *buckets[BUCKETS];
static struct block *counted;
static bool counting;
static unsigned int marks;
static FILE *out;

/* QEMU looks for it: the interface's version that this was written for. */
int qemu_plugin_version = 4;

/* The same code can be translated more than once; it keeps its counter. */
static struct block *block_of(uint64_t address, uint64_t length)
{
	struct block **bucket = &buckets[(address ^ address >> 16) % BUCKETS];
	struct block *block;

	for (block = *bucket; block; block = block->next)
		if (block->address == address && block->length == length)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	block->address = address;
	block->length = length;
	block->next = *bucket;
	*bucket = block;
	return block;
}

static void enter(unsigned int cpu, void *counter)
{
	struct block *block = counter;

	(void)cpu;
	if (!counting)
		return;
	if (!block->entered++) {
		block->next_counted = counted;
		counted = block;
	}
}

static void begin(unsigned int cpu, void *unused)
{
	(void)cpu;
	(void)unused;
	marks++;
	counting = true;
}

static void end(unsigned int cpu, void *unused)
{
	(void)cpu;
	(void)unused;
	counting = false;
	fprintf(out, "mark %u\n", marks);
	for (; counted; counted = counted->next_counted) {
		fprintf(out, "%lx %lu\n", counted->address, counted->entered * counted->length);
		counted->entered = 0;
	}
	fflush(out);
}

/* x86: nopl MAGIC(%rax); arm64: movz xzr, #MAGIC */
static bool is_mark(const struct qemu_plugin_insn *insn, uint32_t magic)
{
	uint8_t bytes[8] = {}, nopl[7] = { 0x0f, 0x1f, 0x80, magic & 0xff, magic >> 8 };
	size_t size = qemu_plugin_insn_data(insn, bytes, sizeof(bytes));
	uint32_t word, movz = 0xd2800000 | magic << 5 | 31;

	memcpy(&word, bytes, sizeof(word));
	return (size == sizeof(nopl) && !memcmp(bytes, nopl, sizeof(nopl))) ||
	       (size == sizeof(word) && word == movz);
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t length = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, enter, NO_REGISTERS,
					     block_of(qemu_plugin_tb_vaddr(tb), length));
	for (size_t i = 0; i < length; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_mark(insn, MARK_BEGIN))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, begin, NO_REGISTERS, NULL);
		else if (is_mark(insn, MARK_END))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, end, NO_REGISTERS, NULL);
	}
}

int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = fopen(argv[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
