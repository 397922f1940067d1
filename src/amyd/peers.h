/* SPDX-License-Identifier: MIT */
/*
 * peers.h - how many clients of a listener come from one address: what per_ip counts.
 *
 * IPv4 addresses are told apart, those that are mapped into IPv6 included; of IPv6, networks
 * of 64 bits, of which one machine may have all addresses. Unix sockets have none.
 */
#ifndef PEERS_H
#define PEERS_H

#include "address.h"

/* Any thread: a lock within guards it; nothing is waited for while it is held. */
struct peers;

/*
 * A listener and an address that it has clients from; there as long as there are any. Each
 * of them holds a place, and whoever ends that client gives it back.
 */
struct peer;

enum peers_result {
	PEERS_IN,
	PEERS_FULL,
	PEERS_NO_MEMORY,
};

/* Errors: ENOMEM, or as getrandom(2). */
struct peers *peers_create(void);

/* All places were given back. NULL is fine. */
void peers_destroy(struct peers *peers);

/*
 * Take a place, unless there are max (0: any number) of that listener and address already.
 * PEERS_IN: *peer is the place, to be given back; NULL: nothing is counted. Without a max they
 * are counted, too: a later configuration may have one.
 */
enum peers_result peers_enter(struct peers *peers, const char *listener,
                              const struct address *address, unsigned max, struct peer **peer);

/* Give it back. NULL is fine. */
void peers_leave(struct peer *peer);

#endif
