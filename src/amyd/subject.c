/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "subject.h"

static bool
is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_:/=+-", c) != NULL);
}

static const char *
check_literal(const char *token, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_token_byte(token[i]))
			return "a token has bytes other than [A-Za-z0-9_:/=+-]";
	return NULL;
}

static const char *
check_token(const char *token, size_t n, bool is_pattern, bool is_last)
{
	if (n == 0)
		return "an empty token: dots stand between tokens";
	if (n == 1 && (*token == '*' || *token == '>')) {
		if (!is_pattern)
			return "wildcards are for SUB and READ";
		if (*token == '>' && !is_last)
			return "'>' stands only at the end";
		return NULL;
	}
	return check_literal(token, n);
}

static const char *
check(const char *bytes, size_t nbytes, bool is_pattern)
{
	const char *end = bytes + nbytes;
	unsigned ntokens = 0;

	if (nbytes == 0)
		return "it is missing";
	if (nbytes > SUBJECT_MAX_BYTES)
		return "longer than 255 bytes";
	for (const char *token = bytes; token <= end;) {
		const char *dot = memchr(token, '.', (size_t)(end - token));
		const char *stop = dot == NULL ? end : dot;
		const char *why = check_token(token, (size_t)(stop - token), is_pattern,
		                              dot == NULL);

		if (why != NULL)
			return why;
		if (++ntokens > SUBJECT_MAX_TOKENS)
			return "more than 16 tokens";
		token = stop + 1;
	}
	return NULL;
}

const char *
subject_check(const char *bytes, size_t nbytes)
{
	return check(bytes, nbytes, false);
}

const char *
subject_check_pattern(const char *bytes, size_t nbytes)
{
	return check(bytes, nbytes, true);
}

bool
subject_is_reserved(const char *bytes, size_t nbytes)
{
	return nbytes >= 5 && memcmp(bytes, "_amyd", 5) == 0 &&
	       (nbytes == 5 || bytes[5] == '.');
}

void
subject_split(const char *bytes, size_t nbytes, struct subject_tokens *tokens)
{
	const char *end = bytes + nbytes;

	tokens->n = 0;
	for (const char *token = bytes; token <= end && tokens->n < SUBJECT_MAX_TOKENS;) {
		const char *dot = memchr(token, '.', (size_t)(end - token));
		const char *stop = dot == NULL ? end : dot;

		tokens->starts[tokens->n] = token;
		tokens->lengths[tokens->n] = (size_t)(stop - token);
		tokens->n++;
		token = stop + 1;
	}
}
