/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "listener.h"
#include "log.h"

#define BACKLOG 4096

static const char *
remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "another program listens there: stop it, or choose another address";
	case EACCES:
	case EPERM:
		return "that needs more rights: start amyd as root with user = set, or choose "
		       "a port from 1024 or another folder";
	case EADDRNOTAVAIL:
		return "this machine does not have that address: see ip addr";
	case ENOENT:
	case ENOTDIR:
		return "make the folder of the socket first";
	case EEXIST:
		return "a file that is no socket is in the way: remove it, or choose another path";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files (ulimit -n, LimitNOFILE=)";
	}
	return "see the cause";
}

static int
exit_code(int error)
{
	switch (error) {
	case EADDRINUSE:
		return EX_UNAVAILABLE;
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	}
	return EX_OSERR;
}

static int
complain(const struct conf_listener *conf, const struct address *address)
{
	int error = errno;
	char text[ADDRESS_MAX_TEXT];

	log_error("listen %s: %s: %s: %s", conf->name, address_format(address, text),
	          strerror(error), remedy(error));
	return exit_code(error);
}

/*
 * A socket that a daemon left behind, for it did not come to removing it, refuses to be
 * connected to; one that is listened on does not. False, errno: something is there.
 */
static bool
remove_stale_socket(const struct address *address)
{
	struct stat st;
	int fd, error;

	if (lstat(address->u.un.sun_path, &st) == -1)
		return errno == ENOENT;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return false;
	error = connect(fd, &address->u.any, address->length) == 0 ? 0 : errno;
	close(fd);
	if (error == ECONNREFUSED)
		return unlink(address->u.un.sun_path) == 0;
	errno = EADDRINUSE;
	return false;
}

static int
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

/*
 * The clients' sockets inherit these: answers leave at once, and a client that is gone
 * without a word is found in half a minute.
 */
static int
set_tcp_options(int fd)
{
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1 ||
	    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) == -1 ||
	    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == -1 ||
	    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15) == -1 ||
	    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5) == -1)
		return -1;
	return set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

static int
set_options(int fd, const struct address *address)
{
	switch (address->u.any.sa_family) {
	case AF_INET6:
		/* "*" is every address; an address that is named is that one alone. */
		if (set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
		               !IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr)) == -1)
			return -1;
		return set_tcp_options(fd);
	case AF_INET:
		return set_tcp_options(fd);
	}
	return 0;
}

/* Nobody can connect before listen(2), so nobody does before the mode is as it should be. */
static int
bind_and_listen(int fd, const struct conf_listener *conf, const struct address *address)
{
	if (address->u.any.sa_family == AF_UNIX && !remove_stale_socket(address))
		return -1;
	if (bind(fd, &address->u.any, address->length) == -1)
		return -1;
	if (address->u.any.sa_family == AF_UNIX &&
	    chmod(address->u.un.sun_path, conf->access) == -1)
		return -1;
	return listen(fd, BACKLOG);
}

static int
listener_open(struct listener *listener, const struct conf_listener *conf,
              const struct address *address)
{
	socklen_t length = sizeof listener->address.u;
	int fd = socket(address->u.any.sa_family,
	                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int code;

	if (fd == -1)
		return complain(conf, address);
	if (set_options(fd, address) == -1 || bind_and_listen(fd, conf, address) == -1) {
		code = complain(conf, address);
		close(fd);
		return code;
	}
	listener->conf = conf;
	listener->fd = fd;
	listener->address = *address;
	if (address->u.any.sa_family != AF_UNIX)
		getsockname(fd, &listener->address.u.any, &length);
	return 0;
}

/* The further addresses of a name share the port that the first one got. */
static int
open_resolved(struct listeners *listeners, const struct conf_listener *conf)
{
	unsigned port = address_port(&conf->resolved[0]);

	for (int i = 0; i < conf->nresolved; i++) {
		struct address address = conf->resolved[i];
		int code;

		address_set_port(&address, port);
		code = listener_open(&listeners->items[listeners->n], conf, &address);
		if (code != 0)
			return code;
		port = address_port(&listeners->items[listeners->n++].address);
	}
	return 0;
}

int
listeners_open(struct listeners *listeners, const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->nlisteners; i++)
		n += (size_t)conf->listeners[i].nresolved;
	listeners->n = 0;
	listeners->items = calloc(n, sizeof *listeners->items);
	if (listeners->items == NULL) {
		log_error("listeners: %s", strerror(errno));
		return EX_OSERR;
	}
	for (size_t i = 0; i < conf->nlisteners; i++) {
		int code = open_resolved(listeners, &conf->listeners[i]);

		if (code != 0) {
			listeners_close(listeners);
			return code;
		}
	}
	return 0;
}

void
listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->items[i];

		if (listener->address.u.any.sa_family == AF_UNIX)
			unlink(listener->address.u.un.sun_path);
		close(listener->fd);
	}
	free(listeners->items);
	listeners->items = NULL;
	listeners->n = 0;
}

void
listeners_give_to(const struct listeners *listeners, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < listeners->n; i++) {
		const struct address *address = &listeners->items[i].address;

		if (address->u.any.sa_family == AF_UNIX &&
		    chown(address->u.un.sun_path, uid, gid) == -1)
			complain(listeners->items[i].conf, address);
	}
}

static int
write_ports(const struct listeners *listeners, FILE *file)
{
	char host[ADDRESS_MAX_TEXT];

	for (size_t i = 0; i < listeners->n; i++) {
		const struct listener *listener = &listeners->items[i];

		fprintf(file, "%s %s ", listener->conf->name,
		        address_format_host(&listener->address, host));
		if (listener->address.u.any.sa_family == AF_UNIX)
			fprintf(file, "-\n");
		else
			fprintf(file, "%u\n", address_port(&listener->address));
	}
	return ferror(file) ? -1 : 0;
}

int
listeners_write_ports(const struct listeners *listeners, const char *path)
{
	char aside[4096];
	FILE *file;
	int result, error;

	if (snprintf(aside, sizeof aside, "%s.new", path) >= (int)sizeof aside) {
		log_error("%s: the path is too long", path);
		return EX_USAGE;
	}
	file = fopen(aside, "we");
	if (file != NULL) {
		result = write_ports(listeners, file);
		if (fclose(file) == 0 && result == 0 && rename(aside, path) == 0)
			return 0;
	}
	error = errno;
	unlink(aside);
	log_error("%s: %s: the ports cannot be written there: name another file with -p",
	          path, strerror(error));
	return error == EACCES ? EX_NOPERM : EX_OSERR;
}
