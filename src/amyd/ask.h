/* SPDX-License-Identifier: MIT */
/*
 * ask.h - requests: one client asks, one of those who follow the subject answers.
 */
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>

#include <amy.h>

#include "router.h"
#include "session.h"
#include "view.h"

/* So many requests of one client may be open. */
#define ASK_MAX_REQUESTS 1000

enum ask_result {
	ASK_OPEN,    /* the final line comes later */
	ASK_NOBODY,  /* there is nobody to ask */
	ASK_STALLED, /* not done: the session is parked */
	ASK_NO_MEMORY,
};

/*
 * Ask one of those who follow a subject, or the client of a "@name": never the asker
 * itself. Of a group it is the member with the least load. The final line goes to the
 * session, with that tag, when there is an answer, or the time is up.
 */
enum ask_result ask(struct view *view, struct session *session, const struct amy_bytes *subject,
                    const struct amy_bytes *text, const char *tag, size_t ntag);

/* The session answers. False: nobody waits for that answer of it. */
bool ask_answer(struct view *view, struct session *session, uint64_t number,
                const struct amy_bytes *text);

/* The session ends: its requests are closed. */
void ask_forget(struct view *view, struct session *session);

/* What the router has put aside. */
void ask_read(struct view *view);

#endif
