/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "busiest.h"
#include "faults.h"
#include "harness.h"

static struct busiest_sketch sketch;
static struct busiest_rate rates[100];

static void
add(const char *subject, uint64_t nlines)
{
	busiest_add(&sketch, subject, strlen(subject), nlines);
}

static bool
rate_is(const struct busiest_rate *rate, const char *subject, double per_second)
{
	return rate->nsubject == strlen(subject) &&
	       memcmp(rate->subject, subject, rate->nsubject) == 0 &&
	       rate->lines_per_second == per_second;
}

START_TEST(few_subjects_are_counted_exactly)
{
	struct busiest_board *board = busiest_board_create(1);

	for (int i = 0; i < 10; i++) {
		add("a", 1);
		add("b.c", 3);
		add("b", 2);
	}
	busiest_hang_out(board, 0, &sketch, 5000, 2000);
	ck_assert_uint_eq(busiest_look(board, 5000, rates, 10), 3);
	ck_assert(rate_is(&rates[0], "b.c", 15));
	ck_assert(rate_is(&rates[1], "b", 10));
	ck_assert(rate_is(&rates[2], "a", 5));
	busiest_board_destroy(board);
}
END_TEST

START_TEST(handlers_are_added_up)
{
	struct busiest_board *board = busiest_board_create(2);

	add("a", 10);
	add("b", 8);
	busiest_hang_out(board, 0, &sketch, 1000, 1000);
	ck_assert_uint_eq(sketch.n, 0);
	add("b", 4);
	busiest_hang_out(board, 1, &sketch, 1500, 500);
	ck_assert_uint_eq(busiest_look(board, 1500, rates, 10), 2);
	ck_assert(rate_is(&rates[0], "b", 16));
	ck_assert(rate_is(&rates[1], "a", 10));
	busiest_board_destroy(board);
}
END_TEST

START_TEST(what_was_hung_out_long_ago_is_past)
{
	struct busiest_board *board = busiest_board_create(1);

	add("a", 1);
	busiest_hang_out(board, 0, &sketch, 10000, 1000);
	ck_assert_uint_eq(busiest_look(board, 10000 + BUSIEST_MAX_AGE_MS, rates, 10), 1);
	ck_assert_uint_eq(busiest_look(board, 10001 + BUSIEST_MAX_AGE_MS, rates, 10), 0);
	busiest_hang_out(board, 0, &sketch, 20000, 1000);
	ck_assert_uint_eq(busiest_look(board, 20000, rates, 10), 0);
	busiest_board_destroy(board);
}
END_TEST

START_TEST(as_many_are_told_as_are_asked_for_and_equals_by_name)
{
	static const char *const names[] = { "d", "a", "c", "ab", "b" };
	struct busiest_board *board = busiest_board_create(1);

	for (int i = 0; i < 5; i++)
		add(names[i], 7);
	busiest_hang_out(board, 0, &sketch, 1000, 1000);
	ck_assert_uint_eq(busiest_look(board, 1000, rates, 3), 3);
	ck_assert(rate_is(&rates[0], "a", 7));
	ck_assert(rate_is(&rates[1], "ab", 7));
	ck_assert(rate_is(&rates[2], "b", 7));
	busiest_board_destroy(board);
}
END_TEST

/* Space-Saving: whoever has more than a 64th of all is there, and not with too little. */
START_TEST(heavy_ones_are_found_among_very_many)
{
	uint64_t random = 1, nheavy[4] = { 0 };
	struct busiest_board *board = busiest_board_create(1);
	char subject[32];
	size_t n;

	for (int i = 0; i < 100000; i++) {
		unsigned heavy = random_below(&random, 20);

		if (heavy < 4) {
			snprintf(subject, sizeof subject, "heavy.%u", heavy);
			nheavy[heavy]++;
		} else {
			snprintf(subject, sizeof subject, "light.%u",
			         random_below(&random, 50000));
		}
		add(subject, 1);
	}
	busiest_hang_out(board, 0, &sketch, 1000, 1000);
	n = busiest_look(board, 1000, rates, BUSIEST_TOP);
	for (int i = 0; i < 4; i++) {
		size_t at = 0;

		snprintf(subject, sizeof subject, "heavy.%d", i);
		while (at < n && (rates[at].nsubject != 7 ||
		                  memcmp(rates[at].subject, subject, 7) != 0))
			at++;
		ck_assert_uint_lt(at, 4);
		ck_assert(rates[at].lines_per_second >= (double)nheavy[i]);
		ck_assert(rates[at].lines_per_second <= (double)nheavy[i] + 100000.0 / BUSIEST_ROOM);
	}
	busiest_board_destroy(board);
}
END_TEST

START_TEST(longest_subjects_fit)
{
	struct busiest_board *board = busiest_board_create(1);
	char subject[SUBJECT_MAX_BYTES];

	for (int i = 0; i < 100; i++) {
		memset(subject, 'a' + i % 26, sizeof subject);
		subject[0] = (char)('a' + i / 26);
		busiest_add(&sketch, subject, sizeof subject, 1);
	}
	busiest_hang_out(board, 0, &sketch, 1000, 1000);
	ck_assert_uint_eq(busiest_look(board, 1000, rates, 100), BUSIEST_TOP);
	ck_assert_uint_eq(rates[0].nsubject, sizeof subject);
	busiest_board_destroy(board);
}
END_TEST

START_TEST(out_of_memory_nothing_is_seen)
{
	long live = fault_live_allocations();
	struct busiest_board *board;

	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(busiest_board_create(4) == NULL);
	MUST(fault_clear());
	board = busiest_board_create(4);
	add("a", 1);
	busiest_hang_out(board, 3, &sketch, 1000, 1000);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(busiest_look(board, 1000, rates, 10) == 0);
	MUST(fault_clear());
	MUST(busiest_look(board, 1000, rates, 10) == 1);
	busiest_board_destroy(board);
	busiest_board_destroy(NULL);
	MUST(fault_live_allocations() == live);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("busiest",
	    few_subjects_are_counted_exactly,
	    handlers_are_added_up,
	    what_was_hung_out_long_ago_is_past,
	    as_many_are_told_as_are_asked_for_and_equals_by_name,
	    heavy_ones_are_found_among_very_many,
	    longest_subjects_fit,
	    out_of_memory_nothing_is_seen);
}
