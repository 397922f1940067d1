/* SPDX-License-Identifier: MIT */
/*
 * start_stop.c - how long amyd takes to start, and to end with so many clients, and its memory
 * in between.
 *
 * usage: start_stop CLIENTS PORTSFILE COMMAND [ARGUMENT...]
 *
 * Runs the command; it is ready once the file is there, and has started when the listener "main"
 * that is in the file has answered. Then come the clients, each of which is answered once. The
 * command is sent SIGTERM, and its end waited for, which must be with 0. What the clients have
 * heard meanwhile they read then.
 *
 * Prints one line: microseconds from before execve(2) to the file, and to the answer; kilobytes
 * resident then; microseconds from SIGTERM to the end; and how many clients were not told goodbye,
 * or not in a whole line.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define GOODBYE "! BYE DRAIN "
#define POLL_NS 50000
#define MAX_WAIT_US 10000000
#define PORT_BYTES 8

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
pause_briefly(void)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	nanosleep(&pause, NULL);
}

static void
give_up(const char *why)
{
	fprintf(stderr, "start_stop: %s\n", why);
	exit(1);
}

/* The time of the execve(2), which the child writes there before it. */
static int64_t *
open_begun(void)
{
	int64_t *begun = mmap(NULL, sizeof *begun, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (begun == MAP_FAILED)
		die("mmap");
	*begun = now_us();
	return begun;
}

/* However this program ends, the command does, too. */
static pid_t
start(char **command, int64_t *begun)
{
	pid_t pid = fork();

	if (pid == -1)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		*begun = now_us();
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	return pid;
}

static void
wait_for_file(pid_t pid, const char *path, int64_t from)
{
	while (access(path, F_OK) == -1) {
		if (waitpid(pid, NULL, WNOHANG) != 0 || now_us() - from > MAX_WAIT_US)
			give_up("the command does not start");
		pause_briefly();
	}
}

static unsigned long
resident_kb(pid_t pid)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		die(path);
	while (fgets(line, sizeof line, file) != NULL && sscanf(line, "Rss: %lu", &kb) != 1)
		continue;
	fclose(file);
	return kb;
}

static void
wait_for_end(pid_t pid, int64_t from)
{
	int status;
	pid_t ended;

	while ((ended = waitpid(pid, &status, WNOHANG)) == 0) {
		if (now_us() - from > MAX_WAIT_US)
			give_up("the command does not end");
		pause_briefly();
	}
	if (ended != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		give_up("the command has ended badly");
}

/* Of the listener "main", which is at 127.0.0.1. */
static void
read_port(const char *path, char port[PORT_BYTES])
{
	char line[256];
	FILE *file = fopen(path, "r");
	bool is_there = false;

	if (file == NULL)
		die(path);
	while (!is_there && fgets(line, sizeof line, file) != NULL)
		is_there = sscanf(line, "main 127.0.0.1 %7[0-9]", port) == 1;
	fclose(file);
	if (!is_there)
		give_up("there is no listener main");
}

static int
come(const char *port)
{
	int fd = dial("127.0.0.1", port, false);

	converse(fd, "PING", 0);
	return fd;
}

static int *
bring_clients(const char *port, unsigned n)
{
	int *clients = calloc(n + 1, sizeof *clients);

	if (clients == NULL)
		die("calloc");
	for (unsigned i = 0; i < n; i++)
		clients[i] = come(port);
	return clients;
}

/* One line, and the end of it. */
static bool
hears_goodbye(int fd)
{
	char text[256];
	size_t nbytes = 0;
	ssize_t n;

	while ((n = recv(fd, text + nbytes, sizeof text - nbytes, 0)) > 0)
		nbytes += (size_t)n;
	return n == 0 && nbytes > strlen(GOODBYE) &&
	       memcmp(text, GOODBYE, strlen(GOODBYE)) == 0 &&
	       memchr(text, '\n', nbytes) == text + nbytes - 1;
}

static unsigned
count_without_goodbye(const int *clients, unsigned n)
{
	unsigned nmissed = 0;

	for (unsigned i = 0; i < n; i++) {
		nmissed += !hears_goodbye(clients[i]);
		close(clients[i]);
	}
	return nmissed;
}

static void
measure(unsigned nclients, const char *path, char **command)
{
	int64_t *begun = open_begun(), ready, answered, told, over;
	char port[PORT_BYTES];
	unsigned long kb;
	int *clients;
	pid_t pid;

	unlink(path);
	pid = start(command, begun);
	wait_for_file(pid, path, *begun);
	ready = now_us();
	read_port(path, port);
	close(come(port));
	answered = now_us();
	kb = resident_kb(pid);
	clients = bring_clients(port, nclients);
	told = now_us();
	kill(pid, SIGTERM);
	wait_for_end(pid, told);
	over = now_us();
	printf("start_us=%" PRId64 " answer_us=%" PRId64 " resident_kb=%lu stop_us=%" PRId64
	       " missed=%u\n",
	       ready - *begun, answered - *begun, kb, over - told,
	       count_without_goodbye(clients, nclients));
	free(clients);
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: start_stop CLIENTS PORTSFILE COMMAND [ARGUMENT...]\n");
		return 64;
	}
	raise_descriptor_limit();
	measure((unsigned)strtoul(argv[1], NULL, 10), argv[2], argv + 3);
	return 0;
}
