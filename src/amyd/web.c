/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "http_thread.h"
#include "log.h"
#include "web.h"

/* Owner: its web. */
struct site {
	SLIST_ENTRY(site) link;
	int fd; /* of the listener */
	struct http_thread *thread;
};

struct web {
	struct router *router;
	SLIST_HEAD(, site) sites;
};

static void
site_close(struct site *site)
{
	http_thread_stop(site->thread);
	free(site);
}

int
web_open(struct web *web, const struct listener *listener)
{
	struct site *site;

	if (listener->conf->mode != CONF_MODE_HTTP)
		return 0;
	site = calloc(1, sizeof *site);
	if (site == NULL) {
		log_error("listen %s: %s", listener->conf->name, strerror(errno));
		return -1;
	}
	site->fd = listener->fd;
	site->thread = http_thread_start(listener, web->router);
	if (site->thread == NULL) {
		free(site);
		return -1;
	}
	SLIST_INSERT_HEAD(&web->sites, site, link);
	return 0;
}

void
web_close(struct web *web, int fd)
{
	struct site *site;

	SLIST_FOREACH(site, &web->sites, link)
		if (site->fd == fd)
			break;
	if (site == NULL)
		return;
	SLIST_REMOVE(&web->sites, site, site, link);
	site_close(site);
}

struct web *
web_start(const struct listeners *listeners, struct router *router)
{
	struct web *web = calloc(1, sizeof *web);

	if (web == NULL) {
		log_error("listeners of mode http: %s", strerror(errno));
		return NULL;
	}
	web->router = router;
	SLIST_INIT(&web->sites);
	for (size_t i = 0; i < listeners->n; i++)
		if (web_open(web, &listeners->items[i]) == -1) {
			web_stop(web);
			return NULL;
		}
	return web;
}

void
web_stop(struct web *web)
{
	struct site *site;

	if (web == NULL)
		return;
	while ((site = SLIST_FIRST(&web->sites)) != NULL) {
		SLIST_REMOVE_HEAD(&web->sites, link);
		site_close(site);
	}
	free(web);
}
