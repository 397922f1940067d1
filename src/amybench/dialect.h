/* SPDX-License-Identifier: MIT */
/*
 * dialect.h - how a server is spoken to. A dialect is a file, dialect_NAME.c: it fills in the
 * forms of its messages, and says what to make of a message that is of none of them.
 */
#ifndef DIALECT_H
#define DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "form.h"

/* What a dialect is asked for: constant for a run. */
struct dialect_wish {
	size_t size;         /* of the option -s */
	const char *subject; /* of fanout and request */
	unsigned nreaders;   /* of fanout */
};

/*
 * The messages of a run. What a dialect does not have stays empty. Constant once made.
 *
 *     hello       first of all, on each connection; nothing is answered
 *     ask         a line, and
 *     answer      what must come for it
 *     follow      a reader's word that it wants what is published, and
 *     following   what comes when it gets it from now on
 *     publish     the publisher's line, and
 *     published   what comes for it, and
 *     delivery    what each reader gets
 *     is_tuned    of fanout: nothing tells a reader that it is heard. So following is a line
 *                 that is published until every reader has seen it.
 */
struct phrases {
	struct form hello, ask, answer, follow, following, publish, published, delivery;
	bool is_tuned;
	unsigned nreaders; /* published says a number; this or more is right */
};

/* What to make of bytes that are not those that were expected. */
enum heard {
	HEARD_PART,  /* this is not all of it yet */
	HEARD_OTHER, /* it has nothing to do with our lines */
	HEARD_REPLY, /* it says what was expected, in other words */
	HEARD_GOODBYE, /* the server ends the connection, and says why */
	HEARD_WRONG,
};

/* One message at the beginning of some bytes. */
struct utterance {
	size_t nbytes;      /* of the message; set unless it is HEARD_PART */
	const char *answer; /* to be said to that, or NULL */
};

struct dialect {
	const char *name;
	bool has_echo, has_fanout, has_request;
	bool is_line;           /* size counts the LF of a line, and a text has one byte less */
	size_t echo_size;       /* bytes of a line of echo, where all are the same; or 0 */
	bool has_two_addresses; /* readers are elsewhere */
	void (*prepare)(const struct dialect_wish *wish, struct phrases *phrases);
	/* NULL: all is HEARD_WRONG. */
	enum heard (*hear)(const struct phrases *phrases, const struct form *expected,
	                   const char *bytes, size_t nbytes, struct utterance *utterance);
};

extern const struct dialect dialect_lines, dialect_amyd, dialect_raw, dialect_redis,
    dialect_nats, dialect_memcached;

/* NULL: there is none of that name. */
const struct dialect *dialect_find(const char *name);

/* "lines, amyd, ..." of all of them, for people. */
const char *dialect_names(void);

/*
 * What the dialects share. The bytes up to and with the first LF; 0: there is none.
 */
size_t dialect_line_length(const char *bytes, size_t nbytes);

/* The line is the prefix, a number of at least n, and then words or nothing. */
bool dialect_line_counts(const char *line, size_t nbytes, const char *prefix, unsigned n);

#endif
