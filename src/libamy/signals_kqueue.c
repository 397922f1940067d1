/* SPDX-License-Identifier: MIT */
/*
 * signals_kqueue.c - BSD and macOS: a kqueue tells that a signal has come, blocked or not, and
 * not from whom. A blocked signal is pending all the same, and stays so.
 */
#if !defined(__linux__) || defined(AMY_PORTABLE)
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "amy.h"

static const struct timespec at_once;

static int
add_signal(int fd, int number)
{
	const struct kevent change = {
		.ident = (uintptr_t)number,
		.filter = EVFILT_SIGNAL,
		.flags = EV_ADD,
	};

	return kevent(fd, &change, 1, NULL, 0, &at_once);
}

static int
add_signals(int fd, const sigset_t *signals)
{
	bool is_empty = true;

	for (int number = 1; number < NSIG; number++) {
		if (sigismember(signals, number) != 1)
			continue;
		if (add_signal(fd, number) == -1)
			return -1;
		is_empty = false;
	}
	if (is_empty)
		errno = EINVAL;
	return is_empty ? -1 : 0;
}

int
amy_signals_open(const sigset_t *signals)
{
	int fd = kqueue();
	int error;

	if (fd == -1)
		return -1;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && add_signals(fd, signals) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* kevent(2) says EBADF of what is no kqueue, too. */
static int
correct_error(int fd, int error)
{
	return error == EBADF && fcntl(fd, F_GETFD) != -1 ? EINVAL : error;
}

int
amy_signals_read(int fd, struct amy_signal *told)
{
	struct kevent event;
	int n;

	do
		n = kevent(fd, NULL, 0, &event, 1, &at_once);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n == -1 || event.filter != EVFILT_SIGNAL) {
		errno = n == -1 ? correct_error(fd, errno) : EINVAL;
		return -1;
	}
	*told = (struct amy_signal){ .number = (int)event.ident };
	return 1;
}

#endif
