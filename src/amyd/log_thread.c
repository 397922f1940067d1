/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <time.h>

#include "log.h"
#include "log_thread.h"

#define STOP_TIMEOUT_S 1

static pthread_t log_thread;

static void *
run(void *argument)
{
	while (log_write_next())
		continue;
	return argument;
}

int
log_thread_start(void)
{
	int error;

	log_start_queueing();
	error = pthread_create(&log_thread, NULL, run, NULL);
	if (error != 0)
		log_stop_queueing();
	return error;
}

void
log_thread_stop(void)
{
	struct timespec deadline;

	log_stop_queueing();
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += STOP_TIMEOUT_S;
	if (pthread_timedjoin_np(log_thread, NULL, &deadline) != 0)
		pthread_detach(log_thread);
}
