/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agenda.h"

#define MIN_CAPACITY 16u

/* Four children: half as many levels as with two, and the four lie in one cache line. */
#define ARITY 4u

void
agenda_init(struct agenda *agenda)
{
	memset(agenda, 0, sizeof *agenda);
	agenda->unused = AGENDA_NONE;
}

void
agenda_fini(struct agenda *agenda)
{
	free(agenda->items);
	free(agenda->heap);
	agenda_init(agenda);
}

int
agenda_reserve(struct agenda *agenda, uint32_t nitems)
{
	struct agenda_item *items;
	struct agenda_entry *heap;

	if (nitems <= agenda->capacity)
		return 0;
	items = realloc(agenda->items, nitems * sizeof *items);
	if (items == NULL)
		return -1;
	agenda->items = items;
	heap = realloc(agenda->heap, nitems * sizeof *heap);
	if (heap == NULL)
		return -1;
	agenda->heap = heap;
	agenda->capacity = nitems;
	return 0;
}

static int
agenda_make_room(struct agenda *agenda)
{
	uint32_t capacity = agenda->capacity;

	if (agenda->nitems < capacity)
		return 0;
	return agenda_reserve(agenda, capacity < MIN_CAPACITY ? MIN_CAPACITY : capacity * 2);
}

uint32_t
agenda_add(struct agenda *agenda)
{
	uint32_t item = agenda->unused;

	if (item != AGENDA_NONE)
		agenda->unused = agenda->items[item].place;
	else if (agenda_make_room(agenda) == 0)
		item = agenda->nitems++;
	else
		return AGENDA_NONE;
	agenda->items[item] = (struct agenda_item){ .place = AGENDA_NONE };
	return item;
}

void
agenda_remove(struct agenda *agenda, uint32_t item)
{
	agenda_unschedule(agenda, item);
	agenda->items[item].place = agenda->unused;
	agenda->unused = item;
}

static void
heap_put(struct agenda *agenda, uint32_t place, struct agenda_entry entry)
{
	agenda->heap[place] = entry;
	agenda->items[entry.item].place = place;
}

/* Entries after place, up to the root, that are later, move down to make room for it. */
static void
heap_rise(struct agenda *agenda, uint32_t place, struct agenda_entry entry)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / ARITY;

		if (agenda->heap[parent].due_ns <= entry.due_ns)
			break;
		heap_put(agenda, place, agenda->heap[parent]);
		place = parent;
	}
	heap_put(agenda, place, entry);
}

/* The earliest of the children of place, which has some. */
static uint32_t
heap_first_child(const struct agenda *agenda, uint32_t place)
{
	uint32_t child = place * ARITY + 1;
	uint32_t end = child + ARITY < agenda->nheap ? child + ARITY : agenda->nheap;
	uint32_t first = child;

	while (++child < end)
		if (agenda->heap[child].due_ns < agenda->heap[first].due_ns)
			first = child;
	return first;
}

static void
heap_sink(struct agenda *agenda, uint32_t place, struct agenda_entry entry)
{
	while (place * ARITY + 1 < agenda->nheap) {
		uint32_t child = heap_first_child(agenda, place);

		if (agenda->heap[child].due_ns >= entry.due_ns)
			break;
		heap_put(agenda, place, agenda->heap[child]);
		place = child;
	}
	heap_put(agenda, place, entry);
}

/* An entry for a place whose neighbours may be earlier or later. */
static void
heap_settle(struct agenda *agenda, uint32_t place, struct agenda_entry entry)
{
	if (place > 0 && agenda->heap[(place - 1) / ARITY].due_ns > entry.due_ns)
		heap_rise(agenda, place, entry);
	else
		heap_sink(agenda, place, entry);
}

void
agenda_schedule(struct agenda *agenda, uint32_t item, int64_t due_ns)
{
	struct agenda_entry entry = { .due_ns = due_ns, .item = item };

	agenda->items[item].due_ns = due_ns;
	if (agenda->items[item].place == AGENDA_NONE)
		heap_rise(agenda, agenda->nheap++, entry);
	else
		heap_settle(agenda, agenda->items[item].place, entry);
}

void
agenda_unschedule(struct agenda *agenda, uint32_t item)
{
	uint32_t place = agenda->items[item].place;

	if (place == AGENDA_NONE)
		return;
	agenda->items[item].place = AGENDA_NONE;
	agenda->nheap--;
	if (place < agenda->nheap)
		heap_settle(agenda, place, agenda->heap[agenda->nheap]);
}

int64_t
agenda_next_ns(const struct agenda *agenda)
{
	return agenda->nheap == 0 ? INT64_MAX : agenda->heap[0].due_ns;
}

uint32_t
agenda_pop_due(struct agenda *agenda, int64_t now_ns)
{
	uint32_t item;

	if (agenda_next_ns(agenda) > now_ns)
		return AGENDA_NONE;
	item = agenda->heap[0].item;
	agenda_unschedule(agenda, item);
	return item;
}
