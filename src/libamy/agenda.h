/* SPDX-License-Identifier: MIT */
/*
 * agenda.h - what is to happen by itself: timers when it is their time, user events that were
 * triggered at once. A heap by time; no lock, no clock and no system calls.
 */
#ifndef AGENDA_H
#define AGENDA_H

#include <stdbool.h>
#include <stdint.h>

#define AGENDA_NONE UINT32_MAX

/* A timer, or a user event. Times are of CLOCK_MONOTONIC, in nanoseconds. */
struct agenda_item {
	int64_t due_ns;      /* of the next beat that nobody was told of */
	int64_t delay_ns;    /* of a timer without interval */
	int64_t interval_ns; /* 0: none */
	uint64_t ntriggers;  /* of a user event, not told of yet */
	uint32_t slot;       /* the place of its registration */
	uint32_t place;      /* in the heap; AGENDA_NONE: not in it. Unused: the next one unused */
	bool is_timer;
};

/* The time stands with it, so that the heap is put in order without a look at the items. */
struct agenda_entry {
	int64_t due_ns;
	uint32_t item;
};

/*
 * Owner: whoever holds the lock that it is guarded by.
 */
struct agenda {
	struct agenda_item *items;
	struct agenda_entry *heap;
	uint32_t capacity; /* of both */
	uint32_t nitems;   /* that were ever used */
	uint32_t nheap;
	uint32_t unused;   /* the first one unused again; AGENDA_NONE: none */
};

void agenda_init(struct agenda *agenda);
void agenda_fini(struct agenda *agenda);

/* Room for as many items altogether. Errors: ENOMEM; all is as before. */
int agenda_reserve(struct agenda *agenda, uint32_t nitems);

/* A new item, all zero, not in the heap; its number. AGENDA_NONE: ENOMEM. */
uint32_t agenda_add(struct agenda *agenda);

/* It is not in the heap any more, and its number may be another's. */
void agenda_remove(struct agenda *agenda, uint32_t item);

/* Put it into the heap, or at another time. */
void agenda_schedule(struct agenda *agenda, uint32_t item, int64_t due_ns);

/* Take it out of the heap, if it is in it. */
void agenda_unschedule(struct agenda *agenda, uint32_t item);

/* The earliest time; INT64_MAX: none. */
int64_t agenda_next_ns(const struct agenda *agenda);

/* Take out the earliest, if it is due by now. AGENDA_NONE: none is. */
uint32_t agenda_pop_due(struct agenda *agenda, int64_t now_ns);

#endif
