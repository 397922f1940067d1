/* SPDX-License-Identifier: MIT */
/*
 * mode.h - what a listener's clients may say, and what it means. One struct per mode.
 */
#ifndef MODE_H
#define MODE_H

#include <stdbool.h>

#include "session.h"
#include "view.h"

struct mode {
	/* It is here. NULL: nothing is to be done. */
	void (*start)(struct view *view, struct session *session);

	/* It opened with HTTP or TLS, of which nothing is run: end it. NULL: all may open so. */
	void (*refuse)(struct session *session, enum opening_kind kind);

	/* Lines are there, to be run soon. NULL: nothing is to be done. */
	void (*foresee)(struct view *view, const char *bytes, size_t nbytes);

	/* Run one line. False: the session was parked; the same line is to come again. */
	bool (*line)(struct view *view, struct session *session, const struct amy_bytes *line);

	/* Run several whole lines at once, none of them too long. NULL: one by one. */
	void (*lines)(struct session *session, const char *bytes, size_t nbytes);

	/* A line longer than max_line was dropped. */
	void (*too_long)(struct session *session);

	/* A line over line_rate is not run. NULL: it waits, and what comes behind it, too. */
	void (*over_rate)(struct view *view, struct session *session,
	                  const struct amy_bytes *line);

	/* The input has ended; rest is what came behind the last LF, or NULL. */
	void (*end)(struct view *view, struct session *session, const struct amy_bytes *rest);
};

extern const struct mode mode_command; /* command.c */
extern const struct mode mode_echo;
extern const struct mode mode_publish;
extern const struct mode mode_subscribe;

const struct mode *mode_of(const struct session *session);

/* "-ERR TOOLONG limit=n", as every mode that answers says it. */
void mode_say_too_long(struct session *session);

/* That a client is ended because it speaks HTTP, or TLS. */
void mode_log_stranger(const struct session *session, enum opening_kind kind);

/* The same, and end it without a word to it. What it still sends is read, and dropped. */
void mode_end_stranger(struct session *session, enum opening_kind kind);

#endif
