/* SPDX-License-Identifier: MIT */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dialect.h"
#include "process.h"

struct load;

/* What the command line says. Constant once it was read. */
struct options {
	const struct load *load;
	const struct dialect *dialect;
	const char *address, *second_address; /* the second one: NULL, or where readers go */
	unsigned nconnections;
	unsigned nin_flight; /* lines of a connection; 0: whatever is due */
	uint64_t rate;       /* lines a second; 0: as fast as they are answered */
	uint64_t duration_ns, warm_up_ns;
	size_t size;             /* bytes */
	struct processes server; /* none: not known */
	bool spreads_sources, is_json, is_quiet;
};

#endif
