/* SPDX-License-Identifier: MIT */
/*
 * The line reader. The first byte of the input is max_line, the second seeds the sizes of the
 * reads and what else is done; the rest is the stream. Whatever the reads are, the lines are those
 * that a search for the delimiter in the whole stream finds.
 */
#include <errno.h>
#include <stdbool.h>

#include <amy.h>

#include "fuzz.h"

/* What has come: each line and '|', "!|" for one too long, the unterminated rest and '~'. */
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

static void
note_line(struct transcript *transcript, const char *bytes, size_t nbytes, size_t max_line,
          char end)
{
	if (nbytes > max_line)
		note(transcript, "!", 1, '|');
	else
		note(transcript, bytes, nbytes, end);
}

static void
note_expected(struct transcript *transcript, const char *bytes, size_t nbytes,
              struct amy_bytes delimiter, size_t max_line)
{
	const char *end;

	while (nbytes > 0 &&
	       (end = memmem(bytes, nbytes, delimiter.bytes, delimiter.nbytes)) != NULL) {
		note_line(transcript, bytes, (size_t)(end - bytes), max_line, '|');
		nbytes -= (size_t)(end - bytes) + delimiter.nbytes;
		bytes = end + delimiter.nbytes;
	}
	if (nbytes > 0)
		note_line(transcript, bytes, nbytes, max_line, '~');
}

static unsigned
next_random(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 16;
}

/* Take the lines of what was fed; now and then one is put back, or the rest kept. */
static void
take_lines(struct amy_line_reader *reader, struct transcript *transcript, unsigned *seed)
{
	struct amy_bytes line;
	bool is_again = false;
	int rc;

	while ((rc = amy_line_reader_next(reader, &line)) != 0) {
		FUZZ_CHECK(rc == 1 || errno == EMSGSIZE);
		if (rc == -1) {
			note(transcript, "!", 1, '|');
		} else if (!is_again && next_random(seed) % 4 == 0) {
			amy_line_reader_unget(reader);
			FUZZ_CHECK(amy_line_reader_has_line(reader));
			is_again = true;
			continue;
		} else {
			note(transcript, line.bytes, line.nbytes, '|');
		}
		is_again = false;
		if (next_random(seed) % 8 == 0)
			FUZZ_CHECK(amy_line_reader_keep(reader) == 0);
	}
	FUZZ_CHECK(!amy_line_reader_has_line(reader));
}

static void
take_rest(struct amy_line_reader *reader, struct transcript *transcript)
{
	struct amy_bytes line;
	int rc = amy_line_reader_finish(reader, &line);

	if (rc == 1)
		note(transcript, line.bytes, line.nbytes, '~');
	else if (rc == -1)
		note(transcript, "!", 1, '|');
}

static void
read_in_pieces(struct amy_line_reader *reader, struct transcript *transcript, const char *bytes,
               size_t nbytes, unsigned seed)
{
	while (nbytes > 0) {
		size_t n = 1 + next_random(&seed) % 16;
		char *piece;

		if (n > nbytes || seed % 5 == 0)
			n = nbytes;
		piece = fuzz_copy(bytes, n);
		FUZZ_CHECK(amy_line_reader_feed(reader, piece, n) == 0);
		take_lines(reader, transcript, &seed);
		free(piece);
		bytes += n;
		nbytes -= n;
	}
	take_rest(reader, transcript);
}

static void
check_delimiter(struct amy_bytes delimiter, size_t max_line, unsigned seed, const char *bytes,
                size_t nbytes)
{
	struct transcript expected = { malloc(3 * nbytes + 2), 0 };
	struct transcript actual = { malloc(3 * nbytes + 2), 0 };
	struct amy_line_reader reader;

	FUZZ_CHECK(expected.bytes != NULL && actual.bytes != NULL);
	FUZZ_CHECK(amy_line_reader_init_delimiter(&reader, max_line, delimiter.bytes,
	                                          delimiter.nbytes) == 0);
	note_expected(&expected, bytes, nbytes, delimiter, max_line);
	read_in_pieces(&reader, &actual, bytes, nbytes, seed);
	amy_line_reader_fini(&reader);
	FUZZ_CHECK(actual.nbytes == expected.nbytes);
	FUZZ_CHECK(actual.nbytes == 0 ||
	           memcmp(actual.bytes, expected.bytes, actual.nbytes) == 0);
	free(expected.bytes);
	free(actual.bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct amy_bytes delimiters[] = { { "\n", 1 },
		                                       { "\r\n", 2 },
		                                       { "aab", 3 } };

	if (size < 2)
		return 0;
	for (size_t i = 0; i < sizeof delimiters / sizeof delimiters[0]; i++)
		check_delimiter(delimiters[i], 1 + data[0] % 64, data[1],
		                (const char *)data + 2, size - 2);
	return 0;
}
