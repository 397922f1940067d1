/* SPDX-License-Identifier: MIT */
/*
 * registration.h - the life of a registration.
 *
 * The whole state of a registration is one atomic word, so that whoever loses a race for
 * it learns so from a compare-and-swap:
 *
 *      register ──▶ OWNED ──rearm──▶ ARMING ──▶ ARMED      a thread has it | the kernel
 *                     ▲                 │          │
 *                     ├──── event ◀─────┴──────────┤
 *                     └──── take  ◀────────────────┘       deregister: OWNED ──▶ FREE
 *
 * ARMING lasts as long as the system call that arms: the event may come first, but
 * nobody can take, end and close the descriptor under that call. Each arming is a new
 * round: the thread that armed cannot take somebody else's later arming for its own, and
 * an event of an arming that was taken back does not count for the next one. The kernel
 * hands back a cookie of place, generation and round.
 *
 * Whoever wants to cancel what is OWNED or ARMING leaves a mark in the word. One that has it is
 * never ARMED: its owner cannot arm it, and ARMING ends as OWNED, by the event or without.
 *
 * tests/model/registration.pml checks all of this exhaustively. Those without a descriptor
 * (soft.h) have the same states, but for ARMING.
 */
#ifndef REGISTRATION_H
#define REGISTRATION_H

#include "core.h"

/* A new one of a descriptor, OWNED by the caller. Errors: ENOMEM, EMFILE. */
int registration_add(struct core *core, int fd, void *data, amy_id *id);

/* What amy.h says of amy_registrar_rearm() and so on, of any kind. */
int registration_arm(struct core *core, amy_id id, unsigned interest);
int registration_take(struct core *core, amy_id id);
int registration_deregister(struct core *core, amy_id id);
int registration_cancel(struct core *core, amy_id id);

/* An event arrived: true if it counts, and the registration is the caller's now. */
bool registration_fire(struct core *core, const struct kernel_event *event,
                       struct amy_notification *notification);

#endif
