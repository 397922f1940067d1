/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "amy.h"
#include "buffer.h"
#include "line_writer.h"

void
amy_line_writer_init(struct amy_line_writer *writer, size_t limit)
{
	memset(writer, 0, sizeof *writer);
	writer->limit = clamp_bytes(limit, 1);
}

int
amy_line_writer_reserve(struct amy_line_writer *writer)
{
	return buffer_reserve(&writer->buffer, line_writer_most(writer));
}

void
amy_line_writer_fini(struct amy_line_writer *writer)
{
	buffer_free(&writer->buffer);
}

static char *
writer_pending(const struct amy_line_writer *writer)
{
	return writer->buffer->bytes + writer->buffer->start;
}

size_t
amy_line_writer_pending(const struct amy_line_writer *writer, const char **bytes)
{
	if (bytes != NULL)
		*bytes = writer->buffer == NULL ? NULL : writer_pending(writer);
	return buffer_nbytes(writer->buffer);
}

void
amy_line_writer_consume(struct amy_line_writer *writer, size_t nbytes)
{
	if (nbytes < buffer_nbytes(writer->buffer))
		writer->buffer->start += (uint32_t)nbytes;
	else
		buffer_forget(&writer->buffer);
}

void
amy_line_writer_truncate(struct amy_line_writer *writer, size_t nbytes)
{
	if (nbytes == 0)
		buffer_forget(&writer->buffer);
	else if (nbytes < buffer_nbytes(writer->buffer))
		writer->buffer->end = writer->buffer->start + (uint32_t)nbytes;
}

void
amy_line_writer_replace(struct amy_line_writer *writer, size_t at, size_t nbytes,
                        const void *bytes, size_t n)
{
	size_t before = at, behind = buffer_nbytes(writer->buffer) - at - nbytes;
	size_t less = nbytes - n;
	char *first, *place;

	if (nbytes == 0)
		return;
	first = writer_pending(writer);
	place = first + at;
	if (before <= behind) {
		memmove(first + less, first, before);
		writer->buffer->start += (uint32_t)less;
		place += less;
	} else {
		memmove(place + n, place + nbytes, behind);
		writer->buffer->end -= (uint32_t)less;
	}
	if (n > 0)
		memcpy(place, bytes, n);
	if (buffer_nbytes(writer->buffer) == 0)
		buffer_forget(&writer->buffer);
}

int
amy_line_writer_put(struct amy_line_writer *writer, const void *bytes, size_t nbytes)
{
	const struct amy_bytes line = { bytes, nbytes };

	return amy_line_writer_putv(writer, &line, 1);
}

int
amy_line_writer_putv(struct amy_line_writer *writer, const struct amy_bytes *pieces,
                     size_t npieces)
{
	size_t total = 1;

	if (!line_writer_add_up(&total, pieces, npieces, MAX_BYTES)) {
		errno = ENOBUFS;
		return -1;
	}
	if (line_writer_make_room(writer, total) == -1)
		return -1;
	line_writer_copy(writer, pieces, npieces);
	buffer_copy(writer->buffer, "\n", 1);
	return 0;
}

int
amy_line_writer_append(struct amy_line_writer *writer, const void *bytes, size_t nbytes)
{
	if (nbytes == 0)
		return 0;
	if (line_writer_make_room(writer, nbytes) == -1)
		return -1;
	buffer_copy(writer->buffer, bytes, nbytes);
	return 0;
}
