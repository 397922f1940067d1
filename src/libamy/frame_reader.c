/* SPDX-License-Identifier: MIT */
/*
 * frame_reader.c - frames out of borrowed bytes; only what is incomplete is copied.
 *
 * What is still to be read is what is kept, and then the chunk. Headers are never kept, but
 * read a byte at a time into length and nheader: so a header in pieces, and a frame that is
 * too long, cost no memory.
 */
#include <errno.h>

#include "amy.h"
#include "buffer.h"

enum frame_state {
	FRAME_HEADER,  /* nheader bytes of it were read, and length is what they say so far */
	FRAME_BODY,    /* length bytes come next, and the trailer */
	FRAME_REFUSED, /* the same, but they are too many, which is yet to be said */
	FRAME_SKIPPED, /* length bytes, and the trailer, are yet to be dropped */
	FRAME_BROKEN,  /* where the next frame begins is not known */
};

void
amy_frame_reader_init(struct amy_frame_reader *reader, enum amy_framing framing,
                      size_t max_frame)
{
	memset(reader, 0, sizeof *reader);
	reader->framing = framing;
	reader->max_frame = clamp_bytes(max_frame, 0);
}

int
amy_frame_reader_reserve(struct amy_frame_reader *reader)
{
	return buffer_reserve(&reader->kept, (size_t)reader->max_frame + AMY_FRAME_HEADER_MAX);
}

void
amy_frame_reader_fini(struct amy_frame_reader *reader)
{
	buffer_free(&reader->kept);
	amy_frame_reader_init(reader, reader->framing, reader->max_frame);
}

int
amy_frame_reader_feed(struct amy_frame_reader *reader, const void *bytes, size_t nbytes)
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

/* ---- Headers, and what is dropped ----------------------------------------------------- */

static void
reader_begin(struct amy_frame_reader *reader)
{
	reader->state = FRAME_HEADER;
	reader->length = 0;
	reader->nheader = 0;
}

static void
reader_end_header(struct amy_frame_reader *reader)
{
	reader->state = reader->length > reader->max_frame ? FRAME_REFUSED : FRAME_BODY;
}

static void
reader_read_length_byte(struct amy_frame_reader *reader, unsigned char byte)
{
	reader->length = reader->length << 8 | byte;
	if (++reader->nheader == 4)
		reader_end_header(reader);
}

/* One way to write a number is right: without a zero in front, and below 2^32. */
static void
reader_read_digit(struct amy_frame_reader *reader, unsigned char digit)
{
	uint64_t length = reader->length * UINT64_C(10) + digit;

	if ((reader->nheader > 0 && reader->length == 0) || length > UINT32_MAX) {
		reader->state = FRAME_BROKEN;
		return;
	}
	reader->length = (uint32_t)length;
	reader->nheader++;
}

static void
reader_read_netstring_byte(struct amy_frame_reader *reader, unsigned char byte)
{
	if (byte >= '0' && byte <= '9')
		reader_read_digit(reader, byte - '0');
	else if (byte == ':' && reader->nheader > 0)
		reader_end_header(reader);
	else
		reader->state = FRAME_BROKEN;
}

/* Read of n bytes those of a header. How many these are. */
static size_t
reader_read_header(struct amy_frame_reader *reader, const char *bytes, size_t n)
{
	size_t i = 0;

	while (i < n && reader->state == FRAME_HEADER) {
		unsigned char byte = (unsigned char)bytes[i++];

		switch (reader->framing) {
		case AMY_FRAME_LENGTH32:
			reader_read_length_byte(reader, byte);
			break;
		case AMY_FRAME_NETSTRING:
			reader_read_netstring_byte(reader, byte);
			break;
		}
	}
	return i;
}

static bool
has_trailer(const struct amy_frame_reader *reader)
{
	return reader->framing == AMY_FRAME_NETSTRING;
}

/* Drop of n bytes those of a frame that is too long. How many these are. */
static size_t
reader_skip(struct amy_frame_reader *reader, const char *bytes, size_t n)
{
	size_t nskipped = n < reader->length ? n : reader->length;

	reader->length -= (uint32_t)nskipped;
	if (reader->length > 0)
		return nskipped;
	if (!has_trailer(reader)) {
		reader_begin(reader);
	} else if (nskipped < n) {
		if (bytes[nskipped] == ',')
			reader_begin(reader);
		else
			reader->state = FRAME_BROKEN;
		nskipped++;
	}
	return nskipped;
}

typedef size_t step_fn(struct amy_frame_reader *reader, const char *bytes, size_t n);

static const char *
reader_kept(const struct amy_frame_reader *reader)
{
	return reader->kept->bytes + reader->kept->start;
}

static void
reader_advance(struct amy_frame_reader *reader, size_t n)
{
	reader->chunk += n;
	reader->nchunk -= n;
}

/* Let step take what it wants from what comes first. False: there is nothing. */
static bool
reader_step(struct amy_frame_reader *reader, step_fn *step)
{
	size_t nkept = buffer_nbytes(reader->kept);

	if (nkept > 0) {
		size_t n = step(reader, reader_kept(reader), nkept);

		reader->kept->start += (uint32_t)n;
		if (n == nkept)
			buffer_forget(&reader->kept);
		return true;
	}
	if (reader->nchunk == 0)
		return false;
	reader_advance(reader, step(reader, reader->chunk, reader->nchunk));
	return true;
}

/* ---- Frames --------------------------------------------------------------------------- */

/* Move the first n bytes of the chunk to what is kept, which needs most at most. */
static int
reader_absorb(struct amy_frame_reader *reader, size_t n, size_t most)
{
	if (n == 0)
		return 0;
	if (buffer_make_room(&reader->kept, n, most) == -1)
		return -1;
	buffer_copy(reader->kept, reader->chunk, n);
	reader_advance(reader, n);
	return 0;
}

static void
reader_drop_all(struct amy_frame_reader *reader)
{
	buffer_forget(&reader->kept);
	reader->nchunk = 0;
}

static int
reader_break(struct amy_frame_reader *reader)
{
	reader->state = FRAME_BROKEN;
	reader_drop_all(reader);
	errno = EBADMSG;
	return -1;
}

/* The frame is there, from bytes on. */
static int
reader_return(struct amy_frame_reader *reader, struct amy_bytes *frame, const char *bytes)
{
	if (has_trailer(reader) && bytes[reader->length] != ',')
		return reader_break(reader);
	frame->bytes = bytes;
	frame->nbytes = reader->length;
	reader_begin(reader);
	return 1;
}

/* Move to what is kept what the chunk has of the total bytes. Whether they are all there. */
static int
reader_collect(struct amy_frame_reader *reader, size_t total)
{
	size_t missing = total - buffer_nbytes(reader->kept);
	bool is_all = missing <= reader->nchunk;

	if (reader_absorb(reader, is_all ? missing : reader->nchunk, total) == -1)
		return -1;
	return is_all;
}

/* The frame that comes next is within max_frame. */
static int
reader_read_body(struct amy_frame_reader *reader, struct amy_bytes *frame)
{
	size_t total = (size_t)reader->length + (has_trailer(reader) ? 1 : 0);
	size_t nkept = buffer_nbytes(reader->kept);
	const char *bytes;

	if (total == 0)
		return reader_return(reader, frame, "");
	if (nkept == 0 && reader->nchunk >= total) {
		bytes = reader->chunk;
		reader_advance(reader, total);
		return reader_return(reader, frame, bytes);
	}
	if (nkept < total) {
		int rc = reader_collect(reader, total);

		if (rc != 1)
			return rc;
	}
	bytes = reader_kept(reader);
	reader->kept->start += (uint32_t)total;
	return reader_return(reader, frame, bytes);
}

int
amy_frame_reader_next(struct amy_frame_reader *reader, struct amy_bytes *frame)
{
	if (reader->kept != NULL && buffer_nbytes(reader->kept) == 0)
		buffer_forget(&reader->kept);
	for (;;) {
		switch ((enum frame_state)reader->state) {
		case FRAME_HEADER:
			if (!reader_step(reader, reader_read_header))
				return 0;
			break;
		case FRAME_SKIPPED:
			if (!reader_step(reader, reader_skip))
				return 0;
			break;
		case FRAME_BODY:
			return reader_read_body(reader, frame);
		case FRAME_REFUSED:
			reader->state = FRAME_SKIPPED;
			errno = EMSGSIZE;
			return -1;
		case FRAME_BROKEN:
			return reader_break(reader);
		}
	}
}

int
amy_frame_reader_keep(struct amy_frame_reader *reader)
{
	while (reader->state == FRAME_SKIPPED && reader_step(reader, reader_skip))
		;
	if (reader->state == FRAME_BROKEN)
		reader_drop_all(reader);
	return reader_absorb(reader, reader->nchunk,
	                     (size_t)reader->max_frame + AMY_FRAME_HEADER_MAX);
}

bool
amy_frame_reader_is_empty(const struct amy_frame_reader *reader)
{
	return reader->state == FRAME_HEADER && reader->nheader == 0 && reader->nchunk == 0 &&
	       buffer_nbytes(reader->kept) == 0;
}
