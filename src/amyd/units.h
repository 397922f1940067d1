/* SPDX-License-Identifier: MIT */
#ifndef UNITS_H
#define UNITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * A size as people write it: digits, then perhaps K, M or G (times 1024). 0 and *size, or
 * -1: not of this form, or larger than a size_t holds.
 */
int units_parse_size(const char *text, size_t *size);

/*
 * A time: digits, then "ms", "s", "m", "h" or "d", of nbytes. 0 without a unit is a time,
 * too. 0 and *ms; or -1: not of this form, or longer than 3650 days.
 */
int units_parse_time(const char *text, size_t nbytes, int64_t *ms);

/*
 * A point in time, in UTC: "2026-11-28T18:40:00Z", perhaps with a fraction of a second. 0 and
 * *wall_ms, since 1970; or -1: not of this form, or no such day or time.
 */
int units_parse_moment(const char *text, size_t nbytes, int64_t *wall_ms);

/* A time backwards, in the largest unit of which it is a whole number: "30s"; "0". */
#define UNITS_MAX_TIME 24
const char *units_format_time(int64_t ms, char text[UNITS_MAX_TIME]);

/*
 * A whole number: digits only, of nbytes; zeros in front do no harm. 0 and *n; or -1: not of
 * this form, or larger than 64 bits hold.
 */
int units_parse_count(const char *text, size_t nbytes, uint64_t *n);

#endif
