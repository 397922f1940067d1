/* SPDX-License-Identifier: MIT */
/*
 * tallies.h - what is counted for each listener, by its name.
 *
 * Each handler counts in a slot of its own, in cache lines of its own. Tallies are only ever
 * added: a listener that is configured anew under its old name goes on with its numbers.
 */
#ifndef TALLIES_H
#define TALLIES_H

#include <stdatomic.h>
#include <stdint.h>

enum tally_counter {
	TALLY_ACCEPTED, /* clients that came */
	TALLY_CLOSED,   /* and that ended */
	TALLY_LINES,    /* that they sent */
	TALLY_BYTES,    /* that they sent */
	TALLY_COUNT,
};

/* Owner: one thread writes; any thread reads. */
struct tally {
	_Alignas(64) _Atomic uint64_t counters[TALLY_COUNT];
};

/* Any thread: a lock within guards the list; nothing is waited for while it is held. */
struct tallies;

/* So many threads may count. NULL: ENOMEM. */
struct tallies *tallies_create(unsigned nthreads);

/* Nobody counts any more. NULL is fine. */
void tallies_destroy(struct tallies *tallies);

/* What that thread counts for the listener of that name. NULL: ENOMEM. */
struct tally *tallies_get(struct tallies *tallies, const char *name, unsigned thread);

/* All threads together; zeros for a name that nothing was counted for. */
void tallies_sum(struct tallies *tallies, const char *name, uint64_t sums[TALLY_COUNT]);

/* One writer: no need for an atomic addition. */
static inline void
tally_add(struct tally *tally, enum tally_counter which, uint64_t n)
{
	_Atomic uint64_t *counter = &tally->counters[which];

	atomic_store_explicit(counter,
	                      atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

#endif
