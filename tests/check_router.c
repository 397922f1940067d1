/* SPDX-License-Identifier: MIT */
/*
 * Two handlers, or their views of one router, in one thread. A client is the other end of a
 * session's socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "log.h"
#include "router.h"

enum { NVIEWS = 2, MAX_CLIENTS = 16 };

static struct record_pipe pipes[NVIEWS];
static struct router *router;
static struct router_view views[NVIEWS];
static struct conf_listener listener = {
	.name = (char[]){ "main" },
	.max_line = 65536,
	.queue = 1 << 20,
	.max_subs = 100,
};

static struct client {
	struct router_view *view;
	struct session *session;
	int fd;
} clients[MAX_CLIENTS];
static unsigned nclients;
static atomic_uint nsessions;

static void
make_router(void)
{
	struct record_pipe *const both[NVIEWS] = { &pipes[0], &pipes[1] };

	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < NVIEWS; i++)
		MUST(record_pipe_open(&pipes[i], i) == 0);
	router = router_create(NVIEWS, both);
	MUST(router != NULL);
	for (unsigned i = 0; i < NVIEWS; i++)
		MUST(router_view_init(&views[i], router, i) == 0);
}

/* A client of one of the views; its id is of a later generation than its number. */
static struct client *
make_client(unsigned view)
{
	struct client *client = &clients[nclients++];
	int fds[2];

	MUST(nclients <= MAX_CLIENTS);
	make_socketpair(fds);
	client->fd = fds[1];
	client->view = &views[view];
	client->session = session_create(fds[0], &listener,
	                                 &(struct address){ .u.any.sa_family = AF_UNIX },
	                                 &nsessions);
	MUST(client->session != NULL);
	atomic_fetch_add(&nsessions, 1);
	client->session->id = (uint64_t)7 << 24 | nclients;
	MUST(router_add(client->view, client->session) == 0);
	return client;
}

/* The client is gone, as far as the router goes. */
static void
end_client(struct client *client)
{
	if (client->session == NULL)
		return;
	router_remove(client->view, client->session);
	session_destroy(client->session);
	client->session = NULL;
	MUST(close(client->fd) == 0);
}

static void
end_router(void)
{
	for (unsigned i = 0; i < nclients; i++)
		end_client(&clients[i]);
	MUST(atomic_load(&nsessions) == 0);
	for (unsigned i = 0; i < NVIEWS; i++) {
		MUST(views[i].nsessions == 0);
		router_view_fini(&views[i]);
	}
	router_destroy(router);
	for (unsigned i = 0; i < NVIEWS; i++)
		record_pipe_close(&pipes[i]);
}

static struct amy_line
line_of(const char *text)
{
	return (struct amy_line){ text, strlen(text) };
}

static int
sub(struct client *client, const char *pattern)
{
	struct amy_line line = line_of(pattern);

	return router_subscribe(client->view, client->session, &line);
}

static size_t
unsub(struct client *client, const char *pattern)
{
	struct amy_line line = line_of(pattern);

	return router_unsubscribe(client->view, client->session, &line);
}

/* How many readers it went to; it is not to fail. */
static size_t
pub(struct client *client, const char *subject, const char *text)
{
	struct amy_line subject_line = line_of(subject), text_line = line_of(text);
	size_t nreaders = 4711;

	MUST(router_publish(client->view, client->session, &subject_line, &text_line,
	                    &nreaders) == ROUTER_DONE);
	return nreaders;
}

static void
flush_dirty(struct router_view *view)
{
	struct session *session;

	while ((session = TAILQ_FIRST(&view->dirty)) != NULL) {
		TAILQ_REMOVE(&view->dirty, session, dirty);
		session->is_dirty = false;
		session_flush(session);
	}
}

/* Everything on its way arrives. */
static void
settle(void)
{
	for (unsigned i = 0; i < NVIEWS; i++)
		router_read_inbox(&views[i]);
	for (unsigned i = 0; i < NVIEWS; i++)
		flush_dirty(&views[i]);
}

/* What the client has received since the last time. */
static const char *
received(const struct client *client)
{
	static char text[65536];
	ssize_t n = read(client->fd, text, sizeof text - 1);

	MUST(n != -1 || errno == EAGAIN);
	text[n == -1 ? 0 : n] = '\0';
	return text;
}

/* How many records there are to read; all of them are RECORD_WAKE. */
static size_t
count_wakes(unsigned view)
{
	struct pollfd pfd = { .fd = pipes[view].read_fd, .events = POLLIN };
	struct record records[RECORD_PIPE_MAX_BATCH];
	size_t n;

	if (poll(&pfd, 1, 0) == 0)
		return 0;
	n = record_pipe_read(&pipes[view], records, RECORD_PIPE_MAX_BATCH);
	for (size_t i = 0; i < n; i++)
		MUST(records[i].kind == RECORD_WAKE);
	return n;
}

/* ---- Sessions ---------------------------------------------------------------------- */

START_TEST(session_is_found_by_its_id)
{
	struct client *one, *other;

	make_router();
	one = make_client(0);
	other = make_client(1);
	ck_assert_ptr_eq(router_find(&views[0], one->session->id), one->session);
	ck_assert_ptr_null(router_find(&views[1], one->session->id));
	ck_assert_ptr_eq(router_find(&views[1], other->session->id), other->session);
	/* One that had its place before, one that will, and those that nobody has. */
	ck_assert_ptr_null(router_find(&views[0], one->session->id - (1 << 24)));
	ck_assert_ptr_null(router_find(&views[0], one->session->id + (1 << 24)));
	ck_assert_ptr_null(router_find(&views[0], one->session->id + 1));
	ck_assert_ptr_null(router_find(&views[0], 0xffffff));
	ck_assert_uint_eq(views[0].nsessions, 1);
	end_router();
}
END_TEST

START_TEST(removed_session_is_not_found)
{
	struct client *client;
	amy_id id;

	make_router();
	client = make_client(0);
	id = client->session->id;
	MUST(sub(client, "a") == 1);
	router_mark_dirty(&views[0], client->session);
	end_client(client);
	ck_assert_ptr_null(router_find(&views[0], id));
	ck_assert(TAILQ_EMPTY(&views[0].dirty));
	ck_assert_uint_eq(views[0].nsessions, 0);
	end_router();
}
END_TEST

START_TEST(view_grows_with_its_sessions)
{
	struct client *low, *high;

	make_router();
	low = make_client(0);
	high = make_client(0);
	router_remove(&views[0], high->session);
	high->session->id = (uint64_t)1 << 24 | 5000;
	ck_assert_int_eq(router_add(&views[0], high->session), 0);
	ck_assert_ptr_eq(router_find(&views[0], high->session->id), high->session);
	ck_assert_ptr_eq(router_find(&views[0], low->session->id), low->session);
	ck_assert_ptr_null(router_find(&views[0], (uint64_t)1 << 24 | 4999));
	end_router();
}
END_TEST

START_TEST(session_is_dirty_once)
{
	struct client *client;

	make_router();
	client = make_client(0);
	router_mark_dirty(&views[0], client->session);
	router_mark_dirty(&views[0], client->session);
	ck_assert(client->session->is_dirty);
	ck_assert_ptr_eq(TAILQ_FIRST(&views[0].dirty), client->session);
	ck_assert_ptr_null(TAILQ_NEXT(client->session, dirty));
	end_router();
}
END_TEST

/* ---- Publishing -------------------------------------------------------------------- */

START_TEST(line_goes_to_those_who_follow_it)
{
	struct client *publisher, *follower, *other;

	make_router();
	publisher = make_client(0);
	follower = make_client(0);
	other = make_client(0);
	ck_assert_uint_eq(pub(publisher, "log.web", "to nobody"), 0);
	ck_assert_int_eq(sub(follower, "log.*"), 1);
	ck_assert_int_eq(sub(other, "log.db"), 1);
	ck_assert_uint_eq(pub(publisher, "log.web", "two  words "), 1);
	ck_assert_uint_eq(pub(publisher, "log.web", ""), 1);
	ck_assert_uint_eq(pub(publisher, "log.db", "x"), 2);
	settle();
	ck_assert_str_eq(received(follower),
	                 "MSG log.web two  words \nMSG log.web \nMSG log.db x\n");
	ck_assert_str_eq(received(other), "MSG log.db x\n");
	ck_assert_str_eq(received(publisher), "");
	end_router();
}
END_TEST

START_TEST(line_goes_through_the_inbox_of_another_handler)
{
	struct client *publisher, *here, *there, *there_too;

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	there = make_client(1);
	there_too = make_client(1);
	MUST(sub(here, "a") == 1 && sub(there, "a") == 1 && sub(there_too, "*") == 1);
	ck_assert_uint_eq(pub(publisher, "a", "one"), 3);
	ck_assert_uint_eq(pub(publisher, "a", "two"), 3);
	flush_dirty(&views[0]);
	flush_dirty(&views[1]);
	ck_assert_str_eq(received(here), "MSG a one\nMSG a two\n");
	ck_assert_str_eq(received(there), "");
	router_read_inbox(&views[1]);
	flush_dirty(&views[1]);
	ck_assert_str_eq(received(there), "MSG a one\nMSG a two\n");
	ck_assert_str_eq(received(there_too), "MSG a one\nMSG a two\n");
	end_router();
}
END_TEST

START_TEST(session_gets_a_line_once_however_many_patterns_match)
{
	struct client *publisher, *here, *there;

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	there = make_client(1);
	for (int i = 0; i < 4; i++) {
		static const char *const patterns[] = { "a.b", "a.*", "*.b", ">" };

		MUST(sub(here, patterns[i]) == 1);
		MUST(sub(there, patterns[i]) == 1);
	}
	ck_assert_uint_eq(pub(publisher, "a.b", "x"), 2);
	settle();
	ck_assert_str_eq(received(here), "MSG a.b x\n");
	ck_assert_str_eq(received(there), "MSG a.b x\n");
	end_router();
}
END_TEST

START_TEST(publisher_that_follows_gets_its_own_line)
{
	struct client *client;

	make_router();
	client = make_client(1);
	MUST(sub(client, ">") == 1);
	ck_assert_uint_eq(pub(client, "a.b", "mine"), 1);
	/* No other handler has anything to do with it. */
	ck_assert_uint_eq(views[1].to_wake, 0);
	settle();
	ck_assert_str_eq(received(client), "MSG a.b mine\n");
	end_router();
}
END_TEST

START_TEST(any_bytes_are_text)
{
	struct client *client;
	struct amy_line subject = line_of("a"), text;
	char bytes[257], back[600];
	size_t nreaders;

	make_router();
	client = make_client(0);
	MUST(sub(client, "a") == 1);
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	text = (struct amy_line){ bytes, 256 };
	ck_assert_int_eq(router_publish(client->view, client->session, &subject, &text,
	                                &nreaders),
	                 ROUTER_DONE);
	text = (struct amy_line){ NULL, 0 };
	ck_assert_int_eq(router_publish(client->view, client->session, &subject, &text,
	                                &nreaders),
	                 ROUTER_DONE);
	settle();
	ck_assert_int_eq(read(client->fd, back, sizeof back), 6 + 256 + 1 + 7);
	ck_assert_mem_eq(back, "MSG a ", 6);
	ck_assert_mem_eq(back + 6, bytes, 256);
	ck_assert_mem_eq(back + 6 + 256, "\nMSG a \n", 8);
	end_router();
}
END_TEST

START_TEST(order_is_kept_across_handlers)
{
	struct client *publisher, *here, *there;
	char expected[8192] = "", text[32];

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	there = make_client(1);
	MUST(sub(here, ">") == 1 && sub(there, ">") == 1);
	for (int i = 0; i < 300; i++) {
		snprintf(text, sizeof text, "%d", i);
		MUST(pub(publisher, i % 3 == 0 ? "a" : "b.c", text) == 2);
		snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
		         "MSG %s %d\n", i % 3 == 0 ? "a" : "b.c", i);
		if (i % 7 == 0)
			router_read_inbox(&views[1]);
	}
	settle();
	ck_assert_str_eq(received(here), expected);
	ck_assert_str_eq(received(there), expected);
	end_router();
}
END_TEST

/* ---- Subscribing ------------------------------------------------------------------- */

START_TEST(subscriptions_are_counted)
{
	struct client *client;
	struct amy_line pattern = line_of("a");

	make_router();
	client = make_client(0);
	ck_assert(!router_is_subscribed(client->view, client->session, &pattern));
	ck_assert_int_eq(sub(client, "a"), 1);
	ck_assert(router_is_subscribed(client->view, client->session, &pattern));
	ck_assert_int_eq(sub(client, "a"), 0);
	ck_assert_int_eq(sub(client, "b"), 1);
	ck_assert_uint_eq(client->session->nsubscriptions, 2);
	ck_assert_uint_eq(unsub(client, "c"), 0);
	ck_assert_uint_eq(unsub(client, "a"), 1);
	ck_assert_uint_eq(unsub(client, "a"), 0);
	ck_assert_uint_eq(client->session->nsubscriptions, 1);
	ck_assert_int_eq(sub(client, "d"), 1);
	ck_assert_uint_eq(router_unsubscribe_all(client->view, client->session), 2);
	ck_assert_uint_eq(router_unsubscribe_all(client->view, client->session), 0);
	ck_assert_uint_eq(client->session->nsubscriptions, 0);
	end_router();
}
END_TEST

START_TEST(what_was_found_before_is_not_believed_after_a_change)
{
	struct client *publisher, *here, *there;

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	there = make_client(1);
	ck_assert_uint_eq(pub(publisher, "a", "1"), 0);
	MUST(sub(here, "a") == 1);
	ck_assert_uint_eq(pub(publisher, "a", "2"), 1);
	ck_assert_uint_eq(pub(publisher, "a", "3"), 1);
	MUST(sub(there, "*") == 1);
	ck_assert_uint_eq(pub(publisher, "a", "4"), 2);
	MUST(unsub(here, "a") == 1);
	ck_assert_uint_eq(pub(publisher, "a", "5"), 1);
	MUST(router_unsubscribe_all(there->view, there->session) == 1);
	ck_assert_uint_eq(pub(publisher, "a", "6"), 0);
	settle();
	ck_assert_str_eq(received(here), "MSG a 2\nMSG a 3\nMSG a 4\n");
	ck_assert_str_eq(received(there), "MSG a 4\nMSG a 5\n");
	end_router();
}
END_TEST

/* More subjects than a view remembers, some of which share a place there. */
START_TEST(many_subjects_are_not_mixed_up)
{
	struct client *publisher, *follower;
	char subject[16], expected[32];

	make_router();
	publisher = make_client(0);
	follower = make_client(0);
	for (int i = 0; i < 3000; i += 2) {
		snprintf(subject, sizeof subject, "s.%d", i);
		MUST(sub(follower, subject) == 1);
	}
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 3000; i++) {
			snprintf(subject, sizeof subject, "s.%d", i);
			MUST(pub(publisher, subject, "x") == (i % 2 == 0 ? 1 : 0));
			settle();
			snprintf(expected, sizeof expected, "MSG %s x\n", subject);
			MUST(strcmp(received(follower), i % 2 == 0 ? expected : "") == 0);
		}
	end_router();
}
END_TEST

START_TEST(session_that_is_gone_is_skipped)
{
	struct client *publisher, *gone, *there;

	make_router();
	publisher = make_client(0);
	gone = make_client(1);
	there = make_client(1);
	MUST(sub(gone, "a") == 1 && sub(there, "a") == 1);
	ck_assert_uint_eq(pub(publisher, "a", "x"), 2);
	end_client(gone);
	settle();
	ck_assert_str_eq(received(there), "MSG a x\n");
	ck_assert_uint_eq(pub(publisher, "a", "y"), 1);
	end_router();
}
END_TEST

START_TEST(who_takes_a_place_does_not_get_what_was_for_another)
{
	struct client *publisher, *gone, *successor;
	amy_id id;

	make_router();
	publisher = make_client(0);
	gone = make_client(1);
	successor = make_client(1);
	id = gone->session->id;
	MUST(sub(gone, "a") == 1);
	ck_assert_uint_eq(pub(publisher, "a", "x"), 1);
	end_client(gone);
	router_remove(&views[1], successor->session);
	successor->session->id = id + (1 << 24);
	MUST(router_add(&views[1], successor->session) == 0);
	settle();
	ck_assert_str_eq(received(successor), "");
	end_router();
}
END_TEST

START_TEST(session_that_is_closing_is_not_counted)
{
	struct client *publisher, *closing;

	make_router();
	publisher = make_client(0);
	closing = make_client(0);
	MUST(sub(closing, "a") == 1);
	session_close(closing->session);
	ck_assert_uint_eq(pub(publisher, "a", "x"), 0);
	settle();
	ck_assert_str_eq(received(closing), "");
	end_router();
}
END_TEST

/* ---- Waking ------------------------------------------------------------------------ */

START_TEST(handler_is_woken_once_a_turn)
{
	struct client *publisher, *there;

	make_router();
	publisher = make_client(0);
	there = make_client(1);
	MUST(sub(there, ">") == 1);
	for (int i = 0; i < 10; i++)
		MUST(pub(publisher, "a", "x") == 1);
	ck_assert(!router_is_woken(&views[1]));
	ck_assert_uint_eq(count_wakes(1), 0);
	router_wake_others(&views[0]);
	ck_assert(router_is_woken(&views[1]));
	ck_assert(!router_is_woken(&views[0]));
	/* Again in the next turn, before the other has looked. */
	MUST(pub(publisher, "a", "x") == 1);
	router_wake_others(&views[0]);
	router_wake_others(&views[0]);
	ck_assert_uint_eq(count_wakes(1), 1);
	ck_assert_uint_eq(count_wakes(0), 0);
	ck_assert(router_is_woken(&views[1]));
	router_read_inbox(&views[1]);
	ck_assert(!router_is_woken(&views[1]));
	MUST(pub(publisher, "a", "x") == 1);
	router_wake_others(&views[0]);
	ck_assert_uint_eq(count_wakes(1), 1);
	end_router();
}
END_TEST

START_TEST(handler_whose_sessions_do_not_follow_is_not_woken)
{
	struct client *publisher, *here;

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	make_client(1);
	MUST(sub(here, ">") == 1);
	MUST(pub(publisher, "a", "x") == 1);
	router_wake_others(&views[0]);
	ck_assert(!router_is_woken(&views[1]));
	ck_assert_uint_eq(count_wakes(1), 0);
	end_router();
}
END_TEST

/* ---- A full inbox ------------------------------------------------------------------ */

/* Publish, numbered from first, until the other's inbox is full. Returns the last number. */
static int
publish_until_full(struct client *publisher, int first)
{
	static char text[60000];
	struct amy_line subject = line_of("a"), line = { text, sizeof text };
	size_t nreaders;
	int i = first;

	for (; i < first + 1000; i++) {
		memset(text, ' ', sizeof text);
		snprintf(text, sizeof text, "%d", i);
		if (router_publish(publisher->view, publisher->session, &subject, &line,
		                   &nreaders) == ROUTER_FULL)
			break;
		MUST(nreaders >= 1);
	}
	MUST(i > first && i < first + 1000);
	MUST(nreaders == 0);
	return i - 1;
}

START_TEST(full_inbox_parks_the_publisher)
{
	struct client *publisher, *here, *there;
	struct amy_line subject = line_of("a"), text = line_of("not yet");
	size_t nreaders, pending;

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	there = make_client(1);
	MUST(sub(there, "a") == 1);
	publish_until_full(publisher, 0);
	ck_assert(publisher->session->is_stalled);
	ck_assert_ptr_eq(TAILQ_FIRST(&views[0].stalled), publisher->session);
	ck_assert(!session_wants_input(publisher->session));

	/* Another one is parked likewise; and nobody gets what only some can get. */
	MUST(sub(here, "a") == 1);
	pending = session_pending(here->session);
	ck_assert_int_eq(router_publish(here->view, here->session, &subject, &text, &nreaders),
	                 ROUTER_FULL);
	ck_assert_uint_eq(nreaders, 0);
	ck_assert_uint_eq(session_pending(here->session), pending);
	ck_assert(here->session->is_stalled);
	ck_assert(!here->session->is_dirty);
	/* They wait in their order. */
	ck_assert_ptr_eq(TAILQ_FIRST(&views[0].stalled), publisher->session);
	ck_assert_ptr_eq(TAILQ_NEXT(publisher->session, stalled), here->session);
	end_router();
}
END_TEST

START_TEST(full_inbox_parks_nobody_who_does_not_need_it)
{
	struct client *publisher, *here, *there;

	make_router();
	publisher = make_client(0);
	here = make_client(0);
	there = make_client(1);
	MUST(sub(there, "a") == 1 && sub(here, "b") == 1);
	publish_until_full(publisher, 0);
	ck_assert_uint_eq(pub(here, "b", "x"), 1);
	ck_assert_uint_eq(pub(here, "c", "x"), 0);
	ck_assert_uint_eq(pub(there, "a", "x"), 1);
	ck_assert(!here->session->is_stalled);
	ck_assert(!there->session->is_stalled);
	end_router();
}
END_TEST

START_TEST(parked_publisher_is_woken_when_there_is_room)
{
	struct client *publisher, *there;

	make_router();
	publisher = make_client(0);
	there = make_client(1);
	MUST(sub(there, "a") == 1);
	publish_until_full(publisher, 0);
	router_wake_others(&views[0]);
	ck_assert_uint_eq(count_wakes(1), 1);
	ck_assert_uint_eq(count_wakes(0), 0);
	ck_assert(!router_is_woken(&views[0]));
	router_read_inbox(&views[1]);
	router_wake_others(&views[1]);
	ck_assert(router_is_woken(&views[0]));
	ck_assert_uint_eq(count_wakes(0), 1);
	/* Once: who does not wait any more is not told. */
	router_read_inbox(&views[0]);
	router_read_inbox(&views[1]);
	router_wake_others(&views[1]);
	ck_assert(!router_is_woken(&views[0]));
	ck_assert_uint_eq(count_wakes(0), 0);
	end_router();
}
END_TEST

/* The number with which the next line begins that the client has received; -1: none. */
static int
next_number(struct client *client)
{
	static char buffer[1 << 18];
	static size_t used;
	char *lf;
	ssize_t n;
	int number;

	session_flush(client->session);
	while ((lf = memchr(buffer, '\n', used)) == NULL) {
		n = read(client->fd, buffer + used, sizeof buffer - used);
		if (n <= 0)
			return -1;
		used += (size_t)n;
		session_flush(client->session);
	}
	MUST(sscanf(buffer, "MSG a %d ", &number) == 1);
	used -= (size_t)(lf + 1 - buffer);
	memmove(buffer, lf + 1, used);
	return number;
}

START_TEST(order_is_kept_across_a_full_inbox)
{
	struct client *publisher, *there;
	int last = -1, next = 0, number;

	listener.queue = 16 << 20;
	make_router();
	publisher = make_client(0);
	there = make_client(1);
	MUST(sub(there, "a") == 1);
	for (int round = 0; round < 5; round++) {
		last = publish_until_full(publisher, last + 1);
		TAILQ_REMOVE(&views[0].stalled, publisher->session, stalled);
		publisher->session->is_stalled = false;
		router_read_inbox(&views[1]);
	}
	while ((number = next_number(there)) != -1)
		MUST(number == next++);
	ck_assert_int_eq(next, last + 1);
	end_router();
}
END_TEST

START_TEST(parked_session_can_be_removed)
{
	struct client *publisher, *there;

	make_router();
	publisher = make_client(0);
	there = make_client(1);
	MUST(sub(there, "a") == 1);
	publish_until_full(publisher, 0);
	end_client(publisher);
	ck_assert(TAILQ_EMPTY(&views[0].stalled));
	end_router();
}
END_TEST

START_TEST(slow_reader_is_cut_and_the_others_are_not)
{
	struct client *publisher, *slow, *fast;
	unsigned n = 0;

	listener.queue = 4096;
	make_router();
	publisher = make_client(0);
	slow = make_client(0);
	fast = make_client(0);
	MUST(sub(slow, "a") == 1 && sub(fast, "a") == 1);
	fill(slow->session->fd);
	while (n < 1000 && pub(publisher, "a", "0123456789") == 2) {
		n++;
		settle();
		MUST(strcmp(received(fast), "MSG a 0123456789\n") == 0);
	}
	ck_assert_uint_eq(n, 4096 / 17);
	ck_assert_int_eq(slow->session->state, SESSION_CLOSING);
	ck_assert_int_eq(fast->session->state, SESSION_OPEN);
	ck_assert(slow->session->is_dirty);
	ck_assert_uint_eq(pub(publisher, "a", "x"), 1);
	end_router();
}
END_TEST

/* ---- No memory --------------------------------------------------------------------- */

START_TEST(without_memory_there_is_no_router)
{
	struct record_pipe *const both[NVIEWS] = { &pipes[0], &pipes[1] };
	unsigned k = 0;
	bool failed;

	do {
		long allocations = fault_live_allocations();

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		router = router_create(NVIEWS, both);
		failed = fault_clear();
		MUST(failed == (router == NULL));
		router_destroy(router);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	MUST(k > 3);
	router = router_create(NVIEWS, both);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(router_view_init(&views[0], router, 0) == -1);
	MUST(fault_clear());
	router_destroy(router);
}
END_TEST

START_TEST(without_memory_a_session_stays_the_callers)
{
	struct client *client;

	make_router();
	client = make_client(0);
	router_remove(&views[0], client->session);
	client->session->id = (uint64_t)1 << 24 | 5000;
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(router_add(&views[0], client->session) == -1);
	MUST(fault_clear());
	MUST(views[0].nsessions == 0);
	MUST(router_find(&views[0], client->session->id) == NULL);
	MUST(router_add(&views[0], client->session) == 0);
	end_router();
}
END_TEST

START_TEST(without_memory_nothing_is_subscribed)
{
	struct client *client;
	unsigned k = 0;
	int result;

	make_router();
	client = make_client(0);
	do {
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = sub(client, "a.b.*.>");
		MUST(fault_clear() == (result == -1));
		MUST(client->session->nsubscriptions == (result == 1 ? 1 : 0));
		MUST(LIST_EMPTY(&client->session->subscriptions) == (result == -1));
	} while (result == -1);
	ck_assert_uint_gt(k, 4);
	end_router();
}
END_TEST

/* Either all get it or nobody; but the one without memory for its queue is cut off. */
START_TEST(without_memory_a_line_goes_to_all_or_nobody)
{
	struct amy_line subject = line_of("a"), text = line_of("x");
	unsigned k = 0, nrefused = 0, ncut = 0;
	bool failed;

	do {
		struct client *publisher, *here, *there;
		enum router_result result;
		bool was_cut;
		size_t nreaders;

		nclients = 0;
		make_router();
		publisher = make_client(0);
		here = make_client(0);
		there = make_client(1);
		MUST(sub(here, "a") == 1 && sub(there, "a") == 1);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = router_publish(publisher->view, publisher->session, &subject, &text,
		                        &nreaders);
		failed = fault_clear();
		was_cut = here->session->state == SESSION_DEAD;
		settle();
		if (result == ROUTER_DONE) {
			MUST(failed == was_cut && nreaders == (was_cut ? 1 : 2));
			MUST(strcmp(received(here), was_cut ? "" : "MSG a x\n") == 0);
			MUST(strcmp(received(there), "MSG a x\n") == 0);
		} else {
			MUST(result == ROUTER_NO_MEMORY && failed && nreaders == 0);
			MUST(!was_cut && !publisher->session->is_stalled);
			MUST(*received(here) == '\0' && *received(there) == '\0');
			/* And then it works. */
			MUST(pub(publisher, "a", "x") == 2);
			settle();
			MUST(strcmp(received(there), "MSG a x\n") == 0);
		}
		nrefused += result == ROUTER_NO_MEMORY;
		ncut += was_cut;
		end_router();
	} while (failed);
	ck_assert_uint_ge(nrefused, 4);
	ck_assert_uint_eq(ncut, 1);
}
END_TEST

/* ---- Three handlers: of two messages the second cannot be made ---------------------- */

enum { NHANDLERS = 3 };

static struct record_pipe three_pipes[NHANDLERS];
static struct router_view three_views[NHANDLERS];
static struct session *three_sessions[NHANDLERS];

/* One session each; all but the first follow "a". */
static void
make_three_handlers(void)
{
	struct record_pipe *pointers[NHANDLERS];
	struct amy_line pattern = line_of("a");

	for (unsigned i = 0; i < NHANDLERS; i++) {
		MUST(record_pipe_open(&three_pipes[i], i) == 0);
		pointers[i] = &three_pipes[i];
	}
	router = router_create(NHANDLERS, pointers);
	MUST(router != NULL);
	for (unsigned i = 0; i < NHANDLERS; i++) {
		int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

		MUST(fd != -1 && router_view_init(&three_views[i], router, i) == 0);
		three_sessions[i] =
		    session_create(fd, &listener,
		                   &(struct address){ .u.any.sa_family = AF_UNIX }, &nsessions);
		MUST(three_sessions[i] != NULL);
		atomic_fetch_add(&nsessions, 1);
		three_sessions[i]->id = i + 1;
		MUST(router_add(&three_views[i], three_sessions[i]) == 0);
		MUST(i == 0 ||
		     router_subscribe(&three_views[i], three_sessions[i], &pattern) == 1);
	}
}

static void
end_three_handlers(void)
{
	for (unsigned i = 0; i < NHANDLERS; i++) {
		router_remove(&three_views[i], three_sessions[i]);
		session_destroy(three_sessions[i]);
		router_view_fini(&three_views[i]);
		record_pipe_close(&three_pipes[i]);
	}
	router_destroy(router);
}

/* Publish while the kth allocation fails. True if it did, and nobody got the line. */
static bool
publish_fails(unsigned k)
{
	struct amy_line subject = line_of("a"), text = line_of("x");
	enum router_result result;
	size_t nreaders;
	bool failed;

	fault_set(FAULT_ALLOCATION, k, ENOMEM);
	result = router_publish(&three_views[0], three_sessions[0], &subject, &text, &nreaders);
	failed = fault_clear();
	MUST(result == (failed ? ROUTER_NO_MEMORY : ROUTER_DONE));
	MUST(nreaders == (failed ? 0 : 2));
	MUST((three_views[0].to_wake == 0) == failed);
	for (unsigned i = 1; i < NHANDLERS; i++) {
		size_t before = session_pending(three_sessions[i]);

		router_read_inbox(&three_views[i]);
		MUST((session_pending(three_sessions[i]) > before) == !failed);
	}
	three_views[0].to_wake = 0;
	/* What was found is found again, for now it is out of date. */
	MUST(router_subscribe(&three_views[0], three_sessions[0], &text) == 1);
	MUST(router_unsubscribe_all(&three_views[0], three_sessions[0]) == 1);
	return failed;
}

START_TEST(without_memory_no_handler_gets_what_another_cannot)
{
	long allocations = fault_live_allocations();
	unsigned nfailures = 0;

	make_three_handlers();
	/* Twice: what is made once and kept cannot fail the second time. */
	for (int round = 0; round < 2; round++)
		for (unsigned k = 1; publish_fails(k); k++)
			nfailures++;
	MUST(nfailures >= 6);
	end_three_handlers();
	MUST(fault_live_allocations() == allocations);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("router",
	    session_is_found_by_its_id,
	    removed_session_is_not_found,
	    view_grows_with_its_sessions,
	    session_is_dirty_once,
	    line_goes_to_those_who_follow_it,
	    line_goes_through_the_inbox_of_another_handler,
	    session_gets_a_line_once_however_many_patterns_match,
	    publisher_that_follows_gets_its_own_line,
	    any_bytes_are_text,
	    order_is_kept_across_handlers,
	    subscriptions_are_counted,
	    what_was_found_before_is_not_believed_after_a_change,
	    many_subjects_are_not_mixed_up,
	    session_that_is_gone_is_skipped,
	    who_takes_a_place_does_not_get_what_was_for_another,
	    session_that_is_closing_is_not_counted,
	    handler_is_woken_once_a_turn,
	    handler_whose_sessions_do_not_follow_is_not_woken,
	    full_inbox_parks_the_publisher,
	    full_inbox_parks_nobody_who_does_not_need_it,
	    parked_publisher_is_woken_when_there_is_room,
	    order_is_kept_across_a_full_inbox,
	    parked_session_can_be_removed,
	    slow_reader_is_cut_and_the_others_are_not,
	    without_memory_there_is_no_router,
	    without_memory_a_session_stays_the_callers,
	    without_memory_nothing_is_subscribed,
	    without_memory_a_line_goes_to_all_or_nobody,
	    without_memory_no_handler_gets_what_another_cannot);
}
