/* SPDX-License-Identifier: MIT */
/*
 * line_reader.c - lines out of borrowed bytes; only what is incomplete is copied.
 *
 * What is still to be returned is kept[start..end) and then the chunk. A line that lies
 * whole in either is returned where it is; one that begins in kept and ends in the chunk
 * is completed in kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amy.h"

#define MAX_BYTES (1u << 30)
#define MIN_CAPACITY 128u

void
amy_line_reader_init(struct amy_line_reader *reader, size_t max_line)
{
	memset(reader, 0, sizeof *reader);
	if (max_line < 1)
		max_line = 1;
	reader->max_line = max_line > MAX_BYTES ? MAX_BYTES : (uint32_t)max_line;
}

void
amy_line_reader_fini(struct amy_line_reader *reader)
{
	free(reader->kept);
	amy_line_reader_init(reader, reader->max_line);
}

static uint32_t
reader_nkept(const struct amy_line_reader *reader)
{
	return reader->end - reader->start;
}

static void
reader_forget_kept(struct amy_line_reader *reader)
{
	free(reader->kept);
	reader->kept = NULL;
	reader->start = reader->end = reader->capacity = reader->scanned = 0;
}

/* Room for more bytes at kept[end]: by moving what is kept to the front, or by growing. */
static int
reader_make_room(struct amy_line_reader *reader, size_t more)
{
	uint32_t nkept = reader_nkept(reader);
	size_t need = nkept + more;
	size_t capacity = reader->capacity;
	char *kept;

	if (reader->capacity - reader->end >= more && reader->kept != NULL)
		return 0;
	if (reader->start > 0) {
		memmove(reader->kept, reader->kept + reader->start, nkept);
		reader->start = 0;
		reader->end = nkept;
	}
	if (capacity >= need && reader->kept != NULL)
		return 0;
	if (need > 2 * (size_t)MAX_BYTES) {
		errno = ENOMEM;
		return -1;
	}
	capacity = capacity < MIN_CAPACITY ? MIN_CAPACITY : capacity * 2;
	if (capacity < need)
		capacity = need;
	kept = realloc(reader->kept, capacity);
	if (kept == NULL)
		return -1;
	reader->kept = kept;
	reader->capacity = (uint32_t)capacity;
	return 0;
}

/* Move the first n bytes of the chunk to kept. */
static int
reader_absorb(struct amy_line_reader *reader, size_t n)
{
	if (n == 0)
		return 0;
	if (reader_make_room(reader, n) == -1)
		return -1;
	memcpy(reader->kept + reader->end, reader->chunk, n);
	reader->end += (uint32_t)n;
	reader->chunk += n;
	reader->nchunk -= n;
	return 0;
}

int
amy_line_reader_feed(struct amy_line_reader *reader, const void *bytes, size_t nbytes)
{
	if (reader->nchunk > 0) {
		errno = EBUSY;
		return -1;
	}
	if (nbytes > MAX_BYTES) {
		errno = EINVAL;
		return -1;
	}
	reader->chunk = bytes;
	reader->nchunk = nbytes;
	return 0;
}

/* Drop the rest of a line that is too long. False: its LF has not come yet. */
static bool
reader_discard(struct amy_line_reader *reader)
{
	const char *lf = reader->nchunk == 0 ? NULL
	                                     : memchr(reader->chunk, '\n', reader->nchunk);

	if (lf == NULL) {
		reader->nchunk = 0;
		return false;
	}
	reader->nchunk -= (size_t)(lf + 1 - reader->chunk);
	reader->chunk = lf + 1;
	reader->discarding = false;
	return true;
}

static int
reader_too_long(void)
{
	errno = EMSGSIZE;
	return -1;
}

/* A line of n bytes and its LF stand at the front of what is kept. */
static int
reader_return_kept(struct amy_line_reader *reader, struct amy_line *line, size_t n)
{
	const char *bytes = reader->kept + reader->start;

	reader->start += (uint32_t)n + 1;
	reader->scanned = 0;
	if (n > reader->max_line)
		return reader_too_long();
	line->bytes = bytes;
	line->nbytes = n;
	reader->last = (uint32_t)n + 1;
	reader->last_kept = true;
	return 1;
}

/* The same of the chunk, and the line is not too long. */
static int
reader_return_chunk(struct amy_line_reader *reader, struct amy_line *line, size_t n)
{
	const char *bytes = reader->chunk;

	reader->chunk += n + 1;
	reader->nchunk -= n + 1;
	line->bytes = bytes;
	line->nbytes = n;
	reader->last = (uint32_t)n + 1;
	reader->last_kept = false;
	return 1;
}

/* More than max_line bytes, and no LF among them: drop them, and the chunk up to its LF. */
static int
reader_start_discarding(struct amy_line_reader *reader)
{
	reader_forget_kept(reader);
	reader->discarding = true;
	return reader_too_long();
}

/* There is no LF in kept. */
static int
reader_next_across(struct amy_line_reader *reader, struct amy_line *line)
{
	size_t nkept = reader_nkept(reader);
	const char *lf = memchr(reader->chunk, '\n', reader->nchunk);
	size_t n = lf == NULL ? reader->nchunk : (size_t)(lf - reader->chunk);

	if (nkept + n > reader->max_line)
		return reader_start_discarding(reader);
	if (lf == NULL) {
		if (reader_absorb(reader, n) == -1)
			return -1;
		reader->scanned = reader_nkept(reader);
		return 0;
	}
	if (nkept == 0)
		return reader_return_chunk(reader, line, n);
	if (reader_absorb(reader, n + 1) == -1)
		return -1;
	return reader_return_kept(reader, line, nkept + n);
}

int
amy_line_reader_next(struct amy_line_reader *reader, struct amy_line *line)
{
	if (reader->discarding && !reader_discard(reader))
		return 0;
	if (reader_nkept(reader) > 0) {
		const char *from = reader->kept + reader->start;
		size_t nkept = reader_nkept(reader);
		const char *lf = memchr(from + reader->scanned, '\n',
		                        nkept - reader->scanned);

		if (lf != NULL)
			return reader_return_kept(reader, line, (size_t)(lf - from));
		if (nkept > reader->max_line)
			return reader_start_discarding(reader);
		reader->scanned = (uint32_t)nkept;
	} else if (reader->kept != NULL) {
		reader_forget_kept(reader);
	}
	return reader->nchunk == 0 ? 0 : reader_next_across(reader, line);
}

void
amy_line_reader_unget(struct amy_line_reader *reader)
{
	if (reader->last_kept) {
		reader->start -= reader->last;
		reader->scanned = 0;
	} else {
		reader->chunk -= reader->last;
		reader->nchunk += reader->last;
	}
	reader->last = 0;
}

int
amy_line_reader_keep(struct amy_line_reader *reader)
{
	if (reader->discarding)
		reader_discard(reader);
	return reader_absorb(reader, reader->nchunk);
}

int
amy_line_reader_finish(struct amy_line_reader *reader, struct amy_line *line)
{
	uint32_t n = reader_nkept(reader);

	if (reader->discarding || n == 0)
		return 0;
	line->bytes = reader->kept + reader->start;
	line->nbytes = n;
	reader->start = reader->end;
	reader->scanned = 0;
	return 1;
}

bool
amy_line_reader_has_line(const struct amy_line_reader *reader)
{
	uint32_t n = reader_nkept(reader);

	if (reader->nchunk > 0)
		return true;
	if (n <= reader->scanned)
		return false;
	return n > reader->max_line || memchr(reader->kept + reader->start + reader->scanned,
	                                      '\n', n - reader->scanned) != NULL;
}
