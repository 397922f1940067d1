/* SPDX-License-Identifier: MIT */
/*
 * regex.h - regular expressions of Perl's kind (PCRE2) over bytes, NUL and invalid UTF-8
 * among them. A match that would take long is given up: a text may come from anybody.
 *
 * There is a budget for each match, a fixed part and some for each byte of the text. It
 * is spent on the steps that the match takes, and not on time: so a match that is given
 * up is given up on every machine, after a millisecond or two on most.
 */
#ifndef REGEX_H
#define REGEX_H

#include <stdbool.h>
#include <stddef.h>

/* Constant once compiled; any thread. */
struct regex;

/* What a thread needs of its own to match, whichever regex it is. Owner: that thread. */
struct regex_scratch;

enum regex_result {
	REGEX_NO,
	REGEX_YES,
	REGEX_GAVE_UP, /* out of memory, too */
};

/* NULL: why (of size bytes) says what is wrong with it and where. Errors: EINVAL, ENOMEM.
 */
struct regex *regex_compile(const char *text, char *why, size_t size);

/* NULL is fine. */
void regex_destroy(struct regex *regex);

/* Can it be compiled? If not, why as above. */
bool regex_check(const char *text, char *why, size_t size);

/* NULL: ENOMEM. */
struct regex_scratch *regex_scratch_create(void);

/* NULL is fine. */
void regex_scratch_destroy(struct regex_scratch *scratch);

/* Is there a match anywhere in the text? */
enum regex_result regex_match(const struct regex *regex, struct regex_scratch *scratch,
                              const char *bytes, size_t nbytes);

/* How many steps all matches took that were made with it, of about 10 ns each. */
uint64_t regex_steps(const struct regex_scratch *scratch);

#endif
