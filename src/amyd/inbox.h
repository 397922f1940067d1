/* SPDX-License-Identifier: MIT */
/*
 * inbox.h - lines from other handlers, for sessions of this one.
 *
 * Bounded, also in what it costs to read it, as all of it is read in one turn. A handler that
 * finds it full does not wait: it parks the client whose line it was, and is woken when there is
 * room.
 */
#ifndef INBOX_H
#define INBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "budget.h"
#include "packet.h"
#include "publication.h"
#include "record_pipe.h"
#include "subscriptions.h"

enum message_kind {
	MESSAGE_PUBLISH, /* to the reader's sessions in a route */
	MESSAGE_PACKET,  /* several lines, to those in the route of the packet */
	MESSAGE_TO,      /* to one session */
	MESSAGE_REQUEST, /* to one session, which is asked */
	MESSAGE_ANSWER,  /* to one session, which asked */
	MESSAGE_NOBODY,  /* to one session, which asked: there is nobody left to answer */
};

/*
 * A line from another handler. Owner: who made it, then the inbox, then its reader.
 */
struct message {
	STAILQ_ENTRY(message) link;
	enum message_kind kind;
	struct packet *packet;           /* MESSAGE_PACKET: one reference. Else NULL */
	struct publication *publication; /* all but that: one reference */
	struct route *route;   /* one reference, or NULL: MESSAGE_PUBLISH; or group is of it */
	struct group *group;   /* MESSAGE_TO, MESSAGE_REQUEST: of which it is chosen, or NULL */
	size_t cost;           /* of reading it, about */
	unsigned ntries;       /* MESSAGE_REQUEST: how many were found to be no good before */
	amy_id except;         /* MESSAGE_TO: a session that is not to be chosen instead */
	struct subscriber to;  /* all but these two; ref.serial 0: of no subscription */
};

STAILQ_HEAD(message_list, message);

/*
 * Owner: the handler that reads it. inbox_has_room(), inbox_push(), inbox_wake(): any
 * thread.
 */
struct inbox {
	struct record_pipe *pipe; /* constant; its owner's */
	atomic_bool is_woken;     /* a RECORD_WAKE is on its way, or was read just now */

	pthread_mutex_t lock; /* guards the rest */
	struct message_list messages;
	size_t nbytes, cost;
	_Atomic size_t nmessages; /* read by any thread */
	uint64_t waiting; /* handlers that found it full: a bit each */
};

void inbox_init(struct inbox *inbox, struct record_pipe *pipe);
void inbox_fini(struct inbox *inbox);

/* What it costs to bring some lines, of so many bytes together, to so many sessions: budget.h. */
static inline size_t
inbox_cost(size_t nsessions, size_t nlines, size_t nbytes)
{
	return 2 * nsessions * nlines + budget_cost_of_bytes(nsessions, nbytes / nlines) * nlines;
}

/* With a reference to the publication, and to the route unless it is NULL. NULL: ENOMEM. */
struct message *message_create(enum message_kind kind, struct publication *publication,
                               struct route *route);
struct message *message_create_packet(struct packet *packet);
void message_destroy(struct message *message);

/* False: it is full, and the handler of that number will be woken when it is not. */
bool inbox_has_room(struct inbox *inbox, unsigned from_handler);

/* The message is the inbox's from now on. It takes one past its bound: ask first. */
void inbox_push(struct inbox *inbox, struct message *message);

/* Tell the reader, once until it looks. */
void inbox_wake(struct inbox *inbox);

/* Is there anything in it? */
bool inbox_is_empty(const struct inbox *inbox);

/*
 * All messages, which are the caller's from now on. Returns the handlers to wake: those
 * that found it full. Its owner.
 */
uint64_t inbox_take(struct inbox *inbox, struct message_list *messages);

#endif
