/* SPDX-License-Identifier: MIT */
/*
 * client.h - what a handler does for one client: it runs what that has sent, sends what there is
 * for it, waits for it, and ends it.
 *
 * A turn of a client is one buffer of what it has sent. Whatever was done for a client, also
 * by others, it is settled at the end of the handler's turn; see client_settle().
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdint.h>

#include <amy.h>

#include "lease.h"
#include "load.h"
#include "members.h"
#include "monotonic.h"
#include "session.h"
#include "view.h"
#include "watch.h"

/* Twice the usual max_line: of a line that is too long mostly nothing is kept at all. */
#define HANDLER_BUFFER_BYTES (128 * 1024)

enum handler_phase {
	HANDLER_RUNNING,
	HANDLER_HEARING,  /* going down: what clients have sent until now is run */
	HANDLER_DRAINING, /* every client is told goodbye, once it was heard */
	HANDLER_STOPPING, /* every client is closed at once */
};

/*
 * What serving clients takes. Owner: the handler's thread.
 */
struct handler {
	struct amy_registrar *registrar;
	struct view view;
	struct leases leases;
	struct watch watch;
	struct members members;
	struct timer quota_timer; /* of the first handler: it measures what is used */
	struct load *load;
	enum handler_phase phase;
	size_t nunheard;     /* clients of which not all is run that they sent before */
	int64_t read_ns;     /* when the lines that it runs were read; 0: not looked */
	int64_t rate_log_ms; /* when it may be logged again that a client is over line_rate */
	char *buffer;        /* of HANDLER_BUFFER_BYTES: what a client has just sent */
};

/* By the clock of load.h, if somebody watches, for that takes a while, too; else 0. */
static inline int64_t
handler_look_at_clock(const struct handler *handler)
{
	return handler->view.is_watched ? monotonic_now_ns() : 0;
}

/* A new one, which is the handler's from now on; it may be turned away at once. */
void client_add(struct handler *handler, struct session *session);

/* Its registration fired, or it is leased and there is an event: the client has its turn. */
void client_turn(struct handler *handler, struct session *session, unsigned events);

/* Run the lines that are there already, of one that was parked and may go on. */
void client_run_lines(struct handler *handler, struct session *session);

/*
 * Going down: what it has sent until now is run before it is told goodbye, also what is in its
 * socket still. It is one of nunheard until then.
 */
void client_hear_out(struct handler *handler, struct session *session);

/*
 * After anything was done for a client: send what can be sent, and let go of it. The only
 * place where clients are ended or waited for again, so that none is forgotten.
 */
void client_settle(struct handler *handler, struct session *session);

#endif
