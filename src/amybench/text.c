/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "text.h"

char text_letters[TEXT_MAX + TEXT_PERIOD];

void
text_prepare(void)
{
	static const char letters[TEXT_PERIOD + 1] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	for (size_t i = 0; i < sizeof text_letters; i++)
		text_letters[i] = letters[i % TEXT_PERIOD];
}

void
text_init(struct text *text, unsigned connection)
{
	char head[TEXT_HEAD + 1];

	snprintf(head, sizeof head, "%07u %012u ", connection % 10000000, 0u);
	memcpy(text->head, head, TEXT_HEAD);
	text->first_letter = (uint8_t)(connection * 7 % TEXT_PERIOD);
}

/* The digits of the number are counted up where they stand. */
void
text_advance(struct text *text)
{
	char *digit = text->head + TEXT_HEAD - 2;

	while (*digit == '9')
		*digit-- = '0';
	if (*digit != ' ')
		++*digit;
	text->first_letter = (uint8_t)((text->first_letter + 1) % TEXT_PERIOD);
}

bool
text_begins(const struct text *text, const char *bytes, size_t nbytes)
{
	size_t nhead = nbytes < TEXT_HEAD ? nbytes : TEXT_HEAD;

	return memcmp(bytes, text->head, nhead) == 0 &&
	       memcmp(bytes + nhead, text_letters + text->first_letter, nbytes - nhead) == 0;
}
