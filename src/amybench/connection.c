/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "say.h"

/* What one call sends or receives at most. */
#define BUFFER_BYTES (256u * 1024)

/* No reply is as long as that. */
#define MAX_KEPT (2u * TEXT_MAX)

/* Of a wrong reply, what is shown at most before the first difference. */
#define MAX_ALIKE 100

static char send_buffer[BUFFER_BYTES];
static char receive_buffer[BUFFER_BYTES + MAX_KEPT];

void
connection_init(struct connection *connection, unsigned number)
{
	*connection = (struct connection){ .fd = -1, .number = number };
	text_init(&connection->to_say, number);
	text_init(&connection->to_hear, number);
	stamps_init(&connection->stamps);
	amy_line_writer_init(&connection->out, SIZE_MAX);
}

void
connection_open(struct connection *connection, const struct target *target)
{
	connection->fd = dial(target, connection->number);
	connection->nsaid = connection->nheard = 0;
	connection->state = CONNECTION_CONNECTING;
	connection->waits_for = 0;
}

void
connection_close(struct connection *connection)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (connection->fd == -1)
		return;
	setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(connection->fd);
	connection->fd = -1;
	connection->state = CONNECTION_NONE;
	connection->nkept = 0;
	connection->nwaiting = 0;
	amy_line_writer_truncate(&connection->out, 0);
}

void
connection_fini(struct connection *connection)
{
	connection_close(connection);
	stamps_fini(&connection->stamps);
	amy_line_writer_fini(&connection->out);
	free(connection->kept);
	connection->kept = NULL;
}

/* ---- Saying ------------------------------------------------------------------------ */

/* So many went, perhaps none; -1: it is closed. */
static ssize_t
send_some(int fd, const char *bytes, size_t nbytes)
{
	ssize_t n = send(fd, bytes, nbytes, MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

bool
connection_has_more(const struct connection *connection)
{
	return connection->nwaiting > 0 || amy_line_writer_pending(&connection->out, NULL) > 0;
}

void
connection_queue(struct connection *connection, const char *bytes, size_t nbytes)
{
	if (nbytes > 0 && amy_line_writer_append(&connection->out, bytes, nbytes) == -1)
		fail_errno("what waits to be sent");
}

/* What did not go before. True: and now it has. */
static bool
flush_queue(struct connection *connection, bool *is_closed)
{
	const char *bytes;
	size_t nbytes = amy_line_writer_pending(&connection->out, &bytes);
	ssize_t n;

	if (nbytes == 0)
		return true;
	n = send_some(connection->fd, bytes, nbytes);
	*is_closed = n == -1;
	if (n > 0)
		amy_line_writer_consume(&connection->out, (size_t)n);
	return n == (ssize_t)nbytes;
}

/* As many lines as are waiting and go into the buffer. Returns their bytes. */
static size_t
write_lines(struct connection *connection, const struct talk *talk)
{
	const struct form *form = talk->say;
	uint64_t n = BUFFER_BYTES / form->nbytes;
	char *to = send_buffer;

	if (n > connection->nwaiting)
		n = connection->nwaiting;
	for (uint64_t i = 0; i < n; i++) {
		form_write(form, &connection->to_say, to);
		to += form->nbytes;
		if (form->ntext > 0)
			text_advance(&connection->to_say);
	}
	connection->nwaiting -= n;
	connection->nsaid += n;
	if (talk->has_stamps)
		stamps_push(&connection->stamps, clock_ns(), n);
	return (size_t)(to - send_buffer);
}

bool
connection_flush(struct connection *connection, const struct talk *talk)
{
	bool is_closed = false;

	while (flush_queue(connection, &is_closed) && connection->nwaiting > 0) {
		size_t nbytes = write_lines(connection, talk);
		ssize_t n = send_some(connection->fd, send_buffer, nbytes);

		if (n == -1)
			return false;
		connection_queue(connection, send_buffer + n, nbytes - (size_t)n);
		if ((size_t)n < nbytes)
			return true;
	}
	return !is_closed;
}

bool
connection_say(struct connection *connection, const struct talk *talk, uint64_t n)
{
	connection->nwaiting += n;
	return connection_flush(connection, talk);
}

bool
connection_say_bytes(struct connection *connection, const char *bytes, size_t nbytes)
{
	bool is_closed = false;

	connection_queue(connection, bytes, nbytes);
	flush_queue(connection, &is_closed);
	return !is_closed;
}

/* ---- Hearing ----------------------------------------------------------------------- */

/* For the next time. */
static void
keep(struct connection *connection, const char *bytes, size_t nbytes)
{
	if (nbytes > connection->kept_capacity) {
		char *larger = realloc(connection->kept, nbytes);

		if (larger == NULL)
			fail_errno("a reply");
		connection->kept = larger;
		connection->kept_capacity = (uint32_t)nbytes;
	}
	if (nbytes > 0)
		memcpy(connection->kept, bytes, nbytes);
	connection->nkept = (uint32_t)nbytes;
}

bool
connection_read(struct connection *connection, connection_take_fn *take, void *context)
{
	size_t nkept = connection->nkept, nbytes, used;
	ssize_t n;

	n = recv(connection->fd, receive_buffer + nkept, BUFFER_BYTES, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n == 0)
		errno = 0;
	if (n <= 0)
		return false;
	if (nkept > 0)
		memcpy(receive_buffer, connection->kept, nkept);
	nbytes = nkept + (size_t)n;
	used = take(connection, receive_buffer, nbytes, context);
	if (nbytes - used > MAX_KEPT)
		fail(EX_PROTOCOL, "connection %u: a wrong reply: a line of more than %u bytes",
		     connection->number, MAX_KEPT);
	keep(connection, receive_buffer + used, nbytes - used);
	return true;
}

void
connection_last_words(const struct connection *connection, char words[CONNECTION_MAX_SHOWN])
{
	size_t nkept = connection->nkept;
	ssize_t n = recv(connection->fd, receive_buffer + nkept, BUFFER_BYTES, MSG_DONTWAIT);

	if (nkept > 0)
		memcpy(receive_buffer, connection->kept, nkept);
	say_escape(receive_buffer, nkept + (n > 0 ? (size_t)n : 0), words,
	           CONNECTION_MAX_SHOWN);
}

/* Where what is shown begins, so that the first difference is seen. */
static size_t
first_shown(const char *expected, size_t nexpected, const char *actual, size_t nactual)
{
	size_t i = 0;

	while (i < nexpected && i < nactual && expected[i] == actual[i])
		i++;
	return i < MAX_ALIKE ? 0 : i - MAX_ALIKE / 2;
}

void
connection_fail_wrong(const struct connection *connection, const char *expected,
                      size_t nexpected, const char *actual, size_t nactual)
{
	char expected_text[CONNECTION_MAX_SHOWN], actual_text[CONNECTION_MAX_SHOWN];
	size_t from = first_shown(expected, nexpected, actual, nactual);
	const char *dots = from > 0 ? "..." : "";

	fail(EX_PROTOCOL,
	     "connection %u: a wrong reply, after %llu right ones\n"
	     "    expected  %s%s\n"
	     "    actual    %s%s",
	     connection->number, (unsigned long long)connection->nheard, dots,
	     say_escape(expected + from, nexpected - from, expected_text, CONNECTION_MAX_SHOWN),
	     dots,
	     say_escape(actual + from, nactual - from, actual_text, CONNECTION_MAX_SHOWN));
}

void
connection_fail_goodbye(const struct connection *connection, const char *line, size_t nline)
{
	char text[CONNECTION_MAX_SHOWN];

	fail(EX_TEMPFAIL, "connection %u: the server ended it, after %llu right replies: %s",
	     connection->number, (unsigned long long)connection->nheard,
	     say_escape(line, nline - 1, text, CONNECTION_MAX_SHOWN));
}

void
connection_fail_surplus(const struct connection *connection, uint64_t n)
{
	fail(EX_PROTOCOL, "connection %u: a wrong reply: %llu more came than lines were sent",
	     connection->number, (unsigned long long)n);
}

struct hearing {
	const struct talk *talk;
	uint64_t n;
};

static void
count_reply(struct connection *connection, struct hearing *hearing)
{
	connection->nheard++;
	hearing->n++;
}

static void
fail_wrong_reply(const struct connection *connection, const struct form *form,
                 const char *bytes, size_t nbytes)
{
	static char expected[FORM_MAX_PREFIX + TEXT_MAX + FORM_MAX_SUFFIX];
	size_t nline = dialect_line_length(bytes, nbytes);

	form_write(form, &connection->to_hear, expected);
	if (nline > 0 && nline > form->nbytes)
		nbytes = nline;
	else if (nbytes > form->nbytes && form->nbytes > 0)
		nbytes = form->nbytes;
	connection_fail_wrong(connection, expected, form->nbytes, bytes, nbytes);
}

/* It is not the message that was expected. Returns the bytes of it, 0: it is not all there. */
static size_t
take_other(struct connection *connection, const char *bytes, size_t nbytes,
           struct hearing *hearing)
{
	const struct talk *talk = hearing->talk;
	struct utterance utterance = { 0 };
	enum heard heard = HEARD_WRONG;

	if (talk->dialect->hear != NULL)
		heard =
		    talk->dialect->hear(talk->phrases, talk->hear, bytes, nbytes, &utterance);
	switch (heard) {
	case HEARD_PART:
		return 0;
	case HEARD_OTHER:
		break;
	case HEARD_REPLY:
		count_reply(connection, hearing);
		break;
	case HEARD_GOODBYE:
		connection_fail_goodbye(connection, bytes, utterance.nbytes);
	case HEARD_WRONG:
		fail_wrong_reply(connection, talk->hear, bytes, nbytes);
	}
	if (utterance.answer != NULL)
		connection_say_bytes(connection, utterance.answer, strlen(utterance.answer));
	return utterance.nbytes;
}

static size_t
take_replies(struct connection *connection, const char *bytes, size_t nbytes, void *context)
{
	struct hearing *hearing = context;
	const struct form *form = hearing->talk->hear;
	struct text *text = &connection->to_hear;
	size_t used = 0, n;

	while (used < nbytes) {
		size_t left = nbytes - used;

		if (form->nbytes > 0 && left >= form->nbytes &&
		    form_is(form, text, bytes + used)) {
			used += form->nbytes;
			count_reply(connection, hearing);
			if (form->ntext > 0)
				text_advance(text);
			continue;
		}
		if (left < form->nbytes && form_begins(form, text, bytes + used, left))
			break;
		n = take_other(connection, bytes + used, left, hearing);
		if (n == 0)
			break;
		used += n;
	}
	return used;
}

bool
connection_hear(struct connection *connection, const struct talk *talk, uint64_t *n)
{
	struct hearing hearing = { .talk = talk };
	bool is_open = connection_read(connection, take_replies, &hearing);

	*n = hearing.n;
	return is_open;
}
