/* SPDX-License-Identifier: MIT */
/*
 * event.h - stands in for that of a system with kqueue(2), so that what is written for one
 * is tested on every system. The numbers are those of macOS.
 */
#ifndef STAND_IN_SYS_EVENT_H
#define STAND_IN_SYS_EVENT_H

#include <stdint.h>
#include <time.h>

struct kevent {
	uintptr_t ident;
	int16_t filter;
	uint16_t flags;
	uint32_t fflags;
	intptr_t data;
	void *udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_SIGNAL (-6)
#define EVFILT_TIMER (-7)
#define EVFILT_USER (-10)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_NSECONDS 0x00000004
#define NOTE_TRIGGER 0x01000000

/* See recorder.h. */
int kqueue(void);
int kevent(int fd, const struct kevent *changes, int nchanges, struct kevent *events,
           int nevents, const struct timespec *timeout);

#endif
