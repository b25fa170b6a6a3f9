// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects in words: what iommuctl show and graph print of each.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <linux/iommufd.h>

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
	bool attached = object_number(object, "hwpt");
	const char *place = NULL;
	uint32_t pasid, hwpt;
	char *words, *more;

	words = text("%s, IOMMU group %s%s", name ? name : "?", group ? group : "?",
		     attached ? "" : "; not attached");
	while (object_pasid(object, &place, &pasid, &hwpt)) {
		more = text("%s; PASID %u: HWPT %u", words, pasid, hwpt);
		free(words);
		words = more;
	}
	return words;
}

/* Of enum iommu_viommu_type, iommu_hw_queue_type and iommu_veventq_type, or as it is */
static const char *type_word(const struct object *object, const char * const *words, size_t nr)
{
	const char *value = object_field(object, "type");
	uint64_t type = object_number(object, "type");

	return type < nr && words[type] ? words[type] : value ? value : "?";
}

static char *viommu_words(const struct object *object)
{
	static const char * const types[] = {
		[IOMMU_VIOMMU_TYPE_ARM_SMMUV3] = "Arm SMMUv3",
		[IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV] = "Tegra241 CMDQV",
	};
	const char *iommu = object_field(object, "iommu");

	return text("type %s%s%s", type_word(object, types, ARRAY_SIZE(types)),
		    iommu ? ", on " : "", iommu ? iommu : "");
}

static char *vdevice_words(const struct object *object)
{
	const char *name = object_field(object, "virt_id");

	return text("%s in the VM%s", name ? name : "?",
		    object_number(object, "device") ? "" : "; the device is gone");
}

static char *hw_queue_words(const struct object *object)
{
	static const char * const types[] = {
		[IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV] = "Tegra241 CMDQV",
	};
	const char *iova = object_field(object, "iova");
	char length[WORDS_ROOM];

	return text("type %s, %s at %s of the VM",
		    type_word(object, types, ARRAY_SIZE(types)),
		    size_words(object_number(object, "length"), length), iova ? iova : "?");
}

static char *fault_words(const struct object *object)
{
	uint64_t requests = object_number(object, "requests");
	uint64_t refused = object_number(object, "refused");

	return text("%llu of %llu page requests wait%s; %llu group%s refused",
		    (unsigned long long)requests,
		    (unsigned long long)object_number(object, "depth"),
		    requests == 1 ? "s" : "", (unsigned long long)refused, plural(refused));
}

static char *veventq_words(const struct object *object)
{
	static const char * const types[] = {
		[IOMMU_VEVENTQ_TYPE_ARM_SMMUV3] = "Arm SMMUv3",
		[IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV] = "Tegra241 CMDQV",
	};
	uint64_t events = object_number(object, "events");
	uint64_t lost = object_number(object, "lost");

	return text("type %s; %llu of %llu events wait%s; %llu lost",
		    type_word(object, types, ARRAY_SIZE(types)), (unsigned long long)events,
		    (unsigned long long)object_number(object, "depth"),
		    events == 1 ? "s" : "", (unsigned long long)lost);
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
		/* If it is missing, the words are not for this kernel's fdinfo */
		const char *key;
	} kinds[] = {
		{ "ioas", ioas_words, "areas" },
		{ "hwpt_paging", hwpt_paging_words, "pages" },
		{ "device", device_words, "name" },
		{ "access", access_words, "pins" },
		{ "viommu", viommu_words, "type" },
		{ "vdevice", vdevice_words, "virt_id" },
		{ "hw_queue", hw_queue_words, "iova" },
		{ "fault", fault_words, "requests" },
		{ "veventq", veventq_words, "events" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(object->kind, kinds[i].kind) &&
		    object_field(object, kinds[i].key))
			return kinds[i].words(object);
	}
	return other_words(object);
}
