/* SPDX-License-Identifier: MIT */
/*
 * unacked.h - the send queue of one TCP connection: lines that were taken from a sink and whose
 * last byte the kernel of the peer has not acknowledged.
 *
 * A line leaves it when it is acknowledged as a whole. When the connection ends, the lines that
 * are left are sent again on the next one, each from its beginning.
 */
#ifndef UNACKED_H
#define UNACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "sink.h"

/* Owner: the reader of the sink. All zero: it is empty. */
struct unacked {
	struct publication **lines; /* from first on, n of them */
	size_t capacity, first, n;
	size_t nsent;       /* lines that were sent as a whole */
	size_t part_sent;   /* bytes of the line behind those */
	size_t part_acked;  /* bytes of the first line that are acknowledged */
	size_t bytes_sent;  /* that are not acknowledged */
	size_t memory;      /* of all lines */
};

/*
 * Take lines from the sink, as many as one send may carry, as long as all together need no more
 * than max_memory bytes; one line always fits. False: there is none to be sent.
 */
bool unacked_fill(struct unacked *unacked, struct sink *sink, size_t max_memory);

/* Is there a byte that was not sent? */
bool unacked_has_unsent(const struct unacked *unacked);

/* What is to be sent next; returns how many pieces. At most max_lines lines. */
int unacked_pieces(const struct unacked *unacked, struct iovec pieces[SINK_BATCH_PIECES],
                   size_t max_lines);

/* So many bytes of that were sent. */
void unacked_sent(struct unacked *unacked, size_t nbytes);

/*
 * All that was sent is acknowledged but for nbytes. Returns how many lines are by that; they are
 * let go, and counted as written by the sink.
 */
size_t unacked_acknowledge(struct unacked *unacked, struct sink *sink, size_t nbytes);

/* The connection has ended: nothing was sent yet. */
void unacked_rewind(struct unacked *unacked);

/* Let go of all. Nothing is counted: they stay among what is queued. */
void unacked_fini(struct unacked *unacked);

#endif
