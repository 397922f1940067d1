/* SPDX-License-Identifier: MIT */
/*
 * protocol.h - what one line means. Pure: no I/O, no state, any thread.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

#include "publication.h"

#define PROTOCOL_MAX_TAG 32

enum verb {
	VERB_ECHO,
	VERB_FORGET,
	VERB_HELP,
	VERB_KEEP,
	VERB_NAME,
	VERB_PING,
	VERB_PUB,
	VERB_QUIT,
	VERB_READ,
	VERB_REP,
	VERB_REQ,
	VERB_SET,
	VERB_STATS,
	VERB_SUB,
	VERB_TRACE,
	VERB_UNSUB,
	VERB_WHO,
	VERB_WILL,
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

/* "3", or "3 seq=812": what became of a line; seq 0: it is not stored. Returns its length. */
#define PROTOCOL_MAX_RECEIPT 48
size_t protocol_write_receipt(uint64_t nreaders, uint64_t seq,
                              char text[PROTOCOL_MAX_RECEIPT]);

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

/* Where to begin, of SUB and READ. */
enum protocol_since {
	PROTOCOL_SINCE_NOW,    /* not said */
	PROTOCOL_SINCE_LAST,   /* LAST n */
	PROTOCOL_SINCE_FROM,   /* FROM a, perhaps RUN r; READ: perhaps TO b */
	PROTOCOL_SINCE_TIME,   /* SINCE 10m */
	PROTOCOL_SINCE_MOMENT, /* SINCE 2026-11-28T18:40:00Z */
};

/* The arguments of SUB and READ: <pattern>, and then options in any order, each once. */
struct protocol_follow {
	struct amy_bytes pattern; /* as typed, not judged */
	enum protocol_since since;
	uint64_t last;        /* of LAST */
	uint64_t from, to;    /* of FROM; to 0: not said */
	struct amy_bytes run; /* of FROM; nbytes 0: not said */
	int64_t since_ms;     /* of SINCE: so long ago */
	int64_t since_wall_ms; /* of SINCE: from this moment on, since 1970 */
	struct amy_bytes group; /* nbytes 0: not said; 1 to 64 of [A-Za-z0-9_:/=+-] */
	uint64_t count;        /* 0: not said */
	bool has_within;
	int64_t within_ms;
};

/*
 * Words are parted by one space or tab or more; names of options in any case. NULL: good;
 * or what is wrong, in a few words with the remedy; "": it is the form of the whole that is
 * wrong, and the usage says it best. Of LAST, FROM and SINCE at most one.
 */
const char *protocol_parse_sub(const char *args, size_t nargs, struct protocol_follow *follow);
const char *protocol_parse_read(const char *args, size_t nargs, struct protocol_follow *follow);

/* What SET may change. */
enum protocol_setting {
	PROTOCOL_SET_ACK,     /* on|off */
	PROTOCOL_SET_ECHO,    /* on|off */
	PROTOCOL_SET_RAW,     /* on|off */
	PROTOCOL_SET_SHOW,    /* seq,time,from, any of them, in any order; or off */
	PROTOCOL_SET_SLOW,    /* drop|cut */
	PROTOCOL_SET_TIMEOUT, /* 1ms to 1d */
};

/* The columns of SET show, or-ed together. */
enum {
	PROTOCOL_SHOW_SEQ  = 1,
	PROTOCOL_SHOW_TIME = 2,
	PROTOCOL_SHOW_FROM = 4,
	PROTOCOL_SHOW_ALL  = 7,
};

struct protocol_set {
	enum protocol_setting setting;
	bool on;            /* of ack, echo, raw; of slow: cut */
	unsigned show;      /* of show */
	int64_t timeout_ms; /* of timeout */
};

/* The arguments of SET, likewise. Keys and values in any case. */
const char *protocol_parse_set(const char *args, size_t nargs, struct protocol_set *set);

/*
 * The line that a delivery is, LF included:
 *
 *	MSG log.web GET /a 200
 *	MSG log.web 812 2026-11-22T18:40:01.123Z @alice GET /a 200
 *	REQ time.now 4711 text
 *
 * with the columns of show; of a request with its number instead; or the text alone if raw.
 * The first returns how many bytes that takes at most; the second writes them, and returns
 * how many.
 */
size_t protocol_delivery_size(const struct publication *publication);
size_t protocol_write_delivery(const struct publication *publication, unsigned show, bool raw,
                               char *bytes);

/* The number in a REP, or that a REQ shows, from 1. 0 and *number; -1: it is none. */
int protocol_parse_request(const char *text, size_t nbytes, uint64_t *number);

/* What stands before a final line: "#tag ", or nothing if ntag is 0. Returns text. */
#define PROTOCOL_MAX_HEAD (PROTOCOL_MAX_TAG + 3)
const char *protocol_write_tag(const char *tag, size_t ntag, char text[PROTOCOL_MAX_HEAD]);

/* True if a line (without LF) ends in "HTTP/1." and a digit, and one CR perhaps: a request's. */
bool protocol_is_request(const char *line, size_t nbytes);

/* A browser that was pointed at a line listener: it must not be able to publish. */
bool protocol_is_http(const char *line, size_t nbytes, bool is_first);

#endif
