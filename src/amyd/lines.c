/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lines.h"

/*
 * From the end of a line, the last LF within max_line + 1 bytes ends another one, or
 * several, none of which can be too long: so only that one is looked for, from behind.
 */
size_t
lines_whole(const char *bytes, size_t nbytes, size_t max_line)
{
	size_t whole = 0;

	while (whole < nbytes) {
		size_t left = nbytes - whole;
		const char *lf =
		    memrchr(bytes + whole, '\n', left <= max_line ? left : max_line + 1);

		if (lf == NULL)
			break;
		whole = (size_t)(lf - bytes) + 1;
	}
	return whole;
}

/* Sixteen bytes at once, as most processors have it, and all compilers that we know make it. */
typedef unsigned char vector __attribute__((vector_size(16)));

static size_t
sum(vector bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < sizeof bytes; i++)
		n += bytes[i];
	return n;
}

size_t
lines_count(const char *bytes, size_t nbytes)
{
	const char *end = bytes + nbytes;
	const vector lf = (vector){ 0 } + '\n';
	vector some;
	size_t n = 0;

	while (end - bytes >= (ptrdiff_t)sizeof some) {
		vector sums = { 0 }; /* each of so many that it does not overflow */

		for (int i = 0; i < 255 && end - bytes >= (ptrdiff_t)sizeof some; i++) {
			memcpy(&some, bytes, sizeof some);
			sums -= (vector)(some == lf); /* -1 where it is so */
			bytes += sizeof some;
		}
		n += sum(sums);
	}
	for (; bytes < end; bytes++)
		n += *bytes == '\n';
	return n;
}
