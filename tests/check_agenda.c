/* SPDX-License-Identifier: MIT */
/*
 * The heap of what is to happen, against a plain array.
 */
#include <errno.h>
#include <stdlib.h>

#include "agenda.h"
#include "faults.h"
#include "harness.h"

static struct agenda agenda;

static void
start(void)
{
	agenda_init(&agenda);
}

static uint32_t
added(void)
{
	uint32_t item = agenda_add(&agenda);

	MUST(item != AGENDA_NONE);
	return item;
}

static uint32_t
scheduled(int64_t due_ns)
{
	uint32_t item = added();

	agenda_schedule(&agenda, item, due_ns);
	return item;
}

START_TEST(nothing_is_due_in_an_empty_one)
{
	start();
	ck_assert_int_eq(agenda_next_ns(&agenda), INT64_MAX);
	ck_assert_uint_eq(agenda_pop_due(&agenda, INT64_MAX - 1), AGENDA_NONE);
	agenda_fini(&agenda);
}
END_TEST

START_TEST(due_is_what_has_its_time_now_or_before)
{
	uint32_t item;

	start();
	item = scheduled(10);
	ck_assert_int_eq(agenda_next_ns(&agenda), 10);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 9), AGENDA_NONE);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 10), item);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 10), AGENDA_NONE);
	agenda_schedule(&agenda, item, 10);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 11), item);
	agenda_fini(&agenda);
}
END_TEST

START_TEST(earliest_comes_first)
{
	uint32_t late, early, middle;

	start();
	late = scheduled(30);
	early = scheduled(10);
	middle = scheduled(20);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), early);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), middle);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), late);
	agenda_fini(&agenda);
}
END_TEST

START_TEST(scheduled_again_means_at_another_time)
{
	uint32_t a, b;

	start();
	a = scheduled(10);
	b = scheduled(20);
	agenda_schedule(&agenda, a, 30);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), b);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), a);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), AGENDA_NONE);
	agenda_fini(&agenda);
}
END_TEST

START_TEST(unscheduled_is_not_due)
{
	uint32_t a, b;

	start();
	a = scheduled(10);
	b = scheduled(20);
	agenda_unschedule(&agenda, a);
	agenda_unschedule(&agenda, a);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), b);
	ck_assert_uint_eq(agenda_pop_due(&agenda, 100), AGENDA_NONE);
	agenda_fini(&agenda);
}
END_TEST

START_TEST(removed_number_is_used_again_and_is_as_new)
{
	uint32_t a;

	start();
	a = scheduled(10);
	agenda.items[a].ntriggers = 3;
	agenda_remove(&agenda, a);
	ck_assert_int_eq(agenda_next_ns(&agenda), INT64_MAX);
	ck_assert_uint_eq(added(), a);
	ck_assert_uint_eq(agenda.items[a].ntriggers, 0);
	ck_assert_uint_eq(agenda.items[a].place, AGENDA_NONE);
	ck_assert_uint_ne(added(), a);
	agenda_fini(&agenda);
}
END_TEST

START_TEST(what_is_reserved_needs_no_memory_later)
{
	start();
	ck_assert_int_eq(agenda_reserve(&agenda, 1000), 0);
	ck_assert_int_eq(agenda_reserve(&agenda, 10), 0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	for (int i = 0; i < 1000; i++)
		scheduled(1000 - i);
	MUST(agenda_add(&agenda) == AGENDA_NONE);
	MUST(fault_clear());
	agenda_fini(&agenda);
}
END_TEST

START_TEST(without_memory_all_is_as_before)
{
	uint32_t first;

	for (unsigned nth = 1; nth <= 2; nth++) {
		start();
		first = scheduled(5);
		for (int i = 1; i < 16; i++)
			scheduled(5 + i);
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		MUST(agenda_add(&agenda) == AGENDA_NONE);
		MUST(fault_clear());
		ck_assert_uint_eq(agenda_pop_due(&agenda, 5), first);
		scheduled(1);
		ck_assert_int_eq(agenda_next_ns(&agenda), 1);
		agenda_fini(&agenda);
	}
}
END_TEST

/* ---- Against a plain array ---------------------------------------------------------- */

enum { NITEMS = 500 };

/* due_ns of each; 0: not scheduled. Ties are of equal worth. */
static int64_t naive[NITEMS];

static int64_t
naive_next_ns(void)
{
	int64_t next_ns = INT64_MAX;

	for (int i = 0; i < NITEMS; i++)
		if (naive[i] != 0 && naive[i] < next_ns)
			next_ns = naive[i];
	return next_ns;
}

static void
pop_both(int64_t now_ns)
{
	uint32_t item = agenda_pop_due(&agenda, now_ns);
	int64_t next_ns = naive_next_ns();

	if (item == AGENDA_NONE) {
		MUST(next_ns > now_ns);
		return;
	}
	MUST(next_ns <= now_ns);
	MUST(naive[item] == next_ns);
	naive[item] = 0;
}

START_TEST(agrees_with_a_plain_array_whatever_is_done)
{
	uint64_t seed = 7;

	start();
	for (int i = 0; i < NITEMS; i++)
		MUST(added() == (uint32_t)i);
	for (int i = 0; i < 200000; i++) {
		uint32_t item = random_below(&seed, NITEMS);

		switch (random_below(&seed, 4)) {
		case 0:
		case 1:
			naive[item] = 1 + random_below(&seed, 1000);
			agenda_schedule(&agenda, item, naive[item]);
			break;
		case 2:
			naive[item] = 0;
			agenda_unschedule(&agenda, item);
			break;
		case 3:
			pop_both(random_below(&seed, 1000));
			break;
		}
		if (i % 100 == 0)
			MUST(agenda_next_ns(&agenda) == naive_next_ns());
	}
	while (naive_next_ns() != INT64_MAX)
		pop_both(INT64_MAX - 1);
	ck_assert_int_eq(agenda_next_ns(&agenda), INT64_MAX);
	agenda_fini(&agenda);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("agenda",
	    nothing_is_due_in_an_empty_one,
	    due_is_what_has_its_time_now_or_before,
	    earliest_comes_first,
	    scheduled_again_means_at_another_time,
	    unscheduled_is_not_due,
	    removed_number_is_used_again_and_is_as_new,
	    what_is_reserved_needs_no_memory_later,
	    without_memory_all_is_as_before,
	    agrees_with_a_plain_array_whatever_is_done);
}
