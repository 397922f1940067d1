/* SPDX-License-Identifier: MIT */
#ifndef MONOTONIC_H
#define MONOTONIC_H

#include <stdint.h>

/* Milliseconds since some moment in the past. Never jumps with the wall clock. Any thread. */
int64_t monotonic_now_ms(void);

/* The same in nanoseconds. */
int64_t monotonic_now_ns(void);

/* The CPU time that the calling thread has had, in nanoseconds. */
int64_t monotonic_cpu_ns(void);

#endif
