/* SPDX-License-Identifier: MIT */
/*
 * library.h - what library.c asks of each library that it measures: a file of its own for
 * each, library_NAME.c. One thread, one loop at a time; descriptors are known by a place.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdbool.h>

#define MAX_PLACES 10000

/* The most events of one wait, of the libraries that leave it to the caller. */
#define MAX_EVENTS 256

/*
 * A way to use a library.
 *
 * One-shot: a place that was told of is not told of again before rearm(). Level-triggered:
 * rearm is NULL, and what is ready is told of by every wait.
 */
struct library {
	const char *name; /* as figures.awk knows it */
	void (*open)(void);
	void (*close)(void);                 /* nothing is watched any more */
	void (*add)(unsigned place, int fd); /* until it is readable */
	void (*remove)(unsigned place);      /* it has not been told of, or is armed again */
	void (*rearm)(unsigned place);
	void (*run)(bool is_once); /* until library_event() says false; once: without waiting */
};

/*
 * A place is readable. False: that is enough; what was told by the same wait may still
 * follow.
 */
bool library_event(unsigned place);

extern const struct library library_epoll_once, library_epoll;
extern const struct library library_amy, library_wait_set;
extern const struct library library_libevent_once, library_libevent;
extern const struct library library_libev_once, library_libev;
extern const struct library library_libuv_once, library_libuv;

#endif
