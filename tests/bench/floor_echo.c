/* SPDX-License-Identifier: MIT */
/*
 * floor_echo.c - the least that an echo server can do: one thread, level-triggered epoll,
 * read, write. It decodes nothing, and drops who does not read. What others are measured
 * against.
 *
 * usage: floor_echo PORTFILE    (the port that it listens on is written there)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_EVENTS 256

static char buffer[65536];

static int
open_listener(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fd == -1 || bind(fd, (struct sockaddr *)&address, sizeof address) == -1 ||
	    listen(fd, 4096) == -1) {
		perror("floor_echo: listen");
		exit(1);
	}
	return fd;
}

static void
write_port(int listener, const char *path)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	char aside[4096];
	FILE *file;

	getsockname(listener, (struct sockaddr *)&address, &length);
	snprintf(aside, sizeof aside, "%s.new", path);
	file = fopen(aside, "w");
	if (file == NULL || fprintf(file, "%u\n", ntohs(address.sin_port)) < 0 ||
	    fclose(file) != 0 || rename(aside, path) == -1) {
		perror(path);
		exit(1);
	}
}

static void
watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		close(fd);
}

static void
echo(int fd)
{
	ssize_t n = recv(fd, buffer, sizeof buffer, 0);

	if (n <= 0 || send(fd, buffer, (size_t)n, MSG_NOSIGNAL) != n)
		close(fd);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[MAX_EVENTS];
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int listener = open_listener();

	if (argc != 2) {
		fprintf(stderr, "usage: floor_echo PORTFILE\n");
		return 64;
	}
	watch(epoll, listener);
	write_port(listener, argv[1]);
	for (;;) {
		int n = epoll_wait(epoll, events, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				watch(epoll, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
			else
				echo(events[i].data.fd);
	}
}
