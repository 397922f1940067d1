/* SPDX-License-Identifier: MIT */
/*
 * load_thread.h - reads the configuration for a reload: it alone may wait for a name server, or
 * for a slow disk, while main goes on to hear signals and to feed the watchdog.
 */
#ifndef LOAD_THREAD_H
#define LOAD_THREAD_H

#include <stdbool.h>

#include "conf.h"

/* Owner: whoever started it. It borrows nothing, so that it can be left behind. */
struct load_thread;

/*
 * Begin to read that file. When it is done, done_fd is written to, an eventfd that is borrowed until
 * the thread is finished or left behind. NULL, errno: the thread could not be started.
 */
struct load_thread *load_thread_start(const char *path, int done_fd);

bool load_thread_is_done(struct load_thread *thread);

/* Wait until it is done; the result is that of conf_read(). The thread is freed. */
struct conf *load_thread_finish(struct load_thread *thread, int *code,
                                char error[CONF_MAX_ERROR]);

/* Nobody wants the result. One that waits for a name server ends when it has its answer. */
void load_thread_leave_behind(struct load_thread *thread);

#endif
