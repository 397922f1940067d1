/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - a kqueue that does nothing: it notes what it is asked, and answers what it was
 * told to.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <sys/event.h>

#define RECORDER_ROOM 64

/* What it was asked since the last reset. Waits that bring no changes are not among it. */
extern struct kevent recorded[RECORDER_ROOM];
extern int nrecorded;
extern int nwaits;
extern int64_t last_timeout_ns; /* of a wait; -1: none */

/* Forget what was asked, and what is to be answered. */
void recorder_reset(void);

/* The nth change from now on (1: the next) is refused. 0: that makes good what was said. */
void recorder_refuse(int nth, int error);

/* The next call that brings changes, or waits, or makes a queue, fails as a whole. */
void recorder_fail_changes(int error);
void recorder_fail_wait(int error);
void recorder_fail_queue(int error);

/* What the next waits return, as many as they have room for. */
void recorder_push(struct kevent event);

/* Called in the middle of the next call that brings changes, once; may be NULL. */
extern void (*recorder_hook)(void);

#endif
