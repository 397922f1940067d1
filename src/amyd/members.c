/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "members.h"
#include "monotonic.h"

/* They are looked at sooner at first, and later while nobody of them reads. */
#define MIN_PAUSE_MS 10
#define MAX_PAUSE_MS 640

void
members_init(struct members *members, struct timers *timers)
{
	members->timer = (struct timer){ .place = 0 };
	members->timers = timers;
	members->pause_ms = MIN_PAUSE_MS;
	TAILQ_INIT(&members->sessions);
}

void
members_forget(struct members *members, struct session *session)
{
	if (!session->is_behind)
		return;
	session->is_behind = false;
	TAILQ_REMOVE(&members->sessions, session, behind);
	if (TAILQ_EMPTY(&members->sessions))
		timers_cancel(members->timers, &members->timer);
}

/* There is no memory to look again: whoever is not looked at must not stay behind for ever. */
static void
forget_all(struct members *members)
{
	struct session *session;

	while ((session = TAILQ_FIRST(&members->sessions)) != NULL) {
		session_forget_unread(session);
		members_forget(members, session);
	}
}

static void
look_at_all(struct timer *timer, void *context)
{
	struct members *members =
	    (struct members *)((char *)timer - offsetof(struct members, timer));
	struct session *session = TAILQ_FIRST(&members->sessions), *next;

	(void)context;
	for (; session != NULL; session = next) {
		next = TAILQ_NEXT(session, behind);
		if (!session_look_at_unread(session))
			members_forget(members, session);
	}
	if (TAILQ_EMPTY(&members->sessions))
		return;
	if (members->pause_ms < MAX_PAUSE_MS)
		members->pause_ms *= 2;
	if (timers_set(members->timers, &members->timer,
	               monotonic_now_ms() + members->pause_ms, look_at_all) == -1)
		forget_all(members);
}

void
members_settle(struct members *members, struct session *session)
{
	if (session->unread.nbytes == 0 || session->is_behind)
		return;
	members->pause_ms = MIN_PAUSE_MS;
	if (timers_set(members->timers, &members->timer, monotonic_now_ms() + MIN_PAUSE_MS,
	               look_at_all) == -1) {
		session_forget_unread(session);
		return;
	}
	session->is_behind = true;
	TAILQ_INSERT_TAIL(&members->sessions, session, behind);
}
