/* SPDX-License-Identifier: MIT */
/*
 * lease.h - the clients that a handler keeps while they are busy.
 *
 * Whoever was told of an event owns the socket, and nothing obliges it to give that back
 * after every line: an owner may wait for what it owns. So the handler waits by itself, in a
 * wait set of its own, for the clients that are busy and for its pipe, without the poller
 * thread and its pipe in between; and gives a client back to the poller once that has been
 * quiet for some time.
 */
#ifndef LEASE_H
#define LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include <amy.h>

#include "session.h"

/*
 * Storage of its handler, which owns it, as it owns the registrations of the clients in it.
 */
struct leases {
	struct amy_wait_set *set; /* NULL: no client is kept */
	int64_t lease_ms;
	struct session_list sessions; /* by when they were used last */
};

/*
 * lease_ms: how long a quiet client is kept; 0: none is. pipe_fd: the handler's pipe, whose
 * events have the id 0. Errors: EMFILE, ENFILE, ENOMEM, ENOSPC.
 */
int leases_init(struct leases *leases, int64_t lease_ms, int pipe_fd);

/* Another time, if clients are kept at all, and will be: else nothing changes. */
void leases_set_time(struct leases *leases, int64_t lease_ms);

/* None is left in it. */
void leases_fini(struct leases *leases);

/*
 * A client has said something, or has taken something. If it did so not long ago, it is
 * worth keeping: session->is_busy.
 */
void lease_use(struct leases *leases, struct session *session, int64_t now_ms);

/*
 * Wait for the interest here, also if it is kept already. The registration is ours, and
 * disarmed. -1, ENOMEM or ENOSPC: it is not kept any more; it is still ours.
 */
int lease_wait(struct leases *leases, struct session *session, unsigned interest,
               int64_t now_ms);

/* Keep it no longer; its registration is still ours. It may be one that is not kept. */
void lease_end(struct leases *leases, struct session *session);

/* One that has been quiet for so long that its lease is to end. NULL: there is none. */
struct session *leases_due(const struct leases *leases, int64_t now_ms);

/* Milliseconds until there is one, 0 if there is; -1: none is kept. */
int leases_next_ms(const struct leases *leases, int64_t now_ms);

#endif
