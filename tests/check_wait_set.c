/* SPDX-License-Identifier: MIT */
/*
 * The wait set as amy.h describes it, over real descriptors; and beside a poller, with
 * registrations that a thread owns.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"

/* What events are known by in most tests: no id that a registration has. */
enum { SOME_ID = 7, OTHER_ID = 8 };

static struct amy_wait_set *set;
static int fds[2]; /* fds[0] is in the set, fds[1] is the peer */

/* Only with start_with_poller(). */
static struct amy_poller *poller;
static struct amy_registrar *registrar;
static char data;

static void
start(void)
{
	set = amy_wait_set_create();
	MUST(set != NULL);
	make_socketpair(fds);
}

static void
stop(void)
{
	amy_wait_set_destroy(set);
	close_pair(fds);
}

static void
start_with_poller(void)
{
	start();
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
}

static void
stop_with_poller(void)
{
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	stop();
}

static void
must_add(int fd, unsigned interest)
{
	MUST(amy_wait_set_add(set, fd, interest, SOME_ID) == 0);
}

static void
must_modify(int fd, unsigned interest)
{
	MUST(amy_wait_set_modify(set, fd, interest, SOME_ID) == 0);
}

/* The events that a wait tells of the one descriptor in the set; 0: it tells nothing. */
static unsigned
events_within(int timeout_ms, amy_id id)
{
	struct amy_notification told[2] = { { .data = &data } };
	int n = amy_wait_set_wait(set, told, 2, timeout_ms);

	MUST(n == 0 || n == 1);
	if (n == 0)
		return 0;
	MUST(told[0].id == id);
	MUST(told[0].data == NULL);
	MUST(told[0].events != 0);
	return told[0].events;
}

/* What is reported right now. */
static unsigned
reported(void)
{
	return events_within(0, SOME_ID);
}

/* The same for what another host might need a moment for. */
static unsigned
waited_for(void)
{
	return events_within(-1, SOME_ID);
}

#define ck_assert_errno(call, error)                                                     \
	do {                                                                             \
		errno = 0;                                                               \
		ck_assert_int_eq(call, -1);                                              \
		ck_assert_int_eq(errno, error);                                          \
	} while (0)

/* ---- Events ----------------------------------------------------------------------- */

START_TEST(what_is_readable_is_reported_by_every_wait_until_it_was_read)
{
	start();
	must_add(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_uint_eq(drain(fds[0]), 1);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(what_was_read_in_part_is_still_reported)
{
	char byte;

	start();
	must_add(fds[0], AMY_READ);
	put_byte(fds[1]);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	MUST(read(fds[0], &byte, 1) == 1);
	ck_assert_uint_eq(reported(), AMY_READ);
	MUST(read(fds[0], &byte, 1) == 1);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(what_was_there_before_is_reported)
{
	start();
	put_byte(fds[1]);
	must_add(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(write_is_reported_as_long_as_there_is_room)
{
	start();
	must_add(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	fill(fds[0]);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	drain(fds[1]);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(both_are_reported_together)
{
	start();
	put_byte(fds[1]);
	must_add(fds[0], AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_WRITE);
	fill(fds[0]);
	ck_assert_uint_eq(reported(), AMY_READ);
	drain(fds[0]);
	ck_assert_uint_eq(reported(), 0);
	drain(fds[1]);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(half_close_is_read_and_hup_until_it_is_removed)
{
	start();
	must_add(fds[0], AMY_READ);
	shutdown(fds[1], SHUT_WR);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(reported(), AMY_READ | AMY_HUP);
		ck_assert_uint_eq(drain(fds[0]), 0);
	}
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(half_close_is_no_hup_without_an_interest_in_reading)
{
	const unsigned others[] = { 0, AMY_HUP, AMY_ERROR, AMY_HUP | AMY_ERROR };

	start();
	must_add(fds[0], AMY_WRITE);
	shutdown(fds[1], SHUT_WR);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		must_modify(fds[0], others[i]);
		ck_assert_uint_eq(reported(), 0);
	}
	must_modify(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_HUP);
	stop();
}
END_TEST

START_TEST(full_close_is_hup_whatever_the_interest)
{
	start();
	must_add(fds[0], 0);
	close(fds[1]);
	ck_assert_uint_eq(reported(), AMY_HUP);
	must_modify(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_HUP);
	must_modify(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE | AMY_HUP);
	amy_wait_set_destroy(set);
	close(fds[0]);
}
END_TEST

START_TEST(half_close_and_full_close_over_tcp)
{
	int tcp[2];

	start();
	make_tcp_pair(tcp);
	must_add(tcp[0], AMY_READ);
	shutdown(tcp[1], SHUT_WR);
	ck_assert_uint_eq(waited_for(), AMY_READ | AMY_HUP);
	must_modify(tcp[0], 0);
	ck_assert_uint_eq(reported(), 0);
	shutdown(tcp[0], SHUT_WR);
	ck_assert_uint_eq(waited_for(), AMY_HUP);
	close_pair(tcp);
	stop();
}
END_TEST

START_TEST(without_interest_hang_ups_are_reported_and_data_is_not)
{
	start();
	must_add(fds[0], 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	shutdown(fds[0], SHUT_RDWR);
	ck_assert_uint_eq(reported(), AMY_HUP);
	ck_assert_uint_eq(reported(), AMY_HUP);
	stop();
}
END_TEST

START_TEST(without_interest_errors_are_reported)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int tcp[2], ends[2];
	char byte;

	start();
	make_tcp_pair(tcp);
	must_add(tcp[0], 0);
	MUST(setsockopt(tcp[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
	close(tcp[1]);
	ck_assert_uint_eq(waited_for(), AMY_HUP | AMY_ERROR);
	/* libkqueue reads SO_ERROR, which takes the error away. */
	if (!kernel_is_emulated())
		ck_assert_errno((int)read(tcp[0], &byte, 1), ECONNRESET);
	ck_assert_int_eq(amy_wait_set_remove(set, tcp[0]), 0);
	close(tcp[0]);

	make_pipe(ends);
	must_add(ends[1], 0);
	ck_assert_uint_eq(reported(), 0);
	close(ends[0]);
	ck_assert_uint_eq(reported(), AMY_ERROR);
	ck_assert_int_eq(amy_wait_set_remove(set, ends[1]), 0);
	close(ends[1]);
	stop();
}
END_TEST

START_TEST(ids_come_back_as_they_were_given)
{
	const amy_id ids[] = { 0, 1, 0xffffffff, (amy_id)1 << 32, UINT64_MAX };

	start();
	put_byte(fds[1]);
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		ck_assert_int_eq(amy_wait_set_add(set, fds[0], AMY_READ, ids[i]), 0);
		ck_assert_uint_eq(events_within(0, ids[i]), AMY_READ);
		ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	}
	stop();
}
END_TEST

START_TEST(each_descriptor_is_known_by_its_own_id)
{
	struct amy_notification told[2];

	start();
	ck_assert_int_eq(amy_wait_set_add(set, fds[0], AMY_READ, SOME_ID), 0);
	ck_assert_int_eq(amy_wait_set_add(set, fds[1], AMY_READ, OTHER_ID), 0);
	put_byte(fds[0]);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 1);
	ck_assert_uint_eq(told[0].id, OTHER_ID);
	drain(fds[1]);
	put_byte(fds[1]);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 1);
	ck_assert_uint_eq(told[0].id, SOME_ID);
	put_byte(fds[0]);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 2);
	ck_assert_uint_eq(told[0].id + told[1].id, SOME_ID + OTHER_ID);
	ck_assert_uint_ne(told[0].id, told[1].id);
	stop();
}
END_TEST

/* ---- Modifying and removing ------------------------------------------------------- */

START_TEST(modified_interest_replaces_the_one_before)
{
	start();
	put_byte(fds[1]);
	must_add(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	must_modify(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	must_modify(fds[0], 0);
	ck_assert_uint_eq(reported(), 0);
	must_modify(fds[0], AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_WRITE);
	stop();
}
END_TEST

START_TEST(modified_id_replaces_the_one_before)
{
	start();
	put_byte(fds[1]);
	must_add(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_int_eq(amy_wait_set_modify(set, fds[0], AMY_READ, OTHER_ID), 0);
	ck_assert_uint_eq(events_within(0, OTHER_ID), AMY_READ);
	stop();
}
END_TEST

START_TEST(removed_descriptor_is_silent_and_works)
{
	start();
	put_byte(fds[1]);
	must_add(fds[0], AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_WRITE);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert_uint_eq(reported(), 0);
	ck_assert_uint_eq(drain(fds[0]), 1);
	put_byte(fds[0]);
	ck_assert_uint_eq(drain(fds[1]), 1);
	shutdown(fds[0], SHUT_RDWR);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(removed_descriptor_may_be_added_again)
{
	start();
	put_byte(fds[1]);
	for (int i = 0; i < 3; i++) {
		must_add(fds[0], AMY_READ);
		ck_assert_uint_eq(reported(), AMY_READ);
		ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
		ck_assert_uint_eq(reported(), 0);
	}
	stop();
}
END_TEST

START_TEST(number_of_a_closed_descriptor_may_be_another_one_s)
{
	int again[2];

	start();
	must_add(fds[0], AMY_WRITE);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	close_pair(fds);
	make_socketpair(again);
	ck_assert_int_eq(again[0], fds[0]);
	ck_assert_int_eq(amy_wait_set_add(set, again[0], AMY_WRITE, OTHER_ID), 0);
	ck_assert_uint_eq(events_within(0, OTHER_ID), AMY_WRITE);
	stop();
}
END_TEST

/* ---- Errors ----------------------------------------------------------------------- */

START_TEST(unknown_interest_is_refused)
{
	const unsigned wrong[] = { 16, AMY_READ | 32, 1u << 31, ~0u };

	start();
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_errno(amy_wait_set_add(set, fds[0], wrong[i], SOME_ID), EINVAL);
		ck_assert_errno(amy_wait_set_remove(set, fds[0]), ENOENT);
	}
	must_add(fds[0], AMY_WRITE);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_errno(amy_wait_set_modify(set, fds[0], wrong[i], OTHER_ID), EINVAL);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(every_bit_of_an_interest_is_accepted)
{
	start();
	must_add(fds[0], AMY_READ | AMY_WRITE | AMY_HUP | AMY_ERROR);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(descriptor_that_is_in_the_set_is_not_added_again)
{
	start();
	must_add(fds[0], AMY_WRITE);
	ck_assert_errno(amy_wait_set_add(set, fds[0], AMY_BOTH, OTHER_ID), EEXIST);
	ck_assert_errno(amy_wait_set_add(set, fds[0], AMY_WRITE, SOME_ID), EEXIST);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(descriptor_that_is_not_in_the_set_is_neither_modified_nor_removed)
{
	start();
	ck_assert_errno(amy_wait_set_modify(set, fds[0], AMY_WRITE, SOME_ID), ENOENT);
	ck_assert_errno(amy_wait_set_remove(set, fds[0]), ENOENT);
	ck_assert_uint_eq(reported(), 0);
	must_add(fds[0], AMY_WRITE);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert_errno(amy_wait_set_modify(set, fds[0], AMY_WRITE, SOME_ID), ENOENT);
	ck_assert_errno(amy_wait_set_remove(set, fds[0]), ENOENT);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(closed_descriptor_is_refused)
{
	int ends[2];

	make_pipe(ends);
	start();
	close_pair(ends);
	ck_assert_errno(amy_wait_set_add(set, -1, AMY_READ, SOME_ID), EBADF);
	ck_assert_errno(amy_wait_set_add(set, ends[0], AMY_READ, SOME_ID), EBADF);
	ck_assert_errno(amy_wait_set_modify(set, ends[0], AMY_READ, SOME_ID), EBADF);
	ck_assert_errno(amy_wait_set_remove(set, ends[0]), EBADF);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

/* It is never in a set, and whoever tries to modify or remove it hears of that, too. */
START_TEST(regular_file_cannot_be_polled)
{
	char path[] = "/tmp/check_wait_set.XXXXXX";
	int fd = mkstemp(path);

	MUST(fd != -1);
	MUST(unlink(path) == 0);
	start();
	ck_assert_errno(amy_wait_set_add(set, fd, AMY_READ, SOME_ID), EPERM);
	ck_assert_int_eq(amy_wait_set_modify(set, fd, AMY_READ, SOME_ID), -1);
	ck_assert_int_eq(amy_wait_set_remove(set, fd), -1);
	ck_assert_uint_eq(reported(), 0);
	stop();
	close(fd);
}
END_TEST

START_TEST(set_needs_a_descriptor)
{
	struct rlimit limit, none;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 0;
	MUST(amy_wait_set_create() == NULL);
	MUST(errno == EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	start();
	stop();
}
END_TEST

/* ---- Waiting ---------------------------------------------------------------------- */

START_TEST(wait_for_no_notifications_is_invalid)
{
	struct amy_notification told;

	start();
	must_add(fds[0], AMY_WRITE);
	ck_assert_errno(amy_wait_set_wait(set, &told, 0, 0), EINVAL);
	ck_assert_errno(amy_wait_set_wait(set, &told, -1, -1), EINVAL);
	ck_assert_int_eq(amy_wait_set_wait(set, &told, 1, 0), 1);
	stop();
}
END_TEST

START_TEST(wait_fills_no_more_than_was_asked_for)
{
	struct amy_notification told[3] = { { 0 } };
	int pairs[4][2];

	start();
	for (amy_id i = 0; i < 4; i++) {
		make_socketpair(pairs[i]);
		MUST(amy_wait_set_add(set, pairs[i][0], AMY_WRITE, i + 1) == 0);
	}
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 2);
	ck_assert_uint_ne(told[0].id, told[1].id);
	ck_assert_uint_eq(told[2].id, 0);
	for (int i = 0; i < 2; i++)
		MUST(amy_wait_set_remove(set, pairs[told[i].id - 1][0]) == 0);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 3, 0), 2);
	for (int i = 0; i < 4; i++)
		close_pair(pairs[i]);
	stop();
}
END_TEST

START_TEST(wait_for_very_many_counts_as_256)
{
	enum { NPAIRS = 150, NALL = 2 * NPAIRS };
	static struct amy_notification told[NALL];
	static int pairs[NPAIRS][2];
	bool seen[NALL] = { false };
	int n;

	start();
	for (int i = 0; i < NPAIRS; i++)
		make_socketpair(pairs[i]);
	for (int i = 0; i < NALL; i++)
		MUST(amy_wait_set_add(set, pairs[i / 2][i % 2], AMY_WRITE, (amy_id)i) == 0);
	n = amy_wait_set_wait(set, told, NALL, 0);
	ck_assert_int_eq(n, 256);
	for (int i = 0; i < n; i++)
		MUST(amy_wait_set_remove(set, pairs[told[i].id / 2][told[i].id % 2]) == 0);
	n += amy_wait_set_wait(set, told + n, NALL - n, 0);
	ck_assert_int_eq(n, NALL);
	for (int i = 0; i < n; i++) {
		MUST(!seen[told[i].id]);
		seen[told[i].id] = true;
	}
	for (int i = 0; i < NPAIRS; i++)
		close_pair(pairs[i]);
	stop();
}
END_TEST

START_TEST(wait_returns_0_when_its_time_has_passed)
{
	struct amy_notification told = { .id = SOME_ID };

	start();
	ck_assert_int_eq(amy_wait_set_wait(set, &told, 1, 0), 0);
	ck_assert_int_eq(amy_wait_set_wait(set, &told, 1, 1), 0);
	must_add(fds[0], AMY_READ);
	ck_assert_int_eq(amy_wait_set_wait(set, &told, 1, 0), 0);
	ck_assert_int_eq(amy_wait_set_wait(set, &told, 1, 20), 0);
	ck_assert_uint_eq(told.id, SOME_ID);
	stop();
}
END_TEST

START_TEST(what_is_ready_does_not_wait_for_the_time)
{
	start();
	put_byte(fds[1]);
	must_add(fds[0], AMY_READ);
	ck_assert_uint_eq(events_within(INT_MAX, SOME_ID), AMY_READ);
	ck_assert_uint_eq(events_within(-1, SOME_ID), AMY_READ);
	stop();
}
END_TEST

START_TEST(waiting_allocates_nothing)
{
	struct amy_notification told[2];

	start();
	MUST(amy_wait_set_add(set, fds[0], AMY_READ, SOME_ID) == 0);
	MUST(amy_wait_set_add(set, fds[1], AMY_WRITE, OTHER_ID) == 0);
	put_byte(fds[1]);
	fault_set(FAULT_ALLOCATION, 1, ENOMEM);
	MUST(amy_wait_set_wait(set, told, 2, -1) == 2);
	MUST(amy_wait_set_wait(set, told, 1, 0) == 1);
	MUST(amy_wait_set_modify(set, fds[0], 0, SOME_ID) == 0);
	MUST(amy_wait_set_modify(set, fds[1], 0, OTHER_ID) == 0);
	MUST(amy_wait_set_wait(set, told, 2, 1) == 0);
	MUST(!fault_clear());
	stop();
}
END_TEST

/* ---- Lifetimes -------------------------------------------------------------------- */

START_TEST(set_is_one_descriptor)
{
	SKIP_UNLESS(!kernel_is_emulated(), "a kqueue of libkqueue is many descriptors");
	size_t before = count_descriptors();

	start();
	ck_assert_uint_eq(count_descriptors(), before + 3);
	must_add(fds[0], AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	ck_assert_uint_eq(count_descriptors(), before + 3);
	stop();
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

START_TEST(destroyed_set_leaves_the_descriptors_alone)
{
	start();
	must_add(fds[0], AMY_BOTH);
	amy_wait_set_destroy(set);
	put_byte(fds[0]);
	ck_assert_uint_eq(drain(fds[1]), 1);
	set = amy_wait_set_create();
	MUST(set != NULL);
	must_add(fds[0], AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(null_may_be_destroyed)
{
	size_t before = count_descriptors();

	amy_wait_set_destroy(NULL);
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

START_TEST(sets_know_nothing_of_each_other)
{
	struct amy_wait_set *second;
	struct amy_notification told;

	start();
	second = amy_wait_set_create();
	MUST(second != NULL);
	must_add(fds[0], AMY_READ);
	ck_assert_errno(amy_wait_set_remove(second, fds[0]), ENOENT);
	ck_assert_int_eq(amy_wait_set_add(second, fds[0], AMY_WRITE, OTHER_ID), 0);
	ck_assert_uint_eq(reported(), 0);
	ck_assert_int_eq(amy_wait_set_wait(second, &told, 1, 0), 1);
	ck_assert_uint_eq(told.id, OTHER_ID);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_int_eq(amy_wait_set_wait(second, &told, 1, 0), 1);
	ck_assert_uint_eq(told.events, AMY_WRITE);
	amy_wait_set_destroy(second);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

/* ---- Beside a poller -------------------------------------------------------------- */

static amy_id
registered(int fd, unsigned interest)
{
	amy_id id = 0;

	MUST(amy_registrar_register(registrar, fd, interest, &data, &id) == 0);
	return id;
}

/* What the poller tells right now of the one registration; 0: nothing. */
static unsigned
polled(amy_id id)
{
	struct amy_notification told;
	int n = amy_poller_wait(poller, &told, 1, 0);

	MUST(n == 0 || n == 1);
	if (n == 0)
		return 0;
	MUST(told.id == id);
	MUST(told.data == &data);
	return told.events;
}

/* fds[0], which has told of a byte: read it, it is ours. */
static amy_id
told_and_owned(void)
{
	amy_id id = registered(fds[0], AMY_READ);

	put_byte(fds[1]);
	MUST(polled(id) == AMY_READ);
	MUST(drain(fds[0]) == 1);
	return id;
}

static void
must_add_owned(amy_id id)
{
	MUST(amy_wait_set_add(set, fds[0], AMY_READ, id) == 0);
}

START_TEST(owned_registration_is_told_by_the_set_and_not_by_the_poller)
{
	amy_id id;

	start_with_poller();
	id = told_and_owned();
	must_add_owned(id);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(events_within(0, id), 0);
		put_byte(fds[1]);
		ck_assert_uint_eq(polled(id), 0);
		ck_assert_uint_eq(events_within(0, id), AMY_READ);
		ck_assert_uint_eq(polled(id), 0);
		ck_assert_uint_eq(drain(fds[0]), 1);
	}
	shutdown(fds[0], SHUT_RDWR);
	ck_assert_uint_eq(polled(id), 0);
	ck_assert_uint_eq(events_within(0, id), AMY_READ | AMY_HUP);
	stop_with_poller();
}
END_TEST

START_TEST(what_came_while_it_was_in_the_set_fires_in_the_poller_when_armed_again)
{
	amy_id id;

	start_with_poller();
	id = told_and_owned();
	must_add_owned(id);
	put_byte(fds[1]);
	ck_assert_uint_eq(events_within(0, id), AMY_READ);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert_uint_eq(polled(id), 0);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_READ), 0);
	ck_assert_uint_eq(events_within(0, id), 0);
	ck_assert_uint_eq(polled(id), AMY_READ);
	ck_assert_uint_eq(drain(fds[0]), 1);
	stop_with_poller();
}
END_TEST

START_TEST(what_came_on_the_way_back_fires_in_the_poller)
{
	amy_id id;

	start_with_poller();
	id = told_and_owned();
	must_add_owned(id);
	ck_assert_uint_eq(events_within(0, id), 0);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	put_byte(fds[1]);
	shutdown(fds[1], SHUT_WR);
	ck_assert_uint_eq(events_within(0, id), 0);
	ck_assert_uint_eq(polled(id), 0);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_READ), 0);
	ck_assert_uint_eq(polled(id), AMY_READ | AMY_HUP);
	stop_with_poller();
}
END_TEST

START_TEST(registration_goes_to_the_set_and_back_many_times)
{
	amy_id id;

	start_with_poller();
	id = told_and_owned();
	for (int i = 0; i < 100; i++) {
		must_add_owned(id);
		put_byte(fds[1]);
		MUST(events_within(0, id) == AMY_READ);
		MUST(drain(fds[0]) == 1);
		MUST(amy_wait_set_remove(set, fds[0]) == 0);
		MUST(amy_registrar_rearm(registrar, id, AMY_READ) == 0);
		MUST(polled(id) == 0);
		put_byte(fds[1]);
		MUST(events_within(0, id) == 0);
		MUST(polled(id) == AMY_READ);
		MUST(drain(fds[0]) == 1);
	}
	stop_with_poller();
}
END_TEST

START_TEST(registration_never_armed_may_be_in_the_set)
{
	amy_id id;

	start_with_poller();
	id = registered(fds[0], 0);
	put_byte(fds[1]);
	must_add_owned(id);
	ck_assert_uint_eq(events_within(0, id), AMY_READ);
	ck_assert_uint_eq(polled(id), 0);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_READ), 0);
	ck_assert_uint_eq(polled(id), AMY_READ);
	stop_with_poller();
}
END_TEST

START_TEST(registration_taken_from_the_kernel_may_be_in_the_set)
{
	amy_id id;

	start_with_poller();
	id = registered(fds[0], AMY_READ);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	must_add_owned(id);
	put_byte(fds[1]);
	ck_assert_uint_eq(polled(id), 0);
	ck_assert_uint_eq(events_within(0, id), AMY_READ);
	ck_assert_uint_eq(polled(id), 0);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_READ), 0);
	ck_assert_uint_eq(polled(id), AMY_READ);
	stop_with_poller();
}
END_TEST

START_TEST(registration_may_end_while_its_descriptor_is_in_the_set)
{
	amy_id id, successor;

	start_with_poller();
	id = told_and_owned();
	must_add_owned(id);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(events_within(0, id), AMY_READ);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	successor = registered(fds[0], AMY_READ);
	ck_assert_uint_ne(successor, id);
	ck_assert_uint_eq(polled(successor), AMY_READ);
	stop_with_poller();
}
END_TEST

START_TEST(pipe_of_the_thread_and_a_registration_are_waited_for_together)
{
	struct amy_notification told[2];
	int ends[2];
	amy_id id;

	start_with_poller();
	make_pipe(ends);
	id = told_and_owned();
	must_add_owned(id);
	ck_assert_int_eq(amy_wait_set_add(set, ends[0], AMY_READ, 0), 0);
	put_byte(ends[1]);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 1);
	ck_assert_uint_eq(told[0].id, 0);
	put_byte(fds[1]);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 2);
	ck_assert_uint_eq(told[0].id + told[1].id, id);
	drain(ends[0]);
	ck_assert_int_eq(amy_wait_set_wait(set, told, 2, 0), 1);
	ck_assert_uint_eq(told[0].id, id);
	close_pair(ends);
	stop_with_poller();
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

/* A thread in amy_wait_set_wait(), or in amy_poller_wait(). */
struct waiter {
	pthread_t thread;
	_Atomic pid_t tid;
	atomic_bool done;
	bool polls;
	int timeout_ms;
	int result;
	struct amy_notification told;
};

static void *
waiter_run(void *argument)
{
	struct waiter *waiter = argument;

	atomic_store(&waiter->tid, gettid());
	if (waiter->polls)
		waiter->result = amy_poller_wait(poller, &waiter->told, 1, waiter->timeout_ms);
	else
		waiter->result = amy_wait_set_wait(set, &waiter->told, 1, waiter->timeout_ms);
	atomic_store(&waiter->done, true);
	return NULL;
}

/* It is blocked when this returns, as far as one can tell. */
static void
waiter_start(struct waiter *waiter, bool polls, int timeout_ms)
{
	*waiter = (struct waiter){ .polls = polls, .timeout_ms = timeout_ms, .result = -2 };
	waiter->thread = spawn(waiter_run, waiter);
	WAIT_UNTIL(atomic_load(&waiter->tid) != 0);
	WAIT_UNTIL(atomic_load(&waiter->done) || is_asleep(atomic_load(&waiter->tid)));
}

static void
waiter_must_be_told(struct waiter *waiter, amy_id id, unsigned events)
{
	join(waiter->thread);
	ck_assert_int_eq(waiter->result, 1);
	ck_assert_uint_eq(waiter->told.id, id);
	ck_assert_uint_eq(waiter->told.events, events);
}

START_TEST(byte_that_comes_later_ends_a_wait)
{
	const int timeouts_ms[] = { -1, INT_MAX };
	struct waiter waiter;

	start();
	must_add(fds[0], AMY_READ);
	for (size_t i = 0; i < sizeof timeouts_ms / sizeof timeouts_ms[0]; i++) {
		waiter_start(&waiter, false, timeouts_ms[i]);
		put_byte(fds[1]);
		waiter_must_be_told(&waiter, SOME_ID, AMY_READ);
		drain(fds[0]);
	}
	stop();
}
END_TEST

START_TEST(thread_that_waits_in_the_poller_sleeps_while_another_one_serves)
{
	struct waiter waiter;
	amy_id id;

	start_with_poller();
	id = told_and_owned();
	waiter_start(&waiter, true, -1);
	must_add_owned(id);
	for (int i = 0; i < 100; i++) {
		put_byte(fds[1]);
		MUST(events_within(-1, id) == AMY_READ);
		MUST(drain(fds[0]) == 1);
	}
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
	ck_assert(!atomic_load(&waiter.done));
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_WRITE), 0);
	waiter_must_be_told(&waiter, id, AMY_WRITE);
	stop_with_poller();
}
END_TEST

static atomic_int nsignals;

static void
count_signal(int number)
{
	(void)number;
	atomic_fetch_add(&nsignals, 1);
}

static void
count_signals(int number)
{
	struct sigaction action = { .sa_handler = count_signal };

	MUST(sigaction(number, &action, NULL) == 0);
}

/* A wait that a signal had ended would not be there for the byte that comes after it. */
static void
signals_must_not_end_a_wait_of(int timeout_ms)
{
	enum { NSIGNALS = 200 };
	struct waiter waiter;

	atomic_store(&nsignals, 0);
	must_add(fds[0], AMY_READ);
	waiter_start(&waiter, false, timeout_ms);
	for (int i = 0; i < NSIGNALS; i++) {
		MUST(pthread_kill(waiter.thread, SIGUSR1) == 0);
		WAIT_UNTIL(atomic_load(&nsignals) > i || atomic_load(&waiter.done));
		MUST(!atomic_load(&waiter.done));
	}
	put_byte(fds[1]);
	waiter_must_be_told(&waiter, SOME_ID, AMY_READ);
	ck_assert_int_eq(atomic_load(&nsignals), NSIGNALS);
	drain(fds[0]);
	ck_assert_int_eq(amy_wait_set_remove(set, fds[0]), 0);
}

START_TEST(signals_do_not_end_a_wait)
{
	count_signals(SIGUSR1);
	start();
	signals_must_not_end_a_wait_of(-1);
	signals_must_not_end_a_wait_of(INT_MAX);
	stop();
}
END_TEST

/* Begun anew by each of them, the wait would have no end as long as they come. */
START_TEST(signals_do_not_make_a_wait_longer)
{
	const struct itimerval often = { .it_interval.tv_usec = 1000,
		                         .it_value.tv_usec = 1000 };
	const struct itimerval never = { .it_value.tv_usec = 0 };

	count_signals(SIGALRM);
	start();
	must_add(fds[0], AMY_READ);
	MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
	ck_assert_uint_eq(events_within(100, SOME_ID), 0);
	MUST(setitimer(ITIMER_REAL, &never, NULL) == 0);
	ck_assert_int_gt(atomic_load(&nsignals), 0);
	stop();
}
END_TEST

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A signal in the last millisecond used to end it there. */
START_TEST(interrupted_wait_does_not_end_before_its_time)
{
	const struct itimerval often = { .it_interval.tv_usec = 100, .it_value.tv_usec = 100 };

	count_signals(SIGALRM);
	start();
	must_add(fds[0], AMY_READ);
	MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (int i = 0; i < 50; i++) {
		int64_t from = now_ns();

		MUST(events_within(3, SOME_ID) == 0);
		MUST(now_ns() - from >= 3000000);
	}
	MUST(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL) == 0);
	ck_assert_int_gt(atomic_load(&nsignals), 0);
	stop();
}
END_TEST

START_TEST(set_may_be_handed_to_another_thread)
{
	struct waiter waiter;

	start();
	must_add(fds[0], AMY_READ);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	waiter_start(&waiter, false, -1);
	waiter_must_be_told(&waiter, SOME_ID, AMY_READ);
	ck_assert_uint_eq(drain(fds[0]), 1);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

/* Work for many threads, each with a set: who is told of a source reads all it has. */
enum { NWORKERS = 4, NSOURCES = 16, NBYTES = 100 };

static struct source {
	int fds[2];
	amy_id id;
	atomic_bool held;
} sources[NSOURCES];
static atomic_int nread;

static struct {
	int fds[2];
	amy_id id;
} bell;

/* It is ours alone, from the event until it is armed again. */
static void
source_read_all(struct source *source, struct amy_wait_set *own)
{
	struct amy_notification told;
	char byte;
	int n = 0;

	MUST(!atomic_exchange(&source->held, true));
	MUST(amy_wait_set_add(own, source->fds[0], AMY_READ, source->id) == 0);
	while (amy_wait_set_wait(own, &told, 1, 0) == 1) {
		MUST(told.id == source->id);
		MUST(told.events == AMY_READ);
		MUST(read(source->fds[0], &byte, 1) == 1);
		n++;
	}
	MUST(amy_wait_set_remove(own, source->fds[0]) == 0);
	atomic_store(&source->held, false);
	MUST(amy_registrar_rearm(registrar, source->id, AMY_READ) == 0);
	if (n > 0 && atomic_fetch_add(&nread, n) + n == NSOURCES * NBYTES)
		put_byte(bell.fds[1]);
}

/* Until the bell rings; who hears it passes it on. */
static void *
work(void *unused)
{
	struct amy_wait_set *own = amy_wait_set_create();
	struct amy_notification told;

	(void)unused;
	MUST(own != NULL);
	for (;;) {
		MUST(amy_poller_wait(poller, &told, 1, -1) == 1);
		if (told.data == &bell)
			break;
		source_read_all(told.data, own);
	}
	amy_wait_set_destroy(own);
	MUST(amy_registrar_rearm(registrar, bell.id, AMY_READ) == 0);
	return NULL;
}

static void
sources_open(void)
{
	make_socketpair(bell.fds);
	MUST(amy_registrar_register(registrar, bell.fds[0], AMY_READ, &bell, &bell.id) == 0);
	for (int i = 0; i < NSOURCES; i++) {
		make_socketpair(sources[i].fds);
		MUST(amy_registrar_register(registrar, sources[i].fds[0], AMY_READ, &sources[i],
		                            &sources[i].id) == 0);
	}
}

static void
sources_close(void)
{
	for (int i = 0; i < NSOURCES; i++)
		close_pair(sources[i].fds);
	close_pair(bell.fds);
}

START_TEST(many_threads_serve_what_they_are_told_of_and_give_it_back)
{
	pthread_t workers[NWORKERS];

	start_with_poller();
	sources_open();
	for (int i = 0; i < NWORKERS; i++)
		workers[i] = spawn(work, NULL);
	for (int k = 0; k < NBYTES; k++)
		for (int i = 0; i < NSOURCES; i++)
			put_byte(sources[i].fds[1]);
	for (int i = 0; i < NWORKERS; i++)
		join(workers[i]);
	ck_assert_int_eq(atomic_load(&nread), NSOURCES * NBYTES);
	for (int i = 0; i < NSOURCES; i++)
		ck_assert_uint_eq(drain(sources[i].fds[0]), 0);
	sources_close();
	stop_with_poller();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("wait_set",
	    what_is_readable_is_reported_by_every_wait_until_it_was_read,
	    what_was_read_in_part_is_still_reported,
	    what_was_there_before_is_reported,
	    write_is_reported_as_long_as_there_is_room,
	    both_are_reported_together,
	    half_close_is_read_and_hup_until_it_is_removed,
	    half_close_is_no_hup_without_an_interest_in_reading,
	    full_close_is_hup_whatever_the_interest,
	    half_close_and_full_close_over_tcp,
	    without_interest_hang_ups_are_reported_and_data_is_not,
	    without_interest_errors_are_reported,
	    ids_come_back_as_they_were_given,
	    each_descriptor_is_known_by_its_own_id,
	    modified_interest_replaces_the_one_before,
	    modified_id_replaces_the_one_before,
	    removed_descriptor_is_silent_and_works,
	    removed_descriptor_may_be_added_again,
	    number_of_a_closed_descriptor_may_be_another_one_s,
	    unknown_interest_is_refused,
	    every_bit_of_an_interest_is_accepted,
	    descriptor_that_is_in_the_set_is_not_added_again,
	    descriptor_that_is_not_in_the_set_is_neither_modified_nor_removed,
	    closed_descriptor_is_refused,
	    regular_file_cannot_be_polled,
	    set_needs_a_descriptor,
	    wait_for_no_notifications_is_invalid,
	    wait_fills_no_more_than_was_asked_for,
	    wait_for_very_many_counts_as_256,
	    wait_returns_0_when_its_time_has_passed,
	    what_is_ready_does_not_wait_for_the_time,
	    waiting_allocates_nothing,
	    set_is_one_descriptor,
	    destroyed_set_leaves_the_descriptors_alone,
	    null_may_be_destroyed,
	    sets_know_nothing_of_each_other,
	    owned_registration_is_told_by_the_set_and_not_by_the_poller,
	    what_came_while_it_was_in_the_set_fires_in_the_poller_when_armed_again,
	    what_came_on_the_way_back_fires_in_the_poller,
	    registration_goes_to_the_set_and_back_many_times,
	    registration_never_armed_may_be_in_the_set,
	    registration_taken_from_the_kernel_may_be_in_the_set,
	    registration_may_end_while_its_descriptor_is_in_the_set,
	    pipe_of_the_thread_and_a_registration_are_waited_for_together,
	    byte_that_comes_later_ends_a_wait,
	    thread_that_waits_in_the_poller_sleeps_while_another_one_serves,
	    signals_do_not_end_a_wait,
	    signals_do_not_make_a_wait_longer,
	    interrupted_wait_does_not_end_before_its_time,
	    set_may_be_handed_to_another_thread,
	    many_threads_serve_what_they_are_told_of_and_give_it_back);
}
