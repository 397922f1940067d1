/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "histogram.h"

#define SUB_COUNT (1u << HISTOGRAM_SUB_BITS)

/*
 * The bucket of a time: the number of its highest bit and the SUB_BITS bits below it; the
 * first two rows of buckets are 1 ns wide.
 */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < SUB_COUNT)
		return (unsigned)ns;
	shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
	return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(ns >> shift);
}

/* The time in the middle of a bucket. */
static uint64_t
middle_of(unsigned bucket)
{
	unsigned row = bucket >> HISTOGRAM_SUB_BITS, shift;

	if (row < 2)
		return bucket;
	shift = row - 1;
	return ((uint64_t)(SUB_COUNT + bucket % SUB_COUNT) << shift) +
	       ((UINT64_C(1) << shift) >> 1);
}

void
histogram_init(struct histogram *histogram)
{
	memset(histogram, 0, sizeof *histogram);
	histogram->least_ns = UINT64_MAX;
}

void
histogram_add(struct histogram *histogram, uint64_t ns, uint64_t n)
{
	if (n == 0)
		return;
	histogram->n += n;
	histogram->sum_ns += (double)ns * (double)n;
	if (ns < histogram->least_ns)
		histogram->least_ns = ns;
	if (ns > histogram->most_ns)
		histogram->most_ns = ns;
	if (ns > HISTOGRAM_LIMIT_NS)
		ns = HISTOGRAM_LIMIT_NS;
	histogram->counts[bucket_of(ns)] += n;
}

/* The middle of a bucket may lie outside of what was ever added. */
static uint64_t
clamp(const struct histogram *histogram, uint64_t ns)
{
	if (ns < histogram->least_ns)
		return histogram->least_ns;
	return ns > histogram->most_ns ? histogram->most_ns : ns;
}

uint64_t
histogram_per_mille(const struct histogram *histogram, unsigned per_mille)
{
	uint64_t seen = 0;
	/* How many are to be seen, rounded up, without an overflow. */
	uint64_t wanted =
	    histogram->n / 1000 * per_mille + (histogram->n % 1000 * per_mille + 999) / 1000;

	if (histogram->n == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (unsigned bucket = 0; bucket < HISTOGRAM_NBUCKETS; bucket++) {
		seen += histogram->counts[bucket];
		if (seen >= wanted)
			return clamp(histogram, middle_of(bucket));
	}
	return histogram->most_ns;
}

double
histogram_mean_ns(const struct histogram *histogram)
{
	return histogram->n == 0 ? 0.0 : histogram->sum_ns / (double)histogram->n;
}
