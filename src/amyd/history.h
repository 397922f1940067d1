/* SPDX-License-Identifier: MIT */
/*
 * history.h - lines that are stored: those that a "history" section of the configuration
 * matches, and the last values of subjects that were kept. One counter numbers them all,
 * without a gap, from 1.
 *
 * The lock is the caller's to take, because publishing and following are one step each:
 * what is appended and routed under one hold of it is, for whoever looks back and follows
 * under another one, either stored already or still to come. It is taken before any other.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "publication.h"
#include "subject.h"

/* What there can be of last values. */
#define HISTORY_MAX_KEPT 10000
#define HISTORY_MAX_KEPT_BYTES ((size_t)16 << 20) /* by publication_size() */

/* Any thread; what needs the lock says so. */
struct history;

/* What of it is asked for. */
enum history_want {
	HISTORY_KEPT,  /* last values only */
	HISTORY_ALL,   /* all that is stored, last values too */
	HISTORY_LAST,  /* the newest n of all */
	HISTORY_FROM,  /* of all: numbers from .. to */
	HISTORY_SINCE, /* of all: not said before since_ms, by monotonic_now_ms() */
};

struct history_query {
	enum history_want want;
	uint64_t n;        /* of HISTORY_LAST; may be 0 */
	uint64_t from, to; /* of HISTORY_FROM; to 0: no end */
	int64_t since_ms;  /* of HISTORY_SINCE */
};

/*
 * The lines of one pattern that a client is to see, one after the other: where it is.
 * Owner: whoever made it.
 */
struct replay;

/* The sections are borrowed. Errors: ENOMEM, or as getrandom(2). */
struct history *history_create(const struct conf_history *sections, size_t nsections);

/* No replay is left. NULL is fine. */
void history_destroy(struct history *history);

/*
 * Other sections. What is stored stays with the section of its name, as far as that has room
 * for it now, whatever that matches; what was stored by one that is gone is forgotten.
 *
 * Prepared, nothing has changed; NULL: ENOMEM. Then it is either applied, while no other
 * thread uses the history but by replay_next() and what takes the lock itself; or abandoned.
 * The sections are borrowed until the next ones are applied.
 */
struct history_change;

struct history_change *history_prepare(struct history *history,
                                       const struct conf_history *sections, size_t nsections);
void history_apply(struct history_change *change);
void history_abandon(struct history_change *change);

void history_lock(struct history *history);
void history_unlock(struct history *history);

/* The section that stores a subject: the first that matches; -1: none. Needs no lock. */
int history_section(const struct history *history, const char *subject, size_t nbytes);

/* May a line be stored in that section? Not if it is too large for it. Needs no lock. */
bool history_fits(const struct history *history, int section,
                  const struct publication *publication);

/*
 * Store a copy, which must have no number yet, in that section (-1: in none), and, if
 * keep, as the last value of its subject, in place of the one before. It takes a reference,
 * and the next number. What is too much for the section is forgotten, oldest first; but a
 * line that is alone too large for it is forgotten itself, at once. 0; -1, nothing was done
 * and no number taken: ENOMEM; ENOSPC: there are too many last values. With the lock.
 */
int history_append(struct history *history, int section, struct publication *publication,
                   bool keep);

/* Forget the last value of a subject. False: it had none. With the lock. */
bool history_forget(struct history *history, const char *subject, size_t nbytes);

/* The number of the newest line; 0: there was none yet. With the lock. */
uint64_t history_head(const struct history *history);

/*
 * Look for what a query asks for among what is stored now; of later lines it sees nothing.
 * *nlines (unless NULL) is how many there are. NULL: ENOMEM. With the lock.
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
 * only a few, with a reference of each. Returns how many; 0: that was all. gap->n is 0, or tells of what should have come
 * before them, or before the end, but was forgotten in the meantime. It takes the lock
 * itself, again and again where much is stored that the pattern does not match.
 */
size_t replay_next(struct replay *replay, struct publication **publications, size_t max,
                   struct replay_gap *gap);

/* The newest number when it was made: what comes later is not in it. */
uint64_t replay_head(const struct replay *replay);

/*
 * HISTORY_FROM: the oldest number that is still there, if what was asked for is older than
 * that and some of it was forgotten; or 0. It is that of the sections that have forgotten
 * something, and may have lines of the pattern.
 */
uint64_t replay_oldest(const struct replay *replay);

/* What there is, for STATS. They take the lock. */
struct history_usage {
	const char *name; /* of the section */
	uint64_t nlines, nbytes, nforgotten;
};

size_t history_nsections(const struct history *history);
void history_usage(struct history *history, size_t section, struct history_usage *usage);

/* The same of the last values, without a name; nforgotten is 0. */
void history_kept_usage(struct history *history, struct history_usage *usage);

/* The last value of a subject is stored: true. It takes the lock. */
bool history_is_kept(struct history *history, const char *subject, size_t nbytes);

#endif
