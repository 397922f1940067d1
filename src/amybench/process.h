/* SPDX-License-Identifier: MIT */
/*
 * process.h - what processes have used, as /proc says. Whatever goes wrong ends the program.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_MAX 64

/* Of a server: one process, or several. */
struct processes {
	pid_t pids[PROCESS_MAX];
	size_t n;
};

/* CPU time of all threads that they have, user and system. */
uint64_t processes_cpu_ns(const struct processes *processes);

/* Resident memory. What they share counts for each. */
uint64_t processes_rss_bytes(const struct processes *processes);

/* Our own CPU time. */
uint64_t process_own_cpu_ns(void);

#endif
