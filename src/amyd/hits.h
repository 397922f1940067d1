/* SPDX-License-Identifier: MIT */
/*
 * hits.h - to which subjects a handler's clients publish most, told once a second.
 *
 * Each line makes one addition, in the place of the cache where its route was just found. What
 * was counted there goes to a sketch when the place is needed for another subject; and once a
 * second, if there was any line, and as long as somebody watches.
 */
#ifndef HITS_H
#define HITS_H

#include <stdint.h>

#include "timers.h"
#include "view.h"

/* Owner: its handler. All zero: nothing was told yet. */
struct hits {
	struct timer timer;
	int64_t since_ms;    /* of what is counted */
	uint64_t npublished; /* lines, when it was looked at last */
};

/* At the end of a turn. */
void hits_turn(struct hits *hits, struct view *view);

#endif
