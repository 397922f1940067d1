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
#include "ring.h"
#include "subject.h"

/* What there can be of last values. */
#define HISTORY_MAX_KEPT 10000
#define HISTORY_MAX_KEPT_BYTES ((size_t)16 << 20) /* by publication_size() */

/* Any thread; what needs the lock says so. */
struct history;

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

/*
 * A word that is random, and made with the history: numbers of one run of amyd mean other lines
 * than those of the next. NUL-terminated. Needs no lock.
 */
#define HISTORY_RUN_LENGTH 6
const char *history_run(const struct history *history);

/* The number of the newest line; 0: there was none yet. With the lock. */
uint64_t history_head(const struct history *history);

/*
 * For replays, with the lock. A number that no other replay has; the ring of the last values; and
 * that of a section, or NULL if that has no lines of the pattern, and never had. Those from
 * history_nsections() to history_nall() are gone, and empty. Rings stay as long as the history
 * does; the sections may be other ones when the lock was given back.
 */
uint64_t history_new_replay(struct history *history);
const struct ring *history_kept_ring(const struct history *history);
size_t history_nall(const struct history *history);
const struct ring *history_section_ring(const struct history *history, size_t section,
                                        const struct subject_tokens *pattern);

/* The lock, after whoever waits for it already: for those that have just given it back. */
void history_lock_in_turn(struct history *history);

/*
 * There is too little memory: forget the oldest lines of the sections that have most, so many
 * bytes or all. Returns how many lines. It takes the lock.
 */
size_t history_forget_oldest(struct history *history, size_t nbytes);

/* Where the bytes of all that is stored are to be counted. Before it is used. */
void history_count_at(struct history *history, _Atomic uint64_t *nbytes);

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
