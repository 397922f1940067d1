/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "opening.h"

/* What is known after all bytes, if so many come at a time. */
static enum opening_kind
look(const char *bytes, size_t nbytes, size_t step)
{
	struct opening opening = { 0 };
	enum opening_kind kind = OPENING_UNKNOWN;

	for (size_t i = 0; i < nbytes && kind == OPENING_UNKNOWN; i += step)
		kind = opening_look(&opening, bytes + i, nbytes - i < step ? nbytes - i : step);
	ck_assert_int_eq(opening.kind, kind);
	return kind;
}

static void
assert_kind(const char *bytes, size_t nbytes, enum opening_kind kind)
{
	for (size_t step = 1; step <= nbytes; step++)
		ck_assert_msg(look(bytes, nbytes, step) == kind,
		              "%.*s in steps of %zu is not %d", (int)nbytes, bytes, step,
		              (int)kind);
}

#define ASSERT_KIND(text, kind) assert_kind(text, sizeof text - 1, kind)

START_TEST(request_is_known_by_the_end_of_the_first_line)
{
	ASSERT_KIND("GET / HTTP/1.1\r\nHost: x\r\n", OPENING_HTTP);
	ASSERT_KIND("GET / HTTP/1.0\n", OPENING_HTTP);
	ASSERT_KIND("HTTP/1.9\n", OPENING_HTTP);
	ASSERT_KIND("GET / HTTP/1.1", OPENING_UNKNOWN);
	ASSERT_KIND("", OPENING_UNKNOWN);
}
END_TEST

START_TEST(long_first_line_is_known_as_well)
{
	char text[1000];

	memset(text, 'a', sizeof text);
	memcpy(text + sizeof text - 10, "HTTP/1.1\r\n", 10);
	assert_kind(text, sizeof text, OPENING_HTTP);
	text[sizeof text - 4] = '2';
	text[sizeof text - 3] = 'x';
	assert_kind(text, sizeof text, OPENING_LINES);
}
END_TEST

START_TEST(anything_else_is_lines)
{
	ASSERT_KIND("PUB a b\n", OPENING_LINES);
	ASSERT_KIND("\nGET / HTTP/1.1\n", OPENING_LINES);
	ASSERT_KIND("GET / HTTP/1.1 \n", OPENING_LINES);
	ASSERT_KIND("GET / HTTP/1.1\r\r\n", OPENING_LINES);
	ASSERT_KIND("GET / HTTP/2.0\n", OPENING_LINES);
	ASSERT_KIND("TTP/1.1\n", OPENING_LINES);
}
END_TEST

START_TEST(client_hello_is_known_by_its_first_two_bytes)
{
	ASSERT_KIND("\x16\x03\x01\x02\x00", OPENING_TLS);
	ASSERT_KIND("\x16\x03\nPUB a b\n", OPENING_TLS);
	ASSERT_KIND("\x16", OPENING_UNKNOWN);
	ASSERT_KIND("\x16\n\x03\n", OPENING_LINES);
	ASSERT_KIND("\x16\x02\n", OPENING_LINES);
	ASSERT_KIND("a\x16\x03\n", OPENING_LINES);
	ASSERT_KIND("\x03\x16\n", OPENING_LINES);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("opening", request_is_known_by_the_end_of_the_first_line,
	                 long_first_line_is_known_as_well, anything_else_is_lines,
	                 client_hello_is_known_by_its_first_two_bytes);
}
