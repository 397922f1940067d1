/* SPDX-License-Identifier: MIT */
/*
 * watch.h - clients that have been quiet for idle_time, or in one line for line_time.
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

/* Storage of its handler, which owns it; all zero: nobody is watched. */
struct watch {
	struct timer timer;
};

/* A client has come. -1: ENOMEM. */
int watch_start(struct watch *watch, struct view *view, struct session *session);

/*
 * The lines that have come were run, and a part of one may be left. is_new: that began only
 * now, whatever was left before. -1: ENOMEM.
 */
int watch_line(struct watch *watch, struct view *view, struct session *session, bool is_new);

/* It came by another listener until now: times that that had not begin with this moment. */
void watch_renew_client(struct view *view, struct session *session,
                        const struct conf_listener *old);

/* That was so for some clients: look at all soon. There is room for a timer. */
void watch_renew(struct watch *watch, struct view *view);

#endif
