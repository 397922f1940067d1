/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "notify.h"

/* A leading '@' stands for the NUL of an abstract name. 0: it cannot be an address. */
static socklen_t
make_address(const char *name, struct sockaddr_un *address)
{
	size_t n = strlen(name);

	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof address->sun_path)
		return 0;
	memcpy(address->sun_path, name, n);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int
send_datagram(const char *name, const char *text)
{
	struct sockaddr_un address;
	socklen_t length = make_address(name, &address);
	ssize_t n;
	int fd;

	if (length == 0) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	n = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	           (const struct sockaddr *)&address, length);
	close(fd);
	return n == -1 ? -1 : 0;
}

int
notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (name == NULL || send_datagram(name, state) == 0)
		return 0;
	log_warning("NOTIFY_SOCKET=%s: %s: the service manager is not told: %s", name,
	            strerror(errno), state);
	return -1;
}
