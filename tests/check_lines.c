/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "harness.h"
#include "lines.h"

/* The same, one byte after the other. */
static size_t
naive_whole(const char *bytes, size_t nbytes, size_t max_line)
{
	size_t whole = 0;

	for (size_t i = 0; i < nbytes; i++) {
		if (bytes[i] != '\n')
			continue;
		if (i - whole > max_line)
			break;
		whole = i + 1;
	}
	return whole;
}

static size_t
naive_count(const char *bytes, size_t nbytes)
{
	size_t n = 0;

	for (size_t i = 0; i < nbytes; i++)
		n += bytes[i] == '\n';
	return n;
}

START_TEST(whole_lines_end_with_the_last_lf)
{
	ck_assert_uint_eq(lines_whole("", 0, 10), 0);
	ck_assert_uint_eq(lines_whole("abc", 3, 10), 0);
	ck_assert_uint_eq(lines_whole("abc\n", 4, 10), 4);
	ck_assert_uint_eq(lines_whole("a\nb\nc", 5, 10), 4);
	ck_assert_uint_eq(lines_whole("\n\n\n", 3, 10), 3);
}
END_TEST

START_TEST(a_line_of_max_line_is_whole_and_a_longer_one_ends_it)
{
	ck_assert_uint_eq(lines_whole("abc\n", 4, 3), 4);
	ck_assert_uint_eq(lines_whole("abcd\n", 5, 3), 0);
	ck_assert_uint_eq(lines_whole("ab\nabcd\nab\n", 11, 3), 3);
	ck_assert_uint_eq(lines_whole("abc\nabc\nab\n", 11, 3), 11);
	ck_assert_uint_eq(lines_whole("a\nabcd", 6, 3), 2);
	ck_assert_uint_eq(lines_whole("\nab\n", 4, 1), 1);
}
END_TEST

START_TEST(random_bytes_are_as_the_naive_ones_say)
{
	char bytes[300];
	uint64_t seed = 1;

	for (int round = 0; round < 100000; round++) {
		size_t nbytes = random_below(&seed, sizeof bytes + 1);
		size_t max_line = random_below(&seed, 40) + 1;
		uint32_t rarity = random_below(&seed, 40) + 1;
		size_t from = nbytes == 0 ? 0 : random_below(&seed, (uint32_t)nbytes);

		for (size_t i = 0; i < nbytes; i++)
			bytes[i] = random_below(&seed, rarity) == 0
			               ? '\n'
			               : (char)random_below(&seed, 256);
		MUST(lines_whole(bytes + from, nbytes - from, max_line) ==
		     naive_whole(bytes + from, nbytes - from, max_line));
		MUST(lines_count(bytes + from, nbytes - from) ==
		     naive_count(bytes + from, nbytes - from));
	}
}
END_TEST

/* Every value of a byte; and so many that a sum of bytes would overflow. */
START_TEST(only_lf_is_counted)
{
	static char bytes[1 << 16];

	for (size_t i = 0; i < 256; i++)
		bytes[i] = (char)i;
	ck_assert_uint_eq(lines_count(bytes, 256), 1);
	memset(bytes, '\n', sizeof bytes);
	ck_assert_uint_eq(lines_count(bytes, sizeof bytes), sizeof bytes);
	ck_assert_uint_eq(lines_count(bytes, 8 * 255 + 7), 8 * 255 + 7);
	memset(bytes, '\n' | 0x80, sizeof bytes);
	ck_assert_uint_eq(lines_count(bytes, sizeof bytes), 0);
	memset(bytes, '\n' + 1, sizeof bytes);
	ck_assert_uint_eq(lines_count(bytes, sizeof bytes), 0);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("lines", whole_lines_end_with_the_last_lf,
	                 a_line_of_max_line_is_whole_and_a_longer_one_ends_it,
	                 random_bytes_are_as_the_naive_ones_say, only_lf_is_counted);
}
