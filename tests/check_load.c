/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "harness.h"
#include "load.h"

START_TEST(bounds_rise_from_a_microsecond_to_a_second)
{
	ck_assert_int_eq(load_buckets_ns[0], 1000);
	ck_assert_int_eq(load_buckets_ns[LOAD_BUCKETS - 1], 1000000000);
	for (int i = 1; i < LOAD_BUCKETS; i++) {
		double ratio = (double)load_buckets_ns[i] / (double)load_buckets_ns[i - 1];

		ck_assert(ratio == 2 || ratio == 2.5);
	}
}
END_TEST

/* A bound belongs to the bucket below it. */
START_TEST(line_is_in_the_first_bucket_that_it_fits)
{
	for (int i = 0; i < LOAD_BUCKETS; i++) {
		struct load load;

		memset(&load, 0, sizeof load);
		load_count_lines(&load, 1, load_buckets_ns[i]);
		load_count_lines(&load, 1, load_buckets_ns[i] + 1);
		ck_assert_uint_eq(load.lines[i], 1);
		ck_assert_uint_eq(load.lines[i + 1], 1);
	}
}
END_TEST

START_TEST(lines_count_one_by_one_and_their_times_add_up)
{
	struct load load;

	memset(&load, 0, sizeof load);
	load_count_lines(&load, 10, 1500);
	load_count_lines(&load, 0, 1000000);
	load_count_lines(&load, 2, 0);
	load_count_lines(&load, 1, -5); /* a clock that is no good */
	ck_assert_uint_eq(load.lines[0], 3);
	ck_assert_uint_eq(load.lines[1], 10);
	ck_assert_uint_eq(load.line_ns, 15000);
}
END_TEST

START_TEST(what_takes_longer_than_all_bounds_is_counted)
{
	struct load load;

	memset(&load, 0, sizeof load);
	load_count_lines(&load, 3, INT64_C(3600) * 1000000000);
	ck_assert_uint_eq(load.lines[LOAD_BUCKETS], 3);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("load",
	    bounds_rise_from_a_microsecond_to_a_second,
	    line_is_in_the_first_bucket_that_it_fits,
	    lines_count_one_by_one_and_their_times_add_up,
	    what_takes_longer_than_all_bounds_is_counted);
}
