/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>

#include "harness.h"
#include "standstill.h"

enum { NTHREADS = 4, NROUNDS = 2000 };

static struct standstill standstill;

/* Not atomic: who stands still may be looked at, and goes on with what was left to it. */
static unsigned shared, seen[NTHREADS];

static unsigned
count_waiting(void)
{
	unsigned n;

	pthread_mutex_lock(&standstill.lock);
	n = standstill.nwaiting;
	pthread_mutex_unlock(&standstill.lock);
	return n;
}

static void *
wait_in_each_round(void *argument)
{
	unsigned *mine = argument;

	for (unsigned round = 1; round <= NROUNDS; round++) {
		standstill_wait(&standstill);
		MUST(shared == round);
		*mine = round;
	}
	return NULL;
}

/* They come to the next one as soon as they are let go of the last one. */
START_TEST(all_that_was_done_is_seen_round_after_round)
{
	pthread_t threads[NTHREADS];

	standstill_init(&standstill);
	for (unsigned i = 0; i < NTHREADS; i++)
		threads[i] = spawn(wait_in_each_round, &seen[i]);
	for (unsigned round = 1; round <= NROUNDS; round++) {
		standstill_await(&standstill, NTHREADS);
		for (unsigned i = 0; i < NTHREADS; i++)
			MUST(seen[i] == round - 1);
		MUST(shared == round - 1);
		shared = round;
		standstill_end(&standstill);
	}
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);
	for (unsigned i = 0; i < NTHREADS; i++)
		ck_assert_uint_eq(seen[i], NROUNDS);
	ck_assert_uint_eq(standstill.nwaiting, 0);
	ck_assert_uint_eq(standstill.nended, NROUNDS);
	standstill_fini(&standstill);
}
END_TEST

static atomic_uint ngone;
static atomic_int awaiting;
static atomic_bool has_awaited;

static void *
wait_once(void *argument)
{
	(void)argument;
	standstill_wait(&standstill);
	atomic_fetch_add(&ngone, 1);
	return NULL;
}

static void *
await_all(void *argument)
{
	(void)argument;
	atomic_store(&awaiting, (int)syscall(SYS_gettid));
	standstill_await(&standstill, NTHREADS);
	atomic_store(&has_awaited, true);
	return NULL;
}

START_TEST(it_is_awaited_until_all_have_come)
{
	pthread_t threads[NTHREADS], awaiter;

	standstill_init(&standstill);
	awaiter = spawn(await_all, NULL);
	WAIT_UNTIL(atomic_load(&awaiting) != 0);
	for (unsigned i = 0; i < NTHREADS; i++) {
		/* Each of them wakes it, and it goes to sleep again. */
		WAIT_UNTIL(count_waiting() == i && is_asleep(atomic_load(&awaiting)));
		MUST(!atomic_load(&has_awaited));
		threads[i] = spawn(wait_once, NULL);
	}
	join(awaiter);
	MUST(atomic_load(&has_awaited));
	MUST(count_waiting() == NTHREADS);
	MUST(atomic_load(&ngone) == 0);
	standstill_end(&standstill);
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);
	ck_assert_uint_eq(atomic_load(&ngone), NTHREADS);
	standstill_fini(&standstill);
}
END_TEST

/* As who calls one of them first, and then the others. */
START_TEST(those_that_have_come_need_not_come_again)
{
	pthread_t threads[NTHREADS];

	standstill_init(&standstill);
	standstill_await(&standstill, 0);
	threads[0] = spawn(wait_once, NULL);
	standstill_await(&standstill, 1);
	standstill_await(&standstill, 1);
	for (unsigned i = 1; i < NTHREADS; i++)
		threads[i] = spawn(wait_once, NULL);
	standstill_await(&standstill, NTHREADS);
	MUST(atomic_load(&ngone) == 0);
	standstill_end(&standstill);
	for (unsigned i = 0; i < NTHREADS; i++)
		join(threads[i]);
	ck_assert_uint_eq(atomic_load(&ngone), NTHREADS);
	standstill_fini(&standstill);
}
END_TEST

START_TEST(who_comes_before_it_is_awaited_waits_too)
{
	pthread_t thread;

	standstill_init(&standstill);
	for (int i = 0; i < 2; i++) {
		atomic_store(&ngone, 0);
		thread = spawn(wait_once, NULL);
		WAIT_UNTIL(count_waiting() == 1);
		standstill_await(&standstill, 1);
		MUST(atomic_load(&ngone) == 0);
		standstill_end(&standstill);
		join(thread);
		MUST(atomic_load(&ngone) == 1);
		/* Nobody waits any more: the end of one is no licence for the next. */
		MUST(count_waiting() == 0);
	}
	standstill_fini(&standstill);
}
END_TEST

/* Nobody came: that changes nothing for those who come later. */
START_TEST(end_without_anybody_lets_nobody_go_later)
{
	pthread_t thread;

	standstill_init(&standstill);
	standstill_end(&standstill);
	standstill_end(&standstill);
	thread = spawn(wait_once, NULL);
	standstill_await(&standstill, 1);
	MUST(atomic_load(&ngone) == 0);
	standstill_end(&standstill);
	join(thread);
	MUST(atomic_load(&ngone) == 1);
	standstill_fini(&standstill);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("standstill",
	    all_that_was_done_is_seen_round_after_round,
	    it_is_awaited_until_all_have_come,
	    those_that_have_come_need_not_come_again,
	    who_comes_before_it_is_awaited_waits_too,
	    end_without_anybody_lets_nobody_go_later);
}
