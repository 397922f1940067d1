/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "system_log.h"

#define MAX_HEADER 64

/* False, errno: nobody takes sockets of that type there. */
static bool
connect_as(struct system_log *log, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error;

	if (strlen(log->path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(address.sun_path, log->path);
	log->type = type;
	log->fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (log->fd == -1)
		return false;
	if (connect(log->fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return true;
	error = errno;
	system_log_close(log);
	errno = error;
	return false;
}

static bool
connect_to_logger(struct system_log *log)
{
	if (connect_as(log, SOCK_DGRAM))
		return true;
	return errno == EPROTOTYPE && connect_as(log, SOCK_STREAM);
}

/* "<30>Nov 28 20:15:00 amyd[1234]: ", whatever the locale. Returns its length. */
static size_t
format_header(char header[MAX_HEADER], int priority)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return (size_t)snprintf(header, MAX_HEADER, "<%d>%.3s %2d %02d:%02d:%02d amyd[%d]: ",
	                        priority, months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour,
	                        tm.tm_min, tm.tm_sec, (int)getpid());
}

/* On a stream a NUL ends each message. */
static bool
send_message(const struct system_log *log, const char *header, size_t nheader, const char *text)
{
	size_t ntext = strlen(text) + (log->type == SOCK_STREAM ? 1 : 0);
	struct iovec pieces[] = {
		{ .iov_base = (void *)(uintptr_t)header, .iov_len = nheader },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = ntext },
	};
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = sendmsg(log->fd, &message, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)(nheader + ntext);
}

bool
system_log_write(struct system_log *log, int priority, const char *text)
{
	char header[MAX_HEADER];
	size_t nheader = format_header(header, priority);
	int error;

	if (log->fd != -1 && send_message(log, header, nheader, text))
		return true;
	system_log_close(log);
	if (!connect_to_logger(log))
		return false;
	if (send_message(log, header, nheader, text))
		return true;
	error = errno;
	system_log_close(log);
	errno = error;
	return false;
}

void
system_log_close(struct system_log *log)
{
	if (log->fd != -1)
		close(log->fd);
	log->fd = -1;
}
