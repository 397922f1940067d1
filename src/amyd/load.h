/* SPDX-License-Identifier: MIT */
/*
 * load.h - how busy a handler is, and how long its lines take.
 *
 * A line's time is from when the read that brought it returned until it, and all that came
 * with it, was run: answered, and queued for whom it is for. Lines that had to wait for
 * another turn, behind those of others, count from that one on. Times are taken only while
 * somebody watches; the turns are always counted.
 *
 * Clients are counted, and what CPU time a handler needs is looked at once a second of its
 * work, for the accept thread: it chooses by that who gets the next client.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* 1, 2 and 5 microseconds, and so on up to 1 s; what takes longer has a bucket more. */
#define LOAD_BUCKETS 19

/* Owner: one handler writes, any thread reads. In cache lines of its own. */
struct load {
	_Alignas(64) _Atomic uint64_t turns;
	_Atomic uint64_t busy_ns; /* that it did not wait for something to do */
	_Atomic uint64_t line_ns; /* the times of its lines, added up */
	_Atomic uint64_t lines[LOAD_BUCKETS + 1];
	atomic_uint nclients;        /* counted up by the accept thread, down by the handler */
	atomic_bool is_busy;         /* it was, when it was last marked */
	_Atomic int64_t marked_ms;   /* by the clock of monotonic_now_ms() */
};

/*
 * What load_mark() compares with. Owner: the handler; all zero at first.
 */
struct load_mark {
	int64_t at_ms;
	int64_t cpu_ns;
};

/* A load is marked as often, while there is something to do. */
#define LOAD_MARK_MS 1000

/* A handler is busy that needs so much of a CPU. */
#define LOAD_BUSY_PERCENT 25

/* What a line of each bucket takes at most, in nanoseconds. */
extern const int64_t load_buckets_ns[LOAD_BUCKETS];

/* One writer: no need for an atomic addition. */
static inline void
load_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

/*
 * Look at the CPU time that the calling thread, the handler, has had since the last mark:
 * cpu_ns. Called when LOAD_MARK_MS have passed, in a turn.
 */
void load_mark(struct load *load, struct load_mark *mark, int64_t now_ms, int64_t cpu_ns);

/*
 * The handler for the next client: one with few clients that is not busy. Handlers are filled
 * ncompany clients at a time: clients that talk to each other, and come one after the other,
 * need not talk across threads then, and many are spread evenly all the same.
 */
unsigned load_choose(const struct load *loads, unsigned nhandlers, unsigned ncompany,
                     int64_t now_ms);

/* So many lines took so long. */
void load_count_lines(struct load *load, uint64_t nlines, int64_t ns);

#endif
