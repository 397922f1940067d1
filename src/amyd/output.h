/* SPDX-License-Identifier: MIT */
/*
 * output.h - what is on its way to one client, in order: answers, deliveries, and where
 * deliveries had to go, a line that says so.
 *
 * Deliveries are bounded, and the oldest go when there are too many. Answers are never
 * dropped: a client whose answers pile up is not read from. In between there may be one
 * source of lines that are made only when the client has room for them: the answer to a
 * question that is too long to be made at once.
 *
 * It does no I/O: the caller sends what output_next() shows, and says how much went.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

#include "stream.h"

/* What it takes to say that there is a gap. */
struct output_mark {
	uint64_t seq;                /* of the line; 0: it has none */
	struct subscription_ref ref; /* what it came by */
};

/*
 * A source of lines. When it is its turn, more() is called for some: it appends lines to
 * the writer, which is empty and takes any number, but some 16 KiB are enough. It returns
 * true as long as there are more; then false, having appended the last ones (or none). If it
 * has appended none and says true, it has done its share of this turn: it is called again in
 * the next.
 * end() is called once, when it is used up or forgotten, and frees it.
 *
 * Owner: the output that it was given to.
 */
struct output_source {
	bool (*more)(struct output_source *source, struct amy_line_writer *writer);
	void (*end)(struct output_source *source);
};

/*
 * Storage of whoever has the client. Empty, it holds no memory but this struct.
 * Owner: the handler of the session.
 */
struct output {
	struct output_stream *stream; /* NULL: it is empty */
	uint32_t limit;        /* of the deliveries, overhead included */
};

/* limit: bytes of deliveries, each with its overhead (4096 to 1 GiB). */
void output_init(struct output *output, size_t limit);

/* Another limit: what is over it goes when the next delivery comes. */
void output_set_limit(struct output *output, size_t limit);

/* Free what it holds; a source ends. */
void output_fini(struct output *output);

/*
 * Queue a line of an answer; or bytes as they are. Errors: ENOMEM, ENOBUFS (1 GiB).
 */
int output_answer(struct output *output, const struct amy_bytes *pieces, size_t npieces);
int output_answer_raw(struct output *output, const char *bytes, size_t nbytes);

/*
 * Queue a delivery: nbytes at bytes, LF included. However large, it is taken when no other
 * waits, apart from one of which a part has gone: so, whoever drops the oldest has room for
 * it. Errors: ENOBUFS (no room: drop some, or give up), ENOMEM.
 */
int output_deliver(struct output *output, const char *bytes, size_t nbytes,
                   const struct output_mark *mark);

/*
 * The same, of a delivery that was taken before and was kept elsewhere: without a look at the
 * limit, which may have been higher then. What is over it goes when the next delivery comes.
 * Errors: ENOMEM.
 */
int output_keep(struct output *output, const char *bytes, size_t nbytes,
                const struct output_mark *mark);

/*
 * Queue a source, which is the output's from now on. There is none yet. Errors: ENOMEM;
 * it is still the caller's then.
 */
int output_put_source(struct output *output, struct output_source *source);

/* It is there, and not used up. */
bool output_has_source(const struct output *output);

/* What is next is the source's, which has not made it yet. */
bool output_awaits_source(const struct output *output);

/*
 * Drop the oldest deliveries, so that there is room for one of nbytes, and for an eighth of
 * the limit more, so that this need not be done for each; but not one of which a part has
 * gone. Where they were stands
 *
 *	! DROPPED 120 pat=log.> seq=400-519
 *
 * one line for all that would have come one after the other, also for those dropped by
 * another call; no word of seq where they had none, no pat where the pattern has ended,
 * "pat=*" where they came by several. Without pattern_of nothing is said. *ndropped is how
 * many went. 0; -1, ENOMEM: all is as it was.
 */
int output_drop_oldest(struct output *output, size_t nbytes, output_pattern_fn *pattern_of,
                       void *context, size_t *ndropped);

/*
 * The same, but until no more than max_bytes of deliveries are left, each with its overhead; and
 * memory that is not needed any more is given back.
 */
int output_squeeze(struct output *output, size_t max_bytes, output_pattern_fn *pattern_of,
                   void *context, size_t *ndropped);

/*
 * Drop all deliveries, but not one of which a part has gone, and a source, but not the
 * rest of a line of it. Nothing is said in their place. *ndropped is how many deliveries
 * went. 0; -1, ENOMEM: all is as it was.
 */
int output_drop_all(struct output *output, size_t *ndropped);

/*
 * The bytes to be sent next; a source is asked for some if it is its turn. 0: none, or the
 * source has none in this turn.
 */
size_t output_next(struct output *output, const char **bytes);

/* The first nbytes of them have gone. Returns how many deliveries have gone with them. */
size_t output_consume(struct output *output, size_t nbytes);

/* Is nothing left to be sent? */
bool output_is_empty(const struct output *output);

/* Bytes that wait: of all; of answers only. */
size_t output_pending(const struct output *output);
size_t output_pending_answers(const struct output *output);

/* Deliveries that wait; their bytes, each with its overhead. */
uint32_t output_count_deliveries(const struct output *output);
size_t output_delivery_bytes(const struct output *output);

/* The memory that all that waits may take: buffers are up to twice as large as what was in them. */
size_t output_memory(struct output *output);

#endif
