/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "timers.h"

#define NTIMERS 300

/* What was run, in order, and by what it was told. */
static struct timers timers;
static struct timer timer[NTIMERS];
static struct timer *ran[4 * NTIMERS];
static unsigned nran;
static char context;

static void
note(struct timer *due, void *told)
{
	MUST(due->place == 0);
	MUST(told == &context);
	MUST(nran < sizeof ran / sizeof ran[0]);
	ran[nran++] = due;
}

static void
begin(void)
{
	memset(timer, 0, sizeof timer);
	nran = 0;
	timers_init(&timers);
}

static void
set(unsigned i, int64_t at_ms)
{
	MUST(timers_set(&timers, &timer[i], at_ms, note) == 0);
}

static void
run(int64_t now_ms)
{
	nran = 0;
	timers_run(&timers, now_ms, &context);
}

/* Those of these numbers were run, in this order; -1 ends them. */
static void
assert_ran(const int *numbers)
{
	unsigned n = 0;

	for (; numbers[n] != -1; n++) {
		ck_assert_uint_lt(n, nran);
		ck_assert_int_eq((int)(ran[n] - timer), numbers[n]);
	}
	ck_assert_uint_eq(nran, n);
}

#define ASSERT_RAN(...) assert_ran((const int[]){ __VA_ARGS__, -1 })

START_TEST(without_a_timer_nothing_is_due)
{
	begin();
	ck_assert_int_eq(timers_next_ms(&timers, 0), -1);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MAX), -1);
	run(INT64_MAX);
	ck_assert_uint_eq(nran, 0);
	timers_cancel(&timers, &timer[0]);
	timers_fini(&timers);
}
END_TEST

START_TEST(timers_run_in_the_order_of_their_time)
{
	begin();
	set(0, 30);
	set(1, 10);
	set(2, 40);
	set(3, -5);
	set(4, 20);
	run(-6);
	ck_assert_uint_eq(nran, 0);
	run(30);
	ASSERT_RAN(3, 1, 4, 0);
	run(30);
	ck_assert_uint_eq(nran, 0);
	run(1000);
	ASSERT_RAN(2);
	timers_fini(&timers);
}
END_TEST

START_TEST(timer_is_due_at_its_time_and_not_before)
{
	begin();
	set(0, 100);
	run(99);
	ck_assert_uint_eq(nran, 0);
	ck_assert_uint_ne(timer[0].place, 0);
	run(100);
	ASSERT_RAN(0);
	ck_assert_uint_eq(timer[0].place, 0);
	timers_fini(&timers);
}
END_TEST

START_TEST(next_one_is_told_in_milliseconds)
{
	begin();
	set(0, 1000);
	set(1, 500);
	ck_assert_int_eq(timers_next_ms(&timers, 400), 100);
	ck_assert_int_eq(timers_next_ms(&timers, 499), 1);
	ck_assert_int_eq(timers_next_ms(&timers, 500), 0);
	ck_assert_int_eq(timers_next_ms(&timers, 501), 0);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MAX), 0);
	timers_cancel(&timers, &timer[1]);
	ck_assert_int_eq(timers_next_ms(&timers, 501), 499);
	timers_cancel(&timers, &timer[0]);
	ck_assert_int_eq(timers_next_ms(&timers, 501), -1);
	timers_fini(&timers);
}
END_TEST

START_TEST(time_that_no_int_holds_is_a_long_one)
{
	begin();
	set(0, INT64_MAX);
	ck_assert_int_eq(timers_next_ms(&timers, 0), INT_MAX);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MIN), INT_MAX);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MAX - INT_MAX - 1), INT_MAX);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MAX - INT_MAX), INT_MAX);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MAX - INT_MAX + 1), INT_MAX - 1);
	set(1, INT64_MIN);
	ck_assert_int_eq(timers_next_ms(&timers, INT64_MIN), 0);
	run(INT64_MAX);
	ASSERT_RAN(1, 0);
	timers_fini(&timers);
}
END_TEST

START_TEST(timer_is_set_anew)
{
	begin();
	for (unsigned i = 0; i < 10; i++)
		set(i, 100 + i);
	set(5, 1);
	set(0, 200);
	set(7, 107);
	ck_assert_uint_eq(timers.n, 10);
	run(150);
	ASSERT_RAN(5, 1, 2, 3, 4, 6, 7, 8, 9);
	run(200);
	ASSERT_RAN(0);
	set(0, 1);
	run(200);
	ASSERT_RAN(0);
	timers_fini(&timers);
}
END_TEST

START_TEST(cancelled_timer_is_not_run)
{
	begin();
	for (unsigned i = 0; i < 10; i++)
		set(i, 100 + i);
	timers_cancel(&timers, &timer[4]);
	timers_cancel(&timers, &timer[0]);
	timers_cancel(&timers, &timer[9]);
	timers_cancel(&timers, &timer[4]);
	ck_assert_uint_eq(timer[4].place, 0);
	run(200);
	ASSERT_RAN(1, 2, 3, 5, 6, 7, 8);
	timers_fini(&timers);
}
END_TEST

/* What fills the gap comes from under another parent, and goes up. */
START_TEST(heap_is_one_after_each_cancel)
{
	static const int64_t times[] = { 1, 50, 2, 60, 70, 3, 4, 80, 90, 75, 76, 5 };

	for (unsigned gone = 0; gone < 12; gone++) {
		int64_t before = INT64_MIN;

		begin();
		for (unsigned i = 0; i < 12; i++)
			set(i, times[i]);
		timers_cancel(&timers, &timer[gone]);
		run(100);
		ck_assert_uint_eq(nran, 11);
		for (unsigned i = 0; i < nran; i++) {
			ck_assert_int_le(before, ran[i]->at_ms);
			before = ran[i]->at_ms;
		}
		timers_fini(&timers);
	}
}
END_TEST

START_TEST(timers_that_are_still_set_are_forgotten)
{
	begin();
	for (unsigned i = 0; i < 20; i++)
		set(i, i);
	timers_fini(&timers);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_uint_eq(timer[i].place, 0);
		timers_cancel(&timers, &timer[i]);
	}
	ck_assert_int_eq(timers_next_ms(&timers, 100), -1);
}
END_TEST

/* ---- From inside run -------------------------------------------------------------- */

static void
set_itself_again(struct timer *due, void *told)
{
	note(due, told);
	MUST(timers_set(&timers, due, due->at_ms, set_itself_again) == 0);
}

START_TEST(what_is_set_from_inside_is_for_the_next_call)
{
	begin();
	MUST(timers_set(&timers, &timer[0], 10, set_itself_again) == 0);
	set(1, 20);
	run(20);
	ASSERT_RAN(0, 1);
	ck_assert_int_eq(timers_next_ms(&timers, 20), 0);
	run(20);
	ASSERT_RAN(0);
	timers_cancel(&timers, &timer[0]);
	run(20);
	ck_assert_uint_eq(nran, 0);
	timers_fini(&timers);
}
END_TEST

static void
set_more_than_there_were(struct timer *due, void *told)
{
	note(due, told);
	for (unsigned i = 0; i < 100; i++)
		set(100 + i, 200 - i);
}

START_TEST(many_are_set_from_inside)
{
	begin();
	MUST(timers_set(&timers, &timer[0], 1, set_more_than_there_were) == 0);
	for (unsigned i = 1; i < 16; i++)
		set(i, 2);
	run(1000);
	ck_assert_uint_eq(nran, 16);
	ck_assert_ptr_eq(ran[0], &timer[0]);
	run(1000);
	ck_assert_uint_eq(nran, 100);
	for (unsigned i = 0; i < nran; i++)
		ck_assert_ptr_eq(ran[i], &timer[199 - i]);
	timers_fini(&timers);
}
END_TEST

/* 1 is due in the same call, 5 is not. */
static void
cancel_others(struct timer *due, void *told)
{
	note(due, told);
	timers_cancel(&timers, due);
	timers_cancel(&timers, &timer[1]);
	timers_cancel(&timers, &timer[5]);
	MUST(timer[1].place == 0);
	/* It may be anything now. */
	memset(&timer[1], 0x5a, sizeof timer[1]);
}

START_TEST(cancelled_from_inside_it_is_not_run_though_due)
{
	begin();
	MUST(timers_set(&timers, &timer[0], 10, cancel_others) == 0);
	set(1, 11);
	set(2, 12);
	set(5, 25);
	set(6, 26);
	run(20);
	ASSERT_RAN(0, 2);
	run(30);
	ASSERT_RAN(6);
	timers_fini(&timers);
}
END_TEST

/* 1 is due in the same call; 2 was due and has been run; 5 becomes due. */
static void
set_others_anew(struct timer *due, void *told)
{
	note(due, told);
	set(1, 15);
	set(2, 16);
	set(5, 5);
	set(6, 40);
}

START_TEST(set_anew_from_inside_it_waits_for_the_next_call)
{
	begin();
	set(2, 1);
	MUST(timers_set(&timers, &timer[0], 10, set_others_anew) == 0);
	set(1, 11);
	set(3, 12);
	set(5, 25);
	set(6, 13);
	run(20);
	ASSERT_RAN(2, 0, 3);
	run(20);
	ASSERT_RAN(5, 1, 2);
	run(40);
	ASSERT_RAN(6);
	timers_fini(&timers);
}
END_TEST

static void
set_and_cancel(struct timer *due, void *told)
{
	note(due, told);
	set(1, 5);
	timers_cancel(&timers, &timer[1]);
	set(2, 5);
	set(2, 6);
}

START_TEST(last_word_from_inside_counts)
{
	begin();
	MUST(timers_set(&timers, &timer[0], 10, set_and_cancel) == 0);
	set(1, 11);
	set(2, 12);
	run(20);
	ASSERT_RAN(0);
	ck_assert_uint_eq(timers.n, 1);
	run(20);
	ASSERT_RAN(2);
	timers_fini(&timers);
}
END_TEST

static void
free_it(struct timer *due, void *told)
{
	(void)told;
	free(due);
}

START_TEST(timer_may_be_freed_by_its_run)
{
	struct timer *own = calloc(1, sizeof *own);

	MUST(own != NULL);
	begin();
	MUST(timers_set(&timers, own, 5, free_it) == 0);
	set(0, 6);
	run(10);
	ASSERT_RAN(0);
	timers_fini(&timers);
}
END_TEST

/* ---- Without memory --------------------------------------------------------------- */

static bool
set_without_memory(unsigned i, int64_t at_ms, unsigned nth)
{
	int rc;

	fault_set(FAULT_ALLOCATION, nth, ENOMEM);
	errno = 0;
	rc = timers_set(&timers, &timer[i], at_ms, note);
	if (!fault_clear()) {
		MUST(rc == 0);
		return false;
	}
	MUST(rc == -1);
	MUST(errno == ENOMEM);
	return true;
}

START_TEST(without_memory_timers_are_as_they_were)
{
	long allocations = fault_live_allocations();
	unsigned nfailures = 0;

	begin();
	for (unsigned i = 0; i < NTIMERS; i++)
		for (unsigned nth = 1; set_without_memory(i, NTIMERS - i, nth); nth++) {
			nfailures++;
			MUST(timer[i].place == 0);
			MUST(timers.n == i);
			/* Those that are set need nothing more. */
			if (i > 0)
				MUST(!set_without_memory(i - 1, NTIMERS - i + 1, 1));
		}
	MUST(nfailures > 2);
	run(NTIMERS);
	MUST(nran == NTIMERS);
	for (unsigned i = 0; i < NTIMERS; i++)
		MUST(ran[i] == &timer[NTIMERS - 1 - i]);
	timers_fini(&timers);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

/* The heap is full anew, and 1 is among those that are due. */
static void
set_anew_in_vain(struct timer *due, void *told)
{
	unsigned i = 100;

	note(due, told);
	while (timers.n < timers.capacity)
		set(i++, 1000);
	MUST(set_without_memory(1, 2000, 1));
	MUST(timer[1].place != 0 && timer[1].at_ms == 11);
}

START_TEST(due_timer_that_cannot_be_set_anew_is_run)
{
	begin();
	MUST(timers_set(&timers, &timer[0], 10, set_anew_in_vain) == 0);
	set(1, 11);
	run(20);
	ASSERT_RAN(0, 1);
	timers_fini(&timers);
}
END_TEST

static void
set_itself_without_memory(struct timer *due, void *told)
{
	note(due, told);
	MUST(timers_set(&timers, due, 1, note) == 0);
}

START_TEST(running_takes_no_memory)
{
	begin();
	for (unsigned i = 0; i < NTIMERS; i++)
		MUST(timers_set(&timers, &timer[i], i, set_itself_without_memory) == 0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	run(NTIMERS);
	MUST(!fault_clear());
	MUST(nran == NTIMERS);
	MUST(timers.n == NTIMERS);
	timers_fini(&timers);
}
END_TEST

/* ---- Room in advance -------------------------------------------------------------- */

/* Fails at the nth allocation; true: it did not come to that. */
static bool
reserve_without_memory(uint32_t n, unsigned nth)
{
	int rc;

	fault_set(FAULT_ALLOCATION, nth, ENOMEM);
	errno = 0;
	rc = timers_reserve(&timers, n);
	if (fault_clear()) {
		MUST(rc == -1);
		MUST(errno == ENOMEM);
		return false;
	}
	MUST(rc == 0);
	return true;
}

START_TEST(timers_with_room_in_advance_take_no_memory)
{
	static const uint32_t numbers[] = { 1, 15, 16, 17, 33, 250 };

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		begin();
		for (unsigned first = 0; first < 20; first++)
			set(first, first);
		MUST(timers_reserve(&timers, numbers[i]) == 0);
		MUST(timers.n == 20);
		for (uint32_t n = 0; n < numbers[i]; n++)
			MUST(!set_without_memory(20 + n, n, 1));
		/* And there is room for all of them to be due at once. */
		run(NTIMERS);
		MUST(nran == 20 + numbers[i]);
		timers_fini(&timers);
	}
}
END_TEST

START_TEST(room_that_is_there_need_not_be_made)
{
	begin();
	MUST(reserve_without_memory(0, 1));
	MUST(timers.capacity == 0);
	MUST(timers_reserve(&timers, 10) == 0);
	MUST(reserve_without_memory(timers.capacity, 1));
	set(0, 1);
	MUST(reserve_without_memory(timers.capacity - 1, 1));
	MUST(!reserve_without_memory(timers.capacity, 1));
	timers_cancel(&timers, &timer[0]);
	MUST(reserve_without_memory(timers.capacity, 1));
	timers_fini(&timers);
}
END_TEST

START_TEST(without_memory_for_room_timers_are_as_they_were)
{
	long allocations = fault_live_allocations();
	unsigned nth = 1;

	begin();
	for (unsigned i = 0; i < 20; i++)
		set(i, 20 - i);
	for (; !reserve_without_memory(250, nth); nth++) {
		MUST(timers.n == 20);
		MUST(timers_next_ms(&timers, 0) == 1);
	}
	MUST(nth > 4);
	run(20);
	MUST(nran == 20);
	for (unsigned i = 0; i < 20; i++)
		MUST(ran[i] == &timer[19 - i]);
	timers_fini(&timers);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

/* ---- Against a list --------------------------------------------------------------- */

/* Of each timer, whether it is set, and whether that was during this call of timers_run. */
static struct {
	bool is_set, is_new;
	int64_t at_ms;
} model[NTIMERS];
static uint64_t chance;
static int64_t now_ms, last_at_ms;

static void model_run(struct timer *due, void *told);

static void
meddle(bool from_inside)
{
	unsigned i = random_below(&chance, NTIMERS);

	if (random_below(&chance, 3) == 0) {
		timers_cancel(&timers, &timer[i]);
		model[i].is_set = false;
		return;
	}
	model[i].is_set = true;
	model[i].is_new = from_inside;
	model[i].at_ms = now_ms - 50 + (int64_t)random_below(&chance, 200);
	MUST(timers_set(&timers, &timer[i], model[i].at_ms, model_run) == 0);
}

static void
model_run(struct timer *due, void *told)
{
	ptrdiff_t i = due - timer;

	MUST(told == &context);
	MUST(model[i].is_set && !model[i].is_new);
	MUST(model[i].at_ms <= now_ms && model[i].at_ms >= last_at_ms);
	model[i].is_set = false;
	last_at_ms = model[i].at_ms;
	while (random_below(&chance, 3) == 0)
		meddle(true);
}

static int
model_next_ms(void)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < NTIMERS; i++)
		if (model[i].is_set && model[i].at_ms < next)
			next = model[i].at_ms;
	if (next == INT64_MAX)
		return -1;
	return next <= now_ms ? 0 : (int)(next - now_ms);
}

static void
run_against_model(void)
{
	last_at_ms = INT64_MIN;
	for (unsigned i = 0; i < NTIMERS; i++)
		model[i].is_new = false;
	timers_run(&timers, now_ms, &context);
	for (unsigned i = 0; i < NTIMERS; i++) {
		MUST((timer[i].place != 0) == model[i].is_set);
		MUST(!model[i].is_set || model[i].is_new || model[i].at_ms > now_ms);
	}
}

START_TEST(any_timers_are_run_as_a_list_would)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		begin();
		memset(model, 0, sizeof model);
		chance = seed;
		now_ms = 0;
		for (unsigned i = 0; i < 100; i++) {
			for (uint32_t n = random_below(&chance, 20); n > 0; n--)
				meddle(false);
			MUST(timers_next_ms(&timers, now_ms) == model_next_ms());
			now_ms += random_below(&chance, 60);
			run_against_model();
			MUST(timers_next_ms(&timers, now_ms) == model_next_ms());
		}
		timers_fini(&timers);
	}
}
END_TEST

int
main(void)
{
	return RUN_SUITE("timers",
	    without_a_timer_nothing_is_due,
	    timers_run_in_the_order_of_their_time,
	    timer_is_due_at_its_time_and_not_before,
	    next_one_is_told_in_milliseconds,
	    time_that_no_int_holds_is_a_long_one,
	    timer_is_set_anew,
	    cancelled_timer_is_not_run,
	    heap_is_one_after_each_cancel,
	    timers_that_are_still_set_are_forgotten,
	    what_is_set_from_inside_is_for_the_next_call,
	    many_are_set_from_inside,
	    cancelled_from_inside_it_is_not_run_though_due,
	    set_anew_from_inside_it_waits_for_the_next_call,
	    last_word_from_inside_counts,
	    timer_may_be_freed_by_its_run,
	    without_memory_timers_are_as_they_were,
	    due_timer_that_cannot_be_set_anew_is_run,
	    running_takes_no_memory,
	    timers_with_room_in_advance_take_no_memory,
	    room_that_is_there_need_not_be_made,
	    without_memory_for_room_timers_are_as_they_were,
	    any_timers_are_run_as_a_list_would);
}
