/* SPDX-License-Identifier: MIT */
/*
 * stream.h - what is on its way to one client, as output.c keeps it: the bytes, and where in
 * them deliveries stand; and how the oldest of these go.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

#include "batch.h"
#include "subject.h"
#include "subscriptions.h"

/* What a delivery takes of the bound, apart from its bytes: the size of its entry. */
#define OUTPUT_OVERHEAD PARCEL_OVERHEAD

/* No client may have more on its way. */
#define STREAM_MAX_BYTES ((size_t)1 << 30)

struct output_source;

enum entry_kind { ENTRY_DELIVERY, ENTRY_GAP, ENTRY_SOURCE };

/* What the lines of a gap came by: patterns that have all ended; one; several. */
enum gap_pattern { PATTERN_ENDED, PATTERN_ONE, PATTERN_SEVERAL };

/*
 * A stretch of the stream; a source has no bytes, but a place. What no entry covers is
 * answers: a client that gets nothing else has no entries.
 */
struct output_entry {
	uint64_t at;                  /* in the stream */
	uint64_t count;               /* lines: those that are missing, or 1 */
	uint64_t first_seq, last_seq; /* 0: they have none */
	struct subscription_ref ref;  /* of a gap: the last one looked at */
	uint32_t nbytes;
	enum entry_kind kind : 8;
	enum gap_pattern pattern : 8; /* of a gap */
};

_Static_assert(sizeof(struct output_entry) <= OUTPUT_OVERHEAD, "an entry is paid for");

/*
 * What there is while something waits. Owner: its output.
 */
struct output_stream {
	struct amy_line_writer writer;
	uint64_t sent; /* where in the stream the writer's first byte is */

	/* All but answers, by their place in the stream: a ring. */
	struct output_entry *entries;
	uint32_t first, n, capacity;

	size_t most_pending; /* bytes that have waited at one time since the buffer was made */
	uint32_t ndeliveries; /* that wait */
	size_t delivery_bytes;
	size_t gap_bytes;

	struct output_source *source; /* NULL: none */
	struct amy_line_writer made;  /* what it has made; empty without it */
	uint64_t source_at;           /* in the stream */
	bool source_is_dry;           /* it has no more than what is made */
	bool made_is_cut;             /* of a line of it a part has gone */
};

static inline struct output_entry *
entry_of(const struct output_stream *stream, uint32_t i)
{
	return &stream->entries[(stream->first + i) & (stream->capacity - 1)];
}

static inline uint64_t
entry_end(const struct output_entry *entry)
{
	return entry->at + entry->nbytes;
}

/* Where the next line will be. */
static inline uint64_t
stream_end(const struct output_stream *stream)
{
	return stream->sent + amy_line_writer_pending(&stream->writer, NULL);
}

/* Of the first entry, what has gone already. */
static inline uint64_t
stream_part_gone(const struct output_stream *stream)
{
	const struct output_entry *first;

	if (stream->n == 0)
		return 0;
	first = entry_of(stream, 0);
	return first->at < stream->sent ? stream->sent - first->at : 0;
}

/* Room for one entry more. -1: ENOMEM. */
int entries_reserve(struct output_stream *stream);
void entries_push(struct output_stream *stream, const struct output_entry *entry);
void entries_pop(struct output_stream *stream);

/* None need no memory. */
void entries_trim(struct output_stream *stream);

/*
 * The pattern that a delivery came by, into text; its length, or 0: it has ended since.
 */
typedef size_t output_pattern_fn(void *context, struct subscription_ref ref,
                                 char text[SUBJECT_MAX_BYTES]);

/* Is there a delivery of which no part has gone? */
bool stream_can_drop(const struct output_stream *stream);

/*
 * Drop the oldest deliveries until no more than max_bytes of them are left, and say so, as
 * output_drop_oldest(). -1, ENOMEM: all is as it was.
 */
int stream_drop_oldest(struct output_stream *stream, size_t max_bytes,
                       output_pattern_fn *pattern_of, void *context, size_t *ndropped);

/* The same, and what is left takes no more memory than it needs. */
int stream_squeeze(struct output_stream *stream, size_t max_bytes,
                   output_pattern_fn *pattern_of, void *context, size_t *ndropped);

/* Drop all of them, and a source, as output_drop_all(); its end is the caller's business. */
int stream_drop_all(struct output_stream *stream, size_t *ndropped);

#endif
