// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest's commands make an SMMU forget: what they should, and no more.
 */
#include "lib/vm_fixture.h"

FIXTURE_VARIANT_ADD(nested, three_levels)
{
	.levels = 3,
};

FIXTURE_VARIANT_ADD(nested, four_levels)
{
	.levels = 4,
};

/* ---- Each command has its effect and no more ---- */

/* Both VAs are translated, then mapped elsewhere: what is told to forget goes there */
static void remap(struct __test_metadata *_metadata, struct pages *p, int attributes)
{
	struct stage1 *s1 = &p->device->s1;

	stage1_map(s1, VA, p->ipa[0], PAGE, attributes);
	stage1_map(s1, VA_2, p->ipa[1], PAGE, attributes);
	ASSERT_EQ(0, goes_to(p, VA));
	ASSERT_EQ(1, goes_to(p, VA_2));
	stage1_map(s1, VA, p->ipa[2], PAGE, attributes);
	stage1_map(s1, VA_2, p->ipa[3], PAGE, attributes);
	/* The SMMU remembers, or the test would not tell anything */
	ASSERT_EQ(0, goes_to(p, VA));
	ASSERT_EQ(1, goes_to(p, VA_2));
}

TEST_F(nested, tlbi_va_is_for_one_address_of_one_asid)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_va(ASID + 1, VA));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, &self->d, tlbi_va(ASID, VA));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(1, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_vaa_is_for_one_address)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_vaa(VA_2));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_va_takes_a_range)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_va_range(ASID, VA - 2 * PAGE, 2));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, &self->d, tlbi_va_range(ASID, VA, 2));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_vaa_takes_a_range)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_vaa_range(VA + 2 * PAGE, 2));
	EXPECT_EQ(1, goes_to(&self->p, VA_2));
	invalidate(_metadata, &self->d, tlbi_vaa_range(VA_2, 2));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, a_range_can_be_long)
{
	remap(_metadata, &self->p, 0);
	/* It ends between the two, and begins where there is nothing */
	invalidate(_metadata, &self->d, tlbi_va_range(ASID, VA_2 - 512 * PAGE, 512));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(1, goes_to(&self->p, VA_2));
}

/* Of both stages: where stage 2 has pages, the emulator has an entry for each */
TEST_F(nested, an_address_in_a_block_is_for_the_block)
{
	struct vm_device *d = &self->d;
	__u64 tail = GUEST_RAM + GUEST_RAM_SIZE;
	__u8 *one = alloc_memory(_metadata, MEMORY_HUGETLB, 2 * GUEST_BLOCK);
	__u8 *other = one + GUEST_BLOCK;

	ASSERT_OK(ioas_map_at(d->fd, self->bound.ioas, one, 2 * GUEST_BLOCK, tail));
	stage1_map(&d->s1, VA_FAR, tail, GUEST_BLOCK, 0);
	ASSERT_EQ(0, edu_store(&d->edu, VA_FAR, HALF));
	ASSERT_TRUE(memory_is(one, HALF, 1));
	stage1_map(&d->s1, VA_FAR, tail + GUEST_BLOCK, GUEST_BLOCK, 0);
	/* Behind it, and in it */
	invalidate(_metadata, d, tlbi_va(ASID, VA_FAR + GUEST_BLOCK));
	ASSERT_EQ(0, edu_store(&d->edu, VA_FAR, HALF));
	EXPECT_TRUE(memory_is_all(other, HALF, 0));
	invalidate(_metadata, d, tlbi_va(ASID, VA_FAR + 5 * PAGE));
	ASSERT_EQ(0, edu_store(&d->edu, VA_FAR, HALF));
	EXPECT_TRUE(memory_is(other, HALF, 1));
}

TEST_F(nested, tlbi_asid_is_for_one_asid)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_asid(ASID + 1));
	EXPECT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, &self->d, tlbi_asid(ASID));
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_all_is_for_all)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_all());
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, tlbi_nsnh_all_is_for_all_of_the_guest)
{
	remap(_metadata, &self->p, 0);
	invalidate(_metadata, &self->d, tlbi_nsnh_all());
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

/* The device uses another stage 1 from now on */
static void use(struct __test_metadata *_metadata, struct vm_device *d,
		const struct stage1 *s1, __u16 asid)
{
	cd_write(d->guest, d->cds, 0, s1, asid);
	invalidate(_metadata, d, cfgi_cd(d->vsid, 0));
}

TEST_F(nested, what_is_cached_of_another_asid_stays)
{
	const struct {
		struct command command;
		int page, other_page;
	} cases[] = {
		{ tlbi_asid(ASID + 1), 0, 3 },
		{ tlbi_va(ASID + 1, VA), 0, 3 },
		{ tlbi_va_range(ASID + 1, VA, 2), 0, 3 },
		{ tlbi_vaa(VA), 2, 3 },
		{ tlbi_vaa_range(VA, 2), 2, 3 },
	};
	struct vm_device *d = &self->d;
	struct pages *p = &self->p;
	struct stage1 other;

	stage1_init(&other, d->guest, variant->levels);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		invalidate(_metadata, d, tlbi_all());
		stage1_map(&other, VA, p->ipa[1], PAGE, 0);
		use(_metadata, d, &other, ASID + 1);
		ASSERT_EQ(1, goes_to(p, VA));
		stage1_map(&other, VA, p->ipa[3], PAGE, 0);
		stage1_map(&d->s1, VA, p->ipa[0], PAGE, 0);
		use(_metadata, d, &d->s1, ASID);
		ASSERT_EQ(0, goes_to(p, VA));
		stage1_map(&d->s1, VA, p->ipa[2], PAGE, 0);

		invalidate(_metadata, d, cases[i].command);
		EXPECT_EQ(cases[i].page, goes_to(p, VA)) {
			TH_LOG("case %zu", i);
		}
		use(_metadata, d, &other, ASID + 1);
		EXPECT_EQ(cases[i].other_page, goes_to(p, VA)) {
			TH_LOG("case %zu, the other ASID", i);
		}
	}
}

TEST_F(nested, configuration_and_translations_are_forgotten_apart)
{
	struct vm_device *d = &self->d;
	struct stage1 other;

	remap(_metadata, &self->p, 0);
	invalidate(_metadata, d, cfgi_cd_all(VSID));
	EXPECT_EQ(0, goes_to(&self->p, VA));

	stage1_init(&other, d->guest, variant->levels);
	stage1_map(&other, VA, self->p.ipa[3], PAGE, 0);
	cd_write(d->guest, d->cds, 0, &other, ASID + 1);
	invalidate(_metadata, d, tlbi_all());
	EXPECT_EQ(2, goes_to(&self->p, VA));
	invalidate(_metadata, d, cfgi_cd(VSID, 0));
	EXPECT_EQ(3, goes_to(&self->p, VA));
}

TEST_F(nested, commands_before_a_bad_one_are_done)
{
	const struct command commands[] = {
		tlbi_va(ASID, VA), { { 0xff } }, tlbi_va(ASID, VA_2),
	};
	__u32 num = ARRAY_SIZE(commands);

	remap(_metadata, &self->p, 0);
	EXPECT_ERRNO(EIO, smmu_invalidate(self->d.fd, self->d.viommu, commands, &num));
	EXPECT_EQ(1, num);
	EXPECT_EQ(2, goes_to(&self->p, VA));
	EXPECT_EQ(1, goes_to(&self->p, VA_2));
}

TEST_F(nested, a_long_array_is_done_to_its_end)
{
	static struct command commands[1000];
	__u32 num = ARRAY_SIZE(commands);

	for (__u32 i = 0; i < num - 1; i++)
		commands[i] = tlbi_va(ASID, VA_FAR + i * PAGE);
	commands[num - 1] = tlbi_va(ASID, VA_2);
	remap(_metadata, &self->p, 0);
	ASSERT_OK(smmu_invalidate(self->d.fd, self->d.viommu, commands, &num));
	EXPECT_EQ(ARRAY_SIZE(commands), num);
	EXPECT_EQ(0, goes_to(&self->p, VA));
	EXPECT_EQ(3, goes_to(&self->p, VA_2));
}

TEST_F(nested, cfgi_cd_makes_a_new_cd_seen)
{
	struct vm_device *d = &self->d;
	struct stage1 other;

	stage1_init(&other, d->guest, variant->levels);
	stage1_map(&d->s1, VA, self->p.ipa[0], PAGE, 0);
	stage1_map(&other, VA, self->p.ipa[1], PAGE, 0);
	ASSERT_EQ(0, goes_to(&self->p, VA));
	cd_write(d->guest, d->cds, 0, &other, ASID + 1);
	ASSERT_EQ(0, goes_to(&self->p, VA));
	invalidate(_metadata, d, cfgi_cd(VSID, 0));
	EXPECT_EQ(1, goes_to(&self->p, VA));

	cd_write(d->guest, d->cds, 0, &d->s1, ASID);
	ASSERT_EQ(1, goes_to(&self->p, VA));
	invalidate(_metadata, d, cfgi_cd_all(VSID));
	EXPECT_EQ(0, goes_to(&self->p, VA));
}

/* ---- Two VMs, and two devices of one ---- */

FIXTURE(two_vms)
{
	struct two two;
};

FIXTURE_SETUP(two_vms)
{
	setup_two(_metadata, &self->two, false);
}

FIXTURE_TEARDOWN(two_vms)
{
	close_two(&self->two);
}

TEST_F(two_vms, a_command_in_one_does_nothing_in_the_other)
{
	const struct command commands[] = {
		tlbi_all(), tlbi_nsnh_all(), tlbi_asid(ASID), tlbi_va(ASID, VA),
		tlbi_vaa(VA), tlbi_va_range(ASID, VA, 2), tlbi_vaa_range(VA, 2),
		cfgi_cd(VSID, 0), cfgi_cd_all(VSID),
	};
	struct vm_device *d = &self->two.d[1];
	struct stage1 other;

	remap(_metadata, &self->two.p[1], 0);
	/* There is a new CD too, which the SMMU has not seen */
	stage1_init(&other, d->guest, 3);
	stage1_map(&other, VA, self->two.p[1].ipa[3], PAGE, 0);
	cd_write(d->guest, d->cds, 0, &other, ASID + 1);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		invalidate(_metadata, &self->two.d[0], commands[i]);
		EXPECT_EQ(0, goes_to(&self->two.p[1], VA)) {
			TH_LOG("command %zu", i);
		}
	}
	invalidate(_metadata, d, tlbi_all());
	EXPECT_EQ(2, goes_to(&self->two.p[1], VA));
	invalidate(_metadata, d, cfgi_cd(VSID, 0));
	EXPECT_EQ(3, goes_to(&self->two.p[1], VA));
}

TEST_F(two_vms, what_the_host_unmaps_is_gone_in_both)
{
	__u64 tail = GUEST_RAM + GUEST_RAM_SIZE, unmapped;
	__u8 *memory = memory_pages(PAGE);

	ASSERT_NE(NULL, memory);
	ASSERT_OK(ioas_map_at(self->two.bound.iommufd, self->two.bound.ioas, memory, PAGE, tail));
	for (int i = 0; i < 2; i++) {
		memset(memory, 0, PAGE);
		stage1_map(&self->two.d[i].s1, VA, tail, PAGE, 0);
		ASSERT_EQ(0, edu_store(&self->two.d[i].edu, VA, HALF));
		EXPECT_TRUE(memory_is(memory, HALF, 1));
	}
	memset(memory, 0, PAGE);
	ASSERT_OK(ioas_unmap(self->two.bound.iommufd, self->two.bound.ioas, tail, PAGE, &unmapped));
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, edu_store(&self->two.d[i].edu, VA, HALF));
	EXPECT_TRUE(memory_is_all(memory, PAGE, 0));
}

FIXTURE(two_devices)
{
	struct two two;
};

FIXTURE_SETUP(two_devices)
{
	setup_two(_metadata, &self->two, true);
}

FIXTURE_TEARDOWN(two_devices)
{
	close_two(&self->two);
}

TEST_F(two_devices, a_cd_is_forgotten_of_one_of_them)
{
	struct stage1 other;

	stage1_init(&other, &self->two.guest, 3);
	for (int i = 0; i < 2; i++) {
		struct vm_device *d = &self->two.d[i];

		stage1_map(&d->s1, VA, self->two.p[i].ipa[0], PAGE, 0);
		ASSERT_EQ(0, goes_to(&self->two.p[i], VA));
		cd_write(d->guest, d->cds, 0, &other, ASID + 1);
	}
	stage1_map(&other, VA, self->two.p[0].ipa[1], PAGE, 0);
	invalidate(_metadata, &self->two.d[0], cfgi_cd(self->two.d[0].vsid, 0));
	EXPECT_EQ(1, goes_to(&self->two.p[0], VA));
	EXPECT_EQ(0, goes_to(&self->two.p[1], VA));
	invalidate(_metadata, &self->two.d[0], cfgi_cd_all(self->two.d[1].vsid));
	/* Which leads to a page of the one now */
	clear_pages(&self->two.p[0]);
	EXPECT_EQ(NOWHERE, goes_to(&self->two.p[1], VA));
	EXPECT_EQ(1, found_in(&self->two.p[0]));
}

TEST_F(two_devices, a_tlbi_is_for_both)
{
	/* One stage 1 for both, as a guest's process has it for its devices */
	self->two.d[1].s1 = self->two.d[0].s1;
	cd_write(&self->two.guest, self->two.d[1].cds, 0, &self->two.d[1].s1, ASID);
	invalidate(_metadata, &self->two.d[1], cfgi_cd(self->two.d[1].vsid, 0));
	invalidate(_metadata, &self->two.d[1], tlbi_all());
	self->two.p[1] = (struct pages){ .device = &self->two.d[1] };
	memcpy(self->two.p[1].ipa, self->two.p[0].ipa, sizeof(self->two.p[0].ipa));

	remap(_metadata, &self->two.p[0], 0);
	EXPECT_EQ(0, goes_to(&self->two.p[1], VA));
	invalidate(_metadata, &self->two.d[1], tlbi_va(ASID, VA));
	EXPECT_EQ(2, goes_to(&self->two.p[0], VA));
	EXPECT_EQ(2, goes_to(&self->two.p[1], VA));
	EXPECT_EQ(1, goes_to(&self->two.p[1], VA_2));
}

TEST_HARNESS_MAIN
