/* SPDX-License-Identifier: MIT */
/*
 * deadline.h - a time-out that goes on where an interruption cut it short.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdint.h>
#include <time.h>

/* Owner: whoever waits. */
struct deadline {
	int timeout_ms; /* as it was asked for: 0: at once; negative: never */
	int64_t at_ms;  /* if it is positive */
};

static inline int64_t
deadline_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline int64_t
deadline_now_ms(void)
{
	return deadline_now_ns() / 1000000;
}

static inline struct deadline
deadline_in(int timeout_ms)
{
	return (struct deadline){
		.timeout_ms = timeout_ms,
		.at_ms = timeout_ms > 0 ? deadline_now_ms() + timeout_ms : 0,
	};
}

/* What is left of the time, as a time-out. */
static inline int
deadline_left_ms(const struct deadline *deadline)
{
	int64_t left;

	if (deadline->timeout_ms <= 0)
		return deadline->timeout_ms;
	left = deadline->at_ms - deadline_now_ms();
	return left < 0 ? 0 : (int)left;
}

#endif
