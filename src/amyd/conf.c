/* SPDX-License-Identifier: MIT */
/*
 * conf.c - the options as one table for libConfuse, and a check for each of them.
 *
 * A bad value is refused with file and line, never mended in silence.
 */
#include "config.h"

#include <confuse.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "conf.h"
#include "conf_check.h"
#include "conf_text.h"
#include "memory.h"
#include "quota.h"
#include "rate.h"
#include "units.h"
#include "utf8.h"

/*
 * libConfuse hands no argument to its callbacks, and knows what it parses as "[buf]": which
 * file that is, and where the sentence about an error goes.
 */
static const char *error_path;
static char *error_text;
static int error_code; /* what it ends with */

static const struct conf_word modes[] = {
	{ "command", CONF_MODE_COMMAND },
	{ "echo", CONF_MODE_ECHO },
	{ "publish", CONF_MODE_PUBLISH },
	{ "subscribe", CONF_MODE_SUBSCRIBE },
	{ "http", CONF_MODE_HTTP },
	{ NULL, 0 },
};

static const struct conf_word slow_words[] = {
	{ "drop", false },
	{ "cut", true },
	{ NULL, 0 },
};

static const struct conf_word eof_line_words[] = {
	{ "drop", false },
	{ "publish", true },
	{ NULL, 0 },
};

static const struct conf_word log_targets[] = {
	{ "stderr", LOG_TO_STDERR },
	{ "syslog", LOG_TO_SYSLOG },
	{ NULL, 0 },
};

static const struct conf_word log_levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

static const struct conf_word facilities[] = {
	{ "daemon", LOG_DAEMON }, { "user", LOG_USER },     { "auth", LOG_AUTH },
	{ "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
	{ "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 }, { NULL, 0 },
};

static void report(cfg_t *cfg, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* The first error is the one that is told: those after it often only follow from it. */
static void
report(cfg_t *cfg, const char *format, va_list arguments)
{
	size_t used;

	if (error_text[0] != '\0')
		return;
	snprintf(error_text, CONF_MAX_ERROR, "%s:%d: ", error_path, cfg->line);
	used = strlen(error_text);
	vsnprintf(error_text + used, CONF_MAX_ERROR - used, format, arguments);
	if (strncmp(error_text + used, "no such option", 14) != 0)
		return;
	used = strlen(error_text);
	snprintf(error_text + used, CONF_MAX_ERROR - used,
	         ": remove it, or see amyd.conf(5) for how it is spelled");
}

static int
check_mode(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_word(cfg, opt, modes);
}

static int
check_slow(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_word(cfg, opt, slow_words);
}

static int
check_eof_line(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_word(cfg, opt, eof_line_words);
}

static int
check_log_to(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_word(cfg, opt, log_targets);
}

static int
check_log_level(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_word(cfg, opt, log_levels);
}

static int
check_facility(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_word(cfg, opt, facilities);
}

static int
check_handlers(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 0, CONF_MAX_HANDLERS);
}

static int
check_max_clients(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 1, CONF_MAX_CLIENTS);
}

static int
check_max_subs(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 0, 1000000);
}

static int
check_per_ip(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 0, CONF_MAX_CLIENTS);
}

static int
check_rate(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 0, RATE_MAX);
}

static int
check_history(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 0, 1000000);
}

static int
check_lines(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_number(cfg, opt, 1, 10000000);
}

static int
check_max_line(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_size(cfg, opt, 1, CONF_MAX_LINE, "1 to \"16M\"");
}

static int
check_queue(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_size(cfg, opt, 4096, 512u << 20, "\"4K\" to \"512M\"");
}

static int
check_memory(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
	size_t size;

	if (units_parse_size(text, &size) == 0 && (size == 0 || size >= QUOTA_LEAST))
		return 0;
	cfg_error(cfg,
	          "memory = \"%s\": it is a size from \"32M\" upwards, such as \"256M\", or "
	          "\"0\": what the control group allows",
	          text);
	return -1;
}

static int
check_bytes(cfg_t *cfg, cfg_opt_t *opt)
{
	return conf_check_size(cfg, opt, 4096, SIZE_MAX, "\"4K\" upwards");
}

/* What only listeners of one mode have. */
static const struct {
	const char *option;
	const char *mode;
	const char *need; /* how such a one is told that it needs it; NULL: it does not */
} of_modes[] = {
	{ "subject", "publish", "a subject = \"name\", where its lines go" },
	{ "eof_line", "publish", NULL },
	{ "pattern", "subscribe", "a pattern = \"name\", of what its clients follow" },
	{ "history", "subscribe", NULL },
};

/* What some modes have no use for: -1 where it is given, for it would be in vain. */
static const struct {
	const char *option;
	const char *mode;
	const char *meant; /* what it is for */
} not_of_modes[] = {
	{ "line_rate", "subscribe", "modes that take lines" },
	{ "line_rate", "http", "modes that take lines" },
	{ "accept_rate", "http", "modes that take lines, or send them" },
	{ "per_ip", "http", "modes that take lines, or send them" },
};

static int
check_limits_of_mode(cfg_t *section, const char *mode)
{
	for (size_t i = 0; i < sizeof not_of_modes / sizeof not_of_modes[0]; i++) {
		if (strcmp(mode, not_of_modes[i].mode) != 0 ||
		    cfg_getint(section, not_of_modes[i].option) == 0)
			continue;
		cfg_error(section,
		          "listen %s: %s is for %s: remove it, or change the mode",
		          cfg_title(section), not_of_modes[i].option, not_of_modes[i].meant);
		return -1;
	}
	return 0;
}

/* Is all there that a listener of that mode is made with? */
static int
check_build(cfg_t *section, const char *mode)
{
#ifdef HAVE_MICROHTTPD
	const bool has_http = true;
#else
	const bool has_http = false;
#endif

	if (has_http || strcmp(mode, "http") != 0)
		return 0;
	cfg_error(section,
	          "listen %s: mode = \"http\": this amyd was built without libmicrohttpd: remove "
	          "the section, or install libmicrohttpd-dev, configure and build anew",
	          cfg_title(section));
	return -1;
}

static int
check_options_of_mode(cfg_t *section, const char *mode)
{
	for (size_t i = 0; i < sizeof of_modes / sizeof of_modes[0]; i++) {
		bool is_given = cfg_size(section, of_modes[i].option) > 0;
		bool is_of_mode = strcmp(mode, of_modes[i].mode) == 0;

		if (is_given && !is_of_mode) {
			cfg_error(section,
			          "listen %s: %s is for mode = \"%s\": remove it, or "
			          "change the mode",
			          cfg_title(section), of_modes[i].option, of_modes[i].mode);
			return -1;
		}
		if (!is_given && is_of_mode && of_modes[i].need != NULL) {
			cfg_error(section, "listen %s: mode = \"%s\" needs %s",
			          cfg_title(section), mode, of_modes[i].need);
			return -1;
		}
	}
	return check_limits_of_mode(section, mode);
}

static cfg_t *
last_section(cfg_opt_t *opt)
{
	return cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
}

/* It stands between spaces in rows and files, and in the log as it is. */
static bool
is_good_title(const char *title)
{
	size_t left = strlen(title);

	if (left == 0)
		return false;
	while (left > 0) {
		size_t n = utf8_length(title, left);

		if (n == 0 || (unsigned char)*title <= ' ' || *title == 0x7f)
			return false;
		title += n;
		left -= n;
	}
	return true;
}

static int
check_title(cfg_t *section)
{
	if (is_good_title(cfg_title(section)))
		return 0;
	cfg_error(section,
	          "the name of this section of \"%s\" is empty, or has a space, a control byte or "
	          "bytes that are not UTF-8: write one such as \"main\"",
	          cfg_name(section));
	return -1;
}

static int
check_listener(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = last_section(opt);

	(void)cfg;
	if (check_title(section) == -1)
		return -1;
	if (check_build(section, cfg_getstr(section, "mode")) == -1)
		return -1;
	if (cfg_getstr(section, "address") != NULL)
		return check_options_of_mode(section, cfg_getstr(section, "mode"));
	cfg_error(section, "listen %s: it needs an address = \"host:port\"",
	          cfg_title(section));
	return -1;
}

static int
check_match(cfg_t *section)
{
	if (cfg_getstr(section, "match") != NULL)
		return 0;
	cfg_error(section, "%s %s: it needs a match = \"pattern\", such as \"log.>\"",
	          cfg_name(section), cfg_title(section));
	return -1;
}

static int
check_history_section(cfg_t *cfg, cfg_opt_t *opt)
{
	(void)cfg;
	if (check_title(last_section(opt)) == -1)
		return -1;
	return check_match(last_section(opt));
}

static int
check_rule(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = last_section(opt);
	unsigned n = cfg_size(section, "to");

	(void)cfg;
	if (check_title(section) == -1 || check_match(section) == -1)
		return -1;
	if (n < 1 || n > CONF_MAX_TARGETS) {
		cfg_error(section,
		          "rule %s: it has %u targets: to = { ... } has 1 to %d, such as "
		          "\"subject:alert\" or \"file:/var/log/lines\"",
		          cfg_title(section), n, CONF_MAX_TARGETS);
		return -1;
	}
	if (cfg_opt_size(opt) <= CONF_MAX_RULES)
		return 0;
	cfg_error(section, "rule %s: it is one too many: there are at most %d rules",
	          cfg_title(section), CONF_MAX_RULES);
	return -1;
}

static cfg_opt_t log_options[] = {
	CFG_STR("to", NULL, CFGF_NODEFAULT),
	CFG_STR("facility", "daemon", CFGF_NONE),
	CFG_STR("level", "info", CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t listen_options[] = {
	CFG_STR("address", NULL, CFGF_NODEFAULT),
	CFG_STR("mode", "command", CFGF_NONE),
	CFG_STR("access", "0660", CFGF_NONE),
	CFG_STR("max_line", "64K", CFGF_NONE),
	CFG_STR("queue", "1M", CFGF_NONE),
	CFG_INT_CB("max_subs", 10000, CFGF_NONE, conf_parse_number),
	CFG_BOOL("open", cfg_false, CFGF_NONE),
	CFG_STR("slow", "drop", CFGF_NONE),
	CFG_STR("slow_time", "60s", CFGF_NONE),
	CFG_STR("idle_time", "0", CFGF_NONE),
	CFG_STR("line_time", "30s", CFGF_NONE),
	CFG_INT_CB("per_ip", 0, CFGF_NONE, conf_parse_number),
	CFG_INT_CB("accept_rate", 0, CFGF_NONE, conf_parse_number),
	CFG_INT_CB("line_rate", 0, CFGF_NONE, conf_parse_number),
	CFG_STR("subject", NULL, CFGF_NODEFAULT),
	CFG_STR("eof_line", NULL, CFGF_NODEFAULT),
	CFG_STR("pattern", NULL, CFGF_NODEFAULT),
	CFG_INT_CB("history", 0, CFGF_NODEFAULT, conf_parse_number),
	CFG_END(),
};

static cfg_opt_t history_options[] = {
	CFG_STR("match", NULL, CFGF_NODEFAULT),
	CFG_INT_CB("lines", 1000, CFGF_NONE, conf_parse_number),
	CFG_STR("bytes", "16M", CFGF_NONE),
	CFG_END(),
};

/* Of a line, for a target that is no subject: what it is then needs no copy of its own. */
#define DEFAULT_FORMAT "%text"

static cfg_opt_t rule_options[] = {
	CFG_STR("match", NULL, CFGF_NODEFAULT),   CFG_STR("regex", NULL, CFGF_NODEFAULT),
	CFG_STR("format", DEFAULT_FORMAT, CFGF_NONE),
	CFG_STR_LIST("to", NULL, CFGF_NODEFAULT), CFG_STR("queue", "1M", CFGF_NONE),
	CFG_BOOL("stop", cfg_false, CFGF_NONE),   CFG_END(),
};

/* Of sections: any number, each with a name of its own. */
#define NAMED (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES | CFGF_NODEFAULT)

static cfg_opt_t options[] = {
	CFG_INT_CB("handlers", 0, CFGF_NONE, conf_parse_number),
	CFG_INT_CB("max_clients", 10000, CFGF_NONE, conf_parse_number),
	CFG_STR("memory", "0", CFGF_NONE),
	CFG_STR("lease", "2s", CFGF_NONE),
	CFG_STR("drain_time", "5s", CFGF_NONE),
	CFG_STR("user", "", CFGF_NONE),
	CFG_SEC("log", log_options, CFGF_NONE),
	CFG_SEC("listen", listen_options, NAMED),
	CFG_SEC("history", history_options, NAMED),
	CFG_SEC("rule", rule_options, NAMED),
	CFG_END(),
};

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
	{ "handlers", check_handlers },
	{ "max_clients", check_max_clients },
	{ "memory", check_memory },
	{ "lease", conf_check_time },
	{ "drain_time", conf_check_time },
	{ "log|to", check_log_to },
	{ "log|facility", check_facility },
	{ "log|level", check_log_level },
	{ "listen", check_listener },
	{ "listen|address", conf_check_address },
	{ "listen|mode", check_mode },
	{ "listen|access", conf_check_access },
	{ "listen|max_line", check_max_line },
	{ "listen|queue", check_queue },
	{ "listen|max_subs", check_max_subs },
	{ "listen|slow", check_slow },
	{ "listen|slow_time", conf_check_time },
	{ "listen|idle_time", conf_check_watch_time },
	{ "listen|line_time", conf_check_watch_time },
	{ "listen|per_ip", check_per_ip },
	{ "listen|accept_rate", check_rate },
	{ "listen|line_rate", check_rate },
	{ "listen|subject", conf_check_subject },
	{ "listen|eof_line", check_eof_line },
	{ "listen|pattern", conf_check_pattern },
	{ "listen|history", check_history },
	{ "history", check_history_section },
	{ "history|match", conf_check_pattern },
	{ "history|lines", check_lines },
	{ "history|bytes", check_bytes },
	{ "rule", check_rule },
	{ "rule|match", conf_check_pattern },
	{ "rule|regex", conf_check_regex },
	{ "rule|format", conf_check_format },
	{ "rule|to", conf_check_target },
	{ "rule|queue", check_queue },
};

static size_t
size_value(cfg_t *cfg, const char *name)
{
	size_t size = 0;

	units_parse_size(cfg_getstr(cfg, name), &size);
	return size;
}

static int64_t
time_value(cfg_t *cfg, const char *name)
{
	const char *text = cfg_getstr(cfg, name);
	int64_t ms = 0;

	units_parse_time(text, strlen(text), &ms);
	return ms;
}

/* A copy of an option's text; NULL if it is not given. -1: out of memory. */
static int
copy_text(char **copy, cfg_t *cfg, const char *name)
{
	const char *text = cfg_getstr(cfg, name);

	*copy = text == NULL ? NULL : strdup(text);
	return text != NULL && *copy == NULL ? -1 : 0;
}

/* The same of the name of a section. */
static int
copy_title(char **copy, cfg_t *section)
{
	*copy = strdup(cfg_title(section));
	return *copy == NULL ? -1 : 0;
}

/*
 * The addresses that will be listened at. They are judged here, and not when the option is
 * read: a name may have others by now.
 */
static int
read_addresses(struct conf_listener *listener, cfg_t *section)
{
	const char *text = cfg_getstr(section, "address");
	const char *why;

	if (address_fd_name(text) != NULL)
		return 0; /* what it is, is seen when it is there */
	listener->nresolved =
	    address_resolve(text, listener->resolved, CONF_MAX_ADDRESSES, &why);
	if (listener->nresolved == -1) {
		bool is_temporary = errno == EAGAIN;

		if (is_temporary)
			error_code = EX_TEMPFAIL;
		cfg_error(section, "listen %s: address = \"%s\": %s%s", cfg_title(section),
		          text, why,
		          is_temporary ? ": see to the name server, or write an address" : "");
		listener->nresolved = 0;
		return -1;
	}
	for (int i = 0; i < listener->nresolved && !listener->open; i++) {
		if (address_is_loopback(&listener->resolved[i]))
			continue;
		cfg_error(section,
		          "listen %s: %s can be reached from other machines: if that is "
		          "meant, add open = true",
		          cfg_title(section), text);
		return -1;
	}
	return 0;
}

static int
read_listener(struct conf_listener *listener, cfg_t *section)
{
	const char *eof_line = cfg_getstr(section, "eof_line");

	listener->mode = (enum conf_mode)conf_word_value(modes, cfg_getstr(section, "mode"));
	listener->access = (mode_t)conf_parse_access(cfg_getstr(section, "access"));
	listener->max_line = size_value(section, "max_line");
	listener->queue = size_value(section, "queue");
	listener->max_subs = (unsigned)cfg_getint(section, "max_subs");
	listener->open = cfg_getbool(section, "open");
	listener->slow_cut = conf_word_value(slow_words, cfg_getstr(section, "slow"));
	listener->slow_ms = time_value(section, "slow_time");
	listener->idle_ms = time_value(section, "idle_time");
	listener->line_ms = time_value(section, "line_time");
	listener->per_ip = (unsigned)cfg_getint(section, "per_ip");
	listener->accept_rate = (unsigned)cfg_getint(section, "accept_rate");
	listener->line_rate = (unsigned)cfg_getint(section, "line_rate");
	if (eof_line != NULL)
		listener->eof_line = conf_word_value(eof_line_words, eof_line);
	if (cfg_size(section, "history") > 0)
		listener->history = (unsigned)cfg_getint(section, "history");
	if (copy_title(&listener->name, section) == -1 ||
	    copy_text(&listener->address, section, "address") == -1 ||
	    copy_text(&listener->subject, section, "subject") == -1 ||
	    copy_text(&listener->pattern, section, "pattern") == -1)
		return -1;
	return read_addresses(listener, section);
}

/* What an empty file means: one listener, of all defaults. */
static int
default_listener(struct conf_listener *listener)
{
	static const char text[] = "listen main { address = \"127.0.0.1:2693\" }";
	cfg_t *cfg = cfg_init(options, CFGF_NONE);
	int result = -1;

	if (cfg != NULL && cfg_parse_buf(cfg, text) == CFG_SUCCESS)
		result = read_listener(listener, cfg_getnsec(cfg, "listen", 0));
	cfg_free(cfg);
	return result;
}

static int
read_listeners(struct conf *conf, cfg_t *cfg)
{
	size_t n = cfg_size(cfg, "listen");

	conf->listeners = calloc(n == 0 ? 1 : n, sizeof *conf->listeners);
	if (conf->listeners == NULL)
		return -1;
	if (n == 0) {
		conf->nlisteners = 1;
		return default_listener(&conf->listeners[0]);
	}
	for (conf->nlisteners = 0; conf->nlisteners < n;) {
		cfg_t *section = cfg_getnsec(cfg, "listen", (unsigned)conf->nlisteners);

		if (read_listener(&conf->listeners[conf->nlisteners++], section) == -1)
			return -1;
	}
	return 0;
}

static int
read_history(struct conf_history *history, cfg_t *section)
{
	history->lines = (uint64_t)cfg_getint(section, "lines");
	history->bytes = size_value(section, "bytes");
	if (copy_title(&history->name, section) == -1)
		return -1;
	return copy_text(&history->match, section, "match");
}

static int
read_histories(struct conf *conf, cfg_t *cfg)
{
	size_t n = cfg_size(cfg, "history");

	if (n == 0)
		return 0;
	conf->histories = calloc(n, sizeof *conf->histories);
	if (conf->histories == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		cfg_t *section = cfg_getnsec(cfg, "history", (unsigned)i);

		conf->nhistories++;
		if (read_history(&conf->histories[i], section) == -1)
			return -1;
	}
	return 0;
}

static int
read_targets(struct conf_rule *rule, cfg_t *section)
{
	size_t n = cfg_size(section, "to");
	char why[200];

	rule->targets = calloc(n, sizeof *rule->targets);
	if (rule->targets == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		rule->targets[i].text = strdup(cfg_getnstr(section, "to", (unsigned)i));
		if (rule->targets[i].text == NULL)
			return -1;
		rule->ntargets++;
		conf_target_parse(&rule->targets[i], why, sizeof why);
	}
	return 0;
}

/* A line that is handed on to a subject stays what it is. */
static int
check_formatted(const struct conf_rule *rule, cfg_t *section)
{
	if (rule->format == NULL)
		return 0;
	for (size_t i = 0; i < rule->ntargets; i++)
		if (rule->targets[i].kind != CONF_TARGET_SUBJECT)
			return 0;
	cfg_error(section,
	          "rule %s: format = is for lines to files, syslog and TCP, and it has no such "
	          "target: remove it",
	          rule->name);
	return -1;
}

static int
read_rule(struct conf_rule *rule, cfg_t *section)
{
	rule->queue = size_value(section, "queue");
	rule->stop = cfg_getbool(section, "stop");
	if (copy_title(&rule->name, section) == -1 ||
	    copy_text(&rule->match, section, "match") == -1 ||
	    copy_text(&rule->regex, section, "regex") == -1)
		return -1;
	if (strcmp(cfg_getstr(section, "format"), DEFAULT_FORMAT) != 0 &&
	    copy_text(&rule->format, section, "format") == -1)
		return -1;
	return read_targets(rule, section) == -1 ? -1 : check_formatted(rule, section);
}

static int
read_rules(struct conf *conf, cfg_t *cfg)
{
	size_t n = cfg_size(cfg, "rule");

	if (n == 0)
		return 0;
	conf->rules = calloc(n, sizeof *conf->rules);
	if (conf->rules == NULL)
		return -1;
	for (size_t i = 0; i < n; i++) {
		cfg_t *section = cfg_getnsec(cfg, "rule", (unsigned)i);

		conf->nrules++;
		if (read_rule(&conf->rules[i], section) == -1)
			return -1;
	}
	return 0;
}

/* 0; or -1: out of memory, unless an error was reported. */
static int
read_values(struct conf *conf, cfg_t *cfg)
{
	cfg_t *log = cfg_getsec(cfg, "log");
	const char *to = cfg_getstr(log, "to");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	conf->handlers = (unsigned)cfg_getint(cfg, "handlers");
	if (conf->handlers == 0)
		conf->handlers = cpus < 1                   ? 1
		                 : cpus > CONF_MAX_HANDLERS ? CONF_MAX_HANDLERS
		                                            : (unsigned)cpus;
	conf->max_clients = (unsigned)cfg_getint(cfg, "max_clients");
	conf->memory = size_value(cfg, "memory");
	conf->lease_ms = time_value(cfg, "lease");
	conf->drain_ms = time_value(cfg, "drain_time");
	conf->user = strdup(cfg_getstr(cfg, "user"));
	conf->log_to_is_set = to != NULL;
	if (to != NULL)
		conf->log_to = (enum log_target)conf_word_value(log_targets, to);
	conf->log_facility = conf_word_value(facilities, cfg_getstr(log, "facility"));
	conf->log_level = (enum log_level)conf_word_value(log_levels, cfg_getstr(log, "level"));
	if (conf->user == NULL)
		return -1;
	if (read_listeners(conf, cfg) == -1 || read_histories(conf, cfg) == -1)
		return -1;
	return read_rules(conf, cfg);
}

static bool
is_shared(const struct conf_listener *a, const struct conf_listener *b)
{
	if (address_fd_name(a->address) != NULL)
		return strcmp(a->address, b->address) == 0;
	for (int i = 0; i < a->nresolved; i++)
		for (int j = 0; j < b->nresolved; j++)
			if (address_overlaps(&a->resolved[i], &b->resolved[j]) ||
			    (a->address[0] == '/' &&
			     address_is_equal(&a->resolved[i], &b->resolved[j])))
				return true;
	return false;
}

/* Two listeners on one address: -1, and error says which. */
static int
check_distinct(const struct conf *conf, cfg_t *cfg, char error[CONF_MAX_ERROR])
{
	for (size_t i = 0; i < conf->nlisteners; i++)
		for (size_t j = 0; j < i; j++) {
			if (!is_shared(&conf->listeners[i], &conf->listeners[j]))
				continue;
			snprintf(error, CONF_MAX_ERROR,
			         "%s:%d: listen %s: %s is an address of listen %s "
			         "(%s) already: give it another one",
			         error_path, cfg_getnsec(cfg, "listen", (unsigned)i)->line,
			         conf->listeners[i].name, conf->listeners[i].address,
			         conf->listeners[j].name, conf->listeners[j].address);
			return -1;
		}
	return 0;
}

/* A line that would go round among the rules: -1, and it was reported. */
static int
check_loops(const struct conf *conf, cfg_t *cfg)
{
	char why[CONF_MAX_ERROR];
	int i = conf_rules_find_loop(conf->rules, conf->nrules, why, sizeof why);

	if (i == -1)
		return 0;
	cfg_error(cfg_getnsec(cfg, "rule", (unsigned)i), "%s", why);
	return -1;
}

/* Where a target "tcp:" leads that is known without asking: returns how many, 2 at most. */
static int
find_addresses(const char *host_port, struct address addresses[2])
{
	static const char localhost[] = "localhost:";
	const char *port = host_port + strlen(localhost);
	char text[ADDRESS_MAX_TEXT];

	if (strncasecmp(host_port, localhost, strlen(localhost)) != 0)
		return address_resolve_numeric(host_port, &addresses[0]) == 1 ? 1 : 0;
	snprintf(text, sizeof text, "127.0.0.1:%s", port);
	if (address_resolve_numeric(text, &addresses[0]) == -1)
		return 0;
	snprintf(text, sizeof text, "[::1]:%s", port);
	return address_resolve_numeric(text, &addresses[1]) == 1 ? 2 : 1;
}

/* Other addresses of a listener at "*" are perhaps another machine's: that is seen later. */
static bool
is_certain(const struct address *listening, const struct address *target)
{
	return address_is_loopback(target) || address_is_any(target) ||
	       address_is_equal(listening, target);
}

/* NULL: it leads to none of these listeners of mode "publish", as far as is known here. */
static const struct conf_listener *
find_own(const struct conf *conf, const struct conf_target *target)
{
	struct address addresses[2];
	int n = find_addresses(target->name, addresses);

	for (size_t l = 0; l < conf->nlisteners; l++) {
		const struct conf_listener *listener = &conf->listeners[l];

		for (int r = 0; r < listener->nresolved; r++)
			for (int i = 0; i < n && listener->mode == CONF_MODE_PUBLISH; i++)
				if (is_certain(&listener->resolved[r], &addresses[i]) &&
				    address_overlaps(&listener->resolved[r], &addresses[i]))
					return listener;
	}
	return NULL;
}

/* A target that leads back to amyd: -1, and it was reported. */
static int
check_own(const struct conf *conf, cfg_t *cfg)
{
	for (size_t i = 0; i < conf->nrules; i++)
		for (size_t t = 0; t < conf->rules[i].ntargets; t++) {
			const struct conf_target *target = &conf->rules[i].targets[t];
			const struct conf_listener *own = NULL;

			if (target->kind == CONF_TARGET_TCP)
				own = find_own(conf, target);
			if (own == NULL)
				continue;
			cfg_error(cfg_getnsec(cfg, "rule", (unsigned)i),
			          "rule %s: %s leads to amyd's own listener %s, which "
			          "publishes what it gets: write \"subject:%s\" instead",
			          conf->rules[i].name, target->text, own->name,
			          own->subject);
			return -1;
		}
	return 0;
}

/* NULL: out of memory. */
static cfg_t *
make_parser(void)
{
	cfg_t *cfg = cfg_init(options, CFGF_NONE);

	if (cfg == NULL)
		return NULL;
	cfg_set_error_function(cfg, report);
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		cfg_set_validate_func(cfg, checks[i].option, checks[i].check);
	return cfg;
}

/* A section takes libConfuse 5 KiB at most before anything is said in it. */
#define SECTION_BYTES ((size_t)8192)

/*
 * libConfuse does not survive that memory runs out: so see that there is enough for what it
 * makes of a text, before it begins. NULL: ENOMEM; else to be freed after it.
 */
static void *
reserve_memory(const char *text)
{
	size_t nsections = 0;

	for (const char *c = text; nsections < CONF_TEXT_MAX_SECTIONS; nsections++, c++)
		if ((c = strchr(c, '{')) == NULL)
			break;
	return memory_reserve(512 * 1024 + 100 * strlen(text) + SECTION_BYTES * nsections);
}

static int
parse(const char *path, const char *text, struct conf *conf, char error[CONF_MAX_ERROR])
{
	cfg_t *cfg = make_parser();
	int result = EX_CONFIG;

	if (cfg == NULL) {
		snprintf(error, CONF_MAX_ERROR, "%s: out of memory", path);
		return EX_OSERR;
	}
	error_path = path;
	error_text = error;
	error_code = EX_CONFIG;
	if (cfg_parse_buf(cfg, text) != CFG_SUCCESS) {
		if (error[0] == '\0') /* an empty string in the place of a name */
			snprintf(error, CONF_MAX_ERROR,
			         "%s:%d: a name is empty, here or in the section that begins "
			         "here: see amyd.conf(5)",
			         path, cfg->line);
	} else if (read_values(conf, cfg) == -1) {
		result = error_code;
		if (error[0] == '\0') {
			snprintf(error, CONF_MAX_ERROR, "%s: out of memory", path);
			result = EX_OSERR;
		}
	} else if (check_distinct(conf, cfg, error) == 0 && check_own(conf, cfg) == 0 &&
	           check_loops(conf, cfg) == 0) {
		result = 0;
	}
	cfg_free(cfg);
	return result;
}

int
conf_load(const char *path, struct conf *conf, char error[CONF_MAX_ERROR])
{
	int result;
	char *text = conf_text_read(path, &result, error, CONF_MAX_ERROR);
	void *reserved;

	memset(conf, 0, sizeof *conf);
	if (text == NULL)
		return result;
	error[0] = '\0';
	conf->is_blank = text[strspn(text, " \t\r\n")] == '\0';
	reserved = reserve_memory(text);
	if (reserved != NULL) {
		result = parse(path, text, conf, error);
	} else {
		snprintf(error, CONF_MAX_ERROR, "%s: out of memory", path);
		result = EX_OSERR;
	}
	free(reserved);
	free(text);
	if (result != 0)
		conf_fini(conf);
	return result;
}

static void
fini_listener(struct conf_listener *listener)
{
	free(listener->name);
	free(listener->address);
	free(listener->subject);
	free(listener->pattern);
}

static void
fini_rule(struct conf_rule *rule)
{
	for (size_t i = 0; i < rule->ntargets; i++)
		free(rule->targets[i].text);
	free(rule->targets);
	free(rule->name);
	free(rule->match);
	free(rule->regex);
	free(rule->format);
}

void
conf_fini(struct conf *conf)
{
	for (size_t i = 0; i < conf->nlisteners; i++)
		fini_listener(&conf->listeners[i]);
	free(conf->listeners);
	for (size_t i = 0; i < conf->nhistories; i++) {
		free(conf->histories[i].name);
		free(conf->histories[i].match);
	}
	free(conf->histories);
	for (size_t i = 0; i < conf->nrules; i++)
		fini_rule(&conf->rules[i]);
	free(conf->rules);
	free(conf->user);
	memset(conf, 0, sizeof *conf);
}

struct conf *
conf_read(const char *path, int *code, char error[CONF_MAX_ERROR])
{
	struct conf *conf = malloc(sizeof *conf);

	if (conf == NULL) {
		snprintf(error, CONF_MAX_ERROR, "%s: out of memory", path);
		*code = EX_OSERR;
		return NULL;
	}
	*code = conf_load(path, conf, error);
	if (*code != 0) {
		free(conf);
		return NULL;
	}
	atomic_init(&conf->nreferences, 1);
	for (size_t i = 0; i < conf->nlisteners; i++)
		conf->listeners[i].conf = conf;
	for (size_t i = 0; i < conf->nrules; i++)
		conf->rules[i].conf = conf;
	return conf;
}

void
conf_ref(struct conf *conf)
{
	if (conf != NULL)
		atomic_fetch_add_explicit(&conf->nreferences, 1, memory_order_relaxed);
}

void
conf_unref(struct conf *conf)
{
	if (conf == NULL ||
	    atomic_fetch_sub_explicit(&conf->nreferences, 1, memory_order_acq_rel) > 1)
		return;
	conf_fini(conf);
	free(conf);
}

const struct conf_listener *
conf_find_listener(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->nlisteners; i++)
		if (strcmp(conf->listeners[i].name, name) == 0)
			return &conf->listeners[i];
	return NULL;
}
