/* SPDX-License-Identifier: MIT */
/*
 * Signals of systems with kqueue(2), over a stand-in for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"
#include "recorder.h"

static sigset_t set; /* SIGUSR1 and SIGTERM */
static int fd;

static void
prepare(void)
{
	recorder_reset();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
}

static void
start(void)
{
	prepare();
	fd = amy_signals_open(&set);
	MUST(fd != -1);
}

static void
stop(void)
{
	MUST(close(fd) == 0);
}

#define ck_assert_errno(call, error)                                                           \
	do {                                                                                   \
		errno = 0;                                                                     \
		ck_assert_int_eq(call, -1);                                                    \
		ck_assert_int_eq(errno, error);                                                \
	} while (0)

START_TEST(each_signal_of_the_set_is_asked_for)
{
	start();
	ck_assert_int_eq(nrecorded, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(recorded[i].filter, EVFILT_SIGNAL);
		ck_assert_uint_eq(recorded[i].flags, EV_ADD);
	}
	ck_assert_uint_eq(recorded[0].ident + recorded[1].ident, SIGUSR1 + SIGTERM);
	ck_assert_uint_ne(recorded[0].ident, recorded[1].ident);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	stop();
}
END_TEST

START_TEST(signal_is_told_without_its_sender)
{
	struct amy_signal told = { .number = 1, .pid = 2, .uid = 3 };

	start();
	ck_assert_int_eq(amy_signals_read(fd, &told), 0);
	ck_assert_int_eq(told.number, 1);
	ck_assert_int_eq(nwaits, 1);
	ck_assert_int_eq(last_timeout_ns, 0);
	recorder_push((struct kevent){ .ident = SIGTERM, .filter = EVFILT_SIGNAL, .data = 5 });
	ck_assert_int_eq(amy_signals_read(fd, &told), 1);
	ck_assert_int_eq(told.number, SIGTERM);
	ck_assert_int_eq(told.pid, 0);
	ck_assert_uint_eq(told.uid, 0);
	ck_assert_int_eq(amy_signals_read(fd, &told), 0);
	stop();
}
END_TEST

START_TEST(no_signal_at_all_is_invalid)
{
	prepare();
	sigemptyset(&set);
	ck_assert_errno(amy_signals_open(&set), EINVAL);
	ck_assert_int_eq(nrecorded, 0);
}
END_TEST

START_TEST(opening_fails_at_each_step_and_leaves_nothing)
{
	prepare();
	recorder_fail_queue(EMFILE);
	ck_assert_errno(amy_signals_open(&set), EMFILE);
	fault_set(FAULT_DESCRIPTOR, 1, EIO);
	ck_assert_errno(amy_signals_open(&set), EIO);
	MUST(fault_clear());
	ck_assert_int_eq(nrecorded, 0);
	recorder_refuse(1, ENOMEM);
	ck_assert_errno(amy_signals_open(&set), ENOMEM);
	recorder_reset();
	recorder_refuse(2, ENOMEM);
	ck_assert_errno(amy_signals_open(&set), ENOMEM);
	ck_assert_int_eq(nrecorded, 2);
}
END_TEST

START_TEST(kqueue_of_something_else_is_refused)
{
	struct amy_signal told;

	start();
	recorder_push((struct kevent){ .ident = 7, .filter = EVFILT_READ });
	ck_assert_errno(amy_signals_read(fd, &told), EINVAL);
	stop();
}
END_TEST

START_TEST(what_is_no_kqueue_is_refused)
{
	struct amy_signal told;

	start();
	recorder_fail_wait(EBADF);
	ck_assert_errno(amy_signals_read(fd, &told), EINVAL);
	stop();
	recorder_fail_wait(EBADF);
	ck_assert_errno(amy_signals_read(fd, &told), EBADF);
}
END_TEST

START_TEST(interrupted_call_goes_on_and_another_error_is_told)
{
	struct amy_signal told;

	start();
	recorder_fail_wait(EINTR);
	ck_assert_int_eq(amy_signals_read(fd, &told), 0);
	ck_assert_int_eq(nwaits, 2);
	recorder_fail_wait(EACCES);
	ck_assert_errno(amy_signals_read(fd, &told), EACCES);
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("signals_kqueue",
	    each_signal_of_the_set_is_asked_for,
	    signal_is_told_without_its_sender,
	    no_signal_at_all_is_invalid,
	    opening_fails_at_each_step_and_leaves_nothing,
	    kqueue_of_something_else_is_refused,
	    what_is_no_kqueue_is_refused,
	    interrupted_call_goes_on_and_another_error_is_told);
}
