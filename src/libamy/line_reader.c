/* SPDX-License-Identifier: MIT */
/*
 * line_reader.c - lines out of borrowed bytes; only what is incomplete is copied.
 *
 * What is still to be returned is what is kept, and then the chunk. A line that lies whole
 * in either is returned where it is; one that begins in what is kept and ends in the chunk
 * is completed in what is kept.
 *
 * A delimiter is looked for by its last byte: the first one that ends is the first one that
 * begins, as all are of one length. What stands before is compared then, also across the
 * border between what is kept and the chunk.
 */
#include <errno.h>

#include "amy.h"
#include "buffer.h"

/* Two pieces of the stream, the second behind the first. */
struct view {
	const char *before;
	size_t nbefore;
	const char *bytes;
	size_t nbytes;
};

static int
too_long(void)
{
	errno = EMSGSIZE;
	return -1;
}

void
amy_line_reader_init(struct amy_line_reader *reader, size_t max_line)
{
	memset(reader, 0, sizeof *reader);
	reader->max_line = clamp_bytes(max_line, 1);
	reader->delimiter[0] = '\n';
	reader->ndelimiter = 1;
}

int
amy_line_reader_init_delimiter(struct amy_line_reader *reader, size_t max_line,
                               const void *delimiter, size_t ndelimiter)
{
	if (ndelimiter < 1 || ndelimiter > sizeof reader->delimiter) {
		errno = EINVAL;
		return -1;
	}
	amy_line_reader_init(reader, max_line);
	memcpy(reader->delimiter, delimiter, ndelimiter);
	reader->ndelimiter = (uint8_t)ndelimiter;
	return 0;
}

void
amy_line_reader_set_max_line(struct amy_line_reader *reader, size_t max_line)
{
	reader->max_line = clamp_bytes(max_line, 1);
}

/* All that is ever kept of one line: it, and its delimiter. */
static size_t
reader_most(const struct amy_line_reader *reader)
{
	return (size_t)reader->max_line + reader->ndelimiter;
}

int
amy_line_reader_reserve(struct amy_line_reader *reader)
{
	return buffer_reserve(&reader->kept, reader_most(reader));
}

void
amy_line_reader_fini(struct amy_line_reader *reader)
{
	buffer_free(&reader->kept);
	reader->chunk = NULL;
	reader->nchunk = 0;
	reader->scanned = reader->last = 0;
	reader->last_kept = reader->discarding = false;
	reader->matched = 0;
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

/* ---- Delimiters ----------------------------------------------------------------------- */

/* Whether n bytes of view.bytes, and what stands before, end with m of the delimiter. */
static bool
reader_has_part(const struct amy_line_reader *reader, struct view view, size_t n, size_t m)
{
	size_t here = m < n ? m : n, before = m - here;

	if (before > view.nbefore)
		return false;
	if (before > 0 &&
	    memcmp(view.before + view.nbefore - before, reader->delimiter, before) != 0)
		return false;
	return memcmp(view.bytes + n - here, reader->delimiter + before, here) == 0;
}

/* As reader_find(), of a delimiter of more than one byte. */
OUT_OF_LINE static size_t
reader_find_long(const struct amy_line_reader *reader, struct view view)
{
	size_t m = reader->ndelimiter - 1u, n = 0;

	while (n < view.nbytes) {
		const char *hit = memchr(view.bytes + n, reader->delimiter[m], view.nbytes - n);

		if (hit == NULL)
			return 0;
		n = (size_t)(hit - view.bytes);
		if (reader_has_part(reader, view, n, m))
			return n + 1;
		n++;
	}
	return 0;
}

/*
 * How many bytes of view.bytes it takes to end the first delimiter, which may have begun in
 * what stands before; 0: none ends here.
 */
static inline size_t
reader_find(const struct amy_line_reader *reader, struct view view)
{
	const char *hit;

	if (reader->ndelimiter > 1)
		return reader_find_long(reader, view);
	hit = memchr(view.bytes, reader->delimiter[0], view.nbytes);
	return hit == NULL ? 0 : (size_t)(hit - view.bytes) + 1;
}

/* How many bytes at the end may be the beginning of a delimiter, of which none is there. */
OUT_OF_LINE static uint8_t
reader_match(const struct amy_line_reader *reader, struct view view)
{
	size_t m = reader->ndelimiter - 1u;

	while (m > 0 && !reader_has_part(reader, view, view.nbytes, m))
		m--;
	return (uint8_t)m;
}

/* ---- What is kept --------------------------------------------------------------------- */

static const char *
reader_kept(const struct amy_line_reader *reader)
{
	return reader->kept->bytes + reader->kept->start;
}

static void
reader_forget_kept(struct amy_line_reader *reader)
{
	buffer_forget(&reader->kept);
	reader->scanned = 0;
}

/* What is kept, but for its first bytes, of which it is known that there is no delimiter. */
static inline struct view
reader_view_kept(const struct amy_line_reader *reader)
{
	const char *kept = reader_kept(reader);

	return (struct view){ kept, reader->scanned, kept + reader->scanned,
		              buffer_nbytes(reader->kept) - reader->scanned };
}

/* The chunk, and what is kept before it. */
static inline struct view
reader_view_chunk(const struct amy_line_reader *reader)
{
	size_t nkept = buffer_nbytes(reader->kept);

	return (struct view){ nkept == 0 ? NULL : reader_kept(reader), nkept, reader->chunk,
		              reader->nchunk };
}

/* There is no delimiter in view. Whether the line is too long, whatever comes. */
static inline bool
reader_is_too_long(const struct amy_line_reader *reader, struct view view)
{
	size_t n = view.nbefore + view.nbytes;

	return n > reader->max_line && n - reader_match(reader, view) > reader->max_line;
}

static void
reader_advance(struct amy_line_reader *reader, size_t n)
{
	reader->chunk += n;
	reader->nchunk -= n;
}

/* Move the first n bytes of the chunk to what is kept. */
static int
reader_absorb(struct amy_line_reader *reader, size_t n)
{
	if (n == 0)
		return 0;
	if (buffer_make_room(&reader->kept, n, reader_most(reader)) == -1)
		return -1;
	buffer_copy(reader->kept, reader->chunk, n);
	reader_advance(reader, n);
	return 0;
}

/* ---- Lines that are too long ---------------------------------------------------------- */

/* What is in view belongs to a line that is too long, and has no delimiter. */
static int
reader_start_discarding(struct amy_line_reader *reader, struct view view)
{
	reader->matched = reader_match(reader, view);
	reader->discarding = true;
	reader_forget_kept(reader);
	return too_long();
}

/*
 * Drop the rest of a line that is too long. False: its delimiter has not come yet. What
 * was dropped ended with the first bytes of the delimiter: matched says how many.
 */
static bool
reader_discard(struct amy_line_reader *reader)
{
	const struct view view = { reader->delimiter, reader->matched, reader->chunk,
		                   reader->nchunk };
	size_t stop;

	if (reader->nchunk == 0)
		return false;
	stop = reader_find(reader, view);
	if (stop == 0) {
		reader->matched = reader_match(reader, view);
		reader->nchunk = 0;
		return false;
	}
	reader_advance(reader, stop);
	reader->discarding = false;
	return true;
}

/* ---- Lines ---------------------------------------------------------------------------- */

/* A line and its delimiter are the first stop bytes of what is kept. */
static int
reader_return_kept(struct amy_line_reader *reader, struct amy_bytes *line, size_t stop)
{
	const char *bytes = reader_kept(reader);
	size_t n = stop - reader->ndelimiter;

	reader->kept->start += (uint32_t)stop;
	reader->scanned = 0;
	if (n > reader->max_line)
		return too_long();
	line->bytes = bytes;
	line->nbytes = n;
	reader->last = (uint32_t)stop;
	reader->last_kept = true;
	return 1;
}

/* Of the chunk, and nothing is kept. */
static inline int
reader_return_chunk(struct amy_line_reader *reader, struct amy_bytes *line, size_t stop)
{
	const char *bytes = reader->chunk;
	size_t n = stop - reader->ndelimiter;

	reader_advance(reader, stop);
	if (n > reader->max_line)
		return too_long();
	line->bytes = bytes;
	line->nbytes = n;
	reader->last = (uint32_t)stop;
	reader->last_kept = false;
	return 1;
}

/* The line that began in what is kept ends with the first stop bytes of the chunk. */
static int
reader_complete(struct amy_line_reader *reader, struct amy_bytes *line, size_t stop)
{
	size_t total = buffer_nbytes(reader->kept) + stop;

	if (total - reader->ndelimiter > reader->max_line) {
		reader_forget_kept(reader);
		reader_advance(reader, stop);
		return too_long();
	}
	if (reader_absorb(reader, stop) == -1)
		return -1;
	return reader_return_kept(reader, line, total);
}

/* There is no delimiter in what is kept, if anything is, nor in the chunk. */
static int
reader_keep_rest(struct amy_line_reader *reader)
{
	const struct view view = reader_view_chunk(reader);

	if (reader_is_too_long(reader, view)) {
		reader->nchunk = 0;
		return reader_start_discarding(reader, view);
	}
	if (reader_absorb(reader, reader->nchunk) == -1)
		return -1;
	reader->scanned = (uint32_t)buffer_nbytes(reader->kept);
	return 0;
}

/* Something is kept that was not looked at. */
static int
reader_scan_kept(struct amy_line_reader *reader, struct amy_bytes *line)
{
	const struct view kept = reader_view_kept(reader);
	size_t stop = reader_find(reader, kept);

	if (stop > 0)
		return reader_return_kept(reader, line, kept.nbefore + stop);
	if (reader_is_too_long(reader, kept))
		return reader_start_discarding(reader, kept);
	reader->scanned = (uint32_t)(kept.nbefore + kept.nbytes);
	return 0;
}

/* Something is kept. */
static int
reader_next_kept(struct amy_line_reader *reader, struct amy_bytes *line)
{
	size_t stop;

	if (reader->scanned < buffer_nbytes(reader->kept)) {
		int rc = reader_scan_kept(reader, line);

		if (rc != 0)
			return rc;
	}
	if (reader->nchunk == 0)
		return 0;
	stop = reader_find(reader, reader_view_chunk(reader));
	return stop > 0 ? reader_complete(reader, line, stop) : reader_keep_rest(reader);
}

/* What amy_line_reader_next() is, when it is not as it nearly always is. */
OUT_OF_LINE static int
reader_next(struct amy_line_reader *reader, struct amy_bytes *line)
{
	size_t stop;

	if (reader->discarding && !reader_discard(reader))
		return 0;
	if (buffer_nbytes(reader->kept) > 0)
		return reader_next_kept(reader, line);
	reader_forget_kept(reader);
	if (reader->nchunk == 0)
		return 0;
	stop = reader_find(reader, reader_view_chunk(reader));
	return stop > 0 ? reader_return_chunk(reader, line, stop) : reader_keep_rest(reader);
}

/* Nearly always nothing is kept, and the delimiter is one byte. */
int
amy_line_reader_next(struct amy_line_reader *reader, struct amy_bytes *line)
{
	const char *hit;

	if (reader->discarding || reader->ndelimiter > 1 ||
	    (reader->kept != NULL && reader->kept->end > 0))
		return reader_next(reader, line);
	if (reader->nchunk == 0)
		return 0;
	hit = memchr(reader->chunk, reader->delimiter[0], reader->nchunk);
	if (hit == NULL)
		return reader_keep_rest(reader);
	return reader_return_chunk(reader, line, (size_t)(hit - reader->chunk) + 1);
}

void
amy_line_reader_unget(struct amy_line_reader *reader)
{
	if (reader->last_kept) {
		reader->kept->start -= reader->last;
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
amy_line_reader_finish(struct amy_line_reader *reader, struct amy_bytes *line)
{
	size_t n = buffer_nbytes(reader->kept);

	if (reader->discarding || n == 0)
		return 0;
	line->bytes = reader_kept(reader);
	line->nbytes = n;
	reader->kept->start = reader->kept->end;
	reader->scanned = 0;
	return n > reader->max_line ? too_long() : 1;
}

/* Something is kept that was not looked at. */
OUT_OF_LINE static bool
reader_has_line_kept(const struct amy_line_reader *reader)
{
	const struct view kept = reader_view_kept(reader);

	return reader_find(reader, kept) > 0 || reader_is_too_long(reader, kept);
}

bool
amy_line_reader_has_line(const struct amy_line_reader *reader)
{
	if (reader->nchunk > 0)
		return true;
	if (buffer_nbytes(reader->kept) <= reader->scanned)
		return false;
	return reader_has_line_kept(reader);
}

bool
amy_line_reader_is_empty(const struct amy_line_reader *reader)
{
	return reader->nchunk == 0 && buffer_nbytes(reader->kept) == 0 && !reader->discarding;
}
