// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of iommuctl's parser and decoders on recorded text and registers.
 * Usage: unit DIRECTORY    of the recorded texts
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/iommufd.h>

#include "caps.h"
#include "fdinfo.h"
#include "util.h"

static unsigned int checks, failures;

#define CHECK(condition) do { \
	checks++; \
	if (!(condition)) { \
		failures++; \
		printf("unit.c:%d: not so: %s\n", __LINE__, #condition); \
	} \
} while (0)

static bool same(const char *expected, const char *got)
{
	bool is = got && !strcmp(expected, got);

	if (!is)
		printf("expected \"%s\", got \"%s\"\n", expected, got ? got : "nothing");
	return is;
}

static void parse(const char *dir, const char *name, struct context *context)
{
	char *path = text("%s/%s", dir, name), *fdinfo = read_file(path);
	char why[160] = "";

	if (!fdinfo || fdinfo_parse(fdinfo, context, why)) {
		printf("%s: %s\n", path, fdinfo ? why : "cannot be read");
		exit(1);
	}
	free(fdinfo);
	free(path);
}

static void test_objects(const char *dir)
{
	struct context context;
	const struct object *ioas, *hwpt, *one, *two;

	parse(dir, "two-devices.fdinfo", &context);
	CHECK(context.number == 17);
	CHECK(context.nr_objects == 6);
	ioas = fdinfo_find(&context, 2);
	hwpt = fdinfo_find(&context, 3);
	one = fdinfo_find(&context, 1);
	two = fdinfo_find(&context, 4);
	CHECK(same("ioas", ioas->kind) && ioas->refs == 1);
	CHECK(object_number(ioas, "bytes") == 8192);
	CHECK(object_number(ioas, "no_such_key") == 0);
	CHECK(same("0000:00:02.0", object_field(one, "name")));
	CHECK(object_number(hwpt, "pages") == 0x40201000);
	CHECK(object_parent(&context, one) == hwpt);
	CHECK(object_parent(&context, hwpt) == ioas);
	CHECK(!object_parent(&context, ioas));
	/* 0 is no object: it is not attached */
	CHECK(!object_parent(&context, two));
	CHECK(!fdinfo_find(&context, 0) && !fdinfo_find(&context, 7));
	fdinfo_free(&context);
}

static void test_newer(const char *dir)
{
	const struct object *nested;
	struct context context;

	parse(dir, "newer.fdinfo", &context);
	CHECK(context.number == UINT64_MAX);
	CHECK(context.nr_objects == 8);
	/* In the order of the ids, whatever that of the lines was */
	CHECK(context.objects[0].id == 1 && context.objects[7].id == 11);
	nested = fdinfo_find(&context, 7);
	CHECK(object_parent(&context, nested) == fdinfo_find(&context, 9));
	CHECK(field_target(&context, &nested->fields[1]) == fdinfo_find(&context, 8));
	/* What it refers to is not there */
	CHECK(!object_parent(&context, fdinfo_find(&context, 11)));
	fdinfo_free(&context);
}

static void test_bad(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "it tells nothing of an iommufd" },
		{ "pos:\t0\nflags:\t02\n", "it tells nothing of an iommufd" },
		{ "iommufd:\tctx 0\n", "line 1: there is no number of the context" },
		{ "iommufd:\tctx -1\n", "line 1: there is no number of the context" },
		{ "iommufd:\tctx 18446744073709551616\n",
		  "line 1: there is no number of the context" },
		{ "iommufd:\t7\n", "line 1: there is no number of the context" },
		{ "iommufd:\tctx 7\nioas:\tid 1\n", "line 2: no id or no refs" },
		{ "iommufd:\tctx 7\nioas:\tid 0 refs 0\n", "line 2: no id or no refs" },
		{ "iommufd:\tctx 7\nioas:\tid 1 refs\n", "line 2: a key has no value" },
		{ "iommufd:\tctx 7\nioas:\tid x refs 0\n",
		  "line 2: id or refs is not a number" },
		{ "iommufd:\tctx 7\nioas:\tid 4294967296 refs 0\n",
		  "line 2: id or refs is not a number" },
		{ "iommufd:\tctx 7\nioas:\tid 1 refs 0 id 2\n",
		  "line 2: id or refs is there twice" },
		{ "iommufd:\tctx 7\nioas:\tid 1 refs 0 A 2\n", "line 2: a key is not a name" },
		{ "iommufd:\tctx 7\nIOAS\":\tid 1 refs 0\n", "line 2: the kind is not a name" },
		{ "iommufd:\tctx 7\nioas:\tid 1 refs 0\nioas:\tid 1 refs 0\n",
		  "the object 1 is there twice" },
	};
	struct context context;
	char why[160];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		why[0] = '\0';
		CHECK(fdinfo_parse(bad[i].text, &context, why) == -1);
		CHECK(same(bad[i].why, why));
	}
}

/* PASIDs, and what is not a list of them */
static void test_pasids(void)
{
	static const struct {
		const char *value;
		unsigned int nr;
		uint32_t pasid, hwpt;	/* the last */
	} lists[] = {
		{ "5=7", 1, 5, 7 }, { "5=7,1048575=3", 2, 1048575, 3 }, { "5=7,", 1, 5, 7 },
		{ "5=7,6", 1, 5, 7 }, { "5", 0, 0, 0 },
		{ "=7", 0, 0, 0 }, { "x=7", 0, 0, 0 }, { ",", 0, 0, 0 },
		{ "5=7;6=8", 1, 5, 7 },
	};
	struct context context;
	char why[160];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		char *fdinfo = text("iommufd:\tctx 1\ndevice:\tid 1 refs 0 pasids %s\n",
				    lists[i].value);
		uint32_t pasid = 0, hwpt = 0;
		const char *place = NULL;
		unsigned int nr = 0;

		CHECK(!fdinfo_parse(fdinfo, &context, why));
		while (object_pasid(&context.objects[0], &place, &pasid, &hwpt))
			nr++;
		CHECK(nr == lists[i].nr && pasid == lists[i].pasid && hwpt == lists[i].hwpt);
		fdinfo_free(&context);
		free(fdinfo);
	}
}

/* Any text at all, cut anywhere, is taken or refused, and leaves no memory */
static void test_cut(const char *dir)
{
	char *path = text("%s/newer.fdinfo", dir), *fdinfo = read_file(path);
	size_t length = strlen(fdinfo), cut;
	unsigned int taken = 0;
	struct context context;
	char why[160];

	for (cut = 0; cut < length; cut++) {
		char kept = fdinfo[cut];

		fdinfo[cut] = '\0';
		if (!fdinfo_parse(fdinfo, &context, why)) {
			taken++;
			fdinfo_free(&context);
		}
		fdinfo[cut] = kept;
		fdinfo[cut] ^= 0x11;
		if (!fdinfo_parse(fdinfo, &context, why))
			fdinfo_free(&context);
		fdinfo[cut] ^= 0x11;
	}
	CHECK(taken && taken < length);
	free(fdinfo);
	free(path);
}

static void test_words(void)
{
	char words[WORDS_ROOM];

	CHECK(same("0 bytes", size_words(0, words)));
	CHECK(same("1 byte", size_words(1, words)));
	CHECK(same("1023 bytes", size_words(1023, words)));
	CHECK(same("1 KiB", size_words(1024, words)));
	CHECK(same("8 KiB", size_words(8192, words)));
	CHECK(same("1.5 GiB", size_words(3ULL << 29, words)));
	CHECK(same("15.9 EiB", size_words(UINT64_MAX, words)));
	CHECK(same("none", pages_words(0, words)));
	CHECK(same("4 KiB, 2 MiB, 1 GiB", pages_words(0x40201000, words)));
	CHECK(same("2 KiB and all larger powers of 2", pages_words(-2048ULL, words)));
	/* Each but the first: longer than there is room for */
	pages_words(0xfffffffffffffffdULL, words);
	CHECK(strlen(words) < WORDS_ROOM);
}

static const struct cap *cap(const struct caps *caps, const char *key)
{
	static const struct cap none = { .words = "nothing" };
	size_t i;

	for (i = 0; i < caps->nr; i++) {
		if (!strcmp(caps->list[i].key, key))
			return &caps->list[i];
	}
	return &none;
}

/* As QEMU's VT-d in scalable mode says */
static void test_vtd(void)
{
	const struct iommu_hw_info_vtd info = {
		.cap_reg = 0x00d2008c222f0686, .ecap_reg = 0x0000600003f04f42 | 1ULL << 43,
	};
	const struct iommu_hw_info_vtd all = { .cap_reg = ~0ULL, .ecap_reg = ~0ULL };
	const struct caps_kernel kernel = {
		.capabilities = IOMMU_HW_CAP_DIRTY_TRACKING |
				IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
		.max_pasid_log2 = 20,
		.nesting = true,
	};
	struct caps caps;

	CHECK(caps_decode(IOMMU_HW_INFO_TYPE_INTEL_VTD, &info, sizeof(info), &kernel, &caps));
	CHECK(same("Intel VT-d", caps.iommu));
	CHECK(cap(&caps, "scalable_mode")->number == 1);
	CHECK(cap(&caps, "nesting")->number == 0);
	CHECK(same("no", cap(&caps, "nesting")->words));
	CHECK(cap(&caps, "pasid_bits")->number == 0);
	CHECK(cap(&caps, "stage2")->number == 1);
	CHECK(cap(&caps, "stage1")->number == 0);
	CHECK(cap(&caps, "dirty_tracking")->number == 1);
	CHECK(cap(&caps, "input_bits")->number == 48);
	CHECK(same("39 (3 levels), 48 (4 levels) bits", cap(&caps, "stage2_widths")->words));
	CHECK(same("4 KiB, 2 MiB, 1 GiB", cap(&caps, "stage2_pages")->words));
	CHECK(cap(&caps, "caching_mode")->number == 1);
	CHECK(cap(&caps, "domains")->number == 65536);
	CHECK(cap(&caps, "kernel_nesting")->number == 1);
	CHECK(cap(&caps, "kernel_dirty_tracking")->number == 1);
	CHECK(cap(&caps, "kernel_pasid_bits")->number == 20);
	CHECK(cap(&caps, "kernel_ats")->number == 0);

	CHECK(caps_decode(IOMMU_HW_INFO_TYPE_INTEL_VTD, &all, sizeof(all), &kernel, &caps));
	CHECK(cap(&caps, "nesting")->number == 1 && cap(&caps, "pri")->number == 1);
	CHECK(cap(&caps, "pasid_bits")->number == 32);
	CHECK(same("32 bits", cap(&caps, "pasid_bits")->words));
	CHECK(same("4 KiB, 2 MiB, 1 GiB", cap(&caps, "stage1_pages")->words));

	/* Too little of it, or of a make that is not known: only what the kernel said */
	CHECK(!caps_decode(IOMMU_HW_INFO_TYPE_INTEL_VTD, &info, 16, &kernel, &caps));
	CHECK(caps.nr == 4);
	CHECK(!caps_decode(77, &info, sizeof(info), &kernel, &caps));
	CHECK(caps.nr == 4 && same("unknown", caps.iommu));
}

/* As QEMU's SMMUv3 with both stages says */
static void test_smmuv3(void)
{
	struct iommu_hw_info_arm_smmuv3 info = {
		.idr = { 0x0d4c101b, 0x02730010, 0, 0x00001404, 0, 0x00000075 },
		.iidr = 0x43b, .aidr = 1,
	};
	const struct caps_kernel kernel = {};
	struct caps caps;

	CHECK(caps_decode(IOMMU_HW_INFO_TYPE_ARM_SMMUV3, &info, sizeof(info), &kernel, &caps));
	CHECK(same("Arm SMMUv3", caps.iommu));
	CHECK(cap(&caps, "nesting")->number == 1);
	CHECK(cap(&caps, "kernel_nesting")->number == 0);
	CHECK(cap(&caps, "pasid_bits")->number == 0);
	CHECK(cap(&caps, "pri")->number == 0);
	CHECK(same("cannot stall", cap(&caps, "stall")->words));
	CHECK(cap(&caps, "dirty_tracking")->number == 0);
	CHECK(same("no", cap(&caps, "dirty_tracking")->words));
	CHECK(cap(&caps, "output_bits")->number == 48);
	CHECK(same("4 KiB, 16 KiB, 64 KiB", cap(&caps, "granules")->words));
	CHECK(cap(&caps, "asid_bits")->number == 16 && cap(&caps, "vmid_bits")->number == 16);
	CHECK(cap(&caps, "stream_bits")->number == 16);
	CHECK(cap(&caps, "range_invalidation")->number == 1);
	CHECK(cap(&caps, "stage2_fwb")->number == 0);

	/* Another one: stage 2 only, 20 bits of SubstreamID are of no use to it */
	info.idr[0] = 1 << 16 | 2 << 6 | 1;
	info.idr[1] = 20 << 6;
	info.idr[3] = 1 << 8;
	CHECK(caps_decode(IOMMU_HW_INFO_TYPE_ARM_SMMUV3, &info, sizeof(info), &kernel, &caps));
	CHECK(cap(&caps, "nesting")->number == 0 && cap(&caps, "pri")->number == 1);
	CHECK(cap(&caps, "pasid_bits")->number == 0);
	CHECK(cap(&caps, "dirty_tracking")->number == 1);
	CHECK(cap(&caps, "stage2_fwb")->number == 1);
	CHECK(cap(&caps, "range_invalidation")->number == 0);
	info.idr[0] |= 2;
	CHECK(caps_decode(IOMMU_HW_INFO_TYPE_ARM_SMMUV3, &info, sizeof(info), &kernel, &caps));
	CHECK(cap(&caps, "nesting")->number == 1 && cap(&caps, "pasid_bits")->number == 20);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: unit DIRECTORY\n");
		return 2;
	}
	test_objects(argv[1]);
	test_newer(argv[1]);
	test_bad();
	test_pasids();
	test_cut(argv[1]);
	test_words();
	test_vtd();
	test_smmuv3();
	printf("unit: %u checks, %u failed\n", checks, failures);
	return !!failures;
}
