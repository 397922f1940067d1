/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>

#include "alike.h"

static bool
is_over(const struct alike *alike, int64_t now_ms)
{
	return alike->end_ms <= now_ms;
}

/* The kind of that format, or a place for it. NULL: there are too many kinds. */
static struct alike *
find(struct alikes *alikes, const char *format, int64_t now_ms)
{
	struct alike *room = NULL;

	for (size_t i = 0; i < ALIKE_MAX_KINDS; i++) {
		struct alike *alike = &alikes->kinds[i];

		if (alike->format == format)
			return alike;
		if (room == NULL &&
		    (alike->format == NULL || (is_over(alike, now_ms) && alike->nheld == 0)))
			room = alike;
	}
	if (room != NULL)
		room->format = NULL;
	return room;
}

static void
begin(struct alike *alike, const char *format, int64_t now_ms)
{
	alike->format = format;
	alike->end_ms = now_ms + ALIKE_PERIOD_MS;
	alike->nsaid = 0;
	alike->nheld = 0;
}

bool
alike_admits(struct alikes *alikes, const char *format, int level, const char *text,
             int64_t now_ms)
{
	struct alike *alike = find(alikes, format, now_ms);

	if (alike == NULL)
		return true;
	if (alike->format == NULL || (is_over(alike, now_ms) && alike->nheld == 0))
		begin(alike, format, now_ms);
	if (alike->nsaid < ALIKE_MAX_SAID) {
		alike->nsaid++;
		return true;
	}
	alike->nheld++;
	alike->level = level;
	snprintf(alike->last, sizeof alike->last, "%s", text);
	return false;
}

bool
alike_take(struct alikes *alikes, int64_t now_ms, struct alike *over)
{
	for (size_t i = 0; i < ALIKE_MAX_KINDS; i++) {
		struct alike *alike = &alikes->kinds[i];

		if (alike->format == NULL || alike->nheld == 0 || !is_over(alike, now_ms))
			continue;
		*over = *alike;
		alike->format = NULL;
		return true;
	}
	return false;
}

int64_t
alike_next_ms(const struct alikes *alikes)
{
	int64_t next_ms = -1;

	for (size_t i = 0; i < ALIKE_MAX_KINDS; i++) {
		const struct alike *alike = &alikes->kinds[i];

		if (alike->format == NULL || alike->nheld == 0)
			continue;
		if (next_ms == -1 || alike->end_ms < next_ms)
			next_ms = alike->end_ms;
	}
	return next_ms;
}
