/* SPDX-License-Identifier: MIT */
#ifndef LISTENER_H
#define LISTENER_H

#include <amy.h>

#include "activation.h"
#include "address.h"
#include "conf.h"

/*
 * One listening socket. Owner: main until the accept thread is started, then that; after
 * it, main again.
 */
struct listener {
	const struct conf_listener *conf;
	struct address address; /* with the port that it has */
	int fd;
	bool is_passed; /* by a service manager, whose it is */
	amy_id id;      /* the accept thread's */
};

/* All of them. */
struct listeners {
	struct listener *items;
	size_t n;
};

/*
 * Open all that the configuration names, and take those that it calls "fd:name" of what was
 * passed to us. 0; or a <sysexits.h> code, the cause is logged, and none is open.
 */
int listeners_open(struct listeners *listeners, const struct conf *conf,
                   struct activation *activation);

/* Close them, and remove the Unix sockets that are ours. */
void listeners_close(struct listeners *listeners);

/* Make the Unix sockets belong to a user, before the rights to do so are given up. */
void listeners_give_to(const struct listeners *listeners, uid_t uid, gid_t gid);

/*
 * Write "name address port" of each to a file, aside and then renamed; "-" stands for the
 * port of a Unix socket. 0; or a <sysexits.h> code, and the cause is logged.
 */
int listeners_write_ports(const struct listeners *listeners, const char *path);

#endif
