/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "record_pipe.h"

#define WANTED_BYTES (1 << 20)

_Static_assert(sizeof(struct record) == 16, "records are 16 bytes");
_Static_assert(sizeof(struct record) * RECORD_PIPE_MAX_BATCH <= PIPE_BUF,
               "a batch is written whole");

/*
 * The kernel keeps a pipe's bytes in pages, and adds a write to the last page only where
 * all of it fits: at worst two neighbouring pages hold one page's worth and a record.
 * The first page may be all but read.
 */
static size_t
guaranteed_records(size_t nbytes)
{
	size_t pages = nbytes / (size_t)sysconf(_SC_PAGESIZE);

	return pages < 2 ? 0 : (pages - 1) / 2 * ((size_t)sysconf(_SC_PAGESIZE) / 16);
}

int
record_pipe_open(struct record_pipe *pipe, unsigned number)
{
	int fds[2];
	int nbytes;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	pipe->number = number;
	pipe->read_fd = fds[0];
	pipe->write_fd = fds[1];
	/* Only the writing end: the reader has nothing else to do than to wait. */
	fcntl(pipe->write_fd, F_SETFL, O_NONBLOCK);
	fcntl(pipe->write_fd, F_SETPIPE_SZ, WANTED_BYTES);
	nbytes = fcntl(pipe->write_fd, F_GETPIPE_SZ);
	pipe->capacity = nbytes == -1 ? 0 : guaranteed_records((size_t)nbytes);
	return 0;
}

void
record_pipe_close(struct record_pipe *pipe)
{
	close(pipe->read_fd);
	close(pipe->write_fd);
}

int
record_pipe_write(struct record_pipe *pipe, const struct record *records, size_t n)
{
	ssize_t written;

	do
		written = write(pipe->write_fd, records, n * sizeof *records);
	while (written == -1 && errno == EINTR);
	return written == -1 ? -1 : 0;
}

void
record_pipe_write_waiting(struct record_pipe *pipe, const struct record *records, size_t n)
{
	struct pollfd pfd = { .fd = pipe->write_fd, .events = POLLOUT };

	while (record_pipe_write(pipe, records, n) == -1) {
		log_error("internal: the pipe of handler %u is full (%s); waiting for it",
		          pipe->number, strerror(errno));
		poll(&pfd, 1, 1000);
	}
}

bool
record_pipe_wait(struct record_pipe *pipe, int timeout_ms)
{
	struct pollfd pfd = { .fd = pipe->read_fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1;
}

size_t
record_pipe_read(struct record_pipe *pipe, struct record *records, size_t max)
{
	ssize_t n;

	do
		n = read(pipe->read_fd, records, max * sizeof *records);
	while (n <= 0);
	return (size_t)n / sizeof *records;
}
