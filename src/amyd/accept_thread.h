/* SPDX-License-Identifier: MIT */
/*
 * accept_thread.h - takes connections, makes sessions of them, and hands each to a handler.
 */
#ifndef ACCEPT_THREAD_H
#define ACCEPT_THREAD_H

#include <stdatomic.h>

#include <amy.h>

#include "listener.h"
#include "load.h"
#include "peers.h"
#include "quota.h"
#include "record_pipe.h"
#include "standstill.h"
#include "stats.h"

struct accept_thread;

/* All borrowed until accept_thread_stop(). */
struct accept_setup {
	struct listeners *listeners;
	struct amy_poller *poller;         /* clients are registered with it, disarmed */
	struct record_pipe *const *pipes;  /* the handlers' */
	struct load *loads;                /* the handlers': nclients is counted up */
	unsigned nhandlers;
	unsigned max_clients;
	const struct quota *quota;
	atomic_uint *nclients; /* shared with the handlers, who count down */
	struct peers *peers;   /* likewise: sessions give their places back */
	struct stats *stats;   /* the thread's own */
	struct standstill *standstill;
};

/* NULL, errno: it could not be started. */
struct accept_thread *accept_thread_start(const struct accept_setup *setup);

/* Have it come to its standstill, between two connections. Returns at once. */
void accept_thread_halt(struct accept_thread *thread);

/*
 * While it stands still: make ready for other listeners. Those that one of the present ones
 * became, as listener->before says, go on as they are; the rest are new. -1, errno: it cannot
 * be, and nothing has changed. Else it is to be applied before the thread goes on.
 */
int accept_thread_prepare(struct accept_thread *thread, struct listeners *next);

/*
 * Who has come to a listener that is gone is taken, as far as is known; its socket is closed
 * by whoever opened it. The listeners before are not used any more.
 */
void accept_thread_apply(struct accept_thread *thread, unsigned max_clients);

/* No connection is taken any more once this returns. The listeners stay open. */
void accept_thread_stop(struct accept_thread *thread);

#endif
