/* SPDX-License-Identifier: MIT */
/*
 * conf_rule.h - the rules of amyd.conf: what a target is, and that no line goes round.
 */
#ifndef CONF_RULE_H
#define CONF_RULE_H

#include <stdbool.h>
#include <stddef.h>

struct conf;

#define CONF_MAX_RULES 64
#define CONF_MAX_TARGETS 16 /* of one rule */

/* So many lines one line may become by the targets of a rule, and of those it hands it on to. */
#define CONF_MAX_COPIES 512

/* So many rules in a row may hand a line on by a target "subject:...". */
#define CONF_MAX_HANDOVERS 8

enum conf_target_kind {
	CONF_TARGET_SUBJECT, /* published there again */
	CONF_TARGET_FILE,    /* appended to it */
	CONF_TARGET_SYSLOG,
	CONF_TARGET_TCP, /* sent there */
};

/* Owner: its rule. */
struct conf_target {
	enum conf_target_kind kind;
	char *text;          /* as written: "tcp:127.0.0.1:5140" */
	const char *name;    /* of that: the subject, the path, "host:port" */
	int syslog_priority; /* facility and level */
};

/* Where lines of some subjects go, apart from those who follow them. Owner: its struct
 * conf. */
struct conf_rule {
	struct conf *conf; /* as that of struct conf_listener */
	char *name;
	char *match; /* a pattern */
	char *regex; /* that the text must match, for PCRE2; NULL: any text */
	char *format; /* of lines for files, syslog and TCP; NULL: the text alone */
	struct conf_target *targets;
	size_t ntargets;
	size_t queue; /* bytes that may wait for each target */
	bool stop;    /* the rules after it are not tried */
};

/*
 * What target->text means. 0, and the other fields are set; or -1: it is no target, and
 * why (of size bytes) says what is wrong with it.
 */
int conf_target_parse(struct conf_target *target, char *why, size_t size);

/*
 * Does a line go round among these rules, by targets "subject:...", or through more of
 * them than it may, or does it become more lines than it may? -1: no. Or the number of a rule in that chain, which why (of size
 * bytes) tells of. Texts are not looked at: a regex might let it pass. n is at most
 * CONF_MAX_RULES.
 */
int conf_rules_find_loop(const struct conf_rule *rules, size_t n, char *why, size_t size);

#endif
