/* SPDX-License-Identifier: MIT */
/*
 * many_subscriptions.c - what a publication costs the server, by how many subscriptions
 * there are; each answer and each delivery verified.
 *
 * usage: many_subscriptions HOST PORT PID SUBSCRIPTIONS WINDOW PUBLISHES ROUNDS
 *
 * Follows as many patterns of three tokens, bench.NUMBER.x, on 100 connections;
 * then, from one more connection, publishes to one of them at a time, at random, with at
 * most WINDOW lines in flight. A round is PUBLISHES lines; one round more goes before, and
 * does not count.
 *
 * Prints one line: the server's CPU time per publication in nanoseconds (of all threads of
 * process PID, from /proc), the median of the rounds, the least and the most.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

#define SUBSCRIPTIONS_PER_CLIENT 10000
#define CLIENTS 100
#define MAX_SUBSCRIPTIONS (CLIENTS * SUBSCRIPTIONS_PER_CLIENT)
#define MAX_WINDOW 1024
#define MAX_ROUNDS 1000
#define MAX_LINE 64
#define BUFFER_BYTES 65536
#define GIVE_UP_MS 30000

/* Owner: main. */
struct client {
	int fd;
	unsigned first, n; /* it follows bench.FIRST.x and the n - 1 after it */
	size_t npartial;   /* bytes of the line that is coming in */
	char partial[MAX_LINE];
	bool is_done; /* it follows nothing any more */
};

static const char *host, *port;
static unsigned nsubscriptions, window, npublishes, nclients;
static struct client *clients;
static struct client publisher;
static struct pollfd *polled; /* clients, then the publisher */

/* Of this round, by the number of the line. */
static unsigned *targets;
static bool *is_delivered;
static unsigned nsent, nanswered, ndelivered;
static uint64_t seed = 1;

static void
make_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		die("fcntl");
}

/* Wait until one of n descriptors is ready. */
static void
wait_for(struct pollfd *fds, unsigned n)
{
	int rc;

	do
		rc = poll(fds, n, GIVE_UP_MS);
	while (rc == -1 && errno == EINTR);
	if (rc == 0)
		errno = ETIMEDOUT;
	if (rc <= 0)
		die("poll");
}

typedef void line_fn(struct client *client, const char *line, size_t nbytes);

/* A line, of which what came before is kept. */
static void
complete_line(struct client *client, const char *bytes, size_t nbytes, line_fn *take)
{
	if (client->npartial + nbytes > MAX_LINE)
		die_of_line("a line is too long", client->partial, client->npartial);
	if (client->npartial == 0) {
		take(client, bytes, nbytes);
		return;
	}
	memcpy(client->partial + client->npartial, bytes, nbytes);
	take(client, client->partial, client->npartial + nbytes);
	client->npartial = 0;
}

static void
keep_partial(struct client *client, const char *bytes, size_t nbytes)
{
	if (client->npartial + nbytes > MAX_LINE)
		die_of_line("a line is too long", bytes, MAX_LINE - client->npartial);
	memcpy(client->partial + client->npartial, bytes, nbytes);
	client->npartial += nbytes;
}

/* Take the lines of one read. */
static void
receive(struct client *client, line_fn *take)
{
	static char buffer[BUFFER_BYTES];
	ssize_t n = recv(client->fd, buffer, sizeof buffer, 0);
	char *next = buffer, *lf;

	if (n == -1 && errno == EAGAIN)
		return;
	if (n == 0)
		errno = ECONNRESET;
	if (n <= 0)
		die("recv");
	while ((lf = memchr(next, '\n', (size_t)(buffer + n - next))) != NULL) {
		complete_line(client, next, (size_t)(lf - next), take);
		next = lf + 1;
	}
	keep_partial(client, next, (size_t)(buffer + n - next));
}

/* ---- Subscribing ------------------------------------------------------------------- */

/* Pipelined: the lines of one client, and how far they and their answers are. */
static struct {
	char lines[SUBSCRIPTIONS_PER_CLIENT * MAX_LINE];
	size_t nbytes, sent;
	unsigned nanswered;
} subscribing;

static void
take_subscribed(struct client *client, const char *line, size_t nbytes)
{
	(void)client;
	if (nbytes != 3 || memcmp(line, "+OK", 3) != 0)
		die_of_line("an answer to SUB", line, nbytes);
	subscribing.nanswered++;
}

static void
send_subscriptions(int fd)
{
	ssize_t n = send(fd, subscribing.lines + subscribing.sent,
	                 subscribing.nbytes - subscribing.sent, MSG_NOSIGNAL);

	if (n == -1 && errno != EAGAIN)
		die("send");
	if (n > 0)
		subscribing.sent += (size_t)n;
}

static void
client_subscribe(struct client *client)
{
	struct pollfd fd = { .fd = client->fd };

	memset(&subscribing, 0, sizeof subscribing);
	for (unsigned i = 0; i < client->n; i++)
		subscribing.nbytes +=
		    (size_t)sprintf(subscribing.lines + subscribing.nbytes,
		                    "SUB bench.%u.x\n", client->first + i);
	while (subscribing.nanswered < client->n) {
		fd.events = POLLIN;
		if (subscribing.sent < subscribing.nbytes)
			fd.events |= POLLOUT;
		wait_for(&fd, 1);
		if (fd.revents & POLLOUT)
			send_subscriptions(client->fd);
		if (fd.revents & ~POLLOUT)
			receive(client, take_subscribed);
	}
}

static void
subscribe_all(void)
{
	for (unsigned i = 0; i < nclients; i++) {
		struct client *client = &clients[i];
		unsigned end = (unsigned)((uint64_t)nsubscriptions * (i + 1) / nclients);

		client->fd = dial(host, port, false);
		make_nonblocking(client->fd);
		client->first = (unsigned)((uint64_t)nsubscriptions * i / nclients);
		client->n = end - client->first;
		client_subscribe(client);
	}
}

/* ---- Publishing -------------------------------------------------------------------- */

/* A linear congruential generator; its high bits are good enough. */
static unsigned
random_below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 32) % n);
}

/* The text is the line's number in its round. */
static void
publish(unsigned n)
{
	char lines[MAX_WINDOW * MAX_LINE];
	size_t nbytes = 0;

	for (; n > 0 && nsent < npublishes; n--, nsent++)
		nbytes += (size_t)sprintf(lines + nbytes, "PUB bench.%u.x %u\n",
		                          targets[nsent], nsent);
	/* So little, and answered: it fits. */
	if (nbytes > 0 &&
	    send(publisher.fd, lines, nbytes, MSG_NOSIGNAL) != (ssize_t)nbytes)
		die("send");
}

static void
take_answer(struct client *client, const char *line, size_t nbytes)
{
	(void)client;
	if (nanswered == nsent || nbytes < 5 || memcmp(line, "+OK 1", 5) != 0 ||
	    (nbytes > 5 && line[5] != ' '))
		die_of_line("an answer to PUB", line, nbytes);
	nanswered++;
}

static void
take_delivery(struct client *client, const char *line, size_t nbytes)
{
	char text[MAX_LINE + 1], expected[MAX_LINE + 1];
	unsigned target, number;

	memcpy(text, line, nbytes);
	text[nbytes] = '\0';
	if (sscanf(text, "MSG bench.%u.x %u", &target, &number) != 2)
		die_of_line("a delivery", line, nbytes);
	snprintf(expected, sizeof expected, "MSG bench.%u.x %u", target, number);
	if (strcmp(text, expected) != 0 || number >= nsent || targets[number] != target ||
	    target - client->first >= client->n)
		die_of_line("a delivery of nothing that was published", line, nbytes);
	if (is_delivered[number])
		die_of_line("a delivery for the second time", line, nbytes);
	is_delivered[number] = true;
	ndelivered++;
}

static void
read_all(void)
{
	unsigned before = nanswered;

	wait_for(polled, nclients + 1);
	for (unsigned i = 0; i < nclients; i++)
		if (polled[i].revents != 0)
			receive(&clients[i], take_delivery);
	if (polled[nclients].revents != 0)
		receive(&publisher, take_answer);
	publish(nanswered - before);
}

/* Returns the server's CPU time per line, in nanoseconds. */
static uint64_t
run_round(const char *pid)
{
	uint64_t cpu;

	for (unsigned i = 0; i < npublishes; i++)
		targets[i] = random_below(nsubscriptions);
	memset(is_delivered, 0, npublishes * sizeof is_delivered[0]);
	nsent = nanswered = ndelivered = 0;
	cpu = cpu_ns(pid);
	publish(window);
	while (nanswered < npublishes || ndelivered < npublishes)
		read_all();
	return (cpu_ns(pid) - cpu) / npublishes;
}

static void
take_unsubscribed(struct client *client, const char *line, size_t nbytes)
{
	char expected[MAX_LINE];

	if (nbytes != (size_t)sprintf(expected, "+OK %u", client->n) ||
	    memcmp(line, expected, nbytes) != 0)
		die_of_line("an answer to UNSUB", line, nbytes);
	client->is_done = true;
}

/* Nothing came that was not expected; and whoever measures next does not find these. */
static void
unsubscribe(struct client *client)
{
	struct pollfd fd = { .fd = client->fd, .events = POLLIN };

	if (send(client->fd, "UNSUB *\n", 8, MSG_NOSIGNAL) != 8)
		die("send");
	while (!client->is_done) {
		wait_for(&fd, 1);
		receive(client, take_unsubscribed);
	}
}

static unsigned
number_of(const char *text, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != '\0' || n == 0 || n > max) {
		fprintf(stderr, "many_subscriptions: %s is not a number from 1 to %u\n",
		        text, max);
		exit(64);
	}
	return (unsigned)n;
}

static void
make_clients(void)
{
	nclients = nsubscriptions < CLIENTS ? nsubscriptions : CLIENTS;
	clients = calloc(nclients, sizeof *clients);
	polled = calloc(nclients + 1, sizeof *polled);
	targets = calloc(npublishes, sizeof *targets);
	is_delivered = calloc(npublishes, sizeof *is_delivered);
	if (clients == NULL || polled == NULL || targets == NULL || is_delivered == NULL)
		die("clients");
	subscribe_all();
	publisher.fd = dial(host, port, false);
	make_nonblocking(publisher.fd);
	for (unsigned i = 0; i <= nclients; i++)
		polled[i] = (struct pollfd){
			.fd = i < nclients ? clients[i].fd : publisher.fd,
			.events = POLLIN,
		};
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char **argv)
{
	static uint64_t ns[MAX_ROUNDS];
	unsigned nrounds;

	if (argc != 8) {
		fprintf(stderr, "usage: many_subscriptions HOST PORT PID SUBSCRIPTIONS "
		                "WINDOW PUBLISHES ROUNDS\n");
		return 64;
	}
	host = argv[1];
	port = argv[2];
	nsubscriptions = number_of(argv[4], MAX_SUBSCRIPTIONS);
	window = number_of(argv[5], MAX_WINDOW);
	npublishes = number_of(argv[6], 100000000);
	nrounds = number_of(argv[7], MAX_ROUNDS);
	make_clients();
	run_round(argv[3]); /* warm */
	for (unsigned i = 0; i < nrounds; i++)
		ns[i] = run_round(argv[3]);
	for (unsigned i = 0; i < nclients; i++)
		unsubscribe(&clients[i]);
	unsubscribe(&publisher);
	qsort(ns, nrounds, sizeof ns[0], compare);
	printf("subscriptions=%u publishes=%u window=%u rounds=%u "
	       "server_ns_per_publish=%" PRIu64 " least=%" PRIu64 " most=%" PRIu64 "\n",
	       nsubscriptions, npublishes, window, nrounds, ns[nrounds / 2], ns[0],
	       ns[nrounds - 1]);
	return 0;
}
