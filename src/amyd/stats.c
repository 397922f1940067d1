/* SPDX-License-Identifier: MIT */
#include "stats.h"

const char *const stats_names[STAT_COUNT] = {
#define X(id, name) [STAT_##id] = name,
	STATS(X)
#undef X
};
