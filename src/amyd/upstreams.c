/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "upstreams.h"

/* The ith of all. NULL: another handler looks after it. */
static struct upstream *
own(const struct upstreams *upstreams, size_t i)
{
	struct upstream *upstream = targets_upstream(upstreams->targets, i);

	return upstream_number(upstream) % upstreams->nhandlers == upstreams->number ? upstream
	                                                                             : NULL;
}

static size_t
count(const struct upstreams *upstreams)
{
	return targets_count_upstreams(upstreams->targets);
}

static void
be_overdue(struct timer *timer, void *context)
{
	struct upstreams *upstreams =
	    (struct upstreams *)((char *)timer - offsetof(struct upstreams, timer));

	(void)context;
	upstreams->is_overdue = true;
}

void
upstreams_begin(struct upstreams *upstreams, int64_t now_ms, int64_t ms)
{
	for (size_t i = 0; i < count(upstreams); i++) {
		struct upstream *upstream = own(upstreams, i);
		enum targets_wish wish = targets_wish(upstreams->targets, i);

		if (upstream == NULL)
			continue;
		if (wish == TARGETS_START)
			upstream_start(upstream, upstreams->registrar, upstreams->timers);
		upstreams->has_ending |= wish == TARGETS_STOP;
	}
	upstreams->is_overdue = false;
	if (upstreams->has_ending)
		timers_set(upstreams->timers, &upstreams->timer, now_ms + ms, be_overdue);
}

void
upstreams_ready(struct upstreams *upstreams, amy_id id)
{
	for (size_t i = 0; i < count(upstreams); i++) {
		struct upstream *upstream = own(upstreams, i);

		if (upstream != NULL && upstream_id(upstream) == id)
			upstream_ready(upstream);
	}
}

void
upstreams_kick(struct upstreams *upstreams, uint64_t number)
{
	for (size_t i = 0; i < count(upstreams); i++) {
		struct upstream *upstream = own(upstreams, i);

		if (upstream != NULL && upstream_number(upstream) == number)
			upstream_kick(upstream);
	}
}

/* What has to wait for an event of its own is looked at in the turn that hears of it. */
void
upstreams_end(struct upstreams *upstreams)
{
	bool has_ending = false;

	if (!upstreams->has_ending)
		return;
	for (size_t i = 0; i < count(upstreams); i++) {
		struct upstream *upstream = own(upstreams, i);

		if (upstream == NULL || targets_wish(upstreams->targets, i) != TARGETS_STOP)
			continue;
		if ((!upstreams->is_overdue && upstream_is_busy(upstream)) ||
		    !upstream_stop(upstream))
			has_ending = true;
	}
	upstreams->has_ending = has_ending;
}

bool
upstreams_are_busy(const struct upstreams *upstreams)
{
	for (size_t i = 0; i < count(upstreams); i++) {
		const struct upstream *upstream = own(upstreams, i);

		if (upstream != NULL && upstream_is_busy(upstream))
			return true;
	}
	return false;
}

bool
upstreams_stop(struct upstreams *upstreams)
{
	for (size_t i = 0; i < count(upstreams); i++) {
		struct upstream *upstream = own(upstreams, i);

		if (upstream != NULL && !upstream_stop(upstream))
			return false;
	}
	return true;
}
