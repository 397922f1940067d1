/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "units.h"

#define MAX_TIME_MS (INT64_C(3650) * 24 * 60 * 60 * 1000)

/* How many digits the text begins with, and their value; 0: none, or too many. */
static size_t
parse_digits(const char *text, size_t nbytes, uint64_t *n)
{
	size_t i;

	*n = 0;
	for (i = 0; i < nbytes && text[i] >= '0' && text[i] <= '9'; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (*n > (UINT64_MAX - digit) / 10)
			return 0;
		*n = *n * 10 + digit;
	}
	return i;
}

/* The power of two that a suffix stands for; -1: it is none. */
static int
suffix_shift(const char *suffix)
{
	static const char letters[] = "KMG";

	if (suffix[0] == '\0')
		return 0;
	for (int i = 0; letters[i] != '\0'; i++)
		if ((suffix[0] & ~0x20) == letters[i] && suffix[1] == '\0')
			return 10 * (i + 1);
	return -1;
}

int
units_parse_size(const char *text, size_t *size)
{
	uint64_t n;
	size_t ndigits = parse_digits(text, strlen(text), &n);
	int shift = ndigits == 0 ? -1 : suffix_shift(text + ndigits);

	if (shift == -1 || n > SIZE_MAX >> shift)
		return -1;
	*size = (size_t)n << shift;
	return 0;
}

static const struct unit {
	const char *name;
	int64_t ms;
} time_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "d", 24 * 60 * 60 * 1000 },
};

#define NTIME_UNITS (sizeof time_units / sizeof time_units[0])

/* The milliseconds of a unit; 0: it is none. */
static int64_t
unit_ms(const char *unit, size_t nbytes)
{
	for (size_t i = 0; i < NTIME_UNITS; i++)
		if (strlen(time_units[i].name) == nbytes &&
		    memcmp(time_units[i].name, unit, nbytes) == 0)
			return time_units[i].ms;
	return 0;
}

int
units_parse_time(const char *text, size_t nbytes, int64_t *ms)
{
	uint64_t n;
	size_t ndigits = parse_digits(text, nbytes, &n);
	int64_t unit;

	if (ndigits == 0)
		return -1;
	unit = unit_ms(text + ndigits, nbytes - ndigits);
	if (unit == 0 && (n > 0 || ndigits < nbytes))
		return -1;
	if (unit > 0 && n > (uint64_t)(MAX_TIME_MS / unit))
		return -1;
	*ms = (int64_t)n * unit;
	return 0;
}

/* The number that n digits are; -1: one of them is none. */
static int
fixed_digits(const char *text, size_t n)
{
	int number = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + text[i] - '0';
	}
	return number;
}

/* ".123", of which digits past the third are not looked at but for their form. -1: it is none. */
static int
parse_fraction(const char *text, size_t nbytes)
{
	int ms = 0;

	if (nbytes < 2 || *text != '.')
		return nbytes == 0 ? 0 : -1;
	for (size_t i = 1; i < nbytes || i <= 3; i++) {
		int digit = i < nbytes ? fixed_digits(text + i, 1) : 0;

		if (digit == -1)
			return -1;
		if (i <= 3)
			ms = ms * 10 + digit;
	}
	return ms;
}

/* A form: where it has '0' there is a digit. */
static bool
has_form(const char *text, const char *form)
{
	for (; *form != '\0'; text++, form++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return true;
}

int
units_parse_moment(const char *text, size_t nbytes, int64_t *wall_ms)
{
	static const char form[] = "0000-00-00T00:00:00";
	const size_t nform = sizeof form - 1;
	struct tm tm = { 0 }, same;
	time_t seconds;
	int ms;

	if (nbytes <= nform || text[nbytes - 1] != 'Z' || !has_form(text, form))
		return -1;
	ms = parse_fraction(text + nform, nbytes - nform - 1);
	tm.tm_year = fixed_digits(text, 4) - 1900;
	tm.tm_mon = fixed_digits(text + 5, 2) - 1;
	tm.tm_mday = fixed_digits(text + 8, 2);
	tm.tm_hour = fixed_digits(text + 11, 2);
	tm.tm_min = fixed_digits(text + 14, 2);
	tm.tm_sec = fixed_digits(text + 17, 2);
	same = tm;
	seconds = timegm(&same);
	/* The 31st of February, or 25 o'clock, comes back as another day. */
	if (ms == -1 || same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday ||
	    same.tm_hour != tm.tm_hour || same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec)
		return -1;
	*wall_ms = (int64_t)seconds * 1000 + ms;
	return 0;
}

const char *
units_format_time(int64_t ms, char text[UNITS_MAX_TIME])
{
	size_t i = NTIME_UNITS - 1;

	if (ms == 0)
		return "0";
	while (ms % time_units[i].ms != 0)
		i--;
	snprintf(text, UNITS_MAX_TIME, "%" PRId64 "%s", ms / time_units[i].ms,
	         time_units[i].name);
	return text;
}

int
units_parse_count(const char *text, size_t nbytes, uint64_t *n)
{
	uint64_t parsed;

	if (nbytes == 0 || parse_digits(text, nbytes, &parsed) != nbytes)
		return -1;
	*n = parsed;
	return 0;
}
