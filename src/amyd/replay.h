/* SPDX-License-Identifier: MIT */
/*
 * replay.h - lines that are stored, as somebody looks back at them.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "history.h"
#include "publication.h"

/* What of it is asked for. */
enum history_want {
	HISTORY_KEPT,         /* last values only */
	HISTORY_ALL,          /* all that is stored, last values too */
	HISTORY_LAST,         /* the newest n of all */
	HISTORY_FROM,         /* of all: numbers from .. to */
	HISTORY_SINCE,        /* of all: not said before since_ms, by monotonic_now_ms() */
	HISTORY_SINCE_MOMENT, /* of all: not said before since_wall_ms */
};

struct history_query {
	enum history_want want;
	uint64_t n;        /* of HISTORY_LAST; may be 0 */
	uint64_t from, to; /* of HISTORY_FROM; to 0: no end */
	struct amy_bytes run; /* of HISTORY_FROM: that the numbers are of; nbytes 0: not said */
	int64_t since_ms;     /* of HISTORY_SINCE; of HISTORY_SINCE_MOMENT, about that time */
	int64_t since_wall_ms; /* of HISTORY_SINCE_MOMENT, by the time of the lines */
};

/*
 * The lines of one pattern that a client is to see, one after the other: where it is.
 * Owner: whoever made it.
 */
struct replay;

/*
 * Look for what a query asks for among what is stored now; of later lines it sees nothing.
 * *nlines (unless NULL) is how many there are: then all that is stored is looked at, else next to
 * nothing is. NULL: ENOMEM. With the lock of the history.
 */
struct replay *replay_create(struct history *history, const char *pattern, size_t nbytes,
                             const struct history_query *query, size_t *nlines);

/* NULL is fine. */
void replay_destroy(struct replay *replay);

/* What was forgotten before it could be read: at most n lines, of those numbers. */
struct replay_gap {
	uint64_t n, first, last;
};

/*
 * The next lines, in the order of their numbers, at most max (1 or more), and of long ones
 * only a few, with a reference of each. Returns how many; 0, and *is_over: that was all; 0, and
 * not: it has looked at as much as may be looked at in one go, and is to be called again. gap
 * has added to it what should have come before them, or before the end, but was forgotten in
 * the meantime. It takes the lock itself.
 */
size_t replay_next_some(struct replay *replay, struct publication **publications, size_t max,
                        struct replay_gap *gap, bool *is_over);

/* The same, again and again until there is one, or that was all. gap->n is 0, or tells of it. */
size_t replay_next(struct replay *replay, struct publication **publications, size_t max,
                   struct replay_gap *gap);

/* How many stored lines were looked at until now, whether they were wanted or not. */
uint64_t replay_looks(const struct replay *replay);

/* The newest number when it was made: what comes later is not in it. */
uint64_t replay_head(const struct replay *replay);

/* Where to go on: the number behind the last that it may have shown. */
uint64_t replay_end(const struct replay *replay);

/*
 * HISTORY_FROM: the numbers were of another run, or there has been none so large in this one. So
 * all that is stored is shown.
 */
bool replay_is_renumbered(const struct replay *replay);

/*
 * The oldest number that is still there, if lines were asked for by number, time or LAST, and some
 * of those were forgotten; or 0. It is that of the sections that have forgotten something, and may
 * have lines of the pattern.
 */
uint64_t replay_oldest(const struct replay *replay);

#endif
