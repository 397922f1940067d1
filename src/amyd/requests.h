/* SPDX-License-Identifier: MIT */
/*
 * requests.h - questions that wait for their answer.
 *
 * A request belongs to the handler of who asked. The table of those that are open is
 * shared, so that an answer, a time-out and the end of a client agree on who came first:
 * whoever takes it out of the table.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <amy.h>

#include "protocol.h"
#include "table.h"
#include "timers.h"

struct session;

/* Any thread: a lock within guards it; nothing is waited for while it is held. */
struct requests;

/* Owner: the handler of who asked, which frees it when it is closed for good. */
struct request {
	/* guarded by the lock */
	struct table_item item;
	bool is_open;
	amy_id responder;

	/* constant once open */
	uint64_t number;
	unsigned handler; /* of who asked */
	amy_id session;   /* who asked */

	/* owner only */
	struct session *asker;
	LIST_ENTRY(request) of_session;
	struct timer timer;
	size_t ntag;
	char tag[PROTOCOL_MAX_TAG];
};

LIST_HEAD(request_list, request);

/* Errors: ENOMEM, or as getrandom(2). */
struct requests *requests_create(void);

/* None is open. NULL is fine. */
void requests_destroy(struct requests *requests);

/*
 * Give the request a number that is hard to guess and no open one has, and open it. Its
 * handler, session and responder are set.
 */
void requests_open(struct requests *requests, struct request *request);

/* It is asked of somebody else, if it is still open. */
void requests_set_responder(struct requests *requests, uint64_t number, amy_id responder);

/* Close it. False: it is closed already, and the answer is on its way. Its owner. */
bool requests_close(struct requests *requests, struct request *request);

/*
 * An answer from that client: the request is closed, and *handler and *session say where to
 * send it. False: there is no such request, it is not open any more, or it was not asked of
 * that client.
 */
bool requests_answer(struct requests *requests, uint64_t number, amy_id from,
                     unsigned *handler, amy_id *session);

#endif
