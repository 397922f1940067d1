/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "monotonic.h"
#include "resolve_thread.h"
#include "sink_thread.h"
#include "targets.h"

/* What all of them together may take to write what waits, at the end. */
#define STOP_TIMEOUT_MS 2000

struct targets {
	struct record_pipe *const *pipes;
	unsigned nhandlers;
	struct resolver *resolver;
	struct upstream **upstreams;
	size_t nupstreams;
	struct sink_thread **threads;
	size_t nthreads;
};

static size_t
count_targets(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->nrules; i++)
		n += conf->rules[i].ntargets;
	return n;
}

/* NULL: it could not be started. */
static struct sink *
start_upstream(struct targets *targets, const struct conf_rule *rule,
               const struct conf_target *target)
{
	size_t number = targets->nupstreams;
	struct upstream *upstream =
	    upstream_create(rule, target, (unsigned)number,
	                    targets->pipes[number % targets->nhandlers], targets->resolver);

	if (upstream == NULL)
		return NULL;
	targets->upstreams[targets->nupstreams++] = upstream;
	return upstream_sink(upstream);
}

static struct sink *
start_thread(struct targets *targets, const struct conf_rule *rule,
             const struct conf_target *target)
{
	struct sink_thread *thread = sink_thread_start(rule, target);

	if (thread == NULL)
		return NULL;
	targets->threads[targets->nthreads++] = thread;
	return sink_thread_sink(thread);
}

/* -1: one could not be started. */
static int
start_target(struct targets *targets, struct router *router, const struct conf_rule *rule,
             size_t index, size_t place)
{
	const struct conf_target *target = &rule->targets[place];
	struct sink *sink = NULL;

	switch (target->kind) {
	case CONF_TARGET_SUBJECT:
		return 0;
	case CONF_TARGET_FILE:
	case CONF_TARGET_SYSLOG:
		sink = start_thread(targets, rule, target);
		break;
	case CONF_TARGET_TCP:
		sink = start_upstream(targets, rule, target);
		break;
	}
	router_set_sink(router, index, place, sink);
	return sink == NULL ? -1 : 0;
}

static int
start_all(struct targets *targets, const struct conf *conf, struct router *router)
{
	for (size_t i = 0; i < conf->nrules; i++)
		for (size_t t = 0; t < conf->rules[i].ntargets; t++)
			if (start_target(targets, router, &conf->rules[i], i, t) == -1)
				return -1;
	return 0;
}

struct targets *
targets_start(const struct conf *conf, struct router *router, struct record_pipe *const *pipes)
{
	struct targets *targets = calloc(1, sizeof *targets);
	size_t n = count_targets(conf);
	int error;

	if (targets == NULL)
		return NULL;
	targets->pipes = pipes;
	targets->nhandlers = conf->handlers;
	targets->upstreams = calloc(n + 1, sizeof(struct upstream *));
	targets->threads = calloc(n + 1, sizeof(struct sink_thread *));
	targets->resolver = resolver_create();
	if (targets->upstreams != NULL && targets->threads != NULL &&
	    targets->resolver != NULL && start_all(targets, conf, router) == 0)
		return targets;
	error = errno;
	targets_stop(targets);
	errno = error;
	return NULL;
}

void
targets_stop(struct targets *targets)
{
	int64_t deadline;

	if (targets == NULL)
		return;
	deadline = monotonic_now_ms() + STOP_TIMEOUT_MS;
	for (size_t i = 0; i < targets->nthreads; i++) {
		int64_t left = deadline - monotonic_now_ms();

		sink_thread_stop(targets->threads[i], left < 0 ? 0 : (int)left);
	}
	for (size_t i = 0; i < targets->nupstreams; i++)
		upstream_destroy(targets->upstreams[i]);
	resolver_destroy(targets->resolver);
	free(targets->threads);
	free(targets->upstreams);
	free(targets);
}

void
targets_reopen(struct targets *targets)
{
	for (size_t i = 0; i < targets->nthreads; i++)
		sink_thread_reopen(targets->threads[i]);
}

struct upstream *const *
targets_upstreams(const struct targets *targets)
{
	return targets->upstreams;
}

size_t
targets_count_upstreams(const struct targets *targets)
{
	return targets->nupstreams;
}
