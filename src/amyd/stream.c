/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define MIN_CAPACITY 8u
#define MAX_GAP_LINE 384

/* ---- Entries: a ring -------------------------------------------------------------- */

static void
entries_replace(struct output_stream *stream, struct output_entry *entries, uint32_t n,
                uint32_t capacity)
{
	free(stream->entries);
	stream->entries = entries;
	stream->first = 0;
	stream->n = n;
	stream->capacity = capacity;
}

int
entries_reserve(struct output_stream *stream)
{
	uint32_t capacity = stream->capacity == 0 ? MIN_CAPACITY : stream->capacity * 2;
	struct output_entry *entries;

	if (stream->n < stream->capacity)
		return 0;
	entries = malloc(capacity * sizeof *entries);
	if (entries == NULL)
		return -1;
	for (uint32_t i = 0; i < stream->n; i++)
		entries[i] = *entry_of(stream, i);
	entries_replace(stream, entries, stream->n, capacity);
	return 0;
}

void
entries_trim(struct output_stream *stream)
{
	if (stream->n == 0)
		entries_replace(stream, NULL, 0, 0);
}

void
entries_push(struct output_stream *stream, const struct output_entry *entry)
{
	stream->n++;
	*entry_of(stream, stream->n - 1) = *entry;
}

void
entries_pop(struct output_stream *stream)
{
	stream->first = (stream->first + 1) & (stream->capacity - 1);
	stream->n--;
}

/* ---- Dropping --------------------------------------------------------------------- */

/*
 * A new writer and new entries, made from the old ones, which stay as they are until all
 * is done. What is kept is copied in as few pieces as there are gaps.
 */
struct rebuild {
	struct output_stream *stream;
	bool drops_source;
	size_t max_bytes; /* of deliveries that may stay */
	output_pattern_fn *pattern_of;
	void *context;

	struct amy_line_writer writer;
	struct output_entry *entries;
	uint32_t n;
	uint32_t ndeliveries;
	size_t delivery_bytes;
	size_t gap_bytes;
	uint64_t source_at;

	uint64_t from;            /* the old stream has been copied, or dropped, up to here */
	struct output_entry *gap; /* NULL, or the last entry, which has no line yet */

	/* The pattern that was asked for last. */
	bool has_asked;
	struct subscription_ref asked;
	size_t npattern;
	char pattern[SUBJECT_MAX_BYTES];
};

/* The output is what was made. */
static void
rebuild_commit(struct rebuild *rebuild)
{
	struct output_stream *stream = rebuild->stream;

	amy_line_writer_fini(&stream->writer);
	stream->writer = rebuild->writer;
	entries_replace(stream, rebuild->entries, rebuild->n, stream->capacity);
	entries_trim(stream);
	stream->ndeliveries = rebuild->ndeliveries;
	stream->delivery_bytes = rebuild->delivery_bytes;
	stream->gap_bytes = rebuild->gap_bytes;
	stream->source_at = rebuild->source_at;
}

/* Where it will be what was at a place of the old stream that has not been copied. */
static uint64_t
rebuild_place(const struct rebuild *rebuild, uint64_t at)
{
	return rebuild->stream->sent + amy_line_writer_pending(&rebuild->writer, NULL) +
	       (at - rebuild->from);
}

/* Keep the bytes up to that place of the old stream. */
static int
rebuild_copy(struct rebuild *rebuild, uint64_t until)
{
	const char *bytes;

	if (rebuild->from >= until)
		return 0;
	amy_line_writer_pending(&rebuild->stream->writer, &bytes);
	bytes += rebuild->from - rebuild->stream->sent;
	if (amy_line_writer_append(&rebuild->writer, bytes, until - rebuild->from) == -1)
		return -1;
	rebuild->from = until;
	return 0;
}

static bool
is_same_ref(struct subscription_ref a, struct subscription_ref b)
{
	return a.slot == b.slot && a.serial == b.serial;
}

/* Has it not ended? If so, rebuild->pattern is its pattern. */
static bool
rebuild_knows(struct rebuild *rebuild, struct subscription_ref ref)
{
	if (!rebuild->has_asked || !is_same_ref(rebuild->asked, ref))
		rebuild->npattern =
		    rebuild->pattern_of(rebuild->context, ref, rebuild->pattern);
	rebuild->has_asked = true;
	rebuild->asked = ref;
	return rebuild->npattern > 0;
}

/* Start a gap where the copy ends; one whose line is the last there goes on. */
static void
gap_open(struct rebuild *rebuild)
{
	struct output_entry *last = rebuild->n == 0 ? NULL : &rebuild->entries[rebuild->n - 1];
	uint64_t at = rebuild_place(rebuild, rebuild->from);

	if (last != NULL && last->kind == ENTRY_GAP && entry_end(last) == at &&
	    last->at >= rebuild->stream->sent) {
		amy_line_writer_truncate(&rebuild->writer, last->at - rebuild->stream->sent);
		rebuild->gap_bytes -= last->nbytes;
		if (last->pattern == PATTERN_ONE && !rebuild_knows(rebuild, last->ref))
			last->pattern = PATTERN_ENDED;
		rebuild->gap = last;
		return;
	}
	rebuild->gap = &rebuild->entries[rebuild->n++];
	*rebuild->gap = (struct output_entry){ .kind = ENTRY_GAP, .at = at };
}

/* The pattern is asked for only where it makes a difference. */
static enum gap_pattern
gap_pattern_with(struct rebuild *rebuild, const struct output_entry *gap,
                 struct subscription_ref ref)
{
	bool is_new = gap->count == 0;

	if (!is_new && (gap->pattern == PATTERN_SEVERAL || is_same_ref(gap->ref, ref)))
		return gap->pattern;
	if (!is_new && gap->pattern == PATTERN_ONE)
		return PATTERN_SEVERAL;
	if (!rebuild_knows(rebuild, ref))
		return PATTERN_ENDED;
	return is_new ? PATTERN_ONE : PATTERN_SEVERAL;
}

static void
gap_add(struct rebuild *rebuild, const struct output_entry *delivery)
{
	struct output_entry *gap = rebuild->gap;

	gap->pattern = gap_pattern_with(rebuild, gap, delivery->ref);
	gap->ref = delivery->ref;
	gap->count += delivery->count;
	if (delivery->first_seq == 0)
		return;
	if (gap->first_seq == 0 || gap->first_seq > delivery->first_seq)
		gap->first_seq = delivery->first_seq;
	if (gap->last_seq < delivery->last_seq)
		gap->last_seq = delivery->last_seq;
}

static size_t
gap_print(struct rebuild *rebuild, char line[MAX_GAP_LINE])
{
	const struct output_entry *gap = rebuild->gap;
	int n = snprintf(line, MAX_GAP_LINE, "! DROPPED %" PRIu64, gap->count);

	switch (gap->pattern) {
	case PATTERN_ENDED:
		break;
	case PATTERN_ONE:
		rebuild_knows(rebuild, gap->ref);
		n += snprintf(line + n, MAX_GAP_LINE - (size_t)n, " pat=%.*s",
		              (int)rebuild->npattern, rebuild->pattern);
		break;
	case PATTERN_SEVERAL:
		n += snprintf(line + n, MAX_GAP_LINE - (size_t)n, " pat=*");
		break;
	}
	if (gap->first_seq != 0)
		n += snprintf(line + n, MAX_GAP_LINE - (size_t)n, " seq=%" PRIu64 "-%" PRIu64,
		              gap->first_seq, gap->last_seq);
	line[n++] = '\n';
	return (size_t)n;
}

/* It is complete: say so. */
static int
gap_close(struct rebuild *rebuild)
{
	char line[MAX_GAP_LINE];
	size_t nbytes;

	if (rebuild->gap == NULL)
		return 0;
	nbytes = gap_print(rebuild, line);
	if (amy_line_writer_append(&rebuild->writer, line, nbytes) == -1)
		return -1;
	rebuild->gap->nbytes = (uint32_t)nbytes;
	rebuild->gap_bytes += nbytes;
	rebuild->gap = NULL;
	return 0;
}

static int
rebuild_keep(struct rebuild *rebuild, const struct output_entry *entry)
{
	struct output_entry *kept;

	if (gap_close(rebuild) == -1)
		return -1;
	kept = &rebuild->entries[rebuild->n++];
	*kept = *entry;
	kept->at = rebuild_place(rebuild, entry->at);
	if (kept->kind == ENTRY_SOURCE)
		rebuild->source_at = kept->at;
	return 0;
}

static int
rebuild_drop(struct rebuild *rebuild, const struct output_entry *entry)
{
	bool is_next = rebuild->gap != NULL && rebuild->from == entry->at;

	if (!is_next && (gap_close(rebuild) == -1 || rebuild_copy(rebuild, entry->at) == -1))
		return -1;
	rebuild->from = entry_end(entry);
	if (entry->kind != ENTRY_DELIVERY)
		return 0;
	rebuild->ndeliveries--;
	rebuild->delivery_bytes -= entry->nbytes + OUTPUT_OVERHEAD;
	if (rebuild->pattern_of == NULL)
		return 0;
	if (!is_next)
		gap_open(rebuild);
	gap_add(rebuild, entry);
	return 0;
}

static bool
rebuild_drops(const struct rebuild *rebuild, const struct output_entry *entry)
{
	if (entry->kind == ENTRY_SOURCE)
		return rebuild->drops_source;
	return entry->kind == ENTRY_DELIVERY && entry->at >= rebuild->stream->sent &&
	       rebuild->delivery_bytes > rebuild->max_bytes;
}

static int
rebuild_run(struct rebuild *rebuild)
{
	const struct output_stream *stream = rebuild->stream;

	for (uint32_t i = 0; i < stream->n; i++) {
		const struct output_entry *entry = entry_of(stream, i);
		int result = rebuild_drops(rebuild, entry) ? rebuild_drop(rebuild, entry)
		                                           : rebuild_keep(rebuild, entry);

		if (result == -1)
			return -1;
	}
	if (gap_close(rebuild) == -1)
		return -1;
	return rebuild_copy(rebuild, stream_end(stream));
}

/* A line of the source of which a part has gone is an answer from now on. */
static int
rebuild_keep_cut_line(struct rebuild *rebuild)
{
	const struct output_stream *stream = rebuild->stream;
	const char *bytes, *newline;
	size_t nbytes;

	if (!stream->made_is_cut)
		return 0;
	nbytes = amy_line_writer_pending(&stream->made, &bytes);
	newline = memchr(bytes, '\n', nbytes);
	if (newline != NULL)
		nbytes = (size_t)(newline - bytes) + 1;
	return amy_line_writer_append(&rebuild->writer, bytes, nbytes);
}

static int
rebuild_start(struct rebuild *rebuild)
{
	const struct output_stream *stream = rebuild->stream;

	amy_line_writer_init(&rebuild->writer, STREAM_MAX_BYTES);
	rebuild->ndeliveries = stream->ndeliveries;
	rebuild->delivery_bytes = stream->delivery_bytes;
	rebuild->gap_bytes = stream->gap_bytes;
	rebuild->from = stream->sent;
	/* A gap takes the place of a delivery at least: there will not be more of them.
	 */
	rebuild->entries = malloc(stream->capacity * sizeof *rebuild->entries);
	if (rebuild->entries == NULL)
		return -1;
	return rebuild->drops_source ? rebuild_keep_cut_line(rebuild) : 0;
}

/* All, or nothing. */
static int
stream_rebuild(struct rebuild *rebuild, size_t *ndropped)
{
	if (rebuild_start(rebuild) == -1 || rebuild_run(rebuild) == -1) {
		amy_line_writer_fini(&rebuild->writer);
		free(rebuild->entries);
		errno = ENOMEM;
		return -1;
	}
	*ndropped = rebuild->stream->ndeliveries - rebuild->ndeliveries;
	rebuild_commit(rebuild);
	return 0;
}

/* ---- Dropping in place ------------------------------------------------------------ */

/*
 * The oldest deliveries of a client that is slow all the time, and the line for the gap before
 * them. If nothing else stands in between, only the little that is before them is moved.
 */
struct stretch {
	uint32_t first, end;  /* entries that go */
	uint64_t from, until; /* their bytes in the stream */
	bool has_gap;         /* the first one is a gap, and goes on */
	struct output_entry gap;
	size_t nline; /* 0: nothing is said */
	char line[MAX_GAP_LINE];
};

/* Where it begins. False: there is nothing. */
static bool
stretch_start(const struct rebuild *rebuild, struct stretch *stretch)
{
	const struct output_stream *stream = rebuild->stream;
	const struct output_entry *entry;
	uint32_t i = stream_part_gone(stream) > 0 ? 1 : 0;

	if (i == stream->n)
		return false;
	entry = entry_of(stream, i);
	if (entry->kind == ENTRY_GAP && ++i == stream->n)
		return false;
	stretch->from = stretch->until = entry_of(stream, i)->at;
	stretch->has_gap = entry->kind == ENTRY_GAP && entry_end(entry) == stretch->from &&
	                   rebuild->pattern_of != NULL;
	if (stretch->has_gap)
		stretch->from = entry->at;
	stretch->first = stretch->has_gap ? i - 1 : i;
	stretch->end = i;
	return true;
}

/*
 * Where it ends. False: something else stands in between, or what is said of it might be
 * longer.
 */
static bool
stretch_extend(struct rebuild *rebuild, struct stretch *stretch)
{
	const struct output_stream *stream = rebuild->stream;
	size_t left = stream->delivery_bytes;

	for (; left > rebuild->max_bytes; stretch->end++) {
		const struct output_entry *entry = entry_of(stream, stretch->end);

		if (stretch->end == stream->n || entry->kind != ENTRY_DELIVERY ||
		    entry->at != stretch->until)
			return false;
		left -= entry->nbytes + OUTPUT_OVERHEAD;
		stretch->until = entry_end(entry);
	}
	return rebuild->pattern_of == NULL || stretch->until - stretch->from >= MAX_GAP_LINE;
}

/* What is said in its place. */
static void
stretch_print(struct rebuild *rebuild, struct stretch *stretch)
{
	const struct output_stream *stream = rebuild->stream;
	uint32_t i = stretch->first + (stretch->has_gap ? 1 : 0);

	stretch->nline = 0;
	if (rebuild->pattern_of == NULL)
		return;
	rebuild->gap = &stretch->gap;
	stretch->gap = (struct output_entry){ .kind = ENTRY_GAP };
	if (stretch->has_gap)
		stretch->gap = *entry_of(stream, stretch->first);
	if (stretch->gap.pattern == PATTERN_ONE && !rebuild_knows(rebuild, stretch->gap.ref))
		stretch->gap.pattern = PATTERN_ENDED;
	for (; i < stretch->end; i++)
		gap_add(rebuild, entry_of(stream, i));
	stretch->nline = gap_print(rebuild, stretch->line);
	rebuild->gap = NULL;
}

/* The entries: those before move up to what stays, and the gap comes in between. */
static void
stretch_replace_entries(struct output_stream *stream, const struct stretch *stretch)
{
	uint64_t nless = stretch->until - stretch->from - stretch->nline;
	uint32_t ngone = stretch->end - stretch->first - (stretch->nline > 0 ? 1 : 0);

	for (uint32_t i = stretch->first; i-- > 0;) {
		struct output_entry moved = *entry_of(stream, i);

		moved.at += nless;
		*entry_of(stream, i + ngone) = moved;
	}
	if (stretch->nline > 0) {
		struct output_entry *gap = entry_of(stream, stretch->first + ngone);

		*gap = stretch->gap;
		gap->at = stretch->until - stretch->nline;
		gap->nbytes = (uint32_t)stretch->nline;
	}
	stream->first = (stream->first + ngone) & (stream->capacity - 1);
	stream->n -= ngone;
	stream->sent += nless;
}

static void
stretch_count(struct output_stream *stream, const struct stretch *stretch)
{
	uint32_t ndeliveries = stretch->end - stretch->first - (stretch->has_gap ? 1 : 0);
	size_t nbytes = stretch->until - stretch->from;

	if (stretch->has_gap) {
		nbytes -= entry_of(stream, stretch->first)->nbytes;
		stream->gap_bytes -= entry_of(stream, stretch->first)->nbytes;
	}
	stream->gap_bytes += stretch->nline;
	stream->ndeliveries -= ndeliveries;
	stream->delivery_bytes -= nbytes + (size_t)ndeliveries * OUTPUT_OVERHEAD;
}

/* False: it cannot be done so, and all is as it was. */
static bool
stream_drop_in_place(struct rebuild *rebuild, size_t *ndropped)
{
	struct output_stream *stream = rebuild->stream;
	uint32_t ndeliveries = stream->ndeliveries;
	struct stretch stretch;

	if (!stretch_start(rebuild, &stretch) || !stretch_extend(rebuild, &stretch))
		return false;
	stretch_print(rebuild, &stretch);
	stretch_count(stream, &stretch);
	amy_line_writer_replace(&stream->writer, stretch.from - stream->sent,
	                        stretch.until - stretch.from, stretch.line, stretch.nline);
	stretch_replace_entries(stream, &stretch);
	entries_trim(stream);
	*ndropped = ndeliveries - stream->ndeliveries;
	return true;
}

bool
stream_can_drop(const struct output_stream *stream)
{
	bool first_is_cut =
	    stream_part_gone(stream) > 0 && entry_of(stream, 0)->kind == ENTRY_DELIVERY;

	return stream->ndeliveries > (first_is_cut ? 1 : 0);
}

int
stream_drop_oldest(struct output_stream *stream, size_t max_bytes,
                   output_pattern_fn *pattern_of, void *context, size_t *ndropped)
{
	struct rebuild rebuild = {
		.stream = stream,
		.max_bytes = max_bytes,
		.pattern_of = pattern_of,
		.context = context,
	};

	if (stream_drop_in_place(&rebuild, ndropped))
		return 0;
	return stream_rebuild(&rebuild, ndropped);
}

/* A ring begins at its first place after a rebuild. */
static void
entries_shrink(struct output_stream *stream)
{
	uint32_t capacity = MIN_CAPACITY;
	struct output_entry *entries;

	while (capacity < stream->n)
		capacity *= 2;
	if (stream->n == 0 || capacity >= stream->capacity)
		return;
	entries = realloc(stream->entries, capacity * sizeof *entries);
	if (entries == NULL)
		return;
	stream->entries = entries;
	stream->capacity = capacity;
}

int
stream_squeeze(struct output_stream *stream, size_t max_bytes, output_pattern_fn *pattern_of,
               void *context, size_t *ndropped)
{
	struct rebuild rebuild = {
		.stream = stream,
		.max_bytes = max_bytes,
		.pattern_of = pattern_of,
		.context = context,
	};

	if (stream_rebuild(&rebuild, ndropped) == -1)
		return -1;
	entries_shrink(stream);
	stream->most_pending = 0;
	return 0;
}

int
stream_drop_all(struct output_stream *stream, size_t *ndropped)
{
	struct rebuild rebuild = { .stream = stream, .drops_source = true };

	return stream_rebuild(&rebuild, ndropped);
}
