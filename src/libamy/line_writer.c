/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "amy.h"

#define MAX_BYTES (1u << 30)
#define MIN_CAPACITY 128u

void
amy_line_writer_init(struct amy_line_writer *writer, size_t limit)
{
	memset(writer, 0, sizeof *writer);
	if (limit < 1)
		limit = 1;
	writer->limit = limit > MAX_BYTES ? MAX_BYTES : (uint32_t)limit;
}

void
amy_line_writer_fini(struct amy_line_writer *writer)
{
	free(writer->buffer);
	amy_line_writer_init(writer, writer->limit);
}

size_t
amy_line_writer_pending(const struct amy_line_writer *writer, const char **bytes)
{
	if (bytes != NULL)
		*bytes = writer->buffer == NULL ? NULL : writer->buffer + writer->start;
	return writer->end - writer->start;
}

static void
writer_forget_all(struct amy_line_writer *writer)
{
	free(writer->buffer);
	writer->buffer = NULL;
	writer->start = writer->end = writer->capacity = 0;
}

void
amy_line_writer_consume(struct amy_line_writer *writer, size_t nbytes)
{
	size_t pending = amy_line_writer_pending(writer, NULL);

	if (nbytes < pending)
		writer->start += (uint32_t)nbytes;
	else
		writer_forget_all(writer);
}

void
amy_line_writer_truncate(struct amy_line_writer *writer, size_t nbytes)
{
	if (nbytes == 0)
		writer_forget_all(writer);
	else if (nbytes < amy_line_writer_pending(writer, NULL))
		writer->end = writer->start + (uint32_t)nbytes;
}

static int
writer_grow(struct amy_line_writer *writer, size_t need)
{
	size_t capacity = writer->capacity < MIN_CAPACITY ? MIN_CAPACITY
	                                                  : (size_t)writer->capacity * 2;
	char *buffer;

	if (capacity < need)
		capacity = need;
	buffer = realloc(writer->buffer, capacity);
	if (buffer == NULL)
		return -1;
	writer->buffer = buffer;
	writer->capacity = (uint32_t)capacity;
	return 0;
}

/* Room for more bytes at buffer[end], within the limit. */
static int
writer_make_room(struct amy_line_writer *writer, size_t more)
{
	size_t pending = amy_line_writer_pending(writer, NULL);

	if (more > writer->limit - pending) {
		errno = ENOBUFS;
		return -1;
	}
	if (writer->buffer != NULL && writer->capacity - writer->end >= more)
		return 0;
	/* Moved only when at least as much was consumed: each byte once, on average. */
	if (writer->start > 0 && writer->start >= pending) {
		memcpy(writer->buffer, writer->buffer + writer->start, pending);
		writer->start = 0;
		writer->end = (uint32_t)pending;
	}
	if (writer->buffer != NULL && writer->capacity - writer->end >= more)
		return 0;
	return writer_grow(writer, writer->end + more);
}

static void
writer_copy(struct amy_line_writer *writer, const void *bytes, size_t nbytes)
{
	if (nbytes > 0)
		memcpy(writer->buffer + writer->end, bytes, nbytes);
	writer->end += (uint32_t)nbytes;
}

int
amy_line_writer_put(struct amy_line_writer *writer, const void *bytes, size_t nbytes)
{
	const struct amy_line line = { bytes, nbytes };

	return amy_line_writer_putv(writer, &line, 1);
}

int
amy_line_writer_putv(struct amy_line_writer *writer, const struct amy_line *pieces,
                     size_t npieces)
{
	size_t total = 1;

	for (size_t i = 0; i < npieces; i++) {
		if (pieces[i].nbytes >= MAX_BYTES - total) {
			errno = ENOBUFS;
			return -1;
		}
		total += pieces[i].nbytes;
	}
	if (writer_make_room(writer, total) == -1)
		return -1;
	for (size_t i = 0; i < npieces; i++)
		writer_copy(writer, pieces[i].bytes, pieces[i].nbytes);
	writer_copy(writer, "\n", 1);
	return 0;
}

int
amy_line_writer_append(struct amy_line_writer *writer, const void *bytes, size_t nbytes)
{
	if (nbytes == 0)
		return 0;
	if (writer_make_room(writer, nbytes) == -1)
		return -1;
	writer_copy(writer, bytes, nbytes);
	return 0;
}
