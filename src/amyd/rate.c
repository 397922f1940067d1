/* SPDX-License-Identifier: MIT */
#include "rate.h"

#define NS_PER_MS 1000000
#define NS_PER_SECOND 1000000000

/* What it takes to fill in one token. */
static int64_t
token_ns(unsigned per_second)
{
	return NS_PER_SECOND / per_second;
}

/* With a second's worth the bucket is full; so there is a token if no more than this is missing. */
static int64_t
missing_ns(const struct rate *rate, unsigned per_second, int64_t now_ms)
{
	return rate->full_ns - now_ms * NS_PER_MS - (NS_PER_SECOND - token_ns(per_second));
}

int64_t
rate_wait_ms(const struct rate *rate, unsigned per_second, int64_t now_ms)
{
	int64_t ns = missing_ns(rate, per_second, now_ms);

	return ns <= 0 ? 0 : (ns + NS_PER_MS - 1) / NS_PER_MS;
}

bool
rate_take(struct rate *rate, unsigned per_second, int64_t now_ms)
{
	int64_t now_ns = now_ms * NS_PER_MS;

	if (missing_ns(rate, per_second, now_ms) > 0)
		return false;
	if (rate->full_ns < now_ns)
		rate->full_ns = now_ns;
	rate->full_ns += token_ns(per_second);
	return true;
}

void
rate_put_back(struct rate *rate, unsigned per_second)
{
	rate->full_ns -= token_ns(per_second);
}
