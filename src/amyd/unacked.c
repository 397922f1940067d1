/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "unacked.h"

#define MIN_CAPACITY 64

/* With its LF. */
static size_t
line_size(const struct publication *line)
{
	return line->text.nbytes + 1;
}

static struct publication *
line_at(const struct unacked *unacked, size_t i)
{
	return unacked->lines[unacked->first + i];
}

/* Room for one line more. False: there is no memory. */
static bool
reserve(struct unacked *unacked)
{
	size_t capacity = unacked->capacity == 0 ? MIN_CAPACITY : 2 * unacked->capacity;
	struct publication **lines;

	if (unacked->first + unacked->n < unacked->capacity)
		return true;
	if (unacked->first > 0 && unacked->first >= unacked->n) {
		memcpy(unacked->lines, unacked->lines + unacked->first,
		       unacked->n * sizeof unacked->lines[0]);
		unacked->first = 0;
		return true;
	}
	lines = realloc(unacked->lines, capacity * sizeof unacked->lines[0]);
	if (lines == NULL)
		return false;
	unacked->lines = lines;
	unacked->capacity = capacity;
	return true;
}

/* False: there is none, or no memory. */
static bool
take(struct unacked *unacked, struct sink *sink)
{
	struct publication *line = reserve(unacked) ? sink_take(sink) : NULL;

	if (line == NULL)
		return false;
	unacked->lines[unacked->first + unacked->n++] = line;
	unacked->memory += publication_size(line);
	return true;
}

bool
unacked_fill(struct unacked *unacked, struct sink *sink, size_t max_memory)
{
	size_t nbytes = 0;

	for (size_t i = unacked->nsent; i < unacked->n; i++)
		nbytes += line_size(line_at(unacked, i));
	while (unacked->n - unacked->nsent < SINK_BATCH_LINES && nbytes < SINK_BATCH_BYTES &&
	       (unacked->n == 0 || unacked->memory < max_memory) && take(unacked, sink))
		nbytes += line_size(line_at(unacked, unacked->n - 1));
	return unacked_has_unsent(unacked);
}

bool
unacked_has_unsent(const struct unacked *unacked)
{
	return unacked->nsent < unacked->n;
}

static void
add_piece(struct iovec *pieces, int *n, const char *bytes, size_t nbytes)
{
	if (nbytes > 0)
		pieces[(*n)++] = (struct iovec){ (char *)bytes, nbytes };
}

int
unacked_pieces(const struct unacked *unacked, struct iovec pieces[SINK_BATCH_PIECES],
               size_t max_lines)
{
	size_t gone = unacked->part_sent, end = unacked->n;
	int n = 0;

	if (max_lines > SINK_BATCH_LINES)
		max_lines = SINK_BATCH_LINES;
	if (end - unacked->nsent > max_lines)
		end = unacked->nsent + max_lines;
	for (size_t i = unacked->nsent; i < end; i++) {
		const struct amy_bytes *text = &line_at(unacked, i)->text;

		if (gone < text->nbytes)
			add_piece(pieces, &n, text->bytes + gone, text->nbytes - gone);
		add_piece(pieces, &n, "\n", 1);
		gone = 0;
	}
	return n;
}

void
unacked_sent(struct unacked *unacked, size_t nbytes)
{
	unacked->bytes_sent += nbytes;
	unacked->part_sent += nbytes;
	while (unacked_has_unsent(unacked)) {
		size_t size = line_size(line_at(unacked, unacked->nsent));

		if (unacked->part_sent < size)
			return;
		unacked->part_sent -= size;
		unacked->nsent++;
	}
}

static void
pop_first(struct unacked *unacked)
{
	unacked->memory -= publication_size(line_at(unacked, 0));
	publication_unref(line_at(unacked, 0));
	unacked->first++;
	unacked->n--;
}

size_t
unacked_acknowledge(struct unacked *unacked, struct sink *sink, size_t nbytes)
{
	size_t nlines = 0;

	if (nbytes >= unacked->bytes_sent)
		return 0;
	unacked->part_acked += unacked->bytes_sent - nbytes;
	unacked->bytes_sent = nbytes;
	while (unacked->nsent > 0 && unacked->part_acked >= line_size(line_at(unacked, 0))) {
		unacked->part_acked -= line_size(line_at(unacked, 0));
		pop_first(unacked);
		unacked->nsent--;
		nlines++;
	}
	if (unacked->n == 0)
		unacked->first = 0;
	if (nlines > 0)
		sink_wrote(sink, nlines);
	return nlines;
}

void
unacked_rewind(struct unacked *unacked)
{
	unacked->nsent = 0;
	unacked->part_sent = 0;
	unacked->part_acked = 0;
	unacked->bytes_sent = 0;
}

void
unacked_fini(struct unacked *unacked)
{
	while (unacked->n > 0)
		pop_first(unacked);
	free(unacked->lines);
	*unacked = (struct unacked){ 0 };
}
