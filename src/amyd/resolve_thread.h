/* SPDX-License-Identifier: MIT */
/*
 * resolve_thread.h - turns "host:port" into addresses, which may take long, on a thread of
 * its own. Numeric addresses need no thread: see address_resolve_numeric().
 */
#ifndef RESOLVE_THREAD_H
#define RESOLVE_THREAD_H

#include <stdbool.h>

#include "address.h"
#include "record_pipe.h"

#define RESOLVE_MAX_ADDRESSES 8

/* Any thread. Its thread is started with the first question. Owner: the server. */
struct resolver;

/* NULL: ENOMEM. */
struct resolver *resolver_create(void);

/* A thread that hangs in a question is left behind, with what it needs. NULL is fine. */
void resolver_destroy(struct resolver *resolver);

/*
 * Ask for "host:port". When there is an answer, RECORD_UPSTREAM with that number is written
 * to the pipe. One question for each number at a time; an answer that was not taken is
 * forgotten. -1, errno: it cannot be asked: EBUSY (it is being asked), ENOMEM, EAGAIN (no
 * thread).
 */
int resolver_ask(struct resolver *resolver, const char *host_port, unsigned number,
                 struct record_pipe *pipe);

/*
 * The answer to the question of that number, once: how many addresses, 1 or more; -1 and
 * *why: there are none. 0: it is not there yet, or was not asked for.
 */
int resolver_take(struct resolver *resolver, unsigned number,
                  struct address addresses[RESOLVE_MAX_ADDRESSES], const char **why);

#endif
