/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "node.h"
#include "publication.h"
#include "timestamp.h"

size_t
publication_size(const struct publication *publication)
{
	return sizeof *publication + publication->subject.nbytes + publication->text.nbytes +
	       publication->from.nbytes;
}

/* The bytes of a line, copied to *end, which moves behind them. */
static struct amy_bytes
copy_line(char **end, const struct amy_bytes *line)
{
	struct amy_bytes copy = { *end, line->nbytes };

	if (line->nbytes > 0)
		memcpy(*end, line->bytes, line->nbytes);
	*end += line->nbytes;
	return copy;
}

/* All but the text, for which there is room at *end. NULL: ENOMEM. */
static struct publication *
allocate(const struct publication *publication, size_t ntext, char **end)
{
	struct publication *copy = malloc(sizeof *copy + publication->subject.nbytes +
	                                  publication->from.nbytes + ntext);

	if (copy == NULL)
		return NULL;
	atomic_init(&copy->references, 1);
	copy->seq = publication->seq;
	copy->request = publication->request;
	copy->from_id = publication->from_id;
	copy->at_ms = publication->at_ms;
	copy->wall_ms = publication->wall_ms;
	*end = (char *)(copy + 1);
	copy->subject = copy_line(end, &publication->subject);
	copy->from = copy_line(end, &publication->from);
	return copy;
}

struct publication *
publication_copy(const struct publication *publication)
{
	char *end;
	struct publication *copy = allocate(publication, publication->text.nbytes, &end);

	if (copy != NULL)
		copy->text = copy_line(&end, &publication->text);
	return copy;
}

/* ---- Formats ----------------------------------------------------------------------- */

/* Enough for a time, or a number. */
#define SCRATCH_BYTES TIMESTAMP_MAX

static struct amy_bytes
time_of(const struct publication *publication, char scratch[SCRATCH_BYTES])
{
	struct timespec at = { .tv_sec = publication->wall_ms / 1000,
		               .tv_nsec = publication->wall_ms % 1000 * 1000000 };

	timestamp_format(scratch, &at);
	return (struct amy_bytes){ scratch, strlen(scratch) };
}

static struct amy_bytes
seq_of(const struct publication *publication, char scratch[SCRATCH_BYTES])
{
	int n = publication->seq == 0
	            ? snprintf(scratch, SCRATCH_BYTES, "-")
	            : snprintf(scratch, SCRATCH_BYTES, "%" PRIu64, publication->seq);

	return (struct amy_bytes){ scratch, (size_t)n };
}

/* What stands for a piece: bytes of the line, of the format, or of scratch. */
static struct amy_bytes
value_of(const struct publication *publication, const struct format_piece *piece,
         char scratch[SCRATCH_BYTES])
{
	switch (piece->field) {
	case FORMAT_TEXT:
		return publication->text;
	case FORMAT_SUBJECT:
		return publication->subject;
	case FORMAT_TIME:
		return time_of(publication, scratch);
	case FORMAT_FROM:
		return publication->from;
	case FORMAT_USER:
		return (struct amy_bytes){ "-", 1 }; /* clients have no users yet */
	case FORMAT_SEQ:
		return seq_of(publication, scratch);
	case FORMAT_NODE:
		return (struct amy_bytes){ node_name(), strlen(node_name()) };
	case FORMAT_LITERAL:
	case FORMAT_UNKNOWN:
		break;
	}
	return (struct amy_bytes){ piece->bytes, piece->nbytes };
}

struct publication *
publication_copy_formatted(const struct publication *publication, const char *format)
{
	char scratch[SCRATCH_BYTES], *end, *begin;
	struct format_piece piece;
	struct publication *copy;
	struct amy_bytes value;
	const char *at = format;
	size_t nbytes = 0;

	while (format_next(&at, &piece))
		nbytes += value_of(publication, &piece, scratch).nbytes;
	copy = allocate(publication, nbytes, &end);
	if (copy == NULL)
		return NULL;
	begin = end;
	for (at = format; format_next(&at, &piece);) {
		value = value_of(publication, &piece, scratch);
		copy_line(&end, &value);
	}
	copy->text = (struct amy_bytes){ begin, nbytes };
	return copy;
}

struct publication *
publication_ref(struct publication *publication)
{
	atomic_fetch_add_explicit(&publication->references, 1, memory_order_relaxed);
	return publication;
}

void
publication_unref(struct publication *publication)
{
	if (publication != NULL &&
	    atomic_fetch_sub_explicit(&publication->references, 1, memory_order_acq_rel) == 1)
		free(publication);
}
