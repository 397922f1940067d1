/* SPDX-License-Identifier: MIT */
/*
 * access.h - who may do what. Every path asks here.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include <amy.h>

#include "session.h"

enum access_action {
	ACCESS_PUBLISH,   /* to a subject or "@name": PUB, KEEP, FORGET, REQ, WILL */
	ACCESS_SUBSCRIBE, /* to a pattern: SUB, READ */
	ACCESS_LOOK,      /* at what others do: WHO, STATS, TRACE */
};

/* NULL: it may; or a few words that say why not. The subject, if there is one, is a good one. */
const char *access_denies(const struct session *session, enum access_action action,
                          const struct amy_bytes *subject);

#endif
