/* SPDX-License-Identifier: MIT */
/*
 * connection.h - a socket, and what is under way on it. All sockets are non-blocking.
 *
 * It says numbered lines of one form, and hears replies of another one, in order. What is
 * fixed for a number of connections is their talk.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amy.h>

#include "dial.h"
#include "dialect.h"
#include "stamps.h"
#include "text.h"

/* Constant. */
struct talk {
	const struct dialect *dialect;
	const struct phrases *phrases;
	const struct form *say;  /* or NULL: says no lines */
	const struct form *hear; /* with no bytes: nothing is to come */
	bool has_stamps;         /* when lines were sent is to be known */
};

enum connection_state {
	CONNECTION_NONE,       /* fd is -1 */
	CONNECTION_CONNECTING, /* until it can be written to */
	CONNECTION_GREETING,   /* it has said its first words, and waits for the answer */
	CONNECTION_OPEN,
};

/* Owner: the load whose it is. One thread. */
struct connection {
	enum connection_state state;
	int fd;
	uint32_t number;
	struct text to_say, to_hear; /* the next ones */
	uint64_t nsaid;              /* lines that were begun to be sent, since it is open */
	uint64_t nheard;             /* replies, likewise */
	uint64_t nwaiting;           /* lines that are to be said, and are not yet in out */
	struct stamps stamps;
	struct amy_line_writer out; /* what the socket did not take */
	char *kept;                 /* the beginning of a reply that is not all there */
	uint32_t nkept, kept_capacity;
	uint32_t waits_for; /* the interest it is in the set with, AMY_ bits */
};

/* No socket yet. The texts of both directions begin. */
void connection_init(struct connection *connection, unsigned number);

/* Close, with a reset: nothing lingers in the system. May be opened again. */
void connection_close(struct connection *connection);
void connection_fini(struct connection *connection);

/* As dial(). Once it can be written to, dial_check() tells whether it worked. */
void connection_open(struct connection *connection, const struct target *target);

/*
 * Say n more lines; or these bytes, before lines to come. What does not go at once goes with
 * connection_flush(), when it can be written to; its talk may be NULL if connection_say() is
 * not used. False: the server has closed it, and errno says how, 0 for an orderly end.
 */
bool connection_say(struct connection *connection, const struct talk *talk, uint64_t n);
bool connection_say_bytes(struct connection *connection, const char *bytes, size_t nbytes);
bool connection_flush(struct connection *connection, const struct talk *talk);

/* Leave these bytes (copied) to connection_flush(). */
void connection_queue(struct connection *connection, const char *bytes, size_t nbytes);

/* Something is left to be sent. */
bool connection_has_more(const struct connection *connection);

/*
 * Read what has come, and hand it to take, which says how many of these bytes it has used up;
 * the others come again, with more behind them. False: as above.
 */
typedef size_t connection_take_fn(struct connection *connection, const char *bytes,
                                  size_t nbytes, void *context);
bool connection_read(struct connection *connection, connection_take_fn *take, void *context);

/*
 * Read replies, each of which must be the next one; *n is how many. A wrong one ends the
 * program, and it is shown. False: as above.
 */
bool connection_hear(struct connection *connection, const struct talk *talk, uint64_t *n);

/*
 * What a server that has closed it has said before, and was not read or not understood, for
 * people; empty if there is nothing.
 */
#define CONNECTION_MAX_SHOWN 200
void connection_last_words(const struct connection *connection,
                           char words[CONNECTION_MAX_SHOWN]);

/* End the program: this has come, where that was expected. */
void connection_fail_wrong(const struct connection *connection, const char *expected,
                           size_t nexpected, const char *actual, size_t nactual)
    __attribute__((noreturn));

/* End the program: the server ends the connection, and this line, with its LF, says why. */
void connection_fail_goodbye(const struct connection *connection, const char *line, size_t nline)
    __attribute__((noreturn));

/* End the program: n replies have come to lines that were not said. */
void connection_fail_surplus(const struct connection *connection, uint64_t n)
    __attribute__((noreturn));

#endif
