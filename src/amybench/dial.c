/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include "dial.h"
#include "say.h"

#define MAX_ADDRESSES 16
#define UNIX_PATIENCE_S 10

/* 127.0.0.2 to 127.0.0.255 */
#define FIRST_SOURCE 0x7f000002u
#define NSOURCES 254u

/* Descriptors that are not connections. */
#define OTHER_DESCRIPTORS 16

static const char *
remedy(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ENOENT:
		return "is the server running, and does it listen there?";
	case EADDRNOTAVAIL:
		return "all ports are in use: take fewer connections, or -b to spread them "
		       "over more source addresses";
	case EACCES:
	case EPERM:
		return "become a user that may connect there";
	case EMFILE:
	case ENFILE:
		return "take fewer connections, or raise the limit of descriptors (ulimit -n)";
	case EAGAIN:
	case ETIMEDOUT:
		return "the server takes no connections: look at what it does";
	}
	return "check the address";
}

static void fail_dial(const struct target *target, int error) __attribute__((noreturn));

static void
fail_dial(const struct target *target, int error)
{
	fail(EX_UNAVAILABLE, "cannot connect to %s: %s: %s", target->name, strerror(error),
	     remedy(error));
}

/* ---- Where ------------------------------------------------------------------------- */

static bool
can_connect(const struct address *address)
{
	int fd = socket(address->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_connected;

	if (fd == -1)
		return false;
	is_connected = connect(fd, &address->u.any, address->length) == 0;
	close(fd);
	return is_connected;
}

/* localhost may be ::1 and 127.0.0.1, and the server at one of them. */
static const struct address *
choose(const struct address *addresses, int n)
{
	for (int i = 0; i < n - 1; i++)
		if (can_connect(&addresses[i]))
			return &addresses[i];
	return &addresses[n - 1];
}

void
target_init(struct target *target, const char *name, bool spreads_sources)
{
	struct address addresses[MAX_ADDRESSES];
	const char *why;
	int n;

	if (name[0] != '/' && strchr(name, ':') == NULL)
		fail(EX_USAGE, "%s: write host:port, [v6]:port or the /path of a Unix socket",
		     name);
	n = address_resolve(name, addresses, MAX_ADDRESSES, &why);
	if (n == -1)
		fail(EX_UNAVAILABLE, "cannot connect to %s: %s", name, why);
	target->address = *choose(addresses, n);
	target->name = name;
	target->spreads_sources = spreads_sources;
	if (spreads_sources && (target->address.u.any.sa_family != AF_INET ||
	                        !address_is_loopback(&target->address)))
		fail(EX_USAGE, "-b: %s is not in 127.0.0.0/8: leave -b out", name);
}

/* ---- Sockets ----------------------------------------------------------------------- */

static int
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/* The port is chosen when the other end is known, so each source has all of them. */
static int
bind_source(int fd, unsigned number)
{
	struct sockaddr_in source = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(FIRST_SOURCE + number % NSOURCES) },
	};

	if (set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) == -1)
		return -1;
	return bind(fd, (struct sockaddr *)&source, sizeof source);
}

/* A full queue of a Unix socket cannot be waited for in any other way than in connect(2). */
static int
connect_unix(int fd, const struct address *address)
{
	const struct timeval patience = { .tv_sec = UNIX_PATIENCE_S };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == -1 ||
	    connect(fd, &address->u.any, address->length) == -1)
		return -1;
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int
connect_tcp(int fd, const struct target *target, unsigned number)
{
	if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		return -1;
	if (target->spreads_sources && bind_source(fd, number) == -1)
		return -1;
	if (connect(fd, &target->address.u.any, target->address.length) == -1 &&
	    errno != EINPROGRESS)
		return -1;
	return 0;
}

int
dial(const struct target *target, unsigned number)
{
	int family = target->address.u.any.sa_family, rc;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		fail_dial(target, errno);
	if (family == AF_UNIX)
		rc = connect_unix(fd, &target->address);
	else
		rc = connect_tcp(fd, target, number);
	if (rc == -1)
		fail_dial(target, errno);
	return fd;
}

void
dial_check(const struct target *target, int fd)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		error = errno;
	if (error != 0)
		fail_dial(target, error);
}

void
dial_give_up(const struct target *target)
{
	fail_dial(target, ETIMEDOUT);
}

void
dial_raise_limit(unsigned n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		fail_errno("limit of descriptors");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < (rlim_t)n + OTHER_DESCRIPTORS)
		fail(EX_USAGE,
		     "-c: at most %llu connections with the limit of %llu descriptors: take "
		     "fewer, or raise it (ulimit -Hn, as root)",
		     (unsigned long long)limit.rlim_cur - OTHER_DESCRIPTORS,
		     (unsigned long long)limit.rlim_cur);
}
