/* SPDX-License-Identifier: MIT */
/*
 * text.h - the texts of a connection, one after the other, each of which is no other's.
 *
 * A text is the number of its connection, its own number, and letters up to its size:
 *
 *     0000012 000000000345 hijklmnopqrs
 *
 * The letters begin at another one in each text, so that also a wrong end is found.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEXT_HEAD 21 /* bytes: "0000012 000000000345 " */
#define TEXT_MIN 24
#define TEXT_MAX 65536

#define TEXT_PERIOD 64 /* of the letters */

/* The next text of a connection. Owner: whoever holds the storage. */
struct text {
	char head[TEXT_HEAD];
	uint8_t first_letter; /* an index below TEXT_PERIOD */
};

/* Enough letters for the longest text, whichever is the first. text_prepare() made them. */
extern char text_letters[TEXT_MAX + TEXT_PERIOD];

/* Before all else. */
void text_prepare(void);

/* The first text, number 0, of the connection. */
void text_init(struct text *text, unsigned connection);

/* Go on to the next one. */
void text_advance(struct text *text);

/* The text itself: size bytes, TEXT_MIN or more. */
static inline void
text_write(const struct text *text, char *to, size_t size)
{
	memcpy(to, text->head, TEXT_HEAD);
	memcpy(to + TEXT_HEAD, text_letters + text->first_letter, size - TEXT_HEAD);
}

/* These size bytes are the text. */
static inline bool
text_is(const struct text *text, const char *bytes, size_t size)
{
	return memcmp(bytes, text->head, TEXT_HEAD) == 0 &&
	       memcmp(bytes + TEXT_HEAD, text_letters + text->first_letter, size - TEXT_HEAD) ==
	           0;
}

/* These nbytes, perhaps fewer than the text has, are its beginning. */
bool text_begins(const struct text *text, const char *bytes, size_t nbytes);

#endif
