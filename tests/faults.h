/* SPDX-License-Identifier: MIT */
/*
 * faults.h - calls that fail on demand.
 *
 * A program that links faults.c and has $(faults_ldflags) gets these instead of malloc,
 * calloc, realloc, aligned_alloc, strdup, strndup, free, epoll_create1, epoll_ctl and the calls
 * named below, and so does the library in it.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <sys/epoll.h>

enum fault_call {
	FAULT_ALLOCATION,
	FAULT_EPOLL_CREATE, /* or kqueue */
	FAULT_EPOLL_CTL,    /* or kevent, when it brings changes */
	FAULT_DESCRIPTOR,   /* eventfd, signalfd, pipe, fcntl, readlink */
	FAULT_READ,
	FAULT_WRITE,
	FAULT_RECEIVE, /* recvmsg, recvmmsg */
	FAULT_SEND,    /* sendmsg, sendmmsg */
	FAULT_CALLS,
};

/* The nth such call from now on (1: the next) fails with errno set to error, once. */
void fault_set(enum fault_call call, unsigned nth, int error);

/* No call fails any more. True if one was to fail, and did. */
bool fault_clear(void);

/*
 * Allocations that were not freed; to be compared with what it was before. Between the two,
 * and while an allocation is to fail, MUST() but not ck_assert(): Check allocates, too.
 */
long fault_live_allocations(void);

/* What is called instead of epoll_ctl, unless NULL. Set it while there is one thread. */
typedef int fault_epoll_ctl_fn(int epoll_fd, int op, int fd, struct epoll_event *event);
extern fault_epoll_ctl_fn *fault_epoll_ctl_hook;
fault_epoll_ctl_fn fault_real_epoll_ctl;

/* What is called before each read, and each write, unless NULL. The same holds for these. */
typedef void fault_before_fn(int fd);
extern fault_before_fn *fault_before_read;
extern fault_before_fn *fault_before_write;

#endif
