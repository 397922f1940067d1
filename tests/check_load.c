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

/* ---- Who gets the next client ------------------------------------------------------- */

enum { NHANDLERS = 3, NOW_MS = 1000000 };

static struct load loads[NHANDLERS];

static unsigned
choose(unsigned ncompany)
{
	return load_choose(loads, NHANDLERS, ncompany, NOW_MS);
}

/* So many come, one after the other; how many each handler has then. */
static void
come(unsigned n, unsigned ncompany)
{
	while (n-- > 0)
		loads[choose(ncompany)].nclients++;
}

static void
mark(unsigned i, int64_t at_ms, int percent)
{
	struct load_mark before = { .at_ms = at_ms - LOAD_MARK_MS, .cpu_ns = 5000000000 };
	int64_t cpu_ns = before.cpu_ns + (int64_t)percent * LOAD_MARK_MS * 10000;

	load_mark(&loads[i], &before, at_ms, cpu_ns);
	ck_assert_int_eq(before.at_ms, at_ms);
	ck_assert_int_eq(before.cpu_ns, cpu_ns);
}

START_TEST(two_clients_that_may_talk_to_each_other_share_a_handler)
{
	ck_assert_uint_eq(choose(2), 0);
	come(1, 2);
	ck_assert_uint_eq(choose(2), 0);
	come(1, 2);
	ck_assert_uint_eq(choose(2), 1);
	come(2, 2);
	ck_assert_uint_eq(choose(2), 2);
}
END_TEST

START_TEST(clients_that_are_for_themselves_share_none)
{
	for (unsigned i = 0; i < NHANDLERS; i++) {
		ck_assert_uint_eq(choose(1), i);
		come(1, 1);
	}
	ck_assert_uint_eq(choose(1), 0);
}
END_TEST

START_TEST(many_clients_are_spread_evenly)
{
	come(3000, 2);
	for (unsigned i = 0; i < NHANDLERS; i++)
		ck_assert_uint_eq(loads[i].nclients, 1000);
	loads[1].nclients = 400;
	come(600, 2);
	ck_assert_uint_eq(loads[1].nclients, 1000);
}
END_TEST

START_TEST(handler_that_is_busy_is_not_filled_up)
{
	come(1, 2);
	mark(0, NOW_MS - LOAD_MARK_MS, LOAD_BUSY_PERCENT);
	ck_assert_uint_eq(choose(2), 1);
	mark(0, NOW_MS - LOAD_MARK_MS, LOAD_BUSY_PERCENT - 1);
	ck_assert_uint_eq(choose(2), 0);
}
END_TEST

START_TEST(handler_that_was_busy_a_while_ago_is_filled_up)
{
	come(1, 2);
	mark(0, NOW_MS - 2 * LOAD_MARK_MS, 100);
	ck_assert_uint_eq(choose(2), 0);
}
END_TEST

/* Those that have little to do may have more later. */
START_TEST(handler_that_stays_busy_gets_fewer_clients_and_not_none)
{
	mark(0, NOW_MS, 100);
	come(3000, 2);
	ck_assert_uint_ge(loads[0].nclients, 800);
	ck_assert_uint_lt(loads[0].nclients, 900);
}
END_TEST

START_TEST(if_all_are_busy_the_clients_are_counted)
{
	for (unsigned i = 0; i < NHANDLERS; i++)
		mark(i, NOW_MS, 100);
	come(6, 2);
	for (unsigned i = 0; i < NHANDLERS; i++)
		ck_assert_uint_eq(loads[i].nclients, 2);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("load",
	    bounds_rise_from_a_microsecond_to_a_second,
	    line_is_in_the_first_bucket_that_it_fits,
	    lines_count_one_by_one_and_their_times_add_up,
	    what_takes_longer_than_all_bounds_is_counted,
	    two_clients_that_may_talk_to_each_other_share_a_handler,
	    clients_that_are_for_themselves_share_none,
	    many_clients_are_spread_evenly,
	    handler_that_is_busy_is_not_filled_up,
	    handler_that_was_busy_a_while_ago_is_filled_up,
	    handler_that_stays_busy_gets_fewer_clients_and_not_none,
	    if_all_are_busy_the_clients_are_counted);
}
