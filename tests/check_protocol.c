/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "protocol.h"

/* A text that may have NULs in it, and its length. */
#define BYTES(text) text, sizeof text - 1

#define TAG32 "0123456789_-abcdefghijklmnopqrst"

static void
assert_bytes(const char *bytes, size_t nbytes, const char *expected)
{
	ck_assert_uint_eq(nbytes, strlen(expected));
	if (nbytes > 0)
		ck_assert_mem_eq(bytes, expected, nbytes);
}

/* ---- Lines that are commands, or nearly ------------------------------------------- */

/* args NULL: the word ends the line. */
static const struct {
	const char *line;
	size_t nbytes;
	enum protocol_result result;
	enum verb verb;
	const char *tag, *word, *args;
} lines[] = {
	{ BYTES("PING"), PROTOCOL_COMMAND, VERB_PING, "", "PING", NULL },
	{ BYTES("PING "), PROTOCOL_COMMAND, VERB_PING, "", "PING", "" },
	{ BYTES("PING\t"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "" },
	{ BYTES("PING a"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "a" },
	{ BYTES("PING\ta"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "a" },
	{ BYTES("PING  a"), PROTOCOL_COMMAND, VERB_PING, "", "PING", " a" },
	{ BYTES("PING \ta "), PROTOCOL_COMMAND, VERB_PING, "", "PING", "\ta " },
	{ BYTES("ping #t"), PROTOCOL_COMMAND, VERB_PING, "", "ping", "#t" },
	{ BYTES("Pub a.b  two  spaces "), PROTOCOL_COMMAND, VERB_PUB, "", "Pub",
	  "a.b  two  spaces " },

	{ BYTES("PING a\r"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "a" },
	{ BYTES("PING a\r\r"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "a\r" },
	{ BYTES("PING a\rb"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "a\rb" },
	{ BYTES("PING \r"), PROTOCOL_COMMAND, VERB_PING, "", "PING", "" },
	{ BYTES("PING\r"), PROTOCOL_COMMAND, VERB_PING, "", "PING", NULL },

	{ BYTES("#a PING"), PROTOCOL_COMMAND, VERB_PING, "a", "PING", NULL },
	{ BYTES("#a\tPING x"), PROTOCOL_COMMAND, VERB_PING, "a", "PING", "x" },
	{ BYTES("#-_ QUIT"), PROTOCOL_COMMAND, VERB_QUIT, "-_", "QUIT", NULL },
	{ BYTES("#aZ09 pub s t"), PROTOCOL_COMMAND, VERB_PUB, "aZ09", "pub", "s t" },
	{ BYTES("#" TAG32 " PING"), PROTOCOL_COMMAND, VERB_PING, TAG32, "PING", NULL },
	{ BYTES("#a #b PING"), PROTOCOL_UNKNOWN, VERB_COUNT, "a", "#b", "PING" },
	{ BYTES("#a  PING"), PROTOCOL_UNKNOWN, VERB_COUNT, "a", "", "PING" },
	{ BYTES("#a"), PROTOCOL_UNKNOWN, VERB_COUNT, "a", "", NULL },
	{ BYTES("#a "), PROTOCOL_UNKNOWN, VERB_COUNT, "a", "", NULL },
	{ BYTES("#a\r"), PROTOCOL_UNKNOWN, VERB_COUNT, "a", "", NULL },

	{ BYTES(" PING"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "", "PING" },
	{ BYTES("\tPING"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "", "PING" },
	{ BYTES("\r\r"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "\r", NULL },
	{ BYTES("PIN x"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "PIN", "x" },
	{ BYTES("PINGS x"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "PINGS", "x" },
	{ BYTES("GET x"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "GET", "x" },
	{ BYTES("plub x"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "plub", "x" },
	{ BYTES("x#a PING"), PROTOCOL_UNKNOWN, VERB_COUNT, "", "x#a", "PING" },
};

START_TEST(line_is_taken_apart)
{
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct command command;

		memset(&command, 0x5a, sizeof command);
		ck_assert_int_eq(protocol_parse(lines[i].line, lines[i].nbytes, &command),
		                 lines[i].result);
		ck_assert_int_eq(command.verb, lines[i].verb);
		assert_bytes(command.tag, command.ntag, lines[i].tag);
		assert_bytes(command.word, command.nword, lines[i].word);
		assert_bytes(command.args, command.nargs,
		             lines[i].args == NULL ? "" : lines[i].args);
		ck_assert_int_eq(command.has_args, lines[i].args != NULL);
	}
}
END_TEST

START_TEST(nul_is_a_byte_like_any_other)
{
	struct command command;

	ck_assert_int_eq(protocol_parse(BYTES("PING a\0b"), &command), PROTOCOL_COMMAND);
	ck_assert_uint_eq(command.nargs, 3);
	ck_assert_mem_eq(command.args, "a\0b", 3);
	ck_assert_int_eq(protocol_parse(BYTES("PING\0 a"), &command), PROTOCOL_UNKNOWN);
	ck_assert_uint_eq(command.nword, 5);
	ck_assert_int_eq(protocol_parse(BYTES("\0"), &command), PROTOCOL_UNKNOWN);
}
END_TEST

START_TEST(line_without_anything_is_empty)
{
	struct command command;

	ck_assert_int_eq(protocol_parse(BYTES(""), &command), PROTOCOL_EMPTY);
	ck_assert_int_eq(protocol_parse(BYTES("\r"), &command), PROTOCOL_EMPTY);
	ck_assert_int_eq(protocol_parse(NULL, 0, &command), PROTOCOL_EMPTY);
}
END_TEST

START_TEST(bad_tag_is_said_to_be_bad)
{
	static const struct {
		const char *line;
		size_t nbytes;
	} bad[] = {
		{ BYTES("#") },          { BYTES("# PING") },     { BYTES("#\tPING") },
		{ BYTES("#\r") },        { BYTES("## PING") },    { BYTES("#a.b PING") },
		{ BYTES("#a:b PING") },  { BYTES("#a\0 PING") },  { BYTES("#\x80 PING") },
		{ BYTES("#a@ PING") },   { BYTES("#a\r PING") },  { BYTES("#a+b PING") },
		{ BYTES("#" TAG32 "x") }, { BYTES("#" TAG32 "x PING") },
	};
	struct command command;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		memset(&command, 0x5a, sizeof command);
		ck_assert_int_eq(protocol_parse(bad[i].line, bad[i].nbytes, &command),
		                 PROTOCOL_BAD_TAG);
		/* The answer to it has no tag. */
		ck_assert_uint_eq(command.ntag, 0);
	}
}
END_TEST

START_TEST(first_word_ends_at_one_blank)
{
	static const struct {
		const char *args, *first, *rest;
	} splits[] = {
		{ "", "", "" },       { "a", "a", "" },      { "a ", "a", "" },
		{ "a b", "a", "b" },  { "a\tb", "a", "b" },  { "a  b ", "a", " b " },
		{ " a", "", "a" },    { " ", "", "" },       { "a\rb c", "a\rb", "c" },
		{ "a b c", "a", "b c" },
	};
	struct protocol_split split;

	for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
		protocol_split(splits[i].args, strlen(splits[i].args), &split);
		assert_bytes(split.first, split.nfirst, splits[i].first);
		assert_bytes(split.rest, split.nrest, splits[i].rest);
	}
	protocol_split("a bcd", 3, &split);
	assert_bytes(split.rest, split.nrest, "b");
}
END_TEST

/* ---- Verbs ------------------------------------------------------------------------ */

START_TEST(verb_may_be_typed_in_any_case)
{
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		const char *name = protocol_verbs[verb].name;
		size_t n = strlen(name);

		for (unsigned cases = 0; cases < 1u << n; cases++) {
			char typed[16], line[32] = "#t ";
			struct command command;

			for (size_t i = 0; i < n; i++)
				typed[i] = (char)(cases >> i & 1 ? tolower(name[i]) : name[i]);
			ck_assert_int_eq(protocol_find_verb(typed, n), verb);
			memcpy(line + 3, typed, n);
			ck_assert_int_eq(protocol_parse(line, n + 3, &command),
			                 PROTOCOL_COMMAND);
			ck_assert_int_eq(command.verb, verb);
		}
	}
}
END_TEST

START_TEST(every_verb_is_described)
{
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		const struct verb_info *info = &protocol_verbs[verb];
		size_t n;

		ck_assert_ptr_nonnull(info->name);
		ck_assert_ptr_nonnull(info->usage);
		ck_assert_ptr_nonnull(info->help);
		n = strlen(info->name);
		ck_assert_uint_gt(n, 0);
		ck_assert_uint_lt(n, 16);
		ck_assert_uint_eq(strspn(info->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), n);
		/* The usage begins with the verb, and both fit into one answer. */
		ck_assert_int_eq(strncmp(info->usage, info->name, n), 0);
		ck_assert(info->usage[n] == '\0' || info->usage[n] == ' ');
		ck_assert_uint_gt(strlen(info->help), 0);
		ck_assert_uint_lt(strlen(info->usage) + strlen(info->help), 120);
		/* One sentence, to be read after the usage. */
		ck_assert_uint_lt(strlen(info->help), 50);
		ck_assert_ptr_null(strchr(info->help, '\n'));
		ck_assert(islower(*info->help));
		ck_assert_int_ne(info->help[strlen(info->help) - 1], '.');
	}
}
END_TEST

START_TEST(verbs_are_sorted_and_unique)
{
	for (enum verb verb = 1; verb < VERB_COUNT; verb++)
		ck_assert_str_lt(protocol_verbs[verb - 1].name, protocol_verbs[verb].name);
}
END_TEST

START_TEST(usage_is_that_of_the_protocol)
{
	static const char *const usages[VERB_COUNT] = {
		[VERB_ECHO] = "ECHO <text>",
		[VERB_FORGET] = "FORGET <subject>",
		[VERB_HELP] = "HELP [verb]",
		[VERB_KEEP] = "KEEP <subject> <text>",
		[VERB_NAME] = "NAME <name>",
		[VERB_PING] = "PING [text]",
		[VERB_PUB] = "PUB <subject> <text>",
		[VERB_QUIT] = "QUIT",
		[VERB_READ] = "READ <pattern> [LAST n|FROM a [TO b] [RUN r]|SINCE t]",
		[VERB_REP] = "REP <id> <text>",
		[VERB_REQ] = "REQ <subject> <text>",
		[VERB_SET] = "SET <key> <value>",
		[VERB_STATS] = "STATS [prefix]",
		[VERB_SUB] = ("SUB <pattern> [LAST n|FROM seq [RUN r]|SINCE 10m] [GROUP g] "
		              "[COUNT n] [WITHIN 30s]"),
		[VERB_TRACE] = "TRACE <subject>",
		[VERB_UNSUB] = "UNSUB <pattern>|*",
		[VERB_WHO] = "WHO [pattern]",
		[VERB_WILL] = "WILL <subject> <text>",
	};

	for (enum verb verb = 0; verb < VERB_COUNT; verb++)
		ck_assert_str_eq(protocol_verbs[verb].usage, usages[verb]);
}
END_TEST

START_TEST(part_of_a_verb_is_no_verb)
{
	for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
		const char *name = protocol_verbs[verb].name;
		size_t n = strlen(name);
		char longer[32];

		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(protocol_find_verb(name, i), VERB_COUNT);
		memcpy(longer, name, n);
		longer[n] = 'X';
		ck_assert_int_eq(protocol_find_verb(longer, n + 1), VERB_COUNT);
		longer[n] = '\0';
		ck_assert_int_eq(protocol_find_verb(longer, n + 1), VERB_COUNT);
	}
}
END_TEST

/* ---- SUB and READ ----------------------------------------------------------------- */

#define LAST PROTOCOL_SINCE_LAST
#define FROM PROTOCOL_SINCE_FROM
#define TIME PROTOCOL_SINCE_TIME
#define MOMENT PROTOCOL_SINCE_MOMENT

#define WHY_LAST "LAST takes a number, such as 20"
#define WHY_FROM "FROM takes a number, such as 812"
#define WHY_TO "TO takes a number from 1, such as 832"
#define WHY_SINCE "SINCE takes a time, such as 10m, or 2026-11-28T18:40:00Z"
#define WHY_RUN "RUN takes what stood behind run=, such as k3f"
#define WHY_NO_FROM "RUN goes with FROM, such as FROM 812 RUN k3f"
#define WHY_GROUP "GROUP takes a name of 1 to 64 of [A-Za-z0-9_:/=+-], such as g1"
#define WHY_COUNT "COUNT takes a number from 1, such as 3"
#define WHY_WITHIN "WITHIN takes a time, such as 30s"
#define WHY_TWICE "an option stands there twice, once is enough"
#define WHY_ONE "only one of LAST, FROM and SINCE"
#define WHY_ALONE "TO goes with FROM, such as FROM 812 TO 832"
#define WHY_ORDER "TO is not less than FROM, as in FROM 812 TO 832"
#define WHY_SUB "options are LAST, FROM, RUN, SINCE, GROUP, COUNT and WITHIN"
#define WHY_READ "options are LAST, FROM, TO, RUN and SINCE"

#define NAME64 "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_:"

typedef const char *follow_fn(const char *args, size_t nargs, struct protocol_follow *follow);

/* The verdict on args that end where their memory ends. */
static const char *
parse_follow(follow_fn *parse, const char *args, size_t nargs,
             struct protocol_follow *follow)
{
	static char *copy;

	free(copy);
	copy = malloc(nargs == 0 ? 1 : nargs);
	MUST(copy != NULL);
	memcpy(copy, args, nargs);
	memset(follow, 0x5a, sizeof *follow);
	return parse(copy, nargs, follow);
}

/* What is not said is 0. */
static void
assert_follow(const struct protocol_follow *follow, const struct protocol_follow *expected)
{
	const char *group = expected->group.bytes == NULL ? "" : expected->group.bytes;
	const char *run = expected->run.bytes == NULL ? "" : expected->run.bytes;

	assert_bytes(follow->pattern.bytes, follow->pattern.nbytes, expected->pattern.bytes);
	assert_bytes(follow->group.bytes, follow->group.nbytes, group);
	assert_bytes(follow->run.bytes, follow->run.nbytes, run);
	ck_assert_int_eq(follow->since, expected->since);
	ck_assert_int_eq(follow->since_wall_ms, expected->since_wall_ms);
	ck_assert_uint_eq(follow->last, expected->last);
	ck_assert_uint_eq(follow->from, expected->from);
	ck_assert_uint_eq(follow->to, expected->to);
	ck_assert_int_eq(follow->since_ms, expected->since_ms);
	ck_assert_uint_eq(follow->count, expected->count);
	ck_assert_int_eq(follow->has_within, expected->has_within);
	ck_assert_int_eq(follow->within_ms, expected->within_ms);
}

static const struct {
	const char *args;
	struct protocol_follow follow;
} subs[] = {
	{ "a", { .pattern = { "a", 0 } } },
	{ "log.>", { .pattern = { "log.>", 0 } } },
	{ "..", { .pattern = { "..", 0 } } },
	{ "LAST", { .pattern = { "LAST", 0 } } },
	{ "a ", { .pattern = { "a", 0 } } },
	{ " \t a\t \t", { .pattern = { "a", 0 } } },
	{ "a LAST 20", { .pattern = { "a", 0 }, .since = LAST, .last = 20 } },
	{ "a LAST 0", { .pattern = { "a", 0 }, .since = LAST } },
	{ "a\tlast\t\t0020 ", { .pattern = { "a", 0 }, .since = LAST, .last = 20 } },
	{ "a FROM 0", { .pattern = { "a", 0 }, .since = FROM } },
	{ "a FROM 812", { .pattern = { "a", 0 }, .since = FROM, .from = 812 } },
	{ "a From 18446744073709551615",
	  { .pattern = { "a", 0 }, .since = FROM, .from = UINT64_MAX } },
	{ "a SINCE 10m", { .pattern = { "a", 0 }, .since = TIME, .since_ms = 600000 } },
	{ "a SINCE 2026-11-28T18:40:00Z",
	  { .pattern = { "a", 0 }, .since = MOMENT, .since_wall_ms = 1795891200000 } },
	{ "a FROM 812 RUN k3f",
	  { .pattern = { "a", 0 }, .since = FROM, .from = 812, .run = { "k3f", 0 } } },
	{ "a run k3f FROM 812",
	  { .pattern = { "a", 0 }, .since = FROM, .from = 812, .run = { "k3f", 0 } } },
	{ "a SINCE 0", { .pattern = { "a", 0 }, .since = TIME } },
	{ "a GROUP workers", { .pattern = { "a", 0 }, .group = { "workers", 0 } } },
	{ "a GROUP COUNT", { .pattern = { "a", 0 }, .group = { "COUNT", 0 } } },
	{ "a GROUP " NAME64, { .pattern = { "a", 0 }, .group = { NAME64, 0 } } },
	{ "a COUNT 1", { .pattern = { "a", 0 }, .count = 1 } },
	{ "a COUNT 18446744073709551615", { .pattern = { "a", 0 }, .count = UINT64_MAX } },
	{ "a WITHIN 30s",
	  { .pattern = { "a", 0 }, .has_within = true, .within_ms = 30000 } },
	{ "a WITHIN 0", { .pattern = { "a", 0 }, .has_within = true } },
	{ "a LAST 1 GROUP g COUNT 2 WITHIN 3ms",
	  { .pattern = { "a", 0 }, .since = LAST, .last = 1, .group = { "g", 0 }, .count = 2,
	    .has_within = true, .within_ms = 3 } },
	{ "a wiThIn 1d  count 5 group g  FROM 7",
	  { .pattern = { "a", 0 }, .since = FROM, .from = 7, .group = { "g", 0 }, .count = 5,
	    .has_within = true, .within_ms = 86400000 } },
};

START_TEST(options_of_sub_are_understood)
{
	for (size_t i = 0; i < sizeof subs / sizeof subs[0]; i++) {
		struct protocol_follow follow;

		ck_assert_pstr_eq(parse_follow(protocol_parse_sub, subs[i].args,
		                               strlen(subs[i].args), &follow), NULL);
		assert_follow(&follow, &subs[i].follow);
	}
}
END_TEST

static const struct {
	const char *args;
	struct protocol_follow follow;
} reads[] = {
	{ "a", { .pattern = { "a", 0 } } },
	{ "a LAST 5", { .pattern = { "a", 0 }, .since = LAST, .last = 5 } },
	{ "a FROM 0", { .pattern = { "a", 0 }, .since = FROM } },
	{ "a FROM 3 TO 9", { .pattern = { "a", 0 }, .since = FROM, .from = 3, .to = 9 } },
	{ "a FROM 3 TO 9 RUN K3F",
	  { .pattern = { "a", 0 }, .since = FROM, .from = 3, .to = 9, .run = { "K3F", 0 } } },
	{ "a to 9 from 3", { .pattern = { "a", 0 }, .since = FROM, .from = 3, .to = 9 } },
	{ "a FROM 0 TO 1", { .pattern = { "a", 0 }, .since = FROM, .to = 1 } },
	/* No line is between: that is no error. */
	{ "a FROM 9 TO 9", { .pattern = { "a", 0 }, .since = FROM, .from = 9, .to = 9 } },
	{ "a SINCE 2h", { .pattern = { "a", 0 }, .since = TIME, .since_ms = 7200000 } },
};

START_TEST(options_of_read_are_understood)
{
	for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
		struct protocol_follow follow;

		ck_assert_pstr_eq(parse_follow(protocol_parse_read, reads[i].args,
		                               strlen(reads[i].args), &follow), NULL);
		assert_follow(&follow, &reads[i].follow);
	}
}
END_TEST

/* What is said of them as a SUB and as a READ. */
static const struct {
	const char *args;
	size_t nargs;
	const char *of_sub, *of_read;
} refused[] = {
	{ BYTES(""), "", "" },
	{ BYTES("  \t "), "", "" },
	{ BYTES("a b"), WHY_SUB, WHY_READ },
	{ BYTES("a LAST 1 b"), WHY_SUB, WHY_READ },
	{ BYTES("a LAS 1"), WHY_SUB, WHY_READ },
	{ BYTES("a LASTS 1"), WHY_SUB, WHY_READ },
	{ BYTES("a LAST\0 1"), WHY_SUB, WHY_READ },
	{ BYTES("a L"), WHY_SUB, WHY_READ },
	{ BYTES("a \0"), WHY_SUB, WHY_READ },
	{ BYTES("a LAST"), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST "), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST x"), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST -1"), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST +1"), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST 1e9"), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST 1\0"), WHY_LAST, WHY_LAST },
	{ BYTES("a LAST 18446744073709551616"), WHY_LAST, WHY_LAST },
	{ BYTES("a FROM"), WHY_FROM, WHY_FROM },
	{ BYTES("a FROM LAST 1"), WHY_FROM, WHY_FROM },
	{ BYTES("a FROM -1"), WHY_FROM, WHY_FROM },
	{ BYTES("a FROM 18446744073709551616"), WHY_FROM, WHY_FROM },
	{ BYTES("a SINCE"), WHY_SINCE, WHY_SINCE },
	{ BYTES("a SINCE 10"), WHY_SINCE, WHY_SINCE },
	{ BYTES("a SINCE 10 m"), WHY_SINCE, WHY_SINCE },
	{ BYTES("a SINCE 3651d"), WHY_SINCE, WHY_SINCE },
	{ BYTES("a SINCE 2026-11-22"), WHY_SINCE, WHY_SINCE },
	{ BYTES("a SINCE 2026-11-31T18:40:00Z"), WHY_SINCE, WHY_SINCE },
	{ BYTES("a FROM 1 RUN"), WHY_RUN, WHY_RUN },
	{ BYTES("a FROM 1 RUN a.b"), WHY_RUN, WHY_RUN },
	{ BYTES("a RUN k3f"), WHY_NO_FROM, WHY_NO_FROM },
	{ BYTES("a LAST 1 RUN k3f"), WHY_NO_FROM, WHY_NO_FROM },
	{ BYTES("a FROM 1 RUN k3f RUN k3f"), WHY_TWICE, WHY_TWICE },
	{ BYTES("a LAST 1 FROM 2"), WHY_ONE, WHY_ONE },
	{ BYTES("a FROM 2 SINCE 1s"), WHY_ONE, WHY_ONE },
	{ BYTES("a SINCE 1s LAST 2"), WHY_ONE, WHY_ONE },
	{ BYTES("a SINCE 1s LAST 2 FROM 3"), WHY_ONE, WHY_ONE },
	{ BYTES("a LAST 1 LAST 1"), WHY_TWICE, WHY_TWICE },
	{ BYTES("a LAST 1 FROM 2 last"), WHY_TWICE, WHY_TWICE },
	{ BYTES("a TO 9"), WHY_SUB, WHY_ALONE },
	{ BYTES("a LAST 1 TO 9"), WHY_SUB, WHY_ALONE },
	{ BYTES("a FROM 10 TO 9"), WHY_SUB, WHY_ORDER },
	{ BYTES("a TO 9 FROM 10"), WHY_SUB, WHY_ORDER },
	{ BYTES("a FROM 1 TO"), WHY_SUB, WHY_TO },
	{ BYTES("a FROM 1 TO 0"), WHY_SUB, WHY_TO },
	{ BYTES("a FROM 1 TO 2 TO 3"), WHY_SUB, WHY_TWICE },
	{ BYTES("a GROUP"), WHY_GROUP, WHY_READ },
	{ BYTES("a GROUP a.b"), WHY_GROUP, WHY_READ },
	{ BYTES("a GROUP *"), WHY_GROUP, WHY_READ },
	{ BYTES("a GROUP g\0"), WHY_GROUP, WHY_READ },
	{ BYTES("a GROUP @g"), WHY_GROUP, WHY_READ },
	{ BYTES("a GROUP " NAME64 "x"), WHY_GROUP, WHY_READ },
	{ BYTES("a GROUP g GROUP g"), WHY_TWICE, WHY_READ },
	{ BYTES("a COUNT"), WHY_COUNT, WHY_READ },
	{ BYTES("a COUNT 0"), WHY_COUNT, WHY_READ },
	{ BYTES("a COUNT 00"), WHY_COUNT, WHY_READ },
	{ BYTES("a COUNT 18446744073709551616"), WHY_COUNT, WHY_READ },
	{ BYTES("a COUNT 3 COUNT 4"), WHY_TWICE, WHY_READ },
	{ BYTES("a WITHIN"), WHY_WITHIN, WHY_READ },
	{ BYTES("a WITHIN 30"), WHY_WITHIN, WHY_READ },
	{ BYTES("a WITHIN -30s"), WHY_WITHIN, WHY_READ },
	{ BYTES("a WITHIN 1s WITHIN 1s"), WHY_TWICE, WHY_READ },
};

START_TEST(options_that_are_wrong_are_told_with_the_remedy)
{
	struct protocol_follow follow;

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		ck_assert_pstr_eq(parse_follow(protocol_parse_sub, refused[i].args,
		                               refused[i].nargs, &follow),
		                  refused[i].of_sub);
		ck_assert_pstr_eq(parse_follow(protocol_parse_read, refused[i].args,
		                               refused[i].nargs, &follow),
		                  refused[i].of_read);
	}
	ck_assert_str_eq(protocol_parse_sub(NULL, 0, &follow), "");
	ck_assert_str_eq(protocol_parse_read(NULL, 0, &follow), "");
}
END_TEST

START_TEST(what_follows_the_options_is_not_looked_at)
{
	struct protocol_follow follow;

	ck_assert_pstr_eq(protocol_parse_sub("a LAST 123 COUNT", 9, &follow), NULL);
	ck_assert_uint_eq(follow.last, 12);
	ck_assert_pstr_eq(protocol_parse_sub("a WITHIN 10ms", 12, &follow), NULL);
	ck_assert_int_eq(follow.within_ms, 600000);
	ck_assert_pstr_eq(protocol_parse_sub("ab", 1, &follow), NULL);
	ck_assert_uint_eq(follow.pattern.nbytes, 1);
}
END_TEST

/* Each with what it must come out as, if it is the only one of its kind. */
static void
add_option(uint64_t *random, unsigned kind, struct protocol_follow *follow, char *args,
           size_t size)
{
	static const char *const blanks[] = { " ", "\t", "  " };
	uint64_t n = 1 + random_below(random, 1000);
	const char *name = "";
	char value[32];

	snprintf(value, sizeof value, "%" PRIu64, n);
	switch (kind) {
	case 0:
		name = "LAST";
		follow->since = LAST;
		follow->last = n;
		break;
	case 1:
		name = "from";
		follow->since = FROM;
		follow->from = n;
		break;
	case 2:
		name = "SiNCE";
		snprintf(value, sizeof value, "%" PRIu64 "s", n);
		follow->since = TIME;
		follow->since_ms = (int64_t)n * 1000;
		break;
	case 3:
		name = "GROUP";
		follow->group = (struct amy_bytes){ "g", 0 };
		snprintf(value, sizeof value, "g");
		break;
	case 4:
		name = "count";
		follow->count = n;
		break;
	case 5:
		name = "WITHIN";
		snprintf(value, sizeof value, "%" PRIu64 "ms", n);
		follow->has_within = true;
		follow->within_ms = (int64_t)n;
		break;
	}
	snprintf(args + strlen(args), size - strlen(args), "%s%s%s%s",
	         blanks[random_below(random, 3)], name, blanks[random_below(random, 3)],
	         value);
}

START_TEST(any_options_are_right_if_each_is_there_once)
{
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct protocol_follow follow, expected = { .pattern = { "p.>", 0 } };
		unsigned times[6] = { 0 };
		uint64_t random = seed;
		char args[256] = "p.>";
		bool is_good = true;
		const char *why;

		for (uint32_t left = random_below(&random, 5); left > 0; left--) {
			unsigned kind = random_below(&random, 6);

			add_option(&random, kind, &expected, args, sizeof args);
			is_good = is_good && ++times[kind] == 1;
		}
		is_good = is_good && times[0] + times[1] + times[2] <= 1;
		why = parse_follow(protocol_parse_sub, args, strlen(args), &follow);
		if ((why == NULL) != is_good)
			ck_abort_msg("seed %" PRIu64 ": %s: %s", seed, args, why);
		if (is_good)
			assert_follow(&follow, &expected);
	}
}
END_TEST

/* ---- SET -------------------------------------------------------------------------- */

#define SHOW_ALL (PROTOCOL_SHOW_SEQ | PROTOCOL_SHOW_TIME | PROTOCOL_SHOW_FROM)

static const struct {
	const char *args;
	struct protocol_set set;
} sets[] = {
	{ "ack on", { .setting = PROTOCOL_SET_ACK, .on = true } },
	{ "ack off", { .setting = PROTOCOL_SET_ACK } },
	{ " ACK\t \tOn ", { .setting = PROTOCOL_SET_ACK, .on = true } },
	{ "echo on", { .setting = PROTOCOL_SET_ECHO, .on = true } },
	{ "Echo OFF", { .setting = PROTOCOL_SET_ECHO } },
	{ "raw on", { .setting = PROTOCOL_SET_RAW, .on = true } },
	{ "raw off", { .setting = PROTOCOL_SET_RAW } },
	{ "slow cut", { .setting = PROTOCOL_SET_SLOW, .on = true } },
	{ "slow drop", { .setting = PROTOCOL_SET_SLOW } },
	{ "show off", { .setting = PROTOCOL_SET_SHOW } },
	{ "show seq", { .setting = PROTOCOL_SET_SHOW, .show = PROTOCOL_SHOW_SEQ } },
	{ "show Time", { .setting = PROTOCOL_SET_SHOW, .show = PROTOCOL_SHOW_TIME } },
	{ "show from", { .setting = PROTOCOL_SET_SHOW, .show = PROTOCOL_SHOW_FROM } },
	{ "show from,seq",
	  { .setting = PROTOCOL_SET_SHOW, .show = PROTOCOL_SHOW_SEQ | PROTOCOL_SHOW_FROM } },
	{ "SHOW seq,time,from", { .setting = PROTOCOL_SET_SHOW, .show = SHOW_ALL } },
	{ "show FROM,TIME,SEQ", { .setting = PROTOCOL_SET_SHOW, .show = SHOW_ALL } },
	{ "timeout 1ms", { .setting = PROTOCOL_SET_TIMEOUT, .timeout_ms = 1 } },
	{ "timeout 30s", { .setting = PROTOCOL_SET_TIMEOUT, .timeout_ms = 30000 } },
	{ "timeout 1d", { .setting = PROTOCOL_SET_TIMEOUT, .timeout_ms = 86400000 } },
	{ "timeout 24h", { .setting = PROTOCOL_SET_TIMEOUT, .timeout_ms = 86400000 } },
};

START_TEST(settings_are_understood)
{
	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		struct protocol_set set;

		memset(&set, 0x5a, sizeof set);
		ck_assert_pstr_eq(protocol_parse_set(sets[i].args, strlen(sets[i].args),
		                                     &set), NULL);
		ck_assert_int_eq(set.setting, sets[i].set.setting);
		ck_assert_int_eq(set.on, sets[i].set.on);
		ck_assert_uint_eq(set.show, sets[i].set.show);
		ck_assert_int_eq(set.timeout_ms, sets[i].set.timeout_ms);
	}
}
END_TEST

#define WHY_KEY "keys are ack, echo, raw, show, slow and timeout"
#define WHY_ACK "ack takes on or off"
#define WHY_SHOW "show takes off, or some of seq,time,from without spaces"
#define WHY_SLOW "slow takes drop or cut"
#define WHY_TIMEOUT "timeout takes a time from 1ms to 1d, such as 30s"

START_TEST(settings_that_are_wrong_are_told_with_the_remedy)
{
	static const struct {
		const char *args;
		size_t nargs;
		const char *why;
	} wrong[] = {
		{ BYTES(""), "" },
		{ BYTES(" \t"), "" },
		{ BYTES("ack"), WHY_ACK },
		{ BYTES("ack "), WHY_ACK },
		{ BYTES("ack yes"), WHY_ACK },
		{ BYTES("ack 1"), WHY_ACK },
		{ BYTES("ack on off"), WHY_ACK },
		{ BYTES("ack on\0"), WHY_ACK },
		{ BYTES("ack o"), WHY_ACK },
		{ BYTES("ack onn"), WHY_ACK },
		{ BYTES("echo seq"), "echo takes on or off" },
		{ BYTES("raw cut"), "raw takes on or off" },
		{ BYTES("slow on"), WHY_SLOW },
		{ BYTES("slow"), WHY_SLOW },
		{ BYTES("show"), WHY_SHOW },
		{ BYTES("show on"), WHY_SHOW },
		{ BYTES("show seq,"), WHY_SHOW },
		{ BYTES("show ,seq"), WHY_SHOW },
		{ BYTES("show ,"), WHY_SHOW },
		{ BYTES("show seq,,time"), WHY_SHOW },
		{ BYTES("show seq, time"), WHY_SHOW },
		{ BYTES("show seq,seq"), WHY_SHOW },
		{ BYTES("show seq,off"), WHY_SHOW },
		{ BYTES("show off,seq"), WHY_SHOW },
		{ BYTES("show text"), WHY_SHOW },
		{ BYTES("timeout"), WHY_TIMEOUT },
		{ BYTES("timeout 0"), WHY_TIMEOUT },
		{ BYTES("timeout 0s"), WHY_TIMEOUT },
		{ BYTES("timeout 30"), WHY_TIMEOUT },
		{ BYTES("timeout -1s"), WHY_TIMEOUT },
		{ BYTES("timeout 86400001ms"), WHY_TIMEOUT },
		{ BYTES("timeout 18446744073709551617s"), WHY_TIMEOUT },
		{ BYTES("timeout 2d"), WHY_TIMEOUT },
		{ BYTES("volume 11"), WHY_KEY },
		{ BYTES("ac on"), WHY_KEY },
		{ BYTES("ack=on"), WHY_KEY },
		{ BYTES("ack\0 on"), WHY_KEY },
	};
	struct protocol_set set;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_pstr_eq(protocol_parse_set(wrong[i].args, wrong[i].nargs, &set),
		                  wrong[i].why);
	ck_assert_pstr_eq(protocol_parse_set("ack only", 6, &set), NULL);
	ck_assert_str_eq(protocol_parse_set(NULL, 0, &set), "");
}
END_TEST

/* ---- Deliveries ------------------------------------------------------------------- */

/* 2026-11-22T18:40:01.123Z */
#define WALL_MS INT64_C(1795372801123)

static const struct publication sample = {
	.seq = 812,
	.wall_ms = WALL_MS,
	.subject = { BYTES("log.web") },
	.text = { BYTES("GET /a  200 ") },
	.from = { BYTES("@alice") },
};

/* It is this line, which ends where its memory ends. */
static void
assert_delivery_bytes(const struct publication *publication, unsigned show, bool raw,
                      const char *expected, size_t nexpected)
{
	size_t size = protocol_delivery_size(publication);
	char *bytes = malloc(size);
	size_t n;

	ck_assert_ptr_nonnull(bytes);
	n = protocol_write_delivery(publication, show, raw, bytes);
	ck_assert_uint_le(n, size);
	ck_assert_uint_eq(n, nexpected);
	ck_assert_mem_eq(bytes, expected, n);
	free(bytes);
}

static void
assert_delivery(const struct publication *publication, unsigned show, bool raw,
                const char *expected)
{
	assert_delivery_bytes(publication, show, raw, expected, strlen(expected));
}

START_TEST(delivery_has_the_columns_that_are_shown)
{
	static const char *const lines_shown[SHOW_ALL + 1] = {
		[0] = "MSG log.web GET /a  200 \n",
		[1] = "MSG log.web 812 GET /a  200 \n",
		[2] = "MSG log.web 2026-11-22T18:40:01.123Z GET /a  200 \n",
		[3] = "MSG log.web 812 2026-11-22T18:40:01.123Z GET /a  200 \n",
		[4] = "MSG log.web @alice GET /a  200 \n",
		[5] = "MSG log.web 812 @alice GET /a  200 \n",
		[6] = "MSG log.web 2026-11-22T18:40:01.123Z @alice GET /a  200 \n",
		[7] = "MSG log.web 812 2026-11-22T18:40:01.123Z @alice GET /a  200 \n",
	};

	for (unsigned show = 0; show <= SHOW_ALL; show++) {
		assert_delivery(&sample, show, false, lines_shown[show]);
		assert_delivery(&sample, show, true, "GET /a  200 \n");
	}
}
END_TEST

START_TEST(column_without_anything_is_a_dash)
{
	struct publication publication = sample;

	publication.seq = 0;
	publication.from = (struct amy_bytes){ "-", 1 };
	assert_delivery(&publication, SHOW_ALL, false,
	                "MSG log.web - 2026-11-22T18:40:01.123Z - GET /a  200 \n");
	publication.from = (struct amy_bytes){ NULL, 0 };
	assert_delivery(&publication, PROTOCOL_SHOW_SEQ | PROTOCOL_SHOW_FROM, false,
	                "MSG log.web - - GET /a  200 \n");
}
END_TEST

START_TEST(text_is_any_bytes_or_none)
{
	struct publication publication = sample;

	publication.text = (struct amy_bytes){ NULL, 0 };
	assert_delivery(&publication, 0, false, "MSG log.web \n");
	assert_delivery(&publication, PROTOCOL_SHOW_SEQ, false, "MSG log.web 812 \n");
	assert_delivery(&publication, 0, true, "\n");
	publication.text = (struct amy_bytes){ BYTES("\0\r\xff\x1b%s") };
	assert_delivery_bytes(&publication, 0, false, BYTES("MSG log.web \0\r\xff\x1b%s\n"));
	assert_delivery_bytes(&publication, 0, true, BYTES("\0\r\xff\x1b%s\n"));
}
END_TEST

START_TEST(request_shows_its_number_and_no_columns)
{
	struct publication publication = sample;

	publication.request = 4711;
	for (unsigned show = 0; show <= SHOW_ALL; show++)
		assert_delivery(&publication, show, false,
		                "REQ log.web 4711 GET /a  200 \n");
	assert_delivery(&publication, 0, true, "GET /a  200 \n");
	publication.request = UINT64_MAX;
	publication.text = (struct amy_bytes){ NULL, 0 };
	assert_delivery(&publication, 0, false, "REQ log.web 18446744073709551615 \n");
}
END_TEST

START_TEST(longest_delivery_has_room)
{
	struct publication publication = sample;
	char from[66], expected[512];

	memset(from, 'n', sizeof from - 1);
	from[65] = '\0';
	publication.seq = UINT64_MAX;
	publication.from = (struct amy_bytes){ from, 65 };
	snprintf(expected, sizeof expected,
	         "MSG log.web 18446744073709551615 2026-11-22T18:40:01.123Z %s GET /a  200 \n",
	         from);
	assert_delivery(&publication, SHOW_ALL, false, expected);
	ck_assert_uint_eq(protocol_delivery_size(&publication), strlen(expected));
}
END_TEST

START_TEST(number_is_written_with_all_its_digits)
{
	static const uint64_t numbers[] = { 1, 9, 10, 99, 100, 4294967295, 4294967296,
		                            10000000000000000000u, UINT64_MAX };

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		struct publication publication = sample;
		char expected[64];

		publication.seq = numbers[i];
		publication.text = (struct amy_bytes){ "x", 1 };
		snprintf(expected, sizeof expected, "MSG log.web %" PRIu64 " x\n", numbers[i]);
		assert_delivery(&publication, PROTOCOL_SHOW_SEQ, false, expected);
	}
}
END_TEST

START_TEST(time_is_utc_from_the_year_0_to_9999)
{
	static const struct {
		int64_t wall_ms;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ 999, "1970-01-01T00:00:00.999Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -1000, "1969-12-31T23:59:59.000Z" },
		{ -1001, "1969-12-31T23:59:58.999Z" },
		{ INT64_C(951827696789), "2000-02-29T12:34:56.789Z" },
		{ INT64_C(4107542399999), "2100-02-28T23:59:59.999Z" },
		{ INT64_C(4107542400000), "2100-03-01T00:00:00.000Z" },
		{ INT64_C(2147483648000), "2038-01-19T03:14:08.000Z" },
		{ INT64_C(253402300799999), "9999-12-31T23:59:59.999Z" },
		{ INT64_C(253402300800000), "9999-12-31T23:59:59.999Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
		{ INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z" },
		{ INT64_C(-62167219199999), "0000-01-01T00:00:00.001Z" },
		{ INT64_C(-62167219200001), "0000-01-01T00:00:00.000Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
	};

	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		struct publication publication = sample;
		char expected[64];

		publication.wall_ms = times[i].wall_ms;
		publication.text = (struct amy_bytes){ "x", 1 };
		snprintf(expected, sizeof expected, "MSG log.web %s x\n", times[i].text);
		assert_delivery(&publication, PROTOCOL_SHOW_TIME, false, expected);
	}
}
END_TEST

START_TEST(time_is_utc_wherever_the_daemon_is)
{
	setenv("TZ", "XYZ-5:30", 1);
	assert_delivery(&sample, PROTOCOL_SHOW_TIME, false,
	                "MSG log.web 2026-11-22T18:40:01.123Z GET /a  200 \n");
}
END_TEST

START_TEST(number_of_a_request_is_a_whole_one)
{
	static const char *const bad[] = { "", "0", "00", "-1", "+1", " 1", "1 ", "1x", "x",
		                           "1e9", "0x1", "18446744073709551616" };
	uint64_t number = 5;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(protocol_parse_request(bad[i], strlen(bad[i]), &number), -1);
		ck_assert_uint_eq(number, 5);
	}
	ck_assert_int_eq(protocol_parse_request(NULL, 0, &number), -1);
	ck_assert_int_eq(protocol_parse_request(BYTES("08"), &number), 0);
	ck_assert_uint_eq(number, 8);
	ck_assert_int_eq(protocol_parse_request("47119", 4, &number), 0);
	ck_assert_uint_eq(number, 4711);
	ck_assert_int_eq(protocol_parse_request(BYTES("18446744073709551615"), &number), 0);
	ck_assert_uint_eq(number, UINT64_MAX);
}
END_TEST

/* ---- Browsers --------------------------------------------------------------------- */

START_TEST(browser_is_known_by_its_lines)
{
	static const struct {
		const char *line;
		bool as_first, later;
	} guarded[] = {
		{ "GET / HTTP/1.1", true, false },
		{ "GET / HTTP/1.1\r", true, false },
		{ "GET / HTTP/1.0", true, false },
		{ "POST /PUB HTTP/1.9", true, false },
		{ "HTTP/1.1", true, false },
		{ "PUB a HTTP/1.1", true, false },
		{ "Host: localhost", true, true },
		{ "host:x", true, true },
		{ "HOST:", true, true },
		{ "Host:\r", true, true },

		{ "GET / HTTP/1.", false, false },
		{ "GET / HTTP/1.x", false, false },
		{ "GET / HTTP/2.0", false, false },
		{ "GET / HTTP/1.1 ", false, false },
		{ "GET / http/1.1", false, false },
		{ "GET / HTTP/1.1\r\r", false, false },
		{ "Host", false, false },
		{ "Hos:", false, false },
		{ " Host: x", false, false },
		{ "PUB a Host: x", false, false },
		{ "HTTP/1", false, false },
		{ "PING", false, false },
		{ "\r", false, false },
		{ "", false, false },
	};

	for (size_t i = 0; i < sizeof guarded / sizeof guarded[0]; i++) {
		const char *line = guarded[i].line;

		ck_assert_int_eq(protocol_is_http(line, strlen(line), true),
		                 guarded[i].as_first);
		ck_assert_int_eq(protocol_is_http(line, strlen(line), false),
		                 guarded[i].later);
	}
	ck_assert(!protocol_is_http(NULL, 0, true));
}
END_TEST

START_TEST(what_follows_the_line_is_no_part_of_it)
{
	ck_assert(!protocol_is_http("GET / HTTP/1.1", 13, true));
	ck_assert(!protocol_is_http("Host:", 4, false));
	ck_assert_int_eq(protocol_find_verb("PINGS", 4), VERB_PING);
}
END_TEST

/* ---- Any bytes -------------------------------------------------------------------- */

static bool
is_inside(const char *part, size_t n, const char *line, size_t nbytes)
{
	return n == 0 || (part >= line && part + n <= line + nbytes);
}

static bool
is_consistent(enum protocol_result result, const struct command *command,
              const char *line, size_t nbytes)
{
	switch (result) {
	case PROTOCOL_EMPTY:
		return nbytes == 0 || (nbytes == 1 && *line == '\r');
	case PROTOCOL_BAD_TAG:
		return *line == '#' && command->ntag == 0;
	case PROTOCOL_UNKNOWN:
		if (command->verb != VERB_COUNT)
			return false;
		break;
	case PROTOCOL_COMMAND:
		if (command->verb >= VERB_COUNT)
			return false;
		break;
	}
	return is_inside(command->tag, command->ntag, line, nbytes) &&
	       is_inside(command->word, command->nword, line, nbytes) &&
	       is_inside(command->args, command->nargs, line, nbytes) &&
	       command->ntag <= PROTOCOL_MAX_TAG &&
	       (command->nargs == 0 || command->has_args) &&
	       (command->ntag > 0) == (*line == '#');
}

/* Words and blanks, so that lines get beyond their first byte, and any other bytes. */
static size_t
random_line(uint64_t *random, char *line, size_t size)
{
	static const char *const words[] = { "#", "PING", "pub", "Host:", "HTTP/1.1",
		                             " ", "\t", "\r", "a", TAG32 };
	size_t n = 0;

	for (uint32_t left = random_below(random, 8); left > 0; left--) {
		uint32_t pick = random_below(random, 12);
		const char *word = pick < 10 ? words[pick] : NULL;
		size_t nword = word == NULL ? 1 : strlen(word);

		if (n + nword > size)
			break;
		if (word == NULL)
			line[n] = (char)random_below(random, 256);
		else
			memcpy(line + n, word, nword);
		n += nword;
	}
	return n;
}

START_TEST(any_bytes_are_a_line)
{
	for (uint64_t seed = 1; seed <= 100000; seed++) {
		uint64_t random = seed;
		char text[256];
		size_t nbytes = random_line(&random, text, sizeof text);
		char *line = malloc(nbytes == 0 ? 1 : nbytes); /* no byte more, for ASan */
		struct command command = { .verb = VERB_COUNT };
		enum protocol_result result;

		MUST(line != NULL);
		memcpy(line, text, nbytes);
		result = protocol_parse(line, nbytes, &command);
		if (!is_consistent(result, &command, line, nbytes))
			ck_abort_msg("seed %llu: result %d", (unsigned long long)seed,
			             (int)result);
		/* In a later line only the beginning counts. */
		if (protocol_is_http(line, nbytes, false) &&
		    !protocol_is_http(line, nbytes, true))
			ck_abort_msg("seed %llu: a guard is lost",
			             (unsigned long long)seed);
		MUST(memcmp(line, text, nbytes) == 0);
		free(line);
	}
}
END_TEST

/* Words of the options, and any other bytes. */
static size_t
random_args(uint64_t *random, char *args, size_t size)
{
	static const char *const words[] = { "a.b", " LAST 1", " FROM 0", " TO 2", " SINCE 1m",
		                             " GROUP g", " COUNT 3", " WITHIN 1s", " ",
		                             "\t", "show", " seq,from", ",", "18446744073709551616",
		                             "timeout" };
	uint32_t nwords = sizeof words / sizeof words[0];
	size_t n = 0;

	for (uint32_t left = random_below(random, 8); left > 0; left--) {
		uint32_t pick = random_below(random, nwords + 1);
		size_t nword = pick == nwords ? 1 : strlen(words[pick]);

		if (n + nword > size)
			break;
		if (pick == nwords)
			args[n] = (char)random_below(random, 256);
		else
			memcpy(args + n, words[pick], nword);
		n += nword;
	}
	return n;
}

static bool
is_good_follow(const struct protocol_follow *follow, const char *args, size_t nargs)
{
	return follow->pattern.nbytes > 0 &&
	       is_inside(follow->pattern.bytes, follow->pattern.nbytes, args, nargs) &&
	       is_inside(follow->group.bytes, follow->group.nbytes, args, nargs) &&
	       follow->group.nbytes <= 64 && follow->since_ms >= 0 && follow->within_ms >= 0 &&
	       (follow->to == 0 || follow->since == PROTOCOL_SINCE_FROM);
}

START_TEST(any_bytes_are_arguments)
{
	unsigned ngood = 0;

	for (uint64_t seed = 1; seed <= 100000; seed++) {
		uint64_t random = seed;
		char text[256];
		size_t nargs = random_args(&random, text, sizeof text);
		char *args = malloc(nargs == 0 ? 1 : nargs); /* no byte more, for ASan */
		struct protocol_follow follow;
		struct protocol_set set;

		MUST(args != NULL);
		memcpy(args, text, nargs);
		if (protocol_parse_sub(args, nargs, &follow) == NULL) {
			ngood++;
			MUST(is_good_follow(&follow, args, nargs));
			MUST(follow.to == 0);
		}
		if (protocol_parse_read(args, nargs, &follow) == NULL) {
			MUST(is_good_follow(&follow, args, nargs));
			MUST(follow.count == 0 && !follow.has_within);
			MUST(follow.group.nbytes == 0);
		}
		if (protocol_parse_set(args, nargs, &set) == NULL)
			MUST(set.setting <= PROTOCOL_SET_TIMEOUT && set.show <= SHOW_ALL);
		MUST(memcmp(args, text, nargs) == 0);
		free(args);
	}
	ck_assert_uint_gt(ngood, 10000);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("protocol",
	    line_is_taken_apart,
	    nul_is_a_byte_like_any_other,
	    line_without_anything_is_empty,
	    bad_tag_is_said_to_be_bad,
	    first_word_ends_at_one_blank,
	    verb_may_be_typed_in_any_case,
	    every_verb_is_described,
	    verbs_are_sorted_and_unique,
	    usage_is_that_of_the_protocol,
	    part_of_a_verb_is_no_verb,
	    options_of_sub_are_understood,
	    options_of_read_are_understood,
	    options_that_are_wrong_are_told_with_the_remedy,
	    what_follows_the_options_is_not_looked_at,
	    any_options_are_right_if_each_is_there_once,
	    settings_are_understood,
	    settings_that_are_wrong_are_told_with_the_remedy,
	    delivery_has_the_columns_that_are_shown,
	    column_without_anything_is_a_dash,
	    text_is_any_bytes_or_none,
	    request_shows_its_number_and_no_columns,
	    longest_delivery_has_room,
	    number_is_written_with_all_its_digits,
	    time_is_utc_from_the_year_0_to_9999,
	    time_is_utc_wherever_the_daemon_is,
	    number_of_a_request_is_a_whole_one,
	    browser_is_known_by_its_lines,
	    what_follows_the_line_is_no_part_of_it,
	    any_bytes_are_a_line,
	    any_bytes_are_arguments);
}
