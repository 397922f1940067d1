/* SPDX-License-Identifier: MIT */
/* How much of what was sent on a socket the other side has not read. */
#include <sys/socket.h>

#include "harness.h"
#include "unread.h"

static int fds[2];

/* As much as fits, but not more than so many bytes. Returns how many went. */
static size_t
send_some(struct unread *unread, size_t nbytes)
{
	static const char bytes[1000];
	size_t total = 0;

	while (total < nbytes) {
		ssize_t n = send(fds[0], bytes, sizeof bytes, MSG_DONTWAIT);

		if (n == -1)
			break;
		unread->nsent += (uint32_t)n;
		total += (size_t)n;
	}
	return total;
}

START_TEST(few_bytes_are_not_worth_a_look)
{
	struct unread unread = { 0 };

	ck_assert(!unread_is_due(&unread));
	unread.nsent = 100;
	ck_assert(!unread_is_due(&unread));
	unread.nsent = 1000000;
	ck_assert(unread_is_due(&unread));
}
END_TEST

START_TEST(any_byte_to_a_peer_that_has_not_read_all_is_worth_one)
{
	struct unread unread = { .nbytes = 1 };

	ck_assert(!unread_is_due(&unread)); /* nothing was sent since */
	unread.nsent = 1;
	ck_assert(unread_is_due(&unread));
}
END_TEST

START_TEST(unix_peer_that_does_not_read_is_seen_at_once)
{
	struct unread unread = { 0 };
	size_t nbytes;

	make_socketpair(fds);
	nbytes = send_some(&unread, 5000);
	unread_look(&unread, fds[0], false);
	ck_assert_uint_ge(unread.nbytes, nbytes);
	ck_assert_uint_eq(unread.nsent, 0);
	ck_assert_uint_eq(drain(fds[1]), nbytes);
	unread_look(&unread, fds[0], false);
	ck_assert_uint_eq(unread.nbytes, 0);
	close_pair(fds);
}
END_TEST

static bool
has_read_all(struct unread *unread)
{
	unread_look_again(unread, fds[0], true);
	return unread->nbytes == 0;
}

/* What its kernel has taken and acknowledged counts, too. */
START_TEST(tcp_peer_that_does_not_read_is_seen_before_its_kernel_takes_no_more)
{
	struct unread unread = { 0 };
	size_t nbytes = 0;

	make_tcp_pair(fds);
	while (unread.nbytes < 16384) {
		ck_assert_uint_eq(send_some(&unread, 1000), 1000);
		nbytes += 1000;
		unread_look(&unread, fds[0], true);
	}
	nbytes += send_some(&unread, SIZE_MAX);
	unread_look(&unread, fds[0], true);
	ck_assert_uint_gt(unread.nbytes, nbytes / 2);
	while (nbytes > 0) {
		nbytes -= drain(fds[1]);
		nap();
	}
	WAIT_UNTIL(has_read_all(&unread));
	close_pair(fds);
}
END_TEST

/* It may be so for good: the peer must not be passed over for ever. */
START_TEST(window_that_stays_small_is_forgiven_in_time)
{
	struct unread unread = { .window = 1u << 30, .nbytes = 1 };

	make_tcp_pair(fds);
	unread_look(&unread, fds[0], true);
	ck_assert_uint_gt(unread.nbytes, 1u << 29);
	for (int i = 0; i < 200 && unread.nbytes > 0; i++)
		unread_look_again(&unread, fds[0], true);
	ck_assert_uint_eq(unread.nbytes, 0);
	close_pair(fds);
}
END_TEST

START_TEST(what_cannot_be_looked_at_has_nothing_unread)
{
	struct unread unread = { .nsent = 5000 };

	unread_look(&unread, -1, true);
	ck_assert_uint_eq(unread.nbytes, 0);
}
END_TEST

int
main(void)
{
	return RUN_SUITE("unread", few_bytes_are_not_worth_a_look,
	                 any_byte_to_a_peer_that_has_not_read_all_is_worth_one,
	                 unix_peer_that_does_not_read_is_seen_at_once,
	                 tcp_peer_that_does_not_read_is_seen_before_its_kernel_takes_no_more,
	                 window_that_stays_small_is_forgiven_in_time,
	                 what_cannot_be_looked_at_has_nothing_unread);
}
