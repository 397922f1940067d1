/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

void
die(const char *what)
{
	perror(what);
	exit(1);
}

void
die_of_line(const char *what, const char *line, size_t nbytes)
{
	fprintf(stderr, "%s: %s: %.*s\n", program_invocation_short_name, what, (int)nbytes,
	        line);
	exit(1);
}

uint64_t
cpu_ns(const char *pid)
{
	char path[64];
	uint64_t total = 0, ns;
	glob_t tasks;

	snprintf(path, sizeof path, "/proc/%s/task/*/schedstat", pid);
	if (glob(path, 0, NULL, &tasks) != 0)
		die(path);
	for (size_t i = 0; i < tasks.gl_pathc; i++) {
		FILE *file = fopen(tasks.gl_pathv[i], "r");

		if (file == NULL || fscanf(file, "%" SCNu64, &ns) != 1)
			die(tasks.gl_pathv[i]);
		fclose(file);
		total += ns;
	}
	globfree(&tasks);
	return total;
}

static void
make_narrow(int fd)
{
	int segment = 536, buffer = 4096;

	if (setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) == -1)
		die("setsockopt");
}

int
dial(const char *host, const char *port, bool is_narrow)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int on = 1, fd, error = getaddrinfo(host, port, &hints, &list);

	if (error != 0) {
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, host,
		        gai_strerror(error));
		exit(1);
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		die("socket");
	if (is_narrow)
		make_narrow(fd);
	if (connect(fd, list->ai_addr, list->ai_addrlen) == -1)
		die("connect");
	freeaddrinfo(list);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	return fd;
}
