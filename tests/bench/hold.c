/* SPDX-License-Identifier: MIT */
/*
 * hold.c - many connections that are kept, and say nothing more.
 *
 * usage: hold HOST PORT CONNECTIONS LINE
 *
 * Opens them, says the line on each (a # in it is the connection's number) and waits for the
 * answer, which begins with + or is the line. Then it prints "held N" and keeps them until it
 * is ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define MAX_LINE 256

static void
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

static void
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

int
main(int argc, char **argv)
{
	unsigned n = argc == 5 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;

	if (n == 0) {
		fprintf(stderr, "usage: hold HOST PORT CONNECTIONS LINE\n");
		return 64;
	}
	raise_descriptor_limit();
	for (unsigned i = 0; i < n; i++)
		converse(dial(argv[1], argv[2], false), argv[4], i);
	printf("held %u\n", n);
	if (fflush(stdout) != 0)
		die("stdout");
	for (;;)
		pause();
}
