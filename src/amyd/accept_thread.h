/* SPDX-License-Identifier: MIT */
/*
 * accept_thread.h - takes connections, makes sessions of them, and hands each to a handler.
 */
#ifndef ACCEPT_THREAD_H
#define ACCEPT_THREAD_H

#include <stdatomic.h>

#include <amy.h>

#include "listener.h"
#include "peers.h"
#include "record_pipe.h"
#include "stats.h"

struct accept_thread;

/* All borrowed until accept_thread_stop(). */
struct accept_setup {
	struct listeners *listeners;
	struct amy_poller *poller;         /* clients are registered with it, disarmed */
	struct record_pipe *const *pipes;  /* the handlers' */
	unsigned nhandlers;
	unsigned max_clients;
	atomic_uint *nclients; /* shared with the handlers, who count down */
	struct peers *peers;   /* likewise: sessions give their places back */
	struct stats *stats;   /* the thread's own */
};

/* NULL, errno: it could not be started. */
struct accept_thread *accept_thread_start(const struct accept_setup *setup);

/* No connection is taken any more once this returns. The listeners stay open. */
void accept_thread_stop(struct accept_thread *thread);

#endif
