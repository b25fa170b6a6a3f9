// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects in words.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "util.h"

char *object_name(const struct object *object)
{
	char *name = text("%s %u", object->kind, object->id);
	char *c;

	for (c = name; *c; c++)
		*c = toupper((unsigned char)*c);
	return name;
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static char *ioas_words(const struct object *object)
{
	uint64_t areas = object_number(object, "areas");
	uint64_t extents = object_number(object, "extents");
	char mapped[WORDS_ROOM], pinned[WORDS_ROOM], granule[WORDS_ROOM];

	if (!areas)
		return xstrdup("nothing mapped");
	size_words(object_number(object, "bytes"), mapped);
	size_words(object_number(object, "pinned"), pinned);
	size_words(object_number(object, "alignment"), granule);
	if (!extents)
		return text("%s in %llu area%s, nothing pinned; granule %s", mapped,
			    (unsigned long long)areas, plural(areas), granule);
	return text("%s in %llu area%s, %s pinned in %llu extent%s; granule %s", mapped,
		    (unsigned long long)areas, plural(areas), pinned,
		    (unsigned long long)extents, plural(extents), granule);
}

static char *hwpt_paging_words(const struct object *object)
{
	const char *first = object_field(object, "first");
	const char *last = object_field(object, "last");
	char pages[WORDS_ROOM];

	pages_words(object_number(object, "pages"), pages);
	return text("%spages of %s; IOVA %s to %s%s%s",
		    object_number(object, "automatic") ? "made by an attach; " : "", pages,
		    first ? first : "?", last ? last : "?",
		    object_number(object, "coherent") ? "; enforces coherency" : "",
		    object_number(object, "dirty") ? "; tracks dirty pages" : "");
}

static char *access_words(const struct object *object)
{
	uint64_t pins = object_number(object, "pins");

	return text("in the kernel, %llu page%s pinned%s", (unsigned long long)pins,
		    plural(pins), object_number(object, "ioas") ? "" : "; not attached");
}

static char *device_words(const struct object *object)
{
	const char *name = object_field(object, "name");
	const char *group = object_field(object, "group");

	return text("%s, IOMMU group %s%s", name ? name : "?", group ? group : "?",
		    object_number(object, "hwpt") ? "" : "; not attached");
}

/* A kind that is newer than this program: as the kernel says it */
static char *other_words(const struct object *object)
{
	char *words = xstrdup(""), *more;
	size_t i;

	for (i = 0; i < object->nr_fields; i++) {
		if (field_is_link(&object->fields[i]))
			continue;
		more = text("%s%s%s %s", words, *words ? ", " : "", object->fields[i].key,
			    object->fields[i].value);
		free(words);
		words = more;
	}
	return words;
}

char *object_words(const struct object *object)
{
	static const struct {
		const char *kind;
		char *(*words)(const struct object *object);
	} kinds[] = {
		{ "ioas", ioas_words },
		{ "hwpt_paging", hwpt_paging_words },
		{ "device", device_words },
		{ "access", access_words },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(object->kind, kinds[i].kind))
			return kinds[i].words(object);
	}
	return other_words(object);
}
