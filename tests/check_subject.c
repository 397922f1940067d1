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
	    reserved_is_amyd_and_what_is_below_it,
	    tokens_are_split_at_dots,
	    as_many_tokens_as_may_be_are_split);
}
