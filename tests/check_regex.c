/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "regex.h"

#define MATCH(pattern, text) match(pattern, text, sizeof text - 1)

/* The regex is good. Each match has a scratch of its own. */
static enum regex_result
match(const char *pattern, const char *text, size_t nbytes)
{
	char why[200] = "";
	struct regex *regex = regex_compile(pattern, why, sizeof why);
	struct regex_scratch *scratch = regex_scratch_create();
	enum regex_result result;

	ck_assert_msg(regex != NULL, "%s: %s", pattern, why);
	MUST(scratch != NULL);
	result = regex_match(regex, scratch, text, nbytes);
	regex_scratch_destroy(scratch);
	regex_destroy(regex);
	return result;
}

/* The same for a text of so many times that byte, and another one behind them. */
static enum regex_result
match_run(const char *pattern, char byte, size_t n, char last)
{
	char *text = malloc(n + 1);
	enum regex_result result;

	MUST(text != NULL);
	memset(text, byte, n);
	text[n] = last;
	result = match(pattern, text, n + 1);
	free(text);
	return result;
}

/* ---- What matches ----------------------------------------------------------------- */

START_TEST(match_may_be_anywhere)
{
	ck_assert_int_eq(MATCH("ERROR|FATAL", "ERROR"), REGEX_YES);
	ck_assert_int_eq(MATCH("ERROR|FATAL", "a FATAL one"), REGEX_YES);
	ck_assert_int_eq(MATCH("ERROR|FATAL", "an error"), REGEX_NO);
	ck_assert_int_eq(MATCH("(?i)error", "an ERRor"), REGEX_YES);
	ck_assert_int_eq(MATCH("^[0-9]+ [^ ]+$", "12 x"), REGEX_YES);
	ck_assert_int_eq(MATCH("^[0-9]+ [^ ]+$", "12 x "), REGEX_NO);
	ck_assert_int_eq(MATCH("(\\w)\\1", "hello"), REGEX_YES);
	ck_assert_int_eq(MATCH("(\\w)\\1", "helo"), REGEX_NO);
	ck_assert_int_eq(MATCH("(?<=a)b(?!c)", "abc abd"), REGEX_YES);
}
END_TEST

START_TEST(empty_texts_and_patterns_are_nothing_special)
{
	ck_assert_int_eq(MATCH("", ""), REGEX_YES);
	ck_assert_int_eq(MATCH("", "x"), REGEX_YES);
	ck_assert_int_eq(MATCH("^$", ""), REGEX_YES);
	ck_assert_int_eq(MATCH("x", ""), REGEX_NO);
	ck_assert_int_eq(match("^$", NULL, 0), REGEX_YES);
}
END_TEST

START_TEST(nul_and_invalid_utf8_are_bytes)
{
	ck_assert_int_eq(MATCH("b", "a\0b"), REGEX_YES);
	ck_assert_int_eq(MATCH("^a.b$", "a\0b"), REGEX_YES);
	ck_assert_int_eq(MATCH("^a\\x00b$", "a\0b"), REGEX_YES);
	ck_assert_int_eq(MATCH("^.$", "\xff"), REGEX_YES);
	ck_assert_int_eq(MATCH("^..$", "\xc3\xa4"), REGEX_YES);
	ck_assert_int_eq(MATCH("\xa4$", "\xc3\xa4"), REGEX_YES);
	ck_assert_int_eq(MATCH("^\\x80\\xfe$", "\x80\xfe"), REGEX_YES);
	ck_assert_int_eq(MATCH("x$", "\xed\xa0\x80\xf8\x88x"), REGEX_YES);
	ck_assert_int_eq(MATCH("^a.b$", "a\rb"), REGEX_YES);
}
END_TEST

START_TEST(long_text_is_searched_to_its_end)
{
	ck_assert_int_eq(match_run("E$", 'a', 1 << 20, 'E'), REGEX_YES);
	ck_assert_int_eq(match_run("^a+E", 'a', 1 << 20, 'E'), REGEX_YES);
	ck_assert_int_eq(match_run("^.*[EF]", 'a', 65536, 'E'), REGEX_YES);
	ck_assert_int_eq(match_run("^.*[EF]", 'a', 65536, 'G'), REGEX_NO);
	ck_assert_int_eq(match_run("ERROR|FATAL", 'E', 1 << 20, 'R'), REGEX_NO);
}
END_TEST

/* ---- What takes too long ---------------------------------------------------------- */

/* Exponential, cubic, or square times a lot; with machine code and without. */
START_TEST(match_that_would_take_long_is_given_up)
{
	static const char *const patterns[] = {
		"(a+)+$",
		"(a|a)*$",
		"(a|aa)+$",
		"^(a?){25}(a*)*$",
		"(.*)*[xy]",
		"(?:a|b)*[xy]",
		"a.*[xy]",
		"[a-z]+\\d",
		"(a+)\\1[xy]",
		"(?=(a+))(?!\\1)",
		"(.*)(.*)(.*)(.*)[xy]",
	};
	char slow[64];

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		snprintf(slow, sizeof slow, "(*NO_JIT)%s", patterns[i]);
		ck_assert_msg(match_run(patterns[i], 'a', 65536, '!') == REGEX_GAVE_UP,
		              "%s is not given up", patterns[i]);
		ck_assert_msg(match_run(slow, 'a', 65536, '!') == REGEX_GAVE_UP,
		              "%s is not given up", slow);
	}
	ck_assert_int_eq(match_run("(a+)+$", 'a', 40, 'b'), REGEX_GAVE_UP);
	ck_assert_int_eq(match_run("(*NO_JIT)(a+)+$", 'a', 40, 'b'), REGEX_GAVE_UP);
}
END_TEST

START_TEST(the_same_regex_matches_what_is_easy)
{
	ck_assert_int_eq(match_run("(a+)+$", 'a', 65536, 'a'), REGEX_YES);
	ck_assert_int_eq(match_run("(a+)+$", 'a', 10, 'b'), REGEX_NO);
	ck_assert_int_eq(match_run("a.*[xy]", 'a', 100, '!'), REGEX_NO);
	ck_assert_int_eq(match_run("[a-z]+\\d", 'a', 100, '!'), REGEX_NO);
}
END_TEST

/* A budget is of one match: what was given up takes nothing from the next one. */
START_TEST(scratch_serves_match_after_match)
{
	struct regex_scratch *scratch = regex_scratch_create();
	struct regex *hard = regex_compile("(a+)+$", NULL, 0);
	struct regex *easy = regex_compile("b", NULL, 0);
	char text[41];

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = 'b';
	for (int i = 0; i < 10; i++) {
		MUST(regex_match(hard, scratch, text, sizeof text) == REGEX_GAVE_UP);
		MUST(regex_match(easy, scratch, text, sizeof text) == REGEX_YES);
		MUST(regex_match(hard, scratch, text, sizeof text - 1) == REGEX_YES);
		MUST(regex_match(easy, scratch, text, sizeof text - 1) == REGEX_NO);
	}
	regex_destroy(easy);
	regex_destroy(hard);
	regex_scratch_destroy(scratch);
}
END_TEST

/* ---- What is no regex ------------------------------------------------------------- */

START_TEST(what_is_wrong_is_told_and_where)
{
	static const struct {
		const char *pattern, *why;
	} bad[] = {
		{ "foo(", "missing closing parenthesis (after byte 4)" },
		{ "a)b", "unmatched closing parenthesis (after byte 1)" },
		{ "*", "quantifier does not follow a repeatable item (after byte " },
		{ "[z-a]", "range out of order in character class (after byte 3)" },
		{ "[a", "missing terminating ] for character class (after byte 2)" },
		{ "a\\", "\\ at end of pattern (after byte 2)" },
		{ "(*UTF)a", "using UTF is disabled by the application (after byte " },
		{ "(?:(?:ab){300}){300}",
		  "regular expression is too large (after byte " },
		{ "\\1", "reference to non-existent subpattern (after byte " },
	};
	char why[200];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		bool is_regex;

		why[0] = '\0';
		is_regex = regex_check(bad[i].pattern, why, sizeof why);
		ck_assert_msg(!is_regex, "%s is a regex", bad[i].pattern);
		ck_assert_msg(strncmp(why, bad[i].why, strlen(bad[i].why)) == 0,
		              "%s has the error\n%s", bad[i].pattern, why);
		errno = 0;
		ck_assert_ptr_null(regex_compile(bad[i].pattern, why, sizeof why));
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert(regex_check("a|b", why, sizeof why));
}
END_TEST

START_TEST(long_explanation_is_cut)
{
	char why[8] = "xxxxxxx";

	ck_assert(!regex_check("foo(", why, 5));
	ck_assert_str_eq(why, "miss");
	ck_assert_int_eq(why[5], 'x');
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

/* Without memory for machine code a regex is good all the same. */
START_TEST(without_memory_nothing_is_compiled)
{
	char why[100];
	unsigned k = 0;
	bool failed, seen = false;

	do {
		long allocations = fault_live_allocations();
		struct regex *regex;

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		regex = regex_compile("(a|b)+\\1x{3,7}", why, sizeof why);
		failed = fault_clear();
		if (regex == NULL) {
			seen = true;
			MUST(failed && errno == ENOMEM);
			MUST(strcmp(why, "there is no memory to compile it") == 0);
		}
		regex_destroy(regex);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert(seen);
	ck_assert_uint_gt(k, 4);
}
END_TEST

START_TEST(without_memory_there_is_no_scratch)
{
	unsigned k = 0, nscratches = 0;
	bool failed;

	do {
		long allocations = fault_live_allocations();
		struct regex_scratch *scratch;

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		scratch = regex_scratch_create();
		failed = fault_clear();
		if (scratch == NULL)
			MUST(failed && errno == ENOMEM);
		else
			nscratches++;
		regex_scratch_destroy(scratch);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_gt(k, 4);
	/* One is whole; the others have no stack for machine code, and work without. */
	ck_assert_uint_le(nscratches, 3);
}
END_TEST

/* It may take memory to match: without it, that is given up, and the next one is not. */
START_TEST(match_without_memory_is_given_up)
{
	struct regex_scratch *scratch = regex_scratch_create();
	struct regex *regex = regex_compile("(*NO_JIT)^(?:a|b)*$", NULL, 0);
	char text[2000];
	unsigned k = 0;
	bool failed;

	memset(text, 'a', sizeof text);
	do {
		enum regex_result result;

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = regex_match(regex, scratch, text, sizeof text);
		failed = fault_clear();
		MUST(result == (failed ? REGEX_GAVE_UP : REGEX_YES));
	} while (failed);
	ck_assert_uint_gt(k, 1);
	regex_destroy(regex);
	regex_scratch_destroy(scratch);
}
END_TEST

START_TEST(nothing_is_destroyed_without_harm)
{
	regex_destroy(NULL);
	regex_scratch_destroy(NULL);
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

static void *
match_often(void *regex)
{
	struct regex_scratch *scratch = regex_scratch_create();

	MUST(scratch != NULL);
	for (int i = 0; i < 2000; i++) {
		MUST(regex_match(regex, scratch, "xaab", 4) == REGEX_YES);
		MUST(regex_match(regex, scratch, "xaax", 4) == REGEX_NO);
	}
	regex_scratch_destroy(scratch);
	return NULL;
}

START_TEST(regex_serves_several_threads)
{
	struct regex *regex = regex_compile("(a+)+b", NULL, 0);
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = spawn(match_often, regex);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	regex_destroy(regex);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("regex",
	    match_may_be_anywhere,
	    empty_texts_and_patterns_are_nothing_special,
	    nul_and_invalid_utf8_are_bytes,
	    long_text_is_searched_to_its_end,
	    match_that_would_take_long_is_given_up,
	    the_same_regex_matches_what_is_easy,
	    scratch_serves_match_after_match,
	    what_is_wrong_is_told_and_where,
	    long_explanation_is_cut,
	    without_memory_nothing_is_compiled,
	    without_memory_there_is_no_scratch,
	    match_without_memory_is_given_up,
	    nothing_is_destroyed_without_harm,
	    regex_serves_several_threads);
}
