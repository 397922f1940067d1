/* SPDX-License-Identifier: MIT */
/*
 * deadline.h - a time-out that goes on where an interruption cut it short. It is kept in
 * nanoseconds, and what is left is rounded up: a wait never ends before its time.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)

/* Owner: whoever waits. */
struct deadline {
	int timeout_ms; /* as it was asked for: 0: at once; negative: never */
	int64_t at_ns;  /* of CLOCK_MONOTONIC, if it is positive */
};

static inline int64_t
deadline_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline struct deadline
deadline_in(int timeout_ms)
{
	return (struct deadline){
		.timeout_ms = timeout_ms,
		.at_ns = timeout_ms > 0 ? deadline_now_ns() + timeout_ms * NS_PER_MS : 0,
	};
}

/* What is left of the time, as a time-out: 0 only when it has passed. */
static inline int
deadline_left_ms(const struct deadline *deadline)
{
	int64_t left_ns;

	if (deadline->timeout_ms <= 0)
		return deadline->timeout_ms;
	left_ns = deadline->at_ns - deadline_now_ns();
	return left_ns <= 0 ? 0 : (int)((left_ns + NS_PER_MS - 1) / NS_PER_MS);
}

#endif
