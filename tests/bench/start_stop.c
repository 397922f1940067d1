/* SPDX-License-Identifier: MIT */
/*
 * start_stop.c - how long a daemon takes to start and to end, and its memory in between.
 *
 * usage: start_stop READYFILE COMMAND [ARGUMENT...]
 *
 * Runs the command; it has started once the file is there. Then reads its resident memory,
 * sends it SIGTERM, and waits for its end, which must be with 0.
 *
 * Prints one line: microseconds from before fork(2) to the file, kilobytes resident, and
 * microseconds from SIGTERM to the end.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define POLL_NS 50000
#define MAX_WAIT_US 10000000

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

/* However this program ends, the command does, too. */
static pid_t
start(char **command)
{
	pid_t pid = fork();

	if (pid == -1)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
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

int
main(int argc, char **argv)
{
	int64_t begun, ready, told;
	unsigned long kb;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: start_stop READYFILE COMMAND [ARGUMENT...]\n");
		return 64;
	}
	unlink(argv[1]);
	begun = now_us();
	pid = start(argv + 2);
	wait_for_file(pid, argv[1], begun);
	ready = now_us();
	kb = resident_kb(pid);
	told = now_us();
	kill(pid, SIGTERM);
	wait_for_end(pid, told);
	printf("start_us=%" PRId64 " resident_kb=%lu stop_us=%" PRId64 "\n", ready - begun, kb,
	       now_us() - told);
	return 0;
}
