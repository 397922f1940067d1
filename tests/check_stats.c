/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <string.h>

#include "harness.h"
#include "stats.h"

START_TEST(names_are_words_joined_by_dots)
{
	for (int i = 0; i < STAT_COUNT; i++) {
		const char *name = stats_names[i];
		size_t n;

		ck_assert_ptr_nonnull(name);
		n = strlen(name);
		ck_assert_uint_gt(n, 0);
		ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz_."), n);
		ck_assert(name[0] != '.' && name[n - 1] != '.');
		ck_assert_ptr_null(strstr(name, ".."));
	}
}
END_TEST

START_TEST(names_are_unique)
{
	for (int i = 0; i < STAT_COUNT; i++)
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(stats_names[i], stats_names[k]);
}
END_TEST

START_TEST(name_stands_where_its_counter_is)
{
	ck_assert_str_eq(stats_names[STAT_CLIENTS_ACCEPTED], "clients.accepted");
	ck_assert_str_eq(stats_names[STAT_LINES_DROPPED_SLOW], "lines.dropped.slow");
	ck_assert_str_eq(stats_names[STAT_REQUESTS_TIMED_OUT], "requests.timed_out");
}
END_TEST

START_TEST(counters_count_apart)
{
	static struct stats stats;

	for (int i = 0; i < STAT_COUNT; i++)
		ck_assert_uint_eq(stats_get(&stats, (enum stats_counter)i), 0);
	for (int i = 0; i < STAT_COUNT; i++)
		stats_add(&stats, (enum stats_counter)i, (uint64_t)i + 1);
	for (int i = 0; i < STAT_COUNT; i++)
		ck_assert_uint_eq(stats_get(&stats, (enum stats_counter)i), (uint64_t)i + 1);
}
END_TEST

START_TEST(gauge_goes_down_again)
{
	static struct stats stats;

	stats_add(&stats, STAT_LINES_QUEUED, 5);
	stats_add(&stats, STAT_LINES_QUEUED, (uint64_t)-2);
	ck_assert_uint_eq(stats_get(&stats, STAT_LINES_QUEUED), 3);
	stats_add(&stats, STAT_LINES_QUEUED, (uint64_t)-3);
	ck_assert_uint_eq(stats_get(&stats, STAT_LINES_QUEUED), 0);
}
END_TEST

/* ---- Two handlers, and one who asks ----------------------------------------------- */

#define NLINES 100000

static struct stats of_handlers[2];
static atomic_uint nwriting;

static uint64_t
sum(void)
{
	return stats_get(&of_handlers[0], STAT_LINES_READ) +
	       stats_get(&of_handlers[1], STAT_LINES_READ);
}

static void *
count_lines(void *stats)
{
	for (int i = 0; i < NLINES; i++)
		stats_add(stats, STAT_LINES_READ, 1);
	atomic_fetch_sub(&nwriting, 1);
	return NULL;
}

START_TEST(what_two_threads_count_is_read_by_a_third)
{
	pthread_t threads[2];
	uint64_t before = 0;

	atomic_store(&nwriting, 2);
	for (int i = 0; i < 2; i++)
		threads[i] = spawn(count_lines, &of_handlers[i]);
	do {
		uint64_t now = sum();

		MUST(now >= before && now <= 2 * NLINES);
		before = now;
	} while (atomic_load(&nwriting) > 0);
	ck_assert_uint_eq(sum(), 2 * NLINES);
	for (int i = 0; i < 2; i++)
		join(threads[i]);
	ck_assert_uint_eq(sum(), 2 * NLINES);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("stats",
	    names_are_words_joined_by_dots,
	    names_are_unique,
	    name_stands_where_its_counter_is,
	    counters_count_apart,
	    gauge_goes_down_again,
	    what_two_threads_count_is_read_by_a_third);
}
