/* SPDX-License-Identifier: MIT */
/*
 * web.h - the listeners of mode "http", and a thread for each of their sockets.
 */
#ifndef WEB_H
#define WEB_H

#include "listener.h"
#include "router.h"

/* Owner: the server. */
struct web;

/*
 * Answer at all listeners of that mode; there may be none. The router and their sockets are
 * borrowed. NULL: one could not be started, none is left running, and the cause is logged.
 */
struct web *web_start(const struct listeners *listeners, struct router *router);

/* Before the router is destroyed. NULL is fine. */
void web_stop(struct web *web);

/*
 * Other listeners: those that were before, as listener->before says, go on; threads are started
 * for the rest. -1: one could not be, the cause is logged, and nothing has changed. Then it is
 * either applied or abandoned, which is fine where nothing was prepared.
 */
int web_prepare(struct web *web, const struct listeners *next);
void web_abandon(struct web *web);

/* The threads of those that are gone end, before their sockets are closed. */
void web_apply(struct web *web);

#endif
