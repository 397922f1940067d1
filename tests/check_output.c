/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "faults.h"
#include "harness.h"
#include "output.h"

#define LIMIT 4096
#define NPATTERNS 6
#define NREFS 64

static struct output output;

/* ---- Patterns --------------------------------------------------------------------- */

/* What has ended never comes back; what follows the same pattern then is another one. */
static const char *const patterns[NPATTERNS] = { "a.>", "b.*", "c", "d", "e.e.e", "f" };
static bool is_ended[NREFS];
static unsigned times_asked;

static size_t
pattern_of(void *context, struct subscription_ref ref, char text[SUBJECT_MAX_BYTES])
{
	size_t nbytes;

	MUST(context == patterns);
	MUST(ref.slot == ref.serial % NPATTERNS && ref.serial < NREFS);
	times_asked++;
	if (is_ended[ref.serial])
		return 0;
	nbytes = strlen(patterns[ref.slot]);
	memcpy(text, patterns[ref.slot], nbytes);
	return nbytes;
}

static struct output_mark
mark_of(uint64_t seq, unsigned serial)
{
	return (struct output_mark){ .seq = seq, .ref = { serial % NPATTERNS, serial } };
}

/* ---- A source of numbered lines --------------------------------------------------- */

struct numbers {
	struct output_source source;
	unsigned next, end, at_once;
	bool says_late; /* that there is no more, by one call without a line */
	size_t nmade;   /* bytes */
};

static unsigned times_made, times_ended;
static struct numbers *newest; /* NULL: it has ended */

static bool
numbers_more(struct output_source *source, struct amy_line_writer *writer)
{
	struct numbers *numbers = (struct numbers *)source;
	char line[32];

	times_made++;
	MUST(amy_line_writer_pending(writer, NULL) == 0);
	for (unsigned i = 0; i < numbers->at_once && numbers->next < numbers->end; i++) {
		int n = snprintf(line, sizeof line, "number %u", numbers->next);

		MUST(amy_line_writer_put(writer, line, (size_t)n) == 0);
		numbers->next++;
		numbers->nmade += (size_t)n + 1;
	}
	return numbers->next < numbers->end ||
	       (numbers->says_late && amy_line_writer_pending(writer, NULL) > 0);
}

static void
numbers_end(struct output_source *source)
{
	MUST(source == &newest->source);
	newest = NULL;
	times_ended++;
	free(source);
}

static struct numbers *
make_numbers(unsigned n, unsigned at_once)
{
	struct numbers *numbers = calloc(1, sizeof *numbers);

	MUST(numbers != NULL);
	numbers->source = (struct output_source){ numbers_more, numbers_end };
	numbers->end = n;
	numbers->at_once = at_once;
	newest = numbers;
	return numbers;
}

static void
put_numbers(unsigned n, unsigned at_once)
{
	ck_assert_int_eq(output_put_source(&output, &make_numbers(n, at_once)->source), 0);
}

/* ---- Words ------------------------------------------------------------------------ */

static void
answer(const char *text)
{
	const struct amy_bytes piece = { text, strlen(text) };

	ck_assert_int_eq(output_answer(&output, &piece, 1), 0);
}

static int
try_deliver(const char *line, uint64_t seq, unsigned pattern)
{
	const struct output_mark mark = mark_of(seq, pattern);

	errno = 0;
	return output_deliver(&output, line, strlen(line), &mark);
}

static void
deliver(const char *line, uint64_t seq, unsigned pattern)
{
	ck_assert_int_eq(try_deliver(line, seq, pattern), 0);
}

/* Deliveries of 10 bytes each, without numbers, by the first pattern. */
static void
deliver_many(unsigned n)
{
	char line[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(line, sizeof line, "MSG a %03u\n", i % 1000);
		deliver(line, 0, 0);
	}
}

/* So many of them fit. */
#define NFIT (LIMIT / (10 + OUTPUT_OVERHEAD))

static size_t
drop_for(size_t nbytes)
{
	size_t ndropped;

	ck_assert_int_eq(
	    output_drop_oldest(&output, nbytes, pattern_of, (void *)patterns, &ndropped), 0);
	return ndropped;
}

/* All that can go. */
static size_t
drop_each(void)
{
	return drop_for(LIMIT);
}

static size_t
drop_all(void)
{
	size_t ndropped;

	ck_assert_int_eq(output_drop_all(&output, &ndropped), 0);
	return ndropped;
}

/* So many bytes go; how many deliveries with them. */
static size_t
send_bytes(size_t nbytes)
{
	const char *bytes;
	size_t ngone = 0;

	while (nbytes > 0) {
		size_t n = output_next(&output, &bytes);

		ck_assert_uint_gt(n, 0);
		if (n > nbytes)
			n = nbytes;
		ngone += output_consume(&output, n);
		nbytes -= n;
	}
	return ngone;
}

/* All that is left to be sent. */
static const char *
rest(void)
{
	static char text[1 << 16];
	size_t length = 0, n;
	const char *bytes;

	while ((n = output_next(&output, &bytes)) > 0) {
		ck_assert_uint_lt(length + n, sizeof text);
		memcpy(text + length, bytes, n);
		length += n;
		output_consume(&output, n);
	}
	text[length] = '\0';
	ck_assert(output_is_empty(&output));
	return text;
}

#define assert_rest(expected) ck_assert_str_eq(rest(), expected)

#define ck_assert_full(call)                                                             \
	do {                                                                             \
		errno = 0;                                                               \
		ck_assert_int_eq(call, -1);                                              \
		ck_assert_int_eq(errno, ENOBUFS);                                        \
	} while (0)

/* ---- What comes out --------------------------------------------------------------- */

START_TEST(new_output_is_empty)
{
	const char *bytes;

	output_init(&output, LIMIT);
	ck_assert(output_is_empty(&output));
	ck_assert(!output_has_source(&output));
	ck_assert_uint_eq(output_next(&output, &bytes), 0);
	ck_assert_uint_eq(output_consume(&output, 0), 0);
	ck_assert_uint_eq(output_pending(&output), 0);
	ck_assert_uint_eq(output_pending_answers(&output), 0);
	ck_assert_uint_eq(drop_each(), 0);
	ck_assert_uint_eq(drop_all(), 0);
	output_fini(&output);
}
END_TEST

START_TEST(lines_come_in_the_order_they_were_put)
{
	const struct amy_bytes pieces[] = { { "+OK", 3 }, { " ", 1 }, { "two", 3 } };

	output_init(&output, LIMIT);
	deliver("MSG a one\n", 1, 0);
	ck_assert_int_eq(output_answer(&output, pieces, 3), 0);
	put_numbers(2, 2);
	ck_assert_int_eq(output_answer_raw(&output, "thr", 3), 0);
	ck_assert_int_eq(output_answer_raw(&output, "ee\n", 3), 0);
	deliver("MSG a four\n", 2, 0);
	assert_rest("MSG a one\n+OK two\nnumber 0\nnumber 1\nthree\nMSG a four\n");
	output_fini(&output);
}
END_TEST

START_TEST(deliveries_are_counted_when_their_last_byte_has_gone)
{
	output_init(&output, LIMIT);
	deliver_many(3);
	answer("12345");
	deliver_many(2);
	ck_assert_uint_eq(send_bytes(9), 0);
	ck_assert_uint_eq(send_bytes(1), 1);
	ck_assert_uint_eq(send_bytes(20), 2);
	ck_assert_uint_eq(send_bytes(15), 0);
	ck_assert_uint_eq(send_bytes(11), 2);
	output_fini(&output);
}
END_TEST

START_TEST(what_waits_is_told_by_kind)
{
	output_init(&output, LIMIT);
	answer("12345");
	deliver_many(1);
	answer("12345");
	ck_assert_uint_eq(output_pending(&output), 22);
	ck_assert_uint_eq(output_pending_answers(&output), 12);
	send_bytes(2);
	ck_assert_uint_eq(output_pending_answers(&output), 10);
	send_bytes(7);
	ck_assert_uint_eq(output_pending(&output), 13);
	ck_assert_uint_eq(output_pending_answers(&output), 6);
	send_bytes(7);
	ck_assert_uint_eq(output_pending_answers(&output), 6);
	/* A gap is none, nor a part of it. */
	deliver_many(1);
	ck_assert_uint_eq(drop_each(), 1);
	ck_assert_uint_eq(output_pending(&output), 6 + strlen("! DROPPED 1 pat=a.>\n"));
	ck_assert_uint_eq(output_pending_answers(&output), 6);
	send_bytes(8);
	ck_assert_uint_eq(output_pending_answers(&output), 0);
	answer("");
	ck_assert_uint_eq(output_pending_answers(&output), 1);
	output_fini(&output);
}
END_TEST

START_TEST(answers_take_no_entries)
{
	output_init(&output, LIMIT);
	for (int i = 0; i < 1000; i++)
		answer("+OK");
	ck_assert_uint_eq(output.stream->capacity, 0);
	ck_assert_ptr_null(output.stream->entries);
	ck_assert_uint_eq(output_pending_answers(&output), 4000);
	output_fini(&output);
}
END_TEST

START_TEST(empty_output_holds_no_memory)
{
	long allocations = fault_live_allocations();
	const char *bytes;
	size_t n;

	output_init(&output, LIMIT);
	MUST(fault_live_allocations() == allocations);
	for (int i = 0; i < 20; i++)
		MUST(try_deliver("MSG a\n", 0, 0) == 0);
	MUST(output_answer_raw(&output, "+OK\n", 4) == 0);
	MUST(output_put_source(&output, &make_numbers(100, 10)->source) == 0);
	MUST(fault_live_allocations() > allocations);
	while ((n = output_next(&output, &bytes)) > 0)
		output_consume(&output, n);
	MUST(fault_live_allocations() == allocations);
	for (int i = 0; i < 20; i++)
		MUST(try_deliver("MSG a\n", 0, 0) == 0);
	MUST(output_drop_all(&output, &n) == 0);
	MUST(fault_live_allocations() == allocations);
	output_fini(&output);
}
END_TEST

/* ---- The limit -------------------------------------------------------------------- */

START_TEST(deliveries_are_bounded_with_what_they_take_besides)
{
	output_init(&output, LIMIT);
	deliver_many(NFIT);
	ck_assert_full(try_deliver("MSG a 000\n", 0, 0));
	ck_assert_uint_eq(output_count_deliveries(&output), NFIT);
	send_bytes(9);
	ck_assert_full(try_deliver("MSG a 000\n", 0, 0));
	send_bytes(1);
	deliver("MSG a 000\n", 0, 0);
	ck_assert_full(try_deliver("MSG a 000\n", 0, 0));
	ck_assert_uint_eq(output_pending(&output), NFIT * 10);
	output_fini(&output);
}
END_TEST

START_TEST(answers_are_not_bounded_by_it)
{
	output_init(&output, LIMIT);
	deliver_many(NFIT);
	for (int i = 0; i < 1000; i++)
		answer("+OK what was asked for");
	ck_assert_uint_eq(output_pending_answers(&output), 23000);
	output_fini(&output);
}
END_TEST

START_TEST(delivery_larger_than_the_limit_goes_in_alone)
{
	static char line[2 * LIMIT + 1];

	memset(line, 'x', sizeof line - 1);
	output_init(&output, LIMIT);
	deliver("MSG a\n", 0, 0);
	ck_assert_full(try_deliver(line, 0, 0));
	/* One of which a part has gone cannot make room, and does not count. */
	send_bytes(3);
	deliver(line, 0, 0);
	ck_assert_full(try_deliver("\n", 0, 0));
	send_bytes(output_pending(&output));
	answer("+OK");
	deliver(line, 0, 0);
	ck_assert_full(try_deliver("\n", 0, 0));
	/* It can be dropped, and another one put in its place. */
	ck_assert_uint_eq(drop_for(sizeof line - 1), 1);
	deliver(line, 0, 0);
	ck_assert_uint_eq(send_bytes(output_pending(&output)), 1);
	output_fini(&output);
}
END_TEST

START_TEST(nothing_is_larger_than_1_gib)
{
	const struct output_mark mark = mark_of(0, 0);
	const struct amy_bytes piece = { "", (size_t)1 << 30 };

	output_init(&output, (size_t)1 << 30);
	ck_assert_full(output_answer(&output, &piece, 1));
	ck_assert_full(output_answer_raw(&output, "", ((size_t)1 << 30) + 1));
	ck_assert_full(output_deliver(&output, "", ((size_t)1 << 30) + 1, &mark));
	ck_assert(output_is_empty(&output));
	ck_assert_ptr_null(output.stream);
	output_fini(&output);
}
END_TEST

/* ---- Gaps ------------------------------------------------------------------------- */

START_TEST(larger_limit_is_room_at_once)
{
	output_init(&output, LIMIT);
	deliver_many(NFIT);
	ck_assert_full(try_deliver("MSG a 000\n", 0, 0));
	output_set_limit(&output, 2 * LIMIT);
	deliver_many(2 * LIMIT / (10 + OUTPUT_OVERHEAD) - NFIT);
	ck_assert_full(try_deliver("MSG a 000\n", 0, 0));
	ck_assert_uint_eq(send_bytes(output_pending(&output)),
	                  2 * LIMIT / (10 + OUTPUT_OVERHEAD));
	output_fini(&output);
}
END_TEST

START_TEST(smaller_limit_drops_what_is_over_it_when_the_next_one_comes)
{
	size_t nstay = (LIMIT - LIMIT / 8 - 10 - OUTPUT_OVERHEAD) / (10 + OUTPUT_OVERHEAD);

	output_init(&output, 2 * LIMIT);
	deliver_many(2 * NFIT);
	output_set_limit(&output, LIMIT);
	ck_assert_uint_eq(output_count_deliveries(&output), 2 * NFIT);
	ck_assert_full(try_deliver("MSG a new\n", 0, 0));
	ck_assert_uint_eq(drop_for(10), 2 * NFIT - nstay);
	deliver("MSG a new\n", 0, 0);
	ck_assert_uint_eq(send_bytes(output_pending(&output)), nstay + 1);
	output_fini(&output);
}
END_TEST

START_TEST(smaller_limit_does_not_touch_answers)
{
	output_init(&output, 2 * LIMIT);
	answer("one");
	deliver("MSG a 1\n", 0, 0);
	answer("two");
	output_set_limit(&output, LIMIT);
	answer("three");
	deliver("MSG a 2\n", 0, 0);
	assert_rest("one\nMSG a 1\ntwo\nthree\nMSG a 2\n");
	output_fini(&output);
}
END_TEST

START_TEST(oldest_are_dropped_until_an_eighth_is_free)
{
	size_t nstay = (LIMIT - LIMIT / 8 - 20 - OUTPUT_OVERHEAD) / (10 + OUTPUT_OVERHEAD);
	size_t ndropped;
	char expected[64];

	output_init(&output, LIMIT);
	deliver_many(NFIT);
	ndropped = drop_for(20);
	ck_assert_uint_eq(ndropped, NFIT - nstay);
	ck_assert_uint_eq(output_count_deliveries(&output), nstay);
	ck_assert_uint_eq(drop_for(20), 0);
	snprintf(expected, sizeof expected, "! DROPPED %zu pat=a.>\nMSG a %03zu\n", ndropped,
	         ndropped);
	ck_assert_int_eq(strncmp(rest(), expected, strlen(expected)), 0);
	output_fini(&output);
}
END_TEST

START_TEST(where_there_is_room_nothing_is_dropped)
{
	output_init(&output, LIMIT);
	deliver("MSG a 1\n", 0, 0);
	ck_assert_uint_eq(drop_for(LIMIT / 2), 0);
	assert_rest("MSG a 1\n");
	output_fini(&output);
}
END_TEST

START_TEST(delivery_of_which_a_part_has_gone_stays)
{
	size_t ndropped;

	output_init(&output, LIMIT);
	deliver("MSG a 1\n", 1, 0);
	deliver("MSG a 2\n", 2, 0);
	send_bytes(1);
	ck_assert_uint_eq(drop_each(), 1);
	/* To drop nothing takes no memory. */
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(output_drop_oldest(&output, LIMIT, pattern_of, NULL, &ndropped) == 0);
	MUST(output_drop_all(&output, &ndropped) == 0);
	MUST(!fault_clear());
	assert_rest("SG a 1\n! DROPPED 1 pat=a.> seq=2-2\n");
	deliver("MSG a 3\n", 3, 0);
	deliver("MSG a 4\n", 4, 0);
	send_bytes(7);
	ck_assert_uint_eq(drop_all(), 1);
	assert_rest("\n");
	output_fini(&output);
}
END_TEST

/* The deliveries, as "pattern sequence-number", of which all go. */
static const struct {
	const char *deliveries;
	const char *ended;
	const char *said;
} gaps[] = {
	{ "a7", "", "! DROPPED 1 pat=a.> seq=7-7\n" },
	{ "a0", "", "! DROPPED 1 pat=a.>\n" },
	{ "a1 a2 a3", "", "! DROPPED 3 pat=a.> seq=1-3\n" },
	{ "a0 a2 a0 a3 a0", "", "! DROPPED 5 pat=a.> seq=2-3\n" },
	{ "a3 a2 a5 a4", "", "! DROPPED 4 pat=a.> seq=2-5\n" },
	{ "b1 b9", "", "! DROPPED 2 pat=b.* seq=1-9\n" },
	{ "a1 b2", "", "! DROPPED 2 pat=* seq=1-2\n" },
	{ "a0 b0 a0 c0", "", "! DROPPED 4 pat=*\n" },
	{ "a1", "a", "! DROPPED 1 seq=1-1\n" },
	{ "a0 a0", "a", "! DROPPED 2\n" },
	{ "a1 b2 a3", "ab", "! DROPPED 3 seq=1-3\n" },
	{ "a1 b2 a3", "a", "! DROPPED 3 pat=* seq=1-3\n" },
	{ "a1 b2 a3", "b", "! DROPPED 3 pat=* seq=1-3\n" },
	{ "a1 b2 c3", "ab", "! DROPPED 3 pat=* seq=1-3\n" },
	{ "c1 b2 a3", "ab", "! DROPPED 3 pat=* seq=1-3\n" },
};

static void
deliver_listed(const char *list)
{
	for (const char *p = list; *p != '\0'; p += p[2] == ' ' ? 3 : 2)
		deliver("MSG x\n", (uint64_t)(p[1] - '0'), (unsigned)(p[0] - 'a'));
}

static void
end_listed(const char *list)
{
	memset(is_ended, 0, sizeof is_ended);
	for (const char *p = list; *p != '\0'; p++)
		is_ended[*p - 'a'] = true;
}

START_TEST(gap_says_what_is_known_of_all)
{
	for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
		output_init(&output, LIMIT);
		deliver_listed(gaps[i].deliveries);
		end_listed(gaps[i].ended);
		drop_each();
		assert_rest(gaps[i].said);
		output_fini(&output);
	}
}
END_TEST

/* The same when each goes by a call of its own. */
START_TEST(gap_grows_from_call_to_call)
{
	for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
		const char *deliveries = gaps[i].deliveries;

		output_init(&output, LIMIT);
		end_listed(gaps[i].ended);
		for (size_t k = 0; k < strlen(deliveries); k += 3) {
			char one[3] = { deliveries[k], deliveries[k + 1], '\0' };

			deliver_listed(one);
			ck_assert_uint_eq(drop_each(), 1);
		}
		assert_rest(gaps[i].said);
		output_fini(&output);
	}
}
END_TEST

START_TEST(gap_of_a_pattern_that_ended_since_is_said_again_without_it)
{
	output_init(&output, LIMIT);
	deliver_listed("a1");
	drop_each();
	end_listed("a");
	deliver_listed("a2");
	drop_each();
	assert_rest("! DROPPED 2 seq=1-2\n");

	end_listed("");
	deliver_listed("a1");
	drop_each();
	end_listed("a");
	deliver_listed("b2");
	drop_each();
	assert_rest("! DROPPED 2 pat=* seq=1-2\n");
	output_fini(&output);
}
END_TEST

START_TEST(gap_of_which_a_part_has_gone_grows_no_more)
{
	output_init(&output, LIMIT);
	deliver_listed("a1");
	drop_each();
	send_bytes(2);
	deliver_listed("a2");
	drop_each();
	deliver_listed("a3");
	drop_each();
	assert_rest("DROPPED 1 pat=a.> seq=1-1\n! DROPPED 2 pat=a.> seq=2-3\n");
	output_fini(&output);
}
END_TEST

START_TEST(answers_between_deliveries_part_the_gaps)
{
	output_init(&output, LIMIT);
	deliver_listed("a1 a2");
	answer("one");
	deliver_listed("b3");
	answer("two");
	answer("three");
	ck_assert_uint_eq(drop_each(), 3);
	deliver_listed("b4");
	ck_assert_uint_eq(drop_each(), 1);
	assert_rest("! DROPPED 2 pat=a.> seq=1-2\none\n! DROPPED 1 pat=b.* seq=3-3\ntwo\nthree\n"
	            "! DROPPED 1 pat=b.* seq=4-4\n");
	output_fini(&output);
}
END_TEST

START_TEST(longest_gap_is_said_in_full)
{
	const uint64_t last = UINT64_MAX;

	output_init(&output, LIMIT);
	deliver("MSG e\n", last - 1, 4);
	deliver("MSG e\n", last, 4);
	drop_each();
	assert_rest("! DROPPED 2 pat=e.e.e seq=18446744073709551614-18446744073709551615\n");
	output_fini(&output);
}
END_TEST

static size_t
longest_pattern(void *context, struct subscription_ref ref, char text[SUBJECT_MAX_BYTES])
{
	(void)context;
	(void)ref;
	memset(text, 'p', SUBJECT_MAX_BYTES);
	return SUBJECT_MAX_BYTES;
}

START_TEST(pattern_may_be_of_any_length)
{
	char expected[512], pattern[SUBJECT_MAX_BYTES + 1] = "";
	size_t ndropped;

	output_init(&output, LIMIT);
	deliver("MSG e\n", UINT64_MAX, 4);
	ck_assert_int_eq(output_drop_oldest(&output, LIMIT, longest_pattern, NULL, &ndropped), 0);
	memset(pattern, 'p', SUBJECT_MAX_BYTES);
	snprintf(expected, sizeof expected,
	         "! DROPPED 1 pat=%s seq=18446744073709551615-18446744073709551615\n", pattern);
	assert_rest(expected);
	output_fini(&output);
}
END_TEST

START_TEST(pattern_is_asked_for_only_where_it_is_needed)
{
	static const struct {
		const char *deliveries;
		const char *ended;
		unsigned asked;
	} cases[] = {
		{ "a1 a2 a3 a4", "", 1 }, { "a1 b2 a3 c4", "", 1 }, { "a1 a2 a3", "a", 1 },
		{ "a1 b2 c3 d4", "a", 2 }, { "a1 a2 b3 b4", "ab", 2 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		output_init(&output, LIMIT);
		deliver_listed(cases[i].deliveries);
		end_listed(cases[i].ended);
		times_asked = 0;
		drop_each();
		ck_assert_uint_eq(times_asked, cases[i].asked);
		output_fini(&output);
	}
	/* Nor once for each of two gaps that have the same. */
	output_init(&output, LIMIT);
	end_listed("");
	deliver_listed("a1");
	answer("one");
	deliver_listed("a2");
	times_asked = 0;
	drop_each();
	ck_assert_uint_eq(times_asked, 1);
	output_fini(&output);
}
END_TEST

/* A client that is slow all the time: nothing is allocated for it, nor moved to and fro. */
START_TEST(room_is_made_in_place_again_and_again)
{
	size_t total = 0, n;
	char expected[64];
	const char *bytes;

	output_init(&output, 16 * LIMIT);
	for (unsigned i = 0; i < 9999; i++) {
		char line[16];

		snprintf(line, sizeof line, "MSG a %04u\n", i);
		if (try_deliver(line, i + 1, 0) == 0)
			continue;
		MUST(errno == ENOBUFS);
		fault_set(FAULT_ALLOCATION, 1, ENOMEM);
		MUST(output_drop_oldest(&output, strlen(line), pattern_of, (void *)patterns,
		                        &n) == 0);
		MUST(!fault_clear());
		MUST(n > 0);
		total += n;
		deliver(line, i + 1, 0);
	}
	n = output_next(&output, &bytes);
	snprintf(expected, sizeof expected, "! DROPPED %zu pat=%s seq=1-%zu\nMSG a %04zu\n", total,
	         patterns[0], total, total);
	MUST(n > strlen(expected) && memcmp(bytes, expected, strlen(expected)) == 0);
	MUST(output_count_deliveries(&output) == 9999 - total);
	output_fini(&output);
}
END_TEST

START_TEST(without_pattern_of_nothing_is_said)
{
	size_t ndropped;

	output_init(&output, LIMIT);
	deliver_listed("a1 a2");
	answer("one");
	deliver_listed("a3");
	ck_assert_int_eq(output_drop_oldest(&output, LIMIT, NULL, NULL, &ndropped), 0);
	ck_assert_uint_eq(ndropped, 3);
	deliver("MSG a 4\n", 4, 0);
	assert_rest("one\nMSG a 4\n");
	ck_assert_ptr_null(output.stream);
	output_fini(&output);
}
END_TEST

START_TEST(all_are_dropped_without_a_word)
{
	output_init(&output, LIMIT);
	deliver_listed("a1 a2");
	drop_each();
	deliver_listed("a3 a4");
	answer("one");
	deliver_listed("a5");
	ck_assert_uint_eq(drop_all(), 3);
	ck_assert_uint_eq(output_count_deliveries(&output), 0);
	answer("! BYE");
	assert_rest("! DROPPED 2 pat=a.> seq=1-2\none\n! BYE\n");
	output_fini(&output);
}
END_TEST

/* ---- Sources ---------------------------------------------------------------------- */

START_TEST(source_is_asked_when_it_is_its_turn)
{
	const char *bytes;

	output_init(&output, LIMIT);
	answer("one");
	put_numbers(5, 2);
	answer("two");
	ck_assert(output_has_source(&output));
	ck_assert_uint_eq(output_next(&output, &bytes), 4);
	ck_assert_uint_eq(output_pending(&output), 8);
	send_bytes(4);
	ck_assert_uint_eq(times_made, 0);
	ck_assert_uint_eq(output_next(&output, &bytes), 18);
	ck_assert_uint_eq(times_made, 1);
	ck_assert_uint_eq(output_pending(&output), 22);
	ck_assert_uint_eq(output_pending_answers(&output), 4);
	send_bytes(3);
	ck_assert_uint_eq(output_next(&output, &bytes), 15);
	ck_assert_uint_eq(times_made, 1);
	ck_assert_uint_eq(output_pending(&output), 19);
	assert_rest("ber 0\nnumber 1\nnumber 2\nnumber 3\nnumber 4\ntwo\n");
	ck_assert_uint_eq(times_made, 3);
	output_fini(&output);
}
END_TEST

START_TEST(source_ends_once_and_with_its_last_byte)
{
	output_init(&output, LIMIT);
	put_numbers(1, 1);
	send_bytes(8);
	ck_assert_uint_eq(times_made, 1);
	ck_assert_uint_eq(times_ended, 0);
	ck_assert(output_has_source(&output));
	ck_assert(!output_is_empty(&output));
	send_bytes(1);
	ck_assert_uint_eq(times_ended, 1);
	ck_assert(!output_has_source(&output));
	ck_assert(output_is_empty(&output));
	put_numbers(1, 1);
	assert_rest("number 0\n");
	output_fini(&output);
	ck_assert_uint_eq(times_ended, 2);
}
END_TEST

START_TEST(source_that_has_nothing_ends_when_it_is_asked)
{
	struct numbers *numbers;

	output_init(&output, LIMIT);
	put_numbers(0, 1);
	answer("one");
	ck_assert(!output_is_empty(&output));
	assert_rest("one\n");
	ck_assert_uint_eq(times_ended, 1);
	/* Also if it says so only after its last lines. */
	numbers = make_numbers(2, 1);
	numbers->says_late = true;
	ck_assert_int_eq(output_put_source(&output, &numbers->source), 0);
	send_bytes(18);
	ck_assert(output_has_source(&output));
	ck_assert(!output_is_empty(&output));
	assert_rest("");
	ck_assert_uint_eq(times_made, 4);
	ck_assert_uint_eq(times_ended, 2);
	output_fini(&output);
}
END_TEST

START_TEST(source_ends_with_the_output)
{
	output_init(&output, LIMIT);
	put_numbers(2, 1);
	output_fini(&output);
	ck_assert_uint_eq(times_ended, 1);
	ck_assert_uint_eq(times_made, 0);
	put_numbers(2, 1);
	send_bytes(1);
	output_fini(&output);
	ck_assert_uint_eq(times_ended, 2);
	ck_assert(output_is_empty(&output));
}
END_TEST

START_TEST(deliveries_are_dropped_on_both_sides_of_a_source)
{
	output_init(&output, LIMIT);
	deliver_listed("a1 a2");
	put_numbers(2, 1);
	deliver_listed("a3");
	ck_assert_uint_eq(drop_each(), 3);
	deliver_listed("a4");
	ck_assert_uint_eq(drop_each(), 1);
	assert_rest("! DROPPED 2 pat=a.> seq=1-2\nnumber 0\nnumber 1\n"
	            "! DROPPED 2 pat=a.> seq=3-4\n");
	output_fini(&output);
}
END_TEST

START_TEST(dropping_does_not_disturb_a_source_that_has_begun)
{
	output_init(&output, LIMIT);
	put_numbers(3, 2);
	deliver_listed("a1");
	send_bytes(4);
	deliver_listed("a2");
	ck_assert_uint_eq(drop_each(), 2);
	assert_rest("er 0\nnumber 1\nnumber 2\n! DROPPED 2 pat=a.> seq=1-2\n");
	output_fini(&output);
}
END_TEST

START_TEST(source_is_dropped_with_all_but_the_rest_of_a_line)
{
	output_init(&output, LIMIT);
	deliver_listed("a1");
	put_numbers(3, 2);
	answer("one");
	ck_assert_uint_eq(drop_all(), 1);
	ck_assert_uint_eq(times_ended, 1);
	assert_rest("one\n");

	put_numbers(3, 2);
	send_bytes(9);
	answer("two");
	ck_assert_uint_eq(drop_all(), 0);
	ck_assert_uint_eq(times_ended, 2);
	assert_rest("two\n");

	put_numbers(3, 2);
	send_bytes(1);
	deliver_listed("a1");
	answer("three");
	ck_assert_uint_eq(drop_all(), 1);
	ck_assert_uint_eq(times_ended, 3);
	ck_assert_uint_eq(output_pending_answers(&output), 14);
	put_numbers(3, 2);
	ck_assert_uint_eq(drop_all(), 0);
	ck_assert_uint_eq(times_ended, 4);
	assert_rest("umber 0\nthree\n");
	output_fini(&output);
}
END_TEST

/* ---- Any operations: the output against a list of lines --------------------------- */

enum kind { ANSWER, DELIVERY, GAP, SOURCE };

struct item {
	TAILQ_ENTRY(item) link;
	enum kind kind;
	size_t nbytes, gone;
	uint64_t count, first_seq, last_seq;
	uint64_t refs; /* bits: what it came by */
	bool is_several;
	char bytes[600];
};

static TAILQ_HEAD(item_list, item) model;

static struct item *
item_new(enum kind kind, const char *bytes, size_t nbytes)
{
	struct item *item = calloc(1, sizeof *item);

	MUST(item != NULL && nbytes <= sizeof item->bytes);
	item->kind = kind;
	item->nbytes = nbytes;
	memcpy(item->bytes, bytes, nbytes);
	TAILQ_INSERT_TAIL(&model, item, link);
	return item;
}

static void
item_free(struct item *item)
{
	TAILQ_REMOVE(&model, item, link);
	free(item);
}

static size_t
model_charge(void)
{
	size_t total = 0;
	struct item *item;

	TAILQ_FOREACH(item, &model, link)
		if (item->kind == DELIVERY)
			total += item->nbytes + OUTPUT_OVERHEAD;
	return total;
}

static void
model_render(struct item *gap)
{
	bool any_is_known = false;
	size_t n = 0;

	for (unsigned i = 0; i < NREFS; i++)
		if (gap->refs >> i & 1 && !is_ended[i])
			any_is_known = true;
	if ((gap->refs & (gap->refs - 1)) != 0 && any_is_known)
		gap->is_several = true;
	n += (size_t)sprintf(gap->bytes, "! DROPPED %u", (unsigned)gap->count);
	if (gap->is_several)
		n += (size_t)sprintf(gap->bytes + n, " pat=*");
	else if (any_is_known)
		n += (size_t)sprintf(gap->bytes + n, " pat=%s",
		                     patterns[__builtin_ctzll(gap->refs) % NPATTERNS]);
	if (gap->first_seq != 0)
		n += (size_t)sprintf(gap->bytes + n, " seq=%u-%u", (unsigned)gap->first_seq,
		                     (unsigned)gap->last_seq);
	n += (size_t)sprintf(gap->bytes + n, "\n");
	gap->nbytes = n;
}

/* It becomes a gap, or a part of the one before. */
static void
model_drop_one(struct item *item)
{
	struct item *before = TAILQ_PREV(item, item_list, link);

	if (before == NULL || before->kind != GAP || before->gone > 0) {
		item->kind = GAP;
		model_render(item);
		return;
	}
	before->count += item->count;
	before->refs |= item->refs;
	if (before->first_seq == 0 ||
	    (item->first_seq > 0 && item->first_seq < before->first_seq))
		before->first_seq = item->first_seq;
	if (item->last_seq > before->last_seq)
		before->last_seq = item->last_seq;
	item_free(item);
	model_render(before);
}

static size_t
model_drop(size_t room, bool says_so)
{
	struct item *item, *next;
	size_t n = 0;

	for (item = TAILQ_FIRST(&model); item != NULL; item = next) {
		next = TAILQ_NEXT(item, link);
		if (item->kind != DELIVERY || item->gone > 0 ||
		    model_charge() + room <= output.limit)
			continue;
		n++;
		if (says_so)
			model_drop_one(item);
		else
			item_free(item);
	}
	return n;
}

static struct item *
model_find_source(void)
{
	struct item *item;

	TAILQ_FOREACH(item, &model, link)
		if (item->kind == SOURCE)
			break;
	return item;
}

/* The rest of a line that has begun is an answer; all else of it is gone. */
static void
model_drop_source(void)
{
	struct item *item = model_find_source();
	size_t end;

	if (item == NULL)
		return;
	for (end = item->gone; end > 0 && item->bytes[end - 1] != '\n'; end++)
		continue;
	item->kind = ANSWER;
	item->nbytes = end;
	if (item->gone == end)
		item_free(item);
}

/* A source that has ended had been sent to its end. */
static void
model_end_source(void)
{
	struct item *item = model_find_source();

	if (item == NULL || newest != NULL)
		return;
	MUST(item == TAILQ_FIRST(&model) && item->gone == item->nbytes);
	item_free(item);
}

static size_t
model_consume(size_t nbytes)
{
	size_t ngone = 0;

	while (nbytes > 0) {
		struct item *item = TAILQ_FIRST(&model);
		size_t left = item->nbytes - item->gone;
		size_t n = nbytes < left ? nbytes : left;

		item->gone += n;
		nbytes -= n;
		if (n < left)
			break;
		ngone += item->kind == DELIVERY ? 1 : 0;
		if (item->kind != SOURCE)
			item_free(item);
		else
			MUST(nbytes == 0);
	}
	return ngone;
}

static void
must_be_next(const char *bytes, size_t nbytes)
{
	struct item *item;

	TAILQ_FOREACH(item, &model, link) {
		size_t left = item->nbytes - item->gone;
		size_t n = nbytes < left ? nbytes : left;

		MUST(memcmp(bytes, item->bytes + item->gone, n) == 0);
		bytes += n;
		nbytes -= n;
		if (nbytes == 0)
			return;
	}
	MUST(nbytes == 0);
}

/* What the output counts, and the bytes in the writer, are those of the list. */
static void
must_agree(void)
{
	static const struct output_stream none;
	const struct output_stream *stream = output.stream != NULL ? output.stream : &none;
	size_t left[4] = { 0 }, all[4] = { 0 }, n[4] = { 0 }, pending, made = 0;
	struct item *item;
	const char *bytes;

	pending = amy_line_writer_pending(&stream->writer, &bytes);
	TAILQ_FOREACH(item, &model, link) {
		size_t nleft = item->nbytes - item->gone;

		n[item->kind]++;
		all[item->kind] += item->nbytes;
		left[item->kind] += nleft;
		if (item->kind == SOURCE) {
			made = newest->nmade - item->gone;
			continue;
		}
		MUST(nleft <= pending && memcmp(bytes, item->bytes + item->gone, nleft) == 0);
		bytes += nleft;
		pending -= nleft;
	}
	MUST(pending == 0);
	MUST(output_pending(&output) == left[ANSWER] + left[DELIVERY] + left[GAP] + made);
	MUST(output_pending_answers(&output) == left[ANSWER]);
	MUST(output_count_deliveries(&output) == n[DELIVERY]);
	MUST(stream->delivery_bytes == all[DELIVERY] + n[DELIVERY] * OUTPUT_OVERHEAD);
	MUST(stream->gap_bytes == all[GAP]);
	MUST(stream->n == n[DELIVERY] + n[GAP] + n[SOURCE]);
	MUST((stream->entries != NULL) == (stream->n > 0));
	MUST(output_has_source(&output) == (n[SOURCE] > 0));
	MUST(output_is_empty(&output) == TAILQ_EMPTY(&model));
}

/* If memory was short, nothing has changed. */
static bool
was_out_of_memory(int result)
{
	int error = errno;

	if (!fault_clear())
		return false;
	MUST(result == -1 && error == ENOMEM);
	return true;
}

static void
run_short_of_memory(uint64_t *random)
{
	if (random_below(random, 4) == 0)
		fault_set(FAULT_ALLOCATION, 1 + random_below(random, 4), ENOMEM);
}

static size_t
random_line(uint64_t *random, char line[600])
{
	size_t nbytes = 1 + random_below(random, 1 + random_below(random, 500));

	for (size_t i = 0; i < nbytes; i++)
		line[i] = (char)('a' + random_below(random, 26));
	line[nbytes - 1] = '\n';
	return nbytes;
}

static void
answer_something(uint64_t *random)
{
	char line[600];
	size_t nbytes = random_line(random, line);
	struct amy_bytes pieces[] = { { line, nbytes / 2 },
		                     { line + nbytes / 2, nbytes - 1 - nbytes / 2 } };
	bool is_raw = random_below(random, 2) == 0;
	int rc;

	if (is_raw)
		line[nbytes - 1] = '-';
	run_short_of_memory(random);
	rc = is_raw ? output_answer_raw(&output, line, nbytes)
	            : output_answer(&output, pieces, 2);
	if (was_out_of_memory(rc))
		return;
	MUST(rc == 0);
	item_new(ANSWER, line, nbytes);
}

static void
drop_something(uint64_t *random, size_t nbytes)
{
	bool says_so = random_below(random, 8) > 0;
	size_t ndropped;
	int rc;

	run_short_of_memory(random);
	rc = output_drop_oldest(&output, nbytes, says_so ? pattern_of : NULL,
	                        (void *)patterns, &ndropped);
	if (was_out_of_memory(rc))
		return;
	MUST(rc == 0);
	MUST(ndropped == model_drop(nbytes + OUTPUT_OVERHEAD + output.limit / 8, says_so));
}

/* The oldest subscription; there are some more. */
static unsigned first_serial;

static void
end_subscription(uint64_t *random)
{
	if (first_serial + 6 < NREFS && random_below(random, 2) == 0)
		is_ended[first_serial++] = true;
}

static void
deliver_something(uint64_t *random)
{
	static uint64_t last_seq;
	char line[600];
	size_t nbytes = random_line(random, line), charge = model_charge();
	unsigned serial = first_serial + random_below(random, 1 + random_below(random, 6));
	struct output_mark mark =
	    mark_of(random_below(random, 3) > 0 ? ++last_seq : 0, serial);
	struct item *item;
	int rc;

	run_short_of_memory(random);
	rc = output_deliver(&output, line, nbytes, &mark);
	if (was_out_of_memory(rc))
		return;
	if (charge > 0 && charge + nbytes + OUTPUT_OVERHEAD > output.limit) {
		MUST(rc == -1 && errno == ENOBUFS);
		if (random_below(random, 3) > 0)
			drop_something(random, nbytes);
		return;
	}
	MUST(rc == 0);
	item = item_new(DELIVERY, line, nbytes);
	item->count = 1;
	item->first_seq = item->last_seq = mark.seq;
	item->refs = (uint64_t)1 << serial;
}

static void
put_some_source(uint64_t *random)
{
	struct numbers *numbers;
	char bytes[600];
	size_t nbytes = 0;
	int rc;

	if (output_has_source(&output))
		return;
	numbers = make_numbers(random_below(random, 40), 1 + random_below(random, 10));
	numbers->says_late = random_below(random, 2) == 0;
	for (unsigned i = 0; i < numbers->end; i++)
		nbytes += (size_t)sprintf(bytes + nbytes, "number %u\n", i);
	run_short_of_memory(random);
	rc = output_put_source(&output, &numbers->source);
	if (was_out_of_memory(rc)) {
		numbers_end(&numbers->source);
		return;
	}
	MUST(rc == 0);
	item_new(SOURCE, bytes, nbytes);
}

static void
send_something(uint64_t *random)
{
	const char *bytes;
	size_t nbytes = output_next(&output, &bytes);

	model_end_source();
	MUST((nbytes == 0) == TAILQ_EMPTY(&model));
	must_be_next(bytes, nbytes);
	if (random_below(random, 3) > 0)
		nbytes = random_below(random, (uint32_t)nbytes + 1);
	MUST(output_consume(&output, nbytes) == model_consume(nbytes));
	model_end_source();
}

static void
drop_everything(uint64_t *random)
{
	size_t ndropped;
	int rc;

	run_short_of_memory(random);
	rc = output_drop_all(&output, &ndropped);
	if (was_out_of_memory(rc))
		return;
	MUST(rc == 0 && newest == NULL);
	MUST(ndropped == model_drop(output.limit + 1, false));
	model_drop_source();
}

static void
do_something(uint64_t *random, uint32_t send_rate)
{
	uint32_t die = random_below(random, 100);

	if (die < send_rate)
		send_something(random);
	else if (die < 75)
		deliver_something(random);
	else if (die < 85)
		answer_something(random);
	else if (die < 90)
		put_some_source(random);
	else if (die < 95)
		drop_something(random, random_below(random, 3000));
	else if (die < 96)
		drop_everything(random);
	else
		end_subscription(random);
}

START_TEST(any_operations_are_those_of_a_list_of_lines)
{
	for (uint64_t seed = 1; seed <= 150; seed++) {
		long allocations = fault_live_allocations();
		uint64_t random = seed;
		uint32_t send_rate = random_below(&random, 40);

		TAILQ_INIT(&model);
		memset(is_ended, 0, sizeof is_ended);
		first_serial = 0;
		output_init(&output, LIMIT + random_below(&random, 20000));
		for (int i = 0; i < 500; i++) {
			do_something(&random, send_rate);
			must_agree();
		}
		while (seed % 4 != 0 && !output_is_empty(&output)) {
			send_something(&random);
			must_agree();
		}
		output_fini(&output);
		MUST(newest == NULL);
		while (!TAILQ_EMPTY(&model))
			item_free(TAILQ_FIRST(&model));
		MUST(fault_live_allocations() == allocations);
	}
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

static const char long_line[1000];

static int
do_answer(void)
{
	const struct amy_bytes piece = { long_line, sizeof long_line - 1 };

	return output_answer(&output, &piece, 1);
}

static int
do_answer_raw(void)
{
	return output_answer_raw(&output, long_line, sizeof long_line);
}

static int
do_deliver(void)
{
	const struct output_mark mark = mark_of(1, 0);

	return output_deliver(&output, long_line, sizeof long_line, &mark);
}

static bool
nothing_more(struct output_source *source, struct amy_line_writer *writer)
{
	(void)source;
	(void)writer;
	return false;
}

static void
nothing_ends(struct output_source *source)
{
	(void)source;
}

static int
do_put_source(void)
{
	static struct output_source nothing = { nothing_more, nothing_ends };

	return output_put_source(&output, &nothing);
}

static int
do_drop_oldest(void)
{
	size_t ndropped;

	return output_drop_oldest(&output, LIMIT, pattern_of, (void *)patterns, &ndropped);
}

static int
do_drop_all(void)
{
	size_t ndropped;

	return output_drop_all(&output, &ndropped);
}

static void
make_empty(void)
{
	output_init(&output, LIMIT);
}

static void
make_deliveries(void)
{
	output_init(&output, LIMIT);
	deliver_listed("a1 a2");
}

/* Of 8 entries: there is no room for a ninth. */
static void
make_full(void)
{
	output_init(&output, LIMIT);
	deliver_listed("a1 a2");
	answer("one");
	deliver_listed("b3");
	drop_each();
	for (int i = 0; i < 4; i++) {
		deliver_listed("b4");
		answer("two");
	}
	deliver_listed("b5 b6");
	send_bytes(3);
	ck_assert_uint_eq(output.stream->n, 8);
	ck_assert_uint_eq(output.stream->capacity, 8);
}

/* And a source of which a part has gone. */
static void
make_with_source(void)
{
	output_init(&output, LIMIT);
	put_numbers(20, 10);
	deliver_listed("a1");
	answer("one");
	send_bytes(3);
}

/*
 * Each allocation in turn fails, and what comes out is what would have come without it.
 * Returns how many there are.
 */
static unsigned
fail_each(int (*do_it)(void), void (*make)(void))
{
	char expected[1024];
	unsigned n;
	int rc;

	make();
	ck_assert_uint_lt(strlen(rest()), sizeof expected);
	make();
	strcpy(expected, rest());
	for (n = 0;; n++) {
		make();
		fault_set(FAULT_ALLOCATION, n + 1, ENOMEM);
		errno = 0;
		rc = do_it();
		if (!was_out_of_memory(rc))
			break;
		assert_rest(expected);
		ck_assert_ptr_null(output.stream);
		output_fini(&output);
	}
	ck_assert_int_eq(rc, 0);
	output_fini(&output);
	return n;
}

START_TEST(without_memory_nothing_changes)
{
	ck_assert_uint_eq(fail_each(do_answer, make_empty), 2);
	ck_assert_uint_eq(fail_each(do_answer_raw, make_empty), 2);
	ck_assert_uint_eq(fail_each(do_deliver, make_empty), 3);
	ck_assert_uint_eq(fail_each(do_put_source, make_empty), 2);
	ck_assert_uint_eq(fail_each(do_answer, make_full), 1);
	ck_assert_uint_eq(fail_each(do_answer_raw, make_full), 1);
	ck_assert_uint_eq(fail_each(do_deliver, make_full), 2);
	ck_assert_uint_eq(fail_each(do_put_source, make_full), 1);
	ck_assert_uint_eq(fail_each(do_drop_oldest, make_deliveries), 2);
	ck_assert_uint_ge(fail_each(do_drop_oldest, make_full), 3);
	ck_assert_uint_ge(fail_each(do_drop_all, make_full), 2);
	ck_assert_uint_eq(fail_each(do_drop_all, make_with_source), 2);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("output",
	    new_output_is_empty,
	    lines_come_in_the_order_they_were_put,
	    deliveries_are_counted_when_their_last_byte_has_gone,
	    what_waits_is_told_by_kind,
	    answers_take_no_entries,
	    empty_output_holds_no_memory,
	    deliveries_are_bounded_with_what_they_take_besides,
	    answers_are_not_bounded_by_it,
	    delivery_larger_than_the_limit_goes_in_alone,
	    nothing_is_larger_than_1_gib,
	    larger_limit_is_room_at_once,
	    smaller_limit_drops_what_is_over_it_when_the_next_one_comes,
	    smaller_limit_does_not_touch_answers,
	    oldest_are_dropped_until_an_eighth_is_free,
	    where_there_is_room_nothing_is_dropped,
	    delivery_of_which_a_part_has_gone_stays,
	    gap_says_what_is_known_of_all,
	    gap_grows_from_call_to_call,
	    gap_of_a_pattern_that_ended_since_is_said_again_without_it,
	    gap_of_which_a_part_has_gone_grows_no_more,
	    answers_between_deliveries_part_the_gaps,
	    longest_gap_is_said_in_full,
	    pattern_may_be_of_any_length,
	    pattern_is_asked_for_only_where_it_is_needed,
	    room_is_made_in_place_again_and_again,
	    without_pattern_of_nothing_is_said,
	    all_are_dropped_without_a_word,
	    source_is_asked_when_it_is_its_turn,
	    source_ends_once_and_with_its_last_byte,
	    source_that_has_nothing_ends_when_it_is_asked,
	    source_ends_with_the_output,
	    deliveries_are_dropped_on_both_sides_of_a_source,
	    dropping_does_not_disturb_a_source_that_has_begun,
	    source_is_dropped_with_all_but_the_rest_of_a_line,
	    any_operations_are_those_of_a_list_of_lines,
	    without_memory_nothing_changes);
}
