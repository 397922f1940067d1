/* SPDX-License-Identifier: MIT */
/*
 * handler_thread.c - the turns of a handler.
 *
 * A turn: read records; for each client that fired, receive one buffer, run its lines and
 * answer them; at the end send what there is for others, give all registrations back, and
 * wake the handlers that got something. Given back in one go, they wake the poller less
 * often. What a client has too much of waits for its next turn, after everybody else's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "handler_thread.h"
#include "log.h"
#include "mode.h"
#include "monotonic.h"

/* Twice the usual max_line: of a line that is too long mostly nothing is kept at all. */
#define BUFFER_BYTES (128 * 1024)

/* What a line that comes in pieces takes, until it is complete. */
#define HEAP_BYTES (96 * 1024)

/* How long a client may leave unread what it is sent at the end, and go on talking then. */
#define CLOSING_TIMEOUT_MS 10000
#define LINGERING_TIMEOUT_MS 2000

/* How often it is seen to that they keep to that, while there are any. */
#define TICK_MS 250

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
	struct router_view view;
	enum phase phase;
	struct session_list ending; /* CLOSING or LINGERING: not for ever */
	char *buffer; /* of BUFFER_BYTES: what a client has just sent */
};

/* ---- One client --------------------------------------------------------------------- */

static void
client_end(struct handler_thread *thread, struct session *session)
{
	char name[SESSION_MAX_NAME];

	log_debug("%s is gone", session_name(session, name));
	if (session->is_ending)
		TAILQ_REMOVE(&thread->ending, session, ending);
	router_remove(&thread->view, session);
	amy_registrar_deregister(thread->registrar, session->id);
	session_destroy(session);
}

/* Run the lines that there are, as long as the client may be heard. */
static void
client_run_lines(struct handler_thread *thread, struct session *session)
{
	const struct mode *mode = mode_of(session);
	struct amy_line line;
	int result;

	while (session_wants_input(session)) {
		result = amy_line_reader_next(&session->reader, &line);
		if (result == 0)
			return;
		if (result == -1 && errno == EMSGSIZE)
			mode->too_long(session);
		else if (result == -1)
			session_fail(session, strerror(errno));
		else if (!mode->line(&thread->view, session, &line))
			amy_line_reader_unget(&session->reader);
	}
	if (session->state != SESSION_OPEN)
		amy_line_reader_fini(&session->reader);
	else if (amy_line_reader_keep(&session->reader) == -1)
		session_fail(session, strerror(errno));
}

/* The input has ended, and every whole line of it was run. */
static void
client_end_input(struct session *session)
{
	struct amy_line rest;
	bool has_rest = amy_line_reader_finish(&session->reader, &rest) == 1;

	session->input_has_ended = true;
	mode_of(session)->end(session, has_rest ? &rest : NULL);
}

/* One buffer of what the client has sent. */
static void
client_receive(struct handler_thread *thread, struct session *session)
{
	ssize_t n = session_receive(session, thread->buffer, BUFFER_BYTES);

	if (n == -1) {
		client_end_input(session);
	} else if (n > 0) {
		amy_line_reader_feed(&session->reader, thread->buffer, (size_t)n);
		client_run_lines(thread, session);
	}
}

static void
client_say_goodbye(struct handler_thread *thread, struct session *session)
{
	if (thread->phase == PHASE_STOPPING)
		session->state = SESSION_DEAD;
	else if (session->state == SESSION_OPEN || session->state == SESSION_LISTENING)
		session_bye(session, "DRAIN", "the server is going down");
}

/* It is not to stay for ever in its last states. */
static void
client_watch_end(struct handler_thread *thread, struct session *session, int timeout_ms)
{
	session->end_by_ms = monotonic_now_ms() + timeout_ms;
	if (!session->is_ending)
		TAILQ_INSERT_TAIL(&thread->ending, session, ending);
	session->is_ending = true;
}

/* It has been told goodbye, or has asked for its end: one step further, if it is time. */
static void
client_approach_end(struct handler_thread *thread, struct session *session)
{
	bool lingered = session->state == SESSION_LINGERING;

	if (session->nsubscriptions > 0 && !session_is_following(session))
		router_unsubscribe_all(&thread->view, session);
	if (thread->phase != PHASE_STOPPING)
		session_linger(session, thread->phase == PHASE_DRAINING);
	if (session->state == SESSION_LINGERING && !lingered)
		client_watch_end(thread, session, LINGERING_TIMEOUT_MS);
	else if (session->state == SESSION_CLOSING && !session->is_ending &&
	         !session_is_over(session))
		client_watch_end(thread, session, CLOSING_TIMEOUT_MS);
}

/*
 * After anything was done for a client: send what can be sent, and let go of it. The only
 * place where clients are ended or given back, so that none is forgotten.
 */
static void
client_settle(struct handler_thread *thread, struct session *session)
{
	if (thread->phase != PHASE_RUNNING)
		client_say_goodbye(thread, session);
	session_flush(session);
	client_approach_end(thread, session);
	if (!session->has_registration && !session_is_over(session) &&
	    session->armed == session_interest(session))
		return;
	if (!session_own(session, thread->registrar))
		return; /* its event is on its way to us */
	if (session->is_stalled && session->state == SESSION_OPEN)
		return; /* parked; we keep it until it can go on */
	if (session_is_over(session) ||
	    session_give_back(session, thread->registrar) == -1)
		client_end(thread, session);
}

/* Its registration fired. Where we wait for input, reading tells all; else we are told. */
static void
client_turn(struct handler_thread *thread, struct session *session, unsigned events)
{
	bool had_line = amy_line_reader_has_line(&session->reader);

	session->has_registration = true;
	if (events & AMY_WRITE)
		session_flush(session);
	if (events & AMY_WRITE && session->state == SESSION_CLOSING)
		client_watch_end(thread, session, CLOSING_TIMEOUT_MS); /* it reads, at least */
	if (events & (AMY_HUP | AMY_ERROR) && !(session->armed & AMY_READ))
		session->state = SESSION_DEAD;
	else if (session->state == SESSION_LINGERING)
		session_drop_input(session, thread->buffer, BUFFER_BYTES);
	else if (had_line)
		client_run_lines(thread, session);
	else if (session_wants_input(session))
		client_receive(thread, session);
	session_flush(session);
	router_mark_dirty(&thread->view, session);
}

/* ---- Records ------------------------------------------------------------------------ */

static void
add_client(struct handler_thread *thread, struct session *session)
{
	char name[SESSION_MAX_NAME];

	if (router_add(&thread->view, session) == -1) {
		log_error("%s is turned away: %s", session_name(session, name),
		          strerror(errno));
		amy_registrar_deregister(thread->registrar, session->id);
		session_destroy(session);
		return;
	}
	log_debug("%s is here", session_name(session, name));
	client_settle(thread, session);
}

static void
turn_client(struct handler_thread *thread, const struct record *record)
{
	struct session *session = router_find(&thread->view, record->u.id);

	if (session != NULL)
		client_turn(thread, session, record->events);
}

/* What clients have sent until now still counts: run it before goodbye is said. */
static void
drain(struct handler_thread *thread)
{
	struct router_view *view = &thread->view;

	for (size_t i = 0; i < view->nslots; i++) {
		struct session *session = view->sessions[i];

		if (session == NULL)
			continue;
		if (session_own(session, thread->registrar) &&
		    session_wants_input(session) &&
		    !amy_line_reader_has_line(&session->reader))
			client_receive(thread, session);
	}
	thread->phase = PHASE_DRAINING;
}

static void
settle_all(struct handler_thread *thread)
{
	struct router_view *view = &thread->view;

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
		turn_client(thread, record);
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
	}
}

/* ---- Turns -------------------------------------------------------------------------- */

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
		router_mark_dirty(&thread->view, session);
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

/* Those that were given their time to come to their end, and did not. */
static void
end_overdue(struct handler_thread *thread)
{
	struct session *session;
	int64_t now;

	if (TAILQ_EMPTY(&thread->ending))
		return;
	now = monotonic_now_ms();
	TAILQ_FOREACH(session, &thread->ending, ending) {
		if (session->end_by_ms > now || session->state == SESSION_DEAD)
			continue;
		session->state = SESSION_DEAD;
		router_mark_dirty(&thread->view, session);
	}
}

static size_t
read_records(struct handler_thread *thread, struct record *records)
{
	struct record_pipe *pipe = thread->setup.pipe;

	if (!TAILQ_EMPTY(&thread->ending) && !record_pipe_wait(pipe, TICK_MS))
		return 0;
	return record_pipe_read(pipe, records, RECORD_PIPE_MAX_BATCH);
}

static void
turn(struct handler_thread *thread)
{
	struct record records[RECORD_PIPE_MAX_BATCH];
	size_t n = read_records(thread, records);

	for (size_t i = 0; i < n; i++)
		handle(thread, &records[i]);
	if (router_is_woken(&thread->view)) {
		router_read_inbox(&thread->view);
		resume_stalled(thread);
	}
	end_overdue(thread);
	settle_dirty(thread);
	router_wake_others(&thread->view);
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

	warm_up(thread);
	while (thread->phase == PHASE_RUNNING || thread->view.nsessions > 0)
		turn(thread);
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
	TAILQ_INIT(&thread->ending);
	thread->buffer = malloc(BUFFER_BYTES);
	if (thread->buffer == NULL)
		goto free_thread;
	thread->registrar = amy_registrar_create(setup->poller);
	if (thread->registrar == NULL)
		goto free_buffer;
	if (router_view_init(&thread->view, setup->router, setup->number) == -1)
		goto destroy_registrar;
	error = pthread_create(&thread->thread, NULL, run, thread);
	if (error == 0)
		return thread;
	router_view_fini(&thread->view);
	errno = error;

destroy_registrar:
	amy_registrar_destroy(thread->registrar);
free_buffer:
	free(thread->buffer);
free_thread:
	free(thread);
	return NULL;
}

void
handler_thread_join(struct handler_thread *thread)
{
	pthread_join(thread->thread, NULL);
	router_view_fini(&thread->view);
	amy_registrar_destroy(thread->registrar);
	free(thread->buffer);
	free(thread);
}
