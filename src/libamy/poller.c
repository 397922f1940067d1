/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "deadline.h"
#include "poller.h"
#include "registration.h"
#include "soft.h"

struct amy_poller {
	struct core *core; /* constant after create; one reference */
};

struct amy_poller *
amy_poller_create(void)
{
	struct amy_poller *poller = malloc(sizeof *poller);

	if (poller == NULL)
		return NULL;
	poller->core = core_create();
	if (poller->core == NULL) {
		free(poller);
		return NULL;
	}
	return poller;
}

void
amy_poller_destroy(struct amy_poller *poller)
{
	if (poller == NULL)
		return;
	core_unref(poller->core);
	free(poller);
}

int
amy_poller_reserve(struct amy_poller *poller, uint32_t nregistrations, uint32_t ntimers)
{
	if (nregistrations > CORE_INDEX_MASK || ntimers > nregistrations) {
		errno = EINVAL;
		return -1;
	}
	if (soft_reserve(poller->core, ntimers) == -1)
		return -1;
	return core_reserve(poller->core, nregistrations);
}

struct core *
poller_core(struct amy_poller *poller)
{
	return poller->core;
}

/* Wait once; returns how many events count: none, perhaps, after a signal. -1: error. */
static int
poller_wait_once(struct core *core, struct amy_notification *notifications, int max,
                 int timeout_ms, bool *timed_out)
{
	struct kernel_event events[KERNEL_MAX_EVENTS];
	int n = kernel_wait(&core->kernel, events, max, timeout_ms);
	bool is_alarm = false, is_wake = false;
	int delivered = 0;

	*timed_out = n == 0;
	if (n == -1 && errno != EINTR)
		return -1;
	for (int i = 0; i < n; i++)
		if (events[i].cookie == KERNEL_ALARM)
			is_alarm = true;
		else if (events[i].cookie == KERNEL_WAKE)
			is_wake = true;
		else if (registration_fire(core, &events[i], &notifications[delivered]))
			delivered++;
	if (is_alarm || is_wake)
		delivered +=
		    soft_collect(core, &notifications[delivered], max - delivered, is_alarm);
	return delivered;
}

/* A signal, or events that do not count any more, do not end the wait: time does. */
int
amy_poller_wait(struct amy_poller *poller, struct amy_notification *notifications, int max,
                int timeout_ms)
{
	struct deadline deadline;
	int remaining = timeout_ms;
	bool timed_out;
	int n;

	if (max <= 0) {
		errno = EINVAL;
		return -1;
	}
	if (max > KERNEL_MAX_EVENTS)
		max = KERNEL_MAX_EVENTS;
	deadline = deadline_in(timeout_ms);
	for (;;) {
		n = poller_wait_once(poller->core, notifications, max, remaining, &timed_out);
		if (n != 0 || timed_out)
			return n;
		remaining = deadline_left_ms(&deadline);
	}
}
