/* SPDX-License-Identifier: MIT */
/*
 * echo_load.c - a closed loop of lines against an echo server, each answer verified.
 *
 * usage: echo_load PORT PID CONNECTIONS IN-FLIGHT MILLISECONDS
 *
 * Prints one row: the server's CPU time per line in microseconds (user and system time of
 * process PID, from /proc, over the lines that came back), and lines a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 32
#define MAX_EVENTS 256
#define MAX_IN_FLIGHT 1024

/* Owner: main. */
struct client {
	int fd;
	unsigned id;
	uint64_t sent, received; /* lines */
	size_t partial;          /* bytes of the line that is coming in */
	char in[LINE_BYTES];
};

static unsigned in_flight;
static uint64_t total;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* User and system time of a process, in seconds, all its threads. */
static double
cpu_seconds(int pid)
{
	char path[64];
	char comm[256], state;
	unsigned long user, system;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file == NULL ||
	    fscanf(file, "%*d %255s %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", comm,
	           &state, &user, &system) != 4)
		die(path);
	fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void
make_line(char line[LINE_BYTES], unsigned id, uint64_t number)
{
	char text[LINE_BYTES + 1];

	snprintf(text, sizeof text, "client %06u line %012llu", id,
	         (unsigned long long)(number % 1000000000000u));
	memcpy(line, text, LINE_BYTES - 1);
	line[LINE_BYTES - 1] = '\n';
}

static void
client_send(struct client *client, unsigned nlines)
{
	char lines[LINE_BYTES * MAX_IN_FLIGHT];

	for (unsigned i = 0; i < nlines; i++)
		make_line(lines + i * LINE_BYTES, client->id, client->sent++);
	if (nlines > 0 && send(client->fd, lines, nlines * LINE_BYTES, MSG_NOSIGNAL) !=
	                      (ssize_t)(nlines * LINE_BYTES))
		die("send");
}

/* Verify what came, and return how many lines were completed. */
static unsigned
client_receive(struct client *client)
{
	char bytes[LINE_BYTES * MAX_IN_FLIGHT];
	ssize_t n = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT);
	unsigned completed = 0;

	if (n == 0 || (n == -1 && errno != EAGAIN))
		die("recv");
	for (ssize_t i = 0; i < n;) {
		char expected[LINE_BYTES];
		size_t left = LINE_BYTES - client->partial;
		size_t some = (size_t)(n - i) < left ? (size_t)(n - i) : left;

		memcpy(client->in + client->partial, bytes + i, some);
		client->partial += some;
		i += (ssize_t)some;
		if (client->partial < LINE_BYTES)
			break;
		make_line(expected, client->id, client->received++);
		if (memcmp(expected, client->in, LINE_BYTES) != 0) {
			fprintf(stderr, "a wrong line came back: %.31s\n", client->in);
			exit(1);
		}
		client->partial = 0;
		completed++;
	}
	return completed;
}

static void
client_open(struct client *client, unsigned id, int port, int epoll)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)port);
	client->id = id;
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd == -1 ||
	    connect(client->fd, (struct sockaddr *)&address, sizeof address) == -1)
		die("connect");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) == -1)
		die("epoll_ctl");
	client_send(client, in_flight);
}

static void
run_until(int epoll, double deadline)
{
	struct epoll_event events[MAX_EVENTS];

	while (now() < deadline) {
		int n = epoll_wait(epoll, events, MAX_EVENTS, 100);

		for (int i = 0; i < n; i++) {
			struct client *client = events[i].data.ptr;
			unsigned completed = client_receive(client);

			total += completed;
			client_send(client, completed);
		}
	}
}

int
main(int argc, char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	unsigned nclients;
	struct client *clients;
	double seconds, cpu, start;
	int port, pid;

	if (argc != 6) {
		fprintf(stderr, "usage: echo_load PORT PID CONNECTIONS IN-FLIGHT MILLISECONDS\n");
		return 64;
	}
	port = atoi(argv[1]);
	pid = atoi(argv[2]);
	nclients = (unsigned)atoi(argv[3]);
	in_flight = (unsigned)atoi(argv[4]);
	seconds = atof(argv[5]) / 1000;
	if (nclients == 0 || in_flight == 0 || in_flight > MAX_IN_FLIGHT) {
		fprintf(stderr, "echo_load: connections and lines in flight are 1 or more\n");
		return 64;
	}
	clients = calloc(nclients, sizeof *clients);
	if (clients == NULL)
		die("clients");
	for (unsigned i = 0; i < nclients; i++)
		client_open(&clients[i], i, port, epoll);
	run_until(epoll, now() + seconds / 10); /* warm */
	total = 0;
	cpu = cpu_seconds(pid);
	start = now();
	run_until(epoll, start + seconds);
	cpu = cpu_seconds(pid) - cpu;
	printf("%.3f %.0f\n", cpu * 1e6 / (double)total, (double)total / (now() - start));
	return 0;
}
