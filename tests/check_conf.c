/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "conf.h"
#include "faults.h"
#include "harness.h"

#define ADDRESS "address = \"127.0.0.1:1\"\n"

/* ---- Files ------------------------------------------------------------------------ */

static char folder[32];
static char path[64];
static char error[CONF_MAX_ERROR];

static void
make_folder(void)
{
	strcpy(folder, "/tmp/amyd-check-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/amyd.conf", folder);
}

static void
remove_folder(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void
write_file(const char *text, size_t nbytes)
{
	FILE *file = fopen(path, "we");

	MUST(file != NULL);
	MUST(fwrite(text, 1, nbytes, file) == nbytes);
	MUST(fclose(file) == 0);
}

static int
load_text(const char *text, struct conf *conf)
{
	write_file(text, strlen(text));
	memset(error, 'x', sizeof error - 1);
	return conf_load(path, conf, error);
}

/* The text is good. The caller ends it with conf_fini(). */
static void
load_good(const char *text, struct conf *conf)
{
	int code = load_text(text, conf);

	ck_assert_msg(code == 0, "%s\nis refused: %s", text, error);
	ck_assert_str_eq(error, "");
}

/* The text is refused, in that line, for that reason. */
static void
assert_refused(const char *text, int line, const char *reason)
{
	struct conf conf;
	char expected[256];
	long allocations = fault_live_allocations();
	int code;

	memset(&conf, 0x5a, sizeof conf);
	code = load_text(text, &conf);
	ck_assert_msg(code == EX_CONFIG, "%s\nhas code %d", text, code);
	MUST(fault_live_allocations() == allocations);
	ck_assert_ptr_null(conf.listeners);
	snprintf(expected, sizeof expected, "%s:%d: %s", path, line, reason);
	ck_assert_msg(strncmp(error, expected, strlen(expected)) == 0,
	              "%s\nhas the error\n%s\nand not\n%s", text, error, expected);
}

/* Inside the section of a listener, in line 3. */
static void
assert_listen_refused(const char *text, const char *reason)
{
	char whole[1024];

	snprintf(whole, sizeof whole, "listen main {\n" ADDRESS "%s\n}\n", text);
	assert_refused(whole, 3, reason);
}

static void
load_listen(const char *text, struct conf *conf)
{
	char whole[1024];

	snprintf(whole, sizeof whole, "listen main {\n" ADDRESS "%s\n}\n", text);
	load_good(whole, conf);
	ck_assert_uint_eq(conf->nlisteners, 1);
}

/* ---- Defaults --------------------------------------------------------------------- */

static void
assert_default_listener(const struct conf_listener *listener)
{
	ck_assert_uint_eq(listener->max_line, 65536);
	ck_assert_uint_eq(listener->queue, 1 << 20);
	ck_assert_uint_eq(listener->max_subs, 10000);
	ck_assert_uint_eq(listener->access, 0660);
	ck_assert(!listener->open);
	ck_assert(!listener->slow_cut);
	ck_assert_int_eq(listener->slow_ms, 60000);
	ck_assert_int_eq(listener->idle_ms, 0);
	ck_assert_int_eq(listener->line_ms, 30000);
	ck_assert_uint_eq(listener->per_ip, 0);
	ck_assert_uint_eq(listener->accept_rate, 0);
	ck_assert_uint_eq(listener->line_rate, 0);
	ck_assert(!listener->eof_line);
	/* The shipped file has an example of it. */
	ck_assert_uint_eq(listener->history, strcmp(listener->name, "out") == 0 ? 10 : 0);
	ck_assert((listener->subject != NULL) == (listener->mode == CONF_MODE_PUBLISH));
	ck_assert((listener->pattern != NULL) == (listener->mode == CONF_MODE_SUBSCRIBE));
	ck_assert_int_eq(listener->nresolved, 1);
}

static void
assert_defaults(const struct conf *conf)
{
	ck_assert_uint_ge(conf->handlers, 1);
	ck_assert_uint_le(conf->handlers, CONF_MAX_HANDLERS);
	ck_assert_uint_eq(conf->max_clients, 10000);
	ck_assert_int_eq(conf->lease_ms, 2000);
	ck_assert_int_eq(conf->drain_ms, 5000);
	ck_assert_str_eq(conf->user, "");
	ck_assert_int_eq(conf->log_facility, LOG_DAEMON);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_INFO);
	ck_assert_uint_ge(conf->nlisteners, 1);
	ck_assert_str_eq(conf->listeners[0].name, "main");
	ck_assert_str_eq(conf->listeners[0].address, "127.0.0.1:2693");
	ck_assert_uint_eq(address_port(&conf->listeners[0].resolved[0]), 2693);
	ck_assert(address_is_loopback(&conf->listeners[0].resolved[0]));
	ck_assert_int_eq(conf->listeners[0].mode, CONF_MODE_COMMAND);
	for (size_t i = 0; i < conf->nlisteners; i++)
		assert_default_listener(&conf->listeners[i]);
}

START_TEST(empty_file_means_the_defaults)
{
	static const char *const texts[] = {
		"", "\n", "# nothing\n", "/* nothing */", "// nothing", "log { }\n",
	};
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		load_good(texts[i], &conf);
		assert_defaults(&conf);
		ck_assert_uint_eq(conf.nlisteners, 1);
		ck_assert_uint_eq(conf.nhistories, 0);
		ck_assert_uint_eq(conf.nrules, 0);
		ck_assert(!conf.log_to_is_set);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(handlers_0_is_one_per_cpu)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct conf conf;

	make_folder();
	load_good("handlers = 0\n", &conf);
	ck_assert_uint_eq(conf.handlers, cpus > CONF_MAX_HANDLERS ? CONF_MAX_HANDLERS : cpus);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

START_TEST(finished_conf_is_empty)
{
	long allocations = fault_live_allocations();
	struct conf conf;

	make_folder();
	write_file("", 0);
	MUST(conf_load(path, &conf, error) == 0);
	MUST(fault_live_allocations() > allocations);
	conf_fini(&conf);
	MUST(fault_live_allocations() == allocations);
	ck_assert_uint_eq(conf.nlisteners, 0);
	ck_assert_ptr_null(conf.listeners);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* ---- Options of the whole --------------------------------------------------------- */

START_TEST(handlers_is_0_to_64)
{
	static const char range[] = "it is a number from 0 to 64";
	struct conf conf;
	char reason[100];

	make_folder();
	load_good("handlers = 1", &conf);
	ck_assert_uint_eq(conf.handlers, 1);
	conf_fini(&conf);
	load_good("handlers = 64", &conf);
	ck_assert_uint_eq(conf.handlers, 64);
	conf_fini(&conf);
	snprintf(reason, sizeof reason, "handlers = 65: %s", range);
	assert_refused("\nhandlers = 65", 2, reason);
	snprintf(reason, sizeof reason, "handlers = -1: %s", range);
	assert_refused("handlers = -1", 1, reason);
	assert_refused("handlers = many", 1, "handlers = many: it is a whole number, such as 4");
	assert_refused("handlers = 1x", 1, "handlers = 1x: it is a whole number, such as 4");
	assert_refused("handlers = 99999999999999999999", 1,
	               "handlers = 99999999999999999999: it is a whole number, such as 4");
	assert_refused("handlers", 1, "");
	assert_refused("handlers =", 1, "");
	remove_folder();
}
END_TEST

START_TEST(max_clients_is_1_to_32000)
{
	struct conf conf;

	make_folder();
	load_good("max_clients = 1", &conf);
	ck_assert_uint_eq(conf.max_clients, 1);
	conf_fini(&conf);
	load_good("max_clients = 32000", &conf);
	ck_assert_uint_eq(conf.max_clients, 32000);
	conf_fini(&conf);
	assert_refused("\n\nmax_clients = 0", 3,
	               "max_clients = 0: it is a number from 1 to 32000");
	assert_refused("max_clients = 32001", 1,
	               "max_clients = 32001: it is a number from 1 to 32000");
	assert_refused("max_clients = -1", 1, "max_clients = -1: it is");
	assert_refused("max_clients = 4294967297", 1, "max_clients = 4294967297: it is");
	remove_folder();
}
END_TEST

START_TEST(user_is_any_name)
{
	struct conf conf;

	make_folder();
	load_good("user = \"amyd\"", &conf);
	ck_assert_str_eq(conf.user, "amyd");
	conf_fini(&conf);
	load_good("user = nobody", &conf);
	ck_assert_str_eq(conf.user, "nobody");
	conf_fini(&conf);
	assert_refused("user = \"amyd\n", 1, "a string that does not end in its line");
	remove_folder();
}
END_TEST

/* ---- Options of the log ----------------------------------------------------------- */

START_TEST(log_goes_to_stderr_or_syslog)
{
	struct conf conf;

	make_folder();
	load_good("log { to = \"stderr\" }", &conf);
	ck_assert(conf.log_to_is_set);
	ck_assert_int_eq(conf.log_to, LOG_TO_STDERR);
	conf_fini(&conf);
	load_good("log { to = \"syslog\" }", &conf);
	ck_assert(conf.log_to_is_set);
	ck_assert_int_eq(conf.log_to, LOG_TO_SYSLOG);
	conf_fini(&conf);
	assert_refused("log {\nto = \"file\"\n}", 2,
	               "to = \"file\": it is one of \"stderr\", \"syslog\"");
	assert_refused("log { to = \"Syslog\" }", 1, "to = \"Syslog\": it is one of");
	assert_refused("log { to = \"\" }", 1, "to = \"\": it is one of");
	remove_folder();
}
END_TEST

START_TEST(log_has_a_level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	struct conf conf;
	char text[64];

	make_folder();
	for (int i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "log { level = \"%s\" }", names[i]);
		load_good(text, &conf);
		ck_assert_int_eq(conf.log_level, i);
		conf_fini(&conf);
	}
	assert_refused("log {\n\nlevel = \"loud\"\n}", 3,
	               "level = \"loud\": it is one of \"error\", \"warning\", \"info\", "
	               "\"debug\"");
	remove_folder();
}
END_TEST

START_TEST(log_has_a_facility)
{
	static const struct {
		const char *name;
		int facility;
	} facilities[] = {
		{ "daemon", LOG_DAEMON }, { "user", LOG_USER },     { "auth", LOG_AUTH },
		{ "local0", LOG_LOCAL0 }, { "local3", LOG_LOCAL3 }, { "local7", LOG_LOCAL7 },
	};
	struct conf conf;
	char text[64];

	make_folder();
	for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++) {
		snprintf(text, sizeof text, "log { facility = \"%s\" }", facilities[i].name);
		load_good(text, &conf);
		ck_assert_int_eq(conf.log_facility, facilities[i].facility);
		conf_fini(&conf);
	}
	assert_refused("log { facility = \"local8\" }", 1,
	               "facility = \"local8\": it is one of \"daemon\", \"user\"");
	remove_folder();
}
END_TEST

/* ---- Options of a listener -------------------------------------------------------- */

START_TEST(listener_needs_an_address)
{
	struct conf conf;

	make_folder();
	load_good("listen a { address = \"[::1]:80\" }", &conf);
	ck_assert_str_eq(conf.listeners[0].name, "a");
	ck_assert_str_eq(conf.listeners[0].address, "[::1]:80");
	ck_assert_int_eq(conf.listeners[0].resolved[0].u.any.sa_family, AF_INET6);
	conf_fini(&conf);
	load_good("listen \"two.words\" { address = \"/run/a.sock\" }", &conf);
	ck_assert_str_eq(conf.listeners[0].name, "two.words");
	ck_assert_int_eq(conf.listeners[0].resolved[0].u.any.sa_family, AF_UNIX);
	conf_fini(&conf);
	assert_refused("listen a {\n}", 2, "listen a: it needs an address = \"host:port\"");
	assert_refused("listen { address = \"127.0.0.1:1\" }", 1, "missing title");
	assert_refused("listen a {\naddress = \"127.0.0.1\"\n}", 2,
	               "address = \"127.0.0.1\": write host:port, [v6]:port, *:port or");
	assert_refused("listen a {\naddress = \"::1:2693\"\n}", 2,
	               "address = \"::1:2693\": write an IPv6 address in brackets");
	assert_refused("listen a {\naddress = \"127.0.0.1:65536\"\n}", 2,
	               "address = \"127.0.0.1:65536\": the port is a number from 0");
	assert_refused("listen a {\naddress = \"\"\n}", 2, "address = \"\": write host");
	remove_folder();
}
END_TEST

START_TEST(mode_is_one_of_five)
{
	struct conf conf;

	make_folder();
	load_listen("mode = \"command\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_COMMAND);
	conf_fini(&conf);
	load_listen("mode = \"echo\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_ECHO);
	ck_assert_ptr_null(conf.listeners[0].subject);
	ck_assert_ptr_null(conf.listeners[0].pattern);
	conf_fini(&conf);
	load_listen("mode = \"publish\" subject = \"log.in\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_PUBLISH);
	ck_assert_str_eq(conf.listeners[0].subject, "log.in");
	ck_assert_ptr_null(conf.listeners[0].pattern);
	conf_fini(&conf);
	load_listen("pattern = \"log.>\" mode = \"subscribe\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_SUBSCRIBE);
	ck_assert_str_eq(conf.listeners[0].pattern, "log.>");
	ck_assert_ptr_null(conf.listeners[0].subject);
	conf_fini(&conf);
	assert_listen_refused("mode = \"tcp\"",
	                      "mode = \"tcp\": it is one of \"command\", \"echo\", "
	                      "\"publish\", \"subscribe\", \"http\"");
	remove_folder();
}
END_TEST

/* Whether it is known is a matter of how amyd was built. */
START_TEST(mode_http_is_there_or_says_why_not)
{
	struct conf conf;

	make_folder();
#ifdef HAVE_MICROHTTPD
	load_listen("mode = \"http\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_HTTP);
	conf_fini(&conf);
	load_listen("mode = \"http\" per_ip = 0 line_rate = 0 accept_rate = 0", &conf);
	conf_fini(&conf);
#else
	(void)conf;
	assert_refused("listen main {\n" ADDRESS "mode = \"http\"\n}\n", 4,
	               "listen main: mode = \"http\": this amyd was built without "
	               "libmicrohttpd");
#endif
	remove_folder();
}
END_TEST

/* Told at the end of the section, in line 4. */
static void
assert_mode_refused(const char *text, const char *reason)
{
	char whole[1024];

	snprintf(whole, sizeof whole, "listen main {\n" ADDRESS "%s\n}\n", text);
	assert_refused(whole, 4, reason);
}

START_TEST(publish_needs_a_subject_and_subscribe_a_pattern)
{
	make_folder();
	assert_mode_refused("mode = \"publish\"",
	                    "listen main: mode = \"publish\" needs a subject = ");
	assert_mode_refused("mode = \"subscribe\"",
	                    "listen main: mode = \"subscribe\" needs a pattern = ");
	remove_folder();
}
END_TEST

START_TEST(option_of_another_mode_is_refused)
{
	static const struct {
		const char *option, *text, *mode;
	} options[] = {
		{ "subject", "subject = \"a\"", "publish" },
		{ "eof_line", "eof_line = \"drop\"", "publish" },
		{ "pattern", "pattern = \"a\"", "subscribe" },
		{ "history", "history = 0", "subscribe" },
	};
	static const char *const modes[] = {
		"",
		"mode = command",
		"mode = echo",
		"mode = publish subject = \"a\"",
		"mode = subscribe pattern = \"a\"",
	};
	char text[200], reason[200];
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		for (size_t j = 0; j < sizeof modes / sizeof modes[0]; j++) {
			snprintf(text, sizeof text, "%s %s", modes[j], options[i].text);
			if (strstr(modes[j], options[i].mode) != NULL) {
				load_listen(text, &conf);
				conf_fini(&conf);
				continue;
			}
			snprintf(reason, sizeof reason,
			         "listen main: %s is for mode = \"%s\": remove it, or "
			         "change the mode",
			         options[i].option, options[i].mode);
			assert_mode_refused(text, reason);
		}
	remove_folder();
}
END_TEST

/* option = "value", for each of the values, with what else its mode wants. */
static void
assert_bad_values(const char *option, const char *const bad[], const char *rest)
{
	char text[600], reason[600];

	for (size_t i = 0; bad[i] != NULL; i++) {
		snprintf(text, sizeof text, "%s %s = \"%.300s\"", rest, option, bad[i]);
		snprintf(reason, sizeof reason, "%s = \"%.300s\": ", option, bad[i]);
		assert_listen_refused(text, reason);
	}
}

START_TEST(subject_is_a_good_one_and_not_the_daemons)
{
	static const char *const bad[] = { "",
		                           "a..b",
		                           ".a",
		                           "a.",
		                           "a b",
		                           "log.*",
		                           "log.>",
		                           "\xc3\xa4",
		                           "_amyd",
		                           "_amyd.x",
		                           "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q",
		                           NULL };
	struct conf conf;

	make_folder();
	assert_bad_values("subject", bad, "mode = publish");
	load_listen("mode = publish subject = _amydx", &conf);
	ck_assert_str_eq(conf.listeners[0].subject, "_amydx");
	conf_fini(&conf);
	assert_listen_refused(
	    "mode = publish subject = _amyd.x",
	    "subject = \"_amyd.x\": _amyd is the daemon's own: write one");
	assert_listen_refused(
	    "mode = publish subject = a..b",
	    "subject = \"a..b\": an empty token: dots stand between tokens: "
	    "write one such as \"log.in\"");
	remove_folder();
}
END_TEST

START_TEST(pattern_is_a_good_one)
{
	static const char *const bad[] = { "", "a..b", "a.>.b", ">a", "a b", NULL };
	struct conf conf;

	make_folder();
	assert_bad_values("pattern", bad, "mode = subscribe");
	load_listen("mode = subscribe pattern = \"*.x.>\"", &conf);
	ck_assert_str_eq(conf.listeners[0].pattern, "*.x.>");
	conf_fini(&conf);
	load_listen("mode = subscribe pattern = \"_amyd.>\"", &conf);
	conf_fini(&conf);
	assert_listen_refused(
	    "mode = subscribe pattern = \"a.>.b\"",
	    "pattern = \"a.>.b\": '>' stands only at the end: write one such "
	    "as \"log.>\"");
	remove_folder();
}
END_TEST

START_TEST(history_of_a_listener_is_0_to_a_million)
{
	struct conf conf;

	make_folder();
	load_listen("mode = subscribe pattern = a history = 10", &conf);
	ck_assert_uint_eq(conf.listeners[0].history, 10);
	conf_fini(&conf);
	load_listen("mode = subscribe pattern = a history = 1000000", &conf);
	ck_assert_uint_eq(conf.listeners[0].history, 1000000);
	conf_fini(&conf);
	assert_listen_refused("mode = subscribe pattern = a history = 1000001",
	                      "history = 1000001: it is a number from 0 to 1000000");
	assert_listen_refused("mode = subscribe pattern = a history = -1",
	                      "history = -1: it is");
	assert_listen_refused("mode = subscribe pattern = a history = all",
	                      "history = all: it");
	remove_folder();
}
END_TEST

START_TEST(eof_line_is_dropped_or_published)
{
	struct conf conf;

	make_folder();
	load_listen("mode = publish subject = a eof_line = \"publish\"", &conf);
	ck_assert(conf.listeners[0].eof_line);
	conf_fini(&conf);
	load_listen("mode = publish subject = a eof_line = \"drop\"", &conf);
	ck_assert(!conf.listeners[0].eof_line);
	conf_fini(&conf);
	assert_listen_refused("mode = publish subject = a eof_line = true",
	                      "eof_line = \"true\": it is one of \"drop\", \"publish\"");
	remove_folder();
}
END_TEST

START_TEST(slow_is_drop_or_cut)
{
	struct conf conf;

	make_folder();
	load_listen("slow = \"cut\"", &conf);
	ck_assert(conf.listeners[0].slow_cut);
	conf_fini(&conf);
	load_listen("slow = \"drop\"", &conf);
	ck_assert(!conf.listeners[0].slow_cut);
	conf_fini(&conf);
	assert_listen_refused("slow = \"wait\"",
	                      "slow = \"wait\": it is one of \"drop\", \"cut\"");
	remove_folder();
}
END_TEST

START_TEST(memory_is_a_size_from_32M_upwards)
{
	struct conf conf;

	make_folder();
	load_good("", &conf);
	ck_assert_uint_eq(conf.memory, 0);
	conf_fini(&conf);
	load_good("memory = \"32M\"", &conf);
	ck_assert_uint_eq(conf.memory, (size_t)32 << 20);
	conf_fini(&conf);
	load_good("memory = \"0\"", &conf);
	ck_assert_uint_eq(conf.memory, 0);
	conf_fini(&conf);
	assert_refused("\nmemory = \"31M\"", 2, "memory = \"31M\": it is a size from \"32M\"");
	assert_refused("memory = \"much\"", 1, "memory = \"much\": it is a size from");
	remove_folder();
}
END_TEST

START_TEST(lease_is_a_time)
{
	struct conf conf;

	make_folder();
	load_good("lease = \"0\"", &conf);
	ck_assert_int_eq(conf.lease_ms, 0);
	conf_fini(&conf);
	load_good("lease = \"20ms\"", &conf);
	ck_assert_int_eq(conf.lease_ms, 20);
	conf_fini(&conf);
	assert_refused("\nlease = \"2\"", 2, "lease = \"2\": it is a time such as \"60s\"");
	assert_refused("lease = \"-1s\"", 1, "lease = \"-1s\": it is a time");
	remove_folder();
}
END_TEST

START_TEST(drain_time_is_a_time)
{
	struct conf conf;

	make_folder();
	load_good("drain_time = \"0\"", &conf);
	ck_assert_int_eq(conf.drain_ms, 0);
	conf_fini(&conf);
	load_good("drain_time = \"3650d\"", &conf);
	ck_assert_int_eq(conf.drain_ms, 315360000000);
	conf_fini(&conf);
	assert_refused("\ndrain_time = 5", 2,
	               "drain_time = \"5\": it is a time such as \"60s\"");
	assert_refused("drain_time = \"never\"", 1, "drain_time = \"never\": it is a time");
	remove_folder();
}
END_TEST

/* What it is bound to is not known yet: that is looked at when it is there. */
START_TEST(address_may_be_a_socket_that_is_passed)
{
	char text[400], name[257];
	struct conf conf;

	make_folder();
	load_good("listen a { address = \"fd:main\" }\nlisten b { address = \"fd:80\" }",
	          &conf);
	ck_assert_str_eq(conf.listeners[0].address, "fd:main");
	ck_assert_int_eq(conf.listeners[0].nresolved, 0);
	ck_assert_int_eq(conf.listeners[1].nresolved, 0);
	conf_fini(&conf);
	assert_refused("listen a { address = \"fd:a\" }\nlisten b {\naddress = \"fd:a\"\n}",
	               4, "listen b: fd:a is an address of listen a (fd:a) already: give it");
	assert_refused("listen a {\naddress = \"fd:\"\n}", 2,
	               "address = \"fd:\": write fd: and the FileDescriptorName= of a .socket "
	               "unit, such as \"fd:main\"");
	assert_refused("listen a {\naddress = \"fd:a:b\"\n}", 2, "address = \"fd:a:b\": write");
	assert_refused("listen a {\naddress = \"fd:a\xc3\xa4\"\n}", 2, "address = \"fd:a");
	memset(name, 'n', 256);
	name[256] = '\0';
	snprintf(text, sizeof text, "listen a {\naddress = \"fd:%s\"\n}", name);
	assert_refused(text, 2, "address = \"fd:nnn");
	name[255] = '\0';
	snprintf(text, sizeof text, "listen a {\naddress = \"fd:%s\"\n}", name);
	load_good(text, &conf);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

START_TEST(slow_time_is_a_time)
{
	static const char *const bad[] = { "",      "60",   "s",
		                           "-1s",   "1.5s", "60 s",
		                           "3651d", "1w",   "99999999999999999999s",
		                           "never", NULL };
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "slow_time = \"0\"", 0 },
		{ "slow_time = \"20ms\"", 20 },
		{ "slow_time = \"30s\"", 30000 },
		{ "slow_time = \"10m\"", 600000 },
		{ "slow_time = \"2h\"", 7200000 },
		{ "slow_time = \"1d\"", 86400000 },
		{ "slow_time = 3650d", 315360000000 },
	};
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		load_listen(good[i].text, &conf);
		ck_assert_int_eq(conf.listeners[0].slow_ms, good[i].ms);
		conf_fini(&conf);
	}
	assert_bad_values("slow_time", bad, "");
	assert_listen_refused("slow_time = 60",
	                      "slow_time = \"60\": it is a time such as \"60s\", at most "
	                      "\"3650d\", or \"0\"");
	remove_folder();
}
END_TEST

START_TEST(idle_time_and_line_time_are_times_up_to_30_days)
{
	static const char *const bad[] = { "", "60", "-1s", "31d", "721h", "never", NULL };
	struct conf conf;

	make_folder();
	load_listen("idle_time = \"20ms\" line_time = \"0\"", &conf);
	ck_assert_int_eq(conf.listeners[0].idle_ms, 20);
	ck_assert_int_eq(conf.listeners[0].line_ms, 0);
	conf_fini(&conf);
	load_listen("idle_time = \"0\" line_time = \"30d\"", &conf);
	ck_assert_int_eq(conf.listeners[0].idle_ms, 0);
	ck_assert_int_eq(conf.listeners[0].line_ms, 2592000000);
	conf_fini(&conf);
	assert_bad_values("idle_time", bad, "");
	assert_bad_values("line_time", bad, "");
	assert_listen_refused("idle_time = 31d",
	                      "idle_time = \"31d\": it is a time such as \"30s\", at most "
	                      "\"30d\", or \"0\"");
	remove_folder();
}
END_TEST

START_TEST(per_ip_is_0_to_32000)
{
	struct conf conf;

	make_folder();
	load_listen("per_ip = 1", &conf);
	ck_assert_uint_eq(conf.listeners[0].per_ip, 1);
	conf_fini(&conf);
	load_listen("per_ip = 32000", &conf);
	ck_assert_uint_eq(conf.listeners[0].per_ip, 32000);
	conf_fini(&conf);
	assert_listen_refused("per_ip = -1", "per_ip = -1: it is a number from 0 to 32000");
	assert_listen_refused("per_ip = 32001", "per_ip = 32001: it is a number from 0 to");
	assert_listen_refused("per_ip = some", "per_ip = some: it is a whole number");
	remove_folder();
}
END_TEST

START_TEST(rates_are_0_to_10_million)
{
	static const char *const options[] = { "accept_rate", "line_rate" };
	char text[64], reason[100];
	struct conf conf;

	make_folder();
	load_listen("accept_rate = 7 line_rate = 10000000", &conf);
	ck_assert_uint_eq(conf.listeners[0].accept_rate, 7);
	ck_assert_uint_eq(conf.listeners[0].line_rate, 10000000);
	conf_fini(&conf);
	load_listen("accept_rate = 10000000 line_rate = 1", &conf);
	ck_assert_uint_eq(conf.listeners[0].accept_rate, 10000000);
	ck_assert_uint_eq(conf.listeners[0].line_rate, 1);
	conf_fini(&conf);
	for (int i = 0; i < 2; i++) {
		static const char *const bad[] = { "-1", "10000001", "4294967297" };

		for (int j = 0; j < 3; j++) {
			snprintf(text, sizeof text, "%s = %s", options[i], bad[j]);
			snprintf(reason, sizeof reason, "%s: it is a number from 0 to 10000000",
			         text);
			assert_listen_refused(text, reason);
		}
		snprintf(text, sizeof text, "%s = 0.5", options[i]);
		snprintf(reason, sizeof reason, "%s: it is a whole number", text);
		assert_listen_refused(text, reason);
	}
	remove_folder();
}
END_TEST

START_TEST(lines_that_mean_nothing_have_no_rate)
{
	struct conf conf;

	make_folder();
	load_listen("mode = subscribe pattern = a line_rate = 0", &conf);
	conf_fini(&conf);
	assert_mode_refused("mode = subscribe pattern = a line_rate = 5",
	                    "listen main: line_rate is for modes that take lines: remove it, "
	                    "or change the mode");
	remove_folder();
}
END_TEST

START_TEST(access_is_a_file_mode)
{
	static const struct {
		const char *text;
		mode_t access;
	} modes[] = {
		{ "access = \"0660\"", 0660 },   { "access = \"0777\"", 0777 },
		{ "access = \"600\"", 0600 },    { "access = \"0\"", 0 },
		{ "access = \"000777\"", 0777 },
	};
	static const char *const bad[] = {
		"0680", "01000", "-1", "", "rw", "0x1ff", " 660", "660 ", "+660",
		"7777777777777777777777777",
	};
	struct conf conf;
	char text[64], reason[100];

	make_folder();
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		load_listen(modes[i].text, &conf);
		ck_assert_uint_eq(conf.listeners[0].access, modes[i].access);
		conf_fini(&conf);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, "access = \"%s\"", bad[i]);
		snprintf(reason, sizeof reason, "%s: it is a file mode such as \"0660\"",
		         text);
		assert_listen_refused(text, reason);
	}
	remove_folder();
}
END_TEST

static void
assert_bad_sizes(const char *option, const char *const bad[], const char *range)
{
	char text[64], reason[150];

	for (size_t i = 0; bad[i] != NULL; i++) {
		snprintf(text, sizeof text, "%s = \"%s\"", option, bad[i]);
		snprintf(reason, sizeof reason, "%s: it is a size from %s, such as \"64K\"",
		         text, range);
		assert_listen_refused(text, reason);
	}
}

START_TEST(max_line_is_1_to_16m)
{
	static const char *const bad[] = { "0", "16777217", "17M", "1G", "64 K", "64KB", "",
		                           "-1", "big", "99999999999999999999", NULL };
	struct conf conf;

	make_folder();
	load_listen("max_line = \"1\"", &conf);
	ck_assert_uint_eq(conf.listeners[0].max_line, 1);
	conf_fini(&conf);
	load_listen("max_line = 16M", &conf);
	ck_assert_uint_eq(conf.listeners[0].max_line, 16 << 20);
	conf_fini(&conf);
	load_listen("max_line = 100", &conf);
	ck_assert_uint_eq(conf.listeners[0].max_line, 100);
	conf_fini(&conf);
	assert_bad_sizes("max_line", bad, "1 to \"16M\"");
	remove_folder();
}
END_TEST

START_TEST(queue_is_4k_to_512m)
{
	static const char *const bad[] = { "0", "4095", "3K", "536870913", "513M", "1G", "",
		                           "1.5M", NULL };
	struct conf conf;

	make_folder();
	load_listen("queue = \"4K\"", &conf);
	ck_assert_uint_eq(conf.listeners[0].queue, 4096);
	conf_fini(&conf);
	load_listen("queue = \"512m\"", &conf);
	ck_assert_uint_eq(conf.listeners[0].queue, 512u << 20);
	conf_fini(&conf);
	assert_bad_sizes("queue", bad, "\"4K\" to \"512M\"");
	remove_folder();
}
END_TEST

START_TEST(max_subs_is_0_to_a_million)
{
	struct conf conf;

	make_folder();
	load_listen("max_subs = 0", &conf);
	ck_assert_uint_eq(conf.listeners[0].max_subs, 0);
	conf_fini(&conf);
	load_listen("max_subs = 1000000", &conf);
	ck_assert_uint_eq(conf.listeners[0].max_subs, 1000000);
	conf_fini(&conf);
	assert_listen_refused("max_subs = -1",
	                      "max_subs = -1: it is a number from 0 to 1000000");
	assert_listen_refused("max_subs = 1000001", "max_subs = 1000001: it is a number");
	assert_listen_refused("max_subs = none", "max_subs = none: it is a whole number");
	remove_folder();
}
END_TEST

START_TEST(only_an_open_listener_may_be_reached_from_elsewhere)
{
	static const char *const texts[] = { "*:1", "0.0.0.0:1", "[::]:1", "192.0.2.1:1" };
	char text[200], reason[200];
	struct conf conf;

	make_folder();
	load_listen("open = true", &conf);
	ck_assert(conf.listeners[0].open);
	conf_fini(&conf);
	load_listen("open = false", &conf);
	ck_assert(!conf.listeners[0].open);
	conf_fini(&conf);
	assert_listen_refused("open = perhaps", "invalid boolean value for option 'open'");
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		snprintf(text, sizeof text, "listen a {\naddress = \"%s\"\n}", texts[i]);
		snprintf(reason, sizeof reason,
		         "listen a: %s can be reached from other machines: if that is meant, "
		         "add open = true",
		         texts[i]);
		assert_refused(text, 3, reason);
		snprintf(text, sizeof text,
		         "listen a {\naddress = \"%s\"\nopen = true }", texts[i]);
		load_good(text, &conf);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

/* ---- Several listeners ------------------------------------------------------------ */

START_TEST(name_of_a_section_breaks_no_row)
{
	static const char *const bad[] = { "\"\"",     "\"a b\"",   "'a b'",      "\"a\\nb\"",
		                           "\"a\\tb\"", "\"a\\x7f\"", "\"\\x1b[1m\"", "\"a\\xff\"",
		                           "\"a\rb\"" };
	static const char *const sections[] = { "listen %s { address = \"fd:a\" }",
		                                "history %s { match = a }",
		                                "rule %s { match = a to = \"file:/f\" }" };
	char text[200];
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
		const char *rest = strchr(sections[i], '%') + 2;
		int n = (int)(rest - 2 - sections[i]);

		for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
			snprintf(text, sizeof text, "\n%.*s%s%s", n, sections[i], bad[j], rest);
			assert_refused(text, 2, "the name of this section of ");
		}
		snprintf(text, sizeof text, "%.*s%s%s", n, sections[i],
		         "\"b\xc3\xb6se:1/x-y_z.a|'{\"", rest);
		load_good(text, &conf);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(listeners_keep_their_order)
{
	struct conf conf;

	make_folder();
	load_good("listen b { address = \"127.0.0.1:2\" mode = \"echo\" }\n"
	          "listen a { address = \"127.0.0.1:1\" queue = 5K }\n"
	          "listen c { address = \"/c\" }\n",
	          &conf);
	ck_assert_uint_eq(conf.nlisteners, 3);
	ck_assert_str_eq(conf.listeners[0].name, "b");
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_ECHO);
	ck_assert_uint_eq(conf.listeners[0].queue, 1 << 20);
	ck_assert_str_eq(conf.listeners[1].name, "a");
	ck_assert_int_eq(conf.listeners[1].mode, CONF_MODE_COMMAND);
	ck_assert_uint_eq(conf.listeners[1].queue, 5120);
	ck_assert_str_eq(conf.listeners[2].name, "c");
	conf_fini(&conf);
	remove_folder();
}
END_TEST

START_TEST(two_listeners_of_one_name_are_refused)
{
	make_folder();
	assert_refused("listen a { address = \"127.0.0.1:1\" }\n"
	               "listen a { address = \"127.0.0.1:2\" }\n",
	               2, "found duplicate title 'a'");
	remove_folder();
}
END_TEST

START_TEST(two_listeners_on_one_address_are_refused)
{
	struct conf conf;

	make_folder();
	assert_refused("listen a { address = \"127.0.0.1:1\" }\n"
	               "listen b { address = \"127.0.0.1:2\" }\n\n"
	               "listen c { address = \"127.0.0.1:01\" }\n",
	               4, "listen c: 127.0.0.1:01 is an address of listen a (127.0.0.1:1) already");
	assert_refused("listen a { address = \"/a\" }\nlisten b { address = \"/a\" }\n", 2,
	               "listen b: /a is an address of listen a (/a) already");
	assert_refused("listen a { address = \"[::1]:1\" }\n"
	               "listen b { address = \"[0::1]:1\" }\n",
	               2, "listen b: [0::1]:1 is an address of listen a ([::1]:1) already");
	assert_refused("listen a { address = \"127.0.0.1:1\" }\n"
	               "listen b { address = \"*:1\" open = true }\n",
	               2, "listen b: *:1 is an address of listen a (127.0.0.1:1) already");
	load_good("listen a { address = \"127.0.0.1:0\" }\n"
	          "listen b { address = \"127.0.0.1:0\" }\n"
	          "listen c { address = \"[::1]:0\" }\n",
	          &conf);
	ck_assert_uint_eq(conf.nlisteners, 3);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* ---- Histories -------------------------------------------------------------------- */

START_TEST(history_has_defaults)
{
	struct conf conf;

	make_folder();
	load_good("history b { match = \"log.>\" }\n"
	          "history a { match = \"a\" lines = 1 bytes = \"4K\" }\n"
	          "history c { match = \">\" lines = 10000000 bytes = \"64G\" }\n",
	          &conf);
	ck_assert_uint_eq(conf.nhistories, 3);
	ck_assert_str_eq(conf.histories[0].name, "b");
	ck_assert_str_eq(conf.histories[0].match, "log.>");
	ck_assert_uint_eq(conf.histories[0].lines, 1000);
	ck_assert_uint_eq(conf.histories[0].bytes, 16 << 20);
	ck_assert_str_eq(conf.histories[1].name, "a");
	ck_assert_uint_eq(conf.histories[1].lines, 1);
	ck_assert_uint_eq(conf.histories[1].bytes, 4096);
	ck_assert_uint_eq(conf.histories[2].lines, 10000000);
	ck_assert_uint_eq(conf.histories[2].bytes, (size_t)64 << 30);
	ck_assert_uint_eq(conf.nlisteners, 1);
	conf_fini(&conf);
	ck_assert_uint_eq(conf.nhistories, 0);
	remove_folder();
}
END_TEST

START_TEST(bad_history_is_refused)
{
	make_folder();
	assert_refused("history logs {\n}\n", 2,
	               "history logs: it needs a match = \"pattern\", such as \"log.>\"");
	assert_refused("history a {\nmatch = \"a..b\"\n}", 2,
	               "match = \"a..b\": an empty token");
	assert_refused("history a {\nmatch = a\nlines = 0\n}", 3,
	               "lines = 0: it is a number from 1 to 10000000");
	assert_refused("history a { match = a lines = 10000001 }", 1,
	               "lines = 10000001: it is a");
	assert_refused("history a {\nbytes = \"4095\"\n}", 2,
	               "bytes = \"4095\": it is a size from \"4K\" upwards, such as");
	assert_refused("history a { match = a bytes = all }", 1,
	               "bytes = \"all\": it is a size");
	assert_refused("history { match = a }", 1, "missing title");
	assert_refused("history a { match = a }\nhistory a { match = b }\n", 2,
	               "found duplicate title 'a'");
	assert_refused("history a { match = a\npattern = b }\n", 2,
	               "no such option 'pattern'");
	remove_folder();
}
END_TEST

/* ---- Rules ------------------------------------------------------------------------ */

/* One rule for "a", with that in line 2. */
static void
load_rule(const char *text, struct conf *conf)
{
	char whole[600];

	snprintf(whole, sizeof whole, "rule r { match = a\n%s\n}\n", text);
	load_good(whole, conf);
	ck_assert_uint_eq(conf->nrules, 1);
}

static void
assert_rule_refused(const char *text, int line, const char *reason)
{
	char whole[600];

	snprintf(whole, sizeof whole, "rule r { match = a\n%s\n}\n", text);
	assert_refused(whole, line, reason);
}

static void
assert_target(const struct conf_target *target, enum conf_target_kind kind,
              const char *text, const char *name)
{
	ck_assert_int_eq(target->kind, kind);
	ck_assert_str_eq(target->text, text);
	ck_assert_str_eq(target->name, name);
}

START_TEST(rule_has_a_format_for_what_leaves)
{
	static const struct {
		const char *format, *unknown;
	} bad[] = {
		{ "%", "there is no %:" },          { "%txt", "there is no %txt:" },
		{ "%text%", "there is no %:" },     { "%% %Text", "there is no %:" },
		{ "%textx", "there is no %textx:" }, { "100% of %text", "there is no %:" },
	};
	struct conf conf;
	char text[200], expected[100];

	make_folder();
	load_good("rule a { match = a to = \"file:/a\" format = \"%time %subject %text\" }\n"
	          "rule b { match = a to = \"file:/a\" format = \"%text\" }\n"
	          "rule c { match = a to = { \"subject:x\", \"tcp:127.0.0.1:1\" }\n"
	          "format = '<%from> %user %seq@%node: %% %text' }\n"
	          "rule d { match = a to = \"subject:x\" }\n",
	          &conf);
	ck_assert_str_eq(conf.rules[0].format, "%time %subject %text");
	ck_assert_ptr_null(conf.rules[1].format);
	ck_assert_str_eq(conf.rules[2].format, "<%from> %user %seq@%node: %% %text");
	ck_assert_ptr_null(conf.rules[3].format);
	conf_fini(&conf);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, "rule a { match = a to = \"file:/a\"\nformat = \"%s\"\n}",
		         bad[i].format);
		snprintf(expected, sizeof expected, "format = \"%s\": %s", bad[i].format,
		         bad[i].unknown);
		assert_refused(text, 2, expected);
	}
	assert_refused("rule a { match = a to = \"file:/a\"\nformat = \"a\\nb\"\n}", 2,
	               "format: it is one line");
	assert_refused("rule a { match = a to = \"subject:x\" format = \"%seq\" }", 1,
	               "rule a: format = is for lines to files, syslog and TCP");
	remove_folder();
}
END_TEST

START_TEST(rules_have_targets)
{
	const struct conf_target *targets;
	struct conf conf;

	make_folder();
	load_good("rule errors { match = \"log.>\" regex = 'E\\d+ \"' to = { "
	          "\"subject:alert\", "
	          "\"syslog:local3.err\" } }\n"
	          "rule archive {\n match = log.web\n to = {\n\"file:/var/log/all\",\n"
	          "\"tcp:127.0.0.1:5140\" }\n queue = \"4M\" stop = true }\n",
	          &conf);
	ck_assert_uint_eq(conf.nrules, 2);
	ck_assert_str_eq(conf.rules[0].name, "errors");
	ck_assert_str_eq(conf.rules[0].match, "log.>");
	ck_assert_str_eq(conf.rules[0].regex, "E\\d+ \"");
	ck_assert_uint_eq(conf.rules[0].queue, 1 << 20);
	ck_assert(!conf.rules[0].stop);
	ck_assert_uint_eq(conf.rules[0].ntargets, 2);
	targets = conf.rules[0].targets;
	assert_target(&targets[0], CONF_TARGET_SUBJECT, "subject:alert", "alert");
	assert_target(&targets[1], CONF_TARGET_SYSLOG, "syslog:local3.err", "local3.err");
	ck_assert_int_eq(targets[1].syslog_priority, LOG_LOCAL3 | LOG_ERR);
	ck_assert_str_eq(conf.rules[1].name, "archive");
	ck_assert_ptr_null(conf.rules[1].regex);
	ck_assert_uint_eq(conf.rules[1].queue, 4 << 20);
	ck_assert(conf.rules[1].stop);
	ck_assert_uint_eq(conf.rules[1].ntargets, 2);
	targets = conf.rules[1].targets;
	assert_target(&targets[0], CONF_TARGET_FILE, "file:/var/log/all", "/var/log/all");
	assert_target(&targets[1], CONF_TARGET_TCP, "tcp:127.0.0.1:5140",
	              "127.0.0.1:5140");
	conf_fini(&conf);
	ck_assert_uint_eq(conf.nrules, 0);
	remove_folder();
}
END_TEST

START_TEST(rule_needs_a_match_and_a_target)
{
	make_folder();
	assert_refused("rule r {\nto = { \"subject:x\" }\n}", 3,
	               "rule r: it needs a match = \"pattern\", such as \"log.>\"");
	assert_rule_refused(
	    "", 3, "rule r: it has 0 targets: to = { ... } has 1 to 16, such as");
	assert_rule_refused("to = { }", 3, "rule r: it has 0 targets");
	assert_refused("rule r { match = \"a.>.b\" }", 1,
	               "match = \"a.>.b\": '>' stands only");
	assert_refused("rule { match = a }", 1, "missing title");
	assert_refused("rule a { match = a to = { \"subject:x\" } }\n"
	               "rule a { match = b to = { \"subject:x\" } }\n",
	               2, "found duplicate title 'a'");
	remove_folder();
}
END_TEST

START_TEST(one_target_needs_no_braces)
{
	struct conf conf;

	make_folder();
	load_rule("to = \"file:/x\"", &conf);
	ck_assert_uint_eq(conf.rules[0].ntargets, 1);
	ck_assert_str_eq(conf.rules[0].targets[0].name, "/x");
	conf_fini(&conf);
	assert_rule_refused("to = \"x\"", 2, "to = \"x\": it begins with one of");
	remove_folder();
}
END_TEST

START_TEST(targets_of_a_rule_are_at_most_16)
{
	char text[500] = "to = { \"subject:x\"";
	struct conf conf;

	make_folder();
	for (int i = 1; i < 16; i++)
		strcat(text, ", \"subject:x\"");
	strcat(text, "}");
	load_rule(text, &conf);
	ck_assert_uint_eq(conf.rules[0].ntargets, 16);
	conf_fini(&conf);
	text[strlen(text) - 1] = '\0';
	strcat(text, ", \"file:/x\" }");
	assert_rule_refused(text, 3,
	                    "rule r: it has 17 targets: to = { ... } has 1 to 16");
	remove_folder();
}
END_TEST

START_TEST(bad_target_is_refused)
{
	static const struct {
		const char *target, *why;
	} bad[] = {
		{ "", "it begins with one of \"subject:\", \"file:/\", \"syslog:\"" },
		{ "alert", "it begins with one of" },
		{ "udp:127.0.0.1:1", "it begins with one of" },
		{ "Subject:x", "it begins with one of" },
		{ "subject:", "it is missing: write one such as subject:alert" },
		{ "subject:a b", "a token has bytes other than" },
		{ "subject:a.>", "wildcards are for" },
		{ "subject:_amyd", "_amyd is the daemon's own" },
		{ "subject:_amyd.a", "_amyd is the daemon's own" },
		{ "file:", "write the whole path of a file, such as file:/var" },
		{ "file:log", "write the whole path" },
		{ "file:./log", "write the whole path" },
		{ "file:/", "write the whole path" },
		{ "file:/var/", "write the whole path" },
		{ "syslog:", "write facility.level, such as syslog:local3.err" },
		{ "syslog:local3", "write facility.level" },
		{ "syslog:local8.err", "there is no such facility" },
		{ "syslog:kern.err", "there is no such facility" },
		{ "syslog:.err", "there is no such facility" },
		{ "syslog:Local3.err", "there is no such facility" },
		{ "syslog:local3.",
		  "there is no such level: it is one of emerg, alert," },
		{ "syslog:local3.error", "there is no such level" },
		{ "syslog:local3.err.x", "there is no such level" },
		{ "tcp:", "write tcp:host:port or tcp:[v6]:port" },
		{ "tcp:host", "write tcp:host:port" },
		{ "tcp::80", "write tcp:host:port" },
		{ "tcp:*:80", "write tcp:host:port" },
		{ "tcp:a b:80", "write tcp:host:port" },
		{ "tcp:::1:80", "write tcp:host:port" },
		{ "tcp:[]:80", "write tcp:host:port" },
		{ "tcp:[::1:80", "write tcp:host:port" },
		{ "tcp:[::1]", "write tcp:host:port" },
		{ "tcp:[::1]80", "write tcp:host:port" },
		{ "tcp:[host]:80", "write tcp:host:port" },
		{ "tcp:[::1::]:80", "write tcp:host:port" },
		{ "tcp:/run/sock", "write tcp:host:port" },
		{ "tcp:/run/sock:80", "write tcp:host:port" },
		{ "tcp:host:", "the port is a number from 1 to 65535" },
		{ "tcp:host:0", "the port is a number" },
		{ "tcp:host:65536", "the port is a number" },
		{ "tcp:host:4294967376", "the port is a number" },
		{ "tcp:host:18446744073709551696", "the port is a number" },
		{ "tcp:host:-1", "the port is a number" },
		{ "tcp:host:+80", "the port is a number" },
		{ "tcp:host: 80", "the port is a number" },
		{ "tcp:host:http", "the port is a number" },
	};
	char text[200], reason[200];

	make_folder();
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, "to = { \"file:/good\",\n\"%s\" }",
		         bad[i].target);
		snprintf(reason, sizeof reason, "to = \"%s\": %s", bad[i].target,
		         bad[i].why);
		assert_rule_refused(text, 3, reason);
	}
	remove_folder();
}
END_TEST

START_TEST(good_target_is_taken)
{
	static const char *const good[] = {
		"subject:a",         "subject:_amydx.b",
		"file:/a",           "file:/a/b c",
		"tcp:host:1",        "tcp:host:65535",
		"tcp:[::1]:80",      "tcp:[fe80::1%eth0]:80",
		"tcp:10.0.0.1:080",  "tcp:a-b.example:7",
		"syslog:auth.emerg", "syslog:authpriv.debug",
	};
	struct conf conf;
	char text[100];

	make_folder();
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		/* "a" would go to itself */
		snprintf(text, sizeof text, "match = b to = { \"%s\" }", good[i]);
		load_rule(text, &conf);
		ck_assert_str_eq(conf.rules[0].targets[0].text, good[i]);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(syslog_has_all_facilities_and_levels)
{
	static const struct {
		const char *name;
		int value;
	} facilities[] = {
		{ "auth", LOG_AUTH },     { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
		{ "daemon", LOG_DAEMON }, { "ftp", LOG_FTP },           { "lpr", LOG_LPR },
		{ "mail", LOG_MAIL },     { "news", LOG_NEWS },         { "syslog", LOG_SYSLOG },
		{ "user", LOG_USER },     { "uucp", LOG_UUCP },         { "local0", LOG_LOCAL0 },
		{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },     { "local3", LOG_LOCAL3 },
		{ "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },     { "local6", LOG_LOCAL6 },
		{ "local7", LOG_LOCAL7 },
	}, levels[] = {
		{ "emerg", LOG_EMERG }, { "alert", LOG_ALERT },     { "crit", LOG_CRIT },
		{ "err", LOG_ERR },     { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
		{ "info", LOG_INFO },   { "debug", LOG_DEBUG },
	};
	struct conf conf;
	char text[100];

	make_folder();
	for (size_t i = 0; i < 19 * 8; i++) {
		snprintf(text, sizeof text, "to = { \"syslog:%s.%s\" }",
		         facilities[i % 19].name, levels[i % 8].name);
		load_rule(text, &conf);
		ck_assert_int_eq(conf.rules[0].targets[0].syslog_priority,
		                 facilities[i % 19].value | levels[i % 8].value);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(other_options_of_a_rule_are_checked)
{
	make_folder();
	assert_rule_refused("regex = 'foo('", 2,
	                    "regex = 'foo(': missing closing parenthesis (after byte 4)");
	assert_rule_refused("regex = '(*UTF)x'", 2,
	                    "regex = '(*UTF)x': using UTF is disabled");
	assert_rule_refused("queue = \"4095\"", 2,
	                    "queue = \"4095\": it is a size from \"4K\" to \"512M\"");
	assert_rule_refused("stop = maybe", 2, "invalid boolean value for option 'stop'");
	assert_rule_refused("subject = x", 2, "no such option 'subject'");
	remove_folder();
}
END_TEST

/* So many rules that lead nowhere in particular. */
static void
load_rules(unsigned n, int code)
{
	char text[6000] = "";
	struct conf conf;

	for (unsigned i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
		         "rule r%u { match = m to = { \"subject:s\" } }\n", i);
	ck_assert_msg(load_text(text, &conf) == code, "%s", error);
	if (code == 0)
		ck_assert_uint_eq(conf.nrules, n);
	conf_fini(&conf);
}

START_TEST(rules_are_at_most_64)
{
	make_folder();
	load_rules(64, 0);
	load_rules(65, EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(
	    error, ":65: rule r64: it is one too many: there are at most 64 rules"));
	remove_folder();
}
END_TEST

/* ---- Loops ------------------------------------------------------------------------ */

#define RULE(name, match, rest) "rule " name " { match = \"" match "\" " rest " }\n"
#define TO(target)              "to = { \"subject:" target "\" }"

START_TEST(line_that_would_go_round_is_refused)
{
	make_folder();
	assert_refused(
	    RULE("a", "x", TO("x")), 1,
	    "rule a: subject:x goes to rule a, which is a loop: choose a subject");
	assert_refused(RULE("a", ">", TO("x")), 1,
	               "rule a: subject:x goes to rule a, which");
	assert_refused(
	    "\n" RULE("a", "x", TO("y")) RULE("b", "y", TO("x")), 2,
	    "rule a: subject:y goes to rule b, where subject:x goes to rule a, which "
	    "is a loop: ");
	/* Who only leads to the loop is not of it. */
	assert_refused(RULE("a", "w", TO("x")) RULE("b", "x", TO("y"))
	                   RULE("c", "y",
	                        "to = "
	                        "{ \"file:/a\", \"subject:n.o\", \"subject:y\" }"),
	               3, "rule c: subject:y goes to rule c, which is a loop");
	assert_refused(
	    RULE("a", "w", TO("x")) RULE("b", "x", TO("y"))
		RULE("c", "y",
	             "to = "
	             "{ \"file:/a\", \"subject:n.o\", \"subject:x\" }"),
	    2, "rule b: subject:y goes to rule c, where subject:x goes to rule b, which");
	remove_folder();
}
END_TEST

START_TEST(regex_does_not_keep_a_line_from_going_round)
{
	make_folder();
	assert_refused(RULE("a", "x", "regex = y " TO("x")), 1,
	               "rule a: subject:x goes to rule a");
	assert_refused(RULE("s", "x", "regex = y stop = true " TO("other"))
	                   RULE("a", "x", TO("x")),
	               2, "rule a: subject:x goes to rule a");
	assert_refused(RULE("a", "x", "stop = true " TO("x")), 1,
	               "rule a: subject:x goes to");
	remove_folder();
}
END_TEST

START_TEST(rule_that_stops_keeps_a_line_from_going_round)
{
	struct conf conf;

	make_folder();
	load_good(RULE("s", "x", "stop = true to = \"file:/f\"") RULE("a", ">", TO("x")),
	          &conf);
	conf_fini(&conf);
	/* It must stand before it. */
	assert_refused(RULE("a", ">", TO("x"))
	                   RULE("s", "x", "stop = true to = \"file:/f\""),
	               1, "rule a: subject:x goes to rule a");
	/* And stop all that comes. */
	assert_refused(RULE("s", "x", "stop = true to = \"file:/f\"")
	                   RULE("a", ">", "to = { \"subject:x\", \"subject:y\" }"),
	               2, "rule a: subject:y goes to rule a");
	remove_folder();
}
END_TEST

START_TEST(line_may_go_two_ways_to_one_place)
{
	struct conf conf;

	make_folder();
	load_good(RULE("a", "a", "to = { \"subject:b\", \"subject:c\" }")
	              RULE("b", "b", TO("d")) RULE("c", "c", TO("d"))
	                  RULE("d", "d", TO("e")) RULE("log", "_amyd.>", TO("a")),
	          &conf);
	ck_assert_uint_eq(conf.nrules, 5);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* Rules r0 to rn, each of which hands on to the next. The last one stands first. */
static void
write_chain(char *text, size_t size, int n)
{
	*text = '\0';
	for (int i = n; i >= 0; i--)
		snprintf(text + strlen(text), size - strlen(text),
		         "rule r%d { match = s%d to = { \"subject:s%d\" } }\n", i, i,
		         i + 1);
}

START_TEST(chain_has_at_most_8_handovers)
{
	char text[4000];
	struct conf conf;

	make_folder();
	write_chain(text, sizeof text, 8);
	load_good(text, &conf);
	conf_fini(&conf);
	write_chain(text, sizeof text, 9);
	assert_refused(
	    text, 10,
	    "rule r0: subject:s1 goes to rule r1, where subject:s2 goes to rule r2, ");
	ck_assert_ptr_nonnull(
	    strstr(error, "where subject:s9 goes to rule r9: more than 8 rules "
	                  "hand a line on: make the chain shorter"));
	write_chain(text, sizeof text, 63);
	assert_refused(text, 10, "rule r54: subject:s55 goes to rule r55, where ");
	remove_folder();
}
END_TEST

/* Rules r0 to rn-1, each of which hands on to the next, and so often. The last one stands first. */
static void
write_wide(char *text, size_t size, int n, int ntargets)
{
	*text = '\0';
	for (int i = n - 1; i >= 0; i--) {
		snprintf(text + strlen(text), size - strlen(text),
		         "rule r%d { match = \"s%d.*\" to = { ", i, i);
		for (int t = 0; t < ntargets; t++)
			snprintf(text + strlen(text), size - strlen(text),
			         "%s\"subject:s%d.%d\"", t == 0 ? "" : ", ", i + 1, t);
		snprintf(text + strlen(text), size - strlen(text), " } }\n");
	}
}

START_TEST(line_becomes_at_most_512_lines)
{
	char text[16000];
	struct conf conf;

	make_folder();
	write_wide(text, sizeof text, 2, 16);
	load_good(text, &conf); /* 16 + 256 */
	conf_fini(&conf);
	write_wide(text, sizeof text, 8, 2);
	load_good(text, &conf); /* 2 + 4 + ... + 256 */
	conf_fini(&conf);
	write_wide(text, sizeof text, 9, 2);
	assert_refused(text, 9, "rule r0: one line becomes 1022 lines");
	write_wide(text, sizeof text, 7, 16);
	assert_refused(text, 3, "rule r4: one line becomes 4368 lines");
	ck_assert_ptr_nonnull(strstr(error, "at most 512: name fewer targets"));
	remove_folder();
}
END_TEST

START_TEST(target_that_is_a_publish_listener_is_refused)
{
	static const char *const same[][2] = {
		{ "127.0.0.1:2695", "127.0.0.1:2695" }, { "*:2695", "127.0.0.1:2695" },
		{ "*:2695", "[::1]:2695" },             { "127.0.0.1:2695", "localhost:2695" },
		{ "127.0.0.1:2695", "0.0.0.0:2695" },   { "*:2695", "LocalHost:2695" },
	};
	static const char format[] =
	    "listen in { address = \"%s\" open = true mode = \"%s\" %s }\n"
	    "rule a { match = \"log.>\" to = \"tcp:%s\" }\n";
	char text[500];
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		snprintf(text, sizeof text, format, same[i][0], "publish", "subject = x",
		         same[i][1]);
		assert_refused(text, 2, "rule a: tcp:");
		ck_assert_ptr_nonnull(strstr(error, " leads to amyd's own listener in, "));
		snprintf(text, sizeof text, format, same[i][0], "command", "", same[i][1]);
		load_good(text, &conf);
		conf_fini(&conf);
	}
	snprintf(text, sizeof text, format, "127.0.0.1:2695", "publish", "subject = x",
	         "127.0.0.1:2696");
	load_good(text, &conf);
	conf_fini(&conf);
	snprintf(text, sizeof text, format, "127.0.0.1:2695", "publish", "subject = x",
	         "127.0.0.2:2695");
	load_good(text, &conf);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

START_TEST(long_chain_is_told_as_far_as_there_is_room)
{
	static const char rule[] =
	    "rule %c%0300d { match = %d to = { \"subject:%d\" } }\n";
	char text[4000] = "";
	struct conf conf;

	make_folder();
	for (int i = 0; i < 5; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), rule, 'r', i, i,
		         (i + 1) % 5);
	ck_assert_int_eq(load_text(text, &conf), EX_CONFIG);
	ck_assert_uint_eq(strlen(error), CONF_MAX_ERROR - 1);
	remove_folder();
}
END_TEST

/* ---- What is no option ------------------------------------------------------------ */

START_TEST(unknown_option_is_refused_wherever_it_stands)
{
	make_folder();
	assert_refused("handlers = 1\nhandler = 1\n", 2,
	               "no such option 'handler': remove it, or see amyd.conf(5) for how it "
	               "is spelled");
	assert_refused("max_line = 64K", 1, "no such option 'max_line': remove it");
	assert_listen_refused("maxline = 64K", "no such option 'maxline': remove it");
	assert_refused("log {\nfile = \"x\"\n}", 2, "no such option 'file': remove it");
	assert_refused("server { }", 1, "no such option 'server': remove it");
	/* Of two errors the first is told. */
	assert_refused("one = 1\ntwo = 2\n", 1, "no such option 'one'");
	remove_folder();
}
END_TEST

START_TEST(what_cannot_be_parsed_is_refused_with_its_line)
{
	make_folder();
	assert_refused("\n= 3", 2, "what stands before the = is not the name of an option");
	assert_refused("\n, a", 2, "unexpected token ','");
	assert_refused("\n\n}", 3, "unexpected closing brace");
	assert_refused("handlers = { 1 }", 1, "unexpected token '{'");
	assert_refused("handlers += 1", 1, "attempt to append to non-list option");
	assert_refused("handlers = 1\nuser", 2, "premature end of file");
	assert_refused("handlers = 1\nuser =", 2, "");
	assert_refused("/* never ended", 1, "a comment that never ends: add */");
	assert_refused("# x\nhandlers = 7 # y\n\n/* \"\n*", 4, "a comment that never ends");
	assert_refused("/*/", 1, "a comment that never ends");
	remove_folder();
}
END_TEST

START_TEST(section_that_never_ends_is_refused)
{
	static const char reason[] = "a section that never ends: add }";

	make_folder();
	assert_refused("log {", 1, reason);
	assert_refused("\nlog {\n", 2, reason);
	assert_refused("log {\n# }", 1, reason);
	assert_refused("listen a {\n" ADDRESS, 1, reason);
	assert_refused("# x\nlisten a {\n" ADDRESS "\nlisten b {\n" ADDRESS "}\n", 2, reason);
	remove_folder();
}
END_TEST

START_TEST(comments_are_skipped)
{
	static const char *const texts[] = {
		"# handlers = 3\n// handlers = 4\n/* handlers\n= 5 */handlers = 7 # = 6\nuser = amyd //",
		"#\n##\n//\n//x\n#\"\n//'\n/**/handlers /**/=/*\"*/7 /*'*//**/user#\n=#\namyd",
		"handlers = 7 /* * / // # \n # */ user = amyd#/*",
	};
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		load_good(texts[i], &conf);
		ck_assert_uint_eq(conf.handlers, 7);
		ck_assert_str_eq(conf.user, "amyd");
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(what_looks_like_a_comment_in_a_string_is_none)
{
	static const char *const texts[][2] = {
		{ "user = \"# // /* */\"", "# // /* */" },
		{ "user = '# // /* */'", "# // /* */" },
		{ "user = \"\\\"#\" # \"", "\"#" },
		{ "user = '\\'#' # '", "'#" },
		{ "user = \"'#\"", "'#" },
		{ "user = '\"#'", "\"#" },
		{ "user = \"\\\\\"# \"", "\\" },
		{ "user = \"\\\n#\"", "#" },
		{ "user = a//b", "a//b" },
		{ "user = /a//b", "/a//b" },
	};
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		load_good(texts[i][0], &conf);
		ck_assert_str_eq(conf.user, texts[i][1]);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(lines_of_comments_are_counted)
{
	make_folder();
	assert_refused("# x\n\nhandlers = 65", 3, "handlers = 65");
	assert_refused("# x\n# y\n#\nhandlers = 65", 4, "handlers = 65");
	assert_refused("// x\n//\nhandlers = 65", 3, "handlers = 65");
	assert_refused("/*\n\n*/ # x\nhandlers = 65", 4, "handlers = 65");
	assert_refused("/* x */ /* y */ handlers = 65", 1, "handlers = 65");
	assert_refused("user = \"#\\\n\"\nhandlers = 65", 3, "handlers = 65");
	assert_refused("user = '#\\\n'\nhandlers = 65", 3, "handlers = 65");
	assert_refused("# x\r\n\r\n/*\r\n*/handlers = 65", 4, "handlers = 65");
	assert_refused("listen a { # x\n# y\n" ADDRESS "# z\nmode = x # y\n}", 5, "mode = ");
	remove_folder();
}
END_TEST

/* ---- What libConfuse would misread ------------------------------------------------- */

/* What is wrong in a text stands in its second line; it hides nothing, and the next is read. */
START_TEST(what_the_lexer_would_misread_is_refused_with_its_line)
{
	static const char quotes[] = "a * or + outside of a string: put what it belongs to into "
				     "quotes";
	static const char environment[] = "a ${ that is not of the form ${NAME} or ${NAME:-text}";
	static const char open_string[] = "a string that does not end in its line: add the quote";
	static const char octal[] = "a backslash before digits that are no byte in octal";
	static const char name[] = "what stands before the = is not the name of an option";
	static const char *const texts[][2] = {
		{ "*/*", quotes },
		{ "user = */*", quotes },
		{ "user = a*/", quotes },
		{ "user = a/*b", quotes },
		{ "listen a { address = *:0 }", quotes },
		{ "user = a+b", quotes },
		{ "user + = a", quotes },
		{ "user = \"a", open_string },
		{ "user = \"a\nlease = \"2s\"", open_string },
		{ "user = 'a", open_string },
		{ "user = \"a\\", open_string },
		{ "user = 'a\\", open_string },
		{ "user = '\n", open_string },
		{ "user = \"\\9\"", octal },
		{ "user = \"\\400\"", octal },
		{ "user = \"\\1234\"", octal },
		{ "user = \"\\18\"", octal },
		{ "user = \"a\\0b\"", "a NUL byte in a string" },
		{ "user = \"a\\000b\"", "a NUL byte in a string" },
		{ "user = \"a\\x0\"", "a NUL byte in a string" },
		{ "user = \"a\\x00f\"", "a NUL byte in a string" },
		{ "user = \"${A\"\n}", environment },
		{ "user = \"${A:-\"}\"", environment },
		{ "user = \"${A:+b}\"", environment },
		{ "user = \"${}\"", environment },
		{ "user = ${A\n}", environment },
		{ "user = a${A}", "a ${ within a word: put the word into double quotes" },
		{ "# a\rhandlers = x", "a carriage return that no line feed follows" },
		{ "user = a\rb", "a carriage return that no line feed follows" },
		{ "user = a\f", "a control byte outside of a string" },
		{ "user = \x7f", "a control byte outside of a string" },
		{ "log|level = info", name },
		{ "\"log|level\" = info", name },
		{ "\"\" = info", name },
		{ "= = info", name },
		{ "\"\" a", "a name is empty" },
	};
	char text[200];
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		snprintf(text, sizeof text, "handlers = 3\n%s\n", texts[i][0]);
		assert_refused(text, 2, texts[i][1]);
		load_good("handlers = 7\n" RULE("a", "a", "to = { \"subject:b\" }"), &conf);
		ck_assert_uint_eq(conf.handlers, 7);
		ck_assert_uint_eq(conf.nrules, 1);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

START_TEST(strings_of_all_forms_are_read_as_they_are_written)
{
	static const char *const texts[][2] = {
		{ "\"a*/*+b\"", "a*/*+b" },
		{ "'a*/*+b'", "a*/*+b" },
		{ "\"\\1\\12\\101\\x4a\\x4\\xg\"", "\1\nAJ\4xg" },
		{ "\"a\\nb\\tc\\d\\$\\{\"", "a\nb\tcd${" },
		{ "'a\\nb\\9${'", "a\\nb\\9${" },
		{ "\"a\\\nb\"", "ab" },
		{ "\"$5 {}\"", "$5 {}" },
		{ "\"${AMYD_CHECK_CONF}b\"", "ab" },
		{ "${AMYD_CHECK_CONF}", "a" },
		{ "\"${AMYD_CHECK_UNSET:-x # y}b\"", "x # yb" },
		{ "\"${AMYD_CHECK_UNSET}b\"", "b" },
	};
	char text[200];
	struct conf conf;

	make_folder();
	MUST(setenv("AMYD_CHECK_CONF", "a", 1) == 0);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		snprintf(text, sizeof text, "user = %s\nhandlers = 7", texts[i][0]);
		load_good(text, &conf);
		ck_assert_str_eq(conf.user, texts[i][1]);
		ck_assert_uint_eq(conf.handlers, 7);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

/* A text of n sections, one a line, to be freed. */
static char *
write_sections(int n)
{
	static const char format[] = "history h%d { match = a }\n";
	size_t room = (sizeof format + 10) * (size_t)n;
	char *text = malloc(room);
	size_t used = 0;

	MUST(text != NULL);
	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, room - used, format, i);
	return text;
}

START_TEST(sections_are_at_most_4096)
{
	char *text = write_sections(4096);
	struct conf conf;

	make_folder();
	load_good(text, &conf);
	ck_assert_uint_eq(conf.nhistories, 4096);
	conf_fini(&conf);
	free(text);
	text = write_sections(100000);
	assert_refused(text, 4097, "there are more than 4096 sections: remove those from here on");
	free(text);
	remove_folder();
}
END_TEST

/* The lexer looks at a long one again for every 8 KiB of it. */
START_TEST(strings_and_words_have_at_most_65535_bytes)
{
	static const char reason[] = "a string or word of more than 65535 bytes";
	struct conf conf;
	char *text = malloc(70000);

	MUST(text != NULL);
	make_folder();
	sprintf(text, "user = %065535d", 0);
	load_good(text, &conf);
	ck_assert_uint_eq(strlen(conf.user), 65535);
	conf_fini(&conf);
	sprintf(text, "\nuser = %065536d", 0);
	assert_refused(text, 2, reason);
	sprintf(text, "\nuser = '%065534d'", 0);
	assert_refused(text, 2, reason);
	free(text);
	remove_folder();
}
END_TEST

/* ---- Files that are none ---------------------------------------------------------- */

static void
assert_unreadable(const char *reason)
{
	struct conf conf;
	char expected[256];

	memset(&conf, 0x5a, sizeof conf);
	ck_assert_int_eq(conf_load(path, &conf, error), EX_CONFIG);
	snprintf(expected, sizeof expected, "%s: cannot be read (%s", path, reason);
	ck_assert_msg(strncmp(error, expected, strlen(expected)) == 0,
	              "it has the error\n%s\nand not\n%s", error, expected);
	ck_assert_ptr_null(conf.listeners);
	ck_assert_ptr_null(conf.user);
}

START_TEST(missing_file_is_refused)
{
	make_folder();
	assert_unreadable("No such file or directory): name another with -c");
	remove_folder();
}
END_TEST

START_TEST(directory_is_refused)
{
	make_folder();
	MUST(mkdir(path, 0700) == 0);
	assert_unreadable("Is a directory)");
	MUST(rmdir(path) == 0);
	remove_folder();
}
END_TEST

START_TEST(nul_bytes_are_refused)
{
	static const char nul_last[] = "handlers = 1\n";

	make_folder();
	write_file(nul_last, sizeof nul_last);
	assert_unreadable("");
	ck_assert_ptr_nonnull(strstr(error, "it has NUL bytes: is it a text file?"));
	write_file("\0", 1);
	assert_unreadable("");
	write_file("handlers = 1\n\0foo\n", 18);
	assert_unreadable("");
	remove_folder();
}
END_TEST

static void
write_large_file(size_t nbytes)
{
	char *text = malloc(nbytes);

	MUST(text != NULL);
	memset(text, '\n', nbytes);
	memcpy(text + nbytes - 12, "handlers = 7", 12);
	write_file(text, nbytes);
	free(text);
}

START_TEST(file_is_read_to_its_end_or_refused)
{
	static const size_t good[] = { 12,   4094, 4095,   4096,   4097,
		                       8191, 8192, 100000, 1 << 20 };
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		write_large_file(good[i]);
		ck_assert_int_eq(conf_load(path, &conf, error), 0);
		ck_assert_uint_eq(conf.handlers, 7);
		conf_fini(&conf);
	}
	write_large_file(16 << 20);
	assert_unreadable("File too large)");
	remove_folder();
}
END_TEST

START_TEST(endless_file_is_refused)
{
	struct conf conf;

	ck_assert_int_eq(conf_load("/dev/zero", &conf, error), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(error, "/dev/zero: cannot be read (File too large)"));
}
END_TEST

START_TEST(long_error_is_cut)
{
	char text[4 * CONF_MAX_ERROR] = "log { to = \"";
	struct conf conf;

	make_folder();
	memset(text + strlen(text), 'a', sizeof text - 20);
	strcat(text, "\" }");
	ck_assert_int_eq(load_text(text, &conf), EX_CONFIG);
	ck_assert_uint_eq(strlen(error), CONF_MAX_ERROR - 1);
	memset(text, 'a', sizeof text - 1);
	ck_assert_int_eq(conf_load(text, &conf, error), EX_CONFIG);
	ck_assert_uint_eq(strlen(error), CONF_MAX_ERROR - 1);
	remove_folder();
}
END_TEST

/* ---- The file that is shipped ----------------------------------------------------- */

static void
read_shipped(char *text, size_t size)
{
	const char *top_srcdir = getenv("top_srcdir");
	char name[1024];
	FILE *file;
	size_t n;

	snprintf(name, sizeof name, "%s/etc/amyd.conf", top_srcdir == NULL ? "." : top_srcdir);
	file = fopen(name, "re");
	ck_assert_msg(file != NULL, "%s: %s: is top_srcdir set?", name, strerror(errno));
	n = fread(text, 1, size - 1, file);
	fclose(file);
	ck_assert_uint_lt(n, size - 1);
	text[n] = '\0';
}

static void
assert_shipped_defaults(const struct conf *conf)
{
	assert_defaults(conf);
	ck_assert_uint_ge(conf->nlisteners, 2);
	ck_assert_str_eq(conf->listeners[1].name, "echo");
	ck_assert_str_eq(conf->listeners[1].address, "127.0.0.1:2694");
	ck_assert_int_eq(conf->listeners[1].mode, CONF_MODE_ECHO);
}

START_TEST(shipped_file_is_the_defaults)
{
	static char text[16384];
	struct conf conf;

	make_folder();
	read_shipped(text, sizeof text);
	load_good(text, &conf);
	assert_shipped_defaults(&conf);
	ck_assert_uint_eq(conf.nlisteners, 2);
	ck_assert_uint_eq(conf.nhistories, 1);
	ck_assert_uint_eq(conf.histories[0].lines, 1000);
	ck_assert_uint_eq(conf.histories[0].bytes, 16 << 20);
	ck_assert_uint_eq(conf.nrules, 0);
	ck_assert(!conf.log_to_is_set);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* Is this, which stands behind a '#', an option or a section, and not a sentence? */
static bool
is_commented_out(const char *text)
{
	size_t n = strcspn(text, "\n");

	while (n > 0 && *text == ' ')
		text++, n--;
	if (n == 1 && *text == '}')
		return true;
	if (n > 2 && text[n - 1] == '{' && islower((unsigned char)*text))
		return true;
	while (n > 0 && (islower((unsigned char)*text) || *text == '_'))
		text++, n--;
	while (n > 0 && *text == ' ')
		text++, n--;
	return n > 0 && *text == '=';
}

START_TEST(what_is_commented_out_in_the_shipped_file_is_the_defaults_too)
{
	static char text[16384];
	struct conf conf;
	unsigned nuncommented = 0;

	make_folder();
	read_shipped(text, sizeof text);
	for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
		char *hash = line + strspn(line, " ");

		if (*hash != '#' || !is_commented_out(hash + 1))
			continue;
		*hash = ' ';
		nuncommented++;
	}
	ck_assert_uint_ge(nuncommented, 40);
#ifndef HAVE_MICROHTTPD
	memcpy(strstr(text, "\"http\""), "\"echo\"", 6);
#endif
	load_good(text, &conf);
	assert_shipped_defaults(&conf);
	ck_assert_uint_eq(conf.nlisteners, 6);
	ck_assert_str_eq(conf.listeners[2].name, "in");
	ck_assert_int_eq(conf.listeners[2].mode, CONF_MODE_PUBLISH);
	ck_assert_str_eq(conf.listeners[3].name, "out");
	ck_assert_int_eq(conf.listeners[3].mode, CONF_MODE_SUBSCRIBE);
	ck_assert_str_eq(conf.listeners[4].name, "local");
	ck_assert_str_eq(conf.listeners[4].address, "/run/amyd/amyd.sock");
	ck_assert_int_eq(conf.listeners[4].mode, CONF_MODE_COMMAND);
	ck_assert_str_eq(conf.listeners[5].name, "web");
#ifdef HAVE_MICROHTTPD
	ck_assert_int_eq(conf.listeners[5].mode, CONF_MODE_HTTP);
#endif
	ck_assert_uint_eq(conf.nhistories, 1);
	ck_assert_uint_eq(conf.histories[0].lines, 1000);
	ck_assert_uint_eq(conf.histories[0].bytes, 16 << 20);
	ck_assert_uint_eq(conf.nrules, 1);
	ck_assert_uint_eq(conf.rules[0].queue, 1 << 20);
	ck_assert(!conf.rules[0].stop);
	ck_assert(conf.log_to_is_set);
	ck_assert_int_eq(conf.log_to, LOG_TO_SYSLOG);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* ---- No memory -------------------------------------------------------------------- */

/*
 * Whichever allocation of conf.c fails: it is refused as a whole, and nothing is left. What
 * libConfuse allocates neither fails nor is counted: without memory, its lexer ends the process.
 */
static void
load_through_every_failure(const char *text, unsigned at_least)
{
	unsigned k = 0;
	bool failed;

	write_file(text, strlen(text));
	do {
		long allocations = fault_live_allocations();
		struct conf conf;
		int code;

		memset(&conf, 0x5a, sizeof conf);
		error[0] = '\0';
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		code = conf_load(path, &conf, error);
		failed = fault_clear();
		if (failed ? code == 0 || error[0] == '\0' : code != 0)
			ck_abort_msg("allocation %u: code %d, \"%s\"", k, code, error);
		if (code == 0)
			conf_fini(&conf);
		MUST(conf.listeners == NULL && conf.nlisteners == 0 && conf.user == NULL);
		MUST(conf.histories == NULL && conf.rules == NULL);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_gt(k, at_least);
}

START_TEST(without_memory_nothing_is_loaded)
{
	static char text[20000];

	make_folder();
	load_through_every_failure("", 5);
	load_through_every_failure("listen a { address = \"/a\" }\n"
	                           "listen b { address = \"/b\" }\n",
	                           7);
	load_through_every_failure("listen a { address = \"/a\" mode = publish subject = s }\n"
	                           "listen b { address = \"/b\" mode = subscribe pattern = p }\n",
	                           9);
	load_through_every_failure("history h { match = m }\nhistory i { match = m }\n", 10);
	/* Without memory for machine code a regex is good all the same: so, none. */
	load_through_every_failure("rule a { match = m regex = '(*NO_JIT)x+' to = { \"subject:s\", "
	                           "\"file:/f\" } }\nrule b { match = m to = { \"file:/g\" } }\n",
	                           20);
	/* Read in several pieces, none of which is all. */
	memset(text, '\n', sizeof text - 1);
	memcpy(text + sizeof text - 20, "handlers = 64\n", 14);
	load_through_every_failure(text, 8);
	remove_folder();
}
END_TEST

/* The text is refused, if there is memory to look at it. How often there is none before. */
static unsigned
count_failures_before_parsing(const char *text)
{
	struct conf conf;
	bool failed;
	int code;
	unsigned k = 0;

	write_file(text, strlen(text));
	do {
		long allocations = fault_live_allocations();

		error[0] = '\0';
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		code = conf_load(path, &conf, error);
		failed = fault_clear();
		MUST(code == (failed ? EX_OSERR : EX_CONFIG));
		MUST(!failed || strstr(error, path) != NULL);
		MUST(!failed || strstr(error, "out of memory") != NULL ||
		     strstr(error, strerror(ENOMEM)) != NULL);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	return k - 1;
}

/* libConfuse does not survive it: so there must be memory for what it makes of the text. */
START_TEST(without_memory_to_parse_a_text_it_is_not_parsed)
{
	static char text[100000];

	make_folder();
	/* 64 KiB each: half a MiB, and a hundred times the text. */
	ck_assert_uint_ge(count_failures_before_parsing("nonsense"), 512 / 64);
	memset(text, ',', sizeof text - 1);
	ck_assert_uint_ge(count_failures_before_parsing(text),
	                  (512 * 1024 + 100 * (unsigned)sizeof text) / 65536);
	remove_folder();
}
END_TEST

/* ---- Configurations that have references ------------------------------------------ */

START_TEST(file_that_says_nothing_is_blank)
{
	static const struct {
		const char *text;
		bool is_blank;
	} texts[] = {
		{ "", true },
		{ "\n \t\r\n", true },
		{ "# nothing\n", true },
		{ "/* nothing\n */ // at all", true },
		{ "log { }\n", false },
		{ "handlers = 0\n", false },
		{ "# a comment\nhandlers = 0 # and more\n", false },
	};
	struct conf conf;

	make_folder();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		load_good(texts[i].text, &conf);
		ck_assert_msg(conf.is_blank == texts[i].is_blank, "%s", texts[i].text);
		conf_fini(&conf);
	}
	remove_folder();
}
END_TEST

static const char two_of_each[] = "listen a { address = \"/a\" }\n"
                                  "listen b { address = \"/b\" }\n"
                                  "rule b { match = a to = \"file:/a\" }\n"
                                  "rule c { match = a to = \"file:/a\" }\n";

static struct conf *
read_good(const char *text)
{
	int code = -1;
	struct conf *conf;

	write_file(text, strlen(text));
	conf = conf_read(path, &code, error);
	MUST(conf != NULL);
	MUST(code == 0);
	return conf;
}

START_TEST(what_is_read_knows_whose_it_is)
{
	struct conf *conf;
	struct conf loaded;

	make_folder();
	conf = read_good(two_of_each);
	ck_assert_uint_eq(atomic_load(&conf->nreferences), 1);
	ck_assert_uint_eq(conf->nlisteners, 2);
	ck_assert_uint_eq(conf->nrules, 2);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_eq(conf->listeners[i].conf, conf);
		ck_assert_ptr_eq(conf->rules[i].conf, conf);
	}
	conf_unref(conf);
	/* One that is owned by one has no references. */
	load_good(two_of_each, &loaded);
	ck_assert_uint_eq(atomic_load(&loaded.nreferences), 0);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_ptr_null(loaded.listeners[i].conf);
		ck_assert_ptr_null(loaded.rules[i].conf);
	}
	conf_ref(loaded.listeners[0].conf);
	conf_unref(loaded.listeners[0].conf);
	conf_fini(&loaded);
	remove_folder();
}
END_TEST

START_TEST(last_reference_frees_it)
{
	long allocations;
	struct conf *conf;

	make_folder();
	allocations = fault_live_allocations();
	conf = read_good(two_of_each);
	conf_ref(conf);
	conf_ref(conf);
	MUST(atomic_load(&conf->nreferences) == 3);
	conf_unref(conf);
	conf_unref(conf);
	MUST(strcmp(conf->listeners[1].name, "b") == 0);
	conf_unref(conf);
	MUST(fault_live_allocations() == allocations);
	remove_folder();
}
END_TEST

enum { NHOLDERS = 4, NHOLDS = 20000 };

static void *
hold_again_and_again(void *argument)
{
	struct conf *conf = argument;

	for (unsigned i = 0; i < NHOLDS; i++) {
		conf_ref(conf);
		MUST(conf->listeners[0].conf == conf);
		conf_unref(conf);
	}
	conf_unref(conf);
	return NULL;
}

START_TEST(references_are_any_threads)
{
	pthread_t threads[NHOLDERS];
	long allocations;
	struct conf *conf;

	make_folder();
	allocations = fault_live_allocations();
	conf = read_good(two_of_each);
	for (unsigned i = 0; i < NHOLDERS; i++) {
		conf_ref(conf);
		threads[i] = spawn(hold_again_and_again, conf);
	}
	conf_unref(conf);
	for (unsigned i = 0; i < NHOLDERS; i++)
		join(threads[i]);
	MUST(fault_live_allocations() == allocations);
	remove_folder();
}
END_TEST

START_TEST(what_is_not_read_leaves_nothing)
{
	long allocations;
	int code = 0;

	make_folder();
	allocations = fault_live_allocations();
	MUST(conf_read(path, &code, error) == NULL);
	MUST(code == EX_CONFIG);
	MUST(strstr(error, strerror(ENOENT)) != NULL);
	write_file("nonsense", 8);
	MUST(conf_read(path, &code, error) == NULL);
	MUST(code == EX_CONFIG);
	MUST(strstr(error, "nonsense") != NULL);
	MUST(fault_live_allocations() == allocations);
	remove_folder();
}
END_TEST

START_TEST(without_memory_nothing_is_read)
{
	unsigned k = 0;
	bool failed;

	make_folder();
	write_file(two_of_each, strlen(two_of_each));
	do {
		long allocations = fault_live_allocations();
		struct conf *conf;
		int code = -1;

		error[0] = '\0';
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		conf = conf_read(path, &code, error);
		failed = fault_clear();
		MUST((conf == NULL) == failed);
		MUST(code == (failed ? EX_OSERR : 0));
		MUST(!failed || error[0] != '\0');
		conf_unref(conf);
		MUST(fault_live_allocations() == allocations);
	} while (failed);
	ck_assert_uint_gt(k, 20);
	remove_folder();
}
END_TEST

START_TEST(listeners_are_found_by_their_names)
{
	struct conf *conf;

	make_folder();
	conf = read_good(two_of_each);
	ck_assert_ptr_eq(conf_find_listener(conf, "a"), &conf->listeners[0]);
	ck_assert_ptr_eq(conf_find_listener(conf, "b"), &conf->listeners[1]);
	ck_assert_ptr_null(conf_find_listener(conf, "c"));
	ck_assert_ptr_null(conf_find_listener(conf, "A"));
	ck_assert_ptr_null(conf_find_listener(conf, ""));
	conf_unref(conf);
	conf = read_good("");
	ck_assert_ptr_eq(conf_find_listener(conf, "main"), &conf->listeners[0]);
	conf_unref(conf);
	remove_folder();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("conf",
	    empty_file_means_the_defaults,
	    handlers_0_is_one_per_cpu,
	    finished_conf_is_empty,
	    handlers_is_0_to_64,
	    max_clients_is_1_to_32000,
	    user_is_any_name,
	    log_goes_to_stderr_or_syslog,
	    log_has_a_level,
	    log_has_a_facility,
	    listener_needs_an_address,
	    mode_is_one_of_five,
	    mode_http_is_there_or_says_why_not,
	    publish_needs_a_subject_and_subscribe_a_pattern,
	    option_of_another_mode_is_refused,
	    subject_is_a_good_one_and_not_the_daemons,
	    pattern_is_a_good_one,
	    history_of_a_listener_is_0_to_a_million,
	    eof_line_is_dropped_or_published,
	    slow_is_drop_or_cut,
	    memory_is_a_size_from_32M_upwards, lease_is_a_time, drain_time_is_a_time, address_may_be_a_socket_that_is_passed,
	    slow_time_is_a_time,
	    idle_time_and_line_time_are_times_up_to_30_days,
	    per_ip_is_0_to_32000,
	    rates_are_0_to_10_million,
	    lines_that_mean_nothing_have_no_rate,
	    access_is_a_file_mode,
	    max_line_is_1_to_16m,
	    queue_is_4k_to_512m,
	    max_subs_is_0_to_a_million,
	    only_an_open_listener_may_be_reached_from_elsewhere,
	    name_of_a_section_breaks_no_row,
	    listeners_keep_their_order,
	    two_listeners_of_one_name_are_refused,
	    two_listeners_on_one_address_are_refused,
	    history_has_defaults,
	    bad_history_is_refused,
	    rule_has_a_format_for_what_leaves,
	    rules_have_targets,
	    rule_needs_a_match_and_a_target,
	    one_target_needs_no_braces,
	    targets_of_a_rule_are_at_most_16,
	    bad_target_is_refused,
	    good_target_is_taken,
	    syslog_has_all_facilities_and_levels,
	    other_options_of_a_rule_are_checked,
	    rules_are_at_most_64,
	    line_that_would_go_round_is_refused,
	    regex_does_not_keep_a_line_from_going_round,
	    rule_that_stops_keeps_a_line_from_going_round,
	    line_may_go_two_ways_to_one_place,
	    chain_has_at_most_8_handovers,
	    line_becomes_at_most_512_lines,
	    target_that_is_a_publish_listener_is_refused,
	    long_chain_is_told_as_far_as_there_is_room,
	    unknown_option_is_refused_wherever_it_stands,
	    what_cannot_be_parsed_is_refused_with_its_line,
	    section_that_never_ends_is_refused,
	    comments_are_skipped,
	    what_looks_like_a_comment_in_a_string_is_none,
	    lines_of_comments_are_counted,
	    what_the_lexer_would_misread_is_refused_with_its_line,
	    strings_of_all_forms_are_read_as_they_are_written,
	    sections_are_at_most_4096,
	    strings_and_words_have_at_most_65535_bytes,
	    missing_file_is_refused,
	    directory_is_refused,
	    nul_bytes_are_refused,
	    file_is_read_to_its_end_or_refused,
	    endless_file_is_refused,
	    long_error_is_cut,
	    shipped_file_is_the_defaults,
	    what_is_commented_out_in_the_shipped_file_is_the_defaults_too,
	    without_memory_nothing_is_loaded,
	    without_memory_to_parse_a_text_it_is_not_parsed,
	    file_that_says_nothing_is_blank,
	    what_is_read_knows_whose_it_is,
	    last_reference_frees_it,
	    references_are_any_threads,
	    what_is_not_read_leaves_nothing,
	    without_memory_nothing_is_read,
	    listeners_are_found_by_their_names);
}
