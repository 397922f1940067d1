/* SPDX-License-Identifier: MIT */
#ifndef OPENING_H
#define OPENING_H

#include "connection.h"
#include "run.h"

/* How connections begin. Constant. */
struct greeting {
	const struct target *target;
	const struct form
	    *words[2];           /* what is said first, one after the other; NULL: nothing */
	const struct talk *talk; /* its say: one line is said then; its hear: one reply must
	                                come, unless the phrases are tuned in to later */
};

/* Once it can be written to: it must be connected; the words are said. */
void greeting_say(const struct greeting *greeting, struct run *run,
                  struct connection *connection);

/*
 * Open n connections, some of them at a time, and wait until all are open, and have got their
 * answers. If latency is not NULL, the time from line to answer of each is added to it.
 */
void opening_run(struct run *run, const struct greeting *greeting,
                 struct connection *connections, unsigned n, struct histogram *latency);

#endif
