/* SPDX-License-Identifier: MIT */
#include "load.h"

const int64_t load_buckets_ns[LOAD_BUCKETS] = {
	1000,     2000,      5000,      10000,     20000,      50000,    100000,
	200000,   500000,    1000000,   2000000,   5000000,    10000000, 20000000,
	50000000, 100000000, 200000000, 500000000, 1000000000,
};

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
