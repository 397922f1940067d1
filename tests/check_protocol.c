/* SPDX-License-Identifier: MIT */
#include <ctype.h>
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

/* ---- Lines that are commands, or nearly -------------------------------------------- */

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

/* ---- Verbs ------------------------------------------------------------------------- */

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
		/* The usage begins with the verb, and both fit into one row of HELP. */
		ck_assert_int_eq(strncmp(info->usage, info->name, n), 0);
		ck_assert(info->usage[n] == '\0' || info->usage[n] == ' ');
		ck_assert_uint_gt(strlen(info->help), 0);
		ck_assert_uint_lt(strlen(info->usage) + strlen(info->help), 100);
	}
}
END_TEST

START_TEST(verbs_are_sorted_and_unique)
{
	for (enum verb verb = 1; verb < VERB_COUNT; verb++)
		ck_assert_str_lt(protocol_verbs[verb - 1].name, protocol_verbs[verb].name);
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

/* ---- Browsers ---------------------------------------------------------------------- */

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

/* ---- Any bytes --------------------------------------------------------------------- */

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
	    part_of_a_verb_is_no_verb,
	    browser_is_known_by_its_lines,
	    what_follows_the_line_is_no_part_of_it,
	    any_bytes_are_a_line);
}
