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

/*
 * Owner: the core it is part of. All functions but open and close: any thread.
 */
struct kernel {
	int fd; /* constant after open */
};

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

/* Forget fd, which was armed at least once. */
void kernel_forget(struct kernel *kernel, int fd);

/*
 * Wait for at most max (1 to KERNEL_MAX_EVENTS) events. Returns how many, 0 after
 * timeout_ms, -1 with EINTR or EINVAL. Each is reported to one caller.
 */
int kernel_wait(struct kernel *kernel, struct kernel_event *events, int max,
                int timeout_ms);

#endif
