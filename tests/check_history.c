/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "faults.h"
#include "harness.h"
#include "replay.h"

enum { MAX_SECTIONS = 4 };

static char names[MAX_SECTIONS][8], patterns[MAX_SECTIONS][SUBJECT_MAX_BYTES + 1];
static struct conf_history sections[MAX_SECTIONS];
static size_t nsections;
static struct history *history;
static long allocations;
static int64_t clock_ms;

#define ALL ((struct history_query){ .want = HISTORY_ALL })
#define KEPT ((struct history_query){ .want = HISTORY_KEPT })
#define LAST(count) ((struct history_query){ .want = HISTORY_LAST, .n = (count) })
#define FROM(a, b) ((struct history_query){ .want = HISTORY_FROM, .from = (a), .to = (b) })
#define SINCE(ms) ((struct history_query){ .want = HISTORY_SINCE, .since_ms = (ms) })

#define NO_LIMIT ((size_t)1 << 40)

static bool getrandom_fails;
static int nruns;

/* In place of the C library's. */
ssize_t
getrandom(void *bytes, size_t nbytes, unsigned flags)
{
	(void)flags;
	if (getrandom_fails) {
		errno = ENOSYS;
		return -1;
	}
	memset(bytes, nbytes == HISTORY_RUN_LENGTH ? ++nruns : 7, nbytes);
	return (ssize_t)nbytes;
}

static void
add_section(const char *pattern, uint64_t lines, size_t bytes)
{
	size_t i = nsections++;

	MUST(i < MAX_SECTIONS);
	snprintf(names[i], sizeof names[i], "s%zu", i);
	snprintf(patterns[i], sizeof patterns[i], "%s", pattern);
	sections[i] = (struct conf_history){ names[i], patterns[i], lines, bytes };
}

static void
start(void)
{
	allocations = fault_live_allocations();
	history = history_create(sections, nsections);
	MUST(history != NULL);
}

/* Nothing is left. So, no ck_assert() between start() and stop(). */
static void
stop(void)
{
	history_destroy(history);
	MUST(fault_live_allocations() == allocations);
}

static int
section_of(const char *subject)
{
	return history_section(history, subject, strlen(subject));
}

/* Said at clock_ms, with a text of so many bytes. */
static struct publication *
make_line(const char *subject, size_t nbytes)
{
	static const char text[1 << 16];
	struct publication line = {
		.at_ms = clock_ms,
		.subject = { subject, strlen(subject) },
		.text = { text, nbytes },
		.from = { "-", 1 },
	};
	struct publication *copy;

	MUST(nbytes <= sizeof text);
	copy = publication_copy(&line);
	MUST(copy != NULL);
	return copy;
}

static int
append(struct publication *line, const char *subject, bool keep)
{
	int rc;

	history_lock(history);
	rc = history_append(history, section_of(subject), line, keep);
	history_unlock(history);
	return rc;
}

/* Its number. */
static uint64_t
say_text(const char *subject, size_t nbytes, bool keep)
{
	struct publication *line = make_line(subject, nbytes);
	uint64_t seq;

	MUST(append(line, subject, keep) == 0);
	seq = line->seq;
	publication_unref(line);
	return seq;
}

static uint64_t
say(const char *subject)
{
	return say_text(subject, 0, false);
}

static uint64_t
keep(const char *subject)
{
	return say_text(subject, 0, true);
}

/* The bytes that a line takes. */
static size_t
size_of(const char *subject, size_t nbytes)
{
	struct publication *line = make_line(subject, nbytes);
	size_t size = publication_size(line);

	publication_unref(line);
	return size;
}

static bool
forget(const char *subject)
{
	bool had_one;

	history_lock(history);
	had_one = history_forget(history, subject, strlen(subject));
	history_unlock(history);
	return had_one;
}

static bool
is_kept(const char *subject)
{
	return history_is_kept(history, subject, strlen(subject));
}

static uint64_t
head(void)
{
	uint64_t seq;

	history_lock(history);
	seq = history_head(history);
	history_unlock(history);
	return seq;
}

static struct replay *
look(const char *pattern, struct history_query query, size_t *nlines)
{
	struct replay *replay;

	history_lock(history);
	replay = replay_create(history, pattern, strlen(pattern), &query, nlines);
	history_unlock(history);
	MUST(replay != NULL);
	return replay;
}

/* At most max lines: "1 2 3", and what was forgotten before: "(4: 1-7) 8 9". */
static const char *
next(struct replay *replay, size_t max)
{
	static char text[4096];
	struct publication *lines[64];
	struct replay_gap gap;
	size_t n = replay_next(replay, lines, max, &gap), end = 0;

	MUST(n <= max);
	text[0] = '\0';
	if (gap.n > 0)
		end += (size_t)sprintf(
		    text, "(%llu: %llu-%llu) ", (unsigned long long)gap.n,
		    (unsigned long long)gap.first, (unsigned long long)gap.last);
	for (size_t i = 0; i < n; i++) {
		end += (size_t)sprintf(&text[end], "%llu ",
		                       (unsigned long long)lines[i]->seq);
		publication_unref(lines[i]);
	}
	if (end > 0)
		text[end - 1] = '\0';
	return text;
}

static void
must_be(const char *text, const char *expected, const char *what)
{
	if (strcmp(text, expected) != 0)
		ck_abort_msg("%s: \"%s\", not \"%s\"", what, text, expected);
}

/* The same however much is read at once, and as many as was said before. */
static void
expect(const char *pattern, struct history_query query, const char *numbers)
{
	for (size_t max = 1; max <= 64; max = max * 2 + 1) {
		size_t nlines, n = 0, end = 0;
		struct replay *replay = look(pattern, query, &nlines);
		char all[4096] = "";
		const char *some;

		while (*(some = next(replay, max)) != '\0')
			end +=
			    (size_t)sprintf(&all[end], "%s%s", end > 0 ? " " : "", some);
		must_be(next(replay, max), "", "after the end");
		must_be(all, numbers, pattern);
		for (const char *p = all; *p != '\0'; p++)
			n += p == all || p[-1] == ' ';
		MUST(n == nlines);
		replay_destroy(replay);
	}
}

static void
expect_usage(size_t section, uint64_t nlines, uint64_t nbytes, uint64_t nforgotten)
{
	struct history_usage usage;

	history_usage(history, section, &usage);
	MUST(strcmp(usage.name, names[section]) == 0);
	MUST(usage.nlines == nlines);
	MUST(usage.nbytes == nbytes);
	MUST(usage.nforgotten == nforgotten);
}

static void
expect_kept_usage(uint64_t nlines, uint64_t nbytes)
{
	struct history_usage usage;

	history_kept_usage(history, &usage);
	MUST(usage.name == NULL);
	MUST(usage.nlines == nlines);
	MUST(usage.nbytes == nbytes);
	MUST(usage.nforgotten == 0);
}

static uint64_t
oldest(const char *pattern, struct history_query query)
{
	struct replay *replay = look(pattern, query, NULL);
	uint64_t seq = replay_oldest(replay);

	replay_destroy(replay);
	return seq;
}

START_TEST(empty_history_has_nothing)
{
	start();
	MUST(history_nsections(history) == 0);
	MUST(section_of("a") == -1);
	MUST(head() == 0);
	MUST(!is_kept("a"));
	MUST(!forget("a"));
	expect(">", ALL, "");
	expect(">", KEPT, "");
	expect(">", LAST(5), "");
	expect(">", FROM(1, 0), "");
	expect(">", SINCE(0), "");
	expect_kept_usage(0, 0);
	stop();
	history_destroy(NULL);
	replay_destroy(NULL);
}
END_TEST

START_TEST(section_of_a_subject_is_the_first_that_matches)
{
	add_section("log.*", 10, NO_LIMIT);
	add_section("log.>", 10, NO_LIMIT);
	add_section("*.x", 10, NO_LIMIT);
	start();
	MUST(history_nsections(history) == 3);
	MUST(section_of("log.x") == 0);
	MUST(section_of("log.x.y") == 1);
	MUST(section_of("a.x") == 2);
	MUST(section_of("log") == -1);
	MUST(section_of("_amyd.x") == -1);
	stop();
}
END_TEST

START_TEST(stored_line_is_the_one_that_was_said)
{
	struct publication *line, *found = NULL;
	struct replay_gap gap;
	struct replay *replay;

	add_section(">", 10, NO_LIMIT);
	start();
	line = make_line("a", 5);
	MUST(append(line, "a", false) == 0);
	MUST(line->seq == 1);
	replay = look("a", ALL, NULL);
	MUST(replay_next(replay, &found, 1, &gap) == 1);
	MUST(found == line);
	replay_destroy(replay);
	publication_unref(line);
	history_destroy(history);
	/* Its reader's reference is enough. */
	MUST(found->subject.nbytes == 1 && *found->subject.bytes == 'a');
	MUST(atomic_load(&found->references) == 1);
	publication_unref(found);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(numbers_go_up_by_one)
{
	add_section("log.>", 2, NO_LIMIT);
	add_section("in", 2, NO_LIMIT);
	start();
	MUST(say("log.a") == 1);
	MUST(say("in") == 2);
	MUST(keep("value") == 3);
	MUST(keep("log.a") == 4);
	MUST(say("log.a") == 5);
	MUST(say("nowhere") == 6);
	MUST(head() == 6);
	expect(">", ALL, "2 3 4 5");
	stop();
}
END_TEST

START_TEST(lines_of_several_sections_come_in_order)
{
	add_section("a.>", 10, NO_LIMIT);
	add_section("b.>", 10, NO_LIMIT);
	add_section("c", 10, NO_LIMIT);
	start();
	say("c");
	say("a.x");
	say("a.y");
	say("b.x");
	say("a.x");
	say("c");
	say("b.y");
	keep("d");
	expect(">", ALL, "1 2 3 4 5 6 7 8");
	expect("*.x", ALL, "2 4 5");
	expect("b.>", ALL, "4 7");
	expect("*", ALL, "1 6 8");
	expect("a.x", ALL, "2 5");
	expect("e.>", ALL, "");
	expect("a.x.y", ALL, "");
	stop();
}
END_TEST

START_TEST(wildcard_does_not_show_what_is_the_daemons)
{
	add_section("_amyd.>", 10, NO_LIMIT);
	start();
	say("_amyd.dropped");
	keep("_amyd.x");
	expect(">", ALL, "");
	expect("*.x", KEPT, "");
	expect("_amyd.>", ALL, "1 2");
	stop();
}
END_TEST

START_TEST(line_that_is_kept_too_comes_once)
{
	add_section("a", 3, NO_LIMIT);
	start();
	say("a");
	keep("a");
	keep("b");
	say("a");
	expect(">", ALL, "1 2 3 4");
	expect(">", LAST(3), "2 3 4");
	expect(">", KEPT, "2 3");
	expect("a", KEPT, "2");
	/* And goes on to be kept when the section has forgotten it. */
	say("a");
	say("a");
	expect(">", ALL, "2 3 4 5 6");
	expect("a", LAST(4), "2 4 5 6");
	stop();
}
END_TEST

START_TEST(last_are_the_newest)
{
	add_section("a.>", 10, NO_LIMIT);
	add_section("b.>", 10, NO_LIMIT);
	start();
	say("a.1");
	say("b.1");
	keep("c.1");
	say("a.2");
	say("a.1");
	say("b.2");
	expect(">", LAST(0), "");
	expect(">", LAST(1), "6");
	expect(">", LAST(4), "3 4 5 6");
	expect(">", LAST(6), "1 2 3 4 5 6");
	expect(">", LAST(7), "1 2 3 4 5 6");
	expect(">", LAST(UINT64_MAX), "1 2 3 4 5 6");
	expect("*.1", LAST(2), "3 5");
	expect("*.1", LAST(3), "2 3 5");
	expect("*.1", LAST(9), "1 2 3 5");
	expect("*.3", LAST(1), "");
	stop();
}
END_TEST

START_TEST(numbers_from_and_to_are_asked_for)
{
	add_section("a", 10, NO_LIMIT);
	start();
	for (int i = 0; i < 5; i++)
		say("a");
	keep("b");
	expect(">", FROM(0, 0), "1 2 3 4 5 6");
	expect(">", FROM(1, 0), "1 2 3 4 5 6");
	expect(">", FROM(3, 0), "3 4 5 6");
	expect(">", FROM(3, 4), "3 4");
	expect(">", FROM(4, 4), "4");
	expect(">", FROM(5, 100), "5 6");
	expect(">", FROM(6, UINT64_MAX), "6");
	expect(">", FROM(0, 2), "1 2");
	expect(">", FROM(4, 3), "");
	expect(">", FROM(7, 0), "");
	/* There has been no such number yet. */
	expect(">", FROM(8, 0), "1 2 3 4 5 6");
	expect(">", FROM(UINT64_MAX, 0), "1 2 3 4 5 6");
	expect(">", FROM(UINT64_MAX, UINT64_MAX), "1 2 3 4 5 6");
	expect("b", FROM(2, 0), "6");
	stop();
}
END_TEST

START_TEST(since_then_is_asked_for)
{
	add_section("a", 10, NO_LIMIT);
	start();
	for (clock_ms = 100; clock_ms < 105; clock_ms++)
		say("a");
	clock_ms = 102; /* two handlers may disagree a bit */
	say("a");
	clock_ms = 105;
	keep("b");
	expect(">", SINCE(INT64_MIN), "1 2 3 4 5 6 7");
	expect(">", SINCE(0), "1 2 3 4 5 6 7");
	expect(">", SINCE(102), "3 4 5 6 7");
	expect(">", SINCE(103), "4 5 7");
	expect(">", SINCE(105), "7");
	expect(">", SINCE(106), "");
	stop();
}
END_TEST

START_TEST(section_forgets_the_oldest_past_its_lines)
{
	size_t nbytes = size_of("a", 0);

	add_section("a", 1, NO_LIMIT);
	add_section("b", 100, NO_LIMIT);
	start();
	for (uint64_t i = 1; i <= 300; i++)
		MUST(say(i <= 150 ? "b" : "a") == i);
	expect_usage(0, 1, nbytes, 149);
	expect_usage(1, 100, 100 * nbytes, 50);
	expect(">", FROM(1, 52), "51 52");
	expect("a", ALL, "300");
	expect("b", LAST(3), "148 149 150");
	stop();
}
END_TEST

START_TEST(section_forgets_the_oldest_past_its_bytes)
{
	size_t nbytes = size_of("a", 100);

	add_section("a", 1000, 3 * nbytes);
	start();
	for (int i = 0; i < 5; i++)
		say_text("a", 100, false);
	expect("a", ALL, "3 4 5");
	expect_usage(0, 3, 3 * nbytes, 2);
	/* One larger by a byte takes the place of two. */
	say_text("a", 101, false);
	expect("a", ALL, "5 6");
	expect_usage(0, 2, 2 * nbytes + 1, 4);
	say_text("a", 99, false);
	expect("a", ALL, "5 6 7");
	say_text("a", 2 * nbytes, false);
	expect("a", ALL, "8");
	stop();
}
END_TEST

START_TEST(line_too_large_for_its_section_is_not_stored)
{
	size_t nbytes = size_of("a", 10);

	add_section("a", 10, nbytes);
	start();
	MUST(say_text("a", 11, false) == 1);
	expect("a", ALL, "");
	MUST(say_text("a", 10, false) == 2);
	MUST(say_text("a", 11, false) == 3);
	MUST(say_text("a", 1000, true) == 4);
	expect("a", ALL, "2 4");
	expect_usage(0, 1, nbytes, 3);
	MUST(oldest("a", FROM(1, 0)) == 0);
	stop();
}
END_TEST

START_TEST(value_takes_the_place_of_the_one_before)
{
	start();
	keep("a");
	keep("b");
	say_text("a", 7, true);
	expect(">", ALL, "2 3");
	expect_kept_usage(2, size_of("a", 7) + size_of("b", 0));
	MUST(is_kept("a"));
	MUST(is_kept("b"));
	MUST(!is_kept("aa"));
	MUST(forget("a"));
	MUST(!is_kept("a"));
	MUST(!forget("a"));
	expect(">", KEPT, "2");
	MUST(forget("b"));
	expect(">", ALL, "");
	expect_kept_usage(0, 0);
	MUST(keep("a") == 4);
	expect(">", KEPT, "4");
	stop();
}
END_TEST

START_TEST(value_that_is_forgotten_stays_in_its_section)
{
	add_section("a", 2, NO_LIMIT);
	start();
	keep("a");
	MUST(forget("a"));
	MUST(!is_kept("a"));
	expect("a", ALL, "1");
	expect("a", KEPT, "");
	say("a");
	say("a");
	expect("a", ALL, "2 3");
	stop();
}
END_TEST

START_TEST(values_come_in_the_order_they_were_kept)
{
	char subject[16], numbers[64];
	uint64_t random = 1, last[5] = { 0 };

	start();
	/* Two that stay, with many holes behind each. */
	keep("x");
	for (int i = 0; i < 5000; i++) {
		uint32_t k = random_below(&random, 4);

		snprintf(subject, sizeof subject, "v.%u", k);
		last[k] = keep(subject);
		if (i == 2500)
			last[4] = keep("y");
	}
	MUST(head() == 5002);
	expect("x", KEPT, "1");
	expect("y", KEPT, "2503");
	for (int i = 0; i < 4; i++) {
		snprintf(subject, sizeof subject, "v.%d", i);
		snprintf(numbers, sizeof numbers, "%llu", (unsigned long long)last[i]);
		expect(subject, KEPT, numbers);
	}
	expect_kept_usage(6, 2 * size_of("x", 0) + 4 * size_of("v.0", 0));
	stop();
}
END_TEST

/* It is refused, and nothing is changed. */
static void
expect_no_room(const char *subject, size_t nbytes)
{
	struct publication *line = make_line(subject, nbytes);
	uint64_t before = head();

	errno = 0;
	MUST(append(line, subject, true) == -1);
	MUST(errno == ENOSPC);
	MUST(line->seq == 0);
	MUST(head() == before);
	publication_unref(line);
}

START_TEST(there_is_a_limit_of_values)
{
	char subject[16];
	struct replay *replay;
	size_t nlines;

	start();
	for (int i = 0; i < HISTORY_MAX_KEPT; i++) {
		snprintf(subject, sizeof subject, "v.%d", i);
		keep(subject);
	}
	expect_no_room("w", 0);
	MUST(!is_kept("w"));
	/* In place of another one it can be. */
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < HISTORY_MAX_KEPT; i += 2) {
			snprintf(subject, sizeof subject, "v.%d", i);
			keep(subject);
		}
	replay = look(">", ALL, &nlines);
	MUST(nlines == HISTORY_MAX_KEPT);
	replay_destroy(replay);
	MUST(forget("v.77"));
	keep("w");
	expect_no_room("v.77", 0);
	stop();
}
END_TEST

START_TEST(there_is_a_limit_of_bytes_of_values)
{
	size_t nbytes = size_of("v.000", 65536), n = HISTORY_MAX_KEPT_BYTES / nbytes;
	size_t rest = HISTORY_MAX_KEPT_BYTES - n * nbytes;
	char subject[16];

	start();
	for (size_t i = 0; i < n; i++) {
		snprintf(subject, sizeof subject, "v.%03zu", i);
		say_text(subject, 65536, true);
	}
	expect_no_room("w", 65536);
	MUST(rest > size_of("w", 0));
	expect_no_room("w", rest - size_of("w", 0) + 1);
	say_text("w", rest - size_of("w", 0), true);
	expect_kept_usage(n + 1, HISTORY_MAX_KEPT_BYTES);
	expect_no_room("w", rest - size_of("w", 0) + 1);
	say_text("w", rest - size_of("w", 0), true);
	expect_no_room("x", 0);
	keep("v.000");
	keep("x");
	stop();
}
END_TEST

START_TEST(replay_does_not_see_later_lines)
{
	struct replay *replay;

	add_section("a", 100, NO_LIMIT);
	start();
	say("a");
	keep("b");
	say("a");
	replay = look(">", ALL, NULL);
	MUST(replay_head(replay) == 3);
	say("a");
	must_be(next(replay, 2), "1 2", "first");
	keep("c");
	say("a");
	must_be(next(replay, 2), "3", "then");
	must_be(next(replay, 2), "", "at last");
	MUST(replay_head(replay) == 3);
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(value_that_was_replaced_meanwhile_is_not_shown)
{
	struct replay *replay;

	start();
	for (const char *subject = "abcdef"; *subject != '\0'; subject++)
		keep((const char[]){ *subject, '\0' });
	replay = look(">", KEPT, NULL);
	must_be(next(replay, 1), "1", "first");
	keep("a");
	keep("c");
	MUST(forget("d"));
	/* That many holes are closed under it. */
	for (int i = 0; i < 100; i++)
		keep("x");
	must_be(next(replay, 2), "2 5", "then");
	MUST(forget("f"));
	must_be(next(replay, 2), "", "at last");
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(value_is_shown_where_its_section_has_forgotten_it)
{
	struct replay *replay;

	add_section("a", 2, NO_LIMIT);
	start();
	keep("a");
	say("a");
	replay = look(">", ALL, NULL);
	say("a");
	say("a");
	must_be(next(replay, 9), "(2: 1-2) 1", "a value");
	must_be(next(replay, 9), "", "at last");
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(gap_stands_where_lines_were_forgotten)
{
	struct replay *replay;

	add_section("a", 10, NO_LIMIT);
	start();
	for (int i = 0; i < 10; i++)
		say("a");
	replay = look("a", ALL, NULL);
	must_be(next(replay, 2), "1 2", "first");
	say("a");
	say("a"); /* 1 and 2 are gone: they were read */
	must_be(next(replay, 1), "3", "no gap");
	for (int i = 0; i < 4; i++)
		say("a"); /* 3 to 6 are gone */
	must_be(next(replay, 2), "(3: 4-6) 7 8", "a gap");
	say("a");
	must_be(next(replay, 1), "9", "no gap");
	for (int i = 0; i < 100; i++)
		say("a");
	must_be(next(replay, 1), "(1: 10-10)", "a gap before the end");
	must_be(next(replay, 1), "", "at last");
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(gap_before_anything_was_read_is_told)
{
	struct replay *replay, *last;

	add_section("a", 4, NO_LIMIT);
	start();
	for (int i = 0; i < 6; i++)
		say("a");
	replay = look("a", ALL, NULL); /* 3 to 6 */
	last = look("a", LAST(1), NULL);
	for (int i = 0; i < 3; i++)
		say("a");
	must_be(next(replay, 9), "(3: 3-5) 6", "a gap");
	must_be(next(last, 9), "6", "no gap in what was asked for");
	replay_destroy(replay);
	replay_destroy(last);
	stop();
}
END_TEST

START_TEST(gap_is_of_all_sections_that_were_asked_for)
{
	struct replay *all, *a, *range, *kept, *since;

	add_section("a.>", 3, NO_LIMIT);
	add_section("b.>", 3, NO_LIMIT);
	add_section("c", 3, NO_LIMIT);
	start();
	clock_ms = 1;
	for (int i = 0; i < 3; i++) {
		say("a.x"); /* 1 4 7 */
		say("b.x"); /* 2 5 8 */
		say("c");   /* 3 6 9 */
		clock_ms++;
	}
	all = look(">", ALL, NULL);
	a = look("a.x", ALL, NULL);
	range = look(">", FROM(2, 7), NULL);
	kept = look(">", KEPT, NULL);
	since = look("a.x", SINCE(2), NULL);
	must_be(next(all, 1), "1", "all");
	for (int i = 0; i < 2; i++) {
		say("a.y");
		say("b.y");
	}
	for (int i = 0; i < 9; i++)
		say("c");
	/* Gone: 1 4, 2 5, 3 6 9. */
	must_be(next(all, 9), "(6: 2-9) 7 8", "all");
	must_be(next(a, 9), "(2: 1-4) 7", "one section");
	must_be(next(range, 9), "(5: 2-6) 7", "a range");
	must_be(next(kept, 9), "", "last values");
	must_be(next(since, 9), "(1: 4-4) 7", "since then");
	replay_destroy(all);
	replay_destroy(a);
	replay_destroy(range);
	replay_destroy(kept);
	replay_destroy(since);
	stop();
}
END_TEST

START_TEST(lines_that_were_passed_are_not_missed)
{
	struct replay *replay;

	add_section(">", 10, NO_LIMIT);
	start();
	say("x");
	for (int i = 0; i < 8; i++)
		say("a");
	say("x");
	replay = look("x", ALL, NULL);
	must_be(next(replay, 1), "1", "first");
	must_be(next(replay, 1), "10", "then");
	for (int i = 0; i < 20; i++)
		say("a");
	must_be(next(replay, 1), "", "at last");
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(oldest_number_is_told_where_older_ones_are_asked_for)
{
	add_section("a", 3, NO_LIMIT);
	add_section("b", 3, NO_LIMIT);
	start();
	for (int i = 0; i < 3; i++)
		say("a");
	MUST(oldest(">", FROM(0, 0)) == 0);
	say("b");
	keep("c");
	say("a"); /* 1 is forgotten */
	say("a"); /* 2 is forgotten */
	MUST(oldest(">", FROM(0, 0)) == 3);
	MUST(oldest(">", FROM(1, 1)) == 3);
	MUST(oldest("a", FROM(2, 0)) == 3);
	MUST(oldest("a", FROM(3, 0)) == 0);
	MUST(oldest("b", FROM(1, 0)) == 0);
	MUST(oldest(">", FROM(2, 1)) == 0);
	MUST(oldest(">", FROM(8, 0)) == 0);
	MUST(oldest(">", FROM(100, 0)) == 3); /* which shows all */
	MUST(oldest(">", ALL) == 0);
	MUST(oldest(">", LAST(5)) == 0);
	MUST(oldest(">", LAST(6)) == 3); /* there are 5, and 1 and 2 were asked for, too */
	MUST(oldest("b", LAST(2)) == 0);
	MUST(oldest(">", LAST(0)) == 0);
	for (int i = 0; i < 3; i++)
		say("b"); /* 4 is forgotten */
	MUST(oldest(">", FROM(1, 0)) == 3);
	MUST(oldest(">", FROM(3, 0)) == 8);
	/* 7 is there, and 4 is not, which is newer than the last four of the rest. */
	MUST(oldest(">", LAST(7)) == 8);
	stop();
}
END_TEST

START_TEST(oldest_number_is_told_where_an_older_time_is_asked_for)
{
	add_section("a", 2, NO_LIMIT);
	start();
	for (clock_ms = 100; clock_ms < 105; clock_ms++)
		say("a"); /* 1 to 3, said until 102, are forgotten */
	MUST(oldest("a", SINCE(103)) == 0);
	MUST(oldest("a", SINCE(102)) == 4);
	MUST(oldest("b", SINCE(102)) == 0);
	stop();
}
END_TEST

START_TEST(numbers_that_are_not_of_this_run_show_all)
{
	struct history_query other = FROM(2, 2), same = FROM(2, 2);
	struct replay *replay;

	add_section("a", 10, NO_LIMIT);
	start();
	for (int i = 0; i < 3; i++)
		say("a");
	other.run = (struct amy_bytes){ "another", 7 };
	same.run = (struct amy_bytes){ history_run(history), HISTORY_RUN_LENGTH };
	MUST(strspn(history_run(history), "0123456789abcdefghijklmnopqrstuvwxyz") ==
	     HISTORY_RUN_LENGTH);
	expect("a", same, "2");
	expect("a", other, "1 2 3");
	expect("a", FROM(4, 0), "");
	expect("a", FROM(5, 0), "1 2 3");
	replay = look("a", other, NULL);
	MUST(replay_is_renumbered(replay) && replay_end(replay) == 4);
	replay_destroy(replay);
	replay = look("a", same, NULL);
	MUST(!replay_is_renumbered(replay) && replay_end(replay) == 3);
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(each_history_has_a_run_of_its_own)
{
	char first[HISTORY_RUN_LENGTH + 1];

	start();
	strcpy(first, history_run(history));
	stop();
	start();
	MUST(strcmp(first, history_run(history)) != 0);
	stop();
}
END_TEST

START_TEST(replay_goes_on_past_lines_that_do_not_match)
{
	char subject[16];

	add_section("log.>", 20000, NO_LIMIT);
	start();
	for (int i = 0; i < 4096; i++)
		say("log.a");
	say("log.b"); /* right behind what one hold of the lock passes */
	for (int i = 0; i < 10000; i++) {
		snprintf(subject, sizeof subject, "log.a.%d", i % 100);
		say(subject);
	}
	say("log.b");
	keep("x.b");
	expect("log.b", ALL, "4097 14098");
	expect("*.b", ALL, "4097 14098 14099");
	expect("*.b", LAST(3), "4097 14098 14099");
	expect("log.a.b", ALL, "");
	expect("log.c", ALL, "");
	stop();
}
END_TEST

/* ---- Out of memory ---------------------------------------------------------------- */

START_TEST(without_memory_there_is_no_history)
{
	unsigned k;
	bool failed = true;

	add_section("a", 1, 1);
	allocations = fault_live_allocations();
	for (k = 1; failed; k++) {
		fault_set(FAULT_ALLOCATION, k, ENOMEM);
		history = history_create(sections, nsections);
		MUST(history != NULL || errno == ENOMEM);
		failed = fault_clear();
		MUST((history == NULL) == failed);
		history_destroy(history);
		MUST(fault_live_allocations() == allocations);
	}
	MUST(k > 2);
}
END_TEST

START_TEST(without_random_numbers_there_is_no_history)
{
	allocations = fault_live_allocations();
	getrandom_fails = true;
	MUST(history_create(NULL, 0) == NULL);
	MUST(errno == ENOSYS);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

/* Every allocation of it is made to fail, one by one. How many there were. */
static unsigned
append_with_faults(const char *subject, bool is_kept_too)
{
	struct publication *line = make_line(subject, 3);
	uint64_t before = head();

	for (unsigned k = 1;; k++) {
		long live = fault_live_allocations();
		int rc;

		fault_set(FAULT_ALLOCATION, k, ENOMEM);
		rc = append(line, subject, is_kept_too);
		if (!fault_clear()) {
			MUST(rc == 0 && line->seq == before + 1);
			publication_unref(line);
			return k - 1;
		}
		if (rc == 0) { /* the table of subjects did not grow, that is all */
			MUST(line->seq == before + 1);
			publication_unref(line);
			return k;
		}
		MUST(errno == ENOMEM);
		MUST(line->seq == 0 && head() == before);
		/* A ring that has grown stays so, in place of the one it was. */
		MUST(fault_live_allocations() - live <= 1);
	}
}

START_TEST(without_memory_nothing_is_stored)
{
	unsigned nfailed = 0;
	char subject[16];

	add_section("a.>", 100, NO_LIMIT);
	add_section("b.>", 100, 50 * size_of("b.00", 3));
	start();
	for (int i = 0; i < 200; i++) {
		snprintf(subject, sizeof subject, "%c.%02d", "abc"[i % 3], i % 35);
		nfailed += append_with_faults(subject, i % 2 == 0);
		MUST(head() == (uint64_t)i + 1);
	}
	MUST(nfailed > 100);
	expect_usage(0, 67, 67 * size_of("a.00", 3), 0);
	expect_usage(1, 50, 50 * size_of("b.00", 3), 17);
	MUST(forget("a.00"));
	stop();
}
END_TEST

START_TEST(without_memory_there_is_no_replay)
{
	struct history_query query = ALL;
	long live;
	size_t n;

	add_section("a", 100, NO_LIMIT);
	start();
	say("a");
	live = fault_live_allocations();
	history_lock(history);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(replay_create(history, "a", 1, &query, &n) == NULL);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	history_unlock(history);
	MUST(fault_live_allocations() == live);
	expect("a", ALL, "1");
	stop();
}
END_TEST

/* ---- Whatever happens ------------------------------------------------------------- */

enum { MODEL_LINES = 600, MODEL_SUBJECTS = 9 };

/* The same by a list of all lines that were ever said, by their numbers. */
static struct model_line {
	unsigned subject;
	int section;
	int64_t at_ms;
	size_t nbytes;
	bool is_stored, is_kept;
} model[MODEL_LINES + 1];
static uint64_t model_head;

static const char *const model_subjects[MODEL_SUBJECTS] = {
	"a", "a.x", "a.y", "a.x.y", "b", "b.x", "b.x.y.z", "c", "c.x",
};
static const char *const model_patterns[] = {
	">", "a", "a.>", "*", "*.x", "c.*", "b.>", "d.>", "*.x.>", "a.x",
};
enum { MODEL_PATTERNS = sizeof model_patterns / sizeof model_patterns[0] };

static bool
model_matches(const char *pattern, unsigned subject)
{
	struct subject_tokens a, b;

	subject_split(pattern, strlen(pattern), &a);
	subject_split(model_subjects[subject], strlen(model_subjects[subject]), &b);
	return subject_matches(&a, &b);
}

static void
model_evict(int section)
{
	uint64_t n = 0;
	size_t nbytes = 0;

	for (uint64_t seq = model_head; seq > 0; seq--) {
		struct model_line *line = &model[seq];

		if (line->section != section || !line->is_stored)
			continue;
		n++;
		nbytes += line->nbytes;
		line->is_stored =
		    n <= sections[section].lines && nbytes <= sections[section].bytes;
	}
}

static bool
model_forget(unsigned subject)
{
	bool had_one = false;

	for (uint64_t seq = 1; seq <= model_head; seq++)
		if (model[seq].subject == subject && model[seq].is_kept) {
			model[seq].is_kept = false;
			had_one = true;
		}
	return had_one;
}

static void
model_say(unsigned subject, size_t nbytes, bool is_kept_too)
{
	struct model_line *line = &model[model_head + 1];

	if (is_kept_too)
		model_forget(subject);
	*line = (struct model_line){
		.subject = subject,
		.section = section_of(model_subjects[subject]),
		.at_ms = clock_ms,
		.nbytes = size_of(model_subjects[subject], nbytes),
		.is_kept = is_kept_too,
	};
	line->is_stored =
	    line->section != -1 && line->nbytes <= sections[line->section].bytes;
	model_head++;
	if (line->is_stored)
		model_evict(line->section);
	MUST(say_text(model_subjects[subject], nbytes, is_kept_too) == model_head);
}

static void
change_anything(uint64_t *random)
{
	unsigned subject = random_below(random, MODEL_SUBJECTS);

	if (random_below(random, 8) == 0) {
		bool had_one = is_kept(model_subjects[subject]);

		MUST(model_forget(subject) == had_one);
		MUST(forget(model_subjects[subject]) == had_one);
		return;
	}
	if (model_head == MODEL_LINES)
		return;
	clock_ms += random_below(random, 4);
	clock_ms -= random_below(random, 8) == 0 ? 1 : 0;
	model_say(subject, random_below(random, 60), random_below(random, 3) == 0);
}

/* A replay, and what it is to show. */
struct model_replay {
	struct replay *replay;
	const char *pattern;
	struct history_query query;
	bool is_wanted[MODEL_LINES + 1]; /* and can be had, so far */
	bool is_missed[MODEL_LINES + 1]; /* gone from a section: may be in a gap */
	bool was_stored[MODEL_LINES + 1];
	uint64_t at; /* what was shown last */
};

static bool
is_asked_for(const struct history_query *query, uint64_t seq)
{
	switch (query->want) {
	case HISTORY_KEPT:
		return model[seq].is_kept;
	case HISTORY_FROM:
		return seq >= query->from && (query->to == 0 || seq <= query->to);
	case HISTORY_SINCE:
		return model[seq].at_ms >= query->since_ms;
	case HISTORY_SINCE_MOMENT:
	case HISTORY_ALL:
	case HISTORY_LAST:
		return true;
	}
	return false;
}

static struct history_query
any_query(uint64_t *random)
{
	uint32_t a = random_below(random, MODEL_LINES),
		 b = random_below(random, MODEL_LINES);

	switch (random_below(random, 5)) {
	case 0:
		return KEPT;
	case 1:
		return LAST(a / 10);
	case 2:
		return FROM(a, b);
	case 3:
		return SINCE(clock_ms - b / 4);
	default:
		return ALL;
	}
}

/* If its section forgets it: is that a gap? */
static bool
model_may_be_missed(const struct model_replay *m, uint64_t seq)
{
	struct subject_tokens a, b;
	const char *match = sections[model[seq].section].match;

	subject_split(m->pattern, strlen(m->pattern), &a);
	subject_split(match, strlen(match), &b);
	return m->query.want != HISTORY_KEPT && subject_overlaps(&a, &b) &&
	       (m->query.want != HISTORY_FROM || is_asked_for(&m->query, seq));
}

static void
model_look(struct model_replay *m, uint64_t *random)
{
	const struct history_query asked = any_query(random);
	size_t n = 0, nlines;

	*m = (struct model_replay){ .query = asked };
	if (asked.want == HISTORY_FROM && asked.from > model_head + 1)
		m->query = ALL; /* there has been no such number */
	m->pattern = model_patterns[random_below(random, MODEL_PATTERNS)];
	for (uint64_t seq = model_head; seq > 0; seq--) {
		const struct model_line *line = &model[seq];

		if (m->query.want == HISTORY_LAST && n == m->query.n)
			break;
		m->was_stored[seq] = line->is_stored && model_may_be_missed(m, seq);
		m->is_wanted[seq] = (line->is_stored || line->is_kept) &&
		                    is_asked_for(&m->query, seq) &&
		                    model_matches(m->pattern, line->subject);
		n += m->is_wanted[seq];
	}
	m->replay = look(m->pattern, asked, &nlines);
	MUST(nlines == n);
	MUST(replay_head(m->replay) == model_head);
}

/* Least and most that the gap must tell of, before the next lines. */
static void
model_gap(struct model_replay *m, uint64_t *least, uint64_t *most)
{
	*least = *most = 0;
	for (uint64_t seq = m->at + 1; seq <= model_head; seq++) {
		const struct model_line *line = &model[seq];
		bool is_gone =
		    m->was_stored[seq] && !line->is_stored && !m->is_missed[seq];

		if (is_gone && m->is_wanted[seq])
			++*least;
		if (is_gone)
			++*most;
		m->is_missed[seq] |= is_gone;
		m->is_wanted[seq] &=
		    (line->is_stored && m->query.want != HISTORY_KEPT) || line->is_kept;
	}
}

/* False: that was all. */
static bool
model_next(struct model_replay *m, size_t max)
{
	struct publication *lines[64];
	struct replay_gap gap;
	uint64_t least, most;
	size_t n;

	model_gap(m, &least, &most);
	n = replay_next(m->replay, lines, max, &gap);
	MUST(gap.n >= least && gap.n <= most);
	MUST(gap.n == least || strcmp(m->pattern, ">") != 0 ||
	     m->query.want == HISTORY_SINCE);
	MUST(gap.n == 0 || (gap.first > m->at && gap.last >= gap.first + gap.n - 1));
	for (size_t i = 0; i < max; i++) {
		do
			m->at++;
		while (m->at <= model_head && !m->is_wanted[m->at]);
		if (m->at > model_head) {
			MUST(n == i);
			return false;
		}
		MUST(i < n && lines[i]->seq == m->at);
		publication_unref(lines[i]);
	}
	MUST(n == max);
	return true;
}

static void
check_usage(void)
{
	uint64_t nkept = 0, nkept_bytes = 0;

	for (size_t s = 0; s < nsections; s++) {
		uint64_t nlines = 0, nbytes = 0, nforgotten = 0;

		for (uint64_t seq = 1; seq <= model_head; seq++)
			if (model[seq].section == (int)s) {
				nlines += model[seq].is_stored;
				nforgotten += !model[seq].is_stored;
				nbytes += model[seq].is_stored ? model[seq].nbytes : 0;
			}
		expect_usage(s, nlines, nbytes, nforgotten);
	}
	for (uint64_t seq = 1; seq <= model_head; seq++) {
		nkept += model[seq].is_kept;
		nkept_bytes += model[seq].is_kept ? model[seq].nbytes : 0;
	}
	expect_kept_usage(nkept, nkept_bytes);
}

START_TEST(any_history_is_replayed_as_a_list_would_be)
{
	add_section("a.x.>", 1, NO_LIMIT);
	add_section("a.>", 40, NO_LIMIT);
	add_section("b.>", 30, 2500);
	add_section("*", 500, 9000);
	for (uint64_t seed = 1; seed <= 12; seed++) {
		uint64_t random = seed;

		start();
		model_head = 0;
		clock_ms = 1000;
		for (int round = 0; round < 60; round++) {
			uint32_t every = 1 + random_below(&random, 12);
			struct model_replay m;

			for (uint32_t i = random_below(&random, 20); i > 0; i--)
				change_anything(&random);
			model_look(&m, &random);
			while (model_next(&m, 1 + random_below(&random, 7)))
				while (random_below(&random, 12) >= every)
					change_anything(&random);
			replay_destroy(m.replay);
		}
		check_usage();
		stop();
	}
}
END_TEST

/* ---- Two threads ------------------------------------------------------------------ */

enum { NTHREAD_LINES = 20000 };

static atomic_bool is_done;

static void *
say_many(void *argument)
{
	static const char *const subjects[] = { "a.x", "b.x", "a.y", "b" };

	(void)argument;
	for (unsigned i = 0; i < NTHREAD_LINES; i++)
		say_text(subjects[i % 4], 0, i % 7 == 0);
	atomic_store(&is_done, true);
	return NULL;
}

/* All up to its head, each once. */
static void
read_all_in_order(void)
{
	size_t nlines, n;
	struct replay *replay = look(">", ALL, &nlines);
	struct publication *lines[16];
	struct replay_gap gap;
	uint64_t seq = 0;

	MUST(nlines == replay_head(replay));
	while ((n = replay_next(replay, lines, 16, &gap)) > 0)
		for (size_t i = 0; i < n; i++) {
			MUST(lines[i]->seq == ++seq);
			publication_unref(lines[i]);
		}
	MUST(gap.n == 0);
	MUST(seq == nlines);
	replay_destroy(replay);
}

START_TEST(replay_is_whole_while_lines_are_said)
{
	pthread_t publisher;

	add_section("a.>", NTHREAD_LINES, NO_LIMIT);
	add_section(">", NTHREAD_LINES, NO_LIMIT);
	start();
	publisher = spawn(say_many, NULL);
	for (int i = 0; i < 20 && !atomic_load(&is_done); i++)
		read_all_in_order();
	join(publisher);
	read_all_in_order();
	MUST(head() == NTHREAD_LINES);
	stop();
}
END_TEST

/* All up to its head is shown, in order, or told to be missing. */
static void
read_all_with_gaps(void)
{
	size_t nlines, n, nshown = 0;
	struct replay *replay = look("c.>", ALL, &nlines);
	struct publication *lines[16];
	struct replay_gap gap;
	uint64_t seq = 0, nmissing = 0;

	do {
		n = replay_next(replay, lines, 16, &gap);
		nmissing += gap.n;
		MUST(gap.n == 0 || (gap.first > seq && gap.last <= replay_head(replay)));
		for (size_t i = 0; i < n; i++) {
			MUST(lines[i]->seq > seq && lines[i]->seq > gap.last);
			seq = lines[i]->seq;
			publication_unref(lines[i]);
		}
		nshown += n;
	} while (n > 0);
	MUST(nshown + nmissing == nlines);
	replay_destroy(replay);
}

static void *
say_what_is_forgotten(void *argument)
{
	(void)argument;
	for (unsigned i = 0; i < NTHREAD_LINES; i++)
		say("c.x");
	atomic_store(&is_done, true);
	return NULL;
}

START_TEST(nothing_is_missing_unless_it_is_told)
{
	pthread_t publisher;

	add_section("c.>", 100, NO_LIMIT);
	start();
	publisher = spawn(say_what_is_forgotten, NULL);
	while (!atomic_load(&is_done))
		read_all_with_gaps();
	join(publisher);
	read_all_with_gaps();
	expect_usage(0, 100, 100 * size_of("c.x", 0), NTHREAD_LINES - 100);
	stop();
}
END_TEST

/* ---- Other sections ---------------------------------------------------------------- */

#define SECTION(name, match, lines, bytes)                                                 \
	{                                                                                  \
		(char *)(name), (char *)(match), lines, bytes                              \
	}

/* Those of this list from now on; they last as long as the block in which it stands. */
#define HAVE(...)                                                                          \
	have((const struct conf_history[]){ __VA_ARGS__ },                                 \
	     sizeof((const struct conf_history[]){ __VA_ARGS__ }) /                        \
	         sizeof(struct conf_history))

static void
have(const struct conf_history *next, size_t n)
{
	struct history_change *change = history_prepare(history, next, n);

	MUST(change != NULL);
	history_apply(change);
	MUST(history_nsections(history) == n);
}

static void
have_none(void)
{
	have(NULL, 0);
}

static void
say_n(const char *subject, unsigned n)
{
	while (n-- > 0)
		say(subject);
}

static void
expect_section(size_t i, const char *name, uint64_t nlines, uint64_t nforgotten)
{
	struct history_usage usage;

	history_usage(history, i, &usage);
	MUST(strcmp(usage.name, name) == 0);
	MUST(usage.nlines == nlines);
	MUST(nlines > 0 || usage.nbytes == 0);
	MUST(usage.nforgotten == nforgotten);
}

/* One section, s0, and lines 1 to n of "a" in it. */
static void
start_with(unsigned n, uint64_t lines)
{
	add_section("a", lines, NO_LIMIT);
	start();
	say_n("a", n);
}

START_TEST(section_keeps_its_lines_by_its_name)
{
	start_with(5, 5);
	HAVE(SECTION("s0", "a", 5, NO_LIMIT));
	expect("a", ALL, "1 2 3 4 5");
	HAVE(SECTION("s0", "a", 8, NO_LIMIT));
	expect("a", ALL, "1 2 3 4 5");
	MUST(head() == 5);
	say_n("a", 3);
	expect("a", ALL, "1 2 3 4 5 6 7 8");
	expect_section(0, "s0", 8, 0);
	say("a");
	expect("a", ALL, "2 3 4 5 6 7 8 9");
	expect_section(0, "s0", 8, 1);
	stop();
}
END_TEST

START_TEST(section_that_may_have_fewer_lines_forgets_the_oldest)
{
	start_with(40, 40);
	HAVE(SECTION("s0", "a", 4, NO_LIMIT));
	expect("a", ALL, "37 38 39 40");
	expect_section(0, "s0", 4, 36);
	say_n("a", 2);
	expect("a", ALL, "39 40 41 42");
	HAVE(SECTION("s0", "a", 1, NO_LIMIT));
	expect("a", ALL, "42");
	/* And may have more again. */
	HAVE(SECTION("s0", "a", 60, NO_LIMIT));
	say_n("a", 100);
	expect_section(0, "s0", 60, 82);
	expect("a", LAST(3), "140 141 142");
	stop();
}
END_TEST

START_TEST(section_that_may_have_fewer_bytes_forgets_the_oldest)
{
	size_t size;

	start_with(10, 100);
	size = size_of("a", 0);
	HAVE(SECTION("s0", "a", 100, 3 * size));
	expect("a", ALL, "8 9 10");
	expect_section(0, "s0", 3, 7);
	HAVE(SECTION("s0", "a", 100, 3 * size - 1));
	expect("a", ALL, "9 10");
	say("a");
	expect("a", ALL, "10 11");
	/* There is no room for any. */
	HAVE(SECTION("s0", "a", 100, size - 1));
	expect("a", ALL, "");
	expect_section(0, "s0", 0, 11);
	say("a");
	expect_section(0, "s0", 0, 12);
	HAVE(SECTION("s0", "a", 100, size));
	say("a");
	expect("a", ALL, "13");
	stop();
}
END_TEST

START_TEST(section_that_is_gone_has_forgotten_all)
{
	start_with(5, 10);
	have_none();
	MUST(section_of("a") == -1);
	expect("a", ALL, "");
	MUST(say("a") == 6);
	expect("a", ALL, "");
	/* It comes back empty. */
	HAVE(SECTION("s0", "a", 10, NO_LIMIT));
	expect("a", ALL, "");
	expect_section(0, "s0", 0, 5);
	say_n("a", 2);
	expect("a", ALL, "7 8");
	have_none();
	have_none();
	HAVE(SECTION("s0", "a", 1, NO_LIMIT));
	expect_section(0, "s0", 0, 7);
	say_n("a", 2);
	expect("a", ALL, "10");
	stop();
}
END_TEST

START_TEST(section_of_another_name_is_another_one)
{
	start_with(5, 10);
	HAVE(SECTION("other", "a", 10, NO_LIMIT));
	expect("a", ALL, "");
	expect_section(0, "other", 0, 0);
	say("a");
	expect("a", ALL, "6");
	HAVE(SECTION("s0", "a", 10, NO_LIMIT), SECTION("other", "a", 10, NO_LIMIT));
	expect_section(0, "s0", 0, 5);
	expect_section(1, "other", 1, 0);
	expect("a", ALL, "6");
	stop();
}
END_TEST

START_TEST(last_values_stay_whatever_the_sections_are)
{
	start_with(1, 10);
	keep("a");
	keep("b");
	have_none();
	MUST(is_kept("a") && is_kept("b"));
	expect(">", ALL, "2 3");
	HAVE(SECTION("s0", ">", 10, NO_LIMIT));
	expect(">", ALL, "2 3");
	keep("a");
	expect(">", ALL, "3 4");
	MUST(forget("a"));
	expect(">", ALL, "3 4");
	expect_section(0, "s0", 1, 2);
	stop();
}
END_TEST

START_TEST(lines_that_are_not_matched_any_more_are_found)
{
	start_with(3, 10);
	HAVE(SECTION("s0", "b.>", 10, NO_LIMIT));
	MUST(section_of("a") == -1);
	MUST(section_of("b.x") == 0);
	say("a"); /* 4 is stored nowhere */
	say("b.x");
	expect("a", ALL, "1 2 3");
	expect("*", ALL, "1 2 3");
	expect("b.x", ALL, "5");
	expect(">", ALL, "1 2 3 5");
	expect("a", LAST(2), "2 3");
	expect("a", FROM(2, 0), "2 3");
	/* Once more, to what neither of them matches. */
	HAVE(SECTION("s0", "c", 10, NO_LIMIT));
	expect("a", ALL, "1 2 3");
	expect("b.*", ALL, "5");
	HAVE(SECTION("s0", "c", 10, NO_LIMIT));
	expect("a", ALL, "1 2 3");
	HAVE(SECTION("s0", "a", 10, NO_LIMIT));
	expect("b.*", ALL, "5");
	/* Until there is no room for them. */
	say_n("a", 10);
	expect("b.*", ALL, "");
	expect("a", LAST(2), "14 15");
	stop();
}
END_TEST

START_TEST(order_of_the_sections_says_where_a_line_is_stored)
{
	add_section("a.>", 10, NO_LIMIT);
	add_section(">", 10, NO_LIMIT);
	start();
	say("a.x");
	say("b.x");
	expect_section(0, "s0", 1, 0);
	expect_section(1, "s1", 1, 0);
	HAVE(SECTION("s1", ">", 10, NO_LIMIT), SECTION("new", "b.>", 10, NO_LIMIT),
	     SECTION("s0", "a.>", 10, NO_LIMIT));
	MUST(section_of("a.x") == 0);
	MUST(section_of("b.x") == 0);
	say("a.x");
	say("b.x");
	expect_section(0, "s1", 3, 0);
	expect_section(1, "new", 0, 0);
	expect_section(2, "s0", 1, 0);
	/* Wherever they are. */
	expect("a.x", ALL, "1 3");
	expect("b.x", ALL, "2 4");
	expect(">", ALL, "1 2 3 4");
	HAVE(SECTION("s0", "a.>", 1, NO_LIMIT));
	expect(">", ALL, "1");
	stop();
}
END_TEST

START_TEST(sections_may_be_many_more_and_fewer)
{
	char many_names[50][8];
	struct conf_history many[50];

	start_with(3, 10);
	for (size_t i = 0; i < 50; i++) {
		sprintf(many_names[i], "s%zu", 49 - i);
		many[i] = (struct conf_history){ many_names[i], (char *)"x", 10, NO_LIMIT };
	}
	have(many, 50);
	expect_section(49, "s0", 3, 0);
	expect("a", ALL, "1 2 3");
	have(many, 25);
	expect("a", ALL, "");
	have(many + 25, 25);
	expect_section(24, "s0", 0, 3);
	have_none();
	stop();
}
END_TEST

/* ---- Replays while sections change ------------------------------------------------- */

START_TEST(gap_stands_where_a_section_shrank)
{
	struct replay *replay, *unread;

	start_with(10, 10);
	replay = look("a", ALL, NULL);
	unread = look("a", ALL, NULL);
	must_be(next(replay, 2), "1 2", "first");
	HAVE(SECTION("s0", "a", 3, NO_LIMIT));
	must_be(next(replay, 2), "(5: 3-7) 8 9", "a gap");
	must_be(next(unread, 1), "(7: 1-7) 8", "a gap before anything was read");
	HAVE(SECTION("s0", "a", 3, size_of("a", 0) - 1));
	must_be(next(replay, 2), "(1: 10-10)", "a gap before the end");
	must_be(next(replay, 2), "", "at last");
	must_be(next(unread, 2), "(2: 9-10)", "a gap before the end");
	must_be(next(unread, 2), "", "at last");
	replay_destroy(replay);
	replay_destroy(unread);
	stop();
}
END_TEST

START_TEST(gap_stands_where_a_section_is_gone)
{
	struct replay *replay, *unread;

	start_with(10, 10);
	replay = look("a", ALL, NULL);
	unread = look("a", ALL, NULL);
	must_be(next(replay, 2), "1 2", "first");
	have_none();
	must_be(next(replay, 2), "(8: 3-10)", "a gap");
	must_be(next(replay, 2), "", "at last");
	/* And back again, with lines that are not of the replay. */
	HAVE(SECTION("s0", "a", 10, NO_LIMIT));
	say_n("a", 3);
	must_be(next(unread, 2), "(10: 1-10)", "a gap");
	must_be(next(unread, 2), "", "at last");
	must_be(next(replay, 2), "", "still");
	expect("a", ALL, "11 12 13");
	replay_destroy(replay);
	replay_destroy(unread);
	stop();
}
END_TEST

START_TEST(of_the_sections_that_stay_nothing_is_missing)
{
	struct replay *replay;

	add_section("a", 10, NO_LIMIT);
	add_section("b", 10, NO_LIMIT);
	start();
	for (int i = 0; i < 4; i++) {
		say("a");
		say("b");
	}
	replay = look(">", ALL, NULL);
	must_be(next(replay, 3), "1 2 3", "first");
	HAVE(SECTION("s1", "c", 10, NO_LIMIT), SECTION("new", "d", 10, NO_LIMIT));
	must_be(next(replay, 2), "(2: 5-7) 4 6", "a gap, and the others");
	HAVE(SECTION("new", "d", 10, NO_LIMIT), SECTION("s1", "e", 10, NO_LIMIT));
	say("d"); /* 9 is later */
	must_be(next(replay, 10), "8", "the rest");
	must_be(next(replay, 10), "", "at last");
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(what_is_kept_too_is_shown_where_its_section_is_gone)
{
	struct replay *replay;

	start_with(2, 10);
	keep("a");
	say_n("a", 2);
	replay = look("a", ALL, NULL);
	must_be(next(replay, 1), "1", "first");
	have_none();
	must_be(next(replay, 10), "(4: 2-5) 3", "a gap, and what is kept");
	must_be(next(replay, 10), "", "at last");
	replay_destroy(replay);
	stop();
}
END_TEST

START_TEST(oldest_number_is_a_later_one_where_a_section_is_empty)
{
	start_with(5, 10);
	HAVE(SECTION("s0", "a", 10, size_of("a", 0) - 1));
	MUST(oldest("a", FROM(1, 0)) == 6);
	MUST(oldest("a", FROM(5, 0)) == 6);
	MUST(oldest("a", FROM(6, 0)) == 0);
	MUST(oldest("b", FROM(1, 0)) == 0);
	keep("b");
	MUST(oldest("a", FROM(1, 0)) == 7);
	HAVE(SECTION("s0", "a", 10, NO_LIMIT));
	say("a");
	MUST(oldest("a", FROM(1, 0)) == 7);
	MUST(oldest("a", FROM(6, 0)) == 0);
	/* Gone and back again: what it had is forgotten. */
	have_none();
	MUST(oldest("a", FROM(1, 0)) == 8);
	MUST(oldest("b", FROM(1, 0)) == 0);
	HAVE(SECTION("s0", "a", 10, NO_LIMIT), SECTION("new", "b", 10, NO_LIMIT));
	MUST(oldest("a", FROM(1, 0)) == 8);
	MUST(oldest("a", FROM(7, 7)) == 8);
	MUST(oldest("b", FROM(1, 0)) == 0);
	stop();
}
END_TEST

/* ---- Changes that come to nothing -------------------------------------------------- */

static void
must_be_as_it_was(void)
{
	MUST(history_nsections(history) == 2);
	MUST(section_of("a") == 0);
	MUST(section_of("b") == 1);
	MUST(section_of("c") == -1);
	expect_usage(0, 3, 3 * size_of("a", 0), 1);
	expect_usage(1, 1, size_of("b", 0), 0);
	expect(">", ALL, "2 3 4 5");
}

/* Two sections; and one that is gone: it is known still. */
static void
start_with_two(void)
{
	static struct conf_history three[] = {
		SECTION("gone", "d", 10, NO_LIMIT),
		SECTION("s0", "a", 3, NO_LIMIT),
		SECTION("s1", "b", 3, NO_LIMIT),
	};

	add_section("a", 3, NO_LIMIT);
	add_section("b", 3, NO_LIMIT);
	start();
	have(three, 3);
	have(sections, 2);
	say_n("a", 4);
	say("b");
	must_be_as_it_was();
}

static const struct conf_history other_sections[] = {
	SECTION("new", "c", 10, NO_LIMIT),   SECTION("s1", "a", 1, NO_LIMIT),
	SECTION("gone", "d", 10, NO_LIMIT),  SECTION("newer", "e", 10, NO_LIMIT),
};

START_TEST(without_memory_sections_stay_as_they_are)
{
	struct history_change *change;
	unsigned nth = 0;

	start_with_two();
	do {
		long live = fault_live_allocations();

		fault_set(FAULT_ALLOCATION, ++nth, ENOMEM);
		errno = 0;
		change = history_prepare(history, other_sections, 4);
		if (!fault_clear())
			break;
		MUST(change == NULL);
		MUST(errno == ENOMEM);
		MUST(fault_live_allocations() == live);
		must_be_as_it_was();
	} while (nth < 100);
	/* It, its list, and two of each new section. */
	MUST(nth == 7);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	history_apply(change);
	MUST(!fault_clear());
	MUST(section_of("c") == 0);
	expect(">", ALL, "5");
	stop();
}
END_TEST

START_TEST(change_that_is_abandoned_has_changed_nothing)
{
	start_with_two();
	for (int i = 0; i < 3; i++) {
		long live = fault_live_allocations();

		history_abandon(history_prepare(history, other_sections, 4));
		MUST(fault_live_allocations() == live);
		must_be_as_it_was();
		history_abandon(history_prepare(history, NULL, 0));
		MUST(fault_live_allocations() == live);
	}
	history_abandon(NULL);
	must_be_as_it_was();
	have(other_sections, 4);
	expect(">", ALL, "5");
	stop();
}
END_TEST

/* ---- While other threads look ------------------------------------------------------ */

static void *
look_again_and_again(void *argument)
{
	(void)argument;
	while (!atomic_load(&is_done)) {
		struct history_usage usage;

		read_all_with_gaps();
		history_usage(history, 0, &usage);
		MUST(usage.nlines <= 50);
		history_kept_usage(history, &usage);
		MUST(!is_kept("a"));
	}
	return NULL;
}

/* Replays are made and read, for that takes the lock; nothing is published. */
START_TEST(replays_are_read_while_sections_change)
{
	static const struct conf_history few[] = { SECTION("s0", ">", 50, NO_LIMIT) };
	static const struct conf_history more[] = {
		SECTION("other", "a", 50, NO_LIMIT),
		SECTION("s0", "c.>", 50, NO_LIMIT),
	};
	pthread_t looker;

	add_section("c.>", 50, NO_LIMIT);
	start();
	atomic_store(&is_done, false);
	looker = spawn(look_again_and_again, NULL);
	for (int i = 0; i < 2000; i++) {
		if (i % 3 == 0)
			have(few, 1);
		else if (i % 3 == 1)
			have(more, 2);
		else if (i % 9 == 8)
			have(more, 1);
		if (i % 9 != 8)
			say_n("c.x", 20);
	}
	atomic_store(&is_done, true);
	join(looker);
	have_none();
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("history",
	    empty_history_has_nothing,
	    section_of_a_subject_is_the_first_that_matches,
	    stored_line_is_the_one_that_was_said,
	    numbers_go_up_by_one,
	    lines_of_several_sections_come_in_order,
	    wildcard_does_not_show_what_is_the_daemons,
	    line_that_is_kept_too_comes_once,
	    last_are_the_newest,
	    numbers_from_and_to_are_asked_for,
	    since_then_is_asked_for,
	    section_forgets_the_oldest_past_its_lines,
	    section_forgets_the_oldest_past_its_bytes,
	    line_too_large_for_its_section_is_not_stored,
	    value_takes_the_place_of_the_one_before,
	    value_that_is_forgotten_stays_in_its_section,
	    values_come_in_the_order_they_were_kept,
	    there_is_a_limit_of_values,
	    there_is_a_limit_of_bytes_of_values,
	    replay_does_not_see_later_lines,
	    value_that_was_replaced_meanwhile_is_not_shown,
	    value_is_shown_where_its_section_has_forgotten_it,
	    gap_stands_where_lines_were_forgotten,
	    gap_before_anything_was_read_is_told,
	    gap_is_of_all_sections_that_were_asked_for,
	    lines_that_were_passed_are_not_missed,
	    oldest_number_is_told_where_older_ones_are_asked_for,
	    oldest_number_is_told_where_an_older_time_is_asked_for,
	    numbers_that_are_not_of_this_run_show_all,
	    each_history_has_a_run_of_its_own,
	    replay_goes_on_past_lines_that_do_not_match,
	    without_memory_there_is_no_history,
	    without_random_numbers_there_is_no_history,
	    without_memory_nothing_is_stored,
	    without_memory_there_is_no_replay,
	    any_history_is_replayed_as_a_list_would_be,
	    replay_is_whole_while_lines_are_said,
	    nothing_is_missing_unless_it_is_told,
	    section_keeps_its_lines_by_its_name,
	    section_that_may_have_fewer_lines_forgets_the_oldest,
	    section_that_may_have_fewer_bytes_forgets_the_oldest,
	    section_that_is_gone_has_forgotten_all,
	    section_of_another_name_is_another_one,
	    last_values_stay_whatever_the_sections_are,
	    lines_that_are_not_matched_any_more_are_found,
	    order_of_the_sections_says_where_a_line_is_stored,
	    sections_may_be_many_more_and_fewer,
	    gap_stands_where_a_section_shrank,
	    gap_stands_where_a_section_is_gone,
	    of_the_sections_that_stay_nothing_is_missing,
	    what_is_kept_too_is_shown_where_its_section_is_gone,
	    oldest_number_is_a_later_one_where_a_section_is_empty,
	    without_memory_sections_stay_as_they_are,
	    change_that_is_abandoned_has_changed_nothing,
	    replays_are_read_while_sections_change);
}
