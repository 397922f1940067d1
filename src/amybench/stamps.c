/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "say.h"
#include "stamps.h"

void
stamps_init(struct stamps *stamps)
{
	*stamps = (struct stamps){ 0 };
}

void
stamps_fini(struct stamps *stamps)
{
	free(stamps->ring);
	stamps_init(stamps);
}

static struct stamp *
stamp_at(const struct stamps *stamps, uint32_t i)
{
	return &stamps->ring[(stamps->first + i) & (stamps->capacity - 1)];
}

static void
grow(struct stamps *stamps)
{
	uint32_t capacity = stamps->capacity == 0 ? 4 : 2 * stamps->capacity;
	struct stamp *ring = malloc(capacity * sizeof *ring);

	if (ring == NULL)
		fail_errno("times of lines");
	for (uint32_t i = 0; i < stamps->n; i++)
		ring[i] = *stamp_at(stamps, i);
	free(stamps->ring);
	stamps->ring = ring;
	stamps->capacity = capacity;
	stamps->first = 0;
}

void
stamps_push(struct stamps *stamps, uint64_t ns, uint64_t n)
{
	if (stamps->n == stamps->capacity)
		grow(stamps);
	*stamp_at(stamps, stamps->n) = (struct stamp){ .ns = ns, .n = n };
	stamps->n++;
}

uint64_t
stamps_pop(struct stamps *stamps, uint64_t max, uint64_t *ns)
{
	struct stamp *oldest;

	if (stamps->n == 0 || max == 0)
		return 0;
	oldest = stamp_at(stamps, 0);
	*ns = oldest->ns;
	if (oldest->n > max) {
		oldest->n -= max;
		return max;
	}
	max = oldest->n;
	stamps->first = (stamps->first + 1) & (stamps->capacity - 1);
	stamps->n--;
	return max;
}
