/* SPDX-License-Identifier: MIT */
/*
 * resolve_thread.h - turns "host:port" into addresses, which may take long, on threads of its
 * own: so many questions are asked at a time that a name server that is slow for one name delays
 * no other one. Numeric addresses need no thread: see address_resolve_numeric().
 */
#ifndef RESOLVE_THREAD_H
#define RESOLVE_THREAD_H

#include <stdbool.h>

#include "address.h"
#include "record_pipe.h"

#define RESOLVE_MAX_ADDRESSES 8

/* A question beyond these waits until another one is answered. */
#define RESOLVE_MAX_THREADS 16

/* Any thread. Its threads are started when there are questions. Owner: the server. */
struct resolver;

/* NULL: ENOMEM. */
struct resolver *resolver_create(void);

/* Threads that hang in a question are left behind, with what they need. NULL is fine. */
void resolver_destroy(struct resolver *resolver);

/*
 * Ask for "host:port". When there is an answer, RECORD_UPSTREAM with that number is written
 * to the pipe. One question for each number at a time; an answer that was not taken is
 * forgotten. Questions for the same text are asked once, for all of them. -1, errno: it cannot be asked: EBUSY (it is being asked), ENOMEM, EAGAIN (no
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
