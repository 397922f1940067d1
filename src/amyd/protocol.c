/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "protocol.h"
#include "subject.h"
#include "units.h"

const struct verb_info protocol_verbs[VERB_COUNT] = {
	[VERB_ECHO] = { "ECHO", "ECHO <text>", "answer with the text" },
	[VERB_FORGET] = { "FORGET", "FORGET <subject>",
	                  "forget the last value of the subject" },
	[VERB_HELP] = { "HELP", "HELP [verb]", "list the verbs, or say what one does" },
	[VERB_KEEP] = { "KEEP", "KEEP <subject> <text>",
	                "publish, and remember as the subject's last value" },
	[VERB_NAME] = { "NAME", "NAME <name>", "take a name: PUB @name reaches you only" },
	[VERB_PING] = { "PING", "PING [text]", "answer when every earlier line was handled" },
	[VERB_PUB] = { "PUB", "PUB <subject> <text>",
	               "send a line to all who follow the subject" },
	[VERB_QUIT] = { "QUIT", "QUIT", "finish and close" },
	[VERB_READ] = { "READ", "READ <pattern> [LAST n|FROM a [TO b] [RUN r]|SINCE t]",
	                "show stored lines, then stop" },
	[VERB_REP] = { "REP", "REP <id> <text>", "answer the REQ with that id" },
	[VERB_REQ] = { "REQ", "REQ <subject> <text>", "ask one who follows the subject" },
	[VERB_SET] = { "SET", "SET <key> <value>",
	               "change ack, echo, raw, show, slow or timeout" },
	[VERB_STATS] = { "STATS", "STATS [prefix]", "show counters" },
	[VERB_SUB] = { "SUB",
	               "SUB <pattern> [LAST n|FROM seq [RUN r]|SINCE 10m] [GROUP g] [COUNT n] "
	               "[WITHIN 30s]",
	               "follow a subject, or many: a.*, a.>" },
	[VERB_TRACE] = { "TRACE", "TRACE <subject>", "show who would get a line, and why" },
	[VERB_UNSUB] = { "UNSUB", "UNSUB <pattern>|*", "stop following one pattern, or all" },
	[VERB_WHO] = { "WHO", "WHO [pattern]", "list the clients" },
	[VERB_WILL] = { "WILL", "WILL <subject> <text>",
	                "publish this if you vanish without QUIT" },
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_tag_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Names are upper-case letters: without the bit that tells the cases apart, only they match. */
static inline bool
is_verb(const char *verb_name, const char *name, size_t nbytes)
{
	for (size_t i = 0; i < nbytes; i++)
		if (verb_name[i] == '\0' || verb_name[i] != (name[i] & ~0x20))
			return false;
	return verb_name[nbytes] == '\0';
}

enum verb
protocol_find_verb(const char *name, size_t nbytes)
{
	if (nbytes == 0)
		return VERB_COUNT;
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		const char *verb_name = protocol_verbs[verb].name;

		if (*verb_name == (*name & ~0x20) && is_verb(verb_name, name, nbytes))
			return verb;
	}
	return VERB_COUNT;
}

void
protocol_split(const char *args, size_t nargs, struct protocol_split *split)
{
	size_t n = 0;

	while (n < nargs && (args[n] > ' ' || !is_blank(args[n])))
		n++;
	split->first = args;
	split->nfirst = n;
	split->rest = args;
	split->nrest = 0;
	if (n == nargs)
		return;
	split->rest = args + n + 1;
	split->nrest = nargs - n - 1;
}

/* The tag, if there is one; *line is moved behind it. */
static bool
parse_tag(const char **line, size_t *nbytes, struct command *command)
{
	struct protocol_split split;

	command->tag = NULL;
	command->ntag = 0;
	if (*nbytes == 0 || **line != '#')
		return true;
	protocol_split(*line + 1, *nbytes - 1, &split);
	if (split.nfirst == 0 || split.nfirst > PROTOCOL_MAX_TAG)
		return false;
	for (size_t i = 0; i < split.nfirst; i++)
		if (!is_tag_byte(split.first[i]))
			return false;
	command->tag = split.first;
	command->ntag = split.nfirst;
	*line = split.rest;
	*nbytes = split.nrest;
	return true;
}

enum protocol_result
protocol_parse(const char *line, size_t nbytes, struct command *command)
{
	struct protocol_split split;

	if (nbytes > 0 && line[nbytes - 1] == '\r')
		nbytes--;
	if (nbytes == 0)
		return PROTOCOL_EMPTY;
	if (!parse_tag(&line, &nbytes, command))
		return PROTOCOL_BAD_TAG;
	protocol_split(line, nbytes, &split);
	command->word = split.first;
	command->nword = split.nfirst;
	command->args = split.rest;
	command->nargs = split.nrest;
	command->has_args = split.nfirst < nbytes;
	command->verb = protocol_find_verb(split.first, split.nfirst);
	return command->verb == VERB_COUNT ? PROTOCOL_UNKNOWN : PROTOCOL_COMMAND;
}

/* The next word after blanks, which *rest is moved behind; nbytes 0: there is none. */
static struct amy_bytes
next_word(struct amy_bytes *rest)
{
	struct protocol_split split;

	while (rest->nbytes > 0 && is_blank(*rest->bytes)) {
		rest->bytes++;
		rest->nbytes--;
	}
	protocol_split(rest->bytes, rest->nbytes, &split);
	*rest = (struct amy_bytes){ split.rest, split.nrest };
	return (struct amy_bytes){ split.first, split.nfirst };
}

/* In any case. */
static bool
is_word(const struct amy_bytes *word, const char *name)
{
	return strlen(name) == word->nbytes &&
	       strncasecmp(name, word->bytes, word->nbytes) == 0;
}

/* ---- Options of SUB and READ ------------------------------------------------------ */

static bool
take_last(const struct amy_bytes *value, struct protocol_follow *follow)
{
	follow->since = PROTOCOL_SINCE_LAST;
	return units_parse_count(value->bytes, value->nbytes, &follow->last) == 0;
}

static bool
take_from(const struct amy_bytes *value, struct protocol_follow *follow)
{
	follow->since = PROTOCOL_SINCE_FROM;
	return units_parse_count(value->bytes, value->nbytes, &follow->from) == 0;
}

static bool
take_to(const struct amy_bytes *value, struct protocol_follow *follow)
{
	return units_parse_count(value->bytes, value->nbytes, &follow->to) == 0 &&
	       follow->to > 0;
}

static bool
take_since(const struct amy_bytes *value, struct protocol_follow *follow)
{
	follow->since = PROTOCOL_SINCE_TIME;
	if (units_parse_time(value->bytes, value->nbytes, &follow->since_ms) == 0)
		return true;
	follow->since = PROTOCOL_SINCE_MOMENT;
	return units_parse_moment(value->bytes, value->nbytes, &follow->since_wall_ms) == 0;
}

/* Any short word: one that is no run of ours is that of another. */
static bool
take_run(const struct amy_bytes *value, struct protocol_follow *follow)
{
	follow->run = *value;
	return subject_check_name(value->bytes, value->nbytes) == NULL;
}

static bool
take_group(const struct amy_bytes *value, struct protocol_follow *follow)
{
	follow->group = *value;
	return subject_check_name(value->bytes, value->nbytes) == NULL;
}

static bool
take_count(const struct amy_bytes *value, struct protocol_follow *follow)
{
	return units_parse_count(value->bytes, value->nbytes, &follow->count) == 0 &&
	       follow->count > 0;
}

static bool
take_within(const struct amy_bytes *value, struct protocol_follow *follow)
{
	follow->has_within = true;
	return units_parse_time(value->bytes, value->nbytes, &follow->within_ms) == 0;
}

/* take says whether the value is good; an empty one is not, to any of them. */
struct option {
	const char *name;
	bool (*take)(const struct amy_bytes *value, struct protocol_follow *follow);
	const char *why; /* if the value is bad or missing */
};

#define OPTION_LAST                                                                            \
	{                                                                                      \
		"LAST", take_last, "LAST takes a number, such as 20"                           \
	}
#define OPTION_FROM                                                                            \
	{                                                                                      \
		"FROM", take_from, "FROM takes a number, such as 812"                          \
	}
#define OPTION_SINCE                                                                           \
	{                                                                                      \
		"SINCE", take_since,                                                           \
		    "SINCE takes a time, such as 10m, or 2026-11-28T18:40:00Z"                 \
	}
#define OPTION_RUN                                                                             \
	{                                                                                      \
		"RUN", take_run, "RUN takes what stood behind run=, such as k3f"               \
	}

static const struct option sub_options[] = {
	OPTION_LAST,
	OPTION_FROM,
	OPTION_SINCE,
	OPTION_RUN,
	{ "GROUP", take_group,
	  "GROUP takes a name of 1 to 64 of [A-Za-z0-9_:/=+-], such as g1" },
	{ "COUNT", take_count, "COUNT takes a number from 1, such as 3" },
	{ "WITHIN", take_within, "WITHIN takes a time, such as 30s" },
	{ 0 },
};

static const struct option read_options[] = {
	OPTION_LAST,
	OPTION_FROM,
	OPTION_SINCE,
	OPTION_RUN,
	{ "TO", take_to, "TO takes a number from 1, such as 832" },
	{ 0 },
};

static const struct option *
find_option(const struct option *options, const struct amy_bytes *word)
{
	while (options->name != NULL && !is_word(word, options->name))
		options++;
	return options->name == NULL ? NULL : options;
}

/* The options that were there, a bit each, are *seen. */
static const char *
parse_options(const struct option *options, const char *why_unknown, struct amy_bytes rest,
              struct protocol_follow *follow, unsigned *seen)
{
	*seen = 0;
	for (;;) {
		struct amy_bytes word = next_word(&rest), value;
		const struct option *option = find_option(options, &word);

		if (word.nbytes == 0)
			return NULL;
		if (option == NULL)
			return why_unknown;
		if (*seen & 1u << (option - options))
			return "an option stands there twice, once is enough";
		*seen |= 1u << (option - options);
		value = next_word(&rest);
		if (!option->take(&value, follow))
			return option->why;
	}
}

/* LAST, FROM and SINCE are the first three of either table. */
static bool
has_two_beginnings(unsigned seen)
{
	unsigned beginnings = seen & 7;

	return (beginnings & (beginnings - 1)) != 0;
}

static const char *
parse_follow(const struct option *options, const char *why_unknown, const char *args,
             size_t nargs, struct protocol_follow *follow)
{
	struct amy_bytes rest = { args, nargs };
	const char *why;
	unsigned seen;

	*follow = (struct protocol_follow){ .pattern = next_word(&rest) };
	if (follow->pattern.nbytes == 0)
		return "";
	why = parse_options(options, why_unknown, rest, follow, &seen);
	if (why == NULL && has_two_beginnings(seen))
		why = "only one of LAST, FROM and SINCE";
	if (why == NULL && follow->run.nbytes > 0 && follow->since != PROTOCOL_SINCE_FROM)
		why = "RUN goes with FROM, such as FROM 812 RUN k3f";
	return why;
}

const char *
protocol_parse_sub(const char *args, size_t nargs, struct protocol_follow *follow)
{
	return parse_follow(sub_options,
	                    "options are LAST, FROM, RUN, SINCE, GROUP, COUNT and WITHIN", args,
	                    nargs, follow);
}

const char *
protocol_parse_read(const char *args, size_t nargs, struct protocol_follow *follow)
{
	const char *why = parse_follow(read_options, "options are LAST, FROM, TO, RUN and SINCE",
	                               args, nargs, follow);

	if (why == NULL && follow->to > 0 && follow->since != PROTOCOL_SINCE_FROM)
		why = "TO goes with FROM, such as FROM 812 TO 832";
	if (why == NULL && follow->to > 0 && follow->to < follow->from)
		why = "TO is not less than FROM, as in FROM 812 TO 832";
	return why;
}

/* ---- SET -------------------------------------------------------------------------- */

#define MAX_TIMEOUT_MS (24 * 60 * 60 * 1000)

/* One of two words: *is_second says which. */
static bool
take_either(const struct amy_bytes *value, const char *first, const char *second,
            bool *is_second)
{
	*is_second = is_word(value, second);
	return *is_second || is_word(value, first);
}

static bool
take_switch(const struct amy_bytes *value, struct protocol_set *set)
{
	return take_either(value, "off", "on", &set->on);
}

static bool
take_slow(const struct amy_bytes *value, struct protocol_set *set)
{
	return take_either(value, "drop", "cut", &set->on);
}

static unsigned
find_column(const struct amy_bytes *name)
{
	static const char *const columns[] = { "seq", "time", "from" };

	for (unsigned i = 0; i < 3; i++)
		if (is_word(name, columns[i]))
			return 1u << i;
	return 0;
}

static bool
take_show(const struct amy_bytes *value, struct protocol_set *set)
{
	const char *end = value->bytes + value->nbytes;

	if (is_word(value, "off"))
		return true;
	for (const char *start = value->bytes; start <= end;) {
		const char *comma = memchr(start, ',', (size_t)(end - start));
		const char *stop = comma == NULL ? end : comma;
		struct amy_bytes name = { start, (size_t)(stop - start) };
		unsigned column = find_column(&name);

		if (column == 0 || (set->show & column) != 0)
			return false;
		set->show |= column;
		start = stop + 1;
	}
	return true;
}

static bool
take_timeout(const struct amy_bytes *value, struct protocol_set *set)
{
	return units_parse_time(value->bytes, value->nbytes, &set->timeout_ms) == 0 &&
	       set->timeout_ms >= 1 && set->timeout_ms <= MAX_TIMEOUT_MS;
}

static const struct key {
	const char *name;
	bool (*take)(const struct amy_bytes *value, struct protocol_set *set);
	const char *why; /* if the value is bad */
} keys[] = {
	[PROTOCOL_SET_ACK] = { "ack", take_switch, "ack takes on or off" },
	[PROTOCOL_SET_ECHO] = { "echo", take_switch, "echo takes on or off" },
	[PROTOCOL_SET_RAW] = { "raw", take_switch, "raw takes on or off" },
	[PROTOCOL_SET_SHOW] = { "show", take_show,
	                        "show takes off, or some of seq,time,from without spaces" },
	[PROTOCOL_SET_SLOW] = { "slow", take_slow, "slow takes drop or cut" },
	[PROTOCOL_SET_TIMEOUT] = { "timeout", take_timeout,
	                           "timeout takes a time from 1ms to 1d, such as 30s" },
};

#define NKEYS (sizeof keys / sizeof keys[0])

const char *
protocol_parse_set(const char *args, size_t nargs, struct protocol_set *set)
{
	struct amy_bytes rest = { args, nargs };
	struct amy_bytes name = next_word(&rest), value = next_word(&rest);
	unsigned i = 0;

	*set = (struct protocol_set){ 0 };
	if (name.nbytes == 0)
		return "";
	while (i < NKEYS && !is_word(&name, keys[i].name))
		i++;
	if (i == NKEYS)
		return "keys are ack, echo, raw, show, slow and timeout";
	set->setting = (enum protocol_setting)i;
	if (value.nbytes == 0 || !keys[i].take(&value, set) || next_word(&rest).nbytes > 0)
		return keys[i].why;
	return NULL;
}

/* ---- Deliveries ------------------------------------------------------------------- */

#define MAX_NUMBER (sizeof "18446744073709551615" - 1)
#define NTIME (sizeof "2026-11-22T18:40:01.123Z" - 1)

/* The years 0 and 9999: their first and last millisecond. */
#define FIRST_MS INT64_C(-62167219200000)
#define LAST_MS INT64_C(253402300799999)

static char *
put_bytes(char *p, const struct amy_bytes *line)
{
	if (line->nbytes > 0)
		memcpy(p, line->bytes, line->nbytes);
	return p + line->nbytes;
}

static char *
put_decimal(char *p, uint64_t number)
{
	char digits[MAX_NUMBER];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

/* And a blank behind. */
static char *
put_number(char *p, uint64_t number)
{
	p = put_decimal(p, number);
	*p++ = ' ';
	return p;
}

/* n digits of it, and what ends them. */
static char *
put_digits(char *p, int number, size_t n, char end)
{
	for (size_t i = n; i > 0; i--, number /= 10)
		p[i - 1] = (char)('0' + number % 10);
	p[n] = end;
	return p + n + 1;
}

static char *
put_time(char *p, int64_t wall_ms)
{
	int64_t ms = wall_ms < FIRST_MS ? FIRST_MS : wall_ms > LAST_MS ? LAST_MS : wall_ms;
	int64_t since_first = ms - FIRST_MS;
	time_t seconds = (time_t)(since_first / 1000 + FIRST_MS / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	p = put_digits(p, tm.tm_year + 1900, 4, '-');
	p = put_digits(p, tm.tm_mon + 1, 2, '-');
	p = put_digits(p, tm.tm_mday, 2, 'T');
	p = put_digits(p, tm.tm_hour, 2, ':');
	p = put_digits(p, tm.tm_min, 2, ':');
	p = put_digits(p, tm.tm_sec, 2, '.');
	p = put_digits(p, (int)(since_first % 1000), 3, 'Z');
	*p++ = ' ';
	return p;
}

static char *
put_columns(char *p, const struct publication *publication, unsigned show)
{
	static const struct amy_bytes none = { "-", 1 };
	bool has_from = publication->from.nbytes > 0;

	if (show & PROTOCOL_SHOW_SEQ) {
		if (publication->seq > 0)
			p = put_number(p, publication->seq);
		else
			p = put_bytes(p, &(struct amy_bytes){ "- ", 2 });
	}
	if (show & PROTOCOL_SHOW_TIME)
		p = put_time(p, publication->wall_ms);
	if (show & PROTOCOL_SHOW_FROM) {
		p = put_bytes(p, has_from ? &publication->from : &none);
		*p++ = ' ';
	}
	return p;
}

size_t
protocol_write_receipt(uint64_t nreaders, uint64_t seq, char text[PROTOCOL_MAX_RECEIPT])
{
	char *p = put_decimal(text, nreaders);

	if (seq > 0) {
		p = put_bytes(p, &(struct amy_bytes){ " seq=", 5 });
		p = put_decimal(p, seq);
	}
	return (size_t)(p - text);
}

size_t
protocol_delivery_size(const struct publication *publication)
{
	size_t nfrom = publication->from.nbytes > 0 ? publication->from.nbytes : 1;

	/* A blank after each but the text, which LF ends. */
	return 4 + publication->subject.nbytes + 1 + MAX_NUMBER + 1 + NTIME + 1 + nfrom + 1 +
	       publication->text.nbytes + 1;
}

size_t
protocol_write_delivery(const struct publication *publication, unsigned show, bool raw,
                        char *bytes)
{
	bool is_request = publication->request > 0;
	char *p = bytes;

	if (!raw) {
		p = put_bytes(p, &(struct amy_bytes){ is_request ? "REQ " : "MSG ", 4 });
		p = put_bytes(p, &publication->subject);
		*p++ = ' ';
		if (is_request)
			p = put_number(p, publication->request);
		else
			p = put_columns(p, publication, show);
	}
	p = put_bytes(p, &publication->text);
	*p++ = '\n';
	return (size_t)(p - bytes);
}

int
protocol_parse_request(const char *text, size_t nbytes, uint64_t *number)
{
	uint64_t n;

	if (units_parse_count(text, nbytes, &n) == -1 || n == 0)
		return -1;
	*number = n;
	return 0;
}

/* ---- Browsers --------------------------------------------------------------------- */

const char *
protocol_write_tag(const char *tag, size_t ntag, char text[PROTOCOL_MAX_HEAD])
{
	text[0] = '\0';
	if (ntag > 0)
		snprintf(text, PROTOCOL_MAX_HEAD, "#%.*s ", (int)ntag, tag);
	return text;
}

bool
protocol_is_request(const char *line, size_t nbytes)
{
	static const char version[] = "HTTP/1.x";
	size_t n = sizeof version - 1;

	if (nbytes > 0 && line[nbytes - 1] == '\r')
		nbytes--;
	return nbytes >= n && memcmp(line + nbytes - n, version, n - 1) == 0 &&
	       line[nbytes - 1] >= '0' && line[nbytes - 1] <= '9';
}

bool
protocol_is_http(const char *line, size_t nbytes, bool is_first)
{
	if (is_first && protocol_is_request(line, nbytes))
		return true;
	return nbytes >= 5 && line[4] == ':' && strncasecmp(line, "Host", 4) == 0;
}
