/* SPDX-License-Identifier: MIT */
#include "load.h"

const int64_t load_buckets_ns[LOAD_BUCKETS] = {
	1000,     2000,      5000,      10000,     20000,      50000,    100000,
	200000,   500000,    1000000,   2000000,   5000000,    10000000, 20000000,
	50000000, 100000000, 200000000, 500000000, 1000000000,
};

/* A mark is old after that: the handler has had nothing to do. */
#define OLD_MS (2 * LOAD_MARK_MS)

void
load_mark(struct load *load, struct load_mark *mark, int64_t now_ms, int64_t cpu_ns)
{
	int64_t elapsed_ns = (now_ms - mark->at_ms) * 1000000;
	int64_t busy_ns = cpu_ns - mark->cpu_ns;

	atomic_store_explicit(&load->is_busy,
	                      busy_ns >= elapsed_ns / 100 * LOAD_BUSY_PERCENT,
	                      memory_order_relaxed);
	atomic_store_explicit(&load->marked_ms, now_ms, memory_order_relaxed);
	*mark = (struct load_mark){ .at_ms = now_ms, .cpu_ns = cpu_ns };
}

static bool
is_busy(const struct load *load, int64_t now_ms)
{
	return atomic_load_explicit(&load->is_busy, memory_order_relaxed) &&
	       now_ms - atomic_load_explicit(&load->marked_ms, memory_order_relaxed) < OLD_MS;
}

/*
 * How many times ncompany clients it has. One that is busy is as one with a company, and a
 * quarter, more: so it gets fewer clients, but not none at all if it stays so.
 */
static unsigned
rank(const struct load *load, unsigned ncompany, int64_t now_ms)
{
	unsigned n = atomic_load_explicit(&load->nclients, memory_order_relaxed);

	if (is_busy(load, now_ms))
		n += ncompany + n / 4;
	return n / ncompany;
}

unsigned
load_choose(const struct load *loads, unsigned nhandlers, unsigned ncompany, int64_t now_ms)
{
	unsigned chosen = 0, lowest = rank(&loads[0], ncompany, now_ms);

	for (unsigned i = 1; i < nhandlers && lowest > 0; i++) {
		unsigned this = rank(&loads[i], ncompany, now_ms);

		if (this < lowest) {
			lowest = this;
			chosen = i;
		}
	}
	return chosen;
}

void
load_count_lines(struct load *load, uint64_t nlines, int64_t ns)
{
	unsigned bucket = 0;

	if (nlines == 0)
		return;
	while (bucket < LOAD_BUCKETS && ns > load_buckets_ns[bucket])
		bucket++;
	load_add(&load->lines[bucket], nlines);
	load_add(&load->line_ns, nlines * (uint64_t)(ns < 0 ? 0 : ns));
}
