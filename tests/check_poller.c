/* SPDX-License-Identifier: MIT */
/*
 * The poller and its registrars as amy.h describes them, over real descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "amy.h"
#include "harness.h"

static struct amy_poller *poller;
static struct amy_registrar *registrar;
static int fds[2]; /* fds[0] is registered, fds[1] is the peer */
static char data, other_data;

static void
start(void)
{
	poller = amy_poller_create();
	MUST(poller != NULL);
	registrar = amy_registrar_create(poller);
	MUST(registrar != NULL);
	make_socketpair(fds);
}

static void
stop(void)
{
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	close_pair(fds);
}

static amy_id
registered(int fd, unsigned interest)
{
	amy_id id = 0;

	MUST(amy_registrar_register(registrar, fd, interest, &data, &id) == 0);
	MUST(id != 0);
	return id;
}

/* What is reported right now: the events of the one registration there is; 0: nothing. */
static unsigned
reported(void)
{
	struct amy_notification told[2];
	int n = amy_poller_wait(poller, told, 2, 0);

	MUST(n == 0 || n == 1);
	return n == 0 ? 0 : told[0].events;
}

/* The same for what another host might need a moment for. */
static unsigned
waited_for(void)
{
	struct amy_notification told;

	MUST(amy_poller_wait(poller, &told, 1, -1) == 1);
	return told.events;
}

static void
must_rearm(amy_id id, unsigned interest)
{
	MUST(amy_registrar_rearm(registrar, id, interest) == 0);
}

#define ck_assert_errno(call, error)                                                     \
	do {                                                                             \
		errno = 0;                                                               \
		ck_assert_int_eq(call, -1);                                              \
		ck_assert_int_eq(errno, error);                                          \
	} while (0)

/* ---- Events ----------------------------------------------------------------------- */

START_TEST(one_event_and_nothing_more_until_armed_again)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	must_rearm(id, AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_uint_eq(drain(fds[0]), 2);
	must_rearm(id, AMY_READ);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(notification_names_the_registration_and_its_data)
{
	struct amy_notification told;
	amy_id id, other;

	start();
	ck_assert_int_eq(amy_registrar_register(registrar, fds[0], AMY_READ, &data, &id), 0);
	ck_assert_int_eq(
	    amy_registrar_register(registrar, fds[1], AMY_READ, &other_data, &other), 0);
	ck_assert_uint_ne(id, other);
	ck_assert_uint_ne(amy_id_index(id), amy_id_index(other));

	put_byte(fds[1]);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 1);
	ck_assert_uint_eq(told.id, id);
	ck_assert_ptr_eq(told.data, &data);
	ck_assert_uint_eq(told.events, AMY_READ);

	put_byte(fds[0]);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 1);
	ck_assert_uint_eq(told.id, other);
	ck_assert_ptr_eq(told.data, &other_data);
	ck_assert_uint_eq(told.events, AMY_READ);
	stop();
}
END_TEST

START_TEST(data_may_be_null)
{
	struct amy_notification told = { .data = &data };
	amy_id id;

	start();
	ck_assert_int_eq(amy_registrar_register(registrar, fds[0], AMY_WRITE, NULL, &id), 0);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 1);
	ck_assert_ptr_null(told.data);
	stop();
}
END_TEST

START_TEST(write_is_reported_when_there_is_room)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	fill(fds[0]);
	must_rearm(id, AMY_WRITE);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	drain(fds[1]);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(read_interest_says_nothing_of_writing)
{
	start();
	registered(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(both_are_reported_together)
{
	start();
	put_byte(fds[1]);
	registered(fds[0], AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_WRITE);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(one_event_disarms_both_directions)
{
	amy_id id;

	start();
	fill(fds[0]);
	id = registered(fds[0], AMY_BOTH);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	drain(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	must_rearm(id, AMY_BOTH);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_WRITE);
	stop();
}
END_TEST

START_TEST(armed_again_with_another_interest)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	must_rearm(id, AMY_READ);
	ck_assert_uint_eq(reported(), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(half_close_is_read_and_hup_but_no_error)
{
	start();
	registered(fds[0], AMY_READ);
	shutdown(fds[1], SHUT_WR);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_HUP);
	stop();
}
END_TEST

START_TEST(half_close_over_tcp_is_read_and_hup_but_no_error)
{
	int tcp[2];

	start();
	make_tcp_pair(tcp);
	registered(tcp[0], AMY_READ);
	shutdown(tcp[1], SHUT_WR);
	ck_assert_uint_eq(waited_for(), AMY_READ | AMY_HUP);
	close_pair(tcp);
	stop();
}
END_TEST

START_TEST(half_close_does_not_disturb_a_writer)
{
	start();
	shutdown(fds[1], SHUT_WR);
	fill(fds[0]);
	registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), 0);
	drain(fds[1]);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(reset_is_an_error)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	int tcp[2];
	unsigned events;

	start();
	make_tcp_pair(tcp);
	registered(tcp[0], AMY_READ);
	MUST(setsockopt(tcp[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
	close(tcp[1]);
	events = waited_for();
	ck_assert_uint_eq(events & AMY_ERROR, AMY_ERROR);
	ck_assert_uint_eq(events & AMY_HUP, AMY_HUP);
	ck_assert_uint_eq(events & AMY_WRITE, 0);
	/* libkqueue reads SO_ERROR, which takes the error away. */
	if (!kernel_is_emulated())
		ck_assert_errno((int)read(tcp[0], &data, 1), ECONNRESET);
	close(tcp[0]);
	stop();
}
END_TEST

START_TEST(pipe_that_nobody_reads_is_an_error_but_no_hup)
{
	int ends[2];

	start();
	make_pipe(ends);
	registered(ends[1], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	close(ends[0]);
	ck_assert_uint_eq(reported(), 0);
	stop();

	start();
	registered(ends[1], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE | AMY_ERROR);
	close(ends[1]);
	stop();
}
END_TEST

START_TEST(pipe_that_nobody_writes_is_hup)
{
	int ends[2];

	start();
	make_pipe(ends);
	registered(ends[0], AMY_READ);
	close(ends[1]);
	ck_assert_uint_eq(reported() & (AMY_HUP | AMY_ERROR), AMY_HUP);
	close(ends[0]);
	stop();
}
END_TEST

START_TEST(interest_in_hup_alone_reports_no_data)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_HUP);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	shutdown(fds[0], SHUT_RDWR);
	ck_assert_uint_eq(reported(), AMY_HUP);
	must_rearm(id, AMY_ERROR);
	ck_assert_uint_eq(reported(), AMY_HUP);
	stop();
}
END_TEST

START_TEST(end_of_input_stays_readable_for_ever)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	shutdown(fds[1], SHUT_WR);
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(reported(), AMY_READ | AMY_HUP);
		ck_assert_uint_eq(reported(), 0);
		must_rearm(id, AMY_READ);
	}
	stop();
}
END_TEST

START_TEST(registered_without_interest_reports_nothing_until_armed)
{
	amy_id id;

	start();
	id = registered(fds[0], 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	shutdown(fds[1], SHUT_RDWR);
	ck_assert_uint_eq(reported(), 0);
	must_rearm(id, AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ | AMY_HUP);
	stop();
}
END_TEST

START_TEST(hang_up_while_disarmed_is_reported_when_armed)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	shutdown(fds[0], SHUT_RDWR);
	ck_assert_uint_eq(reported(), 0);
	must_rearm(id, AMY_HUP);
	ck_assert_uint_eq(reported(), AMY_HUP);
	stop();
}
END_TEST

START_TEST(data_that_arrives_while_disarmed_is_not_lost)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_uint_eq(drain(fds[0]), 1);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	must_rearm(id, AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

/* ---- Taking and ending ------------------------------------------------------------ */

START_TEST(taken_registration_reports_nothing)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	must_rearm(id, AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(registration_that_is_ready_can_still_be_taken)
{
	amy_id id;

	start();
	put_byte(fds[1]);
	id = registered(fds[0], AMY_READ);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert_uint_eq(reported(), 0);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	ck_assert_uint_eq(reported(), 0);
	stop();
}
END_TEST

START_TEST(taken_event_does_not_end_a_wait_before_its_time)
{
	struct amy_notification told;
	int64_t before;
	amy_id id;

	start();
	put_byte(fds[1]);
	id = registered(fds[0], AMY_READ);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	before = monotonic_ms();
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 30), 0);
	ck_assert_int_ge(monotonic_ms() - before, 29);
	stop();
}
END_TEST

START_TEST(registration_that_fired_cannot_be_taken)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	stop();
}
END_TEST

START_TEST(registration_taken_once_cannot_be_taken_again)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	stop();
}
END_TEST

START_TEST(registration_never_armed_cannot_be_taken)
{
	amy_id id;

	start();
	id = registered(fds[0], 0);
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	stop();
}
END_TEST

START_TEST(armed_registration_that_is_cancelled_has_ended)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	ck_assert_int_eq(amy_registrar_cancel(registrar, id), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), 0);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), EINVAL);
	ck_assert_errno(amy_registrar_cancel(registrar, id), EINVAL);
	stop();
}
END_TEST

START_TEST(registration_that_is_cancelled_while_a_thread_has_it_is_not_armed_again)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_errno(amy_registrar_cancel(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_cancel(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), ECANCELED);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), ECANCELED);
	ck_assert_uint_eq(reported(), 0);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	ck_assert_errno(amy_registrar_cancel(registrar, id), EINVAL);
	stop();
}
END_TEST

START_TEST(registration_never_armed_can_be_cancelled_by_a_mark)
{
	amy_id id, next;

	start();
	id = registered(fds[0], 0);
	ck_assert_errno(amy_registrar_cancel(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), ECANCELED);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	next = registered(fds[0], 0);
	ck_assert_uint_eq(amy_id_index(next), amy_id_index(id));
	ck_assert_int_eq(amy_registrar_rearm(registrar, next, AMY_READ), 0);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(armed_registration_is_the_kernel_s)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	ck_assert_errno(amy_registrar_deregister(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_WRITE), EBUSY);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(ended_id_is_good_for_nothing)
{
	amy_id id, successor;

	start();
	id = registered(fds[0], 0);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), EINVAL);
		ck_assert_errno(amy_registrar_take(registrar, id), EINVAL);
		ck_assert_errno(amy_registrar_deregister(registrar, id), EINVAL);
		successor = registered(fds[0], AMY_READ);
		ck_assert_uint_ne(successor, id);
		ck_assert_uint_eq(amy_id_index(successor), amy_id_index(id));
		ck_assert_int_eq(amy_registrar_take(registrar, successor), 0);
		ck_assert_int_eq(amy_registrar_deregister(registrar, successor), 0);
	}
	stop();
}
END_TEST

START_TEST(ids_that_never_were_are_invalid)
{
	start();
	for (unsigned bit = 0; bit < 64; bit++) {
		amy_id id = (amy_id)1 << bit;

		ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), EINVAL);
		ck_assert_errno(amy_registrar_take(registrar, id), EINVAL);
		ck_assert_errno(amy_registrar_deregister(registrar, id), EINVAL);
	}
	ck_assert_errno(amy_registrar_take(registrar, 0), EINVAL);
	stop();
}
END_TEST

START_TEST(ended_registration_leaves_the_descriptor_alone)
{
	amy_id id;

	start();
	id = registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	put_byte(fds[0]);
	ck_assert_uint_eq(drain(fds[1]), 1);
	registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	stop();
}
END_TEST

START_TEST(number_of_a_closed_descriptor_is_no_identity)
{
	struct amy_notification told;
	int again[2];
	amy_id id, successor;

	start();
	id = registered(fds[0], AMY_WRITE);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	close_pair(fds);
	make_socketpair(again);
	ck_assert_int_eq(again[0], fds[0]);
	ck_assert_int_eq(
	    amy_registrar_register(registrar, again[0], AMY_WRITE, &other_data, &successor), 0);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 1);
	ck_assert_uint_eq(told.id, successor);
	ck_assert_uint_ne(told.id, id);
	ck_assert_ptr_eq(told.data, &other_data);
	stop();
}
END_TEST

/* ---- Errors ----------------------------------------------------------------------- */

/* The place that a failed registration would have had goes to the next one. */
static void
assert_nothing_registered(void)
{
	amy_id id = registered(fds[1], 0);

	ck_assert_uint_eq(amy_id_index(id), 0);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	ck_assert_uint_eq(reported(), 0);
}

START_TEST(regular_file_cannot_be_polled)
{
	char path[] = "/tmp/check_poller.XXXXXX";
	int fd = mkstemp(path);
	amy_id id;

	MUST(fd != -1);
	MUST(unlink(path) == 0);
	start();
	ck_assert_errno(amy_registrar_register(registrar, fd, AMY_READ, &data, &id), EPERM);
	assert_nothing_registered();
	stop();
	close(fd);
}
END_TEST

START_TEST(closed_descriptor_is_refused)
{
	amy_id id;

	start();
	ck_assert_errno(amy_registrar_register(registrar, -1, AMY_READ, &data, &id), EBADF);
	assert_nothing_registered();
	stop();
}
END_TEST

START_TEST(descriptor_registered_already_is_refused)
{
	amy_id id, second;

	start();
	id = registered(fds[0], AMY_READ);
	ck_assert_errno(amy_registrar_register(registrar, fds[0], AMY_READ, &data, &second),
	                EEXIST);
	put_byte(fds[1]);
	ck_assert_uint_eq(reported(), AMY_READ);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	registered(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	stop();
}
END_TEST

START_TEST(unknown_interest_is_refused)
{
	const unsigned wrong[] = { 16, AMY_READ | 32, 1u << 31, ~0u };
	amy_id id;

	start();
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ck_assert_errno(
		    amy_registrar_register(registrar, fds[0], wrong[i], &data, &id), EINVAL);
		assert_nothing_registered();
	}
	id = registered(fds[0], 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_errno(amy_registrar_rearm(registrar, id, wrong[i]), EINVAL);
	ck_assert_errno(amy_registrar_rearm(registrar, id, 0), EINVAL);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	stop();
}
END_TEST

START_TEST(rearm_that_failed_leaves_the_registration_with_the_caller)
{
	amy_id id;

	start();
	id = registered(-1, 0);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), EBADF);
	ck_assert_errno(amy_registrar_take(registrar, id), EBUSY);
	ck_assert_errno(amy_registrar_rearm(registrar, id, AMY_READ), EBADF);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	stop();
}
END_TEST

START_TEST(poller_needs_a_descriptor)
{
	struct rlimit limit, none;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 0;
	MUST(amy_poller_create() == NULL);
	MUST(errno == EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	start();
	stop();
}
END_TEST

START_TEST(null_may_be_destroyed)
{
	size_t before = count_descriptors();

	amy_registrar_destroy(NULL);
	amy_poller_destroy(NULL);
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

/* ---- Waiting ---------------------------------------------------------------------- */

START_TEST(wait_for_no_notifications_is_invalid)
{
	struct amy_notification told;

	start();
	registered(fds[0], AMY_WRITE);
	ck_assert_errno(amy_poller_wait(poller, &told, 0, 0), EINVAL);
	ck_assert_errno(amy_poller_wait(poller, &told, -1, -1), EINVAL);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 1);
	stop();
}
END_TEST

START_TEST(wait_fills_no_more_than_was_asked_for)
{
	struct amy_notification told[3] = { { 0 } };
	int pairs[4][2];

	start();
	for (int i = 0; i < 4; i++) {
		make_socketpair(pairs[i]);
		registered(pairs[i][0], AMY_WRITE);
	}
	ck_assert_int_eq(amy_poller_wait(poller, told, 2, 0), 2);
	ck_assert_uint_ne(told[0].id, told[1].id);
	ck_assert_uint_eq(told[2].id, 0);
	ck_assert_int_eq(amy_poller_wait(poller, told, 3, 0), 2);
	ck_assert_int_eq(amy_poller_wait(poller, told, 3, 0), 0);
	for (int i = 0; i < 4; i++)
		close_pair(pairs[i]);
	stop();
}
END_TEST

START_TEST(wait_for_very_many_counts_as_256)
{
	enum { NPAIRS = 150 };
	static struct amy_notification told[2 * NPAIRS];
	static int pairs[NPAIRS][2];
	bool seen[2 * NPAIRS] = { false };
	int n;

	start();
	for (int i = 0; i < NPAIRS; i++) {
		make_socketpair(pairs[i]);
		registered(pairs[i][0], AMY_WRITE);
		registered(pairs[i][1], AMY_WRITE);
	}
	n = amy_poller_wait(poller, told, 2 * NPAIRS, 0);
	ck_assert_int_eq(n, 256);
	n += amy_poller_wait(poller, told + n, 2 * NPAIRS - n, 0);
	ck_assert_int_eq(n, 2 * NPAIRS);
	for (int i = 0; i < n; i++) {
		MUST(!seen[amy_id_index(told[i].id)]);
		seen[amy_id_index(told[i].id)] = true;
	}
	for (int i = 0; i < NPAIRS; i++)
		close_pair(pairs[i]);
	stop();
}
END_TEST

START_TEST(wait_returns_0_when_its_time_has_passed)
{
	struct amy_notification told;
	int64_t before;

	start();
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 0);
	before = monotonic_ms();
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 50), 0);
	ck_assert_int_ge(monotonic_ms() - before, 49);
	stop();
}
END_TEST

/* ---- Lifetimes -------------------------------------------------------------------- */

START_TEST(poller_is_one_descriptor_and_registrars_are_none)
{
	SKIP_UNLESS(!kernel_is_emulated(), "a kqueue of libkqueue is many descriptors");
	size_t before = count_descriptors();
	struct amy_registrar *second;

	start();
	second = amy_registrar_create(poller);
	ck_assert_uint_eq(count_descriptors(), before + 3);
	amy_registrar_destroy(second);
	ck_assert_uint_eq(count_descriptors(), before + 3);
	stop();
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

START_TEST(registrar_outlives_the_poller)
{
	amy_id id, second;

	start();
	id = registered(fds[0], AMY_READ);
	amy_poller_destroy(poller);
	poller = NULL;
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	ck_assert_int_eq(amy_registrar_rearm(registrar, id, AMY_WRITE), 0);
	second = registered(fds[1], AMY_READ);
	ck_assert_int_eq(amy_registrar_take(registrar, second), 0);
	ck_assert_int_eq(amy_registrar_deregister(registrar, second), 0);
	stop();
}
END_TEST

START_TEST(registrations_outlive_their_registrar)
{
	struct amy_registrar *second;
	struct amy_notification told;
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	second = amy_registrar_create(poller);
	amy_registrar_destroy(registrar);
	registrar = second;
	put_byte(fds[1]);
	ck_assert_int_eq(amy_poller_wait(poller, &told, 1, 0), 1);
	ck_assert_uint_eq(told.id, id);
	ck_assert_int_eq(amy_registrar_deregister(registrar, id), 0);
	stop();
}
END_TEST

START_TEST(pollers_know_nothing_of_each_other)
{
	struct amy_poller *second;
	struct amy_registrar *of_second;
	struct amy_notification told;
	amy_id id;

	start();
	second = amy_poller_create();
	of_second = amy_registrar_create(second);
	registered(fds[0], AMY_WRITE);
	ck_assert_int_eq(
	    amy_registrar_register(of_second, fds[0], AMY_WRITE, &other_data, &id), 0);
	ck_assert_uint_eq(reported(), AMY_WRITE);
	ck_assert_int_eq(amy_poller_wait(second, &told, 1, 0), 1);
	ck_assert_ptr_eq(told.data, &other_data);
	amy_registrar_destroy(of_second);
	amy_poller_destroy(second);
	stop();
}
END_TEST

/* ---- Threads ---------------------------------------------------------------------- */

/* A thread in amy_poller_wait(). */
struct waiter {
	pthread_t thread;
	_Atomic pid_t tid;
	atomic_bool done;
	int timeout_ms;
	int result;
	int64_t waited_ms;
	struct amy_notification told;
};

static void *
waiter_run(void *argument)
{
	struct waiter *waiter = argument;
	int64_t before = monotonic_ms();

	atomic_store(&waiter->tid, gettid());
	waiter->result = amy_poller_wait(poller, &waiter->told, 1, waiter->timeout_ms);
	waiter->waited_ms = monotonic_ms() - before;
	atomic_store(&waiter->done, true);
	return NULL;
}

static void
waiter_start(struct waiter *waiter, int timeout_ms)
{
	*waiter = (struct waiter){ .timeout_ms = timeout_ms, .result = -2 };
	waiter->thread = spawn(waiter_run, waiter);
	WAIT_UNTIL(atomic_load(&waiter->tid) != 0);
}

/* It waits for ever, and is blocked when this returns, as far as one can tell. */
static void
waiter_start_blocked(struct waiter *waiter)
{
	waiter_start(waiter, -1);
	WAIT_UNTIL(is_asleep(atomic_load(&waiter->tid)));
}

static void
waiter_must_be_told_of(struct waiter *waiter, amy_id id, unsigned events)
{
	join(waiter->thread);
	ck_assert_int_eq(waiter->result, 1);
	ck_assert_uint_eq(waiter->told.id, id);
	ck_assert_ptr_eq(waiter->told.data, &data);
	ck_assert_uint_eq(waiter->told.events, events);
}

START_TEST(registration_by_another_thread_is_seen_by_a_thread_that_waits)
{
	struct waiter waiter;

	start();
	put_byte(fds[1]);
	waiter_start_blocked(&waiter);
	waiter_must_be_told_of(&waiter, registered(fds[0], AMY_READ), AMY_READ);
	stop();
}
END_TEST

START_TEST(arming_by_another_thread_is_seen_by_a_thread_that_waits)
{
	struct waiter waiter;
	amy_id id;

	start();
	put_byte(fds[1]);
	id = registered(fds[0], AMY_READ);
	ck_assert_uint_eq(reported(), AMY_READ);
	waiter_start_blocked(&waiter);
	must_rearm(id, AMY_READ);
	waiter_must_be_told_of(&waiter, id, AMY_READ);
	stop();
}
END_TEST

START_TEST(taking_and_arming_does_not_wake_a_thread_that_waits)
{
	struct waiter waiter;
	amy_id id;

	start();
	id = registered(fds[0], AMY_READ);
	waiter_start_blocked(&waiter);
	for (int i = 0; i < 100; i++) {
		MUST(amy_registrar_take(registrar, id) == 0);
		put_byte(fds[1]);
		MUST(drain(fds[0]) == 1);
		must_rearm(id, AMY_READ);
	}
	ck_assert_int_eq(amy_registrar_take(registrar, id), 0);
	must_rearm(id, AMY_WRITE);
	waiter_must_be_told_of(&waiter, id, AMY_WRITE);
	stop();
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
handle_signals(void)
{
	struct sigaction action = { .sa_handler = count_signal };

	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
}

START_TEST(signals_do_not_end_a_wait)
{
	struct waiter waiter;
	amy_id id;

	handle_signals();
	start();
	id = registered(fds[0], AMY_READ);
	waiter_start_blocked(&waiter);
	for (int i = 0; i < 200; i++) {
		MUST(pthread_kill(waiter.thread, SIGUSR1) == 0);
		WAIT_UNTIL(atomic_load(&nsignals) > i);
	}
	put_byte(fds[1]);
	waiter_must_be_told_of(&waiter, id, AMY_READ);
	ck_assert_int_eq(atomic_load(&nsignals), 200);
	stop();
}
END_TEST

START_TEST(signals_neither_shorten_nor_restart_a_wait)
{
	struct waiter waiter;

	handle_signals();
	start();
	waiter_start(&waiter, 300);
	while (!atomic_load(&waiter.done)) {
		pthread_kill(waiter.thread, SIGUSR1);
		nap();
	}
	join(waiter.thread);
	ck_assert_int_eq(waiter.result, 0);
	ck_assert_int_ge(waiter.waited_ms, 298);
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
	struct sigaction action = { .sa_handler = count_signal };
	struct amy_notification told;

	MUST(sigaction(SIGALRM, &action, NULL) == 0);
	start();
	MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (int i = 0; i < 50; i++) {
		int64_t from = now_ns();

		MUST(amy_poller_wait(poller, &told, 1, 3) == 0);
		MUST(now_ns() - from >= 3000000);
	}
	MUST(setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL) == 0);
	ck_assert_int_gt(atomic_load(&nsignals), 0);
	stop();
}
END_TEST

/* Work for many threads: each registration has so many bytes to read, one an event. */
enum { NWORKERS = 4, NSOURCES = 64, NBYTES = 50 };

static struct source {
	int fds[2];
	amy_id id;
	atomic_int nbytes;
	atomic_bool held;
} sources[NSOURCES];
static atomic_int nread;

static struct {
	int fds[2];
	amy_id id;
} bell;

static void
source_read(struct source *source, const struct amy_notification *told)
{
	char byte;

	MUST(told->id == source->id);
	MUST(told->events == AMY_READ);
	MUST(!atomic_exchange(&source->held, true));
	MUST(read(source->fds[0], &byte, 1) == 1);
	atomic_fetch_add(&source->nbytes, 1);
	atomic_store(&source->held, false);
	must_rearm(told->id, AMY_READ);
	if (atomic_fetch_add(&nread, 1) + 1 == NSOURCES * NBYTES)
		put_byte(bell.fds[1]);
}

/* Until the bell rings; who hears it passes it on. */
static void *
work(void *unused)
{
	struct amy_notification told[3];

	(void)unused;
	for (;;) {
		int n = amy_poller_wait(poller, told, 3, -1);

		MUST(n >= 1 && n <= 3);
		for (int i = 0; i < n; i++) {
			if (told[i].data != &bell) {
				source_read(told[i].data, &told[i]);
				continue;
			}
			MUST(n == 1);
			must_rearm(bell.id, AMY_READ);
			return NULL;
		}
	}
}

static void
sources_open(void)
{
	make_socketpair(bell.fds);
	MUST(amy_registrar_register(registrar, bell.fds[0], AMY_READ, &bell, &bell.id) == 0);
	for (int i = 0; i < NSOURCES; i++)
		make_socketpair(sources[i].fds);
}

static void
sources_must_be_read(void)
{
	for (int i = 0; i < NSOURCES; i++) {
		ck_assert_int_eq(atomic_load(&sources[i].nbytes), NBYTES);
		close_pair(sources[i].fds);
	}
	close_pair(bell.fds);
}

START_TEST(each_event_is_told_to_one_of_many_threads_that_wait)
{
	pthread_t workers[NWORKERS];

	start();
	sources_open();
	for (int i = 0; i < NWORKERS; i++)
		workers[i] = spawn(work, NULL);
	for (int i = 0; i < NSOURCES; i++)
		MUST(amy_registrar_register(registrar, sources[i].fds[0], AMY_READ,
		                            &sources[i], &sources[i].id) == 0);
	for (int k = 0; k < NBYTES; k++)
		for (int i = 0; i < NSOURCES; i++)
			put_byte(sources[i].fds[1]);
	for (int i = 0; i < NWORKERS; i++)
		join(workers[i]);
	sources_must_be_read();
	stop();
}
END_TEST

/* Every NWORKERS-th source, with a registrar of its own. */
static void *
register_some(void *first)
{
	struct amy_registrar *own = amy_registrar_create(poller);

	MUST(own != NULL);
	for (int i = (int)((struct source *)first - sources); i < NSOURCES; i += NWORKERS) {
		struct source *source = &sources[i];

		for (int k = 0; k < NBYTES; k++)
			put_byte(source->fds[1]);
		MUST(amy_registrar_register(own, source->fds[0], AMY_READ, source,
		                            &source->id) == 0);
	}
	amy_registrar_destroy(own);
	return NULL;
}

START_TEST(many_threads_register_while_another_waits)
{
	pthread_t threads[NWORKERS], worker;

	start();
	sources_open();
	worker = spawn(work, NULL);
	for (int i = 0; i < NWORKERS; i++)
		threads[i] = spawn(register_some, &sources[i]);
	for (int i = 0; i < NWORKERS; i++)
		join(threads[i]);
	join(worker);
	sources_must_be_read();
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("poller",
	    one_event_and_nothing_more_until_armed_again,
	    notification_names_the_registration_and_its_data,
	    data_may_be_null,
	    write_is_reported_when_there_is_room,
	    read_interest_says_nothing_of_writing,
	    both_are_reported_together,
	    one_event_disarms_both_directions,
	    armed_again_with_another_interest,
	    half_close_is_read_and_hup_but_no_error,
	    half_close_over_tcp_is_read_and_hup_but_no_error,
	    half_close_does_not_disturb_a_writer,
	    reset_is_an_error,
	    pipe_that_nobody_reads_is_an_error_but_no_hup,
	    pipe_that_nobody_writes_is_hup,
	    interest_in_hup_alone_reports_no_data,
	    end_of_input_stays_readable_for_ever,
	    registered_without_interest_reports_nothing_until_armed,
	    hang_up_while_disarmed_is_reported_when_armed,
	    data_that_arrives_while_disarmed_is_not_lost,
	    taken_registration_reports_nothing,
	    registration_that_is_ready_can_still_be_taken,
	    taken_event_does_not_end_a_wait_before_its_time,
	    registration_that_fired_cannot_be_taken,
	    registration_taken_once_cannot_be_taken_again,
	    registration_never_armed_cannot_be_taken,
	    armed_registration_that_is_cancelled_has_ended,
	    registration_that_is_cancelled_while_a_thread_has_it_is_not_armed_again,
	    registration_never_armed_can_be_cancelled_by_a_mark,
	    armed_registration_is_the_kernel_s,
	    ended_id_is_good_for_nothing,
	    ids_that_never_were_are_invalid,
	    ended_registration_leaves_the_descriptor_alone,
	    number_of_a_closed_descriptor_is_no_identity,
	    regular_file_cannot_be_polled,
	    closed_descriptor_is_refused,
	    descriptor_registered_already_is_refused,
	    unknown_interest_is_refused,
	    rearm_that_failed_leaves_the_registration_with_the_caller,
	    poller_needs_a_descriptor,
	    null_may_be_destroyed,
	    wait_for_no_notifications_is_invalid,
	    wait_fills_no_more_than_was_asked_for,
	    wait_for_very_many_counts_as_256,
	    wait_returns_0_when_its_time_has_passed,
	    poller_is_one_descriptor_and_registrars_are_none,
	    registrar_outlives_the_poller,
	    registrations_outlive_their_registrar,
	    pollers_know_nothing_of_each_other,
	    registration_by_another_thread_is_seen_by_a_thread_that_waits,
	    arming_by_another_thread_is_seen_by_a_thread_that_waits,
	    taking_and_arming_does_not_wake_a_thread_that_waits,
	    signals_do_not_end_a_wait,
	    signals_neither_shorten_nor_restart_a_wait,
	    interrupted_wait_does_not_end_before_its_time,
	    each_event_is_told_to_one_of_many_threads_that_wait,
	    many_threads_register_while_another_waits);
}
