/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "follow.h"
#include "log.h"
#include "mode.h"
#include "protocol.h"
#include "router.h"

const struct mode *
mode_of(const struct session *session)
{
	switch (session->listener->mode) {
	case CONF_MODE_COMMAND:
		return &mode_command;
	case CONF_MODE_ECHO:
		return &mode_echo;
	case CONF_MODE_PUBLISH:
		return &mode_publish;
	case CONF_MODE_SUBSCRIBE:
		return &mode_subscribe;
	case CONF_MODE_HTTP:
		break; /* its clients are no sessions */
	}
	return &mode_command;
}

void
mode_say_too_long(struct session *session)
{
	char text[64];
	int n =
	    snprintf(text, sizeof text, "-ERR TOOLONG limit=%zu", session->listener->max_line);
	struct amy_bytes line = { text, (size_t)n };

	session_answer(session, &line, 1);
}

/* ---- Echo ------------------------------------------------------------------------- */

/* The LF stands behind the line: byte for byte, the line is what came. */
static bool
echo_line(struct view *view, struct session *session, const struct amy_bytes *line)
{
	(void)view;
	session_answer_raw(session, line->bytes, line->nbytes + 1);
	return true;
}

/* As they are; so nobody needs to know where each of them ends. */
static void
echo_lines(struct session *session, const char *bytes, size_t nbytes)
{
	session_answer_now(session, bytes, nbytes);
}

static void
echo_over_rate(struct view *view, struct session *session, const struct amy_bytes *line)
{
	char text[64];
	int n = snprintf(text, sizeof text, "-ERR RATE limit=%u", session->listener->line_rate);
	struct amy_bytes answer = { text, (size_t)n };

	(void)view;
	(void)line;
	session_answer(session, &answer, 1);
}

static void
echo_end(struct view *view, struct session *session, const struct amy_bytes *rest)
{
	(void)view;
	if (rest != NULL)
		session_answer_raw(session, rest->bytes, rest->nbytes);
	session_close(session);
}

const struct mode mode_echo = {
	.line = echo_line,
	.lines = echo_lines,
	.too_long = mode_say_too_long,
	.over_rate = echo_over_rate,
	.end = echo_end,
};

/* ---- Publish ---------------------------------------------------------------------- */

void
mode_log_stranger(const struct session *session, enum opening_kind kind)
{
	char name[SESSION_MAX_NAME];

	if (kind == OPENING_TLS)
		log_warning("%s is ended: it speaks TLS, which this listener does not, and nothing "
		            "that it says is run: connect without TLS",
		            session_name(session, name));
	else
		log_warning("%s is ended: it speaks HTTP, and what it says is not run: see which "
		            "browser or probe asks there",
		            session_name(session, name));
}

void
mode_end_stranger(struct session *session, enum opening_kind kind)
{
	mode_log_stranger(session, kind);
	session_close(session);
	session->lingers = true;
}

/* False: the session, unless it is NULL, is parked. */
static bool
publish_bytes(struct view *view, const struct conf_listener *listener, struct session *from,
              const struct amy_bytes *line)
{
	const struct amy_bytes subject = { listener->subject, strlen(listener->subject) };
	struct amy_bytes text = *line;
	struct router_receipt receipt;

	if (text.nbytes > 0 && text.bytes[text.nbytes - 1] == '\r')
		text.nbytes--;
	return router_publish(view, from, &subject, &text, false, &receipt) != ROUTER_STALLED;
}

static bool
publish_line(struct view *view, struct session *session, const struct amy_bytes *line)
{
	if (!session->has_spoken && protocol_is_http(line->bytes, line->nbytes, true)) {
		mode_end_stranger(session, OPENING_HTTP);
		return true;
	}
	if (!publish_bytes(view, session->listener, session, line))
		return false;
	session->has_spoken = true;
	return true;
}

/* It is counted, as every line that is too long; there is nobody to tell. */
static void
publish_too_long(struct session *session)
{
	(void)session;
}

static void
publish_end(struct view *view, struct session *session, const struct amy_bytes *rest)
{
	if (rest != NULL && !session->has_spoken &&
	    protocol_is_http(rest->bytes, rest->nbytes, true))
		mode_end_stranger(session, OPENING_HTTP);
	else if (rest != NULL && session->listener->eof_line)
		publish_bytes(view, session->listener, NULL, rest); /* it cannot come again */
	else if (rest != NULL)
		stats_add(view->stats, STAT_LINES_UNTERMINATED, 1);
	session_close(session);
}

/* Not a byte is ever said to it, goodbye neither. */
static void
publish_start(struct view *view, struct session *session)
{
	(void)view;
	session->is_raw = true;
}

const struct mode mode_publish = {
	.start = publish_start,
	.refuse = mode_end_stranger,
	.line = publish_line,
	.too_long = publish_too_long,
	.end = publish_end,
};

/* ---- Subscribe -------------------------------------------------------------------- */

static void
subscribe_start(struct view *view, struct session *session)
{
	const struct conf_listener *listener = session->listener;
	const struct protocol_follow follow = {
		.pattern = { listener->pattern, strlen(listener->pattern) },
		.since = PROTOCOL_SINCE_LAST,
		.last = listener->history,
	};

	session->is_raw = true;
	atomic_store_explicit(&session->client.is_mute, true, memory_order_relaxed);
	if (follow_subscribe(view, session, &follow, NULL, 0, true) != FOLLOW_DONE)
		session_fail(session, "it cannot follow its pattern: out of memory");
}

static bool
subscribe_line(struct view *view, struct session *session, const struct amy_bytes *line)
{
	(void)view;
	(void)session;
	(void)line;
	return true;
}

static void
subscribe_too_long(struct session *session)
{
	(void)session;
}

/* It goes on reading. */
static void
subscribe_end(struct view *view, struct session *session, const struct amy_bytes *rest)
{
	(void)view;
	(void)rest;
	session_end_input(session);
}

const struct mode mode_subscribe = {
	.start = subscribe_start,
	.line = subscribe_line,
	.too_long = subscribe_too_long,
	.end = subscribe_end,
};
