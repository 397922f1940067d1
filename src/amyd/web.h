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
 * One listener more; one of another mode is none of ours. -1: it could not be started, the
 * cause is logged, and the others go on.
 */
int web_open(struct web *web, const struct listener *listener);

/* One less: that of this socket, if it is ours. Before the socket is closed. */
void web_close(struct web *web, int fd);

#endif
