/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "conf_diff.h"
#include "conf_file.h"
#include "faults.h"

/* ---- What is told, each with an LF ------------------------------------------------ */

static char told[8192];

static void
note(void *context, const char *text)
{
	size_t used = strlen(told);

	MUST(context == &told);
	MUST(used + strlen(text) + 2 <= sizeof told);
	snprintf(told + used, sizeof told - used, "%s\n", text);
}

static size_t
count_told(void)
{
	size_t n = 0;

	for (const char *p = told; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

static void
must_be_told(const char *what, const char *expected)
{
	if (strcmp(told, expected) != 0)
		ck_abort_msg("%s: \"%s\", not \"%s\"", what, told, expected);
}

static void
assert_one_way(const char *old_text, const char *new_text, const char *expected)
{
	struct conf *old = read_conf("%s", old_text), *new = read_conf("%s", new_text);

	told[0] = '\0';
	ck_assert_uint_eq(conf_diff(old, new, note, &told), count_told());
	must_be_told(new_text, expected);
	conf_unref(old);
	conf_unref(new);
}

/* The same the other way round. */
static void
assert_both_ways(const char *one, const char *other, const char *expected)
{
	assert_one_way(one, other, expected);
	assert_one_way(other, one, expected);
}

/* ---- Options ---------------------------------------------------------------------- */

#define LISTEN "listen main {\n address = \"127.0.0.1:1\"\n "
#define HISTORY "history events {\n match = \"a.>\"\n "
#define RULE "rule archive {\n match = \"a.>\"\n "

static const char whole[] =
    "max_clients = 100\nlease = 1s\ndrain_time = 1s\nuser = nobody\n"
    "log { level = debug }\n"
    "listen main { address = \"127.0.0.1:0\" }\n"
    "listen in { address = \"/in\" mode = publish subject = s }\n"
    "listen out { address = \"/out\" mode = subscribe pattern = s }\n"
    "history events { match = \"a.>\" }\n"
    "history others { match = \"b.>\" lines = 7 }\n"
    "rule first { match = a regex = x to = { \"file:/a\", \"file:/b\" } }\n"
    "rule second { match = a to = \"subject:s\" stop = true }\n";

START_TEST(of_the_same_nothing_is_told)
{
	make_folder();
	assert_one_way("", "", "");
	assert_one_way(whole, whole, "");
	assert_both_ways(LISTEN "}", "# a comment\n" LISTEN "mode = command }", "");
	remove_folder();
}
END_TEST

static const struct {
	const char *name, *one, *other;
} listener_options[] = {
	{ "address", "address = \"127.0.0.1:2\"", "address = \"127.0.0.1:3\"" },
	{ "address", "address = \"127.0.0.1:2\"", "address = \"/path\"" },
	{ "address", "address = \"fd:one\"", "address = \"fd:two\"" },
	{ "mode", "", "mode = echo" },
	{ "access", "", "access = \"0600\"" },
	{ "max_line", "", "max_line = 100" },
	{ "queue", "", "queue = 8k" },
	{ "max_subs", "", "max_subs = 3" },
	{ "open", "", "open = true" },
	{ "slow", "", "slow = cut" },
	{ "slow_time", "", "slow_time = 7s" },
	{ "idle_time", "", "idle_time = 7s" },
	{ "line_time", "", "line_time = 7s" },
	{ "per_ip", "", "per_ip = 7" },
	{ "accept_rate", "", "accept_rate = 7" },
	{ "line_rate", "", "line_rate = 7" },
	{ "subject", "mode = publish subject = a", "mode = publish subject = b" },
	{ "eof_line", "mode = publish subject = a",
	  "mode = publish subject = a eof_line = publish" },
	{ "pattern", "mode = subscribe pattern = a", "mode = subscribe pattern = \"a.>\"" },
	{ "history", "mode = subscribe pattern = a",
	  "mode = subscribe pattern = a history = 3" },
	{ "mode, subject", "", "mode = publish subject = a" },
	{ "mode, pattern", "mode = subscribe pattern = a", "" },
	{ "access, max_line, queue, max_subs, open, slow, slow_time, idle_time, line_time, "
	  "per_ip, accept_rate, line_rate",
	  "",
	  "line_rate = 1 accept_rate = 1 per_ip = 1 line_time = 1s idle_time = 1s "
	  "slow_time = 1s slow = cut open = true max_subs = 1 queue = 4k max_line = 1 "
	  "access = \"0600\"" },
	{ "address, mode, access, max_line, queue, max_subs, open, slow, slow_time, idle_time, "
	  "line_time, per_ip, accept_rate, line_rate, subject, eof_line",
	  "",
	  "address = \"/path\" mode = publish subject = a eof_line = publish line_rate = 1 "
	  "accept_rate = 1 per_ip = 1 line_time = 1s idle_time = 1s slow_time = 1s "
	  "slow = cut open = true max_subs = 1 queue = 4k max_line = 1 access = \"0600\"" },
};

static const char *
listen_text(char text[1024], const char *options)
{
	const char *address =
	    strstr(options, "address = ") != NULL ? "" : "address = \"127.0.0.1:1\"";

	snprintf(text, 1024, "listen main { %s %s }", address, options);
	return text;
}

START_TEST(each_option_of_a_listener_is_told_by_its_name)
{
	char one[1024], other[1024], expected[512];

	make_folder();
	for (size_t i = 0; i < sizeof listener_options / sizeof listener_options[0]; i++) {
		snprintf(expected, sizeof expected, "listen main: %s\n",
		         listener_options[i].name);
		assert_both_ways(listen_text(one, listener_options[i].one),
		                 listen_text(other, listener_options[i].other), expected);
	}
	remove_folder();
}
END_TEST

START_TEST(each_option_of_a_history_is_told_by_its_name)
{
	make_folder();
	assert_both_ways(HISTORY "}", "history events { match = \"a.*\" }",
	                 "history events: match\n");
	assert_both_ways(HISTORY "}", HISTORY "lines = 7 }", "history events: lines\n");
	assert_both_ways(HISTORY "}", HISTORY "bytes = 7k }", "history events: bytes\n");
	assert_both_ways(HISTORY "}", "history events { match = b lines = 7 bytes = 7k }",
	                 "history events: match, lines, bytes\n");
	remove_folder();
}
END_TEST

START_TEST(each_option_of_a_rule_is_told_by_its_name)
{
	static const char plain[] = RULE "to = \"file:/a\" }";

	make_folder();
	assert_both_ways(plain, "rule archive { match = b to = \"file:/a\" }",
	                 "rule archive: match\n");
	assert_both_ways(plain, RULE "to = \"file:/a\" regex = x }", "rule archive: regex\n");
	assert_both_ways(RULE "to = \"file:/a\" regex = y }",
	                 RULE "to = \"file:/a\" regex = x }", "rule archive: regex\n");
	assert_both_ways(plain, RULE "to = \"file:/a\" format = \"%seq %text\" }",
	                 "rule archive: format\n");
	assert_both_ways(plain, RULE "to = \"file:/a\" queue = 8k }", "rule archive: queue\n");
	assert_both_ways(plain, RULE "to = \"file:/a\" stop = true }", "rule archive: stop\n");
	assert_both_ways(plain, RULE "to = \"file:/b\" }", "rule archive: to\n");
	assert_both_ways(plain, RULE "to = { \"file:/a\", \"file:/b\" } }",
	                 "rule archive: to\n");
	assert_both_ways(RULE "to = { \"file:/b\", \"file:/a\" } }",
	                 RULE "to = { \"file:/a\", \"file:/b\" } }", "rule archive: to\n");
	assert_both_ways(plain,
	                 "rule archive { match = b regex = x queue = 8k stop = true "
	                 "to = \"file:/b\" }",
	                 "rule archive: match, regex, queue, stop, to\n");
	remove_folder();
}
END_TEST

START_TEST(options_outside_of_sections_are_told_in_one)
{
	make_folder();
	assert_both_ways("", "max_clients = 7", "max_clients\n");
	assert_both_ways("", "lease = 7s", "lease\n");
	assert_both_ways("", "memory = 64M", "memory\n");
	assert_both_ways("", "drain_time = 7s", "drain_time\n");
	assert_both_ways("", "log { level = debug }", "log level\n");
	assert_both_ways("max_clients = 7\n" LISTEN "}",
	                 "lease = 7s drain_time = 7s log { level = debug }\n" LISTEN
	                 "max_line = 7 }",
	                 "max_clients, lease, drain_time, log level\nlisten main: max_line\n");
	remove_folder();
}
END_TEST

/* ---- Sections --------------------------------------------------------------------- */

#define LISTEN_AT(name) "listen " name " { address = \"/" name "\" }\n"
#define HISTORY_OF(name) "history " name " { match = " name " }\n"
#define RULE_OF(name) "rule " name " { match = " name " to = \"file:/a\" }\n"

START_TEST(sections_that_are_gone_or_new_are_told)
{
	make_folder();
	assert_one_way(LISTEN_AT("a") LISTEN_AT("b"), LISTEN_AT("b") LISTEN_AT("c"),
	               "listen a: it is gone, and its clients stay\nlisten c: it is new\n");
	assert_one_way(HISTORY_OF("a") HISTORY_OF("b"), HISTORY_OF("b") HISTORY_OF("c"),
	               "history a: it is gone, and what it stored\nhistory c: it is new\n");
	assert_one_way(RULE_OF("a") RULE_OF("b"), RULE_OF("b") RULE_OF("c"),
	               "rule a: it is gone\nrule c: it is new\n");
	assert_one_way("", HISTORY_OF("a") RULE_OF("a"),
	               "history a: it is new\nrule a: it is new\n");
	assert_one_way(HISTORY_OF("a") RULE_OF("a"), "",
	               "history a: it is gone, and what it stored\nrule a: it is gone\n");
	remove_folder();
}
END_TEST

/* A name is one of its kind. */
START_TEST(sections_of_another_kind_are_others)
{
	make_folder();
	assert_one_way(HISTORY_OF("a"), RULE_OF("a"),
	               "history a: it is gone, and what it stored\nrule a: it is new\n");
	remove_folder();
}
END_TEST

START_TEST(order_is_told_where_it_counts)
{
	make_folder();
	assert_both_ways(LISTEN_AT("a") LISTEN_AT("b"), LISTEN_AT("b") LISTEN_AT("a"), "");
	assert_both_ways(HISTORY_OF("a") HISTORY_OF("b"), HISTORY_OF("b") HISTORY_OF("a"),
	                 "history: the order of its sections\n");
	assert_both_ways(RULE_OF("a") RULE_OF("b") RULE_OF("c"),
	                 RULE_OF("a") RULE_OF("c") RULE_OF("b"),
	                 "rule: the order of its sections\n");
	remove_folder();
}
END_TEST

START_TEST(order_is_that_of_those_that_stay)
{
	make_folder();
	assert_one_way(RULE_OF("a") RULE_OF("b"),
	               RULE_OF("x") RULE_OF("a") RULE_OF("y") RULE_OF("b"),
	               "rule x: it is new\nrule y: it is new\n");
	assert_one_way(RULE_OF("x") RULE_OF("a") RULE_OF("y") RULE_OF("b"),
	               RULE_OF("a") RULE_OF("b"), "rule x: it is gone\nrule y: it is gone\n");
	assert_one_way(
	    RULE_OF("a") RULE_OF("x") RULE_OF("b"), RULE_OF("b") RULE_OF("y") RULE_OF("a"),
	    "rule x: it is gone\nrule y: it is new\nrule: the order of its sections\n");
	remove_folder();
}
END_TEST

START_TEST(each_kind_is_told_on_its_own)
{
	make_folder();
	assert_one_way(LISTEN_AT("a") HISTORY_OF("a") RULE_OF("a"),
	               "listen a { address = \"/b\" }\nhistory a { match = b }\n"
	               "rule a { match = b to = \"file:/a\" }\nmax_clients = 3\n",
	               "max_clients\nlisten a: address\nhistory a: match\nrule a: match\n");
	remove_folder();
}
END_TEST

START_TEST(long_names_are_cut)
{
	static const char name[] =
	    "0123456789012345678901234567890123456789012345678901234567890"
	    "123456789012345678901234567890123456789";
	char text[512], expected[256];

	make_folder();
	snprintf(text, sizeof text, "history %s { match = a }", name);
	snprintf(expected, sizeof expected, "history %.64s: it is new\n", name);
	assert_one_way("", text, expected);
	remove_folder();
}
END_TEST

/* ---- What stays ------------------------------------------------------------------- */

/* Of the new one this is told, and what stays is that of the running one. */
static void
assert_kept(const char *running_text, const char *new_text, unsigned most, const char *expected)
{
	struct conf *running = read_conf("%s", running_text);
	struct conf *new = read_conf("%s", new_text);

	told[0] = '\0';
	ck_assert_uint_eq(conf_keep(new, running, most, note, &told), count_told());
	must_be_told(new_text, expected);
	ck_assert_uint_eq(new->handlers, running->handlers);
	ck_assert_uint_le(new->max_clients, most);
	ck_assert_int_eq(new->lease_ms == 0, running->lease_ms == 0);
	ck_assert_str_eq(new->user, running->user);
	ck_assert_ptr_ne(new->user, running->user);
	ck_assert_int_eq(new->log_to_is_set, running->log_to_is_set);
	ck_assert_int_eq(new->log_to, running->log_to);
	ck_assert_int_eq(new->log_facility, running->log_facility);
	/* Once is enough. */
	told[0] = '\0';
	ck_assert_uint_eq(conf_keep(new, running, most, note, &told), 0);
	must_be_told(new_text, "");
	conf_unref(running);
	conf_unref(new);
}

START_TEST(what_a_restart_is_needed_for_stays)
{
	make_folder();
	assert_kept("handlers = 3", "handlers = 4", 10000, "handlers = 4\n");
	assert_kept("", "user = nobody", 10000, "user = \"nobody\"\n");
	assert_kept("user = nobody", "", 10000, "user = \"\"\n");
	assert_kept("user = nobody", "user = daemon", 10000, "user = \"daemon\"\n");
	assert_kept("", "log { to = stderr }", 10000, "to = of the log\n");
	assert_kept("log { to = syslog }", "", 10000, "to = of the log\n");
	assert_kept("log { to = stderr }", "log { to = syslog }", 10000, "to = of the log\n");
	assert_kept("", "log { facility = local3 }", 10000, "facility = of the log\n");
	remove_folder();
}
END_TEST

START_TEST(all_that_stays_is_told)
{
	make_folder();
	assert_kept("handlers = 3 max_clients = 100 lease = 0",
	            "handlers = 4 max_clients = 101 lease = 1s user = nobody\n"
	            "log { to = syslog facility = local3 }",
	            100,
	            "handlers = 4\nmax_clients = 101\nlease, from or to \"0\"\n"
	            "user = \"nobody\"\nto = of the log\nfacility = of the log\n");
	assert_kept(whole, whole, 100, "");
	remove_folder();
}
END_TEST

/* What is left by conf_keep() of an option. */
#define ASSERT_LEFT(running_text, new_text, most, field, value)                                \
	do {                                                                                   \
		struct conf *running = read_conf("%s", running_text);                          \
		struct conf *new = read_conf("%s", new_text);                                  \
                                                                                               \
		told[0] = '\0';                                                                \
		conf_keep(new, running, most, note, &told);                                    \
		ck_assert_int_eq(new->field, value);                                           \
		conf_unref(running);                                                           \
		conf_unref(new);                                                               \
	} while (0)

START_TEST(more_clients_than_there_is_room_for_wait_for_a_restart)
{
	make_folder();
	assert_kept("max_clients = 100", "max_clients = 200", 200, "");
	assert_kept("max_clients = 100", "max_clients = 201", 200, "max_clients = 201\n");
	assert_kept("max_clients = 100", "max_clients = 50", 200, "");
	ASSERT_LEFT("max_clients = 100", "max_clients = 200", 200, max_clients, 200);
	ASSERT_LEFT("max_clients = 100", "max_clients = 201", 200, max_clients, 100);
	ASSERT_LEFT("max_clients = 100", "max_clients = 50", 200, max_clients, 50);
	remove_folder();
}
END_TEST

START_TEST(lease_cannot_be_begun_or_ended)
{
	make_folder();
	assert_kept("lease = 0", "lease = 7s", 10000, "lease, from or to \"0\"\n");
	assert_kept("lease = 7s", "lease = 0", 10000, "lease, from or to \"0\"\n");
	assert_kept("lease = 0", "lease = 0", 10000, "");
	assert_kept("lease = 7s", "lease = 8s", 10000, "");
	ASSERT_LEFT("lease = 0", "lease = 7s", 10000, lease_ms, 0);
	ASSERT_LEFT("lease = 7s", "lease = 0", 10000, lease_ms, 7000);
	ASSERT_LEFT("lease = 7s", "lease = 8s", 10000, lease_ms, 8000);
	remove_folder();
}
END_TEST

START_TEST(all_else_is_the_new_ones)
{
	make_folder();
	assert_kept("", whole, 10000, "user = \"nobody\"\n");
	ASSERT_LEFT("", "drain_time = 7s", 10000, drain_ms, 7000);
	ASSERT_LEFT("", "log { level = debug }", 10000, log_level, LOG_LEVEL_DEBUG);
	remove_folder();
}
END_TEST

/* Nobody looks at the user before a restart: all the rest is kept. */
START_TEST(without_memory_all_but_the_user_is_kept)
{
	struct conf *running, *new;
	long allocations;

	make_folder();
	running = read_conf("handlers = 3 user = daemon log { facility = local3 }");
	new = read_conf("handlers = 4 user = nobody");
	told[0] = '\0';
	allocations = fault_live_allocations();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(conf_keep(new, running, 10000, note, &told) == 3);
	MUST(fault_clear());
	MUST(fault_live_allocations() == allocations);
	must_be_told("without memory",
	             "handlers = 4\nuser = \"nobody\"\nfacility = of the log\n");
	ck_assert_uint_eq(new->handlers, 3);
	ck_assert_int_eq(new->log_facility, running->log_facility);
	ck_assert_str_eq(new->user, "nobody");
	conf_unref(running);
	conf_unref(new);
	remove_folder();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("conf_diff",
	    of_the_same_nothing_is_told,
	    each_option_of_a_listener_is_told_by_its_name,
	    each_option_of_a_history_is_told_by_its_name,
	    each_option_of_a_rule_is_told_by_its_name,
	    options_outside_of_sections_are_told_in_one,
	    sections_that_are_gone_or_new_are_told,
	    sections_of_another_kind_are_others,
	    order_is_told_where_it_counts,
	    order_is_that_of_those_that_stay,
	    each_kind_is_told_on_its_own,
	    long_names_are_cut,
	    what_a_restart_is_needed_for_stays,
	    all_that_stays_is_told,
	    more_clients_than_there_is_room_for_wait_for_a_restart,
	    lease_cannot_be_begun_or_ended,
	    all_else_is_the_new_ones,
	    without_memory_all_but_the_user_is_kept);
}
