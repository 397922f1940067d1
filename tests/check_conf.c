/* SPDX-License-Identifier: MIT */
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

/*
 * A copy is an allocation like any other: it may fail, and is counted. What libConfuse
 * allocates is neither: where it has no memory, its lexer ends the process.
 */
char *__wrap_strdup(const char *text);

char *
__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy == NULL ? NULL : memcpy(copy, text, size);
}

/* ---- Files ------------------------------------------------------------------------- */

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
	char whole[512];

	snprintf(whole, sizeof whole, "listen main {\n" ADDRESS "%s\n}\n", text);
	assert_refused(whole, 3, reason);
}

static void
load_listen(const char *text, struct conf *conf)
{
	char whole[512];

	snprintf(whole, sizeof whole, "listen main {\n" ADDRESS "%s\n}\n", text);
	load_good(whole, conf);
	ck_assert_uint_eq(conf->nlisteners, 1);
}

/* ---- Defaults ---------------------------------------------------------------------- */

static void
assert_default_listener(const struct conf_listener *listener)
{
	ck_assert_uint_eq(listener->max_line, 65536);
	ck_assert_uint_eq(listener->queue, 1 << 20);
	ck_assert_uint_eq(listener->max_subs, 10000);
	ck_assert_uint_eq(listener->access, 0660);
	ck_assert(!listener->open);
	ck_assert_int_eq(listener->nresolved, 1);
}

static void
assert_defaults(const struct conf *conf)
{
	ck_assert_uint_ge(conf->handlers, 1);
	ck_assert_uint_le(conf->handlers, CONF_MAX_HANDLERS);
	ck_assert_uint_eq(conf->max_clients, 10000);
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

/* ---- Options of the whole ---------------------------------------------------------- */

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
	assert_refused("user = \"amyd\n", 2, "");
	remove_folder();
}
END_TEST

/* ---- Options of the log ------------------------------------------------------------ */

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

/* ---- Options of a listener --------------------------------------------------------- */

START_TEST(listener_needs_an_address)
{
	struct conf conf;

	make_folder();
	load_good("listen a { address = \"[::1]:80\" }", &conf);
	ck_assert_str_eq(conf.listeners[0].name, "a");
	ck_assert_str_eq(conf.listeners[0].address, "[::1]:80");
	ck_assert_int_eq(conf.listeners[0].resolved[0].u.any.sa_family, AF_INET6);
	conf_fini(&conf);
	load_good("listen \"two words\" { address = \"/run/a.sock\" }", &conf);
	ck_assert_str_eq(conf.listeners[0].name, "two words");
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

START_TEST(mode_is_command_or_echo)
{
	struct conf conf;

	make_folder();
	load_listen("mode = \"command\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_COMMAND);
	conf_fini(&conf);
	load_listen("mode = \"echo\"", &conf);
	ck_assert_int_eq(conf.listeners[0].mode, CONF_MODE_ECHO);
	conf_fini(&conf);
	assert_listen_refused("mode = \"http\"",
	                      "mode = \"http\": it is one of \"command\", \"echo\"");
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

/* ---- Several listeners ------------------------------------------------------------- */

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
	               4, "listen c: 127.0.0.1:01 is the address of listen a already: give");
	assert_refused("listen a { address = \"/a\" }\nlisten b { address = \"/a\" }\n", 2,
	               "listen b: /a is the address of listen a already");
	assert_refused("listen a { address = \"[::1]:1\" }\n"
	               "listen b { address = \"[0::1]:1\" }\n",
	               2, "listen b: [0::1]:1 is the address of listen a already");
	load_good("listen a { address = \"127.0.0.1:0\" }\n"
	          "listen b { address = \"127.0.0.1:0\" }\n"
	          "listen c { address = \"[::1]:0\" }\n",
	          &conf);
	ck_assert_uint_eq(conf.nlisteners, 3);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* ---- What is no option ------------------------------------------------------------- */

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
	assert_refused("\n= 3", 2, "unexpected token '='");
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
		{ "user = \"\n#\n\"", "\n#\n" },
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
	assert_refused("user = \"#\n\"\nhandlers = 65", 3, "handlers = 65");
	assert_refused("listen a { # x\n# y\n" ADDRESS "# z\nmode = x # y\n}", 5, "mode = ");
	remove_folder();
}
END_TEST

/* ---- Files that are none ----------------------------------------------------------- */

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

/* ---- The file that is shipped ------------------------------------------------------ */

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
	ck_assert_uint_ge(nuncommented, 16);
	load_good(text, &conf);
	assert_shipped_defaults(&conf);
	ck_assert_uint_eq(conf.nlisteners, 3);
	ck_assert_str_eq(conf.listeners[2].name, "local");
	ck_assert_str_eq(conf.listeners[2].address, "/run/amyd/amyd.sock");
	ck_assert_int_eq(conf.listeners[2].mode, CONF_MODE_COMMAND);
	ck_assert(conf.log_to_is_set);
	ck_assert_int_eq(conf.log_to, LOG_TO_SYSLOG);
	conf_fini(&conf);
	remove_folder();
}
END_TEST

/* ---- No memory --------------------------------------------------------------------- */

/* Whichever allocation of conf.c fails: it is refused as a whole, and nothing is left. */
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
	/* Read in several pieces, none of which is all. */
	memset(text, '\n', sizeof text - 1);
	memcpy(text + sizeof text - 20, "handlers = 64\n", 14);
	load_through_every_failure(text, 8);
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
	    mode_is_command_or_echo,
	    access_is_a_file_mode,
	    max_line_is_1_to_16m,
	    queue_is_4k_to_512m,
	    max_subs_is_0_to_a_million,
	    only_an_open_listener_may_be_reached_from_elsewhere,
	    listeners_keep_their_order,
	    two_listeners_of_one_name_are_refused,
	    two_listeners_on_one_address_are_refused,
	    unknown_option_is_refused_wherever_it_stands,
	    what_cannot_be_parsed_is_refused_with_its_line,
	    section_that_never_ends_is_refused,
	    comments_are_skipped,
	    what_looks_like_a_comment_in_a_string_is_none,
	    lines_of_comments_are_counted,
	    missing_file_is_refused,
	    directory_is_refused,
	    nul_bytes_are_refused,
	    file_is_read_to_its_end_or_refused,
	    endless_file_is_refused,
	    long_error_is_cut,
	    shipped_file_is_the_defaults,
	    what_is_commented_out_in_the_shipped_file_is_the_defaults_too,
	    without_memory_nothing_is_loaded);
}
