/* SPDX-License-Identifier: MIT */
/*
 * http_thread.h - tells browsers and scrapers how the daemon is: /metrics, /healthz,
 * /status.json, and a page that shows it.
 *
 * One thread for each listening socket of mode "http", and one daemon of libmicrohttpd in it.
 * It reads what others count, and what status.h has locks for; nobody waits for it.
 */
#ifndef HTTP_THREAD_H
#define HTTP_THREAD_H

#include "listener.h"
#include "router.h"

struct http_thread;

/* Load what it needs; once for all of them. False: it is not there, which is logged. Main only. */
bool http_thread_is_possible(const struct conf_listener *conf);

/*
 * The router and the listener's socket are borrowed until http_thread_stop(). NULL: it could not be started, and the cause is logged.
 */
struct http_thread *http_thread_start(const struct listener *listener, struct router *router);

/* Close its clients, at once, and wait for its end. NULL is fine. */
void http_thread_stop(struct http_thread *thread);

#endif
