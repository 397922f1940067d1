/* SPDX-License-Identifier: MIT */
/*
 * Subjects and patterns: the input is a pattern, a line feed and a subject. What is found good,
 * and what matches, is compared with a matcher that goes byte by byte.
 */
#include <stdbool.h>

#include "fuzz.h"
#include "subject.h"

static bool
is_token_byte(char c)
{
	return c != '\0' && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                           "0123456789_:/=+-",
	                           c) != NULL;
}

/* Each token is of good bytes, and none is empty. */
static bool
is_subject(const char *text, size_t nbytes)
{
	size_t ntokens = 1;

	for (size_t i = 0; i < nbytes; i++) {
		if (!is_token_byte(text[i]) && text[i] != '.')
			return false;
		if (text[i] == '.' && (i == 0 || text[i - 1] == '.'))
			return false;
		ntokens += text[i] == '.';
	}
	return nbytes >= 1 && nbytes <= SUBJECT_MAX_BYTES && text[nbytes - 1] != '.' &&
	       ntokens <= SUBJECT_MAX_TOKENS;
}

/* The same text with a letter in the place of wildcards; NULL: one stands where none may. */
static char *
without_wildcards(const char *pattern, size_t nbytes)
{
	char *text = fuzz_copy(pattern, nbytes);

	for (size_t i = 0; i < nbytes; i++) {
		bool is_token =
		    (i == 0 || text[i - 1] == '.') && (i + 1 == nbytes || text[i + 1] == '.');

		if (text[i] != '*' && text[i] != '>')
			continue;
		if (!is_token || (text[i] == '>' && i + 1 != nbytes)) {
			free(text);
			return NULL;
		}
		text[i] = 'x';
	}
	return text;
}

static bool
is_pattern(const char *pattern, size_t nbytes)
{
	char *text = without_wildcards(pattern, nbytes);
	bool is_good = text != NULL && is_subject(text, nbytes);

	free(text);
	return is_good;
}

static bool
matches(const char *pattern, const char *pattern_end, const char *subject,
        const char *subject_end)
{
	while (pattern < pattern_end && subject < subject_end) {
		if (*pattern == '>')
			return true;
		if (*pattern == '*') {
			pattern++;
			while (subject < subject_end && *subject != '.')
				subject++;
		} else if (*pattern++ != *subject++) {
			return false;
		}
	}
	return pattern == pattern_end && subject == subject_end;
}

static void
check_tokens(const struct subject_tokens *tokens, size_t nbytes)
{
	size_t sum = tokens->n - 1;

	FUZZ_CHECK(tokens->n >= 1 && tokens->n <= SUBJECT_MAX_TOKENS);
	for (unsigned i = 0; i < tokens->n; i++)
		sum += tokens->lengths[i];
	FUZZ_CHECK(sum == nbytes);
}

static void
check_pair(const char *pattern, size_t npattern, const char *subject, size_t nsubject)
{
	struct subject_tokens a, b;
	bool is_hidden =
	    subject_is_reserved(subject, nsubject) && (pattern[0] == '*' || pattern[0] == '>');
	bool expected =
	    !is_hidden && matches(pattern, pattern + npattern, subject, subject + nsubject);

	subject_split(pattern, npattern, &a);
	subject_split(subject, nsubject, &b);
	check_tokens(&a, npattern);
	check_tokens(&b, nsubject);
	FUZZ_CHECK(subject_matches(&a, &b) == expected);
	FUZZ_CHECK(subject_overlaps(&a, &b) == subject_overlaps(&b, &a));
	FUZZ_CHECK(subject_overlaps(&a, &b) == expected);
	FUZZ_CHECK(subject_overlaps(&a, &a));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *feed = size == 0 ? NULL : memchr(data, '\n', size);
	size_t npattern = feed == NULL ? size : (size_t)(feed - data);
	size_t nsubject = feed == NULL ? 0 : size - npattern - 1;
	char *pattern = fuzz_copy(data, npattern);
	char *subject = fuzz_copy(feed == NULL ? data : feed + 1, nsubject);

	FUZZ_CHECK((subject_check_pattern(pattern, npattern) == NULL) ==
	           is_pattern(pattern, npattern));
	FUZZ_CHECK((subject_check(subject, nsubject) == NULL) == is_subject(subject, nsubject));
	if (subject_check_name(subject, nsubject) == NULL)
		FUZZ_CHECK(nsubject <= SUBJECT_MAX_NAME && is_subject(subject, nsubject) &&
		           memchr(subject, '.', nsubject) == NULL);
	if (is_pattern(pattern, npattern) && is_subject(subject, nsubject))
		check_pair(pattern, npattern, subject, nsubject);
	free(pattern);
	free(subject);
	return 0;
}
