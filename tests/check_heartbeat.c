/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "heartbeat.h"

START_TEST(thread_is_stuck_if_it_works_and_has_not_moved)
{
	struct heartbeat heart = { 0 };

	heartbeat_start(&heart, "worker");
	ck_assert(heartbeats_all_move()); /* the first look */
	ck_assert(!heartbeats_all_move());
	ck_assert(!heartbeats_all_move());
	heartbeat_work(&heart);
	ck_assert(heartbeats_all_move());
	ck_assert(!heartbeats_all_move());
	heartbeat_wait(&heart);
	ck_assert(heartbeats_all_move());
	heartbeat_end(&heart);
}
END_TEST

START_TEST(thread_that_waits_is_never_stuck)
{
	struct heartbeat heart = { 0 };

	heartbeat_start(&heart, "worker");
	heartbeat_wait(&heart);
	for (int i = 0; i < 10; i++)
		ck_assert(heartbeats_all_move());
	heartbeat_end(&heart);
}
END_TEST

/* Whatever was said before: a turn may say twice that it works, or that it waits. */
START_TEST(work_is_odd_wait_is_even_and_each_is_a_move)
{
	struct heartbeat heart = { 0 };
	uint64_t random = 1;

	heartbeat_start(&heart, "worker");
	for (int i = 0; i < 1000; i++) {
		unsigned before = atomic_load(&heart.count);
		bool works = random_below(&random, 2) == 0;

		if (works)
			heartbeat_work(&heart);
		else
			heartbeat_wait(&heart);
		MUST(atomic_load(&heart.count) % 2 == (works ? 1 : 0));
		MUST(atomic_load(&heart.count) != before);
		MUST(atomic_load(&heart.count) - before <= 2);
	}
	heartbeat_end(&heart);
}
END_TEST

START_TEST(one_of_several_is_enough)
{
	struct heartbeat hearts[3] = { { 0 } };

	for (int i = 0; i < 3; i++)
		heartbeat_start(&hearts[i], "worker");
	ck_assert(heartbeats_all_move());
	for (int stuck = 0; stuck < 3; stuck++) {
		for (int i = 0; i < 3; i++)
			heartbeat_work(&hearts[i]);
		ck_assert(heartbeats_all_move());
		for (int i = 0; i < 3; i++)
			if (i != stuck)
				heartbeat_work(&hearts[i]);
		ck_assert(!heartbeats_all_move());
	}
	heartbeat_end(&hearts[2]); /* the one that is stuck */
	ck_assert(!heartbeats_all_move());
	heartbeat_end(&hearts[0]);
	heartbeat_end(&hearts[1]);
	ck_assert(heartbeats_all_move());
}
END_TEST

static atomic_bool may_end;

static void *
beat(void *argument)
{
	struct heartbeat heart = { 0 };

	heartbeat_start(&heart, argument);
	while (!atomic_load(&may_end)) {
		heartbeat_work(&heart);
		heartbeat_wait(&heart);
		if (heart.name[0] == 's') { /* a short life */
			heartbeat_end(&heart);
			heartbeat_start(&heart, argument);
		}
	}
	heartbeat_end(&heart);
	return NULL;
}

static void *
look(void *argument)
{
	for (int i = 0; i < 1000; i++)
		heartbeats_all_move();
	return argument;
}

/* For the thread sanitizer. */
START_TEST(threads_come_and_go_while_somebody_looks)
{
	pthread_t beating[2], looking;
	static char name[] = "beats", short_name[] = "short";

	beating[0] = spawn(beat, name);
	beating[1] = spawn(beat, short_name);
	looking = spawn(look, NULL);
	join(looking);
	atomic_store(&may_end, true);
	join(beating[0]);
	join(beating[1]);
	ck_assert(heartbeats_all_move());
}
END_TEST

/* Seconds pass; it is looked at once in each. */
static bool
is_stuck_after(int64_t *now_ms, int seconds, char name[HEARTBEAT_MAX_NAME])
{
	bool is_stuck = false;

	for (int i = 0; i < seconds; i++) {
		*now_ms += 1000;
		is_stuck = heartbeats_find_stuck(*now_ms, name);
	}
	return is_stuck;
}

START_TEST(who_is_at_one_thing_for_five_seconds_is_named)
{
	struct heartbeat hearts[2] = { { 0 } };
	int64_t now_ms = 1000000;
	char name[HEARTBEAT_MAX_NAME] = "";

	heartbeat_start(&hearts[0], "idle");
	heartbeat_wait(&hearts[0]);
	heartbeat_start(&hearts[1], "busy");
	ck_assert(!heartbeats_find_stuck(now_ms, name));
	ck_assert(!is_stuck_after(&now_ms, 4, name));
	ck_assert(is_stuck_after(&now_ms, 1, name));
	ck_assert_str_eq(name, "busy");
	ck_assert(is_stuck_after(&now_ms, 10, name));
	heartbeat_work(&hearts[1]);
	ck_assert(!is_stuck_after(&now_ms, 5, name));
	heartbeat_wait(&hearts[1]);
	ck_assert(!is_stuck_after(&now_ms, 60, name));
	heartbeat_end(&hearts[0]);
	heartbeat_end(&hearts[1]);
}
END_TEST

/* All of them were stopped: that one has not moved meanwhile says nothing about it. */
START_TEST(nobody_is_named_after_a_pause_in_which_nobody_looked)
{
	struct heartbeat heart = { 0 };
	int64_t now_ms = 1000000;
	char name[HEARTBEAT_MAX_NAME];

	heartbeat_start(&heart, "busy");
	ck_assert(!is_stuck_after(&now_ms, 3, name));
	now_ms += 3600 * 1000;
	ck_assert(!heartbeats_find_stuck(now_ms, name));
	ck_assert(!is_stuck_after(&now_ms, 4, name));
	ck_assert(is_stuck_after(&now_ms, 1, name));
	heartbeat_end(&heart);
}
END_TEST

START_TEST(looks_of_two_kinds_do_not_disturb_each_other)
{
	struct heartbeat heart = { 0 };
	int64_t now_ms = 1000000;
	char name[HEARTBEAT_MAX_NAME];

	heartbeat_start(&heart, "busy");
	ck_assert(heartbeats_all_move());
	ck_assert(!is_stuck_after(&now_ms, 2, name));
	ck_assert(!heartbeats_all_move());
	heartbeat_work(&heart);
	ck_assert(!is_stuck_after(&now_ms, 5, name));
	ck_assert(heartbeats_all_move());
	ck_assert(is_stuck_after(&now_ms, 1, name));
	heartbeat_end(&heart);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("heartbeat",
	    thread_is_stuck_if_it_works_and_has_not_moved,
	    thread_that_waits_is_never_stuck,
	    work_is_odd_wait_is_even_and_each_is_a_move,
	    one_of_several_is_enough,
	    threads_come_and_go_while_somebody_looks,
	    who_is_at_one_thing_for_five_seconds_is_named,
	    nobody_is_named_after_a_pause_in_which_nobody_looked,
	    looks_of_two_kinds_do_not_disturb_each_other);
}
