/* SPDX-License-Identifier: MIT */
/*
 * Signals as amy.h describes them. Each test is a process of its own, with one thread that has
 * SIGUSR1, SIGUSR2 and SIGTERM blocked.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "amy.h"
#include "faults.h"
#include "harness.h"

static int fd;

static sigset_t
set_of(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	sigaddset(&set, second);
	return set;
}

static void
block(void)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2);

	sigaddset(&set, SIGTERM);
	MUST(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

/* For SIGUSR1 and SIGTERM. */
static void
start(void)
{
	sigset_t set = set_of(SIGUSR1, SIGTERM);

	block();
	fd = amy_signals_open(&set);
	MUST(fd != -1);
}

static void
stop(void)
{
	MUST(close(fd) == 0);
}

static bool
is_readable(void)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	return poll(&polled, 1, 0) == 1;
}

/* The number of the next signal; 0: none. */
static int
next_signal(struct amy_signal *told)
{
	int rc;

	*told = (struct amy_signal){ .number = 1234 };
	rc = amy_signals_read(fd, told);
	MUST(rc == 1 || (rc == 0 && told->number == 1234));
	return rc == 0 ? 0 : told->number;
}

static bool
is_pending(int number)
{
	sigset_t pending;

	MUST(sigpending(&pending) == 0);
	return sigismember(&pending, number);
}

#define ck_assert_errno(call, error)                                                           \
	do {                                                                                   \
		errno = 0;                                                                     \
		ck_assert_int_eq(call, -1);                                                    \
		ck_assert_int_eq(errno, error);                                                \
	} while (0)

/* ---- Reading ----------------------------------------------------------------------- */

START_TEST(signal_is_told_once_and_with_its_sender)
{
	struct amy_signal told;

	start();
	ck_assert(!is_readable());
	ck_assert_int_eq(next_signal(&told), 0);
	MUST(kill(getpid(), SIGUSR1) == 0);
	ck_assert(is_readable());
	ck_assert_int_eq(next_signal(&told), SIGUSR1);
	ck_assert_int_eq(told.pid, getpid());
	ck_assert_uint_eq(told.uid, getuid());
	ck_assert(!is_readable());
	ck_assert_int_eq(next_signal(&told), 0);
	ck_assert(!is_pending(SIGUSR1));
	stop();
}
END_TEST

START_TEST(signal_of_another_process_tells_its_pid)
{
	struct amy_signal told;
	int status;
	pid_t child;

	start();
	child = fork();
	MUST(child != -1);
	if (child == 0)
		_exit(kill(getppid(), SIGTERM) == 0 ? 0 : 1);
	MUST(waitpid(child, &status, 0) == child);
	MUST(status == 0);
	ck_assert_int_eq(next_signal(&told), SIGTERM);
	ck_assert_int_eq(told.pid, child);
	stop();
}
END_TEST

START_TEST(each_of_several_signals_is_told)
{
	struct amy_signal told;
	int first, second;

	start();
	MUST(kill(getpid(), SIGTERM) == 0);
	MUST(kill(getpid(), SIGUSR1) == 0);
	first = next_signal(&told);
	ck_assert(is_readable());
	second = next_signal(&told);
	ck_assert(first == SIGTERM || second == SIGTERM);
	ck_assert(first == SIGUSR1 || second == SIGUSR1);
	ck_assert_int_eq(next_signal(&told), 0);
	stop();
}
END_TEST

START_TEST(signals_of_one_number_may_become_one)
{
	struct amy_signal told;
	int n = 0;

	start();
	for (int i = 0; i < 5; i++)
		MUST(kill(getpid(), SIGUSR1) == 0);
	while (next_signal(&told) == SIGUSR1)
		n++;
	ck_assert_int_ge(n, 1);
	ck_assert_int_le(n, 5);
	MUST(kill(getpid(), SIGUSR1) == 0);
	ck_assert_int_eq(next_signal(&told), SIGUSR1);
	stop();
}
END_TEST

START_TEST(signal_that_was_not_asked_for_is_left_alone)
{
	struct amy_signal told;

	start();
	MUST(kill(getpid(), SIGUSR2) == 0);
	ck_assert(!is_readable());
	ck_assert_int_eq(next_signal(&told), 0);
	ck_assert(is_pending(SIGUSR2));
	stop();
}
END_TEST

START_TEST(signal_of_this_thread_alone_is_told_to_it)
{
	struct amy_signal told;

	start();
	MUST(pthread_kill(pthread_self(), SIGUSR1) == 0);
	ck_assert_int_eq(next_signal(&told), SIGUSR1);
	stop();
}
END_TEST

START_TEST(signal_wakes_the_poller)
{
	struct amy_poller *poller = amy_poller_create();
	struct amy_registrar *registrar = amy_registrar_create(poller);
	struct amy_notification event;
	struct amy_signal told;
	amy_id id;

	start();
	MUST(amy_registrar_register(registrar, fd, AMY_READ, NULL, &id) == 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(amy_poller_wait(poller, &event, 1, 0), 0);
		MUST(kill(getpid(), SIGUSR1) == 0);
		ck_assert_int_eq(amy_poller_wait(poller, &event, 1, -1), 1);
		ck_assert_uint_eq(event.id, id);
		ck_assert_uint_eq(event.events, AMY_READ);
		ck_assert_int_eq(next_signal(&told), SIGUSR1);
		MUST(amy_registrar_rearm(registrar, id, AMY_READ) == 0);
	}
	amy_registrar_destroy(registrar);
	amy_poller_destroy(poller);
	stop();
}
END_TEST

/* ---- Opening ----------------------------------------------------------------------- */

START_TEST(masks_are_the_caller_s)
{
	sigset_t before, after;
	struct amy_signal told;

	start();
	MUST(pthread_sigmask(SIG_BLOCK, NULL, &before) == 0);
	MUST(kill(getpid(), SIGUSR1) == 0);
	MUST(next_signal(&told) == SIGUSR1);
	stop();
	MUST(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
	for (int number = 1; number < NSIG; number++)
		ck_assert_int_eq(sigismember(&before, number), sigismember(&after, number));
}
END_TEST

START_TEST(descriptor_does_not_block_and_does_not_go_to_other_programs)
{
	start();
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	stop();
}
END_TEST

START_TEST(no_signal_at_all_is_invalid)
{
	sigset_t none;

	sigemptyset(&none);
	ck_assert_errno(amy_signals_open(&none), EINVAL);
}
END_TEST

START_TEST(opening_needs_a_descriptor)
{
	sigset_t set = set_of(SIGUSR1, SIGTERM);
	struct rlimit limit, none;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	none = limit;
	none.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &none) == 0);
	errno = 0;
	MUST(amy_signals_open(&set) == -1);
	MUST(errno == EMFILE);
	MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	fault_set(FAULT_DESCRIPTOR, 1, ENFILE);
	ck_assert_errno(amy_signals_open(&set), ENFILE);
	MUST(fault_clear());
	start();
	stop();
}
END_TEST

/* ---- Other descriptors ------------------------------------------------------------- */

static void
must_refuse(int other)
{
	struct amy_signal told;

	ck_assert_errno(amy_signals_read(other, &told), EINVAL);
	MUST(close(other) == 0);
}

/* They would wait, some of them, if they were read from. */
START_TEST(other_descriptors_are_refused)
{
	int ends[2];

	make_socketpair(ends);
	must_refuse(ends[0]);
	must_refuse(ends[1]);
	MUST(pipe(ends) == 0);
	must_refuse(ends[0]);
	must_refuse(ends[1]);
	must_refuse(eventfd(0, EFD_CLOEXEC));
	must_refuse(eventfd(0, EFD_NONBLOCK));
	must_refuse(timerfd_create(CLOCK_MONOTONIC, 0));
	must_refuse(epoll_create1(EPOLL_CLOEXEC));
	must_refuse(open("/dev/null", O_RDONLY));
	must_refuse(open("/", O_RDONLY));
}
END_TEST

START_TEST(other_descriptors_keep_what_is_in_them)
{
	struct amy_signal told;
	int ends[2];

	make_pipe(ends);
	for (int i = 0; i < 500; i++)
		put_byte(ends[1]);
	ck_assert_errno(amy_signals_read(ends[0], &told), EINVAL);
	ck_assert_uint_eq(drain(ends[0]), 500);
	close_pair(ends);
}
END_TEST

START_TEST(closed_descriptor_is_bad)
{
	struct amy_signal told;

	start();
	stop();
	ck_assert_errno(amy_signals_read(fd, &told), EBADF);
	ck_assert_errno(amy_signals_read(-1, &told), EBADF);
}
END_TEST

START_TEST(without_proc_signals_are_read_all_the_same)
{
	struct amy_signal told;
	int other;

	start();
	MUST(kill(getpid(), SIGUSR1) == 0);
	fault_set(FAULT_DESCRIPTOR, 1, ENOENT);
	ck_assert_int_eq(next_signal(&told), SIGUSR1);
	MUST(fault_clear());
	fault_set(FAULT_DESCRIPTOR, 1, ENOENT);
	ck_assert_int_eq(next_signal(&told), 0);
	MUST(fault_clear());
	stop();

	other = eventfd(1, EFD_NONBLOCK);
	fault_set(FAULT_DESCRIPTOR, 1, ENOENT);
	ck_assert_errno(amy_signals_read(other, &told), EINVAL);
	MUST(fault_clear());
	close(other);
}
END_TEST

START_TEST(error_of_reading_is_told)
{
	struct amy_signal told;

	start();
	fault_set(FAULT_READ, 1, EIO);
	ck_assert_errno(amy_signals_read(fd, &told), EIO);
	MUST(fault_clear());
	stop();
}
END_TEST

int
main(void)
{
	return RUN_SUITE("signals",
	    signal_is_told_once_and_with_its_sender,
	    signal_of_another_process_tells_its_pid,
	    each_of_several_signals_is_told,
	    signals_of_one_number_may_become_one,
	    signal_that_was_not_asked_for_is_left_alone,
	    signal_of_this_thread_alone_is_told_to_it,
	    signal_wakes_the_poller,
	    masks_are_the_caller_s,
	    descriptor_does_not_block_and_does_not_go_to_other_programs,
	    no_signal_at_all_is_invalid,
	    opening_needs_a_descriptor,
	    other_descriptors_are_refused,
	    other_descriptors_keep_what_is_in_them,
	    closed_descriptor_is_bad,
	    without_proc_signals_are_read_all_the_same,
	    error_of_reading_is_told);
}
