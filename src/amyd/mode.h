/* SPDX-License-Identifier: MIT */
/*
 * mode.h - what a listener's clients may say, and what it means. One struct per mode.
 */
#ifndef MODE_H
#define MODE_H

#include <stdbool.h>

#include "router.h"
#include "session.h"

struct mode {
	/* Run one line. False: the session was parked; the same line is to come again. */
	bool (*line)(struct router_view *view, struct session *session,
	             const struct amy_line *line);

	/* A line longer than max_line was dropped. */
	void (*too_long)(struct session *session);

	/* The input has ended; rest is what came behind the last LF, or NULL. */
	void (*end)(struct session *session, const struct amy_line *rest);
};

extern const struct mode mode_command; /* command.c */
extern const struct mode mode_echo;

const struct mode *mode_of(const struct session *session);

/* "-ERR TOOLONG limit=n", as every mode that answers says it. */
void mode_say_too_long(struct session *session);

#endif
