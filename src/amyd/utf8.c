/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

/* Of n bytes; 0: it is none. Those from U+0080 to U+009F control terminals, too. */
static bool
is_plain(const char *bytes, size_t n)
{
	unsigned char first = (unsigned char)bytes[0];

	if (n == 1)
		return first >= 0x20 && first != 0x7f && first != '\\';
	return n > 1 && !(first == 0xc2 && (unsigned char)bytes[1] < 0xa0);
}

const char *
utf8_escape(char *buffer, size_t size, const char *bytes, size_t nbytes)
{
	size_t used = 0, n;

	for (size_t i = 0; i < nbytes; i += n) {
		bool plain;

		n = utf8_length(bytes + i, nbytes - i);
		plain = is_plain(bytes + i, n);
		n = plain ? n : 1;
		/* Room for this one, and for "..." in place of the next. */
		if (used + (plain ? n : 4) + 4 > size) {
			strcpy(buffer + used, "...");
			return buffer;
		}
		if (plain) {
			memcpy(buffer + used, bytes + i, n);
			used += n;
		} else {
			used += (size_t)sprintf(buffer + used, "\\x%02x", (unsigned char)bytes[i]);
		}
	}
	buffer[used] = '\0';
	return buffer;
}
