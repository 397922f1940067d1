/* SPDX-License-Identifier: MIT */
/*
 * notice_eventfd.c - Linux: a descriptor that is a counter.
 */
#include "notice.h"

#if NOTICE_IS_EVENTFD
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int
notice_open(struct notice *notice)
{
	notice->fd = notice->write_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return notice->fd == -1 ? -1 : 0;
}

void
notice_close(struct notice *notice)
{
	close(notice->fd);
}

void
notice_put(struct notice *notice)
{
	const uint64_t one = 1;

	while (write(notice->write_fd, &one, sizeof one) == -1 && errno == EINTR)
		continue;
}

uint64_t
notice_clear(struct notice *notice)
{
	uint64_t total;
	ssize_t n;

	do
		n = read(notice->fd, &total, sizeof total);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof total ? total : 0;
}

#endif
