/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "amy.h"
#include "buffer.h"
#include "faults.h"
#include "harness.h"

static void
assert_pending(const struct amy_line_writer *writer, const char *text)
{
	const char *bytes;

	ck_assert_uint_eq(amy_line_writer_pending(writer, NULL), strlen(text));
	ck_assert_uint_eq(amy_line_writer_pending(writer, &bytes), strlen(text));
	if (*text != '\0')
		ck_assert_mem_eq(bytes, text, strlen(text));
}

static void
assert_put(struct amy_line_writer *writer, const char *text)
{
	ck_assert_int_eq(amy_line_writer_put(writer, text, strlen(text)), 0);
}

static void
assert_append(struct amy_line_writer *writer, const char *text)
{
	ck_assert_int_eq(amy_line_writer_append(writer, text, strlen(text)), 0);
}

#define ck_assert_full(call)                                                                   \
	do {                                                                                   \
		errno = 0;                                                                     \
		ck_assert_int_eq(call, -1);                                                    \
		ck_assert_int_eq(errno, ENOBUFS);                                              \
	} while (0)

START_TEST(new_writer_is_empty)
{
	struct amy_line_writer writer;
	const char *bytes;

	amy_line_writer_init(&writer, 100);
	ck_assert_uint_eq(amy_line_writer_pending(&writer, &bytes), 0);
	ck_assert_ptr_null(writer.buffer);
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(line_is_followed_by_lf)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	assert_put(&writer, "one");
	assert_pending(&writer, "one\n");
	assert_put(&writer, "");
	assert_put(&writer, "two");
	assert_pending(&writer, "one\n\ntwo\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(bytes_are_followed_by_nothing)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	assert_append(&writer, "on");
	assert_append(&writer, "e");
	assert_put(&writer, "");
	assert_append(&writer, "two\n");
	assert_pending(&writer, "one\ntwo\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(nothing_may_be_null)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	ck_assert_int_eq(amy_line_writer_append(&writer, NULL, 0), 0);
	assert_pending(&writer, "");
	ck_assert_ptr_null(writer.buffer);
	ck_assert_int_eq(amy_line_writer_put(&writer, NULL, 0), 0);
	assert_pending(&writer, "\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(any_byte_may_be_written)
{
	struct amy_line_writer writer;
	char bytes[256];
	const char *pending;

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	amy_line_writer_init(&writer, 257);
	ck_assert_int_eq(amy_line_writer_put(&writer, bytes, 256), 0);
	ck_assert_uint_eq(amy_line_writer_pending(&writer, &pending), 257);
	ck_assert_mem_eq(pending, bytes, 256);
	ck_assert_int_eq(pending[256], '\n');
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(bytes_are_copied)
{
	struct amy_line_writer writer;
	char text[] = "one";

	amy_line_writer_init(&writer, 100);
	assert_put(&writer, text);
	memset(text, 'x', 3);
	assert_pending(&writer, "one\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(what_was_written_is_forgotten)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	assert_put(&writer, "hello");
	amy_line_writer_consume(&writer, 0);
	assert_pending(&writer, "hello\n");
	amy_line_writer_consume(&writer, 2);
	assert_pending(&writer, "llo\n");
	assert_put(&writer, "you");
	assert_pending(&writer, "llo\nyou\n");
	amy_line_writer_consume(&writer, 7);
	assert_pending(&writer, "\n");
	amy_line_writer_consume(&writer, 1);
	assert_pending(&writer, "");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(empty_writer_holds_no_memory)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	assert_put(&writer, "hello");
	ck_assert_ptr_nonnull(writer.buffer);
	amy_line_writer_consume(&writer, 6);
	ck_assert_ptr_null(writer.buffer);
	assert_put(&writer, "hello");
	assert_pending(&writer, "hello\n");
	amy_line_writer_consume(&writer, 100);
	ck_assert_ptr_null(writer.buffer);
	amy_line_writer_consume(&writer, 1);
	assert_pending(&writer, "");
}
END_TEST

START_TEST(finished_writer_may_be_used_again)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 6);
	assert_put(&writer, "hello");
	amy_line_writer_fini(&writer);
	ck_assert_ptr_null(writer.buffer);
	amy_line_writer_fini(&writer);
	assert_put(&writer, "again");
	assert_pending(&writer, "again\n");
	ck_assert_full(amy_line_writer_put(&writer, "", 0));
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(pieces_make_one_line)
{
	const struct amy_bytes pieces[] = {
		{ "on", 2 }, { NULL, 0 }, { "e", 1 }, { " two", 4 }
	};
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	ck_assert_int_eq(amy_line_writer_putv(&writer, pieces, 4), 0);
	assert_pending(&writer, "one two\n");
	ck_assert_int_eq(amy_line_writer_putv(&writer, pieces, 0), 0);
	assert_pending(&writer, "one two\n\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(pieces_that_do_not_fit_change_nothing)
{
	const struct amy_bytes pieces[] = { { "on", 2 }, { "e", 1 }, { "!", 1 } };
	const struct amy_bytes huge[] = { { "", SIZE_MAX / 2 },
		                          { "", SIZE_MAX / 2 },
		                          { "", 2 } };
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 4);
	ck_assert_full(amy_line_writer_putv(&writer, pieces, 3));
	ck_assert_full(amy_line_writer_putv(&writer, huge, 3));
	assert_pending(&writer, "");
	ck_assert_int_eq(amy_line_writer_putv(&writer, pieces, 2), 0);
	assert_pending(&writer, "one\n");
	amy_line_writer_fini(&writer);
}
END_TEST

/* ---- The limit -------------------------------------------------------------------- */

START_TEST(line_that_just_fits)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 6);
	assert_put(&writer, "hello");
	assert_pending(&writer, "hello\n");
	amy_line_writer_fini(&writer);
	assert_append(&writer, "hello!");
	assert_pending(&writer, "hello!");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(line_that_does_not_fit_changes_nothing)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 6);
	ck_assert_full(amy_line_writer_put(&writer, "hello!", 6));
	assert_pending(&writer, "");
	ck_assert_ptr_null(writer.buffer);
	assert_put(&writer, "one");
	ck_assert_full(amy_line_writer_put(&writer, "to", 2));
	ck_assert_full(amy_line_writer_append(&writer, "two", 3));
	assert_pending(&writer, "one\n");
	assert_put(&writer, "2");
	assert_pending(&writer, "one\n2\n");
	ck_assert_full(amy_line_writer_append(&writer, "3", 1));
	ck_assert_int_eq(amy_line_writer_append(&writer, "", 0), 0);
	assert_pending(&writer, "one\n2\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(what_was_written_counts_no_more)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 6);
	assert_put(&writer, "hello");
	amy_line_writer_consume(&writer, 2);
	assert_put(&writer, "a");
	assert_pending(&writer, "llo\na\n");
	ck_assert_full(amy_line_writer_put(&writer, "", 0));
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(limit_0_counts_as_1)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 0);
	ck_assert_full(amy_line_writer_put(&writer, "a", 1));
	assert_put(&writer, "");
	assert_pending(&writer, "\n");
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(line_of_1_gib_is_within_a_limit_of_it)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, (size_t)1 << 30);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_line_writer_put(&writer, "", ((size_t)1 << 30) - 1) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	assert_pending(&writer, "");
}
END_TEST

START_TEST(limit_is_1_gib_at_most)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, SIZE_MAX);
	ck_assert_uint_eq(writer.limit, 1u << 30);
	ck_assert_full(amy_line_writer_put(&writer, "", (size_t)1 << 30));
	ck_assert_full(amy_line_writer_put(&writer, "", SIZE_MAX));
	ck_assert_full(amy_line_writer_append(&writer, "", ((size_t)1 << 30) + 1));
	ck_assert_full(amy_line_writer_append(&writer, "", SIZE_MAX));
	assert_pending(&writer, "");
	amy_line_writer_init(&writer, (size_t)UINT32_MAX + 2);
	ck_assert_uint_eq(writer.limit, 1u << 30);
}
END_TEST

/* ---- Any lines, written in any pieces --------------------------------------------- */

/* What the writer should be: a stretch of one long array. */
static struct {
	char bytes[1 << 20];
	size_t start;
	size_t end;
} model;

static void
must_agree(const struct amy_line_writer *writer, uint64_t seed)
{
	const char *bytes;
	size_t n = amy_line_writer_pending(writer, &bytes);

	if (n != model.end - model.start ||
	    (n > 0 && memcmp(bytes, model.bytes + model.start, n) != 0))
		ck_abort_msg("seed %llu: what is pending is not what was put",
		             (unsigned long long)seed);
	MUST(n > 0 || writer->buffer == NULL || writer->buffer->is_reserved);
	MUST(n <= writer->limit);
	MUST(writer->buffer == NULL ||
	     writer->buffer->capacity <= writer->limit + writer->limit / 4);
}

static void
put_something(struct amy_line_writer *writer, uint64_t *random)
{
	static char bytes[2000];
	size_t nbytes = random_below(random, 2 + random_below(random, sizeof bytes - 2));
	bool is_line = random_below(random, 2) == 0;
	size_t total = nbytes + (is_line ? 1 : 0);
	bool fits = model.end - model.start + total <= writer->limit;
	int rc;

	for (size_t i = 0; i < nbytes; i++)
		bytes[i] = (char)random_below(random, 256);
	errno = 0;
	rc = is_line ? amy_line_writer_put(writer, bytes, nbytes)
	             : amy_line_writer_append(writer, bytes, nbytes);
	MUST(rc == (fits ? 0 : -1));
	MUST(fits || errno == ENOBUFS);
	if (!fits)
		return;
	memcpy(model.bytes + model.end, bytes, nbytes);
	model.bytes[model.end + nbytes] = '\n';
	model.end += total;
}

static void
consume_something(struct amy_line_writer *writer, uint64_t *random)
{
	size_t pending = model.end - model.start;
	size_t n = random_below(random, 4) == 0 ? pending
	                                        : random_below(random, (uint32_t)pending + 1);

	amy_line_writer_consume(writer, n);
	model.start += n;
}

START_TEST(any_lines_come_out_as_they_went_in)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t random = seed;
		struct amy_line_writer writer;
		uint32_t put_rate = 1 + random_below(&random, 5);

		amy_line_writer_init(&writer, 1 + random_below(&random, 8000));
		model.start = model.end = 0;
		for (int i = 0; i < 400; i++) {
			if (random_below(&random, put_rate + 1) > 0)
				put_something(&writer, &random);
			else
				consume_something(&writer, &random);
			must_agree(&writer, seed);
		}
		amy_line_writer_fini(&writer);
	}
}
END_TEST

START_TEST(slow_reader_does_not_make_the_buffer_grow_for_ever)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 1000);
	MUST(amy_line_writer_put(&writer, "0123456789", 10) == 0);
	for (int i = 0; i < 100000; i++) {
		MUST(amy_line_writer_put(&writer, "0123456789", 10) == 0);
		amy_line_writer_consume(&writer, 11);
	}
	ck_assert_uint_eq(amy_line_writer_pending(&writer, NULL), 11);
	ck_assert_uint_le(writer.buffer->capacity, 1250);
	amy_line_writer_fini(&writer);
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

START_TEST(without_memory_nothing_changes)
{
	struct amy_line_writer writer;
	char bytes[1000] = { 0 };

	amy_line_writer_init(&writer, 10000);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_line_writer_put(&writer, "one", 3) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	assert_pending(&writer, "");
	assert_put(&writer, "one");
	assert_put(&writer, "two");
	amy_line_writer_consume(&writer, 5);

	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(amy_line_writer_append(&writer, bytes, sizeof bytes) == -1);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	assert_pending(&writer, "wo\n");
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(amy_line_writer_put(&writer, "small", 5) == 0);
	MUST(!fault_clear());
	assert_pending(&writer, "wo\nsmall\n");
	ck_assert_int_eq(amy_line_writer_append(&writer, bytes, sizeof bytes), 0);
	ck_assert_uint_eq(amy_line_writer_pending(&writer, NULL), 1009);
	amy_line_writer_fini(&writer);
}
END_TEST

/* As above; put and append fail for want of memory at the nth allocation, and then work. */
static bool
put_without_memory(uint64_t seed, unsigned nth)
{
	static const char text[] = "0123456789012345678901234567890123456789";
	struct amy_line_writer writer;
	uint64_t random = seed;
	bool has_failed;

	amy_line_writer_init(&writer, 2000);
	model.start = model.end = 0;
	fault_set(FAULT_ALLOCATION, nth, ENOMEM);
	for (int i = 0; i < 100; i++) {
		size_t n = 1 + random_below(&random, sizeof text - 1);

		if (model.end - model.start + n <= 2000) {
			errno = 0;
			if (amy_line_writer_append(&writer, text, n) == -1) {
				MUST(errno == ENOMEM);
				must_agree(&writer, seed);
				MUST(amy_line_writer_append(&writer, text, n) == 0);
			}
			memcpy(model.bytes + model.end, text, n);
			model.end += n;
		}
		if (random_below(&random, 3) == 0)
			consume_something(&writer, &random);
		must_agree(&writer, seed);
	}
	has_failed = fault_clear();
	amy_line_writer_fini(&writer);
	return has_failed;
}

START_TEST(any_allocation_may_fail)
{
	long live = fault_live_allocations();

	for (uint64_t seed = 1; seed <= 50; seed++) {
		unsigned nth = 1;

		while (put_without_memory(seed, nth))
			nth++;
		MUST(nth > 1);
	}
	MUST(fault_live_allocations() == live);
}
END_TEST

/* ---- Reserved --------------------------------------------------------------------- */

START_TEST(reserved_writer_never_allocates)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		uint64_t random = seed;
		struct amy_line_writer writer;
		uint32_t put_rate = 1 + random_below(&random, 5);
		struct amy_buffer *buffer;

		amy_line_writer_init(&writer, 1 + random_below(&random, 8000));
		MUST(amy_line_writer_reserve(&writer) == 0);
		buffer = writer.buffer;
		model.start = model.end = 0;
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		for (int i = 0; i < 400; i++) {
			if (random_below(&random, put_rate + 1) > 0)
				put_something(&writer, &random);
			else
				consume_something(&writer, &random);
			must_agree(&writer, seed);
			MUST(writer.buffer == buffer);
		}
		amy_line_writer_truncate(&writer, 0);
		MUST(writer.buffer == buffer);
		MUST(!fault_clear());
		amy_line_writer_fini(&writer);
	}
}
END_TEST

START_TEST(reserved_writer_takes_all_of_its_limit_at_any_time)
{
	struct amy_line_writer writer;
	char bytes[100];

	memset(bytes, 'x', sizeof bytes);
	amy_line_writer_init(&writer, 100);
	ck_assert_int_eq(amy_line_writer_reserve(&writer), 0);
	ck_assert_uint_eq(writer.buffer->capacity, 125);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(amy_line_writer_append(&writer, bytes, 100) == 0);
	for (size_t n = 1; n <= 100; n++) {
		MUST(amy_line_writer_append(&writer, bytes, 1) == -1);
		amy_line_writer_consume(&writer, n);
		MUST(amy_line_writer_append(&writer, bytes, n) == 0);
	}
	MUST(!fault_clear());
	ck_assert_full(amy_line_writer_append(&writer, bytes, 1));
	amy_line_writer_fini(&writer);
}
END_TEST

START_TEST(reserving_keeps_what_is_pending)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 1000);
	assert_put(&writer, "one");
	amy_line_writer_consume(&writer, 1);
	ck_assert_int_eq(amy_line_writer_reserve(&writer), 0);
	ck_assert_int_eq(amy_line_writer_reserve(&writer), 0);
	assert_put(&writer, "two");
	assert_pending(&writer, "ne\ntwo\n");
	amy_line_writer_fini(&writer);
	ck_assert_ptr_null(writer.buffer);
}
END_TEST

START_TEST(without_memory_nothing_is_reserved)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 1000);
	for (int i = 0; i < 2; i++) {
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		errno = 0;
		MUST(amy_line_writer_reserve(&writer) == -1);
		MUST(errno == ENOMEM);
		MUST(fault_clear());
		if (i == 0) {
			assert_pending(&writer, "");
			assert_put(&writer, "one");
		}
	}
	assert_pending(&writer, "one\n");
	amy_line_writer_consume(&writer, 4);
	ck_assert_ptr_null(writer.buffer);
}
END_TEST

START_TEST(finished_writer_is_no_longer_reserved)
{
	struct amy_line_writer writer;
	long live = fault_live_allocations();

	amy_line_writer_init(&writer, 1000);
	MUST(amy_line_writer_reserve(&writer) == 0);
	MUST(fault_live_allocations() == live + 1);
	amy_line_writer_fini(&writer);
	MUST(fault_live_allocations() == live);
	assert_put(&writer, "one");
	amy_line_writer_consume(&writer, 4);
	ck_assert_ptr_null(writer.buffer);
}
END_TEST

/* ---- The buffer ------------------------------------------------------------------- */

START_TEST(buffer_never_has_more_than_2_gib)
{
	struct amy_buffer full = { 0, 2u * MAX_BYTES - 10, 2u * MAX_BYTES - 10, false };
	struct amy_buffer *buffer = &full;

	errno = 0;
	ck_assert_int_eq(buffer_make_room(&buffer, 11, MAX_BYTES), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_eq(buffer, &full);
	ck_assert_uint_eq(full.end, 2u * MAX_BYTES - 10);
	full.end = full.capacity = MAX_BYTES + 1;
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(buffer_make_room(&buffer, 1, SIZE_MAX) == -1);
	MUST(fault_clear());
	ck_assert_uint_eq(full.end, MAX_BYTES + 1);
}
END_TEST

START_TEST(buffer_grows_to_just_what_is_needed_when_twice_as_much_is_too_much)
{
	struct amy_buffer *buffer = NULL;

	ck_assert_int_eq(buffer_make_room(&buffer, 10, 50), 0);
	ck_assert_uint_eq(buffer->capacity, 50);
	buffer->end = 10;
	ck_assert_int_eq(buffer_make_room(&buffer, 41, 50), 0);
	ck_assert_uint_eq(buffer->capacity, 112);
	buffer->end = 51;
	ck_assert_int_eq(buffer_make_room(&buffer, 62, 200), 0);
	ck_assert_uint_eq(buffer->capacity, 200);
	buffer->end = 113;
	ck_assert_int_eq(buffer_make_room(&buffer, 1000, 200), 0);
	ck_assert_uint_eq(buffer->capacity, 1113);
	buffer_free(&buffer);
	ck_assert_ptr_null(buffer);
}
END_TEST

START_TEST(buffer_is_moved_when_more_has_gone_than_is_left)
{
	struct amy_buffer *buffer = NULL;

	ck_assert_int_eq(buffer_make_room(&buffer, 100, 1000), 0);
	ck_assert_uint_eq(buffer->capacity, 112);
	buffer_copy(buffer, "01234567890123456789", 20);
	buffer->end = 112;
	buffer->start = 56;
	ck_assert_int_eq(buffer_make_room(&buffer, 56, 1000), 0);
	ck_assert_uint_eq(buffer->capacity, 112);
	ck_assert_uint_eq(buffer->start, 0);
	ck_assert_uint_eq(buffer->end, 56);
	buffer->start = 55;
	buffer->end = 112;
	ck_assert_int_eq(buffer_make_room(&buffer, 1, 1000), 0);
	ck_assert_uint_eq(buffer->capacity, 224);
	ck_assert_uint_eq(buffer_nbytes(buffer), 57);
	buffer_free(&buffer);
}
END_TEST

START_TEST(what_is_behind_is_forgotten)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	MUST(amy_line_writer_append(&writer, "0123456789", 10) == 0);
	amy_line_writer_consume(&writer, 2);
	amy_line_writer_truncate(&writer, 20);
	assert_pending(&writer, "23456789");
	amy_line_writer_truncate(&writer, 3);
	assert_pending(&writer, "234");
	amy_line_writer_truncate(&writer, 0);
	assert_pending(&writer, "");
	ck_assert_ptr_null(writer.buffer);
	amy_line_writer_fini(&writer);
}
END_TEST

/* Whatever is put in whatever place: before, behind and between is what was there. */
START_TEST(some_bytes_are_replaced_by_fewer)
{
	struct amy_line_writer writer;
	uint64_t seed = 9;
	char expected[300], xs[200];

	memset(xs, 'X', sizeof xs);
	for (int round = 0; round < 20000; round++) {
		size_t total = random_below(&seed, 200) + 1, gone = random_below(&seed, 20);
		size_t at = random_below(&seed, (uint32_t)total + 1);
		size_t nbytes = random_below(&seed, (uint32_t)(total - at) + 1);
		size_t n = random_below(&seed, (uint32_t)nbytes + 1);
		const char *pending;

		amy_line_writer_init(&writer, 1000);
		for (size_t i = 0; i < gone + total; i++) {
			char c = (char)('a' + random_below(&seed, 26));

			MUST(amy_line_writer_append(&writer, &c, 1) == 0);
			if (i >= gone)
				expected[i - gone] = c;
		}
		amy_line_writer_consume(&writer, gone);
		memset(expected + at, 'X', n);
		memmove(expected + at + n, expected + at + nbytes, total - at - nbytes);
		amy_line_writer_replace(&writer, at, nbytes, xs, n);
		MUST(amy_line_writer_pending(&writer, &pending) == total - nbytes + n);
		MUST(total - nbytes + n == 0 ||
		     memcmp(pending, expected, total - nbytes + n) == 0);
		MUST((writer.buffer == NULL) == (total - nbytes + n == 0));
		MUST(amy_line_writer_append(&writer, "more", 4) == 0);
		amy_line_writer_fini(&writer);
	}
}
END_TEST

START_TEST(nothing_is_replaced_by_nothing)
{
	struct amy_line_writer writer;

	amy_line_writer_init(&writer, 100);
	amy_line_writer_replace(&writer, 0, 0, NULL, 0);
	assert_pending(&writer, "");
	assert_put(&writer, "one");
	amy_line_writer_replace(&writer, 2, 0, NULL, 0);
	amy_line_writer_truncate(&writer, 4);
	assert_pending(&writer, "one\n");
	amy_line_writer_fini(&writer);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("line_writer",
	    new_writer_is_empty,
	    line_is_followed_by_lf,
	    bytes_are_followed_by_nothing,
	    nothing_may_be_null,
	    any_byte_may_be_written,
	    bytes_are_copied,
	    what_was_written_is_forgotten,
	    empty_writer_holds_no_memory,
	    finished_writer_may_be_used_again,
	    pieces_make_one_line,
	    pieces_that_do_not_fit_change_nothing,
	    line_that_just_fits,
	    line_that_does_not_fit_changes_nothing,
	    what_was_written_counts_no_more,
	    limit_0_counts_as_1,
	    line_of_1_gib_is_within_a_limit_of_it,
	    limit_is_1_gib_at_most,
	    any_lines_come_out_as_they_went_in,
	    slow_reader_does_not_make_the_buffer_grow_for_ever,
	    what_is_behind_is_forgotten,
	    some_bytes_are_replaced_by_fewer,
	    nothing_is_replaced_by_nothing,
	    without_memory_nothing_changes,
	    any_allocation_may_fail,
	    reserved_writer_never_allocates,
	    reserved_writer_takes_all_of_its_limit_at_any_time,
	    reserving_keeps_what_is_pending,
	    without_memory_nothing_is_reserved,
	    finished_writer_is_no_longer_reserved,
	    buffer_never_has_more_than_2_gib,
	    buffer_grows_to_just_what_is_needed_when_twice_as_much_is_too_much,
	    buffer_is_moved_when_more_has_gone_than_is_left);
}
