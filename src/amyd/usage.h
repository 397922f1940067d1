/* SPDX-License-Identifier: MIT */
#ifndef USAGE_H
#define USAGE_H

#include <stdint.h>

/* What this process takes of the machine. What cannot be found out is 0. */
struct usage {
	uint64_t resident_bytes, virtual_bytes;
	uint64_t descriptors, max_descriptors;
	double cpu_seconds;
};

/* Any thread. */
void usage_measure(struct usage *usage);

#endif
