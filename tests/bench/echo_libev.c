/* SPDX-License-Identifier: MIT */
/*
 * echo_libev.c - an echo server as one writes it with libev: an ev_io for each client, read,
 * write. It echoes bytes as they come, and drops who does not read.
 *
 * usage: echo_libev PORTFILE    (the port that it listens at is written there)
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "common.h"
#include "listening.h"

static void
echo(struct ev_loop *loop, ev_io *client, int events)
{
	static char buffer[65536];
	ssize_t n = recv(client->fd, buffer, sizeof buffer, 0);

	(void)events;
	if (n > 0 && send(client->fd, buffer, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) == n)
		return;
	ev_io_stop(loop, client);
	close(client->fd);
	free(client);
}

static void
begin(struct ev_loop *loop, ev_io *listener, int events)
{
	int fd;

	(void)events;
	while ((fd = listening_accept(listener->fd)) != -1) {
		ev_io *client = malloc(sizeof *client);

		if (client == NULL)
			die("malloc");
		ev_io_init(client, echo, fd, EV_READ);
		ev_io_start(loop, client);
	}
}

int
main(int argc, char **argv)
{
	struct ev_loop *loop = ev_default_loop(EVFLAG_AUTO);
	ev_io listener;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: echo_libev PORTFILE\n");
		return 64;
	}
	if (loop == NULL)
		die("libev");
	fd = listening_open();
	ev_io_init(&listener, begin, fd, EV_READ);
	ev_io_start(loop, &listener);
	listening_tell(argv[1], &fd, 1);
	return ev_run(loop, 0) ? 0 : 1;
}
