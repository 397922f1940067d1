/* SPDX-License-Identifier: MIT */
/*
 * wait_set.c - a kernel of one thread's own, which watches and does not arm.
 */
#include <errno.h>
#include <stdlib.h>

#include "amy.h"
#include "deadline.h"
#include "kernel.h"

struct amy_wait_set {
	struct kernel kernel; /* constant after create */
};

struct amy_wait_set *
amy_wait_set_create(void)
{
	struct amy_wait_set *set = malloc(sizeof *set);

	if (set == NULL)
		return NULL;
	if (kernel_open(&set->kernel) == -1) {
		free(set);
		return NULL;
	}
	return set;
}

void
amy_wait_set_destroy(struct amy_wait_set *set)
{
	if (set == NULL)
		return;
	kernel_close(&set->kernel);
	free(set);
}

static int
watch(struct amy_wait_set *set, int fd, unsigned interest, amy_id id, bool first)
{
	if (interest & ~KERNEL_INTEREST_BITS) {
		errno = EINVAL;
		return -1;
	}
	return kernel_watch(&set->kernel, fd, interest, id, first);
}

int
amy_wait_set_add(struct amy_wait_set *set, int fd, unsigned interest, amy_id id)
{
	return watch(set, fd, interest, id, true);
}

int
amy_wait_set_modify(struct amy_wait_set *set, int fd, unsigned interest, amy_id id)
{
	return watch(set, fd, interest, id, false);
}

int
amy_wait_set_remove(struct amy_wait_set *set, int fd)
{
	return kernel_forget(&set->kernel, fd);
}

/* A signal does not end the wait. */
static int
wait_for(struct kernel *kernel, struct kernel_event *events, int max, int timeout_ms)
{
	struct deadline deadline = deadline_in(timeout_ms);
	int n = kernel_wait(kernel, events, max, timeout_ms);

	while (n == -1 && errno == EINTR)
		n = kernel_wait(kernel, events, max, deadline_left_ms(&deadline));
	return n;
}

int
amy_wait_set_wait(struct amy_wait_set *set, struct amy_notification *notifications, int max,
                  int timeout_ms)
{
	struct kernel_event events[KERNEL_MAX_EVENTS];
	int n;

	if (max <= 0) {
		errno = EINVAL;
		return -1;
	}
	if (max > KERNEL_MAX_EVENTS)
		max = KERNEL_MAX_EVENTS;
	n = wait_for(&set->kernel, events, max, timeout_ms);
	for (int i = 0; i < n; i++)
		notifications[i] = (struct amy_notification){
			.id = events[i].cookie,
			.events = events[i].events,
		};
	return n;
}
