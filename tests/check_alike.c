/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "alike.h"
#include "harness.h"

static const char one[] = "one %d", other[] = "other %d";

/* So many times, one of which is said. Returns how many were. */
static unsigned
say(struct alikes *alikes, const char *format, unsigned n, int64_t now_ms)
{
	unsigned nsaid = 0;
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof text, "number %u", i);
		nsaid += alike_admits(alikes, format, 1, text, now_ms);
	}
	return nsaid;
}

START_TEST(ten_of_a_kind_are_said_and_the_others_counted)
{
	static struct alikes alikes;
	struct alike over;

	ck_assert_uint_eq(say(&alikes, one, ALIKE_MAX_SAID, 1000), ALIKE_MAX_SAID);
	ck_assert_int_eq(alike_next_ms(&alikes), -1);
	ck_assert(!alike_take(&alikes, INT64_MAX, &over));
	ck_assert_uint_eq(say(&alikes, one, 7, 1000 + ALIKE_PERIOD_MS - 1), 0);
	ck_assert_int_eq(alike_next_ms(&alikes), 1000 + ALIKE_PERIOD_MS);
	ck_assert(!alike_take(&alikes, 1000 + ALIKE_PERIOD_MS - 1, &over));
	ck_assert(alike_take(&alikes, 1000 + ALIKE_PERIOD_MS, &over));
	ck_assert_ptr_eq(over.format, one);
	ck_assert_uint_eq(over.nheld, 7);
	ck_assert_int_eq(over.level, 1);
	ck_assert_str_eq(over.last, "number 6");
	ck_assert(!alike_take(&alikes, INT64_MAX, &over));
	ck_assert_int_eq(alike_next_ms(&alikes), -1);
}
END_TEST

START_TEST(kinds_are_known_by_their_format_and_do_not_share)
{
	static struct alikes alikes;
	struct alike over;

	ck_assert_uint_eq(say(&alikes, one, 12, 0), ALIKE_MAX_SAID);
	ck_assert_uint_eq(say(&alikes, other, 13, 100), ALIKE_MAX_SAID);
	ck_assert_int_eq(alike_next_ms(&alikes), ALIKE_PERIOD_MS);
	ck_assert(alike_take(&alikes, ALIKE_PERIOD_MS, &over));
	ck_assert_ptr_eq(over.format, one);
	ck_assert_uint_eq(over.nheld, 2);
	ck_assert_int_eq(alike_next_ms(&alikes), ALIKE_PERIOD_MS + 100);
	ck_assert(!alike_take(&alikes, ALIKE_PERIOD_MS, &over));
	ck_assert(alike_take(&alikes, INT64_MAX, &over));
	ck_assert_ptr_eq(over.format, other);
	ck_assert_uint_eq(over.nheld, 3);
}
END_TEST

START_TEST(each_period_begins_anew)
{
	static struct alikes alikes;
	struct alike over;
	int64_t now_ms = 0;

	for (int period = 0; period < 5; period++) {
		ck_assert_uint_eq(say(&alikes, one, 100, now_ms), ALIKE_MAX_SAID);
		now_ms += ALIKE_PERIOD_MS;
		ck_assert(alike_take(&alikes, now_ms, &over));
		ck_assert_uint_eq(over.nheld, 100 - ALIKE_MAX_SAID);
	}
	/* So does one in which nothing was held back. */
	for (int period = 0; period < 5; period++) {
		ck_assert_uint_eq(say(&alikes, one, 10, now_ms), 10);
		ck_assert(!alike_take(&alikes, INT64_MAX, &over));
		now_ms += ALIKE_PERIOD_MS;
	}
}
END_TEST

/* Nothing of what is one kind too many is lost; and there is room again in time. */
START_TEST(one_kind_too_many_is_said)
{
	static struct alikes alikes;
	static char formats[ALIKE_MAX_KINDS + 1];
	const char *extra = &formats[ALIKE_MAX_KINDS];

	for (int i = 0; i < ALIKE_MAX_KINDS; i++)
		ck_assert_uint_eq(say(&alikes, &formats[i], 1, 0), 1);
	ck_assert_uint_eq(say(&alikes, extra, 50, 0), 50);
	ck_assert_uint_eq(say(&alikes, extra, 50, ALIKE_PERIOD_MS), ALIKE_MAX_SAID);
	for (int i = 1; i < ALIKE_MAX_KINDS; i++)
		ck_assert_uint_eq(say(&alikes, &formats[i], 1, ALIKE_PERIOD_MS), 1);
}
END_TEST

START_TEST(counts_add_up_whatever_comes)
{
	static struct alikes alikes;
	uint64_t random = 1, nsaid = 0, nheld = 0, n = 0;
	struct alike over;
	int64_t now_ms = 0;

	for (int i = 0; i < 200000; i++) {
		bool is_one = random_below(&random, 3) > 0;

		nsaid += say(&alikes, is_one ? one : other, 1, now_ms);
		n++;
		now_ms += random_below(&random, 100) == 0 ? random_below(&random, 8000) : 0;
		while (random_below(&random, 50) == 0 && alike_take(&alikes, now_ms, &over))
			nheld += over.nheld;
	}
	while (alike_take(&alikes, INT64_MAX, &over))
		nheld += over.nheld;
	ck_assert_uint_eq(nsaid + nheld, n);
	ck_assert_uint_gt(nheld, 0);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("alike",
	    ten_of_a_kind_are_said_and_the_others_counted,
	    kinds_are_known_by_their_format_and_do_not_share,
	    each_period_begins_anew,
	    one_kind_too_many_is_said,
	    counts_add_up_whatever_comes);
}
