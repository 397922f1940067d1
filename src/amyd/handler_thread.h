/* SPDX-License-Identifier: MIT */
/*
 * handler_thread.h - reads records of what happened, decodes lines, echoes or routes them.
 */
#ifndef HANDLER_THREAD_H
#define HANDLER_THREAD_H

#include <stdatomic.h>

#include <amy.h>

#include "record_pipe.h"
#include "router.h"
#include "standstill.h"
#include "targets.h"

struct handler_thread;

/* All borrowed until handler_thread_join(). */
struct handler_setup {
	unsigned number, nhandlers;
	struct record_pipe *pipe;
	struct amy_poller *poller;
	struct router *router;
	int64_t lease_ms; /* how long a quiet client is kept; 0: none is */
	const struct targets *targets; /* of its connections, each handler has every nth */
	struct standstill *standstill; /* that RECORD_STANDSTILL tells of */
	atomic_uint *nhearing; /* counted down when a handler has heard its clients out */
	atomic_uint *nrunning; /* counted down when a handler is over */
	int end_fd;            /* an eventfd, written to when the last of them has, and is */
};

/* NULL, errno: it could not be started. It ends after RECORD_DRAIN or RECORD_STOP. */
struct handler_thread *handler_thread_start(const struct handler_setup *setup);

/*
 * It stands still, and the configuration is about to change: see that there is memory for
 * what comes. Errors: ENOMEM.
 */
int handler_thread_prepare(struct handler_thread *thread);

/*
 * It stands still, and the configuration has changed, the router and the targets with it: this
 * one holds for its clients from now on, as far as their listeners are in it. Clients of a
 * listener that is gone keep the one they came by.
 */
void handler_thread_adopt(struct handler_thread *thread, const struct conf *conf);

/* Wait for its end. */
void handler_thread_join(struct handler_thread *thread);

#endif
