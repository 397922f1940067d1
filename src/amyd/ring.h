/* SPDX-License-Identifier: MIT */
/*
 * ring.h - lines that are stored, in the order of their numbers.
 *
 * Owner: the history, whose lock is held in all that follows.
 */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

#include "publication.h"
#include "stored_subjects.h"

/* What scanning needs to know stands here, so that it need not look at the lines. */
struct entry {
	uint64_t seq;
	int64_t at_ms;
	struct publication *publication;
	struct stored_subject *subject; /* NULL: a hole, without a publication */
};

/*
 * Entries in the order of their numbers. An entry has an ordinal: how many there were
 * before it, those that are gone included. All 0 is an empty one.
 */
struct ring {
	struct entry *entries;
	size_t first, n, capacity;
	uint64_t base; /* ordinal of the first */
	uint64_t gone; /* number of the last that is gone; 0: none is */
	int64_t gone_ms; /* when that was said */
	size_t nbytes; /* of the publications */
};

/* What is in it goes, and its memory, too. */
void ring_fini(struct ring *ring, struct stored_subjects *subjects);

/* Its entry of an ordinal from base to base + n. */
static inline struct entry *
ring_at(const struct ring *ring, uint64_t ordinal)
{
	size_t i = ring->first + (size_t)(ordinal - ring->base);

	return &ring->entries[i < ring->capacity ? i : i - ring->capacity];
}

/* The ordinal of the first entry that has this number, or a larger one. */
uint64_t ring_find(const struct ring *ring, uint64_t seq);

/* Make room for twice as many, max_capacity at most, which is more than there is. -1: ENOMEM. */
int ring_grow(struct ring *ring, uint64_t max_capacity);

/* Behind all others. There is room. It takes a reference of both. */
void ring_push(struct ring *ring, struct publication *publication,
               struct stored_subject *subject);

/* Leaves a hole. The subject may be gone after that. */
void ring_clear(struct ring *ring, struct entry *entry, struct stored_subjects *subjects);

/* The first, which is a hole, goes. */
void ring_shift(struct ring *ring);

/* All holes go, and the others move up: no ordinal means anything any more. */
void ring_close_holes(struct ring *ring);

#endif
