/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "log.h"
#include "session.h"

enum { QUEUE = 4096 };

static struct conf_listener listener = {
	.name = (char[]){ "main" },
	.max_line = 100,
	.queue = QUEUE,
	.max_subs = 10,
};

static const struct address unix_peer = { .u.any.sa_family = AF_UNIX };

static atomic_uint nclients;
static struct session *session;
static int client; /* the other end of the session's socket */

static void
make_session_of(int fds[2])
{
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	atomic_store(&nclients, 1);
	client = fds[1];
	session = session_create(fds[0], &listener, &unix_peer, &nclients);
	MUST(session != NULL);
}

static void
make_session(void)
{
	int fds[2];

	make_socketpair(fds);
	make_session_of(fds);
}

static void
make_tcp_session(void)
{
	int fds[2];

	make_tcp_pair(fds);
	make_session_of(fds);
}

static void
end_session(void)
{
	session_destroy(session);
	MUST(atomic_load(&nclients) == 0);
	MUST(close(client) == 0);
}

static void
answer(const char *text)
{
	const struct amy_line line = { text, strlen(text) };

	session_answer(session, &line, 1);
}

static bool
deliver(const char *text)
{
	return session_deliver(session, text, strlen(text));
}

/* All that the client can read now; its end of input is not told from nothing. */
static const char *
received(void)
{
	static char text[1 << 20];
	size_t used = 0;
	ssize_t n;

	while ((n = read(client, text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)n;
	MUST(n == 0 || errno == EAGAIN);
	text[used] = '\0';
	return text;
}

/* Let what is queued pile up: the socket takes nothing more. */
static void
block(void)
{
	fill(session->fd);
}

static void
unblock(void)
{
	drain(client);
}

/* What is queued, as the client would get it. */
static void
assert_queued(const char *text)
{
	const char *bytes;
	size_t n = amy_line_writer_pending(&session->writer, &bytes);

	ck_assert_uint_eq(session_pending(session), strlen(text));
	ck_assert_uint_eq(n, strlen(text));
	if (n > 0)
		ck_assert_mem_eq(bytes, text, n);
}

/* ---- Making and ending ------------------------------------------------------------- */

START_TEST(new_session_is_open_and_wants_input)
{
	make_session();
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert(session->has_registration);
	ck_assert(session_wants_input(session));
	ck_assert(!session_is_over(session));
	ck_assert_uint_eq(session_pending(session), 0);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ);
	end_session();
}
END_TEST

START_TEST(without_memory_the_socket_stays_the_callers)
{
	int fds[2];

	make_socketpair(fds);
	atomic_store(&nclients, 1);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(session_create(fds[0], &listener, &unix_peer, &nclients) == NULL);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(atomic_load(&nclients) == 1);
	close_pair(fds);
}
END_TEST

START_TEST(session_is_named_by_its_id_listener_and_peer)
{
	struct address peer = { .u.in = { .sin_family = AF_INET, .sin_port = htons(4711) } };
	char name[SESSION_MAX_NAME];
	int fds[2];

	make_session();
	session->id = 42;
	ck_assert_str_eq(session_name(session, name), "client 42 (main, from unix)");
	end_session();
	make_socketpair(fds);
	peer.u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	atomic_store(&nclients, 1);
	session = session_create(fds[0], &listener, &peer, &nclients);
	ck_assert_ptr_nonnull(session);
	session->id = UINT64_MAX;
	ck_assert_str_eq(session_name(session, name),
	                 "client 18446744073709551615 (main, from 127.0.0.1:4711)");
	client = fds[1];
	end_session();
}
END_TEST

START_TEST(long_names_are_cut)
{
	static char long_name[300];
	struct address peer = { .u.in6 = { .sin6_family = AF_INET6, .sin6_port = 0xffff } };
	char name[SESSION_MAX_NAME];
	int fds[2];

	memset(long_name, 'n', sizeof long_name - 1);
	memset(&peer.u.in6.sin6_addr, 0xfe, 16);
	listener.name = long_name;
	make_socketpair(fds);
	atomic_store(&nclients, 1);
	session = session_create(fds[0], &listener, &peer, &nclients);
	ck_assert_ptr_nonnull(session);
	session->id = UINT64_MAX;
	session_name(session, name);
	ck_assert_uint_lt(strlen(name), SESSION_MAX_NAME);
	ck_assert_str_eq(name + strlen(name) - 7, ":65535)");
	client = fds[1];
	end_session();
}
END_TEST

START_TEST(what_was_sent_arrives_though_input_was_left_unread)
{
	char text[5001];

	make_tcp_session();
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	ck_assert_int_eq(write(client, text, 5000), 5000);
	answer("goodbye");
	session_flush(session);
	session_close(session);
	session_destroy(session);
	/* Without a reset: read() would fail. */
	ck_assert_str_eq(received(), "goodbye\n");
	ck_assert_int_eq(read(client, text, 1), 0);
	ck_assert_uint_eq(atomic_load(&nclients), 0);
	ck_assert_int_eq(close(client), 0);
}
END_TEST

/* ---- Receiving --------------------------------------------------------------------- */

START_TEST(bytes_are_received_until_the_input_ends)
{
	char buffer[4];

	make_session();
	ck_assert_int_eq(session_receive(session, buffer, 4), 0);
	ck_assert_int_eq(write(client, "one\nto", 6), 6);
	ck_assert_int_eq(session_receive(session, buffer, 4), 4);
	ck_assert_mem_eq(buffer, "one\n", 4);
	ck_assert_int_eq(session_receive(session, buffer, 4), 2);
	ck_assert_mem_eq(buffer, "to", 2);
	ck_assert_int_eq(session_receive(session, buffer, 4), 0);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	ck_assert_int_eq(session_receive(session, buffer, 4), -1);
	ck_assert_int_eq(session_receive(session, buffer, 4), -1);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	end_session();
}
END_TEST

/* Close the client's end with a reset. */
static void
reset_client(void)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	MUST(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	MUST(close(client) == 0);
}

START_TEST(reset_while_receiving_ends_the_session)
{
	char buffer[4];

	make_tcp_session();
	reset_client();
	ck_assert_int_eq(session_receive(session, buffer, 4), 0);
	ck_assert_int_eq(session->state, SESSION_DEAD);
	ck_assert(session_is_over(session));
	ck_assert(!session_wants_input(session));
	session_destroy(session);
}
END_TEST

/* ---- Sending ----------------------------------------------------------------------- */

START_TEST(answers_go_when_flushed)
{
	const struct amy_line pieces[] = { { "#", 1 }, { "tag", 3 }, { " ", 1 }, { "+OK", 3 } };

	make_session();
	session_answer(session, pieces, 4);
	session_answer_raw(session, "raw", 3);
	answer("");
	ck_assert_str_eq(received(), "");
	ck_assert_uint_eq(session_pending(session), 13);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ | AMY_WRITE);
	session_flush(session);
	ck_assert_uint_eq(session_pending(session), 0);
	ck_assert_str_eq(received(), "#tag +OK\nraw\n");
	session_flush(session);
	end_session();
}
END_TEST

START_TEST(what_the_socket_does_not_take_stays_queued)
{
	make_session();
	block();
	answer("later");
	session_flush(session);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	assert_queued("later\n");
	unblock();
	session_flush(session);
	assert_queued("");
	ck_assert_str_eq(received(), "later\n");
	end_session();
}
END_TEST

/* Not by SIGPIPE, which would end the process. */
START_TEST(broken_connection_ends_the_session)
{
	make_session();
	MUST(close(client) == 0);
	answer("lost");
	session_flush(session);
	ck_assert_int_eq(session->state, SESSION_DEAD);
	ck_assert(session_is_over(session));
	session_flush(session);
	session_close(session);
	ck_assert_int_eq(session->state, SESSION_DEAD);
	session_destroy(session);
}
END_TEST

START_TEST(without_memory_for_an_answer_the_session_ends)
{
	make_session();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	answer("one");
	MUST(fault_clear());
	ck_assert_int_eq(session->state, SESSION_DEAD);
	end_session();

	make_session();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	session_answer_raw(session, "one", 3);
	MUST(fault_clear());
	ck_assert_int_eq(session->state, SESSION_DEAD);
	end_session();

	make_session();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(!session_deliver(session, "one\n", 4));
	MUST(fault_clear());
	ck_assert_int_eq(session->state, SESSION_DEAD);
	end_session();
}
END_TEST

/* ---- Delivering, and who is too slow for it ---------------------------------------- */

START_TEST(line_is_delivered_while_there_is_room)
{
	char line[QUEUE + 1];

	make_session();
	ck_assert(deliver("MSG a b\n"));
	assert_queued("MSG a b\n");
	session_flush(session);
	ck_assert_str_eq(received(), "MSG a b\n");
	/* To the last byte. */
	memset(line, 'x', QUEUE);
	line[QUEUE] = '\0';
	block();
	ck_assert(deliver("12345678"));
	ck_assert(deliver(line + 8));
	ck_assert_uint_eq(session_pending(session), QUEUE);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert(!deliver("x"));
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	end_session();
}
END_TEST

START_TEST(line_longer_than_the_queue_is_delivered_alone)
{
	char line[QUEUE + 2];

	make_session();
	memset(line, 'x', QUEUE + 1);
	line[QUEUE] = '\n';
	line[QUEUE + 1] = '\0';
	block();
	ck_assert(deliver(line));
	ck_assert_uint_eq(session_pending(session), QUEUE + 1);
	ck_assert(!deliver("x\n"));
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	end_session();
}
END_TEST

START_TEST(what_can_be_sent_does_not_count_as_queued)
{
	char line[1001];

	make_session();
	memset(line, 'x', 1000);
	line[1000] = '\0';
	for (int i = 0; i < 20; i++)
		MUST(deliver(line));
	ck_assert_int_eq(session->state, SESSION_OPEN);
	session_flush(session);
	ck_assert_uint_eq(strlen(received()), 20000);
	end_session();
}
END_TEST

#define BYE_SLOW "! BYE SLOW the queue of lines for this client is full\n"

static void
deliver_until_it_is_full(const char *line)
{
	int n = 0;

	while (n < QUEUE && deliver(line))
		n++;
	MUST(n > 0 && n < QUEUE);
}

START_TEST(slow_client_is_told_and_closed)
{
	make_session();
	block();
	answer("+OK");
	deliver_until_it_is_full("MSG a b\n");
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	/* The line that it may have begun to see is the one that is kept. */
	assert_queued("+OK\n" BYE_SLOW);
	ck_assert(!session_wants_input(session));
	ck_assert(!session_is_over(session));
	ck_assert(!deliver("MSG a c\n"));
	assert_queued("+OK\n" BYE_SLOW);
	unblock();
	session_flush(session);
	ck_assert(session_is_over(session));
	ck_assert_str_eq(received(), "+OK\n" BYE_SLOW);
	end_session();
}
END_TEST

START_TEST(line_begun_is_completed_before_the_goodbye)
{
	make_session();
	block();
	MUST(deliver("MSG long 0123456789\n"));
	MUST(deliver("MSG next\n"));
	amy_line_writer_consume(&session->writer, 15); /* as if it had gone */
	deliver_until_it_is_full("MSG more\n");
	assert_queued("6789\n" BYE_SLOW);
	end_session();

	make_session();
	block();
	MUST(deliver("MSG a\n"));
	MUST(deliver("MSG b\n"));
	amy_line_writer_consume(&session->writer, 5); /* all but its LF */
	deliver_until_it_is_full("MSG more\n");
	assert_queued("\n" BYE_SLOW);
	end_session();
}
END_TEST

/* Everything, until the session is over. */
static const char *
received_to_the_end(void)
{
	static char text[1 << 20];
	size_t used = 0;

	do {
		const char *more;

		session_flush(session);
		more = received();
		MUST(*more != '\0' && used + strlen(more) < sizeof text);
		memcpy(text + used, more, strlen(more) + 1);
		used += strlen(more);
	} while (!session_is_over(session));
	return text;
}

/* With a real socket, which takes as much as it likes. */
START_TEST(whatever_went_before_whole_lines_come_and_then_the_goodbye)
{
	static char sent[1 << 20];

	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint64_t random = seed;
		size_t used = 0, n;
		const char *text;
		bool fits;

		make_session();
		do {
			char *line = sent + used;

			MUST(used < sizeof sent - 1000);
			used += (size_t)sprintf(line, "MSG %0*d\n",
			                        1 + (int)random_below(&random, 500), 0);
			fits = deliver(line);
			if (random_below(&random, 4) == 0)
				session_flush(session);
		} while (fits);
		MUST(session->state == SESSION_CLOSING);
		text = received_to_the_end();
		n = strlen(text) - strlen(BYE_SLOW);
		if (strlen(text) < strlen(BYE_SLOW) || strcmp(text + n, BYE_SLOW) != 0 ||
		    (n > 0 && text[n - 1] != '\n') || n >= used ||
		    memcmp(text, sent, n) != 0)
			ck_abort_msg("seed %llu: %s", (unsigned long long)seed, text);
		end_session();
	}
}
END_TEST

START_TEST(session_that_is_not_open_takes_no_lines)
{
	make_session();
	session->state = SESSION_LISTENING;
	ck_assert(deliver("MSG a b\n"));
	session_close(session);
	ck_assert(!deliver("MSG a c\n"));
	session->state = SESSION_DEAD;
	ck_assert(!deliver("MSG a d\n"));
	assert_queued("MSG a b\n");
	end_session();
}
END_TEST

START_TEST(line_that_finds_the_connection_broken_is_not_counted)
{
	char line[QUEUE];

	make_session();
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	ck_assert(deliver(line));
	MUST(close(client) == 0);
	ck_assert(!deliver(line));
	ck_assert_int_eq(session->state, SESSION_DEAD);
	session_destroy(session);
}
END_TEST

/* ---- States ------------------------------------------------------------------------ */

START_TEST(client_whose_answers_pile_up_is_not_read_from)
{
	char half[QUEUE / 2];

	make_session();
	memset(half, 'x', sizeof half);
	session_answer_raw(session, half, sizeof half);
	ck_assert(session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ | AMY_WRITE);
	session_answer_raw(session, "x", 1);
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	session_flush(session);
	ck_assert(session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ);
	end_session();
}
END_TEST

START_TEST(parked_client_is_not_read_from)
{
	make_session();
	session->is_stalled = true;
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP);
	end_session();
}
END_TEST

/* The rest of a turn waits for a socket that can be written, not for more input. */
START_TEST(client_with_lines_left_waits_to_write)
{
	struct amy_line line;

	make_session();
	MUST(amy_line_reader_feed(&session->reader, "one\ntwo\nth", 10) == 0);
	MUST(amy_line_reader_next(&session->reader, &line) == 1);
	MUST(amy_line_reader_keep(&session->reader) == 0);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	session->is_stalled = true;
	ck_assert_uint_eq(session_interest(session), AMY_HUP);
	session->is_stalled = false;
	MUST(amy_line_reader_next(&session->reader, &line) == 1);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ);
	end_session();
}
END_TEST

START_TEST(closing_session_is_over_when_its_queue_is_empty)
{
	make_session();
	block();
	session_bye(session, "DRAIN", "the server is going down");
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	assert_queued("! BYE DRAIN the server is going down\n");
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	ck_assert(!session_is_over(session));
	unblock();
	session_flush(session);
	ck_assert(session_is_over(session));
	end_session();

	make_session();
	session_close(session);
	ck_assert(session_is_over(session));
	end_session();
}
END_TEST

START_TEST(dead_session_is_over_whatever_is_queued)
{
	make_session();
	answer("never read");
	session_fail(session, "test");
	ck_assert_int_eq(session->state, SESSION_DEAD);
	ck_assert(session_is_over(session));
	ck_assert(!session_wants_input(session));
	session_flush(session);
	ck_assert_str_eq(received(), "");
	session_close(session);
	ck_assert_int_eq(session->state, SESSION_DEAD);
	end_session();
}
END_TEST

START_TEST(listening_session_is_not_read_from_and_not_over)
{
	make_session();
	session->state = SESSION_LISTENING;
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP);
	ck_assert(!session_is_over(session));
	ck_assert(deliver("MSG a b\n"));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	end_session();
}
END_TEST

/*
 * A line that a client sends to itself may close it; the answer to that line is made of
 * the line's own tag.
 */
START_TEST(line_that_is_run_when_the_session_is_closed_is_still_there)
{
	struct amy_line line;

	make_session();
	MUST(amy_line_reader_feed(&session->reader, "#tag PUB", 8) == 0);
	MUST(amy_line_reader_next(&session->reader, &line) == 0);
	MUST(amy_line_reader_feed(&session->reader, " a b\nPING\n", 10) == 0);
	MUST(amy_line_reader_next(&session->reader, &line) == 1);
	block();
	deliver_until_it_is_full("MSG a b\n");
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	ck_assert_uint_eq(line.nbytes, 12);
	ck_assert_mem_eq(line.bytes, "#tag PUB a b", 12);
	end_session();
}
END_TEST

/* ---- The registration -------------------------------------------------------------- */

static struct amy_poller *poller;
static struct amy_registrar *registrar;

static void
register_session(void)
{
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	MUST(amy_registrar_register(registrar, session->fd, 0, session, &session->id) == 0);
}

static void
deregister_session(void)
{
	MUST(amy_registrar_deregister(registrar, session->id) == 0);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
}

/* The events that the session is told of now, if it is. */
static unsigned
told(void)
{
	struct amy_notification notification;

	if (amy_poller_wait(poller, &notification, 1, 0) == 0)
		return 0;
	MUST(notification.id == session->id && notification.data == session);
	return notification.events;
}

START_TEST(registration_is_given_back_for_what_is_waited_for)
{
	make_session();
	register_session();
	ck_assert(session_own(session, registrar));
	ck_assert_int_eq(session_give_back(session, registrar), 0);
	ck_assert(!session->has_registration);
	ck_assert_uint_eq(session->armed, AMY_HUP | AMY_READ);
	ck_assert_uint_eq(told(), 0);
	put_byte(client);
	ck_assert_uint_eq(told(), AMY_READ);
	session->has_registration = true;

	answer("one");
	ck_assert_int_eq(session_give_back(session, registrar), 0);
	ck_assert_uint_eq(session->armed, AMY_HUP | AMY_READ | AMY_WRITE);
	ck_assert_uint_eq(told(), AMY_READ | AMY_WRITE);
	session->has_registration = true;
	deregister_session();
	end_session();
}
END_TEST

START_TEST(registration_is_taken_back_while_it_has_not_fired)
{
	make_session();
	register_session();
	MUST(session_give_back(session, registrar) == 0);
	ck_assert(session_own(session, registrar));
	ck_assert(session->has_registration);
	put_byte(client);
	ck_assert_uint_eq(told(), 0);
	ck_assert(session_own(session, registrar));
	deregister_session();
	end_session();
}
END_TEST

START_TEST(registration_that_has_fired_cannot_be_taken_back)
{
	make_session();
	register_session();
	MUST(session_give_back(session, registrar) == 0);
	put_byte(client);
	ck_assert_uint_eq(told(), AMY_READ);
	ck_assert(!session_own(session, registrar));
	ck_assert(!session->has_registration);
	deregister_session();
	end_session();
}
END_TEST

START_TEST(session_that_cannot_be_given_back_is_dead)
{
	make_session();
	register_session();
	fault_set(FAULT_EPOLL_CTL, 1, ENOSPC);
	ck_assert_int_eq(session_give_back(session, registrar), -1);
	MUST(fault_clear());
	ck_assert_int_eq(session->state, SESSION_DEAD);
	ck_assert(session->has_registration);
	ck_assert(session_is_over(session));
	deregister_session();
	end_session();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("session",
	    new_session_is_open_and_wants_input,
	    without_memory_the_socket_stays_the_callers,
	    session_is_named_by_its_id_listener_and_peer,
	    long_names_are_cut,
	    what_was_sent_arrives_though_input_was_left_unread,
	    bytes_are_received_until_the_input_ends,
	    reset_while_receiving_ends_the_session,
	    answers_go_when_flushed,
	    what_the_socket_does_not_take_stays_queued,
	    broken_connection_ends_the_session,
	    without_memory_for_an_answer_the_session_ends,
	    line_is_delivered_while_there_is_room,
	    line_longer_than_the_queue_is_delivered_alone,
	    what_can_be_sent_does_not_count_as_queued,
	    slow_client_is_told_and_closed,
	    line_begun_is_completed_before_the_goodbye,
	    whatever_went_before_whole_lines_come_and_then_the_goodbye,
	    session_that_is_not_open_takes_no_lines,
	    line_that_finds_the_connection_broken_is_not_counted,
	    client_whose_answers_pile_up_is_not_read_from,
	    parked_client_is_not_read_from,
	    client_with_lines_left_waits_to_write,
	    closing_session_is_over_when_its_queue_is_empty,
	    dead_session_is_over_whatever_is_queued,
	    listening_session_is_not_read_from_and_not_over,
	    line_that_is_run_when_the_session_is_closed_is_still_there,
	    registration_is_given_back_for_what_is_waited_for,
	    registration_is_taken_back_while_it_has_not_fired,
	    registration_that_has_fired_cannot_be_taken_back,
	    session_that_cannot_be_given_back_is_dead);
}
