/* SPDX-License-Identifier: MIT */
/*
 * load.h - how busy a handler is, and how long its lines take.
 *
 * A line's time is from when the read that brought it returned until it, and all that came
 * with it, was run: answered, and queued for whom it is for. Lines that had to wait for
 * another turn, behind those of others, count from that one on. Times are taken only while
 * somebody watches; the turns are always counted.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdatomic.h>
#include <stdint.h>

/* 1, 2 and 5 microseconds, and so on up to 1 s; what takes longer has a bucket more. */
#define LOAD_BUCKETS 19

/* Owner: one handler writes, any thread reads. In cache lines of its own. */
struct load {
	_Alignas(64) _Atomic uint64_t turns;
	_Atomic uint64_t busy_ns; /* that it did not wait for something to do */
	_Atomic uint64_t line_ns; /* the times of its lines, added up */
	_Atomic uint64_t lines[LOAD_BUCKETS + 1];
};

/* What a line of each bucket takes at most, in nanoseconds. */
extern const int64_t load_buckets_ns[LOAD_BUCKETS];

/* One writer: no need for an atomic addition. */
static inline void
load_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

/* So many lines took so long. */
void load_count_lines(struct load *load, uint64_t nlines, int64_t ns);

#endif
