/* SPDX-License-Identifier: MIT */
/*
 * one_stopped.c - what one reader that has stopped costs the others; each line verified.
 *
 * usage: one_stopped HOST PORT PID all|stopped WINDOW LINES
 *
 * 100 readers follow "feed", to which one client more publishes LINES lines of about 100
 * bytes, with at most WINDOW of them in flight. With "stopped" one of the readers never
 * reads. Some lines go before and do not count: they fill what may wait for the one that has
 * stopped (if the listener's queue is 1 MiB, or less).
 *
 * Prints one line: lines a second to each of the readers that read, from the first line
 * until all of them have the last; and the server's CPU time per line in nanoseconds (of all
 * threads of process PID, from /proc).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define NREADERS 100
#define LINES_BEFORE 20000
#define DIGITS 12
#define VERB_BYTES 9                   /* "PUB feed ", "MSG feed " */
#define LINE_BYTES (VERB_BYTES + 101)  /* and 100 of text, and LF */
#define MAX_WINDOW 1024
#define MAX_FINAL 64
#define BUFFER_BYTES 65536
#define GIVE_UP_MS 30000

/* Owner: main. */
struct reader {
	int fd;
	uint64_t received; /* lines */
	size_t npartial;   /* bytes of the line that is coming in */
	char partial[LINE_BYTES];
};

static const char *host, *port;
static struct reader readers[NREADERS]; /* those that read come first */
static unsigned nreading = NREADERS;
static int epoll, publisher;
static unsigned window;

/* Lines since the start. */
static uint64_t to_send, sent, answered;
static unsigned nbehind; /* readers that have not got all of to_send */
static size_t nfinal;
static char final[MAX_FINAL];

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
send_all(int fd, const char *bytes, size_t nbytes)
{
	if (send(fd, bytes, nbytes, MSG_NOSIGNAL) != (ssize_t)nbytes)
		die("send");
}

static void
watch(int fd, struct reader *reader)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = reader };

	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		die("epoll_ctl");
}

/* The reader follows, and the server has said so. */
static void
reader_open(struct reader *reader, bool is_stopped)
{
	char answer[4];

	reader->fd = dial(host, port, is_stopped);
	send_all(reader->fd, "SUB feed\n", 9);
	if (recv(reader->fd, answer, 4, MSG_WAITALL) != 4)
		die("SUB");
	if (memcmp(answer, "+OK\n", 4) != 0)
		die_of_line("an answer to SUB", answer, 4);
	if (!is_stopped)
		watch(reader->fd, reader);
}

/* ---- Lines ------------------------------------------------------------------------- */

/* "MSG feed 000000000042 ......\n" */
static void
make_line(char line[LINE_BYTES], const char *verb, uint64_t number)
{
	memcpy(line, verb, 3);
	memcpy(line + 3, " feed ", 6);
	for (unsigned i = DIGITS; i > 0; i--, number /= 10)
		line[VERB_BYTES + i - 1] = (char)('0' + number % 10);
	line[VERB_BYTES + DIGITS] = ' ';
	memset(line + VERB_BYTES + DIGITS + 1, '.', LINE_BYTES - VERB_BYTES - DIGITS - 2);
	line[LINE_BYTES - 1] = '\n';
}

/* As many as the window leaves. So little, and read by the server: it fits. */
static void
publish(void)
{
	char lines[MAX_WINDOW * LINE_BYTES];
	size_t nbytes = 0;

	for (; sent < to_send && sent - answered < window; sent++, nbytes += LINE_BYTES)
		make_line(lines + nbytes, "PUB", sent);
	if (nbytes > 0)
		send_all(publisher, lines, nbytes);
}

static ssize_t
receive(int fd, char buffer[BUFFER_BYTES])
{
	ssize_t n = recv(fd, buffer, BUFFER_BYTES, MSG_DONTWAIT);

	if (n == 0)
		errno = ECONNRESET;
	if (n == 0 || (n == -1 && errno != EAGAIN))
		die("recv");
	return n == -1 ? 0 : n;
}

/* "+OK n": it was queued to all, except perhaps the one that has stopped. */
static void
take_final(void)
{
	unsigned n;

	final[nfinal] = '\0';
	if (answered == sent || sscanf(final, "+OK %u", &n) != 1 || n < nreading ||
	    n > NREADERS)
		die_of_line("an answer to PUB", final, nfinal);
	answered++;
	nfinal = 0;
}

static void
read_finals(void)
{
	char buffer[BUFFER_BYTES];
	ssize_t n = receive(publisher, buffer);

	for (ssize_t i = 0; i < n; i++) {
		if (buffer[i] == '\n') {
			take_final();
			continue;
		}
		final[nfinal++] = buffer[i];
		if (nfinal == MAX_FINAL)
			die_of_line("an answer to PUB", final, nfinal);
	}
	publish();
}

/* The line must be the one after the last. */
static void
take_delivery(struct reader *reader, const char *line)
{
	char expected[LINE_BYTES];

	make_line(expected, "MSG", reader->received);
	if (reader->received == to_send || memcmp(expected, line, LINE_BYTES) != 0)
		die_of_line("a wrong line", line, LINE_BYTES - 1);
	if (++reader->received == to_send)
		nbehind--;
}

static void
read_deliveries(struct reader *reader)
{
	char buffer[BUFFER_BYTES];
	size_t n = (size_t)receive(reader->fd, buffer), i = 0;

	while (i < n) {
		size_t left = LINE_BYTES - reader->npartial;
		size_t some = n - i < left ? n - i : left;

		if (some == LINE_BYTES) {
			take_delivery(reader, buffer + i);
			i += some;
			continue;
		}
		memcpy(reader->partial + reader->npartial, buffer + i, some);
		reader->npartial += some;
		i += some;
		if (reader->npartial == LINE_BYTES) {
			reader->npartial = 0;
			take_delivery(reader, reader->partial);
		}
	}
}

/* Publish so many more lines, until each of them is answered and everybody has it. */
static void
run(uint64_t nlines)
{
	struct epoll_event events[NREADERS + 1];

	to_send += nlines;
	nbehind = nreading;
	publish();
	while (answered < to_send || nbehind > 0) {
		int n = epoll_wait(epoll, events, NREADERS + 1, GIVE_UP_MS);

		if (n == 0)
			errno = ETIMEDOUT;
		if (n == 0 || (n == -1 && errno != EINTR))
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				read_finals();
			else
				read_deliveries(events[i].data.ptr);
		}
	}
}

static void
open_all(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll == -1)
		die("epoll_create1");
	for (unsigned i = 0; i < NREADERS; i++)
		reader_open(&readers[i], i >= nreading);
	publisher = dial(host, port, false);
	watch(publisher, NULL);
}

static uint64_t
number_of(const char *text, uint64_t max)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (*end != '\0' || n == 0 || n > max) {
		fprintf(stderr, "one_stopped: %s is not a number from 1 to %" PRIu64 "\n",
		        text, max);
		exit(64);
	}
	return n;
}

int
main(int argc, char **argv)
{
	uint64_t nlines, cpu;
	double start, seconds;

	if (argc != 7 ||
	    (strcmp(argv[4], "all") != 0 && strcmp(argv[4], "stopped") != 0)) {
		fprintf(stderr,
		        "usage: one_stopped HOST PORT PID all|stopped WINDOW LINES\n");
		return 64;
	}
	host = argv[1];
	port = argv[2];
	if (strcmp(argv[4], "stopped") == 0)
		nreading--;
	window = (unsigned)number_of(argv[5], MAX_WINDOW);
	nlines = number_of(argv[6], 100000000);
	open_all();
	run(LINES_BEFORE);
	cpu = cpu_ns(argv[3]);
	start = now();
	run(nlines);
	seconds = now() - start;
	cpu = cpu_ns(argv[3]) - cpu;
	printf("mode=%s readers=%u window=%u lines=%" PRIu64 " lines_per_second=%.0f "
	       "server_ns_per_line=%" PRIu64 " server_ns_per_delivery=%.0f\n",
	       argv[4], nreading, window, nlines, (double)nlines / seconds, cpu / nlines,
	       (double)cpu / (double)nlines / nreading);
	return 0;
}
