// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory, messages, words for numbers, and JSON.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static void *check_memory(void *memory)
{
	if (!memory) {
		complain("out of memory");
		exit(EXIT_FAILED);
	}
	return memory;
}

void *xrealloc(void *memory, size_t size)
{
	return check_memory(realloc(memory, size));
}

char *xstrdup(const char *text)
{
	return check_memory(strdup(text));
}

char *text(const char *format, ...)
{
	char *string = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&string, format, args) < 0)
		string = NULL;
	va_end(args);
	return check_memory(string);
}

void complain(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("iommuctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

char *size_words(uint64_t bytes, char *words)
{
	static const char * const units[] = {
		"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB",
	};
	unsigned int unit = 0, tenth;
	uint64_t rest = 0;

	while (bytes >= 1024) {
		rest = (bytes & 1023) | (rest ? 1 : 0);
		bytes >>= 10;
		unit++;
	}
	/* Rounded down: no more than there is */
	tenth = rest * 10 / 1024;
	if (!rest)
		snprintf(words, WORDS_ROOM, "%llu %s", (unsigned long long)bytes,
			 bytes == 1 && !unit ? "byte" : units[unit]);
	else
		snprintf(words, WORDS_ROOM, "%llu.%u %s", (unsigned long long)bytes, tenth,
			 units[unit]);
	return words;
}

char *pages_words(uint64_t bitmap, char *words)
{
	uint64_t smallest = bitmap & -bitmap;
	char size[WORDS_ROOM];
	size_t length = 0;
	int bit;

	strcpy(words, "none");
	if (!bitmap)
		return words;
	if (bitmap == -smallest) {
		snprintf(words, WORDS_ROOM, "%s and all larger powers of 2",
			 size_words(smallest, size));
		return words;
	}
	for (bit = 0; bit < 64; bit++) {
		if (!(bitmap & 1ULL << bit))
			continue;
		length += snprintf(words + length, WORDS_ROOM - length, "%s%s",
				   length ? ", " : "", size_words(1ULL << bit, size));
		if (length >= WORDS_ROOM)
			break;
	}
	return words;
}

/* ---- JSON ---- */

static unsigned int json_depth;
static bool json_has_value;	/* in the innermost bracket */

static void json_quote(const char *string)
{
	putchar('"');
	for (; *string; string++) {
		unsigned char c = *string;

		/* What is not ASCII may be no UTF-8 */
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void json_begin(const char *key)
{
	if (json_depth)
		printf("%s\n%*s", json_has_value ? "," : "", 2 * (int)json_depth, "");
	if (key) {
		json_quote(key);
		fputs(": ", stdout);
	}
	json_has_value = true;
}

void json_open(const char *key, char bracket)
{
	json_begin(key);
	putchar(bracket);
	json_depth++;
	json_has_value = false;
}

void json_close(char bracket)
{
	json_depth--;
	if (json_has_value)
		printf("\n%*s", 2 * (int)json_depth, "");
	putchar(bracket);
	json_has_value = true;
	if (!json_depth) {
		putchar('\n');
		json_has_value = false;
	}
}

void json_string(const char *key, const char *value)
{
	json_begin(key);
	json_quote(value);
}

void json_number(const char *key, uint64_t value)
{
	json_begin(key);
	printf("%llu", (unsigned long long)value);
}

void json_bool(const char *key, bool value)
{
	json_begin(key);
	fputs(value ? "true" : "false", stdout);
}

void json_word(const char *key, const char *word)
{
	size_t digits = strspn(word, "0123456789");

	/* JSON has no leading zeros, and readers few more digits than these */
	if (digits && digits < 16 && !word[digits] && (word[0] != '0' || digits == 1))
		json_number(key, strtoull(word, NULL, 10));
	else
		json_string(key, word);
}
