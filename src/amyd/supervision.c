/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>

#include "heartbeat.h"
#include "monotonic.h"
#include "notify.h"
#include "supervision.h"

/* A WATCHDOG=1 that was not taken is sent again after so long. */
#define WATCHDOG_RETRY_MS 50

/* supervision.told_nclients: no STATUS= was taken yet. */
#define NOTHING_TOLD UINT_MAX

/* As sd_watchdog_enabled(3) advises: twice in the time that it waits. Never 0. */
static int64_t
watchdog_interval_ms(void)
{
	uint64_t usec = notify_watchdog_usec();
	uint64_t ms = usec / 2000;

	if (usec == 0 || !notify_is_wanted())
		return 0;
	return ms == 0 ? 1 : ms > INT_MAX ? INT_MAX : (int64_t)ms;
}

static void
tell_status(struct supervision *supervision, unsigned nclients, int64_t now_ms)
{
	char state[64];

	snprintf(state, sizeof state, "STATUS=%u client%s", nclients, nclients == 1 ? "" : "s");
	if (notify(state) == 0)
		supervision->told_nclients = nclients;
	supervision->status_at_ms = now_ms + SUPERVISION_STATUS_EVERY_MS;
}

void
supervision_start(struct supervision *supervision, unsigned nclients)
{
	int64_t now_ms = monotonic_now_ms();

	supervision->watchdog_ms = watchdog_interval_ms();
	supervision->watchdog_at_ms = now_ms;
	supervision->told_nclients = NOTHING_TOLD;
	supervision->wants_status = notify_is_wanted();
	if (supervision->wants_status)
		tell_status(supervision, nclients, now_ms);
}

static void
feed_watchdog(struct supervision *supervision, int64_t now_ms)
{
	if (supervision->watchdog_ms == 0 || now_ms < supervision->watchdog_at_ms)
		return;
	supervision->watchdog_at_ms = now_ms + supervision->watchdog_ms;
	if (heartbeats_all_move() && notify("WATCHDOG=1") == -1 &&
	    supervision->watchdog_ms > WATCHDOG_RETRY_MS)
		supervision->watchdog_at_ms = now_ms + WATCHDOG_RETRY_MS;
}

/* Of two waits, in ms, the shorter one; -1 is for ever. */
static int64_t
shorter(int64_t a, int64_t b)
{
	if (a == -1 || b == -1)
		return a == -1 ? b : a;
	return a < b ? a : b;
}

int
supervision_turn(struct supervision *supervision, unsigned nclients)
{
	int64_t now_ms = monotonic_now_ms();
	int64_t watchdog_in_ms = -1, status_in_ms = -1, retry_in_ms;

	feed_watchdog(supervision, now_ms);
	retry_in_ms = notify_retry(now_ms);
	if (supervision->watchdog_ms > 0)
		watchdog_in_ms = supervision->watchdog_at_ms - now_ms;
	if (!supervision->wants_status)
		return (int)shorter(watchdog_in_ms, retry_in_ms);
	if (nclients != supervision->told_nclients && now_ms >= supervision->status_at_ms)
		tell_status(supervision, nclients, now_ms);
	status_in_ms = supervision->status_at_ms - now_ms;
	if (status_in_ms <= 0)
		status_in_ms = SUPERVISION_STATUS_EVERY_MS; /* look whether it has changed */
	return (int)shorter(shorter(watchdog_in_ms, status_in_ms), retry_in_ms);
}
