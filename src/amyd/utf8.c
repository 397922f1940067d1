/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>

#include "utf8.h"

static bool
is_within(unsigned char byte, unsigned char least, unsigned char most)
{
	return byte >= least && byte <= most;
}

/*
 * What the second byte may be, by the first one: neither longer than need be, nor half of a
 * pair of UTF-16, nor past U+10FFFF.
 */
static bool
is_second(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return is_within(second, 0xa0, 0xbf);
	case 0xed:
		return is_within(second, 0x80, 0x9f);
	case 0xf0:
		return is_within(second, 0x90, 0xbf);
	case 0xf4:
		return is_within(second, 0x80, 0x8f);
	}
	return is_within(second, 0x80, 0xbf);
}

size_t
utf8_length(const char *bytes, size_t nbytes)
{
	const unsigned char *b = (const unsigned char *)bytes;
	size_t n = b[0] < 0x80                   ? 1
	           : is_within(b[0], 0xc2, 0xdf) ? 2
	           : is_within(b[0], 0xe0, 0xef) ? 3
	           : is_within(b[0], 0xf0, 0xf4) ? 4
	                                         : 0;

	if (n > nbytes || (n > 1 && !is_second(b[0], b[1])))
		return 0;
	for (size_t i = 2; i < n; i++)
		if (!is_within(b[i], 0x80, 0xbf))
			return 0;
	return n;
}
