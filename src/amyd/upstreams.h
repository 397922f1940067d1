/* SPDX-License-Identifier: MIT */
/*
 * upstreams.h - the connections to targets of rules that one handler looks after: every nth of
 * all there are.
 */
#ifndef UPSTREAMS_H
#define UPSTREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include <amy.h>

#include "targets.h"
#include "timers.h"

/* Storage of its handler, which owns it. */
struct upstreams {
	const struct targets *targets; /* changes while no handler runs */
	unsigned number, nhandlers;
	struct amy_registrar *registrar;
	struct timers *timers;
	struct timer timer; /* those that are to end have had their time */
	bool has_ending;    /* there are some */
	bool is_overdue;    /* their time is over */
};

/*
 * Of those that the last change of the targets has made, or wants no more: begin to connect; or
 * to end, when what waits for it has gone, or ms have passed. There is room for a timer.
 */
void upstreams_begin(struct upstreams *upstreams, int64_t now_ms, int64_t ms);

/* A registration fired that is no client's: if it is one of ours, it does what there is to do. */
void upstreams_ready(struct upstreams *upstreams, amy_id id);

/* There is something to do for the one of that number. */
void upstreams_kick(struct upstreams *upstreams, uint64_t number);

/* End those that may end now: once in a turn, which costs nothing where there are none. */
void upstreams_end(struct upstreams *upstreams);

/* Has one of them, being connected, still something to send? */
bool upstreams_are_busy(const struct upstreams *upstreams);

/* Close all. False: an event of one of them is on its way; again after upstreams_ready(). */
bool upstreams_stop(struct upstreams *upstreams);

#endif
