/* SPDX-License-Identifier: MIT */
/*
 * The host that a browser names: the input is what it names, a line feed, and this machine's name.
 * Only an address, "localhost" and this machine's name are taken, whatever stands around them.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <strings.h>

#include "fuzz.h"
#include "http_host.h"

static bool
is_address(const char *name)
{
	struct in6_addr address;

	return inet_pton(AF_INET, name, &address) == 1 ||
	       inet_pton(AF_INET6, name, &address) == 1;
}

static bool
is_equal(const char *name, const char *other)
{
	return name[0] != '\0' && strcasecmp(name, other) == 0;
}

/* In place: without brackets, port and final dot. */
static void
strip(char *host)
{
	char *end = strrchr(host, host[0] == '[' ? ']' : ':');

	if (end != NULL)
		*end = '\0';
	if (host[0] == '[')
		memmove(host, host + 1, strlen(host));
	else if (host[0] != '\0' && host[strlen(host) - 1] == '.')
		host[strlen(host) - 1] = '\0';
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *host = fuzz_string(data, size);
	char *hostname = strchr(host, '\n');
	char *copy;

	hostname = strdup(hostname == NULL ? "" : hostname + 1);
	FUZZ_CHECK(hostname != NULL);
	host[strcspn(host, "\n")] = '\0';
	if (http_host_is_ours(host, hostname)) {
		copy = fuzz_string(host, strlen(host));
		strip(copy);
		FUZZ_CHECK(
		    is_address(copy) || is_equal(copy, "localhost") ||
		    is_equal(copy, hostname) ||
		    (hostname[strcspn(hostname, ".")] == '.' &&
		     (hostname[strcspn(hostname, ".")] = '\0', is_equal(copy, hostname))));
		free(copy);
	}
	free(hostname);
	free(host);
	return 0;
}
