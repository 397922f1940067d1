/* SPDX-License-Identifier: MIT */
/*
 * timers.h - what is to happen later on one thread.
 */
#ifndef TIMERS_H
#define TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;

/* It is not set any more, and may be set again, or be freed. */
typedef void timer_fn(struct timer *timer, void *context);

/* Storage of whoever wants it; all zero: not set. Owner: the thread of its timers. */
struct timer {
	timer_fn *run;
	int64_t at_ms;  /* of monotonic_now_ms() */
	uint32_t place; /* in the heap, from 1, or among those due; 0: it is not set */
};

/* A heap, the next one on top. Owner: one thread. */
struct timers {
	struct timer **heap; /* from 1 */
	struct timer **due;  /* those that timers_run() is at; NULL: cancelled since */
	uint32_t n, ndue, capacity;
};

void timers_init(struct timers *timers);

/* Those that are still set are forgotten: they are not set any more. */
void timers_fini(struct timers *timers);

/* Set it, or set it anew: run is to be called at at_ms. -1: ENOMEM, and it is as it was. */
int timers_set(struct timers *timers, struct timer *timer, int64_t at_ms, timer_fn *run);

/* Have room for n more: none of them can fail to be set. -1: ENOMEM. */
int timers_reserve(struct timers *timers, uint32_t n);

/* It may be not set. */
void timers_cancel(struct timers *timers, struct timer *timer);

/* Milliseconds until the next one is due, 0 if it is; -1: none is set. */
int timers_next_ms(const struct timers *timers, int64_t now_ms);

/*
 * Run those that are due, in the order of their time; what they set is not run in the same
 * call, even if it is due. They may set and cancel any timer, but not call this.
 */
void timers_run(struct timers *timers, int64_t now_ms, void *context);

#endif
