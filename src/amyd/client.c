/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "ask.h"
#include "client.h"
#include "lines.h"
#include "log.h"
#include "mode.h"
#include "news.h"

/* How long a client may leave unread what it is sent at the end, and go on talking then. */
#define CLOSING_TIMEOUT_MS 10000
#define LINGERING_TIMEOUT_MS 2000

/* A client whose lines have to wait for line_rate waits so long at least, then runs several. */
#define MIN_RATE_PAUSE_MS 50

/* That lines are over it is logged so seldom. */
#define RATE_LOG_MS 1000

static void
client_leave(struct handler *handler, struct session *session)
{
	atomic_fetch_sub_explicit(&handler->load->nclients, 1, memory_order_relaxed);
	amy_registrar_deregister(handler->registrar, session->id);
	session_destroy(session);
}

void
client_add(struct handler *handler, struct session *session)
{
	char name[SESSION_MAX_NAME];

	if (view_add(&handler->view, session) == -1) {
		log_error("%s is turned away: %s: lower max_clients or queue",
		          session_name(session, name), strerror(errno));
		stats_add(handler->view.stats, STAT_REFUSED_MEMORY, 1);
		client_leave(handler, session);
		return;
	}
	if (watch_start(&handler->watch, &handler->view, session) == -1)
		session_fail(session, strerror(errno));
	log_debug("%s is here", session_name(session, name));
	news_up(&handler->view, session);
	if (mode_of(session)->start != NULL)
		mode_of(session)->start(&handler->view, session);
	view_mark_dirty(&handler->view, session);
}

/* It has vanished: what it wanted to be said then. Not if it is we who go. */
static void
client_publish_will(struct handler *handler, struct session *session)
{
	const struct publication *will = session->will;

	if (will == NULL || session->has_quit || handler->phase >= HANDLER_DRAINING)
		return;
	router_publish_last(&handler->view, session, &will->subject, &will->text);
}

/* All that it has sent before we go down was run; or it will not be. */
static void
client_is_heard(struct handler *handler, struct session *session)
{
	if (!session->is_unheard)
		return;
	session->is_unheard = false;
	handler->nunheard--;
}

static void
client_end(struct handler *handler, struct session *session)
{
	struct view *view = &handler->view;
	char name[SESSION_MAX_NAME];

	log_debug("%s is gone", session_name(session, name));
	client_is_heard(handler, session);
	ask_forget(view, session);
	view_unfollow_all(view, session);
	if (session->nuntold > 0)
		news_dropped(view, session);
	client_publish_will(handler, session);
	news_down(view, session);
	view_remove(view, session);
	lease_end(&handler->leases, session);
	members_forget(&handler->members, session);
	client_leave(handler, session);
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
client_make_wait(struct handler *handler, struct session *session)
{
	struct view *view = &handler->view;
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
log_over_rate(struct handler *handler, const struct session *session)
{
	int64_t now_ms = view_now_ms(&handler->view);
	char name[SESSION_MAX_NAME];

	if (now_ms < handler->rate_log_ms)
		return;
	handler->rate_log_ms = now_ms + RATE_LOG_MS;
	log_warning(
	    "%s sends more lines a second than line_rate = %u: raise it, or let it send "
	    "fewer",
	    session_name(session, name), session->listener->line_rate);
}

/* It has sent more lines than line_rate. */
static void
client_refuse_line(struct handler *handler, struct session *session,
                   const struct amy_bytes *line)
{
	const struct mode *mode = mode_of(session);

	stats_add(handler->view.stats, STAT_LINES_OVER_RATE, 1);
	log_over_rate(handler, session);
	if (mode->over_rate == NULL) {
		client_make_wait(handler, session);
		return;
	}
	stats_add(handler->view.stats, STAT_LINES_READ, 1);
	mode->over_rate(&handler->view, session, line);
}

/* Going down, nothing has to wait: what would be refused still is. */
static bool
client_has_token(struct handler *handler, struct session *session)
{
	unsigned line_rate = session->listener->line_rate;

	if (handler->phase != HANDLER_RUNNING && mode_of(session)->over_rate == NULL)
		return true;
	return line_rate == 0 ||
	       rate_take(&session->line_rate, line_rate, view_now_ms(&handler->view));
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
client_run_line(struct handler *handler, struct session *session)
{
	const struct mode *mode = mode_of(session);
	struct view *view = &handler->view;
	struct amy_bytes line;
	int result = amy_line_reader_next(&session->reader, &line);

	if (result == 0)
		return false;
	session_stand_alone(session);
	if (result == 1 && !client_has_token(handler, session)) {
		client_refuse_line(handler, session, &line);
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
client_watch_line(struct handler *handler, struct session *session, bool is_new)
{
	if (watch_line(&handler->watch, &handler->view, session, is_new) == -1)
		session_fail(session, strerror(errno));
}

/* As long as the client may be heard, and has something left of its share; but one line. */
static void
client_run_some(struct handler *handler, struct session *session)
{
	struct budget *budget = &handler->view.budget;
	bool has_run = false;

	budget_open(budget, &session->share);
	while ((session->share.left > 0 || !has_run) && session_wants_input(session)) {
		handler->view.cost = 0;
		if (!client_run_line(handler, session)) {
			client_watch_line(handler, session, has_run);
			return;
		}
		budget_spend(budget, &session->share, COST_LINE + handler->view.cost);
		has_run = true;
	}
	if (session->state != SESSION_OPEN)
		session_forget_lines(session);
	else if (amy_line_reader_keep(&session->reader) == -1)
		session_fail(session, strerror(errno));
	client_watch_line(handler, session, has_run);
}

void
client_run_lines(struct handler *handler, struct session *session)
{
	uint64_t before = stats_get(handler->view.stats, STAT_LINES_READ);

	client_run_some(handler, session);
	tally_add(session->tally, TALLY_LINES,
	          stats_get(handler->view.stats, STAT_LINES_READ) - before);
}

/* The input has ended, and every whole line of it was run. */
static void
client_end_input(struct handler *handler, struct session *session)
{
	struct amy_bytes rest;
	bool has_rest = amy_line_reader_finish(&session->reader, &rest) == 1;

	session->input_has_ended = true;
	mode_of(session)->end(&handler->view, session, has_rest ? &rest : NULL);
}

/* The first nbytes are to be looked at line by line. */
static void
client_read(struct handler *handler, struct session *session, const char *bytes, size_t nbytes)
{
	if (nbytes == 0)
		return;
	amy_line_reader_feed(&session->reader, bytes, nbytes);
	client_run_lines(handler, session);
}

/*
 * Run what lines there are at the start of the bytes in one go, but no more than the answers
 * have room for. Returns how many bytes they are.
 */
static size_t
client_run_at_once(struct handler *handler, struct session *session, const char *bytes,
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
	stats_add(handler->view.stats, STAT_LINES_READ, nlines);
	tally_add(session->tally, TALLY_LINES, nlines);
	return nbytes;
}

/* One by one those that have begun before, or end later; all others at once. */
static void
client_take_lines(struct handler *handler, struct session *session, const char *bytes,
                  size_t nbytes)
{
	const char *lf;
	size_t first = 0;

	if (!amy_line_reader_is_empty(&session->reader)) {
		lf = memchr(bytes, '\n', nbytes);
		first = lf == NULL ? nbytes : (size_t)(lf - bytes) + 1;
		client_read(handler, session, bytes, first);
	}
	first += client_run_at_once(handler, session, bytes + first, nbytes - first);
	client_read(handler, session, bytes + first, nbytes - first);
}

/* It has opened with what is not run: it is ended, and of what it sends no line is looked at. */
static bool
client_is_stranger(struct handler *handler, struct session *session, const char *bytes,
                   size_t nbytes)
{
	enum opening_kind kind = opening_look(&session->opening, bytes, nbytes);

	if (kind != OPENING_HTTP && kind != OPENING_TLS)
		return false;
	mode_of(session)->refuse(session, kind);
	client_run_some(handler, session);
	return true;
}

/* One buffer of what the client has sent. */
static void
client_receive(struct handler *handler, struct session *session)
{
	const struct mode *mode = mode_of(session);
	ssize_t n = session_receive(session, handler->buffer, HANDLER_BUFFER_BYTES);

	if (session->is_unheard)
		session_count_heard(session, n, HANDLER_BUFFER_BYTES);
	if (n == -1)
		client_end_input(handler, session);
	if (n <= 0)
		return;
	tally_add(session->tally, TALLY_BYTES, (uint64_t)n);
	handler->read_ns = handler_look_at_clock(handler);
	if (mode->refuse != NULL && session->opening.kind == OPENING_UNKNOWN &&
	    client_is_stranger(handler, session, handler->buffer, (size_t)n))
		return;
	if (mode->foresee != NULL)
		mode->foresee(&handler->view, handler->buffer, (size_t)n);
	if (mode->lines != NULL)
		client_take_lines(handler, session, handler->buffer, (size_t)n);
	else
		client_read(handler, session, handler->buffer, (size_t)n);
}

static void
client_say_goodbye(struct handler *handler, struct session *session)
{
	switch (handler->phase) {
	case HANDLER_RUNNING:
	case HANDLER_HEARING:
		return;
	case HANDLER_DRAINING:
		if (session_has_work(session) && !session->is_unheard)
			session_bye(session, "DRAIN", "the server is going down");
		return;
	case HANDLER_STOPPING:
		session->state = SESSION_DEAD;
		return;
	}
}

/* Was all of it run that it had sent? Then its end of input counts, too. */
static void
client_look_if_heard(struct handler *handler, struct session *session)
{
	bool is_open = session->state == SESSION_OPEN;

	if (!session->is_unheard ||
	    (is_open && (session->nunheard > 0 || amy_line_reader_has_line(&session->reader))))
		return;
	client_is_heard(handler, session);
	if (is_open && session_has_said_all(session))
		client_end_input(handler, session);
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
	if (!session_has_work(session))
		session->state = SESSION_DEAD;
	else if (!session->has_taken)
		session_cut(session, "it has taken nothing for slow_time");
	view_mark_dirty(view, session); /* if it goes on, it is watched anew */
}

static void
client_watch(struct handler *handler, struct session *session, int64_t timeout_ms)
{
	struct view *view = &handler->view;

	session->has_taken = false;
	if (timers_set(&view->timers, &session->timer, view_now_ms(view) + timeout_ms,
	               client_is_late) == -1)
		session_fail(session, strerror(errno));
}

/* What waits for it is to be taken in time. */
static void
client_watch_output(struct handler *handler, struct session *session)
{
	struct view *view = &handler->view;

	if (session->is_waiting && session->timer.run == client_may_go_on)
		return; /* there is no output: it is told nothing */
	if (!session_has_output(session))
		timers_cancel(&view->timers, &session->timer);
	else if (session->timer.place == 0 && session->listener->slow_ms > 0)
		client_watch(handler, session, session->listener->slow_ms);
}

/* It has been told goodbye, or has asked for its end: one step further, if it is time. */
static void
client_approach_end(struct handler *handler, struct session *session)
{
	bool lingered = session->state == SESSION_LINGERING;

	if (session->nsubscriptions > 0)
		view_unfollow_all(&handler->view, session);
	if (session->nrequests > 0)
		ask_forget(&handler->view, session);
	if (handler->phase != HANDLER_STOPPING)
		session_linger(session, handler->phase == HANDLER_DRAINING);
	if (session->state == SESSION_LINGERING && !lingered)
		client_watch(handler, session, LINGERING_TIMEOUT_MS);
	else if (session->state == SESSION_CLOSING && !session->is_ending &&
	         !session_is_over(session))
		client_watch(handler, session, CLOSING_TIMEOUT_MS);
	session->is_ending = true;
}

/* As session_flush(). What the socket does not take is copied, line by line. */
static void
client_flush(struct handler *handler, struct session *session)
{
	size_t nlines = session->parcel == NULL ? 0 : session->parcel->nlines;

	session_flush(session);
	if (nlines > 0 && session_has_output(session))
		budget_spend_turn(&handler->view.budget, nlines * COST_QUEUED);
}

/* What has become of it since it was settled the last time; and send what can be sent. */
static void
client_go_on(struct handler *handler, struct session *session)
{
	if (handler->phase != HANDLER_RUNNING) {
		client_look_if_heard(handler, session);
		client_say_goodbye(handler, session);
	}
	client_flush(handler, session);
	if (session->state == SESSION_LISTENING)
		session_finish_if_idle(session);
	if (session->state == SESSION_CLOSING)
		session_flush(session);
	if (session->is_unreachable)
		view_unfollow_all(&handler->view, session);
	if (session_has_work(session))
		client_watch_output(handler, session);
	else
		client_approach_end(handler, session);
	if (session->has_sent && session_is_tcp(session))
		watch_acks(&handler->watch);
	members_settle(&handler->members, session);
	if (view_is_to_look(&handler->view))
		view_look_at_quota(&handler->view);
	if (session->nuntold > 0)
		handler->view.has_dropped = true;
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
client_wait(struct handler *handler, struct session *session)
{
	unsigned interest = session_interest(session);
	int64_t now_ms;

	if (session->is_busy || session->is_leased) {
		now_ms = view_now_ms(&handler->view);
		if (lease_wait(&handler->leases, session, interest, now_ms) == 0) {
			session->armed = (unsigned char)interest;
			return 0;
		}
	}
	return session_give_back(session, handler->registrar);
}

void
client_settle(struct handler *handler, struct session *session)
{
	client_go_on(handler, session);
	if (client_is_waited_for(session))
		return;
	if (!session_own(session, handler->registrar))
		return; /* its event is on its way to us */
	if (session_is_parked(session))
		lease_end(&handler->leases, session); /* it is ours until it can go on */
	else if (session_is_over(session) || client_wait(handler, session) == -1)
		client_end(handler, session);
}

/* How long the lines took that were run since nlines were. */
static void
count_time(struct handler *handler, uint64_t nlines)
{
	if (handler->read_ns == 0)
		return;
	load_count_lines(handler->load,
	                 stats_get(handler->view.stats, STAT_LINES_READ) - nlines,
	                 monotonic_now_ns() - handler->read_ns);
	handler->read_ns = 0;
}

/* Those that were left when its last turn was over. */
static void
client_run_rest(struct handler *handler, struct session *session)
{
	handler->read_ns = handler_look_at_clock(handler);
	client_run_lines(handler, session);
}

/*
 * If AMY_READ is armed, recv(2) reports the end of the input, or the error. If not, a hang-up
 * says that the peer has closed; what it sent before is in the socket, and in the reader.
 */
void
client_turn(struct handler *handler, struct session *session, unsigned events)
{
	bool had_line = amy_line_reader_has_line(&session->reader);
	uint64_t nlines = stats_get(handler->view.stats, STAT_LINES_READ);

	session->has_registration = session->is_active = true;
	lease_use(&handler->leases, session, view_now_ms(&handler->view));
	if (events & AMY_WRITE)
		session_flush(session);
	if (events & AMY_WRITE && session->state == SESSION_CLOSING)
		client_watch(handler, session, CLOSING_TIMEOUT_MS); /* it reads, at least */
	if (events & (AMY_HUP | AMY_ERROR) && !(session->armed & AMY_READ))
		session_hang_up(session);
	if (session->state == SESSION_LINGERING)
		session_drop_input(session, handler->buffer, HANDLER_BUFFER_BYTES);
	else if (had_line)
		client_run_rest(handler, session);
	else if (session_wants_input(session))
		client_receive(handler, session);
	router_send_gathered(&handler->view);
	count_time(handler, nlines);
	client_flush(handler, session);
	view_mark_dirty(&handler->view, session);
}

void
client_hear_out(struct handler *handler, struct session *session)
{
	struct view *view = &handler->view;

	session_count_unheard(session);
	if (!session->is_unheard)
		return;
	handler->nunheard++;
	if (session->is_waiting && session->timer.run == client_may_go_on) {
		timers_cancel(&view->timers, &session->timer);
		session->is_waiting = false;
	}
	view_mark_dirty(view, session);
}
