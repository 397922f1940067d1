/* SPDX-License-Identifier: MIT */
/*
 * waiter.c - what shell scripts wait with, at the price of one process, or none, for each wait.
 *
 * usage: waiter has_lines FILE N         until the file has so many lines, at least
 *        waiter file_has FILE PATTERN    until a line matches the extended regular expression
 *        waiter ticks FIFO               10 ms after somebody has opened it to read, writes a
 *                                        line: so that "read" is a sleep within the shell
 *
 * The first two look again and again, and exit with 1 after a minute, with 64 if they make no
 * sense. The third runs until it is ended, or whoever started it is.
 */
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_WAIT_NS (60 * INT64_C(1000000000))
#define TICK_NS 10000000
#define MIN_PAUSE_NS 2000000

/* What is waited for. */
struct condition {
	bool (*holds)(const struct condition *condition, char *text, size_t nbytes);
	unsigned long nlines;
	regex_t regex;
};

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void
pause_ns(int64_t ns)
{
	const struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	nanosleep(&ts, NULL);
}

static bool
has_lines(const struct condition *condition, char *text, size_t nbytes)
{
	unsigned long n = 0;
	const char *at = text, *end = text + nbytes;

	while (n < condition->nlines && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at++;
		n++;
	}
	return n >= condition->nlines;
}

/* A NUL is a byte like others, and would end the line for regexec(3). */
static void
hide_nuls(char *text, size_t nbytes)
{
	for (char *end = text + nbytes; (text = memchr(text, '\0', (size_t)(end - text))) != NULL;)
		*text = '\1';
}

/* As grep(1) does; also in a line that is not complete. text[nbytes] is there to be written. */
static bool
has_match(const struct condition *condition, char *text, size_t nbytes)
{
	char *end = text + nbytes, *line = text, *lf;

	hide_nuls(text, nbytes);
	*end = '\0';
	while (line < end) {
		lf = strchr(line, '\n');
		if (lf == NULL)
			lf = end;
		*lf = '\0';
		if (regexec(&condition->regex, line, 0, NULL, 0) == 0)
			return true;
		line = lf + 1;
	}
	return false;
}

/* The whole file, and room for one byte more, to be freed; or NULL. */
static char *
read_file(const char *path, size_t size, size_t *nbytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(size + 1);
	ssize_t n;

	*nbytes = 0;
	if (fd == -1 || text == NULL) {
		if (fd != -1)
			close(fd);
		free(text);
		return NULL;
	}
	while (*nbytes < size && (n = read(fd, text + *nbytes, size - *nbytes)) > 0)
		*nbytes += (size_t)n;
	close(fd);
	return text;
}

static bool
holds(const struct condition *condition, const char *path, size_t size)
{
	size_t nbytes;
	char *text = read_file(path, size, &nbytes);
	bool it_does = text != NULL && condition->holds(condition, text, nbytes);

	free(text);
	return it_does;
}

/* A look may take long: then there are fewer of them. */
static bool
is_met_in_time(const struct condition *condition, const char *path)
{
	int64_t begun = now_ns(), looked, took;
	struct stat st;

	do {
		looked = now_ns();
		if (stat(path, &st) == 0 && holds(condition, path, (size_t)st.st_size))
			return true;
		took = now_ns() - looked;
		pause_ns(4 * took > MIN_PAUSE_NS ? 4 * took : MIN_PAUSE_NS);
	} while (looked - begun <= MAX_WAIT_NS);
	return false;
}

/* Whoever has gone by then is not missed; one that comes within a tick waits the less. */
static void
tick(const char *path)
{
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	while ((fd = open(path, O_WRONLY | O_CLOEXEC)) != -1) {
		pause_ns(TICK_NS);
		if (write(fd, "\n", 1) == -1) {
			/* It has gone. */
		}
		close(fd);
	}
}

static int
usage(void)
{
	fprintf(stderr, "usage: waiter has_lines FILE N | file_has FILE PATTERN | ticks FIFO\n");
	return 64;
}

int
main(int argc, char **argv)
{
	struct condition condition = { 0 };

	if (argc == 3 && strcmp(argv[1], "ticks") == 0) {
		tick(argv[2]);
		return 0;
	}
	if (argc != 4)
		return usage();
	if (strcmp(argv[1], "has_lines") == 0) {
		condition.holds = has_lines;
		condition.nlines = strtoul(argv[3], NULL, 10);
	} else if (strcmp(argv[1], "file_has") == 0 &&
		   regcomp(&condition.regex, argv[3], REG_EXTENDED | REG_NOSUB) == 0) {
		condition.holds = has_match;
	} else {
		return usage();
	}
	return !is_met_in_time(&condition, argv[2]);
}
