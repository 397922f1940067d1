/* SPDX-License-Identifier: MIT */
/*
 * sink.h - lines that wait for a target of a rule: a file, syslog, a TCP connection.
 *
 * Each has a bounded queue of its own. Past it the oldest lines go; they are counted, and
 * it is logged, not more than once in ten seconds for each target.
 */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "conf.h"
#include "publication.h"

struct sink;

#define SINK_MAX_ERROR 80 /* with its NUL */

/* Tell the reader that there is something: called with no lock held, by whoever puts. */
typedef void sink_wake_fn(struct sink *sink);

/*
 * What waits, and what became of the rest: nput == nwritten + nunsure + ndropped + nqueued,
 * always. A line that was taken, and of which nothing was said since, is among nqueued: it is
 * being written, or sent and not acknowledged.
 */
struct sink_usage {
	uint64_t nput, nwritten, nunsure, ndropped, nqueued;
	size_t nbytes; /* of memory, of the lines that were not taken */

	bool is_up;       /* the file is open, the connection is made */
	int64_t since_ms; /* when that changed last; by the monotonic clock */
	char error[SINK_MAX_ERROR]; /* what went wrong last; "": nothing did */
};

/*
 * One target of a rule. Any thread puts; one reader takes.
 * Owner: whoever created it, until sink_destroy().
 */

/* The rule and the target are borrowed, with a reference to their configuration. NULL: ENOMEM. */
struct sink *sink_create(const struct conf_rule *rule, const struct conf_target *target,
                         sink_wake_fn *wake, void *context);

/* What waits is dropped, and that is logged. NULL is fine. */
void sink_destroy(struct sink *sink);

/* Bytes that may wait, from now on; what is over it goes when the next line comes. */
void sink_set_limit(struct sink *sink, size_t limit);

size_t sink_limit(struct sink *sink);

const struct conf_rule *sink_rule(const struct sink *sink);
const struct conf_target *sink_target(const struct sink *sink);
void *sink_context(const struct sink *sink);

/*
 * Queue a line; publication is a copy, of which the sink takes a reference. Never waits.
 * Wakes the reader if it was told that there was nothing, or has not asked yet. Returns how
 * many older lines were dropped for it; 1, too, if there is no memory, and it is dropped
 * itself. Any thread.
 */
uint64_t sink_put(struct sink *sink, struct publication *publication);

/* The oldest line, and the reference; NULL: there is none, and the next one wakes. */
struct publication *sink_take(struct sink *sink);

/* A line that was taken is where it was to go; or it is not, and is counted as dropped. */
void sink_wrote(struct sink *sink, uint64_t n);
void sink_lost(struct sink *sink, uint64_t n);

/* So many of the lines that count as written may not have been read there. */
void sink_doubt(struct sink *sink, uint64_t n);

/* Whether the target can be written to now. error: what went wrong; NULL: nothing new did. */
void sink_set_state(struct sink *sink, bool is_up, const char *error);

/* Any thread. */
void sink_usage(struct sink *sink, struct sink_usage *usage);

/*
 * Lines that were taken to be written in one go, each with its LF, the first one perhaps in
 * part. All zero: there are none. Owner: the reader.
 */
#define SINK_BATCH_LINES 256
#define SINK_BATCH_BYTES 65536 /* what is over it is part of one line */
#define SINK_BATCH_PIECES (2 * SINK_BATCH_LINES)

struct sink_batch {
	struct publication *lines[SINK_BATCH_LINES];
	unsigned first, n;
	size_t gone; /* bytes of the first line that are written already */
};

/* Take lines, if it has none. False: it has none now either, and the next one wakes. */
bool sink_batch_fill(struct sink_batch *batch, struct sink *sink);

/* One line more that was taken; there is one at most until now. */
void sink_batch_add(struct sink_batch *batch, struct publication *publication);

/* What is to be written; returns how many pieces. */
int sink_batch_pieces(const struct sink_batch *batch, struct iovec pieces[SINK_BATCH_PIECES]);

/* So many bytes were written. Returns how many lines came to their end by that. */
unsigned sink_batch_wrote(struct sink_batch *batch, struct sink *sink, size_t nbytes);

/* The first line is lost; or all are of which nothing was written yet. */
void sink_batch_lose_first(struct sink_batch *batch, struct sink *sink);
void sink_batch_lose_rest(struct sink_batch *batch, struct sink *sink);

/* Let go of all. Nothing is counted: they stay among what waits. */
void sink_batch_fini(struct sink_batch *batch);

#endif
