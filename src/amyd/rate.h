/* SPDX-License-Identifier: MIT */
/*
 * rate.h - so many a second: a bucket of tokens, which holds what a second brings.
 */
#ifndef RATE_H
#define RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_MAX 10000000 /* a second */

/*
 * A bucket, as the moment at which it is full again. All zero: it is full. Owner: whoever
 * holds the storage.
 */
struct rate {
	int64_t full_ns; /* of monotonic_now_ms() */
};

/* Milliseconds until there is a token, of per_second (1 to RATE_MAX); 0: there is one. */
int64_t rate_wait_ms(const struct rate *rate, unsigned per_second, int64_t now_ms);

/* Take one. False: there is none. */
bool rate_take(struct rate *rate, unsigned per_second, int64_t now_ms);

/* One that was taken was not needed. */
void rate_put_back(struct rate *rate, unsigned per_second);

#endif
