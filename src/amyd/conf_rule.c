/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "conf_rule.h"
#include "subject.h"
#include "units.h"

/* ---- Targets ---------------------------------------------------------------------- */

struct word {
	const char *name;
	int value;
};

/* Not "kern": syslog(3) would take it for the facility of the log. */
static const struct word facilities[] = {
	{ "auth", LOG_AUTH },     { "authpriv", LOG_AUTHPRIV },
	{ "cron", LOG_CRON },     { "daemon", LOG_DAEMON },
	{ "ftp", LOG_FTP },       { "lpr", LOG_LPR },
	{ "mail", LOG_MAIL },     { "news", LOG_NEWS },
	{ "syslog", LOG_SYSLOG }, { "user", LOG_USER },
	{ "uucp", LOG_UUCP },     { "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 }, { NULL, 0 },
};

static const struct word levels[] = {
	{ "emerg", LOG_EMERG }, { "alert", LOG_ALERT },     { "crit", LOG_CRIT },
	{ "err", LOG_ERR },     { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
	{ "info", LOG_INFO },   { "debug", LOG_DEBUG },     { NULL, 0 },
};

/* -1: it is none of them. */
static int
value_of(const struct word *words, const char *name, size_t nbytes)
{
	for (; words->name != NULL; words++)
		if (strlen(words->name) == nbytes && memcmp(words->name, name, nbytes) == 0)
			return words->value;
	return -1;
}

static int
parse_subject(struct conf_target *target, char *why, size_t size)
{
	size_t n = strlen(target->name);
	const char *wrong = subject_check(target->name, n);

	if (wrong == NULL && subject_is_reserved(target->name, n))
		wrong = "_amyd is the daemon's own";
	if (wrong == NULL)
		return 0;
	snprintf(why, size, "%s: write one such as subject:alert", wrong);
	return -1;
}

static int
parse_file(struct conf_target *target, char *why, size_t size)
{
	size_t n = strlen(target->name);

	if (n > 1 && target->name[0] == '/' && target->name[n - 1] != '/')
		return 0;
	snprintf(why, size, "write the whole path of a file, such as file:/var/log/lines");
	return -1;
}

static int
parse_syslog(struct conf_target *target, char *why, size_t size)
{
	const char *dot = strchr(target->name, '.');
	int facility = -1, level = -1;

	if (dot != NULL) {
		facility = value_of(facilities, target->name, (size_t)(dot - target->name));
		level = value_of(levels, dot + 1, strlen(dot + 1));
	}
	if (facility != -1 && level != -1) {
		target->syslog_priority = facility | level;
		return 0;
	}
	snprintf(why, size,
	         dot == NULL      ? "write facility.level, such as syslog:local3.err"
	         : facility == -1 ? "there is no such facility: see amyd.conf(5)"
	                          : "there is no such level: it is one of emerg, alert, "
	                            "crit, err, warning, notice, info, debug");
	return -1;
}

/* Of "[host]", the address that it is to be. */
static bool
is_ipv6(const char *host, size_t nhost)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	const char *zone = memchr(host, '%', nhost);
	size_t n = zone == NULL ? nhost : (size_t)(zone - host);

	if (n >= sizeof text)
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool
is_host(const char *host, size_t nhost)
{
	if (nhost > 2 && host[0] == '[' && host[nhost - 1] == ']')
		return is_ipv6(host + 1, nhost - 2);
	for (size_t i = 0; i < nhost; i++)
		if (host[i] <= ' ' || host[i] > '~' || strchr(":/[]*", host[i]) != NULL)
			return false;
	return nhost > 0 && nhost < 256;
}

static int
parse_tcp(struct conf_target *target, char *why, size_t size)
{
	const char *colon = strrchr(target->name, ':');
	uint64_t port;

	if (colon == NULL || !is_host(target->name, (size_t)(colon - target->name))) {
		snprintf(why, size, "write tcp:host:port or tcp:[v6]:port");
		return -1;
	}
	if (units_parse_count(colon + 1, strlen(colon + 1), &port) == -1 || port < 1 ||
	    port > 65535) {
		snprintf(why, size, "the port is a number from 1 to 65535");
		return -1;
	}
	return 0;
}

static const struct {
	const char *prefix;
	enum conf_target_kind kind;
	int (*parse)(struct conf_target *target, char *why, size_t size);
} kinds[] = {
	{ "subject:", CONF_TARGET_SUBJECT, parse_subject },
	{ "file:", CONF_TARGET_FILE, parse_file },
	{ "syslog:", CONF_TARGET_SYSLOG, parse_syslog },
	{ "tcp:", CONF_TARGET_TCP, parse_tcp },
};

int
conf_target_parse(struct conf_target *target, char *why, size_t size)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t n = strlen(kinds[i].prefix);

		if (strncmp(target->text, kinds[i].prefix, n) != 0)
			continue;
		target->kind = kinds[i].kind;
		target->name = target->text + n;
		return kinds[i].parse(target, why, size);
	}
	snprintf(why, size,
	         "it begins with one of \"subject:\", \"file:/\", \"syslog:\", \"tcp:\"");
	return -1;
}

/* More than anybody has, and 1024 times that can be counted. */
#define MANY_COPIES (UINT64_C(1) << 50)

/* ---- Loops ------------------------------------------------------------------------ */

struct walk {
	const struct conf_rule *rules;
	size_t n;
	size_t path[CONF_MAX_RULES]; /* each hands on to the next */
	size_t npath;
	uint64_t next[CONF_MAX_RULES];    /* the rules to which one hands on, a bit each */
	size_t handovers[CONF_MAX_RULES]; /* how many follow one, at most; of those done */
	uint64_t ncopies[CONF_MAX_RULES]; /* what a line becomes by one, at most; of those done */
	uint64_t on_path, done;
	char *why;
	size_t size;
};

static uint64_t
bit(size_t i)
{
	return (uint64_t)1 << i;
}

static bool
matches(const struct conf_rule *rule, const char *subject)
{
	struct subject_tokens pattern, tokens;

	subject_split(rule->match, strlen(rule->match), &pattern);
	subject_split(subject, strlen(subject), &tokens);
	return subject_matches(&pattern, &tokens);
}

/* The rules that are tried for a subject, if no text stops it. */
static uint64_t
rules_of(const struct walk *walk, const struct conf_target *target)
{
	uint64_t found = 0;

	if (target->kind != CONF_TARGET_SUBJECT)
		return 0;
	for (size_t i = 0; i < walk->n; i++) {
		if (!matches(&walk->rules[i], target->name))
			continue;
		found |= bit(i);
		if (walk->rules[i].stop && walk->rules[i].regex == NULL)
			break;
	}
	return found;
}

static uint64_t
next_of(const struct walk *walk, const struct conf_rule *rule)
{
	uint64_t found = 0;

	for (size_t i = 0; i < rule->ntargets; i++)
		found |= rules_of(walk, &rule->targets[i]);
	return found;
}

/* Those of the rules that are done; as many as can be told apart. */
static uint64_t
count_copies(const struct walk *walk, const struct conf_rule *rule)
{
	uint64_t n = 0;

	for (size_t t = 0; t < rule->ntargets; t++) {
		uint64_t next = rules_of(walk, &rule->targets[t]);

		n++;
		for (size_t i = 0; i < walk->n; i++)
			if ((next & bit(i)) != 0)
				n += walk->ncopies[i];
	}
	return n < MANY_COPIES ? n : MANY_COPIES;
}

/* By which target does one rule hand on to the other? */
static const char *
way(const struct walk *walk, size_t from, size_t to)
{
	const struct conf_rule *rule = &walk->rules[from];
	size_t i = 0;

	while ((rules_of(walk, &rule->targets[i]) & bit(to)) == 0)
		i++;
	return rule->targets[i].text;
}

static void say(struct walk *walk, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(struct walk *walk, const char *format, ...)
{
	size_t used = strlen(walk->why);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(walk->why + used, walk->size - used, format, arguments);
	va_end(arguments);
}

/* Tell of the path from its ith rule on, and where it goes from its end. */
static void
tell(struct walk *walk, size_t i, size_t end, const char *what)
{
	walk->why[0] = '\0';
	say(walk, "rule %s: ", walk->rules[walk->path[i]].name);
	for (; i < walk->npath; i++) {
		bool is_last = i + 1 == walk->npath;
		size_t to = is_last ? end : walk->path[i + 1];

		say(walk, "%s goes to rule %s%s", way(walk, walk->path[i], to),
		    walk->rules[to].name, is_last ? "" : ", where ");
	}
	say(walk, "%s", what);
}

static int
tell_of_loop(struct walk *walk, size_t back_to)
{
	size_t i = 0;

	while (walk->path[i] != back_to)
		i++;
	tell(walk, i, back_to,
	     ", which is a loop: choose a subject that none of them matches, or put a "
	     "rule with stop = true and no regex before them");
	return (int)back_to;
}

static int visit(struct walk *walk, size_t i);

/* What comes after the last rule of the path. */
static int
visit_next(struct walk *walk, size_t i)
{
	for (size_t next = 0; next < walk->n; next++) {
		int found;

		if ((walk->next[i] & bit(next)) == 0)
			continue;
		if ((walk->on_path & bit(next)) != 0)
			return tell_of_loop(walk, next);
		found = visit(walk, next);
		if (found != -1)
			return found;
		if (walk->handovers[i] < walk->handovers[next] + 1)
			walk->handovers[i] = walk->handovers[next] + 1;
	}
	return -1;
}

/* Each rule once, depth first. As visit_next(): -1, or a rule of a loop. */
static int
visit(struct walk *walk, size_t i)
{
	int found;

	if ((walk->done & bit(i)) != 0)
		return -1;
	walk->path[walk->npath++] = i;
	walk->on_path |= bit(i);
	found = visit_next(walk, i);
	if (found != -1)
		return found;
	walk->ncopies[i] = count_copies(walk, &walk->rules[i]);
	walk->npath--;
	walk->on_path &= ~bit(i);
	walk->done |= bit(i);
	return -1;
}

/* Put the longest chain from a rule on in the path. */
static void
follow(struct walk *walk, size_t i)
{
	walk->npath = 0;
	walk->path[walk->npath++] = i;
	while (walk->handovers[i] > 0) {
		size_t next = 0;

		while ((walk->next[i] & bit(next)) == 0 ||
		       walk->handovers[next] + 1 != walk->handovers[i])
			next++;
		walk->path[walk->npath++] = i = next;
	}
}

/* There is no loop. */
static int
find_long_chain(struct walk *walk)
{
	char what[100];

	for (size_t i = 0; i < walk->n; i++) {
		if (walk->handovers[i] != CONF_MAX_HANDOVERS + 1)
			continue; /* who has more leads to one that has so many */
		follow(walk, i);
		walk->npath--;
		snprintf(what, sizeof what,
		         ": more than %d rules hand a line on: make the chain shorter",
		         CONF_MAX_HANDOVERS);
		tell(walk, 0, walk->path[walk->npath], what);
		return (int)i;
	}
	return -1;
}

/* There is no loop. The first one that is too wide, though none is to which it hands on. */
static int
find_wide(struct walk *walk)
{
	for (size_t i = 0; i < walk->n; i++) {
		bool is_first = walk->ncopies[i] > CONF_MAX_COPIES;

		for (size_t next = 0; next < walk->n; next++)
			if ((walk->next[i] & bit(next)) != 0 &&
			    walk->ncopies[next] > CONF_MAX_COPIES)
				is_first = false;
		if (!is_first)
			continue;
		walk->why[0] = '\0';
		say(walk,
		    "rule %s: one line becomes %" PRIu64 " lines by its targets and those of "
		    "the rules that they lead to: at most %d: name fewer targets, or hand on "
		    "to fewer rules",
		    walk->rules[i].name, walk->ncopies[i], CONF_MAX_COPIES);
		return (int)i;
	}
	return -1;
}

int
conf_rules_find_loop(const struct conf_rule *rules, size_t n, char *why, size_t size)
{
	struct walk walk = { .rules = rules, .n = n, .why = why, .size = size };
	int found;

	for (size_t i = 0; i < n; i++)
		walk.next[i] = next_of(&walk, &rules[i]);
	for (size_t i = 0; i < n; i++) {
		found = visit(&walk, i);
		if (found != -1)
			return found;
	}
	found = find_long_chain(&walk);
	return found != -1 ? found : find_wide(&walk);
}
