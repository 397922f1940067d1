/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "subject.h"

/* A bit for each byte of [A-Za-z0-9_:/=+-]: every line that is published asks for some. */
#define BIT(c) ((uint64_t)1 << ((c)&63))
#define LETTERS(first) ((((uint64_t)1 << 26) - 1) << ((first)&63))
#define DIGITS ((((uint64_t)1 << 10) - 1) << '0')

static const uint64_t token_bytes[4] = {
	DIGITS | BIT(':') | BIT('/') | BIT('=') | BIT('+') | BIT('-'),
	LETTERS('A') | LETTERS('a') | BIT('_'),
};

static bool
is_token_byte(char c)
{
	unsigned char byte = (unsigned char)c;

	return token_bytes[byte / 64] >> byte % 64 & 1;
}

static bool
is_literal(const char *token, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_token_byte(token[i]))
			return false;
	return true;
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
	if (!is_literal(token, n))
		return "a token has bytes other than [A-Za-z0-9_:/=+-]";
	return NULL;
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
		const char *why =
		    check_token(token, (size_t)(stop - token), is_pattern, dot == NULL);

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

const char *
subject_check_name(const char *bytes, size_t nbytes)
{
	if (nbytes == 0)
		return "it is missing";
	if (nbytes > SUBJECT_MAX_NAME)
		return "longer than 64 bytes";
	if (!is_literal(bytes, nbytes))
		return "a name has bytes other than [A-Za-z0-9_:/=+-]";
	return NULL;
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

static bool
is_token(const struct subject_tokens *tokens, unsigned i, const char *text)
{
	return tokens->lengths[i] == strlen(text) &&
	       memcmp(tokens->starts[i], text, tokens->lengths[i]) == 0;
}

static bool
is_tail(const struct subject_tokens *tokens, unsigned i)
{
	return *tokens->starts[i] == '>';
}

static bool
is_wildcard(const struct subject_tokens *tokens, unsigned i)
{
	return *tokens->starts[i] == '*' || is_tail(tokens, i);
}

/* Is there a token that both stand for? A wildcard that is the first: not for "_amyd". */
static bool
tokens_meet(const struct subject_tokens *a, const struct subject_tokens *b, unsigned i)
{
	if (is_wildcard(a, i))
		return is_wildcard(b, i) || i > 0 || !is_token(b, i, "_amyd");
	if (is_wildcard(b, i))
		return i > 0 || !is_token(a, i, "_amyd");
	return a->lengths[i] == b->lengths[i] &&
	       memcmp(a->starts[i], b->starts[i], a->lengths[i]) == 0;
}

bool
subject_matches(const struct subject_tokens *pattern, const struct subject_tokens *subject)
{
	for (unsigned i = 0; i < pattern->n && i < subject->n; i++) {
		if (!tokens_meet(pattern, subject, i))
			return false;
		if (is_tail(pattern, i))
			return true;
	}
	return pattern->n == subject->n;
}

/* The least that the ith token of a subject needs, if the pattern has one. */
static size_t
least_bytes(const struct subject_tokens *pattern, unsigned i)
{
	return i >= pattern->n ? 0 : is_wildcard(pattern, i) ? 1 : pattern->lengths[i];
}

/* A subject that both match has all the literal tokens of both: that may be too long. */
static bool
fit_together(const struct subject_tokens *a, const struct subject_tokens *b)
{
	unsigned n = a->n > b->n ? a->n : b->n;
	size_t nbytes = n - 1;

	for (unsigned i = 0; i < n; i++) {
		size_t of_a = least_bytes(a, i), of_b = least_bytes(b, i);

		nbytes += of_a > of_b ? of_a : of_b;
	}
	return nbytes <= SUBJECT_MAX_BYTES;
}

bool
subject_overlaps(const struct subject_tokens *a, const struct subject_tokens *b)
{
	for (unsigned i = 0; i < a->n && i < b->n; i++) {
		if (!tokens_meet(a, b, i))
			return false;
		if (is_tail(a, i) || is_tail(b, i))
			return fit_together(a, b);
	}
	return a->n == b->n && fit_together(a, b);
}
