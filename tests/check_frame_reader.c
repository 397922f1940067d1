/* SPDX-License-Identifier: MIT */
/*
 * What a reader says of a stream is written down as a transcript: a frame as its bytes and
 * '|', a frame too long as "!|", the end of a stream within a frame as '~', and that it is
 * broken as '#'. Whatever the reads were, the transcript must be the same.
 */
#include <errno.h>
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

static struct transcript transcript, expected;

static void
note(struct transcript *to, const char *bytes, size_t nbytes, char end)
{
	MUST(to->nbytes + nbytes < sizeof to->bytes);
	if (nbytes > 0)
		memcpy(to->bytes + to->nbytes, bytes, nbytes);
	to->nbytes += nbytes;
	to->bytes[to->nbytes++] = end;
}

/* One call of next; false when there is nothing more to be had. */
static bool
note_next(struct amy_frame_reader *reader)
{
	struct amy_bytes frame;
	int rc = amy_frame_reader_next(reader, &frame);

	if (rc == 1) {
		note(&transcript, frame.bytes, frame.nbytes, '|');
		return true;
	}
	if (rc == 0)
		return false;
	MUST(errno == EMSGSIZE || errno == EBADMSG);
	if (errno == EMSGSIZE)
		note(&transcript, "!", 1, '|');
	return errno == EMSGSIZE;
}

/* The bytes are lent in memory of just their size, which is gone afterwards. */
static char *
lend(struct amy_frame_reader *reader, const char *bytes, size_t nbytes)
{
	char *copy = malloc(nbytes > 0 ? nbytes : 1);

	MUST(copy != NULL);
	if (nbytes > 0)
		memcpy(copy, bytes, nbytes);
	MUST(amy_frame_reader_feed(reader, copy, nbytes) == 0);
	return copy;
}

static void
read_chunk(struct amy_frame_reader *reader, const char *bytes, size_t nbytes)
{
	char *lent = lend(reader, bytes, nbytes);

	while (note_next(reader))
		;
	free(lent);
}

static void
note_end(struct amy_frame_reader *reader)
{
	struct amy_bytes frame;
	int rc = amy_frame_reader_next(reader, &frame);

	MUST(rc == 0 || (rc == -1 && errno == EBADMSG));
	if (rc == -1)
		note(&transcript, "", 0, '#');
	else if (!amy_frame_reader_is_empty(reader))
		note(&transcript, "", 0, '~');
}

static void
must_be_as_expected(uint64_t seed)
{
	if (transcript.nbytes != expected.nbytes ||
	    memcmp(transcript.bytes, expected.bytes, expected.nbytes) != 0)
		ck_abort_msg("seed %llu: \"%.*s\" should be \"%.*s\"", (unsigned long long)seed,
		             (int)transcript.nbytes, transcript.bytes, (int)expected.nbytes,
		             expected.bytes);
}

/* ---- The same, from the definition: the whole stream at hand ------------------------ */

enum header { HEADER_BAD, HEADER_PART, HEADER_WHOLE };

static enum header
length32_naively(const char *bytes, size_t nbytes, size_t *nheader, uint64_t *length)
{
	if (nbytes < 4)
		return HEADER_PART;
	*nheader = 4;
	*length = 0;
	for (int i = 0; i < 4; i++)
		*length = *length * 256 + (unsigned char)bytes[i];
	return HEADER_WHOLE;
}

static enum header
netstring_naively(const char *bytes, size_t nbytes, size_t *nheader, uint64_t *length)
{
	char digits[12] = "";
	size_t n = 0;

	while (n < nbytes && n < 11 && bytes[n] >= '0' && bytes[n] <= '9') {
		digits[n] = bytes[n];
		n++;
	}
	*nheader = n + 1;
	*length = strtoull(digits, NULL, 10);
	if (*length >= UINT64_C(1) << 32 || (n > 1 && digits[0] == '0'))
		return HEADER_BAD;
	if (n == nbytes)
		return HEADER_PART;
	return n > 0 && bytes[n] == ':' ? HEADER_WHOLE : HEADER_BAD;
}

static void
split_naively(enum amy_framing framing, const char *bytes, size_t nbytes, size_t max_frame)
{
	size_t ntrailer = framing == AMY_FRAME_NETSTRING ? 1 : 0;

	expected.nbytes = 0;
	while (nbytes > 0) {
		size_t nheader;
		uint64_t length;
		enum header header = framing == AMY_FRAME_NETSTRING
		                         ? netstring_naively(bytes, nbytes, &nheader, &length)
		                         : length32_naively(bytes, nbytes, &nheader, &length);

		if (header != HEADER_WHOLE) {
			note(&expected, "", 0, header == HEADER_BAD ? '#' : '~');
			return;
		}
		bytes += nheader;
		nbytes -= nheader;
		if (length > max_frame)
			note(&expected, "!", 1, '|');
		if (nbytes < length + ntrailer) {
			note(&expected, "", 0, '~');
			return;
		}
		if (ntrailer == 1 && bytes[length] != ',') {
			note(&expected, "", 0, '#');
			return;
		}
		if (length <= max_frame)
			note(&expected, bytes, length, '|');
		bytes += length + ntrailer;
		nbytes -= length + ntrailer;
	}
}

/* ---- The words of these tests ------------------------------------------------------- */

#define L(literal)                                                                             \
	{                                                                                      \
		literal, sizeof literal - 1                                                    \
	}
#define assert_frames(framing, max_frame, frames, ...)                                         \
	assert_chunks(framing, max_frame, frames,                                              \
	              (const struct amy_bytes[]){ __VA_ARGS__, { NULL, 0 } })
#define assert_length32(...) assert_frames(AMY_FRAME_LENGTH32, __VA_ARGS__)
#define assert_netstrings(...) assert_frames(AMY_FRAME_NETSTRING, __VA_ARGS__)

static void
assert_chunks(enum amy_framing framing, size_t max_frame, const char *frames,
              const struct amy_bytes *chunks)
{
	struct amy_frame_reader reader;

	transcript.nbytes = 0;
	amy_frame_reader_init(&reader, framing, max_frame);
	for (; chunks->bytes != NULL; chunks++)
		read_chunk(&reader, chunks->bytes, chunks->nbytes);
	note_end(&reader);
	amy_frame_reader_fini(&reader);
	transcript.bytes[transcript.nbytes] = '\0';
	ck_assert_str_eq(transcript.bytes, frames);
}

/* The stream, cut behind each byte that has its bit in cuts, reads as it should. */
static void
must_read_cut(enum amy_framing framing, const char *bytes, size_t nbytes, size_t max_frame,
              unsigned cuts)
{
	struct amy_frame_reader reader;
	size_t from = 0;

	transcript.nbytes = 0;
	amy_frame_reader_init(&reader, framing, max_frame);
	for (size_t i = 1; i <= nbytes; i++) {
		if (i < nbytes && (cuts >> (i - 1) & 1) == 0)
			continue;
		read_chunk(&reader, bytes + from, i - from);
		from = i;
	}
	note_end(&reader);
	amy_frame_reader_fini(&reader);
	must_be_as_expected(cuts);
}

static void
must_read_cut_in_every_way(enum amy_framing framing, const char *bytes, size_t nbytes)
{
	for (size_t max_frame = 0; max_frame <= 3; max_frame++) {
		split_naively(framing, bytes, nbytes, max_frame);
		for (unsigned cuts = 0; cuts < 1u << (nbytes - 1); cuts++)
			must_read_cut(framing, bytes, nbytes, max_frame, cuts);
	}
}

#define must_feed(reader, literal)                                                             \
	MUST(amy_frame_reader_feed(reader, literal, sizeof literal - 1) == 0)

static void
assert_next_is(struct amy_frame_reader *reader, const char *text)
{
	struct amy_bytes frame;

	ck_assert_int_eq(amy_frame_reader_next(reader, &frame), 1);
	ck_assert_uint_eq(frame.nbytes, strlen(text));
	ck_assert_mem_eq(frame.bytes, text, frame.nbytes);
}

static void
assert_next_is_nothing(struct amy_frame_reader *reader)
{
	struct amy_bytes frame;

	ck_assert_int_eq(amy_frame_reader_next(reader, &frame), 0);
}

static void
assert_next_fails(struct amy_frame_reader *reader, int error)
{
	struct amy_bytes frame;

	errno = 0;
	ck_assert_int_eq(amy_frame_reader_next(reader, &frame), -1);
	ck_assert_int_eq(errno, error);
}

/* ---- Frames ------------------------------------------------------------------------- */

START_TEST(one_frame)
{
	assert_length32(80, "hello|", L("\0\0\0\5hello"));
	assert_netstrings(80, "hello|", L("5:hello,"));
}
END_TEST

START_TEST(many_frames_in_one_read)
{
	assert_length32(80, "one|two|three|", L("\0\0\0\3one\0\0\0\3two\0\0\0\5three"));
	assert_netstrings(80, "one|two|three|", L("3:one,3:two,5:three,"));
}
END_TEST

START_TEST(frame_split_across_two_reads)
{
	assert_length32(80, "hello|you|", L("\0\0\0\5hel"), L("lo\0\0\0\3you"));
	assert_netstrings(80, "hello|you|", L("5:hel"), L("lo,3:you,"));
}
END_TEST

START_TEST(header_split_across_two_reads)
{
	assert_length32(80, "hello|you|", L("\0\0"), L("\0\5hello\0\0\0"), L("\3you"));
	assert_netstrings(80, "hello|0123456789|", L("5"), L(":hello,1"), L("0:0123456789,"));
}
END_TEST

START_TEST(trailer_split_from_its_frame)
{
	assert_netstrings(80, "hello||", L("5:hello"), L(",0:"), L(","));
}
END_TEST

START_TEST(frames_read_a_byte_at_a_time)
{
	assert_length32(80, "hi|", L("\0"), L("\0"), L("\0"), L("\2"), L("h"), L("i"));
	assert_netstrings(80, "hi|", L("2"), L(":"), L("h"), L("i"), L(","));
}
END_TEST

START_TEST(empty_frames)
{
	assert_length32(80, "|", L("\0\0\0\0"));
	assert_length32(80, "||a||", L("\0\0\0\0\0\0\0\0\0\0\0\1a\0\0"), L("\0\0"));
	assert_netstrings(80, "|", L("0:,"));
	assert_netstrings(80, "||a||", L("0:,0:,1:a,0"), L(":,"));
}
END_TEST

START_TEST(empty_frame_does_not_point_at_bytes_that_are_no_longer_lent)
{
	static const char bytes[4];
	struct amy_frame_reader reader;
	struct amy_bytes frame = { NULL, 1 };

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 80);
	ck_assert_int_eq(amy_frame_reader_feed(&reader, bytes, 4), 0);
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_int_eq(amy_frame_reader_next(&reader, &frame), 1);
	ck_assert_ptr_nonnull(frame.bytes);
	ck_assert(frame.bytes < bytes || frame.bytes > bytes + 4);
	ck_assert_uint_eq(frame.nbytes, 0);
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(reads_of_nothing)
{
	assert_length32(80, "", L(""));
	assert_length32(80, "one||", L(""), L("\0\0\0"), L(""), L("\3on"), L(""), L("e"), L(""),
	                L("\0\0\0\0"), L(""));
	assert_netstrings(80, "", L(""));
	assert_netstrings(80, "one|", L(""), L("3"), L(""), L(":on"), L(""), L("e"), L(""),
	                  L(","));
}
END_TEST

START_TEST(no_bytes_may_be_null)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 80);
	assert_next_is_nothing(&reader);
	ck_assert_int_eq(amy_frame_reader_feed(&reader, NULL, 0), 0);
	assert_next_is_nothing(&reader);
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert(amy_frame_reader_is_empty(&reader));
}
END_TEST

START_TEST(end_within_a_frame)
{
	assert_length32(80, "~", L("\0"));
	assert_length32(80, "one|~", L("\0\0\0\3one\0\0\0\1"));
	assert_length32(80, "one|~", L("\0\0\0\3one\0\0\0\3tw"));
	assert_netstrings(80, "~", L("3"));
	assert_netstrings(80, "one|~", L("3:one,3:"));
	assert_netstrings(80, "one|~", L("3:one,3:two"));
	assert_netstrings(80, "one|~", L("3:one,0:"));
}
END_TEST

START_TEST(every_byte_may_be_in_a_frame)
{
	struct amy_frame_reader reader;
	struct amy_bytes frame;
	char bytes[4 + 256] = { 0, 0, 1, 0 };

	for (int byte = 0; byte < 256; byte++)
		bytes[4 + byte] = (char)byte;
	for (size_t cut = 0; cut < sizeof bytes; cut++) {
		amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 256);
		MUST(amy_frame_reader_feed(&reader, bytes, cut) == 0);
		MUST(amy_frame_reader_next(&reader, &frame) == 0);
		MUST(amy_frame_reader_feed(&reader, bytes + cut, sizeof bytes - cut) == 0);
		MUST(amy_frame_reader_next(&reader, &frame) == 1);
		MUST(frame.nbytes == 256);
		MUST(memcmp(frame.bytes, bytes + 4, 256) == 0);
		amy_frame_reader_fini(&reader);
	}
}
END_TEST

START_TEST(whole_frames_are_not_copied)
{
	static const char bytes[] = "\0\0\0\3one\0\0\0\3two";
	struct amy_frame_reader reader;
	struct amy_bytes frame;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 80);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	must_feed(&reader, "\0\0");
	MUST(amy_frame_reader_next(&reader, &frame) == 0);
	MUST(amy_frame_reader_feed(&reader, bytes + 2, sizeof bytes - 3) == 0);
	MUST(amy_frame_reader_next(&reader, &frame) == 1);
	MUST(frame.bytes == bytes + 4);
	MUST(amy_frame_reader_next(&reader, &frame) == 1);
	MUST(frame.bytes == bytes + 11);
	MUST(amy_frame_reader_next(&reader, &frame) == 0);
	MUST(!fault_clear());
	MUST(reader.kept == NULL);
}
END_TEST

START_TEST(memory_is_freed_when_the_frame_was_completed_and_used)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	must_feed(&reader, "3:on");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_nonnull(reader.kept);
	must_feed(&reader, "e,3:two,");
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	ck_assert_ptr_null(reader.kept);
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

START_TEST(finished_reader_may_be_used_again)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 3);
	must_feed(&reader, "3:on");
	assert_next_is_nothing(&reader);
	amy_frame_reader_fini(&reader);
	ck_assert_ptr_null(reader.kept);
	amy_frame_reader_fini(&reader);
	must_feed(&reader, "3:two,4:");
	assert_next_is(&reader, "two");
	assert_next_fails(&reader, EMSGSIZE);
	amy_frame_reader_fini(&reader);
	must_feed(&reader, "x");
	assert_next_fails(&reader, EBADMSG);
	amy_frame_reader_fini(&reader);
	must_feed(&reader, "3:two,");
	assert_next_is(&reader, "two");
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(reader_is_empty_between_two_frames)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 3);
	ck_assert(amy_frame_reader_is_empty(&reader));
	must_feed(&reader, "3:one,3");
	ck_assert(!amy_frame_reader_is_empty(&reader));
	assert_next_is(&reader, "one");
	ck_assert(!amy_frame_reader_is_empty(&reader));
	assert_next_is_nothing(&reader);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	must_feed(&reader, ":");
	assert_next_is_nothing(&reader);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	must_feed(&reader, "two");
	assert_next_is_nothing(&reader);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	must_feed(&reader, ",");
	assert_next_is(&reader, "two");
	ck_assert(amy_frame_reader_is_empty(&reader));
	must_feed(&reader, "4:");
	assert_next_fails(&reader, EMSGSIZE);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	must_feed(&reader, "four");
	assert_next_is_nothing(&reader);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	must_feed(&reader, ",");
	assert_next_is_nothing(&reader);
	ck_assert(amy_frame_reader_is_empty(&reader));
	amy_frame_reader_fini(&reader);
}
END_TEST

/* ---- Frames that are too long ------------------------------------------------------- */

START_TEST(frame_of_just_max_frame_bytes)
{
	assert_length32(5, "hello|", L("\0\0\0\5hello"));
	assert_length32(5, "hello|", L("\0\0\0\5"), L("hell"), L("o"));
	assert_netstrings(5, "hello|", L("5:hello,"));
	assert_netstrings(5, "hello|", L("5:hello"), L(","));
}
END_TEST

START_TEST(frame_one_byte_too_long_is_refused_and_the_next_one_works)
{
	assert_length32(4, "one|!|two|", L("\0\0\0\3one\0\0\0\5hello\0\0\0\3two"));
	assert_length32(4, "!|!|two|", L("\0\0\0\5he"), L("llo\0\0\0\5hello"),
	                L("\0\0\0\3two"));
	assert_netstrings(4, "one|!|two|", L("3:one,5:hello,3:two,"));
	assert_netstrings(4, "!|!|two|", L("5:he"), L("llo,5:hello"), L(","), L("3:two,"));
}
END_TEST

START_TEST(long_frame_is_refused_once)
{
	assert_length32(4, "!|", L("\0\0\0\12"), L("012"), L("345"), L("6789"));
	assert_netstrings(4, "!|", L("10:"), L("012"), L("345"), L("6789"), L(","));
}
END_TEST

START_TEST(long_frame_is_refused_as_soon_as_its_header_is_there)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 4);
	must_feed(&reader, "\0\0\0");
	assert_next_is_nothing(&reader);
	must_feed(&reader, "\5");
	assert_next_fails(&reader, EMSGSIZE);
	assert_next_is_nothing(&reader);
	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 4);
	must_feed(&reader, "5");
	assert_next_is_nothing(&reader);
	must_feed(&reader, ":");
	assert_next_fails(&reader, EMSGSIZE);
	assert_next_is_nothing(&reader);
}
END_TEST

START_TEST(long_frame_costs_no_memory)
{
	struct amy_frame_reader reader;
	struct amy_bytes frame;

	for (int framing = AMY_FRAME_LENGTH32; framing <= AMY_FRAME_NETSTRING; framing++) {
		amy_frame_reader_init(&reader, (enum amy_framing)framing, 4);
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		if (framing == AMY_FRAME_LENGTH32)
			must_feed(&reader, "\0\0\0");
		else
			must_feed(&reader, "2");
		MUST(amy_frame_reader_next(&reader, &frame) == 0);
		if (framing == AMY_FRAME_LENGTH32)
			must_feed(&reader, "\24");
		else
			must_feed(&reader, "0:");
		MUST(amy_frame_reader_next(&reader, &frame) == -1);
		MUST(errno == EMSGSIZE);
		for (int i = 0; i < 10; i++) {
			MUST(amy_frame_reader_next(&reader, &frame) == 0);
			must_feed(&reader, "xx");
			if (i % 2 == 0)
				MUST(amy_frame_reader_keep(&reader) == 0);
		}
		MUST(amy_frame_reader_next(&reader, &frame) == 0);
		MUST(!fault_clear());
		MUST(reader.kept == NULL);
	}
}
END_TEST

START_TEST(frames_of_4_gib_are_skipped)
{
	static char bytes[1 << 16];
	struct amy_frame_reader reader;
	struct amy_bytes frame;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 1 << 30);
	must_feed(&reader, "\xff\xff\xff\xff");
	assert_next_fails(&reader, EMSGSIZE);
	for (int i = 0; i < 1 << 16; i++) {
		MUST(amy_frame_reader_next(&reader, &frame) == 0);
		MUST(!amy_frame_reader_is_empty(&reader));
		MUST(amy_frame_reader_feed(&reader, bytes, sizeof bytes - (i == 0 ? 1 : 0)) ==
		     0);
	}
	assert_next_is_nothing(&reader);
	ck_assert(amy_frame_reader_is_empty(&reader));
	must_feed(&reader, "\0\0\0\3one");
	assert_next_is(&reader, "one");
}
END_TEST

START_TEST(max_frame_0_is_for_empty_frames)
{
	assert_length32(0, "|!||", L("\0\0\0\0\0\0\0\1a\0\0\0\0"));
	assert_netstrings(0, "|!||", L("0:,1:a,0:,"));
}
END_TEST

START_TEST(max_frame_is_1_gib_at_most)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, SIZE_MAX);
	ck_assert_uint_eq(reader.max_frame, 1u << 30);
	must_feed(&reader, "\x40\0\0\1");
	assert_next_fails(&reader, EMSGSIZE);
	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, SIZE_MAX);
	must_feed(&reader, "\x40\0\0\0");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

START_TEST(memory_is_for_what_was_sent_and_not_for_what_was_announced)
{
	struct amy_frame_reader reader;
	struct amy_bytes frame;
	char bytes[1000];

	memset(bytes, 'x', sizeof bytes);
	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, SIZE_MAX);
	must_feed(&reader, "1000000000:");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	for (size_t n = 1000; n <= 500000; n += 1000) {
		MUST(amy_frame_reader_feed(&reader, bytes, sizeof bytes) == 0);
		MUST(amy_frame_reader_next(&reader, &frame) == 0);
		MUST(reader.kept->capacity <= 2 * n);
	}
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(memory_is_for_no_more_than_the_frame)
{
	struct amy_frame_reader reader;
	char bytes[1001];

	memset(bytes, ',', sizeof bytes);
	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 1000);
	must_feed(&reader, "1000:x");
	assert_next_is_nothing(&reader);
	ck_assert_uint_le(reader.kept->capacity, 128);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(amy_frame_reader_feed(&reader, bytes, 333), 0);
		if (i < 2)
			assert_next_is_nothing(&reader);
		ck_assert_uint_le(reader.kept->capacity, 1001);
	}
	assert_next_is_nothing(&reader);
	ck_assert_uint_eq(reader.kept->capacity, 1001);
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(frame_read_in_many_pieces)
{
	enum { NBYTES = 100000 };
	struct amy_frame_reader reader;
	struct amy_bytes frame;
	char piece[100];

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, NBYTES);
	must_feed(&reader, "100000:");
	for (int i = 0; i < NBYTES / 100; i++) {
		MUST(amy_frame_reader_next(&reader, &frame) == 0);
		memset(piece, 'a' + i % 26, sizeof piece);
		MUST(amy_frame_reader_feed(&reader, piece, sizeof piece) == 0);
	}
	MUST(amy_frame_reader_next(&reader, &frame) == 0);
	must_feed(&reader, ",");
	ck_assert_int_eq(amy_frame_reader_next(&reader, &frame), 1);
	ck_assert_uint_eq(frame.nbytes, NBYTES);
	for (int i = 0; i < NBYTES; i++)
		MUST(frame.bytes[i] == 'a' + i / 100 % 26);
	amy_frame_reader_fini(&reader);
}
END_TEST

/* ---- What is no netstring ----------------------------------------------------------- */

START_TEST(what_is_no_netstring_is_refused)
{
	static const char *const bad[] = {
		"00:,",
		"01:x,",
		"x",
		":,",
		",",
		"-1:x,",
		" 1:x,",
		"1 :x,",
		"+1:x,",
		"1;x,",
		"0x1:x,",
		"1\n",
		"1:xx",
		"0:x",
		"3:one;",
		"4294967296:",
		"4294967300:",
		"9999999999",
		"10000000000",
		"42949672950:",
		"99999999999999999999999999999",
		"000",
		"0 ",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char stream[64] = "1:a,";

		strcat(stream, bad[i]);
		assert_netstrings(80, "#", { bad[i], strlen(bad[i]) });
		assert_netstrings(80, "a|#", { stream, strlen(stream) });
		for (size_t cut = 1; cut < strlen(stream); cut++)
			assert_netstrings(80, "a|#", { stream, cut },
			                  { stream + cut, strlen(stream) - cut });
	}
}
END_TEST

START_TEST(what_is_no_netstring_is_refused_as_soon_as_that_is_known)
{
	assert_netstrings(80, "#", L("00"));
	assert_netstrings(80, "#", L("1x"));
	assert_netstrings(80, "#", L(":"));
	assert_netstrings(80, "#", L("4294967296"));
	assert_netstrings(80, "#", L("5000000000"));
	assert_netstrings(80, "~", L("4294967295"));
	assert_netstrings(80, "~", L("429496729"));
	assert_netstrings(80, "~", L("999999999"));
}
END_TEST

START_TEST(longest_number_that_can_be_skipped)
{
	assert_netstrings(80, "!|~", L("4294967295:"));
	assert_netstrings(80, "!|~", L("4294967295:xxx,"));
	assert_netstrings(80, "!|~", L("1073741825:"));
	assert_netstrings(80, "!|ok|", L("81:"), L("0123456789012345678901234567890123456789"),
	                  L("01234567890123456789012345678901234567890,2:ok,"));
}
END_TEST

START_TEST(comma_behind_a_long_netstring_is_checked)
{
	assert_netstrings(2, "!|#", L("3:oneX"));
	assert_netstrings(2, "!|#", L("3:one"), L("X2:ok,"));
	assert_netstrings(2, "!|#", L("3:"), L("on"), L("eX"));
	assert_netstrings(2, "!|ok|", L("3:one"), L(",2:ok,"));
}
END_TEST

START_TEST(broken_stream_stays_broken)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	must_feed(&reader, "3:on");
	assert_next_is_nothing(&reader);
	must_feed(&reader, "ex3:two,");
	for (int i = 0; i < 3; i++) {
		assert_next_fails(&reader, EBADMSG);
		ck_assert(!amy_frame_reader_is_empty(&reader));
		ck_assert_ptr_null(reader.kept);
	}
	must_feed(&reader, "3:two,");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	assert_next_fails(&reader, EBADMSG);
	must_feed(&reader, "3:two,");
	assert_next_fails(&reader, EBADMSG);
	must_feed(&reader, "");
	assert_next_fails(&reader, EBADMSG);
	ck_assert(!amy_frame_reader_is_empty(&reader));
}
END_TEST

/* ---- Feeding ------------------------------------------------------------------------ */

START_TEST(bytes_cannot_be_lent_before_those_lent_are_used_up)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	must_feed(&reader, "3:one,3:two,");
	errno = 0;
	ck_assert_int_eq(amy_frame_reader_feed(&reader, "", 0), -1);
	ck_assert_int_eq(errno, EBUSY);
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_frame_reader_feed(&reader, "", 0), -1);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	must_feed(&reader, "5:three,");
	assert_next_is(&reader, "three");
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(more_than_1_gib_cannot_be_lent)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 80);
	errno = 0;
	ck_assert_int_eq(amy_frame_reader_feed(&reader, "", ((size_t)1 << 30) + 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	assert_next_is_nothing(&reader);
	ck_assert(amy_frame_reader_is_empty(&reader));
}
END_TEST

/* The buffer is full of whole frames and a part of one: there is room for what follows. */
START_TEST(full_buffer_that_ends_in_a_part_of_a_frame_is_free_again)
{
	struct amy_frame_reader reader;
	char buffer[16];

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	memcpy(buffer, "3:one,20:0123456", 16);
	ck_assert_int_eq(amy_frame_reader_feed(&reader, buffer, 16), 0);
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	memcpy(buffer, "7890123456789,3:", 16);
	ck_assert_int_eq(amy_frame_reader_feed(&reader, buffer, 16), 0);
	assert_next_is(&reader, "01234567890123456789");
	assert_next_is_nothing(&reader);
	memcpy(buffer, "two,", 4);
	ck_assert_int_eq(amy_frame_reader_feed(&reader, buffer, 4), 0);
	assert_next_is(&reader, "two");
	amy_frame_reader_fini(&reader);
}
END_TEST

/* ---- Keep --------------------------------------------------------------------------- */

START_TEST(keep_in_the_middle_and_go_on)
{
	struct amy_frame_reader reader;
	char buffer[] = "3:one,3:two,0:,5:three,2";

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	ck_assert_int_eq(amy_frame_reader_feed(&reader, buffer, strlen(buffer)), 0);
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	memset(buffer, 'x', sizeof buffer);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	assert_next_is(&reader, "two");
	assert_next_is(&reader, "");
	must_feed(&reader, ":go,");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	assert_next_is(&reader, "three");
	assert_next_is(&reader, "go");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

START_TEST(frame_begun_in_what_was_kept_ends_in_the_next_read)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 80);
	must_feed(&reader, "\0\0\0\3one\0\0\0\3t");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	must_feed(&reader, "wo\0\0\0\3six");
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	assert_next_is(&reader, "six");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

START_TEST(keep_of_nothing)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	must_feed(&reader, "3:one,");
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	assert_next_is_nothing(&reader);
}
END_TEST

START_TEST(header_that_was_kept_is_not_kept_for_long)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 80);
	must_feed(&reader, "\0\0\0");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_ptr_nonnull(reader.kept);
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
	must_feed(&reader, "\2hi");
	assert_next_is(&reader, "hi");
}
END_TEST

START_TEST(keep_while_a_long_frame_is_skipped)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 4);
	must_feed(&reader, "10:012");
	assert_next_fails(&reader, EMSGSIZE);
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	must_feed(&reader, "3456789,3:one,3:t");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_uint_eq(buffer_nbytes(reader.kept), 9);
	assert_next_is(&reader, "one");
	must_feed(&reader, "wo,");
	assert_next_is(&reader, "two");
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(keep_where_the_stream_breaks)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 2);
	must_feed(&reader, "3:on");
	assert_next_fails(&reader, EMSGSIZE);
	assert_next_is_nothing(&reader);
	must_feed(&reader, "eX3:two,");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	ck_assert_ptr_null(reader.kept);
	assert_next_fails(&reader, EBADMSG);
}
END_TEST

START_TEST(long_frame_that_was_kept_is_refused_once)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_LENGTH32, 4);
	must_feed(&reader, "\0\0\0\3one\0\0\0\7too l");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	must_feed(&reader, "ng\0\0\0\3two");
	assert_next_is(&reader, "one");
	assert_next_fails(&reader, EMSGSIZE);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	ck_assert(amy_frame_reader_is_empty(&reader));
}
END_TEST

/* ---- Any stream, any reads ---------------------------------------------------------- */

START_TEST(every_short_stream_of_netstrings_cut_in_every_way_reads_the_same)
{
	static const char alphabet[] = "012:,";
	enum { MAX = 6, NSTREAMS = 5 * 5 * 5 * 5 * 5 * 5 };

	for (unsigned stream = 0; stream < NSTREAMS; stream++) {
		char bytes[MAX];
		unsigned left = stream;

		for (int i = 0; i < MAX; i++, left /= 5)
			bytes[i] = alphabet[left % 5];
		must_read_cut_in_every_way(AMY_FRAME_NETSTRING, bytes, MAX);
	}
}
END_TEST

START_TEST(some_netstrings_cut_in_every_way_read_the_same)
{
	static const struct amy_bytes streams[] = {
		L("3:abc,0:,1"),  L("2:ab,4:abcd,"), L("11:01234567"), L("0:,0:,0:,0:"),
		L("4:1:a,,1:b,"), L("4:abcdX1:b,"),  L("4294967296:"), L("4294967295:"),
	};

	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
		must_read_cut_in_every_way(AMY_FRAME_NETSTRING, streams[i].bytes,
		                           streams[i].nbytes);
}
END_TEST

START_TEST(some_streams_with_lengths_cut_in_every_way_read_the_same)
{
	static const struct amy_bytes streams[] = {
		L("\0\0\0\1a\0\0\0\0\0\0\0\2"), L("\0\0\0\3abc\0\0\0\2xy"),
		L("\0\0\0\4abcd\0\0\0\1"),      L("\0\0\0\0\0\0\0\0\0\0\0\0"),
		L("\0\0\1\0abcdefg"),           L("\xff\xff\xff\xff\0\0\0\1a"),
	};

	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
		must_read_cut_in_every_way(AMY_FRAME_LENGTH32, streams[i].bytes,
		                           streams[i].nbytes);
}
END_TEST

static size_t
put_header(enum amy_framing framing, char *bytes, unsigned length)
{
	if (framing == AMY_FRAME_NETSTRING)
		return (size_t)sprintf(bytes, "%u:", length);
	for (int i = 0; i < 4; i++)
		bytes[i] = (char)(length >> (24 - 8 * i));
	return 4;
}

/* Frames of random lengths; one in some streams has a byte that is not what it should be. */
static size_t
make_stream(enum amy_framing framing, char *bytes, size_t capacity, uint64_t *random)
{
	uint32_t max = 1 + random_below(random, 1 + random_below(random, 150));
	size_t nbytes = 0;

	while (nbytes + 20 + max < capacity) {
		uint32_t length = random_below(random, max);

		nbytes += put_header(framing, bytes + nbytes, length);
		for (uint32_t i = 0; i < length; i++)
			bytes[nbytes++] = (char)random_below(random, 256);
		if (framing == AMY_FRAME_NETSTRING)
			bytes[nbytes++] = ',';
	}
	if (random_below(random, 3) == 0)
		bytes[random_below(random, (uint32_t)nbytes)] = (char)random_below(random, 256);
	return nbytes;
}

/* Some frames, perhaps all; then what is left is kept. */
static void
read_chunk_with_whims(struct amy_frame_reader *reader, const char *bytes, size_t nbytes,
                      uint64_t *random)
{
	char *lent = lend(reader, bytes, nbytes);

	do {
		if (random_below(random, 8) == 0) {
			MUST(amy_frame_reader_keep(reader) == 0);
			break;
		}
	} while (note_next(reader));
	free(lent);
}

static size_t
random_cut(uint64_t *random, uint32_t max_read, size_t left)
{
	size_t n = random_below(random, max_read + 1);

	return n < left ? n : left;
}

START_TEST(stream_read_in_any_way_reads_the_same)
{
	size_t nframes = 0;

	for (uint64_t seed = 1; seed <= 6000; seed++) {
		enum amy_framing framing =
		    seed % 2 == 0 ? AMY_FRAME_NETSTRING : AMY_FRAME_LENGTH32;
		uint64_t random = seed;
		size_t max_frame = random_below(&random, 150);
		uint32_t max_read = 1 + random_below(&random, 300);
		static char bytes[2000];
		size_t nbytes = make_stream(framing, bytes, sizeof bytes, &random);
		struct amy_frame_reader reader;

		split_naively(framing, bytes, nbytes, max_frame);
		transcript.nbytes = 0;
		amy_frame_reader_init(&reader, framing, max_frame);
		for (size_t at = 0, n; at < nbytes; at += n) {
			n = random_cut(&random, max_read, nbytes - at);
			read_chunk_with_whims(&reader, bytes + at, n, &random);
		}
		while (note_next(&reader))
			nframes++;
		note_end(&reader);
		amy_frame_reader_fini(&reader);
		must_be_as_expected(seed);
		for (size_t i = 0; i < expected.nbytes; i++)
			nframes += expected.bytes[i] == '|';
	}
	ck_assert_uint_gt(nframes, 100000);
}
END_TEST

/* ---- Reserved ----------------------------------------------------------------------- */

/* Bytes that are fed from a buffer which has nothing of them afterwards. */
static void
read_reserved_chunk(struct amy_frame_reader *reader, const char *bytes, size_t nbytes,
                    uint64_t *random)
{
	static char buffer[400];
	size_t left;

	memcpy(buffer, bytes, nbytes);
	MUST(amy_frame_reader_feed(reader, buffer, nbytes) == 0);
	do {
		left = reader->nchunk + buffer_nbytes(reader->kept);
		if (random_below(random, 8) == 0 &&
		    left <= reader->max_frame + AMY_FRAME_HEADER_MAX) {
			MUST(amy_frame_reader_keep(reader) == 0);
			break;
		}
	} while (note_next(reader));
	memset(buffer, 'x', sizeof buffer);
}

START_TEST(reserved_reader_never_allocates)
{
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		enum amy_framing framing =
		    seed % 2 == 0 ? AMY_FRAME_NETSTRING : AMY_FRAME_LENGTH32;
		uint64_t random = seed;
		size_t max_frame = random_below(&random, 150);
		uint32_t max_read = 1 + random_below(&random, 300);
		static char bytes[2000];
		size_t nbytes = make_stream(framing, bytes, sizeof bytes, &random);
		struct amy_frame_reader reader;
		struct amy_buffer *kept;

		split_naively(framing, bytes, nbytes, max_frame);
		transcript.nbytes = 0;
		amy_frame_reader_init(&reader, framing, max_frame);
		MUST(amy_frame_reader_reserve(&reader) == 0);
		kept = reader.kept;
		MUST(kept->capacity == max_frame + AMY_FRAME_HEADER_MAX);
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		for (size_t at = 0, n; at < nbytes; at += n) {
			n = random_cut(&random, max_read, nbytes - at);
			read_reserved_chunk(&reader, bytes + at, n, &random);
		}
		while (note_next(&reader))
			;
		note_end(&reader);
		MUST(!fault_clear());
		MUST(reader.kept == kept);
		must_be_as_expected(seed);
		amy_frame_reader_fini(&reader);
		MUST(reader.kept == NULL);
	}
}
END_TEST

START_TEST(more_than_a_frame_may_be_kept_by_a_reserved_reader)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 3);
	ck_assert_int_eq(amy_frame_reader_reserve(&reader), 0);
	must_feed(&reader, "3:one,3:two,5:three,2:");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	assert_next_is(&reader, "one");
	assert_next_is(&reader, "two");
	assert_next_fails(&reader, EMSGSIZE);
	assert_next_is_nothing(&reader);
	must_feed(&reader, "go,");
	assert_next_is(&reader, "go");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_nonnull(reader.kept);
	amy_frame_reader_fini(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

START_TEST(reserving_keeps_the_frame_that_was_begun)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 300);
	must_feed(&reader, "3:one,3:tw");
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	ck_assert_int_eq(amy_frame_reader_reserve(&reader), 0);
	ck_assert_int_eq(amy_frame_reader_reserve(&reader), 0);
	must_feed(&reader, "o,");
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
	ck_assert(amy_frame_reader_is_empty(&reader));
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(without_memory_nothing_is_reserved)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 300);
	for (int i = 0; i < 2; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		errno = 0;
		MUST(amy_frame_reader_reserve(&reader) == -1);
		MUST(errno == ENOMEM);
		MUST(fault_clear());
		if (i == 0) {
			must_feed(&reader, "3:on");
			assert_next_is_nothing(&reader);
		}
	}
	must_feed(&reader, "e,");
	assert_next_is(&reader, "one");
	assert_next_is_nothing(&reader);
	ck_assert_ptr_null(reader.kept);
}
END_TEST

/* ---- No memory ---------------------------------------------------------------------- */

START_TEST(without_memory_the_bytes_stay_lent)
{
	struct amy_frame_reader reader;
	struct amy_bytes frame;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	must_feed(&reader, "3:one,3:tw");
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(amy_frame_reader_next(&reader, &frame) == 1);
	errno = 0;
	MUST(amy_frame_reader_next(&reader, &frame) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	ck_assert_int_eq(amy_frame_reader_feed(&reader, "", 0), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert(!amy_frame_reader_is_empty(&reader));
	assert_next_is_nothing(&reader);
	must_feed(&reader, "o,");
	assert_next_is(&reader, "two");
	amy_frame_reader_fini(&reader);
}
END_TEST

START_TEST(without_memory_nothing_is_kept)
{
	struct amy_frame_reader reader;

	amy_frame_reader_init(&reader, AMY_FRAME_NETSTRING, 80);
	must_feed(&reader, "3:one,3:two,");
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_frame_reader_keep(&reader) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	assert_next_is(&reader, "one");
	ck_assert_int_eq(amy_frame_reader_keep(&reader), 0);
	assert_next_is(&reader, "two");
	assert_next_is_nothing(&reader);
}
END_TEST

/* What fails for want of memory is done again. False: nothing failed. */
static bool
read_without_memory(enum amy_framing framing, const char *bytes, size_t nbytes,
                    size_t max_frame, unsigned nth)
{
	struct amy_frame_reader reader;
	struct amy_bytes frame;
	uint64_t random = nth;
	bool has_failed = false;
	int rc;

	transcript.nbytes = 0;
	amy_frame_reader_init(&reader, framing, max_frame);
	for (size_t at = 0, n; at < nbytes; at += n) {
		n = random_cut(&random, 60, nbytes - at);
		MUST(amy_frame_reader_feed(&reader, bytes + at, n) == 0);
		fault_set(FAULT_ALLOCATION, nth, ENOMEM);
		while ((rc = amy_frame_reader_next(&reader, &frame)) != 0) {
			if (rc == 1)
				note(&transcript, frame.bytes, frame.nbytes, '|');
			else if (errno == EMSGSIZE)
				note(&transcript, "!", 1, '|');
			else if (errno == EBADMSG)
				break;
			else
				MUST(errno == ENOMEM &&
				     amy_frame_reader_feed(&reader, "", 0) == -1);
			if (random_below(&random, 4) == 0 &&
			    amy_frame_reader_keep(&reader) == -1)
				MUST(amy_frame_reader_keep(&reader) == 0);
		}
		has_failed |= fault_clear();
	}
	note_end(&reader);
	amy_frame_reader_fini(&reader);
	return has_failed;
}

START_TEST(any_allocation_may_fail)
{
	long live = fault_live_allocations();
	int nfailed = 0;

	for (uint64_t seed = 1; seed <= 1000; seed++) {
		enum amy_framing framing =
		    seed % 2 == 0 ? AMY_FRAME_NETSTRING : AMY_FRAME_LENGTH32;
		uint64_t random = seed;
		size_t max_frame = random_below(&random, 200);
		static char bytes[1000];
		size_t nbytes = make_stream(framing, bytes, sizeof bytes, &random);
		unsigned nth = 1;

		split_naively(framing, bytes, nbytes, max_frame);
		while (read_without_memory(framing, bytes, nbytes, max_frame, nth)) {
			must_be_as_expected(seed);
			nth++;
		}
		must_be_as_expected(seed);
		nfailed += (int)nth - 1;
	}
	MUST(nfailed > 500);
	MUST(fault_live_allocations() == live);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("frame_reader",
	    one_frame,
	    many_frames_in_one_read,
	    frame_split_across_two_reads,
	    header_split_across_two_reads,
	    trailer_split_from_its_frame,
	    frames_read_a_byte_at_a_time,
	    empty_frames,
	    empty_frame_does_not_point_at_bytes_that_are_no_longer_lent,
	    reads_of_nothing,
	    no_bytes_may_be_null,
	    end_within_a_frame,
	    every_byte_may_be_in_a_frame,
	    whole_frames_are_not_copied,
	    memory_is_freed_when_the_frame_was_completed_and_used,
	    finished_reader_may_be_used_again,
	    reader_is_empty_between_two_frames,
	    frame_of_just_max_frame_bytes,
	    frame_one_byte_too_long_is_refused_and_the_next_one_works,
	    long_frame_is_refused_once,
	    long_frame_is_refused_as_soon_as_its_header_is_there,
	    long_frame_costs_no_memory,
	    frames_of_4_gib_are_skipped,
	    max_frame_0_is_for_empty_frames,
	    max_frame_is_1_gib_at_most,
	    memory_is_for_what_was_sent_and_not_for_what_was_announced,
	    memory_is_for_no_more_than_the_frame,
	    frame_read_in_many_pieces,
	    what_is_no_netstring_is_refused,
	    what_is_no_netstring_is_refused_as_soon_as_that_is_known,
	    longest_number_that_can_be_skipped,
	    comma_behind_a_long_netstring_is_checked,
	    broken_stream_stays_broken,
	    bytes_cannot_be_lent_before_those_lent_are_used_up,
	    more_than_1_gib_cannot_be_lent,
	    full_buffer_that_ends_in_a_part_of_a_frame_is_free_again,
	    keep_in_the_middle_and_go_on,
	    frame_begun_in_what_was_kept_ends_in_the_next_read,
	    keep_of_nothing,
	    header_that_was_kept_is_not_kept_for_long,
	    keep_while_a_long_frame_is_skipped,
	    keep_where_the_stream_breaks,
	    long_frame_that_was_kept_is_refused_once,
	    every_short_stream_of_netstrings_cut_in_every_way_reads_the_same,
	    some_netstrings_cut_in_every_way_read_the_same,
	    some_streams_with_lengths_cut_in_every_way_read_the_same,
	    stream_read_in_any_way_reads_the_same,
	    reserved_reader_never_allocates,
	    more_than_a_frame_may_be_kept_by_a_reserved_reader,
	    reserving_keeps_the_frame_that_was_begun,
	    without_memory_nothing_is_reserved,
	    without_memory_the_bytes_stay_lent,
	    without_memory_nothing_is_kept,
	    any_allocation_may_fail);
}
