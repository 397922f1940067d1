/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- Times and counts ------------------------------------------------------------- */

/* The text ends where its memory ends. */
static char *
exactly(const char *text, size_t nbytes)
{
	char *copy = malloc(nbytes == 0 ? 1 : nbytes);

	MUST(copy != NULL);
	memcpy(copy, text, nbytes);
	return copy;
}

static int
parse_time(const char *text, int64_t *ms)
{
	char *copy = exactly(text, strlen(text));
	int rc = units_parse_time(copy, strlen(text), ms);

	free(copy);
	return rc;
}

static int
parse_count(const char *text, uint64_t *n)
{
	char *copy = exactly(text, strlen(text));
	int rc = units_parse_count(copy, strlen(text), n);

	free(copy);
	return rc;
}

START_TEST(time_is_digits_and_a_unit)
{
	static const struct {
		const char *text;
		int64_t ms;
	} times[] = {
		{ "0", 0 },
		{ "00", 0 },
		{ "0ms", 0 },
		{ "0d", 0 },
		{ "1ms", 1 },
		{ "20ms", 20 },
		{ "1s", 1000 },
		{ "30s", 30000 },
		{ "08s", 8000 },
		{ "0000000000000000000000000001s", 1000 },
		{ "1m", 60000 },
		{ "10m", 600000 },
		{ "1h", 3600000 },
		{ "1d", 86400000 },
		{ "7d", 604800000 },
		{ "2147483648ms", INT64_C(2147483648) },
		{ "4294967296ms", INT64_C(4294967296) },
		{ "3650d", INT64_C(315360000000) },
		{ "87600h", INT64_C(315360000000) },
		{ "5256000m", INT64_C(315360000000) },
		{ "315360000s", INT64_C(315360000000) },
		{ "315360000000ms", INT64_C(315360000000) },
	};

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		int64_t ms = 4711;

		ck_assert_msg(parse_time(times[i].text, &ms) == 0, "%s", times[i].text);
		ck_assert_int_eq(ms, times[i].ms);
	}
}
END_TEST

START_TEST(anything_else_is_no_time)
{
	static const char *const bad[] = {
		"", " ", "s", "ms", "1", "08", "30", "-1", "-1s", "+1", "+1s", "-0", "1 s",
		" 1s", "1s ", "1S", "1M", "1MS", "1mS", "1w", "1y", "1sec", "1min", "1ss", "1mss",
		"1ms1", "1h30m", "1.5s", "1e9", "1e9s", "0x1s", "0x", "0 ", "0S", "1\n", "1\xb5s",
		/* Longer than 3650 days. */
		"3651d", "87601h", "5256001m", "315360001s", "315360000001ms", "2147483648d",
		"4294967296d", "9223372036854775807ms", "9223372036854775808ms",
		"18446744073709551615s", "18446744073709551616s", "18446744073709551616",
		"213503982335d", "1844674407370955161700ms",
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ms = 4711;
		ck_assert_msg(parse_time(bad[i], &ms) == -1, "\"%s\"", bad[i]);
		ck_assert_int_eq(ms, 4711);
	}
	ck_assert_int_eq(units_parse_time("1s", 0, &ms), -1);
	ck_assert_int_eq(units_parse_time(NULL, 0, &ms), -1);
	ck_assert_int_eq(units_parse_time("1s\0", 3, &ms), -1);
	ck_assert_int_eq(units_parse_time("0\0", 2, &ms), -1);
}
END_TEST

START_TEST(count_is_digits)
{
	static const struct {
		const char *text;
		uint64_t n;
	} counts[] = {
		{ "0", 0 },
		{ "00", 0 },
		{ "1", 1 },
		{ "08", 8 },
		{ "00000000000000000000000000000012", 12 },
		{ "2147483647", 2147483647 },
		{ "2147483648", 2147483648 },
		{ "4294967295", 4294967295 },
		{ "4294967296", 4294967296 },
		{ "9223372036854775807", INT64_MAX },
		{ "9223372036854775808", (uint64_t)INT64_MAX + 1 },
		{ "18446744073709551609", UINT64_MAX - 6 },
		{ "18446744073709551615", UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		uint64_t n = 4711;

		ck_assert_msg(parse_count(counts[i].text, &n) == 0, "%s", counts[i].text);
		ck_assert_uint_eq(n, counts[i].n);
	}
}
END_TEST

START_TEST(anything_else_is_no_count)
{
	static const char *const bad[] = {
		"", " ", "-1", "+1", "-0", " 1", "1 ", "1e9", "1K", "0x1", "1.0", "1,000", "x",
		"1\n", "\xb2", "18446744073709551616", "18446744073709551620",
		"18446744073709551625", "99999999999999999999", "184467440737095516150",
		"36893488147419103233", "340282366920938463463374607431768211457",
	};
	uint64_t n;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		n = 4711;
		ck_assert_msg(parse_count(bad[i], &n) == -1, "\"%s\"", bad[i]);
		ck_assert_uint_eq(n, 4711);
	}
	ck_assert_int_eq(units_parse_count("1", 0, &n), -1);
	ck_assert_int_eq(units_parse_count(NULL, 0, &n), -1);
	ck_assert_int_eq(units_parse_count("1\0", 2, &n), -1);
}
END_TEST

START_TEST(what_follows_the_text_is_not_looked_at)
{
	int64_t ms;
	uint64_t n;

	ck_assert_int_eq(units_parse_time("10ms", 3, &ms), 0);
	ck_assert_int_eq(ms, 600000);
	ck_assert_int_eq(units_parse_time("05s", 1, &ms), 0);
	ck_assert_int_eq(ms, 0);
	ck_assert_int_eq(units_parse_count("123", 2, &n), 0);
	ck_assert_uint_eq(n, 12);
	ck_assert_int_eq(units_parse_count("1x", 1, &n), 0);
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(every_byte_behind_a_digit_is_a_unit_or_wrong)
{
	for (int byte = 0; byte < 256; byte++) {
		char text[2] = { '2', (char)byte };
		int64_t ms, expected = 0;
		uint64_t n;

		if (byte == 's')
			expected = 2000;
		if (byte == 'm')
			expected = 120000;
		if (byte == 'h')
			expected = 7200000;
		if (byte == 'd')
			expected = 172800000;
		ck_assert_int_eq(units_parse_time(text, 2, &ms), expected == 0 ? -1 : 0);
		if (expected != 0)
			ck_assert_int_eq(ms, expected);
		ck_assert_int_eq(units_parse_count(text, 2, &n),
		                 byte >= '0' && byte <= '9' ? 0 : -1);
	}
}
END_TEST

START_TEST(count_that_is_printed_is_parsed)
{
	for (uint64_t seed = 1; seed <= 10000; seed++) {
		uint64_t random = seed, parsed = 0;
		uint64_t n = (uint64_t)random_below(&random, UINT32_MAX) << 32 |
		             random_below(&random, UINT32_MAX);
		char text[32];

		n >>= random_below(&random, 64);
		snprintf(text, sizeof text, "%llu", (unsigned long long)n);
		if (parse_count(text, &parsed) != 0 || parsed != n)
			ck_abort_msg("seed %llu: %s", (unsigned long long)seed, text);
	}
}
END_TEST

START_TEST(time_is_printed_in_the_largest_unit)
{
	static const struct {
		int64_t ms;
		const char *text;
	} times[] = {
		{ 0, "0" },           { 1, "1ms" },         { 999, "999ms" },
		{ 1000, "1s" },       { 1001, "1001ms" },   { 30000, "30s" },
		{ 90000, "90s" },     { 600000, "10m" },    { 5400000, "90m" },
		{ 7200000, "2h" },    { 86400000, "1d" },   { 90000000, "25h" },
		{ 2592000000, "30d" }, { 315360000000, "3650d" },
	};

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		char text[UNITS_MAX_TIME];
		int64_t ms;

		ck_assert_str_eq(units_format_time(times[i].ms, text), times[i].text);
		ck_assert_int_eq(units_parse_time(times[i].text, strlen(times[i].text), &ms), 0);
		ck_assert_int_eq(ms, times[i].ms);
	}
}
END_TEST

static const struct {
	const char *text;
	int64_t wall_ms; /* -1: it is refused */
} moments[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-11-28T18:40:00Z", 1795891200000 },
	{ "2026-11-28T18:40:00.1Z", 1795891200100 },
	{ "2026-11-28T18:40:00.123Z", 1795891200123 },
	{ "2026-11-28T18:40:00.123456789Z", 1795891200123 },
	{ "2024-02-29T23:59:59Z", 1709251199000 },
	{ "0001-01-01T00:00:00Z", -62135596800000 },
	{ "9999-12-31T23:59:59.999Z", 253402300799999 },
	{ "2025-02-29T00:00:00Z", -1 },
	{ "2026-11-31T00:00:00Z", -1 },
	{ "2026-13-01T00:00:00Z", -1 },
	{ "2026-00-01T00:00:00Z", -1 },
	{ "2026-01-00T00:00:00Z", -1 },
	{ "2026-01-01T24:00:00Z", -1 },
	{ "2026-01-01T00:60:00Z", -1 },
	{ "2026-01-01T00:00:60Z", -1 },
	{ "2026-01-01T00:00:00", -1 },
	{ "2026-01-01T00:00:00z", -1 },
	{ "2026-01-01t00:00:00Z", -1 },
	{ "2026-01-01T00:00:00.Z", -1 },
	{ "2026-01-01T00:00:00.1xZ", -1 },
	{ "2026-01-01T00:00:00.x1Z", -1 },
	{ "2026-01-01T00:00:00,1Z", -1 },
	{ "2026-01-01T00:00:00+00:00", -1 },
	{ "2026-01-01 00:00:00Z", -1 },
	{ "2026-1-1T00:00:00Z", -1 },
	{ "-026-01-01T00:00:00Z", -1 },
	{ "2026-01-01Z", -1 },
	{ "Z", -1 },
	{ "", -1 },
};

/* At the end of its memory, so that a byte too much is seen. */
START_TEST(point_in_time_is_parsed_or_refused)
{
	for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
		size_t n = strlen(moments[i].text);
		char *copy = malloc(n == 0 ? 1 : n);
		int64_t wall_ms = -1;
		int rc;

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, moments[i].text, n);
		rc = units_parse_moment(copy, n, &wall_ms);
		ck_assert_msg(rc == (moments[i].wall_ms == -1 ? -1 : 0), "%s", moments[i].text);
		ck_assert_msg(wall_ms == moments[i].wall_ms, "%s: %" PRId64, moments[i].text,
		              wall_ms);
		free(copy);
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
	    what_is_printed_is_parsed,
	    time_is_digits_and_a_unit,
	    anything_else_is_no_time,
	    count_is_digits,
	    anything_else_is_no_count,
	    what_follows_the_text_is_not_looked_at,
	    every_byte_behind_a_digit_is_a_unit_or_wrong,
	    count_that_is_printed_is_parsed,
	    time_is_printed_in_the_largest_unit,
	    point_in_time_is_parsed_or_refused);
}
