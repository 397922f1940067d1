/* SPDX-License-Identifier: MIT */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_MAX_BYTES 255
#define SUBJECT_MAX_TOKENS 16
#define SUBJECT_MAX_NAME 64

/*
 * The one judge of subjects. NULL: the bytes are a subject, 1 to 255 bytes, at most 16
 * tokens of [A-Za-z0-9_:/=+-] joined by dots; or else a few words that say why not.
 */
const char *subject_check(const char *bytes, size_t nbytes);

/* The same of a pattern: a token may be "*", and the last one ">". */
const char *subject_check_pattern(const char *bytes, size_t nbytes);

/* The same of the name of a client: one token, 1 to 64 bytes. */
const char *subject_check_name(const char *bytes, size_t nbytes);

/* True for "_amyd" and what is below it: the daemon's own. */
bool subject_is_reserved(const char *bytes, size_t nbytes);

/*
 * The tokens of a subject or pattern that was found good. Returns how many;
 * tokens[i] begins at starts[i] and has lengths[i] bytes.
 */
struct subject_tokens {
	unsigned n;
	const char *starts[SUBJECT_MAX_TOKENS];
	size_t lengths[SUBJECT_MAX_TOKENS];
};

void subject_split(const char *bytes, size_t nbytes, struct subject_tokens *tokens);

/*
 * Does a pattern match a subject? A wildcard that is the first token does not match "_amyd".
 * Of two patterns: is there a subject that both match?
 */
bool subject_matches(const struct subject_tokens *pattern, const struct subject_tokens *subject);
bool subject_overlaps(const struct subject_tokens *a, const struct subject_tokens *b);

#endif
