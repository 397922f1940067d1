/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "rate.h"

/* How many are there now. */
static unsigned
take_all(struct rate *rate, unsigned per_second, int64_t ms)
{
	unsigned n = 0;

	while (rate_take(rate, per_second, ms))
		n++;
	return n;
}

START_TEST(bucket_begins_with_a_second_s_worth)
{
	static const unsigned rates[] = { 1, 2, 3, 7, 10, 100, 1000, 12345 };

	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct rate rate = { 0 };

		ck_assert_uint_eq(take_all(&rate, rates[i], 5000), rates[i]);
	}
}
END_TEST

START_TEST(bucket_holds_no_more_than_a_second_s_worth)
{
	struct rate rate = { 0 };

	ck_assert_uint_eq(take_all(&rate, 10, 1000), 10);
	ck_assert_uint_eq(take_all(&rate, 10, 1000 + 3600 * 1000), 10);
}
END_TEST

START_TEST(tokens_come_one_by_one)
{
	struct rate rate = { 0 };

	ck_assert_uint_eq(take_all(&rate, 10, 1000), 10);
	ck_assert_uint_eq(take_all(&rate, 10, 1099), 0);
	ck_assert_uint_eq(take_all(&rate, 10, 1100), 1);
	ck_assert_uint_eq(take_all(&rate, 10, 1100), 0);
	ck_assert_uint_eq(take_all(&rate, 10, 1550), 4);
	ck_assert_uint_eq(take_all(&rate, 10, 1599), 0);
	ck_assert_uint_eq(take_all(&rate, 10, 1600), 1);
}
END_TEST

START_TEST(who_waits_as_long_as_is_said_gets_one)
{
	static const unsigned rates[] = { 1, 3, 10, 999, 1000, 1001, 100000, RATE_MAX };

	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct rate rate = { 0 };
		int64_t ms = 1000, wait_ms;

		ck_assert_int_eq(rate_wait_ms(&rate, rates[i], ms), 0);
		take_all(&rate, rates[i], ms);
		wait_ms = rate_wait_ms(&rate, rates[i], ms);
		ck_assert_int_gt(wait_ms, 0);
		ck_assert_int_le(wait_ms, (1000 + rates[i] - 1) / rates[i]);
		ck_assert(!rate_take(&rate, rates[i], ms + wait_ms - 1));
		ck_assert_int_eq(rate_wait_ms(&rate, rates[i], ms + wait_ms), 0);
		ck_assert(rate_take(&rate, rates[i], ms + wait_ms));
	}
}
END_TEST

START_TEST(over_a_long_time_it_is_the_rate)
{
	static const unsigned rates[] = { 1, 3, 17, 1000, 4321 };

	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct rate rate = { 0 };
		unsigned n = 0;

		for (int64_t ms = 1000; ms < 1000 + 20 * 1000; ms += 7)
			n += take_all(&rate, rates[i], ms);
		/* The second's worth at the beginning is more. */
		ck_assert_uint_ge(n, 20 * rates[i]);
		ck_assert_uint_le(n, 21 * rates[i] + 1);
	}
}
END_TEST

START_TEST(token_that_was_put_back_is_there_again)
{
	struct rate rate = { 0 };

	ck_assert_uint_eq(take_all(&rate, 5, 1000), 5);
	rate_put_back(&rate, 5);
	rate_put_back(&rate, 5);
	ck_assert_uint_eq(take_all(&rate, 5, 1000), 2);
}
END_TEST

START_TEST(clock_may_begin_anywhere)
{
	struct rate rate = { 0 };

	ck_assert_uint_eq(take_all(&rate, 2, 0), 2);
	ck_assert_uint_eq(take_all(&rate, 2, INT64_C(100) * 365 * 24 * 3600 * 1000), 2);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("rate",
	    bucket_begins_with_a_second_s_worth,
	    bucket_holds_no_more_than_a_second_s_worth,
	    tokens_come_one_by_one,
	    who_waits_as_long_as_is_said_gets_one,
	    over_a_long_time_it_is_the_rate,
	    token_that_was_put_back_is_there_again,
	    clock_may_begin_anywhere);
}
