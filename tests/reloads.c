/* SPDX-License-Identifier: MIT */
/*
 * reloads.c - has a daemon read its configuration again and again, each time another one.
 *
 *     reloads N PID CONF PORT FILE...
 *
 * The files take the place of CONF in turn; after each SIGHUP it waits, by STATS at the port,
 * until that reload is over. One that was refused, a final that is not +OK, or a connection
 * that ends, is said, and ends it with 1. Nothing waits for ever.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 120000
#define MAX_ANSWER 4096
#define MAX_FILE 65536

/* What STATS says. */
struct counts {
	unsigned long done, refused;
};

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void
die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("reloads: ", stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static int
dial(const char *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons((uint16_t)atoi(port));
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || connect(fd, (struct sockaddr *)&in, sizeof in) == -1)
		die("connect to port %s: %s", port, strerror(errno));
	return fd;
}

/* What the daemon answers, up to and with its final line. */
static void
receive(int fd, char answer[MAX_ANSWER])
{
	size_t n = 0;

	answer[0] = '\0';
	while (strstr(answer, "+OK") == NULL || answer[n - 1] != '\n') {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (n == MAX_ANSWER - 1 || poll(&pfd, 1, PATIENCE_MS) != 1)
			die("there is no final line in: %s", answer);
		got = recv(fd, answer + n, MAX_ANSWER - 1 - n, 0);
		if (got <= 0)
			die("the connection has ended: %s", got == 0 ? "EOF" : strerror(errno));
		n += (size_t)got;
		answer[n] = '\0';
		if (strstr(answer, "-ERR") != NULL || strstr(answer, "! BYE") != NULL)
			die("the daemon says: %s", answer);
	}
}

static unsigned long
row(const char *answer, const char *name)
{
	const char *found = strstr(answer, name);

	if (found == NULL)
		die("there is no %s in: %s", name, answer);
	return strtoul(found + strlen(name), NULL, 10);
}

static struct counts
ask(int fd)
{
	static const char line[] = "STATS server.reloads\n";
	char answer[MAX_ANSWER];
	struct counts counts;

	if (send(fd, line, sizeof line - 1, MSG_NOSIGNAL) != sizeof line - 1)
		die("send: %s", strerror(errno));
	receive(fd, answer);
	counts.done = row(answer, "server.reloads ");
	counts.refused = row(answer, "server.reloads.refused ");
	return counts;
}

/* Put the text of a file into the place of another, whole. */
static void
put(const char *from, const char *to)
{
	char text[MAX_FILE], aside[4096];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n = in == -1 ? -1 : read(in, text, sizeof text);

	if (n <= 0 || n == sizeof text)
		die("%s: cannot be read, or is empty or too large", from);
	close(in);
	snprintf(aside, sizeof aside, "%s.aside", to);
	out = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out == -1 || write(out, text, (size_t)n) != n || close(out) == -1 ||
	    rename(aside, to) == -1)
		die("%s: %s", to, strerror(errno));
}

static void
reload_once(int fd, pid_t pid, unsigned long n, struct counts before)
{
	struct counts counts;

	if (kill(pid, SIGHUP) == -1)
		die("kill: %s", strerror(errno));
	do {
		counts = ask(fd);
		if (counts.refused != before.refused)
			die("reload %lu was refused", n);
	} while (counts.done == before.done + n - 1);
	if (counts.done != before.done + n)
		die("%lu reloads were done, and not %lu", counts.done - before.done, n);
}

int
main(int argc, char **argv)
{
	struct counts before;
	unsigned long n;
	int fd;

	if (argc < 6)
		die("usage: reloads N PID CONF PORT FILE...");
	n = strtoul(argv[1], NULL, 10);
	fd = dial(argv[4]);
	before = ask(fd);
	for (unsigned long i = 1; i <= n; i++) {
		put(argv[5 + i % (unsigned long)(argc - 5)], argv[3]);
		reload_once(fd, (pid_t)atol(argv[2]), i, before);
	}
	printf("%lu reloads\n", n);
	close(fd);
	return 0;
}
