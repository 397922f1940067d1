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
	bool stays;
	struct http_thread *thread;
};

SLIST_HEAD(site_list, site);

struct web {
	struct router *router;
	struct site_list sites;
	struct site_list next; /* that were prepared */
};

/* NULL: it could not be started, and the cause is logged. */
static struct site *
site_open(struct web *web, const struct listener *listener)
{
	struct site *site = calloc(1, sizeof *site);

	if (site == NULL) {
		log_error("listen %s: %s", listener->conf->name, strerror(errno));
		return NULL;
	}
	site->fd = listener->fd;
	site->thread = http_thread_start(listener, web->router);
	if (site->thread != NULL)
		return site;
	free(site);
	return NULL;
}

static void
close_sites(struct site_list *sites)
{
	struct site *site;

	while ((site = SLIST_FIRST(sites)) != NULL) {
		SLIST_REMOVE_HEAD(sites, link);
		http_thread_stop(site->thread);
		free(site);
	}
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
	SLIST_INIT(&web->next);
	if (web_prepare(web, listeners) == -1) {
		web_stop(web);
		return NULL;
	}
	web_apply(web);
	return web;
}

void
web_stop(struct web *web)
{
	if (web == NULL)
		return;
	close_sites(&web->next);
	close_sites(&web->sites);
	free(web);
}

/* ---- Other listeners -------------------------------------------------------------- */

static struct site *
find_site(const struct web *web, int fd)
{
	struct site *site;

	SLIST_FOREACH(site, &web->sites, link)
		if (site->fd == fd)
			return site;
	return NULL;
}

/* What a thread knows of its listener is the same? */
static bool
is_same(const struct listener *listener)
{
	const struct conf_listener *now = listener->conf;
	const struct conf_listener *before =
	    listener->before == NULL ? NULL : listener->before->conf;

	return before != NULL && before->mode == CONF_MODE_HTTP && before->open == now->open &&
	       strcmp(before->name, now->name) == 0;
}

int
web_prepare(struct web *web, const struct listeners *next)
{
	for (size_t i = 0; i < next->n; i++) {
		const struct listener *listener = &next->items[i];
		struct site *site;

		if (listener->conf->mode != CONF_MODE_HTTP)
			continue;
		site = is_same(listener) ? find_site(web, listener->fd) : NULL;
		if (site != NULL) {
			site->stays = true;
			continue;
		}
		site = site_open(web, listener);
		if (site == NULL) {
			web_abandon(web);
			return -1;
		}
		SLIST_INSERT_HEAD(&web->next, site, link);
	}
	return 0;
}

void
web_abandon(struct web *web)
{
	struct site *site;

	close_sites(&web->next);
	SLIST_FOREACH(site, &web->sites, link)
		site->stays = false;
}

void
web_apply(struct web *web)
{
	struct site_list gone = SLIST_HEAD_INITIALIZER(gone);
	struct site_list *from[] = { &web->sites, &web->next };
	struct site_list now = SLIST_HEAD_INITIALIZER(now);

	for (size_t i = 0; i < 2; i++) {
		struct site *site;

		while ((site = SLIST_FIRST(from[i])) != NULL) {
			bool stays = site->stays || from[i] == &web->next;

			SLIST_REMOVE_HEAD(from[i], link);
			site->stays = false;
			SLIST_INSERT_HEAD(stays ? &now : &gone, site, link);
		}
	}
	web->sites = now;
	close_sites(&gone);
}
