/* SPDX-License-Identifier: MIT */
/*
 * soft.h - registrations without a descriptor: timers and user events.
 *
 * They have a slot, an id and an owner like all others. But no system call stands between
 * arming and firing, and so all that happens to them is done with core.soft_lock held: their
 * words change only there, and ARMING is not needed. What is scheduled in the agenda is armed.
 *
 * One alarm of the kernel stands for all timers: it is set when a timer becomes the earliest,
 * so no waiting thread need be told of a new one. Where a thread that waits has less room
 * than there is due, it passes the rest on with kernel_wake().
 */
#ifndef SOFT_H
#define SOFT_H

#include "core.h"

/* Times in nanoseconds, 0 or more. Errors: EMFILE, ENFILE, ENOMEM. */
int soft_register_timer(struct core *core, int64_t delay_ns, int64_t interval_ns, void *data,
                        amy_id *id);
int soft_register_event(struct core *core, void *data, amy_id *id);

/* EINVAL: the id has ended, or is of something else. EBUSY, ECANCELED: as for
 * registration_arm(). */
int soft_set_timer(struct core *core, amy_id id, int64_t delay_ns, int64_t interval_ns);
int soft_trigger(struct core *core, amy_id id);

/* What core.c does for descriptors, for an id whose word said SOFT. */
int soft_arm(struct core *core, amy_id id, unsigned interest);
int soft_take(struct core *core, amy_id id);
int soft_end(struct core *core, amy_id id);
int soft_cancel(struct core *core, amy_id id);

/* Room for as many timers and user events. Errors: EMFILE, ENFILE, ENOMEM. */
int soft_reserve(struct core *core, uint32_t n);

/*
 * The kernel said KERNEL_ALARM (is_alarm), KERNEL_WAKE or both: tell of at most max, 1 or more,
 * that are due, which are the caller's now. Returns how many; 0: none is, any more.
 */
int soft_collect(struct core *core, struct amy_notification *notifications, int max,
                 bool is_alarm);

#endif
