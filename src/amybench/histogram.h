/* SPDX-License-Identifier: MIT */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/*
 * Times in nanoseconds, counted in buckets: each power of two has 128 of them, so a
 * percentile is off by less than 1 %; below 256 ns it is exact. Past HISTOGRAM_LIMIT_NS, 18
 * minutes, all count as that. The least, the most and the mean are exact in any case.
 */
#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_TOP_BIT 40
#define HISTOGRAM_LIMIT_NS ((UINT64_C(1) << HISTOGRAM_TOP_BIT) - 1)
#define HISTOGRAM_NBUCKETS ((HISTOGRAM_TOP_BIT - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

/* Owner: whoever holds the storage; one thread at a time. */
struct histogram {
	uint64_t n;
	uint64_t least_ns, most_ns;
	double sum_ns;
	uint64_t counts[HISTOGRAM_NBUCKETS];
};

void histogram_init(struct histogram *histogram);

/* n times this time. */
void histogram_add(struct histogram *histogram, uint64_t ns, uint64_t n);

/* The time within which so many of 1000 stay: 500 is the median. 0 of an empty one. */
uint64_t histogram_per_mille(const struct histogram *histogram, unsigned per_mille);

/* 0 of an empty one. */
double histogram_mean_ns(const struct histogram *histogram);

#endif
