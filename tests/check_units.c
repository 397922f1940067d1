/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>

#include "harness.h"
#include "units.h"

_Static_assert(SIZE_MAX == UINT64_MAX, "the sizes below are those of 64 bits");

START_TEST(size_is_digits_and_perhaps_a_letter)
{
	static const struct {
		const char *text;
		size_t size;
	} sizes[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "9", 9 },
		{ "08", 8 },
		{ "0000000000000000000000000000001", 1 },
		{ "65536", 65536 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "0K", 0 },
		{ "1K", 1024 },
		{ "1M", 1048576 },
		{ "16M", 16777216 },
		{ "16m", 16777216 },
		{ "1G", 1073741824 },
		{ "1g", 1073741824 },
		{ "18446744073709551615", SIZE_MAX },
		{ "18014398509481983K", SIZE_MAX - 1023 },
		{ "17592186044415M", SIZE_MAX - 1048575 },
		{ "17179869183G", SIZE_MAX - 1073741823 },
	};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t size = 4711;

		ck_assert_msg(units_parse_size(sizes[i].text, &size) == 0, "%s",
		              sizes[i].text);
		ck_assert_uint_eq(size, sizes[i].size);
	}
}
END_TEST

START_TEST(anything_else_is_no_size)
{
	static const char *const bad[] = {
		"", " ", " 1", "1 ", "1 K", "K", "M", "-1", "+1", "-0", "1.5K", "1,5K",
		"1KB", "1KK", "1Ki", "1T", "1B", "1b", "0x10", "1e3", "1\n", "a", "1\x80",
		"1\x0b", /* 'K' but for a bit */
		"1\x2b", "1-", "1+1", "\xb2",
	};
	size_t size;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		size = 4711;
		ck_assert_msg(units_parse_size(bad[i], &size) == -1, "\"%s\"", bad[i]);
		ck_assert_uint_eq(size, 4711);
	}
}
END_TEST

START_TEST(size_that_no_size_t_holds_is_refused)
{
	static const char *const large[] = {
		"18446744073709551616", "18446744073709551620", "18446744073709551625",
		"99999999999999999999", "184467440737095516150", "18014398509481984K",
		"17592186044416M", "17179869184G", "18446744073709551615K",
		"340282366920938463463374607431768211456",
	};
	size_t size;

	for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
		size = 4711;
		ck_assert_msg(units_parse_size(large[i], &size) == -1, "%s", large[i]);
		ck_assert_uint_eq(size, 4711);
	}
}
END_TEST

START_TEST(every_byte_behind_a_digit_is_a_digit_a_letter_or_wrong)
{
	for (int byte = 1; byte < 256; byte++) {
		char text[3] = { '1', (char)byte };
		size_t size, expected = 0;

		if (byte >= '0' && byte <= '9')
			expected = 10 + (size_t)(byte - '0');
		if (byte == 'K' || byte == 'k')
			expected = 1 << 10;
		if (byte == 'M' || byte == 'm')
			expected = 1 << 20;
		if (byte == 'G' || byte == 'g')
			expected = 1 << 30;
		ck_assert_int_eq(units_parse_size(text, &size), expected == 0 ? -1 : 0);
		if (expected != 0)
			ck_assert_uint_eq(size, expected);
	}
}
END_TEST

START_TEST(what_is_printed_is_parsed)
{
	for (uint64_t seed = 1; seed <= 10000; seed++) {
		uint64_t random = seed;
		size_t size = (size_t)random_below(&random, UINT32_MAX) << 32 |
		              random_below(&random, UINT32_MAX);
		size_t parsed = 0;
		char text[32];

		size >>= random_below(&random, 64);
		snprintf(text, sizeof text, "%zu", size);
		if (units_parse_size(text, &parsed) != 0 || parsed != size)
			ck_abort_msg("seed %llu: %s", (unsigned long long)seed, text);
	}
}
END_TEST

int
main(void)
{
	return RUN_SUITE("units",
	    size_is_digits_and_perhaps_a_letter,
	    anything_else_is_no_size,
	    size_that_no_size_t_holds_is_refused,
	    every_byte_behind_a_digit_is_a_digit_a_letter_or_wrong,
	    what_is_printed_is_parsed);
}
