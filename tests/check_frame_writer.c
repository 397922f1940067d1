/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "amy.h"
#include "buffer.h"
#include "faults.h"
#include "harness.h"

#define assert_pending(writer, literal)                                                        \
	assert_pending_bytes(writer, literal, sizeof literal - 1)

static void
assert_pending_bytes(const struct amy_frame_writer *writer, const char *text, size_t nbytes)
{
	const char *bytes;

	ck_assert_uint_eq(amy_frame_writer_pending(writer, NULL), nbytes);
	ck_assert_uint_eq(amy_frame_writer_pending(writer, &bytes), nbytes);
	if (nbytes > 0)
		ck_assert_mem_eq(bytes, text, nbytes);
}

static void
assert_put(struct amy_frame_writer *writer, const char *text)
{
	ck_assert_int_eq(amy_frame_writer_put(writer, text, strlen(text)), 0);
}

#define assert_fails(call, error)                                                              \
	do {                                                                                   \
		errno = 0;                                                                     \
		ck_assert_int_eq(call, -1);                                                    \
		ck_assert_int_eq(errno, error);                                                \
	} while (0)

/* ---- Frames ------------------------------------------------------------------------- */

START_TEST(new_writer_is_empty)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 100, 1000);
	assert_pending(&writer, "");
	ck_assert_ptr_null(writer.queue.buffer);
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(frame_stands_behind_its_length)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 100, 1000);
	assert_put(&writer, "one");
	assert_pending(&writer, "\0\0\0\3one");
	assert_put(&writer, "");
	assert_put(&writer, "three");
	assert_pending(&writer, "\0\0\0\3one\0\0\0\0\0\0\0\5three");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(netstring_ends_in_a_comma)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 100, 1000);
	assert_put(&writer, "one");
	assert_pending(&writer, "3:one,");
	assert_put(&writer, "");
	assert_put(&writer, "0123456789");
	assert_pending(&writer, "3:one,0:,10:0123456789,");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(nothing_may_be_null)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 100, 1000);
	ck_assert_int_eq(amy_frame_writer_put(&writer, NULL, 0), 0);
	ck_assert_int_eq(amy_frame_writer_putv(&writer, NULL, 0), 0);
	assert_pending(&writer, "0:,0:,");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(pieces_make_one_frame)
{
	const struct amy_bytes pieces[] = { { "on", 2 }, { NULL, 0 }, { "e", 1 }, { "\0", 1 } };
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 4, 1000);
	ck_assert_int_eq(amy_frame_writer_putv(&writer, pieces, 4), 0);
	assert_pending(&writer, "\0\0\0\4one\0");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(bytes_are_copied)
{
	struct amy_frame_writer writer;
	char text[] = "one";

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 100, 1000);
	assert_put(&writer, text);
	memset(text, 'x', 3);
	assert_pending(&writer, "3:one,");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(what_was_written_is_forgotten)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 100, 1000);
	assert_put(&writer, "one");
	amy_frame_writer_consume(&writer, 0);
	amy_frame_writer_consume(&writer, 3);
	assert_pending(&writer, "ne,");
	assert_put(&writer, "two");
	assert_pending(&writer, "ne,3:two,");
	amy_frame_writer_consume(&writer, 9);
	assert_pending(&writer, "");
	ck_assert_ptr_null(writer.queue.buffer);
	assert_put(&writer, "six");
	amy_frame_writer_consume(&writer, 100);
	ck_assert_ptr_null(writer.queue.buffer);
}
END_TEST

START_TEST(finished_writer_may_be_used_again)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 5, 8);
	assert_put(&writer, "hello");
	amy_frame_writer_fini(&writer);
	ck_assert_ptr_null(writer.queue.buffer);
	amy_frame_writer_fini(&writer);
	assert_put(&writer, "again");
	assert_pending(&writer, "5:again,");
	assert_fails(amy_frame_writer_put(&writer, "", 0), ENOBUFS);
	assert_fails(amy_frame_writer_put(&writer, "longer", 6), EMSGSIZE);
	amy_frame_writer_fini(&writer);
}
END_TEST

/* ---- Too much ----------------------------------------------------------------------- */

START_TEST(frame_of_just_max_frame_bytes)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 5, 1000);
	assert_put(&writer, "hello");
	assert_fails(amy_frame_writer_put(&writer, "longer", 6), EMSGSIZE);
	assert_pending(&writer, "\0\0\0\5hello");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(pieces_that_are_too_long_together_change_nothing)
{
	const struct amy_bytes pieces[] = { { "on", 2 }, { "e", 1 }, { "!", 1 } };
	const struct amy_bytes huge[] = { { "", SIZE_MAX / 2 },
		                          { "", SIZE_MAX / 2 },
		                          { "", 2 } };
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 3, 1000);
	assert_fails(amy_frame_writer_putv(&writer, pieces, 3), EMSGSIZE);
	assert_fails(amy_frame_writer_putv(&writer, huge, 3), EMSGSIZE);
	assert_fails(amy_frame_writer_putv(&writer, huge + 1, 2), EMSGSIZE);
	assert_pending(&writer, "");
	ck_assert_int_eq(amy_frame_writer_putv(&writer, pieces, 2), 0);
	assert_pending(&writer, "3:one,");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(frame_that_just_fits_and_one_that_does_not)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 100, 12);
	assert_put(&writer, "one");
	assert_fails(amy_frame_writer_put(&writer, "four", 4), ENOBUFS);
	assert_pending(&writer, "3:one,");
	assert_put(&writer, "two");
	assert_pending(&writer, "3:one,3:two,");
	amy_frame_writer_consume(&writer, 2);
	assert_fails(amy_frame_writer_put(&writer, "", 0), ENOBUFS);
	amy_frame_writer_consume(&writer, 1);
	assert_put(&writer, "");
	assert_pending(&writer, "ne,3:two,0:,");
	amy_frame_writer_fini(&writer);
	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 100, 3);
	assert_fails(amy_frame_writer_put(&writer, "", 0), ENOBUFS);
	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 100, 4);
	assert_put(&writer, "");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(max_frame_0_is_for_empty_frames)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 0, 100);
	assert_fails(amy_frame_writer_put(&writer, "a", 1), EMSGSIZE);
	assert_put(&writer, "");
	assert_pending(&writer, "0:,");
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(numbers_out_of_range_count_as_the_nearest)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, SIZE_MAX, SIZE_MAX);
	ck_assert_uint_eq(writer.max_frame, 1u << 30);
	ck_assert_uint_eq(writer.queue.limit, 1u << 30);
	assert_fails(amy_frame_writer_put(&writer, "", ((size_t)1 << 30) + 1), EMSGSIZE);
	assert_fails(amy_frame_writer_put(&writer, "", (size_t)1 << 30), ENOBUFS);
	assert_fails(amy_frame_writer_put(&writer, "", ((size_t)1 << 30) - 3), ENOBUFS);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_frame_writer_put(&writer, "", ((size_t)1 << 30) - 4) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	amy_frame_writer_init(&writer, AMY_FRAME_LENGTH32, 0, 0);
	ck_assert_uint_eq(writer.queue.limit, 1);
	assert_fails(amy_frame_writer_put(&writer, "", 0), ENOBUFS);
}
END_TEST

/* ---- Envelopes ---------------------------------------------------------------------- */

static void
assert_envelope(enum amy_framing framing, uint32_t nbytes, const char *header, size_t nheader,
                const char *trailer)
{
	char bytes[AMY_FRAME_HEADER_MAX];
	size_t n = 0;

	ck_assert_str_eq(amy_frame_envelope(framing, nbytes, bytes, &n), trailer);
	ck_assert_uint_eq(n, nheader);
	ck_assert_uint_le(n, AMY_FRAME_HEADER_MAX);
	ck_assert_mem_eq(bytes, header, n);
}

START_TEST(envelopes_of_lengths)
{
	assert_envelope(AMY_FRAME_LENGTH32, 0, "\0\0\0\0", 4, "");
	assert_envelope(AMY_FRAME_LENGTH32, 0x01020304, "\1\2\3\4", 4, "");
	assert_envelope(AMY_FRAME_LENGTH32, 0x80ff00fe, "\x80\xff\0\xfe", 4, "");
	assert_envelope(AMY_FRAME_LENGTH32, UINT32_MAX, "\xff\xff\xff\xff", 4, "");
}
END_TEST

START_TEST(envelopes_of_netstrings)
{
	uint32_t power = 1;

	assert_envelope(AMY_FRAME_NETSTRING, 0, "0:", 2, ",");
	assert_envelope(AMY_FRAME_NETSTRING, UINT32_MAX, "4294967295:", 11, ",");
	for (int digits = 1; digits <= 10; digits++, power *= 10) {
		for (uint32_t n = power - 1; n <= power + 1; n++) {
			char header[16];
			int nheader = snprintf(header, sizeof header, "%lu:", (unsigned long)n);

			assert_envelope(AMY_FRAME_NETSTRING, n, header, (size_t)nheader, ",");
		}
	}
}
END_TEST

/* ---- Any frames --------------------------------------------------------------------- */

/* What the writer should be: a stretch of one long array, made by hand. */
static struct {
	char bytes[1 << 21];
	size_t start;
	size_t end;
} model;

static void
must_agree(const struct amy_frame_writer *writer, uint64_t seed)
{
	const char *bytes;
	size_t n = amy_frame_writer_pending(writer, &bytes);

	if (n != model.end - model.start ||
	    (n > 0 && memcmp(bytes, model.bytes + model.start, n) != 0))
		ck_abort_msg("seed %llu: what is pending is not what was put",
		             (unsigned long long)seed);
}

static size_t
frame_by_hand(char *place, enum amy_framing framing, const char *bytes, size_t nbytes)
{
	size_t n;

	if (framing == AMY_FRAME_NETSTRING) {
		n = (size_t)sprintf(place, "%zu:", nbytes);
		memcpy(place + n, bytes, nbytes);
		place[n + nbytes] = ',';
		return n + nbytes + 1;
	}
	memcpy(place, "\0\0", 2);
	place[2] = (char)(nbytes / 256);
	place[3] = (char)(nbytes % 256);
	memcpy(place + 4, bytes, nbytes);
	return 4 + nbytes;
}

static void
put_something(struct amy_frame_writer *writer, uint64_t *random)
{
	static char bytes[2000], frame[2100];
	size_t nbytes = random_below(random, 1 + random_below(random, sizeof bytes));
	size_t cut = random_below(random, (uint32_t)nbytes + 1), nframe;
	const struct amy_bytes pieces[] = { { bytes, cut }, { bytes + cut, nbytes - cut } };
	int error = 0, rc;

	for (size_t i = 0; i < nbytes; i++)
		bytes[i] = (char)random_below(random, 256);
	nframe = frame_by_hand(frame, writer->framing, bytes, nbytes);
	if (nbytes > writer->max_frame)
		error = EMSGSIZE;
	else if (model.end - model.start + nframe > writer->queue.limit)
		error = ENOBUFS;
	errno = 0;
	rc = random_below(random, 2) == 0 ? amy_frame_writer_put(writer, bytes, nbytes)
	                                  : amy_frame_writer_putv(writer, pieces, 2);
	MUST(rc == (error == 0 ? 0 : -1));
	MUST(errno == error);
	if (error != 0)
		return;
	MUST(model.end + nframe <= sizeof model.bytes);
	memcpy(model.bytes + model.end, frame, nframe);
	model.end += nframe;
}

static void
consume_something(struct amy_frame_writer *writer, uint64_t *random)
{
	size_t pending = model.end - model.start;
	size_t n = random_below(random, 4) == 0 ? pending
	                                        : random_below(random, (uint32_t)pending + 1);

	amy_frame_writer_consume(writer, n);
	model.start += n;
}

static void
put_and_consume(struct amy_frame_writer *writer, uint64_t *random, uint64_t seed)
{
	uint32_t put_rate = 1 + random_below(random, 5);

	for (int i = 0; i < 400; i++) {
		if (random_below(random, put_rate + 1) > 0)
			put_something(writer, random);
		else
			consume_something(writer, random);
		must_agree(writer, seed);
	}
}

static void
start(struct amy_frame_writer *writer, uint64_t *random)
{
	enum amy_framing framing =
	    random_below(random, 2) == 0 ? AMY_FRAME_NETSTRING : AMY_FRAME_LENGTH32;

	model.start = model.end = 0;
	amy_frame_writer_init(writer, framing, random_below(random, 2500),
	                      1 + random_below(random, 8000));
}

START_TEST(any_frames_come_out_as_they_went_in)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t random = seed;
		struct amy_frame_writer writer;

		start(&writer, &random);
		put_and_consume(&writer, &random, seed);
		amy_frame_writer_fini(&writer);
	}
}
END_TEST

START_TEST(reserved_writer_never_allocates)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t random = seed;
		struct amy_frame_writer writer;
		struct amy_buffer *buffer;

		start(&writer, &random);
		MUST(amy_frame_writer_reserve(&writer) == 0);
		buffer = writer.queue.buffer;
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		put_and_consume(&writer, &random, seed);
		MUST(!fault_clear());
		MUST(writer.queue.buffer == buffer);
		amy_frame_writer_fini(&writer);
		MUST(writer.queue.buffer == NULL);
	}
}
END_TEST

/* What was put is read as it was, whatever the pieces are that arrive. */
START_TEST(reader_reads_what_the_writer_wrote)
{
	for (uint64_t seed = 1; seed <= 400; seed++) {
		uint64_t random = seed;
		enum amy_framing framing =
		    seed % 2 == 0 ? AMY_FRAME_NETSTRING : AMY_FRAME_LENGTH32;
		struct amy_frame_writer writer;
		struct amy_frame_reader reader;
		struct amy_bytes frame;
		size_t nframes = 0, nread = 0, pending;
		const char *bytes;
		char text[32];

		amy_frame_writer_init(&writer, framing, 100, 10000);
		amy_frame_reader_init(&reader, framing, 100);
		while (nread < 500) {
			while (nframes < 500 && random_below(&random, 5) > 0) {
				int n = sprintf(text, "%zu", nframes++);

				MUST(amy_frame_writer_put(&writer, text, (size_t)n) == 0);
			}
			pending = amy_frame_writer_pending(&writer, &bytes);
			pending = random_below(&random, (uint32_t)pending + 1);
			MUST(amy_frame_reader_feed(&reader, bytes, pending) == 0);
			while (amy_frame_reader_next(&reader, &frame) == 1) {
				MUST((int)frame.nbytes == sprintf(text, "%zu", nread++));
				MUST(memcmp(frame.bytes, text, frame.nbytes) == 0);
			}
			amy_frame_writer_consume(&writer, pending);
		}
		MUST(amy_frame_reader_is_empty(&reader));
		MUST(amy_frame_writer_pending(&writer, NULL) == 0);
		amy_frame_reader_fini(&reader);
		amy_frame_writer_fini(&writer);
	}
}
END_TEST

/* ---- No memory ---------------------------------------------------------------------- */

START_TEST(without_memory_nothing_changes)
{
	struct amy_frame_writer writer;
	char bytes[1000] = { 0 };

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 1000, 10000);
	for (int i = 0; i < 2; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		errno = 0;
		MUST(amy_frame_writer_put(&writer, bytes, sizeof bytes) == -1);
		MUST(errno == ENOMEM);
		MUST(fault_clear());
		if (i == 0) {
			assert_pending(&writer, "");
			assert_put(&writer, "one");
		}
	}
	assert_pending(&writer, "3:one,");
	ck_assert_int_eq(amy_frame_writer_put(&writer, bytes, sizeof bytes), 0);
	ck_assert_uint_eq(amy_frame_writer_pending(&writer, NULL), 6 + 5 + 1000 + 1);
	amy_frame_writer_fini(&writer);
}
END_TEST

START_TEST(without_memory_nothing_is_reserved)
{
	struct amy_frame_writer writer;

	amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 1000, 10000);
	assert_put(&writer, "one");
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_frame_writer_reserve(&writer) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	assert_pending(&writer, "3:one,");
	ck_assert_int_eq(amy_frame_writer_reserve(&writer), 0);
	assert_pending(&writer, "3:one,");
	amy_frame_writer_consume(&writer, 6);
	ck_assert_ptr_nonnull(writer.queue.buffer);
	amy_frame_writer_fini(&writer);
	ck_assert_ptr_null(writer.queue.buffer);
}
END_TEST

START_TEST(any_allocation_may_fail)
{
	long live = fault_live_allocations();
	int nfailed = 0;

	for (uint64_t seed = 1; seed <= 50; seed++) {
		for (unsigned nth = 1, more = 1; more; nth++) {
			struct amy_frame_writer writer;

			amy_frame_writer_init(&writer, AMY_FRAME_NETSTRING, 1000, 100000);
			model.start = model.end = 0;
			fault_set(FAULT_ALLOCATION, nth, ENOMEM);
			for (size_t n = 1; n < 300; n += seed) {
				char bytes[300];

				memset(bytes, 'a' + (int)n % 26, n);
				if (amy_frame_writer_put(&writer, bytes, n) == -1) {
					MUST(errno == ENOMEM);
					must_agree(&writer, seed);
					MUST(amy_frame_writer_put(&writer, bytes, n) == 0);
				}
				model.end += frame_by_hand(model.bytes + model.end,
				                           AMY_FRAME_NETSTRING, bytes, n);
				must_agree(&writer, seed);
			}
			more = fault_clear();
			nfailed += (int)more;
			amy_frame_writer_fini(&writer);
		}
	}
	MUST(nfailed > 100);
	MUST(fault_live_allocations() == live);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("frame_writer",
	    new_writer_is_empty,
	    frame_stands_behind_its_length,
	    netstring_ends_in_a_comma,
	    nothing_may_be_null,
	    pieces_make_one_frame,
	    bytes_are_copied,
	    what_was_written_is_forgotten,
	    finished_writer_may_be_used_again,
	    frame_of_just_max_frame_bytes,
	    pieces_that_are_too_long_together_change_nothing,
	    frame_that_just_fits_and_one_that_does_not,
	    max_frame_0_is_for_empty_frames,
	    numbers_out_of_range_count_as_the_nearest,
	    envelopes_of_lengths,
	    envelopes_of_netstrings,
	    any_frames_come_out_as_they_went_in,
	    reserved_writer_never_allocates,
	    reader_reads_what_the_writer_wrote,
	    without_memory_nothing_changes,
	    without_memory_nothing_is_reserved,
	    any_allocation_may_fail);
}
