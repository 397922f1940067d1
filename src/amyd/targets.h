/* SPDX-License-Identifier: MIT */
/*
 * targets.h - the targets of all rules: the threads that write, and the connections.
 */
#ifndef TARGETS_H
#define TARGETS_H

#include <stddef.h>

#include "conf.h"
#include "record_pipe.h"
#include "router.h"
#include "upstream.h"

/* Owner: the server. */
struct targets;

/* None yet. The pipes, of so many handlers, are borrowed. NULL: ENOMEM. */
struct targets *targets_create(struct record_pipe *const *pipes, unsigned nhandlers);

/* After all handlers; what waits for a file or for syslog is written first. NULL is fine. */
void targets_destroy(struct targets *targets);

/*
 * Other targets: those of a policy that has no sinks yet. One that a rule of the same name had
 * before stays as it is, with what waits for it. Of the others, threads are started, and
 * connections are made that each handler is to start: a connection belongs to the handler
 * whose turn it is. NULL, errno: something could not be started, and nothing has changed.
 */
struct targets_change;

struct targets_change *targets_prepare(struct targets *targets,
                                       const struct router_policy *before,
                                       struct router_policy *policy);

/* Nothing is to come of it. */
void targets_abandon(struct targets_change *change);

/*
 * While no handler runs. What the next three tell is of the new ones from now on: connections
 * that are not started yet, and those that their handlers are to stop when what waits for them
 * has gone. These are not freed before the next change.
 */
void targets_apply(struct targets_change *change);

size_t targets_count_upstreams(const struct targets *targets);
struct upstream *targets_upstream(const struct targets *targets, size_t i);

enum targets_wish {
	TARGETS_GO_ON,
	TARGETS_START, /* it was made by the change that was applied last */
	TARGETS_STOP,  /* no rule has it any more */
};

enum targets_wish targets_wish(const struct targets *targets, size_t upstream);

/* When handlers run again: what waits for a target that is gone is written, and it ends. */
void targets_finish(struct targets_change *change);

/* Files are closed, and opened again. Any thread. */
void targets_reopen(struct targets *targets);

#endif
