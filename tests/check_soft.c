/* SPDX-License-Identifier: MIT */
/*
 * Timers and user events as amy.h describes them. Time is only ever looked at from one side:
 * nothing goes off too early; what goes off too late is the machine's doing.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"

enum { MS = 1000 }; /* microseconds */

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static char data;

static void
start(void)
{
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
}

static void
stop(void)
{
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
let_pass(int64_t until_us)
{
	while (now_us() <= until_us)
		nap();
}

static amy_id
timer(int64_t delay_us, int64_t interval_us)
{
	amy_id id = 0;

	MUST(amy_registrar_register_timer(registrar, delay_us, interval_us, &data, &id) == 0);
	MUST(id != 0);
	return id;
}

static amy_id
event(void)
{
	amy_id id = 0;

	MUST(amy_registrar_register_event(registrar, &data, &id) == 0);
	MUST(id != 0);
	return id;
}

/* Waits as long as it takes. */
static struct amy_notification
told(void)
{
	struct amy_notification notification;

	MUST(amy_poller_wait(poller, &notification, 1, -1) == 1);
	return notification;
}

static bool
is_quiet(void)
{
	struct amy_notification notification;

	return amy_poller_wait(poller, &notification, 1, 0) == 0;
}

static void
trigger(amy_id id, unsigned n)
{
	while (n-- > 0)
		MUST(amy_registrar_trigger(registrar, id) == 0);
}

#define ck_assert_errno(call, error)                                                     \
	do {                                                                             \
		errno = 0;                                                               \
		ck_assert_int_eq(call, -1);                                              \
		ck_assert_int_eq(errno, error);                                          \
	} while (0)

/* ---- Timers ------------------------------------------------------------------------- */

START_TEST(timer_goes_off_after_its_time_and_not_before)
{
	struct amy_notification n;
	int64_t from;
	amy_id id;

	start();
	from = now_us();
	id = timer(20 * MS, 0);
	ck_assert(is_quiet());
	n = told();
	ck_assert_int_ge(now_us() - from, 20 * MS);
	ck_assert_uint_eq(n.id, id);
	ck_assert_ptr_eq(n.data, &data);
	ck_assert_uint_eq(n.events, AMY_TIMER);
	ck_assert_uint_eq(n.count, 1);
	stop();
}
END_TEST

START_TEST(timer_without_delay_goes_off_at_once)
{
	start();
	timer(0, 0);
	ck_assert_uint_eq(told().events, AMY_TIMER);
	stop();
}
END_TEST

START_TEST(timer_goes_off_once_until_it_is_armed_again)
{
	int64_t from;
	amy_id id;

	start();
	id = timer(5 * MS, 0);
	told();
	from = now_us();
	let_pass(from + 10 * MS);
	ck_assert(is_quiet());
	from = now_us();
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	ck_assert_uint_eq(told().id, id);
	ck_assert_int_ge(now_us() - from, 5 * MS);
	stop();
}
END_TEST

START_TEST(interval_timer_keeps_its_beat)
{
	int64_t from, nbeats = 0;
	amy_id id;

	start();
	from = now_us();
	id = timer(5 * MS, 5 * MS);
	for (int i = 0; i < 8; i++) {
		struct amy_notification n = told();

		ck_assert_uint_eq(n.id, id);
		nbeats += n.count;
		ck_assert_int_ge(now_us() - from, nbeats * 5 * MS);
		ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	}
	ck_assert_int_eq(amy_registrar_cancel(registrar, id), 0);
	let_pass(now_us() + 10 * MS);
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(beats_that_were_missed_are_told_at_once_as_one)
{
	struct amy_notification n;
	int64_t from;
	amy_id id;

	start();
	from = now_us();
	id = timer(0, 10 * MS);
	n = told();
	let_pass(now_us() + 55 * MS);
	ck_assert(is_quiet());
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	n.count += told().count;
	/* at 0, 10, 20, 30, 40, 50 */
	ck_assert_uint_ge(n.count, 6);
	ck_assert_int_ge(now_us() - from, (n.count - 1) * 10 * MS);
	stop();
}
END_TEST

START_TEST(first_beat_may_be_at_another_time_than_the_rest)
{
	int64_t from;
	amy_id id;

	start();
	from = now_us();
	id = timer(0, 30 * MS);
	told();
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	told();
	ck_assert_int_ge(now_us() - from, 30 * MS);
	stop();
}
END_TEST

START_TEST(timer_that_is_owned_may_have_new_times)
{
	int64_t from;
	amy_id id;

	start();
	id = timer(0, 0);
	told();
	from = now_us();
	ck_assert_int_eq(amy_registrar_rearm_timer(registrar, id, 10 * MS, 20 * MS), 0);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, id, 0, 0), EBUSY);
	told();
	ck_assert_int_ge(now_us() - from, 10 * MS);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	told();
	ck_assert_int_ge(now_us() - from, 30 * MS);
	stop();
}
END_TEST

START_TEST(timer_that_was_taken_stands_still_until_it_is_armed_again)
{
	amy_id id;

	start();
	id = timer(0, 0);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert(is_quiet());
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	ck_assert_uint_eq(told().id, id);
	stop();
}
END_TEST

START_TEST(interval_timer_that_was_taken_before_its_first_beat_keeps_it)
{
	int64_t from;
	amy_id id;

	start();
	from = now_us();
	id = timer(0, 3600000 * (int64_t)MS);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	ck_assert_uint_eq(told().count, 1);
	ck_assert_int_lt(now_us() - from, 3600000 * (int64_t)MS);
	stop();
}
END_TEST

START_TEST(interval_timer_that_is_taken_between_beats_loses_none)
{
	int64_t from, set;
	unsigned nbeats = 0;
	amy_id id;

	start();
	from = now_us();
	id = timer(2 * MS, 2 * MS);
	set = now_us();
	for (int i = 0; i < 10; i++) {
		nbeats += told().count;
		ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
		ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
		ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	}
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	let_pass(set + 100 * MS);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	nbeats += told().count;
	ck_assert_uint_ge(nbeats, 50);
	ck_assert_int_ge(now_us() - from, nbeats * 2 * MS);
	stop();
}
END_TEST

START_TEST(timer_that_is_cancelled_while_a_thread_has_it_is_not_armed_again)
{
	amy_id id;

	start();
	id = timer(0, 0);
	told();
	ck_assert_errno(amy_registrar_cancel(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_TIMER), ECANCELED);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, id, 0, 0), ECANCELED);
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	ck_assert(is_quiet());
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	id = timer(0, 0);
	told();
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_TIMER), 0);
	stop();
}
END_TEST

START_TEST(timer_that_is_due_and_was_not_told_can_be_cancelled)
{
	amy_id id;

	start();
	id = timer(0, 0);
	ck_assert_int_eq(amy_registrar_cancel(registrar, id), 0);
	ck_assert(is_quiet());
	ck_assert_errno(amy_registrar_cancel(registrar, id), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_TIMER), EINVAL);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, id, 0, 0), EINVAL);
	ck_assert_errno(amy_registrar_take(registrar, id), EINVAL);
	stop();
}
END_TEST

START_TEST(timer_that_has_gone_off_is_its_owner_s_to_end)
{
	amy_id id;

	start();
	id = timer(0, 0);
	told();
	ck_assert_errno(amy_registrar_cancel(registrar, id), EBUSY);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	ck_assert_errno(amy_registrar_deregister(registrar, id), EINVAL);
	stop();
}
END_TEST

START_TEST(armed_timer_can_be_neither_armed_nor_ended)
{
	amy_id id;

	start();
	id = timer(1000000 * (int64_t)MS, 0);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_TIMER), EBUSY);
	ck_assert_errno(amy_registrar_deregister(registrar, id), EBUSY);
	stop();
}
END_TEST

/* The canceller is another thread, the waiter this one. */
static void *
cancel_by_another_thread(void *argument)
{
	MUST(amy_registrar_cancel(registrar, *(amy_id *)argument) == 0);
	return NULL;
}

START_TEST(timer_can_be_cancelled_by_any_thread)
{
	struct amy_notification n;
	amy_id id, last;

	start();
	id = timer(15 * MS, 0);
	last = timer(30 * MS, 0);
	join(spawn(cancel_by_another_thread, &id));
	n = told();
	ck_assert_uint_eq(n.id, last);
	stop();
}
END_TEST

/* When it was set, and how long for: it is due between the two. */
struct promise {
	int64_t earliest_us, latest_us;
};

START_TEST(timers_go_off_in_the_order_of_their_times)
{
	enum { NTIMERS = 1000 };
	static struct promise promises[NTIMERS];
	uint64_t seed = 3;
	int64_t last_us = 0;

	start();
	for (int i = 0; i < NTIMERS; i++) {
		int64_t delay_us = random_below(&seed, 20 * MS);
		amy_id id;

		promises[i].earliest_us = now_us() + delay_us;
		MUST(amy_registrar_register_timer(registrar, delay_us, 0, &promises[i], &id) == 0);
		promises[i].latest_us = now_us() + 1 + delay_us;
	}
	for (int i = 0; i < NTIMERS; i++) {
		const struct promise *promise = told().data;

		MUST(now_us() >= promise->earliest_us);
		/* Not after one that was surely later. */
		MUST(promise->latest_us >= last_us);
		if (promise->earliest_us > last_us)
			last_us = promise->earliest_us;
	}
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(thousands_of_timers_cost_two_descriptors)
{
	size_t before;

	start();
	before = count_descriptors();
	for (int i = 0; i < 5000; i++)
		timer(1000000 * (int64_t)MS, i % 2 == 0 ? 0 : MS);
	ck_assert_uint_eq(count_descriptors(), before + (kernel_is_epoll() ? 2 : 0));
	stop();
}
END_TEST

START_TEST(more_that_are_due_than_there_is_room_for_are_told_by_the_next_wait)
{
	bool seen[10] = { false };
	amy_id ids[10];

	start();
	for (int i = 0; i < 10; i++)
		MUST(amy_registrar_register_timer(registrar, 0, 0, &seen[i], &ids[i]) == 0);
	for (int i = 0; i < 10; i++) {
		struct amy_notification n = told();

		MUST(!*(bool *)n.data);
		*(bool *)n.data = true;
	}
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(times_out_of_range_are_refused)
{
	const int64_t century_us = 100 * 365 * INT64_C(86400000000);
	amy_id id;

	start();
	ck_assert_errno(amy_registrar_register_timer(registrar, -1, 0, NULL, &id), EINVAL);
	ck_assert_errno(amy_registrar_register_timer(registrar, 0, -1, NULL, &id), EINVAL);
	ck_assert_errno(amy_registrar_register_timer(registrar, century_us + 1, 0, NULL, &id), EINVAL);
	ck_assert_errno(amy_registrar_register_timer(registrar, 0, century_us + 1, NULL, &id), EINVAL);
	id = timer(century_us, century_us);
	ck_assert(is_quiet());
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, id, -1, 0), EINVAL);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, id, 0, century_us + 1), EINVAL);
	stop();
}
END_TEST

/* ---- A thread that waits ------------------------------------------------------------- */

static _Atomic pid_t waiter_tid;

/* Owner: the test; it waits for one notification and leaves it here. */
struct waiter {
	struct amy_notification told;
	pthread_t thread;
};

static void *
wait_for_one(void *argument)
{
	struct waiter *waiter = argument;

	atomic_store(&waiter_tid, gettid());
	waiter->told = told();
	return NULL;
}

/* It is asleep when this returns. */
static void
start_waiter(struct waiter *waiter)
{
	atomic_store(&waiter_tid, 0);
	waiter->thread = spawn(wait_for_one, waiter);
	WAIT_UNTIL(atomic_load(&waiter_tid) != 0 && is_asleep(atomic_load(&waiter_tid)));
}

START_TEST(timer_set_while_a_thread_waits_is_told_to_it)
{
	struct waiter waiter;
	amy_id id;

	start();
	start_waiter(&waiter);
	id = timer(5 * MS, 0);
	join(waiter.thread);
	ck_assert_uint_eq(waiter.told.id, id);
	stop();
}
END_TEST

START_TEST(timer_that_is_earlier_than_the_rest_is_told_first)
{
	struct waiter waiter;
	amy_id id;

	start();
	timer(1000000 * (int64_t)MS, 0);
	start_waiter(&waiter);
	id = timer(5 * MS, 0);
	join(waiter.thread);
	ck_assert_uint_eq(waiter.told.id, id);
	stop();
}
END_TEST

START_TEST(cancelling_the_earliest_does_not_lose_the_others)
{
	amy_id first, second;

	start();
	first = timer(5 * MS, 0);
	second = timer(15 * MS, 0);
	ck_assert_int_eq(amy_registrar_cancel(registrar, first), 0);
	ck_assert_uint_eq(told().id, second);
	stop();
}
END_TEST

START_TEST(event_wakes_a_thread_that_waits)
{
	struct waiter waiter;
	amy_id id;

	start();
	id = event();
	start_waiter(&waiter);
	trigger(id, 1);
	join(waiter.thread);
	ck_assert_uint_eq(waiter.told.id, id);
	ck_assert_uint_eq(waiter.told.events, AMY_USER);
	ck_assert_uint_eq(waiter.told.count, 1);
	ck_assert_ptr_eq(waiter.told.data, &data);
	stop();
}
END_TEST

/* ---- User events ---------------------------------------------------------------------- */

START_TEST(event_fires_when_it_is_triggered_and_not_before)
{
	amy_id id;

	start();
	id = event();
	ck_assert(is_quiet());
	trigger(id, 1);
	ck_assert_uint_eq(told().id, id);
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(many_triggers_are_one_notification)
{
	struct amy_notification n;
	amy_id id;

	start();
	id = event();
	trigger(id, 7);
	n = told();
	ck_assert_uint_eq(n.count, 7);
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(trigger_of_an_event_that_a_thread_has_waits_until_it_is_armed)
{
	struct amy_notification n;
	amy_id id;

	start();
	id = event();
	trigger(id, 1);
	told();
	trigger(id, 2);
	ck_assert(is_quiet());
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_USER), 0);
	n = told();
	ck_assert_uint_eq(n.id, id);
	ck_assert_uint_eq(n.count, 2);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_USER), 0);
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(event_that_was_triggered_can_be_taken_and_keeps_its_triggers)
{
	amy_id id;

	start();
	id = event();
	trigger(id, 3);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert(is_quiet());
	trigger(id, 1);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_USER), 0);
	ck_assert_uint_eq(told().count, 4);
	stop();
}
END_TEST

START_TEST(cancelled_event_is_never_told)
{
	amy_id id, next;

	start();
	id = event();
	trigger(id, 1);
	ck_assert_int_eq(amy_registrar_cancel(registrar, id), 0);
	ck_assert(is_quiet());
	ck_assert_errno(amy_registrar_trigger(registrar, id), EINVAL);
	next = event();
	ck_assert_uint_ne(next, id);
	ck_assert(is_quiet());
	stop();
}
END_TEST

START_TEST(event_that_is_cancelled_while_a_thread_has_it_is_not_armed_again)
{
	amy_id id;

	start();
	id = event();
	trigger(id, 1);
	told();
	ck_assert_errno(amy_registrar_cancel(registrar, id), EBUSY);
	trigger(id, 1);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_USER), ECANCELED);
	ck_assert(is_quiet());
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	ck_assert_errno(amy_registrar_cancel(registrar, id), EINVAL);
	stop();
}
END_TEST

START_TEST(one_kind_is_not_taken_for_another)
{
	amy_id on_time, on_trigger, on_bytes;
	int fds[2];

	start();
	make_socketpair(fds);
	on_time = timer(0, 0);
	MUST(told().id == on_time);
	on_trigger = event();
	trigger(on_trigger, 1);
	MUST(told().id == on_trigger);
	MUST(amy_registrar_register(registrar, fds[0], 0, NULL, &on_bytes) == 0);

	ck_assert_errno(amy_registrar_trigger(registrar, on_time), EINVAL);
	ck_assert_errno(amy_registrar_trigger(registrar, on_bytes), EINVAL);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, on_trigger, 0, 0), EINVAL);
	ck_assert_errno(amy_registrar_rearm_timer(registrar, on_bytes, 0, 0), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, on_time, AMY_READ), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, on_time, AMY_TIMER | AMY_READ), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, on_trigger, AMY_TIMER), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, on_bytes, AMY_TIMER), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, on_bytes, AMY_USER), EINVAL);
	ck_assert_errno(amy_registrar_register(registrar, fds[1], AMY_TIMER, NULL, &on_bytes), EINVAL);
	ck_assert_errno(amy_registrar_trigger(registrar, 0), EINVAL);
	close_pair(fds);
	stop();
}
END_TEST

START_TEST(descriptors_timers_and_events_are_told_together)
{
	struct amy_notification n[3];
	unsigned seen = 0;
	amy_id id;
	int fds[2];

	start();
	make_socketpair(fds);
	put_byte(fds[1]);
	MUST(amy_registrar_register(registrar, fds[0], AMY_READ, NULL, &id) == 0);
	timer(0, 0);
	trigger(event(), 1);
	while (seen != (AMY_READ | AMY_TIMER | AMY_USER)) {
		int got = amy_poller_wait(poller, n, 3, -1);

		MUST(got > 0);
		for (int i = 0; i < got; i++) {
			MUST((seen & n[i].events) == 0);
			seen |= n[i].events;
		}
	}
	ck_assert(is_quiet());
	close_pair(fds);
	stop();
}
END_TEST

/* ---- Many threads --------------------------------------------------------------------- */

enum { NTHREADS = 4, NTRIGGERS = 20000 };

static void *
trigger_often(void *argument)
{
	trigger(*(amy_id *)argument, NTRIGGERS);
	return NULL;
}

START_TEST(no_trigger_of_many_threads_is_lost)
{
	pthread_t threads[NTHREADS];
	uint64_t ntold = 0;
	amy_id id;

	start();
	id = event();
	for (int i = 0; i < NTHREADS; i++)
		threads[i] = spawn(trigger_often, &id);
	while (ntold < (uint64_t)NTHREADS * NTRIGGERS) {
		ntold += told().count;
		MUST(amy_registrar_rearm(registrar, id, AMY_USER) == 0);
	}
	for (int i = 0; i < NTHREADS; i++)
		join(threads[i]);
	ck_assert_uint_eq(ntold, (uint64_t)NTHREADS * NTRIGGERS);
	ck_assert(is_quiet());
	stop();
}
END_TEST

/*
 * One timer of a thread's own, which is told to whoever waits. The one that was told holds it:
 * nobody else is told of it meanwhile. Who wants to cancel it then hears EBUSY, and it is ended
 * by the one that holds it, who cannot arm it any more.
 */
struct beat {
	atomic_bool held;
	atomic_bool ended;
	atomic_bool cancelled;
	_Atomic amy_id id;
};

enum { NBEATS = 64 };

static struct beat beats[NBEATS];
static atomic_uint nended;

static void
beat_has_ended(struct beat *beat)
{
	MUST(!atomic_exchange(&beat->ended, true));
	atomic_fetch_add(&nended, 1);
}

static void
beat_hold(struct amy_notification *n)
{
	struct beat *beat = n->data;

	MUST(!atomic_exchange(&beat->held, true));
	MUST(!atomic_load(&beat->ended));
	MUST(n->id == atomic_load(&beat->id) || atomic_load(&beat->id) == 0);
	atomic_store(&beat->held, false);
	if (amy_registrar_rearm(registrar, n->id, AMY_TIMER) == 0)
		return;
	MUST(errno == ECANCELED);
	MUST(atomic_load(&beat->cancelled));
	beat_has_ended(beat);
	MUST(amy_registrar_deregister(registrar, n->id) == 0);
}

static void *
serve_beats(void *unused)
{
	(void)unused;
	while (atomic_load(&nended) < NBEATS) {
		struct amy_notification n[8];
		int got = amy_poller_wait(poller, n, 8, 5);

		MUST(got >= 0);
		for (int i = 0; i < got; i++)
			beat_hold(&n[i]);
	}
	return NULL;
}

/* Cancels each of them, once: it ends now, or is left to the thread that holds it. */
static void *
cancel_beats(void *unused)
{
	uint64_t seed = 11;

	(void)unused;
	while (atomic_load(&nended) < NBEATS) {
		struct beat *beat = &beats[random_below(&seed, NBEATS)];
		amy_id id = atomic_load(&beat->id);

		if (id == 0 || atomic_load(&beat->cancelled) || random_below(&seed, 50) != 0)
			continue;
		atomic_store(&beat->cancelled, true);
		if (amy_registrar_cancel(registrar, id) == 0)
			beat_has_ended(beat);
		else
			MUST(errno == EBUSY);
	}
	return NULL;
}

START_TEST(timer_is_told_to_one_thread_at_a_time_and_never_after_its_end)
{
	pthread_t threads[4];

	start();
	for (int i = 0; i < NBEATS; i++) {
		amy_id id;

		MUST(amy_registrar_register_timer(registrar, 0, 1 + i, &beats[i], &id) == 0);
		atomic_store(&beats[i].id, id);
	}
	for (int i = 0; i < 3; i++)
		threads[i] = spawn(serve_beats, NULL);
	threads[3] = spawn(cancel_beats, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	let_pass(now_us() + MS);
	ck_assert(is_quiet());
	stop();
}
END_TEST

/* ---- Where something is missing ------------------------------------------------------- */

START_TEST(first_timer_needs_descriptors_and_says_so)
{
	SKIP_UNLESS(kernel_is_epoll(), "only there does an alarm need descriptors");
	struct rlimit limit, low;
	amy_id id;
	int next;

	start();
	next = dup(STDIN_FILENO);
	MUST(next != -1 && close(next) == 0);
	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	for (rlim_t more = 0; more < 2; more++) {
		low = limit;
		low.rlim_cur = (rlim_t)next + more;
		MUST(setrlimit(RLIMIT_NOFILE, &low) == 0);
		ck_assert_errno(amy_registrar_register_timer(registrar, 0, 0, NULL, &id), EMFILE);
		ck_assert_errno(amy_registrar_register_event(registrar, NULL, &id), EMFILE);
		ck_assert_errno(amy_poller_reserve(poller, 1, 1), EMFILE);
		MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
	ck_assert_uint_eq((timer(0, 0), told().events), AMY_TIMER);
	stop();
}
END_TEST

START_TEST(without_memory_nothing_is_registered)
{
	int rc[2];
	amy_id id;

	for (unsigned nth = 1; nth <= 3; nth++) {
		start();
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		rc[0] = amy_registrar_register_timer(registrar, 0, 0, NULL, &id);
		MUST(fault_clear());
		ck_assert_int_eq(rc[0], -1);
		ck_assert(is_quiet());
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		rc[1] = amy_registrar_register_event(registrar, NULL, &id);
		fault_clear();
		if (rc[1] == 0)
			trigger(id, 1);
		ck_assert_uint_eq(rc[1] == 0 ? told().events : AMY_USER, AMY_USER);
		timer(0, 0);
		ck_assert_uint_eq(told().events, AMY_TIMER);
		stop();
	}
}
END_TEST

START_TEST(poller_makes_room_beforehand)
{
	static amy_id ids[1000];

	start();
	ck_assert_int_eq(amy_poller_reserve(poller, 1000, 1000), 0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	for (int i = 0; i < 1000; i++)
		MUST(amy_registrar_register_timer(registrar, 0, 0, NULL, &ids[i]) == 0);
	MUST(!fault_clear());
	ck_assert_errno(amy_poller_reserve(poller, 1, 2), EINVAL);
	ck_assert_errno(amy_poller_reserve(poller, 1 << 24, 0), EINVAL);
	ck_assert_int_eq(amy_poller_reserve(poller, 0, 0), 0);
	stop();
}
END_TEST

START_TEST(poller_without_memory_says_so)
{
	int rc[3];

	start();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	rc[0] = amy_poller_reserve(poller, 100, 0);
	MUST(fault_clear());
	fault_set(FAULT_ALLOCATION, 2, ENOMEM);
	rc[1] = amy_poller_reserve(poller, 100, 0);
	MUST(fault_clear());
	fault_set(FAULT_ALLOCATION, 2, ENOMEM);
	rc[2] = amy_poller_reserve(poller, 100, 100);
	MUST(fault_clear());
	ck_assert_int_eq(rc[0], -1);
	ck_assert_int_eq(rc[1], -1);
	ck_assert_int_eq(rc[2], -1);
	ck_assert_uint_eq((timer(0, 0), told().events), AMY_TIMER);
	stop();
}
END_TEST

START_TEST(timers_are_forgotten_with_their_poller)
{
	start();
	timer(0, 0);
	timer(MS, MS);
	trigger(event(), 1);
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("soft",
	    timer_goes_off_after_its_time_and_not_before,
	    timer_without_delay_goes_off_at_once,
	    timer_goes_off_once_until_it_is_armed_again,
	    interval_timer_keeps_its_beat,
	    beats_that_were_missed_are_told_at_once_as_one,
	    first_beat_may_be_at_another_time_than_the_rest,
	    timer_that_is_owned_may_have_new_times,
	    timer_that_was_taken_stands_still_until_it_is_armed_again,
	    interval_timer_that_was_taken_before_its_first_beat_keeps_it,
	    interval_timer_that_is_taken_between_beats_loses_none,
	    timer_that_is_cancelled_while_a_thread_has_it_is_not_armed_again,
	    timer_that_is_due_and_was_not_told_can_be_cancelled,
	    timer_that_has_gone_off_is_its_owner_s_to_end,
	    armed_timer_can_be_neither_armed_nor_ended,
	    timer_can_be_cancelled_by_any_thread,
	    timers_go_off_in_the_order_of_their_times,
	    thousands_of_timers_cost_two_descriptors,
	    more_that_are_due_than_there_is_room_for_are_told_by_the_next_wait,
	    times_out_of_range_are_refused,
	    timer_set_while_a_thread_waits_is_told_to_it,
	    timer_that_is_earlier_than_the_rest_is_told_first,
	    cancelling_the_earliest_does_not_lose_the_others,
	    event_wakes_a_thread_that_waits,
	    event_fires_when_it_is_triggered_and_not_before,
	    many_triggers_are_one_notification,
	    trigger_of_an_event_that_a_thread_has_waits_until_it_is_armed,
	    event_that_was_triggered_can_be_taken_and_keeps_its_triggers,
	    cancelled_event_is_never_told,
	    event_that_is_cancelled_while_a_thread_has_it_is_not_armed_again,
	    one_kind_is_not_taken_for_another,
	    descriptors_timers_and_events_are_told_together,
	    no_trigger_of_many_threads_is_lost,
	    timer_is_told_to_one_thread_at_a_time_and_never_after_its_end,
	    first_timer_needs_descriptors_and_says_so,
	    without_memory_nothing_is_registered,
	    poller_makes_room_beforehand,
	    poller_without_memory_says_so,
	    timers_are_forgotten_with_their_poller);
}
