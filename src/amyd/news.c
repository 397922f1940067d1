/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "news.h"
#include "router.h"

#define MAX_TEXT (CLIENTS_MAX_TEXT + 256)

/* What is known of a client, and more behind it. */
static void
say_of(struct view *view, const struct session *session, const char *subject, const char *more)
{
	char text[MAX_TEXT], client[CLIENTS_MAX_TEXT];
	struct amy_bytes line = { text, 0 };
	struct client_row row;

	if (!router_is_heard(view, subject) || !clients_row(view->clients, session->id, &row))
		return;
	line.nbytes = (size_t)snprintf(text, sizeof text, "%s%s", client_format(&row, client),
	                               more);
	router_say(view, subject, &line);
}

void
news_up(struct view *view, const struct session *session)
{
	say_of(view, session, "_amyd.client.up", "");
}

void
news_name(struct view *view, const struct session *session)
{
	say_of(view, session, "_amyd.client.name", "");
}

void
news_down(struct view *view, const struct session *session)
{
	say_of(view, session, "_amyd.client.down", session->has_quit ? " reason=quit" : "");
}

/*
 * The first time, and with each binary digit more: one that stays slow fills no log. Of one that
 * is ended, its end is logged.
 */
static void
log_dropped(const struct session *session)
{
	uint64_t nall = atomic_load_explicit(&session->client.ndropped, memory_order_relaxed);
	uint64_t nbefore = nall - session->nuntold;
	char name[SESSION_MAX_NAME];

	if (!session_is_following(session) || (nall ^ nbefore) <= nbefore)
		return;
	log_warning("%s reads too slowly: %" PRIu64 " lines for it were dropped, since queue = "
	            "%zu was full: let it read faster, or raise queue",
	            session_name(session, name), nall, session->listener->queue);
}

void
news_dropped(struct view *view, struct session *session)
{
	char more[48];

	log_dropped(session);
	snprintf(more, sizeof more, " lines=%" PRIu64, session->nuntold);
	session->nuntold = 0;
	say_of(view, session, "_amyd.dropped", more);
}

static void
say_of_sink(struct view *view, const struct sink *sink, uint64_t n)
{
	char text[MAX_TEXT];
	struct amy_bytes line = { text, 0 };
	int nbytes = snprintf(text, sizeof text, "rule=%.64s target=%.250s lines=%" PRIu64,
	                      sink_rule(sink)->name, sink_target(sink)->text, n);

	line.nbytes = nbytes < (int)sizeof text ? (size_t)nbytes : sizeof text - 1;
	router_say(view, "_amyd.dropped", &line);
}

/* Several handlers may look: what one has told, the others do not. */
static void
look_at_sink(struct view *view, struct sink *sink, _Atomic uint64_t *ntold)
{
	struct sink_usage usage;
	uint64_t told = atomic_load(ntold);

	sink_usage(sink, &usage);
	if (usage.nqueued > 0)
		view->has_fed_sinks = true; /* it may be dropped yet */
	if (usage.ndropped > told &&
	    atomic_compare_exchange_strong(ntold, &told, usage.ndropped))
		say_of_sink(view, sink, usage.ndropped - told);
}

void
news_sinks_dropped(struct view *view)
{
	struct router *router = view->router;

	if (!router_is_heard(view, "_amyd.dropped"))
		return;
	for (size_t i = 0; i < router->policy.conf->nrules; i++)
		for (size_t t = 0; t < router->policy.conf->rules[i].ntargets; t++)
			if (router->policy.sinks[i][t] != NULL)
				look_at_sink(view, router->policy.sinks[i][t], &router->policy.ntold[i][t]);
}
