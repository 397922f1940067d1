/* SPDX-License-Identifier: MIT */
/*
 * dial.h - where connections go, and how they are made. What does not work ends the program,
 * with words that say where, why, and what to do.
 */
#ifndef DIAL_H
#define DIAL_H

#include <stdbool.h>

#include "address.h"

/* Constant once made. */
struct target {
	struct address address;
	const char *name; /* as it was given; the caller's */
	bool spreads_sources;
};

/*
 * "host:port", "[v6]:port" or "/path". May ask a name server. Of a name with several addresses
 * the first one that can be connected to is taken, which is tried.
 * spreads_sources: connections come from 127.0.0.2 to 127.0.0.255 in turn, which only goes to
 * an IPv4 address of this machine.
 */
void target_init(struct target *target, const char *name, bool spreads_sources);

/*
 * Begin to connect: a non-blocking socket that can be written to when that is done. To a Unix
 * socket it is done at once, and if many are waiting to be taken, this waits, too. The number
 * decides on the source.
 */
int dial(const struct target *target, unsigned number);

/* Once it can be written to: ends the program if it is not connected. */
void dial_check(const struct target *target, int fd);

/* End the program: the server does not take the connection. */
void dial_give_up(const struct target *target) __attribute__((noreturn));

/* As many descriptors as we may have. Ends the program if it is not enough for n sockets. */
void dial_raise_limit(unsigned n);

#endif
