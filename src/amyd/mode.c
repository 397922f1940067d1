/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "mode.h"

const struct mode *
mode_of(const struct session *session)
{
	switch (session->listener->mode) {
	case CONF_MODE_COMMAND:
		return &mode_command;
	case CONF_MODE_ECHO:
		return &mode_echo;
	}
	return &mode_command;
}

void
mode_say_too_long(struct session *session)
{
	char text[64];
	int n = snprintf(text, sizeof text, "-ERR TOOLONG limit=%zu",
	                 session->listener->max_line);
	struct amy_line line = { text, (size_t)n };

	session_answer(session, &line, 1);
}

/* The LF stands behind the line: byte for byte, the line is what came. */
static bool
echo_line(struct router_view *view, struct session *session, const struct amy_line *line)
{
	(void)view;
	session_answer_raw(session, line->bytes, line->nbytes + 1);
	return true;
}

static void
echo_end(struct session *session, const struct amy_line *rest)
{
	if (rest != NULL)
		session_answer_raw(session, rest->bytes, rest->nbytes);
	session_close(session);
}

const struct mode mode_echo = {
	.line = echo_line,
	.too_long = mode_say_too_long,
	.end = echo_end,
};
