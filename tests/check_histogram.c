/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "histogram.h"

static struct histogram histogram;

/* It differs from what it ought to be by less than 1 %. */
static void
assert_close(uint64_t actual, uint64_t expected)
{
	uint64_t difference = actual > expected ? actual - expected : expected - actual;

	ck_assert_msg(difference * 100 <= expected, "%llu is not close to %llu",
	              (unsigned long long)actual, (unsigned long long)expected);
}

/* A time whose highest bit is this one. */
static uint64_t
random_time(uint64_t *random, unsigned bit)
{
	uint64_t bits = ((uint64_t)random_below(random, UINT32_MAX) << 32) |
	                random_below(random, UINT32_MAX);

	return (UINT64_C(1) << bit) | (bits & ((UINT64_C(1) << bit) - 1));
}

START_TEST(empty_one_is_all_zero)
{
	histogram_init(&histogram);
	ck_assert_uint_eq(histogram.n, 0);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 500), 0);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 1000), 0);
	ck_assert(histogram_mean_ns(&histogram) == 0.0);
}
END_TEST

START_TEST(nothing_is_added_no_times)
{
	histogram_init(&histogram);
	histogram_add(&histogram, 5, 0);
	ck_assert_uint_eq(histogram.n, 0);
	ck_assert_uint_eq(histogram.most_ns, 0);
	histogram_add(&histogram, 7, 1);
	ck_assert_uint_eq(histogram.least_ns, 7);
}
END_TEST

START_TEST(one_time_is_every_percentile)
{
	static const uint64_t times[] = { 0,        1,         127,         128,  255,
		                          256,      257,       511,         1000, 65535,
		                          1u << 20, 999999999, 60000000000u };

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		histogram_init(&histogram);
		histogram_add(&histogram, times[i], 3);
		ck_assert_uint_eq(histogram_per_mille(&histogram, 0), times[i]);
		ck_assert_uint_eq(histogram_per_mille(&histogram, 500), times[i]);
		ck_assert_uint_eq(histogram_per_mille(&histogram, 1000), times[i]);
		ck_assert(histogram_mean_ns(&histogram) == (double)times[i]);
	}
}
END_TEST

/* Each between a least and a most one that are far away, so that nothing is cut to those. */
START_TEST(every_time_is_found_again_with_less_than_1_percent_of_error)
{
	uint64_t random = 1;

	for (unsigned bit = 0; bit < HISTOGRAM_TOP_BIT; bit++)
		for (unsigned i = 0; i < 200; i++) {
			uint64_t ns = random_time(&random, bit);

			histogram_init(&histogram);
			histogram_add(&histogram, 0, 1);
			histogram_add(&histogram, ns, 1);
			histogram_add(&histogram, HISTOGRAM_LIMIT_NS, 1);
			assert_close(histogram_per_mille(&histogram, 500), ns);
		}
}
END_TEST

START_TEST(times_below_256_are_exact)
{
	for (uint64_t ns = 0; ns < 256; ns++) {
		histogram_init(&histogram);
		histogram_add(&histogram, 0, 1);
		histogram_add(&histogram, ns, 1);
		histogram_add(&histogram, 1000, 1);
		ck_assert_uint_eq(histogram_per_mille(&histogram, 500), ns);
	}
}
END_TEST

START_TEST(percentiles_of_1_to_100000_are_right)
{
	histogram_init(&histogram);
	for (uint64_t ns = 1; ns <= 100000; ns++)
		histogram_add(&histogram, ns, 1);
	for (unsigned per_mille = 1; per_mille < 1000; per_mille++)
		assert_close(histogram_per_mille(&histogram, per_mille), 100 * per_mille);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 1000), 100000);
	ck_assert_uint_eq(histogram.least_ns, 1);
	ck_assert_uint_eq(histogram.most_ns, 100000);
	ck_assert(histogram_mean_ns(&histogram) == 50000.5);
}
END_TEST

START_TEST(a_percentile_is_rounded_up_to_a_whole_one)
{
	histogram_init(&histogram);
	histogram_add(&histogram, 10, 998);
	histogram_add(&histogram, 20, 1);
	histogram_add(&histogram, 30, 1);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 998), 10);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 999), 20);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 1000), 30);
	histogram_init(&histogram);
	histogram_add(&histogram, 10, 1);
	histogram_add(&histogram, 20, 2);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 333), 10);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 334), 20);
}
END_TEST

START_TEST(n_times_at_once_are_n_times_one_by_one)
{
	static struct histogram other;
	uint64_t random = 2;

	histogram_init(&histogram);
	histogram_init(&other);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t ns = random_below(&random, 1000000), n = random_below(&random, 5);

		histogram_add(&histogram, ns, n);
		for (uint64_t j = 0; j < n; j++)
			histogram_add(&other, ns, 1);
	}
	ck_assert_uint_eq(histogram.n, other.n);
	ck_assert(histogram.sum_ns == other.sum_ns);
	ck_assert_mem_eq(histogram.counts, other.counts, sizeof other.counts);
}
END_TEST

START_TEST(very_many_are_counted)
{
	uint64_t many = UINT64_MAX / 4;

	histogram_init(&histogram);
	histogram_add(&histogram, 100, many);
	histogram_add(&histogram, 200, many);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 499), 100);
	ck_assert_uint_eq(histogram_per_mille(&histogram, 501), 200);
}
END_TEST

START_TEST(past_the_limit_the_most_is_still_exact)
{
	histogram_init(&histogram);
	histogram_add(&histogram, 1, 1);
	histogram_add(&histogram, HISTOGRAM_LIMIT_NS + 1, 1);
	histogram_add(&histogram, UINT64_MAX / 2, 1);
	ck_assert_uint_eq(histogram.most_ns, UINT64_MAX / 2);
	assert_close(histogram_per_mille(&histogram, 500), HISTOGRAM_LIMIT_NS);
	assert_close(histogram_per_mille(&histogram, 1000), HISTOGRAM_LIMIT_NS);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("histogram",
	    empty_one_is_all_zero,
	    nothing_is_added_no_times,
	    one_time_is_every_percentile,
	    every_time_is_found_again_with_less_than_1_percent_of_error,
	    times_below_256_are_exact,
	    percentiles_of_1_to_100000_are_right,
	    a_percentile_is_rounded_up_to_a_whole_one,
	    n_times_at_once_are_n_times_one_by_one,
	    very_many_are_counted,
	    past_the_limit_the_most_is_still_exact);
}
