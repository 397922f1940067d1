/* SPDX-License-Identifier: MIT */
/*
 * What a reader says of a stream is written down as a transcript: a line as its bytes and
 * '|', a line too long as "!|", and the unterminated rest as its bytes and '~'. Whatever
 * the reads were, the transcript must be the same.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amy.h"
#include "buffer.h"
#include "faults.h"
#include "harness.h"

struct transcript {
	char bytes[1 << 16];
	size_t nbytes;
};

/* What the lines of the test that runs end with. */
static struct amy_bytes delimiter = { "\n", 1 };

static void
use_delimiter(const char *bytes, size_t nbytes)
{
	delimiter = (struct amy_bytes){ bytes, nbytes };
}

static void
start(struct amy_line_reader *reader, size_t max_line)
{
	if (delimiter.nbytes == 1 && *delimiter.bytes == '\n')
		amy_line_reader_init(reader, max_line);
	else
		MUST(amy_line_reader_init_delimiter(reader, max_line, delimiter.bytes,
		                                    delimiter.nbytes) == 0);
}

static void
note(struct transcript *transcript, const void *bytes, size_t nbytes, char end)
{
	MUST(transcript->nbytes + nbytes < sizeof transcript->bytes);
	if (nbytes > 0)
		memcpy(transcript->bytes + transcript->nbytes, bytes, nbytes);
	transcript->nbytes += nbytes;
	transcript->bytes[transcript->nbytes++] = end;
}

static void
note_too_long(struct transcript *transcript)
{
	note(transcript, "!", 1, '|');
}

/* One call of next; false when there is nothing more. */
static bool
note_next(struct transcript *transcript, struct amy_line_reader *reader)
{
	struct amy_bytes line;
	int rc = amy_line_reader_next(reader, &line);

	if (rc == 1) {
		MUST(memcmp(line.bytes + line.nbytes, delimiter.bytes, delimiter.nbytes) == 0);
		note(transcript, line.bytes, line.nbytes, '|');
	} else if (rc == -1) {
		MUST(errno == EMSGSIZE);
		note_too_long(transcript);
	}
	return rc != 0;
}

static void
note_rest(struct transcript *transcript, struct amy_line_reader *reader)
{
	struct amy_bytes line;
	int rc = amy_line_reader_finish(reader, &line);

	if (rc == 1) {
		note(transcript, line.bytes, line.nbytes, '~');
	} else if (rc == -1) {
		MUST(errno == EMSGSIZE);
		MUST(delimiter.nbytes > 1);
		note_too_long(transcript);
	}
	MUST(amy_line_reader_finish(reader, &line) == 0);
}

/* The bytes are lent in memory of just their size, which is gone afterwards. */
static char *
lend(struct amy_line_reader *reader, const char *bytes, size_t nbytes)
{
	char *copy = malloc(nbytes > 0 ? nbytes : 1);

	MUST(copy != NULL);
	memcpy(copy, bytes, nbytes);
	MUST(amy_line_reader_feed(reader, copy, nbytes) == 0);
	return copy;
}

static void
read_chunk(struct transcript *transcript, struct amy_line_reader *reader, const char *bytes,
           size_t nbytes)
{
	char *lent = lend(reader, bytes, nbytes);

	while (note_next(transcript, reader))
		;
	free(lent);
	MUST(!amy_line_reader_has_line(reader));
}

static void
must_be_the_same(const struct transcript *is, const struct transcript *should, uint64_t seed)
{
	if (is->nbytes != should->nbytes || memcmp(is->bytes, should->bytes, is->nbytes) != 0)
		ck_abort_msg("seed %llu: \"%.*s\" should be \"%.*s\"", (unsigned long long)seed,
		             (int)is->nbytes, is->bytes, (int)should->nbytes, should->bytes);
}

/* The same, from the definition: the whole stream at hand, a byte at a time. */
static void
split_naively(struct transcript *transcript, const char *bytes, size_t nbytes, size_t max_line)
{
	size_t start = 0, i = 0;

	while (i + delimiter.nbytes <= nbytes) {
		if (memcmp(bytes + i, delimiter.bytes, delimiter.nbytes) != 0) {
			i++;
			continue;
		}
		if (i - start > max_line)
			note_too_long(transcript);
		else
			note(transcript, bytes + start, i - start, '|');
		start = i += delimiter.nbytes;
	}
	if (nbytes - start > max_line)
		note_too_long(transcript);
	else if (nbytes - start > 0)
		note(transcript, bytes + start, nbytes - start, '~');
}

static struct transcript transcript, expected;

/* The chunks, up to NULL, are read one by one. */
static void
assert_lines(size_t max_line, const char *lines, ...)
{
	struct amy_line_reader reader;
	const char *chunk;
	va_list chunks;

	transcript.nbytes = 0;
	start(&reader, max_line);
	va_start(chunks, lines);
	while ((chunk = va_arg(chunks, const char *)) != NULL)
		read_chunk(&transcript, &reader, chunk, strlen(chunk));
	va_end(chunks);
	note_rest(&transcript, &reader);
	amy_line_reader_fini(&reader);
	transcript.bytes[transcript.nbytes] = '\0';
	ck_assert_str_eq(transcript.bytes, lines);
}

/* ---- Lines ------------------------------------------------------------------------ */

START_TEST(one_line)
{
	assert_lines(80, "hello|", "hello\n", NULL);
}
END_TEST

START_TEST(many_lines_in_one_read)
{
	assert_lines(80, "one|two|three|", "one\ntwo\nthree\n", NULL);
}
END_TEST

START_TEST(line_split_across_two_reads)
{
	assert_lines(80, "hello|", "hel", "lo\n", NULL);
	assert_lines(80, "hello|", "hello", "\n", NULL);
	assert_lines(80, "one|two|three|", "one\ntw", "o\nthree\n", NULL);
}
END_TEST

START_TEST(line_split_across_many_reads)
{
	assert_lines(80, "hello|you|", "h", "e", "l", "l", "o", "\n", "y", "o", "u", "\n",
	             NULL);
}
END_TEST

START_TEST(empty_lines)
{
	assert_lines(80, "|", "\n", NULL);
	assert_lines(80, "|||", "\n\n\n", NULL);
	assert_lines(80, "|a||b|", "\na\n", "\nb\n", NULL);
}
END_TEST

START_TEST(reads_of_nothing)
{
	assert_lines(80, "", "", NULL);
	assert_lines(80, "hello|", "", "hel", "", "lo", "", "\n", "", NULL);
}
END_TEST

START_TEST(carriage_return_is_a_byte_like_any_other)
{
	assert_lines(80, "hello\r|\r|", "hello\r\n\r\n", NULL);
}
END_TEST

START_TEST(every_byte_but_lf_may_be_in_a_line)
{
	struct amy_line_reader reader;
	struct amy_bytes line;
	char bytes[256];
	size_t n = 0;

	for (int byte = 0; byte < 256; byte++)
		if (byte != '\n')
			bytes[n++] = (char)byte;
	bytes[n++] = '\n';
	for (size_t cut = 0; cut < n; cut++) {
		amy_line_reader_init(&reader, 255);
		MUST(amy_line_reader_feed(&reader, bytes, cut) == 0);
		MUST(amy_line_reader_next(&reader, &line) == 0);
		MUST(amy_line_reader_feed(&reader, bytes + cut, n - cut) == 0);
		MUST(amy_line_reader_next(&reader, &line) == 1);
		MUST(line.nbytes == 255);
		MUST(memcmp(line.bytes, bytes, n) == 0);
		amy_line_reader_fini(&reader);
	}
}
END_TEST

START_TEST(unterminated_rest_is_had_at_the_end)
{
	assert_lines(80, "one|tw~", "one\ntw", NULL);
	assert_lines(80, "two~", "t", "wo", NULL);
	assert_lines(3, "two~", "two", NULL);
}
END_TEST

START_TEST(no_rest_after_a_complete_line)
{
	assert_lines(80, "one|", "o", "ne\n", NULL);
	assert_lines(80, "|", "\n", NULL);
}
END_TEST

/* ---- Lines that are too long ------------------------------------------------------ */

START_TEST(line_of_just_max_line_bytes)
{
	assert_lines(5, "hello|", "hello\n", NULL);
	assert_lines(5, "hello|you|", "hel", "lo\nyou\n", NULL);
	assert_lines(5, "hello|you|", "hello", "\nyou\n", NULL);
}
END_TEST

START_TEST(line_one_byte_too_long_is_refused)
{
	assert_lines(4, "!|", "hello\n", NULL);
	assert_lines(4, "!|", "hell", "o\n", NULL);
	assert_lines(4, "!|", "hello", "\n", NULL);
	assert_lines(4, "!|", "h", "e", "l", "l", "o", "\n", NULL);
}
END_TEST

START_TEST(long_line_is_refused_once)
{
	assert_lines(4, "!|", "0123456789012345678901234567890123456789\n", NULL);
	assert_lines(4, "!|", "0123456789", "0123456789", "0123456789", "0123456789\n", NULL);
}
END_TEST

START_TEST(next_line_after_a_long_one_works)
{
	assert_lines(4, "one|!|two||", "one\nhello\ntwo\n\n", NULL);
	assert_lines(4, "one|!|two|", "one\nhello", "hello", "hello\ntw", "o\n", NULL);
	assert_lines(4, "!|!|!|ok|", "hello\nhello\nhel", "lo\nok\n", NULL);
}
END_TEST

START_TEST(long_line_is_refused_before_its_end_is_read)
{
	assert_lines(4, "!|", "hello", NULL);
	assert_lines(4, "!|", "hello", "hello", NULL);
}
END_TEST

START_TEST(nothing_is_kept_of_a_line_that_is_too_long)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 4);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "hel", 3), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	ck_assert_ptr_nonnull(reader.kept);
	for (int i = 0; i < 100; i++) {
		errno = 0;
		MUST(amy_line_reader_feed(&reader, "0123456789", 10) == 0);
		MUST(amy_line_reader_next(&reader, &line) == (i == 0 ? -1 : 0));
		MUST(i > 0 || errno == EMSGSIZE);
		MUST(amy_line_reader_next(&reader, &line) == 0);
		MUST(reader.kept == NULL);
	}
	ck_assert_int_eq(amy_line_reader_finish(&reader, &line), 0);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(max_line_0_counts_as_1)
{
	assert_lines(0, "a|!||b~", "a\nbc\n\nb", NULL);
}
END_TEST

START_TEST(max_line_is_1_gib_at_most)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, SIZE_MAX);
	ck_assert_uint_eq(reader.max_line, 1u << 30);
	amy_line_reader_init(&reader, (size_t)UINT32_MAX + 2);
	ck_assert_uint_eq(reader.max_line, 1u << 30);
}
END_TEST

/* ---- Feeding ---------------------------------------------------------------------- */

START_TEST(bytes_cannot_be_lent_before_those_lent_are_used_up)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 80);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "one\ntwo\n", 8), 0);
	errno = 0;
	ck_assert_int_eq(amy_line_reader_feed(&reader, "three\n", 6), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_mem_eq(line.bytes, "one\n", 4);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "three\n", 6), -1);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_mem_eq(line.bytes, "two\n", 4);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "three\n", 6), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_mem_eq(line.bytes, "three\n", 6);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(more_than_1_gib_cannot_be_lent)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 80);
	errno = 0;
	ck_assert_int_eq(amy_line_reader_feed(&reader, "", ((size_t)1 << 30) + 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(complete_lines_are_not_copied)
{
	static const char bytes[] = "one\ntwo\n";
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 80);
	ck_assert_int_eq(amy_line_reader_feed(&reader, bytes, 8), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_ptr_eq(line.bytes, bytes);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_ptr_eq(line.bytes, bytes + 4);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(memory_is_freed_when_the_line_was_completed_and_used)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 80);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "on", 2), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	ck_assert_ptr_nonnull(reader.kept);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "e\ntwo\n", 6), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_mem_eq(line.bytes, "one\n", 4);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_ptr_null(reader.kept);
	ck_assert_mem_eq(line.bytes, "two\n", 4);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(finished_reader_may_be_used_again)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 3);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "on", 2), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 0);
	amy_line_reader_fini(&reader);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
	ck_assert_int_eq(amy_line_reader_feed(&reader, "two\nlong\n", 9), 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_mem_eq(line.bytes, "two\n", 4);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), -1);
	amy_line_reader_fini(&reader);
}
END_TEST

/* ---- Unget ------------------------------------------------------------------------ */

static void
assert_next_is(struct amy_line_reader *reader, const char *text)
{
	struct amy_bytes line;

	ck_assert_int_eq(amy_line_reader_next(reader, &line), 1);
	ck_assert_uint_eq(line.nbytes, strlen(text));
	ck_assert_mem_eq(line.bytes, text, line.nbytes);
	ck_assert_mem_eq(line.bytes + line.nbytes, delimiter.bytes, delimiter.nbytes);
}

static void
assert_next_is_nothing(struct amy_line_reader *reader)
{
	struct amy_bytes line;

	ck_assert_int_eq(amy_line_reader_next(reader, &line), 0);
	ck_assert(!amy_line_reader_has_line(reader));
}

static void
assert_next_is_too_long(struct amy_line_reader *reader)
{
	struct amy_bytes line;

	ck_assert(amy_line_reader_has_line(reader));
	errno = 0;
	ck_assert_int_eq(amy_line_reader_next(reader, &line), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
}

static void
assert_fed(struct amy_line_reader *reader, const char *text)
{
	ck_assert_int_eq(amy_line_reader_feed(reader, text, strlen(text)), 0);
}

START_TEST(reader_is_empty_where_a_line_begins)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 5);
	ck_assert(amy_line_reader_is_empty(&reader));
	assert_fed(&reader, "one\ntwo");
	ck_assert(!amy_line_reader_is_empty(&reader));
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	ck_assert(!amy_line_reader_is_empty(&reader));
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "two");
	ck_assert(amy_line_reader_is_empty(&reader));
	assert_fed(&reader, "longer");
	assert_next_is_too_long(&reader);
	assert_next_is_nothing(&reader);
	ck_assert(!amy_line_reader_is_empty(&reader));
	assert_fed(&reader, " still\n");
	assert_next_is_nothing(&reader);
	ck_assert(amy_line_reader_is_empty(&reader));
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_that_was_not_used_comes_again)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	assert_fed(&reader, "one\ntwo\n");
	for (int i = 0; i < 3; i++) {
		assert_next_is(&reader, "one");
		amy_line_reader_unget(&reader);
	}
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	amy_line_reader_unget(&reader);
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_completed_across_reads_comes_again)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	assert_fed(&reader, "o");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "ne\ntwo\n");
	for (int i = 0; i < 3; i++) {
		assert_next_is(&reader, "one");
		amy_line_reader_unget(&reader);
		ck_assert(amy_line_reader_has_line(&reader));
	}
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_completed_across_reads_comes_again_when_nothing_else_is_left)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	assert_fed(&reader, "o");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "ne\n");
	assert_next_is(&reader, "one");
	amy_line_reader_unget(&reader);
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_fed(&reader, "two\n");
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(empty_line_comes_again)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "");
	amy_line_reader_unget(&reader);
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is(&reader, "");
	amy_line_reader_unget(&reader);
	assert_next_is(&reader, "");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_that_was_not_used_can_be_kept)
{
	struct amy_line_reader reader;
	char buffer[] = "one\ntwo\nthr";

	amy_line_reader_init(&reader, 80);
	assert_fed(&reader, buffer);
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	amy_line_reader_unget(&reader);
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	memset(buffer, 'x', sizeof buffer);
	assert_fed(&reader, "ee\n");
	assert_next_is(&reader, "two");
	amy_line_reader_unget(&reader);
	assert_next_is(&reader, "two");
	assert_next_is(&reader, "three");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

/* ---- Keep ------------------------------------------------------------------------- */

START_TEST(keep_in_the_middle_and_go_on)
{
	struct amy_line_reader reader;
	char buffer[] = "one\ntwo\nthree\nfo";

	amy_line_reader_init(&reader, 80);
	assert_fed(&reader, buffer);
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	memset(buffer, 'x', sizeof buffer);
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is(&reader, "two");
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is(&reader, "three");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "ur\n");
	assert_next_is(&reader, "four");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(keep_of_nothing)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "one\n");
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(keep_again_and_again)
{
	struct amy_line_reader reader;
	char text[32];

	amy_line_reader_init(&reader, 80);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "line %d\n", i);
		assert_fed(&reader, text);
		ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
		memset(text, 'x', sizeof text);
		/* One in two is taken out, so that what is kept moves and grows. */
		if (i % 2 == 0)
			continue;
		snprintf(text, sizeof text, "line %d", i / 2);
		assert_next_is(&reader, text);
	}
	for (int i = 100; i < 200; i++) {
		snprintf(text, sizeof text, "line %d", i);
		assert_next_is(&reader, text);
	}
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(keep_while_a_long_line_is_dropped)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	assert_fed(&reader, "hello");
	assert_next_is_too_long(&reader);
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	assert_fed(&reader, "hello\none\ntw");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is(&reader, "one");
	assert_fed(&reader, "o\n");
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(long_line_that_was_kept_is_refused_once)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	assert_fed(&reader, "one\nhello\ntwo\n");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is(&reader, "one");
	assert_next_is_too_long(&reader);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(unterminated_long_line_that_was_kept_is_refused_once)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	assert_fed(&reader, "hello");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is_too_long(&reader);
	ck_assert_ptr_null(reader.kept);
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "hello\none\n");
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(unterminated_line_that_was_kept_may_become_too_long)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	assert_fed(&reader, "one\nhell");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_fed(&reader, "o\ntwo\n");
	assert_next_is(&reader, "one");
	assert_next_is_too_long(&reader);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

/* ---- Has line --------------------------------------------------------------------- */

START_TEST(reader_knows_whether_it_has_a_line)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	ck_assert(!amy_line_reader_has_line(&reader));
	assert_fed(&reader, "one\ntwo\nth");
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is(&reader, "one");
	ck_assert(amy_line_reader_has_line(&reader));
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is(&reader, "two");
	ck_assert(!amy_line_reader_has_line(&reader));
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(kept_line_of_just_max_line_bytes_is_no_line_yet)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 5);
	assert_fed(&reader, "hello");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	ck_assert(!amy_line_reader_has_line(&reader));
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "hello");
	amy_line_reader_fini(&reader);
}
END_TEST

/* ---- Any stream, any reads -------------------------------------------------------- */

static size_t
make_stream(char *bytes, size_t capacity, uint64_t *seed)
{
	static const char alphabet[] = "\nab\0\x80\xff\r~";
	size_t nbytes = random_below(seed, (uint32_t)capacity);
	uint32_t variety = 2 + random_below(seed, sizeof alphabet - 2);
	uint32_t lf_once_in = 1 + random_below(seed, 40);

	for (size_t i = 0; i < nbytes; i++)
		bytes[i] = random_below(seed, lf_once_in) == 0
		               ? '\n'
		               : alphabet[1 + random_below(seed, variety - 1)];
	return nbytes;
}

START_TEST(stream_cut_at_any_point_reads_the_same)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		uint64_t random = seed;
		size_t max_line = 1 + random_below(&random, 30);
		char bytes[100];
		size_t nbytes = make_stream(bytes, sizeof bytes, &random);

		expected.nbytes = 0;
		split_naively(&expected, bytes, nbytes, max_line);
		for (size_t cut = 0; cut <= nbytes; cut++) {
			struct amy_line_reader reader;

			transcript.nbytes = 0;
			start(&reader, max_line);
			read_chunk(&transcript, &reader, bytes, cut);
			read_chunk(&transcript, &reader, bytes + cut, nbytes - cut);
			note_rest(&transcript, &reader);
			amy_line_reader_fini(&reader);
			must_be_the_same(&transcript, &expected, seed);
		}
	}
}
END_TEST

START_TEST(stream_cut_at_any_two_points_reads_the_same)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint64_t random = seed;
		size_t max_line = 1 + random_below(&random, 10);
		char bytes[40];
		size_t nbytes = make_stream(bytes, sizeof bytes, &random);

		expected.nbytes = 0;
		split_naively(&expected, bytes, nbytes, max_line);
		for (size_t i = 0; i <= nbytes; i++) {
			for (size_t k = i; k <= nbytes; k++) {
				struct amy_line_reader reader;

				transcript.nbytes = 0;
				start(&reader, max_line);
				read_chunk(&transcript, &reader, bytes, i);
				read_chunk(&transcript, &reader, bytes + i, k - i);
				read_chunk(&transcript, &reader, bytes + k, nbytes - k);
				note_rest(&transcript, &reader);
				amy_line_reader_fini(&reader);
				must_be_the_same(&transcript, &expected, seed);
			}
		}
	}
}
END_TEST

/* A line is ungot now and then, and has to come again. */
static void
maybe_unget(struct amy_line_reader *reader, uint64_t *random, bool may_keep)
{
	static char copy[4096];
	struct amy_bytes line, again;
	int rc;

	if (random_below(random, 4) != 0)
		return;
	rc = amy_line_reader_next(reader, &line);
	if (rc == -1) {
		MUST(errno == EMSGSIZE);
		note_too_long(&transcript);
	}
	if (rc != 1)
		return;
	MUST(line.nbytes + delimiter.nbytes <= sizeof copy);
	memcpy(copy, line.bytes, line.nbytes + delimiter.nbytes);
	amy_line_reader_unget(reader);
	MUST(amy_line_reader_has_line(reader));
	if (may_keep && random_below(random, 2) == 0)
		MUST(amy_line_reader_keep(reader) == 0);
	MUST(amy_line_reader_next(reader, &again) == 1);
	MUST(again.nbytes == line.nbytes);
	MUST(memcmp(again.bytes, copy, line.nbytes + delimiter.nbytes) == 0);
	note(&transcript, again.bytes, again.nbytes, '|');
}

/* Some lines, perhaps all; then what is left is kept. */
static void
read_chunk_with_whims(struct amy_line_reader *reader, const char *bytes, size_t nbytes,
                      uint64_t *random)
{
	char *lent = lend(reader, bytes, nbytes);

	do {
		bool more;

		maybe_unget(reader, random, true);
		if (random_below(random, 8) == 0) {
			MUST(amy_line_reader_keep(reader) == 0);
			break;
		}
		more = amy_line_reader_has_line(reader);
		if (!note_next(&transcript, reader))
			break;
		MUST(more);
	} while (true);
	free(lent);
}

static void
must_read_in_any_way(const char *bytes, size_t nbytes, size_t max_line, uint64_t seed)
{
	uint64_t random = seed;
	uint32_t max_read = 1 + random_below(&random, 500);
	struct amy_line_reader reader;

	expected.nbytes = transcript.nbytes = 0;
	split_naively(&expected, bytes, nbytes, max_line);
	start(&reader, max_line);
	for (size_t at = 0; at < nbytes;) {
		size_t n = random_below(&random, max_read + 1);

		if (n > nbytes - at)
			n = nbytes - at;
		read_chunk_with_whims(&reader, bytes + at, n, &random);
		at += n;
	}
	while (note_next(&transcript, &reader))
		;
	note_rest(&transcript, &reader);
	amy_line_reader_fini(&reader);
	must_be_the_same(&transcript, &expected, seed);
}

START_TEST(stream_read_in_any_way_reads_the_same)
{
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint64_t random = seed;
		size_t max_line = 1 + random_below(&random, 300);
		static char bytes[4000];
		size_t nbytes = make_stream(bytes, sizeof bytes, &random);

		must_read_in_any_way(bytes, nbytes, max_line, seed);
	}
}
END_TEST

START_TEST(long_line_read_in_many_pieces)
{
	enum { NBYTES = 100000 };
	struct amy_line_reader reader;
	struct amy_bytes line;
	char piece[100];

	amy_line_reader_init(&reader, NBYTES);
	for (int i = 0; i < NBYTES / 100; i++) {
		memset(piece, 'a' + i % 26, sizeof piece);
		MUST(amy_line_reader_feed(&reader, piece, sizeof piece) == 0);
		MUST(amy_line_reader_next(&reader, &line) == 0);
		/* None is looked at twice: that would take a time that grows by the square. */
		MUST(reader.scanned == buffer_nbytes(reader.kept));
	}
	MUST(amy_line_reader_feed(&reader, "\n", 1) == 0);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_uint_eq(line.nbytes, NBYTES);
	for (int i = 0; i < NBYTES; i++)
		MUST(line.bytes[i] == 'a' + i / 100 % 26);
	amy_line_reader_fini(&reader);
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

START_TEST(without_memory_the_bytes_stay_lent)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 80);
	MUST(amy_line_reader_feed(&reader, "one\ntw", 6) == 0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(amy_line_reader_next(&reader, &line) == 1);
	errno = 0;
	MUST(amy_line_reader_next(&reader, &line) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(amy_line_reader_feed(&reader, "", 0) == -1);
	MUST(errno == EBUSY);
	MUST(amy_line_reader_next(&reader, &line) == 0);
	assert_fed(&reader, "o\n");
	assert_next_is(&reader, "two");
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(without_memory_nothing_is_kept)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 80);
	MUST(amy_line_reader_feed(&reader, "one\ntwo\n", 8) == 0);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_line_reader_keep(&reader) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(without_memory_to_complete_a_line_it_can_be_had_later)
{
	struct amy_line_reader reader;
	struct amy_bytes line;
	char first[100], second[100];

	memset(first, 'a', sizeof first);
	memset(second, 'b', sizeof second);
	second[99] = '\n';
	amy_line_reader_init(&reader, 1000);
	MUST(amy_line_reader_feed(&reader, first, sizeof first) == 0);
	MUST(amy_line_reader_next(&reader, &line) == 0);
	MUST(amy_line_reader_feed(&reader, second, sizeof second) == 0);
	for (int i = 0; i < 3; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		errno = 0;
		MUST(amy_line_reader_next(&reader, &line) == -1);
		MUST(errno == ENOMEM);
		MUST(fault_clear());
	}
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_uint_eq(line.nbytes, 199);
	ck_assert_mem_eq(line.bytes, first, 100);
	ck_assert_mem_eq(line.bytes + 100, second, 100);
	amy_line_reader_fini(&reader);
}
END_TEST

/* ---- Delimiters ------------------------------------------------------------------- */

START_TEST(delimiter_is_1_to_8_bytes)
{
	struct amy_line_reader reader;

	errno = 0;
	ck_assert_int_eq(amy_line_reader_init_delimiter(&reader, 80, "", 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(amy_line_reader_init_delimiter(&reader, 80, "123456789", 9), -1);
	ck_assert_int_eq(errno, EINVAL);
	use_delimiter("12345678", 8);
	assert_lines(3, "one||!|two|", "one1234567812345678four12345678two12345678", NULL);
	use_delimiter("1", 1);
	assert_lines(3, "one||!|two|", "one11four1two1", NULL);
}
END_TEST

START_TEST(delimiter_is_copied)
{
	struct amy_line_reader reader;
	char crlf[] = "\r\n";

	ck_assert_int_eq(amy_line_reader_init_delimiter(&reader, 80, crlf, 2), 0);
	memset(crlf, 'x', 2);
	use_delimiter("\r\n", 2);
	transcript.nbytes = 0;
	read_chunk(&transcript, &reader, "onexx\r\n", 7);
	ck_assert_mem_eq(transcript.bytes, "onexx|", 6);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(lines_may_end_in_nul)
{
	static const char bytes[] = "one\0two\n\0\0thr";
	struct amy_line_reader reader;

	use_delimiter("", 1);
	transcript.nbytes = 0;
	start(&reader, 80);
	read_chunk(&transcript, &reader, bytes, sizeof bytes - 1);
	read_chunk(&transcript, &reader, "ee", 3);
	ck_assert_uint_eq(transcript.nbytes, 16);
	ck_assert_mem_eq(transcript.bytes, "one|two\n||three|", 16);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(lines_may_end_in_cr_lf)
{
	use_delimiter("\r\n", 2);
	assert_lines(80, "one||two|", "one\r\n\r\ntwo\r\n", NULL);
	assert_lines(80, "a\rb\nc\r|\n|", "a\rb\nc\r\r\n\n\r\n", NULL);
	assert_lines(80, "one~", "one", NULL);
	assert_lines(80, "one\r~", "one\r", NULL);
}
END_TEST

START_TEST(delimiter_may_be_split)
{
	use_delimiter("\r\n", 2);
	assert_lines(80, "one|two|", "one\r", "\ntwo\r\n", NULL);
	assert_lines(80, "one\r|", "one\r", "\r", "\n", NULL);
	assert_lines(80, "|", "\r", "", "\n", NULL);
	use_delimiter("--end--", 7);
	assert_lines(80, "one|two|", "one-", "-e", "nd--two--en", "d--", NULL);
	assert_lines(80, "one--en|two|", "one--en", "--end--two--en", "d--", NULL);
}
END_TEST

START_TEST(delimiter_may_overlap_itself)
{
	use_delimiter("\r\r\n", 3);
	assert_lines(80, "\r|", "\r\r\r\n", NULL);
	assert_lines(80, "\r|", "\r", "\r", "\r", "\n", NULL);
	use_delimiter("aab", 3);
	assert_lines(80, "a|aba|", "aaab", "abaaab", NULL);
	assert_lines(80, "a|a|", "aa", "aba", "aab", NULL);
	use_delimiter("aaa", 3);
	assert_lines(80, "||a~", "aa", "aaa", "aa", NULL);
	use_delimiter("abab", 4);
	assert_lines(80, "||ab~", "abab", "ab", "ab", "ab", NULL);
}
END_TEST

START_TEST(delimiter_does_not_count_as_part_of_the_line)
{
	use_delimiter("\r\n", 2);
	assert_lines(4, "four|!|four|", "four\r\nfiver\r\nfour\r\n", NULL);
	assert_lines(4, "four|", "four", "\r", "\n", NULL);
	assert_lines(4, "four|", "four\r", "\n", NULL);
	assert_lines(4, "fou\r|!|", "fou\r\r", "\nfour\r\r\n", NULL);
}
END_TEST

START_TEST(line_is_too_long_as_soon_as_no_delimiter_can_save_it)
{
	struct amy_line_reader reader;

	use_delimiter("\r\n", 2);
	start(&reader, 4);
	assert_fed(&reader, "four\r");
	assert_next_is_nothing(&reader);
	ck_assert(!amy_line_reader_is_empty(&reader));
	assert_fed(&reader, "\r");
	assert_next_is_too_long(&reader);
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	assert_fed(&reader, "\nnext\r\n");
	assert_next_is(&reader, "next");
	assert_fed(&reader, "five!");
	assert_next_is_too_long(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(delimiter_of_a_line_that_is_too_long_may_be_split)
{
	use_delimiter("\r\n", 2);
	assert_lines(4, "!|ok|", "too long\r", "\nok\r\n", NULL);
	assert_lines(4, "!|ok|", "too long", "\r", "", "\n", "ok\r\n", NULL);
	assert_lines(4, "!|ok|", "too long\r", "\r", "\r\nok\r\n", NULL);
	assert_lines(4, "!|", "too long\r", "x", "\n", NULL);
	use_delimiter("aab", 3);
	assert_lines(2, "!|ok|", "xxxaa", "a", "bokaab", NULL);
	assert_lines(2, "!|ok|", "xxxa", "a", "a", "bokaab", NULL);
	assert_lines(2, "!|ok|", "aaaaaaaaaaaa", "bokaab", NULL);
	use_delimiter("abcdabce", 8);
	assert_lines(2, "!|ok|", "xxxabcdabc", "dabceokabcd", "abce", NULL);
	assert_lines(2, "!|ok|", "xxxabcd", "a", "bcd", "abc", "eokabcdabce", NULL);
}
END_TEST

START_TEST(rest_with_a_part_of_the_delimiter_may_be_too_long)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	use_delimiter("\r\n", 2);
	assert_lines(4, "fou\r~", "fou\r", NULL);
	assert_lines(4, "!|", "four\r", NULL);
	start(&reader, 4);
	assert_fed(&reader, "four\r");
	assert_next_is_nothing(&reader);
	errno = 0;
	ck_assert_int_eq(amy_line_reader_finish(&reader, &line), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(amy_line_reader_finish(&reader, &line), 0);
	ck_assert(amy_line_reader_is_empty(&reader));
	assert_fed(&reader, "next\r\n");
	assert_next_is(&reader, "next");
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(long_line_and_a_part_of_its_delimiter_that_were_kept)
{
	struct amy_line_reader reader;

	use_delimiter("\r\n", 2);
	start(&reader, 4);
	assert_fed(&reader, "four\r\nfour\r");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is(&reader, "four");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "x\r");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is_too_long(&reader);
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "\nlast\r");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	ck_assert(!amy_line_reader_has_line(&reader));
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "last");
	ck_assert(amy_line_reader_has_line(&reader) == false);
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_with_a_split_delimiter_comes_again)
{
	struct amy_line_reader reader;

	use_delimiter("\r\n", 2);
	start(&reader, 80);
	assert_fed(&reader, "one\r");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "\ntwo\r\n\r");
	for (int i = 0; i < 3; i++) {
		assert_next_is(&reader, "one");
		amy_line_reader_unget(&reader);
	}
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	amy_line_reader_unget(&reader);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "");
	ck_assert(amy_line_reader_is_empty(&reader));
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(complete_lines_with_a_long_delimiter_are_not_copied)
{
	static const char bytes[] = "one\r\ntwo\r\n";
	struct amy_line_reader reader;
	struct amy_bytes line;

	use_delimiter("\r\n", 2);
	start(&reader, 80);
	assert_fed(&reader, bytes);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_ptr_eq(line.bytes, bytes);
	ck_assert_int_eq(amy_line_reader_next(&reader, &line), 1);
	ck_assert_ptr_eq(line.bytes, bytes + 5);
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(finished_reader_has_its_delimiter_still)
{
	struct amy_line_reader reader;

	use_delimiter("\r\n", 2);
	start(&reader, 3);
	assert_fed(&reader, "too long\r");
	assert_next_is_too_long(&reader);
	amy_line_reader_fini(&reader);
	ck_assert(amy_line_reader_is_empty(&reader));
	assert_fed(&reader, "\n\r\ntwo\r\nlong\r\n");
	assert_next_is(&reader, "\n");
	assert_next_is(&reader, "two");
	assert_next_is_too_long(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

static const struct amy_bytes delimiters[] = {
	{ "\n", 1 },       { "", 1 },         { "\r\n", 2 },     { "aa", 2 },
	{ "\r\r\n", 3 },   { "aab", 3 },      { "aaa", 3 },      { "abab", 4 },
	{ "abcabd", 6 },   { "aabaaab", 7 },  { "abababab", 8 }, { "aaaaaaaa", 8 },
	{ "\0\0\0\1", 4 }, { "abaabaab", 8 },
};
enum { NDELIMITERS = sizeof delimiters / sizeof *delimiters };

/* The stream, cut behind each byte that has its bit in cuts, reads as it should. */
static void
must_read_cut(const char *bytes, size_t nbytes, size_t max_line, unsigned cuts)
{
	struct amy_line_reader reader;
	size_t from = 0;

	transcript.nbytes = 0;
	start(&reader, max_line);
	for (size_t i = 1; i <= nbytes; i++) {
		if (i < nbytes && (cuts >> (i - 1) & 1) == 0)
			continue;
		read_chunk(&transcript, &reader, bytes + from, i - from);
		from = i;
	}
	note_rest(&transcript, &reader);
	amy_line_reader_fini(&reader);
	must_be_the_same(&transcript, &expected, cuts);
}

/* Every stream of up to 6 bytes of three values, cut in every way, for every max_line. */
START_TEST(every_short_stream_cut_in_every_way_reads_the_same)
{
	static const struct amy_bytes short_ones[] = {
		{ "a", 1 }, { "aa", 2 }, { "ab", 2 }, { "aab", 3 }, { "aba", 3 }, { "abab", 4 },
	};
	enum { MAX = 6 };

	for (size_t d = 0; d < sizeof short_ones / sizeof *short_ones; d++) {
		delimiter = short_ones[d];
		for (unsigned stream = 0; stream < 3 * 3 * 3 * 3 * 3 * 3; stream++) {
			char bytes[MAX];
			unsigned left = stream;

			for (int i = 0; i < MAX; i++, left /= 3)
				bytes[i] = (char)('a' + left % 3);
			for (size_t max_line = 1; max_line <= 4; max_line++) {
				expected.nbytes = 0;
				split_naively(&expected, bytes, MAX, max_line);
				for (unsigned cuts = 0; cuts < 1u << (MAX - 1); cuts++)
					must_read_cut(bytes, MAX, max_line, cuts);
			}
		}
	}
}
END_TEST

/* Bytes of the delimiter, parts of it, all of it, and others. */
static size_t
make_delimited_stream(char *bytes, size_t capacity, uint64_t *random)
{
	uint32_t end_once_in = 1 + random_below(random, 20);
	size_t nbytes = 0, wanted = random_below(random, (uint32_t)capacity - 8);

	while (nbytes < wanted) {
		size_t from = 0, n = 1;

		if (random_below(random, 3) == 0) {
			bytes[nbytes++] = (char)random_below(random, 256);
			continue;
		}
		if (random_below(random, end_once_in) == 0)
			n = delimiter.nbytes;
		else
			from = random_below(random, (uint32_t)delimiter.nbytes);
		memcpy(bytes + nbytes, delimiter.bytes + from, n);
		nbytes += n;
	}
	return nbytes;
}

START_TEST(stream_with_any_delimiter_reads_the_same_in_any_way)
{
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		uint64_t random = seed;
		size_t max_line = 1 + random_below(&random, 1 + random_below(&random, 100));
		static char bytes[1000];
		size_t nbytes;

		delimiter = delimiters[seed % NDELIMITERS];
		nbytes = make_delimited_stream(bytes, sizeof bytes, &random);
		must_read_in_any_way(bytes, nbytes, max_line, seed);
	}
}
END_TEST

/* ---- Reserved --------------------------------------------------------------------- */

/* Bytes that are fed from a buffer which has nothing of them afterwards. */
static void
read_reserved_chunk(struct amy_line_reader *reader, const char *bytes, size_t nbytes,
                    uint64_t *random)
{
	static char buffer[1000];
	size_t left;

	memcpy(buffer, bytes, nbytes);
	MUST(amy_line_reader_feed(reader, buffer, nbytes) == 0);
	do {
		left = reader->nchunk + buffer_nbytes(reader->kept);
		if (random_below(random, 8) == 0 &&
		    left <= reader->max_line + delimiter.nbytes) {
			MUST(amy_line_reader_keep(reader) == 0);
			break;
		}
		maybe_unget(reader, random, false);
	} while (note_next(&transcript, reader));
	memset(buffer, 'x', sizeof buffer);
}

START_TEST(reserved_reader_never_allocates)
{
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint64_t random = seed;
		size_t max_line = 1 + random_below(&random, 1 + random_below(&random, 100));
		static char bytes[1000];
		struct amy_line_reader reader;
		struct amy_buffer *kept;
		size_t nbytes;

		delimiter = delimiters[seed % NDELIMITERS];
		nbytes = make_delimited_stream(bytes, sizeof bytes, &random);
		expected.nbytes = transcript.nbytes = 0;
		split_naively(&expected, bytes, nbytes, max_line);
		start(&reader, max_line);
		MUST(amy_line_reader_reserve(&reader) == 0);
		kept = reader.kept;
		MUST(kept->capacity == max_line + delimiter.nbytes);
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		for (size_t at = 0, n; at < nbytes; at += n) {
			n = random_below(&random, 40);
			if (n > nbytes - at)
				n = nbytes - at;
			read_reserved_chunk(&reader, bytes + at, n, &random);
		}
		while (note_next(&transcript, &reader))
			;
		note_rest(&transcript, &reader);
		MUST(!fault_clear());
		MUST(reader.kept == kept);
		must_be_the_same(&transcript, &expected, seed);
		amy_line_reader_fini(&reader);
	}
}
END_TEST

START_TEST(more_than_a_line_may_be_kept_by_a_reserved_reader)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 3);
	ck_assert_int_eq(amy_line_reader_reserve(&reader), 0);
	assert_fed(&reader, "one\ntwo\nthree\nfo");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	assert_next_is_too_long(&reader);
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "u\n");
	assert_next_is(&reader, "fou");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_nonnull(reader.kept);
	amy_line_reader_fini(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

START_TEST(reserving_keeps_the_line_that_was_begun)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 300);
	assert_fed(&reader, "one\ntw");
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	ck_assert_int_eq(amy_line_reader_reserve(&reader), 0);
	ck_assert_int_eq(amy_line_reader_reserve(&reader), 0);
	assert_fed(&reader, "o\n");
	assert_next_is(&reader, "two");
	amy_line_reader_unget(&reader);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	ck_assert(amy_line_reader_is_empty(&reader));
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(without_memory_nothing_is_reserved)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 300);
	for (int i = 0; i < 2; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		errno = 0;
		MUST(amy_line_reader_reserve(&reader) == -1);
		MUST(errno == ENOMEM);
		MUST(fault_clear());
		if (i == 0) {
			assert_fed(&reader, "on");
			assert_next_is_nothing(&reader);
		}
	}
	assert_fed(&reader, "e\n");
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

/* ---- Another max_line --------------------------------------------------------------- */

START_TEST(line_that_has_begun_may_become_as_long_as_the_new_max_line)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	assert_fed(&reader, "123");
	assert_next_is_nothing(&reader);
	amy_line_reader_set_max_line(&reader, 8);
	assert_fed(&reader, "45678");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "\n123456789");
	assert_next_is(&reader, "12345678");
	assert_next_is_too_long(&reader);
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_that_has_begun_is_refused_where_the_new_max_line_is_shorter)
{
	static const char *const more[] = { "\n", "9", "9\n", "99999\n" };

	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		struct amy_line_reader reader;

		amy_line_reader_init(&reader, 8);
		assert_fed(&reader, "12345");
		assert_next_is_nothing(&reader);
		amy_line_reader_set_max_line(&reader, 4);
		/* Of what was looked at already nothing is said before more has come. */
		assert_next_is_nothing(&reader);
		ck_assert(!amy_line_reader_has_line(&reader));
		ck_assert(!amy_line_reader_is_empty(&reader));
		assert_fed(&reader, more[i]);
		assert_next_is_too_long(&reader);
		assert_next_is_nothing(&reader);
		assert_fed(&reader, strchr(more[i], '\n') == NULL ? "\nnext\n" : "next\n");
		assert_next_is(&reader, "next");
		assert_next_is_nothing(&reader);
		ck_assert(amy_line_reader_is_empty(&reader));
		amy_line_reader_fini(&reader);
	}
}
END_TEST

START_TEST(line_that_has_begun_and_fits_is_not_refused)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 100);
	assert_fed(&reader, "1234");
	assert_next_is_nothing(&reader);
	amy_line_reader_set_max_line(&reader, 4);
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "1234");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

/* A last line without LF, too. */
START_TEST(rest_is_measured_by_the_new_max_line)
{
	struct amy_line_reader reader;
	struct amy_bytes line;

	amy_line_reader_init(&reader, 8);
	assert_fed(&reader, "12345");
	assert_next_is_nothing(&reader);
	amy_line_reader_set_max_line(&reader, 4);
	errno = 0;
	ck_assert_int_eq(amy_line_reader_finish(&reader, &line), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(amy_line_reader_finish(&reader, &line), 0);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(complete_lines_that_were_kept_are_measured_by_the_new_max_line)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 8);
	assert_fed(&reader, "one\n12345\ntwo\n123456789\nthree");
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_line_reader_keep(&reader), 0);
	amy_line_reader_set_max_line(&reader, 4);
	ck_assert(amy_line_reader_has_line(&reader));
	assert_next_is_too_long(&reader);
	assert_next_is(&reader, "two");
	amy_line_reader_set_max_line(&reader, 9);
	assert_next_is(&reader, "123456789");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "\n");
	assert_next_is(&reader, "three");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_that_comes_again_is_measured_by_the_new_max_line)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 8);
	assert_fed(&reader, "12345\ntwo\n");
	assert_next_is(&reader, "12345");
	amy_line_reader_unget(&reader);
	amy_line_reader_set_max_line(&reader, 4);
	assert_next_is_too_long(&reader);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(line_that_is_dropped_is_dropped_to_its_end_whatever_the_new_max_line)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	assert_fed(&reader, "12345");
	assert_next_is_too_long(&reader);
	amy_line_reader_set_max_line(&reader, 100);
	assert_fed(&reader, "6789");
	assert_next_is_nothing(&reader);
	assert_fed(&reader, "0\n1234567890\n");
	assert_next_is(&reader, "1234567890");
	amy_line_reader_set_max_line(&reader, 4);
	assert_next_is_nothing(&reader);
	ck_assert(amy_line_reader_is_empty(&reader));
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(new_max_line_has_the_same_range)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 8);
	amy_line_reader_set_max_line(&reader, 0);
	ck_assert_uint_eq(reader.max_line, 1);
	assert_fed(&reader, "1\n12\n");
	assert_next_is(&reader, "1");
	assert_next_is_too_long(&reader);
	assert_next_is_nothing(&reader);
	amy_line_reader_set_max_line(&reader, SIZE_MAX);
	ck_assert_uint_eq(reader.max_line, 1u << 30);
	amy_line_reader_fini(&reader);
}
END_TEST

START_TEST(what_was_reserved_is_reserved_again_for_the_new_max_line)
{
	struct amy_line_reader reader;

	amy_line_reader_init(&reader, 4);
	ck_assert_int_eq(amy_line_reader_reserve(&reader), 0);
	assert_fed(&reader, "123");
	assert_next_is_nothing(&reader);
	amy_line_reader_set_max_line(&reader, 300);
	ck_assert_int_eq(amy_line_reader_reserve(&reader), 0);
	ck_assert_uint_eq(reader.kept->capacity, 301);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	for (int i = 3; i < 300; i++) {
		MUST(amy_line_reader_feed(&reader, "x", 1) == 0);
		MUST(!note_next(&transcript, &reader));
	}
	MUST(amy_line_reader_feed(&reader, "\n", 1) == 0);
	transcript.nbytes = 0;
	MUST(note_next(&transcript, &reader));
	MUST(!fault_clear());
	ck_assert_uint_eq(transcript.nbytes, 301);
	/* It stays, where less would do now. */
	amy_line_reader_set_max_line(&reader, 4);
	ck_assert_int_eq(amy_line_reader_reserve(&reader), 0);
	ck_assert_uint_eq(reader.kept->capacity, 301);
	amy_line_reader_fini(&reader);
}
END_TEST

/*
 * Lines of up to 20 bytes, in reads of any size; max_line changes between reads. A line is as
 * long as may be when it ends, or is refused: once, and what comes behind it is not harmed.
 */
static void
read_while_max_line_changes(uint64_t *random)
{
	struct amy_line_reader reader;
	char bytes[2000], text[32];
	size_t nbytes = 0, nlines = 0, ntold = 0;

	while (nbytes < sizeof bytes - 32) {
		int n = snprintf(text, sizeof text, "%02zu", nlines++ % 100);
		size_t nmore = random_below(random, 19);

		memcpy(bytes + nbytes, text, (size_t)n);
		memset(bytes + nbytes + n, 'x', nmore);
		nbytes += (size_t)n + nmore;
		bytes[nbytes++] = '\n';
	}
	amy_line_reader_init(&reader, 10);
	for (size_t at = 0, n; at < nbytes; at += n) {
		struct amy_bytes line;
		int rc;

		n = 1 + random_below(random, 30);
		if (n > nbytes - at)
			n = nbytes - at;
		amy_line_reader_set_max_line(&reader, 1 + random_below(random, 20));
		MUST(amy_line_reader_feed(&reader, bytes + at, n) == 0);
		for (; (rc = amy_line_reader_next(&reader, &line)) != 0; ntold++) {
			MUST(rc == 1 || errno == EMSGSIZE);
			if (rc == -1)
				continue;
			MUST(line.nbytes <= reader.max_line);
			snprintf(text, sizeof text, "%02zu", ntold % 100);
			MUST(memcmp(line.bytes, text, 2) == 0);
		}
	}
	MUST(ntold == nlines);
	MUST(amy_line_reader_is_empty(&reader));
	amy_line_reader_fini(&reader);
}

START_TEST(each_line_is_had_or_refused_once_while_max_line_changes)
{
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		uint64_t random = seed;

		read_while_max_line_changes(&random);
	}
}
END_TEST

/* ---- Any allocation fails ----------------------------------------------------------- */

/* What fails for want of memory is done again. False: nothing failed. */
static bool
read_without_memory(const char *bytes, size_t nbytes, size_t max_line, unsigned nth)
{
	struct amy_line_reader reader;
	uint64_t random = nth;
	bool has_failed = false;

	transcript.nbytes = 0;
	start(&reader, max_line);
	for (size_t at = 0, n; at < nbytes; at += n) {
		struct amy_bytes line;
		int rc;

		n = 1 + random_below(&random, 60);
		if (n > nbytes - at)
			n = nbytes - at;
		MUST(amy_line_reader_feed(&reader, bytes + at, n) == 0);
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		while ((rc = amy_line_reader_next(&reader, &line)) != 0) {
			if (rc == 1) {
				note(&transcript, line.bytes, line.nbytes, '|');
			} else if (errno == EMSGSIZE) {
				note_too_long(&transcript);
			} else {
				MUST(errno == ENOMEM);
				MUST(amy_line_reader_feed(&reader, "", 0) == -1);
				MUST(errno == EBUSY);
			}
		}
		if (random_below(&random, 2) == 0 && amy_line_reader_keep(&reader) == -1)
			MUST(amy_line_reader_keep(&reader) == 0);
		has_failed |= fault_clear();
	}
	note_rest(&transcript, &reader);
	amy_line_reader_fini(&reader);
	return has_failed;
}

START_TEST(any_allocation_may_fail)
{
	long live = fault_live_allocations();
	int nfailed = 0;

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		uint64_t random = seed;
		size_t max_line = 1 + random_below(&random, 200);
		static char bytes[1000];
		size_t nbytes;

		delimiter = delimiters[seed % NDELIMITERS];
		nbytes = make_delimited_stream(bytes, sizeof bytes, &random);
		expected.nbytes = 0;
		split_naively(&expected, bytes, nbytes, max_line);
		for (unsigned nth = 1; read_without_memory(bytes, nbytes, max_line, nth);
		     nth++) {
			nfailed++;
			must_be_the_same(&transcript, &expected, seed);
		}
		must_be_the_same(&transcript, &expected, seed);
	}
	MUST(nfailed > 500);
	MUST(fault_live_allocations() == live);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("line_reader",
	    one_line,
	    many_lines_in_one_read,
	    line_split_across_two_reads,
	    line_split_across_many_reads,
	    empty_lines,
	    reads_of_nothing,
	    carriage_return_is_a_byte_like_any_other,
	    every_byte_but_lf_may_be_in_a_line,
	    unterminated_rest_is_had_at_the_end,
	    no_rest_after_a_complete_line,
	    line_of_just_max_line_bytes,
	    line_one_byte_too_long_is_refused,
	    long_line_is_refused_once,
	    next_line_after_a_long_one_works,
	    long_line_is_refused_before_its_end_is_read,
	    nothing_is_kept_of_a_line_that_is_too_long,
	    max_line_0_counts_as_1,
	    max_line_is_1_gib_at_most,
	    bytes_cannot_be_lent_before_those_lent_are_used_up,
	    more_than_1_gib_cannot_be_lent,
	    complete_lines_are_not_copied,
	    memory_is_freed_when_the_line_was_completed_and_used,
	    finished_reader_may_be_used_again,
	    reader_is_empty_where_a_line_begins,
	    line_that_was_not_used_comes_again,
	    line_completed_across_reads_comes_again,
	    line_completed_across_reads_comes_again_when_nothing_else_is_left,
	    empty_line_comes_again,
	    line_that_was_not_used_can_be_kept,
	    keep_in_the_middle_and_go_on,
	    keep_of_nothing,
	    keep_again_and_again,
	    keep_while_a_long_line_is_dropped,
	    long_line_that_was_kept_is_refused_once,
	    unterminated_long_line_that_was_kept_is_refused_once,
	    unterminated_line_that_was_kept_may_become_too_long,
	    reader_knows_whether_it_has_a_line,
	    kept_line_of_just_max_line_bytes_is_no_line_yet,
	    stream_cut_at_any_point_reads_the_same,
	    stream_cut_at_any_two_points_reads_the_same,
	    stream_read_in_any_way_reads_the_same,
	    long_line_read_in_many_pieces,
	    without_memory_the_bytes_stay_lent,
	    without_memory_nothing_is_kept,
	    without_memory_to_complete_a_line_it_can_be_had_later,
	    delimiter_is_1_to_8_bytes,
	    delimiter_is_copied,
	    lines_may_end_in_nul,
	    lines_may_end_in_cr_lf,
	    delimiter_may_be_split,
	    delimiter_may_overlap_itself,
	    delimiter_does_not_count_as_part_of_the_line,
	    line_is_too_long_as_soon_as_no_delimiter_can_save_it,
	    delimiter_of_a_line_that_is_too_long_may_be_split,
	    rest_with_a_part_of_the_delimiter_may_be_too_long,
	    long_line_and_a_part_of_its_delimiter_that_were_kept,
	    line_with_a_split_delimiter_comes_again,
	    complete_lines_with_a_long_delimiter_are_not_copied,
	    finished_reader_has_its_delimiter_still,
	    every_short_stream_cut_in_every_way_reads_the_same,
	    stream_with_any_delimiter_reads_the_same_in_any_way,
	    reserved_reader_never_allocates,
	    more_than_a_line_may_be_kept_by_a_reserved_reader,
	    reserving_keeps_the_line_that_was_begun,
	    without_memory_nothing_is_reserved,
	    line_that_has_begun_may_become_as_long_as_the_new_max_line,
	    line_that_has_begun_is_refused_where_the_new_max_line_is_shorter,
	    line_that_has_begun_and_fits_is_not_refused,
	    rest_is_measured_by_the_new_max_line,
	    complete_lines_that_were_kept_are_measured_by_the_new_max_line,
	    line_that_comes_again_is_measured_by_the_new_max_line,
	    line_that_is_dropped_is_dropped_to_its_end_whatever_the_new_max_line,
	    new_max_line_has_the_same_range,
	    what_was_reserved_is_reserved_again_for_the_new_max_line,
	    each_line_is_had_or_refused_once_while_max_line_changes,
	    any_allocation_may_fail);
}
