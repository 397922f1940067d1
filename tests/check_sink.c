/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "monotonic.h"
#include "sink.h"

static int64_t now_ms = 1000000;

int64_t
monotonic_now_ms(void)
{
	return now_ms;
}

static struct conf_target target = {
	.kind = CONF_TARGET_FILE,
	.text = (char[]){ "file:/var/log/all" },
	.name = "/var/log/all",
};
static struct conf_rule rule = { .name = (char[]){ "archive" }, .queue = 1 << 20 };
static struct sink *the_sink;
static atomic_uint nwakes;

static void
count_wake(struct sink *sink)
{
	struct sink_usage usage;

	MUST(sink_context(sink) == &nwakes);
	/* Nothing is locked: this would wait for ever. */
	sink_usage(sink, &usage);
	atomic_fetch_add(&nwakes, 1);
}

static void
make_sink(void)
{
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	the_sink = sink_create(&rule, &target, count_wake, &nwakes);
	MUST(the_sink != NULL);
}

static struct publication *
make_line(const char *bytes, size_t nbytes)
{
	struct publication line = { .subject = { "log.a", 5 }, .from = { "-", 1 } };
	struct publication *copy;

	line.text = (struct amy_bytes){ bytes, nbytes };
	copy = publication_copy(&line);
	MUST(copy != NULL);
	return copy;
}

static uint64_t
put(const char *text)
{
	struct publication *line = make_line(text, strlen(text));
	uint64_t ndropped = sink_put(the_sink, line);

	publication_unref(line);
	return ndropped;
}

static void
put_numbered(unsigned from, unsigned to)
{
	char text[16];

	for (unsigned i = from; i < to; i++) {
		snprintf(text, sizeof text, "line %06u", i);
		MUST(put(text) == 0);
	}
}

/* The next line is this one; it counts as written. */
static void
take(const char *text)
{
	struct publication *line = sink_take(the_sink);

	MUST(line != NULL);
	MUST(line->text.nbytes == strlen(text));
	MUST(memcmp(line->text.bytes, text, line->text.nbytes) == 0);
	publication_unref(line);
	sink_wrote(the_sink, 1);
}

static struct sink_usage
usage(void)
{
	struct sink_usage now;

	sink_usage(the_sink, &now);
	MUST(now.nput == now.nwritten + now.nunsure + now.ndropped + now.nqueued);
	return now;
}

/* What one short line takes of the queue. */
static size_t
cost_of_a_line(void)
{
	size_t nbytes;

	make_sink();
	MUST(put("0") == 0);
	nbytes = usage().nbytes;
	sink_destroy(the_sink);
	return nbytes;
}

/* ---- The queue -------------------------------------------------------------------- */

START_TEST(lines_are_taken_in_the_order_they_were_put)
{
	make_sink();
	ck_assert_ptr_eq(sink_rule(the_sink), &rule);
	ck_assert_ptr_eq(sink_target(the_sink), &target);
	ck_assert_uint_eq(put("one"), 0);
	ck_assert_uint_eq(put(""), 0);
	take("one");
	ck_assert_uint_eq(put("three"), 0);
	take("");
	take("three");
	ck_assert_ptr_null(sink_take(the_sink));
	sink_destroy(the_sink);
}
END_TEST

START_TEST(sink_holds_a_reference_to_its_lines)
{
	struct publication *line = make_line("x", 1);

	make_sink();
	sink_put(the_sink, line);
	sink_put(the_sink, line);
	ck_assert_uint_eq(atomic_load(&line->references), 3);
	MUST(sink_take(the_sink) == line);
	ck_assert_uint_eq(atomic_load(&line->references), 3);
	publication_unref(line);
	sink_destroy(the_sink);
	ck_assert_uint_eq(atomic_load(&line->references), 1);
	publication_unref(line);
}
END_TEST

START_TEST(past_the_queue_the_oldest_lines_go)
{
	rule.queue = 3 * cost_of_a_line();
	make_sink();
	for (char *text = (char[]){ "a" }; *text <= 'c'; ++*text)
		ck_assert_uint_eq(put(text), 0);
	ck_assert_uint_eq(usage().nbytes, rule.queue);
	ck_assert_uint_eq(put("d"), 1);
	ck_assert_uint_eq(put("ee"), 2);
	ck_assert_uint_eq(usage().ndropped, 3);
	take("d");
	take("ee");
	ck_assert_ptr_null(sink_take(the_sink));
	sink_destroy(the_sink);
}
END_TEST

START_TEST(line_larger_than_the_queue_waits_alone)
{
	rule.queue = 3 * cost_of_a_line();
	char large[1000];

	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	make_sink();
	ck_assert_uint_eq(put(large), 0);
	take(large);
	put("a");
	put("b");
	ck_assert_uint_eq(put(large), 2);
	ck_assert_uint_eq(usage().nqueued, 1);
	ck_assert_uint_eq(put("c"), 1);
	take("c");
	sink_destroy(the_sink);
}
END_TEST

START_TEST(another_limit_counts_from_the_next_line_on)
{
	size_t cost = cost_of_a_line();

	rule.queue = 3 * cost;
	make_sink();
	for (char *text = (char[]){ "a" }; *text <= 'c'; ++*text)
		ck_assert_uint_eq(put(text), 0);
	sink_set_limit(the_sink, 5 * cost);
	ck_assert_uint_eq(put("d"), 0);
	ck_assert_uint_eq(put("e"), 0);
	ck_assert_uint_eq(put("f"), 1);
	/* The rule says otherwise, and is not asked any more. */
	ck_assert_uint_eq(rule.queue, 3 * cost);
	sink_set_limit(the_sink, 2 * cost);
	ck_assert_uint_eq(usage().nqueued, 5);
	ck_assert_uint_eq(put("g"), 4);
	ck_assert_uint_eq(usage().nbytes, 2 * cost);
	take("f");
	take("g");
	ck_assert_ptr_null(sink_take(the_sink));
	sink_destroy(the_sink);
}
END_TEST

START_TEST(limit_of_less_than_a_line_leaves_the_newest)
{
	make_sink();
	put("a");
	put("b");
	sink_set_limit(the_sink, 1);
	ck_assert_uint_eq(usage().nqueued, 2);
	ck_assert_uint_eq(put("c"), 2);
	ck_assert_uint_eq(put("d"), 1);
	take("d");
	sink_destroy(the_sink);
}
END_TEST

/* Its rule is the configuration's, which may be another one's in the meantime. */
START_TEST(sink_holds_a_reference_to_its_configuration)
{
	struct conf *conf = calloc(1, sizeof *conf);
	struct conf_rule other = rule;
	struct sink *sink;

	MUST(conf != NULL);
	atomic_init(&conf->nreferences, 1);
	other.conf = conf;
	sink = sink_create(&other, &target, count_wake, &nwakes);
	MUST(sink != NULL);
	ck_assert_uint_eq(atomic_load(&conf->nreferences), 2);
	sink_destroy(sink);
	ck_assert_uint_eq(atomic_load(&conf->nreferences), 1);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(sink_create(&other, &target, count_wake, &nwakes) == NULL);
	MUST(fault_clear());
	ck_assert_uint_eq(atomic_load(&conf->nreferences), 1);
	conf_unref(conf);
}
END_TEST

START_TEST(sink_may_be_the_last_that_knows_its_configuration)
{
	long allocations = fault_live_allocations();
	struct conf *conf = calloc(1, sizeof *conf);
	struct publication *line;
	struct sink *sink;

	MUST(conf != NULL);
	conf->rules = calloc(1, sizeof *conf->rules);
	MUST(conf->rules != NULL);
	conf->nrules = 1;
	conf->rules[0].conf = conf;
	conf->rules[0].queue = 4096;
	atomic_init(&conf->nreferences, 1);
	sink = sink_create(&conf->rules[0], &target, count_wake, &nwakes);
	MUST(sink != NULL);
	conf_unref(conf);
	line = make_line("x", 1);
	MUST(sink_put(sink, line) == 0);
	publication_unref(line);
	publication_unref(sink_take(sink));
	sink_wrote(sink, 1);
	MUST(sink_rule(sink)->queue == 4096);
	sink_destroy(sink);
	MUST(fault_live_allocations() == allocations);
}
END_TEST

START_TEST(every_line_is_counted)
{
	struct publication *lines[3];
	struct sink_usage now;

	make_sink();
	now = usage();
	ck_assert_uint_eq(now.nput + now.nbytes, 0);
	put_numbered(0, 5);
	for (int i = 0; i < 3; i++)
		MUST((lines[i] = sink_take(the_sink)) != NULL);
	ck_assert_uint_eq(usage().nqueued, 5);
	sink_wrote(the_sink, 2);
	ck_assert_uint_eq(usage().nwritten, 2);
	ck_assert_uint_eq(usage().nqueued, 3);
	sink_lost(the_sink, 1);
	now = usage();
	ck_assert_uint_eq(now.nput, 5);
	ck_assert_uint_eq(now.ndropped, 1);
	ck_assert_uint_eq(now.nqueued, 2);
	ck_assert_uint_gt(now.nbytes, 0);
	for (int i = 0; i < 3; i++)
		publication_unref(lines[i]);
	take("line 000003");
	take("line 000004");
	ck_assert_uint_eq(usage().nbytes, 0);
	sink_destroy(the_sink);
}
END_TEST

START_TEST(reader_is_woken_if_it_was_told_that_there_is_nothing)
{
	make_sink();
	put("first"); /* it has not looked yet */
	ck_assert_uint_eq(nwakes, 1);
	put("second");
	take("first");
	put("third");
	take("second");
	take("third");
	put("fourth"); /* it was not told yet */
	ck_assert_uint_eq(nwakes, 1);
	take("fourth");
	ck_assert_ptr_null(sink_take(the_sink));
	ck_assert_uint_eq(nwakes, 1);
	put("fifth");
	put("sixth");
	ck_assert_uint_eq(nwakes, 2);
	sink_destroy(the_sink);
}
END_TEST

START_TEST(line_without_memory_is_dropped_and_counted)
{
	struct publication *line = make_line("x", 1);
	long before = fault_live_allocations();

	make_sink();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(sink_put(the_sink, line) == 1);
	MUST(fault_clear());
	MUST(nwakes == 0);
	MUST(usage().ndropped == 1 && usage().nqueued == 0);
	MUST(sink_put(the_sink, line) == 0);
	MUST(nwakes == 1);
	sink_destroy(the_sink);
	MUST(fault_live_allocations() == before);
	MUST(atomic_load(&line->references) == 1);
	publication_unref(line);
}
END_TEST

START_TEST(sink_is_not_made_without_memory)
{
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	errno = 0;
	MUST(sink_create(&rule, &target, count_wake, NULL) == NULL);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	sink_destroy(NULL);
}
END_TEST

/* ---- The log ---------------------------------------------------------------------- */

static int captured[2], real_stderr;

static const char *
written(void)
{
	static char text[4096];
	ssize_t n = read(captured[0], text, sizeof text - 1);

	MUST(n != -1 || errno == EAGAIN);
	text[n == -1 ? 0 : n] = '\0';
	return *text == '\0' ? text : strchr(text, ' ') + 1; /* a time stands before it */
}

static const char *
dropped_message(unsigned n)
{
	static char text[256];

	snprintf(
	    text, sizeof text,
	    "amyd: rule archive: file:/var/log/all: %u lines dropped, for they had to "
	    "wait too long: mend the target, or raise queue = of the rule\n",
	    n);
	return text;
}

START_TEST(dropping_is_logged_once_in_ten_seconds)
{
	rule.queue = cost_of_a_line();
	make_sink();
	make_pipe(captured);
	real_stderr = dup(STDERR_FILENO);
	MUST(dup2(captured[1], STDERR_FILENO) != -1);
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_INFO);
	put("a");
	ck_assert_str_eq(written(), "");
	put("b");
	ck_assert_str_eq(written(), dropped_message(1));
	put("c");
	now_ms += 9999;
	put("d");
	ck_assert_str_eq(written(), "");
	now_ms++;
	put("e");
	ck_assert_str_eq(written(), dropped_message(3));
	put("f");
	ck_assert_str_eq(written(), "");
	/* At the end: the one that was not said yet, and the one that waits. */
	sink_destroy(the_sink);
	ck_assert_str_eq(written(), dropped_message(2));
	MUST(dup2(real_stderr, STDERR_FILENO) != -1);
	close(real_stderr);
	close_pair(captured);
}
END_TEST

/* ---- Batches ---------------------------------------------------------------------- */

static struct sink_batch batch;

/* What the batch has to write. */
static const char *
pieces_text(void)
{
	static char text[4 * SINK_BATCH_BYTES];
	struct iovec pieces[SINK_BATCH_PIECES];
	int npieces = sink_batch_pieces(&batch, pieces);
	size_t n = 0;

	MUST(npieces <= SINK_BATCH_PIECES);
	for (int i = 0; i < npieces; i++) {
		MUST(pieces[i].iov_len > 0);
		MUST(n + pieces[i].iov_len < sizeof text);
		memcpy(text + n, pieces[i].iov_base, pieces[i].iov_len);
		n += pieces[i].iov_len;
	}
	text[n] = '\0';
	return text;
}

START_TEST(batch_is_written_in_parts_of_any_size)
{
	static const char whole[] = "one\n\nthree\n";

	for (size_t part = 1; part <= strlen(whole); part++) {
		size_t gone = 0;

		make_sink();
		put("one");
		put("");
		put("three");
		MUST(sink_batch_fill(&batch, the_sink));
		while (batch.n > 0) {
			size_t left = strlen(whole) - gone;
			size_t n = part < left ? part : left;

			ck_assert_str_eq(pieces_text(), whole + gone);
			sink_batch_wrote(&batch, the_sink, n);
			gone += n;
			ck_assert_uint_eq(usage().nwritten,
			                  (gone >= 4) + (gone >= 5) + (gone >= 11));
		}
		ck_assert_uint_eq(gone, strlen(whole));
		ck_assert(!sink_batch_fill(&batch, the_sink));
		sink_destroy(the_sink);
	}
}
END_TEST

START_TEST(lost_lines_of_a_batch_are_counted)
{
	make_sink();
	put("one");
	put("two");
	put("three");
	MUST(sink_batch_fill(&batch, the_sink));
	sink_batch_wrote(&batch, the_sink, 5);
	sink_batch_lose_rest(&batch, the_sink);
	ck_assert_str_eq(pieces_text(), "wo\n");
	ck_assert_uint_eq(usage().ndropped, 1);
	sink_batch_lose_first(&batch, the_sink);
	ck_assert_uint_eq(usage().ndropped, 2);
	ck_assert_uint_eq(batch.n, 0);
	put("four");
	MUST(sink_batch_fill(&batch, the_sink));
	ck_assert_str_eq(pieces_text(), "four\n");
	sink_batch_lose_rest(&batch, the_sink);
	ck_assert_uint_eq(usage().ndropped, 3);
	ck_assert_uint_eq(usage().nqueued, 0);
	sink_destroy(the_sink);
}
END_TEST

START_TEST(batch_is_bounded_in_lines_and_in_bytes)
{
	static char large[SINK_BATCH_BYTES - 2];

	make_sink();
	put_numbered(0, SINK_BATCH_LINES + 1);
	MUST(sink_batch_fill(&batch, the_sink));
	ck_assert_uint_eq(batch.n, SINK_BATCH_LINES);
	ck_assert_uint_eq(strlen(pieces_text()), 12 * SINK_BATCH_LINES);
	/* What is left comes only when it is empty. */
	MUST(sink_batch_fill(&batch, the_sink));
	sink_batch_wrote(&batch, the_sink, 12 * SINK_BATCH_LINES);
	MUST(sink_batch_fill(&batch, the_sink));
	ck_assert_str_eq(pieces_text(), "line 000256\n");
	sink_batch_wrote(&batch, the_sink, 12);
	memset(large, 'x', sizeof large - 1);
	put(large);
	put(large);
	put("next");
	MUST(sink_batch_fill(&batch, the_sink));
	ck_assert_uint_eq(batch.n, 2);
	sink_batch_fini(&batch);
	sink_destroy(the_sink);
}
END_TEST

START_TEST(line_is_added_behind_the_rest_of_the_last_one)
{
	make_sink();
	put_numbered(0, SINK_BATCH_LINES);
	put("next");
	MUST(sink_batch_fill(&batch, the_sink));
	sink_batch_wrote(&batch, the_sink, 12 * SINK_BATCH_LINES - 3);
	sink_batch_add(&batch, sink_take(the_sink));
	ck_assert_str_eq(pieces_text(), "55\nnext\n");
	sink_batch_wrote(&batch, the_sink, 8);
	put("alone");
	sink_batch_add(&batch, sink_take(the_sink));
	ck_assert_str_eq(pieces_text(), "alone\n");
	sink_batch_wrote(&batch, the_sink, 6);
	ck_assert_uint_eq(batch.n, 0);
	ck_assert_uint_eq(usage().nwritten, SINK_BATCH_LINES + 2);
	sink_destroy(the_sink);
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

enum { NWRITERS = 3, NLINES = 2000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static bool is_woken;

static void
signal_wake(struct sink *sink)
{
	(void)sink;
	pthread_mutex_lock(&lock);
	is_woken = true;
	pthread_cond_signal(&woken);
	pthread_mutex_unlock(&lock);
}

static void *
put_many(void *argument)
{
	unsigned writer = *(unsigned *)argument;
	unsigned pair[2] = { writer, 0 };

	for (unsigned i = 0; i < NLINES; i++) {
		struct publication *line;

		pair[1] = i;
		line = make_line((char *)pair, sizeof pair);
		sink_put(the_sink, line);
		publication_unref(line);
	}
	return NULL;
}

/* The reader sleeps whenever it is told to: it is not forgotten. */
START_TEST(no_line_and_no_waking_is_lost_among_threads)
{
	unsigned numbers[NWRITERS], next[NWRITERS] = { 0 };
	pthread_t writers[NWRITERS];
	struct publication *line;

	rule.queue = 64 << 20;
	the_sink = sink_create(&rule, &target, signal_wake, NULL);
	for (unsigned i = 0; i < NWRITERS; i++) {
		numbers[i] = i;
		writers[i] = spawn(put_many, &numbers[i]);
	}
	for (unsigned n = 0; n < NWRITERS * NLINES; n++) {
		unsigned pair[2];

		while ((line = sink_take(the_sink)) == NULL) {
			pthread_mutex_lock(&lock);
			while (!is_woken)
				pthread_cond_wait(&woken, &lock);
			is_woken = false;
			pthread_mutex_unlock(&lock);
		}
		memcpy(pair, line->text.bytes, sizeof pair);
		MUST(pair[0] < NWRITERS && pair[1] == next[pair[0]]);
		next[pair[0]]++;
		publication_unref(line);
		sink_wrote(the_sink, 1);
	}
	for (unsigned i = 0; i < NWRITERS; i++)
		join(writers[i]);
	MUST(sink_take(the_sink) == NULL);
	ck_assert_uint_eq(usage().nwritten, NWRITERS * NLINES);
	sink_destroy(the_sink);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("sink",
	    lines_are_taken_in_the_order_they_were_put,
	    sink_holds_a_reference_to_its_lines,
	    past_the_queue_the_oldest_lines_go,
	    line_larger_than_the_queue_waits_alone,
	    another_limit_counts_from_the_next_line_on,
	    limit_of_less_than_a_line_leaves_the_newest,
	    sink_holds_a_reference_to_its_configuration,
	    sink_may_be_the_last_that_knows_its_configuration,
	    every_line_is_counted,
	    reader_is_woken_if_it_was_told_that_there_is_nothing,
	    line_without_memory_is_dropped_and_counted,
	    sink_is_not_made_without_memory,
	    dropping_is_logged_once_in_ten_seconds,
	    batch_is_written_in_parts_of_any_size,
	    lost_lines_of_a_batch_are_counted,
	    batch_is_bounded_in_lines_and_in_bytes,
	    line_is_added_behind_the_rest_of_the_last_one,
	    no_line_and_no_waking_is_lost_among_threads);
}
