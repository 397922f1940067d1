/* SPDX-License-Identifier: MIT */
/*
 * http_none.c - what stands in for http_thread.c where amyd is built without libmicrohttpd.
 * conf.c refuses the mode "http" then, so nobody comes here.
 */
#include "http_thread.h"
#include "log.h"

bool
http_thread_is_possible(const struct conf_listener *conf)
{
	log_error("listen %s: amyd was built without libmicrohttpd", conf->name);
	return false;
}

struct http_thread *
http_thread_start(const struct listener *listener, struct router *router)
{
	(void)router;
	http_thread_is_possible(listener->conf);
	return NULL;
}

void
http_thread_stop(struct http_thread *thread)
{
	(void)thread;
}
