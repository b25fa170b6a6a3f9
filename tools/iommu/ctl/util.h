/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory, messages, words for numbers, and JSON.
 */
#ifndef IOMMUCTL_UTIL_H
#define IOMMUCTL_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* What the program ends with */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOTHING = 3,	/* there is no iommufd to show */
};

/* As the kernel's headers have it */
#define __printf(format_, first_) __attribute__((format(printf, format_, first_)))

void *xrealloc(void *memory, size_t size);
char *xstrdup(const char *text);
/* printf() to a new string */
char *text(const char *format, ...) __printf(1, 2);

/* "iommuctl: message" on stderr */
void complain(const char *format, ...) __printf(1, 2);

/* 8192 is "8 KiB"; each returns its buffer */
#define WORDS_ROOM 160
char *size_words(uint64_t bytes, char *words);
/* A bit for each size of page: "4 KiB, 2 MiB, 1 GiB" */
char *pages_words(uint64_t bitmap, char *words);

/*
 * JSON, a value at a time, with commas where they belong. @key is NULL in an array
 * and at the top.
 */
void json_open(const char *key, char bracket);
void json_close(char bracket);
void json_string(const char *key, const char *value);
void json_number(const char *key, uint64_t value);
void json_bool(const char *key, bool value);
/* A number where the word is a decimal one, else a string */
void json_word(const char *key, const char *word);

#endif
