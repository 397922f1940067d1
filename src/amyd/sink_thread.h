/* SPDX-License-Identifier: MIT */
/*
 * sink_thread.h - writes what waits for a file or for syslog(3): whatever may block. One
 * thread for each such target, so that one that hangs holds up nobody else.
 */
#ifndef SINK_THREAD_H
#define SINK_THREAD_H

#include "sink.h"

/* Owner: whoever started it. */
struct sink_thread;

/*
 * Make the sink of such a target, and start its thread. A file is opened (appended to, made
 * with mode 0640 if it is not there) by the thread; when it cannot be opened or written,
 * that is logged with the remedy, once for each cause, its lines are dropped and counted,
 * and it is tried again with the next line, but not more than once in a second. NULL, errno:
 * it could not be started.
 */
struct sink_thread *sink_thread_start(const struct conf_rule *rule,
                                      const struct conf_target *target);

/* For those who put. */
struct sink *sink_thread_sink(const struct sink_thread *thread);

/* Close the file and open it again, before the next line: it was renamed. Any thread. */
void sink_thread_reopen(struct sink_thread *thread);

/*
 * Write what waits, as long as timeout_ms allows, and end. Nobody puts any more. A thread
 * that hangs in its target is left behind, and with it what it needs.
 */
void sink_thread_stop(struct sink_thread *thread, int timeout_ms);

#endif
