/* SPDX-License-Identifier: MIT */
/*
 * Batches of datagrams as amy.h describes them, over sockets of the loopback and Unix sockets.
 * It is built twice, the second time with what of libamy is portable.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"

enum { MAX = 8, NBYTES = 100 };

static struct amy_datagrams *batch;
static int fds[2]; /* connected with each other: Unix sockets */

static void
start(void)
{
	batch = amy_datagrams_create(MAX, NBYTES);
	MUST(batch != NULL);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds) == 0);
}

static void
stop(void)
{
	amy_datagrams_destroy(batch);
	close_pair(fds);
}

/* A datagram of this number, for the other end. */
static void
must_put(unsigned number)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%u", number);

	MUST(amy_datagrams_put(batch, text, (size_t)length, NULL, 0) == 0);
}

static void
must_be(unsigned i, const char *text)
{
	const struct amy_datagram *datagram = amy_datagrams_get(batch, i);

	MUST(datagram->nbytes == strlen(text));
	MUST(memcmp(datagram->bytes, text, datagram->nbytes) == 0);
	MUST(!datagram->is_truncated);
}

static void
must_be_number(unsigned i, unsigned number)
{
	char text[16];

	snprintf(text, sizeof text, "%u", number);
	must_be(i, text);
}

/* Without the batch: one from the other end. */
static void
must_arrive(unsigned number)
{
	char text[16] = "", expected[16];

	snprintf(expected, sizeof expected, "%u", number);
	MUST(recv(fds[1], text, sizeof text - 1, MSG_DONTWAIT) == (ssize_t)strlen(expected));
	MUST(strcmp(text, expected) == 0);
}

static void
must_send_to(int fd, const char *text)
{
	MUST(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
}

static void
wait_for(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	MUST(poll(&polled, 1, -1) == 1);
}

#define ck_assert_errno(call, error)                                                           \
	do {                                                                                   \
		errno = 0;                                                                     \
		ck_assert_int_eq(call, -1);                                                    \
		ck_assert_int_eq(errno, error);                                                \
	} while (0)

/* A socket of its own address, which is stored; -1: there is no such family. */
static int
make_bound(int family, struct sockaddr_storage *address, socklen_t *naddress)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof *address);
	address->ss_family = (sa_family_t)family;
	*naddress = sizeof(sa_family_t); /* of a Unix socket: any name */
	if (family == AF_INET) {
		((struct sockaddr_in *)address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*naddress = sizeof(struct sockaddr_in);
	} else if (family == AF_INET6) {
		((struct sockaddr_in6 *)address)->sin6_addr = in6addr_loopback;
		*naddress = sizeof(struct sockaddr_in6);
	}
	if (fd == -1 || bind(fd, (struct sockaddr *)address, *naddress) == -1) {
		close(fd);
		return -1;
	}
	*naddress = sizeof *address;
	MUST(getsockname(fd, (struct sockaddr *)address, naddress) == 0);
	return fd;
}

/* ---- Receiving --------------------------------------------------------------------- */

START_TEST(all_that_are_there_are_received_at_once)
{
	start();
	for (int i = 0; i < 5; i++)
		must_send_to(fds[1], (const char *[]){ "a", "bc", "def", "g", "hi" }[i]);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 5);
	ck_assert_uint_eq(amy_datagrams_count(batch), 5);
	for (unsigned i = 0; i < 5; i++) {
		must_be(i, (const char *[]){ "a", "bc", "def", "g", "hi" }[i]);
		ck_assert_uint_eq(amy_datagrams_get(batch, i)->naddress, 0);
	}
	stop();
}
END_TEST

START_TEST(nothing_there_is_no_error_and_is_not_waited_for)
{
	start();
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 0);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	MUST(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 0);
	stop();
}
END_TEST

START_TEST(more_than_there_is_room_for_are_received_by_the_next_calls)
{
	char text[2] = "";

	start();
	for (int i = 0; i < MAX + 2; i++) {
		text[0] = (char)('0' + i % 10);
		must_send_to(fds[1], text);
	}
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), MAX);
	for (unsigned i = 0; i < MAX; i++)
		must_be_number(i, i);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 2);
	must_be_number(0, MAX);
	must_be_number(1, MAX + 1);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 0);
	stop();
}
END_TEST

START_TEST(what_was_in_the_batch_is_replaced)
{
	start();
	must_put(1);
	must_put(2);
	must_put(3);
	must_send_to(fds[1], "new");
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 1);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	must_be(0, "new");
	must_put(1);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 0);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	stop();
}
END_TEST

START_TEST(datagram_that_is_too_long_is_truncated_and_the_next_one_is_whole)
{
	char text[NBYTES + 1];
	const struct amy_datagram *datagram;

	start();
	memset(text, 'x', sizeof text);
	MUST(send(fds[1], text, NBYTES + 1, 0) == NBYTES + 1);
	MUST(send(fds[1], text, NBYTES, 0) == NBYTES);
	must_send_to(fds[1], "short");
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 3);
	for (unsigned i = 0; i < 2; i++) {
		datagram = amy_datagrams_get(batch, i);
		ck_assert_uint_eq(datagram->nbytes, NBYTES);
		ck_assert(memcmp(datagram->bytes, text, NBYTES) == 0);
		ck_assert(datagram->is_truncated == (i == 0));
	}
	must_be(2, "short");
	stop();
}
END_TEST

START_TEST(place_of_a_truncated_one_is_as_any_other_later)
{
	char text[NBYTES + 1] = "";

	start();
	MUST(send(fds[1], text, sizeof text, 0) == sizeof text);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 1);
	ck_assert(amy_datagrams_get(batch, 0)->is_truncated);
	amy_datagrams_drop(batch, 1);
	for (unsigned i = 0; i < MAX; i++)
		must_put(i);
	for (unsigned i = 0; i < MAX; i++)
		must_be_number(i, i);
	stop();
}
END_TEST

START_TEST(empty_datagrams_are_datagrams)
{
	start();
	MUST(send(fds[1], "", 0, 0) == 0);
	must_send_to(fds[1], "x");
	MUST(send(fds[1], "", 0, 0) == 0);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 3);
	must_be(0, "");
	must_be(1, "x");
	must_be(2, "");
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 3);
	ck_assert_int_eq(amy_datagrams_put(batch, NULL, 0, NULL, 0), 0);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 1);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), 4);
	must_be(3, "");
	stop();
}
END_TEST

/* ---- Addresses --------------------------------------------------------------------- */

/* From a to b, back from b just as they are, and a sees that they are b's. */
static void
datagrams_must_come_back(int a, int b, const struct sockaddr_storage *address_of_b,
                         socklen_t naddress)
{
	const struct amy_datagram *datagram;

	for (unsigned i = 0; i < 3; i++) {
		must_put(i);
		amy_datagrams_get(batch, i)->address = *address_of_b;
		amy_datagrams_get(batch, i)->naddress = naddress;
	}
	ck_assert_int_eq(amy_datagrams_send(batch, a), 3);
	wait_for(b);
	ck_assert_int_eq(amy_datagrams_receive(batch, b), 3);
	for (unsigned i = 0; i < 3; i++)
		must_be_number(i, i);
	ck_assert_int_eq(amy_datagrams_send(batch, b), 3);
	wait_for(a);
	ck_assert_int_eq(amy_datagrams_receive(batch, a), 3);
	for (unsigned i = 0; i < 3; i++) {
		must_be_number(i, i);
		datagram = amy_datagrams_get(batch, i);
		ck_assert_uint_eq(datagram->naddress, naddress);
		ck_assert_int_eq(memcmp(&datagram->address, address_of_b, naddress), 0);
	}
	amy_datagrams_drop(batch, 3);
}

static void
addresses_must_work(int family)
{
	struct sockaddr_storage address;
	socklen_t naddress;
	int a = make_bound(family, &address, &naddress);
	int b = make_bound(family, &address, &naddress);

	if (a != -1 && b != -1) {
		start();
		datagrams_must_come_back(a, b, &address, naddress);
		stop();
	} else {
		MUST(family == AF_INET6); /* not every machine has it */
	}
	close(a);
	close(b);
}

START_TEST(what_was_received_over_ipv4_is_sent_back_as_it_is)
{
	addresses_must_work(AF_INET);
}
END_TEST

START_TEST(what_was_received_over_ipv6_is_sent_back_as_it_is)
{
	addresses_must_work(AF_INET6);
}
END_TEST

START_TEST(what_was_received_from_a_unix_socket_is_sent_back_as_it_is)
{
	addresses_must_work(AF_UNIX);
}
END_TEST

START_TEST(each_datagram_goes_to_its_own_address)
{
	struct sockaddr_storage addresses[3];
	socklen_t naddress;
	int receivers[3], sender;
	char text[16];

	start();
	sender = make_bound(AF_INET, &addresses[0], &naddress);
	for (unsigned i = 0; i < 3; i++) {
		receivers[i] = make_bound(AF_INET, &addresses[i], &naddress);
		MUST(receivers[i] != -1);
		snprintf(text, sizeof text, "%u", i);
		ck_assert_int_eq(amy_datagrams_put(batch, text, strlen(text),
		                                   (struct sockaddr *)&addresses[i], naddress),
		                 0);
	}
	ck_assert_int_eq(amy_datagrams_send(batch, sender), 3);
	for (unsigned i = 0; i < 3; i++) {
		wait_for(receivers[i]);
		ck_assert_int_eq(amy_datagrams_receive(batch, receivers[i]), 1);
		must_be_number(0, i);
		close(receivers[i]);
	}
	close(sender);
	stop();
}
END_TEST

START_TEST(socket_without_a_name_has_no_address)
{
	struct sockaddr_storage address;
	socklen_t naddress;
	int named = make_bound(AF_UNIX, &address, &naddress);
	int unnamed = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	start();
	ck_assert_int_eq(
	    amy_datagrams_put(batch, "x", 1, (struct sockaddr *)&address, naddress), 0);
	ck_assert_int_eq(amy_datagrams_send(batch, unnamed), 1);
	ck_assert_int_eq(amy_datagrams_receive(batch, named), 1);
	ck_assert_uint_eq(amy_datagrams_get(batch, 0)->naddress, 0);
	ck_assert_errno(amy_datagrams_send(batch, named), ENOTCONN);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	close(named);
	close(unnamed);
	stop();
}
END_TEST

START_TEST(what_was_changed_is_sent_as_it_is_now)
{
	struct sockaddr_storage address;
	struct amy_datagram *datagram;
	socklen_t naddress;
	int other = make_bound(AF_UNIX, &address, &naddress);

	start();
	must_send_to(fds[1], "hello");
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 1);
	datagram = amy_datagrams_get(batch, 0);
	memset(datagram->bytes, 'y', NBYTES);
	datagram->nbytes = NBYTES;
	datagram->address = address;
	datagram->naddress = naddress;
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 1);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), 0);
	ck_assert_int_eq(amy_datagrams_receive(batch, other), 1);
	datagram = amy_datagrams_get(batch, 0);
	ck_assert_uint_eq(datagram->nbytes, NBYTES);
	ck_assert_int_eq(datagram->bytes[NBYTES - 1], 'y');
	close(other);
	stop();
}
END_TEST

/* ---- Putting and dropping ---------------------------------------------------------- */

START_TEST(full_batch_takes_no_more)
{
	start();
	for (unsigned i = 0; i < MAX; i++)
		must_put(i);
	ck_assert_errno(amy_datagrams_put(batch, "x", 1, NULL, 0), ENOBUFS);
	ck_assert_uint_eq(amy_datagrams_count(batch), MAX);
	amy_datagrams_drop(batch, 1);
	must_put(MAX);
	ck_assert_errno(amy_datagrams_put(batch, "x", 1, NULL, 0), ENOBUFS);
	for (unsigned i = 0; i < MAX; i++)
		must_be_number(i, i + 1);
	stop();
}
END_TEST

START_TEST(what_is_too_long_is_not_put)
{
	char text[NBYTES + 1] = "";
	struct sockaddr_storage address[2];

	start();
	must_put(1);
	ck_assert_errno(amy_datagrams_put(batch, text, NBYTES + 1, NULL, 0), EMSGSIZE);
	ck_assert_errno(amy_datagrams_put(batch, text, SIZE_MAX, NULL, 0), EMSGSIZE);
	memset(address, 0, sizeof address);
	ck_assert_errno(amy_datagrams_put(batch, text, 1, (struct sockaddr *)address,
	                                  sizeof address[0] + 1),
	                EINVAL);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	ck_assert_int_eq(amy_datagrams_put(batch, text, NBYTES, (struct sockaddr *)address,
	                                   sizeof address[0]),
	                 0);
	ck_assert_uint_eq(amy_datagrams_count(batch), 2);
	must_be_number(0, 1);
	stop();
}
END_TEST

START_TEST(no_more_are_dropped_than_there_are)
{
	start();
	amy_datagrams_drop(batch, 1);
	amy_datagrams_drop(batch, 0);
	for (unsigned i = 0; i < 3; i++)
		must_put(i);
	amy_datagrams_drop(batch, 0);
	ck_assert_uint_eq(amy_datagrams_count(batch), 3);
	amy_datagrams_drop(batch, 2);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	must_be_number(0, 2);
	amy_datagrams_drop(batch, UINT32_MAX);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	must_put(7);
	must_be_number(0, 7);
	stop();
}
END_TEST

START_TEST(put_and_dropped_in_any_way_they_stay_in_order)
{
	uint64_t seed = 3;
	unsigned first = 0, next = 0;

	start();
	while (first < 5000) {
		for (uint32_t n = random_below(&seed, MAX + 1); n > 0 && next - first < MAX;
		     n--)
			must_put(next++);
		for (unsigned i = 0; i < next - first; i++)
			must_be_number(i, first + i);
		for (uint32_t n = random_below(&seed, MAX + 1); n > 0 && first < next; n--) {
			amy_datagrams_drop(batch, 1);
			first++;
		}
		MUST(amy_datagrams_count(batch) == next - first);
	}
	stop();
}
END_TEST

/* ---- Sending ----------------------------------------------------------------------- */

START_TEST(empty_batch_sends_nothing)
{
	start();
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 0);
	ck_assert_int_eq(amy_datagrams_send(batch, -1), 0);
	stop();
}
END_TEST

START_TEST(sent_datagrams_leave_the_batch)
{
	start();
	for (unsigned i = 0; i < MAX; i++)
		must_put(i);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), MAX);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	for (unsigned i = 0; i < MAX; i++)
		must_arrive(i);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 0);
	stop();
}
END_TEST

START_TEST(there_is_room_for_long_ones_after_short_ones_were_sent)
{
	char text[NBYTES + 1];

	start();
	memset(text, 'x', NBYTES);
	text[NBYTES] = '\0';
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 0);
	for (unsigned i = 0; i < 3; i++)
		must_put(i);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 3);
	for (unsigned i = 0; i < 5; i++)
		must_send_to(fds[1], text);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[0]), 5);
	for (unsigned i = 0; i < 5; i++)
		must_be(i, text);
	stop();
}
END_TEST

/* The batch is full again, and the datagrams from first on stand in it in order. */
static void
refill(unsigned first)
{
	for (unsigned i = amy_datagrams_count(batch); i < MAX; i++)
		must_put(first + i);
	for (unsigned i = 0; i < MAX; i++)
		must_be_number(i, first + i);
}

/* The socket is a blocking one. It takes fewer than the batch has, time and again. */
START_TEST(what_the_socket_does_not_take_stays_in_order_for_later)
{
	unsigned nsent = 0, narrived = 0, npartial = 0;
	uint64_t seed = 5;
	int n = MAX;

	start();
	while (n == MAX) {
		refill(nsent);
		n = amy_datagrams_send(batch, fds[0]);
		nsent += (unsigned)n;
	}
	refill(nsent);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 0);
	while (npartial < 50) {
		for (uint32_t k = random_below(&seed, MAX); k > 0; k--)
			must_arrive(narrived++);
		n = amy_datagrams_send(batch, fds[0]);
		MUST(n >= 0);
		npartial += n > 0 && n < MAX;
		nsent += (unsigned)n;
		refill(nsent);
	}
	while (narrived < nsent)
		must_arrive(narrived++);
	stop();
}
END_TEST

START_TEST(one_that_cannot_be_sent_is_told_of_when_it_is_the_first)
{
	enum { TOO_LONG = 65535 }; /* for a UDP datagram over IPv4 */
	static char text[TOO_LONG];
	struct sockaddr_storage address;
	socklen_t naddress;
	int fd = make_bound(AF_INET, &address, &naddress);

	batch = amy_datagrams_create(MAX, TOO_LONG);
	MUST(batch != NULL && fd != -1);
	for (int i = 0; i < 5; i++)
		MUST(amy_datagrams_put(batch, text, i == 2 ? TOO_LONG : (size_t)i,
		                       (struct sockaddr *)&address, naddress) == 0);
	ck_assert_int_eq(amy_datagrams_send(batch, fd), 2);
	ck_assert_uint_eq(amy_datagrams_count(batch), 3);
	ck_assert_errno(amy_datagrams_send(batch, fd), EMSGSIZE);
	ck_assert_uint_eq(amy_datagrams_count(batch), 3);
	ck_assert_uint_eq(amy_datagrams_get(batch, 0)->nbytes, TOO_LONG);
	amy_datagrams_drop(batch, 1);
	ck_assert_int_eq(amy_datagrams_send(batch, fd), 2);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	amy_datagrams_destroy(batch);
	close(fd);
}
END_TEST

START_TEST(sending_where_nobody_may_write_any_more_is_an_error_and_no_signal)
{
	start();
	MUST(shutdown(fds[0], SHUT_WR) == 0);
	must_put(1);
	ck_assert_errno(amy_datagrams_send(batch, fds[0]), EPIPE);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	stop();
}
END_TEST

/* A socket that is connected with a port where nobody is. */
static int
make_refused(void)
{
	struct sockaddr_storage address;
	socklen_t naddress;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int gone = make_bound(AF_INET, &address, &naddress);

	MUST(fd != -1 && gone != -1);
	MUST(connect(fd, (struct sockaddr *)&address, naddress) == 0);
	MUST(close(gone) == 0);
	return fd;
}

START_TEST(refused_datagram_is_told_of_once_and_receiving_goes_on)
{
	int fd = make_refused();

	start();
	must_put(1);
	ck_assert_int_eq(amy_datagrams_send(batch, fd), 1);
	wait_for(fd);
	must_put(2);
	ck_assert_errno(amy_datagrams_receive(batch, fd), ECONNREFUSED);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	ck_assert_int_eq(amy_datagrams_receive(batch, fd), 0);
	close(fd);
	stop();
}
END_TEST

START_TEST(refused_datagram_may_be_told_of_by_sending_which_goes_on)
{
	int fd = make_refused();

	start();
	must_put(1);
	ck_assert_int_eq(amy_datagrams_send(batch, fd), 1);
	wait_for(fd);
	must_put(2);
	ck_assert_errno(amy_datagrams_send(batch, fd), ECONNREFUSED);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	must_be_number(0, 2);
	ck_assert_int_eq(amy_datagrams_send(batch, fd), 1);
	close(fd);
	stop();
}
END_TEST

/* ---- Errors ------------------------------------------------------------------------ */

START_TEST(what_is_no_socket_is_refused)
{
	int ends[2];

	start();
	make_pipe(ends);
	must_put(1);
	ck_assert_errno(amy_datagrams_send(batch, ends[0]), ENOTSOCK);
	ck_assert_errno(amy_datagrams_send(batch, -1), EBADF);
	ck_assert_uint_eq(amy_datagrams_count(batch), 1);
	ck_assert_errno(amy_datagrams_receive(batch, ends[0]), ENOTSOCK);
	ck_assert_uint_eq(amy_datagrams_count(batch), 0);
	ck_assert_errno(amy_datagrams_receive(batch, -1), EBADF);
	close_pair(ends);
	stop();
}
END_TEST

START_TEST(interrupted_calls_go_on)
{
	start();
	for (unsigned i = 0; i < 3; i++)
		must_put(i);
	fault_set(FAULT_SEND, 1, EINTR);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 3);
	MUST(fault_clear());
	fault_set(FAULT_RECEIVE, 1, EINTR);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), 3);
	MUST(fault_clear());
	for (unsigned i = 0; i < 3; i++)
		must_be_number(i, i);
	stop();
}
END_TEST

#ifndef AMY_PORTABLE
/* It is one: the second would fail. */
START_TEST(many_take_as_few_system_calls_as_can_be)
{
	start();
	for (unsigned i = 0; i < MAX; i++)
		must_put(i);
	fault_set(FAULT_SEND, 2, EIO);
	fault_set(FAULT_RECEIVE, 2, EIO);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), MAX);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), MAX);
	MUST(!fault_clear());
	stop();
}
END_TEST
#else
START_TEST(error_after_some_were_received_or_sent_leaves_these)
{
	start();
	for (unsigned i = 0; i < 4; i++)
		must_put(i);
	fault_set(FAULT_SEND, 3, ENOBUFS);
	ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 4); /* it was not the first one's */
	MUST(fault_clear());
	fault_set(FAULT_RECEIVE, 3, ENOBUFS);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), 2);
	MUST(fault_clear());
	must_be_number(1, 1);
	ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), 2);
	must_be_number(1, 3);
	stop();
}
END_TEST
#endif

/* ---- Creation ---------------------------------------------------------------------- */

START_TEST(nothing_is_allocated_after_creation)
{
	start();
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	for (int turn = 0; turn < 10; turn++) {
		for (unsigned i = 0; i < MAX; i++)
			must_put(i);
		MUST(amy_datagrams_send(batch, fds[0]) == MAX);
		MUST(amy_datagrams_receive(batch, fds[1]) == MAX);
		amy_datagrams_drop(batch, 3);
		must_put(1);
		MUST(amy_datagrams_send(batch, fds[0]) == MAX - 2);
		MUST(amy_datagrams_receive(batch, fds[1]) == MAX - 2);
		amy_datagrams_drop(batch, MAX);
	}
	MUST(!fault_clear());
	stop();
}
END_TEST

START_TEST(largest_batch_works)
{
	const unsigned max = 1024;
	const size_t nbytes = 65535;

	batch = amy_datagrams_create(max, nbytes);
	MUST(batch != NULL);
	for (unsigned i = 0; i < max; i++)
		must_put(i);
	for (unsigned i = 0; i < max; i++) {
		memset(amy_datagrams_get(batch, i)->bytes, (int)i, nbytes);
		amy_datagrams_get(batch, i)->nbytes = nbytes;
	}
	for (unsigned i = 0; i < max; i++) {
		const char *bytes = amy_datagrams_get(batch, i)->bytes;

		MUST(bytes[0] == (char)i && bytes[nbytes - 1] == (char)i);
	}
	ck_assert_errno(amy_datagrams_put(batch, "x", 1, NULL, 0), ENOBUFS);
	amy_datagrams_destroy(batch);
}
END_TEST

START_TEST(batch_of_one_works)
{
	start();
	amy_datagrams_destroy(batch);
	batch = amy_datagrams_create(1, 1);
	MUST(batch != NULL);
	for (unsigned i = 0; i < 10; i++) {
		must_put(i);
		ck_assert_int_eq(amy_datagrams_send(batch, fds[0]), 1);
		ck_assert_int_eq(amy_datagrams_receive(batch, fds[1]), 1);
		must_be_number(0, i);
		amy_datagrams_drop(batch, 1);
	}
	stop();
}
END_TEST

static void
must_fail(unsigned max, size_t nbytes, int error)
{
	errno = 0;
	MUST(amy_datagrams_create(max, nbytes) == NULL);
	MUST(errno == error);
}

START_TEST(creation_with_what_is_out_of_range_is_invalid)
{
	must_fail(0, 1, EINVAL);
	must_fail(1025, 1, EINVAL);
	must_fail(UINT32_MAX, 1, EINVAL);
	must_fail(1, 0, EINVAL);
	must_fail(1, 65536, EINVAL);
	must_fail(1, SIZE_MAX, EINVAL);
}
END_TEST

START_TEST(creation_fails_without_memory_and_leaves_nothing)
{
	long allocated = fault_live_allocations();
	struct amy_datagrams *created = NULL;
	unsigned nfailed = 0;

	while (created == NULL) {
		fault_set(FAULT_ALLOCATION, nfailed + 1, ENOMEM);
		created = amy_datagrams_create(MAX, NBYTES);
		if (!fault_clear())
			break;
		nfailed++;
		MUST(created == NULL && errno == ENOMEM);
		MUST(fault_live_allocations() == allocated);
	}
	MUST(created != NULL);
	MUST(nfailed > 0);
	amy_datagrams_destroy(created);
	MUST(fault_live_allocations() == allocated);
}
END_TEST

START_TEST(null_may_be_destroyed)
{
	amy_datagrams_destroy(NULL);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("datagrams",
	    all_that_are_there_are_received_at_once,
	    nothing_there_is_no_error_and_is_not_waited_for,
	    more_than_there_is_room_for_are_received_by_the_next_calls,
	    what_was_in_the_batch_is_replaced,
	    datagram_that_is_too_long_is_truncated_and_the_next_one_is_whole,
	    place_of_a_truncated_one_is_as_any_other_later,
	    empty_datagrams_are_datagrams,
	    what_was_received_over_ipv4_is_sent_back_as_it_is,
	    what_was_received_over_ipv6_is_sent_back_as_it_is,
	    what_was_received_from_a_unix_socket_is_sent_back_as_it_is,
	    each_datagram_goes_to_its_own_address,
	    socket_without_a_name_has_no_address,
	    what_was_changed_is_sent_as_it_is_now,
	    full_batch_takes_no_more,
	    what_is_too_long_is_not_put,
	    no_more_are_dropped_than_there_are,
	    put_and_dropped_in_any_way_they_stay_in_order,
	    empty_batch_sends_nothing,
	    sent_datagrams_leave_the_batch,
	    there_is_room_for_long_ones_after_short_ones_were_sent,
	    what_the_socket_does_not_take_stays_in_order_for_later,
	    one_that_cannot_be_sent_is_told_of_when_it_is_the_first,
	    sending_where_nobody_may_write_any_more_is_an_error_and_no_signal,
	    refused_datagram_is_told_of_once_and_receiving_goes_on,
	    refused_datagram_may_be_told_of_by_sending_which_goes_on,
	    what_is_no_socket_is_refused,
	    interrupted_calls_go_on,
#ifndef AMY_PORTABLE
	    many_take_as_few_system_calls_as_can_be,
#else
	    error_after_some_were_received_or_sent_leaves_these,
#endif
	    nothing_is_allocated_after_creation,
	    largest_batch_works,
	    batch_of_one_works,
	    creation_with_what_is_out_of_range_is_invalid,
	    creation_fails_without_memory_and_leaves_nothing,
	    null_may_be_destroyed);
}
