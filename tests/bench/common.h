/* SPDX-License-Identifier: MIT */
/*
 * common.h - what the programs that load a server share. Whatever goes wrong ends them.
 */
#ifndef COMMON_H
#define COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void die(const char *what) __attribute__((noreturn));
void die_of_line(const char *what, const char *line, size_t nbytes) __attribute__((noreturn));

/* CPU time of all threads of a process, those that are not running now to the nanosecond. */
uint64_t cpu_ns(const char *pid);

/*
 * A connection. Closed, it is reset: after an end of input the server would go on sending to
 * it. is_narrow: nothing much fits into its socket, nor into the server's for it.
 */
int dial(const char *host, const char *port, bool is_narrow);

/*
 * Say the line, in which a # is the number, and wait for the answer, which begins with + or is
 * the line.
 */
void converse(int fd, const char *format, unsigned number);

/* As many descriptors as may be. */
void raise_descriptor_limit(void);

#endif
