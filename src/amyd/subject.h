/* SPDX-License-Identifier: MIT */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_MAX_BYTES 255
#define SUBJECT_MAX_TOKENS 16

/*
 * The one judge of subjects. NULL: the bytes are a subject, 1 to 255 bytes, at most 16
 * tokens of [A-Za-z0-9_:/=+-] joined by dots; or else a few words that say why not.
 */
const char *subject_check(const char *bytes, size_t nbytes);

/* The same of a pattern: a token may be "*", and the last one ">". */
const char *subject_check_pattern(const char *bytes, size_t nbytes);

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

#endif
