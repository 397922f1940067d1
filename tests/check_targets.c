/* SPDX-License-Identifier: MIT */
/*
 * Targets of one configuration after the other: real files, and connections that nobody takes.
 * No handler runs; what it does with its connections is done here.
 */
#include <errno.h>
#include <fcntl.h>

#include "conf_file.h"
#include "faults.h"
#include "targets.h"

enum { NHANDLERS = 2 };

/* ---- Threads that cannot be started ----------------------------------------------- */

/* The nth from now on cannot be; 0: each of them can. */
static unsigned thread_countdown;

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                      void *argument);
create_fn __real_pthread_create, __wrap_pthread_create;

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                      void *argument)
{
	if (thread_countdown > 0 && --thread_countdown == 0)
		return EAGAIN;
	return __real_pthread_create(thread, attributes, run, argument);
}

/* ---- Configurations --------------------------------------------------------------- */

static const struct conf nothing = { .handlers = NHANDLERS };
static struct record_pipe pipes[NHANDLERS];
static struct record_pipe *const pipe_pointers[NHANDLERS] = { &pipes[0], &pipes[1] };
static struct targets *targets;
static struct router_policy present, next;
static struct conf *present_conf, *next_conf; /* NULL: it is nothing */
static long allocations;

static void
start(void)
{
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	make_folder();
	for (unsigned i = 0; i < NHANDLERS; i++)
		MUST(record_pipe_open(&pipes[i], i) == 0);
	allocations = fault_live_allocations();
	MUST(router_policy_init(&present, &nothing) == 0);
	targets = targets_create(pipe_pointers, NHANDLERS);
	MUST(targets != NULL);
}

static void
read_next(const char *text)
{
	next_conf = read_conf("%s", text);
	MUST(router_policy_init(&next, next_conf) == 0);
}

static void
forget_next(void)
{
	router_policy_fini(&next);
	conf_unref(next_conf);
}

static void
apply(struct targets_change *change)
{
	targets_apply(change);
	targets_finish(change);
	router_policy_fini(&present);
	conf_unref(present_conf);
	present = next;
	present_conf = next_conf;
}

/* The text says what there is from now on. */
static void
have(const char *text)
{
	struct targets_change *change;

	read_next(text);
	change = targets_prepare(targets, &present, &next);
	MUST(change != NULL);
	apply(change);
}

/* All that waits for a file is written, and nothing is left. */
static void
stop(void)
{
	targets_destroy(targets);
	router_policy_fini(&present);
	conf_unref(present_conf);
	MUST(fault_live_allocations() == allocations);
	for (unsigned i = 0; i < NHANDLERS; i++)
		record_pipe_close(&pipes[i]);
	remove_folder();
}

/* A rule to files of the folder: "a" and "b", unless it is NULL. */
static const char *
rule(const char *name, const char *a, const char *b)
{
	static char texts[8][256];
	static unsigned n;
	char *text = texts[n++ % 8];

	snprintf(text, sizeof texts[0],
	         "rule %s { match = \">\" to = { \"file:%s\"%s%s%s } }\n", name, path_of(a),
	         b == NULL ? "" : ", \"file:", b == NULL ? "" : path_of(b),
	         b == NULL ? "" : "\"");
	return text;
}

static const char *
both(const char *one, const char *other)
{
	static char text[512];

	snprintf(text, sizeof text, "%s%s", one, other);
	return text;
}

/* ---- Lines ------------------------------------------------------------------------ */

static void
put(struct sink *sink, const char *text)
{
	struct publication line = { .subject = { "a", 1 }, .from = { "-", 1 } };
	struct publication *copy;

	line.text = (struct amy_bytes){ text, strlen(text) };
	copy = publication_copy(&line);
	MUST(copy != NULL);
	sink_put(sink, copy);
	publication_unref(copy);
}

static const char *
bytes_of(const char *name)
{
	static char bytes[8192];
	int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return "(none)";
	n = read(fd, bytes, sizeof bytes - 1);
	MUST(n >= 0);
	bytes[n] = '\0';
	close(fd);
	return bytes;
}

#define AWAIT_FILE(name, bytes) WAIT_UNTIL(strcmp(bytes_of(name), bytes) == 0)

static struct sink *
sink_of(size_t i, size_t target)
{
	MUST(present.sinks[i][target] != NULL);
	return present.sinks[i][target];
}

/* ---- What there is ---------------------------------------------------------------- */

#define TCP(name) "rule " name " { match = a to = \"tcp:127.0.0.1:1\" }\n"

START_TEST(without_rules_there_are_none)
{
	start();
	have("");
	MUST(targets_count_upstreams(targets) == 0);
	targets_reopen(targets);
	stop();
	targets_destroy(NULL);
	targets_abandon(NULL);
}
END_TEST

START_TEST(targets_are_made_where_lines_leave_the_daemon)
{
	start();
	have("rule a { match = a to = { \"subject:b\", \"tcp:127.0.0.1:1\", "
	     "\"syslog:local3.err\" } }\n"
	     "rule b { match = b to = \"subject:c\" }\n" TCP("c"));
	MUST(present.sinks[0][0] == NULL);
	MUST(sink_target(sink_of(0, 1)) == &present_conf->rules[0].targets[1]);
	MUST(sink_target(sink_of(0, 2)) == &present_conf->rules[0].targets[2]);
	MUST(present.sinks[0][3] == NULL);
	MUST(present.sinks[1][0] == NULL);
	MUST(sink_rule(sink_of(2, 0)) == &present_conf->rules[2]);
	MUST(targets_count_upstreams(targets) == 2);
	stop();
}
END_TEST

START_TEST(lines_for_a_file_are_written)
{
	start();
	have(rule("r", "a", "b"));
	put(sink_of(0, 0), "one");
	put(sink_of(0, 1), "two");
	AWAIT_FILE("a", "one\n");
	AWAIT_FILE("b", "two\n");
	put(sink_of(0, 0), "three");
	targets_destroy(targets);
	MUST(strcmp(bytes_of("a"), "one\nthree\n") == 0);
	targets = NULL;
	stop();
}
END_TEST

/* The number of the upstream that is kicked when a line is put for it, by its handler's pipe. */
static uint64_t
kicked(size_t i, unsigned handler)
{
	struct record record;

	put(sink_of(i, 0), "x");
	MUST(!record_pipe_wait(&pipes[!handler], 0));
	MUST(record_pipe_wait(&pipes[handler], 0));
	MUST(record_pipe_read(&pipes[handler], &record, 1) == 1);
	MUST(record.kind == RECORD_UPSTREAM);
	/* The next one kicks again. */
	publication_unref(sink_take(sink_of(i, 0)));
	sink_wrote(sink_of(i, 0), 1);
	MUST(sink_take(sink_of(i, 0)) == NULL);
	return record.u.number;
}

START_TEST(each_handler_has_its_turn_of_the_connections)
{
	start();
	have(TCP("a") TCP("b") TCP("c"));
	MUST(kicked(0, 0) == 0);
	MUST(kicked(1, 1) == 1);
	MUST(kicked(2, 0) == 2);
	/* A number is never used again. */
	have(TCP("c"));
	have(TCP("d") TCP("c") TCP("a"));
	MUST(kicked(0, 1) == 3);
	MUST(kicked(1, 0) == 2);
	MUST(kicked(2, 0) == 4);
	stop();
}
END_TEST

/* ---- What stays ------------------------------------------------------------------- */

START_TEST(target_of_a_rule_of_the_same_name_stays)
{
	struct sink *a, *b, *c;

	start();
	have(both(rule("r", "a", "b"), TCP("c")));
	a = sink_of(0, 0);
	b = sink_of(0, 1);
	c = sink_of(1, 0);
	have(both(rule("r", "a", "b"), TCP("c")));
	MUST(sink_of(0, 0) == a && sink_of(0, 1) == b && sink_of(1, 0) == c);
	/* Whatever else is different, and wherever it stands. */
	have(both(TCP("c"), rule("r", "b", "a")));
	MUST(sink_of(1, 0) == b && sink_of(1, 1) == a && sink_of(0, 0) == c);
	have(rule("r", "new", "a"));
	MUST(sink_of(0, 1) == a && sink_of(0, 0) != b);
	put(sink_of(0, 0), "new");
	put(a, "still");
	AWAIT_FILE("new", "new\n");
	AWAIT_FILE("a", "still\n");
	stop();
}
END_TEST

START_TEST(target_of_a_rule_of_another_name_is_another_one)
{
	struct sink *a;

	start();
	have(rule("r", "a", NULL));
	a = sink_of(0, 0);
	put(a, "one");
	have(rule("other", "a", NULL));
	MUST(sink_rule(sink_of(0, 0)) == &present_conf->rules[0]);
	put(sink_of(0, 0), "two");
	/* What waited for the one before is written first: it ended before this was put. */
	AWAIT_FILE("a", "one\ntwo\n");
	stop();
}
END_TEST

START_TEST(targets_of_one_text_are_as_many_as_there_are)
{
	struct sink *one, *two, *other;

	start();
	have(both(rule("r", "a", "a"), rule("s", "a", NULL)));
	one = sink_of(0, 0);
	two = sink_of(0, 1);
	other = sink_of(1, 0);
	MUST(one != two && two != other && other != one);
	have(both(rule("s", "a", NULL), rule("r", "a", "a")));
	MUST(sink_of(0, 0) == other && sink_of(1, 0) == one && sink_of(1, 1) == two);
	/* One is enough now; then there is a second one again, which is new. */
	put(two, "two");
	have(rule("r", "a", NULL));
	MUST(sink_of(0, 0) == one);
	AWAIT_FILE("a", "two\n");
	have(rule("r", "a", "a"));
	MUST(sink_of(0, 0) == one);
	put(sink_of(0, 1), "new");
	AWAIT_FILE("a", "two\nnew\n");
	stop();
}
END_TEST

START_TEST(what_waits_for_a_target_that_stays_waits_on)
{
	struct sink_usage usage;

	start();
	have(TCP("c"));
	for (int i = 0; i < 3; i++)
		put(sink_of(0, 0), "x");
	have(both(TCP("d"), TCP("c")));
	sink_usage(sink_of(1, 0), &usage);
	MUST(usage.nqueued == 3 && usage.ndropped == 0);
	sink_usage(sink_of(0, 0), &usage);
	MUST(usage.nput == 0);
	for (int i = 0; i < 3; i++)
		publication_unref(sink_take(sink_of(1, 0)));
	sink_wrote(sink_of(1, 0), 3);
	stop();
}
END_TEST

START_TEST(what_was_told_of_a_target_that_stays_is_known)
{
	start();
	have(TCP("a") TCP("b"));
	MUST(atomic_load(&present.ntold[0][0]) == 0);
	atomic_store(&present.ntold[0][0], 5);
	atomic_store(&present.ntold[1][0], 6);
	have(TCP("b") TCP("c") TCP("a"));
	MUST(atomic_load(&present.ntold[0][0]) == 6);
	MUST(atomic_load(&present.ntold[1][0]) == 0);
	MUST(atomic_load(&present.ntold[2][0]) == 5);
	stop();
}
END_TEST

#define QUEUE_OF(size) "rule r { match = a to = \"tcp:127.0.0.1:1\" queue = " size " }\n"

static uint64_t
count_dropped(void)
{
	struct sink_usage usage;

	sink_usage(sink_of(0, 0), &usage);
	return usage.ndropped;
}

START_TEST(queue_of_a_target_that_stays_is_the_new_one)
{
	static char large[3000];

	memset(large, 'x', sizeof large - 1);
	start();
	have(QUEUE_OF("4k"));
	put(sink_of(0, 0), large);
	put(sink_of(0, 0), large);
	MUST(count_dropped() == 1);
	have(QUEUE_OF("64k"));
	put(sink_of(0, 0), large);
	put(sink_of(0, 0), large);
	MUST(count_dropped() == 1);
	/* One that comes to nothing changes nothing. */
	read_next(QUEUE_OF("4k"));
	targets_abandon(targets_prepare(targets, &present, &next));
	forget_next();
	put(sink_of(0, 0), large);
	MUST(count_dropped() == 1);
	have(QUEUE_OF("4k"));
	put(sink_of(0, 0), large);
	MUST(count_dropped() == 5);
	publication_unref(sink_take(sink_of(0, 0)));
	sink_wrote(sink_of(0, 0), 1);
	stop();
}
END_TEST

START_TEST(configuration_stays_as_long_as_a_target_of_it)
{
	struct conf *first;

	start();
	have(rule("r", "a", NULL));
	first = present_conf;
	conf_ref(first);
	MUST(atomic_load(&first->nreferences) == 3);
	have(rule("r", "a", "b"));
	MUST(atomic_load(&first->nreferences) == 2);
	have(rule("r", "a", NULL));
	MUST(sink_rule(sink_of(0, 0)) == &first->rules[0]);
	put(sink_of(0, 0), "x");
	AWAIT_FILE("a", "x\n");
	have("");
	MUST(atomic_load(&first->nreferences) == 1);
	conf_unref(first);
	stop();
}
END_TEST

/* ---- What goes -------------------------------------------------------------------- */

START_TEST(what_waits_for_a_file_that_is_gone_is_written)
{
	char expected[4096] = "", text[32];

	start();
	have(both(rule("r", "a", NULL), rule("s", "b", NULL)));
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "line %d", i);
		put(sink_of(0, 0), text);
		strcat(strcat(expected, text), "\n");
	}
	have(rule("s", "b", NULL));
	AWAIT_FILE("a", expected);
	put(sink_of(0, 0), "stays");
	AWAIT_FILE("b", "stays\n");
	have("");
	stop();
}
END_TEST

/* It goes to the file while nobody stands still any more. */
START_TEST(what_was_put_before_the_change_goes_where_it_went)
{
	struct targets_change *change;

	start();
	have(rule("r", "a", NULL));
	read_next(rule("r", "b", NULL));
	change = targets_prepare(targets, &present, &next);
	MUST(change != NULL);
	put(sink_of(0, 0), "one");
	AWAIT_FILE("a", "one\n");
	put(sink_of(0, 0), "two");
	apply(change);
	AWAIT_FILE("a", "one\ntwo\n");
	put(sink_of(0, 0), "three");
	AWAIT_FILE("b", "three\n");
	stop();
}
END_TEST

START_TEST(files_of_now_are_opened_again)
{
	start();
	have(both(rule("stays", "a", NULL), rule("gone", "b", NULL)));
	put(sink_of(0, 0), "one");
	AWAIT_FILE("a", "one\n");
	have(both(rule("stays", "a", NULL), rule("new", "c", NULL)));
	put(sink_of(1, 0), "one");
	AWAIT_FILE("c", "one\n");
	MUST(rename(path_of("a"), path_of("a.old")) == 0);
	MUST(rename(path_of("c"), path_of("c.old")) == 0);
	targets_reopen(targets);
	put(sink_of(0, 0), "two");
	put(sink_of(1, 0), "two");
	AWAIT_FILE("a", "two\n");
	AWAIT_FILE("c", "two\n");
	MUST(strcmp(bytes_of("a.old"), "one\n") == 0);
	stop();
}
END_TEST

/* ---- Connections ------------------------------------------------------------------ */

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static struct timers timers;

static void
start_handler(void)
{
	poller = amy_poller_create();
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	timers_init(&timers);
}

static void
stop_handler(void)
{
	timers_fini(&timers);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}

static struct upstream *
upstream_at(size_t i)
{
	MUST(i < targets_count_upstreams(targets));
	return targets_upstream(targets, i);
}

/* What is wished of the one of this number; -1: it is not there any more. */
static int
wish_of(unsigned number)
{
	for (size_t i = 0; i < targets_count_upstreams(targets); i++)
		if (upstream_number(upstream_at(i)) == number)
			return (int)targets_wish(targets, i);
	return -1;
}

/* What a handler does with those that are to be started. */
static void
start_upstreams(void)
{
	for (size_t i = 0; i < targets_count_upstreams(targets); i++)
		if (targets_wish(targets, i) == TARGETS_START)
			upstream_start(upstream_at(i), registrar, &timers);
}

static void
stop_upstream(unsigned number)
{
	struct amy_notification notification;

	for (size_t i = 0; i < targets_count_upstreams(targets); i++) {
		struct upstream *upstream = upstream_at(i);

		if (upstream_number(upstream) != number)
			continue;
		while (!upstream_stop(upstream))
			if (amy_poller_wait(poller, &notification, 1, -1) == 1 &&
			    notification.id == upstream_id(upstream))
				upstream_ready(upstream);
		MUST(upstream_is_over(upstream));
	}
}

START_TEST(handlers_are_told_what_to_do_with_each_connection)
{
	start();
	start_handler();
	have(TCP("a") TCP("b"));
	MUST(wish_of(0) == TARGETS_START && wish_of(1) == TARGETS_START);
	start_upstreams();
	have(TCP("b") TCP("c"));
	MUST(targets_count_upstreams(targets) == 3);
	MUST(wish_of(0) == TARGETS_STOP);
	MUST(wish_of(1) == TARGETS_GO_ON);
	MUST(wish_of(2) == TARGETS_START);
	start_upstreams();
	have(TCP("b") TCP("c"));
	MUST(wish_of(0) == TARGETS_STOP);
	MUST(wish_of(1) == TARGETS_GO_ON);
	MUST(wish_of(2) == TARGETS_GO_ON);
	stop_upstream(0);
	MUST(wish_of(0) == TARGETS_STOP);
	have(TCP("b") TCP("c"));
	MUST(wish_of(0) == -1);
	MUST(targets_count_upstreams(targets) == 2);
	stop_upstream(1);
	stop_upstream(2);
	stop_handler();
	stop();
}
END_TEST

START_TEST(connection_that_is_to_stop_is_not_taken_up_again)
{
	struct sink *sink;

	start();
	start_handler();
	have(TCP("a"));
	start_upstreams();
	sink = sink_of(0, 0);
	have("");
	MUST(wish_of(0) == TARGETS_STOP);
	have(TCP("a"));
	MUST(sink_of(0, 0) != sink);
	MUST(wish_of(0) == TARGETS_STOP && wish_of(1) == TARGETS_START);
	start_upstreams();
	stop_upstream(0);
	stop_upstream(1);
	stop_handler();
	stop();
}
END_TEST

START_TEST(connection_that_has_ended_stays_until_the_next_change)
{
	struct targets_change *change;
	struct upstream *gone;

	start();
	start_handler();
	have(TCP("a"));
	start_upstreams();
	have("");
	gone = upstream_at(0);
	stop_upstream(0);
	/* A handler may still look at it. */
	read_next(TCP("b"));
	change = targets_prepare(targets, &present, &next);
	MUST(change != NULL);
	MUST(upstream_at(0) == gone && upstream_is_over(gone));
	targets_apply(change);
	MUST(upstream_number(gone) == 0);
	MUST(wish_of(0) == -1 && wish_of(1) == TARGETS_START);
	targets_finish(change);
	router_policy_fini(&present);
	conf_unref(present_conf);
	present = next;
	present_conf = next_conf;
	stop_handler();
	stop();
}
END_TEST

START_TEST(connection_that_was_never_started_is_gone_at_once)
{
	start();
	have(TCP("a") TCP("b"));
	have(TCP("b"));
	MUST(wish_of(0) == -1 && wish_of(1) == TARGETS_GO_ON);
	have("");
	MUST(targets_count_upstreams(targets) == 0);
	stop();
}
END_TEST

/* ---- What cannot be made ---------------------------------------------------------- */

/* A file and a connection that are there, and lines go to. */
static struct sink *old_sinks[2];

static void
start_with_two(void)
{
	start();
	have(both(rule("r", "a", NULL), TCP("c")));
	old_sinks[0] = sink_of(0, 0);
	old_sinks[1] = sink_of(1, 0);
}

/* Nothing of it waits or is held any more. */
static bool
is_idle(struct sink *sink)
{
	struct sink_usage usage;

	sink_usage(sink, &usage);
	return usage.nqueued == 0;
}

static void
must_be_as_it_was(void)
{
	static unsigned n;
	char text[16], last[32];

	MUST(sink_of(0, 0) == old_sinks[0] && sink_of(1, 0) == old_sinks[1]);
	MUST(targets_count_upstreams(targets) == 1);
	MUST(wish_of(0) == TARGETS_START);
	snprintf(text, sizeof text, "still %u", n++);
	put(old_sinks[0], text);
	snprintf(last, sizeof last, "%s\n", text);
	WAIT_UNTIL(is_idle(old_sinks[0]));
	MUST(strstr(bytes_of("a"), last) != NULL);
	/* It may have been opened, but nothing was written. */
	MUST(strcmp(bytes_of("b"), "(none)") == 0 || strcmp(bytes_of("b"), "") == 0);
}

static const char *
other_text(void)
{
	static char text[1024];

	snprintf(text, sizeof text, "%s%s%s%s", rule("new", "b", NULL), TCP("d"), TCP("c"),
	         rule("r", "a", "b"));
	return text;
}

START_TEST(change_that_is_abandoned_has_changed_nothing)
{
	size_t ndescriptors;

	start_with_two();
	must_be_as_it_was();
	ndescriptors = count_descriptors();
	for (int i = 0; i < 3; i++) {
		struct targets_change *change;
		long live = fault_live_allocations();

		read_next(other_text());
		change = targets_prepare(targets, &present, &next);
		MUST(change != NULL);
		must_be_as_it_was();
		targets_abandon(change);
		forget_next();
		MUST(fault_live_allocations() == live);
		MUST(count_descriptors() == ndescriptors);
		must_be_as_it_was();
	}
	have(other_text());
	MUST(sink_of(3, 0) == old_sinks[0] && sink_of(2, 0) == old_sinks[1]);
	stop();
}
END_TEST

START_TEST(what_was_made_goes_where_the_next_thread_cannot_be_started)
{
	start_with_two();
	for (unsigned nth = 1; nth <= 2; nth++) {
		long live = fault_live_allocations();

		read_next(other_text());
		thread_countdown = nth;
		errno = 0;
		MUST(targets_prepare(targets, &present, &next) == NULL);
		MUST(thread_countdown == 0);
		MUST(errno == EAGAIN);
		forget_next();
		MUST(fault_live_allocations() == live);
		must_be_as_it_was();
	}
	have(other_text());
	stop();
}
END_TEST

START_TEST(without_memory_targets_stay_as_they_are)
{
	struct targets_change *change = NULL;
	unsigned nth = 0;

	start_with_two();
	read_next(other_text());
	while (change == NULL) {
		long live = fault_live_allocations();

		MUST(nth < 100);
		forget_next();
		read_next(other_text());
		fault_set(FAULT_ALLOCATION, ++nth, ENOMEM);
		errno = 0;
		change = targets_prepare(targets, &present, &next);
		MUST((change == NULL) == fault_clear());
		if (change != NULL)
			break;
		MUST(errno == ENOMEM);
		MUST(fault_live_allocations() == live);
		must_be_as_it_was();
	}
	/* It and its three lists; and what it is and its sink, of two files and of a connection. */
	MUST(nth > 4 + 3 * 2);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	targets_apply(change);
	MUST(!fault_clear());
	targets_finish(change);
	router_policy_fini(&present);
	conf_unref(present_conf);
	present = next;
	present_conf = next_conf;
	MUST(sink_of(3, 0) == old_sinks[0]);
	stop();
}
END_TEST

START_TEST(without_memory_there_are_no_targets)
{
	long live = fault_live_allocations();
	unsigned nth = 0;
	bool failed;

	do {
		fault_set(FAULT_ALLOCATION, ++nth, ENOMEM);
		targets = targets_create(pipe_pointers, NHANDLERS);
		failed = fault_clear();
		MUST((targets == NULL) == failed);
		targets_destroy(targets);
		MUST(fault_live_allocations() == live);
	} while (failed);
	MUST(nth > 2);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("targets",
	    without_rules_there_are_none,
	    targets_are_made_where_lines_leave_the_daemon,
	    lines_for_a_file_are_written,
	    each_handler_has_its_turn_of_the_connections,
	    target_of_a_rule_of_the_same_name_stays,
	    target_of_a_rule_of_another_name_is_another_one,
	    targets_of_one_text_are_as_many_as_there_are,
	    what_waits_for_a_target_that_stays_waits_on,
	    what_was_told_of_a_target_that_stays_is_known,
	    queue_of_a_target_that_stays_is_the_new_one,
	    configuration_stays_as_long_as_a_target_of_it,
	    what_waits_for_a_file_that_is_gone_is_written,
	    what_was_put_before_the_change_goes_where_it_went,
	    files_of_now_are_opened_again,
	    handlers_are_told_what_to_do_with_each_connection,
	    connection_that_is_to_stop_is_not_taken_up_again,
	    connection_that_has_ended_stays_until_the_next_change,
	    connection_that_was_never_started_is_gone_at_once,
	    change_that_is_abandoned_has_changed_nothing,
	    what_was_made_goes_where_the_next_thread_cannot_be_started,
	    without_memory_targets_stay_as_they_are,
	    without_memory_there_are_no_targets);
}
