/* SPDX-License-Identifier: MIT */
/*
 * One thread is the poller, the handler and the other side, of real sockets. The clock is
 * replaced, and so is getaddrinfo(3).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"
#include "monotonic.h"
#include "upstream.h"

enum { NUMBER = 5 };

static int64_t now_ms = 1000000;

int64_t
monotonic_now_ms(void)
{
	return now_ms;
}

/* ---- Names ------------------------------------------------------------------------ */

static struct sockaddr_in found[2];
static struct addrinfo list[2];

/* "peer.test" is first where nobody is, then where the peer is. */
int
getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
            struct addrinfo **result)
{
	bool is_peer = strcmp(host, "peer.test") == 0 && hints->ai_flags == 0;

	(void)service;
	for (int i = 0; i < 2; i++) {
		found[i] = (struct sockaddr_in){ .sin_family = AF_INET };
		list[i] = (struct addrinfo){
			.ai_family = AF_INET,
			.ai_addr = (struct sockaddr *)&found[i],
			.ai_addrlen = sizeof found[i],
		};
	}
	found[0].sin_addr.s_addr = htonl(0x7f000002);
	found[1].sin_addr.s_addr = htonl(0x7f000001);
	if (is_peer)
		list[0].ai_next = &list[1];
	*result = list;
	return is_peer || inet_pton(AF_INET, host, &found[0].sin_addr) == 1 ? 0
	                                                                    : EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *result)
{
	MUST(result == list);
}

/* ---- The other side --------------------------------------------------------------- */

static int listener;
static unsigned port;

/* A socket that refuses, until listen(2). */
static int
make_bound(uint32_t address, unsigned at_port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(address),
		.sin_port = htons((uint16_t)at_port),
	};
	socklen_t length = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	MUST(fd != -1);
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int)) == 0);
	MUST(bind(fd, (struct sockaddr *)&in, length) == 0);
	MUST(getsockname(fd, (struct sockaddr *)&in, &length) == 0);
	port = ntohs(in.sin_port);
	return fd;
}

/* One that takes part in no further connection: it is full. */
static int
make_hanging(uint32_t address, unsigned at_port, int *filler)
{
	int fd = make_bound(address, at_port);
	struct sockaddr_in in;
	socklen_t length = sizeof in;

	MUST(listen(fd, 0) == 0);
	MUST(getsockname(fd, (struct sockaddr *)&in, &length) == 0);
	*filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(connect(*filler, (struct sockaddr *)&in, length) == 0);
	return fd;
}

/* ---- An upstream, its handler, and the log ---------------------------------------- */

static char target_text[64];
static struct conf_target target = { .kind = CONF_TARGET_TCP, .text = target_text };
static struct conf_rule rule = { .name = (char[]){ "archive" }, .queue = 64 << 20 };
static struct amy_poller *poller;
static struct amy_registrar *registrar;
static struct record_pipe handler_pipe;
static struct resolver *resolver;
static struct timers timers;
static struct upstream *upstream;
static unsigned nstale; /* events of registrations that are nobody's */
static int captured[2], real_stderr;

static void
make_upstream(const char *host)
{
	listener = make_bound(0x7f000001, 0);
	snprintf(target_text, sizeof target_text, "tcp:%s:%u", host, port);
	target.name = target_text + strlen("tcp:");
	make_pipe(captured);
	real_stderr = dup(STDERR_FILENO);
	MUST(dup2(captured[1], STDERR_FILENO) != -1);
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	MUST(record_pipe_open(&handler_pipe, 0) == 0);
	resolver = resolver_create();
	MUST(resolver != NULL);
	timers_init(&timers);
	upstream = upstream_create(&rule, &target, NUMBER, &handler_pipe, resolver);
	MUST(upstream != NULL);
}

static void
start(void)
{
	upstream_start(upstream, registrar, &timers);
}

/* The same, with a peer that listens. */
static void
start_listening(void)
{
	make_upstream("127.0.0.1");
	MUST(listen(listener, 8) == 0);
	start();
}

static bool pump(void);

static void
end_upstream(void)
{
	while (!upstream_stop(upstream))
		pump();
	MUST(upstream_id(upstream) == 0);
	MUST(timers_next_ms(&timers, now_ms) == -1);
	MUST(dup2(real_stderr, STDERR_FILENO) != -1);
	close(real_stderr);
	close_pair(captured);
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	upstream_destroy(upstream);
	timers_fini(&timers);
	resolver_destroy(resolver);
	record_pipe_close(&handler_pipe);
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	close(listener);
}

static const char *
logged(void)
{
	static char text[8192];
	ssize_t n = read(captured[0], text, sizeof text - 1);

	MUST(n != -1 || errno == EAGAIN);
	text[n == -1 ? 0 : n] = '\0';
	return text;
}

static void
deliver(const struct amy_notification *notification)
{
	MUST(notification->data == &handler_pipe);
	if (notification->id == upstream_id(upstream))
		upstream_ready(upstream);
	else
		nstale++;
}

static void
read_records(void)
{
	struct record record;

	while (record_pipe_wait(&handler_pipe, 0)) {
		MUST(record_pipe_read(&handler_pipe, &record, 1) == 1);
		if (record.kind == RECORD_WAKE)
			continue;
		MUST(record.kind == RECORD_UPSTREAM && record.u.number == NUMBER);
		upstream_kick(upstream);
	}
}

/* All that has happened until now. True, so that it may stand in a condition. */
static bool
pump(void)
{
	struct amy_notification notification;

	while (amy_poller_wait(poller, &notification, 1, 0) == 1) {
		deliver(&notification);
		read_records();
	}
	read_records();
	return true;
}

#define PUMP_UNTIL(condition) WAIT_UNTIL(pump() && (condition))

static void
advance(int ms)
{
	now_ms += ms;
	timers_run(&timers, now_ms, NULL);
}

static int
next_timer(void)
{
	return timers_next_ms(&timers, now_ms);
}

static struct sink_usage
usage(void)
{
	struct sink_usage now;

	sink_usage(upstream_sink(upstream), &now);
	MUST(now.nput == now.nwritten + now.nunsure + now.ndropped + now.nqueued);
	return now;
}

static void
put_bytes(const char *bytes, size_t nbytes)
{
	struct publication line = { .subject = { "log.a", 5 }, .from = { "-", 1 } };
	struct publication *copy;

	line.text = (struct amy_bytes){ bytes, nbytes };
	copy = publication_copy(&line);
	MUST(copy != NULL);
	sink_put(upstream_sink(upstream), copy);
	publication_unref(copy);
}

static void
put(const char *text)
{
	put_bytes(text, strlen(text));
}

static int
accept_upstream(void)
{
	int fd;

	PUMP_UNTIL((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) !=
	           -1);
	return fd;
}

/* What the peer has read since the last time: all that has come. */
static size_t
receive(int fd, char *bytes, size_t max)
{
	ssize_t n = recv(fd, bytes, max, 0);

	return n > 0 ? (size_t)n : 0;
}

/* These bytes come, and no others. */
static void
expect_bytes(int fd, const char *bytes, size_t nbytes)
{
	char *got = malloc(nbytes + 1);
	size_t n = 0;

	MUST(got != NULL);
	PUMP_UNTIL((n += receive(fd, got + n, nbytes - n)) == nbytes);
	MUST(memcmp(got, bytes, nbytes) == 0);
	MUST(receive(fd, got, 1) == 0);
	free(got);
}

static void
expect(int fd, const char *text)
{
	expect_bytes(fd, text, strlen(text));
}

static void
reset(int fd)
{
	MUST(setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
	                sizeof(struct linger)) == 0);
	MUST(close(fd) == 0);
}

static bool
is_connected(void)
{
	return upstream_id(upstream) != 0;
}

/* Of the peer's kernel; the upstream looks for it every 10 ms at first. */
#define ACKNOWLEDGED_UNTIL(condition) PUMP_UNTIL((advance(10), condition))

/* The next connection, once it has lived and is quiet. */
static int
accept_lived(void)
{
	int fd = accept_upstream();

	PUMP_UNTIL(upstream_id(upstream) != 0 && next_timer() == 2000);
	advance(2000);
	MUST(next_timer() == 60000);
	return fd;
}

static char *
make_large(size_t nbytes)
{
	uint64_t random = 1;
	char *large = malloc(nbytes + 16);

	MUST(large != NULL);
	for (size_t i = 0; i < nbytes; i++)
		large[i] = (char)('a' + random_below(&random, 26));
	large[nbytes] = '\n';
	return large;
}

/* ---- Sending ---------------------------------------------------------------------- */

START_TEST(lines_are_sent_as_they_were_put)
{
	int fd;

	start_listening();
	put("one");
	fd = accept_upstream();
	put("");
	put_bytes("a\0\r\xff", 4);
	expect_bytes(fd, "one\n\na\0\r\xff\n", 10);
	ACKNOWLEDGED_UNTIL(usage().nwritten == 3);
	put("later");
	expect(fd, "later\n");
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(what_was_put_before_it_is_started_is_sent)
{
	int fd;

	make_upstream("127.0.0.1");
	MUST(listen(listener, 8) == 0);
	put("early");
	pump();
	ck_assert(!is_connected());
	start();
	fd = accept_upstream();
	expect(fd, "early\n");
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(it_connects_before_there_is_a_line)
{
	int fd;

	start_listening();
	fd = accept_upstream();
	PUMP_UNTIL(strstr(logged(), ": connected to 127.0.0.1:") != NULL);
	ck_assert(is_connected());
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(many_lines_keep_their_order)
{
	static char expected[40000 * 12];
	char *end = expected;
	int fd;

	start_listening();
	fd = accept_upstream();
	for (int i = 0; i < 40000; i++) {
		char text[32];

		snprintf(text, sizeof text, "line %d", i);
		end += sprintf(end, "%s\n", text);
		put(text);
	}
	expect(fd, expected);
	ACKNOWLEDGED_UNTIL(usage().nwritten == 40000);
	end_upstream();
	close(fd);
}
END_TEST

/* The socket of the upstream: its address is that of the peer's other end. */
static int
find_socket(int peer)
{
	struct sockaddr_in wanted, in;
	socklen_t length = sizeof wanted;

	MUST(getpeername(peer, (struct sockaddr *)&wanted, &length) == 0);
	for (int fd = 3; fd < 1000; fd++) {
		length = sizeof in;
		if (getsockname(fd, (struct sockaddr *)&in, &length) == 0 &&
		    in.sin_family == AF_INET && in.sin_port == wanted.sin_port &&
		    in.sin_addr.s_addr == wanted.sin_addr.s_addr)
			return fd;
	}
	return -1;
}

static int
option_of(int fd, int level, int option)
{
	int value;
	socklen_t length = sizeof value;

	MUST(getsockopt(fd, level, option, &value, &length) == 0);
	return value;
}

START_TEST(peer_that_is_gone_without_a_word_is_found)
{
	int fd, own;

	start_listening();
	fd = accept_upstream();
	own = find_socket(fd);
	MUST(own != -1);
	ck_assert_int_ne(option_of(own, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option_of(own, IPPROTO_TCP, TCP_KEEPIDLE), 15);
	ck_assert_int_eq(option_of(own, IPPROTO_TCP, TCP_KEEPINTVL), 5);
	ck_assert_int_eq(option_of(own, IPPROTO_TCP, TCP_KEEPCNT), 3);
	ck_assert_int_ne(option_of(own, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(fcntl(own, F_GETFD) & FD_CLOEXEC, 0);
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(what_the_peer_says_is_dropped)
{
	static const char noise[65536];
	size_t n = 0;
	int fd;

	start_listening();
	fd = accept_upstream();
	while (n < 4 << 20) {
		ssize_t sent = send(fd, noise, sizeof noise, MSG_NOSIGNAL);

		MUST(sent > 0 || errno == EAGAIN);
		n += sent > 0 ? (size_t)sent : 0;
		pump();
	}
	put("one");
	expect(fd, "one\n");
	end_upstream();
	close(fd);
}
END_TEST

/* ---- Connecting ------------------------------------------------------------------- */

START_TEST(refused_it_tries_again_ever_more_slowly)
{
	int delay_ms = 100;

	make_upstream("127.0.0.1");
	put("one");
	start();
	for (int i = 0; i < 12; i++) {
		PUMP_UNTIL(!is_connected());
		ck_assert_int_eq(next_timer(), delay_ms);
		advance(delay_ms - 1);
		ck_assert(!is_connected());
		advance(1);
		delay_ms = 2 * delay_ms < 30000 ? 2 * delay_ms : 30000;
	}
	ck_assert_int_eq(delay_ms, 30000);
	end_upstream();
}
END_TEST

START_TEST(outage_is_logged_once_and_so_is_its_end)
{
	SKIP_UNLESS(!kernel_is_emulated(), "libkqueue reads SO_ERROR: no connection is refused");
	char expected[256];
	int fd;

	make_upstream("127.0.0.1");
	start();
	for (int i = 0; i < 3; i++) {
		PUMP_UNTIL(!is_connected());
		advance(next_timer());
	}
	PUMP_UNTIL(!is_connected());
	snprintf(
	    expected, sizeof expected,
	    "amyd: rule archive: %s: Connection refused: its lines wait meanwhile: see "
	    "that something listens there and reads, and that the way is not barred\n",
	    target_text);
	ck_assert_str_eq(logged(), expected);
	MUST(listen(listener, 8) == 0);
	advance(next_timer());
	fd = accept_upstream();
	put("one");
	expect(fd, "one\n");
	snprintf(expected, sizeof expected,
	         "amyd: rule archive: %s: connected to 127.0.0.1:%u\n", target_text,
	         port);
	ck_assert_str_eq(logged(), expected);
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(lines_wait_until_it_is_connected)
{
	int fd;

	make_upstream("127.0.0.1");
	start();
	put("one");
	PUMP_UNTIL(!is_connected());
	put("two");
	pump();
	MUST(listen(listener, 8) == 0);
	ck_assert_uint_eq(usage().nqueued, 2);
	advance(100);
	put("three");
	fd = accept_upstream();
	expect(fd, "one\ntwo\nthree\n");
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(connecting_takes_ten_seconds_at_most)
{
	int filler;

	make_upstream("127.0.0.1");
	close(listener);
	listener = make_hanging(0x7f000001, port, &filler);
	start();
	pump();
	ck_assert_int_eq(next_timer(), 10000);
	advance(9999);
	pump();
	ck_assert(is_connected());
	advance(1);
	ck_assert(!is_connected());
	ck_assert_int_eq(next_timer(), 100);
	ck_assert_ptr_nonnull(strstr(logged(), "Connection timed out"));
	close(filler);
	end_upstream();
}
END_TEST

START_TEST(addresses_of_a_name_are_tried_in_turn)
{
	SKIP_UNLESS(!kernel_is_emulated(), "libkqueue reads SO_ERROR: no connection is refused");
	int fd;

	make_upstream("peer.test");
	MUST(listen(listener, 8) == 0);
	start();
	fd = accept_upstream();
	put("one");
	expect(fd, "one\n");
	ck_assert_ptr_nonnull(strstr(logged(), "connected to 127.0.0.1:"));
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(address_that_hangs_is_left_for_the_next_one)
{
	int filler, hanging, fd;

	make_upstream("peer.test");
	MUST(listen(listener, 8) == 0);
	hanging = make_hanging(0x7f000002, port, &filler);
	start();
	PUMP_UNTIL(is_connected());
	ck_assert_int_eq(accept4(listener, NULL, NULL, 0), -1);
	advance(10000);
	fd = accept_upstream();
	put("one");
	expect(fd, "one\n");
	end_upstream();
	close(fd);
	close(filler);
	close(hanging);
}
END_TEST

START_TEST(name_without_an_address_is_asked_for_again)
{
	make_upstream("nobody.test");
	start();
	for (int delay_ms = 100; delay_ms <= 400; delay_ms *= 2) {
		PUMP_UNTIL(next_timer() == delay_ms);
		advance(delay_ms);
	}
	ck_assert_ptr_nonnull(strstr(logged(), "see the name, and the name server"));
	PUMP_UNTIL(next_timer() == 800);
	ck_assert_str_eq(logged(), "");
	end_upstream();
}
END_TEST

/* ---- Connections that end --------------------------------------------------------- */

START_TEST(connection_that_lived_is_made_anew_at_once)
{
	start_listening();
	for (int i = 0; i < 5; i++) {
		int fd = accept_lived();

		logged();
		close(fd);
	}
	close(accept_upstream());
	ck_assert_str_eq(logged(), "");
	end_upstream();
}
END_TEST

START_TEST(connection_that_took_a_line_and_did_not_live_is_made_anew_later_and_later)
{
	start_listening();
	for (int delay_ms = 100; delay_ms <= 1600; delay_ms *= 2) {
		int fd = accept_upstream();

		put("one");
		expect(fd, "one\n");
		close(fd);
		PUMP_UNTIL(!is_connected());
		ck_assert_int_eq(next_timer(), delay_ms);
		advance(delay_ms);
	}
	end_upstream();
}
END_TEST

START_TEST(connection_that_took_nothing_is_made_anew_later_and_later)
{
	start_listening();
	for (int delay_ms = 100; delay_ms <= 1600; delay_ms *= 2) {
		close(accept_upstream());
		PUMP_UNTIL(!is_connected());
		ck_assert_int_eq(next_timer(), delay_ms);
		if (delay_ms == 100)
			PUMP_UNTIL(strstr(logged(), "the other side ended") != NULL);
		else
			ck_assert_str_eq(logged(), "");
		advance(delay_ms);
		if (delay_ms == 100)
			PUMP_UNTIL(strstr(logged(), "connected to") != NULL);
	}
	end_upstream();
}
END_TEST

START_TEST(connection_that_lived_ends_an_outage)
{
	int fd;

	start_listening();
	close(accept_upstream());
	PUMP_UNTIL(!is_connected());
	advance(100);
	fd = accept_lived();
	logged();
	close(fd);
	close(accept_upstream()); /* at once */
	PUMP_UNTIL(!is_connected());
	ck_assert_int_eq(next_timer(), 100);
	ck_assert_ptr_nonnull(strstr(logged(), "its lines wait meanwhile"));
	end_upstream();
}
END_TEST

/* ---- What the peer acknowledged, and what it read --------------------------------- */

static void
put_many(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put("1");
}

START_TEST(line_is_written_when_the_peer_has_acknowledged_it)
{
	int fd;

	start_listening();
	fd = accept_lived();
	put("one");
	read_records(); /* sent, and not looked after */
	ck_assert_uint_eq(usage().nwritten, 0);
	ck_assert_uint_eq(usage().nqueued, 1);
	ck_assert(upstream_is_busy(upstream));
	ACKNOWLEDGED_UNTIL(usage().nwritten == 1);
	ck_assert(!upstream_is_busy(upstream));
	end_upstream();
	close(fd);
}
END_TEST

/* All of them are acknowledged by its kernel, and none is read. */
START_TEST(lines_are_unsure_if_the_peer_resets_without_having_read)
{
	int fd;

	start_listening();
	fd = accept_upstream();
	put_many(1000);
	ACKNOWLEDGED_UNTIL(usage().nwritten == 1000);
	logged();
	reset(fd);
	PUMP_UNTIL(usage().nunsure == 1000);
	ck_assert_uint_eq(usage().nwritten, 0);
	ck_assert_ptr_nonnull(strstr(logged(), "1000 lines that were sent may not have been "
	                                       "read"));
	end_upstream();
}
END_TEST

START_TEST(lines_are_unsure_if_the_peer_closes_without_having_read)
{
	int fd;

	start_listening();
	fd = accept_upstream();
	put_many(1000);
	ACKNOWLEDGED_UNTIL(usage().nwritten == 1000);
	close(fd);
	PUMP_UNTIL(usage().nunsure == 1000);
	end_upstream();
}
END_TEST

START_TEST(lines_are_written_if_the_peer_closes_after_having_read)
{
	int fd;

	start_listening();
	fd = accept_upstream();
	put("one");
	expect(fd, "one\n");
	close(fd);
	PUMP_UNTIL(!is_connected());
	ck_assert_uint_eq(usage().nwritten, 1);
	ck_assert_uint_eq(usage().nunsure, 0);
	end_upstream();
}
END_TEST

/* Its window has moved on, so it has read most of what it acknowledged. */
START_TEST(only_the_last_lines_are_unsure_if_the_peer_has_read_long_before)
{
	enum { NLINES = 100000 };
	static char part[2000];
	int fd;

	start_listening();
	fd = accept_upstream();
	for (unsigned i = 0; i < NLINES / 1000; i++) {
		size_t n = 0;

		put_many(1000);
		PUMP_UNTIL((n += receive(fd, part, sizeof part - n)) == sizeof part);
	}
	ACKNOWLEDGED_UNTIL(usage().nwritten == NLINES);
	reset(fd);
	PUMP_UNTIL(usage().nunsure > 0);
	ck_assert_uint_gt(usage().nwritten, NLINES / 2);
	end_upstream();
}
END_TEST

/* Its event is not read yet when there are lines to be sent. */
START_TEST(nothing_is_sent_to_a_peer_that_has_closed)
{
	int fd;

	start_listening();
	fd = accept_lived();
	close(fd);
	put("one");
	put("two");
	read_records();
	ck_assert_uint_eq(usage().nqueued, 2);
	fd = accept_upstream();
	expect(fd, "one\ntwo\n");
	ck_assert_uint_eq(usage().nunsure, 0);
	end_upstream();
	close(fd);
}
END_TEST

/* Somebody else reads on what it has accepted: what it acknowledges is not sent twice. */
START_TEST(peer_that_ends_its_side_only_keeps_what_it_was_sent)
{
	int fd, second;

	start_listening();
	fd = accept_lived();
	put("one");
	read_records();
	MUST(shutdown(fd, SHUT_WR) == 0);
	PUMP_UNTIL((advance(10), (second = accept4(listener, NULL, NULL,
	                                           SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1));
	expect(fd, "one\n");
	ck_assert_uint_eq(usage().nwritten, 1);
	put("two");
	expect(second, "two\n");
	end_upstream();
	close(fd);
	close(second);
}
END_TEST

START_TEST(after_a_connection_that_did_not_live_the_next_one_is_sent_one_line)
{
	int fd;

	start_listening();
	close(accept_upstream());
	PUMP_UNTIL(!is_connected());
	put("one");
	put("two");
	put("three");
	advance(100);
	fd = accept_upstream();
	expect(fd, "one\n");
	advance(1900);
	pump();
	expect(fd, "");
	advance(100);
	expect(fd, "two\nthree\n");
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(no_more_is_sent_than_the_queue_holds_until_it_is_acknowledged)
{
	char *large = make_large(1 << 20);
	int fd;

	rule.queue = 100000;
	start_listening();
	fd = accept_lived();
	for (int i = 0; i < 64; i++)
		put_bytes(large, 2000);
	pump();
	for (int i = 0; i < 64; i++)
		put_bytes(large, 2000);
	pump();
	ck_assert_uint_eq(usage().nput, 128);
	ck_assert_uint_le(usage().nqueued * 2000, 3 * rule.queue);
	free(large);
	end_upstream();
	close(fd);
}
END_TEST

/* The connection breaks in the middle of a line, at whatever byte. */
START_TEST(line_that_went_in_part_is_sent_again_whole)
{
	enum { NLARGE = 16 << 20 };
	char *large = make_large(NLARGE), part[1000];
	int fd;

	start_listening();
	fd = accept_lived();
	put("small");
	expect(fd, "small\n");
	ACKNOWLEDGED_UNTIL(usage().nwritten == 1);
	put_bytes(large, NLARGE);
	put("next");
	PUMP_UNTIL(receive(fd, part, sizeof part) > 0);
	ck_assert_uint_eq(usage().nwritten, 1);
	ck_assert(upstream_is_busy(upstream));
	reset(fd);
	fd = accept_upstream(); /* at once: the one before has lived */
	PUMP_UNTIL(receive(fd, part, sizeof part) > 0);
	ck_assert(memcmp(part, large, 100) == 0);
	reset(fd);
	PUMP_UNTIL(!is_connected());
	ck_assert_int_eq(next_timer(), 100);
	advance(100);
	fd = accept_upstream();
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 4 << 20 }, sizeof(int)) == 0);
	expect_bytes(fd, large, NLARGE + 1);
	advance(2000);
	expect(fd, "next\n");
	ACKNOWLEDGED_UNTIL(usage().nqueued == 0);
	ck_assert(!upstream_is_busy(upstream));
	free(large);
	end_upstream();
	close(fd);
}
END_TEST

/* It accepts, and never reads. */
START_TEST(peer_that_takes_nothing_for_a_minute_is_left)
{
	char *large = make_large(8 << 20), part[4096];
	size_t n = 0;
	int fd, second;

	start_listening();
	fd = accept_upstream();
	put_bytes(large, 8 << 20);
	for (int i = 0; i < 100; i++)
		pump();
	for (int i = 0; i < 59; i++)
		advance(1000);
	ck_assert(is_connected());
	/* It takes a little: its minute begins anew. */
	PUMP_UNTIL((n += receive(fd, part, sizeof part)) > 1 << 20);
	ACKNOWLEDGED_UNTIL(now_ms > 0);
	for (int i = 0; i < 59; i++)
		advance(1000);
	ck_assert(is_connected());
	put("after"); /* which is no progress */
	pump();
	for (int i = 0; i < 2; i++)
		advance(1000);
	ck_assert_str_eq(usage().error, "Connection timed out");
	ck_assert_uint_eq(usage().nqueued, 2);
	second = accept_upstream(); /* at once: it has lived */
	PUMP_UNTIL(receive(second, part, 10) == 10);
	ck_assert(memcmp(part, large, 10) == 0);
	free(large);
	close(fd);
	close(second);
	end_upstream();
}
END_TEST

START_TEST(quiet_connection_is_not_left)
{
	int fd;

	start_listening();
	fd = accept_lived();
	for (int i = 0; i < 5; i++) {
		advance(60000);
		pump();
	}
	put("one");
	expect(fd, "one\n");
	end_upstream();
	close(fd);
}
END_TEST

/* ---- Events that are on their way ------------------------------------------------- */

static struct amy_notification
wait_for_event(void)
{
	struct amy_notification notification;

	MUST(amy_poller_wait(poller, &notification, 1, -1) == 1);
	MUST(notification.id == upstream_id(upstream));
	return notification;
}

START_TEST(connection_is_not_closed_while_its_event_is_on_its_way)
{
	struct amy_notification notification;
	amy_id id;
	int fd;

	start_listening();
	fd = accept_lived();
	id = upstream_id(upstream);
	reset(fd);
	notification = wait_for_event();
	put("one"); /* which cannot be sent */
	read_records();
	put("two");
	read_records();
	advance(60000);
	ck_assert(upstream_id(upstream) == id);
	deliver(&notification);
	ck_assert(upstream_id(upstream) != id);
	fd = accept_upstream();
	expect(fd, "one\ntwo\n");
	ck_assert_uint_eq(nstale, 0);
	end_upstream();
	close(fd);
}
END_TEST

/* It was seen when a line was to be sent; then there is an end of input as well. */
START_TEST(reset_is_no_end_of_input_while_its_event_is_on_its_way)
{
	struct amy_notification notification;
	int fd;

	start_listening();
	fd = accept_lived();
	put("one");
	read_records();
	reset(fd);
	notification = wait_for_event();
	put("two"); /* which cannot be sent */
	read_records();
	advance(1000);
	deliver(&notification);
	PUMP_UNTIL(usage().nunsure == 1);
	ck_assert_uint_eq(usage().nwritten, 0);
	end_upstream();
}
END_TEST

START_TEST(connecting_may_succeed_at_the_last_moment)
{
	struct amy_notification notification;
	int fd;

	start_listening();
	notification = wait_for_event();
	advance(10000);
	ck_assert(is_connected());
	deliver(&notification);
	fd = accept_upstream();
	put("one");
	expect(fd, "one\n");
	ck_assert_int_le(next_timer(), 2000);
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(it_cannot_be_stopped_while_its_event_is_on_its_way)
{
	struct amy_notification notification;
	int fd;

	start_listening();
	fd = accept_lived();
	put("one");
	expect(fd, "one\n");
	put_byte(fd);
	notification = wait_for_event();
	ck_assert(!upstream_stop(upstream));
	ck_assert(is_connected());
	deliver(&notification);
	ck_assert_uint_eq(nstale, 0);
	ck_assert(upstream_stop(upstream));
	ck_assert(!is_connected());
	ck_assert(upstream_stop(upstream));
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(what_waits_outlives_being_stopped)
{
	int fd;

	make_upstream("127.0.0.1");
	start();
	put("one");
	PUMP_UNTIL(!is_connected());
	ck_assert(upstream_stop(upstream));
	ck_assert_uint_eq(usage().nqueued, 1);
	ck_assert(!upstream_is_busy(upstream));
	MUST(listen(listener, 8) == 0);
	start();
	fd = accept_upstream();
	expect(fd, "one\n");
	end_upstream();
	close(fd);
}
END_TEST

/* ---- What fails ------------------------------------------------------------------- */

START_TEST(upstream_is_not_made_without_memory)
{
	long before = fault_live_allocations();
	unsigned k = 0;

	do {
		struct upstream *made;

		fault_set(FAULT_ALLOCATION, ++k, ENOMEM);
		errno = 0;
		made = upstream_create(&rule, &target, NUMBER, &handler_pipe, NULL);
		MUST(made != NULL || errno == ENOMEM);
		upstream_destroy(made);
	} while (fault_clear());
	MUST(k == 3);
	MUST(fault_live_allocations() == before);
}
END_TEST

/* A connection that was given up before may stand before the one that counts. */
static int
accept_open(void)
{
	int fd = accept_upstream();

	while (find_socket(fd) == -1) {
		close(fd);
		fd = accept_upstream();
	}
	return fd;
}

/* False: there is no kth allocation. */
static bool
is_connected_without(const char *host, unsigned k)
{
	long before = fault_live_allocations();
	bool has_failed;
	int fd;

	make_upstream(host);
	MUST(listen(listener, 8) == 0);
	fault_set(FAULT_ALLOCATION, k, ENOMEM);
	start();
	PUMP_UNTIL(next_timer() > 0);
	has_failed = fault_clear();
	while (next_timer() == 100)
		advance(100);
	fd = accept_open();
	put("one");
	expect(fd, "one\n");
	end_upstream();
	close(fd);
	MUST(fault_live_allocations() == before);
	return has_failed;
}

/* Those of the timer, the registration and the question among them. */
START_TEST(it_is_connected_whichever_allocation_fails)
{
	SKIP_UNLESS(!kernel_is_emulated(), "libkqueue reads SO_ERROR: no connection is refused");
	unsigned k = 1;

	while (is_connected_without("127.0.0.1", k))
		k++;
	MUST(k > 2);
	k = 1;
	while (is_connected_without("peer.test", k))
		k++;
	MUST(k > 3);
}
END_TEST

START_TEST(timer_without_memory_is_set_with_the_next_turn)
{
	make_upstream("nobody.test");
	start();
	MUST(record_pipe_wait(&handler_pipe, -1)); /* there is an answer */
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	read_records();
	ck_assert(fault_clear());
	ck_assert_int_eq(next_timer(), 100);
	end_upstream();
}
END_TEST

START_TEST(registration_that_fails_is_tried_again)
{
	int fd;

	make_upstream("127.0.0.1");
	MUST(listen(listener, 8) == 0);
	fault_set(FAULT_EPOLL_CTL, 1, ENOSPC);
	start();
	ck_assert(fault_clear());
	ck_assert(!is_connected());
	ck_assert_int_eq(next_timer(), 100);
	ck_assert_ptr_nonnull(strstr(logged(), strerror(ENOSPC)));
	advance(100);
	close(accept_upstream()); /* the one that was given up */
	fd = accept_upstream();
	PUMP_UNTIL(next_timer() == 2000);
	fault_set(FAULT_EPOLL_CTL, 1, ENOSPC);
	put_byte(fd); /* it is to be armed again */
	PUMP_UNTIL(!is_connected());
	ck_assert(fault_clear());
	close(fd);
	advance(next_timer());
	fd = accept_upstream();
	put("one");
	expect(fd, "one\n");
	end_upstream();
	close(fd);
}
END_TEST

START_TEST(line_whose_news_found_the_pipe_full_is_sent_within_a_minute)
{
	struct record record = { .kind = RECORD_WAKE };
	int fd;

	start_listening();
	fd = accept_lived();
	logged();
	while (record_pipe_write(&handler_pipe, &record, 1) == 0)
		continue;
	put("one");
	ck_assert_ptr_nonnull(
	    strstr(logged(), "internal: the pipe of handler 0 is full"));
	pump();
	ck_assert_uint_eq(usage().nqueued, 1);
	advance(60000);
	expect(fd, "one\n");
	end_upstream();
	close(fd);
}
END_TEST

/* ---- All of it -------------------------------------------------------------------- */

enum { MAX_NUMBERED = 100000 };

/*
 * A peer that comes and goes, and what it read: whole lines, with numbers that only grow on one
 * connection. On the next one, some may come again.
 */
static struct {
	int fd; /* -1: there is no connection */
	char bytes[64];
	size_t nbytes;
	unsigned next, nread;
	bool has_read[MAX_NUMBERED];
} peer;

static void
check_line(const char *line)
{
	char *end;
	unsigned long number = strtoul(line, &end, 10);

	MUST(end == line + 6 && *end == '\n');
	MUST(number >= peer.next && number < MAX_NUMBERED);
	peer.next = (unsigned)number + 1;
	peer.nread += !peer.has_read[number];
	peer.has_read[number] = true;
}

static void
peer_read(size_t max)
{
	size_t n;

	while (max > 0 && peer.fd != -1) {
		n = receive(peer.fd, peer.bytes + peer.nbytes, 7 - peer.nbytes);
		if (n == 0)
			return;
		max -= n < max ? n : max;
		peer.nbytes += n;
		if (peer.nbytes < 7)
			continue;
		check_line(peer.bytes);
		peer.nbytes = 0;
	}
}

static void
peer_end(bool resets)
{
	if (peer.fd == -1)
		return;
	if (resets)
		reset(peer.fd);
	else
		close(peer.fd);
	peer.fd = -1;
	peer.nbytes = 0;
	peer.next = 0;
}

static void
peer_come(void)
{
	if (peer.fd == -1)
		peer.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

START_TEST(no_line_is_written_that_a_peer_that_comes_and_goes_did_not_read)
{
	uint64_t random = 41;
	unsigned nput = 0;
	char text[16];

	peer.fd = -1;
	rule.queue = 20000;
	log_open(LOG_TO_STDERR, 0, LOG_LEVEL_ERROR);
	start_listening();
	for (int step = 0; step < 5000; step++) {
		switch (random_below(&random, 8)) {
		case 0:
		case 1:
		case 2:
			for (unsigned n = random_below(&random, 60); n > 0; n--) {
				snprintf(text, sizeof text, "%06u", nput++);
				put(text);
			}
			break;
		case 3:
			peer_come();
			break;
		case 4:
			peer_read(random_below(&random, 3000));
			break;
		case 5:
			if (random_below(&random, 20) == 0)
				peer_end(random_below(&random, 2) == 0);
			break;
		case 6:
			advance((int)random_below(&random, 200));
			break;
		case 7:
			pump();
			break;
		}
		MUST(usage().nput == nput);
	}
	/* At rest, with a peer that reads. */
	WAIT_UNTIL((advance(50), pump(), peer_come(), peer_read(100000),
	            upstream_id(upstream) != 0 && usage().nqueued == 0));
	peer_read(1 << 20);
	ck_assert_uint_eq(usage().nwritten + usage().nunsure + usage().ndropped, nput);
	ck_assert_uint_le(peer.nread, usage().nwritten + usage().nunsure);
	ck_assert_uint_ge(peer.nread, usage().nwritten);
	ck_assert_uint_gt(usage().nwritten, 0);
	ck_assert_uint_gt(usage().nunsure, 0);
	ck_assert_uint_gt(usage().ndropped, 0);
	peer_end(false);
	end_upstream();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("upstream",
	    lines_are_sent_as_they_were_put,
	    what_was_put_before_it_is_started_is_sent,
	    it_connects_before_there_is_a_line,
	    many_lines_keep_their_order,
	    peer_that_is_gone_without_a_word_is_found,
	    what_the_peer_says_is_dropped,
	    refused_it_tries_again_ever_more_slowly,
	    outage_is_logged_once_and_so_is_its_end,
	    lines_wait_until_it_is_connected,
	    connecting_takes_ten_seconds_at_most,
	    addresses_of_a_name_are_tried_in_turn,
	    address_that_hangs_is_left_for_the_next_one,
	    name_without_an_address_is_asked_for_again,
	    connection_that_lived_is_made_anew_at_once,
	    connection_that_took_a_line_and_did_not_live_is_made_anew_later_and_later,
	    connection_that_took_nothing_is_made_anew_later_and_later,
	    connection_that_lived_ends_an_outage,
	    line_is_written_when_the_peer_has_acknowledged_it,
	    lines_are_unsure_if_the_peer_resets_without_having_read,
	    lines_are_unsure_if_the_peer_closes_without_having_read,
	    reset_is_no_end_of_input_while_its_event_is_on_its_way,
	    lines_are_written_if_the_peer_closes_after_having_read,
	    only_the_last_lines_are_unsure_if_the_peer_has_read_long_before,
	    nothing_is_sent_to_a_peer_that_has_closed,
	    peer_that_ends_its_side_only_keeps_what_it_was_sent,
	    after_a_connection_that_did_not_live_the_next_one_is_sent_one_line,
	    no_more_is_sent_than_the_queue_holds_until_it_is_acknowledged,
	    line_that_went_in_part_is_sent_again_whole,
	    peer_that_takes_nothing_for_a_minute_is_left,
	    quiet_connection_is_not_left,
	    connection_is_not_closed_while_its_event_is_on_its_way,
	    connecting_may_succeed_at_the_last_moment,
	    it_cannot_be_stopped_while_its_event_is_on_its_way,
	    what_waits_outlives_being_stopped,
	    upstream_is_not_made_without_memory,
	    it_is_connected_whichever_allocation_fails,
	    timer_without_memory_is_set_with_the_next_turn,
	    registration_that_fails_is_tried_again,
	    line_whose_news_found_the_pipe_full_is_sent_within_a_minute,
	    no_line_is_written_that_a_peer_that_comes_and_goes_did_not_read);
}
