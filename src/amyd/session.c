/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "session.h"

/* An answer is a line of the client's own and a few words, or a page of help. */
#define MAX_ANSWER_OVERHEAD 16384

struct session *
session_create(int fd, const struct conf_listener *listener, const struct address *peer,
               atomic_uint *nclients)
{
	struct session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	session->fd = fd;
	session->listener = listener;
	session->nclients = nclients;
	if (peer->u.any.sa_family == AF_UNIX)
		session->peer.any.sa_family = AF_UNIX;
	else
		memcpy(&session->peer, &peer->u, sizeof session->peer);
	session->has_registration = true;
	amy_line_reader_init(&session->reader, listener->max_line);
	amy_line_writer_init(&session->writer,
	                     listener->queue + CONF_MAX_LINE + MAX_ANSWER_OVERHEAD);
	return session;
}

/*
 * Closing with something unread would reset the connection, and what was sent last might
 * not arrive. What comes later than now is the client's fault.
 */
static void
session_read_off(struct session *session)
{
	char unread[4096];

	shutdown(session->fd, SHUT_WR);
	for (int i = 0; i < 64; i++)
		if (recv(session->fd, unread, sizeof unread, 0) <= 0)
			break;
}

void
session_destroy(struct session *session)
{
	if (session->state != SESSION_DEAD && !session->input_has_ended)
		session_read_off(session);
	close(session->fd);
	atomic_fetch_sub_explicit(session->nclients, 1, memory_order_relaxed);
	amy_line_reader_fini(&session->reader);
	amy_line_writer_fini(&session->writer);
	free(session);
}

const char *
session_name(const struct session *session, char text[SESSION_MAX_NAME])
{
	struct address peer = { 0 };
	char peer_text[ADDRESS_MAX_TEXT];

	memcpy(&peer.u, &session->peer, sizeof session->peer);
	snprintf(text, SESSION_MAX_NAME, "client %" PRIu64 " (%.40s, from %.100s)",
	         session->id, session->listener->name, address_format(&peer, peer_text));
	return text;
}

static void
session_die(struct session *session, const char *what)
{
	char name[SESSION_MAX_NAME];

	log_debug("%s: %s: %s", session_name(session, name), what, strerror(errno));
	session->state = SESSION_DEAD;
}

void
session_fail(struct session *session, const char *why)
{
	char name[SESSION_MAX_NAME];

	log_error("%s is cut off: %s", session_name(session, name), why);
	session->state = SESSION_DEAD;
}

ssize_t
session_receive(struct session *session, char *buffer, size_t size)
{
	ssize_t n;

	do
		n = recv(session->fd, buffer, size, 0);
	while (n == -1 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		return -1;
	if (errno != EAGAIN)
		session_die(session, "receiving");
	return 0;
}

void
session_flush(struct session *session)
{
	const char *bytes;
	size_t pending;
	ssize_t n;

	if (session->state == SESSION_DEAD)
		return;
	while ((pending = amy_line_writer_pending(&session->writer, &bytes)) > 0) {
		n = send(session->fd, bytes, pending, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			if (errno != EAGAIN)
				session_die(session, "sending");
			return;
		}
		amy_line_writer_consume(&session->writer, (size_t)n);
	}
}

size_t
session_pending(const struct session *session)
{
	return amy_line_writer_pending(&session->writer, NULL);
}

bool
session_is_following(const struct session *session)
{
	return session->state == SESSION_OPEN || session->state == SESSION_LISTENING;
}

void
session_answer(struct session *session, const struct amy_line *pieces, size_t npieces)
{
	if (!session_is_following(session))
		return;
	if (amy_line_writer_putv(&session->writer, pieces, npieces) == -1)
		session_fail(session, strerror(errno));
}

void
session_answer_raw(struct session *session, const char *bytes, size_t nbytes)
{
	if (!session_is_following(session))
		return;
	if (amy_line_writer_append(&session->writer, bytes, nbytes) == -1)
		session_fail(session, strerror(errno));
}

/*
 * The client is too slow: of what is queued only the rest of a line that it has begun to
 * see may go, and the word that says why it is closed.
 */
static void
session_cut(struct session *session)
{
	const char *bytes;
	size_t pending = amy_line_writer_pending(&session->writer, &bytes);
	const char *lf = memchr(bytes, '\n', pending);
	size_t nrest = lf == NULL ? pending : (size_t)(lf + 1 - bytes);
	char name[SESSION_MAX_NAME];

	log_warning("%s is cut off: %zu bytes wait for it, and queue = %zu: raise queue, "
	            "or let it read faster",
	            session_name(session, name), pending, session->listener->queue);
	amy_line_writer_truncate(&session->writer, nrest);
	session_bye(session, "SLOW", "the queue of lines for this client is full");
}

/* A line that is longer than the queue still goes to a client that waits for nothing. */
static bool
session_has_room(const struct session *session, size_t nbytes)
{
	size_t pending = session_pending(session);

	return pending == 0 || pending + nbytes <= session->listener->queue;
}

bool
session_deliver(struct session *session, const char *line, size_t nbytes)
{
	if (!session_is_following(session))
		return false;
	if (!session_has_room(session, nbytes))
		session_flush(session); /* what could have gone does not count */
	if (session->state != SESSION_DEAD && !session_has_room(session, nbytes))
		session_cut(session);
	else
		session_answer_raw(session, line, nbytes);
	return session_is_following(session);
}

void
session_bye(struct session *session, const char *reason, const char *text)
{
	char line[256];
	int n = snprintf(line, sizeof line, "! BYE %s %s", reason, text);
	struct amy_line piece = { line, (size_t)n };

	session_answer(session, &piece, 1);
	session_close(session);
	session->lingers = true;
}

void
session_close(struct session *session)
{
	if (session_is_following(session))
		session->state = SESSION_CLOSING;
}

static bool
session_has_unread(const struct session *session)
{
	char byte;

	return recv(session->fd, &byte, 1, MSG_PEEK) == 1;
}

void
session_linger(struct session *session, bool only_talking)
{
	if (session->state != SESSION_CLOSING || !session->lingers ||
	    session->input_has_ended || session_pending(session) > 0)
		return;
	if (only_talking && !session_has_unread(session))
		return;
	shutdown(session->fd, SHUT_WR);
	session->state = SESSION_LINGERING;
}

void
session_drop_input(struct session *session, char *buffer, size_t size)
{
	if (session_receive(session, buffer, size) == -1)
		session->input_has_ended = true;
}

bool
session_wants_input(const struct session *session)
{
	return session->state == SESSION_OPEN && !session->is_stalled &&
	       session_pending(session) <= session->listener->queue / 2;
}

bool
session_is_over(const struct session *session)
{
	switch (session->state) {
	case SESSION_OPEN:
	case SESSION_LISTENING:
		return false;
	case SESSION_CLOSING:
		return session_pending(session) == 0;
	case SESSION_LINGERING:
		return session->input_has_ended;
	case SESSION_DEAD:
		return true;
	}
	return true;
}

bool
session_own(struct session *session, struct amy_registrar *registrar)
{
	if (!session->has_registration)
		session->has_registration = amy_registrar_take(registrar, session->id) == 0;
	return session->has_registration;
}

/*
 * A client with lines still to be run, whose turn was over, waits for a socket that can
 * be written, which it can at once: so the poller gives everybody else a turn first.
 */
unsigned
session_interest(const struct session *session)
{
	bool has_line = amy_line_reader_has_line(&session->reader);
	unsigned interest = AMY_HUP;

	if (session->state == SESSION_LINGERING)
		interest |= AMY_READ;
	if (session_wants_input(session))
		interest |= has_line ? AMY_WRITE : AMY_READ;
	if (session_pending(session) > 0)
		interest |= AMY_WRITE;
	return interest;
}

int
session_give_back(struct session *session, struct amy_registrar *registrar)
{
	session->armed = session_interest(session);
	session->has_registration = false;
	if (amy_registrar_rearm(registrar, session->id, session->armed) == 0)
		return 0;
	session->has_registration = true;
	session_fail(session, strerror(errno));
	return -1;
}
