/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "load_thread.h"

struct load_thread {
	pthread_t thread;
	int done_fd;

	/* guarded by lock */
	pthread_mutex_t lock;
	bool has_ended, is_left_behind;

	/* the thread's own until it has ended */
	struct conf *conf;
	int code;
	char error[CONF_MAX_ERROR];

	char path[];
};

static void
thread_free(struct load_thread *thread)
{
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

/* Nobody has the other end any more. */
static void
discard(struct load_thread *thread)
{
	conf_unref(thread->conf);
	thread_free(thread);
}

static void *
run(void *argument)
{
	struct load_thread *thread = argument;
	bool is_left_behind;

	thread->conf = conf_read(thread->path, &thread->code, thread->error);
	pthread_mutex_lock(&thread->lock);
	thread->has_ended = true;
	is_left_behind = thread->is_left_behind;
	if (!is_left_behind)
		eventfd_write(thread->done_fd, 1);
	pthread_mutex_unlock(&thread->lock);
	if (is_left_behind)
		discard(thread);
	return NULL;
}

struct load_thread *
load_thread_start(const char *path, int done_fd)
{
	size_t npath = strlen(path) + 1;
	struct load_thread *thread = calloc(1, sizeof *thread + npath);
	int error;

	if (thread == NULL)
		return NULL;
	memcpy(thread->path, path, npath);
	thread->done_fd = done_fd;
	pthread_mutex_init(&thread->lock, NULL);
	error = pthread_create(&thread->thread, NULL, run, thread);
	if (error == 0)
		return thread;
	thread_free(thread);
	errno = error;
	return NULL;
}

bool
load_thread_is_done(struct load_thread *thread)
{
	bool is_done;

	pthread_mutex_lock(&thread->lock);
	is_done = thread->has_ended;
	pthread_mutex_unlock(&thread->lock);
	return is_done;
}

struct conf *
load_thread_finish(struct load_thread *thread, int *code, char error[CONF_MAX_ERROR])
{
	struct conf *conf;

	pthread_join(thread->thread, NULL);
	conf = thread->conf;
	*code = thread->code;
	memcpy(error, thread->error, sizeof thread->error);
	thread_free(thread);
	return conf;
}

void
load_thread_leave_behind(struct load_thread *thread)
{
	bool has_ended;

	pthread_mutex_lock(&thread->lock);
	has_ended = thread->has_ended;
	thread->is_left_behind = true;
	if (!has_ended)
		pthread_detach(thread->thread);
	pthread_mutex_unlock(&thread->lock);
	if (!has_ended)
		return;
	pthread_join(thread->thread, NULL);
	discard(thread);
}
