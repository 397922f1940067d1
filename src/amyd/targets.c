/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monotonic.h"
#include "resolve_thread.h"
#include "sink_thread.h"
#include "targets.h"

/* What all of them together may take to write what waits, at the end. */
#define STOP_TIMEOUT_MS 2000

/* Owner: its targets. */
struct connection {
	struct upstream *upstream;
	enum targets_wish wish;
};

/* Owner: main; handlers read it. */
struct targets {
	struct record_pipe *const *pipes;
	unsigned nhandlers;
	unsigned next_number; /* of a connection; never one that was used already */
	struct resolver *resolver;
	struct connection *connections;
	size_t nconnections;
	struct sink_thread **threads;
	size_t nthreads;
};

/* Owner: whoever prepared it. */
struct targets_change {
	struct targets *targets;
	struct connection *connections;
	size_t nconnections;
	struct sink_thread **threads; /* that stay or are new, and behind them those that go */
	size_t nthreads, nstaying;
	struct upstream **over; /* connections that have ended */
	size_t nover;
	struct router_policy *policy;
};

struct targets *
targets_create(struct record_pipe *const *pipes, unsigned nhandlers)
{
	struct targets *targets = calloc(1, sizeof *targets);

	if (targets == NULL)
		return NULL;
	targets->pipes = pipes;
	targets->nhandlers = nhandlers;
	targets->resolver = resolver_create();
	if (targets->resolver != NULL)
		return targets;
	free(targets);
	return NULL;
}

static void
stop_threads(struct sink_thread *const *threads, size_t n)
{
	int64_t deadline = monotonic_now_ms() + STOP_TIMEOUT_MS;

	for (size_t i = 0; i < n; i++) {
		int64_t left = deadline - monotonic_now_ms();

		sink_thread_stop(threads[i], left < 0 ? 0 : (int)left);
	}
}

void
targets_destroy(struct targets *targets)
{
	if (targets == NULL)
		return;
	stop_threads(targets->threads, targets->nthreads);
	for (size_t i = 0; i < targets->nconnections; i++)
		upstream_destroy(targets->connections[i].upstream);
	resolver_destroy(targets->resolver);
	free(targets->threads);
	free(targets->connections);
	free(targets);
}

/* ---- What is to be ---------------------------------------------------------------- */

static bool
has_sink(const struct router_policy *policy, const struct sink *sink)
{
	for (size_t i = 0; i < policy->conf->nrules; i++)
		for (size_t t = 0; t < policy->conf->rules[i].ntargets; t++)
			if (policy->sinks[i][t] == sink)
				return true;
	return false;
}

/* Where the lines of this target go already, unless another one has it by now. */
static struct sink *
find_same(const struct router_policy *before, const struct router_policy *policy,
          const struct conf_rule *rule, const struct conf_target *target, size_t *told)
{
	for (size_t i = 0; i < before->conf->nrules; i++) {
		const struct conf_rule *old = &before->conf->rules[i];

		if (strcmp(old->name, rule->name) != 0)
			continue;
		for (size_t t = 0; t < old->ntargets; t++) {
			struct sink *sink = before->sinks[i][t];

			if (sink == NULL || strcmp(old->targets[t].text, target->text) != 0 ||
			    has_sink(policy, sink))
				continue;
			*told = atomic_load(&before->ntold[i][t]);
			return sink;
		}
	}
	return NULL;
}

/* NULL: it could not be made. */
static struct sink *
make_connection(struct targets_change *change, const struct conf_rule *rule,
                const struct conf_target *target)
{
	struct targets *targets = change->targets;
	unsigned number = targets->next_number;
	struct upstream *upstream =
	    upstream_create(rule, target, number, targets->pipes[number % targets->nhandlers],
	                    targets->resolver);

	if (upstream == NULL)
		return NULL;
	targets->next_number++;
	change->connections[change->nconnections++] =
	    (struct connection){ upstream, TARGETS_START };
	return upstream_sink(upstream);
}

static struct sink *
start_thread(struct targets_change *change, const struct conf_rule *rule,
             const struct conf_target *target)
{
	struct sink_thread *thread = sink_thread_start(rule, target);

	if (thread == NULL)
		return NULL;
	change->threads[change->nthreads++] = thread;
	return sink_thread_sink(thread);
}

static struct sink *
make_target(struct targets_change *change, const struct conf_rule *rule,
            const struct conf_target *target)
{
	switch (target->kind) {
	case CONF_TARGET_SUBJECT:
		break;
	case CONF_TARGET_FILE:
	case CONF_TARGET_SYSLOG:
		return start_thread(change, rule, target);
	case CONF_TARGET_TCP:
		return make_connection(change, rule, target);
	}
	return NULL;
}

/* -1: one could not be made. */
static int
make_targets_of(struct targets_change *change, const struct router_policy *before, size_t i)
{
	struct router_policy *policy = change->policy;
	const struct conf_rule *rule = &policy->conf->rules[i];

	for (size_t t = 0; t < rule->ntargets; t++) {
		struct sink *sink;
		size_t told = 0;

		if (rule->targets[t].kind == CONF_TARGET_SUBJECT)
			continue;
		sink = find_same(before, policy, rule, &rule->targets[t], &told);
		if (sink == NULL)
			sink = make_target(change, rule, &rule->targets[t]);
		if (sink == NULL)
			return -1;
		policy->sinks[i][t] = sink;
		atomic_init(&policy->ntold[i][t], told);
	}
	return 0;
}

/* Those that stay come behind those that were made, then those that go. */
static void
gather_threads(struct targets_change *change)
{
	const struct targets *targets = change->targets;

	for (size_t i = 0; i < targets->nthreads; i++)
		if (has_sink(change->policy, sink_thread_sink(targets->threads[i])))
			change->threads[change->nthreads++] = targets->threads[i];
	change->nstaying = change->nthreads;
	for (size_t i = 0; i < targets->nthreads; i++)
		if (!has_sink(change->policy, sink_thread_sink(targets->threads[i])))
			change->threads[change->nthreads++] = targets->threads[i];
}

static void
gather_connections(struct targets_change *change)
{
	const struct targets *targets = change->targets;

	for (size_t i = 0; i < targets->nconnections; i++) {
		struct upstream *upstream = targets->connections[i].upstream;
		bool stays = has_sink(change->policy, upstream_sink(upstream));

		if (!stays && upstream_is_over(upstream))
			change->over[change->nover++] = upstream;
		else
			change->connections[change->nconnections++] = (struct connection){
				upstream, stays ? TARGETS_GO_ON : TARGETS_STOP
			};
	}
}

static size_t
count_targets(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->nrules; i++)
		n += conf->rules[i].ntargets;
	return n;
}

static struct targets_change *
change_create(struct targets *targets, struct router_policy *policy)
{
	size_t n = count_targets(policy->conf) + 1;
	struct targets_change *change = calloc(1, sizeof *change);

	if (change == NULL)
		return NULL;
	change->targets = targets;
	change->policy = policy;
	change->connections =
	    calloc(n + targets->nconnections, sizeof change->connections[0]);
	change->over = calloc(targets->nconnections + 1, sizeof(struct upstream *));
	change->threads = calloc(n + targets->nthreads, sizeof(struct sink_thread *));
	if (change->connections != NULL && change->over != NULL &&
	    change->threads != NULL)
		return change;
	targets_abandon(change);
	return NULL;
}

struct targets_change *
targets_prepare(struct targets *targets, const struct router_policy *before,
                struct router_policy *policy)
{
	struct targets_change *change = change_create(targets, policy);

	if (change == NULL)
		return NULL;
	for (size_t i = 0; i < policy->conf->nrules; i++) {
		int error;

		if (make_targets_of(change, before, i) == 0)
			continue;
		error = errno;
		targets_abandon(change);
		errno = error;
		return NULL;
	}
	return change;
}

static void
change_free(struct targets_change *change)
{
	free(change->connections);
	free(change->over);
	free(change->threads);
	free(change);
}

/* Nothing was put to those that were made. */
void
targets_abandon(struct targets_change *change)
{
	if (change == NULL)
		return;
	stop_threads(change->threads, change->nthreads);
	for (size_t i = 0; i < change->nconnections; i++)
		upstream_destroy(change->connections[i].upstream);
	change_free(change);
}

/* ---- What is ---------------------------------------------------------------------- */

static void
set_limits(const struct router_policy *policy)
{
	for (size_t i = 0; i < policy->conf->nrules; i++)
		for (size_t t = 0; t < policy->conf->rules[i].ntargets; t++)
			if (policy->sinks[i][t] != NULL)
				sink_set_limit(policy->sinks[i][t],
				               policy->conf->rules[i].queue);
}

void
targets_apply(struct targets_change *change)
{
	struct targets *targets = change->targets;
	struct connection *connections = targets->connections;
	struct sink_thread **threads = targets->threads;

	gather_threads(change);
	gather_connections(change);
	set_limits(change->policy);
	targets->connections = change->connections;
	targets->nconnections = change->nconnections;
	targets->threads = change->threads;
	targets->nthreads = change->nstaying;
	change->connections = connections;
	change->threads = threads; /* that array is not needed any more, but for its memory */
}

/* Those that go stand behind those that stay. */
void
targets_finish(struct targets_change *change)
{
	const struct targets *targets = change->targets;

	stop_threads(targets->threads + change->nstaying, change->nthreads - change->nstaying);
	for (size_t i = 0; i < change->nover; i++)
		upstream_destroy(change->over[i]);
	change_free(change);
}

size_t
targets_count_upstreams(const struct targets *targets)
{
	return targets->nconnections;
}

struct upstream *
targets_upstream(const struct targets *targets, size_t i)
{
	return targets->connections[i].upstream;
}

enum targets_wish
targets_wish(const struct targets *targets, size_t upstream)
{
	return targets->connections[upstream].wish;
}

void
targets_reopen(struct targets *targets)
{
	for (size_t i = 0; i < targets->nthreads; i++)
		sink_thread_reopen(targets->threads[i]);
}
