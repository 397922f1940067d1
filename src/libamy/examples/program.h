/* SPDX-License-Identifier: MIT */
/* program.h - what the examples share: an argument, a socket, signals, threads, sending. */
#ifndef PROGRAM_H
#define PROGRAM_H

#undef _GNU_SOURCE
#define _GNU_SOURCE /* accept4(2) */

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amy.h>

/* The port, which is the only argument; 0 if there is none. */
static inline in_port_t
port_argument(int argc, char **argv, const char *help)
{
	char *end;
	long port;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		printf("usage: %s [port]\n%s\n"
		       "Without a port, or with 0, it takes any that is free, and prints it.\n",
		       argv[0], help);
		exit(0);
	}
	if (argc > 2)
		errx(2, "one argument is enough, a port; try --help");
	if (argc < 2)
		return 0;
	port = strtol(argv[1], &end, 10);
	if (end == argv[1] || *end != '\0' || port < 0 || port > 65535)
		errx(2, "\"%s\" is no port: give one from 1 to 65535, or 0 for any", argv[1]);
	return (in_port_t)port;
}

/* A socket, non-blocking, at that port of this machine, which is printed. */
static inline int
open_socket(int type, in_port_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t length = sizeof address;
	int on = 1, fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1)
		err(1, "socket");
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, length) == -1)
		err(1, "port %d (give another one, or 0 for any that is free)", port);
	if (type == SOCK_STREAM && listen(fd, SOMAXCONN) == -1)
		err(1, "listen");
	if (getsockname(fd, (struct sockaddr *)&address, &length) == -1)
		err(1, "getsockname");
	printf("port %d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

/* Readable when the program is to end. Before the first thread: signals are blocked in all. */
static inline int
open_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	fd = amy_signals_open(&signals);
	if (fd == -1)
		err(1, "amy_signals_open");
	return fd;
}

/* A poller, and a registrar of it. */
static inline struct amy_registrar *
open_poller(struct amy_poller **poller)
{
	struct amy_registrar *registrar;

	if ((*poller = amy_poller_create()) == NULL ||
	    (registrar = amy_registrar_create(*poller)) == NULL)
		err(1, "cannot make a poller");
	return registrar;
}

/* For what is registered once, when the program starts. */
static inline amy_id
register_or_exit(struct amy_registrar *registrar, int fd, void *data)
{
	amy_id id;

	if (amy_registrar_register(registrar, fd, AMY_READ, data, &id) == -1)
		err(1, "amy_registrar_register");
	return id;
}

static inline pthread_t
start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument) != 0)
		errx(1, "cannot start a thread");
	return thread;
}

/* A client that waits, or -1. Without a descriptor left, a moment is waited for one. */
static inline int
accept_client(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1 && (errno == EMFILE || errno == ENFILE))
		poll(NULL, 0, 100);
	return fd;
}

/* Send what is pending. 1: all is gone; 0: the socket takes no more now; -1: it is lost. */
static inline int
send_pending(int fd, struct amy_line_writer *writer)
{
	const char *bytes;
	size_t pending;

	while ((pending = amy_line_writer_pending(writer, &bytes)) > 0) {
		ssize_t n = send(fd, bytes, pending, MSG_NOSIGNAL);

		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		amy_line_writer_consume(writer, (size_t)n);
	}
	return 1;
}

#endif
