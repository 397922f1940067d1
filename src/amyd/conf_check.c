/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "conf_check.h"
#include "conf_rule.h"
#include "format.h"
#include "regex.h"
#include "subject.h"
#include "units.h"

/* What a session notes of a time wraps after 49 days. */
#define MAX_WATCH_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

/* As systemd has it. */
#define MAX_FD_NAME 255

static const struct conf_word *
find_word(const struct conf_word *words, const char *name)
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

int
conf_check_word(cfg_t *cfg, cfg_opt_t *opt, const struct conf_word *words)
{
	char list[256] = "";
	size_t used = 0;

	if (find_word(words, last_string(opt)) != NULL)
		return 0;
	for (; words->name != NULL && used < sizeof list; words++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s\"%s\"",
		                         used == 0 ? "" : ", ", words->name);
	cfg_error(cfg, "%s = \"%s\": it is one of %s", cfg_opt_name(opt), last_string(opt),
	          list);
	return -1;
}

int
conf_word_value(const struct conf_word *words, const char *name)
{
	return find_word(words, name)->value;
}

/* libConfuse would take 010 for eight, and nothing for zero. */
int
conf_parse_number(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	const char *digits = text + (*text == '-');
	size_t n = strspn(digits, "0123456789");

	if (n == 0 || n > 10 || digits[n] != '\0' || (*digits == '0' && n > 1)) {
		cfg_error(cfg, "%s = %s: it is a whole number, such as 4", cfg_opt_name(opt),
		          *text == '\0' ? "\"\"" : text);
		return -1;
	}
	*(long *)result = strtol(text, NULL, 10);
	return 0;
}

int
conf_check_number(cfg_t *cfg, cfg_opt_t *opt, long min, long max)
{
	long n = cfg_opt_getnint(opt, cfg_opt_size(opt) - 1);

	if (n >= min && n <= max)
		return 0;
	cfg_error(cfg, "%s = %ld: it is a number from %ld to %ld", cfg_opt_name(opt), n, min,
	          max);
	return -1;
}

int
conf_check_size(cfg_t *cfg, cfg_opt_t *opt, size_t min, size_t max, const char *range)
{
	size_t size;

	if (units_parse_size(last_string(opt), &size) == 0 && size >= min && size <= max)
		return 0;
	cfg_error(cfg, "%s = \"%s\": it is a size from %s, such as \"64K\"", cfg_opt_name(opt),
	          last_string(opt), range);
	return -1;
}

int
conf_check_time(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_string(opt);
	int64_t ms;

	if (units_parse_time(text, strlen(text), &ms) == 0)
		return 0;
	cfg_error(cfg, "%s = \"%s\": it is a time such as \"60s\", at most \"3650d\", or \"0\"",
	          cfg_opt_name(opt), text);
	return -1;
}

int
conf_check_watch_time(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_string(opt);
	int64_t ms;

	if (units_parse_time(text, strlen(text), &ms) == 0 && ms <= MAX_WATCH_MS)
		return 0;
	cfg_error(cfg, "%s = \"%s\": it is a time such as \"30s\", at most \"30d\", or \"0\"",
	          cfg_opt_name(opt), text);
	return -1;
}

int
conf_check_subject(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_string(opt);
	const char *why = subject_check(text, strlen(text));

	if (why == NULL && subject_is_reserved(text, strlen(text)))
		why = "_amyd is the daemon's own";
	if (why == NULL)
		return 0;
	cfg_error(cfg, "%s = \"%s\": %s: write one such as \"log.in\"", cfg_opt_name(opt), text,
	          why);
	return -1;
}

int
conf_check_pattern(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_string(opt);
	const char *why = subject_check_pattern(text, strlen(text));

	if (why == NULL)
		return 0;
	cfg_error(cfg, "%s = \"%s\": %s: write one such as \"log.>\"", cfg_opt_name(opt), text,
	          why);
	return -1;
}

int
conf_check_regex(cfg_t *cfg, cfg_opt_t *opt)
{
	char why[200];

	if (regex_check(last_string(opt), why, sizeof why))
		return 0;
	cfg_error(cfg, "regex = '%s': %s", last_string(opt), why);
	return -1;
}

int
conf_check_format(cfg_t *cfg, cfg_opt_t *opt)
{
	struct format_piece unknown;

	if (format_check(last_string(opt), &unknown)) {
		if (strchr(last_string(opt), '\n') == NULL)
			return 0;
		cfg_error(cfg, "format: it is one line, and has no line feed");
		return -1;
	}
	cfg_error(cfg,
	          "format = \"%s\": there is no %.*s: write %%text, %%subject, %%time, %%from, "
	          "%%user, %%seq, %%node, or %%%% for a %%",
	          last_string(opt), (int)unknown.nbytes, unknown.bytes);
	return -1;
}

int
conf_check_target(cfg_t *cfg, cfg_opt_t *opt)
{
	struct conf_target target = { .text = opt->values[cfg_opt_size(opt) - 1]->string };
	char why[200];

	if (conf_target_parse(&target, why, sizeof why) == 0)
		return 0;
	cfg_error(cfg, "to = \"%s\": %s", target.text, why);
	return -1;
}

static int
check_fd_name(cfg_t *cfg, const char *name)
{
	size_t n = strlen(name);

	for (const char *c = name; *c != '\0'; c++)
		if (*c < ' ' || *c > '~' || *c == ':')
			n = 0;
	if (n > 0 && n <= MAX_FD_NAME)
		return 0;
	cfg_error(cfg,
	          "address = \"fd:%s\": write fd: and the FileDescriptorName= of a .socket "
	          "unit, such as \"fd:main\"",
	          name);
	return -1;
}

int
conf_check_address(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = last_string(opt);
	const char *why;

	if (address_fd_name(text) != NULL)
		return check_fd_name(cfg, address_fd_name(text));
	if (address_check_form(text, &why) == 0)
		return 0;
	cfg_error(cfg, "address = \"%s\": %s", text, why);
	return -1;
}

int
conf_parse_access(const char *text)
{
	char *end;
	long n = strtol(text, &end, 8);

	return *text < '0' || *text > '7' || *end != '\0' || n > 0777 ? -1 : (int)n;
}

int
conf_check_access(cfg_t *cfg, cfg_opt_t *opt)
{
	if (conf_parse_access(last_string(opt)) != -1)
		return 0;
	cfg_error(cfg, "access = \"%s\": it is a file mode such as \"0660\"", last_string(opt));
	return -1;
}
