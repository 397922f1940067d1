/* SPDX-License-Identifier: MIT */
/*
 * protocol.h - what one line means. Pure: no I/O, no state, any thread.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#define PROTOCOL_MAX_TAG 32

enum verb {
	VERB_ECHO,
	VERB_HELP,
	VERB_PING,
	VERB_PUB,
	VERB_QUIT,
	VERB_SUB,
	VERB_UNSUB,
	VERB_COUNT,
};

struct verb_info {
	const char *name;
	const char *usage; /* "PUB <subject> <text>" */
	const char *help;  /* one sentence */
};

extern const struct verb_info protocol_verbs[VERB_COUNT];

/* One line, taken apart: pointers into it. */
struct command {
	enum verb verb;
	const char *tag; /* without '#'; ntag 0: none */
	size_t ntag;
	const char *word; /* the verb as typed */
	size_t nword;
	const char *args; /* all after the space or tab that ends the verb */
	size_t nargs;
	bool has_args; /* that space was there */
};

enum protocol_result {
	PROTOCOL_COMMAND,
	PROTOCOL_EMPTY,   /* to be ignored */
	PROTOCOL_UNKNOWN, /* no such verb: tag and word are set */
	PROTOCOL_BAD_TAG, /* '#' and then no tag */
};

/* Take a line of nbytes (without LF) apart. One CR at its end is not part of it. */
enum protocol_result protocol_parse(const char *line, size_t nbytes, struct command *command);

/* The verb of that name, in any case; VERB_COUNT: there is none. */
enum verb protocol_find_verb(const char *name, size_t nbytes);

/*
 * The first word of args, which one space or tab ends; *rest is all that follows, verbatim.
 */
struct protocol_split {
	const char *first;
	size_t nfirst;
	const char *rest;
	size_t nrest;
};

void protocol_split(const char *args, size_t nargs, struct protocol_split *split);

/* A browser that was pointed at a line listener: it must not be able to publish. */
bool protocol_is_http(const char *line, size_t nbytes, bool is_first);

#endif
