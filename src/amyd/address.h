/* SPDX-License-Identifier: MIT */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

/* Where a listener listens. */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} u;
	socklen_t length;
};

/* Enough for what address_format() writes. */
#define ADDRESS_MAX_TEXT 128

/*
 * Turn "host:port", "[v6]:port", "*:port" (every address of this machine) or "/path" into
 * at most max addresses. May ask a name server, and wait for it. Returns how many; -1: the
 * text cannot be an address, or the name has none, and *why says so; errno is EAGAIN if that is
 * because no name server answers now.
 */
int address_resolve(const char *text, struct address *addresses, int max, const char **why);

/* Whether the text has the form of an address; no name is looked up. -1: *why says what is wrong. */
int address_check_form(const char *text, const char **why);

/*
 * address_resolve() of a numeric host ("127.0.0.1:80", "[::1]:80"), which never waits. 1; -1: it is
 * none.
 */
int address_resolve_numeric(const char *text, struct address *address);

/* Of "fd:name", a socket that is passed to us: the name. NULL: the text is no such thing. */
const char *address_fd_name(const char *text);

/* Reachable from this machine only: 127.0.0.0/8, ::1, a Unix socket. */
bool address_is_loopback(const struct address *address);
bool address_is_equal(const struct address *a, const struct address *b);

/* Not of a Unix socket: 0.0.0.0 or ::. */
bool address_is_any(const struct address *address);

/*
 * Both cannot be listened on at once, and one takes who connects to the other one: they are the
 * same, or one of them is every address, and their port is the same. Of port 0, or of two Unix
 * sockets, never.
 */
bool address_overlaps(const struct address *a, const struct address *b);

/* 0 for a Unix socket. */
unsigned address_port(const struct address *address);
void address_set_port(struct address *address, unsigned port);

/*
 * "127.0.0.1:2693", "[::1]:2693", "/path", or "unix" for one without a name: printable ASCII,
 * other bytes of a path as \xNN.
 */
const char *address_format(const struct address *address, char text[ADDRESS_MAX_TEXT]);

/* The same without the port; a path as it is. */
const char *address_format_host(const struct address *address, char text[ADDRESS_MAX_TEXT]);

/*
 * Of a TCP socket: what is sent leaves at once, and a peer that is gone without a word is
 * found in half a minute. Errors: as setsockopt(2).
 */
int address_set_tcp_options(int fd);

#endif
