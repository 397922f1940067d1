/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "subject.h"

#define MISSING "it is missing"
#define TOO_LONG "longer than 255 bytes"
#define TOO_MANY "more than 16 tokens"
#define NO_TOKEN "an empty token: dots stand between tokens"
#define BAD_BYTE "a token has bytes other than [A-Za-z0-9_:/=+-]"
#define WILDCARD "wildcards are for SUB and READ"
#define NOT_LAST "'>' stands only at the end"

/* A text that may have NULs in it, and its length. */
#define BYTES(text) text, sizeof text - 1

/* What is said of the text as a subject, and as a pattern; NULL: it is good. */
static const struct {
	const char *bytes;
	size_t nbytes;
	const char *why_no_subject;
	const char *why_no_pattern;
} verdicts[] = {
	{ BYTES("a"), NULL, NULL },
	{ BYTES("log.web"), NULL, NULL },
	{ BYTES("Log.WEB.42"), NULL, NULL },
	{ BYTES("a_:/=+-z.0-9"), NULL, NULL },
	{ BYTES("/var/log:x=1"), NULL, NULL },
	{ BYTES("-.+.="), NULL, NULL },
	{ BYTES("_amyd"), NULL, NULL },

	{ BYTES("*"), WILDCARD, NULL },
	{ BYTES(">"), WILDCARD, NULL },
	{ BYTES("*.*"), WILDCARD, NULL },
	{ BYTES("*.>"), WILDCARD, NULL },
	{ BYTES("a.*.b"), WILDCARD, NULL },
	{ BYTES("a.b.>"), WILDCARD, NULL },
	{ BYTES("a.>.b"), WILDCARD, NOT_LAST },
	{ BYTES(">.a"), WILDCARD, NOT_LAST },
	{ BYTES(">.>"), WILDCARD, NOT_LAST },
	{ BYTES("a.>."), WILDCARD, NOT_LAST },

	{ BYTES(""), MISSING, MISSING },
	{ BYTES("."), NO_TOKEN, NO_TOKEN },
	{ BYTES(".."), NO_TOKEN, NO_TOKEN },
	{ BYTES("a..b"), NO_TOKEN, NO_TOKEN },
	{ BYTES(".a"), NO_TOKEN, NO_TOKEN },
	{ BYTES("a."), NO_TOKEN, NO_TOKEN },
	{ BYTES("*."), WILDCARD, NO_TOKEN },

	{ BYTES("a*"), BAD_BYTE, BAD_BYTE },
	{ BYTES("*a"), BAD_BYTE, BAD_BYTE },
	{ BYTES("**"), BAD_BYTE, BAD_BYTE },
	{ BYTES(">>"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a>"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a.>b"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a.b*.c"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a b"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a\t"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a\r"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a\n"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a\0b"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a\0"), BAD_BYTE, BAD_BYTE },
	{ BYTES("\0"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a.\x80"), BAD_BYTE, BAD_BYTE },
	{ BYTES("\xff"), BAD_BYTE, BAD_BYTE },
	{ BYTES("caf\xc3\xa9"), BAD_BYTE, BAD_BYTE },
	{ BYTES("@alice"), BAD_BYTE, BAD_BYTE },
	{ BYTES("a,b"), BAD_BYTE, BAD_BYTE },
	{ BYTES("$SYS"), BAD_BYTE, BAD_BYTE },
};

START_TEST(subjects_and_patterns_are_judged_alike)
{
	for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
		ck_assert_pstr_eq(subject_check(verdicts[i].bytes, verdicts[i].nbytes),
		                  verdicts[i].why_no_subject);
		ck_assert_pstr_eq(subject_check_pattern(verdicts[i].bytes,
		                                        verdicts[i].nbytes),
		                  verdicts[i].why_no_pattern);
	}
}
END_TEST

START_TEST(bytes_of_a_token_are_these)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                           "0123456789_:/=+-";

	for (int byte = 0; byte < 256; byte++) {
		char text[2] = { 'x', (char)byte };
		bool is_good = memchr(good, byte, sizeof good - 1) != NULL;
		const char *why = is_good ? NULL : byte == '.' ? NO_TOKEN : BAD_BYTE;

		ck_assert_pstr_eq(subject_check(text, 2), why);
		ck_assert_pstr_eq(subject_check_pattern(text, 2), why);
	}
}
END_TEST

START_TEST(subject_has_255_bytes_at_most)
{
	char text[257];

	memset(text, 'a', sizeof text);
	ck_assert_pstr_eq(subject_check(text, 255), NULL);
	ck_assert_pstr_eq(subject_check_pattern(text, 255), NULL);
	ck_assert_pstr_eq(subject_check(text, 256), TOO_LONG);
	ck_assert_pstr_eq(subject_check_pattern(text, 256), TOO_LONG);
	ck_assert_pstr_eq(subject_check(text, 257), TOO_LONG);
	for (size_t i = 15; i < 255; i += 16)
		text[i] = '.';
	ck_assert_pstr_eq(subject_check(text, 255), NULL);
}
END_TEST

START_TEST(subject_has_16_tokens_at_most)
{
	static const char seventeen[] = "0.1.2.3.4.5.6.7.8.9.A.B.C.D.E.F.G";
	static const char stars[] = "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>.*";

	ck_assert_pstr_eq(subject_check(seventeen, 29), NULL);
	ck_assert_pstr_eq(subject_check(seventeen, 31), NULL);
	ck_assert_pstr_eq(subject_check(seventeen, 33), TOO_MANY);
	ck_assert_pstr_eq(subject_check_pattern(seventeen, 31), NULL);
	ck_assert_pstr_eq(subject_check_pattern(seventeen, 33), TOO_MANY);
	ck_assert_pstr_eq(subject_check_pattern(stars, 29), NULL);
	ck_assert_pstr_eq(subject_check_pattern(stars, 31), NULL);
	ck_assert_pstr_eq(subject_check_pattern(stars, 33), NOT_LAST);
}
END_TEST

START_TEST(what_follows_the_text_is_not_looked_at)
{
	ck_assert_pstr_eq(subject_check("a..b", 1), NULL);
	ck_assert_pstr_eq(subject_check("a.*", 1), NULL);
	ck_assert_pstr_eq(subject_check_pattern("a.>.b", 3), NULL);
	ck_assert_pstr_eq(subject_check("a", 0), MISSING);
	ck_assert_pstr_eq(subject_check_pattern("a", 0), MISSING);
}
END_TEST

/* The same rules, said the other way round: byte by byte, with what was seen before. */
static bool
is_good(const char *bytes, size_t nbytes, bool is_pattern)
{
	size_t ntoken = 0, ntokens = 1;
	bool has_wildcard = false, has_tail = false;

	for (size_t i = 0; i < nbytes; i++) {
		bool is_wildcard = bytes[i] == '*' || bytes[i] == '>';

		if (bytes[i] == '.') {
			if (ntoken == 0 || has_tail)
				return false;
			ntoken = 0;
			ntokens++;
			has_wildcard = false;
			continue;
		}
		if (bytes[i] == '\0' || bytes[i] == '@' || has_wildcard)
			return false;
		if (is_wildcard && (ntoken > 0 || !is_pattern))
			return false;
		has_wildcard = is_wildcard;
		has_tail = bytes[i] == '>';
		ntoken++;
	}
	return ntoken > 0 && ntokens <= 16 && nbytes <= 255;
}

START_TEST(any_text_is_judged_by_the_rules)
{
	static const char alphabet[] = { 'a', 'b', '.', '.', '.', '*', '>', '@', '\0' };

	for (uint64_t seed = 1; seed <= 50000; seed++) {
		uint64_t random = seed;
		size_t nbytes = random_below(&random, 40);
		/* Fewer bad bytes in longer texts, lest all of those be bad. */
		uint32_t nletters = random_below(&random, 2) == 0 ? sizeof alphabet : 5;
		char *bytes = malloc(nbytes + 1);

		MUST(bytes != NULL);
		for (size_t i = 0; i < nbytes; i++)
			bytes[i] = alphabet[random_below(&random, nletters)];
		for (size_t i = 1; i < nbytes && nletters == 5; i++)
			if (bytes[i] == '.' && bytes[i - 1] == '.')
				bytes[i] = 'c';
		bytes = realloc(bytes, nbytes == 0 ? 1 : nbytes);
		MUST(bytes != NULL);
		if ((subject_check(bytes, nbytes) == NULL) !=
		        is_good(bytes, nbytes, false) ||
		    (subject_check_pattern(bytes, nbytes) == NULL) !=
		        is_good(bytes, nbytes, true))
			ck_abort_msg("seed %llu: misjudged", (unsigned long long)seed);
		free(bytes);
	}
}
END_TEST

START_TEST(name_is_one_token_of_64_bytes)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                           "0123456789_:/=+-";
	char name[66];

	memset(name, 'n', sizeof name);
	ck_assert_pstr_eq(subject_check_name(BYTES("alice")), NULL);
	ck_assert_pstr_eq(subject_check_name(BYTES("a")), NULL);
	ck_assert_pstr_eq(subject_check_name(name, 63), NULL);
	ck_assert_pstr_eq(subject_check_name(name, 64), NULL);
	ck_assert_pstr_eq(subject_check_name(name, 65), "longer than 64 bytes");
	ck_assert_pstr_eq(subject_check_name(name, 66), "longer than 64 bytes");
	ck_assert_pstr_eq(subject_check_name(name, 0), MISSING);
	ck_assert_pstr_eq(subject_check_name(NULL, 0), MISSING);
	ck_assert_pstr_eq(subject_check_name("a.b", 1), NULL);
	for (int byte = 0; byte < 256; byte++) {
		bool is_good_byte = memchr(good, byte, sizeof good - 1) != NULL;

		for (size_t i = 0; i < 3; i++) {
			memset(name, 'n', 3);
			name[i] = (char)byte;
			ck_assert_pstr_eq(subject_check_name(name, 3),
			                  is_good_byte ? NULL
			                               : "a name has bytes other than "
			                                 "[A-Za-z0-9_:/=+-]");
		}
	}
}
END_TEST

START_TEST(reserved_is_amyd_and_what_is_below_it)
{
	ck_assert(subject_is_reserved(BYTES("_amyd")));
	ck_assert(subject_is_reserved(BYTES("_amyd.")));
	ck_assert(subject_is_reserved(BYTES("_amyd.client.up")));
	ck_assert(!subject_is_reserved(BYTES("_amydx")));
	ck_assert(!subject_is_reserved(BYTES("_amyd-x.y")));
	ck_assert(!subject_is_reserved(BYTES("_amy")));
	ck_assert(!subject_is_reserved(BYTES("_AMYD")));
	ck_assert(!subject_is_reserved(BYTES("a._amyd")));
	ck_assert(!subject_is_reserved(BYTES("amyd")));
	ck_assert(!subject_is_reserved(BYTES("a")));
	ck_assert(!subject_is_reserved("_amyd", 4));
	ck_assert(subject_is_reserved("_amydx", 5));
}
END_TEST

static void
assert_token(const struct subject_tokens *tokens, unsigned i, const char *text)
{
	ck_assert_uint_lt(i, tokens->n);
	ck_assert_uint_eq(tokens->lengths[i], strlen(text));
	ck_assert_mem_eq(tokens->starts[i], text, strlen(text));
}

START_TEST(tokens_are_split_at_dots)
{
	struct subject_tokens tokens;

	subject_split(BYTES("log.web.GET"), &tokens);
	ck_assert_uint_eq(tokens.n, 3);
	assert_token(&tokens, 0, "log");
	assert_token(&tokens, 1, "web");
	assert_token(&tokens, 2, "GET");
	subject_split("log.web.GET", 5, &tokens);
	ck_assert_uint_eq(tokens.n, 2);
	assert_token(&tokens, 1, "w");
	subject_split(BYTES("alone"), &tokens);
	ck_assert_uint_eq(tokens.n, 1);
	assert_token(&tokens, 0, "alone");
	subject_split(BYTES("*.>"), &tokens);
	ck_assert_uint_eq(tokens.n, 2);
	assert_token(&tokens, 0, "*");
	assert_token(&tokens, 1, ">");
}
END_TEST

START_TEST(as_many_tokens_as_may_be_are_split)
{
	static const char sixteen[] = "0.1.2.3.4.5.6.7.8.9.A.B.C.D.E.FF";
	struct subject_tokens tokens;

	subject_split(BYTES(sixteen), &tokens);
	ck_assert_uint_eq(tokens.n, 16);
	for (unsigned i = 0; i < 15; i++)
		ck_assert_ptr_eq(tokens.starts[i], sixteen + 2 * i);
	assert_token(&tokens, 15, "FF");
}
END_TEST

/* ---- Patterns --------------------------------------------------------------------- */

/* Both are good. */
static bool
matches(const char *pattern, const char *subject)
{
	struct subject_tokens of_pattern, of_subject;

	subject_split(pattern, strlen(pattern), &of_pattern);
	subject_split(subject, strlen(subject), &of_subject);
	return subject_matches(&of_pattern, &of_subject);
}

/* The same whichever is named first. */
static bool
overlap(const char *a, const char *b)
{
	struct subject_tokens of_a, of_b;
	bool is_so;

	subject_split(a, strlen(a), &of_a);
	subject_split(b, strlen(b), &of_b);
	is_so = subject_overlaps(&of_a, &of_b);
	MUST(subject_overlaps(&of_b, &of_a) == is_so);
	return is_so;
}

START_TEST(pattern_matches_these_subjects)
{
	static const struct {
		const char *pattern, *subject;
		bool is_match;
	} pairs[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "A", false },
		{ "a", "aa", false },
		{ "aa", "a", false },
		{ "a", "a.a", false },
		{ "a.b", "a", false },
		{ "a.b", "a.b", true },
		{ "*", "a", true },
		{ "*", "a.b", false },
		{ "*.*", "a", false },
		{ "*.*", "a.b", true },
		{ "a.*", "a.b", true },
		{ "a.*", "a", false },
		{ "a.*", "b.b", false },
		{ "a.*", "a.b.c", false },
		{ "a.*.c", "a.b.c", true },
		{ "a.*.c", "a.b.d", false },
		{ ">", "a", true },
		{ ">", "a.b.c", true },
		{ "a.>", "a", false },
		{ "a.>", "a.b", true },
		{ "a.>", "a.b.c.d", true },
		{ "a.>", "b.b", false },
		{ "*.>", "a", false },
		{ "*.>", "a.b", true },
		{ "a.*.>", "a.b", false },
		{ "a.*.>", "a.b.c", true },
		{ ">", "0.1.2.3.4.5.6.7.8.9.A.B.C.D.E.F", true },
		{ "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.>", "0.1.2.3.4.5.6.7.8.9.A.B.C.D.E.F", true },
		{ "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.F", "0.1.2.3.4.5.6.7.8.9.A.B.C.D.E.F", true },
		{ "*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.E", "0.1.2.3.4.5.6.7.8.9.A.B.C.D.E.F", false },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		ck_assert_msg(matches(pairs[i].pattern, pairs[i].subject) == pairs[i].is_match,
		              "%s, %s", pairs[i].pattern, pairs[i].subject);
}
END_TEST

START_TEST(wildcard_in_front_does_not_match_the_daemons_own)
{
	ck_assert(!matches(">", "_amyd"));
	ck_assert(!matches("*", "_amyd"));
	ck_assert(!matches(">", "_amyd.client.up"));
	ck_assert(!matches("*.>", "_amyd.client.up"));
	ck_assert(!matches("*.client.up", "_amyd.client.up"));
	ck_assert(matches("_amyd", "_amyd"));
	ck_assert(matches("_amyd.>", "_amyd.client.up"));
	ck_assert(matches("_amyd.*.up", "_amyd.client.up"));
	/* Only that very token, and only there. */
	ck_assert(matches(">", "_amydx.a"));
	ck_assert(matches("*", "_amy"));
	ck_assert(matches("*", "_AMYD"));
	ck_assert(matches("a.*", "a._amyd"));
	ck_assert(matches("a.>", "a._amyd"));
	ck_assert(matches("*.*", "a._amyd"));
}
END_TEST

START_TEST(patterns_overlap_if_one_subject_is_for_both)
{
	static const struct {
		const char *a, *b;
		bool is_overlap;
	} pairs[] = {
		{ "a", "a", true },
		{ "a", "b", false },
		{ "a", "*", true },
		{ "*", "*", true },
		{ "a.*", "*.b", true },
		{ "a.*", "b.*", false },
		{ "a.*.c", "a.b.*", true },
		{ "a.*.c", "a.*.d", false },
		{ "a.>", "a", false },
		{ "a.>", "a.b", true },
		{ "a.>", "*.*.c", true },
		{ "a.>", "a.>", true },
		{ "a.>", "b.>", false },
		{ ">", "a.b.c", true },
		{ ">", "*", true },
		{ ">", ">", true },
		{ "*.*.>", "a.>", true },
		{ "*.*.>", "a.*", false },
		{ "a.b.>", "a.c.>", false },
		{ "_amyd", ">", false },
		{ "_amyd.>", ">", false },
		{ "_amyd.>", "*.>", false },
		{ "_amyd.>", "_amyd.client.*", true },
		{ "a._amyd", "a.*", true },
		{ "a._amyd", "*.>", true },
		{ "_amydx", ">", true },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		ck_assert_msg(overlap(pairs[i].a, pairs[i].b) == pairs[i].is_overlap, "%s, %s",
		              pairs[i].a, pairs[i].b);
}
END_TEST

/* "aaa.*.>" and "*.bbb", together as long as the longest subject, or a byte longer. */
START_TEST(subject_for_both_must_not_be_too_long)
{
	for (size_t length = 127; length <= 128; length++) {
		char a[256] = "", b[256] = "*.";

		memset(a, 'a', 127);
		strcpy(a + 127, ".*");
		memset(b + 2, 'b', length);
		ck_assert(overlap(a, b) == (length == 127));
		strcpy(a + 127, ".>");
		ck_assert(overlap(a, b) == (length == 127));
		/* A token more. */
		strcpy(b + 2 + length - 2, ".c");
		ck_assert(overlap(a, b) == (length == 127));
		strcpy(a + 127, ".*.>");
		ck_assert(overlap(a, b) == (length == 127));
	}
}
END_TEST

/* By recursion, over the bytes. */
static bool
naive_matches(const char *pattern, const char *subject)
{
	size_t npattern = strcspn(pattern, "."), nsubject = strcspn(subject, ".");

	if (*pattern == '>')
		return true;
	if (*pattern != '*' &&
	    (npattern != nsubject || strncmp(pattern, subject, npattern) != 0))
		return false;
	if (pattern[npattern] == '\0' || subject[nsubject] == '\0')
		return pattern[npattern] == subject[nsubject];
	return naive_matches(pattern + npattern + 1, subject + nsubject + 1);
}

static bool
naive_matches_any(const char *pattern, const char *subject)
{
	if (*pattern == '*' || *pattern == '>')
		if (strcmp(subject, "_amyd") == 0 || strncmp(subject, "_amyd.", 6) == 0)
			return false;
	return naive_matches(pattern, subject);
}

/* Of few tokens, lest nothing ever match. */
static void
random_subject(uint64_t *random, uint32_t max_tokens, bool is_pattern, char *text)
{
	static const char *const tokens[] = { "a", "b", "ab", "_amyd", "*", "*", ">" };
	uint32_t ntokens = 1 + random_below(random, max_tokens);

	*text = '\0';
	for (uint32_t i = 0; i < ntokens; i++) {
		/* '>' only at the end. */
		uint32_t nchoices = !is_pattern ? 4 : i + 1 == ntokens ? 7 : 6;

		strcat(text, i == 0 ? "" : ".");
		strcat(text, tokens[random_below(random, nchoices)]);
	}
}

START_TEST(any_pattern_matches_as_a_naive_one_does)
{
	unsigned nmatches = 0;

	for (uint64_t seed = 1; seed <= 50000; seed++) {
		char pattern[128], subject[128];
		uint64_t random = seed;
		bool is_match;

		random_subject(&random, random_below(&random, 2) == 0 ? 4 : 16, true, pattern);
		random_subject(&random, random_below(&random, 2) == 0 ? 4 : 16, false, subject);
		is_match = matches(pattern, subject);
		if (is_match != naive_matches_any(pattern, subject))
			ck_abort_msg("seed %llu: %s, %s", (unsigned long long)seed, pattern,
			             subject);
		nmatches += is_match;
	}
	ck_assert_uint_gt(nmatches, 1000);
}
END_TEST

/* All subjects of up to 4 of these tokens: "c" stands for any that no pattern has. */
#define NSUBJECTS (4 + 16 + 64 + 256)

static void
nth_subject(unsigned n, char *text)
{
	static const char *const tokens[] = { "a", "b", "_amyd", "c" };
	unsigned ntokens = 1, ntexts = 4;

	for (; n >= ntexts; ntexts *= 4) {
		n -= ntexts;
		ntokens++;
	}
	*text = '\0';
	for (; ntokens > 0; ntokens--, n /= 4) {
		strcat(text, tokens[n % 4]);
		strcat(text, ntokens > 1 ? "." : "");
	}
}

static bool
is_one_for_both(const struct subject_tokens *subjects, const char *a, const char *b)
{
	struct subject_tokens of_a, of_b;

	subject_split(a, strlen(a), &of_a);
	subject_split(b, strlen(b), &of_b);
	for (unsigned i = 0; i < NSUBJECTS; i++)
		if (subject_matches(&of_a, &subjects[i]) && subject_matches(&of_b, &subjects[i]))
			return true;
	return false;
}

static void
random_pattern(uint64_t *random, char *text)
{
	static const char *const tokens[] = { "a", "b", "_amyd", "*", "*", ">" };
	uint32_t ntokens = 1 + random_below(random, 4);

	*text = '\0';
	for (uint32_t i = 0; i < ntokens; i++) {
		strcat(text, i == 0 ? "" : ".");
		strcat(text, tokens[random_below(random, i + 1 == ntokens ? 6 : 5)]);
	}
}

START_TEST(any_patterns_overlap_as_trying_all_subjects_says)
{
	static char texts[NSUBJECTS][32];
	static struct subject_tokens subjects[NSUBJECTS];
	unsigned noverlaps = 0;

	for (unsigned i = 0; i < NSUBJECTS; i++) {
		nth_subject(i, texts[i]);
		subject_split(texts[i], strlen(texts[i]), &subjects[i]);
		MUST(subject_check(texts[i], strlen(texts[i])) == NULL);
	}
	for (uint64_t seed = 1; seed <= 10000; seed++) {
		uint64_t random = seed;
		char a[32], b[32];
		bool is_overlap;

		random_pattern(&random, a);
		random_pattern(&random, b);
		is_overlap = overlap(a, b);
		if (is_overlap != is_one_for_both(subjects, a, b))
			ck_abort_msg("seed %llu: %s, %s", (unsigned long long)seed, a, b);
		noverlaps += is_overlap;
	}
	ck_assert_uint_gt(noverlaps, 1000);
	ck_assert_uint_lt(noverlaps, 9000);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("subject",
	    subjects_and_patterns_are_judged_alike,
	    bytes_of_a_token_are_these,
	    subject_has_255_bytes_at_most,
	    subject_has_16_tokens_at_most,
	    what_follows_the_text_is_not_looked_at,
	    any_text_is_judged_by_the_rules,
	    name_is_one_token_of_64_bytes,
	    reserved_is_amyd_and_what_is_below_it,
	    tokens_are_split_at_dots,
	    as_many_tokens_as_may_be_are_split,
	    pattern_matches_these_subjects,
	    wildcard_in_front_does_not_match_the_daemons_own,
	    patterns_overlap_if_one_subject_is_for_both,
	    subject_for_both_must_not_be_too_long,
	    any_pattern_matches_as_a_naive_one_does,
	    any_patterns_overlap_as_trying_all_subjects_says);
}
