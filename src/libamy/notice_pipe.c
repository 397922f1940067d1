/* SPDX-License-Identifier: MIT */
/*
 * notice_pipe.c - any system: a pipe, with a byte for each notice. If it were full, it would be
 * readable, and one more byte would make no difference.
 */
#include "notice.h"

#if !NOTICE_IS_EVENTFD
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int
set_up(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
notice_open(struct notice *notice)
{
	int fds[2], error;

	if (pipe(fds) == -1)
		return -1;
	notice->fd = fds[0];
	notice->write_fd = fds[1];
	if (set_up(fds[0]) == 0 && set_up(fds[1]) == 0)
		return 0;
	error = errno;
	notice_close(notice);
	errno = error;
	return -1;
}

void
notice_close(struct notice *notice)
{
	close(notice->fd);
	close(notice->write_fd);
}

void
notice_put(struct notice *notice)
{
	while (write(notice->write_fd, "", 1) == -1 && errno == EINTR)
		continue;
}

uint64_t
notice_clear(struct notice *notice)
{
	char bytes[64];
	uint64_t total = 0;
	ssize_t n;

	do {
		n = read(notice->fd, bytes, sizeof bytes);
		if (n > 0)
			total += (uint64_t)n;
	} while (n == (ssize_t)sizeof bytes || (n == -1 && errno == EINTR));
	return total;
}

#endif
