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
#include "upstream.h"

struct handler_thread;

/* All borrowed until handler_thread_join(). */
struct handler_setup {
	unsigned number, nhandlers;
	struct record_pipe *pipe;
	struct amy_poller *poller;
	struct router *router;
	int64_t lease_ms; /* how long a quiet client is kept; 0: none is */
	struct upstream *const *upstreams; /* of all handlers: each has every nth of them */
	size_t nupstreams;
	atomic_uint *nrunning; /* counted down when a handler is over */
	int over_fd;           /* an eventfd, written to when the last of them is */
};

/* NULL, errno: it could not be started. It ends after RECORD_DRAIN or RECORD_STOP. */
struct handler_thread *handler_thread_start(const struct handler_setup *setup);

/* Wait for its end. */
void handler_thread_join(struct handler_thread *thread);

#endif
