/* SPDX-License-Identifier: MIT */
/*
 * two_handlers.h - a router, and the views that two handlers have of it, in one thread.
 *
 * What a handler does in a turn is done by settle(); time stands still but for pass(). A
 * visitor is a session and the other end of its socket. Nothing may be left at the end: so,
 * no ck_assert() between start_router() and end_router(), for it allocates.
 */
#ifndef TWO_HANDLERS_H
#define TWO_HANDLERS_H

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "faults.h"
#include "follow.h"
#include "harness.h"
#include "log.h"
#include "protocol.h"
#include "router.h"

enum { NVIEWS = 2, MAX_VISITORS = 16 };

static struct conf conf = { .handlers = NVIEWS };
static struct conf_listener listener = {
	.name = (char[]){ "main" },
	.max_line = 65536,
	.queue = 1 << 20,
	.max_subs = 10000,
};

static struct record_pipe pipes[NVIEWS];
static struct router *router;
static struct view views[NVIEWS];
static int64_t now_ms;
static long live_allocations;

struct visitor {
	struct view *view;
	struct session *session; /* NULL: it has left */
	int fd;
};

static struct visitor visitors[MAX_VISITORS];
static unsigned nvisitors;
static atomic_uint nsessions;

/* ---- Time ------------------------------------------------------------------------- */

static inline void
set_time(int64_t ms)
{
	now_ms = ms;
	for (unsigned i = 0; i < NVIEWS; i++)
		views[i].now_ms = now_ms;
}

/* So many milliseconds later. */
static inline void
pass(int64_t ms)
{
	set_time(now_ms + ms);
	for (unsigned i = 0; i < NVIEWS; i++)
		timers_run(&views[i].timers, now_ms, &views[i]);
}

/* ---- Making ----------------------------------------------------------------------- */

static inline void
start_router(void)
{
	struct record_pipe *const both[NVIEWS] = { &pipes[0], &pipes[1] };

	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	live_allocations = fault_live_allocations();
	nvisitors = 0;
	for (unsigned i = 0; i < NVIEWS; i++)
		MUST(record_pipe_open(&pipes[i], i) == 0);
	router = router_create(&conf, both);
	MUST(router != NULL);
	for (unsigned i = 0; i < NVIEWS; i++)
		MUST(router_view_init(&views[i], router, i) == 0);
	set_time(1000000);
}

/* A client of that view; its id is of a later generation than its number. */
static inline struct visitor *
make_visitor(unsigned view)
{
	static const struct address peer = { .u.any.sa_family = AF_UNIX };
	struct visitor *visitor = &visitors[nvisitors++];
	int fds[2];

	MUST(nvisitors <= MAX_VISITORS);
	make_socketpair(fds);
	visitor->fd = fds[1];
	visitor->view = &views[view];
	visitor->session = session_create(fds[0], &listener, &peer, nvisitors, &nsessions);
	MUST(visitor->session != NULL);
	atomic_fetch_add(&nsessions, 1);
	visitor->session->id = (uint64_t)7 << 24 | nvisitors;
	MUST(view_add(visitor->view, visitor->session) == 0);
	return visitor;
}

/* It is gone, as far as the router goes. */
static inline void
leave(struct visitor *visitor)
{
	if (visitor->session == NULL)
		return;
	ask_forget(visitor->view, visitor->session);
	view_remove(visitor->view, visitor->session);
	session_destroy(visitor->session);
	visitor->session = NULL;
	MUST(close(visitor->fd) == 0);
}

/* ---- Turns ------------------------------------------------------------------------ */

static inline void
flush_dirty(struct view *view)
{
	struct session *session;

	while ((session = TAILQ_FIRST(&view->dirty)) != NULL) {
		TAILQ_REMOVE(&view->dirty, session, dirty);
		session->is_dirty = false;
		session_flush(session);
		session_finish_if_idle(session);
		session_flush(session);
		if (session_is_following(session))
			continue;
		view_unfollow_all(view, session);
		ask_forget(view, session);
	}
}

/* What comes from the other handler. */
static inline void
read_inbox(struct view *view)
{
	router_read_inbox(view);
	ask_read(view);
}

static inline bool
is_settled(void)
{
	for (unsigned i = 0; i < NVIEWS; i++)
		if (!inbox_is_empty(&router->inboxes[i]) || !TAILQ_EMPTY(&views[i].dirty) ||
		    views[i].packet != NULL)
			return false;
	return true;
}

/* Everything on its way arrives, as far as sockets take it. */
static inline void
settle(void)
{
	for (unsigned n = 0; n == 0 || !is_settled(); n++) {
		MUST(n < 100);
		for (unsigned i = 0; i < NVIEWS; i++)
			router_send_gathered(&views[i]);
		for (unsigned i = 0; i < NVIEWS; i++)
			read_inbox(&views[i]);
		for (unsigned i = 0; i < NVIEWS; i++)
			flush_dirty(&views[i]);
	}
}

/* How many records there are to read; all of them are RECORD_WAKE. */
static inline size_t
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

/* ---- Counts ----------------------------------------------------------------------- */

static inline uint64_t
counted(enum stats_counter stat)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NVIEWS; i++)
		n += stats_get(&router->stats[i], stat);
	return n;
}

/* Every line that was for somebody is accounted for. */
static inline void
must_add_up(void)
{
	uint64_t matched = counted(STAT_LINES_MATCHED);
	uint64_t found = counted(STAT_LINES_DELIVERED) + counted(STAT_LINES_QUEUED) +
	                 counted(STAT_LINES_DROPPED_SLOW) + counted(STAT_LINES_DROPPED_CUT) +
	                 counted(STAT_LINES_DROPPED_GONE) +
	                 counted(STAT_LINES_DROPPED_ENDED) +
	                 counted(STAT_LINES_DROPPED_MEMORY);

	if (matched != found)
		ck_abort_msg("%" PRIu64 " lines matched, but %" PRIu64 " were found", matched,
		             found);
}

/* ---- Ending ----------------------------------------------------------------------- */

static inline void
end_router(void)
{
	settle();
	must_add_up();
	for (unsigned i = 0; i < nvisitors; i++)
		leave(&visitors[i]);
	settle();
	must_add_up();
	MUST(counted(STAT_LINES_QUEUED) == 0);
	MUST(atomic_load(&nsessions) == 0);
	MUST(subscriptions_count(router->subscriptions) == 0);
	for (unsigned i = 0; i < NVIEWS; i++) {
		MUST(views[i].nsessions == 0);
		MUST(timers_next_ms(&views[i].timers, now_ms) == -1);
		router_view_fini(&views[i]);
	}
	router_destroy(router);
	for (unsigned i = 0; i < NVIEWS; i++)
		record_pipe_close(&pipes[i]);
	MUST(fault_live_allocations() == live_allocations);
}

/* ---- What visitors do ------------------------------------------------------------- */

static inline struct amy_bytes
line_of(const char *text)
{
	return (struct amy_bytes){ text, strlen(text) };
}

/* SUB with those arguments, in a turn of its own. Whoever runs a line of a client settles it. */
static inline enum follow_result
try_sub(struct visitor *visitor, const char *arguments, bool quiet)
{
	struct protocol_follow follow;

	MUST(protocol_parse_sub(arguments, strlen(arguments), &follow) == NULL);
	budget_next_turn(&visitor->view->budget);
	view_mark_dirty(visitor->view, visitor->session);
	return follow_subscribe(visitor->view, visitor->session, &follow, NULL, 0, quiet);
}

static inline void
sub(struct visitor *visitor, const char *arguments)
{
	MUST(try_sub(visitor, arguments, false) == FOLLOW_DONE);
}

/* The same without "+OK". */
static inline void
follow(struct visitor *visitor, const char *arguments)
{
	MUST(try_sub(visitor, arguments, true) == FOLLOW_DONE);
}

static inline size_t
unsub(struct visitor *visitor, const char *pattern)
{
	struct amy_bytes line = line_of(pattern);

	return follow_unsubscribe(visitor->view, visitor->session, &line);
}

static inline enum router_result
try_pub(struct visitor *visitor, const char *subject, const char *text, bool keep,
        struct router_receipt *receipt)
{
	struct amy_bytes subject_line = line_of(subject), text_line = line_of(text);

	enum router_result result;

	*receipt = (struct router_receipt){ 4711, 4711 };
	result = router_publish(visitor->view, visitor->session, &subject_line, &text_line, keep,
	                        receipt);
	router_send_gathered(visitor->view);
	return result;
}

/* How many readers it was for. */
static inline size_t
pub(struct visitor *visitor, const char *subject, const char *text)
{
	struct router_receipt receipt;

	MUST(try_pub(visitor, subject, text, false, &receipt) == ROUTER_DONE);
	return receipt.nreaders;
}

/* Its number. */
static inline uint64_t
pub_stored(struct visitor *visitor, const char *subject, const char *text)
{
	struct router_receipt receipt;

	MUST(try_pub(visitor, subject, text, false, &receipt) == ROUTER_DONE);
	MUST(receipt.seq > 0);
	return receipt.seq;
}

static inline uint64_t
keep(struct visitor *visitor, const char *subject, const char *text)
{
	struct router_receipt receipt;

	MUST(try_pub(visitor, subject, text, true, &receipt) == ROUTER_DONE);
	return receipt.seq;
}

static inline void
set_name(struct visitor *visitor, const char *name)
{
	MUST(clients_set_name(router->clients, &visitor->session->client, name,
	                      strlen(name)) == 0);
}

/* What it has received since the last time. */
static inline char *
received(const struct visitor *visitor)
{
	static char text[1 << 20];
	size_t used = 0;
	ssize_t n;

	while ((n = read(visitor->fd, text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)n;
	MUST(n == 0 || errno == EAGAIN);
	MUST(used < sizeof text - 1);
	text[used] = '\0';
	return text;
}

/* In place of the random name of the run: "R". */
static inline void
hide_run(char *text)
{
	const char *run = history_run(router->history);
	char *found;

	while ((found = strstr(text, run)) != NULL && found >= text + 4 &&
	       strncmp(found - 4, "run=", 4) == 0) {
		*found = 'R';
		memmove(found + 1, found + HISTORY_RUN_LENGTH,
		        strlen(found + HISTORY_RUN_LENGTH) + 1);
	}
}

/* Having settled, it has received that and nothing else. */
#define GETS(visitor, expected) must_get(visitor, expected, __LINE__)

static inline void
must_get(const struct visitor *visitor, const char *expected, int line)
{
	char *text;

	settle();
	text = received(visitor);
	hide_run(text);
	if (strcmp(text, expected) != 0)
		ck_abort_msg("line %d: \"%s\", not \"%s\"", line, text, expected);
}

#endif
