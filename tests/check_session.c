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

static bool takes_all;
static size_t takes_at_most = SIZE_MAX;

/* In place of the C library's: into a socket that never is full, or takes so much and no more. */
ssize_t
send(int fd, const void *bytes, size_t nbytes, int flags)
{
	if (takes_all)
		return (ssize_t)nbytes;
	if (nbytes > takes_at_most)
		nbytes = takes_at_most;
	takes_at_most -= takes_at_most == SIZE_MAX ? 0 : nbytes;
	if (nbytes > 0)
		return sendto(fd, bytes, nbytes, flags, NULL, 0);
	errno = EAGAIN;
	return -1;
}

static const struct address unix_peer = { .u.any.sa_family = AF_UNIX };

static atomic_uint nclients;
static struct stats stats;
static struct session *session;
static int client; /* the other end of the session's socket */

static void
make_session_of(int fds[2])
{
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	atomic_store(&nclients, 1);
	client = fds[1];
	session = session_create(fds[0], &listener, &unix_peer, 42, &nclients);
	MUST(session != NULL);
	memset(&stats, 0, sizeof stats);
	session->stats = &stats;
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

static uint64_t
counted(enum stats_counter stat)
{
	return stats_get(&stats, stat);
}

/* What was matched is delivered, or waits, or was dropped. */
static void
must_add_up(void)
{
	MUST(counted(STAT_LINES_MATCHED) ==
	     counted(STAT_LINES_DELIVERED) + counted(STAT_LINES_QUEUED) +
	         counted(STAT_LINES_DROPPED_SLOW) + counted(STAT_LINES_DROPPED_CUT) +
	         counted(STAT_LINES_DROPPED_GONE) + counted(STAT_LINES_DROPPED_MEMORY));
}

static void
end_session(void)
{
	must_add_up();
	session_destroy(session);
	must_add_up();
	MUST(counted(STAT_LINES_QUEUED) == 0);
	MUST(atomic_load(&nclients) == 0);
	MUST(close(client) == 0);
}

static void
answer(const char *text)
{
	const struct amy_bytes line = { text, strlen(text) };

	session_answer(session, &line, 1);
}

static const char pattern[] = "log.*";

static size_t
pattern_of(void *context, struct subscription_ref ref, char text[SUBJECT_MAX_BYTES])
{
	MUST(context == &stats && ref.slot == 3 && ref.serial == 5);
	memcpy(text, pattern, sizeof pattern - 1);
	return sizeof pattern - 1;
}

static bool
deliver_numbered(const char *text, uint64_t seq)
{
	const struct output_mark mark = { .seq = seq, .ref = { 3, 5 } };

	return session_deliver(session, text, strlen(text), &mark, pattern_of, &stats);
}

static bool
deliver(const char *text)
{
	return deliver_numbered(text, 0);
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

/* What is queued, as the client would get it; there is no source. */
static void
assert_queued(const char *text)
{
	const char *bytes;
	size_t n = output_next(&session->output, &bytes);

	ck_assert_uint_eq(output_pending(&session->output), n);
	ck_assert_uint_eq(n, strlen(text));
	if (n > 0)
		ck_assert_mem_eq(bytes, text, n);
	ck_assert(session_has_output(session) == (n > 0));
}

/* ---- Making and ending ------------------------------------------------------------ */

START_TEST(new_session_is_open_and_wants_input)
{
	make_session();
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert(session->has_registration);
	ck_assert(session_wants_input(session));
	ck_assert(!session_is_over(session));
	ck_assert(!session_has_output(session));
	ck_assert(session_is_following(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ);
	ck_assert_uint_eq(session->client.number, 42);
	ck_assert_int_eq(session->client.peer.any.sa_family, AF_UNIX);
	ck_assert_ptr_eq(session->client.listener, &listener);
	ck_assert_int_eq(session->timeout_ms, 5000);
	end_session();
}
END_TEST

START_TEST(without_memory_the_socket_stays_the_callers)
{
	int fds[2];

	make_socketpair(fds);
	atomic_store(&nclients, 1);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(session_create(fds[0], &listener, &unix_peer, 1, &nclients) == NULL);
	MUST(errno == ENOMEM);
	MUST(fault_clear());
	MUST(atomic_load(&nclients) == 1);
	close_pair(fds);
}
END_TEST

START_TEST(session_is_named_by_its_number_listener_and_peer)
{
	struct address peer = { .u.in = { .sin_family = AF_INET, .sin_port = htons(4711) } };
	char name[SESSION_MAX_NAME];
	int fds[2];

	make_session();
	ck_assert_str_eq(session_name(session, name), "client 42 (main, from unix)");
	end_session();
	make_socketpair(fds);
	peer.u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	atomic_store(&nclients, 1);
	session = session_create(fds[0], &listener, &peer, UINT64_MAX, &nclients);
	ck_assert_ptr_nonnull(session);
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
	session = session_create(fds[0], &listener, &peer, UINT64_MAX, &nclients);
	ck_assert_ptr_nonnull(session);
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

/* ---- Receiving -------------------------------------------------------------------- */

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

/* ---- Sending ---------------------------------------------------------------------- */

START_TEST(answers_go_when_flushed)
{
	const struct amy_bytes pieces[] = { { "#", 1 }, { "tag", 3 }, { " ", 1 }, { "+OK", 3 } };

	make_session();
	session_answer(session, pieces, 4);
	session_answer_raw(session, "raw", 3);
	answer("");
	ck_assert_str_eq(received(), "");
	ck_assert_uint_eq(output_pending(&session->output), 13);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ | AMY_WRITE);
	session_flush(session);
	ck_assert(!session_has_output(session));
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
START_TEST(answer_goes_at_once_where_nothing_is_before_it)
{
	make_session();
	session_answer_now(session, "one\n", 4);
	ck_assert(!session_has_output(session));
	ck_assert(session->has_taken);
	answer("two");
	session_answer_now(session, "three\n", 6);
	ck_assert_str_eq(received(), "one\n");
	session_flush(session);
	ck_assert_str_eq(received(), "two\nthree\n");
	end_session();
}
END_TEST

START_TEST(of_an_answer_at_once_what_the_socket_does_not_take_is_queued)
{
	make_session();
	fill(session->fd);
	session_answer_now(session, "one\n", 4);
	ck_assert(session_has_output(session));
	drain(client);
	session_flush(session);
	ck_assert_str_eq(received(), "one\n");
	end_session();
}
END_TEST

START_TEST(nothing_is_answered_at_once_behind_the_last_word)
{
	make_session();
	session_close(session);
	session_answer_now(session, "late\n", 5);
	ck_assert_str_eq(received(), "");
	end_session();
	make_session();
	MUST(close(client) == 0);
	client = dup(session->fd);
	session_answer_now(session, "late\n", 5);
	ck_assert(session->is_unreachable && !session_has_output(session));
	end_session();
}
END_TEST

START_TEST(answers_have_room_for_half_of_the_queue)
{
	char text[QUEUE];

	memset(text, 'x', sizeof text);
	make_session();
	ck_assert_uint_eq(session_answer_room(session), QUEUE / 2);
	session_answer_raw(session, text, QUEUE / 2 - 1);
	ck_assert_uint_eq(session_answer_room(session), 1);
	session_answer_raw(session, text, QUEUE);
	ck_assert_uint_eq(session_answer_room(session), 0);
	end_session();
}
END_TEST

START_TEST(broken_connection_is_read_to_its_end_and_told_nothing)
{
	char buffer[8];

	make_session();
	MUST(write(client, "late\n", 5) == 5);
	MUST(close(client) == 0);
	answer("lost");
	session_flush(session);
	ck_assert(session->is_unreachable && !session_has_output(session));
	ck_assert(!session_is_over(session) && session_wants_input(session));
	ck_assert(!session_is_following(session) && !session_is_parked(session));
	ck_assert(!deliver("MSG a b\n"));
	ck_assert_int_eq(session_receive(session, buffer, sizeof buffer), 5);
	ck_assert_int_eq(session_receive(session, buffer, sizeof buffer), -1);
	session_end_input(session);
	ck_assert(session_is_over(session));
	session_destroy(session);
}
END_TEST

START_TEST(broken_connection_ends_a_session_whose_lines_were_run)
{
	make_session();
	session_end_input(session);
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

START_TEST(one_that_has_hung_up_is_not_waited_for_while_its_lines_have_to_wait)
{
	make_session();
	session->is_waiting = true;
	ck_assert(!session_is_parked(session));
	session_hang_up(session);
	ck_assert(session_is_parked(session));
	session->is_waiting = false;
	ck_assert(!session_is_parked(session));
	session_close(session);
	ck_assert_int_eq(session->state, SESSION_DEAD);
	end_session();
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
	MUST(deliver("one\n"));
	MUST(fault_clear());
	ck_assert_int_eq(session->state, SESSION_DEAD);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_MEMORY), 1);
	end_session();
}
END_TEST

/* ---- Delivering, and who is too slow for it --------------------------------------- */

START_TEST(line_is_delivered_while_there_is_room)
{
	char line[QUEUE + 1];

	make_session();
	ck_assert(deliver("MSG a b\n"));
	assert_queued("MSG a b\n");
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 1);
	session_flush(session);
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 0);
	ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), 1);
	ck_assert_str_eq(received(), "MSG a b\n");
	/* To the last byte. */
	memset(line, 'x', QUEUE);
	line[QUEUE - 1 - 8 - 2 * OUTPUT_OVERHEAD] = '\n';
	line[QUEUE - 8 - 2 * OUTPUT_OVERHEAD] = '\0';
	block();
	ck_assert(deliver("1234567\n"));
	ck_assert(deliver(line));
	ck_assert_uint_eq(output_pending(&session->output), QUEUE - 2 * OUTPUT_OVERHEAD);
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 2);
	ck_assert(deliver("\n"));
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_SLOW), 2);
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 1);
	ck_assert_int_eq(session->state, SESSION_OPEN);
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
	ck_assert_uint_eq(output_pending(&session->output), QUEUE + 1);
	/* It has to go for the next one, and that for another one. */
	ck_assert(deliver("x\n"));
	assert_queued("! DROPPED 1 pat=log.*\nx\n");
	ck_assert(deliver(line));
	ck_assert_uint_eq(output_pending(&session->output),
	                  strlen("! DROPPED 2 pat=log.*\n") + QUEUE + 1);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_SLOW), 2);
	end_session();
}
END_TEST

/* It cannot go any more; so the next one is taken, and the one after drops that. */
START_TEST(long_line_begun_makes_no_gap_that_is_not_told)
{
	char line[QUEUE + 2], expected[2 * QUEUE];

	make_session();
	memset(line, 'x', QUEUE + 1);
	line[QUEUE] = '\n';
	line[QUEUE + 1] = '\0';
	block();
	ck_assert(deliver_numbered(line, 1));
	output_consume(&session->output, 1000); /* as if it had gone */
	for (uint64_t i = 2; i <= 100; i++)
		ck_assert(deliver_numbered("MSG next\n", i));
	snprintf(expected, sizeof expected,
	         "%s! DROPPED 98 pat=log.* seq=2-99\nMSG next\n", line + 1000);
	assert_queued(expected);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_SLOW), 98);
	end_session();
}
END_TEST

START_TEST(what_can_be_sent_does_not_count_as_queued)
{
	char line[1001];

	make_session();
	session->slow_cut = true;
	memset(line, 'x', 1000);
	line[1000] = '\0';
	for (int i = 0; i < 20; i++)
		MUST(deliver(line));
	ck_assert_int_eq(session->state, SESSION_OPEN);
	session_flush(session);
	ck_assert_uint_eq(strlen(received()), 20000);
	ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), 20);
	end_session();
}
END_TEST

START_TEST(what_waits_is_told_to_those_who_choose_the_least_loaded)
{
	make_session();
	block();
	ck_assert(deliver("MSG a b\n"));
	ck_assert_uint_eq(atomic_load(&session->client.queued), 8);
	ck_assert(deliver("MSG a b\n"));
	ck_assert_uint_eq(atomic_load(&session->client.queued), 16);
	unblock();
	session_flush(session);
	ck_assert_uint_eq(atomic_load(&session->client.queued), 0);
	end_session();
}
END_TEST

/* Lines of 10 bytes, numbered from 1; n of them. */
static void
deliver_many(unsigned n)
{
	char line[16];

	for (unsigned i = 1; i <= n; i++) {
		snprintf(line, sizeof line, "MSG %05u\n", i % 100000);
		MUST(deliver_numbered(line, i));
		must_add_up();
	}
}

/* ---- Parcels ---------------------------------------------------------------------- */

static struct batch batch;

/* A line of the batch, for this session, as view.c does it. */
static void
pack_numbered(const char *text, uint64_t seq)
{
	struct publication publication = {
		.subject = { "s", 1 },
		.text = { text, strlen(text) },
		.from = { "-", 1 },
		.seq = seq,
	};
	const struct subscription_ref ref = { 3, 5 };
	const struct output_mark mark = { .seq = seq, .ref = ref };
	const struct batch_text *written;
	const struct batch_line *line;
	const char *bytes;

	batch_next(&batch);
	written = batch_write(&batch, session->is_raw ? BATCH_RAW : session->show, &publication);
	MUST(written != NULL);
	if (session_pack(session, &batch, written, ref))
		return;
	line = batch_last(written, &bytes);
	session_deliver(session, bytes, line->nbytes, &mark, pattern_of, &stats);
}

static void
pack(const char *text)
{
	pack_numbered(text, 0);
}

static void
end_session_and_batch(void)
{
	end_session();
	batch_end(&batch);
	batch_fini(&batch);
}

START_TEST(lines_of_a_turn_go_in_one_parcel)
{
	make_session();
	batch_init(&batch);
	pack("1");
	pack("2");
	ck_assert_ptr_nonnull(session->parcel);
	ck_assert(output_is_empty(&session->output));
	ck_assert(session_has_output(session));
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 2);
	session_flush(session);
	ck_assert(!session_has_output(session));
	ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), 2);
	ck_assert_str_eq(received(), "MSG s 1\nMSG s 2\n");
	end_session_and_batch();
}
END_TEST

START_TEST(what_follows_a_parcel_comes_behind_it)
{
	make_session();
	batch_init(&batch);
	pack("1");
	answer("+OK");
	ck_assert_ptr_null(session->parcel);
	pack("2");
	ck_assert_ptr_null(session->parcel);
	session_answer_now(session, "+now\n", 5);
	session_flush(session);
	pack("3");
	session_answer_raw(session, "raw\n", 4);
	pack("4");
	MUST(deliver("5\n"));
	session_bye(session, "DRAIN", "x");
	session_flush(session);
	ck_assert_str_eq(received(), "MSG s 1\n+OK\nMSG s 2\n+now\n"
	                             "MSG s 3\nraw\nMSG s 4\n5\n! BYE DRAIN x\n");
	end_session_and_batch();
}
END_TEST

START_TEST(lines_in_other_ways_come_in_their_order)
{
	make_session();
	batch_init(&batch);
	pack("1");
	session->is_raw = true;
	pack("2");
	session->is_raw = false;
	session->show = PROTOCOL_SHOW_SEQ;
	pack_numbered("3", 7);
	session_flush(session);
	ck_assert_str_eq(received(), "MSG s 1\n2\nMSG s 7 3\n");
	end_session_and_batch();
}
END_TEST

START_TEST(lines_with_others_in_between_come_in_their_order)
{
	char expected[20 * 16] = "", text[16];

	make_session();
	batch_init(&batch);
	for (int i = 0; i < 20; i++) {
		struct publication other = { .subject = { "s", 1 }, .text = { "other", 5 } };

		snprintf(text, sizeof text, "%d", i);
		pack(text);
		sprintf(expected + strlen(expected), "MSG s %d\n", i);
		batch_next(&batch);
		MUST(batch_write(&batch, 0, &other) != NULL);
	}
	session_flush(session);
	ck_assert_str_eq(received(), expected);
	ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), 20);
	end_session_and_batch();
}
END_TEST

/* However much the socket takes of it: what is left is there, and is counted. */
START_TEST(what_the_socket_does_not_take_of_a_parcel_is_queued)
{
	for (size_t nbytes = 0; nbytes <= 24; nbytes++) {
		make_session();
		batch_init(&batch);
		pack_numbered("1", 1);
		pack_numbered("2", 2);
		pack_numbered("3", 3);
		takes_at_most = nbytes;
		session_flush(session);
		takes_at_most = SIZE_MAX;
		ck_assert_ptr_null(session->parcel);
		ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), nbytes / 8);
		ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 3 - nbytes / 8);
		ck_assert_uint_eq(output_pending(&session->output), 24 - nbytes);
		batch_end(&batch);
		session_flush(session);
		ck_assert_str_eq(received(), "MSG s 1\nMSG s 2\nMSG s 3\n");
		ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), 3);
		end_session_and_batch();
	}
}
END_TEST

START_TEST(queue_bounds_parcels_too)
{
	char line[256];
	unsigned n = 0;

	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	make_session();
	batch_init(&batch);
	block();
	for (; counted(STAT_LINES_DROPPED_SLOW) == 0; n++) {
		MUST(n < 1000);
		pack_numbered(line, n + 1);
		MUST(session->parcel == NULL || session->parcel->nbytes < QUEUE);
		must_add_up();
	}
	ck_assert_uint_ge(n, QUEUE / (sizeof line + 7 + PARCEL_OVERHEAD));
	unblock();
	session_flush(session);
	ck_assert(strncmp(received(), "! DROPPED ", 10) == 0);
	end_session_and_batch();
}
END_TEST

START_TEST(line_longer_than_the_queue_goes_without_a_parcel)
{
	static char line[2 * QUEUE];

	memset(line, 'x', sizeof line - 1);
	make_session();
	batch_init(&batch);
	pack("1");
	pack(line);
	pack("3");
	session_flush(session);
	ck_assert_uint_eq(counted(STAT_LINES_DELIVERED), 3);
	ck_assert_uint_eq(strlen(received()), 8 + 6 + sizeof line + 8);
	end_session_and_batch();
}
END_TEST

START_TEST(parcel_of_a_session_that_dies_is_counted_as_gone)
{
	make_session();
	batch_init(&batch);
	pack("1");
	pack("2");
	session->state = SESSION_DEAD;
	session_flush(session);
	end_session();
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_GONE), 2);
	make_session();
	pack("1");
	MUST(close(client) == 0);
	client = dup(session->fd);
	session_flush(session);
	ck_assert(session->is_unreachable && !session_has_output(session));
	end_session_and_batch();
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_GONE), 1);
}
END_TEST

START_TEST(parcel_is_kept_when_the_queue_has_become_smaller)
{
	make_session();
	batch_init(&batch);
	for (uint64_t seq = 1; seq <= 3; seq++)
		pack_numbered("1", seq);
	output_set_limit(&session->output, 1);
	block();
	session_flush(session);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert_uint_eq(output_count_deliveries(&session->output), 3);
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 3);
	must_add_up();
	ck_assert(deliver_numbered("MSG s 4\n", 4)); /* now it is bounded by the smaller one */
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_SLOW), 3);
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 1);
	must_add_up();
	end_session_and_batch();
}
END_TEST

START_TEST(without_memory_to_keep_a_parcel_the_session_ends)
{
	unsigned k = 0;
	bool failed;

	do {
		make_session();
		batch_init(&batch);
		pack("1");
		pack("2");
		block();
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		session_flush(session);
		failed = fault_clear();
		MUST((session->state == SESSION_DEAD) == failed);
		MUST((counted(STAT_LINES_DROPPED_MEMORY) > 0) == failed);
		must_add_up();
		end_session_and_batch();
	} while (failed);
	ck_assert_uint_ge(k, 3);
}
END_TEST

START_TEST(slow_client_loses_its_oldest_lines_and_is_told)
{
	unsigned long long n, first, last;
	const char *text, *line;

	make_session();
	block();
	answer("+OK");
	deliver_many(1000);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	ck_assert(session_wants_input(session));
	ck_assert_uint_gt(counted(STAT_LINES_DROPPED_SLOW), 900);
	ck_assert_uint_eq(session->nuntold, counted(STAT_LINES_DROPPED_SLOW));
	ck_assert_uint_eq(session->client.ndropped, counted(STAT_LINES_DROPPED_SLOW));
	unblock();
	session_flush(session);
	text = received();
	/* One gap, where it is, and all that is left behind it. */
	ck_assert_int_eq(strncmp(text, "+OK\n! DROPPED ", 14), 0);
	ck_assert_int_eq(sscanf(text, "+OK\n! DROPPED %llu pat=log.* seq=%llu-%llu\n", &n,
	                        &first, &last),
	                 3);
	ck_assert_uint_eq(n, counted(STAT_LINES_DROPPED_SLOW));
	ck_assert_uint_eq(first, 1);
	ck_assert_uint_eq(last, n);
	line = strchr(text + 4, '\n') + 1;
	for (; n < 1000; n++, line += 10) {
		char expected[16];

		snprintf(expected, sizeof expected, "MSG %05llu\n", n + 1);
		MUST(strncmp(line, expected, 10) == 0);
	}
	ck_assert_str_eq(line, "");
	ck_assert_uint_eq(counted(STAT_LINES_QUEUED), 0);
	end_session();
}
END_TEST

/* It wants texts and nothing else. */
START_TEST(raw_client_that_is_slow_is_not_told)
{
	make_session();
	session->is_raw = true;
	block();
	deliver_many(200);
	ck_assert_uint_gt(counted(STAT_LINES_DROPPED_SLOW), 0);
	unblock();
	session_flush(session);
	ck_assert_ptr_null(strchr(received(), '!'));
	end_session();
}
END_TEST

START_TEST(without_memory_to_make_room_the_session_ends)
{
	unsigned k = 0, ndead = 0;
	bool failed;

	do {
		make_session();
		block();
		/* What stands in between has to be moved, and needs memory for it. */
		for (int i = 0; i < QUEUE / (10 + OUTPUT_OVERHEAD); i++) {
			MUST(deliver("MSG 12345\n"));
			if (i == 2)
				answer("+OK");
		}
		MUST(counted(STAT_LINES_DROPPED_SLOW) == 0);
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		MUST(deliver("MSG 12345\n"));
		failed = fault_clear();
		MUST(failed == (session->state == SESSION_DEAD));
		ndead += failed;
		end_session();
	} while (failed);
	MUST(ndead > 1);
}
END_TEST

#define BYE_SLOW "! BYE SLOW the queue of lines for this client is full\n"

static void
make_session_that_is_cut(void)
{
	make_session();
	session->slow_cut = true;
}

static void
deliver_until_it_is_cut(const char *line)
{
	int n = 0;

	while (n < QUEUE && session->state == SESSION_OPEN && deliver(line)) {
		must_add_up();
		n++;
	}
	MUST(n > 1 && session->state == SESSION_CLOSING);
}

START_TEST(slow_client_that_wants_no_gaps_is_told_and_closed)
{
	make_session_that_is_cut();
	block();
	answer("+OK");
	deliver_until_it_is_cut("MSG a b\n");
	/* Answers are kept. */
	assert_queued("+OK\n" BYE_SLOW);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_CUT), counted(STAT_LINES_MATCHED));
	ck_assert(!session_wants_input(session));
	ck_assert(!session_is_over(session));
	ck_assert(session->lingers);
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
	make_session_that_is_cut();
	block();
	MUST(deliver("MSG long 0123456789\n"));
	MUST(deliver("MSG next\n"));
	output_consume(&session->output, 15); /* as if it had gone */
	deliver_until_it_is_cut("MSG more\n");
	assert_queued("6789\n" BYE_SLOW);
	end_session();

	make_session_that_is_cut();
	block();
	MUST(deliver("MSG a\n"));
	MUST(deliver("MSG b\n"));
	output_consume(&session->output, 5); /* all but its LF */
	deliver_until_it_is_cut("MSG more\n");
	assert_queued("\n" BYE_SLOW);
	end_session();
}
END_TEST

START_TEST(client_that_takes_nothing_is_cut)
{
	make_session();
	block();
	deliver_many(10);
	answer("+OK");
	session_cut(session, "it has taken nothing for slow_time");
	assert_queued("+OK\n! BYE SLOW it has taken nothing for slow_time\n");
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_CUT), 10);
	session_cut(session, "again");
	assert_queued("+OK\n! BYE SLOW it has taken nothing for slow_time\n");
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

		make_session_that_is_cut();
		while (session->state == SESSION_OPEN) {
			char *line = sent + used;

			MUST(used < sizeof sent - 1000);
			used += (size_t)sprintf(line, "MSG %0*d\n",
			                        1 + (int)random_below(&random, 500), 0);
			MUST(deliver(line));
			if (random_below(&random, 4) == 0)
				session_flush(session);
		}
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

/* Each line comes whole, and once, or is in a gap. */
START_TEST(whatever_went_before_gaps_and_lines_make_the_whole)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		unsigned long long next = 1, n, first, last;
		uint64_t random = seed;
		char line[600], *text, *end;

		make_session();
		block();
		for (unsigned i = 1; i <= 500; i++) {
			snprintf(line, sizeof line, "MSG %u %0*d\n", i,
			         1 + (int)random_below(&random, 500), 0);
			MUST(deliver_numbered(line, i));
			must_add_up();
		}
		unblock();
		session_flush(session);
		text = (char *)received();
		for (; *text != '\0'; text = end + 1) {
			end = strchr(text, '\n');
			MUST(end != NULL);
			*end = '\0';
			if (sscanf(text, "! DROPPED %llu pat=log.* seq=%llu-%llu", &n, &first,
			           &last) == 3) {
				MUST(first == next && last == next + n - 1);
				next += n;
			} else {
				MUST(sscanf(text, "MSG %llu 0", &n) == 1 && n == next);
				next++;
			}
		}
		MUST(next == 501);
		MUST(counted(STAT_LINES_DROPPED_SLOW) > 0);
		end_session();
	}
}
END_TEST

START_TEST(session_that_is_not_open_takes_no_lines)
{
	make_session();
	session_end_input(session);
	ck_assert(deliver("MSG a b\n"));
	session_close(session);
	ck_assert(!deliver("MSG a c\n"));
	session->state = SESSION_DEAD;
	ck_assert(!deliver("MSG a d\n"));
	assert_queued("MSG a b\n");
	ck_assert_uint_eq(counted(STAT_LINES_MATCHED), 1);
	end_session();
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_GONE), 1);
}
END_TEST

START_TEST(line_that_finds_the_connection_broken_is_counted_as_gone)
{
	char line[QUEUE];

	make_session();
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	ck_assert(deliver(line));
	MUST(close(client) == 0);
	ck_assert(deliver(line));
	ck_assert(session->is_unreachable);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_GONE), 2);
	must_add_up();
	ck_assert(!deliver(line));
	session_destroy(session);
	ck_assert_uint_eq(counted(STAT_LINES_DROPPED_GONE), 2);
	must_add_up();
}
END_TEST

/* ---- Answers ---------------------------------------------------------------------- */

START_TEST(final_line_has_its_tag_and_text)
{
	make_session();
	session_final(session, NULL, 0, "+OK", NULL, 0);
	session_final(session, NULL, 0, "-ERR GONE", "too late", 8);
	session_final(session, "t-1 rest", 3, "+OK", "text", 4);
	session_final(session, "t-1", 3, "+OK", "", 0);
	assert_queued("+OK\n-ERR GONE too late\n#t-1 +OK text\n#t-1 +OK\n");
	end_session();
}
END_TEST

START_TEST(raw_client_gets_no_answers)
{
	make_session();
	session->is_raw = true;
	answer("+OK");
	session_final(session, NULL, 0, "+OK", NULL, 0);
	session_bye(session, "DRAIN", "the server is going down");
	assert_queued("");
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	end_session();
}
END_TEST

START_TEST(nothing_comes_behind_the_last_word)
{
	make_session();
	session_bye(session, "DRAIN", "bye");
	answer("+OK");
	session_answer_raw(session, "+OK\n", 4);
	session_bye(session, "SLOW", "again");
	assert_queued("! BYE DRAIN bye\n");
	end_session();
}
END_TEST

/* ---- Sources ---------------------------------------------------------------------- */

/* "line I", from next to end - 1, nbatch at a time. */
struct lines {
	struct output_source source;
	unsigned next, end, nbatch;
	unsigned ncalls;
};

static unsigned nended;

static bool
lines_more(struct output_source *source, struct amy_line_writer *writer)
{
	struct lines *lines = (struct lines *)source;
	char text[32];

	lines->ncalls++;
	for (unsigned i = 0; i < lines->nbatch && lines->next < lines->end; i++) {
		int n = snprintf(text, sizeof text, "line %u", lines->next++);

		if (amy_line_writer_put(writer, text, (size_t)n) == -1)
			return false;
	}
	return lines->next < lines->end;
}

static void
lines_end(struct output_source *source)
{
	(void)source;
	nended++;
}

static struct lines
make_lines(unsigned n, unsigned nbatch)
{
	nended = 0;
	return (struct lines){ { lines_more, lines_end }, .end = n, .nbatch = nbatch };
}

START_TEST(source_that_has_few_lines_is_used_up_at_once)
{
	struct lines lines = make_lines(3, 2);

	make_session();
	ck_assert(session_put_source(session, &lines.source));
	ck_assert_uint_eq(nended, 1);
	ck_assert(!output_has_source(&session->output));
	ck_assert(session_wants_input(session));
	assert_queued("line 0\nline 1\nline 2\n");
	/* One that has none. */
	lines = make_lines(0, 1);
	ck_assert(session_put_source(session, &lines.source));
	ck_assert_uint_eq(nended, 1);
	ck_assert_uint_eq(lines.ncalls, 1);
	end_session();
}
END_TEST

START_TEST(source_that_has_many_lines_waits_for_its_turn)
{
	struct lines lines = make_lines(5, 2);

	make_session();
	ck_assert(session_put_source(session, &lines.source));
	ck_assert_uint_eq(nended, 0);
	ck_assert_uint_eq(lines.ncalls, 2);
	ck_assert(output_has_source(&session->output));
	/* What it has been asked for comes before what it asks next. */
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	ck_assert(deliver("MSG live\n"));
	answer("+OK");
	session_flush(session);
	ck_assert_uint_eq(nended, 1);
	ck_assert(session_wants_input(session));
	ck_assert_str_eq(received(),
	                 "line 0\nline 1\nline 2\nline 3\nline 4\nMSG live\n+OK\n");
	end_session();
}
END_TEST

/* A client that reads as fast as it is written to is not the only one. */
START_TEST(source_does_not_take_a_turn_for_ever)
{
	struct lines lines = make_lines(10000000, 1000);
	unsigned ncalls;

	make_session();
	ck_assert(session_put_source(session, &lines.source));
	takes_all = true;
	for (int i = 0; i < 10; i++) {
		ncalls = lines.ncalls;
		session_flush(session);
		ck_assert_uint_gt(lines.ncalls, ncalls);
		ck_assert_uint_lt(lines.ncalls - ncalls, 100);
	}
	ck_assert(session_has_output(session));
	ck_assert_uint_eq(nended, 0);
	end_session();
	ck_assert_uint_eq(nended, 1);
}
END_TEST

/* "tick", every third time that it is asked. */
static bool
ticks_more(struct output_source *source, struct amy_line_writer *writer)
{
	struct lines *lines = (struct lines *)source;

	if (++lines->ncalls % 3 > 0)
		return true;
	lines->next++;
	return amy_line_writer_put(writer, "tick", 4) == 0 && lines->next < lines->end;
}

START_TEST(source_that_has_nothing_in_this_turn_is_asked_in_the_next)
{
	struct lines lines = { { ticks_more, lines_end }, .end = 2 };

	nended = 0;
	make_session();
	ck_assert(session_put_source(session, &lines.source));
	ck_assert_uint_eq(lines.ncalls, 2);
	answer("+OK");
	session_flush(session);
	ck_assert_str_eq(received(), "tick\n");
	ck_assert_uint_eq(lines.ncalls, 4);
	/* What comes behind waits, and the client is not taken for one that does not read. */
	session->has_taken = false;
	session_flush(session);
	ck_assert(session->has_taken);
	ck_assert_uint_eq(lines.ncalls, 5);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	session_flush(session);
	ck_assert_uint_eq(nended, 1);
	ck_assert_str_eq(received(), "tick\n+OK\n");
	ck_assert(session_wants_input(session));
	end_session();
}
END_TEST

START_TEST(source_ends_with_a_session_that_is_cut)
{
	struct lines lines = make_lines(1000000, 1000);
	const char *text, *bye;

	make_session();
	ck_assert(session_put_source(session, &lines.source));
	session_flush(session);
	session_cut(session, "test");
	ck_assert_uint_eq(nended, 1);
	text = received_to_the_end();
	bye = strstr(text, "! BYE SLOW test\n");
	ck_assert_ptr_nonnull(bye);
	ck_assert_int_eq(bye[-1], '\n');
	end_session();
}
END_TEST

START_TEST(source_of_a_session_that_is_not_open_ends)
{
	struct lines lines = make_lines(1, 1);

	make_session();
	session_close(session);
	ck_assert(!session_put_source(session, &lines.source));
	ck_assert_uint_eq(nended, 1);
	ck_assert_uint_eq(lines.ncalls, 0);
	assert_queued("");
	end_session();
}
END_TEST

START_TEST(without_memory_a_source_ends)
{
	unsigned k = 0, nfailed = 0;
	bool failed, result;

	do {
		struct lines lines = make_lines(5, 2);

		make_session();
		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		result = session_put_source(session, &lines.source);
		failed = fault_clear();
		MUST(result || (failed && nended == 1));
		nfailed += !result;
		end_session();
		MUST(nended == 1);
	} while (failed);
	MUST(nfailed > 1);
}
END_TEST

/* ---- States ----------------------------------------------------------------------- */

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

START_TEST(client_that_waits_for_an_answer_is_not_read_from)
{
	make_session();
	session->is_waiting = true;
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP);
	end_session();
}
END_TEST

/* They are bounded by themselves. */
START_TEST(client_whose_deliveries_pile_up_is_read_from)
{
	make_session();
	block();
	deliver_many(1000);
	ck_assert(session_wants_input(session));
	end_session();
}
END_TEST

/* The rest of a turn waits for a socket that can be written, not for more input. */
START_TEST(client_with_lines_left_waits_to_write)
{
	struct amy_bytes line;

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
	session_end_input(session);
	ck_assert_int_eq(session->state, SESSION_LISTENING);
	ck_assert(session_is_following(session));
	ck_assert(!session_wants_input(session));
	ck_assert_uint_eq(session_interest(session), AMY_HUP);
	ck_assert(!session_is_over(session));
	ck_assert(deliver("MSG a b\n"));
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_WRITE);
	end_session();
}
END_TEST

/* ---- The end ---------------------------------------------------------------------- */

START_TEST(idle_session_ends_with_its_farewell)
{
	make_session();
	session->farewell = strdup("#t +OK bye\n");
	session_finish_if_idle(session);
	ck_assert_int_eq(session->state, SESSION_OPEN);
	session_end_input(session);
	/* What it waits for. */
	session->nsubscriptions = 1;
	session_finish_if_idle(session);
	session->nsubscriptions = 0;
	session->nrequests = 1;
	session_finish_if_idle(session);
	session->nrequests = 0;
	ck_assert_int_eq(session->state, SESSION_LISTENING);
	assert_queued("");
	session_finish_if_idle(session);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	session_finish_if_idle(session);
	assert_queued("#t +OK bye\n");
	end_session();
}
END_TEST

START_TEST(farewell_waits_for_a_source)
{
	struct lines lines = make_lines(5, 1);

	make_session();
	session->farewell = strdup("+OK bye\n");
	ck_assert(session_put_source(session, &lines.source));
	session_end_input(session);
	session_finish_if_idle(session);
	ck_assert_int_eq(session->state, SESSION_LISTENING);
	session_flush(session);
	session_finish_if_idle(session);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	session_flush(session);
	ck_assert_str_eq(received(), "line 0\nline 1\nline 2\nline 3\nline 4\n+OK bye\n");
	end_session();
}
END_TEST

START_TEST(raw_session_ends_without_a_farewell)
{
	make_session();
	session->is_raw = true;
	session->farewell = strdup("+OK bye\n");
	session_end_input(session);
	session_finish_if_idle(session);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	assert_queued("");
	ck_assert(session_is_over(session));
	end_session();
}
END_TEST

/* Its end of input alone ends nothing that goes on. */
START_TEST(input_ends_once)
{
	make_session();
	session_close(session);
	session_end_input(session);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	end_session();
}
END_TEST

START_TEST(session_that_was_told_goodbye_lingers_until_its_client_ends)
{
	char buffer[16];

	make_session();
	MUST(write(client, "PUB a\nPUB b\n", 12) == 12);
	session_bye(session, "HTTP", "this is no web server");
	session_linger(session, false);
	ck_assert_int_eq(session->state, SESSION_CLOSING); /* something waits */
	session_flush(session);
	session_linger(session, false);
	ck_assert_int_eq(session->state, SESSION_LINGERING);
	ck_assert_uint_eq(session_interest(session), AMY_HUP | AMY_READ);
	ck_assert(!session_is_over(session));
	ck_assert(!session_is_following(session));
	session_drop_input(session, buffer, sizeof buffer);
	ck_assert(!session_is_over(session));
	ck_assert_str_eq(received(), "! BYE HTTP this is no web server\n");
	ck_assert_int_eq(read(client, buffer, 1), 0);
	MUST(shutdown(client, SHUT_WR) == 0);
	session_drop_input(session, buffer, sizeof buffer);
	ck_assert(session_is_over(session));
	end_session();
}
END_TEST

START_TEST(only_who_is_talking_is_waited_for_if_there_is_no_time)
{
	make_session();
	session_bye(session, "DRAIN", "the server is going down");
	session_flush(session);
	session_linger(session, true);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	put_byte(client);
	session_linger(session, true);
	ck_assert_int_eq(session->state, SESSION_LINGERING);
	end_session();

	/* Nor one whose end has been seen, or that closes by itself. */
	make_session();
	session_bye(session, "DRAIN", "the server is going down");
	session_flush(session);
	session->input_has_ended = true;
	session_linger(session, false);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	end_session();

	make_session();
	session_close(session);
	session_linger(session, false);
	ck_assert_int_eq(session->state, SESSION_CLOSING);
	end_session();
}
END_TEST

/*
 * A line that a client sends to itself may close it; the answer to that line is made of
 * the line's own tag.
 */
START_TEST(line_that_is_run_when_the_session_is_closed_is_still_there)
{
	struct amy_bytes line;

	make_session_that_is_cut();
	MUST(amy_line_reader_feed(&session->reader, "#tag PUB", 8) == 0);
	MUST(amy_line_reader_next(&session->reader, &line) == 0);
	MUST(amy_line_reader_feed(&session->reader, " a b\nPING\n", 10) == 0);
	MUST(amy_line_reader_next(&session->reader, &line) == 1);
	block();
	deliver_until_it_is_cut("MSG a b\n");
	ck_assert_uint_eq(line.nbytes, 12);
	ck_assert_mem_eq(line.bytes, "#tag PUB a b", 12);
	end_session();
}
END_TEST

/* ---- The registration ------------------------------------------------------------- */

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

/* ---- Another listener of its name -------------------------------------------------- */

static struct clients *clients;
static struct conf old_conf, next_conf; /* as many references as that of whoever has them */
static struct conf_listener next;

/* A session by a listener of old_conf, and the next one, which is the same as yet. */
static void
make_session_to_adopt(void)
{
	clients = clients_create();
	MUST(clients != NULL);
	atomic_store(&old_conf.nreferences, 1);
	atomic_store(&next_conf.nreferences, 1);
	listener.conf = &old_conf;
	next = listener;
	next.conf = &next_conf;
	make_session();
	session->client.id = 7;
	MUST(clients_add(clients, &session->client) == 0);
}

static void
end_adopted_session(void)
{
	clients_remove(clients, &session->client);
	end_session();
	clients_destroy(clients);
	ck_assert_uint_eq(atomic_load(&old_conf.nreferences), 1);
	ck_assert_uint_eq(atomic_load(&next_conf.nreferences), 1);
}

START_TEST(session_holds_a_reference_to_the_configuration_of_its_listener)
{
	make_session_to_adopt();
	ck_assert_uint_eq(atomic_load(&old_conf.nreferences), 2);
	end_adopted_session();
	/* One of a configuration that has none is fine. */
	listener.conf = NULL;
	make_session();
	end_session();
}
END_TEST

START_TEST(without_memory_there_is_no_reference)
{
	int fds[2];

	make_socketpair(fds);
	atomic_store(&old_conf.nreferences, 1);
	listener.conf = &old_conf;
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(session_create(fds[0], &listener, &unix_peer, 42, &nclients) == NULL);
	MUST(fault_clear());
	ck_assert_uint_eq(atomic_load(&old_conf.nreferences), 1);
	close_pair(fds);
}
END_TEST

START_TEST(adopted_session_goes_by_the_next_listener)
{
	struct client_row row;
	struct amy_bytes line;

	make_session_to_adopt();
	next.max_line = 5;
	next.queue = 2 * QUEUE;
	ck_assert(session_adopt(session, clients, &next));
	ck_assert_ptr_eq(session->listener, &next);
	ck_assert_uint_eq(session->reader.max_line, 5);
	ck_assert_uint_eq(session->output.limit, 2 * QUEUE);
	MUST(clients_row(clients, 7, &row));
	ck_assert_str_eq(row.listener, next.name);
	/* The one before may go. */
	ck_assert_uint_eq(atomic_load(&old_conf.nreferences), 1);
	ck_assert_uint_eq(atomic_load(&next_conf.nreferences), 2);
	MUST(amy_line_reader_feed(&session->reader, "123456\n12345\n", 13) == 0);
	ck_assert_int_eq(amy_line_reader_next(&session->reader, &line), -1);
	ck_assert_int_eq(amy_line_reader_next(&session->reader, &line), 1);
	ck_assert_int_eq(amy_line_reader_next(&session->reader, &line), 0);
	end_adopted_session();
}
END_TEST

START_TEST(session_may_be_adopted_again_and_again)
{
	make_session_to_adopt();
	for (int i = 0; i < 3; i++) {
		ck_assert(session_adopt(session, clients, &next));
		ck_assert_uint_eq(atomic_load(&next_conf.nreferences), 2);
		ck_assert(session_adopt(session, clients, &next));
		ck_assert_uint_eq(atomic_load(&next_conf.nreferences), 2);
		ck_assert(session_adopt(session, clients, &listener));
		ck_assert_uint_eq(atomic_load(&old_conf.nreferences), 2);
		ck_assert_uint_eq(atomic_load(&next_conf.nreferences), 1);
	}
	end_adopted_session();
}
END_TEST

START_TEST(listener_of_another_mode_is_not_for_it)
{
	static const enum conf_mode modes[] = { CONF_MODE_ECHO, CONF_MODE_PUBLISH,
		                                CONF_MODE_SUBSCRIBE };

	make_session_to_adopt();
	next.max_line = 5;
	next.queue = 2 * QUEUE;
	next.slow_cut = true;
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		next.mode = modes[i];
		ck_assert(!session_adopt(session, clients, &next));
		ck_assert_ptr_eq(session->listener, &listener);
		ck_assert_ptr_eq(session->client.listener, &listener);
		ck_assert_uint_eq(session->reader.max_line, 100);
		ck_assert_uint_eq(session->output.limit, QUEUE);
		ck_assert(!session->slow_cut);
		ck_assert_uint_eq(atomic_load(&old_conf.nreferences), 2);
		ck_assert_uint_eq(atomic_load(&next_conf.nreferences), 1);
	}
	end_adopted_session();
}
END_TEST

START_TEST(what_a_client_has_set_itself_stays)
{
	make_session_to_adopt();
	/* It has set nothing. */
	next.slow_cut = true;
	MUST(session_adopt(session, clients, &next));
	ck_assert(session->slow_cut);
	MUST(session_adopt(session, clients, &listener));
	ck_assert(!session->slow_cut);
	/* SET slow=cut, where its listener says otherwise. */
	session->slow_cut = true;
	next.slow_cut = false;
	MUST(session_adopt(session, clients, &next));
	ck_assert(session->slow_cut);
	end_adopted_session();
}
END_TEST

START_TEST(what_waits_for_an_adopted_session_is_bounded_anew)
{
	char line[101];

	make_session_to_adopt();
	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 2] = '\n';
	line[sizeof line - 1] = '\0';
	block();
	while (counted(STAT_LINES_DROPPED_SLOW) == 0)
		deliver(line);
	next.queue = 3 * QUEUE;
	MUST(session_adopt(session, clients, &next));
	for (int i = 0; i < 2 * QUEUE / (100 + OUTPUT_OVERHEAD); i++) {
		uint64_t ndropped = counted(STAT_LINES_DROPPED_SLOW);

		deliver(line);
		MUST(counted(STAT_LINES_DROPPED_SLOW) == ndropped);
	}
	MUST(session_adopt(session, clients, &listener));
	deliver(line);
	ck_assert_uint_lt(output_pending(&session->output), QUEUE);
	must_add_up();
	unblock();
	end_adopted_session();
}
END_TEST

START_TEST(session_may_be_the_last_that_knows_its_configuration)
{
	long allocations = fault_live_allocations();
	struct conf *conf = calloc(1, sizeof *conf);

	MUST(conf != NULL);
	conf->listeners = calloc(1, sizeof *conf->listeners);
	MUST(conf->listeners != NULL);
	conf->nlisteners = 1;
	conf->listeners[0] = listener;
	conf->listeners[0].name = strdup("last");
	conf->listeners[0].conf = conf;
	atomic_init(&conf->nreferences, 1);
	make_session_to_adopt();
	MUST(session_adopt(session, clients, &conf->listeners[0]));
	conf_unref(conf);
	MUST(strcmp(session->listener->name, "last") == 0);
	end_adopted_session();
	MUST(fault_live_allocations() == allocations);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("session",
	    new_session_is_open_and_wants_input,
	    without_memory_the_socket_stays_the_callers,
	    session_is_named_by_its_number_listener_and_peer,
	    long_names_are_cut,
	    what_was_sent_arrives_though_input_was_left_unread,
	    bytes_are_received_until_the_input_ends,
	    reset_while_receiving_ends_the_session,
	    answers_go_when_flushed,
	    what_the_socket_does_not_take_stays_queued,
	    broken_connection_is_read_to_its_end_and_told_nothing,
	    broken_connection_ends_a_session_whose_lines_were_run,
	    one_that_has_hung_up_is_not_waited_for_while_its_lines_have_to_wait,
	    without_memory_for_an_answer_the_session_ends,
	    line_is_delivered_while_there_is_room,
	    line_longer_than_the_queue_is_delivered_alone,
	    long_line_begun_makes_no_gap_that_is_not_told,
	    what_can_be_sent_does_not_count_as_queued,
	    answer_goes_at_once_where_nothing_is_before_it,
	    of_an_answer_at_once_what_the_socket_does_not_take_is_queued,
	    nothing_is_answered_at_once_behind_the_last_word,
	    answers_have_room_for_half_of_the_queue,
	    lines_of_a_turn_go_in_one_parcel, what_follows_a_parcel_comes_behind_it,
	    lines_in_other_ways_come_in_their_order,
	    lines_with_others_in_between_come_in_their_order,
	    what_the_socket_does_not_take_of_a_parcel_is_queued, queue_bounds_parcels_too,
	    line_longer_than_the_queue_goes_without_a_parcel,
	    parcel_of_a_session_that_dies_is_counted_as_gone,
	    parcel_is_kept_when_the_queue_has_become_smaller,
	    without_memory_to_keep_a_parcel_the_session_ends,
	    what_waits_is_told_to_those_who_choose_the_least_loaded,
	    slow_client_loses_its_oldest_lines_and_is_told,
	    raw_client_that_is_slow_is_not_told,
	    without_memory_to_make_room_the_session_ends,
	    slow_client_that_wants_no_gaps_is_told_and_closed,
	    line_begun_is_completed_before_the_goodbye,
	    client_that_takes_nothing_is_cut,
	    whatever_went_before_whole_lines_come_and_then_the_goodbye,
	    whatever_went_before_gaps_and_lines_make_the_whole,
	    session_that_is_not_open_takes_no_lines,
	    line_that_finds_the_connection_broken_is_counted_as_gone,
	    final_line_has_its_tag_and_text,
	    raw_client_gets_no_answers,
	    nothing_comes_behind_the_last_word,
	    source_that_has_few_lines_is_used_up_at_once,
	    source_that_has_many_lines_waits_for_its_turn,
	    source_does_not_take_a_turn_for_ever,
	    source_that_has_nothing_in_this_turn_is_asked_in_the_next,
	    source_ends_with_a_session_that_is_cut,
	    source_of_a_session_that_is_not_open_ends,
	    without_memory_a_source_ends,
	    client_whose_answers_pile_up_is_not_read_from,
	    parked_client_is_not_read_from,
	    client_that_waits_for_an_answer_is_not_read_from,
	    client_whose_deliveries_pile_up_is_read_from,
	    client_with_lines_left_waits_to_write,
	    closing_session_is_over_when_its_queue_is_empty,
	    dead_session_is_over_whatever_is_queued,
	    listening_session_is_not_read_from_and_not_over,
	    idle_session_ends_with_its_farewell,
	    farewell_waits_for_a_source,
	    raw_session_ends_without_a_farewell,
	    input_ends_once,
	    session_that_was_told_goodbye_lingers_until_its_client_ends,
	    only_who_is_talking_is_waited_for_if_there_is_no_time,
	    line_that_is_run_when_the_session_is_closed_is_still_there,
	    registration_is_given_back_for_what_is_waited_for,
	    registration_is_taken_back_while_it_has_not_fired,
	    registration_that_has_fired_cannot_be_taken_back,
	    session_that_cannot_be_given_back_is_dead,
	    session_holds_a_reference_to_the_configuration_of_its_listener,
	    without_memory_there_is_no_reference,
	    adopted_session_goes_by_the_next_listener,
	    session_may_be_adopted_again_and_again,
	    listener_of_another_mode_is_not_for_it,
	    what_a_client_has_set_itself_stays,
	    what_waits_for_an_adopted_session_is_bounded_anew,
	    session_may_be_the_last_that_knows_its_configuration);
}
