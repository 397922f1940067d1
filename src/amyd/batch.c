/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

/* When there is so much, it is sent: it is to stay in the cache of the processor. */
#define LARGE_BYTES (128 * 1024)

/* What was needed for more is given back. */
#define MAX_KEPT_BYTES (4 * LARGE_BYTES)
#define MAX_KEPT_LINES (LARGE_BYTES / 8)
#define MAX_SPARE 256

void
batch_init(struct batch *batch)
{
	memset(batch, 0, sizeof *batch);
	SLIST_INIT(&batch->spare);
}

static void
text_free(struct batch_text *text)
{
	free(text->bytes);
	free(text->lines);
	*text = (struct batch_text){ .bytes = NULL };
}

void
batch_fini(struct batch *batch)
{
	struct parcel *parcel;

	assert(batch->nparcels == 0);
	for (int i = 0; i < BATCH_TEXTS; i++)
		text_free(&batch->texts[i]);
	while ((parcel = SLIST_FIRST(&batch->spare)) != NULL) {
		SLIST_REMOVE_HEAD(&batch->spare, spare);
		free(parcel);
	}
}

/* ---- Texts ------------------------------------------------------------------------ */

void
batch_next(struct batch *batch)
{
	for (int i = 0; i < BATCH_TEXTS; i++)
		batch->texts[i].has_this = false;
}

/* Room for one line more, of at most nbytes. -1: ENOMEM. */
static int
text_reserve(struct batch_text *text, size_t nbytes)
{
	if (text->capacity - text->nbytes < nbytes) {
		size_t capacity = 2 * text->capacity + nbytes;
		char *bytes = realloc(text->bytes, capacity);

		if (bytes == NULL)
			return -1;
		text->bytes = bytes;
		text->capacity = capacity;
	}
	if (text->nlines == text->lines_capacity) {
		uint32_t capacity = 2 * text->lines_capacity + 16;
		struct batch_line *lines = realloc(text->lines, capacity * sizeof *lines);

		if (lines == NULL)
			return -1;
		text->lines = lines;
		text->lines_capacity = capacity;
	}
	return 0;
}

const struct batch_text *
batch_write(struct batch *batch, unsigned way, const struct publication *publication)
{
	struct batch_text *text = &batch->texts[way];
	struct batch_line line = { .at = text->nbytes, .seq = publication->seq };

	if (text->has_this)
		return text;
	if (text_reserve(text, protocol_delivery_size(publication)) == -1)
		return NULL;
	line.nbytes = protocol_write_delivery(publication, way == BATCH_RAW ? 0 : way,
	                                      way == BATCH_RAW, text->bytes + line.at);
	text->nbytes += line.nbytes;
	text->lines[text->nlines++] = line;
	text->has_this = true;
	return text;
}

const struct batch_line *
batch_last(const struct batch_text *text, const char **bytes)
{
	const struct batch_line *line = &text->lines[text->nlines - 1];

	*bytes = text->bytes + line->at;
	return line;
}

bool
batch_is_large(const struct batch *batch)
{
	size_t nbytes = 0;

	for (int i = 0; i < BATCH_TEXTS; i++)
		nbytes += batch->texts[i].nbytes;
	return nbytes > LARGE_BYTES;
}

void
batch_end(struct batch *batch)
{
	assert(batch->nparcels == 0);
	for (int i = 0; i < BATCH_TEXTS; i++) {
		struct batch_text *text = &batch->texts[i];

		if (text->capacity > MAX_KEPT_BYTES || text->lines_capacity > MAX_KEPT_LINES)
			text_free(text);
		text->nbytes = 0;
		text->nlines = 0;
		text->has_this = false;
	}
}

/* ---- Parcels ---------------------------------------------------------------------- */

static struct parcel *
parcel_take(struct batch *batch)
{
	struct parcel *parcel = SLIST_FIRST(&batch->spare);

	if (parcel == NULL)
		return malloc(sizeof *parcel);
	SLIST_REMOVE_HEAD(&batch->spare, spare);
	batch->nspare--;
	return parcel;
}

/* One run more, of one line: the last one of its text. */
static void
parcel_start_run(struct parcel *parcel, struct subscription_ref ref)
{
	uint32_t line = parcel->text->nlines - 1;

	parcel->runs[parcel->nruns++] = (struct parcel_run){ line, 1, ref };
}

/* It has a line more. */
static void
parcel_count(struct parcel *parcel)
{
	parcel->nlines++;
	parcel->nbytes += parcel->text->lines[parcel->text->nlines - 1].nbytes;
	parcel->room -= parcel_cost(parcel->text);
}

/* Of one line; nobody has it yet. NULL: ENOMEM, or there is no room. */
static struct parcel *
parcel_begin(struct batch *batch, const struct batch_text *text, struct subscription_ref ref,
             size_t room)
{
	struct parcel *parcel = room < parcel_cost(text) ? NULL : parcel_take(batch);

	if (parcel == NULL)
		return NULL;
	parcel->batch = batch;
	parcel->route = NULL;
	parcel->nsharers = 0;
	parcel->text = text;
	parcel->nbytes = 0;
	parcel->room = room;
	parcel->nlines = parcel->nruns = 0;
	parcel_start_run(parcel, ref);
	parcel_count(parcel);
	batch->nparcels++;
	return parcel;
}

struct parcel *
parcel_make(struct batch *batch, const struct batch_text *text, struct subscription_ref ref,
            size_t room)
{
	struct parcel *parcel = parcel_begin(batch, text, ref, room);

	if (parcel != NULL)
		parcel->nsharers = 1;
	return parcel;
}

struct parcel *
parcel_share(struct batch *batch, const struct batch_text *text, struct route *route,
             const struct route_part *part, size_t room)
{
	const struct subscription_ref none = { 0, 0 };
	struct parcel *parcel = parcel_begin(batch, text, none, room);

	if (parcel == NULL)
		return NULL;
	parcel->route = route_ref(route);
	parcel->part = part;
	batch->shared = parcel;
	return parcel;
}

void
parcel_join(struct parcel *parcel)
{
	parcel->nsharers++;
}

struct parcel *
parcel_divide(struct parcel *parcel, amy_id session)
{
	struct parcel *own = parcel_take(parcel->batch);

	if (own == NULL)
		return NULL;
	*own = *parcel;
	own->route = NULL;
	own->nsharers = 1;
	for (uint32_t i = 0; i < own->nruns; i++)
		own->runs[i].ref = parcel_ref(parcel, session);
	own->batch->nparcels++;
	parcel_leave(parcel);
	return own;
}

/* Those of a part are sorted by their session; the first one of it. */
struct subscription_ref
parcel_ref(const struct parcel *parcel, amy_id session)
{
	const struct subscriber *first = &parcel->route->subscribers[parcel->part->first];
	size_t n = parcel->part->n;

	while (n > 1) {
		size_t half = n / 2;

		if (first[half - 1].session < session) {
			first += half;
			n -= half;
		} else {
			n = half;
		}
	}
	return first->ref;
}

bool
parcel_add(struct parcel *parcel, const struct batch_text *text, struct subscription_ref ref)
{
	struct parcel_run *last = &parcel->runs[parcel->nruns - 1];

	if (parcel->text != text)
		return false;
	if (last->first + last->n == text->nlines - 1 && last->ref.slot == ref.slot &&
	    last->ref.serial == ref.serial)
		last->n++;
	else if (parcel->nruns < PARCEL_MAX_RUNS)
		parcel_start_run(parcel, ref);
	else
		return false;
	parcel_count(parcel);
	return true;
}

size_t
parcel_bytes(const struct parcel *parcel, struct iovec iovecs[PARCEL_MAX_RUNS])
{
	const struct batch_text *text = parcel->text;

	for (uint32_t i = 0; i < parcel->nruns; i++) {
		const struct batch_line *first = &text->lines[parcel->runs[i].first];
		const struct batch_line *last = first + parcel->runs[i].n - 1;

		iovecs[i].iov_base = text->bytes + first->at;
		iovecs[i].iov_len = last->at + last->nbytes - first->at;
	}
	return parcel->nruns;
}

const struct batch_line *
parcel_next(const struct parcel *parcel, struct parcel_place *place,
            struct subscription_ref *ref, const char **bytes)
{
	const struct parcel_run *run = &parcel->runs[place->run];
	const struct batch_line *line;

	if (place->run == parcel->nruns)
		return NULL;
	line = &parcel->text->lines[run->first + place->line];
	*ref = run->ref;
	*bytes = parcel->text->bytes + line->at;
	if (++place->line == run->n) {
		place->run++;
		place->line = 0;
	}
	return line;
}

/* Nobody has it any more. */
void
parcel_discard(struct parcel *parcel)
{
	struct batch *batch = parcel->batch;

	if (batch->shared == parcel)
		batch->shared = NULL;
	route_unref(parcel->route);
	batch->nparcels--;
	if (batch->nspare == MAX_SPARE) {
		free(parcel);
		return;
	}
	SLIST_INSERT_HEAD(&batch->spare, parcel, spare);
	batch->nspare++;
}

void
parcel_leave(struct parcel *parcel)
{
	if (--parcel->nsharers == 0)
		parcel_discard(parcel);
}
