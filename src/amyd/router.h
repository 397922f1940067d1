/* SPDX-License-Identifier: MIT */
/*
 * router.h - who gets this line.
 *
 * The router is what all handlers share; each has a view of it, with the sessions that
 * are its own. A line goes straight to the view's own sessions, and to those of another
 * handler through its inbox: once, whatever the number of its sessions that follow.
 */
#ifndef ROUTER_H
#define ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <amy.h>

#include "inbox.h"
#include "session.h"
#include "subscriptions.h"

/* Any thread, through the views. Owner: the server. */
struct router;

TAILQ_HEAD(session_list, session);

/*
 * Owner: one handler. What other handlers may touch is in its inbox.
 */
struct router_view {
	struct router *router; /* constant after create */
	unsigned handler;      /* constant after create */

	/* owner only */
	struct session **sessions; /* by the index of their id */
	size_t nslots;
	size_t nsessions;
	struct session_list dirty;   /* to be settled at the end of the turn */
	struct session_list stalled; /* wait for room in another handler's inbox */
	struct cached_route *cache;
	char *scratch; /* a delivery being put together */
	size_t nscratch;
	uint64_t to_wake; /* handlers that were sent something in this turn: a bit each */
};

/* Errors: ENOMEM, or as getrandom(2). */
struct router *router_create(unsigned nhandlers, struct record_pipe *const *pipes);

/* After all its views. NULL is fine. */
void router_destroy(struct router *router);

/* Errors: ENOMEM. */
int router_view_init(struct router_view *view, struct router *router, unsigned handler);

/* The view has no session left. */
void router_view_fini(struct router_view *view);

/* The session is the view's from now on. -1, ENOMEM: it is still the caller's. */
int router_add(struct router_view *view, struct session *session);

/* It gets no line any more, and is the caller's again, to be destroyed. */
void router_remove(struct router_view *view, struct session *session);

/* NULL: this view has none of that id. */
struct session *router_find(const struct router_view *view, amy_id id);

/* Something was done for it: it is to be settled at the end of the turn. */
void router_mark_dirty(struct router_view *view, struct session *session);

enum router_result {
	ROUTER_DONE,
	ROUTER_FULL,      /* not done: from is parked until another handler has room */
	ROUTER_NO_MEMORY, /* not done */
};

/*
 * Send "MSG subject text" to all who follow a (good) subject; *nreaders is how many queues
 * it went into. Nothing is sent unless ROUTER_DONE is returned.
 */
enum router_result router_publish(struct router_view *view, struct session *from,
                                  const struct amy_line *subject,
                                  const struct amy_line *text, size_t *nreaders);

/* 1; 0: it followed that pattern already; -1: ENOMEM. */
int router_subscribe(struct router_view *view, struct session *session,
                     const struct amy_line *pattern);

bool router_is_subscribed(struct router_view *view, const struct session *session,
                          const struct amy_line *pattern);

/* How many subscriptions ended: 1 or 0. */
size_t router_unsubscribe(struct router_view *view, struct session *session,
                          const struct amy_line *pattern);
size_t router_unsubscribe_all(struct router_view *view, struct session *session);

/* Is there anything in the inbox, or room in another's that was waited for? */
bool router_is_woken(const struct router_view *view);

/* Deliver what has come from other handlers; the sessions that got it are dirty. */
void router_read_inbox(struct router_view *view);

/* Wake the handlers that were sent something: at the end of a turn. */
void router_wake_others(struct router_view *view);

#endif
