/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "heartbeat.h"
#include "log.h"
#include "poll_thread.h"
#include "record_pipe.h"

/* The records of one turn for one handler. */
struct batch {
	struct record_pipe *pipe;
	size_t n;
	struct record records[RECORD_PIPE_MAX_BATCH];
};

/*
 * Owner: the thread, but for stop_fd: any thread writes to it.
 */
struct poll_thread {
	pthread_t thread;
	struct amy_poller *poller;
	struct amy_registrar *registrar;
	amy_id stop_id; /* of stop_fd, whose data is NULL */
	int stop_fd;
	unsigned nhandlers;
	struct batch *batches;
	struct heartbeat heartbeat;
};

static void
batch_add(struct batch *batch, const struct amy_notification *notification)
{
	struct record *record = &batch->records[batch->n++];

	batch->pipe = notification->data;
	record->kind = RECORD_READY;
	record->events = notification->events;
	record->u.id = notification->id;
}

/* One turn: the events that there are, sorted by handler. False: it is time to stop. */
static bool
turn(struct poll_thread *thread)
{
	struct amy_notification notifications[RECORD_PIPE_MAX_BATCH];
	int n = amy_poller_wait(thread->poller, notifications, RECORD_PIPE_MAX_BATCH, -1);
	bool go_on = true;

	heartbeat_work(&thread->heartbeat);
	for (int i = 0; i < n; i++) {
		struct record_pipe *pipe = notifications[i].data;

		if (pipe == NULL)
			go_on = false;
		else
			batch_add(&thread->batches[pipe->number], &notifications[i]);
	}
	for (unsigned i = 0; i < thread->nhandlers; i++) {
		struct batch *batch = &thread->batches[i];

		if (batch->n > 0)
			record_pipe_write_waiting(batch->pipe, batch->records, batch->n);
		batch->n = 0;
	}
	/*
	 * Let the handlers go first, if they wait for a CPU: while they work, more events
	 * gather, and fewer of our turns bring them all. It took a third off the CPU time
	 * of a line.
	 */
	sched_yield();
	heartbeat_wait(&thread->heartbeat);
	return go_on;
}

static void *
run(void *argument)
{
	struct poll_thread *thread = argument;

	heartbeat_start(&thread->heartbeat, "poller thread");
	heartbeat_wait(&thread->heartbeat);
	while (turn(thread))
		continue;
	heartbeat_end(&thread->heartbeat);
	return NULL;
}

struct poll_thread *
poll_thread_start(struct amy_poller *poller, unsigned nhandlers)
{
	struct poll_thread *thread = calloc(1, sizeof *thread);
	int error;

	if (thread == NULL)
		return NULL;
	thread->poller = poller;
	thread->nhandlers = nhandlers;
	thread->batches = calloc(nhandlers, sizeof *thread->batches);
	if (thread->batches == NULL)
		goto free_thread;
	thread->registrar = amy_registrar_create(poller);
	if (thread->registrar == NULL)
		goto free_batches;
	thread->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (thread->stop_fd == -1)
		goto destroy_registrar;
	if (amy_registrar_register(thread->registrar, thread->stop_fd, AMY_READ, NULL,
	                           &thread->stop_id) == -1)
		goto close_stop_fd;
	error = pthread_create(&thread->thread, NULL, run, thread);
	if (error == 0)
		return thread;
	errno = error;

close_stop_fd:
	close(thread->stop_fd);
destroy_registrar:
	amy_registrar_destroy(thread->registrar);
free_batches:
	free(thread->batches);
free_thread:
	free(thread);
	return NULL;
}

void
poll_thread_stop(struct poll_thread *thread)
{
	eventfd_write(thread->stop_fd, 1);
	pthread_join(thread->thread, NULL);
	/* Its event was told to the thread, and the thread is over: it is ours. */
	amy_registrar_deregister(thread->registrar, thread->stop_id);
	close(thread->stop_fd);
	amy_registrar_destroy(thread->registrar);
	free(thread->batches);
	free(thread);
}
