/* SPDX-License-Identifier: MIT */
/*
 * bound.h - how much memory the daemon may come to need, by its configuration.
 *
 * It is what clients, lines and stored lines may take at most; not what subscriptions take,
 * which is said for one of them, and not what malloc(3) needs for itself.
 */
#ifndef BOUND_H
#define BOUND_H

#include <stdint.h>

#include "conf.h"

/*
 * A subscription, and what its pattern takes if nobody else has it: the longest one, of 16 tokens,
 * with a time when it ends.
 */
#define BOUND_SUBSCRIPTION_BYTES 2304

/* Bytes. What overflows is UINT64_MAX. */
struct bound {
	uint64_t client;  /* one, of the listener where it may need most */
	uint64_t clients; /* max_clients of them */
	uint64_t handler; /* one */
	uint64_t handlers;
	uint64_t stored; /* histories and last values */
	uint64_t rules;  /* what waits for their targets */
	uint64_t total;  /* with what is always there */
};

void bound_compute(const struct conf *conf, struct bound *bound);

/* A sentence about it. */
#define BOUND_MAX_TEXT 320
const char *bound_format(const struct conf *conf, char text[BOUND_MAX_TEXT]);

#endif
