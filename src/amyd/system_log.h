/* SPDX-License-Identifier: MIT */
/*
 * system_log.h - messages for the system's logger at /dev/log, as syslog(3) sends them.
 * syslog(3) does not tell whether a message was taken; this does.
 */
#ifndef SYSTEM_LOG_H
#define SYSTEM_LOG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * A connection to the logger; it is made when it is needed.
 * Owner: the thread that writes to it, or whoever has the lock under which that is done.
 */
struct system_log {
	const char *path;
	int fd;   /* -1: there is no connection */
	int type; /* of the socket; loggers take datagrams, some a stream */
};

/* The constant initializer. */
#define SYSTEM_LOG_INIT { .path = _PATH_LOG, .fd = -1 }

/*
 * Send one message; priority is a facility and a level. Blocks while the logger's queue is full,
 * as syslog(3) does. A logger that was restarted is connected to again. False, errno: the
 * message was not taken.
 */
bool system_log_write(struct system_log *log, int priority, const char *text);

/* A connection that is closed already is fine. */
void system_log_close(struct system_log *log);

#endif
