/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>

#include "timers.h"

/* Of a place: it is one of timers->due, not of the heap. */
#define PLACE_DUE 0x80000000u

static void
put(struct timers *timers, struct timer *timer, uint32_t place)
{
	timers->heap[place] = timer;
	timer->place = place;
}

/* The place is free: put the timer there, or further up. */
static void
sift_up(struct timers *timers, struct timer *timer, uint32_t place)
{
	for (; place > 1 && timers->heap[place / 2]->at_ms > timer->at_ms; place /= 2)
		put(timers, timers->heap[place / 2], place);
	put(timers, timer, place);
}

/* The same, or further down. */
static void
sift_down(struct timers *timers, struct timer *timer, uint32_t place)
{
	struct timer **heap = timers->heap;

	for (uint32_t child; (child = 2 * place) <= timers->n; place = child) {
		if (child < timers->n && heap[child + 1]->at_ms < heap[child]->at_ms)
			child++;
		if (heap[child]->at_ms >= timer->at_ms)
			break;
		put(timers, heap[child], place);
	}
	put(timers, timer, place);
}

/* The last one fills the gap. It may belong further up: it comes from another branch. */
static void
take_out(struct timers *timers, uint32_t place)
{
	struct timer *last = timers->heap[timers->n--];

	timers->heap[place]->place = 0;
	if (place > timers->n)
		return;
	if (place > 1 && timers->heap[place / 2]->at_ms > last->at_ms)
		sift_up(timers, last, place);
	else
		sift_down(timers, last, place);
}

/* Any number of those in the heap may be due at once. */
static int
grow(struct timers *timers)
{
	uint32_t capacity = timers->capacity == 0 ? 16 : 2 * timers->capacity;
	struct timer **larger;

	larger = realloc(timers->heap, ((size_t)capacity + 1) * sizeof *larger);
	if (larger == NULL)
		return -1;
	timers->heap = larger;
	larger = realloc(timers->due, (size_t)capacity * sizeof *larger);
	if (larger == NULL)
		return -1;
	timers->due = larger;
	timers->capacity = capacity;
	return 0;
}

int
timers_reserve(struct timers *timers, uint32_t n)
{
	while (timers->capacity - timers->n < n)
		if (grow(timers) == -1)
			return -1;
	return 0;
}

/* Move them there, so that what is set from now on does not come between them. */
static void
gather_due(struct timers *timers, int64_t now_ms)
{
	while (timers->n > 0 && timers->heap[1]->at_ms <= now_ms) {
		struct timer *timer = timers->heap[1];

		take_out(timers, 1);
		timer->place = PLACE_DUE | timers->ndue;
		timers->due[timers->ndue++] = timer;
	}
}

void
timers_init(struct timers *timers)
{
	*timers = (struct timers){ 0 };
}

void
timers_fini(struct timers *timers)
{
	for (uint32_t place = 1; place <= timers->n; place++)
		timers->heap[place]->place = 0;
	free(timers->heap);
	free(timers->due);
	timers_init(timers);
}

int
timers_set(struct timers *timers, struct timer *timer, int64_t at_ms, timer_fn *run)
{
	bool is_in_heap = timer->place != 0 && (timer->place & PLACE_DUE) == 0;

	if (!is_in_heap && timers_reserve(timers, 1) == -1)
		return -1;
	timers_cancel(timers, timer);
	timer->run = run;
	timer->at_ms = at_ms;
	timers->n++;
	sift_up(timers, timer, timers->n);
	return 0;
}

void
timers_cancel(struct timers *timers, struct timer *timer)
{
	if (timer->place == 0)
		return;
	if ((timer->place & PLACE_DUE) == 0) {
		take_out(timers, timer->place);
		return;
	}
	timers->due[timer->place & ~PLACE_DUE] = NULL;
	timer->place = 0;
}

int
timers_next_ms(const struct timers *timers, int64_t now_ms)
{
	uint64_t left;

	if (timers->n == 0)
		return -1;
	if (timers->heap[1]->at_ms <= now_ms)
		return 0;
	left = (uint64_t)timers->heap[1]->at_ms - (uint64_t)now_ms;
	return left < INT_MAX ? (int)left : INT_MAX;
}

void
timers_run(struct timers *timers, int64_t now_ms, void *context)
{
	gather_due(timers, now_ms);
	for (uint32_t i = 0; i < timers->ndue; i++) {
		struct timer *timer = timers->due[i];

		if (timer == NULL)
			continue;
		timer->place = 0;
		timer->run(timer, context);
	}
	timers->ndue = 0;
}
