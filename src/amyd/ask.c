/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ask.h"

/* So many may be found to have gone, or to have ended their input, before nobody is left. */
#define MAX_TRIES 64

/* What an answer may take from one handler to another. */
#define GRACE_MS 1000

/* ---- The end of a request --------------------------------------------------------- */

static struct request *
find_request(struct session *session, uint64_t number)
{
	struct request *request;

	LIST_FOREACH(request, &session->requests, of_session)
		if (request->number == number)
			return request;
	return NULL;
}

/* It is closed, or never was open. */
static void
free_request(struct view *view, struct request *request)
{
	struct session *session = request->asker;

	timers_cancel(&view->timers, &request->timer);
	LIST_REMOVE(request, of_session);
	session->nrequests--;
	if (request->ntag == 0)
		session->is_waiting = false;
	free(request);
}

/* The asker has its final line; it may go on. */
static void
finish(struct view *view, struct request *request, const char *head,
       const struct amy_bytes *text)
{
	struct session *session = request->asker;

	session_final(session, request->tag, request->ntag, head, text->bytes, text->nbytes);
	free_request(view, request);
	view_mark_dirty(view, session);
}

static void
finish_in_words(struct view *view, struct request *request, const char *head, const char *words)
{
	const struct amy_bytes text = { words, strlen(words) };

	finish(view, request, head, &text);
}

static struct request *
request_of(struct timer *timer)
{
	return (struct request *)((char *)timer - offsetof(struct request, timer));
}

static void
give_up(struct timer *timer, void *context)
{
	struct view *view = context;

	stats_add(view->stats, STAT_REQUESTS_TIMED_OUT, 1);
	finish_in_words(view, request_of(timer), "-ERR TIMEOUT", "no answer in time");
}

/* If it is closed, its answer is on its way: unless the other handler had no memory for it. */
static void
time_out(struct timer *timer, void *context)
{
	struct view *view = context;

	if (requests_close(view->router->requests, request_of(timer)) ||
	    timers_set(&view->timers, timer, view_now_ms(view) + GRACE_MS, give_up) == -1)
		give_up(timer, context);
}

void
ask_forget(struct view *view, struct session *session)
{
	struct request *request;

	while ((request = LIST_FIRST(&session->requests)) != NULL) {
		requests_close(view->router->requests, request);
		free_request(view, request);
	}
}

/* ---- Whom to ask ------------------------------------------------------------------ */

/* One of those who follow for themselves, in turn. */
static bool
choose_follower(struct view *view, const struct route *route, amy_id asker,
                struct subscriber *to)
{
	size_t start = route->n == 0 ? 0 : view->nasked++ % route->n;

	for (size_t i = 0; i < route->n; i++) {
		const struct subscriber *who = &route->subscribers[(start + i) % route->n];
		const struct session *session;

		if (who->session == asker)
			continue;
		if (who->handler == view->handler) {
			session = view_find(view, who->session);
			if (session == NULL || session->state != SESSION_OPEN ||
			    atomic_load_explicit(&session->client.is_mute,
			                         memory_order_relaxed))
				continue;
		}
		*to = *who;
		return true;
	}
	return false;
}

static bool
choose(struct view *view, const struct amy_bytes *subject, amy_id asker, struct subscriber *to)
{
	const struct cached_route *cached;

	if (subject->bytes[0] == '@') {
		*to = (struct subscriber){ 0 };
		return clients_find_name(view->clients, subject->bytes + 1, subject->nbytes - 1,
		                         &to->handler, &to->session) &&
		       to->session != asker;
	}
	cached = router_route(view, subject);
	if (cached == NULL)
		return false;
	for (size_t i = 0; i < cached->route->ngroups; i++)
		if (subscriptions_choose_to_ask(view->subscriptions, cached->route->groups[i],
		                                asker, to))
			return true;
	return choose_follower(view, cached->route, asker, to);
}

/*
 * Of another handler we cannot know; that one looks when the question is there. One that has
 * gone is not held back here: view_deliver_to() sees to it that it is not chosen again.
 */
static bool
may_answer(struct view *view, const struct subscriber *to)
{
	const struct session *session;

	if (to->handler != view->handler)
		return true;
	session = view_find(view, to->session);
	return session == NULL ||
	       !atomic_load_explicit(&session->client.is_mute, memory_order_relaxed);
}

/* Put it to somebody. False: there is nobody; or no memory to reach another handler. */
static bool
put(struct view *view, const struct publication *question, unsigned ntries)
{
	struct requests *requests = view->router->requests;
	struct subscriber to;

	while (ntries++ < MAX_TRIES &&
	       choose(view, &question->subject, question->from_id, &to)) {
		struct publication *copy;
		struct message *message;

		if (!may_answer(view, &to))
			continue;
		requests_set_responder(requests, question->request, to.session);
		if (to.handler == view->handler) {
			if (view_deliver_to(view, question, &to))
				return true;
			if (question->subject.bytes[0] == '@')
				return false;
			continue;
		}
		copy = publication_copy(question);
		message = copy == NULL ? NULL : message_create(MESSAGE_REQUEST, copy, NULL);
		publication_unref(copy);
		if (message == NULL)
			return false;
		message->to = to;
		message->ntries = ntries;
		router_send(view, to.handler, message);
		return true;
	}
	return false;
}

/* ---- Asking and answering --------------------------------------------------------- */

/* NULL: ENOMEM. */
static struct request *
make_request(struct view *view, struct session *session, const char *tag, size_t ntag)
{
	struct request *request = calloc(1, sizeof *request);

	if (request == NULL)
		return NULL;
	request->handler = view->handler;
	request->session = session->id;
	request->asker = session;
	request->ntag = ntag;
	memcpy(request->tag, tag == NULL ? "" : tag, ntag);
	if (timers_set(&view->timers, &request->timer, view_now_ms(view) + session->timeout_ms,
	               time_out) == -1) {
		free(request);
		return NULL;
	}
	LIST_INSERT_HEAD(&session->requests, request, of_session);
	session->nrequests++;
	if (ntag == 0)
		session->is_waiting = true;
	requests_open(view->router->requests, request);
	return request;
}

enum ask_result
ask(struct view *view, struct session *session, const struct amy_bytes *subject,
    const struct amy_bytes *text, const char *tag, size_t ntag)
{
	char name[SUBJECT_MAX_NAME + 1];
	struct publication question = {
		.subject = *subject,
		.text = *text,
		.from = router_sender(session, name),
		.from_id = session->id,
		.at_ms = view_now_ms(view),
		.wall_ms = view_wall_ms(view),
	};
	struct request *request;

	if (!router_has_room(view, session))
		return ASK_STALLED;
	request = make_request(view, session, tag, ntag);
	if (request == NULL)
		return ASK_NO_MEMORY;
	question.request = request->number;
	stats_add(view->stats, STAT_REQUESTS, 1);
	if (put(view, &question, 0)) {
		stats_add(view->stats, STAT_LINES_PUBLISHED, 1);
		return ASK_OPEN;
	}
	requests_close(view->router->requests, request);
	free_request(view, request);
	return ASK_NOBODY;
}

/* An answer, or the word that there is nobody, for a session of ours. */
static void
arrive(struct view *view, enum message_kind kind, amy_id id, uint64_t number,
       const struct amy_bytes *text)
{
	struct session *session = view_find(view, id);
	struct request *request = session == NULL ? NULL : find_request(session, number);

	if (request == NULL)
		return; /* it has gone in the meantime */
	if (kind == MESSAGE_NOBODY) {
		finish_in_words(view, request, "-ERR NOBODY", "nobody follows that subject");
		return;
	}
	stats_add(view->stats, STAT_REQUESTS_ANSWERED, 1);
	finish(view, request, "+OK", text);
}

/* The same, for a session of whichever handler. */
static void
send_answer(struct view *view, enum message_kind kind, const struct subscriber *to,
            uint64_t number, const struct amy_bytes *text)
{
	struct publication answer = { .request = number, .text = *text };
	struct publication *copy;
	struct message *message;

	if (to->handler == view->handler) {
		arrive(view, kind, to->session, number, text);
		return;
	}
	copy = publication_copy(&answer);
	message = copy == NULL ? NULL : message_create(kind, copy, NULL);
	publication_unref(copy);
	if (message == NULL)
		return; /* out of memory: who asked is not told before its time is up */
	message->to = *to;
	router_send(view, to->handler, message);
}

bool
ask_answer(struct view *view, struct session *session, uint64_t number,
           const struct amy_bytes *text)
{
	struct subscriber to = { 0 };

	if (!requests_answer(view->router->requests, number, session->id, &to.handler,
	                     &to.session))
		return false;
	send_answer(view, MESSAGE_ANSWER, &to, number, text);
	return true;
}

/* A question for a session of ours: if that has gone, for somebody else. */
static void
question_arrives(struct view *view, const struct message *message)
{
	const struct publication *question = message->publication;
	const struct amy_bytes none = { NULL, 0 };
	struct requests *requests = view->router->requests;
	struct subscriber asker = { 0 };

	if (may_answer(view, &message->to) && view_deliver_to(view, question, &message->to))
		return;
	if (question->subject.bytes[0] != '@' && put(view, question, message->ntries))
		return;
	view_count_lost(view, STAT_LINES_DROPPED_GONE, 1);
	requests_set_responder(requests, question->request, 0);
	if (requests_answer(requests, question->request, 0, &asker.handler, &asker.session))
		send_answer(view, MESSAGE_NOBODY, &asker, question->request, &none);
}

void
ask_read(struct view *view)
{
	struct message *message;

	while ((message = STAILQ_FIRST(&view->asked)) != NULL) {
		STAILQ_REMOVE_HEAD(&view->asked, link);
		if (message->kind == MESSAGE_REQUEST)
			question_arrives(view, message);
		else
			arrive(view, message->kind, message->to.session,
			       message->publication->request, &message->publication->text);
		message_destroy(message);
	}
}
