// SPDX-License-Identifier: GPL-2.0-only
/*
 * The story that 'make run' tells on an SMMU (tools/iommu/examples/nested-dma.c): it
 * passes, and it fails where a step does not see what it should.
 */
#include "lib/guest.h"
#include "lib/testing.h"

static char text[16384];	/* what it printed */

/* Its exit status */
static int run(struct __test_metadata *_metadata, const char *words)
{
	char command[128];
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), "nested-dma %s 2>&1", words);
	pipe = popen(command, "re");
	ASSERT_NE(NULL, pipe);
	text[fread(text, 1, sizeof(text) - 1, pipe)] = '\0';
	status = pclose(pipe);
	ASSERT_TRUE(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool has(struct __test_metadata *_metadata, const char *words)
{
	if (strstr(text, words))
		return true;
	TH_LOG("no \"%s\" in\n%s", words, text);
	return false;
}

#define EXPECT_TEXT(words) EXPECT_TRUE(has(_metadata, words))

FIXTURE(story)
{
};

FIXTURE_SETUP(story)
{
	__u32 parent, viommu;
	struct bound bound;
	int err;

	if (run(_metadata, "--help"))
		SKIP_TEST("no nested-dma in PATH: tools/iommu/examples");
	setup_bound(_metadata, &bound, 0);
	err = hwpt_alloc_parent(bound.iommufd, bound.edu.id, bound.ioas, &parent);
	if (!err)
		err = viommu_alloc_smmu(bound.iommufd, bound.edu.id, parent, &viommu);
	close_bound(&bound);
	if (err == -EOPNOTSUPP)
		SKIP_TEST("this machine's IOMMU is no SMMUv3 that can nest");
	ASSERT_OK(err);
}

FIXTURE_TEARDOWN(story)
{
}

TEST_F(story, it_passes)
{
	EXPECT_EQ(0, run(_metadata, ""));
	EXPECT_TEXT("STE: nested S1ContextPtr=0x4000");
	EXPECT_TEXT("F_TRANSLATION (0x10), StreamID 0x17");
	EXPECT_TEXT("\nPASS in ");
	/* Once more: it left nothing behind */
	EXPECT_EQ(0, run(_metadata, ""));
}

TEST_F(story, it_fails_where_something_is_left_out)
{
	static const struct {
		const char *part, *complaint;
	} cases[] = {
		{ "attach", "! the STE is to be nested, and is as it was\n" },
		{ "map", "! it did not arrive at PA 0x" },
		{ "tlbi", "! something arrived at PA 0x" },
		{ "hole", "! something arrived at PA 0x" },
		{ "unmap", "! something arrived at PA 0x" },
	};
	char words[64];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(words, sizeof(words), "--without %s", cases[i].part);
		EXPECT_EQ(1, run(_metadata, words)) {
			TH_LOG("%s:\n%s", words, text);
		}
		EXPECT_TEXT(cases[i].complaint);
		EXPECT_TEXT("\nFAIL in ");
		EXPECT_EQ(NULL, strstr(text, "PASS"));
	}
	EXPECT_EQ(2, run(_metadata, "--without nothing"));
	EXPECT_EQ(2, run(_metadata, "--without"));
}

TEST_HARNESS_MAIN
