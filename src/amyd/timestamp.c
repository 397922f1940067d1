/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "timestamp.h"

const char *
timestamp_format(char text[TIMESTAMP_MAX], const struct timespec *time)
{
	char seconds[32], zone[8];
	struct tm tm;

	localtime_r(&time->tv_sec, &tm);
	strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &tm);
	strftime(zone, sizeof zone, "%z", &tm); /* "+0100" */
	snprintf(text, TIMESTAMP_MAX, "%s.%03u%.3s:%s", seconds,
	         (unsigned)(time->tv_nsec / 1000000) % 1000, zone, zone + 3);
	return text;
}
