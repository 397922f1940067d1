/* SPDX-License-Identifier: MIT */
/*
 * upstream.h - a TCP connection that we make: the target of a rule.
 *
 * It belongs to one handler, whose registrar, pipe and timers it uses: its registration
 * fires like that of a client. When it cannot connect, or loses its connection, it tries
 * again: at once if the last one had lived for two seconds, else after 100 ms, doubled each
 * time up to 30 s. Its lines wait meanwhile in its sink.
 *
 * A line counts as written when the peer's kernel has acknowledged it. When a connection ends,
 * what was not acknowledged is sent again on the next one, each line from its beginning: so it
 * may arrive twice. If the connection was reset, what was acknowledged and perhaps not read
 * counts as unsure. After a connection that did not live, the next one is sent one line only,
 * until it has lived.
 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stdbool.h>

#include <amy.h>

#include "record_pipe.h"
#include "resolve_thread.h"
#include "sink.h"
#include "timers.h"

/* Owner: its handler, from upstream_start() to upstream_stop(). */
struct upstream;

/*
 * Make it, with its sink; nothing is connected yet. number: what RECORD_UPSTREAM is to say
 * in pipe, its handler's, when it is to be kicked. NULL: ENOMEM. Any thread.
 */
struct upstream *upstream_create(const struct conf_rule *rule,
                                 const struct conf_target *target, unsigned number,
                                 struct record_pipe *pipe, struct resolver *resolver);

/* It is stopped, or was never started. NULL is fine. Any thread. */
void upstream_destroy(struct upstream *upstream);

/* For those who put. Any thread. */
struct sink *upstream_sink(const struct upstream *upstream);

/* It was never started, or is stopped. While its handler does not run. */
bool upstream_is_over(const struct upstream *upstream);

/* The number that it was made with. */
unsigned upstream_number(const struct upstream *upstream);

/* Begin to connect. All borrowed until upstream_stop(). Its handler from here on. */
void upstream_start(struct upstream *upstream, struct amy_registrar *registrar,
                    struct timers *timers);

/* Its registration. 0: it has none just now. */
amy_id upstream_id(const struct upstream *upstream);

/* That registration fired: it is ours. Afterwards it is armed again, or has ended. */
void upstream_ready(struct upstream *upstream);

/* There is something in its sink, or its name was resolved. */
void upstream_kick(struct upstream *upstream);

/* Nobody puts any more. True as long as there is something left to send, and a connection. */
bool upstream_is_busy(const struct upstream *upstream);

/*
 * Close the connection; what waits in the sink is left there. False: nothing was done, for
 * its event is on its way; call it again after upstream_ready().
 */
bool upstream_stop(struct upstream *upstream);

#endif
