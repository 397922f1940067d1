/* SPDX-License-Identifier: MIT */
/*
 * unread.h - how much of what was sent on a socket the other side has not read yet.
 *
 * It is an estimate. What the kernel still holds is known; of what the kernel of a TCP peer has
 * acknowledged, the part is guessed by which the peer's window has shrunk. Looking takes system
 * calls, so nobody looks before enough was sent to matter.
 */
#ifndef UNREAD_H
#define UNREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Owner: its session. All zero: nothing was sent. */
struct unread {
	uint32_t nsent;   /* bytes since the last look */
	uint32_t nbytes;  /* not read, by the last look */
	uint32_t window;  /* the largest one that the peer has offered lately */
};

/*
 * Is it time to look? Not for a few bytes to a peer that had read all, for its kernel may take
 * 40 ms to acknowledge them.
 */
bool unread_is_due(const struct unread *unread);

/* Look at the socket. */
void unread_look(struct unread *unread, int fd, bool is_tcp);

/*
 * The same, where nothing was sent in the meantime. A window that stays small may be all that
 * the peer offers from now on: with each such look it counts for less.
 */
void unread_look_again(struct unread *unread, int fd, bool is_tcp);

#endif
