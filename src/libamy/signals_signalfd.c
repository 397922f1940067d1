/* SPDX-License-Identifier: MIT */
/*
 * signals_signalfd.c - Linux: reading from the descriptor takes the signal.
 */
#if defined(__linux__) && !defined(AMY_PORTABLE)
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "amy.h"

int
amy_signals_open(const sigset_t *signals)
{
	if (sigisemptyset(signals)) {
		errno = EINVAL;
		return -1;
	}
	return signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

/*
 * Reading would take something from a descriptor of another kind, or wait. Where there is no
 * /proc that is the caller's risk.
 */
static int
check_kind(int fd)
{
	static const char expected[] = "anon_inode:[signalfd]";
	char path[32], kind[sizeof expected];
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	n = readlink(path, kind, sizeof kind);
	if (n == -1)
		return fcntl(fd, F_GETFD) == -1 ? -1 : 0;
	if (n == (ssize_t)sizeof expected - 1 &&
	    memcmp(kind, expected, sizeof expected - 1) == 0)
		return 0;
	errno = EINVAL;
	return -1;
}

int
amy_signals_read(int fd, struct amy_signal *told)
{
	struct signalfd_siginfo info;
	ssize_t n;

	if (check_kind(fd) == -1)
		return -1;
	n = read(fd, &info, sizeof info);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n == -1)
		return -1;
	if (n != (ssize_t)sizeof info) {
		errno = EINVAL;
		return -1;
	}
	*told = (struct amy_signal){
		.number = (int)info.ssi_signo,
		.pid = (pid_t)info.ssi_pid,
		.uid = (uid_t)info.ssi_uid,
	};
	return 1;
}

#endif
