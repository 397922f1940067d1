/* SPDX-License-Identifier: MIT */
/*
 * busiest.h - to which subjects most lines are published.
 *
 * A sketch counts the busiest of any number of subjects in a bounded room, by "Space-Saving"
 * (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data
 * streams, ICDT 2005): one that finds no room takes the place of the one with the least, and
 * its number on top. So none is counted too low, and one with more than a 64th of all lines
 * is never missed.
 *
 * Each handler has a sketch of its own. Once a second it hangs out the top of it at a board,
 * where others may look.
 */
#ifndef BUSIEST_H
#define BUSIEST_H

#include <stddef.h>
#include <stdint.h>

#include "subject.h"

#define BUSIEST_ROOM 64
#define BUSIEST_TOP 16

/* What was hung out longer ago is of the past. */
#define BUSIEST_MAX_AGE_MS 2500

struct busiest_subject {
	uint64_t nlines;
	size_t nsubject;
	char subject[SUBJECT_MAX_BYTES];
};

/* Owner: one handler. All zero: nothing was counted. */
struct busiest_sketch {
	unsigned n;
	struct busiest_subject subjects[BUSIEST_ROOM];
};

void busiest_add(struct busiest_sketch *sketch, const char *subject, size_t nsubject,
                 uint64_t nlines);

/* Any thread: a lock within guards it. */
struct busiest_board;

/* NULL: ENOMEM. */
struct busiest_board *busiest_board_create(unsigned nhandlers);

/* NULL is fine. */
void busiest_board_destroy(struct busiest_board *board);

/*
 * Hang out the top of what a handler has counted in the interval_ms (1 or more) before now,
 * in place of what hung there; the sketch is empty then.
 */
void busiest_hang_out(struct busiest_board *board, unsigned handler,
                      struct busiest_sketch *sketch, int64_t now_ms, int64_t interval_ms);

struct busiest_rate {
	double lines_per_second;
	size_t nsubject;
	char subject[SUBJECT_MAX_BYTES];
};

/* The busiest of all handlers together, the first one most of all. Returns how many. */
size_t busiest_look(struct busiest_board *board, int64_t now_ms, struct busiest_rate *rates,
                    size_t max);

#endif
