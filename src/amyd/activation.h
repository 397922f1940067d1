/* SPDX-License-Identifier: MIT */
/*
 * activation.h - the sockets that a service manager opened for us: the protocol of
 * sd_listen_fds_with_names(3). They begin at descriptor 3; $LISTEN_PID says whom they are for,
 * $LISTEN_FDS how many there are, and $LISTEN_FDNAMES, with colons between, how they are called.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H

#include <stddef.h>

/* How one is called whose name is not said. */
#define ACTIVATION_NO_NAME "unknown"

struct activation_socket {
	char *name;
	int fd; /* -1: it was taken */
};

/* Owner: main. Several may have one name. */
struct activation {
	struct activation_socket *sockets;
	size_t n;
};

/*
 * Find what was passed to this process; from now on it is close-on-exec. 0; or a
 * <sysexits.h> code, the cause is logged, and there is nothing to close. Once in a process,
 * before it opens anything that may take the place of these descriptors.
 */
int activation_open(struct activation *activation);

/* So many of that name are there still. */
size_t activation_count(const struct activation *activation, const char *name);

/* The first one of them: it is the caller's now. -1: there is none. */
int activation_take(struct activation *activation, const char *name);

/* Close those that nobody has taken, each with a word in the log. */
void activation_close_unused(struct activation *activation);

/* Close what is left. */
void activation_fini(struct activation *activation);

#endif
