/* SPDX-License-Identifier: MIT */
/*
 * listening.h - how the servers of the benchmarks listen, and how they say where.
 */
#ifndef LISTENING_H
#define LISTENING_H

/*
 * A listener at some free port of 127.0.0.1, with TCP_NODELAY for what it accepts. It does
 * not block. The program ends if there is none to be had.
 */
int listening_open(void);

/* The next connection, blocking, or -1 if there is none now. */
int listening_accept(int listener);

/*
 * Write the ports of so many listeners into the file, one a line. It is written aside and
 * renamed: once it is there, it is complete. The program ends if that is not possible.
 */
void listening_tell(const char *path, const int *listeners, unsigned n);

#endif
