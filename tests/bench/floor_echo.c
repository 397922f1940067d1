/* SPDX-License-Identifier: MIT */
/*
 * floor_echo.c - the least that an echo server can do: level-triggered epoll, read, write.
 * It decodes nothing, and drops who does not read. What others are measured against.
 *
 * usage: floor_echo THREADS PORTFILE    (the port that it listens at is written there)
 *
 * Each thread has an epoll and clients of its own. The first one accepts, and deals the
 * connections out in turn.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "listening.h"

#define MAX_EVENTS 256
#define MAX_THREADS 64

/* Constant once the threads run. */
static int listener;
static int epolls[MAX_THREADS];
static unsigned nthreads;

static void
watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		close(fd);
}

static void
accept_all(void)
{
	static unsigned next; /* the first thread's */
	int fd;

	while ((fd = listening_accept(listener)) != -1)
		watch(epolls[next++ % nthreads], fd);
}

static void
echo(int fd, char *buffer, size_t capacity)
{
	ssize_t n = recv(fd, buffer, capacity, 0);

	if (n <= 0 || send(fd, buffer, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		close(fd);
}

/* epoll: the thread's own. */
static void *
run(void *epoll)
{
	static _Thread_local char buffer[65536];
	struct epoll_event events[MAX_EVENTS];

	for (;;) {
		int n = epoll_wait(*(int *)epoll, events, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				accept_all();
			else
				echo(events[i].data.fd, buffer, sizeof buffer);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t thread;

	nthreads = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	if (nthreads < 1 || nthreads > MAX_THREADS) {
		fprintf(stderr, "usage: floor_echo THREADS PORTFILE    (1 to %d threads)\n",
		        MAX_THREADS);
		return 64;
	}
	listener = listening_open();
	for (unsigned i = 0; i < nthreads; i++) {
		epolls[i] = epoll_create1(EPOLL_CLOEXEC);
		if (epolls[i] == -1 ||
		    (i > 0 && pthread_create(&thread, NULL, run, &epolls[i]) != 0))
			die("cannot start a thread");
	}
	watch(epolls[0], listener);
	listening_tell(argv[2], &listener, 1);
	run(&epolls[0]);
	return 0;
}
