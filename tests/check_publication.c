/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "publication.h"

/* Bytes that may have NULs in them, and their number. */
#define BYTES(text) text, sizeof text - 1

static const struct publication sample = {
	.seq = 812,
	.request = 4711,
	.from_id = 99,
	.at_ms = -5,
	.wall_ms = INT64_MIN,
	.subject = { BYTES("log.web") },
	.text = { BYTES("GET\0 /a \xff") },
	.from = { BYTES("@alice") },
};

static void
assert_line(const struct amy_bytes *line, const struct amy_bytes *expected)
{
	ck_assert_uint_eq(line->nbytes, expected->nbytes);
	if (line->nbytes > 0)
		ck_assert_mem_eq(line->bytes, expected->bytes, line->nbytes);
}

static void
assert_same(const struct publication *publication, const struct publication *expected)
{
	ck_assert_uint_eq(publication->seq, expected->seq);
	ck_assert_uint_eq(publication->request, expected->request);
	ck_assert_uint_eq(publication->from_id, expected->from_id);
	ck_assert_int_eq(publication->at_ms, expected->at_ms);
	ck_assert_int_eq(publication->wall_ms, expected->wall_ms);
	assert_line(&publication->subject, &expected->subject);
	assert_line(&publication->text, &expected->text);
	assert_line(&publication->from, &expected->from);
}

START_TEST(copy_is_the_same_with_bytes_of_its_own)
{
	char subject[] = "log.web", text[] = "GET\0 /a \xff", from[] = "@alice";
	struct publication publication = sample, *copy;

	publication.subject.bytes = subject;
	publication.text.bytes = text;
	publication.from.bytes = from;
	copy = publication_copy(&publication);
	ck_assert_ptr_nonnull(copy);
	memset(subject, 'x', sizeof subject);
	memset(text, 'x', sizeof text);
	memset(from, 'x', sizeof from);
	assert_same(copy, &sample);
	ck_assert_uint_eq(atomic_load(&copy->references), 1);
	ck_assert_uint_eq(atomic_load(&publication.references), 0);
	publication_unref(copy);
}
END_TEST

START_TEST(copy_of_a_copy_is_one_of_its_own)
{
	struct publication *first = publication_copy(&sample), *second;

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_eq(publication_ref(first), first);
	second = publication_copy(first);
	ck_assert_ptr_nonnull(second);
	ck_assert_uint_eq(atomic_load(&second->references), 1);
	publication_unref(first);
	publication_unref(first);
	assert_same(second, &sample);
	publication_unref(second);
}
END_TEST

START_TEST(copy_is_as_large_as_is_said)
{
	struct publication publication = sample, *copy;
	size_t nbytes = sample.subject.nbytes + sample.text.nbytes + sample.from.nbytes;

	ck_assert_uint_eq(publication_size(&sample), sizeof sample + nbytes);
	copy = publication_copy(&sample);
	ck_assert_ptr_nonnull(copy);
	ck_assert_uint_eq(publication_size(copy), publication_size(&sample));
	publication_unref(copy);
	publication.text = (struct amy_bytes){ NULL, 0 };
	publication.from = (struct amy_bytes){ NULL, 0 };
	ck_assert_uint_eq(publication_size(&publication),
	                  sizeof sample + sample.subject.nbytes);
	copy = publication_copy(&publication);
	ck_assert_ptr_nonnull(copy);
	assert_same(copy, &publication);
	publication_unref(copy);
}
END_TEST

START_TEST(copy_goes_with_its_last_reference)
{
	long allocations = fault_live_allocations();
	struct publication *copy = publication_copy(&sample);

	MUST(copy != NULL);
	MUST(fault_live_allocations() == allocations + 1);
	publication_ref(copy);
	publication_ref(copy);
	publication_unref(copy);
	publication_unref(copy);
	MUST(fault_live_allocations() == allocations + 1);
	publication_unref(copy);
	MUST(fault_live_allocations() == allocations);
	publication_unref(NULL);
}
END_TEST

START_TEST(without_memory_there_is_no_copy)
{
	long allocations = fault_live_allocations();

	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(publication_copy(&sample) == NULL);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(fault_live_allocations() == allocations);
}
END_TEST

/* Each has a reference of its own, takes more, and reads before it lets go. */
static void *
read_and_let_go(void *argument)
{
	struct publication *publication = argument;

	for (int i = 0; i < 5000; i++) {
		publication_ref(publication);
		MUST(memcmp(publication->text.bytes, sample.text.bytes,
		            sample.text.nbytes) == 0);
		publication_unref(publication);
	}
	publication_unref(publication);
	return NULL;
}

START_TEST(threads_share_a_copy)
{
	long allocations = fault_live_allocations();
	pthread_t threads[4];

	for (int round = 0; round < 5; round++) {
		struct publication *copy = publication_copy(&sample);

		MUST(copy != NULL);
		for (int i = 0; i < 4; i++)
			threads[i] = spawn(read_and_let_go, publication_ref(copy));
		publication_unref(copy);
		for (int i = 0; i < 4; i++)
			join(threads[i]);
		MUST(fault_live_allocations() == allocations);
	}
}
END_TEST

/* ---- Formats ----------------------------------------------------------------------- */

static void
expect_formatted(const struct publication *line, const char *format, const char *expected)
{
	struct publication *copy = publication_copy_formatted(line, format);

	MUST(copy != NULL);
	ck_assert_msg(copy->text.nbytes == strlen(expected) &&
	                  memcmp(copy->text.bytes, expected, copy->text.nbytes) == 0,
	              "%s: %.*s", format, (int)copy->text.nbytes, copy->text.bytes);
	MUST(copy->subject.nbytes == line->subject.nbytes);
	publication_unref(copy);
}

START_TEST(format_is_filled_in)
{
	struct publication line = {
		.seq = 17,
		.wall_ms = INT64_C(1764361800123),
		.subject = { "log.web", 7 },
		.text = { "a %text \0 b", 11 },
		.from = { "@ann", 4 },
	};
	struct publication *copy;
	char expected[300], host[256] = "";

	setenv("TZ", "XYZ-01:30", 1);
	tzset();
	expect_formatted(&line, "%subject", "log.web");
	expect_formatted(&line, "%time", "2025-11-28T22:00:00.123+01:30");
	expect_formatted(&line, "%from,%user", "@ann,-");
	expect_formatted(&line, "%seq", "17");
	expect_formatted(&line, "100%% %seq%%", "100% 17%");
	expect_formatted(&line, "", "");
	gethostname(host, sizeof host - 1);
	snprintf(expected, sizeof expected, "[%s] log.web", host);
	expect_formatted(&line, "[%node] %subject", expected);
	copy = publication_copy_formatted(&line, "%text|%text");
	MUST(copy != NULL && copy->text.nbytes == 23);
	MUST(memcmp(copy->text.bytes, "a %text \0 b|a %text \0 b", 23) == 0);
	publication_unref(copy);
	line.seq = 0;
	expect_formatted(&line, "%seq", "-");
}
END_TEST

START_TEST(without_memory_there_is_no_line_of_a_format)
{
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(publication_copy_formatted(&sample, "%subject %text") == NULL);
	fault_set(FAULT_ALLOCATION, 0, 0);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("publication",
	    copy_is_the_same_with_bytes_of_its_own,
	    copy_of_a_copy_is_one_of_its_own,
	    copy_is_as_large_as_is_said,
	    copy_goes_with_its_last_reference,
	    without_memory_there_is_no_copy,
	    threads_share_a_copy,
	    format_is_filled_in,
	    without_memory_there_is_no_line_of_a_format);
}
