/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monotonic.h"
#include "status.h"

/* So many clients are looked at under one hold of their lock. */
#define MAX_ROWS 64

/* Owner: its status. */
struct status_text {
	struct status_text *next;
	char bytes[];
};

/* A copy that lasts as long as the status. "": ENOMEM, and that is noted. */
static const char *
keep(struct status *status, const char *text)
{
	size_t nbytes = strlen(text) + 1;
	struct status_text *kept = malloc(sizeof *kept + nbytes);

	if (kept == NULL) {
		status->failed = true;
		return "";
	}
	memcpy(kept->bytes, text, nbytes);
	kept->next = status->texts;
	status->texts = kept;
	return kept->bytes;
}

/* Room for n items, and one at least. NULL: ENOMEM, and that is noted. */
static void *
make(struct status *status, size_t n, size_t size)
{
	void *items = calloc(n == 0 ? 1 : n, size);

	if (items == NULL)
		status->failed = true;
	return items;
}

/* ---- Handlers --------------------------------------------------------------------- */

static void
collect_counters(struct status *status, const struct router *router)
{
	for (unsigned stat = 0; stat < STAT_COUNT; stat++)
		for (unsigned i = 0; i <= router->nhandlers; i++)
			status->counters[stat] +=
			    stats_get(&router->stats[i], (enum stats_counter)stat);
}

static uint64_t
get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void
collect_handler(struct status *status, const struct router *router, unsigned i)
{
	const struct stats *stats = &router->stats[i];
	const struct load *load = &router->loads[i];
	uint64_t nclosed = stats_get(stats, STAT_CLIENTS_CLOSED);
	uint64_t naccepted = stats_get(stats, STAT_CLIENTS_ACCEPTED);

	status->handlers[i] = (struct status_handler){
		.nclients = naccepted > nclosed ? naccepted - nclosed : 0,
		.turns = get(&load->turns),
		.busy_ns = get(&load->busy_ns),
		.nread = stats_get(stats, STAT_LINES_READ),
		.npublished = stats_get(stats, STAT_LINES_PUBLISHED),
		.ndelivered = stats_get(stats, STAT_LINES_DELIVERED),
	};
	snprintf(status->handlers[i].number, sizeof status->handlers[i].number, "%u", i);
	status->line_ns += get(&load->line_ns);
	for (unsigned b = 0; b <= LOAD_BUCKETS; b++)
		status->lines[b] += get(&load->lines[b]);
}

static void
collect_handlers(struct status *status, const struct router *router)
{
	status->handlers = make(status, router->nhandlers, sizeof *status->handlers);
	if (status->handlers == NULL)
		return;
	status->nhandlers = router->nhandlers;
	for (unsigned i = 0; i < router->nhandlers; i++)
		collect_handler(status, router, i);
}

/* ---- What the configuration has --------------------------------------------------- */

static const char *
mode_name(enum conf_mode mode)
{
	switch (mode) {
	case CONF_MODE_COMMAND:
		return "command";
	case CONF_MODE_ECHO:
		return "echo";
	case CONF_MODE_PUBLISH:
		return "publish";
	case CONF_MODE_SUBSCRIBE:
		return "subscribe";
	case CONF_MODE_HTTP:
		return "http";
	}
	return "";
}

static void
collect_listeners(struct status *status, const struct router *router)
{
	const struct conf *conf = router->policy.conf;

	status->max_clients = conf->max_clients;
	status->listeners = make(status, conf->nlisteners, sizeof *status->listeners);
	if (status->listeners == NULL)
		return;
	for (size_t i = 0; i < conf->nlisteners; i++) {
		const struct conf_listener *from = &conf->listeners[i];
		struct status_listener *to = &status->listeners[status->nlisteners++];
		uint64_t sums[TALLY_COUNT];

		tallies_sum(router->tallies, from->name, sums);
		to->name = keep(status, from->name);
		to->address = keep(status, from->address);
		to->mode = mode_name(from->mode);
		to->naccepted = sums[TALLY_ACCEPTED];
		if (sums[TALLY_ACCEPTED] > sums[TALLY_CLOSED])
			to->nclients = sums[TALLY_ACCEPTED] - sums[TALLY_CLOSED];
		to->nlines = sums[TALLY_LINES];
		to->nbytes = sums[TALLY_BYTES];
	}
}

/* The one of that rule and text, or a new one. */
static struct status_target *
find_target(struct status *status, const char *rule, const char *text)
{
	struct status_target *target = status->targets;

	for (; target < status->targets + status->ntargets; target++)
		if (strcmp(target->rule, rule) == 0 && strcmp(target->target, text) == 0)
			return target;
	status->ntargets++;
	target->rule = keep(status, rule);
	target->target = keep(status, text);
	target->is_up = true;
	return target;
}

static void
collect_target(struct status *status, struct sink *sink)
{
	struct status_target *target =
	    find_target(status, sink_rule(sink)->name, sink_target(sink)->text);
	struct sink_usage usage;
	int64_t age_ms;

	sink_usage(sink, &usage);
	age_ms = monotonic_now_ms() - usage.since_ms;
	target->is_up = target->is_up && usage.is_up;
	target->since_s = age_ms < 0 ? 0 : (uint64_t)age_ms / 1000;
	if (usage.error[0] != '\0')
		memcpy(target->usage.error, usage.error, sizeof usage.error);
	target->usage.nunsure += usage.nunsure;
	target->usage.nput += usage.nput;
	target->usage.nwritten += usage.nwritten;
	target->usage.ndropped += usage.ndropped;
	target->usage.nqueued += usage.nqueued;
	target->usage.nbytes += usage.nbytes;
}

static void
collect_targets(struct status *status, const struct router *router)
{
	const struct conf *conf = router->policy.conf;
	size_t n = 0;

	for (size_t i = 0; i < conf->nrules; i++)
		n += conf->rules[i].ntargets;
	status->targets = make(status, n, sizeof *status->targets);
	if (status->targets == NULL)
		return;
	for (size_t i = 0; i < conf->nrules; i++)
		for (size_t t = 0; t < conf->rules[i].ntargets; t++)
			if (router->policy.sinks[i][t] != NULL)
				collect_target(status, router->policy.sinks[i][t]);
}

static void
collect_history(struct status *status, const struct router *router)
{
	struct history *history = router->history;
	struct history_usage usage;
	size_t n = history_nsections(history);

	history_lock(history);
	status->seq = history_head(history);
	history_unlock(history);
	history_kept_usage(history, &usage);
	status->nkept = usage.nlines;
	status->nkept_bytes = usage.nbytes;
	status->sections = make(status, n, sizeof *status->sections);
	if (status->sections == NULL)
		return;
	status->nsections = n;
	for (size_t i = 0; i < n; i++) {
		history_usage(history, i, &usage);
		status->sections[i] = (struct status_section){
			.name = keep(status, usage.name),
			.nlines = usage.nlines,
			.nbytes = usage.nbytes,
			.nforgotten = usage.nforgotten,
		};
	}
}

/* ---- Clients ---------------------------------------------------------------------- */

/* One for which more waits than for the last of them moves up to where it belongs. */
static void
rank(struct client_row slowest[STATUS_MAX_SLOWEST], size_t *n, const struct client_row *row)
{
	size_t i = *n;

	if (row->queued == 0)
		return;
	if (i == STATUS_MAX_SLOWEST && slowest[i - 1].queued >= row->queued)
		return;
	if (i < STATUS_MAX_SLOWEST)
		++*n;
	else
		i--;
	for (; i > 0 && slowest[i - 1].queued < row->queued; i--)
		slowest[i] = slowest[i - 1];
	slowest[i] = *row;
}

static void
collect_clients(struct status *status, const struct router *router)
{
	struct client_row slowest[STATUS_MAX_SLOWEST], rows[MAX_ROWS];
	size_t place = 0, n;
	char peer[ADDRESS_MAX_TEXT];

	status->nclients = clients_count(router->clients);
	status->nnames = clients_count_names(router->clients);
	while ((n = clients_list(router->clients, &place, rows, MAX_ROWS)) > 0)
		for (size_t i = 0; i < n; i++)
			rank(slowest, &status->nslowest, &rows[i]);
	for (size_t i = 0; i < status->nslowest; i++)
		status->slowest[i] = (struct status_client){
			.number = slowest[i].number,
			.name = keep(status, slowest[i].name),
			.peer = keep(status, address_format(&slowest[i].peer, peer)),
			.listener = keep(status, slowest[i].listener),
			.queued = slowest[i].queued,
			.ndropped = slowest[i].ndropped,
		};
}

/* ---- All -------------------------------------------------------------------------- */

int
status_collect(struct router *router, struct status *status)
{
	int64_t now_ms = monotonic_now_ms();

	memset(status, 0, sizeof *status);
	status->uptime_ms = now_ms - router->since_ms;
	status->since_wall_ms = router->since_wall_ms;
	status->is_draining = atomic_load_explicit(&router->is_draining, memory_order_relaxed);
	status->is_stuck = heartbeats_find_stuck(now_ms, status->stuck);
	status->nsubscriptions = subscriptions_count(router->subscriptions);
	quota_measure(&router->quota);
	status->memory_used = quota_used(&router->quota);
	status->memory_limit = get(&router->quota.limit);
	collect_counters(status, router);
	collect_handlers(status, router);
	pthread_mutex_lock(&router->change_lock);
	collect_listeners(status, router);
	collect_targets(status, router);
	collect_history(status, router);
	pthread_mutex_unlock(&router->change_lock);
	collect_clients(status, router);
	status->nbusiest =
	    busiest_look(router->busiest, now_ms, status->busiest, STATUS_MAX_BUSIEST);
	usage_measure(&status->usage);
	if (!status->failed)
		return 0;
	status_fini(status);
	errno = ENOMEM;
	return -1;
}

void
status_fini(struct status *status)
{
	struct status_text *text;

	while ((text = status->texts) != NULL) {
		status->texts = text->next;
		free(text);
	}
	free(status->handlers);
	free(status->listeners);
	free(status->targets);
	free(status->sections);
}
