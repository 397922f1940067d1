/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"

#define MAX_HOST 256 /* with its NUL */

static int
resolve_path(const char *path, struct address *address, const char **why)
{
	size_t n = strlen(path);

	memset(address, 0, sizeof *address);
	if (n >= sizeof address->u.un.sun_path) {
		*why = "the path of a Unix socket has at most 107 bytes";
		return -1;
	}
	address->u.un.sun_family = AF_UNIX;
	memcpy(address->u.un.sun_path, path, n + 1);
	address->length = sizeof address->u.un;
	return 1;
}

static int
parse_port(const char *text)
{
	int port = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		port = port * 10 + (*text - '0');
		if (port > 65535)
			return -1;
	}
	return port;
}

/* Every address of this machine: IPv6 that takes IPv4 as well, where there is IPv6. */
static int
resolve_any(unsigned port, struct address *address)
{
	int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof *address);
	if (probe == -1) {
		address->u.in.sin_family = AF_INET;
		address->length = sizeof address->u.in;
	} else {
		close(probe);
		address->u.in6.sin6_family = AF_INET6;
		address->length = sizeof address->u.in6;
	}
	address_set_port(address, port);
	return 1;
}

/* The name server was not reached, or would not answer: it may later. */
static bool
is_temporary(int error)
{
	return error == EAI_AGAIN || error == EAI_FAIL || error == EAI_SYSTEM;
}

static int
resolve_host(const char *host, unsigned port, int flags, struct address *addresses, int max,
             const char **why)
{
	struct addrinfo hints = { .ai_flags = flags, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int error = getaddrinfo(host, NULL, &hints, &list);
	int n = 0;

	if (error != 0) {
		*why = error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
		errno = is_temporary(error) ? EAGAIN : EINVAL;
		return -1;
	}
	for (struct addrinfo *ai = list; ai != NULL && n < max; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6)
			continue;
		memset(&addresses[n], 0, sizeof addresses[n]);
		memcpy(&addresses[n].u, ai->ai_addr, ai->ai_addrlen);
		addresses[n].length = ai->ai_addrlen;
		address_set_port(&addresses[n], port);
		n++;
	}
	freeaddrinfo(list);
	if (n == 0) {
		*why = "the name has no address";
		errno = EINVAL;
		return -1;
	}
	return n;
}

/* "host:port" and "[v6]:port": copy the host, without brackets, and return the port. */
static int
split(const char *text, char host[MAX_HOST], const char **why)
{
	const char *colon = strrchr(text, ':');
	size_t nhost;
	int port;

	*why = "write host:port, [v6]:port, *:port or the /path of a Unix socket";
	if (colon == NULL || colon == text || (size_t)(colon - text) >= MAX_HOST)
		return -1;
	port = parse_port(colon + 1);
	if (port == -1) {
		*why = "the port is a number from 0 (any) to 65535";
		return -1;
	}
	nhost = (size_t)(colon - text);
	if (text[0] == '[' && text[nhost - 1] == ']') {
		text++;
		nhost -= 2;
	} else if (memchr(text, ':', nhost) != NULL) {
		*why = "write an IPv6 address in brackets: [::1]:2693";
		return -1;
	}
	memcpy(host, text, nhost);
	host[nhost] = '\0';
	return port;
}

int
address_resolve(const char *text, struct address *addresses, int max, const char **why)
{
	char host[MAX_HOST];
	int port;

	errno = EINVAL;
	if (text[0] == '/')
		return resolve_path(text, addresses, why);
	port = split(text, host, why);
	if (port == -1)
		return -1;
	if (strcmp(host, "*") == 0)
		return resolve_any((unsigned)port, addresses);
	return resolve_host(host, (unsigned)port, 0, addresses, max, why);
}

int
address_check_form(const char *text, const char **why)
{
	struct address address;
	char host[MAX_HOST];

	if (text[0] == '/')
		return resolve_path(text, &address, why) == -1 ? -1 : 0;
	return split(text, host, why) == -1 ? -1 : 0;
}

int
address_resolve_numeric(const char *text, struct address *address)
{
	char host[MAX_HOST];
	const char *why;
	int port = text[0] == '/' ? -1 : split(text, host, &why);

	if (port == -1)
		return -1;
	return resolve_host(host, (unsigned)port, AI_NUMERICHOST, address, 1, &why);
}

const char *
address_fd_name(const char *text)
{
	return strncmp(text, "fd:", 3) == 0 ? text + 3 : NULL;
}

bool
address_is_loopback(const struct address *address)
{
	switch (address->u.any.sa_family) {
	case AF_INET:
		return ntohl(address->u.in.sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&address->u.in6.sin6_addr);
	}
	return address->u.any.sa_family == AF_UNIX;
}

bool
address_is_equal(const struct address *a, const struct address *b)
{
	return a->length == b->length && memcmp(&a->u, &b->u, a->length) == 0;
}

/* Every address of its family; of IPv6, those of IPv4 as well, as listeners have it. */
bool
address_is_any(const struct address *address)
{
	if (address->u.any.sa_family == AF_INET)
		return address->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr);
}

static bool
includes(const struct address *a, const struct address *b)
{
	return address_is_any(a) &&
	       (a->u.any.sa_family == AF_INET6 || b->u.any.sa_family == AF_INET);
}

bool
address_overlaps(const struct address *a, const struct address *b)
{
	if (a->u.any.sa_family == AF_UNIX || b->u.any.sa_family == AF_UNIX ||
	    address_port(a) == 0 || address_port(a) != address_port(b))
		return false;
	return address_is_equal(a, b) || includes(a, b) || includes(b, a);
}

unsigned
address_port(const struct address *address)
{
	switch (address->u.any.sa_family) {
	case AF_INET:
		return ntohs(address->u.in.sin_port);
	case AF_INET6:
		return ntohs(address->u.in6.sin6_port);
	}
	return 0;
}

void
address_set_port(struct address *address, unsigned port)
{
	if (address->u.any.sa_family == AF_INET)
		address->u.in.sin_port = htons((uint16_t)port);
	else if (address->u.any.sa_family == AF_INET6)
		address->u.in6.sin6_port = htons((uint16_t)port);
}

const char *
address_format_host(const struct address *address, char text[ADDRESS_MAX_TEXT])
{
	switch (address->u.any.sa_family) {
	case AF_INET:
		return inet_ntop(AF_INET, &address->u.in.sin_addr, text, ADDRESS_MAX_TEXT);
	case AF_INET6:
		return inet_ntop(AF_INET6, &address->u.in6.sin6_addr, text, ADDRESS_MAX_TEXT);
	}
	snprintf(text, ADDRESS_MAX_TEXT, "%.*s", (int)sizeof address->u.un.sun_path,
	         address->u.un.sun_path[0] == '/' ? address->u.un.sun_path : "unix");
	return text;
}

/* A client gives its end of a Unix socket any name it likes, with line breaks, too. */
static void
escape_path(const char *path, char text[ADDRESS_MAX_TEXT])
{
	size_t used = 0;

	for (size_t i = 0; path[i] != '\0' && used + sizeof "\\x00" <= ADDRESS_MAX_TEXT; i++) {
		unsigned char byte = (unsigned char)path[i];
		bool is_plain = byte >= 0x20 && byte < 0x7f && byte != '\\';

		used += (size_t)sprintf(text + used, is_plain ? "%c" : "\\x%02x", byte);
	}
}

const char *
address_format(const struct address *address, char text[ADDRESS_MAX_TEXT])
{
	char host[ADDRESS_MAX_TEXT];

	if (address->u.any.sa_family == AF_UNIX) {
		escape_path(address_format_host(address, host), text);
		return text;
	}
	snprintf(text, ADDRESS_MAX_TEXT,
	         address->u.any.sa_family == AF_INET6 ? "[%.60s]:%u" : "%.60s:%u",
	         address_format_host(address, host), address_port(address));
	return text;
}

static int
set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

int
address_set_tcp_options(int fd)
{
	if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) == -1 ||
	    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == -1 ||
	    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15) == -1 ||
	    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5) == -1)
		return -1;
	return set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}
