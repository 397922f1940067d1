/* SPDX-License-Identifier: MIT */
/*
 * timestamp.h - the time of day as RFC 3339 writes it: "2026-11-28T20:15:00.123+01:00".
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <time.h>

/* Enough for any time, with the NUL. */
#define TIMESTAMP_MAX 64

/* Local time, to the millisecond. Returns text. Any thread. */
const char *timestamp_format(char text[TIMESTAMP_MAX], const struct timespec *time);

#endif
