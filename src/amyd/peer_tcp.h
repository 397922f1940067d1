/* SPDX-License-Identifier: MIT */
/*
 * peer_tcp.h - what the kernel knows of the peer of a TCP connection.
 */
#ifndef PEER_TCP_H
#define PEER_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_tcp {
	size_t unacked;  /* bytes that were sent and not acknowledged */
	uint32_t window; /* bytes that it takes now, as it said last; 0 where that is not known */
	bool is_dead;    /* it was reset, or timed out: nothing is acknowledged any more */
};

/* False: fd is no TCP socket. */
bool peer_tcp_look(int fd, struct peer_tcp *peer);

/*
 * How many lines the program at the other end has read, by its window: it shrinks by what
 * arrives, and moves on only when something is read. A window may grow on its own to less than
 * twice its size, so what lies further ahead than that shows that the rest has been read.
 * Owner: whoever uses the connection. All zero: it has just begun, and its first window is still
 * to be noted.
 */
struct peer_reading {
	uint64_t acked_bytes, acked_lines;
	uint64_t mark_bytes, mark_lines; /* acknowledged by then; when all of it is read, so are */
	uint64_t read_lines;             /* the lines; for certain */
	uint32_t largest_window;
};

/* nbytes more are acknowledged, and nlines come to their end by that. */
void peer_reading_note(struct peer_reading *reading, size_t nbytes, size_t nlines,
                       uint32_t window);

/* It has read all that is acknowledged. */
void peer_reading_note_all(struct peer_reading *reading);

/* Lines that are acknowledged, and that it may not have read. */
uint64_t peer_reading_unsure(const struct peer_reading *reading);

#endif
