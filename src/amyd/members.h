/* SPDX-License-Identifier: MIT */
/*
 * members.h - the clients of a handler that are members of groups and have not read all they
 * were sent: they are looked at until they have, so that they are chosen again.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdint.h>

#include "session.h"
#include "timers.h"

/* Storage of its handler, which owns it. */
struct members {
	struct timer timer;
	struct timers *timers; /* its handler's */
	struct session_list sessions;
	int64_t pause_ms; /* until they are looked at again */
};

void members_init(struct members *members, struct timers *timers);

/* Something was done for a client: is it one of them now? */
void members_settle(struct members *members, struct session *session);

/* It is about to end. It may be none of them. */
void members_forget(struct members *members, struct session *session);

#endif
