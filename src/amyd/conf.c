/* SPDX-License-Identifier: MIT */
/*
 * conf.c - the options as one table for libConfuse, and a check for each of them.
 *
 * A bad value is refused with file and line, never mended in silence.
 */
#include <confuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "conf.h"
#include "conf_text.h"
#include "units.h"

/*
 * libConfuse hands no argument to its callbacks, and knows what it parses as "[buf]": which
 * file that is, and where the sentence about an error goes.
 */
static const char *error_path;
static char *error_text;

struct word {
	const char *name;
	int value;
};

static const struct word modes[] = {
	{ "command", CONF_MODE_COMMAND },
	{ "echo", CONF_MODE_ECHO },
	{ NULL, 0 },
};

static const struct word log_targets[] = {
	{ "stderr", LOG_TO_STDERR },
	{ "syslog", LOG_TO_SYSLOG },
	{ NULL, 0 },
};

static const struct word log_levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

static const struct word facilities[] = {
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

static const struct word *
find_word(const struct word *words, const char *name)
{
	for (; words->name != NULL; words++)
		if (strcmp(words->name, name) == 0)
			return words;
	return NULL;
}

static const char *
last_string(cfg_opt_t *opt)
{
	return cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1);
}

static int
check_word(cfg_t *cfg, cfg_opt_t *opt, const struct word *words)
{
	char list[256] = "";
	size_t used = 0;

	if (find_word(words, last_string(opt)) != NULL)
		return 0;
	for (; words->name != NULL && used < sizeof list; words++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"",
		                         used == 0 ? "" : ", ", words->name);
	cfg_error(cfg, "%s = \"%s\": it is one of %s", cfg_opt_name(opt),
	          last_string(opt), list);
	return -1;
}

static int
check_mode(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_word(cfg, opt, modes);
}

static int
check_log_to(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_word(cfg, opt, log_targets);
}

static int
check_log_level(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_word(cfg, opt, log_levels);
}

static int
check_facility(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_word(cfg, opt, facilities);
}

/* libConfuse would take 010 for eight, and nothing for zero. */
static int
parse_number(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	const char *digits = text + (*text == '-');
	size_t n = strspn(digits, "0123456789");

	if (n == 0 || n > 10 || digits[n] != '\0' || (*digits == '0' && n > 1)) {
		cfg_error(cfg, "%s = %s: it is a whole number, such as 4",
		          cfg_opt_name(opt), *text == '\0' ? "\"\"" : text);
		return -1;
	}
	*(long *)result = strtol(text, NULL, 10);
	return 0;
}

static int
check_number(cfg_t *cfg, cfg_opt_t *opt, long min, long max)
{
	long n = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);

	if (n >= min && n <= max)
		return 0;
	cfg_error(cfg, "%s = %ld: it is a number from %ld to %ld", cfg_opt_name(opt), n,
	          min, max);
	return -1;
}

static int
check_handlers(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_number(cfg, opt, 0, CONF_MAX_HANDLERS);
}

static int
check_max_clients(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_number(cfg, opt, 1, CONF_MAX_CLIENTS);
}

static int
check_max_subs(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_number(cfg, opt, 0, 1000000);
}

static int
check_size(cfg_t *cfg, cfg_opt_t *opt, size_t min, size_t max, const char *range)
{
	size_t size;

	if (units_parse_size(last_string(opt), &size) == 0 && size >= min && size <= max)
		return 0;
	cfg_error(cfg, "%s = \"%s\": it is a size from %s, such as \"64K\"",
	          cfg_opt_name(opt), last_string(opt), range);
	return -1;
}

static int
check_max_line(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_size(cfg, opt, 1, CONF_MAX_LINE, "1 to \"16M\"");
}

static int
check_queue(cfg_t *cfg, cfg_opt_t *opt)
{
	return check_size(cfg, opt, 4096, 512u << 20, "\"4K\" to \"512M\"");
}

/* Octal digits, as chmod(1) takes them. -1: they are none. */
static int
parse_access(const char *text)
{
	char *end;
	long n = strtol(text, &end, 8);

	return *text < '0' || *text > '7' || *end != '\0' || n > 0777 ? -1 : (int)n;
}

static int
check_access(cfg_t *cfg, cfg_opt_t *opt)
{
	if (parse_access(last_string(opt)) != -1)
		return 0;
	cfg_error(cfg, "access = \"%s\": it is a file mode such as \"0660\"",
	          last_string(opt));
	return -1;
}

static int
check_address(cfg_t *cfg, cfg_opt_t *opt)
{
	struct address addresses[CONF_MAX_ADDRESSES];
	const char *why;

	if (address_resolve(last_string(opt), addresses, CONF_MAX_ADDRESSES, &why) != -1)
		return 0;
	cfg_error(cfg, "address = \"%s\": %s", last_string(opt), why);
	return -1;
}

static int
check_listener(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

	(void)cfg;
	if (cfg_getstr(section, "address") != NULL)
		return 0;
	cfg_error(section, "listen %s: it needs an address = \"host:port\"",
	          cfg_title(section));
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
	CFG_INT_CB("max_subs", 10000, CFGF_NONE, parse_number),
	CFG_BOOL("open", cfg_false, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t options[] = {
	CFG_INT_CB("handlers", 0, CFGF_NONE, parse_number),
	CFG_INT_CB("max_clients", 10000, CFGF_NONE, parse_number),
	CFG_STR("user", "", CFGF_NONE),
	CFG_SEC("log", log_options, CFGF_NONE),
	CFG_SEC("listen", listen_options,
	        CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES | CFGF_NODEFAULT),
	CFG_END(),
};

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
	{ "handlers", check_handlers },
	{ "max_clients", check_max_clients },
	{ "log|to", check_log_to },
	{ "log|facility", check_facility },
	{ "log|level", check_log_level },
	{ "listen", check_listener },
	{ "listen|address", check_address },
	{ "listen|mode", check_mode },
	{ "listen|access", check_access },
	{ "listen|max_line", check_max_line },
	{ "listen|queue", check_queue },
	{ "listen|max_subs", check_max_subs },
};

static int
word_value(const struct word *words, const char *name)
{
	return find_word(words, name)->value;
}

static size_t
size_value(cfg_t *cfg, const char *name)
{
	size_t size = 0;

	units_parse_size(cfg_getstr(cfg, name), &size);
	return size;
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

	listener->nresolved =
	    address_resolve(text, listener->resolved, CONF_MAX_ADDRESSES, &why);
	if (listener->nresolved == -1) {
		cfg_error(section, "listen %s: address = \"%s\": %s", cfg_title(section),
		          text, why);
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
	listener->name = strdup(cfg_title(section));
	listener->address = strdup(cfg_getstr(section, "address"));
	listener->mode = (enum conf_mode)word_value(modes, cfg_getstr(section, "mode"));
	listener->access = (mode_t)parse_access(cfg_getstr(section, "access"));
	listener->max_line = size_value(section, "max_line");
	listener->queue = size_value(section, "queue");
	listener->max_subs = (unsigned)cfg_getint(section, "max_subs");
	listener->open = cfg_getbool(section, "open");
	if (listener->name == NULL || listener->address == NULL)
		return -1;
	return read_addresses(listener, section);
}

/* What an empty file means: one listener, of all defaults. */
static int
default_listener(struct conf_listener *listener)
{
	static const char text[] =
	    "listen main { address = \"127.0.0.1:2693\" }";
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

/* 0; or -1: out of memory, unless an error was reported. */
static int
read_values(struct conf *conf, cfg_t *cfg)
{
	cfg_t *log = cfg_getsec(cfg, "log");
	const char *to = cfg_getstr(log, "to");
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	conf->handlers = (unsigned)cfg_getint(cfg, "handlers");
	if (conf->handlers == 0)
		conf->handlers = cpus < 1                    ? 1
		                 : cpus > CONF_MAX_HANDLERS ? CONF_MAX_HANDLERS
		                                            : (unsigned)cpus;
	conf->max_clients = (unsigned)cfg_getint(cfg, "max_clients");
	conf->user = strdup(cfg_getstr(cfg, "user"));
	conf->log_to_is_set = to != NULL;
	if (to != NULL)
		conf->log_to = (enum log_target)word_value(log_targets, to);
	conf->log_facility = word_value(facilities, cfg_getstr(log, "facility"));
	conf->log_level = (enum log_level)word_value(log_levels, cfg_getstr(log, "level"));
	if (conf->user == NULL)
		return -1;
	return read_listeners(conf, cfg);
}

static bool
is_shared(const struct conf_listener *a, const struct conf_listener *b)
{
	for (int i = 0; i < a->nresolved; i++)
		for (int j = 0; j < b->nresolved; j++)
			if (address_is_equal(&a->resolved[i], &b->resolved[j]) &&
			    (address_port(&a->resolved[i]) != 0 || a->address[0] == '/'))
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
			         "%s:%d: listen %s: %s is the address of listen %s "
			         "already: give it another port",
			         error_path, cfg_getnsec(cfg, "listen", (unsigned)i)->line,
			         conf->listeners[i].name, conf->listeners[i].address,
			         conf->listeners[j].name);
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
	if (cfg_parse_buf(cfg, text) != CFG_SUCCESS) {
		if (error[0] == '\0')
			snprintf(error, CONF_MAX_ERROR, "%s: cannot be parsed", path);
	} else if (read_values(conf, cfg) == -1) {
		if (error[0] == '\0') {
			snprintf(error, CONF_MAX_ERROR, "%s: out of memory", path);
			result = EX_OSERR;
		}
	} else if (check_distinct(conf, cfg, error) == 0) {
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

	memset(conf, 0, sizeof *conf);
	if (text == NULL)
		return result;
	error[0] = '\0';
	result = parse(path, text, conf, error);
	free(text);
	if (result != 0)
		conf_fini(conf);
	return result;
}

void
conf_fini(struct conf *conf)
{
	for (size_t i = 0; i < conf->nlisteners; i++) {
		free(conf->listeners[i].name);
		free(conf->listeners[i].address);
	}
	free(conf->listeners);
	free(conf->user);
	memset(conf, 0, sizeof *conf);
}
