/* SPDX-License-Identifier: MIT */
/*
 * floor_fanout.c - the least that a server can do that copies lines to readers: one thread,
 * level-triggered epoll; one read, and then one write for each reader. It decodes nothing,
 * and drops who does not read. What others are measured against.
 *
 * usage: floor_fanout PORTFILE
 *
 * It listens at two ports, which are written there, one a line: what comes in at the first
 * one goes to everybody who is connected to the second.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "listening.h"

#define MAX_EVENTS 256
#define MAX_READERS 16384

enum { PUBLISHERS, READERS };

static int listeners[2];
static int epoll;
static int readers[MAX_READERS];
static unsigned nreaders;
static char buffer[1 << 20];

static bool
watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void
accept_publishers(void)
{
	int fd;

	while ((fd = listening_accept(listeners[PUBLISHERS])) != -1)
		if (!watch(fd))
			close(fd);
}

/* All that wait: who was connected before a line was published gets it. */
static void
accept_readers(void)
{
	int fd;

	while ((fd = listening_accept(listeners[READERS])) != -1)
		if (nreaders < MAX_READERS && watch(fd))
			readers[nreaders++] = fd;
		else
			close(fd);
}

static bool
is_reader(int fd, unsigned *place)
{
	for (*place = 0; *place < nreaders; ++*place)
		if (readers[*place] == fd)
			return true;
	return false;
}

static void
reader_end(unsigned place)
{
	close(readers[place]);
	readers[place] = readers[--nreaders];
}

/* From the last to the first: one that is ended is replaced by one that has had it. */
static void
copy_to_readers(size_t nbytes)
{
	for (unsigned i = nreaders; i-- > 0;)
		if (send(readers[i], buffer, nbytes, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    (ssize_t)nbytes)
			reader_end(i);
}

/* An event may be of one that was ended since, or of its successor: nothing to read then. */
static void
serve(int fd)
{
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
	unsigned place;

	if (n > 0)
		copy_to_readers((size_t)n);
	else if (n == -1 && errno == EAGAIN)
		return;
	else if (is_reader(fd, &place))
		reader_end(place);
	else
		close(fd);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[MAX_EVENTS];

	if (argc != 2) {
		fprintf(stderr, "usage: floor_fanout PORTFILE\n");
		return 64;
	}
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = PUBLISHERS; i <= READERS; i++) {
		listeners[i] = listening_open();
		if (epoll == -1 || !watch(listeners[i]))
			die("epoll");
	}
	listening_tell(argv[1], listeners, 2);
	for (;;) {
		int n = epoll_wait(epoll, events, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listeners[PUBLISHERS])
				accept_publishers();
			else if (events[i].data.fd == listeners[READERS])
				accept_readers();
			else
				serve(events[i].data.fd);
	}
}
