/* SPDX-License-Identifier: MIT */
/*
 * poll_thread.h - waits for every registration, and writes a record of each event to the
 * pipe of the handler that it concerns. The data of a registration is that pipe.
 */
#ifndef POLL_THREAD_H
#define POLL_THREAD_H

#include <amy.h>

struct poll_thread;

/*
 * Start the thread. The poller is the thread's until poll_thread_stop(). nhandlers: one
 * more than the highest number of a pipe. NULL, errno: it could not be started.
 */
struct poll_thread *poll_thread_start(struct amy_poller *poller, unsigned nhandlers);

/* End the thread and wait for that. Events that come later stay with the kernel. */
void poll_thread_stop(struct poll_thread *thread);

#endif
