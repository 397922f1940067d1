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
#include "handler_thread.h"
#include "heartbeat.h"
#include "hits.h"
#include "lease.h"
#include "lines.h"
#include "load.h"
#include "log.h"
#include "mode.h"
#include "monotonic.h"
#include "news.h"
#include "upstreams.h"
#include "watch.h"

/* Twice the usual max_line: of a line that is too long mostly nothing is kept at all. */
#define BUFFER_BYTES (128 * 1024)

/* What a line that comes in pieces takes, until it is complete. */
#define HEAP_BYTES (96 * 1024)

/* So many events are taken at once. */
#define MAX_EVENTS 256

/* How long a client may leave unread what it is sent at the end, and go on talking then. */
#define CLOSING_TIMEOUT_MS 10000
#define LINGERING_TIMEOUT_MS 2000

/*
 * What a client's turn may cost: 8 for a line, and 1 for each queue that it goes into, or less
 * where a parcel is shared. It is about half a millisecond; what is sent at its end comes on
 * top.
 */
#define BUDGET 32768
#define LINE_COST 8

/* A client whose lines have to wait for line_rate waits so long at least, then runs several. */
#define MIN_RATE_PAUSE_MS 50

/* That lines are over it is logged so seldom. */
#define RATE_LOG_MS 1000

/*
 * How long after lines were dropped it is told: for what is told may have to be dropped as
 * well, by a client that follows _amyd.dropped and does not read.
 */
#define DROPS_PAUSE_MS 1000

enum phase {
	PHASE_RUNNING,
	PHASE_DRAINING, /* every client is told goodbye */
	PHASE_STOPPING, /* every client is closed at once */
};

/*
 * Owner: its thread.
 */
struct handler_thread {
	pthread_t thread;
	struct handler_setup setup;
	struct amy_registrar *registrar;
	struct view view;
	struct leases leases;
	int timeout_ms; /* until a timer is due, or a lease ends; -1: there is nothing of the kind */
	enum phase phase;
	struct heartbeat heartbeat;
	struct watch watch;
	struct upstreams upstreams;
	struct timer drops_timer; /* to tell what clients and targets of rules had to drop */
	struct hits hits;
	struct load *load;
	int64_t awake_ns; /* since when it has had something to do in this turn; 0: not looked */
	int64_t read_ns;  /* when the lines that it runs were read; 0: not looked */
	int64_t rate_log_ms;      /* when it may be logged again that a client is over line_rate */
	char *buffer;             /* of BUFFER_BYTES: what a client has just sent */
};

/* ---- One client ------------------------------------------------------------------- */

/* It has vanished: what it wanted to be said then. Not if it is we who go. */
static void
client_publish_will(struct handler_thread *thread, struct session *session)
{
	const struct publication *will = session->will;

	if (will == NULL || session->has_quit || thread->phase != PHASE_RUNNING)
		return;
	router_publish_last(&thread->view, session, &will->subject, &will->text);
}

static void
client_end(struct handler_thread *thread, struct session *session)
{
	struct view *view = &thread->view;
	char name[SESSION_MAX_NAME];

	log_debug("%s is gone", session_name(session, name));
	ask_forget(view, session);
	view_unfollow_all(view, session);
	if (session->nuntold > 0)
		news_dropped(view, session);
	client_publish_will(thread, session);
	news_down(view, session);
	view_remove(view, session);
	lease_end(&thread->leases, session);
	amy_registrar_deregister(thread->registrar, session->id);
	session_destroy(session);
}

/* A client that waits for nothing else: line_rate lets it go on. */
static void
client_may_go_on(struct timer *timer, void *context)
{
	struct session *session =
	    (struct session *)((char *)timer - offsetof(struct session, timer));

	session->is_waiting = false;
	view_mark_dirty(context, session);
}

/* There is nobody to tell: the line, and what the client sends behind it, has to wait. */
static void
client_make_wait(struct handler_thread *thread, struct session *session)
{
	struct view *view = &thread->view;
	int64_t now_ms = view_now_ms(view);
	int64_t wait_ms =
	    rate_wait_ms(&session->line_rate, session->listener->line_rate, now_ms);

	amy_line_reader_unget(&session->reader);
	session->is_waiting = true;
	if (wait_ms < MIN_RATE_PAUSE_MS)
		wait_ms = MIN_RATE_PAUSE_MS;
	if (timers_set(&view->timers, &session->timer, now_ms + wait_ms, client_may_go_on) ==
	    -1)
		session_fail(session, strerror(errno));
}

/* There may be very many of them. */
static void
log_over_rate(struct handler_thread *thread, const struct session *session)
{
	int64_t now_ms = view_now_ms(&thread->view);
	char name[SESSION_MAX_NAME];

	if (now_ms < thread->rate_log_ms)
		return;
	thread->rate_log_ms = now_ms + RATE_LOG_MS;
	log_warning(
	    "%s sends more lines a second than line_rate = %u: raise it, or let it send "
	    "fewer",
	    session_name(session, name), session->listener->line_rate);
}

/* It has sent more lines than line_rate. */
static void
client_refuse_line(struct handler_thread *thread, struct session *session,
                   const struct amy_bytes *line)
{
	const struct mode *mode = mode_of(session);

	stats_add(thread->view.stats, STAT_LINES_OVER_RATE, 1);
	log_over_rate(thread, session);
	if (mode->over_rate == NULL) {
		client_make_wait(thread, session);
		return;
	}
	stats_add(thread->view.stats, STAT_LINES_READ, 1);
	mode->over_rate(&thread->view, session, line);
}

static bool
client_has_token(struct handler_thread *thread, struct session *session)
{
	unsigned line_rate = session->listener->line_rate;

	return line_rate == 0 ||
	       rate_take(&session->line_rate, line_rate, view_now_ms(&thread->view));
}

/* It could not be run, and comes again. */
static void
client_unget_line(struct session *session)
{
	amy_line_reader_unget(&session->reader);
	if (session->listener->line_rate > 0)
		rate_put_back(&session->line_rate, session->listener->line_rate);
}

/* True: there was a line, and it was run; or it is too long, or cannot be kept. */
static bool
client_run_line(struct handler_thread *thread, struct session *session)
{
	const struct mode *mode = mode_of(session);
	struct view *view = &thread->view;
	struct amy_bytes line;
	int result = amy_line_reader_next(&session->reader, &line);

	if (result == 0)
		return false;
	session_stand_alone(session);
	if (result == 1 && !client_has_token(thread, session)) {
		client_refuse_line(thread, session, &line);
	} else if (result == 1 && mode->line(view, session, &line)) {
		stats_add(view->stats, STAT_LINES_READ, 1);
	} else if (result == 1) {
		client_unget_line(session);
	} else if (errno == EMSGSIZE) {
		stats_add(view->stats, STAT_LINES_TOO_LONG, 1);
		mode->too_long(session);
	} else {
		session_fail(session, strerror(errno));
	}
	return true;
}

/* What is left may be a part of a line, which is to end in time. */
static void
client_watch_line(struct handler_thread *thread, struct session *session, bool is_new)
{
	if (watch_line(&thread->watch, &thread->view, session, is_new) == -1)
		session_fail(session, strerror(errno));
}

/* As long as the client may be heard, and has its turn. */
static void
client_run_some(struct handler_thread *thread, struct session *session)
{
	size_t budget = BUDGET;

	while (budget > 0 && session_wants_input(session)) {
		size_t cost;

		thread->view.cost = 0;
		if (!client_run_line(thread, session)) {
			client_watch_line(thread, session, budget < BUDGET);
			return;
		}
		cost = LINE_COST + thread->view.cost;
		budget -= cost < budget ? cost : budget;
	}
	if (session->state != SESSION_OPEN)
		amy_line_reader_fini(&session->reader);
	else if (amy_line_reader_keep(&session->reader) == -1)
		session_fail(session, strerror(errno));
	client_watch_line(thread, session, budget < BUDGET);
}

/* Run the lines that there are. */
static void
client_run_lines(struct handler_thread *thread, struct session *session)
{
	uint64_t before = stats_get(thread->view.stats, STAT_LINES_READ);

	client_run_some(thread, session);
	tally_add(session->tally, TALLY_LINES,
	          stats_get(thread->view.stats, STAT_LINES_READ) - before);
}

/* The input has ended, and every whole line of it was run. */
static void
client_end_input(struct handler_thread *thread, struct session *session)
{
	struct amy_bytes rest;
	bool has_rest = amy_line_reader_finish(&session->reader, &rest) == 1;

	session->input_has_ended = true;
	mode_of(session)->end(&thread->view, session, has_rest ? &rest : NULL);
}

/* The first nbytes are to be looked at line by line. */
static void
client_read(struct handler_thread *thread, struct session *session, const char *bytes,
            size_t nbytes)
{
	if (nbytes == 0)
		return;
	amy_line_reader_feed(&session->reader, bytes, nbytes);
	client_run_lines(thread, session);
}

/*
 * Run what lines there are at the start of the bytes in one go, but no more than the answers
 * have room for. Returns how many bytes they are.
 */
static size_t
client_run_at_once(struct handler_thread *thread, struct session *session, const char *bytes,
                   size_t nbytes)
{
	size_t room = session_answer_room(session), nlines;

	if (!session_wants_input(session) || !amy_line_reader_is_empty(&session->reader) ||
	    session->listener->line_rate > 0)
		return 0;
	nbytes = lines_whole(bytes, nbytes < room ? nbytes : room, session->listener->max_line);
	if (nbytes == 0)
		return 0;
	mode_of(session)->lines(session, bytes, nbytes);
	nlines = lines_count(bytes, nbytes);
	stats_add(thread->view.stats, STAT_LINES_READ, nlines);
	tally_add(session->tally, TALLY_LINES, nlines);
	return nbytes;
}

/* One by one those that have begun before, or end later; all others at once. */
static void
client_take_lines(struct handler_thread *thread, struct session *session, const char *bytes,
                  size_t nbytes)
{
	const char *lf;
	size_t first = 0;

	if (!amy_line_reader_is_empty(&session->reader)) {
		lf = memchr(bytes, '\n', nbytes);
		first = lf == NULL ? nbytes : (size_t)(lf - bytes) + 1;
		client_read(thread, session, bytes, first);
	}
	first += client_run_at_once(thread, session, bytes + first, nbytes - first);
	client_read(thread, session, bytes + first, nbytes - first);
}

/* If somebody watches, for that takes a while, too. */
static int64_t
look_at_clock(const struct handler_thread *thread)
{
	return thread->view.is_watched ? monotonic_now_ns() : 0;
}

/* One buffer of what the client has sent. */
static void
client_receive(struct handler_thread *thread, struct session *session)
{
	const struct mode *mode = mode_of(session);
	ssize_t n = session_receive(session, thread->buffer, BUFFER_BYTES);

	if (n == -1)
		client_end_input(thread, session);
	if (n <= 0)
		return;
	tally_add(session->tally, TALLY_BYTES, (uint64_t)n);
	thread->read_ns = look_at_clock(thread);
	if (mode->foresee != NULL)
		mode->foresee(&thread->view, thread->buffer, (size_t)n);
	if (mode->lines != NULL)
		client_take_lines(thread, session, thread->buffer, (size_t)n);
	else
		client_read(thread, session, thread->buffer, (size_t)n);
}

static void
client_say_goodbye(struct handler_thread *thread, struct session *session)
{
	if (thread->phase == PHASE_STOPPING)
		session->state = SESSION_DEAD;
	else if (session->state == SESSION_OPEN || session->state == SESSION_LISTENING)
		session_bye(session, "DRAIN", "the server is going down");
}

static void
client_is_late(struct timer *timer, void *context)
{
	struct session *session =
	    (struct session *)((char *)timer - offsetof(struct session, timer));
	struct view *view = context;

	/* It may have room by now; the daemon may have been stopped, and not have heard of it. */
	if (session_is_following(session) && !session->has_taken)
		session_flush(session);
	if (!session_is_following(session))
		session->state = SESSION_DEAD;
	else if (!session->has_taken)
		session_cut(session, "it has taken nothing for slow_time");
	view_mark_dirty(view, session); /* if it goes on, it is watched anew */
}

static void
client_watch(struct handler_thread *thread, struct session *session, int64_t timeout_ms)
{
	struct view *view = &thread->view;

	session->has_taken = false;
	if (timers_set(&view->timers, &session->timer, view_now_ms(view) + timeout_ms,
	               client_is_late) == -1)
		session_fail(session, strerror(errno));
}

/* What waits for it is to be taken in time. */
static void
client_watch_output(struct handler_thread *thread, struct session *session)
{
	struct view *view = &thread->view;

	if (session->is_waiting && session->timer.run == client_may_go_on)
		return; /* there is no output: it is told nothing */
	if (!session_has_output(session))
		timers_cancel(&view->timers, &session->timer);
	else if (session->timer.place == 0 && session->listener->slow_ms > 0)
		client_watch(thread, session, session->listener->slow_ms);
}

/* It has been told goodbye, or has asked for its end: one step further, if it is time. */
static void
client_approach_end(struct handler_thread *thread, struct session *session)
{
	bool lingered = session->state == SESSION_LINGERING;

	if (session->nsubscriptions > 0)
		view_unfollow_all(&thread->view, session);
	if (session->nrequests > 0)
		ask_forget(&thread->view, session);
	if (thread->phase != PHASE_STOPPING)
		session_linger(session, thread->phase == PHASE_DRAINING);
	if (session->state == SESSION_LINGERING && !lingered)
		client_watch(thread, session, LINGERING_TIMEOUT_MS);
	else if (session->state == SESSION_CLOSING && !session->is_ending &&
	         !session_is_over(session))
		client_watch(thread, session, CLOSING_TIMEOUT_MS);
	session->is_ending = true;
}

/* What has become of it since it was settled the last time; and send what can be sent. */
static void
client_go_on(struct handler_thread *thread, struct session *session)
{
	if (thread->phase != PHASE_RUNNING)
		client_say_goodbye(thread, session);
	session_flush(session);
	if (session->state == SESSION_LISTENING)
		session_finish_if_idle(session);
	if (session->state == SESSION_CLOSING)
		session_flush(session);
	if (session_is_following(session))
		client_watch_output(thread, session);
	else
		client_approach_end(thread, session);
	if (session->nuntold > 0)
		thread->view.has_dropped = true;
}

/* By the poller, or by ourselves; and for what it is to be waited for. */
static bool
client_is_waited_for(const struct session *session)
{
	return (!session->has_registration || session->is_leased) &&
	       !session_is_over(session) && session->armed == session_interest(session);
}

/* Wait for it: by ourselves, if it is busy; else let the poller. -1: it cannot be. */
static int
client_wait(struct handler_thread *thread, struct session *session)
{
	unsigned interest = session_interest(session);
	int64_t now_ms;

	if (session->is_busy || session->is_leased) {
		now_ms = view_now_ms(&thread->view);
		if (lease_wait(&thread->leases, session, interest, now_ms) == 0) {
			session->armed = (unsigned char)interest;
			return 0;
		}
	}
	return session_give_back(session, thread->registrar);
}

/*
 * After anything was done for a client: send what can be sent, and let go of it. The only
 * place where clients are ended or waited for again, so that none is forgotten.
 */
static void
client_settle(struct handler_thread *thread, struct session *session)
{
	client_go_on(thread, session);
	if (client_is_waited_for(session))
		return;
	if (!session_own(session, thread->registrar))
		return; /* its event is on its way to us */
	if (session->is_stalled && session->state == SESSION_OPEN)
		lease_end(&thread->leases, session); /* parked; it is ours until it can go on */
	else if (session_is_over(session) || client_wait(thread, session) == -1)
		client_end(thread, session);
}

/* How long the lines took that were run since nlines were. */
static void
count_time(struct handler_thread *thread, uint64_t nlines)
{
	if (thread->read_ns == 0)
		return;
	load_count_lines(thread->load,
	                 stats_get(thread->view.stats, STAT_LINES_READ) - nlines,
	                 monotonic_now_ns() - thread->read_ns);
	thread->read_ns = 0;
}

/* Those that were left when its last turn was over. */
static void
client_run_rest(struct handler_thread *thread, struct session *session)
{
	thread->read_ns = look_at_clock(thread);
	client_run_lines(thread, session);
}

/* Its registration fired. Where we wait for input, reading tells all; else we are told. */
static void
client_turn(struct handler_thread *thread, struct session *session, unsigned events)
{
	bool had_line = amy_line_reader_has_line(&session->reader);
	uint64_t nlines = stats_get(thread->view.stats, STAT_LINES_READ);

	session->has_registration = session->is_active = true;
	lease_use(&thread->leases, session, view_now_ms(&thread->view));
	if (events & AMY_WRITE)
		session_flush(session);
	if (events & AMY_WRITE && session->state == SESSION_CLOSING)
		client_watch(thread, session, CLOSING_TIMEOUT_MS); /* it reads, at least */
	if (events & (AMY_HUP | AMY_ERROR) && !(session->armed & AMY_READ))
		session->state = SESSION_DEAD;
	else if (session->state == SESSION_LINGERING)
		session_drop_input(session, thread->buffer, BUFFER_BYTES);
	else if (had_line)
		client_run_rest(thread, session);
	else if (session_wants_input(session))
		client_receive(thread, session);
	router_send_gathered(&thread->view);
	count_time(thread, nlines);
	session_flush(session);
	view_mark_dirty(&thread->view, session);
}

/* ---- Records ---------------------------------------------------------------------- */

static void
add_client(struct handler_thread *thread, struct session *session)
{
	char name[SESSION_MAX_NAME];

	if (view_add(&thread->view, session) == -1) {
		log_error("%s is turned away: %s: lower max_clients or queue",
		          session_name(session, name), strerror(errno));
		stats_add(thread->view.stats, STAT_REFUSED_MEMORY, 1);
		amy_registrar_deregister(thread->registrar, session->id);
		session_destroy(session);
		return;
	}
	if (watch_start(&thread->watch, &thread->view, session) == -1)
		session_fail(session, strerror(errno));
	log_debug("%s is here", session_name(session, name));
	news_up(&thread->view, session);
	if (mode_of(session)->start != NULL)
		mode_of(session)->start(&thread->view, session);
	view_mark_dirty(&thread->view, session);
}

static void
turn_registration(struct handler_thread *thread, const struct record *record)
{
	struct session *session = view_find(&thread->view, record->u.id);

	stats_add(thread->view.stats, STAT_EVENTS_POLLED, 1);
	if (session != NULL)
		client_turn(thread, session, record->events);
	else
		upstreams_ready(&thread->upstreams, record->u.id, record->events);
}

/* What clients have sent until now still counts: run it before goodbye is said. */
static void
drain(struct handler_thread *thread)
{
	struct view *view = &thread->view;

	for (size_t i = 0; i < view->nslots; i++) {
		struct session *session = view->sessions[i];

		if (session == NULL)
			continue;
		if (session_own(session, thread->registrar) && session_wants_input(session) &&
		    !amy_line_reader_has_line(&session->reader))
			client_receive(thread, session);
	}
	thread->phase = PHASE_DRAINING;
}

static void
settle_all(struct handler_thread *thread)
{
	struct view *view = &thread->view;

	for (size_t i = 0; i < view->nslots; i++)
		if (view->sessions[i] != NULL)
			client_settle(thread, view->sessions[i]);
}

static void
handle(struct handler_thread *thread, const struct record *record)
{
	switch ((enum record_kind)record->kind) {
	case RECORD_NEW:
		add_client(thread, record->u.session);
		break;
	case RECORD_READY:
		turn_registration(thread, record);
		break;
	case RECORD_WAKE:
		break; /* it has done its work: we are awake, and look at the inbox */
	case RECORD_DRAIN:
		drain(thread);
		settle_all(thread);
		break;
	case RECORD_STOP:
		thread->phase = PHASE_STOPPING;
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
	struct session_list *stalled = &thread->view.stalled;
	struct session *last = TAILQ_LAST(stalled, session_list);
	struct session *session = NULL;

	while (session != last) {
		session = TAILQ_FIRST(stalled);
		TAILQ_REMOVE(stalled, session, stalled);
		session->is_stalled = false;
		client_run_lines(thread, session);
		view_mark_dirty(&thread->view, session);
	}
}

static void
settle_dirty(struct handler_thread *thread)
{
	struct session_list *dirty = &thread->view.dirty;
	struct session *session;

	while ((session = TAILQ_FIRST(dirty)) != NULL) {
		TAILQ_REMOVE(dirty, session, dirty);
		session->is_dirty = false;
		client_settle(thread, session);
	}
}

/* There is something to do. It may be called again in the same turn. */
static void
wake_up(struct handler_thread *thread)
{
	heartbeat_work(&thread->heartbeat);
	if (thread->awake_ns != 0)
		return;
	thread->view.is_watched = router_is_watched(thread->setup.router);
	thread->awake_ns = look_at_clock(thread);
}

/* The turn is over. */
static void
count_turn(struct handler_thread *thread)
{
	load_add(&thread->load->turns, 1);
	if (thread->awake_ns == 0)
		return;
	load_add(&thread->load->busy_ns, (uint64_t)(monotonic_now_ns() - thread->awake_ns));
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

/* Milliseconds until a timer is due, or a lease ends; -1: there is nothing of the kind. */
static int
next_ms(struct handler_thread *thread)
{
	int64_t now_ms = view_now_ms(&thread->view);
	int timer_ms = timers_next_ms(&thread->view.timers, now_ms);
	int lease_ms = leases_next_ms(&thread->leases, now_ms);

	if (timer_ms == -1 || lease_ms == -1)
		return timer_ms == -1 ? lease_ms : timer_ms;
	return timer_ms < lease_ms ? timer_ms : lease_ms;
}

/* An event of one that was ended, or is not kept any more since, counts for nothing. */
static void
turn_leased(struct handler_thread *thread, const struct amy_notification *told)
{
	struct session *session = view_find(&thread->view, told->id);

	if (session == NULL || !session->is_leased)
		return;
	stats_add(thread->view.stats, STAT_EVENTS_LEASED, 1);
	client_turn(thread, session, told->events);
}

static void
wait_for_records_and_clients(struct handler_thread *thread)
{
	struct amy_notification told[MAX_EVENTS];
	int n = amy_wait_set_wait(thread->leases.set, told, MAX_EVENTS, thread->timeout_ms);

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
	struct view *view = &thread->view;
	struct session *session;

	while ((session = leases_due(&thread->leases, view_now_ms(view))) != NULL) {
		lease_end(&thread->leases, session);
		view_mark_dirty(view, session);
	}
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
	struct view *view = &thread->view;

	if (!view->has_fed_sinks && !view->has_dropped)
		return;
	view->has_fed_sinks = view->has_dropped = false;
	if (thread->drops_timer.place == 0)
		timers_set(&view->timers, &thread->drops_timer,
		           view_now_ms(view) + DROPS_PAUSE_MS, tell_of_drops);
}

static void
turn(struct handler_thread *thread)
{
	struct view *view = &thread->view;

	heartbeat_wait(&thread->heartbeat);
	if (thread->leases.set == NULL) {
		wait_for_records(thread);
	} else {
		wait_for_records_and_clients(thread);
		end_leases(thread);
	}
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
	settle_dirty(thread);
	upstreams_end(&thread->upstreams);
	watch_drops(thread);
	router_wake_others(view);
	hits_turn(&thread->hits, view);
	thread->timeout_ms = next_ms(thread);
	view_end_turn(view);
	count_turn(thread);
}

/* Going down, what waits for a target of ours still goes, if it is connected. */
static bool
has_to_send(const struct handler_thread *thread)
{
	return thread->phase != PHASE_STOPPING && upstreams_are_busy(&thread->upstreams);
}

/* What a client sends must not make us grow: have room for it from the start. */
static void
warm_up(struct handler_thread *thread)
{
	void *heap = malloc(HEAP_BYTES);

	memset(thread->buffer, 0, BUFFER_BYTES);
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
	while (thread->phase == PHASE_RUNNING || thread->view.nsessions > 0 ||
	       has_to_send(thread))
		turn(thread);
	while (!upstreams_stop(&thread->upstreams))
		turn(thread);
	heartbeat_end(&thread->heartbeat);
	if (atomic_fetch_sub_explicit(thread->setup.nrunning, 1, memory_order_acq_rel) == 1)
		eventfd_write(thread->setup.over_fd, 1);
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
	thread->load = &setup->router->loads[setup->number];
	thread->buffer = malloc(BUFFER_BYTES);
	if (thread->buffer == NULL)
		goto free_thread;
	thread->registrar = amy_registrar_create(setup->poller);
	if (thread->registrar == NULL)
		goto free_buffer;
	if (leases_init(&thread->leases, setup->lease_ms, setup->pipe->read_fd) == -1)
		goto destroy_registrar;
	if (router_view_init(&thread->view, setup->router, setup->number) == -1)
		goto fini_leases;
	thread->upstreams = (struct upstreams){
		.targets = setup->targets,
		.number = setup->number,
		.nhandlers = setup->nhandlers,
		.registrar = thread->registrar,
		.timers = &thread->view.timers,
	};
	error = pthread_create(&thread->thread, NULL, run, thread);
	if (error == 0)
		return thread;
	router_view_fini(&thread->view);
	errno = error;

fini_leases:
	leases_fini(&thread->leases);
destroy_registrar:
	amy_registrar_destroy(thread->registrar);
free_buffer:
	free(thread->buffer);
free_thread:
	free(thread);
	return NULL;
}

/* ---- Another configuration -------------------------------------------------------- */

int
handler_thread_prepare(struct handler_thread *thread)
{
	return timers_reserve(&thread->view.timers, 2);
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
	struct view *view = &thread->view;

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
	watch_renew(&thread->watch, view);
}

void
handler_thread_adopt(struct handler_thread *thread, const struct conf *conf)
{
	struct view *view = &thread->view;

	router_forget_routes(view);
	adopt_clients(thread, conf);
	leases_set_time(&thread->leases, conf->lease_ms);
	upstreams_begin(&thread->upstreams, view_now_ms(view), conf->drain_ms);
}

void
handler_thread_join(struct handler_thread *thread)
{
	pthread_join(thread->thread, NULL);
	router_view_fini(&thread->view);
	leases_fini(&thread->leases);
	amy_registrar_destroy(thread->registrar);
	free(thread->buffer);
	free(thread);
}
