/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "output.h"

/* ---- The stream ------------------------------------------------------------------- */

/* All before the source has gone. */
static bool
source_has_its_turn(const struct output_stream *stream)
{
	return stream->source != NULL && stream->source_at == stream->sent;
}

/* Its entry is the caller's business. */
static void
source_end(struct output_stream *stream)
{
	struct output_source *source = stream->source;

	amy_line_writer_fini(&stream->made);
	stream->source = NULL;
	stream->source_is_dry = stream->made_is_cut = false;
	source->end(source);
}

static void
source_is_used_up(struct output_stream *stream)
{
	entries_pop(stream);
	entries_trim(stream);
	source_end(stream);
}

/* Have something of the source to be sent. False: it has none now, or it has ended. */
static bool
source_make(struct output_stream *stream)
{
	if (amy_line_writer_pending(&stream->made, NULL) > 0)
		return true;
	stream->source_is_dry = !stream->source->more(stream->source, &stream->made);
	if (amy_line_writer_pending(&stream->made, NULL) > 0)
		return true;
	if (stream->source_is_dry)
		source_is_used_up(stream);
	return false;
}

static void
source_consume(struct output_stream *stream, size_t nbytes)
{
	const char *bytes;
	size_t pending = amy_line_writer_pending(&stream->made, &bytes);

	assert(nbytes <= pending);
	if (nbytes == 0)
		return;
	stream->made_is_cut = bytes[nbytes - 1] != '\n';
	amy_line_writer_consume(&stream->made, nbytes);
	if (nbytes == pending && stream->source_is_dry)
		source_is_used_up(stream);
}

static bool
stream_first_has_gone(const struct output_stream *stream)
{
	const struct output_entry *first;

	if (stream->n == 0)
		return false;
	first = entry_of(stream, 0);
	return first->kind != ENTRY_SOURCE && entry_end(first) <= stream->sent;
}

static void
stream_forget_first(struct output_stream *stream)
{
	const struct output_entry *first = entry_of(stream, 0);

	if (first->kind == ENTRY_GAP) {
		stream->gap_bytes -= first->nbytes;
	} else {
		stream->ndeliveries--;
		stream->delivery_bytes -= first->nbytes + OUTPUT_OVERHEAD;
	}
	entries_pop(stream);
}

/* ---- The interface ---------------------------------------------------------------- */

void
output_init(struct output *output, size_t limit)
{
	output->stream = NULL;
	output->limit = (uint32_t)limit;
}

void
output_set_limit(struct output *output, size_t limit)
{
	output->limit = (uint32_t)limit;
}

/* NULL: ENOMEM. */
static struct output_stream *
output_stream(struct output *output)
{
	struct output_stream *stream = output->stream;

	if (stream != NULL)
		return stream;
	stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		return NULL;
	amy_line_writer_init(&stream->writer, STREAM_MAX_BYTES);
	amy_line_writer_init(&stream->made, STREAM_MAX_BYTES);
	output->stream = stream;
	return stream;
}

static bool
stream_is_empty(const struct output_stream *stream)
{
	return stream->source == NULL && amy_line_writer_pending(&stream->writer, NULL) == 0;
}

/* Where nothing waits there is no stream. */
static void
output_trim(struct output *output)
{
	struct output_stream *stream = output->stream;

	if (stream == NULL || !stream_is_empty(stream))
		return;
	amy_line_writer_fini(&stream->writer);
	free(stream->entries);
	free(stream);
	output->stream = NULL;
}

void
output_fini(struct output *output)
{
	struct output_stream *stream = output->stream;

	if (stream == NULL)
		return;
	if (stream->source != NULL)
		source_end(stream);
	amy_line_writer_truncate(&stream->writer, 0);
	output_trim(output);
}

int
output_answer(struct output *output, const struct amy_bytes *pieces, size_t npieces)
{
	struct output_stream *stream = output_stream(output);
	int result =
	    stream == NULL ? -1 : amy_line_writer_putv(&stream->writer, pieces, npieces);

	output_trim(output);
	return result;
}

int
output_answer_raw(struct output *output, const char *bytes, size_t nbytes)
{
	struct output_stream *stream = output_stream(output);
	int result =
	    stream == NULL ? -1 : amy_line_writer_append(&stream->writer, bytes, nbytes);

	output_trim(output);
	return result;
}

/* There is room. -1: ENOMEM, and all is as it was. */
static int
stream_deliver(struct output_stream *stream, const char *bytes, size_t nbytes,
               const struct output_mark *mark)
{
	struct output_entry entry = {
		.kind = ENTRY_DELIVERY,
		.at = stream_end(stream),
		.nbytes = (uint32_t)nbytes,
		.count = 1,
		.first_seq = mark->seq,
		.last_seq = mark->seq,
		.ref = mark->ref,
	};

	if (entries_reserve(stream) == -1)
		return -1;
	if (amy_line_writer_append(&stream->writer, bytes, nbytes) == -1) {
		entries_trim(stream);
		return -1;
	}
	entries_push(stream, &entry);
	stream->ndeliveries++;
	stream->delivery_bytes += nbytes + OUTPUT_OVERHEAD;
	return 0;
}

int
output_keep(struct output *output, const char *bytes, size_t nbytes,
            const struct output_mark *mark)
{
	struct output_stream *stream = output_stream(output);
	int result = stream == NULL ? -1 : stream_deliver(stream, bytes, nbytes, mark);

	output_trim(output);
	return result;
}

int
output_deliver(struct output *output, const char *bytes, size_t nbytes,
               const struct output_mark *mark)
{
	const struct output_stream *stream = output->stream;

	if (stream != NULL &&
	    stream->delivery_bytes + nbytes + OUTPUT_OVERHEAD > output->limit &&
	    stream_can_drop(stream)) {
		errno = ENOBUFS;
		return -1;
	}
	return output_keep(output, bytes, nbytes, mark);
}

int
output_put_source(struct output *output, struct output_source *source)
{
	struct output_stream *stream = output_stream(output);
	struct output_entry entry = { .kind = ENTRY_SOURCE };

	if (stream == NULL)
		return -1;
	assert(stream->source == NULL);
	if (entries_reserve(stream) == -1) {
		output_trim(output);
		return -1;
	}
	entry.at = stream_end(stream);
	entries_push(stream, &entry);
	stream->source = source;
	stream->source_at = entry.at;
	return 0;
}

bool
output_has_source(const struct output *output)
{
	return output->stream != NULL && output->stream->source != NULL;
}

bool
output_awaits_source(const struct output *output)
{
	const struct output_stream *stream = output->stream;

	return stream != NULL && source_has_its_turn(stream) &&
	       amy_line_writer_pending(&stream->made, NULL) == 0;
}

int
output_drop_oldest(struct output *output, size_t nbytes, output_pattern_fn *pattern_of,
                   void *context, size_t *ndropped)
{
	struct output_stream *stream = output->stream;
	size_t room = nbytes + OUTPUT_OVERHEAD + output->limit / 8;
	size_t max_bytes = room < output->limit ? output->limit - room : 0;

	*ndropped = 0;
	if (stream == NULL || stream->delivery_bytes <= max_bytes || !stream_can_drop(stream))
		return 0;
	if (stream_drop_oldest(stream, max_bytes, pattern_of, context, ndropped) == -1)
		return -1;
	output_trim(output);
	return 0;
}

int
output_squeeze(struct output *output, size_t max_bytes, output_pattern_fn *pattern_of,
               void *context, size_t *ndropped)
{
	struct output_stream *stream = output->stream;

	*ndropped = 0;
	if (stream == NULL || stream->delivery_bytes <= max_bytes || !stream_can_drop(stream))
		return 0;
	if (stream_squeeze(stream, max_bytes, pattern_of, context, ndropped) == -1)
		return -1;
	output_trim(output);
	return 0;
}

int
output_drop_all(struct output *output, size_t *ndropped)
{
	struct output_stream *stream = output->stream;

	*ndropped = 0;
	if (stream == NULL || (stream->source == NULL && !stream_can_drop(stream)))
		return 0;
	if (stream_drop_all(stream, ndropped) == -1)
		return -1;
	if (stream->source != NULL)
		source_end(stream);
	output_trim(output);
	return 0;
}

size_t
output_next(struct output *output, const char **bytes)
{
	struct output_stream *stream = output->stream;
	size_t pending;

	if (stream == NULL)
		return 0;
	if (source_has_its_turn(stream) && source_make(stream))
		return amy_line_writer_pending(&stream->made, bytes);
	if (source_has_its_turn(stream))
		return 0;
	pending = amy_line_writer_pending(&stream->writer, bytes);
	if (stream->source != NULL && stream->source_at - stream->sent < pending)
		pending = (size_t)(stream->source_at - stream->sent);
	output_trim(output);
	return pending;
}

/* Of what is no source. Returns how many deliveries have gone. */
static size_t
stream_consume(struct output_stream *stream, size_t nbytes)
{
	uint32_t ndeliveries = stream->ndeliveries;

	assert(nbytes <= amy_line_writer_pending(&stream->writer, NULL));
	amy_line_writer_consume(&stream->writer, nbytes);
	stream->sent += nbytes;
	while (stream_first_has_gone(stream))
		stream_forget_first(stream);
	entries_trim(stream);
	return ndeliveries - stream->ndeliveries;
}

size_t
output_consume(struct output *output, size_t nbytes)
{
	struct output_stream *stream = output->stream;
	size_t ngone = 0;

	if (stream == NULL)
		return 0;
	if (source_has_its_turn(stream))
		source_consume(stream, nbytes);
	else
		ngone = stream_consume(stream, nbytes);
	output_trim(output);
	return ngone;
}

bool
output_is_empty(const struct output *output)
{
	return output->stream == NULL;
}

size_t
output_pending(const struct output *output)
{
	const struct output_stream *stream = output->stream;

	return stream == NULL ? 0
	                      : amy_line_writer_pending(&stream->writer, NULL) +
	                            amy_line_writer_pending(&stream->made, NULL);
}

size_t
output_pending_answers(const struct output *output)
{
	const struct output_stream *stream = output->stream;
	size_t deliveries;

	if (stream == NULL)
		return 0;
	deliveries = stream->delivery_bytes - (size_t)stream->ndeliveries * OUTPUT_OVERHEAD;
	return amy_line_writer_pending(&stream->writer, NULL) + stream_part_gone(stream) -
	       deliveries - stream->gap_bytes;
}

uint32_t
output_count_deliveries(const struct output *output)
{
	return output->stream == NULL ? 0 : output->stream->ndeliveries;
}

size_t
output_delivery_bytes(const struct output *output)
{
	return output->stream == NULL ? 0 : output->stream->delivery_bytes;
}

size_t
output_memory(struct output *output)
{
	struct output_stream *stream = output->stream;
	size_t pending = output_pending(output);

	if (stream == NULL)
		return 0;
	if (stream->most_pending < pending)
		stream->most_pending = pending;
	return sizeof *stream + 2 * stream->most_pending +
	       stream->capacity * sizeof(struct output_entry);
}
