/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - what libamy asks of an operating system, one file per system behind it.
 *
 * Every arming is for one event: after it the kernel reports nothing of the descriptor,
 * hang-ups included, until it is armed again. Arming looks at readiness anew.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#define KERNEL_MAX_EVENTS 256

/* What an interest may consist of. */
#define KERNEL_INTEREST_BITS (AMY_READ | AMY_WRITE | AMY_HUP | AMY_ERROR)

/*
 * Cookies of the kernel's own events, which no registration has.
 *
 * KERNEL_ALARM  the time that kernel_set_alarm() named has come
 * KERNEL_WAKE   kernel_wake() was called
 */
#define KERNEL_ALARM UINT64_MAX
#define KERNEL_WAKE (UINT64_MAX >> 1)

/*
 * struct kernel: what a system needs. Owner: the core, or wait set, that it is part of. All
 * functions but open and close: any thread.
 */
#ifdef AMY_KERNEL_KQUEUE
#include "kernel_kqueue.h"
#else
#include "kernel_epoll.h"
#endif

struct kernel_event {
	uint64_t cookie; /* as given when it was armed */
	unsigned events; /* AMY_ bits */
};

/* Errors: EMFILE, ENFILE, ENOMEM. */
int kernel_open(struct kernel *kernel);
void kernel_close(struct kernel *kernel);

/*
 * Arm fd for one event. first: the kernel has not heard of fd yet, or was told to
 * forget it. Errors: EBADF, EEXIST, ENOMEM, ENOSPC, EPERM.
 */
int kernel_arm(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie,
               bool first);

/*
 * Watch fd, without end: whatever is ready is reported by every kernel_wait(). first: as
 * for kernel_arm(), whose errors it has. For a kernel of its own: one that nobody arms.
 */
int kernel_watch(struct kernel *kernel, int fd, unsigned interest, uint64_t cookie,
                 bool first);

/* Forget fd, which was armed or watched at least once. Errors: EBADF, ENOENT, EPERM. */
int kernel_forget(struct kernel *kernel, int fd);

/*
 * Get ready for kernel_set_alarm() and kernel_wake(), once. Not at the same time as another
 * call of it; the other functions may be in use. Errors: EMFILE, ENFILE, ENOMEM; then it may
 * be called again.
 */
int kernel_open_alarm(struct kernel *kernel);

/*
 * Let one kernel_wait() return KERNEL_ALARM at at_ns of CLOCK_MONOTONIC (in the past: at once;
 * INT64_MAX: never), once; or earlier, so look at the clock. It takes the place of what was set
 * before. One call at a time.
 */
void kernel_set_alarm(struct kernel *kernel, int64_t at_ns);

/* Let one kernel_wait(), now or the next, return KERNEL_WAKE, once. */
void kernel_wake(struct kernel *kernel);

/*
 * Wait for at most max (1 to KERNEL_MAX_EVENTS) events. Returns how many, 0 after
 * timeout_ms, -1 with EINVAL, or with EINTR: a signal came, or nothing that counts; go on.
 * Each is reported to one caller.
 */
int kernel_wait(struct kernel *kernel, struct kernel_event *events, int max,
                int timeout_ms);

#endif
