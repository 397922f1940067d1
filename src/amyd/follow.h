/* SPDX-License-Identifier: MIT */
/*
 * follow.h - SUB, UNSUB and READ: what is stored, and then what comes.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include <amy.h>

#include "protocol.h"
#include "router.h"
#include "session.h"
#include "view.h"

enum follow_result {
	FOLLOW_DONE,      /* the final line is queued, or will be behind the stored lines */
	FOLLOW_LIMIT,     /* not done: it has max_subs subscriptions */
	FOLLOW_NO_MEMORY, /* it is not followed */
};

/*
 * Follow a good pattern, in place of what followed it before. What is stored and asked for
 * comes first, then "+OK", with that tag, or "+OK next=833 run=k3f" if they looked back, then what is published from this moment on. quiet:
 * no final line.
 */
enum follow_result follow_subscribe(struct view *view, struct session *session,
                                    const struct protocol_follow *follow, const char *tag,
                                    size_t ntag, bool quiet);

/* What is stored, and then "+OK n next=833 run=k3f". */
enum follow_result follow_read(struct view *view, struct session *session,
                               const struct protocol_follow *follow, const char *tag,
                               size_t ntag);

/* How many subscriptions ended: 1 or 0. */
size_t follow_unsubscribe(struct view *view, struct session *session,
                          const struct amy_bytes *pattern);

#endif
