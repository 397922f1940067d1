/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "http_host.h"

#define MAX_HOST 255

static bool
is_port(const char *text)
{
	return text[0] == '\0' ||
	       (text[0] == ':' && strspn(text + 1, "0123456789") == strlen(text + 1));
}

static bool
is_address(int family, const char *host, size_t nbytes)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (nbytes >= sizeof text)
		return false;
	memcpy(text, host, nbytes);
	text[nbytes] = '\0';
	return inet_pton(family, text, &address) == 1;
}

/* The whole of a name, of which a final dot may be left out; in any case. */
static bool
is_name(const char *host, size_t nbytes, const char *name, size_t nname)
{
	if (nbytes > 0 && host[nbytes - 1] == '.')
		nbytes--;
	return nbytes > 0 && nbytes == nname && strncasecmp(host, name, nbytes) == 0;
}

bool
http_host_is_ours(const char *host, const char *hostname)
{
	const char *end;
	size_t nbytes;

	if (strlen(host) > MAX_HOST)
		return false;
	if (host[0] == '[') {
		end = strchr(host, ']');
		return end != NULL && is_port(end + 1) &&
		       is_address(AF_INET6, host + 1, (size_t)(end - host) - 1);
	}
	nbytes = strcspn(host, ":");
	if (!is_port(host + nbytes))
		return false;
	return is_address(AF_INET, host, nbytes) ||
	       is_name(host, nbytes, "localhost", strlen("localhost")) ||
	       is_name(host, nbytes, hostname, strlen(hostname)) ||
	       is_name(host, nbytes, hostname, strcspn(hostname, "."));
}
