/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "poller.h"

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

struct core *
poller_core(struct amy_poller *poller)
{
	return poller->core;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait once; returns how many events count: none, perhaps, after a signal. -1: error. */
static int
poller_wait_once(struct core *core, struct amy_notification *notifications, int max,
                 int timeout_ms, bool *timed_out)
{
	struct kernel_event events[KERNEL_MAX_EVENTS];
	int n = kernel_wait(&core->kernel, events, max, timeout_ms);
	int delivered = 0;

	*timed_out = n == 0;
	if (n == -1 && errno != EINTR)
		return -1;
	for (int i = 0; i < n; i++)
		if (core_fire(core, &events[i], &notifications[delivered]))
			delivered++;
	return delivered;
}

/* A signal, or events that do not count any more, do not end the wait: time does. */
int
amy_poller_wait(struct amy_poller *poller, struct amy_notification *notifications,
                int max, int timeout_ms)
{
	int64_t deadline = 0;
	int remaining = timeout_ms;
	bool timed_out;
	int n;

	if (max <= 0) {
		errno = EINVAL;
		return -1;
	}
	if (max > KERNEL_MAX_EVENTS)
		max = KERNEL_MAX_EVENTS;
	if (timeout_ms > 0)
		deadline = now_ms() + timeout_ms;
	for (;;) {
		n = poller_wait_once(poller->core, notifications, max, remaining,
		                     &timed_out);
		if (n != 0 || timed_out)
			return n;
		if (timeout_ms > 0) {
			int64_t left = deadline - now_ms();

			remaining = left < 0 ? 0 : (int)left;
		}
	}
}
