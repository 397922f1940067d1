/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define MAX_LINE 256

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

void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		die("setrlimit");
}

/* The line of a connection, with its LF; its length. */
static size_t
make_line(char line[MAX_LINE], const char *format, unsigned number)
{
	const char *mark = strchr(format, '#');
	int n;

	if (mark == NULL)
		n = snprintf(line, MAX_LINE, "%s\n", format);
	else
		n = snprintf(line, MAX_LINE, "%.*s%u%s\n", (int)(mark - format), format, number,
		             mark + 1);
	if (n >= MAX_LINE) {
		errno = EMSGSIZE;
		die(format);
	}
	return (size_t)n;
}

static size_t
read_answer(int fd, char answer[MAX_LINE])
{
	size_t nbytes = 0;

	while (nbytes == 0 || answer[nbytes - 1] != '\n') {
		ssize_t n = recv(fd, answer + nbytes, MAX_LINE - nbytes, 0);

		if (n == 0)
			errno = nbytes == MAX_LINE ? EMSGSIZE : ECONNRESET;
		if (n <= 0)
			die("no answer");
		nbytes += (size_t)n;
	}
	return nbytes;
}

void
converse(int fd, const char *format, unsigned number)
{
	char line[MAX_LINE], answer[MAX_LINE];
	size_t nline = make_line(line, format, number), nanswer;

	if (send(fd, line, nline, MSG_NOSIGNAL) != (ssize_t)nline)
		die("send");
	nanswer = read_answer(fd, answer);
	if (answer[0] != '+' && (nanswer != nline || memcmp(line, answer, nline) != 0))
		die_of_line("a wrong answer", answer, nanswer);
}
