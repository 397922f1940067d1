/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "harness.h"
#include "utf8.h"

static size_t
length_of(const char *text)
{
	return utf8_length(text, strlen(text));
}

START_TEST(characters_have_one_to_four_bytes)
{
	ck_assert_uint_eq(length_of("a"), 1);
	ck_assert_uint_eq(utf8_length("\0", 1), 1);
	ck_assert_uint_eq(length_of("\x7f"), 1);
	ck_assert_uint_eq(length_of("\xc2\x80"), 2);
	ck_assert_uint_eq(length_of("\xdf\xbf"), 2);
	ck_assert_uint_eq(length_of("\xe0\xa0\x80"), 3);
	ck_assert_uint_eq(length_of("\xed\x9f\xbf"), 3);
	ck_assert_uint_eq(length_of("\xef\xbf\xbf"), 3);
	ck_assert_uint_eq(length_of("\xf0\x90\x80\x80"), 4);
	ck_assert_uint_eq(length_of("\xf4\x8f\xbf\xbf"), 4);
	ck_assert_uint_eq(length_of("\xc3\xa4z"), 2);
}
END_TEST

START_TEST(what_is_not_well_formed_is_none)
{
	static const char *const texts[] = {
		"\x80",         "\xbf",         "\xc0\x80", "\xc1\xbf",     "\xc2",
		"\xc2z",        "\xe0\x9f\xbf", "\xe0\xa0", "\xe0\xa0z",    "\xed\xa0\x80",
		"\xed\xbf\xbf", "\xe1z\x80",    "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
		"\xf0\x90\x80z", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ck_assert_msg(length_of(texts[i]) == 0, "text %zu", i);
}
END_TEST

START_TEST(nothing_is_read_behind_the_end)
{
	ck_assert_uint_eq(utf8_length("\xc3\xa4", 1), 0);
	ck_assert_uint_eq(utf8_length("\xe2\x82\xac", 2), 0);
	ck_assert_uint_eq(utf8_length("\xf0\x9f\x98\x80", 3), 0);
}
END_TEST

static void
expect_escaped(const char *bytes, size_t nbytes, size_t size, const char *expected)
{
	char buffer[64];

	memset(buffer, 'x', sizeof buffer);
	ck_assert_ptr_eq(utf8_escape(buffer, size, bytes, nbytes), buffer);
	ck_assert_str_eq(buffer, expected);
	for (size_t i = size; i < sizeof buffer; i++)
		ck_assert_int_eq(buffer[i], 'x');
}

START_TEST(characters_pass_and_what_controls_is_escaped)
{
	expect_escaped("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 14, 64,
	               "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	expect_escaped("a\0\n\x1b\x7f\\", 6, 64, "a\\x00\\x0a\\x1b\\x7f\\x5c");
	expect_escaped("\xc2\x9b[2J \xc2\xa0", 8, 64, "\\xc2\\x9b[2J \xc2\xa0");
	expect_escaped("\xff\xc3", 2, 64, "\\xff\\xc3");
	expect_escaped("", 0, 64, "");
}
END_TEST

START_TEST(text_that_does_not_fit_is_cut_between_characters)
{
	expect_escaped("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 16, 16,
	               "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80...");
	expect_escaped("0123456789abc", 13, 16, "0123456789ab...");
	expect_escaped("0123456789ab", 12, 16, "0123456789ab");
}
END_TEST

int
main(void)
{
	return RUN_SUITE("utf8",
	    characters_have_one_to_four_bytes,
	    what_is_not_well_formed_is_none,
	    nothing_is_read_behind_the_end,
	    characters_pass_and_what_controls_is_escaped,
	    text_that_does_not_fit_is_cut_between_characters);
}
