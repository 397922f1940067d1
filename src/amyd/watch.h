/* SPDX-License-Identifier: MIT */
/*
 * watch.h - clients that have been quiet for idle_time, or in one line for line_time; and those
 * whose machines are gone.
 *
 * No line and no event sets a timer. While there is anybody to be watched, a handler looks at
 * all its clients eight times in the shortest of the times that count for them; so one is
 * ended when its time is over, and up to an eighth of it later, or a quarter if it was idle.
 */
#ifndef WATCH_H
#define WATCH_H

#include "session.h"
#include "timers.h"
#include "view.h"

/* So long a machine may acknowledge nothing of what it was sent. */
#define WATCH_DEAD_MS 30000

/*
 * Storage of its handler, which owns it; all zero: nobody is watched.
 *
 * Whoever was sent something is looked at some seconds later, and again until all is acknowledged.
 * The timer for that is the poller's, and not one of the view's: a handler that has one of
 * those calls poll(2) in every turn.
 */
struct watch {
	struct timer timer;
	struct amy_registrar *registrar; /* constant */
	struct record_pipe *pipe;        /* constant: where the poller's timer is reported */
	unsigned dead_ms;                /* constant; 0: WATCH_DEAD_MS */
	amy_id acks_id;     /* the timer; 0: there is none yet */
	bool is_looking;    /* it is armed, or has fired */
	bool is_any_left;   /* in this round somebody has not acknowledged all */
	size_t acks_at;     /* the next slot to be looked at in this round */
};

/* A client has come. -1: ENOMEM. */
int watch_start(struct watch *watch, struct view *view, struct session *session);

/*
 * The lines that have come were run, and a part of one may be left. is_new: that began only
 * now, whatever was left before. -1: ENOMEM.
 */
int watch_line(struct watch *watch, struct view *view, struct session *session, bool is_new);

/* It was sent something by TCP: see to it that this is acknowledged. */
void watch_acks(struct watch *watch);

/* The timer for that went off: look at some of those that were sent something. */
void watch_look_at_acks(struct watch *watch, struct view *view);

/* It came by another listener until now: times that that had not begin with this moment. */
void watch_renew_client(struct view *view, struct session *session,
                        const struct conf_listener *old);

/* That was so for some clients: look at all soon. There is room for a timer. */
void watch_renew(struct watch *watch, struct view *view);

#endif
