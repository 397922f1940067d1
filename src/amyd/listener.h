/* SPDX-License-Identifier: MIT */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <sys/stat.h>

#include <amy.h>

#include "activation.h"
#include "address.h"
#include "conf.h"

/* A file that we have made: there may be another one of its name by now. All zero: none. */
struct made_file {
	dev_t device;
	ino_t inode;
	struct timespec modified; /* a number of an inode is used again */
};

/*
 * One listening socket. Owner: main until the accept thread is started, then that; after
 * it, main again.
 */
struct listener {
	const struct conf_listener *conf;
	struct address address; /* with the port that it has */
	int fd;
	struct made_file made; /* the Unix socket in the file system */
	bool is_passed; /* by a service manager, whose it is */
	amy_id id;      /* the accept thread's */
	struct address asked; /* what the configuration asked for: port 0 perhaps */

	/* while the configuration changes */
	struct listener *before; /* that this one was until now; NULL: it is new */
	bool is_kept;            /* another one is this one from now on */
};

/* All of them. */
struct listeners {
	struct listener *items;
	size_t n;
	struct made_file ports; /* that listeners_write_ports() wrote last */
};

/*
 * Open all that the configuration names, and take those that it calls "fd:name" of what was
 * passed to us. 0; or a <sysexits.h> code, the cause is logged, and none is open.
 */
int listeners_open(struct listeners *listeners, const struct conf *conf,
                   struct activation *activation);

/*
 * Whether listeners_open() would refuse the configuration, as this user, on this machine. What is
 * in use now is only warned of: it may be this one that uses it. Sockets that are passed are not
 * looked at. 0; or an exit code, and the cause is logged.
 */
int listeners_check(const struct conf *conf);

/*
 * Those of another configuration: what is listened at already goes on in the next ones, as
 * listener->before and is_kept say; the rest is opened. 0; or -1: the cause is logged, nothing
 * was opened, and nothing has changed. Then it is either applied or abandoned.
 */
int listeners_prepare(struct listeners *next, struct listeners *present,
                      const struct conf *conf);
void listeners_abandon(struct listeners *next, struct listeners *present);

/* Close those that are gone. present has the next ones from now on. */
void listeners_apply(struct listeners *next, struct listeners *present);

/* Close them, and remove the Unix sockets that are ours still. */
void listeners_close(struct listeners *listeners);

/* Make the Unix sockets belong to a user, before the rights to do so are given up. */
void listeners_give_to(const struct listeners *listeners, uid_t uid, gid_t gid);

/*
 * Write "name address port" of each to a file, aside and then renamed; "-" stands for the
 * port of a Unix socket. 0; or a <sysexits.h> code, and the cause is logged.
 */
int listeners_write_ports(struct listeners *listeners, const char *path);

/* Remove that file, unless it is another one by now, perhaps another daemon's. */
void listeners_remove_ports(const struct listeners *listeners, const char *path);

#endif
