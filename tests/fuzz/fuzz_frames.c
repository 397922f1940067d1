/* SPDX-License-Identifier: MIT */
/*
 * The frame reader, of both framings. The first byte of the input is max_frame, the second seeds
 * the sizes of the reads; the rest is the stream. Read in pieces it has the frames that it has in
 * one; and what the frame writer makes of them is read as the same.
 */
#include <errno.h>

#include <amy.h>

#include "fuzz.h"

/* What has come: each frame and '|', "!|" for one too long, '?' where it is no frame. */
struct transcript {
	char *bytes;
	size_t nbytes;
};

static void
note(struct transcript *transcript, const void *bytes, size_t nbytes, char end)
{
	if (nbytes > 0)
		memcpy(transcript->bytes + transcript->nbytes, bytes, nbytes);
	transcript->nbytes += nbytes;
	transcript->bytes[transcript->nbytes++] = end;
}

/* A frame that comes is read from what a writer makes of it, too. */
static void
check_writer(enum amy_framing framing, struct amy_bytes frame)
{
	struct amy_frame_writer writer;
	struct amy_frame_reader reader;
	struct amy_bytes copy = { NULL, 0 };
	const char *pending;
	size_t n;

	amy_frame_writer_init(&writer, framing, frame.nbytes, frame.nbytes + 64);
	amy_frame_reader_init(&reader, framing, frame.nbytes);
	FUZZ_CHECK(amy_frame_writer_put(&writer, frame.bytes, frame.nbytes) == 0);
	n = amy_frame_writer_pending(&writer, &pending);
	FUZZ_CHECK(amy_frame_reader_feed(&reader, pending, n) == 0);
	FUZZ_CHECK(amy_frame_reader_next(&reader, &copy) == 1);
	FUZZ_CHECK(copy.nbytes == frame.nbytes);
	FUZZ_CHECK(copy.nbytes == 0 || memcmp(copy.bytes, frame.bytes, copy.nbytes) == 0);
	amy_frame_reader_fini(&reader);
	amy_frame_writer_fini(&writer);
}

/* -1: it is no frame; nothing can be read any more. */
static int
take_frames(struct amy_frame_reader *reader, enum amy_framing framing,
            struct transcript *transcript)
{
	struct amy_bytes frame;
	int rc;

	while ((rc = amy_frame_reader_next(reader, &frame)) != 0) {
		if (rc == 1) {
			check_writer(framing, frame);
			note(transcript, frame.bytes, frame.nbytes, '|');
		} else if (errno == EMSGSIZE) {
			note(transcript, "!", 1, '|');
		} else {
			FUZZ_CHECK(errno == EBADMSG);
			note(transcript, NULL, 0, '?');
			return -1;
		}
	}
	return 0;
}

/* seed 0: all at once. */
static void
read_stream(enum amy_framing framing, size_t max_frame, unsigned seed, const char *bytes,
            size_t nbytes, struct transcript *transcript)
{
	struct amy_frame_reader reader;
	int rc = 0;

	amy_frame_reader_init(&reader, framing, max_frame);
	while (nbytes > 0 && rc == 0) {
		size_t n = seed == 0 ? nbytes : 1 + (seed = seed * 1103515245u + 12345u) % 13;
		char *piece;

		if (n > nbytes)
			n = nbytes;
		piece = fuzz_copy(bytes, n);
		FUZZ_CHECK(amy_frame_reader_feed(&reader, piece, n) == 0);
		if (seed % 7 == 1)
			FUZZ_CHECK(amy_frame_reader_keep(&reader) == 0);
		rc = take_frames(&reader, framing, transcript);
		free(piece);
		bytes += n;
		nbytes -= n;
	}
	note(transcript, amy_frame_reader_is_empty(&reader) ? "." : "~", 1, '|');
	amy_frame_reader_fini(&reader);
}

static void
check_framing(enum amy_framing framing, size_t max_frame, unsigned seed, const char *bytes,
              size_t nbytes)
{
	struct transcript whole = { malloc(3 * nbytes + 4), 0 };
	struct transcript pieces = { malloc(3 * nbytes + 4), 0 };

	FUZZ_CHECK(whole.bytes != NULL && pieces.bytes != NULL);
	read_stream(framing, max_frame, 0, bytes, nbytes, &whole);
	read_stream(framing, max_frame, seed + 1, bytes, nbytes, &pieces);
	FUZZ_CHECK(whole.nbytes == pieces.nbytes);
	FUZZ_CHECK(memcmp(whole.bytes, pieces.bytes, whole.nbytes) == 0);
	free(whole.bytes);
	free(pieces.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	check_framing(AMY_FRAME_LENGTH32, data[0], data[1], (const char *)data + 2, size - 2);
	check_framing(AMY_FRAME_NETSTRING, data[0], data[1], (const char *)data + 2, size - 2);
	return 0;
}
