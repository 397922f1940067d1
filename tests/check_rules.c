/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "harness.h"
#include "rules.h"

static struct conf_rule conf[CONF_MAX_RULES];
static size_t nconf;
static struct rules *rules;
static struct rules_scratch *scratch;
static unsigned ngave_up;
static size_t cost;

/* A rule more. regex NULL: any text. */
static void
add(const char *match, const char *regex, bool stop)
{
	MUST(nconf < CONF_MAX_RULES);
	conf[nconf++] = (struct conf_rule){
		.name = (char *)"a",
		.match = (char *)match,
		.regex = (char *)regex,
		.stop = stop,
	};
}

static void
make_rules(void)
{
	rules = rules_create(conf, nconf);
	MUST(rules != NULL);
	scratch = rules_scratch_create(rules);
	MUST(scratch != NULL);
}

static void
destroy_rules(void)
{
	rules_scratch_destroy(scratch);
	rules_destroy(rules);
}

static uint64_t
of_subject(const char *subject)
{
	return rules_of_subject(rules, subject, strlen(subject));
}

/* Of all rules that match the subject, whatever is in the text. */
static uint64_t
of_line(const char *subject, const char *text, size_t nbytes)
{
	struct amy_bytes line = { text, nbytes };

	return rules_of_text(rules, scratch, of_subject(subject), &line, &ngave_up, &cost);
}

static uint64_t
of_text(const char *subject, const char *text)
{
	return of_line(subject, text, strlen(text));
}

START_TEST(no_rules_match_nothing)
{
	make_rules();
	ck_assert_uint_eq(of_subject("a"), 0);
	ck_assert_uint_eq(of_text("a", "text"), 0);
	destroy_rules();
}
END_TEST

START_TEST(rules_match_by_their_pattern)
{
	add("log.>", NULL, false);
	add("log.*", NULL, false);
	add("log.web", NULL, false);
	add(">", NULL, false);
	make_rules();
	ck_assert_uint_eq(of_subject("log.web"), 0xf);
	ck_assert_uint_eq(of_subject("log.db"), 0xb);
	ck_assert_uint_eq(of_subject("log.web.a"), 0x9);
	ck_assert_uint_eq(of_subject("log"), 0x8);
	ck_assert_uint_eq(of_subject("_amyd.dropped"), 0);
	/* The subject need not end where the bytes do. */
	ck_assert_uint_eq(rules_of_subject(rules, "log.webx", 7), 0xf);
	destroy_rules();
}
END_TEST

START_TEST(rule_without_a_regex_takes_any_text)
{
	add("a", NULL, false);
	make_rules();
	ck_assert_uint_eq(of_text("a", ""), 1);
	ck_assert_uint_eq(of_line("a", NULL, 0), 1);
	ck_assert_uint_eq(of_line("a", "\0\xff", 2), 1);
	ck_assert_uint_eq(of_text("b", ""), 0);
	destroy_rules();
}
END_TEST

START_TEST(rules_with_a_regex_match_by_the_text_too)
{
	add("log.>", "ERROR|FATAL", false);
	add("log.>", NULL, false);
	add("log.web", " 5[0-9][0-9] ", false);
	make_rules();
	ck_assert_uint_eq(of_subject("log.web"), 7);
	ck_assert_uint_eq(of_text("log.web", "ERROR 500 at once"), 7);
	ck_assert_uint_eq(of_text("log.db", "ERROR 500 at once"), 3);
	ck_assert_uint_eq(of_text("log.web", "GET 500 "), 6);
	ck_assert_uint_eq(of_text("log.web", "GET 200 "), 2);
	ck_assert_uint_eq(of_text("web", "ERROR 500 "), 0);
	ck_assert_uint_eq(ngave_up, 0);
	destroy_rules();
}
END_TEST

START_TEST(texts_are_bytes)
{
	add("a", "^.\\x00b$", false);
	add("a", "\xa4", false);
	make_rules();
	ck_assert_uint_eq(of_line("a", "\xff\0b", 3), 1);
	ck_assert_uint_eq(of_line("a", "\xff\0b\xa4", 4), 2);
	ck_assert_uint_eq(of_line("a", "\xff\0b\xa4", 3), 1);
	destroy_rules();
}
END_TEST

START_TEST(only_candidates_are_looked_at)
{
	struct amy_bytes line = { "x", 1 };

	add("a", NULL, false);
	add("a", "x", false);
	add("a", NULL, false);
	make_rules();
	ck_assert_uint_eq(rules_of_text(rules, scratch, 0, &line, &ngave_up, &cost), 0);
	ck_assert_uint_eq(rules_of_text(rules, scratch, 2, &line, &ngave_up, &cost), 2);
	ck_assert_uint_eq(rules_of_text(rules, scratch, 5, &line, &ngave_up, &cost), 5);
	destroy_rules();
}
END_TEST

START_TEST(rule_that_stops_ends_it)
{
	add("log.>", NULL, false);
	add("log.web", NULL, true);
	add("log.>", NULL, false);
	add("other", NULL, true);
	add(">", NULL, false);
	make_rules();
	ck_assert_uint_eq(of_subject("log.web"), 0x3);
	ck_assert_uint_eq(of_text("log.web", "x"), 0x3);
	ck_assert_uint_eq(of_subject("log.db"), 0x15);
	ck_assert_uint_eq(of_text("log.db", "x"), 0x15);
	ck_assert_uint_eq(of_subject("other"), 0x8);
	destroy_rules();
}
END_TEST

START_TEST(rule_with_a_regex_stops_what_it_matches)
{
	add("log.>", "debug", true);
	add("log.>", "error", false);
	add("log.>", NULL, true);
	add("log.>", NULL, false);
	make_rules();
	/* A subject alone does not tell. */
	ck_assert_uint_eq(of_subject("log.a"), 0x7);
	ck_assert_uint_eq(of_text("log.a", "debug error"), 0x1);
	ck_assert_uint_eq(of_text("log.a", "an error"), 0x6);
	ck_assert_uint_eq(of_text("log.a", "info"), 0x4);
	destroy_rules();
}
END_TEST

START_TEST(rules_are_64)
{
	char patterns[CONF_MAX_RULES][16];
	char subject[16];

	for (unsigned i = 0; i < CONF_MAX_RULES; i++) {
		snprintf(patterns[i], sizeof patterns[i], i % 2 == 0 ? "s.%u" : "s.*", i);
		add(patterns[i], i % 4 == 3 ? "x" : NULL, false);
	}
	make_rules();
	ck_assert_uint_eq(of_subject("s.62"), 0xaaaaaaaaaaaaaaaau | (uint64_t)1 << 62);
	ck_assert_uint_eq(of_text("s.62", "x"), 0xaaaaaaaaaaaaaaaau | (uint64_t)1 << 62);
	ck_assert_uint_eq(of_text("s.0", "y"), 0x2222222222222223u);
	for (unsigned i = 0; i < CONF_MAX_RULES; i += 2) {
		snprintf(subject, sizeof subject, "s.%u", i);
		MUST(of_subject(subject) == (0xaaaaaaaaaaaaaaaau | (uint64_t)1 << i));
	}
	destroy_rules();
}
END_TEST

START_TEST(what_was_given_up_does_not_match_and_is_counted)
{
	char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";

	add("a", "(a+)+$", true);
	add("a", "b", false);
	add("a", "(a|aa)+$", false);
	make_rules();
	ck_assert_uint_eq(of_text("a", text), 2);
	ck_assert_uint_eq(ngave_up, 2);
	ck_assert_uint_eq(of_text("a", "aab"), 2);
	ck_assert_uint_eq(ngave_up, 2);
	ck_assert_uint_eq(of_text("a", text), 2);
	ck_assert_uint_eq(ngave_up, 4);
	/* That is charged for. */
	ck_assert_uint_gt(cost, 4 * 1000);
	ck_assert_uint_eq(of_text("a", "aa"), 1);
	destroy_rules();
}
END_TEST

START_TEST(bad_regex_makes_no_rules)
{
	long allocations = fault_live_allocations();

	add("a", "good", false);
	add("a", "bad(", false);
	add("a", "good", false);
	MUST(rules_create(conf, nconf) == NULL);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(without_memory_there_are_no_rules)
{
	unsigned k = 0;
	bool failed;

	add("a", "x+", false);
	add("a", NULL, false);
	add("a", "(a|b)*", true);
	do {
		long allocations = fault_live_allocations();

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		rules = rules_create(conf, nconf);
		scratch = rules == NULL ? NULL : rules_scratch_create(rules);
		failed = fault_clear();
		MUST(failed || (rules != NULL && scratch != NULL));
		if (scratch != NULL)
			MUST(of_text("a", "x") == 7);
		destroy_rules();
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_gt(k, 12);
}
END_TEST

static void *
match_often(void *unused)
{
	struct rules_scratch *own = rules_scratch_create(rules);
	unsigned given_up = 0;
	size_t own_cost = 0;

	(void)unused;
	MUST(own != NULL);
	for (int i = 0; i < 2000; i++) {
		struct amy_bytes line = { i % 2 == 0 ? "aab" : "aac", 3 };
		uint64_t found = rules_of_text(
		    rules, own, rules_of_subject(rules, "a", 1), &line, &given_up, &own_cost);

		MUST(found == (i % 2 == 0 ? 1 : 2));
	}
	MUST(given_up == 0);
	rules_scratch_destroy(own);
	return NULL;
}

START_TEST(rules_serve_several_threads)
{
	pthread_t threads[4];

	add("a", "(a+)+b", false);
	add(">", "c$", false);
	make_rules();
	for (int i = 0; i < 4; i++)
		threads[i] = spawn(match_often, NULL);
	for (int i = 0; i < 4; i++)
		join(threads[i]);
	destroy_rules();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("rules",
	    no_rules_match_nothing,
	    rules_match_by_their_pattern,
	    rule_without_a_regex_takes_any_text,
	    rules_with_a_regex_match_by_the_text_too,
	    texts_are_bytes,
	    only_candidates_are_looked_at,
	    rule_that_stops_ends_it,
	    rule_with_a_regex_stops_what_it_matches,
	    rules_are_64,
	    what_was_given_up_does_not_match_and_is_counted,
	    bad_regex_makes_no_rules,
	    without_memory_there_are_no_rules,
	    rules_serve_several_threads);
}
