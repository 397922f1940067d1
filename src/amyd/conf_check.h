/* SPDX-License-Identifier: MIT */
/*
 * conf_check.h - checks of one value of amyd.conf, for libConfuse to call.
 *
 * Each looks at the value that was read last, and returns 0; or -1, and it was reported with
 * cfg_error() what is wrong with it, and how to mend it.
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include <stddef.h>

#include <confuse.h>

/* What may stand for a value. A list of them ends with a NULL. */
struct conf_word {
	const char *name;
	int value;
};

int conf_check_word(cfg_t *cfg, cfg_opt_t *opt, const struct conf_word *words);

/* That of a word that was checked. */
int conf_word_value(const struct conf_word *words, const char *name);

/* Instead of libConfuse's own: a cfg_callback_t. */
int conf_parse_number(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result);

int conf_check_number(cfg_t *cfg, cfg_opt_t *opt, long min, long max);

/* range is how it is told what min and max are. */
int conf_check_size(cfg_t *cfg, cfg_opt_t *opt, size_t min, size_t max, const char *range);

/* These know what is right: cfg_validate_callback_t. */
int conf_check_time(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_watch_time(cfg_t *cfg, cfg_opt_t *opt); /* at most 30 days */
int conf_check_access(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_address(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_subject(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_pattern(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_regex(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_format(cfg_t *cfg, cfg_opt_t *opt);
int conf_check_target(cfg_t *cfg, cfg_opt_t *opt);

/* A file mode: octal digits, as chmod(1) takes them. -1: they are none. */
int conf_parse_access(const char *text);

#endif
