/* SPDX-License-Identifier: MIT */
/*
 * faults.h - calls that fail on demand.
 *
 * A program that links faults.c and has $(faults_ldflags) gets these instead of malloc,
 * calloc, realloc, free, epoll_create1 and epoll_ctl, and so does the library in it.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <sys/epoll.h>

enum fault_call {
	FAULT_ALLOCATION,
	FAULT_EPOLL_CREATE,
	FAULT_EPOLL_CTL,
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

#endif
