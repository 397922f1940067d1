/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ring.h"

#define FIRST_CAPACITY 16

uint64_t
ring_find(const struct ring *ring, uint64_t seq)
{
	uint64_t low = ring->base, high = ring->base + ring->n;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (ring_at(ring, middle)->seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
ring_grow(struct ring *ring, uint64_t max_capacity)
{
	uint64_t capacity = ring->capacity == 0 ? FIRST_CAPACITY : 2 * ring->capacity;
	struct entry *entries;

	if (capacity > max_capacity)
		capacity = max_capacity;
	entries = malloc((size_t)capacity * sizeof *entries);
	if (entries == NULL)
		return -1;
	for (size_t i = 0; i < ring->n; i++)
		entries[i] = *ring_at(ring, ring->base + i);
	free(ring->entries);
	ring->entries = entries;
	ring->first = 0;
	ring->capacity = (size_t)capacity;
	return 0;
}

void
ring_push(struct ring *ring, struct publication *publication, struct stored_subject *subject)
{
	*ring_at(ring, ring->base + ring->n) = (struct entry){
		.seq = publication->seq,
		.at_ms = publication->at_ms,
		.publication = publication_ref(publication),
		.subject = subject,
	};
	subject->nreferences++;
	ring->n++;
	ring->nbytes += publication_size(publication);
}

void
ring_clear(struct ring *ring, struct entry *entry, struct stored_subjects *subjects)
{
	ring->nbytes -= publication_size(entry->publication);
	publication_unref(entry->publication);
	stored_subjects_unref(subjects, entry->subject);
	entry->publication = NULL;
	entry->subject = NULL;
}

void
ring_shift(struct ring *ring)
{
	const struct entry *first = ring_at(ring, ring->base);

	ring->gone = first->seq;
	ring->gone_ms = first->at_ms;
	if (++ring->first == ring->capacity)
		ring->first = 0;
	ring->base++;
	ring->n--;
}

void
ring_close_holes(struct ring *ring)
{
	uint64_t end = ring->base;

	for (size_t i = 0; i < ring->n; i++) {
		const struct entry *entry = ring_at(ring, ring->base + i);

		if (entry->subject != NULL)
			*ring_at(ring, end++) = *entry;
	}
	ring->n = (size_t)(end - ring->base);
}

void
ring_fini(struct ring *ring, struct stored_subjects *subjects)
{
	for (size_t i = 0; i < ring->n; i++) {
		struct entry *entry = ring_at(ring, ring->base + i);

		if (entry->subject != NULL)
			ring_clear(ring, entry, subjects);
	}
	free(ring->entries);
}
