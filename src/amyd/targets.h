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

/*
 * Make them, and tell the router where the lines of each rule go. A connection belongs to
 * the handler whose turn it is, of those that have the pipes. Before there are handlers.
 * NULL, errno: they could not be started.
 */
struct targets *targets_start(const struct conf *conf, struct router *router,
                              struct record_pipe *const *pipes);

/* After all handlers; what waits for a file or for syslog is written first. NULL is fine. */
void targets_stop(struct targets *targets);

/* Files are closed, and opened again. Any thread. */
void targets_reopen(struct targets *targets);

struct upstream *const *targets_upstreams(const struct targets *targets);
size_t targets_count_upstreams(const struct targets *targets);

#endif
