/* SPDX-License-Identifier: MIT */
/*
 * line_writer.h - what the writer of frames needs of that of lines, whose queue is its own.
 */
#ifndef LINE_WRITER_H
#define LINE_WRITER_H

#include <errno.h>

#include "amy.h"
#include "buffer.h"

/*
 * The most that a writer ever allocates. When the buffer is full, what is pending moves to
 * its front: the room behind the limit is how much has gone by then, so what is moved is at
 * most four times what is written.
 */
static inline size_t
line_writer_most(const struct amy_line_writer *writer)
{
	return (size_t)writer->limit + writer->limit / 4;
}

/* Room for more bytes, at least one, behind what is pending. Errors: ENOBUFS, ENOMEM. */
static inline int
line_writer_make_room(struct amy_line_writer *writer, size_t more)
{
	if (more > writer->limit - buffer_nbytes(writer->buffer)) {
		errno = ENOBUFS;
		return -1;
	}
	return buffer_make_room(&writer->buffer, more, line_writer_most(writer));
}

/* The bytes of the pieces, for which there is room. */
static inline void
line_writer_copy(struct amy_line_writer *writer, const struct amy_bytes *pieces, size_t npieces)
{
	for (size_t i = 0; i < npieces; i++)
		buffer_copy(writer->buffer, pieces[i].bytes, pieces[i].nbytes);
}

/*
 * Add to *total the bytes of the pieces. False: they come to more than max (at most
 * MAX_BYTES), and *total is not what they are.
 */
static inline bool
line_writer_add_up(size_t *total, const struct amy_bytes *pieces, size_t npieces, size_t max)
{
	for (size_t i = 0; i < npieces; i++) {
		if (pieces[i].nbytes > max - *total)
			return false;
		*total += pieces[i].nbytes;
	}
	return true;
}

#endif
