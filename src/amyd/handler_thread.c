/* SPDX-License-Identifier: MIT */
/*
 * handler_thread.c - the turns of a handler.
 *
 * A turn: wait for records, and for the clients that are kept; for each client that fired,
 * receive one buffer, run its lines and answer them; at the end send what there is for
 * others, wait again for all that fired, or give them back to the poller, and wake the
 * handlers that got something. Given back in one go, they wake the poller less often. What a
 * client has too much of waits for its next turn, after everybody else's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "ask.h"
#include "client.h"
#include "handler_thread.h"
#include "heartbeat.h"
#include "hits.h"
#include "log.h"
#include "monotonic.h"
#include "news.h"
#include "upstreams.h"

/* What a line that comes in pieces takes, until it is complete. */
#define HEAP_BYTES (96 * 1024)

/* So many events are taken at once. */
#define MAX_EVENTS 256

/*
 * How long after lines were dropped it is told: for what is told may have to be dropped as
 * well, by a client that follows _amyd.dropped and does not read.
 */
#define DROPS_PAUSE_MS 1000

/* A client that has used up its share of the turn before: its turn comes after the others'. */
struct late_event {
	amy_id id;
	unsigned events;
	bool is_leased; /* it counts as long as the client is */
};

#define MAX_LATE 64 /* more of them are not put off */

/*
 * Owner: its thread.
 */
struct handler_thread {
	pthread_t thread;
	struct handler_setup setup;
	struct handler handler;
	struct heartbeat heartbeat;
	struct upstreams upstreams;
	struct timer drops_timer; /* to tell what clients and targets of rules had to drop */
	struct hits hits;
	struct late_event late[MAX_LATE];
	size_t nlate;
	struct load_mark mark;
	int timeout_ms;   /* until a timer is due, or a lease ends; -1: there is nothing such */
	bool has_heard_out; /* and has reported it */
	int64_t awake_ns; /* since when there is something to do in this turn; 0: not looked */
};

/* ---- Records ---------------------------------------------------------------------- */

/* So others, who have asked for little, need not wait for one who asks for much. */
static void
turn_client(struct handler_thread *thread, struct session *session, unsigned events,
            bool is_leased)
{
	if (thread->nlate < MAX_LATE &&
	    budget_was_used_up(&thread->handler.view.budget, &session->share))
		thread->late[thread->nlate++] =
		    (struct late_event){ session->id, events, is_leased };
	else
		client_turn(&thread->handler, session, events);
}

static void
turn_late(struct handler_thread *thread)
{
	for (size_t i = 0; i < thread->nlate; i++) {
		const struct late_event *late = &thread->late[i];
		struct session *session = view_find(&thread->handler.view, late->id);

		if (session != NULL && (session->is_leased || !late->is_leased))
			client_turn(&thread->handler, session, late->events);
	}
	thread->nlate = 0;
}

static void
turn_registration(struct handler_thread *thread, const struct record *record)
{
	struct session *session = view_find(&thread->handler.view, record->u.id);

	stats_add(thread->handler.view.stats, STAT_EVENTS_POLLED, 1);
	if (session != NULL)
		turn_client(thread, session, record->events, false);
	else if (record->u.id == thread->handler.watch.acks_id)
		watch_look_at_acks(&thread->handler.watch, &thread->handler.view);
	else
		upstreams_ready(&thread->upstreams, record->u.id);
}

static void
hear_out(struct handler_thread *thread)
{
	struct view *view = &thread->handler.view;

	thread->handler.phase = HANDLER_HEARING;
	for (size_t i = 0; i < view->nslots; i++)
		if (view->sessions[i] != NULL)
			client_hear_out(&thread->handler, view->sessions[i]);
}

/* Lines of the clients that others have heard out come before goodbye. */
static void
drain(struct handler_thread *thread)
{
	router_read_inbox(&thread->handler.view);
	ask_read(&thread->handler.view);
	thread->handler.phase = HANDLER_DRAINING;
}

static void
settle_all(struct handler_thread *thread)
{
	struct view *view = &thread->handler.view;

	for (size_t i = 0; i < view->nslots; i++)
		if (view->sessions[i] != NULL)
			client_settle(&thread->handler, view->sessions[i]);
}

static void
handle(struct handler_thread *thread, const struct record *record)
{
	switch ((enum record_kind)record->kind) {
	case RECORD_NEW:
		client_add(&thread->handler, record->u.session);
		break;
	case RECORD_READY:
		turn_registration(thread, record);
		break;
	case RECORD_WAKE:
		break; /* it has done its work: we are awake, and look at the inbox */
	case RECORD_HEAR_OUT:
		hear_out(thread);
		break;
	case RECORD_DRAIN:
		turn_late(thread);
		drain(thread);
		settle_all(thread);
		break;
	case RECORD_STOP:
		thread->handler.phase = HANDLER_STOPPING;
		settle_all(thread);
		break;
	case RECORD_STANDSTILL:
		standstill_wait(thread->setup.standstill);
		break;
	case RECORD_UPSTREAM:
		upstreams_kick(&thread->upstreams, record->u.number);
		break;
	}
}

/* ---- Turns ------------------------------------------------------------------------ */

/*
 * There may be room now where there was none: let those that are parked go on, each once,
 * for it may be parked again.
 */
static void
resume_stalled(struct handler_thread *thread)
{
	struct session_list *stalled = &thread->handler.view.stalled;
	struct session *last = TAILQ_LAST(stalled, session_list);
	struct session *session = NULL;

	while (session != last) {
		session = TAILQ_FIRST(stalled);
		TAILQ_REMOVE(stalled, session, stalled);
		session->is_stalled = false;
		client_run_lines(&thread->handler, session);
		view_mark_dirty(&thread->handler.view, session);
	}
}

static void
settle_dirty(struct handler_thread *thread)
{
	struct session_list *dirty = &thread->handler.view.dirty;
	struct session *session;

	while ((session = TAILQ_FIRST(dirty)) != NULL) {
		TAILQ_REMOVE(dirty, session, dirty);
		session->is_dirty = false;
		client_settle(&thread->handler, session);
	}
}

/* There is something to do. It may be called again in the same turn. */
static void
wake_up(struct handler_thread *thread)
{
	heartbeat_work(&thread->heartbeat);
	if (thread->awake_ns != 0)
		return;
	thread->handler.view.is_watched = router_is_watched(thread->setup.router);
	thread->awake_ns = handler_look_at_clock(&thread->handler);
}

/* The turn is over. */
static void
count_turn(struct handler_thread *thread)
{
	load_add(&thread->handler.load->turns, 1);
	if (thread->awake_ns == 0)
		return;
	load_add(&thread->handler.load->busy_ns,
	         (uint64_t)(monotonic_now_ns() - thread->awake_ns));
	thread->awake_ns = 0;
}

/* There are some, or it waits for some. */
static void
handle_records(struct handler_thread *thread)
{
	struct record records[RECORD_PIPE_MAX_BATCH];
	size_t n = record_pipe_read(thread->setup.pipe, records, RECORD_PIPE_MAX_BATCH);

	wake_up(thread);
	for (size_t i = 0; i < n; i++)
		handle(thread, &records[i]);
}

/* Where no client is kept, there are only records to wait for. */
static void
wait_for_records(struct handler_thread *thread)
{
	if (thread->timeout_ms == -1 ||
	    record_pipe_wait(thread->setup.pipe, thread->timeout_ms))
		handle_records(thread);
}

/* Tell the accept thread how busy it is. */
static void
mark_load(struct handler_thread *thread)
{
	int64_t now_ms = view_now_ms(&thread->handler.view);

	if (now_ms - thread->mark.at_ms >= LOAD_MARK_MS)
		load_mark(thread->handler.load, &thread->mark, now_ms, monotonic_cpu_ns());
}

/* Milliseconds until a timer is due, or a lease ends; -1: there is nothing of the kind. */
static int
next_ms(struct handler_thread *thread)
{
	int64_t now_ms = view_now_ms(&thread->handler.view);
	int timer_ms = timers_next_ms(&thread->handler.view.timers, now_ms);
	int lease_ms = leases_next_ms(&thread->handler.leases, now_ms);

	if (timer_ms == -1 || lease_ms == -1)
		return timer_ms == -1 ? lease_ms : timer_ms;
	return timer_ms < lease_ms ? timer_ms : lease_ms;
}

/* An event of one that was ended, or is not kept any more since, counts for nothing. */
static void
turn_leased(struct handler_thread *thread, const struct amy_notification *told)
{
	struct session *session = view_find(&thread->handler.view, told->id);

	if (session == NULL || !session->is_leased)
		return;
	stats_add(thread->handler.view.stats, STAT_EVENTS_LEASED, 1);
	turn_client(thread, session, told->events, true);
}

static void
wait_for_records_and_clients(struct handler_thread *thread)
{
	struct amy_notification told[MAX_EVENTS];
	int n =
	    amy_wait_set_wait(thread->handler.leases.set, told, MAX_EVENTS, thread->timeout_ms);

	wake_up(thread);
	for (int i = 0; i < n; i++)
		if (told[i].id == 0)
			handle_records(thread);
		else
			turn_leased(thread, &told[i]);
}

/* Those that have been quiet are for the poller to wait for. */
static void
end_leases(struct handler_thread *thread)
{
	struct view *view = &thread->handler.view;
	struct session *session;

	while ((session = leases_due(&thread->handler.leases, view_now_ms(view))) != NULL) {
		lease_end(&thread->handler.leases, session);
		view_mark_dirty(view, session);
	}
}

/* How often it is measured what is used, where that is limited. */
#define QUOTA_PAUSE_MS 100

/* Those whose queues are shorter than they may be look, too: there may be room again. */
static void
look_at_quota(struct timer *timer, void *context)
{
	struct view *view = context;
	struct quota *quota = view->quota;

	quota_give_back(quota);
	quota_measure(quota);
	view_look_at_quota(view);
	if (atomic_load_explicit(&quota->limit, memory_order_relaxed) == 0)
		return;
	for (unsigned i = 0; i < quota->nshares; i++) {
		if (i == view->handler ||
		    !atomic_load_explicit(&quota->shares[i].is_short, memory_order_relaxed))
			continue;
		atomic_store_explicit(&quota->shares[i].must_look, true, memory_order_relaxed);
		view->to_wake |= (uint64_t)1 << i;
	}
	if (timers_set(&view->timers, timer, view_now_ms(view) + QUOTA_PAUSE_MS,
	               look_at_quota) == -1)
		log_error("out of memory: what is used is not measured until the next reload");
}

/* There may be another limit. The first handler measures, for all. -1: ENOMEM. */
static int
watch_quota(struct handler_thread *thread)
{
	struct view *view = &thread->handler.view;

	atomic_store_explicit(&view->share->must_look, true, memory_order_relaxed);
	if (view->handler != 0)
		return 0;
	return timers_set(&view->timers, &thread->handler.quota_timer, view_now_ms(view),
	                  look_at_quota);
}

static void
tell_of_drops(struct timer *timer, void *context)
{
	struct view *view = context;

	(void)timer;
	for (size_t i = 0; i < view->nslots; i++)
		if (view->sessions[i] != NULL && view->sessions[i]->nuntold > 0)
			news_dropped(view, view->sessions[i]);
	news_sinks_dropped(view);
}

/* Lines were dropped, or went to targets of rules, which may drop them: tell it soon. */
static void
watch_drops(struct handler_thread *thread)
{
	struct view *view = &thread->handler.view;

	if (!view->has_fed_sinks && !view->has_dropped)
		return;
	view->has_fed_sinks = view->has_dropped = false;
	if (thread->drops_timer.place == 0)
		timers_set(&view->timers, &thread->drops_timer,
		           view_now_ms(view) + DROPS_PAUSE_MS, tell_of_drops);
}

/* What its clients have published is in the inboxes of the others by now. */
static void
report_if_heard_out(struct handler_thread *thread)
{
	const struct handler *handler = &thread->handler;

	if (handler->phase == HANDLER_RUNNING || handler->nunheard > 0 || thread->has_heard_out)
		return;
	thread->has_heard_out = true;
	if (atomic_fetch_sub_explicit(thread->setup.nhearing, 1, memory_order_acq_rel) == 1)
		eventfd_write(thread->setup.end_fd, 1);
}

static void
turn(struct handler_thread *thread)
{
	struct view *view = &thread->handler.view;

	heartbeat_wait(&thread->heartbeat);
	if (thread->handler.leases.set == NULL) {
		wait_for_records(thread);
	} else {
		wait_for_records_and_clients(thread);
		end_leases(thread);
	}
	turn_late(thread);
	wake_up(thread);
	if (view->timers.n > 0)
		timers_run(&view->timers, view_now_ms(view), view);
	router_read_inbox(view);
	ask_read(view);
	if (view->was_woken) {
		view->was_woken = false;
		resume_stalled(thread);
	}
	router_send_gathered(view);
	if (view_is_to_look(view))
		view_look_at_quota(view);
	settle_dirty(thread);
	upstreams_end(&thread->upstreams);
	watch_drops(thread);
	router_wake_others(view);
	report_if_heard_out(thread);
	hits_turn(&thread->hits, view);
	thread->timeout_ms = next_ms(thread);
	mark_load(thread);
	view_end_turn(view);
	count_turn(thread);
}

/* Going down, what waits for a target of ours still goes, if it is connected. */
static bool
has_to_send(const struct handler_thread *thread)
{
	return thread->handler.phase != HANDLER_STOPPING &&
	       upstreams_are_busy(&thread->upstreams);
}

/* What a client sends must not make us grow: have room for it from the start. */
static void
warm_up(struct handler_thread *thread)
{
	void *heap = malloc(HEAP_BYTES);

	memset(thread->handler.buffer, 0, HANDLER_BUFFER_BYTES);
	if (heap != NULL)
		explicit_bzero(heap, HEAP_BYTES);
	free(heap);
}

static void *
run(void *argument)
{
	struct handler_thread *thread = argument;
	char name[HEARTBEAT_MAX_NAME];

	snprintf(name, sizeof name, "handler %u", thread->setup.number);
	heartbeat_start(&thread->heartbeat, name);
	warm_up(thread);
	upstreams_begin(&thread->upstreams, 0, 0); /* none of them is to end yet */
	thread->timeout_ms = 0; /* look at once: an upstream may have set a timer */
	while (thread->handler.phase == HANDLER_RUNNING ||
	       thread->handler.phase == HANDLER_HEARING || thread->handler.view.nsessions > 0 ||
	       has_to_send(thread))
		turn(thread);
	while (!upstreams_stop(&thread->upstreams))
		turn(thread);
	heartbeat_end(&thread->heartbeat);
	if (atomic_fetch_sub_explicit(thread->setup.nrunning, 1, memory_order_acq_rel) == 1)
		eventfd_write(thread->setup.end_fd, 1);
	return NULL;
}

struct handler_thread *
handler_thread_start(const struct handler_setup *setup)
{
	struct handler_thread *thread = calloc(1, sizeof *thread);
	int error;

	if (thread == NULL)
		return NULL;
	thread->setup = *setup;
	thread->handler.load = &setup->router->loads[setup->number];
	thread->handler.buffer = malloc(HANDLER_BUFFER_BYTES);
	if (thread->handler.buffer == NULL)
		goto free_thread;
	thread->handler.registrar = amy_registrar_create(setup->poller);
	if (thread->handler.registrar == NULL)
		goto free_buffer;
	if (leases_init(&thread->handler.leases, setup->lease_ms, setup->pipe->read_fd) == -1)
		goto destroy_registrar;
	if (router_view_init(&thread->handler.view, setup->router, setup->number) == -1)
		goto fini_leases;
	thread->handler.watch = (struct watch){
		.registrar = thread->handler.registrar,
		.pipe = setup->pipe,
	};
	members_init(&thread->handler.members, &thread->handler.view.timers);
	if (watch_quota(thread) == -1)
		goto fini_view;
	thread->upstreams = (struct upstreams){
		.targets = setup->targets,
		.number = setup->number,
		.nhandlers = setup->nhandlers,
		.registrar = thread->handler.registrar,
		.timers = &thread->handler.view.timers,
	};
	error = pthread_create(&thread->thread, NULL, run, thread);
	if (error == 0)
		return thread;
	errno = error;

fini_view:
	router_view_fini(&thread->handler.view);
fini_leases:
	leases_fini(&thread->handler.leases);
destroy_registrar:
	amy_registrar_destroy(thread->handler.registrar);
free_buffer:
	free(thread->handler.buffer);
free_thread:
	free(thread);
	return NULL;
}

/* ---- Another configuration -------------------------------------------------------- */

int
handler_thread_prepare(struct handler_thread *thread)
{
	return timers_reserve(&thread->handler.view.timers, 3);
}

/* The listener of that name in the next configuration. NULL: the client keeps the one it has. */
static const struct conf_listener *
next_listener(const struct conf *conf, const struct session *session)
{
	return conf_find_listener(conf, session->listener->name);
}

static void
adopt_clients(struct handler_thread *thread, const struct conf *conf)
{
	struct view *view = &thread->handler.view;

	for (size_t i = 0; i < view->nslots; i++) {
		struct session *session = view->sessions[i];
		const struct conf_listener *next, *old;

		if (session == NULL || (next = next_listener(conf, session)) == NULL)
			continue;
		old = session->listener;
		conf_ref(old->conf); /* it may have been the last that needed it */
		if (session_adopt(session, view->clients, next))
			watch_renew_client(view, session, old);
		conf_unref(old->conf);
	}
	watch_renew(&thread->handler.watch, view);
}

void
handler_thread_adopt(struct handler_thread *thread, const struct conf *conf)
{
	struct view *view = &thread->handler.view;

	router_forget_routes(view);
	adopt_clients(thread, conf);
	leases_set_time(&thread->handler.leases, conf->lease_ms);
	watch_quota(thread); /* there is room for its timer */
	upstreams_begin(&thread->upstreams, view_now_ms(view), conf->drain_ms);
}

void
handler_thread_join(struct handler_thread *thread)
{
	pthread_join(thread->thread, NULL);
	router_view_fini(&thread->handler.view);
	leases_fini(&thread->handler.leases);
	amy_registrar_destroy(thread->handler.registrar);
	free(thread->handler.buffer);
	free(thread);
}
