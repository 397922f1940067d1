/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "activation.h"
#include "log.h"

#define FIRST_FD 3

/* More than a process may have. */
#define MAX_SOCKETS 100000

/* A decimal number of the environment; -1: it is none, or too large. */
static long
read_number(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return errno != 0 || *text < '0' || *text > '9' || *end != '\0' ? -1 : n;
}

/* How many there are for us. -1: what is said cannot be so, and that was logged. */
static long
count_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n;

	if (pid == NULL || fds == NULL || read_number(pid) != getpid())
		return 0;
	n = read_number(fds);
	if (n >= 0 && n <= MAX_SOCKETS)
		return n;
	log_error("LISTEN_FDS=%s: it is no number of sockets: see to who starts amyd", fds);
	return -1;
}

static size_t
count_names(const char *names)
{
	size_t n = 1;

	for (; *names != '\0'; names++)
		n += *names == ':';
	return n;
}

/* NULL: nothing is said of names. */
static int
set_names(struct activation *activation, const char *names)
{
	for (size_t i = 0; i < activation->n; i++) {
		size_t n = names == NULL ? 0 : strcspn(names, ":");
		char *name = names == NULL ? strdup(ACTIVATION_NO_NAME) : strndup(names, n);

		if (name == NULL)
			return -1;
		activation->sockets[i].name = name;
		if (names != NULL)
			names += n + 1;
	}
	return 0;
}

static int
adopt_descriptors(struct activation *activation)
{
	for (size_t i = 0; i < activation->n; i++) {
		int fd = FIRST_FD + (int)i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			return -1;
		activation->sockets[i].fd = fd;
	}
	return 0;
}

static void
forget(struct activation *activation)
{
	for (size_t i = 0; i < activation->n; i++)
		free(activation->sockets[i].name);
	free(activation->sockets);
	memset(activation, 0, sizeof *activation);
}

int
activation_open(struct activation *activation)
{
	const char *names = getenv("LISTEN_FDNAMES");
	long n = count_passed();

	memset(activation, 0, sizeof *activation);
	if (n < 1)
		return n == 0 ? 0 : EX_CONFIG;
	if (names != NULL && count_names(names) != (size_t)n) {
		log_error(
		    "LISTEN_FDNAMES=%s: that is not a name for each of %ld sockets: see to "
		    "who starts amyd",
		    names, n);
		return EX_CONFIG;
	}
	activation->sockets = calloc((size_t)n, sizeof *activation->sockets);
	if (activation->sockets != NULL) {
		activation->n = (size_t)n;
		if (set_names(activation, names) == 0 && adopt_descriptors(activation) == 0)
			return 0;
	}
	log_error("%ld sockets were passed: %s: see to who starts amyd", n, strerror(errno));
	forget(activation);
	return EX_OSERR;
}

static struct activation_socket *
find(const struct activation *activation, const char *name)
{
	for (size_t i = 0; i < activation->n; i++)
		if (activation->sockets[i].fd != -1 &&
		    strcmp(activation->sockets[i].name, name) == 0)
			return &activation->sockets[i];
	return NULL;
}

size_t
activation_count(const struct activation *activation, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < activation->n; i++)
		n += activation->sockets[i].fd != -1 &&
		     strcmp(activation->sockets[i].name, name) == 0;
	return n;
}

int
activation_take(struct activation *activation, const char *name)
{
	struct activation_socket *found = find(activation, name);
	int fd;

	if (found == NULL)
		return -1;
	fd = found->fd;
	found->fd = -1;
	return fd;
}

void
activation_close_unused(struct activation *activation)
{
	for (size_t i = 0; i < activation->n; i++) {
		struct activation_socket *socket = &activation->sockets[i];

		if (socket->fd == -1)
			continue;
		log_warning("descriptor %d, called %s, was passed, but no listener has address "
		            "= \"fd:%s\": it is closed",
		            socket->fd, socket->name, socket->name);
		close(socket->fd);
		socket->fd = -1;
	}
}

void
activation_fini(struct activation *activation)
{
	for (size_t i = 0; i < activation->n; i++)
		if (activation->sockets[i].fd != -1)
			close(activation->sockets[i].fd);
	forget(activation);
}
