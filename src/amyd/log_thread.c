/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "log_thread.h"

#define STOP_TIMEOUT_S 1

static pthread_t log_thread;
static bool is_started;

static void *
run(void *argument)
{
	while (log_write_next())
		continue;
	return argument;
}

void
log_thread_start(void)
{
	int error;

	log_start_queueing();
	error = pthread_create(&log_thread, NULL, run, NULL);
	is_started = error == 0;
	if (is_started)
		return;
	log_stop_queueing();
	log_error("the log thread cannot be started: %s", strerror(error));
}

void
log_thread_stop(void)
{
	struct timespec deadline;

	if (!is_started)
		return;
	log_stop_queueing();
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_TIMEOUT_S;
	if (pthread_timedjoin_np(log_thread, NULL, &deadline) != 0)
		pthread_detach(log_thread);
}
