/* SPDX-License-Identifier: MIT */
/*
 * inbox.h - lines from other handlers, for sessions of this one.
 *
 * Bounded. A handler that finds it full does not wait: it parks the client whose line it
 * was, and is woken when there is room.
 */
#ifndef INBOX_H
#define INBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "record_pipe.h"
#include "subscriptions.h"

/* One line, and all that it is for. Owner: who made it, then the inbox, then its reader. */
struct message {
	STAILQ_ENTRY(message) link;
	struct route *route; /* one reference; the reader picks its own sessions */
	size_t nbytes;
	char line[]; /* as it goes to the clients, LF included */
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
	size_t nbytes;
	uint64_t waiting; /* handlers that found it full: a bit each */
};

void inbox_init(struct inbox *inbox, struct record_pipe *pipe);
void inbox_fini(struct inbox *inbox);

/* NULL: ENOMEM. Takes a reference to the route. */
struct message *message_create(struct route *route, const char *line, size_t nbytes);
void message_destroy(struct message *message);

/* False: it is full, and the handler of that number will be woken when it is not. */
bool inbox_has_room(struct inbox *inbox, unsigned from_handler);

/* The message is the inbox's from now on. It takes one past its bound: ask first. */
void inbox_push(struct inbox *inbox, struct message *message);

/* Tell the reader, once until it looks. */
void inbox_wake(struct inbox *inbox);

/*
 * All messages, which are the caller's from now on. Returns the handlers to wake: those
 * that found it full. Its owner.
 */
uint64_t inbox_take(struct inbox *inbox, struct message_list *messages);

#endif
