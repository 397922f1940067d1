/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "listening.h"

int
listening_open(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&address, sizeof address) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == -1 ||
	    listen(fd, SOMAXCONN) == -1)
		die("cannot listen at 127.0.0.1");
	return fd;
}

int
listening_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static unsigned
port_of(int listener)
{
	struct sockaddr_in address;
	socklen_t nbytes = sizeof address;

	if (getsockname(listener, (struct sockaddr *)&address, &nbytes) == -1)
		die("getsockname");
	return ntohs(address.sin_port);
}

void
listening_tell(const char *path, const int *listeners, unsigned n)
{
	char aside[4096];
	FILE *file;

	snprintf(aside, sizeof aside, "%s.new", path);
	file = fopen(aside, "w");
	if (file == NULL)
		die(aside);
	for (unsigned i = 0; i < n; i++)
		fprintf(file, "%u\n", port_of(listeners[i]));
	if (fclose(file) != 0 || rename(aside, path) == -1)
		die(path);
}
