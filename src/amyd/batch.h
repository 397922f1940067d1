/* SPDX-License-Identifier: MIT */
/*
 * batch.h - what is published in one turn, and parcels: which of it one session gets.
 *
 * A line for a hundred sessions is written out once, and not copied for any of them. Each of
 * them has a parcel, which only says which lines it gets; they are sent from where they
 * stand. What a socket does not take is copied in the end, into the output of its session.
 *
 * Where many sessions get the same lines they share one parcel: one line more for all of them
 * costs what it costs for one. One that is to get something else leaves it, and has its own.
 */
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "protocol.h"
#include "publication.h"
#include "subscriptions.h"

/* The ways to write a line: the columns of SET show, in all combinations; and the text alone. */
#define BATCH_RAW (PROTOCOL_SHOW_ALL + 1)
#define BATCH_TEXTS (BATCH_RAW + 1)

/* Constant once written. */
struct batch_line {
	size_t at;     /* in the bytes of its text */
	size_t nbytes; /* LF included */
	uint64_t seq;  /* 0: it is not stored */
};

/* The lines of a turn that were written in one way, one behind the other. Owner: its batch. */
struct batch_text {
	char *bytes;
	size_t nbytes, capacity;
	struct batch_line *lines;
	uint32_t nlines, lines_capacity;
	bool has_this; /* the last one is the publication that it is about now */
};

/* Owner: a view, all in it. */
struct batch {
	struct batch_text texts[BATCH_TEXTS];
	SLIST_HEAD(, parcel) spare; /* parcels that nobody has */
	unsigned nspare;
	size_t nparcels;       /* that sessions have */
	struct parcel *shared; /* the one that was made last for many; NULL: it is no more */
};

/* Lines of a text that follow each other, and what they came by. */
struct parcel_run {
	uint32_t first, n;
	struct subscription_ref ref;
};

#define PARCEL_MAX_RUNS 8

/*
 * What a session gets of a batch; never empty. Owner: the session, or all that share it; each
 * leaves it when it is sent or unpacked.
 */
struct parcel {
	struct batch *batch;
	struct route *route; /* NULL: of one session. Else the one of all its lines */
	const struct route_part *part;
	uint32_t nsharers;
	const struct batch_text *text; /* all lines are of that */
	size_t nbytes;
	size_t room; /* bytes that the queue of the session has room for, besides */
	uint32_t nlines, nruns;
	struct parcel_run runs[PARCEL_MAX_RUNS];
	SLIST_ENTRY(parcel) spare;
};

void batch_init(struct batch *batch);

/* Nobody has a parcel of it. */
void batch_fini(struct batch *batch);

/* It is about another publication from now on. */
void batch_next(struct batch *batch);

/*
 * The publication that it is about, written in that way (PROTOCOL_SHOW_ bits, or BATCH_RAW):
 * it is the last line of the text that is returned. NULL: ENOMEM.
 */
const struct batch_text *batch_write(struct batch *batch, unsigned way,
                                     const struct publication *publication);

/* The last line of a text, and its bytes, good until the next batch_write(). */
const struct batch_line *batch_last(const struct batch_text *text, const char **bytes);

/* Is there so much in it that it had better be sent? */
bool batch_is_large(const struct batch *batch);

/* The turn is over, or all was sent: forget the lines. Nobody has a parcel of it. */
void batch_end(struct batch *batch);

/* What the last line of a text takes of a queue: its bytes, and so many more. */
#define PARCEL_OVERHEAD 48

static inline size_t
parcel_cost(const struct batch_text *text)
{
	return text->lines[text->nlines - 1].nbytes + PARCEL_OVERHEAD;
}

/* The bound of the queues that it is for. */
static inline size_t
parcel_limit(const struct parcel *parcel)
{
	return parcel->room + parcel->nbytes + (size_t)parcel->nlines * PARCEL_OVERHEAD;
}

/*
 * A parcel of the last line of a text, for a session whose queue is empty and has that room.
 * NULL: ENOMEM, or it has not.
 */
struct parcel *parcel_make(struct batch *batch, const struct batch_text *text,
                           struct subscription_ref ref, size_t room);

/*
 * The same for many, who get the line by that part of a route, and whose queues have that room
 * each. Nobody has it yet: let some join, or discard it.
 */
struct parcel *parcel_share(struct batch *batch, const struct batch_text *text,
                            struct route *route, const struct route_part *part, size_t room);
void parcel_join(struct parcel *parcel);
void parcel_discard(struct parcel *parcel);

/* The same lines for one of its sessions alone, which leaves it. NULL: ENOMEM, and it does not. */
struct parcel *parcel_divide(struct parcel *parcel, amy_id session);

/*
 * Put the last line of a text into it. There is room. False: its lines are of another text,
 * or it has too many runs.
 */
bool parcel_add(struct parcel *parcel, const struct batch_text *text,
                struct subscription_ref ref);

/* Its bytes, in order. Returns how many of the iovecs. */
size_t parcel_bytes(const struct parcel *parcel, struct iovec iovecs[PARCEL_MAX_RUNS]);

/* A place in a parcel. Owner: whoever goes through it. */
struct parcel_place {
	uint32_t run, line;
};

/*
 * The line at a place, which starts all zero and moves on; what it came by is known of the
 * parcel of one session only. NULL: there are no more.
 */
const struct batch_line *parcel_next(const struct parcel *parcel, struct parcel_place *place,
                                     struct subscription_ref *ref, const char **bytes);

/* What a session has the lines of a shared parcel by. */
struct subscription_ref parcel_ref(const struct parcel *parcel, amy_id session);

/* It is of no use to one session any more. */
void parcel_leave(struct parcel *parcel);

#endif
