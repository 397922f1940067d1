/* SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "units.h"

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
	size_t n = 0;
	int shift;

	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		size_t digit = (size_t)(*text - '0');

		if (n > (SIZE_MAX - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	shift = suffix_shift(text);
	if (shift == -1 || n > SIZE_MAX >> shift)
		return -1;
	*size = n << shift;
	return 0;
}
